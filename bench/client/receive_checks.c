/* SPDX-License-Identifier: Apache-2.0 */
/* Do numbers and RTP times say the same as the stamps? */
#include "bench/client/receive_internal.h"

#define CLOCK_OFF_US  1000000 /* a server starts a source anew by the time of arrival: jitter, not seconds */
#define CLOCK_BASE_US 600000000

/* A packet that is here for the first time: within a layer, higher numbers are later packets. */
void bench_receive_check_order(struct bench_receive_stream *stream, uint64_t ext_seq, const struct bench_stamp *stamp)
{
    struct bench_serials *serials = &stream->serials[stamp->layer];
    if (serials->newest_seq != 0 && (ext_seq > serials->newest_seq) != (stamp->serial > serials->newest_serial))
        bench_receive_error(stream, &stream->counters.err_order);
    if (ext_seq > serials->newest_seq) {
        serials->newest_seq = ext_seq;
        serials->newest_serial = stamp->serial;
    }
}

/* A server may shift RTP time whenever it starts a source anew, and a sender's own clock goes on while it is paused: so
 * both clocks are compared within one run of captures. */
void bench_receive_check_clock(struct bench_receive_stream *stream, uint32_t timestamp_ts,
                               const struct bench_stamp *stamp)
{
    struct bench_clock_base *base = &stream->clock;
    uint32_t run_start = stamp->frame - stamp->run;
    bool same_run =
        base->send_us != 0 && stamp->layer == base->layer && (stamp->run == UINT16_MAX || run_start == base->run_start);
    int64_t sent_us = (int64_t)(stamp->send_us - base->send_us);
    if (same_run && sent_us <= CLOCK_BASE_US) {
        int64_t media_us =
            (int64_t)(int32_t)(timestamp_ts - base->timestamp_ts) * 1000 / (int64_t)(stream->stats.clock_hz / 1000);
        int64_t off_us = media_us - sent_us;
        if (off_us > CLOCK_OFF_US || off_us < -CLOCK_OFF_US)
            bench_receive_error(stream, &stream->counters.err_timestamp);
        return;
    }
    *base = (struct bench_clock_base){
        .send_us = stamp->send_us, .timestamp_ts = timestamp_ts, .run_start = run_start, .layer = stamp->layer};
}
