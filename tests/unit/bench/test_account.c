/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/run/account.h"

#include "tests/support/test.h"

#define S UINT64_C(1000000)

static struct bench_sent audio(uint64_t packets)
{
    return (struct bench_sent){.packets = {packets}};
}

static struct bench_sent video(uint64_t packets, uint64_t frames)
{
    return (struct bench_sent){.packets = {packets}, .frames = frames};
}

/* What came of the numbers from..to-1, all of it. */
static struct bench_heard heard(uint64_t from, uint64_t to)
{
    return (struct bench_heard){
        .packets = to - from, .any = to > from, .first_serial = from, .next_serial = to, .first_packet_us = 1};
}

/* An edge that stands from `sent` on, in the measured part. */
static struct bench_edge standing(uint64_t sent_packets)
{
    struct bench_edge edge = {0};
    struct bench_sent sent = audio(sent_packets);
    bench_edge_open(&edge);
    bench_edge_ready(&edge, S, &sent);
    struct bench_heard first = heard(sent_packets, sent_packets + 1);
    bench_edge_poll(&edge, S, &sent, &first);
    bench_edge_measure(&edge, 2 * S, &sent);
    return edge;
}

T_TEST(all_that_arrives_is_all_that_is_expected)
{
    struct bench_edge edge = standing(100);
    struct bench_sent sent = audio(350);
    struct bench_heard all = heard(100, 350);
    struct bench_kind_result kind = {0};
    T_EQ(edge.state, BENCH_EDGE_STANDING);
    T_CHECK(!bench_edge_close(&edge, false, &sent, NULL, &all, &kind));
    T_EQ(kind.expected, 250);
    T_EQ(kind.delivered, 250);
    T_EQ(kind.tracks, 1);
    T_EQ(kind.tracks_missing, 0);
    T_EQ(edge.state, BENCH_EDGE_CLOSED);
}

T_TEST(what_is_lost_is_told_wherever_it_was)
{
    /* in the middle, at the end, all of it */
    static const uint64_t packets[] = {249, 200, 1, 0}, next[] = {350, 300, 101, 0};
    for (int i = 0; i < 4; i++) {
        struct bench_edge edge = standing(100);
        struct bench_sent sent = audio(350);
        struct bench_heard some = {.packets = packets[i], .any = packets[i] != 0, .next_serial = next[i]};
        struct bench_kind_result kind = {0};
        T_CHECK(!bench_edge_close(&edge, false, &sent, NULL, &some, &kind)); /* it was heard before */
        T_EQ(kind.expected, 250);
        T_EQ(kind.delivered, packets[i]);
    }
}

T_TEST(nothing_sent_is_nothing_expected)
{
    struct bench_edge edge = {0};
    struct bench_sent sent = audio(7); /* muted all the time */
    struct bench_kind_result kind = {0};
    bench_edge_open(&edge);
    bench_edge_ready(&edge, S, &sent);
    bench_edge_poll(&edge, 60 * S, &sent, NULL);
    T_EQ(edge.state, BENCH_EDGE_STANDING);
    T_CHECK(!bench_edge_close(&edge, false, &sent, NULL, NULL, &kind));
    T_EQ(kind.expected, 0);
    T_EQ(kind.tracks, 0);
}

T_TEST(who_enters_in_the_middle_expects_from_the_first_packet_on)
{
    struct bench_edge edge = {0};
    struct bench_sent at_entry = audio(1000), later = audio(1040), end = audio(1500);
    struct bench_heard first = heard(1030, 1035), all = heard(1030, 1500);
    struct bench_kind_result kind = {0};
    bench_edge_open(&edge);
    T_EQ(bench_edge_poll(&edge, S, &at_entry, NULL), 0);
    T_CHECK(bench_edge_ready(&edge, S, &at_entry));
    T_EQ(bench_edge_mark(&edge)->packets[0], 1000);
    T_CHECK(!bench_edge_ready(&edge, S, &at_entry));
    T_EQ(bench_edge_poll(&edge, S + 1, &at_entry, NULL), 0);
    T_EQ(edge.state, BENCH_EDGE_READY);
    T_EQ(bench_edge_poll(&edge, 2 * S, &later, &first), BENCH_EDGE_HEARD);
    T_EQ(edge.state, BENCH_EDGE_STANDING);
    T_EQ(bench_edge_poll(&edge, 3 * S, &later, &first), 0); /* told once */
    bench_edge_close(&edge, false, &end, NULL, &all, &kind);
    T_EQ(kind.expected, 470); /* 1030 to 1499 */
    T_EQ(kind.delivered, 470);
}

T_TEST(the_grace_ends)
{
    struct bench_edge edge = {0};
    struct bench_sent at_entry = audio(1000), later = audio(1250), end = audio(2000);
    struct bench_kind_result kind = {0};
    bench_edge_open(&edge);
    bench_edge_ready(&edge, S, &at_entry);
    T_EQ(bench_edge_poll(&edge, S + BENCH_GRACE_US - 1, &later, NULL), 0);
    T_EQ(bench_edge_poll(&edge, S + BENCH_GRACE_US, &later, NULL), BENCH_EDGE_MARK);
    T_EQ(bench_edge_mark(&edge)->packets[0], 1000);
    T_CHECK(bench_edge_close(&edge, false, &end, NULL, NULL, &kind));
    T_EQ(kind.expected, 1000);
    T_EQ(kind.delivered, 0);
    T_EQ(kind.tracks, 1);
    T_EQ(kind.tracks_missing, 1);
}

T_TEST(slow_media_after_the_grace_is_loss)
{
    struct bench_edge edge = {0};
    struct bench_sent at_entry = audio(0), grace = audio(250), end = audio(1000);
    struct bench_heard late = heard(600, 1000);
    struct bench_kind_result kind = {0};
    bench_edge_open(&edge);
    bench_edge_ready(&edge, S, &at_entry);
    bench_edge_poll(&edge, S + BENCH_GRACE_US, &grace, NULL);
    T_EQ(bench_edge_poll(&edge, 2 * S + BENCH_GRACE_US, &grace, &late), BENCH_EDGE_HEARD);
    T_CHECK(!bench_edge_close(&edge, false, &end, NULL, &late, &kind));
    T_EQ(kind.expected, 1000);
    T_EQ(kind.delivered, 400);
    T_EQ(kind.tracks_missing, 0);
}

T_TEST(under_way_when_somebody_leaves)
{
    /* sent 350; 25 of them in the last half second. In order: number of the newest arrived + 1, delivered, expected. */
    static const uint64_t table[][3] = {
        {350, 250, 250}, /* all is here */
        {340, 240, 240}, /* the last ten are under way */
        {325, 225, 225}, /* the last 25 as well */
        {320, 220, 225}, /* five of those that had time are missing */
        {340, 239, 240}, /* one is missing before the newest */
        {0, 0, 225},     /* nothing at all since the mark */
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct bench_edge edge = standing(100);
        struct bench_sent sent = audio(350), before = audio(325);
        struct bench_heard some = {.packets = table[i][1], .any = table[i][1] != 0, .next_serial = table[i][0]};
        struct bench_kind_result kind = {0};
        bench_edge_close(&edge, false, &sent, &before, &some, &kind);
        T_EQ(kind.delivered, table[i][1]);
        T_EQ(kind.expected, table[i][2]);
    }
}

T_TEST(half_a_second_ago)
{
    struct bench_sent_history history = {0};
    struct bench_sent sent = audio(5);
    T_EQ(bench_sent_before(&history, 9 * S, &sent).packets[0], 5);
    for (uint64_t i = 0; i < 50; i++) { /* a packet every 20 ms from 10 s on */
        sent = audio(i);
        bench_sent_keep(&history, 10 * S + i * 20000, &sent);
    }
    sent = audio(50);
    uint64_t before = bench_sent_before(&history, 11 * S, &sent).packets[0];
    T_CHECK(before <= 25 && before >= 20);
    /* somebody who has just begun */
    struct bench_sent_history fresh = {0};
    sent = audio(1);
    bench_sent_keep(&fresh, 10 * S, &sent);
    sent = audio(4);
    T_EQ(bench_sent_before(&fresh, 10 * S + 60000, &sent).packets[0], 1);
}

T_TEST(a_history_never_looks_too_young)
{
    struct bench_sent_history history = {0};
    uint64_t now_us = 0;
    for (uint64_t i = 1; i < 3000; i++) { /* uneven looks */
        now_us += 1000 + i * 7919 % 90000;
        struct bench_sent sent = audio(now_us / 1000);
        bench_sent_keep(&history, now_us, &sent);
        if (now_us < S)
            continue;
        uint64_t age_us = now_us - 1000 * bench_sent_before(&history, now_us, &sent).packets[0];
        T_CHECK(age_us >= BENCH_IN_FLIGHT_US - 200000 && age_us <= BENCH_IN_FLIGHT_US + 300000);
    }
}

T_TEST(what_was_before_the_measured_part_does_not_count)
{
    struct bench_kind_result kind = {0};
    struct bench_edge edge = standing(500); /* its mark is there, and so is what is heard since */
    T_EQ(bench_edge_mark(&edge)->packets[0], 500);
    struct bench_sent sent = audio(600);
    struct bench_heard some = heard(500, 600);
    bench_edge_count(&edge, &sent, &some, &kind);
    T_EQ(kind.expected, 100);
    T_EQ(kind.delivered, 100);
}

T_TEST(an_edge_in_its_grace_when_measuring_begins)
{
    struct bench_edge edge = {0};
    struct bench_sent sent = audio(100), end = audio(300);
    struct bench_heard some = heard(150, 300);
    struct bench_kind_result kind = {0};
    bench_edge_open(&edge);
    bench_edge_ready(&edge, S, &sent);
    T_CHECK(bench_edge_measure(&edge, 2 * S, &sent));
    bench_edge_poll(&edge, 3 * S, &end, &some);
    bench_edge_close(&edge, false, &end, NULL, &some, &kind);
    T_EQ(kind.expected, 150);
    T_EQ(kind.tracks, 1);
}

T_TEST(who_could_not_enter_is_missed)
{
    struct bench_edge edge = {0};
    struct bench_sent sent = audio(1000), end = audio(1500);
    struct bench_kind_result kind = {0};
    bench_edge_open(&edge);
    bench_edge_give_up(&edge, 15 * S, &sent);
    bench_edge_ready(&edge, 16 * S, &sent); /* too late: it stays so */
    T_EQ(edge.state, BENCH_EDGE_HOPELESS);
    T_CHECK(bench_edge_close(&edge, false, &end, NULL, NULL, &kind));
    T_EQ(kind.expected, 500);
    T_EQ(kind.tracks_missing, 1);
    /* a publisher who could not: nothing was sent, and yet the track is missing */
    memset(&kind, 0, sizeof kind);
    sent = audio(0);
    bench_edge_open(&edge);
    bench_edge_give_up(&edge, 15 * S, &sent);
    T_CHECK(bench_edge_close(&edge, true, &sent, NULL, NULL, &kind));
    T_EQ(kind.expected, 0);
    T_EQ(kind.tracks, 1);
    T_EQ(kind.tracks_missing, 1);
    /* still trying when it ended: not said to be missing, not said to be here */
    memset(&kind, 0, sizeof kind);
    bench_edge_open(&edge);
    T_CHECK(!bench_edge_close(&edge, true, &sent, NULL, NULL, &kind));
    T_EQ(kind.tracks, 0);
}

T_TEST(packets_without_a_picture_are_a_missing_track)
{
    struct bench_edge edge = {0};
    struct bench_sent sent = video(0, 0), end = video(1000, 250);
    struct bench_heard some = heard(0, 1000);
    struct bench_kind_result kind = {0};
    bench_edge_open(&edge);
    bench_edge_ready(&edge, S, &sent);
    bench_edge_poll(&edge, 2 * S, &sent, &some);
    T_CHECK(bench_edge_close(&edge, true, &end, NULL, &some, &kind));
    T_EQ(kind.delivered, 1000);
    T_EQ(kind.frames_expected, 250);
    T_EQ(kind.frames, 0);
    T_EQ(kind.tracks_missing, 1);
}

T_TEST(pictures_are_counted_from_the_first_one)
{
    struct bench_edge edge = {0};
    struct bench_sent ready = video(400, 100), first = video(440, 110), end = video(1440, 360);
    struct bench_heard some = heard(420, 436), all = heard(420, 1440);
    struct bench_kind_result kind = {0};
    some.frames = 4; /* 105 to 108; 109 is under way */
    some.first_frame_us = all.first_frame_us = S;
    bench_edge_open(&edge);
    bench_edge_ready(&edge, S, &ready);
    T_EQ(bench_edge_poll(&edge, 2 * S, &first, &some), BENCH_EDGE_HEARD | BENCH_EDGE_SEEN);
    all.frames = 255;
    bench_edge_close(&edge, true, &end, NULL, &all, &kind);
    T_EQ(kind.frames, 255);
    T_EQ(kind.frames_expected, 255);
}

T_TEST(streams_may_follow_each_other)
{
    struct bench_edge edge = standing(100);
    struct bench_sent sent = audio(400);
    struct bench_heard first = heard(100, 200), second = heard(210, 400);
    struct bench_kind_result kind = {0};
    bench_edge_stream_ended(&edge, &first);
    T_EQ(bench_edge_mark(&edge)->packets[0], 200); /* what the first has brought, the second cannot bring again */
    bench_edge_close(&edge, false, &sent, NULL, &second, &kind);
    T_EQ(kind.expected, 300);
    T_EQ(kind.delivered, 290);
}

T_TEST(away_for_a_while)
{
    struct bench_edge edge = standing(100);
    struct bench_sent sent = audio(200), before = audio(175), back = audio(240), end = audio(300);
    struct bench_heard some = heard(100, 190), again = heard(245, 300);
    struct bench_kind_result kind = {0};
    bench_edge_suspend(&edge, &sent, &before, &some, &kind);
    T_EQ(edge.state, BENCH_EDGE_OPEN);
    T_CHECK(bench_edge_ready(&edge, 3 * S, &back));
    bench_edge_poll(&edge, 4 * S, &end, &again);
    bench_edge_close(&edge, false, &end, NULL, &again, &kind);
    T_EQ(kind.delivered, 90 + 55);
    T_EQ(kind.expected, 90 + 55);
    T_EQ(kind.tracks, 1);
}

/* ---- simulcast ------------------------------------------------------------------------------------------------ */

static struct bench_sent layers(uint64_t low, uint64_t middle, uint64_t high, uint64_t frames)
{
    return (struct bench_sent){.packets = {low, middle, high}, .frames = frames};
}

T_TEST(simulcast_expects_the_layer_that_arrives)
{
    struct bench_edge edge = {0};
    struct bench_sent zero = layers(0, 0, 0, 0), at = zero;
    struct bench_heard came = {.any = true, .layer = 0, .first_frame_us = 1};
    struct bench_kind_result kind = {0};
    bench_edge_open(&edge);
    edge.simulcast = true;
    bench_edge_ready(&edge, S, &zero);
    bench_edge_poll(&edge, S, &zero, &came);
    for (uint64_t i = 1; i <= 100; i++) { /* 10 s: low sends 10 a look, middle 20, high 40; switches at 30 and 70 */
        at = layers(10 * i, 20 * i, 40 * i, 3 * i);
        came.layer = i < 30 ? 0 : i < 70 ? 2 : 1;
        came.packets += i < 30 ? 10 : i == 30 ? 13 : i < 70 ? 40 : 20;
        came.frames += 3;
        bench_edge_poll(&edge, S + i * 100000, &at, &came);
    }
    bench_edge_close(&edge, true, &at, NULL, &came, &kind);
    T_EQ(kind.expected, kind.delivered);
    T_EQ(kind.delivered, 29 * 10 + 13 + 39 * 40 + 31 * 20);
    T_EQ(kind.frames_expected, 300);
    T_EQ(kind.frames, 300);
}

T_TEST(simulcast_that_stalls_is_lost)
{
    struct bench_edge edge = {0};
    struct bench_sent zero = layers(0, 0, 0, 0), at = zero;
    struct bench_heard came = {.any = true, .layer = 2, .first_frame_us = 1};
    struct bench_kind_result kind = {0};
    bench_edge_open(&edge);
    edge.simulcast = true;
    bench_edge_ready(&edge, S, &zero);
    bench_edge_poll(&edge, S, &zero, &came);
    for (uint64_t i = 1; i <= 100; i++) {
        at = layers(10 * i, 20 * i, 40 * i, 3 * i);
        if (i <= 50) {
            came.packets += 40;
            came.frames += 3;
        }
        bench_edge_poll(&edge, S + i * 100000, &at, &came);
    }
    bench_edge_close(&edge, true, &at, NULL, &came, &kind);
    T_EQ(kind.expected, 4000);
    T_EQ(kind.delivered, 2000);
    T_EQ(kind.frames_expected, 300);
    T_EQ(kind.frames, 150);
}

T_TEST(simulcast_that_never_came_expects_the_lowest_layer)
{
    struct bench_edge edge = {0};
    struct bench_sent zero = layers(0, 0, 0, 0), grace = layers(50, 100, 200, 30), end = layers(150, 300, 600, 90);
    struct bench_kind_result kind = {0};
    bench_edge_open(&edge);
    edge.simulcast = true;
    bench_edge_ready(&edge, S, &zero);
    bench_edge_poll(&edge, S + BENCH_GRACE_US, &grace, NULL);
    T_CHECK(bench_edge_close(&edge, true, &end, NULL, NULL, &kind));
    T_EQ(kind.expected, 150);
    T_EQ(kind.frames_expected, 90);
}

/* What one stream has brought cannot be brought again by the next, to make up for what was lost. */
T_TEST(a_new_stream_begins_where_the_old_one_ended)
{
    struct bench_edge edge = standing(100);
    struct bench_heard half = heard(100, 200), none = {0};
    half.packets = 50;
    bench_edge_stream_ended(&edge, &half);
    T_EQ(bench_edge_mark(&edge)->packets[0], 200);
    bench_edge_stream_ended(&edge, &none); /* one that brought nothing */
    T_EQ(bench_edge_mark(&edge)->packets[0], 200);
    struct bench_sent sent = audio(300);
    struct bench_heard rest = heard(200, 300);
    struct bench_kind_result kind = {0};
    T_CHECK(!bench_edge_close(&edge, false, &sent, NULL, &rest, &kind));
    T_EQ(kind.expected, 200);
    T_EQ(kind.delivered, 150);
}

/* A run that ends within a grace. */
T_TEST(overdue)
{
    static const uint64_t waited_us[] = {BENCH_OVERDUE_US - 1, BENCH_OVERDUE_US};
    for (int ready = 0; ready < 2; ready++)
        for (int late = 0; late < 2; late++) {
            struct bench_edge edge = {0};
            struct bench_sent at_entry = audio(1000), end = audio(1150);
            struct bench_kind_result kind = {0};
            bench_edge_open(&edge);
            bench_edge_poll(&edge, S, &at_entry, NULL);
            if (ready)
                bench_edge_ready(&edge, S, &at_entry);
            bench_edge_overdue(&edge, S + waited_us[late], &end);
            T_EQ(bench_edge_close(&edge, false, &end, NULL, NULL, &kind), late);
            T_EQ(kind.tracks_missing, late);
            T_EQ(kind.expected, ready && late ? 150 : 0);
        }
    /* nobody missed a microphone that was muted */
    struct bench_edge edge = {0};
    struct bench_sent sent = audio(7);
    struct bench_kind_result kind = {0};
    bench_edge_open(&edge);
    bench_edge_ready(&edge, S, &sent);
    bench_edge_overdue(&edge, 60 * S, &sent);
    T_CHECK(!bench_edge_close(&edge, false, &sent, NULL, NULL, &kind));
    T_EQ(kind.tracks, 0);
}

T_TEST(the_worst_track_is_remembered)
{
    static const uint64_t lost[] = {0, 19, 25, 60, 30};
    struct bench_kind_result kind = {0};
    for (int i = 0; i < 5; i++) {
        struct bench_edge edge = standing(100);
        struct bench_sent sent = audio(350);
        struct bench_heard some = heard(100, 350);
        some.packets -= lost[i];
        bench_edge_close(&edge, false, &sent, NULL, &some, &kind);
        if (i == 1)
            T_EQ(kind.worst_expected, 0);
    }
    T_EQ(kind.worst_expected, 250);
    T_EQ(kind.worst_delivered, 190);
}

T_MAIN(T_CASE(all_that_arrives_is_all_that_is_expected), T_CASE(what_is_lost_is_told_wherever_it_was),
       T_CASE(nothing_sent_is_nothing_expected), T_CASE(who_enters_in_the_middle_expects_from_the_first_packet_on),
       T_CASE(the_grace_ends), T_CASE(slow_media_after_the_grace_is_loss), T_CASE(under_way_when_somebody_leaves),
       T_CASE(half_a_second_ago), T_CASE(a_history_never_looks_too_young),
       T_CASE(what_was_before_the_measured_part_does_not_count), T_CASE(an_edge_in_its_grace_when_measuring_begins),
       T_CASE(who_could_not_enter_is_missed), T_CASE(packets_without_a_picture_are_a_missing_track),
       T_CASE(pictures_are_counted_from_the_first_one), T_CASE(streams_may_follow_each_other), T_CASE(away_for_a_while),
       T_CASE(simulcast_expects_the_layer_that_arrives), T_CASE(simulcast_that_stalls_is_lost),
       T_CASE(simulcast_that_never_came_expects_the_lowest_layer), T_CASE(a_new_stream_begins_where_the_old_one_ended),
       T_CASE(overdue), T_CASE(the_worst_track_is_remembered))
