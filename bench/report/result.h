/* SPDX-License-Identifier: Apache-2.0 */
/**
 * result.h - what one run of consilium-bench found out: the one structure that the table, the JSON, the HTML report,
 * the thresholds, the capacity search and the comparison read. Whatever is in it was counted, never assumed.
 *
 * Everything refers to the measured part of the run (after ramp-up and settling, until the drain), except what says
 * otherwise. Units: _us microseconds, _bytes, _bps; shares are 0..1. Filled by bench/run; owned by its creator; plain
 * data but for the series and the texts (bench_result_clear()).
 */
#ifndef CONSILIUM_BENCH_REPORT_RESULT_H
#define CONSILIUM_BENCH_REPORT_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "bench/client/histogram.h"

#define BENCH_RESULT_TEXT  256
#define BENCH_FAILURES_MAX 32
#define BENCH_LAYERS       3

#define BENCH_WORST_PACKETS 20u

enum bench_kind { BENCH_KIND_AUDIO, BENCH_KIND_CAMERA, BENCH_KIND_SCREEN, BENCH_KINDS };

/** Of one kind of media, over all receivers. A *track* here is one publisher's source as one receiver should get it. */
struct bench_kind_result {
    uint64_t tracks;         /**< expected: what publishers published times who should see it */
    uint64_t tracks_missing; /**< of those, never a packet (audio) or a picture (video) by the end */
    uint64_t expected;       /**< packets publishers sent while the receiver should have got them */
    uint64_t delivered;      /**< of those, arrived, once each, repaired ones included */
    /** Of the one track that lost the greatest share, if it lost BENCH_WORST_PACKETS or more; else 0, 0. In a thousand
     * good tracks it would not be seen. */
    uint64_t worst_expected, worst_delivered;
    uint64_t repaired;                /**< arrived by retransmission */
    uint64_t reordered;               /**< arrived behind a later one without having been asked for again */
    uint64_t duplicated;              /**< the same packet under a second number: never right */
    uint64_t corrupt;                 /**< content is not what its publisher sent: never right */
    uint64_t wrong;                   /**< other things that are never right: see receive_stream.h, err_* */
    uint64_t frames_expected, frames; /**< video: sent, and shown (decodable in order) */
    uint64_t freezes, freeze_us;      /**< video: libwebrtc's rule; audio: gaps over 100 ms in speech */
    uint64_t freeze_longest_us;
    uint64_t watched_us; /**< sum over the tracks that came: how long each was looked at; 0: all of the measured part */
    uint64_t bytes;      /**< of payload delivered */
    uint64_t layer_bytes[BENCH_LAYERS]; /**< simulcast: delivered, lowest layer first */
    struct bench_histogram delay;       /**< one-way, publisher's send call to arrival in our kernel */
};

struct bench_sample { /**< one second of the run, from its very beginning */
    uint64_t at_us;   /**< since the run began: end of the second */
    unsigned people;  /**< inside */
    unsigned entering, failed;
    uint64_t expected, delivered, repaired; /**< in this second, all kinds; expected lags by the delay */
    uint64_t delivered_bps, layer_bps[BENCH_LAYERS];
    uint64_t delay_p50_us, delay_p99_us, join_p99_us; /**< of this second; 0: none */
    uint64_t freezes, keyframe_requests, nacks;
    double server_cpu, generator_cpu; /**< cores; negative: not known */
    uint64_t server_memory_bytes;     /**< 0: not known */
    uint64_t generator_late_us;       /**< worst lateness of our own loop in this second */
    bool measured;                    /**< belongs to the measured part */
};

/** One service level: passed, failed, or not measurable (then it failed too if it was asked for). */
struct bench_verdict {
    char name[32]; /**< as on the command line: "loss", "delay-p99", "join-p99", "freezes", "audio-gaps",
                      "missing-tracks", "failed-joins", "errors", "psnr", "cpu" */
    double value, limit;
    char unit[12];
    bool asked, ok, known;
};

#define BENCH_VERDICTS_MAX 16

struct bench_result {
    /* what was run */
    char scenario[64];                   /**< "rcp" */
    char description[BENCH_RESULT_TEXT]; /**< "4 rooms of 6, camera VP8 1000 kbit/s 25 fps, …" */
    char command_line[1024];
    char target[64], target_version[64], target_command[1024];
    char machine[BENCH_RESULT_TEXT];  /**< CPU model, cores, memory, kernel */
    char versions[BENCH_RESULT_TEXT]; /**< consilium-bench, OpenSSL, libvpx, libopus, libnice */
    char started[32];                 /**< UTC, ISO-8601 */
    char network[128];                /**< profile as text; "none" */
    char srtp[48];                    /**< what was negotiated: "AEAD_AES_128_GCM"; "mixed"; "": nobody was inside */
    uint64_t seed;
    unsigned rooms, people, publishers;

    /* how it went */
    bool interrupted;              /**< Ctrl-C, or the server went away: partial */
    char ended[BENCH_RESULT_TEXT]; /**< why, if not as planned; else "" */
    double measured_s;
    unsigned entered, failed_joins; /**< over the whole run, churn included */
    unsigned dropped;               /**< were inside and lost their connection without being told to */
    struct bench_histogram join;    /**< us: from the first byte to the server until inside with media connected */
    struct bench_histogram first_audio, first_picture; /**< us: from entering the room until a track is heard / seen */
    struct bench_histogram rejoin;                     /**< us: from a dropped socket until inside again */
    uint64_t chat_expected, chat_delivered;
    struct bench_histogram chat_delay;
    struct bench_kind_result kinds[BENCH_KINDS];
    uint64_t nacks, keyframe_requests, auth_failures, unknown_packets, protocol_problems;
    uint64_t network_lost; /**< RTP packets taken by the network profile, both ways */

    /* the sample that was truly decoded */
    unsigned decoded_tracks;
    uint64_t decoded_frames, undecodable_frames, compared_frames, wrong_frames;
    double psnr_mean_db, psnr_min_db; /**< 0: none compared */
    unsigned nice_people;             /**< participants that used libnice's NiceAgent */

    /* what it cost */
    bool has_server_cpu, has_server_memory;
    uint64_t server_cpu_us; /**< in the measured part */
    uint64_t server_memory_start_bytes, server_memory_peak_bytes, server_memory_end_bytes, server_threads;
    char server_thread[16];       /**< the busiest of its threads in the measured part; "": not known */
    double server_thread_cores;   /**< CPU of that one: 1 is all that a thread can have */
    uint64_t server_socket_drops; /**< datagrams the server's own sockets dropped */
    uint64_t generator_cpu_us;
    struct bench_histogram generator_late; /**< how late our loop did what was due */
    uint64_t generator_socket_drops;       /**< datagrams our own sockets had no room for, in or out */
    bool generator_saturated;              /**< then the figures are about us, and do not count */
    char generator_why[BENCH_RESULT_TEXT];

    /* in short */
    unsigned failure_count; /**< all; the first ones as text */
    char failures[BENCH_FAILURES_MAX][BENCH_RESULT_TEXT];
    unsigned verdict_count;
    struct bench_verdict verdicts[BENCH_VERDICTS_MAX];

    size_t sample_count, sample_capacity;
    struct bench_sample *samples; /**< owned */
};

/** Sums over the kinds. */
uint64_t bench_result_expected(const struct bench_result *result);
uint64_t bench_result_delivered(const struct bench_result *result);
uint64_t bench_result_tracks_missing(const struct bench_result *result);
/** What is never right, counted: packets corrupt, duplicated or wrong, or that do not authenticate; what the protocol
 * forbids; frames that cannot be decoded or show something else; chat messages that did not come; people who lost their
 * connection without being told to. */
uint64_t bench_result_errors(const struct bench_result *result);
/** The delays of all kinds in one. */
void bench_result_delay(const struct bench_result *result, struct bench_histogram *out);
/** us of server CPU per delivered packet; negative: not known. */
double bench_result_cost_us(const struct bench_result *result);
/** Mean CPU in the measured part, in cores; negative: not known. */
double bench_result_server_cores(const struct bench_result *result);
double bench_result_generator_cores(const struct bench_result *result);
/** Whether the figures are about the server: the generator kept up, and the run went to its end. */
bool bench_result_counts(const struct bench_result *result);
/** Whether it was judged, all that was asked holds, and it counts. */
bool bench_result_passed(const struct bench_result *result);
/** Writes one more line of failure (printf), counts it. */
void bench_result_fail(struct bench_result *result, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** Adds a sample; returns it zeroed, or NULL without memory. */
struct bench_sample *bench_result_sample(struct bench_result *result);
void bench_result_clear(struct bench_result *result);

#endif
