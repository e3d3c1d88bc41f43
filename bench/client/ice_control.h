/* SPDX-License-Identifier: Apache-2.0 */
/**
 * ice_control.h - the bench client's half of ICE: controlling, regular nomination, against a server, lite or
 * full (RFC 8445).
 *
 * A *pair* is a path from one of our addresses to a candidate of the server. Pairs are checked until they answer; the
 * valid pair of highest priority is nominated with USE-CANDIDATE; the selected pair is checked every 5 s (consent, RFC
 * 7675) and is lost after 30 s without an answer. Sans-IO, no allocation; lies in its owner.
 */
#ifndef CONSILIUM_BENCH_CLIENT_ICE_CONTROL_H
#define CONSILIUM_BENCH_CLIENT_ICE_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sfu/transport/ice_lite.h"
#include "sfu/transport/path.h"

#define BENCH_ICE_PAIRS_MAX        8
#define BENCH_ICE_TRANSACTIONS     8
#define BENCH_ICE_CHECK_US         100000u  /**< between the first checks of a pair; doubles up to a second */
#define BENCH_ICE_CONSENT_CHECK_US 5000000u /**< RFC 7675 section 5.1: every 5 s, +- 20 % */
#define BENCH_ICE_CONSENT_US       30000000u

struct bench_ice_pair {
    struct sfu_path path;
    uint32_t priority;
    bool valid, nominated;
    uint64_t next_check_us;
    uint32_t interval_us;
    struct {
        uint8_t id[12];
        uint64_t sent_us; /* 0: unused */
        bool nominating;
    } transactions[BENCH_ICE_TRANSACTIONS];
    unsigned next_transaction;
};

struct bench_ice {
    struct sfu_ice_credentials local, remote;
    uint64_t random;
    uint64_t tie_breaker;
    struct bench_ice_pair pairs[BENCH_ICE_PAIRS_MAX];
    unsigned pair_count;
    int selected; /* -1: none */
    uint64_t consent_until_us;
    uint64_t rtt_us; /* smoothed; 0: not known */
    uint64_t checks_sent, responses, responses_bad, requests, requests_bad;
    bool silent;   /* test: no more checks, as a machine that fell asleep */
    bool external; /* see bench_ice_set_external() */
};

void bench_ice_init(struct bench_ice *ice, const struct sfu_ice_credentials *local, uint64_t seed);
/** Somebody else does ICE (nice_path.h): no checks, no consent; pairs come by _select only. */
void bench_ice_set_external(struct bench_ice *ice);
/** External: this path is in use from now on; NULL: none. */
void bench_ice_select(struct bench_ice *ice, const struct sfu_path *path);
/** The server's credentials; checks start with them. Called again: an ICE restart, every pair must prove itself again
 * (the selected one stays in use meanwhile). `local`: NULL to keep ours. */
void bench_ice_start(struct bench_ice *ice, const struct sfu_ice_credentials *local,
                     const struct sfu_ice_credentials *remote, uint64_t now_us);
/** Returns 0, BASE_ERR_EXISTS or BASE_ERR_FULL. */
int bench_ice_add_pair(struct bench_ice *ice, const struct sfu_path *path, uint32_t priority, uint64_t now_us);
/** Our address is gone: forgets the pair; if it was selected, nothing is until the next nomination. */
void bench_ice_remove_pair(struct bench_ice *ice, const struct sfu_path *path);

/** A STUN datagram. Returns true if it was the answer that selected a (new) pair. */
bool bench_ice_on_stun(struct bench_ice *ice, uint64_t now_us, const struct sfu_path *path, const uint8_t *datagram,
                       size_t len);
/** A full server checks us too: if the datagram is a Binding request for us, writes the response to out
 * (SFU_STUN_MESSAGE_MAX_BYTES), to be sent back where it came from, and returns its bytes; 0: it is not one, or not a
 * good one. A server that wants to control is told that we do (487, section 7.3.1.1). */
size_t bench_ice_answer(struct bench_ice *ice, uint64_t now_us, const struct sfu_path *path, const uint8_t *datagram,
                        size_t len, uint8_t *out);
/** NULL: none. */
const struct sfu_path *bench_ice_selected(const struct bench_ice *ice);
uint64_t bench_ice_deadline_us(const struct bench_ice *ice);
/** Next check due: writes it to out (SFU_STUN_MESSAGE_MAX_BYTES) and its pair's path to *path. Returns bytes; call
 * until 0. */
size_t bench_ice_poll(struct bench_ice *ice, uint64_t now_us, uint8_t *out, struct sfu_path *path);
bool bench_ice_expired(const struct bench_ice *ice, uint64_t now_us);

#endif
