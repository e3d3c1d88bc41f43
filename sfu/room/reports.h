/* SPDX-License-Identifier: Apache-2.0 */
/**
 * reports.h - the RTCP that goes out by the clock: reception reports, sender reports, transport-wide feedback; and the
 * connection quality that comes of them.
 *
 * To a publisher: RR with a block for each of its streams, SDES (RFC 3550 section 6.4.2). To a subscriber: for each
 * down track an SR and SDES whose CNAME is the publishing participant's, several in one datagram. NACK and PLI are sent
 * by up_track.h. Threads: one owner.
 */
#ifndef CONSILIUM_SFU_ROOM_REPORTS_H
#define CONSILIUM_SFU_ROOM_REPORTS_H

#include <stdint.h>

struct sfu_participant;

/** Transport-wide feedback that is due. */
void sfu_reports_feedback(struct sfu_participant *participant, uint64_t now_us);
/** Once every SFU_REPORT_INTERVAL_US: RR to the publisher, SRs to the subscriber. */
void sfu_reports_send(struct sfu_participant *participant, uint64_t now_us);
/** After _send: judges the last interval; emits QUALITY when that changed. */
void sfu_reports_quality(struct sfu_participant *participant, uint64_t now_us);

#endif
