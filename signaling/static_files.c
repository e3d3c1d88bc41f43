/* SPDX-License-Identifier: Apache-2.0 */
#include "signaling/static_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "signaling/router.h"

enum { DEPTH_MAX = 8, PATH_MAX_BYTES = 512 };

struct file {
    char *path; /* "/assets/x.js" */
    char *data;
    size_t bytes;
    char etag[36]; /* quoted, half of a SHA-256 */
    const struct file *brotli, *gzip;
};

struct sig_static_files {
    struct file *files; /* by path */
    size_t count, capacity;
    size_t bytes;
};

/* The strictest policy under which the pages work; a new need is a line here and a reason. */
#define PAGE_POLICY                                                                                                    \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "    \
    "connect-src 'self' wss:; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "             \
    "frame-ancestors 'none'"

static const struct {
    const char *ending, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".map", "application/json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".jpg", "image/jpeg"},
    {".webp", "image/webp"},
    {".ico", "image/x-icon"},
    {".woff2", "font/woff2"},
    {".wasm", "application/wasm"},
    {".webmanifest", "application/manifest+json"},
    {".pdf", "application/pdf"},
    {".mp3", "audio/mpeg"},
    {".ogg", "audio/ogg"},
    {".wav", "audio/wav"},
    {".txt", "text/plain; charset=utf-8"},
};

static bool ends_with(const char *text, const char *ending)
{
    size_t len = strlen(text), n = strlen(ending);
    return len >= n && strcmp(text + len - n, ending) == 0;
}

static const char *type_of(const char *path)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (ends_with(path, types[i].ending))
            return types[i].type;
    }
    return "application/octet-stream";
}

static int set_etag(struct file *file)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    if (!EVP_Digest(file->data, file->bytes, digest, NULL, EVP_sha256(), NULL))
        return BASE_ERR_CRYPTO;
    file->etag[0] = '"';
    for (size_t i = 0; i < 16; i++)
        snprintf(file->etag + 1 + 2 * i, 3, "%02x", digest[i]);
    memcpy(file->etag + 33, "\"", 2);
    return BASE_OK;
}

static int read_all(int fd, char *data, size_t bytes)
{
    size_t done = 0;
    while (done < bytes) {
        ssize_t n = read(fd, data + done, bytes - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return BASE_ERR_IO;
        done += (size_t)n;
    }
    return BASE_OK;
}

static int add_file(struct sig_static_files *files, int fd, size_t bytes, const char *path)
{
    if (files->count == SIG_STATIC_FILES_MAX || bytes > SIG_STATIC_BYTES_MAX - files->bytes)
        return BASE_ERR_FULL;
    if (files->count == files->capacity) {
        size_t capacity = files->capacity ? files->capacity * 2 : 64;
        struct file *grown = realloc(files->files, capacity * sizeof *grown);
        if (!grown)
            return BASE_ERR_NOMEM;
        files->files = grown;
        files->capacity = capacity;
    }
    struct file *file = &files->files[files->count++];
    *file = (struct file){.path = strdup(path), .data = malloc(bytes + 1), .bytes = bytes};
    if (!file->path || !file->data)
        return BASE_ERR_NOMEM;
    files->bytes += bytes;
    int err = read_all(fd, file->data, bytes);
    return err ? err : set_etag(file);
}

static int load_folder(struct sig_static_files *files, int folder_fd, const char *prefix, int depth);

/* One entry of a folder: a file, a folder below, or nothing for us. */
static int load_entry(struct sig_static_files *files, int folder_fd, const char *prefix, const char *name, int depth)
{
    char path[PATH_MAX_BYTES];
    struct stat st;
    int fd = openat(folder_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno == ELOOP ? BASE_OK : BASE_ERR_IO;
    int err = BASE_OK;
    if (snprintf(path, sizeof path, "%s/%s", prefix, name) >= (int)sizeof path)
        err = BASE_ERR_FULL;
    else if (fstat(fd, &st) != 0)
        err = BASE_ERR_IO;
    else if (S_ISDIR(st.st_mode))
        return load_folder(files, fd, path, depth + 1); /* takes the descriptor */
    else if (S_ISREG(st.st_mode))
        err = add_file(files, fd, (size_t)st.st_size, path);
    int saved = errno;
    close(fd);
    errno = saved;
    return err;
}

static int load_folder(struct sig_static_files *files, int folder_fd, const char *prefix, int depth)
{
    DIR *folder = fdopendir(folder_fd);
    int err = BASE_OK;
    if (!folder) {
        close(folder_fd);
        return BASE_ERR_IO;
    }
    for (struct dirent *entry; !err && depth < DEPTH_MAX && (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] != '.')
            err = load_entry(files, dirfd(folder), prefix, entry->d_name, depth);
    }
    int saved = errno;
    closedir(folder);
    errno = saved;
    return err;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct file *)a)->path, ((const struct file *)b)->path);
}

static const struct file *find(const struct sig_static_files *files, const char *path)
{
    struct file key = {.path = (char *)(uintptr_t)path};
    return files->count ? bsearch(&key, files->files, files->count, sizeof key, by_path) : NULL;
}

static void link_compressed(struct sig_static_files *files)
{
    char path[PATH_MAX_BYTES + 4];
    for (size_t i = 0; i < files->count; i++) {
        struct file *file = &files->files[i];
        snprintf(path, sizeof path, "%s.br", file->path);
        file->brotli = find(files, path);
        snprintf(path, sizeof path, "%s.gz", file->path);
        file->gzip = find(files, path);
    }
}

int sig_static_files_load(struct sig_static_files **out, const char *folder)
{
    *out = NULL;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return BASE_ERR_IO;
    struct sig_static_files *files = calloc(1, sizeof *files);
    if (!files) {
        close(fd);
        return BASE_ERR_NOMEM;
    }
    int err = load_folder(files, fd, "", 0);
    if (err) {
        int saved = errno;
        sig_static_files_free(files);
        errno = saved;
        return err;
    }
    if (files->count)
        qsort(files->files, files->count, sizeof *files->files, by_path);
    link_compressed(files);
    *out = files;
    return BASE_OK;
}

void sig_static_files_free(struct sig_static_files *files)
{
    if (!files)
        return;
    for (size_t i = 0; i < files->count; i++) {
        free(files->files[i].path);
        free(files->files[i].data);
    }
    free(files->files);
    free(files);
}

size_t sig_static_files_count(const struct sig_static_files *files)
{
    return files->count;
}

bool sig_static_files_has(const struct sig_static_files *files, const char *path)
{
    return find(files, path) != NULL;
}

/* Is `coding` in an Accept-Encoding value, and not refused by q=0? */
static bool accepts(const char *value, const char *coding)
{
    size_t n = strlen(coding);
    for (const char *at = value; *at;) {
        at += strspn(at, " ,\t");
        size_t len = strcspn(at, ",");
        if (len >= n && strncmp(at, coding, n) == 0 && (len == n || at[n] == ';' || at[n] == ' ')) {
            const char *q = memchr(at, '=', len);
            return !q || strtod(q + 1, NULL) > 0;
        }
        at += len;
    }
    return false;
}

void sig_static_files_serve(const struct sig_static_files *files, const char *path,
                            const struct sig_http_request *request, struct sig_http_response *response)
{
    const struct file *file = find(files, path), *sent = file;
    if (!file) {
        sig_http_error(response, 404, "not_found", "no such page");
        return;
    }
    if (file->brotli && accepts(request->accept_encoding, "br")) {
        sent = file->brotli;
        response->content_encoding = "br";
    } else if (file->gzip && accepts(request->accept_encoding, "gzip")) {
        sent = file->gzip;
        response->content_encoding = "gzip";
    }
    response->etag = sent->etag;
    response->cache_control = strncmp(path, "/assets/", 8) == 0 ? "public, max-age=31536000, immutable" : "no-cache";
    if (ends_with(path, ".html"))
        response->policy = PAGE_POLICY;
    if (strstr(request->if_none_match, sent->etag)) {
        response->status = 304;
        return;
    }
    response->status = 200;
    response->content_type = type_of(path);
    response->body = sent->data;
    response->body_bytes = sent->bytes;
}
