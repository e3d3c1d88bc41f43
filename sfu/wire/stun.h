/* SPDX-License-Identifier: Apache-2.0 */
/**
 * stun.h - the STUN messages of ICE connectivity checks (RFC 8489, RFC 8445 section 7), over libnice's STUN library.
 *
 * A stranger's datagram first goes through sfu_stun_peek(), which uses no cryptography: it tells whether this can be a
 * message for one of us, and for whom. Only then is the integrity checked.
 */
#ifndef CONSILIUM_SFU_WIRE_STUN_H
#define CONSILIUM_SFU_WIRE_STUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define SFU_STUN_MESSAGE_MAX_BYTES 548
#define SFU_STUN_USERNAME_MAX      516 /**< 2 x 256 + ':' and NUL, RFC 8839 section 5.4 */

enum sfu_stun_class { SFU_STUN_REQUEST, SFU_STUN_INDICATION, SFU_STUN_RESPONSE, SFU_STUN_ERROR };

struct sfu_stun_peek {
    enum sfu_stun_class message_class;
    uint16_t method; /**< 1 = Binding */
    uint8_t transaction_id[12];
    const char *local_ufrag; /**< USERNAME up to ':' ("" if absent); points into the datagram, not terminated */
    size_t local_ufrag_len;
    const char *remote_ufrag; /**< USERNAME after ':' */
    size_t remote_ufrag_len;
};

/** Checks framing (magic cookie, length, attribute bounds) only. Returns 0 or BASE_ERR_MALFORMED / BASE_ERR_TRUNCATED.
 */
int sfu_stun_peek(const uint8_t *datagram, size_t len, struct sfu_stun_peek *out);

struct sfu_stun_check {
    bool use_candidate;
    bool controlling; /**< ICE-CONTROLLING present (else ICE-CONTROLLED or neither) */
    uint32_t priority;
    uint64_t tie_breaker;
};

/** Validates a Binding request's FINGERPRINT and MESSAGE-INTEGRITY under `password` (our own, of the ufrag it names).
 *  Returns 0 with *out, BASE_ERR_AUTH, BASE_ERR_MALFORMED, or BASE_ERR_UNSUPPORTED (unknown comprehension-required
 *  attribute; answer 420). */
int sfu_stun_check_request(const uint8_t *datagram, size_t len, const char *password, struct sfu_stun_check *out);

/** Builds the success response to `request` with XOR-MAPPED-ADDRESS `mapped`, MESSAGE-INTEGRITY and FINGERPRINT.
 *  Returns bytes written, 0 on failure. out has SFU_STUN_MESSAGE_MAX_BYTES. */
size_t sfu_stun_write_response(uint8_t *out, const uint8_t *request, size_t request_len, const char *password,
                               const struct sockaddr *mapped);

/** Builds an error response (for example 400, 401, 420, 487). */
size_t sfu_stun_write_error(uint8_t *out, const uint8_t *request, size_t request_len, const char *password, int code);

/* ---- the controlling side (bench clients, tests) ---- */

struct sfu_stun_request {
    const char *username; /**< "remote_ufrag:local_ufrag" */
    const char *password; /**< the peer's */
    uint8_t transaction_id[12];
    uint32_t priority;
    uint64_t tie_breaker;
    bool controlling;
    bool use_candidate;
};
size_t sfu_stun_write_request(uint8_t *out, const struct sfu_stun_request *request);

/** Validates a response to one of our requests under the peer's password. Returns 0 (success response; *mapped filled),
 *  BASE_ERR_AUTH, BASE_ERR_MALFORMED, or BASE_ERR_NOT_ALLOWED (an error response; *error_code filled). */
int sfu_stun_check_response(const uint8_t *datagram, size_t len, const char *password, struct sockaddr_storage *mapped,
                            int *error_code);

#endif
