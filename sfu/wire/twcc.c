/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/wire/twcc.h"

#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "sfu/wire/rtcp_internal.h"

#define FCI_FIXED_BYTES  8u
#define FIXED_BYTES      (RTCP_HEADER_BYTES + 8u + FCI_FIXED_BYTES)
#define DELTA_US         250
#define REFERENCE_US     64000
#define SMALL_TICKS_MAX  255
#define LARGE_TICKS_MIN  (-32768)
#define LARGE_TICKS_MAX  32767
#define TWO_BIT_SYMBOLS  7u
#define ONE_BIT_SYMBOLS  14u
#define RUN_SYMBOLS_MAX  8191u
#define CHUNK_VECTOR     0x8000u
#define CHUNK_VECTOR_TWO 0x4000u

/* Packet status symbols (section 3.1.1). */
enum { SYMBOL_MISSING = 0, SYMBOL_SMALL = 1, SYMBOL_LARGE = 2, SYMBOL_RESERVED = 3 };

/* The chunk being filled: up to 14 symbols of a vector, or any number of one kind. */
struct chunk {
    unsigned count;
    bool all_same;
    bool has_large;
    uint8_t symbols[ONE_BIT_SYMBOLS];
};

static int64_t floor_div(int64_t a, int64_t b)
{
    int64_t q = a / b;
    return a % b < 0 ? q - 1 : q;
}

static bool chunk_takes(const struct chunk *chunk, unsigned symbol)
{
    if (chunk->count < TWO_BIT_SYMBOLS)
        return true;
    if (chunk->count < ONE_BIT_SYMBOLS && !chunk->has_large && symbol != SYMBOL_LARGE)
        return true;
    return chunk->count < RUN_SYMBOLS_MAX && chunk->all_same && chunk->symbols[0] == symbol;
}

static void chunk_add(struct chunk *chunk, unsigned symbol)
{
    if (chunk->count < ONE_BIT_SYMBOLS)
        chunk->symbols[chunk->count] = (uint8_t)symbol;
    chunk->all_same = chunk->count == 0 || (chunk->all_same && chunk->symbols[0] == symbol);
    chunk->has_large = chunk->has_large || symbol == SYMBOL_LARGE;
    chunk->count++;
}

static uint16_t two_bit_vector(const struct chunk *chunk, unsigned count)
{
    unsigned value = CHUNK_VECTOR | CHUNK_VECTOR_TWO;
    for (unsigned i = 0; i < count; i++)
        value |= (unsigned)chunk->symbols[i] << (12 - 2 * i);
    return (uint16_t)value;
}

static uint16_t one_bit_vector(const struct chunk *chunk)
{
    unsigned value = CHUNK_VECTOR;
    for (unsigned i = 0; i < chunk->count; i++)
        value |= (unsigned)chunk->symbols[i] << (13 - i);
    return (uint16_t)value;
}

/* The whole chunk as the last one of a message. */
static uint16_t chunk_finish(const struct chunk *chunk)
{
    if (chunk->all_same)
        return (uint16_t)((unsigned)chunk->symbols[0] << 13 | chunk->count);
    if (chunk->count <= TWO_BIT_SYMBOLS)
        return two_bit_vector(chunk, chunk->count);
    return one_bit_vector(chunk);
}

/* Makes room by giving out one full chunk; what does not go into it stays. */
static uint16_t chunk_emit(struct chunk *chunk)
{
    if (chunk->all_same || chunk->count == ONE_BIT_SYMBOLS) {
        uint16_t value = chunk_finish(chunk);
        memset(chunk, 0, sizeof *chunk);
        return value;
    }
    uint16_t value = two_bit_vector(chunk, TWO_BIT_SYMBOLS);
    struct chunk rest;
    memset(&rest, 0, sizeof rest);
    for (unsigned i = TWO_BIT_SYMBOLS; i < chunk->count; i++)
        chunk_add(&rest, chunk->symbols[i]);
    *chunk = rest;
    return value;
}

/* A message under construction; small, so that a step back is a copy. */
struct draft {
    struct chunk chunk;
    size_t chunk_bytes; /* chunks written */
    size_t delta_bytes;
    unsigned packets;
};

static size_t draft_bytes(const struct draft *draft)
{
    size_t bytes = FIXED_BYTES + draft->chunk_bytes + (draft->chunk.count > 0 ? 2 : 0) + draft->delta_bytes;
    return (bytes + 3) & ~(size_t)3;
}

static void put_delta(uint8_t **p, int64_t ticks)
{
    if (ticks >= 0 && ticks <= SMALL_TICKS_MAX) {
        *(*p)++ = (uint8_t)ticks;
    } else {
        base_put_be16(*p, (uint16_t)ticks);
        *p += 2;
    }
}

/* Fills chunks behind the fixed part for as many packets as fit. Stops only where the next packet was received, since
 * that is where the next message can begin. */
static void plan(struct draft *good, uint8_t *out, size_t out_max, const int64_t *arrival_us, unsigned packet_count,
                 int64_t reference_ticks)
{
    struct draft draft;
    memset(&draft, 0, sizeof draft);
    memset(good, 0, sizeof *good);
    int64_t last_ticks = reference_ticks;
    for (unsigned i = 0; i < packet_count; i++) {
        unsigned symbol = SYMBOL_MISSING;
        if (arrival_us[i] != SFU_TWCC_NOT_RECEIVED) {
            if (i > 0)
                *good = draft;
            int64_t ticks = floor_div(arrival_us[i], DELTA_US);
            int64_t delta = ticks - last_ticks;
            if (delta < LARGE_TICKS_MIN || delta > LARGE_TICKS_MAX)
                return;
            last_ticks = ticks;
            symbol = delta >= 0 && delta <= SMALL_TICKS_MAX ? SYMBOL_SMALL : SYMBOL_LARGE;
            draft.delta_bytes += symbol;
        }
        if (!chunk_takes(&draft.chunk, symbol)) {
            if (FIXED_BYTES + draft.chunk_bytes + 2 > out_max)
                return;
            base_put_be16(out + FIXED_BYTES + draft.chunk_bytes, chunk_emit(&draft.chunk));
            draft.chunk_bytes += 2;
        }
        chunk_add(&draft.chunk, symbol);
        draft.packets = i + 1;
        if (draft_bytes(&draft) > out_max)
            return;
    }
    *good = draft;
}

size_t sfu_twcc_write(uint8_t *out, size_t out_max, uint32_t sender_ssrc, uint32_t media_ssrc, uint8_t feedback_count,
                      uint16_t base_seq, const int64_t *arrival_us, unsigned packet_count, unsigned *written_count)
{
    *written_count = 0;
    if (packet_count == 0 || arrival_us[0] == SFU_TWCC_NOT_RECEIVED || out_max < FIXED_BYTES)
        return 0;
    if (packet_count > UINT16_MAX)
        packet_count = UINT16_MAX;
    int64_t reference = floor_div(arrival_us[0], REFERENCE_US);
    int64_t reference_ticks = reference * (REFERENCE_US / DELTA_US);

    struct draft draft;
    plan(&draft, out, out_max, arrival_us, packet_count, reference_ticks);
    if (draft.packets == 0)
        return 0;

    uint8_t *p = out + FIXED_BYTES + draft.chunk_bytes;
    base_put_be16(p, chunk_finish(&draft.chunk));
    p += 2;
    int64_t last_ticks = reference_ticks;
    for (unsigned i = 0; i < draft.packets; i++) {
        if (arrival_us[i] == SFU_TWCC_NOT_RECEIVED)
            continue;
        int64_t ticks = floor_div(arrival_us[i], DELTA_US);
        put_delta(&p, ticks - last_ticks);
        last_ticks = ticks;
    }
    size_t total = draft_bytes(&draft);
    size_t padding = total - (size_t)(p - out);
    if (padding > 0) {
        memset(p, 0, padding);
        out[total - 1] = (uint8_t)padding;
    }
    out[0] = (uint8_t)(RTCP_VERSION_2 | (padding > 0 ? RTCP_PADDING_BIT : 0u) | RTCP_FMT_TWCC);
    out[1] = RTCP_PT_RTPFB;
    base_put_be16(out + 2, (uint16_t)(total / 4 - 1));
    base_put_be32(out + 4, sender_ssrc);
    base_put_be32(out + 8, media_ssrc);
    base_put_be16(out + 12, base_seq);
    base_put_be16(out + 14, (uint16_t)draft.packets);
    base_put_be24(out + 16, (uint32_t)((uint64_t)reference & 0xFFFFFFu));
    out[19] = feedback_count;
    *written_count = draft.packets;
    return total;
}

/* One chunk's symbols into symbols[0..max); returns how many, or 0 if one is reserved. */
static unsigned read_chunk(unsigned value, int64_t *symbols, unsigned max)
{
    unsigned count, bits;
    if ((value & CHUNK_VECTOR) == 0) {
        unsigned symbol = value >> 13 & 3u;
        count = value & RUN_SYMBOLS_MAX;
        if (symbol == SYMBOL_RESERVED)
            return 0;
        if (count > max)
            count = max;
        for (unsigned i = 0; i < count; i++)
            symbols[i] = symbol;
        return count;
    }
    bits = value & CHUNK_VECTOR_TWO ? 2 : 1;
    count = bits == 2 ? TWO_BIT_SYMBOLS : ONE_BIT_SYMBOLS;
    unsigned used = count < max ? count : max;
    for (unsigned i = 0; i < used; i++) {
        unsigned symbol = value >> (bits * (count - 1 - i)) & (bits == 2 ? 3u : 1u);
        if (symbol == SYMBOL_RESERVED)
            return 0;
        symbols[i] = symbol;
    }
    return used;
}

int sfu_twcc_read(const uint8_t *fci, size_t len, struct sfu_twcc_feedback *out, int64_t *arrival_us,
                  unsigned arrival_max)
{
    if (len < FCI_FIXED_BYTES)
        return BASE_ERR_TRUNCATED;
    out->base_seq = base_get_be16(fci);
    out->packet_count = base_get_be16(fci + 2);
    int32_t reference = (int32_t)(base_get_be24(fci + 4) << 8) / 256; /* sign-extends 24 bits */
    out->reference_us = (int64_t)reference * REFERENCE_US;
    out->feedback_count = fci[7];
    if (out->packet_count == 0)
        return BASE_ERR_MALFORMED;
    if (out->packet_count > arrival_max)
        return BASE_ERR_FULL;

    /* The symbols first, in the place of the times that they announce. */
    size_t at = FCI_FIXED_BYTES;
    for (unsigned i = 0; i < out->packet_count;) {
        if (len - at < 2)
            return BASE_ERR_TRUNCATED;
        unsigned used = read_chunk(base_get_be16(fci + at), arrival_us + i, out->packet_count - i);
        if (used == 0)
            return BASE_ERR_MALFORMED; /* a reserved symbol, or a run of nothing */
        i += used;
        at += 2;
    }
    int64_t time_us = out->reference_us;
    for (unsigned i = 0; i < out->packet_count; i++) {
        size_t bytes = (size_t)arrival_us[i];
        if (bytes == 0) {
            arrival_us[i] = SFU_TWCC_NOT_RECEIVED;
            continue;
        }
        if (len - at < bytes)
            return BASE_ERR_TRUNCATED;
        int64_t ticks = bytes == 1 ? fci[at] : (int16_t)base_get_be16(fci + at);
        at += bytes;
        time_us += ticks * DELTA_US;
        arrival_us[i] = time_us;
    }
    return 0;
}
