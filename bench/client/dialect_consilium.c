/* SPDX-License-Identifier: Apache-2.0 */
/* The visio protocol, PROTOCOL.md. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/client/dialect.h"
#include "bench/client/participant_internal.h"

#define text_of bench_text_of

/* ---- saying --------------------------------------------------------------------------------------------------- */

/* Takes the reference; adds an id. */
static uint64_t request(struct bench_participant *who, json_t *message)
{
    uint64_t id = ++who->next_request;
    json_object_set_new(message, "id", json_integer((json_int_t)id));
    bench_participant_say(who, message);
    return id;
}

static void on_open(struct bench_participant *who, const char *ticket)
{
    if (ticket != NULL)
        request(who, json_pack("{s:s,s:i,s:s}", "type", "join", "version", 1, "ticket", ticket));
    else
        request(who, json_pack("{s:s,s:i,s:s}", "type", "resume", "version", 1, "token", who->resume_token));
}

static void ping(struct bench_participant *who)
{
    request(who, json_pack("{s:s}", "type", "ping"));
}

static void publish(struct bench_participant *who)
{
    char *sdp = bench_participant_offer(who);
    if (sdp == NULL)
        return;
    json_t *tracks = json_array();
    for (int source = 0; source < BENCH_SOURCES; source++)
        if (who->publishing[source])
            json_array_append_new(tracks, json_pack("{s:s,s:s,s:b}", "mid",
                                                    bench_send_stream_config(who->sends[source][0])->mid, "source",
                                                    bench_source_name((enum bench_source)source), "muted", 0));
    request(who, json_pack("{s:s,s:s,s:o}", "type", "publish", "sdp", sdp, "tracks", tracks));
    free(sdp);
}

static uint64_t mute(struct bench_participant *who, int source, bool muted)
{
    return request(who, json_pack("{s:s,s:s,s:b}", "type", "mute", "track", who->track_ids[source], "muted", muted));
}

static uint64_t chat(struct bench_participant *who, const char *text)
{
    return request(who, json_pack("{s:s,s:s}", "type", "chat", "text", text));
}

static uint64_t moderate(struct bench_participant *who, const char *action, const char *participant, const char *track)
{
    json_t *message = json_pack("{s:s,s:s,s:s}", "type", "moderate", "action", action, "participant", participant);
    if (track != NULL)
        json_object_set_new(message, "track", json_string(track));
    return request(who, message);
}

static uint64_t restart(struct bench_participant *who, int pc)
{
    if (pc == BENCH_SUBSCRIBE)
        return request(who, json_pack("{s:s,s:s}", "type", "restart", "pc", "subscribe"));
    publish(who);
    return who->next_request;
}

static void leave(struct bench_participant *who)
{
    bench_participant_say(who, json_pack("{s:s}", "type", "leave"));
}

/* ---- hearing -------------------------------------------------------------------------------------------------- */

static void set_track(struct bench_participant *who, struct bench_other *other, const json_t *track)
{
    bench_participant_add_track(who, other, text_of(track, "track"), bench_source_of(text_of(track, "source")),
                                json_is_true(json_object_get(track, "muted")));
}

static void add_other(struct bench_participant *who, const json_t *description)
{
    struct bench_other *other =
        bench_participant_add_other(who, text_of(description, "participant"), text_of(description, "name"));
    size_t index;
    json_t *track;
    if (other != NULL)
        json_array_foreach(json_object_get(description, "tracks"), index, track) set_track(who, other, track);
}

static void on_welcome(struct bench_participant *who, const json_t *message)
{
    who->state = BENCH_INSIDE;
    who->resumed = json_is_true(json_object_get(message, "resumed"));
    snprintf(who->resume_token, sizeof who->resume_token, "%s", text_of(message, "resume"));
    if (who->resumed && strcmp(who->id, text_of(message, "participant")) != 0)
        bench_participant_problem(who, "resumed as somebody else");
    snprintf(who->id, sizeof who->id, "%s", text_of(message, "participant"));
    bench_participant_forget_others(who);
    size_t index;
    json_t *other;
    json_array_foreach(json_object_get(message, "participants"), index, other) add_other(who, other);
    if (!who->resumed)
        publish(who);
}

static void on_published(struct bench_participant *who, const json_t *message)
{
    if (bench_participant_on_answer(who, text_of(message, "sdp")) != 0)
        return;
    size_t index;
    json_t *track;
    json_array_foreach(json_object_get(message, "tracks"), index, track)
    {
        int source = atoi(text_of(track, "mid"));
        if (source < 0 || source >= BENCH_SOURCES || who->sends[source][0] == NULL)
            bench_participant_problem(who, "published a track that was not offered");
        else
            snprintf(who->track_ids[source], BENCH_ID_MAX, "%s", text_of(track, "track"));
    }
}

static void on_subscribe(struct bench_participant *who, const json_t *message)
{
    const json_t *list = json_object_get(message, "tracks");
    size_t index, count = 0;
    struct bench_offered_track *tracks = calloc(json_array_size(list) + 1, sizeof *tracks);
    json_t *track;
    if (tracks == NULL) {
        bench_participant_problem(who, "no memory for an offer");
        return;
    }
    json_array_foreach(list, index, track)
    {
        struct bench_other *other = bench_participant_find_other(who, text_of(track, "participant"));
        if (other != NULL && other->number == 0 && who->config.number_of != NULL)
            other->number = who->config.number_of(who->config.user, other->id);
        tracks[count++] = (struct bench_offered_track){.mid = text_of(track, "mid"),
                                                       .participant = text_of(track, "participant"),
                                                       .track = text_of(track, "track"),
                                                       .number = other != NULL ? other->number : 0,
                                                       .source = bench_source_of(text_of(track, "source"))};
    }
    char *answer = bench_participant_on_offer(who, text_of(message, "sdp"), tracks, count);
    if (answer != NULL)
        bench_participant_say(who, json_pack("{s:s,s:O,s:s}", "type", "subscribed", "rev",
                                             json_object_get(message, "rev"), "sdp", answer));
    free(answer);
    free(tracks);
}

static void on_track_message(struct bench_participant *who, const char *type, const json_t *message)
{
    const char *id = text_of(message, "participant");
    if (strcmp(id, who->id) == 0)
        return;
    struct bench_other *other = bench_participant_find_other(who, id);
    if (other == NULL) {
        bench_participant_problem(who, "a track of nobody");
        return;
    }
    if (strcmp(type, "track_published") == 0) {
        set_track(who, other, message);
        return;
    }
    for (unsigned i = 0; i < other->track_count; i++) {
        if (strcmp(other->tracks[i].id, text_of(message, "track")) != 0)
            continue;
        if (strcmp(type, "track_muted") == 0)
            other->tracks[i].muted = json_is_true(json_object_get(message, "muted"));
        else
            other->tracks[i] = other->tracks[--other->track_count];
        return;
    }
    bench_participant_problem(who, "an unknown track");
}

static void on_participant_left(struct bench_participant *who, const json_t *message)
{
    struct bench_other *other = bench_participant_find_other(who, text_of(message, "participant"));
    if (other == NULL)
        bench_participant_problem(who, "somebody left who was not there");
    else
        bench_participant_remove_other(who, other);
}

static void on_connection(struct bench_participant *who, const json_t *message)
{
    if (strcmp(text_of(message, "state"), "connected") == 0)
        who->connected_messages++;
    else
        who->lost_messages++;
}

static void on_end(struct bench_participant *who, const char *type, const json_t *message)
{
    bool refused = type[0] == 'r';
    who->state = refused ? BENCH_REFUSED : BENCH_CLOSED;
    snprintf(who->code, sizeof who->code, "%s", text_of(message, refused ? "code" : "reason"));
}

static void on_message(struct bench_participant *who, const char *type, const json_t *message)
{
    if (strcmp(type, "welcome") == 0) {
        on_welcome(who, message);
    } else if (strcmp(type, "refused") == 0 || strcmp(type, "closing") == 0) {
        on_end(who, type, message);
    } else if (strcmp(type, "published") == 0) {
        on_published(who, message);
    } else if (strcmp(type, "subscribe") == 0) {
        on_subscribe(who, message);
    } else if (strcmp(type, "participant_joined") == 0) {
        add_other(who, json_object_get(message, "participant"));
    } else if (strcmp(type, "participant_left") == 0) {
        on_participant_left(who, message);
    } else if (strncmp(type, "track_", 6) == 0) {
        on_track_message(who, type, message);
    } else if (strcmp(type, "speaker") == 0) {
        snprintf(who->speaker, sizeof who->speaker, "%s", text_of(message, "participant"));
    } else if (strcmp(type, "connection") == 0) {
        on_connection(who, message);
    } else if (strcmp(type, "chat") == 0) {
        if (who->config.on_chat != NULL)
            who->config.on_chat(who->config.user, text_of(message, "text"));
    } else if (strcmp(type, "error") == 0) {
        who->errors++;
        snprintf(who->code, sizeof who->code, "%s", text_of(message, "code"));
    } else if (strcmp(type, "pong") == 0) {
        who->pongs++;
    } else if (strcmp(type, "ok") != 0 && strcmp(type, "quality") != 0) {
        bench_participant_problem(who, "an unknown type");
    }
}

static uint64_t answers(const char *type, const json_t *message, const char **refused)
{
    bool error = strcmp(type, "error") == 0;
    *refused = error ? bench_text_of(message, "code") : NULL;
    if (!error && strcmp(type, "ok") != 0)
        return 0;
    return (uint64_t)json_integer_value(json_object_get(message, "re"));
}

const struct bench_dialect bench_dialect_consilium = {.name = "consilium",
                                                      .ws_path = "/visio/ws",
                                                      .ws_protocol = "consilium-visio-1",
                                                      .type_key = "type",
                                                      .tickets = true,
                                                      .resumes = true,
                                                      .chats = true,
                                                      .ping_us = 4000000,
                                                      .on_open = on_open,
                                                      .on_message = on_message,
                                                      .ping = ping,
                                                      .publish = publish,
                                                      .mute = mute,
                                                      .answers = answers,
                                                      .chat = chat,
                                                      .moderate = moderate,
                                                      .restart = restart,
                                                      .leave = leave};
