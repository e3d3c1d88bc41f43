/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/wire/rtp.h"

#include <string.h>

#include "base/bytes.h"
#include "base/err.h"

#define PROFILE_ONE_BYTE      0xBEDEu
#define PROFILE_TWO_BYTE      0x1000u
#define PROFILE_TWO_BYTE_MASK 0xFFF0u /* the low 4 bits are "appbits" (RFC 8285 section 4.3) */
#define ONE_BYTE_ID_STOP      15u     /* reserved: ends the block (section 4.2) */
#define ONE_BYTE_ID_MAX       14u

static const char *const uris[SFU_RTP_EXT_KIND_COUNT] = {
    [SFU_RTP_EXT_MID] = "urn:ietf:params:rtp-hdrext:sdes:mid",
    [SFU_RTP_EXT_RID] = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
    [SFU_RTP_EXT_RRID] = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
    [SFU_RTP_EXT_AUDIO_LEVEL] = "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    [SFU_RTP_EXT_ABS_SEND_TIME] = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    [SFU_RTP_EXT_TRANSPORT_CC] = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
};

const char *sfu_rtp_ext_uri(enum sfu_rtp_ext_kind kind)
{
    if ((unsigned)kind >= SFU_RTP_EXT_KIND_COUNT)
        return NULL;
    return uris[kind];
}

enum sfu_rtp_ext_kind sfu_rtp_ext_kind_of_uri(const char *uri, size_t len)
{
    for (unsigned kind = 1; kind < SFU_RTP_EXT_KIND_COUNT; kind++)
        if (strlen(uris[kind]) == len && memcmp(uris[kind], uri, len) == 0)
            return (enum sfu_rtp_ext_kind)kind;
    return SFU_RTP_EXT_NONE;
}

int sfu_rtp_ext_map_set(struct sfu_rtp_ext_map *map, enum sfu_rtp_ext_kind kind, unsigned id)
{
    if (kind <= SFU_RTP_EXT_NONE || kind >= SFU_RTP_EXT_KIND_COUNT || id == 0 || id == ONE_BYTE_ID_STOP || id > 255)
        return BASE_ERR_INVALID;
    if (map->id_of[kind] != 0 || map->kind_of[id] != SFU_RTP_EXT_NONE)
        return BASE_ERR_EXISTS;
    map->id_of[kind] = (uint8_t)id;
    map->kind_of[id] = (uint8_t)kind;
    return 0;
}

static bool read_text(char text[SFU_RTP_EXT_TEXT_MAX], const uint8_t *data, size_t len)
{
    if (len == 0 || len >= SFU_RTP_EXT_TEXT_MAX)
        return false;
    memcpy(text, data, len);
    text[len] = '\0';
    return true;
}

/* One element's data. Elements of a wrong size are ignored: they are not what was negotiated. */
static void read_element(unsigned kind, const uint8_t *data, size_t len, struct sfu_rtp_ext_values *out)
{
    bool good = false;
    switch ((enum sfu_rtp_ext_kind)kind) {
    case SFU_RTP_EXT_MID:
        good = read_text(out->mid, data, len);
        break;
    case SFU_RTP_EXT_RID:
        good = read_text(out->rid, data, len);
        break;
    case SFU_RTP_EXT_RRID:
        good = read_text(out->rrid, data, len);
        break;
    case SFU_RTP_EXT_AUDIO_LEVEL:
        if ((good = len >= 1)) {
            out->audio_voice = (data[0] & 0x80u) != 0;
            out->audio_level = data[0] & 0x7Fu;
        }
        break;
    case SFU_RTP_EXT_ABS_SEND_TIME:
        if ((good = len >= 3))
            out->abs_send_time = base_get_be24(data);
        break;
    case SFU_RTP_EXT_TRANSPORT_CC:
        if ((good = len >= 2))
            out->transport_seq = base_get_be16(data);
        break;
    case SFU_RTP_EXT_NONE:
    case SFU_RTP_EXT_KIND_COUNT:
        break;
    }
    if (good)
        out->has |= 1u << kind;
}

static int read_one_byte(const uint8_t *p, const uint8_t *end, const struct sfu_rtp_ext_map *map,
                         struct sfu_rtp_ext_values *out)
{
    while (p < end) {
        unsigned id = *p >> 4;
        size_t len = (*p & 0x0Fu) + 1u;
        if (*p == 0) {
            p++; /* padding */
            continue;
        }
        /* Id 15, and id 0 with a length, end the block without being an error (RFC 8285 section 4.2). */
        if (id == ONE_BYTE_ID_STOP || id == 0)
            return 0;
        p++;
        if ((size_t)(end - p) < len)
            return BASE_ERR_MALFORMED;
        if (map->kind_of[id] != SFU_RTP_EXT_NONE)
            read_element(map->kind_of[id], p, len, out);
        p += len;
    }
    return 0;
}

static int read_two_byte(const uint8_t *p, const uint8_t *end, const struct sfu_rtp_ext_map *map,
                         struct sfu_rtp_ext_values *out)
{
    while (p < end) {
        unsigned id = *p++;
        if (id == 0)
            continue; /* padding */
        if (p == end)
            return BASE_ERR_MALFORMED;
        size_t len = *p++;
        if ((size_t)(end - p) < len)
            return BASE_ERR_MALFORMED;
        if (map->kind_of[id] != SFU_RTP_EXT_NONE)
            read_element(map->kind_of[id], p, len, out);
        p += len;
    }
    return 0;
}

int sfu_rtp_ext_read(const uint8_t *packet, const struct sfu_rtp_header *header, const struct sfu_rtp_ext_map *map,
                     struct sfu_rtp_ext_values *out)
{
    memset(out, 0, sizeof *out);
    if (header->ext_profile == 0)
        return 0;
    const uint8_t *p = packet + header->ext_offset;
    const uint8_t *end = p + header->ext_bytes;
    if (header->ext_profile == PROFILE_ONE_BYTE)
        return read_one_byte(p, end, map, out);
    if ((header->ext_profile & PROFILE_TWO_BYTE_MASK) == PROFILE_TWO_BYTE)
        return read_two_byte(p, end, map, out);
    return 0;
}

/* The data of one kind into data[0..16); returns its length, 0 if there is none. */
static size_t element_data(unsigned kind, const struct sfu_rtp_ext_values *values, uint8_t data[SFU_RTP_EXT_TEXT_MAX])
{
    const char *text = NULL;
    switch ((enum sfu_rtp_ext_kind)kind) {
    case SFU_RTP_EXT_MID:
        text = values->mid;
        break;
    case SFU_RTP_EXT_RID:
        text = values->rid;
        break;
    case SFU_RTP_EXT_RRID:
        text = values->rrid;
        break;
    case SFU_RTP_EXT_AUDIO_LEVEL:
        data[0] = (uint8_t)((values->audio_voice ? 0x80u : 0u) | (values->audio_level & 0x7Fu));
        return 1;
    case SFU_RTP_EXT_ABS_SEND_TIME:
        base_put_be24(data, values->abs_send_time);
        return 3;
    case SFU_RTP_EXT_TRANSPORT_CC:
        base_put_be16(data, values->transport_seq);
        return 2;
    case SFU_RTP_EXT_NONE:
    case SFU_RTP_EXT_KIND_COUNT:
        return 0;
    }
    size_t len = strnlen(text, SFU_RTP_EXT_TEXT_MAX - 1);
    memcpy(data, text, len);
    return len;
}

size_t sfu_rtp_ext_write(uint8_t *out, size_t out_max, const struct sfu_rtp_ext_map *map,
                         const struct sfu_rtp_ext_values *values, uint16_t offset_of[SFU_RTP_EXT_KIND_COUNT])
{
    if (offset_of != NULL)
        memset(offset_of, 0, sizeof offset_of[0] * SFU_RTP_EXT_KIND_COUNT);
    size_t used = 4;
    for (unsigned kind = 1; kind < SFU_RTP_EXT_KIND_COUNT; kind++) {
        unsigned id = map->id_of[kind];
        if ((values->has & 1u << kind) == 0 || id == 0 || id > ONE_BYTE_ID_MAX)
            continue;
        uint8_t data[SFU_RTP_EXT_TEXT_MAX];
        size_t len = element_data(kind, values, data);
        if (len == 0)
            continue;
        if (used + 1 + len > out_max)
            return 0;
        out[used] = (uint8_t)(id << 4 | (len - 1));
        memcpy(out + used + 1, data, len);
        if (offset_of != NULL)
            offset_of[kind] = (uint16_t)(used + 1);
        used += 1 + len;
    }
    if (used == 4)
        return 0;
    size_t total = (used + 3) & ~(size_t)3;
    if (total > out_max)
        return 0;
    memset(out + used, 0, total - used);
    base_put_be16(out, PROFILE_ONE_BYTE);
    base_put_be16(out + 2, (uint16_t)((total - 4) / 4));
    return total;
}

uint32_t sfu_rtp_abs_send_time(uint64_t now_us)
{
    /* The remainder first: shifting a wall clock's microseconds by 18 bits would not fit 64. */
    uint64_t in_period_us = now_us % 64000000u;
    return (uint32_t)((in_period_us << 18) / 1000000u);
}
