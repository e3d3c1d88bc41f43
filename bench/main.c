/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - consilium-bench: what a server can hold. Wiring only: options, signals, reports, exit codes.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "bench/capacity.h"
#include "bench/compare.h"
#include "bench/output.h"
#include "bench/run/media_kit.h"
#include "bench/session.h"
#include "bench/target/process.h"

static volatile int stop;
static struct bench_machine_buffers buffers = {.before = {-1, -1, -1, -1}};

static char scratch[32]; /* the folder in which servers get theirs; "": none */

/* The first signal ends the run with what there is; the second one ends the program. The kernel then ends the servers
 * that we started (they were told to go with us), and what they leave behind is removed after that. */
static void on_signal(int number)
{
    (void)number;
    if (stop++ == 0)
        return;
    bench_machine_restore(&buffers);
    if (scratch[0] != 0 && fork() == 0) {
        poll(NULL, 0, 300);
        execl("/bin/rm", "rm", "-rf", "--", scratch, (char *)NULL);
    }
    _exit(BENCH_EXIT_INTERRUPTED);
}

/* Servers that are started here keep their data below this folder. */
static void make_scratch(void)
{
    const char *base = getenv("TMPDIR");
    if (base == NULL || base[0] == 0)
        base = "/tmp";
    static const char pattern[] = "/cbench-XXXXXX";
    if (strlen(base) + sizeof pattern > sizeof scratch)
        return;
    char path[sizeof scratch];
    snprintf(path, sizeof path, "%s%s", base, pattern);
    if (mkdtemp(path) == NULL || setenv("TMPDIR", path, 1) != 0)
        return;
    memcpy(scratch, path, sizeof scratch);
}

static void remove_scratch(void)
{
    if (scratch[0] != 0)
        (void)rmdir(scratch); /* empty, since servers take their folders with them */
    scratch[0] = 0;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void complain(const char *error)
{
    fprintf(stderr, "consilium-bench: %s\n", error);
}

static void say(void *user, const char *line)
{
    const struct bench_options *options = user;
    if (!options->quiet)
        fprintf(stderr, "%s\n", line);
}

/* ---- reports -------------------------------------------------------------------------------------------------- */

enum { JSON, HTML, MARKDOWN, OUTPUTS };

typedef int writer(FILE *file, const void *what);

struct outputs {
    struct bench_output files[OUTPUTS];
    FILE *table; /* NULL: none */
};

static int open_outputs(struct outputs *outputs, const struct bench_options *options, char *error)
{
    const char *const paths[OUTPUTS] = {options->json, options->html, options->markdown};
    memset(outputs, 0, sizeof *outputs);
    outputs->table = options->quiet ? NULL : stdout;
    int err = 0;
    for (int i = 0; err == 0 && i < OUTPUTS; i++) {
        if (paths[i] != NULL && strcmp(paths[i], "-") == 0 && outputs->table != NULL)
            outputs->table = stderr; /* standard output belongs to the report */
        err = bench_output_open(&outputs->files[i], paths[i], error);
    }
    return err;
}

/* Returns `code`, or BENCH_EXIT_OUTPUT. */
static int save_all(struct outputs *outputs, writer *const writers[OUTPUTS], writer *table, const void *what, int code)
{
    char error[BENCH_OUTPUT_ERROR_MAX];
    if (outputs->table != NULL && (table(outputs->table, what) != 0 || fflush(outputs->table) != 0)) {
        fprintf(stderr, "consilium-bench: the table cannot be written: %s\n", strerror(errno));
        code = BENCH_EXIT_OUTPUT;
    }
    for (int i = 0; i < OUTPUTS; i++)
        if (outputs->files[i].file != NULL && bench_output_save(&outputs->files[i], writers[i], what, error) != 0) {
            complain(error);
            code = BENCH_EXIT_OUTPUT;
        }
    return code;
}

static void close_outputs(struct outputs *outputs)
{
    for (int i = 0; i < OUTPUTS; i++)
        bench_output_close(&outputs->files[i]);
}

/* ---- one run -------------------------------------------------------------------------------------------------- */

static int result_table(FILE *file, const void *what)
{
    return bench_report_table(file, what);
}

static int result_json(FILE *file, const void *what)
{
    return bench_report_json(file, what);
}

static int result_html(FILE *file, const void *what)
{
    return bench_report_html(file, what);
}

static int run_once(const struct bench_options *options, struct bench_session *session, struct outputs *outputs)
{
    static writer *const writers[OUTPUTS] = {result_json, result_html, NULL};
    static struct bench_result result;
    char error[BENCH_OPTIONS_ERROR_MAX] = "";
    int err = bench_session_run(session, &options->scenario, &result, error);
    bench_session_close(session);
    int code = (int)bench_session_exit(err);
    if (err != 0 && stop != 0)
        code = BENCH_EXIT_INTERRUPTED;
    else if (err != 0)
        complain(error[0] != 0 ? error : base_err_name(err));
    else
        code = save_all(outputs, writers, result_table, &result,
                        stop != 0                      ? BENCH_EXIT_INTERRUPTED
                        : result.generator_saturated   ? BENCH_EXIT_SATURATED
                        : bench_result_passed(&result) ? BENCH_EXIT_OK
                                                       : BENCH_EXIT_FAILED);
    bench_result_clear(&result);
    return code;
}

/* ---- capacity ------------------------------------------------------------------------------------------------- */

static int capacity_table(FILE *file, const void *what)
{
    return bench_capacity_report_table(file, what);
}

static int capacity_json(FILE *file, const void *what)
{
    return bench_capacity_report_json(file, what);
}

static int capacity_html(FILE *file, const void *what)
{
    return bench_capacity_report_html(file, what);
}

struct searcher {
    const struct bench_options *options;
    struct bench_session *session;
};

static int search_run(void *user, const struct bench_scenario *scenario, struct bench_result *result, char *error)
{
    struct searcher *searcher = user;
    return bench_session_run(searcher->session, scenario, result, error);
}

static void search_say(void *user, const char *line)
{
    struct searcher *searcher = user;
    say((void *)(uintptr_t)searcher->options, line);
}

static int search(const struct bench_options *options, struct bench_session *session, struct outputs *outputs)
{
    static writer *const writers[OUTPUTS] = {capacity_json, capacity_html, NULL};
    struct searcher searcher = {.options = options, .session = session};
    struct bench_capacity_config config = {.scenario = &options->scenario,
                                           .start = options->start,
                                           .max = options->max,
                                           .precision = options->precision,
                                           .fresh = options->restart && options->target.binary != NULL,
                                           .run = search_run,
                                           .say = search_say,
                                           .user = &searcher,
                                           .stop = &stop};
    struct bench_capacity capacity;
    char error[BENCH_OPTIONS_ERROR_MAX] = "";
    session->fresh = config.fresh;
    session->people_max = 10000;
    int err = bench_capacity_search(&capacity, &config, error);
    capacity.report.server_cores = session->cores;
    memcpy(capacity.report.command_line, options->command_line, sizeof capacity.report.command_line);
    bench_session_close(session);
    int code;
    if (err != 0 && stop != 0) {
        code = BENCH_EXIT_INTERRUPTED;
    } else if (err != 0) {
        complain(error[0] != 0 ? error : base_err_name(err));
        code = (int)bench_session_exit(err);
    } else {
        code = save_all(outputs, writers, capacity_table, &capacity.report, (int)bench_capacity_exit(&capacity));
    }
    bench_capacity_clear(&capacity);
    return code;
}

/* ---- compare -------------------------------------------------------------------------------------------------- */

static int compare_table(FILE *file, const void *what)
{
    int err = bench_compare_report_table(file, what);
    return err == 0 ? bench_compare_circumstances(file, what, false) : err;
}

static int compare_json(FILE *file, const void *what)
{
    return bench_compare_report_json(file, what);
}

static int compare_markdown(FILE *file, const void *what)
{
    int err = bench_compare_circumstances(file, what, true);
    return err == 0 ? bench_compare_report_markdown(file, what) : err;
}

static int compare_run(void *user, enum bench_compare_side side, const struct bench_scenario *scenario,
                       struct bench_result *result, char *error)
{
    struct bench_session *sessions = user;
    int err = bench_session_run(&sessions[side], scenario, result, error);
    bench_session_close_target(&sessions[side]); /* one server at a time */
    return err;
}

static void compare_say(void *user, const char *line)
{
    const struct bench_session *sessions = user;
    say((void *)(uintptr_t)sessions[0].options, line);
}

/* The other side: the same settings, another server. Both on the same media address. */
static void other_side(struct bench_session *sessions, const struct bench_options *options, char address[46])
{
    bool janus = strcmp(options->against, "janus") == 0;
    struct bench_target_config *b = &sessions[BENCH_SIDE_B].target;
    b->kind = janus ? BENCH_TARGET_JANUS : BENCH_TARGET_CONSILIUM;
    b->binary = options->against;
    if (janus)
        b->extra = NULL; /* those are Consilium's */
    for (int side = 0; side < BENCH_SIDES && options->target.address == NULL; side++)
        sessions[side].target.address = address[0] != 0 ? address : NULL;
}

static int compare(const struct bench_options *options, struct bench_session *sessions, struct outputs *outputs)
{
    static writer *const writers[OUTPUTS] = {compare_json, NULL, compare_markdown};
    char address[46] = "";
    (void)bench_own_address(address);
    other_side(sessions, options, address);
    bench_machine_raise(&buffers, options->target.socket_buffer);
    for (int side = 0; side < BENCH_SIDES; side++)
        sessions[side].note = buffers.note;
    struct bench_compare_config config = {
        .items = options->items,
        .item_count = options->item_count,
        .rounds = options->rounds,
        .names = {"consilium", strcmp(options->against, "janus") == 0 ? "janus" : "consilium (B)"},
        .run = compare_run,
        .say = compare_say,
        .user = sessions,
        .stop = &stop};
    struct bench_compare all;
    int err = bench_compare_all(&all, &config), code;
    bench_machine_restore(&buffers);
    memcpy(all.report.command_line, options->command_line, sizeof all.report.command_line);
    if (err != 0) {
        complain("no memory");
        code = BENCH_EXIT_RESOURCES;
    } else {
        code = save_all(outputs, writers, compare_table, &all.report, (int)bench_compare_exit(&all));
    }
    bench_compare_clear(&all);
    return code;
}

/* ---- all ------------------------------------------------------------------------------------------------------ */

static int carry_out(const struct bench_options *options)
{
    struct outputs outputs;
    struct bench_session sessions[BENCH_SIDES];
    char error[BENCH_OUTPUT_ERROR_MAX] = "";
    memset(sessions, 0, sizeof sessions);
    if (open_outputs(&outputs, options, error) != 0) {
        complain(error);
        close_outputs(&outputs);
        return BENCH_EXIT_OUTPUT;
    }
    int code = BENCH_EXIT_RESOURCES;
    if (options->target.binary != NULL)
        make_scratch();
    struct bench_media_kit *kit = NULL;
    bool ready = bench_session_init(&sessions[0], options, &stop, &kit) == 0 &&
                 bench_session_init(&sessions[1], options, &stop, &kit) == 0;
    if (!ready)
        complain("no memory");
    else if (options->command == BENCH_COMMAND_CAPACITY)
        code = search(options, &sessions[0], &outputs);
    else if (options->command == BENCH_COMMAND_COMPARE)
        code = compare(options, sessions, &outputs);
    else
        code = run_once(options, &sessions[0], &outputs);
    for (int side = 0; side < BENCH_SIDES; side++)
        bench_session_close(&sessions[side]);
    bench_media_kit_destroy(kit);
    close_outputs(&outputs);
    remove_scratch();
    return code;
}

int main(int argc, char **argv)
{
    static struct bench_options options;
    char error[BENCH_OPTIONS_ERROR_MAX] = "";
    int code = BENCH_EXIT_OK;
    catch_signals();
    if (bench_options_parse(&options, argc, argv, error) != 0) {
        complain(error);
        code = BENCH_EXIT_USAGE;
    } else if (options.command == BENCH_COMMAND_HELP) {
        bench_options_help(stdout);
    } else if (options.command == BENCH_COMMAND_VERSION) {
        printf("consilium-bench %s\n", CONSILIUM_VERSION);
    } else {
        code = carry_out(&options);
    }
    bench_options_clear(&options);
    if (fflush(stdout) != 0 && code == BENCH_EXIT_OK)
        code = BENCH_EXIT_OUTPUT;
    return code;
}
