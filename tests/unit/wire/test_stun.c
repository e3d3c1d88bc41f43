/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/wire/stun.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/random.h"
#include "tests/support/prefixes.h"
#include "tests/support/test.h"

/* RFC 5769 section 2: short-term credentials, user "evtj:h6vY". */
static const char password[] = "VOkJxbRl1RmTxUk/WvJxBt";

static const uint8_t rfc5769_request[] = {
    0x00, 0x01, 0x00, 0x58, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87,
    0xdf, 0xae, 0x80, 0x22, 0x00, 0x10, 0x53, 0x54, 0x55, 0x4e, 0x20, 0x74, 0x65, 0x73, 0x74, 0x20, 0x63, 0x6c,
    0x69, 0x65, 0x6e, 0x74, 0x00, 0x24, 0x00, 0x04, 0x6e, 0x00, 0x01, 0xff, 0x80, 0x29, 0x00, 0x08, 0x93, 0x2f,
    0xf9, 0xb1, 0x51, 0x26, 0x3b, 0x36, 0x00, 0x06, 0x00, 0x09, 0x65, 0x76, 0x74, 0x6a, 0x3a, 0x68, 0x36, 0x76,
    0x59, 0x20, 0x20, 0x20, 0x00, 0x08, 0x00, 0x14, 0x9a, 0xea, 0xa7, 0x0c, 0xbf, 0xd8, 0xcb, 0x56, 0x78, 0x1e,
    0xf2, 0xb5, 0xb2, 0xd3, 0xf2, 0x49, 0xc1, 0xb5, 0x71, 0xa2, 0x80, 0x28, 0x00, 0x04, 0xe5, 0x7a, 0x3b, 0xcf,
};

static const uint8_t rfc5769_response_v4[] = {
    0x01, 0x01, 0x00, 0x3c, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86,
    0xfa, 0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x0b, 0x74, 0x65, 0x73, 0x74, 0x20, 0x76, 0x65, 0x63,
    0x74, 0x6f, 0x72, 0x20, 0x00, 0x20, 0x00, 0x08, 0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43,
    0x00, 0x08, 0x00, 0x14, 0x2b, 0x91, 0xf5, 0x99, 0xfd, 0x9e, 0x90, 0xc3, 0x8c, 0x74, 0x89, 0xf9,
    0x2a, 0xf9, 0xba, 0x53, 0xf0, 0x6b, 0xe7, 0xd7, 0x80, 0x28, 0x00, 0x04, 0xc0, 0x7d, 0x4c, 0x96,
};

static const uint8_t rfc5769_response_v6[] = {
    0x01, 0x01, 0x00, 0x48, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf,
    0xae, 0x80, 0x22, 0x00, 0x0b, 0x74, 0x65, 0x73, 0x74, 0x20, 0x76, 0x65, 0x63, 0x74, 0x6f, 0x72, 0x20, 0x00, 0x20,
    0x00, 0x14, 0x00, 0x02, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79, 0xbc, 0x25, 0xf4, 0xb5, 0xbe,
    0xd2, 0xb9, 0xd9, 0x00, 0x08, 0x00, 0x14, 0xa3, 0x82, 0x95, 0x4e, 0x4b, 0xe6, 0x7b, 0xf1, 0x17, 0x84, 0xc9, 0x7c,
    0x82, 0x92, 0xc2, 0x75, 0xbf, 0xe3, 0xed, 0x41, 0x80, 0x28, 0x00, 0x04, 0xc8, 0xfb, 0x0b, 0x4c,
};

/* ---- a plain writer, to say things that libnice would not ---- */

struct raw {
    uint8_t bytes[512];
    size_t len;
};

static uint32_t crc32_of(const uint8_t *p, size_t len)
{
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t i = 0; i < len; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    }
    return ~crc;
}

static void raw_begin(struct raw *raw, uint16_t type)
{
    memset(raw, 0, sizeof *raw);
    base_put_be16(raw->bytes, type);
    base_put_be32(raw->bytes + 4, 0x2112A442u);
    memcpy(raw->bytes + 8, "transaction!", 12);
    raw->len = 20;
}

static void raw_add(struct raw *raw, uint16_t type, const void *data, size_t len)
{
    base_put_be16(raw->bytes + raw->len, type);
    base_put_be16(raw->bytes + raw->len + 2, (uint16_t)len);
    if (len > 0)
        memcpy(raw->bytes + raw->len + 4, data, len);
    raw->len += 4 + ((len + 3) & ~(size_t)3);
    base_put_be16(raw->bytes + 2, (uint16_t)(raw->len - 20));
}

static void raw_fingerprint(struct raw *raw)
{
    uint8_t value[4] = {0};
    raw_add(raw, 0x8028, value, 4);
    base_put_be32(raw->bytes + raw->len - 4, crc32_of(raw->bytes, raw->len - 8) ^ 0x5354554Eu);
}

static struct sfu_stun_request example(void)
{
    struct sfu_stun_request request = {
        .username = "srvu:cliu",
        .password = "a-password-of-24-characters",
        .priority = 0x6e7f1eff,
        .tie_breaker = 0x0123456789abcdefu,
        .controlling = true,
        .use_candidate = true,
    };
    memcpy(request.transaction_id, "0123456789ab", 12);
    return request;
}

T_TEST(rfc5769_request_is_read_and_accepted)
{
    struct sfu_stun_peek peek;
    T_EQ(sfu_stun_peek(rfc5769_request, sizeof rfc5769_request, &peek), 0);
    T_EQ(peek.message_class, SFU_STUN_REQUEST);
    T_EQ(peek.method, 1);
    T_MEM_EQ(peek.transaction_id, rfc5769_request + 8, 12);
    T_EQ(peek.local_ufrag_len, 4);
    T_MEM_EQ(peek.local_ufrag, "evtj", 4);
    T_EQ(peek.remote_ufrag_len, 4);
    T_MEM_EQ(peek.remote_ufrag, "h6vY", 4);

    struct sfu_stun_check check;
    T_EQ(sfu_stun_check_request(rfc5769_request, sizeof rfc5769_request, password, &check), 0);
    T_EQ(check.priority, 0x6e0001ff);
    T_CHECK(!check.controlling && !check.use_candidate);
    T_CHECK(check.tie_breaker == 0x932ff9b151263b36u);
    T_EQ(sfu_stun_check_request(rfc5769_request, sizeof rfc5769_request, "VOkJxbRl1RmTxUk/WvJxBu", &check),
         BASE_ERR_AUTH);
}

T_TEST(rfc5769_ipv4_response_is_accepted)
{
    struct sockaddr_storage mapped;
    int code = -1;
    T_EQ(sfu_stun_check_response(rfc5769_response_v4, sizeof rfc5769_response_v4, password, &mapped, &code), 0);
    struct sockaddr_in four;
    memcpy(&four, &mapped, sizeof four);
    T_EQ(four.sin_family, AF_INET);
    T_EQ(ntohs(four.sin_port), 32853);
    T_EQ(ntohl(four.sin_addr.s_addr), 0xC0000201u);
    T_EQ(sfu_stun_check_response(rfc5769_response_v4, sizeof rfc5769_response_v4, "wrong", &mapped, &code),
         BASE_ERR_AUTH);
}

T_TEST(rfc5769_ipv6_response_is_accepted)
{
    struct sockaddr_storage mapped;
    int code = -1;
    T_EQ(sfu_stun_check_response(rfc5769_response_v6, sizeof rfc5769_response_v6, password, &mapped, &code), 0);
    struct sockaddr_in6 six;
    memcpy(&six, &mapped, sizeof six);
    T_EQ(six.sin6_family, AF_INET6);
    T_EQ(ntohs(six.sin6_port), 32853);
    char text[64];
    T_STR_EQ(inet_ntop(AF_INET6, &six.sin6_addr, text, sizeof text), "2001:db8:1234:5678:11:2233:4455:6677");
}

T_TEST(every_changed_byte_is_noticed)
{
    uint8_t copy[sizeof rfc5769_request];
    struct sfu_stun_check check;
    for (size_t i = 0; i < sizeof copy; i++) {
        memcpy(copy, rfc5769_request, sizeof copy);
        copy[i] ^= 0x01;
        T_CHECK(sfu_stun_check_request(copy, sizeof copy, password, &check) < 0);
    }
}

static int visit_all(const uint8_t *copy, size_t n, void *context)
{
    struct sfu_stun_peek peek;
    struct sfu_stun_check check;
    struct sockaddr_storage mapped;
    struct sockaddr_in from = {.sin_family = AF_INET};
    uint8_t out[SFU_STUN_MESSAGE_MAX_BYTES];
    int code;
    (void)context;
    sfu_stun_check_request(copy, n, password, &check);
    sfu_stun_check_response(copy, n, password, &mapped, &code);
    sfu_stun_write_response(out, copy, n, password, (const struct sockaddr *)&from);
    sfu_stun_write_error(out, copy, n, password, 420);
    return sfu_stun_peek(copy, n, &peek);
}

T_TEST(every_prefix_is_refused)
{
    T_EQ(t_each_prefix(rfc5769_request, sizeof rfc5769_request, visit_all, NULL), 1);
    T_EQ(t_each_prefix(rfc5769_response_v4, sizeof rfc5769_response_v4, visit_all, NULL), 1);
    T_EQ(t_each_prefix(rfc5769_response_v6, sizeof rfc5769_response_v6, visit_all, NULL), 1);
}

T_TEST(peek_refuses_bad_framing)
{
    struct sfu_stun_peek peek;
    uint8_t copy[sizeof rfc5769_request + 4];
    memset(copy, 0, sizeof copy);
    memcpy(copy, rfc5769_request, sizeof rfc5769_request);
    T_EQ(sfu_stun_peek(copy, sizeof copy, &peek), BASE_ERR_MALFORMED); /* longer than it says */
    copy[0] = 0x40;
    T_EQ(sfu_stun_peek(copy, sizeof rfc5769_request, &peek), BASE_ERR_MALFORMED);
    copy[0] = 0;
    copy[4] ^= 1;
    T_EQ(sfu_stun_peek(copy, sizeof rfc5769_request, &peek), BASE_ERR_MALFORMED);
    copy[4] ^= 1;
    base_put_be16(copy + 22, 0xFFFF); /* the first attribute runs past the end */
    T_EQ(sfu_stun_peek(copy, sizeof rfc5769_request, &peek), BASE_ERR_MALFORMED);
    T_EQ(sfu_stun_peek(copy, 12, &peek), BASE_ERR_TRUNCATED);
}

T_TEST(peek_reads_classes_methods_and_odd_user_names)
{
    struct sfu_stun_peek peek;
    struct raw raw;
    raw_begin(&raw, 0x0011);
    T_EQ(sfu_stun_peek(raw.bytes, raw.len, &peek), 0);
    T_EQ(peek.message_class, SFU_STUN_INDICATION);
    T_EQ(peek.local_ufrag_len, 0);
    T_STR_EQ(peek.local_ufrag, "");
    raw_begin(&raw, 0x0111);
    T_EQ(sfu_stun_peek(raw.bytes, raw.len, &peek), 0);
    T_EQ(peek.message_class, SFU_STUN_ERROR);
    raw_begin(&raw, 0x3EEF); /* every method bit, class 0 */
    T_EQ(sfu_stun_peek(raw.bytes, raw.len, &peek), 0);
    T_EQ(peek.message_class, SFU_STUN_REQUEST);
    T_EQ(peek.method, 0xFFF);
    raw_begin(&raw, 0x0001);
    raw_add(&raw, 0x0006, "nocolon", 7);
    raw_add(&raw, 0x0006, "second:one", 10);
    T_EQ(sfu_stun_peek(raw.bytes, raw.len, &peek), 0);
    T_EQ(peek.local_ufrag_len, 7);
    T_EQ(peek.remote_ufrag_len, 0);
    raw_begin(&raw, 0x0001);
    raw_add(&raw, 0x0008, "01234567890123456789", 20);
    raw_add(&raw, 0x0006, "behind:integrity", 16);
    T_EQ(sfu_stun_peek(raw.bytes, raw.len, &peek), 0);
    T_EQ(peek.local_ufrag_len, 0);
}

T_TEST(short_integrity_and_misplaced_fingerprint_are_malformed)
{
    struct sfu_stun_check check;
    struct sockaddr_storage mapped;
    int code;
    for (size_t integrity = 0; integrity <= 24; integrity += 4) {
        struct raw raw;
        raw_begin(&raw, 0x0001);
        raw_add(&raw, 0x0006, "a:b", 3);
        raw_add(&raw, 0x0008, "0123456789012345678901234567", integrity);
        raw_fingerprint(&raw);
        uint8_t *exact = malloc(raw.len);
        memcpy(exact, raw.bytes, raw.len);
        int err = sfu_stun_check_request(exact, raw.len, password, &check);
        exact[0] = 0x01; /* as a response: the fingerprint is wrong now, sizes are looked at first */
        int err_response = sfu_stun_check_response(exact, raw.len, password, &mapped, &code);
        free(exact);
        T_EQ(err, integrity == 20 ? BASE_ERR_AUTH : BASE_ERR_MALFORMED);
        T_EQ(err_response, BASE_ERR_MALFORMED);
    }
    struct raw raw;
    raw_begin(&raw, 0x0001);
    raw_add(&raw, 0x0006, "a:b", 3);
    raw_fingerprint(&raw);
    raw_add(&raw, 0x0008, "01234567890123456789", 20);
    T_EQ(sfu_stun_check_request(raw.bytes, raw.len, password, &check), BASE_ERR_MALFORMED);
}

T_TEST(our_request_passes_our_check)
{
    uint8_t out[SFU_STUN_MESSAGE_MAX_BYTES];
    struct sfu_stun_request request = example();
    for (int i = 0; i < 8; i++) {
        struct sfu_stun_check check;
        request.controlling = (i & 1) != 0;
        request.use_candidate = (i & 2) != 0;
        request.priority = (i & 4) ? 0xFFFFFFFFu : 1;
        size_t len = sfu_stun_write_request(out, &request);
        T_CHECK(len > 0);
        T_MEM_EQ(out + 8, request.transaction_id, 12);
        T_EQ(sfu_stun_check_request(out, len, request.password, &check), 0);
        T_EQ(check.controlling, request.controlling);
        T_EQ(check.use_candidate, request.use_candidate);
        T_EQ(check.priority, request.priority);
        T_CHECK(check.tie_breaker == request.tie_breaker);
    }
}

T_TEST(thousands_of_messages_do_not_fill_a_table)
{
    uint8_t out[SFU_STUN_MESSAGE_MAX_BYTES];
    struct sfu_stun_request request = example();
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_port = htons(9)};
    for (uint32_t i = 0; i < 1000; i++) {
        base_put_be32(request.transaction_id, i);
        size_t len = sfu_stun_write_request(out, &request);
        T_CHECK(len > 0);
        uint8_t reply[SFU_STUN_MESSAGE_MAX_BYTES];
        T_CHECK(sfu_stun_write_response(reply, out, len, request.password, (struct sockaddr *)&from) > 0);
    }
}

T_TEST(responses_carry_the_address_that_the_peer_has)
{
    uint8_t out[SFU_STUN_MESSAGE_MAX_BYTES], reply[SFU_STUN_MESSAGE_MAX_BYTES];
    struct sfu_stun_request request = example();
    size_t len = sfu_stun_write_request(out, &request);
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(54321)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(54321)};
    struct sockaddr_in6 dual = six;
    inet_pton(AF_INET, "198.51.100.7", &four.sin_addr);
    inet_pton(AF_INET6, "2001:db8::7", &six.sin6_addr);
    inet_pton(AF_INET6, "::ffff:198.51.100.7", &dual.sin6_addr);
    const struct sockaddr *from[] = {(struct sockaddr *)&four, (struct sockaddr *)&six, (struct sockaddr *)&dual};
    for (int i = 0; i < 3; i++) {
        struct sockaddr_storage mapped;
        int code;
        size_t n = sfu_stun_write_response(reply, out, len, request.password, from[i]);
        T_CHECK(n > 0);
        T_MEM_EQ(reply + 8, request.transaction_id, 12);
        T_EQ(sfu_stun_check_response(reply, n, request.password, &mapped, &code), 0);
        T_EQ(mapped.ss_family, i == 1 ? AF_INET6 : AF_INET);
        if (i == 1)
            T_MEM_EQ((uint8_t *)&mapped + offsetof(struct sockaddr_in6, sin6_addr), &six.sin6_addr, 16);
        else
            T_MEM_EQ((uint8_t *)&mapped + offsetof(struct sockaddr_in, sin_addr), &four.sin_addr, 4);
    }
    struct sockaddr unix_address = {.sa_family = AF_UNIX};
    T_EQ(sfu_stun_write_response(reply, out, len, request.password, &unix_address), 0);
    T_EQ(sfu_stun_write_response(reply, reply, 20, request.password, from[0]), 0); /* not a request */
}

T_TEST(error_responses_are_understood)
{
    uint8_t out[SFU_STUN_MESSAGE_MAX_BYTES], reply[SFU_STUN_MESSAGE_MAX_BYTES];
    struct sfu_stun_request request = example();
    size_t len = sfu_stun_write_request(out, &request);
    static const int codes[] = {400, 401, 420, 487, 500};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        struct sockaddr_storage mapped;
        int code = 0;
        size_t n = sfu_stun_write_error(reply, out, len, request.password, codes[i]);
        T_CHECK(n > 0);
        T_EQ(sfu_stun_check_response(reply, n, request.password, &mapped, &code), BASE_ERR_NOT_ALLOWED);
        T_EQ(code, codes[i]);
        T_EQ(sfu_stun_write_error(reply, out, len, NULL, codes[i]) > 0, 1);
    }
    T_EQ(sfu_stun_write_error(reply, out, len, NULL, 99), 0);
}

/* A connectivity check with one more attribute, not yet sealed. */
static void with_attribute(struct raw *raw, uint16_t type, const void *data, size_t len)
{
    raw_begin(raw, 0x0001);
    raw_add(raw, 0x0006, "srvu:cliu", 9);
    raw_add(raw, type, data, len);
    raw_add(raw, 0x802A, "\1\2\3\4\5\6\7\10", 8);
    raw_add(raw, 0x0025, "", 0);
    raw_add(raw, 0x0024, "\x6e\x7f\x1e\xff", 4);
}

static void seal(struct raw *raw, const char *key)
{
    uint8_t mac[20];
    /* The length field counts MESSAGE-INTEGRITY while it is computed (RFC 8489 section 14.5). */
    base_put_be16(raw->bytes + 2, (uint16_t)(raw->len - 20 + 24));
    unsigned mac_len = sizeof mac; /* OpenSSL's: a second opinion on libnice's */
    HMAC(EVP_sha1(), key, (int)strlen(key), raw->bytes, raw->len, mac, &mac_len);
    raw_add(raw, 0x0008, mac, 20);
    raw_fingerprint(raw);
}

T_TEST(browser_attributes_pass_and_unknown_required_ones_do_not)
{
    static const struct {
        uint16_t type;
        size_t len;
        int expected;
    } cases[] = {
        {0xC057, 4, 0}, /* GOOG-NETWORK-INFO */
        {0xC05A, 2, 0}, /* GOOG-MISC-INFO: GOOG-PING support */
        {0xC059, 4, 0}, /* GOOG-LAST-ICE-CHECK-RECEIVED */
        {0xC001, 4, 0}, /* NOMINATION */
        {0x8022, 7, 0}, /* SOFTWARE */
        {0x0026, 4, BASE_ERR_UNSUPPORTED},
        {0x7FFF, 0, BASE_ERR_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct raw raw;
        struct sfu_stun_check check;
        with_attribute(&raw, cases[i].type, "abcdefgh", cases[i].len);
        seal(&raw, "pw");
        T_EQ(sfu_stun_check_request(raw.bytes, raw.len, "pw", &check), cases[i].expected);
        if (cases[i].expected == 0) {
            T_CHECK(check.controlling && check.use_candidate);
            T_CHECK(check.tie_breaker == 0x0102030405060708u);
            continue;
        }
        uint8_t reply[SFU_STUN_MESSAGE_MAX_BYTES];
        size_t n = sfu_stun_write_error(reply, raw.bytes, raw.len, "pw", 420);
        T_CHECK(n > 0);
        bool named = false; /* UNKNOWN-ATTRIBUTES with the type in it */
        for (size_t at = 20; at + 6 <= n; at += 4)
            named = named || (base_get_be16(reply + at) == 0x000A && base_get_be16(reply + at + 4) == cases[i].type);
        T_CHECK(named);
    }
}

T_TEST(missing_parts_are_malformed)
{
    struct sfu_stun_check check;
    struct raw raw;
    raw_begin(&raw, 0x0001);
    raw_fingerprint(&raw);
    T_EQ(sfu_stun_check_request(raw.bytes, raw.len, "pw", &check), BASE_ERR_MALFORMED);
    with_attribute(&raw, 0x8022, "x", 1);
    raw_fingerprint(&raw); /* no integrity */
    T_EQ(sfu_stun_check_request(raw.bytes, raw.len, "pw", &check), BASE_ERR_MALFORMED);
    raw_begin(&raw, 0x0011); /* an indication */
    raw_add(&raw, 0x0006, "srvu:cliu", 9);
    seal(&raw, "pw");
    T_EQ(sfu_stun_check_request(raw.bytes, raw.len, "pw", &check), BASE_ERR_MALFORMED);
    raw_begin(&raw, 0x0003); /* Allocate */
    raw_add(&raw, 0x0006, "srvu:cliu", 9);
    seal(&raw, "pw");
    T_EQ(sfu_stun_check_request(raw.bytes, raw.len, "pw", &check), BASE_ERR_MALFORMED);
}

T_TEST(random_bytes_behind_a_good_header_do_no_harm)
{
    uint64_t seed = 2;
    for (int round = 0; round < 20000; round++) {
        size_t len = 20 + 4 * (base_prng_next(&seed) % 12);
        uint8_t *copy = malloc(len);
        for (size_t i = 0; i < len; i++)
            copy[i] = (uint8_t)(base_prng_next(&seed) >> 56 & (i % 4 == 3 ? 0x1F : 0x83));
        base_put_be16(copy, round & 1 ? 0x0001 : 0x0101);
        base_put_be16(copy + 2, (uint16_t)(len - 20));
        base_put_be32(copy + 4, 0x2112A442u);
        int err = visit_all(copy, len, NULL);
        free(copy);
        T_CHECK(err == 0 || err == BASE_ERR_MALFORMED);
    }
}

T_MAIN(T_CASE(rfc5769_request_is_read_and_accepted), T_CASE(rfc5769_ipv4_response_is_accepted),
       T_CASE(rfc5769_ipv6_response_is_accepted), T_CASE(every_changed_byte_is_noticed),
       T_CASE(every_prefix_is_refused), T_CASE(peek_refuses_bad_framing),
       T_CASE(peek_reads_classes_methods_and_odd_user_names),
       T_CASE(short_integrity_and_misplaced_fingerprint_are_malformed), T_CASE(our_request_passes_our_check),
       T_CASE(thousands_of_messages_do_not_fill_a_table), T_CASE(responses_carry_the_address_that_the_peer_has),
       T_CASE(error_responses_are_understood), T_CASE(browser_attributes_pass_and_unknown_required_ones_do_not),
       T_CASE(missing_parts_are_malformed), T_CASE(random_bytes_behind_a_good_header_do_no_harm))
