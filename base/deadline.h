/* SPDX-License-Identifier: Apache-2.0 */
/**
 * deadline.h - the deadline that never comes, for modules that know times only as arguments (clock.h reads the clocks).
 */
#ifndef CONSILIUM_BASE_DEADLINE_H
#define CONSILIUM_BASE_DEADLINE_H

#include <stdint.h>

/** A deadline that never comes. */
#define BASE_NEVER_US UINT64_MAX

#endif
