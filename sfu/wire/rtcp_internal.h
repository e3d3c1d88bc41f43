/* SPDX-License-Identifier: Apache-2.0 */
/**
 * rtcp_internal.h - numbers shared by rtcp.c and twcc.c; nobody else includes it.
 */
#ifndef CONSILIUM_SFU_WIRE_RTCP_INTERNAL_H
#define CONSILIUM_SFU_WIRE_RTCP_INTERNAL_H

/* Packet types (RFC 3550 section 12.1, RFC 4585 section 6.1). */
#define RTCP_PT_SR    200u
#define RTCP_PT_RR    201u
#define RTCP_PT_SDES  202u
#define RTCP_PT_BYE   203u
#define RTCP_PT_RTPFB 205u
#define RTCP_PT_PSFB  206u

/* Feedback message types: of RTPFB, then of PSFB. */
#define RTCP_FMT_NACK 1u
#define RTCP_FMT_TWCC 15u
#define RTCP_FMT_PLI  1u
#define RTCP_FMT_FIR  4u
#define RTCP_FMT_AFB  15u /* application layer feedback: REMB */

#define RTCP_VERSION_2     0x80u
#define RTCP_PADDING_BIT   0x20u
#define RTCP_COUNT_MASK    0x1Fu
#define RTCP_COUNT_MAX     31u
#define RTCP_HEADER_BYTES  4u
#define RTCP_BLOCK_BYTES   24u
#define RTCP_SR_INFO_BYTES 20u
#define RTCP_SDES_CNAME    1u

#endif
