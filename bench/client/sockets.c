/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/client/sockets.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/heap.h"

#define DATAGRAM_MAX  1600
#define TCP_QUEUE_MAX (512u * 1024u)
#define TCP_IN_MAX    65536u
#define CONTROL_BYTES 128
#define CLOCK_US      200000u   /* between two looks at how far the two clocks are apart */
#define WAIT_MAX_US   10000000u /* a longer wait in a socket is a wall clock that jumped */
#define SEND_BUFFER   (1024 * 1024)
#define RECV_BUFFER   (4 * 1024 * 1024)

struct bench_socket {
    struct sfu_loop_source source;
    struct bench_sockets *owner;
    struct bench_socket *next_dirty;
    bool dirty, connected;
    struct sfu_path path;
    bench_socket_fn on_datagram;
    void *user;
    /* UDP: queued datagrams; TCP: the outgoing stream */
    uint8_t *out;
    size_t out_used;
    unsigned out_count;
    uint16_t out_len[BENCH_SOCKET_BATCH];
    uint32_t dropped_in; /* UDP: as the kernel counts, of this socket */
    /* TCP: incoming stream */
    uint8_t *in;
    size_t in_used;
};

struct bench_sockets {
    struct sfu_loop *loop;
    struct bench_socket *dirty;
    struct bench_sockets_counters counters;
    uint32_t next_connection;
    uint64_t wall_offset_us, next_clock_us; /* wall clock minus base_clock_us() */
    struct mmsghdr messages[BENCH_SOCKET_BATCH];
    struct iovec parts[BENCH_SOCKET_BATCH];
    _Alignas(struct cmsghdr) uint8_t controls[BENCH_SOCKET_BATCH][CONTROL_BYTES];
    uint8_t in[BENCH_SOCKET_BATCH][DATAGRAM_MAX];
};

int bench_sockets_create(struct bench_sockets **out, struct sfu_loop *loop)
{
    *out = NULL;
    struct bench_sockets *sockets = calloc(1, sizeof *sockets);
    if (sockets == NULL)
        return BASE_ERR_NOMEM;
    for (unsigned i = 0; i < BENCH_SOCKET_BATCH; i++) {
        sockets->parts[i] = (struct iovec){.iov_base = sockets->in[i], .iov_len = DATAGRAM_MAX};
        sockets->messages[i].msg_hdr = (struct msghdr){.msg_iov = &sockets->parts[i],
                                                       .msg_iovlen = 1,
                                                       .msg_control = sockets->controls[i],
                                                       .msg_controllen = CONTROL_BYTES};
    }
    sockets->loop = loop;
    *out = sockets;
    return 0;
}

void bench_sockets_destroy(struct bench_sockets *sockets)
{
    free(sockets);
}

/* ---- receiving ------------------------------------------------------------------------------------------------ */

/* The kernel stamps with the wall clock, everything else here uses the monotonic one. */
static void compare_clocks(struct bench_sockets *sockets, uint64_t now_us)
{
    if (now_us < sockets->next_clock_us)
        return;
    uint64_t wall_us = base_clock_wall_us();
    sockets->wall_offset_us = wall_us - now_us / 2 - base_clock_us() / 2; /* the middle of the two looks */
    sockets->next_clock_us = now_us + CLOCK_US;
}

static void count_drops(struct bench_socket *socket, uint32_t dropped)
{
    socket->owner->counters.dropped_in += dropped - socket->dropped_in; /* both count modulo 2^32 */
    socket->dropped_in = dropped;
}

/* What the kernel says beside a datagram: drops are counted, the time is returned. */
static uint64_t read_control(struct bench_socket *socket, struct msghdr *header, uint64_t now_us)
{
    uint64_t arrival_us = now_us;
    for (struct cmsghdr *at = CMSG_FIRSTHDR(header); at != NULL; at = CMSG_NXTHDR(header, at)) {
        if (at->cmsg_level == SOL_SOCKET && at->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec stamp;
            memcpy(&stamp, CMSG_DATA(at), sizeof stamp);
            uint64_t wall_us = (uint64_t)stamp.tv_sec * 1000000u + (uint64_t)stamp.tv_nsec / 1000u;
            uint64_t stamp_us = wall_us - socket->owner->wall_offset_us;
            if (stamp_us < now_us && now_us - stamp_us < WAIT_MAX_US)
                arrival_us = stamp_us;
        } else if (at->cmsg_level == SOL_SOCKET && at->cmsg_type == SO_RXQ_OVFL) {
            uint32_t dropped;
            memcpy(&dropped, CMSG_DATA(at), sizeof dropped);
            count_drops(socket, dropped);
        }
    }
    return arrival_us;
}

static void receive_udp(struct bench_sockets *sockets, struct bench_socket *socket)
{
    int count = recvmmsg(socket->source.fd, sockets->messages, BENCH_SOCKET_BATCH, MSG_DONTWAIT, NULL);
    if (count <= 0)
        return;
    uint64_t now_us = base_clock_us();
    compare_clocks(sockets, now_us);
    sockets->counters.receives++;
    sockets->counters.datagrams_in += (uint64_t)count;
    for (int i = 0; i < count; i++) {
        struct msghdr *header = &sockets->messages[i].msg_hdr;
        uint64_t arrival_us = read_control(socket, header, now_us);
        header->msg_controllen = CONTROL_BYTES;
        if (i == 0)
            bench_histogram_add(&sockets->counters.wait, now_us - arrival_us);
        socket->on_datagram(socket->user, socket, now_us, arrival_us, sockets->in[i], sockets->messages[i].msg_len);
    }
}

static void receive_tcp(struct bench_socket *socket)
{
    ssize_t got = recv(socket->source.fd, socket->in + socket->in_used, TCP_IN_MAX - socket->in_used, MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN)) {
        sfu_loop_modify(socket->owner->loop, &socket->source, 0); /* closed by the server: silence from here on */
        return;
    }
    if (got < 0)
        return;
    socket->in_used += (size_t)got;
    uint64_t now_us = base_clock_us();
    size_t at = 0;
    while (socket->in_used - at >= 2) {
        size_t len = base_get_be16(socket->in + at);
        if (socket->in_used - at < 2 + len)
            break;
        socket->owner->counters.datagrams_in++;
        socket->on_datagram(socket->user, socket, now_us, now_us, socket->in + at + 2, len);
        at += 2 + len;
    }
    memmove(socket->in, socket->in + at, socket->in_used - at);
    socket->in_used -= at;
}

/* ---- sending -------------------------------------------------------------------------------------------------- */

static void mark_dirty(struct bench_sockets *sockets, struct bench_socket *socket)
{
    if (socket->dirty)
        return;
    socket->dirty = true;
    socket->next_dirty = sockets->dirty;
    sockets->dirty = socket;
}

static void flush_udp(struct bench_sockets *sockets, struct bench_socket *socket)
{
    struct mmsghdr messages[BENCH_SOCKET_BATCH];
    struct iovec parts[BENCH_SOCKET_BATCH];
    size_t at = 0;
    bool refused = false;
    for (unsigned i = 0; i < socket->out_count; i++) {
        parts[i] = (struct iovec){.iov_base = socket->out + at, .iov_len = socket->out_len[i]};
        messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &parts[i], .msg_iovlen = 1}};
        at += socket->out_len[i];
    }
    for (unsigned sent = 0; sent < socket->out_count;) {
        int count = sendmmsg(socket->source.fd, messages + sent, socket->out_count - sent, MSG_DONTWAIT);
        sockets->counters.sends++;
        if (count <= 0) {
            if (errno == ECONNREFUSED && !refused) {
                refused = true; /* ICMP, for what was sent before; said once */
                continue;
            }
            sockets->counters.send_failures++;
            sockets->counters.dropped_out += errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM;
            sent++;
            continue;
        }
        sockets->counters.datagrams_out += (uint64_t)count;
        sent += (unsigned)count;
    }
    socket->out_used = 0;
    socket->out_count = 0;
}

static void flush_tcp(struct bench_socket *socket)
{
    if (!socket->connected)
        return;
    ssize_t sent = send(socket->source.fd, socket->out, socket->out_used, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
        memmove(socket->out, socket->out + sent, socket->out_used - (size_t)sent);
        socket->out_used -= (size_t)sent;
    }
    sfu_loop_modify(socket->owner->loop, &socket->source,
                    (uint32_t)EPOLLIN | (socket->out_used != 0 ? (uint32_t)EPOLLOUT : 0u));
}

void bench_socket_send(struct bench_sockets *sockets, struct bench_socket *socket, const uint8_t *data, size_t len)
{
    if (socket->path.protocol == SFU_PROTOCOL_TCP) {
        if (socket->out_used + 2 + len > TCP_QUEUE_MAX) {
            sockets->counters.send_failures++;
            return;
        }
        base_put_be16(socket->out + socket->out_used, (uint16_t)len);
        memcpy(socket->out + socket->out_used + 2, data, len);
        socket->out_used += 2 + len;
        sockets->counters.datagrams_out++;
    } else {
        if (socket->out_count == BENCH_SOCKET_BATCH)
            flush_udp(sockets, socket);
        memcpy(socket->out + socket->out_used, data, len);
        socket->out_len[socket->out_count++] = (uint16_t)len;
        socket->out_used += len;
    }
    mark_dirty(sockets, socket);
}

void bench_sockets_flush(struct bench_sockets *sockets)
{
    while (sockets->dirty != NULL) {
        struct bench_socket *socket = sockets->dirty;
        sockets->dirty = socket->next_dirty;
        socket->dirty = false;
        if (socket->path.protocol == SFU_PROTOCOL_TCP)
            flush_tcp(socket);
        else
            flush_udp(sockets, socket);
    }
}

static void on_ready(struct sfu_loop_source *source, uint32_t events)
{
    struct bench_socket *socket = base_container_of(source, struct bench_socket, source);
    if (socket->path.protocol == SFU_PROTOCOL_UDP) {
        receive_udp(socket->owner, socket);
        return;
    }
    if (events & (uint32_t)(EPOLLOUT | EPOLLERR)) {
        socket->connected = true;
        flush_tcp(socket);
    }
    if (events & (uint32_t)(EPOLLIN | EPOLLHUP | EPOLLERR))
        receive_tcp(socket);
}

/* ---- opening and closing -------------------------------------------------------------------------------------- */

static void set_buffers(int fd)
{
    const int in = RECV_BUFFER, out = SEND_BUFFER;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &in, sizeof in) != 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &in, sizeof in); /* up to net.core.rmem_max */
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &out, sizeof out);
}

static int open_fd(struct bench_socket *it, const union sfu_address *remote, bool tcp)
{
    int type = (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
    socklen_t len = remote->sa.sa_family == AF_INET6 ? sizeof remote->in6 : sizeof remote->in4;
    int fd = socket(remote->sa.sa_family, type, 0);
    if (fd < 0)
        return -1;
    const int on = 1;
    if (tcp) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    } else {
        set_buffers(fd);
        setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
        setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
    }
    socklen_t local_len = sizeof it->path.local;
    if ((connect(fd, &remote->sa, len) != 0 && errno != EINPROGRESS) ||
        getsockname(fd, &it->path.local.sa, &local_len) != 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static void free_socket(struct bench_socket *socket)
{
    int error = errno;
    if (socket->source.fd >= 0)
        close(socket->source.fd);
    free(socket->out);
    free(socket->in);
    free(socket);
    errno = error;
}

struct bench_socket *bench_socket_open(struct bench_sockets *sockets, const union sfu_address *remote, bool tcp,
                                       bench_socket_fn on_datagram, void *user)
{
    struct bench_socket *socket = calloc(1, sizeof *socket);
    if (socket == NULL)
        return NULL;
    socket->owner = sockets;
    socket->on_datagram = on_datagram;
    socket->user = user;
    socket->path.protocol = tcp ? SFU_PROTOCOL_TCP : SFU_PROTOCOL_UDP;
    socket->path.connection = tcp ? ++sockets->next_connection : 0;
    socket->path.remote = *remote;
    socket->out = malloc(tcp ? TCP_QUEUE_MAX : (size_t)BENCH_SOCKET_BATCH * DATAGRAM_MAX);
    socket->in = tcp ? malloc(TCP_IN_MAX) : NULL;
    socket->source.on_ready = on_ready;
    socket->source.fd = socket->out != NULL && (!tcp || socket->in != NULL) ? open_fd(socket, remote, tcp) : -1;
    if (socket->source.fd < 0 ||
        sfu_loop_add(sockets->loop, &socket->source, (uint32_t)EPOLLIN | (tcp ? (uint32_t)EPOLLOUT : 0u)) != 0) {
        free_socket(socket);
        return NULL;
    }
    return socket;
}

void bench_socket_close(struct bench_sockets *sockets, struct bench_socket *socket)
{
    if (socket == NULL)
        return;
    for (struct bench_socket **link = &sockets->dirty; *link != NULL; link = &(*link)->next_dirty)
        if (*link == socket) {
            *link = socket->next_dirty;
            break;
        }
    /* drops behind the last datagram that was read */
    uint32_t memory[SK_MEMINFO_VARS] = {0};
    socklen_t len = sizeof memory;
    if (socket->path.protocol == SFU_PROTOCOL_UDP &&
        getsockopt(socket->source.fd, SOL_SOCKET, SO_MEMINFO, memory, &len) == 0 && len == sizeof memory)
        count_drops(socket, memory[SK_MEMINFO_DROPS]);
    sfu_loop_remove(sockets->loop, &socket->source);
    free_socket(socket);
}

const struct sfu_path *bench_socket_path(const struct bench_socket *socket)
{
    return &socket->path;
}

const struct bench_sockets_counters *bench_sockets_counters(const struct bench_sockets *sockets)
{
    return &sockets->counters;
}
