/* SPDX-License-Identifier: Apache-2.0 */
/**
 * participant.h - one person in a room: a conversation with the server in its dialect (dialect.h), and two peer
 * connections.
 *
 * Transport-agnostic and sans-IO: the owner moves the texts of the socket and the datagrams (crowd.h does it over real
 * sockets). Drive it: _on_open when the socket is open, _on_text for each message, _on_datagram, _poll at the deadline.
 * By itself it joins (or resumes), publishes, answers each offer, pings. Threads: one owner.
 *
 * A display name "bench 7" says that the person's stamps have publisher number 7: then receivers check it, and whoever
 * keeps the account finds the stream by that number (bench_participant_sub_of()).
 */
#ifndef CONSILIUM_BENCH_CLIENT_PARTICIPANT_H
#define CONSILIUM_BENCH_CLIENT_PARTICIPANT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "bench/client/dialect.h"
#include "bench/client/peer.h"
#include "bench/client/sdp.h"

#define BENCH_ID_MAX     24
#define BENCH_TRACKS_MAX 8 /**< of one participant, PROTOCOL.md section 4 */
#define BENCH_LAYERS_MAX 3

enum bench_pc { BENCH_PUBLISH, BENCH_SUBSCRIBE };
/** BENCH_SOURCES: also a source of other clients that is none of ours. */
enum bench_source { BENCH_MIC, BENCH_CAMERA, BENCH_SCREEN, BENCH_SOURCES };

enum bench_participant_state {
    BENCH_OUTSIDE, /**< no socket yet, or it dropped: media may go on */
    BENCH_ENTERING,
    BENCH_INSIDE,
    BENCH_REFUSED, /**< see `code` */
    BENCH_CLOSED,  /**< the server said goodbye, see `code` */
};

struct bench_sub;

/** How a source is sent. All zeroes: VP8, one layer, filler. Clips are shared and outlive the participant; each
 * participant begins them at a frame of its own. */
struct bench_source_config {
    enum bench_codec codec;                           /**< video: BENCH_VP9, else VP8 */
    unsigned layers;                                  /**< video: simulcast, 1..3; 0: 1 */
    const struct bench_clip *clips[BENCH_LAYERS_MAX]; /**< lowest layer first; NULL: filler */
    const struct bench_clip *silence;                 /**< mic: what is sent while silent; NULL: clips[0] */
    bool spread;                                      /**< as in send_stream.h */
};

struct bench_participant_config {
    const struct bench_dialect *dialect; /**< NULL: Consilium's */
    const char *room;                    /**< its name; copied; not needed where a ticket says it */
    struct sfu_dtls_identity *identity;
    uint32_t number; /**< of the stamps; > 0 */
    uint64_t seed;
    int64_t wall_offset_us;
    bool sources[BENCH_SOURCES]; /**< what to publish on entering */
    struct bench_source_config media[BENCH_SOURCES];
    bool silent;             /**< begins so, see bench_participant_speak() */
    uint32_t video_bps, fps; /**< of filler: 0: 300,000 and 25; each lower layer has a quarter of the bits */
    void (*send_text)(void *user, const char *text);
    void (*send_datagram)(void *user, enum bench_pc pc, const struct sfu_path *path, const uint8_t *data, size_t len);
    /** The server's candidates of a peer connection are known (again): open sockets, call bench_peer_add_pair(). */
    void (*on_candidates)(void *user, enum bench_pc pc, const struct bench_sdp *sdp);
    /** Each message, before it is acted upon; may be NULL. */
    void (*on_message)(void *user, const char *type, const json_t *message);
    /** A stream begins, or is about to end (`ends`): the last look at its counters. Not called by _destroy. May be
     * NULL. */
    void (*on_sub)(void *user, const struct bench_sub *sub, bool ends);
    /** The number of the stamps of participant `id`, whose name does not say it since their ticket has another name; 0:
     * not known. May be NULL. */
    uint32_t (*number_of)(void *user, const char *id);
    /** Somebody in the room, oneself included, said `text`; may be NULL. */
    void (*on_chat)(void *user, const char *text);
    void *user;
};

/** Somebody else in the room. Stays where it is until that person leaves. */
struct bench_other {
    char id[BENCH_ID_MAX];
    char name[64];
    uint32_t number; /**< of "bench <number>"; 0: has another name */
    unsigned index;  /* in others */
    unsigned track_count;
    struct {
        char id[BENCH_ID_MAX];
        enum bench_source source;
        bool muted;
        bool there, asked; /* the dialect's own */
    } tracks[BENCH_TRACKS_MAX];
};

/** A stream that the server sends us. Valid until the next call with something from the server. */
struct bench_sub {
    char mid[SFU_RTP_EXT_TEXT_MAX];
    char participant[BENCH_ID_MAX];
    char track[BENCH_ID_MAX];
    uint32_t number; /**< of the publisher, 0: not known */
    enum bench_source source;
    uint32_t ssrc;
    struct bench_receive_stream *stream;
};

struct bench_participant {
    struct bench_participant_config config;
    const struct bench_dialect *dialect;
    void *words; /* the dialect's memory */
    enum bench_participant_state state;
    char code[40]; /**< of refused or closing; the newest error's otherwise */
    char room[65];
    char name[32]; /**< "bench <number>" */
    char id[BENCH_ID_MAX];
    char resume_token[128];
    bool resumed;
    struct bench_peer *peers[2];
    /** Lowest layer first; [0] without simulcast, whatever `layer` its configuration says. Those which the server
     * declines end with its answer, before they have sent anything. */
    struct bench_send_stream *sends[BENCH_SOURCES][BENCH_LAYERS_MAX];
    bool publishing[BENCH_SOURCES]; /**< is, or is to be, in the newest offer */
    bool simulcast_declined;        /**< several layers were offered, the server wanted one: the highest is sent */
    char track_ids[BENCH_SOURCES][BENCH_ID_MAX]; /**< "": not published (yet) */
    unsigned other_count, other_capacity;
    struct bench_other **others;
    unsigned sub_count;
    struct bench_sub *subs;
    char speaker[BENCH_ID_MAX];
    uint64_t errors, offers, pongs, problems; /**< problems: what the server must not say */
    char problem[96];                         /**< the first one */
    uint64_t connected_messages, lost_messages;

    /* inside */
    struct sfu_ice_credentials local[2];
    uint64_t random, next_request, next_ping_us, sdp_version;
    struct base_map other_by_id; /* of the id -> struct bench_other */
    struct base_map sub_by_edge; /* number and source -> index + 1 */
    uint64_t now_us;
};

/** Copies `config`. Returns 0 or an error of bench_peer_create(); on error *out is NULL. */
int bench_participant_create(struct bench_participant **out, const struct bench_participant_config *config,
                             uint64_t now_us);
void bench_participant_destroy(struct bench_participant *who);

/** The socket is open: joins with `ticket`, or resumes with the token it has if ticket is NULL. Dialects without
 * tickets join in any case. */
void bench_participant_on_open(struct bench_participant *who, uint64_t now_us, const char *ticket);
void bench_participant_on_text(struct bench_participant *who, uint64_t now_us, const char *text, size_t len);
/** The socket is gone. Media goes on. */
void bench_participant_on_socket_closed(struct bench_participant *who);
/** `arrival_us`: when the datagram reached this machine, <= now_us: for the delay statistics only. */
void bench_participant_on_datagram(struct bench_participant *who, uint64_t now_us, uint64_t arrival_us,
                                   enum bench_pc pc, const struct sfu_path *path, uint8_t *data, size_t len);
uint64_t bench_participant_deadline_us(const struct bench_participant *who);
void bench_participant_poll(struct bench_participant *who, uint64_t now_us);

/** Requests. The id of the request is returned; 0: this server has no such thing. Muting tells the server only: the
 * stream goes on until it is paused (bench_send_stream_pause()). */
uint64_t bench_participant_mute(struct bench_participant *who, enum bench_source source, bool muted);
uint64_t bench_participant_moderate(struct bench_participant *who, const char *action, const char *participant,
                                    const char *track);
uint64_t bench_participant_restart(struct bench_participant *who, enum bench_pc pc, uint64_t now_us);
uint64_t bench_participant_chat(struct bench_participant *who, const char *text);
void bench_participant_leave(struct bench_participant *who);
/** Publishes the present sources (again). */
void bench_participant_publish(struct bench_participant *who, uint64_t now_us);
/** Starts or stops sharing the screen. Its streams stay in `sends` when it stops, paused, and go on where they were
 * when it starts again: their counters only grow. Returns 0, or BASE_ERR_NOMEM (nothing changed). */
int bench_participant_share(struct bench_participant *who, bool on, uint64_t now_us);

/** Begins or ends to speak: the microphone's clip changes, or the level of its filler. */
void bench_participant_speak(struct bench_participant *who, bool on);

/** Looks. NULL: not there. */
const struct bench_other *bench_participant_other(const struct bench_participant *who, const char *id);
const struct bench_sub *bench_participant_sub(const struct bench_participant *who, const char *participant,
                                              enum bench_source source);
/** The stream of publisher `number` (its name says it) and source; a hash look-up. */
const struct bench_sub *bench_participant_sub_of(const struct bench_participant *who, uint32_t number,
                                                 enum bench_source source);
/** Every peer connection that it needs is connected. */
bool bench_participant_connected(const struct bench_participant *who);
const char *bench_source_name(enum bench_source source);
/** BENCH_SOURCES: none of ours. */
enum bench_source bench_source_of(const char *name);

#endif
