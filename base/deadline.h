/* SPDX-License-Identifier: Apache-2.0 */
/**
 * deadline.h - words about time for code that may not read a clock (see clock.h for those that may).
 */
#ifndef CONSILIUM_BASE_DEADLINE_H
#define CONSILIUM_BASE_DEADLINE_H

#include <stdint.h>

/** A deadline that never comes. */
#define BASE_NEVER_US UINT64_MAX

#endif
