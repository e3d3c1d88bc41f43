/* SPDX-License-Identifier: Apache-2.0 */
/**
 * rtcp.h - compound RTCP packets: reading them item by item, writing the items that an SFU sends.
 *
 * RFC 3550 section 6 (SR, RR, SDES, BYE), RFC 4585 (Generic NACK, PLI), RFC 5104 (FIR), draft-alvestrand-rmcat-remb
 * (REMB: read only), draft-holmer-rmcat-transport-wide-cc-extensions-01 (opaque here: see twcc.h). Reduced-size packets
 * (RFC 5506) are accepted.
 * Writers append to out[0..out_max) and return the bytes written, or 0 when there is no room.
 */
#ifndef CONSILIUM_SFU_WIRE_RTCP_H
#define CONSILIUM_SFU_WIRE_RTCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SFU_RTCP_REPORT_BLOCKS_MAX 31

struct sfu_rtcp_report_block {
    uint32_t ssrc;
    uint8_t fraction_lost;   /**< 1/256 */
    int32_t cumulative_lost; /**< 24-bit signed on the wire */
    uint32_t highest_seq;    /**< extended, 32 bits */
    uint32_t jitter_ts;
    uint32_t last_sr;             /**< middle 32 bits of the SR's NTP time; 0 = none */
    uint32_t delay_since_last_sr; /**< 1/65536 s */
};

struct sfu_rtcp_sr {
    uint32_t ssrc;
    uint64_t ntp; /**< 32.32 fixed point seconds since 1900 */
    uint32_t rtp_ts;
    uint32_t packet_count;
    uint32_t octet_count;
};

enum sfu_rtcp_kind {
    SFU_RTCP_SR,
    SFU_RTCP_RR,
    SFU_RTCP_SDES_CNAME,
    SFU_RTCP_BYE,
    SFU_RTCP_NACK,
    SFU_RTCP_PLI,
    SFU_RTCP_FIR,
    SFU_RTCP_REMB,
    SFU_RTCP_TWCC,
    SFU_RTCP_OTHER, /**< well-formed, not ours: skip */
};

/** One item of a compound packet. Pointers lie in the packet. */
struct sfu_rtcp_item {
    enum sfu_rtcp_kind kind;
    uint32_t sender_ssrc;
    uint32_t media_ssrc;        /**< NACK, PLI, TWCC; for FIR the n-th entry comes as its own item */
    struct sfu_rtcp_sr sr;      /**< SR */
    uint8_t report_block_count; /**< SR, RR: read them with sfu_rtcp_report_block_at() */
    const uint8_t *report_blocks;
    uint8_t fir_seq;   /**< FIR */
    uint64_t remb_bps; /**< REMB */
    const uint8_t
        *body; /**< NACK: its FCI entries; TWCC: the whole FCI; BYE: the SSRC list; SDES: the CNAME's characters */
    size_t body_bytes;
};

/** Walks a compound packet: *cursor starts at 0. Returns 1 with the next item, 0 at the end, or BASE_ERR_MALFORMED /
 *  BASE_ERR_TRUNCATED (stop: the rest cannot be trusted; items returned before are good). */
struct sfu_rtcp_reader {
    const uint8_t *packet;
    size_t len;
    size_t offset;
    unsigned sub_index; /* entry within the present packet (FIR, SDES chunks) */
};
void sfu_rtcp_reader_init(struct sfu_rtcp_reader *reader, const uint8_t *packet, size_t len);
int sfu_rtcp_read(struct sfu_rtcp_reader *reader, struct sfu_rtcp_item *item);

/** index < item->report_block_count. */
void sfu_rtcp_report_block_at(const struct sfu_rtcp_item *item, unsigned index, struct sfu_rtcp_report_block *out);

/** Calls per lost sequence number: expands NACK entry `index` (4 bytes of body each) into seqs[0..17); returns how
 * many. */
unsigned sfu_rtcp_nack_seqs(const struct sfu_rtcp_item *item, unsigned index, uint16_t seqs[17]);

size_t sfu_rtcp_write_sr(uint8_t *out, size_t out_max, const struct sfu_rtcp_sr *sr,
                         const struct sfu_rtcp_report_block *blocks, unsigned block_count);
size_t sfu_rtcp_write_rr(uint8_t *out, size_t out_max, uint32_t sender_ssrc, const struct sfu_rtcp_report_block *blocks,
                         unsigned block_count);
size_t sfu_rtcp_write_sdes_cname(uint8_t *out, size_t out_max, uint32_t ssrc, const char *cname);
size_t sfu_rtcp_write_bye(uint8_t *out, size_t out_max, const uint32_t *ssrcs, unsigned ssrc_count);
/** seqs ascending in sequence-number order; packs them into PID + BLP entries. seq_count >= 1. */
size_t sfu_rtcp_write_nack(uint8_t *out, size_t out_max, uint32_t sender_ssrc, uint32_t media_ssrc,
                           const uint16_t *seqs, unsigned seq_count);
size_t sfu_rtcp_write_pli(uint8_t *out, size_t out_max, uint32_t sender_ssrc, uint32_t media_ssrc);
size_t sfu_rtcp_write_fir(uint8_t *out, size_t out_max, uint32_t sender_ssrc, uint32_t media_ssrc, uint8_t fir_seq);

#endif
