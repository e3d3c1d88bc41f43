/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/wire/vp9.h"

#include <string.h>

#include "base/err.h"

/* First octet of the descriptor. */
#define I_BIT 0x80u
#define P_BIT 0x40u
#define L_BIT 0x20u
#define F_BIT 0x10u
#define B_BIT 0x08u
#define E_BIT 0x04u
#define V_BIT 0x02u
#define Z_BIT 0x01u
/* First picture-id octet: two octets follow the M bit, else 7 bits. */
#define M_BIT 0x80u
/* Scalability structure (section 4.2.1). */
#define Y_BIT 0x10u
#define G_BIT 0x08u

#define REFERENCES_MAX 3

struct reader {
    const uint8_t *p;
    size_t len, at;
};

static bool has(const struct reader *r, size_t count)
{
    return r->len - r->at >= count;
}

static int read_picture_id(struct reader *r, struct sfu_vp9_descriptor *out)
{
    if (!has(r, 1))
        return BASE_ERR_TRUNCATED;
    out->ids.id_at = (uint8_t)r->at;
    if ((r->p[r->at] & M_BIT) == 0) {
        out->ids.id_bits = 7;
        out->ids.id = r->p[r->at++];
        return 0;
    }
    if (!has(r, 2))
        return BASE_ERR_TRUNCATED;
    out->ids.id_bits = 15;
    out->ids.id = base_get_be16(r->p + r->at) & 0x7FFFu;
    r->at += 2;
    return 0;
}

static int read_layers(struct reader *r, struct sfu_vp9_descriptor *out)
{
    if (!has(r, out->flexible ? 1 : 2))
        return BASE_ERR_TRUNCATED;
    uint8_t octet = r->p[r->at++];
    out->has_layers = true;
    out->tid = octet >> 5;
    out->switching_up = (octet & 0x10u) != 0;
    out->sid = octet >> 1 & 0x07u;
    out->inter_layer = (octet & 0x01u) != 0;
    if (out->flexible)
        return 0;
    out->ids.tl0_at = (uint8_t)r->at;
    out->ids.tl0 = r->p[r->at++];
    return 0;
}

/* P_DIFF in seven bits; the last bit says that another follows. */
static int skip_references(struct reader *r, struct sfu_vp9_descriptor *out)
{
    bool more = true;
    while (more) {
        if (!has(r, 1))
            return BASE_ERR_TRUNCATED;
        if (out->reference_count == REFERENCES_MAX)
            return BASE_ERR_MALFORMED;
        more = (r->p[r->at++] & 0x01u) != 0;
        out->reference_count++;
    }
    return 0;
}

static int skip_structure(struct reader *r, struct sfu_vp9_descriptor *out)
{
    if (!has(r, 1))
        return BASE_ERR_TRUNCATED;
    uint8_t octet = r->p[r->at++];
    out->spatial_layers = (uint8_t)((octet >> 5) + 1);
    if (octet & Y_BIT) {
        size_t bytes = 4u * out->spatial_layers;
        if (!has(r, bytes))
            return BASE_ERR_TRUNCATED;
        out->width = base_get_be16(r->p + r->at + bytes - 4);
        out->height = base_get_be16(r->p + r->at + bytes - 2);
        r->at += bytes;
    }
    if ((octet & G_BIT) == 0)
        return 0;
    if (!has(r, 1))
        return BASE_ERR_TRUNCATED;
    for (unsigned pictures = r->p[r->at++]; pictures > 0; pictures--) {
        if (!has(r, 1))
            return BASE_ERR_TRUNCATED;
        size_t references = r->p[r->at++] >> 2 & 0x03u;
        if (!has(r, references))
            return BASE_ERR_TRUNCATED;
        r->at += references;
    }
    return 0;
}

int sfu_vp9_parse(const uint8_t *payload, size_t len, struct sfu_vp9_descriptor *out)
{
    struct reader r = {payload, len, 1};
    int err = 0;
    memset(out, 0, sizeof *out);
    if (len < 1)
        return BASE_ERR_TRUNCATED;
    out->inter_predicted = (payload[0] & P_BIT) != 0;
    out->flexible = (payload[0] & F_BIT) != 0;
    out->start_of_frame = (payload[0] & B_BIT) != 0;
    out->end_of_frame = (payload[0] & E_BIT) != 0;
    out->not_reference = (payload[0] & Z_BIT) != 0;
    if (out->flexible && (payload[0] & I_BIT) == 0)
        return BASE_ERR_MALFORMED;
    if (payload[0] & I_BIT)
        err = read_picture_id(&r, out);
    if (err == 0 && (payload[0] & L_BIT))
        err = read_layers(&r, out);
    if (err == 0 && out->flexible && out->inter_predicted)
        err = skip_references(&r, out);
    if (err == 0 && (payload[0] & V_BIT))
        err = skip_structure(&r, out);
    if (err != 0)
        return err;
    if (r.at >= len)
        return BASE_ERR_TRUNCATED; /* a descriptor of nothing */
    out->descriptor_bytes = (uint16_t)r.at;
    out->start_of_picture = out->start_of_frame && out->sid == 0;
    out->key_frame = out->start_of_picture && !out->inter_predicted;
    return 0;
}
