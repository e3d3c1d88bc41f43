/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/transport/transport.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/err.h"

#define NEVER          UINT64_MAX
#define RTCP_MAX_BYTES 1200u
#define NEXT_REST_US   500000u /* between two new associations: each costs a signature */

struct sfu_transport {
    struct sfu_ice_lite ice;
    struct sfu_dtls_session *dtls;
    struct sfu_dtls_session *next; /* a new association of the peer while it shakes hands; NULL: none */
    struct sfu_dtls_identity *identity;
    uint8_t peer_fingerprint[SFU_DTLS_FINGERPRINT_BYTES];
    bool restarted; /* ICE was, so the peer may begin a new association */
    uint64_t next_rest_us;
    uint32_t associations;
    struct sfu_srtp_session *outbound, *inbound; /* NULL until the handshake is over */
    struct sfu_egress *egress;
    struct sfu_egress_dest dest; /* its path is the selected one, where has_path */
    bool has_path;
    bool connected; /* once keys and a path were there together */
    bool lost;      /* consent expired, and no check came since */
    bool failed;
    int error;
    struct sfu_transport_counters counters;
};

/* The selected path; before any nomination the valid path checked last: a browser starts DTLS where its checks just
 * succeeded, and may do so before it nominates. */
static const struct sfu_path *path_for_dtls(const struct sfu_transport *transport)
{
    const struct sfu_ice_lite *ice = &transport->ice;
    if (ice->selected >= 0 || ice->path_count == 0)
        return sfu_ice_lite_selected(ice);
    unsigned latest = 0;
    for (unsigned i = 1; i < ice->path_count; i++) {
        if (ice->paths[i].last_check_us >= ice->paths[latest].last_check_us)
            latest = i;
    }
    return &ice->paths[latest].path;
}

static void send_dtls(void *user, const uint8_t *datagram, size_t len)
{
    struct sfu_transport *transport = user;
    const struct sfu_path *path = path_for_dtls(transport);
    if (path == NULL || transport->lost || sfu_egress_send(transport->egress, path, datagram, len) != 0)
        transport->counters.out_dropped++;
}

static bool valid_credentials(const struct sfu_ice_credentials *credentials)
{
    size_t ufrag = strnlen(credentials->ufrag, SFU_ICE_UFRAG_MAX), pwd = strnlen(credentials->pwd, SFU_ICE_PWD_MAX);
    return ufrag >= 4 && ufrag < SFU_ICE_UFRAG_MAX && pwd >= 22 && pwd < SFU_ICE_PWD_MAX;
}

int sfu_transport_create(struct sfu_transport **out, const struct sfu_transport_config *config,
                         struct sfu_dtls_identity *identity, struct sfu_egress *egress, uint64_t now_us)
{
    *out = NULL;
    if (!valid_credentials(&config->local))
        return BASE_ERR_INVALID;
    struct sfu_transport *transport = calloc(1, sizeof *transport);
    if (transport == NULL)
        return BASE_ERR_NOMEM;
    transport->egress = egress;
    transport->identity = identity;
    memcpy(transport->peer_fingerprint, config->peer_fingerprint, sizeof transport->peer_fingerprint);
    sfu_ice_lite_init(&transport->ice, &config->local, config->remote_ufrag, now_us);
    struct sfu_dtls_config dtls = {.peer_fingerprint = config->peer_fingerprint, .send = send_dtls, .user = transport};
    int err = sfu_dtls_session_create(&transport->dtls, identity, &dtls);
    if (err != 0) {
        free(transport);
        return err;
    }
    *out = transport;
    return 0;
}

void sfu_transport_destroy(struct sfu_transport *transport)
{
    if (transport == NULL)
        return;
    sfu_dtls_session_close(transport->dtls);
    sfu_dtls_session_destroy(transport->dtls);
    sfu_dtls_session_destroy(transport->next);
    sfu_srtp_session_destroy(transport->outbound);
    sfu_srtp_session_destroy(transport->inbound);
    OPENSSL_cleanse(&transport->ice, sizeof transport->ice); /* passwords */
    free(transport);
}

/* ---- ICE ------------------------------------------------------------------------------------------------------ */

static void follow_selected_path(struct sfu_transport *transport)
{
    const struct sfu_path *path = sfu_ice_lite_selected(&transport->ice);
    transport->has_path = path != NULL;
    if (path != NULL) {
        transport->dest.path = *path;
        transport->dest.path_version++;
    }
    if (transport->has_path && transport->outbound != NULL)
        transport->connected = true;
}

void sfu_transport_restart_ice(struct sfu_transport *transport, const struct sfu_ice_credentials *local,
                               const char *remote_ufrag, uint64_t now_us)
{
    transport->restarted = true;
    sfu_ice_lite_restart(&transport->ice, local, remote_ufrag, now_us);
    follow_selected_path(transport);
}

enum sfu_ice_result sfu_transport_on_stun(struct sfu_transport *transport, uint64_t now_us, const struct sfu_path *path,
                                          const uint8_t *datagram, size_t len, struct sfu_ice_output *ice)
{
    enum sfu_ice_result result = sfu_ice_lite_on_stun(&transport->ice, now_us, path, datagram, len, ice);
    if (result == SFU_ICE_DROPPED) {
        transport->counters.stun_rejected++;
        return result;
    }
    transport->counters.stun_answered++;
    if (sfu_egress_send(transport->egress, path, ice->response, ice->response_bytes) != 0)
        transport->counters.out_dropped++;
    if (result == SFU_ICE_SELECTED)
        follow_selected_path(transport);
    /* After a restart the way back to CONNECTED is a nomination, not just a check. */
    if (!sfu_ice_lite_expired(&transport->ice, now_us) && (transport->has_path || !transport->connected))
        transport->lost = false;
    return result;
}

bool sfu_transport_on_path_closed(struct sfu_transport *transport, const struct sfu_path *path)
{
    bool was_selected = sfu_ice_lite_on_path_closed(&transport->ice, path);
    if (was_selected)
        transport->has_path = false;
    return was_selected;
}

/* ---- DTLS ----------------------------------------------------------------------------------------------------- */

/* Takes the keys of `dtls` in place of those before, if any. */
static int start_srtp(struct sfu_transport *transport, struct sfu_dtls_session *dtls)
{
    struct sfu_dtls_keys keys;
    struct sfu_srtp_session *outbound = NULL, *inbound = NULL;
    int err = sfu_dtls_session_keys(dtls, &keys);
    if (err == 0)
        err = sfu_srtp_session_create(&outbound, keys.profile, keys.send_key, keys.send_salt);
    if (err == 0)
        err = sfu_srtp_session_create(&inbound, keys.profile, keys.receive_key, keys.receive_salt);
    OPENSSL_cleanse(&keys, sizeof keys);
    if (err != 0) {
        sfu_srtp_session_destroy(outbound);
        return err;
    }
    sfu_srtp_session_destroy(transport->outbound);
    sfu_srtp_session_destroy(transport->inbound);
    transport->outbound = outbound;
    transport->inbound = inbound;
    transport->associations++;
    return 0;
}

static void fail(struct sfu_transport *transport, int err)
{
    transport->failed = true;
    transport->error = err;
}

static void on_dtls_state(struct sfu_transport *transport, enum sfu_dtls_state state)
{
    if (transport->failed)
        return;
    if (state == SFU_DTLS_FAILED || state == SFU_DTLS_CLOSED) {
        fail(transport, sfu_dtls_session_error(transport->dtls));
    } else if (state == SFU_DTLS_CONNECTED && transport->outbound == NULL) {
        int err = start_srtp(transport, transport->dtls);
        if (err != 0)
            fail(transport, err);
        else if (transport->has_path)
            transport->connected = true;
    }
}

static void drop_next(struct sfu_transport *transport)
{
    sfu_dtls_session_destroy(transport->next);
    transport->next = NULL;
}

static void on_next_state(struct sfu_transport *transport, enum sfu_dtls_state state)
{
    if (state == SFU_DTLS_HANDSHAKE)
        return;
    if (state == SFU_DTLS_CONNECTED && start_srtp(transport, transport->next) == 0) {
        sfu_dtls_session_destroy(transport->dtls);
        transport->dtls = transport->next;
        transport->next = NULL;
        transport->restarted = false;
        transport->connected |= transport->has_path;
    } else {
        drop_next(transport); /* the association of before goes on */
    }
}

/* See sfu_transport_restart_ice(). */
static void begin_next(struct sfu_transport *transport, uint64_t now_us, const uint8_t *datagram, size_t len)
{
    if (!transport->restarted || transport->failed || now_us < transport->next_rest_us ||
        !sfu_dtls_session_is_other_hello(transport->dtls, datagram, len) ||
        (transport->next != NULL && !sfu_dtls_session_is_other_hello(transport->next, datagram, len)))
        return;
    drop_next(transport);
    transport->next_rest_us = now_us + NEXT_REST_US;
    struct sfu_dtls_config dtls = {
        .peer_fingerprint = transport->peer_fingerprint, .send = send_dtls, .user = transport};
    (void)sfu_dtls_session_create(&transport->next, transport->identity, &dtls); /* the peer repeats its flight */
}

void sfu_transport_on_dtls(struct sfu_transport *transport, uint64_t now_us, const uint8_t *datagram, size_t len)
{
    transport->counters.dtls_datagrams++;
    begin_next(transport, now_us, datagram, len);
    if (transport->next != NULL) {
        on_next_state(transport, sfu_dtls_session_on_datagram(transport->next, now_us, datagram, len));
        return;
    }
    on_dtls_state(transport, sfu_dtls_session_on_datagram(transport->dtls, now_us, datagram, len));
}

/* ---- receiving ------------------------------------------------------------------------------------------------ */

int sfu_transport_unprotect_rtp(struct sfu_transport *transport, const uint8_t *packet, size_t len,
                                const struct sfu_rtp_header *header, uint8_t *out, size_t *out_len)
{
    struct sfu_transport_counters *counters = &transport->counters;
    if (transport->inbound == NULL || transport->failed) {
        counters->rtp_too_early++;
        return BASE_ERR_STATE;
    }
    int err = sfu_srtp_unprotect(transport->inbound, packet, len, header, out, out_len);
    if (err == 0) {
        counters->rtp_in++;
        counters->rtp_in_bytes += len;
    } else if (err == BASE_ERR_REPLAY) {
        counters->rtp_replayed++;
    } else {
        counters->rtp_auth_failed++;
    }
    return err;
}

int sfu_transport_unprotect_rtcp(struct sfu_transport *transport, uint8_t *packet, size_t len, size_t *out_len)
{
    if (transport->inbound == NULL || transport->failed) {
        transport->counters.rtcp_failed++;
        return BASE_ERR_STATE;
    }
    int err = sfu_srtcp_unprotect(transport->inbound, packet, len, out_len);
    if (err == 0)
        transport->counters.rtcp_in++;
    else
        transport->counters.rtcp_failed++;
    return err;
}

/* ---- sending -------------------------------------------------------------------------------------------------- */

static bool may_send(const struct sfu_transport *transport)
{
    return transport->outbound != NULL && transport->has_path && !transport->lost && !transport->failed;
}

uint8_t *sfu_transport_reserve_rtp(struct sfu_transport *transport, size_t plain_bytes)
{
    uint8_t *out = NULL;
    if (may_send(transport))
        out = sfu_egress_reserve(transport->egress, &transport->dest, plain_bytes + SFU_SRTP_TAG_MAX_BYTES);
    if (out == NULL)
        transport->counters.out_dropped++;
    return out;
}

size_t sfu_transport_send_rtp(struct sfu_transport *transport, uint8_t *out, size_t header_bytes, uint64_t ext_seq,
                              uint32_t ssrc, const uint8_t *payload, size_t payload_bytes, size_t pad_bytes)
{
    size_t bytes =
        sfu_srtp_protect(transport->outbound, out, header_bytes, ext_seq, ssrc, payload, payload_bytes, pad_bytes);
    if (bytes == 0) {
        transport->counters.out_dropped++;
        return 0;
    }
    sfu_egress_commit(transport->egress, &transport->dest, bytes);
    transport->counters.rtp_out++;
    transport->counters.rtp_out_bytes += bytes;
    return bytes;
}

size_t sfu_transport_send_rtcp(struct sfu_transport *transport, const uint8_t *rtcp, size_t len)
{
    assert(len <= RTCP_MAX_BYTES);
    uint8_t *out = NULL;
    if (may_send(transport))
        out = sfu_egress_reserve(transport->egress, &transport->dest, len + SFU_SRTP_TAG_MAX_BYTES + 4);
    size_t bytes = 0;
    if (out != NULL) {
        memcpy(out, rtcp, len);
        bytes = sfu_srtcp_protect(transport->outbound, out, len);
    }
    if (bytes == 0) {
        transport->counters.out_dropped++;
        return 0;
    }
    sfu_egress_commit(transport->egress, &transport->dest, bytes);
    transport->counters.rtcp_out++;
    return bytes;
}

/* ---- time and state ------------------------------------------------------------------------------------------- */

uint64_t sfu_transport_deadline_us(const struct sfu_transport *transport)
{
    if (transport->failed)
        return NEVER;
    uint64_t dtls_us = sfu_dtls_session_deadline_us(transport->dtls);
    uint64_t next_us = transport->next == NULL ? NEVER : sfu_dtls_session_deadline_us(transport->next);
    dtls_us = next_us < dtls_us ? next_us : dtls_us;
    uint64_t ice_us = transport->lost ? NEVER : sfu_ice_lite_deadline_us(&transport->ice);
    return dtls_us < ice_us ? dtls_us : ice_us;
}

void sfu_transport_poll(struct sfu_transport *transport, uint64_t now_us)
{
    if (transport->failed)
        return;
    if (sfu_ice_lite_expired(&transport->ice, now_us))
        transport->lost = true;
    /* A server's handshake begins with the peer's first datagram, not here. */
    if (sfu_dtls_session_deadline_us(transport->dtls) <= now_us)
        on_dtls_state(transport, sfu_dtls_session_poll(transport->dtls, now_us));
    if (transport->next != NULL && sfu_dtls_session_deadline_us(transport->next) <= now_us)
        on_next_state(transport, sfu_dtls_session_poll(transport->next, now_us));
}

enum sfu_transport_state sfu_transport_state(const struct sfu_transport *transport)
{
    if (transport->failed)
        return SFU_TRANSPORT_FAILED;
    if (transport->lost)
        return SFU_TRANSPORT_LOST;
    return transport->connected ? SFU_TRANSPORT_CONNECTED : SFU_TRANSPORT_NEW;
}

int sfu_transport_error(const struct sfu_transport *transport)
{
    return transport->error;
}

uint32_t sfu_transport_associations(const struct sfu_transport *transport)
{
    return transport->associations;
}

const struct sfu_ice_lite *sfu_transport_ice(const struct sfu_transport *transport)
{
    return &transport->ice;
}

const struct sfu_transport_counters *sfu_transport_counters(const struct sfu_transport *transport)
{
    return &transport->counters;
}
