/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/room/participant.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "sfu/room/reports.h"
#include "sfu/room/room.h"

#define NTP_UNIX_EPOCH_S INT64_C(2208988800)

int64_t sfu_participant_wall_us_of_ntp(uint64_t ntp)
{
    int64_t seconds = (int64_t)(ntp >> 32) - NTP_UNIX_EPOCH_S;
    int64_t fraction_us = (int64_t)(((ntp & 0xffffffffu) * 1000000u) >> 32);
    return seconds * 1000000 + fraction_us;
}

int sfu_participant_create(struct sfu_participant **out, struct sfu_room *room, uint64_t now_us,
                           const struct sfu_command *command)
{
    struct sfu_context *context = room->context;
    *out = NULL;
    struct sfu_participant *participant = calloc(1, sizeof *participant);
    if (participant == NULL)
        return BASE_ERR_NOMEM;
    participant->timer.kind = SFU_TIMER_PARTICIPANT;
    participant->context = context;
    participant->room = room;
    participant->id = command->participant_id;
    memcpy(participant->identity, command->identity, sizeof participant->identity);
    participant->rights = command->rights;
    sfu_link_init(&participant->links[SFU_PUBLISH], context, participant, SFU_PUBLISH);
    sfu_link_init(&participant->links[SFU_SUBSCRIBE], context, participant, SFU_SUBSCRIBE);
    sfu_quality_init(&participant->quality);
    /* Spread over the second, so that a whole room does not report at once. */
    participant->report_us = now_us + sfu_context_random(context) % SFU_REPORT_INTERVAL_US;
    if (sfu_context_reserve_timer(context) != 0 ||
        sfu_twcc_recorder_create(&participant->twcc, SFU_TWCC_INTERVAL_US) != 0 ||
        base_map_init(&participant->downs_by_ssrc, 16, context->config.hash_key[0]) != 0 ||
        base_map_put(&context->participants, participant->id, participant) != 0) {
        sfu_twcc_recorder_destroy(participant->twcc);
        base_map_clear(&participant->downs_by_ssrc);
        free(participant);
        return BASE_ERR_NOMEM;
    }
    context->stats.participants++;
    sfu_participant_update_timer(participant);
    *out = participant;
    return 0;
}

/* Has the participant a microphone besides `up`, or (if `open`) one that is not muted? */
static bool has_other_mic(const struct sfu_participant *participant, const struct sfu_up_track *up, bool open)
{
    for (uint32_t i = 0; i < participant->up_count; i++) {
        const struct sfu_up_track *other = participant->ups[i];
        if (other != up && other->config.source == SFU_SOURCE_MIC && !(open && other->muted))
            return true;
    }
    return false;
}

static void destroy_up(struct sfu_participant *participant, uint32_t index)
{
    struct sfu_up_track *up = participant->ups[index];
    if (up->config.source == SFU_SOURCE_MIC && !has_other_mic(participant, up, false))
        sfu_speaker_detector_remove(participant->room->speakers, participant->id);
    base_map_remove(&participant->context->tracks, up->config.track_id);
    participant->context->stats.up_tracks--;
    sfu_up_track_destroy(up);
    for (uint32_t i = index + 1; i < participant->up_count; i++)
        participant->ups[i - 1] = participant->ups[i];
    participant->up_count--;
}

void sfu_participant_destroy(struct sfu_participant *participant)
{
    if (participant == NULL)
        return;
    struct sfu_context *context = participant->context;
    while (participant->up_count > 0)
        destroy_up(participant, participant->up_count - 1);
    for (uint32_t i = 0; i < participant->down_count; i++)
        sfu_down_track_destroy(participant->downs[i]);
    context->stats.down_tracks -= participant->down_count;
    free(participant->downs);
    base_map_clear(&participant->downs_by_ssrc);
    free(participant->past);
    sfu_link_close(&participant->links[SFU_PUBLISH]);
    sfu_link_close(&participant->links[SFU_SUBSCRIBE]);
    sfu_twcc_recorder_destroy(participant->twcc);
    sfu_context_set_timer(context, &participant->timer, BASE_NEVER_US);
    base_map_remove(&context->participants, participant->id);
    context->stats.participants--;
    free(participant);
}

/* ---- transports -------------------------------------------------------------------------------------------------- */

struct sfu_transport *sfu_participant_send_transport(const struct sfu_participant *participant)
{
    const struct sfu_link *link = &participant->links[SFU_SUBSCRIBE];
    return link->state == SFU_TRANSPORT_CONNECTED ? link->transport : NULL;
}

static void tell_downs(struct sfu_participant *participant, uint64_t now_us)
{
    struct sfu_transport *transport = sfu_participant_send_transport(participant);
    for (uint32_t i = 0; i < participant->down_count; i++)
        sfu_down_track_set_transport(participant->downs[i], now_us, transport);
}

static void emit_transport(struct sfu_participant *participant, const struct sfu_link *link, int state, int error)
{
    sfu_context_emit(participant->context, &(struct sfu_event){.kind = SFU_EVENT_TRANSPORT,
                                                               .room_id = participant->room->id,
                                                               .participant_id = participant->id,
                                                               .peer_connection = link->kind,
                                                               .state = state,
                                                               .error = error});
}

/* Other keys on this link: whoever receives knows nothing of the numbers before, whoever sends starts afresh. */
static void restart_streams(struct sfu_participant *participant, uint64_t now_us, const struct sfu_link *link)
{
    if (link->kind == SFU_SUBSCRIBE) {
        for (uint32_t i = 0; i < participant->down_count; i++)
            sfu_down_track_restart(participant->downs[i]);
        participant->past_count = 0;
        participant->transport_seq = 0;
    } else {
        for (uint32_t i = 0; i < participant->up_count; i++)
            sfu_up_track_reset(participant->ups[i], now_us);
        sfu_participant_index_ssrcs(participant);
    }
}

void sfu_participant_on_link_input(struct sfu_participant *participant, uint64_t now_us, struct sfu_link *link)
{
    if (sfu_link_take_new_keys(link)) {
        for (uint32_t i = 0; link->kind == SFU_SUBSCRIBE && i < participant->down_count; i++)
            sfu_down_track_set_transport(participant->downs[i], now_us, NULL);
        restart_streams(participant, now_us, link);
        if (link->kind == SFU_SUBSCRIBE) /* again: starting asks for key frames */
            tell_downs(participant, now_us);
    }
    if (sfu_link_take_change(link)) {
        if (link->state == SFU_TRANSPORT_CONNECTED)
            participant->was_connected[link->kind] = true;
        if (link->kind == SFU_SUBSCRIBE)
            tell_downs(participant, now_us);
        emit_transport(participant, link, (int)link->state, sfu_transport_error(link->transport));
    }
    sfu_context_wake_at(participant->context, &participant->timer, sfu_link_deadline_us(link));
}

uint32_t sfu_participant_transport(struct sfu_participant *participant, uint64_t now_us,
                                   const struct sfu_command *command)
{
    if (command->peer_connection != SFU_PUBLISH && command->peer_connection != SFU_SUBSCRIBE)
        return 1;
    struct sfu_link *link = &participant->links[command->peer_connection];
    bool replaced;
    int err = sfu_link_configure(link, now_us, &command->transport, &replaced);
    if (replaced) {
        participant->was_connected[link->kind] = false;
        if (link->kind == SFU_SUBSCRIBE)
            tell_downs(participant, now_us);
        restart_streams(participant, now_us, link);
    }
    if (err != 0)
        emit_transport(participant, link, link->transport == NULL ? SFU_TRANSPORT_FAILED : (int)link->state, err);
    else
        sfu_participant_on_link_input(participant, now_us, link);
    return 0;
}

/* ---- publishing -------------------------------------------------------------------------------------------------- */

/* The kind must fit the source: the right to publish sound is none to publish a picture. */
static bool may_publish(const struct sfu_participant *participant, const struct sfu_up_track_config *config)
{
    if (config->layer_count > SFU_LAYERS_MAX)
        return false;
    switch (config->source) {
    case SFU_SOURCE_MIC:
        return config->kind == SFU_AUDIO && (participant->rights & SFU_RIGHT_PUBLISH_AUDIO) != 0;
    case SFU_SOURCE_CAMERA:
        return config->kind == SFU_VIDEO && (participant->rights & SFU_RIGHT_PUBLISH_VIDEO) != 0;
    case SFU_SOURCE_SCREEN:
        return config->kind == SFU_VIDEO && (participant->rights & SFU_RIGHT_PUBLISH_SCREEN) != 0;
    case SFU_SOURCE_SCREEN_AUDIO:
        return config->kind == SFU_AUDIO && (participant->rights & SFU_RIGHT_PUBLISH_SCREEN) != 0;
    }
    return false;
}

static void index_ssrc(struct sfu_participant *participant, uint32_t ssrc, uint32_t up, unsigned layer, bool rtx)
{
    if (ssrc != 0)
        participant->ssrcs[participant->ssrc_count++] =
            (struct sfu_ssrc_entry){.ssrc = ssrc, .up = (uint8_t)up, .layer = (uint8_t)layer, .rtx = rtx};
}

void sfu_participant_index_ssrcs(struct sfu_participant *participant)
{
    participant->ssrc_count = 0;
    for (uint32_t i = 0; i < participant->up_count; i++) {
        const struct sfu_up_track *up = participant->ups[i];
        for (unsigned layer = 0; layer < up->layer_count; layer++) {
            index_ssrc(participant, up->layers[layer].ssrc, i, layer, false);
            index_ssrc(participant, up->layers[layer].rtx_ssrc, i, layer, true);
        }
    }
}

static void emit_track(const struct sfu_participant *participant, enum sfu_event_kind kind,
                       const struct sfu_up_track_config *config, bool muted, enum sfu_mute_origin origin)
{
    sfu_context_emit(participant->context, &(struct sfu_event){.kind = kind,
                                                               .room_id = participant->room->id,
                                                               .participant_id = participant->id,
                                                               .track_id = config->track_id,
                                                               .source = config->source,
                                                               .video_codec = config->video_codec,
                                                               .origin = origin,
                                                               .muted = muted});
}

static void unpublish(struct sfu_participant *participant, uint32_t index)
{
    struct sfu_up_track_config config = participant->ups[index]->config;
    destroy_up(participant, index);
    emit_track(participant, SFU_EVENT_TRACK_UNPUBLISHED, &config, false, SFU_MUTED_BY_SELF);
    if (config.source == SFU_SOURCE_MIC)
        sfu_room_tell_speaker(participant->room);
}

static bool add_up(struct sfu_participant *participant, uint64_t now_us, const struct sfu_up_track_config *config)
{
    struct sfu_context *context = participant->context;
    struct sfu_up_track *up = NULL;
    if (participant->up_count == SFU_TRACKS_MAX || base_map_get(&context->tracks, config->track_id) != NULL ||
        sfu_up_track_create(&up, context, participant, config) != 0)
        return false;
    if (base_map_put(&context->tracks, config->track_id, up) != 0) {
        sfu_up_track_destroy(up);
        return false;
    }
    participant->ups[participant->up_count++] = up;
    context->stats.up_tracks++;
    if (config->source == SFU_SOURCE_MIC)
        sfu_room_add_speaker(participant->room, now_us, participant->id);
    emit_track(participant, SFU_EVENT_TRACK_PUBLISHED, config, config->muted, SFU_MUTED_BY_SELF);
    return true;
}

static void set_muted(struct sfu_participant *participant, uint64_t now_us, struct sfu_up_track *up, bool muted,
                      enum sfu_mute_origin origin)
{
    if (!sfu_up_track_set_muted(up, now_us, muted))
        return;
    if (muted && up->config.source == SFU_SOURCE_MIC && !has_other_mic(participant, up, true))
        sfu_room_on_mute(participant->room, now_us, participant->id);
    emit_track(participant, SFU_EVENT_TRACK_MUTED, &up->config, muted, origin);
}

static struct sfu_up_track *own_track(const struct sfu_participant *participant, uint64_t track_id)
{
    for (uint32_t i = 0; i < participant->up_count; i++)
        if (participant->ups[i]->config.track_id == track_id)
            return participant->ups[i];
    return NULL;
}

static unsigned layers_of(const struct sfu_up_track_config *config)
{
    return config->layer_count > 1 ? config->layer_count : 1;
}

/* May one go on as the other? */
static bool is_same_track(const struct sfu_up_track_config *a, const struct sfu_up_track_config *b)
{
    if (a->kind != b->kind || a->source != b->source || a->video_codec != b->video_codec ||
        layers_of(a) != layers_of(b))
        return false;
    for (unsigned i = 0; layers_of(a) > 1 && i < layers_of(a); i++)
        if (strncmp(a->rids[i], b->rids[i], sizeof a->rids[i]) != 0)
            return false;
    return true;
}

static bool is_listed(const struct sfu_command *command, const struct sfu_up_track_config *config)
{
    for (uint32_t i = 0; i < command->up_count; i++)
        if (command->up[i].track_id == config->track_id)
            return is_same_track(&command->up[i], config);
    return false;
}

static bool is_repeated(const struct sfu_command *command, uint32_t index)
{
    for (uint32_t i = 0; i < index; i++)
        if (command->up[i].track_id == command->up[index].track_id)
            return true;
    return false;
}

uint32_t sfu_participant_publish(struct sfu_participant *participant, uint64_t now_us,
                                 const struct sfu_command *command)
{
    uint32_t ignored = 0;
    for (uint32_t i = participant->up_count; i-- > 0;)
        if (!is_listed(command, &participant->ups[i]->config))
            unpublish(participant, i);
    for (uint32_t i = 0; i < command->up_count; i++) {
        struct sfu_up_track_config config = command->up[i];
        config.mid[sizeof config.mid - 1] = '\0';
        for (unsigned layer = 0; layer < SFU_LAYERS_MAX; layer++)
            config.rids[layer][sizeof config.rids[layer] - 1] = '\0';
        struct sfu_up_track *up = own_track(participant, config.track_id);
        if (is_repeated(command, i)) {
            ignored++;
        } else if (up != NULL) {
            sfu_up_track_configure(up, now_us, &config);
            set_muted(participant, now_us, up, config.muted, SFU_MUTED_BY_SELF);
        } else if (!may_publish(participant, &config) || !add_up(participant, now_us, &config)) {
            ignored++;
        }
    }
    sfu_participant_index_ssrcs(participant);
    sfu_participant_update_timer(participant);
    return ignored;
}

uint32_t sfu_participant_mute(struct sfu_participant *participant, uint64_t now_us, const struct sfu_command *command)
{
    struct sfu_up_track *up = own_track(participant, command->track_id);
    if (up == NULL)
        return 1;
    set_muted(participant, now_us, up, command->muted, command->origin);
    return 0;
}

/* ---- subscribing: see subscriptions.c ---------------------------------------------------------------------------- */

struct sfu_down_track *sfu_participant_down_by_ssrc(const struct sfu_participant *participant, uint32_t ssrc)
{
    return base_map_get(&participant->downs_by_ssrc, ssrc);
}

/* ---- time -------------------------------------------------------------------------------------------------------- */

void sfu_participant_update_timer(struct sfu_participant *participant)
{
    uint64_t deadline_us = participant->report_us;
    uint64_t candidates[3 + SFU_TRACKS_MAX];
    uint32_t count = 0;
    candidates[count++] = sfu_link_deadline_us(&participant->links[SFU_PUBLISH]);
    candidates[count++] = sfu_link_deadline_us(&participant->links[SFU_SUBSCRIBE]);
    candidates[count++] = sfu_twcc_recorder_deadline_us(participant->twcc);
    for (uint32_t i = 0; i < participant->up_count; i++)
        candidates[count++] = sfu_up_track_deadline_us(participant->ups[i]);
    for (uint32_t i = 0; i < count; i++)
        deadline_us = candidates[i] < deadline_us ? candidates[i] : deadline_us;
    sfu_context_set_timer(participant->context, &participant->timer, deadline_us);
}

void sfu_participant_poll(struct sfu_participant *participant, uint64_t now_us)
{
    for (int i = 0; i < 2; i++) {
        struct sfu_link *link = &participant->links[i];
        if (now_us < sfu_link_deadline_us(link))
            continue;
        sfu_transport_poll(link->transport, now_us);
        sfu_participant_on_link_input(participant, now_us, link);
    }
    for (uint32_t i = 0; i < participant->up_count; i++)
        sfu_up_track_poll(participant->ups[i], now_us);
    sfu_reports_feedback(participant, now_us);
    if (now_us >= participant->report_us) {
        participant->report_us = now_us + SFU_REPORT_INTERVAL_US;
        sfu_reports_send(participant, now_us);
        sfu_reports_quality(participant, now_us);
    }
    sfu_participant_update_timer(participant);
}
