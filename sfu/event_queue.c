/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/event_queue.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/ring.h"

#define WAITING_FIRST 256

struct sfu_event_queue {
    struct base_ring *ring;
    bool fresh;                /* the ring got something since the last _pass */
    struct sfu_event *waiting; /* oldest at waiting[start] */
    size_t start, count, capacity;
};

int sfu_event_queue_create(struct sfu_event_queue **out, size_t capacity)
{
    *out = NULL;
    struct sfu_event_queue *queue = calloc(1, sizeof *queue);
    if (queue == NULL)
        return BASE_ERR_NOMEM;
    int err = base_ring_create(&queue->ring, capacity, sizeof(struct sfu_event));
    if (err != 0)
        free(queue);
    else
        *out = queue;
    return err;
}

void sfu_event_queue_destroy(struct sfu_event_queue *queue)
{
    if (queue == NULL)
        return;
    base_ring_destroy(queue->ring);
    free(queue->waiting);
    free(queue);
}

static int make_room(struct sfu_event_queue *queue)
{
    if (queue->start + queue->count < queue->capacity)
        return 0;
    /* Moving pays off when at least half of the array is free in front; else it grows. */
    if (queue->start >= queue->count && queue->start > 0) {
        memmove(queue->waiting, queue->waiting + queue->start, queue->count * sizeof *queue->waiting);
        queue->start = 0;
        return 0;
    }
    size_t capacity = queue->capacity > 0 ? 2 * queue->capacity : WAITING_FIRST;
    struct sfu_event *grown = realloc(queue->waiting, capacity * sizeof *grown);
    if (grown == NULL)
        return BASE_ERR_NOMEM;
    queue->waiting = grown;
    queue->capacity = capacity;
    return 0;
}

int sfu_event_queue_put(struct sfu_event_queue *queue, const struct sfu_event *event)
{
    if (queue->count == 0 && base_ring_push(queue->ring, event) == 0) {
        queue->fresh = true;
        return 0;
    }
    int err = make_room(queue);
    if (err == 0)
        queue->waiting[queue->start + queue->count++] = *event;
    return err;
}

bool sfu_event_queue_pass(struct sfu_event_queue *queue)
{
    while (queue->count > 0 && base_ring_push(queue->ring, &queue->waiting[queue->start]) == 0) {
        queue->start++;
        queue->count--;
        queue->fresh = true;
    }
    if (queue->count == 0)
        queue->start = 0;
    bool fresh = queue->fresh;
    queue->fresh = false;
    return fresh;
}

bool sfu_event_queue_is_behind(const struct sfu_event_queue *queue)
{
    return queue->count > 0;
}

bool sfu_event_queue_take(struct sfu_event_queue *queue, bool producer_gone, struct sfu_event *event)
{
    if (base_ring_pop(queue->ring, event))
        return true;
    if (!producer_gone || queue->count == 0)
        return false;
    *event = queue->waiting[queue->start++];
    queue->count--;
    return true;
}
