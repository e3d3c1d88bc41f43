/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/media/nack_tracker.h"

#include "base/deadline.h"
#include "base/err.h"
#include "base/random.h"
#include "tests/support/test.h"

#define FIRST (65536 + 65530) /* 16 bits: 65530, six before the wrap */

static struct sfu_nack_tracker *tracker_with(uint32_t reorder_us, uint8_t requests_max, uint16_t missing_max)
{
    struct sfu_nack_config config = {reorder_us, 100000, requests_max, missing_max};
    struct sfu_nack_tracker *tracker;
    return sfu_nack_tracker_create(&tracker, &config) == 0 ? tracker : NULL;
}

T_TEST(refuses_configurations_out_of_range)
{
    static const struct sfu_nack_config bad[] = {
        {0, 0, 1, 1}, {0, 1, 0, 1}, {0, 1, 17, 1}, {0, 1, 1, 0}, {0, 1, 1, 4097}};
    struct sfu_nack_tracker *tracker;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        T_EQ(sfu_nack_tracker_create(&tracker, &bad[i]), BASE_ERR_INVALID);
        T_CHECK(tracker == NULL);
    }
    sfu_nack_tracker_destroy(NULL);
}

T_TEST(asks_for_a_gap_across_the_wrap)
{
    struct sfu_nack_tracker *t = tracker_with(0, 3, 100);
    uint16_t out[32];
    T_CHECK(!sfu_nack_tracker_on_packet(t, 0, FIRST));
    T_CHECK(sfu_nack_tracker_deadline_us(t) == BASE_NEVER_US);
    T_CHECK(!sfu_nack_tracker_on_packet(t, 1000, FIRST + 11)); /* 5 */
    T_EQ(sfu_nack_tracker_deadline_us(t), 1000);
    T_EQ(sfu_nack_tracker_poll(t, 1000, out, 32), 10);
    for (unsigned i = 0; i < 10; i++)
        T_EQ(out[i], (uint16_t)(65531 + i));
    T_EQ(sfu_nack_tracker_poll(t, 1000, out, 32), 0);
    T_EQ(sfu_nack_tracker_deadline_us(t), 101000);
    T_CHECK(sfu_nack_tracker_on_packet(t, 2000, FIRST + 6));
    T_CHECK(!sfu_nack_tracker_on_packet(t, 2000, FIRST + 6));
    T_CHECK(!sfu_nack_tracker_on_packet(t, 2000, FIRST - 1)); /* older than the first: nobody missed it */
    T_EQ(sfu_nack_tracker_poll(t, 101000, out, 32), 9);
    sfu_nack_tracker_destroy(t);
}

T_TEST(reordering_within_the_grace_asks_for_nothing)
{
    struct sfu_nack_tracker *t = tracker_with(20000, 3, 100);
    uint16_t out[4];
    sfu_nack_tracker_on_packet(t, 0, FIRST);
    sfu_nack_tracker_on_packet(t, 0, FIRST + 2);
    T_EQ(sfu_nack_tracker_deadline_us(t), 20000);
    T_EQ(sfu_nack_tracker_poll(t, 19999, out, 4), 0);
    T_CHECK(sfu_nack_tracker_on_packet(t, 19999, FIRST + 1));
    T_CHECK(sfu_nack_tracker_deadline_us(t) == BASE_NEVER_US);
    T_EQ(sfu_nack_tracker_poll(t, 50000, out, 4), 0);
    T_CHECK(!sfu_nack_tracker_take_gave_up(t));
    sfu_nack_tracker_destroy(t);
}

T_TEST(gives_up_after_the_last_request_had_its_time)
{
    struct sfu_nack_tracker *t = tracker_with(0, 3, 100);
    uint16_t out[4];
    sfu_nack_tracker_on_packet(t, 0, FIRST);
    sfu_nack_tracker_on_packet(t, 0, FIRST + 2);
    for (uint64_t i = 0; i < 3; i++) {
        T_EQ(sfu_nack_tracker_deadline_us(t), i * 100000);
        T_EQ(sfu_nack_tracker_poll(t, i * 100000, out, 4), 1);
        T_CHECK(!sfu_nack_tracker_take_gave_up(t));
    }
    T_EQ(sfu_nack_tracker_deadline_us(t), 300000);
    T_EQ(sfu_nack_tracker_poll(t, 300000, out, 4), 0);
    T_CHECK(sfu_nack_tracker_take_gave_up(t));
    T_CHECK(!sfu_nack_tracker_take_gave_up(t));
    T_CHECK(sfu_nack_tracker_deadline_us(t) == BASE_NEVER_US);
    T_CHECK(!sfu_nack_tracker_on_packet(t, 300000, FIRST + 1));
    sfu_nack_tracker_destroy(t);
}

T_TEST(what_does_not_fit_stays_due)
{
    struct sfu_nack_tracker *t = tracker_with(0, 3, 100);
    uint16_t out[4];
    sfu_nack_tracker_on_packet(t, 0, FIRST);
    sfu_nack_tracker_on_packet(t, 0, FIRST + 11);
    T_EQ(sfu_nack_tracker_poll(t, 0, out, 4), 4);
    T_EQ(out[0], 65531);
    T_EQ(sfu_nack_tracker_deadline_us(t), 0);
    T_EQ(sfu_nack_tracker_poll(t, 0, out, 4), 4);
    T_EQ(out[0], 65535);
    T_EQ(sfu_nack_tracker_poll(t, 0, out, 4), 2);
    T_EQ(out[1], 4);
    T_EQ(sfu_nack_tracker_poll(t, 0, out, 4), 0);
    T_EQ(sfu_nack_tracker_poll(t, 0, out, 0), 0);
    sfu_nack_tracker_destroy(t);
}

T_TEST(a_larger_gap_gives_up_the_oldest)
{
    struct sfu_nack_tracker *t = tracker_with(0, 3, 10);
    uint16_t out[32];
    sfu_nack_tracker_on_packet(t, 0, FIRST);
    sfu_nack_tracker_on_packet(t, 0, FIRST + 11); /* exactly ten */
    T_CHECK(!sfu_nack_tracker_take_gave_up(t));
    sfu_nack_tracker_on_packet(t, 0, FIRST + 14); /* two more push out two */
    T_CHECK(sfu_nack_tracker_take_gave_up(t));
    T_EQ(sfu_nack_tracker_poll(t, 0, out, 32), 10);
    T_EQ(out[0], 65533);
    T_EQ(out[9], (uint16_t)(65530 + 13));
    sfu_nack_tracker_on_packet(t, 0, FIRST + 30000);
    T_CHECK(sfu_nack_tracker_take_gave_up(t));
    T_EQ(sfu_nack_tracker_poll(t, 0, out, 32), 10);
    T_EQ(out[0], (uint16_t)(65530 + 29990));
    sfu_nack_tracker_destroy(t);
}

T_TEST(forgets_before_a_key_frame_and_everything)
{
    struct sfu_nack_tracker *t = tracker_with(0, 3, 100);
    uint16_t out[32];
    sfu_nack_tracker_on_packet(t, 0, FIRST);
    sfu_nack_tracker_on_packet(t, 0, FIRST + 11);
    sfu_nack_tracker_forget_before(t, FIRST + 8);
    T_EQ(sfu_nack_tracker_poll(t, 0, out, 32), 3);
    T_EQ(out[0], 2);
    sfu_nack_tracker_forget_before(t, UINT64_MAX);
    T_CHECK(sfu_nack_tracker_deadline_us(t) == BASE_NEVER_US);
    T_CHECK(!sfu_nack_tracker_take_gave_up(t));
    T_CHECK(!sfu_nack_tracker_on_packet(t, 0, FIRST + 9));
    sfu_nack_tracker_destroy(t);
}

T_TEST(the_retry_time_can_change)
{
    struct sfu_nack_tracker *t = tracker_with(0, 3, 100);
    uint16_t out[4];
    sfu_nack_tracker_on_packet(t, 0, FIRST);
    sfu_nack_tracker_on_packet(t, 0, FIRST + 2);
    sfu_nack_tracker_set_retry_us(t, 30000);
    sfu_nack_tracker_poll(t, 0, out, 4);
    T_EQ(sfu_nack_tracker_deadline_us(t), 30000);
    sfu_nack_tracker_destroy(t);
}

/* The same rules, written down without care for speed. */
struct model {
    bool missing[8000];
    uint64_t due[8000];
    unsigned requests[8000];
    unsigned highest;
    bool gave_up;
};

static void model_limit(struct model *m, unsigned missing_max)
{
    unsigned live = 0;
    for (unsigned i = m->highest; i-- > 0;)
        if (m->missing[i] && ++live > missing_max)
            m->missing[i] = false, m->gave_up = true;
}

static void run_against_model(int *t_failed, uint64_t seed)
{
    static struct model m;
    memset(&m, 0, sizeof m);
    unsigned missing_max = 1 + (unsigned)(base_prng_next(&seed) % 60);
    uint8_t requests_max = (uint8_t)(1 + base_prng_next(&seed) % 5);
    uint32_t reorder_us = (uint32_t)(base_prng_next(&seed) % 3 * 15000);
    struct sfu_nack_tracker *t = tracker_with(reorder_us, requests_max, (uint16_t)missing_max);
    uint64_t now = 0;
    T_CHECK(t != NULL);
    sfu_nack_tracker_on_packet(t, 0, FIRST);
    while (m.highest < 7900) {
        now += base_prng_next(&seed) % 20000;
        uint64_t r = base_prng_next(&seed);
        if (r % 3 == 0) {
            uint16_t out[16], expected[16];
            size_t out_max = r >> 8 & 15, n = 0;
            for (unsigned i = 0; i < m.highest; i++) {
                if (!m.missing[i] || m.due[i] > now)
                    continue;
                if (m.requests[i] == requests_max) {
                    m.missing[i] = false, m.gave_up = true;
                } else if (n < out_max) {
                    expected[n++] = (uint16_t)(FIRST + i);
                    m.requests[i]++, m.due[i] = now + 100000;
                }
            }
            T_EQ(sfu_nack_tracker_poll(t, now, out, out_max), n);
            T_CHECK(n == 0 || memcmp(out, expected, n * sizeof out[0]) == 0);
        } else {
            unsigned seq = m.highest + 1 + (unsigned)(r % 7 == 0 ? (r >> 16) % 50 : 0);
            if (r % 5 == 0)
                seq = m.highest - (unsigned)((r >> 16) % (m.highest < 80 ? m.highest + 1 : 80));
            bool was_missing = seq < m.highest && m.missing[seq];
            if (seq > m.highest) {
                for (unsigned i = m.highest + 1; i < seq; i++)
                    m.missing[i] = true, m.due[i] = now + reorder_us, m.requests[i] = 0;
                m.highest = seq;
                model_limit(&m, missing_max);
            } else {
                m.missing[seq] = false;
            }
            T_EQ(sfu_nack_tracker_on_packet(t, now, FIRST + seq), was_missing);
        }
        T_EQ(sfu_nack_tracker_take_gave_up(t), m.gave_up);
        m.gave_up = false;
        uint64_t due = BASE_NEVER_US;
        for (unsigned i = 0; i < m.highest; i++)
            if (m.missing[i] && m.due[i] < due)
                due = m.due[i];
        T_CHECK(sfu_nack_tracker_deadline_us(t) <= due);
        T_CHECK(due != BASE_NEVER_US || sfu_nack_tracker_deadline_us(t) == BASE_NEVER_US);
    }
    sfu_nack_tracker_destroy(t);
}

T_TEST(agrees_with_the_model)
{
    for (uint64_t seed = 1; seed <= 5; seed++)
        T_CALL(run_against_model(t_failed, seed));
}

T_MAIN(T_CASE(refuses_configurations_out_of_range), T_CASE(asks_for_a_gap_across_the_wrap),
       T_CASE(reordering_within_the_grace_asks_for_nothing), T_CASE(gives_up_after_the_last_request_had_its_time),
       T_CASE(what_does_not_fit_stays_due), T_CASE(a_larger_gap_gives_up_the_oldest),
       T_CASE(forgets_before_a_key_frame_and_everything), T_CASE(the_retry_time_can_change),
       T_CASE(agrees_with_the_model))
