/* SPDX-License-Identifier: Apache-2.0 */
/**
 * room.h - a room: who is inside, who may come in, when it closes, who speaks.
 *
 * The policy comes from the room's creator and is enforced here: capacity, opening and closing time, one participant
 * for each identity (a second one takes the place of the first), identities that were removed stay out (the newest
 * SFU_ROOM_REMOVED_MAX of them are remembered). Owned by the engine's table. Threads: one owner.
 */
#ifndef CONSILIUM_SFU_ROOM_ROOM_H
#define CONSILIUM_SFU_ROOM_ROOM_H

#include <stdint.h>

#include "sfu/media/speaker_detector.h"
#include "sfu/room/context.h"

#define SFU_ROOM_REMOVED_MAX 256

struct sfu_participant;

struct sfu_room {
    struct sfu_timer timer;
    struct sfu_context *context;
    uint64_t id;
    struct sfu_room_policy policy;
    struct sfu_participant **participants;
    uint32_t participant_count, participant_capacity;
    uint64_t removed[SFU_ROOM_REMOVED_MAX][2];
    uint32_t removed_count; /* all ever; the slot is modulo the maximum */
    struct sfu_speaker_detector *speakers;
    uint64_t dominant;
};

/** Opens a room and puts it into the context's table. Returns 0, BASE_ERR_EXISTS, BASE_ERR_INVALID (capacity) or
 * BASE_ERR_NOMEM. */
int sfu_room_open(struct sfu_context *context, uint64_t room_id, const struct sfu_room_policy *policy);
/** LEFT for everybody, then ROOM_CLOSED; the room is gone. */
void sfu_room_close(struct sfu_room *room, enum sfu_reason reason);
/** Frees everything without events. */
void sfu_room_destroy(struct sfu_room *room);

/** SFU_COMMAND_JOIN: emits JOINED (perhaps after the LEFT of whom it replaces) or REFUSED. */
void sfu_room_join(struct sfu_room *room, uint64_t now_us, const struct sfu_command *command);
/** The participant and its tracks are gone; emits LEFT. */
void sfu_room_leave(struct sfu_room *room, struct sfu_participant *participant, enum sfu_reason reason);
/** Leaves with REMOVED, and stays out. */
void sfu_room_remove(struct sfu_room *room, struct sfu_participant *participant);

/** The participant has a microphone that can make it the speaker; until it is taken out of room->speakers. */
void sfu_room_add_speaker(struct sfu_room *room, uint64_t now_us, uint64_t participant_id);
/** Emits SPEAKER if the dominant speaker is another than the one last told. */
void sfu_room_tell_speaker(struct sfu_room *room);
void sfu_room_on_mute(struct sfu_room *room, uint64_t now_us, uint64_t participant_id);
/** RFC 6464 level of a packet that is forwarded. */
void sfu_room_on_level(struct sfu_room *room, uint64_t participant_id, uint64_t now_us, uint8_t level);

/** Runs the speaker decision and the closing time. May close and free the room. */
void sfu_room_poll(struct sfu_room *room, uint64_t now_us);
/** Sets the timer anew (the wall clock may have jumped). */
void sfu_room_update_timer(struct sfu_room *room);

#endif
