/* SPDX-License-Identifier: Apache-2.0 */
/**
 * participant.h - a person in a room: two peer connections, the tracks published and received, one timer for all.
 *
 * Media comes in by ingress.h, reports go out by reports.h; both work on this struct. Owned by its room. Threads: one
 * owner.
 *
 * Clocks: a publisher's sender reports carry its own wall clock. One offset for each participant (our clock minus
 * theirs, at the least delay seen) maps all of its tracks to ours, so that sound and picture stay together.
 */
#ifndef CONSILIUM_SFU_ROOM_PARTICIPANT_H
#define CONSILIUM_SFU_ROOM_PARTICIPANT_H

#include <stdbool.h>
#include <stdint.h>

#include "sfu/media/token_bucket.h"
#include "sfu/media/twcc_recorder.h"
#include "sfu/room/context.h"
#include "sfu/room/down_track.h"
#include "sfu/room/link.h"
#include "sfu/room/quality.h"
#include "sfu/room/up_track.h"

#define SFU_REPORT_INTERVAL_US 1000000u
#define SFU_TWCC_INTERVAL_US   50000u
/** What one participant may publish; beyond it packets are dropped, which the publisher's congestion control sees as
 * loss. Far above camera and screen together; without a limit one person's flood is multiplied by the room. */
#define SFU_INGRESS_BPS           20000000u
#define SFU_INGRESS_BURST_BYTES   4000000u
#define SFU_INGRESS_PACKETS_PER_S 5000u
#define SFU_INGRESS_BURST_PACKETS 5000u
#define SFU_PAST_MAX              1024 /**< ended down tracks whose numbers are remembered */

struct sfu_room;

struct sfu_participant {
    struct sfu_timer timer;
    struct sfu_context *context;
    struct sfu_room *room;
    uint64_t id;
    uint64_t identity[2];
    uint32_t rights;
    struct sfu_link links[2]; /**< by enum sfu_peer_connection */

    /* publishing */
    struct sfu_up_track *ups[SFU_TRACKS_MAX];
    uint32_t up_count;
    struct sfu_ssrc_entry {
        uint32_t ssrc;
        uint8_t up; /* index in ups */
        uint8_t layer;
        bool rtx;
    } ssrcs[2 * SFU_LAYERS_MAX * SFU_TRACKS_MAX];
    uint32_t ssrc_count;
    struct sfu_twcc_recorder *twcc;
    struct sfu_token_bucket ingress_bits, ingress_packets;
    bool has_clock_offset;
    int64_t clock_offset_us; /**< our wall clock minus the publisher's */

    /* subscribing */
    struct sfu_down_track **downs;
    uint32_t down_count, down_capacity;
    struct base_map downs_by_ssrc;
    uint16_t transport_seq;           /**< next transport-wide sequence number */
    struct sfu_down_track_past *past; /**< NULL until the first down track is made */
    uint32_t past_count;              /* all ever; the slot is modulo SFU_PAST_MAX */
    uint32_t resend_budget;
    uint64_t resend_budget_us; /* when it was filled */

    /* both */
    uint32_t rtt_us; /**< smoothed, from reception reports about our streams; 0: unknown */
    uint64_t report_us;
    struct sfu_quality quality;
    uint32_t down_loss_sum_q8, down_loss_count; /* of the report blocks since the last report_us */
    uint32_t up_loss_q8, up_jitter_us;          /* of the last reports we sent */
    bool was_connected[2];
};

/** `command`: the JOIN. The participant is in the context's table, in no room's list yet. Returns 0 or BASE_ERR_NOMEM
 * with *out NULL. */
int sfu_participant_create(struct sfu_participant **out, struct sfu_room *room, uint64_t now_us,
                           const struct sfu_command *command);
/** Ends transports and tracks, without events. NULL is allowed. */
void sfu_participant_destroy(struct sfu_participant *participant);

/* Commands; each returns how many of its parts were ignored (not allowed, unknown, or no memory). */
uint32_t sfu_participant_transport(struct sfu_participant *participant, uint64_t now_us,
                                   const struct sfu_command *command);
uint32_t sfu_participant_publish(struct sfu_participant *participant, uint64_t now_us,
                                 const struct sfu_command *command);
uint32_t sfu_participant_subscribe(struct sfu_participant *participant, uint64_t now_us,
                                   const struct sfu_command *command);
uint32_t sfu_participant_view(struct sfu_participant *participant, uint64_t now_us, const struct sfu_command *command);
uint32_t sfu_participant_mute(struct sfu_participant *participant, uint64_t now_us, const struct sfu_command *command);

/** After anything that may have changed a transport's state: events, and down tracks start or stop. */
void sfu_participant_on_link_input(struct sfu_participant *participant, uint64_t now_us, struct sfu_link *link);
/** Where down tracks send to: NULL while that is not possible. */
struct sfu_transport *sfu_participant_send_transport(const struct sfu_participant *participant);
/** The table of SSRCs is to be read again from the up tracks. */
void sfu_participant_index_ssrcs(struct sfu_participant *participant);
/** The down track with that SSRC, or NULL. */
struct sfu_down_track *sfu_participant_down_by_ssrc(const struct sfu_participant *participant, uint32_t ssrc);

/** NTP 32.32 to microseconds since 1970; negative before. */
int64_t sfu_participant_wall_us_of_ntp(uint64_t ntp);

/** Runs all that is due: transports, NACK, PLI, feedback, reports, quality. */
void sfu_participant_poll(struct sfu_participant *participant, uint64_t now_us);
void sfu_participant_update_timer(struct sfu_participant *participant);

#endif
