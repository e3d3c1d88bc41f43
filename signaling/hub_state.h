/* SPDX-License-Identifier: Apache-2.0 */
/**
 * hub_state.h - what hub, session and rooms share. Internal to signaling/: nothing else includes it.
 *
 * Ownership: the hub owns rooms, connections and participants. A participant and its connection point at each other
 * while the socket is up; a participant ends with the engine's LEFT or REFUSED, or when its room does.
 */
#ifndef CONSILIUM_SIGNALING_HUB_STATE_H
#define CONSILIUM_SIGNALING_HUB_STATE_H

#include <jansson.h>

#include "base/hash.h"
#include "base/heap.h"
#include "signaling/hub.h"
#include "signaling/subscription.h"

#define SIG_QUALITY_UNKNOWN 255
#define SIG_NO_ID           (-1)

enum sig_timer_kind { SIG_TIMER_CONNECTION, SIG_TIMER_PARTICIPANT, SIG_TIMER_ROOM };

/** A deadline of one of the objects below. */
struct sig_timer {
    struct base_heap_node node;
    enum sig_timer_kind kind;
};

/** A token bucket: what somebody may still send, in millionths of a message. */
struct sig_allowance {
    uint64_t left;
    uint64_t at_us;
};

enum sig_connection_state {
    SIG_CONNECTION_FIRST,
    SIG_CONNECTION_JOINING,
    SIG_CONNECTION_JOINED,
    SIG_CONNECTION_CLOSED
};

struct sig_connection {
    struct sig_timer timer;
    struct sig_hub *hub;
    void *socket;
    enum sig_connection_state state;
    struct sig_participant *participant; /**< NULL before a join, and after the participant ended */
    uint64_t opened_us;
    uint64_t heard_us;
    int64_t join_id; /**< `id` of the join, for its answer; SIG_NO_ID */
    struct sig_allowance allowance;
    unsigned errors;
    struct sig_connection *previous, *next;
};

enum sig_participant_state { SIG_PARTICIPANT_JOINING, SIG_PARTICIPANT_IN, SIG_PARTICIPANT_LEAVING };

struct sig_track {
    uint64_t id;
    enum sfu_source source;
    enum sfu_video_codec video_codec;
    bool muted;
};

struct sig_participant {
    struct sig_timer timer;
    struct sig_hub *hub;
    uint64_t id;
    struct sig_room *room;
    struct sig_connection *connection; /**< NULL: dropped */
    enum sig_participant_state state;
    enum sfu_reason leaving;  /**< reason of a LEAVE that the engine has not taken yet; SFU_REASON_NONE */
    uint64_t joined_us;       /**< when JOIN was posted */
    uint64_t detached_us;     /**< when the socket was dropped */
    uint64_t offered_us;      /**< when the outstanding `subscribe` was sent */
    uint64_t answer_retry_us; /**< when the answer that the engine had no place for is tried again */
    char name[SIG_NAME_MAX];
    uint32_t rights;
    struct sig_allowance chat;
    uint64_t resume_key; /**< hash of `resume` in the hub's table; valid if resume is not "" */
    char resume[33];
    size_t track_count;
    struct sig_track tracks[SFU_TRACKS_MAX];
    uint8_t quality; /**< 3..0, SIG_QUALITY_UNKNOWN */
    bool quality_changed;
    bool announced;         /**< the others know */
    const char *trouble[2]; /**< by enum sfu_peer_connection: "lost", "failed", NULL: none; static storage */
    struct sig_publication publication;
    struct sig_subscription subscription;
    struct sig_participant *previous, *next; /* in the room */
};

struct sig_room {
    struct sig_timer timer;
    struct sig_hub *hub;
    uint64_t id;
    char name[SIG_ROOM_NAME_MAX];
    char title[SIG_NAME_MAX];
    struct sfu_room_policy policy;
    bool closing; /**< no longer found by name */
    struct sig_participant *participants;
    size_t participant_count;
    uint64_t empty_since_us;
    uint64_t quality_sent_us;
    bool quality_pending;
    uint64_t speaker; /**< dominant speaker, 0: nobody yet */
    uint64_t recent[SFU_SPEAKERS_RECENT_MAX];
    size_t recent_count;
};

struct sig_hub {
    struct sig_hub_config config;
    struct base_heap timers;
    struct base_map rooms_by_id;
    struct base_map rooms_by_name; /* keyed hash of the name; names are compared */
    struct base_map participants;  /* by id */
    struct base_map resume;        /* keyed hash of the token */
    uint64_t key[2];
    uint64_t next_room_id, next_participant_id, next_track_id;
    struct sig_connection *connections;
    bool going_down;
    struct sig_hub_stats stats;
};

/* ---- hub.c ---------------------------------------------------------------------------------------------------- */

uint64_t sig_hub_hash(const struct sig_hub *hub, const char *text);
int sig_hub_post(struct sig_hub *hub, const struct sfu_command *command);
/** Sets the timer; without memory the object keeps its old deadline. */
void sig_hub_set_timer(struct sig_hub *hub, struct sig_timer *timer, uint64_t deadline_us);

/* ---- session.c ------------------------------------------------------------------------------------------------ */

/** Sends and frees `message` (NULL is allowed: nothing happens, no memory). */
void sig_session_send(struct sig_connection *connection, json_t *message);
/** ISO-8601 UTC of wall-clock microseconds, or null for 0 (no limit). */
json_t *sig_session_time_json(uint64_t wall_us);
/** An `error`; the 20th closes. `id`: of the request, or SIG_NO_ID. */
void sig_session_error(struct sig_connection *connection, uint64_t now_us, int64_t id, const char *code,
                       const char *text);
void sig_session_refuse(struct sig_connection *connection, uint64_t now_us, int64_t id, const char *code,
                        const struct sig_room *room);
/** `closing` and then the close; the participant, if any, is detached. */
void sig_session_closing(struct sig_connection *connection, uint64_t now_us, const char *reason, bool reconnect,
                         enum sig_close_code code);
/** Closes without a last message; the participant, if any, is detached and may resume. */
void sig_session_close(struct sig_connection *connection, uint64_t now_us, enum sig_close_code code);
/** The engine let the participant in, or it resumed: the whole state. */
void sig_session_welcome(struct sig_participant *participant, uint64_t now_us, int64_t id, bool resumed);
/** Sends the next `subscribe` if there is one to send. */
void sig_session_negotiate(struct sig_participant *participant, uint64_t now_us);
/** The same at the next sig_hub_poll(), so that all events of a batch go into one offer. */
void sig_session_negotiate_soon(struct sig_participant *participant, uint64_t now_us);
/** Hands the kept answer to the engine again; the timer does so until there is place or the 15 s are over. */
void sig_session_retry_answer(struct sig_participant *participant, uint64_t now_us);
void sig_session_on_timer(struct sig_connection *connection, uint64_t now_us);
void sig_allowance_fill(struct sig_allowance *allowance, uint64_t now_us, unsigned burst);
/** Takes `count` messages; false: so many are not left. `a_second` come back, up to `burst`. */
bool sig_allowance_take(struct sig_allowance *allowance, uint64_t now_us, unsigned a_second, unsigned burst,
                        size_t count);

/* ---- rooms.c -------------------------------------------------------------------------------------------------- */

/** The room of this grant, opened if need be. Returns 0 or what opening it returned (BASE_ERR_FULL, …). */
int sig_rooms_enter(struct sig_hub *hub, uint64_t now_us, const struct sig_grant *grant, struct sig_room **out);
/** Makes a participant of the room and asks the engine to let it in. Returns 0 or an error of the engine. */
int sig_rooms_join(struct sig_hub *hub, uint64_t now_us, struct sig_room *room, const struct sig_grant *grant,
                   struct sig_connection *connection);
/** Asks the engine to let go; until its LEFT the participant is LEAVING. */
void sig_participant_leave(struct sig_participant *participant, uint64_t now_us, enum sfu_reason reason);
/** The socket is gone: the participant waits for a resume. */
void sig_participant_detach(struct sig_participant *participant, uint64_t now_us);
void sig_participant_forget_resume(struct sig_participant *participant);
void sig_participant_update_timer(struct sig_participant *participant);
struct sig_track *sig_participant_track(struct sig_participant *participant, uint64_t track_id);
/** The participant as `welcome` and `participant_joined` show it. */
json_t *sig_participant_json(const struct sig_participant *participant);
void sig_participant_on_timer(struct sig_participant *participant, uint64_t now_us);
void sig_room_on_timer(struct sig_room *room, uint64_t now_us);
/** The `speaker` message of the present state, without those who left. Nobody speaks: NULL, or with `even_nobody` a
 * message that says so. */
json_t *sig_room_speaker(const struct sig_room *room, bool even_nobody);
/** A `quality` message: {"p9":3,…}: all that are known, or only those that changed; NULL if there are none. */
json_t *sig_room_quality(struct sig_room *room, bool only_changed);
/** To everybody whose socket is up and who is in, but for `except` (may be NULL). Frees the message. */
void sig_room_broadcast(struct sig_room *room, const struct sig_participant *except, json_t *message);
/** Forgets the participant, its connection stays. */
void sig_participant_free(struct sig_participant *participant, uint64_t now_us);
void sig_room_free(struct sig_room *room);
void sig_room_update_timer(struct sig_room *room);
void sig_rooms_free_all(struct sig_hub *hub);

/* ---- events.c ------------------------------------------------------------------------------------------------- */

void sig_events_handle(struct sig_hub *hub, uint64_t now_us, const struct sfu_event *event);

#endif
