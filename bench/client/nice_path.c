/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/client/nice_path.h"

#include <agent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/heap.h"
#include "sfu/io/address.h"

#define COMPONENT      1u
#define FDS_MAX        1024
#define ITERATIONS_MAX 256 /* of the GMainContext in one turn of the loop */

/* ---- the context ---------------------------------------------------------------------------------------------- */

struct bench_nice_context {
    GMainContext *main;
    struct sfu_loop *loop;
    struct sfu_loop_source source; /* an epoll descriptor with those of `main` in it */
    bool watched, ready, stale;    /* stale: descriptors or timers may have changed */
    uint64_t deadline_us;
    int fd_count;
    GPollFD fds[FDS_MAX];
};

static void on_ready(struct sfu_loop_source *source, uint32_t events)
{
    (void)events;
    base_container_of(source, struct bench_nice_context, source)->ready = true;
}

/* An epoll descriptor of its own, as closed and reopened descriptors would be missed by comparing numbers. */
static int watch_again(struct bench_nice_context *context)
{
    if (context->watched)
        sfu_loop_remove(context->loop, &context->source);
    if (context->source.fd >= 0)
        close(context->source.fd);
    context->watched = false;
    context->source = (struct sfu_loop_source){.fd = epoll_create1(EPOLL_CLOEXEC), .on_ready = on_ready};
    if (context->source.fd < 0 || sfu_loop_add(context->loop, &context->source, EPOLLIN) != 0)
        return BASE_ERR_IO;
    context->watched = true;
    for (int i = 0; i < context->fd_count; i++) {
        struct epoll_event event = {.events = ((context->fds[i].events & G_IO_IN) ? (uint32_t)EPOLLIN : 0u) |
                                              ((context->fds[i].events & G_IO_OUT) ? (uint32_t)EPOLLOUT : 0u)};
        (void)epoll_ctl(context->source.fd, EPOLL_CTL_ADD, context->fds[i].fd,
                        &event); /* twice in it: once is enough */
    }
    return 0;
}

/* What the GMainContext waits for now. */
static int look(struct bench_nice_context *context)
{
    GPollFD fds[FDS_MAX];
    gint priority, timeout_ms = -1;
    if (!g_main_context_acquire(context->main))
        return BASE_ERR_STATE;
    gboolean pending = g_main_context_prepare(context->main, &priority);
    int count = g_main_context_query(context->main, G_MAXINT, &timeout_ms, fds, FDS_MAX);
    g_main_context_release(context->main);
    context->deadline_us = pending          ? base_clock_us()
                           : timeout_ms < 0 ? BASE_NEVER_US
                                            : base_clock_us() + (uint64_t)timeout_ms * 1000;
    count = count < FDS_MAX ? count : FDS_MAX;
    bool same = !context->stale && context->watched && count == context->fd_count;
    for (int i = 0; i < count && same; i++)
        same = fds[i].fd == context->fds[i].fd && fds[i].events == context->fds[i].events;
    context->stale = false;
    if (same)
        return 0;
    memcpy(context->fds, fds, (size_t)count * sizeof fds[0]);
    context->fd_count = count;
    return watch_again(context);
}

int bench_nice_context_create(struct bench_nice_context **out, struct sfu_loop *loop)
{
    *out = NULL;
    struct bench_nice_context *context = calloc(1, sizeof *context);
    if (context == NULL)
        return BASE_ERR_NOMEM;
    context->loop = loop;
    context->source.fd = -1;
    context->main = g_main_context_new();
    int err = look(context);
    if (err != 0) {
        bench_nice_context_destroy(context);
        return err;
    }
    *out = context;
    return 0;
}

void bench_nice_context_destroy(struct bench_nice_context *context)
{
    if (context == NULL)
        return;
    for (int i = 0; i < ITERATIONS_MAX && g_main_context_iteration(context->main, FALSE); i++)
        ; /* what agents have left behind */
    if (context->watched)
        sfu_loop_remove(context->loop, &context->source);
    if (context->source.fd >= 0)
        close(context->source.fd);
    g_main_context_unref(context->main);
    free(context);
}

uint64_t bench_nice_context_deadline_us(const struct bench_nice_context *context)
{
    return context->stale ? 0 : context->deadline_us;
}

void bench_nice_context_poll(struct bench_nice_context *context, uint64_t now_us)
{
    if (!context->ready && !context->stale && context->deadline_us > now_us)
        return;
    context->ready = false;
    for (int i = 0; i < ITERATIONS_MAX && g_main_context_iteration(context->main, FALSE); i++)
        ;
    (void)look(context);
}

/* ---- an agent ------------------------------------------------------------------------------------------------- */

struct bench_nice {
    struct bench_nice_context *context;
    struct bench_nice_config config;
    struct sfu_ice_credentials remote;
    unsigned candidate_count;
    struct bench_sdp_candidate candidates[BENCH_SDP_CANDIDATES_MAX];
    NiceAgent *agent;
    guint stream;
};

static void on_state(NiceAgent *agent, guint stream, guint component, guint state, gpointer user)
{
    struct bench_nice *nice = user;
    (void)agent, (void)stream, (void)component;
    if (state == NICE_COMPONENT_STATE_READY || state == NICE_COMPONENT_STATE_FAILED)
        nice->config.on_usable(nice->config.user, state == NICE_COMPONENT_STATE_READY);
}

static void on_data(NiceAgent *agent, guint stream, guint component, guint len, gchar *data, gpointer user)
{
    struct bench_nice *nice = user;
    (void)agent, (void)stream, (void)component;
    nice->config.on_datagram(nice->config.user, (uint8_t *)data, len);
}

/* The address of ours that the system would use to reach this one. */
static bool local_address(const struct bench_sdp_candidate *remote, NiceAddress *out)
{
    union sfu_address address;
    if (sfu_address_parse(&address, remote->address, remote->port) != 0)
        return false;
    bool v6 = address.sa.sa_family == AF_INET6;
    socklen_t len = v6 ? sizeof address.in6 : sizeof address.in4;
    int fd = socket(address.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && connect(fd, &address.sa, len) == 0 && getsockname(fd, &address.sa, &len) == 0;
    if (fd >= 0)
        close(fd);
    sfu_address_set_port(&address, 0);
    nice_address_init(out);
    if (ok)
        nice_address_set_from_sockaddr(out, &address.sa);
    return ok;
}

static void take_server(struct bench_nice *nice, const struct bench_sdp *server)
{
    nice->remote = server->ice;
    nice->candidate_count = 0;
    for (unsigned i = 0; i < server->candidate_count; i++)
        if (!server->candidates[i].tcp)
            nice->candidates[nice->candidate_count++] = server->candidates[i];
}

/* Credentials and candidates of both sides go to the agent. */
static bool tell_agent(struct bench_nice *nice)
{
    GSList *list = NULL;
    for (unsigned i = 0; i < nice->candidate_count; i++) {
        NiceCandidate *candidate = nice_candidate_new(NICE_CANDIDATE_TYPE_HOST);
        candidate->component_id = COMPONENT;
        candidate->stream_id = nice->stream;
        candidate->transport = NICE_CANDIDATE_TRANSPORT_UDP;
        candidate->priority = nice->candidates[i].priority;
        snprintf(candidate->foundation, sizeof candidate->foundation, "%u", i + 1);
        if (nice_address_set_from_string(&candidate->addr, nice->candidates[i].address)) {
            nice_address_set_port(&candidate->addr, nice->candidates[i].port);
            list = g_slist_append(list, candidate);
        } else {
            nice_candidate_free(candidate);
        }
    }
    bool ok = nice_agent_set_remote_credentials(nice->agent, nice->stream, nice->remote.ufrag, nice->remote.pwd) &&
              nice_agent_set_remote_candidates(nice->agent, nice->stream, COMPONENT, list) > 0;
    g_slist_free_full(list, (GDestroyNotify)nice_candidate_free);
    nice->context->stale = true;
    return ok;
}

static bool make_agent(struct bench_nice *nice)
{
    nice->agent = nice_agent_new_full(nice->context->main, NICE_COMPATIBILITY_RFC5245,
                                      NICE_AGENT_OPTION_REGULAR_NOMINATION | NICE_AGENT_OPTION_CONSENT_FRESHNESS);
    if (nice->agent == NULL)
        return false;
    g_object_set(nice->agent, "controlling-mode", TRUE, "upnp", FALSE, "ice-tcp", FALSE, NULL);
    bool any = false;
    for (unsigned i = 0; i < nice->candidate_count; i++) {
        NiceAddress local; /* the same twice is one for the agent */
        any = (local_address(&nice->candidates[i], &local) && nice_agent_add_local_address(nice->agent, &local)) || any;
    }
    g_signal_connect(nice->agent, "component-state-changed", G_CALLBACK(on_state), nice);
    nice->stream = nice_agent_add_stream(nice->agent, 1);
    return any && nice->stream != 0 &&
           nice_agent_set_local_credentials(nice->agent, nice->stream, nice->config.local.ufrag,
                                            nice->config.local.pwd) &&
           nice_agent_attach_recv(nice->agent, nice->stream, COMPONENT, nice->context->main, on_data, nice) &&
           nice_agent_gather_candidates(nice->agent, nice->stream) && tell_agent(nice);
}

static int start(struct bench_nice **out, struct bench_nice *nice)
{
    int err = nice->candidate_count == 0 ? BASE_ERR_NOT_FOUND : make_agent(nice) ? 0 : BASE_ERR_IO;
    nice->context->stale = true;
    if (err != 0) {
        bench_nice_destroy(nice);
        return err;
    }
    *out = nice;
    return 0;
}

int bench_nice_create(struct bench_nice **out, struct bench_nice_context *context,
                      const struct bench_nice_config *config, const struct bench_sdp *server)
{
    *out = NULL;
    struct bench_nice *nice = calloc(1, sizeof *nice);
    if (nice == NULL)
        return BASE_ERR_NOMEM;
    nice->context = context;
    nice->config = *config;
    take_server(nice, server);
    return start(out, nice);
}

void bench_nice_destroy(struct bench_nice *nice)
{
    if (nice == NULL)
        return;
    if (nice->agent != NULL) {
        g_signal_handlers_disconnect_by_data(nice->agent, nice);
        if (nice->stream != 0)
            nice_agent_remove_stream(nice->agent, nice->stream);
        g_object_unref(nice->agent);
    }
    nice->context->stale = true;
    free(nice);
}

int bench_nice_restart(struct bench_nice *nice, const struct sfu_ice_credentials *local, const struct bench_sdp *server)
{
    nice->config.local = *local;
    take_server(nice, server);
    return nice_agent_restart_stream(nice->agent, nice->stream) &&
                   nice_agent_set_local_credentials(nice->agent, nice->stream, local->ufrag, local->pwd) &&
                   tell_agent(nice)
               ? 0
               : BASE_ERR_STATE;
}

int bench_nice_move(struct bench_nice **nice)
{
    struct bench_nice *before = *nice, *fresh = malloc(sizeof *fresh);
    if (fresh == NULL)
        return BASE_ERR_NOMEM;
    *fresh = *before;
    fresh->agent = NULL;
    fresh->stream = 0;
    int err = start(nice, fresh);
    if (err == 0)
        bench_nice_destroy(before);
    return err;
}

void bench_nice_send(struct bench_nice *nice, const uint8_t *data, size_t len)
{
    (void)nice_agent_send(nice->agent, nice->stream, COMPONENT, (guint)len, (const gchar *)data);
}
