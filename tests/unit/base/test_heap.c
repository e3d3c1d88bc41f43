/* SPDX-License-Identifier: Apache-2.0 */
#include "base/heap.h"

#include "base/clock.h"
#include "base/random.h"
#include "tests/support/test.h"

T_TEST(first_is_always_the_earliest)
{
    struct base_heap heap = {0};
    struct base_heap_node nodes[64] = {0};
    uint64_t deadlines[64], rng = 1;
    for (int i = 0; i < 64; i++)
        deadlines[i] = BASE_NEVER_US;
    for (int step = 0; step < 50000; step++) {
        size_t i = base_prng_next(&rng) % 64;
        deadlines[i] = base_prng_next(&rng) % 4 == 0 ? BASE_NEVER_US : base_prng_next(&rng) % 1000;
        T_EQ(base_heap_set(&heap, &nodes[i], deadlines[i]), 0);
        uint64_t earliest = BASE_NEVER_US;
        for (int k = 0; k < 64; k++)
            earliest = deadlines[k] < earliest ? deadlines[k] : earliest;
        struct base_heap_node *first = base_heap_first(&heap);
        T_CHECK((first == NULL ? BASE_NEVER_US : first->deadline_us) == earliest);
    }
    base_heap_clear(&heap);
    T_CHECK(base_heap_first(&heap) == NULL);
}

T_MAIN(T_CASE(first_is_always_the_earliest))
