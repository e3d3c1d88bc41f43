/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"

static atomic_int log_level = BASE_LOG_INFO;
static const char *const level_names[] = {"debug", "info", "warn", "error"};

void base_log_set_level(enum base_log_level level)
{
    atomic_store(&log_level, (int)level);
}

int base_log_parse_level(const char *text, enum base_log_level *out)
{
    for (int i = 0; i < 4; i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *out = (enum base_log_level)i;
            return 0;
        }
    }
    return BASE_ERR_INVALID;
}

void base_log(enum base_log_level level, const char *event, const char *fmt, ...)
{
    if ((int)level < atomic_load_explicit(&log_level, memory_order_relaxed))
        return;

    char line[1024];
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t used = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%S", &utc);
    int n =
        snprintf(line + used, sizeof line - used, ".%03ldZ %s %s ", now.tv_nsec / 1000000, level_names[level], event);
    used += n > 0 ? (size_t)n : 0;
    if (used > sizeof line - 2)
        used = sizeof line - 2;

    va_list args;
    va_start(args, fmt);
    n = vsnprintf(line + used, sizeof line - 1 - used, fmt, args);
    va_end(args);
    size_t end = used + (n > 0 ? (size_t)n : 0);
    if (end > sizeof line - 2)
        end = sizeof line - 2;
    for (size_t i = 0; i < end; i++) {
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    }
    while (end > 0 && line[end - 1] == ' ')
        end--;
    line[end++] = '\n';
    /* One write(2) a line keeps lines of several threads apart. */
    ssize_t written = write(STDERR_FILENO, line, end);
    (void)written;
}
