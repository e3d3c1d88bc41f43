/* SPDX-License-Identifier: Apache-2.0 */
/* The networks that the load tool makes worse on purpose: they must be as bad as they say, and not worse. */
#include "base/deadline.h"
#include "base/err.h"
#include "bench/client/network_profile.h"
#include "tests/support/test.h"

#define UP   BENCH_NETWORK_UP
#define DOWN BENCH_NETWORK_DOWN

/* Within a share of what is expected. */
static bool near(double value, double expected, double share)
{
    double difference = value > expected ? value - expected : expected - value;
    return difference <= share * expected;
}

static struct bench_network_line *make(const char *text, uint64_t seed)
{
    struct bench_network_profile profile;
    struct bench_network_line *line;
    char error[BENCH_NETWORK_ERROR_MAX];
    if (bench_network_profile_parse(&profile, text, error) != 0) {
        printf("    %s\n", error);
        return NULL;
    }
    return bench_network_line_create(&line, &profile, seed) == 0 ? line : NULL;
}

static void send(struct bench_network_line *line, uint64_t now_us, enum bench_network_way way, uint32_t number)
{
    bench_network_line_send(line, now_us, way, false, NULL, (const uint8_t *)&number, sizeof number);
}

/* The number of the next packet; UINT32_MAX: none. */
static uint32_t take(struct bench_network_line *line, uint64_t now_us, uint64_t *arrival_us)
{
    enum bench_network_way way;
    void *tag;
    size_t len;
    uint32_t number;
    const uint8_t *data = bench_network_line_take(line, now_us, &way, &tag, &len, arrival_us);
    if (data == NULL)
        return UINT32_MAX;
    memcpy(&number, data, sizeof number);
    return number;
}

/* ---- text ----------------------------------------------------------------------------------------------------- */

T_TEST(names_and_changes)
{
    struct bench_network_profile profile;
    char error[BENCH_NETWORK_ERROR_MAX];
    size_t count = 0;
    for (const struct bench_network_profile *it; (it = bench_network_profile_known(count)) != NULL; count++) {
        T_EQ(bench_network_profile_parse(&profile, it->name, error), 0);
        T_STR_EQ(profile.name, it->name);
        T_CHECK(memcmp(&profile, it, sizeof profile) == 0);
    }
    T_EQ(count, 6);
    T_EQ(bench_network_profile_parse(&profile, "hospital-tcp", error), 0);
    T_CHECK(profile.udp_blocked && profile.up.delay_us == 20000 && profile.down.delay_us == 20000);

    T_EQ(bench_network_profile_parse(
             &profile, "loss=2%,burst=3,delay=40ms,jitter=10ms,up=1M,down=4.5M,queue=0.25s,udp=off", error),
         0);
    T_STR_EQ(profile.name, "custom");
    T_CHECK(near(profile.up.loss, 0.02, 1e-9) && near(profile.down.loss, 0.02, 1e-9));
    T_CHECK(profile.up.burst == 3 && profile.down.burst == 3);
    T_CHECK(profile.up.delay_us == 40000 && profile.down.delay_us == 40000 && profile.up.jitter_us == 10000);
    T_EQ(profile.up.rate_bps, 1000000);
    T_EQ(profile.down.rate_bps, 4500000);
    T_EQ(profile.down.queue_us, 250000);
    T_CHECK(profile.udp_blocked);

    T_EQ(bench_network_profile_parse(&profile, "hospital-tcp,udp=on,loss=0.5", error), 0);
    T_STR_EQ(profile.name, "hospital-tcp+");
    T_CHECK(!profile.udp_blocked && profile.up.loss == 0.5 && profile.up.delay_us == 20000);
}

T_TEST(nonsense_is_refused_with_a_reason)
{
    static const char *const bad[] = {
        "",         "nothing",   "loss",         "loss=",     "loss=101%",   "loss=-1%",     "loss=nan",
        "loss=2%%", "delay=40",  "delay=1h",     "delay=11s", "jitter=-1ms", "up=4",         "up=fast",
        "down=1MM", "udp=maybe", "speed=1",      "wifi,",     "wifi,4g",     "loss=2%,wifi", "burst=2000",
        "burst=1x", "up=1e6",    "delay=0x10ms", "=2",        "wifi,loss",   "Wifi",         "up=99999G"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct bench_network_profile profile = {.name = "kept"};
        char error[BENCH_NETWORK_ERROR_MAX];
        if (bench_network_profile_parse(&profile, bad[i], error) == 0)
            printf("    taken: %s\n", bad[i]);
        T_EQ(bench_network_profile_parse(&profile, bad[i], error), BASE_ERR_INVALID);
        T_CHECK(error[0] != 0);
        T_STR_EQ(profile.name, "kept");
    }
    struct bench_network_profile profile;
    char error[BENCH_NETWORK_ERROR_MAX], text[400];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    T_EQ(bench_network_profile_parse(&profile, text, error), BASE_ERR_INVALID);
}

/* ---- loss ----------------------------------------------------------------------------------------------------- */

#define MANY 200000u

/* Sends MANY; returns the share that was lost, and the mean length of a run of losses. */
static double measure_loss(const char *text, uint64_t seed, double *run, uint64_t *hash)
{
    struct bench_network_line *line = make(text, seed);
    uint32_t lost = 0, runs = 0;
    bool before = false;
    if (hash != NULL)
        *hash = 0;
    for (uint32_t i = 0; i < MANY; i++) {
        uint64_t arrival_us;
        send(line, i, UP, i);
        bool gone = take(line, i, &arrival_us) == UINT32_MAX;
        lost += gone;
        runs += gone && !before;
        before = gone;
        if (hash != NULL && gone)
            *hash = *hash * 31 + i;
    }
    if (bench_network_line_counters(line, UP)->lost != lost || bench_network_line_counters(line, UP)->packets != MANY)
        lost = MANY;
    bench_network_line_destroy(line);
    *run = runs != 0 ? (double)lost / runs : 0;
    return (double)lost / MANY;
}

T_TEST(loss_and_its_runs_are_as_said)
{
    static const struct {
        const char *text;
        double loss, run;
    } cases[] = {{"loss=0", 0, 0},
                 {"loss=2%", 0.02, 1 / 0.98},
                 {"loss=2%,burst=1", 0.02, 1 / 0.98},
                 {"loss=2%,burst=3", 0.02, 3},
                 {"loss=10%,burst=8", 0.1, 8},
                 {"loss=50%,burst=2", 0.5, 2},
                 {"loss=100%,burst=5", 1, MANY}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double run, loss = measure_loss(cases[i].text, 7 + i, &run, NULL);
        if (!near(loss, cases[i].loss, 0.08) || !near(run, cases[i].run, 0.08))
            printf("    %s: %.4f in runs of %.2f\n", cases[i].text, loss, run);
        T_CHECK(near(loss, cases[i].loss, 0.08) && near(run, cases[i].run, 0.08));
    }
}

T_TEST(the_same_seed_loses_the_same)
{
    uint64_t first, again, other;
    double run;
    measure_loss("loss=5%,burst=2,jitter=3ms", 42, &run, &first);
    measure_loss("loss=5%,burst=2,jitter=3ms", 42, &run, &again);
    measure_loss("loss=5%,burst=2,jitter=3ms", 43, &run, &other);
    T_CHECK(first == again && first != other);
    /* and both directions of one line lose different ones */
    struct bench_network_line *line = make("loss=50%", 1);
    unsigned same = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        uint64_t lost[2];
        for (int way = 0; way < 2; way++) {
            lost[way] = bench_network_line_counters(line, (enum bench_network_way)way)->lost;
            send(line, i, (enum bench_network_way)way, i);
            lost[way] = bench_network_line_counters(line, (enum bench_network_way)way)->lost - lost[way];
        }
        same += lost[0] == lost[1];
    }
    T_CHECK(same > 400 && same < 600);
    bench_network_line_destroy(line);
}

/* ---- time ----------------------------------------------------------------------------------------------------- */

T_TEST(delay_jitter_and_order)
{
    struct bench_network_line *line = make("delay=40ms,jitter=30ms", 3);
    uint64_t arrival_us, last_us = 0, spread_min_us = UINT64_MAX, spread_max_us = 0;
    T_EQ(bench_network_line_deadline_us(line), BASE_NEVER_US);
    for (uint32_t i = 0; i < 1000; i++)
        send(line, i * 50000u, DOWN, i);
    T_EQ(take(line, 39999, &arrival_us), UINT32_MAX);
    for (uint32_t i = 0; i < 1000; i++) {
        uint64_t due_us = bench_network_line_deadline_us(line);
        T_EQ(take(line, due_us - 1, &arrival_us), UINT32_MAX);
        T_EQ(take(line, due_us + 500000, &arrival_us), i); /* in order, however late it is asked for */
        T_EQ(arrival_us, due_us);
        T_CHECK(arrival_us >= last_us);
        uint64_t way_us = arrival_us - i * 50000u;
        T_CHECK(way_us >= 40000 && way_us <= 70000);
        spread_min_us = way_us < spread_min_us ? way_us : spread_min_us;
        spread_max_us = way_us > spread_max_us ? way_us : spread_max_us;
        last_us = arrival_us;
    }
    T_CHECK(spread_min_us < 41000 && spread_max_us > 69000);
    T_EQ(bench_network_line_deadline_us(line), BASE_NEVER_US);
    /* closer together than the jitter: the order is kept all the same */
    last_us = 0;
    for (uint32_t i = 0; i < 1000; i++)
        send(line, 60000000u + i * 100u, DOWN, i);
    for (uint32_t i = 0; i < 1000; i++) {
        T_EQ(take(line, UINT64_MAX - 1, &arrival_us), i);
        T_CHECK(arrival_us >= last_us);
        last_us = arrival_us;
    }
    bench_network_line_destroy(line);
}

T_TEST(a_rate_limit_limits)
{
    struct bench_network_line *line = make("up=1M,queue=100ms", 3);
    uint8_t data[972] = {0}; /* with its headers 8,000 bits: 8 ms */
    uint64_t arrival_us, last_us = 0;
    unsigned arrived = 0;
    enum bench_network_way way;
    void *tag;
    size_t len;
    for (unsigned i = 0; i < 1000; i++) /* 2 Mbit/s for 4 s */
        bench_network_line_send(line, i * 4000u, UP, false, NULL, data, sizeof data);
    while (bench_network_line_take(line, UINT64_MAX - 1, &way, &tag, &len, &arrival_us) != NULL) {
        T_CHECK(arrived == 0 || arrival_us - last_us == 8000);
        T_EQ(len, sizeof data);
        last_us = arrival_us;
        arrived++;
    }
    const struct bench_network_counters *counters = bench_network_line_counters(line, UP);
    T_EQ(counters->overflowed + arrived, 1000);
    T_EQ(counters->lost, 0);
    T_CHECK(arrived >= 510 && arrived <= 516);        /* 4 s at the rate, and the queue */
    T_CHECK(last_us > 4080000 && last_us <= 4120000); /* nobody waits longer than the queue is */
    bench_network_line_send(line, 10000000, UP, false, NULL, data, sizeof data); /* it has emptied */
    T_EQ(bench_network_line_deadline_us(line), 10008000);
    /* the other direction has no limit */
    bench_network_line_send(line, 10000000, DOWN, false, NULL, data, sizeof data);
    T_EQ(bench_network_line_deadline_us(line), 10000000);
    bench_network_line_destroy(line);
}

/* ---- TCP, and packets that nobody waits for -------------------------------------------------------------------- */

T_TEST(tcp_loses_nothing_but_time)
{
    struct bench_network_line *line = make("loss=10%,delay=30ms", 5);
    uint64_t arrival_us, last_us = 0, late = 0;
    enum bench_network_way way;
    void *tag;
    size_t len;
    for (uint32_t i = 0; i < 1000; i++)
        bench_network_line_send(line, i * 1000u, UP, true, NULL, (const uint8_t *)&i, sizeof i);
    for (uint32_t i = 0; i < 1000; i++) {
        uint32_t number;
        const uint8_t *data = bench_network_line_take(line, UINT64_MAX - 1, &way, &tag, &len, &arrival_us);
        T_CHECK(data != NULL);
        memcpy(&number, data, sizeof number);
        T_EQ(number, i);
        T_CHECK(arrival_us >= last_us && arrival_us >= i * 1000u + 30000 && arrival_us <= i * 1000u + 90000);
        late += arrival_us > i * 1000u + 30000;
        last_us = arrival_us;
    }
    T_CHECK(late > 900); /* those behind wait too */
    T_EQ(bench_network_line_counters(line, UP)->overflowed, 0);
    T_CHECK(bench_network_line_counters(line, UP)->lost > 60);
    T_EQ(bench_network_line_counters(line, UP)->media, 0); /* nothing that a server could be excused for */
    bench_network_line_destroy(line);
}

/* What a server is excused for: packets of media, not reports about them, nor what TCP brings later. */
T_TEST(lost_media_are_counted_apart)
{
    static const uint8_t rtp[] = {0x90, 0xE0, 0, 1}, report[] = {0x80, 201, 0, 1}, check[] = {0, 1, 0, 0};
    struct bench_network_line *line = make("loss=100%", 5);
    bench_network_line_send(line, 1000, DOWN, false, NULL, report, sizeof report);
    bench_network_line_send(line, 1000, DOWN, false, NULL, check, sizeof check);
    bench_network_line_send(line, 1000, DOWN, true, NULL, rtp, sizeof rtp);
    T_EQ(bench_network_line_counters(line, DOWN)->lost, 3);
    T_EQ(bench_network_line_counters(line, DOWN)->media, 0);
    bench_network_line_send(line, 1000, DOWN, false, NULL, rtp, sizeof rtp);
    T_EQ(bench_network_line_counters(line, DOWN)->media, 1);
    T_EQ(bench_network_line_counters(line, DOWN)->overflowed, 0);
    bench_network_line_destroy(line);
}

T_TEST(a_closed_socket_is_forgotten)
{
    struct bench_network_line *line = make("delay=10ms", 5);
    int a, b;
    enum bench_network_way way;
    void *tag;
    size_t len;
    uint64_t arrival_us;
    for (uint32_t i = 0; i < 30; i++)
        bench_network_line_send(line, i, i % 2 ? UP : DOWN, i % 5 == 0, i % 3 ? (void *)&a : (void *)&b,
                                (const uint8_t *)&i, sizeof i);
    bench_network_line_forget(line, &a);
    for (uint32_t i = 0; i < 30; i += 3) {
        T_CHECK(bench_network_line_take(line, 100000, &way, &tag, &len, &arrival_us) != NULL);
        T_CHECK(tag == &b);
    }
    T_CHECK(bench_network_line_take(line, 100000, &way, &tag, &len, &arrival_us) == NULL);
    bench_network_line_forget(line, &b);
    send(line, 200000, UP, 7); /* and goes on */
    T_EQ(take(line, 210000, &arrival_us), 7);
    send(line, 300000, UP, 8); /* freed with the line */
    bench_network_line_destroy(line);
    bench_network_line_destroy(NULL);
}

T_TEST(an_empty_packet_is_one)
{
    struct bench_network_line *line = make("delay=1ms", 5);
    enum bench_network_way way;
    void *tag;
    size_t len;
    uint64_t arrival_us;
    bench_network_line_send(line, 0, DOWN, false, line, (const uint8_t *)"", 0);
    T_CHECK(bench_network_line_take(line, 1000, &way, &tag, &len, &arrival_us) != NULL);
    T_CHECK(len == 0 && way == DOWN && tag == line && arrival_us == 1000);
    bench_network_line_destroy(line);
}

T_MAIN(T_CASE(names_and_changes), T_CASE(nonsense_is_refused_with_a_reason), T_CASE(loss_and_its_runs_are_as_said),
       T_CASE(the_same_seed_loses_the_same), T_CASE(delay_jitter_and_order), T_CASE(a_rate_limit_limits),
       T_CASE(tcp_loses_nothing_but_time), T_CASE(lost_media_are_counted_apart), T_CASE(a_closed_socket_is_forgotten),
       T_CASE(an_empty_packet_is_one))
