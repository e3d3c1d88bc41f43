/* SPDX-License-Identifier: Apache-2.0 */
/**
 * lying_server_streams.h - what the lying server remembers of each stream that it sends: the numbers that went out,
 * packets held back, payloads that can be said again. One table a worker thread, so no lock. Allocates freely: it is a
 * test's server.
 */
#ifndef CONSILIUM_TESTS_SUPPORT_LYING_SERVER_STREAMS_H
#define CONSILIUM_TESTS_SUPPORT_LYING_SERVER_STREAMS_H

#include <stddef.h>

#include "sfu/transport/transport.h"
#include "tests/support/lying_server.h"

#define LIE_STREAMS_MAX  512
#define LIE_HEADER_MAX   64
#define LIE_PAYLOAD_MAX  SFU_RTP_PACKET_MAX_BYTES
#define LIE_NUMBERS      2048 /**< numbers remembered of a stream; a power of two */
#define LIE_TAPE_PACKETS 96

/** A packet as sfu_transport_send_rtp() gets it, in memory of its own. */
struct lie_packet {
    uint8_t header[LIE_HEADER_MAX];
    uint8_t payload[LIE_PAYLOAD_MAX];
    size_t header_bytes, payload_bytes, pad_bytes;
    uint64_t ext_seq;
    uint32_t ssrc;
};

struct lie_held {
    struct lie_held *next;
    uint64_t due_us;
    struct lie_packet packet;
};

enum lie_fate { LIE_NEVER_SENT, LIE_SENT, LIE_GONE /**< NACKs for it are not answered */ };

struct lie_stream {
    struct sfu_transport *transport;
    uint32_t ssrc;
    struct lie_subject subject;
    bool video;
    uint64_t first_us; /**< its first packet */
    uint64_t random;
    int64_t shift; /**< number that goes out - number that the server gave */
    struct {
        uint64_t out;
        uint16_t source;
        enum lie_fate fate;
    } numbers[LIE_NUMBERS];
    struct lie_held *held, **held_end; /**< in order; `due_us` */
    struct lie_held *behind;           /**< goes after the next packet */
    bool shuffled;                     /**< or rather before it, with its payload */
    bool has_time;
    uint32_t first_timestamp_ts;
    struct {
        uint8_t *payload;
        size_t bytes;
        bool marker;
    } tape[LIE_TAPE_PACKETS];
    unsigned tape_count, tape_at;
};

/** The stream of this SSRC to this transport; a new one has only these two set. NULL: none, or no place. */
struct lie_stream *lie_stream_of(struct sfu_transport *transport, uint32_t ssrc, bool make);
/** By receiver, for NACKs. */
struct lie_stream *lie_stream_to(uint64_t to, uint32_t ssrc);
/** The i-th entry of this thread's table (i < LIE_STREAMS_MAX), or NULL. */
struct lie_stream *lie_stream_at(unsigned i);
/** The transport ends: forgets its streams and what is held for them. */
void lie_streams_forget(const struct sfu_transport *transport);
/** 0..1, of the stream's own sequence. */
double lie_stream_random(struct lie_stream *stream);

/** Sends it now; returns bytes on the wire, 0 on failure. */
size_t lie_packet_send(struct sfu_transport *transport, struct lie_packet *packet);
/** Gives it this number. */
void lie_packet_number(struct lie_packet *packet, uint64_t ext_seq);

#endif
