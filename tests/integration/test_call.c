/* SPDX-License-Identifier: Apache-2.0 */
/* Calls through the real server, over real sockets. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"
#include "tests/integration/call.h"
#include "tests/support/test.h"

static void call_of_three(int *t_failed, const enum bench_transport transports[3])
{
    static struct call call;
    T_CHECK(call_start(&call, 3, transports));
    T_CHECK(call_media_flows(&call, 50, 100));
    T_EQ(call_errors(&call), 0);
    for (unsigned i = 0; i < 3; i++) {
        struct bench_participant *who = call.people[i]->participant;
        T_EQ(who->other_count, 2);
        T_EQ(who->sub_count, 4);
        T_EQ(who->errors, 0);
        T_EQ(bench_peer_profile(who->peers[BENCH_PUBLISH]), SFU_SRTP_AEAD_AES_128_GCM);
        T_EQ(bench_peer_profile(who->peers[BENCH_SUBSCRIBE]), SFU_SRTP_AEAD_AES_128_GCM);
        T_CHECK(bench_peer_counters(who->peers[BENCH_PUBLISH])->twcc_reported > 100);
        T_CHECK(bench_peer_counters(who->peers[BENCH_PUBLISH])->rr_in > 0);
        T_CHECK(bench_peer_counters(who->peers[BENCH_SUBSCRIBE])->sr_in > 0);
        bool tcp = bench_ice_selected(bench_peer_ice(who->peers[BENCH_PUBLISH]))->protocol == SFU_PROTOCOL_TCP;
        T_EQ(tcp, transports[i] == BENCH_TCP);
    }
    T_EQ(call_end(&call), 0);
}

T_TEST(three_people_by_udp)
{
    T_CALL(call_of_three(t_failed, (const enum bench_transport[]){BENCH_UDP, BENCH_UDP, BENCH_UDP}));
}

T_TEST(three_people_by_tcp)
{
    T_CALL(call_of_three(t_failed, (const enum bench_transport[]){BENCH_TCP, BENCH_TCP, BENCH_TCP}));
}

T_TEST(udp_tcp_and_a_choice)
{
    T_CALL(call_of_three(t_failed, (const enum bench_transport[]){BENCH_UDP, BENCH_TCP, BENCH_UDP_OR_TCP}));
}

static bool other_is_muted(void *user)
{
    struct bench_person *const *people = user;
    const struct bench_other *other = bench_participant_other(people[1]->participant, people[0]->participant->id);
    for (unsigned i = 0; other != NULL && i < other->track_count; i++)
        if (other->tracks[i].source == BENCH_CAMERA)
            return other->tracks[i].muted;
    return false;
}

static bool other_is_unmuted(void *user)
{
    return !other_is_muted(user);
}

T_TEST(mute_is_told_and_enforced)
{
    static struct call call;
    T_CHECK(call_start(&call, 2, NULL));
    T_CHECK(call_media_flows(&call, 25, 50));
    const struct bench_receive_counters *video = call_received(call.people[1], call.people[0], BENCH_CAMERA);
    const struct bench_receive_counters *audio = call_received(call.people[1], call.people[0], BENCH_MIC);
    bench_participant_mute(call.people[0]->participant, BENCH_CAMERA, true);
    T_CHECK(call_wait(&call, other_is_muted, call.people));
    call_run_ms(&call, 100); /* what was on its way */
    uint64_t packets = video->packets, keys = video->key_frames_decoded;
    T_CHECK(call_wait_count(&call, &audio->packets, audio->packets + 50)); /* a second; the camera goes on sending */
    T_EQ(video->packets, packets);
    bench_participant_mute(call.people[0]->participant, BENCH_CAMERA, false);
    T_CHECK(call_wait(&call, other_is_unmuted, call.people));
    T_CHECK(call_wait_count(&call, &video->frames_decoded, video->frames_decoded + 25));
    T_EQ(video->key_frames_decoded, keys + 1);
    T_EQ(call_errors(&call), 0);
    T_EQ(call_end(&call), 0);
}

static bool alone(void *user)
{
    return ((struct bench_person *)user)->participant->other_count == 0;
}

T_TEST(leaving_is_told)
{
    static struct call call;
    T_CHECK(call_start(&call, 2, NULL));
    T_CHECK(call_media_flows(&call, 10, 10));
    bench_participant_leave(call.people[0]->participant);
    T_CHECK(call_wait_closed(&call, call.people[0]));
    T_EQ(call.people[0]->close_code, 4001);
    T_STR_EQ(call.people[0]->participant->code, "left");
    T_CHECK(call_wait(&call, alone, call.people[1]));
    T_EQ(call_errors(&call), 0);
    T_EQ(call_end(&call), 0);
}

static bool inside(void *user)
{
    return ((struct bench_person *)user)->participant->state == BENCH_INSIDE;
}

T_TEST(a_dropped_socket_resumes_while_media_goes_on)
{
    static struct call call;
    T_CHECK(call_start(&call, 2, NULL));
    T_CHECK(call_media_flows(&call, 25, 50));
    struct bench_person *who = call.people[0];
    char id[BENCH_ID_MAX];
    snprintf(id, sizeof id, "%s", who->participant->id);
    for (int round = 0; round < 2; round++) { /* each token is used once; the new one works too */
        bench_person_drop_socket(who);
        T_CHECK(call_media_flows(&call, 50, 100));
        T_EQ(bench_person_reconnect(who, true), 0);
        T_CHECK(call_wait(&call, inside, who));
        T_CHECK(who->participant->resumed);
        T_STR_EQ(who->participant->id, id);
        T_EQ(who->participant->other_count, 1);
    }
    T_CHECK(call_media_flows(&call, 25, 50));
    /* Somebody came while the socket was away. */
    bench_person_drop_socket(who);
    T_CHECK(call_join(&call, BENCH_UDP) != NULL);
    T_CHECK(call_wait(&call, inside, call.people[2]));
    T_EQ(bench_person_reconnect(who, true), 0);
    T_CHECK(call_media_flows(&call, 25, 50));
    T_EQ(who->participant->other_count, 2);
    T_EQ(call_received(call.people[1], who, BENCH_CAMERA)->frames_skipped, 0);
    T_EQ(call_errors(&call), 0);
    T_EQ(call_end(&call), 0);
}

T_TEST(the_same_identity_replaces)
{
    static struct call call;
    T_CHECK(call_start(&call, 2, NULL));
    T_CHECK(call_media_flows(&call, 10, 10));
    struct bench_person_config again = {.room = "test-room",
                                        .number = 3,
                                        .identity = call.people[0]->identity,
                                        .sources = {[BENCH_MIC] = true, [BENCH_CAMERA] = true}};
    struct bench_person *old = call.people[0];
    T_EQ(bench_person_enter(&call.people[0], call.crowd, &again), 0);
    T_CHECK(call_wait_closed(&call, old));
    T_EQ(old->close_code, 4001);
    T_STR_EQ(old->participant->code, "replaced");
    T_CHECK(call_media_flows(&call, 25, 50));
    T_EQ(call.people[1]->participant->other_count, 1);
    T_EQ(call_errors(&call), 0);
    T_EQ(call_end(&call), 0);
}

T_TEST(an_address_change_and_ice_restarts_keep_the_call)
{
    static struct call call;
    T_CHECK(call_start(&call, 2, NULL));
    T_CHECK(call_media_flows(&call, 25, 50));
    struct bench_participant *who = call.people[0]->participant;
    uint64_t dtls[2] = {bench_peer_counters(who->peers[0])->dtls_in, bench_peer_counters(who->peers[1])->dtls_in};
    for (int pc = 0; pc < 2; pc++) {
        T_EQ(bench_person_move(call.people[0], (enum bench_pc)pc), 0);
        T_CHECK(call_media_flows(&call, 25, 50));
        bench_participant_restart(who, (enum bench_pc)pc, base_clock_us());
        T_CHECK(call_media_flows(&call, 50, 100));
        T_EQ(bench_peer_counters(who->peers[pc])->dtls_in, dtls[pc]);
    }
    T_EQ(who->errors, 0);
    T_EQ(call_errors(&call), 0);
    T_EQ(call_end(&call), 0);
}

/* Garbage, half STUN and half DTLS to the media port, from a hundred ports, while people talk. */
static void flood(uint16_t port, uint64_t *random, unsigned count)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    static const uint8_t starts[][8] = {
        {0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42}, {0x16, 0xFE, 0xFD}, {0x80, 0x60}, {0x80, 0xC9}};
    for (unsigned i = 0; i < count; i++) {
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        for (unsigned k = 0; k < 10; k++) {
            uint64_t datagram[128];
            for (unsigned w = 0; w < 128; w++)
                datagram[w] = base_prng_next(random);
            unsigned kind = (unsigned)(datagram[0] % 5);
            if (kind < 4)
                memcpy(datagram, starts[kind], sizeof starts[kind]);
            sendto(fd, datagram, 1 + (size_t)(datagram[1] % 1000), MSG_DONTWAIT, (struct sockaddr *)&to, sizeof to);
        }
        close(fd);
    }
}

T_TEST(a_flood_of_garbage_disturbs_nobody)
{
    static struct call call;
    T_CHECK(call_start(&call, 3, NULL));
    T_CHECK(call_media_flows(&call, 25, 50));
    uint64_t random = 5;
    for (int round = 0; round < 50; round++) {
        flood(call.server.media_port, &random, 20);
        call_run_ms(&call, 20);
    }
    T_CHECK(call_media_flows(&call, 25, 50));
    T_EQ(call_errors(&call), 0);
    for (unsigned i = 0; i < 3; i++) {
        T_EQ(call.people[i]->participant->lost_messages, 0);
        T_EQ(call_received(call.people[i], call.people[(i + 1) % 3], BENCH_CAMERA)->plis, 0);
    }
    T_EQ(call_end(&call), 0);
}

T_MAIN(T_CASE(three_people_by_udp), T_CASE(three_people_by_tcp), T_CASE(udp_tcp_and_a_choice),
       T_CASE(mute_is_told_and_enforced), T_CASE(leaving_is_told), T_CASE(a_dropped_socket_resumes_while_media_goes_on),
       T_CASE(the_same_identity_replaces), T_CASE(an_address_change_and_ice_restarts_keep_the_call),
       T_CASE(a_flood_of_garbage_disturbs_nobody))
