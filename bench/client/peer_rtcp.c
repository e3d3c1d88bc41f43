/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/client/peer_internal.h"

#include <string.h>

#include "base/deadline.h"
#include "base/err.h"
#include "sfu/wire/rtcp.h"
#include "sfu/wire/twcc.h"

#define DEFAULT_RTT_US   50000u
#define TWCC_PACKETS_MAX 4096u

/* ---- what the server says ------------------------------------------------------------------------------------- */

static struct bench_send_stream *send_by_ssrc(struct bench_peer *peer, uint32_t ssrc)
{
    for (unsigned i = 0; i < peer->send_count; i++) {
        const struct bench_send_config *config = bench_send_stream_config(peer->sends[i]);
        if (config->ssrc == ssrc)
            return peer->sends[i];
    }
    return NULL;
}

static void on_report_blocks(struct bench_peer *peer, const struct sfu_rtcp_item *item)
{
    for (unsigned i = 0; i < item->report_block_count; i++) {
        struct sfu_rtcp_report_block block;
        sfu_rtcp_report_block_at(item, i, &block);
        struct bench_send_stream *stream = send_by_ssrc(peer, block.ssrc);
        if (stream != NULL)
            bench_send_stream_on_report(stream, &block);
    }
}

static void on_nack(struct bench_peer *peer, uint64_t now_us, const struct sfu_rtcp_item *item)
{
    struct bench_send_stream *stream = send_by_ssrc(peer, item->media_ssrc);
    if (stream == NULL)
        return;
    uint64_t rtt_us = peer->ice.rtt_us != 0 ? peer->ice.rtt_us : DEFAULT_RTT_US;
    for (unsigned entry = 0; entry < item->body_bytes / 4; entry++) {
        uint16_t seqs[17];
        unsigned count = sfu_rtcp_nack_seqs(item, entry, seqs);
        for (unsigned i = 0; i < count; i++)
            bench_send_stream_on_nack(stream, now_us, seqs[i], rtt_us);
    }
}

static void on_twcc(struct bench_peer *peer, const struct sfu_rtcp_item *item)
{
    static _Thread_local int64_t arrival_us[TWCC_PACKETS_MAX];
    struct sfu_twcc_feedback feedback;
    if (sfu_twcc_read(item->body, item->body_bytes, &feedback, arrival_us, TWCC_PACKETS_MAX) != 0) {
        peer->counters.rtcp_malformed++;
        return;
    }
    peer->counters.twcc_in++;
    peer->counters.twcc_reported += feedback.packet_count;
    for (unsigned i = 0; i < feedback.packet_count; i++)
        if (arrival_us[i] == SFU_TWCC_NOT_RECEIVED)
            peer->counters.twcc_lost++;
}

static void on_item(struct bench_peer *peer, uint64_t now_us, const struct sfu_rtcp_item *item)
{
    struct bench_send_stream *sender;
    struct bench_receive_stream *receiver;
    switch (item->kind) {
    case SFU_RTCP_SR:
        peer->counters.sr_in++;
        receiver = base_map_get(&peer->by_ssrc, item->sr.ssrc);
        if (receiver != NULL && bench_receive_stream_config(receiver)->ssrc == item->sr.ssrc)
            bench_receive_stream_on_sr(receiver, now_us, &item->sr);
        on_report_blocks(peer, item);
        break;
    case SFU_RTCP_RR:
        peer->counters.rr_in++;
        on_report_blocks(peer, item);
        break;
    case SFU_RTCP_NACK:
        peer->counters.nacks_in++;
        on_nack(peer, now_us, item);
        break;
    case SFU_RTCP_PLI:
    case SFU_RTCP_FIR:
        if (item->kind == SFU_RTCP_PLI)
            peer->counters.plis_in++;
        else
            peer->counters.firs_in++;
        sender = send_by_ssrc(peer, item->media_ssrc);
        if (sender != NULL)
            bench_send_stream_on_key_frame_request(sender);
        break;
    case SFU_RTCP_TWCC:
        on_twcc(peer, item);
        break;
    default:
        break;
    }
}

void bench_peer_on_rtcp(struct bench_peer *peer, uint64_t now_us, uint8_t *packet, size_t len)
{
    size_t plain_len = 0;
    if (peer->srtp_in == NULL || sfu_srtcp_unprotect(peer->srtp_in, packet, len, &plain_len) != 0)
        return;
    peer->counters.rtcp_in++;
    struct sfu_rtcp_reader reader;
    struct sfu_rtcp_item item;
    int more;
    sfu_rtcp_reader_init(&reader, packet, plain_len);
    while ((more = sfu_rtcp_read(&reader, &item)) > 0)
        on_item(peer, now_us, &item);
    if (more < 0)
        peer->counters.rtcp_malformed++;
}

/* ---- what we say ---------------------------------------------------------------------------------------------- */

struct rtcp_out {
    uint8_t bytes[BENCH_RTCP_MAX_BYTES + SFU_SRTP_TAG_MAX_BYTES + 4];
    size_t used;
};

static void flush(struct bench_peer *peer, struct rtcp_out *out)
{
    bench_peer_send_rtcp(peer, out->bytes, out->used);
    out->used = 0;
}

/* Makes room for `bytes` more by sending what there is. */
static uint8_t *room(struct bench_peer *peer, struct rtcp_out *out, size_t bytes, size_t *left)
{
    if (BENCH_RTCP_MAX_BYTES - out->used < bytes)
        flush(peer, out);
    *left = BENCH_RTCP_MAX_BYTES - out->used;
    return out->bytes + out->used;
}

static void write_sender_reports(struct bench_peer *peer, uint64_t now_us, struct rtcp_out *out)
{
    uint64_t ntp = sfu_ntp_of_wall_us((uint64_t)((int64_t)now_us + peer->config.wall_offset_us));
    for (unsigned i = 0; i < peer->send_count; i++) {
        struct sfu_rtcp_sr sr;
        if (!bench_send_stream_report(peer->sends[i], now_us, ntp, &sr))
            continue;
        size_t left;
        uint8_t *at = room(peer, out, 28 + 44, &left);
        out->used += sfu_rtcp_write_sr(at, left, &sr, NULL, 0);
        at = out->bytes + out->used;
        out->used += sfu_rtcp_write_sdes_cname(at, BENCH_RTCP_MAX_BYTES - out->used, sr.ssrc, peer->cname);
        if (peer->compound_rtcp)
            flush(peer, out);
    }
}

static void write_receiver_reports(struct bench_peer *peer, uint64_t now_us, struct rtcp_out *out)
{
    struct sfu_rtcp_report_block blocks[SFU_RTCP_REPORT_BLOCKS_MAX];
    unsigned count = 0;
    for (unsigned i = 0; i < peer->receive_count; i++) {
        if (bench_receive_stream_report(peer->receives[i], now_us, &blocks[count]))
            count++;
        bool last = i + 1 == peer->receive_count || peer->compound_rtcp;
        if (count == 0 || (count < SFU_RTCP_REPORT_BLOCKS_MAX && !last))
            continue;
        size_t left;
        uint8_t *at = room(peer, out, 8 + 24 * count, &left);
        out->used += sfu_rtcp_write_rr(at, left, peer->own_ssrc, blocks, count);
        count = 0;
        if (peer->compound_rtcp)
            flush(peer, out);
    }
}

void bench_peer_receive_due(struct bench_peer *peer, const struct bench_receive_stream *stream)
{
    uint64_t deadline_us = bench_receive_stream_deadline_us(stream);
    if (deadline_us < peer->receives_due_us)
        peer->receives_due_us = deadline_us;
}

/* RFC 3550 section 6.1: a compound packet begins with a report. This one is about the stream that the rest is about:
 * there are servers that look no further to find out whom it concerns. */
static void begin_compound(struct bench_peer *peer, struct bench_receive_stream *stream, uint64_t now_us,
                           struct rtcp_out *out)
{
    struct sfu_rtcp_report_block block = {.ssrc = bench_receive_stream_config(stream)->ssrc};
    flush(peer, out);
    (void)bench_receive_stream_report(stream, now_us, &block);
    out->used = sfu_rtcp_write_rr(out->bytes, BENCH_RTCP_MAX_BYTES, peer->own_ssrc, &block, 1);
}

static void write_feedback(struct bench_peer *peer, uint64_t now_us, struct rtcp_out *out)
{
    size_t left;
    if (peer->receives_due_us > now_us)
        return;
    peer->receives_due_us = BASE_NEVER_US;
    for (unsigned i = 0; i < peer->receive_count; i++) {
        struct bench_receive_stream *stream = peer->receives[i];
        if (bench_receive_stream_deadline_us(stream) > now_us) {
            bench_peer_receive_due(peer, stream);
            continue;
        }
        if (peer->ice.rtt_us != 0)
            bench_receive_stream_set_rtt_us(stream, peer->ice.rtt_us);
        uint32_t ssrc = bench_receive_stream_config(stream)->ssrc;
        uint16_t seqs[64];
        bool want_key_frame = false;
        size_t count = bench_receive_stream_poll(stream, now_us, seqs, 64, &want_key_frame);
        if (peer->compound_rtcp && (count != 0 || want_key_frame))
            begin_compound(peer, stream, now_us, out);
        if (count != 0) {
            uint8_t *at = room(peer, out, 12 + 4 * count, &left);
            out->used += sfu_rtcp_write_nack(at, left, peer->own_ssrc, ssrc, seqs, (unsigned)count);
        }
        if (want_key_frame) {
            uint8_t *at = room(peer, out, 12, &left);
            out->used += sfu_rtcp_write_pli(at, left, peer->own_ssrc, ssrc);
        }
        bench_peer_receive_due(peer, stream);
    }
}

void bench_peer_poll_rtcp(struct bench_peer *peer, uint64_t now_us)
{
    struct rtcp_out out = {.used = 0};
    if (peer->next_rtcp_us <= now_us) {
        write_sender_reports(peer, now_us, &out);
        write_receiver_reports(peer, now_us, &out);
        for (unsigned i = 0; i < peer->receive_count && peer->ice.rtt_us != 0; i++)
            bench_receive_stream_set_rtt_us(peer->receives[i], peer->ice.rtt_us);
        peer->next_rtcp_us = now_us + BENCH_RTCP_INTERVAL_US;
    }
    write_feedback(peer, now_us, &out);
    flush(peer, &out);
    while (sfu_twcc_recorder_deadline_us(peer->twcc) <= now_us) {
        size_t len = sfu_twcc_recorder_poll(peer->twcc, now_us, peer->own_ssrc, out.bytes, BENCH_RTCP_MAX_BYTES);
        if (len == 0)
            break;
        bench_peer_send_rtcp(peer, out.bytes, len);
    }
}
