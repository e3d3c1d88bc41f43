/* SPDX-License-Identifier: Apache-2.0 */
/**
 * clock.h - the two clocks. Only loops, workers and main read them; everything below takes `now_us` as an argument.
 */
#ifndef CONSILIUM_BASE_CLOCK_H
#define CONSILIUM_BASE_CLOCK_H

#include <stdint.h>

#include "base/deadline.h"

#include "base/deadline.h"

/** Monotonic time in microseconds since an arbitrary moment. Never goes back. Any thread. */
uint64_t base_clock_us(void);

/** Wall-clock time in microseconds since 1970-01-01 UTC. May jump. Any thread. */
uint64_t base_clock_wall_us(void);

#endif
