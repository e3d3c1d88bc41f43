/* SPDX-License-Identifier: Apache-2.0 */
/**
 * micro.h - the parts of the micro benchmark; each prints its lines of the table.
 */
#ifndef CONSILIUM_BENCH_MICRO_MICRO_H
#define CONSILIUM_BENCH_MICRO_MICRO_H

#include <stdbool.h>
#include <stddef.h>

#define BENCH_PAYLOAD_BYTES 1100 /**< of the packets: what libwebrtc makes of video */

/** RTP header and extensions, SRTP both ways: nanoseconds a packet, without sockets. */
void bench_micro_packets(size_t runs);
/** The UDP layer alone over the loopback interface: nanoseconds a packet sent. */
void bench_micro_udp(size_t runs);
/** The engine in memory: one room, one packet in, encrypted for each subscriber. */
void bench_micro_engine(size_t runs);
/** One worker with its sockets over the loopback interface, in real time: 4 rooms of 6 and more. */
void bench_micro_worker(size_t runs);

#endif
