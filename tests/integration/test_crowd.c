/* SPDX-License-Identifier: Apache-2.0 */
/* How the load tool's people come and go against the real server: nobody waits for anybody, and whoever cannot enter
 * says why. */
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "bench/client/crowd_internal.h"
#include "tests/integration/call.h"
#include "tests/support/test.h"

static struct call call;

static struct bench_person_config somebody(unsigned number)
{
    return (struct bench_person_config){
        .room = "test-room", .number = number, .sources = {[BENCH_MIC] = true, [BENCH_CAMERA] = true}};
}

static bool decided(void *user)
{
    const struct bench_person *who = user;
    return who->connected_us != 0 || who->state == BENCH_PERSON_FAILED;
}

/* Somebody tries to enter by a crowd of their own. */
static enum bench_failure try_to_enter(int *t_failed, const char *url, const char *ca_file, const char *ticket,
                                       char why[160])
{
    struct bench_endpoint endpoint = {.ca_file = ca_file};
    struct bench_crowd *crowd;
    struct bench_person *who;
    struct bench_person_config config = somebody(77);
    config.ticket = ticket;
    if (bench_url_parse(&endpoint.url, url) != 0 || bench_crowd_open(&crowd, &endpoint, NULL, NULL) != 0 ||
        bench_person_start(&who, crowd, &config) != 0) {
        *t_failed = 1;
        return BENCH_FAILURE_NONE;
    }
    bench_crowd_run(crowd, base_clock_us() + CALL_WAIT_US, decided, who);
    enum bench_failure failure = who->failure;
    *t_failed |= !decided(who);
    snprintf(why, 160, "%s", who->why);
    bench_crowd_destroy(crowd);
    return failure;
}

T_TEST(the_certificate_is_checked)
{
    char url[64], ca_file[96], why[160];
    T_CHECK(call_start(&call, 0, NULL));
    snprintf(ca_file, sizeof ca_file, "%s/data/tls-certificate.pem", call.server.data);
    static const char *const hosts[] = {"127.0.0.1", "localhost"};
    for (int i = 0; i < 2; i++) {
        snprintf(url, sizeof url, "https://%s:%u", hosts[i], call.server.port);
        T_EQ(try_to_enter(t_failed, url, ca_file, NULL, why), BENCH_FAILURE_NONE);
        T_EQ(*t_failed, 0);
        T_EQ(try_to_enter(t_failed, url, NULL, NULL, why), BENCH_FAILURE_CERTIFICATE);
        T_CHECK(strstr(why, "self-signed certificate") != NULL);
    }
    T_EQ(try_to_enter(t_failed, url, ca_file, "nonsense", why), BENCH_FAILURE_REFUSED);
    T_STR_EQ(why, "refused: ticket_invalid");
    T_EQ(call_end(&call), 0);
    T_EQ(try_to_enter(t_failed, url, NULL, NULL, why), BENCH_FAILURE_UNREACHABLE); /* nobody is there any more */
    T_CHECK(strstr(why, "Connection refused") != NULL);
}

/* Somebody listens, and never says a word: that stops nobody else. */
T_TEST(a_silent_server_is_a_timeout)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct bench_crowd *crowd;
    struct bench_person *who;
    struct bench_person_config config = somebody(1);
    T_CHECK(bind(fd, (struct sockaddr *)&address, len) == 0 && listen(fd, 1) == 0 &&
            getsockname(fd, (struct sockaddr *)&address, &len) == 0);
    T_EQ(bench_crowd_create(&crowd, ntohs(address.sin_port)), 0);
    uint64_t before_us = base_clock_us();
    T_EQ(bench_person_start(&who, crowd, &config), 0);
    T_CHECK(!bench_crowd_run(crowd, base_clock_us() + 50000, decided, who));
    T_EQ(who->state, BENCH_PERSON_CONNECTING);
    T_CHECK(who->limit_us >= before_us + BENCH_ENTER_LIMIT_US && who->started_us >= before_us);
    who->limit_us = base_clock_us(); /* so late is it now */
    who->retry_us = 0;
    T_CHECK(bench_crowd_run(crowd, base_clock_us() + 2 * BENCH_ENTER_LIMIT_US, decided, who));
    T_EQ(who->failure, BENCH_FAILURE_TIMEOUT);
    T_STR_EQ(who->why, "no answer to the request for a ticket");
    bench_crowd_destroy(crowd);
    close(fd);
}

struct many {
    struct bench_person *people[12];
};

static bool all_connected(void *user)
{
    const struct many *many = user;
    for (int i = 0; i < 12; i++)
        if (!decided(many->people[i]))
            return false;
    return true;
}

T_TEST(many_at_once_between_the_media_of_others)
{
    T_CHECK(call_start(&call, 2, NULL));
    T_CHECK(call_media_flows(&call, 10, 10));
    struct many many;
    for (unsigned i = 0; i < 12; i++) {
        struct bench_person_config config = somebody(10 + i);
        T_EQ(bench_person_start(&many.people[i], call.crowd, &config), 0);
        T_EQ(many.people[i]->state, BENCH_PERSON_CONNECTING);
    }
    T_CHECK(call_wait(&call, all_connected, &many));
    for (unsigned i = 0; i < 12; i++) {
        const struct bench_person *who = many.people[i];
        T_STR_EQ(who->why, "");
        T_EQ(who->state, BENCH_PERSON_INSIDE);
        T_CHECK(who->started_us < who->inside_us && who->inside_us <= who->connected_us);
    }
    T_EQ(call_errors(&call), 0);
    T_EQ(call_end(&call), 0);
}

static bool has_left(void *user)
{
    return ((struct bench_person *)user)->state == BENCH_PERSON_LEFT;
}

static char left_because[24];

static void note_leaving(struct bench_person *who, const char *type, const json_t *message)
{
    (void)who;
    if (strcmp(type, "participant_left") == 0)
        snprintf(left_because, sizeof left_because, "%s", json_string_value(json_object_get(message, "reason")));
}

static bool told(void *user)
{
    (void)user;
    return left_because[0] != 0;
}

T_TEST(leaving_politely)
{
    T_CHECK(call_start(&call, 2, NULL));
    T_CHECK(call_media_flows(&call, 5, 5));
    call.people[1]->on_message = note_leaving;
    bench_person_leave(call.people[0]);
    T_CHECK(call_wait(&call, has_left, call.people[0]));
    T_EQ(call.people[0]->failure, BENCH_FAILURE_NONE);
    T_EQ(call.people[0]->close_code, 4001);
    T_CHECK(call_wait(&call, told, NULL));
    T_STR_EQ(left_because, "left");
    bench_person_destroy(call.people[0]);
    call.people[0] = NULL;
    T_EQ(call_end(&call), 0);
}

T_TEST(dropped_and_back_with_new_paths)
{
    T_CHECK(call_start(&call, 2, NULL));
    T_CHECK(call_media_flows(&call, 5, 5));
    struct bench_person *who = call.people[0];
    for (int round = 0; round < 3; round++) {
        bench_person_drop_socket(who);
        T_EQ(who->state, BENCH_PERSON_DROPPED);
        T_EQ(bench_person_move(who, BENCH_PUBLISH), 0);
        T_EQ(bench_person_move(who, BENCH_SUBSCRIBE), 0);
        T_EQ(bench_person_start_again(who, true), 0);
        T_CHECK(call_wait(&call, decided, who));
        T_EQ(who->state, BENCH_PERSON_INSIDE);
        T_CHECK(who->participant->resumed);
        T_CHECK(call_media_flows(&call, 5, 5));
    }
    T_EQ(call_errors(&call), 0);
    T_EQ(call_end(&call), 0);
}

/* One of two people has a network: what it does is seen, and counted as the network's. */
static struct bench_person *join_through(int *t_failed, const char *network, enum bench_transport transport)
{
    static struct bench_network_profile profile; /* of the latest: copied */
    char error[BENCH_NETWORK_ERROR_MAX];
    struct bench_person_config config = somebody(2);
    config.transport = transport;
    config.profile = &profile;
    config.seed = 7;
    if (!call_start(&call, 1, NULL) || bench_network_profile_parse(&profile, network, error) != 0 ||
        bench_person_start(&call.people[1], call.crowd, &config) != 0)
        *t_failed = 1;
    if (*t_failed)
        return NULL;
    call.count = 2;
    *t_failed |= !call_wait(&call, decided, call.people[1]);
    return call.people[1];
}

static uint64_t delay_us(int from, int to)
{
    const struct bench_sub *sub =
        bench_participant_sub(call.people[to]->participant, call.people[from]->participant->id, BENCH_MIC);
    return sub != NULL ? bench_histogram_quantile(bench_receive_stream_delay(sub->stream), 0.5) : 0;
}

static void through(int *t_failed, const char *network, enum bench_transport transport, bool tcp, uint64_t way_us)
{
    struct bench_person *who = join_through(t_failed, network, transport);
    T_EQ(*t_failed, 0);
    T_STR_EQ(who->why, "");
    T_EQ(who->state, BENCH_PERSON_INSIDE);
    T_CHECK(call_media_flows(&call, 40, 80));
    const struct bench_ice *ice = bench_peer_ice(who->participant->peers[BENCH_SUBSCRIBE]);
    T_EQ(bench_ice_selected(ice)->protocol == SFU_PROTOCOL_TCP, tcp);
    uint64_t least_us = way_us * 96 / 100; /* a histogram is 3 % wrong at most */
    T_CHECK(delay_us(0, 1) >= least_us && delay_us(1, 0) >= least_us);
    T_CHECK(delay_us(0, 1) < way_us + 200000 && delay_us(1, 0) < way_us + 200000);
    T_CHECK(bench_ice_selected(ice) != NULL && ice->rtt_us >= 2 * way_us);
    T_EQ(bench_person_network_lost(call.people[0]), 0);
    T_EQ(call_errors(&call), 0);
}

T_TEST(a_network_in_between)
{
    T_CALL(through(t_failed, "delay=50ms,jitter=5ms", BENCH_UDP, false, 50000));
    T_EQ(bench_person_network_lost(call.people[1]), 0);
    T_EQ(call_end(&call), 0);
    T_CALL(through(t_failed, "loss=5%,burst=2,delay=10ms", BENCH_UDP, false, 10000));
    T_CHECK(bench_person_network_lost(call.people[1]) > 0);
    T_CHECK(call_received(call.people[1], call.people[0], BENCH_CAMERA)->rtx_packets > 0);
    T_EQ(call_end(&call), 0);
    T_CALL(through(t_failed, "hospital-tcp,loss=1%", BENCH_UDP, true, 20000));
    T_EQ(bench_person_move(call.people[1], BENCH_SUBSCRIBE), 0);
    T_CHECK(call_media_flows(&call, 10, 10));
    T_EQ(call_end(&call), 0);
}

/* ICE by libnice's full agent, everything above it ours. */
T_TEST(a_person_with_a_nice_agent)
{
    struct bench_person_config config = somebody(2);
    config.nice = true;
    T_CHECK(call_start(&call, 1, NULL));
    T_EQ(bench_person_start(&call.people[1], call.crowd, &config), 0);
    call.count = 2;
    struct bench_person *who = call.people[1];
    T_CHECK(call_wait(&call, decided, who));
    T_STR_EQ(who->why, "");
    T_CHECK(call_media_flows(&call, 20, 20));
    for (int pc = 0; pc < 2; pc++) {
        T_CHECK(who->nice[pc] != NULL && who->sockets[pc][0] == NULL);
        T_EQ(bench_peer_ice(who->participant->peers[pc])->checks_sent, 0);
        T_EQ(bench_peer_counters(who->participant->peers[pc])->stun_in, 0);
        bench_participant_restart(who->participant, (enum bench_pc)pc, base_clock_us());
        T_CHECK(call_media_flows(&call, 20, 20));
        T_EQ(bench_person_move(who, (enum bench_pc)pc), 0);
        T_CHECK(call_media_flows(&call, 20, 20));
    }
    T_EQ(call_errors(&call), 0);
    bench_person_leave(who);
    T_CHECK(call_wait(&call, has_left, who));
    bench_person_destroy(who);
    call.people[1] = NULL;
    T_EQ(call_end(&call), 0);
}

T_TEST(media_that_a_firewall_eats)
{
    struct bench_person *who;
    static const struct bench_network_profile wall = {.name = "wall", .up = {.loss = 1}};
    struct bench_person_config config = somebody(3);
    config.profile = &wall;
    T_CHECK(call_start(&call, 1, NULL));
    T_EQ(bench_person_start(&who, call.crowd, &config), 0);
    T_CHECK(!bench_crowd_run(call.crowd, base_clock_us() + 1000000, decided, who));
    T_EQ(who->state, BENCH_PERSON_INSIDE);
    who->limit_us = base_clock_us(); /* so late is it now */
    T_CHECK(call_wait(&call, decided, who));
    T_EQ(who->failure, BENCH_FAILURE_MEDIA);
    T_STR_EQ(who->why, "inside, but cannot send media: no ICE check was answered (a firewall?)");
    T_EQ(call_end(&call), 0);
}

/* The time is over, and then the server answers after all. */
T_TEST(who_came_too_late_stays_outside)
{
    struct bench_person *who;
    struct bench_person_config config = somebody(4);
    T_CHECK(call_start(&call, 1, NULL));
    T_EQ(bench_person_start(&who, call.crowd, &config), 0);
    for (int turn = 0; who->ws == NULL && turn < 5000; turn++)
        bench_crowd_run(call.crowd, base_clock_us() + 1000, NULL, NULL);
    T_CHECK(who->ws != NULL);
    T_EQ(who->state, BENCH_PERSON_CONNECTING);
    bench_person_poll_entering(who, who->limit_us);
    T_EQ(who->failure, BENCH_FAILURE_TIMEOUT);
    bench_crowd_run(call.crowd, base_clock_us() + 500000, NULL, NULL);
    T_EQ(who->state, BENCH_PERSON_FAILED);
    T_EQ(call_end(&call), 0);
}

T_TEST(too_few_descriptors_are_our_own_fault)
{
    struct rlimit before, few;
    struct bench_person *who;
    struct bench_person_config config = somebody(9);
    T_CHECK(call_start(&call, 1, NULL));
    T_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
    int next = dup(0);
    close(next);
    for (int more = 0; more < 2; more++) { /* none for TCP; none for the sockets of media */
        few = before;
        few.rlim_cur = (rlim_t)(next + more);
        T_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
        int err = bench_person_start(&who, call.crowd, &config);
        bench_crowd_run(call.crowd, base_clock_us() + CALL_WAIT_US, decided, who);
        T_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
        T_EQ(err, 0);
        T_EQ(who->failure, BENCH_FAILURE_RESOURCES);
        bench_person_destroy(who);
    }
    T_EQ(call_end(&call), 0);
}

T_MAIN(T_CASE(the_certificate_is_checked), T_CASE(a_silent_server_is_a_timeout),
       T_CASE(many_at_once_between_the_media_of_others), T_CASE(leaving_politely),
       T_CASE(dropped_and_back_with_new_paths), T_CASE(a_network_in_between), T_CASE(a_person_with_a_nice_agent),
       T_CASE(media_that_a_firewall_eats), T_CASE(who_came_too_late_stays_outside),
       T_CASE(too_few_descriptors_are_our_own_fault))
