/* What else is kept of cameras: uploads, what stands still, what happened to them. */
#include "fixture.h"

#include "store/migrate.h"

#define DAY_US (INT64_C(86400) * US_PER_S)

/* Statements past everything that is tested, constraints of the tables included. */
static void tamper(const struct fixture *f, const char *sql)
{
    char path[256];
    snprintf(path, sizeof path, "%s/hsi.db", f->dir);
    sqlite3 *db;
    CHECK_INT(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    CHECK_INT(sqlite3_exec(db, "PRAGMA ignore_check_constraints = ON", NULL, NULL, NULL),
              SQLITE_OK);
    char *message = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
    sqlite3_close(db);
}

/* --- uploads --- */

static struct upload *sample_upload(const char *camera, uint8_t content, const char *refusal)
{
    struct upload *u = upload_new();
    STR_COPY(u->camera, camera);
    snprintf(u->name, sizeof u->name, "2026-07/clip-%d.mp4", content);
    memset(u->sha256, content, sizeof u->sha256);
    u->bytes = 1000 + content;
    u->wall_us = INT64_C(1785000000) * US_PER_S;
    STR_COPY(u->refusal, refusal);
    return u;
}

/* Gives the upload to the store and waits; whether it was stored then. */
static bool keep_upload(struct fixture *f, const char *camera, uint8_t content, const char *refusal)
{
    AUTO(upload_unref) struct upload *u = sample_upload(camera, content, refusal);
    store_put_upload(f->store, u);
    store_flush(f->store);
    return atomic_load(&u->stored);
}

/* The refusal, "new" for one that was never there. */
static const char *look_up(struct fixture *f, const char *camera, uint8_t content,
                           char out[UPLOAD_REFUSAL_BYTES])
{
    uint8_t sha256[UPLOAD_SHA256_BYTES];
    memset(sha256, content, sizeof sha256);
    struct err err = {0};
    if (store_find_upload(f->reader, camera, sha256, out, &err))
        return out;
    CHECK_INT(err.code, ERR_NOT_FOUND);
    return "new";
}

static void uploads_are_known_again(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    CHECK(keep_upload(f, "porch", 1, ""));
    CHECK(keep_upload(f, "porch", 2, "no video in it"));
    CHECK(keep_upload(f, "yard", 3, ""));
    for (int opened = 0; opened < 2; opened++) {
        static const struct {
            const char *camera;
            uint8_t content;
            const char *expected;
        } cases[] = {{"porch", 1, ""},    {"porch", 2, "no video in it"},
                     {"yard", 3, ""},     {"yard", 1, "new"},
                     {"porch", 3, "new"}, {"", 1, "new"}};
        char refusal[UPLOAD_REFUSAL_BYTES];
        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
            CHECK_STR(look_up(f, cases[i].camera, cases[i].content, refusal), cases[i].expected);
        fixture_close(f);
        fixture_open(f);
    }
    CHECK_INT(ask(f, "SELECT bytes FROM upload WHERE name = '2026-07/clip-3.mp4'"), 1003);
    CHECK_INT(ask(f, "SELECT wall_us FROM upload WHERE camera = 'yard'"),
              INT64_C(1785000000) * US_PER_S);
    CHECK_INT(store_stats(f->store).events, 0);
}

static void an_upload_put_again_is_the_newest(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    CHECK(keep_upload(f, "porch", 1, "half a file"));
    CHECK(keep_upload(f, "porch", 2, ""));
    CHECK(keep_upload(f, "porch", 1, ""));
    char refusal[UPLOAD_REFUSAL_BYTES];
    CHECK_STR(look_up(f, "porch", 1, refusal), "");
    CHECK_INT(ask(f, "SELECT count(*) FROM upload"), 2);
    CHECK_INT(ask(f, "SELECT position FROM upload WHERE name LIKE '%-1.mp4'"), 3);
}

/* Of one camera; another camera's stay. */
static void the_oldest_uploads_are_forgotten_when_there_are_too_many(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    CHECK(keep_upload(f, "yard", 1, ""));
    CHECK(keep_upload(f, "porch", 1, ""));
    CHECK(keep_upload(f, "porch", 2, ""));
    char sql[300];
    snprintf(sql, sizeof sql,
             "WITH RECURSIVE n (i) AS (SELECT 3 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
             " INSERT INTO upload SELECT 'porch', randomblob(32), i, 'x', 1, NULL, '' FROM n",
             UPLOADS_KEPT_MAX);
    tamper(f, sql);
    char refusal[UPLOAD_REFUSAL_BYTES];
    CHECK_STR(look_up(f, "porch", 1, refusal), "");
    CHECK(keep_upload(f, "porch", 3, ""));
    CHECK_INT(ask(f, "SELECT count(*) FROM upload WHERE camera = 'porch'"), UPLOADS_KEPT_MAX);
    CHECK_STR(look_up(f, "porch", 1, refusal), "new");
    CHECK_STR(look_up(f, "porch", 2, refusal), "");
    CHECK_STR(look_up(f, "yard", 1, refusal), "");
}

/* --- what stands still --- */

static struct parked sample_parked(struct fixture *f, int i)
{
    struct parked p = {
        .id = uuid7_new(&f->ids),
        .box = {0.1f + (float)i / 1000, 0.2f, 0.5f, 1.0f / 3},
        .since_wall_us = INT64_C(1785000000) * US_PER_S + i,
        .seen_wall_us = i == 1 ? TIME_UNKNOWN : INT64_C(1785000001) * US_PER_S,
    };
    snprintf(p.label, sizeof p.label, "car %d", i);
    for (int k = 0; k < PARKED_LOOKS_BYTES; k++)
        p.looks[k] = (uint8_t)(255 - k - i);
    for (int k = 0; k < 24; k++)
        p.hours[k] = UINT32_C(0x01020304) * (uint32_t)(k + i);
    return p;
}

static void check_parked(struct fixture *f, const char *camera, const struct parked *expected,
                         int expected_count)
{
    struct err err = {0};
    struct parked found[PARKED_MAX];
    int count = -1;
    if (!store_read_parked(f->reader, camera, found, &count, &err))
        fail_msg("%s", err.msg);
    CHECK_INT(count, expected_count);
    for (int i = 0; i < count; i++) {
        const struct parked *a = &found[i], *b = &expected[i];
        CHECK(uuid_equal(&a->id, &b->id));
        CHECK_STR(a->label, b->label);
        CHECK(memcmp(&a->box, &b->box, sizeof a->box) == 0);
        CHECK(memcmp(a->looks, b->looks, sizeof a->looks) == 0);
        CHECK(memcmp(a->hours, b->hours, sizeof a->hours) == 0);
        CHECK_INT(a->since_wall_us, b->since_wall_us);
        CHECK_INT(a->seen_wall_us, b->seen_wall_us);
    }
}

static void parked_objects_come_back_as_they_were(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    struct parked all[PARKED_MAX];
    for (int i = 0; i < PARKED_MAX; i++)
        all[i] = sample_parked(f, i);
    check_parked(f, "porch", NULL, 0);
    store_put_parked(f->store, "porch", all, PARKED_MAX);
    store_put_parked(f->store, "yard", all + 3, 2);
    store_flush(f->store);
    check_parked(f, "porch", all, PARKED_MAX);
    fixture_close(f);
    fixture_open(f);
    check_parked(f, "porch", all, PARKED_MAX);
    store_put_parked(f->store, "porch", all + 7, 3); /* in place of those before */
    store_flush(f->store);
    check_parked(f, "porch", all + 7, 3);
    check_parked(f, "yard", all + 3, 2);
    store_put_parked(f->store, "porch", NULL, 0);
    store_flush(f->store);
    check_parked(f, "porch", NULL, 0);
    check_parked(f, "yard", all + 3, 2);
}

static void parked_objects_of_another_program_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *expected;
    } cases[] = {
        {"id = x'00'", "id of 1 bytes"},
        {"looks = x'0102'", "looks of 2 bytes"},
        {"looks = zeroblob(100000)", "looks of 100000 bytes"},
        {"hours = x''", "hours of 0 bytes"},
        {"label = 'a label that is longer than any label of ours'", "label"},
        {"x0 = -0.5", "within the picture"},
        {"x1 = 9e999", "within the picture"},
        {"y0 = 0.9", "within the picture"},
        {"y1 = 1e300", "within the picture"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(fixture_free) struct fixture *f = fixture_new();
        fixture_open(f);
        struct parked two[] = {sample_parked(f, 0), sample_parked(f, 1)};
        store_put_parked(f->store, "porch", two, 2);
        store_flush(f->store);
        char sql[200];
        snprintf(sql, sizeof sql, "UPDATE parked SET %s WHERE position = 1", cases[i].sql);
        tamper(f, sql);
        struct err err = {0};
        struct parked found[PARKED_MAX];
        int count = -1;
        CHECK(!store_read_parked(f->reader, "porch", found, &count, &err));
        CHECK_INT(err.code, ERR_DATA_LOSS);
        CHECK_CONTAINS(err.msg, cases[i].expected);
        CHECK_CONTAINS(err.msg, "porch");
        CHECK_INT(count, 0);
        store_put_parked(f->store, "porch", two, 2); /* and the next list cures it */
        store_flush(f->store);
        check_parked(f, "porch", two, 2);
    }
}

static void more_parked_objects_than_there_may_be_are_not_read(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    struct parked one = sample_parked(f, 0);
    store_put_parked(f->store, "porch", &one, 1);
    store_flush(f->store);
    tamper(f, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)"
              " INSERT INTO parked SELECT camera, i, id, label, x0, y0, x1, y1, looks, hours,"
              "  since_wall_us, seen_wall_us FROM parked, n");
    struct parked found[PARKED_MAX];
    int count = -1;
    CHECK(store_read_parked(f->reader, "porch", found, &count, NULL));
    CHECK_INT(count, PARKED_MAX);
}

/* A usual place is an average, and may lie a hair outside. */
static void parked_boxes_are_kept_within_the_picture(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    struct parked one = sample_parked(f, 0);
    one.box.y1 = 1.0000001f;
    store_put_parked(f->store, "porch", &one, 1);
    store_flush(f->store);
    one.box.y1 = 1;
    check_parked(f, "porch", &one, 1);
}

/* --- what happened to cameras --- */

static struct camera_event sample_camera_event(struct fixture *f, const char *camera, bool ended)
{
    struct camera_event e = {
        .id = uuid7_new(&f->ids),
        .index = 2,
        .kind = CAMERA_EVENT_COVERED,
        .ended = ended,
        .wall_us = f->clock.now_wall_us,
    };
    STR_COPY(e.camera, camera);
    STR_COPY(e.text, "Something is in front of the lens.");
    return e;
}

static void camera_events_are_published_once_and_after_the_commit(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    struct bus_subscriber *s = bus_subscribe(f->bus, BUS_CAMERA | BUS_EVENT, 8, NULL, NULL);
    fixture_open(f);
    struct camera_event e = sample_camera_event(f, "porch", false);
    store_put_camera_event(f->store, &e);
    store_put_camera_event(f->store, &e);
    store_flush(f->store);
    int64_t missed;
    AUTO(bus_message_unref) struct bus_message *m = bus_next(s, &missed);
    CHECK(m != NULL);
    CHECK_INT(m->topic, BUS_CAMERA);
    CHECK_INT(m->camera, 2);
    CHECK_INT(m->seq, 0);
    char id[UUID_TEXT_BYTES], expected[400];
    snprintf(expected, sizeof expected,
             "{\"type\":\"camera_event\",\"data\":{\"id\":\"%s\",\"camera\":\"porch\","
             "\"kind\":\"covered\",\"ended\":false,\"at\":\"2026-07-25T17:20:00.000Z\","
             "\"text\":\"Something is in front of the lens.\"}}",
             uuid_format(id, &e.id));
    CHECK_STR(m->json, expected);
    CHECK(bus_next(s, &missed) == NULL);
    CHECK_INT(ask(f, "SELECT count(*) FROM camera_event"), 1);
    bus_unsubscribe(f->bus, &s);
}

/* One page as text. */
static bool list(struct fixture *f, const char *camera, const struct uuid *before, int limit,
                 struct json *out, struct uuid *next, struct err *err)
{
    json_reset(out);
    json_begin_object(out, NULL);
    bool ok = store_list_camera_events(f->reader, camera, before, limit, out, next, err);
    json_end_object(out);
    return ok;
}

static int count_of(const char *text, const char *part)
{
    int count = 0;
    for (const char *p = text; (p = strstr(p, part)); p++)
        count++;
    return count;
}

static void camera_events_are_listed_newest_first(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    struct camera_event events[5];
    for (int i = 0; i < 5; i++) {
        events[i] = sample_camera_event(f, i == 1 ? "yard" : "porch", i % 2);
        events[i].kind = (enum camera_event_kind)i;
        store_put_camera_event(f->store, &events[i]);
    }
    store_flush(f->store);
    struct json out;
    json_init(&out);
    struct uuid next = {0};
    CHECK(list(f, "", &next, 3, &out, &next, NULL));
    CHECK_INT(count_of(out.text, "\"id\""), 3);
    CHECK(strstr(out.text, "\"defocused\"") < strstr(out.text, "\"covered\""));
    CHECK_CONTAINS(out.text, "\"ended\":true");
    CHECK(uuid_equal(&next, &events[2].id));
    CHECK(list(f, "", &next, 3, &out, &next, NULL));
    CHECK_INT(count_of(out.text, "\"id\""), 2);
    CHECK_CONTAINS(out.text, "\"yard\"");
    CHECK(uuid_is_zero(&next));
    CHECK(list(f, "porch", &(struct uuid){0}, 100, &out, &next, NULL));
    CHECK_INT(count_of(out.text, "\"porch\""), 4);
    CHECK_INT(count_of(out.text, "\"yard\""), 0);
    CHECK(list(f, "nowhere", &(struct uuid){0}, 100, &out, &next, NULL));
    CHECK_STR(out.text, "{\"items\":[]}");
    static const int limits[] = {0, -1, 101};
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        struct err err = {0};
        CHECK(!list(f, "", &(struct uuid){0}, limits[i], &out, &next, &err));
        CHECK_INT(err.code, ERR_INVALID);
    }
    json_done(&out);
}

/* Whoever was killed could not say that it is over; the next start does, once. */
static void what_a_crash_left_begun_is_ended(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    static const struct {
        const char *camera;
        enum camera_event_kind kind;
        bool ended;
    } told[] = {
        {"porch", CAMERA_EVENT_LOST, false},  {"porch", CAMERA_EVENT_LOST, true},
        {"porch", CAMERA_EVENT_BLACK, false}, {"yard", CAMERA_EVENT_LOST, false},
        {"yard", CAMERA_EVENT_BLACK, true},   {"porch", CAMERA_EVENT_LOST, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(told); i++) {
        struct camera_event e = sample_camera_event(f, told[i].camera, told[i].ended);
        e.kind = told[i].kind;
        store_put_camera_event(f->store, &e);
    }
    store_flush(f->store);
    for (int start = 0; start < 2; start++) {
        fixture_close(f);
        f->clock.now_wall_us += US_PER_S;
        fixture_open(f);
        CHECK_INT(ask(f, "SELECT count(*) FROM camera_event"), ARRAY_LEN(told) + 3);
        CHECK_INT(ask(f, "SELECT count(*) FROM camera_event WHERE text = 'no longer watched'"
                         " AND ended = 1 AND (camera, kind) IN (VALUES ('porch', 'lost'),"
                         " ('porch', 'black'), ('yard', 'lost'))"),
                  3);
    }
}

static void camera_events_of_another_program_are_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "kind = 'stolen'",
        "id = x'01'",
        "camera = printf('%.*c', 200, 'x')",
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(fixture_free) struct fixture *f = fixture_new();
        fixture_open(f);
        struct camera_event e = sample_camera_event(f, "porch", false);
        store_put_camera_event(f->store, &e);
        store_flush(f->store);
        char sql[200];
        snprintf(sql, sizeof sql, "UPDATE camera_event SET %s", cases[i]);
        tamper(f, sql);
        struct json out;
        json_init(&out);
        struct uuid next;
        struct err err = {0};
        CHECK(!list(f, "", &(struct uuid){0}, 10, &out, &next, &err));
        CHECK_INT(err.code, ERR_DATA_LOSS);
        json_done(&out);
    }
}

static void put_camera_events(struct fixture *f, int count)
{
    for (int i = 0; i < count; i++) {
        struct camera_event e = sample_camera_event(f, "porch", false);
        store_put_camera_event(f->store, &e);
    }
    store_tidy(f->store);
}

static void old_camera_events_go(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    put_camera_events(f, 3);
    for (int day = 0; day < 31; day++) {
        CHECK_INT(ask(f, "SELECT count(*) FROM camera_event"), 3);
        f->clock.now_us += DAY_US;
        f->clock.now_wall_us += DAY_US;
        store_tidy(f->store);
    }
    CHECK_INT(ask(f, "SELECT count(*) FROM camera_event"), 0);
}

/* As events: what was stored since the opening is not older than that, whatever its id says. */
static void a_clock_that_is_put_right_deletes_no_camera_events(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    int64_t now_us = f->clock.now_wall_us;
    f->clock.now_wall_us = 1000 * US_PER_S;
    fixture_open(f);
    put_camera_events(f, 3);
    f->clock.now_wall_us = now_us;
    store_tidy(f->store);
    f->clock.now_us += 2 * DAY_US;
    f->clock.now_wall_us += 2 * DAY_US;
    store_tidy(f->store);
    CHECK_INT(ask(f, "SELECT count(*) FROM camera_event"), 3);
}

static void a_camera_that_comes_and_goes_does_not_fill_the_disk(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    struct camera_event first = sample_camera_event(f, "yard", false);
    store_put_camera_event(f->store, &first);
    put_camera_events(f, 1);
    char sql[300];
    snprintf(sql, sizeof sql,
             "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
             " INSERT INTO camera_event SELECT CAST(char(1) || printf('%%015d', i) AS BLOB), "
             "'porch', 'lost',"
             "  0, NULL, '', 0 FROM n",
             CAMERA_EVENTS_KEPT_MAX);
    tamper(f, sql);
    put_camera_events(f, 1);
    CHECK_INT(ask(f, "SELECT count(*) FROM camera_event WHERE camera = 'porch'"),
              CAMERA_EVENTS_KEPT_MAX);
    CHECK_INT(ask(f, "SELECT count(*) FROM camera_event WHERE camera = 'yard'"), 1);
    CHECK_INT(ask(f, "SELECT count(*) FROM camera_event WHERE text <> ''"), 3);
}

/* --- stores of earlier programs --- */

static void a_store_of_version_1_is_brought_up_to_date(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    put_closed(f, "porch");
    fixture_close(f);
    tamper(f, "DROP TABLE baseline; DROP TABLE feedback_place; DROP TABLE feedback;"
              "DROP TABLE run; DROP TABLE judgement; DROP TABLE job; DROP TABLE window;"
              "DROP TABLE camera_event; DROP TABLE parked; DROP TABLE upload;"
              "PRAGMA user_version = 1");
    fixture_open(f);
    CHECK(keep_upload(f, "porch", 1, ""));
    CHECK_INT(ask(f, "SELECT count(*) FROM event"), 1);
    CHECK_INT(ask(f, "PRAGMA user_version"), migrate_newest(embedded_migrations));
    char path[256];
    snprintf(path, sizeof path, "%s/hsi.db.before-0002", f->dir);
    CHECK_INT(access(path, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uploads_are_known_again),
        cmocka_unit_test(an_upload_put_again_is_the_newest),
        cmocka_unit_test(the_oldest_uploads_are_forgotten_when_there_are_too_many),
        cmocka_unit_test(parked_objects_come_back_as_they_were),
        cmocka_unit_test(parked_objects_of_another_program_are_refused),
        cmocka_unit_test(more_parked_objects_than_there_may_be_are_not_read),
        cmocka_unit_test(parked_boxes_are_kept_within_the_picture),
        cmocka_unit_test(camera_events_are_published_once_and_after_the_commit),
        cmocka_unit_test(camera_events_are_listed_newest_first),
        cmocka_unit_test(what_a_crash_left_begun_is_ended),
        cmocka_unit_test(camera_events_of_another_program_are_refused),
        cmocka_unit_test(old_camera_events_go),
        cmocka_unit_test(a_clock_that_is_put_right_deletes_no_camera_events),
        cmocka_unit_test(a_camera_that_comes_and_goes_does_not_fill_the_disk),
        cmocka_unit_test(a_store_of_version_1_is_brought_up_to_date),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
