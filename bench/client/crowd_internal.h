/* SPDX-License-Identifier: Apache-2.0 */
/**
 * crowd_internal.h - what crowd.c (the loop and media) and crowd_enter.c (coming and going) share.
 */
#ifndef CONSILIUM_BENCH_CLIENT_CROWD_INTERNAL_H
#define CONSILIUM_BENCH_CLIENT_CROWD_INTERNAL_H

#include "bench/client/crowd.h"

/* ---- crowd.c ---- */

/** Something happened to the participant: its state is looked at and its deadline set. */
void bench_person_touch(struct bench_person *who);
/** Returns 0 or an error of bench_participant_create(). */
int bench_person_make_participant(struct bench_person *who);
void bench_person_close_sockets(struct bench_person *who);

/* ---- crowd_enter.c ---- */

/** Entering begins (again). */
void bench_person_begin(struct bench_person *who, bool resume);
/** Takes note of what the participant has become. */
void bench_person_look(struct bench_person *who);
/** Does what is due of entering and leaving. */
void bench_person_poll_entering(struct bench_person *who, uint64_t now_us);
uint64_t bench_person_entering_deadline_us(const struct bench_person *who);
/** FAILED, unless it has failed already. */
void bench_person_fail(struct bench_person *who, const struct bench_trouble *trouble);
/** Socket and request, without a word. */
void bench_person_cut(struct bench_person *who);

#endif
