/* SPDX-License-Identifier: Apache-2.0 */
/* Which video codec a track has, and what its subscribers are offered (PROTOCOL.md sections 4 and 5). */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
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

/* ---- simulcast ---- */

#define EXT_MID  "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
#define EXT_RID  "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n"
#define RIDS_QHF "a=rid:q send\r\na=rid:h send\r\na=rid:f send\r\n"

/* The layers taken of an m-section with these attributes, as "q;h;f". */
static void layers_of(int *t_failed, const char *attributes, const char *expected)
{
    struct sig_sdp sdp;
    struct sig_sdp_error error;
    char *offer = fake_offer("v", "abcd"), text[8192], layers[64] = "";
    snprintf(text, sizeof text, "%s%s", offer, attributes);
    free(offer);
    int err = sig_sdp_parse(&sdp, SIG_SDP_OFFER, text, strlen(text), &error);
    for (unsigned i = 0; !err && i < sdp.media[0].layer_count; i++) {
        strcat(layers, i ? ";" : "");
        strcat(layers, sdp.media[0].rids[i]);
    }
    sig_sdp_clear(&sdp);
    T_EQ(err, 0);
    T_STR_EQ(layers, expected);
}

T_TEST(layers_by_rid)
{
    T_CALL(layers_of(t_failed, EXT_MID EXT_RID RIDS_QHF "a=simulcast:send q;h;f\r\n", "q;h;f"));
    T_CALL(layers_of(t_failed, EXT_MID EXT_RID "a=simulcast:send f;q\r\n" RIDS_QHF, "f;q")); /* any order of lines */
    T_CALL(layers_of(t_failed, EXT_MID EXT_RID RIDS_QHF "a=simulcast:recv x send q,h;~f,x\r\n", "q;f"));
    T_CALL(layers_of(t_failed, EXT_MID EXT_RID RIDS_QHF "a=rid:x send pt=1\r\na=simulcast:send q;h;f;x\r\n", "q;h;f"));
    /* not declared, declared the other way round, twice, too long, no list */
    T_CALL(layers_of(t_failed, EXT_MID EXT_RID "a=rid:h recv\r\na=simulcast:send q;h;f\r\n", ""));
    T_CALL(layers_of(t_failed, EXT_MID EXT_RID RIDS_QHF "a=simulcast:send q;q;;h;\r\n", "q;h"));
    T_CALL(layers_of(
        t_failed,
        EXT_MID EXT_RID "a=rid:0123456789abcdef send\r\n" RIDS_QHF "a=simulcast:send 0123456789abcdef;q;h\r\n", "q;h"));
    T_CALL(layers_of(t_failed, EXT_MID EXT_RID RIDS_QHF "a=simulcast:recv q;h;f\r\n", ""));
    T_CALL(layers_of(t_failed, EXT_MID EXT_RID RIDS_QHF, ""));
    T_CALL(layers_of(t_failed, EXT_MID EXT_RID RIDS_QHF "a=simulcast:send q\r\n", "")); /* one is none */
    /* without the extensions layers cannot be told apart */
    T_CALL(layers_of(t_failed, EXT_MID RIDS_QHF "a=simulcast:send q;h;f\r\n", ""));
    T_CALL(layers_of(t_failed, EXT_RID RIDS_QHF "a=simulcast:send q;h;f\r\n", ""));
    T_CALL(layers_of(t_failed,
                     EXT_MID "a=extmap:10/recvonly urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n" RIDS_QHF
                             "a=simulcast:send q;h;f\r\n",
                     ""));
}

T_TEST(simulcast_is_answered_and_told_to_the_engine)
{
    fake_start(&fake);
    size_t a = fake_join(&fake, 1);
    publish(a, "s");
    const struct sfu_up_track_config *up = &fake_participant(&fake, 1)->up[0];
    T_EQ(up->layer_count, 3);
    T_STR_EQ(up->rids[0], "q");
    T_STR_EQ(up->rids[2], "f");
    T_EQ(up->extensions.id_of[SFU_RTP_EXT_RID], 10);
    T_EQ(up->extensions.id_of[SFU_RTP_EXT_RRID], 11);
    uint64_t track_id = up->track_id;
    const char *sdp = text_of(fake_expect(&fake, a, "published"), "sdp");
    T_CHECK(strstr(sdp, "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n") != NULL);
    T_CHECK(strstr(sdp, "a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\r\n") != NULL);
    T_CHECK(strstr(sdp, "a=rid:q recv\r\na=rid:h recv\r\na=rid:f recv\r\na=simulcast:recv q;h;f\r\n") != NULL);
    publish(a, "s"); /* the same again goes on */
    T_EQ(fake_participant(&fake, 1)->up[0].track_id, track_id);
    publish(a, "v"); /* one stream is another track */
    T_CHECK(fake_participant(&fake, 1)->up[0].track_id != track_id);
    T_EQ(fake_participant(&fake, 1)->up[0].layer_count, 0);
    fake_expect(&fake, a, "published");
    T_CHECK(strstr(text_of(fake_expect(&fake, a, "published"), "sdp"), "simulcast") == NULL);
    fake_stop(&fake);
}

static const char *error_of(size_t socket)
{
    const json_t *error = fake_expect(&fake, socket, "error");
    return error ? text_of(error, "code") : "none";
}

T_TEST(a_subscriber_says_what_it_wants)
{
    fake_start(&fake);
    size_t a = fake_join(&fake, 1), b = fake_join(&fake, 2);
    publish(a, "sv");
    const json_t *subscribe = fake_expect(&fake, b, "subscribe");
    fake_text(&fake, b, "{\"type\":\"view\",\"id\":5,\"track\":\"t1\",\"max_layer\":0}"); /* before the answer */
    T_EQ(json_integer_value(json_object_get(fake_expect(&fake, b, "ok"), "re")), 5);
    answer(b, subscribe);
    const struct fake_participant *bob = fake_participant(&fake, 2);
    T_EQ(bob->down_count, 2);
    T_EQ(bob->down[0].view.layers_max, 1);
    T_CHECK(!bob->down[0].view.paused);
    T_EQ(bob->down[1].view.layers_max, 0);
    fake_text(&fake, b, "{\"type\":\"view\",\"id\":6,\"track\":\"t1\",\"max_layer\":2,\"paused\":true}");
    T_EQ(bob->down[0].view.layers_max, 3);
    T_CHECK(bob->down[0].view.paused);
    fake_text(&fake, b, "{\"type\":\"view\",\"id\":7,\"track\":\"t1\"}"); /* as at the beginning */
    T_EQ(bob->down[0].view.layers_max, 0);
    T_CHECK(!bob->down[0].view.paused);
    T_EQ(fake_count(&fake, b, "error"), 0);
    fake_stop(&fake);
}

T_TEST(views_that_make_no_sense)
{
    static const char *const bad[][2] = {
        {"{\"type\":\"view\"}", "bad_request"},
        {"{\"type\":\"view\",\"track\":\"t1\",\"max_layer\":3}", "bad_request"},
        {"{\"type\":\"view\",\"track\":\"t1\",\"max_layer\":-1}", "bad_request"},
        {"{\"type\":\"view\",\"track\":\"t1\",\"max_layer\":\"0\"}", "bad_request"},
        {"{\"type\":\"view\",\"track\":\"t1\",\"paused\":1}", "bad_request"},
        {"{\"type\":\"view\",\"track\":\"t9\"}", "unknown_track"},
        {"{\"type\":\"view\",\"track\":\"x\"}", "unknown_track"},
        {"{\"type\":\"view\",\"track\":\"t2\",\"paused\":true}", "bad_request"}}; /* audio */
    fake_start(&fake);
    size_t a = fake_join(&fake, 1), b = fake_join(&fake, 2);
    char *sdp = fake_offer("va", "aaaa");
    fake_json(&fake, a,
              json_pack("{s:s, s:s, s:[{s:s, s:s, s:b}, {s:s, s:s, s:b}]}", "type", "publish", "sdp", sdp, "tracks",
                        "mid", "0", "source", "camera", "muted", 0, "mid", "1", "source", "mic", "muted", 0));
    free(sdp);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        fake_text(&fake, b, bad[i][0]);
        T_STR_EQ(error_of(b), bad[i][1]);
    }
    fake_text(&fake, a, "{\"type\":\"view\",\"track\":\"t1\"}"); /* my own */
    T_STR_EQ(error_of(a), "unknown_track");
    /* What the engine had no place for changes nothing. */
    fake.post_result = BASE_ERR_FULL;
    fake_text(&fake, b, "{\"type\":\"view\",\"track\":\"t1\",\"paused\":true}");
    T_STR_EQ(error_of(b), "busy");
    fake.post_result = 0;
    fake.sockets[b].read = 0;
    answer(b, fake_expect(&fake, b, "subscribe"));
    T_EQ(fake_participant(&fake, 2)->down_count, 2);
    T_CHECK(!fake_participant(&fake, 2)->down[0].view.paused);
    fake_stop(&fake);
}

T_MAIN(T_CASE(the_first_that_we_know_is_taken), T_CASE(subscribers_are_offered_the_publishers_codec),
       T_CASE(an_m_section_is_not_reused_for_another_codec), T_CASE(an_answer_without_the_codec_declines_the_m_section),
       T_CASE(layers_by_rid), T_CASE(simulcast_is_answered_and_told_to_the_engine),
       T_CASE(a_subscriber_says_what_it_wants), T_CASE(views_that_make_no_sense))
