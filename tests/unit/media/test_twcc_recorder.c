/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/media/twcc_recorder.h"

#include <stdbool.h>

#include "base/deadline.h"
#include "base/err.h"
#include "base/random.h"
#include "sfu/wire/rtcp.h"
#include "sfu/wire/twcc.h"
#include "tests/support/test.h"

#define INTERVAL 100000u
#define SPACE    65536

/* What the sender has learnt: arrival by 16-bit number, as far as the last messages said. */
static int64_t learnt[SPACE];
static unsigned said[SPACE]; /* how often each was mentioned */
static unsigned messages;
static size_t largest;
static int last_count; /* feedback_count of the newest message */

static void forget(void)
{
    for (unsigned i = 0; i < SPACE; i++)
        learnt[i] = SFU_TWCC_NOT_RECEIVED, said[i] = 0;
    messages = 0;
    largest = 0;
    last_count = -1;
}

/* Polls until 0 and reads all messages. */
static void drain(int *t_failed, struct sfu_twcc_recorder *r, uint64_t now_us)
{
    static int64_t times[SPACE];
    uint8_t out[1500];
    size_t n;
    while ((n = sfu_twcc_recorder_poll(r, now_us, 0xAAAA, out, sizeof out)) > 0) {
        struct sfu_rtcp_reader reader;
        struct sfu_rtcp_item item;
        struct sfu_twcc_feedback feedback;
        sfu_rtcp_reader_init(&reader, out, n);
        T_EQ(sfu_rtcp_read(&reader, &item), 1);
        T_CHECK(item.kind == SFU_RTCP_TWCC && item.sender_ssrc == 0xAAAA && item.media_ssrc == 0xBBBB);
        T_EQ(sfu_twcc_read(item.body, item.body_bytes, &feedback, times, SPACE), 0);
        T_CHECK(last_count < 0 || feedback.feedback_count == (uint8_t)(last_count + 1));
        last_count = feedback.feedback_count;
        T_CHECK(times[0] != SFU_TWCC_NOT_RECEIVED);
        for (unsigned i = 0; i < feedback.packet_count; i++) {
            uint16_t seq = (uint16_t)(feedback.base_seq + i);
            said[seq]++;
            if (times[i] != SFU_TWCC_NOT_RECEIVED)
                learnt[seq] = times[i];
        }
        messages++;
        largest = n > largest ? n : largest;
        T_CHECK(messages < 100000);
    }
}

static struct sfu_twcc_recorder *recorder(void)
{
    struct sfu_twcc_recorder *r = NULL;
    forget();
    sfu_twcc_recorder_create(&r, INTERVAL);
    return r;
}

T_TEST(refuses_intervals_out_of_range)
{
    struct sfu_twcc_recorder *r;
    T_EQ(sfu_twcc_recorder_create(&r, 9999), BASE_ERR_INVALID);
    T_CHECK(r == NULL);
    T_EQ(sfu_twcc_recorder_create(&r, 250001), BASE_ERR_INVALID);
    sfu_twcc_recorder_destroy(NULL);
}

T_TEST(nothing_arrived_nothing_said)
{
    struct sfu_twcc_recorder *r = recorder();
    uint8_t out[100];
    T_CHECK(sfu_twcc_recorder_deadline_us(r) == BASE_NEVER_US);
    T_EQ(sfu_twcc_recorder_poll(r, 1000000, 1, out, sizeof out), 0);
    sfu_twcc_recorder_destroy(r);
}

T_TEST(one_feedback_an_interval_across_the_wrap)
{
    struct sfu_twcc_recorder *r = recorder();
    for (unsigned i = 0; i < 12; i++) /* 65530 .. 5 without 65535, 0 */
        if (i != 5 && i != 6)
            sfu_twcc_recorder_on_packet(r, 5000000 + i * 1000, 0xBBBB, (uint16_t)(65530 + i));
    uint64_t deadline = sfu_twcc_recorder_deadline_us(r);
    T_EQ(deadline, 5000000 + INTERVAL);
    T_CALL(drain(t_failed, r, deadline - 1));
    T_EQ(messages, 0);
    T_CALL(drain(t_failed, r, deadline));
    T_EQ(messages, 1);
    for (unsigned i = 0; i < 12; i++) {
        uint16_t seq = (uint16_t)(65530 + i);
        T_EQ(said[seq], 1);
        T_EQ(learnt[seq] == SFU_TWCC_NOT_RECEIVED, i == 5 || i == 6);
        if (i != 5 && i != 6)
            T_EQ(learnt[seq] - learnt[65530], i * 1000);
    }
    T_CHECK(sfu_twcc_recorder_deadline_us(r) == BASE_NEVER_US);
    sfu_twcc_recorder_on_packet(r, deadline + 350000, 0xBBBB, 6);
    T_EQ(sfu_twcc_recorder_deadline_us(r), deadline + 4 * INTERVAL); /* on the grid */
    sfu_twcc_recorder_destroy(r);
}

T_TEST(a_loss_between_two_feedbacks_is_told)
{
    struct sfu_twcc_recorder *r = recorder();
    sfu_twcc_recorder_on_packet(r, 0, 0xBBBB, 65535);
    T_CALL(drain(t_failed, r, INTERVAL));
    sfu_twcc_recorder_on_packet(r, INTERVAL + 1, 0xBBBB, 2); /* 0 and 1 are lost */
    T_CALL(drain(t_failed, r, 2 * INTERVAL));
    T_CHECK(said[0] == 1 && said[1] == 1 && said[2] == 1);
    T_CHECK(learnt[0] == SFU_TWCC_NOT_RECEIVED && learnt[2] != SFU_TWCC_NOT_RECEIVED);
    sfu_twcc_recorder_on_packet(r, 2 * INTERVAL + 1, 0xBBBB, 3);
    T_CALL(drain(t_failed, r, 3 * INTERVAL));
    T_CHECK(said[0] == 1 && said[1] == 1); /* told once */
    sfu_twcc_recorder_destroy(r);
}

T_TEST(a_late_packet_corrects_its_report)
{
    struct sfu_twcc_recorder *r = recorder();
    sfu_twcc_recorder_on_packet(r, 1000, 0xBBBB, 65534);
    sfu_twcc_recorder_on_packet(r, 2000, 0xBBBB, 0);
    T_CALL(drain(t_failed, r, 1000 + INTERVAL));
    T_CHECK(learnt[65535] == SFU_TWCC_NOT_RECEIVED);
    sfu_twcc_recorder_on_packet(r, 2000 + INTERVAL, 0xBBBB, 65535);
    sfu_twcc_recorder_on_packet(r, 2000 + INTERVAL, 0xBBBB, 65534); /* a duplicate changes nothing */
    T_CALL(drain(t_failed, r, 1000 + 2 * INTERVAL));
    T_EQ(learnt[65535] - learnt[65534], 1000 + INTERVAL);
    T_EQ(learnt[0] - learnt[65534], 1000);
    sfu_twcc_recorder_on_packet(r, 3000 + 2 * INTERVAL, 0xBBBB, 0);
    T_CHECK(sfu_twcc_recorder_deadline_us(r) == BASE_NEVER_US);
    sfu_twcc_recorder_destroy(r);
}

T_TEST(older_than_the_first_is_told_too)
{
    struct sfu_twcc_recorder *r = recorder();
    sfu_twcc_recorder_on_packet(r, 1000, 0xBBBB, 0);
    sfu_twcc_recorder_on_packet(r, 1500, 0xBBBB, 65534);
    T_CALL(drain(t_failed, r, 1000 + INTERVAL));
    T_EQ(learnt[65534] - learnt[0], 500);
    T_EQ(said[65535], 1);
    sfu_twcc_recorder_destroy(r);
}

T_TEST(large_reports_come_in_several_messages)
{
    struct sfu_twcc_recorder *r = recorder();
    for (unsigned i = 0; i < 4000; i++)
        sfu_twcc_recorder_on_packet(r, i * 25, 0xBBBB, (uint16_t)(64000 + i));
    T_CALL(drain(t_failed, r, INTERVAL));
    T_CHECK(messages >= 4);
    T_CHECK(largest <= 1200 && largest > 1100);
    for (unsigned i = 0; i < 4000; i++)
        T_EQ(said[(uint16_t)(64000 + i)], 1);
    T_CHECK(sfu_twcc_recorder_deadline_us(r) == BASE_NEVER_US);
    sfu_twcc_recorder_destroy(r);
}

T_TEST(long_silence_does_not_fit_a_delta)
{
    struct sfu_twcc_recorder *r = recorder();
    sfu_twcc_recorder_on_packet(r, 0, 0xBBBB, 65535);
    T_CALL(drain(t_failed, r, INTERVAL));
    sfu_twcc_recorder_on_packet(r, 60000000, 0xBBBB, 3); /* a minute later, after three losses */
    T_CALL(drain(t_failed, r, 61000000));
    T_CHECK(learnt[3] != SFU_TWCC_NOT_RECEIVED);
    T_CHECK(said[0] >= 1 && said[1] >= 1 && said[2] >= 1);
    sfu_twcc_recorder_destroy(r);
}

T_TEST(a_jump_beyond_the_window_is_survived)
{
    struct sfu_twcc_recorder *r = recorder();
    sfu_twcc_recorder_on_packet(r, 0, 0xBBBB, 10);
    sfu_twcc_recorder_on_packet(r, 1, 0xBBBB, 30000);
    T_CALL(drain(t_failed, r, INTERVAL));
    T_CHECK(learnt[30000] != SFU_TWCC_NOT_RECEIVED && said[29999] == 0);
    /* Half a period back: too old once, a new start when it goes on. */
    sfu_twcc_recorder_on_packet(r, INTERVAL + 1, 0xBBBB, 20000);
    T_CHECK(sfu_twcc_recorder_deadline_us(r) == BASE_NEVER_US);
    sfu_twcc_recorder_on_packet(r, INTERVAL + 2, 0xBBBB, 20001);
    T_CHECK(sfu_twcc_recorder_deadline_us(r) != BASE_NEVER_US);
    T_CALL(drain(t_failed, r, 2 * INTERVAL));
    T_CHECK(learnt[20001] != SFU_TWCC_NOT_RECEIVED);
    sfu_twcc_recorder_destroy(r);
}

T_TEST(a_buffer_too_small_does_not_loop)
{
    struct sfu_twcc_recorder *r = recorder();
    uint8_t out[16];
    sfu_twcc_recorder_on_packet(r, 0, 0xBBBB, 1);
    T_EQ(sfu_twcc_recorder_poll(r, INTERVAL, 1, out, sizeof out), 0);
    T_CHECK(sfu_twcc_recorder_deadline_us(r) == BASE_NEVER_US);
    sfu_twcc_recorder_destroy(r);
}

/* Everything that arrives is told, with its time; everything lost is told as lost. */
static void run_random(int *t_failed, uint64_t seed)
{
    struct sfu_twcc_recorder *r = recorder();
    static int64_t truth[SPACE];
    uint64_t now = 1000000 + base_prng_next(&seed) % 1000000;
    unsigned loss = (unsigned)(base_prng_next(&seed) % 50), gap_us = 50 + (unsigned)(base_prng_next(&seed) % 20000);
    uint16_t seq = 65500;
    uint16_t held = 0;
    bool holding = false;
    for (unsigned i = 0; i < SPACE; i++)
        truth[i] = SFU_TWCC_NOT_RECEIVED;
    for (unsigned i = 0; i < 8000; i++, seq++) {
        now += base_prng_next(&seed) % gap_us;
        uint64_t r100 = base_prng_next(&seed) % 100;
        if (sfu_twcc_recorder_deadline_us(r) <= now)
            T_CALL(drain(t_failed, r, now));
        if (i > 0 && r100 < loss)
            continue;
        if (i > 0 && !holding && r100 > 97) { /* overtaken by some */
            held = seq, holding = true;
            continue;
        }
        truth[seq] = (int64_t)now;
        sfu_twcc_recorder_on_packet(r, now, 0xBBBB, seq);
        if (holding && base_prng_next(&seed) % 10 == 0) {
            truth[held] = (int64_t)now;
            sfu_twcc_recorder_on_packet(r, now, 0xBBBB, held);
            holding = false;
        }
    }
    sfu_twcc_recorder_on_packet(r, now, 0xBBBB, seq);
    truth[seq] = (int64_t)now;
    T_CALL(drain(t_failed, r, now + INTERVAL));
    int64_t offset = learnt[65500] - truth[65500] / 250 * 250;
    for (unsigned i = 0; i < 8000; i++) {
        uint16_t s = (uint16_t)(65500 + i);
        T_CHECK(said[s] >= 1);
        T_EQ(learnt[s] == SFU_TWCC_NOT_RECEIVED, truth[s] == SFU_TWCC_NOT_RECEIVED);
        if (truth[s] != SFU_TWCC_NOT_RECEIVED)
            T_EQ(learnt[s] - offset, truth[s] / 250 * 250);
    }
    sfu_twcc_recorder_destroy(r);
}

T_TEST(random_traffic_is_told_completely)
{
    for (uint64_t seed = 1; seed <= 40; seed++)
        T_CALL(run_random(t_failed, seed));
}

T_MAIN(T_CASE(refuses_intervals_out_of_range), T_CASE(nothing_arrived_nothing_said),
       T_CASE(one_feedback_an_interval_across_the_wrap), T_CASE(a_loss_between_two_feedbacks_is_told),
       T_CASE(a_late_packet_corrects_its_report), T_CASE(older_than_the_first_is_told_too),
       T_CASE(large_reports_come_in_several_messages), T_CASE(long_silence_does_not_fit_a_delta),
       T_CASE(a_jump_beyond_the_window_is_survived), T_CASE(a_buffer_too_small_does_not_loop),
       T_CASE(random_traffic_is_told_completely))
