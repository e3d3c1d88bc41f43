/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/media/picture_rewriter.h"

void sfu_picture_rewriter_switch(struct sfu_picture_rewriter *rewriter)
{
    rewriter->switched = true;
}

bool sfu_picture_rewriter_map(struct sfu_picture_rewriter *rewriter, const struct sfu_picture_ids *ids, bool newest,
                              uint16_t *id, uint8_t *tl0)
{
    if (rewriter->started && rewriter->switched) {
        rewriter->id_offset = (uint16_t)(rewriter->last_id + 1u - ids->id);
        rewriter->tl0_offset = (uint8_t)(rewriter->last_tl0 + 1u - ids->tl0);
    }
    rewriter->started = true;
    rewriter->switched = false;
    *id = (uint16_t)(ids->id + rewriter->id_offset) & 0x7FFFu;
    *tl0 = (uint8_t)(ids->tl0 + rewriter->tl0_offset);
    if (newest) {
        rewriter->last_id = *id;
        rewriter->last_tl0 = *tl0;
    }
    return (ids->id_at != 0 && *id != ids->id) || (ids->tl0_at != 0 && *tl0 != ids->tl0);
}
