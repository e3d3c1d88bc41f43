/* SPDX-License-Identifier: Apache-2.0 */
/**
 * dialect.h - how one kind of server is spoken to. A participant (participant.h) has two peer connections, streams and
 * a state; a dialect moves the words: it joins, offers what the participant publishes, answers what the server offers,
 * and tells the participant who else is there. One constant table for each server; its functions are called by the
 * participant only. A new server is one more source file with one more table (and, if it is to be started, an entry in
 * bench/target).
 *
 * What a dialect uses of its participant is in participant_internal.h. It keeps what it must remember in who->words,
 * which _create makes and _destroy frees. Functions may be NULL where they say so: the server has no such thing.
 */
#ifndef CONSILIUM_BENCH_CLIENT_DIALECT_H
#define CONSILIUM_BENCH_CLIENT_DIALECT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct bench_participant;

struct bench_dialect {
    const char *name;    /**< "consilium", "janus" */
    const char *ws_path; /**< where its WebSocket is */
    const char *ws_protocol;
    const char *type_key; /**< member of a message that says what it is */
    bool tickets;         /**< joining needs one (crowd.h fetches it) */
    bool resumes;         /**< a dropped socket can be taken up again */
    bool chats;           /**< has room chat */
    uint32_t ping_us;     /**< between two signs of life while inside; 0: none needed */
    /** Makes who->words. Returns 0 or BASE_ERR_NOMEM. NULL: nothing to remember. */
    int (*create)(struct bench_participant *who);
    void (*destroy)(struct bench_participant *who);
    /** The socket is open: join, or resume if `ticket` is NULL and the server has tickets. */
    void (*on_open)(struct bench_participant *who, const char *ticket);
    /** One message, parsed, which is an object with a type. */
    void (*on_message)(struct bench_participant *who, const char *type, const json_t *message);
    void (*ping)(struct bench_participant *who);
    /** Offers the present sources (again); nothing if there never was one. */
    void (*publish)(struct bench_participant *who);
    /** Mutes or unmutes as a user's button does; returns the request's id, 0 if the server has no such thing. */
    uint64_t (*mute)(struct bench_participant *who, int source, bool muted);
    /** The id of the request that this message answers for good; 0: it is no answer. *refused: why it was not granted;
     * NULL if it was. */
    uint64_t (*answers)(const char *type, const json_t *message, const char **refused);
    /** Says `text` to the room; NULL if !chats. */
    uint64_t (*chat)(struct bench_participant *who, const char *text);
    /** NULL: the server has no such thing. */
    uint64_t (*moderate)(struct bench_participant *who, const char *action, const char *participant, const char *track);
    /** New ICE credentials for `pc`; who->local is drawn already. May be NULL. */
    uint64_t (*restart)(struct bench_participant *who, int pc);
    void (*leave)(struct bench_participant *who);
};

extern const struct bench_dialect bench_dialect_consilium;
extern const struct bench_dialect bench_dialect_janus;

#endif
