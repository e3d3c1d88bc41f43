/* SPDX-License-Identifier: Apache-2.0 */
#include "signaling/sdp_parse.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"

/* "AB:CD:…", 32 bytes. */
static bool parse_fingerprint(struct sig_span hex, uint8_t out[SFU_DTLS_FINGERPRINT_BYTES])
{
    if (hex.len != SFU_DTLS_FINGERPRINT_BYTES * 3 - 1)
        return false;
    for (size_t i = 0; i < hex.len; i++) {
        if (i % 3 == 2) {
            if (hex.at[i] != ':')
                return false;
            continue;
        }
        if (!isxdigit((unsigned char)hex.at[i]))
            return false;
        int digit = isdigit((unsigned char)hex.at[i]) ? hex.at[i] - '0' : tolower((unsigned char)hex.at[i]) - 'a' + 10;
        out[i / 3] = (uint8_t)(i % 3 == 0 ? digit << 4 : out[i / 3] | digit);
    }
    return true;
}

int sig_sdp_fail(struct sig_sdp_parser *p, int err, const char *fmt, ...)
{
    char *text = p->error->text;
    size_t used = 0;
    if (p->media) {
        int n = snprintf(text, sizeof p->error->text, "m-section %zu: ", p->out->media_count - 1);
        used = n > 0 ? (size_t)n : 0;
    }
    va_list args;
    va_start(args, fmt);
    vsnprintf(text + used, sizeof p->error->text - used, fmt, args);
    va_end(args);
    return err;
}

/* RFC 8839 section 5.4: ice-char = ALPHA / DIGIT / "+" / "/". */
static bool copy_ice_chars(struct sig_span word, char *out, size_t out_size, size_t min)
{
    if (word.len < min || word.len >= out_size)
        return false;
    for (size_t i = 0; i < word.len; i++) {
        if (!isalnum((unsigned char)word.at[i]) && word.at[i] != '+' && word.at[i] != '/')
            return false;
    }
    memcpy(out, word.at, word.len);
    out[word.len] = '\0';
    return true;
}

/* ---- attributes ----------------------------------------------------------------------------------------------- */

bool sig_sdp_parse_direction(struct sig_span value, enum sig_sdp_direction *out)
{
    static const char *const names[] = {"sendrecv", "sendonly", "recvonly", "inactive"};
    for (size_t i = 0; i < 4; i++) {
        if (value.len == strlen(names[i]) && memcmp(value.at, names[i], value.len) == 0) {
            *out = (enum sig_sdp_direction)i;
            return true;
        }
    }
    return false;
}

/* Attributes that are allowed at both levels. Returns 1 if the line was one of them, 0 if not, or an error. */
static int transport_attribute(struct sig_sdp_parser *p, struct sig_sdp_transport_lines *t, struct sig_span line)
{
    struct sig_span value, word;
    if (sig_span_after(line, "ice-ufrag:", &value))
        return copy_ice_chars(value, t->ufrag, sizeof t->ufrag, 4)
                   ? 1
                   : sig_sdp_fail(p, BASE_ERR_MALFORMED, "bad ice-ufrag");
    if (sig_span_after(line, "ice-pwd:", &value))
        return copy_ice_chars(value, t->pwd, sizeof t->pwd, 22) ? 1
                                                                : sig_sdp_fail(p, BASE_ERR_MALFORMED, "bad ice-pwd");
    if (sig_span_after(line, "fingerprint:", &value)) {
        if (!sig_span_next_word(&value, &word) || !sig_span_equals(word, "sha-256") || t->has_fingerprint)
            return 1; /* another hash: perhaps a sha-256 line follows */
        if (!sig_span_next_word(&value, &word) || !parse_fingerprint(word, t->fingerprint))
            return sig_sdp_fail(p, BASE_ERR_MALFORMED, "bad fingerprint");
        t->has_fingerprint = true;
        return 1;
    }
    if (sig_span_after(line, "setup:", &value)) {
        t->setup = sig_span_equals(value, "actpass")   ? SIG_SDP_ACTPASS
                   : sig_span_equals(value, "active")  ? SIG_SDP_ACTIVE
                   : sig_span_equals(value, "passive") ? SIG_SDP_PASSIVE
                                                       : SIG_SDP_SETUP_NONE;
        return t->setup != SIG_SDP_SETUP_NONE ? 1 : sig_sdp_fail(p, BASE_ERR_MALFORMED, "bad setup");
    }
    return 0;
}

static int session_attribute(struct sig_sdp_parser *p, struct sig_span line)
{
    struct sig_span value;
    if (sig_span_after(line, "group:BUNDLE", &value)) {
        /* It is searched for each m-section: half a megabyte of it would hold up everybody for a second. */
        if (value.len > p->media_max * SIG_SDP_MID_MAX)
            return sig_sdp_fail(p, BASE_ERR_UNSUPPORTED, "BUNDLE group too long");
        if (!p->has_bundle)
            p->bundle = value;
        p->has_bundle = true;
        return BASE_OK;
    }
    if (sig_sdp_parse_direction(line, &p->session_direction))
        return BASE_OK;
    int result = transport_attribute(p, &p->session, line);
    return result < 0 ? result : BASE_OK;
}

static int media_attribute(struct sig_sdp_parser *p, struct sig_span line)
{
    struct sig_span value;
    if (sig_span_after(line, "mid:", &value))
        return sig_span_copy(value, p->media->mid, sizeof p->media->mid)
                   ? BASE_OK
                   : sig_sdp_fail(p, BASE_ERR_MALFORMED, "bad mid");
    if (sig_span_equals(line, "rtcp-mux"))
        p->section.rtcp_mux = true;
    else if (sig_span_equals(line, "bundle-only"))
        p->section.bundle_only = true;
    if (p->media->kind == SIG_SDP_OTHER || sig_sdp_parse_direction(line, &p->media->direction))
        return BASE_OK;
    int result = sig_sdp_media_attribute(p, line);
    if (!result)
        result = transport_attribute(p, &p->section.transport, line);
    return result < 0 ? result : BASE_OK;
}

/* ---- m-sections ----------------------------------------------------------------------------------------------- */

static bool in_bundle(const struct sig_sdp_parser *p, const char *mid)
{
    struct sig_span rest = p->bundle, word;
    while (sig_span_next_word(&rest, &word)) {
        if (word.len == strlen(mid) && memcmp(word.at, mid, word.len) == 0)
            return true;
    }
    return false;
}

/* The transport of an m-section: its own lines, else the session's. All m-sections of a bundle must agree. */
static int check_transport(struct sig_sdp_parser *p)
{
    const struct sig_sdp_transport_lines *own = &p->section.transport, *session = &p->session;
    const char *ufrag = own->ufrag[0] ? own->ufrag : session->ufrag;
    const char *pwd = own->pwd[0] ? own->pwd : session->pwd;
    const struct sig_sdp_transport_lines *print = own->has_fingerprint ? own : session;
    enum sig_sdp_setup setup = own->setup != SIG_SDP_SETUP_NONE ? own->setup : session->setup;
    struct sig_sdp *out = p->out;

    if (p->has_transport && p->section.bundle_only && !own->ufrag[0])
        return BASE_OK;
    if (!ufrag[0])
        return sig_sdp_fail(p, BASE_ERR_MALFORMED, "no ice-ufrag");
    if (!pwd[0])
        return sig_sdp_fail(p, BASE_ERR_MALFORMED, "no ice-pwd");
    if (!print->has_fingerprint)
        return sig_sdp_fail(p, BASE_ERR_MALFORMED, "no sha-256 fingerprint");
    if (setup != SIG_SDP_ACTIVE && (p->type == SIG_SDP_ANSWER || setup != SIG_SDP_ACTPASS))
        return sig_sdp_fail(p, BASE_ERR_UNSUPPORTED, "setup must be active%s",
                            p->type == SIG_SDP_OFFER ? " or actpass" : "");
    if (!p->has_transport) {
        strcpy(out->ufrag, ufrag);
        strcpy(out->pwd, pwd);
        memcpy(out->fingerprint, print->fingerprint, sizeof out->fingerprint);
        out->setup = setup;
        p->has_transport = true;
        return BASE_OK;
    }
    if (strcmp(out->ufrag, ufrag) != 0 || strcmp(out->pwd, pwd) != 0 || out->setup != setup ||
        memcmp(out->fingerprint, print->fingerprint, sizeof out->fingerprint) != 0)
        return sig_sdp_fail(p, BASE_ERR_UNSUPPORTED, "transport differs from that of the bundle");
    return BASE_OK;
}

/* The m-section is complete. */
static int end_section(struct sig_sdp_parser *p)
{
    struct sig_sdp_media *media = p->media;
    if (!media)
        return BASE_OK;
    media->rejected = p->section.port_zero && !p->section.bundle_only;
    for (size_t i = 0; media->mid[0] && i + 1 < p->out->media_count; i++) {
        if (strcmp(p->out->media[i].mid, media->mid) == 0)
            return sig_sdp_fail(p, BASE_ERR_MALFORMED, "mid is taken");
    }
    if (media->rejected || media->kind == SIG_SDP_OTHER)
        return BASE_OK;
    if (!media->mid[0])
        return sig_sdp_fail(p, BASE_ERR_MALFORMED, "no mid");
    if (!p->section.rtcp_mux)
        return sig_sdp_fail(p, BASE_ERR_UNSUPPORTED, "no rtcp-mux");
    if (p->has_bundle ? !in_bundle(p, media->mid) : p->has_transport)
        return sig_sdp_fail(p, BASE_ERR_UNSUPPORTED, "not in the BUNDLE group");
    sig_sdp_choose_codec(media, &p->section);
    sig_sdp_choose_layers(media, &p->section);
    return check_transport(p);
}

static int add_media(struct sig_sdp_parser *p)
{
    struct sig_sdp *out = p->out;
    if (out->media_count == p->media_max)
        return sig_sdp_fail(p, BASE_ERR_UNSUPPORTED, "too many m-sections");
    if (out->media_count == p->media_capacity) {
        size_t capacity = p->media_capacity ? p->media_capacity * 2 : 4;
        struct sig_sdp_media *media = realloc(out->media, capacity * sizeof *media);
        if (!media)
            return sig_sdp_fail(p, BASE_ERR_NOMEM, "no memory");
        out->media = media;
        p->media_capacity = capacity;
    }
    p->media = &out->media[out->media_count++];
    memset(p->media, 0, sizeof *p->media);
    memset(&p->section, 0, sizeof p->section);
    memset(p->section.apt, SIG_SDP_NO_APT, sizeof p->section.apt);
    p->media->direction = p->session_direction;
    return BASE_OK;
}

/* m=<media> <port>[/<n>] <proto> <fmt> … */
static int begin_section(struct sig_sdp_parser *p, struct sig_span line)
{
    struct sig_span word, proto;
    int err = end_section(p);
    if (!err)
        err = add_media(p);
    if (err)
        return err;
    struct sig_sdp_media *media = p->media;
    if (!sig_span_next_word(&line, &word) || !sig_span_copy(word, media->name, sizeof media->name))
        return sig_sdp_fail(p, BASE_ERR_MALFORMED, "bad media line");
    media->kind = strcmp(media->name, "audio") == 0   ? SIG_SDP_AUDIO
                  : strcmp(media->name, "video") == 0 ? SIG_SDP_VIDEO
                                                      : SIG_SDP_OTHER;
    uint64_t port = 0;
    if (!sig_span_next_word(&line, &word) || !sig_span_number(word, 65535, &port))
        return sig_sdp_fail(p, BASE_ERR_MALFORMED, "bad port");
    p->section.port_zero = port == 0;
    if (!sig_span_next_word(&line, &proto) || !sig_span_copy(proto, media->proto, sizeof media->proto))
        return sig_sdp_fail(p, BASE_ERR_MALFORMED, "bad media line");
    if (!sig_span_equals(proto, "UDP/TLS/RTP/SAVPF") && !sig_span_equals(proto, "TCP/DTLS/RTP/SAVPF"))
        media->kind = SIG_SDP_OTHER; /* declined */
    while (sig_span_next_word(&line, &word)) {
        uint64_t pt;
        if (!media->first_format[0] && !sig_span_copy(word, media->first_format, sizeof media->first_format))
            return sig_sdp_fail(p, BASE_ERR_MALFORMED, "bad format");
        if (media->kind == SIG_SDP_OTHER)
            continue;
        if (!sig_span_number(word, SIG_SDP_PAYLOAD_TYPES - 1, &pt) || p->section.format_count == SIG_SDP_PAYLOAD_TYPES)
            return sig_sdp_fail(p, BASE_ERR_MALFORMED, "bad payload type");
        p->section.formats[p->section.format_count++] = (uint8_t)pt;
    }
    return media->first_format[0] ? BASE_OK : sig_sdp_fail(p, BASE_ERR_MALFORMED, "no formats");
}

/* ---- lines ---------------------------------------------------------------------------------------------------- */

static int parse_line(struct sig_sdp_parser *p, struct sig_span line)
{
    if (line.len < 2 || line.at[1] != '=')
        return sig_sdp_fail(p, BASE_ERR_MALFORMED, "not a type=value line");
    struct sig_span value = {line.at + 2, line.len - 2};
    switch (line.at[0]) {
    case 'm':
        return begin_section(p, value);
    case 'a':
        return p->media ? media_attribute(p, value) : session_attribute(p, value);
    default:
        return BASE_OK; /* o=, s=, t=, c=, b=: nothing that we use */
    }
}

static int parse_lines(struct sig_sdp_parser *p, const char *sdp, size_t len)
{
    const char *at = sdp, *end = sdp + len;
    for (bool first = true; at < end; first = false) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        if (!newline)
            return sig_sdp_fail(p, BASE_ERR_TRUNCATED, "the last line has no end");
        struct sig_span line = {at, (size_t)(newline - at)};
        if (line.len && line.at[line.len - 1] == '\r')
            line.len--;
        for (size_t i = 0; i < line.len; i++) {
            if ((unsigned char)line.at[i] < 0x20 || line.at[i] == 0x7f)
                return sig_sdp_fail(p, BASE_ERR_MALFORMED, "control character");
        }
        if (first && !sig_span_equals(line, "v=0"))
            return sig_sdp_fail(p, BASE_ERR_MALFORMED, "does not start with v=0");
        int err = parse_line(p, line);
        if (err)
            return err;
        at = newline + 1;
    }
    return end_section(p);
}

int sig_sdp_parse(struct sig_sdp *out, enum sig_sdp_type type, const char *sdp, size_t len, struct sig_sdp_error *error)
{
    memset(out, 0, sizeof *out);
    error->text[0] = '\0';
    struct sig_sdp_parser p = {.out = out, .error = error, .type = type, .session_direction = SIG_SDP_SENDRECV};
    p.media_max = type == SIG_SDP_OFFER ? SIG_SDP_OFFER_MEDIA_MAX : SFU_SUBSCRIPTIONS_MAX;
    size_t max_bytes = type == SIG_SDP_OFFER ? SIG_SDP_OFFER_MAX_BYTES : SIG_SDP_ANSWER_MAX_BYTES;
    int err = len > max_bytes ? sig_sdp_fail(&p, BASE_ERR_UNSUPPORTED, "too large") : parse_lines(&p, sdp, len);
    p.media = NULL;
    if (!err && out->media_count == 0)
        err = sig_sdp_fail(&p, BASE_ERR_MALFORMED, "no m-section");
    if (!err && !p.has_transport)
        err = sig_sdp_fail(&p, BASE_ERR_UNSUPPORTED, "no m-section that can be used");
    if (err)
        sig_sdp_clear(out);
    return err;
}

void sig_sdp_clear(struct sig_sdp *sdp)
{
    free(sdp->media);
    memset(sdp, 0, sizeof *sdp);
}

const struct sig_sdp_media *sig_sdp_find_mid(const struct sig_sdp *sdp, const char *mid)
{
    for (size_t i = 0; i < sdp->media_count; i++) {
        if (sdp->media[i].mid[0] && strcmp(sdp->media[i].mid, mid) == 0)
            return &sdp->media[i];
    }
    return NULL;
}
