/* SPDX-License-Identifier: Apache-2.0 */
/**
 * srtp_crypto.h - the cryptography below srtp_session.h: key derivation, and sealing and opening one packet whose index
 * is known. Internal to sfu/transport; published test vectors reach the code here, below the key derivation.
 *
 * AES-CM and HMAC-SHA1 of RFC 3711 section 4, AEAD_AES_128_GCM of RFC 7714. Keyed once; a packet costs only its IV.
 * The AES contexts are EVP's. HMAC keeps the SHA-1 states after the inner and the outer pad and copies them for each
 * packet, with OpenSSL's low-level SHA1 functions: EVP_MAC and EVP_MD_CTX allocate on each copy. Threads: one owner.
 */
#ifndef CONSILIUM_SFU_TRANSPORT_SRTP_CRYPTO_H
#define CONSILIUM_SFU_TRANSPORT_SRTP_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sfu/transport/srtp_session.h"

#define SFU_SRTP_AUTH_KEY_BYTES 20

/** Session keys of one direction, of either RTP or RTCP. */
struct sfu_srtp_keys {
    uint8_t cipher_key[SFU_SRTP_KEY_BYTES];
    uint8_t auth_key[SFU_SRTP_AUTH_KEY_BYTES]; /**< CM-SHA1 only */
    uint8_t salt[SFU_SRTP_SALT_MAX_BYTES];     /**< the first 12 bytes for GCM */
};

/** The AES-CM keystream from `iv` on (RFC 3711 section 4.1.1). Returns 0 or BASE_ERR_CRYPTO. */
int sfu_srtp_keystream(const uint8_t key[SFU_SRTP_KEY_BYTES], const uint8_t iv[16], uint8_t *out, size_t len);

/** RFC 3711 section 4.3.1, key derivation rate 0; a GCM salt is padded with two zero bytes (RFC 7714 section 11). The
 * caller wipes *out. Returns 0 or BASE_ERR_CRYPTO. */
int sfu_srtp_derive(struct sfu_srtp_keys *out, enum sfu_srtp_profile profile, const uint8_t *master_key,
                    const uint8_t *master_salt, bool rtcp);

struct sfu_srtp_cipher;

/** Copies the keys. Returns 0, BASE_ERR_INVALID (profile), BASE_ERR_NOMEM or BASE_ERR_CRYPTO; on error *out is NULL. */
int sfu_srtp_cipher_create(struct sfu_srtp_cipher **out, enum sfu_srtp_profile profile,
                           const struct sfu_srtp_keys *keys);
/** Wipes keys. NULL is allowed. */
void sfu_srtp_cipher_destroy(struct sfu_srtp_cipher *cipher);

/** One RTP packet; arguments as in sfu_srtp_protect(). `index`: 48 bits, rollover counter and sequence number. Returns
 * total bytes, or 0 on failure. */
size_t sfu_srtp_seal_rtp(struct sfu_srtp_cipher *cipher, uint8_t *out, size_t header_bytes, uint32_t ssrc,
                         uint64_t index, const uint8_t *payload, size_t payload_bytes, size_t pad_bytes);
/** The reverse: checks packet[0..len), of at least header_bytes and a tag, and decrypts its payload to
 * out + header_bytes (the header is not copied; out == packet is allowed). GCM writes there before it knows whether the
 * tag is right. Returns 0 or BASE_ERR_AUTH. */
int sfu_srtp_open_rtp(struct sfu_srtp_cipher *cipher, const uint8_t *packet, size_t len, size_t header_bytes,
                      uint32_t ssrc, uint64_t index, uint8_t *out);

/** One compound RTCP packet of at least 8 bytes, in place; `index`: 31 bits. Returns total bytes, or 0 on failure. */
size_t sfu_srtp_seal_rtcp(struct sfu_srtp_cipher *cipher, uint8_t *rtcp, size_t len, uint32_t index);
/** The reverse, for at least 8 bytes and the trailer; `index_word`: the E bit and the index as they stand in the
 * packet. Returns 0 or BASE_ERR_AUTH. */
int sfu_srtp_open_rtcp(struct sfu_srtp_cipher *cipher, uint8_t *rtcp, size_t len, uint32_t index_word);
/** Where the index word of a protected RTCP packet stands: before the tag (CM-SHA1) or after it (GCM). */
size_t sfu_srtp_rtcp_index_offset(enum sfu_srtp_profile profile, size_t len);

#endif
