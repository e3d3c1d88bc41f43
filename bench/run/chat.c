/* SPDX-License-Identifier: Apache-2.0 */
/* chat.c - messages to the room: each must reach everybody inside, its sender included. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bench/run/run_internal.h"

static bool inside(const struct bench_run_guest *guest)
{
    return guest->connected && guest->person != NULL && guest->person->state == BENCH_PERSON_INSIDE;
}

void bench_run_chat_say(struct bench_run *run, struct bench_run_guest *guest, uint64_t now_us)
{
    char text[96];
    uint32_t people = run->scenario->people, first = guest->seat / people * people;
    if (!inside(guest) || !run->crowd->dialect->chats)
        return;
    uint64_t number = ++run->chat_count;
    run->chats[number % RUN_CHATS_KEPT] =
        (struct bench_run_chat){.number = number, .sent_us = now_us, .room = guest->seat / people};
    snprintf(text, sizeof text, RUN_CHAT_PREFIX " %" PRIu64 " %" PRIu64, number, now_us);
    (void)bench_participant_chat(guest->person->participant, text);
    for (uint32_t other = first; other < first + people; other++)
        run->result->chat_expected += inside(&run->guests[other]) ? 1 : 0;
}

void bench_run_chat_heard(struct bench_run_guest *guest, const char *text, uint64_t now_us)
{
    struct bench_run *run = guest->run;
    uint64_t number, sent_us;
    char more;
    if (sscanf(text, RUN_CHAT_PREFIX " %" SCNu64 " %" SCNu64 "%c", &number, &sent_us, &more) != 2 ||
        number > run->chat_count) {
        run->past.problems++;
        return;
    }
    const struct bench_run_chat *chat = &run->chats[number % RUN_CHATS_KEPT];
    if (chat->number != number) /* too old to tell */
        return;
    if (chat->sent_us != sent_us || chat->room != guest->seat / run->scenario->people || number <= guest->last_chat) {
        run->past.problems++;
        bench_result_fail(run->result, "%s-%u: person %u got a chat message %s", run->prefix,
                          guest->seat / run->scenario->people + 1, guest->number,
                          number <= guest->last_chat ? "twice or in the wrong order" : "of another room, or changed");
        return;
    }
    guest->last_chat = number;
    run->result->chat_delivered++;
    bench_histogram_add(&run->result->chat_delay, now_us - sent_us);
}

void bench_run_chat_leave(struct bench_run *run, struct bench_run_guest *guest, uint64_t now_us)
{
    if (!inside(guest))
        return;
    for (uint64_t number = run->chat_count; number != 0 && run->chat_count - number < RUN_CHATS_KEPT; number--) {
        const struct bench_run_chat *chat = &run->chats[number % RUN_CHATS_KEPT];
        if (chat->sent_us + BENCH_IN_FLIGHT_US < now_us)
            break;
        if (chat->room == guest->seat / run->scenario->people && number > guest->last_chat &&
            chat->sent_us >= guest->connected_us)
            run->result->chat_expected--;
    }
}
