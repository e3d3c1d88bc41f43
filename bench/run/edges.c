/* SPDX-License-Identifier: Apache-2.0 */
/* edges.c - the account of a run: which streams of which persons belong to which edge. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "bench/run/run_internal.h"

#define GONE_FREEZE_US   500000u
#define GONE_PACKETS     5u
#define PUBLISH_LIMIT_US 10000000u /* a source that is not published so long after it should be, never will be */

static enum bench_kind kind_of(enum bench_source source)
{
    static const enum bench_kind kinds[BENCH_SOURCES] = {BENCH_KIND_AUDIO, BENCH_KIND_CAMERA, BENCH_KIND_SCREEN};
    return kinds[source];
}

int bench_run_edges_create(struct bench_run *run)
{
    run->edge_count = (size_t)run->scenario->rooms * run->publishers * run->scenario->people * (size_t)BENCH_SOURCES;
    run->edges = calloc(run->edge_count, sizeof *run->edges);
    if (run->edges == NULL)
        return BASE_ERR_NOMEM;
    bench_run_decoded_choose(run);
    return 0;
}

void bench_run_edges_destroy(struct bench_run *run)
{
    for (size_t i = 0; run->edges != NULL && i < run->edge_count; i++)
        bench_decode_check_destroy(run->edges[i].check);
    free(run->edges);
    run->edges = NULL;
}

struct bench_run_edge *bench_run_edge_of(struct bench_run *run, uint32_t publisher, enum bench_source source,
                                         uint32_t receiver)
{
    uint32_t people = run->scenario->people, room = publisher / people, place = publisher % people;
    if (place >= run->publishers || receiver / people != room || publisher == receiver)
        return NULL;
    size_t row = ((size_t)room * run->publishers + place) * people + receiver % people;
    return &run->edges[row * BENCH_SOURCES + source];
}

/* Of an edge: whose it is. */
static void ends_of(const struct bench_run *run, const struct bench_run_edge *edge, uint32_t *publisher,
                    enum bench_source *source, uint32_t *receiver)
{
    size_t at = (size_t)(edge - run->edges);
    uint32_t people = run->scenario->people;
    *source = (enum bench_source)(at % BENCH_SOURCES);
    at /= BENCH_SOURCES;
    uint32_t place = (uint32_t)(at % people);
    at /= people;
    uint32_t room = (uint32_t)(at / run->publishers);
    *publisher = room * people + (uint32_t)(at % run->publishers);
    *receiver = room * people + place;
}

static bool publishes(const struct bench_run *run, const struct bench_run_guest *guest, enum bench_source source)
{
    const struct bench_seat *seat = &run->plan.seats[guest->seat];
    return guest->planned && (source == BENCH_MIC ? seat->mic : source == BENCH_CAMERA ? seat->camera : guest->shares);
}

/* ---- streams -------------------------------------------------------------------------------------------------- */

/* The account numbers layers by their place in the publisher's `sends`; stamps, and so receivers, by size: a server
 * without simulcast gets the largest one alone. */
static void learn_layers(const struct bench_run_guest *publisher, enum bench_source source, struct bench_run_edge *edge)
{
    const struct bench_participant *participant = publisher->person != NULL ? publisher->person->participant : NULL;
    edge->layers = 0;
    for (int place = 0; participant != NULL && place < BENCH_LAYERS; place++)
        if (participant->sends[source][place] != NULL)
            edge->stamp_layer[edge->layers++] = bench_send_stream_config(participant->sends[source][place])->layer;
    edge->account.simulcast = edge->layers > 1;
}

static void mark(struct bench_run_edge *edge)
{
    const struct bench_sent *from = bench_edge_mark(&edge->account);
    for (unsigned layer = 0; edge->stream != NULL && layer < edge->layers; layer++)
        (void)bench_receive_stream_mark(edge->stream, edge->stamp_layer[layer], (uint32_t)from->packets[layer]);
}

/* The layer that arrives is the one that has brought most since the last look. */
static void look_at_layer(struct bench_run_edge *edge)
{
    uint64_t most = 0;
    for (unsigned layer = 0; layer < edge->layers && edge->layers > 1; layer++) {
        uint64_t packets = bench_receive_stream_layer(edge->stream, edge->stamp_layer[layer])->packets;
        if (packets - edge->layer_packets[layer] > most) {
            most = packets - edge->layer_packets[layer];
            edge->layer = layer;
        }
        edge->layer_packets[layer] = packets;
    }
}

/* What the edge's stream says now; NULL: there is none. */
static const struct bench_heard *heard_of(const struct bench_run_edge *edge, struct bench_heard *out)
{
    if (edge->stream == NULL)
        return NULL;
    const struct bench_receive_counters *counters = bench_receive_stream_counters(edge->stream);
    const struct bench_receive_since *since = bench_receive_stream_since(edge->stream);
    *out = (struct bench_heard){
        .first_packet_us = counters->first_packet_us, .first_frame_us = counters->first_frame_us, .layer = edge->layer};
    if (since == NULL)
        return out;
    const struct bench_receive_layer *layer = bench_receive_stream_layer(edge->stream, edge->stamp_layer[edge->layer]);
    uint64_t from = bench_edge_mark(&edge->account)->packets[edge->layer];
    out->packets = since->delivered;
    out->repaired = since->repaired;
    out->reordered = since->reordered;
    out->duplicated = since->duplicated;
    out->corrupt = since->corrupt;
    out->wrong = since->wrong;
    out->bytes = since->bytes;
    for (unsigned i = 0; i < BENCH_LAYERS; i++)
        out->layer_bytes[i] = since->layer_bytes[i];
    out->frames = since->frames;
    out->freezes = since->freezes;
    out->freeze_us = since->freeze_us;
    out->freeze_longest_us = since->freeze_longest_us;
    out->any = since->delivered != 0 && layer->seen && layer->highest_serial >= from;
    out->next_serial = (uint64_t)layer->highest_serial + 1;
    /* The lowest that arrived may be older than the mark: then those behind the mark came in one piece, or the hole is
     * ours. */
    out->first_serial = layer->first_serial >= from                  ? layer->first_serial
                        : out->next_serial > since->delivered + from ? out->next_serial - since->delivered
                                                                     : from;
    return out;
}

static void count_stream(const struct bench_receive_stream *stream, struct bench_run_counters *sum)
{
    const struct bench_receive_counters *counters = bench_receive_stream_counters(stream);
    sum->nacks += counters->nack_requests;
    sum->keyframe_requests += counters->plis;
}

/* ---- streams that end before their time ----------------------------------------------------------------------- */

static void note_gone(struct bench_run_edge *edge, const struct bench_run_guest *publisher, enum bench_source source)
{
    const struct bench_receive_counters *counters = bench_receive_stream_counters(edge->stream);
    struct bench_sent sent = bench_run_sent(publisher, source);
    if (edge->account.state != BENCH_EDGE_STANDING || edge->gone_us != 0)
        return;
    edge->gone_us = bench_run_is_video(source) ? counters->last_frame_us : counters->last_packet_us;
    edge->gone_sent = sent.packets[edge->layer];
}

/* Another stream has come, or the end of all: until then it was a freeze, if there was anything to show. */
static void end_gone(struct bench_run_edge *edge, bool video, const struct bench_sent *sent, uint64_t end_us)
{
    struct bench_heard *sum = &edge->account.ended;
    const struct bench_receive_counters *counters =
        edge->stream != NULL ? bench_receive_stream_counters(edge->stream) : NULL;
    uint64_t first_us = counters == NULL ? 0 : video ? counters->first_frame_us : counters->first_packet_us;
    uint64_t until_us = first_us != 0 ? first_us : end_us;
    if (edge->gone_us == 0 || until_us == 0)
        return;
    uint64_t gap_us = until_us > edge->gone_us ? until_us - edge->gone_us : 0;
    edge->gone_us = 0;
    if (gap_us < GONE_FREEZE_US || sent->packets[edge->layer] < edge->gone_sent + GONE_PACKETS)
        return;
    sum->freezes++;
    sum->freeze_us += gap_us;
    if (gap_us > sum->freeze_longest_us)
        sum->freeze_longest_us = gap_us;
}

void bench_run_edges_on_sub(struct bench_run_guest *receiver, const struct bench_sub *sub, bool ends)
{
    struct bench_run *run = receiver->run;
    struct bench_heard heard;
    uint32_t seat = sub->number < run->number_count ? run->seat_of[sub->number] : 0;
    if (ends)
        count_stream(sub->stream, &run->past);
    if (sub->source >= BENCH_SOURCES)
        return;
    struct bench_run_edge *edge = seat != 0 ? bench_run_edge_of(run, seat - 1, sub->source, receiver->seat) : NULL;
    if (edge == NULL) {
        if (!ends) {
            run->past.problems++;
            bench_result_fail(run->result, "%s-%u: person %u is sent a %s of somebody who is not in the room",
                              run->prefix, receiver->seat / run->scenario->people + 1, receiver->number,
                              bench_source_name(sub->source));
        }
        return;
    }
    if (ends) {
        if (edge->stream != sub->stream)
            return;
        look_at_layer(edge);
        if (edge->account.state != BENCH_EDGE_CLOSED)
            bench_edge_stream_ended(&edge->account, heard_of(edge, &heard));
        note_gone(edge, &run->guests[seat - 1], sub->source);
        bench_run_decoded_end(run, edge);
        edge->stream = NULL;
        return;
    }
    if (run->guests[seat - 1].number != sub->number)
        return; /* of somebody who has just left: will end soon */
    bench_run_decoded_end(run, edge);
    edge->stream = sub->stream;
    edge->layer = 0;
    memset(edge->layer_packets, 0, sizeof edge->layer_packets);
    bench_receive_stream_set_live_delay(sub->stream, &run->sampler.live[kind_of(sub->source)]);
    mark(edge);
    bench_run_decoded_begin(run, edge, sub->source);
}

/* A freeze that lasts is told when its source pauses or somebody leaves: but only if something was sent that has not
 * arrived. Between two packets of a silent microphone there is nothing to miss. */
static void close_freeze(struct bench_run_edge *edge, const struct bench_sent *sent, uint64_t now_us)
{
    if (edge->stream == NULL || edge->layers == 0)
        return;
    const struct bench_receive_layer *layer = bench_receive_stream_layer(edge->stream, edge->stamp_layer[edge->layer]);
    if (layer->seen && (uint64_t)layer->highest_serial + 1 < sent->packets[edge->layer])
        bench_receive_stream_close_freeze(edge->stream, now_us);
}

/* ---- opening and closing -------------------------------------------------------------------------------------- */

static void open_edge(struct bench_run *run, const struct bench_run_guest *publisher, enum bench_source source,
                      const struct bench_run_guest *receiver)
{
    struct bench_run_edge *edge = bench_run_edge_of(run, publisher->seat, source, receiver->seat);
    if (edge == NULL || edge->account.state != BENCH_EDGE_CLOSED || !receiver->planned ||
        !publishes(run, publisher, source))
        return;
    bench_edge_open(&edge->account);
}

static void tell_missing(struct bench_run *run, const struct bench_run_guest *publisher, enum bench_source source,
                         const struct bench_run_guest *receiver)
{
    bench_result_fail(run->result, "%s-%u: person %u never got the %s of person %u%s", run->prefix,
                      receiver->seat / run->scenario->people + 1, receiver->number, bench_source_name(source),
                      publisher->number,
                      receiver->given_up    ? ", not being there"
                      : publisher->given_up ? ", who was not there"
                                            : "");
}

static void tell_errors(struct bench_run *run, const struct bench_run_edge *edge,
                        const struct bench_run_guest *publisher, enum bench_source source,
                        const struct bench_run_guest *receiver)
{
    char errors[200];
    const struct bench_receive_since *since = bench_receive_stream_since(edge->stream);
    if (since == NULL || since->duplicated + since->corrupt + since->wrong == 0)
        return;
    bench_receive_errors_text(bench_receive_stream_counters(edge->stream), errors, sizeof errors);
    bench_result_fail(run->result, "%s-%u: person %u, %s of person %u: %.150s", run->prefix,
                      receiver->seat / run->scenario->people + 1, receiver->number, bench_source_name(source),
                      publisher->number, errors);
}

/* How long the edge was looked at in the measured part. */
static uint64_t watched_us(const struct bench_run *run, const struct bench_run_edge *edge, uint64_t end_us)
{
    uint64_t from_us = edge->account.standing_us > run->measure_us ? edge->account.standing_us : run->measure_us;
    bool stands = edge->account.state == BENCH_EDGE_STANDING || edge->account.state == BENCH_EDGE_HOPELESS;
    return stands && run->measure_us != 0 && end_us > from_us ? end_us - from_us : 0;
}

/* suspend: it will be ready again soon. exact: all had its time to arrive. */
static void settle(struct bench_run *run, struct bench_run_edge *edge, bool suspend, bool exact, uint64_t now_us)
{
    uint32_t from, to;
    enum bench_source source;
    struct bench_heard heard;
    if (edge->account.state == BENCH_EDGE_CLOSED)
        return;
    ends_of(run, edge, &from, &source, &to);
    struct bench_run_guest *publisher = &run->guests[from], *receiver = &run->guests[to];
    struct bench_kind_result *sum = &run->closed[kind_of(source)];
    struct bench_sent sent = bench_run_sent(publisher, source);
    struct bench_sent before = bench_sent_before(&publisher->history[source], now_us, &sent);
    uint64_t end_us = run->end_us != 0 ? run->end_us : now_us;
    const struct bench_heard *so_far = heard_of(edge, &heard);
    if (!suspend && (so_far == NULL || !so_far->any))
        bench_edge_overdue(&edge->account, end_us, &sent);
    if (edge->stream != NULL) {
        if (!publisher->paused[source] && !run->ended)
            close_freeze(edge, &sent, now_us);
        look_at_layer(edge);
        (void)bench_edge_poll(&edge->account, now_us, &sent, heard_of(edge, &heard));
    }
    end_gone(edge, bench_run_is_video(source), &sent, end_us);
    const struct bench_heard *last = heard_of(edge, &heard);
    uint64_t watched = watched_us(run, edge, end_us);
    if (suspend) {
        sum->watched_us += watched;
        bench_edge_suspend(&edge->account, &sent, exact ? NULL : &before, last, sum);
        return;
    }
    if (edge->stream != NULL)
        tell_errors(run, edge, publisher, source, receiver);
    if (bench_edge_close(&edge->account, bench_run_is_video(source), &sent, exact ? NULL : &before, last, sum))
        tell_missing(run, publisher, source, receiver);
    else
        sum->watched_us += watched;
    bench_run_decoded_end(run, edge);
    edge->stream = NULL;
}

static void settle_all_of(struct bench_run *run, uint32_t seat, bool suspend, uint64_t now_us)
{
    uint32_t people = run->scenario->people, first = seat / people * people;
    for (uint32_t other = first; other < first + people; other++)
        for (int source = 0; source < BENCH_SOURCES; source++) {
            struct bench_run_edge *to = bench_run_edge_of(run, seat, (enum bench_source)source, other);
            struct bench_run_edge *from = bench_run_edge_of(run, other, (enum bench_source)source, seat);
            if (to != NULL)
                settle(run, to, suspend, false, now_us);
            if (from != NULL)
                settle(run, from, suspend, false, now_us);
        }
}

void bench_run_edges_enter(struct bench_run *run, const struct bench_run_guest *guest)
{
    uint32_t people = run->scenario->people, first = guest->seat / people * people;
    for (uint32_t other = first; other < first + people; other++)
        for (int source = 0; source < BENCH_SOURCES; source++) {
            open_edge(run, guest, (enum bench_source)source, &run->guests[other]);
            open_edge(run, &run->guests[other], (enum bench_source)source, guest);
        }
}

void bench_run_edges_leave(struct bench_run *run, struct bench_run_guest *guest, uint64_t now_us)
{
    settle_all_of(run, guest->seat, false, now_us);
}

void bench_run_edges_suspend(struct bench_run *run, struct bench_run_guest *guest, uint64_t now_us)
{
    settle_all_of(run, guest->seat, true, now_us);
}

void bench_run_edges_source(struct bench_run *run, const struct bench_run_guest *guest, enum bench_source source,
                            bool on, uint64_t now_us)
{
    uint32_t people = run->scenario->people, first = guest->seat / people * people;
    for (uint32_t other = first; other < first + people; other++) {
        struct bench_run_edge *edge = bench_run_edge_of(run, guest->seat, source, other);
        if (on)
            open_edge(run, guest, source, &run->guests[other]);
        else if (edge != NULL)
            settle(run, edge, false, false, now_us);
    }
}

void bench_run_edges_finish(struct bench_run *run, bool exact, uint64_t now_us)
{
    for (size_t i = 0; i < run->edge_count; i++)
        settle(run, &run->edges[i], false, exact, now_us);
}

/* ---- looking -------------------------------------------------------------------------------------------------- */

static void time_first(struct bench_run *run, const struct bench_run_edge *edge,
                       const struct bench_run_guest *publisher, enum bench_source source,
                       const struct bench_run_guest *receiver, unsigned news)
{
    const struct bench_receive_counters *counters = bench_receive_stream_counters(edge->stream);
    bool video = bench_run_is_video(source);
    uint64_t at_us = video ? counters->first_frame_us : counters->first_packet_us;
    uint64_t from_us = receiver->person != NULL ? receiver->person->inside_us : 0;
    if ((news & (video ? BENCH_EDGE_SEEN : BENCH_EDGE_HEARD)) == 0)
        return;
    if (publisher->live_us[source] > from_us)
        from_us = publisher->live_us[source];
    if (publisher->goes_on_us[source] > from_us) /* was muted: nothing could be heard before */
        from_us = publisher->goes_on_us[source];
    bench_histogram_add(video ? &run->result->first_picture : &run->result->first_audio,
                        at_us > from_us ? at_us - from_us : 0);
}

static void poll_open(struct bench_run_edge *edge, const struct bench_run_guest *publisher, enum bench_source source,
                      const struct bench_run_guest *receiver, const struct bench_sent *sent, uint64_t now_us)
{
    bool both = publisher->connected && receiver->connected;
    uint64_t since_us =
        publisher->connected_us > receiver->connected_us ? publisher->connected_us : receiver->connected_us;
    if (source == BENCH_SCREEN && publisher->shares_us > since_us)
        since_us = publisher->shares_us;
    if (publisher->given_up || receiver->given_up ||
        (both && !publisher->live[source] && now_us > since_us + PUBLISH_LIMIT_US)) {
        learn_layers(publisher, source, edge);
        bench_edge_give_up(&edge->account, now_us, sent);
        mark(edge);
    } else if (both && publisher->live[source]) {
        learn_layers(publisher, source, edge);
        if (bench_edge_ready(&edge->account, now_us, sent))
            mark(edge);
    }
}

static void poll_edge(struct bench_run *run, struct bench_run_edge *edge, const struct bench_run_guest *publisher,
                      enum bench_source source, const struct bench_run_guest *receiver, const struct bench_sent *sent,
                      uint64_t now_us)
{
    struct bench_heard heard;
    if (edge->account.state == BENCH_EDGE_OPEN)
        poll_open(edge, publisher, source, receiver, sent, now_us);
    bool settled = edge->account.state == BENCH_EDGE_STANDING && edge->account.heard && !edge->account.simulcast &&
                   (edge->account.seen || !bench_run_is_video(source));
    if (settled)
        return;
    if (edge->stream != NULL)
        look_at_layer(edge);
    unsigned news = bench_edge_poll(&edge->account, now_us, sent, heard_of(edge, &heard));
    if ((news & BENCH_EDGE_MARK) != 0)
        mark(edge);
    if ((news & (BENCH_EDGE_SEEN | BENCH_EDGE_HEARD)) != 0 && edge->stream != NULL)
        time_first(run, edge, publisher, source, receiver, news);
}

/* Calls `each` for all edges that are not closed, with what their publisher has sent. */
typedef void (*edge_fn)(struct bench_run *run, struct bench_run_edge *edge, const struct bench_run_guest *publisher,
                        enum bench_source source, const struct bench_run_guest *receiver, const struct bench_sent *sent,
                        uint64_t now_us);

static void for_each(struct bench_run *run, uint64_t now_us, edge_fn each)
{
    uint32_t people = run->scenario->people;
    struct bench_run_edge *edge = run->edges;
    for (uint32_t room = 0; room < run->scenario->rooms; room++)
        for (uint32_t place = 0; place < run->publishers; place++) {
            struct bench_run_guest *publisher = &run->guests[room * people + place];
            struct bench_sent sent[BENCH_SOURCES];
            for (int source = 0; source < BENCH_SOURCES; source++)
                sent[source] = bench_run_sent(publisher, (enum bench_source)source);
            for (uint32_t other = 0; other < people; other++)
                for (int source = 0; source < BENCH_SOURCES; source++, edge++)
                    if (edge->account.state != BENCH_EDGE_CLOSED)
                        each(run, edge, publisher, (enum bench_source)source, &run->guests[room * people + other],
                             &sent[source], now_us);
        }
}

void bench_run_edges_poll(struct bench_run *run, uint64_t now_us)
{
    for_each(run, now_us, poll_edge);
}

static void end_grace(struct bench_run *run, struct bench_run_edge *edge, const struct bench_run_guest *publisher,
                      enum bench_source source, const struct bench_run_guest *receiver, const struct bench_sent *sent,
                      uint64_t now_us)
{
    struct bench_heard heard;
    const struct bench_heard *so_far = heard_of(edge, &heard);
    (void)run;
    (void)publisher;
    (void)source;
    (void)receiver;
    if (so_far == NULL || !so_far->any)
        bench_edge_overdue(&edge->account, now_us, sent);
}

void bench_run_edges_end(struct bench_run *run, uint64_t now_us)
{
    bench_run_edges_poll(run, now_us);
    for_each(run, now_us, end_grace);
}

static void measure_edge(struct bench_run *run, struct bench_run_edge *edge, const struct bench_run_guest *publisher,
                         enum bench_source source, const struct bench_run_guest *receiver,
                         const struct bench_sent *sent, uint64_t now_us)
{
    (void)run;
    (void)publisher;
    (void)source;
    (void)receiver;
    if (bench_edge_measure(&edge->account, now_us, sent))
        mark(edge);
}

void bench_run_edges_measure(struct bench_run *run, uint64_t now_us)
{
    memset(run->closed, 0, sizeof run->closed);
    for_each(run, now_us, measure_edge);
}

void bench_run_edges_close_freezes(struct bench_run *run, uint32_t seat, enum bench_source source, uint64_t now_us)
{
    uint32_t people = run->scenario->people, first = seat / people * people;
    const struct bench_run_guest *publisher = &run->guests[seat];
    struct bench_sent sent = bench_run_sent(publisher, source);
    for (uint32_t other = first; other < first + people && !publisher->paused[source]; other++) {
        struct bench_run_edge *edge = bench_run_edge_of(run, seat, source, other);
        if (edge != NULL && edge->account.state != BENCH_EDGE_CLOSED)
            close_freeze(edge, &sent, now_us);
    }
}

/* ---- sums ----------------------------------------------------------------------------------------------------- */

void bench_run_edges_sum(struct bench_run *run, struct bench_kind_result out[BENCH_KINDS])
{
    struct bench_heard heard;
    memcpy(out, run->closed, sizeof run->closed);
    for (size_t i = 0; i < run->edge_count; i++) {
        const struct bench_run_edge *edge = &run->edges[i];
        if (edge->account.state == BENCH_EDGE_CLOSED)
            continue;
        enum bench_source source = (enum bench_source)(i % BENCH_SOURCES);
        uint32_t from, to;
        ends_of(run, edge, &from, &source, &to);
        struct bench_sent sent = bench_run_sent(&run->guests[from], source);
        bench_edge_count(&edge->account, &sent, heard_of(edge, &heard), &out[kind_of(source)]);
    }
}

void bench_run_count_person(const struct bench_person *person, struct bench_run_counters *sum)
{
    const struct bench_participant *participant = person->participant;
    if (participant == NULL)
        return;
    sum->problems += participant->problems;
    sum->network_lost += bench_person_network_lost(person);
    for (unsigned i = 0; i < participant->sub_count; i++)
        if (participant->subs[i].stream != NULL)
            count_stream(participant->subs[i].stream, sum);
    for (int pc = 0; pc < 2; pc++) {
        const struct bench_peer_counters *counters = bench_peer_counters(participant->peers[pc]);
        sum->auth_failures += counters->rtp_auth_failed;
        sum->unknown_packets += counters->rtp_unknown;
    }
}

void bench_run_count(const struct bench_run *run, struct bench_run_counters *out)
{
    *out = run->past;
    for (uint32_t i = 0; i < run->guest_count; i++)
        if (run->guests[i].person != NULL)
            bench_run_count_person(run->guests[i].person, out);
}
