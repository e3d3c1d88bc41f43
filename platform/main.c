/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "platform/core/config.h"
#include "platform/core/server.h"

enum { DESCRIPTORS = 65536 };

/* The first signal ends the server in order, the second at once. */
static void on_signal(int number)
{
    static volatile sig_atomic_t signals;
    if (signals++)
        _exit(128 + number);
    plat_server_stop();
}

static void handle_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max < DESCRIPTORS ? limit.rlim_max : DESCRIPTORS;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        base_log_warn("descriptor_limit", "wanted=%d", DESCRIPTORS);
}

int main(int argc, char **argv)
{
    static struct plat_config config;
    char error[PLAT_CONFIG_ERROR_MAX];
    enum plat_config_action action;
    if (plat_config_read(&config, &action, argc, argv, error)) {
        fprintf(stderr, "consilium: %s\n", error);
        return PLAT_EXIT_CONFIG;
    }
    switch (action) {
    case PLAT_CONFIG_HELP:
        plat_config_help(stdout);
        return PLAT_EXIT_OK;
    case PLAT_CONFIG_VERSION:
        puts("consilium " CONSILIUM_VERSION);
        return PLAT_EXIT_OK;
    case PLAT_CONFIG_CHECK:
        puts("the configuration is good");
        return PLAT_EXIT_OK;
    case PLAT_CONFIG_RUN:
        break;
    }
    base_log_set_level(config.log_level);
    raise_descriptor_limit();
    handle_signals();
    return plat_server_run(&config);
}
