/* SPDX-License-Identifier: Apache-2.0 */
/* Commands, events and packets between threads, with a fake engine. Run under ThreadSanitizer too (suite threads). */
#include "sfu/sfu.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "sfu/io/address.h"
#include "sfu/worker.h"
#include "tests/support/test.h"
#include "tests/unit/sfu/fake_engine.h"

/* ---- support ----------------------------------------------------------------------------------------------------- */

static int wake_fd;
static atomic_ulong notify_count;

static void notify(void *user)
{
    (void)user;
    const uint64_t one = 1;
    atomic_fetch_add(&notify_count, 1);
    if (write(wake_fd, &one, sizeof one) < 0)
        abort();
}

static struct sfu_config test_config(uint32_t workers)
{
    if (wake_fd == 0) {
        wake_fd = eventfd(0, EFD_NONBLOCK);
        sem_init(&fake_blocked, 0, 0);
        sem_init(&fake_release, 0, 0);
    }
    return (struct sfu_config){.worker_count = workers,
                               .listen_address = "127.0.0.1",
                               .tcp_enabled = true,
                               .socket_buffer_bytes = 1u << 20,
                               .gso = true,
                               .notify = notify};
}

static struct sfu *start(uint32_t workers)
{
    struct sfu_config config = test_config(workers);
    struct sfu *sfu;
    uint64_t count;
    if (sfu_create(&sfu, &config) != 0)
        abort();
    while (read(wake_fd, &count, sizeof count) > 0)
        ;
    atomic_store(&notify_count, 0);
    return sfu;
}

/* Takes the next event, as a real taker does: only when notified. Gives up after 5 s. */
static bool next_event(struct sfu *sfu, struct sfu_event *event)
{
    for (;;) {
        if (sfu_take_event(sfu, event))
            return true;
        struct pollfd poll_fd = {.fd = wake_fd, .events = POLLIN};
        uint64_t count;
        if (poll(&poll_fd, 1, 5000) != 1)
            return false;
        if (read(wake_fd, &count, sizeof count) < 0)
            abort();
    }
}

static int post(struct sfu *sfu, enum sfu_command_kind kind, uint64_t room, uint64_t participant, uint64_t track)
{
    const struct sfu_command command = {
        .kind = kind, .room_id = room, .participant_id = participant, .track_id = track, .reason = SFU_REASON_LEFT};
    return sfu_post(sfu, &command);
}

static int udp_client(struct sfu *sfu, uint64_t room)
{
    struct sfu_candidate candidate;
    union sfu_address address;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (sfu_candidates(sfu, room, &candidate, 1) != 1 || candidate.tcp ||
        sfu_address_parse(&address, candidate.address, candidate.port) != 0 ||
        connect(fd, &address.sa, sizeof address.in4) != 0)
        abort();
    return fd;
}

/* Sends and waits up to 5 s for the echo. */
static bool echoes(int fd, const char *text)
{
    char in[100];
    size_t len = strlen(text);
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    return send(fd, text, len, 0) == (ssize_t)len && poll(&poll_fd, 1, 5000) == 1 &&
           recv(fd, in, sizeof in, 0) == (ssize_t)len && memcmp(in, text, len) == 0;
}

/* ---- rooms and events -------------------------------------------------------------------------------------------- */

#define POSTERS          3
#define ROOMS_PER_POSTER 30
#define JOINS_PER_ROOM   5

static void *post_rooms(void *arg)
{
    struct sfu *sfu = ((void **)arg)[0];
    uint64_t base = *(uint64_t *)((void **)arg)[1];
    for (uint64_t room = base; room < base + ROOMS_PER_POSTER; room++) {
        if (post(sfu, SFU_COMMAND_ROOM_OPEN, room, 0, 0) != 0)
            abort();
        for (uint64_t p = 1; p <= JOINS_PER_ROOM; p++)
            if (post(sfu, SFU_COMMAND_JOIN, room, p, 0) != 0)
                abort();
        struct sfu_up_track_config up[2] = {{.track_id = 71}, {.track_id = 72}};
        const struct sfu_command publish = {.kind = SFU_COMMAND_PUBLISH, .room_id = room, .up_count = 2, .up = up};
        if (sfu_post(sfu, &publish) != 0)
            abort();
        memset(up, 0xff, sizeof up); /* it was copied */
        if (post(sfu, SFU_COMMAND_LEAVE, room, 1, 0) != 0 || post(sfu, SFU_COMMAND_ROOM_CLOSE, room, 0, 0) != 0)
            abort();
    }
    return NULL;
}

T_TEST(many_rooms_on_three_workers_keep_their_order)
{
    struct sfu *sfu = start(3);
    pthread_t threads[POSTERS];
    uint64_t bases[POSTERS];
    void *args[POSTERS][2];
    for (size_t i = 0; i < POSTERS; i++) {
        bases[i] = 1000 * (i + 1);
        args[i][0] = sfu;
        args[i][1] = &bases[i];
        if (pthread_create(&threads[i], NULL, post_rooms, args[i]) != 0)
            abort();
    }
    static const enum sfu_event_kind expected[] = {SFU_EVENT_JOINED,
                                                   SFU_EVENT_JOINED,
                                                   SFU_EVENT_JOINED,
                                                   SFU_EVENT_JOINED,
                                                   SFU_EVENT_JOINED,
                                                   SFU_EVENT_TRACK_PUBLISHED,
                                                   SFU_EVENT_TRACK_PUBLISHED,
                                                   SFU_EVENT_LEFT,
                                                   SFU_EVENT_LEFT,
                                                   SFU_EVENT_LEFT,
                                                   SFU_EVENT_LEFT,
                                                   SFU_EVENT_LEFT,
                                                   SFU_EVENT_ROOM_CLOSED};
    const size_t per_room = sizeof expected / sizeof expected[0];
    static size_t step[4000];
    memset(step, 0, sizeof step);
    for (size_t i = 0; i < POSTERS * ROOMS_PER_POSTER * per_room; i++) {
        struct sfu_event event;
        T_CHECK(next_event(sfu, &event));
        T_CHECK(event.room_id < 4000 && step[event.room_id] < per_room);
        T_EQ(event.kind, expected[step[event.room_id]]);
        if (event.kind == SFU_EVENT_TRACK_PUBLISHED)
            T_EQ(event.track_id, 71 + step[event.room_id] - 5);
        step[event.room_id]++;
    }
    for (size_t i = 0; i < POSTERS; i++)
        pthread_join(threads[i], NULL);
    struct sfu_event event;
    T_CHECK(!sfu_take_event(sfu, &event));
    T_EQ(post(sfu, SFU_COMMAND_JOIN, 1000, 1, 0), BASE_ERR_NOT_FOUND); /* closed, and the event taken */
    sfu_destroy(sfu);
}

T_TEST(rooms_go_to_the_worker_with_the_fewest_people)
{
    struct sfu *sfu = start(3);
    struct sfu_ice_credentials credentials;
    struct sfu_event event;
    size_t rooms_of[3] = {0};
    for (uint64_t room = 1; room <= 9; room++) {
        T_EQ(post(sfu, SFU_COMMAND_ROOM_OPEN, room, 0, 0), 0);
        T_EQ(sfu_ice_credentials(sfu, room, &credentials), 0);
        T_EQ(strlen(credentials.ufrag), 8);
        T_EQ(strlen(credentials.pwd), 24);
        int worker = sfu_worker_of_ufrag(credentials.ufrag, 8);
        T_CHECK(worker >= 0 && worker < 3);
        rooms_of[worker]++;
    }
    for (size_t i = 0; i < 3; i++)
        T_EQ(rooms_of[i], 3);
    /* People on the workers of room 1 and 2: the next ones go to the third. */
    T_EQ(post(sfu, SFU_COMMAND_JOIN, 1, 1, 0), 0);
    T_EQ(post(sfu, SFU_COMMAND_JOIN, 2, 2, 0), 0);
    T_CHECK(next_event(sfu, &event) && next_event(sfu, &event));
    T_EQ(sfu_ice_credentials(sfu, 3, &credentials), 0);
    char third = credentials.ufrag[0];
    for (uint64_t room = 10; room < 13; room++) {
        T_EQ(post(sfu, SFU_COMMAND_ROOM_OPEN, room, 0, 0), 0);
        T_EQ(sfu_ice_credentials(sfu, room, &credentials), 0);
        T_EQ(credentials.ufrag[0], third);
    }
    T_EQ(post(sfu, SFU_COMMAND_ROOM_OPEN, 1, 0, 0), BASE_ERR_EXISTS);
    T_EQ(post(sfu, SFU_COMMAND_JOIN, 77, 0, 0), BASE_ERR_NOT_FOUND);
    T_EQ(post(sfu, SFU_COMMAND_STOP, 1, 0, 0), BASE_ERR_NOT_FOUND); /* not for callers */
    T_EQ(sfu_ice_credentials(sfu, 77, &credentials), BASE_ERR_NOT_FOUND);
    T_EQ(sfu_candidates(sfu, 77, NULL, 0), 0);
    sfu_destroy(sfu);
}

T_TEST(tracks_beyond_the_limit_are_refused)
{
    struct sfu *sfu = start(1);
    static struct sfu_down_track_config down[SFU_SUBSCRIPTIONS_MAX + 1];
    T_EQ(post(sfu, SFU_COMMAND_ROOM_OPEN, 1, 0, 0), 0);
    struct sfu_command command = {
        .kind = SFU_COMMAND_SUBSCRIBE, .room_id = 1, .down_count = SFU_SUBSCRIPTIONS_MAX + 1, .down = down};
    T_EQ(sfu_post(sfu, &command), BASE_ERR_INVALID);
    command.down_count = SFU_SUBSCRIPTIONS_MAX;
    for (size_t i = 0; i < SFU_SUBSCRIPTIONS_MAX; i++)
        down[i].track_id = i;
    T_EQ(sfu_post(sfu, &command), 0);
    struct sfu_event event;
    for (size_t i = 0; i < SFU_SUBSCRIPTIONS_MAX; i++) {
        T_CHECK(next_event(sfu, &event));
        T_EQ(event.track_id, i);
    }
    sfu_destroy(sfu);
}

T_TEST(the_engines_deadline_is_kept)
{
    struct sfu *sfu = start(2);
    struct sfu_event event;
    T_EQ(post(sfu, SFU_COMMAND_ROOM_OPEN, 1, 0, 0), 0);
    for (int i = 0; i < 20; i++) {
        uint64_t start_us = base_clock_us();
        T_EQ(post(sfu, SFU_COMMAND_MUTE, 1, 0, FAKE_TIMER), 0);
        T_CHECK(next_event(sfu, &event));
        T_EQ(event.kind, SFU_EVENT_SPEAKER);
        T_CHECK(base_clock_us() - start_us >= 5000);
        T_CHECK(base_clock_us() - start_us < 900000); /* not by the housekeeping */
    }
    sfu_destroy(sfu);
}

/* ---- full rings -------------------------------------------------------------------------------------------------- */

T_TEST(a_full_command_ring_refuses_and_recovers)
{
    struct sfu *sfu = start(2);
    struct sfu_event event;
    T_EQ(post(sfu, SFU_COMMAND_ROOM_OPEN, 1, 0, 0), 0);
    T_EQ(post(sfu, SFU_COMMAND_ROOM_OPEN, 2, 0, 0), 0);
    T_EQ(post(sfu, SFU_COMMAND_MUTE, 1, 0, FAKE_BLOCK), 0);
    sem_wait(&fake_blocked);
    uint64_t joined = 0;
    while (joined < 2 * SFU_WORKER_MESSAGES_MAX && post(sfu, SFU_COMMAND_LEAVE, 1, 9, 0) == 0)
        joined++;
    T_EQ(joined, SFU_WORKER_MESSAGES_MAX);
    T_EQ(post(sfu, SFU_COMMAND_JOIN, 1, 1, 0), BASE_ERR_FULL);
    /* The other worker goes on, a room for the blocked one is refused without a trace. */
    T_EQ(post(sfu, SFU_COMMAND_JOIN, 2, 1, 0), 0);
    T_CHECK(next_event(sfu, &event));
    T_EQ(event.room_id, 2);
    T_EQ(post(sfu, SFU_COMMAND_ROOM_OPEN, 3, 0, 0), BASE_ERR_FULL);
    sem_post(&fake_release);
    int err;
    do {
        err = post(sfu, SFU_COMMAND_JOIN, 1, 1, 0);
    } while (err == BASE_ERR_FULL);
    T_EQ(err, 0);
    T_CHECK(next_event(sfu, &event));
    T_EQ(event.room_id, 1);
    T_EQ(event.kind, SFU_EVENT_JOINED);
    sfu_destroy(sfu);
}

T_TEST(a_full_event_ring_loses_nothing_and_holds_up_no_packet)
{
    struct sfu *sfu = start(1);
    T_EQ(post(sfu, SFU_COMMAND_ROOM_OPEN, 1, 0, 0), 0);
    int client = udp_client(sfu, 1);
    const uint64_t count = 3 * SFU_WORKER_EVENTS_MAX;
    T_EQ(post(sfu, SFU_COMMAND_MUTE, 1, 0, count), 0);
    T_EQ(post(sfu, SFU_COMMAND_JOIN, 1, 5, 0), 0);
    for (int i = 0; i < 50; i++)
        T_CHECK(echoes(client, "while nobody takes events"));
    T_EQ(atomic_load(&notify_count), 1); /* once until the queue was drained */
    struct sfu_event event;
    for (uint64_t i = 0; i < count; i++) {
        T_CHECK(next_event(sfu, &event));
        T_EQ(event.kind, SFU_EVENT_QUALITY);
        T_EQ(event.track_id, i);
    }
    T_CHECK(next_event(sfu, &event));
    T_EQ(event.kind, SFU_EVENT_JOINED);
    T_CHECK(!sfu_take_event(sfu, &event));
    close(client);
    sfu_destroy(sfu);
}

/* ---- stop -------------------------------------------------------------------------------------------------------- */

static atomic_bool keep_going;

static void *flood_commands(void *arg)
{
    struct sfu *sfu = arg;
    for (uint64_t p = 1; atomic_load(&keep_going); p++) {
        post(sfu, SFU_COMMAND_JOIN, 1 + p % 6, p, 0);
        post(sfu, SFU_COMMAND_LEAVE, 1 + p % 6, p, 0);
    }
    return NULL;
}

static void *flood_packets(void *arg)
{
    int *fd = arg;
    while (atomic_load(&keep_going))
        send(*fd, "flood", 5, MSG_DONTWAIT);
    return NULL;
}

T_TEST(stop_while_busy_closes_every_room)
{
    struct sfu *sfu = start(3);
    for (uint64_t room = 1; room <= 6; room++)
        T_EQ(post(sfu, SFU_COMMAND_ROOM_OPEN, room, 0, 0), 0);
    int client = udp_client(sfu, 1);
    pthread_t commands, packets;
    atomic_store(&keep_going, true);
    pthread_create(&commands, NULL, flood_commands, sfu);
    pthread_create(&packets, NULL, flood_packets, &client);
    struct sfu_event event;
    for (int i = 0; i < 3000; i++)
        T_CHECK(next_event(sfu, &event));
    sfu_stop(sfu, 100);
    T_EQ(post(sfu, SFU_COMMAND_JOIN, 1, 1, 0), BASE_ERR_NOT_FOUND);
    T_EQ(post(sfu, SFU_COMMAND_ROOM_OPEN, 99, 1, 0), BASE_ERR_FULL);
    atomic_store(&keep_going, false);
    pthread_join(commands, NULL);
    pthread_join(packets, NULL);
    size_t closed = 0;
    while (sfu_take_event(sfu, &event)) {
        if (event.kind == SFU_EVENT_ROOM_CLOSED) {
            closed++;
            T_EQ(event.reason, SFU_REASON_SHUTDOWN);
        }
    }
    T_EQ(closed, 6);
    close(client);
    sfu_destroy(sfu);
}

T_TEST(events_beyond_the_ring_survive_stop)
{
    struct sfu *sfu = start(1);
    struct sfu_event event;
    const uint64_t count = 2 * SFU_WORKER_EVENTS_MAX + 10;
    T_EQ(post(sfu, SFU_COMMAND_ROOM_OPEN, 1, 0, 0), 0);
    T_EQ(post(sfu, SFU_COMMAND_MUTE, 1, 0, count), 0);
    sfu_stop(sfu, 0);
    for (uint64_t i = 0; i < count; i++) {
        T_CHECK(sfu_take_event(sfu, &event));
        T_EQ(event.track_id, i);
    }
    T_CHECK(sfu_take_event(sfu, &event));
    T_EQ(event.kind, SFU_EVENT_ROOM_CLOSED);
    T_CHECK(!sfu_take_event(sfu, &event));
    sfu_stop(sfu, 0); /* again: nothing happens */
    sfu_destroy(sfu);
}

/* ---- packets ----------------------------------------------------------------------------------------------------- */

T_TEST(datagrams_come_back_from_each_worker_also_when_it_rests)
{
    struct sfu_config config = test_config(3);
    struct sfu *sfu;
    config.coalesce_us = 2000;
    T_EQ(sfu_create(&sfu, &config), 0);
    for (uint64_t room = 1; room <= 3; room++) {
        T_EQ(post(sfu, SFU_COMMAND_ROOM_OPEN, room, 0, 0), 0);
        int client = udp_client(sfu, room);
        for (int i = 0; i < 20; i++)
            T_CHECK(echoes(client, "hello"));
        close(client);
    }
    sfu_destroy(sfu);
}

static size_t framed(uint8_t *out, const char *a, const char *b)
{
    size_t a_len = strlen(a), b_len = strlen(b);
    base_put_be16(out, (uint16_t)(a_len + b_len));
    memcpy(out + 2, a, a_len);
    memcpy(out + 2 + a_len, b, b_len);
    return 2 + a_len + b_len;
}

T_TEST(a_tcp_connection_reaches_the_worker_of_its_room)
{
    struct sfu *sfu = start(3);
    for (uint64_t room = 1; room <= 3; room++) {
        struct sfu_ice_credentials credentials;
        struct sfu_candidate candidates[4];
        union sfu_address address;
        uint8_t out[200], in[200];
        T_EQ(post(sfu, SFU_COMMAND_ROOM_OPEN, room, 0, 0), 0);
        T_EQ(sfu_ice_credentials(sfu, room, &credentials), 0);
        T_EQ(sfu_candidates(sfu, room, candidates, 4), 2);
        T_CHECK(!candidates[0].tcp && candidates[1].tcp && candidates[0].priority > candidates[1].priority);
        T_EQ(candidates[0].priority, (126u << 24) + (65535u << 8) + 255);
        T_STR_EQ(candidates[1].address, "127.0.0.1");
        T_EQ(sfu_address_parse(&address, candidates[1].address, candidates[1].port), 0);
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        T_EQ(connect(fd, &address.sa, sizeof address.in4), 0);
        size_t len = framed(out, "check", credentials.ufrag);
        len += framed(out + len, "and", "more");
        T_EQ(send(fd, out, len, 0), len);
        T_EQ(recv(fd, in, len, MSG_WAITALL), len);
        T_MEM_EQ(in, out, len);
        unsigned long closed = atomic_load(&fake_paths_closed);
        close(fd);
        /* The worker that had it says so. */
        uint64_t end_us = base_clock_us() + 5000000;
        while (atomic_load(&fake_paths_closed) == closed && base_clock_us() < end_us)
            sched_yield();
        T_EQ(atomic_load(&fake_paths_closed), closed + 1);
    }
    sfu_stop(sfu, 0);
    struct sfu_worker_stats stats[4];
    T_EQ(sfu_worker_stats(sfu, stats, 4), 3);
    for (size_t i = 0; i < 3; i++) {
        T_EQ(stats[i].tcp_accepted, 1);
        T_EQ(stats[i].tcp_connections, 0);
        T_EQ(stats[i].engine.datagrams_in, 2);
        T_CHECK(stats[i].iterations > 0 && stats[i].receive_buffer_bytes > 0 && stats[i].cpu_us > 0);
    }
    sfu_destroy(sfu);
}

T_TEST(a_tcp_connection_for_nobody_is_closed)
{
    struct sfu *sfu = start(2);
    struct sfu_candidate candidates[2];
    union sfu_address address;
    T_EQ(post(sfu, SFU_COMMAND_ROOM_OPEN, 1, 0, 0), 0);
    T_EQ(sfu_candidates(sfu, 1, candidates, 2), 2);
    T_EQ(sfu_address_parse(&address, candidates[1].address, candidates[1].port), 0);
    static const char *const ufrags[] = {"Zabcdefg", "A", "", "*abcdefg"}; /* worker 25; too short; no base64 */
    for (size_t i = 0; i < 4; i++) {
        uint8_t out[100];
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        T_EQ(connect(fd, &address.sa, sizeof address.in4), 0);
        size_t len = framed(out, "check", ufrags[i]);
        T_EQ(send(fd, out, len, 0), len);
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        T_EQ(poll(&poll_fd, 1, 5000), 1);
        T_CHECK(recv(fd, out, 1, 0) <= 0);
        close(fd);
    }
    sfu_destroy(sfu);
}

/* ---- creation ---------------------------------------------------------------------------------------------------- */

T_TEST(bad_configurations)
{
    struct sfu *sfu;
    struct sfu_config config = test_config(0);
    T_EQ(sfu_create(&sfu, &config), BASE_ERR_INVALID);
    config.worker_count = 65;
    T_EQ(sfu_create(&sfu, &config), BASE_ERR_INVALID);
    config.worker_count = 2;
    config.udp_port = 65535;
    T_EQ(sfu_create(&sfu, &config), BASE_ERR_INVALID);
    config.udp_port = 0;
    config.listen_address = "localhost";
    T_EQ(sfu_create(&sfu, &config), BASE_ERR_INVALID);
    config.listen_address = "127.0.0.1";
    config.public_addresses[0] = "not an address";
    config.public_address_count = 1;
    T_EQ(sfu_create(&sfu, &config), BASE_ERR_INVALID);
    T_CHECK(sfu == NULL);
}

T_TEST(a_port_in_use_is_told_with_its_errno)
{
    struct sfu *first = start(1), *second = NULL;
    struct sfu_candidate candidates[2];
    T_EQ(post(first, SFU_COMMAND_ROOM_OPEN, 1, 0, 0), 0);
    T_EQ(sfu_candidates(first, 1, candidates, 2), 2);
    struct sfu_config config = test_config(1);
    config.udp_port = candidates[0].port;
    errno = 0;
    T_EQ(sfu_create(&second, &config), BASE_ERR_IO);
    T_EQ(errno, EADDRINUSE);
    config.udp_port = 0;
    config.tcp_port = candidates[1].port;
    errno = 0;
    T_EQ(sfu_create(&second, &config), BASE_ERR_IO);
    T_EQ(errno, EADDRINUSE);
    T_CHECK(second == NULL);
    sfu_destroy(first);
}

T_TEST(public_addresses_are_advertised_in_their_order)
{
    struct sfu *sfu;
    struct sfu_candidate candidates[8];
    struct sfu_config config = test_config(1);
    config.listen_address = "0.0.0.0";
    config.public_addresses[0] = "192.0.2.1";
    config.public_addresses[1] = "2001:db8::1";
    config.public_address_count = 2;
    T_EQ(sfu_create(&sfu, &config), 0);
    T_EQ(post(sfu, SFU_COMMAND_ROOM_OPEN, 1, 0, 0), 0);
    T_EQ(sfu_candidates(sfu, 1, candidates, 8), 4);
    T_STR_EQ(candidates[0].address, "192.0.2.1");
    T_STR_EQ(candidates[1].address, "2001:db8::1");
    for (size_t i = 1; i < 4; i++)
        T_CHECK(candidates[i].priority < candidates[i - 1].priority);
    T_CHECK(!candidates[1].tcp && candidates[2].tcp);
    T_EQ(sfu_candidates(sfu, 1, candidates, 3), 3);
    T_EQ(sfu_fingerprint(sfu)[2], 3);
    sfu_destroy(sfu);
}

T_MAIN(T_CASE(many_rooms_on_three_workers_keep_their_order), T_CASE(rooms_go_to_the_worker_with_the_fewest_people),
       T_CASE(tracks_beyond_the_limit_are_refused), T_CASE(the_engines_deadline_is_kept),
       T_CASE(a_full_command_ring_refuses_and_recovers), T_CASE(a_full_event_ring_loses_nothing_and_holds_up_no_packet),
       T_CASE(stop_while_busy_closes_every_room), T_CASE(events_beyond_the_ring_survive_stop),
       T_CASE(datagrams_come_back_from_each_worker_also_when_it_rests),
       T_CASE(a_tcp_connection_reaches_the_worker_of_its_room), T_CASE(a_tcp_connection_for_nobody_is_closed),
       T_CASE(bad_configurations), T_CASE(a_port_in_use_is_told_with_its_errno),
       T_CASE(public_addresses_are_advertised_in_their_order))
