/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/room/up_track.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "sfu/room/down_track.h"
#include "sfu/room/participant.h"
#include "sfu/room/room.h"
#include "sfu/wire/rtcp.h"
#include "sfu/wire/vp8.h"
#include "sfu/wire/vp9.h"

#define NACK_REQUESTS_MAX 10
#define NACK_MISSING_MAX  512
#define NACK_RETRY_US     100000u /* until the round-trip time is known */
#define NACK_RETRY_MIN_US 20000u
#define NACK_RETRY_MAX_US 400000u
#define NACK_BATCH        128
#define PAD_PAYLOAD_MIN   600 /* below, a frame is too small for GSO runs to matter */

static uint32_t clock_hz(const struct sfu_up_track *up)
{
    return up->config.kind == SFU_AUDIO ? SFU_AUDIO_CLOCK_HZ : SFU_VIDEO_CLOCK_HZ;
}

static int create_nack(struct sfu_up_track *up)
{
    const struct sfu_nack_config config = {.reorder_us = SFU_NACK_REORDER_US,
                                           .retry_us = NACK_RETRY_US,
                                           .requests_max = NACK_REQUESTS_MAX,
                                           .missing_max = NACK_MISSING_MAX};
    return sfu_nack_tracker_create(&up->nack, &config);
}

int sfu_up_track_create(struct sfu_up_track **out, struct sfu_context *context, struct sfu_participant *owner,
                        const struct sfu_up_track_config *config)
{
    *out = NULL;
    struct sfu_up_track *up = calloc(1, sizeof *up);
    if (up == NULL)
        return BASE_ERR_NOMEM;
    up->context = context;
    up->owner = owner;
    up->config = *config;
    up->ssrc = config->ssrc;
    up->rtx_ssrc = config->rtx_ssrc;
    up->muted = config->muted;
    up->stats.clock_hz = clock_hz(up);
    up->pli_due_us = BASE_NEVER_US;
    if (config->kind == SFU_VIDEO &&
        (create_nack(up) != 0 || sfu_rtx_cache_create(&up->cache, SFU_UP_TRACK_CACHE_PACKETS, context->packets) != 0)) {
        sfu_up_track_destroy(up);
        return BASE_ERR_NOMEM;
    }
    *out = up;
    return 0;
}

void sfu_up_track_destroy(struct sfu_up_track *up)
{
    if (up == NULL)
        return;
    while (up->slot_count > 0)
        sfu_down_track_detach(up->slots[up->slot_count - 1].down);
    free(up->slots);
    sfu_nack_tracker_destroy(up->nack);
    sfu_rtx_cache_destroy(up->cache);
    free(up);
}

/* The subscribers' streams stop here and go on with the next packet (video: key frame) that comes. */
static void switch_slots(struct sfu_up_track *up)
{
    for (uint32_t i = 0; i < up->slot_count; i++) {
        sfu_rtp_rewriter_switch(up->slots[i].rewriter);
        up->slots[i].waiting = up->config.kind == SFU_VIDEO;
    }
}

/* Another stream takes over. Extended numbers go on growing (by more than any window), so that the cache and the
 * subscribers' histories of the old stream cannot be mistaken for the new one's. */
static void reset_stream(struct sfu_up_track *up, uint64_t now_us)
{
    if (up->unwrap.started) {
        /* The first number of the new stream maps to at least this; see start_stream(). */
        up->unwrap.highest = ((up->unwrap.highest >> 16) + 2) << 16;
        up->unwrap.started = false;
    }
    up->stats = (struct sfu_rtp_stats){.clock_hz = clock_hz(up)};
    up->frame_segment_bytes = 0;
    if (up->config.kind == SFU_VIDEO) {
        sfu_nack_tracker_destroy(up->nack);
        (void)create_nack(up); /* without memory: no requests, subscribers' PLIs repair the picture */
    }
    switch_slots(up);
    if (up->slot_count > 0)
        sfu_up_track_request_key_frame(up, now_us);
}

static uint64_t unwrap(struct sfu_up_track *up, uint16_t seq)
{
    if (!up->unwrap.started && up->unwrap.highest != 0) {
        up->unwrap.started = true;
        up->unwrap.highest |= seq;
    }
    return sfu_seq_unwrap(&up->unwrap, seq);
}

void sfu_up_track_configure(struct sfu_up_track *up, uint64_t now_us, const struct sfu_up_track_config *config)
{
    bool other_mid = strncmp(up->config.mid, config->mid, sizeof config->mid) != 0;
    bool other_ssrc = config->ssrc != 0 && config->ssrc != up->ssrc;
    up->config = *config;
    if (other_mid || other_ssrc) {
        if (up->ssrc != 0) {
            reset_stream(up, now_us);
            up->rebind_us = now_us + SFU_REBIND_REST_US;
        }
        up->ssrc = config->ssrc;
        up->rtx_ssrc = config->rtx_ssrc;
    } else if (config->rtx_ssrc != 0) {
        up->rtx_ssrc = config->rtx_ssrc;
    }
}

void sfu_up_track_reset(struct sfu_up_track *up, uint64_t now_us)
{
    reset_stream(up, now_us);
    up->ssrc = up->config.ssrc;
    up->rtx_ssrc = up->config.rtx_ssrc;
}

void sfu_up_track_bind(struct sfu_up_track *up, uint64_t now_us, bool rtx, uint32_t ssrc)
{
    if (rtx) {
        up->rtx_ssrc = ssrc;
        return;
    }
    if (up->ssrc != 0) {
        reset_stream(up, now_us);
        up->rebind_us = now_us + SFU_REBIND_REST_US;
    }
    up->ssrc = ssrc;
    if (up->wants_key_frame)
        sfu_up_track_request_key_frame(up, now_us); /* it could not be sent before */
}

bool sfu_up_track_may_bind(const struct sfu_up_track *up, uint64_t now_us)
{
    return up->ssrc == 0 || now_us >= up->rebind_us;
}

bool sfu_up_track_set_muted(struct sfu_up_track *up, uint64_t now_us, bool muted)
{
    if (up->muted == muted)
        return false;
    up->muted = muted;
    if (muted) {
        switch_slots(up);
        up->wants_key_frame = false;
        up->pli_due_us = BASE_NEVER_US;
        if (up->nack != NULL)
            sfu_nack_tracker_forget_before(up->nack, up->unwrap.highest + 1);
        if (up->cache != NULL) /* what was sent before is not sent again; nobody else should lack the memory */
            sfu_rtx_cache_clear(up->cache);
    } else if (up->slot_count > 0) {
        sfu_up_track_request_key_frame(up, now_us);
    }
    return true;
}

/* ---- key frames ---------------------------------------------------------------------------------------------- */

void sfu_up_track_request_key_frame(struct sfu_up_track *up, uint64_t now_us)
{
    if (up->config.kind != SFU_VIDEO || up->muted)
        return;
    up->wants_key_frame = true;
    uint64_t due_us = up->pli_sent_us == 0 ? now_us : up->pli_sent_us + SFU_PLI_INTERVAL_US;
    if (due_us < now_us)
        due_us = now_us;
    if (due_us >= up->pli_due_us)
        return;
    up->pli_due_us = due_us;
    sfu_context_wake_at(up->context, &up->owner->timer, due_us);
}

static void poll_key_frame(struct sfu_up_track *up, uint64_t now_us)
{
    if (now_us < up->pli_due_us)
        return;
    up->pli_due_us = BASE_NEVER_US;
    if (!up->wants_key_frame || up->muted || up->slot_count == 0)
        return;
    up->pli_due_us = now_us + SFU_PLI_REPEAT_US;
    struct sfu_link *link = &up->owner->links[SFU_PUBLISH];
    uint8_t rtcp[32];
    size_t bytes = up->ssrc == 0 ? 0 : sfu_rtcp_write_pli(rtcp, sizeof rtcp, link->rtcp_ssrc, up->ssrc);
    if (bytes == 0 || !sfu_link_send_rtcp(link, rtcp, bytes))
        return; /* not connected, or no stream yet: its first frame will be a key frame; else the repetition asks */
    up->pli_sent_us = now_us;
    up->context->stats.pli_sent++;
}

static void on_key_frame(struct sfu_up_track *up)
{
    up->wants_key_frame = false;
    up->pli_due_us = BASE_NEVER_US;
}

/* ---- packets ------------------------------------------------------------------------------------------------- */

/* Frame flags of a video packet. Returns false if it is not of its codec. */
static bool inspect_video(const struct sfu_up_track *up, struct sfu_packet *packet)
{
    const uint8_t *payload = packet->data + packet->payload_offset;
    struct sfu_vp8_descriptor vp8;
    struct sfu_vp9_descriptor vp9;
    if (up->config.video_codec == SFU_VP9) {
        if (sfu_vp9_parse(payload, packet->payload_bytes, &vp9) != 0)
            return false;
        packet->start_of_frame = vp9.start_of_picture;
        packet->key_frame = vp9.key_frame;
        return true;
    }
    if (sfu_vp8_parse(payload, packet->payload_bytes, &vp8) != 0)
        return false;
    packet->start_of_frame = vp8.start_of_frame;
    packet->key_frame = vp8.key_frame;
    return true;
}

/* How many bytes of padding make this packet as long as the other segments of its frame. */
static size_t frame_padding(struct sfu_up_track *up, const struct sfu_packet *packet)
{
    if (packet->start_of_frame) {
        bool pad = !packet->header.marker && packet->payload_bytes >= PAD_PAYLOAD_MIN;
        up->frame_segment_bytes = pad ? (uint16_t)(packet->payload_bytes + 1) : 0;
        up->frame_timestamp_ts = packet->header.timestamp_ts;
    }
    return up->frame_segment_bytes != 0 && packet->header.timestamp_ts == up->frame_timestamp_ts &&
           packet->payload_bytes + 1 == up->frame_segment_bytes;
}

static void on_audio(struct sfu_up_track *up, uint64_t now_us, struct sfu_packet *packet)
{
    if (packet->has_audio_level && up->config.source == SFU_SOURCE_MIC)
        sfu_room_on_level(up->owner->room, up->owner->id, now_us, packet->audio_level);
    if (packet->payload_bytes == 0)
        sfu_forwarder_drop(up, packet->ext_seq);
    else
        sfu_forwarder_send(up->context, up, now_us, packet, 0);
    sfu_context_release(up->context, packet);
}

static void on_video(struct sfu_up_track *up, uint64_t now_us, struct sfu_packet *packet, bool retransmitted)
{
    if (packet->payload_bytes == 0 || !inspect_video(up, packet)) {
        up->context->stats.dropped_malformed += packet->payload_bytes != 0;
        sfu_forwarder_drop(up, packet->ext_seq);
        sfu_context_release(up->context, packet);
        return;
    }
    if (packet->key_frame)
        on_key_frame(up);
    if (now_us > SFU_UP_TRACK_CACHE_US)
        sfu_rtx_cache_expire(up->cache, now_us - SFU_UP_TRACK_CACHE_US);
    sfu_forwarder_send(up->context, up, now_us, packet, retransmitted ? 0 : frame_padding(up, packet));
    if (packet == up->context->scratch)
        return;
    (void)sfu_rtx_cache_put(up->cache, packet); /* it owns the packet in every case */
}

/* Is this the first copy of the packet, and still of use? Publishers probe with copies of what they sent (RTX padding),
 * and an original may come after its retransmission. A copy must never go out twice: it would use an SRTP index again.
 * Packets given up or forgotten by the tracker count as copies too. */
static bool is_fresh(struct sfu_up_track *up, uint64_t now_us, uint64_t ext_seq, uint64_t highest_before,
                     bool retransmitted)
{
    if (up->config.kind == SFU_AUDIO)
        return true; /* never retransmitted; SRTP has refused copies */
    if (ext_seq + SFU_UP_TRACK_CACHE_PACKETS <= highest_before || sfu_rtx_cache_get(up->cache, ext_seq) != NULL)
        return false;
    bool ahead = highest_before == 0 || ext_seq > highest_before;
    if (ahead && retransmitted)
        return false; /* its original is still under way */
    if (ext_seq < up->stream_start)
        return !retransmitted; /* the stream's first packets came out of order; SRTP has refused copies */
    if (up->nack == NULL)
        return ahead;
    return sfu_nack_tracker_on_packet(up->nack, now_us, ext_seq) || ahead;
}

static void drop_muted(struct sfu_up_track *up, struct sfu_packet *packet)
{
    if (up->nack != NULL)
        sfu_nack_tracker_forget_before(up->nack, up->unwrap.highest + 1);
    up->context->stats.dropped_muted++;
    sfu_context_release(up->context, packet);
}

void sfu_up_track_on_packet(struct sfu_up_track *up, uint64_t now_us, struct sfu_packet *packet, bool retransmitted)
{
    uint64_t highest_before = up->unwrap.started ? up->unwrap.highest : 0;
    packet->ext_seq =
        retransmitted ? sfu_seq_unwrap_peek(&up->unwrap, packet->header.seq) : unwrap(up, packet->header.seq);
    if (highest_before == 0 && !retransmitted)
        up->stream_start = packet->ext_seq;
    if (!is_fresh(up, now_us, packet->ext_seq, highest_before, retransmitted)) {
        up->stats.duplicates++;
        sfu_context_release(up->context, packet);
        return;
    }
    sfu_rtp_stats_on_packet(&up->stats, now_us, packet->ext_seq, packet->header.timestamp_ts, packet->payload_bytes,
                            retransmitted);
    if (up->muted) {
        drop_muted(up, packet);
        return;
    }
    if (up->config.kind == SFU_AUDIO) {
        on_audio(up, now_us, packet);
        return;
    }
    on_video(up, now_us, packet, retransmitted);
    if (up->nack != NULL)
        sfu_context_wake_at(up->context, &up->owner->timer, sfu_nack_tracker_deadline_us(up->nack));
}

/* ---- timers -------------------------------------------------------------------------------------------------- */

static void poll_nack(struct sfu_up_track *up, uint64_t now_us)
{
    if (up->nack == NULL || now_us < sfu_nack_tracker_deadline_us(up->nack))
        return;
    struct sfu_link *link = &up->owner->links[SFU_PUBLISH];
    uint32_t retry_us = up->owner->rtt_us == 0 ? NACK_RETRY_US : up->owner->rtt_us + up->owner->rtt_us / 4;
    retry_us = retry_us < NACK_RETRY_MIN_US ? NACK_RETRY_MIN_US : retry_us;
    sfu_nack_tracker_set_retry_us(up->nack, retry_us > NACK_RETRY_MAX_US ? NACK_RETRY_MAX_US : retry_us);
    uint16_t seqs[NACK_BATCH];
    size_t count;
    do {
        count = sfu_nack_tracker_poll(up->nack, now_us, seqs, NACK_BATCH);
        uint8_t rtcp[12 + 4 * NACK_BATCH];
        size_t bytes =
            count == 0 ? 0 : sfu_rtcp_write_nack(rtcp, sizeof rtcp, link->rtcp_ssrc, up->ssrc, seqs, (unsigned)count);
        if (bytes > 0 && sfu_link_send_rtcp(link, rtcp, bytes))
            up->context->stats.nack_sent += count;
    } while (count == NACK_BATCH);
    if (sfu_nack_tracker_take_gave_up(up->nack) && up->slot_count > 0)
        sfu_up_track_request_key_frame(up, now_us);
}

uint64_t sfu_up_track_deadline_us(const struct sfu_up_track *up)
{
    uint64_t deadline_us = up->nack == NULL ? BASE_NEVER_US : sfu_nack_tracker_deadline_us(up->nack);
    return up->pli_due_us < deadline_us ? up->pli_due_us : deadline_us;
}

void sfu_up_track_poll(struct sfu_up_track *up, uint64_t now_us)
{
    poll_nack(up, now_us);
    poll_key_frame(up, now_us);
}

/* ---- slots --------------------------------------------------------------------------------------------------- */

struct sfu_forward_slot *sfu_up_track_add_slot(struct sfu_up_track *up)
{
    if (up->slot_count == up->slot_capacity) {
        uint32_t capacity = up->slot_capacity == 0 ? 8 : up->slot_capacity * 2;
        struct sfu_forward_slot *slots = realloc(up->slots, capacity * sizeof *slots);
        if (slots == NULL)
            return NULL;
        up->slots = slots;
        up->slot_capacity = capacity;
    }
    struct sfu_forward_slot *slot = &up->slots[up->slot_count++];
    memset(slot, 0, sizeof *slot);
    return slot;
}

void sfu_up_track_remove_slot(struct sfu_up_track *up, uint32_t index)
{
    uint32_t last = --up->slot_count;
    if (index == last)
        return;
    up->slots[index] = up->slots[last];
    up->slots[index].down->slot = index;
}
