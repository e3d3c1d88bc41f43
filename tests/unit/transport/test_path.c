/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/transport/path.h"
#include "tests/support/test.h"

#include <arpa/inet.h>

static struct sfu_path path4(uint32_t address, uint16_t port)
{
    struct sfu_path path = {0};
    path.remote.in4.sin_family = AF_INET;
    path.remote.in4.sin_addr.s_addr = htonl(address);
    path.remote.in4.sin_port = htons(port);
    path.local.in4.sin_family = AF_INET;
    path.local.in4.sin_addr.s_addr = htonl(0x7f000001);
    path.local.in4.sin_port = htons(3478);
    return path;
}

static struct sfu_path path6(uint8_t last, uint32_t scope)
{
    struct sfu_path path = {0};
    path.remote.in6.sin6_family = AF_INET6;
    path.remote.in6.sin6_addr.s6_addr[15] = last;
    path.remote.in6.sin6_port = htons(5000);
    path.remote.in6.sin6_scope_id = scope;
    return path;
}

T_TEST(paths_differ_in_every_field)
{
    const uint64_t key[2] = {1, 2};
    struct sfu_path base = path4(1, 1), other = base;
    T_CHECK(sfu_path_equal(&base, &other));
    T_CHECK(sfu_path_hash(&base, key) == sfu_path_hash(&other, key));
    memset(other.remote.in4.sin_zero, 0xff, sizeof other.remote.in4.sin_zero); /* padding does not count */
    T_CHECK(sfu_path_equal(&base, &other));
    T_CHECK(sfu_path_hash(&base, key) == sfu_path_hash(&other, key));
    struct sfu_path changed[6];
    for (int i = 0; i < 6; i++)
        changed[i] = base;
    changed[0].protocol = SFU_PROTOCOL_TCP;
    changed[1].connection = 1;
    changed[2].remote.in4.sin_port = htons(2);
    changed[3].remote.in4.sin_addr.s_addr = htonl(2);
    changed[4].local.in4.sin_addr.s_addr = htonl(2);
    changed[5].local.sa.sa_family = AF_UNSPEC;
    for (int i = 0; i < 6; i++) {
        T_CHECK(!sfu_path_equal(&base, &changed[i]));
        T_CHECK(sfu_path_hash(&base, key) != sfu_path_hash(&changed[i], key));
    }
    struct sfu_path a = path6(1, 0), b = path6(1, 3), c = path6(2, 0);
    T_CHECK(sfu_path_equal(&a, &a) && !sfu_path_equal(&a, &b) && !sfu_path_equal(&a, &c));
    T_CHECK(sfu_path_hash(&a, key) != sfu_path_hash(&b, key));
    T_CHECK(sfu_path_hash(&a, key) != sfu_path_hash(&c, key));
}

T_MAIN(T_CASE(paths_differ_in_every_field))
