/* SPDX-License-Identifier: Apache-2.0 */
/**
 * conference_internal.h - what conference.c (clock, packets) and negotiate.c (joining, subscribing) share.
 */
#ifndef CONSILIUM_TESTS_SIM_CONFERENCE_INTERNAL_H
#define CONSILIUM_TESTS_SIM_CONFERENCE_INTERNAL_H

#include "tests/sim/conference.h"

#define SIM_WALL_OFFSET_US (INT64_C(1790000000) * 1000000) /* some day in 2026 */

/** Everything that the engine wants sent goes onto its way. */
void sim_drain(struct sim *sim);
/** After anything that may have moved a client's deadline. */
void sim_touch(struct sim *sim, struct sim_endpoint *endpoint);
/** Fills in the room. */
void sim_command(struct sim *sim, struct sfu_command *command);
/** The send callback of clients; user: struct sim_endpoint. */
void sim_client_send(void *user, const struct sfu_path *path, const uint8_t *data, size_t len);
/** The complete list of what this participant should receive now. */
void sim_subscribe(struct sim *sim, struct sim_participant *who);

#endif
