/* SPDX-License-Identifier: Apache-2.0 */
/**
 * path.h - where a datagram came from and where the answer goes: the 5-tuple as the sans-IO core sees it.
 */
#ifndef CONSILIUM_SFU_TRANSPORT_PATH_H
#define CONSILIUM_SFU_TRANSPORT_PATH_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

enum sfu_protocol { SFU_PROTOCOL_UDP, SFU_PROTOCOL_TCP };

union sfu_address {
    struct sockaddr sa;
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;
};

/** Compare with sfu_path_equal(); IPv4-mapped IPv6 addresses are turned into IPv4 by the io layer before they come
 * here. */
struct sfu_path {
    enum sfu_protocol protocol;
    uint32_t connection; /**< TCP: the io layer's id of the connection, unique in the worker's life; UDP: 0 */
    union sfu_address remote;
    union sfu_address local; /**< the address that it was sent to (family AF_UNSPEC: unknown, any will do) */
};

bool sfu_path_equal(const struct sfu_path *a, const struct sfu_path *b);
/** SipHash of protocol, connection, remote and local address and port. */
uint64_t sfu_path_hash(const struct sfu_path *path, const uint64_t key[2]);

#endif
