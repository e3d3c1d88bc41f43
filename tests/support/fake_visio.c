/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/fake_visio.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define FINGERPRINT "01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F:20"

struct fake_participant *fake_participant(struct fake_visio *fake, uint64_t id)
{
    for (size_t i = 0; i < fake->participant_count; i++) {
        if (fake->participants[i].id == id)
            return &fake->participants[i];
    }
    return NULL;
}

static struct fake_room *find_room(struct fake_visio *fake, uint64_t id)
{
    for (size_t i = 0; i < fake->room_count; i++) {
        if (fake->rooms[i].id == id)
            return &fake->rooms[i];
    }
    return NULL;
}

void fake_event(struct fake_visio *fake, const struct sfu_event *event)
{
    assert(fake->event_tail - fake->event_head < FAKE_EVENTS_MAX);
    fake->events[fake->event_tail++ % FAKE_EVENTS_MAX] = *event;
}

static void say(struct fake_visio *fake, const struct fake_participant *p, enum sfu_event_kind kind,
                enum sfu_reason reason)
{
    fake_event(fake,
               &(struct sfu_event){.kind = kind, .room_id = p->room_id, .participant_id = p->id, .reason = reason});
}

static void leave(struct fake_visio *fake, struct fake_participant *p, enum sfu_reason reason)
{
    say(fake, p, SFU_EVENT_LEFT, reason);
    *p = fake->participants[--fake->participant_count];
}

static void join(struct fake_visio *fake, const struct sfu_command *c)
{
    struct fake_room *room = find_room(fake, c->room_id);
    struct fake_participant p = {.id = c->participant_id, .room_id = c->room_id};
    size_t inside = 0;
    memcpy(p.identity, c->identity, sizeof p.identity);
    for (size_t i = 0; i < room->removed_count; i++) {
        if (memcmp(room->removed[i], c->identity, sizeof c->identity) == 0) {
            say(fake, &p, SFU_EVENT_REFUSED, SFU_REASON_REMOVED);
            return;
        }
    }
    for (size_t i = 0; i < fake->participant_count; i++) {
        if (fake->participants[i].room_id == c->room_id &&
            memcmp(fake->participants[i].identity, c->identity, sizeof c->identity) == 0) {
            leave(fake, &fake->participants[i], SFU_REASON_REPLACED);
            break;
        }
    }
    for (size_t i = 0; i < fake->participant_count; i++)
        inside += fake->participants[i].room_id == c->room_id;
    if (inside >= room->policy.capacity || fake->participant_count == FAKE_PARTICIPANTS_MAX) {
        say(fake, &p, SFU_EVENT_REFUSED, SFU_REASON_ROOM_FULL);
        return;
    }
    fake->participants[fake->participant_count++] = p;
    say(fake, &p, SFU_EVENT_JOINED, SFU_REASON_NONE);
}

static void track_event(struct fake_visio *fake, const struct fake_participant *p, enum sfu_event_kind kind,
                        const struct sfu_up_track_config *track, enum sfu_mute_origin origin)
{
    fake_event(fake, &(struct sfu_event){.kind = kind,
                                         .room_id = p->room_id,
                                         .participant_id = p->id,
                                         .track_id = track->track_id,
                                         .source = track->source,
                                         .video_codec = track->video_codec,
                                         .muted = track->muted,
                                         .origin = origin});
}

static bool in_list(const struct sfu_up_track_config *list, size_t count, uint64_t id)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i].track_id == id)
            return true;
    }
    return false;
}

static void publish(struct fake_visio *fake, struct fake_participant *p, const struct sfu_command *c)
{
    assert(c->up_count <= SFU_TRACKS_MAX);
    for (size_t i = 0; i < p->up_count; i++) {
        if (!in_list(c->up, c->up_count, p->up[i].track_id))
            track_event(fake, p, SFU_EVENT_TRACK_UNPUBLISHED, &p->up[i], SFU_MUTED_BY_SELF);
    }
    for (size_t i = 0; i < c->up_count; i++) {
        if (!in_list(p->up, p->up_count, c->up[i].track_id))
            track_event(fake, p, SFU_EVENT_TRACK_PUBLISHED, &c->up[i], SFU_MUTED_BY_SELF);
    }
    p->up_count = c->up_count;
    memcpy(p->up, c->up, c->up_count * sizeof *c->up);
}

static void mute(struct fake_visio *fake, struct fake_participant *p, const struct sfu_command *c)
{
    for (size_t i = 0; i < p->up_count; i++) {
        if (p->up[i].track_id == c->track_id && p->up[i].muted != c->muted) {
            p->up[i].muted = c->muted;
            track_event(fake, p, SFU_EVENT_TRACK_MUTED, &p->up[i], c->origin);
        }
    }
}

static void participant_command(struct fake_visio *fake, struct fake_participant *p, const struct sfu_command *c)
{
    switch (c->kind) {
    case SFU_COMMAND_LEAVE:
        leave(fake, p, c->reason);
        break;
    case SFU_COMMAND_REMOVE: {
        struct fake_room *room = find_room(fake, c->room_id);
        if (room->removed_count < 8)
            memcpy(room->removed[room->removed_count++], p->identity, sizeof p->identity);
        leave(fake, p, SFU_REASON_REMOVED);
        break;
    }
    case SFU_COMMAND_TRANSPORT:
        p->transports[c->peer_connection]++;
        p->transport[c->peer_connection] = c->transport;
        break;
    case SFU_COMMAND_PUBLISH:
        publish(fake, p, c);
        break;
    case SFU_COMMAND_SUBSCRIBE:
        p->down_count = c->down_count < 32 ? c->down_count : 32;
        if (p->down_count)
            memcpy(p->down, c->down, p->down_count * sizeof *c->down);
        break;
    case SFU_COMMAND_MUTE:
        mute(fake, p, c);
        break;
    case SFU_COMMAND_VIEW:
        for (size_t i = 0; i < p->down_count; i++) {
            if (p->down[i].track_id == c->track_id)
                p->down[i].view = c->view;
        }
        break;
    default:
        break;
    }
}

static int post(void *user, const struct sfu_command *c)
{
    struct fake_visio *fake = user;
    struct fake_room *room = find_room(fake, c->room_id);
    if (fake->post_result)
        return fake->post_result;
    fake->commands[c->kind]++;
    if (c->kind == SFU_COMMAND_ROOM_OPEN) {
        if (room)
            return BASE_ERR_EXISTS;
        if (fake->room_count == FAKE_ROOMS_MAX)
            return BASE_ERR_FULL;
        fake->rooms[fake->room_count++] = (struct fake_room){.id = c->room_id, .policy = c->policy};
        return BASE_OK;
    }
    if (!room)
        return BASE_ERR_NOT_FOUND;
    if (fake->rooms_fail && c->kind == SFU_COMMAND_JOIN) {
        /* what a worker says to ROOM_OPEN and JOIN in one batch */
        struct sfu_event event = {
            .kind = SFU_EVENT_ROOM_CLOSED, .room_id = c->room_id, .reason = SFU_REASON_NO_RESOURCES};
        fake_event(fake, &event);
        event.kind = SFU_EVENT_REFUSED;
        event.participant_id = c->participant_id;
        event.reason = SFU_REASON_ROOM_CLOSED;
        fake_event(fake, &event);
        *room = fake->rooms[--fake->room_count];
        return BASE_OK;
    }
    if (c->kind == SFU_COMMAND_ROOM_CLOSE) {
        for (size_t i = fake->participant_count; i-- > 0;) {
            if (fake->participants[i].room_id == c->room_id)
                leave(fake, &fake->participants[i], c->reason);
        }
        fake_event(fake,
                   &(struct sfu_event){.kind = SFU_EVENT_ROOM_CLOSED, .room_id = c->room_id, .reason = c->reason});
        *room = fake->rooms[--fake->room_count];
        return BASE_OK;
    }
    if (c->kind == SFU_COMMAND_JOIN) {
        join(fake, c);
        return BASE_OK;
    }
    struct fake_participant *p = fake_participant(fake, c->participant_id);
    if (p && p->room_id == c->room_id)
        participant_command(fake, p, c);
    return BASE_OK;
}

static int ice_credentials(void *user, uint64_t room_id, struct sfu_ice_credentials *out)
{
    struct fake_visio *fake = user;
    if (!find_room(fake, room_id))
        return BASE_ERR_NOT_FOUND;
    snprintf(out->ufrag, sizeof out->ufrag, "srv%05u", ++fake->credentials);
    snprintf(out->pwd, sizeof out->pwd, "serverpassword%010u", fake->credentials);
    return BASE_OK;
}

static size_t candidates(void *user, uint64_t room_id, struct sfu_candidate *out, size_t out_max)
{
    (void)user, (void)room_id;
    if (out_max < 2)
        return 0;
    out[0] = (struct sfu_candidate){"192.0.2.1", 40000, false, 2130706431};
    out[1] = (struct sfu_candidate){"192.0.2.1", 40001, true, 1015021823};
    return 2;
}

static const uint8_t *fingerprint(void *user)
{
    static const uint8_t bytes[SFU_DTLS_FINGERPRINT_BYTES] = {0xab, 0xcd};
    (void)user;
    return bytes;
}

static void send_text(void *user, void *socket, const char *text, size_t len)
{
    struct fake_socket *s = socket;
    (void)user;
    if (s->message_count == FAKE_MESSAGES_MAX)
        return;
    json_t *json = json_loadb(text, len, 0, NULL);
    assert(json && !s->closed);
    s->messages[s->message_count++] = json;
}

static void close_socket(void *user, void *socket, enum sig_close_code code)
{
    struct fake_socket *s = socket;
    (void)user;
    assert(!s->closed);
    s->closed = code;
}

static uint64_t wall_us(void)
{
    return FAKE_WALL_US;
}

void fake_start(struct fake_visio *fake)
{
    memset(fake, 0, sizeof *fake);
    fake->now_us = 1000000000;
    int err = sig_tickets_create(&fake->tickets, 64);
    struct sig_hub_config config = {.port = {fake, post, ice_credentials, candidates, fingerprint},
                                    .output = {fake, send_text, close_socket},
                                    .tickets = fake->tickets,
                                    .wall_us = wall_us};
    if (!err)
        err = sig_hub_create(&fake->hub, &config);
    assert(!err);
}

void fake_stop(struct fake_visio *fake)
{
    for (size_t i = 0; i < fake->socket_count; i++) {
        fake_drop(fake, i);
        for (size_t j = 0; j < fake->sockets[i].message_count; j++)
            json_decref(fake->sockets[i].messages[j]);
    }
    sig_hub_destroy(fake->hub);
    sig_tickets_destroy(fake->tickets);
}

void fake_run(struct fake_visio *fake)
{
    while (fake->event_head != fake->event_tail) {
        struct sfu_event event = fake->events[fake->event_head++ % FAKE_EVENTS_MAX];
        sig_hub_on_sfu_event(fake->hub, fake->now_us, &event);
    }
    if (sig_hub_deadline_us(fake->hub) <= fake->now_us)
        sig_hub_poll(fake->hub, fake->now_us);
}

void fake_advance(struct fake_visio *fake, uint64_t us)
{
    uint64_t end_us = fake->now_us + us;
    while (fake->now_us < end_us) {
        fake->now_us = end_us - fake->now_us > 1000000 ? fake->now_us + 1000000 : end_us;
        sig_hub_poll(fake->hub, fake->now_us);
        fake_run(fake);
    }
}

size_t fake_open(struct fake_visio *fake)
{
    assert(fake->socket_count < FAKE_SOCKETS_MAX);
    struct fake_socket *s = &fake->sockets[fake->socket_count];
    s->connection = sig_hub_socket_opened(fake->hub, fake->now_us, s);
    return fake->socket_count++;
}

void fake_text(struct fake_visio *fake, size_t socket, const char *text)
{
    if (fake->sockets[socket].connection)
        sig_hub_socket_text(fake->sockets[socket].connection, fake->now_us, text, strlen(text));
    fake_run(fake);
}

void fake_json(struct fake_visio *fake, size_t socket, json_t *message)
{
    char *text = json_dumps(message, JSON_COMPACT);
    json_decref(message);
    fake_text(fake, socket, text);
    free(text);
}

void fake_drop(struct fake_visio *fake, size_t socket)
{
    struct sig_connection *connection = fake->sockets[socket].connection;
    fake->sockets[socket].connection = NULL;
    if (connection)
        sig_hub_socket_dropped(connection, fake->now_us);
    fake_run(fake);
}

const char *fake_ticket(struct fake_visio *fake, uint64_t person, uint32_t capacity)
{
    static char ticket[SIG_TICKET_CHARS + 1];
    struct sig_grant grant = {.room = "demo",
                              .title = "demo",
                              .identity = {person, 1},
                              .rights = SFU_RIGHT_PUBLISH_AUDIO | SFU_RIGHT_PUBLISH_VIDEO | SFU_RIGHT_PUBLISH_SCREEN |
                                        SFU_RIGHT_SUBSCRIBE | SFU_RIGHT_MODERATE,
                              .policy = {.capacity = capacity}};
    snprintf(grant.name, sizeof grant.name, "Person %u", (unsigned)person);
    (void)sig_tickets_issue(fake->tickets, fake->now_us, &grant, ticket);
    return ticket;
}

size_t fake_join(struct fake_visio *fake, uint64_t person)
{
    size_t socket = fake_open(fake);
    fake_json(fake, socket,
              json_pack("{s:s, s:i, s:i, s:s}", "type", "join", "id", 1, "version", 1, "ticket",
                        fake_ticket(fake, person, 5)));
    return socket;
}

static bool is_type(const json_t *message, const char *type)
{
    const char *text = json_string_value(json_object_get(message, "type"));
    return text && strcmp(text, type) == 0;
}

const json_t *fake_expect(struct fake_visio *fake, size_t socket, const char *type)
{
    struct fake_socket *s = &fake->sockets[socket];
    while (s->read < s->message_count) {
        const json_t *message = s->messages[s->read++];
        if (is_type(message, type))
            return message;
    }
    return NULL;
}

size_t fake_count(const struct fake_visio *fake, size_t socket, const char *type)
{
    const struct fake_socket *s = &fake->sockets[socket];
    size_t count = 0;
    for (size_t i = 0; i < s->message_count; i++)
        count += is_type(s->messages[i], type);
    return count;
}

char *fake_read_file(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    char *data = file ? malloc(1 << 20) : NULL;
    if (data) {
        *len = fread(data, 1, (1 << 20) - 1, file);
        data[*len] = '\0';
    }
    if (file)
        fclose(file);
    return data;
}

static void add_transport(char *out, size_t max, const char *ufrag, const char *setup)
{
    size_t used = strlen(out);
    snprintf(out + used, max - used,
             "c=IN IP4 0.0.0.0\r\na=ice-ufrag:%s\r\na=ice-pwd:%s0123456789012345678901\r\n"
             "a=fingerprint:sha-256 " FINGERPRINT "\r\na=setup:%s\r\na=rtcp-mux\r\n",
             ufrag, ufrag, setup);
}

char *fake_answer(const char *sdp, const char *ufrag)
{
    enum { MAX = 1 << 19 };
    char *out = malloc(MAX), mid[16], direction[16];
    const char *group = strstr(sdp, "a=group:BUNDLE");
    assert(group);
    snprintf(out, MAX, "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n%.*s\r\n", (int)strcspn(group, "\r"), group);
    for (const char *at = strstr(sdp, "\nm="); at; at = strstr(at, "\nm=")) {
        at++;
        const char *end = strstr(at, "\nm=");
        size_t len = end ? (size_t)(end - at) : strlen(at);
        bool audio = strncmp(at, "m=audio", 7) == 0;
        sscanf(strstr(at, "a=mid:"), "a=mid:%15[0-9]", mid);
        const char *sends = strstr(at, "a=sendonly");
        strcpy(direction, sends && (size_t)(sends - at) < len ? "recvonly" : "inactive");
        const char *vp9_at = strstr(at, "VP9/90000");
        bool vp9 = vp9_at && (size_t)(vp9_at - at) < len;
        strcat(out, audio ? "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
                    : vp9 ? "m=video 9 UDP/TLS/RTP/SAVPF 98 99\r\n"
                          : "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n");
        add_transport(out, MAX, ufrag, "active");
        size_t used = strlen(out);
        snprintf(out + used, MAX - used, "a=mid:%s\r\na=%s\r\n%s", mid, direction,
                 audio ? "a=rtpmap:111 opus/48000/2\r\n"
                 : vp9 ? "a=rtpmap:98 VP9/90000\r\na=rtpmap:99 rtx/90000\r\na=fmtp:99 apt=98\r\n"
                       : "a=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n");
    }
    return out;
}

char *fake_offer(const char *media, const char *ufrag)
{
    enum { MAX = 1 << 16 };
    char *out = malloc(MAX);
    snprintf(out, MAX, "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE");
    for (size_t i = 0; media[i]; i++)
        snprintf(out + strlen(out), MAX - strlen(out), " %zu", i);
    strcat(out, "\r\n");
    for (size_t i = 0; media[i]; i++) {
        strcat(out, media[i] == 'a'   ? "m=audio 9 UDP/TLS/RTP/SAVPF 109\r\n"
                    : media[i] == '9' ? "m=video 9 UDP/TLS/RTP/SAVPF 122 123 124 120 121\r\n"
                                      : "m=video 9 UDP/TLS/RTP/SAVPF 120 121\r\n");
        add_transport(out, MAX, ufrag, "actpass");
        size_t used = strlen(out);
        snprintf(out + used, MAX - used, "a=mid:%zu\r\na=sendonly\r\n%s%sa=ssrc:%zu cname:x\r\n", i,
                 media[i] == '9' ? "a=rtpmap:122 VP9/90000\r\na=fmtp:122 x=1;profile-id=2\r\na=rtpmap:123 VP9/90000\r\n"
                                   "a=fmtp:123 profile-id=0\r\na=rtpmap:124 rtx/90000\r\na=fmtp:124 apt=123\r\n"
                 : media[i] == 's' ? "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
                                     "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n"
                                     "a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\r\n"
                                     "a=rid:q send\r\na=rid:h send\r\na=rid:f send\r\na=simulcast:send q;h;f\r\n"
                                   : "",
                 media[i] == 'a' ? "a=rtpmap:109 opus/48000/2\r\n"
                                 : "a=rtpmap:120 VP8/90000\r\na=rtpmap:121 rtx/90000\r\na=fmtp:121 apt=120\r\n",
                 1000 + i);
    }
    return out;
}
