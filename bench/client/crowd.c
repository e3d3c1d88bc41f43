/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/client/crowd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "sfu/io/address.h"

#define WS_PATH      "/visio/ws"
#define WS_PROTOCOL  "consilium-visio-1"
#define UDP_PRIORITY 2000u
#define TCP_PRIORITY 1000u
#define TURN_MAX_US  100000u

int bench_crowd_create(struct bench_crowd **out, uint16_t port)
{
    *out = NULL;
    struct bench_crowd *crowd = calloc(1, sizeof *crowd);
    if (crowd == NULL)
        return BASE_ERR_NOMEM;
    crowd->port = port;
    base_random_bytes(&crowd->seed, sizeof crowd->seed);
    int err = sfu_loop_create(&crowd->loop);
    if (err == 0)
        err = bench_sockets_create(&crowd->sockets, crowd->loop);
    if (err == 0)
        err = sfu_dtls_identity_create(&crowd->identity);
    if (err != 0) {
        bench_crowd_destroy(crowd);
        return err;
    }
    *out = crowd;
    return 0;
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
    free(crowd);
}

static void touch(struct bench_person *who)
{
    (void)base_heap_set(&who->crowd->deadlines, &who->node, bench_participant_deadline_us(who->participant));
}

/* ---- media ---------------------------------------------------------------------------------------------------- */

static void on_datagram(struct bench_person *who, enum bench_pc pc, struct bench_socket *socket, uint8_t *data,
                        size_t len)
{
    uint64_t now_us = base_clock_us();
    bench_participant_on_datagram(who->participant, now_us, now_us, pc, bench_socket_path(socket), data, len);
    touch(who);
}

static void on_publish_datagram(void *user, struct bench_socket *socket, uint8_t *data, size_t len)
{
    on_datagram(user, BENCH_PUBLISH, socket, data, len);
}

static void on_subscribe_datagram(void *user, struct bench_socket *socket, uint8_t *data, size_t len)
{
    on_datagram(user, BENCH_SUBSCRIBE, socket, data, len);
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

/* One socket for each candidate that we want and can reach; at an ICE restart the sockets stay. */
static void on_candidates(void *user, enum bench_pc pc, const struct bench_sdp *sdp)
{
    struct bench_person *who = user;
    int used = 0;
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
    }
}

int bench_person_move(struct bench_person *who, enum bench_pc pc)
{
    struct bench_socket *before = who->sockets[pc][0];
    if (before == NULL || who->retired[pc] != NULL)
        return BASE_ERR_STATE;
    struct sfu_path path = *bench_socket_path(before);
    struct bench_socket *socket = open_socket(who, pc, &path.remote, path.protocol == SFU_PROTOCOL_TCP);
    if (socket == NULL)
        return BASE_ERR_IO;
    who->sockets[pc][0] = socket;
    who->retired[pc] = before; /* its port stays taken, so that nobody else gets what is still sent there */
    bench_peer_remove_pair(who->participant->peers[pc], &path);
    touch(who);
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

static void on_text(void *user, const char *text, size_t len)
{
    struct bench_person *who = user;
    bench_participant_on_text(who->participant, base_clock_us(), text, len);
    touch(who);
}

static void on_closed(void *user, unsigned code)
{
    struct bench_person *who = user;
    who->close_code = code;
    bench_participant_on_socket_closed(who->participant);
    touch(who);
}

static int open_ws(struct bench_person *who, bool resume)
{
    if (!resume && who->ticket[0] == 0) {
        char name[32];
        snprintf(name, sizeof name, "bench %u", who->config.number);
        int err = bench_ticket(who->crowd->port, who->room, name, who->identity, who->ticket);
        if (err != 0)
            return err;
    }
    const struct bench_ws_config config = {.loop = who->crowd->loop,
                                           .port = who->crowd->port,
                                           .path = WS_PATH,
                                           .protocol = WS_PROTOCOL,
                                           .on_text = on_text,
                                           .on_closed = on_closed,
                                           .user = who};
    int err = bench_ws_open(&who->ws, &config);
    if (err != 0)
        return err;
    who->close_code = 0;
    bench_participant_on_open(who->participant, base_clock_us(), resume ? NULL : who->ticket);
    who->ticket[0] = 0;
    touch(who);
    return 0;
}

static int make_participant(struct bench_person *who)
{
    struct bench_participant_config config = {.identity = who->crowd->identity,
                                              .number = who->config.number,
                                              .seed = base_prng_next(&who->crowd->seed),
                                              .wall_offset_us = (int64_t)(base_clock_wall_us() - base_clock_us()),
                                              .video_bps = who->config.video_bps,
                                              .fps = who->config.fps,
                                              .send_text = send_text,
                                              .send_datagram = send_datagram,
                                              .on_candidates = on_candidates,
                                              .on_message = on_message,
                                              .user = who};
    memcpy(config.sources, who->config.sources, sizeof config.sources);
    return bench_participant_create(&who->participant, &config, base_clock_us());
}

int bench_person_enter(struct bench_person **out, struct bench_crowd *crowd, const struct bench_person_config *config)
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
    int err = make_participant(who);
    if (err == 0)
        err = open_ws(who, false);
    if (err != 0) {
        bench_person_destroy(who);
        return err;
    }
    *out = who;
    return 0;
}

void bench_person_drop_socket(struct bench_person *who)
{
    bench_ws_destroy(who->ws);
    who->ws = NULL;
    bench_participant_on_socket_closed(who->participant);
}

static void close_sockets(struct bench_person *who)
{
    for (int pc = 0; pc < 2; pc++) {
        for (int i = 0; i < BENCH_PERSON_SOCKETS; i++)
            bench_socket_close(who->crowd->sockets, who->sockets[pc][i]);
        bench_socket_close(who->crowd->sockets, who->retired[pc]);
        memset(who->sockets[pc], 0, sizeof who->sockets[pc]);
        who->retired[pc] = NULL;
    }
}

int bench_person_reconnect(struct bench_person *who, bool resume)
{
    bench_person_drop_socket(who);
    if (!resume) {
        close_sockets(who);
        (void)base_heap_set(&who->crowd->deadlines, &who->node, BASE_NEVER_US);
        bench_participant_destroy(who->participant);
        who->participant = NULL;
        int err = make_participant(who);
        if (err != 0)
            return err;
    }
    return open_ws(who, resume);
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
    (void)base_heap_set(&who->crowd->deadlines, &who->node, BASE_NEVER_US);
    bench_ws_destroy(who->ws);
    close_sockets(who);
    bench_participant_destroy(who->participant);
    free(who);
}

/* ---- the loop ------------------------------------------------------------------------------------------------- */

static void poll_due(struct bench_crowd *crowd)
{
    uint64_t now_us = base_clock_us();
    for (;;) {
        struct base_heap_node *node = base_heap_first(&crowd->deadlines);
        if (node == NULL || node->deadline_us > now_us)
            return;
        struct bench_person *who = base_container_of(node, struct bench_person, node);
        bench_participant_poll(who->participant, now_us);
        touch(who);
    }
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
        sfu_loop_wait(crowd->loop, wake_us);
    }
}
