/* SPDX-License-Identifier: Apache-2.0 */
/**
 * message.h - JSON of the visio protocol: bounded parsing of what a client says, typed access to its members.
 *
 * Text from outside is limited in size and depth before jansson sees it; duplicate keys and NULs in strings are
 * refused. Strings returned belong to the message. Threads: any.
 */
#ifndef CONSILIUM_SIGNALING_MESSAGE_H
#define CONSILIUM_SIGNALING_MESSAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sfu/sfu.h"

#define SIG_MESSAGE_DEPTH_MAX 6
#define SIG_MESSAGE_ID_MAX    9007199254740991LL /**< 2^53 - 1 */

/** Parses one JSON object of at most `max_bytes`. The caller owns *out (json_decref). Returns 0, BASE_ERR_UNSUPPORTED
 * (too large or too deep), or BASE_ERR_MALFORMED (no JSON, no object, a duplicate key); on error *out is NULL. */
int sig_message_parse(json_t **out, const char *text, size_t len, size_t max_bytes);

/** The member as a string, or NULL if it is missing or of another type. */
const char *sig_message_string(const json_t *object, const char *key);
/** The member as a boolean into *out. Returns 0, or BASE_ERR_MALFORMED (missing or of another type). */
int sig_message_bool(const json_t *object, const char *key, bool *out);
/** An integer of 0..2^53-1 (also written as 5.0). Returns 0, BASE_ERR_NOT_FOUND (missing) or BASE_ERR_MALFORMED. */
int sig_message_number(const json_t *object, const char *key, int64_t *out);
/** An id such as "p7" with its prefix letter; 0 if it is not one. */
uint64_t sig_message_object_id(const json_t *object, const char *key, char prefix);

/** "p7". Writes at most 24 bytes. */
void sig_id_text(char out[24], char prefix, uint64_t id);
/** A new JSON string "p7"; NULL without memory. */
json_t *sig_id_json(char prefix, uint64_t id);

/** The name of `source` in the protocol, and back. The latter returns 0 or BASE_ERR_NOT_FOUND. */
const char *sig_source_name(enum sfu_source source);
int sig_source_parse(const char *name, enum sfu_source *out);
enum sfu_kind sig_source_kind(enum sfu_source source);

/** A display name: 1 to 80 characters of valid UTF-8 without control characters, not only spaces. */
bool sig_name_valid(const char *name);
/** 1 to `max` characters of valid UTF-8, no control characters but newline. */
bool sig_chat_valid(const char *text, size_t max);

#endif
