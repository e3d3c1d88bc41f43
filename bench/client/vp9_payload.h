/* SPDX-License-Identifier: Apache-2.0 */
/**
 * vp9_payload.h - the VP9 RTP payload descriptor (RFC 9628 section 4.2), both ways. Written apart from the server's, so
 * that the two check each other. Pure functions.
 */
#ifndef CONSILIUM_BENCH_CLIENT_VP9_PAYLOAD_H
#define CONSILIUM_BENCH_CLIENT_VP9_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_VP9_DESCRIPTOR_MAX 16 /**< of what bench_vp9_payload_write() writes */

struct bench_vp9_payload {
    bool start;             /**< B: first packet of a layer frame */
    bool end;               /**< E: its last */
    bool inter;             /**< P: predicted from an earlier picture; false: key frame */
    bool has_layers;        /**< L: tid, sid and (non-flexible mode) tl0_pic_idx are there */
    bool flexible;          /**< F */
    uint16_t picture_id;    /**< 15 bits; 0 without I */
    uint8_t tid, sid;       /**< temporal, spatial layer */
    uint8_t tl0_pic_idx;    /**< */
    uint16_t width, height; /**< of the scalability structure's largest layer; 0: there is none. When writing, != 0 asks
                                 for one */
    uint8_t descriptor_bytes;
};

/** Parses payload[0..len) without padding. Returns 0, BASE_ERR_TRUNCATED, or BASE_ERR_MALFORMED (more references than
 * there may be). Nothing behind the descriptor is truncated, too. */
int bench_vp9_payload_parse(const uint8_t *payload, size_t len, struct bench_vp9_payload *out);

/** Writes a descriptor in non-flexible mode with a 15-bit picture id and one spatial layer, as libwebrtc does for one
 * layer; returns its length, at most BENCH_VP9_DESCRIPTOR_MAX. `flexible`, `sid` and `descriptor_bytes` are not looked
 * at. */
size_t bench_vp9_payload_write(uint8_t *out, const struct bench_vp9_payload *fields);

#endif
