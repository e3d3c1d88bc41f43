/* SPDX-License-Identifier: Apache-2.0 */
/**
 * fake_visio.h - a hub with a fake media engine and fake sockets, in virtual time: for tests of the visio protocol.
 *
 * The fake engine does what the contract in sfu/room/messages.h says, at once: commands become events, which wait until
 * fake_run() hands them to the hub. It keeps the latest SUBSCRIBE of each participant, and counts.
 */
#ifndef CONSILIUM_TESTS_SUPPORT_FAKE_VISIO_H
#define CONSILIUM_TESTS_SUPPORT_FAKE_VISIO_H

#include <jansson.h>

#include "signaling/hub.h"

#define FAKE_PARTICIPANTS_MAX 64
#define FAKE_ROOMS_MAX        1024
#define FAKE_SOCKETS_MAX      64
#define FAKE_MESSAGES_MAX     256
#define FAKE_EVENTS_MAX       1024
#define FAKE_WALL_US          UINT64_C(1700000000000000) /**< 2023-11-14T22:13:20Z, all the time */

struct fake_participant {
    uint64_t id, room_id, identity[2];
    struct sfu_up_track_config up[SFU_TRACKS_MAX];
    size_t up_count;
    struct sfu_down_track_config down[32];
    size_t down_count;
    unsigned transports[2]; /**< TRANSPORT commands by peer connection */
    struct sfu_transport_parameters transport[2];
};

struct fake_room {
    uint64_t id;
    struct sfu_room_policy policy;
    uint64_t removed[8][2];
    size_t removed_count;
};

/** The client's end of a socket. */
struct fake_socket {
    struct sig_connection *connection; /**< NULL: dropped */
    unsigned closed;                   /**< close code, 0: open */
    json_t *messages[FAKE_MESSAGES_MAX];
    size_t message_count;
    size_t read; /**< next to look at */
};

struct fake_visio {
    struct sig_hub *hub;
    struct sig_tickets *tickets;
    uint64_t now_us;
    int post_result; /**< not 0: what every post returns */
    bool rooms_fail; /**< the engine takes ROOM_OPEN and then has no memory for it */
    struct fake_participant participants[FAKE_PARTICIPANTS_MAX];
    size_t participant_count;
    struct fake_room rooms[FAKE_ROOMS_MAX];
    size_t room_count;
    struct sfu_event events[FAKE_EVENTS_MAX];
    size_t event_head, event_tail;
    struct fake_socket sockets[FAKE_SOCKETS_MAX];
    size_t socket_count;
    unsigned commands[SFU_COMMAND_STOP + 1];
    unsigned credentials;
};

void fake_start(struct fake_visio *fake);
void fake_stop(struct fake_visio *fake);
/** Hands waiting events to the hub until there are none. */
void fake_run(struct fake_visio *fake);
/** Moves time on in steps of at most a second, with polls and events. */
void fake_advance(struct fake_visio *fake, uint64_t us);
/** A new socket; its number. */
size_t fake_open(struct fake_visio *fake);
/** The client's text arrives; events follow. */
void fake_text(struct fake_visio *fake, size_t socket, const char *text);
/** The same with a JSON object, which is consumed. */
void fake_json(struct fake_visio *fake, size_t socket, json_t *message);
void fake_drop(struct fake_visio *fake, size_t socket);
/** A ticket for room "demo" with all rights; static storage; "" if there are too many. `person` is the identity. */
const char *fake_ticket(struct fake_visio *fake, uint64_t person, uint32_t capacity);
/** Opens a socket and joins "demo" with all rights; the socket's number. */
size_t fake_join(struct fake_visio *fake, uint64_t person);
/** The next message of `type` that was not looked at, skipping others; NULL: none. Borrowed. */
const json_t *fake_expect(struct fake_visio *fake, size_t socket, const char *type);
/** How many messages of `type` came in all. */
size_t fake_count(const struct fake_visio *fake, size_t socket, const char *type);
struct fake_participant *fake_participant(struct fake_visio *fake, uint64_t id);
/** Makes an event of the engine, as if it happened there. */
void fake_event(struct fake_visio *fake, const struct sfu_event *event);
/** Reads a text file whole (NUL-terminated, the caller frees); NULL if it cannot be read. */
char *fake_read_file(const char *path, size_t *len);
/** An answer as a browser would give it to our offer `sdp` (the caller frees). */
char *fake_answer(const char *sdp, const char *ufrag);
/** A publish offer with the kinds in `media` ("a" Opus, "v" VP8, "9" VP9 and then VP8,
 * "s" VP8 in three layers), mids 0, 1, …; sendonly (the
 * caller frees). */
char *fake_offer(const char *media, const char *ufrag);

#endif
