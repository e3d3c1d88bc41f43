/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/core/config.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "sfu/sfu.h"

enum kind { PATH, ADDRESS, ADDRESSES, ACCESS, NUMBER, BOOLEAN, LEVEL };

struct key {
    const char *name;
    enum kind kind;
    size_t offset;
    uint64_t min, max;
    const char *value; /* default; NULL: empty */
    const char *help;
};

#define AT(member) offsetof(struct plat_config, member)

static const struct key keys[] = {
    {"listen", ADDRESS, AT(listen), 0, 0, "0.0.0.0", "address for HTTPS and media: 0.0.0.0, :: or one address"},
    {"port", NUMBER, AT(port), 0, 65535, "8443", "TCP port of HTTPS and WSS; 0: any free one"},
    {"data", PATH, AT(data), 0, 0, "./data", "data folder (made if missing, mode 0700)"},
    {"static-dir", PATH, AT(static_dir), 0, 0, "webclient/dist", "folder of the built web client"},
    {"tls-certificate", PATH, AT(tls_certificate), 0, 0, NULL, "PEM chain; without: self-signed, in the data folder"},
    {"tls-key", PATH, AT(tls_key), 0, 0, NULL, "PEM key of tls-certificate"},
    {"open-rooms", BOOLEAN, AT(open_rooms), 0, 0, "no", "rooms reachable by link and name, for demos"},
    {"room-capacity", NUMBER, AT(room_capacity), 1, SFU_ROOM_CAPACITY_MAX, "35",
     "participants of an open room at one time"},
    {"public-address", ADDRESSES, AT(public_address), 0, 0, NULL, "address to advertise for media (repeatable)"},
    {"media-port", NUMBER, AT(media_port), 0, 65535, "40000", "UDP port of the first worker; 0: any free ones"},
    {"media-tcp", BOOLEAN, AT(media_tcp), 0, 0, "yes", "media over TCP where UDP does not pass"},
    {"media-tcp-port", NUMBER, AT(media_tcp_port), 0, 65535, "40000", "TCP port for media; 0: any free one"},
    {"workers", NUMBER, AT(workers), 1, 64, "1", "media threads, one UDP port each"},
    {"advertise-loopback", BOOLEAN, AT(advertise_loopback), 0, 0, "no", "also 127.0.0.1 (open-rooms turns it on)"},
    {"gso", BOOLEAN, AT(gso), 0, 0, "yes", "group packets for one receiver (UDP_SEGMENT)"},
    {"coalesce-us", NUMBER, AT(coalesce_us), 0, 20000, "1000", "rest of a busy worker, so that groups grow"},
    {"socket-buffer", NUMBER, AT(socket_buffer), 65536, 268435456, "4194304", "bytes asked for each UDP socket"},
    {"metrics-allow", ACCESS, AT(metrics_allow), 0, 0, "loopback", "who may read /metrics: loopback, any, addresses"},
    {"connections", NUMBER, AT(connections), 1, 60000, "4096", "HTTP and WebSocket connections in all"},
    {"connections-per-address", NUMBER, AT(connections_per_address), 1, 60000, "512", "of one address (or IPv6 /64)"},
    {"log-level", LEVEL, AT(log_level), 0, 0, "info", "debug, info, warn or error"},
};

enum { KEY_COUNT = sizeof keys / sizeof keys[0] };

const char *plat_config_key(size_t i)
{
    return i < KEY_COUNT ? keys[i].name : NULL;
}

/* Where a value comes from: a later level replaces a list of an earlier one. */
struct source {
    struct plat_config *config;
    bool seen[KEY_COUNT]; /* at this level */
};

static const struct key *find_key(const char *name)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (strcmp(keys[i].name, name) == 0)
            return &keys[i];
    }
    return NULL;
}

static bool is_address(const char *text)
{
    unsigned char buffer[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, text, buffer) == 1 || inet_pton(AF_INET6, text, buffer) == 1;
}

static const char *set_number(const struct key *key, uint64_t *out, const char *value)
{
    static char reason[64];
    char *end;
    errno = 0;
    unsigned long long number = strtoull(value, &end, 10);
    if (isdigit((unsigned char)value[0]) && *end == '\0' && errno == 0 && number >= key->min && number <= key->max) {
        *out = number;
        return NULL;
    }
    snprintf(reason, sizeof reason, "a number of %llu to %llu is needed", (unsigned long long)key->min,
             (unsigned long long)key->max);
    return reason;
}

static const char *set_boolean(bool *out, const char *value)
{
    *out = strcmp(value, "yes") == 0;
    return *out || strcmp(value, "no") == 0 ? NULL : "yes or no is needed";
}

static const char *add_to_list(struct source *source, const struct key *key, struct plat_config_list *list,
                               const char *value)
{
    if (!source->seen[key - keys])
        list->count = 0;
    if (list->count == PLAT_CONFIG_LIST_MAX)
        return "too many of them (8 at most)";
    bool word = key->kind == ACCESS && (strcmp(value, "any") == 0 || strcmp(value, "loopback") == 0);
    if (!word && !is_address(value))
        return "a numeric IPv4 or IPv6 address is needed";
    snprintf(list->items[list->count++], PLAT_CONFIG_TEXT_MAX, "%s", value);
    return NULL;
}

/* Returns NULL, or why the value is bad. */
static const char *set(struct source *source, const struct key *key, const char *value)
{
    char *at = (char *)source->config + key->offset;
    const char *wrong = NULL;
    switch (key->kind) {
    case PATH:
        if (strlen(value) >= PLAT_CONFIG_PATH_MAX - 64 || value[0] == '\0')
            return "a path is needed";
        snprintf(at, PLAT_CONFIG_PATH_MAX, "%s", value);
        break;
    case ADDRESS:
        if (!is_address(value))
            return "a numeric IPv4 or IPv6 address is needed";
        snprintf(at, PLAT_CONFIG_TEXT_MAX, "%s", value);
        break;
    case ADDRESSES:
    case ACCESS:
        wrong = add_to_list(source, key, (struct plat_config_list *)(void *)at, value);
        break;
    case NUMBER:
        wrong = set_number(key, (uint64_t *)(void *)at, value);
        break;
    case BOOLEAN:
        wrong = set_boolean((bool *)(void *)at, value);
        break;
    case LEVEL:
        wrong = base_log_parse_level(value, (enum base_log_level *)(void *)at) ? "debug, info, warn or error is needed"
                                                                               : NULL;
        break;
    }
    source->seen[key - keys] = true;
    return wrong;
}

static char *trim(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    char *end = text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1]))
        *--end = '\0';
    return text;
}

static int bad(char error[PLAT_CONFIG_ERROR_MAX], const char *place, const char *name, const char *value,
               const char *why)
{
    snprintf(error, PLAT_CONFIG_ERROR_MAX, "%.200s: %.60s%s%.100s: %s", place, name, value ? " = " : "",
             value ? value : "", why);
    return BASE_ERR_INVALID;
}

static int read_line(struct source *source, const char *place, char *line, char error[PLAT_CONFIG_ERROR_MAX])
{
    char *text = trim(line);
    if (text[0] == '\0' || text[0] == '#')
        return BASE_OK;
    char *equals = strchr(text, '=');
    if (!equals)
        return bad(error, place, text, NULL, "not a `key = value` line");
    *equals = '\0';
    char *name = trim(text), *value = trim(equals + 1);
    const struct key *key = find_key(name);
    if (!key)
        return bad(error, place, name, NULL, "no such key");
    bool list = key->kind == ADDRESSES || key->kind == ACCESS;
    if (!list && source->seen[key - keys])
        return bad(error, place, name, NULL, "given twice");
    const char *wrong = set(source, key, value);
    return wrong ? bad(error, place, name, value, wrong) : BASE_OK;
}

static int read_file(struct plat_config *config, const char *path, char error[PLAT_CONFIG_ERROR_MAX])
{
    struct source source = {.config = config};
    char *line = NULL, place[PLAT_CONFIG_PATH_MAX + 16];
    size_t capacity = 0;
    int err = BASE_OK;
    FILE *file = fopen(path, "re");
    if (!file)
        return bad(error, path, "--config", NULL, strerror(errno));
    for (unsigned number = 1; !err && getline(&line, &capacity, file) >= 0; number++) {
        snprintf(place, sizeof place, "%.900s:%u", path, number);
        err = read_line(&source, place, line, error);
    }
    free(line);
    fclose(file);
    return err;
}

/* One flag; *i moves on over its value. */
static int read_flag(struct source *source, int argc, char *const *argv, int *i, char error[PLAT_CONFIG_ERROR_MAX])
{
    char name[64];
    const char *flag = argv[*i], *value = strchr(flag, '=');
    size_t len = value ? (size_t)(value - flag) : strlen(flag);
    if (strncmp(flag, "--", 2) != 0 || len - 2 >= sizeof name)
        return bad(error, "command line", flag, NULL, "not an option (see --help)");
    memcpy(name, flag + 2, len - 2);
    name[len - 2] = '\0';
    const struct key *key = find_key(name);
    bool is_config = strcmp(name, "config") == 0;
    if (!key && !is_config)
        return bad(error, "command line", flag, NULL, "no such option (see --help)");
    const char *next = *i + 1 < argc ? argv[*i + 1] : NULL;
    if (value)
        value++;
    else if (key && key->kind == BOOLEAN && !(next && (strcmp(next, "yes") == 0 || strcmp(next, "no") == 0)))
        value = "yes";
    else if (next)
        value = argv[++*i];
    else
        return bad(error, "command line", flag, NULL, "a value is missing");
    const char *wrong = key ? set(source, key, value) : NULL; /* --config was read before */
    return wrong ? bad(error, "command line", flag, value, wrong) : BASE_OK;
}

/* --config, before all other flags. NULL: none. */
static const char *config_path(int argc, char *const *argv)
{
    const char *path = NULL;
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--config=", 9) == 0)
            path = argv[i] + 9;
        else if (strcmp(argv[i], "--config") == 0 && i + 1 < argc)
            path = argv[i + 1];
    }
    return path;
}

int plat_config_read(struct plat_config *config, enum plat_config_action *action, int argc, char *const *argv,
                     char error[PLAT_CONFIG_ERROR_MAX])
{
    struct source defaults = {.config = config}, flags = {.config = config};
    memset(config, 0, sizeof *config);
    *action = PLAT_CONFIG_RUN;
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (keys[i].value)
            (void)set(&defaults, &keys[i], keys[i].value);
    }
    const char *path = config_path(argc, argv);
    int err = path ? read_file(config, path, error) : BASE_OK;
    for (int i = 1; !err && i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0)
            *action = PLAT_CONFIG_HELP;
        else if (strcmp(argv[i], "--version") == 0)
            *action = PLAT_CONFIG_VERSION;
        else if (strcmp(argv[i], "--check-config") == 0)
            *action = PLAT_CONFIG_CHECK;
        else
            err = read_flag(&flags, argc, argv, &i, error);
    }
    if (!err && (config->tls_certificate[0] != '\0') != (config->tls_key[0] != '\0'))
        err = bad(error, path ? path : "command line", "tls-certificate", NULL, "tls-key belongs to it: give both");
    if (config->open_rooms)
        config->advertise_loopback = true; /* a demo is tried with browsers on the same machine */
    return err;
}

void plat_config_help(FILE *out)
{
    fputs("usage: consilium [--config FILE] [OPTION VALUE]...\n\n"
          "Each option is also a key of the configuration file (`key = value`); options win.\n\n",
          out);
    for (size_t i = 0; i < KEY_COUNT; i++)
        fprintf(out, "  --%-24s %s%s%s%s\n", keys[i].name, keys[i].help, keys[i].value ? " [" : "",
                keys[i].value ? keys[i].value : "", keys[i].value ? "]" : "");
    fputs("  --check-config             read the configuration, say what is wrong, end\n"
          "  --help, --version\n\n"
          "exit codes: 0 ended on purpose; 1 other failure; 2 bad option or configuration; 3 a port is in use;\n"
          "  4 the data folder cannot be used; 5 TLS certificate, database or web client cannot be used\n",
          out);
}
