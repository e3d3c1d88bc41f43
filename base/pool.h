/* SPDX-License-Identifier: Apache-2.0 */
/**
 * pool.h - objects of one size, taken and given back without touching the allocator.
 *
 * Last in, first out, so that the memory handed out is the one still warm in the cache. Grows by slabs up to a limit
 * (base_pool_take may allocate then); base_pool_reserve() moves that cost to a quiet moment. Threads: one owner.
 */
#ifndef CONSILIUM_BASE_POOL_H
#define CONSILIUM_BASE_POOL_H

#include <stddef.h>

struct base_pool;

/** At most `max_count` objects of `object_bytes`, aligned to 64 bytes. The caller owns *out; on error it is NULL.
 *  Returns 0, BASE_ERR_INVALID (a zero) or BASE_ERR_NOMEM. */
int base_pool_create(struct base_pool **out, size_t object_bytes, size_t max_count);

/** Frees all slabs, whether or not objects were given back. NULL is allowed. */
void base_pool_destroy(struct base_pool *pool);

/** Makes sure that `count` objects can be taken without allocation. Returns 0, BASE_ERR_NOMEM or BASE_ERR_FULL. */
int base_pool_reserve(struct base_pool *pool, size_t count);

/** An object with undefined content, or NULL when the limit or memory is exhausted. */
void *base_pool_take(struct base_pool *pool);

/** Gives an object of this pool back; NULL is allowed. */
void base_pool_give(struct base_pool *pool, void *object);

/** How many objects are out. */
size_t base_pool_used(const struct base_pool *pool);

#endif
