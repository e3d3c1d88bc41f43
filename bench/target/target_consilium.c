/* SPDX-License-Identifier: Apache-2.0 */
/* A consilium of our own: everything in its folder, rooms open, nobody turned away for want of places. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/err.h"
#include "bench/target/target_internal.h"

/* The smallest web client that the server accepts. */
static int make_pages(const char *folder)
{
    static const char *const names[] = {"index.html", "visio.html"};
    if (mkdir(folder, 0700) != 0)
        return BASE_ERR_IO;
    for (int i = 0; i < 2; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        FILE *file = fopen(path, "w");
        if (file == NULL)
            return BASE_ERR_IO;
        bool written = fputs("<!doctype html><title>bench</title>", file) >= 0;
        if (fclose(file) != 0 || !written)
            return BASE_ERR_IO;
    }
    return 0;
}

struct arguments {
    const char *words[BENCH_PROCESS_ARGUMENTS_MAX];
    size_t count;
};

static void add(struct arguments *arguments, const char *word)
{
    if (arguments->count + 1 < BENCH_PROCESS_ARGUMENTS_MAX)
        arguments->words[arguments->count++] = word;
}

static void add_option(struct arguments *arguments, const char *name, const char *value)
{
    add(arguments, name);
    add(arguments, value);
}

int bench_consilium_start(struct bench_target *target, char *error)
{
    const struct bench_target_config *config = &target->config;
    struct arguments arguments = {.count = 0};
    char port[8], media[8], data[80], pages[80], people[16], connections[16], workers[16], buffer[16];
    const char *const version[] = {config->binary, "--version", NULL};
    bench_process_output(version, target->version, sizeof target->version);
    target->url = (struct bench_url){.tls = true, .host = "127.0.0.1", .port = bench_free_port(SOCK_STREAM)};
    snprintf(target->address, sizeof target->address, "%s", config->address != NULL ? config->address : "127.0.0.1");
    snprintf(port, sizeof port, "%u", target->url.port);
    snprintf(media, sizeof media, "%u", bench_free_port(SOCK_DGRAM));
    snprintf(data, sizeof data, "%s/data", target->process.folder);
    snprintf(pages, sizeof pages, "%s/pages", target->process.folder);
    snprintf(target->ca_file, sizeof target->ca_file, "%s/tls-certificate.pem", data);
    if (make_pages(pages) != 0)
        return bench_target_error(error, BASE_ERR_IO, "%s cannot be written", pages);
    unsigned room = config->people_max > 35 ? config->people_max : 35;
    snprintf(people, sizeof people, "%u", room < 1000 ? room : 1000);
    snprintf(connections, sizeof connections, "%u", 2 * config->people_max + 1024);
    add(&arguments, config->binary);
    add_option(&arguments, "--port", port);
    add_option(&arguments, "--data", data);
    add_option(&arguments, "--static-dir", pages);
    add(&arguments, "--open-rooms");
    add_option(&arguments, "--room-capacity", people);
    add_option(&arguments, "--public-address", target->address);
    add_option(&arguments, "--media-port", media);
    add_option(&arguments, "--media-tcp-port", "0");
    add_option(&arguments, "--connections", connections);
    add_option(&arguments, "--connections-per-address", connections);
    add_option(&arguments, "--log-level", "warn");
    if (config->workers != 0) {
        snprintf(workers, sizeof workers, "%u", config->workers);
        add_option(&arguments, "--workers", workers);
    }
    if (config->socket_buffer != 0) {
        snprintf(buffer, sizeof buffer, "%u", config->socket_buffer);
        add_option(&arguments, "--socket-buffer", buffer);
    }
    for (const char *const *word = config->extra; word != NULL && *word != NULL; word++)
        add(&arguments, *word);
    int err = bench_process_start(&target->process, arguments.words, config->server_cpu);
    if (err == BASE_ERR_NOT_FOUND)
        return bench_target_error(error, BASE_ERR_INVALID, "no program that can be started: %s", config->binary);
    return err == 0 ? 0 : bench_target_error(error, err, "%s cannot be started", config->binary);
}

int bench_consilium_ask(struct bench_target *target, struct bench_trouble *trouble)
{
    static const char metric[] = "consilium_build_info{version=\"";
    char answer[32768];
    int status = bench_https_to(target->place, "GET", "/healthz", NULL, answer, sizeof answer, trouble);
    if (status < 0)
        return status;
    if (status != 200)
        return bench_trouble_set(trouble, BENCH_FAILURE_UNREACHABLE, "%s: not a Consilium (/healthz: %d)",
                                 target->url.host, status);
    if (target->version[0] != 0)
        return 0;
    /* Not everybody may see this. */
    status = bench_https_to(target->place, "GET", "/metrics", NULL, answer, sizeof answer, NULL);
    const char *found = status == 200 ? strstr(answer, metric) : NULL;
    if (found != NULL) {
        found += sizeof metric - 1;
        snprintf(target->version, sizeof target->version, "consilium %.*s", (int)strcspn(found, "\"\n"), found);
        bench_metrics_read(answer, &target->scraped);
        target->scraped_us = base_clock_us();
    }
    return 0;
}
