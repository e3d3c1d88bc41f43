/* SPDX-License-Identifier: Apache-2.0 */
/* What counts: from a mark on, once each, whatever the network does; simulcast layers; freezes, and holes in speech. */
#include "base/random.h"
#include "tests/support/test.h"
#include "tests/unit/bench/stream_pair.h"

static struct bench_send_stream *camera(void)
{
    pair_sent_count = 0;
    return pair_sender((struct bench_send_config){.video = true, .bitrate_bps = 500000, .first_seq = 65000});
}

static const struct bench_receive_config video = {.video = true, .nack = true};
static const struct bench_receive_config audio = {.nack = false};

T_TEST(only_what_was_sent_after_the_mark)
{
    struct bench_send_stream *from = camera();
    struct bench_receive_stream *to = pair_receiver(video);
    pair_send_until(from, 1000000);
    unsigned mark = pair_sent_count, late = mark - 3;
    for (unsigned i = 0; i < mark; i++)
        if (i != late)
            pair_deliver(to, 1000000, &pair_sent[i]);
    T_CHECK(bench_receive_stream_since(to) == NULL);
    T_CHECK(bench_receive_stream_mark(to, 3, 0) != 0);
    T_EQ(bench_receive_stream_mark(to, 0, mark), 0);
    pair_send_until(from, 2000000);
    pair_deliver(to, 1001000, &pair_sent[late]); /* sent before: does not count */
    unsigned lost = 0;
    for (unsigned i = mark; i < pair_sent_count; i++) {
        if (i % 7 == 3)
            lost++;
        else
            pair_deliver(to, pair_sent[i].at_us + 1500, &pair_sent[i]);
        if (i % 7 == 5)
            pair_deliver(to, pair_sent[i].at_us + 1600, &pair_sent[i]); /* the network says it twice */
    }
    const struct bench_receive_since *since = bench_receive_stream_since(to);
    T_EQ(since->delivered, pair_sent_count - mark - lost);
    T_EQ(since->delay.count, since->delivered);
    T_EQ(since->delay.min, 1500);
    T_EQ(since->delay.max, 1500);
    T_EQ(since->repaired + since->reordered + since->duplicated + since->corrupt + since->wrong, 0);
    T_EQ(since->bytes, since->layer_bytes[0]);
    const struct bench_receive_layer *layer = bench_receive_stream_layer(to, 0);
    T_CHECK(layer->seen);
    T_EQ(layer->first_serial, 0);
    T_EQ(layer->packets, pair_sent_count - lost);
    T_CHECK(!bench_receive_stream_layer(to, 1)->seen && !bench_receive_stream_layer(to, 7)->seen);
    /* marked again: from nothing */
    T_EQ(bench_receive_stream_mark(to, 0, pair_sent_count), 0);
    T_EQ(since->delivered + since->frames + since->delay.count, 0);
    bench_send_stream_destroy(from);
    bench_receive_stream_destroy(to);
}

/* A network that loses, repeats, delays and repairs at random: whatever it does, each packet counts once. */
T_TEST(each_packet_once_whatever_happens)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        uint64_t random = seed;
        struct bench_send_stream *from = camera();
        struct bench_receive_stream *to = pair_receiver(video);
        struct bench_histogram live = {0};
        bench_receive_stream_set_live_delay(to, &live);
        pair_send_until(from, 3000000);
        unsigned count = pair_sent_count, mark = count / 3;
        static bool here[PAIR_PACKETS_MAX];
        memset(here, 0, sizeof here);
        T_EQ(bench_receive_stream_mark(to, 0, mark), 0);
        for (unsigned step = 0; step < count * 2; step++) {
            /* somewhere in the forty packets before the head, now and then as a retransmission */
            unsigned head = step / 2, back = (unsigned)(base_prng_next(&random) % 40);
            unsigned i = base_prng_next(&random) % 3 == 0 && head >= back ? head - back : head;
            struct pair_packet packet = pair_sent[i];
            if (base_prng_next(&random) % 4 == 0) {
                struct sfu_rtp_header header;
                T_EQ(sfu_rtp_parse(packet.bytes, packet.len, &header), 0);
                memmove(packet.bytes + header.header_bytes + 2, packet.bytes + header.header_bytes,
                        packet.len - header.header_bytes);
                base_put_be16(packet.bytes + header.header_bytes, pair_seq(&pair_sent[i]));
                packet.len += 2;
                packet.rtx = true;
            }
            if (base_prng_next(&random) % 10 == 0)
                continue;
            here[i] = true;
            pair_deliver(to, 3000000 + step, &packet);
        }
        uint64_t all = 0, counted = 0;
        for (unsigned i = 0; i < count; i++) {
            all += here[i];
            counted += i >= mark && here[i];
        }
        const struct bench_receive_counters *counters = bench_receive_stream_counters(to);
        const struct bench_receive_since *since = bench_receive_stream_since(to);
        T_EQ(counters->packets + counters->rtx_packets, all);
        T_EQ(since->delivered, counted);
        T_EQ(live.count, all);
        T_CHECK(since->repaired > 20 && since->reordered > 2);
        T_EQ(bench_receive_errors(counters) + counters->late, 0);
        bench_send_stream_destroy(from);
        bench_receive_stream_destroy(to);
    }
}

T_TEST(reordered_or_repaired)
{
    struct bench_send_stream *from = camera();
    struct bench_receive_stream *to = pair_receiver(video);
    T_EQ(bench_receive_stream_mark(to, 0, 0), 0);
    pair_send_until(from, 1000000);
    uint16_t seqs[8];
    bool key_frame;
    for (unsigned i = 0; i < 20; i++)
        if (i != 5 && i != 9)
            pair_deliver(to, 1000, &pair_sent[i]);
    pair_deliver(to, 2000, &pair_sent[5]); /* in time */
    T_EQ(bench_receive_stream_poll(to, 10000, seqs, 8, &key_frame), 1);
    T_EQ(seqs[0], pair_seq(&pair_sent[9]));
    pair_deliver(to, 11000, &pair_sent[9]); /* by its own number, but asked for: some servers repair so */
    const struct bench_receive_since *since = bench_receive_stream_since(to);
    T_EQ(since->reordered, 1);
    T_EQ(since->repaired, 1);
    T_EQ(since->delivered, 20);
    T_EQ(bench_receive_stream_counters(to)->reordered, 1);
    T_EQ(bench_receive_stream_counters(to)->packets, 20);
    bench_send_stream_destroy(from);
    bench_receive_stream_destroy(to);
}

T_TEST(too_late_for_its_frame_but_counted)
{
    struct bench_send_stream *from = camera();
    struct bench_receive_config config = video;
    config.window = 64;
    struct bench_receive_stream *to = pair_receiver(config);
    T_EQ(bench_receive_stream_mark(to, 0, 0), 0);
    pair_send_until(from, 8000000);
    for (unsigned i = 0; i < 300; i++)
        if (i != 10 && i != 11)
            pair_deliver(to, pair_sent[i].at_us, &pair_sent[i]);
    pair_deliver(to, pair_sent[300].at_us, &pair_sent[10]);
    pair_deliver(to, pair_sent[300].at_us, &pair_sent[10]); /* again: cannot be told from a repetition, not counted */
    pair_deliver(to, pair_sent[300].at_us, &pair_sent[12]);
    const struct bench_receive_counters *counters = bench_receive_stream_counters(to);
    T_EQ(bench_receive_stream_since(to)->delivered, 299);
    T_EQ(counters->late, 2);
    T_EQ(bench_receive_errors(counters), 0);
    bench_send_stream_destroy(from);
    bench_receive_stream_destroy(to);
}

/* ---- simulcast ------------------------------------------------------------------------------------------------ */

/* What a server does: chooses a layer and rewrites numbers, times and picture ids so that they go on. */
struct switcher {
    struct bench_receive_stream *to;
    uint16_t seq, picture_id;
    uint32_t frame; /* forwarded last */
    bool any;
};

static void forward_at(struct switcher *server, const struct pair_packet *from, const struct bench_stamp *stamp,
                       uint32_t timestamp_ts)
{
    struct pair_packet packet = *from;
    struct sfu_rtp_header header;
    if (sfu_rtp_parse(packet.bytes, packet.len, &header) != 0)
        abort();
    if (stamp->packet == 0)
        server->picture_id++;
    base_put_be16(packet.bytes + 2, server->seq++);
    base_put_be32(packet.bytes + 4, timestamp_ts);
    base_put_be32(packet.bytes + 8, 100);
    base_put_be16(packet.bytes + header.header_bytes + 2, 0x8000 | server->picture_id); /* as send_stream has it */
    pair_deliver(server->to, packet.at_us + 500, &packet);
}

static void forward(struct switcher *server, const struct pair_packet *from, const struct bench_stamp *stamp)
{
    forward_at(server, from, stamp, stamp->frame * 3600);
}

/* Three layers for four seconds; layer_at() says which one is forwarded. Key frames of all at each second. Returns the
 * receiver. */
static struct bench_receive_stream *switching(unsigned (*layer_at)(uint64_t now_us))
{
    struct bench_receive_stream *to = pair_receiver(video);
    struct switcher server = {.to = to};
    struct bench_send_stream *layers[3];
    pair_sent_count = 0;
    for (unsigned i = 0; i < 3; i++) {
        bench_receive_stream_mark(to, i, 0);
        layers[i] = pair_sender((struct bench_send_config){.video = true,
                                                           .bitrate_bps = 60000u << 2 * i,
                                                           .layer = (uint8_t)i,
                                                           .ssrc = 200 + 2 * i,
                                                           .first_seq = (uint16_t)(1000 * i),
                                                           .first_timestamp_ts = 77 * i});
    }
    unsigned next = 0;
    for (uint64_t now_us = 1000; now_us < 4000000; now_us += 20000) {
        for (unsigned i = 0; i < 3; i++) {
            if (now_us % 1000000 == 1000)
                bench_send_stream_on_key_frame_request(layers[i]);
            pair_now_us = now_us;
            bench_send_stream_poll(layers[i], now_us);
        }
        for (; next < pair_sent_count; next++) {
            struct bench_stamp stamp = pair_stamp(&pair_sent[next], 4);
            if (stamp.layer == layer_at(now_us))
                forward(&server, &pair_sent[next], &stamp);
        }
    }
    for (unsigned i = 0; i < 3; i++)
        bench_send_stream_destroy(layers[i]);
    return to;
}

static unsigned at_key_frames(uint64_t now_us)
{
    return now_us < 1000000 ? 0 : now_us < 2000000 ? 2 : now_us < 3000000 ? 1 : 2;
}

static unsigned between_key_frames(uint64_t now_us)
{
    return now_us < 2500000 ? 0 : 1;
}

T_TEST(layers_change_at_key_frames)
{
    struct bench_receive_stream *to = switching(at_key_frames);
    const struct bench_receive_counters *counters = bench_receive_stream_counters(to);
    const struct bench_receive_since *since = bench_receive_stream_since(to);
    T_EQ(bench_receive_errors(counters), 0);
    T_EQ(counters->frames_decoded, 100);
    T_EQ(counters->layer_switches, 3);
    T_EQ(counters->frames_skipped + counters->freezes + counters->serial_jumps, 0);
    T_EQ(since->frames, 100);
    uint64_t bytes = 0, packets = 0;
    for (unsigned i = 0; i < 3; i++) {
        const struct bench_receive_layer *layer = bench_receive_stream_layer(to, i);
        T_CHECK(layer->seen);
        T_EQ(since->layer_bytes[i], layer->bytes);
        T_EQ(layer->highest_serial - layer->first_serial >= layer->packets - 1, 1);
        bytes += layer->bytes;
        packets += layer->packets;
    }
    T_CHECK(since->layer_bytes[2] > since->layer_bytes[1] && since->layer_bytes[1] > since->layer_bytes[0]);
    T_EQ(since->bytes, bytes);
    T_EQ(since->delivered, packets);
    /* layer 2 was away for a second: its serial went on, which is no error */
    T_CHECK(bench_receive_stream_layer(to, 2)->highest_serial > bench_receive_stream_layer(to, 2)->packets);
    bench_receive_stream_destroy(to);
}

T_TEST(a_layer_does_not_change_between_key_frames)
{
    struct bench_receive_stream *to = switching(between_key_frames);
    T_EQ(bench_receive_stream_counters(to)->err_reference, 1);
    T_EQ(bench_receive_stream_since(to)->wrong, 1);
    bench_receive_stream_destroy(to);
}

/* Two layers of a publisher that was held up: one poll sends two captures of layer 0, then the same two of layer 1, all
 * as key frames or their successors. A server without sender reports takes layer 1 as soon as it can. */
static struct bench_receive_counters late_layers(unsigned first_layer, bool time_goes_back)
{
    struct bench_receive_stream *to = pair_receiver(video);
    struct switcher server = {.to = to};
    struct bench_receive_counters counters;
    pair_sent_count = 0;
    for (unsigned i = 0; i < 2; i++) {
        struct bench_send_stream *layer = pair_sender((struct bench_send_config){
            .video = true, .bitrate_bps = 60000, .layer = (uint8_t)(i ^ first_layer), .ssrc = 200 + 2 * i});
        pair_now_us = 1000 + 41000 + i * 100; /* the captures of 1 ms and of 41 ms */
        bench_send_stream_poll(layer, pair_now_us);
        bench_send_stream_destroy(layer);
    }
    for (unsigned i = 0; i < pair_sent_count; i++) {
        struct bench_stamp stamp = pair_stamp(&pair_sent[i], 4);
        uint32_t shown = stamp.frame + (stamp.layer == first_layer || time_goes_back ? 0 : 2);
        forward_at(&server, &pair_sent[i], &stamp, shown * 3600);
    }
    counters = *bench_receive_stream_counters(to);
    bench_receive_stream_destroy(to);
    return counters;
}

T_TEST(a_late_publishers_capture_is_shown_in_both_layers)
{
    for (unsigned first_layer = 0; first_layer < 2; first_layer++) {
        struct bench_receive_counters counters = late_layers(first_layer, false);
        T_EQ(counters.frames_decoded, 4);
        T_EQ(counters.layer_switches, 1);
        T_EQ(counters.frames_skipped, 0);
        T_EQ(bench_receive_errors(&counters), 0);
        counters = late_layers(first_layer, true); /* a capture again, but not a time again */
        T_EQ(counters.err_timestamp, 1);
        T_EQ(bench_receive_errors(&counters), 1);
    }
}

/* The serials of two layers may meet: that makes no frame of one the successor of a frame of the other. */
T_TEST(equal_serials_do_not_join_layers)
{
    struct bench_receive_stream *to = pair_receiver(video);
    struct switcher server = {.to = to};
    pair_sent_count = 0;
    struct bench_send_stream *layers[2];
    for (unsigned i = 0; i < 2; i++)
        layers[i] = pair_sender(
            (struct bench_send_config){.video = true, .bitrate_bps = 500000, .layer = (uint8_t)i, .ssrc = 200 + 2 * i});
    for (uint64_t now_us = 1000; now_us < 1000000; now_us += 40000)
        for (unsigned i = 0; i < 2; i++) {
            unsigned from = pair_sent_count;
            pair_now_us = now_us;
            bench_send_stream_poll(layers[i], now_us);
            for (; from < pair_sent_count; from++) {
                struct bench_stamp stamp = pair_stamp(&pair_sent[from], 4);
                if (stamp.layer == (now_us < 500000 ? 0 : 1))
                    forward(&server, &pair_sent[from], &stamp);
            }
        }
    T_EQ(bench_receive_stream_counters(to)->err_reference, 1);
    bench_send_stream_destroy(layers[0]);
    bench_send_stream_destroy(layers[1]);
    bench_receive_stream_destroy(to);
}

/* One packet in the middle of a frame is left out, and the numbers hide it. */
T_TEST(a_frame_with_a_hidden_hole)
{
    struct bench_send_stream *from = camera();
    struct bench_receive_stream *to = pair_receiver(video);
    pair_send_until(from, 1000000);
    unsigned hidden = 0;
    for (unsigned i = 0; i < pair_sent_count; i++) {
        struct bench_stamp stamp = pair_stamp(&pair_sent[i], 4);
        struct pair_packet packet = pair_sent[i];
        if (stamp.frame == 10 && stamp.packet == 1) {
            hidden = 1;
            continue;
        }
        base_put_be16(packet.bytes + 2, (uint16_t)(pair_seq(&packet) - hidden));
        pair_deliver(to, packet.at_us, &packet);
    }
    T_EQ(hidden, 1);
    T_EQ(bench_receive_stream_counters(to)->err_reference, 1);
    bench_send_stream_destroy(from);
    bench_receive_stream_destroy(to);
}

/* ---- freezes -------------------------------------------------------------------------------------------------- */

T_TEST(a_freeze_that_never_ends_counts)
{
    struct bench_send_stream *from = camera();
    struct bench_receive_stream *to = pair_receiver(video);
    T_EQ(bench_receive_stream_mark(to, 0, 0), 0);
    pair_send_until(from, 4000000);
    for (unsigned i = 0; i < pair_sent_count && pair_sent[i].at_us < 2000000; i++)
        pair_deliver(to, pair_sent[i].at_us, &pair_sent[i]);
    const struct bench_receive_since *since = bench_receive_stream_since(to);
    uint64_t last_us = bench_receive_stream_counters(to)->last_frame_us;
    bench_receive_stream_close_freeze(to, last_us + 180000); /* not yet: an average of 40 and 150 ms */
    T_EQ(since->freezes, 0);
    struct bench_receive_stream *other = pair_receiver(video);
    for (unsigned i = 0; i < pair_sent_count && pair_sent[i].at_us < 2000000; i++)
        pair_deliver(other, pair_sent[i].at_us, &pair_sent[i]);
    bench_receive_stream_close_freeze(other, last_us + 200000);
    T_EQ(bench_receive_stream_counters(other)->freezes, 1);
    bench_receive_stream_destroy(other);
    bench_receive_stream_close_freeze(to, 4000000);
    T_EQ(since->freezes, 1);
    T_EQ(since->freeze_us, 4000000 - last_us);
    T_EQ(since->freeze_longest_us, 4000000 - last_us);
    bench_receive_stream_close_freeze(to, 4000000); /* once */
    T_EQ(since->freezes, 1);
    T_EQ(bench_receive_stream_counters(to)->freezes, 1);
    bench_receive_stream_destroy(to);

    /* after three pictures only */
    to = pair_receiver(video);
    for (unsigned i = 0; i < pair_sent_count && pair_sent[i].at_us < 100000; i++)
        pair_deliver(to, pair_sent[i].at_us, &pair_sent[i]);
    bench_receive_stream_close_freeze(to, 900000);
    T_EQ(bench_receive_stream_counters(to)->freezes, 0);
    bench_receive_stream_close_freeze(to, 4000000);
    T_EQ(bench_receive_stream_counters(to)->freezes, 1);
    bench_send_stream_destroy(from);
    bench_receive_stream_destroy(to);
}

T_TEST(a_freeze_is_the_servers_not_the_publishers)
{
    struct bench_send_stream *from = camera();
    struct bench_receive_stream *to = pair_receiver(video);
    pair_send_until(from, 1000000);
    bench_send_stream_pause(from, true, 1000000);
    pair_send_until(from, 4000000);
    bench_send_stream_pause(from, false, 4000000);
    pair_send_until(from, 6000000);
    pair_deliver_from(to, 0, 5000);
    const struct bench_receive_counters *counters = bench_receive_stream_counters(to);
    T_EQ(counters->freezes, 0);
    bench_receive_stream_destroy(to);

    /* The same, but half a second of it was lost behind the pause. */
    to = pair_receiver((struct bench_receive_config){.video = true});
    for (unsigned i = 0; i < pair_sent_count; i++)
        if (pair_sent[i].at_us < 3000000)
            pair_deliver(to, pair_sent[i].at_us + 5000, &pair_sent[i]);
    bench_send_stream_on_key_frame_request(from);
    unsigned resumed = pair_sent_count;
    pair_send_until(from, 7000000);
    for (unsigned i = resumed; i < pair_sent_count; i++)
        pair_deliver(to, pair_sent[i].at_us + 5000, &pair_sent[i]);
    counters = bench_receive_stream_counters(to);
    T_EQ(counters->freezes, 1);
    /* from the first capture behind the pause, at 4.001 s, to the key frame after 6 s */
    T_CHECK(counters->freeze_us > 1950000 && counters->freeze_us < 2150000);
    bench_receive_stream_destroy(to);
    bench_send_stream_destroy(from);
}

/* ---- speech --------------------------------------------------------------------------------------------------- */

/* Somebody speaks for five seconds, silent for the third; from packet `lost_from`, `lost` do not come, and from packet
 * `held_from`, all are held back until `held_us` after that one was sent. Returns the receiver. */
static struct bench_receive_stream *hear(unsigned lost_from, unsigned lost, unsigned held_from, uint64_t held_us)
{
    pair_sent_count = 0;
    struct bench_send_stream *from = pair_sender((struct bench_send_config){.first_seq = 5});
    struct bench_receive_stream *to = pair_receiver(audio);
    bench_receive_stream_mark(to, 0, 0);
    bench_send_stream_set_level(from, 30, true);
    pair_send_until(from, 2000000);
    bench_send_stream_pause(from, true, 2000000);
    pair_send_until(from, 3000000);
    bench_send_stream_pause(from, false, 3000000);
    pair_send_until(from, 5000000);
    for (unsigned i = 0; i < pair_sent_count; i++) {
        uint64_t at_us = pair_sent[i].at_us + 1000;
        if (held_us != 0 && i >= held_from && at_us < pair_sent[held_from].at_us + held_us)
            at_us = pair_sent[held_from].at_us + held_us;
        if (i < lost_from || i >= lost_from + lost)
            pair_deliver(to, at_us, &pair_sent[i]);
    }
    bench_send_stream_destroy(from);
    return to;
}

static void check_gap(int *t_failed, struct bench_receive_stream *to, uint64_t gaps, uint64_t gap_us)
{
    const struct bench_receive_since *since = bench_receive_stream_since(to);
    T_EQ(since->freezes, gaps);
    T_EQ(since->freeze_us, gap_us);
    T_EQ(bench_receive_stream_counters(to)->freezes, gaps);
    bench_receive_stream_destroy(to);
}

T_TEST(holes_in_speech)
{
    T_CALL(check_gap(t_failed, hear(0, 0, 0, 0), 0, 0)); /* the silence is none */
    T_CALL(check_gap(t_failed, hear(50, 4, 0, 0), 0, 0));
    T_CALL(check_gap(t_failed, hear(50, 5, 0, 0), 1, 100000));
    T_CALL(check_gap(t_failed, hear(50, 20, 0, 0), 1, 400000));
    T_CALL(check_gap(t_failed, hear(0, 0, 50, 101000), 0, 0)); /* 100 ms more than usual */
    T_CALL(check_gap(t_failed, hear(0, 0, 50, 121000), 1, 120000));
    T_CALL(check_gap(t_failed, hear(0, 0, 100, 500000), 0, 0)); /* behind a silence: late, which the delay tells */
    T_CALL(check_gap(t_failed, hear(100, 4, 0, 0), 0, 0));
    T_CALL(check_gap(t_failed, hear(45, 8, 40, 400000), 2, 399000 + 160000)); /* held back, and some of it lost */
    T_CALL(check_gap(t_failed, hear(100, 10, 0, 0), 1, 200000));              /* its first words */
    /* The last words before it, too: seven of ten, as the silence might have sent three of its own. */
    T_CALL(check_gap(t_failed, hear(90, 20, 0, 0), 2, 200000 + 140000));
}

/* A whole sentence between two silences is lost: what was sent there was no silence. */
T_TEST(a_sentence_that_nobody_heard)
{
    struct bench_clip *silence;
    const struct bench_clip_config config = {
        .codec = BENCH_OPUS, .kind = BENCH_CLIP_SILENCE, .bitrate_bps = 32000, .seconds = 5, .dtx = true, .seed = 1};
    T_EQ(bench_clip_create(&silence, &config), 0);
    pair_sent_count = 0;
    struct bench_send_stream *from = pair_sender((struct bench_send_config){.clip = silence});
    struct bench_receive_stream *to = pair_receiver(audio);
    pair_send_until(from, 3000000);
    pair_deliver_from(to, 0, 1000);
    bench_send_stream_set_clip(from, NULL);
    bench_send_stream_set_level(from, 30, true);
    pair_send_until(from, 5000000);
    bench_send_stream_set_clip(from, silence);
    unsigned spoken = pair_sent_count;
    pair_send_until(from, 9000000);
    while (pair_stamp(&pair_sent[spoken], 0).run > 1)
        spoken++; /* what follows the speech without a break */
    pair_deliver_from(to, spoken, 1000);
    const struct bench_receive_counters *counters = bench_receive_stream_counters(to);
    T_EQ(counters->freezes, 1);
    T_CHECK(counters->freeze_us > 1800000 && counters->freeze_us < 2200000);
    bench_send_stream_destroy(from);
    bench_receive_stream_destroy(to);
    bench_clip_destroy(silence);
}

T_TEST(in_silence_nothing_is_missed)
{
    struct bench_clip *clip;
    const struct bench_clip_config config = {
        .codec = BENCH_OPUS, .kind = BENCH_CLIP_SILENCE, .bitrate_bps = 32000, .seconds = 5, .dtx = true, .seed = 1};
    T_EQ(bench_clip_create(&clip, &config), 0);
    pair_sent_count = 0;
    struct bench_send_stream *from = pair_sender((struct bench_send_config){.clip = clip});
    struct bench_receive_stream *to = pair_receiver(audio);
    pair_send_until(from, 20000000);
    T_CHECK(pair_sent_count > 40);
    for (unsigned i = 0; i < pair_sent_count; i++)
        if (i < 20 || i >= 28)
            pair_deliver(to, pair_sent[i].at_us + i % 3 * 150000, &pair_sent[i]);
    T_EQ(bench_receive_stream_counters(to)->freezes, 0);
    uint64_t heard_us = bench_receive_stream_counters(to)->last_packet_us;
    bench_receive_stream_close_freeze(to, heard_us + 900000);
    T_EQ(bench_receive_stream_counters(to)->freezes, 0);
    bench_receive_stream_close_freeze(to, heard_us + 3000000); /* not even the sign of life of a silent one */
    T_EQ(bench_receive_stream_counters(to)->freezes, 1);
    bench_send_stream_destroy(from);
    bench_receive_stream_destroy(to);
    bench_clip_destroy(clip);
}

T_TEST(a_voice_that_never_comes_back)
{
    struct bench_receive_stream *to = hear(0, 0, 0, 0);
    uint64_t last_us = bench_receive_stream_counters(to)->last_packet_us;
    bench_receive_stream_close_freeze(to, last_us + 110000);
    T_EQ(bench_receive_stream_counters(to)->freezes, 0);
    bench_receive_stream_close_freeze(to, last_us + 150000);
    T_EQ(bench_receive_stream_counters(to)->freezes, 1);
    T_EQ(bench_receive_stream_counters(to)->freeze_us, 130000);
    bench_receive_stream_destroy(to);
}

T_MAIN(T_CASE(only_what_was_sent_after_the_mark), T_CASE(each_packet_once_whatever_happens),
       T_CASE(reordered_or_repaired), T_CASE(too_late_for_its_frame_but_counted), T_CASE(layers_change_at_key_frames),
       T_CASE(a_layer_does_not_change_between_key_frames), T_CASE(a_late_publishers_capture_is_shown_in_both_layers),
       T_CASE(equal_serials_do_not_join_layers), T_CASE(a_frame_with_a_hidden_hole),
       T_CASE(a_freeze_that_never_ends_counts), T_CASE(a_freeze_is_the_servers_not_the_publishers),
       T_CASE(holes_in_speech), T_CASE(a_sentence_that_nobody_heard), T_CASE(in_silence_nothing_is_missed),
       T_CASE(a_voice_that_never_comes_back))
