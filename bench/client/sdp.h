/* SPDX-License-Identifier: Apache-2.0 */
/**
 * sdp.h - as much of SDP (RFC 8866, RFC 8829, simulcast RFC 8853) as a bench client needs: to write its offers and
 * answers, and to read the server's.
 *
 * Written independently of the server's own SDP code, so that each checks the other. Pure functions over text.
 */
#ifndef CONSILIUM_BENCH_CLIENT_SDP_H
#define CONSILIUM_BENCH_CLIENT_SDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/media/clip.h"
#include "sfu/transport/dtls_session.h"
#include "sfu/transport/ice_lite.h"
#include "sfu/wire/rtp.h"

#define BENCH_SDP_MEDIA_MAX      512
#define BENCH_SDP_CANDIDATES_MAX 16
#define BENCH_SDP_LAYERS_MAX     3
#define BENCH_SDP_TEXT_MAX       (640u * 1024u)

enum bench_sdp_direction { BENCH_SDP_INACTIVE, BENCH_SDP_SENDONLY, BENCH_SDP_RECVONLY, BENCH_SDP_SENDRECV };
enum bench_sdp_role { BENCH_SDP_OFFER, BENCH_SDP_ANSWER };

struct bench_sdp_candidate {
    char address[46];
    uint16_t port;
    bool tcp;
    uint32_t priority;
};

struct bench_sdp_media {
    bool video;
    bool rejected; /**< port 0 */
    enum bench_sdp_direction direction;
    char mid[SFU_RTP_EXT_TEXT_MAX];
    enum bench_codec codec;                 /**< the first that we speak */
    uint8_t payload_type, rtx_payload_type; /**< of `codec`, and its rtx; 0: none */
    uint32_t ssrc, rtx_ssrc;                /**< 0: not said */
    unsigned rid_count;                     /**< simulcast (RFC 8853): layers sent, or accepted; 0: none */
    char rids[BENCH_SDP_LAYERS_MAX][SFU_RTP_EXT_TEXT_MAX];
    struct sfu_rtp_ext_map extensions;
    bool nack, pli, transport_cc; /**< rtcp-fb of payload_type */
};

struct bench_sdp {
    struct sfu_ice_credentials ice;
    bool ice_lite;
    bool reduced_size; /**< a=rtcp-rsize somewhere; written in answers only then */
    char setup[12];
    bool has_fingerprint;
    uint8_t fingerprint[SFU_DTLS_FINGERPRINT_BYTES];
    unsigned candidate_count;
    struct bench_sdp_candidate candidates[BENCH_SDP_CANDIDATES_MAX];
    unsigned media_count;
    struct bench_sdp_media media[BENCH_SDP_MEDIA_MAX];
};

/** Reads the server's description. Returns 0, or BASE_ERR_MALFORMED (a line it cannot read, or a client could not
 * connect: no ufrag, pwd, fingerprint), BASE_ERR_FULL (too many m-sections). */
int bench_sdp_read(const char *text, struct bench_sdp *out);
/** Writes ours from `sdp` (ice, fingerprint, media; setup by role: actpass or active) to out[0..out_max). Sections
 * with an SSRC describe it, unless they are simulcast: then the layers are told apart by their rids. Returns bytes
 * without the NUL, or 0 if it does not fit. */
size_t bench_sdp_write(char *out, size_t out_max, const struct bench_sdp *sdp, enum bench_sdp_role role,
                       uint64_t version);
/** The m-section with this mid, or NULL. Fast if mids are numbers that count the sections, as most servers' are. */
struct bench_sdp_media *bench_sdp_by_mid(struct bench_sdp *sdp, const char *mid);

#endif
