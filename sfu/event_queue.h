/* SPDX-License-Identifier: Apache-2.0 */
/**
 * event_queue.h - a worker's events on their way to another thread: a bounded ring, and behind it what did not fit.
 *
 * Nothing is lost and nothing blocks: when the taker is slow, events wait with the worker, in order. Threads: one
 * producer (_put, _pass), one taker (_take).
 */
#ifndef CONSILIUM_SFU_EVENT_QUEUE_H
#define CONSILIUM_SFU_EVENT_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "sfu/room/messages.h"

struct sfu_event_queue;

/** A ring of `capacity` events. Returns 0, BASE_ERR_INVALID or BASE_ERR_NOMEM; on error *out is NULL. */
int sfu_event_queue_create(struct sfu_event_queue **out, size_t capacity);
/** NULL is allowed. */
void sfu_event_queue_destroy(struct sfu_event_queue *queue);

/** Queues a copy. Returns 0, or BASE_ERR_NOMEM (the event is lost; it had no place in the ring). */
int sfu_event_queue_put(struct sfu_event_queue *queue, const struct sfu_event *event);
/** Moves into the ring what has room there now. Returns whether something came to the ring since the last call: wake
 *  the taker. */
bool sfu_event_queue_pass(struct sfu_event_queue *queue);
/** Whether events wait outside the ring: call _pass again soon. The producer's. */
bool sfu_event_queue_is_behind(const struct sfu_event_queue *queue);

/** Takes the oldest event; false: none. `producer_gone`: no _put or _pass will come any more (its thread was joined),
 * so what waits outside the ring is taken too. */
bool sfu_event_queue_take(struct sfu_event_queue *queue, bool producer_gone, struct sfu_event *event);

#endif
