/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "signaling/message.h"
#include "signaling/session.h"

static void send_ok(const struct sig_request *request)
{
    json_t *message = json_pack("{s:s}", "type", "ok");
    if (request->id != SIG_NO_ID)
        json_object_set_new(message, "re", json_integer(request->id));
    sig_session_send(request->connection, message);
}

/* `ok`, or the error that a command came back with. */
static void send_posted(const struct sig_request *request, int err)
{
    if (!err)
        send_ok(request);
    else if (err == BASE_ERR_FULL)
        sig_session_fail(request, "busy", "try again");
    else
        sig_session_fail(request, "internal", base_err_name(err));
}

static void publish(const struct sig_request *request)
{
    struct sig_participant *participant = request->connection->participant;
    struct sig_hub *hub = participant->hub;
    struct sig_publisher publisher = {.port = &hub->config.port,
                                      .room_id = participant->room->id,
                                      .participant_id = participant->id,
                                      .rights = participant->rights,
                                      .next_track_id = &hub->next_track_id};
    struct sig_failure failure;
    json_t *answer;
    if (sig_publication_offer(&participant->publication, &publisher, sig_message_string(request->json, "sdp"),
                              json_object_get(request->json, "tracks"), &answer, &failure)) {
        sig_session_fail(request, failure.code, failure.message);
        return;
    }
    hub->stats.publishes++;
    json_object_set_new(answer, "type", json_string("published"));
    if (request->id != SIG_NO_ID)
        json_object_set_new(answer, "re", json_integer(request->id));
    sig_session_send(request->connection, answer);
}

/* What follows an answer. A client sends it once: if the engine has no place for it now, we try again. */
static void answered(struct sig_participant *participant, uint64_t now_us, int64_t id, int err,
                     const struct sig_failure *failure)
{
    if (err && err != BASE_ERR_FULL)
        sig_session_error(participant->connection, now_us, id, failure->code, failure->message);
    if (!err)
        participant->hub->stats.subscribe_answers++;
    participant->answer_retry_us = now_us + SIG_RETRY_US;
    sig_participant_update_timer(participant);
    if (!err)
        sig_session_negotiate(participant, now_us);
}

static void subscribed(const struct sig_request *request)
{
    struct sig_participant *participant = request->connection->participant;
    struct sig_hub *hub = participant->hub;
    const char *sdp = sig_message_string(request->json, "sdp");
    struct sig_failure failure;
    int64_t rev;
    if (!sdp || sig_message_number(request->json, "rev", &rev)) {
        sig_session_fail(request, "bad_request", "rev and sdp are needed");
        return;
    }
    int err = sig_subscription_answer(&participant->subscription, &hub->config.port, participant->room->id,
                                      participant->id, (uint64_t)rev, sdp, &failure);
    answered(participant, request->now_us, request->id, err, &failure);
}

void sig_session_retry_answer(struct sig_participant *participant, uint64_t now_us)
{
    struct sig_failure failure;
    int err = sig_subscription_retry(&participant->subscription, &participant->hub->config.port, participant->room->id,
                                     participant->id, &failure);
    answered(participant, now_us, SIG_NO_ID, err, &failure);
}

static void mute(const struct sig_request *request)
{
    struct sig_participant *participant = request->connection->participant;
    struct sfu_command command = {.kind = SFU_COMMAND_MUTE,
                                  .room_id = participant->room->id,
                                  .participant_id = participant->id,
                                  .track_id = sig_message_object_id(request->json, "track", 't'),
                                  .origin = SFU_MUTED_BY_SELF};
    if (!sig_message_string(request->json, "track") || sig_message_bool(request->json, "muted", &command.muted))
        sig_session_fail(request, "bad_request", "track and muted are needed");
    else if (!sig_publication_find(&participant->publication, command.track_id))
        sig_session_fail(request, "unknown_track", "no such track of yours");
    else
        send_posted(request, sig_hub_post(participant->hub, &command));
}

static void moderate(const struct sig_request *request)
{
    struct sig_participant *participant = request->connection->participant, *target;
    const char *action = sig_message_string(request->json, "action");
    bool mutes = action && strcmp(action, "mute") == 0;
    if (!action || (!mutes && strcmp(action, "remove") != 0) || !sig_message_string(request->json, "participant") ||
        (mutes && !sig_message_string(request->json, "track"))) {
        sig_session_fail(request, "bad_request", "action is mute (participant, track) or remove (participant)");
        return;
    }
    if (!(participant->rights & SFU_RIGHT_MODERATE)) {
        sig_session_fail(request, "not_allowed", "no right to moderate");
        return;
    }
    target = base_map_get(&participant->hub->participants, sig_message_object_id(request->json, "participant", 'p'));
    if (!target || target->room != participant->room || target->state != SIG_PARTICIPANT_IN) {
        sig_session_fail(request, "unknown_participant", "no such participant in this room");
        return;
    }
    struct sfu_command command = {.kind = mutes ? SFU_COMMAND_MUTE : SFU_COMMAND_REMOVE,
                                  .room_id = participant->room->id,
                                  .participant_id = target->id,
                                  .muted = true,
                                  .origin = SFU_MUTED_BY_MODERATOR};
    if (mutes) {
        command.track_id = sig_message_object_id(request->json, "track", 't');
        if (!sig_participant_track(target, command.track_id)) {
            sig_session_fail(request, "unknown_track", "no such track of that participant");
            return;
        }
    }
    send_posted(request, sig_hub_post(participant->hub, &command));
}

static void restart(const struct sig_request *request)
{
    struct sig_participant *participant = request->connection->participant;
    const char *pc = sig_message_string(request->json, "pc");
    if (!pc || strcmp(pc, "subscribe") != 0) {
        sig_session_fail(request, "bad_request", "pc: only subscribe; restart publish by publishing with a new ufrag");
        return;
    }
    sig_subscription_restart(&participant->subscription);
    send_ok(request);
    sig_session_negotiate(participant, request->now_us);
}

/* Each `view` says all: what it leaves out is as at the beginning. Before the track flows, SUBSCRIBE carries it. */
static void view(const struct sig_request *request)
{
    struct sig_participant *participant = request->connection->participant;
    struct sfu_command command = {.kind = SFU_COMMAND_VIEW,
                                  .room_id = participant->room->id,
                                  .participant_id = participant->id,
                                  .track_id = sig_message_object_id(request->json, "track", 't')};
    int64_t max_layer;
    int err = sig_message_number(request->json, "max_layer", &max_layer);
    bool bad =
        !sig_message_string(request->json, "track") || err == BASE_ERR_MALFORMED ||
        (!err && max_layer >= SFU_LAYERS_MAX) ||
        (json_object_get(request->json, "paused") && sig_message_bool(request->json, "paused", &command.view.paused));
    if (bad) {
        sig_session_fail(request, "bad_request", "track is needed; max_layer: 0 to 2; paused: a boolean");
        return;
    }
    command.view.layers_max = err ? 0 : (uint8_t)(max_layer + 1);
    err = sig_subscription_view(&participant->subscription, command.track_id, NULL);
    if (err) {
        sig_session_fail(request, err == BASE_ERR_NOT_ALLOWED ? "bad_request" : "unknown_track",
                         err == BASE_ERR_NOT_ALLOWED ? "audio is always sent" : "no such track that you receive");
        return;
    }
    err = sig_hub_post(participant->hub, &command);
    if (!err)
        (void)sig_subscription_view(&participant->subscription, command.track_id, &command.view);
    send_posted(request, err);
}

/* The text is for those in the room: it is neither kept nor logged. */
static void chat(const struct sig_request *request)
{
    struct sig_participant *participant = request->connection->participant;
    struct sig_hub *hub = participant->hub;
    const char *text = sig_message_string(request->json, "text");
    if (!text || !sig_chat_valid(text, SIG_CHAT_MAX)) {
        sig_session_fail(request, "bad_request", "text: 1 to 2000 characters, no control characters but newline");
        return;
    }
    if (!sig_allowance_take(&participant->chat, request->now_us, SIG_CHATS_A_SECOND, SIG_CHATS_BURST, 1)) {
        hub->stats.rate_limited++;
        sig_session_fail(request, "rate_limited", "too many chat messages");
        return;
    }
    hub->stats.chats++;
    send_ok(request);
    sig_room_broadcast(participant->room, NULL,
                       json_pack("{s:s, s:o, s:s, s:s, s:o}", "type", "chat", "participant",
                                 sig_id_json('p', participant->id), "name", participant->name, "text", text, "at",
                                 sig_session_time_json(hub->config.wall_us())));
}

static void leave(const struct sig_request *request)
{
    struct sig_participant *participant = request->connection->participant;
    sig_participant_leave(participant, request->now_us, SFU_REASON_LEFT);
    sig_session_closing(request->connection, request->now_us, "left", false, SIG_CLOSE_ON_PURPOSE);
}

bool sig_session_request(const struct sig_request *request, const char *type)
{
    static const struct {
        const char *type;
        void (*handle)(const struct sig_request *request);
    } handlers[] = {
        {"publish", publish},   {"subscribed", subscribed}, {"mute", mute},
        {"moderate", moderate}, {"restart", restart},       {"chat", chat},
        {"view", view},         {"leave", leave},
    };
    for (size_t i = 0; i < sizeof handlers / sizeof handlers[0]; i++) {
        if (strcmp(type, handlers[i].type) == 0) {
            handlers[i].handle(request);
            return true;
        }
    }
    return false;
}
