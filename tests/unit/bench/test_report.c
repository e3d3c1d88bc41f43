/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/report.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "bench/report/text.h"
#include "tests/support/bench_result.h"
#include "tests/support/test.h"

static struct bench_result result;

static void fresh(unsigned seconds)
{
    bench_result_clear(&result);
    fake_result(&result, seconds);
    bench_thresholds_judge(&bench_thresholds_default, &result);
}

/* --- texts --- */

T_TEST(figures_read_well)
{
    T_STR_EQ(bench_text_count(0).s, "0");
    T_STR_EQ(bench_text_count(999).s, "999");
    T_STR_EQ(bench_text_count(1000).s, "1,000");
    T_STR_EQ(bench_text_count(UINT64_MAX).s, "18,446,744,073,709,551,615");
    T_STR_EQ(bench_text_ms(800).s, "0.8 ms");
    T_STR_EQ(bench_text_ms(11600).s, "12 ms");
    T_STR_EQ(bench_text_ms(3410000).s, "3.41 s");
    T_STR_EQ(bench_text_loss(0, 0).s, "-");
    T_STR_EQ(bench_text_loss(1000, 1000).s, "0 %");
    T_STR_EQ(bench_text_loss(10000000, 9999999).s, "<0.001 %"); /* something is never nothing */
    T_STR_EQ(bench_text_loss(1000, 1001).s, "0 %");
    T_STR_EQ(bench_text_loss(1000, 0).s, "100.0 %");
    T_STR_EQ(bench_text_memory(0).s, "-");
    T_STR_EQ(bench_text_number(-1, 1, "us").s, "-");
    T_STR_EQ(bench_text_level(212, "ms").s, "212 ms");
    T_STR_EQ(bench_text_level(0.1, "%").s, "0.10 %");
}

T_TEST(foreign_texts_become_harmless)
{
    char out[64];
    bench_text_clean(out, sizeof out, "d\xC3\xA9j\xC3\xA0 \xF0\x9F\x98\x80");
    T_STR_EQ(out, "d\xC3\xA9j\xC3\xA0 \xF0\x9F\x98\x80");
    bench_text_clean(out, sizeof out, "a\x1b[2Jb\n\x7f");
    T_STR_EQ(out, "a\xEF\xBF\xBD[2Jb \xEF\xBF\xBD");
    static const char *const bad[] = {"\xC0\xAF",     "\xED\xA0\x80", "\xF4\x90\x80\x80",
                                      "\xEF\xBF\xBE", "\xC2\x9B",     "\xE2\x82",
                                      "\xFF",         "\x80",         "\xE2\x80\xAE"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        bench_text_clean(out, sizeof out, bad[i]);
        T_EQ(strncmp(out, "\xEF\xBF\xBD", 3), 0);
    }
    bench_text_clean(out, 4, "ab\xC3\xA9"); /* no half of a character */
    T_STR_EQ(out, "ab");
    bench_text_clean(out, sizeof out, "\xC3\xA9t\xC3\xA9");
    T_EQ(bench_text_width(out), 3);
    bench_text_cut(out, 2);
    T_STR_EQ(out, "\xC3\xA9t");
}

T_TEST(the_sentence_tells_how_it_ended)
{
    char text[1024];
    fresh(60);
    bench_report_sentence(&result, text, sizeof text);
    T_EQ(strncmp(text, "Passed: consilium 0.1.0, 24 people in 2 rooms: 550 of 550 tracks arrived", 70), 0);
    T_CHECK(strstr(text, "us of server CPU a delivered packet (0.64 cores).") != NULL);
    result.kinds[BENCH_KIND_CAMERA].delivered /= 2;
    result.kinds[BENCH_KIND_CAMERA].tracks_missing = 7;
    bench_thresholds_judge(&bench_thresholds_default, &result);
    bench_report_sentence(&result, text, sizeof text);
    T_EQ(strncmp(text, "Failed: ", 8), 0);
    T_CHECK(strstr(text, "missing-tracks 7 (limit 0), loss 50.0 % (limit 0.10 %)") != NULL);
    result.generator_saturated = true;
    snprintf(result.generator_why, sizeof result.generator_why, "its loop was 80 ms late");
    bench_report_sentence(&result, text, sizeof text);
    T_EQ(strncmp(text, "Does not count: ", 16), 0);
    T_CHECK(strstr(text, "80 ms late") != NULL && strstr(text, "Passed") == NULL);
    result.interrupted = true;
    bench_report_sentence(&result, text, sizeof text);
    T_EQ(strncmp(text, "Interrupted", 11), 0);
    snprintf(result.ended, sizeof result.ended, "the server has ended");
    bench_report_sentence(&result, text, sizeof text);
    T_EQ(strncmp(text, "Ended early (the server has ended)", 34), 0);
    bench_report_sentence(&result, text, 10);
    T_EQ(strlen(text), 9);
}

/* --- JSON --- */

static json_t *parsed(void)
{
    char *text = fake_written(bench_report_json, &result);
    json_t *root = text != NULL ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    free(text);
    return root;
}

/** A value by path "server.cpu_us". */
static const json_t *at(const json_t *root, const char *path)
{
    char key[64];
    while (root != NULL && *path != '\0') {
        size_t len = strcspn(path, ".");
        snprintf(key, sizeof key, "%.*s", (int)len, path);
        root = json_object_get(root, key);
        path += len + (path[len] == '.');
    }
    return root;
}

T_TEST(json_carries_the_values)
{
    fresh(60);
    json_t *root = parsed();
    T_CHECK(root != NULL);
    T_STR_EQ(json_string_value(at(root, "verdict")), "passed");
    T_CHECK(json_is_true(at(root, "passed")) && json_is_true(at(root, "counts")));
    T_STR_EQ(json_string_value(at(root, "run.seed")), "18446744073709551557");
    T_EQ(json_integer_value(at(root, "run.people")), 24);
    T_EQ(json_integer_value(at(root, "media.camera.packets_expected")), result.kinds[BENCH_KIND_CAMERA].expected);
    T_EQ(json_integer_value(at(root, "media.all.packets_delivered")), bench_result_delivered(&result));
    T_EQ(json_integer_value(at(root, "media.screen.delay.p99_us")),
         bench_histogram_quantile(&result.kinds[BENCH_KIND_SCREEN].delay, 0.99));
    T_EQ(json_integer_value(at(root, "server.cpu_us")), result.server_cpu_us);
    T_CHECK(json_real_value(at(root, "server.cpu_us_per_delivered_packet")) - bench_result_cost_us(&result) < 1e-6);
    T_EQ(json_array_size(at(root, "verdicts")), result.verdict_count);
    T_EQ(json_array_size(at(root, "samples")), result.sample_count);
    const json_t *sample = json_array_get(at(root, "samples"), 20);
    T_EQ(json_integer_value(at(sample, "delay_p99_us")), result.samples[20].delay_p99_us);
    T_CHECK(json_is_true(at(sample, "measured")) && json_is_null(at(sample, "join_p99_us")));
    json_decref(root);
}

T_TEST(json_says_null_for_what_is_not_known)
{
    static const char *const unknown[] = {"server.cpu_us",
                                          "server.cpu_cores",
                                          "server.cpu_us_per_delivered_packet",
                                          "server.memory_peak_bytes",
                                          "server.threads",
                                          "server.busiest_thread",
                                          "server.busiest_thread_cores",
                                          "server.socket_drops",
                                          "media.audio.loss_share",
                                          "media.all.delay.p50_us",
                                          "media.camera.delay.max_us",
                                          "joins.join.p99_us",
                                          "joins.join.mean_us",
                                          "decoded.psnr_mean_db",
                                          "decoded.psnr_min_db",
                                          "generator.cpu_cores"};
    bench_result_clear(&result);
    struct bench_sample *sample = bench_result_sample(&result);
    sample->server_cpu = sample->generator_cpu = -1;
    bench_thresholds_judge(&bench_thresholds_default, &result);
    json_t *root = parsed();
    T_CHECK(root != NULL);
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        if (!json_is_null(at(root, unknown[i])))
            printf("    %s\n", unknown[i]);
        T_CHECK(json_is_null(at(root, unknown[i])));
    }
    const json_t *first = json_array_get(at(root, "samples"), 0);
    T_CHECK(json_is_null(at(first, "server_cpu_cores")) && json_is_null(at(first, "server_memory_bytes")));
    T_CHECK(json_is_null(at(json_array_get(at(root, "verdicts"), 0), "value")));
    T_CHECK(json_is_false(at(root, "passed")));
    json_decref(root);
}

T_TEST(json_survives_evil_texts_and_numbers)
{
    fresh(5);
    fake_make_evil(&result);
    result.measured_s = 0.0 / 1;
    result.psnr_mean_db = -1.0 / 0.0;
    result.samples[0].server_cpu = 0.0 / 0.0;
    result.network_lost = UINT64_MAX;
    json_t *root = parsed();
    T_CHECK(root != NULL);
    T_CHECK(strstr(json_string_value(at(root, "run.target")), "<script>") != NULL); /* JSON needs no more than itself */
    T_CHECK(json_is_null(at(root, "decoded.psnr_mean_db")));
    T_EQ(json_integer_value(at(root, "failure_count")), BENCH_FAILURES_MAX + 1);
    T_EQ(json_array_size(at(root, "failures")), BENCH_FAILURES_MAX);
    json_decref(root);
}

/** Each key of a value, at any depth, stands in the manual as a word of its own. */
static void check_keys(int *t_failed, const json_t *value, const char *manual)
{
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        char word[64];
        snprintf(word, sizeof word, " %s ", key);
        if (strstr(manual, word) == NULL)
            printf("    the manual has no %s\n", key);
        T_CHECK(strstr(manual, word) != NULL);
        T_CALL(check_keys(t_failed, member, manual));
    }
    if (json_is_array(value) && json_array_size(value) > 0)
        T_CALL(check_keys(t_failed, json_array_get(value, 0), manual));
}

T_TEST(the_manual_names_every_key_and_level)
{
    static char manual[64000];
    const char *path = getenv("BENCH_MANUAL");
    if (path == NULL)
        return;
    FILE *file = fopen(path, "re");
    T_CHECK(file != NULL);
    size_t len = fread(manual, 1, sizeof manual - 1, file);
    fclose(file);
    manual[len] = '\0';
    for (const char *name; len-- > 0;) /* one word, one blank on each side */
        manual[len] = (name = strchr(",;\n()", manual[len])) != NULL && *name != '\0' ? ' ' : manual[len];
    fresh(5);
    json_t *root = parsed();
    T_CHECK(root != NULL);
    T_CALL(check_keys(t_failed, root, manual));
    json_decref(root);
    for (size_t i = 0; bench_thresholds_name(i) != NULL; i++) {
        char row[64];
        snprintf(row, sizeof row, " .It %s Ta ", bench_thresholds_name(i));
        T_CHECK(strstr(manual, row) != NULL);
    }
}

/* --- table --- */

static void check_lines(int *t_failed, const char *text, size_t width)
{
    for (const char *line = text; *line != '\0';) {
        char copy[4096];
        size_t len = strcspn(line, "\n");
        T_CHECK(len < sizeof copy);
        memcpy(copy, line, len);
        copy[len] = '\0';
        for (size_t i = 0; i < len; i++)
            T_CHECK((unsigned char)copy[i] >= 0x20 && copy[i] != 0x7f);
        bool last = line[len] == '\0' || line[len + 1] == '\0'; /* the sentence is one line, as long as it is */
        if (!last && bench_text_width(copy) > width)
            printf("    %s\n", copy);
        T_CHECK(last || bench_text_width(copy) <= width);
        line += len + (line[len] == '\n');
    }
}

T_TEST(table_fits_a_terminal_and_says_what_failed)
{
    fresh(7200);
    char *text = fake_written(bench_report_table, &result);
    T_CHECK(text != NULL);
    T_CALL(check_lines(t_failed, text, 100));
    T_CHECK(strstr(text, "pass\n") != NULL && strstr(text, "FAIL") == NULL);
    T_CHECK(strstr(text, "Passed: ") != NULL);
    free(text);
    fake_make_evil(&result);
    result.kinds[BENCH_KIND_SCREEN].tracks_missing = 1;
    bench_thresholds_judge(&bench_thresholds_default, &result);
    text = fake_written(bench_report_table, &result);
    T_CHECK(text != NULL);
    T_CALL(check_lines(t_failed, text, 100));
    T_CHECK(strstr(text, "FAIL\n") != NULL && strstr(text, "\x1b") == NULL);
    T_CHECK(strstr(text, "33 failures:") != NULL && strstr(text, "and 1 more") != NULL);
    free(text);
}

T_TEST(table_of_nothing)
{
    bench_result_clear(&result);
    char *text = fake_written(bench_report_table, &result);
    T_CHECK(text != NULL && strstr(text, "Not judged") != NULL);
    free(text);
    bench_thresholds_judge(&bench_thresholds_default, &result);
    text = fake_written(bench_report_table, &result);
    T_CHECK(text != NULL && strstr(text, "FAIL: could not be measured") != NULL);
    free(text);
}

T_TEST(a_full_disk_is_told)
{
    FILE *full = fopen("/dev/full", "w");
    if (full == NULL)
        return;
    fresh(60);
    T_EQ(bench_report_table(full, &result), BASE_ERR_IO);
    clearerr(full);
    T_EQ(bench_report_json(full, &result), BASE_ERR_IO);
    fclose(full);
}

/* --- live --- */

static char *live_text(bool terminal, unsigned shows)
{
    char *text = NULL;
    size_t len = 0;
    FILE *file = open_memstream(&text, &len);
    struct bench_live *live = NULL;
    if (file == NULL || bench_live_create(&live, file, terminal, 77) != 0)
        return NULL;
    struct bench_result so_far = result;
    for (unsigned i = 0; i <= shows; i++) {
        so_far.sample_count = i;
        bench_live_show(live, &so_far, i < 12 ? "ramp-up" : i < 17 ? "settling" : "measuring");
        bench_live_show(live, &so_far, i < 12 ? "ramp-up" : i < 17 ? "settling" : "measuring"); /* told twice */
    }
    bench_live_destroy(live);
    fclose(file);
    return text;
}

T_TEST(live_is_one_plain_line_a_second)
{
    fresh(60);
    char *text = live_text(false, 20);
    T_CHECK(text != NULL);
    unsigned lines = 0;
    for (const char *at_text = text; *at_text != '\0'; at_text++)
        lines += *at_text == '\n';
    T_EQ(lines, 21);
    T_CALL(check_lines(t_failed, text, 130));
    T_CHECK(strchr(text, '\r') == NULL);
    T_CHECK(strstr(text, "measuring  20/77 s  24 in") != NULL);
    free(text);
}

T_TEST(live_rewrites_one_line_on_a_terminal)
{
    fresh(60);
    char *text = live_text(true, 20);
    T_CHECK(text != NULL);
    T_CHECK(strchr(text, '\n') == text + strlen(text) - 1); /* the only one */
    for (const char *line = strtok(text, "\r\n"); line != NULL; line = strtok(NULL, "\r\n"))
        T_CHECK(bench_text_width(line) <= 79);
    free(text);
    bench_live_destroy(NULL);
}

T_TEST(about_knows_this_machine)
{
    bench_result_clear(&result);
    bench_result_about(&result);
    T_CHECK(strstr(result.machine, " core") != NULL && strstr(result.machine, "GiB of memory, Linux ") != NULL);
    T_CHECK(strstr(result.versions, "consilium-bench " CONSILIUM_VERSION ", OpenSSL 3") != NULL);
    T_CHECK(strstr(result.versions, "libvpx v") != NULL && strstr(result.versions, "libopus ") != NULL);
    T_EQ(strlen(result.started), 20);
    T_EQ(result.started[19], 'Z');
}

T_MAIN(T_CASE(figures_read_well), T_CASE(foreign_texts_become_harmless), T_CASE(the_sentence_tells_how_it_ended),
       T_CASE(json_carries_the_values), T_CASE(json_says_null_for_what_is_not_known),
       T_CASE(json_survives_evil_texts_and_numbers), T_CASE(the_manual_names_every_key_and_level),
       T_CASE(table_fits_a_terminal_and_says_what_failed), T_CASE(table_of_nothing), T_CASE(a_full_disk_is_told),
       T_CASE(live_is_one_plain_line_a_second), T_CASE(live_rewrites_one_line_on_a_terminal),
       T_CASE(about_knows_this_machine))
