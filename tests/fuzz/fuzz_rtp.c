/* SPDX-License-Identifier: Apache-2.0 */
/* RTP header, header extensions and VP8 descriptor of one packet; what was read must survive being written. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "sfu/wire/rtp.h"
#include "sfu/wire/vp8.h"

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            abort();                                                                                                   \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void extensions(const uint8_t *packet, const struct sfu_rtp_header *header)
{
    struct sfu_rtp_ext_map map;
    struct sfu_rtp_ext_values in, out;
    uint8_t block[4 + 128], copy[12 + sizeof block];
    uint16_t offset_of[SFU_RTP_EXT_KIND_COUNT];
    memset(&map, 0, sizeof map);
    for (unsigned kind = 1; kind < SFU_RTP_EXT_KIND_COUNT; kind++)
        sfu_rtp_ext_map_set(&map, (enum sfu_rtp_ext_kind)kind, kind);
    (void)sfu_rtp_ext_read(packet, header, &map, &in);
    CHECK((in.has & ~0x7Eu) == 0);
    /* A text may begin with a NUL: there is nothing to write of it. */
    if (in.mid[0] == '\0')
        in.has &= ~(1u << SFU_RTP_EXT_MID);
    if (in.rid[0] == '\0')
        in.has &= ~(1u << SFU_RTP_EXT_RID);
    if (in.rrid[0] == '\0')
        in.has &= ~(1u << SFU_RTP_EXT_RRID);
    size_t n = sfu_rtp_ext_write(block, sizeof block, &map, &in, offset_of);
    CHECK((n == 0) == (in.has == 0));
    if (n == 0)
        return;
    struct sfu_rtp_header again;
    memset(copy, 0, sizeof copy);
    copy[0] = 0x90;
    memcpy(copy + 12, block, n);
    CHECK(sfu_rtp_parse(copy, 12 + n, &again) == 0);
    CHECK(sfu_rtp_ext_read(copy, &again, &map, &out) == 0);
    CHECK(in.has == out.has && strcmp(in.mid, out.mid) == 0 && strcmp(in.rid, out.rid) == 0 &&
          strcmp(in.rrid, out.rrid) == 0 && in.audio_level == out.audio_level && in.audio_voice == out.audio_voice &&
          in.abs_send_time == out.abs_send_time && in.transport_seq == out.transport_seq);
}

static void video(const uint8_t *payload, size_t len)
{
    struct sfu_vp8_descriptor d, again;
    if (sfu_vp8_parse(payload, len, &d) != 0)
        return;
    CHECK(d.descriptor_bytes < len && (!d.key_frame || d.start_of_frame));
    uint8_t *copy = malloc(len);
    memcpy(copy, payload, len);
    struct sfu_picture_ids ids = sfu_vp8_picture_ids(&d);
    sfu_picture_ids_write(copy, &ids, d.picture_id, d.tl0_pic_idx);
    CHECK(memcmp(copy, payload, len) == 0);
    sfu_picture_ids_write(copy, &ids, (uint16_t)(d.picture_id + 1), (uint8_t)(d.tl0_pic_idx + 1));
    CHECK(sfu_vp8_parse(copy, len, &again) == 0);
    CHECK(again.descriptor_bytes == d.descriptor_bytes && again.picture_id_15bit == d.picture_id_15bit);
    CHECK(!d.has_picture_id || again.picture_id == ((d.picture_id + 1) & (d.picture_id_15bit ? 0x7FFF : 0x7F)));
    CHECK(!d.has_tl0_pic_idx || again.tl0_pic_idx == (uint8_t)(d.tl0_pic_idx + 1));
    CHECK(memcmp(copy + d.descriptor_bytes, payload + d.descriptor_bytes, len - d.descriptor_bytes) == 0);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sfu_rtp_header header;
    size_t padding;
    if (sfu_rtp_parse(data, size, &header) != 0)
        return 0;
    CHECK(header.header_bytes <= size && header.header_bytes >= SFU_RTP_HEADER_MIN_BYTES);
    CHECK(header.ext_profile == 0 || header.ext_offset + header.ext_bytes == header.header_bytes);
    extensions(data, &header);
    if (sfu_rtp_padding_bytes(data, size, &header, &padding) != 0)
        return 0;
    CHECK(header.header_bytes + padding <= size);
    video(data + header.header_bytes, size - header.header_bytes - padding);
    if (header.csrc_count == 0) {
        uint8_t fixed[12];
        sfu_rtp_write_fixed(fixed, &header);
        /* A profile of 0 is not told from "no extension". */
        if (header.ext_profile == 0)
            fixed[0] |= data[0] & 0x10;
        CHECK(memcmp(fixed, data, sizeof fixed) == 0);
    }
    return 0;
}
