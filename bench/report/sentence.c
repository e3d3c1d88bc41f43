/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SENTENCE_MAX 1024

enum bench_verdict_word bench_report_word(const struct bench_result *result)
{
    if (result->interrupted)
        return BENCH_WORD_INTERRUPTED;
    if (result->generator_saturated)
        return BENCH_WORD_SATURATED;
    if (result->verdict_count == 0)
        return BENCH_WORD_NOT_JUDGED;
    return bench_result_passed(result) ? BENCH_WORD_PASSED : BENCH_WORD_FAILED;
}

const char *bench_report_word_text(enum bench_verdict_word word)
{
    switch (word) {
    case BENCH_WORD_PASSED:
        return "PASSED";
    case BENCH_WORD_FAILED:
        return "FAILED";
    case BENCH_WORD_SATURATED:
        return "DOES NOT COUNT";
    case BENCH_WORD_INTERRUPTED:
        return "INTERRUPTED";
    case BENCH_WORD_NOT_JUDGED:
        break;
    }
    return "NOT JUDGED";
}

struct line {
    char text[SENTENCE_MAX];
    size_t used;
};

__attribute__((format(printf, 2, 3))) static void add(struct line *line, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int len = vsnprintf(line->text + line->used, sizeof line->text - line->used, format, list);
    va_end(list);
    if (len > 0)
        line->used += (size_t)len;
    if (line->used >= sizeof line->text)
        line->used = sizeof line->text - 1;
}

static const char *plural(unsigned long long count)
{
    return count == 1 ? "" : "s";
}

static void add_load(struct line *line, const struct bench_result *result)
{
    const char *server = result->target_version[0] != '\0' ? result->target_version : result->target;
    add(line, "%s, %u people in %u room%s", server[0] != '\0' ? server : "the server", result->people, result->rooms,
        plural(result->rooms));
}

/** A judged figure as it was judged: of the worst kind of media. */
static struct bench_text judged(const struct bench_result *result, const char *name)
{
    for (unsigned i = 0; i < result->verdict_count; i++)
        if (strcmp(result->verdicts[i].name, name) == 0 && result->verdicts[i].known)
            return bench_text_level(result->verdicts[i].value, result->verdicts[i].unit);
    return (struct bench_text){"-"};
}

static void add_passed(struct line *line, const struct bench_result *result)
{
    uint64_t tracks = 0;
    for (unsigned i = 0; i < BENCH_KINDS; i++)
        tracks += result->kinds[i].tracks;
    add(line, ": %s of %s tracks arrived", bench_text_count(tracks - bench_result_tracks_missing(result)).s,
        bench_text_count(tracks).s);
    if (result->verdict_count > 0)
        add(line, ", loss %s, delay p99 %s", judged(result, "loss").s, judged(result, "delay-p99").s);
    if (bench_result_cost_us(result) >= 0)
        add(line, ", %s of server CPU a delivered packet", bench_text_number(bench_result_cost_us(result), 1, "us").s);
    if (bench_result_server_cores(result) >= 0)
        add(line, " (%s)", bench_text_number(bench_result_server_cores(result), 2, "cores").s);
}

static void add_failed(struct line *line, const struct bench_result *result)
{
    unsigned shown = 0, more = 0;
    for (unsigned i = 0; i < result->verdict_count; i++) {
        const struct bench_verdict *verdict = &result->verdicts[i];
        if (!verdict->asked || verdict->ok)
            continue;
        if (shown == 3) {
            more++;
            continue;
        }
        add(line, "%s %s ", shown == 0 ? ":" : ",", verdict->name);
        if (verdict->known)
            add(line, "%s", bench_text_level(verdict->value, verdict->unit).s);
        else
            add(line, "could not be measured");
        add(line, " (limit %s)", bench_text_level(verdict->limit, verdict->unit).s);
        shown++;
    }
    if (more > 0)
        add(line, ", and %u more", more);
}

void bench_report_sentence(const struct bench_result *result, char *out, size_t out_max)
{
    struct line line = {.used = 0};
    enum bench_verdict_word word = bench_report_word(result);
    const char *why;
    switch (word) {
    case BENCH_WORD_PASSED:
        add(&line, "Passed: ");
        add_load(&line, result);
        add_passed(&line, result);
        break;
    case BENCH_WORD_FAILED:
        add(&line, "Failed: ");
        add_load(&line, result);
        add_failed(&line, result);
        break;
    case BENCH_WORD_SATURATED:
        why = result->generator_why;
        add(&line,
            "Does not count: the load generator was the bottleneck%s%s%s; the figures tell nothing about the server",
            why[0] != '\0' ? " (" : "", why, why[0] != '\0' ? ")" : "");
        break;
    case BENCH_WORD_INTERRUPTED:
        /* an end that nobody here asked for is a finding about the server */
        add(&line, "%s%s%s%s: the figures are of %.0f s only and prove nothing",
            result->ended[0] == '\0' || strncmp(result->ended, "stopped", 7) == 0 ? "Interrupted" : "Ended early",
            result->ended[0] != '\0' ? " (" : "", result->ended, result->ended[0] != '\0' ? ")" : "",
            result->measured_s);
        break;
    case BENCH_WORD_NOT_JUDGED:
        add(&line, "Not judged: ");
        add_load(&line, result);
        add_passed(&line, result);
        break;
    }
    add(&line, ".");
    bench_text_clean(out, out_max, line.text);
}
