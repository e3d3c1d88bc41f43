/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define START_US (20u * 1000000u)

static uint16_t free_port(int type)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, type, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        return 0;
    close(fd);
    return ntohs(address.sin_port);
}

static void show_log(const struct server *server)
{
    FILE *file = fopen(server->log, "r");
    char line[512];
    printf("    --- the server's log (its end) ---\n");
    if (file == NULL)
        return;
    if (fseek(file, -6000, SEEK_END) != 0)
        rewind(file);
    while (fgets(line, sizeof line, file) != NULL)
        printf("    %s", line);
    fclose(file);
}

/* In the child: never returns. */
static void become(const struct server *server, const char *const *extra)
{
    char port[8], media[8], data[80];
    snprintf(data, sizeof data, "%s/data", server->data);
    snprintf(port, sizeof port, "%u", server->port);
    snprintf(media, sizeof media, "%u", server->media_port);
    const char *const start[] = {getenv("CONSILIUM_SERVER"),
                                 "--open-rooms",
                                 "--port",
                                 port,
                                 "--media-port",
                                 media,
                                 "--media-tcp-port",
                                 "0",
                                 "--data",
                                 data,
                                 "--public-address",
                                 "127.0.0.1",
                                 "--static-dir",
                                 server->pages};
    const char *arguments[48] = {NULL};
    size_t count = sizeof start / sizeof start[0];
    memcpy(arguments, start, sizeof start);
    while (extra != NULL && *extra != NULL && count < 47)
        arguments[count++] = *extra++;
    int log = open(server->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    dup2(log, 1);
    dup2(log, 2);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execv(arguments[0], (char *const *)(uintptr_t)arguments);
    perror("execv");
    _exit(127);
}

/* Whether its log says so, after what it said in its former lives. */
static bool says_listening(const struct server *server, long from)
{
    char text[16384];
    FILE *file = fopen(server->log, "r");
    if (file == NULL)
        return false;
    fseek(file, from, SEEK_SET);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    return strstr(text, " listening ") != NULL;
}

bool server_start_again(struct server *server, const char *const *extra)
{
    struct stat before;
    long from = stat(server->log, &before) == 0 ? (long)before.st_size : 0;
    server->pid = fork();
    if (server->pid == 0)
        become(server, extra);
    int pidfd = (int)syscall(SYS_pidfd_open, server->pid, 0);
    uint64_t limit_us = base_clock_us() + START_US;
    bool up = false;
    while (!up && base_clock_us() < limit_us) {
        /* its end, or a moment later another look at what it says */
        struct pollfd ended = {.fd = pidfd, .events = POLLIN};
        if (poll(&ended, 1, 20) > 0)
            break;
        up = says_listening(server, from);
    }
    close(pidfd);
    if (!up) {
        printf("    the server does not listen\n");
        server_stop(server);
    }
    return up;
}

/* The smallest web client that the server accepts. */
static bool make_pages(const struct server *server)
{
    static const char *const names[] = {"index.html", "visio.html"};
    if (mkdir(server->pages, 0700) != 0)
        return false;
    for (int i = 0; i < 2; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", server->pages, names[i]);
        FILE *file = fopen(path, "w");
        if (file == NULL || fputs("<!doctype html><title>test</title>", file) < 0 || fclose(file) != 0)
            return false;
    }
    return true;
}

static struct server *running;

static void stop_running(void)
{
    if (running != NULL)
        server_stop(running);
}

bool server_start(struct server *server, const char *const *extra)
{
    static bool registered;
    if (!registered)
        atexit(stop_running);
    registered = true;
    if (running != NULL)
        server_stop(running); /* of a case that failed in its middle */
    memset(server, 0, sizeof *server);
    signal(SIGPIPE, SIG_IGN);
    if (getenv("CONSILIUM_SERVER") == NULL) {
        printf("    CONSILIUM_SERVER is not set\n");
        return false;
    }
    snprintf(server->data, sizeof server->data, "/tmp/consilium-test-XXXXXX");
    if (mkdtemp(server->data) == NULL)
        return false;
    snprintf(server->log, sizeof server->log, "%s/log.txt", server->data);
    snprintf(server->pages, sizeof server->pages, "%s/pages", server->data);
    if (!make_pages(server))
        return false;
    server->port = free_port(SOCK_STREAM);
    server->media_port = free_port(SOCK_DGRAM);
    running = server;
    return server_start_again(server, extra);
}

void server_signal(struct server *server, int signal)
{
    if (server->pid > 0)
        kill(server->pid, signal);
}

int server_wait(struct server *server, int limit_ms)
{
    if (server->pid <= 0)
        return 0;
    int status, pidfd = (int)syscall(SYS_pidfd_open, server->pid, 0);
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    int came = poll(&ended, 1, limit_ms);
    close(pidfd);
    if (came <= 0 || waitpid(server->pid, &status, 0) != server->pid)
        return -1;
    server->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    (void)about;
    (void)kind;
    (void)where;
    return remove(path);
}

int server_stop(struct server *server)
{
    server_signal(server, SIGTERM);
    int code = server_wait(server, 15000);
    if (code < 0) {
        printf("    the server does not end on SIGTERM\n");
        server_signal(server, SIGKILL);
        (void)server_wait(server, 5000);
    }
    if (code != 0)
        show_log(server);
    if (server->data[0] != 0)
        nftw(server->data, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    if (running == server)
        running = NULL;
    return code;
}

bool server_alive(struct server *server)
{
    return server->pid > 0 && kill(server->pid, 0) == 0 && server_wait(server, 0) == -1;
}
