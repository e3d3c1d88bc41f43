/* SPDX-License-Identifier: Apache-2.0 */
/* What a participant sends and receives: its sources, its offers and answers, its streams. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/random.h"
#include "bench/client/participant_internal.h"

enum {
    PT_OPUS = 109,
    PT_VP8 = 100, /* + 1: its rtx */
    PT_VP9 = 102,
    EXT_SEND_TIME = 3,
    EXT_MID = 4,
    EXT_TRANSPORT_CC = 5,
    EXT_LEVEL = 10,
    EXT_RID = 11,
    EXT_RRID = 12,
    LEVEL_SPEECH = 30,
    LEVEL_SILENCE = 127
};

/* ---- sources -------------------------------------------------------------------------------------------------- */

static void map_extensions(struct sfu_rtp_ext_map *map, bool video, bool simulcast)
{
    sfu_rtp_ext_map_set(map, SFU_RTP_EXT_MID, EXT_MID);
    sfu_rtp_ext_map_set(map, SFU_RTP_EXT_TRANSPORT_CC, EXT_TRANSPORT_CC);
    if (video)
        sfu_rtp_ext_map_set(map, SFU_RTP_EXT_ABS_SEND_TIME, EXT_SEND_TIME);
    else
        sfu_rtp_ext_map_set(map, SFU_RTP_EXT_AUDIO_LEVEL, EXT_LEVEL);
    if (simulcast) {
        sfu_rtp_ext_map_set(map, SFU_RTP_EXT_RID, EXT_RID);
        sfu_rtp_ext_map_set(map, SFU_RTP_EXT_RRID, EXT_RRID);
    }
}

/* What all layers of a source have in common. */
static struct bench_send_config describe_source(struct bench_participant *who, enum bench_source source,
                                                uint64_t now_us)
{
    const struct bench_source_config *media = &who->config.media[source];
    bool video = source != BENCH_MIC;
    uint8_t pt = media->codec == BENCH_VP9 ? PT_VP9 : PT_VP8;
    struct bench_send_config config = {.video = video,
                                       .codec = video ? (pt == PT_VP9 ? BENCH_VP9 : BENCH_VP8) : BENCH_OPUS,
                                       .publisher = who->config.number,
                                       .stream = source,
                                       .payload_type = video ? pt : PT_OPUS,
                                       .rtx_payload_type = video ? (uint8_t)(pt + 1) : 0,
                                       .spread = media->spread,
                                       .first_content = (uint32_t)base_prng_next(&who->random) >> 8,
                                       .fps = who->config.fps != 0 ? who->config.fps : 25,
                                       .start_us = now_us + base_prng_next(&who->random) % 40000};
    snprintf(config.mid, sizeof config.mid, "%d", (int)source);
    map_extensions(&config.extensions, video, video && media->layers > 1);
    return config;
}

/* `layer` of `layers`; the names are those that browsers' applications use. */
static void describe_layer(struct bench_participant *who, enum bench_source source, unsigned layer, unsigned layers,
                           struct bench_send_config *config)
{
    static const char *const rids[BENCH_LAYERS_MAX] = {"q", "h", "f"};
    const struct bench_clip *clip = who->config.media[source].clips[layer];
    uint32_t ssrc = (uint32_t)base_prng_next(&who->random) | 2, bps = who->config.video_bps;
    if (source == BENCH_MIC && who->config.silent && who->config.media[source].silence != NULL)
        clip = who->config.media[source].silence;
    config->layer = (uint8_t)layer;
    config->ssrc = ssrc & ~1u;
    config->rtx_ssrc = config->video ? ssrc | 1 : 0;
    config->first_seq = (uint16_t)base_prng_next(&who->random) & 0x7FFF;
    config->first_timestamp_ts = (uint32_t)base_prng_next(&who->random);
    config->first_picture_id = (uint16_t)base_prng_next(&who->random);
    config->bitrate_bps = (bps != 0 ? bps : 300000) >> (2 * (layers - 1 - layer));
    config->clip = clip;
    if (clip != NULL && config->video)
        config->fps = clip->config.fps;
    config->rid[0] = 0;
    if (layers > 1)
        snprintf(config->rid, sizeof config->rid, "%s", rids[BENCH_LAYERS_MAX - layers + layer]);
}

static void end_layer(struct bench_participant *who, enum bench_source source, int layer)
{
    if (who->sends[source][layer] != NULL)
        bench_peer_remove_send(who->peers[BENCH_PUBLISH], who->sends[source][layer]);
    who->sends[source][layer] = NULL;
}

int bench_participant_add_source(struct bench_participant *who, enum bench_source source, uint64_t now_us)
{
    unsigned layers = who->config.media[source].layers;
    struct bench_send_config config = describe_source(who, source, now_us);
    if (layers == 0 || !config.video)
        layers = 1;
    for (unsigned layer = 0; layer < layers && layer < BENCH_LAYERS_MAX; layer++) {
        describe_layer(who, source, layer, layers, &config);
        who->sends[source][layer] = bench_peer_add_send(who->peers[BENCH_PUBLISH], &config);
        if (who->sends[source][layer] == NULL) {
            while (layer-- > 0)
                end_layer(who, source, (int)layer);
            return BASE_ERR_NOMEM;
        }
    }
    who->publishing[source] = true;
    if (source == BENCH_MIC && who->config.silent)
        bench_participant_speak(who, false);
    return 0;
}

void bench_participant_speak(struct bench_participant *who, bool on)
{
    struct bench_send_stream *mic = who->sends[BENCH_MIC][0];
    const struct bench_source_config *media = &who->config.media[BENCH_MIC];
    if (mic == NULL)
        return;
    bench_send_stream_set_level(mic, on ? LEVEL_SPEECH : LEVEL_SILENCE, on);
    bench_send_stream_set_clip(mic, on || media->silence == NULL ? media->clips[0] : media->silence);
}

int bench_participant_share(struct bench_participant *who, bool on, uint64_t now_us)
{
    if (on && who->sends[BENCH_SCREEN][0] == NULL) {
        int err = bench_participant_add_source(who, BENCH_SCREEN, now_us);
        if (err != 0)
            return err;
    } else if (on == who->publishing[BENCH_SCREEN]) {
        return 0;
    }
    who->publishing[BENCH_SCREEN] = on;
    if (!on)
        who->track_ids[BENCH_SCREEN][0] = 0;
    for (int layer = 0; layer < BENCH_LAYERS_MAX; layer++)
        if (who->sends[BENCH_SCREEN][layer] != NULL)
            bench_send_stream_pause(who->sends[BENCH_SCREEN][layer], !on, now_us);
    bench_participant_publish(who, now_us);
    return 0;
}

/* ---- publishing ----------------------------------------------------------------------------------------------- */

/* For the length of one call: a description, and its text. */
struct scratch {
    struct bench_sdp sdp;
    char text[BENCH_SDP_TEXT_MAX];
};

static void describe_ourselves(struct bench_participant *who, enum bench_pc pc, struct bench_sdp *sdp)
{
    sdp->ice = who->local[pc];
    memcpy(sdp->fingerprint, sfu_dtls_identity_fingerprint(who->config.identity), sizeof sdp->fingerprint);
}

char *bench_participant_offer(struct bench_participant *who)
{
    struct scratch *scratch = calloc(1, sizeof *scratch);
    if (scratch == NULL)
        return NULL;
    struct bench_sdp *sdp = &scratch->sdp;
    describe_ourselves(who, BENCH_PUBLISH, sdp);
    sdp->reduced_size = true;
    for (int source = 0; source < BENCH_SOURCES; source++) {
        if (who->sends[source][0] == NULL)
            continue;
        const struct bench_send_config *config = bench_send_stream_config(who->sends[source][0]);
        struct bench_sdp_media *media = &sdp->media[sdp->media_count++];
        *media =
            (struct bench_sdp_media){.video = config->video,
                                     .direction = who->publishing[source] ? BENCH_SDP_SENDONLY : BENCH_SDP_INACTIVE,
                                     .codec = config->codec,
                                     .payload_type = config->payload_type,
                                     .rtx_payload_type = config->rtx_payload_type,
                                     .ssrc = config->ssrc,
                                     .rtx_ssrc = config->rtx_ssrc,
                                     .extensions = config->extensions};
        memcpy(media->mid, config->mid, sizeof media->mid);
        for (int layer = 0; layer < BENCH_LAYERS_MAX && who->sends[source][1] != NULL; layer++)
            if (who->sends[source][layer] != NULL)
                memcpy(media->rids[media->rid_count++], bench_send_stream_config(who->sends[source][layer])->rid,
                       sizeof media->rids[0]);
    }
    char *text = NULL;
    if (sdp->media_count != 0 &&
        bench_sdp_write(scratch->text, sizeof scratch->text, sdp, BENCH_SDP_OFFER, ++who->sdp_version) != 0)
        text = strdup(scratch->text);
    free(scratch);
    return text;
}

static bool accepts(const struct bench_sdp_media *media, const char *rid)
{
    for (unsigned i = 0; i < media->rid_count; i++)
        if (strcmp(media->rids[i], rid) == 0)
            return true;
    return false;
}

/* Simulcast was offered: ends the layers that the server does not take, and closes the ranks. */
static void keep_accepted_layers(struct bench_participant *who, enum bench_source source,
                                 const struct bench_sdp_media *media)
{
    int highest = BENCH_LAYERS_MAX - 1, kept = 0;
    while (highest > 0 && who->sends[source][highest] == NULL)
        highest--;
    if (highest == 0)
        return;
    who->simulcast_declined = who->simulcast_declined || media->rid_count == 0;
    for (int layer = 0; layer <= highest; layer++) {
        struct bench_send_stream *stream = who->sends[source][layer];
        bool keep = media->rid_count == 0 ? layer == highest : accepts(media, bench_send_stream_config(stream)->rid);
        if (!keep) {
            end_layer(who, source, layer);
            continue;
        }
        who->sends[source][layer] = NULL;
        who->sends[source][kept++] = stream;
    }
    if (kept == 0)
        bench_participant_problem(who, "the answer accepts layers that were not offered");
}

/* Extensions that the answer leaves out are not written (RFC 8285 section 6). */
static void keep_accepted_extensions(struct bench_participant *who, enum bench_source source,
                                     const struct bench_sdp_media *media)
{
    struct sfu_rtp_ext_map map = {0};
    for (int kind = 1; kind < SFU_RTP_EXT_KIND_COUNT; kind++) {
        unsigned id = bench_send_stream_config(who->sends[source][0])->extensions.id_of[kind];
        if (id != 0 && media->extensions.id_of[kind] == id)
            sfu_rtp_ext_map_set(&map, (enum sfu_rtp_ext_kind)kind, id);
    }
    for (int layer = 0; layer < BENCH_LAYERS_MAX; layer++)
        if (who->sends[source][layer] != NULL)
            bench_send_stream_set_extensions(who->sends[source][layer], &map);
}

static void take_answer(struct bench_participant *who, struct bench_sdp *sdp)
{
    for (int source = 0; source < BENCH_SOURCES; source++) {
        if (!who->publishing[source] || who->sends[source][0] == NULL)
            continue;
        const struct bench_send_config *config = bench_send_stream_config(who->sends[source][0]);
        const struct bench_sdp_media *media = bench_sdp_by_mid(sdp, config->mid);
        if (media == NULL || media->rejected || media->direction != BENCH_SDP_RECVONLY) {
            bench_participant_problem(who, "the answer declines a source");
        } else if (media->payload_type != config->payload_type || media->codec != config->codec) {
            bench_participant_problem(who, "the answer has another codec");
        } else {
            keep_accepted_layers(who, (enum bench_source)source, media);
            if (who->sends[source][0] != NULL)
                keep_accepted_extensions(who, (enum bench_source)source, media);
        }
    }
}

/* The first description of the server, or an ICE restart: ours or its own. */
static void connect_peer(struct bench_participant *who, enum bench_pc pc, struct bench_sdp *sdp)
{
    struct bench_peer *peer = who->peers[pc];
    const struct bench_ice *ice = bench_peer_ice(peer);
    if (strcmp(ice->remote.ufrag, sdp->ice.ufrag) == 0 && strcmp(ice->local.ufrag, who->local[pc].ufrag) == 0)
        return;
    bench_peer_set_compound_rtcp(peer, !sdp->reduced_size);
    bench_peer_set_dtls_server(peer, strcmp(sdp->setup, "active") == 0);
    bench_peer_start(peer, &who->local[pc], &sdp->ice, sdp->fingerprint, who->now_us);
    who->config.on_candidates(who->config.user, pc, sdp);
}

int bench_participant_on_answer(struct bench_participant *who, const char *text)
{
    struct bench_sdp *sdp = malloc(sizeof *sdp);
    if (sdp == NULL || bench_sdp_read(text, sdp) != 0 || sdp->candidate_count == 0) {
        bench_participant_problem(who, "the answer to our offer cannot be read");
        free(sdp);
        return BASE_ERR_MALFORMED;
    }
    take_answer(who, sdp);
    connect_peer(who, BENCH_PUBLISH, sdp);
    free(sdp);
    return 0;
}

/* ---- subscribing ---------------------------------------------------------------------------------------------- */

uint64_t bench_participant_edge(uint32_t number, enum bench_source source)
{
    return (uint64_t)number * (BENCH_SOURCES + 1) + (uint64_t)source;
}

static void add_sub(struct bench_participant *who, struct bench_sub *sub, const struct bench_sdp_media *media,
                    const struct bench_offered_track *track)
{
    memset(sub, 0, sizeof *sub);
    memcpy(sub->mid, media->mid, sizeof sub->mid);
    snprintf(sub->participant, sizeof sub->participant, "%s", track->participant);
    snprintf(sub->track, sizeof sub->track, "%s", track->track);
    sub->number = track->number;
    sub->source = track->source;
    sub->ssrc = media->ssrc;
    struct bench_receive_config config = {.video = media->video,
                                          .codec = media->codec,
                                          .ssrc = media->ssrc,
                                          .rtx_ssrc = media->rtx_ssrc,
                                          .payload_type = media->payload_type,
                                          .rtx_payload_type = media->rtx_payload_type,
                                          .nack = media->nack,
                                          .publisher = track->number,
                                          .stream = (uint32_t)track->source};
    memcpy(config.mid, media->mid, sizeof config.mid);
    sub->stream = bench_peer_add_receive(who->peers[BENCH_SUBSCRIBE], &config);
    if (sub->stream == NULL)
        bench_participant_problem(who, "no memory for a stream");
}

/* Streams that go on keep their place in `before` marked by stream == NULL. */
static void keep_or_add_sub(struct bench_participant *who, struct bench_sdp *sdp,
                            const struct bench_offered_track *track, struct bench_sub *before,
                            const struct base_map *before_by_ssrc)
{
    const struct bench_sdp_media *media = bench_sdp_by_mid(sdp, track->mid);
    if (media == NULL || media->rejected || media->direction != BENCH_SDP_SENDONLY) {
        if (!track->maybe || media == NULL)
            bench_participant_problem(who, "a track on an m-section that is not sendonly");
        return;
    }
    struct bench_sub *sub = &who->subs[who->sub_count++];
    uintptr_t place = (uintptr_t)base_map_get(before_by_ssrc, media->ssrc);
    if (place != 0 && before[place - 1].stream != NULL && strcmp(before[place - 1].track, track->track) == 0 &&
        strcmp(before[place - 1].participant, track->participant) == 0) {
        *sub = before[place - 1];
        before[place - 1].stream = NULL;
        return;
    }
    /* The SSRC may be one that served another track until now: that stream ends first. */
    if (place != 0 && before[place - 1].stream != NULL) {
        bench_participant_end_sub(who, &before[place - 1]);
        before[place - 1].stream = NULL;
    }
    add_sub(who, sub, media, track);
    if (sub->stream == NULL)
        who->sub_count--;
    else if (who->config.on_sub != NULL)
        who->config.on_sub(who->config.user, sub, false);
}

static void index_subs(struct bench_participant *who)
{
    base_map_clear(&who->sub_by_edge);
    int err = base_map_init(&who->sub_by_edge, who->sub_count + 1, 0);
    for (uintptr_t i = 0; i < who->sub_count && err == 0; i++)
        if (who->subs[i].number != 0)
            err = base_map_put(&who->sub_by_edge, bench_participant_edge(who->subs[i].number, who->subs[i].source),
                               (void *)(i + 1));
    if (err != 0)
        bench_participant_problem(who, "no memory to find streams again");
}

/* Makes who->subs what `tracks` says. */
static int replace_subs(struct bench_participant *who, struct bench_sdp *sdp, const struct bench_offered_track *tracks,
                        size_t count)
{
    struct bench_sub *before = who->subs, *after = calloc(count + 1, sizeof *after);
    struct base_map before_by_ssrc;
    unsigned before_count = who->sub_count;
    int err = base_map_init(&before_by_ssrc, before_count + 1, 0);
    for (uintptr_t i = 0; i < before_count && err == 0; i++)
        if (before[i].ssrc != 0)
            err = base_map_put(&before_by_ssrc, before[i].ssrc, (void *)(i + 1));
    if (err != 0 || after == NULL) {
        base_map_clear(&before_by_ssrc);
        free(after);
        bench_participant_problem(who, "no memory for streams");
        return BASE_ERR_NOMEM;
    }
    who->subs = after;
    who->sub_count = 0;
    for (size_t i = 0; i < count; i++)
        keep_or_add_sub(who, sdp, &tracks[i], before, &before_by_ssrc);
    for (unsigned i = 0; i < before_count; i++)
        if (before[i].stream != NULL)
            bench_participant_end_sub(who, &before[i]);
    free(before);
    base_map_clear(&before_by_ssrc);
    index_subs(who);
    return 0;
}

void bench_participant_end_sub(struct bench_participant *who, const struct bench_sub *sub)
{
    if (who->config.on_sub != NULL)
        who->config.on_sub(who->config.user, sub, true);
    bench_peer_remove_receive(who->peers[BENCH_SUBSCRIBE], sub->stream);
}

/* Audio and video m-sections may map different kinds; together they are what the server sends. */
static void merge_extensions(struct bench_participant *who, const struct bench_sdp *sdp)
{
    struct sfu_rtp_ext_map all = {0};
    for (unsigned i = 0; i < sdp->media_count; i++)
        for (int kind = 1; kind < SFU_RTP_EXT_KIND_COUNT; kind++) {
            unsigned id = sdp->media[i].extensions.id_of[kind];
            if (id != 0 && all.id_of[kind] == 0 && sfu_rtp_ext_map_set(&all, (enum sfu_rtp_ext_kind)kind, id) != 0)
                bench_participant_problem(who, "one extension id for two uses");
        }
    bench_peer_set_receive_extensions(who->peers[BENCH_SUBSCRIBE], &all);
}

static char *write_answer(struct bench_participant *who, struct scratch *scratch)
{
    struct bench_sdp *sdp = &scratch->sdp;
    describe_ourselves(who, BENCH_SUBSCRIBE, sdp);
    for (unsigned i = 0; i < sdp->media_count; i++) {
        struct bench_sdp_media *media = &sdp->media[i];
        media->direction = media->direction == BENCH_SDP_SENDONLY ? BENCH_SDP_RECVONLY : BENCH_SDP_INACTIVE;
    }
    if (bench_sdp_write(scratch->text, sizeof scratch->text, sdp, BENCH_SDP_ANSWER, ++who->sdp_version) != 0)
        return strdup(scratch->text);
    bench_participant_problem(who, "the offer is too large to be answered");
    return NULL;
}

char *bench_participant_on_offer(struct bench_participant *who, const char *text,
                                 const struct bench_offered_track *tracks, size_t count)
{
    struct scratch *scratch = malloc(sizeof *scratch);
    char *answer = NULL;
    if (scratch == NULL || bench_sdp_read(text, &scratch->sdp) != 0 || scratch->sdp.candidate_count == 0) {
        bench_participant_problem(who, "the server's offer cannot be read");
        goto out;
    }
    who->offers++;
    if (replace_subs(who, &scratch->sdp, tracks, count) != 0)
        goto out;
    merge_extensions(who, &scratch->sdp);
    connect_peer(who, BENCH_SUBSCRIBE, &scratch->sdp);
    answer = write_answer(who, scratch);
out:
    free(scratch);
    return answer;
}
