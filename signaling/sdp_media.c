/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/err.h"
#include "signaling/sdp_parse.h"

/* a=rtpmap:<pt> <name>/<clock>[/<channels>] */
static int rtpmap(struct sig_sdp_parser *p, struct sig_span value)
{
    struct sig_span word;
    uint64_t pt;
    if (!sig_span_next_word(&value, &word) || !sig_span_number(word, SIG_SDP_PAYLOAD_TYPES - 1, &pt) ||
        !sig_span_next_word(&value, &word))
        return sig_sdp_fail(p, BASE_ERR_MALFORMED, "bad rtpmap");
    if (p->media->kind == SIG_SDP_AUDIO && sig_span_equals(word, "opus/48000/2"))
        p->section.codec[pt] = SIG_SDP_CODEC_OPUS;
    else if (p->media->kind == SIG_SDP_VIDEO && sig_span_equals(word, "VP8/90000"))
        p->section.codec[pt] = SIG_SDP_CODEC_VP8;
    else if (p->media->kind == SIG_SDP_VIDEO && sig_span_equals(word, "rtx/90000"))
        p->section.codec[pt] = SIG_SDP_CODEC_RTX;
    return BASE_OK;
}

/* a=fmtp:<pt> …apt=<pt>… ; nothing else in it matters to a forwarder. */
static int fmtp(struct sig_sdp_parser *p, struct sig_span value)
{
    struct sig_span word, number;
    uint64_t pt, apt;
    if (!sig_span_next_word(&value, &word) || !sig_span_number(word, SIG_SDP_PAYLOAD_TYPES - 1, &pt))
        return sig_sdp_fail(p, BASE_ERR_MALFORMED, "bad fmtp");
    while (sig_span_next_word(&value, &word)) {
        if (!sig_span_after(word, "apt=", &number))
            continue;
        const char *end = memchr(number.at, ';', number.len);
        if (end)
            number.len = (size_t)(end - number.at);
        if (!sig_span_number(number, SIG_SDP_PAYLOAD_TYPES - 1, &apt))
            return sig_sdp_fail(p, BASE_ERR_MALFORMED, "bad apt");
        p->section.apt[pt] = (uint8_t)apt;
    }
    return BASE_OK;
}

/* a=rtcp-fb:<pt or *> <what> */
static int rtcp_fb(struct sig_sdp_parser *p, struct sig_span value)
{
    struct sig_span word, what;
    uint64_t pt;
    if (!sig_span_next_word(&value, &word) || !sig_span_next_word(&value, &what))
        return sig_sdp_fail(p, BASE_ERR_MALFORMED, "bad rtcp-fb");
    if (!sig_span_equals(what, "transport-cc"))
        return BASE_OK;
    if (sig_span_equals(word, "*"))
        memset(p->section.transport_cc, 1, sizeof p->section.transport_cc);
    else if (sig_span_number(word, SIG_SDP_PAYLOAD_TYPES - 1, &pt))
        p->section.transport_cc[pt] = true;
    else
        return sig_sdp_fail(p, BASE_ERR_MALFORMED, "bad rtcp-fb");
    return BASE_OK;
}

/* a=extmap:<id>[/<direction>] <uri>. What the client only receives is of no use to us, nor are ids of the two-byte
 * form or a second id for the same kind. */
static int extmap(struct sig_sdp_parser *p, struct sig_span value)
{
    struct sig_span word, uri, id;
    uint64_t number;
    if (!sig_span_next_word(&value, &word) || !sig_span_next_word(&value, &uri))
        return sig_sdp_fail(p, BASE_ERR_MALFORMED, "bad extmap");
    id = word;
    const char *slash = memchr(word.at, '/', word.len);
    if (slash) {
        id.len = (size_t)(slash - word.at);
        struct sig_span suffix = {slash + 1, word.len - id.len - 1};
        enum sig_sdp_direction direction;
        if (!sig_sdp_parse_direction(suffix, &direction))
            return sig_sdp_fail(p, BASE_ERR_MALFORMED, "bad extmap direction");
        if (direction == SIG_SDP_RECVONLY || direction == SIG_SDP_INACTIVE)
            return BASE_OK;
    }
    if (!sig_span_number(id, UINT32_MAX, &number))
        return sig_sdp_fail(p, BASE_ERR_MALFORMED, "bad extmap");
    enum sfu_rtp_ext_kind kind = sfu_rtp_ext_kind_of_uri(uri.at, uri.len);
    if (kind != SFU_RTP_EXT_NONE && number >= 1 && number <= 14)
        (void)sfu_rtp_ext_map_set(&p->media->extensions, kind, (unsigned)number);
    return BASE_OK;
}

static int ssrc_group(struct sig_sdp_parser *p, struct sig_span value)
{
    struct sig_span word;
    uint64_t first, second;
    if (!sig_span_next_word(&value, &word) || !sig_span_equals(word, "FID") || p->media->rtx_ssrc)
        return BASE_OK;
    if (!sig_span_next_word(&value, &word) || !sig_span_number(word, UINT32_MAX, &first) ||
        !sig_span_next_word(&value, &word) || !sig_span_number(word, UINT32_MAX, &second) || first == 0 ||
        second == 0 || first == second)
        return sig_sdp_fail(p, BASE_ERR_MALFORMED, "bad ssrc-group");
    p->media->ssrc = (uint32_t)first;
    p->media->rtx_ssrc = (uint32_t)second;
    return BASE_OK;
}

static int ssrc(struct sig_sdp_parser *p, struct sig_span value)
{
    struct sig_span word;
    uint64_t number;
    if (!sig_span_next_word(&value, &word) || !sig_span_number(word, UINT32_MAX, &number) || number == 0)
        return sig_sdp_fail(p, BASE_ERR_MALFORMED, "bad ssrc");
    if (!p->media->ssrc)
        p->media->ssrc = (uint32_t)number;
    return BASE_OK;
}

int sig_sdp_media_attribute(struct sig_sdp_parser *p, struct sig_span line)
{
    static const struct {
        const char *prefix;
        int (*read)(struct sig_sdp_parser *p, struct sig_span value);
    } attributes[] = {
        {"rtpmap:", rtpmap},         {"fmtp:", fmtp}, {"rtcp-fb:", rtcp_fb}, {"extmap:", extmap},
        {"ssrc-group:", ssrc_group}, {"ssrc:", ssrc},
    };
    struct sig_span value;
    for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++) {
        if (!sig_span_after(line, attributes[i].prefix, &value))
            continue;
        int err = attributes[i].read(p, value);
        return err ? err : 1;
    }
    return 0;
}

void sig_sdp_choose_codec(struct sig_sdp_media *media, const struct sig_sdp_section *section)
{
    uint8_t wanted = media->kind == SIG_SDP_AUDIO ? SIG_SDP_CODEC_OPUS : SIG_SDP_CODEC_VP8;
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
        if (section->codec[pt] == SIG_SDP_CODEC_RTX && section->apt[pt] == media->payload_type) {
            media->rtx_payload_type = pt;
            break;
        }
    }
    if (!media->rtx_payload_type)
        media->rtx_ssrc = 0;
}
