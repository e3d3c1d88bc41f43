/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pool.h"

#include <assert.h>
#include <stdlib.h>

#include "base/err.h"

#define SLAB_TARGET_BYTES ((size_t)256 * 1024)

struct free_object {
    struct free_object *next;
};

struct slab {
    struct slab *next;
};

struct base_pool {
    struct free_object *free_list;
    struct slab *slabs;
    size_t object_bytes;
    size_t slab_objects;
    size_t max_count;
    size_t total; /* objects in all slabs */
    size_t used;
};

int base_pool_create(struct base_pool **out, size_t object_bytes, size_t max_count)
{
    *out = NULL;
    if (object_bytes == 0 || max_count == 0)
        return BASE_ERR_INVALID;
    struct base_pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL)
        return BASE_ERR_NOMEM;
    pool->object_bytes = (object_bytes + 63) & ~(size_t)63;
    pool->slab_objects = SLAB_TARGET_BYTES / pool->object_bytes;
    if (pool->slab_objects == 0)
        pool->slab_objects = 1;
    pool->max_count = max_count;
    *out = pool;
    return 0;
}

void base_pool_destroy(struct base_pool *pool)
{
    if (pool == NULL)
        return;
    while (pool->slabs != NULL) {
        struct slab *next = pool->slabs->next;
        free(pool->slabs);
        pool->slabs = next;
    }
    free(pool);
}

static int grow(struct base_pool *pool)
{
    size_t count = pool->max_count - pool->total;
    if (count == 0)
        return BASE_ERR_FULL;
    if (count > pool->slab_objects)
        count = pool->slab_objects;
    unsigned char *memory = aligned_alloc(64, 64 + count * pool->object_bytes);
    if (memory == NULL)
        return BASE_ERR_NOMEM;
    struct slab *slab = (struct slab *)(void *)memory;
    slab->next = pool->slabs;
    pool->slabs = slab;
    for (size_t i = count; i-- > 0;) {
        struct free_object *object = (struct free_object *)(void *)(memory + 64 + i * pool->object_bytes);
        object->next = pool->free_list;
        pool->free_list = object;
    }
    pool->total += count;
    return 0;
}

int base_pool_reserve(struct base_pool *pool, size_t count)
{
    while (pool->total - pool->used < count) {
        int err = grow(pool);
        if (err != 0)
            return err;
    }
    return 0;
}

void *base_pool_take(struct base_pool *pool)
{
    if (pool->free_list == NULL && grow(pool) != 0)
        return NULL;
    struct free_object *object = pool->free_list;
    assert(object != NULL);
    pool->free_list = object->next;
    pool->used++;
    return object;
}

void base_pool_give(struct base_pool *pool, void *object)
{
    if (object == NULL)
        return;
    assert(pool->used > 0);
    struct free_object *freed = object;
    freed->next = pool->free_list;
    pool->free_list = freed;
    pool->used--;
}

size_t base_pool_used(const struct base_pool *pool)
{
    return pool->used;
}
