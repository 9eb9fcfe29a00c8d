/* store: what is put is there, once, in order, published after its commit, and reads back the same.
 */
#include "fixture.h"

#include "store/event_json.h"

struct seen {
    int count;
    int64_t seqs[64];
    char last[16384];
};

static bool see_row(void *ctx, int64_t seq, const char *json, size_t bytes)
{
    struct seen *seen = ctx;
    CHECK_INT(strlen(json), bytes);
    seen->seqs[seen->count++] = seq;
    STR_COPY(seen->last, json);
    return seen->count < 64;
}

static void a_change_is_stored_and_published(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    struct bus_subscriber *s = bus_subscribe(f->bus, BUS_EVENT, 8, NULL, NULL);
    fixture_open(f);
    struct event *first = sample_event(f, "porch");
    struct uuid id = first->id;
    struct event *second = sample_update(first, true);
    struct json expected;
    json_init(&expected);
    event_json(&expected, NULL, second);
    store_put_event(f->store, first);
    store_put_event(f->store, second);
    store_flush(f->store);

    int64_t missed;
    AUTO(bus_message_unref) struct bus_message *opened = bus_next(s, &missed);
    AUTO(bus_message_unref) struct bus_message *closed = bus_next(s, &missed);
    CHECK(opened && closed && !bus_next(s, &missed));
    CHECK_INT(opened->seq, 1);
    CHECK_INT(closed->seq, 2);
    CHECK_CONTAINS(opened->json, "{\"type\":\"event\",\"data\":{\"id\":");
    CHECK_CONTAINS(opened->json, "\"state\":\"open\"");
    CHECK_CONTAINS(closed->json, expected.text);

    struct seen seen = {0};
    CHECK(store_read_outbox(f->reader, 0, 10, see_row, &seen, NULL));
    CHECK_INT(seen.count, 2);
    CHECK_STR(seen.last, closed->json);

    struct json out;
    json_init(&out);
    json_begin_object(&out, NULL);
    CHECK(store_get_event(f->reader, &id, &out, "event", NULL));
    json_end_object(&out);
    CHECK_CONTAINS(out.text, expected.text);
    json_done(&out);
    json_done(&expected);

    CHECK_INT(ask(f, "SELECT count(*) FROM event"), 1);
    CHECK_INT(ask(f, "SELECT closed * 10 + revision FROM event"), 11);
    CHECK_INT(ask(f, "SELECT count(*) FROM track WHERE label = 'person'"), 1);
    CHECK_INT(ask(f, "SELECT points FROM reason"), 25);
    CHECK_INT(ask(f, "SELECT count(*) FROM detection"), 3);
    CHECK_INT(ask(f, "SELECT x0 FROM detection ORDER BY at_us LIMIT 1"), 1000);
    struct store_stats stats = store_stats(f->store);
    CHECK_INT(stats.events, 2);
    CHECK_INT(stats.outbox_seq, 2);
    CHECK_INT(stats.failed, 0);
    bus_unsubscribe(f->bus, &s);
}

static void the_same_change_twice_is_stored_once(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    struct event *e = sample_event(f, "porch");
    store_put_event(f->store, event_ref(e));
    store_put_event(f->store, event_ref(e));
    store_flush(f->store);
    store_put_event(f->store, e);
    store_flush(f->store);
    CHECK_INT(ask(f, "SELECT count(*) FROM outbox"), 1);
}

static void tracks_and_reasons_follow_the_newest_change(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    struct event *first = sample_event(f, "porch");
    first->verdict.reason_count = 3;
    for (int i = 1; i < 3; i++)
        first->verdict.reasons[i] = first->verdict.reasons[0];
    struct event *second = sample_update(first, false);
    second->verdict.reason_count = 2;
    second->verdict.reasons[1].points = -5;
    second->tracks[0].confidence = 0.9375f;
    STR_COPY(second->tracks[0].label, "dog");
    store_put_event(f->store, first);
    store_put_event(f->store, second);
    store_flush(f->store);
    CHECK_INT(ask(f, "SELECT count(*) * 100 + sum(points) FROM reason"), 220);
    CHECK_INT(ask(f, "SELECT confidence * 10000 FROM track WHERE label = 'dog'"), 9375);
    CHECK_INT(ask(f, "SELECT count(*) FROM track"), 1);
}

static struct json *list(struct fixture *f, const struct event_query *query, struct uuid *ret_next)
{
    static struct json out;
    json_done(&out);
    json_init(&out);
    struct err err = {0};
    json_begin_object(&out, NULL);
    if (!store_list_events(f->reader, query, &out, ret_next, &err))
        fail_msg("%s", err.msg);
    json_end_object(&out);
    return &out;
}

static int occurrences(const char *text, const char *part)
{
    int count = 0;
    for (const char *p = text; (p = strstr(p, part)); p++)
        count++;
    return count;
}

static void lists_page_from_the_newest(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    struct uuid ids[10];
    for (int i = 0; i < 10; i++)
        ids[i] = put_closed(f, i % 2 ? "porch" : "yard");
    store_flush(f->store);

    struct event_query query = {.limit = 4};
    struct uuid next;
    int seen = 0;
    for (int page = 0; page < 3; page++) {
        const char *text = list(f, &query, &next)->text;
        int expected = page < 2 ? 4 : 2;
        CHECK_INT(occurrences(text, "\"state\""), expected);
        for (int i = 0; i < expected; i++) {
            char id[UUID_TEXT_BYTES];
            CHECK_CONTAINS(text, uuid_format(id, &ids[9 - seen - i]));
        }
        seen += expected;
        CHECK(page < 2 ? uuid_equal(&next, &ids[10 - seen]) : uuid_is_zero(&next));
        query.before = next;
    }

    query = (struct event_query){.limit = 100, .camera = "porch"};
    CHECK_INT(occurrences(list(f, &query, &next)->text, "\"camera\":\"porch\""), 5);
    CHECK_INT(occurrences(list(f, &query, &next)->text, "\"camera\":\"yard\""), 0);
    query = (struct event_query){.limit = 5, .camera = "porch"};
    CHECK_INT(occurrences(list(f, &query, &next)->text, "\"state\""), 5);
    CHECK(uuid_is_zero(&next)); /* exactly a page */
    query = (struct event_query){.limit = 100, .camera = "' OR 1=1 --"};
    CHECK_STR(list(f, &query, &next)->text, "{\"items\":[]}");
    query = (struct event_query){.limit = 100, .min_level = RISK_HIGH};
    CHECK_INT(occurrences(list(f, &query, &next)->text, "\"state\""), 10);
    query.min_level = RISK_CRITICAL;
    CHECK_INT(occurrences(list(f, &query, &next)->text, "\"state\""), 0);

    static const int bad[] = {0, -1, 101};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct json out;
        struct err err = {0};
        json_init(&out);
        json_begin_object(&out, NULL);
        query.limit = bad[i];
        CHECK(!store_list_events(f->reader, &query, &out, &next, &err));
        CHECK_INT(err.code, ERR_INVALID);
        json_done(&out);
    }
    json_done(list(f, &(struct event_query){.limit = 1}, &next));
}

static bool stop_at_once(void *ctx, int64_t seq, const char *json, size_t bytes)
{
    (void)json;
    (void)bytes;
    *(int64_t *)ctx = seq;
    return false;
}

static void the_outbox_resumes_after_a_number(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    for (int i = 0; i < 5; i++)
        put_closed(f, "porch");
    store_flush(f->store);
    struct seen seen = {0};
    CHECK(store_read_outbox(f->reader, 3, 4, see_row, &seen, NULL));
    CHECK_INT(seen.count, 4);
    for (int i = 0; i < 4; i++)
        CHECK_INT(seen.seqs[i], 4 + i);
    seen.count = 0;
    CHECK(store_read_outbox(f->reader, 10, 4, see_row, &seen, NULL));
    CHECK_INT(seen.count, 0);
    int64_t first = 0;
    CHECK(store_read_outbox(f->reader, -7, 100, stop_at_once, &first, NULL));
    CHECK_INT(first, 1);
}

static void what_is_not_there_is_not_found(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    struct uuid id = uuid7_new(&f->ids);
    struct json out;
    struct err err = {0};
    char path[512];
    json_init(&out);
    CHECK(!store_get_event(f->reader, &id, &out, NULL, &err));
    CHECK_INT(err.code, ERR_NOT_FOUND);
    CHECK_INT(out.bytes, 0);
    CHECK(!store_snapshot_path(f->reader, &id, NULL, false, path, sizeof path, &err));
    CHECK_INT(err.code, ERR_NOT_FOUND);
    json_done(&out);
}

/* --- pictures --- */

static int64_t size_of_snapshot(struct fixture *f, const struct uuid *event,
                                const struct uuid *track, bool boxed)
{
    char path[512];
    struct err err = {0};
    if (!store_snapshot_path(f->reader, event, track, boxed, path, sizeof path, &err))
        fail_msg("%s", err.msg);
    unsigned char head[3] = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    CHECK_INT(read(fd, head, 3), 3);
    CHECK(memcmp(head, "\xff\xd8\xff", 3) == 0);
    struct stat st;
    CHECK_INT(fstat(fd, &st), 0);
    close(fd);
    return st.st_size;
}

static void the_best_picture_is_on_disk_before_its_row(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    struct bus_subscriber *s = bus_subscribe(f->bus, BUS_EVENT, 8, NULL, NULL);
    fixture_open(f);
    struct event *opening = sample_event(f, "porch");
    struct uuid id = opening->id, track = opening->tracks[0].id;
    opening->tracks[0].picture = picture_new(320, 180);
    struct event *e = sample_update(opening, false);
    struct event *better = sample_update(e, false);
    frame_unref(&better->tracks[0].picture);
    better->tracks[0].picture = picture_new(1920, 1080);
    better->tracks[0].best.pts_us++;
    struct event *same = sample_update(better, true);
    store_put_event(f->store, opening);
    store_flush(f->store);
    int64_t smallest = size_of_snapshot(f, &id, NULL, false); /* it follows its news */
    CHECK_INT(ask(f, "SELECT bytes FROM snapshot"), disk_usage(f).bytes);
    store_put_event(f->store, e);
    store_flush(f->store);
    int64_t small = size_of_snapshot(f, &id, NULL, false);
    CHECK(small > 1000);
    CHECK_INT(small, smallest); /* the same picture */
    CHECK(size_of_snapshot(f, &id, &track, true) != small);
    CHECK_INT(ask(f, "SELECT bytes FROM snapshot"), disk_usage(f).bytes);

    store_put_event(f->store, better);
    store_flush(f->store);
    CHECK(size_of_snapshot(f, &id, NULL, false) > 2 * small);
    CHECK_INT(ask(f, "SELECT bytes FROM snapshot"), disk_usage(f).bytes);
    CHECK_INT(disk_usage(f).files, 2);

    /* A change without a better picture leaves the files alone, and still says where they are. */
    char path[512];
    struct stat before, after;
    CHECK(store_snapshot_path(f->reader, &id, NULL, false, path, sizeof path, NULL));
    CHECK_INT(stat(path, &before), 0);
    store_put_event(f->store, same);
    store_flush(f->store);
    CHECK_INT(stat(path, &after), 0);
    CHECK_INT(after.st_ino, before.st_ino);
    int64_t missed;
    AUTO(bus_message_unref) struct bus_message *without = bus_next(s, &missed);
    CHECK_CONTAINS(without->json, "\"snapshot\":null");
    for (int i = 0; i < 3; i++) {
        AUTO(bus_message_unref) struct bus_message *m = bus_next(s, &missed);
        char id_text[UUID_TEXT_BYTES], track_text[UUID_TEXT_BYTES], address[200];
        snprintf(address, sizeof address, "\"snapshot\":\"/api/events/%s/snapshot?track=%s\"",
                 uuid_format(id_text, &id), uuid_format(track_text, &track));
        CHECK_CONTAINS(m->json, address);
    }
    bus_unsubscribe(f->bus, &s);
}

static void pictures_can_be_switched_off(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    f->conf.snapshots = false;
    fixture_open(f);
    struct event *e = sample_event(f, "porch");
    e->tracks[0].picture = picture_new(64, 64);
    struct event *update = sample_update(e, true);
    store_put_event(f->store, e);
    store_put_event(f->store, update);
    store_flush(f->store);
    CHECK_INT(disk_usage(f).files, 0);
    CHECK_INT(ask(f, "SELECT count(*) FROM outbox WHERE json LIKE '%\"snapshot\":null%'"), 2);
}

static void the_surest_track_stands_for_the_event(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    struct event *e = sample_event(f, "porch");
    struct uuid id = e->id;
    e->tracks[0].picture = picture_new(64, 64);
    e->tracks[1] = e->tracks[0];
    frame_ref(e->tracks[1].picture);
    e->tracks[1].id = uuid7_new(&f->ids);
    e->tracks[1].confidence = 0.99f;
    e->track_count = 2;
    e->revision = 1;
    char expected[UUID_TEXT_BYTES], path[512], none[512];
    uuid_format(expected, &e->tracks[1].id);
    store_put_event(f->store, e);
    store_flush(f->store);
    CHECK(store_snapshot_path(f->reader, &id, NULL, false, path, sizeof path, NULL));
    CHECK_CONTAINS(path, expected);
    struct uuid other = uuid7_new(&f->ids);
    CHECK(!store_snapshot_path(f->reader, &id, &other, false, none, sizeof none, NULL));
}

/* --- threads --- */

struct putter {
    struct fixture *f;
    int events;
};

static void put_many(void *arg)
{
    struct putter *p = arg;
    for (int i = 0; i < p->events; i++)
        put_closed(p->f, "porch");
}

static void read_much(void *arg)
{
    struct fixture *f = arg;
    struct store_reader *reader;
    CHECK(store_reader_open(f->store, &reader, NULL));
    for (int64_t seq = 0; seq < 400;) {
        struct json out;
        json_init(&out);
        json_begin_object(&out, NULL);
        struct event_query query = {.limit = 10};
        struct uuid next;
        CHECK(store_list_events(reader, &query, &out, &next, NULL));
        json_end_object(&out);
        json_done(&out);
        struct seen seen = {0};
        CHECK(store_read_outbox(reader, seq, 20, see_row, &seen, NULL));
        for (int i = 0; i < seen.count; i++)
            CHECK_INT(seen.seqs[i], ++seq); /* without gaps, whoever puts */
    }
    store_reader_close(&reader);
}

static void many_put_and_read_at_once(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    struct bus_subscriber *s = bus_subscribe(f->bus, BUS_EVENT, 1000, NULL, NULL);
    fixture_open(f);
    struct thread *threads[5];
    struct putter putter = {f, 50};
    for (int i = 0; i < 4; i++)
        CHECK(thread_start(&threads[i], ROLE_NONE, "put", put_many, &putter, NULL));
    CHECK(thread_start(&threads[4], ROLE_NONE, "read", read_much, f, NULL));
    for (int i = 0; i < 5; i++)
        thread_join(&threads[i]);
    store_flush(f->store);
    for (int64_t seq = 1, missed; seq <= 400; seq++) {
        AUTO(bus_message_unref) struct bus_message *m = bus_next(s, &missed);
        CHECK(m != NULL);
        CHECK_INT(m->seq, seq);
    }
    CHECK(store_stats(f->store).commits < 400); /* some went together */
    bus_unsubscribe(f->bus, &s);
}

/* --- opening --- */

static void closing_keeps_what_was_put(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    for (int i = 0; i < 20; i++)
        put_closed(f, "porch");
    fixture_close(f);
    CHECK_INT(ask(f, "SELECT count(*) FROM event"), 20);
    fixture_open(f);
    CHECK_INT(store_stats(f->store).outbox_seq, 40);
    put_closed(f, "porch");
    store_flush(f->store);
    CHECK_INT(ask(f, "SELECT max(seq) FROM outbox"), 42);
}

static void events_left_open_are_closed_at_the_next_start(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    struct event *e = sample_event(f, "porch");
    struct uuid id = e->id;
    store_put_event(f->store, e);
    put_closed(f, "porch");
    fixture_close(f);
    fixture_open(f);
    CHECK_INT(ask(f, "SELECT count(*) FROM event WHERE closed = 0"), 0);
    CHECK_INT(ask(f, "SELECT count(*) FROM event WHERE close_reason = 'crash' AND revision = 1"),
              1);
    struct json out;
    json_init(&out);
    CHECK(store_get_event(f->reader, &id, &out, NULL, NULL));
    CHECK_CONTAINS(out.text, "\"state\":\"closed\",\"close_reason\":\"crash\",\"revision\":1,");
    CHECK_CONTAINS(out.text, "\"end_s\":7.25,");
    json_done(&out);
    struct seen seen = {0};
    CHECK(store_read_outbox(f->reader, 3, 10, see_row, &seen, NULL));
    CHECK_INT(seen.count, 1);
    CHECK_CONTAINS(seen.last, "\"close_reason\":\"crash\"");
    CHECK_INT(fixture_logged(f, "closed 1 events"), 1);
}

/* The pictures of an opening come after its news, which therefore does not name them. */
static void pictures_of_events_left_open_are_named(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    struct event *e = sample_event(f, "porch");
    struct uuid id = e->id;
    e->track_count = 3;
    for (int i = 1; i < 3; i++) {
        e->tracks[i] = e->tracks[0];
        e->tracks[i].id = uuid7_new(&f->ids);
    }
    struct uuid with_picture = e->tracks[1].id, lost_picture = e->tracks[2].id;
    e->tracks[1].picture = picture_new(64, 64);
    e->tracks[2].picture = picture_new(64, 64);
    e->tracks[2].confidence = 0.99f;
    struct json expected, out;
    json_init(&expected);
    json_init(&out);
    e->state = EVENT_CLOSED;
    e->close_reason = CLOSE_CRASH;
    e->revision = 1;
    event_json_with(&expected, NULL, e, 1 << 1, NULL);
    e->state = EVENT_OPEN;
    e->revision = 0;
    store_put_event(f->store, e);
    store_flush(f->store);
    char path[512];
    for (int boxed = 0; boxed < 2; boxed++) {
        CHECK(store_snapshot_path(f->reader, &id, &lost_picture, boxed, path, sizeof path, NULL));
        CHECK_INT(unlink(path), 0);
    }
    fixture_close(f);
    fixture_open(f);
    CHECK(store_get_event(f->reader, &id, &out, NULL, NULL));
    CHECK_STR(out.text, expected.text);
    CHECK(size_of_snapshot(f, &id, &with_picture, true) > 0);
    CHECK(size_of_snapshot(f, &id, NULL, true) > 0);
    CHECK(!store_snapshot_path(f->reader, &id, &lost_picture, true, path, sizeof path, NULL));
    json_done(&out);
    json_done(&expected);
}

static void one_directory_has_one_writer(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    const struct store_params params = {.conf = &f->conf, .clock = &f->clock.clock};
    struct store *second = NULL;
    struct err err = {0};
    CHECK(!store_open(&params, &second, &err));
    CHECK_INT(err.code, ERR_UNAVAILABLE);
    char expected[64];
    snprintf(expected, sizeof expected, "another hsi (process %ld)", (long)getpid());
    CHECK_CONTAINS(err.msg, expected);
    CHECK(err.hint[0]);
    CHECK(second == NULL);
    fixture_close(f);
    fixture_open(f);
}

static void a_directory_that_cannot_be_made(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    snprintf(f->conf.path, sizeof f->conf.path, "%s/a/b/c", f->dir);
    fixture_open(f);
    fixture_close(f);
    struct stat st;
    CHECK_INT(stat(f->conf.path, &st), 0);
    CHECK_INT(st.st_mode & 0777, 0700);
    snprintf(f->conf.path, sizeof f->conf.path, "/proc/nowhere/store");
    const struct store_params params = {.conf = &f->conf, .clock = &f->clock.clock};
    struct err err = {0};
    CHECK(!store_open(&params, &f->store, &err));
    CHECK_CONTAINS(err.msg, "/proc/nowhere");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_is_stored_and_published),
        cmocka_unit_test(the_same_change_twice_is_stored_once),
        cmocka_unit_test(tracks_and_reasons_follow_the_newest_change),
        cmocka_unit_test(lists_page_from_the_newest),
        cmocka_unit_test(the_outbox_resumes_after_a_number),
        cmocka_unit_test(what_is_not_there_is_not_found),
        cmocka_unit_test(the_best_picture_is_on_disk_before_its_row),
        cmocka_unit_test(pictures_can_be_switched_off),
        cmocka_unit_test(the_surest_track_stands_for_the_event),
        cmocka_unit_test(many_put_and_read_at_once),
        cmocka_unit_test(closing_keeps_what_was_put),
        cmocka_unit_test(events_left_open_are_closed_at_the_next_start),
        cmocka_unit_test(pictures_of_events_left_open_are_named),
        cmocka_unit_test(one_directory_has_one_writer),
        cmocka_unit_test(a_directory_that_cannot_be_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
