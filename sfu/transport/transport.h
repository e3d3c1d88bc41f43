/* SPDX-License-Identifier: Apache-2.0 */
/**
 * transport.h - the server's end of one peer connection: ICE-lite, DTLS and both SRTP directions, bundled (RFC 8843).
 *
 * Datagrams in, plaintext RTP and RTCP out; what it has to send goes into the worker's egress. The owner (the room
 * layer) keeps the demux table: results tell which paths to add and remove. Sans-IO; no allocation after the handshake.
 */
#ifndef CONSILIUM_SFU_TRANSPORT_TRANSPORT_H
#define CONSILIUM_SFU_TRANSPORT_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sfu/transport/dtls_session.h"
#include "sfu/transport/egress.h"
#include "sfu/transport/ice_lite.h"
#include "sfu/transport/srtp_session.h"

struct sfu_transport;

enum sfu_transport_state {
    SFU_TRANSPORT_NEW,       /**< no nomination yet, or DTLS is still shaking hands */
    SFU_TRANSPORT_CONNECTED, /**< media can flow both ways */
    SFU_TRANSPORT_LOST,      /**< consent expired; an ICE restart brings it back to CONNECTED */
    SFU_TRANSPORT_FAILED,    /**< DTLS failed or was closed: final */
};

struct sfu_transport_config {
    struct sfu_ice_credentials local;
    char remote_ufrag[SFU_ICE_UFRAG_MAX];
    uint8_t peer_fingerprint[SFU_DTLS_FINGERPRINT_BYTES];
};

struct sfu_transport_counters {
    uint64_t stun_answered, stun_rejected, dtls_datagrams;
    uint64_t rtp_in, rtp_in_bytes, rtp_auth_failed, rtp_replayed, rtp_too_early;
    uint64_t rtcp_in, rtcp_failed;
    uint64_t rtp_out, rtp_out_bytes, rtcp_out, out_dropped; /**< dropped: no path, no keys, or egress full */
};

/** identity and egress outlive the transport. Returns 0, BASE_ERR_INVALID, BASE_ERR_NOMEM or BASE_ERR_CRYPTO; on error
 * *out is NULL. */
int sfu_transport_create(struct sfu_transport **out, const struct sfu_transport_config *config,
                         struct sfu_dtls_identity *identity, struct sfu_egress *egress, uint64_t now_us);
/** Sends close_notify if it can. NULL is allowed. */
void sfu_transport_destroy(struct sfu_transport *transport);

/** New credentials of both sides (ICE restart); DTLS and SRTP go on, unless the peer begins a DTLS association of its
 * own: it may be a new peer connection with the old certificate. Its handshake runs beside the old association, whose
 * keys serve until the new one has completed with the right certificate: so a forged ClientHello ends nothing. */
void sfu_transport_restart_ice(struct sfu_transport *transport, const struct sfu_ice_credentials *local,
                               const char *remote_ufrag, uint64_t now_us);

/** A STUN datagram that names one of our ufrags. *ice tells about paths; the response is already in the egress. */
enum sfu_ice_result sfu_transport_on_stun(struct sfu_transport *transport, uint64_t now_us, const struct sfu_path *path,
                                          const uint8_t *datagram, size_t len, struct sfu_ice_output *ice);
/** A DTLS datagram from one of our paths. */
void sfu_transport_on_dtls(struct sfu_transport *transport, uint64_t now_us, const uint8_t *datagram, size_t len);
/** Decrypts an RTP packet (already parsed) to out. Returns as sfu_srtp_unprotect(), or BASE_ERR_STATE before the
 * handshake is over. */
int sfu_transport_unprotect_rtp(struct sfu_transport *transport, const uint8_t *packet, size_t len,
                                const struct sfu_rtp_header *header, uint8_t *out, size_t *out_len);
/** Decrypts an RTCP packet in place. */
int sfu_transport_unprotect_rtcp(struct sfu_transport *transport, uint8_t *packet, size_t len, size_t *out_len);
bool sfu_transport_on_path_closed(struct sfu_transport *transport, const struct sfu_path *path);

/** Room in the egress for one RTP packet; NULL if nothing can be sent now (counted). Write the header there, then
 * _send_rtp or nothing. */
uint8_t *sfu_transport_reserve_rtp(struct sfu_transport *transport, size_t plain_bytes);
/** Encrypts payload behind the header at `out` (from _reserve_rtp) and commits. Returns bytes on the wire, 0 on
 * failure. */
size_t sfu_transport_send_rtp(struct sfu_transport *transport, uint8_t *out, size_t header_bytes, uint64_t ext_seq,
                              uint32_t ssrc, const uint8_t *payload, size_t payload_bytes, size_t pad_bytes);
/** Protects and sends a compound RTCP packet (copied). Returns bytes or 0. len <= 1200. */
size_t sfu_transport_send_rtcp(struct sfu_transport *transport, const uint8_t *rtcp, size_t len);

uint64_t sfu_transport_deadline_us(const struct sfu_transport *transport);
/** Runs DTLS retransmission and consent expiry. */
void sfu_transport_poll(struct sfu_transport *transport, uint64_t now_us);
enum sfu_transport_state sfu_transport_state(const struct sfu_transport *transport);
/** BASE_ERR_* of a FAILED transport (see sfu_dtls_session_error), else 0. */
int sfu_transport_error(const struct sfu_transport *transport);
/** DTLS associations that have given keys: when it grows beyond 1 the keys are others, and all streams start anew. */
uint32_t sfu_transport_associations(const struct sfu_transport *transport);
const struct sfu_ice_lite *sfu_transport_ice(const struct sfu_transport *transport);
const struct sfu_transport_counters *sfu_transport_counters(const struct sfu_transport *transport);

#endif
