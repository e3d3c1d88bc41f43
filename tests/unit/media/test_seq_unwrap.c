/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/media/seq_unwrap.h"

#include "base/random.h"
#include "tests/support/test.h"

T_TEST(the_first_maps_to_65536_and_up)
{
    for (unsigned seq = 0; seq <= 65535; seq++) {
        struct sfu_seq_unwrap u = {0};
        T_EQ(sfu_seq_unwrap_peek(&u, (uint16_t)seq), 65536 + seq);
        T_CHECK(!u.started);
        T_EQ(sfu_seq_unwrap(&u, (uint16_t)seq), 65536 + seq);
    }
}

T_TEST(wraps_forward_and_back)
{
    struct sfu_seq_unwrap u = {0};
    uint64_t expected = 65536 + 65530;
    for (unsigned i = 0; i < 12; i++) /* 65530 .. 5 */
        T_EQ(sfu_seq_unwrap(&u, (uint16_t)(65530 + i)), expected + i);
    T_EQ(u.highest, 131072 + 5);
    T_EQ(sfu_seq_unwrap(&u, 65535), 131071);
    T_EQ(u.highest, 131072 + 5);
    T_EQ(sfu_seq_unwrap(&u, 6), 131072 + 6);
}

T_TEST(before_the_first_is_not_negative)
{
    struct sfu_seq_unwrap u = {0};
    T_EQ(sfu_seq_unwrap(&u, 0), 65536);
    T_EQ(sfu_seq_unwrap(&u, 65535), 65535);
    T_EQ(sfu_seq_unwrap(&u, 32769), 32769);
    T_EQ(sfu_seq_unwrap(&u, 32768), 32768); /* exactly half: taken as old */
    T_EQ(sfu_seq_unwrap(&u, 32767), 65536 + 32767);
}

T_TEST(peek_does_not_remember)
{
    struct sfu_seq_unwrap u = {0};
    sfu_seq_unwrap(&u, 65535);
    T_EQ(sfu_seq_unwrap_peek(&u, 10), 131072 + 10);
    T_EQ(u.highest, 131071);
}

T_TEST(random_walk_below_half_the_space_is_followed)
{
    uint64_t seed = 1, truth = 65536 + 65530;
    struct sfu_seq_unwrap u = {0};
    uint64_t highest = truth;
    T_EQ(sfu_seq_unwrap(&u, (uint16_t)truth), truth);
    for (int i = 0; i < 200000; i++) {
        /* up to 32767 ahead of, or behind, the highest */
        int64_t step = (int64_t)(base_prng_next(&seed) % 65535) - 32767;
        truth = highest + (uint64_t)step;
        T_EQ(sfu_seq_unwrap(&u, (uint16_t)truth), truth);
        if (truth > highest)
            highest = truth;
    }
}

T_MAIN(T_CASE(the_first_maps_to_65536_and_up), T_CASE(wraps_forward_and_back), T_CASE(before_the_first_is_not_negative),
       T_CASE(peek_does_not_remember), T_CASE(random_walk_below_half_the_space_is_followed))
