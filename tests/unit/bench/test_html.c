/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "bench/report/html.h"
#include "bench/report/plot.h"
#include "tests/support/bench_result.h"
#include "tests/support/test.h"
#include "tests/support/xml_check.h"

static struct bench_result result;

static void fresh(unsigned seconds)
{
    bench_result_clear(&result);
    fake_result(&result, seconds);
    bench_thresholds_judge(&bench_thresholds_default, &result);
}

/** Well-formed, and nothing from elsewhere: no script, no style outside the sheet, no address but the name spaces. */
static void check_page(int *t_failed, const char *page)
{
    T_CHECK(page != NULL);
    const char *error = xml_check(page);
    if (error != NULL)
        printf("    %s\n", error);
    T_CHECK(error == NULL);
    static const char *const forbidden[] = {
        "<script", "<link", "<img", "<iframe", "<form", " style=", " on", "url(", "@import", "javascript:", " href="};
    for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++) {
        /* " on" in a tag would be a handler; in texts it is a word */
        const char *at = page;
        while ((at = strstr(at, forbidden[i])) != NULL && strcmp(forbidden[i], " on") == 0) {
            size_t len = strspn(at + 3, "abcdefghijklmnopqrstuvwxyz");
            T_CHECK(strncmp(at + 3 + len, "=\"", 2) != 0);
            at++;
        }
        T_CHECK(at == NULL);
    }
    for (const char *at = strstr(page, "://"); at != NULL; at = strstr(at + 1, "://")) {
        T_CHECK(at - page > 12);
        T_EQ(strncmp(at - 11, "xmlns=\"http", 11), 0);
    }
}

static char *page_of(void)
{
    return fake_written(bench_report_html, &result);
}

static size_t count_of(const char *page, const char *what)
{
    size_t count = 0, len = strlen(what);
    for (size_t i = 0; page[i] != 0; i++)
        count += strncmp(page + i, what, len) == 0;
    return count;
}

T_TEST(the_checker_can_fail)
{
    static const char *const bad[] = {"<p></p>",
                                      "<!DOCTYPE html>\n<p>",
                                      "<!DOCTYPE html>\n<p></b>",
                                      "<!DOCTYPE html>\n<p>a & b</p>",
                                      "<!DOCTYPE html>\n<p>a > b</p>",
                                      "<!DOCTYPE html>\n<p a=b></p>",
                                      "<!DOCTYPE html>\n<p a=\"<\"></p>",
                                      "<!DOCTYPE html>\n<p a=\"1\" a=\"2\"></p>",
                                      "<!DOCTYPE html>\n<p></p><p></p>",
                                      "<!DOCTYPE html>\n<p>\x1b</p>",
                                      "<!DOCTYPE html>\n<p></p>x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        T_CHECK(xml_check(bad[i]) != NULL);
    T_CHECK(xml_check("<!DOCTYPE html>\n<p a=\"1\" b=\"&amp;\">x<br /></p>\n") == NULL);
}

T_TEST(a_page_is_well_formed_and_says_it)
{
    fresh(120);
    char *page = page_of();
    T_CALL(check_page(t_failed, page));
    T_CHECK(strstr(page, "<strong>PASSED</strong>") != NULL);
    T_CHECK(strstr(page, "18446744073709551557") != NULL); /* the seed */
    T_CHECK(strstr(page, "Imaginary CPU 3000") != NULL);   /* the machine */
    T_CHECK(strstr(page, "--duration 120") != NULL);       /* the command */
    T_CHECK(strstr(page, "default-src 'none'; style-src 'sha256-") != NULL);
    T_CHECK(strstr(page, "prefers-color-scheme:dark") != NULL && strstr(page, "@media print") != NULL);
    size_t figures = count_of(page, "<figure");
    T_CHECK(figures >= 9);
    T_EQ(count_of(page, "role=\"img\""), figures);
    T_EQ(count_of(page, "<desc"), figures);
    T_EQ(count_of(page, "<details>"), figures);
    free(page);
}

T_TEST(what_failed_is_said_in_words)
{
    fresh(60);
    result.kinds[BENCH_KIND_CAMERA].tracks_missing = 3;
    bench_result_fail(&result, "person 4 never saw person 9");
    bench_thresholds_judge(&bench_thresholds_default, &result);
    char *page = page_of();
    T_CALL(check_page(t_failed, page));
    T_CHECK(strstr(page, "<strong>FAILED</strong>") != NULL && strstr(page, "FAIL</td>") != NULL);
    T_CHECK(strstr(page, "missing-tracks 3 (limit 0)") != NULL);
    T_CHECK(strstr(page, "<li>person 4 never saw person 9</li>") != NULL);
    free(page);
    result.generator_saturated = true;
    page = page_of();
    T_CHECK(strstr(page, "<strong>DOES NOT COUNT</strong>") != NULL && strstr(page, "PASSED") == NULL);
    free(page);
}

T_TEST(evil_texts_stay_texts)
{
    fresh(20);
    fake_make_evil(&result);
    bench_thresholds_judge(&bench_thresholds_default, &result);
    char *page = page_of();
    T_CALL(check_page(t_failed, page));
    T_CHECK(strstr(page, "&lt;script&gt;alert(&quot;1&quot;)") != NULL);
    T_CHECK(strchr(page, '\x1b') == NULL && strchr(page, '\xff') == NULL);
    free(page);
}

T_TEST(empty_and_partial_results)
{
    bench_result_clear(&result);
    char *page = page_of();
    T_CALL(check_page(t_failed, page));
    T_CHECK(strstr(page, "NOT JUDGED") != NULL);
    free(page);
    bench_thresholds_judge(&bench_thresholds_default, &result);
    struct bench_sample *sample = bench_result_sample(&result); /* one second in which nothing is known */
    sample->server_cpu = sample->generator_cpu = -1;
    page = page_of();
    T_CALL(check_page(t_failed, page));
    T_CHECK(strstr(page, "Nothing is known about this") != NULL && strstr(page, "nan") == NULL);
    free(page);
    fresh(3);
    result.interrupted = true;
    result.samples[5].server_cpu = 0.0 / 0.0;
    result.samples[6].server_cpu = 1.0 / 0.0;
    result.samples[7].delivered_bps = UINT64_MAX;
    result.samples[8].at_us = UINT64_MAX;
    memset(&result.join, 0, sizeof result.join);
    bench_histogram_add(&result.join, UINT64_MAX);
    page = page_of();
    T_CALL(check_page(t_failed, page));
    T_CHECK(strstr(page, "INTERRUPTED") != NULL);
    free(page);
}

T_TEST(a_run_of_hours_stays_a_small_page)
{
    fresh(14400);
    result.samples[9000].delay_p99_us = 987000; /* one bad second of four hours must not be thinned away */
    char *page = page_of();
    T_CALL(check_page(t_failed, page));
    T_CHECK(strlen(page) < 1500000);
    T_CHECK(strstr(page, "greatest 987") != NULL);
    T_CHECK(strstr(page, "Each point stands for ") != NULL);
    free(page);
}

T_TEST(layers_are_named_by_how_many_there_are)
{
    fresh(10);
    char *page = page_of();
    T_CHECK(strstr(page, "</svg>low layer</li>") != NULL && strstr(page, "</svg>middle layer</li>") != NULL);
    T_CHECK(strstr(page, "</svg>high layer</li>") != NULL && strstr(page, "</svg>cameras</li>") == NULL);
    free(page);
    for (size_t i = 0; i < result.sample_count; i++)
        result.samples[i].layer_bps[2] = 0;
    page = page_of();
    T_CHECK(strstr(page, "</svg>high layer</li>") != NULL && strstr(page, "</svg>middle layer</li>") == NULL);
    free(page);
    for (size_t i = 0; i < result.sample_count; i++)
        result.samples[i].layer_bps[1] = 0;
    page = page_of();
    T_CHECK(strstr(page, "</svg>cameras</li>") != NULL && strstr(page, "layer</li>") == NULL);
    free(page);
}

T_TEST(a_full_disk_is_told)
{
    FILE *full = fopen("/dev/full", "w");
    if (full == NULL)
        return;
    fresh(60);
    T_EQ(bench_report_html(full, &result), BASE_ERR_IO);
    fclose(full);
}

/* --- plots --- */

static char *plotted(const struct bench_plot *plot)
{
    char *text = NULL;
    size_t len = 0;
    FILE *file = open_memstream(&text, &len);
    bench_html_begin(file, "x");
    bench_plot_write(file, plot);
    bench_html_end(file);
    fclose(file);
    return text;
}

T_TEST(a_gap_is_a_gap)
{
    struct bench_plot plot = {.id = "p",
                              .title = "t",
                              .hint = "",
                              .unit = "ms",
                              .x_name = "x",
                              .x_unit = "s",
                              .point_count = 5,
                              .x = {1, 2, 3, 4, 5},
                              .x_end = 5,
                              .series_count = 1,
                              .series = {{.name = "a", .values = {1, 2, NAN, 4, 4}}}};
    char *page = plotted(&plot);
    T_CALL(check_page(t_failed, page));
    T_CHECK(strstr(page, "d=\"M200.0 750.0h0L400.0 500.0M800.0 0.0h0L1000.0 0.0\"") != NULL);
    T_CHECK(strstr(page, "least 1.00, greatest 4.00, last 4.00 ms") != NULL);
    T_EQ(count_of(page, "<td>-</td>"), 1);
    free(page);
}

T_TEST(areas_lie_upon_each_other)
{
    struct bench_plot plot = {.id = "p",
                              .title = "t",
                              .hint = "",
                              .unit = "Mbit/s",
                              .x_name = "x",
                              .x_unit = "s",
                              .style = BENCH_PLOT_STACKED,
                              .point_count = 2,
                              .x = {0, 1},
                              .x_end = 1,
                              .series_count = 2,
                              .series = {{.name = "low", .values = {1, 1}}, {.name = "high", .values = {3, 3}}}};
    char *page = plotted(&plot);
    T_CALL(check_page(t_failed, page));
    T_CHECK(strstr(page, "d=\"M0.0 750.0L1000.0 750.0L1000.0 1000.0L0.0 1000.0Z\"") != NULL);
    T_CHECK(strstr(page, "d=\"M0.0 0.0L1000.0 0.0L1000.0 750.0L0.0 750.0Z\"") != NULL);
    free(page);
}

T_TEST(a_limit_within_the_scale_is_drawn)
{
    struct bench_plot plot = {.id = "p",
                              .title = "t",
                              .hint = "",
                              .unit = "ms",
                              .x_name = "x",
                              .x_unit = "s",
                              .point_count = 2,
                              .x = {0, 1},
                              .x_end = 1,
                              .series_count = 1,
                              .limit = 100,
                              .series = {{.name = "a", .values = {50, 200}}}};
    char *page = plotted(&plot);
    T_CHECK(strstr(page, "<line class=\"limit\" x1=\"0\" x2=\"100%\" y1=\"50.00%\"") != NULL);
    free(page);
    plot.limit = 500;
    page = plotted(&plot);
    T_CHECK(strstr(page, "<line class=\"limit\"") == NULL && strstr(page, "Limit 500 ms, above this scale.") != NULL);
    free(page);
    plot.point_count = 0;
    page = plotted(&plot);
    T_CALL(check_page(t_failed, page));
    T_CHECK(strstr(page, "Nothing is known") != NULL);
    free(page);
    bench_result_clear(&result);
}

T_MAIN(T_CASE(the_checker_can_fail), T_CASE(a_page_is_well_formed_and_says_it), T_CASE(what_failed_is_said_in_words),
       T_CASE(evil_texts_stay_texts), T_CASE(empty_and_partial_results), T_CASE(a_run_of_hours_stays_a_small_page),
       T_CASE(layers_are_named_by_how_many_there_are), T_CASE(a_full_disk_is_told), T_CASE(a_gap_is_a_gap),
       T_CASE(areas_lie_upon_each_other), T_CASE(a_limit_within_the_scale_is_drawn))
