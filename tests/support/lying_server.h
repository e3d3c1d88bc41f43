/* SPDX-License-Identifier: Apache-2.0 */
/**
 * lying_server.h - the real server, built once more for tests so that it cheats on purpose: the load tool must tell.
 *
 * The sources are the server's own; the linker's --wrap puts the functions of lying_server_media.c and
 * lying_server_words.c in front of a few of the server's (see meson.build). Without CONSILIUM_LIE it is the server as
 * it is. What it lies is said in the environment:
 *
 *     CONSILIUM_LIE="drop=0.05;source=camera;from=2;to=1;after=1500;count=40"      several lies: one | other
 *
 * Lies about media, each told to one receiver of a packet, before it is encrypted. The value is the share of packets
 * (0..1) unless something else is said:
 *   drop            not sent, and the NACK for it is not answered
 *   drop-once       not sent, but repaired by RTX when asked for
 *   drop-hidden     left out and the numbers closed up: no gap, nobody asks
 *   freeze          milliseconds, 0: for ever: the stream stops as drop-hidden does, while the track stays published
 *   delay           milliseconds that each packet is held back; order is kept
 *   reorder         sent after the packet behind it
 *   duplicate       sent again under the next number
 *   copy            the same datagram sent twice (the network may do that too)
 *   corrupt         one byte of the payload, behind the payload descriptor, is another
 *   corrupt-header  video: the bit of the payload descriptor that says where a frame starts is turned
 *   picture-id      video: the picture id is another
 *   marker          the marker bit is turned
 *   swap            the newest payload of somebody else's track of the same kind instead
 *   cross           the newest payload of another track of the same publisher and kind instead (camera, screen)
 *   shuffle         this payload and the next one change places; numbers and times stay
 *   replay          the stream's first packets instead, again and again: a picture that stands still, but arrives
 *   time            factor: how fast RTP time runs
 *   hang-up         once: 1: ends the publisher's connection, 2: the receiver's (DTLS close_notify); sockets stay open
 * Lies in words:
 *   not-subscribed  any: published, but the receiver is never offered it
 *   refuse          n: each n-th join
 *   slow-join       milliseconds that each join is held back
 *   no-chat         n: each n-th chat message does not reach `to` (0: nobody gets it); its sender is told ok
 *   muted           any: says that a track is muted (its publisher never did that), and sends nothing of it
 *   unpublished     any: says that a track is gone
 *   blink           milliseconds: says that a track is gone, and publishes it again after that time
 *   no-unmute       any: a wish to be unmuted is not heard
 *   kick            any: sends participant `to` out
 *   die             any: the process ends without a word
 * Which and when (all optional):
 *   source  audio, video, mic, camera, screen; all
 *   from    publisher, by the number in the id that the server gives (p2: 2), in order of joining; 0: all
 *   to      receiver, likewise
 *   after   milliseconds since the stream's first packet (words: since the first packet that was forwarded at all)
 *   until   likewise, the end
 *   count   lie so many times, not more (after that the truth)
 *   seed    of the choice; the same seed lies about the same packets of a stream
 * CONSILIUM_LIE_GATE, if set, names a file of at least one byte: as long as that byte is 0, all is true. A test opens
 * the gate when what it wants to be lied about has begun, and then the account and its own figures are about the same.
 *
 * At its end it writes its own account to the file CONSILIUM_LIE_REPORT, one line for each lie or stream:
 *     <lie> p<from> p<to> <source> <times>          packets that it lied about (words: p<from> p<to> or p0)
 *     forwarded p<from> p<to> <source> <packets>    what it was given to send, all lies included
 *     unanswered p<from> p<to> <source> <requests>  numbers in NACKs that it kept silent about
 */
#ifndef CONSILIUM_TESTS_SUPPORT_LYING_SERVER_H
#define CONSILIUM_TESTS_SUPPORT_LYING_SERVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define LIES_MAX   8
#define LIE_ALWAYS UINT64_MAX

/** For a function that the linker wraps: __wrap_ is called in its place, __real_ is the server's own. Both have its
 * type, so that a change of it does not compile. */
#define LIE_WRAPS(function) extern __typeof__(function) __real_##function, __wrap_##function

enum lie_kind {
    LIE_DROP,
    LIE_DROP_ONCE,
    LIE_DROP_HIDDEN,
    LIE_FREEZE,
    LIE_DELAY,
    LIE_REORDER,
    LIE_DUPLICATE,
    LIE_COPY,
    LIE_CORRUPT,
    LIE_CORRUPT_HEADER,
    LIE_PICTURE_ID,
    LIE_MARKER,
    LIE_SWAP,
    LIE_CROSS,
    LIE_SHUFFLE,
    LIE_REPLAY,
    LIE_HANG_UP,
    LIE_TIME,
    LIE_NOT_SUBSCRIBED,
    LIE_REFUSE,
    LIE_SLOW_JOIN,
    LIE_NO_CHAT,
    LIE_MUTED,
    LIE_UNPUBLISHED,
    LIE_BLINK,
    LIE_NO_UNMUTE,
    LIE_KICK,
    LIE_DIE,
    LIE_KINDS,
    /* only in the account */
    LIE_FORWARDED = LIE_KINDS,
    LIE_UNANSWERED
};

struct lie {
    enum lie_kind kind;
    double value;
    unsigned sources; /**< a bit for each enum sfu_source */
    uint64_t from, to;
    uint64_t after_us, until_us;
    _Atomic int64_t left; /**< times */
    uint64_t seed;
};

/** About whom a lie is told. */
struct lie_subject {
    uint64_t from, to;
    unsigned source; /**< enum sfu_source */
};

/** The lies of the environment, read at the first call (which ends the process if it cannot read them). */
struct lie *lies(unsigned *count);
/** The first lie of this kind, or NULL. */
struct lie *lie_find(enum lie_kind kind);
/** The first packet is forwarded now, if none was before. */
void lie_begin(uint64_t now_us);
/** How long ago that was; 0 before it. */
uint64_t lie_since_begin_us(uint64_t now_us);
/** Does it hold for them, `since_us` after their beginning? Does not count. */
bool lie_applies(const struct lie *lie, const struct lie_subject *subject, uint64_t since_us);
/** One lie more, within `count`: writes it into the account. Returns false if enough was lied. */
bool lie_tell(struct lie *lie, const struct lie_subject *subject);
/** One more of LIE_FORWARDED or LIE_UNANSWERED. */
void lie_count(enum lie_kind kind, const struct lie_subject *subject);
/** Writes the account now; also done at exit. */
void lie_report(void);

#endif
