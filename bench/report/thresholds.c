/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/report.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define ERROR_MAX 160

const struct bench_thresholds bench_thresholds_default = {
    .loss = 0.001,
    .worst_track = 0.1,
    .delay_p99_ms = 150,
    .join_p99_ms = 3000,
    /* before its first packet nothing of a track is expected: so that must come soon */
    .first_sound_p99_ms = 3000,
    .first_picture_p99_ms = 3000,
    .freezes = 1,
    .audio_gaps = 1,
    .frozen = 0.01,
    .missing_tracks = 0,
    .failed_joins = 0,
    .errors = 0,
    .psnr_db = -1,
    .server_cpu = -1,
};

/** What was found out about one level: whether it can be told at all, and the value in the unit of its verdict. */
struct finding {
    bool known;
    double value;
};

enum unit { UNIT_SHARE, UNIT_TIME, UNIT_RATE, UNIT_NUMBER, UNIT_DB, UNIT_CORES };

struct level {
    const char *name;
    size_t offset; /**< in struct bench_thresholds */
    enum unit unit;
    const char *unit_text; /**< of the verdict */
    bool at_least;         /**< more is better */
    struct finding (*find)(const struct bench_result *result);
};

static uint64_t tracks_of(const struct bench_result *result)
{
    uint64_t sum = 0;
    for (unsigned kind = 0; kind < BENCH_KINDS; kind++)
        sum += result->kinds[kind].tracks;
    return sum;
}

/**
 * The worst kind of media, in percent: audio is few packets, its loss would drown in the sum. What the network profile
 * took on purpose and nobody repaired is not the server's: each kind is credited with its part of it, by packets.
 */
static struct finding find_loss(const struct bench_result *result)
{
    struct finding found = {false, 0};
    double all = (double)bench_result_expected(result);
    for (unsigned i = 0; i < BENCH_KINDS; i++) {
        const struct bench_kind_result *kind = &result->kinds[i];
        if (kind->expected == 0)
            continue;
        double expected = (double)kind->expected, lost = expected - (double)kind->delivered;
        double taken = (double)result->network_lost * expected / all - (double)kind->repaired;
        if (taken > 0)
            lost -= taken;
        double percent = lost > 0 ? 100 * lost / expected : 0;
        if (!found.known || percent > found.value)
            found = (struct finding){true, percent};
    }
    return found;
}

/**
 * Of one track, in percent: what is lost of one in a thousand does not show in the sum. All that the network profile
 * took may have been this track's.
 */
static struct finding find_worst_track(const struct bench_result *result)
{
    struct finding found = {tracks_of(result) > 0, 0};
    for (unsigned i = 0; i < BENCH_KINDS; i++) {
        const struct bench_kind_result *kind = &result->kinds[i];
        uint64_t lost = kind->worst_expected - kind->worst_delivered;
        if (lost > result->network_lost)
            found.value = fmax(found.value, 100 * (double)(lost - result->network_lost) / (double)kind->worst_expected);
    }
    return found;
}

/** Of the worst kind. A kind that should have come and of which nothing came has no delay: then it is not known. */
static struct finding find_delay(const struct bench_result *result)
{
    struct finding found = {false, 0};
    for (unsigned i = 0; i < BENCH_KINDS; i++) {
        const struct bench_kind_result *kind = &result->kinds[i];
        if (kind->expected == 0 && kind->delay.count == 0)
            continue;
        if (kind->delay.count == 0)
            return (struct finding){false, 0};
        double ms = (double)bench_histogram_quantile(&kind->delay, 0.99) / 1e3;
        if (!found.known || ms > found.value)
            found = (struct finding){true, ms};
    }
    return found;
}

static struct finding p99_ms(const struct bench_histogram *histogram)
{
    return (struct finding){histogram->count > 0, (double)bench_histogram_quantile(histogram, 0.99) / 1e3};
}

static struct finding find_join(const struct bench_result *result)
{
    return p99_ms(&result->join);
}

static struct finding find_first_sound(const struct bench_result *result)
{
    if (result->kinds[BENCH_KIND_AUDIO].tracks == 0 && tracks_of(result) != 0)
        return (struct finding){true, 0}; /* there are no sounds */
    return p99_ms(&result->first_audio);
}

static struct finding find_first_picture(const struct bench_result *result)
{
    uint64_t sounds = result->kinds[BENCH_KIND_AUDIO].tracks;
    if (sounds != 0 && sounds == tracks_of(result))
        return (struct finding){true, 0}; /* there are no pictures */
    return p99_ms(&result->first_picture);
}

/** How long its tracks were there, all together. One that was there for a while only (a turn at the screen, a short
 * stay) had only that while. */
static double watched_us(const struct bench_result *result, const struct bench_kind_result *kind)
{
    if (kind->watched_us != 0)
        return (double)kind->watched_us;
    return (double)(kind->tracks - kind->tracks_missing) * result->measured_s * 1e6;
}

/** Interruptions a minute and track of the worst of the kinds. A missing track is no track without interruptions. */
static struct finding find_interruptions(const struct bench_result *result, enum bench_kind from, enum bench_kind to)
{
    struct finding found = {tracks_of(result) > 0 && result->measured_s > 0, 0};
    for (unsigned i = (unsigned)from; found.known && i <= (unsigned)to; i++) {
        const struct bench_kind_result *kind = &result->kinds[i];
        if (kind->tracks == 0)
            continue;
        if (kind->tracks_missing >= kind->tracks)
            return (struct finding){false, 0};
        found.value = fmax(found.value, (double)kind->freezes / (watched_us(result, kind) / 60e6));
    }
    return found;
}

static struct finding find_freezes(const struct bench_result *result)
{
    return find_interruptions(result, BENCH_KIND_CAMERA, BENCH_KIND_SCREEN);
}

static struct finding find_audio_gaps(const struct bench_result *result)
{
    return find_interruptions(result, BENCH_KIND_AUDIO, BENCH_KIND_AUDIO);
}

/** Percent of the time that the worst kind stood still: one freeze of a minute is only one freeze. */
static struct finding find_frozen(const struct bench_result *result)
{
    struct finding found = {false, 0};
    for (unsigned i = 0; i < BENCH_KINDS; i++) {
        const struct bench_kind_result *kind = &result->kinds[i];
        double us = kind->tracks > kind->tracks_missing ? watched_us(result, kind) : 0;
        if (us <= 0)
            continue;
        found.known = true;
        found.value = fmax(found.value, 100 * (double)kind->freeze_us / us);
    }
    return found;
}

static struct finding find_missing(const struct bench_result *result)
{
    return (struct finding){tracks_of(result) > 0, (double)bench_result_tracks_missing(result)};
}

static struct finding find_failed_joins(const struct bench_result *result)
{
    return (struct finding){result->entered + result->failed_joins > 0, (double)result->failed_joins};
}

/** What is never right: see bench_result_errors(). Where nothing arrived, nothing is known to be right. */
static struct finding find_errors(const struct bench_result *result)
{
    return (struct finding){bench_result_delivered(result) > 0, (double)bench_result_errors(result)};
}

static struct finding find_psnr(const struct bench_result *result)
{
    return (struct finding){result->compared_frames > 0, result->psnr_mean_db};
}

static struct finding find_cpu(const struct bench_result *result)
{
    double cores = bench_result_server_cores(result);
    return (struct finding){cores >= 0, cores};
}

#define AT(field) offsetof(struct bench_thresholds, field)
static const struct level levels[] = {
    {"missing-tracks", AT(missing_tracks), UNIT_NUMBER, "", false, find_missing},
    {"failed-joins", AT(failed_joins), UNIT_NUMBER, "", false, find_failed_joins},
    {"errors", AT(errors), UNIT_NUMBER, "", false, find_errors},
    {"loss", AT(loss), UNIT_SHARE, "%", false, find_loss},
    {"worst-track", AT(worst_track), UNIT_SHARE, "%", false, find_worst_track},
    {"delay-p99", AT(delay_p99_ms), UNIT_TIME, "ms", false, find_delay},
    {"join-p99", AT(join_p99_ms), UNIT_TIME, "ms", false, find_join},
    {"first-sound-p99", AT(first_sound_p99_ms), UNIT_TIME, "ms", false, find_first_sound},
    {"first-picture-p99", AT(first_picture_p99_ms), UNIT_TIME, "ms", false, find_first_picture},
    {"freezes", AT(freezes), UNIT_RATE, "/min", false, find_freezes},
    {"audio-gaps", AT(audio_gaps), UNIT_RATE, "/min", false, find_audio_gaps},
    {"frozen", AT(frozen), UNIT_SHARE, "%", false, find_frozen},
    {"psnr", AT(psnr_db), UNIT_DB, "dB", true, find_psnr},
    {"cpu", AT(server_cpu), UNIT_CORES, "cores", false, find_cpu},
};
#define LEVELS (sizeof levels / sizeof levels[0])
_Static_assert(LEVELS <= BENCH_VERDICTS_MAX, "a verdict for each level");

const char *bench_thresholds_name(size_t i)
{
    return i < LEVELS ? levels[i].name : NULL;
}

static double *field_of(struct bench_thresholds *thresholds, const struct level *level)
{
    return (double *)(void *)((char *)thresholds + level->offset);
}

/** Reads "200ms", "0.5%", "1.5 cores". Returns whether `text` is a number of that unit in its range. */
static bool read_value(const char *text, enum unit unit, double *out)
{
    static const struct {
        enum unit unit;
        const char *suffix;
        double factor;
    } suffixes[] = {{UNIT_SHARE, "%", 0.01},  {UNIT_TIME, "ms", 1},     {UNIT_TIME, "s", 1000},
                    {UNIT_TIME, "us", 0.001}, {UNIT_RATE, "/min", 1},   {UNIT_DB, "dB", 1},
                    {UNIT_DB, "db", 1},       {UNIT_CORES, "cores", 1}, {UNIT_CORES, "core", 1}};
    if (!(text[0] >= '0' && text[0] <= '9') && text[0] != '.')
        return false; /* no sign, no "nan", no blanks */
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
        return false;
    char *end = NULL;
    errno = 0;
    double value = strtod(text, &end);
    if (end == text || errno != 0 || !isfinite(value))
        return false;
    while (*end == ' ')
        end++;
    bool known = *end == '\0';
    for (size_t i = 0; !known && i < sizeof suffixes / sizeof suffixes[0]; i++) {
        if (suffixes[i].unit == unit && strcmp(end, suffixes[i].suffix) == 0) {
            value *= suffixes[i].factor;
            known = true;
        }
    }
    if (!known || value > 1e9 || (unit == UNIT_SHARE && value > 1))
        return false;
    *out = value;
    return true;
}

int bench_thresholds_parse(struct bench_thresholds *out, const char *text, char *error)
{
    static const char *const examples[] = {"0.5%", "200ms or 2s", "0.5 (a minute and track)", "0", "30", "1.5"};
    const char *equals = strchr(text, '=');
    size_t len = equals != NULL ? (size_t)(equals - text) : strlen(text);
    for (size_t i = 0; i < LEVELS; i++) {
        const struct level *level = &levels[i];
        if (strlen(level->name) != len || strncmp(level->name, text, len) != 0)
            continue;
        double value = 0;
        if (equals == NULL) {
            snprintf(error, ERROR_MAX, "%s wants a value: %s=%s, or %s=off", level->name, level->name,
                     examples[level->unit], level->name);
            return BASE_ERR_INVALID;
        }
        if (strcmp(equals + 1, "off") == 0) {
            *field_of(out, level) = -1;
            return 0;
        }
        if (!read_value(equals + 1, level->unit, &value)) {
            snprintf(error, ERROR_MAX, "%s=%.40s: wants a value like %s, or off", level->name, equals + 1,
                     examples[level->unit]);
            return BASE_ERR_INVALID;
        }
        *field_of(out, level) = value;
        return 0;
    }
    int used = snprintf(error, ERROR_MAX, "no service level \"%.*s\"; there are", (int)(len < 24 ? len : 24), text);
    for (size_t i = 0; i < LEVELS && used > 0 && used < ERROR_MAX; i++)
        used += snprintf(error + used, (size_t)(ERROR_MAX - used), " %s", levels[i].name);
    return BASE_ERR_INVALID;
}

bool bench_thresholds_judge(const struct bench_thresholds *thresholds, struct bench_result *result)
{
    struct bench_thresholds copy = *thresholds;
    result->verdict_count = 0;
    for (size_t i = 0; i < LEVELS; i++) {
        const struct level *level = &levels[i];
        double limit = *field_of(&copy, level);
        struct finding found = level->find(result);
        struct bench_verdict *verdict = &result->verdicts[result->verdict_count++];
        memset(verdict, 0, sizeof *verdict);
        snprintf(verdict->name, sizeof verdict->name, "%s", level->name);
        snprintf(verdict->unit, sizeof verdict->unit, "%s", level->unit_text);
        verdict->asked = limit >= 0;
        verdict->known = found.known && isfinite(found.value);
        verdict->value = verdict->known ? found.value : 0;
        verdict->limit = verdict->asked ? limit * (level->unit == UNIT_SHARE ? 100 : 1) : 0;
        /* What was not asked cannot fail; what was asked and cannot be told has not been shown to hold. */
        verdict->ok =
            !verdict->asked ||
            (verdict->known && (level->at_least ? verdict->value >= verdict->limit : verdict->value <= verdict->limit));
    }
    return bench_result_passed(result);
}
