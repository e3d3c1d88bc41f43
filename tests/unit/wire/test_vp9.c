/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/wire/vp9.h"

#include "base/err.h"
#include "tests/support/prefixes.h"
#include "tests/support/test.h"

/* One combination of the flags and sizes of the descriptor (RFC 9628 section 4.2). */
struct combination {
    bool i, p, l, f, b, e, z, m;
    unsigned references; /* 1..3, of p and f */
    unsigned sid;
};

static struct combination combination_of(unsigned bits)
{
    struct combination c = {bits & 1,      bits >> 1 & 1, bits >> 2 & 1, bits >> 3 & 1,           bits >> 4 & 1,
                            bits >> 5 & 1, bits >> 6 & 1, bits >> 7 & 1, 1 + (bits >> 8 & 3) % 3, bits >> 10 & 1};
    return c;
}

/* Builds the descriptor; returns its length. */
static size_t build(const struct combination *c, uint8_t *p)
{
    size_t n = 0;
    p[n++] = (uint8_t)(c->i << 7 | c->p << 6 | c->l << 5 | c->f << 4 | c->b << 3 | c->e << 2 | c->z);
    if (c->i && c->m) {
        p[n++] = 0x80 | 0x12;
        p[n++] = 0x34;
    } else if (c->i) {
        p[n++] = 0x56;
    }
    if (c->l) {
        p[n++] = (uint8_t)(3 << 5 | 1 << 4 | c->sid << 1 | 1);
        if (!c->f)
            p[n++] = 0x78;
    }
    for (unsigned i = 1; c->f && c->p && i <= c->references; i++)
        p[n++] = (uint8_t)(i << 1 | (i < c->references));
    return n;
}

T_TEST(every_flag_combination)
{
    for (unsigned bits = 0; bits < 1u << 11; bits++) {
        struct combination c = combination_of(bits);
        struct sfu_vp9_descriptor d;
        uint8_t p[32] = {0};
        size_t n = build(&c, p);
        if (c.f && !c.i) {
            T_EQ(sfu_vp9_parse(p, n + 1, &d), BASE_ERR_MALFORMED);
            continue;
        }
        for (size_t shorter = 0; shorter <= n; shorter++)
            T_EQ(sfu_vp9_parse(p, shorter, &d), BASE_ERR_TRUNCATED);
        T_EQ(sfu_vp9_parse(p, n + 1, &d), 0);
        T_EQ(d.descriptor_bytes, n);
        T_EQ(d.inter_predicted, c.p);
        T_EQ(d.flexible, c.f);
        T_EQ(d.start_of_frame, c.b);
        T_EQ(d.end_of_frame, c.e);
        T_EQ(d.not_reference, c.z);
        T_EQ(d.start_of_picture, c.b && !(c.l && c.sid));
        T_EQ(d.key_frame, c.b && !c.p && !(c.l && c.sid));
        T_EQ(d.ids.id_at, c.i ? 1 : 0);
        T_EQ(d.ids.id, c.i ? (c.m ? 0x1234 : 0x56) : 0);
        T_EQ(d.ids.id_bits, c.i ? (c.m ? 15 : 7) : 0);
        T_EQ(d.has_layers, c.l);
        T_EQ(d.tid, c.l ? 3 : 0);
        T_EQ(d.switching_up, c.l);
        T_EQ(d.sid, c.l ? c.sid : 0);
        T_EQ(d.inter_layer, c.l);
        T_EQ(d.ids.tl0, c.l && !c.f ? 0x78 : 0);
        T_EQ(d.ids.tl0_at != 0, c.l && !c.f);
        T_EQ(d.reference_count, c.f && c.p ? c.references : 0);
        T_EQ(d.spatial_layers, 0);
    }
}

T_TEST(rewriting_changes_the_numbers_only)
{
    for (unsigned bits = 0; bits < 1u << 11; bits++) {
        struct combination c = combination_of(bits);
        struct sfu_vp9_descriptor d, again;
        uint8_t p[32];
        if (c.f && !c.i)
            continue;
        memset(p, 0x55, sizeof p);
        size_t n = build(&c, p);
        T_EQ(sfu_vp9_parse(p, sizeof p, &d), 0);
        sfu_picture_ids_write(p, &d.ids, 0xFFFF, 0xA5);
        T_EQ(sfu_vp9_parse(p, sizeof p, &again), 0);
        T_EQ(again.ids.id, c.i ? (c.m ? 0x7FFF : 0x7F) : 0);
        T_EQ(again.ids.tl0, c.l && !c.f ? 0xA5 : 0);
        again.ids = d.ids;
        T_MEM_EQ(&again, &d, sizeof d);
        for (size_t i = n; i < sizeof p; i++)
            T_EQ(p[i], 0x55);
    }
}

T_TEST(a_fourth_reference_is_malformed)
{
    /* I P F B, 7-bit id, P_DIFF 1 2 3 each with N set */
    uint8_t p[] = {0xD8, 0x01, 0x03, 0x05, 0x07, 0x08, 0x00};
    struct sfu_vp9_descriptor d;
    T_EQ(sfu_vp9_parse(p, sizeof p, &d), BASE_ERR_MALFORMED);
    p[4] = 0x06;
    T_EQ(sfu_vp9_parse(p, sizeof p, &d), 0);
    T_EQ(d.reference_count, 3);
    T_EQ(d.descriptor_bytes, 5);
}

/* A key frame of one layer: I L B V, 15-bit id, TL0PICIDX, then a structure of one spatial
 * layer with its size and one picture that refers to the one before. */
static const uint8_t key_frame[] = {0xAA, 0x9A, 0xBC, 0x00, 0x07, 0x18, 0x02, 0x80,
                                    0x01, 0x68, 0x01, 0x14, 0x01, 0x82, 0x49, 0x83};

T_TEST(the_structure_is_skipped)
{
    struct sfu_vp9_descriptor d;
    T_EQ(sfu_vp9_parse(key_frame, sizeof key_frame, &d), 0);
    T_CHECK(d.key_frame);
    T_EQ(d.ids.id, 0x1ABC);
    T_EQ(d.ids.tl0, 7);
    T_EQ(d.spatial_layers, 1);
    T_EQ(d.width, 640);
    T_EQ(d.height, 360);
    T_EQ(d.descriptor_bytes, 13);
}

T_TEST(three_spatial_layers)
{
    /* I L B E V, 7-bit id, SID 2 */
    static const uint8_t p[] = {0xAE, 0x05, 0x04, 0x01, 0x58, 0x00, 0xA0, 0x00, 0x5A, 0x01, 0x40, 0x00,
                                0xB4, 0x02, 0x80, 0x01, 0x68, 0x02, 0x04, 0x01, 0x08, 0x01, 0x02, 0xFF};
    struct sfu_vp9_descriptor d;
    T_EQ(sfu_vp9_parse(p, sizeof p, &d), 0);
    T_EQ(d.spatial_layers, 3);
    T_EQ(d.width, 640);
    T_EQ(d.height, 360);
    T_EQ(d.sid, 2);
    T_CHECK(d.start_of_frame && !d.start_of_picture && !d.key_frame);
    T_EQ(d.descriptor_bytes, sizeof p - 1);
}

T_TEST(the_largest_structure_and_one_that_lies)
{
    static uint8_t p[4 + 8 * 4 + 1 + 255 * 4 + 1];
    struct sfu_vp9_descriptor d;
    memset(p, 0, sizeof p);
    p[0] = 0x0A;
    p[1] = 0xF8; /* 8 layers, Y, G */
    p[2 + 32] = 255;
    for (size_t i = 0; i < 255; i++)
        p[2 + 33 + i * 4] = 3 << 2;
    T_EQ(sfu_vp9_parse(p, 2 + 33 + 255 * 4 + 1, &d), 0);
    T_EQ(d.descriptor_bytes, 2 + 33 + 255 * 4);
    for (size_t len = 0; len < 2 + 33 + 255 * 4 + 1; len++)
        T_EQ(sfu_vp9_parse(p, len, &d), BASE_ERR_TRUNCATED);
}

static int visit_parse(const uint8_t *copy, size_t n, void *context)
{
    struct sfu_vp9_descriptor d;
    (void)context;
    return sfu_vp9_parse(copy, n, &d);
}

T_TEST(every_prefix)
{
    T_EQ(t_each_prefix(key_frame, sizeof key_frame, visit_parse, NULL), sizeof key_frame - 13);
}

T_MAIN(T_CASE(every_flag_combination), T_CASE(rewriting_changes_the_numbers_only),
       T_CASE(a_fourth_reference_is_malformed), T_CASE(the_structure_is_skipped), T_CASE(three_spatial_layers),
       T_CASE(the_largest_structure_and_one_that_lies), T_CASE(every_prefix))
