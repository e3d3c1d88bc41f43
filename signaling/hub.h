/* SPDX-License-Identifier: Apache-2.0 */
/**
 * hub.h - the visio protocol (PROTOCOL.md) as one state machine: all sockets, participants and rooms of a server.
 *
 * In: sockets that open, speak and drop; events of the media engine; time. Out: texts and closes through
 * `struct sig_hub_output`, commands through `struct sig_sfu_port`. So whole meetings run in a test without a socket or
 * an engine. Rosters follow the engine's events, never what a client claims.
 *
 * The state machine of one socket is session.h, of rooms and rosters rooms.h.
 *
 * Threads: one owner (the main loop). Units: _us microseconds of the caller's monotonic clock.
 */
#ifndef CONSILIUM_SIGNALING_HUB_H
#define CONSILIUM_SIGNALING_HUB_H

#include "signaling/sfu_port.h"
#include "signaling/tickets.h"

#define SIG_FIRST_MESSAGE_US   (10u * 1000000u) /**< join or resume must come within this */
#define SIG_SILENCE_US         (20u * 1000000u) /**< nothing heard: the socket is dropped */
#define SIG_RESUME_US          (30u * 1000000u) /**< a participant outlives its socket by this */
#define SIG_JOIN_US            (10u * 1000000u) /**< the engine must answer a join within this */
#define SIG_NEGOTIATION_US     (15u * 1000000u) /**< an answer to `subscribe` must come within this */
#define SIG_ROOM_EMPTY_US      (60u * 1000000u) /**< an empty room is closed after this */
#define SIG_QUALITY_US         (2u * 1000000u)  /**< `quality` at most this often */
#define SIG_RETRY_US           (200u * 1000u)   /**< a command that found a full ring is tried again after this */
#define SIG_MESSAGES_A_SECOND  50u
#define SIG_MESSAGES_BURST     100u
#define SIG_MESSAGE_UNIT_BYTES (16u * 1024u) /**< each full unit of a message counts as one message more */
#define SIG_CHATS_A_SECOND     5u            /**< of one person */
#define SIG_CHATS_BURST        10u
#define SIG_CHAT_MAX           2000u /**< characters of one `chat` */
#define SIG_ERRORS_MAX         20u   /**< this error closes the socket */
#define SIG_ROOMS_MAX          1000u
#define SIG_MESSAGE_MAX_BYTES  (64u * 1024u)  /**< every message but `subscribed` */
#define SIG_ANSWER_MAX_BYTES   (640u * 1024u) /**< `subscribed`: SIG_SDP_ANSWER_MAX_BYTES, escaped */

/* Close codes, PROTOCOL.md section 2. */
enum sig_close_code {
    SIG_CLOSE_GOING_DOWN = 1001,
    SIG_CLOSE_PROTOCOL_ERROR = 4000,
    SIG_CLOSE_ON_PURPOSE = 4001,
    SIG_CLOSE_REFUSED = 4003,
    SIG_CLOSE_TIMING = 4008,
};

/** What the hub does to sockets. Neither may call back into the hub. */
struct sig_hub_output {
    void *user;
    /** Queues a copy of text[0..len). */
    void (*send)(void *user, void *socket, const char *text, size_t len);
    /** Closes after what is queued; the owner still reports sig_hub_socket_dropped() once. */
    void (*close)(void *user, void *socket, enum sig_close_code code);
};

struct sig_hub_config {
    struct sig_sfu_port port;
    struct sig_hub_output output;
    struct sig_tickets *tickets; /**< outlive the hub */
    uint64_t (*wall_us)(void);   /**< microseconds since 1970 UTC, for what people read */
};

struct sig_hub;
struct sig_connection; /**< one socket */

/** Copies *config. Returns 0 or BASE_ERR_NOMEM; on error *out is NULL. */
int sig_hub_create(struct sig_hub **out, const struct sig_hub_config *config);
/** Forgets everything, silently; sockets must not be reported afterwards. NULL is allowed. */
void sig_hub_destroy(struct sig_hub *hub);

/** A socket opened. `socket` is the owner's name for it. Returns NULL without memory or while shutting down: close it.
 */
struct sig_connection *sig_hub_socket_opened(struct sig_hub *hub, uint64_t now_us, void *socket);
/** A complete text message arrived. */
void sig_hub_socket_text(struct sig_connection *connection, uint64_t now_us, const char *text, size_t len);
/** A message arrived that is no text or longer than sig_hub_socket_max_bytes(): answered and closed. */
void sig_hub_socket_unreadable(struct sig_connection *connection, uint64_t now_us);
/** How long the next message may be. */
size_t sig_hub_socket_max_bytes(const struct sig_connection *connection);
/** The socket is gone. Exactly once for each opened one; `connection` is invalid afterwards. */
void sig_hub_socket_dropped(struct sig_connection *connection, uint64_t now_us);

void sig_hub_on_sfu_event(struct sig_hub *hub, uint64_t now_us, const struct sfu_event *event);

/** When to call _poll; BASE_NEVER_US if nothing is planned. */
uint64_t sig_hub_deadline_us(const struct sig_hub *hub);
void sig_hub_poll(struct sig_hub *hub, uint64_t now_us);

/** Tells every client that the server goes down and closes its socket; opens no more. */
void sig_hub_shutdown(struct sig_hub *hub, uint64_t now_us);

/** Counters since the start; all but the gauges only grow. */
struct sig_hub_stats {
    uint64_t sockets, rooms, participants, detached; /* gauges */
    uint64_t sockets_opened, messages_in, messages_out, bytes_out, errors, refused, joins, resumes, resumes_unknown;
    uint64_t publishes, subscribe_offers, subscribe_answers, negotiations_failed, rate_limited, timeouts, chats;
};
void sig_hub_stats(const struct sig_hub *hub, struct sig_hub_stats *out);

#endif
