/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/transport/srtp_session.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/bytes.h"
#include "base/err.h"
#include "sfu/transport/srtp_crypto.h"

#define REPLAY_WINDOW     128u
#define STREAMS_FIRST     8u          /* room in a new table; it doubles up to SFU_SRTP_SSRC_MAX */
#define RTCP_INDEX_MAX    0x7fffffffu /* 31 bits; a key may not protect more (RFC 3711 section 9.2) */
#define RTCP_E_BIT        0x80000000u
#define RTCP_HEADER_BYTES 8u

/* What is kept for one SSRC: the highest index received and a bit for each of the REPLAY_WINDOW indices that end there
 * (bit i: highest - i was received). RTP indices have 48 bits, RTCP's 31. */
struct stream {
    uint32_t ssrc;
    uint64_t highest;
    uint64_t seen[2];
};

struct stream_table {
    unsigned count, capacity;
    unsigned last; /* packets of one stream come in runs */
    struct stream *streams;
};

struct sfu_srtp_session {
    enum sfu_srtp_profile profile;
    struct sfu_srtp_cipher *rtp, *rtcp;
    uint32_t rtcp_index; /* of the next RTCP packet to send */
    struct stream_table rtp_in, rtcp_in;
};

size_t sfu_srtp_salt_bytes(enum sfu_srtp_profile profile)
{
    return profile == SFU_SRTP_AEAD_AES_128_GCM ? 12 : 14;
}

size_t sfu_srtp_tag_bytes(enum sfu_srtp_profile profile)
{
    return profile == SFU_SRTP_AEAD_AES_128_GCM ? 16 : 10;
}

static int create_cipher(struct sfu_srtp_cipher **out, enum sfu_srtp_profile profile, const uint8_t *master_key,
                         const uint8_t *master_salt, bool rtcp)
{
    struct sfu_srtp_keys keys;
    int err = sfu_srtp_derive(&keys, profile, master_key, master_salt, rtcp);
    if (err == 0)
        err = sfu_srtp_cipher_create(out, profile, &keys);
    OPENSSL_cleanse(&keys, sizeof keys);
    return err;
}

int sfu_srtp_session_create(struct sfu_srtp_session **out, enum sfu_srtp_profile profile, const uint8_t *master_key,
                            const uint8_t *master_salt)
{
    *out = NULL;
    if (profile != SFU_SRTP_AES128_CM_SHA1_80 && profile != SFU_SRTP_AEAD_AES_128_GCM)
        return BASE_ERR_INVALID;
    struct sfu_srtp_session *session = calloc(1, sizeof *session);
    if (session == NULL)
        return BASE_ERR_NOMEM;
    session->profile = profile;
    int err = create_cipher(&session->rtp, profile, master_key, master_salt, false);
    if (err == 0)
        err = create_cipher(&session->rtcp, profile, master_key, master_salt, true);
    if (err != 0) {
        sfu_srtp_session_destroy(session);
        return err;
    }
    *out = session;
    return 0;
}

void sfu_srtp_session_destroy(struct sfu_srtp_session *session)
{
    if (session == NULL)
        return;
    sfu_srtp_cipher_destroy(session->rtp);
    sfu_srtp_cipher_destroy(session->rtcp);
    free(session->rtp_in.streams);
    free(session->rtcp_in.streams);
    free(session);
}

/* ---- rollover counter and replay ------------------------------------------------------------------------------ */

static struct stream *find_stream(struct stream_table *table, uint32_t ssrc)
{
    if (table->count > 0 && table->streams[table->last].ssrc == ssrc)
        return &table->streams[table->last];
    for (unsigned i = 0; i < table->count; i++) {
        if (table->streams[i].ssrc == ssrc) {
            table->last = i;
            return &table->streams[i];
        }
    }
    return NULL;
}

/* RFC 3711 section 3.3.1 and appendix A: the index nearest to the highest one received. */
static uint64_t estimate_index(const struct stream *stream, uint16_t seq)
{
    if (stream == NULL)
        return seq;
    uint64_t roc = stream->highest >> 16;
    uint16_t highest_seq = (uint16_t)stream->highest;
    if (highest_seq < 0x8000) {
        if (seq > highest_seq && seq - highest_seq > 0x8000 && roc > 0)
            roc--;
    } else if (highest_seq - 0x8000 > seq) {
        roc = (roc + 1) & 0xffffffffu;
    }
    return roc << 16 | seq;
}

static bool is_replayed(const struct stream *stream, uint64_t index)
{
    if (stream == NULL || index > stream->highest)
        return false;
    uint64_t age = stream->highest - index;
    return age >= REPLAY_WINDOW || (stream->seen[age / 64] >> (age % 64) & 1) != 0;
}

/* Room for one more stream, before the costly check: a stranger's packet can make the table's memory larger by one
 * step, never its count. */
static int make_place(struct stream_table *table)
{
    if (table->count < table->capacity)
        return 0;
    if (table->count == SFU_SRTP_SSRC_MAX)
        return BASE_ERR_FULL;
    unsigned capacity = table->capacity == 0 ? STREAMS_FIRST : table->capacity * 2;
    if (capacity > SFU_SRTP_SSRC_MAX)
        capacity = SFU_SRTP_SSRC_MAX;
    struct stream *streams = realloc(table->streams, capacity * sizeof *streams);
    if (streams == NULL)
        return BASE_ERR_FULL;
    table->streams = streams;
    table->capacity = capacity;
    return 0;
}

/* Only for authentic packets; a new stream has its place by make_place(). */
static void mark_received(struct stream_table *table, struct stream *stream, uint32_t ssrc, uint64_t index)
{
    if (stream == NULL) {
        assert(table->count < table->capacity);
        table->last = table->count++;
        table->streams[table->last] = (struct stream){.ssrc = ssrc, .highest = index, .seen = {1, 0}};
        return;
    }
    if (index <= stream->highest) {
        uint64_t age = stream->highest - index;
        stream->seen[age / 64] |= (uint64_t)1 << (age % 64);
        return;
    }
    uint64_t ahead = index - stream->highest;
    if (ahead >= REPLAY_WINDOW) {
        stream->seen[0] = stream->seen[1] = 0;
    } else if (ahead >= 64) {
        stream->seen[1] = stream->seen[0] << (ahead - 64);
        stream->seen[0] = 0;
    } else {
        stream->seen[1] = stream->seen[1] << ahead | stream->seen[0] >> (64 - ahead);
        stream->seen[0] <<= ahead;
    }
    stream->seen[0] |= 1;
    stream->highest = index;
}

/* ---- RTP ------------------------------------------------------------------------------------------------------ */

size_t sfu_srtp_protect(struct sfu_srtp_session *session, uint8_t *out, size_t header_bytes, uint64_t ext_seq,
                        uint32_t ssrc, const uint8_t *payload, size_t payload_bytes, size_t pad_bytes)
{
    assert(header_bytes >= SFU_RTP_HEADER_MIN_BYTES && pad_bytes <= 255);
    return sfu_srtp_seal_rtp(session->rtp, out, header_bytes, ssrc, ext_seq, payload, payload_bytes, pad_bytes);
}

int sfu_srtp_unprotect(struct sfu_srtp_session *session, const uint8_t *packet, size_t len,
                       const struct sfu_rtp_header *header, uint8_t *out, size_t *out_len)
{
    size_t tag_bytes = sfu_srtp_tag_bytes(session->profile);
    if (len < header->header_bytes + tag_bytes)
        return BASE_ERR_TRUNCATED;
    struct stream *stream = find_stream(&session->rtp_in, header->ssrc);
    if (stream == NULL && make_place(&session->rtp_in) != 0)
        return BASE_ERR_FULL;
    uint64_t index = estimate_index(stream, header->seq);
    if (is_replayed(stream, index)) /* before the costly check, as RFC 3711 section 3.3 has it */
        return BASE_ERR_REPLAY;
    int err = sfu_srtp_open_rtp(session->rtp, packet, len, header->header_bytes, header->ssrc, index, out);
    if (err != 0)
        return err;
    mark_received(&session->rtp_in, stream, header->ssrc, index);
    if (out != packet)
        memcpy(out, packet, header->header_bytes);
    *out_len = len - tag_bytes;
    return 0;
}

/* ---- RTCP ----------------------------------------------------------------------------------------------------- */

size_t sfu_srtcp_protect(struct sfu_srtp_session *session, uint8_t *rtcp, size_t len)
{
    /* One counter for all our SSRCs: each of them sees it rise, and (SSRC, index) never repeats. */
    if (len < RTCP_HEADER_BYTES || session->rtcp_index > RTCP_INDEX_MAX)
        return 0;
    size_t total = sfu_srtp_seal_rtcp(session->rtcp, rtcp, len, session->rtcp_index);
    session->rtcp_index++;
    return total;
}

int sfu_srtcp_unprotect(struct sfu_srtp_session *session, uint8_t *rtcp, size_t len, size_t *out_len)
{
    size_t trailer_bytes = sfu_srtp_tag_bytes(session->profile) + 4;
    if (len < RTCP_HEADER_BYTES + trailer_bytes)
        return BASE_ERR_TRUNCATED;
    uint32_t ssrc = base_get_be32(rtcp + 4);
    uint32_t word = base_get_be32(rtcp + sfu_srtp_rtcp_index_offset(session->profile, len));
    if ((word & RTCP_E_BIT) == 0) /* DTLS-SRTP's profiles always encrypt (RFC 5764 section 4.1.2) */
        return BASE_ERR_AUTH;
    uint32_t index = word & ~RTCP_E_BIT;
    struct stream *stream = find_stream(&session->rtcp_in, ssrc);
    if (stream == NULL && make_place(&session->rtcp_in) != 0)
        return BASE_ERR_FULL;
    if (is_replayed(stream, index))
        return BASE_ERR_REPLAY;
    int err = sfu_srtp_open_rtcp(session->rtcp, rtcp, len, word);
    if (err != 0)
        return err;
    mark_received(&session->rtcp_in, stream, ssrc, index);
    *out_len = len - trailer_bytes;
    return 0;
}
