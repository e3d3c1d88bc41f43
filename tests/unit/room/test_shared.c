/* SPDX-License-Identifier: Apache-2.0 */
/* What one participant must not take from the others: their paths, the packet pool. */
#include "tests/support/test.h"
#include "sfu/room/participant.h"
#include "world.h"

#define ALL (SFU_RIGHT_PUBLISH_AUDIO | SFU_RIGHT_PUBLISH_VIDEO | SFU_RIGHT_SUBSCRIBE)

enum { ROOM = 1, ALICE = 10, BOB = 11, CAMERA = 22, CAMERA_SSRC = 0x2222 };

struct scene {
    struct world *world;
    struct world_peer *alice; /* publishes a camera */
    struct world_peer *bob;   /* subscribes to it */
    uint64_t seq;
};

static struct scene scene_make(uint32_t packet_max)
{
    struct scene scene = {.world = world_create(packet_max), .seq = 100};
    world_open_room(scene.world, ROOM, 5);
    world_join(scene.world, ROOM, ALICE, 1, ALL);
    world_join(scene.world, ROOM, BOB, 2, ALL);
    scene.alice = world_connect(scene.world, ROOM, ALICE, SFU_PUBLISH);
    scene.bob = world_connect(scene.world, ROOM, BOB, SFU_SUBSCRIBE);
    struct sfu_up_track_config up = world_video(CAMERA, CAMERA_SSRC, 0x3333);
    struct sfu_down_track_config down = {.track_id = CAMERA, .mid = "v", .ssrc = 0x901, .rtx_ssrc = 0x902};
    world_publish(scene.world, ROOM, ALICE, &up, 1);
    world_subscribe(scene.world, ROOM, BOB, &down, 1);
    world_advance(scene.world, 0);
    return scene;
}

static void show(struct scene *scene, bool key)
{
    uint8_t payload[200];
    world_vp8(payload, sizeof payload, true, key, (uint8_t)scene->seq);
    struct world_rtp rtp = {.ssrc = CAMERA_SSRC,
                            .payload_type = WORLD_PT_VP8,
                            .marker = true,
                            .ext_seq = scene->seq,
                            .timestamp_ts = (uint32_t)(scene->seq * 3000),
                            .level = -1,
                            .transport_cc = true,
                            .payload = payload,
                            .payload_bytes = sizeof payload};
    scene->seq++;
    world_send(scene->alice, &rtp);
}

T_TEST(a_path_in_use_cannot_be_taken_by_a_forged_source)
{
    struct scene scene = scene_make(4096);
    show(&scene, true);
    /* Bob, with credentials of his own, checks as if from where Alice sends. */
    struct sfu_path honest = scene.bob->path;
    scene.bob->path = scene.alice->path;
    world_check(scene.bob);
    uint64_t before = world_stats(scene.world).rtp_forwarded;
    show(&scene, true);
    T_CHECK(world_stats(scene.world).rtp_forwarded > before);
    T_EQ(world_stats(scene.world).dropped_srtp_auth, 0);
    /* Once Alice has been silent there for a while, somebody else may have got her address. */
    world_advance(scene.world, 11000000);
    world_check(scene.bob);
    before = world_stats(scene.world).rtp_forwarded;
    show(&scene, true);
    T_EQ(world_stats(scene.world).rtp_forwarded, before);
    /* Her next check brings it back only when Bob's have ended. */
    world_advance(scene.world, 11000000);
    world_check(scene.alice);
    show(&scene, true);
    T_CHECK(world_stats(scene.world).rtp_forwarded > before);
    scene.bob->path = honest;
    world_destroy(scene.world);
}

T_TEST(an_exhausted_pool_costs_retransmission_only)
{
    struct scene scene = scene_make(4);
    for (unsigned i = 0; i < 10; i++)
        show(&scene, i == 0);
    T_EQ(scene.bob->packet_count, 10);
    T_EQ(world_stats(scene.world).dropped_no_memory, 6);
    world_destroy(scene.world);
}

T_TEST(nobody_hoards_the_pool)
{
    struct scene scene = scene_make(4);
    for (unsigned i = 0; i < 4; i++)
        show(&scene, i == 0);
    world_mute(scene.world, ROOM, ALICE, CAMERA, true);
    world_mute(scene.world, ROOM, ALICE, CAMERA, false);
    for (unsigned i = 0; i < 4; i++)
        show(&scene, i == 0);
    T_EQ(world_stats(scene.world).dropped_no_memory, 0);
    world_advance(scene.world, 4000000);
    for (unsigned i = 0; i < 200; i++) /* it may take some packets to find the old ones */
        show(&scene, false);
    T_CHECK(world_stats(scene.world).dropped_no_memory <= 196);
    world_destroy(scene.world);
}

T_TEST(a_flood_is_cut_to_the_limit)
{
    struct scene scene = scene_make(64);
    struct world *world = scene.world;
    show(&scene, true);
    scene.bob->hidden = true;
    for (unsigned i = 0; i < SFU_INGRESS_BURST_PACKETS + 100; i++)
        show(&scene, false);
    T_EQ(world_stats(world).dropped_rate_limited, 101);
    T_EQ(world_stats(world).rtp_forwarded, SFU_INGRESS_BURST_PACKETS);
    /* half a second gives half a second's worth; one person's flood is not another's */
    world_advance(world, 500000);
    for (unsigned i = 0; i < SFU_INGRESS_PACKETS_PER_S; i++)
        show(&scene, false);
    T_EQ(world_stats(world).dropped_rate_limited, 101 + SFU_INGRESS_PACKETS_PER_S / 2);
    world_destroy(world);
}

T_TEST(one_subscriber_cannot_have_key_frames_made_all_the_time)
{
    struct scene scene = scene_make(64);
    struct world *world = scene.world;
    uint8_t rtcp[32];
    size_t bytes = sfu_rtcp_write_pli(rtcp, sizeof rtcp, 1, 0x901);
    /* waiting for its first one: as often as the publisher is asked at all */
    for (unsigned i = 0; i < 50; i++) {
        world_send_rtcp(scene.bob, rtcp, bytes);
        world_advance(world, 100000);
    }
    show(&scene, true);
    world_advance(world, 1000000);
    unsigned before = scene.alice->pli;
    T_CHECK(before >= 5);
    for (unsigned i = 0; i < 150; i++) { /* 15 s */
        world_send_rtcp(scene.bob, rtcp, bytes);
        world_advance(world, 100000);
        show(&scene, true);
    }
    T_CHECK(scene.alice->pli - before >= 15);
    T_CHECK(scene.alice->pli - before <= 15 + SFU_KEY_FRAMES_BURST);
    world_destroy(world);
}

T_TEST(two_streams_never_share_an_ssrc)
{
    struct scene scene = scene_make(64);
    struct world *world = scene.world;
    struct sfu_up_track_config ups[] = {world_video(CAMERA, CAMERA_SSRC, 0x3333), world_video(23, 0, 0),
                                        world_video(24, 0, 0), world_audio(25, 0)};
    world_publish(world, ROOM, ALICE, ups, 4);
    T_EQ(world_stats(world).up_tracks, 4);
    show(&scene, true);
    struct sfu_down_track_config pair = {.track_id = CAMERA, .mid = "v", .ssrc = 0x901, .rtx_ssrc = 0x902};
    const uint32_t bad[][2] = {{0x902, 0x903}, {0x903, 0x902}, {0x903, 0x901}, {0x903, 0x903}, {0x902, 0}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct sfu_down_track_config downs[2] = {
            pair, {.track_id = 23 + i % 2, .mid = "w", .ssrc = bad[i][0], .rtx_ssrc = bad[i][1]}};
        world_subscribe(world, ROOM, BOB, downs, 2);
        T_EQ(world_stats(world).down_tracks, 1);
        T_EQ(world_stats(world).commands_ignored, 2 * i + 1);
        world_subscribe(world, ROOM, BOB, NULL, 0); /* ended ones count too: their numbers were used */
        world_subscribe(world, ROOM, BOB, &downs[1], 1);
        T_EQ(world_stats(world).down_tracks, 0);
        T_EQ(world_stats(world).commands_ignored, 2 * i + 2);
    }
    /* the pair itself may come back, and a stream without RTX beside it */
    struct sfu_down_track_config good[2] = {pair, {.track_id = 25, .mid = "a", .ssrc = 0x904}};
    world_subscribe(world, ROOM, BOB, good, 2);
    T_EQ(world_stats(world).down_tracks, 2);
    T_EQ(world_stats(world).commands_ignored, 10);
    world_destroy(world);
}

T_TEST(a_second_microphone_that_goes_leaves_the_speaker)
{
    struct scene scene = scene_make(64);
    struct world *world = scene.world;
    struct sfu_up_track_config mics[2] = {world_audio(25, 0x2525), world_audio(26, 0x2626)};
    world_publish(world, ROOM, ALICE, mics, 2);
    uint8_t sound[50] = {1};
    struct world_rtp rtp = {.ssrc = 0x2525,
                            .payload_type = WORLD_PT_OPUS,
                            .level = 20,
                            .transport_cc = true,
                            .payload = sound,
                            .payload_bytes = sizeof sound};
    for (rtp.ext_seq = 1; rtp.ext_seq < 300; rtp.ext_seq++) {
        rtp.timestamp_ts += 960;
        world_send(scene.alice, &rtp);
        world_advance(world, 20000);
        if (rtp.ext_seq == 150)
            world_publish(world, ROOM, ALICE, mics, 1);
    }
    T_EQ(world_event_count(world, SFU_EVENT_SPEAKER), 1);
    world_publish(world, ROOM, ALICE, NULL, 0);
    T_EQ(world_event_count(world, SFU_EVENT_SPEAKER), 2);
    T_EQ(world_event(world, SFU_EVENT_SPEAKER, 1)->participant_id, 0);
    world_destroy(world);
}

T_TEST(a_new_peer_connection_with_the_old_certificate)
{
    struct scene scene = scene_make(64);
    struct world *world = scene.world;
    show(&scene, true);
    T_EQ(scene.bob->packet_count, 1);
    /* who receives */
    world_reconnect(scene.bob, ROOM);
    T_CHECK(scene.bob->receive != NULL);
    unsigned pli = scene.alice->pli;
    world_advance(world, 600000);
    T_CHECK(scene.alice->pli > pli);
    show(&scene, true);
    T_EQ(scene.bob->packet_count, 2);
    T_EQ(scene.bob->auth_failures, 0);
    T_CHECK(scene.bob->packets[1].header.seq < 0x8000);
    /* who sends: numbers start afresh, as the sender's do */
    world_reconnect(scene.alice, ROOM);
    T_CHECK(scene.alice->send != NULL);
    scene.seq = 7;
    show(&scene, true);
    T_EQ(scene.bob->packet_count, 3);
    T_EQ(world_stats(world).dropped_srtp_auth + world_stats(world).dropped_srtp_replay, 0);
    T_EQ(world_stats(world).transports_connected, 2);
    world_destroy(world);
}

T_TEST(a_new_association_that_never_completes_ends_nothing)
{
    struct scene scene = scene_make(64);
    struct world *world = scene.world;
    show(&scene, true);
    scene.bob->hidden = true;
    world_reconnect(scene.bob, ROOM); /* its ClientHello comes, no answer arrives */
    T_CHECK(scene.bob->receive == NULL);
    uint64_t before = world_stats(world).rtp_forwarded;
    show(&scene, false);
    T_EQ(world_stats(world).rtp_forwarded, before + 1);
    for (unsigned i = 0; i < 7; i++) { /* beyond the handshake's limit */
        world_check(scene.alice);
        world_check(scene.bob);
        world_advance(world, 5000000);
    }
    show(&scene, false);
    T_EQ(world_stats(world).rtp_forwarded, before + 2);
    T_EQ(world_stats(world).dtls_failed, 0);
    world_destroy(world);
}

static struct sfu_path tcp_path(uint32_t connection)
{
    struct sfu_path path = {.protocol = SFU_PROTOCOL_TCP, .connection = connection};
    path.remote.in4.sin_family = AF_INET;
    path.remote.in4.sin_port = (uint16_t)connection;
    return path;
}

T_TEST(tcp_connections_that_ice_gave_up_are_closed)
{
    struct scene scene = scene_make(64);
    struct world *world = scene.world;
    struct sfu_path honest = scene.bob->path;
    for (uint32_t i = 1; i <= 20; i++) {
        scene.bob->path = tcp_path(i);
        world_advance(world, 1000);
        world_check(scene.bob);
    }
    /* 21 paths were there, one of them UDP; SFU_ICE_PATHS_MAX stay */
    T_EQ(world->unused_count, 20 - SFU_ICE_PATHS_MAX);
    T_EQ(world->unused_set, (1u << (21 - SFU_ICE_PATHS_MAX)) - 2); /* the oldest */
    struct sfu_command leave = {.kind = SFU_COMMAND_LEAVE, .room_id = ROOM, .participant_id = BOB};
    sfu_engine_command(world->engine, world->now_us, &leave);
    T_EQ(world->unused_count, 20);
    scene.bob->path = honest;
    world_destroy(world);
}

T_TEST(a_tcp_connection_of_both_links_is_closed_by_the_last)
{
    struct scene scene = scene_make(64);
    struct world *world = scene.world;
    struct world_peer *second = world_connect(world, ROOM, BOB, SFU_PUBLISH);
    struct sfu_path honest[2] = {scene.bob->path, second->path};
    scene.bob->path = second->path = tcp_path(1);
    world_check(scene.bob);
    world_check(second);
    for (uint32_t i = 2; i <= 12; i++) { /* the publishing link gives it up */
        second->path = tcp_path(i);
        world_advance(world, 1000);
        world_check(second);
    }
    T_CHECK(world->unused_count > 0);
    T_EQ(world->unused_set & 2, 0);
    struct sfu_command leave = {.kind = SFU_COMMAND_LEAVE, .room_id = ROOM, .participant_id = BOB};
    sfu_engine_command(world->engine, world->now_us, &leave);
    T_EQ(world->unused_set & 2, 2);
    T_EQ(world->unused_count, 12);
    scene.bob->path = honest[0];
    second->path = honest[1];
    world_destroy(world);
}

T_TEST(both_links_hear_that_their_tcp_connection_ended)
{
    struct scene scene = scene_make(64);
    struct world *world = scene.world;
    struct world_peer *second = world_connect(world, ROOM, BOB, SFU_PUBLISH);
    struct sfu_path honest[2] = {scene.bob->path, second->path};
    scene.bob->path = second->path = tcp_path(1);
    world_check(second); /* the publishing link has the entry in the table, */
    world_check(scene.bob);
    show(&scene, true);
    T_EQ(scene.bob->packet_count, 1); /* and the other one sends there too */
    struct sfu_path ended = tcp_path(1);
    sfu_engine_on_path_closed(world->engine, &ended);
    show(&scene, false);
    T_EQ(scene.bob->packet_count, 1);
    T_EQ(world->unused_count, 0);
    struct sfu_command leave = {.kind = SFU_COMMAND_LEAVE, .room_id = ROOM, .participant_id = BOB};
    sfu_engine_command(world->engine, world->now_us, &leave);
    T_EQ(world->unused_count, 0); /* neither had it any more */
    scene.bob->path = honest[0];
    second->path = honest[1];
    world_destroy(world);
}

T_MAIN(T_CASE(a_path_in_use_cannot_be_taken_by_a_forged_source), T_CASE(an_exhausted_pool_costs_retransmission_only),
       T_CASE(nobody_hoards_the_pool), T_CASE(two_streams_never_share_an_ssrc),
       T_CASE(a_second_microphone_that_goes_leaves_the_speaker), T_CASE(a_new_peer_connection_with_the_old_certificate),
       T_CASE(a_new_association_that_never_completes_ends_nothing),
       T_CASE(both_links_hear_that_their_tcp_connection_ended), T_CASE(a_flood_is_cut_to_the_limit),
       T_CASE(one_subscriber_cannot_have_key_frames_made_all_the_time),
       T_CASE(tcp_connections_that_ice_gave_up_are_closed),
       T_CASE(a_tcp_connection_of_both_links_is_closed_by_the_last))
