/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/client/receive_stream.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "bench/client/receive_internal.h"
#include "bench/client/vp9_payload.h"
#include "sfu/wire/vp8.h"

#define WINDOW_VIDEO  1024u
#define WINDOW_AUDIO  256u
#define WINDOW_MAX    (65536u / 4)
#define MISSING_VIDEO 256u
#define MISSING_AUDIO 64u

static int allocate(struct bench_receive_stream *stream)
{
    bool video = stream->config.video;
    uint32_t window = stream->config.window != 0 ? stream->config.window : video ? WINDOW_VIDEO : WINDOW_AUDIO;
    uint32_t slots = 64;
    while (slots < window && slots < WINDOW_MAX)
        slots *= 2;
    stream->mask = slots - 1;
    stream->slots = calloc(slots, sizeof *stream->slots);
    stream->serials = calloc(video ? BENCH_RECEIVE_LAYERS : 1, sizeof *stream->serials);
    if (stream->slots == NULL || stream->serials == NULL)
        return BASE_ERR_NOMEM;
    const struct sfu_nack_config nack = {.reorder_us = BENCH_NACK_REORDER_US,
                                         .retry_us = BENCH_NACK_RETRY_US,
                                         .requests_max = 10,
                                         .missing_max = video ? MISSING_VIDEO : MISSING_AUDIO};
    return stream->config.nack ? sfu_nack_tracker_create(&stream->nack, &nack) : 0;
}

int bench_receive_stream_create(struct bench_receive_stream **out, const struct bench_receive_config *config)
{
    *out = NULL;
    struct bench_receive_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL)
        return BASE_ERR_NOMEM;
    stream->config = *config;
    stream->stats.clock_hz = config->video ? 90000 : 48000;
    int err = allocate(stream);
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
    bench_receive_tap_destroy(stream->tap);
    free(stream->slots);
    free(stream->serials);
    free(stream->since);
    free(stream);
}

/* ---- arrival -------------------------------------------------------------------------------------------------- */

/* A packet on its way in. */
struct arrival {
    uint64_t now_us, arrival_us, ext_seq;
    uint32_t timestamp_ts;
    const uint8_t *payload;
    size_t len;
    bool marker, rtx;
    uint16_t picture_id;
    size_t descriptor_bytes;
    struct bench_stamp stamp;
};

/* What a payload descriptor says, of either codec. */
struct descriptor {
    bool start, end, key_frame, tells_end, tells_key;
    uint16_t picture_id;
    size_t bytes;
};

static int read_descriptor(const struct bench_receive_stream *stream, const struct arrival *in, struct descriptor *out)
{
    if (stream->config.codec == BENCH_VP9) {
        struct bench_vp9_payload vp9;
        int err = bench_vp9_payload_parse(in->payload, in->len, &vp9);
        *out = (struct descriptor){.start = vp9.start,
                                   .end = vp9.end,
                                   .key_frame = !vp9.inter,
                                   .tells_end = true,
                                   .tells_key = true,
                                   .picture_id = vp9.picture_id,
                                   .bytes = vp9.descriptor_bytes};
        return err;
    }
    struct sfu_vp8_descriptor vp8;
    int err = sfu_vp8_parse(in->payload, in->len, &vp8);
    *out = (struct descriptor){.start = vp8.start_of_frame,
                               .key_frame = vp8.key_frame,
                               .tells_key = vp8.start_of_frame,
                               .picture_id = vp8.picture_id,
                               .bytes = vp8.descriptor_bytes};
    return err;
}

/* Reads descriptor and stamp. Returns false if the packet is not what its publisher sent. */
static bool read_content(struct bench_receive_stream *stream, struct arrival *in)
{
    struct bench_receive_counters *counters = &stream->counters;
    struct descriptor said = {0};
    const struct bench_stamp *stamp = &in->stamp;
    if ((stream->config.video && read_descriptor(stream, in, &said) != 0) ||
        bench_stamp_read(in->payload, in->len, said.bytes, &in->stamp) != 0 ||
        bench_receive_serials(stream, stamp->layer) == NULL) {
        bench_receive_error(stream, &counters->err_checksum);
        return false;
    }
    if (stream->config.publisher != 0 &&
        (stamp->publisher != stream->config.publisher || stamp->stream != stream->config.stream)) {
        bench_receive_error(stream, &counters->err_publisher);
        return false;
    }
    bool last = stamp->packet + 1 == stamp->packet_count;
    if (stream->config.video &&
        (said.start != (stamp->packet == 0) || in->marker != last || (said.tells_end && said.end != last) ||
         (said.tells_key && said.key_frame != stamp->key_frame)))
        bench_receive_error(stream, &counters->err_descriptor);
    in->picture_id = said.picture_id;
    in->descriptor_bytes = said.bytes;
    return true;
}

/* Number and stamp must go in step; where they do not, packets were left out on purpose. */
static void check_serial(struct bench_receive_stream *stream, const struct arrival *in)
{
    int64_t offset = (int64_t)in->ext_seq - (int64_t)in->stamp.serial;
    if (stream->has_serial && in->stamp.layer == stream->serial_layer && offset != stream->serial_offset)
        stream->counters.serial_jumps++;
    stream->serial_offset = offset;
    stream->serial_layer = in->stamp.layer;
    stream->has_serial = true;
}

static void keep(struct bench_receive_stream *stream, const struct arrival *in)
{
    const struct bench_stamp *stamp = &in->stamp;
    *bench_receive_slot(stream, in->ext_seq) = (struct bench_receive_slot){
        .seq = (uint32_t)in->ext_seq,
        .timestamp_ts = in->timestamp_ts,
        .frame = stamp->frame,
        .serial = stamp->serial,
        .content = stamp->content,
        .sent_us = (uint32_t)stamp->send_us,
        .picture_id = in->picture_id,
        .run = stamp->run,
        .layer = stamp->layer,
        .flags = (uint8_t)(BENCH_SLOT_PRESENT | (in->len == 0 ? BENCH_SLOT_FILLER : 0) |
                           (stamp->packet == 0 ? BENCH_SLOT_START : 0) | (stamp->key_frame ? BENCH_SLOT_KEY : 0) |
                           (in->marker ? BENCH_SLOT_MARKER : 0))};
    if (stream->tap != NULL && stream->config.video && in->len != 0)
        bench_receive_tap_store(stream, in->ext_seq, in->payload + in->descriptor_bytes,
                                in->len - in->descriptor_bytes - BENCH_STAMP_BYTES);
}

/* The newest packet of a stream of sound. */
static void hear(struct bench_receive_stream *stream, const struct arrival *in)
{
    bench_receive_heard(stream, in->arrival_us, &in->stamp);
    if (stream->tap != NULL)
        stream->tap->on_frame(stream->tap->user, 0, in->stamp.content, in->payload, in->len - BENCH_STAMP_BYTES);
}

/* Counts it, unless it was here under another number. `stale`: too old for its frame to be assembled. */
static void count(struct bench_receive_stream *stream, const struct arrival *in, bool stale)
{
    struct bench_receive_counters *counters = &stream->counters;
    const struct bench_receive_slot *slot = bench_receive_slot(stream, in->ext_seq);
    bool asked = slot->seq == (uint32_t)in->ext_seq && (slot->flags & BENCH_SLOT_ASKED) != 0;
    bool newest = in->ext_seq > stream->highest;
    enum bench_serial_is serial = bench_serials_add(&stream->serials[in->stamp.layer], in->stamp.serial);
    if (serial != BENCH_SERIAL_NEW && stale) {
        counters->late++;
        return;
    }
    if (serial != BENCH_SERIAL_NEW) { /* TOO_OLD under a number of now: said again */
        bench_receive_error(stream, &counters->err_duplicate);
        return;
    }
    bench_receive_check_order(stream, in->ext_seq, &in->stamp);
    bench_receive_check_clock(stream, in->timestamp_ts, &in->stamp);
    bool first = counters->packets + counters->rtx_packets == 0;
    if (in->rtx)
        counters->rtx_packets++;
    else
        counters->packets++;
    bench_receive_count(stream, in->arrival_us, &in->stamp, (uint32_t)in->len, in->rtx || asked,
                        !in->rtx && !asked && !newest);
    if (stream->config.video)
        return;
    if (first)
        counters->first_stamp_frame = in->stamp.frame;
    if (in->stamp.frame > counters->last_stamp_frame)
        counters->last_stamp_frame = in->stamp.frame;
    if (newest)
        hear(stream, in);
}

static void accept(struct bench_receive_stream *stream, struct arrival *in)
{
    bool filler = in->len == 0, stale = in->ext_seq + stream->mask + 1 <= stream->highest;
    if (filler)
        stream->counters.padding_packets++;
    else if (!read_content(stream, in))
        return;
    if (!filler)
        count(stream, in, stale);
    stream->counters.last_packet_us = in->now_us;
    if (stream->counters.first_packet_us == 0)
        stream->counters.first_packet_us = in->now_us;
    if (stale)
        return;
    keep(stream, in);
    if (in->ext_seq > stream->highest) {
        stream->highest = in->ext_seq;
        if (!filler)
            check_serial(stream, in);
    }
    if (!stream->config.video)
        return;
    if (stream->waiting_since_us == 0)
        stream->waiting_since_us = in->now_us;
    if (!filler && in->stamp.packet == 0 && in->stamp.key_frame && in->ext_seq > stream->key_start &&
        (!stream->decoding || in->ext_seq >= stream->next_seq))
        stream->key_start = in->ext_seq;
    bench_receive_advance(stream, in->now_us);
}

void bench_receive_stream_on_packet(struct bench_receive_stream *stream, uint64_t now_us, uint64_t arrival_us,
                                    const uint8_t *packet, size_t len, const struct sfu_rtp_header *header, bool rtx)
{
    size_t padding_bytes = 0;
    if (sfu_rtp_padding_bytes(packet, len, header, &padding_bytes) != 0) {
        bench_receive_error(stream, &stream->counters.err_checksum);
        return;
    }
    struct arrival in = {.now_us = now_us,
                         .arrival_us = arrival_us,
                         .timestamp_ts = header->timestamp_ts,
                         .payload = packet + header->header_bytes,
                         .len = len - header->header_bytes - padding_bytes,
                         .marker = header->marker,
                         .rtx = rtx};
    uint16_t seq = header->seq;
    if (rtx) {
        if (in.len < 2)
            return; /* padding of the RTX stream: probing */
        seq = base_get_be16(in.payload);
        in.payload += 2;
        in.len -= 2;
    }
    in.ext_seq = rtx ? sfu_seq_unwrap_peek(&stream->unwrap, seq) : sfu_seq_unwrap(&stream->unwrap, seq);
    if (!rtx)
        sfu_rtp_stats_on_packet(&stream->stats, now_us, in.ext_seq, in.timestamp_ts, (uint32_t)in.len, false);
    if (bench_receive_present(stream, in.ext_seq) != NULL) {
        if (rtx)
            stream->counters.rtx_useless++;
        return; /* the original, later than its repair */
    }
    if (stream->nack != NULL) {
        sfu_nack_tracker_on_packet(stream->nack, now_us, in.ext_seq);
        if (sfu_nack_tracker_take_gave_up(stream->nack))
            stream->broken = true;
    }
    accept(stream, &in);
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

/* What comes by its own number after this was repaired, not reordered. */
static void remember_asked(struct bench_receive_stream *stream, uint64_t ext_seq)
{
    if (ext_seq + stream->mask + 1 > stream->highest && bench_receive_present(stream, ext_seq) == NULL)
        *bench_receive_slot(stream, ext_seq) =
            (struct bench_receive_slot){.seq = (uint32_t)ext_seq, .flags = BENCH_SLOT_ASKED};
}

size_t bench_receive_stream_poll(struct bench_receive_stream *stream, uint64_t now_us, uint16_t *out, size_t out_max,
                                 bool *want_key_frame)
{
    size_t count = 0;
    if (stream->nack != NULL) {
        count = sfu_nack_tracker_poll(stream->nack, now_us, out, out_max);
        stream->counters.nack_requests += count;
        for (size_t i = 0; i < count; i++)
            remember_asked(stream, sfu_seq_unwrap_peek(&stream->unwrap, out[i]));
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
             "checksum %" PRIu64 ", publisher %" PRIu64 ", duplicate %" PRIu64 ", order %" PRIu64 ", reference %" PRIu64
             ", descriptor %" PRIu64 ", picture id %" PRIu64 ", timestamp %" PRIu64,
             counters->err_checksum, counters->err_publisher, counters->err_duplicate, counters->err_order,
             counters->err_reference, counters->err_descriptor, counters->err_picture_id, counters->err_timestamp);
}

uint64_t bench_receive_errors(const struct bench_receive_counters *counters)
{
    return counters->err_checksum + counters->err_publisher + counters->err_duplicate + counters->err_order +
           counters->err_reference + counters->err_descriptor + counters->err_picture_id + counters->err_timestamp;
}
