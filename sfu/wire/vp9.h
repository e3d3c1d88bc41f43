/* SPDX-License-Identifier: Apache-2.0 */
/**
 * vp9.h - the VP9 RTP payload descriptor (RFC 9628 section 4.2), flexible and non-flexible mode.
 *
 * Only the descriptor is read, never the VP9 frame behind it: that may be encrypted end to end one day. The scalability
 * structure is checked for its length and skipped, but for the sizes in it.
 */
#ifndef CONSILIUM_SFU_WIRE_VP9_H
#define CONSILIUM_SFU_WIRE_VP9_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sfu/wire/picture_ids.h"

struct sfu_vp9_descriptor {
    bool inter_predicted;  /**< P */
    bool flexible;         /**< F */
    bool start_of_frame;   /**< B: the first packet of a layer frame */
    bool end_of_frame;     /**< E: the last */
    bool not_reference;    /**< Z: no higher spatial layer refers to it */
    bool start_of_picture; /**< start_of_frame of the lowest spatial layer */
    bool key_frame;        /**< start_of_picture and not inter_predicted: decoding can start here */
    struct sfu_picture_ids ids;
    bool has_layers;         /**< L; the next four are 0 without it */
    uint8_t tid;             /**< temporal layer, 0..7 */
    bool switching_up;       /**< U */
    uint8_t sid;             /**< spatial layer, 0..7 */
    bool inter_layer;        /**< D */
    uint8_t reference_count; /**< flexible mode: how many P_DIFF, 0..3 */
    uint8_t spatial_layers;  /**< N_S + 1 of the scalability structure; 0: none in this packet */
    uint16_t width;          /**< pixels, of its highest layer; 0: not said */
    uint16_t height;
    uint16_t descriptor_bytes;
};

/** Parses an RTP payload (decrypted, without padding). Returns 0, BASE_ERR_TRUNCATED (also: nothing behind the
 * descriptor), or BASE_ERR_MALFORMED (flexible mode without a picture id; a fourth reference). */
int sfu_vp9_parse(const uint8_t *payload, size_t len, struct sfu_vp9_descriptor *out);

#endif
