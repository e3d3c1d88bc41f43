/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/report.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "bench/report/html.h"
#include "bench/report/html_plots.h"

static bool used(const struct bench_kind_result *kind)
{
    return kind->tracks > 0 || kind->expected > 0 || kind->delivered > 0;
}

static struct bench_text worst_delay(const struct bench_result *result)
{
    double worst = -1;
    for (unsigned i = 0; i < BENCH_KINDS; i++)
        if (result->kinds[i].delay.count > 0)
            worst = fmax(worst, (double)bench_histogram_quantile(&result->kinds[i].delay, 0.99));
    return bench_text_ms(worst);
}

static void tiles(FILE *out, const struct bench_result *result)
{
    char note[96], worst[64];
    struct bench_histogram delay;
    bench_result_delay(result, &delay);
    fputs("<dl class=\"tiles\">\n", out);
    snprintf(note, sizeof note, "in %u room%s, %u publish", result->rooms, result->rooms == 1 ? "" : "s",
             result->publishers);
    bench_html_tile(out, "People", bench_text_count(result->people).s, note);
    snprintf(note, sizeof note, "of %s packets expected", bench_text_count(bench_result_expected(result)).s);
    bench_html_tile(out, "Loss", bench_text_loss(bench_result_expected(result), bench_result_delivered(result)).s,
                    note);
    snprintf(note, sizeof note, "of the slowest kind; p50 of all %s", bench_text_quantile(&delay, 0.5).s);
    bench_html_tile(out, "Delay, p99", worst_delay(result).s, note);
    snprintf(note, sizeof note, "p50 %s", bench_text_quantile(&result->join, 0.5).s);
    bench_html_tile(out, "Join time, p99", bench_text_quantile(&result->join, 0.99).s, note);
    uint64_t freezes = result->kinds[BENCH_KIND_CAMERA].freezes + result->kinds[BENCH_KIND_SCREEN].freezes;
    uint64_t longest = result->kinds[BENCH_KIND_CAMERA].freeze_longest_us;
    if (result->kinds[BENCH_KIND_SCREEN].freeze_longest_us > longest)
        longest = result->kinds[BENCH_KIND_SCREEN].freeze_longest_us;
    snprintf(worst, sizeof worst, "longest %s", freezes > 0 ? bench_text_ms((double)longest).s : "-");
    bench_html_tile(out, "Freezes", bench_text_count(freezes).s, worst);
    bench_html_tile(out, "Server CPU", bench_text_number(bench_result_server_cores(result), 2, "cores").s,
                    result->has_server_cpu ? "mean of the measured part" : "not known");
    bench_html_tile(out, "CPU a delivered packet", bench_text_number(bench_result_cost_us(result), 1, "us").s, "");
    bench_html_tile(out, "Server memory",
                    bench_text_memory(result->has_server_memory ? result->server_memory_peak_bytes : 0).s, "at most");
    fputs("</dl>\n", out);
}

static void failures(FILE *out, const struct bench_result *result)
{
    unsigned written = result->failure_count < BENCH_FAILURES_MAX ? result->failure_count : BENCH_FAILURES_MAX;
    if (result->failure_count == 0)
        return;
    fprintf(out, "<h2>What went wrong (%u)</h2>\n<div class=\"card\"><ul class=\"failures\">\n", result->failure_count);
    for (unsigned i = 0; i < written; i++) {
        fputs("<li>", out);
        bench_html_text(out, result->failures[i]);
        fputs("</li>\n", out);
    }
    if (result->failure_count > written)
        fprintf(out, "<li>and %u more</li>\n", result->failure_count - written);
    fputs("</ul></div>\n", out);
}

static void head(FILE *out, const char *const *names)
{
    fputs("<div class=\"card scroll\"><table><thead><tr>", out);
    for (; *names != NULL; names++)
        fprintf(out, "<th scope=\"col\">%s</th>", *names);
    fputs("</tr></thead><tbody>\n", out);
}

static void cell(FILE *out, const char *text)
{
    fputs("<td>", out);
    bench_html_text(out, text);
    fputs("</td>", out);
}

static void media(FILE *out, const struct bench_result *result)
{
    static const char *const counts[] = {"Kind",     "Tracks",    "Missing", "Packets expected", "Delivered", "Loss",
                                         "Repaired", "Reordered", NULL};
    static const char *const quality[] = {"Kind",   "Delay p50", "p99",          "Max", "Freezes",
                                          "In all", "Longest",   "Frames shown", NULL};
    fputs("<h2>Media</h2>\n", out);
    head(out, counts);
    for (unsigned i = 0; i < BENCH_KINDS; i++) {
        const struct bench_kind_result *kind = &result->kinds[i];
        if (!used(kind))
            continue;
        fprintf(out, "<tr><th scope=\"row\">%s</th>", bench_kind_name((enum bench_kind)i));
        cell(out, bench_text_count(kind->tracks).s);
        cell(out, bench_text_count(kind->tracks_missing).s);
        cell(out, bench_text_count(kind->expected).s);
        cell(out, bench_text_count(kind->delivered).s);
        cell(out, bench_text_loss(kind->expected, kind->delivered).s);
        cell(out, bench_text_count(kind->repaired).s);
        cell(out, bench_text_count(kind->reordered).s);
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table></div>\n<p></p>\n", out);
    head(out, quality);
    for (unsigned i = 0; i < BENCH_KINDS; i++) {
        const struct bench_kind_result *kind = &result->kinds[i];
        char frames[96] = "-";
        if (!used(kind))
            continue;
        if (kind->frames_expected > 0)
            snprintf(frames, sizeof frames, "%s of %s", bench_text_count(kind->frames).s,
                     bench_text_count(kind->frames_expected).s);
        fprintf(out, "<tr><th scope=\"row\">%s</th>", bench_kind_name((enum bench_kind)i));
        cell(out, bench_text_quantile(&kind->delay, 0.5).s);
        cell(out, bench_text_quantile(&kind->delay, 0.99).s);
        cell(out, bench_text_quantile(&kind->delay, 1).s);
        cell(out, bench_text_count(kind->freezes).s);
        cell(out, kind->freezes > 0 ? bench_text_ms((double)kind->freeze_us).s : "-");
        cell(out, kind->freezes > 0 ? bench_text_ms((double)kind->freeze_longest_us).s : "-");
        cell(out, frames);
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table></div>\n", out);
}

static void quantiles(FILE *out, const char *name, const struct bench_histogram *histogram)
{
    if (histogram->count > 0)
        bench_html_rowf(out, name, "p50 %s, p99 %s, at most %s (%s)", bench_text_quantile(histogram, 0.5).s,
                        bench_text_quantile(histogram, 0.99).s, bench_text_quantile(histogram, 1).s,
                        bench_text_count(histogram->count).s);
}

static void people(FILE *out, const struct bench_result *result)
{
    fputs("<h2>People</h2>\n<div class=\"card\"><table class=\"about\"><tbody>\n", out);
    bench_html_rowf(out, "Entered", "%s; %u failed to, %u lost their connection", bench_text_count(result->entered).s,
                    result->failed_joins, result->dropped);
    quantiles(out, "Join", &result->join);
    quantiles(out, "First sound", &result->first_audio);
    quantiles(out, "First picture", &result->first_picture);
    quantiles(out, "Back after a drop", &result->rejoin);
    if (result->chat_expected > 0)
        bench_html_rowf(out, "Chat", "%s of %s messages came", bench_text_count(result->chat_delivered).s,
                        bench_text_count(result->chat_expected).s);
    quantiles(out, "Chat delay", &result->chat_delay);
    if (result->nice_people > 0)
        bench_html_rowf(out, "libnice", "%u people used its agent", result->nice_people);
    fputs("</tbody></table></div>\n", out);
}

static void checks(FILE *out, const struct bench_result *result)
{
    uint64_t duplicated = 0, corrupt = 0, wrong = 0;
    for (unsigned i = 0; i < BENCH_KINDS; i++) {
        duplicated += result->kinds[i].duplicated;
        corrupt += result->kinds[i].corrupt;
        wrong += result->kinds[i].wrong;
    }
    fputs("<h2>Checks</h2>\n<div class=\"card\"><table class=\"about\"><tbody>\n", out);
    bench_html_rowf(out, "Never right",
                    "%" PRIu64 " packets corrupt, %" PRIu64 " duplicated, %" PRIu64 " wrong, %" PRIu64
                    " not authentic; %" PRIu64 " protocol problems",
                    corrupt, duplicated, wrong, result->auth_failures, result->protocol_problems);
    if (result->decoded_tracks == 0)
        bench_html_rowf(out, "Decoded", "no sample");
    else
        bench_html_rowf(out, "Decoded",
                        "%u tracks: %s frames, %" PRIu64 " undecodable; %s compared with their source, %" PRIu64
                        " wrong, PSNR mean %s, least %s",
                        result->decoded_tracks, bench_text_count(result->decoded_frames).s, result->undecodable_frames,
                        bench_text_count(result->compared_frames).s, result->wrong_frames,
                        bench_text_number(result->compared_frames > 0 ? result->psnr_mean_db : -1, 1, "dB").s,
                        bench_text_number(result->compared_frames > 0 ? result->psnr_min_db : -1, 1, "dB").s);
    bench_html_rowf(out, "Repair", "%s packets and %s key frames asked for again; the network profile took %s packets",
                    bench_text_count(result->nacks).s, bench_text_count(result->keyframe_requests).s,
                    bench_text_count(result->network_lost).s);
    fputs("</tbody></table></div>\n", out);
}

static void cost(FILE *out, const struct bench_result *result)
{
    fputs("<h2>Server and load generator</h2>\n<div class=\"card\"><table class=\"about\"><tbody>\n", out);
    bench_html_rowf(out, "Server CPU", "%s a delivered packet, %s",
                    bench_text_number(bench_result_cost_us(result), 1, "us").s,
                    bench_text_number(bench_result_server_cores(result), 2, "cores").s);
    if (result->has_server_memory)
        bench_html_rowf(out, "Server memory", "%s at the start, %s at most, %s at the end",
                        bench_text_memory(result->server_memory_start_bytes).s,
                        bench_text_memory(result->server_memory_peak_bytes).s,
                        bench_text_memory(result->server_memory_end_bytes).s);
    if (result->server_threads > 0)
        bench_html_rowf(out, "Server", "%s threads; its sockets dropped %s datagrams",
                        bench_text_count(result->server_threads).s, bench_text_count(result->server_socket_drops).s);
    if (result->server_thread[0] != '\0')
        bench_html_rowf(out, "Busiest thread of the server", "%s: %s", result->server_thread,
                        bench_text_number(result->server_thread_cores, 2, "cores").s);
    bench_html_rowf(out, "Generator", "%s%s; %s, late by p99 %s, at most %s; its sockets dropped %s datagrams",
                    result->generator_saturated ? "saturated: " : "kept up",
                    result->generator_saturated ? result->generator_why : "",
                    bench_text_number(bench_result_generator_cores(result), 2, "cores").s,
                    bench_text_quantile(&result->generator_late, 0.99).s,
                    bench_text_quantile(&result->generator_late, 1).s,
                    bench_text_count(result->generator_socket_drops).s);
    fputs("</tbody></table></div>\n", out);
}

int bench_report_html(FILE *out, const struct bench_result *result)
{
    char title[400];
    snprintf(title, sizeof title, "%s: %s on %s", bench_report_word_text(bench_report_word(result)), result->scenario,
             result->target_version[0] != '\0' ? result->target_version : result->target);
    bench_html_begin(out, title);
    fputs("<h1>Load test: ", out);
    bench_html_text(out, result->scenario);
    fputs("</h1>\n<p class=\"sub\">", out);
    bench_html_text(out, result->description);
    fputs("</p>\n", out);
    bench_html_banner_of(out, result);
    tiles(out, result);
    bench_html_verdicts(out, result);
    failures(out, result);
    bench_html_plots(out, result);
    media(out, result);
    people(out, result);
    checks(out, result);
    cost(out, result);
    bench_html_about(out, result, result->command_line);
    return bench_html_end(out);
}
