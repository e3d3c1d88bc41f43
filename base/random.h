/* SPDX-License-Identifier: Apache-2.0 */
/**
 * random.h - random bytes from the kernel for secrets, and a small seeded generator for simulations and jitter.
 */
#ifndef CONSILIUM_BASE_RANDOM_H
#define CONSILIUM_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/** Fills out[0..len) from getrandom(2). Aborts the process if the kernel has none: nothing here is safe without. */
void base_random_bytes(void *out, size_t len);

/** Writes `chars` characters of [A-Za-z0-9+/] (the ice-char set of RFC 8839; 6 bits each) and a NUL: out has chars + 1.
 */
void base_random_ice_chars(char *out, size_t chars);

/** Writes 2 * `bytes` lower-case hex digits of fresh random bytes and a NUL. */
void base_random_hex(char *out, size_t bytes);

/** Next number of xorshift64* with its state in *state (not 0). Repeatable; not for secrets. */
uint64_t base_prng_next(uint64_t *state);

#endif
