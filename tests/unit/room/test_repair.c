/* SPDX-License-Identifier: Apache-2.0 */
/* What happens when packets are lost, and the reports that tell of it. */
#include "base/bytes.h"
#include "sfu/media/rtp_stats.h"
#include "sfu/transport/transport.h"
#include "tests/support/test.h"
#include "world.h"

#define ALL (SFU_RIGHT_PUBLISH_AUDIO | SFU_RIGHT_PUBLISH_VIDEO | SFU_RIGHT_SUBSCRIBE)

enum { ROOM = 1, ALICE = 10, BOB = 11, MIC = 21, CAMERA = 22 };
enum { MIC_SSRC = 0x1111, CAMERA_SSRC = 0x2222, CAMERA_RTX = 0x3333 };

struct scene {
    struct world *world;
    struct world_peer *alice, *bob;
};

static struct scene scene_make(void)
{
    struct scene scene = {.world = world_create(4096)};
    world_open_room(scene.world, ROOM, 5);
    world_join(scene.world, ROOM, ALICE, 1, ALL);
    world_join(scene.world, ROOM, BOB, 2, ALL);
    scene.alice = world_connect(scene.world, ROOM, ALICE, SFU_PUBLISH);
    scene.bob = world_connect(scene.world, ROOM, BOB, SFU_SUBSCRIBE);
    struct sfu_up_track_config ups[] = {world_audio(MIC, MIC_SSRC), world_video(CAMERA, CAMERA_SSRC, CAMERA_RTX)};
    world_publish(scene.world, ROOM, ALICE, ups, 2);
    struct sfu_down_track_config downs[] = {{.track_id = MIC, .mid = "a", .ssrc = 0x900},
                                            {.track_id = CAMERA, .mid = "v", .ssrc = 0x901, .rtx_ssrc = 0x902}};
    world_subscribe(scene.world, ROOM, BOB, downs, 2);
    world_advance(scene.world, 0);
    return scene;
}

/* Frame `n` (one packet) of Alice's camera; number 0 is the key frame. */
static struct world_rtp frame(uint8_t payload[200], uint64_t n)
{
    world_vp8(payload, 200, true, n == 0, (uint8_t)n);
    return (struct world_rtp){.ssrc = CAMERA_SSRC,
                              .payload_type = WORLD_PT_VP8,
                              .marker = true,
                              .ext_seq = 65500 + n,
                              .timestamp_ts = (uint32_t)(90000 + n * 3000),
                              .level = -1,
                              .transport_cc = true,
                              .payload = payload,
                              .payload_bytes = 200};
}

static void show(struct scene *scene, uint64_t n)
{
    uint8_t payload[200];
    struct world_rtp rtp = frame(payload, n);
    world_send(scene->alice, &rtp);
}

static void show_rtx(struct scene *scene, uint64_t n, uint64_t rtx_seq)
{
    uint8_t payload[202];
    struct world_rtp rtp = frame(payload + 2, n);
    base_put_be16(payload, (uint16_t)rtp.ext_seq);
    rtp.ssrc = CAMERA_RTX;
    rtp.payload_type = WORLD_PT_RTX;
    rtp.ext_seq = rtx_seq;
    rtp.payload = payload;
    rtp.payload_bytes = 202;
    world_send(scene->alice, &rtp);
}

static void say(struct scene *scene, uint64_t n)
{
    uint8_t payload[50] = {0};
    struct world_rtp rtp = {.ssrc = MIC_SSRC,
                            .payload_type = WORLD_PT_OPUS,
                            .ext_seq = 10 + n,
                            .timestamp_ts = (uint32_t)(n * 960),
                            .level = 30,
                            .transport_cc = true,
                            .payload = payload,
                            .payload_bytes = sizeof payload};
    world_send(scene->alice, &rtp);
}

static void nack(struct scene *scene, uint32_t ssrc, uint16_t seq)
{
    uint8_t rtcp[64];
    size_t bytes = sfu_rtcp_write_nack(rtcp, sizeof rtcp, 1, ssrc, &seq, 1);
    world_send_rtcp(scene->bob, rtcp, bytes);
}

T_TEST(a_lost_packet_is_asked_for_and_repaired)
{
    struct scene scene = scene_make();
    show(&scene, 0);
    show(&scene, 1);
    show(&scene, 3);
    show(&scene, 4);
    T_EQ(scene.alice->nack_count, 0); /* it may only be late */
    world_advance(scene.world, 20000);
    T_EQ(scene.alice->nack_count, 1);
    T_EQ(scene.alice->nacked[0], 65502);
    show_rtx(&scene, 2, 5);
    T_EQ(scene.bob->packet_count, 5);
    const struct world_packet *packets = scene.bob->packets;
    T_EQ(packets[4].header.ssrc, 0x901);
    T_EQ(packets[4].header.seq, (uint16_t)(packets[1].header.seq + 1));
    T_EQ(packets[4].header.timestamp_ts, packets[1].header.timestamp_ts + 3000);
    T_EQ(packets[4].payload_bytes, 200);
    T_EQ(packets[4].payload[199], 2);
    T_EQ(packets[2].header.seq, (uint16_t)(packets[1].header.seq + 2));
    world_advance(scene.world, 1000000);
    T_EQ(scene.alice->nack_count, 1);
    /* copies of what is here are not forwarded; nor is padding */
    show_rtx(&scene, 2, 6);
    show_rtx(&scene, 4, 7);
    uint8_t none = 0;
    struct world_rtp probe = {.ssrc = CAMERA_RTX,
                              .payload_type = WORLD_PT_RTX,
                              .ext_seq = 8,
                              .level = -1,
                              .payload = &none,
                              .padding_bytes = 200};
    world_send(scene.alice, &probe);
    T_EQ(scene.bob->packet_count, 5);
    world_destroy(scene.world);
}

T_TEST(an_original_after_its_retransmission_is_not_sent_twice)
{
    struct scene scene = scene_make();
    show(&scene, 0);
    show(&scene, 2);
    world_advance(scene.world, 20000);
    show_rtx(&scene, 1, 5);
    show(&scene, 1);
    T_EQ(scene.bob->packet_count, 3);
    T_EQ(scene.bob->auth_failures, 0);
    world_destroy(scene.world);
}

T_TEST(reordering_is_forwarded_at_its_place)
{
    struct scene scene = scene_make();
    show(&scene, 0);
    show(&scene, 2);
    show(&scene, 1);
    world_advance(scene.world, 100000);
    T_EQ(scene.alice->nack_count, 0);
    T_EQ(scene.bob->packets[2].header.seq, (uint16_t)(scene.bob->packets[0].header.seq + 1));
    T_EQ(scene.bob->packets[1].header.seq, (uint16_t)(scene.bob->packets[0].header.seq + 2));
    world_destroy(scene.world);
}

T_TEST(a_late_key_frame_brings_what_followed_it)
{
    struct scene scene = scene_make();
    uint8_t payload[200];
    show(&scene, 1);
    show(&scene, 2);
    T_EQ(scene.bob->packet_count, 0);
    struct world_rtp rtp = frame(payload, 0);
    /* Number 0 is before the first that was seen: only the network reordered it. */
    world_send(scene.alice, &rtp);
    show(&scene, 3);
    for (size_t i = 1; i < scene.bob->packet_count; i++)
        T_EQ(scene.bob->packets[i].header.seq, (uint16_t)(scene.bob->packets[0].header.seq + i));
    world_destroy(scene.world);

    scene = scene_make();
    show(&scene, 1);
    rtp = frame(payload, 3);
    world_send(scene.alice, &rtp);
    world_vp8(payload, 200, true, true, 9); /* frame 2 is a key frame, and comes after 3 */
    rtp.ext_seq--;
    rtp.timestamp_ts -= 3000;
    world_send(scene.alice, &rtp);
    show(&scene, 4);
    T_EQ(scene.bob->packet_count, 3);
    for (size_t i = 1; i < 3; i++) {
        T_EQ(scene.bob->packets[i].header.seq, (uint16_t)(scene.bob->packets[0].header.seq + i));
        T_EQ(scene.bob->packets[i].header.timestamp_ts, scene.bob->packets[0].header.timestamp_ts + 3000 * i);
    }
    world_destroy(scene.world);
}

T_TEST(packets_given_up_ask_for_a_key_frame)
{
    struct scene scene = scene_make();
    show(&scene, 0);
    T_EQ(scene.alice->pli, 1);
    show(&scene, 2);
    world_advance(scene.world, 10000000);
    T_CHECK(scene.alice->nack_count >= 5 && scene.alice->nack_count <= 16);
    T_CHECK(scene.alice->pli > 1);
    world_destroy(scene.world);
}

T_TEST(a_subscriber_gets_a_retransmission)
{
    struct scene scene = scene_make();
    for (uint64_t n = 0; n < 5; n++)
        show(&scene, n);
    const struct world_packet *lost = &scene.bob->packets[2];
    nack(&scene, 0x901, lost->header.seq);
    T_EQ(scene.bob->packet_count, 6);
    const struct world_packet *rtx = &scene.bob->packets[5];
    T_EQ(rtx->header.ssrc, 0x902);
    T_EQ(rtx->header.payload_type, SFU_SEND_PT_RTX);
    T_EQ(rtx->header.timestamp_ts, lost->header.timestamp_ts);
    T_EQ(rtx->header.marker, lost->header.marker);
    T_EQ(base_get_be16(rtx->payload), lost->header.seq);
    T_EQ(rtx->payload_bytes, 202);
    T_MEM_EQ(rtx->payload + 2, lost->payload, 200);
    T_STR_EQ(rtx->ext.mid, "v");
    T_EQ(rtx->ext.transport_seq, 5);
    /* again within a round trip: nothing; later: once more */
    nack(&scene, 0x901, lost->header.seq);
    T_EQ(scene.bob->packet_count, 6);
    world_advance(scene.world, 20000);
    nack(&scene, 0x901, lost->header.seq);
    T_EQ(scene.bob->packet_count, 7);
    T_EQ(scene.bob->packets[6].header.seq, (uint16_t)(rtx->header.seq + 1));
    T_EQ(world_stats(scene.world).rtx_sent, 2);
    /* what was never sent, and audio */
    nack(&scene, 0x901, (uint16_t)(lost->header.seq + 1000));
    T_EQ(world_stats(scene.world).rtx_not_found, 1);
    say(&scene, 0);
    nack(&scene, 0x900, scene.bob->packets[7].header.seq);
    T_EQ(scene.bob->packet_count, 8);
    world_destroy(scene.world);
}

T_TEST(nack_floods_are_bounded)
{
    struct scene scene = scene_make();
    for (uint64_t n = 0; n < 800; n++)
        show(&scene, n);
    uint16_t first = scene.bob->packets[0].header.seq;
    size_t before = scene.bob->packet_count;
    for (unsigned i = 0; i < 20; i++) {
        uint16_t seqs[400];
        for (unsigned n = 0; n < 400; n++)
            seqs[n] = (uint16_t)(first + 400u * (i % 2) + n);
        uint8_t rtcp[1200];
        size_t bytes = sfu_rtcp_write_nack(rtcp, sizeof rtcp, 1, 0x901, seqs, 400);
        world_send_rtcp(scene.bob, rtcp, bytes);
    }
    T_CHECK(scene.bob->packet_count - before <= 512);
    T_CHECK(scene.bob->packet_count - before >= 256);
    world_destroy(scene.world);
}

T_TEST(reports_to_the_publisher)
{
    struct scene scene = scene_make();
    for (uint64_t n = 0; n < 100; n++) {
        if (n % 10 != 5)
            say(&scene, n);
        world_advance(scene.world, 20000);
    }
    T_CHECK(scene.alice->rr >= 1);
    T_EQ(scene.alice->block.ssrc, MIC_SSRC);
    T_CHECK(scene.alice->block.fraction_lost >= 20 && scene.alice->block.fraction_lost <= 32); /* 10 % of 256 */
    T_CHECK(scene.alice->block.cumulative_lost >= 4);
    T_CHECK(scene.alice->twcc >= 15); /* one in 50 to 100 ms */
    T_EQ(world_stats(scene.world).twcc_sent, scene.alice->twcc);
    const struct sfu_event *event = world_event(scene.world, SFU_EVENT_QUALITY, 0);
    T_CHECK(event != NULL);
    world_destroy(scene.world);
}

static void publisher_sr(struct scene *scene, uint32_t ssrc, int64_t publisher_us, uint32_t rtp_ts)
{
    struct sfu_rtcp_sr sr = {.ssrc = ssrc, .ntp = sfu_ntp_of_wall_us((uint64_t)publisher_us), .rtp_ts = rtp_ts};
    uint8_t rtcp[64];
    size_t bytes = sfu_rtcp_write_sr(rtcp, sizeof rtcp, &sr, NULL, 0);
    world_send_rtcp(scene->alice, rtcp, bytes);
}

static const struct sfu_rtcp_sr *last_sr(const struct world_peer *peer, uint32_t ssrc)
{
    for (unsigned i = 0; i < 8 && i < peer->sr; i++) {
        const struct sfu_rtcp_sr *sr = &peer->last_sr[(peer->sr - 1 - i) % 8];
        if (sr->ssrc == ssrc)
            return sr;
    }
    return NULL;
}

T_TEST(sender_reports_keep_sound_and_picture_together)
{
    struct scene scene = scene_make();
    show(&scene, 0);
    say(&scene, 0);
    world_advance(scene.world, 1200000);
    T_EQ(scene.bob->sr, 0); /* nothing is known of the publisher's clock yet */
    /* Alice's clock is an hour late. Her reports took 20 ms (sound) and 70 ms (picture) to come; at her time T sound
     * was at 48000 and the picture at 180000. */
    int64_t t_us = (int64_t)scene.world->now_us + WORLD_WALL_OFFSET_US - INT64_C(3600000000);
    publisher_sr(&scene, MIC_SSRC, t_us - 20000, 48000 - 960);
    publisher_sr(&scene, CAMERA_SSRC, t_us - 70000, 180000 - 6300);
    world_advance(scene.world, 1100000);
    const struct sfu_rtcp_sr *sound = last_sr(scene.bob, 0x900), *picture = last_sr(scene.bob, 0x901);
    T_CHECK(sound != NULL && picture != NULL);
    T_EQ(sound->packet_count, 1);
    T_EQ(picture->octet_count, 200);
    /* Both reports name the same instant, so both streams must be equally far from what T was. */
    T_EQ(sound->ntp, picture->ntp);
    const struct world_packet *video = &scene.bob->packets[0], *audio = &scene.bob->packets[1];
    int64_t sound_ts = (int32_t)(sound->rtp_ts - audio->header.timestamp_ts); /* since timestamp 0 */
    int64_t picture_ts = (int32_t)(picture->rtp_ts - video->header.timestamp_ts) + 90000;
    int64_t sound_us = (sound_ts - 48000) * 1000000 / 48000;
    int64_t picture_us = (picture_ts - 180000) * 1000000 / 90000;
    T_CHECK(sound_us - picture_us > -1000 && sound_us - picture_us < 1000);
    T_CHECK(sound_us > 0 && sound_us < 1100000);
    world_destroy(scene.world);
}

T_TEST(round_trip_time_stretches_the_rest_between_retransmissions)
{
    struct scene scene = scene_make();
    show(&scene, 0);
    publisher_sr(&scene, CAMERA_SSRC, (int64_t)scene.world->now_us + WORLD_WALL_OFFSET_US, 90000);
    world_advance(scene.world, 1100000);
    const struct sfu_rtcp_sr *sr = last_sr(scene.bob, 0x901);
    T_CHECK(sr != NULL);
    uint64_t sent_ntp = sr->ntp;
    /* The report says "held for nothing"; it comes so late that the way takes 200 ms. */
    uint64_t now_ntp = sfu_ntp_of_wall_us(scene.world->now_us + (uint64_t)WORLD_WALL_OFFSET_US);
    uint64_t passed_us = ((now_ntp - sent_ntp) * 1000000) >> 32;
    if (passed_us < 200000)
        world_advance(scene.world, 200000 - passed_us);
    struct sfu_rtcp_report_block block = {.ssrc = 0x901, .last_sr = (uint32_t)(sent_ntp >> 16)};
    if (passed_us > 200000)
        block.delay_since_last_sr = (uint32_t)((passed_us - 200000) * 65536 / 1000000);
    uint8_t rtcp[64];
    size_t bytes = sfu_rtcp_write_rr(rtcp, sizeof rtcp, 1, &block, 1);
    world_send_rtcp(scene.bob, rtcp, bytes);
    size_t before = scene.bob->packet_count;
    uint16_t seq = scene.bob->packets[0].header.seq;
    nack(&scene, 0x901, seq);
    world_advance(scene.world, 150000);
    nack(&scene, 0x901, seq);
    T_EQ(scene.bob->packet_count, before + 1);
    world_advance(scene.world, 100000);
    nack(&scene, 0x901, seq);
    T_EQ(scene.bob->packet_count, before + 2);
    world_destroy(scene.world);
}

T_TEST(quality_follows_the_downlink)
{
    struct scene scene = scene_make();
    show(&scene, 0);
    for (unsigned i = 0; i < 12; i++) {
        struct sfu_rtcp_report_block block = {.ssrc = 0x901, .fraction_lost = 80};
        uint8_t rtcp[64];
        size_t bytes = sfu_rtcp_write_rr(rtcp, sizeof rtcp, 1, &block, 1);
        world_send_rtcp(scene.bob, rtcp, bytes);
        world_advance(scene.world, 500000);
    }
    uint8_t bobs = 255;
    for (unsigned i = 0; i < world_event_count(scene.world, SFU_EVENT_QUALITY); i++)
        if (world_event(scene.world, SFU_EVENT_QUALITY, i)->participant_id == BOB)
            bobs = world_event(scene.world, SFU_EVENT_QUALITY, i)->quality;
    T_EQ(bobs, 1);
    world_destroy(scene.world);
}

T_TEST(each_m_section_may_report_under_an_ssrc_of_its_own)
{
    /* As Firefox does: in a room of 35 with cameras that is more than 64. */
    struct scene scene = scene_make();
    uint8_t rtcp[64];
    uint64_t before = world_stats(scene.world).pli_received;
    for (uint32_t ssrc = 1; ssrc <= SFU_SUBSCRIPTIONS_MAX; ssrc++)
        world_send_rtcp(scene.bob, rtcp, sfu_rtcp_write_pli(rtcp, sizeof rtcp, ssrc, 0x901));
    T_EQ(world_stats(scene.world).pli_received - before, SFU_SUBSCRIPTIONS_MAX);
    world_destroy(scene.world);
}

T_MAIN(T_CASE(each_m_section_may_report_under_an_ssrc_of_its_own), T_CASE(a_lost_packet_is_asked_for_and_repaired),
       T_CASE(an_original_after_its_retransmission_is_not_sent_twice), T_CASE(reordering_is_forwarded_at_its_place),
       T_CASE(a_late_key_frame_brings_what_followed_it), T_CASE(packets_given_up_ask_for_a_key_frame),
       T_CASE(a_subscriber_gets_a_retransmission), T_CASE(nack_floods_are_bounded), T_CASE(reports_to_the_publisher),
       T_CASE(sender_reports_keep_sound_and_picture_together),
       T_CASE(round_trip_time_stretches_the_rest_between_retransmissions), T_CASE(quality_follows_the_downlink))
