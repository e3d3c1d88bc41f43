/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/media/rtx_cache.h"

#include "base/err.h"
#include "base/random.h"
#include "tests/support/test.h"

static struct sfu_packet *packet_of(struct base_pool *pool, uint64_t ext_seq)
{
    struct sfu_packet *packet = base_pool_take(pool);
    if (packet != NULL)
        packet->ext_seq = ext_seq;
    return packet;
}

T_TEST(refuses_silly_capacities)
{
    struct base_pool *pool;
    struct sfu_rtx_cache *cache;
    T_EQ(base_pool_create(&pool, sizeof(struct sfu_packet), 4), 0);
    T_EQ(sfu_rtx_cache_create(&cache, 0, pool), BASE_ERR_INVALID);
    T_CHECK(cache == NULL);
    T_EQ(sfu_rtx_cache_create(&cache, SIZE_MAX, pool), BASE_ERR_INVALID);
    T_EQ(sfu_rtx_cache_create(&cache, 1, NULL), BASE_ERR_INVALID);
    sfu_rtx_cache_destroy(NULL);
    base_pool_destroy(pool);
}

T_TEST(keeps_the_newest_and_gives_back_the_rest)
{
    struct base_pool *pool;
    struct sfu_rtx_cache *cache;
    T_EQ(base_pool_create(&pool, sizeof(struct sfu_packet), 100), 0);
    T_EQ(sfu_rtx_cache_create(&cache, 5, pool), 0); /* 8 */
    for (uint64_t seq = 65530; seq < 65546; seq++)
        T_EQ(sfu_rtx_cache_put(cache, packet_of(pool, seq)), 0);
    T_EQ(base_pool_used(pool), 8);
    for (uint64_t seq = 65530; seq < 65546; seq++) {
        const struct sfu_packet *packet = sfu_rtx_cache_get(cache, seq);
        T_EQ(packet != NULL, seq >= 65538);
        T_CHECK(packet == NULL || packet->ext_seq == seq);
    }
    T_EQ(sfu_rtx_cache_put(cache, packet_of(pool, 65540)), BASE_ERR_EXISTS);
    T_EQ(sfu_rtx_cache_put(cache, packet_of(pool, 65532)), BASE_ERR_REPLAY);
    T_EQ(base_pool_used(pool), 8);
    T_CHECK(sfu_rtx_cache_get(cache, 65540)->ext_seq == 65540);
    sfu_rtx_cache_destroy(cache);
    T_EQ(base_pool_used(pool), 0);
    base_pool_destroy(pool);
}

T_TEST(never_leaks_a_packet)
{
    struct base_pool *pool;
    struct sfu_rtx_cache *cache;
    uint64_t seed = 4, seq = 65530;
    T_EQ(base_pool_create(&pool, sizeof(struct sfu_packet), 65), 0);
    T_EQ(sfu_rtx_cache_create(&cache, 64, pool), 0);
    for (int i = 0; i < 20000; i++) {
        struct sfu_packet *packet = packet_of(pool, seq + base_prng_next(&seed) % 200);
        T_CHECK(packet != NULL);
        sfu_rtx_cache_put(cache, packet);
        T_CHECK(base_pool_used(pool) <= 64);
        seq += base_prng_next(&seed) % 3;
    }
    sfu_rtx_cache_destroy(cache);
    T_EQ(base_pool_used(pool), 0);
    base_pool_destroy(pool);
}

T_TEST(old_packets_go_back_to_the_pool)
{
    struct base_pool *pool;
    struct sfu_rtx_cache *cache;
    T_EQ(base_pool_create(&pool, sizeof(struct sfu_packet), 2000), 0);
    T_EQ(sfu_rtx_cache_create(&cache, 1024, pool), 0);
    /* A packet every millisecond, kept for 100 ms; from the second round on in slots used before. */
    uint64_t seq = 65000;
    for (uint64_t now_us = 1000000; now_us < 6000000; now_us += 1000) {
        struct sfu_packet *packet = packet_of(pool, seq++);
        packet->arrival_us = now_us;
        sfu_rtx_cache_expire(cache, now_us - 100000);
        T_EQ(sfu_rtx_cache_put(cache, packet), 0);
        T_CHECK(now_us < 2500000 || base_pool_used(pool) <= 102);
    }
    for (uint64_t i = 1; i <= 100; i++)
        T_CHECK(sfu_rtx_cache_get(cache, seq - i) != NULL);
    T_CHECK(sfu_rtx_cache_get(cache, seq - 110) == NULL);
    sfu_rtx_cache_clear(cache);
    T_EQ(base_pool_used(pool), 0);
    T_CHECK(sfu_rtx_cache_get(cache, seq - 1) == NULL);
    sfu_rtx_cache_destroy(cache);
    base_pool_destroy(pool);
}

T_MAIN(T_CASE(old_packets_go_back_to_the_pool), T_CASE(refuses_silly_capacities),
       T_CASE(keeps_the_newest_and_gives_back_the_rest), T_CASE(never_leaks_a_packet))
