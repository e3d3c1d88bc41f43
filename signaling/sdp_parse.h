/* SPDX-License-Identifier: Apache-2.0 */
/**
 * sdp_parse.h - what the two halves of the SDP parser share: sdp_parse.c reads lines, m-sections and transports,
 * sdp_media.c the attributes about media. Internal to those two.
 */
#ifndef CONSILIUM_SIGNALING_SDP_PARSE_H
#define CONSILIUM_SIGNALING_SDP_PARSE_H

#include "signaling/sdp.h"
#include "signaling/span.h"

enum sig_sdp_codec { SIG_SDP_CODEC_OTHER, SIG_SDP_CODEC_OPUS, SIG_SDP_CODEC_VP8, SIG_SDP_CODEC_VP9, SIG_SDP_CODEC_RTX };
enum { SIG_SDP_NO_APT = 0xff, SIG_SDP_PAYLOAD_TYPES = 128, SIG_SDP_RIDS_MAX = 8 };

/* Transport attributes of one level (session or m-section); empty: not said there. */
struct sig_sdp_transport_lines {
    char ufrag[SFU_ICE_UFRAG_MAX];
    char pwd[SFU_ICE_PWD_MAX];
    bool has_fingerprint;
    uint8_t fingerprint[SFU_DTLS_FINGERPRINT_BYTES];
    enum sig_sdp_setup setup;
};

/* What is collected of an m-section until its end, when payload types are resolved: rtpmap, fmtp and rtcp-fb come in
 * any order. */
struct sig_sdp_section {
    struct sig_sdp_transport_lines transport;
    uint8_t codec[SIG_SDP_PAYLOAD_TYPES];
    bool other_profile[SIG_SDP_PAYLOAD_TYPES]; /* fmtp has a profile-id that is not 0 */
    uint8_t apt[SIG_SDP_PAYLOAD_TYPES];
    bool transport_cc[SIG_SDP_PAYLOAD_TYPES];
    uint8_t formats[SIG_SDP_PAYLOAD_TYPES];
    size_t format_count;
    struct sig_span rids[SIG_SDP_RIDS_MAX]; /* a=rid:… send */
    size_t rid_count;
    struct sig_span simulcast; /* the list behind "send" of a=simulcast */
    bool port_zero, bundle_only, rtcp_mux;
};

struct sig_sdp_parser {
    struct sig_sdp *out;
    struct sig_sdp_error *error;
    enum sig_sdp_type type;
    size_t media_max;
    size_t media_capacity;
    struct sig_sdp_transport_lines session;
    enum sig_sdp_direction session_direction;
    struct sig_span bundle;
    bool has_bundle;
    struct sig_sdp_media *media; /* the m-section being read; NULL: session level */
    struct sig_sdp_section section;
    bool has_transport; /* out's transport was set by an m-section */
};

/** Writes the error with its place; returns `err`. */
int sig_sdp_fail(struct sig_sdp_parser *p, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/** "sendrecv" and its like; false if it is none. */
bool sig_sdp_parse_direction(struct sig_span value, enum sig_sdp_direction *out);

/** An attribute of an audio or video m-section about its media. Returns 1 if `line` was one, 0 if not, or an error. */
int sig_sdp_media_attribute(struct sig_sdp_parser *p, struct sig_span line);
/** At the end of the m-section: the first format of the m-line that we take, and the rtx that belongs to it. */
void sig_sdp_choose_codec(struct sig_sdp_media *media, const struct sig_sdp_section *section);

/** At the end of the m-section: the layers of a=simulcast that are declared by a=rid, if they can be told apart. */
void sig_sdp_choose_layers(struct sig_sdp_media *media, const struct sig_sdp_section *section);

#endif
