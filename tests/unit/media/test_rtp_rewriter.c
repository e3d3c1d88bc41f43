/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/media/rtp_rewriter.h"

#include "base/err.h"
#include "base/random.h"
#include "tests/support/test.h"

static struct sfu_rtp_rewriter rw;

/* Maps at time 0 with timestamp 0; -1 when refused. */
static long long map(uint64_t source)
{
    uint64_t out;
    uint32_t ts;
    return sfu_rtp_rewriter_map(&rw, 0, source, 0, &out, &ts) == 0 ? (long long)out : -1;
}

T_TEST(starts_at_the_first_number_and_timestamp)
{
    uint64_t out;
    uint32_t ts;
    sfu_rtp_rewriter_init(&rw, 90000, 0, 5000);
    T_EQ(sfu_rtp_rewriter_map(&rw, 10, 65536 + 65535, 777, &out, &ts), 0);
    T_EQ(out, 0);
    T_EQ(ts, 5000);
    T_EQ(sfu_rtp_rewriter_map(&rw, 10, 131072, 777 + 3000, &out, &ts), 0);
    T_EQ(out, 1);
    T_EQ(ts, 8000);
    T_EQ(map(65536 + 65534), -1); /* before the start */
    T_EQ(map(131071), -1);        /* sent before */
}

T_TEST(real_losses_stay_gaps)
{
    sfu_rtp_rewriter_init(&rw, 90000, 100, 0);
    T_EQ(map(1000), 100);
    T_EQ(map(1003), 103);
    T_EQ(map(1002), 102);
    T_EQ(map(1001), 101);
    T_EQ(map(1004), 104);
}

T_TEST(drops_close_their_gap)
{
    sfu_rtp_rewriter_init(&rw, 90000, 100, 0);
    T_EQ(map(1000), 100);
    sfu_rtp_rewriter_drop(&rw, 1001);
    T_EQ(map(1002), 101);
    sfu_rtp_rewriter_drop(&rw, 1003);
    sfu_rtp_rewriter_drop(&rw, 1004);
    T_EQ(map(1005), 102);
    T_EQ(map(1001), -1);
    T_EQ(map(1004), -1);
}

T_TEST(reordering_around_a_drop)
{
    sfu_rtp_rewriter_init(&rw, 90000, 100, 0);
    T_EQ(map(1000), 100);
    T_EQ(map(1002), 102);
    sfu_rtp_rewriter_drop(&rw, 1004);
    T_EQ(map(1003), 103); /* old input before a drop */
    T_EQ(map(1001), 101);
    T_EQ(map(1006), 105);
    T_EQ(map(1005), 104);
    sfu_rtp_rewriter_drop(&rw, 1008);
    sfu_rtp_rewriter_drop(&rw, 1010);
    T_EQ(map(1011), 108);
    T_EQ(map(1009), 107);
    T_EQ(map(1007), 106);
}

T_TEST(a_late_drop_leaves_the_gap)
{
    sfu_rtp_rewriter_init(&rw, 90000, 100, 0);
    T_EQ(map(1000), 100);
    T_EQ(map(1003), 103);
    sfu_rtp_rewriter_drop(&rw, 1002);
    T_EQ(map(1001), 101);
    T_EQ(map(1004), 104);
}

T_TEST(drops_before_a_source_do_nothing)
{
    sfu_rtp_rewriter_init(&rw, 90000, 7, 0);
    sfu_rtp_rewriter_drop(&rw, 500);
    T_EQ(map(400), 7);
    sfu_rtp_rewriter_switch(&rw);
    sfu_rtp_rewriter_drop(&rw, 401);
    T_EQ(map(50), 8);
}

T_TEST(a_long_mute_and_its_history)
{
    sfu_rtp_rewriter_init(&rw, 48000, 100, 0);
    T_EQ(map(65536), 100);
    for (uint64_t s = 65537; s < 65536 + 5000; s++)
        sfu_rtp_rewriter_drop(&rw, s);
    T_EQ(map(65536 + 5000), 101);
    T_EQ(map(65536 + 3000), -1); /* older than the history */
    T_EQ(map(65536 + 4900), -1);
    T_EQ(map(65536 + 5001), 102);
}

T_TEST(switching_goes_on_in_number_and_time)
{
    uint64_t out;
    uint32_t ts;
    sfu_rtp_rewriter_init(&rw, 90000, 65, 1000);
    T_EQ(sfu_rtp_rewriter_map(&rw, 1000000, 70000, 50000, &out, &ts), 0);
    T_EQ(sfu_rtp_rewriter_map(&rw, 1005000, 70001, 50000, &out, &ts), 0); /* the same frame, a little later */
    sfu_rtp_rewriter_switch(&rw);
    T_EQ(sfu_rtp_rewriter_map(&rw, 1100000, 99, 0xFFFFFFF0u, &out, &ts), 0);
    T_EQ(out, 67);
    T_EQ(ts, 1000 + 9000); /* 100 ms after the frame began */
    T_EQ(sfu_rtp_rewriter_map(&rw, 1133000, 100, 2984, &out, &ts), 0);
    T_EQ(ts, 1000 + 9000 + 3000);
    T_EQ(map(98), -1);
    T_EQ(map(70002), 67 + 70002 - 99); /* far ahead, but it is a number of the new source now */
    sfu_rtp_rewriter_switch(&rw);
    T_EQ(sfu_rtp_rewriter_map(&rw, 1133000, 5, 0, &out, &ts), 0);
    T_CHECK(ts != 1000 + 9000 + 3000); /* never the same timestamp */
}

T_TEST(timestamps_wrap)
{
    uint64_t out;
    uint32_t ts;
    sfu_rtp_rewriter_init(&rw, 90000, 1, 0xFFFFFFFFu);
    T_EQ(sfu_rtp_rewriter_map(&rw, 0, 10, 0, &out, &ts), 0);
    T_EQ(ts, 0xFFFFFFFFu);
    sfu_rtp_rewriter_switch(&rw);
    T_EQ(sfu_rtp_rewriter_map(&rw, 1000000, 10, 123, &out, &ts), 0);
    T_EQ(ts, 90000 - 1);
}

T_TEST(find_answers_for_the_present_source)
{
    uint64_t source, out;
    sfu_rtp_rewriter_init(&rw, 90000, 0, 0);
    T_EQ(sfu_rtp_rewriter_find(&rw, 0, &source, &out), BASE_ERR_NOT_FOUND);
    for (uint64_t s = 0; s < 5; s++)
        map(65536 + s);
    T_EQ(sfu_rtp_rewriter_find(&rw, 3, &source, &out), 0);
    T_CHECK(source == 65539 && out == 3);
    T_EQ(sfu_rtp_rewriter_find(&rw, 5, &source, &out), BASE_ERR_NOT_FOUND);
    T_EQ(sfu_rtp_rewriter_find(&rw, 65535, &source, &out), BASE_ERR_NOT_FOUND);
    sfu_rtp_rewriter_switch(&rw);
    T_EQ(sfu_rtp_rewriter_find(&rw, 3, &source, &out), BASE_ERR_NOT_FOUND);
    map(9);
    map(11);
    T_EQ(sfu_rtp_rewriter_find(&rw, 3, &source, &out), BASE_ERR_NOT_FOUND);
    T_EQ(sfu_rtp_rewriter_find(&rw, 5, &source, &out), 0);
    T_CHECK(source == 9 && out == 5);
    T_EQ(sfu_rtp_rewriter_find(&rw, 6, &source, &out), BASE_ERR_NOT_FOUND); /* lost before us */
    for (uint64_t s = 12; s < 12 + 70000; s++) {
        map(s);
        uint64_t expected = s - 4;
        T_EQ(sfu_rtp_rewriter_find(&rw, (uint16_t)expected, &source, &out), 0);
        T_CHECK(source == s && out == expected);
    }
    T_EQ(sfu_rtp_rewriter_find(&rw, (uint16_t)(12 + 69999 - 4 - 1023), &source, &out), 0);
    T_EQ(source, 12 + 69999 - 1023);
    T_EQ(sfu_rtp_rewriter_find(&rw, (uint16_t)(12 + 69999 - 4 - 1024), &source, &out), BASE_ERR_NOT_FOUND);
}

/* The same rules by counting from the start of the source every time. */
#define NUMBERS 6000
struct model {
    bool dropped[NUMBERS]; /* the place is closed */
    bool sent[NUMBERS];
    unsigned start, highest;
    uint64_t out_start;
};

static uint64_t model_out(const struct model *m, unsigned s)
{
    uint64_t out = m->out_start + (s - m->start);
    for (unsigned i = m->start; i < s; i++)
        out -= m->dropped[i];
    return out;
}

/* One source: numbers base .. base + NUMBERS in order, but displaced, lost, dropped and repeated at random. */
static void run_source(int *t_failed, uint64_t *seed, uint64_t *next_out, uint64_t base)
{
    static struct model m;
    memset(&m, 0, sizeof m);
    m.out_start = *next_out;
    unsigned cursor = 0, drop_percent = (unsigned)(base_prng_next(seed) % 60);
    unsigned reorder = 1 + (unsigned)(base_prng_next(seed) % 40);
    bool started = false;
    while (cursor < NUMBERS - 200) {
        uint64_t r = base_prng_next(seed);
        cursor += (r & 7) == 0 ? (unsigned)(r >> 8 & 3) : 1; /* some are lost, some come twice */
        unsigned s = cursor + (unsigned)((r >> 16) % reorder);
        bool drop = (r >> 32) % 100 < drop_percent;
        if (drop) {
            sfu_rtp_rewriter_drop(&rw, base + s);
            if (started && s > m.highest)
                m.dropped[s] = true, m.highest = s;
            continue;
        }
        uint64_t out;
        uint32_t ts;
        bool wanted = !started || s > m.highest || (s >= m.start && !m.dropped[s] && !m.sent[s]);
        if (!started)
            m.start = m.highest = s, started = true;
        int err = sfu_rtp_rewriter_map(&rw, 0, base + s, 0, &out, &ts);
        T_EQ(err, wanted ? 0 : BASE_ERR_REPLAY);
        if (err != 0)
            continue;
        if (s > m.highest)
            m.highest = s;
        m.sent[s] = true;
        T_EQ(out, model_out(&m, s));
        if (out >= *next_out)
            *next_out = out + 1;
        uint64_t found_source, found_out;
        T_EQ(sfu_rtp_rewriter_find(&rw, (uint16_t)out, &found_source, &found_out), 0);
        T_CHECK(found_source == base + s && found_out == out);
    }
}

T_TEST(agrees_with_the_model)
{
    uint64_t seed = 99, next_out = 32767;
    sfu_rtp_rewriter_init(&rw, 90000, 32767, 0);
    for (int source = 0; source < 25; source++) { /* far enough for the output to wrap, too */
        uint64_t base = 65536 * (1 + base_prng_next(&seed) % 3) + 65530 - base_prng_next(&seed) % 3000;
        T_CALL(run_source(t_failed, &seed, &next_out, base));
        sfu_rtp_rewriter_switch(&rw);
    }
    T_CHECK(next_out > 65536 + 5);
}

/* ---- another encoding of the same picture ---- */

static uint32_t ts_at(uint64_t now_us, uint64_t source, uint32_t source_ts)
{
    uint64_t out;
    uint32_t ts = 0;
    return sfu_rtp_rewriter_map(&rw, now_us, source, source_ts, &out, &ts) == 0 ? ts : 0;
}

T_TEST(a_known_clock_is_kept_across_switches)
{
    sfu_rtp_rewriter_init(&rw, 90000, 100, 4000000000u);
    T_EQ(ts_at(1000000, 10, 5000), 4000000000u);
    uint32_t offset = sfu_rtp_rewriter_clock_offset_ts(&rw);
    T_EQ(offset, 4000000000u - 5000);
    /* The other encoding's time is 70000 ahead; its frame arrives late, which must not show. */
    T_EQ(sfu_rtp_rewriter_ahead_ts(&rw, 75000 + 3600, offset - 70000), 3600);
    sfu_rtp_rewriter_switch_to(&rw, offset - 70000);
    T_EQ(ts_at(1090000, 900, 75000 + 3600), 4000003600u);
    T_EQ(ts_at(1091000, 901, 75000 + 3600), 4000003600u);
    T_EQ(ts_at(1092000, 902, 75000 + 7200), 4000007200u);
    T_EQ(sfu_rtp_rewriter_clock_offset_ts(&rw), offset - 70000);
    T_EQ(map(11), -1); /* of the one before */
}

T_TEST(two_frames_of_one_capture_follow_each_other)
{
    sfu_rtp_rewriter_init(&rw, 90000, 100, 0);
    T_EQ(ts_at(0, 10, 0), 0);
    T_EQ(ts_at(40000, 11, 3600), 3600);
    uint32_t offset = sfu_rtp_rewriter_clock_offset_ts(&rw);
    T_EQ(sfu_rtp_rewriter_ahead_ts(&rw, 3600, offset), 0);
    sfu_rtp_rewriter_switch_to(&rw, offset); /* the same clock by chance */
    T_EQ(ts_at(41000, 20, 3600), 3601);
    T_EQ(ts_at(80000, 21, 7200), 7201);
    /* What was added is not passed on: a hundred switches later time is where it was. */
    for (uint32_t i = 0; i < 100; i++) {
        uint32_t capture_ts = 7200 + 3600 * i;
        T_EQ(sfu_rtp_rewriter_clock_offset_ts(&rw), offset);
        sfu_rtp_rewriter_switch_to(&rw, sfu_rtp_rewriter_clock_offset_ts(&rw));
        T_EQ(ts_at(80000 + 40000 * i, 1000 * (i + 1), capture_ts), i == 0 ? 7202 : capture_ts);
    }
    /* Older than what was sent: right behind it, and all that follow by as much. */
    sfu_rtp_rewriter_switch_to(&rw, offset);
    uint32_t last = 7200 + 3600 * 99;
    T_EQ(ts_at(9000000, 500000, last - 7200), last + 1);
    T_EQ(ts_at(9000000, 500001, last - 3600), last + 3601);
    T_EQ(sfu_rtp_rewriter_clock_offset_ts(&rw), offset);
}

T_TEST(an_absurd_clock_is_not_believed)
{
    sfu_rtp_rewriter_init(&rw, 90000, 100, 0);
    T_EQ(ts_at(1000000, 10, 0), 0);
    sfu_rtp_rewriter_switch_to(&rw, 900001 + 90000);
    T_EQ(ts_at(2000000, 20, 0), 90000); /* by arrival */
    sfu_rtp_rewriter_switch_to(&rw, (uint32_t)(90000 - 900001));
    T_EQ(ts_at(2010000, 30, 0), 90900);
    sfu_rtp_rewriter_switch(&rw); /* forgets an offset that nobody used */
    sfu_rtp_rewriter_switch_to(&rw, 5);
    sfu_rtp_rewriter_switch(&rw);
    T_EQ(ts_at(2020000, 40, 90900), 91800);
}

T_MAIN(T_CASE(starts_at_the_first_number_and_timestamp), T_CASE(real_losses_stay_gaps), T_CASE(drops_close_their_gap),
       T_CASE(reordering_around_a_drop), T_CASE(a_late_drop_leaves_the_gap), T_CASE(drops_before_a_source_do_nothing),
       T_CASE(a_long_mute_and_its_history), T_CASE(switching_goes_on_in_number_and_time), T_CASE(timestamps_wrap),
       T_CASE(find_answers_for_the_present_source), T_CASE(agrees_with_the_model),
       T_CASE(a_known_clock_is_kept_across_switches), T_CASE(two_frames_of_one_capture_follow_each_other),
       T_CASE(an_absurd_clock_is_not_believed))
