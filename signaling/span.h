/* SPDX-License-Identifier: Apache-2.0 */
/**
 * span.h - pieces of a text that somebody else owns: words and numbers of an SDP line, without copying.
 */
#ifndef CONSILIUM_SIGNALING_SPAN_H
#define CONSILIUM_SIGNALING_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Not NUL-terminated. */
struct sig_span {
    const char *at;
    size_t len;
};

/** Takes the next space-separated word off *rest; false at the end. */
bool sig_span_next_word(struct sig_span *rest, struct sig_span *word);
/** Takes what comes before the next `separator` (or the end) off *rest, separator included; false at the end. */
bool sig_span_next_until(struct sig_span *rest, char separator, struct sig_span *piece);
/** Are they the same, but for the case of letters? */
bool sig_span_equals(struct sig_span span, const char *word);
/** If `line` starts with `prefix`, leaves what follows in *rest. */
bool sig_span_after(struct sig_span line, const char *prefix, struct sig_span *rest);
/** Decimal digits, at most ten; false if there is anything else, or more than `max`. */
bool sig_span_number(struct sig_span span, uint64_t max, uint64_t *out);
/** Copies a word of visible ASCII characters; false if it is empty or does not fit with its NUL. */
bool sig_span_copy(struct sig_span word, char *out, size_t out_size);

#endif
