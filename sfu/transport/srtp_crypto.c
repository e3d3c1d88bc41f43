/* SPDX-License-Identifier: Apache-2.0 */
/* The low-level SHA1 functions are deprecated since OpenSSL 3.0, which offers nothing that copies a hash state without
 * allocating. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "sfu/transport/srtp_crypto.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/sha.h>

#include "base/bytes.h"
#include "base/err.h"

#define GCM_TAG_BYTES    16u
#define GCM_IV_BYTES     12u
#define SHA1_TAG_BYTES   10u
#define SHA1_BLOCK_BYTES 64u
#define RTCP_CLEAR_BYTES 8u /* header and sender's SSRC stay readable */
#define RTCP_INDEX_BYTES 4u
#define RTCP_E_BIT       0x80000000u /* RFC 3711 section 3.4: the packet is encrypted */

struct sfu_srtp_cipher {
    enum sfu_srtp_profile profile;
    EVP_CIPHER_CTX *aes;
    uint8_t salt[SFU_SRTP_SALT_MAX_BYTES];
    SHA_CTX hmac_inner, hmac_outer;
};

int sfu_srtp_keystream(const uint8_t key[SFU_SRTP_KEY_BYTES], const uint8_t iv[16], uint8_t *out, size_t len)
{
    int n = 0;
    EVP_CIPHER *ctr = EVP_CIPHER_fetch(NULL, "AES-128-CTR", NULL);
    EVP_CIPHER_CTX *aes = EVP_CIPHER_CTX_new();
    memset(out, 0, len);
    bool ok = ctr != NULL && aes != NULL && EVP_EncryptInit_ex2(aes, ctr, key, iv, NULL) == 1 &&
              EVP_EncryptUpdate(aes, out, &n, out, (int)len) == 1;
    EVP_CIPHER_CTX_free(aes);
    EVP_CIPHER_free(ctr);
    if (!ok)
        ERR_clear_error();
    return ok ? 0 : BASE_ERR_CRYPTO;
}

int sfu_srtp_derive(struct sfu_srtp_keys *out, enum sfu_srtp_profile profile, const uint8_t *master_key,
                    const uint8_t *master_salt, bool rtcp)
{
    enum { CIPHER_KEY, AUTH_KEY, SALT, COUNT };
    struct {
        uint8_t *out;
        size_t len;
    } wanted[COUNT] = {{out->cipher_key, sizeof out->cipher_key},
                       {out->auth_key, sizeof out->auth_key},
                       {out->salt, sfu_srtp_salt_bytes(profile)}};
    memset(out, 0, sizeof *out);
    for (unsigned i = 0; i < COUNT; i++) {
        /* x = (label || r) XOR salt with r = 0, right-aligned in 112 bits: the label falls on byte 7. IV = x * 2^16. */
        uint8_t iv[16] = {0};
        memcpy(iv, master_salt, sfu_srtp_salt_bytes(profile));
        iv[7] ^= (uint8_t)(i + (rtcp ? COUNT : 0u));
        int err = sfu_srtp_keystream(master_key, iv, wanted[i].out, wanted[i].len);
        if (err != 0)
            return err;
    }
    return 0;
}

static void hmac_key(struct sfu_srtp_cipher *cipher, const uint8_t key[SFU_SRTP_AUTH_KEY_BYTES])
{
    uint8_t block[SHA1_BLOCK_BYTES] = {0};
    memcpy(block, key, SFU_SRTP_AUTH_KEY_BYTES);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] ^= 0x36;
    SHA1_Init(&cipher->hmac_inner);
    SHA1_Update(&cipher->hmac_inner, block, sizeof block);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] ^= 0x36 ^ 0x5c;
    SHA1_Init(&cipher->hmac_outer);
    SHA1_Update(&cipher->hmac_outer, block, sizeof block);
    OPENSSL_cleanse(block, sizeof block);
}

/* HMAC-SHA1 (RFC 2104) of data and the 4 bytes `suffix` (NULL: none). */
static void hmac(const struct sfu_srtp_cipher *cipher, const uint8_t *data, size_t len, const uint8_t *suffix,
                 uint8_t tag[SHA_DIGEST_LENGTH])
{
    SHA_CTX state = cipher->hmac_inner;
    SHA1_Update(&state, data, len);
    if (suffix != NULL)
        SHA1_Update(&state, suffix, 4);
    SHA1_Final(tag, &state);
    state = cipher->hmac_outer;
    SHA1_Update(&state, tag, SHA_DIGEST_LENGTH);
    SHA1_Final(tag, &state);
}

int sfu_srtp_cipher_create(struct sfu_srtp_cipher **out, enum sfu_srtp_profile profile,
                           const struct sfu_srtp_keys *keys)
{
    *out = NULL;
    if (profile != SFU_SRTP_AES128_CM_SHA1_80 && profile != SFU_SRTP_AEAD_AES_128_GCM)
        return BASE_ERR_INVALID;
    struct sfu_srtp_cipher *cipher = calloc(1, sizeof *cipher);
    if (cipher == NULL)
        return BASE_ERR_NOMEM;
    cipher->profile = profile;
    memcpy(cipher->salt, keys->salt, sfu_srtp_salt_bytes(profile));
    bool gcm = profile == SFU_SRTP_AEAD_AES_128_GCM;
    if (!gcm)
        hmac_key(cipher, keys->auth_key);
    EVP_CIPHER *method = EVP_CIPHER_fetch(NULL, gcm ? "AES-128-GCM" : "AES-128-CTR", NULL);
    cipher->aes = EVP_CIPHER_CTX_new();
    bool ok = method != NULL && cipher->aes != NULL &&
              EVP_EncryptInit_ex2(cipher->aes, method, keys->cipher_key, NULL, NULL) == 1;
    EVP_CIPHER_free(method); /* the context holds it */
    if (!ok) {
        ERR_clear_error();
        sfu_srtp_cipher_destroy(cipher);
        return BASE_ERR_CRYPTO;
    }
    *out = cipher;
    return 0;
}

void sfu_srtp_cipher_destroy(struct sfu_srtp_cipher *cipher)
{
    if (cipher == NULL)
        return;
    EVP_CIPHER_CTX_free(cipher->aes);
    OPENSSL_cleanse(cipher, sizeof *cipher);
    free(cipher);
}

/* RFC 3711 section 4.1.1: (salt * 2^16) XOR (SSRC * 2^64) XOR (index * 2^16). */
static void ctr_iv(const struct sfu_srtp_cipher *cipher, uint8_t iv[16], uint32_t ssrc, uint64_t index)
{
    base_put_be32(iv, 0);
    base_put_be32(iv + 4, ssrc);
    base_put_be64(iv + 8, index << 16);
    for (size_t i = 0; i < SFU_SRTP_SALT_MAX_BYTES; i++)
        iv[i] ^= cipher->salt[i];
}

/* RFC 7714 sections 8.1 and 9.1: 00 00, SSRC, then the 48-bit index (RTCP: 00 00 and 32 bits), XOR salt. */
static void gcm_iv(const struct sfu_srtp_cipher *cipher, uint8_t iv[GCM_IV_BYTES], uint32_t ssrc, uint64_t index)
{
    base_put_be16(iv, 0);
    base_put_be32(iv + 2, ssrc);
    base_put_be16(iv + 6, (uint16_t)(index >> 32));
    base_put_be32(iv + 8, (uint32_t)index);
    for (size_t i = 0; i < GCM_IV_BYTES; i++)
        iv[i] ^= cipher->salt[i];
}

static bool begin(struct sfu_srtp_cipher *cipher, bool sealing, uint32_t ssrc, uint64_t index)
{
    uint8_t iv[16];
    if (cipher->profile == SFU_SRTP_AEAD_AES_128_GCM)
        gcm_iv(cipher, iv, ssrc, index);
    else
        ctr_iv(cipher, iv, ssrc, index);
    return (sealing ? EVP_EncryptInit_ex2(cipher->aes, NULL, NULL, iv, NULL)
                    : EVP_DecryptInit_ex2(cipher->aes, NULL, NULL, iv, NULL)) == 1;
}

/* `out` NULL: additional authenticated data. */
static bool update(struct sfu_srtp_cipher *cipher, bool sealing, uint8_t *out, const uint8_t *in, size_t len)
{
    int n = 0;
    if (len == 0)
        return true;
    return (sealing ? EVP_EncryptUpdate(cipher->aes, out, &n, in, (int)len)
                    : EVP_DecryptUpdate(cipher->aes, out, &n, in, (int)len)) == 1;
}

static bool gcm_write_tag(struct sfu_srtp_cipher *cipher, uint8_t *tag)
{
    int n = 0;
    OSSL_PARAM params[] = {OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, tag, GCM_TAG_BYTES),
                           OSSL_PARAM_construct_end()};
    return EVP_EncryptFinal_ex(cipher->aes, tag, &n) == 1 && EVP_CIPHER_CTX_get_params(cipher->aes, params) == 1;
}

static bool gcm_check_tag(struct sfu_srtp_cipher *cipher, const uint8_t *tag)
{
    int n = 0;
    uint8_t copy[GCM_TAG_BYTES], nothing[1];
    memcpy(copy, tag, sizeof copy);
    OSSL_PARAM params[] = {OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, copy, sizeof copy),
                           OSSL_PARAM_construct_end()};
    return EVP_CIPHER_CTX_set_params(cipher->aes, params) == 1 && EVP_DecryptFinal_ex(cipher->aes, nothing, &n) == 1;
}

static size_t failed(void)
{
    ERR_clear_error();
    return 0;
}

static int not_authentic(void)
{
    ERR_clear_error();
    return BASE_ERR_AUTH;
}

size_t sfu_srtp_seal_rtp(struct sfu_srtp_cipher *cipher, uint8_t *out, size_t header_bytes, uint32_t ssrc,
                         uint64_t index, const uint8_t *payload, size_t payload_bytes, size_t pad_bytes)
{
    bool gcm = cipher->profile == SFU_SRTP_AEAD_AES_128_GCM;
    uint8_t *pad = out + header_bytes + payload_bytes, *end = pad + pad_bytes;
    if (!begin(cipher, true, ssrc, index) || (gcm && !update(cipher, true, NULL, out, header_bytes)) ||
        !update(cipher, true, out + header_bytes, payload, payload_bytes))
        return failed();
    if (pad_bytes > 0) {
        memset(pad, 0, pad_bytes - 1);
        end[-1] = (uint8_t)pad_bytes;
        if (!update(cipher, true, pad, pad, pad_bytes))
            return failed();
    }
    if (gcm) {
        if (!gcm_write_tag(cipher, end))
            return failed();
        return (size_t)(end - out) + GCM_TAG_BYTES;
    }
    uint8_t roc[4], tag[SHA_DIGEST_LENGTH];
    base_put_be32(roc, (uint32_t)(index >> 16));
    hmac(cipher, out, (size_t)(end - out), roc, tag);
    memcpy(end, tag, SHA1_TAG_BYTES);
    return (size_t)(end - out) + SHA1_TAG_BYTES;
}

int sfu_srtp_open_rtp(struct sfu_srtp_cipher *cipher, const uint8_t *packet, size_t len, size_t header_bytes,
                      uint32_t ssrc, uint64_t index, uint8_t *out)
{
    bool gcm = cipher->profile == SFU_SRTP_AEAD_AES_128_GCM;
    size_t plain = len - sfu_srtp_tag_bytes(cipher->profile);
    assert(len >= header_bytes + sfu_srtp_tag_bytes(cipher->profile));
    if (!gcm) {
        uint8_t roc[4], tag[SHA_DIGEST_LENGTH];
        base_put_be32(roc, (uint32_t)(index >> 16));
        hmac(cipher, packet, plain, roc, tag);
        if (CRYPTO_memcmp(tag, packet + plain, SHA1_TAG_BYTES) != 0)
            return BASE_ERR_AUTH;
    }
    if (!begin(cipher, false, ssrc, index) || (gcm && !update(cipher, false, NULL, packet, header_bytes)) ||
        !update(cipher, false, out + header_bytes, packet + header_bytes, plain - header_bytes) ||
        (gcm && !gcm_check_tag(cipher, packet + plain)))
        return not_authentic();
    return 0;
}

size_t sfu_srtp_rtcp_index_offset(enum sfu_srtp_profile profile, size_t len)
{
    return len - RTCP_INDEX_BYTES - (profile == SFU_SRTP_AEAD_AES_128_GCM ? 0 : SHA1_TAG_BYTES);
}

size_t sfu_srtp_seal_rtcp(struct sfu_srtp_cipher *cipher, uint8_t *rtcp, size_t len, uint32_t index)
{
    uint8_t word[RTCP_INDEX_BYTES], tag[SHA_DIGEST_LENGTH];
    assert(len >= RTCP_CLEAR_BYTES && index < RTCP_E_BIT);
    bool gcm = cipher->profile == SFU_SRTP_AEAD_AES_128_GCM;
    uint8_t *body = rtcp + RTCP_CLEAR_BYTES, *end = rtcp + len;
    base_put_be32(word, RTCP_E_BIT | index);
    /* RFC 7714 section 9.2: the additional data is the clear part and the index word. */
    if (!begin(cipher, true, base_get_be32(rtcp + 4), index) ||
        (gcm &&
         (!update(cipher, true, NULL, rtcp, RTCP_CLEAR_BYTES) || !update(cipher, true, NULL, word, sizeof word))) ||
        !update(cipher, true, body, body, len - RTCP_CLEAR_BYTES))
        return failed();
    if (gcm) {
        if (!gcm_write_tag(cipher, end))
            return failed();
        memcpy(end + GCM_TAG_BYTES, word, sizeof word);
        return len + GCM_TAG_BYTES + RTCP_INDEX_BYTES;
    }
    memcpy(end, word, sizeof word);
    hmac(cipher, rtcp, len + RTCP_INDEX_BYTES, NULL, tag);
    memcpy(end + RTCP_INDEX_BYTES, tag, SHA1_TAG_BYTES);
    return len + RTCP_INDEX_BYTES + SHA1_TAG_BYTES;
}

int sfu_srtp_open_rtcp(struct sfu_srtp_cipher *cipher, uint8_t *rtcp, size_t len, uint32_t index_word)
{
    uint8_t word[RTCP_INDEX_BYTES], tag[SHA_DIGEST_LENGTH];
    bool gcm = cipher->profile == SFU_SRTP_AEAD_AES_128_GCM;
    size_t plain = len - RTCP_INDEX_BYTES - sfu_srtp_tag_bytes(cipher->profile);
    assert(len >= RTCP_CLEAR_BYTES + RTCP_INDEX_BYTES + sfu_srtp_tag_bytes(cipher->profile));
    uint8_t *body = rtcp + RTCP_CLEAR_BYTES;
    base_put_be32(word, index_word);
    if (!gcm) {
        hmac(cipher, rtcp, plain + RTCP_INDEX_BYTES, NULL, tag);
        if (CRYPTO_memcmp(tag, rtcp + plain + RTCP_INDEX_BYTES, SHA1_TAG_BYTES) != 0)
            return BASE_ERR_AUTH;
    }
    if (!begin(cipher, false, base_get_be32(rtcp + 4), index_word & ~RTCP_E_BIT) ||
        (gcm &&
         (!update(cipher, false, NULL, rtcp, RTCP_CLEAR_BYTES) || !update(cipher, false, NULL, word, sizeof word))) ||
        !update(cipher, false, body, body, plain - RTCP_CLEAR_BYTES) || (gcm && !gcm_check_tag(cipher, rtcp + plain)))
        return not_authentic();
    return 0;
}
