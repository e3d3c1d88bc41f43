/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/deadline.h"
#include "sfu/transport/demux.h"
#include "sfu/wire/stun.h"

struct world_datagram {
    struct world_datagram *next;
    struct world_peer *from;
    size_t len;
    uint8_t data[2048];
};

static void on_event(void *user, const struct sfu_event *event)
{
    struct world *world = user;
    assert(world->event_count < WORLD_EVENTS_MAX);
    world->events[world->event_count++] = *event;
}

static void on_path_unused(void *user, const struct sfu_path *path)
{
    struct world *world = user;
    world->unused_count++;
    world->unused_set |= UINT64_C(1) << (path->connection % 64);
}

struct world *world_create(uint32_t packet_max)
{
    struct world *world = calloc(1, sizeof *world);
    assert(world != NULL);
    world->now_us = 1000000;
    world->queue_tail = &world->queue;
    int err = sfu_dtls_identity_create(&world->server);
    err = err != 0 ? err : sfu_dtls_identity_create(&world->client);
    struct sfu_engine_config config = {.identity = world->server,
                                       .hash_key = {1, 2},
                                       .random_seed = 42,
                                       .packet_max = packet_max,
                                       .egress_chunk_max = 256,
                                       .on_event = on_event,
                                       .on_path_unused = on_path_unused,
                                       .user = world};
    err = err != 0 ? err : sfu_engine_create(&world->engine, &config);
    assert(err == 0);
    sfu_engine_set_wall_offset_us(world->engine, WORLD_WALL_OFFSET_US);
    return world;
}

void world_destroy(struct world *world)
{
    sfu_engine_destroy(world->engine);
    for (unsigned i = 0; i < world->peer_count; i++) {
        struct world_peer *peer = world->peers[i];
        sfu_dtls_session_destroy(peer->dtls);
        sfu_srtp_session_destroy(peer->send);
        sfu_srtp_session_destroy(peer->receive);
        free(peer->packets);
        free(peer);
    }
    while (world->queue != NULL) {
        struct world_datagram *next = world->queue->next;
        free(world->queue);
        world->queue = next;
    }
    sfu_dtls_identity_destroy(world->server);
    sfu_dtls_identity_destroy(world->client);
    free(world);
}

/* ---- the network ------------------------------------------------------------------------------------------------- */

static void enqueue(struct world_peer *peer, const uint8_t *data, size_t len)
{
    struct world_datagram *datagram = calloc(1, sizeof *datagram);
    assert(datagram != NULL && len <= sizeof datagram->data);
    datagram->from = peer;
    datagram->len = len;
    memcpy(datagram->data, data, len);
    *peer->world->queue_tail = datagram;
    peer->world->queue_tail = &datagram->next;
}

static void on_dtls_send(void *user, const uint8_t *datagram, size_t len)
{
    enqueue(user, datagram, len);
}

static void take_keys(struct world_peer *peer)
{
    struct sfu_dtls_keys keys;
    if (peer->send != NULL || sfu_dtls_session_state(peer->dtls) != SFU_DTLS_CONNECTED ||
        sfu_dtls_session_keys(peer->dtls, &keys) != 0)
        return;
    int err = sfu_srtp_session_create(&peer->send, keys.profile, keys.send_key, keys.send_salt);
    err = err != 0 ? err : sfu_srtp_session_create(&peer->receive, keys.profile, keys.receive_key, keys.receive_salt);
    assert(err == 0);
}

static void on_rtp(struct world_peer *peer, const uint8_t *data, size_t len)
{
    static const struct sfu_rtp_ext_map none;
    struct sfu_rtp_ext_map map = none;
    sfu_rtp_ext_map_set(&map, SFU_RTP_EXT_MID, SFU_SEND_EXT_MID);
    sfu_rtp_ext_map_set(&map, SFU_RTP_EXT_AUDIO_LEVEL, SFU_SEND_EXT_AUDIO_LEVEL);
    sfu_rtp_ext_map_set(&map, SFU_RTP_EXT_TRANSPORT_CC, SFU_SEND_EXT_TRANSPORT_CC);
    uint8_t plain[2048];
    size_t plain_bytes;
    if (peer->receive == NULL) {
        peer->early++;
        return;
    }
    assert(peer->packet_count < WORLD_PACKETS_MAX);
    struct world_packet *packet = &peer->packets[peer->packet_count];
    if (sfu_rtp_parse(data, len, &packet->header) != 0 ||
        sfu_srtp_unprotect(peer->receive, data, len, &packet->header, plain, &plain_bytes) != 0 ||
        sfu_rtp_padding_bytes(plain, plain_bytes, &packet->header, &packet->padding_bytes) != 0) {
        peer->auth_failures++;
        return;
    }
    sfu_rtp_ext_read(plain, &packet->header, &map, &packet->ext);
    packet->wire_bytes = len;
    packet->payload_bytes = plain_bytes - packet->header.header_bytes - packet->padding_bytes;
    assert(packet->payload_bytes <= sizeof packet->payload);
    memcpy(packet->payload, plain + packet->header.header_bytes, packet->payload_bytes);
    peer->packet_count++;
}

static void on_rtcp_item(struct world_peer *peer, const struct sfu_rtcp_item *item)
{
    switch (item->kind) {
    case SFU_RTCP_PLI:
        peer->pli_ssrcs[peer->pli++ % 32] = item->media_ssrc;
        break;
    case SFU_RTCP_TWCC:
        peer->twcc++;
        break;
    case SFU_RTCP_RR:
        peer->rr++;
        if (item->report_block_count > 0)
            sfu_rtcp_report_block_at(item, 0, &peer->block);
        break;
    case SFU_RTCP_SR:
        peer->last_sr[peer->sr++ % 8] = item->sr;
        break;
    case SFU_RTCP_NACK:
        for (unsigned i = 0; i < item->body_bytes / 4; i++) {
            uint16_t seqs[17];
            unsigned count = sfu_rtcp_nack_seqs(item, i, seqs);
            for (unsigned n = 0; n < count; n++)
                peer->nacked[peer->nack_count++ % 64] = seqs[n];
        }
        break;
    default:
        break;
    }
}

static void on_rtcp(struct world_peer *peer, uint8_t *data, size_t len)
{
    size_t plain_bytes;
    if (peer->receive == NULL) {
        peer->early++;
        return;
    }
    if (sfu_srtcp_unprotect(peer->receive, data, len, &plain_bytes) != 0) {
        peer->auth_failures++;
        return;
    }
    struct sfu_rtcp_reader reader;
    struct sfu_rtcp_item item;
    sfu_rtcp_reader_init(&reader, data, plain_bytes);
    while (sfu_rtcp_read(&reader, &item) == 1)
        on_rtcp_item(peer, &item);
}

static void deliver(struct world_peer *peer, uint8_t *data, size_t len)
{
    if (peer->hidden)
        return;
    switch (sfu_datagram_classify(data, len)) {
    case SFU_DATAGRAM_STUN:
        peer->stun_responses++;
        break;
    case SFU_DATAGRAM_DTLS:
        sfu_dtls_session_on_datagram(peer->dtls, peer->world->now_us, data, len);
        take_keys(peer);
        break;
    case SFU_DATAGRAM_RTP:
        on_rtp(peer, data, len);
        break;
    case SFU_DATAGRAM_RTCP:
        on_rtcp(peer, data, len);
        break;
    default:
        assert(!"unknown datagram");
    }
}

static bool drain_egress(struct world *world)
{
    struct sfu_egress *egress = sfu_engine_egress(world->engine);
    size_t count;
    const struct sfu_egress_run *runs = sfu_egress_runs(egress, &count);
    for (size_t i = 0; i < count; i++) {
        for (uint32_t at = 0; at < runs[i].bytes; at += runs[i].segment_bytes) {
            uint32_t len = runs[i].bytes - at < runs[i].segment_bytes ? runs[i].bytes - at : runs[i].segment_bytes;
            for (unsigned p = 0; p < world->peer_count; p++)
                if (sfu_path_equal(&world->peers[p]->path, &runs[i].path))
                    deliver(world->peers[p], runs[i].data + at, len);
        }
    }
    sfu_egress_reset(egress);
    return count > 0;
}

void world_pump(struct world *world)
{
    bool moved = true;
    while (moved) {
        moved = drain_egress(world);
        while (world->queue != NULL) {
            struct world_datagram *datagram = world->queue;
            world->queue = datagram->next;
            if (world->queue == NULL)
                world->queue_tail = &world->queue;
            sfu_engine_on_datagram(world->engine, world->now_us, &datagram->from->path, datagram->data, datagram->len);
            free(datagram);
            moved = true;
        }
    }
}

void world_advance(struct world *world, uint64_t us)
{
    uint64_t end_us = world->now_us + us;
    for (;;) {
        uint64_t next_us = sfu_engine_deadline_us(world->engine);
        if (next_us > end_us)
            break;
        world->now_us = next_us > world->now_us ? next_us : world->now_us;
        sfu_engine_poll(world->engine, world->now_us);
        world_pump(world);
    }
    world->now_us = end_us;
}

/* ---- commands ---------------------------------------------------------------------------------------------------- */

void world_open_room(struct world *world, uint64_t room_id, uint32_t capacity)
{
    struct sfu_command command = {.kind = SFU_COMMAND_ROOM_OPEN, .room_id = room_id, .policy = {.capacity = capacity}};
    sfu_engine_command(world->engine, world->now_us, &command);
}

void world_join(struct world *world, uint64_t room_id, uint64_t participant_id, uint64_t identity, uint32_t rights)
{
    struct sfu_command command = {.kind = SFU_COMMAND_JOIN,
                                  .room_id = room_id,
                                  .participant_id = participant_id,
                                  .identity = {identity, 1},
                                  .rights = rights};
    sfu_engine_command(world->engine, world->now_us, &command);
}

void world_check(struct world_peer *peer)
{
    char username[64];
    peer->world->checks++;
    snprintf(username, sizeof username, "%s:peer", peer->server.ufrag);
    struct sfu_stun_request request = {
        .username = username,
        .password = peer->server.pwd,
        .transaction_id = {1, 2, (uint8_t)(peer->world->checks >> 8), (uint8_t)peer->world->checks},
        .priority = 1,
        .tie_breaker = 7,
        .controlling = true,
        .use_candidate = true};
    uint8_t data[SFU_STUN_MESSAGE_MAX_BYTES];
    size_t len = sfu_stun_write_request(data, &request);
    assert(len > 0);
    enqueue(peer, data, len);
    world_pump(peer->world);
}

static void connect_peer(struct world_peer *peer, uint64_t room_id, const uint8_t *fingerprint)
{
    struct world *world = peer->world;
    struct sfu_command command = {.kind = SFU_COMMAND_TRANSPORT,
                                  .room_id = room_id,
                                  .participant_id = peer->participant_id,
                                  .peer_connection = peer->kind,
                                  .transport = {.local = peer->server, .remote_ufrag = "peer"}};
    memcpy(command.transport.peer_fingerprint, fingerprint, sizeof command.transport.peer_fingerprint);
    sfu_engine_command(world->engine, world->now_us, &command);
    world_check(peer);

    struct sfu_dtls_config dtls = {.client = true,
                                   .peer_fingerprint = sfu_dtls_identity_fingerprint(world->server),
                                   .send = on_dtls_send,
                                   .user = peer};
    int err = sfu_dtls_session_create(&peer->dtls, world->client, &dtls);
    assert(err == 0);
    sfu_dtls_session_poll(peer->dtls, world->now_us);
    world_pump(world);
}

struct world_peer *world_connect(struct world *world, uint64_t room_id, uint64_t participant_id,
                                 enum sfu_peer_connection kind)
{
    return world_connect_expecting(world, room_id, participant_id, kind, sfu_dtls_identity_fingerprint(world->client));
}

struct world_peer *world_connect_expecting(struct world *world, uint64_t room_id, uint64_t participant_id,
                                           enum sfu_peer_connection kind, const uint8_t *fingerprint)
{
    struct world_peer *peer = calloc(1, sizeof *peer);
    assert(peer != NULL && world->peer_count < WORLD_PEERS_MAX);
    peer->packets = calloc(WORLD_PACKETS_MAX, sizeof *peer->packets);
    peer->world = world;
    peer->participant_id = participant_id;
    peer->kind = kind;
    peer->path.remote.in4.sin_family = AF_INET;
    peer->path.remote.in4.sin_port = htons((uint16_t)(40000 + world->peer_count));
    peer->path.remote.in4.sin_addr.s_addr = htonl(0x0a000001);
    snprintf(peer->server.ufrag, sizeof peer->server.ufrag, "srv%05u", world->peer_count);
    snprintf(peer->server.pwd, sizeof peer->server.pwd, "passwordpasswordpass%04u", world->peer_count);
    world->peers[world->peer_count++] = peer;

    connect_peer(peer, room_id, fingerprint);
    return peer;
}

void world_reconnect(struct world_peer *peer, uint64_t room_id)
{
    sfu_dtls_session_destroy(peer->dtls);
    sfu_srtp_session_destroy(peer->send);
    sfu_srtp_session_destroy(peer->receive);
    peer->dtls = NULL;
    peer->send = peer->receive = NULL;
    peer->path.remote.in4.sin_port = htons((uint16_t)(ntohs(peer->path.remote.in4.sin_port) + 1000));
    memcpy(peer->server.ufrag, "new", 3);
    connect_peer(peer, room_id, sfu_dtls_identity_fingerprint(peer->world->client));
}

static struct sfu_rtp_ext_map publisher_extensions(bool audio)
{
    static const struct sfu_rtp_ext_map none;
    struct sfu_rtp_ext_map map = none;
    sfu_rtp_ext_map_set(&map, SFU_RTP_EXT_MID, WORLD_MID_EXT);
    if (audio)
        sfu_rtp_ext_map_set(&map, SFU_RTP_EXT_AUDIO_LEVEL, WORLD_LEVEL_EXT);
    else
        sfu_rtp_ext_map_set(&map, SFU_RTP_EXT_RID, WORLD_RID_EXT);
    if (!audio)
        sfu_rtp_ext_map_set(&map, SFU_RTP_EXT_RRID, WORLD_RRID_EXT);
    sfu_rtp_ext_map_set(&map, SFU_RTP_EXT_TRANSPORT_CC, WORLD_TWCC_EXT);
    return map;
}

struct sfu_up_track_config world_audio(uint64_t track_id, uint32_t ssrc)
{
    return (struct sfu_up_track_config){.track_id = track_id,
                                        .kind = SFU_AUDIO,
                                        .source = SFU_SOURCE_MIC,
                                        .mid = "0",
                                        .payload_type = WORLD_PT_OPUS,
                                        .ssrc = ssrc,
                                        .extensions = publisher_extensions(true)};
}

struct sfu_up_track_config world_video(uint64_t track_id, uint32_t ssrc, uint32_t rtx_ssrc)
{
    return (struct sfu_up_track_config){.track_id = track_id,
                                        .kind = SFU_VIDEO,
                                        .source = SFU_SOURCE_CAMERA,
                                        .mid = "1",
                                        .payload_type = WORLD_PT_VP8,
                                        .rtx_payload_type = WORLD_PT_RTX,
                                        .ssrc = ssrc,
                                        .rtx_ssrc = rtx_ssrc,
                                        .extensions = publisher_extensions(false)};
}

void world_publish(struct world *world, uint64_t room_id, uint64_t participant_id, struct sfu_up_track_config *ups,
                   uint32_t count)
{
    struct sfu_command command = {.kind = SFU_COMMAND_PUBLISH,
                                  .room_id = room_id,
                                  .participant_id = participant_id,
                                  .up_count = count,
                                  .up = ups};
    sfu_engine_command(world->engine, world->now_us, &command);
}

void world_subscribe(struct world *world, uint64_t room_id, uint64_t participant_id,
                     struct sfu_down_track_config *downs, uint32_t count)
{
    struct sfu_command command = {.kind = SFU_COMMAND_SUBSCRIBE,
                                  .room_id = room_id,
                                  .participant_id = participant_id,
                                  .down_count = count,
                                  .down = downs};
    sfu_engine_command(world->engine, world->now_us, &command);
}

void world_mute(struct world *world, uint64_t room_id, uint64_t participant_id, uint64_t track_id, bool muted)
{
    struct sfu_command command = {.kind = SFU_COMMAND_MUTE,
                                  .room_id = room_id,
                                  .participant_id = participant_id,
                                  .track_id = track_id,
                                  .muted = muted};
    sfu_engine_command(world->engine, world->now_us, &command);
}

/* ---- media ------------------------------------------------------------------------------------------------------- */

void world_send(struct world_peer *peer, const struct world_rtp *rtp)
{
    assert(peer->send != NULL);
    uint8_t data[2048];
    struct sfu_rtp_ext_values values = {0};
    if (rtp->mid != NULL) {
        values.has |= 1u << SFU_RTP_EXT_MID;
        snprintf(values.mid, sizeof values.mid, "%s", rtp->mid);
    }
    if (rtp->level >= 0) {
        values.has |= 1u << SFU_RTP_EXT_AUDIO_LEVEL;
        values.audio_level = (uint8_t)rtp->level;
        values.audio_voice = true;
    }
    if (rtp->transport_cc) {
        values.has |= 1u << SFU_RTP_EXT_TRANSPORT_CC;
        values.transport_seq = peer->transport_seq++;
    }
    if (rtp->rid != NULL) {
        values.has |= 1u << SFU_RTP_EXT_RID;
        snprintf(values.rid, sizeof values.rid, "%s", rtp->rid);
    }
    if (rtp->rrid != NULL) {
        values.has |= 1u << SFU_RTP_EXT_RRID;
        snprintf(values.rrid, sizeof values.rrid, "%s", rtp->rrid);
    }
    struct sfu_rtp_ext_map map = publisher_extensions(rtp->level >= 0);
    size_t ext_bytes = sfu_rtp_ext_write(data + 12, 64, &map, &values, NULL);
    struct sfu_rtp_header header = {.padding = rtp->padding_bytes > 0,
                                    .marker = rtp->marker,
                                    .payload_type = rtp->payload_type,
                                    .seq = (uint16_t)rtp->ext_seq,
                                    .timestamp_ts = rtp->timestamp_ts,
                                    .ssrc = rtp->ssrc,
                                    .ext_profile = ext_bytes > 0 ? 0xBEDE : 0};
    sfu_rtp_write_fixed(data, &header);
    size_t len = sfu_srtp_protect(peer->send, data, 12 + ext_bytes, rtp->ext_seq, rtp->ssrc, rtp->payload,
                                  rtp->payload_bytes, rtp->padding_bytes);
    assert(len > 0);
    enqueue(peer, data, len);
    world_pump(peer->world);
}

void world_vp8(uint8_t *out, size_t bytes, bool first, bool key, uint8_t fill)
{
    memset(out, fill, bytes);
    out[0] = first ? 0x10 : 0x00; /* RFC 7741 section 4.2: S, no extensions */
    if (!first)
        return;
    out[1] = key ? 0x00 : 0x01; /* section 4.3: P = 0 is a key frame */
    if (key && bytes >= 11)
        memcpy(out + 4, "\x9d\x01\x2a\x80\x02\xe0\x01", 7);
}

void world_send_rtcp(struct world_peer *peer, const uint8_t *rtcp, size_t len)
{
    uint8_t data[1500];
    memcpy(data, rtcp, len);
    size_t bytes = sfu_srtcp_protect(peer->send, data, len);
    assert(bytes > 0);
    enqueue(peer, data, bytes);
    world_pump(peer->world);
}

/* ---- what happened ----------------------------------------------------------------------------------------------- */

const struct sfu_event *world_event(const struct world *world, enum sfu_event_kind kind, unsigned n)
{
    for (unsigned i = 0; i < world->event_count; i++)
        if (world->events[i].kind == kind && n-- == 0)
            return &world->events[i];
    return NULL;
}

unsigned world_event_count(const struct world *world, enum sfu_event_kind kind)
{
    unsigned count = 0;
    while (world_event(world, kind, count) != NULL)
        count++;
    return count;
}

struct sfu_stats world_stats(const struct world *world)
{
    struct sfu_stats stats;
    sfu_engine_stats(world->engine, &stats);
    return stats;
}
