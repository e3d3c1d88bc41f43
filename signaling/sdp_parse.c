/* SPDX-License-Identifier: Apache-2.0 */
#include "signaling/sdp.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"

/* A piece of the input, not NUL-terminated. */
struct span {
    const char *at;
    size_t len;
};

enum codec { CODEC_OTHER, CODEC_OPUS, CODEC_VP8, CODEC_RTX };
enum { NO_APT = 0xff, PAYLOAD_TYPES = 128 };

/* Transport attributes of one level (session or m-section); empty: not said there. */
struct transport_lines {
    char ufrag[SFU_ICE_UFRAG_MAX];
    char pwd[SFU_ICE_PWD_MAX];
    bool has_fingerprint;
    uint8_t fingerprint[SFU_DTLS_FINGERPRINT_BYTES];
    enum sig_sdp_setup setup;
};

/* What is collected of an m-section until its end, when payload types are resolved: rtpmap, fmtp and rtcp-fb come in
 * any order. */
struct section {
    struct transport_lines transport;
    uint8_t codec[PAYLOAD_TYPES];
    uint8_t apt[PAYLOAD_TYPES];
    bool transport_cc[PAYLOAD_TYPES];
    uint8_t formats[PAYLOAD_TYPES];
    size_t format_count;
    bool port_zero, bundle_only, rtcp_mux;
};

struct parser {
    struct sig_sdp *out;
    struct sig_sdp_error *error;
    enum sig_sdp_type type;
    size_t media_max;
    size_t media_capacity;
    struct transport_lines session;
    enum sig_sdp_direction session_direction;
    struct span bundle;
    bool has_bundle;
    struct sig_sdp_media *media; /* the m-section being read; NULL: session level */
    struct section section;
    bool has_transport; /* out's transport was set by an m-section */
};

__attribute__((format(printf, 3, 4))) static int fail(struct parser *p, int err, const char *fmt, ...)
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

/* ---- pieces of a line ----------------------------------------------------------------------------------------- */

/* Takes the next space-separated word off *rest; false at the end. */
static bool next_word(struct span *rest, struct span *word)
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

static bool equals(struct span span, const char *word)
{
    return span.len == strlen(word) && strncasecmp(span.at, word, span.len) == 0;
}

/* If `line` starts with `prefix`, leaves what follows in *rest. */
static bool after(struct span line, const char *prefix, struct span *rest)
{
    size_t n = strlen(prefix);
    if (line.len < n || memcmp(line.at, prefix, n) != 0)
        return false;
    *rest = (struct span){line.at + n, line.len - n};
    return true;
}

static bool to_number(struct span span, uint64_t max, uint64_t *out)
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

/* Copies a word of visible ASCII characters; false if it is empty or does not fit with its NUL. */
static bool copy_word(struct span word, char *out, size_t out_size)
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

/* RFC 8839 section 5.4: ice-char = ALPHA / DIGIT / "+" / "/". */
static bool copy_ice_chars(struct span word, char *out, size_t out_size, size_t min)
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

/* "AB:CD:…", 32 bytes. */
static bool parse_fingerprint(struct span hex, uint8_t out[SFU_DTLS_FINGERPRINT_BYTES])
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

/* ---- attributes ----------------------------------------------------------------------------------------------- */

static bool parse_direction(struct span value, enum sig_sdp_direction *out)
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
static int transport_attribute(struct parser *p, struct transport_lines *t, struct span line)
{
    struct span value, word;
    if (after(line, "ice-ufrag:", &value))
        return copy_ice_chars(value, t->ufrag, sizeof t->ufrag, 4) ? 1 : fail(p, BASE_ERR_MALFORMED, "bad ice-ufrag");
    if (after(line, "ice-pwd:", &value))
        return copy_ice_chars(value, t->pwd, sizeof t->pwd, 22) ? 1 : fail(p, BASE_ERR_MALFORMED, "bad ice-pwd");
    if (after(line, "fingerprint:", &value)) {
        if (!next_word(&value, &word) || !equals(word, "sha-256") || t->has_fingerprint)
            return 1; /* another hash: perhaps a sha-256 line follows */
        if (!next_word(&value, &word) || !parse_fingerprint(word, t->fingerprint))
            return fail(p, BASE_ERR_MALFORMED, "bad fingerprint");
        t->has_fingerprint = true;
        return 1;
    }
    if (after(line, "setup:", &value)) {
        t->setup = equals(value, "actpass")   ? SIG_SDP_ACTPASS
                   : equals(value, "active")  ? SIG_SDP_ACTIVE
                   : equals(value, "passive") ? SIG_SDP_PASSIVE
                                              : SIG_SDP_SETUP_NONE;
        return t->setup != SIG_SDP_SETUP_NONE ? 1 : fail(p, BASE_ERR_MALFORMED, "bad setup");
    }
    return 0;
}

static int session_attribute(struct parser *p, struct span line)
{
    struct span value;
    if (after(line, "group:BUNDLE", &value)) {
        /* It is searched for each m-section: half a megabyte of it would hold up everybody for a second. */
        if (value.len > p->media_max * SIG_SDP_MID_MAX)
            return fail(p, BASE_ERR_UNSUPPORTED, "BUNDLE group too long");
        if (!p->has_bundle)
            p->bundle = value;
        p->has_bundle = true;
        return BASE_OK;
    }
    if (parse_direction(line, &p->session_direction))
        return BASE_OK;
    int result = transport_attribute(p, &p->session, line);
    return result < 0 ? result : BASE_OK;
}

/* a=rtpmap:<pt> <name>/<clock>[/<channels>] */
static int rtpmap(struct parser *p, struct span value)
{
    struct span word;
    uint64_t pt;
    if (!next_word(&value, &word) || !to_number(word, PAYLOAD_TYPES - 1, &pt) || !next_word(&value, &word))
        return fail(p, BASE_ERR_MALFORMED, "bad rtpmap");
    if (p->media->kind == SIG_SDP_AUDIO && equals(word, "opus/48000/2"))
        p->section.codec[pt] = CODEC_OPUS;
    else if (p->media->kind == SIG_SDP_VIDEO && equals(word, "VP8/90000"))
        p->section.codec[pt] = CODEC_VP8;
    else if (p->media->kind == SIG_SDP_VIDEO && equals(word, "rtx/90000"))
        p->section.codec[pt] = CODEC_RTX;
    return BASE_OK;
}

/* a=fmtp:<pt> …apt=<pt>… ; nothing else in it matters to a forwarder. */
static int fmtp(struct parser *p, struct span value)
{
    struct span word, number;
    uint64_t pt, apt;
    if (!next_word(&value, &word) || !to_number(word, PAYLOAD_TYPES - 1, &pt))
        return fail(p, BASE_ERR_MALFORMED, "bad fmtp");
    while (next_word(&value, &word)) {
        if (!after(word, "apt=", &number))
            continue;
        const char *end = memchr(number.at, ';', number.len);
        if (end)
            number.len = (size_t)(end - number.at);
        if (!to_number(number, PAYLOAD_TYPES - 1, &apt))
            return fail(p, BASE_ERR_MALFORMED, "bad apt");
        p->section.apt[pt] = (uint8_t)apt;
    }
    return BASE_OK;
}

/* a=rtcp-fb:<pt or *> <what> */
static int rtcp_fb(struct parser *p, struct span value)
{
    struct span word, what;
    uint64_t pt;
    if (!next_word(&value, &word) || !next_word(&value, &what))
        return fail(p, BASE_ERR_MALFORMED, "bad rtcp-fb");
    if (!equals(what, "transport-cc"))
        return BASE_OK;
    if (equals(word, "*"))
        memset(p->section.transport_cc, 1, sizeof p->section.transport_cc);
    else if (to_number(word, PAYLOAD_TYPES - 1, &pt))
        p->section.transport_cc[pt] = true;
    else
        return fail(p, BASE_ERR_MALFORMED, "bad rtcp-fb");
    return BASE_OK;
}

/* a=extmap:<id>[/<direction>] <uri>. What the client only receives is of no use to us, nor are ids of the two-byte
 * form or a second id for the same kind. */
static int extmap(struct parser *p, struct span value)
{
    struct span word, uri, id;
    uint64_t number;
    if (!next_word(&value, &word) || !next_word(&value, &uri))
        return fail(p, BASE_ERR_MALFORMED, "bad extmap");
    id = word;
    const char *slash = memchr(word.at, '/', word.len);
    if (slash) {
        id.len = (size_t)(slash - word.at);
        struct span suffix = {slash + 1, word.len - id.len - 1};
        enum sig_sdp_direction direction;
        if (!parse_direction(suffix, &direction))
            return fail(p, BASE_ERR_MALFORMED, "bad extmap direction");
        if (direction == SIG_SDP_RECVONLY || direction == SIG_SDP_INACTIVE)
            return BASE_OK;
    }
    if (!to_number(id, UINT32_MAX, &number))
        return fail(p, BASE_ERR_MALFORMED, "bad extmap");
    enum sfu_rtp_ext_kind kind = sfu_rtp_ext_kind_of_uri(uri.at, uri.len);
    if (kind != SFU_RTP_EXT_NONE && number >= 1 && number <= 14)
        (void)sfu_rtp_ext_map_set(&p->media->extensions, kind, (unsigned)number);
    return BASE_OK;
}

static int ssrc_group(struct parser *p, struct span value)
{
    struct span word;
    uint64_t first, second;
    if (!next_word(&value, &word) || !equals(word, "FID") || p->media->rtx_ssrc)
        return BASE_OK;
    if (!next_word(&value, &word) || !to_number(word, UINT32_MAX, &first) || !next_word(&value, &word) ||
        !to_number(word, UINT32_MAX, &second) || first == 0 || second == 0 || first == second)
        return fail(p, BASE_ERR_MALFORMED, "bad ssrc-group");
    p->media->ssrc = (uint32_t)first;
    p->media->rtx_ssrc = (uint32_t)second;
    return BASE_OK;
}

static int ssrc(struct parser *p, struct span value)
{
    struct span word;
    uint64_t number;
    if (!next_word(&value, &word) || !to_number(word, UINT32_MAX, &number) || number == 0)
        return fail(p, BASE_ERR_MALFORMED, "bad ssrc");
    if (!p->media->ssrc)
        p->media->ssrc = (uint32_t)number;
    return BASE_OK;
}

static int media_attribute(struct parser *p, struct span line)
{
    struct span value;
    if (after(line, "mid:", &value))
        return copy_word(value, p->media->mid, sizeof p->media->mid) ? BASE_OK : fail(p, BASE_ERR_MALFORMED, "bad mid");
    if (equals(line, "rtcp-mux"))
        p->section.rtcp_mux = true;
    else if (equals(line, "bundle-only"))
        p->section.bundle_only = true;
    if (p->media->kind == SIG_SDP_OTHER || parse_direction(line, &p->media->direction))
        return BASE_OK;
    if (after(line, "rtpmap:", &value))
        return rtpmap(p, value);
    if (after(line, "fmtp:", &value))
        return fmtp(p, value);
    if (after(line, "rtcp-fb:", &value))
        return rtcp_fb(p, value);
    if (after(line, "extmap:", &value))
        return extmap(p, value);
    if (after(line, "ssrc-group:", &value))
        return ssrc_group(p, value);
    if (after(line, "ssrc:", &value))
        return ssrc(p, value);
    int result = transport_attribute(p, &p->section.transport, line);
    return result < 0 ? result : BASE_OK;
}

/* ---- m-sections ----------------------------------------------------------------------------------------------- */

static bool in_bundle(const struct parser *p, const char *mid)
{
    struct span rest = p->bundle, word;
    while (next_word(&rest, &word)) {
        if (word.len == strlen(mid) && memcmp(word.at, mid, word.len) == 0)
            return true;
    }
    return false;
}

/* The first format of the m-line that is Opus or VP8, and the rtx that belongs to it. */
static void choose_codec(struct sig_sdp_media *media, const struct section *section)
{
    uint8_t wanted = media->kind == SIG_SDP_AUDIO ? CODEC_OPUS : CODEC_VP8;
    for (size_t i = 0; i < section->format_count && !media->has_codec; i++) {
        uint8_t pt = section->formats[i];
        if (section->codec[pt] != wanted)
            continue;
        media->has_codec = true;
        media->payload_type = pt;
        media->transport_cc = section->transport_cc[pt];
    }
    for (size_t i = 0; media->has_codec && i < section->format_count; i++) {
        uint8_t pt = section->formats[i];
        if (section->codec[pt] == CODEC_RTX && section->apt[pt] == media->payload_type) {
            media->rtx_payload_type = pt;
            break;
        }
    }
    if (!media->rtx_payload_type)
        media->rtx_ssrc = 0;
}

/* The transport of an m-section: its own lines, else the session's. All m-sections of a bundle must agree. */
static int check_transport(struct parser *p)
{
    const struct transport_lines *own = &p->section.transport, *session = &p->session;
    const char *ufrag = own->ufrag[0] ? own->ufrag : session->ufrag;
    const char *pwd = own->pwd[0] ? own->pwd : session->pwd;
    const struct transport_lines *print = own->has_fingerprint ? own : session;
    enum sig_sdp_setup setup = own->setup != SIG_SDP_SETUP_NONE ? own->setup : session->setup;
    struct sig_sdp *out = p->out;

    if (p->has_transport && p->section.bundle_only && !own->ufrag[0])
        return BASE_OK;
    if (!ufrag[0])
        return fail(p, BASE_ERR_MALFORMED, "no ice-ufrag");
    if (!pwd[0])
        return fail(p, BASE_ERR_MALFORMED, "no ice-pwd");
    if (!print->has_fingerprint)
        return fail(p, BASE_ERR_MALFORMED, "no sha-256 fingerprint");
    if (setup != SIG_SDP_ACTIVE && (p->type == SIG_SDP_ANSWER || setup != SIG_SDP_ACTPASS))
        return fail(p, BASE_ERR_UNSUPPORTED, "setup must be active%s", p->type == SIG_SDP_OFFER ? " or actpass" : "");
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
        return fail(p, BASE_ERR_UNSUPPORTED, "transport differs from that of the bundle");
    return BASE_OK;
}

/* The m-section is complete. */
static int end_section(struct parser *p)
{
    struct sig_sdp_media *media = p->media;
    if (!media)
        return BASE_OK;
    media->rejected = p->section.port_zero && !p->section.bundle_only;
    for (size_t i = 0; media->mid[0] && i + 1 < p->out->media_count; i++) {
        if (strcmp(p->out->media[i].mid, media->mid) == 0)
            return fail(p, BASE_ERR_MALFORMED, "mid is taken");
    }
    if (media->rejected || media->kind == SIG_SDP_OTHER)
        return BASE_OK;
    if (!media->mid[0])
        return fail(p, BASE_ERR_MALFORMED, "no mid");
    if (!p->section.rtcp_mux)
        return fail(p, BASE_ERR_UNSUPPORTED, "no rtcp-mux");
    if (p->has_bundle ? !in_bundle(p, media->mid) : p->has_transport)
        return fail(p, BASE_ERR_UNSUPPORTED, "not in the BUNDLE group");
    choose_codec(media, &p->section);
    return check_transport(p);
}

static int add_media(struct parser *p)
{
    struct sig_sdp *out = p->out;
    if (out->media_count == p->media_max)
        return fail(p, BASE_ERR_UNSUPPORTED, "too many m-sections");
    if (out->media_count == p->media_capacity) {
        size_t capacity = p->media_capacity ? p->media_capacity * 2 : 4;
        struct sig_sdp_media *media = realloc(out->media, capacity * sizeof *media);
        if (!media)
            return fail(p, BASE_ERR_NOMEM, "no memory");
        out->media = media;
        p->media_capacity = capacity;
    }
    p->media = &out->media[out->media_count++];
    memset(p->media, 0, sizeof *p->media);
    memset(&p->section, 0, sizeof p->section);
    memset(p->section.apt, NO_APT, sizeof p->section.apt);
    p->media->direction = p->session_direction;
    return BASE_OK;
}

/* m=<media> <port>[/<n>] <proto> <fmt> … */
static int begin_section(struct parser *p, struct span line)
{
    struct span word, proto;
    int err = end_section(p);
    if (!err)
        err = add_media(p);
    if (err)
        return err;
    struct sig_sdp_media *media = p->media;
    if (!next_word(&line, &word) || !copy_word(word, media->name, sizeof media->name))
        return fail(p, BASE_ERR_MALFORMED, "bad media line");
    media->kind = strcmp(media->name, "audio") == 0   ? SIG_SDP_AUDIO
                  : strcmp(media->name, "video") == 0 ? SIG_SDP_VIDEO
                                                      : SIG_SDP_OTHER;
    uint64_t port = 0;
    if (!next_word(&line, &word) || !to_number(word, 65535, &port))
        return fail(p, BASE_ERR_MALFORMED, "bad port");
    p->section.port_zero = port == 0;
    if (!next_word(&line, &proto) || !copy_word(proto, media->proto, sizeof media->proto))
        return fail(p, BASE_ERR_MALFORMED, "bad media line");
    if (!equals(proto, "UDP/TLS/RTP/SAVPF") && !equals(proto, "TCP/DTLS/RTP/SAVPF"))
        media->kind = SIG_SDP_OTHER; /* declined */
    while (next_word(&line, &word)) {
        uint64_t pt;
        if (!media->first_format[0] && !copy_word(word, media->first_format, sizeof media->first_format))
            return fail(p, BASE_ERR_MALFORMED, "bad format");
        if (media->kind == SIG_SDP_OTHER)
            continue;
        if (!to_number(word, PAYLOAD_TYPES - 1, &pt) || p->section.format_count == PAYLOAD_TYPES)
            return fail(p, BASE_ERR_MALFORMED, "bad payload type");
        p->section.formats[p->section.format_count++] = (uint8_t)pt;
    }
    return media->first_format[0] ? BASE_OK : fail(p, BASE_ERR_MALFORMED, "no formats");
}

/* ---- lines ---------------------------------------------------------------------------------------------------- */

static int parse_line(struct parser *p, struct span line)
{
    if (line.len < 2 || line.at[1] != '=')
        return fail(p, BASE_ERR_MALFORMED, "not a type=value line");
    struct span value = {line.at + 2, line.len - 2};
    switch (line.at[0]) {
    case 'm':
        return begin_section(p, value);
    case 'a':
        return p->media ? media_attribute(p, value) : session_attribute(p, value);
    default:
        return BASE_OK; /* o=, s=, t=, c=, b=: nothing that we use */
    }
}

static int parse_lines(struct parser *p, const char *sdp, size_t len)
{
    const char *at = sdp, *end = sdp + len;
    for (bool first = true; at < end; first = false) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        if (!newline)
            return fail(p, BASE_ERR_TRUNCATED, "the last line has no end");
        struct span line = {at, (size_t)(newline - at)};
        if (line.len && line.at[line.len - 1] == '\r')
            line.len--;
        for (size_t i = 0; i < line.len; i++) {
            if ((unsigned char)line.at[i] < 0x20 || line.at[i] == 0x7f)
                return fail(p, BASE_ERR_MALFORMED, "control character");
        }
        if (first && !equals(line, "v=0"))
            return fail(p, BASE_ERR_MALFORMED, "does not start with v=0");
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
    struct parser p = {.out = out, .error = error, .type = type, .session_direction = SIG_SDP_SENDRECV};
    p.media_max = type == SIG_SDP_OFFER ? SIG_SDP_OFFER_MEDIA_MAX : SFU_SUBSCRIPTIONS_MAX;
    size_t max_bytes = type == SIG_SDP_OFFER ? SIG_SDP_OFFER_MAX_BYTES : SIG_SDP_ANSWER_MAX_BYTES;
    int err = len > max_bytes ? fail(&p, BASE_ERR_UNSUPPORTED, "too large") : parse_lines(&p, sdp, len);
    p.media = NULL;
    if (!err && out->media_count == 0)
        err = fail(&p, BASE_ERR_MALFORMED, "no m-section");
    if (!err && !p.has_transport)
        err = fail(&p, BASE_ERR_UNSUPPORTED, "no m-section that can be used");
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
