/* SPDX-License-Identifier: Apache-2.0 */
/**
 * layer_selector.h - simulcast: which layers of one picture arrive, and which of them one viewer gets.
 *
 * A publisher sends one picture in up to SFU_LAYERS_MAX encodings (layers), 0 the lowest. A viewer gets one of them at
 * a time: the *target* is the highest that arrives within the viewer's limit; the viewer goes over to it at a key frame
 * of the target and keeps the *current* one until then, upwards and downwards alike. Who has none yet takes any layer
 * within the limit whose key frame comes first.
 *
 * A layer that its publisher stopped (browsers do, from the highest down, when their line is narrow) is one that was
 * silent for SFU_LAYER_SILENT_US while others brought SFU_LAYER_SILENT_FRAMES: a picture that stands still is silent in
 * all of its layers and changes nothing. No bandwidth estimation here: the limit is what the viewer asked for.
 *
 * Sans-IO, no allocation; the structs lie in their owners. Threads: one owner. Units: _us microseconds of the caller's
 * monotonic clock.
 */
#ifndef CONSILIUM_SFU_MEDIA_LAYER_SELECTOR_H
#define CONSILIUM_SFU_MEDIA_LAYER_SELECTOR_H

#include <stdbool.h>
#include <stdint.h>

#define SFU_LAYERS_MAX          3
#define SFU_LAYER_NONE          0xFFu
#define SFU_LAYER_SILENT_US     1000000u
#define SFU_LAYER_SILENT_FRAMES 6u
/** Key frames of the target that come too late to be shown (see _refuse): after so many the next is taken anyway. */
#define SFU_LAYER_REFUSALS_MAX 2u

/** Which layers arrive. */
struct sfu_layer_activity {
    uint8_t count;                         /**< layers negotiated, 1..SFU_LAYERS_MAX */
    uint8_t live;                          /**< bit set of those that arrive */
    uint32_t frames_since[SFU_LAYERS_MAX]; /* frames of other layers since its last packet */
    uint64_t last_us[SFU_LAYERS_MAX];
};

void sfu_layer_activity_init(struct sfu_layer_activity *activity, unsigned count);
/** A packet of `layer` (< count) arrived. Returns true if `live` changed: ask the viewers' selectors again. */
bool sfu_layer_activity_on_packet(struct sfu_layer_activity *activity, uint64_t now_us, unsigned layer,
                                  bool start_of_frame);

/** One viewer. */
struct sfu_layer_selector {
    uint8_t current; /**< SFU_LAYER_NONE: nothing is forwarded yet */
    uint8_t target;
    uint8_t limit; /**< highest layer wanted */
    uint8_t refusals;
};

enum sfu_layer_decision {
    SFU_LAYER_DROP,    /**< not for this viewer now */
    SFU_LAYER_FORWARD, /**< of the current layer */
    SFU_LAYER_CHANGE,  /**< here the viewer can go over to this layer: call _changed or _refuse */
};

/** Nothing is forwarded; the limit is `limit` (< SFU_LAYERS_MAX). */
void sfu_layer_selector_init(struct sfu_layer_selector *selector, unsigned limit);
/** The limit, or what arrives, is (perhaps) another: sets the target. While nothing arrives that stays, or is the
 * highest negotiated within the limit. Returns true if a key frame of the target is needed. */
bool sfu_layer_selector_update(struct sfu_layer_selector *selector, const struct sfu_layer_activity *activity);
/** What to do with a packet of `layer`; `key_frame`: it is the first packet of one. */
static inline enum sfu_layer_decision sfu_layer_selector_decide(const struct sfu_layer_selector *selector,
                                                                unsigned layer, bool key_frame)
{
    if (layer == selector->current)
        return SFU_LAYER_FORWARD;
    if (!key_frame)
        return SFU_LAYER_DROP;
    bool first = selector->current == SFU_LAYER_NONE && layer <= selector->limit;
    return layer == selector->target || first ? SFU_LAYER_CHANGE : SFU_LAYER_DROP;
}
/** The viewer is on `layer` from this packet on. */
void sfu_layer_selector_changed(struct sfu_layer_selector *selector, unsigned layer);
/** The key frame at hand is older than what the viewer was shown already. Returns true if it should be left out and
 * another one asked for; false after SFU_LAYER_REFUSALS_MAX of them. */
bool sfu_layer_selector_refuse(struct sfu_layer_selector *selector);
/** The current layer is gone (another stream, mute): wait for a key frame. */
void sfu_layer_selector_stop(struct sfu_layer_selector *selector);

#endif
