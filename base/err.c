/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

const char *base_err_name(int err)
{
    static const char *const names[] = {
        "ok",   "nomem",  "invalid", "malformed",   "truncated", "not_found",   "exists",  "full",
        "auth", "replay", "state",   "unsupported", "io",        "not_allowed", "timeout", "crypto",
    };
    if (err > 0 || err < BASE_ERR_CRYPTO)
        return "unknown";
    return names[-err];
}
