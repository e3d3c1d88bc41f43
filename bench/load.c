/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load.c - consilium-load: rooms full of people against a real server on this machine, and what each delivered packet
 * costs it.
 *
 *     consilium-load --server build/release/platform/consilium --rooms 4 --people 6 --seconds 20
 *
 * Each person sends Opus (50 packets/s) and VP8 (1 Mbit/s, 25 fps, frames leave in bursts) and receives everybody else
 * of the room, through real signaling, ICE, DTLS and AES-128-GCM. The server runs on one core, this generator (one
 * thread) on the other. Sources pause before and after the measurement, so that every packet sent in it is counted.
 */
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/client/crowd.h"

#define PEOPLE_MAX 600

struct options {
    unsigned rooms, people, seconds, video_bps, fps;
    enum bench_transport transport;
    const char *server; /* path: started by us; NULL: it runs already */
    unsigned port;
    int pid;
    int server_cpu, own_cpu; /* -1: anywhere */
};

struct load {
    struct options options;
    struct bench_crowd *crowd;
    struct bench_person *people[PEOPLE_MAX];
    unsigned count;
    char data[64];
};

/* What has happened so far, over everybody. */
struct snapshot {
    uint64_t at_us;
    uint64_t expected; /* packets sent, times their receivers */
    uint64_t delivered, repaired, nacks, plis, errors, freezes, frames;
    uint64_t server_cpu_us, own_cpu_us;
    struct bench_histogram delay;
};

static void pin(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (cpu < 0)
        return;
    CPU_SET((size_t)cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0)
        perror("sched_setaffinity");
}

/* utime + stime, fields 14 and 15 of /proc/PID/stat (proc(5)). */
static uint64_t cpu_us(int pid)
{
    char path[64], line[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    if (file == NULL || fgets(line, sizeof line, file) == NULL)
        line[0] = 0;
    if (file != NULL)
        fclose(file);
    const char *after_name = strrchr(line, ')');
    uint64_t user = 0, system = 0;
    if (after_name == NULL ||
        sscanf(after_name + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64, &user, &system) != 2)
        return 0;
    return (user + system) * 1000000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

/* ---- the server ----------------------------------------------------------------------------------------------- */

static uint16_t free_port(int type)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, type, 0);
    if (bind(fd, (struct sockaddr *)&address, len) != 0 || getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        return 0;
    close(fd);
    return ntohs(address.sin_port);
}

/* The smallest web client that the server accepts. */
static int make_pages(const char *folder)
{
    static const char *const names[] = {"index.html", "visio.html"};
    if (mkdir(folder, 0700) != 0)
        return -1;
    for (int i = 0; i < 2; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        FILE *file = fopen(path, "w");
        if (file == NULL || fputs("<!doctype html><title>bench</title>", file) < 0 || fclose(file) != 0)
            return -1;
    }
    return 0;
}

static int start_server(struct load *load)
{
    char port[8], media[8], log[80], pages[80], data[80];
    load->options.port = free_port(SOCK_STREAM);
    snprintf(port, sizeof port, "%u", load->options.port);
    snprintf(media, sizeof media, "%u", free_port(SOCK_DGRAM));
    snprintf(load->data, sizeof load->data, "/tmp/consilium-load-XXXXXX");
    if (mkdtemp(load->data) == NULL)
        return -1;
    snprintf(log, sizeof log, "%s/log.txt", load->data);
    snprintf(pages, sizeof pages, "%s/pages", load->data);
    snprintf(data, sizeof data, "%s/data", load->data);
    if (make_pages(pages) != 0)
        return -1;
    load->options.pid = fork();
    if (load->options.pid == 0) {
        pin(load->options.server_cpu);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (freopen(log, "w", stdout) == NULL || dup2(1, 2) < 0)
            _exit(126);
        execl(load->options.server, load->options.server, "--open-rooms", "--port", port, "--media-port", media,
              "--media-tcp-port", "0", "--data", data, "--public-address", "127.0.0.1", "--static-dir", pages,
              (char *)NULL);
        _exit(127);
    }
    char answer[256];
    for (uint64_t limit_us = base_clock_us() + 15000000; base_clock_us() < limit_us;) {
        if (bench_https((uint16_t)load->options.port, "GET", "/healthz", NULL, answer, sizeof answer) == 200)
            return 0;
        if (waitpid(load->options.pid, NULL, WNOHANG) != 0)
            break;
        usleep(50000);
    }
    fprintf(stderr, "the server does not answer; see %s\n", log);
    return -1;
}

static void stop_server(struct load *load)
{
    if (load->options.server == NULL || load->options.pid <= 0)
        return;
    kill(load->options.pid, SIGTERM);
    waitpid(load->options.pid, NULL, 0);
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", load->data); /* a name that mkdtemp made */
    if (system(command) != 0)
        fprintf(stderr, "%s is left over\n", load->data);
}

/* ---- the people ----------------------------------------------------------------------------------------------- */

static int enter_all(struct load *load)
{
    const struct options *options = &load->options;
    for (unsigned room = 0; room < options->rooms; room++)
        for (unsigned i = 0; i < options->people; i++) {
            char name[32];
            snprintf(name, sizeof name, "load-%u", room);
            struct bench_person_config config = {.room = name,
                                                 .number = load->count + 1,
                                                 .sources = {[BENCH_MIC] = true, [BENCH_CAMERA] = true},
                                                 .video_bps = options->video_bps,
                                                 .fps = options->fps,
                                                 .transport = options->transport};
            int err;
            for (int attempt = 0; attempt < 100; attempt++) { /* tickets may be rationed: 429 */
                err = bench_person_enter(&load->people[load->count], load->crowd, &config);
                if (err != 429)
                    break;
                bench_crowd_run(load->crowd, base_clock_us() + 200000, NULL, NULL);
            }
            if (err != 0) {
                fprintf(stderr, "person %u cannot enter: %d\n", load->count, err);
                return -1;
            }
            load->count++;
            bench_crowd_run(load->crowd, base_clock_us() + 2000, NULL, NULL);
        }
    return 0;
}

static bool everybody_sees_everybody(void *user)
{
    const struct load *load = user;
    for (unsigned i = 0; i < load->count; i++) {
        const struct bench_participant *who = load->people[i]->participant;
        if (who->sub_count != 2 * (load->options.people - 1))
            return false;
        for (unsigned k = 0; k < who->sub_count; k++) {
            const struct bench_receive_counters *counters = bench_receive_stream_counters(who->subs[k].stream);
            if (counters->packets == 0 ||
                (bench_receive_stream_config(who->subs[k].stream)->video && counters->frames_decoded == 0))
                return false;
        }
    }
    return true;
}

static void pause_all(struct load *load, bool paused)
{
    for (unsigned i = 0; i < load->count; i++)
        for (int source = 0; source < BENCH_SOURCES; source++)
            if (load->people[i]->participant->sends[source][0] != NULL)
                bench_send_stream_pause(load->people[i]->participant->sends[source][0], paused, base_clock_us());
}

static void take_snapshot(const struct load *load, struct snapshot *out)
{
    memset(out, 0, sizeof *out);
    for (unsigned i = 0; i < load->count; i++) {
        const struct bench_participant *who = load->people[i]->participant;
        for (int source = 0; source < BENCH_SOURCES; source++)
            if (who->sends[source][0] != NULL)
                out->expected +=
                    bench_send_stream_counters(who->sends[source][0])->packets * (load->options.people - 1);
        for (unsigned k = 0; k < who->sub_count; k++) {
            const struct bench_receive_counters *counters = bench_receive_stream_counters(who->subs[k].stream);
            out->delivered += counters->packets + counters->rtx_packets;
            out->repaired += counters->rtx_packets;
            out->nacks += counters->nack_requests;
            out->plis += counters->plis;
            out->errors += bench_receive_errors(counters);
            out->freezes += counters->freezes;
            out->frames += counters->frames_decoded;
            bench_histogram_merge(&out->delay, bench_receive_stream_delay(who->subs[k].stream));
        }
    }
    out->at_us = base_clock_us();
    out->server_cpu_us = load->options.pid > 0 ? cpu_us(load->options.pid) : 0;
    out->own_cpu_us = cpu_us(getpid());
}

static void report(const struct load *load, const struct snapshot *from, struct snapshot *to)
{
    double seconds = (double)(to->at_us - from->at_us) / 1e6;
    uint64_t expected = to->expected - from->expected, delivered = to->delivered - from->delivered;
    uint64_t server_us = to->server_cpu_us - from->server_cpu_us;
    bench_histogram_subtract(&to->delay, &from->delay);
    printf("rooms %u, people %u each, video %u bit/s at %u fps, %.1f s\n", load->options.rooms, load->options.people,
           load->options.video_bps, load->options.fps, seconds);
    printf("delivered %" PRIu64 " of %" PRIu64 " packets (%.4f %%), %.0f packets/s; repaired %" PRIu64
           ", NACKs %" PRIu64 ", PLIs %" PRIu64 ", freezes %" PRIu64 ", errors %" PRIu64 "\n",
           delivered, expected, expected != 0 ? 100.0 * (double)delivered / (double)expected : 0.0,
           (double)delivered / seconds, to->repaired - from->repaired, to->nacks - from->nacks, to->plis - from->plis,
           to->freezes - from->freezes, to->errors - from->errors);
    printf("one-way delay p50 %.2f ms, p99 %.2f ms, max %.2f ms (generator included)\n",
           (double)bench_histogram_quantile(&to->delay, 0.5) / 1e3,
           (double)bench_histogram_quantile(&to->delay, 0.99) / 1e3, (double)to->delay.max / 1e3);
    printf("generator %.1f %% of a core\n", 100.0 * (double)(to->own_cpu_us - from->own_cpu_us) / 1e6 / seconds);
    if (load->options.pid > 0 && delivered != 0)
        printf("server %.1f %% of a core, %.2f us CPU per delivered packet\n",
               100.0 * (double)server_us / 1e6 / seconds, (double)server_us / (double)delivered);
}

static int run(struct load *load)
{
    static struct snapshot from, to;
    if (load->options.server != NULL && start_server(load) != 0)
        return 1;
    pin(load->options.own_cpu);
    if (bench_crowd_create(&load->crowd, (uint16_t)load->options.port) != 0 || enter_all(load) != 0)
        return 1;
    if (!bench_crowd_run(load->crowd, base_clock_us() + 30000000, everybody_sees_everybody, load)) {
        fprintf(stderr, "after 30 s not everybody sees everybody\n");
        return 1;
    }
    bench_crowd_run(load->crowd, base_clock_us() + 1000000, NULL, NULL);
    pause_all(load, true);
    bench_crowd_run(load->crowd, base_clock_us() + 300000, NULL, NULL);
    take_snapshot(load, &from);
    pause_all(load, false);
    uint64_t end_us = base_clock_us() + load->options.seconds * UINT64_C(1000000);
    bench_crowd_run(load->crowd, base_clock_us() + 200000, NULL, NULL);
    take_snapshot(load, &to);
    from.freezes = to.freezes; /* our own pause looked like one */
    bench_crowd_run(load->crowd, end_us, NULL, NULL);
    pause_all(load, true);
    bench_crowd_run(load->crowd, base_clock_us() + 500000, NULL, NULL);
    take_snapshot(load, &to);
    to.at_us -= 500000;
    report(load, &from, &to);
    return to.delivered - from.delivered == 0 || to.errors != 0;
}

static void usage(void)
{
    fprintf(stderr,
            "usage: consilium-load (--server BINARY | --port PORT [--pid PID]) [--rooms N] [--people N]\n"
            "         [--seconds N] [--video-bps N] [--fps N] [--transport udp|tcp] [--server-cpu N] [--cpu N]\n");
}

static int parse(struct options *options, int argc, char **argv)
{
    static const struct option known[] = {
        {"server", 1, NULL, 's'},    {"port", 1, NULL, 'p'},       {"pid", 1, NULL, 'i'},       {"rooms", 1, NULL, 'r'},
        {"people", 1, NULL, 'n'},    {"seconds", 1, NULL, 't'},    {"video-bps", 1, NULL, 'v'}, {"fps", 1, NULL, 'f'},
        {"transport", 1, NULL, 'x'}, {"server-cpu", 1, NULL, 'S'}, {"cpu", 1, NULL, 'C'},       {NULL, 0, NULL, 0}};
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        unsigned number = optarg != NULL ? (unsigned)strtoul(optarg, NULL, 10) : 0;
        switch (option) {
        case 's':
            options->server = optarg;
            break;
        case 'p':
            options->port = number;
            break;
        case 'i':
            options->pid = (int)number;
            break;
        case 'r':
            options->rooms = number;
            break;
        case 'n':
            options->people = number;
            break;
        case 't':
            options->seconds = number;
            break;
        case 'v':
            options->video_bps = number;
            break;
        case 'f':
            options->fps = number;
            break;
        case 'x':
            options->transport = optarg != NULL && strcmp(optarg, "tcp") == 0 ? BENCH_TCP : BENCH_UDP;
            break;
        case 'S':
            options->server_cpu = (int)number;
            break;
        case 'C':
            options->own_cpu = (int)number;
            break;
        default:
            return -1;
        }
    }
    bool fits = options->rooms != 0 && options->people >= 2 && options->rooms * options->people <= PEOPLE_MAX &&
                options->seconds != 0 && options->fps != 0 && options->fps <= 100;
    return fits && (options->server != NULL || options->port != 0) ? 0 : -1;
}

int main(int argc, char **argv)
{
    static struct load load = {
        .options = {
            .rooms = 4, .people = 6, .seconds = 20, .video_bps = 1000000, .fps = 25, .server_cpu = 0, .own_cpu = 1}};
    if (parse(&load.options, argc, argv) != 0) {
        usage();
        return 64;
    }
    signal(SIGPIPE, SIG_IGN);
    int result = run(&load);
    bench_crowd_destroy(load.crowd);
    stop_server(&load);
    return result;
}
