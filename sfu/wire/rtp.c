/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/wire/rtp.h"

#include <string.h>

#include "base/bytes.h"
#include "base/err.h"

#define VERSION_MASK 0xC0u
#define VERSION_2    0x80u
#define PADDING_BIT  0x20u
#define EXT_BIT      0x10u
#define CSRC_MASK    0x0Fu
#define MARKER_BIT   0x80u
#define PT_MASK      0x7Fu

int sfu_rtp_parse(const uint8_t *packet, size_t len, struct sfu_rtp_header *out)
{
    if (len < SFU_RTP_HEADER_MIN_BYTES)
        return BASE_ERR_TRUNCATED;
    if ((packet[0] & VERSION_MASK) != VERSION_2)
        return BASE_ERR_MALFORMED;
    out->padding = (packet[0] & PADDING_BIT) != 0;
    out->marker = (packet[1] & MARKER_BIT) != 0;
    out->payload_type = packet[1] & PT_MASK;
    out->csrc_count = packet[0] & CSRC_MASK;
    out->seq = base_get_be16(packet + 2);
    out->timestamp_ts = base_get_be32(packet + 4);
    out->ssrc = base_get_be32(packet + 8);
    out->ext_profile = 0;
    out->ext_offset = 0;
    out->ext_bytes = 0;

    size_t header_bytes = SFU_RTP_HEADER_MIN_BYTES + 4u * out->csrc_count;
    if (packet[0] & EXT_BIT) {
        if (len < header_bytes + 4)
            return BASE_ERR_TRUNCATED;
        size_t ext_bytes = 4u * (size_t)base_get_be16(packet + header_bytes + 2);
        /* The offsets below are 16 bits wide: no datagram can carry more. */
        if (header_bytes + 4 + ext_bytes > UINT16_MAX)
            return BASE_ERR_TRUNCATED;
        out->ext_profile = base_get_be16(packet + header_bytes);
        out->ext_offset = (uint16_t)(header_bytes + 4);
        out->ext_bytes = (uint16_t)ext_bytes;
        header_bytes += 4 + ext_bytes;
    }
    if (len < header_bytes)
        return BASE_ERR_TRUNCATED;
    out->header_bytes = (uint16_t)header_bytes;
    return 0;
}

int sfu_rtp_padding_bytes(const uint8_t *packet, size_t len, const struct sfu_rtp_header *header, size_t *padding_bytes)
{
    *padding_bytes = 0;
    if (!header->padding)
        return 0;
    if (len <= header->header_bytes)
        return BASE_ERR_MALFORMED;
    size_t count = packet[len - 1];
    if (count == 0 || count > len - header->header_bytes)
        return BASE_ERR_MALFORMED;
    *padding_bytes = count;
    return 0;
}

void sfu_rtp_write_fixed(uint8_t *out, const struct sfu_rtp_header *header)
{
    out[0] = (uint8_t)(VERSION_2 | (header->padding ? PADDING_BIT : 0u) | (header->ext_profile != 0 ? EXT_BIT : 0u));
    out[1] = (uint8_t)((header->marker ? MARKER_BIT : 0u) | (header->payload_type & PT_MASK));
    base_put_be16(out + 2, header->seq);
    base_put_be32(out + 4, header->timestamp_ts);
    base_put_be32(out + 8, header->ssrc);
}
