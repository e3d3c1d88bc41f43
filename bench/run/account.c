/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/run/account.h"

#include <assert.h>
#include <string.h>

/* ---- what was sent when --------------------------------------------------------------------------------------- */

void bench_sent_keep(struct bench_sent_history *history, uint64_t now_us, const struct bench_sent *sent)
{
    unsigned newest = (history->next + BENCH_SENT_STEPS - 1) % BENCH_SENT_STEPS;
    if (history->count != 0 && now_us - history->at_us[newest] < BENCH_SENT_STEP_US)
        return;
    history->past[history->next] = *sent;
    history->at_us[history->next] = now_us;
    history->next = (history->next + 1) % BENCH_SENT_STEPS;
    if (history->count < BENCH_SENT_STEPS)
        history->count++;
}

struct bench_sent bench_sent_before(const struct bench_sent_history *history, uint64_t now_us,
                                    const struct bench_sent *sent)
{
    /* from the oldest on: the first that is not too young was the last moment at which all had time enough */
    const struct bench_sent *found = NULL;
    for (unsigned i = 0; i < history->count; i++) {
        unsigned at = (history->next + BENCH_SENT_STEPS - history->count + i) % BENCH_SENT_STEPS;
        if (history->at_us[at] + BENCH_IN_FLIGHT_US <= now_us)
            found = &history->past[at];
    }
    if (found != NULL)
        return *found;
    if (history->count != 0) /* everything is young: what was there first */
        return history->past[(history->next + BENCH_SENT_STEPS - history->count) % BENCH_SENT_STEPS];
    return *sent;
}

/* ---- an edge's life ------------------------------------------------------------------------------------------- */

static bool stands(const struct bench_edge *edge)
{
    return edge->state == BENCH_EDGE_STANDING || edge->state == BENCH_EDGE_HOPELESS;
}

static void stand(struct bench_edge *edge, enum bench_edge_state state, uint64_t now_us, const struct bench_sent *from)
{
    edge->state = state;
    edge->standing_us = now_us;
    edge->from = edge->looked = edge->mark = *from;
    edge->looked_packets = edge->packets = 0;
    memset(&edge->ended, 0, sizeof edge->ended);
}

void bench_edge_open(struct bench_edge *edge)
{
    assert(edge->state == BENCH_EDGE_CLOSED);
    memset(edge, 0, sizeof *edge);
    edge->state = BENCH_EDGE_OPEN;
}

bool bench_edge_ready(struct bench_edge *edge, uint64_t now_us, const struct bench_sent *sent)
{
    if (edge->state != BENCH_EDGE_OPEN)
        return false;
    edge->state = BENCH_EDGE_READY;
    edge->ready_us = now_us;
    edge->ready = edge->mark = *sent;
    return true;
}

const struct bench_sent *bench_edge_mark(const struct bench_edge *edge)
{
    return &edge->mark;
}

void bench_edge_give_up(struct bench_edge *edge, uint64_t now_us, const struct bench_sent *sent)
{
    if (edge->state == BENCH_EDGE_CLOSED || stands(edge))
        return;
    edge->ready = *sent;
    stand(edge, BENCH_EDGE_HOPELESS, now_us, sent);
}

void bench_edge_overdue(struct bench_edge *edge, uint64_t now_us, const struct bench_sent *sent)
{
    struct bench_sent ready = edge->ready;
    if (edge->state == BENCH_EDGE_OPEN && edge->open_us != 0 && now_us >= edge->open_us + BENCH_OVERDUE_US)
        bench_edge_give_up(edge, now_us, sent);
    else if (edge->state == BENCH_EDGE_READY && now_us >= edge->ready_us + BENCH_OVERDUE_US)
        stand(edge, BENCH_EDGE_STANDING, now_us, &ready);
}

/* Expected of a simulcast edge since the last look: what the layer that arrives was sent; around a switch, what came.
 */
static uint64_t simulcast_since(const struct bench_edge *edge, const struct bench_sent *sent,
                                const struct bench_heard *heard)
{
    uint64_t arrived = edge->ended.packets + (heard != NULL ? heard->packets : 0);
    bool switched = heard != NULL && heard->any && heard->layer != edge->layer;
    if (switched)
        return arrived > edge->looked_packets ? arrived - edge->looked_packets : 0;
    return sent->packets[edge->layer] - edge->looked.packets[edge->layer];
}

static void look_at_layers(struct bench_edge *edge, const struct bench_sent *sent, const struct bench_heard *heard)
{
    edge->packets += simulcast_since(edge, sent, heard);
    if (heard != NULL && heard->any)
        edge->layer = heard->layer;
    edge->looked = *sent;
    edge->looked_packets = edge->ended.packets + (heard != NULL ? heard->packets : 0);
}

/* The first packet is here: what was sent before it is not expected. */
static void stand_from_first(struct bench_edge *edge, uint64_t now_us, const struct bench_sent *sent,
                             const struct bench_heard *heard)
{
    struct bench_sent from = *sent;
    edge->layer = heard->layer;
    if (heard->first_serial < from.packets[heard->layer])
        from.packets[heard->layer] = heard->first_serial;
    /* of pictures: those that are here already, and all to come */
    uint64_t since_ready = sent->frames - edge->ready.frames;
    from.frames = sent->frames - (heard->frames < since_ready ? heard->frames : since_ready);
    stand(edge, BENCH_EDGE_STANDING, now_us, &from);
    if (edge->simulcast) { /* what is here already came as it came */
        edge->looked = *sent;
        edge->packets = edge->looked_packets = heard->packets;
    }
}

unsigned bench_edge_poll(struct bench_edge *edge, uint64_t now_us, const struct bench_sent *sent,
                         const struct bench_heard *heard)
{
    unsigned news = 0;
    bool any = heard != NULL && heard->any;
    if (edge->state == BENCH_EDGE_OPEN && edge->open_us == 0)
        edge->open_us = now_us;
    if (edge->state == BENCH_EDGE_CLOSED || edge->state == BENCH_EDGE_OPEN)
        return 0;
    if (edge->state == BENCH_EDGE_READY && any) {
        stand_from_first(edge, now_us, sent, heard);
    } else if (edge->state == BENCH_EDGE_READY && now_us >= edge->ready_us + BENCH_GRACE_US) {
        const struct bench_sent ready = edge->ready; /* nothing came: nothing is forgiven */
        stand(edge, BENCH_EDGE_STANDING, now_us, &ready);
        news |= BENCH_EDGE_MARK;
    } else if (stands(edge) && edge->simulcast) {
        look_at_layers(edge, sent, heard);
    }
    if (any && !edge->heard) {
        edge->heard = true;
        news |= BENCH_EDGE_HEARD;
    }
    if (heard != NULL && heard->first_frame_us != 0 && !edge->seen) {
        edge->seen = true;
        news |= BENCH_EDGE_SEEN;
    }
    return news;
}

bool bench_edge_measure(struct bench_edge *edge, uint64_t now_us, const struct bench_sent *sent)
{
    if (edge->state == BENCH_EDGE_READY)
        edge->ready = edge->mark = *sent;
    else if (stands(edge))
        stand(edge, edge->state, now_us, sent);
    return edge->state == BENCH_EDGE_READY || stands(edge);
}

/* ---- sums ----------------------------------------------------------------------------------------------------- */

static void add_heard(struct bench_heard *to, const struct bench_heard *more)
{
    to->packets += more->packets;
    to->repaired += more->repaired;
    to->reordered += more->reordered;
    to->duplicated += more->duplicated;
    to->corrupt += more->corrupt;
    to->wrong += more->wrong;
    to->bytes += more->bytes;
    for (int i = 0; i < BENCH_LAYERS; i++)
        to->layer_bytes[i] += more->layer_bytes[i];
    to->frames += more->frames;
    to->freezes += more->freezes;
    to->freeze_us += more->freeze_us;
    if (more->freeze_longest_us > to->freeze_longest_us)
        to->freeze_longest_us = more->freeze_longest_us;
    if (more->any && (!to->any || more->next_serial > to->next_serial))
        to->next_serial = more->next_serial;
    to->any = to->any || more->any;
}

void bench_edge_stream_ended(struct bench_edge *edge, const struct bench_heard *heard)
{
    edge->heard = edge->heard || heard->any;
    edge->seen = edge->seen || heard->first_frame_us != 0;
    if (!stands(edge))
        return;
    add_heard(&edge->ended, heard);
    if (heard->any && heard->next_serial > edge->mark.packets[heard->layer])
        edge->mark.packets[heard->layer] = heard->next_serial;
}

static void add_to_kind(struct bench_kind_result *out, const struct bench_heard *all)
{
    out->delivered += all->packets;
    out->repaired += all->repaired;
    out->reordered += all->reordered;
    out->duplicated += all->duplicated;
    out->corrupt += all->corrupt;
    out->wrong += all->wrong;
    out->bytes += all->bytes;
    for (int i = 0; i < BENCH_LAYERS; i++)
        out->layer_bytes[i] += all->layer_bytes[i];
    out->frames += all->frames;
    out->freezes += all->freezes;
    out->freeze_us += all->freeze_us;
    if (all->freeze_longest_us > out->freeze_longest_us)
        out->freeze_longest_us = all->freeze_longest_us;
}

static uint64_t more_of(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Of all that was sent until now, what should be here; `before`: see bench_edge_close(). */
static void count(const struct bench_edge *edge, const struct bench_sent *sent, const struct bench_sent *before,
                  const struct bench_heard *heard, struct bench_kind_result *out)
{
    struct bench_heard all = edge->ended;
    if (!stands(edge))
        return;
    if (heard != NULL)
        add_heard(&all, heard);
    uint64_t expected, frames = sent->frames - edge->from.frames;
    if (edge->simulcast) {
        expected = edge->packets + simulcast_since(edge, sent, heard);
        if (before != NULL) /* under way: of the layer that arrives */
            expected -=
                sent->packets[edge->layer] - more_of(before->packets[edge->layer], edge->from.packets[edge->layer]);
        expected = more_of(expected, all.packets);
    } else {
        uint64_t end = sent->packets[0];
        if (before != NULL)
            end = more_of(before->packets[0], all.any && all.next_serial <= end ? all.next_serial : 0);
        expected = end > edge->from.packets[0] ? end - edge->from.packets[0] : 0;
        expected = more_of(expected, all.packets);
    }
    if (before != NULL)
        frames = before->frames > edge->from.frames ? before->frames - edge->from.frames : 0;
    out->expected += expected;
    out->frames_expected += more_of(frames, all.frames);
    add_to_kind(out, &all);
}

void bench_edge_count(const struct bench_edge *edge, const struct bench_sent *sent, const struct bench_heard *heard,
                      struct bench_kind_result *out)
{
    count(edge, sent, NULL, heard, out);
}

void bench_edge_suspend(struct bench_edge *edge, const struct bench_sent *sent, const struct bench_sent *before,
                        const struct bench_heard *heard, struct bench_kind_result *out)
{
    if (edge->state == BENCH_EDGE_CLOSED)
        return;
    count(edge, sent, before, heard, out);
    edge->state = BENCH_EDGE_OPEN;
    edge->open_us = 0;
}

/* Is this the track that lost the greatest share? */
static void note_worst(struct bench_kind_result *out, uint64_t expected, uint64_t delivered)
{
    uint64_t lost = expected - delivered, worst = out->worst_expected - out->worst_delivered;
    if (lost < BENCH_WORST_PACKETS ||
        (out->worst_expected != 0 && (double)lost * (double)out->worst_expected <= (double)worst * (double)expected))
        return;
    out->worst_expected = expected;
    out->worst_delivered = delivered;
}

bool bench_edge_close(struct bench_edge *edge, bool video, const struct bench_sent *sent,
                      const struct bench_sent *before, const struct bench_heard *heard, struct bench_kind_result *out)
{
    uint64_t expected = out->expected, delivered = out->delivered;
    count(edge, sent, before, heard, out);
    note_worst(out, out->expected - expected, out->delivered - delivered);
    bool here = video ? edge->seen || (heard != NULL && heard->first_frame_us != 0)
                      : edge->heard || (heard != NULL && heard->any);
    const struct bench_sent *until = before != NULL ? before : sent;
    bool something_sent = false;
    for (int i = 0; i < BENCH_LAYERS; i++)
        something_sent = something_sent || until->packets[i] > edge->from.packets[i];
    bool asked = stands(edge) && (edge->state == BENCH_EDGE_HOPELESS || something_sent);
    bool track = here || asked;
    bool missing = track && !here;
    out->tracks += track;
    out->tracks_missing += missing;
    edge->state = BENCH_EDGE_CLOSED;
    return missing;
}
