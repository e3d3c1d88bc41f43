/* SPDX-License-Identifier: Apache-2.0 */
/* The client's ICE against a full server: whose checks it answers, and how. */
#include "bench/client/ice_control.h"
#include "base/err.h"
#include "sfu/io/address.h"
#include "sfu/wire/stun.h"
#include "tests/support/test.h"

static const struct sfu_ice_credentials ours = {.ufrag = "ours", .pwd = "oursoursoursoursoursours"};
static const struct sfu_ice_credentials theirs = {.ufrag = "them", .pwd = "themthemthemthemthemthem"};

static void begin(int *t_failed, struct bench_ice *ice, struct sfu_path *path)
{
    bench_ice_init(ice, &ours, 1);
    memset(path, 0, sizeof *path);
    T_EQ(sfu_address_parse(&path->remote, "192.0.2.1", 4000), 0);
    T_EQ(sfu_address_parse(&path->local, "192.0.2.2", 5000), 0);
    T_EQ(bench_ice_add_pair(ice, path, 1, 0), 0);
}

static size_t check(uint8_t *out, const char *username, const char *password, bool controlling)
{
    const struct sfu_stun_request request = {.username = username,
                                             .password = password,
                                             .transaction_id = {1, 2, 3},
                                             .priority = 1,
                                             .tie_breaker = UINT64_C(0x7FFFFFFFFFFFFFFF),
                                             .controlling = controlling};
    return sfu_stun_write_request(out, &request);
}

T_TEST(a_good_check_is_answered_and_begins_ours)
{
    struct bench_ice ice;
    struct sfu_path path;
    uint8_t request[SFU_STUN_MESSAGE_MAX_BYTES], out[SFU_STUN_MESSAGE_MAX_BYTES];
    T_CALL(begin(t_failed, &ice, &path));
    bench_ice_start(&ice, NULL, &theirs, 1000);
    struct sfu_path checked;
    T_CHECK(bench_ice_poll(&ice, 1000, out, &checked) != 0);
    T_EQ(bench_ice_poll(&ice, 2000, out, &checked), 0); /* not due */
    size_t len = check(request, "ours:them", ours.pwd, false);
    size_t answer = bench_ice_answer(&ice, 2000, &path, request, len, out);
    T_CHECK(answer != 0);
    struct sockaddr_storage mapped;
    int code = 0;
    T_EQ(sfu_stun_check_response(out, answer, ours.pwd, &mapped, &code), 0);
    T_EQ(((const struct sockaddr_in *)&mapped)->sin_port, path.remote.in4.sin_port);
    T_EQ(ice.requests, 1);
    T_CHECK(bench_ice_poll(&ice, 2000, out, &checked) != 0); /* triggered */
}

T_TEST(who_wants_to_control_is_told_that_we_do)
{
    struct bench_ice ice;
    struct sfu_path path;
    uint8_t request[SFU_STUN_MESSAGE_MAX_BYTES], out[SFU_STUN_MESSAGE_MAX_BYTES];
    T_CALL(begin(t_failed, &ice, &path));
    T_CHECK(ice.tie_breaker > UINT64_C(0x7FFFFFFFFFFFFFFF));
    size_t answer = bench_ice_answer(&ice, 0, &path, request, check(request, "ours:them", ours.pwd, true), out);
    struct sockaddr_storage mapped;
    int code = 0;
    T_EQ(sfu_stun_check_response(out, answer, ours.pwd, &mapped, &code), BASE_ERR_NOT_ALLOWED);
    T_EQ(code, 487);
}

T_TEST(strangers_are_not_answered)
{
    struct bench_ice ice;
    struct sfu_path path;
    uint8_t request[SFU_STUN_MESSAGE_MAX_BYTES], out[SFU_STUN_MESSAGE_MAX_BYTES];
    T_CALL(begin(t_failed, &ice, &path));
    T_EQ(bench_ice_answer(&ice, 0, &path, request, check(request, "our:them", ours.pwd, false), out), 0);
    T_EQ(bench_ice_answer(&ice, 0, &path, request, check(request, "ours2:them", ours.pwd, false), out), 0);
    T_EQ(bench_ice_answer(&ice, 0, &path, request, check(request, "ours:them", theirs.pwd, false), out), 0);
    T_EQ(ice.requests_bad, 3);
    size_t len = check(request, "ours:them", ours.pwd, false);
    for (size_t cut = 0; cut < len; cut++)
        T_EQ(bench_ice_answer(&ice, 0, &path, request, cut, out), 0);
    T_EQ(ice.requests, 0);
}

T_MAIN(T_CASE(a_good_check_is_answered_and_begins_ours), T_CASE(who_wants_to_control_is_told_that_we_do),
       T_CASE(strangers_are_not_answered))
