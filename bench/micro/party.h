/* SPDX-License-Identifier: Apache-2.0 */
/**
 * party.h - rooms full of bench clients that are all there from the start: each publishes Opus and VP8 and receives
 * everybody else of its room. Negotiated by direct commands, without signaling.
 *
 * Sans-IO: commands and datagrams leave through callbacks, time is an argument. So the same party talks to an engine in
 * memory and to a worker over sockets. An *endpoint* is one peer connection, numbered 0..bench_party_endpoints().
 */
#ifndef CONSILIUM_BENCH_MICRO_PARTY_H
#define CONSILIUM_BENCH_MICRO_PARTY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sfu/room/messages.h"
#include "sfu/transport/path.h"

struct bench_party;

struct bench_party_config {
    uint32_t rooms, people; /**< people of each room */
    uint32_t publishers;    /**< of each room, the first ones; the others only watch */
    uint32_t video_bps;
    const uint8_t *fingerprint; /**< the server's */
    int64_t wall_offset_us;
    void (*command)(void *user, const struct sfu_command *command);
    void (*credentials)(void *user, uint64_t room_id, struct sfu_ice_credentials *out);
    /** The 5-tuple of an endpoint, as seen by the client. */
    void (*path)(void *user, size_t endpoint, uint64_t room_id, struct sfu_path *out);
    void (*send)(void *user, size_t endpoint, const struct sfu_path *path, const uint8_t *datagram, size_t len);
    void *user;
};

/** Opens the rooms and has everybody join, publish and subscribe. Returns 0, BASE_ERR_NOMEM or BASE_ERR_CRYPTO. */
int bench_party_create(struct bench_party **out, const struct bench_party_config *config, uint64_t now_us);
void bench_party_destroy(struct bench_party *party);

size_t bench_party_endpoints(const struct bench_party *party);
void bench_party_on_datagram(struct bench_party *party, size_t endpoint, uint64_t now_us, const struct sfu_path *path,
                             uint8_t *datagram, size_t len);
uint64_t bench_party_deadline_us(const struct bench_party *party);
void bench_party_poll(struct bench_party *party, uint64_t now_us);

bool bench_party_connected(const struct bench_party *party);
/** RTP packets that arrived, all endpoints together. */
uint64_t bench_party_received(const struct bench_party *party);
uint64_t bench_party_sent(const struct bench_party *party);

#endif
