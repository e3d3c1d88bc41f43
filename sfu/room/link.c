/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/room/link.h"

#include <string.h>

#include "base/err.h"
#include "sfu/room/participant.h"

#define PATH_HOLD_US 10000000u /* peers check at least every 6 s (RFC 7675 section 5.1) */

void sfu_link_init(struct sfu_link *link, struct sfu_context *context, struct sfu_participant *owner,
                   enum sfu_peer_connection kind)
{
    memset(link, 0, sizeof *link);
    link->context = context;
    link->owner = owner;
    link->kind = kind;
    link->state = SFU_TRANSPORT_NEW;
    link->rtcp_ssrc = sfu_context_random(context) | 1u;
}

static void forget_ufrag(const struct sfu_link *link, char ufrag[SFU_ICE_UFRAG_MAX])
{
    if (ufrag[0] != '\0')
        sfu_demux_remove_ufrag(link->context->demux, ufrag);
    ufrag[0] = '\0';
}

static bool is_valid_path(const struct sfu_link *link, const struct sfu_path *path)
{
    if (link->transport == NULL)
        return false;
    const struct sfu_ice_lite *ice = sfu_transport_ice(link->transport);
    for (unsigned i = 0; i < ice->path_count; i++)
        if (sfu_path_equal(&ice->paths[i].path, path))
            return true;
    return false;
}

/* The link does not use the path any more. A TCP connection that nobody uses is closed: who may check from as many
 * connections as he likes must not hold them all. The two links of a participant may share one. */
static void abandon_path(struct sfu_link *link, const struct sfu_path *path)
{
    const struct sfu_context *context = link->context;
    sfu_demux_remove_path(context->demux, path, link);
    if (path->protocol != SFU_PROTOCOL_TCP || context->config.on_path_unused == NULL ||
        sfu_demux_by_path(context->demux, path) != NULL)
        return;
    struct sfu_link *other = &link->owner->links[link->kind == SFU_PUBLISH ? SFU_SUBSCRIBE : SFU_PUBLISH];
    if (!is_valid_path(other, path))
        context->config.on_path_unused(context->config.user, path);
    else
        (void)sfu_demux_add_path(context->demux, path, other, NULL);
}

void sfu_link_close(struct sfu_link *link)
{
    forget_ufrag(link, link->ufrag);
    forget_ufrag(link, link->previous_ufrag);
    if (link->transport == NULL)
        return;
    const struct sfu_ice_lite *ice = sfu_transport_ice(link->transport);
    for (unsigned i = 0; i < ice->path_count; i++)
        abandon_path(link, &ice->paths[i].path);
    if (link->state == SFU_TRANSPORT_CONNECTED)
        link->context->stats.transports_connected--;
    sfu_transport_destroy(link->transport);
    link->transport = NULL;
    link->associations = 0;
    link->state = SFU_TRANSPORT_NEW;
}

static void remember_remote(struct sfu_link *link, const struct sfu_transport_parameters *parameters)
{
    memcpy(link->fingerprint, parameters->peer_fingerprint, sizeof link->fingerprint);
    memcpy(link->remote_ufrag, parameters->remote_ufrag, sizeof link->remote_ufrag);
}

static int make(struct sfu_link *link, uint64_t now_us, const struct sfu_transport_parameters *parameters)
{
    struct sfu_context *context = link->context;
    struct sfu_transport_config config = {.local = parameters->local};
    memcpy(config.remote_ufrag, parameters->remote_ufrag, sizeof config.remote_ufrag);
    memcpy(config.peer_fingerprint, parameters->peer_fingerprint, sizeof config.peer_fingerprint);
    int err = sfu_demux_add_ufrag(context->demux, parameters->local.ufrag, link);
    if (err != 0)
        return err;
    err = sfu_transport_create(&link->transport, &config, context->config.identity, context->egress, now_us);
    if (err != 0) {
        sfu_demux_remove_ufrag(context->demux, parameters->local.ufrag);
        return err;
    }
    memcpy(link->ufrag, parameters->local.ufrag, sizeof link->ufrag);
    remember_remote(link, parameters);
    return 0;
}

static int restart(struct sfu_link *link, uint64_t now_us, const struct sfu_transport_parameters *parameters)
{
    struct sfu_context *context = link->context;
    if (strcmp(link->ufrag, parameters->local.ufrag) != 0) {
        /* The credentials of before stay good until the new ones nominate (ice_lite.h). */
        forget_ufrag(link, link->previous_ufrag);
        int err = sfu_demux_add_ufrag(context->demux, parameters->local.ufrag, link);
        if (err != 0)
            return err;
        memcpy(link->previous_ufrag, link->ufrag, sizeof link->previous_ufrag);
        memcpy(link->ufrag, parameters->local.ufrag, sizeof link->ufrag);
    }
    sfu_transport_restart_ice(link->transport, &parameters->local, parameters->remote_ufrag, now_us);
    remember_remote(link, parameters);
    return 0;
}

static bool terminated(const char *text, size_t size)
{
    return memchr(text, '\0', size) != NULL;
}

int sfu_link_configure(struct sfu_link *link, uint64_t now_us, const struct sfu_transport_parameters *parameters,
                       bool *replaced)
{
    *replaced = false;
    if (!terminated(parameters->local.ufrag, sizeof parameters->local.ufrag) || parameters->local.ufrag[0] == '\0' ||
        !terminated(parameters->local.pwd, sizeof parameters->local.pwd) ||
        !terminated(parameters->remote_ufrag, sizeof parameters->remote_ufrag))
        return BASE_ERR_INVALID;
    if (link->transport != NULL) {
        bool same_peer = memcmp(link->fingerprint, parameters->peer_fingerprint, sizeof link->fingerprint) == 0 &&
                         sfu_transport_state(link->transport) != SFU_TRANSPORT_FAILED;
        bool same_ice = strcmp(link->ufrag, parameters->local.ufrag) == 0 &&
                        strcmp(link->remote_ufrag, parameters->remote_ufrag) == 0;
        if (same_peer)
            return same_ice ? 0 : restart(link, now_us, parameters);
        sfu_link_close(link);
    }
    *replaced = true;
    return make(link, now_us, parameters);
}

/* Does another link receive checks from there? Sources can be forged: a participant must not be able to take the path
 * of another whose checks keep coming. One that left without a word is soon silent. */
static bool is_held(const struct sfu_link *link, const struct sfu_path *path, uint64_t now_us)
{
    const struct sfu_link *holder = sfu_demux_by_path(link->context->demux, path);
    if (holder == NULL || holder == link)
        return false;
    const struct sfu_ice_lite *ice = sfu_transport_ice(holder->transport);
    for (unsigned i = 0; i < ice->path_count; i++)
        if (sfu_path_equal(&ice->paths[i].path, path))
            return now_us < ice->paths[i].last_check_us + PATH_HOLD_US;
    return false;
}

bool sfu_link_on_stun(struct sfu_link *link, uint64_t now_us, const struct sfu_path *path, const uint8_t *datagram,
                      size_t len)
{
    struct sfu_ice_output ice;
    enum sfu_ice_result result = sfu_transport_on_stun(link->transport, now_us, path, datagram, len, &ice);
    if (result == SFU_ICE_DROPPED)
        return false;
    struct sfu_demux *demux = link->context->demux;
    if (ice.has_removed)
        abandon_path(link, &ice.removed);
    /* A path that another link had is ours now, unless that one still receives checks from there. Only what is in the
     * list of valid paths may enter the table (an error response validates nothing): sfu_link_close() takes those out
     * again. Without memory the path stays unknown, and the next check tries again. */
    if ((ice.path_is_new || sfu_demux_by_path(demux, path) != link) && is_valid_path(link, path) &&
        !is_held(link, path, now_us))
        (void)sfu_demux_add_path(demux, path, link, NULL);
    else if (!is_valid_path(link, path))
        abandon_path(link, path); /* an error response has "proven" its connection (tcp.h) */
    return true;
}

void sfu_link_on_path_closed(struct sfu_link *link, const struct sfu_path *path)
{
    sfu_demux_remove_path(link->context->demux, path, link);
    if (link->transport != NULL)
        (void)sfu_transport_on_path_closed(link->transport, path);
}

bool sfu_link_take_change(struct sfu_link *link)
{
    if (link->transport == NULL)
        return false;
    enum sfu_transport_state state = sfu_transport_state(link->transport);
    if (state == link->state)
        return false;
    struct sfu_stats *stats = &link->context->stats;
    if (link->state == SFU_TRANSPORT_CONNECTED)
        stats->transports_connected--;
    if (state == SFU_TRANSPORT_CONNECTED)
        stats->transports_connected++;
    if (state == SFU_TRANSPORT_FAILED)
        stats->dtls_failed++;
    link->state = state;
    return true;
}

bool sfu_link_take_new_keys(struct sfu_link *link)
{
    uint32_t before = link->associations;
    link->associations = link->transport == NULL ? 0 : sfu_transport_associations(link->transport);
    return before != 0 && link->associations > before;
}

bool sfu_link_send_rtcp(struct sfu_link *link, const uint8_t *rtcp, size_t len)
{
    return link->transport != NULL && link->state == SFU_TRANSPORT_CONNECTED &&
           sfu_transport_send_rtcp(link->transport, rtcp, len) > 0;
}

uint64_t sfu_link_deadline_us(const struct sfu_link *link)
{
    return link->transport == NULL ? BASE_NEVER_US : sfu_transport_deadline_us(link->transport);
}
