/* SPDX-License-Identifier: Apache-2.0 */
/**
 * crowd.h - bench clients over real sockets: any number of persons in one loop on one thread, against one server.
 *
 * bench_crowd_run() moves everything until a condition holds or time is over: tests and the load tool wait for what
 * they expect, never for a time to pass. Nothing in it blocks: tickets, TCP, TLS and WebSockets of those who enter are
 * handled in small pieces between the media of those inside. The name of the server is looked up once, at creation.
 * Whether it keeps up is measured: `late`, bench_sockets_counters(), bench_crowd_cpu_us(). Threads: one owner.
 */
#ifndef CONSILIUM_BENCH_CLIENT_CROWD_H
#define CONSILIUM_BENCH_CLIENT_CROWD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/heap.h"
#include "bench/client/network_profile.h"
#include "bench/client/nice_path.h"
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
    BENCH_PERSON_FAILED,  /**< see `failure`, `why` */
    BENCH_PERSON_LEFT     /**< after bench_person_leave(): the server has closed the socket, or was given 2 s to */
};

/** From the start until inside with media connected (else FAILED), and for each wait for the server's word. */
#define BENCH_ENTER_LIMIT_US 15000000u

struct bench_person_config {
    const char *room;
    const char *identity; /**< 32 hex digits; NULL: drawn */
    uint32_t number;      /**< > 0; the display name is "bench <number>" */
    bool sources[BENCH_SOURCES];
    uint32_t video_bps, fps;
    enum bench_transport transport;
    const char *ticket; /**< NULL: asks the server for one, if it has tickets */
    /** The network to play (network_profile.h): all media of this person passes it, the WebSocket and libnice's STUN do
     * not; with UDP blocked, `transport` is TCP. Copied. NULL: the network as it is. */
    const struct bench_network_profile *profile;
    bool nice;     /**< libnice's NiceAgent does ICE (nice_path.h): UDP only; not where UDP is blocked */
    uint64_t seed; /**< of what this person draws, the network's losses included; 0: drawn */
    /** What to publish and how, instead of `sources`, `video_bps` and `fps`; its dialect, room, identity, number, seed,
     * clock offset and callbacks of transport (send_text, send_datagram, on_candidates, on_message, user) are the
     * crowd's. NULL: as above. Read while starting (again), so it must live as long as the person. */
    const struct bench_participant_config *participant;
};

struct bench_crowd;

struct bench_person {
    struct bench_crowd *crowd;
    struct bench_person_config config;
    char room[65], identity[33], ticket[BENCH_TICKET_MAX];
    struct bench_participant *participant;
    struct bench_ws *ws;
    enum bench_person_state state;
    enum bench_failure failure;
    int http_status;       /**< failure HTTP: the status; 0: there was none */
    char why[160];         /**< one line for people */
    uint64_t started_us;   /**< of the latest _start or _start_again */
    uint64_t inside_us;    /**< the server's welcome; 0: not yet */
    uint64_t connected_us; /**< inside, and every peer connection it needs is connected; 0: not yet */
    unsigned ticket_waits; /**< how often a ticket was refused with 429 or 503 and asked for again */
    unsigned close_code;   /**< of the socket: 0 while it is open */
    struct bench_socket *sockets[2][BENCH_PERSON_SOCKETS];
    struct bench_socket *retired[2][BENCH_PERSON_SOCKETS]; /* by a move; closed by the next one, or at the end */
    struct bench_nice *nice[2];                            /* instead of sockets */
    struct bench_network_line *line;                       /* NULL: none; for its counters */
    struct base_heap_node node;
    struct bench_person *next;
    char last_type[40];
    /** Called with each message of the server, if set. */
    void (*on_message)(struct bench_person *who, const char *type, const json_t *message);
    void *user;

    /* inside: of entering and leaving */
    struct bench_request *request;
    uint64_t retry_us, limit_us; /* 0: none */
    bool resuming, leaving, touched, udp_blocked;
    uint64_t seed;
    struct bench_person *next_touched;
};

struct bench_crowd {
    struct sfu_loop *loop;
    struct bench_sockets *sockets;
    struct sfu_dtls_identity *identity;
    struct bench_place *place;
    const struct bench_dialect *dialect;
    struct bench_nice_context *nice; /* NULL until the first one needs it */
    struct base_heap deadlines;
    struct bench_person *persons;
    uint64_t seed;
    /** How late each thing that was due was done, us: a loop that has too much to do shows here, and in
     * bench_sockets_counters()->wait. */
    struct bench_histogram late;
    struct bench_person *touched;
    uint64_t work_began_us; /* of connecting, in this turn of the loop; 0: none yet */
};

/** `endpoint` is copied. dialect NULL: Consilium's. Returns 0, or the error of *trouble (may be NULL): unreachable (no
 * such name), certificate (ca_file cannot be read), resources; *out is NULL then. Does not try to connect, unless the
 * name has several addresses. */
int bench_crowd_open(struct bench_crowd **out, const struct bench_endpoint *endpoint,
                     const struct bench_dialect *dialect, struct bench_trouble *trouble);
/** For tests: a Consilium at https://127.0.0.1:port, certificate not checked. Returns 0 or BASE_ERR_*. */
int bench_crowd_create(struct bench_crowd **out, uint16_t port);
/** Destroys all persons too. NULL is allowed. */
void bench_crowd_destroy(struct bench_crowd *crowd);

/** Somebody enters, without blocking: the ticket, the connection and the join go on in bench_crowd_run(); look at
 * state, failure and the times of `struct bench_person`. Returns 0 or BASE_ERR_NOMEM; *out is NULL then. A ticket
 * refused with 429 or 503 is asked for again after 200 to 500 ms. */
int bench_person_start(struct bench_person **out, struct bench_crowd *crowd, const struct bench_person_config *config);
/** A new socket without blocking: `resume` with the token, or afresh as somebody new with a new ticket (the counters of
 * its streams begin anew; also where the server cannot resume). Returns 0 or BASE_ERR_NOMEM (state FAILED then). */
int bench_person_start_again(struct bench_person *who, bool resume);
/** bench_person_start(), and bench_crowd_run() until `join` is said or that has failed. Returns 0 (also if the server
 * has refused the join already: see `state`), BASE_ERR_*, or the HTTP status of the refusal; *out is NULL then. */
int bench_person_enter(struct bench_person **out, struct bench_crowd *crowd, const struct bench_person_config *config);
/** The same with bench_person_start_again(); the person stays, whatever happens. */
int bench_person_reconnect(struct bench_person *who, bool resume);

/** The socket vanishes; media goes on. State DROPPED. */
void bench_person_drop_socket(struct bench_person *who);
/** Other local ports for one peer connection, as after a change of network: the old ones are silent from now on.
 * Returns 0, BASE_ERR_STATE (there is no path yet) or BASE_ERR_IO. */
int bench_person_move(struct bench_person *who, enum bench_pc pc);
/** Says goodbye: to the server, and by DTLS to its media. State LEFT follows; destroy it then, or earlier. */
void bench_person_leave(struct bench_person *who);
/** Vanishes without a word. */
void bench_person_destroy(struct bench_person *who);

/** Runs until `done` returns true (checked after each turn; NULL: never) or base_clock_us() reaches until_us. Returns
 * whether `done` did. */
bool bench_crowd_run(struct bench_crowd *crowd, uint64_t until_us, bool (*done)(void *user), void *user);
/** Packets of media that its network has lost so far, both ways (0 without a profile). */
uint64_t bench_person_network_lost(const struct bench_person *who);
/** CPU time of the calling thread (the one that runs the crowd), user and system. */
uint64_t bench_crowd_cpu_us(void);
/** How long the calling thread has had something to do but no core to do it on, since it began: other programs on this
 * machine took it. 0 if the kernel does not tell. Reads a file of /proc: once a second, not more. */
uint64_t bench_crowd_starved_us(void);

#endif
