/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/media/rtx_cache.h"

#include <stdlib.h>

#include "base/err.h"

#define CAPACITY_MAX     ((size_t)1 << 20)
#define EXPIRE_STEPS_MAX 8 /* of one call; one packet comes with each, so this catches up quickly */

struct sfu_rtx_cache {
    struct base_pool *pool;
    size_t mask;
    size_t hand; /* free-running: the slot that is looked at next for old packets */
    struct sfu_packet *slots[];
};

int sfu_rtx_cache_create(struct sfu_rtx_cache **out, size_t capacity, struct base_pool *pool)
{
    *out = NULL;
    if (capacity == 0 || capacity > CAPACITY_MAX || pool == NULL)
        return BASE_ERR_INVALID;
    size_t slots = 1;
    while (slots < capacity)
        slots *= 2;
    struct sfu_rtx_cache *cache = calloc(1, sizeof *cache + slots * sizeof cache->slots[0]);
    if (cache == NULL)
        return BASE_ERR_NOMEM;
    cache->pool = pool;
    cache->mask = slots - 1;
    *out = cache;
    return 0;
}

void sfu_rtx_cache_destroy(struct sfu_rtx_cache *cache)
{
    if (cache == NULL)
        return;
    sfu_rtx_cache_clear(cache);
    free(cache);
}

void sfu_rtx_cache_clear(struct sfu_rtx_cache *cache)
{
    for (size_t i = 0; i <= cache->mask; i++) {
        base_pool_give(cache->pool, cache->slots[i]);
        cache->slots[i] = NULL;
    }
}

void sfu_rtx_cache_expire(struct sfu_rtx_cache *cache, uint64_t before_us)
{
    for (int i = 0; i < EXPIRE_STEPS_MAX; i++) {
        struct sfu_packet **slot = &cache->slots[cache->hand & cache->mask];
        if (*slot != NULL && (*slot)->arrival_us >= before_us)
            return; /* in the order of their numbers is nearly in that of their arrival */
        base_pool_give(cache->pool, *slot);
        *slot = NULL;
        cache->hand++;
    }
}

int sfu_rtx_cache_put(struct sfu_rtx_cache *cache, struct sfu_packet *packet)
{
    struct sfu_packet **slot = &cache->slots[packet->ext_seq & cache->mask];
    if (*slot != NULL && (*slot)->ext_seq >= packet->ext_seq) {
        int err = (*slot)->ext_seq == packet->ext_seq ? BASE_ERR_EXISTS : BASE_ERR_REPLAY;
        if (*slot != packet)
            base_pool_give(cache->pool, packet);
        return err;
    }
    base_pool_give(cache->pool, *slot);
    *slot = packet;
    return 0;
}

const struct sfu_packet *sfu_rtx_cache_get(const struct sfu_rtx_cache *cache, uint64_t ext_seq)
{
    const struct sfu_packet *packet = cache->slots[ext_seq & cache->mask];
    return packet != NULL && packet->ext_seq == ext_seq ? packet : NULL;
}
