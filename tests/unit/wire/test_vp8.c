/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/wire/vp8.h"

#include "base/err.h"
#include "tests/support/prefixes.h"
#include "tests/support/test.h"

/* One combination of every flag of the descriptor (RFC 7741 section 4.2). */
struct combination {
    bool x, n, s, i, l, t, k, m;
    unsigned pid;
};

static struct combination combination_of(unsigned bits)
{
    struct combination c = {bits & 1,      bits >> 1 & 1, bits >> 2 & 1, bits >> 3 & 1, bits >> 4 & 1,
                            bits >> 5 & 1, bits >> 6 & 1, bits >> 7 & 1, bits >> 8 & 7};
    return c;
}

/* Builds the payload; ends in `tail`. Returns its descriptor's length. */
static size_t build(const struct combination *c, uint8_t *p)
{
    size_t n = 0;
    p[n++] = (uint8_t)((c->x ? 0x80 : 0) | (c->n ? 0x20 : 0) | (c->s ? 0x10 : 0) | c->pid);
    if (!c->x)
        return n;
    p[n++] = (uint8_t)((c->i ? 0x80 : 0) | (c->l ? 0x40 : 0) | (c->t ? 0x20 : 0) | (c->k ? 0x10 : 0));
    if (c->i && c->m) {
        p[n++] = 0x80 | 0x12;
        p[n++] = 0x34;
    } else if (c->i) {
        p[n++] = 0x56;
    }
    if (c->l)
        p[n++] = 0x78;
    if (c->t || c->k)
        p[n++] = (uint8_t)(2 << 6 | 0x20 | 0x15);
    return n;
}

T_TEST(every_flag_combination)
{
    for (unsigned bits = 0; bits < 1u << 11; bits++) {
        struct combination c = combination_of(bits);
        struct sfu_vp8_descriptor d;
        uint8_t p[32];
        size_t n = build(&c, p);
        for (size_t shorter = 0; shorter <= n; shorter++)
            T_EQ(sfu_vp8_parse(p, shorter, &d), BASE_ERR_TRUNCATED);
        p[n] = 0x01; /* an inter frame */
        T_EQ(sfu_vp8_parse(p, n + 1, &d), 0);
        T_EQ(d.descriptor_bytes, n);
        T_EQ(d.start_of_frame, c.s && c.pid == 0);
        T_CHECK(!d.key_frame);
        T_EQ(d.non_reference, c.n);
        T_EQ(d.has_picture_id, c.x && c.i);
        T_EQ(d.picture_id_15bit, c.x && c.i && c.m);
        T_EQ(d.picture_id, c.x && c.i ? (c.m ? 0x1234 : 0x56) : 0);
        T_EQ(d.has_tl0_pic_idx, c.x && c.l);
        T_EQ(d.tl0_pic_idx, c.x && c.l ? 0x78 : 0);
        T_EQ(d.has_tid, c.x && c.t);
        T_EQ(d.tid, c.x && c.t ? 2 : 0);
        T_EQ(d.layer_sync, c.x && c.t);
        T_EQ(d.has_key_idx, c.x && c.k);
        T_EQ(d.key_idx, c.x && c.k ? 0x15 : 0);
        p[n] = 0x00; /* P = 0 */
        T_EQ(sfu_vp8_parse(p, n + 1, &d), 0);
        T_EQ(d.key_frame, c.s && c.pid == 0);
        T_EQ(d.width, 0);
    }
}

T_TEST(patching_changes_picture_id_and_tl0_only)
{
    for (unsigned bits = 0; bits < 1u << 11; bits++) {
        struct combination c = combination_of(bits);
        struct sfu_vp8_descriptor d, again;
        uint8_t p[32];
        size_t n = build(&c, p);
        memset(p + n, 0x01, sizeof p - n);
        T_EQ(sfu_vp8_parse(p, sizeof p, &d), 0);
        struct sfu_picture_ids ids = sfu_vp8_picture_ids(&d);
        sfu_picture_ids_write(p, &ids, 0xFFFF, 0xA5);
        T_EQ(sfu_vp8_parse(p, sizeof p, &again), 0);
        T_EQ(again.picture_id, c.x && c.i ? (c.m ? 0x7FFF : 0x7F) : 0);
        T_EQ(again.tl0_pic_idx, c.x && c.l ? 0xA5 : 0);
        again.picture_id = d.picture_id;
        again.tl0_pic_idx = d.tl0_pic_idx;
        T_MEM_EQ(&again, &d, sizeof d);
        for (size_t i = n; i < sizeof p; i++)
            T_EQ(p[i], 0x01);
    }
}

T_TEST(reads_the_size_of_a_key_frame)
{
    /* RFC 6386 section 9.1: 640 x 360, scaling bits set. */
    uint8_t p[] = {0x10, 0x10, 0x02, 0x00, 0x9D, 0x01, 0x2A, 0x80, 0x42, 0x68, 0x81};
    struct sfu_vp8_descriptor d;
    T_EQ(sfu_vp8_parse(p, sizeof p, &d), 0);
    T_CHECK(d.key_frame);
    T_EQ(d.width, 640);
    T_EQ(d.height, 360);
    T_EQ(sfu_vp8_parse(p, sizeof p - 1, &d), 0);
    T_CHECK(d.key_frame);
    T_EQ(d.width, 0);
    p[4] = 0x9C;
    T_EQ(sfu_vp8_parse(p, sizeof p, &d), 0);
    T_EQ(d.width, 0);
}

static int visit_parse(const uint8_t *copy, size_t n, void *context)
{
    struct sfu_vp8_descriptor d;
    (void)context;
    return sfu_vp8_parse(copy, n, &d);
}

T_TEST(every_prefix)
{
    static const uint8_t p[] = {0x90, 0xF0, 0x92, 0x34, 0x78, 0xB5, 0x10, 0x02,
                                0x00, 0x9D, 0x01, 0x2A, 0x80, 2,    0x68, 1};
    T_EQ(t_each_prefix(p, sizeof p, visit_parse, NULL), sizeof p - 6);
}

T_MAIN(T_CASE(every_flag_combination), T_CASE(patching_changes_picture_id_and_tl0_only),
       T_CASE(reads_the_size_of_a_key_frame), T_CASE(every_prefix))
