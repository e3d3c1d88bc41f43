/* SPDX-License-Identifier: Apache-2.0 */
/**
 * participant_internal.h - what a dialect does with its participant: say, remember who is there, offer what is
 * published, take what the server offers.
 *
 * The server is not trusted: what it must not say is counted (bench_participant_problem()) and otherwise ignored.
 */
#ifndef CONSILIUM_BENCH_CLIENT_PARTICIPANT_INTERNAL_H
#define CONSILIUM_BENCH_CLIENT_PARTICIPANT_INTERNAL_H

#include "bench/client/participant.h"

/** A text member; "" if it is none. */
const char *bench_text_of(const json_t *message, const char *key);
void bench_participant_problem(struct bench_participant *who, const char *what);
/** Sends; takes the reference. */
void bench_participant_say(struct bench_participant *who, json_t *message);

/* ---- who else is there ---- */

/** Adds somebody. NULL: no id, there already, oneself, or no memory (a problem, counted). */
struct bench_other *bench_participant_add_other(struct bench_participant *who, const char *id, const char *name);
struct bench_other *bench_participant_find_other(const struct bench_participant *who, const char *id);
void bench_participant_remove_other(struct bench_participant *who, struct bench_other *other);
void bench_participant_forget_others(struct bench_participant *who);
void bench_participant_add_track(struct bench_participant *who, struct bench_other *other, const char *id,
                                 enum bench_source source, bool muted);

/* ---- media ---- */

/** Makes the streams of a source, to be published. Returns 0 or BASE_ERR_NOMEM. */
int bench_participant_add_source(struct bench_participant *who, enum bench_source source, uint64_t now_us);
void bench_participant_end_sub(struct bench_participant *who, const struct bench_sub *sub);
/** Key of who->sub_by_edge. */
uint64_t bench_participant_edge(uint32_t number, enum bench_source source);

/* ---- descriptions ---- */

/** Our offer of what is published now, to be freed with free(); NULL: there is nothing to offer. The mid of a source is
 * its number as text; m-sections of sources no longer published stay, inactive (RFC 8829 section 5.2.2). */
char *bench_participant_offer(struct bench_participant *who);
/** The server's answer to it: checks it, connects. Returns 0, or BASE_ERR_MALFORMED (counted). */
int bench_participant_on_answer(struct bench_participant *who, const char *sdp);

/** One track that the server's offer brings. */
struct bench_offered_track {
    const char *mid, *participant, *track;
    uint32_t number; /**< of the publisher; 0: not known */
    enum bench_source source;
    bool maybe; /**< listed by the server though its m-section may be inactive: then it is left out */
};
/** The server's offer: `tracks` are all that it sends from now on. Adds and removes streams, connects. Returns our
 * answer, to be freed with free(), or NULL (counted). */
char *bench_participant_on_offer(struct bench_participant *who, const char *sdp,
                                 const struct bench_offered_track *tracks, size_t count);

#endif
