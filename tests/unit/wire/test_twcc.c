/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/wire/twcc.h"

#include "base/bytes.h"
#include "base/err.h"
#include "base/random.h"
#include "sfu/wire/rtcp.h"
#include "tests/support/prefixes.h"
#include "tests/support/test.h"

#define MAX 70000

static int64_t arrival[MAX], got[MAX];

static int64_t floor_ticks(int64_t us)
{
    return us >= 0 ? us / 250 : -((-us + 249) / 250);
}

/* Writes arrival[0..count) as messages of out_max bytes and compares what they read back as. Returns the number of
 * messages through *messages. */
static void round_trip(int *t_failed, uint16_t base_seq, unsigned count, size_t out_max, unsigned *messages)
{
    unsigned done = 0;
    *messages = 0;
    while (done < count) {
        uint8_t *out = malloc(out_max);
        unsigned written;
        size_t n = sfu_twcc_write(out, out_max, 1, 2, (uint8_t)*messages, (uint16_t)(base_seq + done), arrival + done,
                                  count - done, &written);
        struct sfu_rtcp_reader reader;
        struct sfu_rtcp_item item;
        struct sfu_twcc_feedback feedback;
        int item_result = 0, read_result = -1;
        if (n > 0) {
            sfu_rtcp_reader_init(&reader, out, n);
            item_result = sfu_rtcp_read(&reader, &item);
            if (item_result == 1)
                read_result = sfu_twcc_read(item.body, item.body_bytes, &feedback, got, MAX);
        }
        free(out);
        T_CHECK(n > 0 && n <= out_max && n % 4 == 0 && written > 0);
        T_EQ(item_result, 1);
        T_EQ(item.kind, SFU_RTCP_TWCC);
        T_CHECK(item.sender_ssrc == 1 && item.media_ssrc == 2);
        T_EQ(read_result, 0);
        T_EQ(feedback.packet_count, written);
        T_EQ(feedback.base_seq, (uint16_t)(base_seq + done));
        T_EQ(feedback.feedback_count, (uint8_t)*messages);
        /* The reference has 24 bits: compare differences, and the reference modulo its period. */
        int64_t first = floor_ticks(arrival[done]), got_first = floor_ticks(got[0]);
        T_EQ((first - got_first) % (256LL << 24), 0);
        for (unsigned i = 0; i < written; i++) {
            T_EQ(got[i] == SFU_TWCC_NOT_RECEIVED, arrival[done + i] == SFU_TWCC_NOT_RECEIVED);
            if (got[i] != SFU_TWCC_NOT_RECEIVED)
                T_EQ(floor_ticks(got[i]) - got_first, floor_ticks(arrival[done + i]) - first);
        }
        done += written;
        (*messages)++;
        T_CHECK(done == count || arrival[done] != SFU_TWCC_NOT_RECEIVED);
    }
}

T_TEST(one_packet)
{
    unsigned messages;
    arrival[0] = 64000 * 5 + 250 * 7 + 3;
    T_CALL(round_trip(t_failed, 65535, 1, 24, &messages));
    T_EQ(messages, 1);
    uint8_t out[64];
    unsigned written;
    T_EQ(sfu_twcc_write(out, sizeof out, 0x01020304, 0x05060708, 9, 65535, arrival, 1, &written), 24);
    /* By hand: run of one small delta, delta 7, one byte of padding. */
    static const uint8_t expected[] = {0xAF, 205,  0, 5, 1, 2, 3, 4, 5,    6, 7, 8,
                                       0xFF, 0xFF, 0, 1, 0, 0, 5, 9, 0x20, 1, 7, 1};
    T_MEM_EQ(out, expected, sizeof expected);
}

T_TEST(chunks_are_the_shortest_kind)
{
    uint8_t out[1500];
    unsigned written;
    /* 8191 and more of one kind: one run-length chunk each. */
    for (int i = 0; i < 9000; i++)
        arrival[i] = SFU_TWCC_NOT_RECEIVED;
    arrival[0] = 0;
    arrival[8999] = 1000;
    size_t n = sfu_twcc_write(out, sizeof out, 1, 2, 0, 0, arrival, 9000, &written);
    T_EQ(written, 9000);
    T_EQ(n, 32); /* 20 + one-bit or two-bit chunk + run + last chunk + 2 deltas, padded */
    /* 14 alternating: one one-bit vector. */
    for (int i = 0; i < 14; i++)
        arrival[i] = i % 2 == 0 ? i * 250 : SFU_TWCC_NOT_RECEIVED;
    n = sfu_twcc_write(out, sizeof out, 1, 2, 0, 0, arrival, 14, &written);
    T_EQ(n, 32); /* 20 + 2 + 7 -> 29 -> 32 */
    T_EQ(base_get_be16(out + 20), 0x8000 | 0x2AAA);
    /* 7 with a large delta: one two-bit vector. */
    for (int i = 0; i < 7; i++)
        arrival[i] = i < 3 ? i * 250 : i * 250 + 70000;
    n = sfu_twcc_write(out, sizeof out, 1, 2, 0, 0, arrival, 7, &written);
    T_EQ(base_get_be16(out + 20), 0xC000 | 1 << 12 | 1 << 10 | 1 << 8 | 2 << 6 | 1 << 4 | 1 << 2 | 1);
    T_EQ(n, 32);
}

T_TEST(deltas_at_their_limits)
{
    static const int64_t ticks[] = {0, 255, 256, 32767, -1, -32768};
    unsigned messages;
    for (size_t i = 0; i < sizeof ticks / sizeof ticks[0]; i++) {
        arrival[0] = 64000000;
        arrival[1] = arrival[0] + 250 * ticks[i];
        T_CALL(round_trip(t_failed, 65535, 2, 1200, &messages));
        T_EQ(messages, 1);
    }
    for (int sign = -1; sign <= 1; sign += 2) {
        arrival[0] = 640000000;
        arrival[1] = SFU_TWCC_NOT_RECEIVED;
        arrival[2] = arrival[0] + 250 * (sign < 0 ? -32769 : 32768);
        T_CALL(round_trip(t_failed, 65534, 3, 1200, &messages));
        T_EQ(messages, 2); /* the missing one goes with the first */
    }
}

T_TEST(refuses_what_cannot_be_written)
{
    uint8_t out[64];
    unsigned written = 77;
    arrival[0] = SFU_TWCC_NOT_RECEIVED;
    arrival[1] = 0;
    T_EQ(sfu_twcc_write(out, sizeof out, 1, 2, 0, 0, arrival, 2, &written), 0);
    T_EQ(written, 0);
    T_EQ(sfu_twcc_write(out, sizeof out, 1, 2, 0, 0, arrival + 1, 0, &written), 0);
    for (size_t room = 0; room < 24; room++)
        T_EQ(sfu_twcc_write(out, room, 1, 2, 0, 0, arrival + 1, 1, &written), 0);
    T_EQ(sfu_twcc_write(out, 24, 1, 2, 0, 0, arrival + 1, 1, &written), 24);
}

T_TEST(random_streams_read_back)
{
    uint64_t seed = 42;
    for (int round = 0; round < 3000; round++) {
        unsigned messages, count = 1 + (unsigned)(base_prng_next(&seed) % (round % 50 == 0 ? 20000 : 600));
        unsigned loss = (unsigned)(base_prng_next(&seed) % 101), spread = 1u << base_prng_next(&seed) % 24;
        int64_t now = (int64_t)(base_prng_next(&seed) >> 20) - (1ll << 43);
        bool burst = false;
        for (unsigned i = 0; i < count; i++) {
            int64_t step = (int64_t)(base_prng_next(&seed) % spread);
            now += base_prng_next(&seed) % 20 == 0 ? -step : step;
            if (base_prng_next(&seed) % 30 == 0)
                burst = !burst;
            bool lost = i > 0 && (burst || base_prng_next(&seed) % 100 < loss);
            arrival[i] = lost ? SFU_TWCC_NOT_RECEIVED : now;
        }
        /* Room for one received packet and all the losses that may follow it: they go together. */
        size_t out_max = 40 + base_prng_next(&seed) % 1200;
        T_CALL(round_trip(t_failed, (uint16_t)(65500 + round), count, out_max, &messages));
    }
}

T_TEST(as_many_packets_as_the_count_field_holds)
{
    unsigned messages, written;
    static uint8_t out[300000];
    for (int i = 0; i < MAX; i++)
        arrival[i] = i * 1000;
    T_CHECK(sfu_twcc_write(out, sizeof out, 1, 2, 0, 0, arrival, MAX, &written) > 0);
    T_EQ(written, 65535);
    T_CALL(round_trip(t_failed, 65530, MAX, 1200, &messages));
    T_CHECK(messages >= MAX / 1180 && messages < MAX / 1100);
}

static int visit_read(const uint8_t *copy, size_t n, void *context)
{
    struct sfu_twcc_feedback feedback;
    unsigned *max = context;
    int64_t *times = malloc(sizeof *times * (*max > 0 ? *max : 1));
    int err = sfu_twcc_read(copy, n, &feedback, times, *max);
    free(times);
    return err;
}

T_TEST(every_prefix_and_random_bytes)
{
    uint64_t seed = 9;
    unsigned max = 300, written;
    uint8_t out[1200];
    for (unsigned i = 0; i < max; i++)
        arrival[i] = i % 3 == 1 ? SFU_TWCC_NOT_RECEIVED : (int64_t)(i * (i % 40) * 100);
    size_t n = sfu_twcc_write(out, sizeof out, 1, 2, 0, 65500, arrival, max, &written);
    T_EQ(written, max);
    /* Only the whole FCI is good, with or without the padding. */
    size_t padding = out[0] & 0x20 ? out[n - 1] : 0;
    T_EQ(t_each_prefix(out + 12, n - 12, visit_read, &max), 1 + padding);
    max = 299;
    T_EQ(visit_read(out + 12, n - 12, &max), BASE_ERR_FULL);
    max = 64;
    for (int round = 0; round < 20000; round++) {
        uint8_t fci[40];
        for (size_t i = 0; i < sizeof fci; i++)
            fci[i] = (uint8_t)(base_prng_next(&seed) >> 33);
        base_put_be16(fci + 2, (uint16_t)(base_prng_next(&seed) % 66));
        visit_read(fci, sizeof fci, &max);
    }
}

T_TEST(reserved_symbols_and_empty_messages_are_malformed)
{
    uint8_t fci[] = {0, 1, 0, 1, 0xFF, 0xFF, 0xFF, 3, 0x20, 0x01, 4};
    struct sfu_twcc_feedback feedback;
    T_EQ(sfu_twcc_read(fci, sizeof fci, &feedback, got, MAX), 0);
    T_EQ(feedback.reference_us, -64000);
    T_EQ(got[0], -64000 + 1000);
    fci[8] = 0x60;
    T_EQ(sfu_twcc_read(fci, sizeof fci, &feedback, got, MAX), BASE_ERR_MALFORMED);
    fci[8] = 0xF0;
    T_EQ(sfu_twcc_read(fci, sizeof fci, &feedback, got, MAX), BASE_ERR_MALFORMED);
    fci[8] = 0x20, fci[9] = 0;
    T_EQ(sfu_twcc_read(fci, sizeof fci, &feedback, got, MAX), BASE_ERR_MALFORMED);
    fci[9] = 1, fci[3] = 0;
    T_EQ(sfu_twcc_read(fci, sizeof fci, &feedback, got, MAX), BASE_ERR_MALFORMED);
}

T_MAIN(T_CASE(one_packet), T_CASE(chunks_are_the_shortest_kind), T_CASE(deltas_at_their_limits),
       T_CASE(refuses_what_cannot_be_written), T_CASE(random_streams_read_back),
       T_CASE(as_many_packets_as_the_count_field_holds), T_CASE(every_prefix_and_random_bytes),
       T_CASE(reserved_symbols_and_empty_messages_are_malformed))
