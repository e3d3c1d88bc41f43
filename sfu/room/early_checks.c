/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/room/early_checks.h"

#include <string.h>

void sfu_early_checks_keep(struct sfu_early_checks *checks, uint64_t now_us, const struct sfu_path *path,
                           const char *ufrag, size_t ufrag_len, const uint8_t *datagram, size_t len)
{
    if (path->protocol != SFU_PROTOCOL_UDP || len > SFU_EARLY_CHECK_BYTES || ufrag_len >= SFU_ICE_UFRAG_MAX)
        return;
    struct sfu_early_check *check = &checks->ring[checks->next++ % SFU_EARLY_CHECKS];
    check->at_us = now_us;
    check->path = *path;
    check->len = (uint16_t)len;
    check->ufrag_len = (uint8_t)ufrag_len;
    memcpy(check->ufrag, ufrag, ufrag_len);
    memcpy(check->datagram, datagram, len);
}

const struct sfu_early_check *sfu_early_checks_take(struct sfu_early_checks *checks, uint64_t now_us, const char *ufrag)
{
    size_t ufrag_len = strlen(ufrag);
    for (unsigned i = 0; i < SFU_EARLY_CHECKS; i++) {
        struct sfu_early_check *check = &checks->ring[(checks->next + i) % SFU_EARLY_CHECKS];
        if (check->at_us == 0 || check->ufrag_len != ufrag_len || memcmp(check->ufrag, ufrag, ufrag_len) != 0)
            continue;
        uint64_t age_us = now_us - check->at_us;
        check->at_us = 0;
        if (age_us <= SFU_EARLY_CHECK_US)
            return check;
    }
    return NULL;
}
