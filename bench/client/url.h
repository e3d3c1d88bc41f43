/* SPDX-License-Identifier: Apache-2.0 */
/**
 * url.h - where a server is: scheme, host and port.
 */
#ifndef CONSILIUM_BENCH_CLIENT_URL_H
#define CONSILIUM_BENCH_CLIENT_URL_H

#include <stdbool.h>
#include <stdint.h>

#define BENCH_URL_AUTHORITY_MAX 272
#define BENCH_URL_TEXT_MAX      280

struct bench_url {
    bool tls;       /**< https, wss */
    char host[256]; /**< a name or an address, IPv6 without brackets */
    uint16_t port;
};

/** Reads https://host[:port], http://, wss://, ws://, with nothing or "/" behind. Returns 0 or BASE_ERR_INVALID. */
int bench_url_parse(struct bench_url *out, const char *text);
/** host[:port] as a browser writes it in Host: IPv6 in brackets, no port if it is the scheme's own. */
void bench_url_authority(const struct bench_url *url, char out[BENCH_URL_AUTHORITY_MAX]);
/** http[s]://authority: the Origin of a page from there. */
void bench_url_text(const struct bench_url *url, char out[BENCH_URL_TEXT_MAX]);

#endif
