/* SPDX-License-Identifier: Apache-2.0 */
/* The client's SDP, both ways, and the histogram that its delays go into. */
#include <stdlib.h>

#include "base/err.h"
#include "bench/client/histogram.h"
#include "bench/client/sdp.h"
#include "tests/support/test.h"

static const char answer[] =
    "v=0\r\no=consilium 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=ice-lite\r\na=group:BUNDLE 0 1\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 "
    "0.0.0.0\r\na=ice-ufrag:abcdefgh\r\na=ice-pwd:0123456789012345678901\r\n"
    "a=fingerprint:sha-256 "
    "00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:"
    "FF\r\na=setup:passive\r\na=mid:0\r\na=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=recvonly\r\na=rtcp-mux\r\n"
    "a=rtpmap:111 opus/48000/2\r\na=candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host\r\n"
    "a=candidate:2 1 tcp 1000 2001:db8::1 5001 typ host tcptype passive\r\n"
    "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\na=mid:1\r\na=sendonly\r\na=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\n"
    "a=rtcp-fb:96 nack pli\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=ssrc-group:FID 4000000001 2\r\n"
    "a=ssrc:4000000001 cname:p7\r\nm=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:2\r\na=inactive\r\n";

T_TEST(reads_a_server)
{
    static struct bench_sdp sdp;
    T_EQ(bench_sdp_read(answer, &sdp), 0);
    T_STR_EQ(sdp.ice.ufrag, "abcdefgh");
    T_EQ(sdp.fingerprint[10], 10);
    T_EQ(sdp.fingerprint[31], 255);
    T_CHECK(sdp.ice_lite);
    T_EQ(sdp.candidate_count, 2);
    T_STR_EQ(sdp.candidates[1].address, "2001:db8::1");
    T_CHECK(sdp.candidates[1].tcp && !sdp.candidates[0].tcp);
    T_EQ(sdp.candidates[0].priority, 2130706431);
    T_EQ(sdp.media_count, 3);
    T_EQ(sdp.media[0].direction, BENCH_SDP_RECVONLY);
    T_EQ(sdp.media[0].extensions.id_of[SFU_RTP_EXT_MID], 4);
    struct bench_sdp_media *video = bench_sdp_by_mid(&sdp, "1");
    T_CHECK(video != NULL && video->video && video->nack && video->pli && !video->transport_cc);
    T_EQ(video->ssrc, 4000000001);
    T_EQ(video->rtx_ssrc, 2);
    T_EQ(video->rtx_payload_type, 97);
    T_CHECK(sdp.media[2].rejected);
}

T_TEST(what_it_writes_it_can_read)
{
    static struct bench_sdp sdp, again;
    static char text[8192];
    T_EQ(bench_sdp_read(answer, &sdp), 0);
    T_CHECK(bench_sdp_write(text, sizeof text, &sdp, BENCH_SDP_OFFER, 1) > 0);
    T_EQ(bench_sdp_read(text, &again), 0);
    T_EQ(again.media_count, 3);
    T_STR_EQ(again.setup, "actpass");
    T_EQ(again.media[1].ssrc, sdp.media[1].ssrc);
    T_EQ(again.media[1].rtx_ssrc, sdp.media[1].rtx_ssrc);
    T_CHECK(memcmp(again.fingerprint, sdp.fingerprint, 32) == 0);
    T_CHECK(again.media[2].rejected);
    T_EQ(bench_sdp_write(text, 300, &sdp, BENCH_SDP_OFFER, 1), 0); /* no room: nothing */
}

T_TEST(refuses_what_is_none)
{
    static struct bench_sdp sdp;
    T_EQ(bench_sdp_read("", &sdp), BASE_ERR_MALFORMED);
    T_EQ(bench_sdp_read("v=0\r\nm=video\r\n", &sdp), BASE_ERR_MALFORMED);
    T_EQ(bench_sdp_read("v=0\r\na=candidate:x\r\n", &sdp), BASE_ERR_MALFORMED);
}

static const char large[] = "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 "
                            "00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:"
                            "1E:FF\r\n";

T_TEST(simulcast_and_vp9_there_and_back)
{
    static struct bench_sdp sdp, again;
    static char text[8192];
    T_EQ(bench_sdp_read(answer, &sdp), 0);
    sdp.media_count = 2;
    struct bench_sdp_media *video = &sdp.media[1];
    video->codec = BENCH_VP9;
    video->rid_count = 3;
    strcpy(video->rids[0], "q");
    strcpy(video->rids[1], "h");
    strcpy(video->rids[2], "f");
    T_CHECK(bench_sdp_write(text, sizeof text, &sdp, BENCH_SDP_OFFER, 1) > 0);
    T_CHECK(strstr(text, "a=simulcast:send q;h;f\r\n") != NULL);
    T_CHECK(strstr(text, "a=rid:q send\r\n") != NULL && strstr(text, "a=rid:f send\r\n") != NULL);
    T_CHECK(strstr(text, "a=fmtp:96 profile-id=0\r\n") != NULL);
    T_CHECK(strstr(text, "ssrc") == NULL); /* layers are told apart by their rids alone */
    T_EQ(bench_sdp_read(text, &again), 0);
    T_EQ(again.media[1].codec, BENCH_VP9);
    T_EQ(again.media[1].payload_type, 96);
    T_EQ(again.media[1].rtx_payload_type, 97);
    T_EQ(again.media[1].rid_count, 3);
    T_STR_EQ(again.media[1].rids[2], "f");
    T_EQ(again.media[0].codec, BENCH_OPUS);
}

T_TEST(an_answer_may_take_some_layers)
{
    static struct bench_sdp sdp;
    static char text[1024];
    snprintf(text, sizeof text,
             "%sm=video 9 UDP/TLS/RTP/SAVPF 98 96 97\r\na=mid:1\r\na=rtpmap:98 H264/90000\r\na=rtpmap:96 VP8/90000\r\n"
             "a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=rtpmap:99 rtx/90000\r\na=fmtp:99 apt=98\r\n"
             "a=rid:q recv\r\na=rid:h recv\r\na=simulcast:recv q,x;~h\r\n",
             large);
    T_EQ(bench_sdp_read(text, &sdp), 0);
    T_EQ(sdp.media[0].codec, BENCH_VP8);
    T_EQ(sdp.media[0].payload_type, 96);
    T_EQ(sdp.media[0].rtx_payload_type, 97); /* not that of H.264 */
    T_EQ(sdp.media[0].rid_count, 2);
    T_STR_EQ(sdp.media[0].rids[0], "q");
    T_STR_EQ(sdp.media[0].rids[1], "h");
}

T_TEST(a_large_room_fits)
{
    static struct bench_sdp sdp;
    static char text[65536], again[BENCH_SDP_TEXT_MAX];
    size_t used = (size_t)snprintf(text, sizeof text, "%sa=group:BUNDLE", large);
    for (int i = 0; i < BENCH_SDP_MEDIA_MAX; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, " %d", i);
    for (int i = 0; i < BENCH_SDP_MEDIA_MAX; i++)
        used += (size_t)snprintf(text + used, sizeof text - used,
                                 "\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:%d\r\na=rtpmap:111 opus/48000/2", i);
    T_EQ(bench_sdp_read(text, &sdp), 0);
    T_EQ(sdp.media_count, BENCH_SDP_MEDIA_MAX);
    T_CHECK(bench_sdp_by_mid(&sdp, "511") == &sdp.media[511]);
    T_CHECK(bench_sdp_by_mid(&sdp, "512") == NULL && bench_sdp_by_mid(&sdp, "x") == NULL);
    T_CHECK(bench_sdp_write(again, sizeof again, &sdp, BENCH_SDP_ANSWER, 1) > 0);
    snprintf(text + used, sizeof text - used, "\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n");
    T_EQ(bench_sdp_read(text, &sdp), BASE_ERR_FULL);
}

T_TEST(reduced_size_is_answered_only_if_offered)
{
    static struct bench_sdp sdp;
    static char text[8192];
    T_EQ(bench_sdp_read(answer, &sdp), 0);
    T_CHECK(!sdp.reduced_size);
    T_CHECK(bench_sdp_write(text, sizeof text, &sdp, BENCH_SDP_ANSWER, 1) > 0);
    T_CHECK(strstr(text, "rtcp-rsize") == NULL);
    sdp.reduced_size = true;
    T_CHECK(bench_sdp_write(text, sizeof text, &sdp, BENCH_SDP_ANSWER, 1) > 0);
    T_CHECK(strstr(text, "a=rtcp-rsize\r\n") != NULL);
}

T_TEST(quantiles_within_3_percent)
{
    static struct bench_histogram histogram, before;
    for (uint64_t i = 1; i <= 100000; i++)
        bench_histogram_add(&histogram, i);
    uint64_t half = bench_histogram_quantile(&histogram, 0.5), high = bench_histogram_quantile(&histogram, 0.99);
    T_CHECK(half > 48000 && half <= 51000);
    T_CHECK(high > 95500 && high <= 100000);
    T_EQ(bench_histogram_quantile(&histogram, 0), 1);
    before = histogram;
    bench_histogram_add(&histogram, UINT64_MAX); /* ends in the last bucket */
    bench_histogram_subtract(&histogram, &before);
    T_EQ(histogram.count, 1);
}

T_MAIN(T_CASE(reads_a_server), T_CASE(what_it_writes_it_can_read), T_CASE(refuses_what_is_none),
       T_CASE(simulcast_and_vp9_there_and_back), T_CASE(an_answer_may_take_some_layers), T_CASE(a_large_room_fits),
       T_CASE(reduced_size_is_answered_only_if_offered), T_CASE(quantiles_within_3_percent))
