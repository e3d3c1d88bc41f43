/* SPDX-License-Identifier: Apache-2.0 */
/* decoded.c - the sample that is truly decoded: which edges, said by the plan alone, and what their decoders saw. */
#include <assert.h>
#include <stdlib.h>

#include "bench/run/run_internal.h"

#define SCREENS_MAX 2u /* of BENCH_DECODED_MAX, where there are cameras too */

/* The seat that shares first in each room is the one whose screen there will surely be. */
static bool shares_first(const struct bench_run *run, uint32_t seat)
{
    for (size_t i = 0; i < run->plan.action_count; i++) {
        const struct bench_action *action = &run->plan.actions[i];
        if (action->kind == BENCH_ACT_SCREEN && action->on &&
            run->plan.seats[action->person].room == run->plan.seats[seat].room)
            return action->person == seat;
    }
    return false;
}

/* Which seats' source there is to decode. NULL: no memory. */
static bool *publishers_of(const struct bench_run *run, enum bench_source source)
{
    bool *has = calloc(run->plan.seat_count, sizeof *has);
    for (uint32_t i = 0; has != NULL && i < run->plan.seat_count; i++) {
        const struct bench_seat *seat = &run->plan.seats[i];
        has[i] = i % run->scenario->people < run->publishers &&
                 (source == BENCH_MIC      ? seat->mic
                  : source == BENCH_CAMERA ? seat->camera
                                           : seat->screen && shares_first(run, i));
    }
    return has;
}

/* How many of them a receiver gets. */
static uint32_t heard_by(const struct bench_run *run, const bool *has, uint32_t receiver)
{
    uint32_t first = receiver - receiver % run->scenario->people, count = 0;
    for (uint32_t i = first; i < first + run->publishers; i++)
        count += has[i] && i != receiver;
    return count;
}

/* Takes the `turn`-th of a receiver's edges (modulo their number, which is not 0) that is not taken yet. */
static void take(struct bench_run *run, const bool *has, enum bench_source source, uint32_t receiver, uint32_t turn)
{
    uint32_t first = receiver - receiver % run->scenario->people, publishers = run->publishers;
    uint32_t heard = heard_by(run, has, receiver);
    assert(publishers != 0 && heard != 0);
    uint32_t skip = turn % heard;
    for (uint32_t i = 0; i < 2 * publishers; i++) {
        uint32_t publisher = first + i % publishers;
        struct bench_run_edge *edge = bench_run_edge_of(run, publisher, source, receiver);
        if (edge == NULL || !has[publisher] || (i < publishers && skip != 0 && skip-- != 0) || edge->sample)
            continue;
        edge->sample = true;
        return;
    }
}

/* Returns how many were taken. */
static uint32_t take_source(struct bench_run *run, enum bench_source source, uint32_t most)
{
    bool *has = publishers_of(run, source);
    uint64_t edges = 0;
    uint32_t receivers = 0, at = 0, taken = 0;
    for (uint32_t i = 0; has != NULL && i < run->plan.seat_count; i++) {
        edges += heard_by(run, has, i);
        receivers += heard_by(run, has, i) != 0;
    }
    uint64_t wanted = (edges + run->scenario->decode_every - 1) / run->scenario->decode_every;
    uint32_t count = wanted < most ? (uint32_t)wanted : most;
    for (uint32_t i = 0; has != NULL && i < run->plan.seat_count; i++) {
        if (heard_by(run, has, i) == 0)
            continue;
        for (; taken < count && (uint64_t)taken * receivers / count == at; taken++)
            take(run, has, source, i, taken);
        at++;
    }
    free(has);
    return taken;
}

void bench_run_decoded_choose(struct bench_run *run)
{
    if (run->scenario->decode_every == 0)
        return;
    (void)take_source(run, BENCH_MIC, BENCH_DECODED_MAX);
    uint32_t screens = take_source(run, BENCH_SCREEN, run->scenario->camera ? SCREENS_MAX : BENCH_DECODED_MAX);
    (void)take_source(run, BENCH_CAMERA, BENCH_DECODED_MAX - screens);
}

static void on_frame(void *user, unsigned layer, uint32_t content, const uint8_t *frame, size_t len)
{
    bench_decode_check_on_frame(user, layer, content, frame, len);
}

void bench_run_decoded_begin(struct bench_run *run, struct bench_run_edge *edge, enum bench_source source)
{
    const struct bench_clip *clips[BENCH_LAYERS];
    size_t count = 0;
    if (!edge->sample || edge->check != NULL)
        return;
    while (count < BENCH_LAYERS && bench_media_kit_clip(*run->kit, source, (unsigned)count) != NULL) {
        clips[count] = bench_media_kit_clip(*run->kit, source, (unsigned)count);
        count++;
    }
    if (count == 0 || bench_decode_check_create(&edge->check, clips, count) != 0)
        return;
    if (bench_receive_stream_set_tap(edge->stream, on_frame, edge->check) == 0)
        run->result->decoded_tracks++;
}

void bench_run_decoded_end(struct bench_run *run, struct bench_run_edge *edge)
{
    struct bench_result *result = run->result;
    if (edge->check == NULL)
        return;
    if (edge->stream != NULL)
        (void)bench_receive_stream_set_tap(edge->stream, NULL, NULL);
    const struct bench_decode_counters *counters = bench_decode_check_counters(edge->check);
    result->decoded_frames += counters->frames;
    result->undecodable_frames += counters->undecodable;
    result->wrong_frames += counters->wrong;
    if (counters->compared != 0 && (result->compared_frames == 0 || counters->psnr_min_db < result->psnr_min_db))
        result->psnr_min_db = counters->psnr_min_db;
    uint64_t compared = result->compared_frames + counters->compared;
    if (compared != 0)
        result->psnr_mean_db =
            (result->psnr_mean_db * (double)result->compared_frames + counters->psnr_sum_db) / (double)compared;
    result->compared_frames = compared;
    bench_decode_check_destroy(edge->check);
    edge->check = NULL;
}
