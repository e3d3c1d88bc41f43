/* SPDX-License-Identifier: Apache-2.0 */
/**
 * scenario.h - what happens in a run, in the users' words: who is in which room, what each one publishes, and what
 * changes when. A scenario is settings (from the command line or a file of `key = value` lines with the same names) and
 * from them a *plan*: a list of actions in time, made from a seed before anything starts, so that the same seed is the
 * same meeting.
 *
 * rcp              R rooms of P: all have camera and microphone, one speaks, one shares a screen; turns change.
 * teleconsultation N rooms of two: both speak in turns.
 * webinar          one publishes to S who watch.
 * Pure; no clock, no socket. Units: _ms, _bps, shares 0..1.
 */
#ifndef CONSILIUM_BENCH_SCENARIO_SCENARIO_H
#define CONSILIUM_BENCH_SCENARIO_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "bench/client/network_profile.h"
#include "bench/media/clip.h"

enum bench_scenario_kind { BENCH_SCENARIO_RCP, BENCH_SCENARIO_TELECONSULTATION, BENCH_SCENARIO_WEBINAR };
enum bench_voice { BENCH_VOICE_TURNS, BENCH_VOICE_ALL, BENCH_VOICE_NONE }; /**< who speaks; ALL: 50 packets/s each */
enum bench_transport_choice { BENCH_CHOICE_UDP, BENCH_CHOICE_TCP, BENCH_CHOICE_ANY };

#define BENCH_PROFILES_MAX 4

struct bench_scenario {
    enum bench_scenario_kind kind;
    unsigned rooms;  /**< rcp, teleconsultation; webinar: 1 by default */
    unsigned people; /**< in each room, viewers of a webinar included */
    uint64_t seed;
    /* media */
    bool camera;            /**< false: sound only */
    enum bench_codec codec; /**< BENCH_VP8 or BENCH_VP9 */
    uint32_t width, height, fps, video_bps;
    unsigned layers; /**< simulcast, 1..3; each lower one has half the size and a quarter of the bits */
    bool screen;     /**< rcp: one of each room shares; webinar: the speaker also does */
    uint32_t screen_width, screen_height, screen_fps, screen_bps;
    enum bench_voice voice;
    uint32_t audio_bps;
    bool spread;      /**< packets of a frame spread over its interval instead of leaving in a burst */
    uint32_t turn_ms; /**< mean length of a turn */
    enum bench_transport_choice transport;
    unsigned decode_every; /**< truly decode one received track in N, at most 8 of sound and 8 of pictures; 0: none */
    unsigned nice_every;   /**< one participant in N uses libnice's NiceAgent; 0: none */
    /* time */
    uint32_t ramp_ms; /**< people enter evenly over this; 0: 50 ms a person, see bench_scenario_ramp_ms() */
    uint32_t settle_ms, duration_ms, drain_ms;
    /* disturbance */
    double churn_per_min; /**< people who leave, each replaced 2 s later, in the whole run, per minute */
    double mutes_per_min; /**< mutes or unmutes of a person, per minute and person */
    double chats_per_min; /**< messages per minute and room */
    uint32_t storm_at_ms; /**< 0: none; since the measured part began: sockets of `storm_share` drop at once */
    double storm_share;
    bool storm_media;       /**< they lose their media paths too (new ports), as after a Wi-Fi change */
    unsigned profile_count; /**< network profiles, dealt out in turn; 0: none */
    struct bench_network_profile profiles[BENCH_PROFILES_MAX];
};

enum bench_action_kind {
    BENCH_ACT_ENTER,
    BENCH_ACT_LEAVE,
    BENCH_ACT_MUTE,   /**< value: source, on: muted */
    BENCH_ACT_VOICE,  /**< on: speaks from now on; off: silent */
    BENCH_ACT_SCREEN, /**< on: starts sharing; off: stops */
    BENCH_ACT_CHAT,
    BENCH_ACT_DROP,    /**< the socket is lost and comes back (resume); on: the media paths too */
    BENCH_ACT_MEASURE, /**< the measured part begins (person unused) */
    BENCH_ACT_END      /**< sources stop; drain follows */
};

struct bench_action {
    uint64_t at_us; /**< since the run began */
    enum bench_action_kind kind;
    uint32_t person; /**< 0-based slot: one seat of one room; a seat may be left and taken again (churn) */
    uint32_t value;
    bool on;
};

struct bench_seat {
    uint32_t room;
    bool mic, camera, screen; /**< screen: may share, see BENCH_ACT_SCREEN */
    bool nice;
    int profile; /**< index in profiles; -1: none */
};

struct bench_plan {
    uint32_t seat_count;
    struct bench_seat *seats;
    size_t action_count;
    struct bench_action *actions; /**< in order of time */
    uint64_t length_us;           /**< drain included */
};

/** Defaults of each kind: rcp 1 room of 6 with turns and a screen; teleconsultation 10 rooms; webinar 1 to 50. */
void bench_scenario_init(struct bench_scenario *scenario, enum bench_scenario_kind kind);
#define BENCH_SCENARIO_ERROR_MAX 160 /**< room that every `error` below has */
#define BENCH_SCENARIO_VALUE_MAX 64

/** "rcp", "teleconsultation" (or "tele"), "webinar": the kind of that name. Returns 0 or BASE_ERR_NOT_FOUND. */
int bench_scenario_kind_parse(enum bench_scenario_kind *out, const char *text);
const char *bench_scenario_kind_name(enum bench_scenario_kind kind);

/** Sets one by name ("rooms", "people", "video-kbps", "codec", "network", …) from text: 1M, 500k, 20s, 300ms, 5%, on,
 * 640x360; a bare number is in the unit that the key's help says. `network` may be set several times ("none" starts
 * again). Returns 0, BASE_ERR_NOT_FOUND (no such key), or BASE_ERR_INVALID with the reason in error. Keys are those of
 * bench_scenario_key(). */
int bench_scenario_set(struct bench_scenario *scenario, const char *key, const char *value, char *error);
/** The i-th key with its help text; NULL after the last. */
const char *bench_scenario_key(size_t i, const char **help);
/** The present value of the i-th key as text, as bench_scenario_set() reads it; "" for `network` without a profile. */
void bench_scenario_value(const struct bench_scenario *scenario, size_t i, char out[BENCH_SCENARIO_VALUE_MAX]);
/** Reads a file: `scenario = rcp` (first, if at all: sets the defaults), then `key = value` lines, # comments. Keys
 * that are not a scenario's go to `other` (thresholds and the like; may be NULL), which returns as
 * bench_scenario_set(). Errors begin with `file:line: `. Returns 0, BASE_ERR_IO (cannot be read), BASE_ERR_INVALID. */
int bench_scenario_read(struct bench_scenario *scenario, const char *path,
                        int (*other)(void *user, const char *key, const char *value, char *error), void *user,
                        char *error);
/** Consistent? Returns 0, or BASE_ERR_INVALID with the reason. */
int bench_scenario_check(const struct bench_scenario *scenario, char *error);
/** "4 rooms of 6, VP8 640x360 1000 kbit/s 25 fps, …" */
void bench_scenario_describe(const struct bench_scenario *scenario, char *out, size_t out_max);
/** Over how long people enter, whoever said it. */
uint32_t bench_scenario_ramp_ms(const struct bench_scenario *scenario);
/** From the first person's entering to the end of the drain. */
uint64_t bench_scenario_length_us(const struct bench_scenario *scenario);
/** How many people of each room publish. */
unsigned bench_scenario_publishers(const struct bench_scenario *scenario);

/** Returns 0, BASE_ERR_INVALID or BASE_ERR_NOMEM. */
int bench_plan_make(struct bench_plan *out, const struct bench_scenario *scenario);
void bench_plan_clear(struct bench_plan *plan);

#endif
