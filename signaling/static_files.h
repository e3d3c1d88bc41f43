/* SPDX-License-Identifier: Apache-2.0 */
/**
 * static_files.h - the web client's files, read into memory at the start and served from there.
 *
 * A request can only reach what was found below the folder then, so no path leads out of it. NAME.br and NAME.gz beside
 * NAME are sent where the client takes them. Files below assets/ carry a hash in their name: they may be kept for a
 * year; all others are asked for again with their ETag. Threads: read-only after _load.
 */
#ifndef CONSILIUM_SIGNALING_STATIC_FILES_H
#define CONSILIUM_SIGNALING_STATIC_FILES_H

#include "signaling/http_message.h"

#define SIG_STATIC_FILES_MAX 4096u
#define SIG_STATIC_BYTES_MAX (256u * 1024u * 1024u)

struct sig_static_files;

/** Reads all regular files below `folder` (symbolic links and names that begin with a dot are left out). Returns 0,
 * BASE_ERR_IO (errno), BASE_ERR_FULL (more than the limits above) or BASE_ERR_NOMEM; on error *out is NULL. */
int sig_static_files_load(struct sig_static_files **out, const char *folder);
void sig_static_files_free(struct sig_static_files *files);
size_t sig_static_files_count(const struct sig_static_files *files);

/** Is there a file of this path ("/index.html")? */
bool sig_static_files_has(const struct sig_static_files *files, const char *path);
/** Answers with the file of this path: 200, 304 or 404. */
void sig_static_files_serve(const struct sig_static_files *files, const char *path,
                            const struct sig_http_request *request, struct sig_http_response *response);

#endif
