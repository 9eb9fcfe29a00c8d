/* fsck: each damage is found, named, and mended where that needs no guessing; what is well is left
 * alone; and whatever the file holds, it is only looked at. */
#include "asked.h"

/* --- a store that holds some of everything --- */

static struct event *put_pictured(struct fixture *f, const struct uuid *continues)
{
    struct event *first = sample_event(f, "porch");
    first->continues = *continues;
    first->tracks[0].picture = picture_new(64, 64);
    struct event *update = sample_update(first, false);
    struct event *last = sample_update(update, true);
    store_put_event(f->store, first);
    store_put_event(f->store, update);
    struct event *kept = event_ref(last);
    store_put_event(f->store, last);
    return kept;
}

static void put_others(struct fixture *f)
{
    AUTO(upload_unref) struct upload *u = upload_new();
    STR_COPY(u->camera, "porch");
    STR_COPY(u->name, "a.mp4");
    store_put_upload(f->store, u);
    struct parked parked = {.box = BOX_WHOLE, .label = "car", .id = uuid7_new(&f->ids)};
    store_put_parked(f->store, "porch", &parked, 1);
    struct camera_event e = {.id = uuid7_new(&f->ids), .camera = "porch"};
    store_put_camera_event(f->store, &e);
}

/* Three closed events with pictures, changes 1 to 9; the second goes on from the first. */
static struct fixture *healthy(void)
{
    struct fixture *f = fixture_new();
    fixture_open(f);
    static const struct uuid none;
    AUTO(event_unref) struct event *first = put_pictured(f, &none);
    struct event *second = put_pictured(f, &first->id);
    event_unref(&second);
    struct event *third = put_pictured(f, &none);
    event_unref(&third);
    put_others(f);
    store_flush(f->store);
    fixture_close(f);
    return f;
}

/* Statements past everything that is tested, with placeholders for the ids of the events. */
static void tamper(const struct fixture *f, const char *sql)
{
    char path[256];
    snprintf(path, sizeof path, "%s/hsi.db", f->dir);
    sqlite3 *db;
    CHECK_INT(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    CHECK_INT(sqlite3_exec(db,
                           "PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF;"
                           "CREATE TEMP TABLE e AS SELECT row_number() OVER (ORDER BY id) AS n, id"
                           " FROM event",
                           NULL, NULL, NULL),
              SQLITE_OK);
    char *message = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
    sqlite3_close(db);
}

/* --- what was told --- */

struct told {
    char kinds[2000]; /* "open event; picture; " each kind once */
    char lines[20000];
    int by_start, notes;
};

static void remember(void *ctx, const struct fsck_finding *finding)
{
    struct told *told = ctx;
    char kind[100];
    snprintf(kind, sizeof kind, "%s; ", finding->what);
    if (!strstr(told->kinds, kind))
        strncat(told->kinds, kind, sizeof told->kinds - strlen(told->kinds) - 1);
    size_t at = strlen(told->lines);
    snprintf(told->lines + at, sizeof told->lines - at, "%s: %s: %s (%s)\n", finding->what,
             finding->where, finding->text, finding->mends ? finding->mends : "-");
    told->by_start += finding->by_start;
    told->notes += finding->is_note;
}

static struct fsck_result run(const struct fixture *f, bool repair, struct told *told)
{
    *told = (struct told){0};
    struct fsck_result result;
    struct err err = {0};
    const struct fsck_params params = {
        .dir = f->dir, .repair = repair, .found = remember, .ctx = told};
    if (!store_fsck(&params, &result, &err))
        fail_msg("%s", err.msg);
    return result;
}

static void what_is_well_is_left_alone(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = healthy();
    struct told told;
    for (int repair = 0; repair < 2; repair++) {
        struct fsck_result r = run(f, repair, &told);
        CHECK_STR(told.lines, "");
        CHECK_INT(r.found, 0);
        CHECK_INT(r.left, 0);
        CHECK_INT(r.events, 3);
        CHECK_INT(r.changes, 9);
        CHECK_INT(r.pictures, 3);
        CHECK_INT(r.uploads, 1);
        CHECK_INT(r.camera_events, 1);
        CHECK_INT(r.in_use, 0);
        CHECK_STR(r.dir, f->dir);
        char path[256];
        static const char *const made[] = {"hsi.db-wal", "hsi.db-shm"};
        for (size_t i = 0; i < ARRAY_LEN(made) && !repair; i++) {
            snprintf(path, sizeof path, "%s/%s", f->dir, made[i]);
            CHECK(access(path, F_OK) != 0); /* looking leaves nothing behind */
        }
    }
    CHECK_INT(disk_usage(f).files, 6);
}

/* --- damages --- */

#define EVENT1 "(SELECT id FROM e WHERE n = 1)"
#define EVENT3 "(SELECT id FROM e WHERE n = 3)"

struct damage {
    const char *sql;
    const char *kinds; /* all that are told, in order */
    const char *says;  /* one of the lines contains it */
    bool stays;        /* cannot be mended */
};

/* Found without changing anything, mended, and then nothing is wrong. */
static void check_damage(const struct fixture *f, const struct damage *d)
{
    int64_t events = ask(f, "SELECT count(*) FROM event NOT INDEXED");
    int64_t changes = ask(f, "SELECT total(length(json)) FROM outbox");
    struct told told;
    struct fsck_result r = run(f, false, &told);
    /* Some versions of SQLite also tell of rows that break the rules of their table. */
    size_t skip_bytes = strncmp(told.kinds, "row; ", 5) == 0 ? 5 : 0;
    if (strcmp(told.kinds + skip_bytes, d->kinds) != 0)
        fail_msg("%s: expected %s\n%s", d->sql, d->kinds, told.lines);
    CHECK_CONTAINS(told.lines, d->says);
    CHECK(r.found > 0);
    CHECK_INT(r.left, r.found);
    CHECK_INT(ask(f, "SELECT total(length(json)) FROM outbox"), changes);
    r = run(f, true, &told);
    CHECK(r.found > 0);
    struct told again;
    struct fsck_result second = run(f, false, &again);
    CHECK_INT(second.found, r.left);
    if (d->stays)
        CHECK(r.left > 0);
    else if (r.left > 0)
        fail_msg("%s: left\n%s", d->sql, again.lines);
    CHECK_INT(ask(f, "SELECT count(*) FROM event NOT INDEXED"), events);
    CHECK_INT(ask(f, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
}

static const struct damage damages[] = {
    {"DELETE FROM event WHERE id = " EVENT3, "rows without event; stray pictures; ",
     "rows belong to events", false},
    {"UPDATE sqlite_sequence SET seq = 4", "numbers; ", "number 9 is taken, but 5", false},
    {"DELETE FROM sqlite_sequence", "numbers; ", "but 1 would be next", false},
    {"UPDATE event SET seq = 1 WHERE id = " EVENT1, "newest change; row and JSON; named pictures; ",
     "number 3, but its row names number 1", false},
    {"UPDATE event SET seq = 9 WHERE id = " EVENT1, "newest change; ", "names number 9", false},
    {"UPDATE outbox SET json = 'nonsense' WHERE seq = 3", "newest change; ", "number 2", false},
    {"UPDATE outbox SET json = '[[1]]' WHERE seq = 3", "newest change; ", "number 2", false},
    {"DELETE FROM outbox WHERE event = " EVENT1, "event without changes; ", "can be read", true},
    {"UPDATE outbox SET json = '' WHERE event = " EVENT1, "event without changes; old change; ",
     "can be read", true},
    {"UPDATE outbox SET json = '{' WHERE seq = 1", "old change; ", "change 1", false},
    {"UPDATE outbox SET json = json_set(json, '$.id', 'x') WHERE seq = 2", "old change; ",
     "change 2", false},
    {"UPDATE outbox SET json = json_set(json, '$.revision', 7) WHERE seq = 1", "old change; ",
     "change 1", false},
    {"UPDATE outbox SET revision = -1, json = json_set(json, '$.revision', -1) WHERE seq = 2",
     "order; ", "revision -1 of event 019", false},
    {"UPDATE outbox SET revision = 8, json = json_set(json, '$.revision', 8) WHERE seq = 1",
     "order; order of the newest; ", "after revision 8", true},
    {"UPDATE event SET score = 3 WHERE id = " EVENT1, "row and JSON; ", "differ in score", false},
    {"UPDATE event SET score = NULL, level = 0", "row and JSON; ", "score level", false},
    {"UPDATE event SET camera = 'yard' WHERE id = " EVENT1, "row and JSON; ", "camera", false},
    {"UPDATE event SET closed = 0, close_reason = NULL WHERE id = " EVENT1,
     "row and JSON; open event; ", "state close_reason", false},
    {"UPDATE event SET revision = 77", "row and JSON; ", "revision", false},
    {"UPDATE event SET start_us = 0, end_us = end_us + 2000 WHERE id = " EVENT1, "row and JSON; ",
     "start end", false},
    {"UPDATE event SET continues = NULL", "row and JSON; ", "continues", false},
    {"UPDATE event SET continues = " EVENT3 " WHERE id = " EVENT1 ";"
     "UPDATE outbox SET json = json_set(json, '$.continues', (SELECT json_extract(json, '$.id')"
     " FROM outbox WHERE seq = 9)) WHERE seq = 3",
     "continues; ", "which is not older", true},
    {"DELETE FROM reason WHERE event = " EVENT1, "reasons; ", "its newest change", false},
    {"UPDATE reason SET points = 99", "reasons; ", "its newest change", false},
    {"INSERT INTO reason SELECT event, 7, rule, points, text, track, at_us FROM reason",
     "reasons; ", "its newest change", false},
    {"DELETE FROM track WHERE event = " EVENT1, "tracks; detections; picture rows; ",
     "rows of its tracks", false},
    {"UPDATE track SET label = 'dog'", "tracks; ", "rows of its tracks", false},
    {"UPDATE detection SET track = zeroblob(16) WHERE event = " EVENT1, "detections; ",
     "4 detections", false},
    {"INSERT INTO snapshot SELECT event, zeroblob(16), 0, 5 FROM snapshot WHERE event "
     "= " EVENT1,
     "picture rows; picture; ", "1 pictures", false},
    {"INSERT INTO upload VALUES ('yard', x'00', 1, 'b.mp4', 1, NULL, '')", "upload; ",
     "its hash has 1 bytes", false},
    {"UPDATE upload SET bytes = -1", "upload; ", "negative", true},
    {"WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 100005)"
     " INSERT INTO upload SELECT 'porch', randomblob(32), i, 'x', 1, NULL, '' FROM n",
     "uploads; ", "100005 are remembered, at most 100000 may be", false},
    {"UPDATE parked SET looks = x'00'", "parked object; ", "camera porch, position 0", false},
    {"UPDATE parked SET x0 = 2, label = 'a label that is far longer than any of ours'",
     "parked object; ", "camera porch, position 0", false},
    {"UPDATE parked SET position = 64", "parked object; ", "position 64", false},
    {"UPDATE camera_event SET kind = 'stolen'", "camera event; ", "camera porch", false},
    {"DROP INDEX event_by_camera", "index; ", "event_by_camera: it is missing", false},
    {"UPDATE outbox SET json = json_set(json, '$.snapshot', NULL) WHERE seq = 3",
     "named pictures; ", "does not name", false},
    {"UPDATE outbox SET json = json_set(json, '$.tracks[0].snapshot', NULL) WHERE seq = 3",
     "named pictures; ", "does not name", false},
    {"UPDATE outbox SET json = json_set(json, '$.tracks[0].snapshot', '/etc') WHERE seq = 3",
     "named pictures; ", "does not name", false},
    {"DELETE FROM snapshot WHERE event = " EVENT1, "named pictures; stray file; ", "no row", false},
    {"UPDATE snapshot SET bytes = 5", "picture; ", "their row says 5", false},
    /* JSON that no store wrote. */
    {"UPDATE outbox SET json = json_set(json, '$.reasons', 'none') WHERE seq = 3",
     "newest change; ", "number 2", false},
    {"UPDATE outbox SET json = json_set(json, '$.tracks', 7) WHERE seq = 3", "newest change; ",
     "number 2", false},
    {"UPDATE outbox SET json = json_set(json, '$.risk_score', 'high') WHERE seq = 3",
     "newest change; ", "number 2", false},
    {"UPDATE outbox SET json = json_set(json, '$.tracks[1]', 'x') WHERE seq = 3", "tracks; ",
     "event", true},
    {"UPDATE outbox SET json = json_set(json, '$.reasons[0].points', 'x') WHERE seq = 3",
     "reasons; ", "event", true},
    {"UPDATE outbox SET json = json_set(json, '$.risk_level', 'of a kite') WHERE seq = 3",
     "row and JSON; ", "level", true},
};

static void damaged_rows_are_found_and_mended(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
        AUTO(fixture_free) struct fixture *f = healthy();
        tamper(f, damages[i].sql);
        check_damage(f, &damages[i]);
    }
}

/* --- what is asked, what came of it, what people say --- */

/* Of the events of healthy: the first was judged, the second was given up, the third waits; changes
 * 10 to 14. */
static struct fixture *asked(void)
{
    struct fixture *f = fixture_new();
    fixture_open(f);
    for (int i = 0; i < 3; i++) {
        AUTO(event_unref) struct event *first = sample_event(f, "porch");
        AUTO(event_unref)
        struct event *last = asking(sample_update(first, true), ASK_QUEUED, "window");
        store_put_event(f->store, event_ref(first));
        store_put_event(f->store, event_ref(last));
        if (i < 2)
            put_outcome(f, last, i == 0 ? OUTCOME_JUDGED : OUTCOME_DEAD);
        struct feedback feedback = {last->id, FEEDBACK_MISSED, "a note", 1785000200000000};
        if (i != 1)
            store_put_feedback(f->store, &feedback);
    }
    struct baseline_row row = {"key", {1}, 1};
    store_put_baseline(f->store, "porch", &row, 1);
    store_flush(f->store);
    fixture_close(f);
    return f;
}

#define EVENT2    "(SELECT id FROM e WHERE n = 2)"
#define NEWEST(n) "seq = (SELECT event.seq FROM event JOIN e ON e.id = event.id WHERE e.n = " #n ")"

static const struct damage model_damages[] = {
    {"DELETE FROM window WHERE event = " EVENT3, "job; ", "asked about it, but there is no window",
     false},
    {"DELETE FROM job WHERE event = " EVENT3, "lost job; ", "not in the queue", false},
    {"UPDATE window SET data = zeroblob(1048577) WHERE event = " EVENT1, "window; ",
     "has 1048577 bytes", false},
    {"UPDATE judgement SET json = 'nonsense' WHERE event = " EVENT1, "judgement; ",
     "cannot be read", false},
    {"UPDATE judgement SET json = '{\"state\":\"done\"}' WHERE event = " EVENT1, "judgement; ",
     "cannot be read", false},
    {"UPDATE judgement SET done = 0 WHERE event = " EVENT1, "judgement; ", "event", false},
    {"DELETE FROM judgement", "lost judgement; ", "but no row does", false},
    {"UPDATE judgement SET json = json_set(json, '$.score', 10) WHERE event = " EVENT1, "verdict; ",
     "not what the model's verdict makes", false},
    {"UPDATE outbox SET json = json_set(json, '$.model.summary', 'x') WHERE " NEWEST(1),
     "verdict; ", "not what the model's verdict makes", false},
    {"UPDATE outbox SET json = json_set(json, '$.risk_score', 99, '$.risk_level', 'critical')"
     " WHERE " NEWEST(1) "; UPDATE event SET score = 99, level = 4 WHERE id = " EVENT1,
     "verdict; ", "not what the model's verdict makes", false},
    {"UPDATE outbox SET json = json_set(json, '$.reasons[2].points', 3) WHERE " NEWEST(1),
     "reasons; verdict; ", "not what the model's verdict makes", false},
    {"UPDATE outbox SET json = json_set(json, '$.model', NULL) WHERE " NEWEST(2), "verdict; ",
     "not what the model's verdict makes", false},
    {"UPDATE run SET reply = zeroblob(1048577)", "run; ", "1 questions", false},
    {"UPDATE run SET prompt_sha256 = x'00' WHERE event = " EVENT2, "run; ", "1 questions", false},
    {"UPDATE feedback SET kind = 7 WHERE event = " EVENT1, "feedback row; feedback; ",
     "not what this program writes", false},
    {"DELETE FROM feedback", "rows without event; feedback; ", "does not say", false},
    {"UPDATE feedback SET kind = 0", "feedback; ", "does not say", false},
    {"UPDATE outbox SET json = json_set(json, '$.feedback', NULL)", "feedback; ", "does not say",
     false},
    {"UPDATE baseline SET data = zeroblob(65)", "baseline; ", "camera porch", false},
    {"DROP INDEX job_by_turn", "index; ", "job_by_turn: it is missing", false},
};

static void damaged_rows_of_the_model_are_found_and_mended(void **state)
{
    (void)state;
    {
        AUTO(fixture_free) struct fixture *f = asked();
        struct told told;
        run(f, false, &told);
        CHECK_STR(told.lines, "");
    }
    for (size_t i = 0; i < ARRAY_LEN(model_damages); i++) {
        AUTO(fixture_free) struct fixture *f = asked();
        tamper(f, model_damages[i].sql);
        check_damage(f, &model_damages[i]);
    }
}

static void mended_rows_of_the_model_say_what_was_kept(void **state)
{
    (void)state;
    static const struct {
        const char *damage, *question;
    } cases[] = {
        {"DELETE FROM job", "SELECT count(*) = 1 FROM job WHERE dead = 0 AND score = 64"},
        {"DELETE FROM window", "SELECT count(*) = 1 FROM outbox JOIN event USING (seq)"
                               " WHERE json_extract(json, '$.model') IS NULL"},
        {"DELETE FROM judgement",
         "SELECT count(*) = 2 FROM judgement JOIN event ON id = judgement.event JOIN outbox USING "
         "(seq)"
         " WHERE judgement.json = json_extract(outbox.json, '$.model') AND judgement.revision = 1"},
        {"UPDATE judgement SET json = json_set(json, '$.score', 10) WHERE done",
         "SELECT count(*) = 1 FROM event JOIN outbox USING (seq) WHERE score = 49 AND level = 2"
         " AND json_extract(json, '$.rules_score') = 64"
         " AND (SELECT sum(points) FROM reason WHERE reason.event = id) = 49"},
        {"UPDATE outbox SET json = json_set(json, '$.risk_score', 99)",
         "SELECT count(*) = 1 FROM event WHERE score = 79"},
        {"UPDATE feedback SET kind = 0",
         "SELECT count(*) = 2 FROM event JOIN outbox USING (seq)"
         " WHERE json_extract(json, '$.feedback.kind') = 'accurate'"
         " AND json_extract(json, '$.feedback.at') = '2026-07-25T17:23:20.000Z'"},
        {"DELETE FROM feedback",
         "SELECT count(*) = 2 FROM feedback WHERE kind = 2 AND note = 'a note'"
         " AND wall_us = 1785000200000000 AND camera = 'porch'"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(fixture_free) struct fixture *f = asked();
        tamper(f, cases[i].damage);
        struct told told;
        CHECK_INT(run(f, true, &told).left, 0);
        if (ask(f, cases[i].question) != 1)
            fail_msg("after %s: not %s", cases[i].damage, cases[i].question);
    }
}

/* Where an event ends up, beyond that nothing is wrong any more. */
static void mended_rows_say_what_the_newest_change_says(void **state)
{
    (void)state;
    static const struct {
        const char *damage, *question;
    } cases[] = {
        {"UPDATE event SET score = 3, closed = 0, close_reason = NULL",
         "SELECT count(*) = 3 FROM event WHERE score = 64 AND level = 3 AND closed = 1"
         " AND close_reason = 'quiet' AND revision = 2"},
        {"DELETE FROM reason",
         "SELECT count(*) = 3 FROM reason WHERE rule = 'entry_zone' AND points = 25 AND"
         " text = 'person in front door' AND at_us = 6000000 AND (event, track) IN"
         " (SELECT event, id FROM track)"},
        {"DELETE FROM track",
         "SELECT count(*) = 3 FROM track WHERE label = 'person' AND confidence = 0.875"
         " AND start_us = 6000000"},
        {"UPDATE outbox SET json = '' WHERE seq = 3",
         "SELECT count(*) = 1 FROM event WHERE close_reason = 'crash' AND revision = 2"},
        {"UPDATE sqlite_sequence SET seq = 4", "SELECT seq = 9 FROM sqlite_sequence"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(fixture_free) struct fixture *f = healthy();
        tamper(f, cases[i].damage);
        struct told told;
        CHECK_INT(run(f, true, &told).left, 0);
        if (ask(f, cases[i].question) != 1)
            fail_msg("after %s: not %s", cases[i].damage, cases[i].question);
    }
}

/* An index that has lost a row: written to through a table that is laid over it. */
static void an_index_that_lost_rows_is_built_anew(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = healthy();
    int root = (int)ask(f, "SELECT rootpage FROM sqlite_schema WHERE name = 'event_by_camera'");
    char path[256];
    snprintf(path, sizeof path, "%s/hsi.db", f->dir);
    sqlite3 *db;
    CHECK_INT(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_test_control(SQLITE_TESTCTRL_IMPOSTER, db, "main", 1, root) != SQLITE_OK) {
        sqlite3_close(db);
        SKIP("this SQLite lays no table over an index");
    }
    CHECK_INT(sqlite3_exec(db,
                           "CREATE TABLE over (camera, id, PRIMARY KEY (camera, id)) WITHOUT ROWID",
                           NULL, NULL, NULL),
              SQLITE_OK);
    sqlite3_test_control(SQLITE_TESTCTRL_IMPOSTER, db, "main", 0, 0);
    CHECK_INT(
        sqlite3_exec(db, "DELETE FROM over WHERE rowid IS NULL OR id > x'00'", NULL, NULL, NULL) ==
                SQLITE_OK ||
            sqlite3_exec(db, "DELETE FROM over WHERE id > x'00'", NULL, NULL, NULL) == SQLITE_OK,
        1);
    sqlite3_close(db);
    check_damage(
        f, &(struct damage){"event_by_camera emptied", "index; ", "missing from index", false});
}

/* --- files --- */

static void make_file(const char *path, size_t bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && ftruncate(fd, (off_t)bytes) == 0);
    close(fd);
}

/* pictures/EVENT/TRACK of the first event, with the ending. */
static void picture_path(const struct fixture *f, const char *ending, char out[512])
{
    char path[256];
    snprintf(path, sizeof path, "%s/hsi.db", f->dir);
    sqlite3 *db;
    sqlite3_stmt *stmt;
    CHECK_INT(sqlite3_open(path, &db), SQLITE_OK);
    CHECK_INT(sqlite3_prepare_v2(db, "SELECT event, track FROM snapshot ORDER BY event LIMIT 1", -1,
                                 &stmt, NULL),
              SQLITE_OK);
    CHECK_INT(sqlite3_step(stmt), SQLITE_ROW);
    struct uuid event, track;
    memcpy(event.bytes, sqlite3_column_blob(stmt, 0), 16);
    memcpy(track.bytes, sqlite3_column_blob(stmt, 1), 16);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    char event_text[UUID_TEXT_BYTES], track_text[UUID_TEXT_BYTES];
    snprintf(out, 512, "%s/pictures/%s/%s%s", f->dir, uuid_format(event_text, &event),
             uuid_format(track_text, &track), ending);
}

static void damaged_pictures_are_found_and_mended(void **state)
{
    (void)state;
    enum { GONE = -1 };
    static const struct {
        const char *ending; /* behind the track's id */
        int bytes;          /* what the file is made */
        struct damage damage;
        int files_left;
    } cases[] = {
        {".jpg", GONE, {"no plain picture", "picture; ", ".jpg: the file is empty", false}, 4},
        {"-boxes.jpg", GONE, {"no boxes", "picture; ", "-boxes.jpg: the file", false}, 4},
        {".jpg", 0, {"empty", "picture; ", "the file is empty", false}, 4},
        {".jpg", 12, {"other size", "picture; ", "both files have", false}, 6},
        {".jpg.new", 12, {"half", "stray file; ", ".jpg.new: half a picture", false}, 6},
        {"x.jpg", 12, {"unknown", "stray file; ", "no row names it", false}, 6},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(fixture_free) struct fixture *f = healthy();
        char path[512];
        picture_path(f, cases[i].ending, path);
        if (cases[i].bytes == GONE)
            CHECK_INT(unlink(path), 0);
        else
            make_file(path, (size_t)cases[i].bytes);
        check_damage(f, &cases[i].damage);
        CHECK_INT(disk_usage(f).files, cases[i].files_left);
        CHECK_INT(disk_usage(f).bytes, ask(f, "SELECT sum(bytes) FROM snapshot"));
        CHECK_INT(ask(f, "SELECT count(*) FROM outbox JOIN event USING (seq) WHERE"
                         " json_extract(json, '$.tracks[0].snapshot') IS NOT NULL"),
                  cases[i].files_left / 2);
    }
}

static void strays_beside_the_pictures_are_removed(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = healthy();
    static const char *const names[] = {"pictures/01990000-0000-7000-8000-000000000001",
                                        "pictures/holiday"};
    char path[300];
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof path, "%s/%s", f->dir, names[i]);
        CHECK_INT(mkdir(path, 0700), 0);
        snprintf(path, sizeof path, "%s/%s/x.jpg", f->dir, names[i]);
        make_file(path, 3);
    }
    snprintf(path, sizeof path, "%s/hsi.db.before-0002.new", f->dir);
    make_file(path, 3);
    struct told told;
    CHECK_INT(run(f, false, &told).found, 2);
    CHECK_STR(told.kinds[0] == 's' ? "s" : "", "s");
    CHECK_CONTAINS(told.lines, "hsi.db.before-0002.new: half a copy");
    CHECK_CONTAINS(told.lines, "000000000001: the event is not there");
    CHECK_CONTAINS(told.lines, "holiday: not made by this program");
    CHECK_INT(told.notes, 1);
    CHECK_INT(told.by_start, 1);
    CHECK_INT(disk_usage(f).files, 8);
    CHECK_INT(run(f, true, &told).left, 0);
    CHECK_INT(disk_usage(f).files, 7);
    CHECK(access(path, F_OK) != 0);
    CHECK_INT(run(f, false, &told).found, 0);
    CHECK_INT(told.notes, 1);
}

/* --- what a crash leaves, and a hsi at work --- */

static void put_open(struct fixture *f)
{
    struct event *e = sample_event(f, "yard");
    e->tracks[0].picture = picture_new(64, 64);
    struct event *update = sample_update(e, false);
    store_put_event(f->store, e);
    store_put_event(f->store, update);
    store_flush(f->store);
}

static void events_left_open_are_closed(void **state)
{
    (void)state;
    for (int by_repair = 0; by_repair < 2; by_repair++) {
        AUTO(fixture_free) struct fixture *f = healthy();
        fixture_open(f);
        put_open(f);
        fixture_close(f);
        struct told told;
        struct fsck_result r = run(f, false, &told);
        CHECK_STR(told.kinds, "open event; ");
        CHECK_CONTAINS(told.lines, "was open when the program ended");
        CHECK_INT(r.found, 1);
        CHECK_INT(r.start, 1);
        if (by_repair) {
            CHECK_INT(run(f, true, &told).left, 0);
        } else {
            fixture_open(f);
            fixture_close(f);
        }
        CHECK_INT(run(f, false, &told).found, 0);
        CHECK_INT(ask(f, "SELECT count(*) FROM event WHERE close_reason = 'crash'"), 1);
        CHECK_INT(ask(f, "SELECT count(*) FROM outbox"), 12);
        CHECK_INT(disk_usage(f).files, 8);
    }
}

static void beside_a_running_hsi_nothing_is_wrong_and_nothing_is_repaired(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = healthy();
    fixture_open(f);
    put_open(f);
    char path[512];
    picture_path(f, "x.jpg.new", path); /* a picture on its way */
    make_file(path, 3);
    struct told told;
    struct fsck_result r = run(f, false, &told);
    CHECK_STR(told.lines, "");
    CHECK_INT(r.in_use, getpid());
    CHECK_INT(r.events, 4);
    struct err err = {0};
    const struct fsck_params params = {
        .dir = f->dir, .repair = true, .found = remember, .ctx = &told};
    CHECK(!store_fsck(&params, &r, &err));
    CHECK_INT(err.code, ERR_UNAVAILABLE);
    CHECK_CONTAINS(err.msg, "another hsi");
    static const struct timespec long_ago[2] = {{1000, 0}, {1000, 0}};
    CHECK_INT(utimensat(AT_FDCWD, path, long_ago, 0), 0); /* nobody is writing that */
    CHECK_INT(run(f, false, &told).found, 1);
    CHECK_STR(told.kinds, "stray file; ");
    tamper(f, "UPDATE event SET score = 3 WHERE closed = 1");
    CHECK_INT(run(f, false, &told).found, 4);
}

/* An event without anything to go on from is closed too, and does not keep hsi from starting. */
static void a_start_survives_damaged_changes(void **state)
{
    (void)state;
    static const char *const cases[] = {
        ("UPDATE outbox SET json = 'nonsense'"
         " WHERE event IN (SELECT id FROM event WHERE closed = 0)"),
        "DELETE FROM outbox WHERE event IN (SELECT id FROM event WHERE closed = 0)",
        "UPDATE event SET seq = 1 WHERE closed = 0",
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(fixture_free) struct fixture *f = healthy();
        fixture_open(f);
        put_open(f);
        fixture_close(f);
        tamper(f, cases[i]);
        fixture_open(f);
        fixture_close(f);
        CHECK_INT(ask(f, "SELECT count(*) FROM event WHERE closed = 0"), 0);
        CHECK_INT(ask(f, "SELECT count(*) FROM event JOIN outbox USING (seq)"
                         " WHERE close_reason = 'quiet' AND outbox.event = event.id"),
                  3);
    }
}

/* --- what cannot be looked at --- */

static void refused(const struct fixture *f, enum err_code code, const char *part)
{
    for (int repair = 0; repair < 2; repair++) {
        struct told told = {0};
        struct fsck_result r;
        struct err err = {0};
        const struct fsck_params params = {
            .dir = f->dir, .repair = repair, .found = remember, .ctx = &told};
        CHECK(!store_fsck(&params, &r, &err));
        if (err.code != code)
            fail_msg("%s: %s", part, err.msg);
        CHECK_CONTAINS(err.msg, part);
        CHECK(err.hint[0]);
    }
}

static void a_schema_of_somebody_else_is_not_touched(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *part;
    } cases[] = {
        {"CREATE TRIGGER t AFTER DELETE ON upload BEGIN DELETE FROM event; END", "trigger t is"},
        {"CREATE VIEW v AS SELECT 1", "view v is"},
        {"DROP TABLE camera_event", "table camera_event is missing"},
        {"ALTER TABLE upload ADD COLUMN x TEXT", "table upload has been changed"},
        {"PRAGMA application_id = 5", "another program"},
        {"PRAGMA user_version = 999", "version 999"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(fixture_free) struct fixture *f = healthy();
        tamper(f, cases[i].sql);
        refused(f, ERR_DATA_LOSS, cases[i].part);
    }
}

static void what_is_no_store_is_told(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    refused(f, ERR_NOT_FOUND, "no store at");
    char path[300];
    snprintf(path, sizeof path, "%s/hsi.db", f->dir);
    make_file(path, 100000);
    refused(f, ERR_DATA_LOSS, "not a database");
}

/* The database as it lay on a failing disk: whatever fsck says, it says it and ends. */
static void random_damage_is_survived(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = healthy();
    char path[300];
    snprintf(path, sizeof path, "%s/hsi.db", f->dir);
    static uint8_t good[1 << 20];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t bytes = read(fd, good, sizeof good);
    close(fd);
    CHECK(bytes > 10000 && bytes < (ssize_t)sizeof good);
    uint64_t dice = 88172645463325252u;
    int noticed = 0;
    for (int round = 0; round < 150; round++) {
        static uint8_t bad[1 << 20];
        memcpy(bad, good, (size_t)bytes);
        for (int i = 0; i < 1 + round % 40; i++) {
            dice ^= dice << 13, dice ^= dice >> 7, dice ^= dice << 17;
            bad[(dice >> 8) % (uint64_t)bytes] = (uint8_t)dice;
        }
        size_t length = round % 10 == 9 ? (size_t)bytes / 2 : (size_t)bytes;
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        CHECK(write(fd, bad, length) == (ssize_t)length);
        close(fd);
        for (int repair = 0; repair < 2; repair++) {
            struct told told = {0};
            struct fsck_result r;
            struct err err = {0};
            const struct fsck_params params = {
                .dir = f->dir, .repair = repair, .found = remember, .ctx = &told};
            bool looked = store_fsck(&params, &r, &err);
            noticed += !repair && (!looked || r.found > 0);
            CHECK(looked || err.msg[0]);
        }
    }
    CHECK(noticed > 100); /* the rest hit what is not used */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_well_is_left_alone),
        cmocka_unit_test(damaged_rows_are_found_and_mended),
        cmocka_unit_test(damaged_rows_of_the_model_are_found_and_mended),
        cmocka_unit_test(mended_rows_of_the_model_say_what_was_kept),
        cmocka_unit_test(mended_rows_say_what_the_newest_change_says),
        cmocka_unit_test(an_index_that_lost_rows_is_built_anew),
        cmocka_unit_test(damaged_pictures_are_found_and_mended),
        cmocka_unit_test(strays_beside_the_pictures_are_removed),
        cmocka_unit_test(events_left_open_are_closed),
        cmocka_unit_test(beside_a_running_hsi_nothing_is_wrong_and_nothing_is_repaired),
        cmocka_unit_test(a_start_survives_damaged_changes),
        cmocka_unit_test(a_schema_of_somebody_else_is_not_touched),
        cmocka_unit_test(what_is_no_store_is_told),
        cmocka_unit_test(random_damage_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
