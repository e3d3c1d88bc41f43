/* SPDX-License-Identifier: Apache-2.0 */
/**
 * quality.h - how good a participant's connection is, as one number that people can be shown: 3 good .. 0 lost.
 *
 * Fed once a second with what was measured in that second. It gets worse after two bad seconds and better after three
 * good ones, so that it does not flicker; lost (and back) counts at once. Told at most every SFU_QUALITY_REST_US.
 * Thresholds: audio with FEC hides up to 5 % loss, video repairs about 10 %; above that people notice.
 * Sans-IO, no allocation; lies in its owner.
 */
#ifndef CONSILIUM_SFU_ROOM_QUALITY_H
#define CONSILIUM_SFU_ROOM_QUALITY_H

#include <stdbool.h>
#include <stdint.h>

#define SFU_QUALITY_REST_US 2000000u

enum { SFU_QUALITY_LOST, SFU_QUALITY_POOR, SFU_QUALITY_FAIR, SFU_QUALITY_GOOD, SFU_QUALITY_UNKNOWN = 255 };

struct sfu_quality_sample {
    bool lost;             /**< a transport that was connected is not */
    uint32_t up_loss_q8;   /**< 1/256 */
    uint32_t down_loss_q8; /**< 1/256 */
    uint32_t jitter_us;
    uint32_t rtt_us; /**< 0: unknown */
};

struct sfu_quality {
    uint8_t told;          /**< the level last told */
    uint8_t level;         /* the level that holds */
    uint8_t better, worse; /* seconds in a row; the level that they agree on is `candidate` */
    uint8_t candidate;
    uint64_t told_us;
};

void sfu_quality_init(struct sfu_quality *quality);
/** Returns true when quality->told is a new level to tell. */
bool sfu_quality_update(struct sfu_quality *quality, uint64_t now_us, const struct sfu_quality_sample *sample);

#endif
