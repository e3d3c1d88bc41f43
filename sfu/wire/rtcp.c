/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/wire/rtcp.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "sfu/wire/rtcp_internal.h"

/* ---- reading ---------------------------------------------------------------------------------------------------- */

/* One packet of the compound, its framing checked. */
struct sub_packet {
    unsigned count; /* RC, SC or FMT */
    unsigned type;
    const uint8_t *body; /* behind the 4-byte header, without padding */
    size_t body_bytes;
    size_t total_bytes;
};

void sfu_rtcp_reader_init(struct sfu_rtcp_reader *reader, const uint8_t *packet, size_t len)
{
    memset(reader, 0, sizeof *reader);
    reader->packet = packet;
    reader->len = len;
}

static int frame_sub_packet(const uint8_t *p, size_t left, struct sub_packet *out)
{
    if (left < RTCP_HEADER_BYTES)
        return BASE_ERR_TRUNCATED;
    if ((p[0] & 0xC0u) != RTCP_VERSION_2)
        return BASE_ERR_MALFORMED;
    out->total_bytes = 4u * ((size_t)base_get_be16(p + 2) + 1);
    if (out->total_bytes > left)
        return BASE_ERR_TRUNCATED;
    out->count = p[0] & RTCP_COUNT_MASK;
    out->type = p[1];
    out->body = p + RTCP_HEADER_BYTES;
    out->body_bytes = out->total_bytes - RTCP_HEADER_BYTES;
    if (p[0] & RTCP_PADDING_BIT) {
        /* RFC 3550 section 6.4.1 wants multiples of four, on the last packet only; libwebrtc pads transport-wide
         * feedback by 1 to 3 bytes, wherever it stands in the compound. */
        size_t padding = p[out->total_bytes - 1];
        if (out->body_bytes == 0 || padding == 0 || padding > out->body_bytes)
            return BASE_ERR_MALFORMED;
        out->body_bytes -= padding;
    }
    return 0;
}

static int read_report(const struct sub_packet *sub, struct sfu_rtcp_item *item)
{
    bool is_sr = sub->type == RTCP_PT_SR;
    size_t fixed = 4 + (is_sr ? RTCP_SR_INFO_BYTES : 0);
    const uint8_t *p = sub->body;
    if (sub->body_bytes < fixed + sub->count * RTCP_BLOCK_BYTES)
        return BASE_ERR_MALFORMED;
    item->kind = is_sr ? SFU_RTCP_SR : SFU_RTCP_RR;
    item->sender_ssrc = base_get_be32(p);
    if (is_sr) {
        item->sr.ssrc = item->sender_ssrc;
        item->sr.ntp = base_get_be64(p + 4);
        item->sr.rtp_ts = base_get_be32(p + 12);
        item->sr.packet_count = base_get_be32(p + 16);
        item->sr.octet_count = base_get_be32(p + 20);
    }
    item->report_block_count = (uint8_t)sub->count;
    item->report_blocks = p + fixed;
    return 1;
}

static int read_bye(const struct sub_packet *sub, struct sfu_rtcp_item *item)
{
    if (sub->body_bytes < 4u * sub->count)
        return BASE_ERR_MALFORMED;
    item->kind = SFU_RTCP_BYE;
    item->sender_ssrc = sub->count > 0 ? base_get_be32(sub->body) : 0;
    item->body = sub->body;
    item->body_bytes = 4u * sub->count;
    return 1;
}

/* One SDES chunk at *at (RFC 3550 section 6.5). Returns 1 if it has a CNAME, 0 if not; *at moves to the next chunk. */
static int read_sdes_chunk(const struct sub_packet *sub, size_t *at, struct sfu_rtcp_item *item)
{
    const uint8_t *p = sub->body;
    size_t end = sub->body_bytes, i = *at;
    int found = 0;
    if (end - i < 4)
        return BASE_ERR_MALFORMED;
    uint32_t ssrc = base_get_be32(p + i);
    i += 4;
    for (;;) {
        if (i >= end)
            return BASE_ERR_MALFORMED; /* the list must end with a null octet */
        uint8_t type = p[i++];
        if (type == 0)
            break;
        if (i >= end || end - i - 1 < p[i])
            return BASE_ERR_MALFORMED;
        size_t len = p[i++];
        if (type == RTCP_SDES_CNAME && found == 0) {
            found = 1;
            item->kind = SFU_RTCP_SDES_CNAME;
            item->sender_ssrc = ssrc;
            item->body = p + i;
            item->body_bytes = len;
        }
        i += len;
    }
    *at = (i + 3) & ~(size_t)3; /* may lie behind the end of an oddly padded packet */
    return found;
}

/* FCI of a FIR: entries of 8 bytes, each its own item (RFC 5104 section 4.3.1). */
static int read_fir(const struct sub_packet *sub, unsigned index, struct sfu_rtcp_item *item)
{
    size_t at = 8 + 8 * (size_t)index;
    if (at + 8 > sub->body_bytes)
        return BASE_ERR_MALFORMED;
    item->kind = SFU_RTCP_FIR;
    item->media_ssrc = base_get_be32(sub->body + at);
    item->fir_seq = sub->body[at + 4];
    return 1;
}

/* draft-alvestrand-rmcat-remb section 2.2: 'REMB', number of SSRCs, 6 bits of exponent, 18 of mantissa. */
static void read_application_feedback(const struct sub_packet *sub, struct sfu_rtcp_item *item)
{
    const uint8_t *fci = sub->body + 8;
    if (sub->body_bytes < 16 || memcmp(fci, "REMB", 4) != 0)
        return;
    unsigned exponent = fci[5] >> 2;
    uint64_t mantissa = base_get_be24(fci + 5) & 0x3FFFFu;
    item->kind = SFU_RTCP_REMB;
    item->remb_bps = mantissa > UINT64_MAX >> exponent ? UINT64_MAX : mantissa << exponent;
}

static int read_feedback(const struct sub_packet *sub, unsigned index, struct sfu_rtcp_item *item)
{
    if (sub->body_bytes < 8)
        return BASE_ERR_MALFORMED;
    item->sender_ssrc = base_get_be32(sub->body);
    item->media_ssrc = base_get_be32(sub->body + 4);
    item->body = sub->body + 8;
    item->body_bytes = sub->body_bytes - 8;
    if (sub->type == RTCP_PT_RTPFB) {
        if (sub->count == RTCP_FMT_NACK) {
            item->kind = SFU_RTCP_NACK;
            item->body_bytes &= ~(size_t)3;
        } else if (sub->count == RTCP_FMT_TWCC)
            item->kind = SFU_RTCP_TWCC;
        return 1;
    }
    if (sub->count == RTCP_FMT_PLI)
        item->kind = SFU_RTCP_PLI;
    else if (sub->count == RTCP_FMT_FIR)
        return read_fir(sub, index, item);
    else if (sub->count == RTCP_FMT_AFB)
        read_application_feedback(sub, item);
    return 1;
}

/* The next chunk with a CNAME; a packet without any is an item of no interest. sub_index keeps the byte offset. */
static int read_sdes(struct sfu_rtcp_reader *reader, const struct sub_packet *sub, struct sfu_rtcp_item *item,
                     bool *more)
{
    size_t at = reader->sub_index;
    while (at < sub->body_bytes) {
        int result = read_sdes_chunk(sub, &at, item);
        if (result < 0)
            return result;
        if (result == 1) {
            reader->sub_index = (unsigned)at;
            *more = at < sub->body_bytes;
            return 1;
        }
    }
    return 1;
}

int sfu_rtcp_read(struct sfu_rtcp_reader *reader, struct sfu_rtcp_item *item)
{
    if (reader->offset >= reader->len)
        return 0;
    struct sub_packet sub;
    int result = frame_sub_packet(reader->packet + reader->offset, reader->len - reader->offset, &sub);
    if (result < 0)
        return result;
    memset(item, 0, sizeof *item);
    item->kind = SFU_RTCP_OTHER;
    bool more = false; /* the next item lies in the same packet */
    switch (sub.type) {
    case RTCP_PT_SR:
    case RTCP_PT_RR:
        result = read_report(&sub, item);
        break;
    case RTCP_PT_SDES:
        result = read_sdes(reader, &sub, item, &more);
        break;
    case RTCP_PT_BYE:
        result = read_bye(&sub, item);
        break;
    case RTCP_PT_RTPFB:
    case RTCP_PT_PSFB:
        result = read_feedback(&sub, reader->sub_index, item);
        if (result == 1 && item->kind == SFU_RTCP_FIR) {
            reader->sub_index++;
            more = 8 + 8 * (size_t)reader->sub_index + 8 <= sub.body_bytes;
        }
        break;
    default:
        result = 1;
        break;
    }
    if (result == 1 && !more) {
        reader->offset += sub.total_bytes;
        reader->sub_index = 0;
    }
    return result;
}

void sfu_rtcp_report_block_at(const struct sfu_rtcp_item *item, unsigned index, struct sfu_rtcp_report_block *out)
{
    assert(index < item->report_block_count);
    const uint8_t *p = item->report_blocks + RTCP_BLOCK_BYTES * (size_t)index;
    uint32_t lost = base_get_be24(p + 5);
    out->ssrc = base_get_be32(p);
    out->fraction_lost = p[4];
    out->cumulative_lost = lost & 0x800000u ? (int32_t)lost - 0x1000000 : (int32_t)lost;
    out->highest_seq = base_get_be32(p + 8);
    out->jitter_ts = base_get_be32(p + 12);
    out->last_sr = base_get_be32(p + 16);
    out->delay_since_last_sr = base_get_be32(p + 20);
}

unsigned sfu_rtcp_nack_seqs(const struct sfu_rtcp_item *item, unsigned index, uint16_t seqs[17])
{
    if (4 * ((size_t)index + 1) > item->body_bytes)
        return 0;
    const uint8_t *p = item->body + 4 * (size_t)index;
    uint16_t pid = base_get_be16(p), blp = base_get_be16(p + 2);
    unsigned count = 0;
    seqs[count++] = pid;
    for (unsigned bit = 0; bit < 16; bit++)
        if (blp & 1u << bit)
            seqs[count++] = (uint16_t)(pid + bit + 1);
    return count;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static void put_header(uint8_t *out, unsigned count, unsigned type, size_t total_bytes)
{
    out[0] = (uint8_t)(RTCP_VERSION_2 | count);
    out[1] = (uint8_t)type;
    base_put_be16(out + 2, (uint16_t)(total_bytes / 4 - 1));
}

/* cumulative_lost saturates at its 24 bits (RFC 3550 appendix A.3). */
static void put_report_block(uint8_t *out, const struct sfu_rtcp_report_block *block)
{
    int32_t lost = block->cumulative_lost;
    if (lost > 0x7FFFFF)
        lost = 0x7FFFFF;
    if (lost < -0x800000)
        lost = -0x800000;
    base_put_be32(out, block->ssrc);
    out[4] = block->fraction_lost;
    base_put_be24(out + 5, (uint32_t)lost & 0xFFFFFFu);
    base_put_be32(out + 8, block->highest_seq);
    base_put_be32(out + 12, block->jitter_ts);
    base_put_be32(out + 16, block->last_sr);
    base_put_be32(out + 20, block->delay_since_last_sr);
}

size_t sfu_rtcp_write_sr(uint8_t *out, size_t out_max, const struct sfu_rtcp_sr *sr,
                         const struct sfu_rtcp_report_block *blocks, unsigned block_count)
{
    assert(block_count <= SFU_RTCP_REPORT_BLOCKS_MAX);
    size_t fixed = RTCP_HEADER_BYTES + 4 + RTCP_SR_INFO_BYTES;
    size_t total = fixed + RTCP_BLOCK_BYTES * (size_t)block_count;
    if (total > out_max)
        return 0;
    put_header(out, block_count, RTCP_PT_SR, total);
    base_put_be32(out + 4, sr->ssrc);
    base_put_be64(out + 8, sr->ntp);
    base_put_be32(out + 16, sr->rtp_ts);
    base_put_be32(out + 20, sr->packet_count);
    base_put_be32(out + 24, sr->octet_count);
    for (unsigned i = 0; i < block_count; i++)
        put_report_block(out + fixed + RTCP_BLOCK_BYTES * (size_t)i, &blocks[i]);
    return total;
}

size_t sfu_rtcp_write_rr(uint8_t *out, size_t out_max, uint32_t sender_ssrc, const struct sfu_rtcp_report_block *blocks,
                         unsigned block_count)
{
    assert(block_count <= SFU_RTCP_REPORT_BLOCKS_MAX);
    size_t fixed = RTCP_HEADER_BYTES + 4;
    size_t total = fixed + RTCP_BLOCK_BYTES * (size_t)block_count;
    if (total > out_max)
        return 0;
    put_header(out, block_count, RTCP_PT_RR, total);
    base_put_be32(out + 4, sender_ssrc);
    for (unsigned i = 0; i < block_count; i++)
        put_report_block(out + fixed + RTCP_BLOCK_BYTES * (size_t)i, &blocks[i]);
    return total;
}

size_t sfu_rtcp_write_sdes_cname(uint8_t *out, size_t out_max, uint32_t ssrc, const char *cname)
{
    size_t len = strlen(cname);
    if (len > 255)
        return 0;
    /* Header, SSRC, type, length, text, then one to four null octets end the chunk on a 32-bit boundary. */
    size_t total = (RTCP_HEADER_BYTES + 4 + 2 + len + 4) & ~(size_t)3;
    if (total > out_max)
        return 0;
    memset(out, 0, total);
    put_header(out, 1, RTCP_PT_SDES, total);
    base_put_be32(out + 4, ssrc);
    out[8] = RTCP_SDES_CNAME;
    out[9] = (uint8_t)len;
    memcpy(out + 10, cname, len);
    return total;
}

size_t sfu_rtcp_write_bye(uint8_t *out, size_t out_max, const uint32_t *ssrcs, unsigned ssrc_count)
{
    assert(ssrc_count <= RTCP_COUNT_MAX);
    size_t total = RTCP_HEADER_BYTES + 4 * (size_t)ssrc_count;
    if (total > out_max)
        return 0;
    put_header(out, ssrc_count, RTCP_PT_BYE, total);
    for (unsigned i = 0; i < ssrc_count; i++)
        base_put_be32(out + RTCP_HEADER_BYTES + 4 * (size_t)i, ssrcs[i]);
    return total;
}

static void put_feedback_header(uint8_t *out, unsigned fmt, unsigned type, size_t total, uint32_t sender_ssrc,
                                uint32_t media_ssrc)
{
    put_header(out, fmt, type, total);
    base_put_be32(out + 4, sender_ssrc);
    base_put_be32(out + 8, media_ssrc);
}

size_t sfu_rtcp_write_nack(uint8_t *out, size_t out_max, uint32_t sender_ssrc, uint32_t media_ssrc,
                           const uint16_t *seqs, unsigned seq_count)
{
    assert(seq_count >= 1);
    size_t total = RTCP_HEADER_BYTES + 8;
    unsigned i = 0;
    while (i < seq_count) {
        uint16_t pid = seqs[i++];
        uint16_t blp = 0;
        /* BLP bit n stands for PID + n + 1 (RFC 4585 section 6.2.1). */
        for (; i < seq_count; i++) {
            uint16_t distance = (uint16_t)(seqs[i] - pid);
            if (distance == 0)
                continue;
            if (distance > 16)
                break;
            blp = (uint16_t)(blp | 1u << (distance - 1));
        }
        if (total + 4 > out_max)
            return 0;
        base_put_be16(out + total, pid);
        base_put_be16(out + total + 2, blp);
        total += 4;
    }
    put_feedback_header(out, RTCP_FMT_NACK, RTCP_PT_RTPFB, total, sender_ssrc, media_ssrc);
    return total;
}

size_t sfu_rtcp_write_pli(uint8_t *out, size_t out_max, uint32_t sender_ssrc, uint32_t media_ssrc)
{
    size_t total = RTCP_HEADER_BYTES + 8;
    if (total > out_max)
        return 0;
    put_feedback_header(out, RTCP_FMT_PLI, RTCP_PT_PSFB, total, sender_ssrc, media_ssrc);
    return total;
}

size_t sfu_rtcp_write_fir(uint8_t *out, size_t out_max, uint32_t sender_ssrc, uint32_t media_ssrc, uint8_t fir_seq)
{
    size_t total = RTCP_HEADER_BYTES + 8 + 8;
    if (total > out_max)
        return 0;
    /* The media SSRC of the header is unused and 0; each entry names its own (RFC 5104 section 4.3.1.2). */
    put_feedback_header(out, RTCP_FMT_FIR, RTCP_PT_PSFB, total, sender_ssrc, 0);
    base_put_be32(out + 12, media_ssrc);
    base_put_be32(out + 16, (uint32_t)fir_seq << 24);
    return total;
}
