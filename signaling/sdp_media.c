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
    else if (p->media->kind == SIG_SDP_VIDEO && sig_span_equals(word, "VP9/90000"))
        p->section.codec[pt] = SIG_SDP_CODEC_VP9;
    else if (p->media->kind == SIG_SDP_VIDEO && sig_span_equals(word, "rtx/90000"))
        p->section.codec[pt] = SIG_SDP_CODEC_RTX;
    return BASE_OK;
}

/* a=fmtp:<pt> <name>=<value>;… Only what an rtx repairs and VP9's profile (RFC 9628 section 6.1; 0 if it is not said)
 * matter to a forwarder. */
static int fmtp(struct sig_sdp_parser *p, struct sig_span value)
{
    struct sig_span word, parameter, number;
    uint64_t pt, apt;
    if (!sig_span_next_word(&value, &word) || !sig_span_number(word, SIG_SDP_PAYLOAD_TYPES - 1, &pt))
        return sig_sdp_fail(p, BASE_ERR_MALFORMED, "bad fmtp");
    while (sig_span_next_word(&value, &word)) {
        while (sig_span_next_until(&word, ';', &parameter)) {
            if (sig_span_after(parameter, "profile-id=", &number))
                p->section.other_profile[pt] = !sig_span_equals(number, "0");
            if (!sig_span_after(parameter, "apt=", &number))
                continue;
            if (!sig_span_number(number, SIG_SDP_PAYLOAD_TYPES - 1, &apt))
                return sig_sdp_fail(p, BASE_ERR_MALFORMED, "bad apt");
            p->section.apt[pt] = (uint8_t)apt;
        }
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

/* a=rid:<id> <direction> [<restrictions>] (RFC 8851). What does not fit is not taken as a layer, that is all. */
static int rid(struct sig_sdp_parser *p, struct sig_span value)
{
    struct sig_span id, direction;
    if (!sig_span_next_word(&value, &id) || !sig_span_next_word(&value, &direction))
        return sig_sdp_fail(p, BASE_ERR_MALFORMED, "bad rid");
    if (sig_span_equals(direction, "send") && p->section.rid_count < SIG_SDP_RIDS_MAX)
        p->section.rids[p->section.rid_count++] = id;
    return BASE_OK;
}

/* a=simulcast:<direction> <list> [<direction> <list>] (RFC 8853 section 5.1) */
static int simulcast(struct sig_sdp_parser *p, struct sig_span value)
{
    struct sig_span direction, list;
    while (sig_span_next_word(&value, &direction)) {
        if (!sig_span_next_word(&value, &list))
            return sig_sdp_fail(p, BASE_ERR_MALFORMED, "bad simulcast");
        if (sig_span_equals(direction, "send"))
            p->section.simulcast = list;
    }
    return BASE_OK;
}

int sig_sdp_media_attribute(struct sig_sdp_parser *p, struct sig_span line)
{
    static const struct {
        const char *prefix;
        int (*read)(struct sig_sdp_parser *p, struct sig_span value);
    } attributes[] = {
        {"rtpmap:", rtpmap},         {"fmtp:", fmtp}, {"rtcp-fb:", rtcp_fb}, {"extmap:", extmap},
        {"ssrc-group:", ssrc_group}, {"ssrc:", ssrc}, {"rid:", rid},         {"simulcast:", simulcast},
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

static bool takes(const struct sig_sdp_media *media, const struct sig_sdp_section *section, uint8_t pt)
{
    if (media->kind == SIG_SDP_AUDIO)
        return section->codec[pt] == SIG_SDP_CODEC_OPUS;
    return section->codec[pt] == SIG_SDP_CODEC_VP8 ||
           (section->codec[pt] == SIG_SDP_CODEC_VP9 && !section->other_profile[pt]);
}

void sig_sdp_choose_codec(struct sig_sdp_media *media, const struct sig_sdp_section *section)
{
    for (size_t i = 0; i < section->format_count && !media->has_codec; i++) {
        uint8_t pt = section->formats[i];
        if (!takes(media, section, pt))
            continue;
        media->has_codec = true;
        media->video_codec = section->codec[pt] == SIG_SDP_CODEC_VP9 ? SFU_VP9 : SFU_VP8;
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

static bool is_declared(const struct sig_sdp_section *section, struct sig_span rid)
{
    for (size_t i = 0; i < section->rid_count; i++)
        if (section->rids[i].len == rid.len && memcmp(section->rids[i].at, rid.at, rid.len) == 0)
            return true;
    return false;
}

static bool is_taken(const struct sig_sdp_media *media, const char *rid)
{
    for (unsigned i = 0; i < media->layer_count; i++)
        if (strcmp(media->rids[i], rid) == 0)
            return true;
    return false;
}

void sig_sdp_choose_layers(struct sig_sdp_media *media, const struct sig_sdp_section *section)
{
    struct sig_span list = section->simulcast, layer, id;
    if (media->kind != SIG_SDP_VIDEO || !media->has_codec || media->extensions.id_of[SFU_RTP_EXT_MID] == 0 ||
        media->extensions.id_of[SFU_RTP_EXT_RID] == 0)
        return;
    while (media->layer_count < SFU_LAYERS_MAX && sig_span_next_until(&list, ';', &layer)) {
        char text[SFU_RTP_EXT_TEXT_MAX] = "";
        if (!sig_span_next_until(&layer, ',', &id)) /* of alternatives the first */
            continue;
        if (id.len > 0 && *id.at == '~') /* begins paused */
            id.at++, id.len--;
        if (!is_declared(section, id) || !sig_span_copy(id, text, sizeof text) || is_taken(media, text))
            continue;
        memcpy(media->rids[media->layer_count++], text, sizeof text);
    }
    if (media->layer_count == 1)
        media->layer_count = 0; /* one stream is no simulcast */
}
