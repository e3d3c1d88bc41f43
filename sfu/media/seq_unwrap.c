/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/media/seq_unwrap.h"

uint64_t sfu_seq_unwrap_peek(const struct sfu_seq_unwrap *unwrap, uint16_t seq)
{
    if (!unwrap->started)
        return 65536u + (uint64_t)seq;
    /* The signed 16-bit distance to the highest; the first is at least 65536, so this never goes below 0. */
    int16_t distance = (int16_t)(uint16_t)(seq - (uint16_t)unwrap->highest);
    return unwrap->highest + (uint64_t)(int64_t)distance;
}

uint64_t sfu_seq_unwrap(struct sfu_seq_unwrap *unwrap, uint16_t seq)
{
    uint64_t extended = sfu_seq_unwrap_peek(unwrap, seq);
    if (!unwrap->started || extended > unwrap->highest)
        unwrap->highest = extended;
    unwrap->started = true;
    return extended;
}
