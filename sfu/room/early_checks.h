/* SPDX-License-Identifier: Apache-2.0 */
/**
 * early_checks.h - connectivity checks that came before we knew whom they are for.
 *
 * A client sends its first check the moment it knows our credentials; its answer takes the longer way through the
 * signaling. RFC 8445 section 7.3 expects us to handle such a check once the answer is there. Without that the client
 * would wait for its retransmission: 50 to 100 ms of every second join.
 *
 * A ring of the newest SFU_EARLY_CHECKS of them, UDP only (a TCP connection is closed when its first frame names
 * nobody), good for SFU_EARLY_CHECK_US. They cost a copy each and no cryptography: whoever floods us with checks for
 * nobody pushes the honest ones out, and those are sent again. Sans-IO; lies in its owner. Threads: one owner.
 */
#ifndef CONSILIUM_SFU_ROOM_EARLY_CHECKS_H
#define CONSILIUM_SFU_ROOM_EARLY_CHECKS_H

#include <stddef.h>
#include <stdint.h>

#include "sfu/transport/ice_lite.h"
#include "sfu/transport/path.h"

#define SFU_EARLY_CHECKS      32u /**< one a client between its check and its answer: 32 joins at the same moment */
#define SFU_EARLY_CHECK_US    1000000u /**< later the client has sent another */
#define SFU_EARLY_CHECK_BYTES 256u     /**< a browser's check has about 100 */

struct sfu_early_check {
    uint64_t at_us; /* 0: empty */
    struct sfu_path path;
    uint16_t len;
    uint8_t ufrag_len;
    char ufrag[SFU_ICE_UFRAG_MAX];
    uint8_t datagram[SFU_EARLY_CHECK_BYTES];
};

struct sfu_early_checks {
    unsigned next;
    struct sfu_early_check ring[SFU_EARLY_CHECKS];
};

/** Keeps a copy of a request that names a ufrag nobody has. Too long, or not over UDP: not kept. */
void sfu_early_checks_keep(struct sfu_early_checks *checks, uint64_t now_us, const struct sfu_path *path,
                           const char *ufrag, size_t ufrag_len, const uint8_t *datagram, size_t len);
/** Takes the oldest one kept for `ufrag` (terminated) that is still good; NULL: none. Valid until the next _keep. */
const struct sfu_early_check *sfu_early_checks_take(struct sfu_early_checks *checks, uint64_t now_us,
                                                    const char *ufrag);

#endif
