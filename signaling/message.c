/* SPDX-License-Identifier: Apache-2.0 */
#include "signaling/message.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

/* Nesting of brackets outside strings; jansson's own limit is 2,048 levels of recursion. */
static bool too_deep(const char *text, size_t len)
{
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
            continue;
        }
        if (c == '"')
            in_string = true;
        else if (c == '{' || c == '[')
            depth++;
        else if (c == '}' || c == ']')
            depth--;
        if (depth > SIG_MESSAGE_DEPTH_MAX)
            return true;
    }
    return false;
}

int sig_message_parse(json_t **out, const char *text, size_t len, size_t max_bytes)
{
    json_error_t error;
    *out = NULL;
    if (len > max_bytes || too_deep(text, len))
        return BASE_ERR_UNSUPPORTED;
    json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(json)) {
        json_decref(json);
        return BASE_ERR_MALFORMED;
    }
    *out = json;
    return BASE_OK;
}

const char *sig_message_string(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

int sig_message_bool(const json_t *object, const char *key, bool *out)
{
    const json_t *value = json_object_get(object, key);
    *out = json_is_true(value);
    return json_is_boolean(value) ? BASE_OK : BASE_ERR_MALFORMED;
}

int sig_message_number(const json_t *object, const char *key, int64_t *out)
{
    const json_t *value = json_object_get(object, key);
    *out = 0;
    if (!value)
        return BASE_ERR_NOT_FOUND;
    if (json_is_real(value)) {
        double real = json_real_value(value);
        if (!(real >= 0 && real <= (double)SIG_MESSAGE_ID_MAX) || real != (double)(int64_t)real)
            return BASE_ERR_MALFORMED;
        *out = (int64_t)real;
        return BASE_OK;
    }
    if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > SIG_MESSAGE_ID_MAX)
        return BASE_ERR_MALFORMED;
    *out = json_integer_value(value);
    return BASE_OK;
}

uint64_t sig_message_object_id(const json_t *object, const char *key, char prefix)
{
    const char *text = sig_message_string(object, key);
    uint64_t id = 0;
    if (!text || text[0] != prefix || text[1] == '\0' || text[1] == '0' || strlen(text) > 19)
        return 0;
    for (const char *at = text + 1; *at; at++) {
        if (*at < '0' || *at > '9')
            return 0;
        id = id * 10 + (uint64_t)(*at - '0');
    }
    return id;
}

void sig_id_text(char out[24], char prefix, uint64_t id)
{
    snprintf(out, 24, "%c%" PRIu64, prefix, id);
}

json_t *sig_id_json(char prefix, uint64_t id)
{
    char text[24];
    sig_id_text(text, prefix, id);
    return json_string(text);
}

static const char *const source_names[] = {
    [SFU_SOURCE_MIC] = "mic",
    [SFU_SOURCE_CAMERA] = "camera",
    [SFU_SOURCE_SCREEN] = "screen",
    [SFU_SOURCE_SCREEN_AUDIO] = "screen_audio",
};

const char *sig_source_name(enum sfu_source source)
{
    return (size_t)source < sizeof source_names / sizeof source_names[0] ? source_names[source] : "unknown";
}

int sig_source_parse(const char *name, enum sfu_source *out)
{
    for (size_t i = 0; name && i < sizeof source_names / sizeof source_names[0]; i++) {
        if (strcmp(name, source_names[i]) == 0) {
            *out = (enum sfu_source)i;
            return BASE_OK;
        }
    }
    return BASE_ERR_NOT_FOUND;
}

enum sfu_kind sig_source_kind(enum sfu_source source)
{
    return source == SFU_SOURCE_MIC || source == SFU_SOURCE_SCREEN_AUDIO ? SFU_AUDIO : SFU_VIDEO;
}

/* Are there 1..max characters, none of them a control character (C0 but `allowed`, DEL, C1)? jansson has checked that
 * it is UTF-8. */
static bool printable(const char *text, size_t max, char allowed)
{
    size_t characters = 0;
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        bool control = *at < 0x20 || *at == 0x7f || (*at == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0);
        if (control && *at != (unsigned char)allowed)
            return false;
        characters += (*at & 0xc0) != 0x80;
    }
    return characters >= 1 && characters <= max;
}

bool sig_name_valid(const char *name)
{
    return printable(name, 80, '\0') && name[strspn(name, " ")] != '\0';
}

bool sig_chat_valid(const char *text, size_t max)
{
    return printable(text, max, '\n');
}
