/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/transport/dtls_identity.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/err.h"

/* Ours first: among OpenSSL's servers the order of the server decides. */
#define SRTP_PROFILES "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80"
/* RFC 8827 section 6.5: forward secrecy and AEAD. ECDHE_RSA only matters to a client of other servers. */
#define CIPHERS                                                                                                        \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:"                       \
    "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305"

/* A certificate that says nothing about us: a random serial number and the same dates everywhere. Peers trust the
 * fingerprint in the SDP, not the dates. */
static X509 *make_certificate(EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    BIGNUM *serial = BN_new();
    X509_NAME *name = certificate == NULL ? NULL : X509_get_subject_name(certificate);
    bool ok = name != NULL && serial != NULL && X509_set_version(certificate, X509_VERSION_3) == 1 &&
              BN_rand(serial, 64, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
              BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(certificate)) != NULL &&
              ASN1_TIME_set_string_X509(X509_getm_notBefore(certificate), "20200101000000Z") == 1 &&
              ASN1_TIME_set_string_X509(X509_getm_notAfter(certificate), "20491231235959Z") == 1 &&
              X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"WebRTC", -1, -1, 0) == 1 &&
              X509_set_issuer_name(certificate, name) == 1 && X509_set_pubkey(certificate, key) == 1 &&
              X509_sign(certificate, key, EVP_sha256()) > 0;
    BN_free(serial);
    if (!ok) {
        X509_free(certificate);
        return NULL;
    }
    return certificate;
}

static bool set_up_context(SSL_CTX *context, X509 *certificate, EVP_PKEY *key)
{
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_NO_QUERY_MTU | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    /* Replaces OpenSSL's walk up to a trusted root: there is none. */
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(context, sfu_dtls_session_verify, NULL);
    return SSL_CTX_set_min_proto_version(context, DTLS1_2_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(context, DTLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(context, CIPHERS) == 1 &&
           SSL_CTX_set1_groups_list(context, "X25519:P-256:P-384") == 1 &&
           SSL_CTX_set_tlsext_use_srtp(context, SRTP_PROFILES) == 0 && /* 0 is success */
           SSL_CTX_use_certificate(context, certificate) == 1 && SSL_CTX_use_PrivateKey(context, key) == 1;
}

static BIO_METHOD *make_bio_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "consilium datagrams");
    if (method == NULL)
        return NULL;
    if (BIO_meth_set_write(method, sfu_dtls_session_bio_write) == 1 &&
        BIO_meth_set_read(method, sfu_dtls_session_bio_read) == 1 &&
        BIO_meth_set_ctrl(method, sfu_dtls_session_bio_ctrl) == 1)
        return method;
    BIO_meth_free(method);
    return NULL;
}

int sfu_dtls_identity_create(struct sfu_dtls_identity **out)
{
    *out = NULL;
    struct sfu_dtls_identity *identity = calloc(1, sizeof *identity);
    if (identity == NULL)
        return BASE_ERR_NOMEM;
    unsigned bytes = 0;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = key == NULL ? NULL : make_certificate(key);
    identity->context = SSL_CTX_new(DTLS_method());
    identity->bio = make_bio_method();
    bool ok = certificate != NULL && identity->context != NULL && identity->bio != NULL &&
              set_up_context(identity->context, certificate, key) &&
              X509_digest(certificate, EVP_sha256(), identity->fingerprint, &bytes) == 1 &&
              bytes == SFU_DTLS_FINGERPRINT_BYTES;
    X509_free(certificate);
    EVP_PKEY_free(key);
    if (!ok) {
        ERR_clear_error();
        sfu_dtls_identity_destroy(identity);
        return BASE_ERR_CRYPTO;
    }
    *out = identity;
    return 0;
}

void sfu_dtls_identity_destroy(struct sfu_dtls_identity *identity)
{
    if (identity == NULL)
        return;
    SSL_CTX_free(identity->context);
    BIO_meth_free(identity->bio);
    free(identity);
}

const uint8_t *sfu_dtls_identity_fingerprint(const struct sfu_dtls_identity *identity)
{
    return identity->fingerprint;
}

void sfu_dtls_fingerprint_text(const uint8_t fingerprint[SFU_DTLS_FINGERPRINT_BYTES], char out[96])
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < SFU_DTLS_FINGERPRINT_BYTES; i++) {
        out[3 * i] = digits[fingerprint[i] >> 4];
        out[3 * i + 1] = digits[fingerprint[i] & 15];
        out[3 * i + 2] = i + 1 < SFU_DTLS_FINGERPRINT_BYTES ? ':' : '\0';
    }
}
