/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/sfu/fake_engine.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "sfu/room/engine.h"
#include "sfu/transport/dtls_session.h"
#include "sfu/wire/stun.h"

#define MEMBERS_MAX 4096
#define RUNS_MAX    2048

sem_t fake_blocked, fake_release;
atomic_ulong fake_commands, fake_paths_closed;

/* ---- egress ------------------------------------------------------------------------------------------------------ */

struct sfu_egress {
    struct sfu_egress_run runs[RUNS_MAX];
    size_t count;
    uint8_t memory[RUNS_MAX][1500];
};

const struct sfu_egress_run *sfu_egress_runs(const struct sfu_egress *egress, size_t *count)
{
    *count = egress->count;
    return egress->runs;
}

void sfu_egress_reset(struct sfu_egress *egress)
{
    egress->count = 0;
}

/* ---- engine ------------------------------------------------------------------------------------------------------ */

struct sfu_engine {
    struct sfu_engine_config config;
    struct sfu_egress egress;
    uint64_t deadline_us, timer_room;
    uint64_t datagrams;
    struct {
        uint64_t room, participant; /* participant 0: the room itself */
    } members[MEMBERS_MAX];
    size_t member_count;
};

int sfu_engine_create(struct sfu_engine **out, const struct sfu_engine_config *config)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL)
        return BASE_ERR_NOMEM;
    (*out)->config = *config;
    (*out)->deadline_us = BASE_NEVER_US;
    return 0;
}

void sfu_engine_destroy(struct sfu_engine *engine)
{
    free(engine);
}

void sfu_engine_set_wall_offset_us(struct sfu_engine *engine, int64_t offset_us)
{
    (void)engine;
    (void)offset_us;
}

static void tell(struct sfu_engine *engine, enum sfu_event_kind kind, uint64_t room, uint64_t participant,
                 enum sfu_reason reason)
{
    const struct sfu_event event = {.kind = kind, .room_id = room, .participant_id = participant, .reason = reason};
    engine->config.on_event(engine->config.user, &event);
}

static void add(struct sfu_engine *engine, uint64_t room, uint64_t participant)
{
    if (engine->member_count == MEMBERS_MAX)
        abort();
    engine->members[engine->member_count].room = room;
    engine->members[engine->member_count++].participant = participant;
}

static bool drop(struct sfu_engine *engine, uint64_t room, uint64_t participant)
{
    for (size_t i = 0; i < engine->member_count; i++) {
        if (engine->members[i].room == room && engine->members[i].participant == participant) {
            engine->members[i] = engine->members[--engine->member_count];
            return true;
        }
    }
    return false;
}

static void close_room(struct sfu_engine *engine, uint64_t room, enum sfu_reason reason)
{
    for (size_t i = 0; i < engine->member_count;) {
        uint64_t participant = engine->members[i].participant;
        if (engine->members[i].room != room || participant == 0) {
            i++;
            continue;
        }
        drop(engine, room, participant);
        tell(engine, SFU_EVENT_LEFT, room, participant, reason);
    }
    if (drop(engine, room, 0))
        tell(engine, SFU_EVENT_ROOM_CLOSED, room, 0, reason);
}

static void handle(struct sfu_engine *engine, uint64_t now_us, const struct sfu_command *command)
{
    if (command->track_id == FAKE_BLOCK) {
        sem_post(&fake_blocked);
        sem_wait(&fake_release);
    } else if (command->track_id == FAKE_TIMER) {
        engine->deadline_us = now_us + 5000;
        engine->timer_room = command->room_id;
    } else if (command->track_id >= FAKE_EVENTS) {
        for (uint64_t i = 0; i < command->track_id; i++) {
            const struct sfu_event event = {.kind = SFU_EVENT_QUALITY, .room_id = command->room_id, .track_id = i};
            engine->config.on_event(engine->config.user, &event);
        }
    }
}

void sfu_engine_command(struct sfu_engine *engine, uint64_t now_us, const struct sfu_command *command)
{
    atomic_fetch_add(&fake_commands, 1);
    switch (command->kind) {
    case SFU_COMMAND_ROOM_OPEN:
        add(engine, command->room_id, 0);
        break;
    case SFU_COMMAND_ROOM_CLOSE:
        close_room(engine, command->room_id, command->reason);
        break;
    case SFU_COMMAND_JOIN:
        add(engine, command->room_id, command->participant_id);
        tell(engine, SFU_EVENT_JOINED, command->room_id, command->participant_id, SFU_REASON_NONE);
        break;
    case SFU_COMMAND_LEAVE:
    case SFU_COMMAND_REMOVE:
        if (drop(engine, command->room_id, command->participant_id))
            tell(engine, SFU_EVENT_LEFT, command->room_id, command->participant_id, command->reason);
        break;
    case SFU_COMMAND_PUBLISH:
        for (uint32_t i = 0; i < command->up_count; i++) {
            const struct sfu_event event = {
                .kind = SFU_EVENT_TRACK_PUBLISHED, .room_id = command->room_id, .track_id = command->up[i].track_id};
            engine->config.on_event(engine->config.user, &event);
        }
        break;
    case SFU_COMMAND_SUBSCRIBE:
        for (uint32_t i = 0; i < command->down_count; i++) {
            const struct sfu_event event = {
                .kind = SFU_EVENT_TRACK_MUTED, .room_id = command->room_id, .track_id = command->down[i].track_id};
            engine->config.on_event(engine->config.user, &event);
        }
        break;
    case SFU_COMMAND_TRANSPORT:
    case SFU_COMMAND_VIEW:
        break;
    case SFU_COMMAND_MUTE:
        handle(engine, now_us, command);
        break;
    case SFU_COMMAND_STOP:
        for (size_t i = 0; i < engine->member_count;) {
            if (engine->members[i].participant == 0) {
                close_room(engine, engine->members[i].room, SFU_REASON_SHUTDOWN);
                i = 0;
            } else {
                i++;
            }
        }
        break;
    }
}

void sfu_engine_on_datagram(struct sfu_engine *engine, uint64_t now_us, const struct sfu_path *path, uint8_t *datagram,
                            size_t len)
{
    (void)now_us;
    engine->datagrams++;
    struct sfu_egress *egress = &engine->egress;
    if (egress->count == RUNS_MAX || len > sizeof egress->memory[0])
        abort();
    uint8_t *copy = egress->memory[egress->count];
    memcpy(copy, datagram, len);
    egress->runs[egress->count++] = (struct sfu_egress_run){
        .path = *path, .data = copy, .bytes = (uint32_t)len, .segment_bytes = (uint16_t)len, .segment_count = 1};
}

void sfu_engine_on_path_closed(struct sfu_engine *engine, const struct sfu_path *path)
{
    (void)engine;
    (void)path;
    atomic_fetch_add(&fake_paths_closed, 1);
}

uint64_t sfu_engine_deadline_us(const struct sfu_engine *engine)
{
    return engine->deadline_us;
}

void sfu_engine_poll(struct sfu_engine *engine, uint64_t now_us)
{
    if (engine->deadline_us > now_us)
        return;
    engine->deadline_us = BASE_NEVER_US;
    tell(engine, SFU_EVENT_SPEAKER, engine->timer_room, 0, SFU_REASON_NONE);
}

struct sfu_egress *sfu_engine_egress(struct sfu_engine *engine)
{
    return &engine->egress;
}

void sfu_engine_stats(const struct sfu_engine *engine, struct sfu_stats *out)
{
    memset(out, 0, sizeof *out);
    out->datagrams_in = engine->datagrams;
}

/* ---- what else worker.c and sfu.c call --------------------------------------------------------------------------- */

static const uint8_t fingerprint[SFU_DTLS_FINGERPRINT_BYTES] = {1, 2, 3};

int sfu_dtls_identity_create(struct sfu_dtls_identity **out)
{
    *out = NULL;
    return 0;
}

void sfu_dtls_identity_destroy(struct sfu_dtls_identity *identity)
{
    (void)identity;
}

const uint8_t *sfu_dtls_identity_fingerprint(const struct sfu_dtls_identity *identity)
{
    (void)identity;
    return fingerprint;
}

/* A "check" is the word check and a ufrag. */
int sfu_stun_peek(const uint8_t *datagram, size_t len, struct sfu_stun_peek *out)
{
    memset(out, 0, sizeof *out);
    if (len < 5 || memcmp(datagram, "check", 5) != 0)
        return BASE_ERR_MALFORMED;
    out->message_class = SFU_STUN_REQUEST;
    out->method = 1;
    out->local_ufrag = (const char *)datagram + 5;
    out->local_ufrag_len = len - 5;
    return 0;
}
