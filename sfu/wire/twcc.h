/* SPDX-License-Identifier: Apache-2.0 */
/**
 * twcc.h - the transport-wide congestion control feedback message (draft-holmer-rmcat-transport-wide-cc-extensions-01,
 * section 3).
 *
 * Units: arrival times in microseconds here, in ticks of 250 us (deltas) and 64 ms (reference) on the wire.
 */
#ifndef CONSILIUM_SFU_WIRE_TWCC_H
#define CONSILIUM_SFU_WIRE_TWCC_H

#include <stddef.h>
#include <stdint.h>

#define SFU_TWCC_NOT_RECEIVED INT64_MIN

struct sfu_twcc_feedback {
    uint16_t base_seq;
    uint16_t packet_count;
    uint8_t feedback_count;
    int64_t reference_us; /**< 24-bit signed multiple of 64 ms */
};

/**
 * Writes one whole RTCP packet (header included) for the packets base_seq .. base_seq + packet_count - 1 with their
 * arrival_us (SFU_TWCC_NOT_RECEIVED for those missing; any monotonic clock) into out[0..out_max). Uses run-length,
 * one-bit and two-bit status chunks, whichever is shorter. Stops early when a delta does not fit 16 bits or `out` is
 * full: *written_count tells how many packets the message covers (continue with the next message). The first packet
 * must have been received. Returns bytes, or 0 (nothing fits, packet_count 0, or the first is missing).
 */
size_t sfu_twcc_write(uint8_t *out, size_t out_max, uint32_t sender_ssrc, uint32_t media_ssrc, uint8_t feedback_count,
                      uint16_t base_seq, const int64_t *arrival_us, unsigned packet_count, unsigned *written_count);

/**
 * Reads an FCI (the `body` of a SFU_RTCP_TWCC item). Fills *out and arrival_us[0..out->packet_count) (relative to the
 * sender's reference time; SFU_TWCC_NOT_RECEIVED where missing). arrival_max bounds the array.
 * Returns 0, BASE_ERR_TRUNCATED, BASE_ERR_MALFORMED, or BASE_ERR_FULL (more packets than arrival_max).
 */
int sfu_twcc_read(const uint8_t *fci, size_t len, struct sfu_twcc_feedback *out, int64_t *arrival_us,
                  unsigned arrival_max);

#endif
