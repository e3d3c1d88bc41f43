/* SPDX-License-Identifier: Apache-2.0 */
#include "signaling/hub.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "signaling/hub_state.h"

int sig_hub_create(struct sig_hub **out, const struct sig_hub_config *config)
{
    *out = NULL;
    struct sig_hub *hub = calloc(1, sizeof *hub);
    if (!hub)
        return BASE_ERR_NOMEM;
    hub->config = *config;
    hub->next_room_id = hub->next_participant_id = hub->next_track_id = 1;
    base_random_bytes(hub->key, sizeof hub->key);
    if (base_map_init(&hub->rooms_by_id, 16, hub->key[0]) || base_map_init(&hub->rooms_by_name, 16, hub->key[0]) ||
        base_map_init(&hub->participants, 64, hub->key[0]) || base_map_init(&hub->resume, 64, hub->key[0])) {
        sig_hub_destroy(hub);
        return BASE_ERR_NOMEM;
    }
    *out = hub;
    return BASE_OK;
}

void sig_hub_destroy(struct sig_hub *hub)
{
    if (!hub)
        return;
    sig_rooms_free_all(hub);
    while (hub->connections) {
        struct sig_connection *connection = hub->connections;
        hub->connections = connection->next;
        free(connection);
    }
    base_map_clear(&hub->rooms_by_id);
    base_map_clear(&hub->rooms_by_name);
    base_map_clear(&hub->participants);
    base_map_clear(&hub->resume);
    base_heap_clear(&hub->timers);
    free(hub);
}

uint64_t sig_hub_hash(const struct sig_hub *hub, const char *text)
{
    return base_siphash(text, strlen(text), hub->key);
}

int sig_hub_post(struct sig_hub *hub, const struct sfu_command *command)
{
    return hub->config.port.post(hub->config.port.user, command);
}

void sig_hub_set_timer(struct sig_hub *hub, struct sig_timer *timer, uint64_t deadline_us)
{
    (void)base_heap_set(&hub->timers, &timer->node, deadline_us);
}

struct sig_connection *sig_hub_socket_opened(struct sig_hub *hub, uint64_t now_us, void *socket)
{
    if (hub->going_down)
        return NULL;
    struct sig_connection *connection = calloc(1, sizeof *connection);
    if (!connection)
        return NULL;
    connection->timer.kind = SIG_TIMER_CONNECTION;
    connection->hub = hub;
    connection->socket = socket;
    connection->opened_us = connection->heard_us = now_us;
    sig_allowance_fill(&connection->allowance, now_us, SIG_MESSAGES_BURST);
    connection->join_id = SIG_NO_ID;
    if (base_heap_set(&hub->timers, &connection->timer.node, now_us + SIG_FIRST_MESSAGE_US)) {
        free(connection);
        return NULL;
    }
    connection->next = hub->connections;
    if (hub->connections)
        hub->connections->previous = connection;
    hub->connections = connection;
    hub->stats.sockets++;
    hub->stats.sockets_opened++;
    return connection;
}

void sig_hub_socket_dropped(struct sig_connection *connection, uint64_t now_us)
{
    struct sig_hub *hub = connection->hub;
    connection->state = SIG_CONNECTION_CLOSED;
    if (connection->participant)
        sig_participant_detach(connection->participant, now_us);
    sig_hub_set_timer(hub, &connection->timer, BASE_NEVER_US);
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        hub->connections = connection->next;
    if (connection->next)
        connection->next->previous = connection->previous;
    hub->stats.sockets--;
    free(connection);
}

size_t sig_hub_socket_max_bytes(const struct sig_connection *connection)
{
    return connection->state == SIG_CONNECTION_JOINED ? SIG_ANSWER_MAX_BYTES : SIG_MESSAGE_MAX_BYTES;
}

void sig_hub_socket_unreadable(struct sig_connection *connection, uint64_t now_us)
{
    sig_session_error(connection, now_us, SIG_NO_ID, "bad_request", "not a text message, or too large");
    sig_session_close(connection, now_us, SIG_CLOSE_PROTOCOL_ERROR);
}

void sig_hub_on_sfu_event(struct sig_hub *hub, uint64_t now_us, const struct sfu_event *event)
{
    sig_events_handle(hub, now_us, event);
}

uint64_t sig_hub_deadline_us(const struct sig_hub *hub)
{
    const struct base_heap_node *first = base_heap_first(&hub->timers);
    return first ? first->deadline_us : BASE_NEVER_US;
}

void sig_hub_poll(struct sig_hub *hub, uint64_t now_us)
{
    struct base_heap_node *first;
    while ((first = base_heap_first(&hub->timers)) != NULL && first->deadline_us <= now_us) {
        struct sig_timer *timer = base_container_of(first, struct sig_timer, node);
        sig_hub_set_timer(hub, timer, BASE_NEVER_US);
        switch (timer->kind) {
        case SIG_TIMER_CONNECTION:
            sig_session_on_timer(base_container_of(timer, struct sig_connection, timer), now_us);
            break;
        case SIG_TIMER_PARTICIPANT:
            sig_participant_on_timer(base_container_of(timer, struct sig_participant, timer), now_us);
            break;
        case SIG_TIMER_ROOM:
            sig_room_on_timer(base_container_of(timer, struct sig_room, timer), now_us);
            break;
        }
    }
}

void sig_hub_shutdown(struct sig_hub *hub, uint64_t now_us)
{
    hub->going_down = true;
    for (struct sig_connection *c = hub->connections; c; c = c->next)
        sig_session_closing(c, now_us, "server_shutdown", true, SIG_CLOSE_GOING_DOWN);
}

void sig_hub_stats(const struct sig_hub *hub, struct sig_hub_stats *out)
{
    *out = hub->stats;
    out->rooms = hub->rooms_by_id.count;
    out->participants = hub->participants.count;
    size_t cursor = 0;
    const struct sig_participant *participant;
    while ((participant = base_map_next(&hub->participants, &cursor, NULL)) != NULL)
        out->detached += participant->connection == NULL;
}
