/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/wire/stun.h"

#include <netinet/in.h>
#include <string.h>

#include <stun/stunagent.h>
#include <stun/usages/ice.h>

#include "base/bytes.h"
#include "base/err.h"

#define HEADER_BYTES      20u
#define ATTRIBUTE_HEADER  4u
#define MAGIC_COOKIE      0x2112A442u
#define METHOD_BINDING    1u
#define INTEGRITY_BYTES   20u
#define FINGERPRINT_BYTES 4u

/* Comprehension-required attributes that a connectivity check may carry (RFC 8489 section 14, RFC 8445 section 7.1).
 * libnice wants it writable and ended by 0; it only reads it. Attributes from 0x8000 on are optional and not listed. */
static uint16_t known_attributes[] = {
    STUN_ATTRIBUTE_MAPPED_ADDRESS,
    STUN_ATTRIBUTE_USERNAME,
    STUN_ATTRIBUTE_MESSAGE_INTEGRITY,
    STUN_ATTRIBUTE_ERROR_CODE,
    STUN_ATTRIBUTE_REALM,
    STUN_ATTRIBUTE_NONCE,
    STUN_ATTRIBUTE_XOR_MAPPED_ADDRESS,
    STUN_ATTRIBUTE_PRIORITY,
    STUN_ATTRIBUTE_USE_CANDIDATE,
    STUN_ATTRIBUTE_UNKNOWN_ATTRIBUTES,
    0,
};

/* What the walk over the attributes found. */
struct outline {
    const uint8_t *username;
    size_t username_bytes;
    bool has_integrity;
    bool has_fingerprint;
    bool sizes_ok; /* MESSAGE-INTEGRITY and FINGERPRINT, if there, have the size that libnice takes for granted */
};

static int walk(const uint8_t *datagram, size_t len, struct outline *out)
{
    memset(out, 0, sizeof *out);
    out->sizes_ok = true;
    if (len < HEADER_BYTES)
        return BASE_ERR_TRUNCATED;
    /* Two zero bits, the cookie, a length in words (RFC 8489 section 5). */
    size_t body = base_get_be16(datagram + 2);
    if ((datagram[0] & 0xC0u) != 0 || base_get_be32(datagram + 4) != MAGIC_COOKIE || body % 4 != 0)
        return BASE_ERR_MALFORMED;
    if (HEADER_BYTES + body > len)
        return BASE_ERR_TRUNCATED;
    if (HEADER_BYTES + body < len)
        return BASE_ERR_MALFORMED;
    size_t at = HEADER_BYTES;
    while (at < len) {
        /* body and every padded attribute are multiples of 4: the 4 bytes of a header are there. */
        unsigned type = base_get_be16(datagram + at);
        size_t bytes = base_get_be16(datagram + at + 2);
        at += ATTRIBUTE_HEADER;
        if (((bytes + 3) & ~(size_t)3) > len - at)
            return BASE_ERR_MALFORMED;
        if (type == STUN_ATTRIBUTE_FINGERPRINT) {
            out->has_fingerprint = true;
            /* RFC 8489 section 14.7: it must be the last attribute. */
            out->sizes_ok = out->sizes_ok && bytes == FINGERPRINT_BYTES && at + bytes == len;
        } else if (type == STUN_ATTRIBUTE_MESSAGE_INTEGRITY && !out->has_integrity) {
            out->has_integrity = true;
            out->sizes_ok = out->sizes_ok && bytes == INTEGRITY_BYTES;
        } else if (type == STUN_ATTRIBUTE_USERNAME && out->username == NULL && !out->has_integrity) {
            /* Behind MESSAGE-INTEGRITY nothing but FINGERPRINT counts (section 14.5). */
            out->username = datagram + at;
            out->username_bytes = bytes;
        }
        at += (bytes + 3) & ~(size_t)3;
    }
    return 0;
}

static enum sfu_stun_class class_of(const uint8_t *datagram)
{
    unsigned type = base_get_be16(datagram);
    return (enum sfu_stun_class)((type >> 7 & 2u) | (type >> 4 & 1u));
}

static uint16_t method_of(const uint8_t *datagram)
{
    unsigned type = base_get_be16(datagram);
    return (uint16_t)((type & 0x000Fu) | (type >> 1 & 0x0070u) | (type >> 2 & 0x0F80u));
}

int sfu_stun_peek(const uint8_t *datagram, size_t len, struct sfu_stun_peek *out)
{
    struct outline outline;
    memset(out, 0, sizeof *out);
    out->local_ufrag = out->remote_ufrag = "";
    int err = walk(datagram, len, &outline);
    if (err != 0)
        return err;
    out->message_class = class_of(datagram);
    out->method = method_of(datagram);
    memcpy(out->transaction_id, datagram + 8, sizeof out->transaction_id);
    if (outline.username == NULL)
        return 0;
    out->local_ufrag = (const char *)outline.username;
    out->local_ufrag_len = outline.username_bytes;
    const uint8_t *colon = memchr(outline.username, ':', outline.username_bytes);
    if (colon != NULL) {
        out->local_ufrag_len = (size_t)(colon - outline.username);
        out->remote_ufrag = (const char *)colon + 1;
        out->remote_ufrag_len = outline.username_bytes - out->local_ufrag_len - 1;
    }
    return 0;
}

/* A fresh agent for every message: it remembers the ids of requests sent in a table of 200 and refuses the next one. */
static void agent_init(StunAgent *agent)
{
    stun_agent_init(agent, known_attributes, STUN_COMPATIBILITY_RFC5389,
                    STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS | STUN_AGENT_USAGE_USE_FINGERPRINT);
}

/* Hands our one password to libnice; which user it belongs to was settled by sfu_stun_peek(). */
static bool give_password(StunAgent *agent, StunMessage *message, uint8_t *username, uint16_t username_len,
                          uint8_t **password, size_t *password_len, void *user_data)
{
    (void)agent, (void)message, (void)username, (void)username_len;
    *password = user_data;
    *password_len = strlen(user_data);
    return true;
}

int sfu_stun_check_request(const uint8_t *datagram, size_t len, const char *password, struct sfu_stun_check *out)
{
    struct outline outline;
    memset(out, 0, sizeof *out);
    if (walk(datagram, len, &outline) != 0 || class_of(datagram) != SFU_STUN_REQUEST ||
        method_of(datagram) != METHOD_BINDING)
        return BASE_ERR_MALFORMED;
    if (!outline.sizes_ok || !outline.has_fingerprint || !outline.has_integrity || outline.username == NULL)
        return BASE_ERR_MALFORMED;

    StunAgent agent;
    StunMessage message;
    agent_init(&agent);
    switch (stun_agent_validate(&agent, &message, datagram, len, give_password, (void *)(uintptr_t)password)) {
    case STUN_VALIDATION_SUCCESS:
        break;
    case STUN_VALIDATION_UNAUTHORIZED:
        return BASE_ERR_AUTH;
    case STUN_VALIDATION_UNKNOWN_REQUEST_ATTRIBUTE:
        return BASE_ERR_UNSUPPORTED;
    default:
        return BASE_ERR_MALFORMED;
    }
    out->use_candidate = stun_usage_ice_conncheck_use_candidate(&message);
    out->priority = stun_usage_ice_conncheck_priority(&message);
    out->controlling =
        stun_message_find64(&message, STUN_ATTRIBUTE_ICE_CONTROLLING, &out->tie_breaker) == STUN_MESSAGE_RETURN_SUCCESS;
    if (!out->controlling)
        stun_message_find64(&message, STUN_ATTRIBUTE_ICE_CONTROLLED, &out->tie_breaker);
    return 0;
}

/* The request as libnice's answer functions want it. Answers are protected with `password`, if there is one. */
static bool request_view(StunMessage *view, StunAgent *agent, const uint8_t *request, size_t request_len,
                         const char *password)
{
    struct outline outline;
    if (walk(request, request_len, &outline) != 0 || class_of(request) != SFU_STUN_REQUEST)
        return false;
    memset(view, 0, sizeof *view);
    view->agent = agent;
    view->buffer = (uint8_t *)(uintptr_t)request;
    view->buffer_len = request_len;
    if (password != NULL) {
        view->key = (uint8_t *)(uintptr_t)password;
        view->key_len = strlen(password);
    }
    return true;
}

/* Copies `from`; an IPv4 address that a dual-stack socket shows as ::ffff:a.b.c.d becomes what the peer really has. */
static bool copy_address(struct sockaddr_storage *to, socklen_t *to_len, const struct sockaddr *from)
{
    memset(to, 0, sizeof *to);
    if (from->sa_family == AF_INET) {
        memcpy(to, from, sizeof(struct sockaddr_in));
        *to_len = sizeof(struct sockaddr_in);
        return true;
    }
    if (from->sa_family != AF_INET6)
        return false;
    struct sockaddr_in6 six;
    memcpy(&six, from, sizeof six);
    if (!IN6_IS_ADDR_V4MAPPED(&six.sin6_addr)) {
        memcpy(to, &six, sizeof six);
        *to_len = sizeof six;
        return true;
    }
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = six.sin6_port};
    memcpy(&four.sin_addr, six.sin6_addr.s6_addr + 12, 4);
    memcpy(to, &four, sizeof four);
    *to_len = sizeof four;
    return true;
}

size_t sfu_stun_write_response(uint8_t *out, const uint8_t *request, size_t request_len, const char *password,
                               const struct sockaddr *mapped)
{
    StunAgent agent;
    StunMessage view, response;
    struct sockaddr_storage address;
    socklen_t address_len;
    agent_init(&agent);
    if (!request_view(&view, &agent, request, request_len, password) || !copy_address(&address, &address_len, mapped) ||
        !stun_agent_init_response(&agent, &response, out, SFU_STUN_MESSAGE_MAX_BYTES, &view) ||
        stun_message_append_xor_addr(&response, STUN_ATTRIBUTE_XOR_MAPPED_ADDRESS, &address, address_len) !=
            STUN_MESSAGE_RETURN_SUCCESS)
        return 0;
    return stun_agent_finish_message(&agent, &response, NULL, 0);
}

size_t sfu_stun_write_error(uint8_t *out, const uint8_t *request, size_t request_len, const char *password, int code)
{
    StunAgent agent;
    StunMessage view, response;
    agent_init(&agent);
    if (code < 300 || code > 699 || !request_view(&view, &agent, request, request_len, password))
        return 0;
    if (code == STUN_ERROR_UNKNOWN_ATTRIBUTE) /* names the attributes, too */
        return stun_agent_build_unknown_attributes_error(&agent, &response, out, SFU_STUN_MESSAGE_MAX_BYTES, &view);
    if (!stun_agent_init_error(&agent, &response, out, SFU_STUN_MESSAGE_MAX_BYTES, &view, (StunError)code))
        return 0;
    return stun_agent_finish_message(&agent, &response, NULL, 0);
}

size_t sfu_stun_write_request(uint8_t *out, const struct sfu_stun_request *request)
{
    StunAgent agent;
    StunMessage message;
    agent_init(&agent);
    if (!stun_agent_init_request(&agent, &message, out, SFU_STUN_MESSAGE_MAX_BYTES, STUN_BINDING))
        return 0;
    /* libnice drew an id; the caller wants to recognise its own. */
    memcpy(out + 8, request->transaction_id, sizeof request->transaction_id);
    if (request->use_candidate &&
        stun_message_append_flag(&message, STUN_ATTRIBUTE_USE_CANDIDATE) != STUN_MESSAGE_RETURN_SUCCESS)
        return 0;
    if (stun_message_append32(&message, STUN_ATTRIBUTE_PRIORITY, request->priority) != STUN_MESSAGE_RETURN_SUCCESS ||
        stun_message_append64(&message,
                              request->controlling ? STUN_ATTRIBUTE_ICE_CONTROLLING : STUN_ATTRIBUTE_ICE_CONTROLLED,
                              request->tie_breaker) != STUN_MESSAGE_RETURN_SUCCESS ||
        stun_message_append_bytes(&message, STUN_ATTRIBUTE_USERNAME, request->username, strlen(request->username)) !=
            STUN_MESSAGE_RETURN_SUCCESS)
        return 0;
    return stun_agent_finish_message(&agent, &message, (const uint8_t *)request->password, strlen(request->password));
}

/* Tells a fresh agent that the request behind this response was ours: who sent what is the caller's to know (it
 * compares transaction ids with sfu_stun_peek()); libnice would refuse the response as unmatched. */
static void expect_response(StunAgent *agent, const uint8_t *datagram, const char *password)
{
    StunAgentSavedIds *sent = &agent->sent_ids[0];
    memcpy(sent->id, datagram + 4, sizeof sent->id);
    sent->method = STUN_BINDING;
    sent->key = (uint8_t *)(uintptr_t)password;
    sent->key_len = strlen(password);
    sent->long_term_valid = false;
    sent->valid = true;
}

int sfu_stun_check_response(const uint8_t *datagram, size_t len, const char *password, struct sockaddr_storage *mapped,
                            int *error_code)
{
    struct outline outline;
    memset(mapped, 0, sizeof *mapped);
    *error_code = 0;
    if (walk(datagram, len, &outline) != 0 || class_of(datagram) < SFU_STUN_RESPONSE ||
        method_of(datagram) != METHOD_BINDING || !outline.sizes_ok || !outline.has_fingerprint)
        return BASE_ERR_MALFORMED;

    StunAgent agent;
    StunMessage message;
    agent_init(&agent);
    expect_response(&agent, datagram, password);
    switch (stun_agent_validate(&agent, &message, datagram, len, NULL, NULL)) {
    case STUN_VALIDATION_SUCCESS:
        break;
    case STUN_VALIDATION_UNAUTHORIZED:
    case STUN_VALIDATION_UNAUTHORIZED_BAD_REQUEST:
        return BASE_ERR_AUTH;
    default:
        return BASE_ERR_MALFORMED;
    }
    if (class_of(datagram) == SFU_STUN_ERROR)
        return stun_message_find_error(&message, error_code) == STUN_MESSAGE_RETURN_SUCCESS ? BASE_ERR_NOT_ALLOWED
                                                                                            : BASE_ERR_MALFORMED;
    socklen_t mapped_len = sizeof *mapped;
    if (stun_message_find_xor_addr(&message, STUN_ATTRIBUTE_XOR_MAPPED_ADDRESS, mapped, &mapped_len) !=
        STUN_MESSAGE_RETURN_SUCCESS)
        return BASE_ERR_MALFORMED;
    return 0;
}
