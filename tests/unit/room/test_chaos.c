/* SPDX-License-Identifier: Apache-2.0 */
/* Everything in a random order, seeded: whatever comes, nothing is read after it is gone (the sanitizers watch), the
 * gauges add up, and the end leaves nothing. */
#include "base/random.h"
#include "tests/support/test.h"
#include "world.h"

enum { ROOMS = 2, PARTICIPANTS = 6, TRACKS = 2 * PARTICIPANTS, STEPS = 6000 };

struct chaos {
    struct world *world;
    uint64_t random;
    uint64_t seq;
    unsigned steps;
};

static unsigned draw(struct chaos *chaos, unsigned below)
{
    return (unsigned)(base_prng_next(&chaos->random) >> 33) % below;
}

static uint64_t room_of(uint64_t participant_id)
{
    return 1 + participant_id % ROOMS;
}

/* Kinds by how often people do them; the rest of what is drawn is a JOIN, mostly of somebody who is there. */
static enum sfu_command_kind random_kind(struct chaos *chaos)
{
    static const enum sfu_command_kind often[] = {SFU_COMMAND_SUBSCRIBE, SFU_COMMAND_SUBSCRIBE, SFU_COMMAND_SUBSCRIBE,
                                                  SFU_COMMAND_PUBLISH,   SFU_COMMAND_MUTE,      SFU_COMMAND_JOIN};
    static const enum sfu_command_kind seldom[] = {SFU_COMMAND_LEAVE,     SFU_COMMAND_LEAVE,
                                                   SFU_COMMAND_REMOVE,    SFU_COMMAND_ROOM_CLOSE,
                                                   SFU_COMMAND_ROOM_OPEN, SFU_COMMAND_TRANSPORT};
    return draw(chaos, 100) == 0 ? seldom[draw(chaos, 6)] : often[draw(chaos, 6)];
}

static struct sfu_command random_command(struct chaos *chaos, struct sfu_up_track_config *ups,
                                         struct sfu_down_track_config *downs)
{
    uint64_t who = 1 + draw(chaos, PARTICIPANTS);
    struct sfu_command command = {.kind = random_kind(chaos),
                                  .room_id = draw(chaos, 10) == 0 ? 1 + draw(chaos, ROOMS) : room_of(who),
                                  .participant_id = who,
                                  .identity = {draw(chaos, 10) == 0 ? 1 + draw(chaos, PARTICIPANTS) : who, 1},
                                  .rights = draw(chaos, 10) == 0 ? draw(chaos, 32) : 31,
                                  .policy = {.capacity = 1 + draw(chaos, PARTICIPANTS)},
                                  .peer_connection = (enum sfu_peer_connection)draw(chaos, 2),
                                  .track_id = 2 * who + draw(chaos, 2),
                                  .muted = draw(chaos, 3) == 0,
                                  .up = ups,
                                  .up_count = draw(chaos, 6) == 0 ? draw(chaos, 5) : 2,
                                  .down = downs,
                                  .down_count = 2 + draw(chaos, 5)};
    for (uint32_t i = 0; i < command.up_count; i++) {
        uint64_t track_id = draw(chaos, 10) == 0 ? 2 + draw(chaos, TRACKS) : 2 * who + i % 2;
        uint32_t ssrc = draw(chaos, 3) == 0 ? 0 : 100 + i;
        ups[i] = i == 0 ? world_audio(track_id, ssrc) : world_video(track_id, ssrc, ssrc == 0 ? 0 : 200 + ssrc);
        ups[i].muted = draw(chaos, 8) == 0;
    }
    for (uint32_t i = 0; i < command.down_count; i++) {
        uint64_t other = 1 + draw(chaos, PARTICIPANTS);
        uint32_t track = draw(chaos, 2);
        downs[i] = (struct sfu_down_track_config){.track_id = 2 * other + track, .ssrc = 900 + track * 10};
        downs[i].ssrc += draw(chaos, 3);
        downs[i].rtx_ssrc = downs[i].ssrc + 100;
        downs[i].mid[0] = (char)('a' + draw(chaos, 4));
    }
    return command;
}

static void random_media(struct chaos *chaos, struct world_peer *peer)
{
    uint8_t payload[300];
    bool video = draw(chaos, 2) == 0;
    world_vp8(payload, sizeof payload, draw(chaos, 3) != 0, draw(chaos, 4) == 0, 1);
    chaos->seq += draw(chaos, 10) == 0 ? 3 : 1;
    struct world_rtp rtp = {.ssrc = (video ? 101u : 100u) + (draw(chaos, 20) == 0),
                            .payload_type = video ? WORLD_PT_VP8 : WORLD_PT_OPUS,
                            .marker = true,
                            .ext_seq = chaos->seq,
                            .timestamp_ts = (uint32_t)chaos->seq * 3000,
                            .mid = video ? "1" : "0",
                            .level = video ? -1 : 30,
                            .transport_cc = true,
                            .payload = payload,
                            .payload_bytes = sizeof payload};
    world_send(peer, &rtp);
}

static void random_feedback(struct chaos *chaos, struct world_peer *peer)
{
    uint8_t rtcp[64];
    uint32_t ssrc = 910 + draw(chaos, 3);
    uint16_t seq = peer->packet_count == 0 ? 1 : peer->packets[peer->packet_count - 1].header.seq;
    size_t bytes = draw(chaos, 2) == 0 ? sfu_rtcp_write_pli(rtcp, sizeof rtcp, 1, ssrc)
                                       : sfu_rtcp_write_nack(rtcp, sizeof rtcp, 1, ssrc, &seq, 1);
    world_send_rtcp(peer, rtcp, bytes);
}

static void step(struct chaos *chaos)
{
    struct world *world = chaos->world;
    struct sfu_up_track_config ups[5];
    struct sfu_down_track_config downs[7];
    struct world_peer *peer =
        world->peer_count == 0
            ? NULL
            : world->peers[world->peer_count - 1 - draw(chaos, world->peer_count < 10 ? world->peer_count : 10)];
    unsigned what = draw(chaos, 100);
    if (what < 8) {
        struct sfu_command command = random_command(chaos, ups, downs);
        sfu_engine_command(world->engine, world->now_us, &command);
        world_pump(world);
    } else if (what < 10 && world->peer_count < WORLD_PEERS_MAX && world->peer_count * 150 < chaos->steps + 1500) {
        uint64_t who = 1 + draw(chaos, PARTICIPANTS);
        world_open_room(world, room_of(who), PARTICIPANTS);
        world_join(world, room_of(who), who, who, 31);
        world_connect(world, room_of(who), who, (enum sfu_peer_connection)draw(chaos, 2));
    } else if (what < 13 && peer != NULL) {
        world_check(peer);
    } else if (what < 20) {
        world_advance(world, draw(chaos, 500) == 0 ? 31000000 : draw(chaos, 40000));
    } else if (peer != NULL && peer->send != NULL) {
        if (peer->packet_count > WORLD_PACKETS_MAX / 2)
            peer->packet_count = 0;
        if (peer->kind == SFU_SUBSCRIBE || what < 22)
            random_feedback(chaos, peer);
        else
            random_media(chaos, peer);
    }
    world->event_count = 0;
    chaos->steps++;
}

T_TEST(anything_in_any_order)
{
    uint64_t forwarded = 0, resent = 0;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct chaos chaos = {.world = world_create(256), .random = seed, .seq = 70};
        for (uint64_t room = 1; room <= ROOMS; room++)
            world_open_room(chaos.world, room, PARTICIPANTS);
        for (unsigned i = 0; i < STEPS; i++)
            step(&chaos);
        struct sfu_stats stats = world_stats(chaos.world);
        forwarded += stats.rtp_forwarded;
        resent += stats.rtx_sent;
        for (unsigned i = 0; i < chaos.world->peer_count; i++)
            T_EQ(chaos.world->peers[i]->auth_failures, 0);
        struct sfu_command stop = {.kind = SFU_COMMAND_STOP};
        sfu_engine_command(chaos.world->engine, chaos.world->now_us, &stop);
        stats = world_stats(chaos.world);
        T_EQ(stats.rooms + stats.participants + stats.up_tracks + stats.down_tracks + stats.transports_connected, 0);
        T_EQ(sfu_engine_deadline_us(chaos.world->engine), UINT64_MAX);
        world_destroy(chaos.world);
    }
    /* The dice must not only produce refusals. */
    T_CHECK(forwarded > 300);
    T_CHECK(resent > 4);
}

T_MAIN(T_CASE(anything_in_any_order))
