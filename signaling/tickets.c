/* SPDX-License-Identifier: Apache-2.0 */
#include "signaling/tickets.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/random.h"

struct ticket {
    char text[SIG_TICKET_CHARS + 1];
    uint64_t expires_us;
    struct ticket *next; /* in order of issue, which is the order of expiry */
    struct ticket *previous;
    struct sig_grant grant;
};

struct sig_tickets {
    struct base_map by_hash;
    uint64_t key[2];
    size_t max;
    struct ticket *oldest, *newest;
};

int sig_tickets_create(struct sig_tickets **out, size_t max)
{
    *out = NULL;
    if (max == 0)
        return BASE_ERR_INVALID;
    struct sig_tickets *tickets = calloc(1, sizeof *tickets);
    if (!tickets)
        return BASE_ERR_NOMEM;
    base_random_bytes(tickets->key, sizeof tickets->key);
    if (base_map_init(&tickets->by_hash, 64, tickets->key[0]) != BASE_OK) {
        free(tickets);
        return BASE_ERR_NOMEM;
    }
    tickets->max = max;
    *out = tickets;
    return BASE_OK;
}

static uint64_t hash_of(const struct sig_tickets *tickets, const char *text)
{
    return base_siphash(text, strlen(text), tickets->key);
}

static void discard(struct sig_tickets *tickets, struct ticket *ticket)
{
    base_map_remove(&tickets->by_hash, hash_of(tickets, ticket->text));
    if (ticket->previous)
        ticket->previous->next = ticket->next;
    else
        tickets->oldest = ticket->next;
    if (ticket->next)
        ticket->next->previous = ticket->previous;
    else
        tickets->newest = ticket->previous;
    free(ticket);
}

void sig_tickets_destroy(struct sig_tickets *tickets)
{
    if (!tickets)
        return;
    while (tickets->oldest)
        discard(tickets, tickets->oldest);
    base_map_clear(&tickets->by_hash);
    free(tickets);
}

static void sweep(struct sig_tickets *tickets, uint64_t now_us)
{
    while (tickets->oldest && tickets->oldest->expires_us <= now_us)
        discard(tickets, tickets->oldest);
}

/* Only looked at for a table that is so full that somebody's share may be used up. */
static bool share_used(const struct sig_tickets *tickets, uint64_t source)
{
    size_t share = tickets->max / SIG_TICKETS_SHARE, held = 0;
    if (source == 0 || share == 0 || tickets->by_hash.count < share)
        return false;
    for (const struct ticket *ticket = tickets->oldest; ticket; ticket = ticket->next)
        held += ticket->grant.source == source;
    return held >= share;
}

int sig_tickets_issue(struct sig_tickets *tickets, uint64_t now_us, const struct sig_grant *grant,
                      char ticket_out[SIG_TICKET_CHARS + 1])
{
    ticket_out[0] = '\0';
    sweep(tickets, now_us);
    if (tickets->by_hash.count >= tickets->max || share_used(tickets, grant->source))
        return BASE_ERR_FULL;
    struct ticket *ticket = calloc(1, sizeof *ticket);
    if (!ticket)
        return BASE_ERR_NOMEM;
    base_random_hex(ticket->text, SIG_TICKET_CHARS / 2);
    ticket->expires_us = now_us + SIG_TICKET_LIFETIME_US;
    ticket->grant = *grant;
    uint64_t hash = hash_of(tickets, ticket->text);
    if (base_map_get(&tickets->by_hash, hash) || base_map_put(&tickets->by_hash, hash, ticket) != BASE_OK) {
        free(ticket);
        return BASE_ERR_NOMEM;
    }
    ticket->previous = tickets->newest;
    if (tickets->newest)
        tickets->newest->next = ticket;
    else
        tickets->oldest = ticket;
    tickets->newest = ticket;
    memcpy(ticket_out, ticket->text, sizeof ticket->text);
    return BASE_OK;
}

int sig_tickets_take(struct sig_tickets *tickets, uint64_t now_us, const char *ticket_text, struct sig_grant *grant)
{
    if (strlen(ticket_text) != SIG_TICKET_CHARS)
        return BASE_ERR_NOT_FOUND;
    sweep(tickets, now_us);
    struct ticket *ticket = base_map_get(&tickets->by_hash, hash_of(tickets, ticket_text));
    if (!ticket || strcmp(ticket->text, ticket_text) != 0)
        return BASE_ERR_NOT_FOUND;
    *grant = ticket->grant;
    discard(tickets, ticket);
    return BASE_OK;
}

size_t sig_tickets_count(const struct sig_tickets *tickets)
{
    return tickets->by_hash.count;
}
