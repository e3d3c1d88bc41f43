/* SPDX-License-Identifier: Apache-2.0 */
/**
 * world.h - an engine in virtual time with peers that speak real ICE, DTLS, SRTP and RTCP to it in memory.
 *
 * The network is perfect unless a test drops packets itself. Time moves only in world_advance().
 */
#ifndef CONSILIUM_TESTS_UNIT_ROOM_WORLD_H
#define CONSILIUM_TESTS_UNIT_ROOM_WORLD_H

#include "sfu/room/engine.h"
#include "sfu/transport/dtls_session.h"
#include "sfu/wire/rtcp.h"

#define WORLD_WALL_OFFSET_US (INT64_C(1700000000) * 1000000)
#define WORLD_PEERS_MAX      40
#define WORLD_EVENTS_MAX     512
#define WORLD_PACKETS_MAX    2048
#define WORLD_MID_EXT        4 /* extension ids that publishers use: not ours */
#define WORLD_LEVEL_EXT      5
#define WORLD_TWCC_EXT       6
#define WORLD_RID_EXT        7
#define WORLD_RRID_EXT       8
#define WORLD_PT_OPUS        109
#define WORLD_PT_VP8         120
#define WORLD_PT_RTX         121

struct world_packet {
    struct sfu_rtp_header header;
    struct sfu_rtp_ext_values ext;
    size_t payload_bytes, padding_bytes, wire_bytes;
    uint8_t payload[1300];
};

struct world;

/** One peer connection's other end. */
struct world_peer {
    struct world *world;
    uint64_t participant_id;
    enum sfu_peer_connection kind;
    struct sfu_path path;
    struct sfu_ice_credentials server;
    struct sfu_dtls_session *dtls;
    struct sfu_srtp_session *send, *receive;
    uint16_t transport_seq;
    bool hidden; /* what is sent to it is thrown away */

    struct world_packet *packets; /* received */
    size_t packet_count;
    size_t early; /* before it had keys: the server has them half a round trip earlier */
    size_t auth_failures;
    unsigned pli, nack_count, twcc, rr, sr, stun_responses;
    uint16_t nacked[64];
    uint32_t pli_ssrcs[32]; /* the newest: pli % 32 is the next place */
    struct sfu_rtcp_report_block block;
    struct sfu_rtcp_sr last_sr[8];
};

struct world {
    struct sfu_engine *engine;
    struct sfu_dtls_identity *server, *client;
    uint64_t now_us;
    struct world_peer *peers[WORLD_PEERS_MAX];
    unsigned peer_count, checks;
    struct sfu_event events[WORLD_EVENTS_MAX];
    unsigned event_count;
    unsigned unused_count; /* TCP connections that the engine gave up */
    uint64_t unused_set;   /* of those with numbers below 64 */
    struct world_datagram *queue, **queue_tail;
};

struct world *world_create(uint32_t packet_max);
void world_destroy(struct world *world);
/** Carries datagrams both ways until nothing moves, at the present time. */
void world_pump(struct world *world);
/** Lets time pass, timers and all. */
void world_advance(struct world *world, uint64_t us);

void world_open_room(struct world *world, uint64_t room_id, uint32_t capacity);
void world_join(struct world *world, uint64_t room_id, uint64_t participant_id, uint64_t identity, uint32_t rights);
/** Makes the transport by command, checks, nominates, shakes hands. The world owns it. */
struct world_peer *world_connect(struct world *world, uint64_t room_id, uint64_t participant_id,
                                 enum sfu_peer_connection kind);
/** A new peer connection of the same person with the same certificate, from another port: new ICE credentials, a new
 * DTLS association. */
void world_reconnect(struct world_peer *peer, uint64_t room_id);
/** The same, with another certificate expected than the one the peer has. */
struct world_peer *world_connect_expecting(struct world *world, uint64_t room_id, uint64_t participant_id,
                                           enum sfu_peer_connection kind, const uint8_t *fingerprint);
/** A Binding request under the peer's present credentials. */
void world_check(struct world_peer *peer);
/** PUBLISH of one list: audio (mid "0", track_id) and video (mid "1", track_id + 1); 0 leaves one out. */
struct sfu_up_track_config world_audio(uint64_t track_id, uint32_t ssrc);
struct sfu_up_track_config world_video(uint64_t track_id, uint32_t ssrc, uint32_t rtx_ssrc);
void world_publish(struct world *world, uint64_t room_id, uint64_t participant_id, struct sfu_up_track_config *ups,
                   uint32_t count);
void world_subscribe(struct world *world, uint64_t room_id, uint64_t participant_id,
                     struct sfu_down_track_config *downs, uint32_t count);
void world_mute(struct world *world, uint64_t room_id, uint64_t participant_id, uint64_t track_id, bool muted);

struct world_rtp {
    uint32_t ssrc;
    uint8_t payload_type;
    bool marker;
    uint64_t ext_seq;
    uint32_t timestamp_ts;
    const char *mid, *rid, *rrid; /* NULL: none */
    int level;                    /* -1: none */
    bool transport_cc;
    const uint8_t *payload;
    size_t payload_bytes;
    size_t padding_bytes;
};
/** Protects, hands it to the engine and pumps. */
void world_send(struct world_peer *peer, const struct world_rtp *rtp);
/** VP8 payload of `bytes` bytes: `first` of a frame, `key` or not; filled with `fill`. */
void world_vp8(uint8_t *out, size_t bytes, bool first, bool key, uint8_t fill);
void world_send_rtcp(struct world_peer *peer, const uint8_t *rtcp, size_t len);

/** The n-th (from 0) event of that kind since the start, or NULL. */
const struct sfu_event *world_event(const struct world *world, enum sfu_event_kind kind, unsigned n);
unsigned world_event_count(const struct world *world, enum sfu_event_kind kind);
struct sfu_stats world_stats(const struct world *world);

#endif
