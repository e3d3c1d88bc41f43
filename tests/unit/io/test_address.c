/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/io/address.h"

#include <string.h>

#include "base/err.h"
#include "tests/support/test.h"

static void text_round_trip(int *t_failed, const char *text, const char *expected, sa_family_t family)
{
    union sfu_address address;
    char out[SFU_ADDRESS_TEXT_MAX];
    T_EQ(sfu_address_parse(&address, text, 4711), 0);
    sfu_address_normalise(&address);
    T_EQ(address.sa.sa_family, family);
    T_EQ(sfu_address_port(&address), 4711);
    sfu_address_text(&address, out);
    T_STR_EQ(out, expected);
}

T_TEST(text_and_normal_form)
{
    T_CALL(text_round_trip(t_failed, "192.0.2.7", "192.0.2.7", AF_INET));
    T_CALL(text_round_trip(t_failed, "2001:db8::1", "2001:db8::1", AF_INET6));
    T_CALL(text_round_trip(t_failed, "::ffff:192.0.2.7", "192.0.2.7", AF_INET));
    union sfu_address address;
    T_EQ(sfu_address_parse(&address, "example.org", 1), BASE_ERR_INVALID);
    T_EQ(sfu_address_parse(&address, "", 1), BASE_ERR_INVALID);
    T_EQ(sfu_address_parse(&address, "1.2.3", 1), BASE_ERR_INVALID);
    char out[SFU_ADDRESS_TEXT_MAX];
    sfu_address_text(&address, out);
    T_STR_EQ(out, "?");
}

T_TEST(normal_form_has_no_noise)
{
    union sfu_address a, b;
    memset(&a, 0xee, sizeof a);
    a.in4 = (struct sockaddr_in){.sin_family = AF_INET};
    memset(a.in4.sin_zero, 0xee, sizeof a.in4.sin_zero);
    sfu_address_normalise(&a);
    sfu_address_parse(&b, "0.0.0.0", 0);
    T_MEM_EQ(&a, &b, sizeof a);
    sfu_address_parse(&a, "2001:db8::1", 5);
    b = a;
    a.in6.sin6_flowinfo = 77;
    sfu_address_normalise(&a);
    T_MEM_EQ(&a, &b, sizeof a);
}

T_TEST(what_a_socket_can_reach)
{
    union sfu_address v4, v6, out;
    sfu_address_parse(&v4, "192.0.2.7", 9);
    sfu_address_parse(&v6, "2001:db8::1", 9);
    T_EQ(sfu_address_for_family(&v4, AF_INET, &out), sizeof out.in4);
    T_EQ(sfu_address_for_family(&v6, AF_INET6, &out), sizeof out.in6);
    T_EQ(sfu_address_for_family(&v6, AF_INET, &out), 0);
    T_EQ(sfu_address_for_family(&v4, AF_INET6, &out), sizeof out.in6);
    T_CHECK(IN6_IS_ADDR_V4MAPPED(&out.in6.sin6_addr));
    sfu_address_normalise(&out);
    T_MEM_EQ(&out, &v4, sizeof v4);
}

T_TEST(wildcards)
{
    union sfu_address address;
    sfu_address_parse(&address, "0.0.0.0", 0);
    T_CHECK(sfu_address_is_wildcard(&address));
    sfu_address_parse(&address, "::", 0);
    T_CHECK(sfu_address_is_wildcard(&address));
    sfu_address_parse(&address, "127.0.0.1", 0);
    T_CHECK(!sfu_address_is_wildcard(&address));
    sfu_address_parse(&address, "::1", 0);
    T_CHECK(!sfu_address_is_wildcard(&address));
}

T_TEST(the_machines_own_addresses)
{
    union sfu_address listen, out[16];
    sfu_address_parse(&listen, "127.0.0.9", 12);
    T_EQ(sfu_address_local(&listen, false, out, 16), 1);
    T_MEM_EQ(&out[0], &listen, sizeof listen);
    sfu_address_parse(&listen, "0.0.0.0", 12);
    size_t count = sfu_address_local(&listen, true, out, 16), loopback = 0;
    T_CHECK(count >= 1);
    for (size_t i = 0; i < count; i++) {
        T_EQ(out[i].sa.sa_family, AF_INET);
        T_EQ(sfu_address_port(&out[i]), 12);
        loopback += (ntohl(out[i].in4.sin_addr.s_addr) >> 24) == 127;
    }
    T_CHECK(loopback >= 1);
    size_t without = sfu_address_local(&listen, false, out, 16);
    T_CHECK(without == count - loopback || (without == count && count == loopback));
    T_EQ(sfu_address_local(&listen, true, out, 1), 1);
    T_EQ(sfu_address_local(&listen, true, out, 0), 0);
}

T_MAIN(T_CASE(text_and_normal_form), T_CASE(normal_form_has_no_noise), T_CASE(what_a_socket_can_reach),
       T_CASE(wildcards), T_CASE(the_machines_own_addresses))
