/* SPDX-License-Identifier: Apache-2.0 */
/* The down tracks of a participant, kept in step with SFU_COMMAND_SUBSCRIBE; see participant.h. */
#include <stdlib.h>
#include <string.h>

#include "sfu/room/participant.h"

static const struct sfu_down_track_past *past_of(const struct sfu_participant *participant, uint32_t ssrc)
{
    uint32_t count = participant->past_count < SFU_PAST_MAX ? participant->past_count : SFU_PAST_MAX;
    const struct sfu_down_track_past *newest = NULL;
    for (uint32_t i = 0; i < count; i++) {
        const struct sfu_down_track_past *past = &participant->past[i];
        if (past->ssrc == ssrc && (newest == NULL || past->highest_out > newest->highest_out))
            newest = past;
    }
    return newest;
}

static bool make_past(struct sfu_participant *participant)
{
    if (participant->past == NULL)
        participant->past = calloc(SFU_PAST_MAX, sizeof *participant->past);
    return participant->past != NULL;
}

static void end(struct sfu_participant *participant, uint32_t index)
{
    struct sfu_down_track *down = participant->downs[index];
    sfu_down_track_detach(down);
    if (down->rewriter.started) {
        sfu_down_track_past_of(down, &participant->past[participant->past_count % SFU_PAST_MAX]);
        if (++participant->past_count == 2 * SFU_PAST_MAX)
            participant->past_count = SFU_PAST_MAX;
    }
    base_map_remove(&participant->downs_by_ssrc, down->config.ssrc);
    sfu_down_track_destroy(down);
    participant->downs[index] = participant->downs[--participant->down_count];
    participant->context->stats.down_tracks--;
}

static bool make_place(struct sfu_participant *participant)
{
    if (participant->down_count < participant->down_capacity)
        return true;
    uint32_t capacity = participant->down_capacity == 0 ? 16 : participant->down_capacity * 2;
    struct sfu_down_track **downs = realloc(participant->downs, capacity * sizeof(*downs));
    if (downs == NULL)
        return false;
    participant->downs = downs;
    participant->down_capacity = capacity;
    return true;
}

static struct sfu_down_track *begin(struct sfu_participant *participant, enum sfu_kind kind,
                                    const struct sfu_down_track_config *config)
{
    struct sfu_down_track *down = NULL;
    if (participant->down_count == SFU_SUBSCRIPTIONS_MAX || !make_place(participant) || !make_past(participant) ||
        sfu_down_track_create(&down, participant, kind, config, past_of(participant, config->ssrc)) != 0)
        return NULL;
    if (base_map_put(&participant->downs_by_ssrc, config->ssrc, down) != 0) {
        sfu_down_track_destroy(down);
        return NULL;
    }
    participant->downs[participant->down_count++] = down;
    participant->context->stats.down_tracks++;
    return down;
}

static bool pairs_clash(uint32_t ssrc, uint32_t rtx_ssrc, const struct sfu_down_track_config *config)
{
    if (ssrc == config->ssrc) /* the same track: then it keeps its other SSRC */
        return rtx_ssrc != config->rtx_ssrc;
    return (rtx_ssrc != 0 && (rtx_ssrc == config->ssrc || rtx_ssrc == config->rtx_ssrc)) || ssrc == config->rtx_ssrc;
}

/* Would two streams, now or before, share an SSRC? Their numbers would meet: the same nonce under the same key, which
 * gives GCM's authentication key away (RFC 7714 section 8.4). */
static bool clashes(const struct sfu_participant *participant, const struct sfu_down_track_config *config)
{
    if (config->ssrc == config->rtx_ssrc)
        return true;
    for (uint32_t i = 0; i < participant->down_count; i++) {
        const struct sfu_down_track_config *other = &participant->downs[i]->config;
        if (pairs_clash(other->ssrc, other->rtx_ssrc, config))
            return true;
    }
    uint32_t count = participant->past_count < SFU_PAST_MAX ? participant->past_count : SFU_PAST_MAX;
    for (uint32_t i = 0; i < count; i++) {
        const struct sfu_down_track_past *past = &participant->past[i];
        if (past->ssrc != config->ssrc && pairs_clash(past->ssrc, past->rtx_ssrc, config))
            return true;
    }
    return false;
}

/* One entry of the list. Returns false if it was ignored. */
static bool apply(struct sfu_participant *participant, uint64_t now_us, const struct sfu_down_track_config *config)
{
    struct sfu_up_track *up = base_map_get(&participant->context->tracks, config->track_id);
    struct sfu_down_track *down = sfu_participant_down_by_ssrc(participant, config->ssrc);
    if (up == NULL || up->owner == participant || up->owner->room != participant->room || config->ssrc == 0 ||
        clashes(participant, config))
        return false;
    if (down == NULL)
        down = begin(participant, up->config.kind, config);
    if (down == NULL || down->listed || down->kind != up->config.kind)
        return false;
    down->listed = true;
    sfu_down_track_configure(down, config);
    if (down->up != up)
        return sfu_down_track_attach(down, now_us, up) == 0;
    sfu_down_track_set_view(down, now_us, &config->view);
    return true;
}

uint32_t sfu_participant_view(struct sfu_participant *participant, uint64_t now_us, const struct sfu_command *command)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < participant->down_count; i++) {
        struct sfu_down_track *down = participant->downs[i];
        if (down->up == NULL || down->up->config.track_id != command->track_id)
            continue;
        sfu_down_track_set_view(down, now_us, &command->view);
        found++;
    }
    return found == 0;
}

static void end_unlisted(struct sfu_participant *participant)
{
    for (uint32_t i = participant->down_count; i-- > 0;)
        if (!participant->downs[i]->listed)
            end(participant, i);
}

uint32_t sfu_participant_subscribe(struct sfu_participant *participant, uint64_t now_us,
                                   const struct sfu_command *command)
{
    if ((participant->rights & SFU_RIGHT_SUBSCRIBE) == 0)
        return command->down_count;
    /* What is no longer wanted goes first: it makes room. An m-section that is reused may keep its SSRC: that stays. */
    for (uint32_t i = 0; i < participant->down_count; i++)
        participant->downs[i]->listed = false;
    for (uint32_t i = 0; i < command->down_count; i++) {
        struct sfu_down_track *down = sfu_participant_down_by_ssrc(participant, command->down[i].ssrc);
        if (down != NULL)
            down->listed = true;
    }
    end_unlisted(participant);
    for (uint32_t i = 0; i < participant->down_count; i++)
        participant->downs[i]->listed = false;
    uint32_t ignored = 0;
    for (uint32_t i = 0; i < command->down_count; i++)
        ignored += !apply(participant, now_us, &command->down[i]);
    /* An entry that was ignored ends what it replaced. */
    end_unlisted(participant);
    return ignored;
}
