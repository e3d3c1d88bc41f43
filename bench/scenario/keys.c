/* SPDX-License-Identifier: Apache-2.0 */
/* keys.c - a scenario's settings by name: from text, to text, and what they mean. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "bench/scenario/scenario.h"

enum key_type {
    KEY_COUNT,   /* unsigned */
    KEY_SEED,    /* uint64_t */
    KEY_TIME,    /* uint32_t of milliseconds; a bare number is seconds */
    KEY_BITS,    /* uint32_t of bit/s; a bare number is kbit/s */
    KEY_RATE,    /* double; "/min" may follow */
    KEY_SHARE,   /* double 0..1 */
    KEY_SWITCH,  /* bool: on, off */
    KEY_CHOICE,  /* an enum: its words in `words` */
    KEY_SIZE,    /* two uint32_t in a row: 640x360 */
    KEY_VIDEO,   /* the camera's size, or off */
    KEY_VIEWERS, /* people but one */
    KEY_FRAMES,  /* burst, spread: a bool */
    KEY_NETWORK
};

struct key {
    const char *name;
    enum key_type type;
    size_t offset;
    double least, most; /* in the unit of the field */
    const char *words;  /* choices, separated by a blank, in the enum's order */
    const char *help;
};

#define AT(field) offsetof(struct bench_scenario, field)

/* Words of a choice whose enum does not begin at 0 begin with blanks. */
static const struct key keys[] = {
    {"rooms", KEY_COUNT, AT(rooms), 1, 5000, NULL, "number of rooms"},
    {"people", KEY_COUNT, AT(people), 2, 10000, NULL, "people in each room, a webinar's viewers included"},
    {"subscribers", KEY_VIEWERS, AT(people), 1, 9999, NULL, "webinar: viewers in each room"},
    {"video", KEY_VIDEO, AT(width), 16, 4096, NULL, "picture of a camera (640x360), or off: sound only"},
    {"fps", KEY_COUNT, AT(fps), 1, 60, NULL, "pictures of a camera per second"},
    {"video-kbps", KEY_BITS, AT(video_bps), 30e3, 20e6, NULL, "of a camera, its top layer; kbit/s"},
    {"codec", KEY_CHOICE, AT(codec), 0, 0, " vp8 vp9", "vp8 or vp9"},
    {"layers", KEY_COUNT, AT(layers), 1, 3, NULL, "simulcast layers of a camera, each half the size of the next"},
    {"screen", KEY_SWITCH, AT(screen), 0, 0, NULL, "one of each room shares a screen"},
    {"screen-size", KEY_SIZE, AT(screen_width), 16, 4096, NULL, "picture of a shared screen (1280x720)"},
    {"screen-fps", KEY_COUNT, AT(screen_fps), 1, 60, NULL, "pictures of a shared screen per second"},
    {"screen-kbps", KEY_BITS, AT(screen_bps), 30e3, 20e6, NULL, "of a shared screen; kbit/s"},
    {"voice", KEY_CHOICE, AT(voice), 0, 0, "turns all none", "who speaks: turns, all (50 packets/s each), none"},
    {"audio-kbps", KEY_BITS, AT(audio_bps), 6e3, 510e3, NULL, "of a microphone; kbit/s"},
    {"frames", KEY_FRAMES, AT(spread), 0, 0, NULL, "packets of a picture leave in a burst (as browsers do), or spread"},
    {"turn", KEY_TIME, AT(turn_ms), 500, 3600e3, NULL, "mean length of a speaker's turn; s"},
    {"transport", KEY_CHOICE, AT(transport), 0, 0, "udp tcp any", "udp, tcp, or any: the better one that works"},
    {"decode-every", KEY_COUNT, AT(decode_every), 0, 1e6, NULL,
     "truly decode one received track in N, at most 8 of sound and 8 of pictures; 0: none"},
    {"nice-every", KEY_COUNT, AT(nice_every), 0, 1e6, NULL, "one person in N connects by libnice's agent; 0: none"},
    {"ramp", KEY_TIME, AT(ramp_ms), 1, 86400e3, NULL, "people enter over this; auto: 50 ms a person; s"},
    {"settle", KEY_TIME, AT(settle_ms), 0, 3600e3, NULL, "from the last entry until the measured part; s"},
    {"duration", KEY_TIME, AT(duration_ms), 1000, 86400e3, NULL, "the measured part; s"},
    {"drain", KEY_TIME, AT(drain_ms), 200, 60e3, NULL, "sources are quiet, packets under way arrive; s"},
    {"churn", KEY_RATE, AT(churn_per_min), 0, 100e3, NULL, "people who leave and are replaced 2 s later, per minute"},
    {"mutes", KEY_RATE, AT(mutes_per_min), 0, 1e3, NULL, "mutes and unmutes per minute and person"},
    {"chats", KEY_RATE, AT(chats_per_min), 0, 6e3, NULL, "chat messages per minute and room"},
    {"storm-at", KEY_TIME, AT(storm_at_ms), 0, 86400e3, NULL,
     "connections drop so long after the measured part began; "
     "0: never; s"},
    {"storm-share", KEY_SHARE, AT(storm_share), 0, 1, NULL, "share of the people whom the storm hits"},
    {"storm-media", KEY_SWITCH, AT(storm_media), 0, 0, NULL, "the storm takes their media paths too: new ports"},
    {"network", KEY_NETWORK, AT(profiles), 0, 0, NULL, "profile, dealt out in turn when given several times; none"},
    {"seed", KEY_SEED, AT(seed), 0, 0, NULL, "of all that is random: the same seed is the same meeting"},
};

#define KEYS (sizeof keys / sizeof keys[0])

const char *bench_scenario_key(size_t i, const char **help)
{
    if (i >= KEYS)
        return NULL;
    if (help != NULL)
        *help = keys[i].help;
    return keys[i].name;
}

static int wrong(char *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int wrong(char *error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error, BENCH_SCENARIO_ERROR_MAX, format, arguments);
    va_end(arguments);
    return BASE_ERR_INVALID;
}

/* ---- numbers and units ---------------------------------------------------------------------------------------- */

struct unit {
    const char *name;
    double factor;
};

static const struct unit count_units[] = {{"", 1}, {"k", 1e3}, {NULL, 0}};
static const struct unit time_units[] = {{"", 1e3},     {"ms", 1},     {"s", 1e3}, {"m", 60e3},
                                         {"min", 60e3}, {"h", 3600e3}, {NULL, 0}};
static const struct unit bit_units[] = {{"", 1e3},     {"k", 1e3},      {"kbps", 1e3}, {"kbit/s", 1e3}, {"M", 1e6},
                                        {"Mbps", 1e6}, {"Mbit/s", 1e6}, {"bps", 1},    {"bit/s", 1},    {NULL, 0}};
static const struct unit rate_units[] = {{"", 1}, {"/min", 1}, {"/h", 1.0 / 60}, {"/s", 60}, {NULL, 0}};
static const struct unit share_units[] = {{"", 1}, {"%", 0.01}, {NULL, 0}};

static const struct unit *units_of(enum key_type type)
{
    switch (type) {
    case KEY_TIME:
        return time_units;
    case KEY_BITS:
        return bit_units;
    case KEY_RATE:
        return rate_units;
    case KEY_SHARE:
        return share_units;
    default:
        return count_units;
    }
}

/* A plain decimal number with a unit: strtod() alone would take "nan", "0x1p3" and " 1" too. */
static int read_number(const struct key *key, const char *text, double *out, char *error)
{
    size_t digits = strspn(text, "0123456789.");
    char number[32];
    if (digits == 0 || digits >= sizeof number || text[0] == '.' || text[digits - 1] == '.')
        return wrong(error, "%s: \"%.40s\" is not a number", key->name, text);
    memcpy(number, text, digits);
    number[digits] = 0;
    char *end;
    double value = strtod(number, &end);
    const char *suffix = text + digits + strspn(text + digits, " ");
    if (*end != 0)
        return wrong(error, "%s: \"%.40s\" is not a number", key->name, text);
    for (const struct unit *unit = units_of(key->type); unit->name != NULL; unit++)
        if (strcmp(suffix, unit->name) == 0) {
            *out = value * unit->factor;
            return 0;
        }
    return wrong(error, "%s: unit \"%.20s\" is not known here", key->name, suffix);
}

/* As a user would write it. */
static void write_number(enum key_type type, double value, char out[BENCH_SCENARIO_VALUE_MAX])
{
    const char *format = "%.10g";
    if (type == KEY_TIME) {
        format = value >= 1000 || value <= 0 ? "%.10gs" : "%.10gms";
        value = value >= 1000 ? value / 1000 : value;
    } else if (type == KEY_BITS) {
        format = "%.10gk";
        value /= 1000;
    } else if (type == KEY_SHARE) {
        format = "%.10g%%";
        value *= 100;
    }
    snprintf(out, BENCH_SCENARIO_VALUE_MAX, format, value);
}

static int in_range(const struct key *key, double value, char *error)
{
    char least[BENCH_SCENARIO_VALUE_MAX], most[BENCH_SCENARIO_VALUE_MAX];
    if (value >= key->least && value <= key->most)
        return 0;
    write_number(key->type, key->least, least);
    write_number(key->type, key->most, most);
    return wrong(error, "%s: %s to %s", key->name, least, most);
}

/* ---- from text ------------------------------------------------------------------------------------------------ */

static int set_number(const struct key *key, void *field, const char *text, char *error)
{
    double value = 0;
    if (key->type == KEY_TIME && key->least == 1 && strcmp(text, "auto") == 0) {
        *(uint32_t *)field = 0;
        return 0;
    }
    int err = read_number(key, text, &value, error);
    if (err == 0 && key->type == KEY_TIME && key->least == 1 && value < 1)
        value = 1; /* all at once */
    if (err == 0)
        err = in_range(key, value, error);
    if (err != 0)
        return err;
    if (key->type == KEY_RATE || key->type == KEY_SHARE) {
        *(double *)field = value;
        return 0;
    }
    if (key->type != KEY_TIME && key->type != KEY_BITS && floor(value) < value)
        return wrong(error, "%s: \"%.40s\" is not a whole number", key->name, text);
    *(uint32_t *)field = (uint32_t)(value + 0.5) + (key->type == KEY_VIEWERS ? 1 : 0);
    return 0;
}

static int set_seed(const struct key *key, uint64_t *field, const char *text, char *error)
{
    char *end;
    if (text[0] < '0' || text[0] > '9')
        return wrong(error, "%s: \"%.40s\" is not a number", key->name, text);
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (*end != 0 || errno != 0)
        return wrong(error, "%s: \"%.40s\" is not a number", key->name, text);
    *field = value;
    return 0;
}

static int set_size(const struct key *key, uint32_t field[2], const char *text, char *error)
{
    unsigned width, height;
    char more;
    if (text[0] < '0' || text[0] > '9' || strlen(text) > 9 || sscanf(text, "%ux%u%c", &width, &height, &more) != 2)
        return wrong(error, "%s: \"%.40s\" is not a size like 640x360", key->name, text);
    int err = in_range(key, width, error);
    if (err == 0)
        err = in_range(key, height, error);
    if (err != 0)
        return err;
    field[0] = width;
    field[1] = height;
    return 0;
}

static int set_switch(const struct key *key, bool *field, const char *text, const char *const words[2], char *error)
{
    bool on = strcmp(text, words[1]) == 0;
    if (words[1][0] == 'o') /* on: other ways to say it */
        on = on || strcmp(text, "yes") == 0 || strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
    bool off = strcmp(text, words[0]) == 0;
    if (words[1][0] == 'o')
        off = off || strcmp(text, "no") == 0 || strcmp(text, "false") == 0 || strcmp(text, "0") == 0;
    if (!on && !off)
        return wrong(error, "%s: \"%.40s\" is neither %s nor %s", key->name, text, words[1], words[0]);
    *field = on;
    return 0;
}

/* The number of `word` in "a b c", or -1. */
static int choice_of(const char *words, const char *word)
{
    size_t len = strlen(word);
    for (int i = 0; *words != 0; i++) {
        size_t this_len = strcspn(words, " ");
        if (this_len == len && len != 0 && strncmp(words, word, len) == 0)
            return i;
        words += this_len;
        words += *words == ' ';
    }
    return -1;
}

static void word_of(const char *words, int number, char out[BENCH_SCENARIO_VALUE_MAX])
{
    for (; number > 0 && *words != 0; number--) {
        words += strcspn(words, " ");
        words += *words == ' ';
    }
    snprintf(out, BENCH_SCENARIO_VALUE_MAX, "%.*s", (int)strcspn(words, " "), words);
}

static int set_choice(const struct key *key, void *field, const char *text, char *error)
{
    int choice = choice_of(key->words, text);
    if (choice < 0)
        return wrong(error, "%s: \"%.40s\" is none of:%s%s", key->name, text, key->words[0] == ' ' ? "" : " ",
                     key->words);
    memcpy(field, &choice, sizeof choice);
    return 0;
}

static int set_network(struct bench_scenario *scenario, const char *text, char *error)
{
    if (strcmp(text, "none") == 0) {
        scenario->profile_count = 0;
        return 0;
    }
    if (scenario->profile_count == BENCH_PROFILES_MAX)
        return wrong(error, "network: %d profiles at most", BENCH_PROFILES_MAX);
    struct bench_network_profile profile;
    int err = bench_network_profile_parse(&profile, text, error);
    if (err == 0)
        scenario->profiles[scenario->profile_count++] = profile;
    return err;
}

static const char *const off_on[] = {"off", "on"};
static const char *const burst_spread[] = {"burst", "spread"};

static int set(struct bench_scenario *scenario, const struct key *key, const char *text, char *error)
{
    void *field = (char *)scenario + key->offset;
    switch (key->type) {
    case KEY_SEED:
        return set_seed(key, field, text, error);
    case KEY_SWITCH:
        return set_switch(key, field, text, off_on, error);
    case KEY_FRAMES:
        return set_switch(key, field, text, burst_spread, error);
    case KEY_CHOICE:
        return set_choice(key, field, text, error);
    case KEY_SIZE:
        return set_size(key, field, text, error);
    case KEY_VIDEO:
        scenario->camera = strcmp(text, "off") != 0;
        return scenario->camera ? set_size(key, field, text, error) : 0;
    case KEY_NETWORK:
        return set_network(scenario, text, error);
    default:
        return set_number(key, field, text, error);
    }
}

int bench_scenario_set(struct bench_scenario *scenario, const char *key, const char *value, char *error)
{
    for (size_t i = 0; i < KEYS; i++)
        if (strcmp(keys[i].name, key) == 0) {
            struct bench_scenario changed = *scenario; /* a wrong value changes nothing */
            int err = set(&changed, &keys[i], value, error);
            if (err == 0)
                *scenario = changed;
            return err;
        }
    return BASE_ERR_NOT_FOUND;
}

/* ---- to text -------------------------------------------------------------------------------------------------- */

void bench_scenario_value(const struct bench_scenario *scenario, size_t i, char out[BENCH_SCENARIO_VALUE_MAX])
{
    const struct key *key = &keys[i];
    const void *field = (const char *)scenario + key->offset;
    const uint32_t *number = field;
    int choice;
    switch (key->type) {
    case KEY_SEED:
        snprintf(out, BENCH_SCENARIO_VALUE_MAX, "%llu", (unsigned long long)scenario->seed);
        break;
    case KEY_SWITCH:
        snprintf(out, BENCH_SCENARIO_VALUE_MAX, "%s", off_on[*(const bool *)field]);
        break;
    case KEY_FRAMES:
        snprintf(out, BENCH_SCENARIO_VALUE_MAX, "%s", burst_spread[*(const bool *)field]);
        break;
    case KEY_CHOICE:
        memcpy(&choice, field, sizeof choice);
        word_of(key->words, choice, out);
        break;
    case KEY_SIZE:
    case KEY_VIDEO:
        snprintf(out, BENCH_SCENARIO_VALUE_MAX, "%ux%u", number[0], number[1]);
        if (key->type == KEY_VIDEO && !scenario->camera)
            snprintf(out, BENCH_SCENARIO_VALUE_MAX, "off");
        break;
    case KEY_NETWORK:
        out[0] = 0;
        if (scenario->profile_count != 0)
            snprintf(out, BENCH_SCENARIO_VALUE_MAX, "%s", scenario->profiles[0].name);
        break;
    case KEY_RATE:
    case KEY_SHARE:
        write_number(key->type, *(const double *)field, out);
        break;
    default:
        if (key->type == KEY_TIME && key->least == 1 && *number == 0)
            snprintf(out, BENCH_SCENARIO_VALUE_MAX, "auto");
        else
            write_number(key->type, *number - (key->type == KEY_VIEWERS ? 1.0 : 0.0), out);
        break;
    }
}
