/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/media/picture_rewriter.h"

#include <stdbool.h>

#include "tests/support/test.h"

static struct sfu_picture_rewriter rw;
static uint16_t id;
static uint8_t tl0;

static bool map(uint16_t source_id, uint8_t source_tl0, bool newest)
{
    const struct sfu_picture_ids ids = {.id_at = 1, .id_bits = 15, .tl0_at = 3, .id = source_id, .tl0 = source_tl0};
    return sfu_picture_rewriter_map(&rw, &ids, newest, &id, &tl0);
}

T_TEST(the_first_encoding_keeps_its_numbers)
{
    rw = (struct sfu_picture_rewriter){0};
    sfu_picture_rewriter_switch(&rw); /* before anything was sent */
    T_CHECK(!map(0x7FFF, 255, true));
    T_EQ(id, 0x7FFF);
    T_CHECK(!map(0, 0, true));
}

T_TEST(a_switch_goes_on_behind_the_last)
{
    rw = (struct sfu_picture_rewriter){0};
    map(0x7FFE, 254, true);
    map(0x7FFF, 255, true);
    sfu_picture_rewriter_switch(&rw);
    T_CHECK(map(100, 7, true));
    T_EQ(id, 0);
    T_EQ(tl0, 0);
    map(100, 7, true); /* the frame's other packets */
    T_EQ(id, 0);
    map(103, 9, true); /* what is lost stays a gap */
    T_EQ(id, 3);
    T_EQ(tl0, 2);
    map(102, 8, false); /* late, or again */
    T_EQ(id, 2);
    T_EQ(tl0, 1);
    sfu_picture_rewriter_switch(&rw);
    map(0x7000, 200, true);
    T_EQ(id, 4); /* behind the newest, not the latest */
    T_EQ(tl0, 3);
}

T_TEST(seven_bits_wrap_as_they_are_written)
{
    rw = (struct sfu_picture_rewriter){0};
    struct sfu_picture_ids ids = {.id_at = 1, .id_bits = 7, .id = 100};
    uint8_t payload[3] = {0, 100};
    T_CHECK(!sfu_picture_rewriter_map(&rw, &ids, true, &id, &tl0));
    sfu_picture_rewriter_switch(&rw);
    uint8_t expected = 101;
    for (unsigned i = 0; i < 300; i++) {
        ids.id = (120 + i) & 0x7F;
        (void)sfu_picture_rewriter_map(&rw, &ids, true, &id, &tl0);
        sfu_picture_ids_write(payload, &ids, id, tl0);
        T_EQ(payload[1], expected);
        expected = (expected + 1) & 0x7F;
    }
}

T_TEST(nothing_to_write_is_said)
{
    rw = (struct sfu_picture_rewriter){0};
    map(5, 5, true);
    sfu_picture_rewriter_switch(&rw);
    const struct sfu_picture_ids none = {0};
    T_CHECK(!sfu_picture_rewriter_map(&rw, &none, true, &id, &tl0));
}

T_MAIN(T_CASE(the_first_encoding_keeps_its_numbers), T_CASE(a_switch_goes_on_behind_the_last),
       T_CASE(seven_bits_wrap_as_they_are_written), T_CASE(nothing_to_write_is_said))
