/* SPDX-License-Identifier: Apache-2.0 */
/* network_line.c - a person's network: packets under way. */
#include <stdlib.h>
#include <string.h>

#include "base/deadline.h"
#include "base/err.h"
#include "base/random.h"
#include "bench/client/network_profile.h"

#define QUEUE_US     200000u
#define TCP_QUEUE_US 5000000u
#define HEADER_BYTES 28u /* IPv4 and UDP: a rate limit counts them too */

struct packet {
    struct packet *next;
    uint64_t arrival_us;
    void *tag;
    size_t len;
    uint8_t data[];
};

/* Order is kept, so each is a queue by arrival. */
struct queue {
    struct packet *first, **last;
    uint64_t arrival_us; /* of the newest */
};

struct direction {
    struct bench_network_direction config;
    struct bench_network_counters counters;
    uint64_t random;
    bool losing;            /* inside a run of losses */
    uint64_t free_ns;       /* when the limit has passed on what is before it */
    struct queue queues[2]; /* UDP, TCP */
};

struct bench_network_line {
    struct direction ways[2];
    uint64_t round_trip_us;
    struct packet *taken;
};

int bench_network_line_create(struct bench_network_line **out, const struct bench_network_profile *profile,
                              uint64_t seed)
{
    *out = NULL;
    struct bench_network_line *line = calloc(1, sizeof *line);
    if (line == NULL)
        return BASE_ERR_NOMEM;
    for (int way = 0; way < 2; way++) {
        struct direction *it = &line->ways[way];
        it->config = way == BENCH_NETWORK_UP ? profile->up : profile->down;
        it->random = (seed + (uint64_t)way) * UINT64_C(0x9E3779B97F4A7C15) | 1;
        for (int i = 0; i < 4; i++) /* neighbouring seeds begin alike */
            base_prng_next(&it->random);
        for (int tcp = 0; tcp < 2; tcp++)
            it->queues[tcp].last = &it->queues[tcp].first;
        line->round_trip_us += it->config.delay_us + it->config.jitter_us / 2;
    }
    *out = line;
    return 0;
}

void bench_network_line_destroy(struct bench_network_line *line)
{
    if (line == NULL)
        return;
    for (int i = 0; i < 4; i++)
        for (struct packet *packet = line->ways[i / 2].queues[i % 2].first, *next; packet != NULL; packet = next) {
            next = packet->next;
            free(packet);
        }
    free(line->taken);
    free(line);
}

static double uniform(uint64_t *state)
{
    return (double)(base_prng_next(state) >> 11) * 0x1p-53;
}

/* Gilbert's model: a run of losses begins with such a probability that the share is `loss` in the end, and ends after
 * each packet with 1 / burst. One draw for each packet, whatever happens to it. */
static bool loses(struct direction *it)
{
    const double loss = it->config.loss, draw = uniform(&it->random);
    if (loss <= 0)
        return false;
    if (it->config.burst <= 1 || loss >= 1)
        return draw < loss;
    const double end = 1 / it->config.burst, begin = loss * end / (1 - loss);
    it->losing = it->losing ? draw >= end : draw < begin;
    return it->losing;
}

/* When the rate limit has let it through; false: its queue is full. */
static bool pass_limit(struct direction *it, uint64_t now_us, bool tcp, size_t len, uint64_t *out_us)
{
    *out_us = now_us;
    if (it->config.rate_bps == 0)
        return true;
    uint64_t queue_us = tcp ? TCP_QUEUE_US : it->config.queue_us != 0 ? it->config.queue_us : QUEUE_US;
    uint64_t now_ns = now_us * 1000, begin_ns = it->free_ns > now_ns ? it->free_ns : now_ns;
    if (begin_ns - now_ns > queue_us * 1000)
        return false;
    it->free_ns = begin_ns + (len + HEADER_BYTES) * 8 * UINT64_C(1000000000) / it->config.rate_bps;
    *out_us = it->free_ns / 1000;
    return true;
}

/* RFC 7983 and RFC 5761: 2 in the upper bits, and a second octet that is no RTCP type. */
static bool is_rtp(const uint8_t *data, size_t len)
{
    return len >= 2 && data[0] >> 6 == 2 && (data[1] < 192 || data[1] > 223);
}

void bench_network_line_send(struct bench_network_line *line, uint64_t now_us, enum bench_network_way way, bool tcp,
                             void *tag, const uint8_t *data, size_t len)
{
    struct direction *it = &line->ways[way];
    struct queue *queue = &it->queues[tcp];
    uint64_t arrival_us;
    it->counters.packets++;
    bool lost = loses(it);
    uint64_t jitter_us = it->config.jitter_us != 0 ? base_prng_next(&it->random) % (it->config.jitter_us + 1u) : 0;
    bool passes = pass_limit(it, now_us, tcp, len, &arrival_us); /* what is lost is lost behind the limit */
    struct packet *packet = passes && (tcp || !lost) ? malloc(sizeof *packet + len) : NULL;
    if (lost)
        it->counters.lost++;
    if (packet == NULL) {
        it->counters.overflowed += tcp || !lost;
        it->counters.media += is_rtp(data, len);
        return;
    }
    arrival_us += it->config.delay_us + jitter_us + (lost ? line->round_trip_us : 0);
    if (arrival_us < queue->arrival_us)
        arrival_us = queue->arrival_us;
    queue->arrival_us = arrival_us;
    packet->next = NULL;
    packet->arrival_us = arrival_us;
    packet->tag = tag;
    packet->len = len;
    memcpy(packet->data, data, len);
    *queue->last = packet;
    queue->last = &packet->next;
}

/* The queue whose first packet is the next to arrive, or NULL. */
static struct queue *next_queue(const struct bench_network_line *line, enum bench_network_way *way)
{
    const struct queue *best = NULL;
    for (int i = 0; i < 4; i++) {
        const struct queue *queue = &line->ways[i / 2].queues[i % 2];
        if (queue->first == NULL || (best != NULL && queue->first->arrival_us >= best->first->arrival_us))
            continue;
        best = queue;
        *way = (enum bench_network_way)(i / 2);
    }
    return (struct queue *)(uintptr_t)best;
}

static struct packet *take_first(struct queue *queue)
{
    struct packet *packet = queue->first;
    queue->first = packet->next;
    if (queue->first == NULL)
        queue->last = &queue->first;
    return packet;
}

uint64_t bench_network_line_deadline_us(const struct bench_network_line *line)
{
    enum bench_network_way way;
    const struct queue *queue = next_queue(line, &way);
    return queue != NULL ? queue->first->arrival_us : BASE_NEVER_US;
}

uint8_t *bench_network_line_take(struct bench_network_line *line, uint64_t now_us, enum bench_network_way *way,
                                 void **tag, size_t *len, uint64_t *arrival_us)
{
    free(line->taken);
    line->taken = NULL;
    struct queue *queue = next_queue(line, way);
    if (queue == NULL || queue->first->arrival_us > now_us)
        return NULL;
    line->taken = take_first(queue);
    *tag = line->taken->tag;
    *len = line->taken->len;
    *arrival_us = line->taken->arrival_us;
    return line->taken->data;
}

void bench_network_line_forget(struct bench_network_line *line, const void *tag)
{
    for (int i = 0; i < 4; i++) {
        struct queue *queue = &line->ways[i / 2].queues[i % 2];
        queue->last = &queue->first;
        while (*queue->last != NULL) {
            struct packet *packet = *queue->last;
            if (packet->tag != tag) {
                queue->last = &packet->next;
                continue;
            }
            *queue->last = packet->next;
            free(packet);
        }
    }
}

const struct bench_network_counters *bench_network_line_counters(const struct bench_network_line *line,
                                                                 enum bench_network_way way)
{
    return &line->ways[way].counters;
}
