/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/core/db.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "tests/support/test.h"

static char folder[64], path[96], error[PLAT_DB_ERROR_MAX];

static int open_fresh(struct plat_db **db)
{
    snprintf(folder, sizeof folder, "/tmp/consilium-db-XXXXXX");
    if (!mkdtemp(folder))
        return -100;
    snprintf(path, sizeof path, "%s/test.db", folder);
    return plat_db_open(db, path, error);
}

static void close_and_remove(struct plat_db *db)
{
    char beside[128];
    plat_db_close(db);
    unlink(path);
    snprintf(beside, sizeof beside, "%s-wal", path);
    unlink(beside);
    snprintf(beside, sizeof beside, "%s-shm", path);
    unlink(beside);
    rmdir(folder);
}

static const char NOW[] = "2026-01-01T00:00:00.000Z";
static const struct plat_migration first_two[] = {{1, "0001_a", "CREATE TABLE a (x TEXT) STRICT;"},
                                                  {2, "0002_b", "CREATE TABLE b (x TEXT) STRICT;"}};
static const struct plat_migration other_text[] = {{1, "0001_a", "CREATE TABLE a (y TEXT) STRICT;"}};
static const struct plat_migration broken[] = {{1, "0001_a", "CREATE TABLE a (x TEXT) STRICT;"},
                                               {2, "0002_b", "CREATE TABLE c (x TEXT); CREATE NONSENSE;"}};

T_TEST(settings_that_we_rely_on)
{
    struct plat_db *db;
    char text[32];
    T_EQ(open_fresh(&db), 0);
    T_EQ(plat_db_text(db, "PRAGMA journal_mode", text, sizeof text), 0);
    T_STR_EQ(text, "wal");
    T_EQ(plat_db_text(db, "PRAGMA synchronous", text, sizeof text), 0);
    T_STR_EQ(text, "2");
    T_EQ(plat_db_text(db, "PRAGMA foreign_keys", text, sizeof text), 0);
    T_STR_EQ(text, "1");
    close_and_remove(db);
    T_EQ(plat_db_open(&db, "/nonexistent/x.db", error), BASE_ERR_IO);
    T_CHECK(db == NULL);
}

T_TEST(migrations_are_applied_once_and_upgraded)
{
    struct plat_db *db;
    char text[80];
    T_EQ(open_fresh(&db), 0);
    T_EQ(plat_db_migrate(db, first_two, 1, NOW, error), 0);
    T_EQ(plat_db_text(db, "SELECT count(*) FROM a", text, sizeof text), 0);
    T_EQ(plat_db_text(db, "SELECT count(*) FROM b", text, sizeof text), BASE_ERR_IO);
    T_EQ(plat_db_migrate(db, first_two, 2, NOW, error), 0);
    T_EQ(plat_db_migrate(db, first_two, 2, NOW, error), 0);
    T_EQ(plat_db_text(db, "SELECT group_concat(name || ' ' || applied_at) FROM schema_migration", text, sizeof text),
         0);
    T_STR_EQ(text, "0001_a 2026-01-01T00:00:00.000Z,0002_b 2026-01-01T00:00:00.000Z");
    close_and_remove(db);
}

T_TEST(another_history_is_refused)
{
    struct plat_db *db;
    T_EQ(open_fresh(&db), 0);
    T_EQ(plat_db_migrate(db, first_two, 2, NOW, error), 0);
    T_EQ(plat_db_migrate(db, first_two, 1, NOW, error), BASE_ERR_STATE); /* an older program */
    T_CHECK(strstr(error, "older") != NULL);
    close_and_remove(db);
    T_EQ(open_fresh(&db), 0);
    T_EQ(plat_db_migrate(db, first_two, 1, NOW, error), 0);
    T_EQ(plat_db_migrate(db, other_text, 1, NOW, error), BASE_ERR_STATE);
    T_STR_EQ(error, "migration 0001_a was applied with another text");
    close_and_remove(db);
}

T_TEST(a_migration_that_fails_leaves_nothing)
{
    struct plat_db *db;
    char text[32];
    T_EQ(open_fresh(&db), 0);
    T_EQ(plat_db_migrate(db, broken, 2, NOW, error), BASE_ERR_IO);
    T_CHECK(strncmp(error, "migration 0002_b: ", 18) == 0);
    T_EQ(plat_db_text(db, "SELECT count(*) FROM c", text, sizeof text), BASE_ERR_IO);
    T_EQ(plat_db_text(db, "SELECT max(number) FROM schema_migration", text, sizeof text), 0);
    T_STR_EQ(text, "1");
    T_EQ(plat_db_migrate(db, first_two, 2, NOW, error), 0); /* mended */
    close_and_remove(db);
}

T_TEST(the_real_migrations_and_the_instance)
{
    struct plat_db *db;
    char id[PLAT_UUID_CHARS + 1], again[PLAT_UUID_CHARS + 1];
    T_EQ(open_fresh(&db), 0);
    for (size_t i = 0; i < plat_core_migration_count; i++)
        T_EQ(plat_core_migrations[i].number, i + 1);
    T_EQ(plat_db_migrate(db, plat_core_migrations, plat_core_migration_count, NOW, error), 0);
    T_EQ(plat_db_instance_id(db, 1767225600000000u, id), 0);
    T_EQ(plat_db_instance_id(db, 1767225600000000u, again), 0);
    T_STR_EQ(again, id);
    close_and_remove(db);
}

T_TEST(uuid_and_time)
{
    char id[PLAT_UUID_CHARS + 1], text[32];
    plat_uuid7(UINT64_C(0x017F22E279B0) * 1000, id); /* the moment of the example in RFC 9562 appendix A.6 */
    T_CHECK(strncmp(id, "017f22e2-79b0-7", 15) == 0);
    T_CHECK(strchr("89ab", id[19]) != NULL);
    plat_time_text(1767225600123456u, text);
    T_STR_EQ(text, "2026-01-01T00:00:00.123Z");
}

T_MAIN(T_CASE(settings_that_we_rely_on), T_CASE(migrations_are_applied_once_and_upgraded),
       T_CASE(another_history_is_refused), T_CASE(a_migration_that_fails_leaves_nothing),
       T_CASE(the_real_migrations_and_the_instance), T_CASE(uuid_and_time))
