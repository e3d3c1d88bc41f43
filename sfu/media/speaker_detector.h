/* SPDX-License-Identifier: Apache-2.0 */
/**
 * speaker_detector.h - who is the dominant speaker of a room (I. Volfin and I. Cohen, "Dominant Speaker Identification
 * for Multipoint Videoconferencing", Computer Speech and Language 27, 2013).
 *
 * Fed with RFC 6464 levels, it compares speech activity over three time scales (20 ms, 100 ms, 1 s), decides every 300
 * ms, and keeps the incumbent on silence, so that coughs do not move the stage. Sans-IO; allocates in _create and _add
 * only.
 */
#ifndef CONSILIUM_SFU_MEDIA_SPEAKER_DETECTOR_H
#define CONSILIUM_SFU_MEDIA_SPEAKER_DETECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SFU_SPEAKER_NONE 0u

struct sfu_speaker_detector;

int sfu_speaker_detector_create(struct sfu_speaker_detector **out);
void sfu_speaker_detector_destroy(struct sfu_speaker_detector *detector);
/** `speaker_id` != 0. Returns 0, BASE_ERR_EXISTS or BASE_ERR_NOMEM. */
int sfu_speaker_detector_add(struct sfu_speaker_detector *detector, uint64_t speaker_id, uint64_t now_us);
void sfu_speaker_detector_remove(struct sfu_speaker_detector *detector, uint64_t speaker_id);
/** One packet's level, 0 (loudest) .. 127 (silence). Unknown speakers are ignored. */
void sfu_speaker_detector_on_level(struct sfu_speaker_detector *detector, uint64_t speaker_id, uint64_t now_us,
                                   uint8_t level);
/** Silences a speaker at once (mute). */
void sfu_speaker_detector_on_mute(struct sfu_speaker_detector *detector, uint64_t speaker_id, uint64_t now_us);
uint64_t sfu_speaker_detector_deadline_us(const struct sfu_speaker_detector *detector);
/** Decides if due. Returns true when the dominant speaker changed. */
bool sfu_speaker_detector_poll(struct sfu_speaker_detector *detector, uint64_t now_us);
/** SFU_SPEAKER_NONE until somebody has spoken, and after the dominant speaker was removed. */
uint64_t sfu_speaker_detector_dominant(const struct sfu_speaker_detector *detector);
/** Those who were dominant, newest first, still present; returns how many of out[0..out_max). */
size_t sfu_speaker_detector_recent(const struct sfu_speaker_detector *detector, uint64_t *out, size_t out_max);

#endif
