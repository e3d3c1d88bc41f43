/* SPDX-License-Identifier: Apache-2.0 */
/**
 * sfu.h - the media engine for the floors above: commands in, events out. The only header of sfu/ that they include.
 *
 * Owns one worker thread for each UDP port. A room lives on one worker; commands travel through bounded rings and never
 * block. Threads: _post, _ice_credentials and _stats may be called from any thread; events are taken by one thread,
 * which `notify` wakes.
 */
#ifndef CONSILIUM_SFU_SFU_H
#define CONSILIUM_SFU_SFU_H

#include <stddef.h>
#include <stdint.h>

#include "sfu/room/messages.h"
#include "sfu/transport/transport.h"

#define SFU_PUBLIC_ADDRESSES_MAX 8

struct sfu;

struct sfu_config {
    uint32_t worker_count;      /**< 1..64 */
    const char *listen_address; /**< "0.0.0.0", "::" (both families) or one address */
    uint16_t udp_port;          /**< of the first worker, the next has the next port; 0: any free ports (tests) */
    uint16_t tcp_port;          /**< ICE-TCP for all workers; 0 with tcp_enabled: any free port */
    bool tcp_enabled;
    /** Addresses to advertise; none: those of the machine's interfaces (loopback only if `advertise_loopback` or
     * nothing else). Each may be behind a 1:1 NAT of the same port. */
    const char *public_addresses[SFU_PUBLIC_ADDRESSES_MAX];
    uint32_t public_address_count;
    bool advertise_loopback;
    uint32_t socket_buffer_bytes; /**< asked for each UDP socket, both ways; what was granted is logged */
    bool gso;                     /**< false: the plain path, one datagram a message */
    uint32_t coalesce_us;         /**< rest between iterations under load so that runs grow; 0: none */
    /** Called from a worker after it queued events, at most once until the queue was drained. Must only wake the taker.
     */
    void (*notify)(void *user);
    void *user;
};

/** A candidate of the server for SDP: address text, port, protocol. */
struct sfu_candidate {
    char address[46];
    uint16_t port;
    bool tcp;
    uint32_t priority;
};

/** Opens the sockets and starts the workers. Returns 0, BASE_ERR_INVALID, BASE_ERR_NOMEM, BASE_ERR_CRYPTO, or
 * BASE_ERR_IO (errno: for example EADDRINUSE); on error *out is NULL and nothing runs. */
int sfu_create(struct sfu **out, const struct sfu_config *config);
/** Closes all rooms (events follow), gives the workers up to `drain_ms` to send what is left, joins the threads. Events
 * can be taken until _destroy. */
void sfu_stop(struct sfu *sfu, uint32_t drain_ms);
void sfu_destroy(struct sfu *sfu);

/** Copies `command` and its arrays and hands it to the worker of its room; ROOM_OPEN places the room on the worker with
 * the fewest participants. Returns 0, BASE_ERR_NOT_FOUND (no such room), BASE_ERR_FULL (the worker is overloaded, or
 * ROOM_OPEN after _stop: nothing happened), BASE_ERR_EXISTS (ROOM_OPEN), BASE_ERR_INVALID (more tracks than
 * SFU_TRACKS_MAX or SFU_SUBSCRIPTIONS_MAX) or BASE_ERR_NOMEM. */
int sfu_post(struct sfu *sfu, const struct sfu_command *command);
/** Takes the oldest event. Returns false when there is none. A worker whose event queue is full waits with its rooms'
 * events, never with packets. */
bool sfu_take_event(struct sfu *sfu, struct sfu_event *event);
/** Fresh credentials for a transport of `room_id` (the ufrag names the worker: ICE-TCP connections are handed over by
 * it). Returns 0 or BASE_ERR_NOT_FOUND. */
int sfu_ice_credentials(struct sfu *sfu, uint64_t room_id, struct sfu_ice_credentials *out);
/** Candidates of the room's worker; returns how many of out[0..out_max). */
size_t sfu_candidates(struct sfu *sfu, uint64_t room_id, struct sfu_candidate *out, size_t out_max);
/** SHA-256 of the certificate of all transports. */
const uint8_t *sfu_fingerprint(const struct sfu *sfu);

struct sfu_worker_stats {
    struct sfu_stats engine;
    uint64_t iterations;
    uint64_t sends, receives;                   /**< system calls (UDP) */
    uint64_t send_failures;                     /**< packets that the kernel did not take, UDP and TCP */
    uint64_t gso_messages, gso_segments;        /**< messages of more than one packet, and the packets in them */
    uint64_t tcp_connections, tcp_bytes_queued; /**< now */
    uint64_t tcp_accepted, tcp_refused;         /**< kept by this worker; closed before they proved themselves */
    uint64_t cpu_us;                            /**< of the thread */
    uint64_t loop_delay_max_us; /**< longest iteration, or lateness for a deadline, since the last _stats: how long a
                                   packet may have waited */
    uint32_t receive_buffer_bytes, send_buffer_bytes; /**< granted */
};
/** Copies the newest snapshot (at most 1 s old) of each worker; returns how many. */
size_t sfu_worker_stats(struct sfu *sfu, struct sfu_worker_stats *out, size_t out_max);

#endif
