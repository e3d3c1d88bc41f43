/* SPDX-License-Identifier: Apache-2.0 */
#include "signaling/open_rooms.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/random.h"
#include "signaling/message.h"
#include "signaling/router.h"

#define ALL_RIGHTS                                                                                                     \
    (SFU_RIGHT_PUBLISH_AUDIO | SFU_RIGHT_PUBLISH_VIDEO | SFU_RIGHT_PUBLISH_SCREEN | SFU_RIGHT_SUBSCRIBE |              \
     SFU_RIGHT_MODERATE)

void sig_open_rooms_init(struct sig_open_rooms *rooms, struct sig_tickets *tickets, uint32_t capacity)
{
    rooms->tickets = tickets;
    rooms->capacity = capacity;
    base_random_bytes(rooms->key, sizeof rooms->key);
}

bool sig_room_name_valid(const char *name)
{
    size_t len = strlen(name);
    return len >= 3 && len <= 64 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

bool sig_identity_valid(const char *identity)
{
    return strlen(identity) == 32 && strspn(identity, "0123456789abcdef") == 32;
}

static bool is_json(const char *content_type)
{
    size_t len = strcspn(content_type, "; \t");
    return len == 16 && strncasecmp(content_type, "application/json", 16) == 0;
}

/* The address that asks, as a hash; an IPv6 /64 is one neighbour. 0: not known. */
static uint64_t source_of(const struct sig_open_rooms *rooms, const char *peer)
{
    unsigned char address[sizeof(struct in6_addr)];
    if (strncasecmp(peer, "::ffff:", 7) == 0 && strchr(peer, '.'))
        peer += 7;
    if (inet_pton(AF_INET, peer, address) == 1)
        return base_siphash(address, 4, rooms->key[0]) | 1;
    return inet_pton(AF_INET6, peer, address) == 1 ? base_siphash(address, 8, rooms->key[0]) | 1 : 0;
}

static void issue(struct sig_open_rooms *rooms, const struct sig_http_request *request, const char *name,
                  const char *identity, struct sig_http_response *response)
{
    struct sig_grant grant = {.rights = ALL_RIGHTS, .policy = {.capacity = rooms->capacity}};
    char ticket[SIG_TICKET_CHARS + 1];
    snprintf(grant.room, sizeof grant.room, "%.64s", request->param);
    snprintf(grant.title, sizeof grant.title, "%.64s", request->param);
    snprintf(grant.name, sizeof grant.name, "%s", name);
    grant.identity[0] = base_siphash(identity, strlen(identity), rooms->key[0]);
    grant.identity[1] = base_siphash(identity, strlen(identity), rooms->key[1]) | 1; /* never 0,0 */
    grant.source = source_of(rooms, request->peer);
    if (sig_tickets_issue(rooms->tickets, request->now_us, &grant, ticket)) {
        sig_http_error(response, 429, "busy", "too many tickets are waiting to be used");
        return;
    }
    sig_http_json(response, 201,
                  json_pack("{s:s, s:i}", "ticket", ticket, "expires_in_s", (int)(SIG_TICKET_LIFETIME_US / 1000000u)));
}

void sig_open_rooms_ticket(struct sig_open_rooms *rooms, const struct sig_http_request *request,
                           struct sig_http_response *response)
{
    json_t *json = NULL;
    if (!sig_room_name_valid(request->param)) {
        sig_http_error(response, 400, "room_invalid", "a room is 3 to 64 of a-z, 0-9 and -");
        return;
    }
    if (!is_json(request->content_type) ||
        sig_message_parse(&json, request->body, request->body_bytes, SIG_HTTP_BODY_MAX_BYTES)) {
        sig_http_error(response, 400, "bad_json", "a JSON object with Content-Type: application/json is needed");
        return;
    }
    const char *name = sig_message_string(json, "name"), *identity = sig_message_string(json, "identity");
    if (!name || !sig_name_valid(name))
        sig_http_error(response, 400, "name_invalid", "a name has 1 to 80 characters and no control characters");
    else if (!identity || !sig_identity_valid(identity))
        sig_http_error(response, 400, "identity_invalid", "an identity has 32 lower-case hex digits");
    else
        issue(rooms, request, name, identity, response);
    json_decref(json);
}
