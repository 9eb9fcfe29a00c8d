#include "store/query.h"

#include <string.h>

static enum err_code code_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_PROTOCOL:
        return ERR_UNAVAILABLE;
    case SQLITE_FULL:
    case SQLITE_NOMEM:
        return ERR_EXHAUSTED;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ERR_DATA_LOSS;
    case SQLITE_INTERRUPT:
        return ERR_CANCELLED;
    default:
        return ERR_INTERNAL;
    }
}

bool err_sqlite(struct err *err, sqlite3 *conn, const char *what)
{
    int rc = conn ? sqlite3_extended_errcode(conn) : SQLITE_NOMEM;
    enum err_code code = code_of(rc);
    err_set(err, code, "%s: %s (SQLite %d)", what, conn ? sqlite3_errmsg(conn) : "no memory", rc);
    if (code == ERR_DATA_LOSS)
        err_hint(err, "the database is damaged: stop, keep a copy of the directory, and restore a "
                      "backup or start with an empty one");
    else if (code == ERR_EXHAUSTED)
        err_hint(err, "make room on the disk; nothing is lost while the program keeps running");
    return false;
}

struct query query_start(struct db *db, enum sql which)
{
    struct query q = {.db = db};
    if (!db->stmts[which])
        q.rc = sqlite3_prepare_v3(db->conn, sql_text[which], -1, SQLITE_PREPARE_PERSISTENT,
                                  &db->stmts[which], NULL);
    q.stmt = db->stmts[which];
    return q;
}

/* A statement that is not reset keeps its read transaction, and with it the log of changes, alive.
 */
void query_end(struct query *q)
{
    if (!q->stmt)
        return;
    sqlite3_reset(q->stmt);
    sqlite3_clear_bindings(q->stmt);
    q->stmt = NULL;
}

static void keep_first_failure(struct query *q, int rc)
{
    if (q->rc == SQLITE_OK)
        q->rc = rc;
}

void query_bind_int(struct query *q, int64_t value)
{
    if (q->rc == SQLITE_OK)
        keep_first_failure(q, sqlite3_bind_int64(q->stmt, ++q->bound, value));
}

void query_bind_int_unless(struct query *q, int64_t value, int64_t null_value)
{
    if (value != null_value)
        query_bind_int(q, value);
    else
        q->bound++; /* what is not bound is null */
}

void query_bind_double(struct query *q, double value)
{
    if (q->rc == SQLITE_OK)
        keep_first_failure(q, sqlite3_bind_double(q->stmt, ++q->bound, value));
}

void query_bind_text(struct query *q, const char *text)
{
    if (q->rc == SQLITE_OK)
        keep_first_failure(q, sqlite3_bind_text(q->stmt, ++q->bound, text, -1, SQLITE_STATIC));
}

void query_bind_bytes(struct query *q, const void *data, size_t bytes)
{
    if (q->rc == SQLITE_OK)
        keep_first_failure(q,
                           sqlite3_bind_blob(q->stmt, ++q->bound, data, (int)bytes, SQLITE_STATIC));
}

void query_bind_blob(struct query *q, const struct blob *blob)
{
    if (blob)
        query_bind_bytes(q, blob->data, blob->bytes);
    else
        q->bound++;
}

void query_bind_key(struct query *q, const struct uuid *id)
{
    query_bind_bytes(q, id->bytes, sizeof id->bytes);
}

void query_bind_id(struct query *q, const struct uuid *id)
{
    if (uuid_is_zero(id))
        q->bound++;
    else
        query_bind_key(q, id);
}

bool query_step(struct query *q, bool *ret_row, struct err *err)
{
    if (q->rc == SQLITE_OK)
        q->rc = sqlite3_step(q->stmt);
    if (q->rc != SQLITE_ROW && q->rc != SQLITE_DONE)
        return err_sqlite(err, q->db->conn, "database");
    *ret_row = q->rc == SQLITE_ROW;
    q->rc = SQLITE_OK;
    return true;
}

bool query_run(struct query *q, struct err *err)
{
    bool row;
    bool ok = query_step(q, &row, err);
    query_end(q);
    return ok;
}

int64_t query_int(const struct query *q, int column)
{
    return sqlite3_column_int64(q->stmt, column);
}

int query_small(const struct query *q, int column)
{
    return (int)CLAMP(query_int(q, column), INT32_MIN, INT32_MAX);
}

bool query_is_null(const struct query *q, int column)
{
    return sqlite3_column_type(q->stmt, column) == SQLITE_NULL;
}

int64_t query_int_or(const struct query *q, int column, int64_t null_value)
{
    return query_is_null(q, column) ? null_value : query_int(q, column);
}

double query_double(const struct query *q, int column)
{
    return sqlite3_column_double(q->stmt, column);
}

const char *query_text(const struct query *q, int column)
{
    const unsigned char *text = sqlite3_column_text(q->stmt, column);
    return text ? (const char *)text : "";
}

bool query_id(const struct query *q, int column, struct uuid *ret, struct err *err)
{
    return query_bytes(q, column, ret->bytes, sizeof ret->bytes, err);
}

bool query_bytes(const struct query *q, int column, void *ret, size_t bytes, struct err *err)
{
    const void *data = sqlite3_column_blob(q->stmt, column);
    if (!data || sqlite3_column_bytes(q->stmt, column) != (int)bytes)
        return err_set(err, ERR_DATA_LOSS, "database: %s of %d bytes, expected %zu",
                       sqlite3_column_name(q->stmt, column), sqlite3_column_bytes(q->stmt, column),
                       bytes);
    memcpy(ret, data, bytes);
    return true;
}

bool query_blob(const struct query *q, int column, size_t max_bytes, struct blob **ret,
                struct err *err)
{
    *ret = NULL;
    if (query_is_null(q, column))
        return true;
    const void *data = sqlite3_column_blob(q->stmt, column);
    size_t bytes = (size_t)sqlite3_column_bytes(q->stmt, column);
    if (bytes > max_bytes)
        return err_set(err, ERR_DATA_LOSS, "database: %s of %zu bytes, at most %zu expected",
                       sqlite3_column_name(q->stmt, column), bytes, max_bytes);
    if (!data && bytes > 0)
        return err_set(err, ERR_EXHAUSTED, "no memory for %zu bytes", bytes);
    *ret = blob_new(data, bytes);
    return true;
}
