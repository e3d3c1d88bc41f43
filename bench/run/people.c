/* SPDX-License-Identifier: Apache-2.0 */
/* people.c - seats to persons: who enters and leaves, mutes, speaks, shares, and comes back. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "bench/run/run_internal.h"

#define UNMUTE_LIMIT_US 2000000u
#define MOVED_US        35000000u /* after a change of network a lost path is our doing: consent lasts 30 s (RFC 7675) */

int bench_run_people_create(struct bench_run *run)
{
    run->guest_count = run->plan.seat_count;
    run->guests = calloc(run->guest_count, sizeof *run->guests);
    for (uint32_t seat = 0; run->guests != NULL && seat < run->guest_count; seat++) {
        run->guests[seat].run = run;
        run->guests[seat].seat = seat;
    }
    return run->guests != NULL ? 0 : BASE_ERR_NOMEM;
}

/* The persons themselves are the crowd's. */
void bench_run_people_destroy(struct bench_run *run)
{
    free(run->guests);
    free(run->seat_of);
    free(run->leaving);
}

static const struct bench_seat *seat_of(const struct bench_run_guest *guest)
{
    return &guest->run->plan.seats[guest->seat];
}

static unsigned room_of(const struct bench_run_guest *guest)
{
    return seat_of(guest)->room + 1;
}

struct bench_sent bench_run_sent(const struct bench_run_guest *guest, enum bench_source source)
{
    struct bench_sent sent = {0};
    const struct bench_participant *participant = guest->person != NULL ? guest->person->participant : NULL;
    for (int layer = 0; participant != NULL && layer < BENCH_LAYERS; layer++) {
        if (participant->sends[source][layer] == NULL)
            continue;
        const struct bench_send_counters *counters = bench_send_stream_counters(participant->sends[source][layer]);
        sent.packets[layer] = counters->packets;
        if (layer == 0 && bench_run_is_video(source))
            sent.frames = counters->frames;
    }
    return sent;
}

/* ---- what a person says ---------------------------------------------------------------------------------------- */

/* Tickets have names of their own: then the server's id says who somebody is. */
static uint32_t number_of(void *user, const char *id)
{
    const struct bench_person *person = user;
    const struct bench_run_guest *guest = person->user;
    if (guest == NULL)
        return 0;
    const struct bench_run *run = guest->run;
    uint32_t first = guest->seat - guest->seat % run->scenario->people;
    for (uint32_t seat = first; seat < first + run->scenario->people; seat++) {
        const struct bench_run_guest *other = &run->guests[seat];
        if (other->person != NULL && other->person->participant != NULL &&
            strcmp(other->person->participant->id, id) == 0)
            return other->number;
    }
    return 0;
}

static void on_sub(void *user, const struct bench_sub *sub, bool ends)
{
    struct bench_run_guest *guest = ((struct bench_person *)user)->user;
    if (guest != NULL)
        bench_run_edges_on_sub(guest, sub, ends);
}

static void on_chat(void *user, const char *text)
{
    struct bench_run_guest *guest = ((struct bench_person *)user)->user;
    if (guest != NULL)
        bench_run_chat_heard(guest, text, base_clock_us());
}

static void set_paused(struct bench_run_guest *guest, enum bench_source source, bool paused, uint64_t now_us)
{
    struct bench_participant *participant = guest->person->participant;
    if (paused && !guest->paused[source])
        bench_run_edges_close_freezes(guest->run, guest->seat, source, now_us);
    if (!paused)
        guest->goes_on_us[source] = now_us;
    guest->paused[source] = paused;
    guest->unmute_request[source] = 0;
    for (int layer = 0; participant != NULL && layer < BENCH_LAYERS_MAX; layer++)
        if (participant->sends[source][layer] != NULL)
            bench_send_stream_pause(participant->sends[source][layer], paused, now_us);
}

/* The server will not have it: that is its fault, and who is not heard speaks all the same. */
static void unmute_anyway(struct bench_run_guest *guest, enum bench_source source, const char *why, uint64_t now_us)
{
    guest->run->past.problems++;
    bench_result_fail(guest->run->result, "%s-%u: person %u cannot unmute the %s: %.80s", guest->run->prefix,
                      room_of(guest), guest->number, bench_source_name(source), why);
    set_paused(guest, source, guest->muted[source], now_us);
}

/* The answer to an unmute: the source goes on. */
static void on_message(struct bench_person *who, const char *type, const json_t *message)
{
    struct bench_run_guest *guest = who->user;
    const char *refused = NULL;
    uint64_t request = guest != NULL ? who->crowd->dialect->answers(type, message, &refused) : 0;
    for (int source = 0; source < BENCH_SOURCES && request != 0; source++)
        if (guest->unmute_request[source] == request) {
            if (refused != NULL)
                unmute_anyway(guest, (enum bench_source)source, refused, base_clock_us());
            else
                set_paused(guest, (enum bench_source)source, guest->muted[source], base_clock_us());
        }
}

/* ---- entering -------------------------------------------------------------------------------------------------- */

static void describe(struct bench_run_guest *guest)
{
    const struct bench_scenario *scenario = guest->run->scenario;
    const struct bench_seat *seat = seat_of(guest);
    const struct bench_media_kit *kit = *guest->run->kit;
    struct bench_participant_config *config = &guest->config;
    memset(config, 0, sizeof *config);
    config->sources[BENCH_MIC] = seat->mic;
    config->sources[BENCH_CAMERA] = seat->camera;
    config->silent = true;
    config->number_of = number_of;
    config->on_sub = on_sub;
    config->on_chat = on_chat;
    config->media[BENCH_MIC].clips[0] = bench_media_kit_clip(kit, BENCH_MIC, 1);
    config->media[BENCH_MIC].silence = bench_media_kit_clip(kit, BENCH_MIC, 0);
    for (int source = BENCH_CAMERA; source <= BENCH_SCREEN; source++) {
        struct bench_source_config *media = &config->media[source];
        media->codec = scenario->codec;
        media->layers = source == BENCH_CAMERA ? scenario->layers : 1;
        media->spread = scenario->spread;
        for (unsigned layer = 0; layer < BENCH_LAYERS_MAX; layer++)
            media->clips[layer] = bench_media_kit_clip(kit, (enum bench_source)source, layer);
    }
}

/* A number that nobody had before, and whose it is. 0: no memory. */
static uint32_t draw_number(struct bench_run_guest *guest)
{
    struct bench_run *run = guest->run;
    if (run->number_count == 0)
        run->number_count = 1; /* 0 is nobody */
    if (run->number_count >= run->number_capacity) {
        uint32_t capacity = run->number_capacity * 2 + run->guest_count + 1;
        uint32_t *longer = realloc(run->seat_of, capacity * sizeof *longer);
        if (longer == NULL)
            return 0;
        memset(longer + run->number_capacity, 0, (capacity - run->number_capacity) * sizeof *longer);
        run->seat_of = longer;
        run->number_capacity = capacity;
    }
    run->seat_of[run->number_count] = guest->seat + 1;
    return run->number_count++;
}

/* The seat's own ticket, or one for people who replace others. NULL: none is left. */
static char *take_ticket(const struct bench_run_guest *guest)
{
    struct bench_run *run = guest->run;
    size_t i = guest->seat;
    if (run->tickets[i][0] == 0)
        for (i = run->guest_count; i < run->ticket_count && run->tickets[i][0] == 0;)
            i++;
    return i < run->ticket_count ? run->tickets[i] : NULL;
}

static void give_up(struct bench_run_guest *guest, enum bench_failure failure, const char *why)
{
    struct bench_run *run = guest->run;
    guest->given_up = true;
    guest->connected = false;
    if (run->first_failure == BENCH_FAILURE_NONE) {
        run->first_failure = failure;
        snprintf(run->first_why, sizeof run->first_why, "%s", why);
    }
    if (guest->ever_connected && !guest->again) {
        run->result->dropped++;
        bench_result_fail(run->result, "%s-%u: person %u was thrown out: %s", run->prefix, room_of(guest),
                          guest->number, why);
    } else {
        run->result->failed_joins++;
        bench_result_fail(run->result, "%s-%u: person %u could not %s: %s", run->prefix, room_of(guest), guest->number,
                          guest->again ? "come back" : "enter", why);
    }
}

/* libnice's agent is there for UDP only. */
static bool may_use_nice(const struct bench_run_guest *guest)
{
    const struct bench_scenario *scenario = guest->run->scenario;
    int profile = seat_of(guest)->profile;
    bool blocked = profile >= 0 && scenario->profiles[profile].udp_blocked;
    return seat_of(guest)->nice && !blocked && scenario->transport != BENCH_CHOICE_TCP;
}

static void enter(struct bench_run_guest *guest)
{
    static const enum bench_transport transports[] = {BENCH_UDP, BENCH_TCP, BENCH_UDP_OR_TCP};
    struct bench_run *run = guest->run;
    int profile = seat_of(guest)->profile;
    char room[64];
    guest->planned = true;
    guest->given_up = guest->connected = guest->ever_connected = guest->again = guest->afresh = false;
    guest->speaks = guest->shares = false;
    guest->problems = 0;
    memset(guest->muted, 0, sizeof guest->muted);
    memset(guest->paused, 0, sizeof guest->paused);
    memset(guest->unmute_request, 0, sizeof guest->unmute_request);
    memset(guest->live, 0, sizeof guest->live);
    memset(guest->goes_on_us, 0, sizeof guest->goes_on_us);
    memset(guest->lost, 0, sizeof guest->lost);
    guest->moved_until_us = 0;
    memset(guest->history, 0, sizeof guest->history);
    guest->number = draw_number(guest);
    describe(guest);
    bench_run_edges_enter(run, guest);
    snprintf(room, sizeof room, "%s-%u", run->prefix, room_of(guest));
    struct bench_person_config config = {
        .room = room,
        .number = guest->number,
        .transport = transports[run->scenario->transport],
        .profile = profile >= 0 ? &run->scenario->profiles[profile] : NULL,
        .seed = (run->scenario->seed << 32) + guest->number,
        .nice = may_use_nice(guest),
        .participant = &guest->config,
    };
    char *ticket = run->tickets != NULL ? take_ticket(guest) : NULL;
    if (run->tickets != NULL && ticket == NULL) {
        give_up(guest, BENCH_FAILURE_REFUSED, "no ticket is left in the file");
        return;
    }
    config.ticket = ticket;
    if (guest->number == 0 || bench_person_start(&guest->person, run->crowd, &config) != 0) {
        give_up(guest, BENCH_FAILURE_RESOURCES, "no memory");
        return;
    }
    if (ticket != NULL)
        ticket[0] = 0;
    guest->person->user = guest;
    guest->person->on_message = on_message;
}

/* ---- leaving --------------------------------------------------------------------------------------------------- */

static void forget(struct bench_run *run, struct bench_person *person)
{
    if (person->user != NULL)
        bench_run_count_person(person, &run->past);
    bench_person_destroy(person);
}

static void leave(struct bench_run_guest *guest, uint64_t now_us)
{
    struct bench_run *run = guest->run;
    struct bench_person *person = guest->person;
    bench_run_chat_leave(run, guest, now_us);
    bench_run_edges_leave(run, guest, now_us);
    guest->planned = guest->connected = guest->given_up = false;
    guest->person = NULL;
    if (person == NULL)
        return;
    if (run->leaving_count == run->leaving_capacity) {
        size_t capacity = run->leaving_capacity * 2 + 64;
        struct bench_person **longer = realloc(run->leaving, capacity * sizeof(struct bench_person *));
        if (longer == NULL) {
            forget(run, person); /* without a goodbye */
            return;
        }
        run->leaving = longer;
        run->leaving_capacity = capacity;
    }
    bench_run_count_person(person, &run->past);
    person->user = NULL;
    bench_person_leave(person);
    run->leaving[run->leaving_count++] = person;
}

static void bury(struct bench_run *run)
{
    for (size_t i = 0; i < run->leaving_count;)
        if (run->leaving[i]->state == BENCH_PERSON_LEFT || run->leaving[i]->state == BENCH_PERSON_FAILED) {
            forget(run, run->leaving[i]);
            run->leaving[i] = run->leaving[--run->leaving_count];
        } else {
            i++;
        }
}

/* ---- what the plan wants of those inside ------------------------------------------------------------------------ */

static bool can_talk(const struct bench_run_guest *guest)
{
    return guest->person != NULL && guest->person->state == BENCH_PERSON_INSIDE && guest->connected;
}

static void speak(struct bench_run_guest *guest, bool on)
{
    guest->speaks = on;
    guest->config.silent = !on; /* if the person must come back as somebody new */
    if (guest->person != NULL && guest->person->participant != NULL)
        bench_participant_speak(guest->person->participant, on);
}

/* Muting works at once, unmuting when the server has said so. */
static void mute_as_wanted(struct bench_run_guest *guest, enum bench_source source, uint64_t now_us)
{
    struct bench_participant *participant = guest->person->participant;
    if (guest->unmute_request[source] != 0 && now_us >= guest->unmute_us[source] + UNMUTE_LIMIT_US)
        unmute_anyway(guest, source, "no answer in 2 s", now_us);
    if (guest->muted[source] == guest->paused[source] || guest->unmute_request[source] != 0 ||
        participant->track_ids[source][0] == 0)
        return;
    if (guest->muted[source]) {
        set_paused(guest, source, true, now_us);
        (void)bench_participant_mute(participant, source, true);
        return;
    }
    guest->unmute_us[source] = now_us;
    guest->unmute_request[source] = bench_participant_mute(participant, source, false);
    if (guest->unmute_request[source] == 0) /* the server knows no mute */
        set_paused(guest, source, false, now_us);
}

static void share(struct bench_run_guest *guest, bool on, uint64_t now_us)
{
    if (on) {
        guest->shares = true;
        guest->shares_us = now_us;
        bench_run_edges_source(guest->run, guest, BENCH_SCREEN, true, now_us);
    } else {
        bench_run_edges_source(guest->run, guest, BENCH_SCREEN, false, now_us);
        guest->shares = false;
        guest->live[BENCH_SCREEN] = false;
    }
}

static void do_as_wanted(struct bench_run_guest *guest, uint64_t now_us)
{
    struct bench_participant *participant = guest->person->participant;
    if (participant->publishing[BENCH_SCREEN] != guest->shares)
        (void)bench_participant_share(participant, guest->shares, now_us);
    for (int source = 0; source < BENCH_SOURCES; source++)
        mute_as_wanted(guest, (enum bench_source)source, now_us);
}

/* ---- dropping and coming back ----------------------------------------------------------------------------------- */

static void come_back(struct bench_run_guest *guest, bool resume, uint64_t now_us)
{
    guest->connected = false;
    memset(guest->unmute_request, 0, sizeof guest->unmute_request);
    if (!resume) { /* somebody new: all streams end and begin */
        bench_run_count_person(guest->person, &guest->run->past);
        bench_run_edges_leave(guest->run, guest, now_us);
        memset(guest->live, 0, sizeof guest->live);
        memset(guest->paused, 0, sizeof guest->paused);
        memset(guest->history, 0, sizeof guest->history);
        bench_run_edges_enter(guest->run, guest);
        guest->afresh = true;
    }
    guest->again = true;
    if (bench_person_start_again(guest->person, resume) != 0)
        give_up(guest, BENCH_FAILURE_RESOURCES, "no memory");
}

static void drop(struct bench_run_guest *guest, bool media, uint64_t now_us)
{
    if (!can_talk(guest))
        return;
    bool resume = guest->run->crowd->dialect->resumes;
    bench_run_chat_leave(guest->run, guest, now_us);
    guest->dropped_us = now_us;
    guest->drop_planned = true;
    guest->afresh = false;
    bench_person_drop_socket(guest->person);
    if (media && resume) {
        guest->moved_until_us = now_us + MOVED_US;
        bench_run_edges_suspend(guest->run, guest, now_us);
        for (int pc = 0; pc < 2; pc++)
            (void)bench_person_move(guest->person, (enum bench_pc)pc);
    }
    come_back(guest, resume, now_us);
}

/* The server did not keep the place of somebody whose socket was gone for a moment. */
static void lose_place(struct bench_run_guest *guest, uint64_t now_us)
{
    struct bench_run *run = guest->run;
    run->result->dropped += guest->drop_planned; /* the others are counted already */
    bench_result_fail(run->result, "%s-%u: person %u could not resume: %s", run->prefix, room_of(guest), guest->number,
                      guest->person->why);
    come_back(guest, false, now_us);
}

/* ---- looking ---------------------------------------------------------------------------------------------------- */

/* One more for the report: servers that were compared must have done the same cryptography. */
static void note_srtp(struct bench_result *result, const struct bench_participant *participant)
{
    for (int pc = 0; pc < 2; pc++) {
        if (bench_peer_state(participant->peers[pc]) != BENCH_PEER_CONNECTED)
            continue;
        const char *name = bench_peer_profile(participant->peers[pc]) == SFU_SRTP_AEAD_AES_128_GCM
                               ? "AEAD_AES_128_GCM"
                               : "AES128_CM_HMAC_SHA1_80";
        bool other = result->srtp[0] != 0 && strcmp(result->srtp, name) != 0;
        snprintf(result->srtp, sizeof result->srtp, "%s", other ? "mixed" : name);
    }
}

static void on_connected(struct bench_run_guest *guest)
{
    struct bench_run *run = guest->run;
    const struct bench_person *person = guest->person;
    note_srtp(run->result, person->participant);
    guest->connected = true;
    guest->connected_us = person->connected_us;
    if (guest->again) {
        bench_histogram_add(&run->result->rejoin, person->connected_us - guest->dropped_us);
    } else {
        run->result->entered++;
        run->result->nice_people += person->config.nice;
        bench_histogram_add(&run->result->join, person->connected_us - person->started_us);
        bench_histogram_add(&run->sampler.join, person->connected_us - person->started_us);
    }
    guest->ever_connected = true;
    guest->again = false;
}

static void look_at_sources(struct bench_run_guest *guest, uint64_t now_us)
{
    const struct bench_participant *participant = guest->person->participant;
    for (int source = 0; source < BENCH_SOURCES; source++) {
        bool live = participant->publishing[source] && participant->track_ids[source][0] != 0;
        if (live && !guest->live[source])
            guest->live_us[source] = now_us;
        guest->live[source] = live;
        if (participant->sends[source][0] != NULL) {
            struct bench_sent sent = bench_run_sent(guest, (enum bench_source)source);
            bench_sent_keep(&guest->history[source], now_us, &sent);
        }
    }
    if (participant->problems > guest->problems)
        bench_result_fail(guest->run->result, "%s-%u: person %u was told what the protocol forbids: %s",
                          guest->run->prefix, room_of(guest), guest->number, participant->problem);
    guest->problems = participant->problems;
}

/* A peer connection without consent is restarted, as a browser would. */
static void look_at_paths(struct bench_run_guest *guest, uint64_t now_us)
{
    struct bench_run *run = guest->run;
    for (int pc = 0; pc < 2; pc++) {
        bool lost = bench_peer_state(guest->person->participant->peers[pc]) == BENCH_PEER_LOST;
        if (lost && !guest->lost[pc])
            (void)bench_participant_restart(guest->person->participant, (enum bench_pc)pc, now_us);
        if (lost && !guest->lost[pc] && now_us > guest->moved_until_us) {
            run->result->dropped++;
            bench_result_fail(run->result, "%s-%u: person %u lost the %s connection", run->prefix, room_of(guest),
                              guest->number, pc == BENCH_PUBLISH ? "publish" : "subscribe");
        }
        guest->lost[pc] = lost;
    }
}

static void look_at(struct bench_run_guest *guest, uint64_t now_us)
{
    struct bench_run *run = guest->run;
    struct bench_person *person = guest->person;
    if (person == NULL || guest->given_up)
        return;
    if (person->state == BENCH_PERSON_DROPPED) {
        run->result->dropped++;
        bench_result_fail(run->result, "%s-%u: person %u lost the socket: %s", run->prefix, room_of(guest),
                          guest->number, person->why);
        bench_run_chat_leave(run, guest, now_us);
        guest->dropped_us = now_us;
        guest->drop_planned = guest->afresh = false;
        come_back(guest, run->crowd->dialect->resumes, now_us);
    } else if (person->state == BENCH_PERSON_FAILED) {
        if (guest->again && !guest->afresh)
            lose_place(guest, now_us);
        else
            give_up(guest, person->failure, person->why);
    } else if (person->state == BENCH_PERSON_INSIDE) {
        if (!guest->connected && person->connected_us != 0)
            on_connected(guest);
        if (guest->connected && !run->ended)
            do_as_wanted(guest, now_us);
        look_at_paths(guest, now_us);
    }
    look_at_sources(guest, now_us);
}

void bench_run_people_tick(struct bench_run *run, uint64_t now_us)
{
    for (uint32_t i = 0; i < run->guest_count; i++)
        look_at(&run->guests[i], now_us);
    bury(run);
}

void bench_run_act(struct bench_run *run, const struct bench_action *action, uint64_t now_us)
{
    struct bench_run_guest *guest = &run->guests[action->person];
    switch (action->kind) {
    case BENCH_ACT_ENTER:
        enter(guest);
        break;
    case BENCH_ACT_LEAVE:
        leave(guest, now_us);
        break;
    case BENCH_ACT_MUTE:
        guest->muted[action->value] = action->on;
        break;
    case BENCH_ACT_VOICE:
        speak(guest, action->on);
        break;
    case BENCH_ACT_SCREEN:
        share(guest, action->on, now_us);
        break;
    case BENCH_ACT_CHAT:
        bench_run_chat_say(run, guest, now_us);
        break;
    case BENCH_ACT_DROP:
        drop(guest, action->on, now_us);
        break;
    case BENCH_ACT_MEASURE:
    case BENCH_ACT_END:
        return; /* run.c */
    }
    if (can_talk(guest))
        do_as_wanted(guest, now_us);
}

void bench_run_people_end(struct bench_run *run, uint64_t now_us)
{
    for (uint32_t i = 0; i < run->guest_count; i++)
        for (int source = 0; source < BENCH_SOURCES; source++)
            if (run->guests[i].person != NULL && run->guests[i].person->participant != NULL &&
                run->guests[i].person->participant->sends[source][0] != NULL)
                set_paused(&run->guests[i], (enum bench_source)source, true, now_us);
}

unsigned bench_run_people_inside(const struct bench_run *run)
{
    unsigned inside = 0;
    for (uint32_t i = 0; i < run->guest_count; i++)
        inside += run->guests[i].connected;
    return inside;
}

unsigned bench_run_people_entering(const struct bench_run *run)
{
    unsigned entering = 0;
    for (uint32_t i = 0; i < run->guest_count; i++)
        entering += run->guests[i].planned && !run->guests[i].connected && !run->guests[i].given_up;
    return entering;
}
