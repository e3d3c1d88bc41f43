/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/media/twcc_recorder.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/deadline.h"
#include "base/err.h"
#include "sfu/media/seq_unwrap.h"
#include "sfu/wire/twcc.h"

#define INTERVAL_MIN_US   10000u
#define INTERVAL_MAX_US   250000u
#define WINDOW            4096u /* packets: 100 ms at 40,000 packets a second */
#define MESSAGE_MAX_BYTES 1200u
#define NO_RESTART        (-1)

struct sfu_twcc_recorder {
    uint32_t interval_us;
    uint32_t media_ssrc;
    uint8_t feedback_count;
    bool pending;        /* something arrived that was not reported */
    int32_t restart_seq; /* the number behind one that was too old for the window; NO_RESTART: there was none */
    uint64_t deadline_us;
    uint64_t next_report; /* extended number that the next feedback starts with */
    struct sfu_seq_unwrap unwrap;
    int64_t arrival_us[WINDOW]; /* by extended number modulo WINDOW, for those up to the highest */
};

static int64_t *slot(struct sfu_twcc_recorder *recorder, uint64_t ext_seq)
{
    return &recorder->arrival_us[ext_seq % WINDOW];
}

static void clear_all(struct sfu_twcc_recorder *recorder)
{
    for (unsigned i = 0; i < WINDOW; i++)
        recorder->arrival_us[i] = SFU_TWCC_NOT_RECEIVED;
}

int sfu_twcc_recorder_create(struct sfu_twcc_recorder **out, uint32_t interval_us)
{
    *out = NULL;
    if (interval_us < INTERVAL_MIN_US || interval_us > INTERVAL_MAX_US)
        return BASE_ERR_INVALID;
    struct sfu_twcc_recorder *recorder = calloc(1, sizeof *recorder);
    if (recorder == NULL)
        return BASE_ERR_NOMEM;
    recorder->interval_us = interval_us;
    recorder->restart_seq = NO_RESTART;
    clear_all(recorder);
    *out = recorder;
    return 0;
}

void sfu_twcc_recorder_destroy(struct sfu_twcc_recorder *recorder)
{
    free(recorder);
}

/* Makes room up to ext_seq; what falls out of the window unreported stays so. */
static void advance(struct sfu_twcc_recorder *recorder, uint64_t highest, uint64_t ext_seq)
{
    if (ext_seq - highest >= WINDOW)
        clear_all(recorder);
    else
        for (uint64_t i = highest + 1; i < ext_seq; i++)
            *slot(recorder, i) = SFU_TWCC_NOT_RECEIVED;
    if (ext_seq - recorder->next_report >= WINDOW)
        recorder->next_report = ext_seq - WINDOW + 1;
}

/* The next point of the sender's grid of feedback times. */
static void schedule(struct sfu_twcc_recorder *recorder, uint64_t now_us)
{
    if (now_us >= recorder->deadline_us) {
        uint64_t passed = (now_us - recorder->deadline_us) / recorder->interval_us;
        recorder->deadline_us += (passed + 1) * recorder->interval_us;
    }
    recorder->pending = true;
}

void sfu_twcc_recorder_on_packet(struct sfu_twcc_recorder *recorder, uint64_t now_us, uint32_t media_ssrc,
                                 uint16_t transport_seq)
{
    uint64_t highest = recorder->unwrap.highest;
    bool first = !recorder->unwrap.started;
    uint64_t ext_seq = sfu_seq_unwrap_peek(&recorder->unwrap, transport_seq);
    if (!first && ext_seq <= highest && highest - ext_seq >= WINDOW) {
        /* Too old. Two in a row are rather a sender that was cut off for half a period: start afresh
         * (RFC 3550 appendix A.1 does the same). */
        if (transport_seq != recorder->restart_seq) {
            recorder->restart_seq = (uint16_t)(transport_seq + 1);
            return;
        }
        clear_all(recorder);
        recorder->unwrap = (struct sfu_seq_unwrap){.started = false};
        first = true;
    }
    ext_seq = sfu_seq_unwrap(&recorder->unwrap, transport_seq);
    if (first) {
        recorder->next_report = ext_seq;
        if (recorder->deadline_us == 0)
            recorder->deadline_us = now_us; /* the grid begins */
    } else if (ext_seq > highest) {
        advance(recorder, highest, ext_seq);
    } else if (*slot(recorder, ext_seq) != SFU_TWCC_NOT_RECEIVED) {
        return; /* a duplicate: the first arrival counts */
    }
    if (ext_seq < recorder->next_report)
        recorder->next_report = ext_seq; /* was reported as lost: correct that */
    *slot(recorder, ext_seq) = (int64_t)now_us;
    recorder->restart_seq = NO_RESTART;
    recorder->media_ssrc = media_ssrc;
    if (!recorder->pending)
        schedule(recorder, now_us);
}

uint64_t sfu_twcc_recorder_deadline_us(const struct sfu_twcc_recorder *recorder)
{
    return recorder->pending ? recorder->deadline_us : BASE_NEVER_US;
}

/* A message must begin with a packet that arrived. When the next to report is lost, the last one that arrived before is
 * said again, so that the loss is told. */
static uint64_t report_start(struct sfu_twcc_recorder *recorder)
{
    uint64_t highest = recorder->unwrap.highest;
    uint64_t start = recorder->next_report;
    while (*slot(recorder, start) == SFU_TWCC_NOT_RECEIVED && highest - start < WINDOW - 1)
        start--;
    if (*slot(recorder, start) != SFU_TWCC_NOT_RECEIVED)
        return start;
    start = recorder->next_report;
    while (*slot(recorder, start) == SFU_TWCC_NOT_RECEIVED)
        start++; /* ends at the highest, which did arrive */
    return start;
}

size_t sfu_twcc_recorder_poll(struct sfu_twcc_recorder *recorder, uint64_t now_us, uint32_t sender_ssrc, uint8_t *out,
                              size_t out_max)
{
    if (!recorder->pending || now_us < recorder->deadline_us)
        return 0;
    uint64_t highest = recorder->unwrap.highest;
    uint64_t start = report_start(recorder);
    unsigned count = (unsigned)(highest - start + 1), written = 0;
    int64_t arrival_us[WINDOW];
    for (unsigned i = 0; i < count; i++)
        arrival_us[i] = *slot(recorder, start + i);
    size_t bytes =
        sfu_twcc_write(out, out_max < MESSAGE_MAX_BYTES ? out_max : MESSAGE_MAX_BYTES, sender_ssrc,
                       recorder->media_ssrc, recorder->feedback_count, (uint16_t)start, arrival_us, count, &written);
    if (bytes > 0)
        recorder->feedback_count++;
    /* A buffer too small for anything would never get better: this interval goes unreported. */
    recorder->next_report = bytes > 0 ? start + written : highest + 1;
    recorder->pending = recorder->next_report <= highest;
    return bytes;
}
