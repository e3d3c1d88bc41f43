/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Janus' VideoRoom plug-in (1.1, "multistream", with string_ids) over its WebSocket API.
 *
 * A session with two handles: one that joins the room and publishes, one that subscribes to all streams of all others
 * with one peer connection. The mid of a published source is the source's number, so it tells the others which it is.
 * Changes of the subscription are asked for one at a time; what becomes known meanwhile goes into the next.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/random.h"
#include "bench/client/dialect.h"
#include "bench/client/participant_internal.h"

#define text_of bench_text_of
#define PLUGIN  "janus.plugin.videoroom"

#define NO_SUCH_FEED 428 /* JANUS_VIDEOROOM_ERROR_NO_SUCH_FEED */
#define REFUSALS_MAX 20

enum handle { PUBLISHER, SUBSCRIBER };

enum subscription {
    SUB_NONE,      /* no handle, or it has not joined */
    SUB_ATTACHING, /* a handle was asked for */
    SUB_ATTACHED,  /* there is a handle, but no subscription yet */
    SUB_ASKED,     /* a request was sent, its offer (or nothing) follows */
    SUB_ANSWERED,  /* an offer was answered, `started` follows */
    SUB_READY
};

struct words {
    json_int_t session, handles[2];
    enum subscription subscription;
    json_int_t private_id;
    bool subscribed;  /* the subscriber's handle has joined */
    unsigned refused; /* requests in a row that named a feed which had just left */
    json_t *gone;     /* feeds that we subscribed to and that have left: {"feed": id} */
    bool leaving;
};

/* bench_other.tracks[].muted is not told by Janus; .asked says that we subscribe to it. */

static struct words *words_of(const struct bench_participant *who)
{
    return who->words;
}

static int create(struct bench_participant *who)
{
    struct words *words = calloc(1, sizeof *words);
    if (words == NULL)
        return BASE_ERR_NOMEM;
    words->gone = json_array();
    who->words = words;
    return 0;
}

static void destroy(struct bench_participant *who)
{
    json_decref(words_of(who)->gone);
    free(who->words);
    who->words = NULL;
}

/* ---- saying --------------------------------------------------------------------------------------------------- */

/* Takes the reference. The transaction's first letter says what the answer is about. */
static uint64_t say(struct bench_participant *who, char about, json_t *message)
{
    const struct words *words = words_of(who);
    char transaction[32];
    uint64_t id = ++who->next_request;
    snprintf(transaction, sizeof transaction, "%c%" PRIu64, about, id);
    json_object_set_new(message, "transaction", json_string(transaction));
    if (words->session != 0)
        json_object_set_new(message, "session_id", json_integer(words->session));
    bench_participant_say(who, message);
    return id;
}

/* A request to the plug-in; takes the references; `sdp` is borrowed and may be NULL. */
static uint64_t request(struct bench_participant *who, enum handle handle, json_t *body, const char *type,
                        const char *sdp)
{
    json_t *message =
        json_pack("{s:s,s:I,s:o}", "janus", "message", "handle_id", words_of(who)->handles[handle], "body", body);
    if (sdp != NULL) /* our layers are offered lowest first */
        json_object_set_new(message, "jsep", json_pack("{s:s,s:s,s:s}", "type", type, "sdp", sdp, "rid_order", "lmh"));
    uint64_t id = say(who, handle == PUBLISHER ? 'p' : 's', message);
    if (sdp != NULL) /* it learns our address from our checks */
        say(who, 't',
            json_pack("{s:s,s:I,s:{s:b}}", "janus", "trickle", "handle_id", words_of(who)->handles[handle], "candidate",
                      "completed", 1));
    return id;
}

static void on_open(struct bench_participant *who, const char *ticket)
{
    (void)ticket;
    struct words *words = words_of(who);
    json_array_clear(words->gone);
    *words = (struct words){.gone = words->gone};
    bench_participant_forget_others(who);
    say(who, 'c', json_pack("{s:s}", "janus", "create"));
}

static void attach(struct bench_participant *who, enum handle handle)
{
    say(who, handle == PUBLISHER ? 'P' : 'S', json_pack("{s:s,s:s}", "janus", "attach", "plugin", PLUGIN));
}

static void ping(struct bench_participant *who)
{
    say(who, 'k', json_pack("{s:s}", "janus", "keepalive"));
}

static void join(struct bench_participant *who)
{
    char *sdp = bench_participant_offer(who);
    snprintf(who->id, sizeof who->id, "b%u-%08x", who->config.number, (uint32_t)base_prng_next(&who->random));
    request(who, PUBLISHER,
            json_pack("{s:s,s:s,s:s,s:s,s:s}", "request", sdp != NULL ? "joinandconfigure" : "join", "ptype",
                      "publisher", "room", who->room, "id", who->id, "display", who->name),
            "offer", sdp);
    free(sdp);
}

static void publish(struct bench_participant *who)
{
    if (who->state != BENCH_INSIDE)
        return; /* joining brings the offer */
    char *sdp = bench_participant_offer(who);
    if (sdp != NULL)
        request(who, PUBLISHER, json_pack("{s:s}", "request", "configure"), "offer", sdp);
    free(sdp);
}

static uint64_t mute(struct bench_participant *who, int source, bool muted)
{
    if (who->sends[source][0] == NULL)
        return 0;
    return request(who, PUBLISHER,
                   json_pack("{s:s,s:[{s:s,s:b}]}", "request", "configure", "streams", "mid",
                             bench_send_stream_config(who->sends[source][0])->mid, "send", !muted),
                   NULL, NULL);
}

static uint64_t restart(struct bench_participant *who, int pc)
{
    if (pc == BENCH_SUBSCRIBE && words_of(who)->handles[SUBSCRIBER] != 0)
        return request(who, SUBSCRIBER, json_pack("{s:s,s:b}", "request", "configure", "restart", 1), NULL, NULL);
    publish(who);
    return who->next_request;
}

static void leave(struct bench_participant *who)
{
    struct words *words = words_of(who);
    words->leaving = true;
    if (words->handles[PUBLISHER] != 0)
        request(who, PUBLISHER, json_pack("{s:s}", "request", "leave"), NULL, NULL);
    if (words->session != 0)
        say(who, 'd', json_pack("{s:s}", "janus", "destroy"));
}

/* ---- the subscription ----------------------------------------------------------------------------------------- */

static json_t *stream_of(const struct bench_other *other, unsigned track)
{
    json_t *stream = json_pack("{s:s,s:s}", "feed", other->id, "mid", other->tracks[track].id);
    if (other->tracks[track].source != BENCH_MIC) /* simulcast: the highest layer, as for a large tile */
        json_object_set_new(stream, "substream", json_integer(2));
    return stream;
}

/* Lists what we should get and do not, and the other way round. */
static void collect(struct bench_participant *who, json_t *more, json_t *less)
{
    json_array_extend(less, words_of(who)->gone);
    json_array_clear(words_of(who)->gone);
    for (unsigned i = 0; i < who->other_count; i++) {
        struct bench_other *other = who->others[i];
        for (unsigned t = 0; t < other->track_count; t++) {
            if (other->tracks[t].asked == other->tracks[t].there)
                continue;
            if (other->tracks[t].there)
                json_array_append_new(more, stream_of(other, t));
            else
                json_array_append_new(less, json_pack("{s:s,s:s}", "feed", other->id, "mid", other->tracks[t].id));
            other->tracks[t].asked = other->tracks[t].there;
        }
    }
}

static bool anything_to_collect(const struct bench_participant *who)
{
    for (unsigned i = 0; i < who->other_count; i++)
        for (unsigned t = 0; t < who->others[i]->track_count; t++)
            if (who->others[i]->tracks[t].asked != who->others[i]->tracks[t].there)
                return true;
    return json_array_size(words_of(who)->gone) != 0;
}

static void update_subscription(struct bench_participant *who)
{
    struct words *words = words_of(who);
    if (words->leaving || !anything_to_collect(who))
        return;
    if (words->subscription == SUB_NONE) {
        words->subscription = SUB_ATTACHING;
        attach(who, SUBSCRIBER);
        return;
    }
    if (words->subscription != SUB_ATTACHED && words->subscription != SUB_READY)
        return;
    json_t *more = json_array(), *less = json_array();
    collect(who, more, less);
    if (words->subscription == SUB_ATTACHED) {
        json_decref(less); /* of what was never asked for */
        request(who, SUBSCRIBER,
                json_pack("{s:s,s:s,s:s,s:I,s:o}", "request", "join", "ptype", "subscriber", "room", who->room,
                          "private_id", words->private_id, "streams", more),
                NULL, NULL);
    } else {
        json_t *body = json_pack("{s:s}", "request", "update");
        json_object_set_new(body, "subscribe", more);
        json_object_set_new(body, "unsubscribe", less);
        if (json_array_size(more) == 0)
            json_object_del(body, "subscribe");
        if (json_array_size(less) == 0)
            json_object_del(body, "unsubscribe");
        request(who, SUBSCRIBER, body, NULL, NULL);
    }
    words->subscription = SUB_ASKED;
}

/* Of the streams in the list, those that send. */
static size_t read_streams(const json_t *list, struct bench_offered_track *out)
{
    size_t index, count = 0;
    json_t *stream;
    json_array_foreach(list, index, stream)
    {
        unsigned number = 0;
        if (text_of(stream, "feed_id")[0] == 0 || json_is_false(json_object_get(stream, "active")))
            continue;
        if (sscanf(text_of(stream, "feed_display"), "bench %u", &number) != 1)
            number = 0;
        int source = atoi(text_of(stream, "feed_mid"));
        out[count++] = (struct bench_offered_track){
            .mid = text_of(stream, "mid"),
            .participant = text_of(stream, "feed_id"),
            .track = text_of(stream, "feed_mid"),
            .number = number,
            .source = source >= 0 && source < BENCH_SOURCES ? (enum bench_source)source : BENCH_SOURCES,
            .maybe = true};
    }
    return count;
}

static void on_subscription(struct bench_participant *who, const json_t *data, const char *sdp)
{
    struct words *words = words_of(who);
    const json_t *list = json_object_get(data, "streams");
    struct bench_offered_track *tracks = calloc(json_array_size(list) + 1, sizeof *tracks);
    char *answer = NULL;
    if (tracks != NULL)
        answer = bench_participant_on_offer(who, sdp, tracks, read_streams(list, tracks));
    if (answer != NULL) {
        request(who, SUBSCRIBER, json_pack("{s:s}", "request", "start"), "answer", answer);
        words->subscription = SUB_ANSWERED;
        words->subscribed = true;
        words->refused = 0;
    }
    free(answer);
    free(tracks);
}

/* ---- hearing -------------------------------------------------------------------------------------------------- */

static void set_stream(struct bench_participant *who, struct bench_other *other, const json_t *stream)
{
    const char *mid = text_of(stream, "mid"), *type = text_of(stream, "type");
    if (mid[0] == 0 || (strcmp(type, "audio") != 0 && strcmp(type, "video") != 0))
        return;
    unsigned t = 0;
    while (t < other->track_count && strcmp(other->tracks[t].id, mid) != 0)
        t++;
    if (t == other->track_count) {
        int source = atoi(mid);
        bench_participant_add_track(
            who, other, mid, source >= 0 && source < BENCH_SOURCES ? (enum bench_source)source : BENCH_SOURCES, false);
    }
    if (t < other->track_count)
        other->tracks[t].there = !json_is_true(json_object_get(stream, "disabled"));
}

static void on_publishers(struct bench_participant *who, const json_t *list)
{
    size_t index, k;
    json_t *publisher, *stream;
    json_array_foreach(list, index, publisher)
    {
        const char *id = text_of(publisher, "id");
        struct bench_other *other = bench_participant_find_other(who, id);
        if (other == NULL)
            other = bench_participant_add_other(who, id, text_of(publisher, "display"));
        if (other != NULL)
            json_array_foreach(json_object_get(publisher, "streams"), k, stream) set_stream(who, other, stream);
    }
    update_subscription(who);
}

static void on_gone(struct bench_participant *who, const char *id)
{
    struct bench_other *other = bench_participant_find_other(who, id);
    bool asked = false;
    if (other == NULL)
        return; /* said twice of who published: unpublished, leaving */
    for (unsigned t = 0; t < other->track_count; t++)
        asked = asked || other->tracks[t].asked;
    if (asked) /* Janus mostly does it by itself, but not always */
        json_array_append_new(words_of(who)->gone, json_pack("{s:s}", "feed", id));
    bench_participant_remove_other(who, other);
}

/* A feed that left while we asked for it makes Janus refuse all of the request: ask again for what we do not get. */
static bool ask_again(struct bench_participant *who, const json_t *data)
{
    struct words *words = words_of(who);
    if (json_integer_value(json_object_get(data, "error_code")) != NO_SUCH_FEED || words->subscription != SUB_ASKED ||
        ++words->refused > REFUSALS_MAX)
        return false;
    for (unsigned i = 0; i < who->other_count; i++)
        for (unsigned t = 0; t < who->others[i]->track_count; t++)
            who->others[i]->tracks[t].asked =
                bench_participant_sub(who, who->others[i]->id, who->others[i]->tracks[t].source) != NULL;
    words->subscription = words->subscribed ? SUB_READY : SUB_ATTACHED;
    update_subscription(who);
    return true;
}

static void on_plugin_error(struct bench_participant *who, const json_t *data)
{
    snprintf(who->code, sizeof who->code, "%s", text_of(data, "error"));
    if (words_of(who)->leaving)
        return;
    if (who->state == BENCH_ENTERING)
        who->state = BENCH_REFUSED;
    else
        who->errors++;
}

static void on_publisher_event(struct bench_participant *who, const json_t *data, const char *sdp)
{
    if (strcmp(text_of(data, "videoroom"), "joined") == 0) {
        who->state = BENCH_INSIDE;
        words_of(who)->private_id = json_integer_value(json_object_get(data, "private_id"));
        if (strcmp(text_of(data, "id"), who->id) != 0)
            bench_participant_problem(who, "joined as somebody else");
    }
    if (sdp != NULL && bench_participant_on_answer(who, sdp) == 0)
        for (int source = 0; source < BENCH_SOURCES; source++)
            snprintf(who->track_ids[source], BENCH_ID_MAX, "%s",
                     who->publishing[source] ? bench_source_name((enum bench_source)source) : "");
    on_gone(who, text_of(data, "unpublished"));
    on_gone(who, text_of(data, "leaving"));
    on_publishers(who, json_object_get(data, "publishers"));
}

static void on_subscriber_event(struct bench_participant *who, const json_t *data, const char *sdp)
{
    struct words *words = words_of(who);
    const char *kind = text_of(data, "videoroom");
    if (sdp != NULL)
        on_subscription(who, data, sdp);
    else if (strcmp(text_of(data, "started"), "ok") == 0 || strcmp(kind, "updated") == 0)
        words->subscription = SUB_READY; /* the latter: nothing changed */
    update_subscription(who);
}

/* Something from the plug-in. */
static void on_event(struct bench_participant *who, const json_t *message)
{
    const struct words *words = words_of(who);
    const json_t *data = json_object_get(json_object_get(message, "plugindata"), "data");
    const json_t *jsep = json_object_get(message, "jsep");
    json_int_t sender = json_integer_value(json_object_get(message, "sender"));
    const char *sdp = jsep != NULL ? text_of(jsep, "sdp") : NULL;
    if (json_object_get(data, "error_code") != NULL) {
        if (sender != words->handles[SUBSCRIBER] || !ask_again(who, data))
            on_plugin_error(who, data);
    } else if (sender == words->handles[PUBLISHER]) {
        on_publisher_event(who, data, sdp);
    } else if (sender == words->handles[SUBSCRIBER]) {
        on_subscriber_event(who, data, sdp);
    } else {
        bench_participant_problem(who, "an event of nobody");
    }
}

/* The answer to what was said to Janus itself. */
static void on_success(struct bench_participant *who, const json_t *message)
{
    struct words *words = words_of(who);
    json_int_t id = json_integer_value(json_object_get(json_object_get(message, "data"), "id"));
    switch (text_of(message, "transaction")[0]) {
    case 'c':
        words->session = id;
        attach(who, PUBLISHER);
        break;
    case 'P':
        words->handles[PUBLISHER] = id;
        join(who);
        break;
    case 'S':
        words->handles[SUBSCRIBER] = id;
        words->subscription = SUB_ATTACHED;
        update_subscription(who);
        break;
    case 'd':
        who->state = BENCH_CLOSED;
        snprintf(who->code, sizeof who->code, "left");
        break;
    default:
        bench_participant_problem(who, "an answer to no question");
    }
}

static void on_error(struct bench_participant *who, const json_t *message)
{
    if (words_of(who)->leaving)
        return;
    snprintf(who->code, sizeof who->code, "%s", text_of(json_object_get(message, "error"), "reason"));
    who->errors++;
    if (who->state == BENCH_ENTERING)
        who->state = BENCH_REFUSED;
}

static void on_message(struct bench_participant *who, const char *type, const json_t *message)
{
    if (strcmp(type, "success") == 0) {
        on_success(who, message);
    } else if (strcmp(type, "event") == 0) {
        on_event(who, message);
    } else if (strcmp(type, "error") == 0) {
        on_error(who, message);
    } else if (strcmp(type, "ack") == 0) {
        who->pongs += text_of(message, "transaction")[0] == 'k';
    } else if (strcmp(type, "webrtcup") == 0) {
        who->connected_messages++;
    } else if (strcmp(type, "hangup") == 0) {
        who->lost_messages += !words_of(who)->leaving;
    } else if (strcmp(type, "timeout") == 0) {
        who->state = BENCH_CLOSED;
        snprintf(who->code, sizeof who->code, "timeout");
    } else if (strcmp(type, "media") != 0 && strcmp(type, "slowlink") != 0 && strcmp(type, "detached") != 0) {
        bench_participant_problem(who, "an unknown type");
    }
}

/* The plug-in's word on a request to the publisher's handle; an `ack` comes before it. */
static uint64_t answers(const char *type, const json_t *message, const char **refused)
{
    const json_t *data = json_object_get(json_object_get(message, "plugindata"), "data");
    const char *transaction = text_of(message, "transaction");
    *refused = json_object_get(data, "error_code") != NULL ? text_of(data, "error") : NULL;
    return strcmp(type, "event") == 0 && transaction[0] == 'p' ? strtoull(transaction + 1, NULL, 10) : 0;
}

const struct bench_dialect bench_dialect_janus = {.name = "janus",
                                                  .ws_path = "/",
                                                  .ws_protocol = "janus-protocol",
                                                  .type_key = "janus",
                                                  .ping_us = 25000000,
                                                  .create = create,
                                                  .destroy = destroy,
                                                  .on_open = on_open,
                                                  .on_message = on_message,
                                                  .ping = ping,
                                                  .publish = publish,
                                                  .mute = mute,
                                                  .answers = answers,
                                                  .restart = restart,
                                                  .leave = leave};
