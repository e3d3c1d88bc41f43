/* SPDX-License-Identifier: Apache-2.0 */
/**
 * subscription.h - one participant's subscribe peer connection: we offer, the client answers (PROTOCOL.md section 5).
 *
 * A *slot* is an m-section: never removed, reused for another track of the same kind and codec once an inactive offer
 * of it was answered. One offer is outstanding at a time; what changes meanwhile waits for the next. Pure: talks to the
 * engine through the port only. Threads: one owner; lies in it.
 */
#ifndef CONSILIUM_SIGNALING_SUBSCRIPTION_H
#define CONSILIUM_SIGNALING_SUBSCRIPTION_H

#include "signaling/publication.h"

struct sig_slot {
    enum sfu_kind kind;
    enum sfu_video_codec video_codec;
    bool dead; /**< the client declined the m-section: it is offered with port 0 from then on */
    uint32_t ssrc, rtx_ssrc;
    /* Track ids, 0: none. wanted -> (offer) -> offered -> (answer) -> answered */
    uint64_t wanted, offered, answered;
    uint64_t participant_id; /**< of `wanted`, and of `offered` while it is the same */
    enum sfu_source source;
    struct sfu_view view; /**< as the client last asked for */
};

/** Prepare with _init, end with _clear. */
struct sig_subscription {
    struct sig_transport transport;
    struct sig_slot *slots;
    size_t slot_count;
    size_t slot_capacity;
    size_t offered_count; /**< slots in the latest offer; later ones are not in it */
    uint32_t next_ssrc;
    uint64_t rev;      /**< of the latest offer */
    bool outstanding;  /**< it is not answered yet */
    bool restart;      /**< the next offer has new credentials */
    char *offer_sdp;   /**< of the outstanding offer */
    char *kept_answer; /**< its answer, which the engine had no place for yet; NULL: none */
    struct sfu_ice_credentials offer_ice;
    uint64_t refused; /**< tracks for which there was no slot left */
};

void sig_subscription_init(struct sig_subscription *subscription);
void sig_subscription_clear(struct sig_subscription *subscription);

/** A track to subscribe to from the next offer on. Returns 0, BASE_ERR_FULL (SFU_SUBSCRIPTIONS_MAX: it is left out) or
 * BASE_ERR_NOMEM. */
int sig_subscription_add(struct sig_subscription *subscription, enum sfu_source source,
                         enum sfu_video_codec video_codec, uint64_t participant_id, uint64_t track_id);
/** The track is gone. Unknown ones are ignored. */
void sig_subscription_remove(struct sig_subscription *subscription, uint64_t track_id);
/** How the client wants to receive this video track from now on; the caller tells the engine about it. `view` NULL:
 * only checks whether that could be asked. Returns 0, BASE_ERR_NOT_FOUND (not one of the tracks) or
 * BASE_ERR_NOT_ALLOWED (audio). */
int sig_subscription_view(struct sig_subscription *subscription, uint64_t track_id, const struct sfu_view *view);
/** New ICE credentials in the next offer. */
void sig_subscription_restart(struct sig_subscription *subscription);
/** Is there something to offer, and no offer outstanding? */
bool sig_subscription_due(const struct sig_subscription *subscription);

/** Makes the next offer: *message is a new `subscribe` message. Returns 0, or BASE_ERR_NOMEM or what the port returned;
 * then nothing has changed. */
int sig_subscription_offer(struct sig_subscription *subscription, const struct sig_sfu_port *port, uint64_t room_id,
                           json_t **message);
/** The outstanding offer again, after a resume. Returns a new message, or NULL (none outstanding, no memory). */
json_t *sig_subscription_repeat(const struct sig_subscription *subscription);

/**
 * Handles a `subscribed`. An answer with another rev is ignored (0). On success the engine has been told to send the
 * tracks that it covers and the offer is no longer outstanding. On failure it still is, and *failure says why.
 * Returns 0, BASE_ERR_MALFORMED, BASE_ERR_NOMEM or what the port returned. After BASE_ERR_FULL the answer is kept in
 * kept_answer, for _retry.
 */
int sig_subscription_answer(struct sig_subscription *subscription, const struct sig_sfu_port *port, uint64_t room_id,
                            uint64_t participant_id, uint64_t rev, const char *sdp, struct sig_failure *failure);
/** Handles the kept answer again; there must be one. Returns as _answer does; kept again after BASE_ERR_FULL only. */
int sig_subscription_retry(struct sig_subscription *subscription, const struct sig_sfu_port *port, uint64_t room_id,
                           uint64_t participant_id, struct sig_failure *failure);

#endif
