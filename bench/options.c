/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/options.h"

#include <ctype.h>
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "bench/options_table.h"

#define REASON_MAX BENCH_SCENARIO_ERROR_MAX /* report.h has the same */

/* One option's value, kept for every scenario of a comparison. */
struct bench_setting {
    const char *key, *value; /* owned: texts */
};

static int fail(char *error, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int fail(char *error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error, BENCH_OPTIONS_ERROR_MAX, format, arguments);
    va_end(arguments);
    return BASE_ERR_INVALID;
}

/* Keeps a copy of a value; NULL without memory. */
static const char *keep(struct bench_options *options, const char *text)
{
    char **grown = realloc(options->texts, (options->text_count + 1) * sizeof *grown);
    if (grown == NULL)
        return NULL;
    options->texts = grown;
    char *copy = strdup(text);
    if (copy != NULL)
        grown[options->text_count++] = copy;
    return copy;
}

/* ---- values --------------------------------------------------------------------------------------------------- */

static bool read_number(const char *text, const char **end, double *out)
{
    char *stop;
    errno = 0;
    *out = strtod(text, &stop);
    *end = stop;
    return stop != text && errno == 0 && *out == *out;
}

/* "8388608", "8M", "8 MiB", "512k": binary units, as socket buffers are given. */
static bool read_bytes(const char *text, double *out)
{
    const char *end;
    if (!read_number(text, &end, out))
        return false;
    while (*end == ' ')
        end++;
    double unit = 1;
    if (*end != 0) {
        const char *letters = "kmg";
        const char *at = strchr(letters, tolower((unsigned char)*end));
        if (at == NULL || (end[1] != 0 && strcasecmp(end + 1, "ib") != 0 && strcasecmp(end + 1, "b") != 0))
            return false;
        for (long i = 0; i <= at - letters; i++)
            unit *= 1024;
    }
    *out *= unit;
    return true;
}

static int set_amount(const struct bench_flag *flag, void *at, const char *value, char *error)
{
    double number = 0;
    const char *end = "";
    bool good = flag->kind == BENCH_FLAG_BYTES ? read_bytes(value, &number) : read_number(value, &end, &number);
    if (flag->kind == BENCH_FLAG_SHARE && good && strcmp(end, "%") == 0) {
        number /= 100;
        end = "";
    }
    good = good && *end == 0 && number >= flag->min && number <= flag->max;
    if (good && flag->kind == BENCH_FLAG_SHARE) {
        *(double *)at = number;
        return 0;
    }
    if (!good || number != (double)(long long)number) {
        if (flag->kind == BENCH_FLAG_SHARE)
            return fail(error, "--%s %s: a share of %g %% to %g %% is needed", flag->name, value, 100 * flag->min,
                        100 * flag->max);
        return fail(error, "--%s %s: a whole number of %.0f to %.0f is needed", flag->name, value, flag->min,
                    flag->max);
    }
    if (flag->kind == BENCH_FLAG_CORE || flag->kind == BENCH_FLAG_PID)
        *(int *)at = (int)number;
    else
        *(unsigned *)at = (unsigned)number; /* uint32_t is the same here */
    return 0;
}

static int set_truth(const struct bench_flag *flag, bool *at, const char *value, char *error)
{
    *at = strcmp(value, "yes") == 0 || strcmp(value, "on") == 0;
    if (!*at && strcmp(value, "no") != 0 && strcmp(value, "off") != 0)
        return fail(error, "--%s %s: yes or no is needed", flag->name, value);
    return 0;
}

static int set_target(struct bench_options *options, const char *value, char *error)
{
    if (strcmp(value, "consilium") != 0 && strcmp(value, "janus") != 0)
        return fail(error, "--target %s: consilium and janus are known", value);
    options->target.kind = value[0] == 'j' ? BENCH_TARGET_JANUS : BENCH_TARGET_CONSILIUM;
    options->target_given = true;
    return 0;
}

static int set_limit(struct bench_options *options, const char *value, char *error)
{
    struct bench_thresholds *levels = &options->thresholds;
    char reason[REASON_MAX] = "";
    if (strcmp(value, "all=off") == 0) {
        double *const all = (double *)levels;
        for (size_t i = 0; i < sizeof *levels / sizeof *all; i++)
            all[i] = -1;
        return 0;
    }
    return bench_thresholds_parse(levels, value, reason) == 0 ? 0 : fail(error, "--limit: %s", reason);
}

/* ---- scenarios of a comparison -------------------------------------------------------------------------------- */

int bench_options_scenario(struct bench_scenario *out, const char *text, char *error)
{
    char words[256], *rest = words, *word;
    enum bench_scenario_kind kind;
    if (strlen(text) >= sizeof words)
        return fail(error, "--scenario %.40s...: too long", text);
    memcpy(words, text, strlen(text) + 1);
    word = strsep(&rest, " ");
    if (bench_scenario_kind_parse(&kind, word) != 0)
        return fail(error, "--scenario \"%s\": it begins with rcp, teleconsultation or webinar", text);
    bench_scenario_init(out, kind);
    while ((word = strsep(&rest, " ")) != NULL) {
        char reason[REASON_MAX] = "", *value = strchr(word, '=');
        if (*word == 0)
            continue;
        if (value == NULL)
            return fail(error, "--scenario \"%s\": %s is not key=value", text, word);
        *value++ = 0;
        int err = bench_scenario_set(out, word, value, reason);
        if (err == BASE_ERR_NOT_FOUND)
            return fail(error, "--scenario \"%s\": there is no %s", text, word);
        if (err != 0)
            return fail(error, "--scenario \"%s\": %s", text, reason);
    }
    return 0;
}

static int add_item(struct bench_options *options, const char *text, char *error)
{
    if (options->item_count == BENCH_COMPARISONS_MAX)
        return fail(error, "%d scenarios at most", BENCH_COMPARISONS_MAX);
    if (options->items == NULL)
        options->items = calloc(BENCH_COMPARISONS_MAX, sizeof *options->items);
    if (options->items == NULL)
        return BASE_ERR_NOMEM;
    struct bench_comparison_item *item = &options->items[options->item_count];
    int err = bench_options_scenario(&item->scenario, text, error);
    if (err == 0) {
        memcpy(item->text, text, strlen(text) + 1); /* its length was checked */
        options->item_count++;
    }
    return err;
}

static int add_set(struct bench_options *options, const char *name, char *error)
{
    int err = 0;
    if (bench_options_set(name, 0) == NULL)
        return fail(error, "--set %s: published and quick are known", name);
    for (size_t i = 0; err == 0 && bench_options_set(name, i) != NULL; i++)
        err = add_item(options, bench_options_set(name, i), error);
    return err;
}

/* ---- one setting ---------------------------------------------------------------------------------------------- */

static const char *command_name(enum bench_command command)
{
    return command == BENCH_COMMAND_CAPACITY  ? "capacity"
           : command == BENCH_COMMAND_COMPARE ? "compare"
                                              : "a single run";
}

static int set_flag(struct bench_options *options, const struct bench_flag *flag, const char *value, char *error)
{
    void *at = (char *)options + flag->offset;
    if ((flag->commands & (1u << options->command)) == 0)
        return fail(error, "--%s does not belong to %s", flag->name, command_name(options->command));
    if (flag->given != 0)
        *(bool *)((char *)options + flag->given) = true;
    switch (flag->kind) {
    case BENCH_FLAG_TEXT:
        if (*value == 0)
            return fail(error, "--%s needs a value", flag->name);
        return (*(const char **)at = keep(options, value)) != NULL ? 0 : BASE_ERR_NOMEM;
    case BENCH_FLAG_SWITCH:
    case BENCH_FLAG_YES_NO:
        return set_truth(flag, at, value, error);
    case BENCH_FLAG_TARGET:
        return set_target(options, value, error);
    case BENCH_FLAG_LIMIT:
        return set_limit(options, value, error);
    case BENCH_FLAG_SCENARIO:
        return add_item(options, value, error);
    case BENCH_FLAG_SET:
        return add_set(options, value, error);
    default:
        return set_amount(flag, at, value, error);
    }
}

/* A key of the scenario: now, or for each scenario of the comparison later. */
static int set_key(struct bench_options *options, const char *key, const char *value, char *error)
{
    char reason[REASON_MAX] = "";
    if (strcmp(key, "subscribers") == 0 && options->command != BENCH_COMMAND_COMPARE &&
        options->scenario.kind != BENCH_SCENARIO_WEBINAR)
        return fail(error, "--subscribers is for a webinar; --people says how many a room has");
    int err = bench_scenario_set(&options->scenario, key, value, reason); /* checks it for a comparison too */
    if (err != 0)
        return fail(error, "--%s", reason); /* it begins with the key */
    options->duration_given |= strcmp(key, "duration") == 0;
    if (options->command != BENCH_COMMAND_COMPARE)
        return 0;
    struct bench_setting *grown = realloc(options->settings, (options->setting_count + 1) * sizeof *grown);
    if (grown == NULL)
        return BASE_ERR_NOMEM;
    options->settings = grown;
    struct bench_setting *setting = &grown[options->setting_count++];
    setting->key = keep(options, key);
    setting->value = keep(options, value);
    return setting->key != NULL && setting->value != NULL ? 0 : BASE_ERR_NOMEM;
}

static int unknown(const char *name, char *error)
{
    const char *nearest = bench_flag_nearest(name);
    return nearest != NULL ? fail(error, "there is no option --%s; the nearest is --%s", name, nearest)
                           : fail(error, "there is no option --%s; --help lists them", name);
}

struct reader {
    struct bench_options *options;
    bool duration; /* the file says how long */
};

/* A key of the file that is none of the scenario's. */
static int file_key(void *user, const char *key, const char *value, char *error)
{
    struct reader *reader = user;
    char line[BENCH_OPTIONS_ERROR_MAX] = "";
    const struct bench_flag *flag = bench_flag_find(key);
    int err = flag == NULL ? unknown(key, line) : set_flag(reader->options, flag, value, line);
    if (err != 0)
        snprintf(error, REASON_MAX, "%.*s", REASON_MAX - 1, line[0] != 0 ? line : base_err_name(err));
    return err;
}

static int read_file(struct bench_options *options, const char *path, char *error)
{
    struct reader reader = {.options = options};
    struct bench_scenario usual;
    int err = bench_scenario_read(&options->scenario, path, file_key, &reader, error);
    if (err != 0)
        return BASE_ERR_INVALID;
    bench_scenario_init(&usual, options->scenario.kind);
    options->duration_given = options->scenario.duration_ms != usual.duration_ms;
    return 0;
}

/* ---- the whole line ------------------------------------------------------------------------------------------- */

/* The words that are no options: the command and what it is about. Returns how many there are (first 3 kept). */
static int plain_words(int argc, char **argv, const char *words[3])
{
    int count = 0;
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strncmp(argv[i], "--", 2) == 0) {
            const struct bench_flag *flag = bench_flag_find(argv[i] + 2);
            bool alone = strchr(argv[i], '=') != NULL || (flag != NULL && flag->kind == BENCH_FLAG_SWITCH);
            i += !alone && i + 1 < argc && strncmp(argv[i + 1], "--", 2) != 0; /* or its value is missing */
            continue;
        }
        if (count < 3)
            words[count] = argv[i];
        count++;
    }
    return count;
}

static int start(struct bench_options *options, int count, const char *const words[3], char *error)
{
    enum bench_scenario_kind kind = BENCH_SCENARIO_RCP;
    if (count == 0)
        return fail(error,
                    "what shall be done? rcp, teleconsultation, webinar, run FILE, capacity, compare (or --help)");
    bool direct = bench_scenario_kind_parse(&kind, words[0]) == 0, capacity = strcmp(words[0], "capacity") == 0,
         run = strcmp(words[0], "run") == 0, compare = strcmp(words[0], "compare") == 0;
    if (!direct && !capacity && !run && !compare)
        return fail(error, "\"%s\" is no command: rcp, teleconsultation, webinar, run, capacity, compare", words[0]);
    int needed = capacity || run ? 2 : 1;
    if (count < needed)
        return fail(error, "%s needs %s", words[0], run ? "a file" : "rcp, teleconsultation, webinar or a file");
    if (count > needed)
        return fail(error, "\"%s\" is one word too many", words[needed]);
    options->command = capacity ? BENCH_COMMAND_CAPACITY : compare ? BENCH_COMMAND_COMPARE : BENCH_COMMAND_RUN;
    bool file = run || (capacity && bench_scenario_kind_parse(&kind, words[1]) != 0);
    bench_scenario_init(&options->scenario, kind);
    return file ? read_file(options, words[1], error) : 0;
}

static int read_flags(struct bench_options *options, int argc, char **argv, char *error)
{
    for (int i = 1; i < argc; i++) {
        char name[64];
        if (strcmp(argv[i], "--") == 0) {
            options->target.extra = (const char *const *)(argv + i + 1);
            return 0;
        }
        if (strncmp(argv[i], "--", 2) != 0)
            continue; /* a plain word */
        const char *typed = argv[i] + 2, *value = strchr(typed, '=');
        int len = value != NULL ? (int)(value - typed) : (int)strlen(typed);
        snprintf(name, sizeof name, "%.*s", len, typed);
        const struct bench_flag *flag = bench_flag_find(name);
        if (flag == NULL && !bench_flag_is_key(name))
            return unknown(name, error);
        if (value != NULL)
            value++;
        else if (flag != NULL && flag->kind == BENCH_FLAG_SWITCH)
            value = "yes";
        else if (i + 1 == argc || strncmp(argv[i + 1], "--", 2) == 0)
            return fail(error, "--%s needs a value", name);
        else
            value = argv[++i];
        int err = flag != NULL ? set_flag(options, flag, value, error) : set_key(options, name, value, error);
        if (err != 0)
            return err;
    }
    return 0;
}

/* ---- what does not fit together ------------------------------------------------------------------------------- */

static int check_target(struct bench_options *options, char *error)
{
    struct bench_target_config *target = &options->target;
    bool compare = options->command == BENCH_COMMAND_COMPARE;
    if (compare && target->binary == NULL)
        return fail(error, "compare starts both servers itself: --server BINARY is needed");
    if (target->kind == BENCH_TARGET_JANUS && target->url == NULL && target->binary == NULL)
        target->binary = "janus";
    if (target->url == NULL && target->binary == NULL)
        return fail(error, "which server? --url https://HOST:PORT, --server BINARY or --target janus is needed");
    if (target->url != NULL && target->binary != NULL)
        return fail(error, "--url and --server: one of them, please");
    if (target->binary != NULL && target->pid != 0)
        return fail(error, "--pid is for a server that runs already (--url)");
    if (target->binary != NULL && target->ca_file != NULL)
        return fail(error, "--ca is for a server that runs already (--url); one that is started here is trusted");
    if (target->url != NULL && (target->server_cpu >= 0 || (target->extra != NULL && *target->extra != NULL)))
        return fail(error, "--server-cpu and arguments after -- are for a server that is started here (--server)");
    return 0;
}

static int check_output(const struct bench_options *options, char *error)
{
    const char *const paths[] = {options->json, options->html, options->markdown};
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < i; k++)
            if (paths[i] != NULL && paths[k] != NULL && strcmp(paths[i], paths[k]) == 0)
                return fail(error, "two reports go to %s", strcmp(paths[i], "-") == 0 ? "standard output" : paths[i]);
    return 0;
}

static int finish_compare(struct bench_options *options, char *error)
{
    char reason[REASON_MAX] = "";
    int err = options->item_count == 0 ? add_set(options, "published", error) : 0;
    if (err != 0)
        return err;
    for (size_t i = 0; i < options->item_count; i++) {
        struct bench_scenario *scenario = &options->items[i].scenario;
        for (size_t k = 0; k < options->setting_count; k++)
            (void)bench_scenario_set(scenario, options->settings[k].key, options->settings[k].value, reason);
        if (bench_scenario_check(scenario, reason) != 0)
            return fail(error, "%s: %s", options->items[i].text, reason);
    }
    if (!options->server_cpu_given)
        options->target.server_cpu = 0;
    if (!options->cpu_given)
        options->cpu = 1;
    cpu_set_t cores;
    if (sched_getaffinity(0, sizeof cores, &cores) == 0 && CPU_COUNT(&cores) < 2) {
        options->target.server_cpu = options->server_cpu_given ? options->target.server_cpu : -1;
        options->cpu = options->cpu_given ? options->cpu : -1;
    }
    if (!options->buffer_given)
        options->target.socket_buffer = BENCH_COMPARE_BUFFER;
    return 0;
}

static int finish(struct bench_options *options, char *error)
{
    char reason[REASON_MAX] = "";
    int err = check_target(options, error);
    if (err == 0)
        err = check_output(options, error);
    if (err != 0)
        return err;
    if (options->command == BENCH_COMMAND_COMPARE)
        return finish_compare(options, error);
    if (options->command == BENCH_COMMAND_CAPACITY) {
        if (!options->duration_given)
            options->scenario.duration_ms = BENCH_CAPACITY_MS;
        if (options->max != 0 && options->max < options->start)
            return fail(error, "--max %u is less than --start %u", options->max, options->start);
    }
    return bench_scenario_check(&options->scenario, reason) == 0 ? 0 : fail(error, "%s", reason);
}

static void join_line(struct bench_options *options, int argc, char **argv)
{
    size_t at = 0;
    for (int i = 0; i < argc && at + 1 < sizeof options->command_line; i++) {
        const char *quote = *argv[i] == 0 || strpbrk(argv[i], " \t'\"$*&|;<>()") != NULL ? "'" : "";
        int len = snprintf(options->command_line + at, sizeof options->command_line - at, "%s%s%s%s", i != 0 ? " " : "",
                           quote, argv[i], quote);
        at += len > 0 ? (size_t)len : 0;
    }
}

int bench_options_parse(struct bench_options *out, int argc, char **argv, char *error)
{
    const char *words[3] = {NULL, NULL, NULL};
    memset(out, 0, sizeof *out);
    out->thresholds = bench_thresholds_default;
    out->target.server_cpu = out->cpu = -1;
    out->start = 1;
    out->precision = 0.1;
    out->restart = true;
    out->rounds = 3;
    out->against = "janus";
    join_line(out, argc, argv);
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--version") == 0) {
            out->command = strcmp(argv[i], "--version") == 0 ? BENCH_COMMAND_VERSION : BENCH_COMMAND_HELP;
            return 0;
        }
    }
    int count = plain_words(argc, argv, words);
    int err = start(out, count, words, error);
    if (err == 0)
        err = read_flags(out, argc, argv, error);
    if (err == 0)
        err = finish(out, error);
    if (err == BASE_ERR_NOMEM)
        snprintf(error, BENCH_OPTIONS_ERROR_MAX, "no memory");
    return err;
}

void bench_options_clear(struct bench_options *options)
{
    for (size_t i = 0; i < options->text_count; i++)
        free(options->texts[i]);
    free(options->texts);
    free(options->settings);
    free(options->items);
    memset(options, 0, sizeof *options);
}
