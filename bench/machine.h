/* SPDX-License-Identifier: Apache-2.0 */
/**
 * machine.h - what a measurement needs of the machine it runs on: room in socket buffers, cores, the
 * busiest thread of a server.
 */
#ifndef CONSILIUM_BENCH_MACHINE_H
#define CONSILIUM_BENCH_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_MACHINE_LIMITS 4

/** What net.core.rmem_max and wmem_max, and rmem_default and wmem_default (for servers that do not ask for more: Janus)
 * were: to be put back. */
struct bench_machine_buffers {
    long before[BENCH_MACHINE_LIMITS]; /**< -1: not changed */
    char note[320];                    /**< for reports: what could not be raised; else "" */
};

/** Raises these limits to `bytes` where they are lower: only root can. */
void bench_machine_raise(struct bench_machine_buffers *out, uint32_t bytes);
/** Puts them back. Safe in a signal handler. */
void bench_machine_restore(struct bench_machine_buffers *buffers);

/** Number of cores a process may use: `core` >= 0: one; else those of process `pid` (0: of this one). */
double bench_machine_cores(int pid, int core);

#define BENCH_THREADS_MAX 256

/** CPU time of each thread of a process, to find the one that is at its end. */
struct bench_machine_threads {
    uint64_t at_us;
    unsigned count;
    struct {
        int id;
        uint64_t cpu_us;
        char name[16];
    } threads[BENCH_THREADS_MAX];
};

/** Reads /proc/PID/task. count 0: not there. */
void bench_machine_threads(struct bench_machine_threads *out, int pid, uint64_t now_us);
/** Between two readings: the share of a core that the busiest thread used, its name in name (16 bytes); negative: not
 * known. */
double bench_machine_busiest(const struct bench_machine_threads *from, const struct bench_machine_threads *to,
                             char *name);

#endif
