/* SPDX-License-Identifier: Apache-2.0 */
/**
 * tickets.h - what opens a visio socket: 128 random bits, used once, good for 60 s (PROTOCOL.md section 1).
 *
 * A ticket carries everything that the room's owner decided: which room (and with which policy it is opened when it is
 * not yet), who, with which rights. Whoever owns a room issues tickets; the hub takes them.
 *
 * Bounded: a full table refuses (tickets that expired make room first), and one source gets a share of it only, so that
 * a stranger cannot keep everybody out. Tickets are looked up by a keyed hash, so the
 * time of a lookup says nothing about a guess. No clock: time is an argument. Threads: one owner.
 */
#ifndef CONSILIUM_SIGNALING_TICKETS_H
#define CONSILIUM_SIGNALING_TICKETS_H

#include <stddef.h>
#include <stdint.h>

#include "sfu/sfu.h"

#define SIG_TICKET_CHARS       32 /**< lower-case hex */
#define SIG_TICKET_LIFETIME_US (60u * 1000000u)
#define SIG_TICKETS_SHARE      4   /**< one source holds at most a quarter of the table */
#define SIG_ROOM_NAME_MAX      65  /**< with NUL */
#define SIG_NAME_MAX           321 /**< a display name: 80 characters of UTF-8 and NUL */

struct sig_grant {
    char room[SIG_ROOM_NAME_MAX];
    char title[SIG_NAME_MAX];
    char name[SIG_NAME_MAX]; /**< display name */
    uint64_t identity[2];    /**< who this is: a hash of the identity, not 0,0 */
    uint32_t rights;         /**< enum sfu_right */
    struct sfu_room_policy policy;
    uint64_t source; /**< who asked: a hash of the address; 0: the server itself, without a share */
};

struct sig_tickets;

/** At most `max` tickets at one time. Returns 0, BASE_ERR_INVALID (0) or BASE_ERR_NOMEM; on error *out is NULL. */
int sig_tickets_create(struct sig_tickets **out, size_t max);
void sig_tickets_destroy(struct sig_tickets *tickets);

/** Issues a ticket for a copy of *grant. Returns 0, BASE_ERR_FULL (the table, or the share of grant->source) or
 * BASE_ERR_NOMEM; on error ticket_out is "". */
int sig_tickets_issue(struct sig_tickets *tickets, uint64_t now_us, const struct sig_grant *grant,
                      char ticket_out[SIG_TICKET_CHARS + 1]);
/** Uses a ticket up. Returns 0 with *grant, or BASE_ERR_NOT_FOUND (unknown, used or expired). */
int sig_tickets_take(struct sig_tickets *tickets, uint64_t now_us, const char *ticket, struct sig_grant *grant);
/** Tickets issued and neither used nor swept away yet. */
size_t sig_tickets_count(const struct sig_tickets *tickets);

#endif
