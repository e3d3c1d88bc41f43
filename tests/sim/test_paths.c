/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to the way of the packets: other addresses, new credentials, silence, wrong certificates. */
#include "base/err.h"
#include "sfu/transport/transport.h"
#include "tests/sim/conference.h"
#include "tests/support/test.h"

static const struct sim_link_config line = {.delay_us = 30000};

static struct sim *call_of(unsigned people, uint64_t seed)
{
    struct sim_config config = {.seed = seed, .up = line, .down = line};
    struct sim *sim = sim_create(&config);
    for (unsigned i = 0; sim != NULL && i < people; i++)
        sim_join(sim, NULL);
    if (sim != NULL)
        sim_run_for(sim, 3 * SIM_SECOND);
    return sim;
}

static unsigned transport_events(const struct sim *sim, unsigned from, const struct sim_participant *who, int state)
{
    unsigned count = 0;
    for (unsigned i = from; i < sim->event_count; i++)
        if (sim->events[i].event.kind == SFU_EVENT_TRANSPORT && sim->events[i].event.participant_id == who->id &&
            sim->events[i].event.state == state)
            count++;
    return count;
}

T_TEST(an_address_change_keeps_the_session)
{
    struct sim *sim = call_of(2, 1);
    T_CHECK(sim != NULL && sim_all_connected(sim));
    struct sim_participant *who = &sim->participants[0], *other = &sim->participants[1];
    for (int pc = 0; pc < 2; pc++) {
        const struct bench_receive_counters *there = sim_received(other, who, SIM_VIDEO);
        const struct bench_receive_counters *here = sim_received(who, other, SIM_VIDEO);
        uint64_t dtls = bench_peer_counters(sim_peer(who, (enum sfu_peer_connection)pc))->dtls_in;
        sim_move(sim, who, (enum sfu_peer_connection)pc);
        sim_run_for(sim, 600000); /* check and nomination: two round trips of 60 ms, and what was lost meanwhile */
        uint64_t out = there->frames_decoded, in = here->frames_decoded;
        sim_run_for(sim, SIM_SECOND);
        T_CHECK(there->frames_decoded >= out + 23);
        T_CHECK(here->frames_decoded >= in + 23);
        T_EQ(bench_peer_counters(sim_peer(who, (enum sfu_peer_connection)pc))->dtls_in, dtls);
        T_EQ(bench_receive_errors(there) + bench_receive_errors(here), 0);
    }
    T_EQ(transport_events(sim, 0, who, SFU_TRANSPORT_LOST), 0);
    T_EQ(transport_events(sim, 0, who, SFU_TRANSPORT_FAILED), 0);
    uint64_t astray = sim->egress_to_nobody;
    sim_run_for(sim, 2 * SIM_SECOND);
    T_EQ(sim->egress_to_nobody, astray); /* nothing goes to the old address any more */
    sim_destroy(sim);
}

T_TEST(an_ice_restart_is_not_seen)
{
    struct sim *sim = call_of(2, 2);
    T_CHECK(sim != NULL && sim_all_connected(sim));
    struct sim_participant *who = &sim->participants[0], *other = &sim->participants[1];
    for (int round = 0; round < 2; round++)
        for (int pc = 0; pc < 2; pc++) {
            sim_restart_ice(sim, who, (enum sfu_peer_connection)pc);
            sim_run_for(sim, 2 * SIM_SECOND);
            T_EQ(bench_peer_state(sim_peer(who, (enum sfu_peer_connection)pc)), BENCH_PEER_CONNECTED);
        }
    sim_run_for(sim, 40 * SIM_SECOND); /* consent lives by the new credentials */
    const struct bench_receive_counters *there = sim_received(other, who, SIM_VIDEO);
    const struct bench_receive_counters *here = sim_received(who, other, SIM_VIDEO);
    T_EQ(there->frames_skipped + here->frames_skipped, 0);
    T_EQ(there->freezes + here->freezes, 0);
    T_EQ(sim_received(other, who, SIM_AUDIO)->serial_jumps, 0);
    T_EQ(transport_events(sim, 0, who, SFU_TRANSPORT_LOST), 0);
    T_CHECK(sim_all_connected(sim));
    sim_destroy(sim);
}

T_TEST(silence_expires_consent)
{
    struct sim *sim = call_of(3, 3);
    T_CHECK(sim != NULL && sim_all_connected(sim));
    struct sim_participant *who = &sim->participants[0];
    unsigned from = sim->event_count;
    who->vanished = true;
    sim_run_for(sim, 23 * SIM_SECOND); /* its last check may have been 6 s ago */
    T_EQ(transport_events(sim, from, who, SFU_TRANSPORT_LOST), 0);
    sim_run_for(sim, 8 * SIM_SECOND);
    T_EQ(transport_events(sim, from, who, SFU_TRANSPORT_LOST), 2);
    /* Nothing is sent to who does not consent. */
    uint64_t sent = who->endpoints[SFU_SUBSCRIBE].down.sent;
    sim_run_for(sim, 2 * SIM_SECOND);
    T_EQ(who->endpoints[SFU_SUBSCRIBE].down.sent, sent);
    const struct bench_receive_counters *video = sim_received(&sim->participants[1], &sim->participants[2], SIM_VIDEO);
    T_EQ(video->freezes + video->frames_skipped, 0);
    sim_destroy(sim);
}

T_TEST(a_restart_brings_a_lost_session_back)
{
    struct sim *sim = call_of(2, 4);
    T_CHECK(sim != NULL && sim_all_connected(sim));
    struct sim_participant *who = &sim->participants[0], *other = &sim->participants[1];
    for (int pc = 0; pc < 2; pc++)
        who->endpoints[pc].up.blackout = who->endpoints[pc].down.blackout = true;
    sim_run_for(sim, 40 * SIM_SECOND);
    T_EQ(transport_events(sim, 0, who, SFU_TRANSPORT_LOST), 2);
    for (int pc = 0; pc < 2; pc++)
        who->endpoints[pc].up.blackout = who->endpoints[pc].down.blackout = false;
    unsigned from = sim->event_count;
    sim_restart_ice(sim, who, SFU_PUBLISH);
    sim_restart_ice(sim, who, SFU_SUBSCRIBE);
    sim_run_for(sim, 2 * SIM_SECOND);
    T_EQ(transport_events(sim, from, who, SFU_TRANSPORT_CONNECTED), 2);
    T_EQ(bench_peer_state(sim_peer(who, SFU_SUBSCRIBE)), BENCH_PEER_CONNECTED);
    uint64_t out = sim_received(other, who, SIM_VIDEO)->frames_decoded;
    uint64_t in = sim_received(who, other, SIM_VIDEO)->frames_decoded;
    sim_run_for(sim, SIM_SECOND);
    T_CHECK(sim_received(other, who, SIM_VIDEO)->frames_decoded >= out + 20);
    T_CHECK(sim_received(who, other, SIM_VIDEO)->frames_decoded >= in + 20);
    sim_destroy(sim);
}

/* One direction is dark for a while: NACK and key frames bring the picture back by themselves. */
T_TEST(one_way_blackouts_heal)
{
    struct sim *sim = call_of(3, 5);
    T_CHECK(sim != NULL && sim_all_connected(sim));
    struct sim_participant *who = &sim->participants[0], *other = &sim->participants[1];
    struct sim_link *links[2] = {&who->endpoints[SFU_PUBLISH].up, &other->endpoints[SFU_SUBSCRIBE].down};
    for (int i = 0; i < 2; i++) {
        links[i]->blackout = true;
        sim_run_for(sim, 4 * SIM_SECOND);
        links[i]->blackout = false;
        sim_run_for(sim, 2 * SIM_SECOND);
        uint64_t frames = sim_received(other, who, SIM_VIDEO)->frames_decoded;
        sim_run_for(sim, SIM_SECOND);
        T_CHECK(sim_received(other, who, SIM_VIDEO)->frames_decoded >= frames + 23);
        T_EQ(bench_receive_errors(sim_received(other, who, SIM_VIDEO)), 0);
    }
    sim_destroy(sim);
}

T_TEST(a_wrong_fingerprint_gets_no_media)
{
    struct sim *sim = call_of(2, 6);
    T_CHECK(sim != NULL && sim_all_connected(sim));
    struct sim_join_options impostor = {.wrong_fingerprint = true};
    struct sim_participant *who = sim_join(sim, &impostor);
    sim_run_for(sim, 5 * SIM_SECOND);
    T_EQ(transport_events(sim, 0, who, SFU_TRANSPORT_FAILED), 2);
    T_EQ(transport_events(sim, 0, who, SFU_TRANSPORT_CONNECTED), 0);
    for (unsigned i = 0; i < sim->event_count; i++)
        if (sim->events[i].event.kind == SFU_EVENT_TRANSPORT && sim->events[i].event.state == SFU_TRANSPORT_FAILED)
            T_EQ(sim->events[i].event.error, BASE_ERR_AUTH);
    T_EQ(bench_peer_counters(sim_peer(who, SFU_SUBSCRIBE))->rtp_in, 0);
    T_EQ(sim_received(&sim->participants[0], who, SIM_AUDIO)->packets, 0);
    const struct bench_receive_counters *video = sim_received(&sim->participants[0], &sim->participants[1], SIM_VIDEO);
    T_EQ(video->freezes + video->frames_skipped + bench_receive_errors(video), 0);
    sim_destroy(sim);
}

/* Half of all packets lost: the handshake needs its retransmissions, and gets through. */
T_TEST(connects_through_heavy_loss)
{
    struct sim_config config = {
        .seed = 8, .up = {.delay_us = 30000, .loss = 0.4}, .down = {.delay_us = 30000, .loss = 0.4}};
    struct sim *sim = sim_create(&config);
    T_CHECK(sim != NULL);
    for (int i = 0; i < 4; i++)
        sim_join(sim, NULL);
    sim_run_for(sim, 40 * SIM_SECOND);
    T_CHECK(sim_all_connected(sim));
    sim_destroy(sim);
}

T_MAIN(T_CASE(an_address_change_keeps_the_session), T_CASE(an_ice_restart_is_not_seen), T_CASE(silence_expires_consent),
       T_CASE(a_restart_brings_a_lost_session_back), T_CASE(one_way_blackouts_heal),
       T_CASE(a_wrong_fingerprint_gets_no_media), T_CASE(connects_through_heavy_loss))
