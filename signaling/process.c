/* SPDX-License-Identifier: Apache-2.0 */
#include "signaling/process.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

static uint64_t microseconds(struct timeval time)
{
    return (uint64_t)time.tv_sec * 1000000u + (uint64_t)time.tv_usec;
}

/* /proc/self/statm: all pages, then the resident ones. (getrusage() knows only their maximum.) */
static uint64_t resident_bytes(void)
{
    char line[128] = "", *rest = line;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file)
        return 0;
    if (!fgets(line, sizeof line, file))
        line[0] = '\0';
    fclose(file);
    (void)strtoull(line, &rest, 10);
    return strtoull(rest, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t open_fds(void)
{
    uint64_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    if (!folder)
        return 0;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count > 0 ? count - 1 : 0; /* the folder itself was open */
}

void sig_process_read(struct sig_process *out)
{
    struct rusage usage;
    struct rlimit limit;
    memset(out, 0, sizeof *out);
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        out->cpu_us = microseconds(usage.ru_utime) + microseconds(usage.ru_stime);
    out->resident_bytes = resident_bytes();
    out->open_fds = open_fds();
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        out->max_fds = limit.rlim_cur;
}
