/* SPDX-License-Identifier: Apache-2.0 */
/* Real media through a sender and a receiver: what is decoded at the end is what was encoded, in VP8 and VP9, in a
 * burst or spread, repaired or whole; and sound with its silences. */
#include "bench/media/decode_check.h"
#include "tests/support/test.h"
#include "tests/unit/bench/stream_pair.h"

static struct bench_clip *make_video(enum bench_codec codec)
{
    const struct bench_clip_config config = {.codec = codec,
                                             .kind = BENCH_CLIP_CAMERA,
                                             .width = 320,
                                             .height = 180,
                                             .fps = 25,
                                             .bitrate_bps = 400000,
                                             .seconds = 3,
                                             .seed = 11};
    struct bench_clip *clip = NULL;
    if (bench_clip_create(&clip, &config) != 0)
        abort();
    return clip;
}

static struct bench_clip *make_sound(enum bench_clip_kind kind, bool dtx)
{
    const struct bench_clip_config config = {
        .codec = BENCH_OPUS, .kind = kind, .bitrate_bps = 32000, .seconds = 4, .dtx = dtx, .seed = 11};
    struct bench_clip *clip = NULL;
    if (bench_clip_create(&clip, &config) != 0)
        abort();
    return clip;
}

static void decode(void *user, unsigned layer, uint32_t content, const uint8_t *frame, size_t len)
{
    bench_decode_check_on_frame(user, layer, content, frame, len);
}

/* Ten seconds (the loop has three), every tenth packet lost and repaired, and a request for a key frame. */
static void check_video(int *t_failed, enum bench_codec codec, bool spread, bool temporal_fields)
{
    struct bench_clip *clip = make_video(codec);
    const struct bench_clip *clips[] = {clip};
    pair_sent_count = 0;
    struct bench_send_stream *from = pair_sender((struct bench_send_config){.video = true,
                                                                            .codec = codec,
                                                                            .clip = clip,
                                                                            .first_content = 17,
                                                                            .spread = spread,
                                                                            .temporal_fields = temporal_fields,
                                                                            .first_seq = 65500,
                                                                            .first_picture_id = 0x7FF0});
    struct bench_receive_stream *to =
        pair_receiver((struct bench_receive_config){.video = true, .codec = codec, .nack = true});
    struct bench_decode_check *check;
    T_EQ(bench_decode_check_create(&check, clips, 1), 0);
    T_EQ(bench_receive_stream_set_tap(to, decode, check), 0);
    T_EQ(bench_receive_stream_mark(to, 0, 0), 0);
    unsigned next = 0, lost = 0;
    for (uint64_t now_us = 1000; now_us < 10000000; now_us += 5000) {
        pair_send_until(from, now_us);
        for (; next < pair_sent_count; next++)
            if (!pair_sent[next].rtx && next % 10 == 7)
                lost++;
            else
                pair_deliver(to, now_us, &pair_sent[next]);
        uint16_t seqs[32];
        bool key_frame;
        size_t count = bench_receive_stream_poll(to, now_us, seqs, 32, &key_frame);
        for (size_t i = 0; i < count; i++)
            bench_send_stream_on_nack(from, now_us, seqs[i], 1000);
        if (now_us == 5001000)
            bench_send_stream_on_key_frame_request(from);
    }
    const struct bench_receive_counters *counters = bench_receive_stream_counters(to);
    const struct bench_decode_counters *decoded = bench_decode_check_counters(check);
    const struct bench_receive_since *since = bench_receive_stream_since(to);
    T_EQ(bench_receive_errors(counters), 0);
    T_CHECK(lost > 50 && counters->rtx_packets + 3 >= lost);
    T_EQ(counters->rtx_packets, since->repaired);
    /* a key frame may overtake a frame that waits for its repair */
    T_CHECK(counters->frames_decoded >= 245 && counters->frames_skipped <= 3);
    T_EQ(since->frames, counters->frames_decoded);
    T_EQ(decoded->frames, counters->frames_decoded);
    T_EQ(decoded->wrong + decoded->undecodable, 0);
    T_EQ(decoded->compared, decoded->frames);
    /* key frames: of the loop, at 0 and 2 s of each three, and the jump */
    T_CHECK(bench_send_stream_counters(from)->key_frames >= 7);
    bench_decode_check_destroy(check);
    bench_send_stream_destroy(from);
    bench_receive_stream_destroy(to);
    bench_clip_destroy(clip);
}

T_TEST(vp8_is_decoded_as_it_was_encoded)
{
    T_CALL(check_video(t_failed, BENCH_VP8, false, true));
    T_CALL(check_video(t_failed, BENCH_VP8, true, false));
}

T_TEST(vp9_is_decoded_as_it_was_encoded)
{
    T_CALL(check_video(t_failed, BENCH_VP9, false, false));
    T_CALL(check_video(t_failed, BENCH_VP9, true, true));
}

T_TEST(a_tap_set_later_begins_at_a_key_frame)
{
    struct bench_clip *clip = make_video(BENCH_VP8);
    const struct bench_clip *clips[] = {clip};
    pair_sent_count = 0;
    struct bench_send_stream *from = pair_sender((struct bench_send_config){.video = true, .clip = clip});
    struct bench_receive_stream *to = pair_receiver((struct bench_receive_config){.video = true});
    struct bench_decode_check *check;
    T_EQ(bench_decode_check_create(&check, clips, 1), 0);
    pair_send_until(from, 1010000);
    pair_deliver_from(to, 0, 100);
    T_EQ(bench_receive_stream_set_tap(to, decode, check), 0);
    unsigned sent = pair_sent_count;
    pair_send_until(from, 4010000);
    pair_deliver_from(to, sent, 100);
    const struct bench_decode_counters *decoded = bench_decode_check_counters(check);
    T_EQ(decoded->frames, 51); /* from the key frame at 2 s on */
    T_EQ(decoded->wrong + decoded->undecodable, 0);
    T_EQ(bench_receive_stream_set_tap(to, NULL, NULL), 0);
    pair_send_until(from, 4500000);
    pair_deliver_from(to, pair_sent_count - 5, 100);
    T_EQ(decoded->frames, 51);
    bench_decode_check_destroy(check);
    bench_send_stream_destroy(from);
    bench_receive_stream_destroy(to);
    bench_clip_destroy(clip);
}

T_TEST(a_request_jumps_to_the_next_key_frame)
{
    struct bench_clip *clip = make_video(BENCH_VP8);
    pair_sent_count = 0;
    struct bench_send_stream *from = pair_sender((struct bench_send_config){.video = true, .clip = clip});
    pair_send_until(from, 501000); /* contents 0..12 */
    const struct bench_send_counters *counters = bench_send_stream_counters(from);
    T_EQ(counters->frames, 13);
    bench_send_stream_on_key_frame_request(from);
    unsigned sent = pair_sent_count;
    pair_send_until(from, 521001);
    struct bench_stamp stamp = pair_stamp(&pair_sent[sent], 4);
    T_CHECK(stamp.key_frame);
    T_EQ(stamp.content, 50);
    T_EQ(stamp.frame, 13);                        /* captures go on */
    bench_send_stream_on_key_frame_request(from); /* within 300 ms: later */
    pair_send_until(from, 800000);
    T_EQ(counters->key_frames, 2);
    pair_send_until(from, 842000);
    T_EQ(counters->key_frames, 3);
    T_EQ(pair_stamp(&pair_sent[pair_sent_count - 1], 4).content, 0); /* round the loop */
    T_EQ(pair_stamp(&pair_sent[pair_sent_count - 1], 4).frame, 21);
    bench_send_stream_destroy(from);
    bench_clip_destroy(clip);
}

T_TEST(a_spread_frame_fills_its_interval)
{
    struct bench_clip *clip = make_video(BENCH_VP8);
    pair_sent_count = 0;
    struct bench_send_stream *from =
        pair_sender((struct bench_send_config){.video = true, .clip = clip, .spread = true, .payload_max_bytes = 400});
    pair_send_until(from, 1000000);
    unsigned packets = 0;
    for (unsigned i = 0; i < pair_sent_count; i++) {
        struct bench_stamp stamp = pair_stamp(&pair_sent[i], 4);
        uint64_t capture_us = 1000 + stamp.frame * 40000u, step_us = 40000u / stamp.packet_count;
        T_EQ(pair_sent[i].at_us, capture_us + stamp.packet * step_us);
        T_EQ(stamp.send_us, pair_sent[i].at_us);
        T_EQ(pair_timestamp(&pair_sent[i]), stamp.frame * 3600);
        T_EQ(pair_marker(&pair_sent[i]), stamp.packet + 1 == stamp.packet_count);
        packets += stamp.packet == 0 ? stamp.packet_count : 0;
        T_CHECK(pair_sent[i].len <= 12 + 400);
    }
    T_CHECK(packets > 100);
    /* Paused in the middle of a frame: it is finished, no other begins. Late: what is left goes at once. */
    uint64_t frames = bench_send_stream_counters(from)->frames;
    bench_send_stream_pause(from, true, 1000000);
    pair_send_until(from, 1500000);
    T_EQ(bench_send_stream_counters(from)->frames, frames);
    struct bench_stamp last = pair_stamp(&pair_sent[pair_sent_count - 1], 4);
    T_EQ(last.packet + 1, last.packet_count);
    bench_send_stream_pause(from, false, 1500000);
    unsigned sent = pair_sent_count;
    pair_send_until(from, 1521000);
    bench_send_stream_poll(from, 1561000); /* the next frame's time */
    T_EQ(pair_stamp(&pair_sent[sent], 4).run, 1);
    T_EQ(pair_stamp(&pair_sent[sent], 4).frame, 38);
    last = pair_stamp(&pair_sent[pair_sent_count - 1], 4);
    T_EQ(last.frame, 39);
    T_EQ(last.run, 2);
    bench_send_stream_destroy(from);
    bench_clip_destroy(clip);
}

/* In silence next to nothing leaves; RTP time and numbers are those of the slots whatever is said. */
T_TEST(silence_and_speech_share_one_clock)
{
    struct bench_clip *speech = make_sound(BENCH_CLIP_SPEECH, true), *silence = make_sound(BENCH_CLIP_SILENCE, true);
    const struct bench_clip *clips[] = {speech};
    struct bench_decode_check *check;
    T_EQ(bench_decode_check_create(&check, clips, 1), 0);
    pair_sent_count = 0;
    struct bench_send_config config = {.clip = silence, .first_seq = 65530, .first_timestamp_ts = 0xFFFFFF00};
    sfu_rtp_ext_map_set(&config.extensions, SFU_RTP_EXT_AUDIO_LEVEL, 10);
    struct bench_send_stream *from = pair_sender(config);
    struct bench_receive_stream *to = pair_receiver((struct bench_receive_config){.nack = false});
    T_EQ(bench_receive_stream_set_tap(to, decode, check), 0);
    pair_send_until(from, 2000000);
    unsigned quiet = pair_sent_count;
    T_CHECK(quiet >= 4 && quiet <= 8);
    bench_send_stream_set_clip(from, speech);
    pair_send_until(from, 4000000);
    T_CHECK(pair_sent_count - quiet > 85);
    T_EQ(pair_stamp(&pair_sent[quiet], 0).content, 0); /* from its beginning */
    bench_send_stream_set_clip(from, silence);
    pair_send_until(from, 6000000);
    unsigned voice = 0;
    for (unsigned i = 0; i < pair_sent_count; i++) {
        struct bench_stamp stamp = pair_stamp(&pair_sent[i], 0);
        T_EQ(pair_seq(&pair_sent[i]), (uint16_t)(65530 + i));
        T_EQ(pair_timestamp(&pair_sent[i]), 0xFFFFFF00u + stamp.frame * 960);
        T_EQ(stamp.serial, i);
        T_EQ(pair_marker(&pair_sent[i]), stamp.run == 1);
        voice += stamp.voice;
        struct sfu_rtp_header header;
        struct sfu_rtp_ext_values values;
        T_EQ(sfu_rtp_parse(pair_sent[i].bytes, pair_sent[i].len, &header), 0);
        T_EQ(sfu_rtp_ext_read(pair_sent[i].bytes, &header, &config.extensions, &values), 0);
        T_EQ(values.audio_voice, stamp.voice);
        T_CHECK(stamp.voice || values.audio_level > 40);
    }
    T_CHECK(voice > 80);
    T_EQ(bench_send_stream_counters(from)->captures, 300);
    pair_deliver_from(to, 0, 2000);
    const struct bench_receive_counters *counters = bench_receive_stream_counters(to);
    T_EQ(counters->packets, pair_sent_count);
    T_EQ(bench_receive_errors(counters) + counters->freezes + counters->serial_jumps, 0);
    T_EQ(bench_decode_check_counters(check)->frames, pair_sent_count);
    T_EQ(bench_decode_check_counters(check)->undecodable, 0);
    bench_decode_check_destroy(check);
    bench_send_stream_destroy(from);
    bench_receive_stream_destroy(to);
    bench_clip_destroy(speech);
    bench_clip_destroy(silence);
}

T_TEST(rid_and_repaired_rid)
{
    pair_sent_count = 0;
    struct bench_send_config config = {.video = true, .bitrate_bps = 300000, .layer = 1, .mid = "1", .rid = "h"};
    sfu_rtp_ext_map_set(&config.extensions, SFU_RTP_EXT_MID, 4);
    sfu_rtp_ext_map_set(&config.extensions, SFU_RTP_EXT_RID, 10);
    sfu_rtp_ext_map_set(&config.extensions, SFU_RTP_EXT_RRID, 11);
    struct bench_send_stream *from = pair_sender(config);
    pair_send_until(from, 50000);
    bench_send_stream_on_nack(from, 60000, pair_seq(&pair_sent[0]), 1000);
    for (unsigned i = 0; i < pair_sent_count; i++) {
        struct sfu_rtp_header header;
        struct sfu_rtp_ext_values values;
        T_EQ(sfu_rtp_parse(pair_sent[i].bytes, pair_sent[i].len, &header), 0);
        T_EQ(sfu_rtp_ext_read(pair_sent[i].bytes, &header, &config.extensions, &values), 0);
        T_STR_EQ(values.mid, "1");
        T_STR_EQ(pair_sent[i].rtx ? values.rrid : values.rid, "h");
        T_STR_EQ(pair_sent[i].rtx ? values.rid : values.rrid, "");
    }
    T_CHECK(pair_sent[pair_sent_count - 1].rtx);
    /* the same bytes again, behind the original number */
    size_t bytes = pair_sent[0].len - 12;
    T_EQ(pair_sent[pair_sent_count - 1].len, pair_sent[0].len + 2);
    T_CHECK(memcmp(pair_sent[pair_sent_count - 1].bytes + pair_sent[0].len + 2 - bytes / 2,
                   pair_sent[0].bytes + pair_sent[0].len - bytes / 2, bytes / 2) == 0);
    T_EQ(pair_stamp(&pair_sent[0], 4).layer, 1);
    bench_send_stream_destroy(from);
}

T_TEST(refuses_another_codecs_clip)
{
    struct bench_clip *speech = make_sound(BENCH_CLIP_SPEECH, false);
    struct bench_send_config config = {.video = true, .fps = 25, .bitrate_bps = 300000, .clip = speech};
    struct bench_send_stream *stream;
    T_CHECK(bench_send_stream_create(&stream, &config, pair_collect, NULL) != 0 && stream == NULL);
    config.clip = NULL;
    config.layer = 3;
    T_CHECK(bench_send_stream_create(&stream, &config, pair_collect, NULL) != 0 && stream == NULL);
    bench_clip_destroy(speech);
}

T_MAIN(T_CASE(vp8_is_decoded_as_it_was_encoded), T_CASE(vp9_is_decoded_as_it_was_encoded),
       T_CASE(a_tap_set_later_begins_at_a_key_frame), T_CASE(a_request_jumps_to_the_next_key_frame),
       T_CASE(a_spread_frame_fills_its_interval), T_CASE(silence_and_speech_share_one_clock),
       T_CASE(rid_and_repaired_rid), T_CASE(refuses_another_codecs_clip))
