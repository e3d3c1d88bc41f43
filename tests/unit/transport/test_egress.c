/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "base/random.h"
#include "sfu/transport/egress.h"
#include "tests/support/test.h"

#include <arpa/inet.h>
#include <stdlib.h>

static struct sfu_path path_of(uint16_t port)
{
    struct sfu_path path = {0};
    path.remote.in4.sin_family = AF_INET;
    path.remote.in4.sin_addr.s_addr = htonl(0xc0000201);
    path.remote.in4.sin_port = htons(port);
    return path;
}

static bool put(struct sfu_egress *egress, struct sfu_egress_dest *dest, size_t bytes, uint8_t fill)
{
    uint8_t *out = sfu_egress_reserve(egress, dest, bytes);
    if (out == NULL)
        return false;
    memset(out, fill, bytes);
    sfu_egress_commit(egress, dest, bytes);
    return true;
}

T_TEST(equal_packets_form_one_run)
{
    struct sfu_egress *egress;
    struct sfu_egress_dest dest = {.path = path_of(1)};
    size_t count;
    T_EQ(sfu_egress_create(&egress, 4), 0);
    for (uint8_t i = 0; i < 10; i++)
        T_CHECK(put(egress, &dest, 1000, i));
    const struct sfu_egress_run *runs = sfu_egress_runs(egress, &count);
    T_EQ(count, 1);
    T_EQ(runs[0].segment_count, 10);
    T_EQ(runs[0].segment_bytes, 1000);
    T_EQ(runs[0].bytes, 10000);
    T_CHECK(sfu_path_equal(&runs[0].path, &dest.path));
    for (size_t i = 0; i < 10000; i++)
        T_EQ(runs[0].data[i], i / 1000);
    T_EQ(sfu_egress_counters(egress)->packets, 10);
    T_EQ(sfu_egress_counters(egress)->runs, 1);
    sfu_egress_destroy(egress);
}

T_TEST(a_shorter_packet_ends_a_run_and_a_longer_one_starts_another)
{
    struct sfu_egress *egress;
    struct sfu_egress_dest dest = {.path = path_of(1)};
    size_t count;
    T_EQ(sfu_egress_create(&egress, 4), 0);
    const size_t sizes[] = {500, 500, 400, 400, 300, 301, 301};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        T_CHECK(put(egress, &dest, sizes[i], 0));
    const struct sfu_egress_run *runs = sfu_egress_runs(egress, &count);
    T_EQ(count, 3);
    T_EQ(runs[0].segment_bytes, 500);
    T_EQ(runs[0].segment_count, 3);
    T_EQ(runs[0].bytes, 1400);
    T_EQ(runs[1].segment_bytes, 400);
    T_EQ(runs[1].segment_count, 2);
    T_EQ(runs[1].bytes, 700);
    T_EQ(runs[2].segment_bytes, 301);
    T_EQ(runs[2].segment_count, 2);
    T_CHECK(runs[1].data == runs[0].data + 1400);
    sfu_egress_destroy(egress);
}

T_TEST(a_run_has_at_most_64_segments)
{
    struct sfu_egress *egress;
    struct sfu_egress_dest dest = {.path = path_of(1)};
    size_t count;
    T_EQ(sfu_egress_create(&egress, 4), 0);
    for (int i = 0; i < 65; i++)
        T_CHECK(put(egress, &dest, 100, 0));
    const struct sfu_egress_run *runs = sfu_egress_runs(egress, &count);
    T_EQ(count, 2);
    T_EQ(runs[0].segment_count, SFU_EGRESS_RUN_SEGMENTS_MAX);
    T_EQ(runs[1].segment_count, 1);
    sfu_egress_destroy(egress);
}

T_TEST(what_does_not_fit_takes_a_new_chunk_and_a_new_run)
{
    struct sfu_egress *egress;
    struct sfu_egress_dest dest = {.path = path_of(1)};
    size_t count;
    T_EQ(sfu_egress_create(&egress, 2), 0);
    for (int i = 0; i < 20; i++) /* 20 x 2,000 bytes: ten in each chunk */
        T_CHECK(put(egress, &dest, 2000, 0));
    T_CHECK(!put(egress, &dest, 2000, 0));
    T_EQ(sfu_egress_counters(egress)->dropped, 1);
    T_CHECK(put(egress, &dest, 480, 0)); /* the rest of the last chunk */
    T_CHECK(!put(egress, &dest, 1, 0));
    T_EQ(sfu_egress_send(egress, &dest.path, (const uint8_t *)"x", 1), BASE_ERR_FULL);
    const struct sfu_egress_run *runs = sfu_egress_runs(egress, &count);
    T_EQ(count, 2);
    T_EQ(runs[0].segment_count, 10);
    T_EQ(runs[1].segment_count, 11);
    sfu_egress_reset(egress);
    sfu_egress_runs(egress, &count);
    T_EQ(count, 0);
    T_CHECK(put(egress, &dest, 2000, 0));
    sfu_egress_destroy(egress);
}

T_TEST(a_change_of_path_starts_a_run)
{
    struct sfu_egress *egress;
    struct sfu_egress_dest dest = {.path = path_of(1)};
    size_t count;
    T_EQ(sfu_egress_create(&egress, 2), 0);
    T_CHECK(put(egress, &dest, 100, 0));
    dest.path = path_of(2);
    dest.path_version++;
    T_CHECK(put(egress, &dest, 100, 0));
    const struct sfu_egress_run *runs = sfu_egress_runs(egress, &count);
    T_EQ(count, 2);
    T_CHECK(!sfu_path_equal(&runs[0].path, &runs[1].path));
    sfu_egress_destroy(egress);
}

T_TEST(reserve_without_commit_never_was)
{
    struct sfu_egress *egress;
    struct sfu_egress_dest dest = {.path = path_of(1)};
    size_t count;
    T_EQ(sfu_egress_create(&egress, 2), 0);
    uint8_t *first = sfu_egress_reserve(egress, &dest, 100);
    T_CHECK(first != NULL && sfu_egress_reserve(egress, &dest, 200) == first);
    sfu_egress_runs(egress, &count);
    T_EQ(count, 0);
    memset(first, 1, 100);
    sfu_egress_commit(egress, &dest, 60); /* less than reserved */
    T_CHECK(sfu_egress_reserve(egress, &dest, 100) == first + 60);
    sfu_egress_destroy(egress);
}

T_TEST(single_packets_keep_their_paths)
{
    struct sfu_egress *egress;
    size_t count;
    T_EQ(sfu_egress_create(&egress, 1), 0);
    struct sfu_path a = path_of(1), b = path_of(2);
    T_EQ(sfu_egress_send(egress, &a, (const uint8_t *)"1", 1), 0);
    T_EQ(sfu_egress_send(egress, &b, (const uint8_t *)"2", 1), 0);
    T_EQ(sfu_egress_send(egress, &b, (const uint8_t *)"3", 1), 0);
    const struct sfu_egress_run *runs = sfu_egress_runs(egress, &count);
    T_EQ(count, 2);
    T_CHECK(sfu_path_equal(&runs[0].path, &a) && sfu_path_equal(&runs[1].path, &b));
    T_EQ(runs[1].bytes, 2);
    T_MEM_EQ(runs[1].data, "23", 2);
    sfu_egress_destroy(egress);
}

T_TEST(runs_are_bounded)
{
    struct sfu_egress *egress;
    size_t count, sent = 0;
    T_EQ(sfu_egress_create(&egress, 1), 0);
    for (uint16_t i = 1; i <= 200; i++) {
        struct sfu_path path = path_of(i);
        sent += sfu_egress_send(egress, &path, (const uint8_t *)"x", 1) == 0;
    }
    sfu_egress_runs(egress, &count);
    T_EQ(count, sent);
    T_CHECK(sent < 200);
    T_EQ(sfu_egress_counters(egress)->dropped, 200 - sent);
    sfu_egress_destroy(egress);
}

/* Packets of random sizes to several destinations: cutting the runs as the kernel does gives every destination its
 * packets back, in order. */
T_TEST(random_packets_come_out_in_order)
{
    enum { DESTS = 7, PACKETS = 200 };
    struct sfu_egress *egress;
    struct sfu_egress_dest dests[DESTS] = {0};
    uint64_t rng = 1;
    T_EQ(sfu_egress_create(&egress, 64), 0);
    for (uint16_t d = 0; d < DESTS; d++)
        dests[d].path = path_of((uint16_t)(d + 1));
    for (int round = 0; round < 50; round++) {
        uint8_t next_out[DESTS] = {0}, next_in[DESTS] = {0};
        uint16_t sizes[DESTS][256];
        for (int i = 0; i < PACKETS; i++) {
            size_t d = base_prng_next(&rng) % DESTS;
            uint16_t bytes = (uint16_t)(base_prng_next(&rng) % 3 ? 1100 : 1 + base_prng_next(&rng) % 1400);
            T_CHECK(put(egress, &dests[d], bytes, next_out[d]));
            sizes[d][next_out[d]++] = bytes;
        }
        size_t count;
        const struct sfu_egress_run *runs = sfu_egress_runs(egress, &count);
        for (size_t r = 0; r < count; r++) {
            size_t d = (size_t)ntohs(runs[r].path.remote.in4.sin_port) - 1;
            unsigned segments = 0;
            for (uint32_t at = 0; at < runs[r].bytes; at += runs[r].segment_bytes, segments++) {
                uint32_t left = runs[r].bytes - at;
                T_EQ(left < runs[r].segment_bytes ? left : runs[r].segment_bytes, sizes[d][next_in[d]]);
                T_EQ(runs[r].data[at], next_in[d]);
                next_in[d]++;
            }
            T_EQ(segments, runs[r].segment_count);
        }
        T_MEM_EQ(next_in, next_out, DESTS);
        sfu_egress_reset(egress);
    }
    sfu_egress_destroy(egress);
}

T_TEST(create_checks_its_argument)
{
    struct sfu_egress *egress;
    T_EQ(sfu_egress_create(&egress, 0), BASE_ERR_INVALID);
    T_CHECK(egress == NULL);
    T_EQ(sfu_egress_create(&egress, SIZE_MAX), BASE_ERR_INVALID);
}

T_MAIN(T_CASE(equal_packets_form_one_run), T_CASE(a_shorter_packet_ends_a_run_and_a_longer_one_starts_another),
       T_CASE(a_run_has_at_most_64_segments), T_CASE(what_does_not_fit_takes_a_new_chunk_and_a_new_run),
       T_CASE(a_change_of_path_starts_a_run), T_CASE(reserve_without_commit_never_was),
       T_CASE(single_packets_keep_their_paths), T_CASE(runs_are_bounded), T_CASE(random_packets_come_out_in_order),
       T_CASE(create_checks_its_argument))
