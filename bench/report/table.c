/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/err.h"
#include "bench/report/text.h"

#define WIDTH      96 /**< of a line */
#define NAME_WIDTH 12 /**< of what stands on the left */

/** "name        text", further lines of a long text below each other. Nothing at all for an empty text. */
static void row_indented(FILE *out, int indent, const char *name, const char *text)
{
    char clean[1100];
    bench_text_clean(clean, sizeof clean, text);
    const char *rest = clean;
    for (bool first = true; *rest != '\0'; first = false) {
        char part[1100];
        snprintf(part, sizeof part, "%s", rest);
        bench_text_cut(part, (size_t)(WIDTH - indent));
        size_t len = strlen(part), next = len;
        if (rest[len] != '\0') { /* cut at a blank if there is one */
            size_t blank = len;
            while (blank > 0 && part[blank - 1] != ' ')
                blank--;
            next = blank > 0 ? blank : len;
            len = blank > 0 ? blank - 1 : len;
        }
        fprintf(out, "%-*s%.*s\n", indent, first ? name : "", (int)len, rest);
        rest += next;
    }
}

static void row_text(FILE *out, const char *name, const char *text)
{
    row_indented(out, NAME_WIDTH, name, text);
}

__attribute__((format(printf, 3, 4))) static void row(FILE *out, const char *name, const char *format, ...)
{
    char text[1100];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    row_text(out, name, text);
}

static void what_ran(FILE *out, const struct bench_result *result)
{
    row(out, "scenario", "%s%s%s", result->scenario, result->description[0] != '\0' ? ": " : "", result->description);
    row_text(out, "server", result->target_version[0] != '\0' ? result->target_version : result->target);
    row_text(out, "network", result->network);
    row_text(out, "machine", result->machine);
    row_text(out, "versions", result->versions);
    row_text(out, "command", result->command_line);
    row_text(out, "ended early", result->ended);
    row(out, "started", "%s, seed %" PRIu64 ", %.0f s measured", result->started[0] != '\0' ? result->started : "-",
        result->seed, result->measured_s);
}

static void people(FILE *out, const struct bench_result *result)
{
    fprintf(out, "\n");
    row(out, "people", "%u in %u room%s, %u publish; %u entered, %u failed to, %u lost their connection",
        result->people, result->rooms, result->rooms == 1 ? "" : "s", result->publishers, result->entered,
        result->failed_joins, result->dropped);
    if (result->nice_people > 0)
        row(out, "", "%u of them used libnice's agent", result->nice_people);
    static const struct {
        const char *name;
        size_t offset;
    } times[] = {{"  join", offsetof(struct bench_result, join)},
                 {"  1st sound", offsetof(struct bench_result, first_audio)},
                 {"  1st picture", offsetof(struct bench_result, first_picture)},
                 {"  rejoin", offsetof(struct bench_result, rejoin)},
                 {"  chat", offsetof(struct bench_result, chat_delay)}};
    fprintf(out, "%-14s%10s%10s%10s%10s\n", "time until", "p50", "p99", "max", "number");
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        const struct bench_histogram *histogram = (const void *)((const char *)result + times[i].offset);
        if (histogram->count == 0 && i >= 3)
            continue;
        fprintf(out, "%-14s%10s%10s%10s%10s\n", times[i].name, bench_text_quantile(histogram, 0.5).s,
                bench_text_quantile(histogram, 0.99).s, bench_text_quantile(histogram, 1).s,
                bench_text_count(histogram->count).s);
    }
    if (result->chat_expected > 0)
        row(out, "", "%s of %s chat messages came", bench_text_count(result->chat_delivered).s,
            bench_text_count(result->chat_expected).s);
}

static void media_counts(FILE *out, const struct bench_result *result)
{
    fprintf(out, "\n%-10s%9s%9s%15s%15s%10s%12s%11s\n", "media", "tracks", "missing", "expected", "delivered", "loss",
            "repaired", "reordered");
    for (unsigned i = 0; i < BENCH_KINDS; i++) {
        const struct bench_kind_result *kind = &result->kinds[i];
        if (kind->tracks == 0 && kind->expected == 0 && kind->delivered == 0)
            continue;
        fprintf(out, "  %-8s%9s%9s%15s%15s%10s%12s%11s\n", bench_kind_name((enum bench_kind)i),
                bench_text_count(kind->tracks).s, bench_text_count(kind->tracks_missing).s,
                bench_text_count(kind->expected).s, bench_text_count(kind->delivered).s,
                bench_text_loss(kind->expected, kind->delivered).s, bench_text_count(kind->repaired).s,
                bench_text_count(kind->reordered).s);
    }
}

static void media_quality(FILE *out, const struct bench_result *result)
{
    fprintf(out, "%-10s%9s%9s%10s%10s%10s%10s%22s\n", "quality", "delay p50", "p99", "max", "freezes", "in all",
            "longest", "frames shown");
    for (unsigned i = 0; i < BENCH_KINDS; i++) {
        const struct bench_kind_result *kind = &result->kinds[i];
        char frames[96] = "-";
        if (kind->tracks == 0 && kind->expected == 0 && kind->delivered == 0)
            continue;
        if (kind->frames_expected > 0)
            snprintf(frames, sizeof frames, "%s/%s", bench_text_count(kind->frames).s,
                     bench_text_count(kind->frames_expected).s);
        bool froze = kind->freezes > 0;
        fprintf(out, "  %-8s%9s%9s%10s%10s%10s%10s%22s\n", bench_kind_name((enum bench_kind)i),
                bench_text_quantile(&kind->delay, 0.5).s, bench_text_quantile(&kind->delay, 0.99).s,
                bench_text_quantile(&kind->delay, 1).s, bench_text_count(kind->freezes).s,
                froze ? bench_text_ms((double)kind->freeze_us).s : "-",
                froze ? bench_text_ms((double)kind->freeze_longest_us).s : "-", frames);
    }
    uint64_t duplicated = 0, corrupt = 0, wrong = 0;
    for (unsigned i = 0; i < BENCH_KINDS; i++) {
        duplicated += result->kinds[i].duplicated;
        corrupt += result->kinds[i].corrupt;
        wrong += result->kinds[i].wrong;
    }
    row(out, "never right",
        "%" PRIu64 " corrupt, %" PRIu64 " duplicated, %" PRIu64 " wrong, %" PRIu64 " not authentic packets; %" PRIu64
        " protocol problems",
        corrupt, duplicated, wrong, result->auth_failures, result->protocol_problems);
    row(out, "repair", "%s packets asked for again, %s key frames asked for; the network profile took %s",
        bench_text_count(result->nacks).s, bench_text_count(result->keyframe_requests).s,
        bench_text_count(result->network_lost).s);
    if (result->decoded_tracks == 0)
        row(out, "decoded", "no sample");
    else
        row(out, "decoded",
            "%u tracks: %s frames, %" PRIu64 " undecodable, %s compared, %" PRIu64 " wrong, PSNR mean %s, least %s",
            result->decoded_tracks, bench_text_count(result->decoded_frames).s, result->undecodable_frames,
            bench_text_count(result->compared_frames).s, result->wrong_frames,
            bench_text_number(result->compared_frames > 0 ? result->psnr_mean_db : -1, 1, "dB").s,
            bench_text_number(result->compared_frames > 0 ? result->psnr_min_db : -1, 1, "dB").s);
}

static void cost(FILE *out, const struct bench_result *result)
{
    fprintf(out, "\n");
    row(out, "server", "CPU %s a delivered packet, %s; threads %s, dropped by its sockets %s",
        bench_text_number(bench_result_cost_us(result), 1, "us").s,
        bench_text_number(bench_result_server_cores(result), 2, "cores").s,
        result->server_threads > 0 ? bench_text_count(result->server_threads).s : "-",
        result->has_server_cpu ? bench_text_count(result->server_socket_drops).s : "-");
    if (result->server_thread[0] != '\0')
        row(out, "", "busiest thread %s: %s", result->server_thread,
            bench_text_number(result->server_thread_cores, 2, "cores").s);
    if (result->has_server_memory)
        row(out, "", "memory %s at the start, %s at most, %s at the end",
            bench_text_memory(result->server_memory_start_bytes).s,
            bench_text_memory(result->server_memory_peak_bytes).s,
            bench_text_memory(result->server_memory_end_bytes).s);
    else
        row(out, "", "memory not known");
    row(out, "generator", "%s, late p99 %s max %s, dropped by its sockets %s: %s%s%s",
        bench_text_number(bench_result_generator_cores(result), 2, "cores").s,
        bench_text_quantile(&result->generator_late, 0.99).s, bench_text_quantile(&result->generator_late, 1).s,
        bench_text_count(result->generator_socket_drops).s, result->generator_saturated ? "SATURATED" : "kept up",
        result->generator_saturated && result->generator_why[0] != '\0' ? ", " : "",
        result->generator_saturated ? result->generator_why : "");
}

static void verdicts(FILE *out, const struct bench_result *result)
{
    if (result->verdict_count == 0)
        return;
    fprintf(out, "\n%-20s%12s%12s   %s\n", "service level", "value", "limit", "verdict");
    for (unsigned i = 0; i < result->verdict_count; i++) {
        const struct bench_verdict *verdict = &result->verdicts[i];
        if (!verdict->asked && !verdict->known)
            continue;
        fprintf(out, "  %-18s%12s%12s   %s\n", verdict->name,
                verdict->known ? bench_text_level(verdict->value, verdict->unit).s : "-",
                verdict->asked ? bench_text_level(verdict->limit, verdict->unit).s : "-",
                !verdict->asked   ? "not asked"
                : verdict->ok     ? "pass"
                : !verdict->known ? "FAIL: could not be measured"
                                  : "FAIL");
    }
}

static void failures(FILE *out, const struct bench_result *result)
{
    unsigned written = result->failure_count < BENCH_FAILURES_MAX ? result->failure_count : BENCH_FAILURES_MAX;
    if (result->failure_count > 0)
        fprintf(out, "\n%u failure%s:\n", result->failure_count, result->failure_count == 1 ? "" : "s");
    for (unsigned i = 0; i < written; i++)
        row_indented(out, 4, "  -", result->failures[i]);
    if (result->failure_count > written)
        fprintf(out, "  and %u more\n", result->failure_count - written);
}

int bench_report_table(FILE *out, const struct bench_result *result)
{
    char sentence[1024];
    what_ran(out, result);
    people(out, result);
    media_counts(out, result);
    media_quality(out, result);
    cost(out, result);
    verdicts(out, result);
    failures(out, result);
    bench_report_sentence(result, sentence, sizeof sentence);
    fprintf(out, "\n%s\n", sentence);
    return fflush(out) != 0 || ferror(out) ? BASE_ERR_IO : 0;
}
