/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/session.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"

int bench_session_init(struct bench_session *session, const struct bench_options *options, volatile int *stop,
                       struct bench_media_kit **kit)
{
    *session =
        (struct bench_session){.options = options, .target = options->target, .fresh = true, .stop = stop, .kit = kit};
    session->threads = calloc(2, sizeof *session->threads);
    (void)sched_getaffinity(0, sizeof session->anywhere, &session->anywhere);
    return session->threads != NULL ? 0 : BASE_ERR_NOMEM;
}

enum bench_exit bench_session_exit(int err)
{
    switch (err) {
    case 0:
        return BENCH_EXIT_OK;
    case BASE_ERR_CRYPTO:
        return BENCH_EXIT_CERTIFICATE;
    case BASE_ERR_NOT_ALLOWED:
        return BENCH_EXIT_REFUSED;
    case BASE_ERR_FULL:
    case BASE_ERR_NOMEM:
        return BENCH_EXIT_RESOURCES;
    case BASE_ERR_INVALID:
        return BENCH_EXIT_USAGE;
    default:
        return BENCH_EXIT_UNREACHABLE;
    }
}

void bench_session_close_target(struct bench_session *session)
{
    bench_target_close(session->open);
    session->open = NULL;
}

/* What only this machine can tell of the options: whether there is such a core, such a process. */
static int check_here(const struct bench_session *session, char *error)
{
    const int cores[2] = {session->target.server_cpu, session->options->cpu};
    for (int i = 0; i < 2 && CPU_COUNT(&session->anywhere) != 0; i++)
        if (cores[i] >= 0 && (cores[i] >= CPU_SETSIZE || !CPU_ISSET((size_t)cores[i], &session->anywhere))) {
            snprintf(error, BENCH_TARGET_ERROR_MAX, "--%s %d: there is no such core here (the first one is 0)",
                     i == 0 ? "server-cpu" : "cpu", cores[i]);
            return BASE_ERR_INVALID;
        }
    if (session->target.pid > 0 && kill(session->target.pid, 0) != 0 && errno == ESRCH) {
        snprintf(error, BENCH_TARGET_ERROR_MAX, "--pid %d: there is no such process", (int)session->target.pid);
        return BASE_ERR_INVALID;
    }
    return 0;
}

static int open_target(struct bench_session *session, const struct bench_scenario *scenario, char *error)
{
    bool ours = session->target.binary != NULL;
    if (session->open != NULL && ours && session->fresh)
        bench_session_close_target(session);
    if (session->open != NULL)
        return 0;
    int err = check_here(session, error);
    if (err != 0)
        return err;
    unsigned people = scenario->rooms * scenario->people;
    if (!session->fresh && session->people_max > people)
        people = session->people_max;
    session->target.people_max = people;
    if (CPU_COUNT(&session->anywhere) != 0)
        (void)sched_setaffinity(0, sizeof session->anywhere, &session->anywhere);
    err = bench_target_open(&session->open, &session->target, error);
    if (err == BASE_ERR_INVALID && ours)
        err = BASE_ERR_IO; /* it cannot be started */
    if (err == 0)
        session->cores =
            bench_target_pid(session->open) > 0
                ? bench_machine_cores(bench_target_pid(session->open), ours ? session->target.server_cpu : -1)
                : 0;
    return err;
}

static void progress(void *user, const struct bench_result *so_far, const char *phase)
{
    struct bench_session *session = user;
    int pid = bench_target_pid(session->open);
    if (strcmp(phase, "measuring") == 0) {
        bench_machine_threads(&session->threads[session->measuring], pid, base_clock_us());
        session->measuring = true;
    }
    if (session->live != NULL)
        bench_live_show(session->live, so_far, phase);
}

static void finish(struct bench_session *session, struct bench_result *result)
{
    char name[16] = "";
    snprintf(result->command_line, sizeof result->command_line, "%s", session->options->command_line);
    size_t at = strnlen(result->machine, sizeof result->machine);
    if (session->note != NULL && session->note[0] != 0)
        snprintf(result->machine + at, sizeof result->machine - at, "; %s", session->note);
    double share = bench_machine_busiest(&session->threads[0], &session->threads[1], name);
    if (share >= 0) {
        memcpy(result->server_thread, name, sizeof result->server_thread);
        result->server_thread_cores = share;
    }
    (void)bench_thresholds_judge(&session->options->thresholds, result);
}

int bench_session_run(struct bench_session *session, const struct bench_scenario *scenario, struct bench_result *result,
                      char *error)
{
    const struct bench_options *options = session->options;
    struct bench_run_config config = {.scenario = scenario,
                                      .tickets_file = options->tickets,
                                      .room_prefix = options->room_prefix,
                                      .cpu = options->cpu,
                                      .progress = progress,
                                      .user = session,
                                      .stop = session->stop,
                                      .kit = session->kit};
    int err = open_target(session, scenario, error);
    if (err != 0)
        return err;
    memset(session->threads, 0, 2 * sizeof *session->threads);
    session->measuring = false;
    if (!options->quiet)
        (void)bench_live_create(&session->live, stderr, !options->plain && isatty(STDERR_FILENO) != 0,
                                (double)bench_scenario_length_us(scenario) / 1e6);
    config.target = session->open;
    err = bench_run(&config, result, error);
    bench_live_destroy(session->live);
    session->live = NULL;
    finish(session, result);
    return err;
}

void bench_session_close(struct bench_session *session)
{
    bench_session_close_target(session);
    free(session->threads);
    session->threads = NULL;
}
