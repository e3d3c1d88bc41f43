/* SPDX-License-Identifier: Apache-2.0 */
/**
 * sdp.h - the session descriptions (RFC 8866, RFC 8829) of the two peer connections: what we read of the client's,
 * what we write.
 *
 * The client's *publish* offer is parsed and answered; our *subscribe* offer is written and the client's answer parsed.
 * One BUNDLE transport each (RFC 9143), rtcp-mux, ICE with us lite, DTLS with us passive. Of codecs we know Opus,
 * and VP8 and VP9 profile 0 with RTX (RFC 4588); of everything else only enough to decline it. Of several video codecs
 * in an m-section the client's first one that we know is taken, and only that. Simulcast by rid (RFC 8853) with up to
 * SFU_LAYERS_MAX layers; of alternatives the first.
 *
 * Pure functions over text; no clock, no socket. Bounds: SIG_SDP_OFFER_MAX_BYTES and SIG_SDP_OFFER_MEDIA_MAX for what
 * a client offers; an answer to us may have as many m-sections as we offered. Threads: any.
 */
#ifndef CONSILIUM_SIGNALING_SDP_H
#define CONSILIUM_SIGNALING_SDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sfu/sfu.h"

#define SIG_SDP_OFFER_MAX_BYTES  (64u * 1024u)
#define SIG_SDP_ANSWER_MAX_BYTES (512u * 1024u) /**< to SFU_SUBSCRIPTIONS_MAX m-sections, 1 KiB each */
#define SIG_SDP_OFFER_MEDIA_MAX  64u
#define SIG_SDP_MID_MAX          SFU_RTP_EXT_TEXT_MAX
#define SIG_SDP_ERROR_MAX        128

enum sig_sdp_direction { SIG_SDP_SENDRECV, SIG_SDP_SENDONLY, SIG_SDP_RECVONLY, SIG_SDP_INACTIVE };
enum sig_sdp_setup { SIG_SDP_SETUP_NONE, SIG_SDP_ACTPASS, SIG_SDP_ACTIVE, SIG_SDP_PASSIVE };
enum sig_sdp_media_kind { SIG_SDP_AUDIO, SIG_SDP_VIDEO, SIG_SDP_OTHER };

/** One m-section. */
struct sig_sdp_media {
    enum sig_sdp_media_kind kind;
    bool rejected; /**< port 0 and not bundle-only */
    enum sig_sdp_direction direction;
    char mid[SIG_SDP_MID_MAX];
    bool has_codec;                   /**< one that we know is offered; payload types are the client's */
    enum sfu_video_codec video_codec; /**< of video: the first that we know, in the order of the m-line */
    uint8_t payload_type;             /**< of that codec */
    uint8_t rtx_payload_type;         /**< of the rtx whose apt is payload_type; 0: none */
    bool transport_cc;                /**< the codec has rtcp-fb transport-cc */
    uint32_t ssrc;                    /**< first of ssrc-group FID, else the first a=ssrc; 0: not said */
    uint32_t rtx_ssrc;                /**< second of ssrc-group FID; 0: not said */
    /** Simulcast that the client offers to send and that we can take: rids in the order of a=simulcast, which is from
     * the lowest to the highest; 0: none. Needs the header extensions mid and rid. */
    uint8_t layer_count;
    char rids[SFU_LAYERS_MAX][SFU_RTP_EXT_TEXT_MAX];
    struct sfu_rtp_ext_map extensions; /**< those we know that the client sends or receives both ways */
    /* what a declined m-section must repeat */
    char name[16];
    char proto[24];
    char first_format[32];
};

/** A parsed description. The transport is the one that carries the bundle. */
struct sig_sdp {
    char ufrag[SFU_ICE_UFRAG_MAX];
    char pwd[SFU_ICE_PWD_MAX];
    uint8_t fingerprint[SFU_DTLS_FINGERPRINT_BYTES];
    enum sig_sdp_setup setup;
    size_t media_count;
    struct sig_sdp_media *media;
};

/** Says what is wrong and where: "m-section 1: no ice-ufrag". */
struct sig_sdp_error {
    char text[SIG_SDP_ERROR_MAX];
};

enum sig_sdp_type { SIG_SDP_OFFER, SIG_SDP_ANSWER };

/**
 * Parses sdp[0..len). An offer may have up to SIG_SDP_OFFER_MEDIA_MAX m-sections, an answer up to
 * SFU_SUBSCRIPTIONS_MAX. Requires at least one m-section, ufrag, pwd, a sha-256 fingerprint and a DTLS role that fits
 * ours (offer: actpass or active; answer: active), rtcp-mux and a mid on each audio or video m-section that is not
 * rejected, all of those in one BUNDLE group, with the same transport.
 * The caller clears *out with sig_sdp_clear(); on error *out is empty and *error says why.
 * Returns 0, BASE_ERR_MALFORMED, BASE_ERR_TRUNCATED (a line without end), BASE_ERR_UNSUPPORTED (more m-sections or
 * bytes than allowed, or a transport that we do not do) or BASE_ERR_NOMEM.
 */
int sig_sdp_parse(struct sig_sdp *out, enum sig_sdp_type type, const char *sdp, size_t len,
                  struct sig_sdp_error *error);
void sig_sdp_clear(struct sig_sdp *sdp);
/** The m-section with this mid, or NULL. */
const struct sig_sdp_media *sig_sdp_find_mid(const struct sig_sdp *sdp, const char *mid);

/** Our half of a transport. */
struct sig_sdp_local {
    uint64_t session_id;      /**< o= line: stays */
    uint64_t session_version; /**< o= line: grows by one with each description */
    struct sfu_ice_credentials ice;
    const uint8_t *fingerprint; /**< SHA-256, SFU_DTLS_FINGERPRINT_BYTES */
    const struct sfu_candidate *candidates;
    size_t candidate_count;
};

/** Writes the answer to `offer`: recvonly where accepted[i] (then media[i] must have a codec), inactive where the
 * m-section is one that we could take but did not, port 0 for the rest. The caller frees *out. Returns 0,
 * BASE_ERR_INVALID or BASE_ERR_NOMEM; on error *out is NULL. */
int sig_sdp_write_answer(char **out, const struct sig_sdp *offer, const bool *accepted,
                         const struct sig_sdp_local *local);

/** One m-section of our offer; its mid is its index. */
struct sig_sdp_down_media {
    enum sfu_kind kind;
    enum sfu_video_codec video_codec; /**< of video: the only one offered */
    bool dead;                        /**< declined by the client before: port 0, what follows is ignored */
    bool active;                      /**< sendonly; false: inactive, what follows is ignored */
    uint32_t ssrc;
    uint32_t rtx_ssrc;       /**< 0 for audio */
    uint64_t participant_id; /**< msid and cname: "p7"; media of one person play in step */
    uint64_t track_id;       /**< msid: "t9" */
};

/** Writes the subscribe offer. Payload types and extension ids are those of sfu/room/messages.h. The caller frees *out.
 * Returns 0, BASE_ERR_INVALID (no or more than SFU_SUBSCRIPTIONS_MAX m-sections) or BASE_ERR_NOMEM. */
int sig_sdp_write_offer(char **out, const struct sig_sdp_down_media *media, size_t media_count,
                        const struct sig_sdp_local *local);

#endif
