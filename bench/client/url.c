/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/client/url.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"

#define HTTP_PORT  80
#define HTTPS_PORT 443

static const struct {
    const char *text;
    bool tls;
} schemes[] = {{"https://", true}, {"wss://", true}, {"http://", false}, {"ws://", false}};

/* Digits only, 1 to 65535. */
static bool read_port(const char *text, size_t len, uint16_t *port)
{
    unsigned value = 0;
    if (len == 0 || len > 5)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    *port = (uint16_t)value;
    return value != 0 && value <= UINT16_MAX;
}

static bool plain_name(const char *name)
{
    static const char *const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    return name[0] != 0 && strspn(name, allowed) == strlen(name);
}

/* [v6] or a name, from text to end. Returns what comes behind it, or NULL. */
static const char *read_host(struct bench_url *out, const char *text, const char *end)
{
    bool bracket = text < end && *text == '[';
    const char *from = text + bracket;
    const char *to = memchr(from, bracket ? ']' : ':', (size_t)(end - from));
    if (to == NULL && bracket)
        return NULL;
    if (to == NULL)
        to = end;
    if ((size_t)(to - from) >= sizeof out->host)
        return NULL;
    memcpy(out->host, from, (size_t)(to - from));
    struct in6_addr unused;
    if (bracket ? inet_pton(AF_INET6, out->host, &unused) != 1 : !plain_name(out->host))
        return NULL;
    return to + bracket;
}

int bench_url_parse(struct bench_url *out, const char *text)
{
    memset(out, 0, sizeof *out);
    const char *at = NULL;
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0] && at == NULL; i++)
        if (strncasecmp(text, schemes[i].text, strlen(schemes[i].text)) == 0) {
            at = text + strlen(schemes[i].text);
            out->tls = schemes[i].tls;
        }
    if (at == NULL)
        goto invalid;
    const char *end = at + strcspn(at, "/");
    if (end[0] == '/' && end[1] != 0)
        goto invalid;
    const char *behind = read_host(out, at, end);
    if (behind == NULL)
        goto invalid;
    out->port = out->tls ? HTTPS_PORT : HTTP_PORT;
    if (behind != end && (*behind != ':' || !read_port(behind + 1, (size_t)(end - behind - 1), &out->port)))
        goto invalid;
    return 0;
invalid:
    memset(out, 0, sizeof *out);
    return BASE_ERR_INVALID;
}

void bench_url_authority(const struct bench_url *url, char out[BENCH_URL_AUTHORITY_MAX])
{
    bool v6 = strchr(url->host, ':') != NULL;
    int used = snprintf(out, BENCH_URL_AUTHORITY_MAX, "%s%s%s", v6 ? "[" : "", url->host, v6 ? "]" : "");
    if (url->port != (url->tls ? HTTPS_PORT : HTTP_PORT))
        snprintf(out + used, BENCH_URL_AUTHORITY_MAX - (size_t)used, ":%u", url->port);
}

void bench_url_text(const struct bench_url *url, char out[BENCH_URL_TEXT_MAX])
{
    int used = snprintf(out, BENCH_URL_TEXT_MAX, "%s", url->tls ? "https://" : "http://");
    bench_url_authority(url, out + used);
}
