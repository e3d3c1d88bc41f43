/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/room/context.h"

#include "base/random.h"

void sfu_context_emit(struct sfu_context *context, const struct sfu_event *event)
{
    if (context->config.on_event != NULL)
        context->config.on_event(context->config.user, event);
}

uint64_t sfu_context_wall_us(const struct sfu_context *context, uint64_t now_us)
{
    int64_t wall = (int64_t)now_us + context->wall_offset_us;
    return wall < 0 ? 0 : (uint64_t)wall;
}

uint64_t sfu_context_mono_us(const struct sfu_context *context, uint64_t wall_us)
{
    if (wall_us > INT64_MAX / 2)
        return BASE_NEVER_US;
    int64_t mono = (int64_t)wall_us - context->wall_offset_us;
    return mono < 0 ? 0 : (uint64_t)mono;
}

void sfu_context_set_timer(struct sfu_context *context, struct sfu_timer *timer, uint64_t deadline_us)
{
    /* Cannot fail: the place was reserved when the owner was made. */
    (void)base_heap_set(&context->timers, &timer->node, deadline_us);
}

int sfu_context_reserve_timer(struct sfu_context *context)
{
    return base_heap_reserve(&context->timers, context->rooms.count + context->participants.count + 1);
}

uint32_t sfu_context_random(struct sfu_context *context)
{
    return (uint32_t)(base_prng_next(&context->prng) >> 32);
}

void sfu_context_release(struct sfu_context *context, struct sfu_packet *packet)
{
    if (packet != context->scratch)
        base_pool_give(context->packets, packet);
}
