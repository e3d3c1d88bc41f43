/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/client/crowd_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"

#define TURN_MAX_US 100000u

int bench_crowd_open(struct bench_crowd **out, const struct bench_endpoint *endpoint,
                     const struct bench_dialect *dialect, struct bench_trouble *trouble)
{
    *out = NULL;
    struct bench_crowd *crowd = calloc(1, sizeof *crowd);
    if (crowd == NULL)
        return bench_trouble_set(trouble, BENCH_FAILURE_RESOURCES, "no memory");
    crowd->dialect = dialect != NULL ? dialect : &bench_dialect_consilium;
    base_random_bytes(&crowd->seed, sizeof crowd->seed);
    int err = bench_place_create(&crowd->place, endpoint, trouble);
    if (err == 0 && (sfu_loop_create(&crowd->loop) != 0 || bench_sockets_create(&crowd->sockets, crowd->loop) != 0 ||
                     sfu_dtls_identity_create(&crowd->identity) != 0))
        err = bench_trouble_set(trouble, BENCH_FAILURE_RESOURCES, "no memory, descriptors or random numbers");
    if (err != 0) {
        bench_crowd_destroy(crowd);
        return err;
    }
    *out = crowd;
    return 0;
}

int bench_crowd_create(struct bench_crowd **out, uint16_t port)
{
    const struct bench_endpoint endpoint = {.url = {.tls = true, .host = "127.0.0.1", .port = port}, .insecure = true};
    return bench_crowd_open(out, &endpoint, NULL, NULL);
}

void bench_crowd_destroy(struct bench_crowd *crowd)
{
    if (crowd == NULL)
        return;
    while (crowd->persons != NULL)
        bench_person_destroy(crowd->persons);
    bench_nice_context_destroy(crowd->nice);
    base_heap_clear(&crowd->deadlines);
    bench_sockets_destroy(crowd->sockets);
    sfu_dtls_identity_destroy(crowd->identity);
    sfu_loop_destroy(crowd->loop);
    bench_place_destroy(crowd->place);
    free(crowd);
}

void bench_person_touch(struct bench_person *who)
{
    bench_person_look(who);
    uint64_t deadline_us = bench_person_entering_deadline_us(who);
    uint64_t participant_us = bench_participant_deadline_us(who->participant);
    uint64_t line_us = who->line != NULL ? bench_network_line_deadline_us(who->line) : BASE_NEVER_US;
    if (participant_us < deadline_us)
        deadline_us = participant_us;
    (void)base_heap_set(&who->crowd->deadlines, &who->node, line_us < deadline_us ? line_us : deadline_us);
}

void bench_person_touch_later(struct bench_person *who)
{
    if (who->touched)
        return;
    who->touched = true;
    who->next_touched = who->crowd->touched;
    who->crowd->touched = who;
}

static void touch_all(struct bench_crowd *crowd)
{
    while (crowd->touched != NULL) {
        struct bench_person *who = crowd->touched;
        crowd->touched = who->next_touched;
        who->touched = false;
        bench_person_touch(who);
    }
}

static void forget_touched(struct bench_person *who)
{
    for (struct bench_person **link = &who->crowd->touched; *link != NULL; link = &(*link)->next_touched)
        if (*link == who) {
            *link = who->next_touched;
            return;
        }
}

/* ---- conversation --------------------------------------------------------------------------------------------- */

static void send_text(void *user, const char *text)
{
    struct bench_person *who = user;
    if (who->ws != NULL)
        bench_ws_send_text(who->ws, text);
}

static void on_message(void *user, const char *type, const json_t *message)
{
    struct bench_person *who = user;
    snprintf(who->last_type, sizeof who->last_type, "%s", type);
    if (who->on_message != NULL)
        who->on_message(who, type, message);
}

static int make_participant(struct bench_person *who)
{
    struct bench_participant_config config = {.video_bps = who->config.video_bps, .fps = who->config.fps};
    memcpy(config.sources, who->config.sources, sizeof config.sources);
    if (who->config.participant != NULL)
        config = *who->config.participant;
    config.dialect = who->crowd->dialect;
    config.room = who->room;
    config.identity = who->crowd->identity;
    config.number = who->config.number;
    config.seed = base_prng_next(&who->seed);
    config.wall_offset_us = (int64_t)(base_clock_wall_us() - base_clock_us());
    config.send_text = send_text;
    config.send_datagram = bench_person_send_datagram;
    config.on_candidates = bench_person_on_candidates;
    config.on_message = on_message;
    config.user = who;
    return bench_participant_create(&who->participant, &config, base_clock_us());
}

int bench_person_start(struct bench_person **out, struct bench_crowd *crowd, const struct bench_person_config *config)
{
    *out = NULL;
    struct bench_person *who = calloc(1, sizeof *who);
    if (who == NULL)
        return BASE_ERR_NOMEM;
    who->crowd = crowd;
    who->config = *config;
    who->next = crowd->persons;
    crowd->persons = who;
    snprintf(who->room, sizeof who->room, "%s", config->room);
    if (config->identity != NULL)
        snprintf(who->identity, sizeof who->identity, "%s", config->identity);
    else
        base_random_hex(who->identity, 16);
    if (config->ticket != NULL)
        snprintf(who->ticket, sizeof who->ticket, "%s", config->ticket);
    who->seed = config->seed != 0 ? config->seed : base_prng_next(&crowd->seed);
    int err = config->profile != NULL
                  ? bench_network_line_create(&who->line, config->profile, base_prng_next(&who->seed))
                  : 0;
    who->udp_blocked = config->profile != NULL && config->profile->udp_blocked;
    if (err != 0 || make_participant(who) != 0) {
        bench_person_destroy(who);
        return BASE_ERR_NOMEM;
    }
    bench_person_begin(who, false);
    *out = who;
    return 0;
}

int bench_person_start_again(struct bench_person *who, bool resume)
{
    bench_person_drop_socket(who);
    resume = resume && who->crowd->dialect->resumes;
    if (!resume) {
        bench_person_close_sockets(who);
        struct bench_participant *before = who->participant;
        if (make_participant(who) != 0) {
            const struct bench_trouble trouble = {.failure = BENCH_FAILURE_RESOURCES, .why = "no memory"};
            who->participant = before;
            bench_person_fail(who, &trouble);
            return BASE_ERR_NOMEM;
        }
        bench_participant_destroy(before);
    }
    bench_person_begin(who, resume);
    return 0;
}

/* ---- for those who can wait ----------------------------------------------------------------------------------- */

static bool has_said_join(void *user)
{
    return ((struct bench_person *)user)->state != BENCH_PERSON_CONNECTING;
}

static int wait_for_join(struct bench_person *who)
{
    bench_crowd_run(who->crowd, who->started_us + 2 * BENCH_ENTER_LIMIT_US, has_said_join, who);
    if (who->failure ==
        BENCH_FAILURE_REFUSED) /* the answer to the join, sooner or later than we look: it is in `why` */
        return 0;
    const struct bench_trouble trouble = {.failure = who->failure, .status = who->http_status};
    return bench_trouble_err(&trouble);
}

int bench_person_enter(struct bench_person **out, struct bench_crowd *crowd, const struct bench_person_config *config)
{
    int err = bench_person_start(out, crowd, config);
    if (err == 0)
        err = wait_for_join(*out);
    if (err != 0) {
        bench_person_destroy(*out);
        *out = NULL;
    }
    return err;
}

int bench_person_reconnect(struct bench_person *who, bool resume)
{
    int err = bench_person_start_again(who, resume);
    return err != 0 ? err : wait_for_join(who);
}

void bench_person_destroy(struct bench_person *who)
{
    if (who == NULL)
        return;
    for (struct bench_person **link = &who->crowd->persons; *link != NULL; link = &(*link)->next)
        if (*link == who) {
            *link = who->next;
            break;
        }
    forget_touched(who);
    (void)base_heap_set(&who->crowd->deadlines, &who->node, BASE_NEVER_US);
    bench_person_cut(who);
    bench_person_close_sockets(who);
    bench_participant_destroy(who->participant);
    bench_network_line_destroy(who->line);
    free(who);
}

/* ---- the loop ------------------------------------------------------------------------------------------------- */

static void poll_due(struct bench_crowd *crowd)
{
    uint64_t turn_us = base_clock_us(); /* what becomes due meanwhile waits: the sockets' turn comes first */
    for (;;) {
        struct base_heap_node *node = base_heap_first(&crowd->deadlines);
        if (node == NULL || node->deadline_us > turn_us)
            return;
        struct bench_person *who = base_container_of(node, struct bench_person, node);
        uint64_t now_us = base_clock_us();
        if (node->deadline_us != 0) /* 0: at once */
            bench_histogram_add(&crowd->late, now_us - node->deadline_us);
        bench_person_poll_entering(who, now_us);
        if (who->line != NULL)
            bench_person_poll_line(who, now_us);
        bench_participant_poll(who->participant, now_us);
        bench_person_touch(who);
    }
}

uint64_t bench_crowd_cpu_us(void)
{
    struct timespec used;
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used) != 0)
        return 0;
    return (uint64_t)used.tv_sec * 1000000u + (uint64_t)used.tv_nsec / 1000u;
}

uint64_t bench_crowd_starved_us(void)
{
    unsigned long long running_ns, waiting_ns = 0;
    FILE *file = fopen("/proc/thread-self/schedstat", "re");
    if (file == NULL)
        return 0;
    int count = fscanf(file, "%llu %llu", &running_ns, &waiting_ns);
    fclose(file);
    return count == 2 ? waiting_ns / 1000 : 0;
}

bool bench_crowd_run(struct bench_crowd *crowd, uint64_t until_us, bool (*done)(void *user), void *user)
{
    for (;;) {
        poll_due(crowd);
        bench_sockets_flush(crowd->sockets);
        if (done != NULL && done(user))
            return true;
        uint64_t now_us = base_clock_us();
        if (now_us >= until_us)
            return false;
        const struct base_heap_node *node = base_heap_first(&crowd->deadlines);
        uint64_t wake_us = node != NULL && node->deadline_us < until_us ? node->deadline_us : until_us;
        if (crowd->nice != NULL && bench_nice_context_deadline_us(crowd->nice) < wake_us)
            wake_us = bench_nice_context_deadline_us(crowd->nice);
        if (wake_us > now_us + TURN_MAX_US)
            wake_us = now_us + TURN_MAX_US; /* the condition may depend on the clock */
        crowd->work_began_us = 0;
        sfu_loop_wait(crowd->loop, wake_us);
        if (crowd->nice != NULL)
            bench_nice_context_poll(crowd->nice, base_clock_us());
        touch_all(crowd);
    }
}
