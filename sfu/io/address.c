/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/io/address.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"

int sfu_address_parse(union sfu_address *out, const char *text, uint16_t port)
{
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, text, &out->in4.sin_addr) == 1) {
        out->in4.sin_family = AF_INET;
        out->in4.sin_port = htons(port);
        return 0;
    }
    if (inet_pton(AF_INET6, text, &out->in6.sin6_addr) == 1) {
        out->in6.sin6_family = AF_INET6;
        out->in6.sin6_port = htons(port);
        return 0;
    }
    memset(out, 0, sizeof *out);
    return BASE_ERR_INVALID;
}

void sfu_address_text(const union sfu_address *address, char out[SFU_ADDRESS_TEXT_MAX])
{
    const void *bytes = address->sa.sa_family == AF_INET6 ? (const void *)&address->in6.sin6_addr
                                                          : (const void *)&address->in4.sin_addr;
    if ((address->sa.sa_family != AF_INET && address->sa.sa_family != AF_INET6) ||
        inet_ntop(address->sa.sa_family, bytes, out, SFU_ADDRESS_TEXT_MAX) == NULL)
        memcpy(out, "?", 2);
}

uint16_t sfu_address_port(const union sfu_address *address)
{
    return ntohs(address->sa.sa_family == AF_INET6 ? address->in6.sin6_port : address->in4.sin_port);
}

void sfu_address_set_port(union sfu_address *address, uint16_t port)
{
    if (address->sa.sa_family == AF_INET6)
        address->in6.sin6_port = htons(port);
    else
        address->in4.sin_port = htons(port);
}

bool sfu_address_is_wildcard(const union sfu_address *address)
{
    if (address->sa.sa_family == AF_INET6)
        return IN6_IS_ADDR_UNSPECIFIED(&address->in6.sin6_addr);
    return address->sa.sa_family == AF_INET && address->in4.sin_addr.s_addr == htonl(INADDR_ANY);
}

void sfu_address_normalise(union sfu_address *address)
{
    union sfu_address from = *address;
    memset(address, 0, sizeof *address);
    if (from.sa.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&from.in6.sin6_addr)) {
        address->in4.sin_family = AF_INET;
        address->in4.sin_port = from.in6.sin6_port;
        memcpy(&address->in4.sin_addr, &from.in6.sin6_addr.s6_addr[12], 4);
    } else if (from.sa.sa_family == AF_INET6) {
        address->in6.sin6_family = AF_INET6;
        address->in6.sin6_port = from.in6.sin6_port;
        address->in6.sin6_addr = from.in6.sin6_addr;
        address->in6.sin6_scope_id = from.in6.sin6_scope_id; /* link-local peers need it */
    } else if (from.sa.sa_family == AF_INET) {
        address->in4.sin_family = AF_INET;
        address->in4.sin_port = from.in4.sin_port;
        address->in4.sin_addr = from.in4.sin_addr;
    }
}

socklen_t sfu_address_for_family(const union sfu_address *address, sa_family_t family, union sfu_address *out)
{
    if (address->sa.sa_family == family && (family == AF_INET || family == AF_INET6)) {
        *out = *address;
        return family == AF_INET ? (socklen_t)sizeof out->in4 : (socklen_t)sizeof out->in6;
    }
    if (family != AF_INET6 || address->sa.sa_family != AF_INET)
        return 0;
    memset(&out->in6, 0, sizeof out->in6);
    out->in6.sin6_family = AF_INET6;
    out->in6.sin6_port = address->in4.sin_port;
    out->in6.sin6_addr.s6_addr[10] = 0xff;
    out->in6.sin6_addr.s6_addr[11] = 0xff;
    memcpy(&out->in6.sin6_addr.s6_addr[12], &address->in4.sin_addr, 4);
    return sizeof out->in6;
}

static bool usable(const struct ifaddrs *entry, const union sfu_address *listen, bool loopback)
{
    if (entry->ifa_addr == NULL || (entry->ifa_flags & IFF_UP) == 0)
        return false;
    if (((entry->ifa_flags & IFF_LOOPBACK) != 0) != loopback)
        return false;
    if (entry->ifa_addr->sa_family == AF_INET)
        return true;
    if (entry->ifa_addr->sa_family != AF_INET6 || listen->sa.sa_family != AF_INET6)
        return false;
    struct sockaddr_in6 in6;
    memcpy(&in6, entry->ifa_addr, sizeof in6);
    return !IN6_IS_ADDR_LINKLOCAL(&in6.sin6_addr);
}

static size_t collect(const struct ifaddrs *list, const union sfu_address *listen, bool loopback,
                      union sfu_address *out, size_t out_max)
{
    size_t count = 0;
    for (const struct ifaddrs *entry = list; entry != NULL && count < out_max; entry = entry->ifa_next) {
        if (!usable(entry, listen, loopback))
            continue;
        union sfu_address *address = &out[count++];
        memset(address, 0, sizeof *address);
        if (entry->ifa_addr->sa_family == AF_INET6)
            memcpy(&address->in6, entry->ifa_addr, sizeof address->in6);
        else
            memcpy(&address->in4, entry->ifa_addr, sizeof address->in4);
        sfu_address_normalise(address);
        sfu_address_set_port(address, sfu_address_port(listen));
    }
    return count;
}

size_t sfu_address_local(const union sfu_address *listen, bool loopback, union sfu_address *out, size_t out_max)
{
    if (out_max == 0)
        return 0;
    if (!sfu_address_is_wildcard(listen)) {
        out[0] = *listen;
        return 1;
    }
    struct ifaddrs *list = NULL;
    if (getifaddrs(&list) != 0)
        return 0;
    size_t count = collect(list, listen, false, out, out_max);
    if (loopback || count == 0)
        count += collect(list, listen, true, out + count, out_max - count);
    freeifaddrs(list);
    return count;
}

uint64_t sfu_address_prefix(const union sfu_address *address)
{
    if (address->sa.sa_family == AF_INET)
        return ntohl(address->in4.sin_addr.s_addr);
    if (address->sa.sa_family != AF_INET6)
        return 0;
    const uint8_t *bytes = address->in6.sin6_addr.s6_addr;
    return (uint64_t)base_get_be32(bytes) << 32 | base_get_be32(bytes + 4);
}

int sfu_address_of_socket(int fd, union sfu_address *remote, union sfu_address *local)
{
    socklen_t len = sizeof *remote;
    memset(remote, 0, sizeof *remote);
    memset(local, 0, sizeof *local);
    if (getpeername(fd, &remote->sa, &len) != 0)
        return BASE_ERR_IO;
    len = sizeof *local;
    if (getsockname(fd, &local->sa, &len) != 0)
        return BASE_ERR_IO;
    sfu_address_normalise(remote);
    sfu_address_normalise(local);
    return 0;
}
