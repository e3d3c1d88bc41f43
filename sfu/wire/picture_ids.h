/* SPDX-License-Identifier: Apache-2.0 */
/**
 * picture_ids.h - the two running numbers in a VP8 or VP9 payload descriptor that who switches between encodings has to
 * keep continuous: picture id and TL0PICIDX (RFC 7741 section 4.2, RFC 9628 section 4.2). Both codecs write them alike.
 */
#ifndef CONSILIUM_SFU_WIRE_PICTURE_IDS_H
#define CONSILIUM_SFU_WIRE_PICTURE_IDS_H

#include <stdint.h>

#include "base/bytes.h"

/** Where they stand in one payload, and what they are. All zeroes: neither is there. */
struct sfu_picture_ids {
    uint8_t id_at;   /**< offset of the picture id; 0: none */
    uint8_t id_bits; /**< 7 or 15 */
    uint8_t tl0_at;  /**< offset of TL0PICIDX; 0: none */
    uint8_t tl0;
    uint16_t id;
};

/** Writes other numbers (modulo their size) in the places of `ids`; the payload is the one they were parsed from. */
static inline void sfu_picture_ids_write(uint8_t *payload, const struct sfu_picture_ids *ids, uint16_t id, uint8_t tl0)
{
    if (ids->id_at != 0 && ids->id_bits == 15)
        base_put_be16(payload + ids->id_at, (uint16_t)(0x8000u | id));
    else if (ids->id_at != 0)
        payload[ids->id_at] = id & 0x7Fu;
    if (ids->tl0_at != 0)
        payload[ids->tl0_at] = tl0;
}

#endif
