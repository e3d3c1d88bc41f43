/* SPDX-License-Identifier: Apache-2.0 */
/**
 * prefixes.h - feeds every prefix of a valid packet to a parser, each in a heap block of exactly its size, so that
 * AddressSanitizer sees the first byte read behind it.
 */
#ifndef CONSILIUM_TESTS_SUPPORT_PREFIXES_H
#define CONSILIUM_TESTS_SUPPORT_PREFIXES_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/** Calls visit(copy, n, context) for n = 0 .. len; returns how many calls returned 0. */
static inline unsigned t_each_prefix(const uint8_t *packet, size_t len,
                                     int (*visit)(const uint8_t *copy, size_t n, void *context), void *context)
{
    unsigned accepted = 0;
    for (size_t n = 0; n <= len; n++) {
        uint8_t *copy = malloc(n > 0 ? n : 1);
        if (copy == NULL)
            abort();
        memcpy(copy, packet, n);
        /* malloc(0) may share blocks: for n = 0 the pointer is behind its one byte. */
        accepted += visit(n > 0 ? copy : copy + 1, n, context) == 0;
        free(copy);
    }
    return accepted;
}

#endif
