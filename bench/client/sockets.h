/* SPDX-License-Identifier: Apache-2.0 */
/**
 * sockets.h - the UDP sockets and TCP connections of bench clients: batched, in one loop.
 *
 * Datagrams are queued by _send and leave by one sendmmsg per socket when bench_sockets_flush() is called; they arrive
 * by recvmmsg, each with the time at which the kernel had it: what happens later is the load tool's own delay, not the
 * server's. TCP: RFC 6544 active side with RFC 4571 framing. Threads: one owner.
 *
 * Each datagram is sent and received by itself, without UDP_SEGMENT and UDP_GRO: over the loopback interface both would
 * take work off the server that a network card does not (measured: a sixth of its CPU), for little gain here.
 */
#ifndef CONSILIUM_BENCH_CLIENT_SOCKETS_H
#define CONSILIUM_BENCH_CLIENT_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/client/histogram.h"
#include "sfu/io/loop.h"
#include "sfu/transport/path.h"

#define BENCH_SOCKET_BATCH 64

struct bench_sockets; /* all of one loop */
struct bench_socket;  /* one */

/** `arrival_us`: when it reached this machine, on base_clock_us()'s clock (TCP: when it was read); never later than
 * now_us. */
typedef void (*bench_socket_fn)(void *user, struct bench_socket *socket, uint64_t now_us, uint64_t arrival_us,
                                uint8_t *data, size_t len);

struct bench_sockets_counters {
    uint64_t datagrams_in, datagrams_out, receives, sends;
    uint64_t send_failures; /**< datagrams that could not leave: our own buffers were full, or an ICMP error */
    uint64_t dropped_in;    /**< datagrams that our own sockets had no room for: not the server's loss */
    uint64_t dropped_out;   /**< of send_failures: UDP that this machine did not take; likewise */
    /** How long what arrived had waited in the kernel, us: the oldest of each receive call. */
    struct bench_histogram wait;
};

int bench_sockets_create(struct bench_sockets **out, struct sfu_loop *loop);
void bench_sockets_destroy(struct bench_sockets *sockets);
/** A socket of its own towards `remote`: UDP is connected, TCP connects in the background. Returns NULL if the system
 * refuses (errno). */
struct bench_socket *bench_socket_open(struct bench_sockets *sockets, const union sfu_address *remote, bool tcp,
                                       bench_socket_fn on_datagram, void *user);
/** Not from its own callback. */
void bench_socket_close(struct bench_sockets *sockets, struct bench_socket *socket);
/** Remote: the server; local: ours. For bench_peer_add_pair() and _on_datagram(). */
const struct sfu_path *bench_socket_path(const struct bench_socket *socket);
/** Queued; len <= 1500. Dropped when the batch cannot leave. */
void bench_socket_send(struct bench_sockets *sockets, struct bench_socket *socket, const uint8_t *data, size_t len);
void bench_sockets_flush(struct bench_sockets *sockets);
const struct bench_sockets_counters *bench_sockets_counters(const struct bench_sockets *sockets);

#endif
