/* SPDX-License-Identifier: Apache-2.0 */
/**
 * ice_lite.h - the server's half of ICE (RFC 8445 section 2.5, lite): answers connectivity checks, follows nominations,
 * watches consent.
 *
 * The peer is controlling. The *selected* path is where the latest valid nomination came from (so an address change
 * needs nothing else). Any authenticated check refreshes consent (RFC 7675); after SFU_ICE_CONSENT_US without one the
 * session is lost. A restart (RFC 8445 section 9) sets new credentials; the old ones and the selected path stay good
 * until a check with the new ones nominates. A check that was seen before (by its transaction id, among the last
 * SFU_ICE_SEEN_MAX) changes nothing: from the same path it is a retransmission and answered, from another a replay.
 * Sans-IO, no allocation; lies in its owner.
 */
#ifndef CONSILIUM_SFU_TRANSPORT_ICE_LITE_H
#define CONSILIUM_SFU_TRANSPORT_ICE_LITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sfu/transport/path.h"
#include "sfu/wire/stun.h"

#define SFU_ICE_CONSENT_US 30000000u /**< RFC 7675 section 5.1 */
/** Consent is for a 5-tuple (RFC 7675 section 3). A check elsewhere after the selected path had none for this long
 * moves the selection there: the peer's NAT gave it another address and it does not nominate again, or the nomination
 * came under a forged address. Peers check at least every 6 s. */
#define SFU_ICE_PATH_SILENT_US 15000000u
#define SFU_ICE_UFRAG_MAX      32 /**< with NUL; ours have 8 characters, at least 4 are required (RFC 8839 section 5.4) */
#define SFU_ICE_PWD_MAX        128 /**< with NUL; ours have 24 characters, at least 22 are required */
#define SFU_ICE_PATHS_MAX      8   /**< validated 5-tuples remembered; the one unused longest is replaced */

struct sfu_ice_credentials {
    char ufrag[SFU_ICE_UFRAG_MAX];
    char pwd[SFU_ICE_PWD_MAX];
};

enum sfu_ice_result {
    SFU_ICE_DROPPED,    /**< not authentic, or not for us: nothing to send */
    SFU_ICE_ANSWERED,   /**< send the response; nothing else changed */
    SFU_ICE_PATH_ADDED, /**< send the response; the path is valid now (put it into the demux table); *removed may name
                           one to take out */
    SFU_ICE_SELECTED,   /**< send the response; the selected path is now this one (may be newly added too) */
};

#define SFU_ICE_SEEN_MAX 32 /**< checks remembered against replay; peers send about one in 2.5 s for each path */

struct sfu_ice_path_entry {
    struct sfu_path path;
    uint64_t last_check_us;
};

struct sfu_ice_lite {
    struct sfu_ice_credentials local;
    struct sfu_ice_credentials previous_local; /* of before a restart; ufrag "" = none */
    char remote_ufrag[SFU_ICE_UFRAG_MAX];      /* "" = not known yet: any is accepted */
    struct sfu_ice_path_entry paths[SFU_ICE_PATHS_MAX];
    unsigned path_count;
    int selected; /* index into paths, -1: none */
    uint64_t consent_until_us;
    struct sfu_ice_seen {
        uint8_t transaction_id[12];
        struct sfu_path path; /* where it came from first */
    } seen[SFU_ICE_SEEN_MAX];
    unsigned seen_count; /* all ever; the slot is modulo the maximum */
};

/** A session that nobody checks within SFU_ICE_CONSENT_US of `now_us` expires too. */
void sfu_ice_lite_init(struct sfu_ice_lite *ice, const struct sfu_ice_credentials *local, const char *remote_ufrag,
                       uint64_t now_us);
void sfu_ice_lite_restart(struct sfu_ice_lite *ice, const struct sfu_ice_credentials *local, const char *remote_ufrag,
                          uint64_t now_us);

struct sfu_ice_output {
    uint8_t response[SFU_STUN_MESSAGE_MAX_BYTES];
    size_t response_bytes; /**< 0: nothing to send */
    bool path_is_new;      /**< put `path` into the demux table */
    bool has_removed;
    struct sfu_path removed; /**< take this one out of the demux table */
};

/** A STUN datagram that sfu_stun_peek() assigned to this session. `path`: where it came from; the response goes back
 * there. */
enum sfu_ice_result sfu_ice_lite_on_stun(struct sfu_ice_lite *ice, uint64_t now_us, const struct sfu_path *path,
                                         const uint8_t *datagram, size_t len, struct sfu_ice_output *out);
/** A path vanished (TCP closed). Returns true if it was the selected one: nothing can be sent until the next
 * nomination. */
bool sfu_ice_lite_on_path_closed(struct sfu_ice_lite *ice, const struct sfu_path *path);
/** NULL if none is selected. */
const struct sfu_path *sfu_ice_lite_selected(const struct sfu_ice_lite *ice);
/** When consent expires if nothing comes. */
uint64_t sfu_ice_lite_deadline_us(const struct sfu_ice_lite *ice);
bool sfu_ice_lite_expired(const struct sfu_ice_lite *ice, uint64_t now_us);

#endif
