/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

static inline uint64_t rotl(uint64_t x, int b)
{
    return x << b | x >> (64 - b);
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[0] = rotl(v[0], 32);
    v[2] += v[3];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[2] = rotl(v[2], 32);
}

uint64_t base_siphash(const void *data, size_t len, const uint64_t key[2])
{
    const uint8_t *p = data;
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du, key[0] ^ 0x6c7967656e657261u,
                     key[1] ^ 0x7465646279746573u};
    size_t left = len;
    for (; left >= 8; left -= 8, p += 8) {
        uint64_t m = 0;
        for (int i = 7; i >= 0; i--)
            m = m << 8 | p[i];
        v[3] ^= m;
        sip_round(v);
        sip_round(v);
        v[0] ^= m;
    }
    uint64_t last = (uint64_t)len << 56;
    for (size_t i = 0; i < left; i++)
        last |= (uint64_t)p[i] << (8 * i);
    v[3] ^= last;
    sip_round(v);
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* Finalizer of SplitMix64: spreads consecutive ids over the table. */
static size_t slot_of(const struct base_map *map, uint64_t key)
{
    uint64_t x = key ^ map->seed;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return (size_t)(x ^ (x >> 31)) & (map->slot_count - 1);
}

static int resize(struct base_map *map, size_t slot_count)
{
    struct base_map_slot *slots = calloc(slot_count, sizeof *slots);
    if (slots == NULL)
        return BASE_ERR_NOMEM;
    struct base_map old = *map;
    map->slots = slots;
    map->slot_count = slot_count;
    for (size_t i = 0; i < old.slot_count; i++) {
        if (old.slots[i].value == NULL)
            continue;
        size_t at = slot_of(map, old.slots[i].key);
        while (slots[at].value != NULL)
            at = (at + 1) & (slot_count - 1);
        slots[at] = old.slots[i];
    }
    free(old.slots);
    return 0;
}

int base_map_init(struct base_map *map, size_t capacity, uint64_t seed)
{
    memset(map, 0, sizeof *map);
    map->seed = seed;
    size_t slot_count = 16;
    while (slot_count / 4 * 3 < capacity)
        slot_count *= 2;
    return resize(map, slot_count);
}

void base_map_clear(struct base_map *map)
{
    free(map->slots);
    memset(map, 0, sizeof *map);
}

static size_t find(const struct base_map *map, uint64_t key)
{
    size_t at = slot_of(map, key);
    while (map->slots[at].value != NULL && map->slots[at].key != key)
        at = (at + 1) & (map->slot_count - 1);
    return at;
}

void *base_map_get(const struct base_map *map, uint64_t key)
{
    return map->slot_count == 0 ? NULL : map->slots[find(map, key)].value;
}

int base_map_put(struct base_map *map, uint64_t key, void *value)
{
    assert(value != NULL);
    if (map->count + 1 > map->slot_count / 4 * 3) {
        int err = resize(map, map->slot_count == 0 ? 16 : map->slot_count * 2);
        if (err != 0)
            return err;
    }
    size_t at = find(map, key);
    if (map->slots[at].value == NULL)
        map->count++;
    map->slots[at] = (struct base_map_slot){key, value};
    return 0;
}

void *base_map_remove(struct base_map *map, uint64_t key)
{
    if (map->slot_count == 0)
        return NULL;
    size_t at = find(map, key);
    void *value = map->slots[at].value;
    if (value == NULL)
        return NULL;
    map->count--;
    /* Close the gap (Knuth 6.4, algorithm R): move back whoever could not sit at home because of us. */
    size_t mask = map->slot_count - 1;
    for (size_t next = (at + 1) & mask; map->slots[next].value != NULL; next = (next + 1) & mask) {
        size_t home = slot_of(map, map->slots[next].key);
        if (((next - home) & mask) >= ((next - at) & mask)) {
            map->slots[at] = map->slots[next];
            at = next;
        }
    }
    map->slots[at].value = NULL;
    return value;
}

void *base_map_next(const struct base_map *map, size_t *cursor, uint64_t *key_out)
{
    while (*cursor < map->slot_count) {
        const struct base_map_slot *slot = &map->slots[(*cursor)++];
        if (slot->value != NULL) {
            if (key_out != NULL)
                *key_out = slot->key;
            return slot->value;
        }
    }
    return NULL;
}
