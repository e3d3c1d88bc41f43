/* SPDX-License-Identifier: Apache-2.0 */
/**
 * ingress.h - RTP and RTCP of known peers: decrypted, checked, and given to the track that they are for.
 *
 * RTP: the track is found by SSRC; an SSRC that is not known yet by the mid in the (clear) header extension and the
 * payload type, and learned once the packet proves authentic (RFC 8843 section 9.2). Others are counted and cost no
 * cryptography. The packet is decrypted once, from the receive buffer into the memory where it stays. RTX (RFC 4588
 * section 4) becomes the original packet again.
 * RTCP: from publishers sender reports; from subscribers reception reports, NACK, PLI, FIR. Threads: one owner.
 */
#ifndef CONSILIUM_SFU_ROOM_INGRESS_H
#define CONSILIUM_SFU_ROOM_INGRESS_H

#include <stddef.h>
#include <stdint.h>

#include "sfu/room/participant.h"

/** From the publish connection; the datagram is only read. */
void sfu_ingress_rtp(struct sfu_participant *participant, uint64_t now_us, const uint8_t *datagram, size_t len);
/** Decrypts in place. */
void sfu_ingress_rtcp(struct sfu_link *link, uint64_t now_us, uint8_t *datagram, size_t len);

#endif
