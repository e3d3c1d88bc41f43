/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/client/participant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"

enum {
    PT_OPUS = 109,
    PT_VP8 = 100,
    PT_RTX = 101,
    EXT_MID = 4,
    EXT_LEVEL = 10,
    EXT_TRANSPORT_CC = 5,
    EXT_SEND_TIME = 3
};

/* ---- beginning and end ---------------------------------------------------------------------------------------- */

static void draw_credentials(struct bench_participant *who, enum bench_pc pc)
{
    base_random_ice_chars(who->local[pc].ufrag, 4);
    base_random_ice_chars(who->local[pc].pwd, 24);
}

static void on_publish_send(void *user, const struct sfu_path *path, const uint8_t *data, size_t len)
{
    struct bench_participant *who = user;
    who->config.send_datagram(who->config.user, BENCH_PUBLISH, path, data, len);
}

static void on_subscribe_send(void *user, const struct sfu_path *path, const uint8_t *data, size_t len)
{
    struct bench_participant *who = user;
    who->config.send_datagram(who->config.user, BENCH_SUBSCRIBE, path, data, len);
}

static int add_source(struct bench_participant *who, enum bench_source source, uint64_t now_us)
{
    bool video = source != BENCH_MIC;
    uint32_t ssrc = (uint32_t)base_prng_next(&who->random) | 2;
    struct bench_send_config config = {.video = video,
                                       .publisher = who->config.number,
                                       .stream = source,
                                       .ssrc = ssrc & ~1u,
                                       .rtx_ssrc = video ? ssrc | 1 : 0,
                                       .payload_type = video ? PT_VP8 : PT_OPUS,
                                       .rtx_payload_type = video ? PT_RTX : 0,
                                       .first_seq = (uint16_t)base_prng_next(&who->random) & 0x7FFF,
                                       .first_timestamp_ts = (uint32_t)base_prng_next(&who->random),
                                       .first_picture_id = (uint16_t)base_prng_next(&who->random),
                                       .bitrate_bps = who->config.video_bps != 0 ? who->config.video_bps : 300000,
                                       .fps = who->config.fps != 0 ? who->config.fps : 25,
                                       .start_us = now_us + base_prng_next(&who->random) % 40000};
    snprintf(config.mid, sizeof config.mid, "%d", (int)source);
    sfu_rtp_ext_map_set(&config.extensions, SFU_RTP_EXT_MID, EXT_MID);
    sfu_rtp_ext_map_set(&config.extensions, SFU_RTP_EXT_TRANSPORT_CC, EXT_TRANSPORT_CC);
    if (video)
        sfu_rtp_ext_map_set(&config.extensions, SFU_RTP_EXT_ABS_SEND_TIME, EXT_SEND_TIME);
    else
        sfu_rtp_ext_map_set(&config.extensions, SFU_RTP_EXT_AUDIO_LEVEL, EXT_LEVEL);
    who->sends[source][0] = bench_peer_add_send(who->peers[BENCH_PUBLISH], &config);
    return who->sends[source][0] != NULL ? 0 : BASE_ERR_NOMEM;
}

int bench_participant_create(struct bench_participant **out, const struct bench_participant_config *config,
                             uint64_t now_us)
{
    *out = NULL;
    struct bench_participant *who = calloc(1, sizeof *who);
    if (who == NULL)
        return BASE_ERR_NOMEM;
    who->config = *config;
    who->random = config->seed * 2 + 1;
    who->next_ping_us = BASE_NEVER_US;
    who->sdp = malloc(sizeof *who->sdp);
    who->text = malloc(BENCH_SDP_TEXT_MAX);
    int err = who->sdp == NULL || who->text == NULL ? BASE_ERR_NOMEM : 0;
    for (int pc = 0; pc < 2 && err == 0; pc++) {
        draw_credentials(who, (enum bench_pc)pc);
        struct bench_peer_config peer = {.identity = config->identity,
                                         .local = who->local[pc],
                                         .seed = base_prng_next(&who->random),
                                         .wall_offset_us = config->wall_offset_us,
                                         .cname = "bench",
                                         .send = pc == BENCH_PUBLISH ? on_publish_send : on_subscribe_send,
                                         .user = who};
        err = bench_peer_create(&who->peers[pc], &peer);
    }
    for (int source = 0; source < BENCH_SOURCES && err == 0; source++)
        if (config->sources[source])
            err = add_source(who, (enum bench_source)source, now_us);
    if (err != 0) {
        bench_participant_destroy(who);
        return err;
    }
    *out = who;
    return 0;
}

void bench_participant_destroy(struct bench_participant *who)
{
    if (who == NULL)
        return;
    bench_peer_destroy(who->peers[BENCH_PUBLISH]);
    bench_peer_destroy(who->peers[BENCH_SUBSCRIBE]);
    free(who->sdp);
    free(who->text);
    free(who);
}

/* ---- saying --------------------------------------------------------------------------------------------------- */

/* Takes the reference. */
static void say(struct bench_participant *who, json_t *message)
{
    char *text = json_dumps(message, JSON_COMPACT);
    json_decref(message);
    if (text != NULL)
        who->config.send_text(who->config.user, text);
    free(text);
}

/* Takes the reference; adds an id. */
static uint64_t request(struct bench_participant *who, json_t *message)
{
    uint64_t id = ++who->next_request;
    json_object_set_new(message, "id", json_integer((json_int_t)id));
    say(who, message);
    return id;
}

void bench_participant_on_open(struct bench_participant *who, uint64_t now_us, const char *ticket)
{
    who->state = BENCH_ENTERING;
    who->next_ping_us = now_us + BENCH_PING_US;
    if (ticket != NULL)
        request(who, json_pack("{s:s,s:i,s:s}", "type", "join", "version", 1, "ticket", ticket));
    else
        request(who, json_pack("{s:s,s:i,s:s}", "type", "resume", "version", 1, "token", who->resume_token));
}

void bench_participant_on_socket_closed(struct bench_participant *who)
{
    if (who->state == BENCH_ENTERING || who->state == BENCH_INSIDE)
        who->state = BENCH_OUTSIDE;
    who->next_ping_us = BASE_NEVER_US;
}

static void describe_ourselves(struct bench_participant *who, enum bench_pc pc, struct bench_sdp *sdp)
{
    sdp->ice = who->local[pc];
    memcpy(sdp->fingerprint, sfu_dtls_identity_fingerprint(who->config.identity), sizeof sdp->fingerprint);
}

void bench_participant_publish(struct bench_participant *who, uint64_t now_us)
{
    (void)now_us;
    struct bench_sdp *sdp = who->sdp;
    memset(sdp, 0, sizeof *sdp);
    describe_ourselves(who, BENCH_PUBLISH, sdp);
    json_t *tracks = json_array();
    for (int source = 0; source < BENCH_SOURCES; source++) {
        if (who->sends[source][0] == NULL)
            continue;
        const struct bench_send_config *config = bench_send_stream_config(who->sends[source][0]);
        struct bench_sdp_media *media = &sdp->media[sdp->media_count++];
        *media = (struct bench_sdp_media){.video = config->video,
                                          .direction = BENCH_SDP_SENDONLY,
                                          .payload_type = config->payload_type,
                                          .rtx_payload_type = config->rtx_payload_type,
                                          .ssrc = config->ssrc,
                                          .rtx_ssrc = config->rtx_ssrc,
                                          .extensions = config->extensions};
        memcpy(media->mid, config->mid, sizeof media->mid);
        json_array_append_new(tracks, json_pack("{s:s,s:s,s:b}", "mid", config->mid, "source",
                                                bench_source_name((enum bench_source)source), "muted", 0));
    }
    if (sdp->media_count == 0 ||
        bench_sdp_write(who->text, BENCH_SDP_TEXT_MAX, sdp, BENCH_SDP_OFFER, ++who->sdp_version) == 0) {
        json_decref(tracks);
        return;
    }
    request(who, json_pack("{s:s,s:s,s:o}", "type", "publish", "sdp", who->text, "tracks", tracks));
}

uint64_t bench_participant_mute(struct bench_participant *who, enum bench_source source, bool muted)
{
    return request(who, json_pack("{s:s,s:s,s:b}", "type", "mute", "track", who->track_ids[source], "muted", muted));
}

uint64_t bench_participant_moderate(struct bench_participant *who, const char *action, const char *participant,
                                    const char *track)
{
    json_t *message = json_pack("{s:s,s:s,s:s}", "type", "moderate", "action", action, "participant", participant);
    if (track != NULL)
        json_object_set_new(message, "track", json_string(track));
    return request(who, message);
}

uint64_t bench_participant_restart(struct bench_participant *who, enum bench_pc pc, uint64_t now_us)
{
    draw_credentials(who, pc);
    if (pc == BENCH_SUBSCRIBE)
        return request(who, json_pack("{s:s,s:s}", "type", "restart", "pc", "subscribe"));
    bench_participant_publish(who, now_us);
    return who->next_request;
}

void bench_participant_leave(struct bench_participant *who)
{
    say(who, json_pack("{s:s}", "type", "leave"));
}

/* ---- hearing -------------------------------------------------------------------------------------------------- */

static const char *text_of(const json_t *message, const char *key)
{
    const char *text = json_string_value(json_object_get(message, key));
    return text != NULL ? text : "";
}

static void problem(struct bench_participant *who, const char *what)
{
    if (who->problems++ == 0)
        snprintf(who->problem, sizeof who->problem, "%s", what);
}

static struct bench_other *find_other(struct bench_participant *who, const char *id)
{
    for (unsigned i = 0; i < who->other_count; i++)
        if (strcmp(who->others[i].id, id) == 0)
            return &who->others[i];
    return NULL;
}

static void set_track(struct bench_participant *who, struct bench_other *other, const json_t *track)
{
    if (other->track_count == sizeof other->tracks / sizeof other->tracks[0]) {
        problem(who, "too many tracks of one participant");
        return;
    }
    unsigned i = other->track_count++;
    snprintf(other->tracks[i].id, BENCH_ID_MAX, "%s", text_of(track, "track"));
    snprintf(other->tracks[i].source, sizeof other->tracks[i].source, "%s", text_of(track, "source"));
    other->tracks[i].muted = json_is_true(json_object_get(track, "muted"));
}

static void add_other(struct bench_participant *who, const json_t *description)
{
    const char *id = text_of(description, "participant");
    if (id[0] == 0 || strcmp(id, who->id) == 0 || find_other(who, id) != NULL || who->other_count == BENCH_OTHERS_MAX) {
        problem(who, "a participant without id, twice, or oneself");
        return;
    }
    struct bench_other *other = &who->others[who->other_count++];
    memset(other, 0, sizeof *other);
    snprintf(other->id, sizeof other->id, "%s", id);
    snprintf(other->name, sizeof other->name, "%s", text_of(description, "name"));
    size_t index;
    json_t *track;
    json_array_foreach(json_object_get(description, "tracks"), index, track) set_track(who, other, track);
}

static void on_welcome(struct bench_participant *who, const json_t *message)
{
    who->state = BENCH_INSIDE;
    who->resumed = json_is_true(json_object_get(message, "resumed"));
    snprintf(who->resume_token, sizeof who->resume_token, "%s", text_of(message, "resume"));
    if (who->resumed && strcmp(who->id, text_of(message, "participant")) != 0)
        problem(who, "resumed as somebody else");
    snprintf(who->id, sizeof who->id, "%s", text_of(message, "participant"));
    who->other_count = 0;
    size_t index;
    json_t *other;
    json_array_foreach(json_object_get(message, "participants"), index, other) add_other(who, other);
    if (!who->resumed)
        bench_participant_publish(who, who->now_us);
}

static void on_published(struct bench_participant *who, const json_t *message)
{
    if (bench_sdp_read(text_of(message, "sdp"), who->sdp) != 0 || who->sdp->candidate_count == 0) {
        problem(who, "the answer to publish cannot be read");
        return;
    }
    size_t index;
    json_t *track;
    json_array_foreach(json_object_get(message, "tracks"), index, track)
    {
        int source = atoi(text_of(track, "mid"));
        struct bench_sdp_media *media = bench_sdp_by_mid(who->sdp, text_of(track, "mid"));
        if (source < 0 || source >= BENCH_SOURCES || media == NULL || media->direction != BENCH_SDP_RECVONLY)
            problem(who, "published a track that is not recvonly");
        else
            snprintf(who->track_ids[source], BENCH_ID_MAX, "%s", text_of(track, "track"));
    }
    bench_peer_start(who->peers[BENCH_PUBLISH], &who->local[BENCH_PUBLISH], &who->sdp->ice, who->sdp->fingerprint,
                     who->now_us);
    who->config.on_candidates(who->config.user, BENCH_PUBLISH, who->sdp);
}

static uint32_t number_of(const struct bench_participant *who, const char *participant)
{
    const struct bench_other *other = bench_participant_other(who, participant);
    unsigned number;
    return other != NULL && sscanf(other->name, "bench %u", &number) == 1 ? number : 0;
}

static void keep_or_add_sub(struct bench_participant *who, const json_t *track, struct bench_sub *before,
                            unsigned before_count)
{
    const struct bench_sdp_media *media = bench_sdp_by_mid(who->sdp, text_of(track, "mid"));
    if (media == NULL || media->direction != BENCH_SDP_SENDONLY || who->sub_count == BENCH_SUBS_MAX) {
        problem(who, "a track on an m-section that is not sendonly");
        return;
    }
    struct bench_sub *sub = &who->subs[who->sub_count++];
    for (unsigned i = 0; i < before_count; i++)
        if (before[i].stream != NULL && before[i].ssrc == media->ssrc &&
            strcmp(before[i].track, text_of(track, "track")) == 0) {
            *sub = before[i];
            before[i].stream = NULL;
            return;
        }
    memset(sub, 0, sizeof *sub);
    memcpy(sub->mid, media->mid, sizeof sub->mid);
    snprintf(sub->participant, sizeof sub->participant, "%s", text_of(track, "participant"));
    snprintf(sub->track, sizeof sub->track, "%s", text_of(track, "track"));
    snprintf(sub->source, sizeof sub->source, "%s", text_of(track, "source"));
    sub->ssrc = media->ssrc;
    struct bench_receive_config config = {.video = media->video,
                                          .ssrc = media->ssrc,
                                          .rtx_ssrc = media->rtx_ssrc,
                                          .payload_type = media->payload_type,
                                          .rtx_payload_type = media->rtx_payload_type,
                                          .nack = media->nack,
                                          .publisher = number_of(who, sub->participant)};
    memcpy(config.mid, media->mid, sizeof config.mid);
    sub->stream = bench_peer_add_receive(who->peers[BENCH_SUBSCRIBE], &config);
}

static void answer_subscribe(struct bench_participant *who, json_t *rev)
{
    struct bench_sdp *sdp = who->sdp;
    describe_ourselves(who, BENCH_SUBSCRIBE, sdp);
    for (unsigned i = 0; i < sdp->media_count; i++) {
        struct bench_sdp_media *media = &sdp->media[i];
        media->direction = media->direction == BENCH_SDP_SENDONLY ? BENCH_SDP_RECVONLY : BENCH_SDP_INACTIVE;
    }
    if (bench_sdp_write(who->text, BENCH_SDP_TEXT_MAX, sdp, BENCH_SDP_ANSWER, ++who->sdp_version) != 0)
        say(who, json_pack("{s:s,s:O,s:s}", "type", "subscribed", "rev", rev, "sdp", who->text));
}

/* Audio and video m-sections may map different kinds; together they are what the server sends. */
static void merge_extensions(struct bench_participant *who)
{
    struct sfu_rtp_ext_map all = {0};
    for (unsigned i = 0; i < who->sdp->media_count; i++)
        for (int kind = 1; kind < SFU_RTP_EXT_KIND_COUNT; kind++) {
            unsigned id = who->sdp->media[i].extensions.id_of[kind];
            if (id != 0 && all.id_of[kind] == 0 && sfu_rtp_ext_map_set(&all, (enum sfu_rtp_ext_kind)kind, id) != 0)
                problem(who, "one extension id for two uses");
        }
    bench_peer_set_receive_extensions(who->peers[BENCH_SUBSCRIBE], &all);
}

static void on_subscribe(struct bench_participant *who, const json_t *message)
{
    if (bench_sdp_read(text_of(message, "sdp"), who->sdp) != 0 || who->sdp->candidate_count == 0) {
        problem(who, "the subscribe offer cannot be read");
        return;
    }
    who->offers++;
    struct bench_sub before[BENCH_SUBS_MAX];
    unsigned before_count = who->sub_count;
    memcpy(before, who->subs, before_count * sizeof before[0]);
    who->sub_count = 0;
    size_t index;
    json_t *track;
    json_array_foreach(json_object_get(message, "tracks"), index, track)
        keep_or_add_sub(who, track, before, before_count);
    for (unsigned i = 0; i < before_count; i++)
        if (before[i].stream != NULL)
            bench_peer_remove_receive(who->peers[BENCH_SUBSCRIBE], before[i].stream);
    merge_extensions(who);
    struct bench_peer *peer = who->peers[BENCH_SUBSCRIBE];
    bool changed = strcmp(bench_peer_ice(peer)->remote.ufrag, who->sdp->ice.ufrag) != 0;
    if (changed) { /* the first offer, or an ICE restart */
        bench_peer_start(peer, &who->local[BENCH_SUBSCRIBE], &who->sdp->ice, who->sdp->fingerprint, who->now_us);
        who->config.on_candidates(who->config.user, BENCH_SUBSCRIBE, who->sdp);
    }
    answer_subscribe(who, json_object_get(message, "rev"));
}

static void on_track_message(struct bench_participant *who, const char *type, const json_t *message)
{
    const char *id = text_of(message, "participant");
    if (strcmp(id, who->id) == 0)
        return;
    struct bench_other *other = find_other(who, id);
    if (other == NULL) {
        problem(who, "a track of nobody");
        return;
    }
    if (strcmp(type, "track_published") == 0) {
        set_track(who, other, message);
        return;
    }
    for (unsigned i = 0; i < other->track_count; i++) {
        if (strcmp(other->tracks[i].id, text_of(message, "track")) != 0)
            continue;
        if (strcmp(type, "track_muted") == 0)
            other->tracks[i].muted = json_is_true(json_object_get(message, "muted"));
        else
            other->tracks[i] = other->tracks[--other->track_count];
        return;
    }
    problem(who, "an unknown track");
}

static void on_participant_left(struct bench_participant *who, const json_t *message)
{
    struct bench_other *other = find_other(who, text_of(message, "participant"));
    if (other == NULL)
        problem(who, "somebody left who was not there");
    else
        *other = who->others[--who->other_count];
}

static void dispatch(struct bench_participant *who, const char *type, const json_t *message)
{
    if (strcmp(type, "welcome") == 0) {
        on_welcome(who, message);
    } else if (strcmp(type, "refused") == 0 || strcmp(type, "closing") == 0) {
        bool refused = type[0] == 'r';
        who->state = refused ? BENCH_REFUSED : BENCH_CLOSED;
        snprintf(who->code, sizeof who->code, "%s", text_of(message, refused ? "code" : "reason"));
    } else if (strcmp(type, "published") == 0) {
        on_published(who, message);
    } else if (strcmp(type, "subscribe") == 0) {
        on_subscribe(who, message);
    } else if (strcmp(type, "participant_joined") == 0) {
        add_other(who, json_object_get(message, "participant"));
    } else if (strcmp(type, "participant_left") == 0) {
        on_participant_left(who, message);
    } else if (strncmp(type, "track_", 6) == 0) {
        on_track_message(who, type, message);
    } else if (strcmp(type, "speaker") == 0) {
        snprintf(who->speaker, sizeof who->speaker, "%s", text_of(message, "participant"));
    } else if (strcmp(type, "connection") == 0) {
        if (strcmp(text_of(message, "state"), "connected") == 0)
            who->connected_messages++;
        else
            who->lost_messages++;
    } else if (strcmp(type, "error") == 0) {
        who->errors++;
        snprintf(who->code, sizeof who->code, "%s", text_of(message, "code"));
    } else if (strcmp(type, "pong") == 0) {
        who->pongs++;
    } else if (strcmp(type, "ok") != 0 && strcmp(type, "quality") != 0) {
        problem(who, "an unknown type");
    }
}

void bench_participant_on_text(struct bench_participant *who, uint64_t now_us, const char *text, size_t len)
{
    who->now_us = now_us;
    json_t *message = json_loadb(text, len, 0, NULL);
    const char *type = text_of(message, "type");
    if (message == NULL || type[0] == 0) {
        problem(who, "not a JSON object with a type");
    } else {
        if (who->config.on_message != NULL)
            who->config.on_message(who->config.user, type, message);
        dispatch(who, type, message);
    }
    json_decref(message);
}

/* ---- media and time ------------------------------------------------------------------------------------------- */

void bench_participant_on_datagram(struct bench_participant *who, uint64_t now_us, uint64_t arrival_us,
                                   enum bench_pc pc, const struct sfu_path *path, uint8_t *data, size_t len)
{
    who->now_us = now_us;
    bench_peer_on_datagram(who->peers[pc], now_us, arrival_us, path, data, len);
}

uint64_t bench_participant_deadline_us(const struct bench_participant *who)
{
    uint64_t deadline_us = who->next_ping_us;
    for (int pc = 0; pc < 2; pc++) {
        uint64_t peer_us = bench_peer_deadline_us(who->peers[pc]);
        if (peer_us < deadline_us)
            deadline_us = peer_us;
    }
    return deadline_us;
}

void bench_participant_poll(struct bench_participant *who, uint64_t now_us)
{
    who->now_us = now_us;
    if (who->next_ping_us <= now_us) {
        who->next_ping_us = now_us + BENCH_PING_US;
        if (who->state == BENCH_INSIDE)
            request(who, json_pack("{s:s}", "type", "ping"));
    }
    for (int pc = 0; pc < 2; pc++)
        if (bench_peer_deadline_us(who->peers[pc]) <= now_us)
            bench_peer_poll(who->peers[pc], now_us);
}

/* ---- looking at it -------------------------------------------------------------------------------------------- */

const struct bench_other *bench_participant_other(const struct bench_participant *who, const char *id)
{
    for (unsigned i = 0; i < who->other_count; i++)
        if (strcmp(who->others[i].id, id) == 0)
            return &who->others[i];
    return NULL;
}

const struct bench_sub *bench_participant_sub(const struct bench_participant *who, const char *participant,
                                              enum bench_source source)
{
    for (unsigned i = 0; i < who->sub_count; i++)
        if (strcmp(who->subs[i].participant, participant) == 0 &&
            strcmp(who->subs[i].source, bench_source_name(source)) == 0)
            return &who->subs[i];
    return NULL;
}

bool bench_participant_connected(const struct bench_participant *who)
{
    return bench_peer_state(who->peers[BENCH_PUBLISH]) == BENCH_PEER_CONNECTED &&
           (who->sub_count == 0 || bench_peer_state(who->peers[BENCH_SUBSCRIBE]) == BENCH_PEER_CONNECTED);
}

const char *bench_source_name(enum bench_source source)
{
    static const char *const names[BENCH_SOURCES] = {"mic", "camera", "screen"};
    return names[source];
}
