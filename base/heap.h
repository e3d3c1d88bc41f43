/* SPDX-License-Identifier: Apache-2.0 */
/**
 * heap.h - deadlines: an intrusive binary min-heap of objects ordered by `deadline_us`.
 *
 * Embed a `struct base_heap_node` in the object; get the object back with base_container_of(). Nodes with BASE_NEVER_US
 * are not kept in the heap. Threads: one owner.
 */
#ifndef CONSILIUM_BASE_HEAP_H
#define CONSILIUM_BASE_HEAP_H

#include <stddef.h>
#include <stdint.h>

#define base_container_of(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

struct base_heap_node {
    uint64_t deadline_us; /**< read only for the owner: set it by base_heap_set() */
    size_t index;         /* position + 1; 0: not in the heap */
};

/** All zeroes is an empty heap. */
struct base_heap {
    struct base_heap_node **nodes;
    size_t count;
    size_t capacity;
};

/** Frees the array, not the nodes. */
void base_heap_clear(struct base_heap *heap);

/** Makes sure that `count` nodes fit without allocation in base_heap_set(). Returns 0 or BASE_ERR_NOMEM. */
int base_heap_reserve(struct base_heap *heap, size_t count);

/** Inserts, moves or (with BASE_NEVER_US) removes `node`. A zeroed node is "not in the heap".
 *  Returns 0 or BASE_ERR_NOMEM (only when inserting beyond what was reserved; the heap is unchanged). */
int base_heap_set(struct base_heap *heap, struct base_heap_node *node, uint64_t deadline_us);

/** The node with the earliest deadline, or NULL. */
struct base_heap_node *base_heap_first(const struct base_heap *heap);

#endif
