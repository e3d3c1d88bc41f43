/* SPDX-License-Identifier: Apache-2.0 */
/* Retransmission. OpenSSL times its flights with gettimeofday(), which a sans-IO object must not depend on. So its own
 * timer is set to an hour (further than any handshake lives), and we keep a copy of the datagrams of our last flight
 * and send them again when the caller's clock says so. OpenSSL tells where a flight begins: it stops its timer
 * (BIO_CTRL_DGRAM_SET_NEXT_TIMEOUT with zero) when a whole flight of the peer has been read.
 * A repeated record needs a new sequence number (RFC 6347 section 4.2.4), or a peer that saw the record but could not
 * use it yet drops the repetition as a replay. Records of epoch 0 are not protected: all of ours are numbered here, on
 * their way out. That leaves Finished, the one encrypted message: peers keep it until they can read it.
 * The last flight (the server's) has no timer on either side. A client that misses it repeats its own last flight;
 * if its Finished has a new number, OpenSSL answers by itself, if not (our own client), the answer is given here. */
#include "sfu/transport/dtls_session.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/srtp.h>
#include <openssl/ssl.h>

#include "base/bytes.h"
#include "base/err.h"
#include "sfu/transport/dtls_identity.h"

#define DATAGRAM_MAX_BYTES    1200 /* fits every path that WebRTC is used on; handshake messages are fragmented to it */
#define FLIGHT_MAX_BYTES      4096u /* ours have 300 to 1,500 bytes */
#define FLIGHT_MAX_DATAGRAMS  8u
#define RESEND_FIRST_US       250000u /* RFC 6347 section 4.2.4.1 says 1 s, less where latency matters */
#define RESEND_MAX_US         4000000u
#define HANDSHAKE_LIMIT_US    30000000u
#define LAST_FLIGHT_PAUSE_US  100000u /* between two answers to repetitions of the peer's last flight */
#define OPENSSL_TIMER_US      3600000000u
#define RECORD_HEADER_BYTES   13u /* type 1, version 2, epoch 2, sequence number 6, length 2 */
#define CONTENT_CHANGE_CIPHER 20u
#define CONTENT_HANDSHAKE     22u
#define NEVER                 UINT64_MAX

struct sfu_dtls_session {
    SSL *ssl;
    struct sfu_dtls_config config;
    uint8_t peer_fingerprint[SFU_DTLS_FINGERPRINT_BYTES];
    bool peer_verified, peer_refused;
    enum sfu_dtls_state state;
    int error;
    struct sfu_dtls_keys keys;
    bool keys_ready;

    const uint8_t *in; /* the datagram of the running call */
    size_t in_len;
    uint64_t now_us;
    uint64_t sent;          /* datagrams, ever */
    uint64_t record_number; /* of the next record of epoch 0 */

    bool started;
    uint64_t limit_us; /* of the handshake; then of answers to a repeated last flight */
    uint64_t resend_us, resend_after_us, resend_first_us;
    uint64_t last_flight_us;
    uint8_t flight[FLIGHT_MAX_BYTES];
    uint16_t flight_len[FLIGHT_MAX_DATAGRAMS];
    unsigned flight_count;
    size_t flight_bytes;
};

/* ---- the BIO and callbacks under OpenSSL ---------------------------------------------------------------------- */

static void send_datagram(struct sfu_dtls_session *session, uint8_t *datagram, size_t len)
{
    for (size_t at = 0; at + RECORD_HEADER_BYTES <= len;) {
        if (base_get_be16(datagram + at + 3) == 0) {
            uint64_t number = session->record_number++;
            base_put_be16(datagram + at + 5, (uint16_t)(number >> 32));
            base_put_be32(datagram + at + 7, (uint32_t)number);
        }
        at += RECORD_HEADER_BYTES + base_get_be16(datagram + at + 11);
    }
    session->sent++;
    session->config.send(session->config.user, datagram, len);
}

int sfu_dtls_session_bio_write(BIO *bio, const char *data, int len)
{
    struct sfu_dtls_session *session = BIO_get_data(bio);
    uint8_t datagram[2 * DATAGRAM_MAX_BYTES];
    BIO_clear_retry_flags(bio);
    if (len <= 0 || (size_t)len > sizeof datagram)
        return -1;
    size_t bytes = (size_t)len;
    memcpy(datagram, data, bytes);
    if (session->state == SFU_DTLS_HANDSHAKE && session->flight_count < FLIGHT_MAX_DATAGRAMS &&
        bytes <= FLIGHT_MAX_BYTES - session->flight_bytes) {
        memcpy(session->flight + session->flight_bytes, data, bytes);
        session->flight_bytes += bytes;
        session->flight_len[session->flight_count++] = (uint16_t)bytes;
    }
    send_datagram(session, datagram, bytes);
    return len;
}

int sfu_dtls_session_bio_read(BIO *bio, char *out, int max)
{
    struct sfu_dtls_session *session = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (session->in == NULL || max <= 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t n = session->in_len < (size_t)max ? session->in_len : (size_t)max; /* as recv(2): the rest is lost */
    memcpy(out, session->in, n);
    session->in = NULL;
    return (int)n;
}

static void on_openssl_timer(struct sfu_dtls_session *session, const struct timeval *next)
{
    if (next->tv_sec == 0 && next->tv_usec == 0) { /* the peer's flight is complete: it has ours */
        session->flight_count = 0;
        session->flight_bytes = 0;
        session->resend_us = NEVER;
    } else if (session->resend_us == NEVER) {
        session->resend_after_us = session->resend_first_us;
        session->resend_us = session->now_us + session->resend_first_us;
    }
}

long sfu_dtls_session_bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)number;
    switch (command) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_DGRAM_SET_NEXT_TIMEOUT:
        on_openssl_timer(BIO_get_data(bio), pointer);
        return 1;
    default: /* among them the MTU overhead (our limit already is without headers) and time-outs of a socket */
        return 0;
    }
}

static unsigned int openssl_timer_us(SSL *ssl, unsigned int previous_us)
{
    (void)ssl;
    (void)previous_us;
    return OPENSSL_TIMER_US;
}

/* Instead of the usual chain of trust: the certificate must be the one that the SDP named. Refusing it here, in the
 * middle of the handshake, sends the peer a bad_certificate alert (RFC 8122 section 6.2). */
int sfu_dtls_session_verify(X509_STORE_CTX *store, void *unused)
{
    (void)unused;
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct sfu_dtls_session *session = SSL_get_app_data(ssl);
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned bytes = 0;
    X509 *certificate = X509_STORE_CTX_get0_cert(store);
    session->peer_verified = certificate != NULL && X509_digest(certificate, EVP_sha256(), digest, &bytes) == 1 &&
                             bytes == SFU_DTLS_FINGERPRINT_BYTES &&
                             CRYPTO_memcmp(digest, session->peer_fingerprint, bytes) == 0;
    session->peer_refused = !session->peer_verified;
    X509_STORE_CTX_set_error(store, session->peer_verified ? X509_V_OK : X509_V_ERR_CERT_REJECTED);
    return session->peer_verified;
}

/* ---- life ----------------------------------------------------------------------------------------------------- */

static bool set_up_ssl(struct sfu_dtls_session *session, struct sfu_dtls_identity *identity)
{
    BIO *bio = BIO_new(identity->bio);
    session->ssl = SSL_new(identity->context);
    if (bio == NULL || session->ssl == NULL) {
        BIO_free(bio);
        return false;
    }
    BIO_set_data(bio, session);
    BIO_set_init(bio, 1);
    SSL_set_bio(session->ssl, bio, bio);
    SSL_set_app_data(session->ssl, session);
    DTLS_set_timer_cb(session->ssl, openssl_timer_us);
    if (session->config.client)
        SSL_set_connect_state(session->ssl);
    else
        SSL_set_accept_state(session->ssl);
    return DTLS_set_link_mtu(session->ssl, DATAGRAM_MAX_BYTES) == 1;
}

int sfu_dtls_session_create(struct sfu_dtls_session **out, struct sfu_dtls_identity *identity,
                            const struct sfu_dtls_config *config)
{
    *out = NULL;
    struct sfu_dtls_session *session = calloc(1, sizeof *session);
    if (session == NULL)
        return BASE_ERR_NOMEM;
    session->config = *config;
    memcpy(session->peer_fingerprint, config->peer_fingerprint, sizeof session->peer_fingerprint);
    session->config.peer_fingerprint = NULL;
    session->state = SFU_DTLS_HANDSHAKE;
    session->resend_us = NEVER;
    session->resend_first_us = RESEND_FIRST_US;
    ERR_clear_error();
    if (!set_up_ssl(session, identity)) {
        ERR_clear_error();
        sfu_dtls_session_destroy(session);
        return BASE_ERR_CRYPTO;
    }
    *out = session;
    return 0;
}

void sfu_dtls_session_destroy(struct sfu_dtls_session *session)
{
    if (session == NULL)
        return;
    SSL_free(session->ssl);
    OPENSSL_cleanse(session, sizeof *session);
    free(session);
}

static void finish(struct sfu_dtls_session *session, enum sfu_dtls_state state, int error)
{
    session->state = state;
    session->error = error;
    session->resend_us = NEVER;
    session->flight_count = 0;
    OPENSSL_cleanse(&session->keys, sizeof session->keys);
    session->keys_ready = false;
}

/* ---- the handshake and after ---------------------------------------------------------------------------------- */

/* RFC 5764 section 4.2: client key, server key, client salt, server salt. */
static int export_keys(struct sfu_dtls_session *session)
{
    static const char label[] = "EXTRACTOR-dtls_srtp";
    const SRTP_PROTECTION_PROFILE *chosen = SSL_get_selected_srtp_profile(session->ssl);
    if (chosen == NULL)
        return BASE_ERR_UNSUPPORTED;
    struct sfu_dtls_keys *keys = &session->keys;
    keys->profile = (enum sfu_srtp_profile)chosen->id;
    size_t salt_bytes = sfu_srtp_salt_bytes(keys->profile);
    uint8_t material[2 * (SFU_SRTP_KEY_BYTES + SFU_SRTP_SALT_MAX_BYTES)];
    if (SSL_export_keying_material(session->ssl, material, 2 * (SFU_SRTP_KEY_BYTES + salt_bytes), label,
                                   sizeof label - 1, NULL, 0, 0) != 1)
        return BASE_ERR_CRYPTO;
    const uint8_t *client_key = material, *server_key = client_key + SFU_SRTP_KEY_BYTES;
    const uint8_t *client_salt = server_key + SFU_SRTP_KEY_BYTES, *server_salt = client_salt + salt_bytes;
    bool client = session->config.client;
    memcpy(keys->send_key, client ? client_key : server_key, SFU_SRTP_KEY_BYTES);
    memcpy(keys->send_salt, client ? client_salt : server_salt, salt_bytes);
    memcpy(keys->receive_key, client ? server_key : client_key, SFU_SRTP_KEY_BYTES);
    memcpy(keys->receive_salt, client ? server_salt : client_salt, salt_bytes);
    OPENSSL_cleanse(material, sizeof material);
    session->keys_ready = true;
    return 0;
}

static void on_handshake_done(struct sfu_dtls_session *session)
{
    int err = session->peer_verified ? export_keys(session) : BASE_ERR_AUTH;
    if (err != 0) {
        (void)SSL_shutdown(session->ssl);
        finish(session, SFU_DTLS_FAILED, err);
        return;
    }
    session->state = SFU_DTLS_CONNECTED;
    session->resend_us = NEVER;
    session->last_flight_us = session->now_us;
    session->limit_us = session->now_us + HANDSHAKE_LIMIT_US;
}

/* What comes over DTLS after the handshake: nothing that we want (no data channels), alerts, repetitions. */
static void read_records(struct sfu_dtls_session *session)
{
    uint8_t ignored[2048];
    int n;
    while ((n = SSL_read(session->ssl, ignored, sizeof ignored)) > 0)
        ;
    switch (SSL_get_error(session->ssl, n)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        break;
    case SSL_ERROR_ZERO_RETURN:
        (void)SSL_shutdown(session->ssl); /* our half of close_notify */
        finish(session, SFU_DTLS_CLOSED, 0);
        break;
    default:
        finish(session, SFU_DTLS_FAILED, BASE_ERR_CRYPTO);
    }
}

static void drive(struct sfu_dtls_session *session)
{
    ERR_clear_error();
    if (session->state == SFU_DTLS_HANDSHAKE) {
        int result = SSL_do_handshake(session->ssl);
        int reason = result == 1 ? SSL_ERROR_NONE : SSL_get_error(session->ssl, result);
        if (result == 1)
            on_handshake_done(session);
        else if (reason == SSL_ERROR_ZERO_RETURN)
            finish(session, SFU_DTLS_CLOSED, 0);
        else if (reason != SSL_ERROR_WANT_READ && reason != SSL_ERROR_WANT_WRITE)
            finish(session, SFU_DTLS_FAILED, session->peer_refused ? BASE_ERR_AUTH : BASE_ERR_CRYPTO);
    }
    if (session->state == SFU_DTLS_CONNECTED)
        read_records(session);
    ERR_clear_error();
}

static void resend_flight(struct sfu_dtls_session *session)
{
    size_t at = 0;
    for (unsigned i = 0; i < session->flight_count; i++) {
        send_datagram(session, session->flight + at, session->flight_len[i]);
        at += session->flight_len[i];
    }
}

static void start(struct sfu_dtls_session *session, uint64_t now_us)
{
    session->now_us = now_us;
    if (session->started)
        return;
    session->started = true;
    session->limit_us = now_us + HANDSHAKE_LIMIT_US;
}

static void answer_repeated_flight(struct sfu_dtls_session *session, uint8_t content_type)
{
    if (session->config.client || (content_type != CONTENT_CHANGE_CIPHER && content_type != CONTENT_HANDSHAKE) ||
        session->now_us < session->last_flight_us + LAST_FLIGHT_PAUSE_US || session->now_us > session->limit_us)
        return;
    session->last_flight_us = session->now_us;
    resend_flight(session);
}

enum sfu_dtls_state sfu_dtls_session_on_datagram(struct sfu_dtls_session *session, uint64_t now_us,
                                                 const uint8_t *datagram, size_t len)
{
    if ((session->state != SFU_DTLS_HANDSHAKE && session->state != SFU_DTLS_CONNECTED) || len == 0)
        return session->state;
    start(session, now_us);
    bool was_connected = session->state == SFU_DTLS_CONNECTED;
    uint64_t sent_before = session->sent;
    session->in = datagram;
    session->in_len = len;
    drive(session);
    session->in = NULL;
    if (was_connected && session->state == SFU_DTLS_CONNECTED && session->sent == sent_before)
        answer_repeated_flight(session, datagram[0]);
    return session->state;
}

bool sfu_dtls_session_is_other_hello(const struct sfu_dtls_session *session, const uint8_t *datagram, size_t len)
{
    /* The record's header; the message's: type 1, length 3, number 2, fragment offset 3, fragment length 3; version 2
     * (RFC 6347 section 4.2.2, RFC 5246 section 7.4.1.2). The first fragment has the random. */
    static const uint8_t none[SSL3_RANDOM_SIZE];
    const size_t random_at = RECORD_HEADER_BYTES + 12 + 2;
    uint8_t ours[SSL3_RANDOM_SIZE];
    if (len < random_at + sizeof ours || datagram[0] != CONTENT_HANDSHAKE || base_get_be16(datagram + 3) != 0 ||
        datagram[RECORD_HEADER_BYTES] != SSL3_MT_CLIENT_HELLO ||
        memcmp(datagram + RECORD_HEADER_BYTES + 6, none, 3) != 0 ||
        SSL_get_client_random(session->ssl, ours, sizeof ours) != sizeof ours || memcmp(ours, none, sizeof ours) == 0)
        return false;
    return memcmp(ours, datagram + random_at, sizeof ours) != 0;
}

void sfu_dtls_session_set_resend_us(struct sfu_dtls_session *session, uint64_t first_us)
{
    session->resend_first_us = first_us;
}

uint64_t sfu_dtls_session_deadline_us(const struct sfu_dtls_session *session)
{
    if (session->state != SFU_DTLS_HANDSHAKE)
        return NEVER;
    if (!session->started)
        return session->config.client ? 0 : NEVER;
    return session->resend_us < session->limit_us ? session->resend_us : session->limit_us;
}

enum sfu_dtls_state sfu_dtls_session_poll(struct sfu_dtls_session *session, uint64_t now_us)
{
    if (session->state != SFU_DTLS_HANDSHAKE)
        return session->state;
    bool first = !session->started;
    start(session, now_us);
    if (first && session->config.client) {
        drive(session);
    } else if (now_us >= session->limit_us) {
        finish(session, SFU_DTLS_FAILED, BASE_ERR_TIMEOUT);
    } else if (now_us >= session->resend_us) {
        session->resend_after_us *= 2;
        if (session->resend_after_us > RESEND_MAX_US)
            session->resend_after_us = RESEND_MAX_US;
        session->resend_us = now_us + session->resend_after_us;
        resend_flight(session);
    }
    return session->state;
}

enum sfu_dtls_state sfu_dtls_session_state(const struct sfu_dtls_session *session)
{
    return session->state;
}

int sfu_dtls_session_error(const struct sfu_dtls_session *session)
{
    return session->error;
}

int sfu_dtls_session_keys(struct sfu_dtls_session *session, struct sfu_dtls_keys *out)
{
    if (session->state != SFU_DTLS_CONNECTED || !session->keys_ready)
        return BASE_ERR_STATE;
    *out = session->keys;
    OPENSSL_cleanse(&session->keys, sizeof session->keys);
    session->keys_ready = false;
    return 0;
}

void sfu_dtls_session_close(struct sfu_dtls_session *session)
{
    if (session->state == SFU_DTLS_CONNECTED) {
        ERR_clear_error();
        (void)SSL_shutdown(session->ssl);
        ERR_clear_error();
    }
    if (session->state == SFU_DTLS_HANDSHAKE || session->state == SFU_DTLS_CONNECTED)
        finish(session, SFU_DTLS_CLOSED, 0);
}

SSL *sfu_dtls_session_ssl(struct sfu_dtls_session *session)
{
    return session->ssl;
}
