/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/core/data_folder.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "tests/support/test.h"

static char folder[64], error[PLAT_DATA_FOLDER_ERROR_MAX];

static bool make(mode_t bits)
{
    snprintf(folder, sizeof folder, "/tmp/consilium-data-XXXXXX");
    error[0] = '\0';
    return mkdtemp(folder) != NULL && chmod(folder, bits) == 0;
}

static const char *inside(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static bool put(const char *name)
{
    FILE *file = fopen(inside(name), "w");
    return file != NULL && fclose(file) == 0;
}

static unsigned mode(void)
{
    struct stat st;
    return stat(folder, &st) == 0 ? (unsigned)st.st_mode & 07777u : 0;
}

static bool done(const char *name)
{
    if (name)
        unlink(inside(name));
    return rmdir(folder) == 0;
}

T_TEST(a_missing_folder_is_made_for_us_alone)
{
    T_CHECK(make(0755));
    T_CHECK(done(NULL));
    T_EQ(plat_data_folder_prepare(folder, error), 0);
    T_EQ(mode(), 0700);
    T_CHECK(done(NULL));
    T_EQ(plat_data_folder_prepare("/tmp/consilium-no-such/data", error), BASE_ERR_IO);
    T_EQ(plat_data_folder_prepare("/dev/null", error), BASE_ERR_IO);
}

T_TEST(somebody_elses_folder_is_refused_and_left_alone)
{
    T_CHECK(make(01777));
    T_CHECK(put("letter.txt"));
    T_EQ(plat_data_folder_prepare(folder, error), BASE_ERR_EXISTS);
    T_EQ(mode(), 01777);
    T_CHECK(strstr(error, folder) != NULL);
    T_EQ(chmod(folder, 0700), 0);
    T_EQ(plat_data_folder_prepare(folder, error), BASE_ERR_EXISTS); /* nobody else reads it: still not ours */
    T_CHECK(done("letter.txt"));
}

T_TEST(an_empty_folder_becomes_ours)
{
    T_CHECK(make(0755));
    T_EQ(plat_data_folder_prepare(folder, error), 0);
    T_EQ(mode(), 0700);
    T_CHECK(put("lock")); /* a start that failed before it had a database */
    T_EQ(plat_data_folder_prepare(folder, error), 0);
    T_CHECK(done("lock"));
}

T_TEST(a_folder_with_our_database_is_tightened)
{
    T_CHECK(make(0755));
    T_CHECK(put("consilium.db"));
    T_EQ(plat_data_folder_prepare(folder, error), 0);
    T_EQ(mode(), 0700);
    T_CHECK(done("consilium.db"));
}

T_TEST(a_database_that_anybody_put_there_proves_nothing)
{
    T_CHECK(make(01777));
    T_EQ(symlink("/dev/null", inside("consilium.db")), 0);
    T_EQ(plat_data_folder_prepare(folder, error), BASE_ERR_NOT_ALLOWED);
    T_EQ(mode(), 01777);
    T_CHECK(done("consilium.db"));
}

T_MAIN(T_CASE(a_missing_folder_is_made_for_us_alone), T_CASE(somebody_elses_folder_is_refused_and_left_alone),
       T_CASE(an_empty_folder_becomes_ours), T_CASE(a_folder_with_our_database_is_tightened),
       T_CASE(a_database_that_anybody_put_there_proves_nothing))
