/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/wire/vp8.h"

#include <string.h>

#include "base/bytes.h"
#include "base/err.h"

/* First octet of the descriptor (RFC 7741 section 4.2). */
#define X_BIT    0x80u
#define N_BIT    0x20u
#define S_BIT    0x10u
#define PID_MASK 0x07u
/* Extension octet. */
#define I_BIT 0x80u
#define L_BIT 0x40u
#define T_BIT 0x20u
#define K_BIT 0x10u
/* First picture-id octet: two octets follow the M bit, else 7 bits. */
#define M_BIT 0x80u
/* TID/Y/KEYIDX octet. */
#define Y_BIT 0x20u

/* The optional fields behind the extension octet; *at moves behind them. */
static int parse_extension(const uint8_t *p, size_t len, size_t *at, struct sfu_vp8_descriptor *out)
{
    if (*at >= len)
        return BASE_ERR_TRUNCATED;
    uint8_t flags = p[(*at)++];
    if (flags & I_BIT) {
        if (*at >= len)
            return BASE_ERR_TRUNCATED;
        out->has_picture_id = true;
        out->picture_id_15bit = (p[*at] & M_BIT) != 0;
        if (out->picture_id_15bit && len - *at < 2)
            return BASE_ERR_TRUNCATED;
        out->picture_id = out->picture_id_15bit ? (uint16_t)(base_get_be16(p + *at) & 0x7FFFu) : p[*at];
        *at += out->picture_id_15bit ? 2 : 1;
    }
    if (flags & L_BIT) {
        if (*at >= len)
            return BASE_ERR_TRUNCATED;
        out->has_tl0_pic_idx = true;
        out->tl0_pic_idx = p[(*at)++];
    }
    if (flags & (T_BIT | K_BIT)) {
        if (*at >= len)
            return BASE_ERR_TRUNCATED;
        uint8_t octet = p[(*at)++];
        /* One octet for both; each part counts only under its own flag. */
        if (flags & T_BIT) {
            out->has_tid = true;
            out->tid = octet >> 6;
            out->layer_sync = (octet & Y_BIT) != 0;
        }
        if (flags & K_BIT) {
            out->has_key_idx = true;
            out->key_idx = octet & 0x1Fu;
        }
    }
    return 0;
}

int sfu_vp8_parse(const uint8_t *payload, size_t len, struct sfu_vp8_descriptor *out)
{
    memset(out, 0, sizeof *out);
    if (len < 1)
        return BASE_ERR_TRUNCATED;
    size_t at = 1;
    out->non_reference = (payload[0] & N_BIT) != 0;
    out->start_of_frame = (payload[0] & S_BIT) != 0 && (payload[0] & PID_MASK) == 0;
    if (payload[0] & X_BIT) {
        int err = parse_extension(payload, len, &at, out);
        if (err != 0)
            return err;
    }
    if (at >= len)
        return BASE_ERR_TRUNCATED; /* a descriptor of nothing */
    out->descriptor_bytes = (uint8_t)at;
    if (!out->start_of_frame || (payload[at] & 0x01u) != 0)
        return 0;
    out->key_frame = true;
    /* RFC 6386 section 9.1: 3 octets of frame tag, the start code 9d 01 2a, then 14 bits each of width and height. */
    const uint8_t *frame = payload + at;
    if (len - at >= 10 && frame[3] == 0x9D && frame[4] == 0x01 && frame[5] == 0x2A) {
        out->width = (uint16_t)(((unsigned)frame[7] << 8 | frame[6]) & 0x3FFFu);
        out->height = (uint16_t)(((unsigned)frame[9] << 8 | frame[8]) & 0x3FFFu);
    }
    return 0;
}
