/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Janus of our own (1.1, Debian's package): configuration in its folder, the WebSocket transport and the VideoRoom
 * plug-in only, everything that costs media time as it is by default. Its rooms are made over its WebSocket.
 */
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/err.h"
#include "bench/client/ws.h"
#include "bench/target/target_internal.h"

#define ANSWER_LIMIT_US 10000000u
#define ROOM_BITRATE    100000000 /* bit/s: never what limits */

/* ---- starting ------------------------------------------------------------------------------------------------- */

static const char core_format[] = "general: {\n"
                                  "  configs_folder = \"%s\"\n"
                                  "  log_to_stdout = true\n"
                                  "  debug_level = 3\n"
                                  "  debug_colors = false\n"
                                  "  server_name = \"bench\"\n"
                                  "%s"
                                  "}\n"
                                  "media: { ipv6 = false }\n"
                                  "nat: {\n"
                                  "  nice_debug = false\n"
                                  "  ice_enforce_list = \"%s\"\n"
                                  "  ignore_mdns = true\n"
                                  "}\n"
                                  "plugins: { disable = \"%s\" }\n"
                                  "transports: { disable = \"%s\" }\n"
                                  "events: { broadcast = false }\n";
static const char plugins[] = "libjanus_audiobridge.so,libjanus_duktape.so,libjanus_echotest.so,libjanus_lua.so,"
                              "libjanus_nosip.so,libjanus_recordplay.so,libjanus_sip.so,libjanus_streaming.so,"
                              "libjanus_textroom.so,libjanus_videocall.so,libjanus_voicemail.so";
static const char transports[] = "libjanus_http.so,libjanus_mqtt.so,libjanus_nanomsg.so,libjanus_pfunix.so,"
                                 "libjanus_rabbitmq.so";

static int write_file(const struct bench_target *target, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", target->process.folder, name);
    FILE *file = fopen(path, "w");
    if (file == NULL)
        return BASE_ERR_IO;
    bool written = fputs(text, file) >= 0;
    return fclose(file) == 0 && written ? 0 : BASE_ERR_IO;
}

static int write_configuration(const struct bench_target *target)
{
    char text[2048], loops[48] = "";
    if (target->config.event_loops != 0)
        snprintf(loops, sizeof loops, "  event_loops = %u\n", target->config.event_loops);
    snprintf(text, sizeof text, core_format, target->process.folder, loops, target->address, plugins, transports);
    int err = write_file(target, "janus.jcfg", text);
    snprintf(
        text, sizeof text,
        "general: {\n  json = \"compact\"\n  ws = true\n  ws_ip = \"127.0.0.1\"\n  ws_port = %u\n  wss = false\n}\n"
        "admin: { admin_ws = false }\n",
        target->url.port);
    if (err == 0)
        err = write_file(target, "janus.transport.websockets.jcfg", text);
    if (err == 0)
        err = write_file(target, "janus.plugin.videoroom.jcfg", "general: { string_ids = true }\n");
    return err;
}

int bench_janus_start(struct bench_target *target, char *error)
{
    const struct bench_target_config *config = &target->config;
    char core[128];
    /* It gathers no loopback address (ice.c: "Skip loopback interfaces"). */
    if (config->address != NULL)
        snprintf(target->address, sizeof target->address, "%s", config->address);
    else if (bench_own_address(target->address) != 0)
        return bench_target_error(error, BASE_ERR_INVALID,
                                  "Janus needs an IPv4 address besides 127.0.0.1, and this machine has none");
    target->url = (struct bench_url){.host = "127.0.0.1", .port = bench_free_port(SOCK_STREAM)};
    if (write_configuration(target) != 0)
        return bench_target_error(error, BASE_ERR_IO, "%s cannot be written", target->process.folder);
    snprintf(core, sizeof core, "%s/janus.jcfg", target->process.folder);
    const char *arguments[BENCH_PROCESS_ARGUMENTS_MAX] = {config->binary, "-C", core, "-F", target->process.folder};
    size_t count = 5;
    for (const char *const *word = config->extra; word != NULL && *word != NULL; word++)
        if (count + 1 < BENCH_PROCESS_ARGUMENTS_MAX)
            arguments[count++] = *word;
    int err = bench_process_start(&target->process, arguments, config->server_cpu);
    if (err == BASE_ERR_NOT_FOUND)
        return bench_target_error(error, BASE_ERR_INVALID, "no such program: %s (Debian's package is janus)",
                                  config->binary);
    return err == 0 ? 0 : bench_target_error(error, err, "%s cannot be started", config->binary);
}

/* ---- talking, one question after the other ---------------------------------------------------------------------- */

struct talk {
    struct sfu_loop *loop;
    struct bench_ws *ws;
    unsigned number;
    json_t *answer; /* to the newest question */
    bool closed;
};

static void on_text(void *user, const char *text, size_t len)
{
    struct talk *talk = user;
    char transaction[16];
    snprintf(transaction, sizeof transaction, "%u", talk->number);
    json_t *message = json_loadb(text, len, 0, NULL);
    const char *about = json_string_value(json_object_get(message, "transaction"));
    const char *type = json_string_value(json_object_get(message, "janus"));
    if (about != NULL && type != NULL && strcmp(about, transaction) == 0 && strcmp(type, "ack") != 0 &&
        talk->answer == NULL)
        talk->answer = json_incref(message);
    json_decref(message);
}

static void on_closed(void *user, unsigned code)
{
    (void)code;
    ((struct talk *)user)->closed = true;
}

static int talk_begin(struct talk *talk, const struct bench_target *target, struct bench_trouble *trouble)
{
    *talk = (struct talk){.number = 0};
    const struct bench_ws_config config = {.place = target->place,
                                           .path = bench_dialect_janus.ws_path,
                                           .protocol = bench_dialect_janus.ws_protocol,
                                           .on_text = on_text,
                                           .on_closed = on_closed,
                                           .user = talk};
    int err = sfu_loop_create(&talk->loop);
    if (err != 0)
        return bench_trouble_set(trouble, BENCH_FAILURE_RESOURCES, "no memory");
    struct bench_ws_config with_loop = config;
    with_loop.loop = talk->loop;
    err = bench_ws_open(&talk->ws, &with_loop);
    if (err != 0) {
        sfu_loop_destroy(talk->loop);
        return bench_trouble_set(trouble, BENCH_FAILURE_UNREACHABLE, "%s:%u: no WebSocket of Janus (%d)",
                                 target->url.host, target->url.port, err);
    }
    return 0;
}

static void talk_end(struct talk *talk)
{
    json_decref(talk->answer);
    bench_ws_destroy(talk->ws);
    sfu_loop_destroy(talk->loop);
}

/* Takes the reference of the question; the answer is borrowed until the next one. NULL: none came. */
static const json_t *talk_ask(struct talk *talk, json_t *question)
{
    char transaction[16];
    json_decref(talk->answer);
    talk->answer = NULL;
    snprintf(transaction, sizeof transaction, "%u", ++talk->number);
    json_object_set_new(question, "transaction", json_string(transaction));
    char *text = json_dumps(question, JSON_COMPACT);
    json_decref(question);
    if (text != NULL)
        bench_ws_send_text(talk->ws, text);
    free(text);
    for (uint64_t limit_us = base_clock_us() + ANSWER_LIMIT_US;
         talk->answer == NULL && !talk->closed && base_clock_us() < limit_us;)
        sfu_loop_wait(talk->loop, limit_us);
    return talk->answer;
}

int bench_janus_ask(struct bench_target *target, struct bench_trouble *trouble)
{
    struct talk talk;
    int err = talk_begin(&talk, target, trouble);
    if (err != 0)
        return err;
    const json_t *info = talk_ask(&talk, json_pack("{s:s}", "janus", "info"));
    const char *version = json_string_value(json_object_get(info, "version_string"));
    if (version != NULL)
        snprintf(target->version, sizeof target->version, "janus %s", version);
    else
        err = bench_trouble_set(trouble, BENCH_FAILURE_UNREACHABLE, "%s:%u: not a Janus", target->url.host,
                                target->url.port);
    talk_end(&talk);
    return err;
}

/* ---- rooms ---------------------------------------------------------------------------------------------------- */

static json_int_t id_in(const json_t *answer)
{
    return json_integer_value(json_object_get(json_object_get(answer, "data"), "id"));
}

static json_t *room(const char *name, unsigned people, enum bench_codec codec)
{
    return json_pack("{s:s,s:s,s:i,s:i,s:b,s:i,s:s,s:s,s:b}", "request", "create", "room", name, "publishers",
                     (int)people, "bitrate", ROOM_BITRATE, "bitrate_cap", 0, "fir_freq", 0, "audiocodec", "opus",
                     "videocodec", codec == BENCH_VP9 ? "vp9" : "vp8", "notify_joining", 0);
}

static int create_rooms(struct talk *talk, const char *const *names, size_t count, unsigned people,
                        enum bench_codec codec, char *error)
{
    json_int_t session = id_in(talk_ask(talk, json_pack("{s:s}", "janus", "create")));
    json_int_t handle = id_in(talk_ask(talk, json_pack("{s:s,s:I,s:s}", "janus", "attach", "session_id", session,
                                                       "plugin", "janus.plugin.videoroom")));
    if (session == 0 || handle == 0)
        return bench_target_error(error, BASE_ERR_IO, "Janus has no VideoRoom for us");
    for (size_t i = 0; i < count; i++) {
        const json_t *answer = talk_ask(talk, json_pack("{s:s,s:I,s:I,s:o}", "janus", "message", "session_id", session,
                                                        "handle_id", handle, "body", room(names[i], people, codec)));
        const json_t *data = json_object_get(json_object_get(answer, "plugindata"), "data");
        const char *why = json_string_value(json_object_get(data, "error"));
        json_int_t code = json_integer_value(json_object_get(data, "error_code"));
        if (code != 0 && code != 427) /* that one: there is such a room already */
            return bench_target_error(error, BASE_ERR_NOT_ALLOWED, "Janus makes no room %s: %s%s", names[i],
                                      why != NULL ? why : "?",
                                      code == 430 ? " (VideoRoom needs string_ids = true)" : "");
        if (data == NULL)
            return bench_target_error(error, BASE_ERR_IO, "Janus does not answer about room %s", names[i]);
    }
    talk_ask(talk, json_pack("{s:s,s:I}", "janus", "destroy", "session_id", session));
    return 0;
}

int bench_janus_prepare(struct bench_target *target, const char *const *names, size_t count, unsigned people,
                        enum bench_codec codec, char *error)
{
    struct talk talk;
    struct bench_trouble trouble = {.failure = BENCH_FAILURE_NONE};
    int err = talk_begin(&talk, target, &trouble);
    if (err != 0)
        return bench_target_error(error, err, "%s", trouble.why);
    err = create_rooms(&talk, names, count, people, codec, error);
    talk_end(&talk);
    return err;
}
