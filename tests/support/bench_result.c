/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/bench_result.h"

#include <stdlib.h>
#include <string.h>

#define RAMP_S   12u
#define SETTLE_S 5u
#define PEOPLE   24u

const char fake_evil[] = "</td><script>alert(\"1\")</script> & 'q' \x1b[2J \x01 \xff\xfe \xc3 \"}]\n\xE2\x80\xAE end";

/** 0..below, the same every time. */
static uint64_t dice(uint64_t *state, uint64_t below)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (*state >> 33) % below;
}

static void texts(struct bench_result *result)
{
    snprintf(result->scenario, sizeof result->scenario, "rcp");
    snprintf(
        result->description, sizeof result->description,
        "2 rooms of 12, VP8 640x360 1000 kbit/s 25 fps in 3 layers, a shared screen 1920x1080, Opus, turns of 20 s");
    snprintf(
        result->command_line, sizeof result->command_line,
        "consilium-bench rcp --rooms 2 --people 12 --duration 120 --server build/release/platform/consilium --html "
        "report.html");
    snprintf(result->target, sizeof result->target, "consilium");
    snprintf(result->target_version, sizeof result->target_version, "consilium 0.1.0");
    snprintf(result->machine, sizeof result->machine,
             "Imaginary CPU 3000 @ 2.40GHz, 2 cores, 7.8 GiB of memory, Linux 6.1.0 x86_64");
    snprintf(result->versions, sizeof result->versions,
             "consilium-bench 0.1.0, OpenSSL 3.0.0, libvpx v1.12.0, libopus 1.3.1");
    snprintf(result->started, sizeof result->started, "2026-01-02T03:04:05Z");
    snprintf(result->network, sizeof result->network, "none");
}

static void media(struct bench_result *result, uint64_t *state)
{
    static const struct {
        uint64_t tracks, each, us;
    } kinds[BENCH_KINDS] = {{264, 50, 3}, {264, 95, 4}, {22, 120, 7}};
    for (unsigned i = 0; i < BENCH_KINDS; i++) {
        struct bench_kind_result *kind = &result->kinds[i];
        kind->tracks = kinds[i].tracks;
        kind->expected = kinds[i].tracks * kinds[i].each * (uint64_t)result->measured_s;
        kind->delivered = kind->expected - kind->expected / 50000;
        kind->repaired = kind->expected / 9000;
        kind->reordered = 3;
        kind->bytes = kind->delivered * (i == BENCH_KIND_AUDIO ? 90 : 1050);
        kind->frames_expected = i == BENCH_KIND_AUDIO ? 0 : kind->tracks * 25 * (uint64_t)result->measured_s;
        kind->frames = kind->frames_expected - kind->frames_expected / 4000;
        kind->freezes = i == BENCH_KIND_CAMERA ? 3 : 0;
        kind->freeze_us = kind->freezes * 310000;
        kind->freeze_longest_us = kind->freezes != 0 ? 420000 : 0;
        for (unsigned n = 0; n < 4000; n++)
            bench_histogram_add(&kind->delay,
                                900 + dice(state, 900) * dice(state, 4) + dice(state, 100) / 98 * 9000 * kinds[i].us);
    }
    result->kinds[BENCH_KIND_CAMERA].layer_bytes[0] = result->kinds[BENCH_KIND_CAMERA].bytes / 12;
    result->kinds[BENCH_KIND_CAMERA].layer_bytes[1] = result->kinds[BENCH_KIND_CAMERA].bytes / 4;
    result->kinds[BENCH_KIND_CAMERA].layer_bytes[2] = result->kinds[BENCH_KIND_CAMERA].bytes * 2 / 3;
}

static void samples(struct bench_result *result, unsigned seconds, uint64_t *state)
{
    for (unsigned second = 1; second <= RAMP_S + SETTLE_S + seconds; second++) {
        struct bench_sample *sample = bench_result_sample(result);
        if (sample == NULL)
            return;
        unsigned people = second < RAMP_S ? PEOPLE * second / RAMP_S : PEOPLE;
        uint64_t load = (uint64_t)people * people;
        sample->at_us = second * 1000000ull;
        sample->people = people;
        sample->entering = second <= RAMP_S ? 2 : 0;
        sample->expected = load * 75;
        sample->delivered = sample->expected - (dice(state, 12) == 0 ? dice(state, 60) : 0);
        sample->repaired = dice(state, 5) == 0 ? dice(state, 20) : 0;
        sample->layer_bps[0] = load * 14000 + dice(state, 900000);
        sample->layer_bps[1] = load * 45000 + dice(state, 2500000);
        sample->layer_bps[2] = load * 90000 + dice(state, 6000000);
        sample->delivered_bps = sample->layer_bps[0] + sample->layer_bps[1] + sample->layer_bps[2] + load * 16000;
        sample->delay_p50_us = 1100 + load + dice(state, 300);
        sample->delay_p99_us = 5200 + load * 9 + dice(state, 3000) + (dice(state, 30) == 0 ? 38000 : 0);
        sample->join_p99_us = second <= RAMP_S ? 180000 + people * 9000ull + dice(state, 60000) : 0;
        sample->freezes = dice(state, 60) == 0;
        sample->server_cpu = 0.02 + (double)load * 0.00105 + (double)dice(state, 40) / 1000;
        sample->generator_cpu = 0.03 + (double)load * 0.00085 + (double)dice(state, 30) / 1000;
        sample->server_memory_bytes = 21000000 + load * 24000 + second * 900;
        sample->generator_late_us = 120 + dice(state, 900);
        sample->measured = second > RAMP_S + SETTLE_S;
    }
}

void fake_result(struct bench_result *result, unsigned seconds)
{
    uint64_t state = 42;
    memset(result, 0, sizeof *result);
    result->seed = 18446744073709551557u;
    result->rooms = 2;
    result->people = result->publishers = PEOPLE;
    result->entered = PEOPLE;
    result->measured_s = seconds;
    texts(result);
    media(result, &state);
    for (unsigned i = 0; i < PEOPLE; i++) {
        bench_histogram_add(&result->join, 180000 + dice(&state, 240000));
        bench_histogram_add(&result->first_picture, 90000 + dice(&state, 200000));
        bench_histogram_add(&result->first_audio, 40000 + dice(&state, 50000));
    }
    result->chat_expected = result->chat_delivered = 88;
    for (unsigned i = 0; i < 88; i++)
        bench_histogram_add(&result->chat_delay, 800 + dice(&state, 900));
    for (unsigned i = 0; i < 10000; i++)
        bench_histogram_add(&result->generator_late, dice(&state, 1100));
    result->nacks = 912;
    result->keyframe_requests = 31;
    result->decoded_tracks = 6;
    result->decoded_frames = result->compared_frames = 150ull * seconds;
    result->psnr_mean_db = 36.4;
    result->psnr_min_db = 31.2;
    result->has_server_cpu = result->has_server_memory = true;
    result->server_cpu_us = (uint64_t)seconds * 640000;
    result->server_memory_start_bytes = 21000000;
    result->server_memory_peak_bytes = 35400000;
    result->server_memory_end_bytes = 35200000;
    result->server_threads = 4;
    result->generator_cpu_us = (uint64_t)seconds * 520000;
    samples(result, seconds, &state);
}

void fake_make_evil(struct bench_result *result)
{
    char *const fields[] = {result->scenario, result->description, result->command_line,   result->target,
                            result->network,  result->machine,     result->target_version, result->target_command,
                            result->versions, result->ended,       result->generator_why};
    const size_t sizes[] = {sizeof result->scenario,       sizeof result->description,    sizeof result->command_line,
                            sizeof result->target,         sizeof result->network,        sizeof result->machine,
                            sizeof result->target_version, sizeof result->target_command, sizeof result->versions,
                            sizeof result->ended,          sizeof result->generator_why};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        snprintf(fields[i], sizes[i], "%s", fake_evil);
    bench_result_fail(result, "room %s", fake_evil);
    for (unsigned i = 0; i < BENCH_FAILURES_MAX; i++)
        bench_result_fail(result, "person %u saw no picture of person %u", i, i + 1);
}

char *fake_written(int (*write)(FILE *out, const struct bench_result *result), const struct bench_result *result)
{
    char *text = NULL;
    size_t len = 0;
    FILE *file = open_memstream(&text, &len);
    if (file == NULL)
        return NULL;
    int err = write(file, result);
    fclose(file);
    if (err != 0) {
        free(text);
        return NULL;
    }
    return text;
}
