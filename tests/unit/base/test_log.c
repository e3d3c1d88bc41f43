/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "tests/support/test.h"

/* Runs one log call with stderr sent into a pipe; returns what was written, NUL-terminated. */
static size_t capture(char *out, size_t out_size, const char *value)
{
    int ends[2];
    if (pipe(ends) != 0)
        abort();
    int saved = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    base_log_warn("test_event", "value=\"%s\"", value);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(ends[1]);
    ssize_t n = read(ends[0], out, out_size - 1);
    close(ends[0]);
    out[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t)n : 0;
}

T_TEST(a_hostile_value_cannot_forge_a_line)
{
    char line[2048];
    capture(line, sizeof line, "a\nerror forged\x1b[31m");
    T_CHECK(strchr(line, '\n') == line + strlen(line) - 1);
    T_CHECK(strstr(line, "warn test_event value=\"a?error forged?[31m\"") != NULL);
}

T_TEST(long_lines_are_cut)
{
    char value[5000], line[8192];
    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    size_t n = capture(line, sizeof line, value);
    T_CHECK(n <= 1024 && line[n - 1] == '\n');
}

T_TEST(levels_are_parsed)
{
    enum base_log_level level;
    T_EQ(base_log_parse_level("warn", &level), 0);
    T_EQ(level, BASE_LOG_WARN);
    T_EQ(base_log_parse_level("loud", &level), BASE_ERR_INVALID);
    T_STR_EQ(base_err_name(BASE_ERR_CRYPTO), "crypto");
    T_STR_EQ(base_err_name(-99), "unknown");
}

T_MAIN(T_CASE(a_hostile_value_cannot_forge_a_line), T_CASE(long_lines_are_cut), T_CASE(levels_are_parsed))
