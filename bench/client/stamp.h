/* SPDX-License-Identifier: Apache-2.0 */
/**
 * stamp.h - the content of a synthetic media packet: who sent it, which packet of which frame it is, when, and a
 * checksum over all of it, so that the far end can tell lost, repeated, misdirected and damaged packets apart.
 *
 * A stamp lies at some offset of an RTP payload (behind the VP8 descriptor and frame header, or the Opus TOC byte); the
 * rest of the payload is filler. Pure functions. Units: _us microseconds of the clock shared by all bench clients.
 */
#ifndef CONSILIUM_BENCH_CLIENT_STAMP_H
#define CONSILIUM_BENCH_CLIENT_STAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_STAMP_BYTES 44

struct bench_stamp {
    uint32_t publisher;
    uint32_t stream;       /**< of the publisher */
    uint32_t frame;        /**< from 0, in order of sending */
    uint32_t serial;       /**< packets of this stream sent before this one */
    uint16_t packet;       /**< within the frame, from 0 */
    uint16_t packet_count; /**< of the frame */
    bool key_frame;
    uint64_t send_us; /**< of the first transmission */
};

/** Fills payload[at..len) with the stamp and filler, and checksums payload[0..len) except payload[0..skip) (bytes that
 * an SFU may rewrite). len >= at + BENCH_STAMP_BYTES; skip <= at. */
void bench_stamp_write(uint8_t *payload, size_t len, size_t skip, size_t at, const struct bench_stamp *stamp);

/** Returns 0 with *out, BASE_ERR_TRUNCATED (too short for a stamp at `at`), or BASE_ERR_MALFORMED (no stamp, or a wrong
 * checksum). */
int bench_stamp_read(const uint8_t *payload, size_t len, size_t skip, size_t at, struct bench_stamp *out);

#endif
