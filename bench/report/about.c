/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/report.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <opus/opus.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#include <vpx/vpx_codec.h>

#include "bench/report/text.h"

/** The value of the first line `key : value` of a file of /proc. "" if there is none. */
static void read_proc(const char *path, const char *key, char *out, size_t out_max)
{
    char line[512];
    size_t key_len = strlen(key);
    FILE *file = fopen(path, "re");
    out[0] = '\0';
    while (file != NULL && out[0] == '\0' && fgets(line, sizeof line, file) != NULL) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, key, key_len) != 0 || colon == NULL ||
            strspn(line + key_len, " \t") + key_len != (size_t)(colon - line))
            continue;
        const char *value = colon + 1 + strspn(colon + 1, " \t");
        line[strcspn(line, "\n")] = '\0';
        bench_text_clean(out, out_max, value);
    }
    if (file != NULL)
        fclose(file);
}

static void about_machine(char *out, size_t out_max)
{
    char model[80], memory[32];
    struct utsname name;
    read_proc("/proc/cpuinfo", "model name", model, sizeof model);
    if (model[0] == '\0')
        read_proc("/proc/cpuinfo", "Model", model, sizeof model); /* Arm boards */
    read_proc("/proc/meminfo", "MemTotal", memory, sizeof memory);
    double gib = strtod(memory, NULL) / 1048576; /* "16384000 kB" */
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (uname(&name) != 0)
        memset(&name, 0, sizeof name);
    snprintf(out, out_max, "%s, %ld core%s, %s of memory, %.16s %.40s %.16s", model[0] != '\0' ? model : "unknown CPU",
             cores, cores == 1 ? "" : "s", gib > 0 ? bench_text_number(gib, 1, "GiB").s : "?", name.sysname,
             name.release, name.machine);
}

static void about_versions(char *out, size_t out_max)
{
    /* libopus says "libopus 1.3.1", libvpx "v1.12.0"; libnice has no call that tells, so the version it was built with
     */
    snprintf(out, out_max, "consilium-bench %s, OpenSSL %.40s, libvpx %.40s, %.40s, libnice %s, jansson %s",
             CONSILIUM_VERSION, OpenSSL_version(OPENSSL_VERSION_STRING), vpx_codec_version_str(),
             opus_get_version_string(), BENCH_NICE_VERSION, jansson_version_str());
}

void bench_result_about(struct bench_result *result)
{
    struct tm utc;
    time_t now = time(NULL);
    about_machine(result->machine, sizeof result->machine);
    about_versions(result->versions, sizeof result->versions);
    if (gmtime_r(&now, &utc) == NULL ||
        strftime(result->started, sizeof result->started, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        result->started[0] = '\0';
}
