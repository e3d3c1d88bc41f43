/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "base/err.h"
#include "signaling/sdp.h"
#include "signaling/text.h"

/* RFC 8829 section 5.2.1: a bundled m-line that is in use has port 9, the address is in the candidates. */
#define RTP_PROTO "UDP/TLS/RTP/SAVPF"

static void write_session(struct sig_text *t, const struct sig_sdp_local *local)
{
    sig_text_addf(t, "v=0\r\no=consilium %" PRIu64 " %" PRIu64 " IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=ice-lite\r\n",
                  local->session_id, local->session_version);
}

static void write_candidates(struct sig_text *t, const struct sig_sdp_local *local)
{
    for (size_t i = 0; i < local->candidate_count; i++) {
        const struct sfu_candidate *c = &local->candidates[i];
        /* RFC 8445 section 5.1.1.3: the foundation is the same for equal type, base address and protocol. TCP
         * candidates carry their role (RFC 6544 section 4.5). */
        sig_text_addf(t, "a=candidate:%zu 1 %s %" PRIu32 " %s %u typ host%s\r\n", i + 1, c->tcp ? "tcp" : "udp",
                      c->priority, c->address, (unsigned)c->port, c->tcp ? " tcptype passive" : "");
    }
    sig_text_add(t, "a=end-of-candidates\r\n");
}

static void write_transport(struct sig_text *t, const struct sig_sdp_local *local, const char *setup)
{
    sig_text_add(t, "c=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n");
    sig_text_addf(t, "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=fingerprint:sha-256 ", local->ice.ufrag, local->ice.pwd);
    for (size_t i = 0; i < SFU_DTLS_FINGERPRINT_BYTES; i++)
        sig_text_addf(t, "%s%02X", i ? ":" : "", local->fingerprint[i]);
    sig_text_addf(t, "\r\na=setup:%s\r\n", setup);
}

static void write_opus(struct sig_text *t, unsigned pt, bool transport_cc)
{
    sig_text_addf(t, "a=rtpmap:%u opus/48000/2\r\n", pt);
    if (transport_cc)
        sig_text_addf(t, "a=rtcp-fb:%u transport-cc\r\n", pt);
    sig_text_addf(t, "a=fmtp:%u minptime=10;useinbandfec=1;usedtx=1\r\n", pt);
}

static void write_video(struct sig_text *t, enum sfu_video_codec codec, unsigned pt, unsigned rtx_pt, bool transport_cc)
{
    sig_text_addf(t, "a=rtpmap:%u %s/90000\r\n", pt, codec == SFU_VP9 ? "VP9" : "VP8");
    if (codec == SFU_VP9)
        sig_text_addf(t, "a=fmtp:%u profile-id=0\r\n", pt);
    if (transport_cc)
        sig_text_addf(t, "a=rtcp-fb:%u transport-cc\r\n", pt);
    sig_text_addf(t, "a=rtcp-fb:%u ccm fir\r\na=rtcp-fb:%u nack\r\na=rtcp-fb:%u nack pli\r\n", pt, pt, pt);
    if (rtx_pt)
        sig_text_addf(t, "a=rtpmap:%u rtx/90000\r\na=fmtp:%u apt=%u\r\n", rtx_pt, rtx_pt, pt);
}

static void write_extension(struct sig_text *t, unsigned id, enum sfu_rtp_ext_kind kind)
{
    if (id)
        sig_text_addf(t, "a=extmap:%u %s\r\n", id, sfu_rtp_ext_uri(kind));
}

/* RFC 8853 section 5.3: what the client offers to send we receive. */
static void write_layers(struct sig_text *t, const struct sig_sdp_media *media)
{
    write_extension(t, media->extensions.id_of[SFU_RTP_EXT_RID], SFU_RTP_EXT_RID);
    write_extension(t, media->extensions.id_of[SFU_RTP_EXT_RRID], SFU_RTP_EXT_RRID);
    for (unsigned i = 0; i < media->layer_count; i++)
        sig_text_addf(t, "a=rid:%s recv\r\n", media->rids[i]);
    for (unsigned i = 0; i < media->layer_count; i++)
        sig_text_addf(t, "%s%s", i == 0 ? "a=simulcast:recv " : ";", media->rids[i]);
    sig_text_add(t, "\r\n");
}

static bool usable(const struct sig_sdp_media *media)
{
    return !media->rejected && media->kind != SIG_SDP_OTHER && media->has_codec;
}

static void write_answer_media(struct sig_text *t, const struct sig_sdp_media *media, bool accepted, bool first,
                               const struct sig_sdp_local *local)
{
    if (!usable(media)) {
        sig_text_addf(t, "m=%s 0 %s %s\r\nc=IN IP4 0.0.0.0\r\n", media->name, media->proto, media->first_format);
        if (media->mid[0])
            sig_text_addf(t, "a=mid:%s\r\n", media->mid);
        sig_text_add(t, "a=inactive\r\n");
        return;
    }
    bool audio = media->kind == SIG_SDP_AUDIO;
    sig_text_addf(t, "m=%s 9 %s %u", media->name, media->proto, media->payload_type);
    if (media->rtx_payload_type)
        sig_text_addf(t, " %u", media->rtx_payload_type);
    sig_text_add(t, "\r\n");
    write_transport(t, local, "passive");
    sig_text_addf(t, "a=mid:%s\r\n", media->mid);
    write_extension(t, media->extensions.id_of[SFU_RTP_EXT_MID], SFU_RTP_EXT_MID);
    if (audio)
        write_extension(t, media->extensions.id_of[SFU_RTP_EXT_AUDIO_LEVEL], SFU_RTP_EXT_AUDIO_LEVEL);
    write_extension(t, media->extensions.id_of[SFU_RTP_EXT_TRANSPORT_CC], SFU_RTP_EXT_TRANSPORT_CC);
    if (accepted && media->layer_count > 1)
        write_layers(t, media);
    sig_text_addf(t, "a=%s\r\na=rtcp-mux\r\na=rtcp-rsize\r\n", accepted ? "recvonly" : "inactive");
    if (audio)
        write_opus(t, media->payload_type, media->transport_cc);
    else
        write_video(t, media->video_codec, media->payload_type, media->rtx_payload_type, media->transport_cc);
    if (first)
        write_candidates(t, local);
}

int sig_sdp_write_answer(char **out, const struct sig_sdp *offer, const bool *accepted,
                         const struct sig_sdp_local *local)
{
    struct sig_text t;
    *out = NULL;
    for (size_t i = 0; i < offer->media_count; i++) {
        if (accepted[i] && !usable(&offer->media[i]))
            return BASE_ERR_INVALID;
    }
    sig_text_init(&t, SIG_SDP_ANSWER_MAX_BYTES);
    write_session(&t, local);
    sig_text_add(&t, "a=group:BUNDLE");
    for (size_t i = 0; i < offer->media_count; i++) {
        if (usable(&offer->media[i]))
            sig_text_addf(&t, " %s", offer->media[i].mid);
    }
    sig_text_add(&t, "\r\na=msid-semantic: WMS *\r\n");
    bool first = true;
    for (size_t i = 0; i < offer->media_count; i++) {
        write_answer_media(&t, &offer->media[i], accepted[i], first, local);
        first = first && !usable(&offer->media[i]);
    }
    return sig_text_take(&t, out, NULL);
}

static void write_down_source(struct sig_text *t, const struct sig_sdp_down_media *media)
{
    uint64_t person = media->participant_id, track = media->track_id;
    sig_text_addf(t, "a=msid:p%" PRIu64 " t%" PRIu64 "\r\n", person, track);
    if (media->rtx_ssrc)
        sig_text_addf(t, "a=ssrc-group:FID %" PRIu32 " %" PRIu32 "\r\n", media->ssrc, media->rtx_ssrc);
    sig_text_addf(t, "a=ssrc:%" PRIu32 " cname:p%" PRIu64 "\r\n", media->ssrc, person);
    if (media->rtx_ssrc)
        sig_text_addf(t, "a=ssrc:%" PRIu32 " cname:p%" PRIu64 "\r\n", media->rtx_ssrc, person);
}

static void write_down_media(struct sig_text *t, const struct sig_sdp_down_media *media, size_t mid, bool first,
                             const struct sig_sdp_local *local)
{
    bool audio = media->kind == SFU_AUDIO;
    unsigned pt = sfu_send_payload_type(media->kind, media->video_codec);
    unsigned rtx_pt = sfu_send_rtx_payload_type(media->video_codec);
    if (media->dead) {
        sig_text_addf(t, "m=%s 0 " RTP_PROTO " %u\r\nc=IN IP4 0.0.0.0\r\na=mid:%zu\r\na=inactive\r\n",
                      audio ? "audio" : "video", pt, mid);
        return;
    }
    sig_text_addf(t, "m=%s 9 " RTP_PROTO " %u", audio ? "audio" : "video", pt);
    if (!audio)
        sig_text_addf(t, " %u", rtx_pt);
    sig_text_add(t, "\r\n");
    write_transport(t, local, "actpass");
    sig_text_addf(t, "a=mid:%zu\r\n", mid);
    write_extension(t, SFU_SEND_EXT_MID, SFU_RTP_EXT_MID);
    if (audio)
        write_extension(t, SFU_SEND_EXT_AUDIO_LEVEL, SFU_RTP_EXT_AUDIO_LEVEL);
    write_extension(t, SFU_SEND_EXT_TRANSPORT_CC, SFU_RTP_EXT_TRANSPORT_CC);
    sig_text_addf(t, "a=%s\r\na=rtcp-mux\r\na=rtcp-rsize\r\n", media->active ? "sendonly" : "inactive");
    if (audio)
        write_opus(t, pt, true);
    else
        write_video(t, media->video_codec, pt, rtx_pt, true);
    if (media->active)
        write_down_source(t, media);
    if (first)
        write_candidates(t, local);
}

int sig_sdp_write_offer(char **out, const struct sig_sdp_down_media *media, size_t media_count,
                        const struct sig_sdp_local *local)
{
    struct sig_text t;
    *out = NULL;
    if (media_count == 0 || media_count > SFU_SUBSCRIPTIONS_MAX)
        return BASE_ERR_INVALID;
    sig_text_init(&t, 2 * SIG_SDP_ANSWER_MAX_BYTES);
    write_session(&t, local);
    sig_text_add(&t, "a=group:BUNDLE");
    for (size_t i = 0; i < media_count; i++) {
        if (!media[i].dead)
            sig_text_addf(&t, " %zu", i);
    }
    sig_text_add(&t, "\r\na=msid-semantic: WMS *\r\n");
    bool first = true;
    for (size_t i = 0; i < media_count; i++) {
        write_down_media(&t, &media[i], i, first, local);
        first = first && media[i].dead;
    }
    return sig_text_take(&t, out, NULL);
}
