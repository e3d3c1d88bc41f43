/* SPDX-License-Identifier: Apache-2.0 */
/**
 * db.h - the embedded database: SQLite with the settings that we rely on, and numbered migrations.
 *
 * WAL, synchronous=FULL (a committed row survives a power cut), foreign keys on. Migrations run in order, one
 * transaction each; what was applied is kept in schema_migration with a SHA-256 of its text, so that a database and a
 * binary that do not belong together are told apart at the start. Threads: one connection, one thread.
 */
#ifndef CONSILIUM_PLATFORM_CORE_DB_H
#define CONSILIUM_PLATFORM_CORE_DB_H

#include <stddef.h>
#include <stdint.h>

struct plat_db;

struct plat_migration {
    int number;       /**< 1, 2, … without gaps */
    const char *name; /**< "0001_instance" */
    const char *sql;
};

/** Made from platform/core/migrations/NNNN_*.sql at build time. */
extern const struct plat_migration plat_core_migrations[];
extern const size_t plat_core_migration_count;

#define PLAT_DB_ERROR_MAX 256
#define PLAT_UUID_CHARS   36

/** Opens or creates the file (0600). Returns 0, BASE_ERR_IO or BASE_ERR_NOMEM; on error *out is NULL and `error` says
 * why. */
int plat_db_open(struct plat_db **out, const char *path, char error[PLAT_DB_ERROR_MAX]);
void plat_db_close(struct plat_db *db);

/** Applies what is missing. `now` is UTC ISO-8601 text for the record. Returns 0; BASE_ERR_STATE (a migration was
 * applied that this binary does not have, or with another text) or BASE_ERR_IO (a statement failed: that migration was
 * rolled back); `error` says which. */
int plat_db_migrate(struct plat_db *db, const struct plat_migration *migrations, size_t count, const char *now,
                    char error[PLAT_DB_ERROR_MAX]);

/** The id of this installation, made at the first call. Returns 0 or BASE_ERR_IO. */
int plat_db_instance_id(struct plat_db *db, uint64_t wall_us, char out[PLAT_UUID_CHARS + 1]);

/** Runs statements without results. Returns 0 or BASE_ERR_IO with *error. */
int plat_db_exec(struct plat_db *db, const char *sql, char error[PLAT_DB_ERROR_MAX]);
/** First column of the first row as text. Returns 0, BASE_ERR_NOT_FOUND (no row) or BASE_ERR_IO. */
int plat_db_text(struct plat_db *db, const char *sql, char *out, size_t out_size);

/** A UUID version 7 (RFC 9562 section 5.7) of this moment. */
void plat_uuid7(uint64_t wall_us, char out[PLAT_UUID_CHARS + 1]);
/** UTC ISO-8601 with milliseconds: "2026-01-31T12:00:00.000Z". */
void plat_time_text(uint64_t wall_us, char out[32]);

#endif
