/* SPDX-License-Identifier: Apache-2.0 */
/* Which video codec a track has, and what its subscribers are offered (PROTOCOL.md sections 4 and 5). */
#include <stdlib.h>
#include <string.h>

#include "signaling/sdp.h"
#include "tests/support/fake_visio.h"
#include "tests/support/test.h"

static struct fake_visio fake;

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void publish(size_t socket, const char *media)
{
    char *sdp = fake_offer(media, "aaaa");
    json_t *tracks = json_array();
    for (size_t i = 0; media[i]; i++) {
        char mid[24];
        snprintf(mid, sizeof mid, "%zu", i);
        json_array_append_new(tracks,
                              json_pack("{s:s, s:s, s:b}", "mid", mid, "source", i ? "screen" : "camera", "muted", 0));
    }
    fake_json(&fake, socket, json_pack("{s:s, s:s, s:o}", "type", "publish", "sdp", sdp, "tracks", tracks));
    free(sdp);
}

static void answer(size_t socket, const json_t *subscribe)
{
    char *sdp = fake_answer(text_of(subscribe, "sdp"), "bbbb");
    fake_json(&fake, socket,
              json_pack("{s:s, s:O, s:s}", "type", "subscribed", "rev", json_object_get(subscribe, "rev"), "sdp", sdp));
    free(sdp);
}

/* The codec of the only video m-section with these formats. */
static void codec_of(int *t_failed, const char *formats, const char *attributes, int payload_type, int rtx,
                     enum sfu_video_codec codec)
{
    struct sig_sdp sdp;
    struct sig_sdp_error error;
    char *offer = fake_offer("v", "abcd"), text[8192];
    const char *line = strstr(offer, "m=video"), *rest = strchr(line, '\n') + 1;
    snprintf(text, sizeof text, "%.*sm=video 9 UDP/TLS/RTP/SAVPF %s\r\n%.*s%s", (int)(line - offer), offer, formats,
             (int)(strstr(rest, "a=rtpmap") - rest), rest, attributes);
    free(offer);
    int err = sig_sdp_parse(&sdp, SIG_SDP_OFFER, text, strlen(text), &error);
    T_EQ(err, 0);
    struct sig_sdp_media media = sdp.media[0];
    sig_sdp_clear(&sdp);
    T_EQ(media.has_codec, payload_type != 0);
    T_EQ(media.payload_type, payload_type);
    T_EQ(media.rtx_payload_type, rtx);
    T_EQ(media.video_codec, codec);
}

#define VP8  "a=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n"
#define VP9  "a=rtpmap:98 VP9/90000\r\na=rtpmap:99 rtx/90000\r\na=fmtp:99 apt=98\r\n"
#define H264 "a=rtpmap:100 H264/90000\r\n"

T_TEST(the_first_that_we_know_is_taken)
{
    T_CALL(codec_of(t_failed, "96 97 98 99", VP8 VP9, 96, 97, SFU_VP8));
    T_CALL(codec_of(t_failed, "98 99 96 97", VP8 VP9, 98, 99, SFU_VP9));
    T_CALL(codec_of(t_failed, "100 98 96 97", H264 VP8 VP9, 98, 0, SFU_VP9));
    T_CALL(codec_of(t_failed, "100", H264, 0, 0, SFU_VP8));
    /* profiles: 0 is the default; others are for screens with 10 bits or full colour */
    T_CALL(codec_of(t_failed, "98 99", VP9 "a=fmtp:98 profile-id=0\r\n", 98, 99, SFU_VP9));
    T_CALL(codec_of(t_failed, "98 99 96 97", VP8 VP9 "a=fmtp:98 profile-id=2\r\n", 96, 97, SFU_VP8));
    T_CALL(codec_of(t_failed, "98 99 96 97", VP8 VP9 "a=fmtp:98 max-fr=30;profile-id=1\r\n", 96, 97, SFU_VP8));
    T_CALL(codec_of(t_failed, "98 99 96 97", VP8 VP9 "a=fmtp:98 max-fr=30; profile-id=1\r\n", 96, 97, SFU_VP8));
    T_CALL(codec_of(t_failed, "98 99", VP9 "a=fmtp:98 max-fr=30;max-fs=3600\r\n", 98, 99, SFU_VP9));
    /* an apt that is not alone */
    T_CALL(codec_of(t_failed, "98 99",
                    "a=rtpmap:98 VP9/90000\r\na=rtpmap:99 rtx/90000\r\na=fmtp:99 rtx-time=1;apt=98\r\n", 98, 99,
                    SFU_VP9));
}

T_TEST(subscribers_are_offered_the_publishers_codec)
{
    fake_start(&fake);
    size_t a = fake_join(&fake, 1), b = fake_join(&fake, 2);
    publish(a, "9v");
    const struct fake_participant *alice = fake_participant(&fake, 1);
    T_EQ(alice->up[0].video_codec, SFU_VP9);
    T_EQ(alice->up[0].payload_type, 123);
    T_EQ(alice->up[0].rtx_payload_type, 124);
    T_EQ(alice->up[1].video_codec, SFU_VP8);
    const char *published = text_of(fake_expect(&fake, a, "published"), "sdp");
    T_CHECK(strstr(published, "m=video 9 UDP/TLS/RTP/SAVPF 123 124\r\n") != NULL);
    T_CHECK(strstr(published, "a=rtpmap:123 VP9/90000\r\na=fmtp:123 profile-id=0\r\n") != NULL);
    T_CHECK(strstr(published, "a=rtpmap:124 rtx/90000\r\na=fmtp:124 apt=123\r\n") != NULL);
    T_CHECK(strstr(published, "a=rtcp-fb:123 nack pli\r\n") != NULL);

    const json_t *subscribe = fake_expect(&fake, b, "subscribe");
    const char *sdp = text_of(subscribe, "sdp");
    const char *vp9 = strstr(sdp, "m=video 9 UDP/TLS/RTP/SAVPF 98 99\r\n");
    const char *vp8 = strstr(sdp, "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n");
    T_CHECK(vp9 && vp8);
    T_CHECK(strstr(sdp, "a=rtpmap:98 VP9/90000\r\na=fmtp:98 profile-id=0\r\n") != NULL);
    answer(b, subscribe);
    T_EQ(fake_participant(&fake, 2)->down_count, 2);
    fake_stop(&fake);
}

T_TEST(an_m_section_is_not_reused_for_another_codec)
{
    fake_start(&fake);
    size_t a = fake_join(&fake, 1), b = fake_join(&fake, 2);
    publish(a, "9");
    uint64_t first = fake_participant(&fake, 1)->up[0].track_id;
    answer(b, fake_expect(&fake, b, "subscribe"));
    publish(a, "v"); /* the same mid and source: another track */
    T_CHECK(fake_participant(&fake, 1)->up[0].track_id != first);
    T_EQ(fake_count(&fake, b, "track_unpublished"), 1);
    T_EQ(fake_count(&fake, b, "track_published"), 2);
    fake_run(&fake);
    const json_t *subscribe = fake_expect(&fake, b, "subscribe");
    T_STR_EQ(text_of(json_array_get(json_object_get(subscribe, "tracks"), 0), "mid"), "1");
    answer(b, subscribe);
    T_EQ(fake_participant(&fake, 2)->down_count, 1);
    publish(a, "9");
    T_STR_EQ(text_of(json_array_get(json_object_get(fake_expect(&fake, b, "subscribe"), "tracks"), 0), "mid"), "0");
    fake_stop(&fake);
}

T_TEST(an_answer_without_the_codec_declines_the_m_section)
{
    fake_start(&fake);
    size_t a = fake_join(&fake, 1), b = fake_join(&fake, 2);
    publish(a, "9");
    const json_t *subscribe = fake_expect(&fake, b, "subscribe");
    char *sdp = fake_answer(text_of(subscribe, "sdp"), "bbbb");
    memcpy(strstr(sdp, "VP9/90000"), "VP8", 3); /* 98 is not VP8: what was offered is VP9 */
    memcpy(strstr(sdp, "a=rtpmap:98"), "a=rtpmap:96", 11);
    memcpy(strstr(sdp, "SAVPF 98 99"), "SAVPF 96 99", 11);
    fake_json(&fake, b, json_pack("{s:s, s:i, s:s}", "type", "subscribed", "rev", 1, "sdp", sdp));
    free(sdp);
    T_EQ(fake_count(&fake, b, "error"), 0);
    T_EQ(fake_participant(&fake, 2)->down_count, 0);
    fake_stop(&fake);
}

T_MAIN(T_CASE(the_first_that_we_know_is_taken), T_CASE(subscribers_are_offered_the_publishers_codec),
       T_CASE(an_m_section_is_not_reused_for_another_codec), T_CASE(an_answer_without_the_codec_declines_the_m_section))
