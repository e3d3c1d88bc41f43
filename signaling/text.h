/* SPDX-License-Identifier: Apache-2.0 */
/**
 * text.h - a bounded string that grows while it is written: SDP, metrics, headers.
 *
 * Errors are sticky: after a failed append all further ones do nothing, and _take() reports it once at the end.
 * Threads: one owner.
 */
#ifndef CONSILIUM_SIGNALING_TEXT_H
#define CONSILIUM_SIGNALING_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/** Treat as opaque; lies in its owner's memory. */
struct sig_text {
    char *data; /* NUL-terminated once anything was written */
    size_t len;
    size_t capacity;
    size_t max_bytes;
    bool failed;
};

/** An empty text of at most `max_bytes` characters. Allocates nothing yet. */
void sig_text_init(struct sig_text *text, size_t max_bytes);
/** Frees what was written. */
void sig_text_clear(struct sig_text *text);

void sig_text_append(struct sig_text *text, const char *data, size_t len);
void sig_text_add(struct sig_text *text, const char *string);
void sig_text_addf(struct sig_text *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** Hands the text over: the caller frees *out with free(); *len_out (if not NULL) is its length without the NUL. The
 * text is empty afterwards. Returns 0 or BASE_ERR_NOMEM (no memory, or longer than max_bytes); then *out is NULL. */
int sig_text_take(struct sig_text *text, char **out, size_t *len_out);

#endif
