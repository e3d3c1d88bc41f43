/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/json_value.h"

#include <inttypes.h>
#include <math.h>

#include "base/err.h"
#include "bench/report/report.h"
#include "bench/report/text.h"

#define DUMP (JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(12))

json_t *bench_json_text(const char *text)
{
    char clean[4096];
    bench_text_clean(clean, sizeof clean, text);
    return json_string(clean);
}

json_t *bench_json_real(bool known, double value)
{
    return known && isfinite(value) ? json_real(value) : json_null();
}

json_t *bench_json_count(bool known, uint64_t value)
{
    return known && value <= INT64_MAX ? json_integer((json_int_t)value) : json_null();
}

static json_t *count(uint64_t value)
{
    return bench_json_count(true, value);
}

/** Where 0 stands for "none". */
static json_t *count_or_null(uint64_t value)
{
    return bench_json_count(value != 0, value);
}

static json_t *real_or_null(double value)
{
    return bench_json_real(value >= 0, value);
}

static json_t *histogram(const struct bench_histogram *from)
{
    bool some = from->count > 0;
    return json_pack("{so so so so so so so}", "count", count(from->count), "mean_us",
                     bench_json_real(some, some ? (double)from->sum / (double)from->count : 0), "p50_us",
                     bench_json_count(some, bench_histogram_quantile(from, 0.5)), "p90_us",
                     bench_json_count(some, bench_histogram_quantile(from, 0.9)), "p99_us",
                     bench_json_count(some, bench_histogram_quantile(from, 0.99)), "p999_us",
                     bench_json_count(some, bench_histogram_quantile(from, 0.999)), "max_us",
                     bench_json_count(some, from->max));
}

static json_t *share_lost(uint64_t expected, uint64_t delivered)
{
    double lost = delivered < expected ? (double)(expected - delivered) : 0;
    return bench_json_real(expected > 0, expected > 0 ? lost / (double)expected : 0);
}

static json_t *layers(const uint64_t *values)
{
    json_t *array = json_array();
    for (unsigned i = 0; i < BENCH_LAYERS; i++)
        json_array_append_new(array, count(values[i]));
    return array;
}

static json_t *kind(const struct bench_kind_result *from)
{
    json_t *object = json_pack(
        "{so so so so so so so so so so}", "tracks", count(from->tracks), "tracks_missing", count(from->tracks_missing),
        "packets_expected", count(from->expected), "packets_delivered", count(from->delivered), "loss_share",
        share_lost(from->expected, from->delivered), "packets_repaired", count(from->repaired), "packets_reordered",
        count(from->reordered), "packets_duplicated", count(from->duplicated), "packets_corrupt", count(from->corrupt),
        "packets_wrong", count(from->wrong));
    json_t *rest =
        json_pack("{so so so so so so so so}", "frames_expected", count(from->frames_expected), "frames_shown",
                  count(from->frames), "freezes", count(from->freezes), "freeze_us", count(from->freeze_us),
                  "freeze_longest_us", count(from->freeze_longest_us), "bytes_delivered", count(from->bytes),
                  "layer_bytes", layers(from->layer_bytes), "delay", histogram(&from->delay));
    json_object_update(object, rest);
    json_object_set_new(object, "watched_us", count(from->watched_us));
    json_object_set_new(object, "worst_track_loss_share", share_lost(from->worst_expected, from->worst_delivered));
    json_decref(rest);
    return object;
}

static json_t *media(const struct bench_result *result)
{
    struct bench_histogram delay;
    uint64_t expected = bench_result_expected(result), delivered = bench_result_delivered(result);
    json_t *object = json_object();
    for (unsigned i = 0; i < BENCH_KINDS; i++)
        json_object_set_new(object, bench_kind_name((enum bench_kind)i), kind(&result->kinds[i]));
    bench_result_delay(result, &delay);
    json_object_set_new(object, "all",
                        json_pack("{so so so so so so}", "tracks_missing", count(bench_result_tracks_missing(result)),
                                  "packets_expected", count(expected), "packets_delivered", count(delivered),
                                  "loss_share", share_lost(expected, delivered), "errors",
                                  count(bench_result_errors(result)), "delay", histogram(&delay)));
    return object;
}

static json_t *run(const struct bench_result *result)
{
    char seed[24];
    snprintf(seed, sizeof seed, "%" PRIu64, result->seed); /* 64 bits: more than most readers' numbers hold */
    json_t *object =
        json_pack("{so so so so so so so so so so ss}", "scenario", bench_json_text(result->scenario), "description",
                  bench_json_text(result->description), "command_line", bench_json_text(result->command_line), "target",
                  bench_json_text(result->target), "target_version", bench_json_text(result->target_version),
                  "target_command", bench_json_text(result->target_command), "machine",
                  bench_json_text(result->machine), "versions", bench_json_text(result->versions), "started_utc",
                  bench_json_text(result->started), "network", bench_json_text(result->network), "seed", seed);
    json_t *rest = json_pack("{so so so so so so so}", "rooms", count(result->rooms), "people", count(result->people),
                             "publishers", count(result->publishers), "nice_people", count(result->nice_people),
                             "interrupted", json_boolean(result->interrupted), "ended", bench_json_text(result->ended),
                             "measured_s", bench_json_real(true, result->measured_s));
    json_object_update(object, rest);
    json_object_set_new(object, "srtp", bench_json_text(result->srtp));
    json_decref(rest);
    return object;
}

static json_t *joins(const struct bench_result *result)
{
    return json_pack("{so so so so so so so}", "entered", count(result->entered), "failed", count(result->failed_joins),
                     "dropped", count(result->dropped), "join", histogram(&result->join), "first_audio",
                     histogram(&result->first_audio), "first_picture", histogram(&result->first_picture), "rejoin",
                     histogram(&result->rejoin));
}

static json_t *server(const struct bench_result *result)
{
    bool cpu = result->has_server_cpu, memory = result->has_server_memory;
    /* threads and drops come from /proc; a server known by its /metrics only tells neither */
    bool proc = cpu && result->server_threads > 0;
    bool thread = result->server_thread[0] != '\0';
    return json_pack("{so so so so so so so so so so}", "cpu_us", bench_json_count(cpu, result->server_cpu_us),
                     "cpu_cores", real_or_null(bench_result_server_cores(result)), "cpu_us_per_delivered_packet",
                     real_or_null(bench_result_cost_us(result)), "memory_start_bytes",
                     bench_json_count(memory, result->server_memory_start_bytes), "memory_peak_bytes",
                     bench_json_count(memory, result->server_memory_peak_bytes), "memory_end_bytes",
                     bench_json_count(memory, result->server_memory_end_bytes), "threads",
                     bench_json_count(proc, result->server_threads), "busiest_thread",
                     thread ? bench_json_text(result->server_thread) : json_null(), "busiest_thread_cores",
                     bench_json_real(thread, result->server_thread_cores), "socket_drops",
                     bench_json_count(proc, result->server_socket_drops));
}

static json_t *generator(const struct bench_result *result)
{
    return json_pack("{so so so so so so}", "cpu_us", count(result->generator_cpu_us), "cpu_cores",
                     real_or_null(bench_result_generator_cores(result)), "late", histogram(&result->generator_late),
                     "socket_drops", count(result->generator_socket_drops), "saturated",
                     json_boolean(result->generator_saturated), "why", bench_json_text(result->generator_why));
}

static json_t *decoded(const struct bench_result *result)
{
    bool compared = result->compared_frames > 0;
    return json_pack("{so so so so so so so}", "tracks", count(result->decoded_tracks), "frames",
                     count(result->decoded_frames), "undecodable_frames", count(result->undecodable_frames),
                     "compared_frames", count(result->compared_frames), "wrong_frames", count(result->wrong_frames),
                     "psnr_mean_db", bench_json_real(compared, result->psnr_mean_db), "psnr_min_db",
                     bench_json_real(compared, result->psnr_min_db));
}

json_t *bench_json_verdict(const struct bench_verdict *verdict)
{
    return json_pack("{so so so so so so so}", "name", bench_json_text(verdict->name), "value",
                     bench_json_real(verdict->known, verdict->value), "limit",
                     bench_json_real(verdict->asked, verdict->limit), "unit", bench_json_text(verdict->unit), "asked",
                     json_boolean(verdict->asked), "known", json_boolean(verdict->known), "ok",
                     json_boolean(verdict->ok));
}

static json_t *sample(const struct bench_sample *from)
{
    json_t *object =
        json_pack("{so so so so so so so so so so}", "at_s", json_real((double)from->at_us / 1e6), "measured",
                  json_boolean(from->measured), "people", count(from->people), "entering", count(from->entering),
                  "failed", count(from->failed), "packets_expected", count(from->expected), "packets_delivered",
                  count(from->delivered), "packets_repaired", count(from->repaired), "delivered_bps",
                  count(from->delivered_bps), "layer_bps", layers(from->layer_bps));
    json_t *rest =
        json_pack("{so so so so so so so so so so}", "delay_p50_us", count_or_null(from->delay_p50_us), "delay_p99_us",
                  count_or_null(from->delay_p99_us), "join_p99_us", count_or_null(from->join_p99_us), "freezes",
                  count(from->freezes), "keyframe_requests", count(from->keyframe_requests), "nacks",
                  count(from->nacks), "server_cpu_cores", real_or_null(from->server_cpu), "generator_cpu_cores",
                  real_or_null(from->generator_cpu), "server_memory_bytes", count_or_null(from->server_memory_bytes),
                  "generator_late_us", count(from->generator_late_us));
    json_object_update(object, rest);
    json_decref(rest);
    return object;
}

json_t *bench_json_result(const struct bench_result *result)
{
    static const char *const words[] = {"passed", "failed", "saturated", "interrupted", "not judged"};
    char sentence[1024];
    bench_report_sentence(result, sentence, sizeof sentence);
    json_t *verdicts = json_array(), *failures = json_array(), *samples = json_array();
    for (unsigned i = 0; i < result->verdict_count; i++)
        json_array_append_new(verdicts, bench_json_verdict(&result->verdicts[i]));
    for (unsigned i = 0; i < result->failure_count && i < BENCH_FAILURES_MAX; i++)
        json_array_append_new(failures, bench_json_text(result->failures[i]));
    for (size_t i = 0; i < result->sample_count; i++)
        json_array_append_new(samples, sample(&result->samples[i]));
    json_t *chat = json_pack("{so so so}", "expected", count(result->chat_expected), "delivered",
                             count(result->chat_delivered), "delay", histogram(&result->chat_delay));
    json_t *transport = json_pack(
        "{so so so so so so}", "nacks", count(result->nacks), "keyframe_requests", count(result->keyframe_requests),
        "auth_failures", count(result->auth_failures), "unknown_packets", count(result->unknown_packets),
        "protocol_problems", count(result->protocol_problems), "network_profile_lost", count(result->network_lost));
    return json_pack("{ss si ss ss sb sb so so so so so so so so so so so so}", "format", "consilium-bench result",
                     "format_version", 1, "verdict", words[bench_report_word(result)], "sentence", sentence, "passed",
                     (int)bench_result_passed(result), "counts", (int)bench_result_counts(result), "run", run(result),
                     "joins", joins(result), "media", media(result), "chat", chat, "transport", transport, "decoded",
                     decoded(result), "server", server(result), "generator", generator(result), "verdicts", verdicts,
                     "failure_count", count(result->failure_count), "failures", failures, "samples", samples);
}

static void write_value(FILE *out, const json_t *value)
{
    if (!json_is_array(value) || !json_is_object(json_array_get(value, 0))) {
        json_dumpf(value, out, DUMP);
        return;
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        fputs(i == 0 ? "[\n    " : ",\n    ", out);
        json_dumpf(json_array_get(value, i), out, DUMP);
    }
    fputs("\n  ]", out);
}

int bench_json_write(FILE *out, json_t *object)
{
    const char *key;
    json_t *value;
    bool first = true;
    if (object == NULL)
        return BASE_ERR_IO;
    json_object_foreach(object, key, value)
    {
        fprintf(out, "%s\n  \"%s\": ", first ? "{" : ",", key); /* keys are ours: nothing to escape */
        write_value(out, value);
        first = false;
    }
    fputs("\n}\n", out);
    json_decref(object);
    return fflush(out) != 0 || ferror(out) ? BASE_ERR_IO : 0;
}

int bench_report_json(FILE *out, const struct bench_result *result)
{
    return bench_json_write(out, bench_json_result(result));
}
