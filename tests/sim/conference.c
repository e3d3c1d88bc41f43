/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/conference_internal.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/random.h"
#include "sfu/transport/demux.h"

#define START_US (1000u * SIM_SECOND) /* the monotonic clock does not begin at 0 */

static const struct sim_link_config good_link = {.delay_us = 10000};

/* ---- tracing and events --------------------------------------------------------------------------------------- */

static void mix(struct sim *sim, const void *data, size_t len)
{
    const uint64_t key[2] = {sim->trace_hash, 0x5351};
    sim->trace_hash = base_siphash(data, len, key);
}

/* What a run with the same seed must repeat: time, direction, kind, size, RTP header. Keys, signatures and hence all
 * encrypted bytes (and the length of DTLS flights) come from the system's random numbers. */
static void trace(struct sim *sim, const struct sfu_path *path, bool to_server, const uint8_t *data, size_t len)
{
    enum sfu_datagram_class class = sfu_datagram_classify(data, len);
    uint64_t head[4] = {sim->now_us, (uint64_t) class << 1 | to_server, ntohs(path->remote.in4.sin_port),
                        class == SFU_DATAGRAM_DTLS ? 0 : len};
    mix(sim, head, sizeof head);
    struct sfu_rtp_header header;
    if (class == SFU_DATAGRAM_RTP && sfu_rtp_parse(data, len, &header) == 0)
        mix(sim, data, header.header_bytes);
    sim->packets++;
}

static void on_lost(void *user, const uint8_t *data, size_t len)
{
    struct sim *sim = user;
    struct sfu_rtp_header header;
    if (sfu_datagram_classify(data, len) == SFU_DATAGRAM_RTP && sfu_rtp_parse(data, len, &header) == 0)
        sim->lost_by_ssrc[header.ssrc & 0xFFFF]++;
}

static struct sim_participant *by_id(struct sim *sim, uint64_t id)
{
    for (uint32_t i = 0; i < sim->participant_count; i++)
        if (sim->participants[i].id == id)
            return &sim->participants[i];
    return NULL;
}

static void others_subscribe(struct sim *sim, const struct sim_participant *except)
{
    for (uint32_t i = 0; i < sim->participant_count; i++) {
        struct sim_participant *who = &sim->participants[i];
        if (who != except && who->present && who->subscribe_due_us == BASE_NEVER_US)
            who->subscribe_due_us = sim->now_us + sim->config.signaling_us;
    }
}

static void on_event(void *user, const struct sfu_event *event)
{
    struct sim *sim = user;
    if (sim->event_count < SIM_EVENTS_MAX) {
        sim->events[sim->event_count].at_us = sim->now_us;
        sim->events[sim->event_count++].event = *event;
    }
    struct sim_participant *who = by_id(sim, event->participant_id);
    if (who == NULL)
        return;
    if (event->kind == SFU_EVENT_JOINED) {
        who->present = true;
        who->subscribe_due_us = sim->now_us + sim->config.signaling_us;
    } else if (event->kind == SFU_EVENT_LEFT) {
        who->present = false;
        memset(who->track_known, 0, sizeof who->track_known);
        others_subscribe(sim, who);
    }
    for (int track = 0; track < SIM_TRACKS; track++) {
        if (event->track_id == 0 || who->track_ids[track] != event->track_id)
            continue;
        if (event->kind == SFU_EVENT_TRACK_PUBLISHED)
            who->track_known[track] = true;
        if (event->kind == SFU_EVENT_TRACK_UNPUBLISHED)
            who->track_known[track] = false;
        if (event->kind == SFU_EVENT_TRACK_PUBLISHED || event->kind == SFU_EVENT_TRACK_UNPUBLISHED)
            others_subscribe(sim, who);
    }
}

/* ---- moving packets ------------------------------------------------------------------------------------------- */

static struct sim_endpoint *endpoint_at(struct sim *sim, const union sfu_address *address)
{
    for (uint32_t i = 0; i < sim->participant_count; i++)
        for (int pc = 0; pc < 2; pc++) {
            struct sim_endpoint *endpoint = &sim->participants[i].endpoints[pc];
            if (endpoint->path.local.in4.sin_port == address->in4.sin_port &&
                endpoint->path.local.in4.sin_addr.s_addr == address->in4.sin_addr.s_addr)
                return endpoint;
        }
    return NULL;
}

static struct sfu_path reverse(const struct sfu_path *path)
{
    struct sfu_path other = *path;
    other.remote = path->local;
    other.local = path->remote;
    return other;
}

/* Everything that the engine wants sent goes onto its way. */
void sim_drain(struct sim *sim)
{
    struct sfu_egress *egress = sfu_engine_egress(sim->engine);
    size_t count;
    const struct sfu_egress_run *runs = sfu_egress_runs(egress, &count);
    for (size_t i = 0; i < count; i++) {
        struct sim_endpoint *to = endpoint_at(sim, &runs[i].path.remote);
        struct sfu_path path = reverse(&runs[i].path);
        for (uint32_t at = 0; at < runs[i].bytes; at += runs[i].segment_bytes) {
            size_t len = runs[i].bytes - at < runs[i].segment_bytes ? runs[i].bytes - at : runs[i].segment_bytes;
            trace(sim, &runs[i].path, false, runs[i].data + at, len);
            if (to == NULL)
                sim->egress_to_nobody++;
            else
                sim_net_send(&sim->net, &to->down, sim->now_us, to, &path, runs[i].data + at, len);
        }
    }
    sfu_egress_reset(egress);
}

void sim_client_send(void *user, const struct sfu_path *path, const uint8_t *data, size_t len)
{
    struct sim_endpoint *endpoint = user;
    struct sim *sim = endpoint->sim;
    struct sfu_path seen = reverse(path);
    trace(sim, &seen, true, data, len);
    if (endpoint->owner->vanished)
        return;
    if (sim->replay) {
        uint8_t damaged[1600];
        memcpy(damaged, data, len);
        damaged[len - 1 - base_prng_next(&sim->random) % (len / 2)] ^= 0x10;
        sim_net_send(&sim->net, &endpoint->up, sim->now_us, NULL, &seen, damaged, len);
    }
    for (int copy = 0; copy < (sim->replay ? 3 : 1); copy++)
        sim_net_send(&sim->net, &endpoint->up, sim->now_us, NULL, &seen, data, len);
}

void sim_touch(struct sim *sim, struct sim_endpoint *endpoint)
{
    uint64_t deadline_us = endpoint->owner->vanished ? BASE_NEVER_US : bench_peer_deadline_us(endpoint->peer);
    int err = base_heap_set(&sim->deadlines, &endpoint->node, deadline_us);
    assert(err == 0);
    (void)err;
}

static void deliver(struct sim *sim, struct sim_packet *packet)
{
    struct sim_endpoint *endpoint = packet->receiver;
    if (endpoint == NULL) {
        sfu_engine_on_datagram(sim->engine, sim->now_us, &packet->path, packet->data, packet->len);
        sim_drain(sim);
    } else if (endpoint->peer != NULL && !endpoint->owner->vanished &&
               packet->path.local.in4.sin_port == endpoint->path.local.in4.sin_port) {
        bench_peer_on_datagram(endpoint->peer, sim->now_us, sim->now_us, &packet->path, packet->data, packet->len);
        sim_touch(sim, endpoint);
    }
    sim_net_give(&sim->net, packet);
}

void sim_inject(struct sim *sim, const struct sfu_path *path, const uint8_t *data, size_t len)
{
    uint8_t copy[1600];
    memcpy(copy, data, len);
    sfu_engine_on_datagram(sim->engine, sim->now_us, path, copy, len);
    sim_drain(sim);
}

/* ---- the clock ------------------------------------------------------------------------------------------------ */

static uint64_t subscribe_deadline_us(const struct sim *sim)
{
    uint64_t deadline_us = BASE_NEVER_US;
    for (uint32_t i = 0; i < sim->participant_count; i++)
        if (sim->participants[i].subscribe_due_us < deadline_us)
            deadline_us = sim->participants[i].subscribe_due_us;
    return deadline_us;
}

static void step(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->participant_count; i++)
        if (sim->participants[i].subscribe_due_us <= sim->now_us)
            sim_subscribe(sim, &sim->participants[i]);
    for (struct sim_packet *packet; (packet = sim_net_take(&sim->net, sim->now_us)) != NULL;)
        deliver(sim, packet);
    if (sfu_engine_deadline_us(sim->engine) <= sim->now_us) {
        sfu_engine_poll(sim->engine, sim->now_us);
        sim_drain(sim);
    }
    struct base_heap_node *node = base_heap_first(&sim->deadlines);
    if (node != NULL && node->deadline_us <= sim->now_us) {
        struct sim_endpoint *endpoint = base_container_of(node, struct sim_endpoint, node);
        bench_peer_poll(endpoint->peer, sim->now_us);
        sim_touch(sim, endpoint);
    }
}

void sim_run(struct sim *sim, uint64_t until_us)
{
    unsigned at_one_moment = 0;
    for (;;) {
        uint64_t next_us = sim_net_deadline_us(&sim->net);
        const struct base_heap_node *node = base_heap_first(&sim->deadlines);
        uint64_t others[3] = {node != NULL ? node->deadline_us : BASE_NEVER_US, sfu_engine_deadline_us(sim->engine),
                              subscribe_deadline_us(sim)};
        for (int i = 0; i < 3; i++)
            if (others[i] < next_us)
                next_us = others[i];
        if (next_us > until_us)
            break;
        /* A deadline that its owner does not move would stop the clock: say whose it is. */
        at_one_moment = next_us > sim->now_us ? 0 : at_one_moment + 1;
        if (at_one_moment > 100000) {
            fprintf(stderr, "time stands still at %llu: peer %llu, engine %llu, subscribe %llu\n",
                    (unsigned long long)sim->now_us, (unsigned long long)others[0], (unsigned long long)others[1],
                    (unsigned long long)others[2]);
            abort();
        }
        if (next_us > sim->now_us)
            sim->now_us = next_us;
        step(sim);
    }
    sim->now_us = until_us;
}

void sim_run_for(struct sim *sim, uint64_t us)
{
    sim_run(sim, sim->now_us + us);
}

/* ---- beginning and end ---------------------------------------------------------------------------------------- */

/* A failed case returns in its middle: the next one, or the end, clears up after it. One simulation at a time. */
static struct sim *alive;

static void destroy_alive(void)
{
    sim_destroy(alive);
}

struct sim *sim_create(const struct sim_config *config)
{
    struct sim *sim = calloc(1, sizeof *sim);
    if (sim == NULL)
        return NULL;
    static bool registered;
    if (!registered)
        atexit(destroy_alive);
    registered = true;
    sim_destroy(alive);
    alive = sim;
    sim->config = *config;
    if (sim->config.up.delay_us == 0)
        sim->config.up = good_link;
    if (sim->config.down.delay_us == 0)
        sim->config.down = good_link;
    if (sim->config.signaling_us == 0)
        sim->config.signaling_us = 50000;
    if (sim->config.video_bps == 0)
        sim->config.video_bps = 300000;
    if (sim->config.fps == 0)
        sim->config.fps = 25;
    sim->random = config->seed * 2 + 1;
    sim->now_us = START_US;
    sim->next_port = 20000;
    int err = sim_net_init(&sim->net);
    sim->net.on_lost = on_lost;
    sim->net.user = sim;
    if (err == 0)
        err = sfu_dtls_identity_create(&sim->server_identity);
    if (err == 0)
        err = sfu_dtls_identity_create(&sim->client_identity);
    const struct sfu_engine_config engine = {.identity = sim->server_identity,
                                             .hash_key = {1, 2},
                                             .random_seed = config->seed,
                                             .packet_max = 16384,
                                             .egress_chunk_max = 512,
                                             .on_event = on_event,
                                             .user = sim};
    if (err == 0)
        err = sfu_engine_create(&sim->engine, &engine);
    if (err != 0) {
        sim_destroy(sim);
        return NULL;
    }
    sfu_engine_set_wall_offset_us(sim->engine, SIM_WALL_OFFSET_US);
    struct sfu_command open = {.kind = SFU_COMMAND_ROOM_OPEN,
                               .policy = {.capacity = config->capacity != 0 ? config->capacity : 24}};
    sim_command(sim, &open);
    return sim;
}

void sim_destroy(struct sim *sim)
{
    if (sim == NULL)
        return;
    if (alive == sim)
        alive = NULL;
    sfu_engine_destroy(sim->engine);
    for (uint32_t i = 0; i < sim->participant_count; i++)
        for (int pc = 0; pc < 2; pc++)
            bench_peer_destroy(sim->participants[i].endpoints[pc].peer);
    base_heap_clear(&sim->deadlines);
    sim_net_clear(&sim->net);
    sfu_dtls_identity_destroy(sim->server_identity);
    sfu_dtls_identity_destroy(sim->client_identity);
    free(sim);
}

/* ---- looking at it -------------------------------------------------------------------------------------------- */

struct bench_receive_stream *sim_stream(const struct sim_participant *subscriber,
                                        const struct sim_participant *publisher, int track)
{
    for (unsigned i = 0; i < subscriber->subscription_count; i++) {
        const struct sim_subscription *entry = &subscriber->subscriptions[i];
        if (entry->publisher == publisher->index && entry->track == track)
            return entry->stream;
    }
    return NULL;
}

const struct bench_receive_counters *sim_received(const struct sim_participant *subscriber,
                                                  const struct sim_participant *publisher, int track)
{
    static const struct bench_receive_counters nothing;
    const struct bench_receive_stream *stream = sim_stream(subscriber, publisher, track);
    return stream != NULL ? bench_receive_stream_counters(stream) : &nothing;
}

const struct bench_send_counters *sim_sent(const struct sim_participant *publisher, int track)
{
    return bench_send_stream_counters(publisher->sends[track]);
}

struct bench_peer *sim_peer(const struct sim_participant *who, enum sfu_peer_connection pc)
{
    return who->endpoints[pc].peer;
}

unsigned sim_count_events(const struct sim *sim, unsigned from, enum sfu_event_kind kind,
                          const struct sim_participant *who, unsigned *first)
{
    unsigned count = 0;
    for (unsigned i = from; i < sim->event_count; i++) {
        const struct sfu_event *event = &sim->events[i].event;
        if (event->kind != kind || (who != NULL && event->participant_id != who->id))
            continue;
        if (count++ == 0 && first != NULL)
            *first = i;
    }
    return count;
}

uint64_t sim_errors(const struct sim *sim)
{
    uint64_t errors = 0;
    for (uint32_t i = 0; i < sim->participant_count; i++) {
        const struct sim_participant *who = &sim->participants[i];
        const struct bench_peer_counters *down = bench_peer_counters(who->endpoints[SFU_SUBSCRIBE].peer);
        errors += down->rtp_auth_failed + down->rtp_malformed + down->rtcp_malformed + down->unknown_datagrams;
        for (unsigned k = 0; k < who->subscription_count; k++) {
            const struct bench_receive_counters *counters = bench_receive_stream_counters(who->subscriptions[k].stream);
            char text[256];
            if (bench_receive_errors(counters) == 0)
                continue;
            errors += bench_receive_errors(counters);
            bench_receive_errors_text(counters, text, sizeof text);
            printf("    %u from %u, track %d: %s\n", who->index, who->subscriptions[k].publisher,
                   who->subscriptions[k].track, text);
        }
    }
    return errors;
}

bool sim_all_connected(const struct sim *sim)
{
    for (uint32_t i = 0; i < sim->participant_count; i++)
        for (int pc = 0; pc < 2; pc++)
            if (bench_peer_state(sim->participants[i].endpoints[pc].peer) != BENCH_PEER_CONNECTED)
                return false;
    return true;
}

uint32_t sim_lost(const struct sim *sim, uint32_t ssrc)
{
    return sim->lost_by_ssrc[ssrc & 0xFFFF];
}
