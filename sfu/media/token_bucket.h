/* SPDX-License-Identifier: Apache-2.0 */
/**
 * token_bucket.h - may this happen now? A sustained rate with a burst (RFC 2697's idea, one bucket).
 *
 * All zero is a full bucket, so it needs no initialisation. The rate and the burst are the caller's constants, in the
 * same unit as the amount (packets, bits, requests). Sans-IO, no allocation. Threads: one owner.
 */
#ifndef CONSILIUM_SFU_MEDIA_TOKEN_BUCKET_H
#define CONSILIUM_SFU_MEDIA_TOKEN_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

struct sfu_token_bucket {
    uint64_t used_millionths; /* of what the burst allows; drains with time */
    uint64_t at_us;
};

/** Takes `amount` if `burst` allows it now; else takes nothing and returns false. per_s > 0; burst and amount are below
 * 2^43. A clock that went back drains nothing. */
static inline bool sfu_token_bucket_take(struct sfu_token_bucket *bucket, uint64_t now_us, uint64_t per_s,
                                         uint64_t burst, uint64_t amount)
{
    uint64_t elapsed_us = now_us > bucket->at_us ? now_us - bucket->at_us : 0;
    /* What a second gives in whole units, a microsecond gives in millionths: nothing is lost by rounding. */
    bucket->used_millionths =
        elapsed_us > bucket->used_millionths / per_s ? 0 : bucket->used_millionths - elapsed_us * per_s;
    bucket->at_us += elapsed_us;
    if (bucket->used_millionths + amount * 1000000 > burst * 1000000)
        return false;
    bucket->used_millionths += amount * 1000000;
    return true;
}

#endif
