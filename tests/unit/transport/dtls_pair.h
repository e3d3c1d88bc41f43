/* SPDX-License-Identifier: Apache-2.0 */
/**
 * dtls_pair.h - a DTLS client and a server with a network between them, in memory and in virtual time. For the tests of
 * this folder.
 *
 * Each datagram takes LATENCY_US, unless `fate` decides otherwise. Repeatable: no clock is read.
 */
#ifndef CONSILIUM_TESTS_DTLS_PAIR_H
#define CONSILIUM_TESTS_DTLS_PAIR_H

#include <stdlib.h>
#include <string.h>

#include "sfu/transport/dtls_session.h"

#define LATENCY_US 10000u

struct wire_datagram {
    uint64_t due_us;
    uint64_t number; /* of its sending */
    int to;          /* 0 the client, 1 the server */
    size_t len;
    uint8_t bytes[1400];
};

struct dtls_pair;

struct dtls_peer {
    struct dtls_pair *pair;
    int index;
    struct sfu_dtls_session *session;
};

struct dtls_pair {
    struct dtls_peer peers[2]; /* the client, the server */
    uint64_t now_us;
    uint64_t sent; /* datagrams given to the network, both ways */
    size_t largest;
    struct wire_datagram wire[256];
    unsigned wire_count;
    /** Called for each datagram. Returns how many copies arrive; *delay_us may be changed. NULL: one. */
    unsigned (*fate)(struct dtls_pair *pair, uint64_t number, int to, uint64_t *delay_us);
    uint64_t argument; /* of fate */
};

static inline void pair_send(void *user, const uint8_t *datagram, size_t len)
{
    struct dtls_peer *peer = user;
    struct dtls_pair *pair = peer->pair;
    uint64_t number = pair->sent++, delay_us = LATENCY_US;
    unsigned copies = pair->fate == NULL ? 1 : pair->fate(pair, number, !peer->index, &delay_us);
    if (len > pair->largest)
        pair->largest = len;
    for (; copies > 0; copies--) {
        if (len > sizeof pair->wire[0].bytes || pair->wire_count == sizeof pair->wire / sizeof pair->wire[0])
            abort();
        struct wire_datagram *slot = &pair->wire[pair->wire_count++];
        *slot = (struct wire_datagram){.due_us = pair->now_us + delay_us, .number = number, .to = !peer->index};
        slot->len = len;
        memcpy(slot->bytes, datagram, len);
    }
}

/* Delivers what is due next or polls who is due next. Returns false when nothing will ever happen again. */
static inline bool pair_step(struct dtls_pair *pair)
{
    unsigned first = 0;
    for (unsigned i = 1; i < pair->wire_count; i++) {
        const struct wire_datagram *a = &pair->wire[i], *b = &pair->wire[first];
        if (a->due_us < b->due_us || (a->due_us == b->due_us && a->number < b->number))
            first = i;
    }
    uint64_t due_us = pair->wire_count > 0 ? pair->wire[first].due_us : UINT64_MAX;
    int who = -1;
    for (int i = 0; i < 2; i++) {
        uint64_t deadline_us = sfu_dtls_session_deadline_us(pair->peers[i].session);
        if (deadline_us < due_us) {
            due_us = deadline_us;
            who = i;
        }
    }
    if (due_us == UINT64_MAX)
        return false;
    if (due_us > pair->now_us)
        pair->now_us = due_us;
    if (who >= 0) {
        sfu_dtls_session_poll(pair->peers[who].session, pair->now_us);
        return true;
    }
    struct wire_datagram datagram = pair->wire[first];
    pair->wire[first] = pair->wire[--pair->wire_count];
    sfu_dtls_session_on_datagram(pair->peers[datagram.to].session, pair->now_us, datagram.bytes, datagram.len);
    return true;
}

/* Each expects the other's fingerprint, or wrong_client / wrong_server if not NULL. Returns 0 or an error. */
static inline int pair_open(struct dtls_pair *pair, struct sfu_dtls_identity *client, struct sfu_dtls_identity *server,
                            const uint8_t *client_expects, const uint8_t *server_expects)
{
    int err = 0;
    for (int i = 0; i < 2 && err == 0; i++) {
        struct sfu_dtls_config config = {.client = i == 0, .send = pair_send, .user = &pair->peers[i]};
        const uint8_t *expected = i == 0 ? client_expects : server_expects;
        config.peer_fingerprint = expected != NULL ? expected : sfu_dtls_identity_fingerprint(i == 0 ? server : client);
        pair->peers[i].pair = pair;
        pair->peers[i].index = i;
        err = sfu_dtls_session_create(&pair->peers[i].session, i == 0 ? client : server, &config);
    }
    return err;
}

static inline void pair_close(struct dtls_pair *pair)
{
    sfu_dtls_session_destroy(pair->peers[0].session);
    sfu_dtls_session_destroy(pair->peers[1].session);
}

/* Until both are connected, or nothing more happens, or `limit_us`. */
static inline bool pair_run(struct dtls_pair *pair, uint64_t limit_us)
{
    while (pair->now_us < limit_us && pair_step(pair)) {
        if (sfu_dtls_session_state(pair->peers[0].session) == SFU_DTLS_CONNECTED &&
            sfu_dtls_session_state(pair->peers[1].session) == SFU_DTLS_CONNECTED)
            return true;
    }
    return false;
}

#endif
