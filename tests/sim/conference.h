/* SPDX-License-Identifier: Apache-2.0 */
/**
 * conference.h - a whole conference in one process and in virtual time: the SFU's engine, bench clients, and a network
 * between them that loses and delays. Everything follows from the seed.
 *
 * Signaling is replaced by direct commands: what a participant publishes is negotiated at once, the others subscribe
 * `signaling_us` after they hear of a track. Each participant has two peer connections (publish, subscribe), each with
 * its own address and its own pair of links.
 */
#ifndef CONSILIUM_TESTS_SIM_CONFERENCE_H
#define CONSILIUM_TESTS_SIM_CONFERENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/client/peer.h"
#include "sfu/room/engine.h"
#include "tests/sim/net.h"

#define SIM_PARTICIPANTS_MAX 24
#define SIM_EVENTS_MAX       8192
#define SIM_ROOM             77u
#define SIM_SECOND           1000000u

struct sim_config {
    uint64_t seed;
    uint32_t capacity;           /**< of the room; 0: 24 */
    struct sim_link_config up;   /**< client to server */
    struct sim_link_config down; /**< server to client */
    uint32_t signaling_us;       /**< 0: 50 ms */
    uint32_t video_bps;          /**< 0: 300,000 */
    uint32_t fps;                /**< 0: 25 */
};

struct sim_join_options {
    bool no_audio, no_video;
    bool screen;    /**< a second video track */
    bool simulcast; /**< the camera in three layers, of a ninth, a third and all of video_bps */
    bool vp9;
    bool wrong_fingerprint; /**< the server is told another one than our certificate's */
    uint64_t identity;      /**< 0: one of its own */
    uint16_t first_seq;     /**< of every stream; 0: drawn */
};

enum { SIM_AUDIO, SIM_VIDEO, SIM_SCREEN, SIM_TRACKS };

struct sim_participant;

/** One peer connection at its address. */
struct sim_endpoint {
    struct sim *sim;
    struct sim_participant *owner;
    enum sfu_peer_connection pc;
    struct bench_peer *peer;
    struct base_heap_node node;
    struct sfu_path path; /**< local: ours; remote: the server's */
    struct sim_link up, down;
    struct sfu_ice_credentials server;
};

struct sim_subscription {
    uint32_t publisher; /**< index of the participant */
    int track;          /**< SIM_AUDIO .. */
    uint64_t track_id;
    struct sfu_down_track_config down;
    struct bench_receive_stream *stream;
};

struct sim_participant {
    struct sim *sim;
    uint32_t index;
    uint64_t id;
    bool present;  /**< JOINED and not LEFT, as the events say */
    bool vanished; /**< its machine is off: receives and sends nothing */
    struct sim_join_options options;
    struct sim_endpoint endpoints[2];
    uint64_t track_ids[SIM_TRACKS];                   /**< 0: not published */
    bool track_known[SIM_TRACKS];                     /**< TRACK_PUBLISHED was seen */
    struct bench_send_stream *sends[SIM_TRACKS];      /**< simulcast: the highest layer */
    struct bench_send_stream *layers[SFU_LAYERS_MAX]; /**< simulcast: of the camera; else NULL */
    struct sim_subscription subscriptions[SIM_PARTICIPANTS_MAX * SIM_TRACKS];
    unsigned subscription_count;
    unsigned next_mid;
    uint64_t subscribe_due_us; /* BASE_NEVER_US: nothing changed */
};

struct sim {
    struct sim_config config;
    uint64_t now_us;
    uint64_t random;
    struct sfu_engine *engine;
    struct sfu_dtls_identity *server_identity, *client_identity;
    struct sim_net net;
    struct base_heap deadlines;
    struct sim_participant participants[SIM_PARTICIPANTS_MAX];
    uint32_t participant_count;
    uint16_t next_port;
    uint64_t next_track_id;
    uint32_t
        lost_by_ssrc[65536]; /**< RTP packets that the network lost, by the low 16 bits of their SSRC (all differ) */
    struct {
        uint64_t at_us;
        struct sfu_event event;
    } events[SIM_EVENTS_MAX];
    unsigned event_count;
    uint64_t trace_hash; /**< of every packet sent, and when */
    uint64_t packets;
    bool replay;               /**< somebody on the way damages a copy of each client packet, and sends two more */
    uint64_t egress_to_nobody; /**< datagrams of the server to addresses that no client has */
};

/** A room is open afterwards. NULL: out of memory. */
struct sim *sim_create(const struct sim_config *config);
void sim_destroy(struct sim *sim);
/** Joins with both peer connections and its tracks. options: NULL for audio and video. Never NULL. */
struct sim_participant *sim_join(struct sim *sim, const struct sim_join_options *options);
void sim_leave(struct sim *sim, struct sim_participant *who);
void sim_mute(struct sim *sim, struct sim_participant *who, int track, bool muted, enum sfu_mute_origin origin);
/** How `viewer` wants `publisher`'s track. */
void sim_view(struct sim *sim, struct sim_participant *viewer, const struct sim_participant *publisher, int track,
              uint8_t layers_max, bool paused);
/** Pauses (or resumes) one simulcast layer. */
void sim_pause_layer(struct sim *sim, struct sim_participant *who, unsigned layer, bool paused);
void sim_restart_ice(struct sim *sim, struct sim_participant *who, enum sfu_peer_connection pc);
/** The client's address changes; it notices and checks from the new one. */
void sim_move(struct sim *sim, struct sim_participant *who, enum sfu_peer_connection pc);
/** As a stranger would: from any address, bypassing the links. */
void sim_inject(struct sim *sim, const struct sfu_path *path, const uint8_t *data, size_t len);
/** Runs until the virtual clock shows `until_us`. */
void sim_run(struct sim *sim, uint64_t until_us);
void sim_run_for(struct sim *sim, uint64_t us);
/** Pauses (or resumes) all sources, to compare counters when nothing is under way. */
void sim_pause_all(struct sim *sim, bool paused);
void sim_pause(struct sim *sim, struct sim_participant *who, int track, bool paused);

/** `subscriber`'s stream of `publisher`'s track, or NULL. */
struct bench_receive_stream *sim_stream(const struct sim_participant *subscriber,
                                        const struct sim_participant *publisher, int track);
const struct bench_receive_counters *sim_received(const struct sim_participant *subscriber,
                                                  const struct sim_participant *publisher, int track);
const struct bench_send_counters *sim_sent(const struct sim_participant *publisher, int track);
struct bench_peer *sim_peer(const struct sim_participant *who, enum sfu_peer_connection pc);
/** Events of this kind (about this participant, if not NULL) since event number `from`; the first one's number in
 * *first if not NULL. */
unsigned sim_count_events(const struct sim *sim, unsigned from, enum sfu_event_kind kind,
                          const struct sim_participant *who, unsigned *first);
/** What no receiver should ever see, over all of them; prints each stream that did. */
uint64_t sim_errors(const struct sim *sim);
bool sim_all_connected(const struct sim *sim);
uint32_t sim_lost(const struct sim *sim, uint32_t ssrc);

#endif
