/* SPDX-License-Identifier: Apache-2.0 */
/* Which packets were here, which of them count, and the holes in speech. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "bench/client/receive_internal.h"

#define AUDIO_FRAME_US   20000u
#define AUDIO_GAP_FRAMES (BENCH_AUDIO_GAP_US / AUDIO_FRAME_US)
#define DTX_EVERY_FRAMES 20u      /* of silence, one is sent: every 400 ms */
#define AUDIO_DEAD_US    1000000u /* even a silent source would have been heard twice */

struct bench_serials *bench_receive_serials(const struct bench_receive_stream *stream, unsigned layer)
{
    unsigned count = stream->config.video ? BENCH_RECEIVE_LAYERS : 1;
    return layer < count ? &stream->serials[layer] : NULL;
}

static uint64_t *word_of(struct bench_serials *serials, uint32_t serial)
{
    return &serials->bits[serial % BENCH_SERIAL_WINDOW / 64];
}

/* The window moves up to `serial`: what it leaves behind is forgotten. */
static void move_to(struct bench_serials *serials, uint32_t serial)
{
    uint32_t highest = serials->known.highest_serial;
    if (serial - highest >= BENCH_SERIAL_WINDOW)
        memset(serials->bits, 0, sizeof serials->bits);
    else
        for (uint32_t s = highest + 1; s != serial + 1; s++)
            *word_of(serials, s) &= ~((uint64_t)1 << s % 64);
    serials->known.highest_serial = serial;
}

enum bench_serial_is bench_serials_add(struct bench_serials *serials, uint32_t serial)
{
    struct bench_receive_layer *known = &serials->known;
    if (!known->seen) {
        known->seen = true;
        known->first_serial = known->highest_serial = serial;
    } else if (serial > known->highest_serial) {
        move_to(serials, serial);
    } else if (known->highest_serial - serial >= BENCH_SERIAL_WINDOW) {
        return BENCH_SERIAL_TOO_OLD;
    }
    uint64_t *word = word_of(serials, serial), bit = (uint64_t)1 << serial % 64;
    if (*word & bit)
        return BENCH_SERIAL_SEEN;
    *word |= bit;
    if (serial < known->first_serial)
        known->first_serial = serial;
    return BENCH_SERIAL_NEW;
}

void bench_receive_count(struct bench_receive_stream *stream, uint64_t arrival_us, const struct bench_stamp *stamp,
                         uint32_t bytes, bool repaired, bool reordered)
{
    struct bench_serials *serials = &stream->serials[stamp->layer];
    uint64_t delay_us = arrival_us > stamp->send_us ? arrival_us - stamp->send_us : 0;
    stream->counters.bytes += bytes;
    stream->counters.reordered += reordered;
    serials->known.packets++;
    serials->known.bytes += bytes;
    bench_histogram_add(&stream->delay, delay_us);
    if (stream->live != NULL)
        bench_histogram_add(stream->live, delay_us);
    struct bench_receive_since *since = stream->since;
    if (since == NULL || !serials->marked || stamp->serial < serials->mark)
        return;
    since->delivered++;
    since->repaired += repaired;
    since->reordered += reordered;
    since->bytes += bytes;
    since->layer_bytes[stamp->layer] += bytes;
    bench_histogram_add(&since->delay, delay_us);
}

void bench_receive_error(struct bench_receive_stream *stream, uint64_t *counter)
{
    ++*counter;
    if (stream->since == NULL)
        return;
    if (counter == &stream->counters.err_checksum)
        stream->since->corrupt++;
    else if (counter == &stream->counters.err_duplicate)
        stream->since->duplicated++;
    else
        stream->since->wrong++;
}

void bench_receive_freeze(struct bench_receive_stream *stream, uint64_t length_us)
{
    struct bench_receive_counters *counters = &stream->counters;
    counters->freezes++;
    counters->freeze_us += length_us;
    if (length_us > counters->freeze_longest_us)
        counters->freeze_longest_us = length_us;
    struct bench_receive_since *since = stream->since;
    if (since == NULL)
        return;
    since->freezes++;
    since->freeze_us += length_us;
    if (length_us > since->freeze_longest_us)
        since->freeze_longest_us = length_us;
}

/* ---- holes in speech ------------------------------------------------------------------------------------------ */

static void lost_in_a_row(struct bench_receive_stream *stream, uint64_t frames)
{
    if (frames >= AUDIO_GAP_FRAMES)
        bench_receive_freeze(stream, frames * AUDIO_FRAME_US);
}

/* Between the packet heard last and this one, which belongs to a run of `run` frames sent in consecutive slots, lie
 * `lost` packets that did not come. */
static void look_for_gap(struct bench_receive_stream *stream, uint64_t arrival_us, const struct bench_stamp *stamp)
{
    uint64_t lost = stamp->serial - stream->heard_serial - 1u, before = stamp->run - 1u;
    uint64_t slots = stamp->frame - stream->heard_frame; /* from that packet to this one */
    if (slots <= before) {
        /* One run: a frame was due every 20 ms. */
        uint64_t hole_us = arrival_us > stream->heard_us + AUDIO_FRAME_US ? arrival_us - stream->heard_us : 0;
        hole_us = hole_us != 0 ? hole_us - AUDIO_FRAME_US : 0;
        if (hole_us < lost * AUDIO_FRAME_US)
            hole_us = lost * AUDIO_FRAME_US;
        if ((stream->heard_voice || stamp->voice) && (hole_us > BENCH_AUDIO_GAP_US || lost >= AUDIO_GAP_FRAMES))
            bench_receive_freeze(stream, hole_us);
        return;
    }
    /* This run began after a silence: what is missing of its beginning, */
    uint64_t of_run = lost < before ? lost : before;
    if (stamp->voice)
        lost_in_a_row(stream, of_run);
    /* and of what was said before it. In silence one slot of 20 is sent; if more packets are missing than
     * that accounts for, they were speech. */
    uint64_t others = lost - of_run, other_slots = slots - before - 1;
    if (others * DTX_EVERY_FRAMES > other_slots)
        lost_in_a_row(stream, (others * DTX_EVERY_FRAMES - other_slots) / (DTX_EVERY_FRAMES - 1));
}

void bench_receive_heard(struct bench_receive_stream *stream, uint64_t arrival_us, const struct bench_stamp *stamp)
{
    if (stream->heard_us != 0) {
        if (stamp->serial <= stream->heard_serial || stamp->frame <= stream->heard_frame || stamp->run == 0)
            return; /* a newer number on an older packet: the account of duplicates has it */
        look_for_gap(stream, arrival_us, stamp);
    }
    stream->heard_us = arrival_us;
    stream->heard_frame = stamp->frame;
    stream->heard_serial = stamp->serial;
    stream->heard_voice = stamp->voice;
}

void bench_receive_close_gap(struct bench_receive_stream *stream, uint64_t now_us)
{
    uint64_t quiet_us = stream->heard_us != 0 && now_us > stream->heard_us ? now_us - stream->heard_us : 0;
    if (quiet_us <= (stream->heard_voice ? AUDIO_FRAME_US + BENCH_AUDIO_GAP_US : AUDIO_DEAD_US))
        return;
    bench_receive_freeze(stream, quiet_us - AUDIO_FRAME_US);
    stream->heard_us = now_us;
    stream->heard_voice = false;
}

/* ---- marks ---------------------------------------------------------------------------------------------------- */

int bench_receive_stream_mark(struct bench_receive_stream *stream, unsigned layer, uint32_t from_serial)
{
    struct bench_serials *serials = bench_receive_serials(stream, layer);
    if (serials == NULL)
        return BASE_ERR_INVALID;
    if (stream->since == NULL)
        stream->since = malloc(sizeof *stream->since);
    if (stream->since == NULL)
        return BASE_ERR_NOMEM;
    memset(stream->since, 0, sizeof *stream->since);
    serials->marked = true;
    serials->mark = from_serial;
    return 0;
}

const struct bench_receive_since *bench_receive_stream_since(const struct bench_receive_stream *stream)
{
    return stream->since;
}

const struct bench_receive_layer *bench_receive_stream_layer(const struct bench_receive_stream *stream, unsigned layer)
{
    static const struct bench_receive_layer nothing;
    const struct bench_serials *serials = bench_receive_serials(stream, layer);
    return serials != NULL ? &serials->known : &nothing;
}

void bench_receive_stream_set_live_delay(struct bench_receive_stream *stream, struct bench_histogram *live)
{
    stream->live = live;
}
