/* SPDX-License-Identifier: Apache-2.0 */
/* Three layers from one camera, and viewers who change their minds, over good and bad networks. What a receiver may
 * never see (an inter frame behind another layer's, time or picture ids that jump) is counted by sim_errors(). */
#include <stdlib.h>

#include "base/random.h"
#include "tests/sim/conference.h"
#include "tests/support/test.h"

static const struct sim_link_config bad_link = {
    .loss = 0.03, .delay_us = 40000, .jitter_us = 15000, .reorder = 0.005, .duplicate = 0.005};

static struct sfu_stats stats_of(const struct sim *sim)
{
    struct sfu_stats stats;
    sfu_engine_stats(sim->engine, &stats);
    return stats;
}

static const struct bench_receive_layer *layer_of(const struct sim_participant *viewer,
                                                  const struct sim_participant *publisher, unsigned layer)
{
    return bench_receive_stream_layer(sim_stream(viewer, publisher, SIM_VIDEO), layer);
}

/* Which layer's packets came during the next `us`; -1: none, -2: of several. */
static int layer_during(struct sim *sim, const struct sim_participant *viewer, const struct sim_participant *publisher,
                        uint64_t us)
{
    uint64_t before[SFU_LAYERS_MAX];
    int found = -1;
    for (unsigned i = 0; i < SFU_LAYERS_MAX; i++)
        before[i] = layer_of(viewer, publisher, i)->packets;
    sim_run_for(sim, us);
    for (unsigned i = 0; i < SFU_LAYERS_MAX; i++)
        if (layer_of(viewer, publisher, i)->packets != before[i])
            found = found == -1 ? (int)i : -2;
    return found;
}

struct room {
    struct sim *sim;
    struct sim_participant *camera;
    struct sim_participant *viewers[6];
};

static struct room room_make(uint64_t seed, const struct sim_link_config *link, bool vp9)
{
    struct sim_config config = {.seed = seed, .video_bps = 900000};
    if (link != NULL)
        config.up = config.down = *link;
    struct room room = {.sim = sim_create(&config)};
    const struct sim_join_options camera = {.simulcast = true, .vp9 = vp9},
                                  viewer = {.no_audio = true, .no_video = true};
    room.camera = sim_join(room.sim, &camera);
    for (int i = 0; i < 6; i++)
        room.viewers[i] = sim_join(room.sim, &viewer);
    sim_run_for(room.sim, 4 * SIM_SECOND);
    return room;
}

T_TEST(everybody_gets_the_highest_and_what_they_ask_for)
{
    struct room room = room_make(1, NULL, false);
    for (int i = 0; i < 6; i++)
        T_EQ(layer_during(room.sim, room.viewers[i], room.camera, SIM_SECOND / 10), 2);
    uint64_t started = sim_received(room.viewers[0], room.camera, SIM_VIDEO)->layer_switches; /* upwards, at once */
    T_CHECK(started <= 2);
    sim_view(room.sim, room.viewers[0], room.camera, SIM_VIDEO, 1, false);
    sim_view(room.sim, room.viewers[1], room.camera, SIM_VIDEO, 2, false);
    sim_view(room.sim, room.viewers[2], room.camera, SIM_VIDEO, 0, true);
    sim_run_for(room.sim, SIM_SECOND);
    T_EQ(layer_during(room.sim, room.viewers[0], room.camera, SIM_SECOND), 0);
    T_EQ(layer_during(room.sim, room.viewers[1], room.camera, SIM_SECOND), 1);
    T_EQ(layer_during(room.sim, room.viewers[2], room.camera, SIM_SECOND), -1);
    T_EQ(layer_during(room.sim, room.viewers[3], room.camera, SIM_SECOND), 2);
    for (int i = 0; i < 3; i++)
        sim_view(room.sim, room.viewers[i], room.camera, SIM_VIDEO, 0, false);
    sim_run_for(room.sim, SIM_SECOND);
    for (int i = 0; i < 3; i++) {
        T_EQ(layer_during(room.sim, room.viewers[i], room.camera, SIM_SECOND / 10), 2);
        T_EQ(sim_received(room.viewers[i], room.camera, SIM_VIDEO)->layer_switches, i == 2 ? started : started + 2);
    }
    /* Nobody who stayed saw anything of it, and nobody a freeze but who paused. */
    for (int i = 0; i < 6; i++)
        T_EQ(sim_received(room.viewers[i], room.camera, SIM_VIDEO)->freezes, i == 2 ? 1 : 0);
    T_EQ(sim_received(room.viewers[5], room.camera, SIM_VIDEO)->layer_switches, started);
    T_EQ(sim_errors(room.sim), 0);
    sim_destroy(room.sim);
}

/* Random wishes, often: returns the changes of layer that were shown. */
static uint64_t wander(struct room *room, unsigned wishes, uint64_t seed)
{
    uint64_t random = seed, switches = 0;
    for (unsigned i = 0; i < wishes; i++) {
        uint64_t draw = base_prng_next(&random);
        sim_view(room->sim, room->viewers[draw % 6], room->camera, SIM_VIDEO, (uint8_t)(1 + draw / 8 % 3),
                 draw / 64 % 16 == 0);
        sim_run_for(room->sim, 50000 + draw / 4096 % 300000);
    }
    for (int i = 0; i < 6; i++)
        switches += sim_received(room->viewers[i], room->camera, SIM_VIDEO)->layer_switches;
    return switches;
}

static void wander_without_errors(int *t_failed, uint64_t seed, const struct sim_link_config *link, bool vp9)
{
    struct room room = room_make(seed, link, vp9);
    struct sfu_stats before = stats_of(room.sim);
    uint64_t from_us = room.sim->now_us, switches = wander(&room, 300, seed);
    uint64_t plis = stats_of(room.sim).pli_sent - before.pli_sent, seconds = (room.sim->now_us - from_us) / SIM_SECOND;
    printf("    %" PRIu64 " switches and %" PRIu64 " key frames asked for in %" PRIu64 " s\n", switches, plis, seconds);
    uint64_t errors = sim_errors(room.sim);
    sim_destroy(room.sim);
    T_EQ(errors, 0);
    T_CHECK(switches > 60);
    T_CHECK(plis <= 3 * (2 * seconds + 2)); /* each layer by itself, twice a second at most */
}

T_TEST(wishes_over_a_good_network)
{
    T_CALL(wander_without_errors(t_failed, 11, NULL, false));
}

T_TEST(wishes_over_a_bad_network)
{
    for (uint64_t seed = 21; seed < 25; seed++)
        T_CALL(wander_without_errors(t_failed, seed, &bad_link, false));
}

T_TEST(wishes_with_vp9)
{
    T_CALL(wander_without_errors(t_failed, 31, &bad_link, true));
}

T_TEST(a_layer_that_stops_is_left_and_found_again)
{
    struct room room = room_make(2, NULL, false);
    const struct bench_receive_counters *counters = sim_received(room.viewers[0], room.camera, SIM_VIDEO);
    sim_pause_layer(room.sim, room.camera, 2, true);
    sim_run_for(room.sim, 2 * SIM_SECOND);
    T_EQ(layer_during(room.sim, room.viewers[0], room.camera, SIM_SECOND), 1);
    T_EQ(counters->freezes, 1);
    T_CHECK(counters->freeze_longest_us < 1500000);
    sim_pause_layer(room.sim, room.camera, 1, true);
    sim_run_for(room.sim, 2 * SIM_SECOND);
    T_EQ(layer_during(room.sim, room.viewers[0], room.camera, SIM_SECOND), 0);
    sim_pause_layer(room.sim, room.camera, 2, false);
    sim_run_for(room.sim, SIM_SECOND);
    T_EQ(layer_during(room.sim, room.viewers[0], room.camera, SIM_SECOND), 2);
    T_EQ(counters->freezes, 2);
    T_EQ(sim_errors(room.sim), 0);
    sim_destroy(room.sim);
}

T_TEST(mute_and_a_new_connection_in_between)
{
    struct room room = room_make(3, &bad_link, false);
    for (int i = 0; i < 5; i++) {
        sim_mute(room.sim, room.camera, SIM_VIDEO, true, SFU_MUTED_BY_SELF);
        sim_view(room.sim, room.viewers[0], room.camera, SIM_VIDEO, (uint8_t)(i % 4), false);
        sim_run_for(room.sim, SIM_SECOND);
        T_EQ(layer_during(room.sim, room.viewers[1], room.camera, SIM_SECOND), -1);
        sim_mute(room.sim, room.camera, SIM_VIDEO, false, SFU_MUTED_BY_SELF);
        sim_run_for(room.sim, 2 * SIM_SECOND);
        T_EQ(layer_during(room.sim, room.viewers[1], room.camera, SIM_SECOND), 2);
        sim_move(room.sim, room.viewers[2], SFU_SUBSCRIBE);
    }
    T_EQ(sim_errors(room.sim), 0);
    sim_destroy(room.sim);
}

T_MAIN(T_CASE(everybody_gets_the_highest_and_what_they_ask_for), T_CASE(wishes_over_a_good_network),
       T_CASE(wishes_over_a_bad_network), T_CASE(wishes_with_vp9), T_CASE(a_layer_that_stops_is_left_and_found_again),
       T_CASE(mute_and_a_new_connection_in_between))
