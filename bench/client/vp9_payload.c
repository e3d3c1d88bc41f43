/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/client/vp9_payload.h"

#include <string.h>

#include "base/bytes.h"
#include "base/err.h"

/* First octet (RFC 9628 section 4.2). */
enum { I_BIT = 0x80, P_BIT = 0x40, L_BIT = 0x20, F_BIT = 0x10, B_BIT = 0x08, E_BIT = 0x04, V_BIT = 0x02 };
/* First octet of the scalability structure: N_S in the upper three bits. */
enum { SS_Y_BIT = 0x10, SS_G_BIT = 0x08 };
#define REFERENCES_MAX 3u

/* A cursor that remembers that it ran over the end. */
struct reader {
    const uint8_t *p, *end;
    bool over;
};

static unsigned take(struct reader *r)
{
    if (r->p == r->end) {
        r->over = true;
        return 0;
    }
    return *r->p++;
}

static unsigned take16(struct reader *r)
{
    unsigned high = take(r);
    return high << 8 | take(r);
}

static void read_structure(struct reader *r, struct bench_vp9_payload *out)
{
    unsigned first = take(r), layers = (first >> 5) + 1;
    for (unsigned i = 0; i < layers && (first & SS_Y_BIT) != 0; i++) {
        out->width = (uint16_t)take16(r);
        out->height = (uint16_t)take16(r);
    }
    unsigned pictures = (first & SS_G_BIT) != 0 ? take(r) : 0;
    for (unsigned i = 0; i < pictures && !r->over; i++)
        for (unsigned references = take(r) >> 2 & 3; references > 0; references--)
            (void)take(r);
}

int bench_vp9_payload_parse(const uint8_t *payload, size_t len, struct bench_vp9_payload *out)
{
    memset(out, 0, sizeof *out);
    struct reader r = {.p = payload, .end = payload + len};
    unsigned first = take(&r);
    out->inter = (first & P_BIT) != 0;
    out->flexible = (first & F_BIT) != 0;
    out->start = (first & B_BIT) != 0;
    out->end = (first & E_BIT) != 0;
    out->has_layers = (first & L_BIT) != 0;
    if (first & I_BIT) {
        out->picture_id = (uint16_t)take(&r);
        if (out->picture_id & 0x80)
            out->picture_id = (uint16_t)((out->picture_id & 0x7Fu) << 8 | take(&r));
    }
    if (out->has_layers) {
        unsigned layers = take(&r);
        out->tid = (uint8_t)(layers >> 5);
        out->sid = (uint8_t)(layers >> 1 & 7);
        if (!out->flexible)
            out->tl0_pic_idx = (uint8_t)take(&r);
    }
    if (out->flexible && out->inter) {
        unsigned references = 0, octet;
        do {
            octet = take(&r);
            if (++references > REFERENCES_MAX)
                return BASE_ERR_MALFORMED;
        } while ((octet & 1) != 0 && !r.over);
    }
    if (first & V_BIT)
        read_structure(&r, out);
    if (r.over || r.p == r.end)
        return BASE_ERR_TRUNCATED;
    size_t bytes = (size_t)(r.p - payload);
    if (bytes > UINT8_MAX)
        return BASE_ERR_MALFORMED;
    out->descriptor_bytes = (uint8_t)bytes;
    return 0;
}

size_t bench_vp9_payload_write(uint8_t *out, const struct bench_vp9_payload *fields)
{
    bool structure = fields->width != 0;
    out[0] = (uint8_t)(I_BIT | (fields->inter ? P_BIT : 0) | (fields->has_layers ? L_BIT : 0) |
                       (fields->start ? B_BIT : 0) | (fields->end ? E_BIT : 0) | (structure ? V_BIT : 0));
    base_put_be16(out + 1, (uint16_t)(0x8000u | fields->picture_id));
    size_t at = 3;
    if (fields->has_layers) {
        out[at++] = (uint8_t)(fields->tid << 5);
        out[at++] = fields->tl0_pic_idx;
    }
    if (!structure)
        return at;
    out[at++] = SS_Y_BIT | SS_G_BIT; /* N_S 0: one spatial layer */
    base_put_be16(out + at, fields->width);
    base_put_be16(out + at + 2, fields->height);
    at += 4;
    out[at++] = 1;      /* a group of one picture, */
    out[at++] = 1 << 2; /* temporal layer 0, one reference: */
    out[at++] = 1;      /* the one before it */
    return at;
}
