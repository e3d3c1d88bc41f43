/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/heap.h"
#include "base/log.h"
#include "base/random.h"
#include "base/ring.h"
#include "sfu/event_queue.h"
#include "sfu/io/loop.h"
#include "sfu/io/tcp.h"
#include "sfu/io/udp.h"
#include "sfu/room/engine.h"
#include "sfu/wire/stun.h"

#define BATCHES_MAX  4     /* recvmmsg calls of one iteration; then timers and messages get their turn */
#define MESSAGES_MAX 256   /* taken in one iteration, likewise */
#define PACKET_MAX   32768 /* packets kept for retransmission; the pool grows only as they come */
#define CHUNK_MAX    4096  /* egress memory of one iteration: 80 MB of addresses, touched only when used */
/* One more packet to a full room, or a poll of all participants, must find room beyond these. */
#define PACKET_RUNS_MAX (CHUNK_MAX - SFU_ROOM_CAPACITY_MAX - 24)
#define POLL_RUNS_MAX   (CHUNK_MAX / 4)
#define HOUSEKEEPING_US 1000000u

enum message_kind { MESSAGE_COMMAND, MESSAGE_ADOPT };

/* What other threads send; one allocation with its arrays. */
struct message {
    enum message_kind kind;
    int fd;
    size_t received_len;
    struct sfu_command command;
    _Alignas(max_align_t) uint8_t tail[]; /* up and down tracks, or received bytes */
};

struct sfu_worker {
    struct sfu_worker_config config;
    struct sfu_engine *engine;
    struct sfu_loop *loop;
    struct sfu_udp *udp;
    struct sfu_loop_source udp_source;
    struct sfu_tcp *tcp;
    bool udp_ready; /* the socket may have data */
    uint64_t now_us;
    uint64_t handled; /* packets of this iteration */
    uint64_t housekeeping_us;
    uint64_t iterations, delay_max_us;

    pthread_t thread;
    bool started, joined;
    struct base_ring *messages; /* of struct message * */
    atomic_uint stop_drain_ms;  /* valid once stop_asked */
    atomic_bool stop_asked;
    bool stopping;
    uint64_t drain_until_us;

    struct sfu_event_queue *events;

    pthread_mutex_t stats_lock;
    struct sfu_worker_stats stats; /* under stats_lock */
};

static const char base64_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int sfu_worker_of_ufrag(const char *ufrag, size_t len)
{
    if (len < 4 || ufrag[0] == '\0') /* RFC 8839 section 5.4: at least 4 characters */
        return -1;
    const char *found = strchr(base64_chars, ufrag[0]);
    return found != NULL ? (int)(found - base64_chars) : -1;
}

char sfu_worker_ufrag_char(uint32_t index)
{
    return base64_chars[index % SFU_WORKERS_MAX];
}

/* ---- events upwards --------------------------------------------------------------------------------------------- */

static void on_event(void *user, const struct sfu_event *event)
{
    struct sfu_worker *worker = user;
    if (sfu_event_queue_put(worker->events, event) != 0)
        base_log_error("sfu_event_lost", "worker=%u kind=%d room=%llx", worker->config.index, (int)event->kind,
                       (unsigned long long)event->room_id);
}

static void pass_events(struct sfu_worker *worker)
{
    if (sfu_event_queue_pass(worker->events))
        worker->config.notify(worker->config.user);
}

bool sfu_worker_take_event(struct sfu_worker *worker, struct sfu_event *event)
{
    return sfu_event_queue_take(worker->events, worker->joined, event);
}

/* ---- packets ---------------------------------------------------------------------------------------------------- */

static void flush(struct sfu_worker *worker)
{
    struct sfu_egress *egress = sfu_engine_egress(worker->engine);
    size_t count;
    const struct sfu_egress_run *runs = sfu_egress_runs(egress, &count);
    if (count == 0)
        return;
    sfu_udp_send(worker->udp, runs, count);
    sfu_tcp_send(worker->tcp, runs, count);
    sfu_egress_reset(egress);
}

/* Makes room in the egress before more is put there. A chunk in use has one run or more. */
static void flush_if_above(struct sfu_worker *worker, size_t runs_max)
{
    size_t runs;
    sfu_egress_runs(sfu_engine_egress(worker->engine), &runs);
    if (runs > runs_max)
        flush(worker);
}

static void on_packet(void *user, const struct sfu_path *path, uint8_t *data, size_t len)
{
    struct sfu_worker *worker = user;
    worker->handled++;
    sfu_engine_on_datagram(worker->engine, worker->now_us, path, data, len);
    flush_if_above(worker, PACKET_RUNS_MAX);
}

static void on_udp_ready(struct sfu_loop_source *source, uint32_t events)
{
    (void)events;
    base_container_of(source, struct sfu_worker, udp_source)->udp_ready = true;
}

static void receive(struct sfu_worker *worker)
{
    for (int i = 0; i < BATCHES_MAX && worker->udp_ready; i++) {
        worker->now_us = base_clock_us();
        worker->udp_ready = sfu_udp_receive(worker->udp, on_packet, worker) == SFU_UDP_BATCH_MESSAGES;
    }
}

/* ---- TCP connections -------------------------------------------------------------------------------------------- */

static enum sfu_tcp_verdict on_tcp_first(void *user, const struct sfu_tcp_first *first)
{
    struct sfu_worker *worker = user;
    struct sfu_stun_peek peek;
    if (sfu_stun_peek(first->frame, first->frame_len, &peek) != 0 || peek.message_class != SFU_STUN_REQUEST ||
        peek.method != 1)
        return SFU_TCP_REFUSE;
    int index = sfu_worker_of_ufrag(peek.local_ufrag, peek.local_ufrag_len);
    if (index < 0 || (uint32_t)index >= worker->config.worker_count)
        return SFU_TCP_REFUSE;
    if ((uint32_t)index == worker->config.index)
        return SFU_TCP_KEEP;
    bool given =
        worker->config.hand_over(worker->config.user, (uint32_t)index, first->fd, first->received, first->received_len);
    return given ? SFU_TCP_GIVEN : SFU_TCP_REFUSE;
}

static void on_tcp_frame(void *user, const struct sfu_path *path, uint8_t *frame, size_t len)
{
    struct sfu_worker *worker = user;
    worker->now_us = base_clock_us();
    on_packet(worker, path, frame, len);
}

static void on_tcp_closed(void *user, const struct sfu_path *path)
{
    struct sfu_worker *worker = user;
    sfu_engine_on_path_closed(worker->engine, path);
}

static void on_path_unused(void *user, const struct sfu_path *path)
{
    struct sfu_worker *worker = user;
    sfu_tcp_close(worker->tcp, path->connection);
}

/* ---- messages from other threads -------------------------------------------------------------------------------- */

static int push_message(struct sfu_worker *worker, struct message *message)
{
    int err = base_ring_push(worker->messages, &message);
    if (err != 0)
        free(message);
    else
        sfu_loop_wake(worker->loop);
    return err;
}

int sfu_worker_post(struct sfu_worker *worker, const struct sfu_command *command)
{
    size_t up_count = command->kind == SFU_COMMAND_PUBLISH ? command->up_count : 0;
    size_t down_count = command->kind == SFU_COMMAND_SUBSCRIBE ? command->down_count : 0;
    if (up_count > SFU_TRACKS_MAX || down_count > SFU_SUBSCRIPTIONS_MAX)
        return BASE_ERR_INVALID;
    size_t up_bytes = up_count * sizeof *command->up, down_bytes = down_count * sizeof *command->down;
    struct message *message = malloc(sizeof *message + up_bytes + down_bytes);
    if (message == NULL)
        return BASE_ERR_NOMEM;
    message->kind = MESSAGE_COMMAND;
    message->command = *command;
    message->command.up_count = (uint32_t)up_count;
    message->command.down_count = (uint32_t)down_count;
    /* Only one of the two is there, so both may stand at the tail's start. */
    message->command.up = up_count > 0 ? (void *)message->tail : NULL;
    message->command.down = down_count > 0 ? (void *)message->tail : NULL;
    if (up_count > 0)
        memcpy(message->tail, command->up, up_bytes);
    if (down_count > 0)
        memcpy(message->tail, command->down, down_bytes);
    return push_message(worker, message);
}

int sfu_worker_adopt(struct sfu_worker *worker, int fd, const uint8_t *received, size_t len)
{
    struct message *message = malloc(sizeof *message + len);
    if (message == NULL)
        return BASE_ERR_NOMEM;
    message->kind = MESSAGE_ADOPT;
    message->fd = fd;
    message->received_len = len;
    memcpy(message->tail, received, len);
    return push_message(worker, message);
}

static void take_messages(struct sfu_worker *worker)
{
    struct message *message;
    for (int i = 0; i < MESSAGES_MAX && base_ring_pop(worker->messages, &message); i++) {
        if (message->kind == MESSAGE_COMMAND)
            sfu_engine_command(worker->engine, worker->now_us, &message->command);
        else
            sfu_tcp_adopt(worker->tcp, message->fd, message->tail, message->received_len);
        free(message);
        if (i == MESSAGES_MAX - 1)
            sfu_loop_wake(worker->loop); /* there may be more: look again without waiting */
    }
}

/* ---- the loop --------------------------------------------------------------------------------------------------- */

static uint64_t thread_cpu_us(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

static void publish_stats(struct sfu_worker *worker)
{
    const struct sfu_udp_counters *udp = sfu_udp_counters(worker->udp);
    const struct sfu_tcp_counters *tcp = sfu_tcp_counters(worker->tcp);
    struct sfu_worker_stats stats = {
        .iterations = worker->iterations,
        .sends = udp->sends,
        .send_failures = udp->send_failures + tcp->frames_dropped,
        .gso_messages = udp->gso_messages,
        .gso_segments = udp->gso_segments,
        .receives = udp->receives,
        .tcp_connections = sfu_tcp_connections(worker->tcp),
        .tcp_accepted = tcp->adopted,
        .tcp_refused = tcp->refused,
        .tcp_bytes_queued = sfu_tcp_queued_bytes(worker->tcp),
        .cpu_us = thread_cpu_us(),
        .loop_delay_max_us = worker->delay_max_us,
    };
    sfu_engine_stats(worker->engine, &stats.engine);
    stats.engine.dropped_malformed += udp->dropped_oversized + tcp->frames_bad;
    sfu_udp_buffers(worker->udp, &stats.receive_buffer_bytes, &stats.send_buffer_bytes);
    worker->delay_max_us = 0;
    pthread_mutex_lock(&worker->stats_lock);
    /* What nobody has read yet stays. */
    if (worker->stats.loop_delay_max_us > stats.loop_delay_max_us)
        stats.loop_delay_max_us = worker->stats.loop_delay_max_us;
    worker->stats = stats;
    pthread_mutex_unlock(&worker->stats_lock);
}

void sfu_worker_stats_read(struct sfu_worker *worker, struct sfu_worker_stats *out)
{
    pthread_mutex_lock(&worker->stats_lock);
    *out = worker->stats;
    worker->stats.loop_delay_max_us = 0;
    pthread_mutex_unlock(&worker->stats_lock);
}

static void keep_house(struct sfu_worker *worker)
{
    worker->housekeeping_us = worker->now_us + HOUSEKEEPING_US;
    sfu_engine_set_wall_offset_us(worker->engine, (int64_t)base_clock_wall_us() - (int64_t)base_clock_us());
    publish_stats(worker);
}

static void begin_stop(struct sfu_worker *worker)
{
    const struct sfu_command stop = {.kind = SFU_COMMAND_STOP, .reason = SFU_REASON_SHUTDOWN};
    worker->stopping = true;
    worker->drain_until_us = worker->now_us + (uint64_t)atomic_load(&worker->stop_drain_ms) * 1000;
    sfu_tcp_stop_listening(worker->tcp);
    sfu_engine_command(worker->engine, worker->now_us, &stop);
}

/* One iteration without its waiting. */
static void iterate(struct sfu_worker *worker)
{
    /* Asked first: whatever was posted before _stop is in the ring now. */
    bool stop = atomic_load(&worker->stop_asked);
    worker->iterations++;
    take_messages(worker);
    receive(worker);
    worker->now_us = base_clock_us();
    if (sfu_engine_deadline_us(worker->engine) <= worker->now_us) {
        flush_if_above(worker, POLL_RUNS_MAX);
        sfu_engine_poll(worker->engine, worker->now_us);
    }
    if (sfu_tcp_deadline_us(worker->tcp) <= worker->now_us)
        sfu_tcp_poll(worker->tcp, worker->now_us);
    if (stop && !worker->stopping) {
        struct message *message;
        while (base_ring_pop(worker->messages, &message)) {
            if (message->kind == MESSAGE_COMMAND)
                sfu_engine_command(worker->engine, worker->now_us, &message->command);
            else
                close(message->fd);
            free(message);
        }
        begin_stop(worker);
    }
    if (worker->housekeeping_us <= worker->now_us)
        keep_house(worker);
    flush(worker);
    pass_events(worker);
}

static uint64_t earliest(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void sleep_until(uint64_t time_us)
{
    /* base_clock_us() is CLOCK_MONOTONIC. */
    struct timespec time = {.tv_sec = (time_t)(time_us / 1000000), .tv_nsec = (long)(time_us % 1000000) * 1000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR)
        ;
}

/* When the thread has to go on even if nothing comes; 0: at once. */
static uint64_t wait_deadline(const struct sfu_worker *worker)
{
    if (worker->udp_ready)
        return 0; /* the socket was not empty */
    uint64_t deadline_us = earliest(sfu_engine_deadline_us(worker->engine), sfu_tcp_deadline_us(worker->tcp));
    deadline_us = earliest(deadline_us, worker->housekeeping_us);
    if (sfu_event_queue_is_behind(worker->events)) /* nobody tells us when the taker made room */
        deadline_us = earliest(deadline_us, worker->now_us + 1000);
    return worker->stopping ? earliest(deadline_us, worker->drain_until_us) : deadline_us;
}

static void note_delay(struct sfu_worker *worker, uint64_t delay_us)
{
    if (delay_us > worker->delay_max_us)
        worker->delay_max_us = delay_us;
}

static void *run(void *arg)
{
    struct sfu_worker *worker = arg;
    uint64_t start_us = base_clock_us();
    worker->now_us = start_us;
    keep_house(worker);
    for (;;) {
        worker->handled = 0;
        uint64_t deadline_us = wait_deadline(worker);
        sfu_loop_wait(worker->loop, deadline_us);
        start_us = base_clock_us();
        if (deadline_us != 0 && start_us > deadline_us)
            note_delay(worker, start_us - deadline_us);
        worker->now_us = start_us;
        iterate(worker);
        uint64_t end_us = base_clock_us();
        note_delay(worker, end_us - start_us);
        if (worker->stopping && (sfu_tcp_queued_bytes(worker->tcp) == 0 || end_us >= worker->drain_until_us))
            break;
        if (worker->handled > 0 && worker->config.coalesce_us > 0 && !worker->udp_ready) {
            uint64_t until_us = earliest(start_us + worker->config.coalesce_us, sfu_engine_deadline_us(worker->engine));
            if (until_us > end_us)
                sleep_until(until_us);
        }
    }
    publish_stats(worker);
    return NULL;
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

static void log_listen_failed(const char *protocol, const union sfu_address *address)
{
    int saved = errno;
    char text[SFU_ADDRESS_TEXT_MAX];
    sfu_address_text(address, text);
    base_log_error("sfu_listen_failed", "protocol=%s address=%s port=%u errno=%d reason=\"%s\"", protocol, text,
                   sfu_address_port(address), saved, strerror(saved));
    errno = saved;
}

static int open_sockets(struct sfu_worker *worker)
{
    const struct sfu_worker_config *config = &worker->config;
    int err = sfu_loop_create(&worker->loop);
    if (err != 0)
        return err;
    const struct sfu_udp_config udp = {
        .listen = config->udp, .buffer_bytes = config->socket_buffer_bytes, .gso = config->gso};
    err = sfu_udp_open(&worker->udp, &udp);
    if (err != 0) {
        log_listen_failed("udp", &config->udp);
        return err;
    }
    worker->udp_source = (struct sfu_loop_source){.fd = sfu_udp_fd(worker->udp), .on_ready = on_udp_ready};
    err = sfu_loop_add(worker->loop, &worker->udp_source, EPOLLIN);
    if (err != 0)
        return err;
    const struct sfu_tcp_config tcp = {.loop = worker->loop,
                                       .connections_max = SFU_TCP_CONNECTIONS_MAX,
                                       .per_address_max = SFU_TCP_PER_ADDRESS_MAX,
                                       .on_first = on_tcp_first,
                                       .on_frame = on_tcp_frame,
                                       .on_closed = on_tcp_closed,
                                       .user = worker};
    err = sfu_tcp_create(&worker->tcp, &tcp);
    if (err == 0 && config->tcp_listen) {
        err = sfu_tcp_listen(worker->tcp, &config->tcp);
        if (err != 0)
            log_listen_failed("tcp", &config->tcp);
    }
    return err;
}

static int create_engine(struct sfu_worker *worker)
{
    struct sfu_engine_config config = {.identity = worker->config.identity,
                                       .packet_max = PACKET_MAX,
                                       .egress_chunk_max = CHUNK_MAX,
                                       .on_event = on_event,
                                       .on_path_unused = on_path_unused,
                                       .user = worker};
    base_random_bytes(config.hash_key, sizeof config.hash_key);
    base_random_bytes(&config.random_seed, sizeof config.random_seed);
    return sfu_engine_create(&worker->engine, &config);
}

static void log_listening(const struct sfu_worker *worker)
{
    uint32_t receive_bytes, send_bytes, asked = worker->config.socket_buffer_bytes;
    char address[SFU_ADDRESS_TEXT_MAX];
    sfu_address_text(&worker->config.udp, address);
    sfu_udp_buffers(worker->udp, &receive_bytes, &send_bytes);
    base_log_info("sfu_worker_listening",
                  "worker=%u address=%s udp_port=%u tcp_port=%u receive_buffer_bytes=%u send_buffer_bytes=%u gso=%d",
                  worker->config.index, address, sfu_udp_port(worker->udp), sfu_tcp_port(worker->tcp), receive_bytes,
                  send_bytes, worker->config.gso);
    if (receive_bytes < asked || send_bytes < asked)
        base_log_warn("udp_buffers_small", "worker=%u asked_bytes=%u hint=\"raise net.core.rmem_max and wmem_max\"",
                      worker->config.index, asked);
}

int sfu_worker_create(struct sfu_worker **out, const struct sfu_worker_config *config)
{
    *out = NULL;
    if (config->worker_count > SFU_WORKERS_MAX || config->index >= config->worker_count)
        return BASE_ERR_INVALID;
    struct sfu_worker *worker = calloc(1, sizeof *worker);
    if (worker == NULL)
        return BASE_ERR_NOMEM;
    worker->config = *config;
    pthread_mutex_init(&worker->stats_lock, NULL);
    int err = base_ring_create(&worker->messages, SFU_WORKER_MESSAGES_MAX, sizeof(struct message *));
    if (err == 0)
        err = sfu_event_queue_create(&worker->events, SFU_WORKER_EVENTS_MAX);
    if (err == 0)
        err = create_engine(worker);
    if (err == 0)
        err = open_sockets(worker);
    if (err != 0) {
        int saved = errno;
        sfu_worker_destroy(worker);
        errno = saved;
        return err;
    }
    log_listening(worker);
    *out = worker;
    return 0;
}

int sfu_worker_start(struct sfu_worker *worker)
{
    sigset_t all, old;
    char name[16];
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int error = pthread_create(&worker->thread, NULL, run, worker);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (error != 0) {
        errno = error;
        return BASE_ERR_IO;
    }
    worker->started = true;
    snprintf(name, sizeof name, "sfu-%u", worker->config.index);
    pthread_setname_np(worker->thread, name);
    return 0;
}

void sfu_worker_stop(struct sfu_worker *worker, uint32_t drain_ms)
{
    atomic_store(&worker->stop_drain_ms, drain_ms);
    atomic_store(&worker->stop_asked, true);
    sfu_loop_wake(worker->loop);
}

void sfu_worker_join(struct sfu_worker *worker)
{
    if (!worker->started || worker->joined)
        return;
    pthread_join(worker->thread, NULL);
    worker->joined = true;
}

void sfu_worker_destroy(struct sfu_worker *worker)
{
    if (worker == NULL)
        return;
    struct message *message;
    while (worker->messages != NULL && base_ring_pop(worker->messages, &message)) {
        if (message->kind == MESSAGE_ADOPT)
            close(message->fd);
        free(message);
    }
    sfu_tcp_destroy(worker->tcp);
    sfu_udp_close(worker->udp);
    sfu_loop_destroy(worker->loop);
    sfu_engine_destroy(worker->engine);
    base_ring_destroy(worker->messages);
    sfu_event_queue_destroy(worker->events);
    pthread_mutex_destroy(&worker->stats_lock);
    free(worker);
}

uint16_t sfu_worker_udp_port(const struct sfu_worker *worker)
{
    return sfu_udp_port(worker->udp);
}

uint16_t sfu_worker_tcp_port(const struct sfu_worker *worker)
{
    return sfu_tcp_port(worker->tcp);
}
