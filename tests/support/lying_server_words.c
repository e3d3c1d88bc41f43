/* SPDX-License-Identifier: Apache-2.0 */
/* The lies in words: see lying_server.h. All of this runs on the server's main loop. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "signaling/hub_state.h"
#include "tests/support/lying_server.h"

#define LOOK_US    20000u /* how often timed lies look at the clock */
#define TRACKS_MAX 256

LIE_WRAPS(sig_hub_socket_text);
LIE_WRAPS(sig_hub_socket_dropped);
LIE_WRAPS(sig_hub_on_sfu_event);
LIE_WRAPS(sig_room_broadcast);
LIE_WRAPS(sig_subscription_add);
LIE_WRAPS(sig_hub_deadline_us);
LIE_WRAPS(sig_hub_poll);

static struct {
    unsigned joins, chats;
    unsigned track_count;
    struct track {
        struct sfu_event published;
        uint64_t told_us; /* when a lie about it was told; 0: not yet */
        bool back;        /* the end of a blink was told */
    } tracks[TRACKS_MAX];
    struct late_join {
        struct late_join *next;
        struct sig_connection *connection;
        uint64_t due_us;
        size_t len;
        char text[];
    } * late;
} words;

static bool timed_lies(void)
{
    return lie_find(LIE_MUTED) != NULL || lie_find(LIE_UNPUBLISHED) != NULL || lie_find(LIE_BLINK) != NULL ||
           lie_find(LIE_KICK) != NULL || lie_find(LIE_DIE) != NULL;
}

/* ---- what clients say ----------------------------------------------------------------------------------------- */

static const struct lie_subject nobody;

static bool every(struct lie *lie, unsigned nth)
{
    return lie != NULL && lie->value >= 1 && nth % (unsigned)lie->value == 0 && lie_tell(lie, &nobody);
}

static void keep_for_later(struct sig_connection *connection, uint64_t due_us, const char *text, size_t len)
{
    struct late_join *join = malloc(sizeof *join + len), **end = &words.late;
    if (join == NULL)
        abort();
    join->next = NULL;
    join->connection = connection;
    join->due_us = due_us;
    join->len = len;
    memcpy(join->text, text, len);
    while (*end != NULL)
        end = &(*end)->next;
    *end = join;
}

/* Returns whether the message has found its end here. */
static bool swallow(struct sig_connection *connection, uint64_t now_us, const char *text, size_t len)
{
    json_t *message = json_loadb(text, len, 0, NULL);
    const char *type = json_string_value(json_object_get(message, "type"));
    json_t *id = json_object_get(message, "id");
    int64_t request = json_is_integer(id) ? json_integer_value(id) : SIG_NO_ID;
    bool swallowed = false;
    if (type != NULL && strcmp(type, "join") == 0) {
        struct lie *slow = lie_find(LIE_SLOW_JOIN);
        if (every(lie_find(LIE_REFUSE), ++words.joins)) {
            sig_session_refuse(connection, now_us, request, "room_full", NULL);
            swallowed = true;
        } else if (slow != NULL && lie_tell(slow, &nobody)) {
            keep_for_later(connection, now_us + (uint64_t)(slow->value * 1000), text, len);
            swallowed = true;
        }
    } else if (type != NULL && strcmp(type, "mute") == 0 && json_is_false(json_object_get(message, "muted"))) {
        struct lie *lie = lie_find(LIE_NO_UNMUTE);
        swallowed = lie != NULL && lie_applies(lie, &nobody, lie_since_begin_us(now_us)) && lie_tell(lie, &nobody);
    }
    json_decref(message);
    return swallowed;
}

void __wrap_sig_hub_socket_text(struct sig_connection *connection, uint64_t now_us, const char *text, size_t len)
{
    unsigned count;
    (void)lies(&count);
    if (count == 0 || !swallow(connection, now_us, text, len))
        __real_sig_hub_socket_text(connection, now_us, text, len);
}

void __wrap_sig_hub_socket_dropped(struct sig_connection *connection, uint64_t now_us)
{
    for (struct late_join **at = &words.late; *at != NULL;) {
        struct late_join *join = *at;
        if (join->connection != connection) {
            at = &join->next;
            continue;
        }
        *at = join->next;
        free(join);
    }
    __real_sig_hub_socket_dropped(connection, now_us);
}

static void say_late_joins(uint64_t now_us)
{
    while (words.late != NULL && words.late->due_us <= now_us) {
        struct late_join *join = words.late;
        words.late = join->next;
        __real_sig_hub_socket_text(join->connection, now_us, join->text, join->len);
        free(join);
    }
}

/* ---- what they are told --------------------------------------------------------------------------------------- */

int __wrap_sig_subscription_add(struct sig_subscription *subscription, enum sfu_source source,
                                enum sfu_video_codec codec, uint64_t participant_id, uint64_t track_id)
{
    struct lie *lie = lie_find(LIE_NOT_SUBSCRIBED);
    const struct sig_participant *who = base_container_of(subscription, struct sig_participant, subscription);
    const struct lie_subject subject = {.from = participant_id, .to = who->id, .source = (unsigned)source};
    if (lie != NULL && lie_applies(lie, &subject, lie_since_begin_us(base_clock_us())) && lie_tell(lie, &subject))
        return 0;
    return __real_sig_subscription_add(subscription, source, codec, participant_id, track_id);
}

void __wrap_sig_room_broadcast(struct sig_room *room, const struct sig_participant *except, json_t *message)
{
    struct lie *lie = lie_find(LIE_NO_CHAT);
    const char *type = json_string_value(json_object_get(message, "type"));
    if (lie != NULL && type != NULL && strcmp(type, "chat") == 0 && every(lie, ++words.chats)) {
        const struct sig_participant *who = lie->to != 0 ? room->participants : NULL;
        while (who != NULL && who->id != lie->to)
            who = who->next;
        except = who;
        if (who == NULL) {
            json_decref(message);
            return;
        }
    }
    __real_sig_room_broadcast(room, except, message);
}

void __wrap_sig_hub_on_sfu_event(struct sig_hub *hub, uint64_t now_us, const struct sfu_event *event)
{
    if (event->kind == SFU_EVENT_TRACK_PUBLISHED && words.track_count < TRACKS_MAX && timed_lies())
        words.tracks[words.track_count++].published = *event;
    __real_sig_hub_on_sfu_event(hub, now_us, event);
}

/* A lie about a track, to everybody in its room. */
static void tell_track(struct lie *lie, struct track *track, struct sig_hub *hub, uint64_t now_us)
{
    const struct lie_subject subject = {
        .from = track->published.participant_id, .to = lie->to, .source = (unsigned)track->published.source};
    struct sfu_event event = track->published;
    if (track->told_us == 0) {
        /* The account of `muted` is made where packets are left out. */
        if (!lie_applies(lie, &subject, lie_since_begin_us(now_us)) ||
            (lie->kind != LIE_MUTED && !lie_tell(lie, &subject)))
            return;
        track->told_us = now_us;
        event.kind = lie->kind == LIE_MUTED ? SFU_EVENT_TRACK_MUTED : SFU_EVENT_TRACK_UNPUBLISHED;
        event.muted = lie->kind == LIE_MUTED;
        event.origin = SFU_MUTED_BY_SELF;
        __real_sig_hub_on_sfu_event(hub, now_us, &event);
    } else if (lie->kind == LIE_BLINK && !track->back && now_us >= track->told_us + (uint64_t)(lie->value * 1000)) {
        track->back = true;
        __real_sig_hub_on_sfu_event(hub, now_us, &event);
    }
}

static void tell_tracks(struct sig_hub *hub, uint64_t now_us)
{
    static const enum lie_kind kinds[] = {LIE_MUTED, LIE_UNPUBLISHED, LIE_BLINK};
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        struct lie *lie = lie_find(kinds[k]);
        for (unsigned i = 0; lie != NULL && i < words.track_count; i++)
            tell_track(lie, &words.tracks[i], hub, now_us);
    }
}

static void kick(struct sig_hub *hub, uint64_t now_us)
{
    struct lie *lie = lie_find(LIE_KICK);
    struct sig_connection *next;
    for (struct sig_connection *at = lie != NULL ? hub->connections : NULL; at != NULL; at = next) {
        next = at->next;
        if (at->participant == NULL || at->participant->state != SIG_PARTICIPANT_IN)
            continue;
        const struct lie_subject subject = {.to = at->participant->id};
        if (lie_applies(lie, &subject, lie_since_begin_us(now_us)) && lie_tell(lie, &subject))
            sig_participant_leave(at->participant, now_us, SFU_REASON_REMOVED);
    }
}

static void die(uint64_t now_us)
{
    struct lie *lie = lie_find(LIE_DIE);
    if (lie == NULL || !lie_applies(lie, &nobody, lie_since_begin_us(now_us)) || !lie_tell(lie, &nobody))
        return;
    lie_report();
    _exit(9);
}

uint64_t __wrap_sig_hub_deadline_us(const struct sig_hub *hub)
{
    uint64_t deadline_us = __real_sig_hub_deadline_us(hub), look_us = base_clock_us() + LOOK_US;
    if (timed_lies() && look_us < deadline_us)
        deadline_us = look_us;
    if (words.late != NULL && words.late->due_us < deadline_us)
        deadline_us = words.late->due_us;
    return deadline_us;
}

void __wrap_sig_hub_poll(struct sig_hub *hub, uint64_t now_us)
{
    say_late_joins(now_us);
    tell_tracks(hub, now_us);
    kick(hub, now_us);
    die(now_us);
    __real_sig_hub_poll(hub, now_us);
}
