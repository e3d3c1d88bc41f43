/* SPDX-License-Identifier: Apache-2.0 */
/**
 * fake_engine.h - an engine without media, for the tests of what stands around it: threads, rings, sockets.
 *
 * Rooms open and close, participants join and leave, each answered by its event. Datagrams come back to their sender.
 * SFU_COMMAND_MUTE is the test's handle, by its track_id.
 */
#ifndef CONSILIUM_TESTS_UNIT_SFU_FAKE_ENGINE_H
#define CONSILIUM_TESTS_UNIT_SFU_FAKE_ENGINE_H

#include <semaphore.h>
#include <stdatomic.h>

/* track_id of a MUTE */
#define FAKE_BLOCK  1u    /* the worker posts fake_blocked and waits for fake_release */
#define FAKE_TIMER  2u    /* a SPEAKER event 5 ms later, from _poll */
#define FAKE_EVENTS 1000u /* and above: that many QUALITY events, numbered by track_id */

extern sem_t fake_blocked, fake_release;
extern atomic_ulong fake_commands, fake_paths_closed;

#endif
