/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"

static int fail(char *error, const char *path)
{
    snprintf(error, BENCH_OUTPUT_ERROR_MAX, "%.300s cannot be written: %s", path, strerror(errno));
    return BASE_ERR_IO;
}

int bench_output_open(struct bench_output *out, const char *path, char *error)
{
    struct stat about;
    *out = (struct bench_output){.path = path};
    if (path == NULL)
        return 0;
    if (strcmp(path, "-") == 0) {
        out->file = stdout;
        return 0;
    }
    if (stat(path, &about) == 0 && !S_ISREG(about.st_mode)) { /* /dev/stdout, a pipe: nothing to rename; not a folder */
        out->file = fopen(path, "w");
        return out->file != NULL ? 0 : fail(error, path);
    }
    if (access(path, F_OK) == 0 && access(path, W_OK) != 0)
        return fail(error, path);
    if (asprintf(&out->temporary, "%s.tmp", path) < 0) {
        out->temporary = NULL;
        snprintf(error, BENCH_OUTPUT_ERROR_MAX, "no memory");
        return BASE_ERR_NOMEM;
    }
    out->file = fopen(out->temporary, "we");
    if (out->file == NULL) {
        int err = fail(error, path);
        free(out->temporary);
        out->temporary = NULL;
        return err;
    }
    return 0;
}

int bench_output_save(struct bench_output *output, int (*write)(FILE *file, const void *what), const void *what,
                      char *error)
{
    if (output->file == NULL)
        return 0;
    errno = 0;
    int err = write(output->file, what);
    if (fflush(output->file) != 0 || ferror(output->file))
        err = BASE_ERR_IO;
    if (err != 0 && errno == 0)
        errno = EIO;
    if (err == 0 && output->temporary != NULL) {
        FILE *file = output->file;
        output->file = NULL;
        if (fclose(file) != 0 || rename(output->temporary, output->path) != 0)
            err = BASE_ERR_IO;
        else
            output->temporary[0] = 0; /* nothing to remove any more */
    }
    if (err != 0)
        fail(error, output->path);
    bench_output_close(output);
    return err != 0 ? BASE_ERR_IO : 0;
}

void bench_output_close(struct bench_output *output)
{
    if (output->file != NULL && output->file != stdout)
        fclose(output->file);
    output->file = NULL;
    if (output->temporary != NULL && output->temporary[0] != 0)
        unlink(output->temporary);
    free(output->temporary);
    output->temporary = NULL;
}
