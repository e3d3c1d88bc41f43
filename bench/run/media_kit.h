/* SPDX-License-Identifier: Apache-2.0 */
/**
 * media_kit.h - the clips that a scenario needs, made once and shared by everybody in it, and by the runs that follow
 * with the same media.
 */
#ifndef CONSILIUM_BENCH_RUN_MEDIA_KIT_H
#define CONSILIUM_BENCH_RUN_MEDIA_KIT_H

#include "bench/client/participant.h"
#include "bench/scenario/scenario.h"

struct bench_media_kit;

/** Makes what is needed: some seconds of encoding. *kit: NULL, or one made before, which is kept if it has the same
 * media, else replaced: nobody may use it any more. Returns 0, or BASE_ERR_NOMEM, BASE_ERR_STATE (the encoder refuses)
 * with one line in error (160 bytes); *kit is NULL then. */
int bench_media_kit_make(struct bench_media_kit **kit, const struct bench_scenario *scenario, char *error);
/** NULL is allowed. */
void bench_media_kit_destroy(struct bench_media_kit *kit);

/** The picture of a source: `layer` 0 is the lowest; of a microphone: 0 is silence, 1 is speech. NULL: none. */
const struct bench_clip *bench_media_kit_clip(const struct bench_media_kit *kit, enum bench_source source,
                                              unsigned layer);

#endif
