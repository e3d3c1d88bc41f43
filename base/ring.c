/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ring.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

struct cell {
    atomic_size_t sequence;
    unsigned char bytes[];
};

struct base_ring {
    _Alignas(64) atomic_size_t head; /* next to write */
    _Alignas(64) size_t tail;        /* next to read; the consumer's */
    size_t mask;
    size_t element_bytes;
    size_t stride;
    unsigned char *cells;
};

static struct cell *cell_at(struct base_ring *ring, size_t position)
{
    return (struct cell *)(void *)(ring->cells + (position & ring->mask) * ring->stride);
}

int base_ring_create(struct base_ring **out, size_t capacity, size_t element_bytes)
{
    *out = NULL;
    if (capacity == 0 || element_bytes == 0 || capacity > SIZE_MAX / 4)
        return BASE_ERR_INVALID;
    size_t count = 2;
    while (count < capacity)
        count *= 2;
    struct base_ring *ring = aligned_alloc(64, sizeof *ring);
    if (ring == NULL)
        return BASE_ERR_NOMEM;
    memset(ring, 0, sizeof *ring);
    ring->mask = count - 1;
    ring->element_bytes = element_bytes;
    ring->stride = (sizeof(struct cell) + element_bytes + 15) & ~(size_t)15;
    ring->cells = calloc(count, ring->stride);
    if (ring->cells == NULL) {
        free(ring);
        return BASE_ERR_NOMEM;
    }
    for (size_t i = 0; i < count; i++)
        atomic_init(&cell_at(ring, i)->sequence, i);
    *out = ring;
    return 0;
}

void base_ring_destroy(struct base_ring *ring)
{
    if (ring == NULL)
        return;
    free(ring->cells);
    free(ring);
}

int base_ring_push(struct base_ring *ring, const void *element)
{
    size_t position = atomic_load_explicit(&ring->head, memory_order_relaxed);
    for (;;) {
        struct cell *cell = cell_at(ring, position);
        size_t sequence = atomic_load_explicit(&cell->sequence, memory_order_acquire);
        if (sequence == position) {
            if (atomic_compare_exchange_weak_explicit(&ring->head, &position, position + 1, memory_order_relaxed,
                                                      memory_order_relaxed)) {
                memcpy(cell->bytes, element, ring->element_bytes);
                atomic_store_explicit(&cell->sequence, position + 1, memory_order_release);
                return 0;
            }
        } else if ((ptrdiff_t)(sequence - position) < 0) {
            return BASE_ERR_FULL;
        } else {
            position = atomic_load_explicit(&ring->head, memory_order_relaxed);
        }
    }
}

bool base_ring_pop(struct base_ring *ring, void *element)
{
    struct cell *cell = cell_at(ring, ring->tail);
    if (atomic_load_explicit(&cell->sequence, memory_order_acquire) != ring->tail + 1)
        return false;
    memcpy(element, cell->bytes, ring->element_bytes);
    atomic_store_explicit(&cell->sequence, ring->tail + ring->mask + 1, memory_order_release);
    ring->tail++;
    return true;
}
