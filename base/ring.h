/* SPDX-License-Identifier: Apache-2.0 */
/**
 * ring.h - a bounded queue of fixed-size elements between threads.
 *
 * Any number of producers, one consumer; lock-free (Vyukov's bounded queue: each cell carries a sequence number). It
 * never blocks and never grows: a full ring refuses, and the producer decides. To wake a sleeping consumer use an
 * eventfd or lws_cancel_service() beside it.
 */
#ifndef CONSILIUM_BASE_RING_H
#define CONSILIUM_BASE_RING_H

#include <stdbool.h>
#include <stddef.h>

struct base_ring;

/** `capacity` elements (rounded up to a power of two) of `element_bytes` each. The caller owns *out; on error it is
 * NULL. Returns 0, BASE_ERR_INVALID (a zero) or BASE_ERR_NOMEM. */
int base_ring_create(struct base_ring **out, size_t capacity, size_t element_bytes);

/** NULL is allowed. Elements still inside are dropped: drain first if they own something. */
void base_ring_destroy(struct base_ring *ring);

/** Copies *element in. Any thread. Returns 0 or BASE_ERR_FULL. */
int base_ring_push(struct base_ring *ring, const void *element);

/** Copies the oldest element to *element. The consumer's thread only. Returns false when empty. */
bool base_ring_pop(struct base_ring *ring, void *element);

#endif
