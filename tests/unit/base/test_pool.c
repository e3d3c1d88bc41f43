/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pool.h"

#include <stdint.h>

#include "base/err.h"
#include "tests/support/test.h"

T_TEST(hands_out_distinct_aligned_objects_up_to_the_limit)
{
    struct base_pool *pool;
    void *objects[10];
    T_EQ(base_pool_create(&pool, 100, 10), 0);
    for (int i = 0; i < 10; i++) {
        objects[i] = base_pool_take(pool);
        T_CHECK(objects[i] != NULL && (uintptr_t)objects[i] % 64 == 0);
        memset(objects[i], i, 100);
    }
    T_CHECK(base_pool_take(pool) == NULL);
    for (int i = 0; i < 10; i++)
        T_EQ(((unsigned char *)objects[i])[99], i);
    base_pool_give(pool, objects[3]);
    T_CHECK(base_pool_take(pool) == objects[3]);
    T_EQ(base_pool_used(pool), 10);
    base_pool_destroy(pool);
}

T_TEST(reserve_respects_the_limit)
{
    struct base_pool *pool;
    T_EQ(base_pool_create(&pool, 100000, 4), 0);
    T_EQ(base_pool_reserve(pool, 4), 0);
    T_EQ(base_pool_reserve(pool, 5), BASE_ERR_FULL);
    base_pool_destroy(pool);
    T_EQ(base_pool_create(&pool, 0, 4), BASE_ERR_INVALID);
}

T_MAIN(T_CASE(hands_out_distinct_aligned_objects_up_to_the_limit), T_CASE(reserve_respects_the_limit))
