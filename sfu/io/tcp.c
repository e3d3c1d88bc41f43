/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/io/tcp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/heap.h"
#include "base/log.h"

#define LENGTH_BYTES     2u
#define ACCEPTS_MAX      16 /* of one readiness, so that a flood of connections cannot hold the loop */
#define READS_MAX        4  /* likewise for one busy connection */
#define NOT_SENT_BYTES   65536
#define RUN_SEGMENTS_MAX SFU_EGRESS_RUN_SEGMENTS_MAX

struct connection {
    struct sfu_loop_source source;
    struct base_heap_node timer; /* may be early: the true deadline is looked at when it fires */
    struct sfu_tcp *tcp;
    struct sfu_path path;
    uint64_t created_us, last_data_us;
    uint64_t close_us; /* sfu_tcp_close() was called; 0: no */
    bool pending;      /* no first frame yet */
    bool proven;
    bool broken; /* shut down by us: the loop will report it */
    bool wants_out;
    uint8_t *queue; /* ring of SFU_TCP_QUEUE_BYTES; NULL until the socket first refused something */
    size_t queue_start, queue_used;
    size_t received;
    uint8_t in[SFU_TCP_RECEIVED_MAX];
};

struct sfu_tcp {
    struct sfu_tcp_config config;
    struct sfu_loop_source listener; /* fd -1: none */
    uint16_t port;
    uint64_t listen_again_us; /* BASE_NEVER_US: not paused */
    uint32_t next_id;
    struct base_map connections;
    struct base_map addresses; /* sfu_address_prefix() -> how many connections, as a pointer */
    struct base_heap timers;
    size_t queued_bytes;
    struct sfu_tcp_counters counters;
};

int sfu_tcp_create(struct sfu_tcp **out, const struct sfu_tcp_config *config)
{
    *out = NULL;
    if (config->loop == NULL || config->connections_max == 0)
        return BASE_ERR_INVALID;
    struct sfu_tcp *tcp = calloc(1, sizeof *tcp);
    if (tcp == NULL)
        return BASE_ERR_NOMEM;
    tcp->config = *config;
    tcp->listener.fd = -1;
    tcp->listen_again_us = BASE_NEVER_US;
    if (base_map_init(&tcp->connections, config->connections_max, 0) != 0 ||
        base_map_init(&tcp->addresses, config->connections_max, 0) != 0 ||
        base_heap_reserve(&tcp->timers, config->connections_max) != 0) {
        sfu_tcp_destroy(tcp);
        return BASE_ERR_NOMEM;
    }
    *out = tcp;
    return 0;
}

/* ---- end of a connection ---------------------------------------------------------------------------------------- */

static uintptr_t connections_of(const struct sfu_tcp *tcp, uint64_t prefix)
{
    return (uintptr_t)base_map_get(&tcp->addresses, prefix);
}

static void count_address(struct sfu_tcp *tcp, const union sfu_address *remote, int change)
{
    uint64_t prefix = sfu_address_prefix(remote);
    uintptr_t count = connections_of(tcp, prefix) + (uintptr_t)change;
    if (count == 0)
        base_map_remove(&tcp->addresses, prefix);
    else
        base_map_put(&tcp->addresses, prefix, (void *)count); /* cannot fail: has room for connections_max */
}

/* Forgets the connection without closing its descriptor. */
static void release(struct connection *connection)
{
    struct sfu_tcp *tcp = connection->tcp;
    if (connection->source.fd >= 0)
        sfu_loop_remove(tcp->config.loop, &connection->source);
    base_heap_set(&tcp->timers, &connection->timer, BASE_NEVER_US);
    base_map_remove(&tcp->connections, connection->path.connection);
    count_address(tcp, &connection->path.remote, -1);
    tcp->queued_bytes -= connection->queue_used;
    free(connection->queue);
    free(connection);
}

static void close_connection(struct connection *connection)
{
    struct sfu_tcp *tcp = connection->tcp;
    struct sfu_path path = connection->path;
    bool tell = !connection->pending;
    int fd = connection->source.fd;
    release(connection);
    close(fd);
    if (tell)
        tcp->config.on_closed(tcp->config.user, &path);
}

/* For callers that may be inside one of our callbacks: the loop reports the shut-down socket later. */
static void break_connection(struct connection *connection)
{
    connection->broken = true;
    connection->tcp->queued_bytes -= connection->queue_used;
    connection->queue_used = 0;
    shutdown(connection->source.fd, SHUT_RDWR);
}

void sfu_tcp_destroy(struct sfu_tcp *tcp)
{
    if (tcp == NULL)
        return;
    sfu_tcp_stop_listening(tcp);
    struct connection *connection;
    size_t cursor = 0;
    while ((connection = base_map_next(&tcp->connections, &cursor, NULL)) != NULL) {
        int fd = connection->source.fd;
        release(connection);
        close(fd);
        cursor = 0;
    }
    base_heap_clear(&tcp->timers);
    base_map_clear(&tcp->connections);
    base_map_clear(&tcp->addresses);
    free(tcp);
}

/* ---- receiving -------------------------------------------------------------------------------------------------- */

/* Judges the first frame. Returns whether the connection is still ours. */
static bool admit(struct connection *connection, uint8_t *frame, size_t len)
{
    struct sfu_tcp *tcp = connection->tcp;
    const struct sfu_tcp_first first = {.fd = connection->source.fd,
                                        .frame = frame,
                                        .frame_len = len,
                                        .received = connection->in,
                                        .received_len = connection->received};
    /* Another thread may have the descriptor when the callback returns, so it leaves our loop before. */
    sfu_loop_remove(tcp->config.loop, &connection->source);
    switch (tcp->config.on_first(tcp->config.user, &first)) {
    case SFU_TCP_KEEP:
        if (sfu_loop_add(tcp->config.loop, &connection->source, EPOLLIN) != 0) {
            tcp->counters.refused++;
            close_connection(connection);
            return false;
        }
        connection->pending = false;
        tcp->counters.adopted++;
        return true;
    case SFU_TCP_GIVEN:
        connection->source.fd = -1;
        release(connection);
        return false;
    case SFU_TCP_REFUSE:
    default:
        tcp->counters.refused++;
        close_connection(connection);
        return false;
    }
}

/* Delivers the complete frames received so far. Returns whether the connection is still there. */
static bool deliver_frames(struct connection *connection)
{
    struct sfu_tcp *tcp = connection->tcp;
    size_t offset = 0;
    while (connection->received - offset >= LENGTH_BYTES) {
        size_t len = base_get_be16(connection->in + offset);
        uint8_t *frame = connection->in + offset + LENGTH_BYTES;
        if (len > SFU_TCP_FRAME_MAX_BYTES || (len == 0 && connection->pending)) {
            tcp->counters.frames_bad++;
            tcp->counters.refused += connection->pending;
            close_connection(connection);
            return false;
        }
        if (connection->received - offset - LENGTH_BYTES < len)
            break;
        if (connection->pending && !admit(connection, frame, len))
            return false;
        offset += LENGTH_BYTES + len;
        if (len == 0)
            continue; /* RFC 4571 section 2: a null packet */
        tcp->counters.frames_in++;
        tcp->config.on_frame(tcp->config.user, &connection->path, frame, len);
    }
    connection->received -= offset;
    memmove(connection->in, connection->in + offset, connection->received);
    return true;
}

static void read_connection(struct connection *connection)
{
    for (int i = 0; i < READS_MAX; i++) {
        size_t room = sizeof connection->in - connection->received;
        ssize_t n = recv(connection->source.fd, connection->in + connection->received, room, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            connection->tcp->counters.refused += connection->pending;
            close_connection(connection);
            return;
        }
        connection->received += (size_t)n;
        connection->last_data_us = base_clock_us();
        if (!deliver_frames(connection))
            return;
        if ((size_t)n < room)
            return; /* the socket was empty after this read */
    }
}

/* ---- sending ---------------------------------------------------------------------------------------------------- */

static void watch(struct connection *connection, bool out)
{
    if (connection->wants_out == out)
        return;
    connection->wants_out = out;
    sfu_loop_modify(connection->tcp->config.loop, &connection->source, out ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void queue_bytes(struct connection *connection, const uint8_t *bytes, size_t len)
{
    size_t end = (connection->queue_start + connection->queue_used) % SFU_TCP_QUEUE_BYTES;
    size_t first = SFU_TCP_QUEUE_BYTES - end < len ? SFU_TCP_QUEUE_BYTES - end : len;
    memcpy(connection->queue + end, bytes, first);
    memcpy(connection->queue, bytes + first, len - first);
    connection->queue_used += len;
    connection->tcp->queued_bytes += len;
}

/* Queues what follows the first `sent` bytes of a frame, or drops a frame of which nothing was sent. */
static void queue_frame(struct connection *connection, const uint8_t *data, size_t len, size_t sent)
{
    struct sfu_tcp *tcp = connection->tcp;
    size_t need = LENGTH_BYTES + len - sent;
    if (connection->queue == NULL)
        connection->queue = malloc(SFU_TCP_QUEUE_BYTES);
    if (connection->queue == NULL || need > SFU_TCP_QUEUE_BYTES - connection->queue_used) {
        tcp->counters.frames_dropped++;
        if (sent > 0) /* half a frame is out: nothing that follows could be told apart */
            break_connection(connection);
        return;
    }
    uint8_t length[LENGTH_BYTES];
    base_put_be16(length, (uint16_t)len);
    if (sent < LENGTH_BYTES)
        queue_bytes(connection, length + sent, LENGTH_BYTES - sent);
    size_t skip = sent > LENGTH_BYTES ? sent - LENGTH_BYTES : 0;
    queue_bytes(connection, data + skip, len - skip);
    tcp->counters.frames_out++;
    watch(connection, true);
}

static void flush_queue(struct connection *connection)
{
    while (connection->queue_used > 0) {
        size_t to_end = SFU_TCP_QUEUE_BYTES - connection->queue_start;
        size_t first = connection->queue_used < to_end ? connection->queue_used : to_end;
        struct iovec iov[2] = {{connection->queue + connection->queue_start, first},
                               {connection->queue, connection->queue_used - first}};
        struct msghdr message = {.msg_iov = iov, .msg_iovlen = iov[1].iov_len > 0 ? 2 : 1};
        ssize_t n = sendmsg(connection->source.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0) {
            break_connection(connection);
            return;
        }
        connection->queue_start = (connection->queue_start + (size_t)n) % SFU_TCP_QUEUE_BYTES;
        connection->queue_used -= (size_t)n;
        connection->tcp->queued_bytes -= (size_t)n;
    }
    watch(connection, false);
}

struct frames {
    const uint8_t *data[RUN_SEGMENTS_MAX];
    size_t len[RUN_SEGMENTS_MAX];
    size_t count;
};

static void send_frames(struct connection *connection, const struct frames *frames)
{
    struct sfu_tcp *tcp = connection->tcp;
    if (connection->broken) {
        tcp->counters.frames_dropped += frames->count;
        return;
    }
    size_t sent = 0;
    if (connection->queue_used == 0) {
        uint8_t lengths[RUN_SEGMENTS_MAX][LENGTH_BYTES];
        struct iovec iov[2 * RUN_SEGMENTS_MAX];
        for (size_t i = 0; i < frames->count; i++) {
            base_put_be16(lengths[i], (uint16_t)frames->len[i]);
            iov[2 * i] = (struct iovec){lengths[i], LENGTH_BYTES};
            iov[2 * i + 1] = (struct iovec){(void *)(uintptr_t)frames->data[i], frames->len[i]};
        }
        struct msghdr message = {.msg_iov = iov, .msg_iovlen = 2 * frames->count};
        ssize_t n;
        do {
            n = sendmsg(connection->source.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        } while (n < 0 && errno == EINTR);
        if (n < 0 && errno != EAGAIN) {
            tcp->counters.frames_dropped += frames->count;
            break_connection(connection);
            return;
        }
        sent = n > 0 ? (size_t)n : 0;
    }
    for (size_t i = 0; i < frames->count; i++) {
        size_t whole = LENGTH_BYTES + frames->len[i];
        if (sent >= whole) {
            sent -= whole;
            tcp->counters.frames_out++;
        } else if (connection->broken) {
            tcp->counters.frames_dropped++;
        } else {
            queue_frame(connection, frames->data[i], frames->len[i], sent);
            sent = 0;
        }
    }
}

void sfu_tcp_send(struct sfu_tcp *tcp, const struct sfu_egress_run *runs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct sfu_egress_run *run = &runs[i];
        if (run->path.protocol != SFU_PROTOCOL_TCP || run->segment_bytes == 0)
            continue;
        struct connection *connection = base_map_get(&tcp->connections, run->path.connection);
        struct frames frames = {.count = 0};
        for (size_t offset = 0; offset < run->bytes; offset += run->segment_bytes) {
            size_t left = run->bytes - offset;
            if (connection == NULL) {
                tcp->counters.frames_dropped++;
                continue;
            }
            frames.data[frames.count] = run->data + offset;
            frames.len[frames.count++] = left < run->segment_bytes ? left : run->segment_bytes;
            if (frames.count == RUN_SEGMENTS_MAX) {
                send_frames(connection, &frames);
                frames.count = 0;
            }
        }
        if (connection == NULL)
            continue;
        connection->proven = true;
        if (frames.count > 0)
            send_frames(connection, &frames);
    }
}

/* ---- beginning of a connection ---------------------------------------------------------------------------------- */

static void on_connection_ready(struct sfu_loop_source *source, uint32_t events)
{
    struct connection *connection = base_container_of(source, struct connection, source);
    if ((events & EPOLLOUT) != 0 && !connection->broken)
        flush_queue(connection);
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
        read_connection(connection);
}

/* Makes room for one more from `remote`; false: all that are in the way have proven themselves. */
static bool make_room(struct sfu_tcp *tcp, const union sfu_address *remote)
{
    uint64_t prefix = sfu_address_prefix(remote);
    uint32_t share = tcp->config.per_address_max;
    bool share_full = share != 0 && connections_of(tcp, prefix) >= share;
    if (!share_full && tcp->connections.count < tcp->config.connections_max)
        return true;
    struct connection *oldest = NULL, *connection;
    size_t cursor = 0;
    while ((connection = base_map_next(&tcp->connections, &cursor, NULL)) != NULL) {
        if (!connection->proven && (oldest == NULL || connection->created_us < oldest->created_us) &&
            (!share_full || sfu_address_prefix(&connection->path.remote) == prefix))
            oldest = connection;
    }
    if (oldest == NULL)
        return false;
    tcp->counters.refused++;
    close_connection(oldest);
    return true;
}

/* On failure `fd` is closed. */
static int add_connection(struct sfu_tcp *tcp, int fd, bool pending, struct connection **out)
{
    struct connection *connection = NULL;
    struct sfu_path path = {.protocol = SFU_PROTOCOL_TCP};
    int err = sfu_address_of_socket(fd, &path.remote, &path.local);
    if (err != 0)
        goto fail;
    if (!make_room(tcp, &path.remote)) {
        tcp->counters.refused++;
        err = BASE_ERR_FULL;
        goto fail;
    }
    err = BASE_ERR_NOMEM;
    connection = malloc(sizeof *connection);
    if (connection == NULL)
        goto fail;
    memset(connection, 0, offsetof(struct connection, in));
    connection->path = path;
    do {
        connection->path.connection = ++tcp->next_id;
    } while (connection->path.connection == 0 || base_map_get(&tcp->connections, tcp->next_id) != NULL);
    connection->tcp = tcp;
    connection->pending = pending;
    connection->created_us = connection->last_data_us = base_clock_us();
    connection->source = (struct sfu_loop_source){.fd = fd, .on_ready = on_connection_ready};
    const int on = 1, not_sent = NOT_SENT_BYTES;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &not_sent, sizeof not_sent);
    err = sfu_loop_add(tcp->config.loop, &connection->source, EPOLLIN);
    if (err != 0)
        goto fail;
    count_address(tcp, &path.remote, 1);
    /* Neither can fail: both have room for connections_max. */
    base_map_put(&tcp->connections, connection->path.connection, connection);
    base_heap_set(&tcp->timers, &connection->timer, connection->created_us + SFU_TCP_PROVE_US);
    *out = connection;
    return 0;
fail:
    free(connection);
    close(fd);
    return err;
}

int sfu_tcp_adopt(struct sfu_tcp *tcp, int fd, const uint8_t *received, size_t len)
{
    if (len > SFU_TCP_RECEIVED_MAX) {
        close(fd);
        return BASE_ERR_INVALID;
    }
    struct connection *connection;
    int err = add_connection(tcp, fd, false, &connection);
    if (err != 0)
        return err;
    tcp->counters.adopted++;
    memcpy(connection->in, received, len);
    connection->received = len;
    deliver_frames(connection);
    return 0;
}

/* ---- listening -------------------------------------------------------------------------------------------------- */

static void pause_listener(struct sfu_tcp *tcp, int error)
{
    tcp->counters.listen_pauses++;
    tcp->listen_again_us = base_clock_us() + SFU_TCP_LISTEN_RETRY_US;
    sfu_loop_modify(tcp->config.loop, &tcp->listener, 0);
    if (tcp->counters.listen_pauses == 1)
        base_log_warn("tcp_accept_paused", "port=%u errno=%d", tcp->port, error);
}

static void on_listener_ready(struct sfu_loop_source *source, uint32_t events)
{
    struct sfu_tcp *tcp = base_container_of(source, struct sfu_tcp, listener);
    (void)events;
    for (int i = 0; i < ACCEPTS_MAX; i++) {
        int fd = accept4(source->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            int error = errno;
            if (error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS) {
                pause_listener(tcp, error);
                return;
            }
            if (error == EAGAIN)
                return;
            continue; /* that one connection died in the queue (accept(2), "Error handling") */
        }
        tcp->counters.accepted++;
        struct connection *connection;
        add_connection(tcp, fd, true, &connection);
    }
}

int sfu_tcp_listen(struct sfu_tcp *tcp, const union sfu_address *address)
{
    const int on = 1, off = 0;
    int fd = socket(address->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return BASE_ERR_IO;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address->sa.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    union sfu_address bound;
    socklen_t len = sfu_address_for_family(address, address->sa.sa_family, &bound), bound_len = sizeof bound;
    tcp->listener = (struct sfu_loop_source){.fd = fd, .on_ready = on_listener_ready};
    if (bind(fd, &bound.sa, len) != 0 || listen(fd, 128) != 0 || getsockname(fd, &bound.sa, &bound_len) != 0 ||
        sfu_loop_add(tcp->config.loop, &tcp->listener, EPOLLIN) != 0) {
        int saved = errno;
        close(fd);
        tcp->listener.fd = -1;
        errno = saved;
        return BASE_ERR_IO;
    }
    tcp->port = sfu_address_port(&bound);
    return 0;
}

uint16_t sfu_tcp_port(const struct sfu_tcp *tcp)
{
    return tcp->port;
}

void sfu_tcp_stop_listening(struct sfu_tcp *tcp)
{
    if (tcp->listener.fd < 0)
        return;
    sfu_loop_remove(tcp->config.loop, &tcp->listener);
    close(tcp->listener.fd);
    tcp->listener.fd = -1;
    tcp->listen_again_us = BASE_NEVER_US;
}

void sfu_tcp_close(struct sfu_tcp *tcp, uint32_t id)
{
    struct connection *connection = base_map_get(&tcp->connections, id);
    if (connection == NULL || connection->close_us != 0)
        return;
    connection->close_us = base_clock_us() + SFU_TCP_LINGER_US;
    base_heap_set(&tcp->timers, &connection->timer, connection->close_us);
}

/* ---- time ------------------------------------------------------------------------------------------------------- */

uint64_t sfu_tcp_deadline_us(const struct sfu_tcp *tcp)
{
    const struct base_heap_node *first = base_heap_first(&tcp->timers);
    uint64_t deadline_us = first != NULL ? first->deadline_us : BASE_NEVER_US;
    return deadline_us < tcp->listen_again_us ? deadline_us : tcp->listen_again_us;
}

void sfu_tcp_poll(struct sfu_tcp *tcp, uint64_t now_us)
{
    if (tcp->listen_again_us <= now_us) {
        tcp->listen_again_us = BASE_NEVER_US;
        sfu_loop_modify(tcp->config.loop, &tcp->listener, EPOLLIN);
    }
    struct base_heap_node *first;
    while ((first = base_heap_first(&tcp->timers)) != NULL && first->deadline_us <= now_us) {
        struct connection *connection = base_container_of(first, struct connection, timer);
        uint64_t deadline_us = connection->close_us != 0 ? connection->close_us
                               : connection->proven      ? connection->last_data_us + SFU_TCP_IDLE_US
                                                         : connection->created_us + SFU_TCP_PROVE_US;
        if (deadline_us > now_us) {
            base_heap_set(&tcp->timers, &connection->timer, deadline_us);
            continue;
        }
        tcp->counters.refused += !connection->proven;
        close_connection(connection);
    }
}

size_t sfu_tcp_connections(const struct sfu_tcp *tcp)
{
    return tcp->connections.count;
}

size_t sfu_tcp_queued_bytes(const struct sfu_tcp *tcp)
{
    return tcp->queued_bytes;
}

const struct sfu_tcp_counters *sfu_tcp_counters(const struct sfu_tcp *tcp)
{
    return &tcp->counters;
}
