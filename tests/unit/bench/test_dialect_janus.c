/* SPDX-License-Identifier: Apache-2.0 */
/* A conversation with Janus' VideoRoom, played from a script: what our side says, and when. */
#include <stdarg.h>
#include <stdlib.h>

#include "base/clock.h"
#include "bench/client/participant.h"
#include "tests/support/test.h"

#define SAID_MAX 64

struct stage {
    struct sfu_dtls_identity *identity;
    struct bench_participant *who;
    json_t *said[SAID_MAX];
    unsigned said_count, looked_at;
    unsigned candidates[2];
    unsigned begun, ended; /* streams */
    uint64_t now_us;
};

static void on_send_text(void *user, const char *text)
{
    struct stage *stage = user;
    if (stage->said_count < SAID_MAX)
        stage->said[stage->said_count++] = json_loads(text, 0, NULL);
}

static void on_send_datagram(void *user, enum bench_pc pc, const struct sfu_path *path, const uint8_t *data, size_t len)
{
    (void)user;
    (void)pc;
    (void)path;
    (void)data;
    (void)len;
}

static void on_candidates(void *user, enum bench_pc pc, const struct bench_sdp *sdp)
{
    ((struct stage *)user)->candidates[pc] += sdp->candidate_count;
}

static void on_sub(void *user, const struct bench_sub *sub, bool ends)
{
    struct stage *stage = user;
    if (sub->stream == NULL)
        abort();
    if (ends)
        stage->ended++;
    else
        stage->begun++;
}

static void begin(int *t_failed, struct stage *stage, bool publishes)
{
    memset(stage, 0, sizeof *stage);
    stage->now_us = 1000000;
    T_EQ(sfu_dtls_identity_create(&stage->identity), 0);
    const struct bench_participant_config config = {.dialect = &bench_dialect_janus,
                                                    .room = "bench-1",
                                                    .identity = stage->identity,
                                                    .number = 7,
                                                    .seed = 1,
                                                    .sources = {publishes, publishes, false},
                                                    .send_text = on_send_text,
                                                    .send_datagram = on_send_datagram,
                                                    .on_candidates = on_candidates,
                                                    .on_sub = on_sub,
                                                    .user = stage};
    T_EQ(bench_participant_create(&stage->who, &config, stage->now_us), 0);
}

static void end(struct stage *stage)
{
    bench_participant_destroy(stage->who);
    sfu_dtls_identity_destroy(stage->identity);
    for (unsigned i = 0; i < stage->said_count; i++)
        json_decref(stage->said[i]);
}

/* Takes the reference. */
static void hear(struct stage *stage, json_t *message)
{
    char *text = json_dumps(message, JSON_COMPACT);
    json_decref(message);
    bench_participant_on_text(stage->who, stage->now_us, text, strlen(text));
    free(text);
}

/* The next thing said, keepalives and trickles aside; NULL: nothing more. */
static const json_t *next(struct stage *stage)
{
    while (stage->looked_at < stage->said_count) {
        const json_t *message = stage->said[stage->looked_at++];
        if (strcmp(json_string_value(json_object_get(message, "janus")), "trickle") != 0)
            return message;
    }
    return NULL;
}

static const char *text_at(const json_t *message, const char *key, const char *sub)
{
    const json_t *at = json_object_get(message, key);
    const char *text = json_string_value(sub != NULL ? json_object_get(at, sub) : at);
    return text != NULL ? text : "";
}

static json_t *success(const json_t *question, json_int_t id)
{
    return json_pack("{s:s,s:s,s:{s:I}}", "janus", "success", "transaction", text_at(question, "transaction", NULL),
                     "data", "id", id);
}

/* An event of a handle; takes the reference of data. */
static json_t *event(json_int_t sender, json_t *data, const char *type, const char *sdp)
{
    json_t *message = json_pack("{s:s,s:I,s:{s:o}}", "janus", "event", "sender", sender, "plugindata", "data", data);
    if (sdp != NULL)
        json_object_set_new(message, "jsep", json_pack("{s:s,s:s}", "type", type, "sdp", sdp));
    return message;
}

/* m-sections after their kinds, one letter each: a, v; upper case: inactive. */
static const char *sdp_of(const char *kinds, const char *direction, const char *setup)
{
    static char out[8192];
    size_t used = (size_t)snprintf(
        out, sizeof out,
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"
        "a=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:"
        "1C:1D:1E:1F\r\n");
    for (unsigned i = 0; kinds[i] != 0; i++) {
        bool video = kinds[i] == 'v' || kinds[i] == 'V', inactive = kinds[i] < 'a';
        used += (size_t)snprintf(
            out + used, sizeof out - used,
            "m=%s 9 UDP/TLS/RTP/SAVPF "
            "%u\r\na=%s\r\na=mid:%u\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n"
            "a=setup:%s\r\na=rtpmap:%u %s\r\na=candidate:1 1 udp 2015363327 192.0.2.1 40000 typ host\r\n",
            video ? "video" : "audio", video ? 100u : 109u, inactive ? "inactive" : direction, i, setup,
            video ? 100u : 109u, video ? "VP8/90000" : "opus/48000/2");
        if (!inactive && strcmp(direction, "sendonly") == 0)
            used += (size_t)snprintf(out + used, sizeof out - used, "a=ssrc:%u cname:janus\r\n", 1000 + i);
    }
    return out;
}

static json_t *publisher(unsigned number)
{
    char id[24], name[24];
    snprintf(id, sizeof id, "feed-%u", number);
    snprintf(name, sizeof name, "bench %u", number);
    return json_pack("{s:s,s:s,s:[{s:s,s:s},{s:s,s:s}]}", "id", id, "display", name, "streams", "type", "audio", "mid",
                     "0", "type", "video", "mid", "1");
}

/* Two m-sections for each feed listed; 0: their place is empty. */
static json_t *streams_of(const unsigned *numbers, unsigned count)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < 2 * count; i++) {
        char mid[8], id[24], name[24];
        snprintf(mid, sizeof mid, "%u", i);
        snprintf(id, sizeof id, "feed-%u", numbers[i / 2]);
        snprintf(name, sizeof name, "bench %u", numbers[i / 2]);
        json_t *stream = json_pack("{s:s,s:b}", "mid", mid, "active", numbers[i / 2] != 0);
        if (numbers[i / 2] != 0) {
            json_object_set_new(stream, "feed_id", json_string(id));
            json_object_set_new(stream, "feed_display", json_string(name));
            json_object_set_new(stream, "feed_mid", json_string(i % 2 == 0 ? "0" : "1"));
        }
        json_array_append_new(list, stream);
    }
    return list;
}

/* Up to `joined`, whose publishers are given (the reference is taken). */
static void enter(int *t_failed, struct stage *stage, json_t *publishers)
{
    bench_participant_on_open(stage->who, stage->now_us, NULL);
    const json_t *said = next(stage);
    T_STR_EQ(text_at(said, "janus", NULL), "create");
    hear(stage, success(said, 11));
    said = next(stage);
    T_STR_EQ(text_at(said, "plugin", NULL), "janus.plugin.videoroom");
    T_EQ(json_integer_value(json_object_get(said, "session_id")), 11);
    hear(stage, success(said, 21));
    said = next(stage);
    T_STR_EQ(text_at(said, "body", "room"), "bench-1");
    T_STR_EQ(text_at(said, "body", "display"), "bench 7");
    T_EQ(stage->who->state, BENCH_ENTERING);
    bool offers = json_object_get(said, "jsep") != NULL;
    T_STR_EQ(text_at(said, "body", "request"), offers ? "joinandconfigure" : "join");
    json_t *joined = json_pack("{s:s,s:s,s:I,s:o}", "videoroom", "joined", "id", text_at(said, "body", "id"),
                               "private_id", (json_int_t)5, "publishers", publishers);
    hear(stage, event(21, joined, "answer", offers ? sdp_of("av", "recvonly", "active") : NULL));
    T_EQ(stage->who->state, BENCH_INSIDE);
}

T_TEST(joins_with_an_offer_and_takes_the_answer)
{
    struct stage stage;
    T_CALL(begin(t_failed, &stage, true));
    T_CALL(enter(t_failed, &stage, json_array()));
    T_EQ(stage.candidates[BENCH_PUBLISH], 1); /* named in each m-section, known once */
    T_STR_EQ(text_at(stage.said[3], "janus", NULL), "trickle");
    T_CHECK(next(&stage) == NULL); /* nobody to subscribe to */
    T_EQ(stage.who->problems, 0);
    T_STR_EQ(stage.who->track_ids[BENCH_CAMERA], "camera");
    /* a sign of life */
    stage.now_us += bench_dialect_janus.ping_us;
    bench_participant_poll(stage.who, stage.now_us);
    T_STR_EQ(text_at(next(&stage), "janus", NULL), "keepalive");
    /* muting names the m-section */
    T_CHECK(bench_participant_mute(stage.who, BENCH_CAMERA, true) != 0);
    const json_t *stream = json_array_get(json_object_get(json_object_get(next(&stage), "body"), "streams"), 0);
    T_STR_EQ(text_at(stream, "mid", NULL), "1");
    T_CHECK(json_is_false(json_object_get(stream, "send")));
    T_EQ(bench_participant_chat(stage.who, "nobody"), 0);
    end(&stage);
}

/* The subscriber's handle is there and has asked for feed 1. */
static void subscribe(int *t_failed, struct stage *stage)
{
    T_CALL(enter(t_failed, stage, json_pack("[o]", publisher(1))));
    const json_t *said = next(stage);
    T_STR_EQ(text_at(said, "janus", NULL), "attach");
    hear(stage, success(said, 22));
    said = next(stage);
    T_STR_EQ(text_at(said, "body", "ptype"), "subscriber");
    T_EQ(json_integer_value(json_object_get(said, "handle_id")), 22);
    T_EQ(json_array_size(json_object_get(json_object_get(said, "body"), "streams")), 2);
    static const unsigned feeds[] = {1};
    hear(stage, event(22, json_pack("{s:s,s:o}", "videoroom", "attached", "streams", streams_of(feeds, 1)), "offer",
                      sdp_of("av", "sendonly", "actpass")));
    said = next(stage);
    T_STR_EQ(text_at(said, "body", "request"), "start");
    T_STR_EQ(text_at(said, "jsep", "type"), "answer");
    T_EQ(stage->who->sub_count, 2);
    T_CHECK(bench_participant_sub_of(stage->who, 1, BENCH_CAMERA) != NULL);
    T_EQ(bench_participant_sub_of(stage->who, 1, BENCH_CAMERA)->ssrc, 1001);
    T_CHECK(bench_participant_sub_of(stage->who, 2, BENCH_CAMERA) == NULL);
    T_EQ(stage->candidates[BENCH_SUBSCRIBE], 1);
}

static json_t *started(void)
{
    return event(22, json_pack("{s:s,s:s}", "videoroom", "event", "started", "ok"), NULL, NULL);
}

static json_t *publishers(unsigned number)
{
    return event(21, json_pack("{s:s,s:[o]}", "videoroom", "event", "publishers", publisher(number)), NULL, NULL);
}

T_TEST(one_change_of_the_subscription_at_a_time)
{
    struct stage stage;
    T_CALL(begin(t_failed, &stage, false));
    T_CALL(subscribe(t_failed, &stage));
    hear(&stage, publishers(2)); /* before `started`: it waits */
    hear(&stage, publishers(3));
    T_CHECK(next(&stage) == NULL);
    hear(&stage, started());
    const json_t *said = next(&stage);
    T_STR_EQ(text_at(said, "body", "request"), "update");
    T_EQ(json_array_size(json_object_get(json_object_get(said, "body"), "subscribe")), 4);
    T_CHECK(json_object_get(json_object_get(said, "body"), "unsubscribe") == NULL);
    hear(&stage, publishers(4)); /* asked, not offered yet */
    T_CHECK(next(&stage) == NULL);
    static const unsigned feeds[] = {1, 2, 3};
    hear(&stage, event(22, json_pack("{s:s,s:o}", "videoroom", "updated", "streams", streams_of(feeds, 3)), "offer",
                       sdp_of("avavav", "sendonly", "actpass")));
    T_STR_EQ(text_at(next(&stage), "body", "request"), "start");
    T_EQ(stage.who->sub_count, 6);
    T_EQ(stage.begun, 6); /* the first two go on as they were */
    T_EQ(stage.ended, 0);
    hear(&stage, started());
    T_STR_EQ(text_at(next(&stage), "body", "request"), "update");
    T_EQ(stage.who->problems, 0);
    end(&stage);
}

T_TEST(who_leaves_is_unsubscribed_from_and_their_place_reused)
{
    struct stage stage;
    T_CALL(begin(t_failed, &stage, false));
    T_CALL(subscribe(t_failed, &stage));
    hear(&stage, started());
    hear(&stage, event(21, json_pack("{s:s,s:s}", "videoroom", "event", "unpublished", "feed-1"), NULL, NULL));
    hear(&stage, event(21, json_pack("{s:s,s:s}", "videoroom", "event", "leaving", "feed-1"), NULL, NULL));
    T_EQ(stage.who->other_count, 0);
    const json_t *said = next(&stage), *gone = json_object_get(json_object_get(said, "body"), "unsubscribe");
    T_EQ(json_array_size(gone), 1);
    T_STR_EQ(text_at(json_array_get(gone, 0), "feed", NULL), "feed-1");
    static const unsigned nobody[] = {0}, feeds[] = {9};
    hear(&stage, event(22, json_pack("{s:s,s:o}", "videoroom", "updated", "streams", streams_of(nobody, 1)), "offer",
                       sdp_of("AV", "sendonly", "actpass")));
    T_STR_EQ(text_at(next(&stage), "body", "request"), "start");
    T_EQ(stage.who->sub_count, 0);
    T_EQ(stage.ended, 2);
    hear(&stage, started());
    hear(&stage, publishers(9));
    T_STR_EQ(text_at(next(&stage), "body", "request"), "update");
    hear(&stage, event(22, json_pack("{s:s,s:o}", "videoroom", "updated", "streams", streams_of(feeds, 1)), "offer",
                       sdp_of("av", "sendonly", "actpass")));
    T_CHECK(bench_participant_sub_of(stage.who, 9, BENCH_MIC) != NULL);
    T_EQ(stage.begun, 4);
    T_EQ(stage.who->problems, 0);
    end(&stage);
}

T_TEST(a_feed_that_left_meanwhile_is_no_error)
{
    struct stage stage;
    T_CALL(begin(t_failed, &stage, false));
    T_CALL(subscribe(t_failed, &stage));
    hear(&stage, started());
    hear(&stage, publishers(2));
    T_STR_EQ(text_at(next(&stage), "body", "request"), "update");
    hear(&stage, publishers(3));
    hear(&stage, event(21, json_pack("{s:s,s:s}", "videoroom", "event", "unpublished", "feed-2"), NULL, NULL));
    hear(&stage,
         event(22, json_pack("{s:s,s:i,s:s}", "videoroom", "event", "error_code", 428, "error", "gone"), NULL, NULL));
    const json_t *said = next(&stage), *more = json_object_get(json_object_get(said, "body"), "subscribe");
    T_EQ(json_array_size(more), 2);
    T_STR_EQ(text_at(json_array_get(more, 0), "feed", NULL), "feed-3");
    T_EQ(stage.who->errors, 0);
    end(&stage);
}

T_TEST(a_refusal_and_nonsense_are_seen)
{
    struct stage stage;
    T_CALL(begin(t_failed, &stage, false));
    bench_participant_on_open(stage.who, stage.now_us, NULL);
    hear(&stage, success(next(&stage), 11));
    hear(&stage, success(next(&stage), 21));
    hear(&stage, event(21, json_pack("{s:s,s:i,s:s}", "videoroom", "event", "error_code", 426, "error", "No such room"),
                       NULL, NULL));
    T_EQ(stage.who->state, BENCH_REFUSED);
    T_STR_EQ(stage.who->code, "No such room");
    T_EQ(stage.who->problems, 0);
    hear(&stage, json_pack("{s:s}", "janus", "surprise"));
    hear(&stage, json_pack("{s:s}", "type", "welcome"));
    hear(&stage, event(99, json_object(), NULL, NULL));
    T_EQ(stage.who->problems, 3);
    bench_participant_on_text(stage.who, stage.now_us, "{", 1);
    T_EQ(stage.who->problems, 4);
    end(&stage);
}

T_TEST(a_screen_is_another_offer)
{
    struct stage stage;
    T_CALL(begin(t_failed, &stage, true));
    T_CALL(enter(t_failed, &stage, json_array()));
    T_EQ(bench_participant_share(stage.who, true, stage.now_us), 0);
    const json_t *said = next(&stage);
    T_STR_EQ(text_at(said, "body", "request"), "configure");
    static struct bench_sdp offer;
    T_EQ(bench_sdp_read(text_at(said, "jsep", "sdp"), &offer), 0);
    T_EQ(offer.media_count, 3);
    T_EQ(offer.media[2].direction, BENCH_SDP_SENDONLY);
    T_EQ(bench_participant_share(stage.who, false, stage.now_us), 0);
    T_EQ(bench_sdp_read(text_at(next(&stage), "jsep", "sdp"), &offer), 0);
    T_EQ(offer.media_count, 3);
    T_EQ(offer.media[2].direction, BENCH_SDP_INACTIVE);
    T_CHECK(stage.who->sends[BENCH_SCREEN][0] != NULL); /* its counters are still there */
    /* goodbye */
    bench_participant_leave(stage.who);
    T_STR_EQ(text_at(next(&stage), "body", "request"), "leave");
    said = next(&stage);
    T_STR_EQ(text_at(said, "janus", NULL), "destroy");
    hear(&stage, json_pack("{s:s,s:s}", "janus", "success", "transaction", text_at(said, "transaction", NULL)));
    T_EQ(stage.who->state, BENCH_CLOSED);
    end(&stage);
}

T_MAIN(T_CASE(joins_with_an_offer_and_takes_the_answer), T_CASE(one_change_of_the_subscription_at_a_time),
       T_CASE(who_leaves_is_unsubscribed_from_and_their_place_reused), T_CASE(a_feed_that_left_meanwhile_is_no_error),
       T_CASE(a_refusal_and_nonsense_are_seen), T_CASE(a_screen_is_another_offer))
