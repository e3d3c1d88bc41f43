/* SPDX-License-Identifier: Apache-2.0 */
/**
 * hash.h - SipHash-2-4 for keys that strangers choose, and a map from 64-bit keys to pointers.
 *
 * The map (open addressing, linear probing) never owns its values. Growing happens in base_map_put only: a map created
 * with enough capacity does not allocate. Threads: one owner at a time.
 */
#ifndef CONSILIUM_BASE_HASH_H
#define CONSILIUM_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/** SipHash-2-4 (Aumasson, Bernstein 2012) of data[0..len) under a 128-bit key. */
uint64_t base_siphash(const void *data, size_t len, const uint64_t key[2]);

struct base_map_slot {
    uint64_t key;
    void *value; /**< NULL: the slot is empty */
};

/** Treat as opaque; lies in its owner's memory. */
struct base_map {
    struct base_map_slot *slots;
    size_t slot_count; /* a power of two, or 0 */
    size_t count;
    uint64_t seed;
};

/** Prepares an empty map; `seed` makes its order unguessable where keys come from outside (0 is fine elsewhere).
 *  Reserves room for `capacity` entries. Returns 0 or BASE_ERR_NOMEM. */
int base_map_init(struct base_map *map, size_t capacity, uint64_t seed);

/** Frees the table, not the values. The map may be initialised again. */
void base_map_clear(struct base_map *map);

/** The value of `key`, or NULL. */
void *base_map_get(const struct base_map *map, uint64_t key);

/** Sets or replaces; `value` must not be NULL. Returns 0, or BASE_ERR_NOMEM (the map is unchanged). */
int base_map_put(struct base_map *map, uint64_t key, void *value);

/** Removes `key`; returns its value or NULL. */
void *base_map_remove(struct base_map *map, uint64_t key);

/** Iterates: start with *cursor = 0; returns the next value or NULL at the end. Removing the value just returned may
 * make the walk visit another entry twice or skip one; collect first, then remove. */
void *base_map_next(const struct base_map *map, size_t *cursor, uint64_t *key_out);

#endif
