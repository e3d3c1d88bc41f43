/* SPDX-License-Identifier: Apache-2.0 */
/**
 * network_profile.h - the network between a bench client and its server, made worse on purpose, inside the client: loss
 * (single or in bursts), delay, jitter, a rate limit with its queue, UDP blocked. Seeded: the same seed loses the same
 * packets.
 *
 * One *line* is one person's network, both directions. The owner hands every datagram to _send and takes those that
 * have arrived with _take at the deadline. Without a profile the owner does not use a line at all. Sans-IO: time is an
 * argument. What a line loses is counted apart, so that a report never blames the server for it.
 * Media over TCP passes a line as delay and rate only: TCP repairs loss by itself, so `loss` becomes a delay of one
 * round trip for the packet and those behind it, and the queue before the limit takes 5 s before it overflows.
 */
#ifndef CONSILIUM_BENCH_CLIENT_NETWORK_PROFILE_H
#define CONSILIUM_BENCH_CLIENT_NETWORK_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bench_network_direction {
    double loss;                  /**< probability 0..1 of each packet, on average */
    double burst;                 /**< mean length of a run of losses in packets; <= 1: each on its own (Gilbert) */
    uint32_t delay_us, jitter_us; /**< arrival after delay + up to jitter; order is kept */
    uint64_t rate_bps;            /**< of IP packets; 0: no limit */
    uint32_t queue_us;            /**< how long the queue before the limit is, in time at that rate; 0: 200 ms */
};

struct bench_network_profile {
    char name[24];
    bool udp_blocked; /**< only TCP candidates are tried */
    struct bench_network_direction up, down;
};

#define BENCH_NETWORK_ERROR_MAX 160

/** Sets *out from text: a name (lan, wifi, 4g, adsl, hospital-tcp, bad), or `loss=2%,burst=3,delay=40ms,jitter=10ms,
 * up=1M,down=4M,queue=200ms,udp=off` (loss, burst, delay, jitter, queue in both directions), or a name and changes to
 * it (`wifi,loss=5%`: its name is then "wifi+"; "custom" without a name). Returns 0, or BASE_ERR_INVALID with the
 * reason in error (which has 160 bytes). */
int bench_network_profile_parse(struct bench_network_profile *out, const char *text, char *error);
/** The i-th known profile, or NULL: for --help. */
const struct bench_network_profile *bench_network_profile_known(size_t i);

enum bench_network_way { BENCH_NETWORK_UP, BENCH_NETWORK_DOWN };

struct bench_network_counters {
    uint64_t packets;    /**< handed to the line */
    uint64_t lost;       /**< of those, by `loss`; over TCP: delayed by it */
    uint64_t overflowed; /**< the queue before the rate limit was full (or there was no memory) */
    uint64_t media; /**< of lost and overflowed: RTP packets that never arrive; not what TCP repairs, nor RTCP, STUN */
};

struct bench_network_line;

/** Copies `profile`. `tag` of a packet is handed back by _take. Returns 0 or BASE_ERR_NOMEM. */
int bench_network_line_create(struct bench_network_line **out, const struct bench_network_profile *profile,
                              uint64_t seed);
void bench_network_line_destroy(struct bench_network_line *line);
/** Puts a packet on the line: its bytes are copied. now_us: when it was sent (UP) or arrived in our kernel (DOWN). */
void bench_network_line_send(struct bench_network_line *line, uint64_t now_us, enum bench_network_way way, bool tcp,
                             void *tag, const uint8_t *data, size_t len);
/** When the next packet arrives; BASE_NEVER_US: nothing is under way. */
uint64_t bench_network_line_deadline_us(const struct bench_network_line *line);
/** The next packet that has arrived at or before now_us: its bytes (valid until the next call of any function of this
 * line), or NULL. *arrival_us: when. */
uint8_t *bench_network_line_take(struct bench_network_line *line, uint64_t now_us, enum bench_network_way *way,
                                 void **tag, size_t *len, uint64_t *arrival_us);
/** Packets under way with this tag vanish (its socket is closed). */
void bench_network_line_forget(struct bench_network_line *line, const void *tag);
const struct bench_network_counters *bench_network_line_counters(const struct bench_network_line *line,
                                                                 enum bench_network_way way);

#endif
