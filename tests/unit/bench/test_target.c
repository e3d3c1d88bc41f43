/* SPDX-License-Identifier: Apache-2.0 */
/* What starts a server and looks at it, without one: processes, readings, /metrics. The servers themselves:
 * tests/integration/test_targets.c. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "bench/target/process.h"
#include "bench/target/target_internal.h"
#include "tests/support/test.h"

T_TEST(metrics_by_their_standard_names)
{
    struct bench_target_reading reading;
    bench_metrics_read("# HELP process_cpu_seconds_total x\nprocess_cpu_seconds_total 12.5\n"
                       "process_cpu_seconds_total_other 99\nprocess_resident_memory_bytes 1.5e+07\n",
                       &reading);
    T_CHECK(reading.has_cpu && reading.has_memory);
    T_EQ(reading.cpu_us, 12500000);
    T_EQ(reading.memory_bytes, 15000000);
    bench_metrics_read("consilium_uptime_seconds 3\nprocess_cpu_seconds_total NaN\nprocess_resident_memory_bytes -1",
                       &reading);
    T_CHECK(!reading.has_cpu && !reading.has_memory);
    bench_metrics_read("", &reading);
    T_CHECK(!reading.has_cpu);
}

T_TEST(a_process_is_started_read_and_ended_with_its_folder)
{
    struct bench_process process;
    struct bench_process_use use;
    static const char *const argv[] = {"sleep", "60", NULL};
    T_EQ(bench_process_prepare(&process), 0);
    T_EQ(access(process.folder, X_OK), 0);
    T_EQ(bench_process_start(&process, argv, -1), 0);
    T_STR_EQ(process.command, "sleep 60");
    T_CHECK(bench_process_alive(&process));
    T_EQ(bench_process_read(process.pid, true, &use), 0);
    T_EQ(use.threads, 1);
    T_EQ(use.socket_drops, 0);
    char folder[64];
    int pid = process.pid;
    snprintf(folder, sizeof folder, "%s", process.folder);
    bench_process_stop(&process);
    T_CHECK(!bench_process_alive(&process));
    T_CHECK(access(folder, F_OK) != 0);
    T_EQ(bench_process_read(pid, false, &use), BASE_ERR_NOT_FOUND);
    bench_process_stop(&process); /* once more does no harm */
}

T_TEST(a_program_that_is_not_there_or_ends_at_once)
{
    struct bench_process process;
    static const char *const missing[] = {"consilium-no-such-program", NULL};
    static const char *const talks[] = {"sh", "-c", "echo first; echo 'the last words'; echo; exit 3", NULL};
    T_EQ(bench_process_prepare(&process), 0);
    T_EQ(bench_process_start(&process, missing, -1), BASE_ERR_NOT_FOUND);
    T_EQ(bench_process_start(&process, talks, -1), 0);
    for (uint64_t limit_us = base_clock_us() + 5000000; bench_process_alive(&process) && base_clock_us() < limit_us;)
        usleep(1000);
    T_CHECK(!bench_process_alive(&process));
    char words[64];
    bench_process_last_words(&process, words, sizeof words);
    T_STR_EQ(words, "the last words");
    bench_process_stop(&process);
    bench_process_output(talks, words, sizeof words);
    T_STR_EQ(words, "first");
    bench_process_output(missing, words, sizeof words);
    T_STR_EQ(words, "");
}

/* A socket with little room that nobody reads. */
T_TEST(drops_of_its_sockets_are_counted)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int small = 4096, in = socket(AF_INET, SOCK_DGRAM, 0), out = socket(AF_INET, SOCK_DGRAM, 0);
    T_CHECK(in >= 0 && out >= 0);
    T_EQ(setsockopt(in, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    T_EQ(bind(in, (struct sockaddr *)&address, len), 0);
    T_EQ(getsockname(in, (struct sockaddr *)&address, &len), 0);
    struct bench_process_use before, after;
    T_EQ(bench_process_read(getpid(), true, &before), 0);
    char datagram[1000] = {0};
    for (int i = 0; i < 100; i++)
        T_EQ(sendto(out, datagram, sizeof datagram, 0, (struct sockaddr *)&address, len), sizeof datagram);
    T_EQ(bench_process_read(getpid(), true, &after), 0);
    T_CHECK(after.socket_drops >= before.socket_drops + 90);
    T_CHECK(after.memory_bytes > 100000);
    close(in);
    close(out);
}

T_TEST(wrong_configurations_are_one_line)
{
    struct bench_target *target;
    char error[BENCH_TARGET_ERROR_MAX];
    struct bench_target_config config = {.url = "gopher://x"};
    T_EQ(bench_target_open(&target, &config, error), BASE_ERR_INVALID);
    T_CHECK(target == NULL && strstr(error, "gopher://x") != NULL);
    config.url = NULL;
    T_EQ(bench_target_open(&target, &config, error), BASE_ERR_INVALID);
    T_CHECK(bench_raise_descriptors() > 0);
}

/* A server that no longer answers /metrics: its CPU has not stopped. */
T_TEST(old_readings_say_nothing)
{
    struct bench_target_reading reading;
    struct bench_target target = {.scraped = {.has_cpu = true, .has_memory = true, .cpu_us = 5},
                                  .scraped_us = base_clock_us()};
    bench_target_read(&target, &reading);
    T_CHECK(reading.has_cpu && reading.cpu_us == 5);
    target.scraped_us -= BENCH_TARGET_STALE_US + 1;
    bench_target_read(&target, &reading);
    T_CHECK(!reading.has_cpu && !reading.has_memory);
}

T_MAIN(T_CASE(metrics_by_their_standard_names), T_CASE(a_process_is_started_read_and_ended_with_its_folder),
       T_CASE(a_program_that_is_not_there_or_ends_at_once), T_CASE(drops_of_its_sockets_are_counted),
       T_CASE(wrong_configurations_are_one_line), T_CASE(old_readings_say_nothing))
