/* SPDX-License-Identifier: Apache-2.0 */
/**
 * link.h - one peer connection of a participant: its transport, and what the demux tables hold for it.
 *
 * A link is the owner that the demux tables name: its ufrags (the present one, and of before an ICE restart the one
 * before) and its validated paths. Lies in its participant. Threads: one owner.
 */
#ifndef CONSILIUM_SFU_ROOM_LINK_H
#define CONSILIUM_SFU_ROOM_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sfu/room/context.h"
#include "sfu/transport/transport.h"

struct sfu_participant;

struct sfu_link {
    struct sfu_context *context;
    struct sfu_participant *owner;
    enum sfu_peer_connection kind;
    struct sfu_transport *transport; /**< NULL: none yet */
    enum sfu_transport_state state;  /**< as last told by sfu_link_take_change() */
    uint32_t associations;           /* whose keys the tracks know about */
    uint32_t rtcp_ssrc;              /**< sender of our RTCP about the peer's streams */
    uint8_t fingerprint[SFU_DTLS_FINGERPRINT_BYTES];
    char remote_ufrag[SFU_ICE_UFRAG_MAX];
    char ufrag[SFU_ICE_UFRAG_MAX];          /* "": none */
    char previous_ufrag[SFU_ICE_UFRAG_MAX]; /* "": none */
};

void sfu_link_init(struct sfu_link *link, struct sfu_context *context, struct sfu_participant *owner,
                   enum sfu_peer_connection kind);
/** Ends the transport and takes everything out of the demux tables. */
void sfu_link_close(struct sfu_link *link);
/** Carries out SFU_COMMAND_TRANSPORT: makes the transport; restarts its ICE (same fingerprint, other ufrags); replaces
 * it (other fingerprint, or it had failed); or nothing (nothing is new). *replaced: it is a new transport. Returns 0,
 * or BASE_ERR_INVALID, _EXISTS (the ufrag is taken), _NOMEM, _CRYPTO; then a transport that stood stays as it was,
 * unless it was to be replaced. */
int sfu_link_configure(struct sfu_link *link, uint64_t now_us, const struct sfu_transport_parameters *parameters,
                       bool *replaced);
/** A STUN datagram that names one of our ufrags: keeps the demux table in step. Returns false if it was not authentic.
 */
bool sfu_link_on_stun(struct sfu_link *link, uint64_t now_us, const struct sfu_path *path, const uint8_t *datagram,
                      size_t len);
/** The TCP connection has ended, whether or not the link used it. */
void sfu_link_on_path_closed(struct sfu_link *link, const struct sfu_path *path);
/** Returns true when the transport's state is another than at the last call; link->state has it. */
bool sfu_link_take_change(struct sfu_link *link);
/** Returns true when the transport has other keys than at the last call: its streams have to start anew. */
bool sfu_link_take_new_keys(struct sfu_link *link);
/** Sends a compound (or reduced-size) packet. Returns false if that is not possible now. */
bool sfu_link_send_rtcp(struct sfu_link *link, const uint8_t *rtcp, size_t len);
/** When to call sfu_transport_poll(). */
uint64_t sfu_link_deadline_us(const struct sfu_link *link);

#endif
