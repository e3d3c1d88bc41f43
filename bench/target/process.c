/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/target/process.h"

#include <arpa/inet.h>
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
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
#include "base/err.h"
#include "base/hash.h"

#define STOP_LIMIT_MS   5000
#define OUTPUT_LIMIT_US 5000000u

/* ---- its life ------------------------------------------------------------------------------------------------- */

int bench_process_prepare(struct bench_process *process)
{
    memset(process, 0, sizeof *process);
    const char *base = getenv("TMPDIR");
    if (base == NULL || strlen(base) > 30)
        base = "/tmp";
    snprintf(process->folder, sizeof process->folder, "%s/consilium-bench-XXXXXX", base);
    if (mkdtemp(process->folder) == NULL) {
        process->folder[0] = 0;
        return BASE_ERR_IO;
    }
    snprintf(process->log, sizeof process->log, "%s/log.txt", process->folder);
    return 0;
}

/* In the child: never returns. */
static void become(const char *const *argv, int cpu, int output, pid_t parent)
{
    if (cpu >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((size_t)cpu, &set);
        if (sched_setaffinity(0, sizeof set, &set) != 0)
            perror("sched_setaffinity");
    }
    (void)setpgid(0, 0); /* Ctrl-C in our terminal is for us: we end it in order */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (getppid() != parent || dup2(nothing, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0)
        _exit(126);
    execvp(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

/* Whether execvp() will find it: so that a missing program is told apart from one that ends at once. */
static bool is_program(const char *name)
{
    if (strchr(name, '/') != NULL)
        return access(name, X_OK) == 0;
    const char *path = getenv("PATH");
    for (; path != NULL && *path != 0; path += strcspn(path, ":"), path += *path == ':') {
        char full[1024];
        snprintf(full, sizeof full, "%.*s/%s", (int)strcspn(path, ":"), path, name);
        if (access(full, X_OK) == 0)
            return true;
    }
    return false;
}

int bench_process_start(struct bench_process *process, const char *const *argv, int cpu)
{
    size_t used = 0;
    assert(argv[0] != NULL);
    process->command[0] = 0;
    for (const char *const *word = argv; *word != NULL && used < sizeof process->command; word++)
        used += (size_t)snprintf(process->command + used, sizeof process->command - used, "%s%s",
                                 word != argv ? " " : "", *word);
    if (!is_program(argv[0]))
        return BASE_ERR_NOT_FOUND;
    int log = open(process->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log < 0)
        return BASE_ERR_IO;
    pid_t parent = getpid(), pid = fork();
    if (pid == 0)
        become(argv, cpu, log, parent);
    close(log);
    if (pid < 0)
        return BASE_ERR_IO;
    process->pid = pid;
    return 0;
}

bool bench_process_alive(struct bench_process *process)
{
    if (process->pid > 0 && waitpid(process->pid, NULL, WNOHANG) == process->pid)
        process->pid = 0;
    return process->pid > 0;
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    (void)about;
    (void)kind;
    (void)where;
    return remove(path);
}

void bench_process_stop(struct bench_process *process)
{
    if (bench_process_alive(process)) {
        int pidfd = (int)syscall(SYS_pidfd_open, process->pid, 0);
        struct pollfd ended = {.fd = pidfd, .events = POLLIN};
        kill(process->pid, SIGTERM);
        if (pidfd < 0 || poll(&ended, 1, STOP_LIMIT_MS) <= 0)
            kill(process->pid, SIGKILL);
        waitpid(process->pid, NULL, 0);
        process->pid = 0;
        if (pidfd >= 0)
            close(pidfd);
    }
    if (process->folder[0] != 0)
        (void)nftw(process->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    process->folder[0] = 0;
}

void bench_process_last_words(const struct bench_process *process, char *out, size_t out_max)
{
    char line[1024];
    out[0] = 0;
    FILE *file = fopen(process->log, "r");
    if (file == NULL)
        return;
    if (fseek(file, -4096, SEEK_END) != 0)
        rewind(file);
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\r\n")] = 0;
        if (line[strspn(line, " \t")] != 0)
            snprintf(out, out_max, "%s", line);
    }
    fclose(file);
}

void bench_process_output(const char *const *argv, char *out, size_t out_max)
{
    int ends[2];
    size_t used = 0;
    out[0] = 0;
    if (!is_program(argv[0]) || pipe2(ends, O_CLOEXEC) != 0)
        return;
    pid_t parent = getpid(), pid = fork();
    if (pid == 0)
        become(argv, -1, ends[1], parent);
    close(ends[1]);
    uint64_t limit_us = base_clock_us() + OUTPUT_LIMIT_US;
    while (pid > 0 && used + 1 < out_max && base_clock_us() < limit_us) {
        struct pollfd readable = {.fd = ends[0], .events = POLLIN};
        if (poll(&readable, 1, 100) <= 0)
            continue;
        ssize_t got = read(ends[0], out + used, out_max - 1 - used);
        if (got <= 0)
            break;
        used += (size_t)got;
    }
    close(ends[0]);
    if (pid > 0) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    out[used] = 0;
    out[strcspn(out, "\r\n")] = 0;
}

/* ---- what it used --------------------------------------------------------------------------------------------- */

static FILE *open_proc(int pid, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    return fopen(path, "re");
}

static bool read_stat(int pid, struct bench_process_use *out)
{
    char line[1024] = "";
    FILE *file = open_proc(pid, "stat");
    if (file == NULL)
        return false;
    if (fgets(line, sizeof line, file) == NULL)
        line[0] = 0;
    fclose(file);
    const char *after_name = strrchr(line, ')'); /* the name may hold anything */
    uint64_t user, system, threads;
    if (after_name == NULL ||
        sscanf(after_name + 1,
               " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64 " %*d %*d %*d %*d %" SCNu64, &user,
               &system, &threads) != 3)
        return false;
    out->cpu_us = (user + system) * 1000000 / (uint64_t)sysconf(_SC_CLK_TCK);
    out->threads = threads;
    return true;
}

static void read_memory(int pid, struct bench_process_use *out)
{
    uint64_t resident = 0;
    FILE *file = open_proc(pid, "statm");
    if (file == NULL)
        return;
    if (fscanf(file, "%*u %" SCNu64, &resident) != 1)
        resident = 0;
    fclose(file);
    out->memory_bytes = resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Inodes of its sockets. */
static int read_sockets(int pid, struct base_map *inodes)
{
    char path[64], link[64];
    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    DIR *folder = opendir(path);
    if (folder == NULL)
        return BASE_ERR_NOT_FOUND;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        ssize_t len = readlinkat(dirfd(folder), entry->d_name, link, sizeof link - 1);
        uint64_t inode;
        if (len <= 0)
            continue;
        link[len] = 0;
        if (sscanf(link, "socket:[%" SCNu64 "]", &inode) == 1)
            (void)base_map_put(inodes, inode, inodes);
    }
    closedir(folder);
    return 0;
}

/* Last column of the socket's line: drops; the tenth: inode. Read from its own network namespace. */
static uint64_t read_drops(int pid, const char *table, const struct base_map *inodes)
{
    char line[512];
    uint64_t sum = 0;
    FILE *file = open_proc(pid, table);
    if (file == NULL)
        return 0;
    while (fgets(line, sizeof line, file) != NULL) {
        uint64_t inode, drops;
        if (sscanf(line, " %*u: %*s %*s %*s %*s %*s %*s %*u %*u %" SCNu64 " %*d %*s %" SCNu64, &inode, &drops) == 2 &&
            base_map_get(inodes, inode) != NULL)
            sum += drops;
    }
    fclose(file);
    return sum;
}

int bench_process_read(int pid, bool drops, struct bench_process_use *out)
{
    memset(out, 0, sizeof *out);
    if (pid <= 0 || !read_stat(pid, out))
        return BASE_ERR_NOT_FOUND;
    read_memory(pid, out);
    struct base_map inodes;
    if (!drops || base_map_init(&inodes, 64, 0) != 0)
        return 0;
    if (read_sockets(pid, &inodes) == 0)
        out->socket_drops = read_drops(pid, "net/udp", &inodes) + read_drops(pid, "net/udp6", &inodes);
    base_map_clear(&inodes);
    return 0;
}

/* ---- this machine --------------------------------------------------------------------------------------------- */

uint16_t bench_free_port(int type)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&address, len) == 0 &&
              getsockname(fd, (struct sockaddr *)&address, &len) == 0;
    if (fd >= 0)
        close(fd);
    return ok ? ntohs(address.sin_port) : 0;
}

int bench_own_address(char out[46])
{
    struct ifaddrs *all;
    int err = BASE_ERR_NOT_FOUND;
    if (getifaddrs(&all) != 0)
        return err;
    for (const struct ifaddrs *one = all; one != NULL && err != 0; one = one->ifa_next) {
        unsigned wanted = IFF_UP | IFF_RUNNING;
        if (one->ifa_addr == NULL || one->ifa_addr->sa_family != AF_INET || (one->ifa_flags & IFF_LOOPBACK) != 0 ||
            (one->ifa_flags & wanted) != wanted)
            continue;
        struct sockaddr_in address;
        memcpy(&address, one->ifa_addr, sizeof address);
        if (inet_ntop(AF_INET, &address.sin_addr, out, 46) != NULL)
            err = 0;
    }
    freeifaddrs(all);
    return err;
}
