/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/transport/dtls_identity.h"
#include "tests/support/test.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

T_TEST(fingerprint_text)
{
    uint8_t fingerprint[SFU_DTLS_FINGERPRINT_BYTES] = {0xab, 0x01};
    char text[96];
    fingerprint[31] = 0xf0;
    sfu_dtls_fingerprint_text(fingerprint, text);
    T_EQ(strlen(text), 95);
    T_MEM_EQ(text, "AB:01:00:", 9);
    T_STR_EQ(text + 90, "00:F0");
}

T_TEST(the_certificate_is_p256_and_signed_by_itself)
{
    struct sfu_dtls_identity *identity;
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned bytes = 0;
    char group[32];
    T_EQ(sfu_dtls_identity_create(&identity), 0);
    X509 *certificate = SSL_CTX_get0_certificate(identity->context);
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    T_EQ(X509_verify(certificate, key), 1);
    T_EQ(EVP_PKEY_get_group_name(key, group, sizeof group, NULL), 1);
    T_STR_EQ(group, "prime256v1");
    T_EQ(X509_digest(certificate, EVP_sha256(), digest, &bytes), 1);
    T_EQ(bytes, SFU_DTLS_FINGERPRINT_BYTES);
    T_MEM_EQ(sfu_dtls_identity_fingerprint(identity), digest, SFU_DTLS_FINGERPRINT_BYTES);
    T_EQ(X509_cmp_current_time(X509_get0_notBefore(certificate)), -1);
    T_EQ(X509_cmp_current_time(X509_get0_notAfter(certificate)), 1);
    sfu_dtls_identity_destroy(identity);
    sfu_dtls_identity_destroy(NULL);
}

T_TEST(each_identity_is_another)
{
    struct sfu_dtls_identity *a, *b;
    T_EQ(sfu_dtls_identity_create(&a), 0);
    T_EQ(sfu_dtls_identity_create(&b), 0);
    T_CHECK(memcmp(sfu_dtls_identity_fingerprint(a), sfu_dtls_identity_fingerprint(b), SFU_DTLS_FINGERPRINT_BYTES) !=
            0);
    sfu_dtls_identity_destroy(a);
    sfu_dtls_identity_destroy(b);
}

T_TEST(only_dtls_1_2_without_tickets_and_renegotiation)
{
    struct sfu_dtls_identity *identity;
    T_EQ(sfu_dtls_identity_create(&identity), 0);
    T_EQ(SSL_CTX_get_min_proto_version(identity->context), DTLS1_2_VERSION);
    T_EQ(SSL_CTX_get_max_proto_version(identity->context), DTLS1_2_VERSION);
    uint64_t wanted = SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION;
    T_CHECK((SSL_CTX_get_options(identity->context) & wanted) == wanted);
    STACK_OF(SSL_CIPHER) *ciphers = SSL_CTX_get_ciphers(identity->context);
    unsigned tls12 = 0;
    for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
        const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(ciphers, i);
        if (strcmp(SSL_CIPHER_get_version(cipher), "TLSv1.3") == 0)
            continue; /* always in the list, never in DTLS 1.2 */
        T_CHECK(SSL_CIPHER_is_aead(cipher));
        T_EQ(SSL_CIPHER_get_kx_nid(cipher), NID_kx_ecdhe);
        tls12++;
    }
    T_EQ(tls12, 6);
    sfu_dtls_identity_destroy(identity);
}

T_MAIN(T_CASE(fingerprint_text), T_CASE(the_certificate_is_p256_and_signed_by_itself), T_CASE(each_identity_is_another),
       T_CASE(only_dtls_1_2_without_tickets_and_renegotiation))
