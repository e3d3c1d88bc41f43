/* SPDX-License-Identifier: Apache-2.0 */
/* Compound RTCP and transport-wide feedback; what was read must survive being written and read again. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "sfu/wire/rtcp.h"
#include "sfu/wire/twcc.h"

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            abort();                                                                                                   \
    } while (0)

#define FEEDBACK_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint8_t sink; /* what is read into it is really read */

static struct sfu_rtcp_item reread(const uint8_t *packet, size_t len)
{
    struct sfu_rtcp_reader reader;
    struct sfu_rtcp_item item;
    CHECK(len > 0 && len % 4 == 0);
    sfu_rtcp_reader_init(&reader, packet, len);
    CHECK(sfu_rtcp_read(&reader, &item) == 1);
    CHECK(reader.offset == len || item.kind == SFU_RTCP_FIR);
    return item;
}

static void reports(const struct sfu_rtcp_item *item)
{
    struct sfu_rtcp_report_block blocks[SFU_RTCP_REPORT_BLOCKS_MAX];
    uint8_t out[1024];
    for (unsigned i = 0; i < item->report_block_count; i++)
        sfu_rtcp_report_block_at(item, i, &blocks[i]);
    size_t n = item->kind == SFU_RTCP_SR
                   ? sfu_rtcp_write_sr(out, sizeof out, &item->sr, blocks, item->report_block_count)
                   : sfu_rtcp_write_rr(out, sizeof out, item->sender_ssrc, blocks, item->report_block_count);
    struct sfu_rtcp_item again = reread(out, n);
    CHECK(again.kind == item->kind && again.sender_ssrc == item->sender_ssrc);
    CHECK(memcmp(&again.sr, &item->sr, sizeof again.sr) == 0);
    CHECK(again.report_block_count == item->report_block_count);
    CHECK(memcmp(again.report_blocks, item->report_blocks, 24u * item->report_block_count) == 0);
}

static void nack(const struct sfu_rtcp_item *item)
{
    for (unsigned i = 0; i < item->body_bytes / 4 && i < 100; i++) {
        uint16_t seqs[17], more[17];
        uint8_t out[64];
        unsigned count = sfu_rtcp_nack_seqs(item, i, seqs);
        CHECK(count >= 1 && count <= 17);
        size_t n = sfu_rtcp_write_nack(out, sizeof out, item->sender_ssrc, item->media_ssrc, seqs, count);
        struct sfu_rtcp_item again = reread(out, n);
        CHECK(again.kind == SFU_RTCP_NACK && again.body_bytes == 4 && again.media_ssrc == item->media_ssrc);
        CHECK(sfu_rtcp_nack_seqs(&again, 0, more) == count && memcmp(seqs, more, 2 * count) == 0);
    }
}

static void feedback(const uint8_t *fci, size_t len)
{
    static int64_t times[FEEDBACK_MAX], again[FEEDBACK_MAX];
    struct sfu_twcc_feedback in, out;
    if (sfu_twcc_read(fci, len, &in, times, FEEDBACK_MAX) != 0)
        return;
    unsigned done = 0;
    while (done < in.packet_count && times[done] == SFU_TWCC_NOT_RECEIVED)
        done++;
    while (done < in.packet_count) {
        uint8_t packet[1200];
        unsigned written;
        size_t n = sfu_twcc_write(packet, sizeof packet, 1, 2, in.feedback_count, (uint16_t)(in.base_seq + done),
                                  times + done, in.packet_count - done, &written);
        struct sfu_rtcp_item item = reread(packet, n);
        CHECK(item.kind == SFU_RTCP_TWCC && written > 0 && n <= sizeof packet);
        CHECK(sfu_twcc_read(item.body, item.body_bytes, &out, again, FEEDBACK_MAX) == 0);
        CHECK(out.packet_count == written && out.base_seq == (uint16_t)(in.base_seq + done));
        for (unsigned i = 0; i < written; i++) {
            bool missing = times[done + i] == SFU_TWCC_NOT_RECEIVED;
            CHECK(missing == (again[i] == SFU_TWCC_NOT_RECEIVED));
            CHECK(missing || again[i] - again[0] == times[done + i] - times[done]);
        }
        done += written;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sfu_rtcp_reader reader;
    struct sfu_rtcp_item item;
    uint8_t out[512];
    int result;
    sfu_rtcp_reader_init(&reader, data, size);
    while ((result = sfu_rtcp_read(&reader, &item)) == 1) {
        for (size_t i = 0; i < item.body_bytes; i++)
            sink = item.body[i];
        if (item.kind == SFU_RTCP_SR || item.kind == SFU_RTCP_RR)
            reports(&item);
        else if (item.kind == SFU_RTCP_NACK)
            nack(&item);
        else if (item.kind == SFU_RTCP_TWCC)
            feedback(item.body, item.body_bytes);
        else if (item.kind == SFU_RTCP_FIR)
            CHECK(reread(out, sfu_rtcp_write_fir(out, sizeof out, 1, item.media_ssrc, item.fir_seq)).fir_seq ==
                  item.fir_seq);
    }
    CHECK(result == 0 || result == BASE_ERR_MALFORMED || result == BASE_ERR_TRUNCATED);
    feedback(data, size);
    return 0;
}
