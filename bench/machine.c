/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/machine.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- socket buffers ------------------------------------------------------------------------------------------- */

#define LIMITS "/proc/sys/net/core/"

static const char *const buffer_limits[BENCH_MACHINE_LIMITS] = {LIMITS "rmem_max", LIMITS "wmem_max",
                                                                LIMITS "rmem_default", LIMITS "wmem_default"};

static long read_limit(const char *path)
{
    char text[32];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t len = read(fd, text, sizeof text - 1);
    close(fd);
    if (len <= 0)
        return -1;
    text[len] = 0;
    return strtol(text, NULL, 10);
}

/* No stdio: a signal handler comes here too. */
static bool write_limit(const char *path, long value)
{
    char text[24];
    size_t at = sizeof text;
    for (long rest = value; at > 0 && (rest != 0 || at == sizeof text); rest /= 10)
        text[--at] = (char)('0' + rest % 10);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool good = write(fd, text + at, sizeof text - at) == (ssize_t)(sizeof text - at);
    close(fd);
    return good;
}

void bench_machine_raise(struct bench_machine_buffers *out, uint32_t bytes)
{
    *out = (struct bench_machine_buffers){.before = {-1, -1, -1, -1}};
    for (int i = 0; i < BENCH_MACHINE_LIMITS; i++) {
        long now = read_limit(buffer_limits[i]);
        if (now >= (long)bytes)
            continue;
        out->before[i] = now; /* first: a signal may come in between */
        if (now >= 0 && write_limit(buffer_limits[i], (long)bytes))
            continue;
        out->before[i] = -1;
        size_t at = strlen(out->note);
        snprintf(out->note + at, sizeof out->note - at, "%snet.core.%s is %ld and cannot be raised to %" PRIu32,
                 at != 0 ? "; " : "", buffer_limits[i] + sizeof LIMITS - 1, now, bytes);
    }
}

void bench_machine_restore(struct bench_machine_buffers *buffers)
{
    for (int i = 0; i < BENCH_MACHINE_LIMITS; i++) {
        if (buffers->before[i] >= 0)
            (void)write_limit(buffer_limits[i], buffers->before[i]);
        buffers->before[i] = -1;
    }
}

/* ---- cores and threads ------------------------------------------------------------------------------------------ */

double bench_machine_cores(int pid, int core)
{
    cpu_set_t set;
    if (core >= 0)
        return 1;
    return sched_getaffinity(pid, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
}

/* /proc/PID/task/TID/stat: name in parentheses, utime and stime are fields 14 and 15 (proc(5)). */
static bool read_thread(int pid, int id, uint64_t *cpu_us, char name[16])
{
    char path[64], line[1024];
    snprintf(path, sizeof path, "/proc/%d/task/%d/stat", pid, id);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    const char *got = fgets(line, sizeof line, file);
    fclose(file);
    char *open = got != NULL ? strchr(line, '(') : NULL, *end = got != NULL ? strrchr(line, ')') : NULL;
    uint64_t user, system;
    if (open == NULL || end == NULL || end < open ||
        sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64, &user, &system) != 2)
        return false;
    *cpu_us = (user + system) * 1000000 / (uint64_t)sysconf(_SC_CLK_TCK);
    snprintf(name, 16, "%.*s", (int)(end - open - 1), open + 1);
    return true;
}

void bench_machine_threads(struct bench_machine_threads *out, int pid, uint64_t now_us)
{
    char path[64];
    out->count = 0;
    out->at_us = now_us;
    if (pid <= 0)
        return;
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *folder = opendir(path);
    if (folder == NULL)
        return;
    for (const struct dirent *entry; out->count < BENCH_THREADS_MAX && (entry = readdir(folder)) != NULL;) {
        int id = atoi(entry->d_name);
        if (id > 0 && read_thread(pid, id, &out->threads[out->count].cpu_us, out->threads[out->count].name))
            out->threads[out->count++].id = id;
    }
    closedir(folder);
}

double bench_machine_busiest(const struct bench_machine_threads *from, const struct bench_machine_threads *to,
                             char *name)
{
    double most = -1;
    if (from->count == 0 || to->count == 0 || to->at_us <= from->at_us)
        return -1;
    for (unsigned i = 0; i < to->count; i++)
        for (unsigned k = 0; k < from->count; k++) {
            if (to->threads[i].id != from->threads[k].id || to->threads[i].cpu_us < from->threads[k].cpu_us)
                continue;
            double share =
                (double)(to->threads[i].cpu_us - from->threads[k].cpu_us) / (double)(to->at_us - from->at_us);
            if (share > most) {
                most = share;
                memcpy(name, to->threads[i].name, 16);
            }
        }
    return most;
}
