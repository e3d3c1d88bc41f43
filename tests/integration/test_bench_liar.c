/* SPDX-License-Identifier: Apache-2.0 */
/* Does the lying server lie as it is told, and do the receivers' streams say so? Three people in a room, each lie about
 * what p1 receives of p2. What the load tool makes of it: test_bench_honesty.c. */
#include <stdlib.h>

#include "base/clock.h"
#include "tests/integration/bench_liar.h"
#include "tests/integration/call.h"

#define TIMES 20 /* as in the lies below */

static struct call call;

static const struct bench_receive_counters *heard(enum bench_source source)
{
    return call_received(call.people[0], call.people[1], source);
}

/* What p1's streams of p2 and p3 have in all. */
static uint64_t arrived(unsigned from)
{
    uint64_t sum = 0;
    for (int source = BENCH_MIC; source <= BENCH_CAMERA; source++) {
        const struct bench_receive_counters *counters =
            call_received(call.people[0], call.people[from - 1], (enum bench_source)source);
        sum += counters->packets + counters->rtx_packets;
    }
    return sum;
}

struct still {
    uint64_t last, since_us;
};

static bool is_still(void *user)
{
    struct still *still = user;
    uint64_t now_us = base_clock_us(), sum = arrived(2) + arrived(3);
    if (sum != still->last)
        *still = (struct still){.last = sum, .since_us = now_us};
    return now_us >= still->since_us + 700000;
}

static void stop_sources(void)
{
    struct still still = {.since_us = base_clock_us()};
    for (unsigned i = 0; i < call.count; i++)
        for (int source = 0; source < BENCH_SOURCES; source++)
            for (int layer = 0; layer < BENCH_LAYERS_MAX; layer++)
                if (call.people[i]->participant->sends[source][layer] != NULL)
                    bench_send_stream_pause(call.people[i]->participant->sends[source][layer], true, base_clock_us());
    (void)call_wait(&call, is_still, &still);
}

/* A meeting of three for `ms` from the first frame on; then silence, and the counters may be read. */
static void meet(int *t_failed, unsigned ms)
{
    T_CHECK(call_start(&call, 3, NULL));
    T_CHECK(call_media_flows(&call, 1, 1));
    call_run_ms(&call, ms);
    stop_sources();
}

/* Ends the server: the account is there. Nothing else is wrong than what p1 got of p2. */
static void end(int *t_failed, uint64_t errors_of_p2)
{
    T_EQ(call_errors(&call), errors_of_p2);
    T_EQ(server_stop(&call.server), 0);
}

static uint64_t told(const char *lie)
{
    return liar_account(lie, 2, 1, NULL);
}

/* ---- cases ---------------------------------------------------------------------------------------------------- */

static void truth(int *t_failed, const struct liar_case *self)
{
    (void)self;
    T_CALL(meet(t_failed, 1500));
    T_CALL(end(t_failed, 0));
    bench_crowd_destroy(call.crowd);
}

/* The truth through the liar's hands: it lies about p3 only, and not yet. */
static void no_lie_yet(int *t_failed, const struct liar_case *self)
{
    (void)self;
    T_CALL(meet(t_failed, 1500));
    T_CALL(end(t_failed, 0));
    T_EQ(arrived(2), liar_account("forwarded", 2, 1, NULL));
    T_EQ(arrived(3), liar_account("forwarded", 3, 1, NULL));
    T_CHECK(heard(BENCH_CAMERA)->packets > 20);
    bench_crowd_destroy(call.crowd);
}

/* Packets that are missing for good: `number` is how many. */
static void dropped(int *t_failed, const struct liar_case *self)
{
    T_CALL(meet(t_failed, 3000));
    uint64_t errors = bench_receive_errors(heard(BENCH_CAMERA)) + bench_receive_errors(heard(BENCH_MIC));
    T_CALL(end(t_failed, errors));
    T_EQ(told("drop") + told("drop-hidden"), (uint64_t)self->number);
    T_EQ(arrived(2), liar_account("forwarded", 2, 1, NULL) - (uint64_t)self->number);
    T_EQ(arrived(3), liar_account("forwarded", 3, 1, NULL));
    T_EQ(told("drop") != 0 && heard(BENCH_CAMERA)->nack_requests == 0 && strstr(self->lie, "camera") != NULL, 0);
    bench_crowd_destroy(call.crowd);
}

static void repaired(int *t_failed, const struct liar_case *self)
{
    (void)self;
    T_CALL(meet(t_failed, 3000));
    T_CALL(end(t_failed, 0));
    T_EQ(told("drop-once"), TIMES);
    T_CHECK(heard(BENCH_CAMERA)->rtx_packets >= TIMES);
    T_EQ(arrived(2), liar_account("forwarded", 2, 1, NULL));
    bench_crowd_destroy(call.crowd);
}

static void delayed(int *t_failed, const struct liar_case *self)
{
    const struct bench_sub *sub;
    T_CALL(meet(t_failed, 2000));
    sub = bench_participant_sub(call.people[0]->participant, call.people[1]->participant->id, BENCH_CAMERA);
    T_CHECK(sub != NULL);
    T_CHECK(bench_histogram_quantile(bench_receive_stream_delay(sub->stream), 0.05) >= (uint64_t)self->number * 970);
    sub = bench_participant_sub(call.people[0]->participant, call.people[2]->participant->id, BENCH_CAMERA);
    T_CHECK(bench_histogram_quantile(bench_receive_stream_delay(sub->stream), 0.05) < (uint64_t)self->number * 500);
    T_CALL(end(t_failed, 0));
    T_EQ(arrived(2), liar_account("forwarded", 2, 1, NULL));
    bench_crowd_destroy(call.crowd);
}

/* Everything arrives, nothing is wrong: reordered, or copied. */
static void harmless(int *t_failed, const struct liar_case *self)
{
    (void)self;
    T_CALL(meet(t_failed, 3000));
    T_CALL(end(t_failed, 0));
    T_EQ(told("reorder") + told("copy"), TIMES);
    T_EQ(arrived(2), liar_account("forwarded", 2, 1, NULL));
    if (told("copy") != 0)
        T_EQ(bench_peer_counters(call.people[0]->participant->peers[BENCH_SUBSCRIBE])->rtp_replayed, TIMES);
    bench_crowd_destroy(call.crowd);
}

static uint64_t error_of(const struct bench_receive_counters *counters, const char *lie)
{
    if (strncmp(lie, "duplicate", 9) == 0)
        return counters->err_duplicate;
    if (strncmp(lie, "corrupt=", 8) == 0)
        return counters->err_checksum;
    if (strncmp(lie, "swap", 4) == 0)
        return counters->err_publisher;
    return bench_receive_errors(counters);
}

/* Each lie is an error in the stream, of the right kind, and in no other stream. */
static void wrong(int *t_failed, const struct liar_case *self)
{
    T_CALL(meet(t_failed, 3000));
    uint64_t errors = bench_receive_errors(heard(BENCH_CAMERA)) + bench_receive_errors(heard(BENCH_MIC));
    uint64_t right_kind = error_of(heard(BENCH_CAMERA), self->lie) + error_of(heard(BENCH_MIC), self->lie);
    T_CHECK(right_kind >= (uint64_t)self->number);
    T_CALL(end(t_failed, errors));
    bench_crowd_destroy(call.crowd);
}

/* Sound goes on, the picture does not come back. */
static void frozen(int *t_failed, const struct liar_case *self)
{
    (void)self;
    T_CALL(meet(t_failed, 2500));
    T_CHECK(heard(BENCH_CAMERA)->frames_decoded > 0);
    T_CHECK(heard(BENCH_CAMERA)->last_packet_us + 1000000 < heard(BENCH_MIC)->last_packet_us);
    T_CALL(end(t_failed, 0));
    T_EQ(arrived(2) + told("freeze"), liar_account("forwarded", 2, 1, NULL));
    bench_crowd_destroy(call.crowd);
}

/* All of it arrives, under wrong numbers. */
static void shuffled(int *t_failed, const struct liar_case *self)
{
    (void)self;
    T_CALL(meet(t_failed, 3000));
    uint64_t errors = bench_receive_errors(heard(BENCH_MIC));
    T_EQ(heard(BENCH_MIC)->err_order, errors);
    T_CALL(end(t_failed, errors));
    T_EQ(told("shuffle"), TIMES);
    T_EQ(errors, TIMES);
    T_EQ(arrived(2), liar_account("forwarded", 2, 1, NULL));
    bench_crowd_destroy(call.crowd);
}

static bool has_failed(void *user)
{
    const enum bench_pc *pc = user;
    const struct bench_person *who = call.people[*pc == BENCH_PUBLISH ? 1 : 0];
    return bench_peer_state(who->participant->peers[*pc]) == BENCH_PEER_FAILED;
}

static void hung_up(int *t_failed, const struct liar_case *self)
{
    enum bench_pc pc = self->number > 0 ? BENCH_SUBSCRIBE : BENCH_PUBLISH;
    T_CHECK(call_start(&call, 3, NULL));
    T_CHECK(call_wait(&call, has_failed, &pc));
    T_CALL(end(t_failed, 0));
    T_EQ(told("hang-up"), 1);
    bench_crowd_destroy(call.crowd);
}

static bool two_know_each_other(void *user)
{
    (void)user;
    return call.people[0]->participant->other_count == 2 && heard(BENCH_MIC)->packets > 50 &&
           call_received(call.people[0], call.people[2], BENCH_CAMERA)->frames_decoded > 10;
}

/* p1 is told of p2's camera, but never gets it. */
static void never_offered(int *t_failed, const struct liar_case *self)
{
    (void)self;
    T_CHECK(call_start(&call, 3, NULL));
    T_CHECK(call_wait(&call, two_know_each_other, NULL));
    T_EQ(bench_participant_other(call.people[0]->participant, call.people[1]->participant->id)->track_count, 2);
    T_CHECK(bench_participant_sub(call.people[0]->participant, call.people[1]->participant->id, BENCH_CAMERA) == NULL);
    T_CALL(end(t_failed, 0));
    bench_crowd_destroy(call.crowd);
}

static const struct bench_other *p2(void)
{
    return bench_participant_other(call.people[0]->participant, call.people[1]->participant->id);
}

static bool second_camera_muted(void *user)
{
    (void)user;
    for (unsigned i = 0; p2() != NULL && i < p2()->track_count; i++)
        if (p2()->tracks[i].source == BENCH_CAMERA)
            return p2()->tracks[i].muted;
    return false;
}

static bool second_camera_gone(void *user)
{
    (void)user;
    return p2() != NULL && p2()->track_count == 1;
}

static bool second_camera_back(void *user)
{
    (void)user;
    return p2() != NULL && p2()->track_count == 2 && heard(BENCH_CAMERA)->frames_decoded > 5;
}

static void said_muted(int *t_failed, const struct liar_case *self)
{
    (void)self;
    T_CHECK(call_start(&call, 3, NULL));
    T_CHECK(call_wait(&call, second_camera_muted, NULL));
    T_CALL(end(t_failed, 0));
    bench_crowd_destroy(call.crowd);
}

static void blinked(int *t_failed, const struct liar_case *self)
{
    (void)self;
    T_CHECK(call_start(&call, 3, NULL));
    T_CHECK(call_media_flows(&call, 1, 1));
    T_CHECK(call_wait(&call, second_camera_gone, NULL));
    T_CHECK(call_wait(&call, second_camera_back, NULL));
    T_CALL(end(t_failed, 0));
    bench_crowd_destroy(call.crowd);
}

static bool third_is_out(void *user)
{
    (void)user;
    return call.people[2]->close_code != 0;
}

static void kicked(int *t_failed, const struct liar_case *self)
{
    (void)self;
    T_CHECK(call_start(&call, 3, NULL));
    T_CHECK(call_wait(&call, third_is_out, NULL));
    T_EQ(server_stop(&call.server), 0);
    T_EQ(liar_account("kick", 0, 3, NULL), 1);
    bench_crowd_destroy(call.crowd);
}

static bool first_is_out(void *user)
{
    (void)user;
    return call.people[0]->close_code != 0;
}

static void died(int *t_failed, const struct liar_case *self)
{
    (void)self;
    T_CHECK(call_start(&call, 3, NULL));
    T_CHECK(call_wait(&call, first_is_out, NULL));
    T_EQ(server_wait(&call.server, 5000), 9);
    bench_crowd_destroy(call.crowd);
}

static void refused(int *t_failed, const struct liar_case *self)
{
    (void)self;
    T_CHECK(call_start(&call, 2, NULL));
    struct bench_person *third = call_join(&call, BENCH_UDP);
    T_CHECK(third == NULL || call_wait_closed(&call, third));
    T_EQ(server_stop(&call.server), 0);
    bench_crowd_destroy(call.crowd);
}

static void slow(int *t_failed, const struct liar_case *self)
{
    uint64_t start_us = base_clock_us();
    T_CHECK(call_start(&call, 2, NULL));
    T_CHECK(call_media_flows(&call, 1, 1));
    T_CHECK(base_clock_us() - start_us >= (uint64_t)self->number * 1000);
    T_CALL(end(t_failed, 0));
    bench_crowd_destroy(call.crowd);
}

#define P2_TO_P1 ";from=2;to=1"

int main(int argc, char **argv)
{
    static const struct liar_case cases[] = {
        {"truth", NULL, truth, 0},
        {"no_lie_yet", "drop=1;from=3;after=60000", no_lie_yet, 0},
        {"drop", "drop=0.2;after=500;count=20;source=camera" P2_TO_P1, dropped, TIMES},
        {"drop_audio", "drop=0.2;after=500;count=20;source=mic" P2_TO_P1, dropped, TIMES},
        {"drop_hidden", "drop-hidden=0.2;after=500;count=20" P2_TO_P1, dropped, TIMES},
        {"drop_once", "drop-once=0.2;after=500;count=20;source=camera" P2_TO_P1, repaired, TIMES},
        {"delay", "delay=300" P2_TO_P1, delayed, 300},
        {"reorder", "reorder=0.2;after=500;count=20" P2_TO_P1, harmless, 0},
        {"copy", "copy=0.2;after=500;count=20" P2_TO_P1, harmless, 0},
        {"duplicate", "duplicate=0.2;after=500;count=20" P2_TO_P1, wrong, TIMES},
        {"corrupt", "corrupt=0.2;after=500;count=20" P2_TO_P1, wrong, TIMES},
        {"corrupt_header", "corrupt-header=0.2;after=500;count=20;source=camera" P2_TO_P1, wrong, TIMES},
        {"picture_id", "picture-id=0.2;after=500;count=20;source=camera" P2_TO_P1, wrong, 2},
        {"marker", "marker=0.2;after=500;count=20;source=camera" P2_TO_P1, wrong, TIMES},
        {"swap", "swap=0.2;after=500;count=20" P2_TO_P1, wrong, TIMES},
        {"replay", "replay=1;after=500;source=camera" P2_TO_P1, wrong, TIMES},
        {"time_stands", "time=0;after=500;source=camera" P2_TO_P1, wrong, 1},
        {"time_runs", "time=3;source=mic" P2_TO_P1, wrong, 1},
        {"freeze", "freeze=0;after=500;source=camera" P2_TO_P1, frozen, 0},
        {"shuffle", "shuffle=0.5;after=500;count=20;source=mic" P2_TO_P1, shuffled, 0},
        {"hang_up_publisher", "hang-up=1;after=1500" P2_TO_P1, hung_up, BENCH_PUBLISH},
        {"hang_up_receiver", "hang-up=2;after=1500" P2_TO_P1, hung_up, BENCH_SUBSCRIBE},
        {"not_subscribed", "not-subscribed=1;source=camera" P2_TO_P1, never_offered, 0},
        {"muted", "muted=1;after=300;source=camera;from=2", said_muted, 0},
        {"blink", "blink=500;after=3000;source=camera;from=2", blinked, 0},
        {"kick", "kick=1;after=500;to=3;count=1", kicked, 0},
        {"die", "die=1;after=1500", died, 0},
        {"refuse", "refuse=3", refused, 0},
        {"slow_join", "slow-join=700", slow, 700},
    };
    return liar_main(cases, LIAR_CASES(cases), argc, argv);
}
