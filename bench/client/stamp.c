/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/client/stamp.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"

#define STAMP_MAGIC 0x5354u /* "ST" */
#define FLAG_KEY    1u
#define FLAG_VOICE  2u

/* Offsets within the stamp. */
enum {
    AT_MAGIC = 0,
    AT_FLAGS = 2,
    AT_LAYER = 3,
    AT_PUBLISHER = 4,
    AT_STREAM = 8,
    AT_RUN = 10,
    AT_FRAME = 12,
    AT_SERIAL = 16,
    AT_CONTENT = 20,
    AT_PACKET = 24,
    AT_PACKET_COUNT = 26,
    AT_SEND = 28,
    AT_CHECKSUM = 36,
};

/* Four multiply-and-fold lanes, 32 bytes a step: they overlap in the processor, so that this is cheap beside the
 * encryption of the same bytes. Both ends are on machines of one kind: the words are taken as they lie. */
#define MUL_A 0xFF51AFD7ED558CCDu
#define MUL_B 0xC4CEB9FE1A85EC53u
#define MUL_C 0x9FB21C651E98DF25u
#define MUL_D 0xD6E8FEB86659FD93u

static inline uint64_t word_at(const uint8_t *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

static inline uint64_t fold(uint64_t lane, uint64_t word, uint64_t mul)
{
    lane = (lane ^ word) * mul;
    return lane ^ lane >> 32;
}

static uint64_t checksum(const uint8_t *data, size_t len)
{
    uint64_t a = 0x9E3779B97F4A7C15u, b = 0x7F4A7C159E3779B9u, c = ~a, d = ~b;
    size_t i = 0;
    for (; i + 32 <= len; i += 32) {
        a = fold(a, word_at(data + i), MUL_A);
        b = fold(b, word_at(data + i + 8), MUL_B);
        c = fold(c, word_at(data + i + 16), MUL_C);
        d = fold(d, word_at(data + i + 24), MUL_D);
    }
    uint8_t rest[32] = {0};
    memcpy(rest, data + i, len - i);
    a = fold(a, word_at(rest), MUL_A);
    b = fold(b, word_at(rest + 8), MUL_B);
    c = fold(c, word_at(rest + 16), MUL_C);
    d = fold(d, word_at(rest + 24), MUL_D);
    return fold(fold(fold(fold(len, a, MUL_D), b, MUL_C), c, MUL_B), d, MUL_A);
}

void bench_stamp_write(uint8_t *payload, size_t len, size_t skip, const struct bench_stamp *stamp)
{
    assert(len >= skip + BENCH_STAMP_BYTES);
    uint8_t *s = payload + len - BENCH_STAMP_BYTES;
    base_put_be16(s + AT_MAGIC, STAMP_MAGIC);
    s[AT_FLAGS] = (uint8_t)((stamp->key_frame ? FLAG_KEY : 0) | (stamp->voice ? FLAG_VOICE : 0));
    s[AT_LAYER] = stamp->layer;
    base_put_be32(s + AT_PUBLISHER, stamp->publisher);
    base_put_be16(s + AT_STREAM, stamp->stream);
    base_put_be16(s + AT_RUN, stamp->run);
    base_put_be32(s + AT_FRAME, stamp->frame);
    base_put_be32(s + AT_SERIAL, stamp->serial);
    base_put_be32(s + AT_CONTENT, stamp->content);
    base_put_be16(s + AT_PACKET, stamp->packet);
    base_put_be16(s + AT_PACKET_COUNT, stamp->packet_count);
    base_put_be64(s + AT_SEND, stamp->send_us);
    base_put_be64(s + AT_CHECKSUM, checksum(payload + skip, len - skip - (BENCH_STAMP_BYTES - AT_CHECKSUM)));
}

int bench_stamp_read(const uint8_t *payload, size_t len, size_t skip, struct bench_stamp *out)
{
    if (len < skip + BENCH_STAMP_BYTES)
        return BASE_ERR_TRUNCATED;
    const uint8_t *s = payload + len - BENCH_STAMP_BYTES;
    if (base_get_be16(s + AT_MAGIC) != STAMP_MAGIC ||
        base_get_be64(s + AT_CHECKSUM) != checksum(payload + skip, len - skip - (BENCH_STAMP_BYTES - AT_CHECKSUM)))
        return BASE_ERR_MALFORMED;
    out->publisher = base_get_be32(s + AT_PUBLISHER);
    out->stream = base_get_be16(s + AT_STREAM);
    out->layer = s[AT_LAYER];
    out->run = base_get_be16(s + AT_RUN);
    out->frame = base_get_be32(s + AT_FRAME);
    out->serial = base_get_be32(s + AT_SERIAL);
    out->content = base_get_be32(s + AT_CONTENT);
    out->packet = base_get_be16(s + AT_PACKET);
    out->packet_count = base_get_be16(s + AT_PACKET_COUNT);
    out->key_frame = (s[AT_FLAGS] & FLAG_KEY) != 0;
    out->voice = (s[AT_FLAGS] & FLAG_VOICE) != 0;
    out->send_us = base_get_be64(s + AT_SEND);
    return 0;
}

void bench_stamp_fill(uint8_t *data, size_t len, uint32_t publisher, uint32_t serial)
{
    uint64_t word = ((uint64_t)serial << 32 | publisher) * 0x9E3779B97F4A7C15u;
    size_t i = 0;
    for (; i + 8 <= len; i += 8, word += 0x9E3779B97F4A7C15u)
        memcpy(data + i, &word, 8);
    for (; i < len; i++)
        data[i] = (uint8_t)(word >> (i & 7) * 8);
}
