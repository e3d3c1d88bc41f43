/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/room/ingress.h"

#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "sfu/wire/rtcp.h"

#define RTX_OSN_BYTES        2
#define CLOCK_STEP_US        1000000 /* a larger difference means that the publisher's clock was set */
#define RESEND_BUDGET_MAX    512     /* packets; refilled within RESEND_REFILL_US */
#define RESEND_REFILL_US     250000u
#define NACKS_PER_PACKET_MAX 512 /* sequence numbers looked at in one RTCP datagram */

static void count_unprotect_error(struct sfu_stats *stats, int err)
{
    if (err == BASE_ERR_REPLAY)
        stats->dropped_srtp_replay++;
    else if (err == BASE_ERR_TRUNCATED || err == BASE_ERR_MALFORMED)
        stats->dropped_malformed++;
    else if (err == BASE_ERR_FULL)
        stats->dropped_unknown_ssrc++;
    else
        stats->dropped_srtp_auth++;
}

/* ---- which track ---------------------------------------------------------------------------------------------------
 */

struct match {
    struct sfu_up_track *up;
    unsigned layer;
    bool rtx;
    bool learned;
};

static bool is_rtx_of(const struct sfu_up_track *up, uint8_t payload_type)
{
    return up->config.rtx_payload_type != 0 && payload_type == up->config.rtx_payload_type;
}

/* Simulcast: the rid says which layer (RFC 8852); of a retransmission the repaired rid. -1: it does not say. */
static int layer_by_rid(const struct sfu_up_track *up, bool rtx, const struct sfu_rtp_ext_values *values)
{
    if (up->layer_count == 1)
        return 0;
    enum sfu_rtp_ext_kind kind = rtx ? SFU_RTP_EXT_RRID : SFU_RTP_EXT_RID;
    if ((values->has & (1u << kind)) == 0)
        return -1;
    return sfu_up_track_layer_of_rid(up, rtx ? values->rrid : values->rid);
}

static bool find_by_mid(const struct sfu_participant *participant, const uint8_t *datagram,
                        const struct sfu_rtp_header *header, struct match *match)
{
    if (header->ext_profile == 0)
        return false;
    for (uint32_t i = 0; i < participant->up_count; i++) {
        struct sfu_up_track *up = participant->ups[i];
        bool rtx = is_rtx_of(up, header->payload_type);
        if (!rtx && header->payload_type != up->config.payload_type)
            continue;
        struct sfu_rtp_ext_values values;
        if (sfu_rtp_ext_read(datagram, header, &up->config.extensions, &values) != 0 ||
            (values.has & (1u << SFU_RTP_EXT_MID)) == 0 || strcmp(values.mid, up->config.mid) != 0)
            continue;
        int layer = layer_by_rid(up, rtx, &values);
        if (layer < 0)
            return false;
        *match = (struct match){.up = up, .layer = (unsigned)layer, .rtx = rtx, .learned = true};
        return true;
    }
    return false;
}

static bool find_track(const struct sfu_participant *participant, const uint8_t *datagram,
                       const struct sfu_rtp_header *header, struct match *match)
{
    for (uint32_t i = 0; i < participant->ssrc_count; i++) {
        const struct sfu_ssrc_entry *entry = &participant->ssrcs[i];
        if (entry->ssrc != header->ssrc)
            continue;
        struct sfu_up_track *up = participant->ups[entry->up];
        *match = (struct match){.up = up, .layer = entry->layer, .rtx = entry->rtx};
        return true;
    }
    return find_by_mid(participant, datagram, header, match);
}

/* ---- RTP -----------------------------------------------------------------------------------------------------------
 */

/* Memory for the packet: its home if it is video, else the scratch packet. A full pool costs retransmission, not the
 * packet. */
static struct sfu_packet *take_packet(struct sfu_context *context, const struct sfu_up_track *up)
{
    if (up->config.kind != SFU_VIDEO || up->muted)
        return context->scratch;
    struct sfu_packet *packet = base_pool_take(context->packets);
    if (packet != NULL)
        return packet;
    context->stats.dropped_no_memory++;
    return context->scratch;
}

/* Fills in what a decrypted packet of `len` bytes says. Returns false if it is malformed. */
static bool read_packet(const struct sfu_participant *participant, uint64_t now_us, const struct sfu_up_track *up,
                        struct sfu_packet *packet, size_t len)
{
    size_t padding_bytes;
    struct sfu_rtp_ext_values values;
    if (sfu_rtp_padding_bytes(packet->data, len, &packet->header, &padding_bytes) != 0)
        return false;
    values.has = 0;
    if (packet->header.ext_profile != 0 &&
        sfu_rtp_ext_read(packet->data, &packet->header, &up->config.extensions, &values) != 0)
        return false;
    packet->arrival_us = now_us;
    packet->payload_offset = packet->header.header_bytes;
    packet->payload_bytes = (uint16_t)(len - packet->header.header_bytes - padding_bytes);
    packet->start_of_frame = false;
    packet->key_frame = false;
    packet->has_audio_level = (values.has & (1u << SFU_RTP_EXT_AUDIO_LEVEL)) != 0;
    packet->audio_level = packet->has_audio_level ? values.audio_level : 0;
    packet->audio_voice = packet->has_audio_level && values.audio_voice;
    if ((values.has & (1u << SFU_RTP_EXT_TRANSPORT_CC)) != 0)
        sfu_twcc_recorder_on_packet(participant->twcc, now_us, packet->header.ssrc, values.transport_seq);
    return true;
}

/* RFC 4588 section 4: the original's number stands before its payload. Returns false if there is no original. */
static bool unwrap_rtx(const struct sfu_up_track *up, unsigned layer, struct sfu_packet *packet)
{
    uint32_t ssrc = up->layers[layer].ssrc;
    if (packet->payload_bytes <= RTX_OSN_BYTES || ssrc == 0)
        return false; /* padding only: a bandwidth probe */
    packet->header.seq = base_get_be16(packet->data + packet->payload_offset);
    packet->header.ssrc = ssrc;
    packet->header.payload_type = up->config.payload_type;
    packet->payload_offset = (uint16_t)(packet->payload_offset + RTX_OSN_BYTES);
    packet->payload_bytes = (uint16_t)(packet->payload_bytes - RTX_OSN_BYTES);
    return true;
}

/* An authentic packet, in memory. Takes it. */
static void deliver(struct sfu_participant *participant, uint64_t now_us, const struct match *match,
                    struct sfu_packet *packet, size_t len)
{
    struct sfu_context *context = participant->context;
    struct sfu_up_track *up = match->up;
    if (match->learned) {
        sfu_up_track_bind(up, match->layer, now_us, match->rtx, packet->header.ssrc);
        sfu_participant_index_ssrcs(participant);
    }
    uint8_t expected_type = match->rtx ? up->config.rtx_payload_type : up->config.payload_type;
    if (!read_packet(participant, now_us, up, packet, len)) {
        context->stats.dropped_malformed++;
    } else if (packet->header.payload_type != expected_type) {
        context->stats.dropped_unknown_ssrc++; /* a codec that was not negotiated */
    } else if (!match->rtx || unwrap_rtx(up, match->layer, packet)) {
        sfu_up_track_on_packet(up, match->layer, now_us, packet, match->rtx);
        packet = NULL;
    }
    if (packet != NULL)
        sfu_context_release(context, packet);
    sfu_context_wake_at(context, &participant->timer, sfu_twcc_recorder_deadline_us(participant->twcc));
}

/* Asked for authentic packets only, so that a forged source cannot use up what its victim may send. */
static bool within_limits(struct sfu_participant *participant, uint64_t now_us, size_t len)
{
    return sfu_token_bucket_take(&participant->ingress_packets, now_us, SFU_INGRESS_PACKETS_PER_S,
                                 SFU_INGRESS_BURST_PACKETS, 1) &&
           sfu_token_bucket_take(&participant->ingress_bits, now_us, SFU_INGRESS_BPS, 8 * SFU_INGRESS_BURST_BYTES,
                                 8 * len);
}

void sfu_ingress_rtp(struct sfu_participant *participant, uint64_t now_us, const uint8_t *datagram, size_t len)
{
    struct sfu_context *context = participant->context;
    struct sfu_rtp_header header;
    struct match match;
    if (len > SFU_RTP_PACKET_MAX_BYTES || sfu_rtp_parse(datagram, len, &header) != 0) {
        context->stats.dropped_malformed++;
        return;
    }
    if (!find_track(participant, datagram, &header, &match) ||
        (match.learned && !match.rtx && !sfu_up_track_may_bind(match.up, match.layer, now_us))) {
        context->stats.dropped_unknown_ssrc++;
        return;
    }
    struct sfu_packet *packet = take_packet(context, match.up);
    size_t plain_bytes;
    int err = sfu_transport_unprotect_rtp(participant->links[SFU_PUBLISH].transport, datagram, len, &header,
                                          packet->data, &plain_bytes);
    if (err != 0) {
        count_unprotect_error(&context->stats, err);
        sfu_context_release(context, packet);
        return;
    }
    if (!within_limits(participant, now_us, len)) {
        context->stats.dropped_rate_limited++;
        sfu_context_release(context, packet);
        return;
    }
    packet->header = header;
    deliver(participant, now_us, &match, packet, plain_bytes);
}

/* ---- RTCP ----------------------------------------------------------------------------------------------------------
 */

static struct sfu_up_layer *layer_by_ssrc(const struct sfu_participant *participant, uint32_t ssrc)
{
    for (uint32_t i = 0; i < participant->ssrc_count; i++) {
        const struct sfu_ssrc_entry *entry = &participant->ssrcs[i];
        if (entry->ssrc == ssrc && !entry->rtx)
            return &participant->ups[entry->up]->layers[entry->layer];
    }
    return NULL;
}

static void on_publisher_sr(struct sfu_participant *participant, uint64_t now_us, const struct sfu_rtcp_item *item)
{
    struct sfu_up_layer *layer = layer_by_ssrc(participant, item->sr.ssrc);
    if (layer == NULL)
        return;
    sfu_rtp_stats_on_sr(&layer->stats, now_us, &item->sr);
    int64_t offset_us =
        (int64_t)sfu_context_wall_us(participant->context, now_us) - sfu_participant_wall_us_of_ntp(item->sr.ntp);
    int64_t later_us = offset_us - participant->clock_offset_us;
    if (!participant->has_clock_offset || later_us < 0 || later_us > CLOCK_STEP_US)
        participant->clock_offset_us = offset_us;
    participant->has_clock_offset = true;
}

static void on_report_blocks(struct sfu_participant *participant, uint64_t now_us, const struct sfu_rtcp_item *item)
{
    uint64_t now_ntp = sfu_ntp_of_wall_us(sfu_context_wall_us(participant->context, now_us));
    for (unsigned i = 0; i < item->report_block_count; i++) {
        struct sfu_rtcp_report_block block;
        sfu_rtcp_report_block_at(item, i, &block);
        if (sfu_participant_down_by_ssrc(participant, block.ssrc) == NULL)
            continue;
        participant->down_loss_sum_q8 += block.fraction_lost;
        participant->down_loss_count++;
        uint32_t rtt_us = sfu_rtp_stats_rtt_us(now_ntp, &block);
        if (rtt_us != 0)
            participant->rtt_us =
                participant->rtt_us == 0 ? rtt_us : participant->rtt_us - participant->rtt_us / 8 + rtt_us / 8;
    }
}

static void refill_resend_budget(struct sfu_participant *participant, uint64_t now_us)
{
    if (participant->resend_budget_us != 0 && now_us < participant->resend_budget_us + RESEND_REFILL_US)
        return;
    participant->resend_budget = RESEND_BUDGET_MAX;
    participant->resend_budget_us = now_us;
}

static void on_nack(struct sfu_participant *participant, uint64_t now_us, const struct sfu_rtcp_item *item,
                    unsigned *left)
{
    struct sfu_down_track *down = sfu_participant_down_by_ssrc(participant, item->media_ssrc);
    if (down == NULL)
        return;
    refill_resend_budget(participant, now_us);
    for (unsigned i = 0; i < item->body_bytes / 4; i++) {
        uint16_t seqs[17];
        unsigned count = sfu_rtcp_nack_seqs(item, i, seqs);
        for (unsigned n = 0; n<count && * left> 0; n++, (*left)--)
            sfu_down_track_on_nack(down, now_us, seqs[n], &participant->resend_budget);
    }
}

static void on_key_frame_request(struct sfu_participant *participant, uint64_t now_us, uint32_t media_ssrc)
{
    struct sfu_down_track *down = sfu_participant_down_by_ssrc(participant, media_ssrc);
    if (down == NULL)
        return;
    participant->context->stats.pli_received++;
    sfu_down_track_on_key_frame_request(down, now_us);
}

static void on_subscriber_item(struct sfu_participant *participant, uint64_t now_us, const struct sfu_rtcp_item *item,
                               unsigned *nacks_left)
{
    switch (item->kind) {
    case SFU_RTCP_SR:
    case SFU_RTCP_RR:
        on_report_blocks(participant, now_us, item);
        break;
    case SFU_RTCP_NACK:
        on_nack(participant, now_us, item, nacks_left);
        break;
    case SFU_RTCP_PLI:
    case SFU_RTCP_FIR:
        on_key_frame_request(participant, now_us, item->media_ssrc);
        break;
    default:
        break; /* REMB and transport-wide feedback: nothing adapts to them yet */
    }
}

void sfu_ingress_rtcp(struct sfu_link *link, uint64_t now_us, uint8_t *datagram, size_t len)
{
    struct sfu_stats *stats = &link->context->stats;
    size_t plain_bytes;
    int err = sfu_transport_unprotect_rtcp(link->transport, datagram, len, &plain_bytes);
    if (err != 0) {
        count_unprotect_error(stats, err);
        return;
    }
    struct sfu_rtcp_reader reader;
    struct sfu_rtcp_item item;
    unsigned nacks_left = NACKS_PER_PACKET_MAX;
    int result;
    sfu_rtcp_reader_init(&reader, datagram, plain_bytes);
    while ((result = sfu_rtcp_read(&reader, &item)) == 1) {
        if (link->kind == SFU_SUBSCRIBE)
            on_subscriber_item(link->owner, now_us, &item, &nacks_left);
        else if (item.kind == SFU_RTCP_SR)
            on_publisher_sr(link->owner, now_us, &item);
    }
    if (result < 0)
        stats->dropped_malformed++;
}
