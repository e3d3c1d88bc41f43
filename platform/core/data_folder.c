/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/core/data_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"

static int fail(char error[PLAT_DATA_FOLDER_ERROR_MAX], int err, const char *before, const char *folder,
                const char *after)
{
    snprintf(error, PLAT_DATA_FOLDER_ERROR_MAX, "%s %.1000s%s", before, folder, after);
    return err;
}

/* Nothing in it but what a failed start or the file system leaves. Returns 0, BASE_ERR_IO or BASE_ERR_EXISTS. */
static int check_empty(int fd)
{
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* closedir() closes it */
    DIR *list = copy >= 0 ? fdopendir(copy) : NULL;
    const struct dirent *entry;
    int err = BASE_OK;
    if (!list) {
        if (copy >= 0)
            close(copy);
        return BASE_ERR_IO;
    }
    while (!err && (entry = readdir(list)) != NULL) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && strcmp(name, "lock") != 0 &&
            strcmp(name, "lost+found") != 0)
            err = BASE_ERR_EXISTS;
    }
    closedir(list);
    return err;
}

static int check_existing(int fd, const char *folder, char error[PLAT_DATA_FOLDER_ERROR_MAX])
{
    struct stat st, db;
    if (fstat(fd, &st) != 0)
        return fail(error, BASE_ERR_IO, "cannot look at the data folder", folder, "");
    bool open_to_others = (st.st_mode & 077) != 0;
    if (fstatat(fd, "consilium.db", &db, AT_SYMLINK_NOFOLLOW) == 0) {
        /* In a folder like /tmp anybody can put one. */
        if (open_to_others && (!S_ISREG(db.st_mode) || db.st_uid != st.st_uid))
            return fail(error, BASE_ERR_NOT_ALLOWED, "the data folder", folder,
                        " is open to others, and its consilium.db is not of the folder's owner");
    } else {
        int err = check_empty(fd);
        if (err == BASE_ERR_EXISTS)
            return fail(error, err, "the folder", folder,
                        " holds other files and no consilium.db: it is left as it is; name a new or an empty folder "
                        "with --data");
        if (err)
            return fail(error, err, "cannot read the data folder", folder, "");
    }
    if (open_to_others && fchmod(fd, 0700) != 0)
        return fail(error, BASE_ERR_IO, "the data folder", folder, " is open to others and cannot be closed");
    return BASE_OK;
}

int plat_data_folder_prepare(const char *folder, char error[PLAT_DATA_FOLDER_ERROR_MAX])
{
    if (mkdir(folder, 0700) == 0)
        return BASE_OK;
    if (errno != EEXIST)
        return fail(error, BASE_ERR_IO, "cannot make the data folder", folder, "");
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail(error, BASE_ERR_IO, "cannot open the data folder", folder, "");
    int err = check_existing(fd, folder, error);
    int reason = errno;
    close(fd);
    errno = reason;
    return err;
}
