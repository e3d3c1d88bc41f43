/* SPDX-License-Identifier: Apache-2.0 */
#include "signaling/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/random.h"
#include "signaling/message.h"

/* ---- out ------------------------------------------------------------------------------------------------------ */

void sig_session_send(struct sig_connection *connection, json_t *message)
{
    struct sig_hub *hub = connection->hub;
    char *text = message && connection->state != SIG_CONNECTION_CLOSED ? json_dumps(message, JSON_COMPACT) : NULL;
    json_decref(message);
    if (!text)
        return;
    size_t len = strlen(text);
    hub->stats.messages_out++;
    hub->stats.bytes_out += len;
    hub->config.output.send(hub->config.output.user, connection->socket, text, len);
    free(text);
}

static json_t *with_id(json_t *message, const char *key, int64_t id)
{
    if (message && id != SIG_NO_ID)
        json_object_set_new(message, key, json_integer(id));
    return message;
}

void sig_session_close(struct sig_connection *connection, uint64_t now_us, enum sig_close_code code)
{
    struct sig_hub *hub = connection->hub;
    if (connection->state == SIG_CONNECTION_CLOSED)
        return;
    connection->state = SIG_CONNECTION_CLOSED;
    sig_hub_set_timer(hub, &connection->timer, BASE_NEVER_US);
    if (connection->participant)
        sig_participant_detach(connection->participant, now_us);
    hub->config.output.close(hub->config.output.user, connection->socket, code);
}

void sig_session_error(struct sig_connection *connection, uint64_t now_us, int64_t id, const char *code,
                       const char *text)
{
    if (connection->state == SIG_CONNECTION_CLOSED)
        return;
    connection->hub->stats.errors++;
    sig_session_send(connection,
                     with_id(json_pack("{s:s, s:s, s:s}", "type", "error", "code", code, "message", text), "re", id));
    if (++connection->errors >= SIG_ERRORS_MAX)
        sig_session_close(connection, now_us,
                          strcmp(code, "rate_limited") == 0 ? SIG_CLOSE_TIMING : SIG_CLOSE_PROTOCOL_ERROR);
}

void sig_session_fail(const struct sig_request *request, const char *code, const char *text)
{
    sig_session_error(request->connection, request->now_us, request->id, code, text);
}

json_t *sig_session_time_json(uint64_t wall_us)
{
    char text[32];
    struct tm tm;
    time_t seconds = (time_t)(wall_us / 1000000u);
    if (!wall_us || !gmtime_r(&seconds, &tm) || !strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm))
        return json_null();
    return json_string(text);
}

void sig_session_refuse(struct sig_connection *connection, uint64_t now_us, int64_t id, const char *code,
                        const struct sig_room *room)
{
    bool retry = strcmp(code, "busy") == 0 || strcmp(code, "room_full") == 0 || strcmp(code, "room_not_open") == 0;
    json_t *message =
        json_pack("{s:s, s:s, s:s, s:b}", "type", "refused", "code", code, "message", code, "retry", (int)retry);
    if (room && strcmp(code, "room_not_open") == 0)
        json_object_set_new(message, "opens_at", sig_session_time_json(room->policy.opens_wall_us));
    connection->hub->stats.refused++;
    base_log_info("join_refused", "code=%s", code);
    sig_session_send(connection, with_id(message, "re", id));
    sig_session_close(connection, now_us, SIG_CLOSE_REFUSED);
}

void sig_session_closing(struct sig_connection *connection, uint64_t now_us, const char *reason, bool reconnect,
                         enum sig_close_code code)
{
    json_t *message = json_pack("{s:s, s:s, s:b}", "type", "closing", "reason", reason, "reconnect", (int)reconnect);
    if (reconnect)
        json_object_set_new(message, "after_ms", json_integer(1000));
    sig_session_send(connection, message);
    sig_session_close(connection, now_us, code);
}

/* ---- entering ------------------------------------------------------------------------------------------------- */

static json_t *rights_json(uint32_t rights)
{
    static const struct {
        uint32_t right;
        const char *name;
    } names[] = {{SFU_RIGHT_PUBLISH_AUDIO, "publish_audio"},
                 {SFU_RIGHT_PUBLISH_VIDEO, "publish_video"},
                 {SFU_RIGHT_PUBLISH_SCREEN, "publish_screen"},
                 {SFU_RIGHT_SUBSCRIBE, "subscribe"},
                 {SFU_RIGHT_MODERATE, "moderate"}};
    json_t *array = json_array();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (rights & names[i].right)
            json_array_append_new(array, json_string(names[i].name));
    }
    return array;
}

static json_t *room_json(const struct sig_room *room)
{
    return json_pack("{s:s, s:s, s:I, s:o, s:o}", "name", room->name, "title", room->title, "capacity",
                     (json_int_t)room->policy.capacity, "opens_at", sig_session_time_json(room->policy.opens_wall_us),
                     "closes_at", sig_session_time_json(room->policy.closes_wall_us));
}

/* A fresh token; the old one is worth nothing from now on. */
static int renew_resume(struct sig_participant *participant)
{
    struct sig_hub *hub = participant->hub;
    sig_participant_forget_resume(participant);
    base_random_hex(participant->resume, 16);
    participant->resume_key = sig_hub_hash(hub, participant->resume);
    int err = base_map_put(&hub->resume, participant->resume_key, participant);
    if (err)
        participant->resume[0] = '\0'; /* goes on without: a dropped socket will have to join afresh */
    return err;
}

void sig_session_welcome(struct sig_participant *participant, uint64_t now_us, int64_t id, bool resumed)
{
    struct sig_connection *connection = participant->connection;
    json_t *others = json_array();
    connection->state = SIG_CONNECTION_JOINED;
    sig_hub_set_timer(connection->hub, &connection->timer, connection->heard_us + SIG_SILENCE_US);
    (void)renew_resume(participant);
    for (struct sig_participant *p = participant->room->participants; p; p = p->next) {
        if (p != participant && p->state == SIG_PARTICIPANT_IN)
            json_array_append_new(others, sig_participant_json(p));
    }
    json_t *message = json_pack("{s:s, s:i, s:b, s:o, s:s, s:o, s:o, s:[], s:o}", "type", "welcome", "version", 1,
                                "resumed", (int)resumed, "participant", sig_id_json('p', participant->id), "resume",
                                participant->resume, "room", room_json(participant->room), "rights",
                                rights_json(participant->rights), "ice_servers", "participants", others);
    sig_session_send(connection, with_id(message, "re", id));
    sig_session_send(connection, sig_room_quality(participant->room, false));
    sig_session_send(connection, sig_room_speaker(participant->room, resumed));
    for (int pc = SFU_PUBLISH; resumed && pc <= SFU_SUBSCRIBE; pc++) {
        if (participant->trouble[pc])
            sig_session_send(connection,
                             json_pack("{s:s, s:s, s:s}", "type", "connection", "pc",
                                       pc == SFU_PUBLISH ? "publish" : "subscribe", "state", participant->trouble[pc]));
    }
    if (resumed && participant->subscription.outstanding) {
        participant->offered_us = now_us;
        sig_session_send(connection, sig_subscription_repeat(&participant->subscription));
    }
    sig_participant_update_timer(participant);
    sig_session_negotiate(participant, now_us);
}

static bool can_negotiate(const struct sig_participant *participant)
{
    const struct sig_connection *connection = participant->connection;
    return connection && connection->state == SIG_CONNECTION_JOINED && participant->state == SIG_PARTICIPANT_IN &&
           (participant->rights & SFU_RIGHT_SUBSCRIBE) && sig_subscription_due(&participant->subscription);
}

void sig_session_negotiate_soon(struct sig_participant *participant, uint64_t now_us)
{
    if (can_negotiate(participant))
        sig_hub_set_timer(participant->hub, &participant->timer, now_us);
}

void sig_session_negotiate(struct sig_participant *participant, uint64_t now_us)
{
    struct sig_hub *hub = participant->hub;
    json_t *message;
    if (!can_negotiate(participant))
        return;
    int err = sig_subscription_offer(&participant->subscription, &hub->config.port, participant->room->id, &message);
    if (err) {
        base_log_warn("subscribe_offer_failed", "participant=p%llu error=%s", (unsigned long long)participant->id,
                      base_err_name(err));
        sig_hub_set_timer(hub, &participant->timer, now_us + SIG_RETRY_US);
        return;
    }
    hub->stats.subscribe_offers++;
    participant->offered_us = now_us;
    sig_session_send(participant->connection, message);
    sig_participant_update_timer(participant);
}

static void join(const struct sig_request *request)
{
    struct sig_connection *connection = request->connection;
    struct sig_hub *hub = connection->hub;
    const char *ticket = sig_message_string(request->json, "ticket");
    struct sig_grant grant;
    struct sig_room *room;
    if (!ticket) {
        sig_session_fail(request, "bad_request", "ticket: a string is needed");
        return;
    }
    if (sig_tickets_take(hub->config.tickets, request->now_us, ticket, &grant)) {
        sig_session_refuse(connection, request->now_us, request->id, "ticket_invalid", NULL);
        return;
    }
    int err = sig_rooms_enter(hub, request->now_us, &grant, &room);
    if (!err) {
        connection->join_id = request->id;
        connection->state = SIG_CONNECTION_JOINING;
        err = sig_rooms_join(hub, request->now_us, room, &grant, connection);
    }
    if (err) {
        base_log_warn("join_failed", "room=\"%s\" error=%s", grant.room, base_err_name(err));
        sig_session_refuse(connection, request->now_us, request->id, "busy", NULL);
        return;
    }
    sig_hub_set_timer(hub, &connection->timer, BASE_NEVER_US); /* the participant's timer watches the join */
}

static void resume(const struct sig_request *request)
{
    struct sig_connection *connection = request->connection;
    struct sig_hub *hub = connection->hub;
    const char *token = sig_message_string(request->json, "token");
    if (!token) {
        sig_session_fail(request, "bad_request", "token: a string is needed");
        return;
    }
    struct sig_participant *participant = base_map_get(&hub->resume, sig_hub_hash(hub, token));
    if (!participant || participant->state != SIG_PARTICIPANT_IN || strcmp(participant->resume, token) != 0) {
        hub->stats.resumes_unknown++;
        sig_session_refuse(connection, request->now_us, request->id, "resume_unknown", NULL);
        return;
    }
    struct sig_connection *older = participant->connection;
    if (older) /* dead, and nobody has noticed yet */
        sig_session_closing(older, request->now_us, "replaced", false, SIG_CLOSE_ON_PURPOSE);
    participant->connection = connection;
    connection->participant = participant;
    hub->stats.resumes++;
    base_log_info("participant_resumed", "room=\"%s\" participant=p%llu", participant->room->name,
                  (unsigned long long)participant->id);
    sig_session_welcome(participant, request->now_us, request->id, true);
}

/* ---- in ------------------------------------------------------------------------------------------------------- */

#define ONE_MESSAGE UINT64_C(1000000)

void sig_allowance_fill(struct sig_allowance *allowance, uint64_t now_us, unsigned burst)
{
    *allowance = (struct sig_allowance){.left = burst * ONE_MESSAGE, .at_us = now_us};
}

bool sig_allowance_take(struct sig_allowance *allowance, uint64_t now_us, unsigned a_second, unsigned burst,
                        size_t count)
{
    uint64_t full = burst * ONE_MESSAGE, elapsed_us = now_us - allowance->at_us;
    allowance->at_us = now_us;
    allowance->left += (elapsed_us < full / a_second ? elapsed_us : full / a_second) * a_second;
    if (allowance->left > full)
        allowance->left = full;
    if (allowance->left < count * ONE_MESSAGE)
        return false;
    allowance->left -= count * ONE_MESSAGE;
    return true;
}

/* Large ones cost more: parsing takes time by the byte. */
static bool allowed(struct sig_connection *connection, uint64_t now_us, size_t len)
{
    return sig_allowance_take(&connection->allowance, now_us, SIG_MESSAGES_A_SECOND, SIG_MESSAGES_BURST,
                              1 + len / SIG_MESSAGE_UNIT_BYTES);
}

static void first_message(const struct sig_request *request, const char *type)
{
    int64_t version;
    bool joins = strcmp(type, "join") == 0;
    if (!joins && strcmp(type, "resume") != 0) {
        sig_session_fail(request, "not_joined", "the first message is join or resume");
        return;
    }
    if (sig_message_number(request->json, "version", &version)) {
        sig_session_fail(request, "bad_request", "version: a number is needed");
        return;
    }
    if (version != 1)
        sig_session_refuse(request->connection, request->now_us, request->id, "version_unsupported", NULL);
    else if (joins)
        join(request);
    else
        resume(request);
}

static void dispatch(struct sig_request *request)
{
    struct sig_connection *connection = request->connection;
    const char *type = sig_message_string(request->json, "type");
    int err = sig_message_number(request->json, "id", &request->id);
    if (err == BASE_ERR_NOT_FOUND)
        request->id = SIG_NO_ID;
    if (err == BASE_ERR_MALFORMED) {
        request->id = SIG_NO_ID;
        sig_session_fail(request, "bad_request", "id: not an integer of 0..2^53-1");
        return;
    }
    if (!type) {
        sig_session_fail(request, "bad_request", "type: a string is needed");
        return;
    }
    if (connection->state == SIG_CONNECTION_FIRST) {
        first_message(request, type);
        return;
    }
    if (strcmp(type, "join") == 0 || strcmp(type, "resume") == 0)
        sig_session_fail(request, "already_joined", "this socket has joined");
    else if (strcmp(type, "ping") == 0)
        sig_session_send(connection, with_id(json_pack("{s:s}", "type", "pong"), "re", request->id));
    else if (connection->state == SIG_CONNECTION_JOINING || !connection->participant)
        sig_session_fail(request, "not_joined", "wait for welcome");
    else if (!sig_session_request(request, type))
        sig_session_fail(request, "unknown_type", "unknown type");
}

void sig_hub_socket_text(struct sig_connection *connection, uint64_t now_us, const char *text, size_t len)
{
    struct sig_hub *hub = connection->hub;
    json_t *json;
    if (connection->state == SIG_CONNECTION_CLOSED)
        return;
    hub->stats.messages_in++;
    connection->heard_us = now_us;
    if (!allowed(connection, now_us, len)) {
        hub->stats.rate_limited++;
        sig_session_error(connection, now_us, SIG_NO_ID, "rate_limited", "too many messages");
        return;
    }
    if (sig_message_parse(&json, text, len, sig_hub_socket_max_bytes(connection))) {
        sig_session_error(connection, now_us, SIG_NO_ID, "bad_json", "not a JSON object, or too large or deep");
        return;
    }
    const char *type = sig_message_string(json, "type");
    struct sig_request request = {.connection = connection, .now_us = now_us, .id = SIG_NO_ID, .json = json};
    if (len > SIG_MESSAGE_MAX_BYTES && (!type || strcmp(type, "subscribed") != 0))
        sig_session_fail(&request, "bad_request", "message too large");
    else
        dispatch(&request);
    json_decref(json);
}

void sig_session_on_timer(struct sig_connection *connection, uint64_t now_us)
{
    uint64_t deadline = connection->state == SIG_CONNECTION_FIRST ? connection->opened_us + SIG_FIRST_MESSAGE_US
                                                                  : connection->heard_us + SIG_SILENCE_US;
    if (connection->state == SIG_CONNECTION_CLOSED || connection->state == SIG_CONNECTION_JOINING)
        return;
    if (deadline > now_us) {
        sig_hub_set_timer(connection->hub, &connection->timer, deadline);
        return;
    }
    sig_session_close(connection, now_us, SIG_CLOSE_TIMING);
}
