/* SPDX-License-Identifier: Apache-2.0 */
/**
 * rtp.h - the fixed RTP header (RFC 3550 section 5.1) and its header-extension block (RFC 8285).
 *
 * Pure functions over bytes; nothing is allocated or kept. The header of an SRTP packet is in the clear, so these work
 * before and after decryption.
 * Units:  _bytes octets; timestamp_ts RTP ticks of the stream's clock; seq the 16 bits on the wire.
 */
#ifndef CONSILIUM_SFU_WIRE_RTP_H
#define CONSILIUM_SFU_WIRE_RTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SFU_RTP_HEADER_MIN_BYTES 12
/** The largest packet that we accept or send (a datagram of an Ethernet path). */
#define SFU_RTP_PACKET_MAX_BYTES 1500

struct sfu_rtp_header {
    bool padding; /**< P bit; the padding itself is inside the (encrypted) payload */
    bool marker;
    uint8_t payload_type; /**< 0..127 */
    uint8_t csrc_count;
    uint16_t seq;
    uint32_t timestamp_ts;
    uint32_t ssrc;
    uint16_t header_bytes; /**< fixed header + CSRCs + extension block: where the payload starts */
    uint16_t ext_profile;  /**< 0xBEDE one-byte, 0x100X two-byte form, or another; 0: no block */
    uint16_t ext_offset;   /**< first byte after the block's 4-byte header; valid if ext_profile != 0 */
    uint16_t ext_bytes;    /**< of the block without its 4-byte header */
};

/** Parses packet[0..len). Returns 0, BASE_ERR_TRUNCATED, or BASE_ERR_MALFORMED (version not 2). */
int sfu_rtp_parse(const uint8_t *packet, size_t len, struct sfu_rtp_header *out);

/** Length of the RTP padding of a decrypted packet: 0 when P is not set.
 *  Returns 0 with *padding_bytes, or BASE_ERR_MALFORMED (count is 0 or larger than the payload). */
int sfu_rtp_padding_bytes(const uint8_t *packet, size_t len, const struct sfu_rtp_header *header,
                          size_t *padding_bytes);

/** Writes the 12 fixed bytes (csrc_count 0; X bit from `header->ext_profile != 0`). out has 12 bytes. */
void sfu_rtp_write_fixed(uint8_t *out, const struct sfu_rtp_header *header);

/* ---- header extensions ---------------------------------------------------------------------------------------- */

enum sfu_rtp_ext_kind {
    SFU_RTP_EXT_NONE = 0,
    SFU_RTP_EXT_MID,           /**< urn:ietf:params:rtp-hdrext:sdes:mid (RFC 9143) */
    SFU_RTP_EXT_RID,           /**< urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id (RFC 8852) */
    SFU_RTP_EXT_RRID,          /**< urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id (RFC 8852) */
    SFU_RTP_EXT_AUDIO_LEVEL,   /**< urn:ietf:params:rtp-hdrext:ssrc-audio-level (RFC 6464) */
    SFU_RTP_EXT_ABS_SEND_TIME, /**< http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time: 6.18 fixed point
                                  seconds, 24 bits */
    SFU_RTP_EXT_TRANSPORT_CC,  /**< draft-holmer-rmcat-transport-wide-cc-extensions-01: 16-bit sequence number */
    SFU_RTP_EXT_KIND_COUNT
};

/** URI of a kind (static storage); NULL for NONE. */
const char *sfu_rtp_ext_uri(enum sfu_rtp_ext_kind kind);
/** The kind of a URI of `len` characters, or SFU_RTP_EXT_NONE. */
enum sfu_rtp_ext_kind sfu_rtp_ext_kind_of_uri(const char *uri, size_t len);

/** Negotiated ids of one m-section, both ways round. All zeroes: nothing negotiated. */
struct sfu_rtp_ext_map {
    uint8_t id_of[SFU_RTP_EXT_KIND_COUNT]; /**< 1..14 (we only negotiate the one-byte form), 0 = not used */
    uint8_t kind_of[256];                  /**< enum sfu_rtp_ext_kind by id */
};

/** Sets one pair. Returns 0, BASE_ERR_INVALID (id 0, 15 or > 255; kind out of range) or BASE_ERR_EXISTS (either is
 * taken). */
int sfu_rtp_ext_map_set(struct sfu_rtp_ext_map *map, enum sfu_rtp_ext_kind kind, unsigned id);

#define SFU_RTP_EXT_TEXT_MAX 16 /**< longest mid or rid that we read, with its NUL */

/** What a packet's extensions say; `has` is a bit set of 1u << kind. */
struct sfu_rtp_ext_values {
    uint32_t has;
    char mid[SFU_RTP_EXT_TEXT_MAX];
    char rid[SFU_RTP_EXT_TEXT_MAX];
    char rrid[SFU_RTP_EXT_TEXT_MAX];
    uint8_t audio_level; /**< 0 loudest .. 127 silence (-dBov) */
    bool audio_voice;    /**< the V bit */
    uint32_t abs_send_time;
    uint16_t transport_seq;
};

/** Reads the negotiated extensions of a parsed packet, one-byte and two-byte form; unknown ids are skipped, over-long
 * texts ignored. Returns 0, or BASE_ERR_MALFORMED (an element runs past the block; what was read before it stays in
 * *out). */
int sfu_rtp_ext_read(const uint8_t *packet, const struct sfu_rtp_header *header, const struct sfu_rtp_ext_map *map,
                     struct sfu_rtp_ext_values *out);

/** Writes a one-byte-form block (0xBEDE) with those of `values->has` that `map` has an id for, padded to 32 bits, into
 *  out[0..out_max). Returns its bytes including the 4-byte header, or 0 when there is nothing to write or no room.
 *  If not NULL, offset_of[kind] receives where each element's data starts in `out` (0: not written), so that a sender
 * can patch sequence numbers and send times into a prepared block. */
size_t sfu_rtp_ext_write(uint8_t *out, size_t out_max, const struct sfu_rtp_ext_map *map,
                         const struct sfu_rtp_ext_values *values, uint16_t offset_of[SFU_RTP_EXT_KIND_COUNT]);

/** abs-send-time of `now_us` (microseconds of any clock): 24 bits, 6.18 fixed point seconds, wraps every 64 s. */
uint32_t sfu_rtp_abs_send_time(uint64_t now_us);

#endif
