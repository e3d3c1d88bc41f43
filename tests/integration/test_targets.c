/* SPDX-License-Identifier: Apache-2.0 */
/* Every server that the load tool can start: our clients meet in its rooms, and get what they should. In the
 * environment: CONSILIUM_TARGET, the kind, and CONSILIUM_TARGET_PROGRAM. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/err.h"
#include "bench/client/crowd.h"
#include "bench/media/decode_check.h"
#include "bench/target/process.h"
#include "bench/target/target.h"
#include "tests/support/test.h"

#define PEOPLE_MAX 8
#define LIMIT_US   20000000u

static struct bench_target_config server_config(void)
{
    const char *kind = getenv("CONSILIUM_TARGET");
    return (struct bench_target_config){.kind = kind != NULL && strcmp(kind, "janus") == 0 ? BENCH_TARGET_JANUS
                                                                                           : BENCH_TARGET_CONSILIUM,
                                        .binary = getenv("CONSILIUM_TARGET_PROGRAM"),
                                        .server_cpu = -1,
                                        .people_max = 50};
}

/* One room. */
struct meeting {
    struct bench_target *target;
    struct bench_crowd *crowd;
    struct bench_person *people[PEOPLE_MAX];
    unsigned count;
    bool publishes[PEOPLE_MAX];
    uint64_t pictures; /* wanted of each camera */
    struct bench_participant_config media;
};

/* What is open: closed too when a case fails in its middle. */
static struct bench_target *open_target;
static struct bench_crowd *open_crowd;

static void close_all(void)
{
    bench_crowd_destroy(open_crowd);
    bench_target_close(open_target);
    open_crowd = NULL;
    open_target = NULL;
}

static void meet(int *t_failed, struct meeting *meeting, enum bench_codec codec)
{
    char error[BENCH_TARGET_ERROR_MAX];
    static const char *const rooms[] = {"bench-room"};
    const struct bench_target_config config = server_config();
    static bool registered;
    if (!registered)
        atexit(close_all);
    registered = true;
    close_all();
    int err = bench_target_open(&meeting->target, &config, error);
    open_target = meeting->target;
    if (err != 0)
        printf("    %s\n", error);
    T_EQ(err, 0);
    err = bench_target_prepare(meeting->target, rooms, 1, PEOPLE_MAX, codec, error);
    if (err != 0)
        printf("    %s\n", error);
    T_EQ(err, 0);
    const struct bench_endpoint endpoint = {.url = *bench_target_url(meeting->target),
                                            .ca_file = bench_target_ca_file(meeting->target)};
    T_EQ(bench_crowd_open(&meeting->crowd, &endpoint, bench_target_dialect(meeting->target), NULL), 0);
    open_crowd = meeting->crowd;
}

static void enter(int *t_failed, struct meeting *meeting, bool publishes)
{
    unsigned i = meeting->count;
    struct bench_person_config config = {
        .room = "bench-room", .number = i + 1, .transport = BENCH_UDP, .participant = &meeting->media};
    meeting->media.sources[BENCH_MIC] = meeting->media.sources[BENCH_CAMERA] = publishes;
    meeting->publishes[i] = publishes;
    T_EQ(bench_person_start(&meeting->people[i], meeting->crowd, &config), 0);
    meeting->count++;
}

static bool gets(const struct bench_participant *who, uint32_t number, enum bench_source source, uint64_t pictures)
{
    const struct bench_sub *sub = bench_participant_sub_of(who, number, source);
    if (sub == NULL)
        return false;
    const struct bench_receive_counters *counters = bench_receive_stream_counters(sub->stream);
    return source == BENCH_MIC ? counters->packets > 20 : counters->frames_decoded >= pictures;
}

static bool everybody_gets_everybody(void *user)
{
    const struct meeting *meeting = user;
    for (unsigned i = 0; i < meeting->count; i++)
        for (unsigned k = 0; k < meeting->count; k++)
            if (i != k && meeting->publishes[k] &&
                (!gets(meeting->people[i]->participant, k + 1, BENCH_MIC, 0) ||
                 !gets(meeting->people[i]->participant, k + 1, BENCH_CAMERA, meeting->pictures)))
                return false;
    return true;
}

/* Janus leaves one number out where it changes the layer (RFC 7741 section 4.2 wants each to follow): known, and
 * harmless before a key frame. */
static uint64_t excused(const struct meeting *meeting, const struct bench_receive_counters *counters)
{
    bool janus = bench_target_dialect(meeting->target) == &bench_dialect_janus;
    return janus && meeting->media.media[BENCH_CAMERA].layers > 1 && counters->err_picture_id == 1 ? 1 : 0;
}

/* What is never right. */
static void check_everybody(int *t_failed, const struct meeting *meeting)
{
    for (unsigned i = 0; i < meeting->count; i++) {
        const struct bench_participant *who = meeting->people[i]->participant;
        if (who->problems != 0 || who->errors != 0)
            printf("    %u: problem %s, code %s\n", i, who->problem, who->code);
        T_EQ(who->problems, 0);
        T_EQ(who->errors, 0);
        T_CHECK(bench_participant_connected(who));
        for (unsigned k = 0; k < who->sub_count; k++) {
            const struct bench_receive_counters *counters = bench_receive_stream_counters(who->subs[k].stream);
            uint64_t errors = bench_receive_errors(counters) - excused(meeting, counters);
            if (errors != 0) {
                char text[256];
                bench_receive_errors_text(counters, text, sizeof text);
                printf("    %u from %u (%s): %s\n", i, who->subs[k].number, bench_source_name(who->subs[k].source),
                       text);
            }
            T_EQ(errors, 0);
        }
        for (int pc = 0; pc < 2; pc++)
            if (bench_peer_state(who->peers[pc]) == BENCH_PEER_CONNECTED)
                T_EQ(bench_peer_profile(who->peers[pc]), SFU_SRTP_AEAD_AES_128_GCM);
    }
}

/* For whoever has to find out why. */
static void show(unsigned i, const struct bench_person *person)
{
    const struct bench_participant *who = person->participant;
    const struct bench_peer_counters *down = bench_peer_counters(who->peers[BENCH_SUBSCRIBE]);
    const struct bench_peer_counters *up = bench_peer_counters(who->peers[BENCH_PUBLISH]);
    printf("    %u: state %d/%d (%s), %u others, %u streams, publish %d, subscribe %d, %s, %s\n", i, person->state,
           who->state, who->code, who->other_count, who->sub_count, bench_peer_state(who->peers[BENCH_PUBLISH]),
           bench_peer_state(who->peers[BENCH_SUBSCRIBE]), person->why, who->problem);
    printf("      %" PRIu64 " RTP, %" PRIu64 " of nobody, %" PRIu64 " not authentic; %" PRIu64 " PLIs\n", down->rtp_in,
           down->rtp_unknown, down->rtp_auth_failed, up->plis_in);
    for (unsigned k = 0; k < who->sub_count; k++) {
        const struct bench_receive_counters *counters = bench_receive_stream_counters(who->subs[k].stream);
        char text[256];
        bench_receive_errors_text(counters, text, sizeof text);
        printf("      from %u %s, mid %s: %" PRIu64 " packets, %" PRIu64 " frames, %" PRIu64 " PLIs, %s\n",
               who->subs[k].number, bench_source_name(who->subs[k].source), who->subs[k].mid, counters->packets,
               counters->frames_decoded, counters->plis, text);
    }
}

static void run_until_all_is_there(int *t_failed, struct meeting *meeting)
{
    bool there = bench_crowd_run(meeting->crowd, base_clock_us() + LIMIT_US, everybody_gets_everybody, meeting);
    for (unsigned i = 0; i < meeting->count && !there; i++)
        show(i, meeting->people[i]);
    T_CHECK(there);
    T_CALL(check_everybody(t_failed, meeting));
}

T_TEST(a_room_of_three)
{
    struct meeting meeting = {.pictures = 25};
    T_CALL(meet(t_failed, &meeting, BENCH_VP8));
    for (int i = 0; i < 3; i++)
        T_CALL(enter(t_failed, &meeting, true));
    T_CALL(run_until_all_is_there(t_failed, &meeting));
    struct bench_target_reading reading;
    bench_target_read(meeting.target, &reading);
    T_CHECK(reading.has_cpu && reading.has_memory && reading.memory_bytes > 1000000 && reading.threads > 1);
    T_EQ(reading.socket_drops, 0);
    T_CHECK(strncmp(bench_target_version(meeting.target), bench_target_dialect(meeting.target)->name, 5) == 0);
    close_all();
}

T_TEST(a_webinar_of_one_to_five)
{
    struct meeting meeting = {.pictures = 25};
    T_CALL(meet(t_failed, &meeting, BENCH_VP8));
    T_CALL(enter(t_failed, &meeting, true));
    for (int i = 0; i < 5; i++)
        T_CALL(enter(t_failed, &meeting, false));
    T_CALL(run_until_all_is_there(t_failed, &meeting));
    close_all();
}

static bool nobody_gets_the_screen(void *user)
{
    const struct meeting *meeting = user;
    for (unsigned i = 1; i < meeting->count; i++)
        if (bench_participant_sub_of(meeting->people[i]->participant, 1, BENCH_SCREEN) != NULL)
            return false;
    return true;
}

static bool everybody_gets_the_screen(void *user)
{
    const struct meeting *meeting = user;
    for (unsigned i = 1; i < meeting->count; i++)
        if (!gets(meeting->people[i]->participant, 1, BENCH_SCREEN, 10))
            return false;
    return true;
}

static bool two_are_alone(void *user)
{
    const struct meeting *meeting = user;
    return meeting->people[0]->participant->other_count == 1 && meeting->people[1]->participant->other_count == 1 &&
           meeting->people[0]->participant->sub_count == 2 && meeting->people[1]->participant->sub_count == 2;
}

T_TEST(a_screen_comes_and_goes_and_people_too)
{
    struct meeting meeting = {.pictures = 10};
    T_CALL(meet(t_failed, &meeting, BENCH_VP8));
    for (int i = 0; i < 3; i++)
        T_CALL(enter(t_failed, &meeting, true));
    T_CALL(run_until_all_is_there(t_failed, &meeting));
    for (int round = 0; round < 2; round++) {
        T_EQ(bench_participant_share(meeting.people[0]->participant, true, base_clock_us()), 0);
        T_CHECK(bench_crowd_run(meeting.crowd, base_clock_us() + LIMIT_US, everybody_gets_the_screen, &meeting));
        T_EQ(bench_participant_share(meeting.people[0]->participant, false, base_clock_us()), 0);
        T_CHECK(bench_crowd_run(meeting.crowd, base_clock_us() + LIMIT_US, nobody_gets_the_screen, &meeting));
        T_CALL(check_everybody(t_failed, &meeting));
    }
    bench_person_leave(meeting.people[2]);
    bool alone = bench_crowd_run(meeting.crowd, base_clock_us() + LIMIT_US, two_are_alone, &meeting);
    for (unsigned i = 0; i < 2 && !alone; i++)
        show(i, meeting.people[i]);
    T_CHECK(alone);
    bench_person_destroy(meeting.people[2]);
    meeting.count = 2;
    T_CALL(enter(t_failed, &meeting, true));
    T_CALL(run_until_all_is_there(t_failed, &meeting));
    close_all();
}

/* ---- real media ----------------------------------------------------------------------------------------------- */

#define CHECKS_MAX 16

static struct bench_clip *clips[BENCH_LAYERS_MAX], *speech, *quiet;
static struct bench_decode_check *checks[CHECKS_MAX];
static unsigned check_count;

static void on_frame(void *user, unsigned layer, uint32_t content, const uint8_t *frame, size_t len)
{
    bench_decode_check_on_frame(user, layer, content, frame, len);
}

/* Every camera is decoded. */
static void on_sub(void *user, const struct bench_sub *sub, bool ends)
{
    const struct bench_clip *const known[] = {clips[0], clips[1], clips[2]};
    (void)user;
    if (ends || sub->source != BENCH_CAMERA || check_count == CHECKS_MAX)
        return;
    if (bench_decode_check_create(&checks[check_count], known, clips[1] != NULL ? 3 : 1) != 0 ||
        bench_receive_stream_set_tap(sub->stream, on_frame, checks[check_count]) != 0)
        abort();
    check_count++;
}

static void make_clips(int *t_failed, enum bench_codec codec, unsigned layers)
{
    for (unsigned i = 0; i < layers; i++) {
        const struct bench_clip_config config = {.codec = codec,
                                                 .kind = BENCH_CLIP_CAMERA,
                                                 .width = 256u >> (layers - 1 - i),
                                                 .height = 128u >> (layers - 1 - i),
                                                 .fps = 20,
                                                 .bitrate_bps = 200000u >> (2 * (layers - 1 - i)),
                                                 .seconds = 2};
        T_EQ(bench_clip_create(&clips[i], &config), 0);
    }
    struct bench_clip_config audio = {
        .codec = BENCH_OPUS, .kind = BENCH_CLIP_SPEECH, .bitrate_bps = 32000, .seconds = 2};
    T_EQ(bench_clip_create(&speech, &audio), 0);
    audio.kind = BENCH_CLIP_SILENCE;
    audio.dtx = true;
    T_EQ(bench_clip_create(&quiet, &audio), 0);
}

static void drop_clips(void)
{
    for (unsigned i = 0; i < check_count; i++)
        bench_decode_check_destroy(checks[i]);
    check_count = 0;
    for (int i = 0; i < BENCH_LAYERS_MAX; i++) {
        bench_clip_destroy(clips[i]);
        clips[i] = NULL;
    }
    bench_clip_destroy(speech);
    bench_clip_destroy(quiet);
    speech = quiet = NULL;
}

static void see_each_other(int *t_failed, enum bench_codec codec, unsigned layers)
{
    struct meeting meeting = {.pictures = 40};
    T_CALL(make_clips(t_failed, codec, layers));
    T_CALL(meet(t_failed, &meeting, codec));
    struct bench_source_config *camera = &meeting.media.media[BENCH_CAMERA];
    *camera = (struct bench_source_config){
        .codec = codec, .layers = layers, .clips = {clips[0], clips[1], clips[2]}, .spread = true};
    meeting.media.media[BENCH_MIC] = (struct bench_source_config){.clips = {speech}, .silence = quiet};
    meeting.media.on_sub = on_sub;
    for (int i = 0; i < 2; i++)
        T_CALL(enter(t_failed, &meeting, true));
    T_CALL(run_until_all_is_there(t_failed, &meeting));
    T_EQ(check_count, 2);
    for (unsigned i = 0; i < meeting.count; i++) {
        const struct bench_participant *who = meeting.people[i]->participant;
        unsigned sent = 0;
        while (sent < BENCH_LAYERS_MAX && who->sends[BENCH_CAMERA][sent] != NULL)
            sent++;
        T_EQ(sent, who->simulcast_declined ? 1 : layers);
    }
    for (unsigned i = 0; i < check_count; i++) {
        const struct bench_decode_counters *counters = bench_decode_check_counters(checks[i]);
        T_CHECK(counters->compared >= meeting.pictures);
        T_EQ(counters->undecodable, 0);
        T_EQ(counters->wrong, 0);
    }
    close_all();
    drop_clips();
}

T_TEST(pictures_of_vp9_are_what_was_sent)
{
    see_each_other(t_failed, BENCH_VP9, 1);
}

T_TEST(pictures_of_simulcast_are_what_was_sent)
{
    see_each_other(t_failed, BENCH_VP8, 3);
}

T_TEST(a_server_that_cannot_be_started_is_one_line)
{
    struct bench_target *target;
    char error[BENCH_TARGET_ERROR_MAX];
    struct bench_target_config config = server_config();
    config.binary = "/nowhere/server";
    T_EQ(bench_target_open(&target, &config, error), BASE_ERR_INVALID);
    T_CHECK(target == NULL && strstr(error, "/nowhere/server") != NULL && strchr(error, '\n') == NULL);
    config.binary = "false";
    T_EQ(bench_target_open(&target, &config, error), BASE_ERR_IO);
    T_CHECK(target == NULL && strstr(error, "ended at once") != NULL);
    config.binary = NULL;
    config.url = "https://127.0.0.1:1";
    T_EQ(bench_target_open(&target, &config, error), BASE_ERR_IO);
    T_CHECK(target == NULL && error[0] != 0);
}

T_MAIN(T_CASE(pictures_of_vp9_are_what_was_sent), T_CASE(pictures_of_simulcast_are_what_was_sent),
       T_CASE(a_room_of_three), T_CASE(a_webinar_of_one_to_five), T_CASE(a_screen_comes_and_goes_and_people_too),
       T_CASE(a_server_that_cannot_be_started_is_one_line))
