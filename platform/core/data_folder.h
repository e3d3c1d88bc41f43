/* SPDX-License-Identifier: Apache-2.0 */
/**
 * data_folder.h - the folder of database and keys: made if missing, ours alone, and never somebody else's folder.
 *
 * A slip like `--data /tmp` must not take a folder away from its users: an existing folder is taken only if it is empty
 * or holds consilium.db, and only then are the rights of others taken away.
 */
#ifndef CONSILIUM_PLATFORM_CORE_DATA_FOLDER_H
#define CONSILIUM_PLATFORM_CORE_DATA_FOLDER_H

#include <stddef.h>

#define PLAT_DATA_FOLDER_ERROR_MAX 1400

/**
 * Makes `folder` (0700), or checks that it is one of ours. A lock left by a start that failed and the lost+found of a
 * file system count as empty. On failure nothing was changed, and `error` says why, in words for the terminal.
 * Returns 0, BASE_ERR_IO (system), BASE_ERR_EXISTS (it holds other files) or BASE_ERR_NOT_ALLOWED (it holds a
 * consilium.db of another user and others may enter).
 */
int plat_data_folder_prepare(const char *folder, char error[PLAT_DATA_FOLDER_ERROR_MAX]);

#endif
