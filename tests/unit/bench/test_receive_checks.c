/* SPDX-License-Identifier: Apache-2.0 */
/* What a server could do to a stream without losing a packet of it: a receiver must find it out. */
#include <stdlib.h>

#include "base/bytes.h"
#include "bench/client/receive_stream.h"
#include "bench/client/send_stream.h"
#include "tests/support/test.h"

#define PACKETS_MAX 8192

struct packet {
    uint8_t bytes[1500];
    size_t len;
    uint64_t sent_us;
};

static struct packet sent[PACKETS_MAX];
static unsigned sent_count;
static uint64_t clock_us;

static void collect(void *user, const struct bench_rtp_out *packet)
{
    (void)user;
    if (sent_count == PACKETS_MAX)
        return;
    struct packet *slot = &sent[sent_count++];
    memcpy(slot->bytes, packet->header, packet->header_bytes);
    memcpy(slot->bytes + packet->header_bytes, packet->payload, packet->payload_bytes);
    slot->len = packet->header_bytes + packet->payload_bytes;
    slot->sent_us = clock_us;
}

/* Fills `sent` with `seconds` of stream 2 of publisher 9; pauses in the third second if `pauses`. */
static void send_for(bool video, unsigned seconds, bool pauses)
{
    const struct bench_send_config config = {.video = video,
                                             .publisher = 9,
                                             .stream = 2,
                                             .ssrc = 100,
                                             .payload_type = video ? 96 : 111,
                                             .first_seq = 65000,
                                             .first_timestamp_ts = 0xFFFFFF00u,
                                             .bitrate_bps = 300000,
                                             .fps = 25,
                                             .start_us = 1000};
    struct bench_send_stream *stream = NULL;
    sent_count = 0;
    if (bench_send_stream_create(&stream, &config, collect, NULL) != 0)
        abort();
    for (clock_us = 1000; clock_us < seconds * UINT64_C(1000000); clock_us += 5000) {
        if (pauses && clock_us == 2001000)
            bench_send_stream_pause(stream, true, clock_us);
        if (pauses && clock_us == 4001000)
            bench_send_stream_pause(stream, false, clock_us);
        bench_send_stream_poll(stream, clock_us);
    }
    bench_send_stream_destroy(stream);
}

static struct bench_receive_counters receive(bool video, uint32_t expected_stream)
{
    const struct bench_receive_config config = {.video = video, .ssrc = 100, .publisher = 9, .stream = expected_stream};
    struct bench_receive_stream *stream = NULL;
    if (bench_receive_stream_create(&stream, &config) != 0)
        abort();
    for (unsigned i = 0; i < sent_count; i++) {
        struct sfu_rtp_header header;
        if (sfu_rtp_parse(sent[i].bytes, sent[i].len, &header) != 0)
            abort();
        bench_receive_stream_on_packet(stream, sent[i].sent_us + 2000, sent[i].sent_us + 2000, sent[i].bytes,
                                       sent[i].len, &header, false);
    }
    struct bench_receive_counters counters = *bench_receive_stream_counters(stream);
    bench_receive_stream_destroy(stream);
    return counters;
}

static uint32_t timestamp_of(const struct packet *packet)
{
    return base_get_be32(packet->bytes + 4);
}

/* Puts what stands behind the first `header` bytes of one packet into another. */
static void copy_payload(struct packet *to, const struct packet *from)
{
    struct sfu_rtp_header header;
    if (sfu_rtp_parse(from->bytes, from->len, &header) != 0)
        abort();
    memcpy(to->bytes + header.header_bytes, from->bytes + header.header_bytes, from->len - header.header_bytes);
    to->len = from->len;
}

T_TEST(the_truth_has_no_errors)
{
    for (int video = 0; video < 2; video++) {
        send_for(video, 6, true);
        struct bench_receive_counters counters = receive(video, 2);
        T_EQ(counters.packets, sent_count);
        T_EQ(bench_receive_errors(&counters), 0);
    }
}

T_TEST(packets_that_change_places)
{
    send_for(false, 3, false);
    struct packet was = sent[60];
    copy_payload(&sent[60], &sent[61]);
    copy_payload(&sent[61], &was);
    struct bench_receive_counters counters = receive(false, 2);
    T_EQ(counters.packets, sent_count);
    T_EQ(counters.err_order, 1);
    T_EQ(bench_receive_errors(&counters), 1);
}

T_TEST(another_source_of_the_same_person)
{
    send_for(true, 1, false);
    struct bench_receive_counters counters = receive(true, 1);
    T_EQ(counters.packets, 0);
    T_EQ(counters.err_publisher, sent_count);
}

/* Older than the window of serials, under a number of now. */
T_TEST(something_from_long_ago)
{
    send_for(true, 120, false);
    T_CHECK(sent_count > 4000);
    copy_payload(&sent[4000], &sent[100]);
    struct bench_receive_counters counters = receive(true, 2);
    T_EQ(counters.packets, sent_count - 1);
    T_EQ(counters.late, 0);
    T_EQ(counters.err_duplicate, 1);
}

T_TEST(rtp_time_at_another_speed)
{
    for (int video = 0; video < 2; video++)
        for (int speed = 1; speed <= 4; speed++) { /* in halves: 2 is right */
            send_for(video, 5, false);
            uint32_t first_ts = timestamp_of(&sent[0]);
            for (unsigned i = 0; i < sent_count; i++)
                base_put_be32(sent[i].bytes + 4, first_ts + (timestamp_of(&sent[i]) - first_ts) / 2 * (uint32_t)speed);
            T_EQ(receive(video, 2).err_timestamp > 0, speed != 2);
        }
}

/* A server starts a source anew where it thinks that time has come to: some hundred milliseconds off are no lie. */
T_TEST(a_shift_of_rtp_time_is_allowed)
{
    send_for(false, 5, false);
    for (unsigned i = 100; i < sent_count; i++)
        base_put_be32(sent[i].bytes + 4, timestamp_of(&sent[i]) + 48000 / 2);
    T_EQ(receive(false, 2).err_timestamp, 0);
    for (unsigned i = 150; i < sent_count; i++)
        base_put_be32(sent[i].bytes + 4, timestamp_of(&sent[i]) + 48000);
    T_EQ(receive(false, 2).err_timestamp, sent_count - 150);
}

T_MAIN(T_CASE(the_truth_has_no_errors), T_CASE(packets_that_change_places), T_CASE(another_source_of_the_same_person),
       T_CASE(something_from_long_ago), T_CASE(rtp_time_at_another_speed), T_CASE(a_shift_of_rtp_time_is_allowed))
