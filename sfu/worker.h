/* SPDX-License-Identifier: Apache-2.0 */
/**
 * worker.h - one thread, one loop, one UDP port: receives a batch, changes the engine's state, drains its egress, sends
 * a batch, sleeps until the next deadline.
 *
 * An iteration: wait (sockets, deadline, wake-up) -> messages from other threads -> UDP batches -> what is due -> one
 * sendmmsg of everything that came of it -> events upwards. Under load the thread *rests* before it receives again (see
 * coalesce_us), so that packets for one destination meet in one iteration and go out as one GSO message.
 *
 * Threads: _post, _adopt, _stop and _stats from any thread; _take_event from one; the rest from the owner. No lock or
 * allocation in the packet path.
 */
#ifndef CONSILIUM_SFU_WORKER_H
#define CONSILIUM_SFU_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sfu/io/address.h"
#include "sfu/room/messages.h"
#include "sfu/sfu.h"

#define SFU_WORKER_MESSAGES_MAX 4096 /**< commands and connections waiting for a worker */
#define SFU_WORKER_EVENTS_MAX   4096 /**< events waiting for their taker; more wait inside the worker */
#define SFU_WORKERS_MAX         64   /**< one base64 character names a worker */

struct sfu_worker;

struct sfu_worker_config {
    uint32_t index;        /**< 0..SFU_WORKERS_MAX - 1 */
    uint32_t worker_count; /**< all of them */
    union sfu_address udp; /**< listen here; port 0: any */
    bool tcp_listen;       /**< accept the ICE-TCP connections of all workers */
    union sfu_address tcp; /**< listen here if tcp_listen; port 0: any */
    uint32_t socket_buffer_bytes;
    bool gso;
    /** After an iteration that handled packets the thread sleeps until this long after the iteration's start (or the
     *  engine's deadline) before it receives again; 0: never. The price is at most this much delay for a packet that
     *  follows another; a packet after a pause is never delayed. */
    uint32_t coalesce_us;
    struct sfu_dtls_identity *identity; /**< outlives the worker */
    /** A TCP connection is for worker `index` (not this one). True: its descriptor was taken over. This worker's
     *  thread. */
    bool (*hand_over)(void *user, uint32_t index, int fd, const uint8_t *received, size_t len);
    /** Events were queued. This worker's thread. */
    void (*notify)(void *user);
    void *user;
};

/** Opens the sockets; nothing runs yet. Copies `config`. Returns 0, BASE_ERR_INVALID, BASE_ERR_NOMEM or BASE_ERR_IO
 *  (errno, logged); on error *out is NULL. */
int sfu_worker_create(struct sfu_worker **out, const struct sfu_worker_config *config);
/** Starts the thread (all signals blocked in it). Returns 0 or BASE_ERR_IO (errno). */
int sfu_worker_start(struct sfu_worker *worker);
/** Asks the thread to carry out what was posted, close all rooms (reason SHUTDOWN), send what is left for at most
 *  `drain_ms` and end. Does not wait. */
void sfu_worker_stop(struct sfu_worker *worker, uint32_t drain_ms);
/** Waits for the thread's end after _stop; its events can still be taken. */
void sfu_worker_join(struct sfu_worker *worker);
/** Of a worker that was joined or never started. NULL is allowed. */
void sfu_worker_destroy(struct sfu_worker *worker);

/** Copies `command` with its arrays. Returns 0, BASE_ERR_INVALID (more tracks than SFU_TRACKS_MAX or
 *  SFU_SUBSCRIPTIONS_MAX), BASE_ERR_FULL or BASE_ERR_NOMEM. */
int sfu_worker_post(struct sfu_worker *worker, const struct sfu_command *command);
/** A TCP connection with what was read from it. Returns 0 (the worker has the descriptor), BASE_ERR_FULL or
 *  BASE_ERR_NOMEM. */
int sfu_worker_adopt(struct sfu_worker *worker, int fd, const uint8_t *received, size_t len);
/** Takes the worker's oldest event; false: none. */
bool sfu_worker_take_event(struct sfu_worker *worker, struct sfu_event *event);
/** The newest snapshot, at most 1 s old; starts a new measurement of the loop's delay. */
void sfu_worker_stats_read(struct sfu_worker *worker, struct sfu_worker_stats *out);

uint16_t sfu_worker_udp_port(const struct sfu_worker *worker);
/** 0 unless it listens. */
uint16_t sfu_worker_tcp_port(const struct sfu_worker *worker);

/** Number of the worker that a ufrag names by its first character, or -1. */
int sfu_worker_of_ufrag(const char *ufrag, size_t len);
/** The character that names worker `index`. */
char sfu_worker_ufrag_char(uint32_t index);

#endif
