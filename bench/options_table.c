/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/options_table.h"

#include <string.h>

#include "bench/options.h"

#define AT(member)  offsetof(struct bench_options, member)
#define ONE_RUN     (1u << BENCH_COMMAND_RUN)
#define CAPACITY    (1u << BENCH_COMMAND_CAPACITY)
#define COMPARE     (1u << BENCH_COMMAND_COMPARE)
#define SEARCH_OR_1 (ONE_RUN | CAPACITY)
#define ALL         (ONE_RUN | CAPACITY | COMPARE)
#define NAME_MAX_   64

static const struct bench_flag flags[] = {
    {"url", BENCH_FLAG_TEXT, SEARCH_OR_1, AT(target.url), 0, 0, 0, "URL", "a server that runs: https://host:port"},
    {"server", BENCH_FLAG_TEXT, ALL, AT(target.binary), 0, 0, 0, "BINARY",
     "starts this server here, with data of its own"},
    {"target", BENCH_FLAG_TARGET, SEARCH_OR_1, 0, 0, 0, 0, "NAME", "consilium (default) or janus"},
    {"pid", BENCH_FLAG_PID, SEARCH_OR_1, AT(target.pid), 0, 1, 4194304, "PID",
     "of a local --url server: its CPU and memory"},
    {"ca", BENCH_FLAG_TEXT, SEARCH_OR_1, AT(target.ca_file), 0, 0, 0, "FILE",
     "PEM certificates to trust besides the system's"},
    {"insecure", BENCH_FLAG_SWITCH, SEARCH_OR_1, AT(target.insecure), 0, 0, 0, NULL,
     "does not check the server's certificate"},
    {"tickets", BENCH_FLAG_TEXT, ONE_RUN, AT(tickets), 0, 0, 0, "FILE",
     "tickets, one a line, room by room; without: open rooms"},
    {"room-prefix", BENCH_FLAG_TEXT, ALL, AT(room_prefix), 0, 0, 0, "NAME",
     "rooms are NAME-1, NAME-2, …; default: drawn"},
    {"server-cpu", BENCH_FLAG_CORE, ALL, AT(target.server_cpu), AT(server_cpu_given), -1, 1023, "N",
     "core of the server started here; -1: any"},
    {"cpu", BENCH_FLAG_CORE, ALL, AT(cpu), AT(cpu_given), -1, 1023, "N", "core of this program; -1: any"},
    {"workers", BENCH_FLAG_COUNT, ALL, AT(target.workers), 0, 1, 64, "N", "media threads of a Consilium started here"},
    {"event-loops", BENCH_FLAG_COUNT, ALL, AT(target.event_loops), 0, 0, 64, "N",
     "of a Janus started here; 0: its default"},
    {"socket-buffer", BENCH_FLAG_BYTES, ALL, AT(target.socket_buffer), AT(buffer_given), 0, 268435456, "BYTES",
     "UDP socket buffers of the server started here (8M)"},
    {"address", BENCH_FLAG_TEXT, ALL, AT(target.address), 0, 0, 0, "IP", "media address of the server started here"},

    {"json", BENCH_FLAG_TEXT, ALL, AT(json), 0, 0, 0, "FILE", "writes a JSON report; -: standard output"},
    {"html", BENCH_FLAG_TEXT, SEARCH_OR_1, AT(html), 0, 0, 0, "FILE", "writes an HTML page with plots"},
    {"quiet", BENCH_FLAG_SWITCH, ALL, AT(quiet), 0, 0, 0, NULL, "no progress and no table"},
    {"plain", BENCH_FLAG_SWITCH, ALL, AT(plain), 0, 0, 0, NULL, "progress in plain lines on a terminal too"},
    {"limit", BENCH_FLAG_LIMIT, SEARCH_OR_1, 0, 0, 0, 0, "NAME=VALUE",
     "a service level (repeatable): loss=0.5%, delay-p99=200ms, all=off"},

    {"start", BENCH_FLAG_COUNT, CAPACITY, AT(start), 0, 1, 100000, "N",
     "first load: rooms, or subscribers of a webinar (1)"},
    {"max", BENCH_FLAG_COUNT, CAPACITY, AT(max), 0, 1, 100000, "N", "no load above this"},
    {"precision", BENCH_FLAG_SHARE, CAPACITY, AT(precision), 0, 0.001, 1, "SHARE",
     "ends when good and bad are this close (10%)"},
    {"restart", BENCH_FLAG_YES_NO, CAPACITY, AT(restart), 0, 0, 0, "yes|no",
     "a fresh server for each step, if started here (yes)"},

    {"against", BENCH_FLAG_TEXT, COMPARE, AT(against), 0, 0, 0, "NAME",
     "janus (default), or the path of another consilium"},
    {"rounds", BENCH_FLAG_COUNT, COMPARE, AT(rounds), 0, 1, 16, "N", "runs of each server and scenario (3)"},
    {"scenario", BENCH_FLAG_SCENARIO, COMPARE, 0, 0, 0, 0, "TEXT", "\"rcp rooms=4 people=6\" (repeatable)"},
    {"set", BENCH_FLAG_SET, COMPARE, 0, 0, 0, 0, "NAME", "a set of scenarios: published (default), quick"},
    {"markdown", BENCH_FLAG_TEXT, COMPARE, AT(markdown), 0, 0, 0, "FILE",
     "writes the tables as Markdown; -: standard output"},
};

enum { FLAG_COUNT = sizeof flags / sizeof flags[0] };

const struct bench_flag *bench_flag_at(size_t i)
{
    return i < FLAG_COUNT ? &flags[i] : NULL;
}

const struct bench_flag *bench_flag_find(const char *name)
{
    for (size_t i = 0; i < FLAG_COUNT; i++)
        if (strcmp(flags[i].name, name) == 0)
            return &flags[i];
    return NULL;
}

bool bench_flag_is_key(const char *name)
{
    const char *key, *help;
    for (size_t i = 0; (key = bench_scenario_key(i, &help)) != NULL; i++)
        if (strcmp(key, name) == 0)
            return true;
    return false;
}

/* Levenshtein's distance, one row at a time. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[NAME_MAX_ + 1];
    size_t len_a = strnlen(a, NAME_MAX_), len_b = strnlen(b, NAME_MAX_);
    for (size_t k = 0; k <= len_b; k++)
        row[k] = (unsigned)k;
    for (size_t i = 1; i <= len_a; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t k = 1; k <= len_b; k++) {
            unsigned change = diagonal + (a[i - 1] != b[k - 1]), less = row[k - 1] + 1, more = row[k] + 1;
            diagonal = row[k];
            row[k] = change < less ? change : less;
            row[k] = row[k] < more ? row[k] : more;
        }
    }
    return row[len_b];
}

const char *bench_flag_nearest(const char *name)
{
    const char *best = "help", *key, *help;
    unsigned least = distance(name, best);
    for (size_t i = 0; i < FLAG_COUNT; i++)
        if (distance(name, flags[i].name) < least) {
            best = flags[i].name;
            least = distance(name, best);
        }
    for (size_t i = 0; (key = bench_scenario_key(i, &help)) != NULL; i++)
        if (distance(name, key) < least) {
            best = key;
            least = distance(name, best);
        }
    return least <= 1 + strlen(name) / 3 && least < strlen(name) ? best : NULL; /* others are no help */
}

/* ---- sets of scenarios ---------------------------------------------------------------------------------------- */

/* What all of the published scenarios have in common: both servers get the same media. */
#define MEDIA                                                                                                          \
    " codec=vp8 video=640x360 video-kbps=1000 fps=25 layers=1 voice=all screen=off frames=burst decode-every=0"        \
    " nice-every=0"

static const char *const published[] = {
    "rcp rooms=1 people=2" MEDIA,    "rcp rooms=1 people=6" MEDIA,    "rcp rooms=1 people=12" MEDIA,
    "rcp rooms=1 people=35" MEDIA,   "rcp rooms=4 people=6" MEDIA,    "webinar subscribers=50" MEDIA,
    "webinar subscribers=200" MEDIA, "webinar subscribers=500" MEDIA, "teleconsultation rooms=20" MEDIA,
};
static const char *const quick[] = {"rcp rooms=1 people=3 ramp=1s settle=1s duration=5s" MEDIA};

const char *bench_options_set(const char *name, size_t i)
{
    if (strcmp(name, "published") == 0)
        return i < sizeof published / sizeof published[0] ? published[i] : NULL;
    if (strcmp(name, "quick") == 0)
        return i < sizeof quick / sizeof quick[0] ? quick[i] : NULL;
    return NULL;
}

/* ---- help ----------------------------------------------------------------------------------------------------- */

static void show_flags(FILE *out, const char *title, size_t from, size_t to)
{
    fprintf(out, "\n%s\n", title);
    for (size_t i = from; i < to; i++) {
        char left[48];
        snprintf(left, sizeof left, "--%s %s", flags[i].name, flags[i].value != NULL ? flags[i].value : "");
        fprintf(out, "  %-22s %s\n", left, flags[i].help);
    }
}

static size_t index_of(const char *name)
{
    return (size_t)(bench_flag_find(name) - flags);
}

void bench_options_help(FILE *out)
{
    const char *key, *help;
    const struct bench_network_profile *profile;
    fputs("usage: consilium-bench rcp|teleconsultation|webinar [options] [-- SERVER ARGUMENTS]\n"
          "       consilium-bench run FILE [options]                 a scenario from a file (key = value lines)\n"
          "       consilium-bench capacity rcp|teleconsultation|webinar|FILE [options]\n"
          "                                                          raises the load until a service level fails\n"
          "       consilium-bench compare --server BINARY [options]  two servers in turn, A B A B\n"
          "       consilium-bench --help | --version\n",
          out);
    show_flags(out, "the server (one of --url, --server, --target janus is needed)", 0, index_of("json"));
    show_flags(out, "output and service levels", index_of("json"), index_of("start"));
    show_flags(out, "capacity", index_of("start"), index_of("against"));
    show_flags(out, "compare", index_of("against"), FLAG_COUNT);
    struct bench_scenario usual;
    bench_scenario_init(&usual, BENCH_SCENARIO_RCP);
    fputs("\nthe scenario (also keys of its file; in brackets: the default of rcp)\n", out);
    for (size_t i = 0; (key = bench_scenario_key(i, &help)) != NULL; i++) {
        char value[BENCH_SCENARIO_VALUE_MAX], shown[BENCH_SCENARIO_VALUE_MAX + 4] = "";
        bench_scenario_value(&usual, i, value);
        if (value[0] != 0 && strcmp(key, "subscribers") != 0)
            snprintf(shown, sizeof shown, " (%s)", value);
        fprintf(out, "  --%-20s %s%s\n", key, help, strstr(help, shown) == NULL ? shown : "");
    }
    fputs("\nnetwork profiles:", out);
    for (size_t i = 0; (profile = bench_network_profile_known(i)) != NULL; i++)
        fprintf(out, " %s", profile->name);
    fputs("\n\nexit codes: 0 all service levels held; 1 one failed; 2 this program was the bottleneck, nothing is "
          "proved;\n"
          "  3 the server cannot be reached or started; 4 nobody was let in; 5 its certificate is not trusted;\n"
          "  6 file descriptors, memory or ports of this machine; 7 a report cannot be written; 64 wrong usage;\n"
          "  130 interrupted, the report is partial\n",
          out);
}
