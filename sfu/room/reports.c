/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/room/reports.h"

#include <inttypes.h>
#include <stdio.h>

#include "sfu/room/participant.h"
#include "sfu/room/room.h"
#include "sfu/wire/rtcp.h"

#define RTCP_MAX_BYTES 1200
#define CNAME_MAX      24

void sfu_reports_feedback(struct sfu_participant *participant, uint64_t now_us)
{
    if (now_us < sfu_twcc_recorder_deadline_us(participant->twcc))
        return;
    struct sfu_link *link = &participant->links[SFU_PUBLISH];
    uint8_t rtcp[RTCP_MAX_BYTES];
    size_t bytes;
    while ((bytes = sfu_twcc_recorder_poll(participant->twcc, now_us, link->rtcp_ssrc, rtcp, sizeof rtcp)) > 0)
        if (sfu_link_send_rtcp(link, rtcp, bytes))
            participant->context->stats.twcc_sent++;
}

/* ---- to the publisher -------------------------------------------------------------------------------------------- */

/* A report block about one layer, if there is something to report. */
static unsigned add_block(struct sfu_up_layer *layer, uint64_t now_us, struct sfu_rtcp_report_block *out)
{
    return layer->ssrc != 0 && sfu_rtp_stats_report(&layer->stats, now_us, layer->ssrc, out);
}

static void send_rr(struct sfu_participant *participant, uint64_t now_us)
{
    struct sfu_link *link = &participant->links[SFU_PUBLISH];
    struct sfu_rtcp_report_block blocks[SFU_TRACKS_MAX * SFU_LAYERS_MAX];
    unsigned count = 0;
    uint32_t worst_loss_q8 = 0, worst_jitter_us = 0;
    for (uint32_t i = 0; i < participant->up_count; i++) {
        struct sfu_up_track *up = participant->ups[i];
        unsigned first = count;
        for (unsigned layer = 0; layer < up->layer_count; layer++)
            count += add_block(&up->layers[layer], now_us, &blocks[count]);
        for (unsigned b = first; b < count; b++) {
            uint32_t jitter_us = (uint32_t)((uint64_t)blocks[b].jitter_ts * 1000000 / up->layers[0].stats.clock_hz);
            if (blocks[b].fraction_lost > worst_loss_q8)
                worst_loss_q8 = blocks[b].fraction_lost;
            /* Jitter of audio only: a picture's packets are sent in bursts, at the encoder's pace. */
            if (up->config.kind == SFU_AUDIO && jitter_us > worst_jitter_us)
                worst_jitter_us = jitter_us;
        }
    }
    participant->up_loss_q8 = worst_loss_q8;
    participant->up_jitter_us = worst_jitter_us;
    if (count == 0)
        return;
    uint8_t rtcp[RTCP_MAX_BYTES];
    size_t bytes = sfu_rtcp_write_rr(rtcp, sizeof rtcp, link->rtcp_ssrc, blocks, count);
    bytes += sfu_rtcp_write_sdes_cname(rtcp + bytes, sizeof rtcp - bytes, link->rtcp_ssrc, "sfu");
    (void)sfu_link_send_rtcp(link, rtcp, bytes);
}

/* ---- to the subscriber ------------------------------------------------------------------------------------------- */

/* SR and SDES of one down track; 0 if there is nothing to say, or no room. */
static size_t write_sr(const struct sfu_down_track *down, uint64_t now_us, uint8_t *out, size_t out_max)
{
    struct sfu_rtcp_sr sr;
    if (!sfu_down_track_sender_report(down, now_us, &sr))
        return 0;
    char cname[CNAME_MAX];
    snprintf(cname, sizeof cname, "p%" PRIu64, down->up->owner->id);
    size_t bytes = sfu_rtcp_write_sr(out, out_max, &sr, NULL, 0);
    if (bytes == 0)
        return 0;
    size_t sdes_bytes = sfu_rtcp_write_sdes_cname(out + bytes, out_max - bytes, sr.ssrc, cname);
    return sdes_bytes == 0 ? 0 : bytes + sdes_bytes;
}

static void send_srs(struct sfu_participant *participant, uint64_t now_us)
{
    struct sfu_link *link = &participant->links[SFU_SUBSCRIBE];
    if (sfu_participant_send_transport(participant) == NULL)
        return;
    uint8_t rtcp[RTCP_MAX_BYTES];
    size_t used = 0;
    const size_t one_max = 28 + 8 + 4 + CNAME_MAX; /* SR, SDES with its padding */
    for (uint32_t i = 0; i < participant->down_count; i++) {
        if (used + one_max > sizeof rtcp) {
            (void)sfu_link_send_rtcp(link, rtcp, used);
            used = 0;
        }
        used += write_sr(participant->downs[i], now_us, rtcp + used, sizeof rtcp - used);
    }
    if (used > 0)
        (void)sfu_link_send_rtcp(link, rtcp, used);
}

void sfu_reports_send(struct sfu_participant *participant, uint64_t now_us)
{
    send_rr(participant, now_us);
    send_srs(participant, now_us);
}

/* ---- quality ----------------------------------------------------------------------------------------------------- */

void sfu_reports_quality(struct sfu_participant *participant, uint64_t now_us)
{
    struct sfu_quality_sample sample = {
        .up_loss_q8 = participant->up_loss_q8, .jitter_us = participant->up_jitter_us, .rtt_us = participant->rtt_us};
    if (participant->down_loss_count > 0)
        sample.down_loss_q8 = participant->down_loss_sum_q8 / participant->down_loss_count;
    participant->down_loss_sum_q8 = 0;
    participant->down_loss_count = 0;
    bool ever = false;
    for (int i = 0; i < 2; i++) {
        ever = ever || participant->was_connected[i];
        sample.lost =
            sample.lost || (participant->was_connected[i] && participant->links[i].state != SFU_TRANSPORT_CONNECTED);
    }
    if (!ever || !sfu_quality_update(&participant->quality, now_us, &sample))
        return;
    sfu_context_emit(participant->context, &(struct sfu_event){.kind = SFU_EVENT_QUALITY,
                                                               .room_id = participant->room->id,
                                                               .participant_id = participant->id,
                                                               .quality = participant->quality.told});
}
