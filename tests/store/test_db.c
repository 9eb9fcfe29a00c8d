/* db: which files are opened, and which are refused with a reason. */
#include "fixture.h"

#include "store/db.h"
#include "store/migrate.h"

static void db_path(const struct fixture *f, char out[256])
{
    snprintf(out, 256, "%s/hsi.db", f->dir);
}

/* Overwrites part of the database file. */
static void damage(const struct fixture *f, int64_t offset, int64_t bytes)
{
    char path[256], junk[4096];
    db_path(f, path);
    memset(junk, 0xa5, sizeof junk);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    for (int64_t done = 0; done < bytes;) {
        ssize_t n = pwrite(fd, junk, (size_t)MIN(bytes - done, (int64_t)sizeof junk),
                           offset + done);
        CHECK(n > 0);
        done += n;
    }
    close(fd);
}

static void refused(struct fixture *f, enum err_code code, const char *part)
{
    const struct store_params params = {.conf = &f->conf, .clock = &f->clock.clock};
    struct err err = {0};
    if (store_open(&params, &f->store, &err))
        fail_msg("opened, expected: %s", part);
    CHECK_CONTAINS(err.msg, part);
    CHECK_CONTAINS(err.msg, "hsi.db");
    CHECK_INT(err.code, code);
    CHECK(err.hint[0]);
}

static struct fixture *filled(int events)
{
    struct fixture *f = fixture_new();
    fixture_open(f);
    for (int i = 0; i < events; i++)
        put_closed(f, "porch");
    fixture_close(f);
    return f;
}

static void damaged_files_are_refused(void **state)
{
    (void)state;
    static const struct {
        int64_t offset, bytes;
    } cases[] = {
        {0, 100},          /* the header: no database at all any more */
        {100, 3000},       /* the schema */
        {4096 * 6, 40960}, /* pages in the middle */
        {-4096, 4096},     /* one page at the end, which opening alone does not look at */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(fixture_free) struct fixture *f = filled(40);
        struct stat st;
        char path[256];
        db_path(f, path);
        CHECK_INT(stat(path, &st), 0);
        damage(f, cases[i].offset < 0 ? st.st_size + cases[i].offset : cases[i].offset,
               cases[i].bytes);
        refused(f, ERR_DATA_LOSS, "database");
    }
}

static void a_cut_file_is_refused(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = filled(40);
    char path[256];
    db_path(f, path);
    CHECK_INT(truncate(path, 4096 * 5), 0);
    refused(f, ERR_DATA_LOSS, "database");
}

static void a_newer_database_is_refused(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = filled(1);
    int newest = migrate_newest(embedded_migrations);
    char sql[64], expected[64];
    snprintf(sql, sizeof sql, "PRAGMA user_version = %d", newest + 1);
    snprintf(expected, sizeof expected, "version %d, this program knows up to %d", newest + 1,
             newest);
    ask(f, sql);
    refused(f, ERR_DATA_LOSS, expected);
    CHECK_INT(ask(f, "SELECT count(*) FROM event"), 1);
}

static void another_programs_database_is_left_alone(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = filled(0);
    char path[256];
    db_path(f, path);
    CHECK_INT(unlink(path), 0);
    sqlite3 *db;
    CHECK_INT(sqlite3_open(path, &db), SQLITE_OK);
    CHECK_INT(sqlite3_exec(db, "CREATE TABLE notes (text)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    struct stat before, after;
    CHECK_INT(stat(path, &before), 0);
    refused(f, ERR_DATA_LOSS, "another program");
    CHECK_INT(stat(path, &after), 0);
    CHECK_INT(after.st_size, before.st_size);
    CHECK_INT(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
}

/* What makes the promises of the header true, read back from the file and the connection. */
static void the_file_is_set_up_to_keep_promises(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = filled(3);
    CHECK_INT(ask(f, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
    CHECK_INT(ask(f, "PRAGMA auto_vacuum"), 2);
    CHECK_INT(ask(f, "PRAGMA application_id"), STORE_APPLICATION_ID);
    CHECK_INT(ask(f, "SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND"
                     " type = 'table' AND name NOT LIKE 'sqlite%' AND NOT strict"),
              0);
    CHECK_INT(ask(f, "SELECT count(*) FROM pragma_table_list WHERE wr"), 15);
    CHECK_INT(ask(f, "SELECT max(length(id)) FROM event"), 16);
    char path[256];
    snprintf(path, sizeof path, "%s/hsi.db-wal", f->dir);
    CHECK(access(path, F_OK) != 0); /* a clean end leaves no log behind */
}

static int64_t used_bytes(struct db *db)
{
    int64_t used;
    CHECK(db_used_bytes(db, &used, NULL));
    return used;
}

static void pictures_are_counted_once(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    AUTO(event_unref) struct event *e = sample_event(f, "porch");
    struct snapshot_rows none = {0};
    struct snapshot_rows one = {.count = 1, .items[0] = {e->tracks[0].id, 1, 1000000}};
    AUTO(db_close) struct db *db = NULL;
    int64_t seq;
    CHECK(db_open_writer(f->dir, &db, NULL));
    CHECK(db_begin(db, NULL) && db_put_event(db, e, &none, "{}", &seq, NULL));
    CHECK(db_commit(db, NULL));
    int64_t before = used_bytes(db);
    CHECK(db_begin(db, NULL) && db_put_snapshots(db, &e->id, &one, NULL));
    CHECK_INT(used_bytes(db), before + 1000000); /* retention counts inside its transaction */
    db_rollback(db);
    CHECK_INT(used_bytes(db), before);
    CHECK(db_begin(db, NULL) && db_put_snapshots(db, &e->id, &one, NULL) && db_commit(db, NULL));
    CHECK_INT(used_bytes(db), before + 1000000);
}

/* Rows that some tool has spoilt do not keep the others from being read. */
static void an_event_without_its_json_is_left_out(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = filled(1);
    ask(f, "UPDATE event SET seq = 999");
    fixture_open(f);
    struct json out;
    json_init(&out);
    json_begin_object(&out, NULL);
    struct event_query query = {.limit = 10};
    struct uuid next;
    CHECK(store_list_events(f->reader, &query, &out, &next, NULL));
    json_end_object(&out);
    CHECK_STR(out.text, "{\"items\":[]}");
    json_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damaged_files_are_refused),
        cmocka_unit_test(a_cut_file_is_refused),
        cmocka_unit_test(a_newer_database_is_refused),
        cmocka_unit_test(another_programs_database_is_left_alone),
        cmocka_unit_test(the_file_is_set_up_to_keep_promises),
        cmocka_unit_test(pictures_are_counted_once),
        cmocka_unit_test(an_event_without_its_json_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
