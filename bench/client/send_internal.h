/* SPDX-License-Identifier: Apache-2.0 */
/**
 * send_internal.h - what the files of send_stream have in common: send_stream.c (when), send_packet.c (what).
 */
#ifndef CONSILIUM_BENCH_CLIENT_SEND_INTERNAL_H
#define CONSILIUM_BENCH_CLIENT_SEND_INTERNAL_H

#include "bench/client/send_stream.h"

#define BENCH_SEND_PAYLOAD_MAX 1280u

/** All that is needed to build one packet, again and again the same: the bytes themselves lie in the clip. */
struct bench_sent_packet {
    uint64_t ext_seq; /* 0: none (the first number sent is at least 1) */
    uint64_t send_us, resent_us;
    const uint8_t *data; /* of the codec; NULL: filler */
    uint32_t data_bytes;
    uint32_t timestamp_ts;
    uint32_t frame, serial, content;
    uint16_t packet, packet_count, run;
    uint16_t picture_id;
    uint16_t width, height; /* of a key frame's first packet; else 0 */
    uint8_t tl0_pic_idx;
    bool key_frame, voice;
};

/** A frame that is being sent. */
struct bench_frame_out {
    struct bench_sent_packet next; /* .data, .packet move on */
    uint32_t small, larger_from;   /* packets from number `larger_from` on are a byte longer */
    uint64_t start_us;
    uint32_t step_us; /* between its packets; 0: all at once */
};

struct bench_send_stream {
    struct bench_send_config config;
    struct bench_send_counters counters;
    bench_rtp_out_fn send;
    void *user;
    struct bench_sent_packet *cache; /* NULL: nothing is ever sent again */
    struct bench_frame_out out;      /* while out.next.packet < out.next.packet_count */
    uint64_t next_seq, next_rtx_seq;
    uint64_t next_frame_us;
    uint32_t interval_us;
    uint32_t content; /* next frame of the clip */
    uint16_t picture_id;
    uint16_t run;
    uint8_t tl0_pic_idx;
    bool paused, want_key_frame;
    uint8_t level;
    bool voice;
    bool sent_any;
};

/** Splits `bytes` of the codec into packets as libwebrtc does: fills packet_count, small, larger_from. */
void bench_frame_out_split(const struct bench_send_stream *stream, struct bench_frame_out *out, uint32_t bytes);
/** Builds and sends; `retransmission`: on the RTX stream, in front the original number (RFC 4588 section 4). */
void bench_sent_packet_send(struct bench_send_stream *stream, const struct bench_sent_packet *packet,
                            bool retransmission);

#endif
