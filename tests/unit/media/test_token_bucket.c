/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/media/token_bucket.h"

#include "tests/support/test.h"

T_TEST(a_burst_then_the_rate)
{
    struct sfu_token_bucket bucket = {0};
    uint64_t now_us = UINT64_C(1) << 60; /* a late first use is no special case */
    for (int i = 0; i < 5; i++)
        T_CHECK(sfu_token_bucket_take(&bucket, now_us, 2, 5, 1));
    T_CHECK(!sfu_token_bucket_take(&bucket, now_us, 2, 5, 1));
    T_CHECK(!sfu_token_bucket_take(&bucket, now_us + 499999, 2, 5, 1));
    T_CHECK(sfu_token_bucket_take(&bucket, now_us + 500000, 2, 5, 1));
    T_CHECK(!sfu_token_bucket_take(&bucket, now_us + 500000, 2, 5, 1));
    /* a long rest gives the burst, no more */
    now_us += 3600000000u;
    for (int i = 0; i < 5; i++)
        T_CHECK(sfu_token_bucket_take(&bucket, now_us, 2, 5, 1));
    T_CHECK(!sfu_token_bucket_take(&bucket, now_us, 2, 5, 1));
}

T_TEST(small_steps_lose_nothing)
{
    struct sfu_token_bucket bucket = {0};
    unsigned taken = 0;
    for (uint64_t now_us = 1; now_us <= 10000000; now_us += 7)
        taken += sfu_token_bucket_take(&bucket, now_us, 3, 1, 1);
    T_CHECK(taken >= 30 && taken <= 31);
}

T_TEST(more_than_the_burst_never_passes)
{
    struct sfu_token_bucket bucket = {0};
    T_CHECK(!sfu_token_bucket_take(&bucket, 1, 10, 5, 6));
    T_CHECK(sfu_token_bucket_take(&bucket, 1, 10, 5, 5));
}

T_TEST(a_clock_that_went_back)
{
    struct sfu_token_bucket bucket = {0};
    T_CHECK(sfu_token_bucket_take(&bucket, 1000000, 1, 1, 1));
    T_CHECK(!sfu_token_bucket_take(&bucket, 500000, 1, 1, 1));
    T_CHECK(!sfu_token_bucket_take(&bucket, 1400000, 1, 1, 1));
    T_CHECK(!sfu_token_bucket_take(&bucket, 1999999, 1, 1, 1));
    T_CHECK(sfu_token_bucket_take(&bucket, 2000000, 1, 1, 1));
}

T_MAIN(T_CASE(a_burst_then_the_rate), T_CASE(small_steps_lose_nothing), T_CASE(more_than_the_burst_never_passes),
       T_CASE(a_clock_that_went_back))
