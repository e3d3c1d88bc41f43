/* SPDX-License-Identifier: Apache-2.0 */
/* A VP9 track through the engine: where subscribers may start, and under which payload types they get it. */
#include "sfu/room/engine.h"
#include "tests/support/test.h"
#include "world.h"

#define ALL (SFU_RIGHT_PUBLISH_AUDIO | SFU_RIGHT_PUBLISH_VIDEO | SFU_RIGHT_PUBLISH_SCREEN | SFU_RIGHT_SUBSCRIBE)

enum { ROOM = 1, ALICE = 10, BOB = 11, CAMERA = 22, SSRC = 0x2222, RTX = 0x3333, OUT = 0x901, OUT_RTX = 0x902 };

struct scene {
    struct world *world;
    struct world_peer *alice, *bob;
    uint64_t seq;
    uint32_t ts;
};

static struct scene scene_make(void)
{
    struct scene scene = {.world = world_create(4096), .seq = 65000};
    world_open_room(scene.world, ROOM, 5);
    world_join(scene.world, ROOM, ALICE, 1, ALL);
    world_join(scene.world, ROOM, BOB, 2, ALL);
    scene.alice = world_connect(scene.world, ROOM, ALICE, SFU_PUBLISH);
    scene.bob = world_connect(scene.world, ROOM, BOB, SFU_SUBSCRIBE);
    struct sfu_up_track_config up = world_video(CAMERA, SSRC, RTX);
    up.video_codec = SFU_VP9;
    world_publish(scene.world, ROOM, ALICE, &up, 1);
    struct sfu_down_track_config down = {.track_id = CAMERA, .mid = "v", .ssrc = OUT, .rtx_ssrc = OUT_RTX};
    world_subscribe(scene.world, ROOM, BOB, &down, 1);
    world_advance(scene.world, 0);
    return scene;
}

/* One packet: first octet of the descriptor, spatial layer (with L). */
static void show(struct scene *scene, uint8_t flags, uint8_t sid, bool new_picture)
{
    uint8_t payload[100];
    size_t n = 0;
    memset(payload, 0x83, sizeof payload);
    payload[n++] = flags;
    if (flags & 0x80)
        payload[n++] = (uint8_t)(scene->seq & 0x7f);
    if (flags & 0x20) {
        payload[n++] = (uint8_t)(sid << 1);
        payload[n++] = 9;
    }
    struct world_rtp rtp = {.ssrc = SSRC,
                            .payload_type = WORLD_PT_VP8, /* a number like any other */
                            .marker = true,
                            .ext_seq = scene->seq++,
                            .timestamp_ts = scene->ts += new_picture ? 3000 : 0,
                            .level = -1,
                            .payload = payload,
                            .payload_bytes = sizeof payload};
    world_send(scene->alice, &rtp);
}

enum { I = 0x80, P = 0x40, L = 0x20, B = 0x08, E = 0x04 };

T_TEST(starts_at_a_key_frame)
{
    struct scene scene = scene_make();
    T_EQ(world_event(scene.world, SFU_EVENT_TRACK_PUBLISHED, 0)->video_codec, SFU_VP9);
    T_EQ(scene.alice->pli, 1);
    show(&scene, I | P | B | E, 0, true);
    show(&scene, I | E, 0, true);         /* intra, but not its beginning */
    show(&scene, I | L | B | E, 1, true); /* the higher layer of a key picture */
    T_EQ(scene.bob->packet_count, 0);
    show(&scene, I | L | B | E, 0, true);
    show(&scene, I | L | B | E, 1, false);
    show(&scene, I | L | P | B | E, 0, true);
    T_EQ(scene.bob->packet_count, 3);
    for (unsigned i = 0; i < 3; i++) {
        const struct world_packet *packet = &scene.bob->packets[i];
        T_EQ(packet->header.payload_type, SFU_SEND_PT_VP9);
        T_EQ(packet->header.ssrc, OUT);
        T_EQ((uint16_t)(packet->header.seq - scene.bob->packets[0].header.seq), i);
        T_EQ(packet->payload[1], (scene.seq - 3 + i) & 0x7f); /* as it came */
    }
    world_destroy(scene.world);
}

T_TEST(repairs_under_its_own_payload_type)
{
    struct scene scene = scene_make();
    show(&scene, I | B | E, 0, true);
    uint16_t seq = scene.bob->packets[0].header.seq;
    uint8_t rtcp[64];
    size_t len = sfu_rtcp_write_nack(rtcp, sizeof rtcp, 1, OUT, &seq, 1);
    world_send_rtcp(scene.bob, rtcp, len);
    T_EQ(scene.bob->packet_count, 2);
    T_EQ(scene.bob->packets[1].header.payload_type, SFU_SEND_PT_VP9_RTX);
    T_EQ(scene.bob->packets[1].header.ssrc, OUT_RTX);
    world_destroy(scene.world);
}

T_TEST(what_is_no_vp9_is_left_out)
{
    struct scene scene = scene_make();
    show(&scene, I | B | E, 0, true);
    show(&scene, 0x10 | B, 0, true); /* flexible without a picture id */
    show(&scene, I | P | B | E, 0, true);
    T_EQ(world_stats(scene.world).dropped_malformed, 1);
    T_EQ(scene.bob->packet_count, 2);
    T_EQ((uint16_t)(scene.bob->packets[1].header.seq - scene.bob->packets[0].header.seq), 1);
    world_destroy(scene.world);
}

T_TEST(another_codec_under_the_same_id_is_another_track)
{
    struct scene scene = scene_make();
    struct sfu_up_track_config up = world_video(CAMERA, SSRC, RTX);
    world_publish(scene.world, ROOM, ALICE, &up, 1);
    T_EQ(world_event_count(scene.world, SFU_EVENT_TRACK_UNPUBLISHED), 1);
    T_EQ(world_event_count(scene.world, SFU_EVENT_TRACK_PUBLISHED), 2);
    T_EQ(world_event(scene.world, SFU_EVENT_TRACK_PUBLISHED, 1)->video_codec, SFU_VP8);
    world_destroy(scene.world);
}

T_MAIN(T_CASE(starts_at_a_key_frame), T_CASE(repairs_under_its_own_payload_type), T_CASE(what_is_no_vp9_is_left_out),
       T_CASE(another_codec_under_the_same_id_is_another_track))
