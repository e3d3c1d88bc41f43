/* SPDX-License-Identifier: Apache-2.0 */
/* consilium-bench-micro: first figures, as a plain table. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/log.h"
#include "bench/micro/micro.h"
#include "bench/micro/table.h"

#define RUNS_DEFAULT 9

static const struct {
    const char *name;
    void (*run)(size_t runs);
} parts[] = {{"packets", bench_micro_packets},
             {"udp", bench_micro_udp},
             {"engine", bench_micro_engine},
             {"worker", bench_micro_worker}};

static void print_machine(void)
{
    char line[256] = "", model[256] = "unknown processor";
    struct utsname system = {.release = "?"};
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) == 0 && colon != NULL) {
            line[strcspn(line, "\n")] = '\0';
            snprintf(model, sizeof model, "%s", colon + 2);
            break;
        }
    }
    if (file != NULL)
        fclose(file);
    uname(&system);
    printf("%s, Linux %s\n", model, system.release);
}

static int usage(const char *program)
{
    fprintf(stderr, "usage: %s [--runs N] [packets|udp|engine|worker]...   (N 1..%d, default %d)\n", program,
            BENCH_RUNS_MAX, RUNS_DEFAULT);
    return 64;
}

int main(int argc, char **argv)
{
    size_t runs = RUNS_DEFAULT;
    bool wanted[sizeof parts / sizeof parts[0]] = {0}, any = false;
    for (int i = 1; i < argc; i++) {
        bool known = false;
        if (strcmp(argv[i], "--runs") == 0 && i + 1 < argc) {
            char *end;
            unsigned long value = strtoul(argv[++i], &end, 10);
            if (*end != '\0' || value < 1 || value > BENCH_RUNS_MAX)
                return usage(argv[0]);
            runs = value;
            continue;
        }
        for (size_t p = 0; p < sizeof parts / sizeof parts[0]; p++) {
            if (strcmp(argv[i], parts[p].name) == 0)
                known = wanted[p] = any = true;
        }
        if (!known)
            return usage(argv[0]);
    }
    base_log_set_level(BASE_LOG_WARN);
    print_machine();
    for (size_t p = 0; p < sizeof parts / sizeof parts[0]; p++) {
        if (!any || wanted[p])
            parts[p].run(runs);
    }
    return 0;
}
