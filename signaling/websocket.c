/* SPDX-License-Identifier: Apache-2.0 */
#include "signaling/websocket.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"

enum { CLOSE_SECONDS = 5 };

struct sig_websocket_item {
    struct sig_websocket_item *next;
    size_t bytes;
    unsigned char data[]; /* LWS_PRE bytes for libwebsockets, then the text */
};

bool sig_origin_matches(const char *origin, const char *host)
{
    return strncasecmp(origin, "https://", 8) == 0 && host[0] && strcasecmp(origin + 8, host) == 0;
}

int sig_websocket_check_upgrade(struct lws *wsi)
{
    char text[256], host[256];
    if (lws_hdr_copy(wsi, text, sizeof text, WSI_TOKEN_GET_URI) <= 0 || strcmp(text, SIG_WEBSOCKET_PATH) != 0)
        return 404;
    if (lws_hdr_copy(wsi, text, sizeof text, WSI_TOKEN_PROTOCOL) <= 0 || strcmp(text, SIG_WEBSOCKET_PROTOCOL) != 0)
        return 400;
    if (lws_hdr_total_length(wsi, WSI_TOKEN_ORIGIN) == 0)
        return 0; /* not a browser: nobody's cookies or addresses can be misused */
    if (lws_hdr_copy(wsi, text, sizeof text, WSI_TOKEN_ORIGIN) <= 0 ||
        lws_hdr_copy(wsi, host, sizeof host, WSI_TOKEN_HOST) <= 0 || !sig_origin_matches(text, host))
        return 403;
    return 0;
}

static void clear_queue(struct sig_websocket *socket)
{
    while (socket->first) {
        struct sig_websocket_item *item = socket->first;
        socket->first = item->next;
        free(item);
    }
    socket->last = NULL;
    socket->queued_bytes = 0;
}

/* Not from inside its own callback: the hub is in the middle of something. */
static void break_off(struct sig_websocket *socket)
{
    socket->broken = true;
    clear_queue(socket);
    lws_set_timeout(socket->wsi, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_ASYNC);
}

static void output_send(void *user, void *opaque, const char *text, size_t len)
{
    struct sig_websocket *socket = opaque;
    (void)user;
    if (socket->broken)
        return;
    struct sig_websocket_item *item = NULL;
    if (len <= SIG_WEBSOCKET_QUEUE_MAX_BYTES - socket->queued_bytes)
        item = malloc(sizeof *item + LWS_PRE + len);
    if (!item) {
        base_log_warn("socket_too_slow", "queued=%zu", socket->queued_bytes);
        break_off(socket);
        return;
    }
    item->next = NULL;
    item->bytes = len;
    memcpy(item->data + LWS_PRE, text, len);
    if (socket->last)
        socket->last->next = item;
    else
        socket->first = item;
    socket->last = item;
    socket->queued_bytes += len;
    lws_callback_on_writable(socket->wsi);
}

static void output_close(void *user, void *opaque, enum sig_close_code code)
{
    struct sig_websocket *socket = opaque;
    (void)user;
    socket->close_code = code;
    if (socket->broken)
        return;
    lws_set_timeout(socket->wsi, PENDING_TIMEOUT_CLOSE_SEND, CLOSE_SECONDS);
    lws_callback_on_writable(socket->wsi);
}

struct sig_hub_output sig_websocket_output(void)
{
    return (struct sig_hub_output){NULL, output_send, output_close};
}

static int on_writable(struct lws *wsi, struct sig_websocket *socket)
{
    struct sig_websocket_item *item = socket->first;
    if (socket->broken)
        return -1;
    if (item) {
        int written = lws_write(wsi, item->data + LWS_PRE, item->bytes, LWS_WRITE_TEXT);
        socket->first = item->next;
        if (!socket->first)
            socket->last = NULL;
        socket->queued_bytes -= item->bytes;
        free(item);
        if (written < 0)
            return -1;
    }
    if (socket->first || (item && socket->close_code)) {
        lws_callback_on_writable(wsi); /* the close waits until the last message left libwebsockets' own buffer */
        return 0;
    }
    if (!socket->close_code)
        return 0;
    lws_close_reason(wsi, (enum lws_close_status)socket->close_code, NULL, 0);
    return -1;
}

/* Makes room for `more` bytes; false if that would exceed `max` or memory. */
static bool make_room(struct sig_websocket *socket, size_t more, size_t max)
{
    size_t need = socket->message_bytes + more;
    if (more > max || need > max)
        return false;
    if (need <= socket->message_capacity)
        return true;
    size_t capacity = socket->message_capacity ? socket->message_capacity * 2 : 4096;
    if (capacity < need)
        capacity = need;
    char *grown = realloc(socket->message, capacity);
    if (!grown)
        return false;
    socket->message = grown;
    socket->message_capacity = capacity;
    return true;
}

static int on_receive(uint64_t now_us, struct lws *wsi, struct sig_websocket *socket, const void *in, size_t len)
{
    if (!socket->connection || socket->close_code || socket->broken)
        return 0; /* closing: what still comes does not matter */
    if (lws_frame_is_binary(wsi) || !make_room(socket, len, sig_hub_socket_max_bytes(socket->connection))) {
        sig_hub_socket_unreadable(socket->connection, now_us);
        return 0;
    }
    if (len)
        memcpy(socket->message + socket->message_bytes, in, len);
    socket->message_bytes += len;
    if (lws_is_final_fragment(wsi) && lws_remaining_packet_payload(wsi) == 0) {
        size_t bytes = socket->message_bytes;
        socket->message_bytes = 0;
        sig_hub_socket_text(socket->connection, now_us, socket->message ? socket->message : "", bytes);
    }
    if (socket->message_bytes == 0 && socket->message_capacity > 65536) {
        free(socket->message); /* a large answer is rare: do not keep its memory */
        socket->message = NULL;
        socket->message_capacity = 0;
    }
    return 0;
}

int sig_websocket_callback(struct sig_hub *hub, uint64_t now_us, struct lws *wsi, enum lws_callback_reasons reason,
                           struct sig_websocket *socket, const void *in, size_t len)
{
    switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
        memset(socket, 0, sizeof *socket);
        socket->wsi = wsi;
        socket->connection = sig_hub_socket_opened(hub, now_us, socket);
        return socket->connection ? 0 : -1;
    case LWS_CALLBACK_RECEIVE:
        return on_receive(now_us, wsi, socket, in, len);
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return on_writable(wsi, socket);
    case LWS_CALLBACK_CLOSED:
        if (socket->connection)
            sig_hub_socket_dropped(socket->connection, now_us);
        socket->connection = NULL;
        clear_queue(socket);
        free(socket->message);
        socket->message = NULL;
        return 0;
    default:
        return 0;
    }
}
