/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/conference_internal.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"

#define SERVER_IP   0x0A000001u /* 10.0.0.1 */
#define SERVER_PORT 5000

/* Our side of the publish direction: unlike the server's numbers on purpose, so that each must be translated. */
enum {
    PT_OPUS = 109,
    PT_VP8 = 100,
    PT_RTX = 101,
    EXT_MID = 4,
    EXT_LEVEL = 10,
    EXT_TRANSPORT_CC = 5,
    EXT_SEND_TIME = 3,
    EXT_RID = 6,
    EXT_RRID = 7
};

/* ---- subscriptions -------------------------------------------------------------------------------------------- */

void sim_command(struct sim *sim, struct sfu_command *command)
{
    command->room_id = SIM_ROOM;
    sfu_engine_command(sim->engine, sim->now_us, command);
    sim_drain(sim);
}

static bool wanted(const struct sim *sim, const struct sim_participant *who, uint32_t publisher, int track)
{
    const struct sim_participant *from = &sim->participants[publisher];
    return from != who && from->present && from->track_known[track];
}

static void drop_unwanted(struct sim *sim, struct sim_participant *who)
{
    for (unsigned i = 0; i < who->subscription_count;) {
        struct sim_subscription *entry = &who->subscriptions[i];
        if (wanted(sim, who, entry->publisher, entry->track) &&
            sim->participants[entry->publisher].track_ids[entry->track] == entry->track_id) {
            i++;
            continue;
        }
        bench_peer_remove_receive(who->endpoints[SFU_SUBSCRIBE].peer, entry->stream);
        *entry = who->subscriptions[--who->subscription_count];
    }
}

static void add_subscription(struct sim *sim, struct sim_participant *who, uint32_t publisher, int track)
{
    unsigned mid = who->next_mid++;
    assert(mid < 512);
    struct sim_subscription *entry = &who->subscriptions[who->subscription_count++];
    *entry = (struct sim_subscription){
        .publisher = publisher, .track = track, .track_id = sim->participants[publisher].track_ids[track]};
    entry->down.track_id = entry->track_id;
    snprintf(entry->down.mid, sizeof entry->down.mid, "d%u", mid);
    /* low 16 bits unique in the whole simulation: see lost_by_ssrc */
    entry->down.ssrc = 0x20008000u | who->index << 10 | mid << 1;
    entry->down.rtx_ssrc = track == SIM_AUDIO ? 0 : entry->down.ssrc | 1;
    bool vp9 = sim->participants[publisher].options.vp9;
    enum sfu_video_codec codec = vp9 ? SFU_VP9 : SFU_VP8;
    struct bench_receive_config config = {.video = track != SIM_AUDIO,
                                          .ssrc = entry->down.ssrc,
                                          .rtx_ssrc = entry->down.rtx_ssrc,
                                          .codec = vp9 ? BENCH_VP9 : BENCH_VP8,
                                          .payload_type =
                                              sfu_send_payload_type(track == SIM_AUDIO ? SFU_AUDIO : SFU_VIDEO, codec),
                                          .rtx_payload_type = track == SIM_AUDIO ? 0 : sfu_send_rtx_payload_type(codec),
                                          .nack = track != SIM_AUDIO,
                                          .publisher = publisher + 1,
                                          .stream = (uint32_t)track};
    memcpy(config.mid, entry->down.mid, sizeof config.mid);
    entry->stream = bench_peer_add_receive(who->endpoints[SFU_SUBSCRIBE].peer, &config);
    assert(entry->stream != NULL);
}

void sim_subscribe(struct sim *sim, struct sim_participant *who)
{
    who->subscribe_due_us = BASE_NEVER_US;
    drop_unwanted(sim, who);
    for (uint32_t i = 0; i < sim->participant_count; i++)
        for (int track = 0; track < SIM_TRACKS; track++)
            if (wanted(sim, who, i, track) && sim_stream(who, &sim->participants[i], track) == NULL)
                add_subscription(sim, who, i, track);
    struct sfu_down_track_config down[SIM_PARTICIPANTS_MAX * SIM_TRACKS];
    for (unsigned i = 0; i < who->subscription_count; i++)
        down[i] = who->subscriptions[i].down;
    struct sfu_command subscribe = {
        .kind = SFU_COMMAND_SUBSCRIBE, .participant_id = who->id, .down_count = who->subscription_count, .down = down};
    sim_command(sim, &subscribe);
    sim_touch(sim, &who->endpoints[SFU_SUBSCRIBE]);
}

/* ---- joining -------------------------------------------------------------------------------------------------- */

static void draw_credentials(struct sim *sim, struct sfu_ice_credentials *out)
{
    snprintf(out->ufrag, sizeof out->ufrag, "%08x", (unsigned)base_prng_next(&sim->random));
    snprintf(out->pwd, sizeof out->pwd, "%016llx%08x", (unsigned long long)base_prng_next(&sim->random),
             (unsigned)base_prng_next(&sim->random));
}

static void draw_address(struct sim *sim, struct sim_endpoint *endpoint)
{
    struct sfu_path *path = &endpoint->path;
    memset(path, 0, sizeof *path);
    path->local.in4.sin_family = path->remote.in4.sin_family = AF_INET;
    path->remote.in4.sin_addr.s_addr = htonl(SERVER_IP);
    path->remote.in4.sin_port = htons(SERVER_PORT);
    path->local.in4.sin_addr.s_addr = htonl(0x0A010000u + endpoint->owner->index + 1);
    path->local.in4.sin_port = htons(sim->next_port++);
}

static void send_transport(struct sim *sim, struct sim_endpoint *endpoint)
{
    struct sfu_command transport = {
        .kind = SFU_COMMAND_TRANSPORT, .participant_id = endpoint->owner->id, .peer_connection = endpoint->pc};
    transport.transport.local = endpoint->server;
    memcpy(transport.transport.remote_ufrag, bench_peer_ice(endpoint->peer)->local.ufrag, SFU_ICE_UFRAG_MAX);
    memcpy(transport.transport.peer_fingerprint, sfu_dtls_identity_fingerprint(sim->client_identity),
           SFU_DTLS_FINGERPRINT_BYTES);
    if (endpoint->owner->options.wrong_fingerprint)
        transport.transport.peer_fingerprint[7] ^= 1;
    sim_command(sim, &transport);
}

static void open_endpoint(struct sim *sim, struct sim_participant *who, enum sfu_peer_connection pc)
{
    struct sim_endpoint *endpoint = &who->endpoints[pc];
    *endpoint = (struct sim_endpoint){.sim = sim, .owner = who, .pc = pc};
    draw_address(sim, endpoint);
    draw_credentials(sim, &endpoint->server);
    sim_link_init(&endpoint->up, &sim->config.up, base_prng_next(&sim->random));
    sim_link_init(&endpoint->down, &sim->config.down, base_prng_next(&sim->random));
    struct bench_peer_config config = {.identity = sim->client_identity,
                                       .seed = base_prng_next(&sim->random),
                                       .wall_offset_us = SIM_WALL_OFFSET_US,
                                       .cname = "sim",
                                       .send = sim_client_send,
                                       .user = endpoint};
    draw_credentials(sim, &config.local);
    sfu_rtp_ext_map_set(&config.receive_extensions, SFU_RTP_EXT_MID, SFU_SEND_EXT_MID);
    sfu_rtp_ext_map_set(&config.receive_extensions, SFU_RTP_EXT_AUDIO_LEVEL, SFU_SEND_EXT_AUDIO_LEVEL);
    sfu_rtp_ext_map_set(&config.receive_extensions, SFU_RTP_EXT_TRANSPORT_CC, SFU_SEND_EXT_TRANSPORT_CC);
    int err = bench_peer_create(&endpoint->peer, &config);
    assert(err == 0);
    send_transport(sim, endpoint);
    err = bench_peer_start(endpoint->peer, NULL, &endpoint->server, sfu_dtls_identity_fingerprint(sim->server_identity),
                           sim->now_us);
    assert(err == 0);
    err = bench_peer_add_pair(endpoint->peer, &endpoint->path, 100, sim->now_us);
    assert(err == 0);
    (void)err;
    sim_touch(sim, endpoint);
}

/* Three streams in place of `config`'s, each with clock, numbers and SSRC of its own; the server learns them by rid. */
static void add_layers(struct sim *sim, struct sim_participant *who, struct sfu_up_track_config *up,
                       struct bench_send_config *config)
{
    static const char *const rids[SFU_LAYERS_MAX] = {"q", "h", "f"};
    uint32_t bitrate_bps = (sim->config.video_bps != 0 ? sim->config.video_bps : 300000) / 9;
    up->ssrc = up->rtx_ssrc = 0;
    config->start_us += SIM_SECOND / 2; /* connected by then: a stream sends what it missed before another one does */
    up->layer_count = SFU_LAYERS_MAX;
    sfu_rtp_ext_map_set(&config->extensions, SFU_RTP_EXT_RID, EXT_RID);
    sfu_rtp_ext_map_set(&config->extensions, SFU_RTP_EXT_RRID, EXT_RRID);
    up->extensions = config->extensions;
    for (uint32_t layer = 0; layer < SFU_LAYERS_MAX; layer++, bitrate_bps *= 3) {
        config->layer = (uint8_t)layer;
        snprintf(up->rids[layer], sizeof up->rids[layer], "%s", rids[layer]);
        memcpy(config->rid, up->rids[layer], sizeof config->rid);
        config->ssrc = 0x10000000u | who->index << 4 | (6 + 2 * layer);
        config->rtx_ssrc = config->ssrc | 1;
        config->bitrate_bps = bitrate_bps;
        config->first_timestamp_ts = (uint32_t)base_prng_next(&sim->random);
        config->first_picture_id = (uint16_t)base_prng_next(&sim->random);
        config->first_seq = (uint16_t)(base_prng_next(&sim->random) % 30000 + 1);
        who->layers[layer] = bench_peer_add_send(who->endpoints[SFU_PUBLISH].peer, config);
        assert(who->layers[layer] != NULL);
    }
    who->sends[SIM_VIDEO] = who->layers[SFU_LAYERS_MAX - 1];
}

static void describe_track(struct sim *sim, struct sim_participant *who, int track, struct sfu_up_track_config *up)
{
    uint32_t ssrc = 0x10000000u | who->index << 4 | (uint32_t)track << 1;
    *up = (struct sfu_up_track_config){.track_id = who->track_ids[track],
                                       .kind = track == SIM_AUDIO ? SFU_AUDIO : SFU_VIDEO,
                                       .source = track == SIM_AUDIO   ? SFU_SOURCE_MIC
                                                 : track == SIM_VIDEO ? SFU_SOURCE_CAMERA
                                                                      : SFU_SOURCE_SCREEN,
                                       .video_codec = who->options.vp9 && track != SIM_AUDIO ? SFU_VP9 : SFU_VP8,
                                       .payload_type = track == SIM_AUDIO ? PT_OPUS : PT_VP8,
                                       .rtx_payload_type = track == SIM_AUDIO ? 0 : PT_RTX,
                                       .ssrc = ssrc,
                                       .rtx_ssrc = track == SIM_AUDIO ? 0 : ssrc | 1};
    snprintf(up->mid, sizeof up->mid, "u%d", track);
    sfu_rtp_ext_map_set(&up->extensions, SFU_RTP_EXT_MID, EXT_MID);
    sfu_rtp_ext_map_set(&up->extensions, SFU_RTP_EXT_TRANSPORT_CC, EXT_TRANSPORT_CC);
    if (track == SIM_AUDIO)
        sfu_rtp_ext_map_set(&up->extensions, SFU_RTP_EXT_AUDIO_LEVEL, EXT_LEVEL);
    else
        sfu_rtp_ext_map_set(&up->extensions, SFU_RTP_EXT_ABS_SEND_TIME, EXT_SEND_TIME);

    struct bench_send_config config = {.video = track != SIM_AUDIO,
                                       .codec = who->options.vp9 ? BENCH_VP9 : BENCH_VP8,
                                       .publisher = who->index + 1,
                                       .stream = (uint32_t)track,
                                       .ssrc = up->ssrc,
                                       .rtx_ssrc = up->rtx_ssrc,
                                       .payload_type = up->payload_type,
                                       .rtx_payload_type = up->rtx_payload_type,
                                       .extensions = up->extensions,
                                       .first_seq = who->options.first_seq,
                                       .first_timestamp_ts = (uint32_t)base_prng_next(&sim->random),
                                       .first_picture_id = (uint16_t)base_prng_next(&sim->random),
                                       .temporal_fields = who->index % 2 == 1,
                                       .bitrate_bps = sim->config.video_bps,
                                       .fps = sim->config.fps,
                                       .start_us = sim->now_us + base_prng_next(&sim->random) % 40000};
    if (config.first_seq == 0)
        config.first_seq = (uint16_t)(base_prng_next(&sim->random) % 30000 + 1);
    memcpy(config.mid, up->mid, sizeof config.mid);
    if (who->options.simulcast && track == SIM_VIDEO) {
        add_layers(sim, who, up, &config);
        return;
    }
    who->sends[track] = bench_peer_add_send(who->endpoints[SFU_PUBLISH].peer, &config);
    assert(who->sends[track] != NULL);
}

struct sim_participant *sim_join(struct sim *sim, const struct sim_join_options *options)
{
    assert(sim->participant_count < SIM_PARTICIPANTS_MAX);
    struct sim_participant *who = &sim->participants[sim->participant_count];
    memset(who, 0, sizeof *who);
    who->sim = sim;
    who->index = sim->participant_count++;
    who->id = 1000 + who->index;
    who->subscribe_due_us = BASE_NEVER_US;
    if (options != NULL)
        who->options = *options;
    struct sfu_command join = {
        .kind = SFU_COMMAND_JOIN,
        .participant_id = who->id,
        .identity = {who->options.identity != 0 ? who->options.identity : 500000 + who->index, 1},
        .rights = SFU_RIGHT_PUBLISH_AUDIO | SFU_RIGHT_PUBLISH_VIDEO | SFU_RIGHT_PUBLISH_SCREEN | SFU_RIGHT_SUBSCRIBE};
    sim_command(sim, &join);
    open_endpoint(sim, who, SFU_PUBLISH);
    open_endpoint(sim, who, SFU_SUBSCRIBE);
    struct sfu_up_track_config up[SIM_TRACKS];
    uint32_t count = 0;
    const bool present[SIM_TRACKS] = {!who->options.no_audio, !who->options.no_video, who->options.screen};
    for (int track = 0; track < SIM_TRACKS; track++) {
        if (!present[track])
            continue;
        who->track_ids[track] = ++sim->next_track_id;
        describe_track(sim, who, track, &up[count++]);
    }
    struct sfu_command publish = {.kind = SFU_COMMAND_PUBLISH, .participant_id = who->id, .up_count = count, .up = up};
    sim_command(sim, &publish);
    sim_touch(sim, &who->endpoints[SFU_PUBLISH]);
    return who;
}

/* ---- what happens to participants ----------------------------------------------------------------------------- */

void sim_leave(struct sim *sim, struct sim_participant *who)
{
    struct sfu_command leave = {.kind = SFU_COMMAND_LEAVE, .participant_id = who->id, .reason = SFU_REASON_LEFT};
    sim_command(sim, &leave);
}

void sim_mute(struct sim *sim, struct sim_participant *who, int track, bool muted, enum sfu_mute_origin origin)
{
    struct sfu_command mute = {.kind = SFU_COMMAND_MUTE,
                               .participant_id = who->id,
                               .track_id = who->track_ids[track],
                               .muted = muted,
                               .origin = origin};
    sim_command(sim, &mute);
}

void sim_restart_ice(struct sim *sim, struct sim_participant *who, enum sfu_peer_connection pc)
{
    struct sim_endpoint *endpoint = &who->endpoints[pc];
    struct sfu_ice_credentials local;
    draw_credentials(sim, &local);
    draw_credentials(sim, &endpoint->server);
    int err = bench_peer_start(endpoint->peer, &local, &endpoint->server, NULL, sim->now_us);
    assert(err == 0);
    (void)err;
    send_transport(sim, endpoint);
    sim_touch(sim, endpoint);
}

void sim_move(struct sim *sim, struct sim_participant *who, enum sfu_peer_connection pc)
{
    struct sim_endpoint *endpoint = &who->endpoints[pc];
    struct sfu_path before = endpoint->path;
    draw_address(sim, endpoint);
    bench_peer_add_pair(endpoint->peer, &endpoint->path, 100, sim->now_us);
    bench_peer_remove_pair(endpoint->peer, &before);
    sim_touch(sim, endpoint);
}

void sim_pause_layer(struct sim *sim, struct sim_participant *who, unsigned layer, bool paused)
{
    bench_send_stream_pause(who->layers[layer], paused, sim->now_us);
}

void sim_view(struct sim *sim, struct sim_participant *viewer, const struct sim_participant *publisher, int track,
              uint8_t layers_max, bool paused)
{
    struct sfu_command view = {.kind = SFU_COMMAND_VIEW,
                               .participant_id = viewer->id,
                               .track_id = publisher->track_ids[track],
                               .view = {.layers_max = layers_max, .paused = paused}};
    for (unsigned i = 0; i < viewer->subscription_count; i++) /* the next SUBSCRIBE says the same */
        if (viewer->subscriptions[i].track_id == view.track_id)
            viewer->subscriptions[i].down.view = view.view;
    sim_command(sim, &view);
}

void sim_pause(struct sim *sim, struct sim_participant *who, int track, bool paused)
{
    if (who->sends[track] != NULL)
        bench_send_stream_pause(who->sends[track], paused, sim->now_us);
    for (unsigned layer = 0; track == SIM_VIDEO && layer < SFU_LAYERS_MAX; layer++)
        if (who->layers[layer] != NULL)
            sim_pause_layer(sim, who, layer, paused);
}

void sim_pause_all(struct sim *sim, bool paused)
{
    for (uint32_t i = 0; i < sim->participant_count; i++)
        for (int track = 0; track < SIM_TRACKS; track++)
            sim_pause(sim, &sim->participants[i], track, paused);
}
