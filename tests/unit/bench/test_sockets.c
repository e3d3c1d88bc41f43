/* SPDX-License-Identifier: Apache-2.0 */
/* What the load tool's own sockets did not send is no loss of the server: it must be seen. sendmmsg() is played. */
#include "bench/client/sockets.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "sfu/io/address.h"
#include "tests/support/test.h"

static int played_error; /* 0: everything is sent */

int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    (void)fd;
    (void)messages;
    (void)flags;
    if (played_error == 0)
        return (int)count;
    errno = played_error;
    return -1;
}

static void on_datagram(void *user, struct bench_socket *socket, uint64_t now_us, uint64_t arrival_us, uint8_t *data,
                        size_t len)
{
    (void)user;
    (void)socket;
    (void)now_us;
    (void)arrival_us;
    (void)data;
    (void)len;
}

T_TEST(what_this_machine_did_not_take_is_ours)
{
    static const int errors[] = {0, EAGAIN, ENOBUFS, ECONNREFUSED};
    static const unsigned ours[] = {0, 3, 6, 6}, failures[] = {0, 3, 6, 9};
    static const uint8_t datagram[100] = {0x80};
    struct sfu_loop *loop;
    struct bench_sockets *sockets;
    union sfu_address remote;
    T_EQ(sfu_loop_create(&loop), 0);
    T_EQ(bench_sockets_create(&sockets, loop), 0);
    T_EQ(sfu_address_parse(&remote, "127.0.0.1", 9), 0);
    struct bench_socket *socket = bench_socket_open(sockets, &remote, false, on_datagram, NULL);
    T_CHECK(socket != NULL);
    for (unsigned round = 0; round < 4; round++) {
        played_error = errors[round];
        for (int i = 0; i < 3; i++)
            bench_socket_send(sockets, socket, datagram, sizeof datagram);
        bench_sockets_flush(sockets);
        T_EQ(bench_sockets_counters(sockets)->dropped_out, ours[round]);
        T_EQ(bench_sockets_counters(sockets)->send_failures, failures[round]);
        T_EQ(bench_sockets_counters(sockets)->datagrams_out, 3);
    }
    bench_socket_close(sockets, socket);
    bench_sockets_destroy(sockets);
    sfu_loop_destroy(loop);
}

T_MAIN(T_CASE(what_this_machine_did_not_take_is_ours))
