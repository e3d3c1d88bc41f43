/* SPDX-License-Identifier: Apache-2.0 */
#include "signaling/hub.h"

#include <stdlib.h>

#include "base/err.h"
#include "tests/support/fake_visio.h"
#include "tests/support/test.h"

static struct fake_visio fake;

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static long long number_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static uint64_t id_of(const char *text)
{
    return text ? strtoull(text + 1, NULL, 10) : 0;
}

/* Publishes m-sections of `media` with these sources. */
static void publish(size_t socket, const char *media, const char *const *sources, const char *ufrag)
{
    char *sdp = fake_offer(media, ufrag);
    json_t *tracks = json_array();
    for (size_t i = 0; sources[i]; i++) {
        char mid[24];
        snprintf(mid, sizeof mid, "%zu", i);
        json_array_append_new(tracks, json_pack("{s:s, s:s, s:b}", "mid", mid, "source", sources[i], "muted", 0));
    }
    fake_json(&fake, socket,
              json_pack("{s:s, s:i, s:s, s:o}", "type", "publish", "id", 2, "sdp", sdp, "tracks", tracks));
    free(sdp);
}

/* Answers the newest `subscribe` of the socket; returns its rev, 0 if there is none. */
static long long answer(size_t socket, const char *ufrag)
{
    const json_t *subscribe = fake_expect(&fake, socket, "subscribe");
    if (!subscribe)
        return 0;
    char *sdp = fake_answer(text_of(subscribe, "sdp"), ufrag);
    long long rev = number_of(subscribe, "rev");
    fake_json(&fake, socket, json_pack("{s:s, s:I, s:s}", "type", "subscribed", "rev", (json_int_t)rev, "sdp", sdp));
    free(sdp);
    return rev;
}

static const char *const MIC_CAMERA[] = {"mic", "camera", NULL};
static const char *const MIC[] = {"mic", NULL};
static const char *const MIC_SCREEN[] = {"mic", "screen", NULL};

T_TEST(two_people_meet)
{
    fake_start(&fake);
    size_t a = fake_join(&fake, 1);
    const json_t *welcome = fake_expect(&fake, a, "welcome");
    T_CHECK(welcome != NULL);
    T_EQ(number_of(welcome, "re"), 1);
    T_EQ(json_array_size(json_object_get(welcome, "participants")), 0);
    T_EQ(json_array_size(json_object_get(welcome, "rights")), 5);
    T_CHECK(json_is_null(json_object_get(json_object_get(welcome, "room"), "opens_at")));
    const char *pa = text_of(welcome, "participant");
    publish(a, "av", MIC_CAMERA, "aaaa");
    const json_t *published = fake_expect(&fake, a, "published");
    T_CHECK(published != NULL);
    T_EQ(number_of(published, "re"), 2);
    T_EQ(json_array_size(json_object_get(published, "tracks")), 2);
    T_CHECK(strstr(text_of(published, "sdp"), "a=recvonly") != NULL);
    T_EQ(fake_participant(&fake, id_of(pa))->up[1].rtx_payload_type, 121);
    T_EQ(fake_participant(&fake, id_of(pa))->transports[SFU_PUBLISH], 1);

    size_t b = fake_join(&fake, 2);
    const json_t *joined = fake_expect(&fake, a, "participant_joined");
    T_CHECK(joined != NULL);
    T_STR_EQ(text_of(json_object_get(joined, "participant"), "name"), "Person 2");
    welcome = fake_expect(&fake, b, "welcome");
    const json_t *others = json_object_get(welcome, "participants");
    T_EQ(json_array_size(others), 1);
    T_STR_EQ(text_of(json_array_get(others, 0), "participant"), pa);
    T_EQ(json_array_size(json_object_get(json_array_get(others, 0), "tracks")), 2);
    struct fake_participant *pb = fake_participant(&fake, id_of(text_of(welcome, "participant")));
    T_EQ(pb->down_count, 0); /* nothing before `subscribed` */
    T_EQ(answer(b, "bbbb"), 1);
    T_EQ(pb->down_count, 2);
    T_EQ(pb->transports[SFU_SUBSCRIBE], 1);
    T_STR_EQ(pb->transport[SFU_SUBSCRIBE].remote_ufrag, "bbbb");
    T_CHECK(pb->down[1].rtx_ssrc != 0 || pb->down[0].rtx_ssrc != 0);

    fake_json(&fake, b, json_pack("{s:s}", "type", "leave"));
    T_EQ(fake.sockets[b].closed, SIG_CLOSE_ON_PURPOSE);
    T_STR_EQ(text_of(fake_expect(&fake, b, "closing"), "reason"), "left");
    T_STR_EQ(text_of(fake_expect(&fake, a, "participant_left"), "reason"), "left");
    fake_stop(&fake);
}

T_TEST(changes_during_an_offer_wait_for_the_next)
{
    fake_start(&fake);
    size_t a = fake_join(&fake, 1), b = fake_join(&fake, 2), c = fake_join(&fake, 3);
    publish(a, "av", MIC_CAMERA, "aaaa");
    T_EQ(fake_count(&fake, b, "subscribe"), 1);
    publish(c, "a", MIC, "cccc"); /* b has not answered yet */
    T_EQ(fake_count(&fake, b, "subscribe"), 1);
    T_EQ(answer(b, "bbbb"), 1);
    T_EQ(fake.participants[1].down_count, 2);
    T_EQ(fake_count(&fake, b, "subscribe"), 2);
    T_EQ(answer(b, "bbbb"), 2);
    const json_t *welcome = fake_expect(&fake, b, "welcome");
    T_CHECK(welcome == NULL);
    struct fake_participant *pb = &fake.participants[1];
    T_EQ(pb->down_count, 3);
    T_EQ(pb->transports[SFU_SUBSCRIBE], 1); /* same credentials: no new transport */

    /* c goes: its m-section becomes inactive, and is reused for a later one of the same kind only after the answer */
    fake_json(&fake, c, json_pack("{s:s}", "type", "leave"));
    T_EQ(answer(b, "bbbb"), 3);
    T_EQ(fake_participant(&fake, 2)->down_count, 2);
    size_t d = fake_join(&fake, 4);
    publish(d, "a", MIC, "dddd");
    const json_t *subscribe = fake.sockets[b].messages[fake.sockets[b].message_count - 1];
    T_STR_EQ(text_of(subscribe, "type"), "subscribe");
    T_CHECK(strstr(text_of(subscribe, "sdp"), "a=mid:3") == NULL);
    T_EQ(answer(b, "bbbb"), 4);
    T_EQ(fake_participant(&fake, 2)->down_count, 3);
    fake_stop(&fake);
}

T_TEST(an_answer_with_another_rev_is_ignored)
{
    fake_start(&fake);
    size_t a = fake_join(&fake, 1), b = fake_join(&fake, 2);
    publish(a, "a", MIC, "aaaa");
    fake_json(&fake, b, json_pack("{s:s, s:i, s:s}", "type", "subscribed", "rev", 7, "sdp", "nonsense"));
    T_EQ(fake_count(&fake, b, "error"), 0);
    fake_json(&fake, b, json_pack("{s:s, s:i, s:s}", "type", "subscribed", "rev", 1, "sdp", "nonsense"));
    T_STR_EQ(text_of(fake_expect(&fake, b, "error"), "code"), "sdp_invalid");
    T_EQ(fake.commands[SFU_COMMAND_SUBSCRIBE], 0);
    fake_stop(&fake);
}

T_TEST(no_answer_within_15_s_ends_the_session)
{
    fake_start(&fake);
    size_t a = fake_join(&fake, 1), b = fake_join(&fake, 2);
    publish(a, "a", MIC, "aaaa");
    for (int s = 0; s < 14; s++) {
        fake_text(&fake, a, "{\"type\":\"ping\"}");
        fake_text(&fake, b, "{\"type\":\"ping\"}");
        fake_advance(&fake, 1000000);
    }
    T_EQ(fake.sockets[b].closed, 0);
    fake_advance(&fake, 1000000);
    T_STR_EQ(text_of(fake_expect(&fake, b, "error"), "code"), "negotiation_failed");
    T_EQ(fake.sockets[b].closed, SIG_CLOSE_PROTOCOL_ERROR);
    T_STR_EQ(text_of(fake_expect(&fake, a, "participant_left"), "reason"), "timeout");
    fake_stop(&fake);
}

T_TEST(a_dropped_socket_resumes_once)
{
    fake_start(&fake);
    size_t a = fake_join(&fake, 1), b = fake_join(&fake, 2);
    const json_t *welcome = fake_expect(&fake, b, "welcome");
    const char *token = text_of(welcome, "resume"), *participant = text_of(welcome, "participant");
    fake_drop(&fake, b);
    publish(a, "a", MIC, "aaaa"); /* happens meanwhile */
    fake_text(&fake, a, "{\"type\":\"ping\"}");
    fake_advance(&fake, 15000000);
    fake_text(&fake, a, "{\"type\":\"ping\"}");
    fake_advance(&fake, 14000000);
    size_t c = fake_open(&fake);
    fake_json(&fake, c, json_pack("{s:s, s:i, s:i, s:s}", "type", "resume", "id", 9, "version", 1, "token", token));
    const json_t *again = fake_expect(&fake, c, "welcome");
    T_CHECK(again != NULL);
    T_CHECK(json_is_true(json_object_get(again, "resumed")));
    T_EQ(number_of(again, "re"), 9);
    T_STR_EQ(text_of(again, "participant"), participant);
    T_CHECK(strcmp(text_of(again, "resume"), token) != 0);
    T_EQ(answer(c, "cccc"), 1);
    T_EQ(fake_count(&fake, a, "participant_left"), 0);
    /* the old token is used up */
    size_t d = fake_open(&fake);
    fake_json(&fake, d, json_pack("{s:s, s:i, s:s}", "type", "resume", "version", 1, "token", token));
    T_STR_EQ(text_of(fake_expect(&fake, d, "refused"), "code"), "resume_unknown");
    T_EQ(fake.sockets[d].closed, SIG_CLOSE_REFUSED);
    fake_stop(&fake);
}

T_TEST(the_outstanding_offer_is_repeated_after_a_resume)
{
    fake_start(&fake);
    size_t a = fake_join(&fake, 1), b = fake_join(&fake, 2);
    publish(a, "a", MIC, "aaaa");
    const char *token = text_of(fake_expect(&fake, b, "welcome"), "resume");
    const char *sdp = text_of(fake_expect(&fake, b, "subscribe"), "sdp");
    fake_drop(&fake, b);
    fake_advance(&fake, 10000000);
    size_t c = fake_open(&fake);
    fake_json(&fake, c, json_pack("{s:s, s:i, s:s}", "type", "resume", "version", 1, "token", token));
    const json_t *subscribe = fake_expect(&fake, c, "subscribe");
    T_STR_EQ(text_of(subscribe, "sdp"), sdp);
    T_EQ(fake_count(&fake, c, "subscribe"), 1);
    fake_text(&fake, c, "{\"type\":\"ping\"}");
    fake_advance(&fake, 10000000); /* the 15 s start again with the repetition */
    T_EQ(fake.sockets[c].closed, 0);
    fake_stop(&fake);
}

T_TEST(a_resume_takes_over_from_a_socket_that_looks_alive)
{
    fake_start(&fake);
    size_t a = fake_join(&fake, 1);
    const char *token = text_of(fake_expect(&fake, a, "welcome"), "resume");
    size_t b = fake_open(&fake);
    fake_json(&fake, b, json_pack("{s:s, s:i, s:s}", "type", "resume", "version", 1, "token", token));
    T_CHECK(fake_expect(&fake, b, "welcome") != NULL);
    T_EQ(fake.sockets[a].closed, SIG_CLOSE_ON_PURPOSE);
    fake_drop(&fake, a);
    fake_text(&fake, b, "{\"type\":\"ping\",\"id\":4}");
    T_EQ(number_of(fake_expect(&fake, b, "pong"), "re"), 4);
    T_EQ(fake.participant_count, 1);
    fake_stop(&fake);
}

T_TEST(nobody_resumes_for_30_s_and_nobody_stays)
{
    fake_start(&fake);
    size_t a = fake_join(&fake, 1), b = fake_join(&fake, 2);
    fake_drop(&fake, b);
    for (int s = 0; s < 30; s++) {
        T_EQ(fake_count(&fake, a, "participant_left"), 0);
        fake_text(&fake, a, "{\"type\":\"ping\"}");
        fake_advance(&fake, 1000000);
    }
    T_STR_EQ(text_of(fake_expect(&fake, a, "participant_left"), "reason"), "timeout");
    T_EQ(fake.participant_count, 1);
    fake_stop(&fake);
}

T_TEST(a_full_ring_cannot_keep_a_ghost)
{
    fake_start(&fake);
    size_t a = fake_join(&fake, 1);
    fake.post_result = BASE_ERR_FULL;
    fake_json(&fake, a, json_pack("{s:s}", "type", "leave"));
    fake_drop(&fake, a);
    fake_advance(&fake, 5000000);
    T_EQ(fake.participant_count, 1);
    fake.post_result = 0;
    fake_advance(&fake, 1000000);
    T_EQ(fake.participant_count, 0);
    fake_stop(&fake);
}

T_TEST(the_same_person_twice)
{
    fake_start(&fake);
    size_t a = fake_join(&fake, 1), other = fake_join(&fake, 2), b = fake_join(&fake, 1);
    T_STR_EQ(text_of(fake_expect(&fake, a, "closing"), "reason"), "replaced");
    T_EQ(fake.sockets[a].closed, SIG_CLOSE_ON_PURPOSE);
    T_STR_EQ(text_of(fake_expect(&fake, other, "participant_left"), "reason"), "replaced");
    T_CHECK(fake_expect(&fake, other, "participant_joined") != NULL);
    const json_t *welcome = fake_expect(&fake, b, "welcome");
    T_EQ(json_array_size(json_object_get(welcome, "participants")), 1);
    T_EQ(fake.participant_count, 2);
    fake_stop(&fake);
}

T_TEST(a_room_that_could_not_open_is_forgotten)
{
    fake_start(&fake);
    fake.rooms_fail = true;
    size_t a = fake_join(&fake, 1);
    const json_t *refused = fake_expect(&fake, a, "refused");
    T_STR_EQ(text_of(refused, "code"), "busy");
    T_CHECK(json_is_true(json_object_get(refused, "retry")));
    T_EQ(fake.sockets[a].closed, SIG_CLOSE_REFUSED);
    fake.rooms_fail = false;
    a = fake_join(&fake, 1);
    T_CHECK(fake_expect(&fake, a, "welcome") != NULL);
    T_EQ(fake.commands[SFU_COMMAND_ROOM_OPEN], 2);
    fake_stop(&fake);
}

T_TEST(refusals_say_why)
{
    fake_start(&fake);
    size_t a = fake_open(&fake);
    fake_text(&fake, a, "{\"type\":\"join\",\"version\":1,\"ticket\":\"00000000000000000000000000000000\"}");
    const json_t *refused = fake_expect(&fake, a, "refused");
    T_STR_EQ(text_of(refused, "code"), "ticket_invalid");
    T_CHECK(json_is_false(json_object_get(refused, "retry")));
    T_EQ(fake.sockets[a].closed, SIG_CLOSE_REFUSED);
    a = fake_open(&fake);
    fake_text(&fake, a, "{\"type\":\"join\",\"version\":2,\"ticket\":\"x\"}");
    T_STR_EQ(text_of(fake_expect(&fake, a, "refused"), "code"), "version_unsupported");
    for (uint64_t person = 1; person <= 5; person++)
        fake_join(&fake, person);
    a = fake_join(&fake, 6);
    refused = fake_expect(&fake, a, "refused");
    T_STR_EQ(text_of(refused, "code"), "room_full");
    T_CHECK(json_is_true(json_object_get(refused, "retry")));
    fake.post_result = BASE_ERR_FULL;
    a = fake_join(&fake, 7);
    T_STR_EQ(text_of(fake_expect(&fake, a, "refused"), "code"), "busy");
    T_EQ(fake.participant_count, 5);
    fake_stop(&fake);
}

T_TEST(mute_and_moderate)
{
    fake_start(&fake);
    size_t a = fake_join(&fake, 1), b = fake_join(&fake, 2);
    publish(a, "a", MIC, "aaaa");
    const json_t *published = fake_expect(&fake, a, "published");
    const char *track = text_of(json_array_get(json_object_get(published, "tracks"), 0), "track");
    fake_json(&fake, a, json_pack("{s:s, s:i, s:s, s:b}", "type", "mute", "id", 5, "track", track, "muted", 1));
    T_EQ(number_of(fake_expect(&fake, a, "ok"), "re"), 5);
    T_STR_EQ(text_of(fake_expect(&fake, a, "track_muted"), "by"), "self");
    const json_t *muted = fake_expect(&fake, b, "track_muted");
    T_CHECK(json_is_true(json_object_get(muted, "muted")));
    fake_json(&fake, b, json_pack("{s:s, s:s, s:b}", "type", "mute", "track", track, "muted", 0)); /* not b's */
    T_STR_EQ(text_of(fake_expect(&fake, b, "error"), "code"), "unknown_track");
    fake_json(&fake, a, json_pack("{s:s, s:s, s:b}", "type", "mute", "track", track, "muted", 0));
    T_STR_EQ(text_of(fake_expect(&fake, b, "track_muted"), "by"), "self");
    T_STR_EQ(text_of(fake_expect(&fake, a, "track_muted"), "by"), "self");
    fake_json(
        &fake, b,
        json_pack("{s:s, s:s, s:s, s:s}", "type", "moderate", "action", "mute", "participant", "p1", "track", track));
    T_STR_EQ(text_of(fake_expect(&fake, a, "track_muted"), "by"), "moderator");
    fake_json(&fake, b, json_pack("{s:s, s:s, s:s}", "type", "moderate", "action", "remove", "participant", "p1"));
    T_STR_EQ(text_of(fake_expect(&fake, a, "closing"), "reason"), "removed");
    T_STR_EQ(text_of(fake_expect(&fake, b, "participant_left"), "reason"), "removed");
    a = fake_join(&fake, 1);
    T_STR_EQ(text_of(fake_expect(&fake, a, "refused"), "code"), "removed");
    fake_stop(&fake);
}

T_TEST(publishing_again)
{
    fake_start(&fake);
    size_t a = fake_join(&fake, 1), b = fake_join(&fake, 2);
    publish(a, "av", MIC_CAMERA, "aaaa");
    publish(a, "av", MIC_CAMERA, "aaaa"); /* nothing new */
    T_EQ(fake_count(&fake, b, "track_published"), 2);
    struct fake_participant *p = fake_participant(&fake, 1);
    T_EQ(p->transports[SFU_PUBLISH], 1);
    char first[32];
    snprintf(first, sizeof first, "%s", p->transport[SFU_PUBLISH].local.ufrag);
    publish(a, "av", MIC_CAMERA, "bbbb"); /* ICE restart */
    T_EQ(p->transports[SFU_PUBLISH], 2);
    T_CHECK(strcmp(p->transport[SFU_PUBLISH].local.ufrag, first) != 0);
    publish(a, "av", MIC_SCREEN, "bbbb"); /* another source on the same m-section: another track */
    T_EQ(fake_count(&fake, b, "track_published"), 3);
    T_EQ(fake_count(&fake, b, "track_unpublished"), 1);
    publish(a, "av", MIC, "bbbb");
    T_EQ(fake_count(&fake, b, "track_unpublished"), 2);
    const json_t *published = fake.sockets[a].messages[fake.sockets[a].message_count - 1];
    T_CHECK(strstr(text_of(published, "sdp"), "a=inactive") != NULL);
    T_CHECK(strstr(text_of(published, "sdp"), "m=video 0") == NULL);
    fake_stop(&fake);
}

T_TEST(restart_of_the_subscribe_connection)
{
    fake_start(&fake);
    size_t a = fake_join(&fake, 1), b = fake_join(&fake, 2);
    publish(a, "a", MIC, "aaaa");
    T_EQ(answer(b, "bbbb"), 1);
    fake_text(&fake, b, "{\"type\":\"restart\",\"id\":8,\"pc\":\"subscribe\"}");
    T_EQ(number_of(fake_expect(&fake, b, "ok"), "re"), 8);
    T_EQ(answer(b, "cccc"), 2);
    struct fake_participant *p = fake_participant(&fake, 2);
    T_EQ(p->transports[SFU_SUBSCRIBE], 2);
    T_STR_EQ(p->transport[SFU_SUBSCRIBE].remote_ufrag, "cccc");
    T_EQ(p->down_count, 1);
    fake_stop(&fake);
}

T_TEST(engine_news_reach_the_room)
{
    fake_start(&fake);
    size_t a = fake_join(&fake, 1), b = fake_join(&fake, 2);
    fake_event(&fake,
               &(struct sfu_event){
                   .kind = SFU_EVENT_SPEAKER, .room_id = 1, .participant_id = 2, .recent = {2, 1}, .recent_count = 2});
    fake_event(&fake, &(struct sfu_event){.kind = SFU_EVENT_QUALITY, .room_id = 1, .participant_id = 1, .quality = 2});
    fake_event(&fake, &(struct sfu_event){.kind = SFU_EVENT_TRANSPORT,
                                          .room_id = 1,
                                          .participant_id = 1,
                                          .peer_connection = SFU_SUBSCRIBE,
                                          .state = SFU_TRANSPORT_LOST});
    fake_run(&fake);
    fake_event(&fake, &(struct sfu_event){.kind = SFU_EVENT_QUALITY, .room_id = 1, .participant_id = 1, .quality = 1});
    fake_run(&fake);
    T_STR_EQ(text_of(fake_expect(&fake, a, "speaker"), "participant"), "p2");
    const json_t *quality = json_object_get(fake_expect(&fake, b, "quality"), "participants");
    T_EQ(number_of(quality, "p1"), 2);
    T_CHECK(fake_expect(&fake, b, "quality") == NULL); /* at most every 2 s */
    fake_advance(&fake, 2000000);
    T_EQ(fake_count(&fake, b, "quality"), 2);
    fake.sockets[a].read = 0;
    T_STR_EQ(text_of(fake_expect(&fake, a, "connection"), "state"), "lost");
    T_EQ(fake_count(&fake, b, "connection"), 0);
    size_t c = fake_join(&fake, 3); /* hears at once how things stand */
    const json_t *known = json_object_get(fake_expect(&fake, c, "quality"), "participants");
    T_EQ(number_of(known, "p1"), 1);
    const json_t *speaker = fake_expect(&fake, c, "speaker");
    T_STR_EQ(text_of(speaker, "participant"), "p2");
    T_EQ(json_array_size(json_object_get(speaker, "recent")), 2);
    fake_json(&fake, b, json_pack("{s:s}", "type", "leave"));
    size_t d = fake_join(&fake, 4);
    T_EQ(fake_count(&fake, d, "speaker"), 0); /* the speaker left */
    fake_stop(&fake);
}

T_TEST(an_empty_room_closes_and_opens_anew)
{
    fake_start(&fake);
    size_t a = fake_join(&fake, 1);
    fake_json(&fake, a, json_pack("{s:s}", "type", "leave"));
    fake_advance(&fake, 59000000);
    T_EQ(fake.room_count, 1);
    fake_advance(&fake, 1000000);
    T_EQ(fake.room_count, 0);
    struct sig_hub_stats stats;
    sig_hub_stats(fake.hub, &stats);
    T_EQ(stats.rooms, 0);
    fake_join(&fake, 1);
    T_EQ(fake.room_count, 1);
    T_EQ(fake.commands[SFU_COMMAND_ROOM_OPEN], 2);
    fake_stop(&fake);
}

T_TEST(silence_and_lateness)
{
    fake_start(&fake);
    size_t late = fake_open(&fake), a = fake_join(&fake, 1);
    fake_advance(&fake, 9999999);
    T_EQ(fake.sockets[late].closed, 0);
    fake_advance(&fake, 1);
    T_EQ(fake.sockets[late].closed, SIG_CLOSE_TIMING);
    fake_text(&fake, a, "{\"type\":\"ping\"}");
    fake_advance(&fake, 19999999);
    T_EQ(fake.sockets[a].closed, 0);
    fake_advance(&fake, 1);
    T_EQ(fake.sockets[a].closed, SIG_CLOSE_TIMING);
    T_EQ(fake.participant_count, 1); /* may still resume */
    fake_stop(&fake);
}

T_TEST(too_fast)
{
    fake_start(&fake);
    size_t a = fake_join(&fake, 1); /* one message of 100 */
    for (int i = 0; i < 99; i++)
        fake_text(&fake, a, "{\"type\":\"ping\"}");
    T_EQ(fake_count(&fake, a, "pong"), 99);
    fake_text(&fake, a, "{\"type\":\"ping\"}");
    T_STR_EQ(text_of(fake_expect(&fake, a, "error"), "code"), "rate_limited");
    fake_advance(&fake, 1000000);
    for (int i = 0; i < 50; i++)
        fake_text(&fake, a, "{\"type\":\"ping\"}");
    T_EQ(fake_count(&fake, a, "pong"), 149);
    for (int i = 0; i < 19; i++)
        fake_text(&fake, a, "{\"type\":\"ping\"}");
    T_EQ(fake.sockets[a].closed, SIG_CLOSE_TIMING);
    fake_stop(&fake);
}

T_TEST(each_mistake_has_its_code)
{
    static const struct {
        const char *text, *code;
    } mistakes[] = {
        {"", "bad_json"},
        {"[]", "bad_json"},
        {"{\"type\":\"ping\",\"type\":\"ping\"}", "bad_json"},
        {"{\"a\":[[[[[[[[1]]]]]]]]}", "bad_json"},
        {"{\"type\":\"ping\"} x", "bad_json"},
        {"{}", "bad_request"},
        {"{\"type\":5}", "bad_request"},
        {"{\"type\":\"ping\",\"id\":-1}", "bad_request"},
        {"{\"type\":\"ping\",\"id\":\"1\"}", "bad_request"},
        {"{\"type\":\"ping\",\"id\":9007199254740992}", "bad_request"},
        {"{\"type\":\"dance\"}", "unknown_type"},
        {"{\"type\":\"join\",\"version\":1,\"ticket\":\"x\"}", "already_joined"},
        {"{\"type\":\"publish\"}", "bad_request"},
        {"{\"type\":\"publish\",\"sdp\":\"v=0\",\"tracks\":[]}", "sdp_invalid"},
        {"{\"type\":\"mute\",\"track\":\"t99\",\"muted\":true}", "unknown_track"},
        {"{\"type\":\"mute\",\"track\":\"t99\"}", "bad_request"},
        {"{\"type\":\"moderate\",\"action\":\"remove\",\"participant\":\"p99\"}", "unknown_participant"},
        {"{\"type\":\"moderate\",\"action\":\"dance\",\"participant\":\"p99\"}", "bad_request"},
        {"{\"type\":\"restart\",\"pc\":\"publish\"}", "bad_request"},
        {"{\"type\":\"subscribed\"}", "bad_request"},
    };
    enum { COUNT = sizeof mistakes / sizeof mistakes[0] };
    fake_start(&fake);
    size_t first = fake_open(&fake);
    fake_text(&fake, first, "{\"type\":\"ping\"}");
    T_STR_EQ(text_of(fake_expect(&fake, first, "error"), "code"), "not_joined");
    T_EQ(COUNT, SIG_ERRORS_MAX);
    size_t a = fake_join(&fake, 1);
    for (size_t i = 0; i < COUNT; i++) {
        T_EQ(fake.sockets[a].closed, 0);
        fake_text(&fake, a, mistakes[i].text);
        T_STR_EQ(text_of(fake_expect(&fake, a, "error"), "code"), mistakes[i].code);
    }
    T_EQ(fake.sockets[a].closed, SIG_CLOSE_PROTOCOL_ERROR); /* the 20th */
    fake_stop(&fake);
}

T_TEST(publish_limits)
{
    static const char *const FIVE[] = {"camera", "camera", "camera", "camera", "camera", NULL};
    static const char *const WRONG_KIND[] = {"camera", NULL};
    fake_start(&fake);
    size_t a = fake_join(&fake, 1);
    publish(a, "vvvvv", FIVE, "aaaa");
    T_STR_EQ(text_of(fake_expect(&fake, a, "error"), "code"), "too_many_tracks");
    publish(a, "a", WRONG_KIND, "aaaa");
    T_STR_EQ(text_of(fake_expect(&fake, a, "error"), "code"), "sdp_invalid");
    publish(a, "a", MIC_CAMERA, "aaaa");
    T_STR_EQ(text_of(fake_expect(&fake, a, "error"), "code"), "sdp_invalid");
    fake.post_result = BASE_ERR_FULL;
    publish(a, "a", MIC, "aaaa");
    T_STR_EQ(text_of(fake_expect(&fake, a, "error"), "code"), "busy");
    T_EQ(fake.commands[SFU_COMMAND_PUBLISH], 0);
    fake.post_result = 0;
    publish(a, "a", MIC, "aaaa");
    T_CHECK(fake_expect(&fake, a, "published") != NULL);
    fake_stop(&fake);
}

T_TEST(going_down)
{
    fake_start(&fake);
    size_t a = fake_join(&fake, 1);
    sig_hub_shutdown(fake.hub, fake.now_us);
    const json_t *closing = fake_expect(&fake, a, "closing");
    T_STR_EQ(text_of(closing, "reason"), "server_shutdown");
    T_CHECK(json_is_true(json_object_get(closing, "reconnect")));
    T_EQ(fake.sockets[a].closed, SIG_CLOSE_GOING_DOWN);
    T_CHECK(sig_hub_socket_opened(fake.hub, fake.now_us, NULL) == NULL);
    fake_stop(&fake);
}

T_TEST(a_socket_lost_while_joining_leaves_nothing)
{
    fake_start(&fake);
    size_t a = fake_open(&fake);
    struct sig_connection *connection = fake.sockets[a].connection;
    char text[128];
    snprintf(text, sizeof text, "{\"type\":\"join\",\"version\":1,\"ticket\":\"%s\"}", fake_ticket(&fake, 1, 5));
    sig_hub_socket_text(connection, fake.now_us, text, strlen(text)); /* the engine has not answered */
    fake.sockets[a].connection = NULL;
    sig_hub_socket_dropped(connection, fake.now_us);
    fake_run(&fake);
    T_EQ(fake.participant_count, 0);
    struct sig_hub_stats stats;
    sig_hub_stats(fake.hub, &stats);
    T_EQ(stats.participants, 0);
    fake_stop(&fake);
}

T_MAIN(T_CASE(two_people_meet), T_CASE(changes_during_an_offer_wait_for_the_next),
       T_CASE(an_answer_with_another_rev_is_ignored), T_CASE(no_answer_within_15_s_ends_the_session),
       T_CASE(a_dropped_socket_resumes_once), T_CASE(the_outstanding_offer_is_repeated_after_a_resume),
       T_CASE(a_resume_takes_over_from_a_socket_that_looks_alive), T_CASE(nobody_resumes_for_30_s_and_nobody_stays),
       T_CASE(a_full_ring_cannot_keep_a_ghost), T_CASE(the_same_person_twice), T_CASE(refusals_say_why),
       T_CASE(a_room_that_could_not_open_is_forgotten), T_CASE(mute_and_moderate), T_CASE(publishing_again),
       T_CASE(restart_of_the_subscribe_connection), T_CASE(engine_news_reach_the_room),
       T_CASE(an_empty_room_closes_and_opens_anew), T_CASE(silence_and_lateness), T_CASE(too_fast),
       T_CASE(each_mistake_has_its_code), T_CASE(publish_limits), T_CASE(going_down),
       T_CASE(a_socket_lost_while_joining_leaves_nothing))
