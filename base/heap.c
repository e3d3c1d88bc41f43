/* SPDX-License-Identifier: Apache-2.0 */
#include "base/heap.h"

#include <stdlib.h>
#include <string.h>

#include "base/deadline.h"
#include "base/err.h"

void base_heap_clear(struct base_heap *heap)
{
    for (size_t i = 0; i < heap->count; i++)
        heap->nodes[i]->index = 0;
    free(heap->nodes);
    memset(heap, 0, sizeof *heap);
}

int base_heap_reserve(struct base_heap *heap, size_t count)
{
    if (count <= heap->capacity)
        return 0;
    size_t capacity = heap->capacity < 64 ? 64 : heap->capacity;
    while (capacity < count)
        capacity *= 2;
    struct base_heap_node **nodes = realloc(heap->nodes, capacity * sizeof *nodes);
    if (nodes == NULL)
        return BASE_ERR_NOMEM;
    heap->nodes = nodes;
    heap->capacity = capacity;
    return 0;
}

static void place(struct base_heap *heap, size_t at, struct base_heap_node *node)
{
    heap->nodes[at] = node;
    node->index = at + 1;
}

static void sift(struct base_heap *heap, size_t at)
{
    struct base_heap_node *node = heap->nodes[at];
    while (at > 0 && node->deadline_us < heap->nodes[(at - 1) / 2]->deadline_us) {
        place(heap, at, heap->nodes[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= heap->count)
            break;
        if (child + 1 < heap->count && heap->nodes[child + 1]->deadline_us < heap->nodes[child]->deadline_us)
            child++;
        if (heap->nodes[child]->deadline_us >= node->deadline_us)
            break;
        place(heap, at, heap->nodes[child]);
        at = child;
    }
    place(heap, at, node);
}

int base_heap_set(struct base_heap *heap, struct base_heap_node *node, uint64_t deadline_us)
{
    if (deadline_us == BASE_NEVER_US) {
        node->deadline_us = deadline_us;
        if (node->index == 0)
            return 0;
        size_t at = node->index - 1;
        node->index = 0;
        struct base_heap_node *last = heap->nodes[--heap->count];
        if (last != node) {
            place(heap, at, last);
            sift(heap, at);
        }
        return 0;
    }
    if (node->index == 0) {
        int err = base_heap_reserve(heap, heap->count + 1);
        if (err != 0)
            return err;
        place(heap, heap->count++, node);
    }
    node->deadline_us = deadline_us;
    sift(heap, node->index - 1);
    return 0;
}

struct base_heap_node *base_heap_first(const struct base_heap *heap)
{
    return heap->count == 0 ? NULL : heap->nodes[0];
}
