/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/media/layer_selector.h"

#include <assert.h>
#include <string.h>

void sfu_layer_activity_init(struct sfu_layer_activity *activity, unsigned count)
{
    assert(count >= 1 && count <= SFU_LAYERS_MAX);
    memset(activity, 0, sizeof *activity);
    activity->count = (uint8_t)count;
}

static bool is_silent(const struct sfu_layer_activity *activity, uint64_t now_us, unsigned layer)
{
    return activity->frames_since[layer] >= SFU_LAYER_SILENT_FRAMES &&
           now_us >= activity->last_us[layer] + SFU_LAYER_SILENT_US;
}

bool sfu_layer_activity_on_packet(struct sfu_layer_activity *activity, uint64_t now_us, unsigned layer,
                                  bool start_of_frame)
{
    uint8_t before = activity->live;
    activity->live |= (uint8_t)(1u << layer);
    activity->last_us[layer] = now_us;
    activity->frames_since[layer] = 0;
    for (unsigned other = 0; start_of_frame && other < activity->count; other++) {
        if (other == layer)
            continue;
        activity->frames_since[other]++;
        if (is_silent(activity, now_us, other))
            activity->live &= (uint8_t) ~(1u << other);
    }
    return activity->live != before;
}

/* The highest that arrives within the limit; if there is none, the lowest above it: some picture is better than none.
 */
static uint8_t best_of(uint8_t live, unsigned limit)
{
    for (unsigned layer = limit + 1; layer-- > 0;)
        if ((unsigned)live >> layer & 1u)
            return (uint8_t)layer;
    for (unsigned layer = limit + 1; layer < SFU_LAYERS_MAX; layer++)
        if ((unsigned)live >> layer & 1u)
            return (uint8_t)layer;
    return SFU_LAYER_NONE;
}

void sfu_layer_selector_init(struct sfu_layer_selector *selector, unsigned limit)
{
    assert(limit < SFU_LAYERS_MAX);
    *selector =
        (struct sfu_layer_selector){.current = SFU_LAYER_NONE, .target = SFU_LAYER_NONE, .limit = (uint8_t)limit};
}

bool sfu_layer_selector_update(struct sfu_layer_selector *selector, const struct sfu_layer_activity *activity)
{
    uint8_t before = selector->target;
    uint8_t best = best_of(activity->live, selector->limit);
    if (best != SFU_LAYER_NONE)
        selector->target = best;
    else if (before == SFU_LAYER_NONE || before > selector->limit)
        selector->target = selector->limit < activity->count ? selector->limit : (uint8_t)(activity->count - 1);
    if (selector->target != before)
        selector->refusals = 0;
    return selector->target != selector->current;
}

void sfu_layer_selector_changed(struct sfu_layer_selector *selector, unsigned layer)
{
    selector->current = (uint8_t)layer;
    selector->refusals = 0;
}

bool sfu_layer_selector_refuse(struct sfu_layer_selector *selector)
{
    if (selector->refusals == SFU_LAYER_REFUSALS_MAX)
        return false;
    selector->refusals++;
    return true;
}

void sfu_layer_selector_stop(struct sfu_layer_selector *selector)
{
    selector->current = SFU_LAYER_NONE;
    selector->refusals = 0;
}
