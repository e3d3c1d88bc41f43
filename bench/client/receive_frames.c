/* SPDX-License-Identifier: Apache-2.0 */
/* Frames: complete, in order, decodable; how long none came; and their bytes for those who truly decode. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "bench/client/receive_internal.h"

#define FREEZE_EXTRA_US   150000u  /* libwebrtc: VideoQualityObserver::kMinIncreaseForFreezeMs */
#define FREEZE_MIN_FRAMES 10u      /* an average over fewer says nothing, */
#define FREEZE_FEW_US     1000000u /* then this is too long */

/* ---- freezes -------------------------------------------------------------------------------------------------- */

static uint64_t freeze_limit_us(const struct bench_receive_stream *stream)
{
    uint64_t average_us = stream->gap_average_us;
    return 3 * average_us > average_us + FREEZE_EXTRA_US ? 3 * average_us : average_us + FREEZE_EXTRA_US;
}

/* How long the viewer of this frame had to wait since the one before. If the publisher itself had paused in between,
 * only since it went on: `run` captures ago. */
static uint64_t gap_of(const struct bench_receive_stream *stream, uint64_t now_us,
                       const struct bench_receive_slot *first)
{
    uint64_t gap_us = now_us - stream->counters.last_frame_us;
    uint32_t step = first->frame - stream->decoded_frame;
    if (step < first->run || first->run == UINT16_MAX || step >= 0x80000000u)
        return gap_us; /* it never paused */
    uint32_t interval_us = (first->sent_us - stream->decoded_sent_us) / step;
    uint32_t under_way_us = (uint32_t)now_us - first->sent_us;
    uint64_t owed_us = (under_way_us < 0x80000000u ? under_way_us : 0) + (uint64_t)first->run * interval_us;
    return owed_us < gap_us ? owed_us : gap_us;
}

static void frame_shown(struct bench_receive_stream *stream, uint64_t now_us, const struct bench_receive_slot *first)
{
    struct bench_receive_counters *counters = &stream->counters;
    uint64_t gap_us = counters->last_frame_us != 0 ? gap_of(stream, now_us, first) : 0;
    if (counters->frames_decoded > FREEZE_MIN_FRAMES && gap_us > freeze_limit_us(stream))
        bench_receive_freeze(stream, gap_us);
    stream->gap_average_us = stream->gap_average_us == 0 ? gap_us : (stream->gap_average_us * 29 + gap_us) / 30;
    counters->last_frame_us = now_us;
    if (counters->first_frame_us == 0)
        counters->first_frame_us = now_us;
}

void bench_receive_stream_close_freeze(struct bench_receive_stream *stream, uint64_t now_us)
{
    struct bench_receive_counters *counters = &stream->counters;
    if (!stream->config.video) {
        bench_receive_close_gap(stream, now_us);
        return;
    }
    if (counters->frames_decoded == 0 || now_us <= counters->last_frame_us)
        return;
    uint64_t gap_us = now_us - counters->last_frame_us, limit_us = freeze_limit_us(stream);
    if (counters->frames_decoded <= FREEZE_MIN_FRAMES && limit_us < FREEZE_FEW_US)
        limit_us = FREEZE_FEW_US;
    if (gap_us <= limit_us)
        return;
    bench_receive_freeze(stream, gap_us);
    counters->last_frame_us = now_us;
}

/* ---- the tap -------------------------------------------------------------------------------------------------- */

void bench_receive_tap_destroy(struct bench_tap *tap)
{
    if (tap == NULL)
        return;
    free(tap->lengths);
    free(tap->bytes);
    free(tap->frame);
    free(tap);
}

int bench_receive_stream_set_tap(struct bench_receive_stream *stream, bench_frame_fn on_frame, void *user)
{
    bench_receive_tap_destroy(stream->tap);
    stream->tap = NULL;
    if (on_frame == NULL)
        return 0;
    size_t slots = stream->config.video ? (size_t)stream->mask + 1 : 1; /* sound goes straight through */
    struct bench_tap *tap = calloc(1, sizeof *tap);
    if (tap == NULL)
        return BASE_ERR_NOMEM;
    tap->on_frame = on_frame;
    tap->user = user;
    tap->lengths = calloc(slots, sizeof *tap->lengths);
    tap->bytes = malloc(slots * BENCH_TAP_BYTES);
    tap->frame = malloc(slots * BENCH_TAP_BYTES);
    if (tap->lengths == NULL || tap->bytes == NULL || tap->frame == NULL) {
        bench_receive_tap_destroy(tap);
        return BASE_ERR_NOMEM;
    }
    stream->tap = tap;
    return 0;
}

void bench_receive_tap_store(struct bench_receive_stream *stream, uint64_t ext_seq, const uint8_t *data, size_t len)
{
    size_t i = ext_seq & stream->mask;
    if (len > BENCH_TAP_BYTES)
        len = 0; /* no datagram is so long */
    stream->tap->lengths[i] = (uint16_t)len;
    memcpy(stream->tap->bytes + i * BENCH_TAP_BYTES, data, len);
}

static void tap_frame(const struct bench_receive_stream *stream, const struct bench_receive_slot *first, uint64_t from,
                      uint64_t last)
{
    struct bench_tap *tap = stream->tap;
    size_t len = 0;
    tap->started = tap->started || (first->flags & BENCH_SLOT_KEY) != 0;
    for (uint64_t seq = from; seq <= last; seq++) {
        size_t i = seq & stream->mask;
        if (tap->lengths[i] == 0)
            tap->started = false; /* it came before the tap: a decoder can only begin at a key frame */
        memcpy(tap->frame + len, tap->bytes + i * BENCH_TAP_BYTES, tap->lengths[i]);
        len += tap->lengths[i];
    }
    if (tap->started)
        tap->on_frame(tap->user, first->layer, first->content, tap->frame, len);
}

/* ---- decoding ------------------------------------------------------------------------------------------------- */

/* A capture older than the one before. Layers are sent one after another: a publisher that was held up sends two
 * captures of one layer and then the same two of the next, and a server that goes over to that one shows the older
 * capture again, as it has no sender reports yet to know it by. So at a switch of layers what counts is the order of
 * sending; RTP time must go on all the same. */
static bool is_older(const struct bench_receive_stream *stream, const struct bench_receive_slot *first)
{
    bool sent_before = (int32_t)(first->sent_us - stream->decoded_sent_us) < 0;
    return (int32_t)(first->frame - stream->decoded_frame) < 0 &&
           (first->layer == stream->decoded_layer || sent_before);
}

/* Is this frame, which starts at `from`, what may follow the one before? */
static void check_successor(struct bench_receive_stream *stream, const struct bench_receive_slot *first, uint64_t from)
{
    struct bench_receive_counters *counters = &stream->counters;
    uint32_t step = first->frame - stream->decoded_frame;
    bool same_layer = first->layer == stream->decoded_layer;
    bool next = same_layer && first->serial == stream->decoded_serial + 1;
    if ((first->flags & BENCH_SLOT_KEY) == 0 && !next)
        bench_receive_error(stream, &counters->err_reference);
    /* Behind a switch of layers the numbers must go on as if it had not been. (A gap before it is a frame that was cut
     * off, or not repaired: it had a picture id.) */
    bool adjacent = next || (!same_layer && from == stream->next_seq);
    if (adjacent && first->picture_id != ((stream->decoded_picture_id + 1) & 0x7FFF))
        bench_receive_error(stream, &counters->err_picture_id);
    if ((int32_t)(first->timestamp_ts - stream->decoded_timestamp_ts) <= 0 || is_older(stream, first))
        bench_receive_error(stream, &counters->err_timestamp);
    else if (step > 1 && step < 0x80000000u)
        counters->frames_skipped += step - 1;
    counters->layer_switches += !same_layer;
}

/* The frame from..last is complete and its predecessor (if it has one) was decoded. */
static void decode(struct bench_receive_stream *stream, uint64_t now_us, uint64_t from, uint64_t last)
{
    struct bench_receive_counters *counters = &stream->counters;
    const struct bench_receive_slot *first = bench_receive_slot(stream, from);
    uint32_t last_serial = bench_receive_slot(stream, last)->serial;
    if (counters->frames_decoded != 0)
        check_successor(stream, first, from);
    else
        counters->first_stamp_frame = first->frame;
    if (last_serial - first->serial != (uint32_t)(last - from))
        bench_receive_error(stream, &counters->err_reference);
    frame_shown(stream, now_us, first);
    counters->frames_decoded++;
    if (first->flags & BENCH_SLOT_KEY)
        counters->key_frames_decoded++;
    const struct bench_serials *serials = &stream->serials[first->layer];
    if (stream->since != NULL && serials->marked && first->serial >= serials->mark)
        stream->since->frames++;
    counters->last_stamp_frame = first->frame;
    stream->decoded_layer = first->layer;
    stream->decoded_frame = first->frame;
    stream->decoded_serial = last_serial;
    stream->decoded_sent_us = first->sent_us;
    stream->decoded_timestamp_ts = first->timestamp_ts;
    stream->decoded_picture_id = first->picture_id;
    stream->decoding = true;
    stream->next_seq = last + 1;
    stream->waiting_since_us = 0;
    stream->broken = false;
    if (stream->key_start < stream->next_seq)
        stream->key_start = 0;
    if (stream->tap != NULL)
        tap_frame(stream, first, from, last);
}

/* The last packet of the complete frame that starts at `seq`, or 0. */
static uint64_t frame_end(struct bench_receive_stream *stream, struct bench_frame_scan *scan, uint64_t seq)
{
    const struct bench_receive_slot *first = bench_receive_present(stream, seq);
    if (first == NULL || (first->flags & (BENCH_SLOT_FILLER | BENCH_SLOT_START)) != BENCH_SLOT_START)
        return 0;
    if (scan->start != seq)
        *scan = (struct bench_frame_scan){.start = seq, .at = seq};
    for (;; scan->at++) {
        const struct bench_receive_slot *slot = bench_receive_present(stream, scan->at);
        if (slot == NULL || (slot->flags & BENCH_SLOT_FILLER) != 0 || slot->frame != first->frame ||
            slot->layer != first->layer)
            return 0;
        if (slot->timestamp_ts != first->timestamp_ts)
            bench_receive_error(stream, &stream->counters.err_timestamp);
        if (slot->flags & BENCH_SLOT_MARKER)
            return scan->at;
    }
}

void bench_receive_advance(struct bench_receive_stream *stream, uint64_t now_us)
{
    for (;;) {
        if (stream->decoding) {
            const struct bench_receive_slot *slot = bench_receive_present(stream, stream->next_seq);
            if (slot != NULL && (slot->flags & BENCH_SLOT_FILLER) != 0) {
                stream->next_seq++;
                continue;
            }
            uint64_t end = frame_end(stream, &stream->next_scan, stream->next_seq);
            if (end != 0) {
                decode(stream, now_us, stream->next_seq, end);
                continue;
            }
        }
        /* A later key frame frees the decoder of everything before it. */
        uint64_t end = stream->key_start != 0 ? frame_end(stream, &stream->key_scan, stream->key_start) : 0;
        if (end == 0)
            return;
        if (stream->nack != NULL)
            sfu_nack_tracker_forget_before(stream->nack, stream->key_start);
        decode(stream, now_us, stream->key_start, end);
    }
}
