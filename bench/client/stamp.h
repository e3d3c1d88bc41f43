/* SPDX-License-Identifier: Apache-2.0 */
/**
 * stamp.h - what every media packet of the bench says about itself: who sent it, which packet of which frame it is,
 * when, and a checksum over all of it, so that the far end can tell lost, repeated, misdirected and damaged packets
 * apart.
 *
 * A stamp is a trailer: the last BENCH_STAMP_BYTES of an RTP payload. What stands before it (payload descriptor, bytes
 * of the codec) is what a real sender's packet holds and can be decoded once the trailer is cut off. Pure functions.
 * Units: _us microseconds of the clock shared by all bench clients.
 */
#ifndef CONSILIUM_BENCH_CLIENT_STAMP_H
#define CONSILIUM_BENCH_CLIENT_STAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_STAMP_BYTES      44
#define BENCH_STAMP_NO_CONTENT UINT32_MAX /**< filler instead of a frame of a clip */

struct bench_stamp {
    uint32_t publisher;
    uint16_t stream;       /**< of the publisher */
    uint8_t layer;         /**< simulcast, 0 lowest .. 2; each layer is a stream with a serial of its own */
    uint32_t frame;        /**< number of the capture (audio: slot of 20 ms), from 0; the same in all layers */
    uint32_t serial;       /**< packets of this stream and layer sent before this one */
    uint32_t content;      /**< frame of the clip, or BENCH_STAMP_NO_CONTENT */
    uint16_t packet;       /**< within the frame, from 0 */
    uint16_t packet_count; /**< of the frame */
    uint16_t run;          /**< captures in a row that were sent, up to and with this one; stays at 65535. 1: the first
                                after a pause (mute, DTX) */
    bool key_frame;
    bool voice;       /**< audio: somebody speaks */
    uint64_t send_us; /**< of the first transmission */
};

/** Writes the stamp into the last BENCH_STAMP_BYTES of payload[0..len) and checksums all of payload but
 * payload[0..skip) (the descriptor: bytes that an SFU may rewrite). len >= skip + BENCH_STAMP_BYTES. */
void bench_stamp_write(uint8_t *payload, size_t len, size_t skip, const struct bench_stamp *stamp);

/** Returns 0 with *out, BASE_ERR_TRUNCATED (too short for a stamp), or BASE_ERR_MALFORMED (no stamp, or a wrong
 * checksum). */
int bench_stamp_read(const uint8_t *payload, size_t len, size_t skip, struct bench_stamp *out);

/** Filler for data[0..len) that differs from packet to packet: a copy of the wrong bytes must not pass the checksum. */
void bench_stamp_fill(uint8_t *data, size_t len, uint32_t publisher, uint32_t serial);

#endif
