/* SPDX-License-Identifier: Apache-2.0 */
/**
 * srtp_session.h - SRTP and SRTCP of one direction of one transport (RFC 3711, RFC 7714), on OpenSSL's EVP.
 *
 * libsrtp2 is the reference: tests compare with it packet for packet. On this path libsrtp2 as Debian builds it takes
 * 0.73 us (GCM) and 3.5 us (CM-SHA1) for 1,100 bytes, EVP 0.34 and 0.80. Sans-IO; allocates in _create, and in
 * unprotect when a new SSRC appears (at most SFU_SRTP_SSRC_MAX). Threads: one owner.
 */
#ifndef CONSILIUM_SFU_TRANSPORT_SRTP_SESSION_H
#define CONSILIUM_SFU_TRANSPORT_SRTP_SESSION_H

#include <stddef.h>
#include <stdint.h>

#include "sfu/wire/rtp.h"

enum sfu_srtp_profile {
    SFU_SRTP_AES128_CM_SHA1_80 = 0x0001, /**< IANA "DTLS-SRTP protection profiles" */
    SFU_SRTP_AEAD_AES_128_GCM = 0x0007,
};

#define SFU_SRTP_KEY_BYTES      16
#define SFU_SRTP_SALT_MAX_BYTES 14 /**< 14 for CM, 12 for GCM */
#define SFU_SRTP_TAG_MAX_BYTES  16 /**< RTP: 10 (SHA1_80) or 16 (GCM); RTCP: the same plus 4 bytes index */
/** Inbound streams whose rollover counters are kept, of RTP and of RTCP each; beyond it packets are refused. None is
 * ever forgotten: its old packets would be taken for new ones. So it has room for a long meeting in which streams come
 * and go, and for Firefox, which reports under an SSRC of its own for each m-section that it receives. */
#define SFU_SRTP_SSRC_MAX 1024

struct sfu_srtp_session;

/** Salt length of a profile. */
size_t sfu_srtp_salt_bytes(enum sfu_srtp_profile profile);
/** Bytes that protect adds to an RTP packet. */
size_t sfu_srtp_tag_bytes(enum sfu_srtp_profile profile);

/** Derives the session keys from master key and salt (RFC 3711 section 4.3, key derivation rate 0) and forgets the
 * master. One session serves one direction. Returns 0, BASE_ERR_INVALID (profile), BASE_ERR_NOMEM or BASE_ERR_CRYPTO;
 * on error *out is NULL. */
int sfu_srtp_session_create(struct sfu_srtp_session **out, enum sfu_srtp_profile profile, const uint8_t *master_key,
                            const uint8_t *master_salt);
/** Wipes keys. NULL is allowed. */
void sfu_srtp_session_destroy(struct sfu_srtp_session *session);

/**
 * Sending side. out[0..header_bytes) already holds the RTP header as it shall go out; payload[0..payload_bytes) is
 * encrypted to out + header_bytes, the tag appended. `ext_seq`: extended sequence number whose low 16 bits are in the
 * header; its upper bits are the rollover counter (RFC 3711 section 3.3.1), so the caller's streams start below 65536
 * or at a counter the receiver can know. `pad_bytes` of RTP padding (the P bit is the caller's) are encrypted after the
 * payload: pad_bytes <= 255, the last one holds the count. The payload may lie in `out` already (payload == out +
 * header_bytes). Returns total bytes, or 0 on failure (BASE_ERR_CRYPTO is not told apart: drop the packet and count).
 */
size_t sfu_srtp_protect(struct sfu_srtp_session *session, uint8_t *out, size_t header_bytes, uint64_t ext_seq,
                        uint32_t ssrc, const uint8_t *payload, size_t payload_bytes, size_t pad_bytes);

/**
 * Receiving side. Checks, decrypts packet[0..len) (whose parsed header is given) to out (room for len; may be equal to
 * `packet`; the header is copied too), keeps rollover counter and replay window (128 packets) for each SSRC. *out_len:
 * bytes without the tag. Returns 0, BASE_ERR_AUTH, BASE_ERR_REPLAY, BASE_ERR_TRUNCATED, or BASE_ERR_FULL (too many
 * SSRCs, or no memory for one more). On error nothing changes in the session.
 */
int sfu_srtp_unprotect(struct sfu_srtp_session *session, const uint8_t *packet, size_t len,
                       const struct sfu_rtp_header *header, uint8_t *out, size_t *out_len);

/** Sending side: protects rtcp[0..len) in place, appending; buffer has len + SFU_SRTP_TAG_MAX_BYTES + 4. Keeps the
 * SRTCP index. Returns total bytes or 0. */
size_t sfu_srtcp_protect(struct sfu_srtp_session *session, uint8_t *rtcp, size_t len);
/** Receiving side: checks and decrypts in place. Returns as sfu_srtp_unprotect(). */
int sfu_srtcp_unprotect(struct sfu_srtp_session *session, uint8_t *rtcp, size_t len, size_t *out_len);

#endif
