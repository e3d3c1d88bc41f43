/* SPDX-License-Identifier: Apache-2.0 */
/**
 * call.h - what the integration tests do again and again: a server, a crowd in a room, and waiting for what must come.
 */
#ifndef CONSILIUM_TESTS_INTEGRATION_CALL_H
#define CONSILIUM_TESTS_INTEGRATION_CALL_H

#include "bench/client/crowd.h"
#include "tests/integration/server.h"

#define CALL_MAX     8
#define CALL_WAIT_US (15u * 1000000u)

struct call {
    struct server server;
    struct bench_crowd *crowd;
    struct bench_person *people[CALL_MAX];
    unsigned count;
};

/** A server and `count` people in one room, person i by transports[i] (NULL: UDP), all publishing microphone and
 * camera. Returns whether they are inside. */
bool call_start(struct call *call, unsigned count, const enum bench_transport *transports);
/** Another person; NULL if refused. */
struct bench_person *call_join(struct call *call, enum bench_transport transport);
/** Ends everything. Returns the server's exit code. */
int call_end(struct call *call);

/** Waits until everybody has received `frames` new decoded frames and `audio` new packets of each other's camera and
 * microphone. */
bool call_media_flows(struct call *call, unsigned frames, unsigned audio);
/** Waits until *value is at least `target`. */
bool call_wait_count(struct call *call, const uint64_t *value, uint64_t target);
/** Waits until the person's socket has closed. */
bool call_wait_closed(struct call *call, struct bench_person *who);
/** Waits for a condition of the test's own. */
bool call_wait(struct call *call, bool (*done)(void *user), void *user);
/** Lets time pass while all goes on: for things that must NOT happen. */
void call_run_ms(struct call *call, unsigned ms);

/** a's view of b's stream; counters of nothing if it has none. */
const struct bench_receive_counters *call_received(const struct bench_person *a, const struct bench_person *b,
                                                   enum bench_source source);
/** What must never be, over all: damaged, misdirected or repeated packets, words of the server against PROTOCOL.md.
 * Printed. */
uint64_t call_errors(const struct call *call);

#endif
