/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/call.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

static struct call *unfinished;

bool call_start(struct call *call, unsigned count, const enum bench_transport *transports)
{
    if (unfinished != NULL) { /* of a case that failed in its middle */
        bench_crowd_destroy(unfinished->crowd);
        unfinished->crowd = NULL;
    }
    memset(call, 0, sizeof *call);
    if (!server_start(&call->server, NULL) || bench_crowd_create(&call->crowd, call->server.port) != 0)
        return false;
    unfinished = call;
    for (unsigned i = 0; i < count; i++)
        if (call_join(call, transports != NULL ? transports[i] : BENCH_UDP) == NULL)
            return false;
    return true;
}

struct bench_person *call_join(struct call *call, enum bench_transport transport)
{
    struct bench_person_config config = {.room = "test-room",
                                         .number = call->count + 1,
                                         .sources = {[BENCH_MIC] = true, [BENCH_CAMERA] = true},
                                         .transport = transport};
    struct bench_person *who;
    int err = bench_person_enter(&who, call->crowd, &config);
    if (err != 0)
        printf("    entering failed: %d\n", err);
    else
        call->people[call->count++] = who;
    return who;
}

int call_end(struct call *call)
{
    bench_crowd_destroy(call->crowd);
    call->crowd = NULL;
    unfinished = NULL;
    return server_stop(&call->server);
}

bool call_wait(struct call *call, bool (*done)(void *user), void *user)
{
    return bench_crowd_run(call->crowd, base_clock_us() + CALL_WAIT_US, done, user);
}

void call_run_ms(struct call *call, unsigned ms)
{
    bench_crowd_run(call->crowd, base_clock_us() + (uint64_t)ms * 1000, NULL, NULL);
}

const struct bench_receive_counters *call_received(const struct bench_person *a, const struct bench_person *b,
                                                   enum bench_source source)
{
    static const struct bench_receive_counters nothing;
    const struct bench_sub *sub = bench_participant_sub(a->participant, b->participant->id, source);
    return sub != NULL && sub->stream != NULL ? bench_receive_stream_counters(sub->stream) : &nothing;
}

struct flow {
    struct call *call;
    uint64_t frames[CALL_MAX][CALL_MAX], audio[CALL_MAX][CALL_MAX];
};

static bool flows(void *user)
{
    const struct flow *flow = user;
    for (unsigned i = 0; i < flow->call->count; i++)
        for (unsigned k = 0; k < flow->call->count; k++) {
            struct bench_person *a = flow->call->people[i], *b = flow->call->people[k];
            if (a == NULL || b == NULL || a == b)
                continue;
            if (call_received(a, b, BENCH_CAMERA)->frames_decoded < flow->frames[i][k] ||
                call_received(a, b, BENCH_MIC)->packets < flow->audio[i][k])
                return false;
        }
    return true;
}

bool call_media_flows(struct call *call, unsigned frames, unsigned audio)
{
    struct flow flow = {.call = call};
    for (unsigned i = 0; i < call->count; i++)
        for (unsigned k = 0; k < call->count; k++) {
            struct bench_person *a = call->people[i], *b = call->people[k];
            if (a == NULL || b == NULL || a == b)
                continue;
            flow.frames[i][k] = call_received(a, b, BENCH_CAMERA)->frames_decoded + frames;
            flow.audio[i][k] = call_received(a, b, BENCH_MIC)->packets + audio;
        }
    if (call_wait(call, flows, &flow))
        return true;
    for (unsigned i = 0; i < call->count; i++)
        for (unsigned k = 0; k < call->count; k++)
            if (i != k && call->people[i] != NULL && call->people[k] != NULL)
                printf("    %u from %u: %" PRIu64 " frames of %" PRIu64 ", %" PRIu64 " audio packets of %" PRIu64
                       " (state %d, publish %d, subscribe %d, %s)\n",
                       i, k, call_received(call->people[i], call->people[k], BENCH_CAMERA)->frames_decoded,
                       flow.frames[i][k], call_received(call->people[i], call->people[k], BENCH_MIC)->packets,
                       flow.audio[i][k], (int)call->people[i]->participant->state,
                       (int)bench_peer_state(call->people[i]->participant->peers[BENCH_PUBLISH]),
                       (int)bench_peer_state(call->people[i]->participant->peers[BENCH_SUBSCRIBE]),
                       call->people[i]->participant->code);
    return false;
}

struct count {
    const uint64_t *value;
    uint64_t target;
};

static bool counted(void *user)
{
    const struct count *count = user;
    return *count->value >= count->target;
}

bool call_wait_count(struct call *call, const uint64_t *value, uint64_t target)
{
    struct count count = {value, target};
    return call_wait(call, counted, &count);
}

static bool closed(void *user)
{
    return ((struct bench_person *)user)->close_code != 0;
}

bool call_wait_closed(struct call *call, struct bench_person *who)
{
    return call_wait(call, closed, who);
}

uint64_t call_errors(const struct call *call)
{
    uint64_t errors = 0;
    for (unsigned i = 0; i < call->count; i++) {
        if (call->people[i] == NULL)
            continue;
        const struct bench_participant *who = call->people[i]->participant;
        if (who->problems != 0)
            printf("    %u: %" PRIu64 " problems, first: %s\n", i, who->problems, who->problem);
        errors += who->problems;
        for (int pc = 0; pc < 2; pc++) {
            const struct bench_peer_counters *peer = bench_peer_counters(who->peers[pc]);
            errors += peer->rtp_auth_failed + peer->rtp_malformed + peer->rtcp_malformed + peer->unknown_datagrams;
        }
        for (unsigned k = 0; k < who->sub_count; k++) {
            const struct bench_receive_counters *counters = bench_receive_stream_counters(who->subs[k].stream);
            char text[256];
            bench_receive_errors_text(counters, text, sizeof text);
            if (bench_receive_errors(counters) != 0)
                printf("    %u from %s (%s): %s\n", i, who->subs[k].participant, bench_source_name(who->subs[k].source),
                       text);
            errors += bench_receive_errors(counters);
        }
    }
    return errors;
}
