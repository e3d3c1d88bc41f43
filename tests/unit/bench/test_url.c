/* SPDX-License-Identifier: Apache-2.0 */
/* Where a server is: what is understood, what is refused, and what a browser would write into Host and Origin. */
#include "base/err.h"
#include "bench/client/url.h"
#include "tests/support/test.h"

struct good {
    const char *text, *host;
    bool tls;
    unsigned port;
    const char *authority, *origin;
};

static const struct good good[] = {
    {"https://visio.example.org", "visio.example.org", true, 443, "visio.example.org", "https://visio.example.org"},
    {"https://visio.example.org/", "visio.example.org", true, 443, "visio.example.org", "https://visio.example.org"},
    {"HTTPS://h:8443", "h", true, 8443, "h:8443", "https://h:8443"},
    {"wss://h:1/", "h", true, 1, "h:1", "https://h:1"},
    {"http://127.0.0.1:8080", "127.0.0.1", false, 8080, "127.0.0.1:8080", "http://127.0.0.1:8080"},
    {"ws://127.0.0.1", "127.0.0.1", false, 80, "127.0.0.1", "http://127.0.0.1"},
    {"https://[::1]", "::1", true, 443, "[::1]", "https://[::1]"},
    {"ws://[2001:db8::7]:65535/", "2001:db8::7", false, 65535, "[2001:db8::7]:65535", "http://[2001:db8::7]:65535"},
    {"http://h:443", "h", false, 443, "h:443", "http://h:443"},
};

static const char *const bad[] = {
    "",
    "https",
    "https://",
    "https:///",
    "visio.example.org",
    "ftp://h",
    "https://h/room",
    "https://h?x",
    "https://h#x",
    "https://h//",
    "https://user@h",
    "https://h:",
    "https://h:/",
    "https://h:0",
    "https://h:65536",
    "https://h:100000",
    "https://h:80a",
    "https://h:-1",
    "https://h: 1",
    "https://:443",
    "https://::1",
    "https://[::1",
    "https://[::1]x",
    "https://[::1]:",
    "https://[]",
    "https://[h]",
    "https://[127.0.0.1]",
    "https://a b",
    "https://a\r\nb",
    " https://h",
};

T_TEST(good_ones)
{
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct bench_url url;
        char authority[BENCH_URL_AUTHORITY_MAX], origin[BENCH_URL_TEXT_MAX];
        T_EQ(bench_url_parse(&url, good[i].text), 0);
        T_STR_EQ(url.host, good[i].host);
        T_EQ(url.tls, good[i].tls);
        T_EQ(url.port, good[i].port);
        bench_url_authority(&url, authority);
        T_STR_EQ(authority, good[i].authority);
        bench_url_text(&url, origin);
        T_STR_EQ(origin, good[i].origin);
    }
}

T_TEST(bad_ones)
{
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct bench_url url;
        if (bench_url_parse(&url, bad[i]) == 0)
            printf("    taken: \"%s\"\n", bad[i]);
        T_EQ(bench_url_parse(&url, bad[i]), BASE_ERR_INVALID);
        T_EQ(url.port, 0);
        T_STR_EQ(url.host, "");
    }
}

T_TEST(a_host_has_its_limit)
{
    struct bench_url url;
    char text[400] = "https://", authority[BENCH_URL_AUTHORITY_MAX], origin[BENCH_URL_TEXT_MAX];
    memset(text + 8, 'a', 255);
    memcpy(text + 8 + 255, ":65535", 7);
    T_EQ(bench_url_parse(&url, text), 0);
    T_EQ(strlen(url.host), 255);
    bench_url_authority(&url, authority);
    T_EQ(strlen(authority), 261);
    bench_url_text(&url, origin);
    T_STR_EQ(origin, text);
    memset(text + 8, 'a', 256);
    text[8 + 256] = 0;
    T_EQ(bench_url_parse(&url, text), BASE_ERR_INVALID);
}

T_MAIN(T_CASE(good_ones), T_CASE(bad_ones), T_CASE(a_host_has_its_limit))
