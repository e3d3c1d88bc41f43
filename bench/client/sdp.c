/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/client/sdp.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"

/* ---- reading -------------------------------------------------------------------------------------------------- */

static bool starts(const char *line, const char *prefix, const char **rest)
{
    size_t len = strlen(prefix);
    if (strncmp(line, prefix, len) != 0)
        return false;
    *rest = line + len;
    return true;
}

/* Cut if it is too long: then it matches nothing. */
static void copy(char *out, size_t out_size, const char *text)
{
    size_t len = strnlen(text, out_size - 1);
    memcpy(out, text, len);
    out[len] = 0;
}

static int read_fingerprint(struct bench_sdp *sdp, const char *text)
{
    const char *hex;
    if (!starts(text, "sha-256 ", &hex))
        return 0;
    for (unsigned i = 0; i < SFU_DTLS_FINGERPRINT_BYTES; i++) {
        unsigned byte;
        if (sscanf(hex + 3 * (size_t)i, "%2x", &byte) != 1)
            return BASE_ERR_MALFORMED;
        sdp->fingerprint[i] = (uint8_t)byte;
    }
    sdp->has_fingerprint = true;
    return 0;
}

static int read_candidate(struct bench_sdp *sdp, const char *text)
{
    char foundation[33], protocol[8], address[46], type[8];
    unsigned component, port;
    uint32_t priority;
    if (sscanf(text, "%32s %u %7s %" SCNu32 " %45s %u typ %7s", foundation, &component, protocol, &priority, address,
               &port, type) != 7 ||
        port > 65535 || component != 1)
        return BASE_ERR_MALFORMED;
    bool tcp = strcmp(protocol, "tcp") == 0 || strcmp(protocol, "TCP") == 0;
    for (unsigned i = 0; i < sdp->candidate_count; i++) /* some repeat them in each m-section */
        if (sdp->candidates[i].port == port && sdp->candidates[i].tcp == tcp &&
            strcmp(sdp->candidates[i].address, address) == 0)
            return 0;
    if (sdp->candidate_count == BENCH_SDP_CANDIDATES_MAX)
        return 0;
    struct bench_sdp_candidate *candidate = &sdp->candidates[sdp->candidate_count++];
    *candidate = (struct bench_sdp_candidate){.port = (uint16_t)port, .tcp = tcp, .priority = priority};
    memcpy(candidate->address, address, sizeof candidate->address);
    return 0;
}

/* The first codec that we speak is the one that is used. */
static int read_rtpmap(struct bench_sdp_media *media, const char *text)
{
    static const char *const names[] = {
        [BENCH_OPUS] = "opus/48000/2", [BENCH_VP8] = "VP8/90000", [BENCH_VP9] = "VP9/90000"};
    unsigned pt;
    char codec[32];
    if (sscanf(text, "%u %31s", &pt, codec) != 2 || pt > 127)
        return BASE_ERR_MALFORMED;
    for (int i = media->video ? BENCH_VP8 : BENCH_OPUS; media->payload_type == 0 && i <= BENCH_VP9; i++)
        if (strcasecmp(codec, names[i]) == 0) {
            media->payload_type = (uint8_t)pt;
            media->codec = (enum bench_codec)i;
        }
    return 0;
}

/* RFC 4588 section 8.6: which payload type is the retransmission of which. */
static int read_fmtp(struct bench_sdp_media *media, const char *text)
{
    unsigned pt, apt;
    if (sscanf(text, "%u apt=%u", &pt, &apt) == 2 && pt <= 127 && apt == media->payload_type && apt != 0)
        media->rtx_payload_type = (uint8_t)pt;
    return 0;
}

/* "send q;h;f" or "recv ~q;h": the first alternative of each layer, paused or not. */
static int read_simulcast(struct bench_sdp_media *media, const char *text)
{
    char list[128];
    if (sscanf(text, "%*4s %127s", list) != 1)
        return BASE_ERR_MALFORMED;
    char *rest = NULL;
    for (char *layer = strtok_r(list, ";", &rest); layer != NULL; layer = strtok_r(NULL, ";", &rest)) {
        layer += *layer == '~';
        layer[strcspn(layer, ",")] = 0;
        if (media->rid_count < BENCH_SDP_LAYERS_MAX)
            copy(media->rids[media->rid_count++], sizeof media->rids[0], layer);
    }
    return 0;
}

static int read_extmap(struct bench_sdp_media *media, const char *text)
{
    unsigned id;
    char uri[128];
    if (sscanf(text, "%u %127s", &id, uri) != 2)
        return BASE_ERR_MALFORMED;
    enum sfu_rtp_ext_kind kind = sfu_rtp_ext_kind_of_uri(uri, strlen(uri));
    return kind == SFU_RTP_EXT_NONE ? 0 : sfu_rtp_ext_map_set(&media->extensions, kind, id);
}

static int read_media_attribute(struct bench_sdp_media *media, const char *line)
{
    static const char *const directions[] = {"inactive", "sendonly", "recvonly", "sendrecv"};
    for (unsigned i = 0; i < 4; i++)
        if (strcmp(line, directions[i]) == 0)
            media->direction = (enum bench_sdp_direction)i;
    const char *rest;
    if (starts(line, "mid:", &rest))
        copy(media->mid, sizeof media->mid, rest);
    if (starts(line, "rtpmap:", &rest))
        return read_rtpmap(media, rest);
    if (starts(line, "fmtp:", &rest))
        return read_fmtp(media, rest);
    if (starts(line, "simulcast:", &rest))
        return read_simulcast(media, rest);
    if (starts(line, "extmap:", &rest))
        return read_extmap(media, rest);
    if (starts(line, "ssrc-group:FID ", &rest))
        return sscanf(rest, "%" SCNu32 " %" SCNu32, &media->ssrc, &media->rtx_ssrc) == 2 ? 0 : BASE_ERR_MALFORMED;
    if (starts(line, "ssrc:", &rest) && media->ssrc == 0)
        return sscanf(rest, "%" SCNu32, &media->ssrc) == 1 ? 0 : BASE_ERR_MALFORMED;
    if (starts(line, "rtcp-fb:", &rest)) {
        unsigned pt;
        char what[32];
        if (sscanf(rest, "%u %31[^\r\n]", &pt, what) != 2)
            return BASE_ERR_MALFORMED;
        media->nack = media->nack || strcmp(what, "nack") == 0;
        media->pli = media->pli || strcmp(what, "nack pli") == 0;
        media->transport_cc = media->transport_cc || strcmp(what, "transport-cc") == 0;
    }
    return 0;
}

static int read_attribute(struct bench_sdp *sdp, const char *line)
{
    const char *rest;
    if (starts(line, "ice-ufrag:", &rest))
        copy(sdp->ice.ufrag, sizeof sdp->ice.ufrag, rest);
    if (starts(line, "ice-pwd:", &rest))
        copy(sdp->ice.pwd, sizeof sdp->ice.pwd, rest);
    if (strcmp(line, "ice-lite") == 0)
        sdp->ice_lite = true;
    if (strcmp(line, "rtcp-rsize") == 0)
        sdp->reduced_size = true;
    if (starts(line, "setup:", &rest))
        copy(sdp->setup, sizeof sdp->setup, rest);
    if (starts(line, "fingerprint:", &rest))
        return read_fingerprint(sdp, rest);
    if (starts(line, "candidate:", &rest))
        return read_candidate(sdp, rest);
    return sdp->media_count != 0 ? read_media_attribute(&sdp->media[sdp->media_count - 1], line) : 0;
}

static int read_line(struct bench_sdp *sdp, const char *line)
{
    const char *rest;
    if (starts(line, "m=", &rest)) {
        char kind[16];
        unsigned port;
        if (sdp->media_count == BENCH_SDP_MEDIA_MAX)
            return BASE_ERR_FULL;
        if (sscanf(rest, "%15s %u", kind, &port) != 2)
            return BASE_ERR_MALFORMED;
        sdp->media[sdp->media_count++] =
            (struct bench_sdp_media){.video = strcmp(kind, "video") == 0, .rejected = port == 0};
        return 0;
    }
    return starts(line, "a=", &rest) ? read_attribute(sdp, rest) : 0;
}

int bench_sdp_read(const char *text, struct bench_sdp *out)
{
    memset(out, 0, sizeof *out);
    while (*text != 0) {
        size_t len = strcspn(text, "\r\n");
        char line[4096]; /* the longest: BUNDLE of a large room */
        if (len >= sizeof line)
            return BASE_ERR_MALFORMED;
        memcpy(line, text, len);
        line[len] = 0;
        int err = read_line(out, line);
        if (err != 0)
            return err;
        text += len;
        text += strspn(text, "\r\n");
    }
    return out->ice.ufrag[0] != 0 && out->ice.pwd[0] != 0 && out->has_fingerprint ? 0 : BASE_ERR_MALFORMED;
}

/* ---- writing -------------------------------------------------------------------------------------------------- */

struct writer {
    char *out;
    size_t max, used;
};

__attribute__((format(printf, 2, 3))) static void add(struct writer *writer, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int written = vsnprintf(writer->out + writer->used, writer->max - writer->used, format, args);
    va_end(args);
    writer->used += written > 0 ? (size_t)written : 0;
    if (writer->used >= writer->max)
        writer->used = writer->max - 1; /* full: found out at the end */
}

static void write_codecs(struct writer *writer, const struct bench_sdp_media *media)
{
    unsigned pt = media->payload_type, rtx = media->rtx_payload_type;
    if (!media->video) {
        add(writer, "a=rtpmap:%u opus/48000/2\r\na=fmtp:%u minptime=10;useinbandfec=1\r\n", pt, pt);
        add(writer, "a=rtcp-fb:%u transport-cc\r\n", pt);
        return;
    }
    add(writer, "a=rtpmap:%u %s/90000\r\n", pt, media->codec == BENCH_VP9 ? "VP9" : "VP8");
    if (media->codec == BENCH_VP9)
        add(writer, "a=fmtp:%u profile-id=0\r\n", pt);
    add(writer, "a=rtcp-fb:%u transport-cc\r\na=rtcp-fb:%u ccm fir\r\n", pt, pt);
    add(writer, "a=rtcp-fb:%u nack\r\na=rtcp-fb:%u nack pli\r\n", pt, pt);
    if (rtx != 0)
        add(writer, "a=rtpmap:%u rtx/90000\r\na=fmtp:%u apt=%u\r\n", rtx, rtx, pt);
}

static void write_media(struct writer *writer, const struct bench_sdp *sdp, const struct bench_sdp_media *media,
                        const char *setup)
{
    static const char *const directions[] = {"inactive", "sendonly", "recvonly", "sendrecv"};
    add(writer, "m=%s %u UDP/TLS/RTP/SAVPF %u", media->video ? "video" : "audio", media->rejected ? 0u : 9u,
        media->payload_type);
    if (media->rtx_payload_type != 0)
        add(writer, " %u", media->rtx_payload_type);
    add(writer, "\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n");
    if (media->rejected) {
        add(writer, "a=mid:%s\r\na=inactive\r\n", media->mid);
        return;
    }
    char fingerprint[96];
    sfu_dtls_fingerprint_text(sdp->fingerprint, fingerprint);
    add(writer, "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=ice-options:trickle\r\n", sdp->ice.ufrag, sdp->ice.pwd);
    add(writer, "a=fingerprint:sha-256 %s\r\na=setup:%s\r\na=mid:%s\r\n", fingerprint, setup, media->mid);
    for (int kind = 1; kind < SFU_RTP_EXT_KIND_COUNT; kind++)
        if (media->extensions.id_of[kind] != 0)
            add(writer, "a=extmap:%u %s\r\n", media->extensions.id_of[kind],
                sfu_rtp_ext_uri((enum sfu_rtp_ext_kind)kind));
    add(writer, "a=%s\r\na=rtcp-mux\r\n%s", directions[media->direction], sdp->reduced_size ? "a=rtcp-rsize\r\n" : "");
    write_codecs(writer, media);
    if (media->direction != BENCH_SDP_SENDONLY || media->ssrc == 0)
        return;
    add(writer, "a=msid:- %s\r\n", media->mid);
    if (media->rid_count > 1) {
        for (unsigned i = 0; i < media->rid_count; i++)
            add(writer, "a=rid:%s send\r\n", media->rids[i]);
        for (unsigned i = 0; i < media->rid_count; i++)
            add(writer, "%s%s", i == 0 ? "a=simulcast:send " : ";", media->rids[i]);
        add(writer, "\r\n");
        return;
    }
    if (media->rtx_ssrc != 0)
        add(writer, "a=ssrc-group:FID %" PRIu32 " %" PRIu32 "\r\n", media->ssrc, media->rtx_ssrc);
    add(writer, "a=ssrc:%" PRIu32 " cname:bench\r\n", media->ssrc);
    if (media->rtx_ssrc != 0)
        add(writer, "a=ssrc:%" PRIu32 " cname:bench\r\n", media->rtx_ssrc);
}

size_t bench_sdp_write(char *out, size_t out_max, const struct bench_sdp *sdp, enum bench_sdp_role role,
                       uint64_t version)
{
    struct writer writer = {.out = out, .max = out_max};
    add(&writer, "v=0\r\no=- 4611732 %" PRIu64 " IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE", version);
    for (unsigned i = 0; i < sdp->media_count; i++)
        if (!sdp->media[i].rejected)
            add(&writer, " %s", sdp->media[i].mid);
    add(&writer, "\r\na=msid-semantic: WMS\r\n");
    for (unsigned i = 0; i < sdp->media_count; i++)
        write_media(&writer, sdp, &sdp->media[i], role == BENCH_SDP_OFFER ? "actpass" : "active");
    return writer.used + 1 >= writer.max ? 0 : writer.used;
}

struct bench_sdp_media *bench_sdp_by_mid(struct bench_sdp *sdp, const char *mid)
{
    unsigned long guess = strtoul(mid, NULL, 10);
    if (guess < sdp->media_count && strcmp(sdp->media[guess].mid, mid) == 0)
        return &sdp->media[guess];
    for (unsigned i = 0; i < sdp->media_count; i++)
        if (strcmp(sdp->media[i].mid, mid) == 0)
            return &sdp->media[i];
    return NULL;
}
