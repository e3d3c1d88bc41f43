/* SPDX-License-Identifier: Apache-2.0 */
#include "signaling/span.h"

#include <string.h>
#include <strings.h>

bool sig_span_next_word(struct sig_span *rest, struct sig_span *word)
{
    while (rest->len && *rest->at == ' ')
        rest->at++, rest->len--;
    if (!rest->len)
        return false;
    const char *space = memchr(rest->at, ' ', rest->len);
    word->at = rest->at;
    word->len = space ? (size_t)(space - rest->at) : rest->len;
    rest->at += word->len;
    rest->len -= word->len;
    return true;
}

bool sig_span_next_until(struct sig_span *rest, char separator, struct sig_span *piece)
{
    if (!rest->len)
        return false;
    const char *end = memchr(rest->at, separator, rest->len);
    piece->at = rest->at;
    piece->len = end ? (size_t)(end - rest->at) : rest->len;
    size_t taken = piece->len + (end != NULL);
    rest->at += taken;
    rest->len -= taken;
    return true;
}

bool sig_span_equals(struct sig_span span, const char *word)
{
    return span.len == strlen(word) && strncasecmp(span.at, word, span.len) == 0;
}

bool sig_span_after(struct sig_span line, const char *prefix, struct sig_span *rest)
{
    size_t n = strlen(prefix);
    if (line.len < n || memcmp(line.at, prefix, n) != 0)
        return false;
    *rest = (struct sig_span){line.at + n, line.len - n};
    return true;
}

bool sig_span_number(struct sig_span span, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    if (span.len == 0 || span.len > 10)
        return false;
    for (size_t i = 0; i < span.len; i++) {
        if (span.at[i] < '0' || span.at[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(span.at[i] - '0');
    }
    *out = value;
    return value <= max;
}

bool sig_span_copy(struct sig_span word, char *out, size_t out_size)
{
    if (word.len == 0 || word.len >= out_size)
        return false;
    for (size_t i = 0; i < word.len; i++) {
        if (word.at[i] <= 0x20 || word.at[i] >= 0x7f)
            return false;
    }
    memcpy(out, word.at, word.len);
    out[word.len] = '\0';
    return true;
}
