/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/net.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "sfu/transport/demux.h"

#define IN_FLIGHT_MAX 65536
#define IP_UDP_BYTES  28u
#define DTLS_BYTES    1000u

int sim_net_init(struct sim_net *net)
{
    memset(net, 0, sizeof *net);
    int err = base_pool_create(&net->pool, sizeof(struct sim_packet), IN_FLIGHT_MAX);
    return err != 0 ? err : base_heap_reserve(&net->in_flight, IN_FLIGHT_MAX);
}

void sim_net_clear(struct sim_net *net)
{
    base_heap_clear(&net->in_flight);
    base_pool_destroy(net->pool);
}

void sim_link_init(struct sim_link *link, const struct sim_link_config *config, uint64_t seed)
{
    *link = (struct sim_link){.config = *config, .random = seed * 2 + 1};
    for (int i = 0; i < 8; i++) /* small seeds are alike at first */
        base_prng_next(&link->random);
}

double sim_uniform(uint64_t *state)
{
    return (double)(base_prng_next(state) >> 11) * 0x1.0p-53;
}

static void put(struct sim_net *net, uint64_t arrival_us, void *receiver, const struct sfu_path *path,
                const uint8_t *data, size_t len)
{
    struct sim_packet *packet = base_pool_take(net->pool);
    assert(packet != NULL && len <= sizeof packet->data);
    memset(&packet->node, 0, sizeof packet->node);
    packet->path = *path;
    packet->receiver = receiver;
    packet->len = (uint16_t)len;
    memcpy(packet->data, data, len);
    int err = base_heap_set(&net->in_flight, &packet->node, arrival_us);
    assert(err == 0);
    (void)err;
}

static void lose(struct sim_net *net, struct sim_link *link, const uint8_t *data, size_t len)
{
    link->lost++;
    if (net->on_lost != NULL)
        net->on_lost(net->user, data, len);
}

void sim_net_send(struct sim_net *net, struct sim_link *link, uint64_t now_us, void *receiver,
                  const struct sfu_path *path, const uint8_t *data, size_t len)
{
    const struct sim_link_config *config = &link->config;
    link->sent++;
    /* Always the same number of draws: one packet's fate does not change another's dice. */
    double loss = sim_uniform(&link->random), duplicate = sim_uniform(&link->random);
    double reorder = sim_uniform(&link->random), jitter = sim_uniform(&link->random);
    if (link->blackout || loss < config->loss) {
        lose(net, link, data, len);
        return;
    }
    uint64_t out_us = now_us;
    if (config->rate_bps != 0) {
        size_t bytes = sfu_datagram_classify(data, len) == SFU_DATAGRAM_DTLS ? DTLS_BYTES : len + IP_UDP_BYTES;
        uint64_t start_us = link->free_us > now_us ? link->free_us : now_us;
        if ((start_us - now_us) * config->rate_bps / 8000000 + bytes > config->queue_bytes) {
            link->overflowed++;
            lose(net, link, data, len);
            return;
        }
        link->free_us = start_us + bytes * 8000000 / config->rate_bps;
        out_us = link->free_us;
    }
    uint64_t arrival_us = out_us + config->delay_us - config->jitter_us + (uint64_t)(jitter * 2 * config->jitter_us);
    if (reorder < config->reorder)
        arrival_us += 1000 + (uint64_t)(sim_uniform(&link->random) * 30000);
    else if (arrival_us <= link->last_arrival_us)
        arrival_us = ++link->last_arrival_us; /* never the same moment: the heap does not keep the order of equals */
    else
        link->last_arrival_us = arrival_us;
    put(net, arrival_us, receiver, path, data, len);
    if (duplicate < config->duplicate) {
        link->duplicated++;
        put(net, arrival_us + 500, receiver, path, data, len);
    }
}

uint64_t sim_net_deadline_us(const struct sim_net *net)
{
    const struct base_heap_node *first = base_heap_first(&net->in_flight);
    return first != NULL ? first->deadline_us : BASE_NEVER_US;
}

struct sim_packet *sim_net_take(struct sim_net *net, uint64_t now_us)
{
    struct base_heap_node *first = base_heap_first(&net->in_flight);
    if (first == NULL || first->deadline_us > now_us)
        return NULL;
    base_heap_set(&net->in_flight, first, BASE_NEVER_US);
    return base_container_of(first, struct sim_packet, node);
}

void sim_net_give(struct sim_net *net, struct sim_packet *packet)
{
    base_pool_give(net->pool, packet);
}
