/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ring.h"

#include <pthread.h>
#include <sched.h>
#include <stdint.h>

#include "base/err.h"
#include "tests/support/test.h"

T_TEST(refuses_when_full_and_keeps_order)
{
    struct base_ring *ring;
    T_EQ(base_ring_create(&ring, 4, sizeof(int)), 0);
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 4; i++)
            T_EQ(base_ring_push(ring, &i), 0);
        int extra = 9, out = -1;
        T_EQ(base_ring_push(ring, &extra), BASE_ERR_FULL);
        for (int i = 0; i < 4; i++) {
            T_CHECK(base_ring_pop(ring, &out));
            T_EQ(out, i);
        }
        T_CHECK(!base_ring_pop(ring, &out));
    }
    base_ring_destroy(ring);
}

T_TEST(refuses_zero_sizes)
{
    struct base_ring *ring;
    T_EQ(base_ring_create(&ring, 0, 4), BASE_ERR_INVALID);
    T_CHECK(ring == NULL);
    T_EQ(base_ring_create(&ring, 4, 0), BASE_ERR_INVALID);
}

enum { PRODUCERS = 3, PER_PRODUCER = 20000 };

struct message {
    uint32_t producer;
    uint32_t number;
};

struct producer {
    struct base_ring *ring;
    uint32_t id;
};

static void *produce(void *argument)
{
    struct producer *producer = argument;
    for (uint32_t i = 0; i < PER_PRODUCER; i++) {
        struct message message = {producer->id, i};
        while (base_ring_push(producer->ring, &message) != 0)
            sched_yield();
    }
    return NULL;
}

T_TEST(several_producers_lose_nothing_and_stay_in_order)
{
    struct base_ring *ring;
    T_EQ(base_ring_create(&ring, 64, sizeof(struct message)), 0);
    pthread_t threads[PRODUCERS];
    struct producer producers[PRODUCERS];
    for (uint32_t i = 0; i < PRODUCERS; i++) {
        producers[i] = (struct producer){ring, i};
        T_EQ(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
    }
    uint32_t next[PRODUCERS] = {0};
    int wrong = 0;
    for (int got = 0; got < PRODUCERS * PER_PRODUCER;) {
        struct message message;
        if (!base_ring_pop(ring, &message)) {
            sched_yield();
            continue;
        }
        wrong += message.number != next[message.producer]++;
        got++;
    }
    for (int i = 0; i < PRODUCERS; i++)
        pthread_join(threads[i], NULL);
    T_EQ(wrong, 0);
    base_ring_destroy(ring);
}

T_MAIN(T_CASE(refuses_when_full_and_keeps_order), T_CASE(refuses_zero_sizes),
       T_CASE(several_producers_lose_nothing_and_stay_in_order))
