/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/room/room.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "sfu/room/participant.h"

int sfu_room_open(struct sfu_context *context, uint64_t room_id, const struct sfu_room_policy *policy)
{
    if (policy->capacity == 0 || policy->capacity > SFU_ROOM_CAPACITY_MAX)
        return BASE_ERR_INVALID;
    if (base_map_get(&context->rooms, room_id) != NULL)
        return BASE_ERR_EXISTS;
    struct sfu_room *room = calloc(1, sizeof *room);
    if (room == NULL)
        return BASE_ERR_NOMEM;
    room->timer.kind = SFU_TIMER_ROOM;
    room->context = context;
    room->id = room_id;
    room->policy = *policy;
    if (sfu_context_reserve_timer(context) != 0 || sfu_speaker_detector_create(&room->speakers) != 0 ||
        base_map_put(&context->rooms, room_id, room) != 0) {
        sfu_speaker_detector_destroy(room->speakers);
        free(room);
        return BASE_ERR_NOMEM;
    }
    context->stats.rooms++;
    sfu_room_update_timer(room);
    return 0;
}

static void emit_left(struct sfu_context *context, uint64_t room_id, uint64_t participant_id, enum sfu_reason reason)
{
    sfu_context_emit(
        context, &(struct sfu_event){
                     .kind = SFU_EVENT_LEFT, .room_id = room_id, .participant_id = participant_id, .reason = reason});
}

void sfu_room_destroy(struct sfu_room *room)
{
    struct sfu_context *context = room->context;
    while (room->participant_count > 0)
        sfu_participant_destroy(room->participants[--room->participant_count]);
    free(room->participants);
    sfu_context_set_timer(context, &room->timer, BASE_NEVER_US);
    base_map_remove(&context->rooms, room->id);
    context->stats.rooms--;
    sfu_speaker_detector_destroy(room->speakers);
    free(room);
}

void sfu_room_close(struct sfu_room *room, enum sfu_reason reason)
{
    struct sfu_context *context = room->context;
    uint64_t room_id = room->id;
    while (room->participant_count > 0) {
        struct sfu_participant *participant = room->participants[--room->participant_count];
        uint64_t participant_id = participant->id;
        sfu_participant_destroy(participant);
        emit_left(context, room_id, participant_id, reason);
    }
    sfu_room_destroy(room);
    sfu_context_emit(context, &(struct sfu_event){.kind = SFU_EVENT_ROOM_CLOSED, .room_id = room_id, .reason = reason});
}

/* ---- who comes in ---------------------------------------------------------------------------------------------- */

static bool is_removed(const struct sfu_room *room, const uint64_t identity[2])
{
    uint32_t count = room->removed_count < SFU_ROOM_REMOVED_MAX ? room->removed_count : SFU_ROOM_REMOVED_MAX;
    for (uint32_t i = 0; i < count; i++)
        if (memcmp(room->removed[i], identity, sizeof room->removed[i]) == 0)
            return true;
    return false;
}

static struct sfu_participant *find_identity(const struct sfu_room *room, const uint64_t identity[2])
{
    for (uint32_t i = 0; i < room->participant_count; i++)
        if (memcmp(room->participants[i]->identity, identity, sizeof room->participants[i]->identity) == 0)
            return room->participants[i];
    return NULL;
}

static enum sfu_reason refusal(const struct sfu_room *room, uint64_t now_us, const struct sfu_command *command,
                               const struct sfu_participant *older)
{
    uint64_t wall_us = sfu_context_wall_us(room->context, now_us);
    if (is_removed(room, command->identity))
        return SFU_REASON_REMOVED;
    if (room->policy.opens_wall_us != 0 && wall_us < room->policy.opens_wall_us)
        return SFU_REASON_ROOM_NOT_OPEN;
    if (room->policy.closes_wall_us != 0 && wall_us >= room->policy.closes_wall_us)
        return SFU_REASON_ROOM_TIME_OVER;
    if (room->participant_count - (older != NULL) >= room->policy.capacity)
        return SFU_REASON_ROOM_FULL;
    return SFU_REASON_NONE;
}

static int make_place(struct sfu_room *room)
{
    if (room->participant_count < room->participant_capacity)
        return 0;
    uint32_t capacity = room->participant_capacity == 0 ? 8 : room->participant_capacity * 2;
    struct sfu_participant **participants = realloc(room->participants, capacity * sizeof(*participants));
    if (participants == NULL)
        return BASE_ERR_NOMEM;
    room->participants = participants;
    room->participant_capacity = capacity;
    return 0;
}

void sfu_room_join(struct sfu_room *room, uint64_t now_us, const struct sfu_command *command)
{
    struct sfu_participant *older = find_identity(room, command->identity);
    struct sfu_participant *participant = NULL;
    enum sfu_reason reason = refusal(room, now_us, command, older);
    if (reason == SFU_REASON_NONE &&
        (make_place(room) != 0 || sfu_participant_create(&participant, room, now_us, command) != 0))
        reason = SFU_REASON_NO_RESOURCES;
    struct sfu_event event = {.kind = participant == NULL ? SFU_EVENT_REFUSED : SFU_EVENT_JOINED,
                              .room_id = room->id,
                              .participant_id = command->participant_id,
                              .reason = reason};
    if (participant != NULL) {
        if (older != NULL)
            sfu_room_leave(room, older, SFU_REASON_REPLACED);
        room->participants[room->participant_count++] = participant;
    }
    sfu_context_emit(room->context, &event);
}

void sfu_room_leave(struct sfu_room *room, struct sfu_participant *participant, enum sfu_reason reason)
{
    uint64_t participant_id = participant->id;
    for (uint32_t i = 0; i < room->participant_count; i++) {
        if (room->participants[i] != participant)
            continue;
        room->participants[i] = room->participants[--room->participant_count];
        break;
    }
    sfu_participant_destroy(participant);
    emit_left(room->context, room->id, participant_id, reason);
    sfu_room_tell_speaker(room);
}

void sfu_room_remove(struct sfu_room *room, struct sfu_participant *participant)
{
    memcpy(room->removed[room->removed_count % SFU_ROOM_REMOVED_MAX], participant->identity,
           sizeof participant->identity);
    room->removed_count++;
    if (room->removed_count == 2 * SFU_ROOM_REMOVED_MAX)
        room->removed_count = SFU_ROOM_REMOVED_MAX; /* same slot, and it never wraps */
    sfu_room_leave(room, participant, SFU_REASON_REMOVED);
}

/* ---- who speaks ------------------------------------------------------------------------------------------------ */

void sfu_room_tell_speaker(struct sfu_room *room)
{
    uint64_t dominant = sfu_speaker_detector_dominant(room->speakers);
    if (dominant == room->dominant)
        return;
    room->dominant = dominant;
    struct sfu_event event = {.kind = SFU_EVENT_SPEAKER, .room_id = room->id, .participant_id = dominant};
    event.recent_count = (uint8_t)sfu_speaker_detector_recent(room->speakers, event.recent, SFU_SPEAKERS_RECENT_MAX);
    sfu_context_emit(room->context, &event);
}

void sfu_room_add_speaker(struct sfu_room *room, uint64_t now_us, uint64_t participant_id)
{
    /* Without memory this person cannot become the speaker: nothing else is lost. */
    (void)sfu_speaker_detector_add(room->speakers, participant_id, now_us);
    sfu_room_update_timer(room);
}

void sfu_room_on_mute(struct sfu_room *room, uint64_t now_us, uint64_t participant_id)
{
    sfu_speaker_detector_on_mute(room->speakers, participant_id, now_us);
}

void sfu_room_on_level(struct sfu_room *room, uint64_t participant_id, uint64_t now_us, uint8_t level)
{
    sfu_speaker_detector_on_level(room->speakers, participant_id, now_us, level);
    sfu_context_wake_at(room->context, &room->timer, sfu_speaker_detector_deadline_us(room->speakers));
}

/* ---- time ------------------------------------------------------------------------------------------------------ */

void sfu_room_update_timer(struct sfu_room *room)
{
    uint64_t deadline_us = sfu_speaker_detector_deadline_us(room->speakers);
    if (room->policy.closes_wall_us != 0) {
        uint64_t closes_us = sfu_context_mono_us(room->context, room->policy.closes_wall_us);
        deadline_us = closes_us < deadline_us ? closes_us : deadline_us;
    }
    sfu_context_set_timer(room->context, &room->timer, deadline_us);
}

void sfu_room_poll(struct sfu_room *room, uint64_t now_us)
{
    if (room->policy.closes_wall_us != 0 && sfu_context_wall_us(room->context, now_us) >= room->policy.closes_wall_us) {
        sfu_room_close(room, SFU_REASON_ROOM_TIME_OVER);
        return;
    }
    if (sfu_speaker_detector_poll(room->speakers, now_us))
        sfu_room_tell_speaker(room);
    sfu_room_update_timer(room);
}
