/* SPDX-License-Identifier: Apache-2.0 */
/* Does the load tool tell what a server does to media and people? One short meeting of three for each lie; the server
 * keeps its own account of what it did (tests/support/lying_server.h), and where the tool can be exact it must be. */
#include <stdlib.h>

#include "bench/report/report.h"
#include "bench/run/run.h"
#include "tests/integration/bench_liar.h"

#define FROM_P2_TO_P1 ";from=2;to=1"

/* A few small pictures, everybody speaks; the run must be over soon. */
static const char *const meeting[][2] = {
    {"rooms", "1"},       {"people", "3"},   {"video", "320x180"}, {"fps", "15"},     {"video-kbps", "150"},
    {"layers", "1"},      {"screen", "off"}, {"voice", "all"},     {"ramp", "100ms"}, {"settle", "1500ms"},
    {"duration", "4.5s"}, {"drain", "1s"},   {"decode-every", "0"}};

static struct bench_result result;
static int run_error;

/* ---- running -------------------------------------------------------------------------------------------------- */

static bool set_up(struct bench_scenario *scenario, const char *more)
{
    char error[160], text[256];
    bench_scenario_init(scenario, BENCH_SCENARIO_RCP);
    for (size_t i = 0; i < sizeof meeting / sizeof meeting[0]; i++)
        if (bench_scenario_set(scenario, meeting[i][0], meeting[i][1], error) != 0) {
            printf("    %s: %s\n", meeting[i][0], error);
            return false;
        }
    snprintf(text, sizeof text, "%s", more != NULL ? more : "");
    char *rest = NULL;
    for (char *key = strtok_r(text, " ", &rest); key != NULL; key = strtok_r(NULL, " ", &rest)) {
        char *value = strchr(key, '=');
        *value++ = 0;
        if (bench_scenario_set(scenario, key, value, error) != 0) {
            printf("    %s: %s\n", key, error);
            return false;
        }
    }
    return bench_scenario_check(scenario, error) == 0;
}

/* What the run has told so far. */
struct watch {
    uint64_t tracks;   /* of sound and pictures that must all be there */
    uint64_t expected; /* 0: not all of them are there yet */
};

static uint64_t expected_now(const struct bench_result *so_far)
{
    uint64_t sum = 0;
    for (int i = 0; i < BENCH_KINDS; i++)
        sum += so_far->kinds[i].expected;
    return sum;
}

/* The gate opens when all that is held back from then on is missed: every track was heard or seen in the measured part,
 * so its account has begun; and the server has since passed on as much as was sent until then and one packet more of
 * each track, in the order of sending, so that nothing from before is left in its queue. */
static void on_progress(void *user, const struct bench_result *so_far, const char *phase)
{
    struct watch *watch = user;
    uint64_t delivered = 0;
    if (strcmp(phase, "measuring") != 0)
        return;
    for (int i = 0; i < BENCH_KINDS; i++)
        delivered += so_far->kinds[i].delivered;
    if (watch->expected != 0 && delivered >= watch->expected)
        liar_open_gate();
    else if (watch->expected == 0 && so_far->first_audio.count + so_far->first_picture.count >= watch->tracks)
        watch->expected = expected_now(so_far) + watch->tracks;
}

/* Runs the meeting and ends the server; its account is there then. Judged by the thresholds that say what is never
 * right, as this machine may be busy: no times. */
static void meet(int *t_failed, const struct liar_case *self)
{
    struct bench_scenario scenario;
    struct bench_target *target = NULL;
    char error[BENCH_TARGET_ERROR_MAX] = "";
    struct watch watch = {.tracks = 12};
    const struct bench_target_config server = {
        .kind = BENCH_TARGET_CONSILIUM, .binary = getenv("CONSILIUM_SERVER"), .server_cpu = -1, .people_max = 8};
    T_CHECK(set_up(&scenario, self->scenario));
    if (scenario.screen)
        watch.tracks += 2;
    int err = bench_target_open(&target, &server, error);
    if (err != 0)
        printf("    %s\n", error);
    T_EQ(err, 0);
    const struct bench_run_config config = {
        .scenario = &scenario, .target = target, .cpu = -1, .progress = on_progress, .user = &watch};
    run_error = bench_run(&config, &result, error);
    if (run_error != 0)
        printf("    %s\n", error);
    bench_target_close(target);
    struct bench_thresholds levels = bench_thresholds_default;
    levels.delay_p99_ms = levels.join_p99_ms = levels.first_picture_p99_ms = levels.audio_gaps = -1;
    levels.first_sound_p99_ms = levels.frozen = -1;
    levels.loss = 0;
    (void)bench_thresholds_judge(&levels, &result);
    result.generator_saturated = false; /* of no interest here */
}

static bool fails(const char *level)
{
    for (unsigned i = 0; i < result.verdict_count; i++)
        if (strcmp(result.verdicts[i].name, level) == 0)
            return result.verdicts[i].asked && !result.verdicts[i].ok;
    return false;
}

static bool fails_by_time(const char *level)
{
    return strcmp(level, "freezes") == 0;
}

static uint64_t lost(void)
{
    return bench_result_expected(&result) - bench_result_delivered(&result);
}

/* What this machine itself had no room for. */
static uint64_t drops(void)
{
    return result.generator_socket_drops + result.server_socket_drops;
}

static uint64_t told(void)
{
    static const char *const lies[] = {"drop",  "drop-hidden", "drop-once",      "freeze",     "muted",  "duplicate",
                                       "copy",  "corrupt",     "corrupt-header", "picture-id", "marker", "swap",
                                       "cross", "shuffle",     "replay",         "time",       "reorder"};
    uint64_t sum = 0;
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++)
        sum += liar_account(lies[i], 0, 0, NULL);
    return sum;
}

/* Says all, for whoever has to find out why a check failed. */
static void show(void)
{
    static const char *const names[] = {"audio", "camera", "screen"};
    for (int i = 0; i < BENCH_KINDS; i++) {
        const struct bench_kind_result *kind = &result.kinds[i];
        if (kind->tracks + kind->expected == 0)
            continue;
        printf("    %s: tracks %" PRIu64 " missing %" PRIu64 ", expected %" PRIu64 " delivered %" PRIu64
               " repaired %" PRIu64 " reordered %" PRIu64 " duplicated %" PRIu64 " corrupt %" PRIu64 " wrong %" PRIu64
               ", frames %" PRIu64 " of %" PRIu64 ", freezes %" PRIu64 " (%" PRIu64 " us)\n",
               names[i], kind->tracks, kind->tracks_missing, kind->expected, kind->delivered, kind->repaired,
               kind->reordered, kind->duplicated, kind->corrupt, kind->wrong, kind->frames, kind->frames_expected,
               kind->freezes, kind->freeze_us);
    }
    printf("    entered %u, failed %u, dropped %u, problems %" PRIu64 ", chat %" PRIu64 " of %" PRIu64
           ", interrupted %d %s\n",
           result.entered, result.failed_joins, result.dropped, result.protocol_problems, result.chat_delivered,
           result.chat_expected, result.interrupted, result.ended);
    printf("    lied %" PRIu64 " times, %" PRIu64 " drops of this machine\n", told(), drops());
    for (unsigned i = 0; i < result.failure_count && i < 6; i++)
        printf("    %s\n", result.failures[i]);
}

static uint64_t errors_of(enum bench_kind kind)
{
    return result.kinds[kind].duplicated + result.kinds[kind].corrupt + result.kinds[kind].wrong;
}

/* ---- what must hold ------------------------------------------------------------------------------------------- */

static void everybody_was_there(int *t_failed)
{
    T_EQ(run_error, 0);
    T_CHECK(!result.interrupted);
    T_EQ(result.entered, 3);
    T_EQ(result.failed_joins + result.dropped, 0);
    T_EQ(result.kinds[BENCH_KIND_AUDIO].tracks, 6);
    T_EQ(result.kinds[BENCH_KIND_CAMERA].tracks, 6);
    T_CHECK(result.kinds[BENCH_KIND_AUDIO].expected > 6 * 50);
    T_CHECK(result.kinds[BENCH_KIND_CAMERA].expected > 6 * 15);
}

/* All that was sent arrived, and nothing is wrong with it. */
static void is_clean(int *t_failed)
{
    T_CHECK(lost() <= drops());
    T_EQ(bench_result_errors(&result), 0);
    T_EQ(bench_result_tracks_missing(&result), 0);
    T_EQ(result.unknown_packets, 0);
    for (unsigned i = 0; i < result.verdict_count; i++) /* a busy machine may freeze, and lose, by itself */
        T_CHECK(drops() != 0 || !fails(result.verdicts[i].name) || fails_by_time(result.verdicts[i].name));
}

#define MEET()                                                                                                         \
    T_CALL(meet(t_failed, self));                                                                                      \
    show();                                                                                                            \
    T_CALL(everybody_was_there(t_failed))

static void truth(int *t_failed, const struct liar_case *self)
{
    MEET();
    T_CALL(is_clean(t_failed));
    T_EQ(result.kinds[BENCH_KIND_CAMERA].frames, result.kinds[BENCH_KIND_CAMERA].frames_expected);
    if (strstr(self->lie != NULL ? self->lie : "", "copy") != NULL)
        T_CHECK(told() > 0);
}

/* Packets that never came: as many as were held back. */
static void tells_loss(int *t_failed, const struct liar_case *self)
{
    MEET();
    T_CHECK(told() >= (uint64_t)self->number);
    T_CHECK(lost() >= told() && lost() <= told() + drops());
    T_CHECK(fails("loss"));
    T_EQ(bench_result_tracks_missing(&result), 0);
}

static void tells_repair(int *t_failed, const struct liar_case *self)
{
    MEET();
    T_CALL(is_clean(t_failed));
    T_CHECK(told() >= (uint64_t)self->number);
    T_CHECK(result.kinds[BENCH_KIND_CAMERA].repaired >= told());
}

static void tells_reordering(int *t_failed, const struct liar_case *self)
{
    MEET();
    T_CALL(is_clean(t_failed));
    T_CHECK(told() >= (uint64_t)self->number);
    T_CHECK(result.kinds[BENCH_KIND_AUDIO].reordered >= told());
}

static void tells_delay(int *t_failed, const struct liar_case *self)
{
    static struct bench_histogram delay;
    MEET();
    T_CALL(is_clean(t_failed));
    bench_result_delay(&result, &delay);
    /* one receiver of three: a third of the packets */
    T_CHECK(bench_histogram_quantile(&delay, 0.99) >= (uint64_t)self->number * 970);
    T_CHECK(bench_histogram_quantile(&delay, 0.80) >= (uint64_t)self->number * 970);
    T_CHECK(bench_histogram_quantile(&delay, 0.20) < (uint64_t)self->number * 500);
}

/* Each lie is one error of the kind given by `number`. */
enum { DUPLICATED, CORRUPT, WRONG, WRONG_OFTEN };

static void tells_error(int *t_failed, const struct liar_case *self)
{
    const struct bench_kind_result *audio = &result.kinds[BENCH_KIND_AUDIO], *camera = &result.kinds[BENCH_KIND_CAMERA];
    MEET();
    T_CHECK(told() >= 5);
    T_CHECK(fails("errors"));
    switch ((int)self->number) {
    case DUPLICATED:
        T_EQ(audio->duplicated + camera->duplicated, told());
        T_CHECK(lost() <= drops());
        break;
    case CORRUPT: /* and what is damaged was not delivered */
        T_EQ(audio->corrupt + camera->corrupt, told());
        T_CHECK(lost() >= told() && lost() <= told() + drops());
        break;
    case WRONG:
        T_CHECK(audio->wrong + camera->wrong + result.kinds[BENCH_KIND_SCREEN].wrong >= told());
        break;
    default:
        T_CHECK(errors_of(BENCH_KIND_AUDIO) + errors_of(BENCH_KIND_CAMERA) > 0);
    }
}

/* A picture that stops, for ever or for `number` ms, while all seems well. */
static void tells_freeze(int *t_failed, const struct liar_case *self)
{
    const struct bench_kind_result *camera = &result.kinds[BENCH_KIND_CAMERA];
    MEET();
    T_CHECK(camera->freezes >= 1);
    T_CHECK(camera->freeze_longest_us >= (uint64_t)self->number * 950);
    T_CHECK(fails("freezes") && fails("worst-track"));
    T_CHECK(told() > 0 && lost() >= told() && lost() <= told() + drops());
    T_CHECK(camera->frames < camera->frames_expected);
}

/* Tracks (`number`) that never come, though their publisher sends. */
static void tells_missing_track(int *t_failed, const struct liar_case *self)
{
    MEET();
    T_EQ(bench_result_tracks_missing(&result), self->number);
    T_CHECK(fails("missing-tracks"));
    T_CHECK(fails("loss"));
    T_CHECK(result.failure_count >= (unsigned)self->number);
    /* counted in full: of 6 tracks, one brings a sixth of the packets */
    uint64_t expected = result.kinds[BENCH_KIND_CAMERA].expected;
    T_CHECK(lost() * 6 >= expected * (uint64_t)self->number * 8 / 10);
}

/* Before its first packet nothing of a track is expected; how long that took is told. */
static void tells_late_pictures(int *t_failed, const struct liar_case *self)
{
    MEET();
    T_CHECK(bench_histogram_quantile(&result.first_picture, 0.01) >= (uint64_t)self->number * 900);
    struct bench_thresholds levels = bench_thresholds_default;
    (void)bench_thresholds_judge(&levels, &result);
    T_CHECK(fails("first-picture-p99"));
}

/* A track that was there and is gone: all that its publisher sends from then on is lost. */
static void tells_lost_track(int *t_failed, const struct liar_case *self)
{
    MEET();
    T_CHECK(fails("loss"));
    T_CHECK(lost() >= (uint64_t)self->number);
}

static void tells_thrown_out(int *t_failed, const struct liar_case *self)
{
    T_CALL(meet(t_failed, self));
    show();
    T_EQ(run_error, 0);
    T_EQ(result.entered, 3);
    T_CHECK(result.dropped >= 1);
    T_CHECK(fails("errors"));
    T_CHECK(!bench_result_passed(&result));
}

static void tells_death(int *t_failed, const struct liar_case *self)
{
    T_CALL(meet(t_failed, self));
    show();
    T_CHECK(!bench_result_passed(&result));
    T_CHECK(result.interrupted || result.dropped == 3 || run_error != 0);
    T_CHECK(result.ended[0] != 0 || result.failure_count > 0);
}

static void tells_refusal(int *t_failed, const struct liar_case *self)
{
    T_CALL(meet(t_failed, self));
    show();
    T_EQ(run_error, 0);
    T_EQ(result.entered, 2);
    T_EQ(result.failed_joins, 1);
    T_CHECK(fails("failed-joins"));
}

static void tells_slow_join(int *t_failed, const struct liar_case *self)
{
    MEET();
    T_CALL(is_clean(t_failed));
    T_CHECK(bench_histogram_quantile(&result.join, 0.01) >= (uint64_t)self->number * 970);
}

/* Nobody is in before it is over. */
static void tells_endless_join(int *t_failed, const struct liar_case *self)
{
    T_CALL(meet(t_failed, self));
    show();
    T_EQ(result.entered, 0);
    T_CHECK(run_error != 0 || !bench_result_passed(&result));
    T_CHECK(run_error != 0 || result.failed_joins == 3);
}

static void tells_lost_chat(int *t_failed, const struct liar_case *self)
{
    MEET();
    uint64_t swallowed = liar_account("no-chat", 0, 0, NULL);
    T_CHECK(swallowed > 0);
    T_EQ(result.chat_expected - result.chat_delivered, swallowed * (uint64_t)self->number);
    T_CHECK(fails("errors"));
}

static void tells_deaf_server(int *t_failed, const struct liar_case *self)
{
    T_CALL(meet(t_failed, self));
    show();
    T_CHECK(liar_account("no-unmute", 0, 0, NULL) > 0);
    T_CHECK(!bench_result_passed(&result));
}

static void decodes(int *t_failed, const struct liar_case *self)
{
    MEET();
    T_CHECK(result.decoded_tracks >= 1);
    T_CHECK(result.compared_frames > 20);
    if (self->lie == NULL) {
        T_CALL(is_clean(t_failed));
        T_EQ(result.undecodable_frames + result.wrong_frames, 0);
        T_CHECK(result.psnr_mean_db > 25);
    } else {
        T_CHECK(result.undecodable_frames + result.wrong_frames > 0);
        T_CHECK(fails("errors"));
    }
}

#define GATE true
#define CASE(name, lie, run, number, gate, scenario)                                                                   \
    {                                                                                                                  \
        name, lie, run, number, gate, scenario                                                                         \
    }

static const struct liar_case cases[] = {
    CASE("endless_join", "slow-join=60000", tells_endless_join, 0, false, NULL), /* takes 20 s */
    CASE("truth", NULL, truth, 0, false, NULL),
    CASE("truth_from_the_liar", "drop=1;from=1;after=60000", truth, 0, false, NULL),
    CASE("truth_in_layers", NULL, truth, 0, false, "layers=2 video=640x360 video-kbps=400"),
    CASE("truth_in_vp9", NULL, truth, 0, false, "codec=vp9"),
    CASE("truth_by_tcp", NULL, truth, 0, false, "transport=tcp"),
    CASE("truth_in_a_storm", NULL, truth, 0, false, "storm-at=1s storm-share=1"),
    CASE("copies_are_no_errors", "copy=0.2", truth, 0, false, NULL),
    CASE("drop_audio", "drop=0.1;source=mic", tells_loss, 10, GATE, NULL),
    CASE("drop_video", "drop=0.2;source=camera" FROM_P2_TO_P1, tells_loss, 3, GATE, NULL),
    CASE("drop_layers", "drop-hidden=0.2;source=camera", tells_loss, 10, GATE, "layers=2 video=640x360 video-kbps=400"),
    CASE("drop_vp9", "drop=0.2;source=camera", tells_loss, 3, GATE, "codec=vp9"),
    CASE("corrupt_vp9", "corrupt-header=0.2;source=camera", tells_error, WRONG, GATE, "codec=vp9"),
    CASE("drop_by_tcp", "drop-hidden=0.1;source=mic", tells_loss, 10, GATE, "transport=tcp"),
    CASE("drop_hidden", "drop-hidden=0.1", tells_loss, 10, GATE, NULL),
    CASE("drop_once", "drop-once=0.3;count=20;source=camera", tells_repair, 20, GATE, NULL),
    CASE("reorder", "reorder=0.3;count=20;source=mic", tells_reordering, 20, GATE, NULL),
    CASE("delay", "delay=400;to=1", tells_delay, 400, false, NULL),
    CASE("duplicate", "duplicate=0.1", tells_error, DUPLICATED, GATE, NULL),
    CASE("corrupt_audio", "corrupt=0.2;source=mic", tells_error, CORRUPT, GATE, NULL),
    CASE("corrupt_video", "corrupt=0.2;source=camera", tells_error, CORRUPT, GATE, NULL),
    CASE("corrupt_header", "corrupt-header=0.2;source=camera", tells_error, WRONG, GATE, NULL),
    CASE("marker", "marker=0.2;source=camera", tells_error, WRONG, GATE, NULL),
    CASE("picture_id", "picture-id=0.2;source=camera", tells_error, WRONG_OFTEN, GATE, NULL),
    CASE("swap", "swap=0.2", tells_error, WRONG, GATE, NULL),
    CASE("cross", "cross=0.5;source=camera", tells_error, WRONG, GATE, "screen=on"),
    CASE("shuffle", "shuffle=0.3;count=20;source=mic", tells_error, WRONG, GATE, NULL),
    CASE("replay", "replay=1;source=camera" FROM_P2_TO_P1, tells_error, WRONG_OFTEN, GATE, NULL),
    CASE("time_stands", "time=0;source=camera", tells_error, WRONG_OFTEN, GATE, NULL),
    CASE("time_runs", "time=3;source=mic", tells_error, WRONG_OFTEN, GATE, NULL),
    CASE("freeze", "freeze=0;source=camera" FROM_P2_TO_P1, tells_freeze, 1500, GATE, NULL),
    CASE("muted", "muted=1;source=camera;from=2", tells_freeze, 1500, GATE, NULL),
    CASE("missing_camera", "drop=1;source=camera" FROM_P2_TO_P1, tells_missing_track, 1, false, "duration=6s"),
    CASE("missing_cameras", "drop-hidden=1;source=camera;from=2", tells_missing_track, 2, false, "duration=6s"),
    CASE("late_cameras", "drop-hidden=1;source=camera;until=3500", tells_late_pictures, 3500, false, "duration=6s"),
    CASE("not_offered", "not-subscribed=1;source=camera" FROM_P2_TO_P1, tells_missing_track, 1, false, "duration=6s"),
    CASE("unpublished", "unpublished=1;source=mic;from=2", tells_lost_track, 100, GATE, NULL),
    CASE("blink", "blink=600;source=mic;from=2", tells_lost_track, 30, GATE, NULL),
    CASE("thrown_out", "kick=1;to=3", tells_thrown_out, 0, GATE, NULL),
    CASE("publisher_hung_up", "hang-up=1" FROM_P2_TO_P1, tells_thrown_out, 0, GATE, NULL),
    CASE("receiver_hung_up", "hang-up=2" FROM_P2_TO_P1, tells_thrown_out, 0, GATE, NULL),
    CASE("death", "die=1", tells_death, 0, GATE, NULL),
    CASE("refused", "refuse=3", tells_refusal, 0, false, NULL),
    CASE("slow_join", "slow-join=800", tells_slow_join, 800, false, NULL),
    CASE("chat_to_nobody", "no-chat=2", tells_lost_chat, 3, false, "chats=240"),
    CASE("chat_not_to_one", "no-chat=2;to=1", tells_lost_chat, 1, false, "chats=240"),
    CASE("never_unmuted", "no-unmute=1", tells_deaf_server, 0, false, "mutes=60"),
    CASE("decoded", NULL, decodes, 0, false, "decode-every=1"),
    CASE("decoded_lie", "drop-hidden=0.3;source=camera", decodes, 0, GATE, "decode-every=1"),
};

int main(int argc, char **argv)
{
    return liar_main(cases, LIAR_CASES(cases), argc, argv);
}
