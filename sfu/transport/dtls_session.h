/* SPDX-License-Identifier: Apache-2.0 */
/**
 * dtls_session.h - one DTLS 1.2 association that yields SRTP keys (RFC 5764), on OpenSSL with memory in place of
 * sockets.
 *
 * Reassembles fragmented ClientHellos (browsers send theirs in two datagrams). The peer's certificate is checked
 * against the fingerprint of its SDP (RFC 8122) before any key is given out. Sans-IO: datagrams in, datagrams out
 * through a callback; retransmission by deadline (OpenSSL's own DTLS timer reads the system clock; the caller's now_us
 * decides when we call it). Threads: one owner; sfu_dtls_identity may be shared by threads once created.
 */
#ifndef CONSILIUM_SFU_TRANSPORT_DTLS_SESSION_H
#define CONSILIUM_SFU_TRANSPORT_DTLS_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sfu/transport/srtp_session.h"

#define SFU_DTLS_FINGERPRINT_BYTES 32 /**< SHA-256 */

/** Our certificate (ECDSA P-256, self-signed, made afresh) and the SSL_CTX pair around it. */
struct sfu_dtls_identity;
int sfu_dtls_identity_create(struct sfu_dtls_identity **out);
void sfu_dtls_identity_destroy(struct sfu_dtls_identity *identity);
const uint8_t *sfu_dtls_identity_fingerprint(const struct sfu_dtls_identity *identity);
/** "AB:CD:…" of 32 bytes; out has 96. */
void sfu_dtls_fingerprint_text(const uint8_t fingerprint[SFU_DTLS_FINGERPRINT_BYTES], char out[96]);

enum sfu_dtls_state { SFU_DTLS_HANDSHAKE, SFU_DTLS_CONNECTED, SFU_DTLS_CLOSED, SFU_DTLS_FAILED };

struct sfu_dtls_keys {
    enum sfu_srtp_profile profile;
    uint8_t send_key[SFU_SRTP_KEY_BYTES], send_salt[SFU_SRTP_SALT_MAX_BYTES];
    uint8_t receive_key[SFU_SRTP_KEY_BYTES], receive_salt[SFU_SRTP_SALT_MAX_BYTES];
};

struct sfu_dtls_session;

struct sfu_dtls_config {
    bool client;                     /**< the SFU is always server; bench clients are client */
    const uint8_t *peer_fingerprint; /**< 32 bytes, copied */
    /** Called for each datagram to send, during the calls below. */
    void (*send)(void *user, const uint8_t *datagram, size_t len);
    void *user;
};

/** The identity outlives the session. A client sends its first flight at the first _poll. Returns 0, BASE_ERR_NOMEM or
 * BASE_ERR_CRYPTO; on error *out is NULL. */
int sfu_dtls_session_create(struct sfu_dtls_session **out, struct sfu_dtls_identity *identity,
                            const struct sfu_dtls_config *config);
void sfu_dtls_session_destroy(struct sfu_dtls_session *session);
/** A flight is sent again after this time, then after twice as long, and so on (RFC 6347 section 4.2.4.1); > 0. From
 * the next flight on. Without: 250 ms. */
void sfu_dtls_session_set_resend_us(struct sfu_dtls_session *session, uint64_t first_us);
/** A datagram whose first byte is 20..63. Returns the state afterwards. After FAILED or CLOSED input is ignored. */
enum sfu_dtls_state sfu_dtls_session_on_datagram(struct sfu_dtls_session *session, uint64_t now_us,
                                                 const uint8_t *datagram, size_t len);
/** Does the datagram begin a handshake other than this one: a ClientHello in the clear (epoch 0) with another client
 * random? False for repetitions of ours, and until our ClientHello is complete. */
bool sfu_dtls_session_is_other_hello(const struct sfu_dtls_session *session, const uint8_t *datagram, size_t len);
uint64_t sfu_dtls_session_deadline_us(const struct sfu_dtls_session *session);
enum sfu_dtls_state sfu_dtls_session_poll(struct sfu_dtls_session *session, uint64_t now_us);
enum sfu_dtls_state sfu_dtls_session_state(const struct sfu_dtls_session *session);
/** Why it failed: BASE_ERR_AUTH (fingerprint), BASE_ERR_CRYPTO (handshake), BASE_ERR_TIMEOUT, BASE_ERR_UNSUPPORTED (no
 * SRTP profile in common); 0 otherwise. */
int sfu_dtls_session_error(const struct sfu_dtls_session *session);
/** Once, after CONNECTED; the caller wipes *out. Returns 0 or BASE_ERR_STATE. */
int sfu_dtls_session_keys(struct sfu_dtls_session *session, struct sfu_dtls_keys *out);
/** Sends close_notify. */
void sfu_dtls_session_close(struct sfu_dtls_session *session);

#endif
