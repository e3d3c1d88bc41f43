/* SPDX-License-Identifier: Apache-2.0 */
/**
 * demux.h - whose datagram is this? By first byte (RFC 7983), then by 5-tuple, then (STUN only) by the ufrag that it
 * names.
 *
 * The tables hold only what authenticated peers own, so strangers can put nothing into them. Threads: one owner.
 */
#ifndef CONSILIUM_SFU_TRANSPORT_DEMUX_H
#define CONSILIUM_SFU_TRANSPORT_DEMUX_H

#include <stddef.h>
#include <stdint.h>

#include "sfu/transport/path.h"

enum sfu_datagram_class {
    SFU_DATAGRAM_STUN,
    SFU_DATAGRAM_DTLS,
    SFU_DATAGRAM_RTP,
    SFU_DATAGRAM_RTCP,
    SFU_DATAGRAM_UNKNOWN
};

/** RFC 7983 section 7; RTP and RTCP are told apart by payload type (RFC 5761 section 4). */
enum sfu_datagram_class sfu_datagram_classify(const uint8_t *datagram, size_t len);

struct sfu_demux;
int sfu_demux_create(struct sfu_demux **out);
void sfu_demux_destroy(struct sfu_demux *demux);
/** `owner` (not NULL) takes over the path, also from another owner (returned through *previous if not NULL). Returns 0
 * or BASE_ERR_NOMEM. */
int sfu_demux_add_path(struct sfu_demux *demux, const struct sfu_path *path, void *owner, void **previous);
/** Removes the path if `owner` has it. */
void sfu_demux_remove_path(struct sfu_demux *demux, const struct sfu_path *path, const void *owner);
void *sfu_demux_by_path(const struct sfu_demux *demux, const struct sfu_path *path);
/** Returns 0, BASE_ERR_EXISTS or BASE_ERR_NOMEM. */
int sfu_demux_add_ufrag(struct sfu_demux *demux, const char *ufrag, void *owner);
void sfu_demux_remove_ufrag(struct sfu_demux *demux, const char *ufrag);
void *sfu_demux_by_ufrag(const struct sfu_demux *demux, const char *ufrag, size_t len);

#endif
