/* SPDX-License-Identifier: Apache-2.0 */
/**
 * run_internal.h - what the parts of a run share: run.c (phases and the loop), people.c (seats to persons), edges.c
 * (persons' streams to the account), decoded.c (the sample that is truly decoded), sampler.c (a sample a second, what
 * we cost ourselves).
 */
#ifndef CONSILIUM_BENCH_RUN_RUN_INTERNAL_H
#define CONSILIUM_BENCH_RUN_RUN_INTERNAL_H

#include "bench/client/crowd.h"
#include "bench/media/decode_check.h"
#include "bench/run/account.h"
#include "bench/run/media_kit.h"
#include "bench/run/run.h"

#define BENCH_RUN_TICK_US    10000u  /* persons are looked at */
#define BENCH_RUN_EDGES_US   100000u /* edges are looked at */
#define BENCH_RUN_SAMPLE_US  1000000u
#define BENCH_RUN_CHATS_KEPT 1024u
#define BENCH_DECODED_MAX    8u /* tracks of sound, and as many of pictures, that are decoded at a time */

/* What receivers' streams and peer connections have counted; sums. */
struct bench_run_counters {
    uint64_t nacks, keyframe_requests, auth_failures, unknown_packets, problems, network_lost;
};

/* Who sits on a seat, or should. */
struct bench_run_guest {
    struct bench_run *run;
    uint32_t seat, number; /* number: of stamps; a new one for each who enters */
    struct bench_person *person;
    struct bench_participant_config config;    /* what the person publishes: lives as long as it does */
    bool planned;                              /* the plan has somebody here */
    bool given_up;                             /* but that has failed */
    bool connected;                            /* is inside with media */
    bool ever_connected;                       /* since entering */
    bool again;                                /* comes back after a drop: `dropped_us` */
    bool drop_planned;                         /* which the plan wanted */
    bool afresh;                               /* ... as somebody new to the server */
    bool speaks, shares, muted[BENCH_SOURCES]; /* as the plan wants it */
    bool paused[BENCH_SOURCES];                /* as it is: muted, or an unmute is not answered yet */
    uint64_t unmute_request[BENCH_SOURCES], unmute_us[BENCH_SOURCES];
    bool live[BENCH_SOURCES]; /* published, and known to be */
    bool lost[2];             /* peer connection without consent */
    uint64_t live_us[BENCH_SOURCES], goes_on_us[BENCH_SOURCES], connected_us, shares_us, dropped_us, moved_until_us;
    struct bench_sent_history history[BENCH_SOURCES];
    uint64_t problems; /* told so far */
};

/* One source of one publisher at one receiver. */
struct bench_run_edge {
    struct bench_edge account;
    struct bench_receive_stream *stream;        /* NULL: none yet */
    bool sample;                                /* its streams are truly decoded */
    struct bench_decode_check *check;           /* by this; NULL: no stream, or not of the sample */
    unsigned layers, stamp_layer[BENCH_LAYERS]; /* that the publisher sends */
    uint64_t layer_packets[BENCH_LAYERS];
    unsigned layer; /* that arrives: its place in the publisher's `sends` */
    /* its stream ended though nobody had planned it: since when nothing is shown or heard, and what was sent by then */
    uint64_t gone_us, gone_sent;
};

struct bench_run_chat {
    uint64_t number, sent_us;
    uint32_t room;
};

/* Sums at the end of the last second. */
struct bench_run_sampler {
    uint64_t next_us, began_us;
    uint64_t media_us;                           /* since when the next sample counts media */
    struct bench_kind_result kinds[BENCH_KINDS]; /* delay is not used */
    struct bench_run_counters counters;
    unsigned failed;
    uint64_t own_cpu_us, server_cpu_us;
    bool has_server_cpu;
    unsigned busy_seconds; /* in a row */
    bool busy;             /* three were */
    struct bench_histogram live[BENCH_KINDS], join;
    /* at the beginning of the measured part */
    uint64_t measure_own_cpu_us, measure_server_cpu_us, measure_server_drops, measure_own_drops;
    uint64_t measure_own_starved_us; /* bench_crowd_starved_us() */
    struct bench_run_counters measure_counters;
};

struct bench_run {
    const struct bench_run_config *config;
    const struct bench_scenario *scenario;
    struct bench_result *result;
    struct bench_plan plan;
    struct bench_media_kit *own_kit, **kit;
    struct bench_crowd *crowd;
    char prefix[40];
    unsigned publishers; /* of each room */

    uint32_t guest_count;
    struct bench_run_guest *guests; /* one for each seat */
    uint32_t *seat_of;              /* number of a person -> seat + 1 */
    uint32_t number_count, number_capacity;
    size_t leaving_count, leaving_capacity;
    struct bench_person **leaving;     /* have said goodbye */
    char (*tickets)[BENCH_TICKET_MAX]; /* "": used */
    size_t ticket_count;

    size_t edge_count;
    struct bench_run_edge *edges;
    struct bench_kind_result closed[BENCH_KINDS]; /* of edges that are over; delay: of all packets */
    struct bench_run_counters past;               /* of streams and persons that are over */

    uint64_t chat_count;
    struct bench_run_chat chats[BENCH_RUN_CHATS_KEPT]; /* ring by number */
    uint8_t *chat_marks; /* of each message kept and each place of its room: whether it is expected there */

    uint64_t start_us, measure_us, end_us; /* clock; 0: not yet */
    uint64_t inside_us;                    /* somebody was inside */
    bool measuring, ended;
    size_t next_action;
    const char *phase;
    enum bench_failure first_failure;
    char first_why[256];
    struct bench_run_sampler sampler;
};

static inline bool bench_run_is_video(enum bench_source source)
{
    return source != BENCH_MIC;
}

/* ---- edges.c ---- */

int bench_run_edges_create(struct bench_run *run);
void bench_run_edges_destroy(struct bench_run *run);
/* The plan has somebody on this seat from now on / no longer. */
void bench_run_edges_enter(struct bench_run *run, const struct bench_run_guest *guest);
void bench_run_edges_leave(struct bench_run *run, struct bench_run_guest *guest, uint64_t now_us);
/* The plan has this source published from now on / no longer. */
void bench_run_edges_source(struct bench_run *run, const struct bench_run_guest *guest, enum bench_source source,
                            bool on, uint64_t now_us);
/* The person is on another network for a moment: what is sent meanwhile is nobody's loss. */
void bench_run_edges_suspend(struct bench_run *run, struct bench_run_guest *guest, uint64_t now_us);
void bench_run_edges_poll(struct bench_run *run, uint64_t now_us);
void bench_run_edges_measure(struct bench_run *run, uint64_t now_us);
/* Sources are about to stop: who waits for a track by now will never get it. */
void bench_run_edges_end(struct bench_run *run, uint64_t now_us);
/* A source of that seat is about to pause: a freeze that lasts is told now. */
void bench_run_edges_close_freezes(struct bench_run *run, uint32_t seat, enum bench_source source, uint64_t now_us);
/* The end: all is over. exact: everything had its time to arrive. */
void bench_run_edges_finish(struct bench_run *run, bool exact, uint64_t now_us);
/* What there is so far, of edges that are over and others; delay is not set. */
void bench_run_edges_sum(struct bench_run *run, struct bench_kind_result out[BENCH_KINDS]);
/* A stream begins or ends. */
void bench_run_edges_on_sub(struct bench_run_guest *receiver, const struct bench_sub *sub, bool ends);
/* Counters of a receiver's streams and connections. */
void bench_run_count_person(const struct bench_person *person, struct bench_run_counters *sum);
void bench_run_count(const struct bench_run *run, struct bench_run_counters *out);

/* NULL: that seat publishes nothing, or not to this receiver. */
struct bench_run_edge *bench_run_edge_of(struct bench_run *run, uint32_t publisher, enum bench_source source,
                                         uint32_t receiver);

/* ---- decoded.c ---- */

/* One edge in `decode_every` of each source, at least one, at most BENCH_DECODED_MAX of sound and of pictures; spread
 * over the receivers, and over who is received. The same plan gives the same ones. */
void bench_run_decoded_choose(struct bench_run *run);
/* The edge's stream begins: if it is one of the sample, it is decoded from here on. */
void bench_run_decoded_begin(struct bench_run *run, struct bench_run_edge *edge, enum bench_source source);
/* The stream ends: what its decoder saw goes to the result. */
void bench_run_decoded_end(struct bench_run *run, struct bench_run_edge *edge);

/* ---- people.c ---- */

int bench_run_people_create(struct bench_run *run);
void bench_run_people_destroy(struct bench_run *run);
struct bench_sent bench_run_sent(const struct bench_run_guest *guest, enum bench_source source);
void bench_run_act(struct bench_run *run, const struct bench_action *action, uint64_t now_us);
void bench_run_people_tick(struct bench_run *run, uint64_t now_us);
/* All sources stop. */
void bench_run_people_end(struct bench_run *run, uint64_t now_us);
unsigned bench_run_people_inside(const struct bench_run *run);
unsigned bench_run_people_entering(const struct bench_run *run);

/* ---- chat.c ---- */

int bench_run_chat_create(struct bench_run *run);
void bench_run_chat_say(struct bench_run *run, struct bench_run_guest *guest, uint64_t now_us);
void bench_run_chat_heard(struct bench_run_guest *guest, const char *text, uint64_t now_us);
/* The person goes: messages under way are not expected. */
void bench_run_chat_leave(struct bench_run *run, struct bench_run_guest *guest, uint64_t now_us);

/* ---- sampler.c ---- */

void bench_run_sampler_start(struct bench_run *run, uint64_t now_us);
/* Takes a sample when it is due. Returns whether it was. */
bool bench_run_sampler_poll(struct bench_run *run, uint64_t now_us);
/* The measured part begins / ends. */
void bench_run_sampler_measure(struct bench_run *run, uint64_t now_us);
void bench_run_sampler_end(struct bench_run *run, uint64_t now_us);
/* Brings the result up to now. */
void bench_run_fill(struct bench_run *run, uint64_t now_us);

#endif
