/* SPDX-License-Identifier: Apache-2.0 */
/**
 * udp.h - one UDP socket that receives and sends in batches.
 *
 * Receiving: recvmmsg(2) with UDP_GRO, where the kernel hands over several datagrams of one sender as one message; they
 * are split again here. Sending: each run of equal-sized packets is one message (UDP_SEGMENT, "GSO"), all messages of a
 * call go out by one sendmmsg(2). Where GSO is refused (by the kernel, or by the route) the run goes out packet by
 * packet. A socket bound to a wildcard learns each datagram's local address (pktinfo) and answers from that address.
 *
 * All memory is taken in _open; nothing is allocated for a packet. Threads: one owner.
 */
#ifndef CONSILIUM_SFU_IO_UDP_H
#define CONSILIUM_SFU_IO_UDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sfu/io/address.h"
#include "sfu/transport/egress.h"

#define SFU_UDP_DATAGRAM_MAX_BYTES 2048  /**< larger ones are dropped and counted: none of our protocols makes them */
#define SFU_UDP_BATCH_MESSAGES     32    /**< of one recvmmsg; each may hold up to 64 datagrams */
#define SFU_UDP_SEND_WAIT_US       2000u /**< longest wait for a full socket buffer in one _send; then packets drop */

struct sfu_udp;

struct sfu_udp_config {
    union sfu_address listen; /**< a wildcard or one address; port 0: any free port */
    uint32_t buffer_bytes;    /**< asked for each direction of the socket; 0: the system's default */
    bool gso;                 /**< false: every packet is a message of its own; GRO is off too */
};

struct sfu_udp_counters {
    uint64_t receives;          /**< recvmmsg calls that brought something */
    uint64_t datagrams_in;      /**< after splitting */
    uint64_t dropped_oversized; /**< inbound, larger than SFU_UDP_DATAGRAM_MAX_BYTES */
    uint64_t sends;             /**< sendmmsg calls */
    uint64_t datagrams_out;     /**< taken by the kernel */
    uint64_t send_failures;     /**< datagrams that it did not take */
    uint64_t gso_messages;      /**< messages taken with more than one segment */
    uint64_t gso_segments;      /**< the packets in them */
    uint64_t gso_refused;       /**< runs that had to be sent packet by packet after all */
};

/** Opens and binds. The buffers granted may be smaller than those asked for (see _buffers). Returns 0,
 *  BASE_ERR_INVALID (family), BASE_ERR_NOMEM or BASE_ERR_IO (errno: EADDRINUSE, EADDRNOTAVAIL, EACCES, ...); on error
 *  *out is NULL. */
int sfu_udp_open(struct sfu_udp **out, const struct sfu_udp_config *config);
/** NULL is allowed. */
void sfu_udp_close(struct sfu_udp *udp);

/** For the loop; non-blocking. Still owned by `udp`. */
int sfu_udp_fd(const struct sfu_udp *udp);
uint16_t sfu_udp_port(const struct sfu_udp *udp);
/** Buffer bytes that the kernel granted. */
void sfu_udp_buffers(const struct sfu_udp *udp, uint32_t *receive_bytes, uint32_t *send_bytes);

/** `path` and `datagram` are valid during the call; the datagram may be changed in place. */
typedef void (*sfu_udp_on_datagram)(void *user, const struct sfu_path *path, uint8_t *datagram, size_t len);

/** Receives one batch without waiting and calls on_datagram for each datagram, in order of arrival. Returns how many
 *  messages the kernel had: fewer than SFU_UDP_BATCH_MESSAGES means that the socket is empty now. */
size_t sfu_udp_receive(struct sfu_udp *udp, sfu_udp_on_datagram on_datagram, void *user);

/** Sends those of runs[0..count) whose path is UDP, in order (others are skipped). A destination that the kernel
 *  refuses costs its own packets only. When the socket buffer is full it waits at most SFU_UDP_SEND_WAIT_US in all,
 * then drops the rest (counted). Returns how many packets the kernel took. */
size_t sfu_udp_send(struct sfu_udp *udp, const struct sfu_egress_run *runs, size_t count);

/** Whether runs still go out as GSO messages. Becomes false for good after several refusals in a row. */
bool sfu_udp_gso_active(const struct sfu_udp *udp);
const struct sfu_udp_counters *sfu_udp_counters(const struct sfu_udp *udp);

#endif
