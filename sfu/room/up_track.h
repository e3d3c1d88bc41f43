/* SPDX-License-Identifier: Apache-2.0 */
/**
 * up_track.h - one track that a participant publishes: its streams' state, and the slots of those who receive it.
 *
 * Fed with decrypted packets (RTX already taken apart) by ingress.h. A track has one stream, or with simulcast one for
 * each layer (up_layer.h): layers[0] is the lowest, or the only one. Drops what is muted, tells frames and key frames,
 * forwards (forwarder.h). Audio is neither asked for again nor kept: Opus has its own FEC, and a repaired packet would
 * be late.
 *
 * Key frames: asked for when a slot starts to wait, a subscriber asks, or losses were given up; each layer by itself.
 * Which layer a subscriber gets: layer_selector.h; the track keeps account of which layers arrive.
 *
 * Owned by its participant. Threads: one owner.
 */
#ifndef CONSILIUM_SFU_ROOM_UP_TRACK_H
#define CONSILIUM_SFU_ROOM_UP_TRACK_H

#include <stdbool.h>
#include <stdint.h>

#include "sfu/media/layer_selector.h"
#include "sfu/room/context.h"
#include "sfu/room/forwarder.h"
#include "sfu/room/up_layer.h"

struct sfu_participant;

struct sfu_up_track {
    struct sfu_context *context;
    struct sfu_participant *owner;
    struct sfu_up_track_config config;
    bool muted;
    uint8_t layer_count; /**< 1, or that of the simulcast layers */
    struct sfu_up_layer layers[SFU_LAYERS_MAX];
    struct sfu_layer_activity activity; /**< of simulcast layers */

    struct sfu_forward_slot *slots;
    uint32_t slot_count, slot_capacity;
};

/** Returns 0, or BASE_ERR_NOMEM with *out NULL. The config is copied. */
int sfu_up_track_create(struct sfu_up_track **out, struct sfu_context *context, struct sfu_participant *owner,
                        const struct sfu_up_track_config *config);
/** Detaches its down tracks (they stay with their subscribers, silent). NULL is allowed. */
void sfu_up_track_destroy(struct sfu_up_track *up);
/** Negotiated again, same id, kind, codec and layers. Another mid or ssrc means another stream; else everything goes
 * on. Mute is not touched. */
void sfu_up_track_configure(struct sfu_up_track *up, uint64_t now_us, const struct sfu_up_track_config *config);
/** The publisher's transport was replaced: other keys, other streams. What was learned is forgotten. */
void sfu_up_track_reset(struct sfu_up_track *up, uint64_t now_us);
/** An authenticated packet came under a new SSRC (or RTX SSRC) for this layer: from now on this is its stream. */
void sfu_up_track_bind(struct sfu_up_track *up, unsigned layer, uint64_t now_us, bool rtx, uint32_t ssrc);
/** May a packet under an unknown SSRC make that the layer's stream now? Not just after the last change: late packets of
 * the old stream must not bring it back, and two streams that claim one mid must not reset the track with each packet.
 */
bool sfu_up_track_may_bind(const struct sfu_up_track *up, unsigned layer, uint64_t now_us);
/** The layer with that rid, or -1. */
int sfu_up_track_layer_of_rid(const struct sfu_up_track *up, const char *rid);
/** Returns false if it was so already. */
bool sfu_up_track_set_muted(struct sfu_up_track *up, uint64_t now_us, bool muted);
/** Takes the packet (all but ext_seq, the frame flags and the picture ids filled in; from the pool or the scratch
 * packet) and gives it on to its last owner. `retransmitted`: it came by RTX. */
void sfu_up_track_on_packet(struct sfu_up_track *up, unsigned layer, uint64_t now_us, struct sfu_packet *packet,
                            bool retransmitted);
/** See above; does nothing for audio and while muted. `not_before_us`: when it may be asked for, >= now. */
void sfu_up_track_request_key_frame(struct sfu_up_track *up, unsigned layer, uint64_t not_before_us);
/** Sets the slot's target by its limit and by what arrives; asks for the key frame that it needs. Tracks of one layer:
 * asks for it if the slot waits. */
void sfu_up_track_choose_layer(struct sfu_up_track *up, struct sfu_forward_slot *slot, uint64_t not_before_us);
/** The slot has nothing to go on with: waits for a key frame of whatever comes. Its rewriter was switched. */
void sfu_up_track_stop_slot(const struct sfu_up_track *up, struct sfu_forward_slot *slot);
/** The layer that the slot gets now, or NULL while it waits. */
const struct sfu_up_layer *sfu_up_track_layer_of(const struct sfu_up_track *up, const struct sfu_forward_slot *slot);
/** When to call _poll. */
uint64_t sfu_up_track_deadline_us(const struct sfu_up_track *up);
/** Sends NACK and PLI that are due. */
void sfu_up_track_poll(struct sfu_up_track *up, uint64_t now_us);

/** Adds a slot at the end; returns it, valid until the next _add or _remove, or NULL (no memory). */
struct sfu_forward_slot *sfu_up_track_add_slot(struct sfu_up_track *up);
/** The last slot takes the place of the removed one; its down track is told. */
void sfu_up_track_remove_slot(struct sfu_up_track *up, uint32_t index);

#endif
