/* SPDX-License-Identifier: Apache-2.0 */
/**
 * process.h - what this process takes of the machine, as Prometheus' standard process metrics count it (Linux: /proc).
 */
#ifndef CONSILIUM_SIGNALING_PROCESS_H
#define CONSILIUM_SIGNALING_PROCESS_H

#include <stdint.h>

struct sig_process {
    uint64_t cpu_us; /**< user and system time of all threads */
    uint64_t resident_bytes;
    uint64_t open_fds;
    uint64_t max_fds;
};

/** Reads the present values; what cannot be read is 0. Some tens of microseconds, more with thousands of files open.
 * Threads: any. */
void sig_process_read(struct sig_process *out);

#endif
