/* SPDX-License-Identifier: Apache-2.0 */
/**
 * report.h - a result (result.h) for people and for programs: one line a second while it runs, a table at the end,
 * JSON, and an HTML page that needs nothing but itself.
 *
 * Writers return 0 or BASE_ERR_IO (the file could not be written whole).
 */
#ifndef CONSILIUM_BENCH_REPORT_REPORT_H
#define CONSILIUM_BENCH_REPORT_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "bench/report/result.h"

/** Service levels: what must hold for a run to pass. Negative: not asked. Where there are several kinds of media, the
 * worst one is judged: a failing sound must not drown in the many packets of the pictures. */
struct bench_thresholds {
    double loss;        /**< share of expected packets that never arrived, less what the network profile took */
    double worst_track; /**< the same of the one track that lost most */
    double delay_p99_ms;
    double join_p99_ms, first_sound_p99_ms, first_picture_p99_ms;
    double freezes;        /**< a minute and video track */
    double audio_gaps;     /**< a minute and audio track */
    double frozen;         /**< share of the time that the worst kind stood still */
    double missing_tracks; /**< number */
    double failed_joins;   /**< number */
    double errors;         /**< number: bench_result_errors() */
    double psnr_db;        /**< least mean of the decoded sample */
    double server_cpu;     /**< cores */
};

/** What is asked when nobody says otherwise: nothing missing, nothing wrong, everybody in, loss <= 0.1 % (of what the
 * network profile let through) and <= 10 % of any one track, delay p99 <= 150 ms, join, first sound and first
 * picture p99 <= 3 s, freezes and audio gaps <= 1 a minute and track and <= 1 % of the time.
 */
extern const struct bench_thresholds bench_thresholds_default;

/** Sets one from "loss=0.5%", "delay-p99=200ms", "join-p99=2s", "freezes=0.5", "cpu=1.5", "psnr=30", or "loss=off".
 * Returns 0, or BASE_ERR_INVALID with the reason in error (160 bytes). */
int bench_thresholds_parse(struct bench_thresholds *out, const char *text, char *error);
/** Name of the i-th level as it is given to _parse, or NULL after the last. */
const char *bench_thresholds_name(size_t i);
/** Judges: fills result->verdicts. Returns whether all that was asked holds and the result counts (not saturated, not
 * interrupted). */
bool bench_thresholds_judge(const struct bench_thresholds *thresholds, struct bench_result *result);

/** How a run ended, as an exit code and for the last line. */
enum bench_exit {
    BENCH_EXIT_OK = 0,
    BENCH_EXIT_FAILED = 1,      /**< a service level failed */
    BENCH_EXIT_SATURATED = 2,   /**< the generator was the bottleneck: nothing is proved */
    BENCH_EXIT_UNREACHABLE = 3, /**< no server, or it cannot be started */
    BENCH_EXIT_REFUSED = 4,     /**< tickets or joins refused, none could enter */
    BENCH_EXIT_CERTIFICATE = 5,
    BENCH_EXIT_RESOURCES = 6, /**< file descriptors, memory, ports on this machine */
    BENCH_EXIT_OUTPUT = 7,    /**< a report could not be written */
    BENCH_EXIT_USAGE = 64,
    BENCH_EXIT_INTERRUPTED = 130 /**< Ctrl-C: the report is partial */
};

struct bench_live;
/** Progress on `out`: rewritten in place on a terminal, else one plain line a second. `total_s`: planned length. */
int bench_live_create(struct bench_live **out, FILE *file, bool terminal, double total_s);
void bench_live_show(struct bench_live *live, const struct bench_result *so_far, const char *phase);
/** Ends the line. NULL is allowed. */
void bench_live_destroy(struct bench_live *live);

int bench_report_table(FILE *out, const struct bench_result *result);
/** One JSON object, UTF-8, keys stable: documented in the man page. */
int bench_report_json(FILE *out, const struct bench_result *result);
/** A page with plots (SVG, no script needed): join time, delay percentiles over time, loss, bitrate by layer, server
 * CPU and memory, the generator's own; works offline, prints, dark and light. */
int bench_report_html(FILE *out, const struct bench_result *result);

/** Fills machine, versions, started. */
void bench_result_about(struct bench_result *result);

#endif
