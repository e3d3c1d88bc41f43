/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/client/stamp.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"

#define STAMP_MAGIC 0x43535450u /* "CSTP" */

/* Offsets within the stamp. */
enum {
    AT_MAGIC = 0,
    AT_PUBLISHER = 4,
    AT_STREAM = 8,
    AT_FRAME = 12,
    AT_SERIAL = 16,
    AT_PACKET = 20,
    AT_PACKET_COUNT = 22,
    AT_FLAGS = 24,
    AT_SEND = 28,
    AT_CHECKSUM = 36,
};

/* Two multiply-and-fold lanes, 16 bytes a step: cheap beside the encryption of the same bytes. */
static uint64_t sum_bytes(uint64_t sum, const uint8_t *data, size_t len)
{
    uint64_t a = sum ^ 0x9E3779B97F4A7C15u, b = ~sum;
    size_t i = 0;
    for (; i + 16 <= len; i += 16) {
        uint64_t x, y;
        memcpy(&x, data + i, 8);
        memcpy(&y, data + i + 8, 8);
        a = (a ^ x) * 0xFF51AFD7ED558CCDu;
        b = (b ^ y) * 0xC4CEB9FE1A85EC53u;
        a ^= a >> 32;
        b ^= b >> 29;
    }
    for (; i < len; i++)
        a = (a ^ data[i]) * 0x100000001B3u;
    return (a ^ (b << 1 | b >> 63)) + len;
}

static uint64_t checksum(const uint8_t *payload, size_t len, size_t skip, size_t at)
{
    uint64_t sum = sum_bytes(1, payload + skip, at + AT_CHECKSUM - skip);
    return sum_bytes(sum, payload + at + BENCH_STAMP_BYTES, len - at - BENCH_STAMP_BYTES);
}

void bench_stamp_write(uint8_t *payload, size_t len, size_t skip, size_t at, const struct bench_stamp *stamp)
{
    assert(skip <= at && len >= at + BENCH_STAMP_BYTES);
    uint8_t *s = payload + at;
    base_put_be32(s + AT_MAGIC, STAMP_MAGIC);
    base_put_be32(s + AT_PUBLISHER, stamp->publisher);
    base_put_be32(s + AT_STREAM, stamp->stream);
    base_put_be32(s + AT_FRAME, stamp->frame);
    base_put_be32(s + AT_SERIAL, stamp->serial);
    base_put_be16(s + AT_PACKET, stamp->packet);
    base_put_be16(s + AT_PACKET_COUNT, stamp->packet_count);
    base_put_be32(s + AT_FLAGS, stamp->key_frame ? 1 : 0);
    base_put_be64(s + AT_SEND, stamp->send_us);
    /* Filler that differs from packet to packet: a copy of the wrong bytes must not pass the checksum. */
    uint64_t word = ((uint64_t)stamp->serial << 32 | stamp->publisher) * 0x9E3779B97F4A7C15u;
    size_t i = at + BENCH_STAMP_BYTES;
    for (; i + 8 <= len; i += 8, word += 0x9E3779B97F4A7C15u)
        memcpy(payload + i, &word, 8);
    for (; i < len; i++)
        payload[i] = (uint8_t)i;
    base_put_be64(s + AT_CHECKSUM, checksum(payload, len, skip, at));
}

int bench_stamp_read(const uint8_t *payload, size_t len, size_t skip, size_t at, struct bench_stamp *out)
{
    if (skip > at || len < at + BENCH_STAMP_BYTES)
        return BASE_ERR_TRUNCATED;
    const uint8_t *s = payload + at;
    if (base_get_be32(s + AT_MAGIC) != STAMP_MAGIC ||
        base_get_be64(s + AT_CHECKSUM) != checksum(payload, len, skip, at))
        return BASE_ERR_MALFORMED;
    out->publisher = base_get_be32(s + AT_PUBLISHER);
    out->stream = base_get_be32(s + AT_STREAM);
    out->frame = base_get_be32(s + AT_FRAME);
    out->serial = base_get_be32(s + AT_SERIAL);
    out->packet = base_get_be16(s + AT_PACKET);
    out->packet_count = base_get_be16(s + AT_PACKET_COUNT);
    out->key_frame = base_get_be32(s + AT_FLAGS) & 1;
    out->send_us = base_get_be64(s + AT_SEND);
    return 0;
}
