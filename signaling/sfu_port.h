/* SPDX-License-Identifier: Apache-2.0 */
/**
 * sfu_port.h - the media engine as the protocol's state machines see it: four calls, so that tests put a fake there.
 *
 * The functions have the contracts of sfu_post, sfu_ice_credentials, sfu_candidates and sfu_fingerprint (sfu/sfu.h).
 */
#ifndef CONSILIUM_SIGNALING_SFU_PORT_H
#define CONSILIUM_SIGNALING_SFU_PORT_H

#include "sfu/sfu.h"

#define SIG_CANDIDATES_MAX 32

struct sig_sfu_port {
    void *user;
    int (*post)(void *user, const struct sfu_command *command);
    int (*ice_credentials)(void *user, uint64_t room_id, struct sfu_ice_credentials *out);
    size_t (*candidates)(void *user, uint64_t room_id, struct sfu_candidate *out, size_t out_max);
    const uint8_t *(*fingerprint)(void *user);
};

/** The real engine behind the port. */
struct sig_sfu_port sig_sfu_port_of(struct sfu *sfu);

/** Why a request failed, as PROTOCOL.md section 7 names it. `code` is static storage. */
struct sig_failure {
    const char *code;
    char message[160];
};

#endif
