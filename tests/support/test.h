/* SPDX-License-Identifier: Apache-2.0 */
/**
 * test.h - what a C test program needs: cases, checks, and the closing line `N passed, N failed`.
 *
 *     T_TEST(wraps_at_65535) { T_EQ(sfu_seq_unwrap(&u, 0), 65536); }
 *     T_MAIN(T_CASE(wraps_at_65535))
 *
 * A failed check is printed with its place and ends its case; the other cases still run. Exit code 1 on any failure.
 */
#ifndef CONSILIUM_TESTS_SUPPORT_TEST_H
#define CONSILIUM_TESTS_SUPPORT_TEST_H

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct t_case {
    const char *name;
    void (*run)(int *t_failed);
};

#define T_TEST(name) static void test_##name(int *t_failed)
#define T_CASE(name)                                                                                                   \
    {                                                                                                                  \
#name, test_##name                                                                                             \
    }

#define T_CHECK(condition)                                                                                             \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            printf("    %s:%d: %s\n", __FILE__, __LINE__, #condition);                                                 \
            *t_failed = 1;                                                                                             \
            return;                                                                                                    \
        }                                                                                                              \
    } while (0)

/** Integers of any type; both are shown. */
#define T_EQ(actual, expected)                                                                                         \
    do {                                                                                                               \
        long long t_a = (long long)(actual), t_e = (long long)(expected);                                              \
        if (t_a != t_e) {                                                                                              \
            printf("    %s:%d: %s is %lld, expected %lld\n", __FILE__, __LINE__, #actual, t_a, t_e);                   \
            *t_failed = 1;                                                                                             \
            return;                                                                                                    \
        }                                                                                                              \
    } while (0)

#define T_STR_EQ(actual, expected)                                                                                     \
    do {                                                                                                               \
        const char *t_a = (actual), *t_e = (expected);                                                                 \
        if (t_a == NULL || strcmp(t_a, t_e) != 0) {                                                                    \
            printf("    %s:%d: %s is \"%s\", expected \"%s\"\n", __FILE__, __LINE__, #actual, t_a ? t_a : "(null)",    \
                   t_e);                                                                                               \
            *t_failed = 1;                                                                                             \
            return;                                                                                                    \
        }                                                                                                              \
    } while (0)

#define T_MEM_EQ(actual, expected, len)                                                                                \
    do {                                                                                                               \
        if (memcmp((actual), (expected), (len)) != 0) {                                                                \
            printf("    %s:%d: %s differs from %s\n", __FILE__, __LINE__, #actual, #expected);                         \
            *t_failed = 1;                                                                                             \
            return;                                                                                                    \
        }                                                                                                              \
    } while (0)

/** Runs a helper `static void f(int *t_failed, ...)` and returns from the case if it failed. */
#define T_CALL(call)                                                                                                   \
    do {                                                                                                               \
        call;                                                                                                          \
        if (*t_failed)                                                                                                 \
            return;                                                                                                    \
    } while (0)

#define T_MAIN(...)                                                                                                    \
    int main(int argc, char **argv)                                                                                    \
    {                                                                                                                  \
        const struct t_case cases[] = {__VA_ARGS__};                                                                   \
        int passed = 0, failed = 0;                                                                                    \
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {                                                  \
            if (argc > 1 && strcmp(argv[1], cases[i].name) != 0)                                                       \
                continue;                                                                                              \
            int this_failed = 0;                                                                                       \
            cases[i].run(&this_failed);                                                                                \
            printf("%s %s\n", this_failed ? "FAIL" : "ok  ", cases[i].name);                                           \
            fflush(stdout);                                                                                            \
            if (this_failed)                                                                                           \
                failed++;                                                                                              \
            else                                                                                                       \
                passed++;                                                                                              \
        }                                                                                                              \
        printf("%d passed, %d failed\n", passed, failed);                                                              \
        return failed != 0 || passed == 0;                                                                             \
    }

#endif
