/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/lying_server_streams.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

LIE_WRAPS(sfu_transport_send_rtp);

static _Thread_local struct lie_stream *table[LIE_STREAMS_MAX];

struct lie_stream *lie_stream_at(unsigned i)
{
    return table[i];
}

static struct lie_stream *make_stream(struct sfu_transport *transport, uint32_t ssrc)
{
    for (unsigned i = 0; i < LIE_STREAMS_MAX; i++) {
        if (table[i] != NULL)
            continue;
        table[i] = calloc(1, sizeof *table[i]);
        if (table[i] == NULL)
            return NULL;
        table[i]->transport = transport;
        table[i]->ssrc = ssrc;
        table[i]->held_end = &table[i]->held;
        return table[i];
    }
    return NULL;
}

struct lie_stream *lie_stream_of(struct sfu_transport *transport, uint32_t ssrc, bool make)
{
    for (unsigned i = 0; i < LIE_STREAMS_MAX; i++)
        if (table[i] != NULL && table[i]->transport == transport && table[i]->ssrc == ssrc)
            return table[i];
    return make ? make_stream(transport, ssrc) : NULL;
}

struct lie_stream *lie_stream_to(uint64_t to, uint32_t ssrc)
{
    for (unsigned i = 0; i < LIE_STREAMS_MAX; i++)
        if (table[i] != NULL && table[i]->subject.to == to && table[i]->ssrc == ssrc)
            return table[i];
    return NULL;
}

void lie_streams_forget(const struct sfu_transport *transport)
{
    for (unsigned i = 0; i < LIE_STREAMS_MAX; i++) {
        struct lie_stream *stream = table[i];
        if (stream == NULL || stream->transport != transport)
            continue;
        for (struct lie_held *held = stream->held, *next; held != NULL; held = next) {
            next = held->next;
            free(held);
        }
        free(stream->behind);
        for (unsigned k = 0; k < stream->tape_count; k++)
            free(stream->tape[k].payload);
        free(stream);
        table[i] = NULL;
    }
}

double lie_stream_random(struct lie_stream *stream)
{
    /* splitmix64 */
    uint64_t z = stream->random += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

void lie_packet_number(struct lie_packet *packet, uint64_t ext_seq)
{
    packet->ext_seq = ext_seq;
    base_put_be16(packet->header + 2, (uint16_t)ext_seq);
}

size_t lie_packet_send(struct sfu_transport *transport, struct lie_packet *packet)
{
    uint8_t *out =
        sfu_transport_reserve_rtp(transport, packet->header_bytes + packet->payload_bytes + packet->pad_bytes);
    if (out == NULL)
        return 0;
    memcpy(out, packet->header, packet->header_bytes);
    return __real_sfu_transport_send_rtp(transport, out, packet->header_bytes, packet->ext_seq, packet->ssrc,
                                         packet->payload, packet->payload_bytes, packet->pad_bytes);
}
