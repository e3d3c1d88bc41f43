/* SPDX-License-Identifier: Apache-2.0 */
/**
 * crowd.h - bench clients over real sockets: any number of persons in one loop on one thread, against a server on this
 * machine.
 *
 * bench_crowd_run() moves everything until a condition holds or time is over: tests and the load tool wait for what
 * they expect, never for a time to pass. Threads: one owner.
 */
#ifndef CONSILIUM_BENCH_CLIENT_CROWD_H
#define CONSILIUM_BENCH_CLIENT_CROWD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/heap.h"
#include "bench/client/participant.h"
#include "bench/client/sockets.h"
#include "bench/client/ws.h"

#define BENCH_PERSON_SOCKETS 4

enum bench_transport { BENCH_UDP, BENCH_TCP, BENCH_UDP_OR_TCP };

/** How far somebody who was started (bench_person_start) has come. */
enum bench_person_state {
    BENCH_PERSON_CONNECTING, /**< ticket, TCP, TLS, WebSocket */
    BENCH_PERSON_JOINING,    /**< has said join, or resume */
    BENCH_PERSON_INSIDE,
    BENCH_PERSON_DROPPED, /**< the socket is gone, though nobody wanted that; media may go on */
    BENCH_PERSON_FAILED   /**< see `failure`, `why` */
};

/** Why somebody could not enter, or had to go. */
enum bench_failure {
    BENCH_FAILURE_NONE,
    BENCH_FAILURE_UNREACHABLE, /**< no TCP connection, or it broke */
    BENCH_FAILURE_CERTIFICATE, /**< TLS: the certificate is not trusted */
    BENCH_FAILURE_HTTP,        /**< the ticket or the WebSocket was refused: status in `why` */
    BENCH_FAILURE_REFUSED,     /**< the server said refused or closing: its code in `why` */
    BENCH_FAILURE_MEDIA,       /**< ICE or DTLS failed */
    BENCH_FAILURE_TIMEOUT,     /**< nothing for BENCH_ENTER_LIMIT_US */
    BENCH_FAILURE_RESOURCES    /**< this machine: descriptors, memory */
};

#define BENCH_ENTER_LIMIT_US 15000000u

struct bench_person_config {
    const char *room;
    const char *identity; /**< 32 hex digits; NULL: drawn */
    uint32_t number;      /**< > 0; the display name is "bench <number>" */
    bool sources[BENCH_SOURCES];
    uint32_t video_bps, fps;
    enum bench_transport transport;
    const char *ticket; /**< NULL: asks the server for one */
};

struct bench_crowd;

/** The account of streams that have ended, and of all of a person's: see bench_crowd_totals(). */
struct bench_person {
    struct bench_crowd *crowd;
    struct bench_person_config config;
    char room[65], identity[33], ticket[128];
    struct bench_participant *participant;
    struct bench_ws *ws;
    enum bench_person_state state;
    enum bench_failure failure;
    char why[160];         /**< one line for people */
    uint64_t started_us;   /**< of the latest _start or _start_again */
    uint64_t inside_us;    /**< the server's welcome; 0: not yet */
    uint64_t connected_us; /**< inside, and every peer connection it needs is connected; 0: not yet */
    unsigned close_code;   /**< of the socket: 0 while it is open */
    struct bench_socket *sockets[2][BENCH_PERSON_SOCKETS];
    struct bench_socket *retired[2]; /* replaced by a move; closed at the end */
    struct base_heap_node node;
    struct bench_person *next;
    char last_type[40];
    /** Called with each message of the server, if set. */
    void (*on_message)(struct bench_person *who, const char *type, const json_t *message);
    void *user;
};

struct bench_crowd {
    struct sfu_loop *loop;
    struct bench_sockets *sockets;
    struct sfu_dtls_identity *identity;
    struct base_heap deadlines;
    struct bench_person *persons;
    uint16_t port; /**< of HTTPS */
    uint64_t seed;
};

int bench_crowd_create(struct bench_crowd **out, uint16_t port);
/** Destroys all persons too. NULL is allowed. */
void bench_crowd_destroy(struct bench_crowd *crowd);

/** Gets a ticket, opens the socket and says `join`; the rest happens in _run. Returns 0, BASE_ERR_*, or the HTTP status
 * of the refusal; *out is NULL then. */
int bench_person_enter(struct bench_person **out, struct bench_crowd *crowd, const struct bench_person_config *config);
/** The same without blocking: the ticket, the connection and the join go on in bench_crowd_run(); look at state,
 * failure and the times of `struct bench_person`. Returns 0 or BASE_ERR_NOMEM; *out is NULL then. A ticket refused with
 * 429 is asked for again. */
int bench_person_start(struct bench_person **out, struct bench_crowd *crowd, const struct bench_person_config *config);
/** The same without blocking as _reconnect. */
int bench_person_start_again(struct bench_person *who, bool resume);
/** The socket vanishes; media goes on. */
void bench_person_drop_socket(struct bench_person *who);
/** A new socket: `resume` with the token, or afresh with a new ticket. Returns as _enter. */
int bench_person_reconnect(struct bench_person *who, bool resume);
/** Another local UDP port for one peer connection. */
int bench_person_move(struct bench_person *who, enum bench_pc pc);
/** Vanishes without a word. */
void bench_person_destroy(struct bench_person *who);

/** Runs until `done` returns true (checked after each turn; NULL: never) or base_clock_us() reaches until_us. Returns
 * whether `done` did. */
bool bench_crowd_run(struct bench_crowd *crowd, uint64_t until_us, bool (*done)(void *user), void *user);

#endif
