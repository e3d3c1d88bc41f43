/* SPDX-License-Identifier: Apache-2.0 */
/**
 * account.h - what each person should have received, from what the publishers sent, and what they have of it.
 *
 * An *edge* is one source of one publisher as one other person should get it. It is *open* as long as the plan has both
 * in the room and the source published. It is *ready* when both are really there; then there is a grace
 * (BENCH_GRACE_US) for the server to let the media flow: the edge *stands* from the first packet that arrives. If none
 * does, the grace was in vain, and it stands from the moment at which it became ready. All packets that the publisher
 * sends from then on are expected. If an end cannot be there although the plan says so, the edge stands without ever
 * being ready. A run that ends within a grace is no excuse: see bench_edge_overdue().
 *
 * When somebody leaves, packets that were sent less than BENCH_IN_FLIGHT_US ago and have not arrived, nor any sent
 * after them, are not expected: nobody could have received them. At the end of a run sources stop first, and the
 * account is exact. Nothing here is computed from what arrived but the moment at which an edge begins to stand and that
 * exemption.
 *
 * Simulcast: the layers are streams of their own. Frames are counted as above. Packets are those of the layer that
 * arrives; around a switch (within one bench_edge_poll()) they count as they came.
 *
 * Plain numbers: no clock, no streams; the owner (people.c) brings them. Threads: one owner.
 */
#ifndef CONSILIUM_BENCH_RUN_ACCOUNT_H
#define CONSILIUM_BENCH_RUN_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/report/result.h"

#define BENCH_GRACE_US     5000000u
#define BENCH_OVERDUE_US   3000000u /**< who ends with nothing after this waited long enough */
#define BENCH_IN_FLIGHT_US 500000u
#define BENCH_SENT_STEP_US 100000u /**< between two entries of a history */
#define BENCH_SENT_STEPS   6u

/** What a publisher's source has sent so far; only grows. */
struct bench_sent {
    uint64_t packets[BENCH_LAYERS]; /**< of each layer, lowest first; [0] without simulcast */
    uint64_t frames;                /**< video: pictures sent; audio: not used */
};

/** The newest past of a bench_sent. Zeroed: empty. */
struct bench_sent_history {
    struct bench_sent past[BENCH_SENT_STEPS];
    uint64_t at_us[BENCH_SENT_STEPS];
    unsigned next, count;
};

/** Keeps `sent`, if the newest entry is old enough. Call it at least every BENCH_SENT_STEP_US. */
void bench_sent_keep(struct bench_sent_history *history, uint64_t now_us, const struct bench_sent *sent);
/** What had been sent BENCH_IN_FLIGHT_US ago, or a little later; `sent` if nothing is that old. */
struct bench_sent bench_sent_before(const struct bench_sent_history *history, uint64_t now_us,
                                    const struct bench_sent *sent);

/** What a receiver's stream has counted since it was last marked: packets with the publisher's number (stamp's serial)
 * at or above the mark, once each. */
struct bench_heard {
    uint64_t packets, repaired, reordered, duplicated, corrupt, wrong, bytes, layer_bytes[BENCH_LAYERS];
    uint64_t frames, freezes, freeze_us, freeze_longest_us;
    bool any;                                 /**< a packet is here */
    unsigned layer;                           /**< of the newest packet */
    uint64_t first_serial;                    /**< of the first packet */
    uint64_t next_serial;                     /**< one more than the greatest one of `layer` */
    uint64_t first_packet_us, first_frame_us; /**< 0: none; over the stream's whole life */
};

enum bench_edge_state {
    BENCH_EDGE_CLOSED,   /**< zeroed */
    BENCH_EDGE_OPEN,     /**< an end is not there yet */
    BENCH_EDGE_READY,    /**< in its grace */
    BENCH_EDGE_STANDING, /**< all is expected */
    BENCH_EDGE_HOPELESS  /**< stands, but an end could not enter */
};

struct bench_edge {
    enum bench_edge_state state;
    bool measured;                 /**< it counts: the measured part has begun */
    bool simulcast;                /**< see above */
    bool heard, seen;              /**< a packet came; a picture was shown: ever since it is open */
    unsigned layer;                /* simulcast: at the last look */
    uint64_t open_us;              /* open, and looked at, since; 0: not yet */
    uint64_t ready_us;             /**< both ends were there; 0: not yet */
    uint64_t standing_us;          /**< stands since; 0: not yet */
    struct bench_sent ready, from; /* sent when it became ready, when it began to stand */
    struct bench_sent mark;        /* see bench_edge_mark() */
    struct bench_sent looked;      /* simulcast: sent at the last look */
    uint64_t looked_packets;       /* simulcast: delivered at the last look */
    uint64_t packets;              /* simulcast: expected so far */
    struct bench_heard ended;      /* of streams that have ended while it stood */
};

/** What bench_edge_poll() found out; bits. */
enum bench_edge_news {
    BENCH_EDGE_MARK = 1,  /**< its mark has changed: mark the receiver's stream again */
    BENCH_EDGE_HEARD = 2, /**< the first packet came */
    BENCH_EDGE_SEEN = 4   /**< the first picture was shown */
};

/** The plan has both in the room, and the source published. CLOSED before. */
void bench_edge_open(struct bench_edge *edge);
/** Both are there. Returns whether that is news: then mark the receiver's stream, if there is one. */
bool bench_edge_ready(struct bench_edge *edge, uint64_t now_us, const struct bench_sent *sent);
/** What the receiver's stream is to be marked with now, also one that begins later: older packets do not count. What
 * one stream has brought does not count again in the next one. */
const struct bench_sent *bench_edge_mark(const struct bench_edge *edge);
/** An end has failed to be there: stands from now on, unless it does already. */
void bench_edge_give_up(struct bench_edge *edge, uint64_t now_us, const struct bench_sent *sent);
/** All is over, or an end is about to leave, at now_us: an edge that has been waiting for longer than BENCH_OVERDUE_US
 * will not be forgiven its grace. If it was ready, all that was sent since then is expected. */
void bench_edge_overdue(struct bench_edge *edge, uint64_t now_us, const struct bench_sent *sent);
/** An end is away for a while by our doing (it moves to another network): OPEN again, what was so far is settled into
 * `out`. As _close otherwise. */
void bench_edge_suspend(struct bench_edge *edge, const struct bench_sent *sent, const struct bench_sent *before,
                        const struct bench_heard *heard, struct bench_kind_result *out);
/** Looks at it: at least every BENCH_SENT_STEP_US. `heard`: of the receiver's stream; NULL: there is none. Returns
 * bench_edge_news. */
unsigned bench_edge_poll(struct bench_edge *edge, uint64_t now_us, const struct bench_sent *sent,
                         const struct bench_heard *heard);
/** The measured part begins: what was before does not count (the owner's sums begin anew, too). Returns whether the
 * mark has changed. */
bool bench_edge_measure(struct bench_edge *edge, uint64_t now_us, const struct bench_sent *sent);
/** The receiver's stream ends (another one may follow); `heard`: its last word. */
void bench_edge_stream_ended(struct bench_edge *edge, const struct bench_heard *heard);
/** Adds what there is so far: packets, frames and freezes, not the tracks. `out->delay` is not touched here. */
void bench_edge_count(const struct bench_edge *edge, const struct bench_sent *sent, const struct bench_heard *heard,
                      struct bench_kind_result *out);
/** Over: adds everything to `out`. `before`: bench_sent_before() if somebody leaves; NULL: all packets
 * have had their time to arrive. Returns whether the track is missing: nothing (video: no picture) ever came, although
 * it stood and something was sent, or an end could not be there. */
bool bench_edge_close(struct bench_edge *edge, bool video, const struct bench_sent *sent,
                      const struct bench_sent *before, const struct bench_heard *heard, struct bench_kind_result *out);

#endif
