/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/err.h"
#include "bench/scenario/scenario.h"
#include "tests/support/test.h"

/* A busy run of each kind: everything that can happen does. */
static struct bench_scenario busy(enum bench_scenario_kind kind, uint64_t seed)
{
    struct bench_scenario scenario;
    bench_scenario_init(&scenario, kind);
    scenario.seed = seed;
    scenario.screen = true;
    scenario.duration_ms = 60000;
    scenario.turn_ms = 2000;
    scenario.churn_per_min = 40;
    scenario.mutes_per_min = 6;
    scenario.chats_per_min = 20;
    scenario.storm_at_ms = 30000;
    scenario.nice_every = 4;
    return scenario;
}

/* Everything that must hold at each moment of a plan. */
struct watch {
    bool inside[1024], speaks[1024], shares[1024], muted[1024][2];
    unsigned room_shares[1024], entered, left, drops, chats, turns, mutes, shared;
    bool measuring, ended;
};

static void watch_one(int *t_failed, struct watch *watch, const struct bench_plan *plan,
                      const struct bench_action *action)
{
    uint32_t person = action->person, room = plan->seats[person].room;
    bool about_person = action->kind != BENCH_ACT_MEASURE && action->kind != BENCH_ACT_END;
    T_CHECK(person < plan->seat_count && !watch->ended);
    if (about_person && action->kind != BENCH_ACT_ENTER)
        T_CHECK(watch->inside[person]);
    switch (action->kind) {
    case BENCH_ACT_ENTER:
        T_CHECK(!watch->inside[person]);
        watch->inside[person] = true;
        watch->muted[person][0] = watch->muted[person][1] = watch->speaks[person] = false;
        watch->entered++;
        break;
    case BENCH_ACT_LEAVE:
        watch->inside[person] = false;
        watch->room_shares[room] -= watch->shares[person];
        watch->shares[person] = false;
        watch->left++;
        break;
    case BENCH_ACT_MUTE:
        T_CHECK(action->value < 2 && watch->muted[person][action->value] != action->on);
        watch->muted[person][action->value] = action->on;
        watch->mutes++;
        break;
    case BENCH_ACT_VOICE:
        T_CHECK(plan->seats[person].mic && watch->speaks[person] != action->on);
        watch->speaks[person] = action->on;
        watch->turns += action->on;
        break;
    case BENCH_ACT_SCREEN:
        T_CHECK(plan->seats[person].screen && watch->shares[person] != action->on);
        watch->shares[person] = action->on;
        watch->room_shares[room] += action->on ? 1 : (unsigned)-1;
        T_CHECK(watch->room_shares[room] <= 1);
        watch->shared += action->on;
        break;
    case BENCH_ACT_CHAT:
        T_CHECK(watch->measuring);
        watch->chats++;
        break;
    case BENCH_ACT_DROP:
        watch->drops++;
        break;
    case BENCH_ACT_MEASURE:
        T_CHECK(!watch->measuring);
        watch->measuring = true;
        break;
    case BENCH_ACT_END:
        T_CHECK(watch->measuring);
        watch->ended = true;
        break;
    }
}

static void watch_plan(int *t_failed, struct watch *watch, const struct bench_plan *plan)
{
    memset(watch, 0, sizeof *watch);
    T_CHECK(plan->seat_count <= 1024 && plan->action_count != 0);
    for (size_t i = 0; i < plan->action_count; i++) {
        T_CHECK(i == 0 || plan->actions[i - 1].at_us <= plan->actions[i].at_us);
        T_CALL(watch_one(t_failed, watch, plan, &plan->actions[i]));
    }
    T_CHECK(watch->ended);
    T_CHECK(plan->actions[plan->action_count - 1].at_us < plan->length_us);
}

static struct watch watch;

T_TEST(nobody_acts_from_outside)
{
    for (uint64_t seed = 0; seed < 40; seed++)
        for (int kind = 0; kind < 3; kind++) {
            struct bench_scenario scenario = busy((enum bench_scenario_kind)kind, seed);
            struct bench_plan plan;
            T_EQ(bench_plan_make(&plan, &scenario), 0);
            T_CALL(watch_plan(t_failed, &watch, &plan));
            T_CHECK(watch.left != 0 && watch.turns != 0 && watch.shared != 0 && watch.chats != 0);
            T_CHECK(watch.entered >= plan.seat_count && watch.mutes != 0);
            bench_plan_clear(&plan);
        }
}

static bool same(const struct bench_plan *a, const struct bench_plan *b)
{
    if (a->action_count != b->action_count || a->seat_count != b->seat_count)
        return false;
    for (size_t i = 0; i < a->action_count; i++) {
        const struct bench_action *x = &a->actions[i], *y = &b->actions[i];
        if (x->at_us != y->at_us || x->kind != y->kind || x->person != y->person || x->value != y->value ||
            x->on != y->on)
            return false;
    }
    return true;
}

T_TEST(the_same_seed_is_the_same_meeting)
{
    struct bench_scenario scenario = busy(BENCH_SCENARIO_RCP, 7);
    struct bench_plan first, again, other;
    T_EQ(bench_plan_make(&first, &scenario), 0);
    T_EQ(bench_plan_make(&again, &scenario), 0);
    scenario.seed = 8;
    T_EQ(bench_plan_make(&other, &scenario), 0);
    T_CHECK(same(&first, &again));
    T_CHECK(!same(&first, &other));
    bench_plan_clear(&first);
    bench_plan_clear(&again);
    bench_plan_clear(&other);
}

/* Actions of one kind of a plan, to compare two plans in it. */
static size_t times_of(const struct bench_plan *plan, enum bench_action_kind kind, uint64_t *out, size_t max)
{
    size_t count = 0;
    for (size_t i = 0; i < plan->action_count && count < max; i++)
        if (plan->actions[i].kind == kind)
            out[count++] = plan->actions[i].at_us;
    return count;
}

T_TEST(more_chat_does_not_change_who_speaks)
{
    static uint64_t before[4096], after[4096];
    struct bench_scenario scenario = busy(BENCH_SCENARIO_RCP, 3);
    struct bench_plan plan;
    T_EQ(bench_plan_make(&plan, &scenario), 0);
    size_t before_count = times_of(&plan, BENCH_ACT_VOICE, before, 4096);
    bench_plan_clear(&plan);
    scenario.chats_per_min *= 3;
    scenario.storm_at_ms = 0;
    T_EQ(bench_plan_make(&plan, &scenario), 0);
    size_t after_count = times_of(&plan, BENCH_ACT_VOICE, after, 4096);
    bench_plan_clear(&plan);
    T_EQ(before_count, after_count);
    T_MEM_EQ(before, after, before_count * sizeof before[0]);
}

T_TEST(the_measured_part_has_its_length)
{
    struct bench_scenario scenario;
    struct bench_plan plan;
    uint64_t measure_us, end_us, last_enter_us[64];
    bench_scenario_init(&scenario, BENCH_SCENARIO_TELECONSULTATION);
    scenario.ramp_ms = 4000;
    T_EQ(bench_plan_make(&plan, &scenario), 0);
    T_EQ(times_of(&plan, BENCH_ACT_MEASURE, &measure_us, 1), 1);
    T_EQ(times_of(&plan, BENCH_ACT_END, &end_us, 1), 1);
    size_t entries = times_of(&plan, BENCH_ACT_ENTER, last_enter_us, 64);
    T_EQ(entries, 20);
    T_EQ(last_enter_us[0], 0);
    T_EQ(last_enter_us[19], 3800000); /* evenly over the ramp */
    T_EQ(measure_us, 7000000);
    T_EQ(end_us, measure_us + 20000000);
    T_EQ(plan.length_us, end_us + 2000000);
    bench_plan_clear(&plan);
}

T_TEST(leavers_are_replaced_two_seconds_later)
{
    struct bench_scenario scenario = busy(BENCH_SCENARIO_RCP, 11);
    struct bench_plan plan;
    unsigned replaced = 0, left = 0;
    T_EQ(bench_plan_make(&plan, &scenario), 0);
    for (size_t i = 0; i < plan.action_count; i++) {
        const struct bench_action *leave = &plan.actions[i];
        if (leave->kind != BENCH_ACT_LEAVE)
            continue;
        left++;
        for (size_t k = i + 1; k < plan.action_count; k++)
            if (plan.actions[k].kind == BENCH_ACT_ENTER && plan.actions[k].person == leave->person) {
                T_EQ(plan.actions[k].at_us, leave->at_us + 2000000);
                replaced++;
                break;
            }
    }
    T_CHECK(left > 10);
    T_CHECK(replaced + 5 > left && replaced <= left); /* who leaves in the last 2 s is not */
    bench_plan_clear(&plan);
}

T_TEST(one_speaks_at_a_time_apart_from_coughs)
{
    struct bench_scenario scenario;
    struct bench_plan plan;
    bool speaks[12] = {false};
    unsigned speaking = 0, overlaps = 0, coughs = 0;
    uint64_t since_us[12] = {0};
    bench_scenario_init(&scenario, BENCH_SCENARIO_RCP);
    scenario.people = 12;
    scenario.duration_ms = 300000;
    T_EQ(bench_plan_make(&plan, &scenario), 0);
    for (size_t i = 0; i < plan.action_count; i++) {
        const struct bench_action *action = &plan.actions[i];
        if (action->kind != BENCH_ACT_VOICE)
            continue;
        T_CHECK(speaks[action->person] != action->on);
        speaks[action->person] = action->on;
        if (action->on) {
            overlaps += speaking != 0;
            since_us[action->person] = action->at_us;
            T_CHECK(++speaking <= 2);
        } else {
            speaking--;
            coughs += action->at_us - since_us[action->person] < 1000000;
        }
    }
    T_CHECK(coughs != 0 && coughs == overlaps);
    bench_plan_clear(&plan);
}

T_TEST(viewers_of_a_webinar_publish_nothing)
{
    struct bench_scenario scenario = busy(BENCH_SCENARIO_WEBINAR, 5);
    struct bench_plan plan;
    scenario.rooms = 2;
    T_EQ(bench_plan_make(&plan, &scenario), 0);
    for (uint32_t i = 0; i < plan.seat_count; i++) {
        bool speaker = i % scenario.people == 0;
        T_EQ(plan.seats[i].mic, speaker);
        T_EQ(plan.seats[i].camera, speaker);
        T_EQ(plan.seats[i].screen, speaker);
        T_EQ(plan.seats[i].room, i / scenario.people);
    }
    for (size_t i = 0; i < plan.action_count; i++) {
        const struct bench_action *action = &plan.actions[i];
        bool speaker = action->person % scenario.people == 0;
        if (action->kind == BENCH_ACT_VOICE || action->kind == BENCH_ACT_SCREEN || action->kind == BENCH_ACT_MUTE)
            T_CHECK(speaker);
        if (action->kind == BENCH_ACT_LEAVE)
            T_CHECK(!speaker);
    }
    bench_plan_clear(&plan);
}

T_TEST(a_storm_hits_its_share)
{
    for (int percent = 0; percent <= 100; percent += 25) {
        struct bench_scenario scenario;
        struct bench_plan plan;
        bench_scenario_init(&scenario, BENCH_SCENARIO_RCP);
        scenario.rooms = 4;
        scenario.storm_at_ms = 5000;
        scenario.storm_share = percent / 100.0;
        scenario.storm_media = true;
        if (percent == 0) {
            T_EQ(bench_plan_make(&plan, &scenario), BASE_ERR_INVALID);
            continue;
        }
        T_EQ(bench_plan_make(&plan, &scenario), 0);
        T_CALL(watch_plan(t_failed, &watch, &plan));
        T_EQ(watch.drops, 24 * percent / 100);
        bench_plan_clear(&plan);
    }
}

T_TEST(profiles_and_libnice_are_dealt_out_in_turn)
{
    struct bench_scenario scenario;
    struct bench_plan plan;
    bench_scenario_init(&scenario, BENCH_SCENARIO_RCP);
    scenario.profile_count = 3;
    scenario.nice_every = 4;
    T_EQ(bench_plan_make(&plan, &scenario), 0);
    for (uint32_t i = 0; i < plan.seat_count; i++) {
        T_EQ(plan.seats[i].profile, i % 3);
        T_EQ(plan.seats[i].nice, i % 4 == 0);
    }
    bench_plan_clear(&plan);
    scenario.profile_count = 0;
    T_EQ(bench_plan_make(&plan, &scenario), 0);
    T_EQ(plan.seats[0].profile, -1);
    bench_plan_clear(&plan);
}

T_TEST(a_large_plan_is_made_at_once)
{
    struct bench_scenario scenario = busy(BENCH_SCENARIO_TELECONSULTATION, 9);
    struct bench_plan plan;
    scenario.rooms = 5000;
    scenario.churn_per_min = 5000;
    T_EQ(bench_plan_make(&plan, &scenario), 0);
    T_CHECK(plan.action_count > 100000);
    bench_plan_clear(&plan);
}

T_MAIN(T_CASE(nobody_acts_from_outside), T_CASE(the_same_seed_is_the_same_meeting),
       T_CASE(more_chat_does_not_change_who_speaks), T_CASE(the_measured_part_has_its_length),
       T_CASE(leavers_are_replaced_two_seconds_later), T_CASE(one_speaks_at_a_time_apart_from_coughs),
       T_CASE(viewers_of_a_webinar_publish_nothing), T_CASE(a_storm_hits_its_share),
       T_CASE(profiles_and_libnice_are_dealt_out_in_turn), T_CASE(a_large_plan_is_made_at_once))
