/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/media/clip.h"

uint32_t bench_clip_next_key(const struct bench_clip *clip, uint32_t frame)
{
    for (uint32_t i = 0; i < clip->frame_count; i++) {
        uint32_t at = (uint32_t)(((uint64_t)frame + i) % clip->frame_count);
        if (clip->frames[at].key_frame)
            return at;
    }
    return 0;
}

uint32_t bench_clip_bitrate_bps(const struct bench_clip *clip)
{
    uint32_t fps = clip->config.codec == BENCH_OPUS ? 50 : clip->config.fps;
    return (uint32_t)(clip->bytes * 8 * fps / clip->frame_count);
}
