/* SPDX-License-Identifier: Apache-2.0 */
/**
 * crowd_internal.h - what crowd.c (the loop), crowd_media.c (sockets and networks) and crowd_enter.c (coming and going)
 * share.
 */
#ifndef CONSILIUM_BENCH_CLIENT_CROWD_INTERNAL_H
#define CONSILIUM_BENCH_CLIENT_CROWD_INTERNAL_H

#include "bench/client/crowd.h"

/* ---- crowd.c ---- */

/** Something happened to the participant: its state is looked at and its deadline set. */
void bench_person_touch(struct bench_person *who);
/** The same, once in each turn of the loop however many datagrams there are. */
void bench_person_touch_later(struct bench_person *who);

/* ---- crowd_media.c ---- */

/** Callbacks of a participant (participant.h); user: the person. */
void bench_person_send_datagram(void *user, enum bench_pc pc, const struct sfu_path *path, const uint8_t *data,
                                size_t len);
void bench_person_on_candidates(void *user, enum bench_pc pc, const struct bench_sdp *sdp);
/** Moves what has arrived at the ends of its line. */
void bench_person_poll_line(struct bench_person *who, uint64_t now_us);
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
