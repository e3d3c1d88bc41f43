/* SPDX-License-Identifier: Apache-2.0 */
/**
 * http_message.h - an HTTP request and its response as the handlers see them: no socket, no library.
 */
#ifndef CONSILIUM_SIGNALING_HTTP_MESSAGE_H
#define CONSILIUM_SIGNALING_HTTP_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIG_HTTP_BODY_MAX_BYTES 4096u /**< of a request; no route wants more yet */
#define SIG_HTTP_PARAM_MAX      72

enum sig_http_method { SIG_HTTP_GET, SIG_HTTP_HEAD, SIG_HTTP_POST, SIG_HTTP_OTHER };

/** Strings are never NULL; a header that was not sent is "". */
struct sig_http_request {
    enum sig_http_method method;
    const char *path; /**< percent-decoded, without the query */
    const char *content_type;
    const char *accept_encoding;
    const char *if_none_match;
    const char *peer; /**< numeric address of the client */
    bool forwarded;   /**< a proxy says that it asks for somebody else: `peer` is the proxy */
    const char *body;
    size_t body_bytes;
    uint64_t now_us;
    char param[SIG_HTTP_PARAM_MAX]; /**< what the route's {…} matched, set by the router */
};

/** Prepared by the router; handlers fill it in. */
struct sig_http_response {
    int status;
    const char *content_type; /**< static storage; NULL: no body */
    const char *content_encoding;
    const char *cache_control;
    const char *policy; /**< Content-Security-Policy; NULL: nothing may be loaded */
    const char *etag;
    const char *allow; /**< for 405 */
    const char *body;  /**< lives until the server ends, unless it is `owned` */
    size_t body_bytes;
    char *owned; /**< freed with free() after sending; NULL: nothing */
};

#endif
