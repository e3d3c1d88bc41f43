/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"
#include "base/random.h"
#include "tests/support/test.h"

T_TEST(siphash_paper_vector)
{
    /* Appendix A of the SipHash paper: key 00..0f, message 00..0e. */
    uint64_t key[2] = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};
    unsigned char message[15];
    for (unsigned char i = 0; i < 15; i++)
        message[i] = i;
    T_CHECK(base_siphash(message, 15, key) == 0xa129ca6149be45e5u);
}

T_TEST(map_agrees_with_an_array_over_random_operations)
{
    static int values[512];
    void *model[512] = {0};
    struct base_map map;
    uint64_t rng = 42;
    size_t count = 0;
    T_EQ(base_map_init(&map, 4, 7), 0);
    for (int step = 0; step < 200000; step++) {
        uint64_t key = base_prng_next(&rng) % 512;
        if (base_prng_next(&rng) % 2) {
            count += model[key] == NULL;
            model[key] = &values[key];
            T_EQ(base_map_put(&map, key, &values[key]), 0);
        } else {
            count -= model[key] != NULL;
            T_CHECK(base_map_remove(&map, key) == model[key]);
            model[key] = NULL;
        }
        uint64_t probe = base_prng_next(&rng) % 512;
        T_CHECK(base_map_get(&map, probe) == model[probe]);
        T_EQ(map.count, count);
    }
    size_t cursor = 0, seen = 0;
    uint64_t key = 0;
    while (base_map_next(&map, &cursor, &key) != NULL) {
        T_CHECK(model[key] != NULL);
        seen++;
    }
    T_EQ(seen, count);
    base_map_clear(&map);
    T_CHECK(base_map_get(&map, 1) == NULL);
}

T_MAIN(T_CASE(siphash_paper_vector), T_CASE(map_agrees_with_an_array_over_random_operations))
