/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/xml_check.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define DEPTH_MAX      64
#define NAME_MAX_BYTES 32
#define ATTRIBUTES_MAX 16

static char message[256];

static const char *wrong(const char *what, const char *at)
{
    snprintf(message, sizeof message, "%s at: %.80s", what, at);
    return message;
}

static size_t name_len(const char *at)
{
    size_t len = 0;
    while (isalnum((unsigned char)at[len]) || strchr("-_:", at[len] != '\0' ? at[len] : ' ') != NULL)
        len++;
    return len;
}

static int is_entity(const char *at)
{
    static const char *const known[] = {"&lt;", "&gt;", "&amp;", "&quot;", "&#39;"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strncmp(at, known[i], strlen(known[i])) == 0)
            return 1;
    return 0;
}

/** Attributes from *at to the end of the tag. */
static const char *attributes(const char **at)
{
    const char *names[ATTRIBUTES_MAX], *pos = *at;
    size_t lens[ATTRIBUTES_MAX], count = 0;
    for (;;) {
        size_t blanks = strspn(pos, " \n");
        pos += blanks;
        if (*pos == '>' || strncmp(pos, "/>", 2) == 0)
            break;
        size_t len = name_len(pos);
        if (blanks == 0 || len == 0 || strncmp(pos + len, "=\"", 2) != 0)
            return wrong("no attribute", pos);
        for (size_t i = 0; i < count; i++)
            if (lens[i] == len && memcmp(names[i], pos, len) == 0)
                return wrong("attribute twice", pos);
        if (count == ATTRIBUTES_MAX)
            return wrong("too many attributes", pos);
        names[count] = pos;
        lens[count++] = len;
        for (pos += len + 2; *pos != '"'; pos++)
            if (*pos == '\0' || *pos == '<' || (*pos == '&' && !is_entity(pos)))
                return wrong("bad value", pos);
        pos++;
    }
    *at = pos;
    return NULL;
}

struct open_tags {
    char names[DEPTH_MAX][NAME_MAX_BYTES];
    size_t depth;
};

/** The tag at *at, which begins with '<'. */
static const char *tag(const char **at, struct open_tags *open)
{
    int closing = (*at)[1] == '/';
    const char *name = *at + 1 + closing, *begin = *at;
    size_t len = name_len(name);
    *at = name + len;
    if (len == 0 || len >= NAME_MAX_BYTES)
        return wrong("no tag", begin);
    if (closing) {
        if (**at != '>' || open->depth == 0 || strlen(open->names[open->depth - 1]) != len ||
            memcmp(open->names[open->depth - 1], name, len) != 0)
            return wrong("closes what is not open", begin);
        open->depth--;
        ++*at;
        return NULL;
    }
    const char *error = attributes(at);
    if (error != NULL)
        return error;
    if (**at == '/') {
        *at += 2;
        return NULL;
    }
    ++*at;
    if (open->depth == DEPTH_MAX)
        return wrong("too deep", begin);
    memcpy(open->names[open->depth], name, len);
    open->names[open->depth++][len] = '\0';
    return NULL;
}

const char *xml_check(const char *text)
{
    struct open_tags open = {.depth = 0};
    unsigned roots = 0;
    const char *at = text;
    if (strncmp(at, "<!DOCTYPE html>\n", 16) != 0)
        return wrong("no doctype", at);
    for (at += 16; *at != '\0';) {
        if (*at == '<') {
            roots += open.depth == 0;
            const char *error = tag(&at, &open);
            if (error != NULL)
                return error;
            continue;
        }
        if (*at == '>' && open.depth > 0 && strcmp(open.names[open.depth - 1], "style") != 0)
            return wrong("lone >", at);
        if (*at == '&' && !is_entity(at))
            return wrong("lone &", at);
        if ((unsigned char)*at < 0x20 && *at != '\n')
            return wrong("control character", at);
        if (open.depth == 0 && *at != '\n')
            return wrong("text outside", at);
        at++;
    }
    if (open.depth != 0)
        return wrong("never closed", open.names[open.depth - 1]);
    return roots == 1 ? NULL : wrong("not one root", text);
}
