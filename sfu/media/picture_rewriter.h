/* SPDX-License-Identifier: Apache-2.0 */
/**
 * picture_rewriter.h - keeps the picture id and TL0PICIDX that one subscriber sees continuous when its stream goes over
 * from one encoding to another, each of which counts by itself (RFC 7741 section 4.2, RFC 9628 section 4.2).
 *
 * Within one encoding the distance to the publisher's numbers is constant, so what is lost shows as the gap it is, and
 * a retransmitted packet gets the numbers it had. Only frames behind a switch go on right after the last one before it.
 * Sans-IO, no allocation; the struct lies in its owner: all zeroes at first. Threads: one owner.
 */
#ifndef CONSILIUM_SFU_MEDIA_PICTURE_REWRITER_H
#define CONSILIUM_SFU_MEDIA_PICTURE_REWRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "sfu/wire/picture_ids.h"

/** The fields are the module's. */
struct sfu_picture_rewriter {
    bool started, switched;
    uint16_t id_offset, last_id; /* last_*: as sent, of the newest frame */
    uint8_t tl0_offset, last_tl0;
};

/** The next packet mapped is the first of another encoding. */
void sfu_picture_rewriter_switch(struct sfu_picture_rewriter *rewriter);
/** Numbers for a packet of the present encoding; `newest`: no later one was sent before. Returns true if they differ
 * from the packet's own, that is: must be written. */
bool sfu_picture_rewriter_map(struct sfu_picture_rewriter *rewriter, const struct sfu_picture_ids *ids, bool newest,
                              uint16_t *id, uint8_t *tl0);

#endif
