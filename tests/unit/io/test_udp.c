/* SPDX-License-Identifier: Apache-2.0 */
/* Real sockets on the loopback interface; what the kernel refuses only elsewhere is put in by wrapping sendmmsg(2). */
#include "sfu/io/udp.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "tests/support/test.h"

/* ---- sendmmsg with faults ---------------------------------------------------------------------------------------- */

static int fault_errno;     /* what to fail with; 0: no faults */
static int fault_count;     /* how many calls still fail */
static bool fault_gso_only; /* only messages with UDP_SEGMENT */
static unsigned send_limit; /* messages that one call takes at most; 0: no limit */
static unsigned sendmmsg_calls;

int __real_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags);
int __wrap_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags);

static bool has_segments(struct mmsghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message->msg_hdr); c != NULL; c = CMSG_NXTHDR(&message->msg_hdr, c)) {
        if (c->cmsg_level == IPPROTO_UDP)
            return true;
    }
    return false;
}

int __wrap_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    sendmmsg_calls++;
    if (fault_errno != 0 && fault_count > 0) {
        if (!fault_gso_only || has_segments(&messages[0])) {
            fault_count--;
            errno = fault_errno;
            return -1;
        }
        /* Like the kernel: take what stands before the message that fails. */
        unsigned good = 0;
        while (good < count && !has_segments(&messages[good]))
            good++;
        count = good;
    }
    return __real_sendmmsg(fd, messages, send_limit != 0 && count > send_limit ? send_limit : count, flags);
}

/* ---- support ----------------------------------------------------------------------------------------------------- */

#define KEPT_MAX 4096

static struct kept {
    struct sfu_path path;
    size_t len;
    uint8_t bytes[SFU_UDP_DATAGRAM_MAX_BYTES];
} kept[KEPT_MAX];
static size_t kept_count;

static void keep(void *user, const struct sfu_path *path, uint8_t *datagram, size_t len)
{
    (void)user;
    if (kept_count == KEPT_MAX)
        return;
    kept[kept_count].path = *path;
    kept[kept_count].len = len;
    memcpy(kept[kept_count++].bytes, datagram, len);
}

/* Receives until `count` datagrams came or nothing comes for 2 s. */
static void receive_until(struct sfu_udp *udp, size_t count)
{
    while (kept_count < count) {
        struct pollfd poll_fd = {.fd = sfu_udp_fd(udp), .events = POLLIN};
        if (poll(&poll_fd, 1, 2000) <= 0)
            return;
        sfu_udp_receive(udp, keep, NULL);
    }
}

static struct sfu_udp *open_udp(const char *listen, bool gso)
{
    struct sfu_udp_config config = {.buffer_bytes = 4u << 20, .gso = gso};
    struct sfu_udp *udp;
    if (sfu_address_parse(&config.listen, listen, 0) != 0 || sfu_udp_open(&udp, &config) != 0)
        abort();
    fault_errno = fault_count = 0;
    fault_gso_only = false;
    send_limit = 0;
    kept_count = 0;
    return udp;
}

static struct sfu_path path_to(const char *address, uint16_t port)
{
    struct sfu_path path = {.protocol = SFU_PROTOCOL_UDP};
    if (sfu_address_parse(&path.remote, address, port) != 0)
        abort();
    return path;
}

/* A run of `count` segments whose bytes say which one they are; the last one is `last` bytes long. */
static struct sfu_egress_run make_run(const struct sfu_path *path, uint8_t *memory, uint16_t count, uint16_t segment,
                                      uint16_t last, uint8_t seed)
{
    struct sfu_egress_run run = {.path = *path,
                                 .data = memory,
                                 .segment_bytes = count == 1 ? last : segment,
                                 .segment_count = count,
                                 .bytes = (uint32_t)(count - 1) * segment + last};
    for (uint32_t i = 0; i < run.bytes; i++)
        memory[i] = (uint8_t)(seed + i / segment * 31 + i % 251);
    return run;
}

static void check_run(int *t_failed, const struct sfu_egress_run *run, size_t first)
{
    T_CHECK(kept_count >= first + run->segment_count);
    for (size_t i = 0; i < run->segment_count; i++) {
        size_t offset = i * run->segment_bytes;
        size_t len = run->bytes - offset < run->segment_bytes ? run->bytes - offset : run->segment_bytes;
        T_EQ(kept[first + i].len, len);
        T_MEM_EQ(kept[first + i].bytes, run->data + offset, len);
    }
}

static uint8_t memory[8][64 * 1500];

/* ---- round trips ------------------------------------------------------------------------------------------------- */

static void round_trips(int *t_failed, bool gso)
{
    struct sfu_udp *a = open_udp("127.0.0.1", gso), *b = open_udp("127.0.0.1", gso);
    struct sfu_path to_b = path_to("127.0.0.1", sfu_udp_port(b));
    for (uint16_t count = 1; count <= 64; count++) {
        kept_count = 0;
        struct sfu_egress_run run = make_run(&to_b, memory[0], count, 1100, (uint16_t)(1 + count * 17), (uint8_t)count);
        T_EQ(sfu_udp_send(a, &run, 1), count);
        receive_until(b, count);
        T_EQ(kept_count, count);
        T_CALL(check_run(t_failed, &run, 0));
        T_EQ(sfu_address_port(&kept[0].path.remote), sfu_udp_port(a));
        T_EQ(kept[0].path.protocol, SFU_PROTOCOL_UDP);
    }
    const struct sfu_udp_counters *out = sfu_udp_counters(a), *in = sfu_udp_counters(b);
    T_EQ(out->datagrams_out, 64 * 65 / 2);
    T_EQ(in->datagrams_in, 64 * 65 / 2);
    T_EQ(out->send_failures, 0);
    T_EQ(out->gso_refused, 0);
    if (gso) {
        /* Runs of 60 and more exceed what one IP packet can say: two messages. A lone packet after it is no GSO. */
        T_CHECK(out->gso_messages >= 63 && out->gso_messages <= 63 + 6);
        T_CHECK(out->gso_segments >= 64 * 65 / 2 - 8);
        T_EQ(out->sends, 64);
    } else {
        T_EQ(out->gso_messages, 0);
    }
    sfu_udp_close(a);
    sfu_udp_close(b);
}

T_TEST(runs_of_1_to_64_arrive_whole_and_in_order_with_gso)
{
    round_trips(t_failed, true);
}

T_TEST(runs_of_1_to_64_arrive_whole_and_in_order_without_gso)
{
    round_trips(t_failed, false);
}

T_TEST(gso_to_a_socket_without_gro)
{
    struct sfu_udp *a = open_udp("127.0.0.1", true), *b = open_udp("127.0.0.1", false);
    struct sfu_path to_b = path_to("127.0.0.1", sfu_udp_port(b));
    struct sfu_egress_run run = make_run(&to_b, memory[0], 16, 1200, 77, 9);
    T_EQ(sfu_udp_send(a, &run, 1), 16);
    receive_until(b, 16);
    T_CALL(check_run(t_failed, &run, 0));
    T_EQ(sfu_udp_counters(a)->gso_messages, 1);
    sfu_udp_close(a);
    sfu_udp_close(b);
}

T_TEST(many_runs_in_few_calls)
{
    struct sfu_udp *a = open_udp("127.0.0.1", true), *b = open_udp("127.0.0.1", true);
    struct sfu_path to_b = path_to("127.0.0.1", sfu_udp_port(b));
    static uint8_t small[600][40];
    static struct sfu_egress_run runs[600];
    for (size_t i = 0; i < 600; i++)
        runs[i] = make_run(&to_b, small[i], 2, 20, (uint16_t)(1 + i % 20), (uint8_t)i);
    sendmmsg_calls = 0;
    T_EQ(sfu_udp_send(a, runs, 600), 1200);
    T_EQ(sendmmsg_calls, 3); /* 256 + 256 + 88 */
    receive_until(b, 1200);
    T_EQ(kept_count, 1200);
    for (size_t i = 0; i < 600; i++)
        T_CALL(check_run(t_failed, &runs[i], 2 * i));
    sfu_udp_close(a);
    sfu_udp_close(b);
}

T_TEST(a_batch_says_whether_the_socket_is_empty)
{
    struct sfu_udp *a = open_udp("127.0.0.1", false), *b = open_udp("127.0.0.1", false);
    struct sfu_path to_b = path_to("127.0.0.1", sfu_udp_port(b));
    struct sfu_egress_run run = make_run(&to_b, memory[0], 40, 100, 100, 1);
    T_EQ(sfu_udp_send(a, &run, 1), 40);
    T_EQ(sfu_udp_receive(b, keep, NULL), SFU_UDP_BATCH_MESSAGES);
    T_EQ(sfu_udp_receive(b, keep, NULL), 40 - SFU_UDP_BATCH_MESSAGES);
    T_EQ(sfu_udp_receive(b, keep, NULL), 0);
    T_EQ(sfu_udp_counters(b)->receives, 2);
    T_CALL(check_run(t_failed, &run, 0));
    sfu_udp_close(a);
    sfu_udp_close(b);
}

T_TEST(oversized_and_empty_datagrams_are_dropped)
{
    struct sfu_udp *a = open_udp("127.0.0.1", false), *b = open_udp("127.0.0.1", true);
    struct sfu_path to_b = path_to("127.0.0.1", sfu_udp_port(b));
    struct sfu_egress_run run =
        make_run(&to_b, memory[0], 1, SFU_UDP_DATAGRAM_MAX_BYTES + 1, SFU_UDP_DATAGRAM_MAX_BYTES + 1, 1);
    T_EQ(sfu_udp_send(a, &run, 1), 1);
    T_EQ(sendto(sfu_udp_fd(a), "", 0, 0, &to_b.remote.sa, sizeof to_b.remote.in4), 0);
    run = make_run(&to_b, memory[0], 1, SFU_UDP_DATAGRAM_MAX_BYTES, SFU_UDP_DATAGRAM_MAX_BYTES, 2);
    T_EQ(sfu_udp_send(a, &run, 1), 1);
    receive_until(b, 1);
    T_EQ(kept_count, 1);
    T_CALL(check_run(t_failed, &run, 0));
    T_EQ(sfu_udp_counters(b)->dropped_oversized, 1);
    sfu_udp_close(a);
    sfu_udp_close(b);
}

/* ---- addresses --------------------------------------------------------------------------------------------------- */

/* A peer sends to `server_address`; the answer must come from there, and paths must be in normal form. */
static void answers_from(int *t_failed, const char *listen, const char *server_address, sa_family_t family)
{
    struct sfu_udp *server = open_udp(listen, true);
    struct sfu_udp *peer = open_udp(family == AF_INET ? "127.0.0.1" : "::1", true);
    struct sfu_path to_server = path_to(server_address, sfu_udp_port(server));
    struct sfu_egress_run run = make_run(&to_server, memory[0], 3, 500, 200, 5);
    T_EQ(sfu_udp_send(peer, &run, 1), 3);
    receive_until(server, 3);
    T_EQ(kept_count, 3);
    struct sfu_path path = kept[2].path;
    T_EQ(path.local.sa.sa_family, family);
    T_EQ(path.remote.sa.sa_family, family);
    T_MEM_EQ(&path.local, &to_server.remote, sizeof path.local);
    T_EQ(sfu_address_port(&path.remote), sfu_udp_port(peer));

    kept_count = 0;
    struct sfu_egress_run answer = make_run(&path, memory[1], 4, 300, 100, 6);
    T_EQ(sfu_udp_send(server, &answer, 1), 4);
    receive_until(peer, 4);
    T_CALL(check_run(t_failed, &answer, 0));
    T_MEM_EQ(&kept[3].path.remote, &to_server.remote, sizeof path.remote);
    sfu_udp_close(server);
    sfu_udp_close(peer);
}

T_TEST(a_wildcard_socket_answers_from_the_address_asked)
{
    T_CALL(answers_from(t_failed, "0.0.0.0", "127.0.0.2", AF_INET));
    T_CALL(answers_from(t_failed, "0.0.0.0", "127.0.0.1", AF_INET));
}

T_TEST(a_socket_of_both_families_answers_from_the_address_asked)
{
    T_CALL(answers_from(t_failed, "::", "127.0.0.2", AF_INET));
    T_CALL(answers_from(t_failed, "::", "127.0.0.1", AF_INET));
    T_CALL(answers_from(t_failed, "::", "::1", AF_INET6));
}

T_TEST(a_socket_with_one_address_knows_it)
{
    T_CALL(answers_from(t_failed, "127.0.0.3", "127.0.0.3", AF_INET));
}

T_TEST(a_port_in_use_is_an_io_error_with_its_errno)
{
    struct sfu_udp *a = open_udp("127.0.0.1", true), *b = NULL;
    struct sfu_udp_config config = {.gso = true};
    sfu_address_parse(&config.listen, "127.0.0.1", sfu_udp_port(a));
    errno = 0;
    T_EQ(sfu_udp_open(&b, &config), BASE_ERR_IO);
    T_EQ(errno, EADDRINUSE);
    T_CHECK(b == NULL);
    config.listen.sa.sa_family = AF_UNIX;
    T_EQ(sfu_udp_open(&b, &config), BASE_ERR_INVALID);
    T_CHECK(b == NULL);
    sfu_udp_close(a);
}

T_TEST(granted_buffers_are_told)
{
    struct sfu_udp *a = open_udp("127.0.0.1", true);
    uint32_t receive_bytes = 0, send_bytes = 0;
    sfu_udp_buffers(a, &receive_bytes, &send_bytes);
    T_CHECK(receive_bytes >= 65536 && receive_bytes <= 4u << 20);
    T_CHECK(send_bytes >= 65536 && send_bytes <= 4u << 20);
    sfu_udp_close(a);
}

/* ---- what the kernel refuses ------------------------------------------------------------------------------------- */

T_TEST(a_refused_destination_costs_only_its_own_packets)
{
    struct sfu_udp *a = open_udp("127.0.0.1", true), *b = open_udp("127.0.0.1", true);
    struct sfu_path good = path_to("127.0.0.1", sfu_udp_port(b));
    struct sfu_path no_port = path_to("127.0.0.1", 0);         /* EINVAL */
    struct sfu_path broadcast = path_to("255.255.255.255", 9); /* EACCES */
    struct sfu_path other_family = path_to("::1", 9);          /* not a family of this socket */
    struct sfu_egress_run runs[6] = {
        make_run(&no_port, memory[0], 1, 100, 100, 1),    make_run(&good, memory[1], 3, 400, 400, 2),
        make_run(&broadcast, memory[2], 2, 100, 50, 3),   make_run(&good, memory[3], 1, 333, 333, 4),
        make_run(&other_family, memory[4], 5, 10, 10, 5), make_run(&good, memory[5], 2, 200, 100, 6),
    };
    T_EQ(sfu_udp_send(a, runs, 6), 6);
    receive_until(b, 6);
    T_EQ(kept_count, 6);
    T_CALL(check_run(t_failed, &runs[1], 0));
    T_CALL(check_run(t_failed, &runs[3], 3));
    T_CALL(check_run(t_failed, &runs[5], 4));
    T_EQ(sfu_udp_counters(a)->send_failures, 1 + 2 + 5);
    /* TCP runs are not ours. */
    runs[0].path = good;
    runs[0].path.protocol = SFU_PROTOCOL_TCP;
    T_EQ(sfu_udp_send(a, runs, 1), 0);
    T_EQ(sfu_udp_counters(a)->send_failures, 8);
    sfu_udp_close(a);
    sfu_udp_close(b);
}

T_TEST(connection_refused_is_passed_over)
{
    struct sfu_udp *a = open_udp("127.0.0.1", true), *b = open_udp("127.0.0.1", true);
    struct sfu_path good = path_to("127.0.0.1", sfu_udp_port(b));
    struct sfu_egress_run runs[3] = {make_run(&good, memory[0], 4, 100, 100, 1),
                                     make_run(&good, memory[1], 4, 100, 100, 2),
                                     make_run(&good, memory[2], 4, 100, 100, 3)};
    fault_errno = ECONNREFUSED;
    fault_count = 1;
    T_EQ(sfu_udp_send(a, runs, 3), 8);
    receive_until(b, 8);
    T_CALL(check_run(t_failed, &runs[1], 0));
    T_CALL(check_run(t_failed, &runs[2], 4));
    T_EQ(sfu_udp_counters(a)->send_failures, 4);
    sfu_udp_close(a);
    sfu_udp_close(b);
}

T_TEST(a_partial_sendmmsg_is_continued)
{
    struct sfu_udp *a = open_udp("127.0.0.1", true), *b = open_udp("127.0.0.1", true);
    struct sfu_path good = path_to("127.0.0.1", sfu_udp_port(b));
    struct sfu_egress_run runs[8];
    for (size_t i = 0; i < 8; i++)
        runs[i] = make_run(&good, memory[i], 2, 100, 99, (uint8_t)i);
    send_limit = 3;
    T_EQ(sfu_udp_send(a, runs, 8), 16);
    receive_until(b, 16);
    for (size_t i = 0; i < 8; i++)
        T_CALL(check_run(t_failed, &runs[i], 2 * i));
    sfu_udp_close(a);
    sfu_udp_close(b);
}

T_TEST(a_full_buffer_is_waited_for)
{
    struct sfu_udp *a = open_udp("127.0.0.1", true), *b = open_udp("127.0.0.1", true);
    struct sfu_path good = path_to("127.0.0.1", sfu_udp_port(b));
    struct sfu_egress_run runs[2] = {make_run(&good, memory[0], 2, 100, 99, 1),
                                     make_run(&good, memory[1], 2, 100, 99, 2)};
    fault_errno = EAGAIN;
    fault_count = 1;
    T_EQ(sfu_udp_send(a, runs, 2), 4);
    receive_until(b, 4);
    T_CALL(check_run(t_failed, &runs[0], 0));
    T_CALL(check_run(t_failed, &runs[1], 2));
    T_EQ(sfu_udp_counters(a)->send_failures, 0);
    sfu_udp_close(a);
    sfu_udp_close(b);
}

T_TEST(a_buffer_that_stays_full_drops_the_rest_in_bounded_time)
{
    struct sfu_udp *a = open_udp("127.0.0.1", true), *b = open_udp("127.0.0.1", true);
    struct sfu_path good = path_to("127.0.0.1", sfu_udp_port(b));
    struct sfu_egress_run runs[2] = {make_run(&good, memory[0], 2, 100, 99, 1),
                                     make_run(&good, memory[1], 5, 100, 99, 2)};
    fault_errno = EAGAIN;
    fault_count = INT32_MAX;
    uint64_t start_us = base_clock_us();
    T_EQ(sfu_udp_send(a, runs, 2), 0);
    uint64_t took_us = base_clock_us() - start_us;
    T_CHECK(took_us >= SFU_UDP_SEND_WAIT_US && took_us < 1000000);
    T_EQ(sfu_udp_counters(a)->send_failures, 7);
    fault_errno = 0;
    T_EQ(sfu_udp_send(a, runs, 2), 7);
    sfu_udp_close(a);
    sfu_udp_close(b);
}

T_TEST(refused_gso_goes_out_packet_by_packet_and_is_remembered)
{
    static const int errors[] = {EIO, EINVAL, EOPNOTSUPP, EMSGSIZE};
    for (size_t e = 0; e < sizeof errors / sizeof errors[0]; e++) {
        struct sfu_udp *a = open_udp("0.0.0.0", true), *b = open_udp("127.0.0.1", true);
        struct sfu_path good = path_to("127.0.0.1", sfu_udp_port(b));
        sfu_address_parse(&good.local, "127.0.0.4", 1); /* pktinfo must survive the fall-back */
        fault_errno = errors[e];
        fault_count = INT32_MAX;
        fault_gso_only = true;
        size_t rounds = 0;
        for (; sfu_udp_gso_active(a) && rounds < 100; rounds++) {
            kept_count = 0;
            struct sfu_egress_run runs[3] = {make_run(&good, memory[0], 5, 700, 20, 1),
                                             make_run(&good, memory[1], 1, 100, 100, 2),
                                             make_run(&good, memory[2], 2, 300, 300, 3)};
            T_EQ(sfu_udp_send(a, runs, 3), 8);
            receive_until(b, 8);
            T_EQ(kept_count, 8);
            T_CALL(check_run(t_failed, &runs[0], 0));
            T_CALL(check_run(t_failed, &runs[1], 5));
            T_CALL(check_run(t_failed, &runs[2], 6));
            T_MEM_EQ(&kept[4].path.remote.in4.sin_addr, &good.local.in4.sin_addr, 4);
        }
        T_EQ(rounds, 4); /* two refusals a round, eight in a row */
        uint64_t refused = sfu_udp_counters(a)->gso_refused;
        struct sfu_egress_run run = make_run(&good, memory[0], 5, 700, 20, 1);
        sendmmsg_calls = 0;
        T_EQ(sfu_udp_send(a, &run, 1), 5);
        T_EQ(sendmmsg_calls, 1); /* remembered: plain messages at once, in one call */
        T_EQ(sfu_udp_counters(a)->gso_refused, refused);
        T_EQ(sfu_udp_counters(a)->send_failures, 0);
        sfu_udp_close(a);
        sfu_udp_close(b);
    }
}

T_TEST(one_route_refusing_gso_does_not_end_it_for_others)
{
    struct sfu_udp *a = open_udp("127.0.0.1", true), *b = open_udp("127.0.0.1", true);
    struct sfu_path good = path_to("127.0.0.1", sfu_udp_port(b));
    struct sfu_egress_run run = make_run(&good, memory[0], 4, 100, 100, 1);
    for (int i = 0; i < 50; i++) {
        fault_errno = EMSGSIZE;
        fault_count = 1;
        T_EQ(sfu_udp_send(a, &run, 1), 4);
        T_EQ(sfu_udp_send(a, &run, 1), 4);
    }
    T_CHECK(sfu_udp_gso_active(a));
    T_EQ(sfu_udp_counters(a)->gso_refused, 50);
    T_EQ(sfu_udp_counters(a)->gso_messages, 50);
    sfu_udp_close(a);
    sfu_udp_close(b);
}

T_TEST(packets_too_large_for_a_path_do_not_end_gso)
{
    /* A publisher over TCP may send packets that no Ethernet path takes in one piece. */
    struct sfu_udp *a = open_udp("127.0.0.1", true), *b = open_udp("127.0.0.1", true);
    struct sfu_path good = path_to("127.0.0.1", sfu_udp_port(b));
    struct sfu_egress_run run = make_run(&good, memory[0], 4, 1480, 1480, 1);
    fault_errno = EINVAL;
    fault_count = INT32_MAX;
    fault_gso_only = true;
    for (int i = 0; i < 20; i++)
        T_EQ(sfu_udp_send(a, &run, 1), 4);
    T_CHECK(sfu_udp_gso_active(a));
    T_EQ(sfu_udp_counters(a)->gso_refused, 20);
    sfu_udp_close(a);
    sfu_udp_close(b);
}

T_MAIN(T_CASE(packets_too_large_for_a_path_do_not_end_gso), T_CASE(runs_of_1_to_64_arrive_whole_and_in_order_with_gso),
       T_CASE(runs_of_1_to_64_arrive_whole_and_in_order_without_gso), T_CASE(gso_to_a_socket_without_gro),
       T_CASE(many_runs_in_few_calls), T_CASE(a_batch_says_whether_the_socket_is_empty),
       T_CASE(oversized_and_empty_datagrams_are_dropped), T_CASE(a_wildcard_socket_answers_from_the_address_asked),
       T_CASE(a_socket_of_both_families_answers_from_the_address_asked), T_CASE(a_socket_with_one_address_knows_it),
       T_CASE(a_port_in_use_is_an_io_error_with_its_errno), T_CASE(granted_buffers_are_told),
       T_CASE(a_refused_destination_costs_only_its_own_packets), T_CASE(connection_refused_is_passed_over),
       T_CASE(a_partial_sendmmsg_is_continued), T_CASE(a_full_buffer_is_waited_for),
       T_CASE(a_buffer_that_stays_full_drops_the_rest_in_bounded_time),
       T_CASE(refused_gso_goes_out_packet_by_packet_and_is_remembered),
       T_CASE(one_route_refusing_gso_does_not_end_it_for_others))
