/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/bench_liar.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define CASES_MAX 64

struct running {
    const struct liar_case *self;
    pid_t pid; /* 0: not started, -1: over */
    int pidfd;
    uint64_t limit_us;
    FILE *said;
    int failed;
};

static char account_path[64], gate_path[64];

static bool make_gate(void)
{
    snprintf(gate_path, sizeof gate_path, "/tmp/consilium-gate-XXXXXX");
    int fd = mkstemp(gate_path);
    bool made = fd >= 0 && write(fd, "", 1) == 1;
    if (fd >= 0)
        close(fd);
    return made && setenv("CONSILIUM_LIE_GATE", gate_path, 1) == 0;
}

void liar_open_gate(void)
{
    int fd = gate_path[0] != 0 ? open(gate_path, O_WRONLY | O_CLOEXEC) : -1;
    if (fd >= 0 && write(fd, "1", 1) != 1)
        abort();
    if (fd >= 0)
        close(fd);
}

static void remove_files(void)
{
    unlink(account_path);
    if (gate_path[0] != 0)
        unlink(gate_path);
}

/* In a process of its own: never returns. */
static void become_case(const struct running *running)
{
    int failed = 0;
    atexit(remove_files); /* the first to be registered is the last to be called: after the server has ended */
    dup2(fileno(running->said), 1);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    snprintf(account_path, sizeof account_path, "/tmp/consilium-lie-XXXXXX");
    int fd = mkstemp(account_path);
    if (fd < 0 || getenv("CONSILIUM_LYING_SERVER") == NULL) {
        printf("    CONSILIUM_LYING_SERVER is not set\n");
        fflush(stdout);
        _exit(1);
    }
    close(fd);
    setenv("CONSILIUM_LIE_REPORT", account_path, 1);
    if (running->self->gate && !make_gate()) {
        printf("    no gate\n");
        _exit(1);
    }
    setenv("CONSILIUM_SERVER", getenv("CONSILIUM_LYING_SERVER"), 1);
    if (running->self->lie != NULL)
        setenv("CONSILIUM_LIE", running->self->lie, 1);
    running->self->run(&failed, running->self);
    fflush(stdout);
    exit(failed); /* servers left over end in atexit() */
}

static void start(struct running *running)
{
    running->said = tmpfile();
    running->limit_us = base_clock_us() + LIAR_CASE_US;
    running->pid = running->said != NULL ? fork() : -1;
    if (running->pid == 0)
        become_case(running);
    running->failed = 1;
    if (running->pid > 0)
        running->pidfd = (int)syscall(SYS_pidfd_open, running->pid, 0);
}

static void show(struct running *running)
{
    char line[512];
    rewind(running->said);
    while (fgets(line, sizeof line, running->said) != NULL)
        fputs(line, stdout);
    fclose(running->said);
    printf("%s %s\n", running->failed ? "FAIL" : "ok  ", running->self->name);
    fflush(stdout);
}

/* Waits until one has ended, or its time is over. */
static void wait_for_one(struct running *all, size_t count)
{
    struct pollfd fds[CASES_MAX];
    for (size_t i = 0; i < count; i++)
        fds[i] = (struct pollfd){.fd = all[i].pid > 0 ? all[i].pidfd : -1, .events = POLLIN};
    poll(fds, (nfds_t)count, 1000);
    for (size_t i = 0; i < count; i++) {
        int status;
        if (all[i].pid <= 0)
            continue;
        if (fds[i].revents == 0 && base_clock_us() >= all[i].limit_us) {
            kill(all[i].pid, SIGKILL); /* its server goes with it: PR_SET_PDEATHSIG */
            fds[i].revents = POLLIN;
            fprintf(all[i].said, "    took too long\n");
        }
        if (fds[i].revents == 0 || waitpid(all[i].pid, &status, 0) != all[i].pid)
            continue;
        all[i].failed = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
        if (WIFSIGNALED(status))
            fprintf(all[i].said, "    ended by signal %d\n", WTERMSIG(status));
        close(all[i].pidfd);
        all[i].pid = -1;
    }
}

int liar_main(const struct liar_case *cases, size_t count, int argc, char **argv)
{
    static struct running all[CASES_MAX];
    size_t chosen = 0, started = 0, shown = 0, failed = 0;
    for (size_t i = 0; i < count && chosen < CASES_MAX; i++)
        if (argc < 2 || strcmp(argv[1], cases[i].name) == 0)
            all[chosen++].self = &cases[i];
    fflush(stdout);
    while (shown < chosen) {
        size_t now = 0;
        for (size_t i = 0; i < started; i++)
            now += all[i].pid > 0;
        for (; now < LIAR_AT_ONCE && started < chosen; now++)
            start(&all[started++]);
        wait_for_one(all, started);
        for (; shown < started && all[shown].pid < 0; shown++) {
            show(&all[shown]);
            failed += all[shown].failed != 0;
        }
    }
    printf("%zu passed, %zu failed\n", chosen - failed, failed);
    return failed != 0 || chosen == 0;
}

uint64_t liar_account(const char *lie, unsigned from, unsigned to, const char *source)
{
    FILE *file = fopen(account_path, "r");
    char line[160], kind[32], what[32];
    unsigned a, b;
    uint64_t times, sum = 0;
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "%31s p%u p%u %31s %" SCNu64, kind, &a, &b, what, &times) == 5 && strcmp(kind, lie) == 0 &&
            (from == 0 || from == a) && (to == 0 || to == b) && (source == NULL || strcmp(source, what) == 0))
            sum += times;
    if (file != NULL)
        fclose(file);
    return sum;
}
