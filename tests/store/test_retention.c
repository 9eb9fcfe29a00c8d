/* retention: what is too old or too much goes, with its files and its bytes, and nothing else does.
 */
#include "fixture.h"

#define DAY_US (INT64_C(86400) * US_PER_S)

/* Time goes by for both clocks. */
static void pass(struct fixture *f, int64_t us)
{
    f->clock.now_us += us;
    f->clock.now_wall_us += us;
}

static void put_with_picture(struct fixture *f, int width, int height)
{
    struct event *e = sample_event(f, "porch");
    e->tracks[0].picture = picture_new(width, height);
    struct event *update = sample_update(e, true);
    store_put_event(f->store, e);
    store_put_event(f->store, update);
}

static int64_t file_bytes(const struct fixture *f)
{
    char path[256];
    struct stat st;
    snprintf(path, sizeof path, "%s/hsi.db", f->dir);
    CHECK_INT(stat(path, &st), 0);
    return st.st_size;
}

static void old_events_go_with_everything(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    for (int i = 0; i < 40; i++)
        put_with_picture(f, 64, 64);
    store_flush(f->store);
    pass(f, 20 * DAY_US);
    for (int i = 0; i < 3; i++)
        put_with_picture(f, 64, 64);
    store_tidy(f->store);
    CHECK_INT(ask(f, "SELECT count(*) FROM event"), 43);

    pass(f, 11 * DAY_US);
    store_tidy(f->store);
    static const char *const tables[] = {"event", "track", "reason", "snapshot"};
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        char sql[64];
        snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", tables[i]);
        CHECK_INT(ask(f, sql), 3);
    }
    CHECK_INT(ask(f, "SELECT count(*) FROM detection"), 9);
    struct disk disk = disk_usage(f);
    CHECK_INT(disk.directories, 3);
    CHECK_INT(disk.files, 6);
    CHECK_INT(disk.bytes, ask(f, "SELECT sum(bytes) FROM snapshot"));
    CHECK_INT(ask(f, "SELECT count(*) FROM outbox"), 86); /* the last changes stay */
    CHECK_INT(fixture_logged(f, "deleted 40 old events"), 1);

    pass(f, 40 * DAY_US);
    store_tidy(f->store);
    CHECK_INT(ask(f, "SELECT count(*) FROM event"), 0);
    CHECK_INT(disk_usage(f).directories, 0);
    put_closed(f, "porch"); /* numbers go on although nothing is left */
    store_flush(f->store);
    CHECK_INT(store_stats(f->store).outbox_seq, 88);
}

static void open_events_stay(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    store_put_event(f->store, sample_event(f, "porch"));
    put_closed(f, "porch");
    pass(f, 100 * DAY_US);
    store_tidy(f->store);
    CHECK_INT(ask(f, "SELECT count(*) FROM event"), 1);
    CHECK_INT(ask(f, "SELECT count(*) FROM event WHERE closed = 0"), 1);
}

/* Real bytes: what the statistics say, what the files add up to, and the newest events survive. */
static void too_many_bytes_go_oldest_first(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    for (int i = 0; i < 60; i++)
        put_with_picture(f, 640, 360);
    store_tidy(f->store);
    int64_t used = store_stats(f->store).bytes;
    int64_t pictures = disk_usage(f).bytes;
    CHECK(used > pictures);
    CHECK(pictures > 60 * 10000);
    fixture_close(f);
    f->conf.keep_bytes = used - pictures / 2;
    fixture_open(f);
    store_tidy(f->store);
    int64_t left = ask(f, "SELECT count(*) FROM event");
    CHECK(left >= 25 && left <= 35);
    CHECK(store_stats(f->store).bytes <= f->conf.keep_bytes);
    CHECK(store_stats(f->store).bytes >
          f->conf.keep_bytes - pictures / 10); /* not more than needed */
    CHECK_INT(disk_usage(f).directories, left);
    CHECK_INT(disk_usage(f).bytes, ask(f, "SELECT sum(bytes) FROM snapshot"));
    /* Outbox rows remember the order in which events came. */
    CHECK_INT(ask(f, "SELECT count(*) FROM outbox WHERE revision = 0 AND event IN"
                     " (SELECT event FROM outbox WHERE revision = 0 ORDER BY seq DESC LIMIT"
                     "  (SELECT count(*) FROM event)) AND event IN (SELECT id FROM event)"),
              left);
}

/* An event with more rows than one step deletes, and a file that gets smaller. */
static void large_events_go_in_steps_and_the_file_shrinks(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    for (int n = 0; n < 10; n++) {
        AUTO(event_unref) struct event *e = sample_event(f, "porch");
        for (int revision = 0; revision < 20; revision++) {
            struct event *change = sample_update(e, revision == 19);
            change->revision = revision;
            change->sighting_count = EVENT_SIGHTINGS_MAX;
            for (int i = 0; i < EVENT_SIGHTINGS_MAX; i++) {
                change->sightings[i] = e->sightings[0];
                change->sightings[i].at.pts_us = revision * US_PER_S + i;
            }
            store_put_event(f->store, change);
        }
    }
    store_flush(f->store);
    CHECK_INT(ask(f, "SELECT count(*) FROM detection"), 10 * 20 * EVENT_SIGHTINGS_MAX);
    fixture_close(f);
    int64_t before = file_bytes(f);
    CHECK(before > 5000000);
    fixture_open(f);
    pass(f, 31 * DAY_US);
    store_tidy(f->store);
    CHECK_INT(ask(f, "SELECT count(*) FROM detection"), 0);
    CHECK_INT(ask(f, "SELECT count(*) FROM event"), 0);
    fixture_close(f);
    CHECK(file_bytes(f) < before / 3);
}

static void the_outbox_keeps_the_last_rows_and_the_newest_of_each_event(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    struct uuid kept = put_closed(f, "porch");
    store_flush(f->store);
    fixture_close(f);
    /* 12,000 changes of events that are gone already. */
    ask(f, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000)"
           " INSERT INTO outbox (event, revision, json) SELECT randomblob(16), 0, '{}' FROM n");
    CHECK_INT(ask(f, "SELECT count(*) FROM outbox"), 12002);
    fixture_open(f);
    store_tidy(f->store);
    CHECK_INT(ask(f, "SELECT count(*) FROM outbox WHERE seq > 2002"), OUTBOX_KEEP);
    CHECK_INT(ask(f, "SELECT count(*) FROM outbox WHERE seq <= 2002"), 1);
    struct json out;
    json_init(&out);
    CHECK(store_get_event(f->reader, &kept, &out, NULL, NULL));
    CHECK_CONTAINS(out.text, "\"revision\":1,");
    json_done(&out);
    pass(f, 31 * DAY_US);
    store_tidy(f->store);
    CHECK_INT(ask(f, "SELECT count(*) FROM outbox WHERE seq <= 2002"), 0);
}

/* --- clocks that are wrong --- */

static void put_three(struct fixture *f)
{
    for (int i = 0; i < 3; i++)
        put_with_picture(f, 64, 64);
    store_flush(f->store);
}

static void check_left(struct fixture *f, int count)
{
    store_tidy(f->store);
    CHECK_INT(ask(f, "SELECT count(*) FROM event"), count);
    CHECK_INT(disk_usage(f).directories, count);
}

/* As a start of the program: ids do not remember an earlier time. */
static void start(struct fixture *f)
{
    f->ids = (struct uuid_gen){.clock = &f->clock.clock};
    fixture_open(f);
}

#define DOUBT "kept until it has said so for a day"

/* The battery is empty, and the network tells the time only later. */
static void a_start_in_the_future_deletes_nothing(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    put_three(f);
    fixture_close(f);
    f->clock.now_wall_us += 60 * DAY_US;
    start(f);
    check_left(f, 3);
    CHECK_INT(fixture_logged(f, DOUBT), 1);
    put_three(f); /* what is new does not make it more plausible */
    pass(f, DAY_US / 2);
    check_left(f, 6);
    CHECK_INT(fixture_logged(f, DOUBT), 1);
    f->clock.now_wall_us -= 60 * DAY_US;
    check_left(f, 6);
    pass(f, DAY_US);
    check_left(f, 6);
    pass(f, 30 * DAY_US); /* what was made in the future is that much younger */
    check_left(f, 3);
    CHECK_INT(fixture_logged(f, DOUBT), 1);
}

static void a_leap_into_the_future_deletes_nothing(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    put_three(f);
    check_left(f, 3);
    f->clock.now_wall_us += 60 * DAY_US;
    check_left(f, 3);
    CHECK_INT(fixture_logged(f, DOUBT), 1);
    f->clock.now_wall_us -= 60 * DAY_US;
    check_left(f, 3);
    f->clock.now_wall_us += 60 * DAY_US; /* the next time is told again */
    check_left(f, 3);
    CHECK_INT(fixture_logged(f, DOUBT), 2);
}

/* Nobody was at home for so long, and the machine was off. */
static void a_clock_that_stays_is_believed_after_a_day(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    put_three(f);
    fixture_close(f);
    f->clock.now_wall_us += 60 * DAY_US;
    fixture_open(f);
    check_left(f, 3);
    pass(f, DAY_US - US_PER_S);
    check_left(f, 3);
    pass(f, US_PER_S);
    check_left(f, 0);
}

static void a_few_quiet_days_are_nothing_to_tell(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    put_three(f);
    fixture_close(f);
    f->clock.now_wall_us += 10 * DAY_US;
    fixture_open(f);
    check_left(f, 3);
    CHECK_INT(fixture_logged(f, DOUBT), 0);
}

/* 1970, and what happens before the clock is put right is not 50 years old then. */
static void a_start_in_the_past_deletes_nothing(void **state)
{
    (void)state;
    static const int64_t pasts_us[] = {0, 1000 * US_PER_S, 40 * DAY_US, 20000 * DAY_US};
    for (size_t i = 0; i < ARRAY_LEN(pasts_us); i++) {
        AUTO(fixture_free) struct fixture *f = fixture_new();
        int64_t now_us = f->clock.now_wall_us;
        fixture_open(f);
        put_three(f);
        fixture_close(f);
        f->clock.now_wall_us = pasts_us[i];
        start(f);
        check_left(f, 3);
        put_three(f);
        check_left(f, 6);
        f->clock.now_wall_us = now_us;
        check_left(f, 6);
        pass(f, DAY_US);
        check_left(f, 6);
        CHECK_INT(fixture_logged(f, DOUBT), 0);
        pass(f, 30 * DAY_US);
        check_left(f, 0);
    }
}

static void it_comes_round_every_minute(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    f->conf.keep_us = 30 * US_PER_S;
    fixture_open(f);
    put_closed(f, "porch");
    for (int i = 0; i < 10; i++) /* the round that begins with opening */
        store_flush(f->store);
    pass(f, 59 * US_PER_S);
    for (int i = 0; i < 10; i++)
        store_flush(f->store);
    CHECK_INT(ask(f, "SELECT count(*) FROM event"), 1);
    pass(f, 2 * US_PER_S);
    for (int i = 0; i < 10; i++)
        store_flush(f->store);
    CHECK_INT(ask(f, "SELECT count(*) FROM event"), 0);
}

static void pictures_without_an_event_are_swept_away(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    put_with_picture(f, 64, 64);
    store_flush(f->store);
    fixture_close(f);
    char path[300];
    static const char *const made[] = {"01990000-0000-7000-8000-000000000001", "holiday"};
    for (size_t i = 0; i < ARRAY_LEN(made); i++) {
        snprintf(path, sizeof path, "%s/pictures/%s", f->dir, made[i]);
        CHECK_INT(mkdir(path, 0700), 0);
        snprintf(path, sizeof path, "%s/pictures/%s/half.jpg.new", f->dir, made[i]);
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        CHECK(fd >= 0);
        close(fd);
    }
    fixture_open(f);
    store_flush(f->store);
    CHECK_INT(disk_usage(f).directories, 2); /* the event's, and what is not ours to touch */
    CHECK_INT(disk_usage(f).files, 3);
    CHECK_INT(access(path, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(old_events_go_with_everything),
        cmocka_unit_test(open_events_stay),
        cmocka_unit_test(too_many_bytes_go_oldest_first),
        cmocka_unit_test(large_events_go_in_steps_and_the_file_shrinks),
        cmocka_unit_test(the_outbox_keeps_the_last_rows_and_the_newest_of_each_event),
        cmocka_unit_test(a_start_in_the_future_deletes_nothing),
        cmocka_unit_test(a_leap_into_the_future_deletes_nothing),
        cmocka_unit_test(a_clock_that_stays_is_believed_after_a_day),
        cmocka_unit_test(a_few_quiet_days_are_nothing_to_tell),
        cmocka_unit_test(a_start_in_the_past_deletes_nothing),
        cmocka_unit_test(it_comes_round_every_minute),
        cmocka_unit_test(pictures_without_an_event_are_swept_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
