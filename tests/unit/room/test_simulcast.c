/* SPDX-License-Identifier: Apache-2.0 */
/* Simulcast through the engine: which stream is which layer, and what a subscriber sees when its layer changes. */
#include <stdlib.h>

#include "base/bytes.h"
#include "sfu/media/rtp_stats.h"
#include "sfu/room/engine.h"
#include "sfu/room/up_layer.h"
#include "sfu/wire/vp8.h"
#include "tests/support/test.h"
#include "world.h"

#define ALL (SFU_RIGHT_PUBLISH_AUDIO | SFU_RIGHT_PUBLISH_VIDEO | SFU_RIGHT_PUBLISH_SCREEN | SFU_RIGHT_SUBSCRIBE)

enum { ROOM = 1, ALICE = 10, BOB = 11, VIEWERS = 4, MIC = 21, CAMERA = 22, OUT = 0x901, OUT_RTX = 0x902 };

static const char *const rids[] = {"q", "h", "f"};

struct layer {
    uint64_t seq;
    uint16_t picture_id;
    uint8_t tl0;
    uint32_t ts_offset; /* its RTP time is capture time plus this */
    bool known;         /* the server has learned its SSRC */
};

struct scene {
    struct world *world;
    struct world_peer *alice, *viewers[VIEWERS];
    struct layer layers[3];
    uint32_t capture_ts;
};

static uint32_t ssrc_of(unsigned layer)
{
    return 0x1000 + layer;
}

static void publish(const struct scene *scene, uint8_t layer_count)
{
    struct sfu_up_track_config up = world_video(CAMERA, 0, 0);
    up.layer_count = layer_count;
    for (unsigned i = 0; i < layer_count; i++)
        snprintf(up.rids[i], sizeof up.rids[i], "%s", rids[i]);
    world_publish(scene->world, ROOM, ALICE, &up, 1);
}

static struct scene scene_make(unsigned viewers)
{
    struct scene scene = {.world = world_create(4096),
                          .layers = {{65530, 0x7FFD, 253, 1000, false},
                                     {100, 50, 0, 4000000000u, false},
                                     {40000, 9999, 77, 123456789, false}}};
    world_open_room(scene.world, ROOM, 9);
    world_join(scene.world, ROOM, ALICE, 1, ALL);
    scene.alice = world_connect(scene.world, ROOM, ALICE, SFU_PUBLISH);
    publish(&scene, 3);
    for (unsigned i = 0; i < viewers; i++) {
        world_join(scene.world, ROOM, BOB + i, 2 + i, ALL);
        scene.viewers[i] = world_connect(scene.world, ROOM, BOB + i, SFU_SUBSCRIBE);
        struct sfu_down_track_config down = {.track_id = CAMERA, .mid = "v", .ssrc = OUT, .rtx_ssrc = OUT_RTX};
        world_subscribe(scene.world, ROOM, BOB + i, &down, 1);
    }
    world_advance(scene.world, 0);
    return scene;
}

static void payload_of(uint8_t out[100], const struct layer *layer, bool start, bool key)
{
    const uint8_t head[] = {(uint8_t)(0x80 | (start ? 0x10 : 0)),
                            0xE0,
                            (uint8_t)(0x80 | layer->picture_id >> 8),
                            (uint8_t)layer->picture_id,
                            layer->tl0,
                            0x00,
                            key ? 0x10 : 0x11};
    memset(out, 0x5A, 100);
    memcpy(out, head, sizeof head);
}

static struct world_rtp packet_of(const struct scene *scene, unsigned index, const uint8_t payload[100])
{
    const struct layer *layer = &scene->layers[index];
    return (struct world_rtp){.ssrc = ssrc_of(index),
                              .payload_type = WORLD_PT_VP8,
                              .marker = true,
                              .ext_seq = layer->seq,
                              .timestamp_ts = scene->capture_ts + layer->ts_offset,
                              .mid = layer->known ? NULL : "1",
                              .rid = layer->known ? NULL : rids[index],
                              .level = -1,
                              .payload = payload,
                              .payload_bytes = 100};
}

/* A frame of one packet. */
static void frame(struct scene *scene, unsigned index, bool key)
{
    struct layer *layer = &scene->layers[index];
    uint8_t payload[100];
    layer->picture_id = (layer->picture_id + 1) & 0x7FFF;
    layer->tl0++;
    payload_of(payload, layer, true, key);
    struct world_rtp rtp = packet_of(scene, index, payload);
    layer->seq++;
    layer->known = true;
    world_send(scene->alice, &rtp);
}

/* The next capture, in all of these layers, after 40 ms; key frames of those in `keys`. */
static void capture(struct scene *scene, unsigned layers, unsigned keys)
{
    world_advance(scene->world, 40000);
    scene->capture_ts += 3600;
    for (unsigned i = 0; i < 3; i++)
        if (layers >> i & 1u)
            frame(scene, i, keys >> i & 1u);
}

static void view(const struct scene *scene, unsigned viewer, uint8_t layers_max, bool paused)
{
    struct sfu_command command = {.kind = SFU_COMMAND_VIEW,
                                  .room_id = ROOM,
                                  .participant_id = BOB + viewer,
                                  .track_id = CAMERA,
                                  .view = {layers_max, paused}};
    sfu_engine_command(scene->world->engine, scene->world->now_us, &command);
    world_advance(scene->world, 0);
}

/* Sender reports of all layers for now, as if the newest capture was now. */
static void report(const struct scene *scene)
{
    for (unsigned i = 0; i < 3; i++) {
        uint8_t rtcp[64];
        const struct sfu_rtcp_sr sr = {.ssrc = ssrc_of(i),
                                       .ntp = sfu_ntp_of_wall_us(scene->world->now_us + (uint64_t)WORLD_WALL_OFFSET_US),
                                       .rtp_ts = scene->capture_ts + scene->layers[i].ts_offset};
        size_t len = sfu_rtcp_write_sr(rtcp, sizeof rtcp, &sr, NULL, 0);
        world_send_rtcp(scene->alice, rtcp, len);
    }
}

static unsigned plis_of(const struct scene *scene, unsigned layer)
{
    unsigned count = 0;
    for (unsigned i = 0; i < scene->alice->pli && i < 32; i++)
        count += scene->alice->pli_ssrcs[i] == ssrc_of(layer);
    return count;
}

/* One viewer who is on the highest layer, with reports. */
static struct scene scene_running(unsigned viewers)
{
    struct scene scene = scene_make(viewers);
    capture(&scene, 7, 7);
    report(&scene);
    capture(&scene, 7, 0);
    return scene;
}

static const struct world_packet *last(const struct scene *scene, unsigned viewer)
{
    return &scene->viewers[viewer]->packets[scene->viewers[viewer]->packet_count - 1];
}

/* Do numbers, picture ids and TL0PICIDX go up by one each from packet `from` on, and time by 40 ms? */
static void check_continuous(int *t_failed, const struct world_peer *viewer, size_t from)
{
    for (size_t i = from + 1; i < viewer->packet_count; i++) {
        const struct world_packet *a = &viewer->packets[i - 1], *b = &viewer->packets[i];
        struct sfu_vp8_descriptor before, after;
        T_EQ(b->header.ssrc, OUT);
        T_EQ((uint16_t)(b->header.seq - a->header.seq), 1);
        T_EQ(b->header.timestamp_ts - a->header.timestamp_ts, 3600);
        T_EQ(sfu_vp8_parse(a->payload, a->payload_bytes, &before), 0);
        T_EQ(sfu_vp8_parse(b->payload, b->payload_bytes, &after), 0);
        T_EQ(after.picture_id, (before.picture_id + 1) & 0x7FFF);
        T_EQ(after.tl0_pic_idx, (before.tl0_pic_idx + 1) & 0xFF);
        T_EQ(b->payload[99], 0x5A);
    }
}

T_TEST(layers_are_told_by_rid)
{
    struct scene scene = scene_make(1);
    uint8_t payload[100];
    payload_of(payload, &scene.layers[0], true, true);
    struct world_rtp rtp = packet_of(&scene, 0, payload);
    rtp.rid = NULL;
    world_send(scene.alice, &rtp);
    rtp.rid = "x";
    rtp.ext_seq++;
    world_send(scene.alice, &rtp);
    T_EQ(world_stats(scene.world).dropped_unknown_ssrc, 2);
    T_EQ(scene.viewers[0]->packet_count, 0);
    capture(&scene, 1, 1); /* with mid and rid */
    capture(&scene, 1, 0); /* by SSRC */
    T_EQ(scene.viewers[0]->packet_count, 2);
    T_EQ(world_stats(scene.world).dropped_unknown_ssrc, 2);
    T_CALL(check_continuous(t_failed, scene.viewers[0], 0));
    world_destroy(scene.world);
}

T_TEST(retransmissions_by_repaired_rid)
{
    struct scene scene = scene_running(1);
    scene.layers[2].seq++; /* lost */
    uint16_t lost = (uint16_t)(scene.layers[2].seq - 1);
    capture(&scene, 7, 0);
    size_t before = scene.viewers[0]->packet_count;
    uint8_t rtx[102], payload[100];
    base_put_be16(rtx, lost);
    payload_of(payload, &scene.layers[2], false, false);
    memcpy(rtx + 2, payload, 100);
    struct world_rtp rtp = packet_of(&scene, 2, rtx);
    rtp.ssrc = 0x7777;
    rtp.payload_type = WORLD_PT_RTX;
    rtp.payload_bytes = sizeof rtx;
    rtp.mid = "1";
    rtp.rid = "f"; /* not this one */
    rtp.ext_seq = 5;
    world_send(scene.alice, &rtp);
    T_EQ(scene.viewers[0]->packet_count, before);
    rtp.rid = NULL;
    rtp.rrid = "f";
    rtp.ext_seq = 6;
    world_send(scene.alice, &rtp);
    T_EQ(scene.viewers[0]->packet_count, before + 1);
    T_EQ((uint16_t)(last(&scene, 0)->header.seq + 1), scene.viewers[0]->packets[before - 1].header.seq);
    world_destroy(scene.world);
}

T_TEST(a_change_is_seamless)
{
    struct scene scene = scene_running(1);
    struct world_peer *bob = scene.viewers[0];
    size_t from = bob->packet_count - 1;
    static const uint8_t wishes[] = {1, 3, 2, 1, 0, 2};
    for (unsigned i = 0; i < sizeof wishes; i++) {
        view(&scene, 0, wishes[i], false);
        unsigned target = wishes[i] == 0 ? 2 : wishes[i] - 1u;
        capture(&scene, 7, 0); /* not yet */
        T_EQ(scene.alice->pli_ssrcs[(scene.alice->pli - 1) % 32], ssrc_of(target));
        capture(&scene, 1u << target, 1u << target); /* alone: see captures_of_one_moment */
        capture(&scene, 7, 0);
        world_advance(scene.world, 560000);
        scene.capture_ts += 14 * 3600;
    }
    T_EQ(bob->packet_count - from - 1, 3 * sizeof wishes);
    T_EQ(world_stats(scene.world).layer_changes, 3 + sizeof wishes); /* at first each as it came */
    for (size_t i = from + 1; i < bob->packet_count; i++)            /* only time jumped: take the pauses out */
        bob->packets[i].header.timestamp_ts -= (uint32_t)((i - from - 1) / 3) * 14 * 3600;
    T_CALL(check_continuous(t_failed, bob, from));
    world_destroy(scene.world);
}

T_TEST(captures_of_one_moment)
{
    struct scene scene = scene_running(1);
    struct world_peer *bob = scene.viewers[0];
    /* Bob has the lowest, whose frame comes first; then comes the key frame of the highest, of the same capture. */
    view(&scene, 0, 1, false);
    capture(&scene, 7, 1);
    view(&scene, 0, 0, false);
    capture(&scene, 7, 4);
    size_t n = bob->packet_count;
    T_EQ(bob->packets[n - 1].header.timestamp_ts - bob->packets[n - 2].header.timestamp_ts, 1);
    capture(&scene, 7, 0);
    T_EQ(last(&scene, 0)->header.timestamp_ts - bob->packets[n - 2].header.timestamp_ts, 3601);
    view(&scene, 0, 2, false);
    capture(&scene, 7, 2); /* the tick is gone with the next change */
    T_EQ(last(&scene, 0)->header.timestamp_ts - bob->packets[n - 2].header.timestamp_ts, 7200);
    world_destroy(scene.world);
}

T_TEST(without_reports_time_goes_by_arrival)
{
    struct scene scene = scene_make(1);
    capture(&scene, 7, 7);
    capture(&scene, 7, 0);
    struct world_peer *bob = scene.viewers[0];
    size_t from = bob->packet_count - 1;
    view(&scene, 0, 1, false);
    capture(&scene, 7, 1);
    T_EQ(bob->packet_count, from + 2);
    T_CALL(check_continuous(t_failed, bob, from));
    world_destroy(scene.world);
}

T_TEST(a_key_frame_that_is_late_is_left_out)
{
    struct scene scene = scene_running(1);
    view(&scene, 0, 1, false);
    T_EQ(plis_of(&scene, 0), 1);
    for (unsigned i = 0; i < SFU_LAYER_REFUSALS_MAX; i++) {
        capture(&scene, 6, 0);
        capture(&scene, 6, 0);
        scene.layers[0].ts_offset -= 3600; /* its key frame of the capture before comes now */
        size_t before = scene.viewers[0]->packet_count;
        frame(&scene, 0, true);
        scene.layers[0].ts_offset += 3600;
        T_EQ(scene.viewers[0]->packet_count, before);
        world_advance(scene.world, SFU_PLI_INTERVAL_US);
        scene.capture_ts += 45 * 1000;
        T_EQ(plis_of(&scene, 0), 2 + i);
    }
    capture(&scene, 6, 0);
    capture(&scene, 6, 0);
    scene.layers[0].ts_offset -= 3600;
    size_t before = scene.viewers[0]->packet_count;
    frame(&scene, 0, true); /* better than none */
    T_EQ(scene.viewers[0]->packet_count, before + 1);
    T_EQ(last(&scene, 0)->header.timestamp_ts - scene.viewers[0]->packets[before - 1].header.timestamp_ts, 1);
    world_destroy(scene.world);
}

T_TEST(a_key_frame_whose_packets_come_out_of_order)
{
    struct scene scene = scene_running(1);
    view(&scene, 0, 1, false);
    capture(&scene, 6, 0);
    struct layer *layer = &scene.layers[0];
    size_t from = scene.viewers[0]->packet_count;
    layer->picture_id++;
    layer->tl0++;
    for (int i = 1; i >= 0; i--) { /* the second first */
        uint8_t payload[100];
        payload_of(payload, layer, i == 0, true);
        struct world_rtp rtp = packet_of(&scene, 0, payload);
        rtp.ext_seq += (unsigned)i;
        rtp.marker = i == 1;
        world_send(scene.alice, &rtp);
    }
    layer->seq += 2;
    const struct world_packet *packets = &scene.viewers[0]->packets[from];
    T_EQ(scene.viewers[0]->packet_count, from + 2);
    T_CHECK(!packets[0].header.marker && packets[1].header.marker);
    T_EQ((uint16_t)(packets[1].header.seq - packets[0].header.seq), 1);
    T_EQ((uint16_t)(packets[0].header.seq - packets[-1].header.seq), 1);
    T_MEM_EQ(packets[1].payload + 2, packets[0].payload + 2, 3); /* one picture */
    world_destroy(scene.world);
}

T_TEST(requests_are_one_for_a_layer)
{
    struct scene scene = scene_running(VIEWERS);
    world_advance(scene.world, 2 * SFU_PLI_INTERVAL_US);
    unsigned lowest = plis_of(&scene, 0), middle = plis_of(&scene, 1), highest = plis_of(&scene, 2);
    for (unsigned i = 0; i < 3; i++)
        view(&scene, i, 1, false);
    view(&scene, 3, 2, false);
    T_EQ(plis_of(&scene, 0), lowest + 1);
    T_EQ(plis_of(&scene, 1), middle + 1);
    uint8_t rtcp[32];
    size_t len = sfu_rtcp_write_pli(rtcp, sizeof rtcp, 1, OUT);
    for (unsigned i = 0; i < VIEWERS; i++) /* they lost something of what they have: the highest, all of them */
        world_send_rtcp(scene.viewers[i], rtcp, len);
    world_advance(scene.world, 0);
    T_EQ(plis_of(&scene, 2), highest + 1);
    capture(&scene, 7, 3);
    T_EQ(plis_of(&scene, 0), lowest + 1);
    for (unsigned i = 0; i < VIEWERS; i++)
        world_send_rtcp(scene.viewers[i], rtcp, len);
    world_advance(scene.world, SFU_PLI_INTERVAL_US);
    T_EQ(plis_of(&scene, 0), lowest + 2);
    T_EQ(plis_of(&scene, 1), middle + 2);
    world_advance(scene.world, 10000000); /* nobody looks at the highest any more: it is not asked for again */
    T_EQ(plis_of(&scene, 2), highest + 1);
    world_destroy(scene.world);
}

T_TEST(repairs_carry_the_numbers_of_the_first_time)
{
    struct scene scene = scene_running(1);
    view(&scene, 0, 1, false);
    capture(&scene, 7, 1);
    capture(&scene, 7, 0);
    struct world_packet sent = *last(&scene, 0);
    capture(&scene, 7, 0);
    uint8_t rtcp[32];
    size_t len = sfu_rtcp_write_nack(rtcp, sizeof rtcp, 1, OUT, &sent.header.seq, 1);
    world_send_rtcp(scene.viewers[0], rtcp, len);
    const struct world_packet *again = last(&scene, 0);
    T_EQ(again->header.ssrc, OUT_RTX);
    T_EQ(again->header.timestamp_ts, sent.header.timestamp_ts);
    T_EQ(again->payload_bytes, sent.payload_bytes + 2);
    T_EQ(base_get_be16(again->payload), sent.header.seq);
    T_MEM_EQ(again->payload + 2, sent.payload, sent.payload_bytes);
    world_destroy(scene.world);
}

T_TEST(a_pause_is_silent_and_its_end_has_a_budget)
{
    struct scene scene = scene_running(1);
    size_t from = scene.viewers[0]->packet_count;
    view(&scene, 0, 0, true);
    for (int i = 0; i < 50; i++)
        capture(&scene, 7, 0);
    T_EQ(scene.viewers[0]->packet_count, from);
    unsigned before = scene.alice->pli;
    view(&scene, 0, 0, false);
    T_EQ(scene.alice->pli, before + 1);
    capture(&scene, 7, 4);
    T_EQ(scene.viewers[0]->packet_count, from + 1);
    T_EQ((uint16_t)(last(&scene, 0)->header.seq - scene.viewers[0]->packets[from - 1].header.seq), 1);
    /* Somebody who plays with it costs the publisher no more than who asks for key frames. */
    uint8_t rtcp[32];
    size_t len = sfu_rtcp_write_pli(rtcp, sizeof rtcp, 1, OUT);
    before = scene.alice->pli;
    for (int i = 0; i < 250; i++) {
        view(&scene, 0, 0, i % 2 == 0);
        world_send_rtcp(scene.viewers[0], rtcp, len);
        capture(&scene, 7, 4);
    }
    T_CHECK(scene.alice->pli - before <= 3 + 10 + 1);
    world_destroy(scene.world);
}

T_TEST(a_layer_that_stopped_is_replaced)
{
    struct scene scene = scene_running(1);
    struct world_peer *bob = scene.viewers[0];
    size_t from = bob->packet_count;
    unsigned asked = plis_of(&scene, 1);
    for (int i = 0; i < 24; i++)
        capture(&scene, 3, 0);
    T_EQ(plis_of(&scene, 1), asked);
    for (int i = 0; i < 3; i++)
        capture(&scene, 3, 0);
    T_EQ(plis_of(&scene, 1), asked + 1);
    capture(&scene, 3, 3);
    capture(&scene, 3, 0);
    T_EQ(bob->packet_count, from + 2);
    T_EQ(bob->packets[from].header.timestamp_ts - bob->packets[from - 1].header.timestamp_ts, 28 * 3600);
    capture(&scene, 7, 4); /* it is back, with a key frame as encoders begin */
    capture(&scene, 7, 0);
    T_EQ(bob->packet_count, from + 5); /* the second frame of the middle one, too: it came first */
    world_destroy(scene.world);
}

T_TEST(reports_keep_their_clock_across_changes)
{
    struct scene scene = scene_running(1);
    struct world_peer *bob = scene.viewers[0];
    for (unsigned i = 0; i < 8; i++) {
        view(&scene, 0, (uint8_t)(1 + i % 3), false);
        capture(&scene, 7, 1u << i % 3);
        report(&scene);
        uint32_t shown_ts = last(&scene, 0)->header.timestamp_ts;
        uint64_t shown_us = scene.world->now_us;
        unsigned before = bob->sr;
        world_advance(scene.world, 1000000);
        scene.capture_ts += 90000;
        T_EQ(bob->sr, before + 1);
        const struct sfu_rtcp_sr *sr = &bob->last_sr[before % 8];
        uint64_t later_us = (sr->ntp >> 32) * 1000000 + (((sr->ntp & 0xFFFFFFFF) * 1000000) >> 32) -
                            UINT64_C(2208988800000000) - (uint64_t)WORLD_WALL_OFFSET_US - shown_us;
        int32_t off = (int32_t)(sr->rtp_ts - shown_ts - (uint32_t)(later_us * 9 / 100));
        T_CHECK(off >= -2 && off <= 2);
    }
    world_destroy(scene.world);
}

T_TEST(other_layers_are_another_track)
{
    struct scene scene = scene_running(1);
    publish(&scene, 3);
    T_EQ(world_event_count(scene.world, SFU_EVENT_TRACK_PUBLISHED), 1);
    publish(&scene, 2);
    T_EQ(world_event_count(scene.world, SFU_EVENT_TRACK_UNPUBLISHED), 1);
    T_EQ(world_event_count(scene.world, SFU_EVENT_TRACK_PUBLISHED), 2);
    publish(&scene, 0);
    T_EQ(world_event_count(scene.world, SFU_EVENT_TRACK_PUBLISHED), 3);
    world_destroy(scene.world);
}

T_TEST(views_of_nothing_are_ignored)
{
    struct scene scene = scene_running(1);
    uint64_t before = world_stats(scene.world).commands_ignored;
    struct sfu_command command = {
        .kind = SFU_COMMAND_VIEW, .room_id = ROOM, .participant_id = BOB, .track_id = 999, .view = {1, true}};
    sfu_engine_command(scene.world->engine, scene.world->now_us, &command);
    T_EQ(world_stats(scene.world).commands_ignored, before + 1);
    view(&scene, 0, 200, false); /* more than there are */
    size_t from = scene.viewers[0]->packet_count;
    capture(&scene, 7, 0);
    T_EQ(scene.viewers[0]->packet_count, from + 1);
    world_destroy(scene.world);
}

T_MAIN(T_CASE(layers_are_told_by_rid), T_CASE(retransmissions_by_repaired_rid), T_CASE(a_change_is_seamless),
       T_CASE(captures_of_one_moment), T_CASE(without_reports_time_goes_by_arrival),
       T_CASE(a_key_frame_that_is_late_is_left_out), T_CASE(a_key_frame_whose_packets_come_out_of_order),
       T_CASE(requests_are_one_for_a_layer), T_CASE(repairs_carry_the_numbers_of_the_first_time),
       T_CASE(a_pause_is_silent_and_its_end_has_a_budget), T_CASE(a_layer_that_stopped_is_replaced),
       T_CASE(reports_keep_their_clock_across_changes), T_CASE(other_layers_are_another_track),
       T_CASE(views_of_nothing_are_ignored))
