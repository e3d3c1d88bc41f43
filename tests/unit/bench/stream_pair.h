/* SPDX-License-Identifier: Apache-2.0 */
/**
 * stream_pair.h - what the tests of the bench's streams share: packets as they were sent, kept in order, and handed on
 * to a receiver by the test. One test program, one thread; everything is static.
 */
#ifndef CONSILIUM_TESTS_UNIT_BENCH_STREAM_PAIR_H
#define CONSILIUM_TESTS_UNIT_BENCH_STREAM_PAIR_H

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "bench/client/receive_stream.h"
#include "bench/client/send_stream.h"
#include "bench/client/stamp.h"

#define PAIR_PACKETS_MAX 16384

struct pair_packet {
    uint8_t bytes[1500];
    size_t len;
    bool rtx;
    uint64_t at_us;
};

static struct pair_packet pair_sent[PAIR_PACKETS_MAX];
static unsigned pair_sent_count;
static uint64_t pair_now_us; /* set by the test while it polls */

static inline void pair_collect(void *user, const struct bench_rtp_out *packet)
{
    (void)user;
    if (pair_sent_count == PAIR_PACKETS_MAX)
        abort();
    struct pair_packet *slot = &pair_sent[pair_sent_count++];
    memcpy(slot->bytes, packet->header, packet->header_bytes);
    memcpy(slot->bytes + packet->header_bytes, packet->payload, packet->payload_bytes);
    slot->len = packet->header_bytes + packet->payload_bytes;
    slot->rtx = packet->retransmission;
    slot->at_us = pair_now_us;
}

/** The stream's own choices on top of what all have: publisher 9, SSRC 100, RTX 101 for video, beginning at 1 ms. */
static inline struct bench_send_stream *pair_sender(struct bench_send_config config)
{
    config.publisher = 9;
    if (config.ssrc == 0)
        config.ssrc = 100;
    config.rtx_ssrc = config.video ? config.ssrc + 1 : 0;
    config.payload_type = config.video ? 96 : 111;
    config.rtx_payload_type = config.video ? 97 : 0;
    config.start_us = 1000;
    if (config.video && config.fps == 0)
        config.fps = 25;
    struct bench_send_stream *stream = NULL;
    if (bench_send_stream_create(&stream, &config, pair_collect, NULL) != 0)
        abort();
    return stream;
}

static inline struct bench_receive_stream *pair_receiver(struct bench_receive_config config)
{
    config.publisher = 9;
    config.ssrc = 100;
    config.rtx_ssrc = 101;
    struct bench_receive_stream *stream = NULL;
    if (bench_receive_stream_create(&stream, &config) != 0)
        abort();
    return stream;
}

/** Sends up to `until_us`, each packet at its deadline. */
static inline void pair_send_until(struct bench_send_stream *stream, uint64_t until_us)
{
    while (bench_send_stream_deadline_us(stream) <= until_us) {
        pair_now_us = bench_send_stream_deadline_us(stream);
        bench_send_stream_poll(stream, pair_now_us);
    }
    pair_now_us = until_us;
}

static inline void pair_deliver(struct bench_receive_stream *stream, uint64_t now_us, const struct pair_packet *packet)
{
    struct sfu_rtp_header header;
    if (sfu_rtp_parse(packet->bytes, packet->len, &header) != 0)
        abort();
    bench_receive_stream_on_packet(stream, now_us, now_us, packet->bytes, packet->len, &header, packet->rtx);
}

/** All packets from number `from` on, `delay_us` after they were sent. */
static inline void pair_deliver_from(struct bench_receive_stream *stream, unsigned from, uint64_t delay_us)
{
    for (unsigned i = from; i < pair_sent_count; i++)
        pair_deliver(stream, pair_sent[i].at_us + delay_us, &pair_sent[i]);
}

static inline uint16_t pair_seq(const struct pair_packet *packet)
{
    return base_get_be16(packet->bytes + 2);
}

static inline uint32_t pair_timestamp(const struct pair_packet *packet)
{
    return base_get_be32(packet->bytes + 4);
}

static inline bool pair_marker(const struct pair_packet *packet)
{
    return (packet->bytes[1] & 0x80) != 0;
}

/** The stamp; `skip`: bytes of payload descriptor. */
static inline struct bench_stamp pair_stamp(const struct pair_packet *packet, size_t skip)
{
    struct sfu_rtp_header header;
    struct bench_stamp stamp;
    if (sfu_rtp_parse(packet->bytes, packet->len, &header) != 0 ||
        bench_stamp_read(packet->bytes + header.header_bytes, packet->len - header.header_bytes, skip, &stamp) != 0)
        abort();
    return stamp;
}

#endif
