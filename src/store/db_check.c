#include "store/db_check.h"

#include "store/check_sql.h"
#include "model/judgement.h"
#include "store/event_json.h"
#include "store/migrate.h"
#include "store/query.h"

#include <stdio.h>
#include <string.h>

/* Of one kind; where there are more, a person needs no longer list. */
#define TOLD_MAX 1000

/* --- what the statements need besides SQL; all deterministic, all of them NULL for NULL --- */

static bool id_argument(sqlite3_value *value, struct uuid *ret)
{
    const void *bytes = sqlite3_value_blob(value);
    if (!bytes || sqlite3_value_bytes(value) != (int)sizeof ret->bytes)
        return false;
    memcpy(ret->bytes, bytes, sizeof ret->bytes);
    return true;
}

static void sql_id_text(sqlite3_context *ctx, int count, sqlite3_value **values)
{
    (void)count;
    struct uuid id;
    char text[UUID_TEXT_BYTES];
    if (id_argument(values[0], &id))
        sqlite3_result_text(ctx, uuid_format(text, &id), -1, SQLITE_TRANSIENT);
}

static void sql_id_blob(sqlite3_context *ctx, int count, sqlite3_value **values)
{
    (void)count;
    struct uuid id;
    const char *text = (const char *)sqlite3_value_text(values[0]);
    if (text && uuid_parse(text, &id))
        sqlite3_result_blob(ctx, id.bytes, sizeof id.bytes, SQLITE_TRANSIENT);
}

static void sql_id_wall_us(sqlite3_context *ctx, int count, sqlite3_value **values)
{
    (void)count;
    struct uuid id;
    if (id_argument(values[0], &id))
        sqlite3_result_int64(ctx, uuid7_wall_us(&id));
}

static void sql_picture_address(sqlite3_context *ctx, int count, sqlite3_value **values)
{
    (void)count;
    struct uuid event, track;
    char address[SNAPSHOT_ADDRESS_BYTES];
    bool any = sqlite3_value_type(values[1]) == SQLITE_NULL;
    if (id_argument(values[0], &event) && (any || id_argument(values[1], &track)))
        sqlite3_result_text(ctx, event_snapshot_address(address, &event, any ? NULL : &track), -1,
                            SQLITE_TRANSIENT);
}

static void sql_judgement_state(sqlite3_context *ctx, int count, sqlite3_value **values)
{
    (void)count;
    struct err ignored;
    const char *json = (const char *)sqlite3_value_text(values[0]);
    AUTO(free_ptr) struct judgement *judgement = NEW(struct judgement);
    if (json && judgement_parse(json, strlen(json), judgement, &ignored))
        sqlite3_result_text(ctx, judgement_state_names[judgement->state], -1, SQLITE_STATIC);
}

static bool add_functions(struct db *db, struct err *err)
{
    static const struct {
        const char *name;
        int arguments;
        void (*fn)(sqlite3_context *ctx, int count, sqlite3_value **values);
    } functions[] = {
        {"id_text", 1, sql_id_text},
        {"id_blob", 1, sql_id_blob},
        {"judgement_state", 1, sql_judgement_state},
        {"id_wall_us", 1, sql_id_wall_us},
        {"picture_address", 2, sql_picture_address},
    };
    for (size_t i = 0; i < ARRAY_LEN(functions); i++)
        if (sqlite3_create_function(db->conn, functions[i].name, functions[i].arguments,
                                    SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY, NULL,
                                    functions[i].fn, NULL, NULL) != SQLITE_OK)
            return err_sqlite(err, db->conn, "database");
    return true;
}

/* --- running statements --- */

static void end_statement(sqlite3_stmt **stmt)
{
    sqlite3_finalize(*stmt);
    *stmt = NULL;
}

static bool run(struct db *db, const char *sql, struct err *err)
{
    return sqlite3_exec(db->conn, sql, NULL, NULL, NULL) == SQLITE_OK ||
           err_sqlite(err, db->conn, "database");
}

static const char *text_at(sqlite3_stmt *stmt, int column)
{
    const unsigned char *text = sqlite3_column_text(stmt, column);
    return text ? (const char *)text : "";
}

bool db_check_version(struct db *db, struct err *err)
{
    int version, newest = migrate_newest(embedded_migrations);
    if (!migrate_version(db->conn, embedded_migrations, &version, err))
        return false;
    if (version == newest)
        return true;
    err_set(err, ERR_DATA_LOSS, "database has version %d, this program's is %d", version, newest);
    err_hint(err, "start hsi once, which brings it up to date");
    return false;
}

bool db_check_begin(struct db *db, bool may_write, struct err *err)
{
    if (!db_check_version(db, err))
        return false;
    return add_functions(db, err) && run(db, may_write ? "BEGIN IMMEDIATE" : "BEGIN", err);
}

void db_check_end(struct db *db)
{
    if (!sqlite3_get_autocommit(db->conn))
        sqlite3_exec(db->conn, "ROLLBACK", NULL, NULL, NULL);
}

static void tell(const struct check *check, const struct check_sql *sql, const char *where,
                 const char *text)
{
    const struct fsck_finding finding = {
        sql->what, where, text, sql->mends, sql->by_start, sql->is_note,
    };
    check->fn(check->ctx, &finding);
}

/* What a statement says of rows that are not what it expects is a finding too; only a database that
 * cannot be read ends everything. */
static bool failed(struct db *db, const struct check *check, const struct check_sql *sql,
                   struct err *err)
{
    (void)err_sqlite(err, db->conn, sql->what);
    if (err->code != ERR_INTERNAL)
        return false;
    struct check_sql unmended = *sql;
    unmended.mends = NULL;
    tell(check, &unmended, "database", err->msg);
    return true;
}

/* Undone if it fails: the finding stays, and what was mended before does too. */
static void mend(struct db *db, const struct check_sql *sql)
{
    struct err err = {0};
    if (run(db, "SAVEPOINT mend", &err) && !run(db, sql->mend_sql, &err))
        (void)!run(db, "ROLLBACK TO mend", &err);
    (void)!run(db, "RELEASE mend", &err);
}

static bool check_one(struct db *db, const struct check *check, const struct check_sql *sql,
                      struct err *err)
{
    int count = 0;
    {
        AUTO(end_statement) sqlite3_stmt *stmt = NULL;
        if (sqlite3_prepare_v2(db->conn, sql->select, -1, &stmt, NULL) != SQLITE_OK)
            return failed(db, check, sql, err);
        int rc;
        while ((rc = sqlite3_step(stmt)) == SQLITE_ROW && count++ < TOLD_MAX)
            tell(check, sql, text_at(stmt, 0), text_at(stmt, 1));
        if (rc == SQLITE_ROW)
            tell(check, sql, "database", "and more of the same kind");
        else if (rc != SQLITE_DONE)
            return failed(db, check, sql, err);
    }
    if (check->mend && count > 0 && sql->mend_sql)
        mend(db, sql);
    return true;
}

/* --- pages and schema --- */

/* What rows contain, and what indexes repeat of them; the rest is about the pages. */
static bool is_about_rows(const char *message)
{
    return strncmp(message, "CHECK constraint failed", 23) == 0 ||
           strncmp(message, "NULL value in", 13) == 0 || strncmp(message, "non-", 4) == 0;
}

static bool is_about_indexes(const char *message)
{
    return !is_about_rows(message) && strstr(message, "index ");
}

static bool check_pages(struct db *db, const struct check *check, struct err *err)
{
    static const struct check_sql pages = {.what = "pages"};
    static const struct check_sql rows = {.what = "row", .mends = "as said of the row itself"};
    static const struct check_sql indexes = {
        .what = "index", .mends = "builds the indexes anew", .mend_sql = "REINDEX"};
    bool indexes_wrong = false, pages_wrong = false;
    {
        AUTO(end_statement) sqlite3_stmt *stmt = NULL;
        if (sqlite3_prepare_v2(db->conn, "PRAGMA integrity_check", -1, &stmt, NULL) != SQLITE_OK)
            return err_sqlite(err, db->conn, "database");
        int rc;
        while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
            const char *message = text_at(stmt, 0);
            if (strcmp(message, "ok") == 0)
                continue;
            const struct check_sql *kind = is_about_rows(message)      ? &rows
                                           : is_about_indexes(message) ? &indexes
                                                                       : &pages;
            indexes_wrong |= kind == &indexes;
            pages_wrong |= kind == &pages;
            tell(check, kind, "database", message);
        }
        if (rc != SQLITE_DONE)
            return err_sqlite(err, db->conn, "database");
    }
    if (pages_wrong) {
        err_set(err, ERR_DATA_LOSS, "the database is damaged");
        err_hint(err, "keep a copy of the directory, and restore a backup or start with an empty "
                      "one");
        return false;
    }
    if (check->mend && indexes_wrong)
        mend(db, &indexes);
    return true;
}

static bool err_schema(struct err *err, const char *type, const char *name, const char *what)
{
    err_set(err, ERR_DATA_LOSS, "the database is not as this program makes it: %.16s %.64s %s",
            type, name, what);
    err_hint(err, "undo what was done to it, or restore a backup");
    return false;
}

/* An index that is missing can be made again; a table cannot. */
static bool check_object(struct db *db, const struct check *check, sqlite3_stmt *expected,
                         struct err *err)
{
    const char *type = text_at(expected, 0), *name = text_at(expected, 1);
    AUTO(end_statement) sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(db->conn, "SELECT sql FROM sqlite_schema WHERE type = ?1 AND name = ?2",
                           -1, &stmt, NULL) != SQLITE_OK ||
        sqlite3_bind_text(stmt, 1, type, -1, SQLITE_STATIC) != SQLITE_OK ||
        sqlite3_bind_text(stmt, 2, name, -1, SQLITE_STATIC) != SQLITE_OK)
        return err_sqlite(err, db->conn, "database");
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        return strcmp(text_at(stmt, 0), text_at(expected, 2)) == 0 ||
               err_schema(err, type, name, "has been changed");
    if (rc != SQLITE_DONE)
        return err_sqlite(err, db->conn, "database");
    if (strcmp(type, "index") != 0)
        return err_schema(err, type, name, "is missing");
    const struct check_sql missing = {
        .what = "index", .mends = "makes it", .mend_sql = text_at(expected, 2)};
    tell(check, &missing, name, "it is missing");
    if (check->mend) {
        sqlite3_reset(stmt);
        mend(db, &missing);
    }
    return true;
}

/* Triggers and views of somebody else would run when rows are read or mended. */
static bool check_strangers(struct db *db, sqlite3 *model, struct err *err)
{
    AUTO(end_statement) sqlite3_stmt *stmt = NULL, *known = NULL;
    if (sqlite3_prepare_v2(db->conn, "SELECT type, name FROM sqlite_schema WHERE sql NOT NULL", -1,
                           &stmt, NULL) != SQLITE_OK)
        return err_sqlite(err, db->conn, "database");
    if (sqlite3_prepare_v2(model, "SELECT 1 FROM sqlite_schema WHERE type = ?1 AND name = ?2", -1,
                           &known, NULL) != SQLITE_OK)
        return err_sqlite(err, model, "database");
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        sqlite3_reset(known);
        sqlite3_bind_value(known, 1, sqlite3_column_value(stmt, 0));
        sqlite3_bind_value(known, 2, sqlite3_column_value(stmt, 1));
        if (sqlite3_step(known) != SQLITE_ROW)
            return err_schema(err, text_at(stmt, 0), text_at(stmt, 1), "is somebody else's");
    }
    return rc == SQLITE_DONE || err_sqlite(err, db->conn, "database");
}

static void close_model(sqlite3 **model)
{
    sqlite3_close(*model);
    *model = NULL;
}

/* Against what the scripts make of an empty database. */
static bool check_schema(struct db *db, const struct check *check, struct err *err)
{
    AUTO(close_model) sqlite3 *model = NULL;
    if (sqlite3_open(":memory:", &model) != SQLITE_OK)
        return err_sqlite(err, model, "model of the database");
    if (!migrate_to(model, embedded_migrations, migrate_newest(embedded_migrations), NULL, err))
        return false;
    AUTO(end_statement) sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(model, "SELECT type, name, sql FROM sqlite_schema WHERE sql NOT NULL",
                           -1, &stmt, NULL) != SQLITE_OK)
        return err_sqlite(err, model, "model of the database");
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
        if (!check_object(db, check, stmt, err))
            return false;
    if (rc != SQLITE_DONE)
        return err_sqlite(err, model, "model of the database");
    return check_strangers(db, model, err);
}

/* --- all of it --- */

static bool check_all(struct db *db, const struct check *check, bool names, struct err *err)
{
    for (const struct check_sql *sql = check_sqls; sql->what; sql++) {
        if ((sql->when == CHECK_NAMES) != names || (sql->when == CHECK_ENDED && check->in_use))
            continue;
        if (!check_one(db, check, sql, err))
            return false;
    }
    return true;
}

bool db_check_rows(struct db *db, const struct check *check, struct err *err)
{
    return check_schema(db, check, err) && check_pages(db, check, err) &&
           check_all(db, check, false, err);
}

bool db_check_names(struct db *db, const struct check *check, struct err *err)
{
    return check_all(db, check, true, err);
}

bool db_wrong_verdicts(struct db *db, const struct uuid *after, struct uuid *ret, int max,
                       int *ret_count, struct err *err)
{
    AUTO(end_statement) sqlite3_stmt *stmt = NULL;
    *ret_count = 0;
    if (sqlite3_prepare_v2(db->conn, check_wrong_verdicts, -1, &stmt, NULL) != SQLITE_OK)
        return err_sqlite(err, db->conn, "database");
    sqlite3_bind_blob(stmt, 1, after->bytes, sizeof after->bytes, SQLITE_STATIC);
    sqlite3_bind_int(stmt, 2, max);
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        const void *id = sqlite3_column_blob(stmt, 0);
        if (!id || sqlite3_column_bytes(stmt, 0) != (int)sizeof ret->bytes)
            continue;
        memcpy(ret[*ret_count].bytes, id, sizeof ret->bytes);
        ++*ret_count;
    }
    return rc == SQLITE_DONE || err_sqlite(err, db->conn, "database");
}

bool db_count_all(struct db *db, struct fsck_result *ret, struct err *err)
{
    AUTO(end_statement) sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(db->conn,
                           "SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM outbox),"
                           " (SELECT count(*) FROM snapshot WHERE bytes > 0),"
                           " (SELECT count(*) FROM upload), (SELECT count(*) FROM camera_event)",
                           -1, &stmt, NULL) != SQLITE_OK ||
        sqlite3_step(stmt) != SQLITE_ROW)
        return err_sqlite(err, db->conn, "database");
    int64_t *const counts[] = {&ret->events, &ret->changes, &ret->pictures, &ret->uploads,
                               &ret->camera_events};
    for (int i = 0; i < (int)ARRAY_LEN(counts); i++)
        *counts[i] = sqlite3_column_int64(stmt, i);
    return true;
}

/* --- what the files are compared with --- */

bool db_pictured_events(struct db *db, const struct uuid *after, struct uuid *ret, int max,
                        int *ret_count, struct err *err)
{
    AUTO(query_end) struct query q = query_start(db, SQL_PICTURED_EVENTS);
    query_bind_key(&q, after);
    query_bind_int(&q, max);
    *ret_count = 0;
    bool row;
    while (*ret_count < max) {
        if (!query_step(&q, &row, err))
            return false;
        if (!row)
            break;
        if (!query_id(&q, 0, &ret[*ret_count], err))
            return false;
        ++*ret_count;
    }
    return true;
}

bool db_event_closed(struct db *db, const struct uuid *event, bool *ret, struct err *err)
{
    AUTO(query_end) struct query q = query_start(db, SQL_EVENT_CLOSED);
    query_bind_key(&q, event);
    bool row;
    if (!query_step(&q, &row, err))
        return false;
    *ret = row && query_int(&q, 0) != 0;
    return true;
}

bool db_drop_snapshot(struct db *db, const struct uuid *event, const struct uuid *track,
                      struct err *err)
{
    struct query q = query_start(db, SQL_DROP_SNAPSHOT);
    query_bind_key(&q, event);
    query_bind_key(&q, track);
    return query_run(&q, err);
}
