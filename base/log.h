/* SPDX-License-Identifier: Apache-2.0 */
/**
 * log.h - structured logs: one line an event, `time level event key=value ...`, to stderr.
 *
 * Never per packet, never from sfu/wire, media, transport or room (they return counters and events), never with patient
 * data, names of people, tickets, keys or SDP. Values with spaces are quoted by the caller's format: room="%s".
 * Threads: any; lines are written whole.
 */
#ifndef CONSILIUM_BASE_LOG_H
#define CONSILIUM_BASE_LOG_H

enum base_log_level { BASE_LOG_DEBUG, BASE_LOG_INFO, BASE_LOG_WARN, BASE_LOG_ERROR };

/** Lines below `level` are not written. Default: BASE_LOG_INFO. Any thread. */
void base_log_set_level(enum base_log_level level);

/** Parses "debug", "info", "warn" or "error" into *out. Returns 0 or BASE_ERR_INVALID. */
int base_log_parse_level(const char *text, enum base_log_level *out);

/** Writes one line. `event` is a snake_case word; `fmt` gives the key=value part and may be "". Control characters in
 * the result are replaced by '?', so that a hostile value cannot forge a line; lines are cut at 1 KiB. */
void base_log(enum base_log_level level, const char *event, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#define base_log_debug(event, ...) base_log(BASE_LOG_DEBUG, event, __VA_ARGS__)
#define base_log_info(event, ...)  base_log(BASE_LOG_INFO, event, __VA_ARGS__)
#define base_log_warn(event, ...)  base_log(BASE_LOG_WARN, event, __VA_ARGS__)
#define base_log_error(event, ...) base_log(BASE_LOG_ERROR, event, __VA_ARGS__)

#endif
