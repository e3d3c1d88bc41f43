/* SPDX-License-Identifier: Apache-2.0 */
/**
 * publication.h - one participant's publish peer connection: the client offers, we answer (PROTOCOL.md section 4).
 *
 * Keeps which m-section is which track, and the credentials of the transport: an offer with a new ufrag restarts ICE,
 * one with another fingerprint is a new peer connection. Pure: talks to the engine through the port only. Threads: one
 * owner; lies in it.
 */
#ifndef CONSILIUM_SIGNALING_PUBLICATION_H
#define CONSILIUM_SIGNALING_PUBLICATION_H

#include <jansson.h>

#include "signaling/sdp.h"
#include "signaling/sfu_port.h"

#define SIG_TRACKS_OF_A_KIND_MAX 4

/** What the server knows of one end of a transport; used for both peer connections. */
struct sig_transport {
    bool exists; /**< the engine was told */
    uint64_t session_id;
    uint64_t session_version;
    struct sfu_ice_credentials local;
    char remote_ufrag[SFU_ICE_UFRAG_MAX];
    char remote_pwd[SFU_ICE_PWD_MAX];
    uint8_t remote_fingerprint[SFU_DTLS_FINGERPRINT_BYTES];
};

struct sig_publication_track {
    uint64_t track_id;
    enum sfu_source source;
    /* other than before: another track */
    enum sfu_video_codec video_codec;
    uint8_t layer_count;
    char rids[SFU_LAYERS_MAX][SFU_RTP_EXT_TEXT_MAX];
    char mid[SIG_SDP_MID_MAX];
};

/** All zeroes: nothing published yet. */
struct sig_publication {
    struct sig_transport transport;
    size_t track_count;
    struct sig_publication_track tracks[SFU_TRACKS_MAX];
};

/** Who publishes where. */
struct sig_publisher {
    const struct sig_sfu_port *port;
    uint64_t room_id;
    uint64_t participant_id;
    uint32_t rights;
    uint64_t *next_track_id; /**< counts on */
};

/**
 * Handles a `publish` request: `sdp` and `tracks` are its members (either may be NULL: missing). On success *answer is
 * a new object with the members of `published` but for type and re, and the engine has been told. On failure *answer is
 * NULL, *failure says why and nothing has changed (but for a new ICE transport, which the next offer reuses).
 * Returns 0, or BASE_ERR_MALFORMED, _NOT_ALLOWED, _FULL, _NOMEM or what the port returned.
 */
int sig_publication_offer(struct sig_publication *publication, const struct sig_publisher *publisher, const char *sdp,
                          const json_t *tracks, json_t **answer, struct sig_failure *failure);

/** The own track with this id, or NULL. */
const struct sig_publication_track *sig_publication_find(const struct sig_publication *publication, uint64_t track_id);

/** Would this description of the client change the transport? (First, ICE restart, or another peer connection.) */
bool sig_transport_changed(const struct sig_transport *transport, const struct sig_sdp *sdp);
/** Tells the engine about the transport and remembers the client's half. Returns what the port returned. */
int sig_transport_apply(struct sig_transport *transport, const struct sig_sdp *sdp, const struct sig_sfu_port *port,
                        uint64_t room_id, uint64_t participant_id, enum sfu_peer_connection peer_connection);

#endif
