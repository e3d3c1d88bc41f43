/* SPDX-License-Identifier: Apache-2.0 */
/**
 * tcp.h - ICE over TCP, passive side (RFC 6544), with RFC 4571 framing: 16 bits of length before each packet.
 *
 * One object per worker holds that worker's connections; one of them also listens for all. The first frame of a
 * connection names its worker (the owner decides by its bytes), so a connection may be handed to another worker's
 * object, with everything received so far.
 *
 * A connection is *unproven* until something was sent to it: the engine answers only checks with a valid integrity. An
 * unproven connection is closed SFU_TCP_PROVE_US after it came, and the oldest one gives way when the table is full, so
 * strangers cannot keep others out. One remote address (IPv6: /64) has at most per_address_max connections, unproven
 * ones giving way first: a hospital behind one NAT fits, and nobody fills the table from one place. Any connection is
 * closed after SFU_TCP_IDLE_US without data, at a frame of more than SFU_TCP_FRAME_MAX_BYTES, and at its end of stream.
 * Frames that do not fit the bounded send queue are dropped whole: for media, late is worse than never.
 *
 * Memory: taken per connection; nothing is allocated for a frame. Threads: one owner (that of the loop).
 */
#ifndef CONSILIUM_SFU_IO_TCP_H
#define CONSILIUM_SFU_IO_TCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sfu/io/address.h"
#include "sfu/io/loop.h"
#include "sfu/transport/egress.h"

#define SFU_TCP_FRAME_MAX_BYTES 1500u
#define SFU_TCP_QUEUE_BYTES     (256u * 1024u)
#define SFU_TCP_PROVE_US        (10u * 1000000u)
#define SFU_TCP_IDLE_US         (60u * 1000000u) /**< consent checks come every 5 s (RFC 7675) */
#define SFU_TCP_LISTEN_RETRY_US (200u * 1000u)   /**< the listener's rest when descriptors have run out */
#define SFU_TCP_CONNECTIONS_MAX 1024u            /**< a sensible connections_max */
#define SFU_TCP_PER_ADDRESS_MAX 256u             /**< a sensible per_address_max: 128 people behind one NAT */
#define SFU_TCP_LINGER_US       (200u * 1000u)   /**< from sfu_tcp_close() to the end: what was sent last gets out */
#define SFU_TCP_RECEIVED_MAX    8192u            /**< bytes a connection may be handed over with */

struct sfu_tcp;

/** A connection's beginning: its first complete frame has come. */
struct sfu_tcp_first {
    int fd;
    const uint8_t *frame; /**< without the length */
    size_t frame_len;
    const uint8_t *received; /**< everything that has come, for the next owner's sfu_tcp_adopt(): at most
                                SFU_TCP_RECEIVED_MAX bytes */
    size_t received_len;
};

enum sfu_tcp_verdict {
    SFU_TCP_KEEP,   /**< a connection of this worker: the frame is delivered by on_frame */
    SFU_TCP_GIVEN,  /**< the callback took the descriptor and copied what it needs */
    SFU_TCP_REFUSE, /**< not for us: closed */
};

struct sfu_tcp_config {
    struct sfu_loop *loop; /**< outlives the object */
    uint32_t connections_max;
    uint32_t per_address_max; /**< 0: no limit */
    /** Judges the first frame of a connection accepted by _listen. */
    enum sfu_tcp_verdict (*on_first)(void *user, const struct sfu_tcp_first *first);
    /** One frame (not empty); may be changed in place. path->connection names the connection. */
    void (*on_frame)(void *user, const struct sfu_path *path, uint8_t *frame, size_t len);
    /** A connection that had delivered frames is gone. */
    void (*on_closed)(void *user, const struct sfu_path *path);
    void *user;
};

struct sfu_tcp_counters {
    uint64_t accepted; /**< by the listener */
    uint64_t adopted;  /**< kept, or taken over from another worker */
    uint64_t refused;  /**< closed for the table or an address's share being full, a bad first frame, or silence before
                          it was proven */
    uint64_t frames_in, frames_out;
    uint64_t frames_dropped; /**< outbound: the queue was full or the connection gone */
    uint64_t frames_bad;     /**< inbound: over-long; each ended its connection */
    uint64_t listen_pauses;  /**< times that the process had no descriptor left */
};

/** Copies `config`. Returns 0, BASE_ERR_INVALID or BASE_ERR_NOMEM; on error *out is NULL. */
int sfu_tcp_create(struct sfu_tcp **out, const struct sfu_tcp_config *config);
/** Closes everything without callbacks. NULL is allowed. */
void sfu_tcp_destroy(struct sfu_tcp *tcp);

/** Listens on `address` (port 0: any free one). Once. Returns 0 or BASE_ERR_IO (errno). */
int sfu_tcp_listen(struct sfu_tcp *tcp, const union sfu_address *address);
/** Port of the listener, or 0. */
uint16_t sfu_tcp_port(const struct sfu_tcp *tcp);
/** Stops accepting; connections stay. */
void sfu_tcp_stop_listening(struct sfu_tcp *tcp);

/** Takes over the connected socket `fd` (always: it is closed on failure) with received[0..len) already read; complete
 *  frames in it are delivered before this returns. Returns 0, BASE_ERR_FULL, BASE_ERR_INVALID, BASE_ERR_NOMEM or
 *  BASE_ERR_IO. */
int sfu_tcp_adopt(struct sfu_tcp *tcp, int fd, const uint8_t *received, size_t len);

/** Sends the runs among runs[0..count) whose path is TCP, each packet as one frame. May be called from on_frame: closes
 *  nothing, a broken connection is found by the loop. */
void sfu_tcp_send(struct sfu_tcp *tcp, const struct sfu_egress_run *runs, size_t count);

/** Nobody uses the connection any more: it is closed SFU_TCP_LINGER_US later. An id that is gone is ignored. May be
 *  called from on_frame and on_closed. */
void sfu_tcp_close(struct sfu_tcp *tcp, uint32_t connection);

/** When to call _poll; BASE_NEVER_US if nothing is planned. */
uint64_t sfu_tcp_deadline_us(const struct sfu_tcp *tcp);
/** Closes what was silent for too long at `now_us` (base_clock_us()); resumes a paused listener. */
void sfu_tcp_poll(struct sfu_tcp *tcp, uint64_t now_us);

size_t sfu_tcp_connections(const struct sfu_tcp *tcp);
/** Bytes waiting in all send queues. */
size_t sfu_tcp_queued_bytes(const struct sfu_tcp *tcp);
const struct sfu_tcp_counters *sfu_tcp_counters(const struct sfu_tcp *tcp);

#endif
