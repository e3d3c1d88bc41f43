/* SPDX-License-Identifier: Apache-2.0 */
/**
 * address.h - socket addresses: text, normal form, and the machine's own.
 *
 * The sans-IO core only ever sees AF_INET and AF_INET6 addresses in normal form: an IPv4-mapped IPv6 address
 * (::ffff:a.b.c.d, what a socket of both families delivers) is AF_INET there. Ports are in network order inside the
 * structures, in host order as arguments. No state; any thread.
 */
#ifndef CONSILIUM_SFU_IO_ADDRESS_H
#define CONSILIUM_SFU_IO_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sfu/transport/path.h"

#define SFU_ADDRESS_TEXT_MAX 46 /**< INET6_ADDRSTRLEN */

/** Parses a numeric address ("0.0.0.0", "::1"). Returns 0, or BASE_ERR_INVALID with *out zeroed. */
int sfu_address_parse(union sfu_address *out, const char *text, uint16_t port);
/** Numeric text without the port; "?" for an unknown family. */
void sfu_address_text(const union sfu_address *address, char out[SFU_ADDRESS_TEXT_MAX]);
uint16_t sfu_address_port(const union sfu_address *address);
void sfu_address_set_port(union sfu_address *address, uint16_t port);
/** 0.0.0.0 or :: */
bool sfu_address_is_wildcard(const union sfu_address *address);
/** Turns IPv4-mapped into IPv4 and zeroes what does not belong to the address (flow label, padding), in place. */
void sfu_address_normalise(union sfu_address *address);
/** What a socket of `family` must be given to reach `address` (IPv4 is mapped for AF_INET6). Returns the sockaddr's
 * bytes, or 0 when that socket cannot reach it. */
socklen_t sfu_address_for_family(const union sfu_address *address, sa_family_t family, union sfu_address *out);

/** Names who an address belongs to, for limits: all of IPv4, the first 64 bits of IPv6 (a network gives each host a
 * whole /64). */
uint64_t sfu_address_prefix(const union sfu_address *address);
/** Both ends of a connected socket, in normal form. Returns 0 or BASE_ERR_IO (errno). */
int sfu_address_of_socket(int fd, union sfu_address *remote, union sfu_address *local);

/** Addresses of the machine's interfaces that are up, reachable from others and usable by a socket bound to `listen`:
 * no IPv6 link-local ones; loopback only if `loopback` or if there is nothing else. A `listen` that is not a wildcard
 * is the only answer. Port is that of `listen`. Returns how many of out[0..out_max). */
size_t sfu_address_local(const union sfu_address *listen, bool loopback, union sfu_address *out, size_t out_max);

#endif
