/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/io/udp.h"

#include <errno.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

#define SEND_BATCH 256 /* messages of one sendmmsg; more runs take more calls */
/* A GRO message is up to 64 KiB. The odd stride keeps the messages' first lines from sharing one set of the cache. */
#define MESSAGE_BYTES    65536u
#define MESSAGE_STRIDE   (MESSAGE_BYTES + 17 * 64)
#define GSO_REFUSALS_MAX 8
/* What fits the smallest MTU of IPv6, with its headers. A larger segment may be refused for its size alone, and how
 * large packets are is up to those who publish them: that says nothing about GSO. */
#define GSO_SURE_BYTES    (1280 - 40 - 8)
#define CONTROL_IN_BYTES  (CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int)))
#define CONTROL_OUT_BYTES (CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(uint16_t)))
#define GSO_MESSAGE_BYTES 65000u /* payload of one GSO message: below what an IP packet can say */

struct control_in {
    _Alignas(struct cmsghdr) uint8_t bytes[CONTROL_IN_BYTES];
};

struct control_out {
    _Alignas(struct cmsghdr) uint8_t bytes[CONTROL_OUT_BYTES];
};

struct sfu_udp {
    int fd;
    sa_family_t family;
    bool pktinfo; /* bound to a wildcard: the local address is in control messages */
    bool gso;
    bool gso_refusal_logged;
    unsigned gso_refusals; /* in a row */
    union sfu_address bound;
    uint32_t receive_buffer_bytes, send_buffer_bytes;
    struct sfu_udp_counters counters;

    uint8_t *in_memory;
    struct mmsghdr in[SFU_UDP_BATCH_MESSAGES];
    struct iovec in_iov[SFU_UDP_BATCH_MESSAGES];
    union sfu_address in_from[SFU_UDP_BATCH_MESSAGES];
    struct control_in in_control[SFU_UDP_BATCH_MESSAGES];

    struct mmsghdr out[SEND_BATCH];
    struct iovec out_iov[SEND_BATCH];
    union sfu_address out_to[SEND_BATCH];
    struct control_out out_control[SEND_BATCH];
    uint16_t out_segments[SEND_BATCH];
    uint16_t out_segment_bytes[SEND_BATCH];
};

/* ---- opening ---------------------------------------------------------------------------------------------------- */

static uint32_t ask_buffer(int fd, int force_option, int option, uint32_t bytes)
{
    int value = bytes > INT32_MAX / 2 ? INT32_MAX / 2 : (int)bytes;
    /* FORCE needs CAP_NET_ADMIN; without it the kernel cuts to net.core.[rw]mem_max. */
    if (bytes > 0 && setsockopt(fd, SOL_SOCKET, force_option, &value, sizeof value) != 0)
        setsockopt(fd, SOL_SOCKET, option, &value, sizeof value);
    int granted = 0;
    socklen_t len = sizeof granted;
    if (getsockopt(fd, SOL_SOCKET, option, &granted, &len) != 0 || granted < 0)
        return 0;
    return (uint32_t)granted / 2; /* the kernel doubles what it is asked for, for its own bookkeeping */
}

static int open_socket(struct sfu_udp *udp, const struct sfu_udp_config *config)
{
    const int on = 1, off = 0;
    udp->family = config->listen.sa.sa_family;
    udp->fd = socket(udp->family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (udp->fd < 0)
        return BASE_ERR_IO;
    udp->receive_buffer_bytes = ask_buffer(udp->fd, SO_RCVBUFFORCE, SO_RCVBUF, config->buffer_bytes);
    udp->send_buffer_bytes = ask_buffer(udp->fd, SO_SNDBUFFORCE, SO_SNDBUF, config->buffer_bytes);
    udp->pktinfo = sfu_address_is_wildcard(&config->listen);
    if (udp->family == AF_INET6) {
        setsockopt(udp->fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
        if (udp->pktinfo && setsockopt(udp->fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on) != 0)
            return BASE_ERR_IO;
    } else if (udp->pktinfo && setsockopt(udp->fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) != 0) {
        return BASE_ERR_IO;
    }
    if (config
            ->gso) /* a kernel without GRO (before 5.0) delivers datagrams one by one, which is handled the same way */
        setsockopt(udp->fd, IPPROTO_UDP, UDP_GRO, &on, sizeof on);
    union sfu_address address;
    socklen_t len = sfu_address_for_family(&config->listen, udp->family, &address);
    if (bind(udp->fd, &address.sa, len) != 0)
        return BASE_ERR_IO;
    len = sizeof udp->bound;
    if (getsockname(udp->fd, &udp->bound.sa, &len) != 0)
        return BASE_ERR_IO;
    sfu_address_normalise(&udp->bound);
    return 0;
}

int sfu_udp_open(struct sfu_udp **out, const struct sfu_udp_config *config)
{
    *out = NULL;
    if (config->listen.sa.sa_family != AF_INET && config->listen.sa.sa_family != AF_INET6)
        return BASE_ERR_INVALID;
    struct sfu_udp *udp = calloc(1, sizeof *udp);
    if (udp == NULL)
        return BASE_ERR_NOMEM;
    udp->fd = -1;
    udp->gso = config->gso;
    int err = BASE_ERR_NOMEM;
    udp->in_memory = malloc((size_t)SFU_UDP_BATCH_MESSAGES * MESSAGE_STRIDE);
    if (udp->in_memory == NULL)
        goto fail;
    err = open_socket(udp, config);
    if (err != 0)
        goto fail;
    for (size_t i = 0; i < SFU_UDP_BATCH_MESSAGES; i++) {
        udp->in_iov[i] = (struct iovec){.iov_base = udp->in_memory + i * MESSAGE_STRIDE, .iov_len = MESSAGE_BYTES};
        udp->in[i].msg_hdr = (struct msghdr){.msg_name = &udp->in_from[i], .msg_iov = &udp->in_iov[i], .msg_iovlen = 1};
    }
    *out = udp;
    return 0;
fail:;
    int saved = errno;
    sfu_udp_close(udp);
    errno = saved;
    return err;
}

void sfu_udp_close(struct sfu_udp *udp)
{
    if (udp == NULL)
        return;
    if (udp->fd >= 0)
        close(udp->fd);
    free(udp->in_memory);
    free(udp);
}

int sfu_udp_fd(const struct sfu_udp *udp)
{
    return udp->fd;
}

uint16_t sfu_udp_port(const struct sfu_udp *udp)
{
    return sfu_address_port(&udp->bound);
}

void sfu_udp_buffers(const struct sfu_udp *udp, uint32_t *receive_bytes, uint32_t *send_bytes)
{
    *receive_bytes = udp->receive_buffer_bytes;
    *send_bytes = udp->send_buffer_bytes;
}

bool sfu_udp_gso_active(const struct sfu_udp *udp)
{
    return udp->gso;
}

const struct sfu_udp_counters *sfu_udp_counters(const struct sfu_udp *udp)
{
    return &udp->counters;
}

/* ---- receiving -------------------------------------------------------------------------------------------------- */

/* Reads local address and GRO segment size; *segment stays as it is when the kernel merged nothing. */
static void read_control(struct sfu_udp *udp, struct msghdr *message, union sfu_address *local, size_t *segment)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
            int size;
            memcpy(&size, CMSG_DATA(c), sizeof size);
            if (size > 0)
                *segment = (size_t)size;
        } else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            memset(local, 0, sizeof *local);
            local->in4.sin_family = AF_INET;
            local->in4.sin_addr = info.ipi_spec_dst;
            sfu_address_set_port(local, sfu_udp_port(udp));
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            memset(local, 0, sizeof *local);
            local->in6.sin6_family = AF_INET6;
            local->in6.sin6_addr = info.ipi6_addr;
            sfu_address_normalise(local);
            if (local->sa.sa_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&local->in6.sin6_addr))
                local->in6.sin6_scope_id = info.ipi6_ifindex;
            sfu_address_set_port(local, sfu_udp_port(udp));
        }
    }
}

static void deliver(struct sfu_udp *udp, size_t index, sfu_udp_on_datagram on_datagram, void *user)
{
    struct msghdr *message = &udp->in[index].msg_hdr;
    size_t bytes = udp->in[index].msg_len;
    uint8_t *data = udp->in_iov[index].iov_base;
    size_t segment = bytes;
    struct sfu_path path = {.protocol = SFU_PROTOCOL_UDP, .remote = udp->in_from[index]};
    sfu_address_normalise(&path.remote);
    if (!udp->pktinfo)
        path.local = udp->bound;
    read_control(udp, message, &path.local, &segment);
    if ((message->msg_flags & MSG_TRUNC) != 0) {
        udp->counters.dropped_oversized++;
        return;
    }
    for (size_t offset = 0; offset < bytes; offset += segment) {
        size_t len = bytes - offset < segment ? bytes - offset : segment;
        if (len > SFU_UDP_DATAGRAM_MAX_BYTES) {
            udp->counters.dropped_oversized++;
            continue;
        }
        udp->counters.datagrams_in++;
        on_datagram(user, &path, data + offset, len);
    }
}

size_t sfu_udp_receive(struct sfu_udp *udp, sfu_udp_on_datagram on_datagram, void *user)
{
    for (size_t i = 0; i < SFU_UDP_BATCH_MESSAGES; i++) {
        struct msghdr *message = &udp->in[i].msg_hdr;
        message->msg_namelen = sizeof udp->in_from[i];
        message->msg_control = udp->in_control[i].bytes;
        message->msg_controllen = CONTROL_IN_BYTES;
        message->msg_flags = 0;
    }
    int n;
    do {
        n = recvmmsg(udp->fd, udp->in, SFU_UDP_BATCH_MESSAGES, MSG_DONTWAIT, NULL);
    } while (n < 0 && errno == EINTR);
    if (n <= 0)
        return 0;
    udp->counters.receives++;
    for (size_t i = 0; i < (size_t)n; i++)
        deliver(udp, i, on_datagram, user);
    return (size_t)n;
}

/* ---- sending ---------------------------------------------------------------------------------------------------- */

/* The source address of an answer, for a socket that has several. */
static size_t put_pktinfo(struct cmsghdr *c, sa_family_t family, const union sfu_address *local)
{
    if (family == AF_INET) {
        struct in_pktinfo info = {.ipi_spec_dst = local->in4.sin_addr};
        c->cmsg_level = IPPROTO_IP;
        c->cmsg_type = IP_PKTINFO;
        c->cmsg_len = CMSG_LEN(sizeof info);
        memcpy(CMSG_DATA(c), &info, sizeof info);
        return CMSG_SPACE(sizeof info);
    }
    union sfu_address mapped;
    sfu_address_for_family(local, AF_INET6, &mapped);
    struct in6_pktinfo info = {.ipi6_addr = mapped.in6.sin6_addr, .ipi6_ifindex = mapped.in6.sin6_scope_id};
    c->cmsg_level = IPPROTO_IPV6;
    c->cmsg_type = IPV6_PKTINFO;
    c->cmsg_len = CMSG_LEN(sizeof info);
    memcpy(CMSG_DATA(c), &info, sizeof info);
    return CMSG_SPACE(sizeof info);
}

/* Prepares message `index`; false: this socket cannot reach that path. */
static bool prepare(struct sfu_udp *udp, size_t index, const struct sfu_path *path, uint8_t *data, size_t bytes,
                    size_t segment_bytes, size_t segments)
{
    struct msghdr *message = &udp->out[index].msg_hdr;
    memset(message, 0, sizeof *message);
    message->msg_name = &udp->out_to[index];
    message->msg_namelen = sfu_address_for_family(&path->remote, udp->family, &udp->out_to[index]);
    if (message->msg_namelen == 0)
        return false;
    udp->out_iov[index] = (struct iovec){.iov_base = data, .iov_len = bytes};
    message->msg_iov = &udp->out_iov[index];
    message->msg_iovlen = 1;
    udp->out_segments[index] = (uint16_t)segments;
    udp->out_segment_bytes[index] = (uint16_t)segment_bytes;

    uint8_t *control = udp->out_control[index].bytes;
    size_t used = 0;
    bool local_known =
        path->local.sa.sa_family == AF_INET || (path->local.sa.sa_family == AF_INET6 && udp->family == AF_INET6);
    if (udp->pktinfo && local_known)
        used += put_pktinfo((struct cmsghdr *)(void *)control, udp->family, &path->local);
    if (segments > 1) {
        struct cmsghdr *c = (struct cmsghdr *)(void *)(control + used);
        uint16_t size = (uint16_t)segment_bytes;
        c->cmsg_level = IPPROTO_UDP;
        c->cmsg_type = UDP_SEGMENT;
        c->cmsg_len = CMSG_LEN(sizeof size);
        memcpy(CMSG_DATA(c), &size, sizeof size);
        used += CMSG_SPACE(sizeof size);
    }
    message->msg_control = used > 0 ? control : NULL;
    message->msg_controllen = used;
    return true;
}

static void count_sent(struct sfu_udp *udp, size_t index)
{
    uint16_t segments = udp->out_segments[index];
    udp->counters.datagrams_out += segments;
    if (segments > 1) {
        udp->counters.gso_messages++;
        udp->counters.gso_segments += segments;
        udp->gso_refusals = 0;
    }
}

static bool is_gso_refusal(int error)
{
    return error == EIO || error == EINVAL || error == EOPNOTSUPP || error == EMSGSIZE || error == ENOPROTOOPT;
}

/* Waits until the socket takes data again; false when the time of this _send is used up. */
static bool wait_writable(struct sfu_udp *udp, uint64_t *deadline_us)
{
    uint64_t now_us = base_clock_us();
    if (*deadline_us == 0)
        *deadline_us = now_us + SFU_UDP_SEND_WAIT_US;
    if (now_us >= *deadline_us)
        return false;
    uint64_t left_us = *deadline_us - now_us;
    struct pollfd poll_fd = {.fd = udp->fd, .events = POLLOUT};
    struct timespec limit = {.tv_sec = 0, .tv_nsec = (long)left_us * 1000};
    return ppoll(&poll_fd, 1, &limit, NULL) > 0;
}

/* One GSO message as plain messages; its own array entry is reused for each packet. */
static void send_plain(struct sfu_udp *udp, size_t index, uint64_t *deadline_us)
{
    struct mmsghdr *message = &udp->out[index];
    struct iovec *iov = &udp->out_iov[index];
    uint8_t *data = iov->iov_base;
    size_t bytes = iov->iov_len, segment_bytes = udp->out_segment_bytes[index];
    /* UDP_SEGMENT is the last control message. */
    message->msg_hdr.msg_controllen -= CMSG_SPACE(sizeof(uint16_t));
    if (message->msg_hdr.msg_controllen == 0)
        message->msg_hdr.msg_control = NULL;
    for (size_t offset = 0; offset < bytes; offset += segment_bytes) {
        iov->iov_base = data + offset;
        iov->iov_len = bytes - offset < segment_bytes ? bytes - offset : segment_bytes;
        bool sent = false;
        do {
            udp->counters.sends++;
            sent = sendmmsg(udp->fd, message, 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1;
        } while (!sent && (errno == EINTR || (errno == EAGAIN && wait_writable(udp, deadline_us))));
        if (sent)
            udp->counters.datagrams_out++;
        else
            udp->counters.send_failures++;
    }
}

static void on_gso_refused(struct sfu_udp *udp, size_t index, int error, uint64_t *deadline_us)
{
    udp->counters.gso_refused++;
    /* Often only one route refuses (small MTU, IPsec), so one refusal proves nothing about the others. */
    if (udp->out_segment_bytes[index] <= GSO_SURE_BYTES && ++udp->gso_refusals >= GSO_REFUSALS_MAX)
        udp->gso = false;
    if (!udp->gso_refusal_logged) {
        udp->gso_refusal_logged = true;
        base_log_warn("udp_gso_refused", "port=%u errno=%d segment_bytes=%u", sfu_udp_port(udp), error,
                      udp->out_segment_bytes[index]);
    }
    send_plain(udp, index, deadline_us);
}

/* Sends the prepared messages out[0..count). */
static void submit(struct sfu_udp *udp, size_t count, uint64_t *deadline_us)
{
    size_t next = 0;
    while (next < count) {
        udp->counters.sends++;
        int n = sendmmsg(udp->fd, udp->out + next, (unsigned)(count - next), MSG_DONTWAIT | MSG_NOSIGNAL);
        int error = n < 0 ? errno : 0;
        for (int i = 0; i < n; i++)
            count_sent(udp, next++);
        if (n >= 0 || error == EINTR)
            continue; /* fewer than asked: the next call tells why */
        if (error == EAGAIN) {
            if (wait_writable(udp, deadline_us))
                continue;
            for (; next < count; next++)
                udp->counters.send_failures += udp->out_segments[next];
        } else if (udp->out_segments[next] > 1 && is_gso_refusal(error)) {
            on_gso_refused(udp, next++, error, deadline_us);
        } else {
            /* ECONNREFUSED, ENETUNREACH, EPERM: this destination's fault, not the others'. */
            udp->counters.send_failures += udp->out_segments[next++];
        }
    }
}

size_t sfu_udp_send(struct sfu_udp *udp, const struct sfu_egress_run *runs, size_t count)
{
    uint64_t deadline_us = 0, before = udp->counters.datagrams_out;
    size_t prepared = 0;
    for (size_t i = 0; i < count; i++) {
        const struct sfu_egress_run *run = &runs[i];
        if (run->path.protocol != SFU_PROTOCOL_UDP || run->bytes == 0 || run->segment_bytes == 0)
            continue;
        for (size_t offset = 0; offset < run->bytes;) {
            size_t left = run->bytes - offset, len = left;
            size_t segment_max = GSO_MESSAGE_BYTES / run->segment_bytes;
            if (segment_max > SFU_EGRESS_RUN_SEGMENTS_MAX)
                segment_max = SFU_EGRESS_RUN_SEGMENTS_MAX;
            if (!udp->gso || segment_max == 0)
                segment_max = 1;
            if (len > segment_max * run->segment_bytes)
                len = segment_max * run->segment_bytes;
            size_t segments = (len + run->segment_bytes - 1) / run->segment_bytes;
            if (prepare(udp, prepared, &run->path, run->data + offset, len, run->segment_bytes, segments))
                prepared++;
            else
                udp->counters.send_failures += segments;
            if (prepared == SEND_BATCH) {
                submit(udp, prepared, &deadline_us);
                prepared = 0;
            }
            offset += len;
        }
    }
    submit(udp, prepared, &deadline_us);
    return (size_t)(udp->counters.datagrams_out - before);
}
