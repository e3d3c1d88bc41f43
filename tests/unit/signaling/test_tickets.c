/* SPDX-License-Identifier: Apache-2.0 */
#include "signaling/tickets.h"

#include "base/err.h"
#include "tests/support/test.h"

T_TEST(a_ticket_opens_once)
{
    struct sig_tickets *tickets;
    struct sig_grant in = {.room = "demo", .name = "A", .identity = {1, 2}, .rights = 3}, out;
    char text[SIG_TICKET_CHARS + 1];
    T_EQ(sig_tickets_create(&tickets, 8), 0);
    T_EQ(sig_tickets_issue(tickets, 5, &in, text), 0);
    T_EQ(strspn(text, "0123456789abcdef"), SIG_TICKET_CHARS);
    T_EQ(sig_tickets_take(tickets, 6, "00000000000000000000000000000000", &out), BASE_ERR_NOT_FOUND);
    T_EQ(sig_tickets_take(tickets, 6, "", &out), BASE_ERR_NOT_FOUND);
    T_EQ(sig_tickets_take(tickets, 6, text, &out), 0);
    T_STR_EQ(out.room, "demo");
    T_EQ(out.identity[1], 2);
    T_EQ(sig_tickets_take(tickets, 6, text, &out), BASE_ERR_NOT_FOUND);
    sig_tickets_destroy(tickets);
}

T_TEST(a_ticket_is_good_for_60_s)
{
    struct sig_tickets *tickets;
    struct sig_grant grant = {.room = "demo"};
    char a[SIG_TICKET_CHARS + 1], b[SIG_TICKET_CHARS + 1];
    T_EQ(sig_tickets_create(&tickets, 8), 0);
    T_EQ(sig_tickets_issue(tickets, 100, &grant, a), 0);
    T_EQ(sig_tickets_issue(tickets, 100, &grant, b), 0);
    T_EQ(sig_tickets_take(tickets, 100 + SIG_TICKET_LIFETIME_US - 1, a, &grant), 0);
    T_EQ(sig_tickets_take(tickets, 100 + SIG_TICKET_LIFETIME_US, b, &grant), BASE_ERR_NOT_FOUND);
    T_EQ(sig_tickets_count(tickets), 0);
    sig_tickets_destroy(tickets);
}

T_TEST(the_table_is_bounded)
{
    struct sig_tickets *tickets;
    struct sig_grant grant = {.room = "demo"};
    char text[SIG_TICKET_CHARS + 1];
    T_EQ(sig_tickets_create(&tickets, 0), BASE_ERR_INVALID);
    T_EQ(sig_tickets_create(&tickets, 2), 0);
    T_EQ(sig_tickets_issue(tickets, 0, &grant, text), 0);
    T_EQ(sig_tickets_issue(tickets, 1, &grant, text), 0);
    T_EQ(sig_tickets_issue(tickets, 2, &grant, text), BASE_ERR_FULL);
    T_STR_EQ(text, "");
    T_EQ(sig_tickets_issue(tickets, SIG_TICKET_LIFETIME_US, &grant, text), 0); /* the oldest expired */
    T_EQ(sig_tickets_count(tickets), 2);
    sig_tickets_destroy(tickets);
}

T_TEST(a_stranger_does_not_fill_the_table)
{
    struct sig_tickets *tickets;
    struct sig_grant stranger = {.room = "demo", .source = 1}, doctor = {.room = "demo", .source = 2};
    char text[SIG_TICKET_CHARS + 1];
    T_EQ(sig_tickets_create(&tickets, 4 * SIG_TICKETS_SHARE), 0);
    for (int i = 0; i < 4; i++)
        T_EQ(sig_tickets_issue(tickets, 0, &stranger, text), 0);
    T_EQ(sig_tickets_issue(tickets, 0, &stranger, text), BASE_ERR_FULL);
    T_EQ(sig_tickets_issue(tickets, 0, &doctor, text), 0);
    doctor.source = 0; /* the server itself */
    for (int i = 0; i < 8; i++)
        T_EQ(sig_tickets_issue(tickets, 0, &doctor, text), 0);
    T_EQ(sig_tickets_issue(tickets, SIG_TICKET_LIFETIME_US, &stranger, text), 0);
    sig_tickets_destroy(tickets);
}

T_MAIN(T_CASE(a_ticket_opens_once), T_CASE(a_ticket_is_good_for_60_s), T_CASE(the_table_is_bounded),
       T_CASE(a_stranger_does_not_fill_the_table))
