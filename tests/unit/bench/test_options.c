/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "bench/options.h"
#include "bench/options_table.h"
#include "tests/support/test.h"

static struct bench_options options;
static char error[BENCH_OPTIONS_ERROR_MAX];

/* Parses a line: words are separated by one blank, '_' in a word stands for a blank. */
static int parse(const char *line)
{
    static char words[1024], *argv[64]; /* the options point into both */
    char *rest = words;
    int argc = 0;
    bench_options_clear(&options);
    snprintf(words, sizeof words, "consilium-bench %s", line);
    while (rest != NULL && argc < 63) {
        argv[argc] = strsep(&rest, " ");
        for (char *at = argv[argc]; (at = strchr(at, '_')) != NULL;)
            *at = ' ';
        if (argv[argc][0] != 0)
            argc++;
    }
    argv[argc] = NULL;
    error[0] = 0;
    return bench_options_parse(&options, argc, argv, error);
}

static const char *file_with(const char *text)
{
    static char path[] = "/tmp/consilium-options-XXXXXX";
    strcpy(path, "/tmp/consilium-options-XXXXXX");
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        return NULL;
    close(fd);
    return path;
}

T_TEST(a_plain_run)
{
    T_EQ(parse("rcp --url https://visio.example:8443 --rooms 4 --people=12 --json out.json --plain"), 0);
    T_EQ(options.command, BENCH_COMMAND_RUN);
    T_EQ(options.scenario.kind, BENCH_SCENARIO_RCP);
    T_EQ(options.scenario.rooms, 4);
    T_EQ(options.scenario.people, 12);
    T_STR_EQ(options.target.url, "https://visio.example:8443");
    T_STR_EQ(options.json, "out.json");
    T_CHECK(options.plain && !options.quiet && options.html == NULL);
    T_EQ(options.target.kind, BENCH_TARGET_CONSILIUM);
    T_EQ(options.cpu, -1);
    T_EQ(options.target.server_cpu, -1);
    T_STR_EQ(options.command_line, "consilium-bench rcp --url https://visio.example:8443 --rooms 4 --people=12 --json "
                                   "out.json --plain");
}

T_TEST(each_kind_has_its_defaults)
{
    T_EQ(parse("webinar --server /bin/consilium"), 0);
    T_EQ(options.scenario.kind, BENCH_SCENARIO_WEBINAR);
    T_EQ(options.scenario.people, 51);
    T_EQ(parse("teleconsultation --server /bin/consilium"), 0);
    T_EQ(options.scenario.rooms, 10);
    T_EQ(parse("--server /bin/consilium webinar"), 0); /* the order is free */
    T_EQ(options.scenario.kind, BENCH_SCENARIO_WEBINAR);
}

T_TEST(a_server_must_be_named_once)
{
    T_EQ(parse("rcp"), BASE_ERR_INVALID);
    T_CHECK(strstr(error, "--url") != NULL && strstr(error, "--server") != NULL && strstr(error, "--target janus"));
    T_EQ(parse("rcp --url https://a --server b"), BASE_ERR_INVALID);
    T_EQ(parse("rcp --server b --pid 5"), BASE_ERR_INVALID);
    T_EQ(parse("rcp --url https://a --server-cpu 0"), BASE_ERR_INVALID);
    T_EQ(parse("rcp --target janus"), 0);
    T_EQ(options.target.kind, BENCH_TARGET_JANUS);
    T_STR_EQ(options.target.binary, "janus");
    T_EQ(parse("rcp --target janus --server /opt/janus"), 0);
    T_STR_EQ(options.target.binary, "/opt/janus");
    T_EQ(parse("rcp --target jitsi --server b"), BASE_ERR_INVALID);
}

T_TEST(unknown_options_name_the_nearest)
{
    T_EQ(parse("rcp --server b --roms 3"), BASE_ERR_INVALID);
    T_STR_EQ(error, "there is no option --roms; the nearest is --rooms");
    T_EQ(parse("rcp --servr b"), BASE_ERR_INVALID);
    T_STR_EQ(error, "there is no option --servr; the nearest is --server");
    T_EQ(parse("rcp --server b --jsn=x"), BASE_ERR_INVALID);
    T_STR_EQ(error, "there is no option --jsn; the nearest is --json");
    T_EQ(parse("rcp --server b --"
               "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 1"),
         BASE_ERR_INVALID);
    T_CHECK(strstr(error, "there is no option") != NULL);
    T_EQ(parse("rcp --server b --frob 1"), BASE_ERR_INVALID);
    T_STR_EQ(error, "there is no option --frob; --help lists them"); /* none is near */
}

T_TEST(what_is_of_no_use_is_refused)
{
    T_EQ(parse("rcp --rooms --server b"), BASE_ERR_INVALID);
    T_STR_EQ(error, "--rooms needs a value");
    T_EQ(parse("rcp --server b --ca c.pem"), BASE_ERR_INVALID);
    T_EQ(parse("rcp --url https://a --ca c.pem"), 0);
    T_EQ(parse("rcp --server b --subscribers 4"), BASE_ERR_INVALID);
    T_EQ(parse("webinar --server b --subscribers 4"), 0);
}

T_TEST(commands_are_checked)
{
    T_EQ(parse(""), BASE_ERR_INVALID);
    T_EQ(parse("rpc --server b"), BASE_ERR_INVALID);
    T_CHECK(strstr(error, "\"rpc\"") != NULL);
    T_EQ(parse("rcp twice --server b"), BASE_ERR_INVALID);
    T_EQ(parse("run --server b"), BASE_ERR_INVALID);
    T_EQ(parse("capacity --server b"), BASE_ERR_INVALID);
    T_EQ(parse("rcp --server b --rounds 3"), BASE_ERR_INVALID);
    T_CHECK(strstr(error, "does not belong") != NULL);
    T_EQ(parse("capacity rcp --server b --tickets f"), BASE_ERR_INVALID); /* they are good for one run */
    T_EQ(parse("rcp --server"), BASE_ERR_INVALID);
    T_CHECK(strstr(error, "--server needs a value") != NULL);
    T_EQ(parse("rcp --server --rooms 3"), BASE_ERR_INVALID);
    T_EQ(parse("rcp --server="), BASE_ERR_INVALID);
    T_EQ(parse("--help"), 0);
    T_EQ(options.command, BENCH_COMMAND_HELP);
    T_EQ(parse("rcp --nonsense --version"), 0);
    T_EQ(options.command, BENCH_COMMAND_VERSION);
}

T_TEST(values_are_checked)
{
    static const char *const wrong[] = {
        "rcp --server b --rooms 0",
        "rcp --server b --rooms x",
        "rcp --server b --cpu 1.5",
        "rcp --server b --cpu -2",
        "rcp --server b --cpu nan",
        "rcp --server b --socket-buffer 8Q",
        "rcp --server b --socket-buffer -1",
        "rcp --server b --limit loss",
        "rcp --server b --limit lost=3",
        "rcp --url u --pid 0",
        "rcp --server b --quiet=maybe",
        "capacity rcp --server b --precision 0",
        "capacity rcp --server b --start 0",
        "capacity rcp --server b --start 5 --max 4",
        "capacity rcp --server b --restart sometimes",
        "rcp --server b --people 1",
        "rcp --server b --workers 99999999999999999999",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (parse(wrong[i]) != BASE_ERR_INVALID || error[0] == 0 || strchr(error, '\n') != NULL) {
            printf("    %s: \"%s\"\n", wrong[i], error);
            T_CHECK(!"accepted, or without one line of reason");
        }
    }
    T_EQ(parse("rcp --server b --socket-buffer 8M --event-loops 4 --workers 2 --cpu 1 --server-cpu 0 --insecure"), 0);
    T_EQ(options.target.socket_buffer, 8 << 20);
    T_EQ(options.target.event_loops, 4);
    T_EQ(options.target.workers, 2);
    T_EQ(options.cpu, 1);
    T_EQ(options.target.server_cpu, 0);
    T_CHECK(options.target.insecure);
    T_EQ(parse("rcp --server b --socket-buffer 512_KiB"), 0);
    T_EQ(options.target.socket_buffer, 512 << 10);
}

T_TEST(limits)
{
    T_EQ(parse("rcp --server b"), 0);
    T_CHECK(memcmp(&options.thresholds, &bench_thresholds_default, sizeof options.thresholds) == 0);
    T_EQ(parse("rcp --server b --limit loss=0.5% --limit delay-p99=200ms"), 0);
    T_CHECK(options.thresholds.loss > 0.00499 && options.thresholds.loss < 0.00501);
    T_EQ(options.thresholds.delay_p99_ms, 200);
    T_EQ(options.thresholds.missing_tracks, 0);
    T_EQ(parse("rcp --server b --limit all=off --limit loss=1%"), 0);
    T_CHECK(options.thresholds.loss > 0.0099 && options.thresholds.loss < 0.0101);
    T_CHECK(options.thresholds.delay_p99_ms < 0 && options.thresholds.missing_tracks < 0);
    T_CHECK(options.thresholds.errors < 0 && options.thresholds.freezes < 0 && options.thresholds.join_p99_ms < 0);
}

T_TEST(arguments_for_the_server)
{
    T_EQ(parse("rcp --server b -- --log-level debug --help"), 0);
    T_EQ(options.command, BENCH_COMMAND_RUN);
    T_STR_EQ(options.target.extra[0], "--log-level");
    T_STR_EQ(options.target.extra[2], "--help");
    T_CHECK(options.target.extra[3] == NULL);
    T_EQ(parse("rcp --url https://a -- --log-level debug"), BASE_ERR_INVALID);
}

T_TEST(a_file_and_the_line_over_it)
{
    char line[256];
    const char *path = file_with("# of our hospital\nscenario = rcp\nrooms = 3\npeople = 12\nserver = /opt/consilium\n"
                                 "limit = loss=2%\nquiet = yes\nduration = 40s\n");
    T_CHECK(path != NULL);
    snprintf(line, sizeof line, "run %s --rooms 5", path);
    T_EQ(parse(line), 0);
    T_EQ(options.scenario.rooms, 5);
    T_EQ(options.scenario.people, 12);
    T_STR_EQ(options.target.binary, "/opt/consilium");
    T_CHECK(options.quiet && options.thresholds.loss > 0.0199);
    snprintf(line, sizeof line, "--rooms 5 run %s", path); /* before it: still over it */
    T_EQ(parse(line), 0);
    T_EQ(options.scenario.rooms, 5);
    snprintf(line, sizeof line, "capacity %s", path);
    T_EQ(parse(line), 0);
    T_EQ(options.command, BENCH_COMMAND_CAPACITY);
    T_EQ(options.scenario.duration_ms, 40000); /* the file says so */
    snprintf(line, sizeof line, "run %s --server /other/one", path);
    T_EQ(parse(line), 0);
    T_STR_EQ(options.target.binary, "/other/one");
    unlink(path);
    T_EQ(parse(line), BASE_ERR_INVALID);
    T_CHECK(strstr(error, path) != NULL);
}

T_TEST(mistakes_in_a_file_have_a_line)
{
    char line[256];
    static const char *const wrong[] = {"scenario = rcp\nserver = b\nroms = 3\n", "server = b\n\nlimit = nothing=3\n",
                                        "server = b\n\nquiet = perhaps\n", "server = b\n\nrounds = 3\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const char *path = file_with(wrong[i]);
        T_CHECK(path != NULL);
        snprintf(line, sizeof line, "run %s", path);
        T_EQ(parse(line), BASE_ERR_INVALID);
        unlink(path);
        T_CHECK(strstr(error, path) != NULL && strstr(error, ":3:") != NULL);
    }
}

T_TEST(capacity_has_short_steps)
{
    T_EQ(parse("capacity rcp --server b --people 12"), 0);
    T_EQ(options.command, BENCH_COMMAND_CAPACITY);
    T_EQ(options.start, 1);
    T_EQ(options.max, 0);
    T_CHECK(options.restart && options.precision > 0.099 && options.precision < 0.101);
    T_EQ(options.scenario.duration_ms, BENCH_CAPACITY_MS);
    T_EQ(parse("capacity webinar --server b --duration 30s --start 10 --max 80 --precision 5% --restart no"), 0);
    T_EQ(options.scenario.duration_ms, 30000);
    T_EQ(options.start, 10);
    T_EQ(options.max, 80);
    T_CHECK(!options.restart && options.precision > 0.049 && options.precision < 0.051);
}

T_TEST(the_published_comparison)
{
    T_EQ(parse("compare --server b --duration 5s"), 0);
    T_EQ(options.command, BENCH_COMMAND_COMPARE);
    T_EQ(options.rounds, 3);
    T_STR_EQ(options.against, "janus");
    T_EQ(options.target.socket_buffer, 8 << 20);
    T_EQ(options.item_count, 9);
    T_EQ(options.items[8].scenario.rooms, 20);
    static const unsigned rooms[8] = {1, 1, 1, 1, 4, 1, 1, 1};
    static const unsigned people[8] = {2, 6, 12, 35, 6, 51, 201, 501};
    for (size_t i = 0; i < 8; i++) {
        const struct bench_scenario *scenario = &options.items[i].scenario;
        T_EQ(scenario->rooms, rooms[i]);
        T_EQ(scenario->people, people[i]);
    }
    for (size_t i = 0; i < options.item_count; i++) {
        const struct bench_scenario *scenario = &options.items[i].scenario;
        T_CHECK(scenario->voice == BENCH_VOICE_ALL && !scenario->screen && !scenario->spread && scenario->layers == 1);
        T_CHECK(scenario->codec == BENCH_VP8 && scenario->width == 640 && scenario->height == 360);
        T_CHECK(scenario->video_bps == 1000000 && scenario->fps == 25 && scenario->duration_ms == 5000);
    }
}

T_TEST(comparisons_of_ones_own)
{
    T_EQ(
        parse(
            "compare --server b --against /old/consilium --rounds 5 --scenario rcp_rooms=4_people=6 --scenario webinar "
            "--fps 10 --socket-buffer 0 --server-cpu 1 --cpu 0 --markdown m.md"),
        0);
    T_EQ(options.item_count, 2);
    T_EQ(options.rounds, 5);
    T_STR_EQ(options.against, "/old/consilium");
    T_STR_EQ(options.items[0].text, "rcp rooms=4 people=6");
    T_EQ(options.items[0].scenario.rooms, 4);
    T_EQ(options.items[1].scenario.kind, BENCH_SCENARIO_WEBINAR);
    T_EQ(options.items[0].scenario.fps, 10); /* what is said for all holds for each */
    T_EQ(options.items[1].scenario.fps, 10);
    T_EQ(options.target.socket_buffer, 0);
    T_EQ(options.target.server_cpu, 1);
    T_EQ(options.cpu, 0);
    T_EQ(parse("compare"), BASE_ERR_INVALID);
    T_EQ(parse("compare --server b --scenario opera"), BASE_ERR_INVALID);
    T_EQ(parse("compare --server b --scenario rcp_rooms"), BASE_ERR_INVALID);
    T_EQ(parse("compare --server b --scenario rcp_roms=3"), BASE_ERR_INVALID);
    T_EQ(parse("compare --server b --scenario rcp_rooms=x"), BASE_ERR_INVALID);
    T_EQ(parse("compare --server b --set nothing"), BASE_ERR_INVALID);
    T_EQ(parse("compare --server b --people 1"), BASE_ERR_INVALID);
}

T_TEST(two_reports_need_two_places)
{
    T_EQ(parse("rcp --server b --json - --html -"), BASE_ERR_INVALID);
    T_EQ(parse("rcp --server b --json a --html a"), BASE_ERR_INVALID);
    T_EQ(parse("rcp --server b --json - --html a"), 0);
}

T_TEST(help_names_everything)
{
    static char text[32768];
    FILE *file = fmemopen(text, sizeof text, "w");
    const char *key, *help;
    T_CHECK(file != NULL);
    bench_options_help(file);
    fclose(file);
    for (size_t i = 0; (key = bench_scenario_key(i, &help)) != NULL; i++)
        T_CHECK(strstr(text, key) != NULL);
    T_CHECK(strstr(text, "--socket-buffer") != NULL && strstr(text, "--precision") != NULL);
    T_CHECK(strstr(text, "130") != NULL && strstr(text, "64") != NULL);
}

/* mdoc writes --socket-buffer as "Fl -socket-buffer". */
T_TEST(the_manual_names_every_option)
{
    static char manual[131072];
    const char *key, *help, *path = getenv("BENCH_MANUAL");
    T_CHECK(path != NULL);
    FILE *file = fopen(path, "r");
    T_CHECK(file != NULL);
    manual[fread(manual, 1, sizeof manual - 1, file)] = 0;
    fclose(file);
    bool all = true;
    for (size_t i = 0; bench_flag_at(i) != NULL; i++) {
        char text[64];
        snprintf(text, sizeof text, "Fl -%s", bench_flag_at(i)->name);
        if (strstr(manual, text) == NULL)
            all = printf("    the manual does not know --%s\n", bench_flag_at(i)->name) < 0;
    }
    for (size_t i = 0; (key = bench_scenario_key(i, &help)) != NULL; i++)
        if (strstr(manual, key) == NULL)
            all = printf("    the manual does not know the key %s\n", key) < 0;
    T_CHECK(all);
}

T_MAIN(T_CASE(a_plain_run), T_CASE(each_kind_has_its_defaults), T_CASE(a_server_must_be_named_once),
       T_CASE(unknown_options_name_the_nearest), T_CASE(what_is_of_no_use_is_refused), T_CASE(commands_are_checked),
       T_CASE(values_are_checked), T_CASE(limits), T_CASE(arguments_for_the_server),
       T_CASE(a_file_and_the_line_over_it), T_CASE(mistakes_in_a_file_have_a_line), T_CASE(capacity_has_short_steps),
       T_CASE(the_published_comparison), T_CASE(comparisons_of_ones_own), T_CASE(two_reports_need_two_places),
       T_CASE(help_names_everything), T_CASE(the_manual_names_every_option))
