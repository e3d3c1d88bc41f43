/* SPDX-License-Identifier: Apache-2.0 */
/* srtp_session.c against libsrtp2, packet for packet, and on its own where libsrtp2 has nothing to say. */
#include "base/bytes.h"
#include "base/err.h"
#include "base/random.h"
#include "sfu/transport/srtp_session.h"
#include "tests/support/test.h"

#include <srtp2/srtp.h>
#include <stdlib.h>

static const enum sfu_srtp_profile profiles[] = {SFU_SRTP_AES128_CM_SHA1_80, SFU_SRTP_AEAD_AES_128_GCM};
static const uint8_t master[30] = "0123456789abcdefGHIJKLMNOPQRST";

static struct sfu_srtp_session *ours(enum sfu_srtp_profile profile)
{
    struct sfu_srtp_session *session = NULL;
    if (sfu_srtp_session_create(&session, profile, master, master + 16) != 0)
        abort();
    return session;
}

static srtp_t theirs(enum sfu_srtp_profile profile, srtp_ssrc_type_t direction)
{
    static int initialised;
    srtp_policy_t policy = {0};
    uint8_t key[30];
    srtp_t session = NULL;
    memcpy(key, master, sizeof key);
    if (!initialised && srtp_init() != srtp_err_status_ok)
        abort();
    initialised = 1;
    srtp_profile_t id =
        profile == SFU_SRTP_AEAD_AES_128_GCM ? srtp_profile_aead_aes_128_gcm : srtp_profile_aes128_cm_sha1_80;
    srtp_crypto_policy_set_from_profile_for_rtp(&policy.rtp, id);
    srtp_crypto_policy_set_from_profile_for_rtcp(&policy.rtcp, id);
    policy.ssrc.type = direction;
    policy.key = key;
    policy.window_size = 128;
    policy.allow_repeat_tx = 1;
    if (srtp_create(&session, &policy) != srtp_err_status_ok)
        abort();
    return session;
}

/* The part of the RTP header that SRTP needs; false if the packet is too short for its own header. */
static bool parse(const uint8_t *packet, size_t len, struct sfu_rtp_header *header)
{
    size_t bytes = 12 + 4u * (packet[0] & 15u);
    if (len < 12)
        return false;
    if ((packet[0] & 0x10) != 0) {
        if (len < bytes + 4)
            return false;
        bytes += 4 + 4u * base_get_be16(packet + bytes + 2);
    }
    *header = (struct sfu_rtp_header){.seq = base_get_be16(packet + 2), .ssrc = base_get_be32(packet + 8)};
    header->header_bytes = (uint16_t)bytes;
    return packet[0] >> 6 == 2 && bytes <= len;
}

struct packet {
    uint8_t bytes[1600];
    size_t header_bytes, len; /* plain */
};

/* CSRCs and extension blocks of random sizes, a payload of random size. */
static void make_packet(struct packet *packet, uint64_t *rng, uint64_t ext_seq, uint32_t ssrc)
{
    uint8_t csrcs = (uint8_t)(base_prng_next(rng) % 3 ? 0 : base_prng_next(rng) % 16);
    bool extended = base_prng_next(rng) % 2;
    size_t n = 12 + 4u * csrcs;
    for (size_t i = 0; i < sizeof packet->bytes; i++)
        packet->bytes[i] = (uint8_t)base_prng_next(rng);
    packet->bytes[0] = (uint8_t)(0x80 | (extended ? 0x10 : 0) | csrcs);
    base_put_be16(packet->bytes + 2, (uint16_t)ext_seq);
    base_put_be32(packet->bytes + 8, ssrc);
    if (extended) {
        uint16_t words = (uint16_t)(base_prng_next(rng) % 8);
        base_put_be16(packet->bytes + n, 0xbede);
        base_put_be16(packet->bytes + n + 2, words);
        n += 4 + 4u * words;
    }
    packet->header_bytes = n;
    packet->len = n + base_prng_next(rng) % 1200;
}

static size_t protect(struct sfu_srtp_session *session, uint8_t *out, const struct packet *packet, uint64_t ext_seq)
{
    memcpy(out, packet->bytes, packet->header_bytes);
    return sfu_srtp_protect(session, out, packet->header_bytes, ext_seq, base_get_be32(packet->bytes + 8),
                            packet->bytes + packet->header_bytes, packet->len - packet->header_bytes, 0);
}

static int unprotect(struct sfu_srtp_session *session, const uint8_t *packet, size_t len, uint8_t *out, size_t *out_len)
{
    struct sfu_rtp_header header;
    if (!parse(packet, len, &header))
        return BASE_ERR_MALFORMED;
    return sfu_srtp_unprotect(session, packet, len, &header, out, out_len);
}

T_TEST(sends_the_same_bytes_as_libsrtp2)
{
    for (int p = 0; p < 2; p++) {
        struct sfu_srtp_session *a = ours(profiles[p]);
        srtp_t b = theirs(profiles[p], ssrc_any_outbound), receiver = theirs(profiles[p], ssrc_any_inbound);
        uint64_t rng = 11;
        /* From below the first wrap to behind the second: rollover counters 0, 1 and 2. */
        for (uint64_t seq = 65000; seq<3 * 65536 + 100; seq += seq % 1000> 50 ? 98u : 1u) {
            struct packet packet;
            uint8_t mine[1700], other[1700];
            make_packet(&packet, &rng, seq, 0xdeadbeef);
            int len = (int)packet.len;
            size_t n = protect(a, mine, &packet, seq);
            memcpy(other, packet.bytes, packet.len);
            T_EQ(srtp_protect(b, other, &len), srtp_err_status_ok);
            T_EQ(n, len);
            T_MEM_EQ(mine, other, n);
            T_EQ(srtp_unprotect(receiver, mine, &len), srtp_err_status_ok);
            T_EQ(len, packet.len);
            T_MEM_EQ(mine, packet.bytes, packet.len);
        }
        sfu_srtp_session_destroy(a);
        srtp_dealloc(b);
        srtp_dealloc(receiver);
    }
}

/* Packets of two streams, lost, reordered and repeated across two wraps: after each packet we and libsrtp2 say the
 * same. */
T_TEST(receives_as_libsrtp2_does)
{
    enum { WINDOW = 256 };
    for (int p = 0; p < 2; p++) {
        for (uint64_t seed = 1; seed <= 4; seed++) {
            struct sfu_srtp_session *receiver = ours(profiles[p]);
            srtp_t sender = theirs(profiles[p], ssrc_any_outbound), judge = theirs(profiles[p], ssrc_any_inbound);
            static uint8_t sent[WINDOW][1700];
            static size_t sent_len[WINDOW];
            uint64_t rng = seed;
            unsigned accepted = 0, replayed = 0;
            for (uint64_t i = 0, seq = 65000 - 200 * seed; i < 6000; i++) {
                struct packet packet;
                seq += base_prng_next(&rng) % 200 == 0 ? base_prng_next(&rng) % 20000 : 1;
                make_packet(&packet, &rng, seq, 0x1000 + i % 2);
                int len = (int)packet.len;
                memcpy(sent[i % WINDOW], packet.bytes, packet.len);
                T_EQ(srtp_protect(sender, sent[i % WINDOW], &len), srtp_err_status_ok);
                sent_len[i % WINDOW] = (size_t)len;
                /* Mostly one of the last few; sometimes any old one. */
                uint64_t back = base_prng_next(&rng) % (base_prng_next(&rng) % 8 ? 6 : WINDOW);
                if (i < WINDOW)
                    back = 0;
                const uint8_t *pick = sent[(i - back) % WINDOW];
                uint8_t mine[1700], other[1700];
                size_t mine_len = 0;
                int other_len = (int)sent_len[(i - back) % WINDOW];
                int err = unprotect(receiver, pick, (size_t)other_len, mine, &mine_len);
                memcpy(other, pick, (size_t)other_len);
                srtp_err_status_t status = srtp_unprotect(judge, other, &other_len);
                T_EQ(err == 0, status == srtp_err_status_ok);
                T_EQ(err == BASE_ERR_REPLAY,
                     status == srtp_err_status_replay_fail || status == srtp_err_status_replay_old);
                if (err == 0) {
                    T_EQ(mine_len, other_len);
                    T_MEM_EQ(mine, other, mine_len);
                }
                accepted += err == 0;
                replayed += err == BASE_ERR_REPLAY;
            }
            T_CHECK(accepted > 1000 && replayed > 300);
            sfu_srtp_session_destroy(receiver);
            srtp_dealloc(sender);
            srtp_dealloc(judge);
        }
    }
}

T_TEST(the_wrap_survives_loss_and_reordering)
{
    /* In this order, with everything else lost: 65534, wrap to 1, back to 65535, 0, a big step, and the next wrap. */
    static const uint64_t order[] = {65534,         65537,         65535,         65536,        65536 + 30000,
                                     65536 + 60000, 2 * 65536 + 5, 2 * 65536 - 2, 2 * 65536 + 6};
    for (int p = 0; p < 2; p++) {
        struct sfu_srtp_session *sender = ours(profiles[p]), *receiver = ours(profiles[p]);
        uint64_t rng = 3;
        for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
            struct packet packet;
            uint8_t wire[1700], back[1700];
            size_t len = 0;
            make_packet(&packet, &rng, order[i], 7);
            size_t n = protect(sender, wire, &packet, order[i]);
            T_EQ(unprotect(receiver, wire, n, back, &len), 0);
            T_EQ(len, packet.len);
            T_MEM_EQ(back, packet.bytes, len);
            T_EQ(unprotect(receiver, wire, n, back, &len), BASE_ERR_REPLAY);
        }
        sfu_srtp_session_destroy(sender);
        sfu_srtp_session_destroy(receiver);
    }
}

T_TEST(the_replay_window_has_128_packets)
{
    struct sfu_srtp_session *sender = ours(profiles[1]), *receiver = ours(profiles[1]);
    uint8_t wire[300][64], out[64];
    size_t n = 0, len;
    for (uint64_t seq = 0; seq < 300; seq++) {
        uint8_t plain[12] = {0x80, 96};
        base_put_be16(plain + 2, (uint16_t)seq);
        memcpy(wire[seq], plain, 12);
        n = sfu_srtp_protect(sender, wire[seq], 12, seq, 0, (const uint8_t *)"x", 1, 0);
    }
    T_EQ(unprotect(receiver, wire[200], n, out, &len), 0);
    T_EQ(unprotect(receiver, wire[72], n, out, &len), BASE_ERR_REPLAY); /* 128 behind */
    T_EQ(unprotect(receiver, wire[73], n, out, &len), 0);               /* 127 behind */
    T_EQ(unprotect(receiver, wire[73], n, out, &len), BASE_ERR_REPLAY);
    T_EQ(unprotect(receiver, wire[264], n, out, &len), 0); /* shifts by exactly 64 */
    T_EQ(unprotect(receiver, wire[200], n, out, &len), BASE_ERR_REPLAY);
    T_EQ(unprotect(receiver, wire[137], n, out, &len), 0);
    T_EQ(unprotect(receiver, wire[136], n, out, &len), BASE_ERR_REPLAY);
    T_EQ(unprotect(receiver, wire[265], n, out, &len), 0); /* by 1: 264, 200 move over the words' border */
    T_EQ(unprotect(receiver, wire[264], n, out, &len), BASE_ERR_REPLAY);
    T_EQ(unprotect(receiver, wire[200], n, out, &len), BASE_ERR_REPLAY);
    T_EQ(unprotect(receiver, wire[201], n, out, &len), 0);
    sfu_srtp_session_destroy(sender);
    sfu_srtp_session_destroy(receiver);
}

T_TEST(every_tampered_byte_is_noticed_and_changes_nothing)
{
    for (int p = 0; p < 2; p++) {
        struct sfu_srtp_session *sender = ours(profiles[p]), *receiver = ours(profiles[p]);
        uint64_t rng = 17;
        struct packet packet;
        uint8_t wire[1700], bad[1700], out[1700];
        size_t len;
        do
            make_packet(&packet, &rng, 1000, 9);
        while (packet.len > 150 || packet.len < packet.header_bytes + 20);
        size_t n = protect(sender, wire, &packet, 1000);
        for (size_t i = 0; i < n; i++) {
            for (unsigned bit = 0; bit < 8; bit++) {
                memcpy(bad, wire, n);
                bad[i] ^= (uint8_t)(1u << bit);
                T_CHECK(unprotect(receiver, bad, n, out, &len) != 0);
            }
        }
        for (size_t cut = 0; cut < n; cut++)
            T_CHECK(cut < 12 || unprotect(receiver, wire, cut, out, &len) != 0);
        T_EQ(unprotect(receiver, wire, n, wire, &len), 0); /* in place; nobody took its place in the window */
        T_MEM_EQ(wire, packet.bytes, packet.len);
        sfu_srtp_session_destroy(sender);
        sfu_srtp_session_destroy(receiver);
    }
}

T_TEST(strangers_take_no_ssrc_slots_and_the_table_is_bounded)
{
    for (int p = 0; p < 2; p++) {
        struct sfu_srtp_session *sender = ours(profiles[p]), *receiver = ours(profiles[p]);
        uint8_t wire[64] = {0x80, 96}, out[64];
        size_t len;
        for (uint32_t ssrc = 1000; ssrc < 2000; ssrc++) {
            base_put_be32(wire + 8, ssrc);
            T_EQ(unprotect(receiver, wire, 60, out, &len), BASE_ERR_AUTH);
        }
        for (uint32_t ssrc = 0; ssrc <= SFU_SRTP_SSRC_MAX; ssrc++) {
            uint8_t rtcp[64] = {0x80, 201, 0, 1};
            base_put_be32(wire + 8, ssrc);
            base_put_be32(rtcp + 4, ssrc);
            size_t n = sfu_srtp_protect(sender, wire, 12, 0, ssrc, (const uint8_t *)"x", 1, 0);
            T_EQ(unprotect(receiver, wire, n, out, &len), ssrc < SFU_SRTP_SSRC_MAX ? 0 : BASE_ERR_FULL);
            n = sfu_srtcp_protect(sender, rtcp, 8);
            T_EQ(sfu_srtcp_unprotect(receiver, rtcp, n, &len), ssrc < SFU_SRTP_SSRC_MAX ? 0 : BASE_ERR_FULL);
        }
        sfu_srtp_session_destroy(sender);
        sfu_srtp_session_destroy(receiver);
    }
}

static size_t make_rtcp(uint8_t *out, uint64_t *rng, uint32_t ssrc)
{
    size_t words = 1 + base_prng_next(rng) % 250;
    for (size_t i = 0; i < 4 * (words + 1); i++)
        out[i] = (uint8_t)base_prng_next(rng);
    out[0] = 0x80;
    out[1] = 200;
    base_put_be16(out + 2, (uint16_t)words);
    base_put_be32(out + 4, ssrc);
    return 4 * (words + 1);
}

T_TEST(rtcp_as_libsrtp2_both_ways)
{
    for (int p = 0; p < 2; p++) {
        struct sfu_srtp_session *sender = ours(profiles[p]), *receiver = ours(profiles[p]);
        srtp_t b = theirs(profiles[p], ssrc_any_outbound), judge = theirs(profiles[p], ssrc_any_inbound);
        uint64_t rng = 23;
        uint8_t plain[1700], mine[1700], other[1700];
        size_t n = make_rtcp(mine, &rng, 5);
        T_CHECK(sfu_srtcp_protect(sender, mine, n) > n); /* index 0: libsrtp2 begins with 1 */
        for (int i = 0; i < 500; i++) {
            n = make_rtcp(plain, &rng, 5);
            int len = (int)n;
            size_t total, back;
            memcpy(mine, plain, n);
            memcpy(other, plain, n);
            total = sfu_srtcp_protect(sender, mine, n);
            T_EQ(srtp_protect_rtcp(b, other, &len), srtp_err_status_ok);
            T_EQ(total, len);
            T_EQ(total, n + sfu_srtp_tag_bytes(profiles[p]) + 4);
            T_MEM_EQ(mine, other, total);
            T_EQ(srtp_unprotect_rtcp(judge, mine, &len), srtp_err_status_ok);
            T_EQ(len, n);
            T_MEM_EQ(mine, plain, n);
            memcpy(mine, other, total);
            T_EQ(sfu_srtcp_unprotect(receiver, mine, total, &back), 0);
            T_EQ(back, n);
            T_MEM_EQ(mine, plain, n);
            memcpy(mine, other, total);
            T_EQ(sfu_srtcp_unprotect(receiver, mine, total, &back), BASE_ERR_REPLAY);
        }
        sfu_srtp_session_destroy(sender);
        sfu_srtp_session_destroy(receiver);
        srtp_dealloc(b);
        srtp_dealloc(judge);
    }
}

T_TEST(tampered_and_truncated_rtcp_is_noticed)
{
    for (int p = 0; p < 2; p++) {
        struct sfu_srtp_session *sender = ours(profiles[p]), *receiver = ours(profiles[p]);
        uint8_t plain[64] = {0x80, 201, 0, 7, 0, 0, 0, 1, 2, 3, 4}, wire[96], bad[96];
        size_t len;
        memcpy(wire, plain, 32);
        size_t n = sfu_srtcp_protect(sender, wire, 32);
        for (size_t i = 0; i < n; i++) {
            for (unsigned bit = 0; bit < 8; bit++) { /* among them the E bit */
                memcpy(bad, wire, n);
                bad[i] ^= (uint8_t)(1u << bit);
                T_EQ(sfu_srtcp_unprotect(receiver, bad, n, &len), BASE_ERR_AUTH);
            }
        }
        for (size_t cut = 0; cut < n; cut++) {
            memcpy(bad, wire, n);
            T_CHECK(sfu_srtcp_unprotect(receiver, bad, cut, &len) != 0);
        }
        T_EQ(sfu_srtcp_unprotect(receiver, wire, n, &len), 0);
        T_MEM_EQ(wire, plain, 32);
        T_EQ(sfu_srtcp_protect(sender, plain, 7), 0);
        sfu_srtp_session_destroy(sender);
        sfu_srtp_session_destroy(receiver);
    }
}

T_TEST(bad_arguments)
{
    struct sfu_srtp_session *session = (struct sfu_srtp_session *)1;
    T_EQ(sfu_srtp_session_create(&session, (enum sfu_srtp_profile)5, master, master), BASE_ERR_INVALID);
    T_CHECK(session == NULL);
    sfu_srtp_session_destroy(NULL);
    T_EQ(sfu_srtp_salt_bytes(SFU_SRTP_AES128_CM_SHA1_80), 14);
    T_EQ(sfu_srtp_salt_bytes(SFU_SRTP_AEAD_AES_128_GCM), 12);
}

T_MAIN(T_CASE(sends_the_same_bytes_as_libsrtp2), T_CASE(receives_as_libsrtp2_does),
       T_CASE(the_wrap_survives_loss_and_reordering), T_CASE(the_replay_window_has_128_packets),
       T_CASE(every_tampered_byte_is_noticed_and_changes_nothing),
       T_CASE(strangers_take_no_ssrc_slots_and_the_table_is_bounded), T_CASE(rtcp_as_libsrtp2_both_ways),
       T_CASE(tampered_and_truncated_rtcp_is_noticed), T_CASE(bad_arguments))
