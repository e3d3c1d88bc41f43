/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/client/receive_stream.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "bench/client/stamp.h"
#include "sfu/media/nack_tracker.h"
#include "sfu/media/seq_unwrap.h"
#include "sfu/wire/vp8.h"

/* What is kept of a packet for assembling frames: all but its bytes. */
struct slot {
    uint64_t ext_seq; /* 0: empty */
    uint32_t timestamp_ts;
    uint32_t frame;
    uint32_t serial;
    uint16_t picture_id;
    bool filler; /* no payload: takes a number, means nothing */
    bool start, key, marker;
};

struct bench_receive_stream {
    struct bench_receive_config config;
    struct bench_receive_counters counters;
    struct bench_histogram delay;
    struct sfu_seq_unwrap unwrap;
    struct sfu_rtp_stats stats;
    struct sfu_nack_tracker *nack;
    struct slot *slots;
    uint64_t *serial_seq; /* by serial modulo the window: under which number it came */
    int64_t serial_offset;
    bool has_serial;
    uint64_t highest;

    /* decoding */
    bool decoding; /* next_seq is where the next frame starts */
    uint64_t next_seq;
    uint64_t key_start; /* newest key frame not decoded: where it starts; 0: none */
    uint32_t decoded_frame;
    uint32_t decoded_timestamp_ts;
    uint16_t decoded_picture_id;
    uint64_t gap_average_us;
    uint64_t waiting_since_us; /* first packet since the last decoded frame; 0: none */
    uint64_t last_pli_us;
    bool broken; /* packets were given up: ask for a key frame */
};

int bench_receive_stream_create(struct bench_receive_stream **out, const struct bench_receive_config *config)
{
    *out = NULL;
    struct bench_receive_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL)
        return BASE_ERR_NOMEM;
    stream->config = *config;
    stream->stats.clock_hz = config->video ? 90000 : 48000;
    stream->slots = calloc(BENCH_RECEIVE_WINDOW, sizeof *stream->slots);
    stream->serial_seq = calloc(BENCH_RECEIVE_WINDOW, sizeof *stream->serial_seq);
    int err = stream->slots == NULL || stream->serial_seq == NULL ? BASE_ERR_NOMEM : 0;
    const struct sfu_nack_config nack = {
        .reorder_us = BENCH_NACK_REORDER_US, .retry_us = BENCH_NACK_RETRY_US, .requests_max = 10, .missing_max = 1000};
    if (err == 0 && config->nack)
        err = sfu_nack_tracker_create(&stream->nack, &nack);
    if (err != 0) {
        bench_receive_stream_destroy(stream);
        return err;
    }
    *out = stream;
    return 0;
}

void bench_receive_stream_destroy(struct bench_receive_stream *stream)
{
    if (stream == NULL)
        return;
    sfu_nack_tracker_destroy(stream->nack);
    free(stream->slots);
    free(stream->serial_seq);
    free(stream);
}

static struct slot *slot_at(struct bench_receive_stream *stream, uint64_t ext_seq)
{
    struct slot *slot = &stream->slots[ext_seq % BENCH_RECEIVE_WINDOW];
    return slot->ext_seq == ext_seq ? slot : NULL;
}

/* ---- decoding ------------------------------------------------------------------------------------------------- */

static void count_freeze(struct bench_receive_stream *stream, uint64_t now_us)
{
    struct bench_receive_counters *counters = &stream->counters;
    uint64_t gap_us = counters->last_frame_us != 0 ? now_us - counters->last_frame_us : 0;
    if (counters->frames_decoded > 10) {
        uint64_t limit_us = 3 * stream->gap_average_us;
        if (limit_us < stream->gap_average_us + 150000)
            limit_us = stream->gap_average_us + 150000;
        if (gap_us > limit_us) {
            counters->freezes++;
            counters->freeze_us += gap_us;
        }
    }
    stream->gap_average_us = stream->gap_average_us == 0 ? gap_us : (stream->gap_average_us * 29 + gap_us) / 30;
    counters->last_frame_us = now_us;
    if (counters->first_frame_us == 0)
        counters->first_frame_us = now_us;
}

/* The frame first..last is complete and its predecessor (if it has one) was decoded. */
static void decode(struct bench_receive_stream *stream, uint64_t now_us, const struct slot *first, uint64_t last)
{
    struct bench_receive_counters *counters = &stream->counters;
    if (counters->frames_decoded != 0) {
        uint32_t step = first->frame - stream->decoded_frame;
        if (!first->key && step != 1)
            counters->err_reference++;
        if (step == 1 && first->picture_id != ((stream->decoded_picture_id + 1) & 0x7FFF))
            counters->err_picture_id++;
        if ((int32_t)(first->timestamp_ts - stream->decoded_timestamp_ts) <= 0)
            counters->err_timestamp++;
        if (step > 1 && step < 0x80000000u)
            counters->frames_skipped += step - 1;
    } else {
        counters->first_stamp_frame = first->frame;
    }
    count_freeze(stream, now_us);
    counters->frames_decoded++;
    if (first->key)
        counters->key_frames_decoded++;
    counters->last_stamp_frame = first->frame;
    stream->decoded_frame = first->frame;
    stream->decoded_timestamp_ts = first->timestamp_ts;
    stream->decoded_picture_id = first->picture_id;
    stream->decoding = true;
    stream->next_seq = last + 1;
    stream->waiting_since_us = 0;
    stream->broken = false;
    if (stream->key_start < stream->next_seq)
        stream->key_start = 0;
}

/* The last packet of the complete frame that starts at `seq`, or 0. */
static uint64_t frame_end(struct bench_receive_stream *stream, uint64_t seq)
{
    const struct slot *first = slot_at(stream, seq);
    if (first == NULL || first->filler || !first->start)
        return 0;
    for (;; seq++) {
        const struct slot *slot = slot_at(stream, seq);
        if (slot == NULL || slot->filler || slot->frame != first->frame)
            return 0;
        if (slot->timestamp_ts != first->timestamp_ts)
            stream->counters.err_timestamp++;
        if (slot->marker)
            return seq;
    }
}

/* Decodes all that can be. */
static void advance(struct bench_receive_stream *stream, uint64_t now_us)
{
    for (;;) {
        if (stream->decoding) {
            const struct slot *slot = slot_at(stream, stream->next_seq);
            if (slot != NULL && slot->filler) {
                stream->next_seq++;
                continue;
            }
            uint64_t end = frame_end(stream, stream->next_seq);
            if (end != 0) {
                decode(stream, now_us, slot, end);
                continue;
            }
        }
        /* A later key frame frees the decoder of everything before it. */
        uint64_t end = stream->key_start != 0 ? frame_end(stream, stream->key_start) : 0;
        if (end == 0)
            return;
        if (stream->nack != NULL)
            sfu_nack_tracker_forget_before(stream->nack, stream->key_start);
        decode(stream, now_us, slot_at(stream, stream->key_start), end);
    }
}

/* ---- arrival -------------------------------------------------------------------------------------------------- */

/* Number and stamp must go in step; where they do not, packets were left out or repeated. */
static void check_serial(struct bench_receive_stream *stream, uint64_t ext_seq, uint32_t serial)
{
    uint64_t *seen = &stream->serial_seq[serial % BENCH_RECEIVE_WINDOW];
    const struct slot *other = *seen != 0 ? slot_at(stream, *seen) : NULL;
    if (other != NULL && other->serial == serial && *seen != ext_seq)
        stream->counters.err_duplicate++;
    *seen = ext_seq;
    int64_t offset = (int64_t)ext_seq - (int64_t)serial;
    if (stream->has_serial && offset != stream->serial_offset && ext_seq == stream->highest)
        stream->counters.serial_jumps++;
    if (!stream->has_serial || ext_seq == stream->highest)
        stream->serial_offset = offset;
    stream->has_serial = true;
}

/* Reads descriptor and stamp. Returns false if the packet is not what its publisher sent. */
static bool read_content(struct bench_receive_stream *stream, uint64_t arrival_us, const uint8_t *payload, size_t len,
                         bool marker, struct slot *slot)
{
    struct bench_receive_counters *counters = &stream->counters;
    struct sfu_vp8_descriptor vp8 = {0};
    size_t skip = 0, at = 1;
    if (stream->config.video) {
        if (sfu_vp8_parse(payload, len, &vp8) != 0) {
            counters->err_checksum++;
            return false;
        }
        skip = vp8.descriptor_bytes;
        at = skip + (vp8.start_of_frame ? (vp8.key_frame ? 10 : 3) : 0);
    }
    struct bench_stamp stamp;
    if (bench_stamp_read(payload, len, skip, at, &stamp) != 0) {
        counters->err_checksum++;
        return false;
    }
    if (stream->config.publisher != 0 && stamp.publisher != stream->config.publisher) {
        counters->err_publisher++;
        return false;
    }
    if (stream->config.video &&
        (vp8.start_of_frame != (stamp.packet == 0) || (vp8.start_of_frame && vp8.key_frame != stamp.key_frame) ||
         marker != (stamp.packet + 1 == stamp.packet_count)))
        counters->err_descriptor++;
    bench_histogram_add(&stream->delay, arrival_us > stamp.send_us ? arrival_us - stamp.send_us : 0);
    slot->frame = stamp.frame;
    slot->serial = stamp.serial;
    slot->picture_id = vp8.picture_id;
    slot->start = stamp.packet == 0;
    slot->key = stamp.key_frame;
    slot->marker = marker;
    return true;
}

static void accept(struct bench_receive_stream *stream, uint64_t now_us, uint64_t arrival_us, uint64_t ext_seq,
                   uint32_t timestamp_ts, bool marker, const uint8_t *payload, size_t len)
{
    struct slot slot = {.ext_seq = ext_seq, .timestamp_ts = timestamp_ts, .filler = len == 0};
    if (slot.filler)
        stream->counters.padding_packets++;
    else if (!read_content(stream, arrival_us, payload, len, marker, &slot))
        return;
    stream->slots[ext_seq % BENCH_RECEIVE_WINDOW] = slot;
    if (ext_seq > stream->highest)
        stream->highest = ext_seq;
    if (!slot.filler)
        check_serial(stream, ext_seq, slot.serial);
    stream->counters.last_packet_us = now_us;
    if (stream->counters.first_packet_us == 0)
        stream->counters.first_packet_us = now_us;
    if (!stream->config.video) {
        if (stream->counters.packets + stream->counters.rtx_packets == 0)
            stream->counters.first_stamp_frame = slot.frame;
        if (slot.frame > stream->counters.last_stamp_frame)
            stream->counters.last_stamp_frame = slot.frame;
        return;
    }
    if (stream->waiting_since_us == 0)
        stream->waiting_since_us = now_us;
    if (slot.start && slot.key && ext_seq > stream->key_start && (!stream->decoding || ext_seq >= stream->next_seq))
        stream->key_start = ext_seq;
    advance(stream, now_us);
}

void bench_receive_stream_on_packet(struct bench_receive_stream *stream, uint64_t now_us, uint64_t arrival_us,
                                    const uint8_t *packet, size_t len, const struct sfu_rtp_header *header, bool rtx)
{
    size_t padding_bytes = 0;
    if (sfu_rtp_padding_bytes(packet, len, header, &padding_bytes) != 0) {
        stream->counters.err_checksum++;
        return;
    }
    const uint8_t *payload = packet + header->header_bytes;
    size_t payload_bytes = len - header->header_bytes - padding_bytes;
    uint16_t seq = header->seq;
    if (rtx) {
        if (payload_bytes < 2)
            return; /* padding of the RTX stream: probing */
        seq = base_get_be16(payload);
        payload += 2;
        payload_bytes -= 2;
    }
    uint64_t ext_seq = rtx ? sfu_seq_unwrap_peek(&stream->unwrap, seq) : sfu_seq_unwrap(&stream->unwrap, seq);
    if (ext_seq + BENCH_RECEIVE_WINDOW <= stream->highest) {
        stream->counters.late++;
        return;
    }
    if (!rtx)
        sfu_rtp_stats_on_packet(&stream->stats, now_us, ext_seq, header->timestamp_ts, (uint32_t)payload_bytes, false);
    if (slot_at(stream, ext_seq) != NULL) {
        if (rtx)
            stream->counters.rtx_useless++;
        return; /* the original, later than its repair */
    }
    if (stream->nack != NULL) {
        sfu_nack_tracker_on_packet(stream->nack, now_us, ext_seq);
        if (sfu_nack_tracker_take_gave_up(stream->nack))
            stream->broken = true;
    }
    accept(stream, now_us, arrival_us, ext_seq, header->timestamp_ts, header->marker, payload, payload_bytes);
    if (rtx)
        stream->counters.rtx_packets++;
    else
        stream->counters.packets++;
    stream->counters.bytes += payload_bytes;
}

void bench_receive_stream_on_sr(struct bench_receive_stream *stream, uint64_t now_us, const struct sfu_rtcp_sr *sr)
{
    sfu_rtp_stats_on_sr(&stream->stats, now_us, sr);
}

void bench_receive_stream_set_rtt_us(struct bench_receive_stream *stream, uint64_t rtt_us)
{
    if (stream->nack != NULL)
        sfu_nack_tracker_set_retry_us(stream->nack, (uint32_t)(20000 + rtt_us * 5 / 4)); /* room for jitter */
}

/* ---- requests ------------------------------------------------------------------------------------------------- */

/* When to ask for a key frame if nothing changes; BASE_NEVER_US if the picture is fine. */
static uint64_t pli_due_us(const struct bench_receive_stream *stream)
{
    if (!stream->config.video || stream->waiting_since_us == 0)
        return BASE_NEVER_US;
    uint64_t due_us = stream->waiting_since_us + (stream->decoding ? BENCH_WAIT_FRAME_US : BENCH_WAIT_KEY_FRAME_US);
    if (stream->broken)
        due_us = stream->waiting_since_us;
    if (stream->last_pli_us != 0 && due_us < stream->last_pli_us + BENCH_PLI_INTERVAL_US)
        due_us = stream->last_pli_us + BENCH_PLI_INTERVAL_US;
    /* Packets must still be arriving (libwebrtc calls the stream active): a muted track is not asked. */
    if (due_us > stream->counters.last_packet_us + 5000000)
        return BASE_NEVER_US;
    return due_us;
}

uint64_t bench_receive_stream_deadline_us(const struct bench_receive_stream *stream)
{
    uint64_t due_us = pli_due_us(stream);
    uint64_t nack_us = stream->nack != NULL ? sfu_nack_tracker_deadline_us(stream->nack) : BASE_NEVER_US;
    return nack_us < due_us ? nack_us : due_us;
}

size_t bench_receive_stream_poll(struct bench_receive_stream *stream, uint64_t now_us, uint16_t *out, size_t out_max,
                                 bool *want_key_frame)
{
    size_t count = 0;
    if (stream->nack != NULL) {
        count = sfu_nack_tracker_poll(stream->nack, now_us, out, out_max);
        stream->counters.nack_requests += count;
        if (sfu_nack_tracker_take_gave_up(stream->nack))
            stream->broken = true;
    }
    *want_key_frame = pli_due_us(stream) <= now_us;
    if (*want_key_frame) {
        stream->last_pli_us = now_us;
        stream->counters.plis++;
    }
    return count;
}

bool bench_receive_stream_report(struct bench_receive_stream *stream, uint64_t now_us,
                                 struct sfu_rtcp_report_block *out)
{
    return sfu_rtp_stats_report(&stream->stats, now_us, stream->config.ssrc, out);
}

void bench_receive_stream_set_ssrc(struct bench_receive_stream *stream, uint32_t ssrc, bool rtx)
{
    if (rtx)
        stream->config.rtx_ssrc = ssrc;
    else
        stream->config.ssrc = ssrc;
}

const struct bench_receive_config *bench_receive_stream_config(const struct bench_receive_stream *stream)
{
    return &stream->config;
}

const struct bench_receive_counters *bench_receive_stream_counters(const struct bench_receive_stream *stream)
{
    return &stream->counters;
}

const struct bench_histogram *bench_receive_stream_delay(const struct bench_receive_stream *stream)
{
    return &stream->delay;
}

void bench_receive_errors_text(const struct bench_receive_counters *counters, char *out, size_t out_max)
{
    snprintf(out, out_max,
             "checksum %" PRIu64 ", publisher %" PRIu64 ", duplicate %" PRIu64 ", reference %" PRIu64
             ", descriptor %" PRIu64 ", picture id %" PRIu64 ", timestamp %" PRIu64,
             counters->err_checksum, counters->err_publisher, counters->err_duplicate, counters->err_reference,
             counters->err_descriptor, counters->err_picture_id, counters->err_timestamp);
}

uint64_t bench_receive_errors(const struct bench_receive_counters *counters)
{
    return counters->err_checksum + counters->err_publisher + counters->err_duplicate + counters->err_reference +
           counters->err_descriptor + counters->err_picture_id + counters->err_timestamp;
}
