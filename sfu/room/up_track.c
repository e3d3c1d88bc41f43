/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/room/up_track.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "sfu/room/down_track.h"
#include "sfu/room/participant.h"
#include "sfu/room/room.h"
#include "sfu/wire/vp8.h"
#include "sfu/wire/vp9.h"

#define PAD_PAYLOAD_MIN 600 /* below, a frame is too small for GSO runs to matter */

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
    up->muted = config->muted;
    up->layer_count = config->layer_count > 1 && config->kind == SFU_VIDEO ? config->layer_count : 1;
    sfu_layer_activity_init(&up->activity, up->layer_count);
    for (unsigned i = 0; i < up->layer_count; i++) {
        if (sfu_up_layer_init(&up->layers[i], config->kind, context) != 0) {
            sfu_up_track_destroy(up);
            return BASE_ERR_NOMEM;
        }
    }
    if (up->layer_count == 1)
        sfu_up_layer_set_ssrcs(&up->layers[0], config->ssrc, config->rtx_ssrc);
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
    for (unsigned i = 0; i < up->layer_count; i++)
        sfu_up_layer_clear(&up->layers[i]);
    free(up);
}

/* ---- streams ------------------------------------------------------------------------------------------------- */

void sfu_up_track_stop_slot(const struct sfu_up_track *up, struct sfu_forward_slot *slot)
{
    slot->waiting = up->config.kind == SFU_VIDEO;
    sfu_layer_selector_stop(&slot->layers);
}

/* The streams of those who receive this layer (or any: SFU_LAYER_NONE) stop here and go on with the next packet (video:
 * key frame) that comes. */
static void stop_slots(struct sfu_up_track *up, unsigned layer)
{
    for (uint32_t i = 0; i < up->slot_count; i++) {
        struct sfu_forward_slot *slot = &up->slots[i];
        if (up->layer_count > 1 && layer != SFU_LAYER_NONE && slot->layers.current != layer)
            continue;
        sfu_rtp_rewriter_switch(slot->rewriter);
        sfu_up_track_stop_slot(up, slot);
    }
}

static void choose_layers(struct sfu_up_track *up, uint64_t now_us)
{
    for (uint32_t i = 0; i < up->slot_count; i++)
        sfu_up_track_choose_layer(up, &up->slots[i], now_us);
}

static void reset_layer(struct sfu_up_track *up, unsigned layer, uint64_t now_us)
{
    sfu_up_layer_reset(&up->layers[layer]);
    stop_slots(up, layer);
    choose_layers(up, now_us);
}

void sfu_up_track_configure(struct sfu_up_track *up, uint64_t now_us, const struct sfu_up_track_config *config)
{
    bool other_mid = strncmp(up->config.mid, config->mid, sizeof config->mid) != 0;
    bool simulcast = up->layer_count > 1;
    up->config = *config;
    for (unsigned i = 0; i < up->layer_count; i++) {
        struct sfu_up_layer *layer = &up->layers[i];
        uint32_t ssrc = simulcast ? 0 : config->ssrc, rtx_ssrc = simulcast ? 0 : config->rtx_ssrc;
        if (other_mid || (ssrc != 0 && ssrc != layer->ssrc)) {
            if (layer->ssrc != 0) {
                reset_layer(up, i, now_us);
                layer->rebind_us = now_us + SFU_REBIND_REST_US;
            }
            sfu_up_layer_set_ssrcs(layer, ssrc, rtx_ssrc);
        } else if (rtx_ssrc != 0) {
            layer->rtx_ssrc = rtx_ssrc;
        }
    }
}

void sfu_up_track_reset(struct sfu_up_track *up, uint64_t now_us)
{
    bool simulcast = up->layer_count > 1;
    sfu_layer_activity_init(&up->activity, up->layer_count);
    for (unsigned i = 0; i < up->layer_count; i++) {
        reset_layer(up, i, now_us);
        sfu_up_layer_set_ssrcs(&up->layers[i], simulcast ? 0 : up->config.ssrc, simulcast ? 0 : up->config.rtx_ssrc);
    }
}

void sfu_up_track_bind(struct sfu_up_track *up, unsigned layer_index, uint64_t now_us, bool rtx, uint32_t ssrc)
{
    struct sfu_up_layer *layer = &up->layers[layer_index];
    if (rtx) {
        layer->rtx_ssrc = ssrc;
        return;
    }
    if (layer->ssrc != 0) {
        reset_layer(up, layer_index, now_us);
        layer->rebind_us = now_us + SFU_REBIND_REST_US;
    }
    layer->ssrc = ssrc;
    if (layer->wants_key_frame)
        sfu_up_track_request_key_frame(up, layer_index, now_us); /* it could not be sent before */
}

bool sfu_up_track_may_bind(const struct sfu_up_track *up, unsigned layer, uint64_t now_us)
{
    return up->layers[layer].ssrc == 0 || now_us >= up->layers[layer].rebind_us;
}

int sfu_up_track_layer_of_rid(const struct sfu_up_track *up, const char *rid)
{
    for (unsigned i = 0; up->layer_count > 1 && i < up->layer_count; i++)
        if (strcmp(up->config.rids[i], rid) == 0)
            return (int)i;
    return -1;
}

bool sfu_up_track_set_muted(struct sfu_up_track *up, uint64_t now_us, bool muted)
{
    if (up->muted == muted)
        return false;
    up->muted = muted;
    if (!muted) {
        choose_layers(up, now_us);
        return true;
    }
    stop_slots(up, SFU_LAYER_NONE);
    for (unsigned i = 0; i < up->layer_count; i++) {
        sfu_up_layer_on_key_frame(&up->layers[i]); /* none is wanted */
        sfu_up_layer_forget(&up->layers[i], true);
    }
    return true;
}

/* ---- key frames ---------------------------------------------------------------------------------------------- */

void sfu_up_track_request_key_frame(struct sfu_up_track *up, unsigned layer, uint64_t not_before_us)
{
    if (up->config.kind != SFU_VIDEO || up->muted)
        return;
    uint64_t due_us = sfu_up_layer_want_key_frame(&up->layers[layer], not_before_us);
    sfu_context_wake_at(up->context, &up->owner->timer, due_us);
}

void sfu_up_track_choose_layer(struct sfu_up_track *up, struct sfu_forward_slot *slot, uint64_t not_before_us)
{
    bool simulcast = up->layer_count > 1;
    bool needed = simulcast ? sfu_layer_selector_update(&slot->layers, &up->activity) : slot->waiting;
    if (needed && slot->transport != NULL)
        sfu_up_track_request_key_frame(up, simulcast ? slot->layers.target : 0, not_before_us);
}

const struct sfu_up_layer *sfu_up_track_layer_of(const struct sfu_up_track *up, const struct sfu_forward_slot *slot)
{
    if (up->layer_count == 1)
        return &up->layers[0];
    return slot->layers.current == SFU_LAYER_NONE ? NULL : &up->layers[slot->layers.current];
}

/* Does somebody get this layer, or wait for it? */
static bool is_watched(const struct sfu_up_track *up, unsigned layer)
{
    if (up->layer_count == 1)
        return up->slot_count > 0;
    for (uint32_t i = 0; i < up->slot_count; i++) {
        const struct sfu_forward_slot *slot = &up->slots[i];
        if (slot->transport != NULL && (slot->layers.current == layer || slot->layers.target == layer))
            return true;
    }
    return false;
}

/* ---- packets ------------------------------------------------------------------------------------------------- */

/* Frame flags and picture ids of a video packet. Returns false if it is not of its codec. */
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
        packet->picture = vp9.ids;
        return true;
    }
    if (sfu_vp8_parse(payload, packet->payload_bytes, &vp8) != 0)
        return false;
    packet->start_of_frame = vp8.start_of_frame;
    packet->key_frame = vp8.key_frame;
    packet->picture = sfu_vp8_picture_ids(&vp8);
    return true;
}

/* How many bytes of padding make this packet as long as the other segments of its frame. */
static size_t frame_padding(struct sfu_up_layer *layer, const struct sfu_packet *packet)
{
    if (packet->start_of_frame) {
        bool pad = !packet->header.marker && packet->payload_bytes >= PAD_PAYLOAD_MIN;
        layer->frame_segment_bytes = pad ? (uint16_t)(packet->payload_bytes + 1) : 0;
        layer->frame_timestamp_ts = packet->header.timestamp_ts;
    }
    return layer->frame_segment_bytes != 0 && packet->header.timestamp_ts == layer->frame_timestamp_ts &&
           packet->payload_bytes + 1 == layer->frame_segment_bytes;
}

static void on_audio(struct sfu_up_track *up, uint64_t now_us, struct sfu_packet *packet)
{
    if (packet->has_audio_level && up->config.source == SFU_SOURCE_MIC)
        sfu_room_on_level(up->owner->room, up->owner->id, now_us, packet->audio_level);
    if (packet->payload_bytes == 0)
        sfu_forwarder_drop(up, 0, packet->ext_seq);
    else
        sfu_forwarder_send(up->context, up, 0, now_us, packet, 0);
    sfu_context_release(up->context, packet);
}

static void on_video(struct sfu_up_track *up, unsigned index, uint64_t now_us, struct sfu_packet *packet,
                     bool retransmitted)
{
    struct sfu_up_layer *layer = &up->layers[index];
    if (packet->payload_bytes == 0 || !inspect_video(up, packet)) {
        up->context->stats.dropped_malformed += packet->payload_bytes != 0;
        sfu_forwarder_drop(up, index, packet->ext_seq);
        sfu_context_release(up->context, packet);
        return;
    }
    if (up->layer_count > 1 && sfu_layer_activity_on_packet(&up->activity, now_us, index, packet->start_of_frame))
        choose_layers(up, now_us);
    if (packet->key_frame)
        sfu_up_layer_on_key_frame(layer); /* whoever asked, the line above included, has it */
    if (now_us > SFU_UP_TRACK_CACHE_US)
        sfu_rtx_cache_expire(layer->cache, now_us - SFU_UP_TRACK_CACHE_US);
    sfu_forwarder_send(up->context, up, index, now_us, packet, retransmitted ? 0 : frame_padding(layer, packet));
    if (packet == up->context->scratch)
        return;
    (void)sfu_rtx_cache_put(layer->cache, packet); /* it owns the packet in every case */
}

void sfu_up_track_on_packet(struct sfu_up_track *up, unsigned index, uint64_t now_us, struct sfu_packet *packet,
                            bool retransmitted)
{
    struct sfu_up_layer *layer = &up->layers[index];
    if (!sfu_up_layer_on_packet(layer, now_us, packet, retransmitted)) {
        sfu_context_release(up->context, packet);
        return;
    }
    if (up->muted) {
        sfu_up_layer_forget(layer, false);
        up->context->stats.dropped_muted++;
        sfu_context_release(up->context, packet);
        return;
    }
    if (up->config.kind == SFU_AUDIO) {
        on_audio(up, now_us, packet);
        return;
    }
    on_video(up, index, now_us, packet, retransmitted);
    if (layer->nack != NULL)
        sfu_context_wake_at(up->context, &up->owner->timer, sfu_nack_tracker_deadline_us(layer->nack));
}

/* ---- timers -------------------------------------------------------------------------------------------------- */

uint64_t sfu_up_track_deadline_us(const struct sfu_up_track *up)
{
    uint64_t deadline_us = BASE_NEVER_US;
    for (unsigned i = 0; i < up->layer_count; i++) {
        uint64_t layer_us = sfu_up_layer_deadline_us(&up->layers[i]);
        deadline_us = layer_us < deadline_us ? layer_us : deadline_us;
    }
    return deadline_us;
}

void sfu_up_track_poll(struct sfu_up_track *up, uint64_t now_us)
{
    struct sfu_link *link = &up->owner->links[SFU_PUBLISH];
    struct sfu_stats *stats = &up->context->stats;
    for (unsigned i = 0; i < up->layer_count; i++) {
        struct sfu_up_layer *layer = &up->layers[i];
        bool gave_up;
        if (now_us < sfu_up_layer_deadline_us(layer))
            continue;
        stats->nack_sent += sfu_up_layer_poll_nack(layer, now_us, link, up->owner->rtt_us, &gave_up);
        if (gave_up && is_watched(up, i))
            sfu_up_track_request_key_frame(up, i, now_us);
        bool needed = !up->muted && is_watched(up, i);
        stats->pli_sent += sfu_up_layer_poll_key_frame(layer, now_us, link, needed);
    }
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
