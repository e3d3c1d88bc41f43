/* SPDX-License-Identifier: Apache-2.0 */
/**
 * websocket.h - the visio sockets between libwebsockets and the hub: whole messages in, a bounded queue out.
 *
 * A client that does not take what is sent (SIG_WEBSOCKET_QUEUE_MAX_BYTES waiting) is dropped: it may resume. Threads:
 * the main loop only.
 */
#ifndef CONSILIUM_SIGNALING_WEBSOCKET_H
#define CONSILIUM_SIGNALING_WEBSOCKET_H

#include <libwebsockets.h>

#include "signaling/hub.h"

#define SIG_WEBSOCKET_PROTOCOL        "consilium-visio-1"
#define SIG_WEBSOCKET_PATH            "/visio/ws"
#define SIG_WEBSOCKET_QUEUE_MAX_BYTES (1024u * 1024u)

/** libwebsockets' data of one socket. */
struct sig_websocket {
    struct lws *wsi;
    struct sig_connection *connection; /**< NULL: none */
    char *message;                     /**< being received */
    size_t message_bytes, message_capacity;
    struct sig_websocket_item *first, *last; /**< to be sent */
    size_t queued_bytes;
    unsigned close_code; /**< not 0: close when the queue is empty */
    bool broken;         /**< being dropped: send nothing more */
};

/** What the hub sends through; its sockets are struct sig_websocket. */
struct sig_hub_output sig_websocket_output(void);

/** May this upgrade proceed? Returns 0, or the HTTP status to refuse it with: 404 (path), 400 (subprotocol), 403
 * (a page of another origin). */
int sig_websocket_check_upgrade(struct lws *wsi);

/** The callback of the subprotocol; `now_us` is the loop's. Returns what libwebsockets expects. */
int sig_websocket_callback(struct sig_hub *hub, uint64_t now_us, struct lws *wsi, enum lws_callback_reasons reason,
                           struct sig_websocket *socket, const void *in, size_t len);

/** Is `origin` ("https://host:port") the origin of a page of the host in the Host header? */
bool sig_origin_matches(const char *origin, const char *host);

#endif
