/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "signaling/hub_state.h"
#include "signaling/message.h"

/* What the others are told about a departure (PROTOCOL.md section 6). */
static const char *left_reason(enum sfu_reason reason)
{
    switch (reason) {
    case SFU_REASON_TIMEOUT:
        return "timeout";
    case SFU_REASON_REPLACED:
        return "replaced";
    case SFU_REASON_REMOVED:
        return "removed";
    default:
        return "left";
    }
}

/* What the person's own socket is told, and whether coming back makes sense. */
static const char *closing_reason(enum sfu_reason reason, bool *reconnect)
{
    *reconnect = reason == SFU_REASON_SHUTDOWN || reason == SFU_REASON_TIMEOUT;
    switch (reason) {
    case SFU_REASON_REPLACED:
        return "replaced";
    case SFU_REASON_REMOVED:
        return "removed";
    case SFU_REASON_ROOM_TIME_OVER:
        return "room_time_over";
    case SFU_REASON_SHUTDOWN:
        return "server_shutdown";
    case SFU_REASON_LEFT:
        return "left";
    default:
        return "room_closed";
    }
}

static const char *refusal(enum sfu_reason reason)
{
    switch (reason) {
    case SFU_REASON_ROOM_FULL:
        return "room_full";
    case SFU_REASON_ROOM_NOT_OPEN:
        return "room_not_open";
    case SFU_REASON_ROOM_CLOSED:
    case SFU_REASON_ROOM_TIME_OVER:
        return "room_closed";
    case SFU_REASON_REMOVED:
        return "removed";
    default:
        return "busy";
    }
}

static void negotiate_all(struct sig_room *room, uint64_t now_us)
{
    for (struct sig_participant *p = room->participants; p; p = p->next)
        sig_session_negotiate_soon(p, now_us);
}

static void on_joined(struct sig_participant *participant, uint64_t now_us)
{
    struct sig_connection *connection = participant->connection;
    if (participant->state != SIG_PARTICIPANT_JOINING)
        return; /* given up meanwhile: LEAVE is on its way */
    if (!connection) {
        sig_participant_leave(participant, now_us, SFU_REASON_LEFT);
        return;
    }
    struct sig_room *room = participant->room;
    participant->state = SIG_PARTICIPANT_IN;
    participant->announced = true;
    participant->hub->stats.joins++;
    base_log_info("participant_joined", "room=\"%s\" participant=p%llu participants=%zu", room->name,
                  (unsigned long long)participant->id, room->participant_count);
    for (struct sig_participant *p = room->participants; p; p = p->next) {
        for (size_t i = 0; p != participant && p->state == SIG_PARTICIPANT_IN && i < p->track_count; i++)
            (void)sig_subscription_add(&participant->subscription, p->tracks[i].source, p->tracks[i].video_codec, p->id,
                                       p->tracks[i].id);
    }
    sig_room_broadcast(
        room, participant,
        json_pack("{s:s, s:o}", "type", "participant_joined", "participant", sig_participant_json(participant)));
    sig_session_welcome(participant, now_us, connection->join_id, false);
}

static void on_refused(struct sig_participant *participant, uint64_t now_us, enum sfu_reason reason)
{
    struct sig_connection *connection = participant->connection;
    struct sig_room *room = participant->room;
    if (connection)
        sig_session_refuse(connection, now_us, connection->join_id, refusal(reason), room);
    sig_participant_free(participant, now_us);
}

static void on_left(struct sig_participant *participant, uint64_t now_us, enum sfu_reason reason)
{
    struct sig_connection *connection = participant->connection;
    struct sig_room *room = participant->room;
    bool was_in = participant->announced, reconnect;
    base_log_info("participant_left", "room=\"%s\" participant=p%llu reason=%s", room->name,
                  (unsigned long long)participant->id, left_reason(reason));
    if (connection) {
        const char *text = closing_reason(reason, &reconnect);
        participant->connection = NULL;
        connection->participant = NULL;
        sig_session_closing(connection, now_us, text, reconnect,
                            reason == SFU_REASON_SHUTDOWN ? SIG_CLOSE_GOING_DOWN : SIG_CLOSE_ON_PURPOSE);
    }
    /* When the room closes everybody goes: telling each of each would be a million messages in a large one. */
    bool all = reason == SFU_REASON_ROOM_CLOSED || reason == SFU_REASON_ROOM_TIME_OVER || reason == SFU_REASON_SHUTDOWN;
    if (was_in && !all)
        sig_room_broadcast(room, participant,
                           json_pack("{s:s, s:o, s:s}", "type", "participant_left", "participant",
                                     sig_id_json('p', participant->id), "reason", left_reason(reason)));
    for (struct sig_participant *p = room->participants; p; p = p->next) {
        for (size_t i = 0; p != participant && i < participant->track_count; i++)
            sig_subscription_remove(&p->subscription, participant->tracks[i].id);
    }
    sig_participant_free(participant, now_us);
    negotiate_all(room, now_us);
}

static void on_track_published(struct sig_participant *participant, uint64_t now_us, const struct sfu_event *event)
{
    if (participant->track_count == SFU_TRACKS_MAX || sig_participant_track(participant, event->track_id))
        return;
    participant->tracks[participant->track_count++] = (struct sig_track){
        .id = event->track_id, .source = event->source, .video_codec = event->video_codec, .muted = event->muted};
    sig_room_broadcast(participant->room, participant,
                       json_pack("{s:s, s:o, s:o, s:s, s:b}", "type", "track_published", "participant",
                                 sig_id_json('p', participant->id), "track", sig_id_json('t', event->track_id),
                                 "source", sig_source_name(event->source), "muted", (int)event->muted));
    for (struct sig_participant *p = participant->room->participants; p; p = p->next) {
        if (p == participant || p->state != SIG_PARTICIPANT_IN)
            continue;
        (void)sig_subscription_add(&p->subscription, event->source, event->video_codec, participant->id,
                                   event->track_id);
        sig_session_negotiate_soon(p, now_us);
    }
}

static void on_track_unpublished(struct sig_participant *participant, uint64_t now_us, const struct sfu_event *event)
{
    struct sig_track *track = sig_participant_track(participant, event->track_id);
    if (!track)
        return;
    *track = participant->tracks[--participant->track_count];
    sig_room_broadcast(participant->room, participant,
                       json_pack("{s:s, s:o, s:o}", "type", "track_unpublished", "participant",
                                 sig_id_json('p', participant->id), "track", sig_id_json('t', event->track_id)));
    for (struct sig_participant *p = participant->room->participants; p; p = p->next)
        sig_subscription_remove(&p->subscription, event->track_id);
    negotiate_all(participant->room, now_us);
}

static void on_track_muted(struct sig_participant *participant, const struct sfu_event *event)
{
    struct sig_track *track = sig_participant_track(participant, event->track_id);
    if (!track)
        return;
    track->muted = event->muted;
    sig_room_broadcast(participant->room, NULL,
                       json_pack("{s:s, s:o, s:o, s:b, s:s}", "type", "track_muted", "participant",
                                 sig_id_json('p', participant->id), "track", sig_id_json('t', event->track_id), "muted",
                                 (int)event->muted, "by",
                                 event->origin == SFU_MUTED_BY_MODERATOR ? "moderator" : "self"));
}

static void on_transport(struct sig_participant *participant, const struct sfu_event *event)
{
    const char *state = NULL;
    if ((unsigned)event->peer_connection > SFU_SUBSCRIBE)
        return;
    switch (event->state) {
    case SFU_TRANSPORT_CONNECTED:
        state = "connected";
        break;
    case SFU_TRANSPORT_LOST:
        state = "lost";
        break;
    case SFU_TRANSPORT_FAILED:
        state = "failed";
        break;
    default:
        return;
    }
    bool publish = event->peer_connection == SFU_PUBLISH;
    participant->trouble[event->peer_connection] = event->state == SFU_TRANSPORT_CONNECTED ? NULL : state;
    base_log_info("transport", "room=\"%s\" participant=p%llu pc=%s state=%s error=%s", participant->room->name,
                  (unsigned long long)participant->id, publish ? "publish" : "subscribe", state,
                  base_err_name(event->error));
    if (participant->connection && participant->state == SIG_PARTICIPANT_IN)
        sig_session_send(participant->connection, json_pack("{s:s, s:s, s:s}", "type", "connection", "pc",
                                                            publish ? "publish" : "subscribe", "state", state));
}

static void on_speaker(struct sig_room *room, const struct sfu_event *event)
{
    room->speaker = event->participant_id;
    room->recent_count = event->recent_count < SFU_SPEAKERS_RECENT_MAX ? event->recent_count : SFU_SPEAKERS_RECENT_MAX;
    memcpy(room->recent, event->recent, room->recent_count * sizeof room->recent[0]);
    sig_room_broadcast(room, NULL, sig_room_speaker(room, true));
}

static void on_quality(struct sig_participant *participant, const struct sfu_event *event)
{
    struct sig_room *room = participant->room;
    uint8_t quality = event->quality > 3 ? 3 : event->quality;
    if (participant->quality == quality)
        return;
    participant->quality = quality;
    participant->quality_changed = true;
    room->quality_pending = true;
    sig_room_update_timer(room); /* at once if the last was long ago */
}

static void on_room_closed(struct sig_room *room, uint64_t now_us, enum sfu_reason reason)
{
    base_log_info("room_closed", "room=\"%s\"", room->name);
    while (room->participants) { /* those that were still joining */
        if (room->participants->state == SIG_PARTICIPANT_JOINING)
            on_refused(room->participants, now_us, reason == SFU_REASON_NO_RESOURCES ? reason : SFU_REASON_ROOM_CLOSED);
        else
            on_left(room->participants, now_us, reason);
    }
    sig_room_free(room);
}

void sig_events_handle(struct sig_hub *hub, uint64_t now_us, const struct sfu_event *event)
{
    struct sig_room *room = base_map_get(&hub->rooms_by_id, event->room_id);
    struct sig_participant *participant = base_map_get(&hub->participants, event->participant_id);
    if (!room)
        return;
    if (event->kind == SFU_EVENT_ROOM_CLOSED) {
        on_room_closed(room, now_us, event->reason);
        return;
    }
    if (event->kind == SFU_EVENT_SPEAKER) {
        on_speaker(room, event);
        return;
    }
    if (!participant || participant->room != room)
        return;
    switch (event->kind) {
    case SFU_EVENT_JOINED:
        on_joined(participant, now_us);
        break;
    case SFU_EVENT_REFUSED:
        on_refused(participant, now_us, event->reason);
        break;
    case SFU_EVENT_LEFT:
        on_left(participant, now_us, event->reason);
        break;
    case SFU_EVENT_TRACK_PUBLISHED:
        on_track_published(participant, now_us, event);
        break;
    case SFU_EVENT_TRACK_UNPUBLISHED:
        on_track_unpublished(participant, now_us, event);
        break;
    case SFU_EVENT_TRACK_MUTED:
        on_track_muted(participant, event);
        break;
    case SFU_EVENT_TRANSPORT:
        on_transport(participant, event);
        break;
    case SFU_EVENT_QUALITY:
        on_quality(participant, event);
        break;
    default:
        break;
    }
}
