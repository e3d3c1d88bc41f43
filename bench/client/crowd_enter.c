/* SPDX-License-Identifier: Apache-2.0 */
/* Coming and going: ticket, WebSocket, join, and what ends it. Each step is an event of the crowd's loop. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "bench/client/crowd_internal.h"

#define RETRY_MIN_US    200000u
#define RETRY_SPREAD_US 300000u
#define LEAVE_LIMIT_US  2000000u
#define WORK_MAX_US     2000u /* of connecting, in one turn of the loop */

/* ---- failing -------------------------------------------------------------------------------------------------- */

void bench_person_fail(struct bench_person *who, const struct bench_trouble *trouble)
{
    if (who->state == BENCH_PERSON_FAILED || who->state == BENCH_PERSON_LEFT)
        return;
    who->state = BENCH_PERSON_FAILED;
    who->failure = trouble->failure;
    who->http_status = trouble->status;
    memcpy(who->why, trouble->why, sizeof who->why);
    who->retry_us = who->limit_us = 0;
}

static void fail(struct bench_person *who, enum bench_failure failure, const char *why, const char *detail)
{
    struct bench_trouble trouble;
    bench_trouble_set(&trouble, failure, "%.70s%.80s", why, detail);
    bench_person_fail(who, &trouble);
}

void bench_person_cut(struct bench_person *who)
{
    bench_request_destroy(who->request);
    who->request = NULL;
    bench_ws_destroy(who->ws);
    who->ws = NULL;
}

/* ---- the socket ----------------------------------------------------------------------------------------------- */

/* A turn of the loop gives the connecting ones a little time, the rest belongs to media. */
static bool may_work(void *user)
{
    struct bench_crowd *crowd = ((struct bench_person *)user)->crowd;
    uint64_t now_us = base_clock_us();
    if (crowd->work_began_us == 0)
        crowd->work_began_us = now_us;
    return now_us - crowd->work_began_us < WORK_MAX_US;
}

static void on_ws_open(void *user)
{
    struct bench_person *who = user;
    who->state = BENCH_PERSON_JOINING;
    who->close_code = 0;
    bench_participant_on_open(who->participant, base_clock_us(), who->resuming ? NULL : who->ticket);
    who->ticket[0] = 0;
    bench_person_touch(who);
}

static void on_ws_failed(void *user, const struct bench_trouble *trouble)
{
    struct bench_person *who = user;
    bench_person_fail(who, trouble);
    bench_person_touch(who);
}

static void on_text(void *user, const char *text, size_t len)
{
    struct bench_person *who = user;
    bench_participant_on_text(who->participant, base_clock_us(), text, len);
    bench_person_touch(who);
}

static void on_closed(void *user, unsigned code)
{
    struct bench_person *who = user;
    char number[16];
    who->close_code = code;
    bench_participant_on_socket_closed(who->participant);
    snprintf(number, sizeof number, "%u", code);
    if (who->leaving) {
        who->state = BENCH_PERSON_LEFT;
        who->limit_us = 0;
    } else if (who->state == BENCH_PERSON_JOINING) {
        fail(who, BENCH_FAILURE_REFUSED, "the server closed the socket before its welcome, code ", number);
    } else if (who->state == BENCH_PERSON_INSIDE) {
        who->state = BENCH_PERSON_DROPPED;
        snprintf(who->why, sizeof who->why, "the socket closed with code %u", code);
    }
    bench_person_touch(who);
}

static void open_socket(struct bench_person *who)
{
    const struct bench_dialect *dialect = who->crowd->dialect;
    const struct bench_ws_config config = {.loop = who->crowd->loop,
                                           .place = who->crowd->place,
                                           .path = dialect->ws_path,
                                           .protocol = dialect->ws_protocol,
                                           .on_open = on_ws_open,
                                           .on_failed = on_ws_failed,
                                           .may_work = may_work,
                                           .on_text = on_text,
                                           .on_closed = on_closed,
                                           .user = who};
    struct bench_trouble trouble;
    if (bench_ws_start(&who->ws, &config, &trouble) != 0)
        bench_person_fail(who, &trouble);
}

/* ---- the ticket ----------------------------------------------------------------------------------------------- */

static void on_ticket(void *user, int status, const char *body, const struct bench_trouble *trouble)
{
    struct bench_person *who = user;
    char text[80];
    if (status == 201)
        bench_ticket_read(who->ticket, body);
    if (status == 201 && who->ticket[0] != 0) {
        open_socket(who);
    } else if (status == 429 || status == 503) {
        who->ticket_waits++;
        who->retry_us = base_clock_us() + RETRY_MIN_US + base_prng_next(&who->crowd->seed) % RETRY_SPREAD_US;
    } else if (status == 0) {
        bench_person_fail(who, trouble);
    } else {
        snprintf(text, sizeof text, "%d %.60s", status, status == 201 ? "without a ticket" : body);
        fail(who, BENCH_FAILURE_HTTP, "a ticket was asked for; the answer: HTTP ", text);
        who->http_status = status;
    }
    bench_request_destroy(who->request);
    who->request = NULL;
    bench_person_touch(who);
}

static void ask_for_ticket(struct bench_person *who)
{
    char path[128], body[256], name[32];
    snprintf(name, sizeof name, "bench %u", who->config.number);
    bench_ticket_path(path, who->room);
    bench_ticket_body(body, name, who->identity);
    const struct bench_request_config config = {.place = who->crowd->place,
                                                .loop = who->crowd->loop,
                                                .method = "POST",
                                                .path = path,
                                                .body = body,
                                                .on_done = on_ticket,
                                                .may_work = may_work,
                                                .user = who};
    struct bench_trouble trouble;
    if (bench_request_start(&who->request, &config, &trouble) != 0)
        bench_person_fail(who, &trouble);
}

/* ---- coming --------------------------------------------------------------------------------------------------- */

void bench_person_begin(struct bench_person *who, bool resume)
{
    bench_person_cut(who);
    who->state = BENCH_PERSON_CONNECTING;
    who->failure = BENCH_FAILURE_NONE;
    who->http_status = 0;
    who->why[0] = 0;
    who->started_us = base_clock_us();
    who->inside_us = who->connected_us = 0;
    who->retry_us = 0;
    who->limit_us = who->started_us + BENCH_ENTER_LIMIT_US;
    who->ticket_waits = 0;
    who->resuming = resume;
    who->leaving = false;
    if (!resume && who->crowd->dialect->tickets && who->ticket[0] == 0)
        ask_for_ticket(who);
    else
        open_socket(who);
    bench_person_touch(who);
}

/* Every peer connection that it needs is there: also that for the tracks of others which have not been offered yet. */
static bool media_ready(const struct bench_person *who)
{
    const struct bench_participant *participant = who->participant;
    if (!bench_participant_connected(participant))
        return false;
    for (unsigned i = 0; i < participant->other_count && participant->sub_count == 0; i++)
        if (participant->others[i]->track_count != 0)
            return false;
    return true;
}

static void look_at_media(struct bench_person *who)
{
    for (int pc = 0; pc < 2; pc++)
        if (bench_peer_state(who->participant->peers[pc]) == BENCH_PEER_FAILED) {
            fail(who, BENCH_FAILURE_MEDIA, "the DTLS association failed or was ended by the server: ",
                 pc == BENCH_PUBLISH ? "publish" : "subscribe");
            return;
        }
    if (who->state == BENCH_PERSON_INSIDE && who->connected_us == 0 && media_ready(who)) {
        who->connected_us = base_clock_us();
        who->limit_us = 0;
    }
}

void bench_person_look(struct bench_person *who)
{
    if (who->state != BENCH_PERSON_JOINING && who->state != BENCH_PERSON_INSIDE)
        return;
    enum bench_participant_state state = who->participant->state;
    if (who->state == BENCH_PERSON_JOINING && state == BENCH_INSIDE) {
        who->state = BENCH_PERSON_INSIDE;
        who->inside_us = base_clock_us();
    }
    if ((state == BENCH_REFUSED || state == BENCH_CLOSED) && !who->leaving)
        fail(who, BENCH_FAILURE_REFUSED, state == BENCH_REFUSED ? "refused: " : "closing: ", who->participant->code);
    else if (!who->leaving)
        look_at_media(who);
}

/* ---- time ----------------------------------------------------------------------------------------------------- */

uint64_t bench_person_entering_deadline_us(const struct bench_person *who)
{
    uint64_t deadline_us = who->limit_us != 0 ? who->limit_us : BASE_NEVER_US;
    return who->retry_us != 0 && who->retry_us < deadline_us ? who->retry_us : deadline_us;
}

/* Which peer connection did not come about, and how far it came. */
static void fail_media(struct bench_person *who)
{
    enum bench_pc pc = bench_peer_state(who->participant->peers[BENCH_PUBLISH]) == BENCH_PEER_NEW &&
                               bench_peer_ice(who->participant->peers[BENCH_PUBLISH])->remote.pwd[0] != 0
                           ? BENCH_PUBLISH
                           : BENCH_SUBSCRIBE;
    const struct bench_ice *ice = bench_peer_ice(who->participant->peers[pc]);
    const char *how = ice->remote.pwd[0] == 0           ? "the server sent no description of it"
                      : bench_ice_selected(ice) == NULL ? "no ICE check was answered (a firewall?)"
                                                        : "the DTLS handshake did not end";
    fail(who, BENCH_FAILURE_MEDIA,
         pc == BENCH_PUBLISH ? "inside, but cannot send media: " : "inside, but cannot receive media: ", how);
}

static void too_late(struct bench_person *who)
{
    bool connecting = who->state == BENCH_PERSON_CONNECTING;
    who->limit_us = 0;
    if (who->leaving)
        who->state = BENCH_PERSON_LEFT;
    else if (who->state == BENCH_PERSON_INSIDE)
        fail_media(who);
    else if (who->state == BENCH_PERSON_JOINING)
        fail(who, BENCH_FAILURE_TIMEOUT, "no answer to ", who->resuming ? "resume" : "join");
    else if (who->state == BENCH_PERSON_CONNECTING && who->ticket_waits != 0)
        fail(who, BENCH_FAILURE_TIMEOUT, "no ticket in time: HTTP 429 or 503", "");
    else if (who->state == BENCH_PERSON_CONNECTING)
        fail(who, BENCH_FAILURE_TIMEOUT, "no answer to ",
             who->request != NULL ? "the request for a ticket" : "the WebSocket's opening");
    if (connecting)
        bench_person_cut(who); /* the socket would open after all, and who has failed would come in */
}

void bench_person_poll_entering(struct bench_person *who, uint64_t now_us)
{
    if (who->limit_us != 0 && who->limit_us <= now_us)
        too_late(who);
    if (who->retry_us != 0 && who->retry_us <= now_us) {
        who->retry_us = 0;
        ask_for_ticket(who);
    }
}

/* ---- going ---------------------------------------------------------------------------------------------------- */

void bench_person_leave(struct bench_person *who)
{
    who->leaving = true;
    who->retry_us = 0;
    who->limit_us = base_clock_us() + LEAVE_LIMIT_US;
    if (who->ws != NULL && who->close_code == 0 && who->participant->state == BENCH_INSIDE)
        bench_participant_leave(who->participant);
    else
        who->limit_us = base_clock_us(); /* nobody to wait for */
    for (int pc = 0; pc < 2; pc++)
        bench_peer_close(who->participant->peers[pc]);
    bench_person_touch(who);
}

void bench_person_drop_socket(struct bench_person *who)
{
    bench_person_cut(who);
    bench_participant_on_socket_closed(who->participant);
    if (who->state != BENCH_PERSON_FAILED && who->state != BENCH_PERSON_LEFT) {
        who->state = BENCH_PERSON_DROPPED;
        snprintf(who->why, sizeof who->why, "we dropped the socket");
        who->retry_us = who->limit_us = 0;
    }
    bench_person_touch(who);
}
