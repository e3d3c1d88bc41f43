/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/client/ice_control.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "sfu/wire/stun.h"

#define CHECK_INTERVAL_MAX_US 1000000u

void bench_ice_init(struct bench_ice *ice, const struct sfu_ice_credentials *local, uint64_t seed)
{
    memset(ice, 0, sizeof *ice);
    ice->local = *local;
    ice->random = seed | 1;
    /* High, so that a server which offers (and is controlling by section 6.1.1) leaves that to us. */
    ice->tie_breaker = base_prng_next(&ice->random) | UINT64_C(0xFFFFFFFF00000000);
    ice->selected = -1;
    ice->consent_until_us = BASE_NEVER_US;
}

void bench_ice_start(struct bench_ice *ice, const struct sfu_ice_credentials *local,
                     const struct sfu_ice_credentials *remote, uint64_t now_us)
{
    if (local != NULL)
        ice->local = *local;
    ice->remote = *remote;
    for (unsigned i = 0; i < ice->pair_count; i++) {
        struct bench_ice_pair *pair = &ice->pairs[i];
        pair->valid = pair->nominated = false;
        pair->next_check_us = now_us;
        pair->interval_us = BENCH_ICE_CHECK_US;
        memset(pair->transactions, 0, sizeof pair->transactions);
    }
    ice->consent_until_us = ice->external ? BASE_NEVER_US : now_us + BENCH_ICE_CONSENT_US;
}

void bench_ice_set_external(struct bench_ice *ice)
{
    ice->external = true;
    ice->consent_until_us = BASE_NEVER_US;
}

void bench_ice_select(struct bench_ice *ice, const struct sfu_path *path)
{
    ice->selected = path != NULL ? 0 : -1;
    ice->pair_count = path != NULL ? 1 : 0;
    if (path != NULL)
        ice->pairs[0] = (struct bench_ice_pair){.path = *path, .valid = true, .nominated = true};
}

static struct bench_ice_pair *find_pair(struct bench_ice *ice, const struct sfu_path *path)
{
    for (unsigned i = 0; i < ice->pair_count; i++)
        if (sfu_path_equal(&ice->pairs[i].path, path))
            return &ice->pairs[i];
    return NULL;
}

int bench_ice_add_pair(struct bench_ice *ice, const struct sfu_path *path, uint32_t priority, uint64_t now_us)
{
    if (find_pair(ice, path) != NULL)
        return BASE_ERR_EXISTS;
    if (ice->pair_count == BENCH_ICE_PAIRS_MAX)
        return BASE_ERR_FULL;
    ice->pairs[ice->pair_count++] = (struct bench_ice_pair){
        .path = *path, .priority = priority, .next_check_us = now_us, .interval_us = BENCH_ICE_CHECK_US};
    return 0;
}

void bench_ice_remove_pair(struct bench_ice *ice, const struct sfu_path *path)
{
    struct bench_ice_pair *pair = find_pair(ice, path);
    if (pair == NULL)
        return;
    int index = (int)(pair - ice->pairs);
    unsigned after = ice->pair_count - (unsigned)index - 1;
    memmove(pair, pair + 1, after * sizeof *pair);
    ice->pair_count--;
    if (ice->selected == index)
        ice->selected = -1;
    else if (ice->selected > index)
        ice->selected--;
    /* What is left may have been passed over before: nominate again. */
    for (unsigned i = 0; i < ice->pair_count; i++)
        if ((int)i != ice->selected)
            ice->pairs[i].next_check_us = 0;
}

static int best_valid(const struct bench_ice *ice)
{
    int best = -1;
    for (unsigned i = 0; i < ice->pair_count; i++)
        if (ice->pairs[i].valid && (best < 0 || ice->pairs[i].priority > ice->pairs[best].priority))
            best = (int)i;
    return best;
}

/* A pair is checked until it is valid, and further if it is the one to be nominated or the one in use. */
static uint64_t next_check_us(const struct bench_ice *ice, int index)
{
    const struct bench_ice_pair *pair = &ice->pairs[index];
    if (ice->silent || ice->external || ice->remote.pwd[0] == 0)
        return BASE_NEVER_US;
    if (!pair->valid || index == ice->selected || index == best_valid(ice))
        return pair->next_check_us;
    return BASE_NEVER_US;
}

bool bench_ice_on_stun(struct bench_ice *ice, uint64_t now_us, const struct sfu_path *path, const uint8_t *datagram,
                       size_t len)
{
    struct sfu_stun_peek peek;
    struct bench_ice_pair *pair = find_pair(ice, path);
    if (pair == NULL || sfu_stun_peek(datagram, len, &peek) != 0 || peek.message_class != SFU_STUN_RESPONSE) {
        ice->responses_bad++;
        return false;
    }
    for (unsigned i = 0; i < BENCH_ICE_TRANSACTIONS; i++) {
        if (pair->transactions[i].sent_us == 0 || memcmp(pair->transactions[i].id, peek.transaction_id, 12) != 0)
            continue;
        struct sockaddr_storage mapped;
        int error_code = 0;
        if (sfu_stun_check_response(datagram, len, ice->remote.pwd, &mapped, &error_code) != 0)
            break;
        ice->responses++;
        uint64_t rtt_us = now_us - pair->transactions[i].sent_us + 1;
        ice->rtt_us = ice->rtt_us == 0 ? rtt_us : (ice->rtt_us * 7 + rtt_us) / 8;
        pair->transactions[i].sent_us = 0;
        bool first = !pair->valid;
        pair->valid = true;
        bool selects = pair->transactions[i].nominating && !pair->nominated;
        if (selects) {
            pair->nominated = true;
            ice->selected = (int)(pair - ice->pairs);
        }
        if (ice->selected == (int)(pair - ice->pairs) && pair->nominated) {
            ice->consent_until_us = now_us + BENCH_ICE_CONSENT_US;
            uint64_t spread_us = base_prng_next(&ice->random) % (BENCH_ICE_CONSENT_CHECK_US * 2 / 5);
            pair->next_check_us = now_us + BENCH_ICE_CONSENT_CHECK_US * 4 / 5 + spread_us;
        } else if (first) {
            pair->next_check_us = now_us; /* now the nomination, if it is the best */
            pair->interval_us = BENCH_ICE_CHECK_US;
        }
        return selects;
    }
    ice->responses_bad++;
    return false;
}

size_t bench_ice_answer(struct bench_ice *ice, uint64_t now_us, const struct sfu_path *path, const uint8_t *datagram,
                        size_t len, uint8_t *out)
{
    struct sfu_stun_peek peek;
    struct sfu_stun_check check;
    if (sfu_stun_peek(datagram, len, &peek) != 0 || peek.message_class != SFU_STUN_REQUEST || peek.method != 1)
        return 0;
    if (peek.local_ufrag_len != strlen(ice->local.ufrag) ||
        memcmp(peek.local_ufrag, ice->local.ufrag, peek.local_ufrag_len) != 0 ||
        sfu_stun_check_request(datagram, len, ice->local.pwd, &check) != 0) {
        ice->requests_bad++;
        return 0;
    }
    ice->requests++;
    if (check.controlling)
        return sfu_stun_write_error(out, datagram, len, ice->local.pwd, 487);
    struct bench_ice_pair *pair = find_pair(ice, path);
    if (pair != NULL && !pair->valid)
        pair->next_check_us = now_us; /* a triggered check, section 7.3.1.4 */
    return sfu_stun_write_response(out, datagram, len, ice->local.pwd, &path->remote.sa);
}

const struct sfu_path *bench_ice_selected(const struct bench_ice *ice)
{
    return ice->selected < 0 ? NULL : &ice->pairs[ice->selected].path;
}

uint64_t bench_ice_deadline_us(const struct bench_ice *ice)
{
    uint64_t deadline_us = ice->selected >= 0 ? ice->consent_until_us : BASE_NEVER_US;
    for (unsigned i = 0; i < ice->pair_count; i++) {
        uint64_t check_us = next_check_us(ice, (int)i);
        if (check_us < deadline_us)
            deadline_us = check_us;
    }
    return deadline_us;
}

size_t bench_ice_poll(struct bench_ice *ice, uint64_t now_us, uint8_t *out, struct sfu_path *path)
{
    for (unsigned i = 0; i < ice->pair_count; i++) {
        if (next_check_us(ice, (int)i) > now_us)
            continue;
        struct bench_ice_pair *pair = &ice->pairs[i];
        bool nominating = pair->valid && (int)i == best_valid(ice);
        unsigned slot = pair->next_transaction++ % BENCH_ICE_TRANSACTIONS;
        uint64_t high = base_prng_next(&ice->random);
        base_put_be64(pair->transactions[slot].id, high);
        base_put_be32(pair->transactions[slot].id + 8, (uint32_t)base_prng_next(&ice->random));
        pair->transactions[slot].sent_us = now_us == 0 ? 1 : now_us;
        pair->transactions[slot].nominating = nominating;
        pair->next_check_us = now_us + pair->interval_us;
        if (pair->interval_us < CHECK_INTERVAL_MAX_US)
            pair->interval_us *= 2;
        char username[SFU_STUN_USERNAME_MAX];
        snprintf(username, sizeof username, "%s:%s", ice->remote.ufrag, ice->local.ufrag);
        struct sfu_stun_request request = {.username = username,
                                           .password = ice->remote.pwd,
                                           .priority = pair->priority,
                                           .tie_breaker = ice->tie_breaker,
                                           .controlling = true,
                                           .use_candidate = nominating};
        memcpy(request.transaction_id, pair->transactions[slot].id, sizeof request.transaction_id);
        *path = pair->path;
        ice->checks_sent++;
        return sfu_stun_write_request(out, &request);
    }
    return 0;
}

bool bench_ice_expired(const struct bench_ice *ice, uint64_t now_us)
{
    return ice->selected >= 0 && now_us >= ice->consent_until_us;
}
