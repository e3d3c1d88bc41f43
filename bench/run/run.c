/* SPDX-License-Identifier: Apache-2.0 */
/* run.c - the phases of a run and its loop. */
#include "bench/run/run.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "bench/report/report.h"
#include "bench/run/run_internal.h"

#define PERSON_DESCRIPTORS 3u /* the socket, and one for each peer connection */
#define OTHER_DESCRIPTORS  64u
#define FIRST_LIMIT_US     20000000u /* if nobody is inside by then, nobody will be */
#define OVERTIME_US        60000000u
#define GONE_US            3000000u /* nobody is inside for so long: the server is gone */
#define GOODBYE_US         500000u

/* ---- before ----------------------------------------------------------------------------------------------------- */

static int pin(int cpu, char *error)
{
    cpu_set_t set;
    if (cpu < 0)
        return 0;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) == 0)
        return 0;
    snprintf(error, BENCH_TARGET_ERROR_MAX, "core %d: %s", cpu, strerror(errno));
    return BASE_ERR_INVALID;
}

static int check_descriptors(const struct bench_run *run, char *error)
{
    struct rlimit limit;
    unsigned each = PERSON_DESCRIPTORS + (run->scenario->transport == BENCH_CHOICE_ANY ? 2 : 0);
    rlim_t need = (rlim_t)run->guest_count * each + OTHER_DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
        (void)getrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur >= need)
        return 0;
    snprintf(error, BENCH_TARGET_ERROR_MAX,
             "%u people need about %llu file descriptors, this process may have %llu (ulimit -n)", run->guest_count,
             (unsigned long long)need, (unsigned long long)limit.rlim_cur);
    return BASE_ERR_FULL;
}

static int prepare_rooms(struct bench_run *run, char *error)
{
    unsigned rooms = run->scenario->rooms;
    char(*names)[64] = calloc(rooms, sizeof *names);
    const char **list = calloc(rooms, sizeof *list);
    int err = names != NULL && list != NULL ? 0 : BASE_ERR_NOMEM;
    for (unsigned i = 0; i < rooms && err == 0; i++) {
        snprintf(names[i], sizeof names[i], "%s-%u", run->prefix, i + 1);
        list[i] = names[i];
    }
    if (err == 0)
        err =
            bench_target_prepare(run->config->target, list, rooms, run->scenario->people, run->scenario->codec, error);
    else
        snprintf(error, BENCH_TARGET_ERROR_MAX, "no memory");
    free(names);
    free(list);
    return err;
}

static int open_crowd(struct bench_run *run, char *error)
{
    struct bench_target *target = run->config->target;
    struct bench_trouble trouble = {0};
    const struct bench_endpoint endpoint = {.url = *bench_target_url(target),
                                            .ca_file = bench_target_ca_file(target),
                                            .insecure = bench_target_insecure(target)};
    int err = bench_crowd_open(&run->crowd, &endpoint, bench_target_dialect(target), &trouble);
    if (err == 0)
        return 0;
    snprintf(error, BENCH_TARGET_ERROR_MAX, "%s", trouble.why);
    return err > 0 ? BASE_ERR_IO : err;
}

static void describe(struct bench_run *run)
{
    struct bench_result *result = run->result;
    const struct bench_scenario *scenario = run->scenario;
    struct bench_target *target = run->config->target;
    snprintf(result->scenario, sizeof result->scenario, "%s", bench_scenario_kind_name(scenario->kind));
    bench_scenario_describe(scenario, result->description, sizeof result->description);
    snprintf(result->target, sizeof result->target, "%s", bench_target_dialect(target)->name);
    snprintf(result->target_version, sizeof result->target_version, "%s", bench_target_version(target));
    snprintf(result->target_command, sizeof result->target_command, "%s", bench_target_command(target));
    size_t used = 0;
    snprintf(result->network, sizeof result->network, "none");
    for (unsigned i = 0; i < scenario->profile_count && used < sizeof result->network; i++)
        used += (size_t)snprintf(result->network + used, sizeof result->network - used, "%s%s", i != 0 ? ", " : "",
                                 scenario->profiles[i].name);
    result->seed = scenario->seed;
    result->rooms = scenario->rooms;
    result->people = scenario->rooms * scenario->people;
    result->publishers = scenario->rooms * run->publishers;
    bench_result_about(result);
}

static int no_ticket(const struct bench_run *run, char *error, const char *why)
{
    snprintf(error, BENCH_TARGET_ERROR_MAX, "%.160s: %s", run->config->tickets_file, why);
    return BASE_ERR_INVALID;
}

/* One a line; a # begins a comment. */
static int read_tickets(struct bench_run *run, char *error)
{
    char line[BENCH_TICKET_MAX + 2], why[80];
    size_t capacity = run->guest_count;
    if (run->config->tickets_file == NULL)
        return 0;
    FILE *file = fopen(run->config->tickets_file, "re");
    if (file == NULL)
        return no_ticket(run, error, strerror(errno));
    run->tickets = calloc(capacity, sizeof *run->tickets);
    if (run->tickets == NULL) {
        fclose(file);
        (void)no_ticket(run, error, "no memory");
        return BASE_ERR_NOMEM;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, " \t\r\n#")] = 0;
        if (line[0] == 0)
            continue;
        if (run->ticket_count == capacity) {
            capacity *= 2;
            void *grown = realloc(run->tickets, capacity * sizeof *run->tickets);
            if (grown == NULL)
                break;
            run->tickets = grown;
        }
        snprintf(run->tickets[run->ticket_count++], BENCH_TICKET_MAX, "%.*s", BENCH_TICKET_MAX - 1, line);
    }
    fclose(file);
    snprintf(why, sizeof why, "%zu tickets; each of %u people needs one", run->ticket_count, run->guest_count);
    return run->ticket_count >= run->guest_count ? 0 : no_ticket(run, error, why);
}

/* PROTOCOL.md section 1: a room is [a-z0-9-]{3,64}. */
static int name_rooms(struct bench_run *run, char *error)
{
    char random[9];
    const char *prefix = run->config->room_prefix;
    base_random_hex(random, 4);
    if (prefix == NULL)
        snprintf(run->prefix, sizeof run->prefix, "bench-%s", random);
    else
        snprintf(run->prefix, sizeof run->prefix, "%s", prefix);
    if (prefix == NULL || (prefix[0] != 0 && strlen(prefix) < sizeof run->prefix &&
                           prefix[strspn(prefix, "abcdefghijklmnopqrstuvwxyz0123456789-")] == 0))
        return 0;
    snprintf(error, BENCH_TARGET_ERROR_MAX, "room prefix \"%.40s\": 1 to %zu of a-z, 0-9 and -", prefix,
             sizeof run->prefix - 1);
    return BASE_ERR_INVALID;
}

static int begin(struct bench_run *run, char *error)
{
    int err = name_rooms(run, error);
    if (err == 0)
        err = bench_scenario_check(run->scenario, error);
    if (err != 0)
        return err;
    run->publishers = bench_scenario_publishers(run->scenario);
    err = bench_plan_make(&run->plan, run->scenario);
    if (err == 0)
        err = bench_run_people_create(run);
    if (err == 0)
        err = bench_run_edges_create(run);
    if (err == 0)
        err = bench_run_chat_create(run);
    if (err != 0) {
        snprintf(error, BENCH_TARGET_ERROR_MAX, "no memory for %u rooms of %u", run->scenario->rooms,
                 run->scenario->people);
        return err;
    }
    describe(run);
    err = check_descriptors(run, error);
    if (err == 0)
        err = read_tickets(run, error);
    if (err == 0)
        err = bench_media_kit_make(run->kit, run->scenario, error);
    if (err == 0)
        err = prepare_rooms(run, error);
    if (err == 0)
        err = open_crowd(run, error);
    if (err == 0)
        err = pin(run->config->cpu, error);
    return err;
}

/* ---- the loop --------------------------------------------------------------------------------------------------- */

static void tell(struct bench_run *run, uint64_t now_us)
{
    if (run->config->progress == NULL)
        return;
    bench_run_fill(run, now_us);
    run->config->progress(run->config->user, run->result, run->phase);
}

static void enter_phase(struct bench_run *run, const char *phase, uint64_t now_us)
{
    run->phase = phase;
    tell(run, now_us);
}

static void do_action(struct bench_run *run, const struct bench_action *action, uint64_t now_us)
{
    if (action->kind == BENCH_ACT_MEASURE) {
        run->measure_us = now_us;
        run->measuring = true;
        bench_run_edges_poll(run, now_us);
        bench_run_edges_measure(run, now_us);
        bench_run_sampler_measure(run, now_us);
        enter_phase(run, "measuring", now_us);
    } else if (action->kind == BENCH_ACT_END) {
        bench_run_edges_end(run, now_us);
        bench_run_people_end(run, now_us);
        run->end_us = now_us;
        run->measuring = false;
        run->ended = true;
        bench_run_sampler_end(run, now_us);
        enter_phase(run, "draining", now_us);
    } else {
        bench_run_act(run, action, now_us);
    }
}

/* Does what the plan has until now; returns when it wants to be called again. */
static uint64_t follow_plan(struct bench_run *run, uint64_t now_us)
{
    for (; run->next_action < run->plan.action_count; run->next_action++) {
        const struct bench_action *action = &run->plan.actions[run->next_action];
        if (run->start_us + action->at_us > now_us)
            return run->start_us + action->at_us;
        do_action(run, action, now_us);
    }
    return run->start_us + run->plan.length_us;
}

static bool end_early(struct bench_run *run, const char *why)
{
    run->result->interrupted = true;
    snprintf(run->result->ended, sizeof run->result->ended, "%s", why);
    return true;
}

/* Whether there is no use in going on. */
static bool is_over(struct bench_run *run, uint64_t now_us)
{
    static const char *const gone = "nobody is connected any more: the server is gone";
    struct bench_result *result = run->result;
    if (run->config->stop != NULL && *run->config->stop != 0)
        return end_early(run, "stopped by the user");
    if (now_us >= run->start_us + run->plan.length_us + OVERTIME_US)
        return end_early(run, "took a minute longer than planned");
    if (result->entered == 0 && run->first_failure != BENCH_FAILURE_NONE && bench_run_people_entering(run) == 0)
        return true;
    if (result->entered == 0 && now_us >= run->start_us + FIRST_LIMIT_US)
        return true;
    if (result->entered == 0 || run->ended)
        return false;
    if (bench_run_people_inside(run) != 0)
        run->inside_us = now_us;
    else if (now_us >= run->inside_us + GONE_US)
        return end_early(run, gone);
    return false;
}

static void loop(struct bench_run *run)
{
    uint64_t now_us = base_clock_us(), edges_us = now_us;
    uint64_t ramp_us = UINT64_C(1000) * bench_scenario_ramp_ms(run->scenario);
    run->start_us = run->inside_us = now_us;
    bench_run_sampler_start(run, now_us);
    enter_phase(run, "ramp-up", now_us);
    while (!is_over(run, now_us) && now_us < run->start_us + run->plan.length_us) {
        if (now_us >= run->start_us + ramp_us && strcmp(run->phase, "ramp-up") == 0)
            enter_phase(run, "settling", now_us);
        uint64_t wake_us = follow_plan(run, now_us);
        bench_run_people_tick(run, now_us);
        if (now_us >= edges_us) {
            bench_run_edges_poll(run, now_us);
            edges_us = now_us + BENCH_RUN_EDGES_US;
        }
        if (bench_run_sampler_poll(run, now_us)) {
            bench_target_poll_metrics(run->config->target, run->crowd->loop);
            tell(run, now_us);
            if (!bench_target_alive(run->config->target)) {
                (void)end_early(run, "the server has ended");
                break;
            }
        }
        (void)bench_crowd_run(run->crowd, wake_us < now_us + BENCH_RUN_TICK_US ? wake_us : now_us + BENCH_RUN_TICK_US,
                              NULL, NULL);
        now_us = base_clock_us();
    }
}

/* ---- afterwards ------------------------------------------------------------------------------------------------- */

/* Nobody could enter: why, as an error. */
static int refused(struct bench_run *run, char *error)
{
    snprintf(error, BENCH_TARGET_ERROR_MAX, "nobody could enter: %.220s",
             strstr(run->first_why, "open_rooms_off") != NULL
                 ? "the server has no open rooms; start it with open-rooms, or give --tickets"
             : run->first_why[0] != 0 ? run->first_why
                                      : "no answer in 20 s");
    switch (run->first_failure) {
    case BENCH_FAILURE_CERTIFICATE:
        return BASE_ERR_CRYPTO;
    case BENCH_FAILURE_HTTP:
    case BENCH_FAILURE_REFUSED:
        return BASE_ERR_NOT_ALLOWED;
    case BENCH_FAILURE_RESOURCES:
        return BASE_ERR_FULL;
    default:
        return BASE_ERR_IO;
    }
}

static bool said_goodbye(void *user)
{
    struct bench_run *run = user;
    for (struct bench_person *person = run->crowd->persons; person != NULL; person = person->next)
        if (person->state != BENCH_PERSON_LEFT && person->state != BENCH_PERSON_FAILED)
            return false;
    return true;
}

/* Rooms are left properly, so that the next run on the same server finds it empty. */
static void part(struct bench_run *run)
{
    for (struct bench_person *person = run->crowd->persons; person != NULL; person = person->next) {
        person->user = NULL;
        if (person->state != BENCH_PERSON_LEFT && person->state != BENCH_PERSON_FAILED)
            bench_person_leave(person);
    }
    (void)bench_crowd_run(run->crowd, base_clock_us() + GOODBYE_US, said_goodbye, run);
}

static int finish(struct bench_run *run, char *error)
{
    uint64_t now_us = base_clock_us();
    bool interrupted = run->result->interrupted;
    int err = 0;
    if (run->measure_us != 0 && run->end_us == 0)
        bench_run_sampler_end(run, now_us);
    if (run->measure_us != 0 && run->end_us == 0)
        run->end_us = now_us;
    bench_run_edges_poll(run, now_us);
    bench_run_edges_finish(run, !interrupted, now_us);
    bench_run_fill(run, now_us);
    if (run->result->entered == 0 && !(run->config->stop != NULL && *run->config->stop != 0))
        err = refused(run, error);
    part(run);
    return err;
}

int bench_run(const struct bench_run_config *config, struct bench_result *result, char *error)
{
    struct bench_run *run = calloc(1, sizeof *run);
    memset(result, 0, sizeof *result);
    error[0] = 0;
    if (run == NULL) {
        snprintf(error, BENCH_TARGET_ERROR_MAX, "no memory");
        return BASE_ERR_NOMEM;
    }
    run->config = config;
    run->scenario = config->scenario;
    run->result = result;
    run->phase = "starting";
    run->kit = config->kit != NULL ? config->kit : &run->own_kit;
    (void)signal(SIGPIPE, SIG_IGN);
    int err = begin(run, error);
    if (err == 0) {
        loop(run);
        err = finish(run, error);
    }
    bench_target_poll_metrics(config->target, NULL);
    bench_run_edges_destroy(run);
    bench_crowd_destroy(run->crowd);
    bench_run_people_destroy(run);
    bench_plan_clear(&run->plan);
    free(run->chat_marks);
    bench_media_kit_destroy(run->own_kit);
    free(run->tickets);
    free(run);
    return err;
}
