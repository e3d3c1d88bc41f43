/* SPDX-License-Identifier: Apache-2.0 */
/* read.c - scenario files. */
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "bench/scenario/scenario.h"

#define LINE_MAX_BYTES 512

struct reader {
    struct bench_scenario *scenario;
    int (*other)(void *user, const char *key, const char *value, char *error);
    void *user;
    unsigned settings; /* read so far */
};

/* Cuts blanks off both ends. */
static char *trim(char *text)
{
    text += strspn(text, " \t\r\n");
    size_t len = strlen(text);
    while (len != 0 && strchr(" \t\r\n", text[len - 1]) != NULL)
        text[--len] = 0;
    return text;
}

/* A comment begins at the line's start or behind a blank: values may contain a # otherwise. */
static void cut_comment(char *line)
{
    for (char *at = strchr(line, '#'); at != NULL; at = strchr(at + 1, '#'))
        if (at == line || at[-1] == ' ' || at[-1] == '\t') {
            *at = 0;
            return;
        }
}

static int set_kind(struct reader *reader, const char *value, char *error)
{
    enum bench_scenario_kind kind;
    if (reader->settings != 0) {
        snprintf(error, BENCH_SCENARIO_ERROR_MAX, "scenario: must be the first setting");
        return BASE_ERR_INVALID;
    }
    if (bench_scenario_kind_parse(&kind, value) != 0) {
        snprintf(error, BENCH_SCENARIO_ERROR_MAX, "scenario: \"%.40s\" is none of: rcp teleconsultation webinar",
                 value);
        return BASE_ERR_INVALID;
    }
    bench_scenario_init(reader->scenario, kind);
    return 0;
}

static int read_line(struct reader *reader, char *line, char *error)
{
    cut_comment(line);
    char *key = trim(line);
    if (key[0] == 0)
        return 0;
    char *equals = strchr(key, '=');
    if (equals == NULL || equals == key) {
        snprintf(error, BENCH_SCENARIO_ERROR_MAX, "\"%.40s\" is not `key = value`", key);
        return BASE_ERR_INVALID;
    }
    *equals = 0;
    key = trim(key);
    char *value = trim(equals + 1);
    if (strcmp(key, "scenario") == 0) {
        int err = set_kind(reader, value, error);
        reader->settings++;
        return err;
    }
    reader->settings++;
    int err = bench_scenario_set(reader->scenario, key, value, error);
    if (err == BASE_ERR_NOT_FOUND && reader->other != NULL)
        err = reader->other(reader->user, key, value, error);
    if (err == BASE_ERR_NOT_FOUND) {
        snprintf(error, BENCH_SCENARIO_ERROR_MAX, "unknown key \"%.40s\"", key);
        err = BASE_ERR_INVALID;
    }
    return err;
}

int bench_scenario_read(struct bench_scenario *scenario, const char *path,
                        int (*other)(void *user, const char *key, const char *value, char *error), void *user,
                        char *error)
{
    struct reader reader = {.scenario = scenario, .other = other, .user = user};
    char line[LINE_MAX_BYTES], why[BENCH_SCENARIO_ERROR_MAX] = "";
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        snprintf(error, BENCH_SCENARIO_ERROR_MAX, "%.100s: %s", path, strerror(errno));
        return BASE_ERR_IO;
    }
    int err = 0;
    for (unsigned number = 1; err == 0 && fgets(line, sizeof line, file) != NULL; number++) {
        if (strlen(line) == sizeof line - 1) {
            snprintf(why, sizeof why, "longer than %d bytes", LINE_MAX_BYTES - 2);
            err = BASE_ERR_INVALID;
        } else {
            err = read_line(&reader, line, why);
        }
        if (err != 0)
            snprintf(error, BENCH_SCENARIO_ERROR_MAX, "%.60s:%u: %.85s", path, number, why);
    }
    if (err == 0 && ferror(file)) {
        snprintf(error, BENCH_SCENARIO_ERROR_MAX, "%.100s: cannot be read", path);
        err = BASE_ERR_IO;
    }
    if (err == 0 && reader.settings == 0) {
        snprintf(error, BENCH_SCENARIO_ERROR_MAX, "%.100s: no setting in it; the first is scenario = ...", path);
        err = BASE_ERR_INVALID;
    }
    fclose(file);
    return err != 0 && err != BASE_ERR_IO ? BASE_ERR_INVALID : err;
}
