/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/micro/micro.h"
#include "bench/micro/table.h"
#include "sfu/transport/srtp_session.h"
#include "sfu/wire/rtp.h"

#define PACKETS 4096 /* of one run; more than the caches hold would measure memory, fewer the clock */

struct packets {
    struct sfu_rtp_ext_map map;
    size_t len[PACKETS];
    uint8_t bytes[PACKETS][SFU_RTP_PACKET_MAX_BYTES];
    uint8_t out[SFU_RTP_PACKET_MAX_BYTES];
    uint8_t payload[BENCH_PAYLOAD_BYTES];
};

static const uint8_t key[SFU_SRTP_KEY_BYTES] = {1, 2, 3, 4, 5};
static const uint8_t salt[SFU_SRTP_SALT_MAX_BYTES] = {6, 7, 8, 9};

/* A header as browsers send it: mid and transport-wide number. Returns its bytes. */
static size_t write_header(const struct packets *packets, uint8_t *out, uint16_t seq)
{
    const struct sfu_rtp_header header = {
        .payload_type = 96, .seq = seq, .timestamp_ts = seq * 3000u, .ssrc = 0x1234, .ext_profile = 0xBEDE};
    struct sfu_rtp_ext_values values = {.has = 1u << SFU_RTP_EXT_MID | 1u << SFU_RTP_EXT_TRANSPORT_CC, .mid = "1"};
    values.transport_seq = seq;
    uint16_t offsets[SFU_RTP_EXT_KIND_COUNT];
    sfu_rtp_write_fixed(out, &header);
    return SFU_RTP_HEADER_MIN_BYTES +
           sfu_rtp_ext_write(out + SFU_RTP_HEADER_MIN_BYTES, 200, &packets->map, &values, offsets);
}

static double parse_all(struct packets *packets)
{
    uint64_t sum = 0, start_ns = bench_cpu_ns();
    for (size_t i = 0; i < PACKETS; i++) {
        struct sfu_rtp_header header;
        struct sfu_rtp_ext_values values = {0};
        if (sfu_rtp_parse(packets->bytes[i], packets->len[i], &header) != 0 ||
            sfu_rtp_ext_read(packets->bytes[i], &header, &packets->map, &values) != 0)
            return -1;
        sum += values.transport_seq;
    }
    double ns = (double)(bench_cpu_ns() - start_ns) / PACKETS;
    return sum == (uint64_t)PACKETS * (PACKETS - 1) / 2 ? ns : -1; /* also keeps the work from being optimised away */
}

/* Fills the packets, encrypted. Returns nanoseconds each, negative on failure. */
static double protect_all(struct packets *packets, enum sfu_srtp_profile profile)
{
    struct sfu_srtp_session *session;
    if (sfu_srtp_session_create(&session, profile, key, salt) != 0)
        return -1;
    size_t header_bytes = 0, good = 0;
    for (size_t i = 0; i < PACKETS; i++)
        header_bytes = write_header(packets, packets->bytes[i], (uint16_t)i);
    uint64_t start_ns = bench_cpu_ns();
    for (size_t i = 0; i < PACKETS; i++) {
        packets->len[i] = sfu_srtp_protect(session, packets->bytes[i], header_bytes, i, 0x1234, packets->payload,
                                           sizeof packets->payload, 0);
        good += packets->len[i] > 0;
    }
    double ns = (double)(bench_cpu_ns() - start_ns) / PACKETS;
    sfu_srtp_session_destroy(session);
    return good == PACKETS ? ns : -1;
}

static double unprotect_all(struct packets *packets, enum sfu_srtp_profile profile)
{
    struct sfu_srtp_session *session;
    if (sfu_srtp_session_create(&session, profile, key, salt) != 0)
        return -1;
    size_t good = 0;
    uint64_t start_ns = bench_cpu_ns();
    for (size_t i = 0; i < PACKETS; i++) {
        struct sfu_rtp_header header;
        size_t len;
        good += sfu_rtp_parse(packets->bytes[i], packets->len[i], &header) == 0 &&
                sfu_srtp_unprotect(session, packets->bytes[i], packets->len[i], &header, packets->out, &len) == 0;
    }
    double ns = (double)(bench_cpu_ns() - start_ns) / PACKETS;
    sfu_srtp_session_destroy(session);
    return good == PACKETS ? ns : -1;
}

static void add(struct bench_samples *samples, double ns)
{
    if (ns >= 0)
        bench_samples_add(samples, ns);
}

void bench_micro_packets(size_t runs)
{
    static const struct {
        enum sfu_srtp_profile profile;
        const char *protect, *unprotect;
    } profiles[] = {
        {SFU_SRTP_AEAD_AES_128_GCM, "SRTP protect, AEAD_AES_128_GCM", "SRTP unprotect, AEAD_AES_128_GCM"},
        {SFU_SRTP_AES128_CM_SHA1_80, "SRTP protect, AES128_CM_SHA1_80", "SRTP unprotect, AES128_CM_SHA1_80"},
    };
    struct packets *packets = calloc(1, sizeof *packets);
    if (packets == NULL)
        return;
    memset(packets->payload, 0x5A, sizeof packets->payload);
    sfu_rtp_ext_map_set(&packets->map, SFU_RTP_EXT_MID, 4);
    sfu_rtp_ext_map_set(&packets->map, SFU_RTP_EXT_TRANSPORT_CC, 5);
    bench_table_title("One packet, 1,100 bytes of payload");
    struct bench_samples parse = {0}, protect[2] = {0}, unprotect[2] = {0};
    for (size_t run = 0; run <= runs; run++) {
        for (size_t p = 0; p < 2; p++) {
            double protect_ns = protect_all(packets, profiles[p].profile);
            double unprotect_ns = unprotect_all(packets, profiles[p].profile);
            double parse_ns = parse_all(packets);
            if (run == 0)
                continue; /* warms up */
            add(&protect[p], protect_ns);
            add(&unprotect[p], unprotect_ns);
            if (p == 0)
                add(&parse, parse_ns);
        }
    }
    bench_table_row("RTP parse, header and extensions", &parse, "ns");
    for (size_t p = 0; p < 2; p++) {
        bench_table_row(profiles[p].unprotect, &unprotect[p], "ns");
        bench_table_row(profiles[p].protect, &protect[p], "ns");
    }
    free(packets);
}
