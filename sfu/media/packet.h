/* SPDX-License-Identifier: Apache-2.0 */
/**
 * packet.h - a received, decrypted RTP packet as it is stored: once, for forwarding and for retransmission.
 */
#ifndef CONSILIUM_SFU_MEDIA_PACKET_H
#define CONSILIUM_SFU_MEDIA_PACKET_H

#include <stdbool.h>
#include <stdint.h>

#include "sfu/wire/picture_ids.h"
#include "sfu/wire/rtp.h"

struct sfu_packet {
    uint64_t ext_seq; /**< of the up track (RTX already resolved to the original number) */
    uint64_t arrival_us;
    struct sfu_rtp_header header; /**< as received; for RTX: seq, ssrc and payload_type of the original */
    uint16_t payload_offset;      /**< into data */
    uint16_t payload_bytes;       /**< without RTP padding */
    bool start_of_frame;
    bool key_frame; /**< the first packet of a key frame */
    bool has_audio_level;
    bool audio_voice;
    uint8_t audio_level;                         /**< RFC 6464 */
    struct sfu_picture_ids picture;              /**< of video: offsets into the payload */
    uint8_t data[SFU_RTP_PACKET_MAX_BYTES + 16]; /**< from the RTP header on; room for an authentication tag */
};

#endif
