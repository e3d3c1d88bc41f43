/* SPDX-License-Identifier: Apache-2.0 */
#include "signaling/text.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

void sig_text_init(struct sig_text *text, size_t max_bytes)
{
    *text = (struct sig_text){.max_bytes = max_bytes};
}

void sig_text_clear(struct sig_text *text)
{
    free(text->data);
    sig_text_init(text, text->max_bytes);
}

/* Room for `more` characters and a NUL; false (and failed) if there is none. */
static bool make_room(struct sig_text *text, size_t more)
{
    if (text->failed)
        return false;
    if (more > text->max_bytes - text->len) {
        text->failed = true;
        return false;
    }
    size_t need = text->len + more + 1;
    if (need <= text->capacity)
        return true;
    size_t capacity = text->capacity ? text->capacity * 2 : 1024;
    if (capacity < need)
        capacity = need;
    char *data = realloc(text->data, capacity);
    if (!data) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->capacity = capacity;
    return true;
}

void sig_text_append(struct sig_text *text, const char *data, size_t len)
{
    if (!make_room(text, len))
        return;
    assert(text->data);
    if (len)
        memcpy(text->data + text->len, data, len);
    text->len += len;
    text->data[text->len] = '\0';
}

void sig_text_add(struct sig_text *text, const char *string)
{
    sig_text_append(text, string, strlen(string));
}

void sig_text_addf(struct sig_text *text, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (len >= 0 && make_room(text, (size_t)len)) {
        vsnprintf(text->data + text->len, (size_t)len + 1, fmt, again);
        text->len += (size_t)len;
    } else {
        text->failed = true;
    }
    va_end(again);
}

int sig_text_take(struct sig_text *text, char **out, size_t *len_out)
{
    *out = NULL;
    if (!text->failed && !text->data)
        sig_text_add(text, "");
    if (text->failed) {
        sig_text_clear(text);
        return BASE_ERR_NOMEM;
    }
    *out = text->data;
    if (len_out)
        *len_out = text->len;
    sig_text_init(text, text->max_bytes);
    return BASE_OK;
}
