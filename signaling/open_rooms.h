/* SPDX-License-Identifier: Apache-2.0 */
/**
 * open_rooms.h - rooms reachable by link and name, for demos and networks of trust (PROTOCOL.md section 1).
 *
 * Turns a request for a ticket into a grant: checks room, name and identity; everybody has all rights. The identity
 * that a browser keeps is a secret, so only a keyed hash of it goes on. Pure but for its random key. Threads: one
 * owner.
 */
#ifndef CONSILIUM_SIGNALING_OPEN_ROOMS_H
#define CONSILIUM_SIGNALING_OPEN_ROOMS_H

#include "signaling/http_message.h"
#include "signaling/tickets.h"

struct sig_open_rooms {
    struct sig_tickets *tickets;
    uint32_t capacity;
    uint64_t key[2][2];
};

/** `tickets` outlive it. */
void sig_open_rooms_init(struct sig_open_rooms *rooms, struct sig_tickets *tickets, uint32_t capacity);

/** [a-z0-9-]{3,64} */
bool sig_room_name_valid(const char *name);
/** 32 lower-case hex digits. */
bool sig_identity_valid(const char *identity);

/** Answers POST …/open-rooms/{room}/tickets; request->param is the room. */
void sig_open_rooms_ticket(struct sig_open_rooms *rooms, const struct sig_http_request *request,
                           struct sig_http_response *response);

#endif
