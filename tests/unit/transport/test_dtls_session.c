/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "base/random.h"
#include "sfu/transport/dtls_identity.h"
#include "tests/support/test.h"
#include "tests/unit/transport/dtls_pair.h"

#include <openssl/err.h>

static struct sfu_dtls_identity *client_identity, *server_identity;

/* One pair for the whole program: a certificate costs a few milliseconds, and sharing it is part of what is tested. */
static void setup(int *t_failed)
{
    if (client_identity == NULL) {
        T_EQ(sfu_dtls_identity_create(&client_identity), 0);
        T_EQ(sfu_dtls_identity_create(&server_identity), 0);
    }
}

static void check_keys_match(int *t_failed, struct dtls_pair *pair, enum sfu_srtp_profile profile)
{
    struct sfu_dtls_keys a, b;
    static const uint8_t zero[SFU_SRTP_KEY_BYTES];
    T_EQ(sfu_dtls_session_keys(pair->peers[0].session, &a), 0);
    T_EQ(sfu_dtls_session_keys(pair->peers[1].session, &b), 0);
    T_EQ(a.profile, profile);
    T_EQ(b.profile, profile);
    T_MEM_EQ(a.send_key, b.receive_key, sizeof a.send_key);
    T_MEM_EQ(a.receive_key, b.send_key, sizeof a.send_key);
    T_MEM_EQ(a.send_salt, b.receive_salt, sfu_srtp_salt_bytes(profile));
    T_MEM_EQ(a.receive_salt, b.send_salt, sfu_srtp_salt_bytes(profile));
    T_CHECK(memcmp(a.send_key, a.receive_key, sizeof a.send_key) != 0);
    T_CHECK(memcmp(a.send_key, zero, sizeof zero) != 0);
    T_EQ(sfu_dtls_session_keys(pair->peers[0].session, &a), BASE_ERR_STATE); /* once */
}

T_TEST(connects_with_gcm)
{
    static struct dtls_pair pair;
    pair = (struct dtls_pair){0};
    T_CALL(setup(t_failed));
    T_EQ(pair_open(&pair, client_identity, server_identity, NULL, NULL), 0);
    struct sfu_dtls_keys keys;
    T_EQ(sfu_dtls_session_keys(pair.peers[0].session, &keys), BASE_ERR_STATE);
    T_CHECK(pair_run(&pair, 1000000));
    T_CALL(check_keys_match(t_failed, &pair, SFU_SRTP_AEAD_AES_128_GCM));
    T_EQ(pair.now_us, 4 * LATENCY_US); /* two round trips */
    T_CHECK(pair.largest <= 1200);
    T_CHECK(sfu_dtls_session_deadline_us(pair.peers[0].session) == UINT64_MAX);
    T_CHECK(sfu_dtls_session_deadline_us(pair.peers[1].session) == UINT64_MAX);
    T_CHECK(ERR_peek_error() == 0);
    pair_close(&pair);
}

T_TEST(the_servers_order_of_profiles_decides)
{
    static struct dtls_pair pair;
    T_CALL(setup(t_failed));
    static const struct {
        const char *offer;
        enum sfu_srtp_profile chosen;
    } cases[] = {{"SRTP_AES128_CM_SHA1_80", SFU_SRTP_AES128_CM_SHA1_80},
                 {"SRTP_AEAD_AES_128_GCM", SFU_SRTP_AEAD_AES_128_GCM},
                 {"SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_256_GCM:SRTP_AEAD_AES_128_GCM", SFU_SRTP_AEAD_AES_128_GCM}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sfu_dtls_identity *chooser;
        T_EQ(sfu_dtls_identity_create(&chooser), 0);
        T_EQ(SSL_CTX_set_tlsext_use_srtp(chooser->context, cases[i].offer), 0);
        pair = (struct dtls_pair){0};
        T_EQ(pair_open(&pair, chooser, server_identity, NULL, NULL), 0);
        T_CHECK(pair_run(&pair, 1000000));
        T_CALL(check_keys_match(t_failed, &pair, cases[i].chosen));
        pair_close(&pair);
        sfu_dtls_identity_destroy(chooser);
    }
}

T_TEST(no_profile_in_common)
{
    static struct dtls_pair pair;
    struct sfu_dtls_identity *odd;
    T_CALL(setup(t_failed));
    T_EQ(sfu_dtls_identity_create(&odd), 0);
    T_EQ(SSL_CTX_set_tlsext_use_srtp(odd->context, "SRTP_AEAD_AES_256_GCM"), 0);
    pair = (struct dtls_pair){0};
    T_EQ(pair_open(&pair, odd, server_identity, NULL, NULL), 0);
    T_CHECK(!pair_run(&pair, 60000000));
    T_EQ(sfu_dtls_session_state(pair.peers[1].session), SFU_DTLS_FAILED);
    T_EQ(sfu_dtls_session_error(pair.peers[1].session), BASE_ERR_UNSUPPORTED);
    T_CHECK(sfu_dtls_session_state(pair.peers[0].session) == SFU_DTLS_FAILED);
    pair_close(&pair);
    sfu_dtls_identity_destroy(odd);
}

T_TEST(a_wrong_fingerprint_fails_on_either_side)
{
    static struct dtls_pair pair;
    uint8_t wrong[SFU_DTLS_FINGERPRINT_BYTES];
    T_CALL(setup(t_failed));
    for (int who = 0; who < 2; who++) {
        memcpy(wrong, sfu_dtls_identity_fingerprint(who == 0 ? server_identity : client_identity), sizeof wrong);
        wrong[31] ^= 1;
        pair = (struct dtls_pair){0};
        T_EQ(pair_open(&pair, client_identity, server_identity, who == 0 ? wrong : NULL, who == 1 ? wrong : NULL), 0);
        T_CHECK(!pair_run(&pair, 60000000));
        T_EQ(sfu_dtls_session_state(pair.peers[who].session), SFU_DTLS_FAILED);
        T_EQ(sfu_dtls_session_error(pair.peers[who].session), BASE_ERR_AUTH);
        T_EQ(sfu_dtls_session_state(pair.peers[!who].session), SFU_DTLS_FAILED); /* by our alert, not by time */
        T_EQ(sfu_dtls_session_error(pair.peers[!who].session), BASE_ERR_CRYPTO);
        T_CHECK(pair.now_us < 1000000);
        struct sfu_dtls_keys keys;
        T_EQ(sfu_dtls_session_keys(pair.peers[who].session, &keys), BASE_ERR_STATE);
        pair_close(&pair);
    }
}

static unsigned drop_one(struct dtls_pair *pair, uint64_t number, int to, uint64_t *delay_us)
{
    (void)to;
    (void)delay_us;
    return number == pair->argument ? 0 : 1;
}

static unsigned drop_from(struct dtls_pair *pair, uint64_t number, int to, uint64_t *delay_us)
{
    (void)delay_us;
    (void)to;
    return number >= pair->argument ? 0 : 1;
}

static unsigned drop_one_double_others(struct dtls_pair *pair, uint64_t number, int to, uint64_t *delay_us)
{
    return 2 * drop_one(pair, number, to, delay_us);
}

/* The datagrams of a flight arrive in reverse order. */
static unsigned drop_one_reverse_others(struct dtls_pair *pair, uint64_t number, int to, uint64_t *delay_us)
{
    *delay_us += (50 - number % 50) * 10;
    return drop_one(pair, number, to, delay_us);
}

/* A third lost, a third doubled, and delays that reorder. */
static unsigned random_fate(struct dtls_pair *pair, uint64_t number, int to, uint64_t *delay_us)
{
    (void)number;
    (void)to;
    *delay_us = 1000 + base_prng_next(&pair->argument) % 300000;
    return (unsigned)(base_prng_next(&pair->argument) % 3);
}

/* Small datagrams, so that flights have many. */
static int open_small(struct dtls_pair *pair)
{
    int err = pair_open(pair, client_identity, server_identity, NULL, NULL);
    for (int i = 0; i < 2 && err == 0; i++)
        DTLS_set_link_mtu(sfu_dtls_session_ssl(pair->peers[i].session), 300);
    return err;
}

T_TEST(any_single_datagram_may_be_lost)
{
    static struct dtls_pair pair;
    T_CALL(setup(t_failed));
    unsigned (*const fates[])(struct dtls_pair *, uint64_t, int, uint64_t *) = {drop_one, drop_one_double_others,
                                                                                drop_one_reverse_others};
    for (int variant = 0; variant < 6; variant++) {
        bool small = variant % 2;
        uint64_t total = 1;
        for (uint64_t lost = 0; lost < total; lost++) {
            pair = (struct dtls_pair){.fate = fates[variant / 2], .argument = lost};
            T_EQ(small ? open_small(&pair) : pair_open(&pair, client_identity, server_identity, NULL, NULL), 0);
            if (!pair_run(&pair, 60000000))
                printf("    lost datagram %d, variant %d\n", (int)lost, variant);
            T_EQ(sfu_dtls_session_state(pair.peers[0].session), SFU_DTLS_CONNECTED);
            T_EQ(sfu_dtls_session_state(pair.peers[1].session), SFU_DTLS_CONNECTED);
            T_CHECK(pair.now_us < 2000000);
            T_CALL(check_keys_match(t_failed, &pair, SFU_SRTP_AEAD_AES_128_GCM));
            if (lost == 0)
                total = pair.sent;
            pair_close(&pair);
        }
        T_CHECK(total >= (small ? 8 : 4));
    }
}

T_TEST(random_loss_duplication_and_reordering)
{
    static struct dtls_pair pair;
    T_CALL(setup(t_failed));
    for (uint64_t seed = 1; seed <= 40; seed++) {
        pair = (struct dtls_pair){.fate = random_fate, .argument = seed};
        T_EQ(seed % 2 ? open_small(&pair) : pair_open(&pair, client_identity, server_identity, NULL, NULL), 0);
        T_CHECK(pair_run(&pair, 30000000));
        T_CALL(check_keys_match(t_failed, &pair, SFU_SRTP_AEAD_AES_128_GCM));
        pair_close(&pair);
    }
}

T_TEST(a_silent_peer_is_given_up_after_30_seconds)
{
    static struct dtls_pair pair;
    T_CALL(setup(t_failed));
    for (uint64_t from = 0; from < 4; from++) {
        pair = (struct dtls_pair){.fate = drop_from, .argument = from};
        T_EQ(pair_open(&pair, client_identity, server_identity, NULL, NULL), 0);
        pair_run(&pair, 100000000);
        T_EQ(sfu_dtls_session_state(pair.peers[0].session), SFU_DTLS_FAILED);
        T_EQ(sfu_dtls_session_error(pair.peers[0].session), BASE_ERR_TIMEOUT);
        T_CHECK(pair.now_us >= 30000000 && pair.now_us < 31000000);
        T_CHECK(pair.sent < 60); /* backs off */
        pair_close(&pair);
    }
}

T_TEST(the_same_run_twice_is_the_same)
{
    static struct dtls_pair pair;
    uint64_t sent = 0, ended_us = 0;
    T_CALL(setup(t_failed));
    for (int run = 0; run < 3; run++) {
        pair = (struct dtls_pair){.fate = random_fate, .argument = 77};
        T_EQ(pair_open(&pair, client_identity, server_identity, NULL, NULL), 0);
        T_CHECK(pair_run(&pair, 30000000));
        T_CHECK(run == 0 || (pair.sent == sent && pair.now_us == ended_us));
        sent = pair.sent;
        ended_us = pair.now_us;
        pair_close(&pair);
    }
}

T_TEST(a_fragmented_client_hello)
{
    static struct dtls_pair pair;
    pair = (struct dtls_pair){0};
    T_CALL(setup(t_failed));
    T_EQ(pair_open(&pair, client_identity, server_identity, NULL, NULL), 0);
    DTLS_set_link_mtu(sfu_dtls_session_ssl(pair.peers[0].session), 256); /* our ClientHello has about 200 bytes */
    /* Made longer by a list of ciphers, as a post-quantum key share does it in browsers. */
    SSL *ssl = sfu_dtls_session_ssl(pair.peers[0].session);
    T_EQ(SSL_set_cipher_list(ssl, "ALL:COMPLEMENTOFALL"), 1);
    T_EQ(sfu_dtls_session_poll(pair.peers[0].session, 0), SFU_DTLS_HANDSHAKE);
    T_CHECK(pair.wire_count >= 2);
    T_EQ(pair.wire[0].bytes[13], 1); /* both are ClientHello fragments */
    T_EQ(pair.wire[1].bytes[13], 1);
    T_CHECK(pair_run(&pair, 1000000));
    pair_close(&pair);
}

T_TEST(garbage_is_ignored)
{
    static struct dtls_pair pair;
    pair = (struct dtls_pair){0};
    uint64_t rng = 5;
    T_CALL(setup(t_failed));
    T_EQ(pair_open(&pair, client_identity, server_identity, NULL, NULL), 0);
    bool connected = false;
    for (int i = 0; i < 2000; i++) {
        uint8_t junk[1500];
        size_t len = 1 + base_prng_next(&rng) % sizeof junk;
        for (size_t k = 0; k < len; k++)
            junk[k] = (uint8_t)base_prng_next(&rng);
        junk[0] = (uint8_t)(20 + base_prng_next(&rng) % 44);
        sfu_dtls_session_on_datagram(pair.peers[i % 2].session, pair.now_us, junk, len);
        if (i % 50 == 0 && !connected) {
            pair_step(&pair);
            connected = sfu_dtls_session_state(pair.peers[0].session) == SFU_DTLS_CONNECTED;
        }
    }
    T_CHECK(connected || pair_run(&pair, 30000000));
    T_EQ(sfu_dtls_session_state(pair.peers[0].session), SFU_DTLS_CONNECTED);
    T_EQ(sfu_dtls_session_state(pair.peers[1].session), SFU_DTLS_CONNECTED);
    T_CHECK(ERR_peek_error() == 0);
    pair_close(&pair);
}

/* The bytes of every datagram of the handshake are changed at random: each ends in connected or failed, in time, and
 * never with keys that differ. */
T_TEST(changed_bytes_never_crash)
{
    static struct dtls_pair pair;
    uint64_t rng = 9;
    T_CALL(setup(t_failed));
    for (int round = 0; round < 150; round++) {
        pair = (struct dtls_pair){0};
        T_EQ(pair_open(&pair, client_identity, server_identity, NULL, NULL), 0);
        for (int step = 0; step < 200 && pair.now_us < 40000000; step++) {
            if (pair.wire_count > 0 && base_prng_next(&rng) % 4 == 0) {
                struct wire_datagram *victim = &pair.wire[base_prng_next(&rng) % pair.wire_count];
                victim->bytes[base_prng_next(&rng) % victim->len] ^= (uint8_t)(1 + base_prng_next(&rng) % 255);
            }
            if (!pair_step(&pair))
                break;
        }
        struct sfu_dtls_keys a, b;
        if (sfu_dtls_session_keys(pair.peers[0].session, &a) == 0 &&
            sfu_dtls_session_keys(pair.peers[1].session, &b) == 0)
            T_MEM_EQ(a.send_key, b.receive_key, sizeof a.send_key);
        pair_close(&pair);
    }
}

T_TEST(close_notify)
{
    static struct dtls_pair pair;
    T_CALL(setup(t_failed));
    for (int who = 0; who < 2; who++) {
        pair = (struct dtls_pair){0};
        T_EQ(pair_open(&pair, client_identity, server_identity, NULL, NULL), 0);
        T_CHECK(pair_run(&pair, 1000000));
        sfu_dtls_session_close(pair.peers[who].session);
        T_EQ(sfu_dtls_session_state(pair.peers[who].session), SFU_DTLS_CLOSED);
        while (pair_step(&pair))
            ;
        T_EQ(sfu_dtls_session_state(pair.peers[!who].session), SFU_DTLS_CLOSED);
        T_EQ(sfu_dtls_session_error(pair.peers[!who].session), 0);
        struct sfu_dtls_keys keys;
        T_EQ(sfu_dtls_session_keys(pair.peers[!who].session, &keys), BASE_ERR_STATE);
        pair_close(&pair);
    }
}

T_TEST(two_sessions_share_an_identity)
{
    static struct dtls_pair pairs[2];
    T_CALL(setup(t_failed));
    for (int i = 0; i < 2; i++) {
        pairs[i] = (struct dtls_pair){0};
        T_EQ(pair_open(&pairs[i], client_identity, server_identity, NULL, NULL), 0);
    }
    for (int i = 0; i < 100; i++)
        pair_step(&pairs[i % 2]);
    struct sfu_dtls_keys keys[2];
    for (int i = 0; i < 2; i++)
        T_EQ(sfu_dtls_session_keys(pairs[i].peers[1].session, &keys[i]), 0);
    T_CHECK(memcmp(keys[0].send_key, keys[1].send_key, sizeof keys[0].send_key) != 0);
    pair_close(&pairs[0]);
    pair_close(&pairs[1]);
}

/* Last: frees what the others share. */
T_TEST(the_identities_are_freed)
{
    T_CALL(setup(t_failed));
    T_CHECK(memcmp(sfu_dtls_identity_fingerprint(client_identity), sfu_dtls_identity_fingerprint(server_identity),
                   SFU_DTLS_FINGERPRINT_BYTES) != 0);
    sfu_dtls_identity_destroy(client_identity);
    sfu_dtls_identity_destroy(server_identity);
    client_identity = server_identity = NULL;
}

T_MAIN(T_CASE(connects_with_gcm), T_CASE(the_servers_order_of_profiles_decides), T_CASE(no_profile_in_common),
       T_CASE(a_wrong_fingerprint_fails_on_either_side), T_CASE(any_single_datagram_may_be_lost),
       T_CASE(random_loss_duplication_and_reordering), T_CASE(a_silent_peer_is_given_up_after_30_seconds),
       T_CASE(the_same_run_twice_is_the_same), T_CASE(a_fragmented_client_hello), T_CASE(garbage_is_ignored),
       T_CASE(changed_bytes_never_crash), T_CASE(close_notify), T_CASE(two_sessions_share_an_identity),
       T_CASE(the_identities_are_freed))
