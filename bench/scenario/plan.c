/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan.c - from settings and a seed to a list of actions in time.
 *
 * Who is there is decided first (entering, churn), then what each one does while being there: so nothing is ever asked
 * of somebody who is outside. Each kind of event draws from a generator of its own: more chat does not change who
 * speaks when.
 */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/random.h"
#include "bench/scenario/scenario.h"

#define REPLACED_AFTER_US 2000000u /* a leaver's seat stays empty for so long */
#define STAY_LEAST_US     3000000u /* nobody leaves sooner */
#define AT_HOME_US        1000000u /* from entering until somebody does something */
#define PAUSE_MAX_US      400000u  /* between two turns */
#define COUGH_LEAST_US    300000u
#define COUGH_SPREAD_US   500000u
#define COUGH_SHARE       0.3 /* of turns with an interjection of somebody else */
#define SHARE_LEAST_US    10000000u
#define SHARE_SPREAD_US   20000000u
#define SHARE_PASSES_US   500000u /* from one's stopping to the next one's starting */
#define MUTE_CAMERA_SHARE 0.2
#define SOURCE_MIC        0u /* enum bench_source */
#define SOURCE_CAMERA     1u
#define NEVER_US          UINT64_MAX

/* One stay of somebody on a seat. */
struct stay {
    uint64_t from_us, to_us; /* to: NEVER_US if until the end */
    uint32_t seat;
    size_t before; /* the stay before it on this seat, plus 1; 0: none */
};

struct ordered {
    struct bench_action action;
    size_t number;
};

struct maker {
    const struct bench_scenario *scenario;
    struct bench_plan *plan;
    uint64_t measure_us, end_us;
    struct ordered *actions;
    size_t action_count, action_capacity;
    struct stay *stays;
    size_t stay_count, stay_capacity;
    size_t *newest; /* of each seat: its stay, plus 1 */
    bool no_memory;
};

/* ---- random ---------------------------------------------------------------------------------------------------- */

/* A generator for one purpose: splitmix64 spreads neighbouring seeds. */
static uint64_t generator(const struct maker *maker, uint64_t purpose)
{
    uint64_t x = maker->scenario->seed + (purpose + 1) * UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    x ^= x >> 31;
    return x != 0 ? x : 1;
}

/* 0 <= x < 1 */
static double share(uint64_t *state)
{
    return (double)(base_prng_next(state) >> 11) * 0x1p-53;
}

static uint64_t up_to(uint64_t *state, uint64_t limit)
{
    return limit == 0 ? 0 : (uint64_t)(share(state) * (double)limit);
}

/* Time to the next of events that come `per_min` a minute on average (Poisson). */
static uint64_t wait_us(uint64_t *state, double per_min)
{
    return (uint64_t)(-log(1.0 - share(state)) * 60e6 / per_min) + 1;
}

/* ---- lists ----------------------------------------------------------------------------------------------------- */

static void *grown(void *list, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return list;
    size_t more = *capacity == 0 ? 64 : *capacity * 2;
    void *longer = realloc(list, more * size);
    if (longer != NULL)
        *capacity = more;
    return longer;
}

static void act(struct maker *maker, uint64_t at_us, enum bench_action_kind kind, uint32_t seat, uint32_t value,
                bool on)
{
    struct ordered *actions =
        grown(maker->actions, maker->action_count, &maker->action_capacity, sizeof *maker->actions);
    if (actions == NULL) {
        maker->no_memory = true;
        return;
    }
    maker->actions = actions;
    actions[maker->action_count] = (struct ordered){
        .action = {.at_us = at_us, .kind = kind, .person = seat, .value = value, .on = on},
        .number = maker->action_count,
    };
    maker->action_count++;
}

static void stay(struct maker *maker, uint32_t seat, uint64_t from_us)
{
    struct stay *stays = grown(maker->stays, maker->stay_count, &maker->stay_capacity, sizeof *maker->stays);
    if (stays == NULL) {
        maker->no_memory = true;
        return;
    }
    maker->stays = stays;
    stays[maker->stay_count++] =
        (struct stay){.from_us = from_us, .to_us = NEVER_US, .seat = seat, .before = maker->newest[seat]};
    maker->newest[seat] = maker->stay_count;
}

/* The stay on this seat at that time with `margin_us` since its beginning, or NULL. */
static struct stay *stay_at(const struct maker *maker, uint32_t seat, uint64_t at_us, uint64_t margin_us)
{
    for (size_t i = maker->newest[seat]; i != 0; i = maker->stays[i - 1].before) {
        assert(maker->stays != NULL); /* stay() made what newest[] names */
        if (maker->stays[i - 1].from_us <= at_us) {
            struct stay *found = &maker->stays[i - 1];
            return found->from_us + margin_us <= at_us && found->to_us > at_us ? found : NULL;
        }
    }
    return NULL;
}

/* Somebody of seats [first, first + count) who is there, or NULL. */
static struct stay *anybody(const struct maker *maker, uint64_t *state, uint32_t first, uint32_t count, uint64_t at_us,
                            uint64_t margin_us, uint32_t but)
{
    uint32_t start = (uint32_t)up_to(state, count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t seat = first + (start + i) % count;
        struct stay *found = seat != but ? stay_at(maker, seat, at_us, margin_us) : NULL;
        if (found != NULL)
            return found;
    }
    return NULL;
}

/* ---- who is there ---------------------------------------------------------------------------------------------- */

static int make_seats(struct maker *maker)
{
    const struct bench_scenario *scenario = maker->scenario;
    struct bench_plan *plan = maker->plan;
    unsigned publishers = bench_scenario_publishers(scenario);
    plan->seat_count = scenario->rooms * scenario->people;
    plan->seats = calloc(plan->seat_count, sizeof *plan->seats);
    maker->newest = calloc(plan->seat_count, sizeof *maker->newest);
    if (plan->seats == NULL || maker->newest == NULL)
        return BASE_ERR_NOMEM;
    for (uint32_t i = 0; i < plan->seat_count; i++) {
        bool publishes = i % scenario->people < publishers;
        plan->seats[i] = (struct bench_seat){
            .room = i / scenario->people,
            .mic = publishes,
            .camera = publishes && scenario->camera,
            .screen = publishes && scenario->screen,
            .nice = scenario->nice_every != 0 && i % scenario->nice_every == 0,
            .profile = scenario->profile_count != 0 ? (int)(i % scenario->profile_count) : -1,
        };
    }
    return 0;
}

/* Everybody enters, the first ones of all rooms first; a webinar's speakers are there before their viewers. */
static void enter_all(struct maker *maker)
{
    uint32_t rooms = maker->scenario->rooms, people = maker->scenario->people;
    uint64_t ramp_us = UINT64_C(1000) * bench_scenario_ramp_ms(maker->scenario);
    for (uint32_t i = 0; i < rooms * people; i++) {
        uint32_t seat = i % rooms * people + i / rooms;
        uint64_t at_us = ramp_us * i / (rooms * people);
        act(maker, at_us, BENCH_ACT_ENTER, seat, 0, true);
        stay(maker, seat, at_us);
    }
}

static void churn(struct maker *maker)
{
    const struct bench_scenario *scenario = maker->scenario;
    uint64_t state = generator(maker, 1);
    if (scenario->churn_per_min <= 0)
        return;
    bool webinar = scenario->kind == BENCH_SCENARIO_WEBINAR;
    uint32_t seats = maker->plan->seat_count;
    for (uint64_t at_us = maker->measure_us + wait_us(&state, scenario->churn_per_min); at_us < maker->end_us;
         at_us += wait_us(&state, scenario->churn_per_min)) {
        uint32_t room = (uint32_t)up_to(&state, scenario->rooms);
        uint32_t first = webinar ? room * scenario->people + 1 : 0; /* speakers of webinars stay */
        uint32_t count = webinar ? scenario->people - 1 : seats;
        struct stay *leaver = anybody(maker, &state, first, count, at_us, STAY_LEAST_US, UINT32_MAX);
        if (leaver == NULL)
            continue;
        uint32_t seat = leaver->seat;
        leaver->to_us = at_us;
        act(maker, at_us, BENCH_ACT_LEAVE, seat, 0, true);
        if (at_us + REPLACED_AFTER_US < maker->end_us) {
            act(maker, at_us + REPLACED_AFTER_US, BENCH_ACT_ENTER, seat, 0, true);
            stay(maker, seat, at_us + REPLACED_AFTER_US);
        }
    }
}

/* ---- what they do ---------------------------------------------------------------------------------------------- */

/* Somebody speaks for a while, or until leaving. */
static void speak(struct maker *maker, const struct stay *who, uint64_t from_us, uint64_t to_us)
{
    if (from_us >= maker->end_us)
        return;
    act(maker, from_us, BENCH_ACT_VOICE, who->seat, 0, true);
    if (to_us < who->to_us && to_us < maker->end_us)
        act(maker, to_us, BENCH_ACT_VOICE, who->seat, 0, false);
}

static void turns_of(struct maker *maker, uint32_t first, uint32_t count, uint64_t *state)
{
    uint64_t turn_us = UINT64_C(1000) * maker->scenario->turn_ms;
    uint32_t before = UINT32_MAX;
    for (uint64_t at_us = 0; at_us < maker->end_us;) {
        uint64_t length_us = turn_us / 2 + up_to(state, turn_us);
        struct stay *who = anybody(maker, state, first, count, at_us, AT_HOME_US, before);
        if (who == NULL && before != UINT32_MAX)
            who = anybody(maker, state, first, count, at_us, AT_HOME_US, UINT32_MAX);
        if (who == NULL) {
            at_us += AT_HOME_US / 2; /* nobody is there yet */
            continue;
        }
        if (who->to_us < at_us + length_us)
            length_us = who->to_us - at_us;
        speak(maker, who, at_us, at_us + length_us);
        uint64_t cough_us = at_us + length_us / 2;
        struct stay *other =
            share(state) < COUGH_SHARE ? anybody(maker, state, first, count, cough_us, AT_HOME_US, who->seat) : NULL;
        uint64_t cough_length_us = COUGH_LEAST_US + up_to(state, COUGH_SPREAD_US);
        if (other != NULL && cough_us + cough_length_us < at_us + length_us)
            speak(maker, other, cough_us, cough_us + cough_length_us);
        before = who->seat;
        at_us += length_us + up_to(state, PAUSE_MAX_US) + 1;
    }
}

static void voices(struct maker *maker)
{
    const struct bench_scenario *scenario = maker->scenario;
    uint64_t state = generator(maker, 2);
    if (scenario->voice == BENCH_VOICE_TURNS)
        for (uint32_t room = 0; room < scenario->rooms; room++)
            turns_of(maker, room * scenario->people, bench_scenario_publishers(scenario), &state);
    if (scenario->voice == BENCH_VOICE_ALL)
        for (size_t i = 0; i < maker->stay_count; i++)
            if (maker->plan->seats[maker->stays[i].seat].mic)
                act(maker, maker->stays[i].from_us, BENCH_ACT_VOICE, maker->stays[i].seat, 0, true);
}

/* One of the room shares, and passes the share on now and then. */
static void shares_of(struct maker *maker, uint32_t first, uint32_t count, uint64_t *state)
{
    uint32_t before = UINT32_MAX;
    for (uint64_t at_us = 0; at_us < maker->end_us;) {
        uint64_t length_us = SHARE_LEAST_US + up_to(state, SHARE_SPREAD_US);
        struct stay *who = anybody(maker, state, first, count, at_us, AT_HOME_US, before);
        if (who == NULL && before != UINT32_MAX)
            who = anybody(maker, state, first, count, at_us, AT_HOME_US, UINT32_MAX);
        if (who == NULL) {
            at_us += AT_HOME_US / 2;
            continue;
        }
        if (count == 1) /* a webinar's: all the time */
            length_us = maker->end_us;
        act(maker, at_us, BENCH_ACT_SCREEN, who->seat, 0, true);
        uint64_t until_us = at_us + length_us;
        if (who->to_us <= until_us)
            until_us = who->to_us; /* the share goes with its owner */
        else if (until_us < maker->end_us)
            act(maker, until_us, BENCH_ACT_SCREEN, who->seat, 0, false);
        before = who->seat;
        at_us = until_us + SHARE_PASSES_US;
    }
}

static void screens(struct maker *maker)
{
    const struct bench_scenario *scenario = maker->scenario;
    uint64_t state = generator(maker, 3);
    for (uint32_t room = 0; scenario->screen && room < scenario->rooms; room++)
        shares_of(maker, room * scenario->people, bench_scenario_publishers(scenario), &state);
}

static void mutes(struct maker *maker)
{
    const struct bench_scenario *scenario = maker->scenario;
    uint64_t state = generator(maker, 4);
    for (size_t i = 0; scenario->mutes_per_min > 0 && i < maker->stay_count; i++) {
        const struct stay *who = &maker->stays[i];
        const struct bench_seat *seat = &maker->plan->seats[who->seat];
        uint64_t from_us =
            who->from_us + AT_HOME_US > maker->measure_us ? who->from_us + AT_HOME_US : maker->measure_us;
        bool muted[2] = {false, false};
        for (uint64_t at_us = from_us + wait_us(&state, scenario->mutes_per_min);
             seat->mic && at_us < maker->end_us && at_us < who->to_us;
             at_us += wait_us(&state, scenario->mutes_per_min)) {
            uint32_t source = seat->camera && share(&state) < MUTE_CAMERA_SHARE ? SOURCE_CAMERA : SOURCE_MIC;
            muted[source] = !muted[source];
            act(maker, at_us, BENCH_ACT_MUTE, who->seat, source, muted[source]);
        }
    }
}

static void chats(struct maker *maker)
{
    const struct bench_scenario *scenario = maker->scenario;
    uint64_t state = generator(maker, 5);
    for (uint32_t room = 0; scenario->chats_per_min > 0 && room < scenario->rooms; room++)
        for (uint64_t at_us = maker->measure_us + wait_us(&state, scenario->chats_per_min); at_us < maker->end_us;
             at_us += wait_us(&state, scenario->chats_per_min)) {
            const struct stay *who =
                anybody(maker, &state, room * scenario->people, scenario->people, at_us, AT_HOME_US, UINT32_MAX);
            if (who != NULL)
                act(maker, at_us, BENCH_ACT_CHAT, who->seat, 0, true);
        }
}

/* Exactly the share of those who are there, drawn without replacement. */
static void storm(struct maker *maker)
{
    const struct bench_scenario *scenario = maker->scenario;
    uint64_t state = generator(maker, 6), at_us = maker->measure_us + UINT64_C(1000) * scenario->storm_at_ms;
    uint32_t there = 0, seats = maker->plan->seat_count;
    if (scenario->storm_at_ms == 0)
        return;
    for (uint32_t seat = 0; seat < seats; seat++)
        there += stay_at(maker, seat, at_us, AT_HOME_US) != NULL;
    uint32_t hit = (uint32_t)ceil(scenario->storm_share * there - 1e-9);
    for (uint32_t seat = 0; seat < seats && hit != 0; seat++) {
        if (stay_at(maker, seat, at_us, AT_HOME_US) == NULL)
            continue;
        if (up_to(&state, there) < hit) {
            act(maker, at_us, BENCH_ACT_DROP, seat, 0, scenario->storm_media);
            hit--;
        }
        there--;
    }
}

/* ---- together -------------------------------------------------------------------------------------------------- */

static int by_time(const void *left, const void *right)
{
    const struct ordered *a = left, *b = right;
    if (a->action.at_us != b->action.at_us)
        return a->action.at_us < b->action.at_us ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

static int finish(struct maker *maker)
{
    struct bench_plan *plan = maker->plan;
    if (maker->no_memory)
        return BASE_ERR_NOMEM;
    qsort(maker->actions, maker->action_count, sizeof *maker->actions, by_time);
    plan->actions = calloc(maker->action_count, sizeof *plan->actions);
    if (plan->actions == NULL)
        return BASE_ERR_NOMEM;
    plan->action_count = maker->action_count;
    for (size_t i = 0; i < maker->action_count; i++)
        plan->actions[i] = maker->actions[i].action;
    return 0;
}

int bench_plan_make(struct bench_plan *out, const struct bench_scenario *scenario)
{
    char error[BENCH_SCENARIO_ERROR_MAX];
    memset(out, 0, sizeof *out);
    if (bench_scenario_check(scenario, error) != 0)
        return BASE_ERR_INVALID;
    struct maker maker = {.scenario = scenario, .plan = out};
    out->length_us = bench_scenario_length_us(scenario);
    maker.end_us = out->length_us - UINT64_C(1000) * scenario->drain_ms;
    maker.measure_us = maker.end_us - UINT64_C(1000) * scenario->duration_ms;
    int err = make_seats(&maker);
    if (err == 0) {
        enter_all(&maker);
        act(&maker, maker.measure_us, BENCH_ACT_MEASURE, 0, 0, true);
        churn(&maker);
        voices(&maker);
        screens(&maker);
        mutes(&maker);
        chats(&maker);
        storm(&maker);
        act(&maker, maker.end_us, BENCH_ACT_END, 0, 0, true);
        err = finish(&maker);
    }
    free(maker.actions);
    free(maker.stays);
    free(maker.newest);
    if (err != 0)
        bench_plan_clear(out);
    return err;
}

void bench_plan_clear(struct bench_plan *plan)
{
    free(plan->seats);
    free(plan->actions);
    memset(plan, 0, sizeof *plan);
}
