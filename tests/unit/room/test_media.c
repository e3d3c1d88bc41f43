/* SPDX-License-Identifier: Apache-2.0 */
/* Media through the engine: real ICE, DTLS and SRTP, in memory. */
#include <stdlib.h>

#include "base/err.h"
#include "base/random.h"
#include "sfu/transport/transport.h"
#include "sfu/wire/stun.h"
#include "tests/support/test.h"
#include "world.h"

#define ALL (SFU_RIGHT_PUBLISH_AUDIO | SFU_RIGHT_PUBLISH_VIDEO | SFU_RIGHT_PUBLISH_SCREEN | SFU_RIGHT_SUBSCRIBE)

enum { ROOM = 1, ALICE = 10, BOB = 11, CAROL = 12, MIC = 21, CAMERA = 22 };
enum { MIC_SSRC = 0x1111, CAMERA_SSRC = 0x2222, CAMERA_RTX = 0x3333 };

struct scene {
    struct world *world;
    struct world_peer *alice; /* publishes */
    struct world_peer *bob;   /* subscribes */
    uint64_t audio_seq, video_seq;
    uint32_t audio_ts, video_ts;
};

static void subscribe(struct scene *scene, uint64_t who)
{
    struct sfu_down_track_config downs[] = {{.track_id = MIC, .mid = "a", .ssrc = 0x900},
                                            {.track_id = CAMERA, .mid = "v", .ssrc = 0x901, .rtx_ssrc = 0x902}};
    world_subscribe(scene->world, ROOM, who, downs, 2);
    world_advance(scene->world, 0);
}

static void publish(struct scene *scene, uint32_t mic_ssrc, uint32_t camera_ssrc)
{
    struct sfu_up_track_config ups[] = {world_audio(MIC, mic_ssrc),
                                        world_video(CAMERA, camera_ssrc, camera_ssrc == 0 ? 0 : CAMERA_RTX)};
    world_publish(scene->world, ROOM, ALICE, ups, 2);
}

static struct scene scene_make(uint32_t mic_ssrc, uint32_t camera_ssrc)
{
    struct scene scene = {.world = world_create(4096), .audio_seq = 100, .video_seq = 65530};
    world_open_room(scene.world, ROOM, 5);
    world_join(scene.world, ROOM, ALICE, 1, ALL);
    world_join(scene.world, ROOM, BOB, 2, ALL);
    world_join(scene.world, ROOM, CAROL, 3, ALL);
    scene.alice = world_connect(scene.world, ROOM, ALICE, SFU_PUBLISH);
    scene.bob = world_connect(scene.world, ROOM, BOB, SFU_SUBSCRIBE);
    publish(&scene, mic_ssrc, camera_ssrc);
    subscribe(&scene, BOB);
    return scene;
}

static void say(struct scene *scene, int level, const char *mid)
{
    uint8_t payload[80];
    memset(payload, (int)scene->audio_seq & 0xff, sizeof payload);
    struct world_rtp rtp = {.ssrc = MIC_SSRC,
                            .payload_type = WORLD_PT_OPUS,
                            .ext_seq = scene->audio_seq++,
                            .timestamp_ts = scene->audio_ts += 960,
                            .mid = mid,
                            .level = level,
                            .transport_cc = true,
                            .payload = payload,
                            .payload_bytes = sizeof payload};
    world_send(scene->alice, &rtp);
}

/* One packet of a frame. */
static void show_part(struct scene *scene, bool first, bool last, bool key, size_t bytes)
{
    uint8_t payload[1200];
    world_vp8(payload, bytes, first, key, (uint8_t)scene->video_seq);
    struct world_rtp rtp = {.ssrc = CAMERA_SSRC,
                            .payload_type = WORLD_PT_VP8,
                            .marker = last,
                            .ext_seq = scene->video_seq++,
                            .timestamp_ts = scene->video_ts += first ? 3000 : 0,
                            .mid = "1",
                            .level = -1,
                            .transport_cc = true,
                            .payload = payload,
                            .payload_bytes = bytes};
    world_send(scene->alice, &rtp);
}

static void show(struct scene *scene, bool key)
{
    show_part(scene, true, true, key, 200);
}

static unsigned count_ssrc(const struct world_peer *peer, uint32_t ssrc)
{
    unsigned count = 0;
    for (size_t i = 0; i < peer->packet_count; i++)
        count += peer->packets[i].header.ssrc == ssrc;
    return count;
}

/* Numbers of one stream go up by one each, whatever happened upstream. */
static bool contiguous(const struct world_peer *peer, uint32_t ssrc)
{
    bool started = false;
    uint16_t expected = 0;
    for (size_t i = 0; i < peer->packet_count; i++) {
        if (peer->packets[i].header.ssrc != ssrc)
            continue;
        if (started && peer->packets[i].header.seq != expected)
            return false;
        started = true;
        expected = (uint16_t)(peer->packets[i].header.seq + 1);
    }
    return started;
}

T_TEST(transports_connect)
{
    struct scene scene = scene_make(MIC_SSRC, CAMERA_SSRC);
    T_EQ(world_event_count(scene.world, SFU_EVENT_TRANSPORT), 2);
    T_EQ(world_event(scene.world, SFU_EVENT_TRANSPORT, 0)->state, SFU_TRANSPORT_CONNECTED);
    T_EQ(world_event(scene.world, SFU_EVENT_TRANSPORT, 0)->peer_connection, SFU_PUBLISH);
    T_EQ(world_event(scene.world, SFU_EVENT_TRANSPORT, 1)->participant_id, BOB);
    T_EQ(world_stats(scene.world).transports_connected, 2);
    world_destroy(scene.world);
}

T_TEST(audio_arrives_rewritten)
{
    struct scene scene = scene_make(MIC_SSRC, CAMERA_SSRC);
    say(&scene, 30, NULL);
    say(&scene, -1, NULL);
    say(&scene, 127, NULL);
    T_EQ(scene.bob->packet_count, 3);
    const struct world_packet *packets = scene.bob->packets;
    for (unsigned i = 0; i < 3; i++) {
        T_EQ(packets[i].header.payload_type, SFU_SEND_PT_OPUS);
        T_EQ(packets[i].header.ssrc, 0x900);
        T_EQ(packets[i].header.timestamp_ts, packets[0].header.timestamp_ts + i * 960);
        T_EQ(packets[i].payload_bytes, 80);
        T_EQ(packets[i].payload[79], 100 + i);
        T_STR_EQ(packets[i].ext.mid, "a");
        T_EQ(packets[i].ext.transport_seq, i);
    }
    T_CHECK(contiguous(scene.bob, 0x900));
    T_EQ(packets[0].ext.audio_level, 30);
    T_CHECK(packets[0].ext.audio_voice);
    T_CHECK((packets[1].ext.has & (1u << SFU_RTP_EXT_AUDIO_LEVEL)) == 0);
    T_CHECK((packets[1].ext.has & (1u << SFU_RTP_EXT_TRANSPORT_CC)) != 0);
    T_EQ(packets[2].ext.audio_level, 127);
    world_destroy(scene.world);
}

T_TEST(ssrc_is_learned_by_mid)
{
    struct scene scene = scene_make(0, 0);
    say(&scene, 30, NULL);
    T_EQ(scene.bob->packet_count, 0);
    T_EQ(world_stats(scene.world).dropped_unknown_ssrc, 1);
    say(&scene, 30, "7"); /* a mid that nobody has */
    T_EQ(world_stats(scene.world).dropped_unknown_ssrc, 2);
    say(&scene, 30, "0");
    say(&scene, 30, NULL);
    show(&scene, true);
    T_EQ(count_ssrc(scene.bob, 0x900), 2);
    T_EQ(count_ssrc(scene.bob, 0x901), 1);
    world_destroy(scene.world);
}

T_TEST(a_forged_packet_teaches_nothing)
{
    struct scene scene = scene_make(0, 0);
    struct sfu_srtp_session *good = scene.alice->send;
    uint8_t key[16] = {9}, salt[14] = {8};
    T_EQ(sfu_srtp_session_create(&scene.alice->send, SFU_SRTP_AEAD_AES_128_GCM, key, salt), 0);
    say(&scene, 30, "0");
    T_EQ(world_stats(scene.world).dropped_srtp_auth, 1);
    sfu_srtp_session_destroy(scene.alice->send);
    scene.alice->send = good;
    say(&scene, 30, NULL);
    T_EQ(world_stats(scene.world).dropped_unknown_ssrc, 1);
    world_destroy(scene.world);
}

T_TEST(video_starts_at_a_key_frame)
{
    struct scene scene = scene_make(MIC_SSRC, CAMERA_SSRC);
    T_EQ(scene.alice->pli, 1); /* asked for when Bob came */
    show(&scene, false);
    show(&scene, false);
    T_EQ(scene.bob->packet_count, 0);
    show(&scene, true);
    show(&scene, false);
    T_EQ(count_ssrc(scene.bob, 0x901), 2);
    T_EQ(scene.bob->packets[0].header.payload_type, SFU_SEND_PT_VP8);
    T_EQ(scene.bob->packets[1].header.timestamp_ts, scene.bob->packets[0].header.timestamp_ts + 3000);
    T_CHECK(contiguous(scene.bob, 0x901));
    T_CHECK(scene.bob->packets[0].header.seq < 0x8000);
    world_destroy(scene.world);
}

T_TEST(late_joiner_costs_one_request)
{
    struct scene scene = scene_make(MIC_SSRC, CAMERA_SSRC);
    show(&scene, true);
    world_advance(scene.world, 3000000);
    unsigned before = scene.alice->pli;
    struct world_peer *carol = world_connect(scene.world, ROOM, CAROL, SFU_SUBSCRIBE);
    subscribe(&scene, CAROL);
    T_EQ(scene.alice->pli, before + 1);
    show(&scene, false);
    T_EQ(carol->packet_count, 0);
    T_EQ(count_ssrc(scene.bob, 0x901), 2);
    show(&scene, true);
    T_EQ(count_ssrc(carol, 0x901), 1);
    T_EQ(count_ssrc(scene.bob, 0x901), 3);
    world_advance(scene.world, 5000000);
    T_EQ(scene.alice->pli, before + 1);
    world_destroy(scene.world);
}

T_TEST(requests_are_throttled_and_repeated)
{
    struct scene scene = scene_make(MIC_SSRC, CAMERA_SSRC);
    uint8_t rtcp[32];
    size_t bytes = sfu_rtcp_write_pli(rtcp, sizeof rtcp, 1, 0x901);
    for (unsigned i = 0; i < 20; i++) {
        world_send_rtcp(scene.bob, rtcp, bytes);
        world_advance(scene.world, 20000);
    }
    T_EQ(scene.alice->pli, 1);
    T_EQ(world_stats(scene.world).pli_received, 20);
    world_advance(scene.world, 100000);
    T_EQ(scene.alice->pli, 2);
    world_advance(scene.world, 3000000);
    T_EQ(scene.alice->pli, 5); /* nothing comes: once a second */
    show(&scene, true);
    world_advance(scene.world, 5000000);
    T_EQ(scene.alice->pli, 5);
    world_destroy(scene.world);
}

T_TEST(mute_is_enforced_and_leaves_no_gap)
{
    struct scene scene = scene_make(MIC_SSRC, CAMERA_SSRC);
    say(&scene, 30, NULL);
    show(&scene, true);
    world_mute(scene.world, ROOM, ALICE, MIC, true);
    world_mute(scene.world, ROOM, ALICE, CAMERA, true);
    for (unsigned i = 0; i < 40; i++) {
        say(&scene, 30, NULL);
        show(&scene, i % 10 == 0);
    }
    T_EQ(scene.bob->packet_count, 2);
    T_EQ(world_stats(scene.world).dropped_muted, 80);
    unsigned before = scene.alice->pli;
    world_advance(scene.world, 1000000);
    T_EQ(scene.alice->pli, before);
    world_mute(scene.world, ROOM, ALICE, MIC, false);
    world_mute(scene.world, ROOM, ALICE, CAMERA, false);
    world_advance(scene.world, 0);
    T_EQ(scene.alice->pli, before + 1);
    say(&scene, 30, NULL);
    show(&scene, false);
    T_EQ(count_ssrc(scene.bob, 0x900), 2);
    T_EQ(count_ssrc(scene.bob, 0x901), 1);
    show(&scene, true);
    T_EQ(count_ssrc(scene.bob, 0x901), 2);
    T_CHECK(contiguous(scene.bob, 0x900));
    T_CHECK(contiguous(scene.bob, 0x901));
    T_EQ(scene.alice->nack_count, 0);
    world_destroy(scene.world);
}

T_TEST(packets_of_a_frame_get_one_size)
{
    struct scene scene = scene_make(MIC_SSRC, CAMERA_SSRC);
    show_part(&scene, true, false, true, 1000);
    show_part(&scene, false, false, true, 1000);
    show_part(&scene, false, false, true, 1001);
    show_part(&scene, false, true, true, 1001);
    T_EQ(scene.bob->packet_count, 4);
    for (unsigned i = 0; i < 4; i++) {
        T_EQ(scene.bob->packets[i].payload_bytes, i < 2 ? 1000 : 1001);
        T_EQ(scene.bob->packets[i].padding_bytes, i < 2 ? 1 : 0);
        T_EQ(scene.bob->packets[i].wire_bytes, scene.bob->packets[0].wire_bytes);
    }
    T_EQ(world_stats(scene.world).padding_bytes_out, 2);
    show_part(&scene, true, true, false, 1000); /* a frame of one packet: nothing to equal */
    show_part(&scene, true, false, false, 500); /* small ones: not worth it */
    show_part(&scene, false, true, false, 500);
    T_EQ(world_stats(scene.world).padding_bytes_out, 2);
    world_destroy(scene.world);
}

T_TEST(padding_is_stripped_and_padding_only_closes_the_gap)
{
    struct scene scene = scene_make(MIC_SSRC, CAMERA_SSRC);
    show(&scene, true);
    struct world_rtp rtp = {.ssrc = CAMERA_SSRC,
                            .payload_type = WORLD_PT_VP8,
                            .ext_seq = scene.video_seq++,
                            .timestamp_ts = scene.video_ts,
                            .level = -1,
                            .payload = (const uint8_t *)"",
                            .padding_bytes = 200};
    world_send(scene.alice, &rtp);
    T_EQ(scene.bob->packet_count, 1);
    uint8_t payload[300];
    world_vp8(payload, sizeof payload, true, false, 7);
    rtp.ext_seq = scene.video_seq++;
    rtp.timestamp_ts = scene.video_ts += 3000;
    rtp.payload = payload;
    rtp.payload_bytes = sizeof payload;
    rtp.padding_bytes = 100;
    world_send(scene.alice, &rtp);
    T_EQ(scene.bob->packet_count, 2);
    T_EQ(scene.bob->packets[1].padding_bytes, 0);
    T_EQ(scene.bob->packets[1].payload_bytes, 300);
    T_CHECK(contiguous(scene.bob, 0x901));
    world_destroy(scene.world);
}

T_TEST(renegotiation_keeps_the_stream)
{
    struct scene scene = scene_make(MIC_SSRC, CAMERA_SSRC);
    show(&scene, true);
    publish(&scene, MIC_SSRC, CAMERA_SSRC);
    subscribe(&scene, BOB);
    show(&scene, false);
    T_EQ(count_ssrc(scene.bob, 0x901), 2);
    T_EQ(scene.alice->pli, 1);
    /* an answer without a=ssrc keeps what was learned */
    publish(&scene, 0, 0);
    show(&scene, false);
    T_EQ(count_ssrc(scene.bob, 0x901), 3);
    T_CHECK(contiguous(scene.bob, 0x901));
    world_destroy(scene.world);
}

T_TEST(another_ssrc_goes_on_in_the_same_stream)
{
    struct scene scene = scene_make(MIC_SSRC, CAMERA_SSRC);
    show(&scene, true);
    show(&scene, false);
    world_advance(scene.world, 1000000);
    struct sfu_up_track_config ups[] = {world_audio(MIC, MIC_SSRC), world_video(CAMERA, 0x7777, 0x7778)};
    world_publish(scene.world, ROOM, ALICE, ups, 2);
    show(&scene, true); /* of the old stream, late: it names the mid, but must not bring that stream back */
    T_EQ(world_stats(scene.world).dropped_unknown_ssrc, 1);
    uint8_t payload[100];
    world_vp8(payload, sizeof payload, true, false, 1);
    struct world_rtp rtp = {.ssrc = 0x7777,
                            .payload_type = WORLD_PT_VP8,
                            .ext_seq = 17,
                            .timestamp_ts = 123456,
                            .level = -1,
                            .mid = "1",
                            .marker = true,
                            .payload = payload,
                            .payload_bytes = sizeof payload};
    world_send(scene.alice, &rtp); /* no key frame: not forwarded */
    T_EQ(count_ssrc(scene.bob, 0x901), 2);
    world_vp8(payload, sizeof payload, true, true, 1);
    rtp.ext_seq++;
    rtp.mid = NULL;
    world_send(scene.alice, &rtp);
    T_EQ(count_ssrc(scene.bob, 0x901), 3);
    /* Without signaling the mid is enough, but two streams cannot take turns packet by packet. */
    world_advance(scene.world, 1000000);
    rtp.mid = "1";
    for (uint32_t i = 0; i < 10; i++) {
        rtp.ext_seq += i % 2 == 0;
        rtp.ssrc = 0x8888 + i % 2;
        world_send(scene.alice, &rtp);
    }
    T_EQ(count_ssrc(scene.bob, 0x901), 8);
    T_EQ(world_stats(scene.world).dropped_unknown_ssrc, 6);
    T_CHECK(contiguous(scene.bob, 0x901));
    T_EQ(scene.bob->auth_failures, 0);
    world_destroy(scene.world);
}

T_TEST(an_ssrc_that_comes_back_continues_its_numbers)
{
    struct scene scene = scene_make(MIC_SSRC, CAMERA_SSRC);
    say(&scene, 30, NULL);
    world_subscribe(scene.world, ROOM, BOB, NULL, 0);
    say(&scene, 30, NULL);
    subscribe(&scene, BOB);
    say(&scene, 30, NULL);
    T_EQ(scene.bob->packet_count, 2);
    T_CHECK(contiguous(scene.bob, 0x900));
    T_EQ(scene.bob->auth_failures, 0);
    world_destroy(scene.world);
}

T_TEST(lost_consent_stops_and_restart_resumes)
{
    struct scene scene = scene_make(MIC_SSRC, CAMERA_SSRC);
    show(&scene, true);
    say(&scene, 30, NULL);
    for (unsigned i = 0; i < 10; i++) { /* Alice stays, Bob is silent */
        world_advance(scene.world, 4000000);
        world_check(scene.alice);
    }
    const struct sfu_event *event = world_event(scene.world, SFU_EVENT_TRANSPORT, 2);
    T_CHECK(event != NULL);
    T_EQ(event->state, SFU_TRANSPORT_LOST);
    T_EQ(event->participant_id, BOB);
    size_t before = scene.bob->packet_count;
    unsigned pli_before = scene.alice->pli;
    for (unsigned i = 0; i < 100; i++)
        say(&scene, 30, NULL);
    show(&scene, true);
    T_EQ(scene.bob->packet_count, before);
    struct sfu_command command = {.kind = SFU_COMMAND_TRANSPORT,
                                  .room_id = ROOM,
                                  .participant_id = BOB,
                                  .peer_connection = SFU_SUBSCRIBE,
                                  .transport = {.remote_ufrag = "peer"}};
    strcpy(scene.bob->server.ufrag, "restarted");
    strcpy(scene.bob->server.pwd, "anotherpasswordofdecentlength");
    command.transport.local = scene.bob->server;
    memcpy(command.transport.peer_fingerprint, sfu_dtls_identity_fingerprint(scene.world->client), 32);
    sfu_engine_command(scene.world->engine, scene.world->now_us, &command);
    world_check(scene.bob);
    world_advance(scene.world, 0);
    T_EQ(world_event(scene.world, SFU_EVENT_TRANSPORT, 3)->state, SFU_TRANSPORT_CONNECTED);
    T_CHECK(scene.alice->pli > pli_before);
    say(&scene, 30, NULL);
    show(&scene, false);
    show(&scene, true);
    T_EQ(count_ssrc(scene.bob, 0x900), 2);
    T_EQ(count_ssrc(scene.bob, 0x901), 2);
    T_CHECK(contiguous(scene.bob, 0x900));
    T_CHECK(contiguous(scene.bob, 0x901));
    T_EQ(scene.bob->auth_failures, 0);
    world_destroy(scene.world);
}

T_TEST(a_replaced_transport_starts_afresh)
{
    struct scene scene = scene_make(MIC_SSRC, CAMERA_SSRC);
    say(&scene, 30, NULL);
    /* The page was reloaded: another certificate. */
    struct sfu_dtls_identity *old = scene.world->client;
    T_EQ(sfu_dtls_identity_create(&scene.world->client), 0);
    struct world_peer *again = world_connect(scene.world, ROOM, BOB, SFU_SUBSCRIBE);
    say(&scene, 30, NULL);
    T_EQ(scene.bob->packet_count, 1);
    T_EQ(again->packet_count, 1);
    T_EQ(again->auth_failures, 0);
    T_EQ(world_stats(scene.world).transports_connected, 2);
    sfu_dtls_session_destroy(scene.bob->dtls);
    scene.bob->dtls = NULL;
    sfu_dtls_identity_destroy(old);
    world_destroy(scene.world);
}

T_TEST(wrong_fingerprint_fails)
{
    struct scene scene = scene_make(MIC_SSRC, CAMERA_SSRC);
    uint8_t expected[SFU_DTLS_FINGERPRINT_BYTES];
    memset(expected, 0xee, sizeof expected);
    struct world_peer *carol = world_connect_expecting(scene.world, ROOM, CAROL, SFU_PUBLISH, expected);
    const struct sfu_event *event = world_event(scene.world, SFU_EVENT_TRANSPORT, 2);
    T_CHECK(event != NULL);
    T_EQ(event->state, SFU_TRANSPORT_FAILED);
    T_EQ(event->error, BASE_ERR_AUTH);
    T_EQ(event->participant_id, CAROL);
    T_EQ(world_stats(scene.world).dtls_failed, 1);
    T_EQ(world_stats(scene.world).transports_connected, 2);
    (void)carol;
    say(&scene, 30, NULL);
    T_EQ(scene.bob->packet_count, 1);
    world_destroy(scene.world);
}

T_TEST(strangers_are_counted_and_leave_nothing)
{
    struct scene scene = scene_make(MIC_SSRC, CAMERA_SSRC);
    struct world_peer *bob = scene.bob;
    unsigned responses = bob->stun_responses;
    struct sfu_path stranger = bob->path;
    stranger.remote.in4.sin_port = 99;
    struct sfu_stun_request request = {
        .username = "nobody:x", .password = "0123456789012345678901", .controlling = true, .use_candidate = true};
    uint8_t data[SFU_STUN_MESSAGE_MAX_BYTES];
    size_t len = sfu_stun_write_request(data, &request);
    for (unsigned i = 0; i < 1000; i++)
        sfu_engine_on_datagram(scene.world->engine, scene.world->now_us, &stranger, data, len);
    T_EQ(world_stats(scene.world).dropped_stun_stranger, 1000);
    /* the right name, the wrong password */
    char username[64];
    snprintf(username, sizeof username, "%s:x", bob->server.ufrag);
    request.username = username;
    len = sfu_stun_write_request(data, &request);
    sfu_engine_on_datagram(scene.world->engine, scene.world->now_us, &stranger, data, len);
    T_EQ(world_stats(scene.world).dropped_stun_auth, 1);
    /* the right password in the wrong role: answered, and still a stranger */
    request.password = bob->server.pwd;
    snprintf(username, sizeof username, "%s:peer", bob->server.ufrag);
    request.username = username;
    request.controlling = false;
    len = sfu_stun_write_request(data, &request);
    sfu_engine_on_datagram(scene.world->engine, scene.world->now_us, &stranger, data, len);
    T_EQ(world_stats(scene.world).dropped_stun_auth, 1);
    uint8_t dtls[] = {22, 254, 253, 0, 0}, rtp[] = {0x80, 111, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0};
    sfu_engine_on_datagram(scene.world->engine, scene.world->now_us, &stranger, dtls, sizeof dtls);
    sfu_engine_on_datagram(scene.world->engine, scene.world->now_us, &stranger, rtp, sizeof rtp);
    T_EQ(world_stats(scene.world).dropped_unknown_path, 2);
    world_pump(scene.world);
    T_EQ(bob->stun_responses, responses);
    say(&scene, 30, NULL);
    T_EQ(bob->packet_count, 1);
    world_destroy(scene.world);
}

T_TEST(garbage_from_a_known_path_harms_nobody)
{
    struct scene scene = scene_make(MIC_SSRC, CAMERA_SSRC);
    uint64_t seed = 7;
    for (unsigned i = 0; i < 20000; i++) {
        uint8_t data[1600];
        size_t len = base_prng_next(&seed) % 300;
        for (size_t n = 0; n < len; n++)
            data[n] = (uint8_t)(base_prng_next(&seed) >> 40);
        if (len > 12 && i % 2 == 0) { /* as RTP or RTCP of a stream that exists */
            data[0] = (uint8_t)(0x80 | (data[0] & 0x3f));
            memcpy(data + 8, "\0\0\x11\x11", 4);
        }
        struct world_peer *from = i % 3 == 0 ? scene.bob : scene.alice;
        if (len > 0 && data[0] >= 20 && data[0] <= 63)
            data[0] = 1; /* DTLS alerts in the clear could end the association: another test's matter */
        sfu_engine_on_datagram(scene.world->engine, scene.world->now_us, &from->path, data, len);
        world_pump(scene.world);
    }
    T_EQ(world_stats(scene.world).rtp_forwarded, 0);
    say(&scene, 30, NULL);
    show(&scene, true);
    T_EQ(scene.bob->packet_count, 2);
    world_destroy(scene.world);
}

T_TEST(who_speaks_is_told)
{
    struct scene scene = scene_make(MIC_SSRC, CAMERA_SSRC);
    for (unsigned i = 0; i < 150; i++) {
        say(&scene, 20, NULL);
        world_advance(scene.world, 20000);
    }
    T_CHECK(world_event_count(scene.world, SFU_EVENT_SPEAKER) >= 1);
    const struct sfu_event *event = world_event(scene.world, SFU_EVENT_SPEAKER, 0);
    T_EQ(event->participant_id, ALICE);
    T_EQ(event->recent_count, 1);
    T_EQ(event->recent[0], ALICE);
    struct sfu_command command = {.kind = SFU_COMMAND_LEAVE, .room_id = ROOM, .participant_id = ALICE};
    sfu_engine_command(scene.world->engine, scene.world->now_us, &command);
    event = world_event(scene.world, SFU_EVENT_SPEAKER, 1);
    T_CHECK(event != NULL);
    T_EQ(event->participant_id, 0);
    world_destroy(scene.world);
}

T_TEST(leaving_takes_the_tracks_along)
{
    struct scene scene = scene_make(MIC_SSRC, CAMERA_SSRC);
    show(&scene, true);
    struct sfu_command command = {.kind = SFU_COMMAND_LEAVE, .room_id = ROOM, .participant_id = ALICE};
    sfu_engine_command(scene.world->engine, scene.world->now_us, &command);
    world_pump(scene.world); /* both sides say goodbye */
    uint64_t before = world_stats(scene.world).dropped_unknown_path;
    show(&scene, false);
    T_EQ(world_stats(scene.world).dropped_unknown_path, before + 1);
    T_EQ(world_stats(scene.world).up_tracks, 0);
    command.participant_id = BOB;
    sfu_engine_command(scene.world->engine, scene.world->now_us, &command);
    T_EQ(world_stats(scene.world).down_tracks, 0);
    T_EQ(world_stats(scene.world).transports_connected, 0);
    world_destroy(scene.world);
}

T_MAIN(T_CASE(transports_connect), T_CASE(audio_arrives_rewritten), T_CASE(ssrc_is_learned_by_mid),
       T_CASE(a_forged_packet_teaches_nothing), T_CASE(video_starts_at_a_key_frame),
       T_CASE(late_joiner_costs_one_request), T_CASE(requests_are_throttled_and_repeated),
       T_CASE(mute_is_enforced_and_leaves_no_gap), T_CASE(packets_of_a_frame_get_one_size),
       T_CASE(padding_is_stripped_and_padding_only_closes_the_gap), T_CASE(renegotiation_keeps_the_stream),
       T_CASE(another_ssrc_goes_on_in_the_same_stream), T_CASE(an_ssrc_that_comes_back_continues_its_numbers),
       T_CASE(lost_consent_stops_and_restart_resumes), T_CASE(a_replaced_transport_starts_afresh),
       T_CASE(wrong_fingerprint_fails), T_CASE(strangers_are_counted_and_leave_nothing),
       T_CASE(garbage_from_a_known_path_harms_nobody), T_CASE(who_speaks_is_told),
       T_CASE(leaving_takes_the_tracks_along))
