/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/transport/path.h"

#include <string.h>

#include "base/hash.h"

static bool address_equal(const union sfu_address *a, const union sfu_address *b)
{
    if (a->sa.sa_family != b->sa.sa_family)
        return false;
    switch (a->sa.sa_family) {
    case AF_INET:
        return a->in4.sin_port == b->in4.sin_port && a->in4.sin_addr.s_addr == b->in4.sin_addr.s_addr;
    case AF_INET6: /* the scope tells link-local addresses of two interfaces apart */
        return a->in6.sin6_port == b->in6.sin6_port && a->in6.sin6_scope_id == b->in6.sin6_scope_id &&
               memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, sizeof a->in6.sin6_addr) == 0;
    default:
        return true;
    }
}

bool sfu_path_equal(const struct sfu_path *a, const struct sfu_path *b)
{
    return a->protocol == b->protocol && a->connection == b->connection && address_equal(&a->remote, &b->remote) &&
           address_equal(&a->local, &b->local);
}

static size_t put_address(uint8_t *out, const union sfu_address *address)
{
    size_t n = 2;
    uint16_t family = address->sa.sa_family;
    memcpy(out, &family, 2);
    if (family == AF_INET) {
        memcpy(out + n, &address->in4.sin_port, 2);
        memcpy(out + n + 2, &address->in4.sin_addr, 4);
        n += 6;
    } else if (family == AF_INET6) {
        memcpy(out + n, &address->in6.sin6_port, 2);
        memcpy(out + n + 2, &address->in6.sin6_addr, 16);
        memcpy(out + n + 18, &address->in6.sin6_scope_id, 4);
        n += 22;
    }
    return n;
}

uint64_t sfu_path_hash(const struct sfu_path *path, const uint64_t key[2])
{
    /* Only the meaningful fields: sockaddr structures have padding that need not be equal. */
    uint8_t bytes[5 + 2 * 24];
    size_t n = 5;
    bytes[0] = (uint8_t)path->protocol;
    memcpy(bytes + 1, &path->connection, 4);
    n += put_address(bytes + n, &path->remote);
    n += put_address(bytes + n, &path->local);
    return base_siphash(bytes, n, key);
}
