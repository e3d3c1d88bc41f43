/* SPDX-License-Identifier: Apache-2.0 */
#include "signaling/sfu_port.h"

static int post(void *user, const struct sfu_command *command)
{
    return sfu_post(user, command);
}

static int ice_credentials(void *user, uint64_t room_id, struct sfu_ice_credentials *out)
{
    return sfu_ice_credentials(user, room_id, out);
}

static size_t candidates(void *user, uint64_t room_id, struct sfu_candidate *out, size_t out_max)
{
    return sfu_candidates(user, room_id, out, out_max);
}

static const uint8_t *fingerprint(void *user)
{
    return sfu_fingerprint(user);
}

struct sig_sfu_port sig_sfu_port_of(struct sfu *sfu)
{
    return (struct sig_sfu_port){sfu, post, ice_credentials, candidates, fingerprint};
}
