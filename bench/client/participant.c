/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/client/participant_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"

/* ---- beginning and end ---------------------------------------------------------------------------------------- */

static void draw_credentials(struct bench_participant *who, enum bench_pc pc)
{
    base_random_ice_chars(who->local[pc].ufrag, 4);
    base_random_ice_chars(who->local[pc].pwd, 24);
}

static void on_publish_send(void *user, const struct sfu_path *path, const uint8_t *data, size_t len)
{
    struct bench_participant *who = user;
    who->config.send_datagram(who->config.user, BENCH_PUBLISH, path, data, len);
}

static void on_subscribe_send(void *user, const struct sfu_path *path, const uint8_t *data, size_t len)
{
    struct bench_participant *who = user;
    who->config.send_datagram(who->config.user, BENCH_SUBSCRIBE, path, data, len);
}

static int create_peers(struct bench_participant *who)
{
    int err = 0;
    for (int pc = 0; pc < 2 && err == 0; pc++) {
        draw_credentials(who, (enum bench_pc)pc);
        struct bench_peer_config peer = {.identity = who->config.identity,
                                         .local = who->local[pc],
                                         .seed = base_prng_next(&who->random),
                                         .wall_offset_us = who->config.wall_offset_us,
                                         .cname = "bench",
                                         .send = pc == BENCH_PUBLISH ? on_publish_send : on_subscribe_send,
                                         .user = who};
        err = bench_peer_create(&who->peers[pc], &peer);
    }
    return err;
}

int bench_participant_create(struct bench_participant **out, const struct bench_participant_config *config,
                             uint64_t now_us)
{
    *out = NULL;
    struct bench_participant *who = calloc(1, sizeof *who);
    if (who == NULL)
        return BASE_ERR_NOMEM;
    who->config = *config;
    who->dialect = config->dialect != NULL ? config->dialect : &bench_dialect_consilium;
    snprintf(who->room, sizeof who->room, "%s", config->room != NULL ? config->room : "");
    snprintf(who->name, sizeof who->name, "bench %u", config->number);
    who->config.room = who->room;
    who->random = config->seed * 2 + 1;
    who->next_ping_us = BASE_NEVER_US;
    int err = base_map_init(&who->other_by_id, 8, 0);
    if (err == 0)
        err = base_map_init(&who->sub_by_edge, 8, 0);
    if (err == 0)
        err = create_peers(who);
    for (int source = 0; source < BENCH_SOURCES && err == 0; source++)
        if (config->sources[source])
            err = bench_participant_add_source(who, (enum bench_source)source, now_us);
    if (err == 0 && who->dialect->create != NULL)
        err = who->dialect->create(who);
    if (err != 0) {
        bench_participant_destroy(who);
        return err;
    }
    *out = who;
    return 0;
}

void bench_participant_destroy(struct bench_participant *who)
{
    if (who == NULL)
        return;
    if (who->words != NULL)
        who->dialect->destroy(who);
    bench_peer_destroy(who->peers[BENCH_PUBLISH]);
    bench_peer_destroy(who->peers[BENCH_SUBSCRIBE]);
    bench_participant_forget_others(who);
    free(who->others);
    free(who->subs);
    base_map_clear(&who->other_by_id);
    base_map_clear(&who->sub_by_edge);
    free(who);
}

/* ---- the conversation ----------------------------------------------------------------------------------------- */

const char *bench_text_of(const json_t *message, const char *key)
{
    const char *text = json_string_value(json_object_get(message, key));
    return text != NULL ? text : "";
}

void bench_participant_problem(struct bench_participant *who, const char *what)
{
    if (who->problems++ == 0)
        snprintf(who->problem, sizeof who->problem, "%s", what);
}

void bench_participant_say(struct bench_participant *who, json_t *message)
{
    char *text = json_dumps(message, JSON_COMPACT);
    json_decref(message);
    if (text != NULL)
        who->config.send_text(who->config.user, text);
    free(text);
}

void bench_participant_on_open(struct bench_participant *who, uint64_t now_us, const char *ticket)
{
    who->now_us = now_us;
    who->state = BENCH_ENTERING;
    if (who->dialect->ping_us != 0)
        who->next_ping_us = now_us + who->dialect->ping_us;
    who->dialect->on_open(who, ticket);
}

void bench_participant_on_socket_closed(struct bench_participant *who)
{
    if (who->state == BENCH_ENTERING || who->state == BENCH_INSIDE)
        who->state = BENCH_OUTSIDE;
    who->next_ping_us = BASE_NEVER_US;
}

void bench_participant_on_text(struct bench_participant *who, uint64_t now_us, const char *text, size_t len)
{
    who->now_us = now_us;
    json_t *message = json_loadb(text, len, 0, NULL);
    const char *type = bench_text_of(message, who->dialect->type_key);
    if (message == NULL || type[0] == 0) {
        bench_participant_problem(who, "not a JSON object with a type");
    } else {
        if (who->config.on_message != NULL)
            who->config.on_message(who->config.user, type, message);
        who->dialect->on_message(who, type, message);
    }
    json_decref(message);
}

void bench_participant_publish(struct bench_participant *who, uint64_t now_us)
{
    who->now_us = now_us;
    who->dialect->publish(who);
}

uint64_t bench_participant_mute(struct bench_participant *who, enum bench_source source, bool muted)
{
    return who->dialect->mute(who, (int)source, muted);
}

uint64_t bench_participant_moderate(struct bench_participant *who, const char *action, const char *participant,
                                    const char *track)
{
    return who->dialect->moderate != NULL ? who->dialect->moderate(who, action, participant, track) : 0;
}

uint64_t bench_participant_restart(struct bench_participant *who, enum bench_pc pc, uint64_t now_us)
{
    if (who->dialect->restart == NULL)
        return 0;
    who->now_us = now_us;
    draw_credentials(who, pc);
    return who->dialect->restart(who, (int)pc);
}

uint64_t bench_participant_chat(struct bench_participant *who, const char *text)
{
    return who->dialect->chat != NULL ? who->dialect->chat(who, text) : 0;
}

void bench_participant_leave(struct bench_participant *who)
{
    who->dialect->leave(who);
}

/* ---- who else is there ---------------------------------------------------------------------------------------- */

static uint64_t key_of(const char *id)
{
    static const uint64_t key[2] = {1, 2};
    return base_siphash(id, strlen(id), key);
}

struct bench_other *bench_participant_find_other(const struct bench_participant *who, const char *id)
{
    struct bench_other *other = base_map_get(&who->other_by_id, key_of(id));
    return other != NULL && strcmp(other->id, id) == 0 ? other : NULL;
}

struct bench_other *bench_participant_add_other(struct bench_participant *who, const char *id, const char *name)
{
    if (id[0] == 0 || strlen(id) >= BENCH_ID_MAX || strcmp(id, who->id) == 0 ||
        bench_participant_find_other(who, id) != NULL) {
        bench_participant_problem(who, "a participant without id, twice, or oneself");
        return NULL;
    }
    if (who->other_count == who->other_capacity) {
        unsigned capacity = who->other_capacity == 0 ? 8 : who->other_capacity * 2;
        struct bench_other **grown = realloc(who->others, capacity * sizeof *grown);
        if (grown != NULL) {
            who->others = grown;
            who->other_capacity = capacity;
        }
    }
    struct bench_other *other = who->other_count < who->other_capacity ? calloc(1, sizeof *other) : NULL;
    if (other == NULL || base_map_put(&who->other_by_id, key_of(id), other) != 0) {
        free(other);
        bench_participant_problem(who, "no memory for somebody else");
        return NULL;
    }
    snprintf(other->id, sizeof other->id, "%s", id);
    snprintf(other->name, sizeof other->name, "%s", name);
    if (sscanf(name, "bench %" SCNu32, &other->number) != 1)
        other->number = 0;
    other->index = who->other_count;
    who->others[who->other_count++] = other;
    return other;
}

void bench_participant_remove_other(struct bench_participant *who, struct bench_other *other)
{
    base_map_remove(&who->other_by_id, key_of(other->id));
    who->others[other->index] = who->others[--who->other_count];
    who->others[other->index]->index = other->index;
    free(other);
}

void bench_participant_forget_others(struct bench_participant *who)
{
    while (who->other_count != 0)
        bench_participant_remove_other(who, who->others[who->other_count - 1]);
}

void bench_participant_add_track(struct bench_participant *who, struct bench_other *other, const char *id,
                                 enum bench_source source, bool muted)
{
    if (other->track_count == BENCH_TRACKS_MAX) {
        bench_participant_problem(who, "too many tracks of one participant");
        return;
    }
    unsigned i = other->track_count++;
    snprintf(other->tracks[i].id, BENCH_ID_MAX, "%s", id);
    other->tracks[i].source = source;
    other->tracks[i].muted = muted;
}

/* ---- media and time ------------------------------------------------------------------------------------------- */

void bench_participant_on_datagram(struct bench_participant *who, uint64_t now_us, uint64_t arrival_us,
                                   enum bench_pc pc, const struct sfu_path *path, uint8_t *data, size_t len)
{
    who->now_us = now_us;
    bench_peer_on_datagram(who->peers[pc], now_us, arrival_us, path, data, len);
}

uint64_t bench_participant_deadline_us(const struct bench_participant *who)
{
    uint64_t deadline_us = who->next_ping_us;
    for (int pc = 0; pc < 2; pc++) {
        uint64_t peer_us = bench_peer_deadline_us(who->peers[pc]);
        if (peer_us < deadline_us)
            deadline_us = peer_us;
    }
    return deadline_us;
}

void bench_participant_poll(struct bench_participant *who, uint64_t now_us)
{
    who->now_us = now_us;
    if (who->next_ping_us <= now_us) {
        who->next_ping_us = now_us + who->dialect->ping_us;
        if (who->state == BENCH_INSIDE)
            who->dialect->ping(who);
    }
    for (int pc = 0; pc < 2; pc++)
        if (bench_peer_deadline_us(who->peers[pc]) <= now_us)
            bench_peer_poll(who->peers[pc], now_us);
}

/* ---- looking at it -------------------------------------------------------------------------------------------- */

const struct bench_other *bench_participant_other(const struct bench_participant *who, const char *id)
{
    return bench_participant_find_other(who, id);
}

const struct bench_sub *bench_participant_sub(const struct bench_participant *who, const char *participant,
                                              enum bench_source source)
{
    for (unsigned i = 0; i < who->sub_count; i++)
        if (who->subs[i].source == source && strcmp(who->subs[i].participant, participant) == 0)
            return &who->subs[i];
    return NULL;
}

const struct bench_sub *bench_participant_sub_of(const struct bench_participant *who, uint32_t number,
                                                 enum bench_source source)
{
    const void *place = base_map_get(&who->sub_by_edge, bench_participant_edge(number, source));
    return place != NULL ? &who->subs[(uintptr_t)place - 1] : NULL;
}

bool bench_participant_connected(const struct bench_participant *who)
{
    bool publishes = false;
    for (int source = 0; source < BENCH_SOURCES; source++)
        publishes = publishes || who->publishing[source];
    return (!publishes || bench_peer_state(who->peers[BENCH_PUBLISH]) == BENCH_PEER_CONNECTED) &&
           (who->sub_count == 0 || bench_peer_state(who->peers[BENCH_SUBSCRIBE]) == BENCH_PEER_CONNECTED);
}

static const char *const source_names[BENCH_SOURCES] = {"mic", "camera", "screen"};

const char *bench_source_name(enum bench_source source)
{
    return source < BENCH_SOURCES ? source_names[source] : "other";
}

enum bench_source bench_source_of(const char *name)
{
    int source = 0;
    while (source < BENCH_SOURCES && strcmp(source_names[source], name) != 0)
        source++;
    return (enum bench_source)source;
}
