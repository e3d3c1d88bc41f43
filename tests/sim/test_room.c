/* SPDX-License-Identifier: Apache-2.0 */
/* What happens in a room: late comers, mute, leaving, screens, speakers, limits. */
#include "tests/sim/conference.h"
#include "tests/support/test.h"

static const struct sim_link_config line = {.delay_us = 40000}; /* RTT 80 ms */

static struct sim *room_of(unsigned people, uint64_t seed)
{
    struct sim_config config = {.seed = seed, .up = line, .down = line};
    struct sim *sim = sim_create(&config);
    for (unsigned i = 0; sim != NULL && i < people; i++)
        sim_join(sim, NULL);
    if (sim != NULL)
        sim_run_for(sim, 3 * SIM_SECOND);
    return sim;
}

T_TEST(late_joiner_sees_after_one_key_frame_request)
{
    struct sim *sim = room_of(3, 1);
    T_CHECK(sim != NULL && sim_all_connected(sim));
    sim_run_for(sim, 2 * SIM_SECOND);
    uint64_t requests[3];
    for (int i = 0; i < 3; i++)
        requests[i] = sim_sent(&sim->participants[i], SIM_VIDEO)->key_frame_requests;
    struct sim_participant *late = sim_join(sim, NULL);
    sim_run_for(sim, 3 * SIM_SECOND);
    uint64_t connected_us = bench_peer_counters(sim_peer(late, SFU_SUBSCRIBE))->connected_us;
    T_CHECK(connected_us != 0);
    for (int i = 0; i < 3; i++) {
        const struct bench_receive_counters *video = sim_received(late, &sim->participants[i], SIM_VIDEO);
        T_EQ(sim_sent(&sim->participants[i], SIM_VIDEO)->key_frame_requests - requests[i], 1);
        T_CHECK(video->first_frame_us != 0);
        /* request and frame each cross both lines (RTT 80 ms twice is the most), a frame interval, three packets */
        T_CHECK(video->first_frame_us - connected_us < 2 * 80000 + 40000 + 20000);
        T_EQ(video->plis, 0);
        T_EQ(video->frames_skipped, 0);
    }
    T_EQ(sim_errors(sim), 0);
    sim_destroy(sim);
}

T_TEST(mute_is_enforced_and_unmute_begins_with_a_key_frame)
{
    struct sim *sim = room_of(3, 2);
    T_CHECK(sim != NULL && sim_all_connected(sim));
    struct sim_participant *who = &sim->participants[0], *other = &sim->participants[1];
    for (int track = SIM_AUDIO; track <= SIM_VIDEO; track++) {
        unsigned from = sim->event_count;
        sim_mute(sim, who, track, true, SFU_MUTED_BY_MODERATOR);
        T_EQ(sim_count_events(sim, from, SFU_EVENT_TRACK_MUTED, who, NULL), 1);
        sim_mute(sim, who, track, true, SFU_MUTED_BY_SELF); /* no change, no event */
        T_EQ(sim_count_events(sim, from, SFU_EVENT_TRACK_MUTED, who, NULL), 1);
        sim_run_for(sim, 60000); /* what was on its way */
        const struct bench_receive_counters *received = sim_received(other, who, track);
        uint64_t packets = received->packets + received->rtx_packets, keys = received->key_frames_decoded;
        uint64_t sent = sim_sent(who, track)->packets, others = sim_received(other, who, 1 - track)->packets;
        sim_run_for(sim, 7 * SIM_SECOND); /* the publisher goes on sending all the time */
        T_CHECK(sim_sent(who, track)->packets > sent + 300);
        T_EQ(received->packets + received->rtx_packets, packets);
        T_CHECK(sim_received(other, who, 1 - track)->packets > others + 100);
        T_EQ(received->plis, 0);

        uint64_t jumps = received->serial_jumps, nacks = received->nack_requests;
        uint64_t now_us = sim->now_us;
        sim_mute(sim, who, track, false, SFU_MUTED_BY_SELF);
        sim_run_for(sim, 2 * SIM_SECOND);
        T_CHECK(received->packets > packets + 50);
        T_EQ(received->serial_jumps - jumps, 1); /* left out, and no gap shows it: nothing was asked for */
        T_EQ(received->nack_requests, nacks);
        if (track == SIM_VIDEO) {
            T_EQ(received->key_frames_decoded, keys + 1);
            T_EQ(received->plis, 0);
        }
        T_CHECK(received->last_packet_us > now_us);
    }
    struct sfu_stats stats;
    sfu_engine_stats(sim->engine, &stats);
    T_CHECK(stats.dropped_muted > 600);
    T_EQ(sim_errors(sim), 0);
    sim_destroy(sim);
}

T_TEST(leaving_ends_streams_and_nothing_else)
{
    struct sim *sim = room_of(4, 3);
    T_CHECK(sim != NULL && sim_all_connected(sim));
    unsigned from = sim->event_count, first = 0;
    sim_leave(sim, &sim->participants[1]);
    sim_run_for(sim, 3 * SIM_SECOND);
    T_EQ(sim_count_events(sim, from, SFU_EVENT_LEFT, NULL, &first), 1);
    T_EQ(sim->events[first].event.participant_id, sim->participants[1].id);
    T_EQ(sim->events[first].event.reason, SFU_REASON_LEFT);
    /* The client was told (DTLS close_notify), or at least gets nothing any more. */
    uint64_t got = bench_peer_counters(sim_peer(&sim->participants[1], SFU_SUBSCRIBE))->rtp_in;
    sim_run_for(sim, 2 * SIM_SECOND);
    T_EQ(bench_peer_counters(sim_peer(&sim->participants[1], SFU_SUBSCRIBE))->rtp_in, got);
    struct sfu_stats stats;
    sfu_engine_stats(sim->engine, &stats);
    T_EQ(stats.participants, 3);
    T_EQ(stats.up_tracks, 6);
    T_EQ(stats.down_tracks, 12);
    const struct bench_receive_counters *video = sim_received(&sim->participants[2], &sim->participants[0], SIM_VIDEO);
    T_EQ(video->freezes, 0);
    T_EQ(video->frames_skipped, 0);
    T_EQ(sim_errors(sim), 0);
    sim_destroy(sim);
}

T_TEST(a_screen_is_a_second_video)
{
    struct sim_config config = {.seed = 4, .up = line, .down = line};
    struct sim *sim = sim_create(&config);
    T_CHECK(sim != NULL);
    struct sim_join_options sharing = {.screen = true};
    struct sim_participant *who = sim_join(sim, &sharing);
    struct sim_participant *other = sim_join(sim, NULL);
    sim_run_for(sim, 5 * SIM_SECOND);
    T_CHECK(sim_received(other, who, SIM_SCREEN)->frames_decoded > 90);
    T_CHECK(sim_received(other, who, SIM_VIDEO)->frames_decoded > 90);
    T_EQ(sim_errors(sim), 0);
    sim_destroy(sim);
}

static void speak(struct sim_participant *who, uint8_t level, bool voice)
{
    bench_send_stream_set_level(who->sends[SIM_AUDIO], level, voice);
}

T_TEST(speaker_follows_the_voice_within_600_ms)
{
    struct sim *sim = room_of(4, 5);
    T_CHECK(sim != NULL && sim_all_connected(sim));
    for (uint32_t i = 0; i < 4; i++)
        speak(&sim->participants[i], 90, false); /* a room is never quite silent */
    sim_run_for(sim, 2 * SIM_SECOND);
    for (uint32_t turn = 0; turn < 6; turn++) {
        struct sim_participant *who = &sim->participants[turn % 3];
        unsigned from = sim->event_count, first = 0;
        uint64_t now_us = sim->now_us;
        speak(who, 30, true);
        sim_run_for(sim, 3 * SIM_SECOND);
        T_EQ(sim_count_events(sim, from, SFU_EVENT_SPEAKER, NULL, NULL), 1); /* one change, no flapping */
        T_EQ(sim_count_events(sim, from, SFU_EVENT_SPEAKER, who, &first), 1);
        printf("    turn %u: after %" PRIu64 " ms\n", turn, (sim->events[first].at_us - now_us) / 1000);
        T_CHECK(sim->events[first].at_us - now_us <= 600000);
        T_EQ(sim->events[first].event.recent[0], who->id);
        speak(who, 90, false);
        from = sim->event_count;
        sim_run_for(sim, 500000); /* a pause keeps the stage */
        T_EQ(sim_count_events(sim, from, SFU_EVENT_SPEAKER, NULL, NULL), 0);
    }
    /* A cough of 100 ms takes nobody's stage. */
    unsigned from = sim->event_count;
    speak(&sim->participants[2], 30, true);
    sim_run_for(sim, 2 * SIM_SECOND);
    speak(&sim->participants[3], 35, true);
    sim_run_for(sim, 100000);
    speak(&sim->participants[3], 90, false);
    sim_run_for(sim, 2 * SIM_SECOND);
    T_EQ(sim_count_events(sim, from, SFU_EVENT_SPEAKER, &sim->participants[3], NULL), 0);
    sim_destroy(sim);
}

T_TEST(a_full_room_refuses)
{
    struct sim_config config = {.seed = 6, .capacity = 2};
    struct sim *sim = sim_create(&config);
    T_CHECK(sim != NULL);
    sim_join(sim, NULL);
    sim_join(sim, NULL);
    struct sim_participant *third = sim_join(sim, NULL);
    sim_run_for(sim, 3 * SIM_SECOND);
    unsigned first = 0;
    T_EQ(sim_count_events(sim, 0, SFU_EVENT_REFUSED, third, &first), 1);
    T_EQ(sim->events[first].event.reason, SFU_REASON_ROOM_FULL);
    T_EQ(sim_count_events(sim, 0, SFU_EVENT_JOINED, third, NULL), 0);
    T_EQ(bench_peer_counters(sim_peer(third, SFU_SUBSCRIBE))->connected_us, 0);
    T_CHECK(sim_received(&sim->participants[0], &sim->participants[1], SIM_VIDEO)->frames_decoded > 40);
    sim_destroy(sim);
}

T_TEST(the_same_identity_replaces)
{
    struct sim_config config = {.seed = 7};
    struct sim *sim = sim_create(&config);
    T_CHECK(sim != NULL);
    struct sim_join_options self = {.identity = 4711};
    struct sim_participant *old = sim_join(sim, &self);
    struct sim_participant *other = sim_join(sim, NULL);
    sim_run_for(sim, 3 * SIM_SECOND);
    struct sim_participant *again = sim_join(sim, &self);
    sim_run_for(sim, 3 * SIM_SECOND);
    unsigned first = 0;
    T_EQ(sim_count_events(sim, 0, SFU_EVENT_LEFT, old, &first), 1);
    T_EQ(sim->events[first].event.reason, SFU_REASON_REPLACED);
    T_CHECK(sim_received(other, again, SIM_VIDEO)->frames_decoded > 40);
    T_CHECK(sim_stream(other, old, SIM_VIDEO) == NULL);
    struct sfu_stats stats;
    sfu_engine_stats(sim->engine, &stats);
    T_EQ(stats.participants, 2);
    T_EQ(sim_errors(sim), 0);
    sim_destroy(sim);
}

T_MAIN(T_CASE(late_joiner_sees_after_one_key_frame_request),
       T_CASE(mute_is_enforced_and_unmute_begins_with_a_key_frame), T_CASE(leaving_ends_streams_and_nothing_else),
       T_CASE(a_screen_is_a_second_video), T_CASE(speaker_follows_the_voice_within_600_ms), T_CASE(a_full_room_refuses),
       T_CASE(the_same_identity_replaces))
