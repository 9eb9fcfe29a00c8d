/* The database's life: lock, open, check, migrate, transactions, close. */
#include "store/db.h"

#include "store/migrate.h"
#include "store/query.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DB_FILE   "hsi.db"
#define LOCK_FILE "lock"

/* Nobody else writes; whoever holds the database this long is a person with a tool. */
#define BUSY_TIMEOUT_MS 250

/* 4 MiB of log between copies back into the database. */
#define CHECKPOINT_PAGES 1000

/* A database this small is read through at every start, in some 30 ms; a larger one only after an
 * unclean end. */
#define ALWAYS_CHECK_BYTES (INT64_C(16) << 20)

/* What the lock file says; 1 if it does not. */
static long read_holder(int fd)
{
    char holder[32] = "";
    ssize_t n = pread(fd, holder, sizeof holder - 1, 0);
    long pid = n > 0 ? strtol(holder, NULL, 10) : 0;
    return pid > 0 ? pid : 1;
}

long db_lock_holder(const char *dir)
{
    char path[STORE_PATH_BYTES];
    snprintf(path, sizeof path, "%s/" LOCK_FILE, dir);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return 0;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    bool held = fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    long holder = held ? read_holder(fd) : 0;
    close(fd);
    return holder;
}

static bool take_lock(const char *dir, int *ret_fd, struct err *err)
{
    char path[STORE_PATH_BYTES];
    snprintf(path, sizeof path, "%s/" LOCK_FILE, dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_set(err, ERR_UNAVAILABLE, "cannot open %s: %m", path);
    /* Of a kind that can be asked for without being taken: fsck must not keep a hsi from starting.
     */
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &lock) != 0) {
        long pid = read_holder(fd);
        close(fd);
        err_set(err, ERR_UNAVAILABLE, "another hsi (process %ld) uses the store %s", pid, dir);
        err_hint(err, "stop it, or give this one a store path of its own");
        return false;
    }
    char pid[32];
    int length = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)length, 0) != length) {
        close(fd);
        return err_set(err, ERR_EXHAUSTED, "cannot write %s: %m", path);
    }
    *ret_fd = fd;
    return true;
}

static bool run(struct db *db, const char *sql, struct err *err)
{
    return sqlite3_exec(db->conn, sql, NULL, NULL, NULL) == SQLITE_OK ||
           err_sqlite(err, db->conn, "database");
}

static int remember_wal_pages(void *ctx, sqlite3 *conn, const char *name, int pages)
{
    (void)conn;
    (void)name;
    ((struct db *)ctx)->wal_pages = pages;
    return SQLITE_OK;
}

/* auto_vacuum only takes effect before the first table. synchronous=FULL: in WAL mode anything less
 * may forget the last commits when power fails, and what was published has happened.
 * trusted_schema: the file may come from anywhere. The hook replaces automatic checkpoints, which
 * would run inside a commit and keep its news from being published. */
static bool set_up_writer(struct db *db, struct err *err)
{
    if (!run(db,
             "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA trusted_schema = OFF;"
             "PRAGMA cell_size_check = ON; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;"
             "PRAGMA cache_size = -8000; PRAGMA journal_size_limit = 8388608;",
             err))
        return false;
    sqlite3_stmt *stmt = NULL;
    bool wal = sqlite3_prepare_v2(db->conn, "PRAGMA journal_mode = WAL", -1, &stmt, NULL) ==
                   SQLITE_OK &&
               sqlite3_step(stmt) == SQLITE_ROW &&
               strcmp((const char *)sqlite3_column_text(stmt, 0), "wal") == 0;
    if (!wal && sqlite3_errcode(db->conn) == SQLITE_ROW)
        err_set(err, ERR_UNAVAILABLE, "the file system of the store cannot share memory");
    else if (!wal)
        err_sqlite(err, db->conn, "database");
    sqlite3_finalize(stmt);
    if (!wal || !run(db, "PRAGMA synchronous = FULL", err))
        return false;
    sqlite3_wal_hook(db->conn, remember_wal_pages, db);
    return true;
}

static bool check_pages(struct db *db, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    bool ok = sqlite3_prepare_v2(db->conn, "PRAGMA quick_check(1)", -1, &stmt, NULL) == SQLITE_OK &&
              sqlite3_step(stmt) == SQLITE_ROW;
    if (!ok) {
        err_sqlite(err, db->conn, "database");
    } else if (strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") != 0) {
        ok = err_set(err, ERR_DATA_LOSS, "database is damaged: %s", sqlite3_column_text(stmt, 0));
        err_hint(err, "keep a copy of the directory, then try hsi fsck --repair; if that does not "
                      "help, restore a backup or start with an empty one");
    }
    sqlite3_finalize(stmt);
    return ok;
}

static bool upgrade(struct db *db, const char *path, struct err *err)
{
    int version;
    if (!migrate_version(db->conn, embedded_migrations, &version, err))
        return false;
    char backup[STORE_PATH_BYTES + 32];
    snprintf(backup, sizeof backup, "%s.before-%04d", path, version + 1);
    return migrate_to(db->conn, embedded_migrations, migrate_newest(embedded_migrations), backup,
                      err);
}

static bool read_counters(struct db *db, struct err *err)
{
    bool row;
    AUTO(query_end) struct query seq = query_start(db, SQL_NEWEST_SEQ);
    if (!query_step(&seq, &row, err))
        return false;
    db->newest_seq = row ? query_int(&seq, 0) : 0;
    AUTO(query_end) struct query bytes = query_start(db, SQL_PICTURE_BYTES);
    if (!query_step(&bytes, &row, err))
        return false;
    db->picture_bytes = row ? query_int(&bytes, 0) : 0;
    return true;
}

static int64_t file_bytes(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (int64_t)st.st_size : 0;
}

/* A writer that ended well has copied its log back and removed it. */
static bool ended_uncleanly(const char *path)
{
    char wal[STORE_PATH_BYTES + 8];
    snprintf(wal, sizeof wal, "%s-wal", path);
    return file_bytes(wal) > 0;
}

static bool open_writer(const char *dir, bool may_check, struct db **ret, struct err *err)
{
    char path[STORE_PATH_BYTES];
    snprintf(path, sizeof path, "%s/" DB_FILE, dir);
    AUTO(db_close) struct db *db = NEW(struct db);
    db->lock_fd = -1;
    if (!take_lock(dir, &db->lock_fd, err))
        return false;
    bool check = may_check && (file_bytes(path) <= ALWAYS_CHECK_BYTES || ended_uncleanly(path));
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                SQLITE_OPEN_EXRESCODE;
    if (sqlite3_open_v2(path, &db->conn, flags, NULL) != SQLITE_OK)
        return err_sqlite(err, db->conn, path);
    sqlite3_busy_timeout(db->conn, BUSY_TIMEOUT_MS);
    /* Whose it is comes first: nothing is written to another program's database. */
    int version;
    bool ok = migrate_version(db->conn, embedded_migrations, &version, err) &&
              set_up_writer(db, err) && (!check || check_pages(db, err)) &&
              upgrade(db, path, err) && read_counters(db, err);
    if (!ok)
        return err_wrap(err, "%s", path);
    *ret = TAKE(db);
    return true;
}

bool db_open_writer(const char *dir, struct db **ret, struct err *err)
{
    return open_writer(dir, true, ret, err);
}

bool db_open_mender(const char *dir, struct db **ret, struct err *err)
{
    return open_writer(dir, false, ret, err);
}

/* name: the path, or an address for SQLite that has options behind it. */
static bool open_reader(const char *path, const char *name, int more_flags, struct db **ret,
                        struct err *err)
{
    AUTO(db_close) struct db *db = NEW(struct db);
    db->lock_fd = -1;
    int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | more_flags;
    if (sqlite3_open_v2(name, &db->conn, flags, NULL) != SQLITE_OK)
        return err_sqlite(err, db->conn, path);
    sqlite3_busy_timeout(db->conn, BUSY_TIMEOUT_MS);
    if (!run(db, "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;", err))
        return err_wrap(err, "%s", path);
    *ret = TAKE(db);
    return true;
}

bool db_open_reader(const char *dir, struct db **ret, struct err *err)
{
    char path[STORE_PATH_BYTES];
    snprintf(path, sizeof path, "%s/" DB_FILE, dir);
    return open_reader(path, path, 0, ret, err);
}

bool db_open_looker(const char *dir, struct db **ret, struct err *err)
{
    char path[STORE_PATH_BYTES], name[3 * STORE_PATH_BYTES + 32] = "file:";
    snprintf(path, sizeof path, "%s/" DB_FILE, dir);
    if (ended_uncleanly(path) || db_lock_holder(dir) != 0)
        return open_reader(path, path, 0, ret, err);
    size_t n = strlen(name);
    for (const char *p = path; *p; p++)
        n += (size_t)snprintf(name + n, sizeof name - n, strchr("%?#", *p) ? "%%%02X" : "%c",
                              (unsigned char)*p);
    snprintf(name + n, sizeof name - n, "?immutable=1");
    return open_reader(path, name, SQLITE_OPEN_URI, ret, err);
}

void db_close(struct db **db)
{
    struct db *d = *db;
    if (!d)
        return;
    for (int i = 0; i < SQL_COUNT; i++)
        sqlite3_finalize(d->stmts[i]);
    sqlite3_close(d->conn);
    if (d->lock_fd >= 0)
        close(d->lock_fd);
    free(d);
    *db = NULL;
}

void db_leave_as_is(struct db *db)
{
    sqlite3_db_config(db->conn, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

bool db_begin(struct db *db, struct err *err)
{
    db->pending_seq = 0;
    db->pending_picture_bytes = 0;
    struct query q = query_start(db, SQL_BEGIN);
    return query_run(&q, err);
}

bool db_commit(struct db *db, struct err *err)
{
    struct query q = query_start(db, SQL_COMMIT);
    if (!query_run(&q, err))
        return false;
    db->newest_seq = MAX(db->newest_seq, db->pending_seq);
    db->picture_bytes += db->pending_picture_bytes;
    db->pending_picture_bytes = 0;
    return true;
}

void db_rollback(struct db *db)
{
    db->pending_picture_bytes = 0;
    if (sqlite3_get_autocommit(db->conn))
        return; /* SQLite did it itself: disk full, read error */
    struct query q = query_start(db, SQL_ROLLBACK);
    (void)!query_run(&q, NULL);
}

void db_checkpoint(struct db *db)
{
    if (db->wal_pages < CHECKPOINT_PAGES)
        return;
    /* Passive: a reader in its way only means that it goes on next time. Failing is no loss either.
     */
    sqlite3_wal_checkpoint_v2(db->conn, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    db->wal_pages = 0;
}

int64_t db_newest_seq(const struct db *db)
{
    return db->newest_seq;
}
