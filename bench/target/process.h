/* SPDX-License-Identifier: Apache-2.0 */
/**
 * process.h - a server program that we start for a measurement: its folder, its end, and what the kernel says it used.
 *
 * Linux: /proc (proc(5)). Threads: one owner.
 */
#ifndef CONSILIUM_BENCH_TARGET_PROCESS_H
#define CONSILIUM_BENCH_TARGET_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define BENCH_PROCESS_ARGUMENTS_MAX 64

struct bench_process {
    int pid; /**< 0: none */
    char folder[64];
    char log[80];
    char command[1024]; /**< for reports */
};

/** Makes its folder under /tmp (or $TMPDIR). Returns 0 or BASE_ERR_IO. */
int bench_process_prepare(struct bench_process *process);
/** Starts argv[0] (a path, or a name in PATH), output to its log; pinned to `cpu` unless it is -1. It dies with us.
 * Returns 0, BASE_ERR_NOT_FOUND (no such program) or BASE_ERR_IO. */
int bench_process_start(struct bench_process *process, const char *const *argv, int cpu);
bool bench_process_alive(struct bench_process *process);
/** SIGTERM, after 5 s SIGKILL; removes the folder. Any state. */
void bench_process_stop(struct bench_process *process);
/** The last line of its log that says something, for an error message: cut at out_max. */
void bench_process_last_words(const struct bench_process *process, char *out, size_t out_max);
/** First line of the output of argv[0] …, "" if there is none within 5 s. */
void bench_process_output(const char *const *argv, char *out, size_t out_max);

struct bench_process_use {
    uint64_t cpu_us;       /**< user + system, all threads, since its start; in steps of a clock tick (10 ms) */
    uint64_t memory_bytes; /**< resident */
    uint64_t threads;
    uint64_t socket_drops; /**< of its UDP sockets: datagrams for which they had no room */
};
/** Returns 0 or BASE_ERR_NOT_FOUND (no such process, or it is not ours to look at). `drops`: also walks its
 * descriptors, which is slow for thousands of them. */
int bench_process_read(int pid, bool drops, struct bench_process_use *out);

/** A port of 127.0.0.1 that is free now; `type`: SOCK_STREAM or SOCK_DGRAM. 0: none. */
uint16_t bench_free_port(int type);
/** This machine's first IPv4 address that is not loopback. Returns 0 or BASE_ERR_NOT_FOUND. */
int bench_own_address(char out[46]);
#endif
