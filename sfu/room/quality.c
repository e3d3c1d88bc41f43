/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/room/quality.h"

#define WORSE_AFTER  2
#define BETTER_AFTER 3

/* 1/256: 4 % and 12 % */
#define LOSS_FAIR_Q8   10u
#define LOSS_POOR_Q8   31u
#define JITTER_FAIR_US 40000u
#define JITTER_POOR_US 120000u
#define RTT_FAIR_US    300000u
#define RTT_POOR_US    700000u

void sfu_quality_init(struct sfu_quality *quality)
{
    *quality = (struct sfu_quality){
        .told = SFU_QUALITY_UNKNOWN, .level = SFU_QUALITY_UNKNOWN, .candidate = SFU_QUALITY_UNKNOWN};
}

static uint8_t judge(const struct sfu_quality_sample *sample)
{
    uint32_t loss = sample->up_loss_q8 > sample->down_loss_q8 ? sample->up_loss_q8 : sample->down_loss_q8;
    if (sample->lost)
        return SFU_QUALITY_LOST;
    if (loss >= LOSS_POOR_Q8 || sample->jitter_us >= JITTER_POOR_US || sample->rtt_us >= RTT_POOR_US)
        return SFU_QUALITY_POOR;
    if (loss >= LOSS_FAIR_Q8 || sample->jitter_us >= JITTER_FAIR_US || sample->rtt_us >= RTT_FAIR_US)
        return SFU_QUALITY_FAIR;
    return SFU_QUALITY_GOOD;
}

static void follow(struct sfu_quality *quality, uint8_t now_level)
{
    bool at_once = quality->level == SFU_QUALITY_UNKNOWN || now_level == SFU_QUALITY_LOST ||
                   (quality->level == SFU_QUALITY_LOST && now_level != SFU_QUALITY_LOST);
    if (at_once || now_level == quality->level) {
        quality->level = now_level;
        quality->better = quality->worse = 0;
        return;
    }
    bool is_worse = now_level < quality->level;
    uint8_t *streak = is_worse ? &quality->worse : &quality->better;
    *(is_worse ? &quality->better : &quality->worse) = 0;
    /* Of a streak the mildest change counts. */
    if (*streak == 0 || (is_worse ? now_level > quality->candidate : now_level < quality->candidate))
        quality->candidate = now_level;
    if (++*streak < (is_worse ? WORSE_AFTER : BETTER_AFTER))
        return;
    quality->level = quality->candidate;
    *streak = 0;
}

bool sfu_quality_update(struct sfu_quality *quality, uint64_t now_us, const struct sfu_quality_sample *sample)
{
    follow(quality, judge(sample));
    if (quality->level == quality->told)
        return false;
    if (quality->told != SFU_QUALITY_UNKNOWN && now_us < quality->told_us + SFU_QUALITY_REST_US)
        return false;
    quality->told = quality->level;
    quality->told_us = now_us;
    return true;
}
