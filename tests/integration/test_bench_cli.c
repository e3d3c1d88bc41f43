/* SPDX-License-Identifier: Apache-2.0 */
/*
 * consilium-bench as its users meet it: the real program against the real server. What goes wrong ends in one clear
 * line and the right exit code; what is interrupted leaves a partial report; no server is left behind.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/client/https.h"
#include "bench/report/report.h"
#include "tests/integration/server.h"
#include "tests/support/test.h"

#define SECOND_US UINT64_C(1000000)
#define LIMIT_MS  60000

/* Small pictures: what is tested is the program, on a machine that does other things. */
#define SMALL                                                                                                          \
    "--video", "160x90", "--video-kbps", "60", "--fps", "5", "--screen", "off", "--ramp", "500ms", "--settle",         \
        "500ms", "--drain", "1s", "--decode-every", "0"

struct bench {
    pid_t pid;
    char folder[40], out[64], err[64];
    unsigned descriptors; /* limit; 0: as it is */
};

static struct bench bench;
static struct server server;
static char text[65536]; /* of the last read_file() */

static const char *read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    text[0] = 0;
    if (file != NULL) {
        text[fread(text, 1, sizeof text - 1, file)] = 0;
        fclose(file);
    }
    return text;
}

static void to_file(const char *path, int fd)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    dup2(file, fd);
}

static bool start(const char *const *arguments)
{
    const char *all[64] = {getenv("CONSILIUM_BENCH")};
    for (size_t i = 0; i < 62 && arguments[i] != NULL; i++)
        all[i + 1] = arguments[i];
    if (all[0] == NULL) {
        printf("    CONSILIUM_BENCH is not set\n");
        return false;
    }
    fflush(stdout);
    unlink(bench.out);
    unlink(bench.err);
    bench.pid = fork();
    if (bench.pid != 0)
        return bench.pid > 0;
    setpgid(0, 0); /* as a shell's job has it */
    to_file(bench.out, 1);
    to_file(bench.err, 2);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct rlimit limit = {bench.descriptors, bench.descriptors};
    if (bench.descriptors != 0)
        setrlimit(RLIMIT_NOFILE, &limit);
    execv(all[0], (char *const *)(uintptr_t)all);
    _exit(127);
}

/* Its exit code, 128 + signal, or -1: it did not end in time (then it is killed). */
static int ended(int limit_ms)
{
    int status, pidfd = (int)syscall(SYS_pidfd_open, bench.pid, 0);
    struct pollfd end = {.fd = pidfd, .events = POLLIN};
    int came = poll(&end, 1, limit_ms);
    close(pidfd);
    if (came <= 0)
        kill(bench.pid, SIGKILL);
    if (waitpid(bench.pid, &status, 0) != bench.pid || came <= 0)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run(const char *const *arguments)
{
    return start(arguments) ? ended(LIMIT_MS) : -1;
}

/* The same for a run whose figures must count: when somebody else has the core, it is tried again. */
static int run_until_it_counts(const char *const *arguments)
{
    int code = BENCH_EXIT_SATURATED;
    for (int i = 0; i < 5 && code == BENCH_EXIT_SATURATED; i++)
        code = run(arguments);
    return code;
}

/* Prints what it said, for a case that fails. */
static void show(int code, int wanted)
{
    if (code == wanted)
        return;
    printf("    exit code %d; standard error:\n%s\n", code, read_file(bench.err));
    printf("    standard output:\n%s\n", read_file(bench.out));
}

#define RUN(wanted, ...)                                                                                               \
    do {                                                                                                               \
        static const char *const t_arguments[] = {__VA_ARGS__, NULL};                                                  \
        int t_code = run(t_arguments);                                                                                 \
        show(t_code, wanted);                                                                                          \
        T_EQ(t_code, wanted);                                                                                          \
    } while (0)

/* Standard error is one line that begins with our name and contains `what`. */
static bool one_line(const char *what)
{
    const char *line = read_file(bench.err), *end = strchr(line, '\n');
    bool good = strncmp(line, "consilium-bench: ", 17) == 0 && end != NULL && end[1] == 0 && strstr(line, what) != NULL;
    if (!good)
        printf("    not one line with \"%s\":\n%s\n", what, line);
    return good;
}

static const char *url(void)
{
    static char out[64];
    snprintf(out, sizeof out, "https://127.0.0.1:%u", server.port);
    return out;
}

static const char *certificate(void)
{
    static char out[128];
    snprintf(out, sizeof out, "%s/data/tls-certificate.pem", server.data);
    return out;
}

/* A file of ours; four answers are valid at a time. */
static const char *report(const char *name)
{
    static char out[4][96];
    static unsigned at;
    at = (at + 1) % 4;
    snprintf(out[at], sizeof out[at], "%s/%s", bench.folder, name);
    return out[at];
}

static void clean_up(void)
{
    DIR *folder = opendir(bench.folder);
    for (const struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;)
        unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder != NULL)
        closedir(folder);
    rmdir(bench.folder);
}

static void __attribute__((constructor)) prepare(void)
{
    snprintf(bench.folder, sizeof bench.folder, "/tmp/consilium-cli-XXXXXX");
    if (mkdtemp(bench.folder) == NULL)
        _exit(1);
    snprintf(bench.out, sizeof bench.out, "%s/out", bench.folder);
    snprintf(bench.err, sizeof bench.err, "%s/err", bench.folder);
    atexit(clean_up);
}

/* Waits until what it says on standard error has `what`. */
static bool says(const char *what, uint64_t limit_us)
{
    for (uint64_t until_us = base_clock_us() + limit_us; base_clock_us() < until_us;) {
        if (strstr(read_file(bench.err), what) != NULL)
            return true;
        poll(NULL, 0, 50);
    }
    printf("    it never said \"%s\": %s\n", what, text);
    return false;
}

/* How many processes have `word` among their arguments. */
static int processes_with(const char *word)
{
    DIR *folder = opendir("/proc");
    int count = 0;
    for (const struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        char path[300], line[4096];
        snprintf(path, sizeof path, "/proc/%s/cmdline", entry->d_name);
        FILE *file = atoi(entry->d_name) > 0 && atoi(entry->d_name) != bench.pid ? fopen(path, "r") : NULL;
        if (file == NULL)
            continue;
        size_t len = fread(line, 1, sizeof line, file);
        fclose(file);
        count += memmem(line, len, word, strlen(word)) != NULL;
    }
    if (folder != NULL)
        closedir(folder);
    return count;
}

/* ---- wrong usage ---------------------------------------------------------------------------------------------- */

T_TEST(an_unknown_option)
{
    RUN(BENCH_EXIT_USAGE, "rcp", "--roms", "3", "--server", "x");
    T_CHECK(one_line("--rooms"));
    RUN(BENCH_EXIT_USAGE, "rcp");
    T_CHECK(one_line("--url"));
    RUN(BENCH_EXIT_USAGE, "run", "/nonexistent.conf", "--server", "x");
    T_CHECK(one_line("/nonexistent.conf"));
}

T_TEST(help_and_version)
{
    RUN(0, "--help");
    T_CHECK(strstr(read_file(bench.out), "--precision") != NULL);
    RUN(0, "--version");
    T_CHECK(strncmp(read_file(bench.out), "consilium-bench ", 16) == 0);
}

T_TEST(nobody_answers)
{
    uint64_t start_us = base_clock_us();
    RUN(BENCH_EXIT_UNREACHABLE, "rcp", "--url", "https://127.0.0.1:1", "--insecure");
    T_CHECK(one_line("127.0.0.1"));
    T_CHECK(base_clock_us() - start_us < 25 * SECOND_US);
    RUN(BENCH_EXIT_UNREACHABLE, "rcp", "--server", "/nonexistent/server");
    T_CHECK(one_line("/nonexistent/server"));
}

T_TEST(a_report_that_cannot_be_written)
{
    uint64_t start_us = base_clock_us();
    RUN(BENCH_EXIT_OUTPUT, "rcp", "--url", "https://127.0.0.1:1", "--json", "/nonexistent/r.json");
    T_CHECK(one_line("/nonexistent/r.json"));
    T_CHECK(base_clock_us() - start_us < 5 * SECOND_US);
}

/* ---- against a server that runs ------------------------------------------------------------------------------- */

T_TEST(a_certificate_that_nobody_trusts)
{
    T_CHECK(server_start(&server, NULL));
    const char *const arguments[] = {"rcp", "--url", url(), SMALL, NULL};
    int code = run(arguments);
    show(code, BENCH_EXIT_CERTIFICATE);
    T_EQ(code, BENCH_EXIT_CERTIFICATE);
    T_CHECK(one_line("certificate"));
    T_EQ(server_stop(&server), 0);
}

T_TEST(a_server_that_lets_nobody_in)
{
    static const char *const closed[] = {"--open-rooms=no", NULL};
    T_CHECK(server_start(&server, closed));
    const char *const arguments[] = {"rcp", "--url", url(), "--insecure", "--people", "2", "--plain", SMALL, NULL};
    int code = run(arguments);
    show(code, BENCH_EXIT_REFUSED);
    T_EQ(code, BENCH_EXIT_REFUSED);
    T_CHECK(strstr(read_file(bench.err), "consilium-bench: ") != NULL);
    T_EQ(server_stop(&server), 0);
}

/* People who come by tickets have names that are not ours. */
T_TEST(tickets_from_a_file)
{
    T_CHECK(server_start(&server, NULL));
    const char *const arguments[] = {"rcp",      "--url",   url(),       "--insecure",       "--rooms",    "2",
                                     "--people", "2",       "--tickets", report("t.txt"),    "--duration", "2s",
                                     "--limit",  "all=off", "--limit",   "missing-tracks=0", "--limit",    "errors=0",
                                     "--plain",  SMALL,     NULL};
    int code = BENCH_EXIT_SATURATED;
    for (int attempt = 0; attempt < 5 && code == BENCH_EXIT_SATURATED; attempt++) {
        FILE *file = fopen(report("t.txt"), "w");
        T_CHECK(file != NULL);
        for (int i = 0; i < 4; i++) {
            char room[16], name[32], identity[33], ticket[BENCH_TICKET_MAX];
            snprintf(room, sizeof room, "ticket-%d", i / 2);
            snprintf(name, sizeof name, "Dr Claire Martin %d", i);
            snprintf(identity, sizeof identity, "%032x", 1000 + i);
            T_EQ(bench_ticket(server.port, room, name, identity, ticket), 0);
            fprintf(file, "%s\n", ticket);
        }
        fclose(file);
        code = run(arguments);
    }
    show(code, BENCH_EXIT_OK);
    T_EQ(code, BENCH_EXIT_OK);
    const char *const more[] = {"rcp",       "--url",         url(),     "--insecure", "--people", "5",
                                "--tickets", report("t.txt"), "--plain", SMALL,        NULL};
    code = run(more);
    show(code, BENCH_EXIT_USAGE);
    T_EQ(code, BENCH_EXIT_USAGE);
    T_CHECK(one_line("4 tickets"));
    T_EQ(server_stop(&server), 0);
}

T_TEST(too_few_descriptors)
{
    T_CHECK(server_start(&server, NULL));
    const char *const arguments[] = {"rcp", "--url", url(), "--insecure", "--people", "6", "--plain", SMALL, NULL};
    bench.descriptors = 20;
    int code = run(arguments);
    bench.descriptors = 0;
    show(code, BENCH_EXIT_RESOURCES);
    T_EQ(code, BENCH_EXIT_RESOURCES);
    T_CHECK(strstr(read_file(bench.err), "descriptors") != NULL);
    T_EQ(server_stop(&server), 0);
}

/* What holds, and what does not because of a limit that nothing keeps. Loss alone is judged: the machine is shared. */
T_TEST(a_small_meeting)
{
    T_CHECK(server_start(&server, NULL));
    const char *const good[] = {
        "rcp",        "--url",   url(),     "--ca",    certificate(),      "--people",       "3",
        "--duration", "3s",      "--json",  "-",       "--html",           report("r.html"), "--limit",
        "all=off",    "--limit", "loss=2%", "--limit", "missing-tracks=0", "--plain",        SMALL,
        NULL};
    int code = run_until_it_counts(good);
    show(code, BENCH_EXIT_OK);
    T_EQ(code, BENCH_EXIT_OK);
    json_t *root = json_loads(read_file(bench.out), 0, NULL);
    T_CHECK(json_is_object(root));
    json_decref(root);
    T_CHECK(strncmp(read_file(report("r.html")), "<!", 2) == 0);
    T_CHECK(strstr(read_file(bench.err), "measuring") != NULL);
    const char *const strict[] = {"rcp", "--url",      url(), "--ca",    certificate(),       "--people",
                                  "3",   "--duration", "2s",  "--limit", "delay-p99=0.001ms", "--quiet",
                                  SMALL, NULL};
    code = run_until_it_counts(strict);
    show(code, BENCH_EXIT_FAILED);
    T_EQ(code, BENCH_EXIT_FAILED);
    T_STR_EQ(read_file(bench.out), "");
    T_STR_EQ(read_file(bench.err), "");
    T_EQ(server_stop(&server), 0);
}

T_TEST(ctrl_c_leaves_a_partial_report)
{
    T_CHECK(server_start(&server, NULL));
    const char *const arguments[] = {"rcp",     "--url",      url(),  "--insecure", "--people",
                                     "2",       "--duration", "300s", "--json",     report("c.json"),
                                     "--plain", SMALL,        NULL};
    T_CHECK(start(arguments));
    T_CHECK(says("measuring", 30 * SECOND_US));
    kill(bench.pid, SIGINT);
    int code = ended(15000);
    show(code, BENCH_EXIT_INTERRUPTED);
    T_EQ(code, BENCH_EXIT_INTERRUPTED);
    json_t *root = json_loads(read_file(report("c.json")), 0, NULL);
    T_CHECK(json_is_object(root));
    T_CHECK(strstr(text, "\"interrupted\"") != NULL);
    json_decref(root);
    T_CHECK(server_alive(&server));
    T_EQ(server_stop(&server), 0);
}

T_TEST(it_stops_when_the_server_is_gone)
{
    T_CHECK(server_start(&server, NULL));
    const char *const arguments[] = {"rcp",        "--url", url(),     "--insecure", "--people", "2",
                                     "--duration", "300s",  "--plain", SMALL,        NULL};
    T_CHECK(start(arguments));
    T_CHECK(says("measuring", 30 * SECOND_US));
    server_signal(&server, SIGKILL);
    (void)server_wait(&server, 5000);
    int code = ended(LIMIT_MS);
    show(code, BENCH_EXIT_FAILED);
    T_EQ(code, BENCH_EXIT_FAILED);
    server_stop(&server);
}

/* ---- a server that it starts ---------------------------------------------------------------------------------- */

T_TEST(its_own_server_goes_with_it)
{
    static char path[96];
    snprintf(path, sizeof path, "%s/meeting.conf", bench.folder);
    FILE *file = fopen(path, "w");
    T_CHECK(file != NULL);
    fprintf(file, "scenario = rcp\npeople = 2\nduration = 2s\nlimit = all=off\nserver = %s\n",
            getenv("CONSILIUM_SERVER"));
    fclose(file);
    const char *const arguments[] = {"run", path, "--plain", SMALL, "--", "--connections", "4071", NULL};
    int code = run_until_it_counts(arguments);
    show(code, BENCH_EXIT_OK);
    T_EQ(code, BENCH_EXIT_OK);
    T_EQ(processes_with("4071"), 0);
}

/* A terminal's Ctrl-C goes to all of a job's processes: the server must not hear it, or the report blames it. */
T_TEST(ctrl_c_of_a_terminal)
{
    const char *const arguments[] = {"rcp",
                                     "--server",
                                     getenv("CONSILIUM_SERVER"),
                                     "--people",
                                     "2",
                                     "--duration",
                                     "300s",
                                     "--plain",
                                     SMALL,
                                     "--json",
                                     report("t.json"),
                                     "--",
                                     "--connections",
                                     "4075",
                                     NULL};
    T_CHECK(start(arguments));
    T_CHECK(says("measuring", 60 * SECOND_US));
    kill(-bench.pid, SIGINT);
    int code = ended(15000);
    show(code, BENCH_EXIT_INTERRUPTED);
    T_EQ(code, BENCH_EXIT_INTERRUPTED);
    T_CHECK(strstr(read_file(report("t.json")), "server") != NULL);
    T_CHECK(strstr(text, "went away") == NULL && strstr(text, "gone") == NULL);
    T_EQ(processes_with("4075"), 0);
}

T_TEST(two_signals_end_it_at_once)
{
    const char *const arguments[] = {"rcp",
                                     "--server",
                                     getenv("CONSILIUM_SERVER"),
                                     "--people",
                                     "2",
                                     "--duration",
                                     "300s",
                                     "--plain",
                                     SMALL,
                                     "--",
                                     "--connections",
                                     "4072",
                                     NULL};
    T_CHECK(start(arguments));
    T_CHECK(says("measuring", 60 * SECOND_US));
    T_EQ(processes_with("4072"), 1);
    kill(bench.pid, SIGINT);
    kill(bench.pid, SIGTERM);
    T_EQ(ended(5000), BENCH_EXIT_INTERRUPTED);
    for (int i = 0; i < 100 && processes_with("4072") != 0; i++)
        poll(NULL, 0, 50);
    T_EQ(processes_with("4072"), 0);
}

T_TEST(a_small_capacity)
{
    const char *const arguments[] = {"capacity",   "teleconsultation",
                                     "--server",   getenv("CONSILIUM_SERVER"),
                                     "--max",      "2",
                                     "--duration", "1s",
                                     "--limit",    "all=off",
                                     "--limit",    "missing-tracks=0",
                                     "--json",     report("cap.json"),
                                     "--plain",    SMALL,
                                     "--",         "--connections",
                                     "4073",       NULL};
    int code = run(arguments);
    T_CHECK(code == BENCH_EXIT_OK || code == BENCH_EXIT_SATURATED);
    json_t *root = json_loads(read_file(report("cap.json")), 0, NULL);
    T_CHECK(json_is_object(root));
    json_decref(root);
    T_EQ(processes_with("4073"), 0);
}

/* Two builds of one server: that Janus is there cannot be expected. */
T_TEST(a_small_comparison)
{
    const char *const arguments[] = {"compare",
                                     "--server",
                                     getenv("CONSILIUM_SERVER"),
                                     "--against",
                                     getenv("CONSILIUM_SERVER"),
                                     "--rounds",
                                     "1",
                                     "--scenario",
                                     "rcp people=2 rooms=1",
                                     "--duration",
                                     "1s",
                                     "--markdown",
                                     report("c.md"),
                                     "--json",
                                     report("c.json"),
                                     "--plain",
                                     "--socket-buffer",
                                     "65536",
                                     SMALL,
                                     "--",
                                     "--connections",
                                     "4074",
                                     NULL};
    int code = run(arguments);
    T_CHECK(code == BENCH_EXIT_OK || code == BENCH_EXIT_SATURATED);
    T_CHECK(strstr(read_file(report("c.md")), "room of 2") != NULL);
    json_t *root = json_loads(read_file(report("c.json")), 0, NULL);
    T_CHECK(json_is_object(root));
    json_decref(root);
    T_EQ(processes_with("4074"), 0);
}

T_MAIN(T_CASE(an_unknown_option), T_CASE(help_and_version), T_CASE(nobody_answers),
       T_CASE(a_report_that_cannot_be_written), T_CASE(a_certificate_that_nobody_trusts),
       T_CASE(a_server_that_lets_nobody_in), T_CASE(tickets_from_a_file), T_CASE(too_few_descriptors),
       T_CASE(a_small_meeting), T_CASE(ctrl_c_leaves_a_partial_report), T_CASE(it_stops_when_the_server_is_gone),
       T_CASE(its_own_server_goes_with_it), T_CASE(ctrl_c_of_a_terminal), T_CASE(two_signals_end_it_at_once),
       T_CASE(a_small_capacity), T_CASE(a_small_comparison))
