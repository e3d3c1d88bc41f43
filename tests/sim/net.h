/* SPDX-License-Identifier: Apache-2.0 */
/**
 * net.h - a network that does not exist: seeded loss, delay, jitter, reordering, duplication, a bottleneck with its
 * queue, blackouts; in virtual time, repeatable to the packet.
 *
 * A *link* is one direction between one client address and the server. Jitter keeps the order of packets (queues do),
 * `reorder` lets single packets arrive late. DTLS datagrams are treated as if all had the same size: signatures differ
 * in length from run to run, and nothing else may.
 */
#ifndef CONSILIUM_TESTS_SIM_NET_H
#define CONSILIUM_TESTS_SIM_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/heap.h"
#include "base/pool.h"
#include "sfu/transport/path.h"

struct sim_link_config {
    double loss, duplicate, reorder; /**< probabilities */
    uint32_t delay_us, jitter_us;    /**< arrival after delay +- jitter */
    uint64_t rate_bps;               /**< 0: no bottleneck */
    uint32_t queue_bytes;            /**< of the bottleneck; what does not fit is lost */
};

struct sim_link {
    struct sim_link_config config;
    bool blackout; /**< everything is lost */
    uint64_t random;
    uint64_t free_us;         /* when the bottleneck has sent what is queued */
    uint64_t last_arrival_us; /* of packets in order */
    uint64_t sent, lost, duplicated, overflowed;
};

struct sim_packet {
    struct base_heap_node node; /* deadline: arrival */
    struct sfu_path path;       /**< as its receiver sees it */
    void *receiver;             /**< NULL: the server */
    uint16_t len;
    uint8_t data[1600];
};

struct sim_net {
    struct base_heap in_flight;
    struct base_pool *pool;
    /** Called for each packet that will not arrive. */
    void (*on_lost)(void *user, const uint8_t *data, size_t len);
    void *user;
};

int sim_net_init(struct sim_net *net);
void sim_net_clear(struct sim_net *net);
void sim_link_init(struct sim_link *link, const struct sim_link_config *config, uint64_t seed);
void sim_net_send(struct sim_net *net, struct sim_link *link, uint64_t now_us, void *receiver,
                  const struct sfu_path *path, const uint8_t *data, size_t len);
uint64_t sim_net_deadline_us(const struct sim_net *net);
/** The next packet arriving at or before now_us; give it back with sim_net_give(). */
struct sim_packet *sim_net_take(struct sim_net *net, uint64_t now_us);
void sim_net_give(struct sim_net *net, struct sim_packet *packet);
/** Uniform in 0..1 from *state. */
double sim_uniform(uint64_t *state);

#endif
