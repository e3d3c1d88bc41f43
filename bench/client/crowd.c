/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/client/crowd_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "sfu/io/address.h"

#define UDP_PRIORITY 2000u
#define TCP_PRIORITY 1000u
#define TURN_MAX_US  100000u

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
    (void)base_heap_set(&who->crowd->deadlines, &who->node,
                        participant_us < deadline_us ? participant_us : deadline_us);
}

/* ---- media ---------------------------------------------------------------------------------------------------- */

/* Once in each turn of the loop, not for each datagram. */
static void touch_later(struct bench_person *who)
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

static void on_publish_datagram(void *user, struct bench_socket *socket, uint64_t now_us, uint64_t arrival_us,
                                uint8_t *data, size_t len)
{
    struct bench_person *who = user;
    bench_participant_on_datagram(who->participant, now_us, arrival_us, BENCH_PUBLISH, bench_socket_path(socket), data,
                                  len);
    touch_later(who);
}

static void on_subscribe_datagram(void *user, struct bench_socket *socket, uint64_t now_us, uint64_t arrival_us,
                                  uint8_t *data, size_t len)
{
    struct bench_person *who = user;
    bench_participant_on_datagram(who->participant, now_us, arrival_us, BENCH_SUBSCRIBE, bench_socket_path(socket),
                                  data, len);
    touch_later(who);
}

static void send_datagram(void *user, enum bench_pc pc, const struct sfu_path *path, const uint8_t *data, size_t len)
{
    struct bench_person *who = user;
    for (int i = 0; i < BENCH_PERSON_SOCKETS; i++)
        if (who->sockets[pc][i] != NULL && sfu_path_equal(bench_socket_path(who->sockets[pc][i]), path)) {
            bench_socket_send(who->crowd->sockets, who->sockets[pc][i], data, len);
            return;
        }
}

static struct bench_socket *open_socket(struct bench_person *who, enum bench_pc pc, const union sfu_address *remote,
                                        bool tcp)
{
    struct bench_socket *socket = bench_socket_open(
        who->crowd->sockets, remote, tcp, pc == BENCH_PUBLISH ? on_publish_datagram : on_subscribe_datagram, who);
    if (socket != NULL)
        bench_peer_add_pair(who->participant->peers[pc], bench_socket_path(socket), tcp ? TCP_PRIORITY : UDP_PRIORITY,
                            base_clock_us());
    return socket;
}

static void no_way(struct bench_person *who, enum bench_pc pc, int error)
{
    bool ours = error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
    struct bench_trouble trouble;
    bench_trouble_set(&trouble, ours ? BENCH_FAILURE_RESOURCES : BENCH_FAILURE_MEDIA, "no media socket for %s: %s",
                      pc == BENCH_PUBLISH ? "publish" : "subscribe",
                      error != 0 ? strerror(error) : "the server has no candidate that we may use");
    bench_person_fail(who, &trouble);
}

/* One socket for each candidate that we want and can reach; at an ICE restart the sockets stay. */
static void on_candidates(void *user, enum bench_pc pc, const struct bench_sdp *sdp)
{
    struct bench_person *who = user;
    int used = 0, refused = 0;
    if (who->sockets[pc][0] != NULL)
        return;
    for (unsigned i = 0; i < sdp->candidate_count && used < BENCH_PERSON_SOCKETS; i++) {
        const struct bench_sdp_candidate *candidate = &sdp->candidates[i];
        union sfu_address remote;
        if ((candidate->tcp && who->config.transport == BENCH_UDP) ||
            (!candidate->tcp && who->config.transport == BENCH_TCP) ||
            sfu_address_parse(&remote, candidate->address, candidate->port) != 0)
            continue;
        struct bench_socket *socket = open_socket(who, pc, &remote, candidate->tcp);
        if (socket != NULL)
            who->sockets[pc][used++] = socket;
        else
            refused = errno;
    }
    if (used == 0)
        no_way(who, pc, refused);
}

int bench_person_move(struct bench_person *who, enum bench_pc pc)
{
    struct bench_socket *before = who->sockets[pc][0];
    if (before == NULL)
        return BASE_ERR_STATE;
    struct sfu_path path = *bench_socket_path(before);
    struct bench_socket *socket = open_socket(who, pc, &path.remote, path.protocol == SFU_PROTOCOL_TCP);
    if (socket == NULL)
        return BASE_ERR_IO;
    who->sockets[pc][0] = socket;
    bench_socket_close(who->crowd->sockets, who->retired[pc]);
    who->retired[pc] = before; /* its port stays taken, so that nobody else gets what is still sent there */
    bench_peer_remove_pair(who->participant->peers[pc], &path);
    bench_person_touch(who);
    return 0;
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

int bench_person_make_participant(struct bench_person *who)
{
    struct bench_participant_config config = {.video_bps = who->config.video_bps, .fps = who->config.fps};
    memcpy(config.sources, who->config.sources, sizeof config.sources);
    if (who->config.participant != NULL)
        config = *who->config.participant;
    config.dialect = who->crowd->dialect;
    config.room = who->room;
    config.identity = who->crowd->identity;
    config.number = who->config.number;
    config.seed = base_prng_next(&who->crowd->seed);
    config.wall_offset_us = (int64_t)(base_clock_wall_us() - base_clock_us());
    config.send_text = send_text;
    config.send_datagram = send_datagram;
    config.on_candidates = on_candidates;
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
    if (bench_person_make_participant(who) != 0) {
        bench_person_destroy(who);
        return BASE_ERR_NOMEM;
    }
    bench_person_begin(who, false);
    *out = who;
    return 0;
}

void bench_person_close_sockets(struct bench_person *who)
{
    for (int pc = 0; pc < 2; pc++) {
        for (int i = 0; i < BENCH_PERSON_SOCKETS; i++)
            bench_socket_close(who->crowd->sockets, who->sockets[pc][i]);
        bench_socket_close(who->crowd->sockets, who->retired[pc]);
        memset(who->sockets[pc], 0, sizeof who->sockets[pc]);
        who->retired[pc] = NULL;
    }
}

int bench_person_start_again(struct bench_person *who, bool resume)
{
    bench_person_drop_socket(who);
    resume = resume && who->crowd->dialect->resumes;
    if (!resume) {
        bench_person_close_sockets(who);
        struct bench_participant *before = who->participant;
        if (bench_person_make_participant(who) != 0) {
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
        if (wake_us > now_us + TURN_MAX_US)
            wake_us = now_us + TURN_MAX_US; /* the condition may depend on the clock */
        crowd->work_began_us = 0;
        sfu_loop_wait(crowd->loop, wake_us);
        touch_all(crowd);
    }
}
