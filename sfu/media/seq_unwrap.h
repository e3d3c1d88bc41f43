/* SPDX-License-Identifier: Apache-2.0 */
/**
 * seq_unwrap.h - 16-bit sequence numbers to 64 bits, once, at the door (RFC 3550 appendix A.1, RFC 3711 section 3.3.1).
 *
 * The result is the number nearest to the highest so far, so reordering across the wrap is right for distances below
 * 2^15. Everything behind the door compares extended numbers as integers.
 */
#ifndef CONSILIUM_SFU_MEDIA_SEQ_UNWRAP_H
#define CONSILIUM_SFU_MEDIA_SEQ_UNWRAP_H

#include <stdbool.h>
#include <stdint.h>

/** All zeroes: nothing seen. */
struct sfu_seq_unwrap {
    bool started;
    uint64_t highest;
};

/** The extended number of `seq`. The first one maps to 65536 + seq, so that numbers just before it do not become
 * negative. */
uint64_t sfu_seq_unwrap(struct sfu_seq_unwrap *unwrap, uint16_t seq);

/** The same, without remembering it as seen. */
uint64_t sfu_seq_unwrap_peek(const struct sfu_seq_unwrap *unwrap, uint16_t seq);

#endif
