/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/micro/party.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/heap.h"
#include "base/random.h"
#include "bench/client/peer.h"

/* Browsers' numbers in the publish direction: unlike the server's, so that each is translated. */
enum { PT_OPUS = 109, PT_VP8 = 100, PT_RTX = 101, EXT_MID = 4, EXT_LEVEL = 10, EXT_TRANSPORT_CC = 5 };
enum { AUDIO, VIDEO, TRACKS };
enum { PRIORITY = 100 };

struct endpoint {
    struct bench_party *party;
    size_t index;
    struct bench_peer *peer;
    struct base_heap_node node;
};

struct bench_party {
    struct bench_party_config config;
    struct sfu_dtls_identity *identity;
    struct endpoint *endpoints; /* publish and subscribe of person 0, of person 1, ... */
    size_t endpoint_count;
    struct base_heap deadlines;
};

static uint64_t room_id(size_t room)
{
    return 1000 + room;
}

static uint64_t track_id(size_t person, int track)
{
    return 100000 + person * TRACKS + (size_t)track;
}

/* ---- one endpoint ------------------------------------------------------------------------------------------------ */

static void touch(struct endpoint *endpoint)
{
    (void)base_heap_set(&endpoint->party->deadlines, &endpoint->node, bench_peer_deadline_us(endpoint->peer));
}

static void on_send(void *user, const struct sfu_path *path, const uint8_t *datagram, size_t len)
{
    struct endpoint *endpoint = user;
    const struct bench_party_config *config = &endpoint->party->config;
    config->send(config->user, endpoint->index, path, datagram, len);
}

static int open_endpoint(struct endpoint *endpoint, size_t person, enum sfu_peer_connection pc, uint64_t now_us)
{
    struct bench_party *party = endpoint->party;
    size_t room = person / party->config.people;
    struct sfu_command transport = {
        .kind = SFU_COMMAND_TRANSPORT, .room_id = room_id(room), .participant_id = person + 1, .peer_connection = pc};
    struct bench_peer_config config = {.identity = party->identity,
                                       .seed = endpoint->index + 1,
                                       .wall_offset_us = party->config.wall_offset_us,
                                       .cname = "bench",
                                       .send = on_send,
                                       .user = endpoint};
    base_random_ice_chars(config.local.ufrag, 8);
    base_random_ice_chars(config.local.pwd, 24);
    sfu_rtp_ext_map_set(&config.receive_extensions, SFU_RTP_EXT_MID, SFU_SEND_EXT_MID);
    sfu_rtp_ext_map_set(&config.receive_extensions, SFU_RTP_EXT_AUDIO_LEVEL, SFU_SEND_EXT_AUDIO_LEVEL);
    sfu_rtp_ext_map_set(&config.receive_extensions, SFU_RTP_EXT_TRANSPORT_CC, SFU_SEND_EXT_TRANSPORT_CC);
    int err = bench_peer_create(&endpoint->peer, &config);
    if (err != 0)
        return err;
    party->config.credentials(party->config.user, room_id(room), &transport.transport.local);
    memcpy(transport.transport.remote_ufrag, config.local.ufrag, SFU_ICE_UFRAG_MAX);
    memcpy(transport.transport.peer_fingerprint, sfu_dtls_identity_fingerprint(party->identity),
           SFU_DTLS_FINGERPRINT_BYTES);
    party->config.command(party->config.user, &transport);
    struct sfu_path path;
    party->config.path(party->config.user, endpoint->index, room_id(room), &path);
    err = bench_peer_start(endpoint->peer, NULL, &transport.transport.local, party->config.fingerprint, now_us);
    if (err == 0)
        err = bench_peer_add_pair(endpoint->peer, &path, PRIORITY, now_us);
    return err;
}

/* ---- tracks ------------------------------------------------------------------------------------------------------ */

static void extensions_of(int track, struct sfu_rtp_ext_map *map)
{
    sfu_rtp_ext_map_set(map, SFU_RTP_EXT_MID, EXT_MID);
    sfu_rtp_ext_map_set(map, SFU_RTP_EXT_TRANSPORT_CC, EXT_TRANSPORT_CC);
    if (track == AUDIO)
        sfu_rtp_ext_map_set(map, SFU_RTP_EXT_AUDIO_LEVEL, EXT_LEVEL);
}

static int publish(struct bench_party *party, size_t person, uint64_t now_us)
{
    struct sfu_up_track_config up[TRACKS] = {
        {.kind = SFU_AUDIO, .source = SFU_SOURCE_MIC, .mid = "0", .payload_type = PT_OPUS},
        {.kind = SFU_VIDEO,
         .source = SFU_SOURCE_CAMERA,
         .mid = "1",
         .payload_type = PT_VP8,
         .rtx_payload_type = PT_RTX}};
    for (int track = 0; track < TRACKS; track++) {
        up[track].track_id = track_id(person, track);
        up[track].ssrc = (uint32_t)(0x10000000u + person * 16 + (size_t)track * 2);
        up[track].rtx_ssrc = track == VIDEO ? up[track].ssrc + 1 : 0;
        extensions_of(track, &up[track].extensions);
        struct bench_send_config send = {.video = track == VIDEO,
                                         .publisher = (uint32_t)person + 1,
                                         .stream = (uint32_t)track,
                                         .ssrc = up[track].ssrc,
                                         .rtx_ssrc = up[track].rtx_ssrc,
                                         .payload_type = up[track].payload_type,
                                         .rtx_payload_type = up[track].rtx_payload_type,
                                         .extensions = up[track].extensions,
                                         .first_seq = (uint16_t)(person * 77 + 1),
                                         .bitrate_bps = party->config.video_bps,
                                         .fps = 25,
                                         /* not all in the same moment */
                                         .start_us = now_us + 20000 + person * 1777 % 40000};
        memcpy(send.mid, up[track].mid, sizeof send.mid);
        if (bench_peer_add_send(party->endpoints[2 * person].peer, &send) == NULL)
            return BASE_ERR_NOMEM;
    }
    struct sfu_command command = {.kind = SFU_COMMAND_PUBLISH,
                                  .room_id = room_id(person / party->config.people),
                                  .participant_id = person + 1,
                                  .up_count = TRACKS,
                                  .up = up};
    party->config.command(party->config.user, &command);
    return 0;
}

static int subscribe(struct bench_party *party, size_t person)
{
    static struct sfu_down_track_config down[SFU_SUBSCRIPTIONS_MAX];
    size_t room = person / party->config.people, first = room * party->config.people;
    uint32_t count = 0;
    for (size_t from = first; from < first + party->config.publishers; from++) {
        for (int track = 0; track < TRACKS && from != person && count < SFU_SUBSCRIPTIONS_MAX; track++, count++) {
            uint32_t ssrc = 0x20000000u + (uint32_t)person * 4096 + count * 2;
            down[count] = (struct sfu_down_track_config){
                .track_id = track_id(from, track), .ssrc = ssrc, .rtx_ssrc = track == VIDEO ? ssrc + 1 : 0};
            snprintf(down[count].mid, sizeof down[count].mid, "%u", count);
            struct bench_receive_config receive = {.video = track == VIDEO,
                                                   .ssrc = ssrc,
                                                   .rtx_ssrc = down[count].rtx_ssrc,
                                                   .payload_type = track == VIDEO ? SFU_SEND_PT_VP8 : SFU_SEND_PT_OPUS,
                                                   .rtx_payload_type = track == VIDEO ? SFU_SEND_PT_RTX : 0,
                                                   .nack = track == VIDEO,
                                                   .publisher = (uint32_t)from + 1,
                                                   .stream = (uint32_t)track};
            memcpy(receive.mid, down[count].mid, sizeof receive.mid);
            if (bench_peer_add_receive(party->endpoints[2 * person + 1].peer, &receive) == NULL)
                return BASE_ERR_NOMEM;
        }
    }
    struct sfu_command command = {.kind = SFU_COMMAND_SUBSCRIBE,
                                  .room_id = room_id(room),
                                  .participant_id = person + 1,
                                  .down_count = count,
                                  .down = down};
    party->config.command(party->config.user, &command);
    return 0;
}

/* ---- the party --------------------------------------------------------------------------------------------------- */

static int join(struct bench_party *party, size_t person, uint64_t now_us)
{
    struct sfu_command command = {.kind = SFU_COMMAND_JOIN,
                                  .room_id = room_id(person / party->config.people),
                                  .participant_id = person + 1,
                                  .identity = {person + 1, 1},
                                  .rights = SFU_RIGHT_PUBLISH_AUDIO | SFU_RIGHT_PUBLISH_VIDEO | SFU_RIGHT_SUBSCRIBE};
    party->config.command(party->config.user, &command);
    int err = 0;
    for (size_t pc = 0; pc < 2 && err == 0; pc++)
        err = open_endpoint(&party->endpoints[2 * person + pc], person, pc == 0 ? SFU_PUBLISH : SFU_SUBSCRIBE, now_us);
    if (err == 0 && person % party->config.people < party->config.publishers)
        err = publish(party, person, now_us);
    return err;
}

int bench_party_create(struct bench_party **out, const struct bench_party_config *config, uint64_t now_us)
{
    *out = NULL;
    struct bench_party *party = calloc(1, sizeof *party);
    if (party == NULL)
        return BASE_ERR_NOMEM;
    party->config = *config;
    size_t persons = (size_t)config->rooms * config->people;
    party->endpoints = calloc(2 * persons, sizeof *party->endpoints);
    int err = party->endpoints == NULL ? BASE_ERR_NOMEM : 0;
    if (err == 0) {
        party->endpoint_count = 2 * persons;
        for (size_t i = 0; i < 2 * persons; i++)
            party->endpoints[i] = (struct endpoint){.party = party, .index = i};
        err = base_heap_reserve(&party->deadlines, 2 * persons);
    }
    if (err == 0)
        err = sfu_dtls_identity_create(&party->identity);
    for (size_t room = 0; room < config->rooms && err == 0; room++) {
        const struct sfu_command open = {
            .kind = SFU_COMMAND_ROOM_OPEN, .room_id = room_id(room), .policy = {.capacity = config->people}};
        config->command(config->user, &open);
    }
    for (size_t person = 0; person < persons && err == 0; person++)
        err = join(party, person, now_us);
    for (size_t person = 0; person < persons && err == 0; person++)
        err = subscribe(party, person);
    for (size_t i = 0; i < party->endpoint_count && err == 0; i++)
        touch(&party->endpoints[i]);
    if (err != 0)
        bench_party_destroy(party);
    else
        *out = party;
    return err;
}

void bench_party_destroy(struct bench_party *party)
{
    if (party == NULL)
        return;
    for (size_t i = 0; party->endpoints != NULL && i < party->endpoint_count; i++)
        bench_peer_destroy(party->endpoints[i].peer);
    base_heap_clear(&party->deadlines);
    if (party->identity != NULL)
        sfu_dtls_identity_destroy(party->identity);
    free(party->endpoints);
    free(party);
}

size_t bench_party_endpoints(const struct bench_party *party)
{
    return party->endpoint_count;
}

void bench_party_on_datagram(struct bench_party *party, size_t endpoint, uint64_t now_us, const struct sfu_path *path,
                             uint8_t *datagram, size_t len)
{
    bench_peer_on_datagram(party->endpoints[endpoint].peer, now_us, now_us, path, datagram, len);
    touch(&party->endpoints[endpoint]);
}

uint64_t bench_party_deadline_us(const struct bench_party *party)
{
    const struct base_heap_node *first = base_heap_first(&party->deadlines);
    return first != NULL ? first->deadline_us : BASE_NEVER_US;
}

void bench_party_poll(struct bench_party *party, uint64_t now_us)
{
    struct base_heap_node *first;
    /* Bounded: a peer that stays due must not stop the others. */
    for (size_t i = 0; i < 4 * party->endpoint_count; i++) {
        first = base_heap_first(&party->deadlines);
        if (first == NULL || first->deadline_us > now_us)
            return;
        struct endpoint *endpoint = base_container_of(first, struct endpoint, node);
        bench_peer_poll(endpoint->peer, now_us);
        touch(endpoint);
    }
}

bool bench_party_connected(const struct bench_party *party)
{
    for (size_t i = 0; i < party->endpoint_count; i++)
        if (bench_peer_state(party->endpoints[i].peer) != BENCH_PEER_CONNECTED)
            return false;
    return true;
}

uint64_t bench_party_received(const struct bench_party *party)
{
    uint64_t packets = 0;
    for (size_t i = 0; i < party->endpoint_count; i++)
        packets += bench_peer_counters(party->endpoints[i].peer)->rtp_in;
    return packets;
}

uint64_t bench_party_sent(const struct bench_party *party)
{
    uint64_t packets = 0;
    for (size_t i = 0; i < party->endpoint_count; i++)
        packets += bench_peer_counters(party->endpoints[i].peer)->rtp_out;
    return packets;
}
