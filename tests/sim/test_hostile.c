/* SPDX-License-Identifier: Apache-2.0 */
/* Strangers, garbage and replays: no state, no answers that help, no effect on the call. */
#include <arpa/inet.h>
#include <stdlib.h>

#include "base/random.h"
#include "sfu/wire/stun.h"
#include "tests/sim/conference.h"
#include "tests/support/test.h"

static struct sim *call_of_three(uint64_t seed)
{
    struct sim_config config = {.seed = seed};
    struct sim *sim = sim_create(&config);
    for (int i = 0; sim != NULL && i < 3; i++)
        sim_join(sim, NULL);
    if (sim != NULL)
        sim_run_for(sim, 2 * SIM_SECOND);
    return sim;
}

static struct sfu_path stranger(uint64_t *random)
{
    uint64_t draw = base_prng_next(random);
    struct sfu_path path = {0};
    path.remote.in4.sin_family = path.local.in4.sin_family = AF_INET;
    path.remote.in4.sin_addr.s_addr = htonl(0xC0000000u | (uint32_t)(draw >> 32 & 0xFFFFFF));
    path.remote.in4.sin_port = htons((uint16_t)draw | 1);
    path.local.in4.sin_addr.s_addr = htonl(0x0A000001u);
    path.local.in4.sin_port = htons(5000);
    return path;
}

/* One datagram of the kinds that strangers send; returns its length. */
static size_t forge(struct sim *sim, uint64_t *random, uint8_t *out)
{
    uint64_t draw = base_prng_next(random);
    size_t len = 1 + (size_t)(draw >> 8) % 1200;
    for (size_t i = 0; i < len; i += 8) {
        uint64_t word = base_prng_next(random);
        memcpy(out + i, &word, 8);
    }
    const struct sfu_ice_credentials *known = &sim->participants[draw % 3].endpoints[draw & 1].server;
    struct sfu_stun_request request = {.username = "nobody:knows",
                                       .password = "a password that is not the right one",
                                       .priority = 1,
                                       .tie_breaker = draw,
                                       .controlling = true,
                                       .use_candidate = true};
    memcpy(request.transaction_id, &draw, sizeof draw);
    char username[64];
    switch (draw % 8) {
    case 0: /* a check for nobody */
        return sfu_stun_write_request(out, &request);
    case 1: /* a check for somebody, without the password */
        snprintf(username, sizeof username, "%s:abcd", known->ufrag);
        request.username = username;
        return sfu_stun_write_request(out, &request);
    case 2: /* the same, cut short */
        snprintf(username, sizeof username, "%s:abcd", known->ufrag);
        request.username = username;
        len = sfu_stun_write_request(out, &request);
        return len > 20 ? 20 + draw % (len - 20) : len;
    case 3: /* STUN header, garbage attributes */
        memcpy(out, "\0\1\0\0\x21\x12\xA4\x42", 8);
        return len < 20 ? 20 : len;
    case 4: /* DTLS handshake record */
        memcpy(out, "\x16\xFE\xFD", 3);
        return len;
    case 5: /* RTP with a known SSRC */
        memcpy(out, "\x80\x64", 2);
        memcpy(out + 8, "\x10\0\0\2", 4);
        return len < 40 ? 40 : len;
    case 6: /* RTCP */
        memcpy(out, "\x80\xC9", 2);
        return len;
    default:
        return len;
    }
}

T_TEST(a_hundred_thousand_datagrams_of_strangers)
{
    struct sim *sim = call_of_three(1);
    T_CHECK(sim != NULL && sim_all_connected(sim));
    struct sfu_stats before, after;
    sfu_engine_stats(sim->engine, &before);
    uint64_t answers = sim->egress_to_nobody, random = 99;
    for (int round = 0; round < 100; round++) {
        for (int i = 0; i < 1000; i++) {
            uint8_t datagram[1600];
            size_t len = forge(sim, &random, datagram);
            struct sfu_path from = stranger(&random);
            sim_inject(sim, &from, datagram, len);
        }
        sim_run_for(sim, 30000);
    }
    sfu_engine_stats(sim->engine, &after);
    T_EQ(after.transports_connected, before.transports_connected);
    T_EQ(after.participants, before.participants);
    T_EQ(after.datagrams_in - before.datagrams_in >= 100000, 1);
    T_CHECK(after.dropped_stun_stranger > before.dropped_stun_stranger + 10000);
    T_CHECK(after.dropped_stun_auth > before.dropped_stun_auth + 10000);
    T_CHECK(after.dropped_unknown_path > before.dropped_unknown_path + 30000);
    T_EQ(after.dropped_srtp_auth, before.dropped_srtp_auth); /* nobody without a path gets as far as that */
    /* Strangers hear nothing: no amplifier, no oracle. */
    T_EQ(sim->egress_to_nobody, answers);
    T_CHECK(sim_all_connected(sim));
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++) {
            if (i == k)
                continue;
            const struct bench_receive_counters *video =
                sim_received(&sim->participants[k], &sim->participants[i], SIM_VIDEO);
            T_EQ(video->freezes + video->frames_skipped + video->nack_requests + bench_receive_errors(video), 0);
        }
    sim_destroy(sim);
}

/* Somebody on the way: everything that a client sends arrives three times, and once damaged. */
T_TEST(replayed_and_damaged_packets)
{
    struct sim *sim = call_of_three(2);
    T_CHECK(sim != NULL && sim_all_connected(sim));
    struct sfu_stats before, after;
    sfu_engine_stats(sim->engine, &before);
    sim->replay = true;
    sim_run_for(sim, 5 * SIM_SECOND);
    sim->replay = false;
    sim_run_for(sim, SIM_SECOND);
    sfu_engine_stats(sim->engine, &after);
    T_CHECK(after.dropped_srtp_replay > before.dropped_srtp_replay + 1000);
    T_CHECK(after.dropped_srtp_auth > before.dropped_srtp_auth + 500);
    T_CHECK(sim_all_connected(sim));
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++) {
            if (i == k)
                continue;
            const struct bench_receive_counters *video =
                sim_received(&sim->participants[k], &sim->participants[i], SIM_VIDEO);
            T_EQ(video->freezes + video->frames_skipped + bench_receive_errors(video), 0);
            T_EQ(sim_received(&sim->participants[k], &sim->participants[i], SIM_AUDIO)->serial_jumps, 0);
            /* the copies stop at the server */
            T_EQ(bench_peer_counters(sim_peer(&sim->participants[k], SFU_SUBSCRIBE))->rtp_replayed, 0);
        }
    sim_destroy(sim);
}

/* Commands arrive late: people leave while messages are under way. */
T_TEST(commands_about_things_that_are_gone)
{
    struct sim *sim = call_of_three(3);
    T_CHECK(sim != NULL && sim_all_connected(sim));
    struct sim_participant *gone = &sim->participants[2];
    sim_leave(sim, gone);
    sim_run_for(sim, 200000);
    struct sfu_stats before, after;
    sfu_engine_stats(sim->engine, &before);
    sim_leave(sim, gone);
    sim_mute(sim, gone, SIM_AUDIO, true, SFU_MUTED_BY_SELF);
    sim_restart_ice(sim, gone, SFU_PUBLISH);
    struct sfu_command nobody = {.kind = SFU_COMMAND_REMOVE, .room_id = 12345, .participant_id = 1};
    sfu_engine_command(sim->engine, sim->now_us, &nobody);
    sim_run_for(sim, SIM_SECOND);
    sfu_engine_stats(sim->engine, &after);
    T_EQ(after.commands_ignored - before.commands_ignored, 4);
    T_EQ(after.participants, 2);
    T_CHECK(sim_received(&sim->participants[0], &sim->participants[1], SIM_VIDEO)->frames_decoded > 60);
    sim_destroy(sim);
}

T_MAIN(T_CASE(a_hundred_thousand_datagrams_of_strangers), T_CASE(replayed_and_damaged_packets),
       T_CASE(commands_about_things_that_are_gone))
