/* One run of one statement: start, bind in order, step, read columns, end. Failures on the way are
 * kept and told by the step, so that binding needs no checks of its own. Only for the db*.c files.
 */
#pragma once

#include "base/blob.h"
#include "base/uuid7.h"
#include "store/sql.h"

#include <sqlite3.h>

struct db {
    sqlite3 *conn;
    sqlite3_stmt *stmts[SQL_COUNT]; /* prepared at first use */
    int lock_fd;                    /* -1: a reader's */
    int wal_pages;                  /* in the log of changes after the last commit */
    int64_t newest_seq;             /* committed */
    int64_t picture_bytes;          /* committed */
    int64_t pending_seq;            /* of the transaction under way; 0: none */
    int64_t pending_picture_bytes;  /* change of the transaction under way */
};

struct query {
    struct db *db;
    sqlite3_stmt *stmt;
    int bound;
    int rc;
};

struct query query_start(struct db *db, enum sql which);
void query_end(struct query *query); /* also as a guard: AUTO(query_end) */

void query_bind_int(struct query *query, int64_t value);
void query_bind_int_unless(struct query *query, int64_t value, int64_t null_value);
void query_bind_double(struct query *query, double value);
void query_bind_text(struct query *query,
                     const char *text); /* borrowed until the end; NULL: null */
void query_bind_bytes(struct query *query, const void *data, size_t bytes); /* borrowed */
void query_bind_blob(struct query *query, const struct blob *blob); /* borrowed; NULL: null */
void query_bind_id(struct query *query, const struct uuid *id);     /* borrowed; zero: null */
void query_bind_key(struct query *query, const struct uuid *id); /* borrowed; zero is a key too */

/* *ret_row: there is a row to read; false at the end. */
NODISCARD bool query_step(struct query *query, bool *ret_row, struct err *err);
/* For statements without rows: step and end. */
NODISCARD bool query_run(struct query *query, struct err *err);

int64_t query_int(const struct query *query, int column);
int query_small(const struct query *query, int column); /* at most what fits */
bool query_is_null(const struct query *query, int column);
int64_t query_int_or(const struct query *query, int column, int64_t null_value);
double query_double(const struct query *query, int column);
const char *query_text(const struct query *query, int column); /* until the next step; never NULL */
/* False for a column that is no id: the database is not what we wrote. */
NODISCARD bool query_id(const struct query *query, int column, struct uuid *ret, struct err *err);

/* The same for any bytes of a length that is known. */
NODISCARD bool query_bytes(const struct query *query, int column, void *ret, size_t bytes,
                           struct err *err);
/* And of a length up to a limit; *ret NULL for null, else with one reference. */
NODISCARD bool query_blob(const struct query *query, int column, size_t max_bytes,
                          struct blob **ret, struct err *err);

/* SQLite's word for what went wrong, as ours. */
bool err_sqlite(struct err *err, sqlite3 *conn, const char *what);
