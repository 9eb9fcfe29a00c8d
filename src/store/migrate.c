#include "store/migrate.h"

#include "store/query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct embedded *find_script(const struct embedded *scripts, int number,
                                          const char *ending)
{
    for (; scripts->name; scripts++) {
        size_t length = strlen(scripts->name);
        if (strtol(scripts->name, NULL, 10) == number && length > strlen(ending) &&
            strcmp(scripts->name + length - strlen(ending), ending) == 0)
            return scripts;
    }
    return NULL;
}

int migrate_newest(const struct embedded *scripts)
{
    int newest = 0;
    while (find_script(scripts, newest + 1, ".up.sql"))
        newest++;
    return newest;
}

static bool read_int(sqlite3 *db, const char *sql, int64_t *ret, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    bool ok = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
              sqlite3_step(stmt) == SQLITE_ROW;
    if (ok)
        *ret = sqlite3_column_int64(stmt, 0);
    else
        err_sqlite(err, db, "database");
    sqlite3_finalize(stmt);
    return ok;
}

bool migrate_version(sqlite3 *db, const struct embedded *scripts, int *ret, struct err *err)
{
    int64_t application, version, tables;
    if (!read_int(db, "PRAGMA application_id", &application, err) ||
        !read_int(db, "PRAGMA user_version", &version, err) ||
        !read_int(db, "SELECT count(*) FROM sqlite_schema", &tables, err))
        return false;
    bool empty = application == 0 && version == 0 && tables == 0;
    if (!empty && application != STORE_APPLICATION_ID) {
        err_set(err, ERR_DATA_LOSS, "database of another program (application id %lld)",
                (long long)application);
        err_hint(err, "choose another directory as store path");
        return false;
    }
    int newest = migrate_newest(scripts);
    if (version < 0 || version > newest) {
        err_set(err, ERR_DATA_LOSS, "database has version %lld, this program knows up to %d",
                (long long)version, newest);
        err_hint(err, "start the newer program that wrote it, or restore the backup it made beside "
                      "it before upgrading");
        return false;
    }
    *ret = (int)version;
    return true;
}

static bool run(sqlite3 *db, const char *sql, const char *what, struct err *err)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK || err_sqlite(err, db, what);
}

static bool no_broken_references(sqlite3 *db, const char *what, struct err *err)
{
    int64_t broken;
    if (!read_int(db, "SELECT count(*) FROM pragma_foreign_key_check", &broken, err))
        return false;
    return broken == 0 ||
           err_set(err, ERR_INTERNAL, "%s leaves %lld broken references", what, (long long)broken);
}

static bool run_script(sqlite3 *db, const struct embedded *script, int version, struct err *err)
{
    char stamp[96];
    snprintf(stamp, sizeof stamp, "PRAGMA application_id = %d; PRAGMA user_version = %d",
             STORE_APPLICATION_ID, version);
    bool ok = run(db, "BEGIN EXCLUSIVE", script->name, err) &&
              run(db, (const char *)script->data, script->name, err) &&
              no_broken_references(db, script->name, err) && run(db, stamp, script->name, err) &&
              run(db, "COMMIT", script->name, err);
    if (!ok && !sqlite3_get_autocommit(db))
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return ok;
}

/* Under a passing name first: a backup with its own name is a complete one. */
static bool back_up(sqlite3 *db, const char *path, struct err *err)
{
    char temporary[512];
    snprintf(temporary, sizeof temporary, "%s.new", path);
    unlink(temporary);
    sqlite3_stmt *stmt = NULL;
    bool ok = sqlite3_prepare_v2(db, "VACUUM INTO ?1", -1, &stmt, NULL) == SQLITE_OK &&
              sqlite3_bind_text(stmt, 1, temporary, -1, SQLITE_STATIC) == SQLITE_OK &&
              sqlite3_step(stmt) == SQLITE_DONE;
    if (!ok)
        err_sqlite(err, db, "backup before upgrade");
    sqlite3_finalize(stmt);
    if (ok && rename(temporary, path) != 0)
        ok = err_set(err, ERR_UNAVAILABLE, "backup before upgrade: cannot rename %s: %m",
                     temporary);
    if (!ok)
        unlink(temporary);
    return ok;
}

bool migrate_to(sqlite3 *db, const struct embedded *scripts, int target, const char *backup_path,
                struct err *err)
{
    ASSERT(target >= 0 && target <= migrate_newest(scripts));
    int version;
    if (!migrate_version(db, scripts, &version, err))
        return false;
    if (backup_path && version > 0 && version != target && !back_up(db, backup_path, err))
        return false;
    while (version != target) {
        bool up = version < target;
        const struct embedded *script = find_script(scripts, up ? version + 1 : version,
                                                    up ? ".up.sql" : ".down.sql");
        ASSERT(script != NULL);
        version += up ? 1 : -1;
        if (!run_script(db, script, version, err))
            return false;
    }
    return true;
}
