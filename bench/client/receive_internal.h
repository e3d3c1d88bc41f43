/* SPDX-License-Identifier: Apache-2.0 */
/**
 * receive_internal.h - what the files of receive_stream have in common: receive_stream.c (arrival, requests),
 * receive_frames.c (assembling, decoding order, freezes, tap), receive_account.c (serials, marks, gaps in speech),
 * receive_checks.c (numbers and times against stamps).
 */
#ifndef CONSILIUM_BENCH_CLIENT_RECEIVE_INTERNAL_H
#define CONSILIUM_BENCH_CLIENT_RECEIVE_INTERNAL_H

#include "bench/client/receive_stream.h"
#include "bench/client/stamp.h"
#include "sfu/media/nack_tracker.h"
#include "sfu/media/seq_unwrap.h"

#define BENCH_SERIAL_WINDOW 2048u /* a power of two; how far back a repeated packet is recognised */
#define BENCH_TAP_BYTES     1456u /* of one packet */

enum {
    BENCH_SLOT_PRESENT = 1,
    BENCH_SLOT_ASKED = 2,  /* not here yet, and a NACK was sent */
    BENCH_SLOT_FILLER = 4, /* no payload: takes a number, means nothing */
    BENCH_SLOT_START = 8,
    BENCH_SLOT_KEY = 16,
    BENCH_SLOT_MARKER = 32,
};

/** What is kept of a packet for assembling frames: all but its bytes. */
struct bench_receive_slot {
    uint32_t seq; /* low half of the extended number */
    uint32_t timestamp_ts;
    uint32_t frame, serial, content;
    uint32_t sent_us; /* low half of the stamp's send time */
    uint16_t picture_id;
    uint16_t run;
    uint8_t layer;
    uint8_t flags;
};

/** The packets of one layer that were here, by serial. */
struct bench_serials {
    struct bench_receive_layer known;
    bool marked;
    uint32_t mark;
    uint64_t newest_seq; /* of this layer's newest packet; 0: none yet */
    uint32_t newest_serial;
    uint64_t bits[BENCH_SERIAL_WINDOW / 64];
};

enum bench_serial_is { BENCH_SERIAL_NEW, BENCH_SERIAL_SEEN, BENCH_SERIAL_TOO_OLD };

/** Where the comparison of RTP time and stamps began; zeroed: not yet. */
struct bench_clock_base {
    uint64_t send_us;
    uint32_t timestamp_ts;
    uint32_t run_start;
    uint8_t layer;
};

/** How far a frame has been found complete, so that each packet is looked at once. */
struct bench_frame_scan {
    uint64_t start, at;
};

struct bench_tap {
    bench_frame_fn on_frame;
    void *user;
    bool started;      /* a key frame was given */
    uint16_t *lengths; /* by slot; 0: not here */
    uint8_t *bytes;    /* BENCH_TAP_BYTES for each slot */
    uint8_t *frame;
};

struct bench_receive_stream {
    struct bench_receive_config config;
    struct bench_receive_counters counters;
    struct sfu_seq_unwrap unwrap;
    uint64_t highest;
    uint32_t mask; /* of the slots */
    struct bench_receive_slot *slots;
    struct sfu_nack_tracker *nack;
    struct bench_serials *serials; /* video: one for each layer; audio: one */
    struct bench_receive_since *since;
    struct bench_histogram *live;
    struct bench_tap *tap;
    int64_t serial_offset; /* of the newest packet: number minus serial */
    uint8_t serial_layer;
    bool has_serial;
    struct bench_clock_base clock;

    /* decoding */
    bool decoding; /* next_seq is where the next frame starts */
    bool broken;   /* packets were given up: ask for a key frame */
    uint8_t decoded_layer;
    uint16_t decoded_picture_id;
    uint64_t next_seq;
    uint64_t key_start; /* newest key frame not decoded: where it starts; 0: none */
    struct bench_frame_scan next_scan, key_scan;
    uint32_t decoded_frame, decoded_serial, decoded_timestamp_ts, decoded_sent_us;
    uint64_t gap_average_us;
    uint64_t waiting_since_us; /* first packet since the last decoded frame; 0: none */
    uint64_t last_pli_us;

    /* audio: the newest packet */
    uint64_t heard_us;
    uint32_t heard_frame, heard_serial;
    bool heard_voice;

    struct sfu_rtp_stats stats;
    struct bench_histogram delay;
};

static inline struct bench_receive_slot *bench_receive_slot(struct bench_receive_stream *stream, uint64_t ext_seq)
{
    return &stream->slots[ext_seq & stream->mask];
}

/** The slot if the packet is here, else NULL. */
static inline struct bench_receive_slot *bench_receive_present(struct bench_receive_stream *stream, uint64_t ext_seq)
{
    struct bench_receive_slot *slot = bench_receive_slot(stream, ext_seq);
    return slot->seq == (uint32_t)ext_seq && (slot->flags & BENCH_SLOT_PRESENT) != 0 ? slot : NULL;
}

/* receive_account.c */
struct bench_serials *bench_receive_serials(const struct bench_receive_stream *stream, unsigned layer);
enum bench_serial_is bench_serials_add(struct bench_serials *serials, uint32_t serial);
/** Counts a packet that is here for the first time. */
void bench_receive_count(struct bench_receive_stream *stream, uint64_t arrival_us, const struct bench_stamp *stamp,
                         uint32_t bytes, bool repaired, bool reordered);
/** An error: `counter` is one of counters.err_*. */
void bench_receive_error(struct bench_receive_stream *stream, uint64_t *counter);
void bench_receive_freeze(struct bench_receive_stream *stream, uint64_t length_us);
/** The newest packet of a stream of sound so far. */
void bench_receive_heard(struct bench_receive_stream *stream, uint64_t arrival_us, const struct bench_stamp *stamp);
void bench_receive_close_gap(struct bench_receive_stream *stream, uint64_t now_us);

/* receive_checks.c: errors, if numbers or RTP times and stamps do not agree */
void bench_receive_check_order(struct bench_receive_stream *stream, uint64_t ext_seq, const struct bench_stamp *stamp);
void bench_receive_check_clock(struct bench_receive_stream *stream, uint32_t timestamp_ts,
                               const struct bench_stamp *stamp);

/* receive_frames.c */
/** Decodes all that can be. */
void bench_receive_advance(struct bench_receive_stream *stream, uint64_t now_us);
void bench_receive_tap_store(struct bench_receive_stream *stream, uint64_t ext_seq, const uint8_t *data, size_t len);
void bench_receive_tap_destroy(struct bench_tap *tap);

#endif
