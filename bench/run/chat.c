/* SPDX-License-Identifier: Apache-2.0 */
/* chat.c - messages to the room: each must reach everybody inside, its sender included. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "bench/run/run_internal.h"

#define CHAT_PREFIX "consilium-bench"

/* Of a message and a person of its room. */
enum { CHAT_NOT_EXPECTED, CHAT_EXPECTED, CHAT_HEARD };

static bool inside(const struct bench_run_guest *guest)
{
    return guest->connected && guest->person != NULL && guest->person->state == BENCH_PERSON_INSIDE;
}

static unsigned room_of(const struct bench_run_guest *guest)
{
    return guest->seat / guest->run->scenario->people;
}

static uint8_t *expectation(struct bench_run *run, uint64_t number, const struct bench_run_guest *guest)
{
    uint32_t people = run->scenario->people;
    return &run->chat_marks[(size_t)(number % BENCH_RUN_CHATS_KEPT) * people + guest->seat % people];
}

int bench_run_chat_create(struct bench_run *run)
{
    run->chat_marks = calloc(BENCH_RUN_CHATS_KEPT, run->scenario->people);
    return run->chat_marks != NULL ? 0 : BASE_ERR_NOMEM;
}

void bench_run_chat_say(struct bench_run *run, struct bench_run_guest *guest, uint64_t now_us)
{
    char text[96];
    uint32_t people = run->scenario->people, first = guest->seat / people * people;
    if (!inside(guest) || !run->crowd->dialect->chats)
        return;
    uint64_t number = ++run->chat_count;
    run->chats[number % BENCH_RUN_CHATS_KEPT] =
        (struct bench_run_chat){.number = number, .sent_us = now_us, .room = room_of(guest)};
    snprintf(text, sizeof text, CHAT_PREFIX " %" PRIu64 " %" PRIu64, number, now_us);
    (void)bench_participant_chat(guest->person->participant, text);
    for (uint32_t other = first; other < first + people; other++) {
        bool expected = inside(&run->guests[other]);
        *expectation(run, number, &run->guests[other]) = expected ? CHAT_EXPECTED : CHAT_NOT_EXPECTED;
        run->result->chat_expected += expected;
    }
}

void bench_run_chat_heard(struct bench_run_guest *guest, const char *text, uint64_t now_us)
{
    struct bench_run *run = guest->run;
    uint64_t number = 0, sent_us = 0;
    char more;
    bool ours = sscanf(text, CHAT_PREFIX " %" SCNu64 " %" SCNu64 "%c", &number, &sent_us, &more) == 2;
    const struct bench_run_chat *chat = &run->chats[number % BENCH_RUN_CHATS_KEPT];
    if (ours && number < chat->number)
        return; /* too old to tell */
    uint8_t *mark = expectation(run, number, guest);
    const char *wrong = !ours || chat->number != number || chat->sent_us != sent_us ? "that nobody wrote"
                        : chat->room != room_of(guest)                              ? "of another room"
                        : *mark == CHAT_HEARD                                       ? "twice"
                                                                                    : NULL;
    if (wrong != NULL) {
        run->past.problems++;
        bench_result_fail(run->result, "%s-%u: person %u got a chat message %s", run->prefix, room_of(guest) + 1,
                          guest->number, wrong);
        return;
    }
    if (*mark == CHAT_EXPECTED) {
        run->result->chat_delivered++;
        bench_histogram_add(&run->result->chat_delay, now_us - sent_us);
        *mark = CHAT_HEARD;
    }
}

void bench_run_chat_leave(struct bench_run *run, struct bench_run_guest *guest, uint64_t now_us)
{
    for (uint64_t number = run->chat_count; number != 0 && run->chat_count - number < BENCH_RUN_CHATS_KEPT; number--) {
        const struct bench_run_chat *chat = &run->chats[number % BENCH_RUN_CHATS_KEPT];
        if (chat->sent_us + BENCH_IN_FLIGHT_US < now_us)
            break;
        uint8_t *mark = expectation(run, number, guest);
        if (chat->room != room_of(guest) || *mark != CHAT_EXPECTED)
            continue;
        *mark = CHAT_NOT_EXPECTED;
        run->result->chat_expected--;
    }
}
