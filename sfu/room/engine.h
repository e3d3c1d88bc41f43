/* SPDX-License-Identifier: Apache-2.0 */
/**
 * engine.h - all rooms of one worker, without its sockets and clock: datagrams and commands in, egress and events out.
 *
 * One mutation, then drain: after each _on_datagram, _command or _poll the owner may send what is in the egress (a
 * worker does it once an iteration, so that runs grow) and look at the deadline. The whole media engine below this
 * header runs in virtual time in the simulator exactly as it does on a server. Threads: one owner. No allocation per
 * packet: packets come from a pool, send memory from the egress.
 */
#ifndef CONSILIUM_SFU_ROOM_ENGINE_H
#define CONSILIUM_SFU_ROOM_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#include "sfu/room/messages.h"
#include "sfu/transport/egress.h"

struct sfu_engine;

struct sfu_engine_config {
    struct sfu_dtls_identity *identity; /**< outlives the engine */
    uint64_t hash_key[2];               /**< random on a server, fixed in a simulation */
    uint64_t random_seed;               /**< first sequence numbers and the like; not secret */
    uint32_t packet_max;                /**< packets kept for retransmission, all rooms together */
    uint32_t egress_chunk_max;          /**< see egress.h */
    /** Called during the calls below; must not call back into the engine. */
    void (*on_event)(void *user, const struct sfu_event *event);
    /** No transport uses this TCP connection any more (ICE has more paths than it keeps, the transport has ended, or
     * the check there was answered with an error): close it once what is in the egress for it was sent. May be NULL;
     * likewise. */
    void (*on_path_unused)(void *user, const struct sfu_path *path);
    void *user;
};

/** Returns 0, BASE_ERR_INVALID or BASE_ERR_NOMEM; on error *out is NULL. */
int sfu_engine_create(struct sfu_engine **out, const struct sfu_engine_config *config);
/** Ends all rooms without events. NULL is allowed. */
void sfu_engine_destroy(struct sfu_engine *engine);

/** Wall clock minus the monotonic one, for room times and sender reports; set it at the start and whenever it jumps. */
void sfu_engine_set_wall_offset_us(struct sfu_engine *engine, int64_t offset_us);
/** Carries out `command`; the arrays in it are only read. */
void sfu_engine_command(struct sfu_engine *engine, uint64_t now_us, const struct sfu_command *command);
/** One datagram (or one RFC 4571 frame). May be decrypted in place. */
void sfu_engine_on_datagram(struct sfu_engine *engine, uint64_t now_us, const struct sfu_path *path, uint8_t *datagram,
                            size_t len);
/** A TCP connection ended. */
void sfu_engine_on_path_closed(struct sfu_engine *engine, const struct sfu_path *path);
/** When to call _poll; BASE_NEVER_US if nothing is planned. */
uint64_t sfu_engine_deadline_us(const struct sfu_engine *engine);
void sfu_engine_poll(struct sfu_engine *engine, uint64_t now_us);
/** What is to be sent: read the runs, then sfu_egress_reset(). */
struct sfu_egress *sfu_engine_egress(struct sfu_engine *engine);
void sfu_engine_stats(const struct sfu_engine *engine, struct sfu_stats *out);

#endif
