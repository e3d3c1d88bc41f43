/* SPDX-License-Identifier: Apache-2.0 */
/**
 * nack_tracker.h - which packets of one inbound RTP stream to ask for again.
 *
 * Feed it every arriving packet; at its deadline poll it for sequence numbers to put into a Generic NACK (RFC 4585
 * section 6.2.1). When it gives packets up, ask for a key frame (PLI, section 6.3.1).
 *
 * Sans-IO: reads no clock, sends nothing, allocates only in _create. Threads: belongs to one loop; no lock.
 * Units:   ext_seq  extended 64-bit sequence number (seq_unwrap.h);  _us  microseconds of the caller's monotonic clock
 */
#ifndef CONSILIUM_SFU_MEDIA_NACK_TRACKER_H
#define CONSILIUM_SFU_MEDIA_NACK_TRACKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sfu_nack_config {
    uint32_t reorder_us;  /**< grace before the first request; 0 = none */
    uint32_t retry_us;    /**< between requests, > 0; about one RTT (change it with _set_retry_us) */
    uint8_t requests_max; /**< per packet, 1..16 */
    uint16_t missing_max; /**< packets remembered as missing, 1..4096; a larger gap gives up what does not fit */
};

struct sfu_nack_tracker;

/** Copies `config`. The caller owns *out; on error *out is NULL. Returns 0, BASE_ERR_INVALID or BASE_ERR_NOMEM. */
int sfu_nack_tracker_create(struct sfu_nack_tracker **out, const struct sfu_nack_config *config);
/** NULL is allowed. */
void sfu_nack_tracker_destroy(struct sfu_nack_tracker *tracker);
/** A packet arrived, original or by RTX. Returns true if it had been missing. */
bool sfu_nack_tracker_on_packet(struct sfu_nack_tracker *tracker, uint64_t now_us, uint64_t ext_seq);
/** Forget everything that is missing: for example when the stream is muted, or up to `ext_seq` when a key frame starts
 * there. */
void sfu_nack_tracker_forget_before(struct sfu_nack_tracker *tracker, uint64_t ext_seq);
void sfu_nack_tracker_set_retry_us(struct sfu_nack_tracker *tracker, uint32_t retry_us);
/** When to poll; BASE_NEVER_US if nothing is missing. */
uint64_t sfu_nack_tracker_deadline_us(const struct sfu_nack_tracker *tracker);
/** Writes the 16-bit numbers due at `now_us`, oldest first, to out[0..out_max); returns how many. Those that do not fit
 * stay due. */
size_t sfu_nack_tracker_poll(struct sfu_nack_tracker *tracker, uint64_t now_us, uint16_t *out, size_t out_max);
/** True once after packets were given up (requests exhausted, or a gap too large): the picture is broken, ask for a key
 * frame. */
bool sfu_nack_tracker_take_gave_up(struct sfu_nack_tracker *tracker);

#endif
