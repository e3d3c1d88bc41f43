/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/client/peer_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "sfu/transport/demux.h"

/* libwebrtc: twice the round trip of ICE, within these (DtlsTransport::ConfigureHandshakeTimeout). */
#define DTLS_RESEND_MIN_US 50000u
#define DTLS_RESEND_MAX_US 3000000u

int bench_peer_create(struct bench_peer **out, const struct bench_peer_config *config)
{
    *out = NULL;
    struct bench_peer *peer = calloc(1, sizeof *peer);
    if (peer == NULL)
        return BASE_ERR_NOMEM;
    peer->config = *config;
    peer->config.cname = peer->cname;
    snprintf(peer->cname, sizeof peer->cname, "%s", config->cname != NULL ? config->cname : "bench");
    bench_ice_init(&peer->ice, &config->local, config->seed);
    peer->own_ssrc = (uint32_t)base_prng_next(&peer->ice.random) | 1;
    peer->next_rtcp_us = peer->receives_due_us = BASE_NEVER_US;
    int err = base_map_init(&peer->by_ssrc, 16, 0);
    if (err == 0)
        err = sfu_twcc_recorder_create(&peer->twcc, BENCH_TWCC_INTERVAL_US);
    if (err != 0) {
        bench_peer_destroy(peer);
        return err;
    }
    *out = peer;
    return 0;
}

void bench_peer_destroy(struct bench_peer *peer)
{
    if (peer == NULL)
        return;
    for (unsigned i = 0; i < peer->send_count; i++)
        bench_send_stream_destroy(peer->sends[i]);
    for (unsigned i = 0; i < peer->receive_count; i++)
        bench_receive_stream_destroy(peer->receives[i]);
    free(peer->receives);
    base_map_clear(&peer->by_ssrc);
    sfu_twcc_recorder_destroy(peer->twcc);
    sfu_dtls_session_destroy(peer->dtls);
    sfu_srtp_session_destroy(peer->srtp_out);
    sfu_srtp_session_destroy(peer->srtp_in);
    free(peer);
}

/* ---- sending -------------------------------------------------------------------------------------------------- */

static void send_datagram(struct bench_peer *peer, const struct sfu_path *path, const uint8_t *data, size_t len)
{
    peer->counters.datagrams_out++;
    peer->counters.bytes_out += len;
    peer->config.send(peer->config.user, path, data, len);
}

static void send_selected(struct bench_peer *peer, const uint8_t *data, size_t len)
{
    const struct sfu_path *path = bench_ice_selected(&peer->ice);
    if (path != NULL)
        send_datagram(peer, path, data, len);
}

static void on_dtls_out(void *user, const uint8_t *datagram, size_t len)
{
    send_selected(user, datagram, len);
}

static void on_rtp_out(void *user, const struct bench_rtp_out *packet)
{
    struct bench_peer *peer = user;
    if (peer->srtp_out == NULL || peer->state != BENCH_PEER_CONNECTED)
        return;
    if (packet->transport_cc_offset != 0)
        base_put_be16(packet->header + packet->transport_cc_offset, peer->next_transport_seq++);
    if (packet->abs_send_time_offset != 0)
        base_put_be24(packet->header + packet->abs_send_time_offset, sfu_rtp_abs_send_time(peer->now_us));
    uint8_t out[SFU_RTP_PACKET_MAX_BYTES];
    if (packet->header_bytes + packet->payload_bytes + SFU_SRTP_TAG_MAX_BYTES > sizeof out)
        return;
    memcpy(out, packet->header, packet->header_bytes);
    size_t len = sfu_srtp_protect(peer->srtp_out, out, packet->header_bytes, packet->ext_seq, packet->ssrc,
                                  packet->payload, packet->payload_bytes, 0);
    if (len == 0)
        return;
    peer->counters.rtp_out++;
    send_selected(peer, out, len);
}

void bench_peer_send_rtcp(struct bench_peer *peer, uint8_t *rtcp, size_t len)
{
    if (peer->srtp_out == NULL || len == 0)
        return;
    size_t total = sfu_srtcp_protect(peer->srtp_out, rtcp, len);
    if (total == 0)
        return;
    peer->counters.rtcp_out++;
    send_selected(peer, rtcp, total);
}

/* ---- connecting ----------------------------------------------------------------------------------------------- */

void bench_peer_set_dtls_server(struct bench_peer *peer, bool server)
{
    peer->dtls_server = server;
}

void bench_peer_set_compound_rtcp(struct bench_peer *peer, bool compound)
{
    peer->compound_rtcp = compound;
}

int bench_peer_start(struct bench_peer *peer, const struct sfu_ice_credentials *local,
                     const struct sfu_ice_credentials *remote, const uint8_t *fingerprint, uint64_t now_us)
{
    bench_ice_start(&peer->ice, local, remote, now_us);
    if (peer->dtls != NULL)
        return 0;
    const struct sfu_dtls_config config = {
        .client = !peer->dtls_server, .peer_fingerprint = fingerprint, .send = on_dtls_out, .user = peer};
    return sfu_dtls_session_create(&peer->dtls, peer->config.identity, &config);
}

int bench_peer_add_pair(struct bench_peer *peer, const struct sfu_path *path, uint32_t priority, uint64_t now_us)
{
    return bench_ice_add_pair(&peer->ice, path, priority, now_us);
}

void bench_peer_remove_pair(struct bench_peer *peer, const struct sfu_path *path)
{
    bench_ice_remove_pair(&peer->ice, path);
}

void bench_peer_set_external_ice(struct bench_peer *peer)
{
    bench_ice_set_external(&peer->ice);
}

void bench_peer_close(struct bench_peer *peer)
{
    if (peer->dtls != NULL)
        sfu_dtls_session_close(peer->dtls);
}

static void take_keys(struct bench_peer *peer, uint64_t now_us)
{
    struct sfu_dtls_keys keys;
    if (sfu_dtls_session_keys(peer->dtls, &keys) != 0)
        return;
    int err = sfu_srtp_session_create(&peer->srtp_out, keys.profile, keys.send_key, keys.send_salt);
    if (err == 0)
        err = sfu_srtp_session_create(&peer->srtp_in, keys.profile, keys.receive_key, keys.receive_salt);
    peer->profile = keys.profile;
    memset(&keys, 0, sizeof keys);
    if (err != 0) {
        peer->state = BENCH_PEER_FAILED;
        peer->error = err;
        return;
    }
    peer->state = BENCH_PEER_CONNECTED;
    peer->counters.connected_us = now_us;
    peer->next_rtcp_us = now_us + BENCH_RTCP_INTERVAL_US / 2;
}

static void on_dtls_state(struct bench_peer *peer, uint64_t now_us, enum sfu_dtls_state state)
{
    if (state == SFU_DTLS_CONNECTED && peer->state == BENCH_PEER_NEW)
        take_keys(peer, now_us);
    if (state == SFU_DTLS_FAILED || state == SFU_DTLS_CLOSED) {
        peer->state = BENCH_PEER_FAILED;
        peer->error = sfu_dtls_session_error(peer->dtls);
    }
}

/* ---- streams -------------------------------------------------------------------------------------------------- */

struct bench_send_stream *bench_peer_add_send(struct bench_peer *peer, const struct bench_send_config *config)
{
    struct bench_send_stream *stream;
    if (peer->send_count == BENCH_PEER_SEND_MAX || bench_send_stream_create(&stream, config, on_rtp_out, peer) != 0)
        return NULL;
    peer->sends[peer->send_count++] = stream;
    return stream;
}

void bench_peer_remove_send(struct bench_peer *peer, struct bench_send_stream *stream)
{
    for (unsigned i = 0; i < peer->send_count; i++) {
        if (peer->sends[i] != stream)
            continue;
        peer->sends[i] = peer->sends[--peer->send_count];
        bench_send_stream_destroy(stream);
        return;
    }
}

/* The map's keys: the SSRC, and whether it is the stream's RTX. */
static void map_ssrc(struct bench_peer *peer, uint32_t ssrc, struct bench_receive_stream *stream)
{
    if (ssrc != 0)
        (void)base_map_put(&peer->by_ssrc, ssrc, stream); /* without memory: found again by mid */
}

struct bench_receive_stream *bench_peer_add_receive(struct bench_peer *peer, const struct bench_receive_config *config)
{
    if (peer->receive_count == peer->receive_capacity) {
        unsigned capacity = peer->receive_capacity == 0 ? 8 : peer->receive_capacity * 2;
        struct bench_receive_stream **grown = realloc(peer->receives, capacity * sizeof(*grown));
        if (grown == NULL)
            return NULL;
        peer->receives = grown;
        peer->receive_capacity = capacity;
    }
    struct bench_receive_stream *stream;
    if (bench_receive_stream_create(&stream, config) != 0)
        return NULL;
    peer->receives[peer->receive_count++] = stream;
    bench_peer_receive_due(peer, stream);
    map_ssrc(peer, config->ssrc, stream);
    map_ssrc(peer, config->rtx_ssrc, stream);
    return stream;
}

void bench_peer_remove_receive(struct bench_peer *peer, struct bench_receive_stream *stream)
{
    for (unsigned i = 0; i < peer->receive_count; i++) {
        if (peer->receives[i] != stream)
            continue;
        const struct bench_receive_config *config = bench_receive_stream_config(stream);
        if (base_map_get(&peer->by_ssrc, config->ssrc) == stream)
            base_map_remove(&peer->by_ssrc, config->ssrc);
        if (base_map_get(&peer->by_ssrc, config->rtx_ssrc) == stream)
            base_map_remove(&peer->by_ssrc, config->rtx_ssrc);
        peer->receives[i] = peer->receives[--peer->receive_count];
        bench_receive_stream_destroy(stream);
        return;
    }
}

void bench_peer_set_receive_extensions(struct bench_peer *peer, const struct sfu_rtp_ext_map *map)
{
    peer->config.receive_extensions = *map;
}

/* ---- arrival -------------------------------------------------------------------------------------------------- */

/* RFC 9143 section 7: an unknown SSRC is assigned by its mid. */
static struct bench_receive_stream *learn_stream(struct bench_peer *peer, const struct sfu_rtp_header *header,
                                                 const struct sfu_rtp_ext_values *values)
{
    if ((values->has & 1u << SFU_RTP_EXT_MID) == 0)
        return NULL;
    for (unsigned i = 0; i < peer->receive_count; i++) {
        const struct bench_receive_config *config = bench_receive_stream_config(peer->receives[i]);
        bool rtx = config->rtx_payload_type != 0 && header->payload_type == config->rtx_payload_type;
        if (strcmp(config->mid, values->mid) != 0 || (rtx ? config->rtx_ssrc : config->ssrc) != 0)
            continue;
        bench_receive_stream_set_ssrc(peer->receives[i], header->ssrc, rtx);
        map_ssrc(peer, header->ssrc, peer->receives[i]);
        return peer->receives[i];
    }
    return NULL;
}

static void on_rtp(struct bench_peer *peer, uint64_t now_us, uint64_t arrival_us, uint8_t *packet, size_t len)
{
    struct sfu_rtp_header header;
    if (sfu_rtp_parse(packet, len, &header) != 0) {
        peer->counters.rtp_malformed++;
        return;
    }
    if (peer->srtp_in == NULL) {
        peer->counters.rtp_early++;
        return;
    }
    size_t plain_len = 0;
    int err = sfu_srtp_unprotect(peer->srtp_in, packet, len, &header, packet, &plain_len);
    if (err != 0) {
        if (err == BASE_ERR_REPLAY)
            peer->counters.rtp_replayed++;
        else
            peer->counters.rtp_auth_failed++;
        return;
    }
    peer->counters.rtp_in++;
    struct sfu_rtp_ext_values values = {0};
    if (sfu_rtp_ext_read(packet, &header, &peer->config.receive_extensions, &values) != 0)
        peer->counters.rtp_malformed++;
    if (values.has & 1u << SFU_RTP_EXT_TRANSPORT_CC)
        sfu_twcc_recorder_on_packet(peer->twcc, arrival_us, header.ssrc, values.transport_seq);
    struct bench_receive_stream *stream = base_map_get(&peer->by_ssrc, header.ssrc);
    if (stream == NULL)
        stream = learn_stream(peer, &header, &values);
    if (stream == NULL) {
        peer->counters.rtp_unknown++;
        return;
    }
    bool rtx = bench_receive_stream_config(stream)->rtx_ssrc == header.ssrc;
    bench_receive_stream_on_packet(stream, now_us, arrival_us, packet, plain_len, &header, rtx);
    bench_peer_receive_due(peer, stream);
}

static void on_selected(struct bench_peer *peer, uint64_t now_us)
{
    if (peer->state == BENCH_PEER_LOST)
        peer->state = BENCH_PEER_CONNECTED;
    if (peer->dtls == NULL)
        return;
    uint64_t resend_us = 2 * peer->ice.rtt_us;
    if (resend_us < DTLS_RESEND_MIN_US)
        resend_us = DTLS_RESEND_MIN_US;
    if (resend_us > DTLS_RESEND_MAX_US)
        resend_us = DTLS_RESEND_MAX_US;
    sfu_dtls_session_set_resend_us(peer->dtls, resend_us);
    on_dtls_state(peer, now_us, sfu_dtls_session_poll(peer->dtls, now_us)); /* the first flight can go */
}

static void on_stun(struct bench_peer *peer, uint64_t now_us, const struct sfu_path *path, const uint8_t *datagram,
                    size_t len)
{
    uint8_t answer[SFU_STUN_MESSAGE_MAX_BYTES];
    peer->counters.stun_in++;
    size_t answer_len = bench_ice_answer(&peer->ice, now_us, path, datagram, len, answer);
    if (answer_len != 0)
        send_datagram(peer, path, answer, answer_len);
    else if (bench_ice_on_stun(&peer->ice, now_us, path, datagram, len))
        on_selected(peer, now_us);
}

void bench_peer_on_external_ice(struct bench_peer *peer, uint64_t now_us, bool usable)
{
    static const struct sfu_path any = {.protocol = SFU_PROTOCOL_UDP};
    peer->now_us = now_us;
    bench_ice_select(&peer->ice, usable ? &any : NULL);
    if (usable)
        on_selected(peer, now_us);
    else if (peer->state == BENCH_PEER_CONNECTED)
        peer->state = BENCH_PEER_LOST;
}

void bench_peer_on_datagram(struct bench_peer *peer, uint64_t now_us, uint64_t arrival_us, const struct sfu_path *path,
                            uint8_t *datagram, size_t len)
{
    peer->now_us = now_us;
    peer->counters.datagrams_in++;
    peer->counters.bytes_in += len;
    switch (sfu_datagram_classify(datagram, len)) {
    case SFU_DATAGRAM_STUN:
        on_stun(peer, now_us, path, datagram, len);
        break;
    case SFU_DATAGRAM_DTLS:
        peer->counters.dtls_in++;
        if (peer->dtls != NULL)
            on_dtls_state(peer, now_us, sfu_dtls_session_on_datagram(peer->dtls, now_us, datagram, len));
        break;
    case SFU_DATAGRAM_RTP:
        on_rtp(peer, now_us, arrival_us, datagram, len);
        break;
    case SFU_DATAGRAM_RTCP:
        bench_peer_on_rtcp(peer, now_us, datagram, len);
        break;
    default:
        peer->counters.unknown_datagrams++;
        break;
    }
}

/* ---- time ----------------------------------------------------------------------------------------------------- */

static uint64_t min_us(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t bench_peer_deadline_us(const struct bench_peer *peer)
{
    if (peer->state == BENCH_PEER_FAILED)
        return BASE_NEVER_US;
    uint64_t deadline_us = bench_ice_deadline_us(&peer->ice);
    if (peer->state == BENCH_PEER_LOST)
        return deadline_us;
    if (peer->dtls != NULL && peer->ice.selected >= 0)
        deadline_us = min_us(deadline_us, sfu_dtls_session_deadline_us(peer->dtls));
    if (peer->state != BENCH_PEER_CONNECTED)
        return deadline_us;
    deadline_us = min_us(deadline_us, peer->next_rtcp_us);
    deadline_us = min_us(deadline_us, sfu_twcc_recorder_deadline_us(peer->twcc));
    for (unsigned i = 0; i < peer->send_count; i++)
        deadline_us = min_us(deadline_us, bench_send_stream_deadline_us(peer->sends[i]));
    return min_us(deadline_us, peer->receives_due_us);
}

void bench_peer_poll(struct bench_peer *peer, uint64_t now_us)
{
    peer->now_us = now_us;
    if (peer->state == BENCH_PEER_FAILED)
        return;
    if (bench_ice_expired(&peer->ice, now_us)) {
        peer->ice.consent_until_us = BASE_NEVER_US;
        peer->state = BENCH_PEER_LOST;
    }
    uint8_t check[SFU_STUN_MESSAGE_MAX_BYTES];
    struct sfu_path path;
    for (size_t len; (len = bench_ice_poll(&peer->ice, now_us, check, &path)) != 0;)
        send_datagram(peer, &path, check, len);
    if (peer->dtls != NULL && peer->ice.selected >= 0 && sfu_dtls_session_deadline_us(peer->dtls) <= now_us)
        on_dtls_state(peer, now_us, sfu_dtls_session_poll(peer->dtls, now_us));
    if (peer->state != BENCH_PEER_CONNECTED)
        return;
    for (unsigned i = 0; i < peer->send_count; i++)
        bench_send_stream_poll(peer->sends[i], now_us);
    bench_peer_poll_rtcp(peer, now_us);
}

/* ---- looking at it -------------------------------------------------------------------------------------------- */

enum bench_peer_state bench_peer_state(const struct bench_peer *peer)
{
    return peer->state;
}

int bench_peer_error(const struct bench_peer *peer)
{
    return peer->error;
}

enum sfu_srtp_profile bench_peer_profile(const struct bench_peer *peer)
{
    return peer->profile;
}

struct bench_ice *bench_peer_ice(struct bench_peer *peer)
{
    return &peer->ice;
}

const struct bench_peer_counters *bench_peer_counters(const struct bench_peer *peer)
{
    return &peer->counters;
}
