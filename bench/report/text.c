/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

static struct bench_text unknown(void)
{
    return (struct bench_text){"-"};
}

struct bench_text bench_text_count(uint64_t value)
{
    char digits[24];
    struct bench_text text;
    size_t len = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, value), used = 0;
    for (size_t i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            text.s[used++] = ',';
        text.s[used++] = digits[i];
    }
    text.s[used] = '\0';
    return text;
}

struct bench_text bench_text_ms(double us)
{
    struct bench_text text;
    double ms = us / 1e3;
    if (!isfinite(us) || us < 0)
        return unknown();
    if (ms < 9.95)
        snprintf(text.s, sizeof text.s, "%.1f ms", ms);
    else if (ms < 999.5)
        snprintf(text.s, sizeof text.s, "%.0f ms", ms);
    else
        snprintf(text.s, sizeof text.s, "%.2f s", ms / 1e3);
    return text;
}

struct bench_text bench_text_quantile(const struct bench_histogram *histogram, double fraction)
{
    if (histogram->count == 0)
        return unknown();
    return bench_text_ms((double)(fraction >= 1 ? histogram->max : bench_histogram_quantile(histogram, fraction)));
}

struct bench_text bench_text_percent(double percent)
{
    struct bench_text text;
    if (!isfinite(percent) || percent < 0)
        return unknown();
    if (percent == 0)
        snprintf(text.s, sizeof text.s, "0 %%");
    else if (percent < 0.001)
        snprintf(text.s, sizeof text.s, "<0.001 %%");
    else
        snprintf(text.s, sizeof text.s, "%.*f %%", percent < 0.1 ? 3 : percent < 10 ? 2 : 1, percent);
    return text;
}

struct bench_text bench_text_loss(uint64_t expected, uint64_t delivered)
{
    if (expected == 0)
        return unknown();
    return bench_text_percent(delivered >= expected ? 0 : 100 * (double)(expected - delivered) / (double)expected);
}

struct bench_text bench_text_memory(uint64_t bytes)
{
    return bytes == 0 ? unknown() : bench_text_number((double)bytes / 1048576, 1, "MiB");
}

struct bench_text bench_text_rate(double bps)
{
    if (bps < 1e6)
        return bench_text_number(bps / 1e3, 0, "kbit/s");
    return bench_text_number(bps / 1e6, bps < 1e8 ? 1 : 0, "Mbit/s");
}

struct bench_text bench_text_number(double value, int decimals, const char *unit)
{
    struct bench_text text;
    if (!isfinite(value) || value < 0)
        return unknown();
    snprintf(text.s, sizeof text.s, "%.*f%s%s", decimals, value, *unit != '\0' ? " " : "", unit);
    return text;
}

struct bench_text bench_text_level(double value, const char *unit)
{
    struct bench_text text;
    if (strcmp(unit, "%") == 0)
        return bench_text_percent(value);
    if (strcmp(unit, "ms") == 0)
        return bench_text_ms(value * 1e3);
    if (*unit == '\0')
        snprintf(text.s, sizeof text.s, "%.0f", value);
    else if (value == 0 || value >= 0.01)
        snprintf(text.s, sizeof text.s, "%.*f%s%s", value == 0 ? 0 : 2, value, *unit == '/' ? "" : " ", unit);
    else
        snprintf(text.s, sizeof text.s, "<0.01%s%s", *unit == '/' ? "" : " ", unit);
    return text;
}

/** Bytes of the well-formed character (RFC 3629) that begins here and may stand in a page or on a terminal, or 0. */
static size_t character(const unsigned char *at)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = at[0] < 0x80 ? 1 : at[0] >= 0xf0 && at[0] < 0xf5 ? 4 : at[0] >= 0xe0 ? 3 : at[0] >= 0xc2 ? 2 : 0;
    if (at[0] >= 0xf5 || len == 0)
        return 0;
    if (len == 1)
        return at[0] >= 0x20 && at[0] != 0x7f ? 1 : 0;
    uint32_t code = at[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0; /* the end of the text, too */
        code = code << 6 | (at[i] & 0x3f);
    }
    bool control = code < 0xa0, surrogate = code >= 0xd800 && code < 0xe000, none = (code & 0xfffe) == 0xfffe;
    bool turns = (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069); /* reorders what follows */
    return code >= least[len] && code <= 0x10ffff && !control && !surrogate && !none && !turns ? len : 0;
}

void bench_text_clean(char *out, size_t out_max, const char *text)
{
    size_t used = 0;
    if (out_max == 0)
        return;
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0';) {
        size_t len = character(at);
        const void *from = len > 0 ? (const void *)at : REPLACEMENT;
        size_t copy = len > 0 ? len : strlen(REPLACEMENT);
        if (*at == '\n' || *at == '\t' || *at == '\r') {
            from = " ";
            copy = 1;
        }
        if (used + copy >= out_max)
            break;
        memcpy(out + used, from, copy);
        used += copy;
        at += len > 0 ? len : 1;
    }
    out[used] = '\0';
}

size_t bench_text_width(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

void bench_text_cut(char *text, size_t width)
{
    for (; *text != '\0'; text++) {
        if (((unsigned char)*text & 0xc0) == 0x80)
            continue;
        if (width-- == 0) {
            *text = '\0';
            return;
        }
    }
}

const char *bench_kind_name(enum bench_kind kind)
{
    static const char *const names[BENCH_KINDS] = {"audio", "camera", "screen"};
    return (unsigned)kind < BENCH_KINDS ? names[kind] : "?";
}
