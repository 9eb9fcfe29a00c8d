/* migrate: both ways, all or nothing, with a copy first, and never on what is not ours. */
#include "fixture.h"

#include "store/migrate.h"

#define SCRIPT(name, text)                                                                         \
    {                                                                                              \
        name, (const unsigned char *)(text), sizeof(text) - 1                                      \
    }

static const struct embedded three[] = {
    SCRIPT("0001_a.down.sql", "DROP TABLE a;"),
    SCRIPT("0001_a.up.sql",
           "CREATE TABLE a (x INTEGER PRIMARY KEY) STRICT; INSERT INTO a VALUES (7);"),
    SCRIPT("0002_b.down.sql", "DROP TABLE b;"),
    SCRIPT("0002_b.up.sql", "CREATE TABLE b (x INTEGER REFERENCES a (x)) STRICT;"),
    SCRIPT("0003_c.down.sql", "ALTER TABLE a DROP COLUMN y;"),
    SCRIPT("0003_c.up.sql", "ALTER TABLE a ADD COLUMN y TEXT NOT NULL DEFAULT 'z';"),
    {0},
};

static int64_t number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
        return -1;
    int64_t value = sqlite3_step(stmt) == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : -1;
    sqlite3_finalize(stmt);
    return value;
}

/* Everything that makes up the schema, as one text. */
static void schema(sqlite3 *db, char *out, size_t bytes)
{
    sqlite3_stmt *stmt;
    CHECK_INT(sqlite3_prepare_v2(db,
                                 "SELECT coalesce(group_concat(sql, ';'), '') FROM"
                                 " (SELECT sql FROM sqlite_schema WHERE sql NOT NULL AND"
                                 "  name <> 'sqlite_sequence' ORDER BY type, name)",
                                 -1, &stmt, NULL),
              SQLITE_OK);
    CHECK_INT(sqlite3_step(stmt), SQLITE_ROW);
    CHECK(str_copy(out, bytes, (const char *)sqlite3_column_text(stmt, 0)));
    sqlite3_finalize(stmt);
}

static sqlite3 *open_memory(void)
{
    sqlite3 *db;
    CHECK_INT(sqlite3_open(":memory:", &db), SQLITE_OK);
    CHECK_INT(sqlite3_exec(db, "PRAGMA foreign_keys = ON", NULL, NULL, NULL), SQLITE_OK);
    return db;
}

static void go(sqlite3 *db, const struct embedded *scripts, int version)
{
    struct err err = {0};
    if (!migrate_to(db, scripts, version, NULL, &err))
        fail_msg("%s", err.msg);
    int now = -1;
    CHECK(migrate_version(db, scripts, &now, &err));
    CHECK_INT(now, version);
}

static void up_and_down_and_up(void **state)
{
    (void)state;
    CHECK_INT(migrate_newest(three), 3);
    sqlite3 *db = open_memory();
    go(db, three, 3);
    CHECK_INT(number(db, "SELECT x FROM a WHERE y = 'z'"), 7);
    CHECK_INT(number(db, "PRAGMA application_id"), STORE_APPLICATION_ID);
    go(db, three, 1);
    CHECK_INT(number(db, "SELECT x FROM a"), 7);
    CHECK_INT(number(db, "SELECT count(*) FROM b"), -1);
    go(db, three, 3);
    go(db, three, 0);
    CHECK_INT(number(db, "SELECT count(*) FROM sqlite_schema"), 0);
    sqlite3_close(db);
}

/* Whatever scripts the program carries: each way back leads exactly to where it came from. */
static void our_own_scripts_go_both_ways(void **state)
{
    (void)state;
    sqlite3 *db = open_memory();
    int newest = migrate_newest(embedded_migrations);
    CHECK(newest >= 1);
    int scripts = 0;
    for (const struct embedded *s = embedded_migrations; s->name; s++)
        scripts++;
    CHECK_INT(scripts, 2 * newest);
    for (int version = 0; version < newest; version++) {
        static char before[1 << 16], after[1 << 16];
        go(db, embedded_migrations, version);
        schema(db, before, sizeof before);
        go(db, embedded_migrations, version + 1);
        schema(db, after, sizeof after);
        CHECK(strcmp(before, after) != 0);
        go(db, embedded_migrations, version);
        schema(db, after, sizeof after);
        CHECK_STR(after, before);
    }
    sqlite3_close(db);
}

static void a_script_that_fails_changes_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"CREATE TABLE c (x INTEGER) STRICT; INSERT INTO nowhere VALUES (1);", "no such table"},
        {"CREATE TABLE c (x INTEGER) STRICT; oops", "syntax error"},
        {"PRAGMA defer_foreign_keys = ON; CREATE TABLE c (x INTEGER) STRICT;"
         "INSERT INTO b VALUES (99);",
         "leaves 1 broken reference"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        sqlite3 *db = open_memory();
        go(db, three, 2);
        const struct embedded broken[] = {
            three[0],
            three[1],
            three[2],
            three[3],
            {"0003_c.up.sql", (const unsigned char *)cases[i].text, strlen(cases[i].text)},
            {0}};
        struct err err = {0};
        CHECK(!migrate_to(db, broken, 3, NULL, &err));
        CHECK_CONTAINS(err.msg, "0003_c.up.sql");
        CHECK_CONTAINS(err.msg, cases[i].expected);
        CHECK_INT(number(db, "PRAGMA user_version"), 2);
        CHECK_INT(number(db, "SELECT count(*) FROM c"), -1);
        CHECK_INT(number(db, "SELECT count(*) FROM b"), 0);
        sqlite3_close(db);
    }
}

static void a_copy_is_made_before_an_upgrade(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    char path[256], backup[300];
    snprintf(path, sizeof path, "%s/some.db", f->dir);
    snprintf(backup, sizeof backup, "%s.before", path);
    sqlite3 *db;
    CHECK_INT(sqlite3_open(path, &db), SQLITE_OK);
    struct err err = {0};
    CHECK(migrate_to(db, three, 1, backup, &err));
    CHECK(access(backup, F_OK) != 0); /* there was nothing to copy */
    CHECK(migrate_to(db, three, 3, backup, &err));
    CHECK_INT(sqlite3_exec(db, "UPDATE a SET x = 8", NULL, NULL, NULL), SQLITE_OK);
    CHECK(migrate_to(db, three, 2, backup, &err)); /* replaces the older copy */
    sqlite3_close(db);

    CHECK_INT(sqlite3_open(backup, &db), SQLITE_OK);
    CHECK_INT(number(db, "PRAGMA user_version"), 3);
    CHECK_INT(number(db, "PRAGMA application_id"), STORE_APPLICATION_ID);
    CHECK_INT(number(db, "SELECT x FROM a WHERE y = 'z'"), 8);
    sqlite3_close(db);

    /* Where no copy can be made, nothing is changed. */
    CHECK_INT(sqlite3_open(path, &db), SQLITE_OK);
    CHECK(!migrate_to(db, three, 3, "/proc/nowhere/copy", &err));
    CHECK_CONTAINS(err.msg, "backup before upgrade");
    CHECK_INT(number(db, "PRAGMA user_version"), 2);
    sqlite3_close(db);
}

static void what_is_not_ours_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *expected;
    } cases[] = {
        {"PRAGMA application_id = 1213417777; PRAGMA user_version = 4; CREATE TABLE x (y)",
         "database has version 4, this program knows up to 3"},
        {"PRAGMA application_id = 1213417777; PRAGMA user_version = -1; CREATE TABLE x (y)",
         "version -1"},
        {"PRAGMA application_id = 7", "another program"},
        {"CREATE TABLE notes (text)", "another program"},
        {"PRAGMA user_version = 1", "another program"},
    };
    CHECK_INT(STORE_APPLICATION_ID, 1213417777);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        sqlite3 *db = open_memory();
        CHECK_INT(sqlite3_exec(db, cases[i].sql, NULL, NULL, NULL), SQLITE_OK);
        struct err err = {0};
        CHECK(!migrate_to(db, three, 3, NULL, &err));
        CHECK_INT(err.code, ERR_DATA_LOSS);
        CHECK_CONTAINS(err.msg, cases[i].expected);
        CHECK(err.hint[0]);
        CHECK_INT(number(db, "SELECT count(*) FROM a"), -1);
        sqlite3_close(db);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(up_and_down_and_up),
        cmocka_unit_test(our_own_scripts_go_both_ways),
        cmocka_unit_test(a_script_that_fails_changes_nothing),
        cmocka_unit_test(a_copy_is_made_before_an_upgrade),
        cmocka_unit_test(what_is_not_ours_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
