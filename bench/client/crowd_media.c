/* SPDX-License-Identifier: Apache-2.0 */
/* crowd_media.c - the sockets of a person's peer connections, and the network that is played between them and the
 * server. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "bench/client/crowd_internal.h"
#include "sfu/io/address.h"

#define UDP_PRIORITY 2000u
#define TCP_PRIORITY 1000u

/* ---- datagrams ------------------------------------------------------------------------------------------------ */

static bool is_tcp(const struct bench_socket *socket)
{
    return bench_socket_path(socket)->protocol == SFU_PROTOCOL_TCP;
}

static void on_datagram(struct bench_person *who, enum bench_pc pc, struct bench_socket *socket, uint64_t now_us,
                        uint64_t arrival_us, uint8_t *data, size_t len)
{
    if (who->line != NULL)
        bench_network_line_send(who->line, arrival_us, BENCH_NETWORK_DOWN, is_tcp(socket), socket, data, len);
    else
        bench_participant_on_datagram(who->participant, now_us, arrival_us, pc, bench_socket_path(socket), data, len);
    bench_person_touch_later(who);
}

static void on_publish_datagram(void *user, struct bench_socket *socket, uint64_t now_us, uint64_t arrival_us,
                                uint8_t *data, size_t len)
{
    on_datagram(user, BENCH_PUBLISH, socket, now_us, arrival_us, data, len);
}

static void on_subscribe_datagram(void *user, struct bench_socket *socket, uint64_t now_us, uint64_t arrival_us,
                                  uint8_t *data, size_t len)
{
    on_datagram(user, BENCH_SUBSCRIBE, socket, now_us, arrival_us, data, len);
}

void bench_person_send_datagram(void *user, enum bench_pc pc, const struct sfu_path *path, const uint8_t *data,
                                size_t len)
{
    struct bench_person *who = user;
    if (who->nice[pc] != NULL) {
        if (who->line != NULL)
            bench_network_line_send(who->line, base_clock_us(), BENCH_NETWORK_UP, false, &who->nice[pc], data, len);
        else
            bench_nice_send(who->nice[pc], data, len);
        return;
    }
    for (int i = 0; i < BENCH_PERSON_SOCKETS; i++) {
        struct bench_socket *socket = who->sockets[pc][i];
        if (socket == NULL || !sfu_path_equal(bench_socket_path(socket), path))
            continue;
        if (who->line != NULL)
            bench_network_line_send(who->line, base_clock_us(), BENCH_NETWORK_UP, is_tcp(socket), socket, data, len);
        else
            bench_socket_send(who->crowd->sockets, socket, data, len);
        return;
    }
}

/* Whose socket it is, in use or retired. */
static enum bench_pc pc_of(const struct bench_person *who, const struct bench_socket *socket)
{
    for (int i = 0; i < BENCH_PERSON_SOCKETS; i++)
        if (who->sockets[BENCH_PUBLISH][i] == socket || who->retired[BENCH_PUBLISH][i] == socket)
            return BENCH_PUBLISH;
    return BENCH_SUBSCRIBE;
}

static void leave_line(struct bench_person *who, uint64_t now_us, uint64_t arrival_us, enum bench_network_way way,
                       void *tag, uint8_t *data, size_t len)
{
    static const struct sfu_path any;
    bool nice = tag == &who->nice[BENCH_PUBLISH] || tag == &who->nice[BENCH_SUBSCRIBE];
    enum bench_pc pc = nice ? (tag == &who->nice[BENCH_PUBLISH] ? BENCH_PUBLISH : BENCH_SUBSCRIBE) : pc_of(who, tag);
    if (way == BENCH_NETWORK_DOWN)
        bench_participant_on_datagram(who->participant, now_us, arrival_us, pc, nice ? &any : bench_socket_path(tag),
                                      data, len);
    else if (!nice)
        bench_socket_send(who->crowd->sockets, tag, data, len);
    else if (who->nice[pc] != NULL)
        bench_nice_send(who->nice[pc], data, len);
}

void bench_person_poll_line(struct bench_person *who, uint64_t now_us)
{
    enum bench_network_way way;
    void *tag;
    size_t len;
    uint64_t arrival_us;
    uint8_t *data;
    while ((data = bench_network_line_take(who->line, now_us, &way, &tag, &len, &arrival_us)) != NULL)
        leave_line(who, now_us, arrival_us, way, tag, data, len);
}

uint64_t bench_person_network_lost(const struct bench_person *who)
{
    uint64_t lost = 0;
    for (int way = 0; way < 2 && who->line != NULL; way++)
        lost += bench_network_line_counters(who->line, (enum bench_network_way)way)->media;
    return lost;
}

/* ---- libnice -------------------------------------------------------------------------------------------------- */

static void on_nice_usable(struct bench_person *who, enum bench_pc pc, bool usable)
{
    bench_peer_on_external_ice(who->participant->peers[pc], base_clock_us(), usable);
    bench_person_touch_later(who);
}

static void on_nice_datagram(struct bench_person *who, enum bench_pc pc, uint8_t *data, size_t len)
{
    static const struct sfu_path any;
    uint64_t now_us = base_clock_us();
    if (who->line != NULL)
        bench_network_line_send(who->line, now_us, BENCH_NETWORK_DOWN, false, &who->nice[pc], data, len);
    else
        bench_participant_on_datagram(who->participant, now_us, now_us, pc, &any, data, len);
    bench_person_touch_later(who);
}

static void on_publish_usable(void *user, bool usable)
{
    on_nice_usable(user, BENCH_PUBLISH, usable);
}

static void on_subscribe_usable(void *user, bool usable)
{
    on_nice_usable(user, BENCH_SUBSCRIBE, usable);
}

static void on_nice_publish(void *user, uint8_t *data, size_t len)
{
    on_nice_datagram(user, BENCH_PUBLISH, data, len);
}

static void on_nice_subscribe(void *user, uint8_t *data, size_t len)
{
    on_nice_datagram(user, BENCH_SUBSCRIBE, data, len);
}

/* The first candidates, or those of an ICE restart. */
static int start_nice(struct bench_person *who, enum bench_pc pc, const struct bench_sdp *sdp)
{
    struct bench_crowd *crowd = who->crowd;
    if (who->nice[pc] != NULL)
        return bench_nice_restart(who->nice[pc], &who->participant->local[pc], sdp);
    int err = crowd->nice == NULL ? bench_nice_context_create(&crowd->nice, crowd->loop) : 0;
    if (err != 0)
        return err;
    const struct bench_nice_config config = {.local = who->participant->local[pc],
                                             .on_usable = pc == BENCH_PUBLISH ? on_publish_usable : on_subscribe_usable,
                                             .on_datagram = pc == BENCH_PUBLISH ? on_nice_publish : on_nice_subscribe,
                                             .user = who};
    bench_peer_set_external_ice(who->participant->peers[pc]);
    return bench_nice_create(&who->nice[pc], crowd->nice, &config, sdp);
}

/* ---- sockets -------------------------------------------------------------------------------------------------- */

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

static void close_socket(struct bench_person *who, struct bench_socket **socket)
{
    if (*socket != NULL && who->line != NULL)
        bench_network_line_forget(who->line, *socket);
    bench_socket_close(who->crowd->sockets, *socket);
    *socket = NULL;
}

void bench_person_close_sockets(struct bench_person *who)
{
    for (int pc = 0; pc < 2; pc++) {
        if (who->nice[pc] != NULL && who->line != NULL)
            bench_network_line_forget(who->line, &who->nice[pc]);
        bench_nice_destroy(who->nice[pc]);
        who->nice[pc] = NULL;
        for (int i = 0; i < BENCH_PERSON_SOCKETS; i++) {
            close_socket(who, &who->sockets[pc][i]);
            close_socket(who, &who->retired[pc][i]);
        }
    }
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

static bool wanted(const struct bench_person *who, bool tcp)
{
    if (who->udp_blocked)
        return tcp;
    return who->config.transport == BENCH_UDP_OR_TCP || tcp == (who->config.transport == BENCH_TCP);
}

/* One socket for each candidate that we want and can reach; at an ICE restart the sockets stay. */
void bench_person_on_candidates(void *user, enum bench_pc pc, const struct bench_sdp *sdp)
{
    struct bench_person *who = user;
    int used = 0, refused = 0;
    if (who->config.nice && !who->udp_blocked && who->config.transport != BENCH_TCP) {
        errno = 0;
        if (start_nice(who, pc, sdp) != 0)
            no_way(who, pc, errno);
        return;
    }
    if (who->sockets[pc][0] != NULL)
        return;
    for (unsigned i = 0; i < sdp->candidate_count && used < BENCH_PERSON_SOCKETS; i++) {
        const struct bench_sdp_candidate *candidate = &sdp->candidates[i];
        union sfu_address remote;
        if (!wanted(who, candidate->tcp) || sfu_address_parse(&remote, candidate->address, candidate->port) != 0)
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
    if (who->nice[pc] != NULL) {
        bench_peer_on_external_ice(who->participant->peers[pc], base_clock_us(), false);
        return bench_nice_move(&who->nice[pc]);
    }
    struct bench_socket *fresh[BENCH_PERSON_SOCKETS] = {NULL};
    struct sfu_path before[BENCH_PERSON_SOCKETS];
    int count = 0;
    for (; count < BENCH_PERSON_SOCKETS && who->sockets[pc][count] != NULL; count++) {
        before[count] = *bench_socket_path(who->sockets[pc][count]);
        bool tcp = before[count].protocol == SFU_PROTOCOL_TCP;
        fresh[count] = open_socket(who, pc, &before[count].remote, tcp);
        if (fresh[count] == NULL) {
            while (count-- > 0) {
                bench_peer_remove_pair(who->participant->peers[pc], bench_socket_path(fresh[count]));
                close_socket(who, &fresh[count]);
            }
            return BASE_ERR_IO;
        }
    }
    for (int i = 0; i < count; i++) {
        close_socket(who, &who->retired[pc][i]);
        /* its port stays taken, so that nobody else gets what is still sent there */
        who->retired[pc][i] = who->sockets[pc][i];
        who->sockets[pc][i] = fresh[i];
        bench_peer_remove_pair(who->participant->peers[pc], &before[i]);
    }
    bench_person_touch(who);
    return count != 0 ? 0 : BASE_ERR_STATE;
}
