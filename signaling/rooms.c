/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "signaling/hub_state.h"
#include "signaling/message.h"

/* ---- rooms ---------------------------------------------------------------------------------------------------- */

static void unlink_name(struct sig_hub *hub, struct sig_room *room)
{
    if (!room->closing)
        base_map_remove(&hub->rooms_by_name, sig_hub_hash(hub, room->name));
    room->closing = true;
}

void sig_room_free(struct sig_room *room)
{
    struct sig_hub *hub = room->hub;
    unlink_name(hub, room);
    sig_hub_set_timer(hub, &room->timer, BASE_NEVER_US);
    base_map_remove(&hub->rooms_by_id, room->id);
    free(room);
}

void sig_room_update_timer(struct sig_room *room)
{
    uint64_t deadline = BASE_NEVER_US;
    if (room->participant_count == 0 && !room->closing)
        deadline = room->empty_since_us + SIG_ROOM_EMPTY_US;
    else if (room->quality_pending)
        deadline = room->quality_sent_us + SIG_QUALITY_US;
    sig_hub_set_timer(room->hub, &room->timer, deadline);
}

/* Asks the engine to close an empty room. Returns 0 (no longer found by name, or gone at once), or BASE_ERR_FULL. */
static int close_room(struct sig_room *room)
{
    struct sfu_command command = {
        .kind = SFU_COMMAND_ROOM_CLOSE, .room_id = room->id, .reason = SFU_REASON_ROOM_CLOSED};
    int err = sig_hub_post(room->hub, &command);
    if (err == BASE_ERR_FULL)
        return err;
    if (err) {
        sig_room_free(room); /* the engine does not know it */
        return BASE_OK;
    }
    unlink_name(room->hub, room); /* the next one of this name is another room; ROOM_CLOSED frees this one */
    sig_room_update_timer(room);
    return BASE_OK;
}

/* A place in the table: empty rooms wait there only for those who come back, and must not keep others out. */
static int make_place(struct sig_hub *hub)
{
    struct sig_room *room, *longest = NULL;
    size_t cursor = 0;
    if (hub->rooms_by_name.count < SIG_ROOMS_MAX)
        return hub->rooms_by_id.count < 2 * SIG_ROOMS_MAX ? BASE_OK : BASE_ERR_FULL; /* the others are closing */
    while ((room = base_map_next(&hub->rooms_by_name, &cursor, NULL)) != NULL) {
        if (room->participant_count == 0 && (!longest || room->empty_since_us < longest->empty_since_us))
            longest = room;
    }
    return longest && hub->rooms_by_id.count < 2 * SIG_ROOMS_MAX ? close_room(longest) : BASE_ERR_FULL;
}

static int open_room(struct sig_hub *hub, uint64_t now_us, const struct sig_grant *grant, struct sig_room **out)
{
    if (make_place(hub))
        return BASE_ERR_FULL;
    struct sig_room *room = calloc(1, sizeof *room);
    if (!room)
        return BASE_ERR_NOMEM;
    room->timer.kind = SIG_TIMER_ROOM;
    room->hub = hub;
    room->id = hub->next_room_id;
    memcpy(room->name, grant->room, sizeof room->name);
    memcpy(room->title, grant->title, sizeof room->title);
    room->policy = grant->policy;
    room->empty_since_us = now_us;
    uint64_t name_hash = sig_hub_hash(hub, room->name);
    int err = base_map_put(&hub->rooms_by_id, room->id, room);
    if (!err)
        err = base_map_put(&hub->rooms_by_name, name_hash, room);
    struct sfu_command command = {.kind = SFU_COMMAND_ROOM_OPEN, .room_id = room->id, .policy = room->policy};
    if (!err)
        err = sig_hub_post(hub, &command);
    if (err) {
        sig_room_free(room);
        return err;
    }
    hub->next_room_id++;
    sig_room_update_timer(room);
    *out = room;
    return BASE_OK;
}

int sig_rooms_enter(struct sig_hub *hub, uint64_t now_us, const struct sig_grant *grant, struct sig_room **out)
{
    *out = base_map_get(&hub->rooms_by_name, sig_hub_hash(hub, grant->room));
    if (!*out)
        return open_room(hub, now_us, grant, out);
    return strcmp((*out)->name, grant->room) == 0 ? BASE_OK : BASE_ERR_FULL; /* two names, one hash: 2^-64 */
}

void sig_room_broadcast(struct sig_room *room, const struct sig_participant *except, json_t *message)
{
    char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
    size_t len = text ? strlen(text) : 0;
    json_decref(message);
    for (struct sig_participant *p = room->participants; text && p; p = p->next) {
        /* cppcheck-suppress nullPointerRedundantCheck ; `except` may be NULL, p is not */
        struct sig_connection *c = p->connection;
        if (p == except || p->state != SIG_PARTICIPANT_IN || !c || c->state != SIG_CONNECTION_JOINED)
            continue;
        struct sig_hub *hub = c->hub;
        hub->stats.messages_out++;
        hub->stats.bytes_out += len;
        hub->config.output.send(hub->config.output.user, c->socket, text, len);
    }
    free(text);
}

/* ---- participants --------------------------------------------------------------------------------------------- */

void sig_participant_free(struct sig_participant *participant, uint64_t now_us)
{
    struct sig_hub *hub = participant->hub;
    struct sig_room *room = participant->room;
    if (participant->connection)
        participant->connection->participant = NULL;
    sig_participant_forget_resume(participant);
    sig_hub_set_timer(hub, &participant->timer, BASE_NEVER_US);
    base_map_remove(&hub->participants, participant->id);
    if (participant->previous)
        participant->previous->next = participant->next;
    else
        room->participants = participant->next;
    if (participant->next)
        participant->next->previous = participant->previous;
    if (--room->participant_count == 0) {
        room->empty_since_us = now_us;
        sig_room_update_timer(room);
    }
    sig_subscription_clear(&participant->subscription);
    free(participant);
}

static struct sig_participant *new_participant(struct sig_hub *hub, uint64_t now_us, struct sig_room *room,
                                               const struct sig_grant *grant)
{
    struct sig_participant *participant = calloc(1, sizeof *participant);
    if (!participant)
        return NULL;
    participant->timer.kind = SIG_TIMER_PARTICIPANT;
    participant->hub = hub;
    participant->id = hub->next_participant_id;
    participant->room = room;
    participant->joined_us = now_us;
    memcpy(participant->name, grant->name, sizeof participant->name);
    participant->rights = grant->rights;
    participant->quality = SIG_QUALITY_UNKNOWN;
    sig_allowance_fill(&participant->chat, now_us, SIG_CHATS_BURST);
    if (base_map_put(&hub->participants, participant->id, participant)) {
        free(participant);
        return NULL;
    }
    sig_subscription_init(&participant->subscription);
    hub->next_participant_id++;
    participant->next = room->participants;
    if (room->participants)
        room->participants->previous = participant;
    room->participants = participant;
    room->participant_count++;
    sig_room_update_timer(room);
    return participant;
}

int sig_rooms_join(struct sig_hub *hub, uint64_t now_us, struct sig_room *room, const struct sig_grant *grant,
                   struct sig_connection *connection)
{
    struct sig_participant *participant = new_participant(hub, now_us, room, grant);
    if (!participant)
        return BASE_ERR_NOMEM;
    struct sfu_command command = {.kind = SFU_COMMAND_JOIN,
                                  .room_id = room->id,
                                  .participant_id = participant->id,
                                  .identity = {grant->identity[0], grant->identity[1]},
                                  .rights = grant->rights};
    participant->connection = connection;
    connection->participant = participant;
    int err = sig_hub_post(hub, &command);
    if (err)
        sig_participant_free(participant, now_us);
    else
        sig_participant_update_timer(participant);
    return err;
}

void sig_participant_forget_resume(struct sig_participant *participant)
{
    if (participant->resume[0])
        base_map_remove(&participant->hub->resume, participant->resume_key);
    participant->resume[0] = '\0';
}

static bool post_leave(struct sig_participant *participant)
{
    struct sfu_command command = {.kind = SFU_COMMAND_LEAVE,
                                  .room_id = participant->room->id,
                                  .participant_id = participant->id,
                                  .reason = participant->leaving};
    /* Anything but a full ring means that the engine does not know the room any more: its ROOM_CLOSED is on the way. */
    return sig_hub_post(participant->hub, &command) != BASE_ERR_FULL;
}

void sig_participant_leave(struct sig_participant *participant, uint64_t now_us, enum sfu_reason reason)
{
    if (participant->state == SIG_PARTICIPANT_LEAVING)
        return;
    participant->state = SIG_PARTICIPANT_LEAVING;
    participant->leaving = reason;
    sig_participant_forget_resume(participant);
    bool taken = post_leave(participant);
    sig_hub_set_timer(participant->hub, &participant->timer, taken ? BASE_NEVER_US : now_us + SIG_RETRY_US);
}

void sig_participant_detach(struct sig_participant *participant, uint64_t now_us)
{
    if (participant->connection)
        participant->connection->participant = NULL;
    participant->connection = NULL;
    participant->detached_us = now_us;
    sig_participant_update_timer(participant);
}

/* The next of: the join was not answered, the answer to an offer is late, nobody came to resume. */
void sig_participant_update_timer(struct sig_participant *participant)
{
    uint64_t deadline = BASE_NEVER_US;
    if (participant->state == SIG_PARTICIPANT_JOINING)
        deadline = participant->joined_us + SIG_JOIN_US;
    else if (participant->state == SIG_PARTICIPANT_LEAVING)
        return;
    else if (!participant->connection)
        deadline = participant->detached_us + SIG_RESUME_US;
    else if (participant->subscription.outstanding) {
        deadline = participant->offered_us + SIG_NEGOTIATION_US;
        if (participant->subscription.kept_answer && participant->answer_retry_us < deadline)
            deadline = participant->answer_retry_us;
    }
    sig_hub_set_timer(participant->hub, &participant->timer, deadline);
}

void sig_participant_on_timer(struct sig_participant *participant, uint64_t now_us)
{
    struct sig_connection *connection = participant->connection;
    struct sig_hub *hub = participant->hub;
    if (participant->state == SIG_PARTICIPANT_LEAVING) {
        if (!post_leave(participant))
            sig_hub_set_timer(hub, &participant->timer, now_us + SIG_RETRY_US);
    } else if (participant->state == SIG_PARTICIPANT_JOINING) {
        sig_participant_leave(participant, now_us, SFU_REASON_LEFT);
        if (connection)
            sig_session_refuse(connection, now_us, connection->join_id, "busy", NULL);
    } else if (!connection && participant->detached_us + SIG_RESUME_US <= now_us) {
        hub->stats.timeouts++;
        sig_participant_leave(participant, now_us, SFU_REASON_TIMEOUT);
    } else if (connection && participant->subscription.outstanding &&
               participant->offered_us + SIG_NEGOTIATION_US <= now_us) {
        hub->stats.negotiations_failed++;
        sig_participant_leave(participant, now_us, SFU_REASON_TIMEOUT);
        sig_session_error(connection, now_us, SIG_NO_ID, "negotiation_failed", "no usable answer came in time");
        sig_session_close(connection, now_us, SIG_CLOSE_PROTOCOL_ERROR);
    } else if (connection && participant->subscription.kept_answer && participant->answer_retry_us <= now_us) {
        sig_session_retry_answer(participant, now_us);
    } else {
        sig_participant_update_timer(participant);
        sig_session_negotiate(participant, now_us);
    }
}

struct sig_track *sig_participant_track(struct sig_participant *participant, uint64_t track_id)
{
    for (size_t i = 0; i < participant->track_count; i++) {
        if (participant->tracks[i].id == track_id)
            return &participant->tracks[i];
    }
    return NULL;
}

json_t *sig_participant_json(const struct sig_participant *participant)
{
    json_t *tracks = json_array();
    for (size_t i = 0; i < participant->track_count; i++) {
        const struct sig_track *track = &participant->tracks[i];
        json_array_append_new(tracks, json_pack("{s:o, s:s, s:b}", "track", sig_id_json('t', track->id), "source",
                                                sig_source_name(track->source), "muted", (int)track->muted));
    }
    return json_pack("{s:o, s:s, s:o}", "participant", sig_id_json('p', participant->id), "name", participant->name,
                     "tracks", tracks);
}

static bool is_in(const struct sig_room *room, uint64_t participant_id)
{
    const struct sig_participant *participant = base_map_get(&room->hub->participants, participant_id);
    return participant && participant->room == room && participant->state == SIG_PARTICIPANT_IN;
}

json_t *sig_room_speaker(const struct sig_room *room, bool even_nobody)
{
    bool somebody = is_in(room, room->speaker);
    if (!somebody && !even_nobody)
        return NULL;
    json_t *recent = json_array();
    for (size_t i = 0; i < room->recent_count; i++) {
        if (is_in(room, room->recent[i]))
            json_array_append_new(recent, sig_id_json('p', room->recent[i]));
    }
    return json_pack("{s:s, s:o, s:o}", "type", "speaker", "participant",
                     somebody ? sig_id_json('p', room->speaker) : json_null(), "recent", recent);
}

json_t *sig_room_quality(struct sig_room *room, bool only_changed)
{
    json_t *qualities = json_object();
    for (struct sig_participant *p = room->participants; p; p = p->next) {
        char id[24];
        if (p->quality == SIG_QUALITY_UNKNOWN || p->state != SIG_PARTICIPANT_IN ||
            (only_changed && !p->quality_changed))
            continue;
        sig_id_text(id, 'p', p->id);
        json_object_set_new(qualities, id, json_integer(p->quality));
        if (only_changed)
            p->quality_changed = false;
    }
    if (json_object_size(qualities) == 0) {
        json_decref(qualities);
        return NULL;
    }
    return json_pack("{s:s, s:o}", "type", "quality", "participants", qualities);
}

void sig_room_on_timer(struct sig_room *room, uint64_t now_us)
{
    if (room->participant_count == 0 && !room->closing && room->empty_since_us + SIG_ROOM_EMPTY_US <= now_us) {
        if (close_room(room))
            sig_hub_set_timer(room->hub, &room->timer, now_us + SIG_RETRY_US);
        return;
    }
    if (room->quality_pending && room->quality_sent_us + SIG_QUALITY_US <= now_us) {
        room->quality_pending = false;
        room->quality_sent_us = now_us;
        sig_room_broadcast(room, NULL, sig_room_quality(room, true));
    }
    sig_room_update_timer(room);
}

void sig_rooms_free_all(struct sig_hub *hub)
{
    struct sig_room *room;
    for (;;) {
        size_t cursor = 0;
        room = base_map_next(&hub->rooms_by_id, &cursor, NULL);
        if (!room)
            return;
        while (room->participants)
            sig_participant_free(room->participants, 0); /* NOLINT(clang-analyzer-unix.Malloc): it unlinks itself */
        sig_room_free(room);
    }
}
