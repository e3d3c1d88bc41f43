/* SPDX-License-Identifier: Apache-2.0 */
/**
 * config.h - one configuration file (`key = value`, # comments) and flags of the same names; flags win.
 *
 * Every key, its meaning and its default are in packaging/consilium.conf.example; a test holds the two together. An
 * unknown key or a bad value is one line: where, what, why.
 */
#ifndef CONSILIUM_PLATFORM_CORE_CONFIG_H
#define CONSILIUM_PLATFORM_CORE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/log.h"

#define PLAT_CONFIG_PATH_MAX  1024
#define PLAT_CONFIG_TEXT_MAX  64
#define PLAT_CONFIG_LIST_MAX  8
#define PLAT_CONFIG_ERROR_MAX 512

struct plat_config_list {
    uint32_t count;
    char items[PLAT_CONFIG_LIST_MAX][PLAT_CONFIG_TEXT_MAX];
};

struct plat_config {
    char listen[PLAT_CONFIG_TEXT_MAX];
    uint64_t port;
    char data[PLAT_CONFIG_PATH_MAX];
    char static_dir[PLAT_CONFIG_PATH_MAX];
    char tls_certificate[PLAT_CONFIG_PATH_MAX]; /**< "": self-signed, in the data folder */
    char tls_key[PLAT_CONFIG_PATH_MAX];
    bool open_rooms;
    uint64_t room_capacity;
    struct plat_config_list public_address;
    uint64_t media_port;
    bool media_tcp;
    uint64_t media_tcp_port;
    uint64_t workers;
    bool advertise_loopback;
    bool gso;
    uint64_t coalesce_us;
    uint64_t socket_buffer;
    struct plat_config_list metrics_allow;
    uint64_t connections;
    uint64_t connections_per_address;
    enum base_log_level log_level;
};

enum plat_config_action { PLAT_CONFIG_RUN, PLAT_CONFIG_HELP, PLAT_CONFIG_VERSION, PLAT_CONFIG_CHECK };

/** Defaults, then the file of --config (if given), then the flags. Returns 0, or BASE_ERR_INVALID with one line in
 * `error`. */
int plat_config_read(struct plat_config *config, enum plat_config_action *action, int argc, char *const *argv,
                     char error[PLAT_CONFIG_ERROR_MAX]);
/** What --help prints. */
void plat_config_help(FILE *out);
/** The name of the i-th key, NULL after the last: for the test of the example file. */
const char *plat_config_key(size_t i);

#endif
