/* SPDX-License-Identifier: Apache-2.0 */
/**
 * peer_internal.h - what peer.c (transport, streams) and peer_rtcp.c (feedback both ways) share.
 */
#ifndef CONSILIUM_BENCH_CLIENT_PEER_INTERNAL_H
#define CONSILIUM_BENCH_CLIENT_PEER_INTERNAL_H

#include "base/hash.h"
#include "bench/client/peer.h"
#include "sfu/media/twcc_recorder.h"

#define BENCH_RTCP_INTERVAL_US 1000000u
#define BENCH_TWCC_INTERVAL_US 100000u
#define BENCH_RTCP_MAX_BYTES   1200u

struct bench_peer {
    struct bench_peer_config config;
    char cname[32];
    struct bench_peer_counters counters;
    enum bench_peer_state state;
    int error;
    enum sfu_srtp_profile profile;
    struct bench_ice ice;
    struct sfu_dtls_session *dtls;
    bool dtls_server, compound_rtcp;
    struct sfu_srtp_session *srtp_out, *srtp_in;
    uint32_t own_ssrc; /* sender of feedback when we send no media */
    uint16_t next_transport_seq;
    uint64_t now_us; /* of the call in progress */

    struct bench_send_stream *sends[BENCH_PEER_SEND_MAX];
    unsigned send_count;
    struct bench_receive_stream **receives;
    unsigned receive_count, receive_capacity;
    uint64_t receives_due_us; /* not later than the earliest deadline of a receive stream */
    struct base_map by_ssrc;  /* SSRC, RTX SSRC -> receive stream */
    struct sfu_twcc_recorder *twcc;
    uint64_t next_rtcp_us;
};

/** Protects in place (room for the SRTCP tail behind `len`) and sends. */
void bench_peer_send_rtcp(struct bench_peer *peer, uint8_t *rtcp, size_t len);
void bench_peer_on_rtcp(struct bench_peer *peer, uint64_t now_us, uint8_t *packet, size_t len);
/** The stream's deadline may have come nearer. */
void bench_peer_receive_due(struct bench_peer *peer, const struct bench_receive_stream *stream);
/** Reports, feedback, NACK and PLI that are due. */
void bench_peer_poll_rtcp(struct bench_peer *peer, uint64_t now_us);

#endif
