/* SPDX-License-Identifier: Apache-2.0 */
/**
 * context.h - what all objects of one engine share: tables, timers, packet memory, egress, counters.
 *
 * The engine owns it; rooms, participants and tracks get a pointer to it when they are made and never outlive it. It
 * exists so that a track can count a drop or set a timer without knowing the engine. Threads: one owner.
 * Units: _us microseconds of the caller's monotonic clock, unless the name says wall (since 1970 UTC).
 */
#ifndef CONSILIUM_SFU_ROOM_CONTEXT_H
#define CONSILIUM_SFU_ROOM_CONTEXT_H

#include <stdint.h>

#include "base/deadline.h"
#include "base/hash.h"
#include "base/heap.h"
#include "base/pool.h"
#include "sfu/media/packet.h"
#include "sfu/room/early_checks.h"
#include "sfu/room/engine.h"
#include "sfu/transport/demux.h"

enum sfu_timer_kind { SFU_TIMER_ROOM, SFU_TIMER_PARTICIPANT };

/** Lies in a room or a participant; the engine polls its owner when it is due. */
struct sfu_timer {
    struct base_heap_node node;
    enum sfu_timer_kind kind;
};

struct sfu_context {
    struct sfu_engine_config config;
    struct sfu_egress *egress;
    struct sfu_demux *demux;       /**< owners are struct sfu_link */
    struct base_pool *packets;     /**< struct sfu_packet */
    struct sfu_packet *scratch;    /**< for packets that are not kept: audio, or when the pool is exhausted */
    struct base_heap timers;       /**< struct sfu_timer */
    struct base_map rooms;         /**< room id -> struct sfu_room */
    struct base_map participants;  /**< participant id -> struct sfu_participant */
    struct base_map tracks;        /**< track id -> struct sfu_up_track */
    struct sfu_early_checks early; /**< came before the answer that explains them */
    struct sfu_stats stats;
    int64_t wall_offset_us;
    uint64_t prng;
};

/** Hands the event to the engine's owner. */
void sfu_context_emit(struct sfu_context *context, const struct sfu_event *event);
/** Wall clock of `now_us`; 0 if it would be before 1970. */
uint64_t sfu_context_wall_us(const struct sfu_context *context, uint64_t now_us);
/** The monotonic time of a wall-clock time; 0 if it is long past. */
uint64_t sfu_context_mono_us(const struct sfu_context *context, uint64_t wall_us);
/** Sets a timer. Its place was reserved by sfu_context_reserve_timer(). */
void sfu_context_set_timer(struct sfu_context *context, struct sfu_timer *timer, uint64_t deadline_us);
/** Moves a timer forward, never back: one comparison in the usual case, so packets may call it. */
static inline void sfu_context_wake_at(struct sfu_context *context, struct sfu_timer *timer, uint64_t deadline_us)
{
    if (deadline_us < timer->node.deadline_us || (timer->node.index == 0 && deadline_us != BASE_NEVER_US))
        sfu_context_set_timer(context, timer, deadline_us);
}
/** Makes sure that one more room or participant can have its timer. Returns 0 or BASE_ERR_NOMEM. */
int sfu_context_reserve_timer(struct sfu_context *context);
/** Random bits from the seeded generator: not for secrets. */
uint32_t sfu_context_random(struct sfu_context *context);
/** Gives a packet back, unless it is the scratch packet. */
void sfu_context_release(struct sfu_context *context, struct sfu_packet *packet);

#endif
