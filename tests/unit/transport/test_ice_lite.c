/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "sfu/transport/ice_lite.h"
#include "tests/support/test.h"

#include <arpa/inet.h>
#include <stun/stunagent.h>

#define SECOND 1000000u

static const struct sfu_ice_credentials ours = {"abcdEFGH", "0123456789abcdefghijklmn"};
static const struct sfu_ice_credentials renewed = {"ijklMNOP", "nmlkjihgfedcba9876543210"};

static struct sfu_path path4(uint16_t port)
{
    struct sfu_path path = {0};
    path.remote.in4.sin_family = AF_INET;
    path.remote.in4.sin_addr.s_addr = htonl(0xc6336401);
    path.remote.in4.sin_port = htons(port);
    return path;
}

static uint8_t checks; /* each check has a transaction id of its own */

struct check {
    const char *username, *password;
    bool nominate, controlled;
    uint16_t port;
};

static size_t write_check(uint8_t *out, const struct check *check)
{
    struct sfu_stun_request request = {.username = check->username ? check->username : "abcdEFGH:peer",
                                       .password = check->password ? check->password : ours.pwd,
                                       .transaction_id = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, ++checks},
                                       .priority = 1845501695,
                                       .tie_breaker = 77,
                                       .controlling = !check->controlled,
                                       .use_candidate = check->nominate};
    return sfu_stun_write_request(out, &request);
}

static enum sfu_ice_result receive(struct sfu_ice_lite *ice, uint64_t now_us, struct check check,
                                   struct sfu_ice_output *out)
{
    uint8_t bytes[SFU_STUN_MESSAGE_MAX_BYTES];
    struct sfu_path path = path4(check.port);
    return sfu_ice_lite_on_stun(ice, now_us, &path, bytes, write_check(bytes, &check), out);
}

static bool is_selected(const struct sfu_ice_lite *ice, uint16_t port)
{
    struct sfu_path path = path4(port);
    return sfu_ice_lite_selected(ice) != NULL && sfu_path_equal(sfu_ice_lite_selected(ice), &path);
}

T_TEST(a_check_then_a_nomination)
{
    struct sfu_ice_lite ice;
    struct sfu_ice_output out;
    struct sockaddr_storage mapped;
    int code;
    sfu_ice_lite_init(&ice, &ours, "peer", 1000);
    T_EQ(receive(&ice, 2000, (struct check){.port = 10}, &out), SFU_ICE_PATH_ADDED);
    T_CHECK(out.path_is_new && !out.has_removed);
    T_EQ(sfu_stun_check_response(out.response, out.response_bytes, ours.pwd, &mapped, &code), 0);
    T_EQ(((struct sockaddr_in *)&mapped)->sin_port, htons(10));
    T_EQ(((struct sockaddr_in *)&mapped)->sin_addr.s_addr, htonl(0xc6336401));
    T_CHECK(sfu_ice_lite_selected(&ice) == NULL);
    T_EQ(receive(&ice, 3000, (struct check){.port = 10}, &out), SFU_ICE_ANSWERED);
    T_CHECK(!out.path_is_new && out.response_bytes > 0);
    T_EQ(receive(&ice, 4000, (struct check){.port = 10, .nominate = true}, &out), SFU_ICE_SELECTED);
    T_CHECK(!out.path_is_new && is_selected(&ice, 10));
    T_EQ(receive(&ice, 5000, (struct check){.port = 10, .nominate = true}, &out), SFU_ICE_ANSWERED);
    /* The address changes: a new path, nominated at once. A check on the old path does not bring it back. */
    T_EQ(receive(&ice, 6000, (struct check){.port = 11, .nominate = true}, &out), SFU_ICE_SELECTED);
    T_CHECK(out.path_is_new && is_selected(&ice, 11));
    T_EQ(receive(&ice, 7000, (struct check){.port = 10}, &out), SFU_ICE_ANSWERED);
    T_CHECK(is_selected(&ice, 11));
    T_EQ(ice.path_count, 2);
}

T_TEST(a_captured_check_changes_nothing)
{
    struct sfu_ice_lite ice;
    struct sfu_ice_output out;
    uint8_t captured[SFU_STUN_MESSAGE_MAX_BYTES];
    struct check nomination = {.port = 10, .nominate = true};
    struct sfu_path from = path4(10), elsewhere = path4(66);
    sfu_ice_lite_init(&ice, &ours, "peer", 0);
    size_t len = write_check(captured, &nomination);
    T_EQ(sfu_ice_lite_on_stun(&ice, SECOND, &from, captured, len, &out), SFU_ICE_SELECTED);
    /* from elsewhere: not even an answer */
    T_EQ(sfu_ice_lite_on_stun(&ice, SECOND, &elsewhere, captured, len, &out), SFU_ICE_DROPPED);
    T_EQ(out.response_bytes, 0);
    T_CHECK(is_selected(&ice, 10) && ice.path_count == 1);
    /* an honest retransmission is answered; it does not bring the path back, nor prolong consent */
    T_EQ(receive(&ice, 2 * SECOND, (struct check){.port = 11, .nominate = true}, &out), SFU_ICE_SELECTED);
    T_EQ(sfu_ice_lite_on_stun(&ice, 3 * SECOND, &from, captured, len, &out), SFU_ICE_ANSWERED);
    T_CHECK(out.response_bytes > 0 && is_selected(&ice, 11));
    T_EQ(sfu_ice_lite_deadline_us(&ice), 2 * SECOND + SFU_ICE_CONSENT_US);
    /* remembered as long as SFU_ICE_SEEN_MAX checks, also when the ring has gone round */
    for (int i = 0; i < 3 * SFU_ICE_SEEN_MAX; i++) {
        len = write_check(captured, &nomination);
        sfu_ice_lite_on_stun(&ice, 4 * SECOND, &from, captured, len, &out);
        for (int n = 0; n < SFU_ICE_SEEN_MAX - 1; n++)
            receive(&ice, 4 * SECOND, (struct check){.port = 11}, &out);
        T_EQ(sfu_ice_lite_on_stun(&ice, 4 * SECOND, &elsewhere, captured, len, &out), SFU_ICE_DROPPED);
    }
}

T_TEST(strangers_get_no_answer)
{
    static const struct check strangers[] = {
        {.password = "0123456789abcdefghijklmX", .nominate = true},
        {.username = "abcdEFGX:peer", .nominate = true},
        {.username = "abcdEFG:peer", .nominate = true},
        {.username = "abcdEFGH:other", .nominate = true},
        {.username = "abcdEFGH", .nominate = true},
        {.username = ":peer", .nominate = true},
        {.username = "ijklMNOP:peer", .password = "nmlkjihgfedcba9876543210"},
    };
    struct sfu_ice_lite ice;
    struct sfu_ice_output out;
    sfu_ice_lite_init(&ice, &ours, "peer", 0);
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
        T_EQ(receive(&ice, SECOND, strangers[i], &out), SFU_ICE_DROPPED);
        T_EQ(out.response_bytes, 0);
        T_CHECK(!out.path_is_new && !out.has_removed);
    }
    T_EQ(ice.path_count, 0);
    T_EQ(sfu_ice_lite_deadline_us(&ice), SFU_ICE_CONSENT_US);
    /* As long as the peer's ufrag is not known, any will do. */
    sfu_ice_lite_init(&ice, &ours, "", 0);
    T_EQ(receive(&ice, SECOND, (struct check){.username = "abcdEFGH:other"}, &out), SFU_ICE_PATH_ADDED);
}

T_TEST(tampered_and_truncated_checks_are_dropped)
{
    struct sfu_ice_lite ice;
    struct sfu_ice_output out;
    uint8_t bytes[SFU_STUN_MESSAGE_MAX_BYTES], bad[SFU_STUN_MESSAGE_MAX_BYTES];
    struct sfu_path path = path4(1);
    sfu_ice_lite_init(&ice, &ours, "peer", 0);
    size_t len = write_check(bytes, &(struct check){.nominate = true});
    for (size_t i = 0; i < len; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            memcpy(bad, bytes, len);
            bad[i] ^= (uint8_t)(1u << bit);
            T_EQ(sfu_ice_lite_on_stun(&ice, 1, &path, bad, len, &out), SFU_ICE_DROPPED);
        }
    }
    for (size_t cut = 0; cut < len; cut++)
        T_EQ(sfu_ice_lite_on_stun(&ice, 1, &path, bytes, cut, &out), SFU_ICE_DROPPED);
    T_EQ(ice.path_count, 0);
    T_EQ(sfu_ice_lite_on_stun(&ice, 1, &path, bytes, len, &out), SFU_ICE_SELECTED);
    /* Our own answer, sent back to us, is no request. */
    memcpy(bad, out.response, out.response_bytes);
    T_EQ(sfu_ice_lite_on_stun(&ice, 1, &path, bad, out.response_bytes, &out), SFU_ICE_DROPPED);
}

T_TEST(a_controlled_peer_is_told_to_switch)
{
    struct sfu_ice_lite ice;
    struct sfu_ice_output out;
    struct sockaddr_storage mapped;
    int code = 0;
    sfu_ice_lite_init(&ice, &ours, "peer", 0);
    T_EQ(receive(&ice, SECOND, (struct check){.port = 1, .controlled = true, .nominate = true}, &out),
         SFU_ICE_ANSWERED);
    T_EQ(sfu_stun_check_response(out.response, out.response_bytes, ours.pwd, &mapped, &code), BASE_ERR_NOT_ALLOWED);
    T_EQ(code, 487);
    T_EQ(ice.path_count, 0);
    T_EQ(sfu_ice_lite_deadline_us(&ice), SFU_ICE_CONSENT_US);
}

T_TEST(an_unknown_required_attribute_is_answered_420)
{
    struct sfu_ice_lite ice;
    struct sfu_ice_output out;
    struct sockaddr_storage mapped;
    uint8_t bytes[SFU_STUN_MESSAGE_MAX_BYTES];
    static uint16_t known[] = {0};
    int code = 0;
    StunAgent agent;
    StunMessage message;
    stun_agent_init(&agent, known, STUN_COMPATIBILITY_RFC5389,
                    STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS | STUN_AGENT_USAGE_USE_FINGERPRINT);
    stun_agent_init_request(&agent, &message, bytes, sizeof bytes, STUN_BINDING);
    stun_message_append32(&message, (StunAttribute)0x0033, 1);
    stun_message_append64(&message, STUN_ATTRIBUTE_ICE_CONTROLLING, 1);
    stun_message_append_bytes(&message, STUN_ATTRIBUTE_USERNAME, "abcdEFGH:peer", 13);
    size_t len = stun_agent_finish_message(&agent, &message, (const uint8_t *)ours.pwd, strlen(ours.pwd));
    T_CHECK(len > 0);
    struct sfu_path path = path4(1);
    sfu_ice_lite_init(&ice, &ours, "peer", 0);
    T_EQ(sfu_ice_lite_on_stun(&ice, SECOND, &path, bytes, len, &out), SFU_ICE_ANSWERED);
    T_EQ(sfu_stun_check_response(out.response, out.response_bytes, ours.pwd, &mapped, &code), BASE_ERR_NOT_ALLOWED);
    T_EQ(code, 420);
    T_EQ(ice.path_count, 0);
}

T_TEST(the_path_unused_longest_makes_room)
{
    struct sfu_ice_lite ice;
    struct sfu_ice_output out;
    sfu_ice_lite_init(&ice, &ours, "peer", 0);
    T_EQ(receive(&ice, 1, (struct check){.port = 100, .nominate = true}, &out), SFU_ICE_SELECTED);
    for (uint16_t i = 1; i < SFU_ICE_PATHS_MAX; i++) {
        T_EQ(receive(&ice, 1u + i, (struct check){.port = (uint16_t)(100 + i)}, &out), SFU_ICE_PATH_ADDED);
        T_CHECK(!out.has_removed);
    }
    T_EQ(receive(&ice, 50, (struct check){.port = 101}, &out), SFU_ICE_ANSWERED); /* so that 102 is the oldest */
    T_EQ(receive(&ice, 60, (struct check){.port = 200}, &out), SFU_ICE_PATH_ADDED);
    struct sfu_path gone = path4(102);
    T_CHECK(out.has_removed && sfu_path_equal(&out.removed, &gone));
    T_CHECK(is_selected(&ice, 100)); /* the very oldest, but selected */
    T_EQ(ice.path_count, SFU_ICE_PATHS_MAX);
    for (uint16_t i = 0; i < 50; i++) {
        T_EQ(receive(&ice, 100u + i, (struct check){.port = (uint16_t)(300 + i)}, &out), SFU_ICE_PATH_ADDED);
        T_CHECK(out.has_removed && is_selected(&ice, 100));
    }
}

T_TEST(closing_paths_keeps_the_selection_right)
{
    struct sfu_ice_lite ice;
    struct sfu_ice_output out;
    sfu_ice_lite_init(&ice, &ours, "peer", 0);
    for (uint16_t port = 1; port <= 3; port++)
        receive(&ice, port, (struct check){.port = port, .nominate = port == 3}, &out);
    struct sfu_path first = path4(1), second = path4(2), third = path4(3), never = path4(4);
    T_CHECK(!sfu_ice_lite_on_path_closed(&ice, &never));
    T_CHECK(!sfu_ice_lite_on_path_closed(&ice, &first)); /* the last entry moves into its place */
    T_CHECK(is_selected(&ice, 3));
    T_CHECK(sfu_ice_lite_on_path_closed(&ice, &third));
    T_CHECK(sfu_ice_lite_selected(&ice) == NULL);
    T_CHECK(!sfu_ice_lite_on_path_closed(&ice, &second));
    T_EQ(ice.path_count, 0);
    T_EQ(receive(&ice, 9, (struct check){.port = 5, .nominate = true}, &out), SFU_ICE_SELECTED);
}

T_TEST(a_restart_keeps_the_selected_path)
{
    struct sfu_ice_lite ice;
    struct sfu_ice_output out;
    const struct check old = {.port = 1, .nominate = true};
    struct check fresh = {.username = "ijklMNOP:peer2", .password = renewed.pwd, .port = 2};
    sfu_ice_lite_init(&ice, &ours, "peer", 0);
    receive(&ice, 1, old, &out);
    sfu_ice_lite_restart(&ice, &renewed, "peer2", 2);
    T_CHECK(is_selected(&ice, 1));
    T_EQ(receive(&ice, 3 * SECOND, old, &out), SFU_ICE_ANSWERED); /* consent goes on under the old credentials */
    T_EQ(sfu_ice_lite_deadline_us(&ice), 3 * SECOND + SFU_ICE_CONSENT_US);
    T_EQ(receive(&ice, 4 * SECOND, fresh, &out), SFU_ICE_PATH_ADDED);
    T_CHECK(is_selected(&ice, 1));
    T_EQ(receive(&ice, 5 * SECOND, old, &out), SFU_ICE_ANSWERED);
    fresh.nominate = true;
    T_EQ(receive(&ice, 6 * SECOND, fresh, &out), SFU_ICE_SELECTED);
    T_CHECK(is_selected(&ice, 2));
    T_EQ(receive(&ice, 7 * SECOND, old, &out), SFU_ICE_DROPPED); /* now they are void */
    /* Nominating the path selected already ends the old credentials, too. */
    sfu_ice_lite_restart(&ice, &ours, "", 8 * SECOND);
    T_EQ(receive(&ice, 9 * SECOND, (struct check){.port = 2, .nominate = true}, &out), SFU_ICE_ANSWERED);
    T_EQ(receive(&ice, 9 * SECOND, fresh, &out), SFU_ICE_DROPPED);
    T_CHECK(is_selected(&ice, 2));
}

T_TEST(consent_expires)
{
    struct sfu_ice_lite ice;
    struct sfu_ice_output out;
    sfu_ice_lite_init(&ice, &ours, "peer", 5);
    T_EQ(sfu_ice_lite_deadline_us(&ice), 5 + SFU_ICE_CONSENT_US);
    receive(&ice, SECOND, (struct check){.port = 1, .nominate = true}, &out);
    uint64_t deadline_us = SECOND + SFU_ICE_CONSENT_US;
    T_EQ(sfu_ice_lite_deadline_us(&ice), deadline_us);
    T_CHECK(!sfu_ice_lite_expired(&ice, deadline_us - 1));
    T_CHECK(sfu_ice_lite_expired(&ice, deadline_us));
    T_CHECK(is_selected(&ice, 1));
    /* A restart does not renew consent, and the path has to be nominated again. */
    sfu_ice_lite_restart(&ice, &renewed, "peer", deadline_us + 1);
    T_CHECK(sfu_ice_lite_expired(&ice, deadline_us + 1));
    T_CHECK(sfu_ice_lite_selected(&ice) == NULL);
    struct check fresh = {.username = "ijklMNOP:peer", .password = renewed.pwd, .port = 1, .nominate = true};
    T_EQ(receive(&ice, deadline_us + 2, fresh, &out), SFU_ICE_SELECTED);
    T_CHECK(!sfu_ice_lite_expired(&ice, deadline_us + 2));
}

T_TEST(over_ipv6)
{
    struct sfu_ice_lite ice;
    struct sfu_ice_output out;
    struct sockaddr_storage mapped;
    uint8_t bytes[SFU_STUN_MESSAGE_MAX_BYTES];
    struct sfu_path path = {0};
    int code;
    path.remote.in6.sin6_family = AF_INET6;
    path.remote.in6.sin6_port = htons(4242);
    T_EQ(inet_pton(AF_INET6, "2001:db8::17", &path.remote.in6.sin6_addr), 1);
    sfu_ice_lite_init(&ice, &ours, "peer", 0);
    size_t len = write_check(bytes, &(struct check){.nominate = true});
    T_EQ(sfu_ice_lite_on_stun(&ice, 1, &path, bytes, len, &out), SFU_ICE_SELECTED);
    T_CHECK(out.path_is_new && sfu_path_equal(sfu_ice_lite_selected(&ice), &path));
    T_EQ(sfu_stun_check_response(out.response, out.response_bytes, ours.pwd, &mapped, &code), 0);
    T_EQ(mapped.ss_family, AF_INET6);
    T_MEM_EQ(&((struct sockaddr_in6 *)&mapped)->sin6_addr, &path.remote.in6.sin6_addr, 16);
    T_EQ(((struct sockaddr_in6 *)&mapped)->sin6_port, htons(4242));
}

T_TEST(a_selected_path_that_fell_silent_gives_way_to_one_that_is_checked)
{
    struct sfu_ice_lite ice;
    struct sfu_ice_output out;
    uint64_t now_us = SECOND;
    sfu_ice_lite_init(&ice, &ours, "peer", now_us);
    T_EQ(receive(&ice, now_us, (struct check){.port = 10}, &out), SFU_ICE_PATH_ADDED);
    T_CHECK(sfu_ice_lite_selected(&ice) == NULL); /* only a nomination selects at first, however late */
    now_us += 20 * SECOND;
    T_EQ(receive(&ice, now_us, (struct check){.port = 11}, &out), SFU_ICE_PATH_ADDED);
    T_CHECK(sfu_ice_lite_selected(&ice) == NULL);
    T_EQ(receive(&ice, now_us, (struct check){.port = 10, .nominate = true}, &out), SFU_ICE_SELECTED);
    T_EQ(receive(&ice, now_us + SFU_ICE_PATH_SILENT_US - 1, (struct check){.port = 12}, &out), SFU_ICE_PATH_ADDED);
    T_CHECK(is_selected(&ice, 10));
    T_EQ(receive(&ice, now_us + SFU_ICE_PATH_SILENT_US, (struct check){.port = 12}, &out), SFU_ICE_SELECTED);
    T_CHECK(is_selected(&ice, 12));
}

T_MAIN(T_CASE(a_selected_path_that_fell_silent_gives_way_to_one_that_is_checked), T_CASE(a_check_then_a_nomination),
       T_CASE(a_captured_check_changes_nothing), T_CASE(strangers_get_no_answer),
       T_CASE(tampered_and_truncated_checks_are_dropped), T_CASE(a_controlled_peer_is_told_to_switch),
       T_CASE(an_unknown_required_attribute_is_answered_420), T_CASE(the_path_unused_longest_makes_room),
       T_CASE(closing_paths_keeps_the_selection_right), T_CASE(a_restart_keeps_the_selected_path),
       T_CASE(consent_expires), T_CASE(over_ipv6))
