/* SPDX-License-Identifier: Apache-2.0 */
/**
 * peer.h - one WebRTC peer connection of a bench client: ICE (controlling), DTLS, SRTP, RTP streams both ways
 * and the RTCP that belongs to them. What a browser is to the SFU, without cameras, codecs and threads.
 *
 * Sans-IO: datagrams in by _on_datagram, out by the `send` callback; time is an argument; call _poll at the deadline.
 * So it runs over real sockets (net.h) and in the simulator alike. Threads: one owner. Allocates when streams are added
 * and in the DTLS handshake only.
 */
#ifndef CONSILIUM_BENCH_CLIENT_PEER_H
#define CONSILIUM_BENCH_CLIENT_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/client/ice_control.h"
#include "bench/client/receive_stream.h"
#include "bench/client/send_stream.h"
#include "sfu/transport/dtls_session.h"

#define BENCH_PEER_SEND_MAX 8

enum bench_peer_state {
    BENCH_PEER_NEW,
    BENCH_PEER_CONNECTED,
    BENCH_PEER_LOST,   /**< consent expired; an ICE restart brings it back */
    BENCH_PEER_FAILED, /**< DTLS failed or was closed by the server: final */
};

struct bench_peer_config {
    struct sfu_dtls_identity *identity; /**< outlives the peer; may be shared */
    struct sfu_ice_credentials local;
    uint64_t seed;                             /**< of SSRC of the receiver, transaction ids */
    int64_t wall_offset_us;                    /**< wall clock minus the caller's clock, for sender reports */
    struct sfu_rtp_ext_map receive_extensions; /**< of what the server sends */
    const char *cname;                         /**< copied, 31 characters at most */
    void (*send)(void *user, const struct sfu_path *path, const uint8_t *datagram, size_t len);
    void *user;
};

struct bench_peer_counters {
    uint64_t datagrams_in, datagrams_out, bytes_in, bytes_out;
    uint64_t rtp_in, rtcp_in, rtp_out, rtcp_out, stun_in, dtls_in;
    uint64_t rtp_early;       /**< before our handshake was over: dropped */
    uint64_t rtp_replayed;    /**< duplicates on the wire, caught by SRTP */
    uint64_t rtp_auth_failed; /**< not right over a good network */
    uint64_t rtp_unknown;     /**< no stream for this SSRC (arrived before or after its negotiation) */
    uint64_t rtp_malformed, rtcp_malformed, unknown_datagrams;
    uint64_t plis_in, firs_in, nacks_in, twcc_in, sr_in, rr_in;
    uint64_t twcc_reported, twcc_lost; /**< of our own packets, according to the server */
    uint64_t connected_us;             /**< when it first was; 0: never */
};

struct bench_peer;

/** Copies `config`. Returns 0, BASE_ERR_NOMEM or BASE_ERR_CRYPTO; on error *out is NULL. */
int bench_peer_create(struct bench_peer **out, const struct bench_peer_config *config);
/** Says nothing to the server (a crash); call _close first to part in peace. */
void bench_peer_destroy(struct bench_peer *peer);
/** Sends DTLS close_notify. */
void bench_peer_close(struct bench_peer *peer);

/** Before the first _start: the server is DTLS client (its answer says a=setup:active), we wait for it. */
void bench_peer_set_dtls_server(struct bench_peer *peer, bool server);
/** The server does not take RTCP of reduced size (RFC 5506; no a=rtcp-rsize): each stream's messages travel in compound
 * packets of their own, behind a report. */
void bench_peer_set_compound_rtcp(struct bench_peer *peer, bool compound);
/** The server's ICE credentials and fingerprint (32 bytes) from its SDP: connects, or restarts ICE if it was connected
 * (then the fingerprint is not used again; `local`: our new credentials, or NULL to keep ours). Returns 0 or
 * BASE_ERR_NOMEM / BASE_ERR_CRYPTO. */
int bench_peer_start(struct bench_peer *peer, const struct sfu_ice_credentials *local,
                     const struct sfu_ice_credentials *remote, const uint8_t *fingerprint, uint64_t now_us);
/** A way to the server: local and remote address, protocol, connection. As bench_ice_add_pair(). */
int bench_peer_add_pair(struct bench_peer *peer, const struct sfu_path *path, uint32_t priority, uint64_t now_us);
void bench_peer_remove_pair(struct bench_peer *peer, const struct sfu_path *path);

/** ICE is somebody else's (nice_path.h): before _start. What is received and sent then has any path; STUN messages do
 * not come here. */
void bench_peer_set_external_ice(struct bench_peer *peer);
/** External ICE: datagrams can be sent from now on (and DTLS begins), or no more (LOST). */
void bench_peer_on_external_ice(struct bench_peer *peer, uint64_t now_us, bool usable);

/** Starts sending at config->start_us (nothing leaves before the peer is connected). The peer owns the stream; returns
 * it, or NULL (no memory, invalid, too many). */
struct bench_send_stream *bench_peer_add_send(struct bench_peer *peer, const struct bench_send_config *config);
void bench_peer_remove_send(struct bench_peer *peer, struct bench_send_stream *stream);
/** The peer owns the stream; returns it, or NULL (no memory). */
struct bench_receive_stream *bench_peer_add_receive(struct bench_peer *peer, const struct bench_receive_config *config);
void bench_peer_remove_receive(struct bench_peer *peer, struct bench_receive_stream *stream);
void bench_peer_set_receive_extensions(struct bench_peer *peer, const struct sfu_rtp_ext_map *map);

/** The datagram may be decrypted in place. `path`: where it came from (remote) and arrived (local). `arrival_us`: when
 * it reached this machine, <= now_us: for the delay statistics only. */
void bench_peer_on_datagram(struct bench_peer *peer, uint64_t now_us, uint64_t arrival_us, const struct sfu_path *path,
                            uint8_t *datagram, size_t len);
uint64_t bench_peer_deadline_us(const struct bench_peer *peer);
void bench_peer_poll(struct bench_peer *peer, uint64_t now_us);

enum bench_peer_state bench_peer_state(const struct bench_peer *peer);
/** Why it FAILED, as sfu_dtls_session_error(). */
int bench_peer_error(const struct bench_peer *peer);
enum sfu_srtp_profile bench_peer_profile(const struct bench_peer *peer);
/** For tests that disturb it: `silent`, credentials, RTT. */
struct bench_ice *bench_peer_ice(struct bench_peer *peer);
const struct bench_peer_counters *bench_peer_counters(const struct bench_peer *peer);

#endif
