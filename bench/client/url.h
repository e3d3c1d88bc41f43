/* SPDX-License-Identifier: Apache-2.0 */
/**
 * url.h - where a server is: scheme, host and port.
 */
#ifndef CONSILIUM_BENCH_CLIENT_URL_H
#define CONSILIUM_BENCH_CLIENT_URL_H

#include <stdbool.h>
#include <stdint.h>

struct bench_url {
    bool tls;       /**< https, wss */
    char host[256]; /**< a name or an address, IPv6 without brackets */
    uint16_t port;
};

/** Reads https://host[:port], http://, wss://, ws://, with nothing or "/" behind. Returns 0 or BASE_ERR_INVALID. */
int bench_url_parse(struct bench_url *out, const char *text);

#endif
