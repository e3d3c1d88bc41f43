/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/room/engine.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "sfu/room/ingress.h"
#include "sfu/room/room.h"
#include "sfu/wire/stun.h"

#define TIMER_REST_US 1000u /* a timer that stays due is not polled again before that: no input can spin the loop */

struct sfu_engine {
    struct sfu_context context;
};

int sfu_engine_create(struct sfu_engine **out, const struct sfu_engine_config *config)
{
    *out = NULL;
    if (config->identity == NULL || config->packet_max == 0 || config->egress_chunk_max == 0)
        return BASE_ERR_INVALID;
    struct sfu_engine *engine = calloc(1, sizeof *engine);
    if (engine == NULL)
        return BASE_ERR_NOMEM;
    struct sfu_context *context = &engine->context;
    context->config = *config;
    context->prng = config->random_seed == 0 ? 1 : config->random_seed;
    context->scratch = calloc(1, sizeof *context->scratch);
    int err = context->scratch == NULL ? BASE_ERR_NOMEM : 0;
    if (err == 0)
        err = sfu_egress_create(&context->egress, config->egress_chunk_max);
    if (err == 0)
        err = sfu_demux_create(&context->demux);
    if (err == 0)
        err = base_pool_create(&context->packets, sizeof(struct sfu_packet), config->packet_max);
    if (err == 0)
        err = base_map_init(&context->rooms, 16, config->hash_key[0]);
    if (err == 0)
        err = base_map_init(&context->participants, 64, config->hash_key[0]);
    if (err == 0)
        err = base_map_init(&context->tracks, 128, config->hash_key[0]);
    if (err != 0) {
        sfu_engine_destroy(engine);
        return err;
    }
    *out = engine;
    return 0;
}

/* Any room of the table; NULL when there is none. */
static struct sfu_room *any_room(struct sfu_context *context)
{
    size_t cursor = 0;
    return context->rooms.count == 0 ? NULL : base_map_next(&context->rooms, &cursor, NULL);
}

void sfu_engine_destroy(struct sfu_engine *engine)
{
    if (engine == NULL)
        return;
    struct sfu_context *context = &engine->context;
    struct sfu_room *room;
    context->config.on_path_unused = NULL; /* the sockets may be gone already */
    while ((room = any_room(context)) != NULL)
        sfu_room_destroy(room);
    base_map_clear(&context->rooms);
    base_map_clear(&context->participants);
    base_map_clear(&context->tracks);
    base_heap_clear(&context->timers);
    base_pool_destroy(context->packets);
    sfu_demux_destroy(context->demux);
    sfu_egress_destroy(context->egress);
    free(context->scratch);
    free(engine);
}

void sfu_engine_set_wall_offset_us(struct sfu_engine *engine, int64_t offset_us)
{
    engine->context.wall_offset_us = offset_us;
    size_t cursor = 0;
    struct sfu_room *room;
    while ((room = base_map_next(&engine->context.rooms, &cursor, NULL)) != NULL)
        sfu_room_update_timer(room);
}

/* ---- commands ---------------------------------------------------------------------------------------------------- */

static void refuse(struct sfu_context *context, const struct sfu_command *command, enum sfu_reason reason)
{
    sfu_context_emit(context, &(struct sfu_event){.kind = SFU_EVENT_REFUSED,
                                                  .room_id = command->room_id,
                                                  .participant_id = command->participant_id,
                                                  .reason = reason});
}

static uint32_t join(struct sfu_context *context, uint64_t now_us, const struct sfu_command *command)
{
    struct sfu_room *room = base_map_get(&context->rooms, command->room_id);
    if (base_map_get(&context->participants, command->participant_id) != NULL ||
        (command->identity[0] == 0 && command->identity[1] == 0))
        return 1;
    if (room == NULL)
        refuse(context, command, SFU_REASON_ROOM_CLOSED);
    else
        sfu_room_join(room, now_us, command);
    return 0;
}

static uint32_t room_command(struct sfu_context *context, const struct sfu_command *command)
{
    struct sfu_room *room = base_map_get(&context->rooms, command->room_id);
    if (command->kind == SFU_COMMAND_ROOM_OPEN) {
        int err = sfu_room_open(context, command->room_id, &command->policy);
        if (err != 0 && err != BASE_ERR_EXISTS) /* else its opener would wait for it, and refuse its name, for ever */
            sfu_context_emit(context, &(struct sfu_event){.kind = SFU_EVENT_ROOM_CLOSED,
                                                          .room_id = command->room_id,
                                                          .reason = SFU_REASON_NO_RESOURCES});
        return err != 0;
    }
    if (room == NULL)
        return 1;
    sfu_room_close(room, command->reason == SFU_REASON_NONE ? SFU_REASON_ROOM_CLOSED : command->reason);
    return 0;
}

static uint32_t participant_command(struct sfu_context *context, uint64_t now_us, const struct sfu_command *command)
{
    struct sfu_participant *participant = base_map_get(&context->participants, command->participant_id);
    if (participant == NULL || participant->room->id != command->room_id)
        return 1;
    switch (command->kind) {
    case SFU_COMMAND_LEAVE:
        sfu_room_leave(participant->room, participant,
                       command->reason == SFU_REASON_NONE ? SFU_REASON_LEFT : command->reason);
        return 0;
    case SFU_COMMAND_REMOVE:
        sfu_room_remove(participant->room, participant);
        return 0;
    case SFU_COMMAND_TRANSPORT:
        return sfu_participant_transport(participant, now_us, command);
    case SFU_COMMAND_PUBLISH:
        return sfu_participant_publish(participant, now_us, command);
    case SFU_COMMAND_SUBSCRIBE:
        return sfu_participant_subscribe(participant, now_us, command);
    case SFU_COMMAND_VIEW:
        return sfu_participant_view(participant, now_us, command);
    case SFU_COMMAND_MUTE:
        return sfu_participant_mute(participant, now_us, command);
    default:
        return 1;
    }
}

/* ---- datagrams --------------------------------------------------------------------------------------------------- */

/* A stranger's STUN costs a parse and a table look-up; only who names one of our ufrags costs an HMAC. */
static void on_stun(struct sfu_context *context, uint64_t now_us, const struct sfu_path *path, const uint8_t *datagram,
                    size_t len)
{
    struct sfu_stun_peek peek;
    context->stats.stun_in++;
    if (sfu_stun_peek(datagram, len, &peek) != 0) {
        context->stats.dropped_malformed++;
        return;
    }
    struct sfu_link *link = NULL;
    if (peek.message_class == SFU_STUN_REQUEST && peek.local_ufrag_len > 0)
        link = sfu_demux_by_ufrag(context->demux, peek.local_ufrag, peek.local_ufrag_len);
    if (link == NULL) {
        context->stats.dropped_stun_stranger++;
        if (peek.message_class == SFU_STUN_REQUEST && peek.local_ufrag_len > 0)
            sfu_early_checks_keep(&context->early, now_us, path, peek.local_ufrag, peek.local_ufrag_len, datagram, len);
        return;
    }
    if (!sfu_link_on_stun(link, now_us, path, datagram, len))
        context->stats.dropped_stun_auth++;
    sfu_participant_on_link_input(link->owner, now_us, link);
}

static void on_peer_datagram(struct sfu_context *context, uint64_t now_us, enum sfu_datagram_class class,
                             const struct sfu_path *path, uint8_t *datagram, size_t len)
{
    struct sfu_link *link = sfu_demux_by_path(context->demux, path);
    if (link == NULL) {
        context->stats.dropped_unknown_path++;
        return;
    }
    switch (class) {
    case SFU_DATAGRAM_DTLS:
        context->stats.dtls_in++;
        sfu_transport_on_dtls(link->transport, now_us, datagram, len);
        sfu_participant_on_link_input(link->owner, now_us, link);
        break;
    case SFU_DATAGRAM_RTP:
        context->stats.rtp_in++;
        if (link->kind == SFU_PUBLISH)
            sfu_ingress_rtp(link->owner, now_us, datagram, len);
        else
            context->stats.dropped_unknown_ssrc++; /* nothing is published on this connection */
        break;
    default:
        context->stats.rtcp_in++;
        sfu_ingress_rtcp(link, now_us, datagram, len);
        break;
    }
}

void sfu_engine_on_datagram(struct sfu_engine *engine, uint64_t now_us, const struct sfu_path *path, uint8_t *datagram,
                            size_t len)
{
    struct sfu_context *context = &engine->context;
    context->stats.datagrams_in++;
    context->stats.bytes_in += len;
    enum sfu_datagram_class class = sfu_datagram_classify(datagram, len);
    if (class == SFU_DATAGRAM_STUN)
        on_stun(context, now_us, path, datagram, len);
    else if (class == SFU_DATAGRAM_UNKNOWN)
        context->stats.dropped_malformed++;
    else
        on_peer_datagram(context, now_us, class, path, datagram, len);
}

void sfu_engine_on_path_closed(struct sfu_engine *engine, const struct sfu_path *path)
{
    struct sfu_context *context = &engine->context;
    struct sfu_link *link = sfu_demux_by_path(context->demux, path);
    if (link == NULL)
        return;
    /* The two links of a participant may share a connection; the table names only one of them. */
    for (int i = 0; i < 2; i++)
        sfu_link_on_path_closed(&link->owner->links[i], path);
}

/* ---- a command
 * ------------------------------------------------------------------------------------------------------- */

/* The answer is here: the checks that were faster than it. */
static void replay_early_checks(struct sfu_context *context, uint64_t now_us, const char *ufrag)
{
    const struct sfu_early_check *check;
    for (unsigned i = 0; i < SFU_EARLY_CHECKS && (check = sfu_early_checks_take(&context->early, now_us, ufrag)); i++) {
        context->stats.stun_early++;
        on_stun(context, now_us, &check->path, check->datagram, check->len);
    }
}

void sfu_engine_command(struct sfu_engine *engine, uint64_t now_us, const struct sfu_command *command)
{
    struct sfu_context *context = &engine->context;
    struct sfu_room *room;
    uint32_t ignored = 0;
    context->stats.commands++;
    switch (command->kind) {
    case SFU_COMMAND_ROOM_OPEN:
    case SFU_COMMAND_ROOM_CLOSE:
        ignored = room_command(context, command);
        break;
    case SFU_COMMAND_JOIN:
        ignored = join(context, now_us, command);
        break;
    case SFU_COMMAND_STOP:
        while ((room = any_room(context)) != NULL)
            sfu_room_close(room, SFU_REASON_SHUTDOWN);
        break;
    default:
        ignored = participant_command(context, now_us, command);
        break;
    }
    context->stats.commands_ignored += ignored;
    if (command->kind == SFU_COMMAND_TRANSPORT && ignored == 0)
        replay_early_checks(context, now_us, command->transport.local.ufrag);
}

/* ---- time -------------------------------------------------------------------------------------------------------- */

uint64_t sfu_engine_deadline_us(const struct sfu_engine *engine)
{
    const struct base_heap_node *first = base_heap_first(&engine->context.timers);
    return first == NULL ? BASE_NEVER_US : first->deadline_us;
}

void sfu_engine_poll(struct sfu_engine *engine, uint64_t now_us)
{
    struct sfu_context *context = &engine->context;
    struct base_heap_node *node;
    while ((node = base_heap_first(&context->timers)) != NULL && node->deadline_us <= now_us) {
        struct sfu_timer *timer = base_container_of(node, struct sfu_timer, node);
        uint64_t room_id = 0;
        if (timer->kind == SFU_TIMER_PARTICIPANT) {
            sfu_participant_poll(base_container_of(timer, struct sfu_participant, timer), now_us);
        } else {
            struct sfu_room *room = base_container_of(timer, struct sfu_room, timer);
            room_id = room->id;
            sfu_room_poll(room, now_us);
            if (base_map_get(&context->rooms, room_id) != room)
                continue; /* its time was over */
        }
        if (timer->node.index != 0 && timer->node.deadline_us <= now_us)
            sfu_context_set_timer(context, timer, now_us + TIMER_REST_US);
    }
}

struct sfu_egress *sfu_engine_egress(struct sfu_engine *engine)
{
    return engine->context.egress;
}

void sfu_engine_stats(const struct sfu_engine *engine, struct sfu_stats *out)
{
    *out = engine->context.stats;
    out->egress_dropped = sfu_egress_counters(engine->context.egress)->dropped;
}
