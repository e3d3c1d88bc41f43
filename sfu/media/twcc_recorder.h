/* SPDX-License-Identifier: Apache-2.0 */
/**
 * twcc_recorder.h - when the packets of one inbound transport arrived, for transport-wide feedback to its sender.
 *
 * draft-holmer-rmcat-transport-wide-cc-extensions-01. Feed it every packet that carries the extension; when the
 * deadline comes, poll for RTCP packets. Sans-IO; allocates in _create only.
 */
#ifndef CONSILIUM_SFU_MEDIA_TWCC_RECORDER_H
#define CONSILIUM_SFU_MEDIA_TWCC_RECORDER_H

#include <stddef.h>
#include <stdint.h>

struct sfu_twcc_recorder;

/** `interval_us`: between feedbacks, 10 ms to 250 ms (libwebrtc: 50 to 250 ms). Returns 0, BASE_ERR_INVALID or
 * BASE_ERR_NOMEM. */
int sfu_twcc_recorder_create(struct sfu_twcc_recorder **out, uint32_t interval_us);
void sfu_twcc_recorder_destroy(struct sfu_twcc_recorder *recorder);
/** media_ssrc: any SSRC of the transport's sender; goes into the feedback's header. */
void sfu_twcc_recorder_on_packet(struct sfu_twcc_recorder *recorder, uint64_t now_us, uint32_t media_ssrc,
                                 uint16_t transport_seq);
uint64_t sfu_twcc_recorder_deadline_us(const struct sfu_twcc_recorder *recorder);
/** One feedback packet into out[0..out_max), or 0 when none is due; call until it returns 0. Earlier losses are
 * reported once. */
size_t sfu_twcc_recorder_poll(struct sfu_twcc_recorder *recorder, uint64_t now_us, uint32_t sender_ssrc, uint8_t *out,
                              size_t out_max);

#endif
