/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/room/quality.h"
#include "tests/support/test.h"

static const struct sfu_quality_sample good = {.rtt_us = 50000};
static const struct sfu_quality_sample fair = {.up_loss_q8 = 15};
static const struct sfu_quality_sample poor = {.down_loss_q8 = 60};
static const struct sfu_quality_sample lost = {.lost = true};

T_TEST(first_sample_is_told)
{
    struct sfu_quality quality;
    sfu_quality_init(&quality);
    T_CHECK(sfu_quality_update(&quality, 1000000, &good));
    T_EQ(quality.told, SFU_QUALITY_GOOD);
    T_CHECK(!sfu_quality_update(&quality, 2000000, &good));
}

T_TEST(one_bad_second_changes_nothing)
{
    struct sfu_quality quality;
    sfu_quality_init(&quality);
    sfu_quality_update(&quality, 1000000, &good);
    T_CHECK(!sfu_quality_update(&quality, 4000000, &poor));
    T_CHECK(!sfu_quality_update(&quality, 5000000, &good));
    T_CHECK(!sfu_quality_update(&quality, 6000000, &poor));
    T_CHECK(sfu_quality_update(&quality, 7000000, &poor));
    T_EQ(quality.told, SFU_QUALITY_POOR);
}

T_TEST(the_mildest_of_a_streak_counts)
{
    struct sfu_quality quality;
    sfu_quality_init(&quality);
    sfu_quality_update(&quality, 1000000, &good);
    sfu_quality_update(&quality, 4000000, &poor);
    T_CHECK(sfu_quality_update(&quality, 5000000, &fair));
    T_EQ(quality.told, SFU_QUALITY_FAIR);
}

T_TEST(better_after_three_good_seconds)
{
    struct sfu_quality quality;
    sfu_quality_init(&quality);
    sfu_quality_update(&quality, 1000000, &poor);
    T_EQ(quality.told, SFU_QUALITY_POOR);
    T_CHECK(!sfu_quality_update(&quality, 4000000, &good));
    T_CHECK(!sfu_quality_update(&quality, 5000000, &good));
    T_CHECK(sfu_quality_update(&quality, 6000000, &good));
    T_EQ(quality.told, SFU_QUALITY_GOOD);
}

T_TEST(lost_at_once_but_not_more_often_than_every_two_seconds)
{
    struct sfu_quality quality;
    sfu_quality_init(&quality);
    sfu_quality_update(&quality, 1000000, &good);
    T_CHECK(!sfu_quality_update(&quality, 2000000, &lost));
    T_CHECK(sfu_quality_update(&quality, 3000000, &lost));
    T_EQ(quality.told, SFU_QUALITY_LOST);
    T_CHECK(!sfu_quality_update(&quality, 4000000, &good));
    T_CHECK(sfu_quality_update(&quality, 5000000, &good));
    T_EQ(quality.told, SFU_QUALITY_GOOD);
}

T_MAIN(T_CASE(first_sample_is_told), T_CASE(one_bad_second_changes_nothing), T_CASE(the_mildest_of_a_streak_counts),
       T_CASE(better_after_three_good_seconds), T_CASE(lost_at_once_but_not_more_often_than_every_two_seconds))
