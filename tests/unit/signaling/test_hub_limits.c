/* SPDX-License-Identifier: Apache-2.0 */
/* The hub when something is full, large, or over: what a client hears, and what a stranger cannot do. */
#include "signaling/hub.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "tests/support/fake_visio.h"
#include "tests/support/test.h"

static struct fake_visio fake;

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void publish_mic(size_t socket)
{
    char *sdp = fake_offer("a", "aaaa");
    fake_json(&fake, socket,
              json_pack("{s:s, s:i, s:s, s:[{s:s, s:s, s:b}]}", "type", "publish", "id", 2, "sdp", sdp, "tracks", "mid",
                        "0", "source", "mic", "muted", 0));
    free(sdp);
}

static void answer(size_t socket)
{
    const json_t *subscribe = fake_expect(&fake, socket, "subscribe");
    char *sdp = fake_answer(text_of(subscribe, "sdp"), "bbbb");
    fake_json(&fake, socket, json_pack("{s:s, s:i, s:s}", "type", "subscribed", "rev", 1, "sdp", sdp));
    free(sdp);
}

/* Joins `room`; with `stays` false leaves at once. The last socket is used again and again. True: let in. */
static bool visit(const char *room, uint64_t person, bool stays)
{
    struct sig_grant grant = {.title = "x", .name = "x", .identity = {person, 1}, .policy = {.capacity = 5}};
    char ticket[SIG_TICKET_CHARS + 1];
    snprintf(grant.room, sizeof grant.room, "%s", room);
    if (sig_tickets_issue(fake.tickets, fake.now_us, &grant, ticket))
        return false;
    size_t s = fake_open(&fake);
    fake_json(&fake, s, json_pack("{s:s, s:i, s:s}", "type", "join", "version", 1, "ticket", ticket));
    bool in = fake_count(&fake, s, "welcome") == 1;
    if (stays)
        return in;
    fake_text(&fake, s, "{\"type\":\"leave\"}");
    fake_drop(&fake, s);
    for (size_t i = 0; i < fake.sockets[s].message_count; i++)
        json_decref(fake.sockets[s].messages[i]);
    memset(&fake.sockets[s], 0, sizeof fake.sockets[s]);
    fake.socket_count--;
    return in;
}

T_TEST(names_that_a_stranger_leaves_behind_keep_nobody_out)
{
    char name[32];
    fake_start(&fake);
    T_CHECK(visit("stays", 1, true));
    for (unsigned i = 1; i < SIG_ROOMS_MAX; i++) {
        snprintf(name, sizeof name, "room-%u", i);
        T_CHECK(visit(name, 2, false));
        fake_advance(&fake, 1000);
    }
    T_EQ(fake.room_count, SIG_ROOMS_MAX);
    T_EQ(fake.commands[SFU_COMMAND_ROOM_CLOSE], 0);
    T_CHECK(visit("newcomer", 3, true));
    T_EQ(fake.room_count, SIG_ROOMS_MAX);
    T_EQ(fake.commands[SFU_COMMAND_ROOM_CLOSE], 1);
    unsigned opened = fake.commands[SFU_COMMAND_ROOM_OPEN];
    T_CHECK(visit("room-2", 4, false)); /* still there */
    T_CHECK(visit("stays", 5, false));
    T_EQ(fake.commands[SFU_COMMAND_ROOM_OPEN], opened);
    T_CHECK(visit("room-1", 4, false)); /* the longest empty one went */
    T_EQ(fake.commands[SFU_COMMAND_ROOM_OPEN], opened + 1);
    fake_stop(&fake);
}

T_TEST(an_answer_that_found_a_full_ring_is_applied_later)
{
    fake_start(&fake);
    size_t a = fake_join(&fake, 1), b = fake_join(&fake, 2);
    publish_mic(a);
    fake.post_result = BASE_ERR_FULL;
    answer(b);
    fake_advance(&fake, 1000000);
    T_EQ(fake_count(&fake, b, "error"), 0);
    T_EQ(fake_participant(&fake, 2)->down_count, 0);
    fake.post_result = 0;
    fake_advance(&fake, SIG_RETRY_US);
    T_EQ(fake_participant(&fake, 2)->down_count, 1);
    T_EQ(fake_participant(&fake, 2)->transports[SFU_SUBSCRIBE], 1);
    for (int s = 0; s < 20; s++) { /* nothing is outstanding any more */
        fake_text(&fake, b, "{\"type\":\"ping\"}");
        fake_advance(&fake, 1000000);
    }
    T_EQ(fake.sockets[b].closed, 0);
    T_EQ(fake.commands[SFU_COMMAND_SUBSCRIBE], 1);
    fake_stop(&fake);
}

T_TEST(a_ring_that_stays_full_ends_the_session_after_15_s)
{
    fake_start(&fake);
    size_t a = fake_join(&fake, 1), b = fake_join(&fake, 2);
    publish_mic(a);
    fake.post_result = BASE_ERR_FULL;
    answer(b);
    for (int s = 0; s < 15; s++) {
        T_EQ(fake.sockets[b].closed, 0);
        fake_text(&fake, b, "{\"type\":\"ping\"}");
        fake_advance(&fake, 1000000);
    }
    T_STR_EQ(text_of(fake_expect(&fake, b, "error"), "code"), "negotiation_failed");
    T_EQ(fake.sockets[b].closed, SIG_CLOSE_PROTOCOL_ERROR);
    fake_stop(&fake);
}

T_TEST(silence_is_told_as_nobody)
{
    fake_start(&fake);
    size_t a = fake_join(&fake, 1);
    struct sfu_event event = {
        .kind = SFU_EVENT_SPEAKER, .room_id = 1, .participant_id = 1, .recent = {1}, .recent_count = 1};
    fake_event(&fake, &event);
    fake_run(&fake);
    T_STR_EQ(text_of(fake_expect(&fake, a, "speaker"), "participant"), "p1");
    event.participant_id = 0;
    fake_event(&fake, &event);
    fake_run(&fake);
    const json_t *speaker = fake_expect(&fake, a, "speaker");
    T_CHECK(speaker != NULL);
    T_CHECK(json_is_null(json_object_get(speaker, "participant")));
    T_EQ(json_array_size(json_object_get(speaker, "recent")), 1);
    fake_stop(&fake);
}

T_TEST(a_resume_hears_how_its_transports_and_the_room_stand)
{
    fake_start(&fake);
    size_t a = fake_join(&fake, 1);
    const char *token = text_of(fake_expect(&fake, a, "welcome"), "resume");
    struct sfu_event event = {.kind = SFU_EVENT_TRANSPORT, .room_id = 1, .participant_id = 1};
    event.peer_connection = SFU_PUBLISH;
    event.state = SFU_TRANSPORT_FAILED;
    fake_event(&fake, &event);
    event.peer_connection = SFU_SUBSCRIBE;
    event.state = SFU_TRANSPORT_LOST;
    fake_event(&fake, &event);
    fake_run(&fake);
    fake_drop(&fake, a);
    size_t b = fake_open(&fake);
    fake_json(&fake, b, json_pack("{s:s, s:i, s:s}", "type", "resume", "version", 1, "token", token));
    const json_t *speaker = fake_expect(&fake, b, "speaker"); /* somebody may have spoken when the socket dropped */
    T_CHECK(speaker && json_is_null(json_object_get(speaker, "participant")));
    const json_t *connection = fake_expect(&fake, b, "connection");
    T_STR_EQ(text_of(connection, "pc"), "publish");
    T_STR_EQ(text_of(connection, "state"), "failed");
    connection = fake_expect(&fake, b, "connection");
    T_STR_EQ(text_of(connection, "pc"), "subscribe");
    T_STR_EQ(text_of(connection, "state"), "lost");
    fake_stop(&fake);
}

T_TEST(large_messages_count_more)
{
    enum { LEN = 48 * 1024 };
    static char text[LEN + 64];
    fake_start(&fake);
    size_t a = fake_join(&fake, 1); /* one of 100 */
    int start = snprintf(text, sizeof text, "{\"type\":\"ping\",\"x\":\"");
    memset(text + start, 'x', LEN);
    snprintf(text + start + LEN, sizeof text - (size_t)start - LEN, "\"}");
    for (int i = 0; i < 24; i++) /* 1 + 3 each: 96 */
        fake_text(&fake, a, text);
    T_EQ(fake_count(&fake, a, "pong"), 24);
    fake_text(&fake, a, text);
    T_STR_EQ(text_of(fake_expect(&fake, a, "error"), "code"), "rate_limited");
    fake_text(&fake, a, "{\"type\":\"ping\"}"); /* 3 are left */
    T_EQ(fake_count(&fake, a, "pong"), 25);
    fake_stop(&fake);
}

T_TEST(viewers_come_and_go_without_new_offers_to_others)
{
    struct sig_hub_stats stats;
    fake_start(&fake);
    size_t a = fake_join(&fake, 1), b = fake_join(&fake, 2);
    publish_mic(a);
    answer(b);
    for (int i = 0; i < 3; i++) {
        size_t viewer = fake_join(&fake, (uint64_t)(3 + i));
        T_EQ(fake_count(&fake, viewer, "subscribe"), 1);
        fake_text(&fake, viewer, "{\"type\":\"leave\"}");
        fake_advance(&fake, 1000000);
    }
    T_EQ(fake_count(&fake, b, "participant_left"), 3);
    T_EQ(fake_count(&fake, a, "subscribe"), 0);
    T_EQ(fake_count(&fake, b, "subscribe"), 1);
    sig_hub_stats(fake.hub, &stats);
    T_EQ(stats.subscribe_offers, 4);
    fake_stop(&fake);
}

T_TEST(when_the_room_closes_nobody_is_told_of_each_other)
{
    fake_start(&fake);
    size_t sockets[5];
    for (size_t i = 0; i < 5; i++)
        sockets[i] = fake_join(&fake, i + 1);
    for (size_t i = 0; i < 5; i++)
        fake_event(&fake, &(struct sfu_event){.kind = SFU_EVENT_LEFT,
                                              .room_id = 1,
                                              .participant_id = i + 1,
                                              .reason = SFU_REASON_ROOM_TIME_OVER});
    fake_run(&fake);
    for (size_t i = 0; i < 5; i++) {
        T_EQ(fake_count(&fake, sockets[i], "participant_left"), 0);
        T_STR_EQ(text_of(fake_expect(&fake, sockets[i], "closing"), "reason"), "room_time_over");
    }
    fake_stop(&fake);
}

T_MAIN(T_CASE(names_that_a_stranger_leaves_behind_keep_nobody_out),
       T_CASE(an_answer_that_found_a_full_ring_is_applied_later),
       T_CASE(a_ring_that_stays_full_ends_the_session_after_15_s), T_CASE(silence_is_told_as_nobody),
       T_CASE(a_resume_hears_how_its_transports_and_the_room_stand), T_CASE(large_messages_count_more),
       T_CASE(viewers_come_and_go_without_new_offers_to_others),
       T_CASE(when_the_room_closes_nobody_is_told_of_each_other))
