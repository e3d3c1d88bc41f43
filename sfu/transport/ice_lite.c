/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/transport/ice_lite.h"

#include <assert.h>
#include <string.h>

#include "base/err.h"

#define METHOD_BINDING          1u
#define ERROR_UNKNOWN_ATTRIBUTE 420
#define ERROR_ROLE_CONFLICT     487

static void copy_text(char *out, size_t max, const char *text)
{
    size_t len = strnlen(text, max - 1);
    memcpy(out, text, len);
    out[len] = '\0';
}

static bool text_equal(const char *text, const char *other, size_t other_len)
{
    return strlen(text) == other_len && memcmp(text, other, other_len) == 0;
}

void sfu_ice_lite_init(struct sfu_ice_lite *ice, const struct sfu_ice_credentials *local, const char *remote_ufrag,
                       uint64_t now_us)
{
    memset(ice, 0, sizeof *ice);
    ice->local = *local;
    copy_text(ice->remote_ufrag, sizeof ice->remote_ufrag, remote_ufrag);
    ice->selected = -1;
    ice->consent_until_us = now_us + SFU_ICE_CONSENT_US;
}

void sfu_ice_lite_restart(struct sfu_ice_lite *ice, const struct sfu_ice_credentials *local, const char *remote_ufrag,
                          uint64_t now_us)
{
    /* Two restarts in a row: the older credentials are gone, whether or not the newer were ever used. */
    ice->previous_local = ice->local;
    ice->local = *local;
    copy_text(ice->remote_ufrag, sizeof ice->remote_ufrag, remote_ufrag);
    /* A path whose consent has expired is only used again once it is nominated again (RFC 7675 section 5.1). A restart
     * by itself does not renew consent: a check does. */
    if (sfu_ice_lite_expired(ice, now_us))
        ice->selected = -1;
}

/* ---- paths ---------------------------------------------------------------------------------------------------- */

static int find_path(const struct sfu_ice_lite *ice, const struct sfu_path *path)
{
    for (unsigned i = 0; i < ice->path_count; i++) {
        if (sfu_path_equal(&ice->paths[i].path, path))
            return (int)i;
    }
    return -1;
}

/* The place of a path not seen before: a free one, else that of the path unused longest (never the selected one). */
static int add_path(struct sfu_ice_lite *ice, const struct sfu_path *path, struct sfu_ice_output *out)
{
    int at = -1;
    if (ice->path_count < SFU_ICE_PATHS_MAX) {
        at = (int)ice->path_count++;
    } else {
        for (int i = 0; i < (int)ice->path_count; i++) {
            if (i != ice->selected && (at < 0 || ice->paths[i].last_check_us < ice->paths[at].last_check_us))
                at = i;
        }
        assert(at >= 0); /* there are several, and only one is selected */
        out->has_removed = true;
        out->removed = ice->paths[at].path;
    }
    ice->paths[at].path = *path;
    out->path_is_new = true;
    return at;
}

bool sfu_ice_lite_on_path_closed(struct sfu_ice_lite *ice, const struct sfu_path *path)
{
    int at = find_path(ice, path);
    if (at < 0)
        return false;
    bool was_selected = at == ice->selected;
    int last = (int)--ice->path_count;
    ice->paths[at] = ice->paths[last];
    if (was_selected)
        ice->selected = -1;
    else if (ice->selected == last)
        ice->selected = at;
    return was_selected;
}

const struct sfu_path *sfu_ice_lite_selected(const struct sfu_ice_lite *ice)
{
    return ice->selected < 0 ? NULL : &ice->paths[ice->selected].path;
}

/* ---- checks --------------------------------------------------------------------------------------------------- */

/* Our credentials that the check names, or NULL. Checks under the credentials of before a restart carry a remote ufrag
 * of before it, which is not kept: their integrity says enough. */
static const struct sfu_ice_credentials *credentials_of(const struct sfu_ice_lite *ice,
                                                        const struct sfu_stun_peek *peek)
{
    if (text_equal(ice->local.ufrag, peek->local_ufrag, peek->local_ufrag_len)) {
        bool known =
            ice->remote_ufrag[0] == '\0' || text_equal(ice->remote_ufrag, peek->remote_ufrag, peek->remote_ufrag_len);
        return known ? &ice->local : NULL;
    }
    if (ice->previous_local.ufrag[0] != '\0' &&
        text_equal(ice->previous_local.ufrag, peek->local_ufrag, peek->local_ufrag_len))
        return &ice->previous_local;
    return NULL;
}

/* The selected path has had no check for so long that whoever sits there cannot be said to want our packets. */
static bool is_silent(const struct sfu_ice_lite *ice, uint64_t now_us)
{
    return ice->selected >= 0 && now_us >= ice->paths[ice->selected].last_check_us + SFU_ICE_PATH_SILENT_US;
}

/* The memory of this authentic check, or NULL if it is new; then it is remembered. */
static const struct sfu_ice_seen *look_up(struct sfu_ice_lite *ice, const uint8_t transaction_id[12],
                                          const struct sfu_path *path)
{
    unsigned count = ice->seen_count < SFU_ICE_SEEN_MAX ? ice->seen_count : SFU_ICE_SEEN_MAX;
    for (unsigned i = 0; i < count; i++)
        if (memcmp(ice->seen[i].transaction_id, transaction_id, sizeof ice->seen[i].transaction_id) == 0)
            return &ice->seen[i];
    struct sfu_ice_seen *seen = &ice->seen[ice->seen_count % SFU_ICE_SEEN_MAX];
    memcpy(seen->transaction_id, transaction_id, sizeof seen->transaction_id);
    seen->path = *path;
    if (++ice->seen_count == 2 * SFU_ICE_SEEN_MAX)
        ice->seen_count = SFU_ICE_SEEN_MAX; /* same slot, and it never wraps */
    return NULL;
}

static enum sfu_ice_result answer_error(const uint8_t *datagram, size_t len, const char *password, int code,
                                        struct sfu_ice_output *out)
{
    out->response_bytes = sfu_stun_write_error(out->response, datagram, len, password, code);
    return out->response_bytes > 0 ? SFU_ICE_ANSWERED : SFU_ICE_DROPPED;
}

enum sfu_ice_result sfu_ice_lite_on_stun(struct sfu_ice_lite *ice, uint64_t now_us, const struct sfu_path *path,
                                         const uint8_t *datagram, size_t len, struct sfu_ice_output *out)
{
    struct sfu_stun_peek peek;
    struct sfu_stun_check check;
    out->response_bytes = 0;
    out->path_is_new = out->has_removed = false;
    if (sfu_stun_peek(datagram, len, &peek) != 0 || peek.message_class != SFU_STUN_REQUEST ||
        peek.method != METHOD_BINDING)
        return SFU_ICE_DROPPED;
    const struct sfu_ice_credentials *credentials = credentials_of(ice, &peek);
    if (credentials == NULL)
        return SFU_ICE_DROPPED;
    int err = sfu_stun_check_request(datagram, len, credentials->pwd, &check);
    if (err == BASE_ERR_UNSUPPORTED)
        return answer_error(datagram, len, credentials->pwd, ERROR_UNKNOWN_ATTRIBUTE, out);
    if (err != 0)
        return SFU_ICE_DROPPED;
    if (!check.controlling) /* a lite agent is always controlled (RFC 8445 section 6.1.1): the peer has to switch */
        return answer_error(datagram, len, credentials->pwd, ERROR_ROLE_CONFLICT, out);
    const struct sfu_ice_seen *seen = look_up(ice, peek.transaction_id, path);
    if (seen != NULL && !sfu_path_equal(&seen->path, path))
        return SFU_ICE_DROPPED; /* somebody captured it and sends it from elsewhere */
    out->response_bytes = sfu_stun_write_response(out->response, datagram, len, credentials->pwd, &path->remote.sa);
    if (out->response_bytes == 0)
        return SFU_ICE_DROPPED;
    if (seen != NULL)
        return SFU_ICE_ANSWERED;

    int at = find_path(ice, path);
    if (at < 0)
        at = add_path(ice, path, out);
    ice->paths[at].last_check_us = now_us;
    ice->consent_until_us = now_us + SFU_ICE_CONSENT_US;
    if (check.use_candidate && credentials == &ice->local)
        ice->previous_local.ufrag[0] = '\0'; /* the restart is complete */
    if (ice->selected != at && (check.use_candidate || is_silent(ice, now_us))) {
        ice->selected = at;
        return SFU_ICE_SELECTED;
    }
    return out->path_is_new ? SFU_ICE_PATH_ADDED : SFU_ICE_ANSWERED;
}

uint64_t sfu_ice_lite_deadline_us(const struct sfu_ice_lite *ice)
{
    return ice->consent_until_us;
}

bool sfu_ice_lite_expired(const struct sfu_ice_lite *ice, uint64_t now_us)
{
    return now_us >= ice->consent_until_us;
}
