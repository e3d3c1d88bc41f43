/* SPDX-License-Identifier: Apache-2.0 */
/* The lies about media: see lying_server.h. Each __wrap_ function stands in front of the server's own. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "sfu/room/down_track.h"
#include "sfu/room/forwarder.h"
#include "sfu/room/participant.h"
#include "sfu/room/up_track.h"
#include "sfu/wire/vp8.h"
#include "sfu/wire/vp9.h"
#include "tests/support/lying_server_streams.h"

#define SWAP_TRACKS    32
#define TRANSPORTS     256
#define REORDER_US     40000u /* a packet behind which nothing comes goes by itself after this */
#define MARKER_BIT     0x80u
#define VP8_S_BIT      0x10u
#define VP9_B_BIT      0x08u
#define NOT_IN_PAYLOAD 32u /* behind every descriptor and frame header */

LIE_WRAPS(sfu_forwarder_send);
LIE_WRAPS(sfu_transport_send_rtp);
LIE_WRAPS(sfu_down_track_on_nack);
LIE_WRAPS(sfu_dtls_session_create);
LIE_WRAPS(sfu_transport_create);
LIE_WRAPS(sfu_transport_destroy);
LIE_WRAPS(sfu_engine_deadline_us);
LIE_WRAPS(sfu_engine_poll);

/* What this worker is doing just now. */
static _Thread_local struct {
    struct sfu_up_track *up;   /* its packet is being forwarded; NULL: none */
    struct lie_stream *repair; /* a NACK of this stream is being answered */
    uint16_t repair_seq;       /* the number that its receiver asked for */
} doing;

static bool lying(void)
{
    unsigned count;
    (void)lies(&count);
    return count != 0;
}

/* ---- which stream --------------------------------------------------------------------------------------------- */

static struct lie_stream *stream_of(struct sfu_transport *transport, uint32_t ssrc)
{
    struct lie_stream *stream = lie_stream_of(transport, ssrc, false);
    if (stream != NULL)
        return stream;
    const struct sfu_up_track *up = doing.up;
    for (uint32_t i = 0; i < up->slot_count; i++) {
        const struct sfu_forward_slot *slot = &up->slots[i];
        if (slot->transport != transport || slot->ssrc != ssrc)
            continue;
        stream = lie_stream_of(transport, ssrc, true);
        if (stream == NULL)
            return NULL;
        stream->subject = (struct lie_subject){
            .from = up->owner->id, .to = slot->down->subscriber->id, .source = (unsigned)up->config.source};
        stream->video = up->config.kind == SFU_VIDEO;
        stream->first_us = base_clock_us();
        const struct lie *first = lies(&(unsigned){0});
        stream->random =
            first->seed << 32 ^ stream->subject.from << 16 ^ stream->subject.to << 8 ^ stream->subject.source;
        return stream;
    }
    return NULL;
}

/* ---- lies about what is in a packet --------------------------------------------------------------------------- */

static void set_payload(struct lie_packet *packet, const uint8_t *payload, size_t bytes, bool marker)
{
    memcpy(packet->payload, payload, bytes);
    packet->payload_bytes = bytes;
    packet->header[1] = (uint8_t)((packet->header[1] & ~MARKER_BIT) | (marker ? MARKER_BIT : 0));
}

/* The newest payload of each track that came in. */
static _Thread_local struct newest {
    uint64_t track, owner;
    unsigned source;
    bool video, marker;
    size_t bytes;
    uint8_t payload[LIE_PAYLOAD_MAX];
} newest[SWAP_TRACKS];

static void remember_newest(const struct sfu_up_track *up, const struct sfu_packet *packet)
{
    for (unsigned i = 0; i < SWAP_TRACKS; i++) {
        if (newest[i].track != 0 && newest[i].track != up->config.track_id)
            continue;
        newest[i] = (struct newest){.track = up->config.track_id,
                                    .owner = up->owner->id,
                                    .source = (unsigned)up->config.source,
                                    .video = up->config.kind == SFU_VIDEO,
                                    .marker = packet->header.marker,
                                    .bytes = packet->payload_bytes};
        memcpy(newest[i].payload, packet->data + packet->payload_offset, packet->payload_bytes);
        return;
    }
}

/* `own`: another track of the same publisher; else, somebody else's, and rather not the receiver's. */
static bool swap(const struct lie_stream *stream, struct lie_packet *packet, bool own)
{
    const struct newest *other = NULL;
    for (unsigned i = 0; i < SWAP_TRACKS; i++)
        if (newest[i].track != 0 && newest[i].video == stream->video &&
            (newest[i].owner == stream->subject.from) == own && !(own && newest[i].source == stream->subject.source) &&
            (other == NULL || other->owner == stream->subject.to))
            other = &newest[i];
    if (other != NULL)
        set_payload(packet, other->payload, other->bytes, other->marker);
    return other != NULL;
}

static void record(struct lie_stream *stream, const struct lie_packet *packet)
{
    if (stream->tape_count == LIE_TAPE_PACKETS || lie_find(LIE_REPLAY) == NULL)
        return;
    unsigned i = stream->tape_count++;
    stream->tape[i].payload = malloc(packet->payload_bytes);
    if (stream->tape[i].payload == NULL)
        abort();
    memcpy(stream->tape[i].payload, packet->payload, packet->payload_bytes);
    stream->tape[i].bytes = packet->payload_bytes;
    stream->tape[i].marker = (packet->header[1] & MARKER_BIT) != 0;
}

static void play(struct lie_stream *stream, struct lie_packet *packet)
{
    unsigned i = stream->tape_at++ % stream->tape_count;
    set_payload(packet, stream->tape[i].payload, stream->tape[i].bytes, stream->tape[i].marker);
}

static void bend_time(struct lie_stream *stream, uint8_t *header, double factor)
{
    uint32_t timestamp_ts = base_get_be32(header + 4);
    if (!stream->has_time)
        stream->first_timestamp_ts = timestamp_ts;
    stream->has_time = true;
    double since_ts = (double)(uint32_t)(timestamp_ts - stream->first_timestamp_ts);
    base_put_be32(header + 4, stream->first_timestamp_ts + (uint32_t)(uint64_t)(since_ts * factor));
}

/* The first bit that says that a frame starts here: S of VP8, B of VP9. */
static bool turn_start(struct lie_packet *packet)
{
    bool vp9 = (packet->header[1] & ~MARKER_BIT) == SFU_SEND_PT_VP9;
    packet->payload[0] ^= vp9 ? VP9_B_BIT : VP8_S_BIT;
    return true;
}

/* Seven more than it was. */
static bool turn_picture_id(struct lie_packet *packet)
{
    struct sfu_vp8_descriptor vp8;
    struct sfu_vp9_descriptor vp9;
    struct sfu_picture_ids ids = {0};
    if ((packet->header[1] & ~MARKER_BIT) == SFU_SEND_PT_VP9) {
        if (sfu_vp9_parse(packet->payload, packet->payload_bytes, &vp9) == 0)
            ids = vp9.ids;
    } else if (sfu_vp8_parse(packet->payload, packet->payload_bytes, &vp8) == 0) {
        ids = sfu_vp8_picture_ids(&vp8);
    }
    sfu_picture_ids_write(packet->payload, &ids, (uint16_t)((ids.id + 7) & 0x7FFF), ids.tl0);
    return ids.id_at != 0;
}

/* Does to the packet what its kind of lie is. Returns false if that is not possible with this packet. */
static bool falsify(const struct lie *lie, struct lie_stream *stream, struct lie_packet *packet)
{
    switch (lie->kind) {
    case LIE_CORRUPT: {
        size_t from = packet->payload_bytes > NOT_IN_PAYLOAD ? NOT_IN_PAYLOAD : packet->payload_bytes - 1;
        double share = lie_stream_random(stream);
        packet->payload[from + (size_t)(share * (double)(packet->payload_bytes - from))] ^= 0x40;
        return true;
    }
    case LIE_CORRUPT_HEADER:
        return stream->video && turn_start(packet);
    case LIE_PICTURE_ID:
        return stream->video && turn_picture_id(packet);
    case LIE_MARKER:
        packet->header[1] ^= MARKER_BIT;
        return true;
    case LIE_SWAP:
        return swap(stream, packet, false);
    case LIE_CROSS:
        return swap(stream, packet, true);
    case LIE_SHUFFLE:
    case LIE_REORDER:
        return stream->behind == NULL;
    case LIE_REPLAY:
        if (stream->tape_count != 0)
            play(stream, packet);
        return stream->tape_count != 0;
    case LIE_TIME:
        bend_time(stream, packet->header, lie->value);
        return true;
    default:
        return true;
    }
}

/* ---- lies about whether, when and how often it is sent -------------------------------------------------------- */

static void note(struct lie_stream *stream, uint64_t out, uint64_t source, enum lie_fate fate)
{
    stream->numbers[out % LIE_NUMBERS].out = out;
    stream->numbers[out % LIE_NUMBERS].source = (uint16_t)source;
    stream->numbers[out % LIE_NUMBERS].fate = fate;
}

static void hold(struct lie_stream *stream, const struct lie_packet *packet, uint64_t due_us, bool behind)
{
    struct lie_held *held = malloc(sizeof *held);
    if (held == NULL)
        abort();
    held->next = NULL;
    held->due_us = due_us;
    held->packet = *packet;
    if (behind) {
        stream->behind = held;
        return;
    }
    *stream->held_end = held;
    stream->held_end = &held->next;
}

static void release_behind(struct lie_stream *stream)
{
    struct lie_held *held = stream->behind;
    stream->behind = NULL;
    if (held != NULL)
        (void)lie_packet_send(stream->transport, &held->packet);
    free(held);
}

static void exchange_payloads(struct lie_packet *a, struct lie_packet *b)
{
    struct lie_packet was = *a;
    memcpy(a->payload, b->payload, b->payload_bytes);
    a->payload_bytes = b->payload_bytes;
    memcpy(b->payload, was.payload, was.payload_bytes);
    b->payload_bytes = was.payload_bytes;
}

static void release_due(struct lie_stream *stream, uint64_t now_us)
{
    while (stream->held != NULL && stream->held->due_us <= now_us) {
        struct lie_held *held = stream->held;
        stream->held = held->next;
        if (stream->held == NULL)
            stream->held_end = &stream->held;
        (void)lie_packet_send(stream->transport, &held->packet);
        free(held);
    }
    if (stream->behind != NULL && stream->behind->due_us <= now_us)
        release_behind(stream);
}

/* The DTLS session of each transport of this worker. */
static _Thread_local struct {
    const struct sfu_transport *transport;
    struct sfu_dtls_session *session;
} sessions[TRANSPORTS];
static _Thread_local struct sfu_dtls_session *newest_session;

static void remember_session(const struct sfu_transport *transport, struct sfu_dtls_session *session)
{
    for (unsigned i = 0; i < TRANSPORTS; i++)
        if (sessions[i].transport == NULL) {
            sessions[i].transport = transport;
            sessions[i].session = session;
            return;
        }
}

static void forget_session(const struct sfu_transport *transport)
{
    for (unsigned i = 0; i < TRANSPORTS; i++)
        if (sessions[i].transport == transport)
            sessions[i].transport = NULL;
}

static void hang_up(const struct sfu_transport *transport)
{
    for (unsigned i = 0; i < TRANSPORTS; i++)
        if (sessions[i].transport == transport && transport != NULL)
            sfu_dtls_session_close(sessions[i].session);
}

struct verdict {
    bool hidden, dropped, gone, behind, shuffled, duplicate, copy;
    uint64_t delay_us;
};

static bool is_share(enum lie_kind kind)
{
    return kind != LIE_HANG_UP && kind != LIE_FREEZE && kind != LIE_DELAY && kind != LIE_TIME && kind != LIE_MUTED;
}

/* All lies that hold for this packet: falsifies it, and says what else is to be done with it. */
static struct verdict judge(struct lie_stream *stream, struct lie_packet *packet, uint64_t now_us)
{
    struct verdict verdict = {0};
    unsigned count;
    struct lie *all = lies(&count);
    for (unsigned i = 0; i < count; i++) {
        struct lie *lie = &all[i];
        if ((lie->kind > LIE_TIME && lie->kind != LIE_MUTED) ||
            !lie_applies(lie, &stream->subject, now_us - stream->first_us))
            continue;
        if (is_share(lie->kind) && lie_stream_random(stream) >= lie->value)
            continue;
        struct lie_packet before = *packet;
        if (!falsify(lie, stream, packet)) {
            *packet = before;
            continue;
        }
        if (!lie_tell(lie, &stream->subject)) {
            *packet = before;
            continue;
        }
        verdict.hidden |= lie->kind == LIE_DROP_HIDDEN || lie->kind == LIE_FREEZE || lie->kind == LIE_MUTED;
        verdict.dropped |= lie->kind == LIE_DROP || lie->kind == LIE_DROP_ONCE;
        verdict.gone |= lie->kind == LIE_DROP;
        verdict.behind |= lie->kind == LIE_REORDER || lie->kind == LIE_SHUFFLE;
        verdict.shuffled |= lie->kind == LIE_SHUFFLE;
        verdict.duplicate |= lie->kind == LIE_DUPLICATE;
        verdict.copy |= lie->kind == LIE_COPY;
        if (lie->kind == LIE_HANG_UP)
            hang_up(lie->value < 2 ? doing.up->owner->links[SFU_PUBLISH].transport : stream->transport);
        if (lie->kind == LIE_DELAY)
            verdict.delay_us = (uint64_t)(lie->value * 1000);
    }
    return verdict;
}

static void emit(struct lie_stream *stream, struct lie_packet *packet, const struct verdict *verdict, uint64_t now_us)
{
    if (verdict->delay_us != 0 || stream->held != NULL)
        hold(stream, packet, now_us + verdict->delay_us, false);
    else if (verdict->behind)
        hold(stream, packet, now_us + REORDER_US, true);
    else
        (void)lie_packet_send(stream->transport, packet);
}

/* Tells the server that it was sent, whatever became of it. */
static size_t tell_stream(struct lie_stream *stream, struct lie_packet *packet)
{
    uint64_t now_us = base_clock_us(), source = packet->ext_seq;
    size_t bytes = packet->header_bytes + packet->payload_bytes + packet->pad_bytes + SFU_SRTP_TAG_MAX_BYTES;
    lie_count(LIE_FORWARDED, &stream->subject);
    record(stream, packet);
    struct verdict verdict = judge(stream, packet, now_us);
    if (verdict.hidden) {
        stream->shift--;
        return bytes;
    }
    uint64_t out = source + (uint64_t)stream->shift;
    if (stream->numbers[out % LIE_NUMBERS].out == out)
        return bytes; /* a late packet whose number went to another: never twice under one key */
    lie_packet_number(packet, out);
    note(stream, out, source, verdict.gone ? LIE_GONE : LIE_SENT);
    bool was_behind = stream->behind != NULL;
    if (was_behind && stream->shuffled) {
        exchange_payloads(&stream->behind->packet, packet);
        release_behind(stream);
    }
    stream->shuffled = verdict.shuffled;
    if (!verdict.dropped)
        emit(stream, packet, &verdict, now_us);
    if (verdict.copy && !verdict.dropped)
        emit(stream, packet, &verdict, now_us);
    if (verdict.duplicate) {
        stream->shift++;
        lie_packet_number(packet, out + 1);
        note(stream, out + 1, 0, LIE_GONE);
        emit(stream, packet, &verdict, now_us);
    }
    if (was_behind)
        release_behind(stream);
    return bytes;
}

/* ---- in front of the server's functions ----------------------------------------------------------------------- */

void __wrap_sfu_forwarder_send(struct sfu_context *context, struct sfu_up_track *up, unsigned layer, uint64_t now_us,
                               const struct sfu_packet *packet, size_t pad_bytes)
{
    if (lying()) {
        lie_begin(base_clock_us());
        if (lie_find(LIE_SWAP) != NULL || lie_find(LIE_CROSS) != NULL)
            remember_newest(up, packet);
    }
    doing.up = up;
    __real_sfu_forwarder_send(context, up, layer, now_us, packet, pad_bytes);
    doing.up = NULL;
}

size_t __wrap_sfu_transport_send_rtp(struct sfu_transport *transport, uint8_t *out, size_t header_bytes,
                                     uint64_t ext_seq, uint32_t ssrc, const uint8_t *payload, size_t payload_bytes,
                                     size_t pad_bytes)
{
    if (doing.repair != NULL) {
        const struct lie *time = lie_find(LIE_TIME);
        base_put_be16(out + header_bytes, doing.repair_seq); /* RFC 4588 section 4; the payload lies in `out` */
        if (time != NULL && doing.repair->has_time)
            bend_time(doing.repair, out, time->value);
    } else if (doing.up != NULL && lying()) {
        struct lie_stream *stream = stream_of(transport, ssrc);
        struct lie_packet packet = {.header_bytes = header_bytes,
                                    .payload_bytes = payload_bytes,
                                    .pad_bytes = pad_bytes,
                                    .ext_seq = ext_seq,
                                    .ssrc = ssrc};
        if (stream != NULL && header_bytes <= LIE_HEADER_MAX && payload_bytes <= LIE_PAYLOAD_MAX) {
            memcpy(packet.header, out, header_bytes);
            memcpy(packet.payload, payload, payload_bytes);
            return tell_stream(stream, &packet);
        }
    }
    return __real_sfu_transport_send_rtp(transport, out, header_bytes, ext_seq, ssrc, payload, payload_bytes,
                                         pad_bytes);
}

void __wrap_sfu_down_track_on_nack(struct sfu_down_track *down, uint64_t now_us, uint16_t seq, uint32_t *budget)
{
    struct lie_stream *stream = lying() ? lie_stream_to(down->subscriber->id, down->config.ssrc) : NULL;
    if (stream == NULL) {
        __real_sfu_down_track_on_nack(down, now_us, seq, budget);
        return;
    }
    unsigned i = seq % LIE_NUMBERS;
    if ((uint16_t)stream->numbers[i].out != seq || stream->numbers[i].fate != LIE_SENT) {
        lie_count(LIE_UNANSWERED, &stream->subject);
        return;
    }
    doing.repair = stream;
    doing.repair_seq = seq;
    __real_sfu_down_track_on_nack(down, now_us, stream->numbers[i].source, budget);
    doing.repair = NULL;
}

int __wrap_sfu_dtls_session_create(struct sfu_dtls_session **out, struct sfu_dtls_identity *identity,
                                   const struct sfu_dtls_config *config)
{
    int err = __real_sfu_dtls_session_create(out, identity, config);
    newest_session = *out;
    return err;
}

int __wrap_sfu_transport_create(struct sfu_transport **out, const struct sfu_transport_config *config,
                                struct sfu_dtls_identity *identity, struct sfu_egress *egress, uint64_t now_us)
{
    int err = __real_sfu_transport_create(out, config, identity, egress, now_us);
    if (err == 0 && lie_find(LIE_HANG_UP) != NULL)
        remember_session(*out, newest_session);
    return err;
}

void __wrap_sfu_transport_destroy(struct sfu_transport *transport)
{
    lie_streams_forget(transport);
    forget_session(transport);
    __real_sfu_transport_destroy(transport);
}

uint64_t __wrap_sfu_engine_deadline_us(const struct sfu_engine *engine)
{
    uint64_t deadline_us = __real_sfu_engine_deadline_us(engine);
    for (unsigned i = 0; i < LIE_STREAMS_MAX; i++) {
        const struct lie_stream *stream = lie_stream_at(i);
        if (stream != NULL && stream->held != NULL && stream->held->due_us < deadline_us)
            deadline_us = stream->held->due_us;
        if (stream != NULL && stream->behind != NULL && stream->behind->due_us < deadline_us)
            deadline_us = stream->behind->due_us;
    }
    return deadline_us;
}

void __wrap_sfu_engine_poll(struct sfu_engine *engine, uint64_t now_us)
{
    for (unsigned i = 0; i < LIE_STREAMS_MAX; i++) {
        struct lie_stream *stream = lie_stream_at(i);
        if (stream != NULL)
            release_due(stream, now_us);
    }
    __real_sfu_engine_poll(engine, now_us);
}
