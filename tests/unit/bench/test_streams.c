/* SPDX-License-Identifier: Apache-2.0 */
/* A sender and a receiver back to back: what gets through, and that the receiver notices each kind of lie. */
#include <stdlib.h>

#include "base/bytes.h"
#include "bench/client/receive_stream.h"
#include "bench/client/send_stream.h"
#include "bench/client/stamp.h"
#include "tests/support/test.h"

#define PACKETS_MAX 4096

struct packet {
    uint8_t bytes[1500];
    size_t len;
    bool rtx;
};

/* Everything that was sent, in order. */
static struct packet sent[PACKETS_MAX];
static unsigned sent_count;

static void collect(void *user, const struct bench_rtp_out *packet)
{
    (void)user;
    struct packet *slot = &sent[sent_count++];
    memcpy(slot->bytes, packet->header, packet->header_bytes);
    memcpy(slot->bytes + packet->header_bytes, packet->payload, packet->payload_bytes);
    slot->len = packet->header_bytes + packet->payload_bytes;
    slot->rtx = packet->retransmission;
}

static struct bench_send_stream *sender(bool video)
{
    struct bench_send_config config = {.video = video,
                                       .publisher = 9,
                                       .ssrc = 100,
                                       .rtx_ssrc = video ? 101 : 0,
                                       .payload_type = video ? 96 : 111,
                                       .rtx_payload_type = video ? 97 : 0,
                                       .first_seq = 65530,
                                       .first_picture_id = 0x7FFE,
                                       .temporal_fields = true,
                                       .bitrate_bps = 1000000,
                                       .fps = 25,
                                       .start_us = 1000};
    struct bench_send_stream *stream = NULL;
    sent_count = 0;
    bench_send_stream_create(&stream, &config, collect, NULL);
    return stream;
}

static struct bench_receive_stream *receiver(bool video)
{
    struct bench_receive_config config = {.video = video, .ssrc = 100, .rtx_ssrc = 101, .nack = video, .publisher = 9};
    struct bench_receive_stream *stream = NULL;
    bench_receive_stream_create(&stream, &config);
    return stream;
}

static void deliver(struct bench_receive_stream *stream, uint64_t now_us, const struct packet *packet)
{
    struct sfu_rtp_header header;
    if (sfu_rtp_parse(packet->bytes, packet->len, &header) == 0)
        bench_receive_stream_on_packet(stream, now_us, now_us, packet->bytes, packet->len, &header, packet->rtx);
}

T_TEST(all_arrives_across_every_wrap)
{
    struct bench_send_stream *from = sender(true);
    struct bench_receive_stream *to = receiver(true);
    for (uint64_t now_us = 1000; now_us < 2000000; now_us += 5000) {
        unsigned before = sent_count;
        bench_send_stream_poll(from, now_us);
        for (unsigned i = before; i < sent_count; i++)
            deliver(to, now_us + 3000, &sent[i]);
    }
    const struct bench_receive_counters *counters = bench_receive_stream_counters(to);
    T_EQ(counters->frames_decoded, 50);
    T_EQ(counters->key_frames_decoded, 1);
    T_EQ(counters->packets, sent_count);
    T_EQ(bench_receive_errors(counters), 0);
    T_EQ(counters->serial_jumps + counters->freezes + counters->frames_skipped, 0);
    T_EQ(bench_receive_stream_delay(to)->max, 3000);
    /* five to six packets a frame of 5,000 bytes, almost equal, the smaller ones first */
    unsigned first = sent_count - 5;
    T_CHECK(sent[first].len <= sent[first + 4].len && sent[first + 4].len - sent[first].len <= 1);
    bench_send_stream_destroy(from);
    bench_receive_stream_destroy(to);
}

T_TEST(loss_is_asked_for_and_repaired)
{
    struct bench_send_stream *from = sender(true);
    struct bench_receive_stream *to = receiver(true);
    unsigned lost = 0;
    for (uint64_t now_us = 1000; now_us < 2000000; now_us += 5000) {
        unsigned before = sent_count;
        bench_send_stream_poll(from, now_us);
        for (unsigned i = before; i < sent_count; i++)
            if (i % 10 != 7)
                deliver(to, now_us, &sent[i]);
            else
                lost++;
        uint16_t seqs[32];
        bool key_frame;
        size_t count = bench_receive_stream_poll(to, now_us, seqs, 32, &key_frame);
        T_CHECK(!key_frame);
        before = sent_count;
        for (size_t i = 0; i < count; i++)
            bench_send_stream_on_nack(from, now_us, seqs[i], 1000);
        for (unsigned i = before; i < sent_count; i++)
            deliver(to, now_us, &sent[i]);
    }
    const struct bench_receive_counters *counters = bench_receive_stream_counters(to);
    T_CHECK(lost > 20);
    T_CHECK(counters->rtx_packets >= lost - 5);
    T_CHECK(counters->frames_decoded >= 48);
    T_EQ(counters->frames_skipped, 0);
    T_EQ(bench_receive_errors(counters), 0);
    bench_send_stream_destroy(from);
    bench_receive_stream_destroy(to);
}

T_TEST(without_repair_it_asks_for_a_key_frame)
{
    struct bench_send_stream *from = sender(true);
    struct bench_receive_stream *to = receiver(true);
    unsigned requests = 0;
    uint64_t decoded = 0;
    for (uint64_t now_us = 1000; now_us < 6000000; now_us += 5000) {
        unsigned before = sent_count;
        bench_send_stream_poll(from, now_us);
        for (unsigned i = before; i < sent_count; i++)
            if (i != 20)
                deliver(to, now_us, &sent[i]);
        if (sent_count > PACKETS_MAX - 100)
            break;
        uint16_t seqs[32];
        bool key_frame;
        bench_receive_stream_poll(to, now_us, seqs, 32, &key_frame);
        if (key_frame && ++requests == 1) {
            bench_send_stream_on_key_frame_request(from);
            decoded = bench_receive_stream_counters(to)->frames_decoded;
        }
    }
    const struct bench_receive_counters *counters = bench_receive_stream_counters(to);
    T_CHECK(requests >= 1);
    T_CHECK(counters->frames_decoded > decoded + 10);
    T_EQ(counters->key_frames_decoded, 2);
    T_CHECK(counters->frames_skipped > 5);
    T_EQ(bench_receive_errors(counters), 0);
    bench_send_stream_destroy(from);
    bench_receive_stream_destroy(to);
}

/* Sends two seconds of video through `lie`, which may change a packet or drop it (false). */
static struct bench_receive_counters told_by(bool (*lie)(unsigned index, struct packet *packet))
{
    struct bench_send_stream *from = sender(true);
    struct bench_receive_stream *to = receiver(true);
    for (uint64_t now_us = 1000; now_us < 2000000; now_us += 5000) {
        unsigned before = sent_count;
        bench_send_stream_poll(from, now_us);
        for (unsigned i = before; i < sent_count; i++) {
            struct packet copy = sent[i];
            if (lie(i, &copy))
                deliver(to, now_us, &copy);
        }
    }
    struct bench_receive_counters counters = *bench_receive_stream_counters(to);
    bench_send_stream_destroy(from);
    bench_receive_stream_destroy(to);
    return counters;
}

static bool damage(unsigned index, struct packet *packet)
{
    if (index == 50)
        packet->bytes[packet->len - 3] ^= 4;
    return true;
}

static void renumber(struct packet *packet, int by)
{
    base_put_be16(packet->bytes + 2, (uint16_t)(base_get_be16(packet->bytes + 2) + by));
}

/* The whole second frame (of 5 packets after a key frame of 14) is left out, and the numbers hide it. */
static bool hide_a_frame(unsigned index, struct packet *packet)
{
    static uint32_t first_timestamp;
    struct sfu_rtp_header header;
    (void)sfu_rtp_parse(packet->bytes, packet->len, &header);
    if (index == 0)
        first_timestamp = header.timestamp_ts;
    uint32_t frame = (header.timestamp_ts - first_timestamp) / 3600;
    if (frame == 3)
        return false;
    if (frame > 3)
        renumber(packet, -5);
    return true;
}

static bool repeat_under_new_number(unsigned index, struct packet *packet)
{
    if (index == 41)
        *packet = sent[40];
    if (index == 41)
        renumber(packet, 1);
    return true;
}

static bool stop_the_clock(unsigned index, struct packet *packet)
{
    if (index > 100)
        base_put_be32(packet->bytes + 4, 5);
    return true;
}

T_TEST(lies_are_found_out)
{
    T_EQ(told_by(damage).err_checksum, 1);
    struct bench_receive_counters hidden = told_by(hide_a_frame);
    T_EQ(hidden.err_reference, 1);
    T_CHECK(hidden.serial_jumps >= 1);
    T_EQ(told_by(repeat_under_new_number).err_duplicate, 1);
    T_CHECK(told_by(stop_the_clock).err_timestamp > 0);
}

T_TEST(audio_counts_what_is_missing)
{
    struct bench_send_stream *from = sender(false);
    struct bench_receive_stream *to = receiver(false);
    for (uint64_t now_us = 1000; now_us < 1001000; now_us += 5000) {
        unsigned before = sent_count;
        bench_send_stream_poll(from, now_us);
        for (unsigned i = before; i < sent_count; i++)
            if (i % 10 != 3)
                deliver(to, now_us, &sent[i]);
    }
    const struct bench_receive_counters *counters = bench_receive_stream_counters(to);
    T_EQ(sent_count, 50);
    T_EQ(counters->packets, 45);
    T_EQ(counters->last_stamp_frame, 49);
    T_EQ(counters->serial_jumps, 0);
    T_EQ(bench_receive_errors(counters), 0);
    struct sfu_rtcp_report_block block;
    T_CHECK(bench_receive_stream_report(to, 1001000, &block));
    T_EQ(block.cumulative_lost, 5);
    bench_send_stream_destroy(from);
    bench_receive_stream_destroy(to);
}

T_TEST(key_frames_at_most_every_300_ms)
{
    struct bench_send_stream *from = sender(true);
    for (uint64_t now_us = 1000; now_us < 2000000; now_us += 5000) {
        bench_send_stream_on_key_frame_request(from);
        bench_send_stream_poll(from, now_us);
    }
    T_CHECK(bench_send_stream_counters(from)->key_frames >= 6);
    T_CHECK(bench_send_stream_counters(from)->key_frames <= 7);
    bench_send_stream_destroy(from);
}

T_MAIN(T_CASE(all_arrives_across_every_wrap), T_CASE(loss_is_asked_for_and_repaired),
       T_CASE(without_repair_it_asks_for_a_key_frame), T_CASE(lies_are_found_out), T_CASE(audio_counts_what_is_missing),
       T_CASE(key_frames_at_most_every_300_ms))
