/* SPDX-License-Identifier: Apache-2.0 */
/* The server comes and goes; so do people without a word. */
#include <signal.h>
#include <stdlib.h>

#include "base/clock.h"
#include "tests/integration/call.h"
#include "tests/support/test.h"

T_TEST(sigterm_says_goodbye_and_ends_well)
{
    static struct call call;
    T_CHECK(call_start(&call, 2, NULL));
    T_CHECK(call_media_flows(&call, 10, 10));
    server_signal(&call.server, SIGTERM);
    for (int i = 0; i < 2; i++) {
        T_CHECK(call_wait_closed(&call, call.people[i]));
        T_EQ(call.people[i]->participant->state, BENCH_CLOSED);
        T_STR_EQ(call.people[i]->participant->code, "server_shutdown");
        T_CHECK(call.people[i]->close_code == 4001 || call.people[i]->close_code == 1001);
    }
    T_EQ(server_wait(&call.server, 10000), 0);
    T_EQ(call_end(&call), 0);
}

static bool both_cut_off(void *user)
{
    struct call *call = user;
    return call->people[0]->close_code != 0 && call->people[1]->close_code != 0;
}

static bool refused(void *user)
{
    return ((struct bench_person *)user)->participant->state == BENCH_REFUSED;
}

T_TEST(after_a_kill_all_are_back_within_5_s)
{
    static struct call call;
    T_CHECK(call_start(&call, 2, NULL));
    T_CHECK(call_media_flows(&call, 10, 10));
    server_signal(&call.server, SIGKILL);
    T_EQ(server_wait(&call.server, 5000), 128 + SIGKILL);
    T_CHECK(call_wait(&call, both_cut_off, &call));
    T_CHECK(server_start_again(&call.server, NULL));
    uint64_t up_us = base_clock_us();
    /* The old tokens mean nothing to the new process: it says so, and a fresh join works. */
    T_EQ(bench_person_reconnect(call.people[0], true), 0);
    T_CHECK(call_wait(&call, refused, call.people[0]));
    T_STR_EQ(call.people[0]->participant->code, "resume_unknown");
    for (int i = 0; i < 2; i++)
        T_EQ(bench_person_reconnect(call.people[i], false), 0);
    T_CHECK(call_media_flows(&call, 1, 1));
    printf("    media after %" PRIu64 " ms\n", (base_clock_us() - up_us) / 1000);
    T_CHECK(base_clock_us() - up_us < 5000000);
    T_EQ(call_errors(&call), 0);
    T_EQ(call_end(&call), 0);
}

static bool alone(void *user)
{
    return ((struct bench_person *)user)->participant->other_count == 0;
}

/* Nobody stays as a ghost: 30 s to resume, then the others are told. */
T_TEST(who_does_not_come_back_leaves)
{
    static struct call call;
    T_CHECK(call_start(&call, 2, NULL));
    T_CHECK(call_media_flows(&call, 10, 10));
    bench_person_destroy(call.people[0]);
    call.people[0] = NULL;
    uint64_t gone_us = base_clock_us();
    T_CHECK(bench_crowd_run(call.crowd, gone_us + 40000000, alone, call.people[1]));
    uint64_t after_us = base_clock_us() - gone_us;
    printf("    told after %" PRIu64 " ms\n", after_us / 1000);
    T_CHECK(after_us > 25000000 && after_us < 36000000);
    T_EQ(call_errors(&call), 0);
    T_EQ(call_end(&call), 0);
}

T_TEST(healthz_and_metrics)
{
    static struct call call;
    T_CHECK(call_start(&call, 2, NULL));
    T_CHECK(call_media_flows(&call, 10, 10));
    char answer[65536];
    T_EQ(bench_https(call.server.port, "GET", "/healthz", NULL, answer, sizeof answer), 200);
    T_EQ(bench_https(call.server.port, "GET", "/metrics", NULL, answer, sizeof answer), 200);
    T_CHECK(strstr(answer, "# TYPE") != NULL && strstr(answer, "consilium_") != NULL);
    T_EQ(call_end(&call), 0);
}

T_MAIN(T_CASE(sigterm_says_goodbye_and_ends_well), T_CASE(after_a_kill_all_are_back_within_5_s),
       T_CASE(healthz_and_metrics), T_CASE(who_does_not_come_back_leaves))
