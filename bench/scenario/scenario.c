/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/scenario/scenario.h"

#include <stdarg.h>
#include <string.h>

#include "base/err.h"

#define RAMP_PERSON_MS 50u

static const char *const kind_names[] = {"rcp", "teleconsultation", "webinar"};

int bench_scenario_kind_parse(enum bench_scenario_kind *out, const char *text)
{
    for (unsigned i = 0; i < sizeof kind_names / sizeof kind_names[0]; i++)
        if (strcmp(text, kind_names[i]) == 0) {
            *out = (enum bench_scenario_kind)i;
            return 0;
        }
    if (strcmp(text, "tele") != 0)
        return BASE_ERR_NOT_FOUND;
    *out = BENCH_SCENARIO_TELECONSULTATION;
    return 0;
}

const char *bench_scenario_kind_name(enum bench_scenario_kind kind)
{
    return kind_names[kind];
}

void bench_scenario_init(struct bench_scenario *scenario, enum bench_scenario_kind kind)
{
    *scenario = (struct bench_scenario){
        .kind = kind,
        .rooms = 1,
        .people = 6,
        .seed = 1,
        .camera = true,
        .codec = BENCH_VP8,
        .width = 640,
        .height = 360,
        .fps = 25,
        .video_bps = 1000000,
        .layers = 1,
        .screen = kind == BENCH_SCENARIO_RCP,
        .screen_width = 1280,
        .screen_height = 720,
        .screen_fps = 5,
        .screen_bps = 500000,
        .voice = BENCH_VOICE_TURNS,
        .audio_bps = 32000,
        .turn_ms = 8000,
        .transport = BENCH_CHOICE_UDP,
        .decode_every = 50,
        .settle_ms = 3000,
        .duration_ms = 20000,
        .drain_ms = 2000,
        .storm_share = 0.5,
    };
    if (kind == BENCH_SCENARIO_TELECONSULTATION) {
        scenario->rooms = 10;
        scenario->people = 2;
    } else if (kind == BENCH_SCENARIO_WEBINAR) {
        scenario->people = 51;
    }
}

uint32_t bench_scenario_ramp_ms(const struct bench_scenario *scenario)
{
    return scenario->ramp_ms != 0 ? scenario->ramp_ms : scenario->rooms * scenario->people * RAMP_PERSON_MS;
}

uint64_t bench_scenario_length_us(const struct bench_scenario *scenario)
{
    return UINT64_C(1000) * ((uint64_t)bench_scenario_ramp_ms(scenario) + scenario->settle_ms + scenario->duration_ms +
                             scenario->drain_ms);
}

unsigned bench_scenario_publishers(const struct bench_scenario *scenario)
{
    return scenario->kind == BENCH_SCENARIO_WEBINAR ? 1 : scenario->people;
}

/* ---- consistent? ---------------------------------------------------------------------------------------------- */

static int wrong(char *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int wrong(char *error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error, BENCH_SCENARIO_ERROR_MAX, format, arguments);
    va_end(arguments);
    return BASE_ERR_INVALID;
}

static int check_people(const struct bench_scenario *scenario, char *error)
{
    const char *kind = kind_names[scenario->kind];
    if (scenario->rooms == 0)
        return wrong(error, "rooms: at least 1");
    if (scenario->kind == BENCH_SCENARIO_TELECONSULTATION && scenario->people != 2)
        return wrong(error, "people: a teleconsultation has 2, not %u", scenario->people);
    if (scenario->people < 2)
        return wrong(error, "people: at least 2, or nobody receives anything");
    if (scenario->kind == BENCH_SCENARIO_RCP && scenario->people > 60)
        return wrong(error, "people: %u who all publish in one room of an %s; 60 at most", scenario->people, kind);
    if ((uint64_t)scenario->rooms * scenario->people > 10000)
        return wrong(error, "rooms, people: %u rooms of %u are more than 10000 people", scenario->rooms,
                     scenario->people);
    return 0;
}

static int check_media(const struct bench_scenario *scenario, char *error)
{
    uint32_t least = 16u << (scenario->layers - 1), even = 2u << (scenario->layers - 1);
    if (scenario->layers < 1 || scenario->layers > 3)
        return wrong(error, "layers: 1 to 3");
    if (scenario->camera && (scenario->width < least || scenario->height < least || scenario->width % even != 0 ||
                             scenario->height % even != 0))
        return wrong(error, "video: %ux%u with %u layer%s; sides must be a multiple of %u and at least %u",
                     scenario->width, scenario->height, scenario->layers, scenario->layers > 1 ? "s" : "", even, least);
    if (scenario->screen && (scenario->screen_width < 16 || scenario->screen_height < 16 ||
                             scenario->screen_width % 2 != 0 || scenario->screen_height % 2 != 0))
        return wrong(error, "screen-size: %ux%u; sides must be even and at least 16", scenario->screen_width,
                     scenario->screen_height);
    if (scenario->codec != BENCH_VP8 && scenario->codec != BENCH_VP9)
        return wrong(error, "codec: vp8 or vp9");
    return 0;
}

static int check_time(const struct bench_scenario *scenario, char *error)
{
    if (scenario->duration_ms < 1000)
        return wrong(error, "duration: at least 1 s");
    if (scenario->drain_ms < 200)
        return wrong(error, "drain: at least 200 ms, or packets under way count as lost");
    if (scenario->turn_ms < 500)
        return wrong(error, "turn: at least 500 ms");
    if (scenario->storm_at_ms != 0 && scenario->storm_at_ms >= scenario->duration_ms)
        return wrong(error, "storm-at: %u ms is not within the measured %u ms", scenario->storm_at_ms,
                     scenario->duration_ms);
    if (scenario->storm_at_ms != 0 && scenario->storm_share <= 0)
        return wrong(error, "storm-share: a storm of nobody");
    return 0;
}

int bench_scenario_check(const struct bench_scenario *scenario, char *error)
{
    int err = check_people(scenario, error);
    if (err == 0)
        err = check_media(scenario, error);
    if (err == 0)
        err = check_time(scenario, error);
    return err;
}

/* ---- in words ------------------------------------------------------------------------------------------------- */

struct words {
    char *out;
    size_t used, max;
};

static void say(struct words *words, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct words *words, const char *format, ...)
{
    if (words->used + 1 >= words->max)
        return;
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(words->out + words->used, words->max - words->used, format, arguments);
    va_end(arguments);
    if (len > 0)
        words->used += (size_t)len;
    if (words->used >= words->max)
        words->used = words->max - 1;
}

static void say_who(struct words *words, const struct bench_scenario *scenario)
{
    if (scenario->kind == BENCH_SCENARIO_WEBINAR) {
        if (scenario->rooms > 1)
            say(words, "%u webinars, ", scenario->rooms);
        say(words, "1 to %u", scenario->people - 1);
    } else if (scenario->kind == BENCH_SCENARIO_TELECONSULTATION) {
        say(words, "%u teleconsultation%s", scenario->rooms, scenario->rooms > 1 ? "s" : "");
    } else {
        say(words, "%u room%s of %u", scenario->rooms, scenario->rooms > 1 ? "s" : "", scenario->people);
    }
}

static void say_media(struct words *words, const struct bench_scenario *scenario)
{
    static const char *const voices[] = {"voices in turns", "all voices", "no voice"};
    const char *codec = scenario->codec == BENCH_VP9 ? "VP9" : "VP8";
    if (scenario->camera)
        say(words, ", camera %s %ux%u %u kbit/s %u fps", codec, scenario->width, scenario->height,
            scenario->video_bps / 1000, scenario->fps);
    if (scenario->camera && scenario->layers > 1)
        say(words, " %u layers", scenario->layers);
    if (scenario->screen)
        say(words, ", screen %ux%u %u kbit/s", scenario->screen_width, scenario->screen_height,
            scenario->screen_bps / 1000);
    say(words, ", %s Opus %u kbit/s", voices[scenario->voice], scenario->audio_bps / 1000);
    if (scenario->camera)
        say(words, ", frames %s", scenario->spread ? "spread" : "in bursts");
}

void bench_scenario_describe(const struct bench_scenario *scenario, char *out, size_t out_max)
{
    static const char *const transports[] = {"", ", TCP", ", UDP or TCP"};
    struct words words = {.out = out, .max = out_max};
    if (out_max != 0)
        out[0] = 0;
    say_who(&words, scenario);
    say_media(&words, scenario);
    say(&words, "%s", transports[scenario->transport]);
    if (scenario->churn_per_min > 0)
        say(&words, ", %g leave and are replaced a minute", scenario->churn_per_min);
    if (scenario->mutes_per_min > 0)
        say(&words, ", %g mutes a minute and person", scenario->mutes_per_min);
    if (scenario->chats_per_min > 0)
        say(&words, ", %g messages a minute and room", scenario->chats_per_min);
    if (scenario->storm_at_ms != 0)
        say(&words, ", %g %% reconnect at %g s%s", 100 * scenario->storm_share, scenario->storm_at_ms / 1e3,
            scenario->storm_media ? " from new ports" : "");
}
