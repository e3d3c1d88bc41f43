/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/media/nack_tracker.h"

#include <stdlib.h>

#include "base/deadline.h"
#include "base/err.h"

#define REQUESTS_MAX 16
#define MISSING_MAX  4096

struct missing {
    uint64_t ext_seq;
    uint64_t due_us; /* of the next request, or of giving up after the last one */
    uint8_t requests;
    bool live; /* false: arrived or given up; waits to be swept out */
};

/* The entries lie in a ring, in the order of their numbers: new ones are always the highest. One that arrives is only
 * marked; the marks go when they reach the front, or all at once when the ring is full. */
struct sfu_nack_tracker {
    struct sfu_nack_config config;
    bool started;
    bool gave_up;
    uint64_t highest;
    uint64_t next_due_us; /* not after the earliest due time */
    size_t live_count;
    size_t head, tail; /* free-running; entries are head .. tail - 1 */
    size_t mask;
    struct missing ring[];
};

static struct missing *at(struct sfu_nack_tracker *tracker, size_t index)
{
    return &tracker->ring[index & tracker->mask];
}

int sfu_nack_tracker_create(struct sfu_nack_tracker **out, const struct sfu_nack_config *config)
{
    *out = NULL;
    if (config->retry_us == 0 || config->requests_max == 0 || config->requests_max > REQUESTS_MAX ||
        config->missing_max == 0 || config->missing_max > MISSING_MAX)
        return BASE_ERR_INVALID;
    size_t slots = 2; /* twice the live entries: sweeping then costs little per entry */
    while (slots < 2 * (size_t)config->missing_max)
        slots *= 2;
    struct sfu_nack_tracker *tracker = calloc(1, sizeof *tracker + slots * sizeof tracker->ring[0]);
    if (tracker == NULL)
        return BASE_ERR_NOMEM;
    tracker->config = *config;
    tracker->mask = slots - 1;
    tracker->next_due_us = BASE_NEVER_US;
    *out = tracker;
    return 0;
}

void sfu_nack_tracker_destroy(struct sfu_nack_tracker *tracker)
{
    free(tracker);
}

static void trim(struct sfu_nack_tracker *tracker)
{
    while (tracker->head != tracker->tail && !at(tracker, tracker->head)->live)
        tracker->head++;
    if (tracker->live_count == 0)
        tracker->next_due_us = BASE_NEVER_US;
}

static void take_out(struct sfu_nack_tracker *tracker, struct missing *entry)
{
    entry->live = false;
    tracker->live_count--;
}

static void sweep(struct sfu_nack_tracker *tracker)
{
    size_t to = tracker->head;
    for (size_t from = tracker->head; from != tracker->tail; from++)
        if (at(tracker, from)->live)
            *at(tracker, to++) = *at(tracker, from);
    tracker->tail = to;
}

static void add(struct sfu_nack_tracker *tracker, uint64_t ext_seq, uint64_t due_us)
{
    if (tracker->live_count == tracker->config.missing_max) {
        take_out(tracker, at(tracker, tracker->head));
        tracker->gave_up = true;
        trim(tracker);
    }
    if (tracker->tail - tracker->head > tracker->mask)
        sweep(tracker);
    struct missing *entry = at(tracker, tracker->tail++);
    entry->ext_seq = ext_seq;
    entry->due_us = due_us;
    entry->requests = 0;
    entry->live = true;
    tracker->live_count++;
    if (due_us < tracker->next_due_us)
        tracker->next_due_us = due_us;
}

static struct missing *find(struct sfu_nack_tracker *tracker, uint64_t ext_seq)
{
    size_t low = 0, high = tracker->tail - tracker->head;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct missing *entry = at(tracker, tracker->head + middle);
        if (entry->ext_seq == ext_seq)
            return entry->live ? entry : NULL;
        if (entry->ext_seq < ext_seq)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

bool sfu_nack_tracker_on_packet(struct sfu_nack_tracker *tracker, uint64_t now_us, uint64_t ext_seq)
{
    if (!tracker->started) {
        tracker->started = true;
        tracker->highest = ext_seq;
        return false;
    }
    if (ext_seq <= tracker->highest) {
        struct missing *entry = find(tracker, ext_seq);
        if (entry == NULL)
            return false;
        take_out(tracker, entry);
        trim(tracker);
        return true;
    }
    uint64_t first = tracker->highest + 1;
    if (ext_seq - first > tracker->config.missing_max) {
        first = ext_seq - tracker->config.missing_max;
        tracker->gave_up = true;
    }
    for (uint64_t lost = first; lost < ext_seq; lost++)
        add(tracker, lost, now_us + tracker->config.reorder_us);
    tracker->highest = ext_seq;
    return false;
}

void sfu_nack_tracker_forget_before(struct sfu_nack_tracker *tracker, uint64_t ext_seq)
{
    for (size_t i = tracker->head; i != tracker->tail && at(tracker, i)->ext_seq < ext_seq; i++)
        if (at(tracker, i)->live)
            take_out(tracker, at(tracker, i));
    trim(tracker);
}

void sfu_nack_tracker_set_retry_us(struct sfu_nack_tracker *tracker, uint32_t retry_us)
{
    tracker->config.retry_us = retry_us > 0 ? retry_us : 1;
}

uint64_t sfu_nack_tracker_deadline_us(const struct sfu_nack_tracker *tracker)
{
    return tracker->next_due_us;
}

size_t sfu_nack_tracker_poll(struct sfu_nack_tracker *tracker, uint64_t now_us, uint16_t *out, size_t out_max)
{
    if (now_us < tracker->next_due_us)
        return 0;
    size_t count = 0;
    uint64_t next_due_us = BASE_NEVER_US;
    for (size_t i = tracker->head; i != tracker->tail; i++) {
        struct missing *entry = at(tracker, i);
        if (!entry->live)
            continue;
        if (entry->due_us <= now_us && entry->requests == tracker->config.requests_max) {
            take_out(tracker, entry);
            tracker->gave_up = true;
            continue;
        }
        if (entry->due_us <= now_us && count < out_max) {
            out[count++] = (uint16_t)entry->ext_seq;
            entry->requests++;
            entry->due_us = now_us + tracker->config.retry_us;
        }
        if (entry->due_us < next_due_us)
            next_due_us = entry->due_us;
    }
    tracker->next_due_us = next_due_us;
    trim(tracker);
    return count;
}

bool sfu_nack_tracker_take_gave_up(struct sfu_nack_tracker *tracker)
{
    bool gave_up = tracker->gave_up;
    tracker->gave_up = false;
    return gave_up;
}
