/* SPDX-License-Identifier: Apache-2.0 */
/* The manual knows what the program knows, and nothing else. */
#include <stdlib.h>
#include <string.h>

#include "bench/client/network_profile.h"
#include "bench/options.h"
#include "bench/options_table.h"
#include "tests/support/test.h"

static char manual[64000];

/** The manual with blanks for what stands between words; false: cannot be read. */
static bool read_manual(void)
{
    const char *path = getenv("BENCH_MANUAL");
    FILE *file = path != NULL ? fopen(path, "re") : NULL;
    if (file == NULL)
        return false;
    size_t len = fread(manual, 1, sizeof manual - 1, file);
    fclose(file);
    manual[len] = '\0';
    for (size_t i = 0; i < len; i++)
        if (strchr(",\n", manual[i]) != NULL)
            manual[i] = ' ';
    return len > 0 && len < sizeof manual - 1;
}

static bool has_option(const char *name)
{
    char item[64];
    snprintf(item, sizeof item, " .It Fl -%s ", name);
    bool found = strstr(manual, item) != NULL;
    if (!found)
        printf("    the manual has no --%s\n", name);
    return found;
}

T_TEST(every_option_and_key_is_in_the_manual)
{
    const struct bench_flag *flag;
    const char *key, *help;
    T_CHECK(read_manual());
    for (size_t i = 0; (flag = bench_flag_at(i)) != NULL; i++)
        T_CHECK(has_option(flag->name));
    for (size_t i = 0; (key = bench_scenario_key(i, &help)) != NULL; i++)
        T_CHECK(has_option(key));
}

T_TEST(every_option_of_the_manual_is_there)
{
    unsigned count = 0;
    T_CHECK(read_manual());
    for (const char *at = strstr(manual, " .It Fl -"); at != NULL; at = strstr(at + 1, " .It Fl -")) {
        char name[64];
        size_t len = strcspn(at + 9, " ");
        snprintf(name, sizeof name, "%.*s", (int)len, at + 9);
        if (bench_flag_find(name) == NULL && !bench_flag_is_key(name))
            printf("    there is no --%s\n", name);
        T_CHECK(bench_flag_find(name) != NULL || bench_flag_is_key(name));
        count++;
    }
    T_CHECK(count > 30);
}

T_TEST(every_network_profile_is_in_the_manual)
{
    const struct bench_network_profile *profile;
    T_CHECK(read_manual());
    for (size_t i = 0; (profile = bench_network_profile_known(i)) != NULL; i++) {
        char item[64];
        snprintf(item, sizeof item, " .It Cm %s ", profile->name);
        if (strstr(manual, item) == NULL)
            printf("    the manual has no %s\n", profile->name);
        T_CHECK(strstr(manual, item) != NULL);
    }
}

T_TEST(every_exit_code_is_in_the_manual)
{
    static const int codes[] = {BENCH_EXIT_OK,          BENCH_EXIT_FAILED,  BENCH_EXIT_SATURATED,
                                BENCH_EXIT_UNREACHABLE, BENCH_EXIT_REFUSED, BENCH_EXIT_CERTIFICATE,
                                BENCH_EXIT_RESOURCES,   BENCH_EXIT_OUTPUT,  BENCH_EXIT_USAGE,
                                BENCH_EXIT_INTERRUPTED};
    T_CHECK(read_manual());
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        char item[32];
        snprintf(item, sizeof item, " .It %d ", codes[i]);
        T_CHECK(strstr(manual, item) != NULL);
    }
}

T_MAIN(T_CASE(every_option_and_key_is_in_the_manual), T_CASE(every_option_of_the_manual_is_there),
       T_CASE(every_network_profile_is_in_the_manual), T_CASE(every_exit_code_is_in_the_manual))
