/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/err.h"
#include "bench/report/text.h"

#define LINE_MAX_BYTES 512
#define WIDTH_DEFAULT  80

struct bench_live {
    FILE *file;
    bool terminal;
    double total_s;
    size_t seen;  /**< samples whose freezes are counted */
    size_t shown; /**< samples at the last plain line */
    size_t drawn; /**< characters of the line on the terminal */
    char phase[32];
    uint64_t expected, delivered, freezes;
};

int bench_live_create(struct bench_live **out, FILE *file, bool terminal, double total_s)
{
    *out = NULL;
    struct bench_live *live = calloc(1, sizeof *live);
    if (live == NULL)
        return BASE_ERR_NOMEM;
    live->file = file;
    live->terminal = terminal;
    live->total_s = total_s;
    *out = live;
    return 0;
}

static size_t terminal_width(FILE *file)
{
    struct winsize size;
    int fd = fileno(file);
    if (fd < 0 || ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return WIDTH_DEFAULT;
    return size.ws_col;
}

/** Sums up. The newest second is left out of the loss: some of its packets are still on their way, and what arrives
 * late is moved back to the second it was sent in (bench/run/sampler.c), so all are added again. */
static void count(struct bench_live *live, const struct bench_result *so_far)
{
    live->expected = live->delivered = 0;
    for (size_t i = 0; i + 1 < so_far->sample_count; i++) {
        live->expected += so_far->samples[i].expected;
        live->delivered += so_far->samples[i].delivered;
    }
    for (; live->seen < so_far->sample_count; live->seen++)
        live->freezes += so_far->samples[live->seen].freezes;
}

static void line_text(const struct bench_live *live, const struct bench_result *so_far, char *out, size_t out_max)
{
    static const struct bench_sample none = {.server_cpu = -1, .generator_cpu = -1};
    const struct bench_sample *now = so_far->sample_count > 0 ? &so_far->samples[so_far->sample_count - 1] : &none;
    /* on a terminal before the figures: a narrow one cuts the end of the line */
    static const char saturated[] = "  GENERATOR SATURATED";
    struct bench_text total = {""};
    if (isfinite(live->total_s) && live->total_s > 0)
        snprintf(total.s, sizeof total.s, "/%.0f", fmin(live->total_s, 1e9));
    struct bench_text delay =
        now->delay_p99_us > 0 ? bench_text_ms((double)now->delay_p99_us) : (struct bench_text){"-"};
    snprintf(out, out_max, "%-9s %3.0f%s s%s  %u in  %s  loss %s  p99 %s  freezes %s  server %s  own %s%s", live->phase,
             (double)now->at_us / 1e6, total.s, so_far->generator_saturated && live->terminal ? saturated : "",
             now->people, bench_text_rate((double)now->delivered_bps).s,
             bench_text_loss(live->expected, live->delivered).s, delay.s, bench_text_count(live->freezes).s,
             bench_text_number(now->server_cpu, 2, "").s, bench_text_number(now->generator_cpu, 2, "").s,
             so_far->generator_saturated && !live->terminal ? saturated : "");
}

void bench_live_show(struct bench_live *live, const struct bench_result *so_far, const char *phase)
{
    char text[LINE_MAX_BYTES], clean[sizeof live->phase];
    bench_text_clean(clean, sizeof clean, phase);
    bool changed = strcmp(clean, live->phase) != 0;
    snprintf(live->phase, sizeof live->phase, "%s", clean);
    count(live, so_far);
    if (!live->terminal && !changed && so_far->sample_count == live->shown)
        return;
    live->shown = so_far->sample_count;
    line_text(live, so_far, text, sizeof text);
    if (!live->terminal) {
        fprintf(live->file, "%s\n", text);
        fflush(live->file);
        return;
    }
    /* one column is left free: some terminals wrap when the last one is written */
    size_t width = terminal_width(live->file);
    width = width > 1 ? width - 1 : 1;
    bench_text_cut(text, width);
    size_t drawn = bench_text_width(text), before = live->drawn < width ? live->drawn : width;
    fprintf(live->file, "\r%s%*s", text, before > drawn ? (int)(before - drawn) : 0, "");
    fflush(live->file);
    live->drawn = drawn;
}

void bench_live_destroy(struct bench_live *live)
{
    if (live == NULL)
        return;
    if (live->terminal && live->drawn > 0) {
        fputc('\n', live->file);
        fflush(live->file);
    }
    free(live);
}
