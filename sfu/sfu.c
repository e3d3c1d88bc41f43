/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/sfu.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/random.h"
#include "sfu/io/address.h"
#include "sfu/worker.h"

#define ADDRESSES_MAX 16
#define UFRAG_CHARS   8
#define PWD_CHARS     24

/* ICE priorities of host candidates (RFC 8445 section 5.1.2.1; RFC 6544 section 4.2 for TCP passive). */
#define TYPE_PREFERENCE_HOST      126u
#define LOCAL_PREFERENCE_UDP      65535u
#define DIRECTION_PREFERENCE_PASS 4u
#define OTHER_PREFERENCE_TCP      8191u

struct slot {
    struct sfu_worker *worker;
    /* under lock, for placing rooms */
    size_t rooms, participants;
};

struct sfu {
    struct slot slots[SFU_WORKERS_MAX];
    uint32_t worker_count;
    struct sfu_dtls_identity *identity;
    void (*notify)(void *user);
    void *user;
    bool tcp_enabled;
    union sfu_address addresses[ADDRESSES_MAX]; /* advertised */
    size_t address_count;

    pthread_mutex_t lock;
    struct base_map rooms; /* room id -> struct slot *; under lock */
    bool stopping;         /* under lock */

    atomic_bool notified; /* the taker was woken and has not found the queues empty since */
    uint32_t next_taken;  /* the taker's: which worker comes next */
};

/* ---- creation --------------------------------------------------------------------------------------------------- */

/* A worker queued events; its thread. */
static void on_events(void *user)
{
    struct sfu *sfu = user;
    if (!atomic_exchange(&sfu->notified, true) && sfu->notify != NULL)
        sfu->notify(sfu->user);
}

static bool hand_over(void *user, uint32_t index, int fd, const uint8_t *received, size_t len)
{
    struct sfu *sfu = user;
    return sfu_worker_adopt(sfu->slots[index].worker, fd, received, len) == 0;
}

static int find_addresses(struct sfu *sfu, const struct sfu_config *config, const union sfu_address *listen)
{
    if (config->public_address_count > SFU_PUBLIC_ADDRESSES_MAX)
        return BASE_ERR_INVALID;
    for (uint32_t i = 0; i < config->public_address_count; i++) {
        int err = sfu_address_parse(&sfu->addresses[i], config->public_addresses[i], 0);
        if (err != 0)
            return err;
    }
    sfu->address_count = config->public_address_count;
    if (sfu->address_count == 0)
        sfu->address_count = sfu_address_local(listen, config->advertise_loopback, sfu->addresses, ADDRESSES_MAX);
    for (size_t i = 0; i < sfu->address_count; i++) {
        char text[SFU_ADDRESS_TEXT_MAX];
        sfu_address_text(&sfu->addresses[i], text);
        base_log_info("sfu_advertises", "address=%s", text);
    }
    return 0;
}

static int create_workers(struct sfu *sfu, const struct sfu_config *config, const union sfu_address *listen)
{
    for (uint32_t i = 0; i < config->worker_count; i++) {
        struct sfu_worker_config worker = {.index = i,
                                           .worker_count = config->worker_count,
                                           .udp = *listen,
                                           .tcp_listen = config->tcp_enabled && i == 0,
                                           .tcp = *listen,
                                           .socket_buffer_bytes = config->socket_buffer_bytes,
                                           .gso = config->gso,
                                           .coalesce_us = config->coalesce_us,
                                           .identity = sfu->identity,
                                           .hand_over = hand_over,
                                           .notify = on_events,
                                           .user = sfu};
        if (config->udp_port != 0)
            sfu_address_set_port(&worker.udp, (uint16_t)(config->udp_port + i));
        sfu_address_set_port(&worker.tcp, config->tcp_port);
        int err = sfu_worker_create(&sfu->slots[i].worker, &worker);
        if (err != 0)
            return err;
        sfu->worker_count++;
    }
    return 0;
}

int sfu_create(struct sfu **out, const struct sfu_config *config)
{
    *out = NULL;
    union sfu_address listen;
    if (config->worker_count == 0 || config->worker_count > SFU_WORKERS_MAX || config->listen_address == NULL ||
        (config->udp_port != 0 && config->udp_port + config->worker_count - 1 > UINT16_MAX) ||
        sfu_address_parse(&listen, config->listen_address, 0) != 0)
        return BASE_ERR_INVALID;
    struct sfu *sfu = calloc(1, sizeof *sfu);
    if (sfu == NULL)
        return BASE_ERR_NOMEM;
    pthread_mutex_init(&sfu->lock, NULL);
    sfu->notify = config->notify;
    sfu->user = config->user;
    sfu->tcp_enabled = config->tcp_enabled;
    int err = base_map_init(&sfu->rooms, 64, 0);
    if (err == 0)
        err = find_addresses(sfu, config, &listen);
    if (err == 0)
        err = sfu_dtls_identity_create(&sfu->identity);
    if (err == 0)
        err = create_workers(sfu, config, &listen);
    for (uint32_t i = 0; err == 0 && i < sfu->worker_count; i++)
        err = sfu_worker_start(sfu->slots[i].worker);
    if (err != 0) {
        int saved = errno;
        sfu_stop(sfu, 0);
        sfu_destroy(sfu);
        errno = saved;
        return err;
    }
    *out = sfu;
    return 0;
}

void sfu_stop(struct sfu *sfu, uint32_t drain_ms)
{
    pthread_mutex_lock(&sfu->lock);
    bool stopping = sfu->stopping;
    sfu->stopping = true;
    pthread_mutex_unlock(&sfu->lock);
    for (uint32_t i = 0; i < sfu->worker_count && !stopping; i++)
        sfu_worker_stop(sfu->slots[i].worker, drain_ms);
    for (uint32_t i = 0; i < sfu->worker_count; i++)
        sfu_worker_join(sfu->slots[i].worker);
}

void sfu_destroy(struct sfu *sfu)
{
    if (sfu == NULL)
        return;
    sfu_stop(sfu, 0);
    for (uint32_t i = 0; i < sfu->worker_count; i++)
        sfu_worker_destroy(sfu->slots[i].worker);
    if (sfu->identity != NULL)
        sfu_dtls_identity_destroy(sfu->identity);
    base_map_clear(&sfu->rooms);
    pthread_mutex_destroy(&sfu->lock);
    free(sfu);
}

/* ---- commands --------------------------------------------------------------------------------------------------- */

static struct slot *least_loaded(struct sfu *sfu)
{
    struct slot *best = &sfu->slots[0];
    for (uint32_t i = 1; i < sfu->worker_count; i++) {
        struct slot *slot = &sfu->slots[i];
        if (slot->participants < best->participants ||
            (slot->participants == best->participants && slot->rooms < best->rooms))
            best = slot;
    }
    return best;
}

static int open_room(struct sfu *sfu, const struct sfu_command *command)
{
    if (sfu->stopping)
        return BASE_ERR_FULL;
    if (base_map_get(&sfu->rooms, command->room_id) != NULL)
        return BASE_ERR_EXISTS;
    struct slot *slot = least_loaded(sfu);
    int err = base_map_put(&sfu->rooms, command->room_id, slot);
    if (err != 0)
        return err;
    err = sfu_worker_post(slot->worker, command);
    if (err != 0)
        base_map_remove(&sfu->rooms, command->room_id);
    else
        slot->rooms++;
    return err;
}

int sfu_post(struct sfu *sfu, const struct sfu_command *command)
{
    int err = BASE_ERR_NOT_FOUND;
    /* Posted under the lock: nothing can follow _stop, and a room's commands keep the order of their callers. */
    pthread_mutex_lock(&sfu->lock);
    if (command->kind == SFU_COMMAND_ROOM_OPEN) {
        err = open_room(sfu, command);
    } else if (!sfu->stopping && command->kind != SFU_COMMAND_STOP) {
        struct slot *slot = base_map_get(&sfu->rooms, command->room_id);
        if (slot != NULL)
            err = sfu_worker_post(slot->worker, command);
    }
    pthread_mutex_unlock(&sfu->lock);
    return err;
}

/* ---- events ----------------------------------------------------------------------------------------------------- */

/* Keeps the books on rooms and load. */
static void book(struct sfu *sfu, struct slot *slot, const struct sfu_event *event)
{
    switch (event->kind) {
    case SFU_EVENT_ROOM_CLOSED:
        pthread_mutex_lock(&sfu->lock);
        if (base_map_get(&sfu->rooms, event->room_id) == slot) {
            base_map_remove(&sfu->rooms, event->room_id);
            slot->rooms--;
        }
        pthread_mutex_unlock(&sfu->lock);
        break;
    case SFU_EVENT_JOINED:
    case SFU_EVENT_LEFT:
        pthread_mutex_lock(&sfu->lock);
        if (event->kind == SFU_EVENT_JOINED)
            slot->participants++;
        else if (slot->participants > 0)
            slot->participants--;
        pthread_mutex_unlock(&sfu->lock);
        break;
    case SFU_EVENT_REFUSED:
    case SFU_EVENT_TRACK_PUBLISHED:
    case SFU_EVENT_TRACK_UNPUBLISHED:
    case SFU_EVENT_TRACK_MUTED:
    case SFU_EVENT_TRANSPORT:
    case SFU_EVENT_SPEAKER:
    case SFU_EVENT_QUALITY:
        break;
    }
}

static bool take_from_any(struct sfu *sfu, struct sfu_event *event)
{
    for (uint32_t i = 0; i < sfu->worker_count; i++) {
        struct slot *slot = &sfu->slots[sfu->next_taken];
        sfu->next_taken = (sfu->next_taken + 1) % sfu->worker_count;
        if (sfu_worker_take_event(slot->worker, event)) {
            book(sfu, slot, event);
            return true;
        }
    }
    return false;
}

bool sfu_take_event(struct sfu *sfu, struct sfu_event *event)
{
    if (take_from_any(sfu, event))
        return true;
    /* Empty: from here on a worker wakes us. One that queued before this exchange saw `true` and did not, so look once
     * more. */
    atomic_exchange(&sfu->notified, false);
    return take_from_any(sfu, event);
}

/* ---- questions -------------------------------------------------------------------------------------------------- */

static struct slot *find_slot(struct sfu *sfu, uint64_t room_id)
{
    pthread_mutex_lock(&sfu->lock);
    struct slot *slot = base_map_get(&sfu->rooms, room_id);
    pthread_mutex_unlock(&sfu->lock);
    return slot;
}

int sfu_ice_credentials(struct sfu *sfu, uint64_t room_id, struct sfu_ice_credentials *out)
{
    memset(out, 0, sizeof *out);
    const struct slot *slot = find_slot(sfu, room_id);
    if (slot == NULL)
        return BASE_ERR_NOT_FOUND;
    base_random_ice_chars(out->ufrag, UFRAG_CHARS);
    out->ufrag[0] = sfu_worker_ufrag_char((uint32_t)(slot - sfu->slots));
    base_random_ice_chars(out->pwd, PWD_CHARS);
    return 0;
}

static void put_candidate(struct sfu_candidate *out, const union sfu_address *address, uint16_t port, bool tcp,
                          uint32_t local_preference)
{
    memset(out, 0, sizeof *out);
    sfu_address_text(address, out->address);
    out->port = port;
    out->tcp = tcp;
    out->priority = (TYPE_PREFERENCE_HOST << 24) + (local_preference << 8) + (256 - 1); /* component 1 */
}

size_t sfu_candidates(struct sfu *sfu, uint64_t room_id, struct sfu_candidate *out, size_t out_max)
{
    const struct slot *slot = find_slot(sfu, room_id);
    if (slot == NULL)
        return 0;
    size_t count = 0;
    uint16_t port = sfu_worker_udp_port(slot->worker);
    for (uint32_t i = 0; i < sfu->address_count && count < out_max; i++)
        put_candidate(&out[count++], &sfu->addresses[i], port, false, LOCAL_PREFERENCE_UDP - i);
    port = sfu_worker_tcp_port(sfu->slots[0].worker);
    for (uint32_t i = 0; sfu->tcp_enabled && i < sfu->address_count && count < out_max; i++)
        put_candidate(&out[count++], &sfu->addresses[i], port, true,
                      (DIRECTION_PREFERENCE_PASS << 13) + OTHER_PREFERENCE_TCP - i);
    return count;
}

const uint8_t *sfu_fingerprint(const struct sfu *sfu)
{
    return sfu_dtls_identity_fingerprint(sfu->identity);
}

size_t sfu_worker_stats(struct sfu *sfu, struct sfu_worker_stats *out, size_t out_max)
{
    size_t count = sfu->worker_count < out_max ? sfu->worker_count : out_max;
    for (size_t i = 0; i < count; i++)
        sfu_worker_stats_read(sfu->slots[i].worker, &out[i]);
    return count;
}
