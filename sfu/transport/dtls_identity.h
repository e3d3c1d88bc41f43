/* SPDX-License-Identifier: Apache-2.0 */
/**
 * dtls_identity.h - what dtls_session.c needs of an identity. Internal to sfu/transport.
 */
#ifndef CONSILIUM_SFU_TRANSPORT_DTLS_IDENTITY_H
#define CONSILIUM_SFU_TRANSPORT_DTLS_IDENTITY_H

#include <openssl/ssl.h>

#include "sfu/transport/dtls_session.h"

struct sfu_dtls_identity {
    SSL_CTX *context; /**< for both roles */
    BIO_METHOD *bio;  /**< a BIO whose data is the session: one write is one datagram */
    uint8_t fingerprint[SFU_DTLS_FINGERPRINT_BYTES];
};

/** For the peer's certificate: SSL's app data is the session. Returns 1 to accept. */
int sfu_dtls_session_verify(X509_STORE_CTX *store, void *unused);
/** The BIO's functions. */
int sfu_dtls_session_bio_write(BIO *bio, const char *data, int len);
int sfu_dtls_session_bio_read(BIO *bio, char *out, int max);
long sfu_dtls_session_bio_ctrl(BIO *bio, int command, long number, void *pointer);

/** For tests that give OpenSSL other parameters. */
SSL *sfu_dtls_session_ssl(struct sfu_dtls_session *session);

#endif
