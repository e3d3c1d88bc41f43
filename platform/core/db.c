/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/core/db.h"

#include <openssl/evp.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/random.h"

struct plat_db {
    sqlite3 *handle;
};

static int failed(struct plat_db *db, char error[PLAT_DB_ERROR_MAX])
{
    snprintf(error, PLAT_DB_ERROR_MAX, "%s", db->handle ? sqlite3_errmsg(db->handle) : "no memory");
    return BASE_ERR_IO;
}

int plat_db_exec(struct plat_db *db, const char *sql, char error[PLAT_DB_ERROR_MAX])
{
    return sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? BASE_OK : failed(db, error);
}

int plat_db_open(struct plat_db **out, const char *path, char error[PLAT_DB_ERROR_MAX])
{
    static const char settings[] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
                                   "PRAGMA busy_timeout=5000; PRAGMA trusted_schema=OFF;";
    *out = NULL;
    struct plat_db *db = calloc(1, sizeof *db);
    if (!db)
        return BASE_ERR_NOMEM;
    mode_t mask = umask(0077);
    int err = sqlite3_open_v2(path, &db->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) == SQLITE_OK
                  ? plat_db_exec(db, settings, error)
                  : failed(db, error);
    umask(mask);
    if (err) {
        plat_db_close(db);
        return err;
    }
    *out = db;
    return BASE_OK;
}

void plat_db_close(struct plat_db *db)
{
    if (!db)
        return;
    sqlite3_close(db->handle);
    free(db);
}

int plat_db_text(struct plat_db *db, const char *sql, char *out, size_t out_size)
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(db->handle, sql, -1, &statement, NULL) != SQLITE_OK)
        return BASE_ERR_IO;
    int step = sqlite3_step(statement);
    int err = step == SQLITE_DONE ? BASE_ERR_NOT_FOUND : BASE_ERR_IO;
    if (step == SQLITE_ROW) {
        const unsigned char *text = sqlite3_column_text(statement, 0);
        snprintf(out, out_size, "%s", text ? (const char *)text : "");
        err = BASE_OK;
    }
    sqlite3_finalize(statement);
    return err;
}

/* Runs one statement with text parameters. */
static int run(struct plat_db *db, const char *sql, const char *const *values, int count, int number)
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(db->handle, sql, -1, &statement, NULL) != SQLITE_OK)
        return BASE_ERR_IO;
    int bad = number >= 0 && sqlite3_bind_int(statement, 1, number) != SQLITE_OK;
    for (int i = 0; i < count; i++)
        bad |= sqlite3_bind_text(statement, i + (number >= 0 ? 2 : 1), values[i], -1, SQLITE_TRANSIENT) != SQLITE_OK;
    if (!bad)
        bad = sqlite3_step(statement) != SQLITE_DONE;
    sqlite3_finalize(statement);
    return bad ? BASE_ERR_IO : BASE_OK;
}

static void checksum(const char *sql, char out[65])
{
    unsigned char digest[EVP_MAX_MD_SIZE] = {0};
    EVP_Digest(sql, strlen(sql), digest, NULL, EVP_sha256(), NULL);
    for (size_t i = 0; i < 32; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

static int apply(struct plat_db *db, const struct plat_migration *migration, const char *now,
                 char error[PLAT_DB_ERROR_MAX])
{
    char sum[65];
    checksum(migration->sql, sum);
    const char *const values[] = {migration->name, sum, now};
    int err = plat_db_exec(db, "BEGIN IMMEDIATE", error);
    if (err)
        return err;
    err = plat_db_exec(db, migration->sql, error);
    if (!err && run(db, "INSERT INTO schema_migration (number, name, checksum, applied_at) VALUES (?, ?, ?, ?)", values,
                    3, migration->number))
        err = failed(db, error);
    if (!err)
        err = plat_db_exec(db, "COMMIT", error);
    if (err) {
        char reason[PLAT_DB_ERROR_MAX - 64], ignored[PLAT_DB_ERROR_MAX];
        snprintf(reason, sizeof reason, "%s", error);
        (void)plat_db_exec(db, "ROLLBACK", ignored);
        snprintf(error, PLAT_DB_ERROR_MAX, "migration %.40s: %s", migration->name, reason);
    }
    return err;
}

int plat_db_migrate(struct plat_db *db, const struct plat_migration *migrations, size_t count, const char *now,
                    char error[PLAT_DB_ERROR_MAX])
{
    char text[80], sum[65], query[96];
    int err = plat_db_exec(db,
                           "CREATE TABLE IF NOT EXISTS schema_migration (number INTEGER PRIMARY KEY, name TEXT NOT "
                           "NULL, checksum TEXT NOT NULL, applied_at TEXT NOT NULL) STRICT",
                           error);
    if (err)
        return err;
    err = plat_db_text(db, "SELECT coalesce(max(number), 0) FROM schema_migration", text, sizeof text);
    if (err)
        return failed(db, error);
    size_t newest = strtoul(text, NULL, 10);
    if (newest > count) {
        snprintf(error, PLAT_DB_ERROR_MAX, "the database has migration %zu, this program knows %zu: it is older",
                 newest, count);
        return BASE_ERR_STATE;
    }
    for (size_t i = 0; i < count; i++) {
        snprintf(query, sizeof query, "SELECT checksum FROM schema_migration WHERE number = %d", migrations[i].number);
        err = plat_db_text(db, query, text, sizeof text);
        if (err == BASE_ERR_NOT_FOUND)
            err = apply(db, &migrations[i], now, error);
        else if (err)
            err = failed(db, error);
        else {
            checksum(migrations[i].sql, sum);
            if (strcmp(sum, text) != 0) {
                snprintf(error, PLAT_DB_ERROR_MAX, "migration %.60s was applied with another text", migrations[i].name);
                err = BASE_ERR_STATE;
            }
        }
        if (err)
            return err;
    }
    return BASE_OK;
}

void plat_uuid7(uint64_t wall_us, char out[PLAT_UUID_CHARS + 1])
{
    uint8_t b[16];
    base_random_bytes(b, sizeof b);
    uint64_t ms = wall_us / 1000;
    base_put_be16(b, (uint16_t)(ms >> 32));
    base_put_be32(b + 2, (uint32_t)ms);
    b[6] = (uint8_t)(0x70 | (b[6] & 0x0f));
    b[8] = (uint8_t)(0x80 | (b[8] & 0x3f));
    snprintf(out, PLAT_UUID_CHARS + 1, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
             b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

void plat_time_text(uint64_t wall_us, char out[32])
{
    struct tm tm;
    char seconds[24];
    time_t t = (time_t)(wall_us / 1000000u);
    gmtime_r(&t, &tm);
    strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out, 32, "%s.%03uZ", seconds, (unsigned)(wall_us / 1000u % 1000u));
}

int plat_db_instance_id(struct plat_db *db, uint64_t wall_us, char out[PLAT_UUID_CHARS + 1])
{
    static const char query[] = "SELECT id FROM instance LIMIT 1";
    int err = plat_db_text(db, query, out, PLAT_UUID_CHARS + 1);
    if (err != BASE_ERR_NOT_FOUND)
        return err;
    char id[PLAT_UUID_CHARS + 1], now[32];
    plat_uuid7(wall_us, id);
    plat_time_text(wall_us, now);
    const char *const values[] = {id, now};
    err = run(db, "INSERT INTO instance (id, created_at) VALUES (?, ?)", values, 2, -1);
    return err ? err : plat_db_text(db, query, out, PLAT_UUID_CHARS + 1);
}
