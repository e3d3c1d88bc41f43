/* SPDX-License-Identifier: Apache-2.0 */
/* network_profile.c - what networks are like: the known ones, and those written as text. */
#include "bench/client/network_profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define MS           1000u
#define KBIT         UINT64_C(1000)
#define MBIT         UINT64_C(1000000)
#define RATE_MIN_BPS 8000u /* slower ones are no network */
#define TIME_MAX_US  10000000u

/* What each stands for; delays are one way. Not measured: round numbers that a network team will recognise. */
static const struct bench_network_profile known[] = {
    /* the hospital's own wires */
    {.name = "lan",
     .up = {.delay_us = 300, .jitter_us = 200, .rate_bps = 1000 * MBIT},
     .down = {.delay_us = 300, .jitter_us = 200, .rate_bps = 1000 * MBIT}},
    /* a busy access point at home or on a ward: retransmissions are jitter, some packets go in small groups */
    {.name = "wifi",
     .up = {.loss = 0.005,
            .burst = 2,
            .delay_us = 5 * MS,
            .jitter_us = 15 * MS,
            .rate_bps = 20 * MBIT,
            .queue_us = 150 * MS},
     .down = {.loss = 0.005,
              .burst = 2,
              .delay_us = 5 * MS,
              .jitter_us = 15 * MS,
              .rate_bps = 40 * MBIT,
              .queue_us = 150 * MS}},
    /* a phone as hot spot with good reception: radio scheduling is jitter, deep queues */
    {.name = "4g",
     .up = {.loss = 0.003,
            .burst = 3,
            .delay_us = 25 * MS,
            .jitter_us = 20 * MS,
            .rate_bps = 8 * MBIT,
            .queue_us = 400 * MS},
     .down = {.loss = 0.003,
              .burst = 3,
              .delay_us = 25 * MS,
              .jitter_us = 15 * MS,
              .rate_bps = 25 * MBIT,
              .queue_us = 400 * MS}},
    /* a practice in the country: 8 Mbit/s down, under 1 up, the modem's queue in front of it */
    {.name = "adsl",
     .up = {.loss = 0.001,
            .burst = 1,
            .delay_us = 20 * MS,
            .jitter_us = 3 * MS,
            .rate_bps = 900 * KBIT,
            .queue_us = 300 * MS},
     .down = {.loss = 0.001,
              .burst = 1,
              .delay_us = 20 * MS,
              .jitter_us = 3 * MS,
              .rate_bps = 8 * MBIT,
              .queue_us = 200 * MS}},
    /* a hospital whose firewall lets TCP out only */
    {.name = "hospital-tcp", .udp_blocked = true, .up = {.delay_us = 20 * MS}, .down = {.delay_us = 20 * MS}},
    /* what people complain about: a full line or the edge of reception, losses in runs */
    {.name = "bad",
     .up =
         {.loss = 0.05, .burst = 4, .delay_us = 80 * MS, .jitter_us = 40 * MS, .rate_bps = MBIT, .queue_us = 300 * MS},
     .down = {.loss = 0.05,
              .burst = 4,
              .delay_us = 80 * MS,
              .jitter_us = 40 * MS,
              .rate_bps = 3 * MBIT,
              .queue_us = 300 * MS}},
};

const struct bench_network_profile *bench_network_profile_known(size_t i)
{
    return i < sizeof known / sizeof known[0] ? &known[i] : NULL;
}

/* ---- values --------------------------------------------------------------------------------------------------- */

/* A number >= 0 in plain decimal, and what is behind it. */
static bool read_number(const char *text, double *value, const char **unit)
{
    size_t digits = strspn(text, "0123456789.");
    char *end;
    *value = strtod(text, &end);
    *unit = end;
    return digits != 0 && end == text + digits; /* neither 1e6 nor 0x10 */
}

static bool read_share(const char *text, double *out)
{
    const char *unit;
    double value;
    if (!read_number(text, &value, &unit))
        return false;
    if (strcmp(unit, "%") == 0)
        value /= 100;
    else if (unit[0] != 0)
        return false;
    *out = value;
    return value <= 1;
}

static bool read_time(const char *text, uint32_t *out_us)
{
    const char *unit;
    double value;
    if (!read_number(text, &value, &unit))
        return false;
    if (strcmp(unit, "ms") == 0)
        value *= 1e3;
    else if (strcmp(unit, "s") == 0)
        value *= 1e6;
    else if (strcmp(unit, "us") != 0 && !(unit[0] == 0 && value == 0))
        return false;
    if (value > TIME_MAX_US)
        return false;
    *out_us = (uint32_t)(value + 0.5);
    return true;
}

static bool read_rate(const char *text, uint64_t *out_bps)
{
    const char *unit;
    double value;
    if (!read_number(text, &value, &unit))
        return false;
    if (unit[0] != 0 && strchr("kKmMgG", unit[0]) != NULL) {
        value *= strchr("kK", unit[0]) != NULL ? 1e3 : strchr("mM", unit[0]) != NULL ? 1e6 : 1e9;
        unit++;
    }
    if (unit[0] != 0 || value > 1e12 || (value != 0 && value < RATE_MIN_BPS))
        return false;
    *out_bps = (uint64_t)(value + 0.5);
    return true;
}

/* ---- keys ----------------------------------------------------------------------------------------------------- */

/* Returns NULL, or what the value should have been. */
static const char *set_pair(struct bench_network_profile *out, const char *key, const char *value)
{
    double number = 0;
    uint32_t time_us = 0;
    const char *unit;
    if (strcmp(key, "loss") == 0) {
        if (!read_share(value, &number))
            return "a share such as 2% or 0.02";
        out->up.loss = out->down.loss = number;
    } else if (strcmp(key, "burst") == 0) {
        if (!read_number(value, &number, &unit) || unit[0] != 0 || number > 1000)
            return "a mean number of packets, 1000 at most";
        out->up.burst = out->down.burst = number;
    } else if (strcmp(key, "delay") == 0 || strcmp(key, "jitter") == 0 || strcmp(key, "queue") == 0) {
        if (!read_time(value, &time_us))
            return "a time such as 40ms, 10s at most";
        if (key[0] == 'd')
            out->up.delay_us = out->down.delay_us = time_us;
        else if (key[0] == 'j')
            out->up.jitter_us = out->down.jitter_us = time_us;
        else
            out->up.queue_us = out->down.queue_us = time_us;
    } else if (strcmp(key, "up") == 0 || strcmp(key, "down") == 0) {
        if (!read_rate(value, key[0] == 'u' ? &out->up.rate_bps : &out->down.rate_bps))
            return "a rate such as 500k or 4M (bits per second; 0: no limit)";
    } else if (strcmp(key, "udp") == 0) {
        if (strcmp(value, "off") != 0 && strcmp(value, "on") != 0)
            return "on or off";
        out->udp_blocked = value[1] == 'f';
    } else {
        return "unknown";
    }
    return NULL;
}

static int refuse(char *error, const char *what, const char *why)
{
    snprintf(error, BENCH_NETWORK_ERROR_MAX, "network '%.40s': %.100s", what, why);
    return BASE_ERR_INVALID;
}

static int set_name(struct bench_network_profile *out, const char *name, char *error)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(name, known[i].name) == 0) {
            *out = known[i];
            return 0;
        }
    char names[100] = "not one of";
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, " %.20s", known[i].name);
    }
    return refuse(error, name, names);
}

int bench_network_profile_parse(struct bench_network_profile *out, const char *text, char *error)
{
    char copy[256];
    struct bench_network_profile profile = {.name = "custom"};
    error[0] = 0;
    if (text[0] == 0 || strlen(text) >= sizeof copy)
        return refuse(error, text, text[0] == 0 ? "nothing is said" : "too long");
    snprintf(copy, sizeof copy, "%s", text);
    bool first = true, named = false, changed = false;
    for (char *at = copy; at != NULL; first = false) {
        char *part = at, *comma = strchr(at, ',');
        if (comma != NULL)
            *comma = 0;
        at = comma != NULL ? comma + 1 : NULL;
        char *equals = strchr(part, '=');
        if (equals == NULL) {
            if (!first)
                return refuse(error, part, "needs a value (key=value)");
            if (set_name(&profile, part, error) != 0)
                return BASE_ERR_INVALID;
            named = true;
            continue;
        }
        *equals = 0;
        const char *expected = set_pair(&profile, part, equals + 1);
        if (expected != NULL) {
            char why[100];
            snprintf(why, sizeof why, "%.20s is not %s", equals + 1, expected);
            return refuse(error, part,
                          strcmp(expected, "unknown") == 0 ? "unknown: loss burst delay jitter up down queue udp"
                                                           : why);
        }
        changed = true;
    }
    if (named && changed)
        strcat(profile.name, "+"); /* known names are short */
    *out = profile;
    return 0;
}
