/* SPDX-License-Identifier: Apache-2.0 */
/**
 * vp8.h - the VP8 RTP payload descriptor (RFC 7741 section 4.2) and what the frame header after it tells.
 */
#ifndef CONSILIUM_SFU_WIRE_VP8_H
#define CONSILIUM_SFU_WIRE_VP8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sfu/wire/picture_ids.h"

struct sfu_vp8_descriptor {
    bool start_of_frame; /**< S = 1 and partition index 0 */
    bool key_frame;      /**< start_of_frame and P = 0 in the VP8 payload header (section 4.3) */
    bool non_reference;  /**< N */
    bool has_picture_id;
    bool picture_id_15bit;
    uint16_t picture_id;
    bool has_tl0_pic_idx;
    uint8_t tl0_pic_idx;
    bool has_tid;
    uint8_t tid;     /**< temporal layer, 0..3 */
    bool layer_sync; /**< Y */
    bool has_key_idx;
    uint8_t key_idx;
    uint8_t descriptor_bytes;
    uint16_t width; /**< pixels, of a key frame's start (section 9.1 of RFC 6386); else 0 */
    uint16_t height;
};

/** Parses an RTP payload (decrypted, without padding). Returns 0 or BASE_ERR_TRUNCATED. An empty payload is truncated.
 */
int sfu_vp8_parse(const uint8_t *payload, size_t len, struct sfu_vp8_descriptor *out);

/** Where picture id and TL0PICIDX stand in the payload that `descriptor` was parsed from. */
static inline struct sfu_picture_ids sfu_vp8_picture_ids(const struct sfu_vp8_descriptor *descriptor)
{
    struct sfu_picture_ids ids = {.id = descriptor->picture_id, .tl0 = descriptor->tl0_pic_idx};
    uint8_t at = 2; /* behind the first and the extension octet */
    if (descriptor->has_picture_id) {
        ids.id_at = at;
        ids.id_bits = descriptor->picture_id_15bit ? 15 : 7;
        at = descriptor->picture_id_15bit ? 4 : 3;
    }
    if (descriptor->has_tl0_pic_idx)
        ids.tl0_at = at;
    return ids;
}

/** Writes picture id and TL0PICIDX of `descriptor` back into a payload that it was parsed from (same sizes). */
static inline void sfu_vp8_patch(uint8_t *payload, const struct sfu_vp8_descriptor *descriptor, uint16_t picture_id,
                                 uint8_t tl0_pic_idx)
{
    const struct sfu_picture_ids ids = sfu_vp8_picture_ids(descriptor);
    sfu_picture_ids_write(payload, &ids, picture_id, tl0_pic_idx);
}

#endif
