/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/event_queue.h"

#include "base/err.h"
#include "tests/support/test.h"

static int put(struct sfu_event_queue *queue, uint64_t id)
{
    const struct sfu_event event = {.track_id = id};
    return sfu_event_queue_put(queue, &event);
}

T_TEST(order_is_kept_across_ring_and_waiting)
{
    struct sfu_event_queue *queue;
    struct sfu_event event;
    T_EQ(sfu_event_queue_create(&queue, 4), 0);
    T_CHECK(!sfu_event_queue_pass(queue));
    uint64_t in = 0, out = 0;
    /* Three in, two out, a thousand times: the ring is full most of the time, the array moves and grows. */
    for (int round = 0; round < 1000; round++) {
        for (int i = 0; i < 3; i++)
            T_EQ(put(queue, in++), 0);
        sfu_event_queue_pass(queue);
        for (int i = 0; i < 2; i++) {
            T_CHECK(sfu_event_queue_take(queue, false, &event));
            T_EQ(event.track_id, out++);
        }
    }
    T_CHECK(sfu_event_queue_is_behind(queue));
    while (sfu_event_queue_pass(queue)) {
        T_CHECK(sfu_event_queue_take(queue, false, &event));
        T_EQ(event.track_id, out++);
    }
    T_CHECK(!sfu_event_queue_is_behind(queue));
    while (sfu_event_queue_take(queue, false, &event))
        T_EQ(event.track_id, out++);
    T_EQ(out, in);
    sfu_event_queue_destroy(queue);
}

T_TEST(pass_tells_of_new_events_once)
{
    struct sfu_event_queue *queue;
    struct sfu_event event;
    T_EQ(sfu_event_queue_create(&queue, 2), 0);
    put(queue, 1);
    T_CHECK(sfu_event_queue_pass(queue));
    T_CHECK(!sfu_event_queue_pass(queue));
    put(queue, 2);
    put(queue, 3); /* waits */
    T_CHECK(sfu_event_queue_pass(queue));
    put(queue, 4);
    T_CHECK(!sfu_event_queue_pass(queue));
    T_CHECK(sfu_event_queue_take(queue, false, &event));
    T_CHECK(sfu_event_queue_pass(queue));
    sfu_event_queue_destroy(queue);
}

T_TEST(when_the_producer_is_gone_the_rest_is_taken)
{
    struct sfu_event_queue *queue;
    struct sfu_event event;
    T_EQ(sfu_event_queue_create(&queue, 2), 0);
    for (uint64_t i = 0; i < 600; i++)
        put(queue, i);
    for (uint64_t i = 0; i < 600; i++) {
        T_EQ(sfu_event_queue_take(queue, i >= 2, &event), true);
        T_EQ(event.track_id, i);
    }
    T_CHECK(!sfu_event_queue_take(queue, true, &event));
    sfu_event_queue_destroy(queue);
    T_EQ(sfu_event_queue_create(&queue, 0), BASE_ERR_INVALID);
    T_CHECK(queue == NULL);
    sfu_event_queue_destroy(queue);
}

T_MAIN(T_CASE(order_is_kept_across_ring_and_waiting), T_CASE(pass_tells_of_new_events_once),
       T_CASE(when_the_producer_is_gone_the_rest_is_taken))
