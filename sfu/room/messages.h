/* SPDX-License-Identifier: Apache-2.0 */
/**
 * messages.h - what the floors above say to the media engine (commands) and hear from it (events).
 *
 * All ids are made by the caller and unique in the process's life. Commands name ids and are never answered by a return
 * value: what came of them is an event. A command about something that is gone already is ignored (and counted): people
 * leave while messages are under way. The engine knows rooms, participants and tracks; no users, no names, no SDP, no
 * SQL.
 */
#ifndef CONSILIUM_SFU_ROOM_MESSAGES_H
#define CONSILIUM_SFU_ROOM_MESSAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "sfu/media/layer_selector.h"
#include "sfu/transport/dtls_session.h"
#include "sfu/transport/ice_lite.h"
#include "sfu/wire/rtp.h"

/* Payload types and extension ids of the subscribe direction (the server offers, so it chooses). */
enum {
    SFU_SEND_PT_OPUS = 111,
    SFU_SEND_PT_VP8 = 96,
    SFU_SEND_PT_RTX = 97, /**< of VP8 */
    SFU_SEND_PT_VP9 = 98,
    SFU_SEND_PT_VP9_RTX = 99
};
enum { SFU_SEND_EXT_MID = 1, SFU_SEND_EXT_AUDIO_LEVEL = 2, SFU_SEND_EXT_TRANSPORT_CC = 3 };

#define SFU_TRACKS_MAX          8   /**< up tracks of one participant */
#define SFU_SUBSCRIPTIONS_MAX   512 /**< down tracks of one participant */
#define SFU_SPEAKERS_RECENT_MAX 5
#define SFU_ROOM_CAPACITY_MAX   1000

enum sfu_right {
    SFU_RIGHT_PUBLISH_AUDIO = 1u << 0,
    SFU_RIGHT_PUBLISH_VIDEO = 1u << 1,
    SFU_RIGHT_PUBLISH_SCREEN = 1u << 2,
    SFU_RIGHT_SUBSCRIBE = 1u << 3,
    SFU_RIGHT_MODERATE = 1u << 4,
};

/** A room's policy, from its creator. Times in microseconds since 1970 UTC; 0: no limit. */
struct sfu_room_policy {
    uint32_t capacity; /**< participants at one time, 1..SFU_ROOM_CAPACITY_MAX */
    uint64_t opens_wall_us;
    uint64_t closes_wall_us; /**< everybody is sent out then */
};

enum sfu_kind { SFU_AUDIO, SFU_VIDEO };
enum sfu_video_codec { SFU_VP8, SFU_VP9 /**< profile 0 */ };
enum sfu_source { SFU_SOURCE_MIC, SFU_SOURCE_CAMERA, SFU_SOURCE_SCREEN, SFU_SOURCE_SCREEN_AUDIO };
enum sfu_peer_connection { SFU_PUBLISH, SFU_SUBSCRIBE };
enum sfu_mute_origin { SFU_MUTED_BY_SELF, SFU_MUTED_BY_MODERATOR };

/** How a track goes out to its subscribers: the codec is the publisher's, the numbers are ours. */
static inline uint8_t sfu_send_payload_type(enum sfu_kind kind, enum sfu_video_codec codec)
{
    return kind == SFU_AUDIO ? SFU_SEND_PT_OPUS : codec == SFU_VP9 ? SFU_SEND_PT_VP9 : SFU_SEND_PT_VP8;
}
static inline uint8_t sfu_send_rtx_payload_type(enum sfu_video_codec codec)
{
    return codec == SFU_VP9 ? SFU_SEND_PT_VP9_RTX : SFU_SEND_PT_RTX;
}

/** One up track as negotiated with its publisher. */
struct sfu_up_track_config {
    uint64_t track_id;
    enum sfu_kind kind;
    enum sfu_source source;
    enum sfu_video_codec video_codec; /**< of video: stays while the track does */
    char mid[SFU_RTP_EXT_TEXT_MAX];
    uint8_t payload_type;
    uint8_t rtx_payload_type; /**< 0: no RTX (audio) */
    uint32_t ssrc;            /**< from a=ssrc; 0: learn it by mid */
    uint32_t rtx_ssrc;        /**< from a=ssrc-group:FID; 0: learn it by mid and payload type */
    /** Video: simulcast layers, lowest first (RFC 8853); 0 or 1: one stream. With layers their SSRCs are learned by mid
     * and rid, and those above are not used. Both stay while the track does. */
    uint8_t layer_count;
    char rids[SFU_LAYERS_MAX][SFU_RTP_EXT_TEXT_MAX];
    struct sfu_rtp_ext_map extensions;
    bool muted;
};

/** One down track as offered to its subscriber. The two SSRCs belong together. An SSRC may be used again in the same
 * peer connection for another track of the same kind: its numbers go on (those of the 1024 that ended last are
 * remembered, so draw fresh ones otherwise: numbers that start anew under the same key would break SRTP). An entry with
 * an SSRC of another pair is ignored. */
struct sfu_down_track_config {
    uint64_t track_id; /**< the up track, of any other participant of the room */
    char mid[SFU_RTP_EXT_TEXT_MAX];
    uint32_t ssrc;     /**< ours, unique in the peer connection */
    uint32_t rtx_ssrc; /**< 0 for audio */
    struct sfu_view {
        uint8_t layers_max; /**< simulcast: only from the lowest so many; 0: all */
        bool paused;        /**< video: nothing is sent. Audio is never paused */
    } view;
};

enum sfu_command_kind {
    SFU_COMMAND_ROOM_OPEN,  /**< policy; answered by ROOM_CLOSED (NO_RESOURCES) if it fails, else not */
    SFU_COMMAND_ROOM_CLOSE, /**< reason */
    SFU_COMMAND_JOIN,       /**< participant_id, identity, rights: answered by JOINED or REFUSED */
    SFU_COMMAND_LEAVE,      /**< participant_id, reason */
    SFU_COMMAND_REMOVE,     /**< participant_id: leaves with REMOVED, its identity is refused from now on */
    SFU_COMMAND_TRANSPORT,  /**< peer_connection, transport: makes it; or restarts its ICE (same fingerprint, other
                               ufrag); or replaces it (other fingerprint) */
    SFU_COMMAND_PUBLISH,    /**< the complete list of up tracks; those missing are unpublished */
    SFU_COMMAND_SUBSCRIBE,  /**< the complete list of down tracks; those missing are ended */
    SFU_COMMAND_MUTE,       /**< track_id (of participant_id), muted, origin */
    SFU_COMMAND_VIEW, /**< track_id, view: how participant_id wants to receive it from now on; also in SUBSCRIBE */
    SFU_COMMAND_STOP, /**< used by the worker itself: closes every room with reason SHUTDOWN */
};

enum sfu_reason {
    SFU_REASON_NONE,
    SFU_REASON_LEFT,
    SFU_REASON_TIMEOUT,
    SFU_REASON_REPLACED,
    SFU_REASON_REMOVED,
    SFU_REASON_ROOM_CLOSED,
    SFU_REASON_ROOM_TIME_OVER,
    SFU_REASON_SHUTDOWN,
    /* refusals */
    SFU_REASON_ROOM_FULL,
    SFU_REASON_ROOM_NOT_OPEN,
    SFU_REASON_NO_RESOURCES,
};

struct sfu_command {
    enum sfu_command_kind kind;
    uint64_t room_id;
    uint64_t participant_id;
    uint64_t identity[2]; /**< JOIN: who this is (a hash); not 0,0 */
    uint32_t rights;
    enum sfu_reason reason;
    struct sfu_room_policy policy;
    enum sfu_peer_connection peer_connection;
    struct sfu_transport_parameters {
        struct sfu_ice_credentials local;
        char remote_ufrag[SFU_ICE_UFRAG_MAX];
        uint8_t peer_fingerprint[SFU_DTLS_FINGERPRINT_BYTES];
    } transport;
    uint64_t track_id;
    bool muted;
    enum sfu_mute_origin origin;
    struct sfu_view view;
    uint32_t up_count;
    struct sfu_up_track_config *up; /**< PUBLISH: up_count entries */
    uint32_t down_count;
    struct sfu_down_track_config *down; /**< SUBSCRIBE: down_count entries */
};

enum sfu_event_kind {
    SFU_EVENT_ROOM_CLOSED,       /**< reason; after the LEFT of everyone inside. The room id is gone. NO_RESOURCES: it
                                    never opened */
    SFU_EVENT_JOINED,            /**< participant_id */
    SFU_EVENT_REFUSED,           /**< participant_id, reason */
    SFU_EVENT_LEFT,              /**< participant_id, reason; its tracks are gone with it */
    SFU_EVENT_TRACK_PUBLISHED,   /**< participant_id, track_id, source, video_codec, muted */
    SFU_EVENT_TRACK_UNPUBLISHED, /**< participant_id, track_id */
    SFU_EVENT_TRACK_MUTED,       /**< participant_id, track_id, muted, origin: only real changes */
    SFU_EVENT_TRANSPORT,         /**< participant_id, peer_connection, state (enum sfu_transport_state), error */
    SFU_EVENT_SPEAKER,           /**< participant_id (0: nobody), recent */
    SFU_EVENT_QUALITY,           /**< participant_id, quality 3 good .. 0 lost: only changes */
};

struct sfu_event {
    enum sfu_event_kind kind;
    uint64_t room_id;
    uint64_t participant_id;
    uint64_t track_id;
    enum sfu_reason reason;
    enum sfu_source source;
    enum sfu_video_codec video_codec;
    enum sfu_peer_connection peer_connection;
    enum sfu_mute_origin origin;
    bool muted;
    int state;
    int error;
    uint8_t quality;
    uint8_t recent_count;
    uint64_t recent[SFU_SPEAKERS_RECENT_MAX];
};

/** Counters of one engine since its start; all but the gauges only grow. dropped_rate_limited: RTP of a publisher
 * beyond SFU_INGRESS_BPS or SFU_INGRESS_PACKETS_PER_S. dropped_no_memory: packets that were forwarded
 * but not kept for retransmission, because packet_max are kept already. */
struct sfu_stats {
    /* gauges */
    uint64_t rooms, participants, up_tracks, down_tracks, transports_connected;
    /* in */
    uint64_t datagrams_in, bytes_in, rtp_in, rtcp_in, stun_in, dtls_in;
    uint64_t stun_early; /**< of stun_in: counted again when the answer that explains it had come */
    uint64_t dropped_unknown_path, dropped_malformed, dropped_stun_stranger, dropped_stun_auth, dropped_srtp_auth,
        dropped_srtp_replay, dropped_unknown_ssrc, dropped_muted, dropped_rate_limited, dropped_no_memory, dtls_failed;
    /* out */
    uint64_t rtp_forwarded, rtp_forwarded_bytes, rtx_sent, rtx_not_found, egress_dropped;
    uint64_t nack_received, nack_sent, pli_received, pli_sent, twcc_sent;
    uint64_t layer_changes;     /**< subscribers who went over to another simulcast layer */
    uint64_t padding_bytes_out; /**< one-byte padding that makes frames' packets equal */
    uint64_t commands, commands_ignored;
};

/** Names for logs and the protocol: "left", "room_full", "mic", …; static storage. */
const char *sfu_reason_name(enum sfu_reason reason);
const char *sfu_source_name(enum sfu_source source);

#endif
