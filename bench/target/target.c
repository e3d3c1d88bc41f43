/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/target/target.h"

#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/err.h"
#include "bench/target/target_internal.h"

int bench_target_error(char error[BENCH_TARGET_ERROR_MAX], int err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error, BENCH_TARGET_ERROR_MAX, format, args);
    va_end(args);
    return err;
}

uint64_t bench_raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

/* ---- opening -------------------------------------------------------------------------------------------------- */

static int look_up(struct bench_target *target, struct bench_trouble *trouble)
{
    const struct bench_endpoint endpoint = {
        .url = target->url, .ca_file = bench_target_ca_file(target), .insecure = target->config.insecure};
    return bench_place_create(&target->place, &endpoint, trouble);
}

static int ask(struct bench_target *target, struct bench_trouble *trouble)
{
    return target->config.kind == BENCH_TARGET_JANUS ? bench_janus_ask(target, trouble)
                                                     : bench_consilium_ask(target, trouble);
}

static int find(struct bench_target *target, char *error)
{
    struct bench_trouble trouble = {.failure = BENCH_FAILURE_NONE};
    if (target->config.url == NULL || bench_url_parse(&target->url, target->config.url) != 0)
        return bench_target_error(error, BASE_ERR_INVALID,
                                  "not the address of a server: %s; it is https://HOST:PORT with nothing behind",
                                  target->config.url != NULL ? target->config.url : "(none)");
    int err = look_up(target, &trouble);
    if (err == 0)
        err = ask(target, &trouble);
    if (err == 0)
        return 0;
    bench_target_error(error, err, "%s", trouble.why);
    return err == BASE_ERR_CRYPTO || err == BASE_ERR_FULL || err == BASE_ERR_NOMEM ? err : BASE_ERR_IO;
}

/* Until it answers, has ended, or time is over. */
static int wait_for(struct bench_target *target, char *error)
{
    char last[160];
    const char *name = target->config.binary;
    for (uint64_t limit_us = base_clock_us() + BENCH_TARGET_START_US; base_clock_us() < limit_us;) {
        struct bench_trouble trouble = {.failure = BENCH_FAILURE_NONE};
        if (!bench_process_alive(&target->process)) {
            bench_process_last_words(&target->process, last, sizeof last);
            return bench_target_error(error, BASE_ERR_IO, "%s ended at once%s%s", name, last[0] != 0 ? ": " : "", last);
        }
        /* The place needs the certificate, which the server may be about to make. */
        if (target->place == NULL && look_up(target, &trouble) != 0)
            target->place = NULL;
        if (target->place != NULL && ask(target, &trouble) == 0)
            return 0;
        (void)poll(NULL, 0, 50);
    }
    bench_process_last_words(&target->process, last, sizeof last);
    return bench_target_error(error, BASE_ERR_TIMEOUT, "%s does not answer; the end of its log: %s", name, last);
}

static int start(struct bench_target *target, char *error)
{
    const struct bench_target_config *config = &target->config;
    if (bench_process_prepare(&target->process) != 0)
        return bench_target_error(error, BASE_ERR_IO, "no folder can be made in /tmp");
    int err =
        config->kind == BENCH_TARGET_JANUS ? bench_janus_start(target, error) : bench_consilium_start(target, error);
    return err == 0 ? wait_for(target, error) : err;
}

int bench_target_open(struct bench_target **out, const struct bench_target_config *config,
                      char error[BENCH_TARGET_ERROR_MAX])
{
    *out = NULL;
    error[0] = 0;
    struct bench_target *target = calloc(1, sizeof *target);
    if (target == NULL)
        return bench_target_error(error, BASE_ERR_NOMEM, "no memory");
    signal(SIGPIPE, SIG_IGN);
    bench_raise_descriptors();
    target->config = *config;
    if (config->ca_file != NULL)
        snprintf(target->ca_file, sizeof target->ca_file, "%s", config->ca_file);
    int err = config->binary != NULL ? start(target, error) : find(target, error);
    if (err != 0) {
        bench_target_close(target);
        return err;
    }
    if (target->version[0] == 0)
        snprintf(target->version, sizeof target->version, "%s", bench_target_dialect(target)->name);
    *out = target;
    return 0;
}

void bench_target_close(struct bench_target *target)
{
    if (target == NULL)
        return;
    bench_request_destroy(target->request);
    bench_place_destroy(target->place);
    bench_process_stop(&target->process);
    free(target);
}

int bench_target_prepare(struct bench_target *target, const char *const *names, size_t count, unsigned people,
                         enum bench_codec codec, char error[BENCH_TARGET_ERROR_MAX])
{
    error[0] = 0;
    if (target->config.kind != BENCH_TARGET_JANUS)
        return 0;
    return bench_janus_prepare(target, names, count, people, codec, error);
}

/* ---- looking at it -------------------------------------------------------------------------------------------- */

const struct bench_dialect *bench_target_dialect(const struct bench_target *target)
{
    return target->config.kind == BENCH_TARGET_JANUS ? &bench_dialect_janus : &bench_dialect_consilium;
}

const struct bench_url *bench_target_url(const struct bench_target *target)
{
    return &target->url;
}

const char *bench_target_ca_file(const struct bench_target *target)
{
    return target->ca_file[0] != 0 ? target->ca_file : NULL;
}

bool bench_target_insecure(const struct bench_target *target)
{
    return target->config.insecure;
}

const char *bench_target_address(const struct bench_target *target)
{
    return target->address;
}

const char *bench_target_version(const struct bench_target *target)
{
    return target->version;
}

const char *bench_target_command(const struct bench_target *target)
{
    return target->process.command;
}

int bench_target_pid(const struct bench_target *target)
{
    return target->process.pid > 0 ? target->process.pid : target->config.pid;
}

bool bench_target_alive(struct bench_target *target)
{
    return target->config.binary == NULL || bench_process_alive(&target->process);
}

/* ---- what it costs -------------------------------------------------------------------------------------------- */

void bench_target_read(struct bench_target *target, struct bench_target_reading *out)
{
    struct bench_process_use use;
    if (bench_process_read(bench_target_pid(target), true, &use) != 0) {
        *out = target->scraped;
        if (base_clock_us() - target->scraped_us > BENCH_TARGET_STALE_US) /* its CPU would stand still */
            memset(out, 0, sizeof *out);
        return;
    }
    *out = (struct bench_target_reading){.has_cpu = true,
                                         .has_memory = true,
                                         .cpu_us = use.cpu_us,
                                         .memory_bytes = use.memory_bytes,
                                         .threads = use.threads,
                                         .socket_drops = use.socket_drops};
}

void bench_metrics_read(const char *text, struct bench_target_reading *out)
{
    memset(out, 0, sizeof *out);
    for (const char *line = text; line != NULL && *line != 0;) {
        double value;
        if (sscanf(line, "process_cpu_seconds_total %lf", &value) == 1 && value >= 0 && value < 1e12) {
            out->has_cpu = true;
            out->cpu_us = (uint64_t)(value * 1e6);
        } else if (sscanf(line, "process_resident_memory_bytes %lf", &value) == 1 && value >= 0 && value < 1e18) {
            out->has_memory = true;
            out->memory_bytes = (uint64_t)value;
        }
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
}

static void on_metrics(void *user, int status, const char *body, const struct bench_trouble *trouble)
{
    struct bench_target *target = user;
    (void)trouble;
    target->scraped_us = base_clock_us();
    if (status == 200)
        bench_metrics_read(body, &target->scraped);
    else
        memset(&target->scraped, 0, sizeof target->scraped);
    bench_request_destroy(target->request);
    target->request = NULL;
}

void bench_target_poll_metrics(struct bench_target *target, struct sfu_loop *loop)
{
    if (loop == NULL) {
        bench_request_destroy(target->request);
        target->request = NULL;
    }
    if (loop == NULL || target->request != NULL || bench_target_pid(target) > 0 ||
        target->config.kind == BENCH_TARGET_JANUS)
        return;
    const struct bench_request_config config = {.place = target->place,
                                                .loop = loop,
                                                .method = "GET",
                                                .path = "/metrics",
                                                .on_done = on_metrics,
                                                .user = target};
    (void)bench_request_start(&target->request, &config, NULL);
}
