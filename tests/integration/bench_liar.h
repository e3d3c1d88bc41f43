/* SPDX-License-Identifier: Apache-2.0 */
/**
 * bench_liar.h - tests against a server that cheats (tests/support/lying_server.h), several at a time: each case runs
 * in a process of its own with a server of its own, and its output appears when it is over.
 *
 *     static const struct liar_case cases[] = {{"tells_loss", "drop=0.1;to=1", check_loss}, ...};
 *     int main(int argc, char **argv) { return liar_main(cases, LIAR_CASES(cases), argc, argv); }
 *
 * In the environment: CONSILIUM_LYING_SERVER, the binary. It becomes CONSILIUM_SERVER of the case's process.
 */
#ifndef CONSILIUM_TESTS_INTEGRATION_BENCH_LIAR_H
#define CONSILIUM_TESTS_INTEGRATION_BENCH_LIAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/support/test.h"

#define LIAR_AT_ONCE      8
#define LIAR_CASE_US      (60u * 1000000u) /**< a case that takes longer is ended, and has failed */
#define LIAR_CASES(cases) (sizeof(cases) / sizeof((cases)[0]))

struct liar_case {
    const char *name;
    const char *lie; /**< CONSILIUM_LIE; NULL: the truth */
    void (*run)(int *t_failed, const struct liar_case *self);
    double number;        /**< the case's own */
    bool gate;            /**< nothing but the truth until liar_open_gate() */
    const char *scenario; /**< the case's own; NULL: none */
};

/** Runs all cases, or the one named in argv[1]; prints them in order and `N passed, N failed`. Returns the exit code.
 */
int liar_main(const struct liar_case *cases, size_t count, int argc, char **argv);

/** From now on the server of this case lies. */
void liar_open_gate(void);

/** What the server of this case says it did, after it has ended: the sum over all lines of `lie` ("drop",
 * "forwarded", …) about these; from, to 0: all; source NULL: all. */
uint64_t liar_account(const char *lie, unsigned from, unsigned to, const char *source);

#endif
