/* SPDX-License-Identifier: Apache-2.0 */
/**
 * forwarder.h - the hot path: one packet of an up track out to everybody who receives it.
 *
 * An up track keeps one *slot* for each of its down tracks, side by side in one array: all that the loop needs for a
 * subscriber besides its rewriter and its transport lies in about one cache line. For each active slot the packet gets
 * a sequence number and timestamp of that subscriber (rtp_rewriter.h), a header and a prepared extension block written
 * straight into the send buffer, and the payload is encrypted from the stored packet behind it. No allocation, no lock.
 *
 * Video starts only with the first packet of a key frame: a slot that waits for one is passed over until then.
 *
 * Simulcast: a slot gets the packets of one layer, and goes over to its target at a key frame of that. Sequence numbers
 * and picture ids go on right behind the last ones sent; timestamps too, by the layers' sender reports where there are
 * any (each layer has an RTP clock of its own). A key frame that is older than what was shown already (its first packet
 * had been lost) is left out and another one asked for. Only where picture ids have to be changed is the payload
 * copied. A frame of the old layer that is under way at the switch is cut off there, and losses before it are not
 * repaired any more: the key frame makes both good.
 *
 * One-byte padding: libwebrtc splits a frame into packets of size S and then S + 1. A packet of size S gets one byte of
 * RTP padding, so that all segments of a frame have one size and leave in one GSO run (egress.h).
 */
#ifndef CONSILIUM_SFU_ROOM_FORWARDER_H
#define CONSILIUM_SFU_ROOM_FORWARDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sfu/media/layer_selector.h"
#include "sfu/media/packet.h"
#include "sfu/media/rtp_rewriter.h"
#include "sfu/room/context.h"
#include "sfu/transport/transport.h"

struct sfu_up_track;
struct sfu_down_track;

#define SFU_FORWARD_EXT_MAX 28 /**< block header 4, mid 1 + 15, level 2, transport sequence number 3; whole words */

/** An extension block as it goes out, with the places to patch. */
struct sfu_forward_ext {
    uint8_t bytes;    /**< 0: no block */
    uint8_t level_at; /**< of the audio level's data byte; 0: none. Its element header is the byte before */
    uint8_t seq_at;   /**< of the transport-wide sequence number; 0: none */
    uint8_t data[SFU_FORWARD_EXT_MAX];
};

struct sfu_forward_slot {
    struct sfu_transport *transport; /**< NULL: cannot be sent to now */
    struct sfu_rtp_rewriter *rewriter;
    uint16_t *transport_seq; /**< the subscriber's counter of transport-wide sequence numbers */
    struct sfu_down_track *down;
    uint32_t ssrc;
    uint32_t packets; /**< for sender reports, modulo 2^32 */
    uint32_t octets;
    uint8_t payload_type;
    bool waiting;                     /**< for a key frame; tracks of one layer */
    struct sfu_layer_selector layers; /**< simulcast */
    struct sfu_forward_ext ext;
};

/** Prepares the block of one down track: its mid, room for an audio level if `audio`, transport-wide number. */
void sfu_forward_ext_prepare(struct sfu_forward_ext *ext, const char *mid, bool audio);
/** Writes `ext` for one packet at `out`: patches level (NULL or no level: those bytes become padding, RFC 8285 section
 * 4.2) and the next transport-wide number. Returns its bytes. */
size_t sfu_forward_ext_write(const struct sfu_forward_ext *ext, uint8_t *out, const struct sfu_packet *packet,
                             uint16_t *transport_seq);

/** Sends `packet`, which came in `layer`, to all active slots of `up` that get it. `pad_bytes`: 0 or 1. */
void sfu_forwarder_send(struct sfu_context *context, struct sfu_up_track *up, unsigned layer, uint64_t now_us,
                        const struct sfu_packet *packet, size_t pad_bytes);
/** The packet `ext_seq` of `layer` is left out on purpose: closes the gap in every slot. */
void sfu_forwarder_drop(struct sfu_up_track *up, unsigned layer, uint64_t ext_seq);

#endif
