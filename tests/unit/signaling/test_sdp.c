/* SPDX-License-Identifier: Apache-2.0 */
#include "signaling/sdp.h"

#include <stdlib.h>

#include "base/err.h"
#include "tests/support/fake_visio.h"
#include "tests/support/test.h"

static const uint8_t FINGERPRINT[SFU_DTLS_FINGERPRINT_BYTES] = {0x01, 0xfe};
static const struct sfu_candidate CANDIDATES[] = {{"192.0.2.1", 40000, false, 2130706431},
                                                  {"2001:db8::1", 40001, true, 1015021823}};

static struct sig_sdp_local local_end(void)
{
    return (struct sig_sdp_local){.session_id = 77,
                                  .session_version = 1,
                                  .ice = {"serverab", "abcdefghijklmnopqrstuvwx"},
                                  .fingerprint = FINGERPRINT,
                                  .candidates = CANDIDATES,
                                  .candidate_count = 2};
}

static char *fixture(const char *name, size_t *len)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", FIXTURES, name);
    return fake_read_file(path, len);
}

static int parse(struct sig_sdp *out, enum sig_sdp_type type, const char *text, struct sig_sdp_error *error)
{
    return sig_sdp_parse(out, type, text, strlen(text), error);
}

T_TEST(chromium_offer)
{
    size_t len;
    char *text = fixture("chromium-offer.sdp", &len);
    struct sig_sdp sdp;
    struct sig_sdp_error error;
    T_CHECK(text != NULL);
    T_EQ(sig_sdp_parse(&sdp, SIG_SDP_OFFER, text, len, &error), 0);
    T_STR_EQ(sdp.ufrag, "QpJ1");
    T_STR_EQ(sdp.pwd, "JsrxfEv7/yN7kXl/d/I7vYFT");
    T_EQ(sdp.fingerprint[0], 0xa8);
    T_EQ(sdp.fingerprint[31], 0x41);
    T_EQ(sdp.setup, SIG_SDP_ACTPASS);
    T_EQ(sdp.media_count, 2);
    T_EQ(sdp.media[0].payload_type, 111);
    T_EQ(sdp.media[0].ssrc, 1780793839);
    T_EQ(sdp.media[0].extensions.id_of[SFU_RTP_EXT_AUDIO_LEVEL], 1);
    T_EQ(sdp.media[1].payload_type, 96);
    T_EQ(sdp.media[1].rtx_payload_type, 97);
    T_EQ(sdp.media[1].ssrc, 1866186137);
    T_EQ(sdp.media[1].rtx_ssrc, 2193098429u);
    T_EQ(sdp.media[1].extensions.id_of[SFU_RTP_EXT_MID], 4);
    T_EQ(sdp.media[1].extensions.id_of[SFU_RTP_EXT_TRANSPORT_CC], 3);
    T_EQ(sdp.media[1].direction, SIG_SDP_SENDONLY);
    T_CHECK(sdp.media[1].transport_cc);
    T_CHECK(sig_sdp_find_mid(&sdp, "1") == &sdp.media[1]);
    T_CHECK(sig_sdp_find_mid(&sdp, "2") == NULL);
    sig_sdp_clear(&sdp);
    free(text);
}

T_TEST(firefox_offer)
{
    size_t len;
    char *text = fixture("firefox-offer.sdp", &len);
    struct sig_sdp sdp;
    struct sig_sdp_error error;
    T_CHECK(text != NULL);
    T_EQ(sig_sdp_parse(&sdp, SIG_SDP_OFFER, text, len, &error), 0);
    T_EQ(sdp.fingerprint[0], 0x4d); /* at session level */
    T_EQ(sdp.media[0].payload_type, 109);
    T_EQ(sdp.media[0].extensions.id_of[SFU_RTP_EXT_MID], 3);
    T_EQ(sdp.media[0].extensions.kind_of[2], SFU_RTP_EXT_NONE); /* recvonly */
    T_EQ(sdp.media[1].payload_type, 120);
    T_EQ(sdp.media[1].rtx_payload_type, 124);
    T_EQ(sdp.media[1].ssrc, 775373019);
    T_EQ(sdp.media[1].rtx_ssrc, 1429607172);
    sig_sdp_clear(&sdp);
    free(text);
}

T_TEST(browsers_answers)
{
    static const char *const names[] = {"chromium-answer.sdp", "firefox-answer.sdp"};
    for (size_t i = 0; i < 2; i++) {
        size_t len;
        char *text = fixture(names[i], &len);
        struct sig_sdp sdp;
        struct sig_sdp_error error;
        T_CHECK(text != NULL);
        T_EQ(sig_sdp_parse(&sdp, SIG_SDP_ANSWER, text, len, &error), 0);
        T_EQ(sdp.setup, SIG_SDP_ACTIVE);
        T_EQ(sdp.media_count, 3);
        T_EQ(sdp.media[0].payload_type, SFU_SEND_PT_OPUS);
        T_EQ(sdp.media[1].payload_type, SFU_SEND_PT_VP8);
        T_EQ(sdp.media[1].rtx_payload_type, SFU_SEND_PT_RTX);
        T_EQ(sdp.media[1].direction, SIG_SDP_RECVONLY);
        T_EQ(sdp.media[2].direction, SIG_SDP_INACTIVE);
        sig_sdp_clear(&sdp);
        free(text);
    }
}

T_TEST(answers_to_browsers)
{
    static const char *const names[] = {"chromium-offer4.sdp", "firefox-offer4.sdp"};
    for (size_t i = 0; i < 2; i++) {
        size_t len;
        char *text = fixture(names[i], &len), *answer;
        struct sig_sdp sdp;
        struct sig_sdp_error error;
        bool accepted[4] = {true, true, true, false};
        struct sig_sdp_local local = local_end();
        T_CHECK(text != NULL);
        T_EQ(sig_sdp_parse(&sdp, SIG_SDP_OFFER, text, len, &error), 0);
        T_EQ(sdp.media_count, 4);
        T_EQ(sig_sdp_write_answer(&answer, &sdp, accepted, &local), 0);
        T_CHECK(strstr(answer, "a=group:BUNDLE 0 1 2 3\r\n") != NULL);
        T_CHECK(strstr(answer, "a=ice-lite\r\n") != NULL);
        T_CHECK(strstr(answer, "a=setup:passive\r\n") != NULL);
        T_CHECK(strstr(answer, "a=recvonly\r\n") != NULL);
        T_CHECK(strstr(answer, "a=inactive\r\n") != NULL); /* the fourth */
        T_CHECK(strstr(answer, "usedtx=1") != NULL);
        T_CHECK(strstr(answer, "abs-send-time") == NULL);
        T_CHECK(strstr(answer, "typ host tcptype passive\r\n") != NULL);
        T_CHECK(strstr(answer, "a=fingerprint:sha-256 01:FE:00") != NULL);
        T_CHECK(strstr(answer, "H264") == NULL);
        free(answer);
        sig_sdp_clear(&sdp);
        free(text);
    }
}

T_TEST(what_we_cannot_take_is_declined)
{
    struct sig_sdp sdp;
    struct sig_sdp_error error;
    bool accepted[3] = {true, false, false};
    char text[4096], *offer = fake_offer("a", "abcd"), *answer;
    snprintf(text, sizeof text,
             "%sm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:data\r\na=sctp-port:5000\r\n"
             "m=video 0 UDP/TLS/RTP/SAVPF 99\r\na=mid:7\r\n",
             offer);
    T_EQ(parse(&sdp, SIG_SDP_OFFER, text, &error), 0);
    struct sig_sdp_local local = local_end();
    T_EQ(sig_sdp_write_answer(&answer, &sdp, accepted, &local), 0);
    T_CHECK(strstr(answer, "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n") != NULL);
    T_CHECK(strstr(answer, "m=video 0 UDP/TLS/RTP/SAVPF 99\r\n") != NULL);
    T_CHECK(strstr(answer, "a=group:BUNDLE 0\r\n") != NULL);
    free(answer);
    accepted[1] = true;
    T_EQ(sig_sdp_write_answer(&answer, &sdp, accepted, &local), BASE_ERR_INVALID);
    T_CHECK(answer == NULL);
    sig_sdp_clear(&sdp);
    free(offer);
}

T_TEST(our_offer_round_trip)
{
    struct sig_sdp_down_media media[] = {
        {.kind = SFU_AUDIO, .active = true, .ssrc = 5, .participant_id = 3, .track_id = 4},
        {.kind = SFU_VIDEO, .dead = true},
        {.kind = SFU_VIDEO, .active = true, .ssrc = 6, .rtx_ssrc = 7, .participant_id = 3, .track_id = 9},
        {.kind = SFU_VIDEO}};
    struct sig_sdp_local local = local_end();
    struct sig_sdp sdp;
    struct sig_sdp_error error;
    char *offer;
    T_EQ(sig_sdp_write_offer(&offer, media, 4, &local), 0);
    T_CHECK(strstr(offer, "a=msid:p3 t9\r\n") != NULL);
    T_CHECK(strstr(offer, "m=video 0 ") != NULL);
    T_EQ(parse(&sdp, SIG_SDP_OFFER, offer, &error), 0); /* we can read what we write */
    T_STR_EQ(sdp.ufrag, local.ice.ufrag);
    T_EQ(sdp.media_count, 4);
    T_EQ(sdp.media[0].ssrc, 5);
    T_EQ(sdp.media[0].extensions.id_of[SFU_RTP_EXT_AUDIO_LEVEL], SFU_SEND_EXT_AUDIO_LEVEL);
    T_CHECK(sdp.media[1].rejected);
    T_EQ(sdp.media[2].rtx_ssrc, 7);
    T_EQ(sdp.media[2].rtx_payload_type, SFU_SEND_PT_RTX);
    T_EQ(sdp.media[3].direction, SIG_SDP_INACTIVE);
    T_EQ(sdp.media[3].ssrc, 0);
    sig_sdp_clear(&sdp);
    free(offer);
    T_EQ(sig_sdp_write_offer(&offer, media, 0, &local), BASE_ERR_INVALID);
    T_EQ(sig_sdp_write_offer(&offer, media, SFU_SUBSCRIPTIONS_MAX + 1, &local), BASE_ERR_INVALID);
}

T_TEST(the_largest_offer_can_be_written_and_its_answer_read)
{
    struct sig_sdp_down_media *media = calloc(SFU_SUBSCRIPTIONS_MAX, sizeof *media);
    struct sig_sdp_local local = local_end();
    struct sig_sdp sdp;
    struct sig_sdp_error error;
    char *offer;
    for (uint32_t i = 0; i < SFU_SUBSCRIPTIONS_MAX; i++)
        media[i] =
            (struct sig_sdp_down_media){SFU_VIDEO, SFU_VP8, false, true, 2 * i + 1, 2 * i + 2, UINT64_MAX, UINT64_MAX};
    T_EQ(sig_sdp_write_offer(&offer, media, SFU_SUBSCRIPTIONS_MAX, &local), 0);
    char *answer = fake_answer(offer, "abcd");
    T_EQ(parse(&sdp, SIG_SDP_ANSWER, answer, &error), 0);
    T_EQ(sdp.media_count, SFU_SUBSCRIPTIONS_MAX);
    sig_sdp_clear(&sdp);
    free(answer);
    free(offer);
    free(media);
}

/* Every prefix is parsed without a fault; none but the whole and those that end between lines can succeed. */
T_TEST(every_prefix)
{
    static const char *const names[] = {"chromium-offer4.sdp", "firefox-offer4.sdp"};
    for (size_t i = 0; i < 2; i++) {
        size_t len;
        char *text = fixture(names[i], &len);
        T_CHECK(text != NULL);
        for (size_t cut = 0; cut < len; cut++) {
            struct sig_sdp sdp;
            struct sig_sdp_error error;
            char *prefix = malloc(cut ? cut : 1); /* exact, so that the sanitizer sees reads past the end */
            memcpy(prefix, text, cut);
            int err = sig_sdp_parse(&sdp, SIG_SDP_OFFER, prefix, cut, &error);
            if (cut == 0 || prefix[cut - 1] != '\n')
                T_CHECK(err != 0);
            if (err) {
                T_CHECK(error.text[0] != '\0');
                T_CHECK(sdp.media == NULL);
            }
            sig_sdp_clear(&sdp);
            free(prefix);
        }
        free(text);
    }
}

/* `from` in a good offer replaced by `to` must give this message. */
static void expect_error(int *t_failed, const char *from, const char *to, const char *message)
{
    struct sig_sdp sdp;
    struct sig_sdp_error error;
    char *offer = fake_offer("av", "abcd"), text[8192];
    char *at = strstr(offer, from);
    T_CHECK(at != NULL);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - offer), offer, to, at + strlen(from));
    int err = parse(&sdp, SIG_SDP_OFFER, text, &error);
    sig_sdp_clear(&sdp);
    free(offer);
    T_CHECK(err != 0);
    T_STR_EQ(error.text, message);
}

T_TEST(errors_name_the_place)
{
    T_CALL(expect_error(t_failed, "v=0", "v=1", "does not start with v=0"));
    T_CALL(expect_error(t_failed, "a=ice-ufrag:abcd\r\n", "", "m-section 0: no ice-ufrag"));
    T_CALL(expect_error(t_failed, "a=ice-ufrag:abcd", "a=ice-ufrag:abc", "m-section 0: bad ice-ufrag"));
    T_CALL(expect_error(t_failed, "a=ice-ufrag:abcd", "a=ice-ufrag:ab-cd", "m-section 0: bad ice-ufrag"));
    T_CALL(expect_error(t_failed, "sha-256 01", "sha-256 0g", "m-section 0: bad fingerprint"));
    T_CALL(expect_error(t_failed, "sha-256", "sha-1", "m-section 0: no sha-256 fingerprint"));
    T_CALL(expect_error(t_failed, "actpass", "passive", "m-section 0: setup must be active or actpass"));
    T_CALL(expect_error(t_failed, "BUNDLE 0 1", "BUNDLE 0", "m-section 1: not in the BUNDLE group"));
    T_CALL(expect_error(t_failed, "a=rtcp-mux\r\n", "", "m-section 0: no rtcp-mux"));
    T_CALL(expect_error(t_failed, "a=mid:1", "a=mid:0", "m-section 1: mid is taken"));
    T_CALL(expect_error(t_failed, "a=mid:0", "a=mid:0123456789abcdef", "m-section 0: bad mid"));
    T_CALL(expect_error(t_failed, "SAVPF 109", "SAVPF 128", "m-section 0: bad payload type"));
    T_CALL(expect_error(t_failed, "SAVPF 109", "SAVPF", "m-section 0: no formats"));
    T_CALL(expect_error(t_failed, "apt=120", "apt=999", "m-section 1: bad apt"));
    T_CALL(expect_error(t_failed, "a=ssrc:1000", "a=ssrc:0", "m-section 0: bad ssrc"));
    T_CALL(expect_error(t_failed, "m=audio 9", "m=audio x", "m-section 0: bad port"));
    T_CALL(expect_error(t_failed, "s=-", "s=\x01", "control character"));
}

T_TEST(bounds)
{
    struct sig_sdp sdp;
    struct sig_sdp_error error;
    char media[SIG_SDP_OFFER_MEDIA_MAX + 2];
    memset(media, 'a', sizeof media);
    media[SIG_SDP_OFFER_MEDIA_MAX + 1] = '\0';
    char *offer = fake_offer(media, "abcd");
    T_EQ(parse(&sdp, SIG_SDP_OFFER, offer, &error), BASE_ERR_UNSUPPORTED);
    T_CHECK(strstr(error.text, "too many m-sections") != NULL);
    free(offer);
    media[SIG_SDP_OFFER_MEDIA_MAX] = '\0';
    offer = fake_offer(media, "abcd");
    T_EQ(parse(&sdp, SIG_SDP_OFFER, offer, &error), 0);
    sig_sdp_clear(&sdp);
    free(offer);
    size_t large = SIG_SDP_OFFER_MAX_BYTES + 1;
    char *text = malloc(large);
    memset(text, 'x', large);
    T_EQ(sig_sdp_parse(&sdp, SIG_SDP_OFFER, text, large, &error), BASE_ERR_UNSUPPORTED);
    const char *head = "v=0\r\na=group:BUNDLE"; /* many words to look through for each m-section */
    memcpy(text, head, strlen(head));
    for (size_t i = strlen(head); i < 8192; i++)
        text[i] = i % 2 ? ' ' : 'x';
    memcpy(text + 8190, "\r\n", 2);
    T_EQ(sig_sdp_parse(&sdp, SIG_SDP_OFFER, text, 8192, &error), BASE_ERR_UNSUPPORTED);
    T_STR_EQ(error.text, "BUNDLE group too long");
    free(text);
}

T_MAIN(T_CASE(chromium_offer), T_CASE(firefox_offer), T_CASE(browsers_answers), T_CASE(answers_to_browsers),
       T_CASE(what_we_cannot_take_is_declined), T_CASE(our_offer_round_trip),
       T_CASE(the_largest_offer_can_be_written_and_its_answer_read), T_CASE(every_prefix),
       T_CASE(errors_name_the_place), T_CASE(bounds))
