/* What people say and what is usual: kept, shown, taken back, and bounded. */
#include "asked.h"

#include "store/db_model.h"

static struct feedback said(const struct event *e, enum feedback_kind kind, const char *note)
{
    struct feedback f = {.event = e->id, .kind = (int)kind, .wall_us = INT64_C(1785000200000000)};
    STR_COPY(f.note, note);
    return f;
}

static int read_rows(struct fixture *f, const char *camera, struct feedback_row *ret, int max)
{
    int count;
    struct err err = {0};
    if (!store_read_feedback(f->reader, camera, ret, max, &count, &err))
        fail_msg("%s", err.msg);
    return count;
}

static void feedback_is_shown_and_taken_back(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    struct bus_subscriber *s = bus_subscribe(f->bus, BUS_EVENT, 8, NULL, NULL);
    fixture_open(f);
    AUTO(event_unref) struct event *e = sample_event(f, "porch");
    AUTO(event_unref) struct event *update = sample_update(e, true);
    store_put_event(f->store, event_ref(e));
    struct feedback feedback = said(e, FEEDBACK_FALSE_POSITIVE, "the \"cat\" \xff");
    store_put_feedback(f->store, &feedback);
    store_flush(f->store);
    CHECK_STR(member(f, &e->id, ".feedback.kind"), "false_positive");
    CHECK_STR(member(f, &e->id, ".feedback.note"), "the \"cat\" \xef\xbf\xbd");
    CHECK_STR(member(f, &e->id, ".feedback.at"), "2026-07-25T17:23:20.000Z");
    CHECK_STR(member(f, &e->id, ".risk_score"), "64");
    check_agrees(f); /* closes the event */

    update->revision = 7;
    store_put_event(f->store, event_ref(update)); /* what comes later shows it too */
    store_flush(f->store);
    CHECK_STR(member(f, &e->id, ".revision"), "7");
    CHECK_STR(member(f, &e->id, ".feedback.kind"), "false_positive");

    feedback = said(e, FEEDBACK_TOO_HIGH, "");
    store_put_feedback(f->store, &feedback); /* the later one counts */
    store_put_feedback(f->store, &feedback); /* the same again is no news */
    store_flush(f->store);
    CHECK_STR(member(f, &e->id, ".feedback.kind"), "too_high");
    CHECK_INT(ask(f, "SELECT count(*) FROM feedback"), 1);
    feedback.kind = -1;
    store_put_feedback(f->store, &feedback);
    store_put_feedback(f->store, &feedback); /* nothing is left to be taken back */
    store_flush(f->store);
    CHECK_STR(member(f, &e->id, ".feedback"), "(none)");
    CHECK_INT(ask(f, "SELECT count(*) FROM feedback_place"), 0);
    struct feedback_row rows[4];
    CHECK_INT(read_rows(f, "porch", rows, 4), 0);
    int64_t missed;
    int messages = 0;
    for (struct bus_message *m; (m = bus_next(s, &missed)); bus_message_unref(&m))
        messages++;
    CHECK_INT(messages, 5); /* opened, said, changed, said, taken back */
    check_agrees(f);
    bus_unsubscribe(f->bus, &s);
}

static void a_verdict_keeps_what_was_said(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    AUTO(event_unref) struct event *e = asking(sample_event(f, "porch"), ASK_NOW, "window");
    store_put_event(f->store, event_ref(e));
    struct feedback feedback = said(e, FEEDBACK_ACCURATE, "yes");
    store_put_feedback(f->store, &feedback);
    put_outcome(f, e, OUTCOME_JUDGED);
    store_flush(f->store);
    CHECK_STR(member(f, &e->id, ".feedback.note"), "yes");
    CHECK_STR(member(f, &e->id, ".model.state"), "done");
    feedback.kind = -1;
    store_put_feedback(f->store, &feedback);
    store_flush(f->store);
    CHECK_STR(member(f, &e->id, ".feedback"), "(none)");
    CHECK_STR(member(f, &e->id, ".risk_score"), "79");
    check_agrees(f);
}

/* A person in one zone and a car in none, then the car reaches two. */
static void it_concerns_zones_and_labels(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    AUTO(event_unref) struct event *e = sample_event(f, "porch");
    e->track_count = 3;
    for (int i = 1; i < 3; i++) {
        e->tracks[i] = e->tracks[0];
        e->tracks[i].id = uuid7_new(&f->ids);
    }
    STR_COPY(e->tracks[2].label, "car");
    e->tracks[2].zones[1].seen = false;
    AUTO(event_unref) struct event *update = sample_update(e, true);
    update->tracks[2].zones[0].seen = update->tracks[2].zones[5].seen = true;
    STR_COPY(update->tracks[2].zones[0].name, "drive");
    STR_COPY(update->tracks[2].zones[5].name, "street");
    AUTO(event_unref) struct event *other = sample_event(f, "yard");
    store_put_event(f->store, event_ref(e));
    store_put_event(f->store, event_ref(other));
    struct feedback feedback = said(e, FEEDBACK_TOO_LOW, "");
    store_put_feedback(f->store, &feedback);
    feedback = said(other, FEEDBACK_MISSED, "");
    store_put_feedback(f->store, &feedback);
    store_flush(f->store);
    struct feedback_row rows[8];
    CHECK_INT(read_rows(f, "porch", rows, 8), 2);
    CHECK_STR(rows[0].zone, "");
    CHECK_STR(rows[0].label, "car");
    CHECK_INT(rows[0].kind, FEEDBACK_TOO_LOW);
    CHECK(uuid_equal(&rows[0].event, &e->id));
    CHECK_STR(rows[1].zone, "front door");
    CHECK_STR(rows[1].label, "person");
    CHECK_INT(read_rows(f, "yard", rows, 8), 1);
    CHECK_INT(read_rows(f, "nowhere", rows, 8), 0);

    store_put_event(f->store, event_ref(update));
    store_flush(f->store);
    CHECK_INT(read_rows(f, "porch", rows, 8), 3);
    CHECK_STR(rows[0].zone, "drive");
    CHECK_STR(rows[2].zone, "street");
    CHECK_STR(rows[2].label, "car");
    CHECK_INT(read_rows(f, "porch", rows, 2), 2);
}

static void what_was_learned_stays_when_the_event_goes(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    struct uuid id = put_closed(f, "porch");
    struct feedback feedback = {id, FEEDBACK_MISSED, "he took the parcel", 5};
    store_put_feedback(f->store, &feedback);
    store_flush(f->store);
    f->clock.now_us += INT64_C(40) * 86400 * US_PER_S;
    f->clock.now_wall_us += INT64_C(40) * 86400 * US_PER_S;
    store_tidy(f->store);
    CHECK_INT(ask(f, "SELECT count(*) FROM event"), 0);
    struct feedback_row rows[2];
    CHECK_INT(read_rows(f, "porch", rows, 2), 1);
    CHECK_INT(rows[0].kind, FEEDBACK_MISSED);
    CHECK_INT(ask(f, "SELECT count(*) FROM feedback WHERE note = ''"), 1);
    check_agrees(f);
    feedback.kind = -1;
    store_put_feedback(f->store, &feedback);
    store_flush(f->store);
    CHECK_INT(read_rows(f, "porch", rows, 2), 0);
    check_agrees(f);
}

static void feedback_is_listed_newest_first(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    struct uuid ids[5], next;
    static const struct uuid zero;
    for (int i = 0; i < 5; i++) {
        ids[i] = put_closed(f, "porch");
        struct feedback feedback = {ids[i], i, "a \"note\"", INT64_C(1785000200000000)};
        store_put_feedback(f->store, &feedback);
    }
    store_flush(f->store);
    struct json out;
    json_init(&out);
    json_begin_object(&out, NULL);
    CHECK(store_list_feedback(f->reader, &zero, 3, &out, &next, NULL));
    CHECK(uuid_equal(&next, &ids[2]));
    CHECK_CONTAINS(out.text,
                   "\"camera\":\"porch\",\"kind\":\"too_low\",\"note\":\"a \\\"note\\\"\","
                   "\"at\":\"2026-07-25T17:23:20.000Z\"},{\"event_id\":");
    CHECK(!strstr(out.text, "false_positive"));
    json_end_object(&out);
    json_reset(&out);
    json_begin_object(&out, NULL);
    CHECK(store_list_feedback(f->reader, &next, 3, &out, &next, NULL));
    CHECK_CONTAINS(out.text, "false_positive");
    CHECK(uuid_is_zero(&next));
    CHECK(!store_list_feedback(f->reader, &zero, 0, &out, &next, NULL));
    json_done(&out);
}

static void there_is_only_so_much_feedback(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    struct uuid id = put_closed(f, "porch");
    store_flush(f->store);
    ask(f, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000)"
           " INSERT INTO feedback SELECT CAST(printf('%016d', i) AS BLOB),"
           " iif(i % 2, 'porch', 'yard'), 0, '', 0 FROM n");
    store_put_feedback(f->store, &(struct feedback){.event = id});
    store_flush(f->store);
    CHECK_INT(ask(f, "SELECT count(*) FROM feedback WHERE camera = 'porch'"),
              FEEDBACK_KEPT_MAX + 1);
    CHECK_INT(ask(f, "SELECT count(*) FROM feedback WHERE camera = 'yard'"), 3000);
    struct feedback_row rows[2];
    CHECK_INT(read_rows(f, "porch", rows, 2), 1); /* it is of an event that is there */
}

static void feedback_of_another_program_is_refused(void **state)
{
    (void)state;
    static const char *const damages[] = {
        "UPDATE feedback_place SET zone = hex(zeroblob(40))",
        "UPDATE feedback_place SET label = hex(zeroblob(40))",
    };
    for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
        AUTO(fixture_free) struct fixture *f = fixture_new();
        fixture_open(f);
        struct uuid id = put_closed(f, "porch");
        store_put_feedback(f->store, &(struct feedback){.event = id});
        store_flush(f->store);
        ask(f, damages[i]);
        struct feedback_row rows[2];
        int count;
        struct err err = {0};
        CHECK(!store_read_feedback(f->reader, "porch", rows, 2, &count, &err));
        CHECK_INT(err.code, ERR_DATA_LOSS);
        CHECK_INT(count, 0);
    }
}

/* --- what is usual --- */

struct seen {
    int count, limit;
    struct baseline_row last;
};

static bool see_row(void *ctx, const struct baseline_row *row)
{
    struct seen *seen = ctx;
    seen->last = *row;
    return ++seen->count < seen->limit;
}

static struct seen read_baseline(struct fixture *f, const char *camera)
{
    struct seen seen = {.limit = INT32_MAX};
    CHECK(store_read_baseline(f->reader, camera, see_row, &seen, NULL));
    return seen;
}

static void baselines_come_back_as_they_were(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    enum { N = 1500 };
    struct baseline_row *rows = xcalloc(N, sizeof *rows);
    for (int i = 0; i < N; i++) {
        snprintf(rows[i].key, sizeof rows[i].key, "zone/%04d", i);
        rows[i].bytes = 1 + i % 64;
        memset(rows[i].data, i, sizeof rows[i].data);
    }
    store_put_baseline(f->store, "porch", rows, N);
    store_put_baseline(f->store, "yard", rows, 3);
    store_flush(f->store);
    struct seen seen = read_baseline(f, "porch");
    CHECK_INT(seen.count, N);
    CHECK_STR(seen.last.key, "zone/1499");
    CHECK_INT(seen.last.bytes, rows[N - 1].bytes);
    CHECK(memcmp(seen.last.data, rows[N - 1].data, (size_t)seen.last.bytes) == 0);
    CHECK_INT(read_baseline(f, "yard").count, 3);
    CHECK_INT(read_baseline(f, "attic").count, 0);
    seen = (struct seen){.limit = 2};
    CHECK(store_read_baseline(f->reader, "porch", see_row, &seen, NULL));
    CHECK_INT(seen.count, 2);

    rows[2].bytes = 64; /* replaces */
    rows[1].bytes = 0;  /* deletes */
    store_put_baseline(f->store, "yard", rows + 1, 2);
    store_flush(f->store);
    seen = read_baseline(f, "yard");
    CHECK_INT(seen.count, 2);
    CHECK_INT(seen.last.bytes, 64);
    ask(f, "UPDATE baseline SET key = hex(zeroblob(60)) WHERE camera = 'yard' AND"
           " key = 'zone/0002'");
    struct err err = {0};
    CHECK(!store_read_baseline(f->reader, "yard", see_row, &seen, &err));
    CHECK_INT(err.code, ERR_DATA_LOSS);
    free(rows);
}

static void what_was_not_written_for_longest_goes_first(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    ask(f, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)"
           " INSERT INTO baseline SELECT 'porch', 'k' || i, x'00', i FROM n");
    struct baseline_row rows[3] = {{"k1", {1}, 1}, {"new", {1}, 1}, {"newer", {1}, 1}};
    store_put_baseline(f->store, "porch", rows, 3);
    store_flush(f->store);
    CHECK_INT(read_baseline(f, "porch").count, BASELINE_ROWS_KEPT_MAX);
    CHECK_INT(ask(f, "SELECT count(*) FROM baseline WHERE key IN ('k1', 'new', 'newer')"), 3);
    CHECK_INT(ask(f, "SELECT count(*) FROM baseline WHERE key IN ('k2', 'k3')"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(feedback_is_shown_and_taken_back),
        cmocka_unit_test(a_verdict_keeps_what_was_said),
        cmocka_unit_test(it_concerns_zones_and_labels),
        cmocka_unit_test(what_was_learned_stays_when_the_event_goes),
        cmocka_unit_test(feedback_is_listed_newest_first),
        cmocka_unit_test(there_is_only_so_much_feedback),
        cmocka_unit_test(feedback_of_another_program_is_refused),
        cmocka_unit_test(baselines_come_back_as_they_were),
        cmocka_unit_test(what_was_not_written_for_longest_goes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
