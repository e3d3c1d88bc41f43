/* SPDX-License-Identifier: Apache-2.0 */
/**
 * target.h - the server under load: where it is, how it is spoken to, how it is started for a measurement, and what it
 * costs its machine.
 *
 * A target runs already (--url), or is started by us on this machine (--server BINARY, --target janus) with ports,
 * certificate and data of its own in a folder that disappears with it. CPU and memory come from /proc of its process
 * (--pid or started by us) or from its /metrics. Opening and preparing block; nothing else does. Threads: one owner.
 */
#ifndef CONSILIUM_BENCH_TARGET_TARGET_H
#define CONSILIUM_BENCH_TARGET_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/client/dialect.h"
#include "bench/client/url.h"
#include "bench/media/clip.h"
#include "sfu/io/loop.h"

#define BENCH_TARGET_ERROR_MAX 256

enum bench_target_kind { BENCH_TARGET_CONSILIUM, BENCH_TARGET_JANUS };

struct bench_target_config {
    enum bench_target_kind kind;
    const char *binary;       /**< starts it: path of the program, or its name in PATH; NULL: it runs at `url` */
    const char *url;          /**< https://host:port (Janus: ws://host:port); NULL if started here */
    int pid;                  /**< of a server that runs already on this machine; 0: not known */
    const char *ca_file;      /**< PEM to trust besides the system's; started by us: its own certificate */
    bool insecure;            /**< certificate not checked */
    int server_cpu;           /**< started by us: pinned to this core; -1: anywhere */
    unsigned event_loops;     /**< Janus: 0 is its default (a thread a handle) */
    unsigned workers;         /**< Consilium: media workers; 0: its default */
    uint32_t socket_buffer;   /**< bytes asked for each UDP socket where the server can be told; 0: its default */
    unsigned people_max;      /**< how many connections it must admit */
    const char *address;      /**< media address to use; NULL: 127.0.0.1, or one of this machine's where the server
                                   refuses loopback (Janus) */
    const char *const *extra; /**< further arguments for the binary, NULL-terminated, or NULL */
};

struct bench_target_reading {
    bool has_cpu, has_memory;
    uint64_t cpu_us;       /**< user + system, since its start */
    uint64_t memory_bytes; /**< resident */
    uint64_t threads;
    uint64_t socket_drops; /**< datagrams that its UDP sockets had no room for (/proc/net/udp), if has_cpu by pid */
};

struct bench_target;

/** Starts it or finds it: returns when it answers (20 s at most). Returns 0, or BASE_ERR_* with one line in error:
 * BASE_ERR_INVALID (wrong configuration), BASE_ERR_IO (does not answer), BASE_ERR_CRYPTO (certificate),
 * BASE_ERR_TIMEOUT (started but silent; the line names its log). On failure *out is NULL and nothing is left running.
 */
int bench_target_open(struct bench_target **out, const struct bench_target_config *config,
                      char error[BENCH_TARGET_ERROR_MAX]);
/** Ends what we started (SIGTERM, then SIGKILL after 5 s) and removes its folder. NULL is allowed. */
void bench_target_close(struct bench_target *target);

/** Makes rooms ready where the server needs that (Janus): names[0..count), `people` in each, who send `codec`
 * (BENCH_VP8 or BENCH_VP9). Returns 0, or BASE_ERR_* with one line in error. */
int bench_target_prepare(struct bench_target *target, const char *const *names, size_t count, unsigned people,
                         enum bench_codec codec, char error[BENCH_TARGET_ERROR_MAX]);

const struct bench_dialect *bench_target_dialect(const struct bench_target *target);
const struct bench_url *bench_target_url(const struct bench_target *target);
/** File with the certificate to trust, or NULL. */
const char *bench_target_ca_file(const struct bench_target *target);
bool bench_target_insecure(const struct bench_target *target);
/** The address that its media uses ("127.0.0.1"), "" if it was not started here. */
const char *bench_target_address(const struct bench_target *target);
/** "consilium 0.1.0", "janus 1.1.2"; "consilium" if it does not tell. */
const char *bench_target_version(const struct bench_target *target);
/** The command line it was started with, or "". For reports. */
const char *bench_target_command(const struct bench_target *target);
int bench_target_pid(const struct bench_target *target);
/** Whether a process that we started is still there (true for others). */
bool bench_target_alive(struct bench_target *target);
/** What it has used so far: /proc, else the newest answer of /metrics (see bench_target_poll_metrics()). */
void bench_target_read(struct bench_target *target, struct bench_target_reading *out);
/** Where there is no process to look at: asks for /metrics in the background, in this loop, unless a question is under
 * way. Call it once a second; before the loop is destroyed call it with NULL. */
void bench_target_poll_metrics(struct bench_target *target, struct sfu_loop *loop);
/** Raises the limit of open descriptors as far as the system allows; returns it. bench_target_open() does it too. */
uint64_t bench_raise_descriptors(void);

#endif
