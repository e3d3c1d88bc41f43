/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/core/config.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "tests/support/test.h"

static struct plat_config config;
static enum plat_config_action action;
static char error[PLAT_CONFIG_ERROR_MAX];

/* Reads a command line of up to six words; NULL ends it. */
static int read_words(const char *a, const char *b, const char *c, const char *d)
{
    const char *words[] = {"consilium", a, b, c, d};
    char *argv[5];
    int argc = 0;
    for (size_t i = 0; i < 5 && words[i]; i++)
        argv[argc++] = (char *)(uintptr_t)words[i];
    error[0] = '\0';
    return plat_config_read(&config, &action, argc, argv, error);
}

/* The same with a configuration file of this text. */
static int read_file_text(const char *text, const char *flag, const char *value)
{
    char path[] = "/tmp/consilium-config-XXXXXX";
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        return -100;
    close(fd);
    int err = read_words("--config", path, flag, value);
    unlink(path);
    return err;
}

T_TEST(defaults)
{
    T_EQ(read_words(NULL, NULL, NULL, NULL), 0);
    T_EQ(action, PLAT_CONFIG_RUN);
    T_EQ(config.port, 8443);
    T_STR_EQ(config.listen, "0.0.0.0");
    T_EQ(config.room_capacity, 35);
    T_EQ(config.coalesce_us, 1000);
    T_CHECK(!config.open_rooms && !config.advertise_loopback && config.gso && config.media_tcp);
    T_EQ(config.metrics_allow.count, 1);
    T_EQ(config.public_address.count, 0);
}

T_TEST(flags)
{
    T_EQ(read_words("--open-rooms", "--port=9443", "--gso", "no"), 0);
    T_CHECK(config.open_rooms && config.advertise_loopback && !config.gso);
    T_EQ(config.port, 9443);
    T_EQ(read_words("--public-address", "192.0.2.1", "--public-address", "2001:db8::1"), 0);
    T_EQ(config.public_address.count, 2);
    T_STR_EQ(config.public_address.items[1], "2001:db8::1");
    T_EQ(read_words("--port", "1", "--port", "2"), 0); /* later ones win */
    T_EQ(config.port, 2);
    T_EQ(read_words("--help", NULL, NULL, NULL), 0);
    T_EQ(action, PLAT_CONFIG_HELP);
    T_EQ(read_words("--check-config", NULL, NULL, NULL), 0);
    T_EQ(action, PLAT_CONFIG_CHECK);
}

T_TEST(bad_flags_say_what)
{
    T_EQ(read_words("--dance", NULL, NULL, NULL), BASE_ERR_INVALID);
    T_STR_EQ(error, "command line: --dance: no such option (see --help)");
    T_EQ(read_words("stray", NULL, NULL, NULL), BASE_ERR_INVALID);
    T_EQ(read_words("--port", NULL, NULL, NULL), BASE_ERR_INVALID);
    T_STR_EQ(error, "command line: --port: a value is missing");
    T_EQ(read_words("--port", "65536", NULL, NULL), BASE_ERR_INVALID);
    T_STR_EQ(error, "command line: --port = 65536: a number of 0 to 65535 is needed");
    T_EQ(read_words("--port", "-1", NULL, NULL), BASE_ERR_INVALID);
    T_EQ(read_words("--port", "8443x", NULL, NULL), BASE_ERR_INVALID);
    T_EQ(read_words("--listen", "localhost", NULL, NULL), BASE_ERR_INVALID);
    T_EQ(read_words("--gso=maybe", NULL, NULL, NULL), BASE_ERR_INVALID);
    T_EQ(read_words("--log-level", "loud", NULL, NULL), BASE_ERR_INVALID);
    T_EQ(read_words("--metrics-allow", "all", NULL, NULL), BASE_ERR_INVALID);
    T_EQ(read_words("--tls-key", "/k", NULL, NULL), BASE_ERR_INVALID);
    T_EQ(read_words("--config", "/nonexistent", NULL, NULL), BASE_ERR_INVALID);
    T_CHECK(strstr(error, "No such file") != NULL);
}

T_TEST(a_file_and_its_errors)
{
    T_EQ(read_file_text("# comment\n\n port = 1000 \nopen-rooms=yes\nmetrics-allow = 192.0.2.9\n", NULL, NULL), 0);
    T_EQ(config.port, 1000);
    T_CHECK(config.open_rooms);
    T_EQ(config.metrics_allow.count, 1); /* replaces the default */
    T_STR_EQ(config.metrics_allow.items[0], "192.0.2.9");
    T_EQ(read_file_text("port = 1000\n", "--port", "2000"), 0);
    T_EQ(config.port, 2000);
    T_EQ(read_file_text("port = 1\nprot = 2\n", NULL, NULL), BASE_ERR_INVALID);
    T_CHECK(strstr(error, ":2: prot: no such key") != NULL);
    T_EQ(read_file_text("port\n", NULL, NULL), BASE_ERR_INVALID);
    T_CHECK(strstr(error, ":1: port: not a `key = value` line") != NULL);
    T_EQ(read_file_text("port = 1\nport = 2\n", NULL, NULL), BASE_ERR_INVALID);
    T_CHECK(strstr(error, ":2: port: given twice") != NULL);
    T_EQ(read_file_text("port =\n", NULL, NULL), BASE_ERR_INVALID);
}

/* The example names every key, with its default where it has one; and it can be read. */
T_TEST(the_example_is_complete)
{
    static char text[65536];
    FILE *file = fopen(EXAMPLE, "r");
    T_CHECK(file != NULL);
    size_t len = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[len] = '\0';
    for (size_t i = 0; plat_config_key(i); i++) {
        char line[80], comment[80];
        snprintf(line, sizeof line, "\n%s = ", plat_config_key(i));
        snprintf(comment, sizeof comment, "\n# %s = ", plat_config_key(i));
        if (!strstr(text, line) && !strstr(text, comment))
            printf("    %s is missing\n", plat_config_key(i));
        T_CHECK(strstr(text, line) || strstr(text, comment));
    }
    struct plat_config defaults;
    T_EQ(read_words(NULL, NULL, NULL, NULL), 0);
    defaults = config;
    T_EQ(read_words("--config", EXAMPLE, NULL, NULL), 0);
    T_MEM_EQ(&config, &defaults, sizeof config);
}

T_MAIN(T_CASE(defaults), T_CASE(flags), T_CASE(bad_flags_say_what), T_CASE(a_file_and_its_errors),
       T_CASE(the_example_is_complete))
