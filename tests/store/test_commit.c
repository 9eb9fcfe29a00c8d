/* Commits that fail: nothing is lost, nothing is there twice, and it is told once. Faults are put
 * below SQLite, where the disk would be. */
#include "fixture.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>

/* --- a disk that fails on command --- */

static atomic_int fault; /* what writing to the log of changes gives; SQLITE_OK: it works */
static pthread_mutex_t shim_lock = PTHREAD_MUTEX_INITIALIZER;
static const sqlite3_io_methods *real_methods; /* of the log, under shim_lock until set */
static sqlite3_io_methods shim_methods;
static sqlite3_vfs shim_vfs;

static int shim_write(sqlite3_file *file, const void *data, int bytes, sqlite3_int64 offset)
{
    int rc = atomic_load(&fault);
    return rc != SQLITE_OK ? rc : real_methods->xWrite(file, data, bytes, offset);
}

static int shim_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags,
                     int *ret_flags)
{
    sqlite3_vfs *real = sqlite3_vfs_find("unix");
    (void)vfs;
    int rc = real->xOpen(real, name, file, flags, ret_flags);
    if (rc != SQLITE_OK || !(flags & SQLITE_OPEN_WAL))
        return rc;
    pthread_mutex_lock(&shim_lock);
    if (!real_methods) {
        real_methods = file->pMethods;
        shim_methods = *file->pMethods;
        shim_methods.xWrite = shim_write;
    }
    file->pMethods = &shim_methods;
    pthread_mutex_unlock(&shim_lock);
    return rc;
}

static int install_shim(void **state)
{
    (void)state;
    shim_vfs = *sqlite3_vfs_find("unix");
    shim_vfs.zName = "shim";
    shim_vfs.pNext = NULL;
    shim_vfs.xOpen = shim_open;
    return sqlite3_vfs_register(&shim_vfs, 1) == SQLITE_OK ? 0 : -1;
}

/* Gives up the processor until the store has failed that often; the test's time limit ends it. */
static void wait_for_failures(struct fixture *f, int64_t count)
{
    while (store_stats(f->store).failed < count)
        sched_yield();
}

static void check_in_order(struct fixture *f, struct bus_subscriber *s, int count)
{
    CHECK_INT(ask(f, "SELECT count(*) FROM outbox"), count);
    CHECK_INT(ask(f, "SELECT count(*) FROM (SELECT DISTINCT event, revision FROM outbox)"), count);
    CHECK_INT(ask(f, "SELECT max(seq) FROM outbox"), count);
    int64_t missed;
    for (int i = 1; i <= count; i++) {
        AUTO(bus_message_unref) struct bus_message *m = bus_next(s, &missed);
        CHECK(m != NULL);
        CHECK_INT(m->seq, i);
    }
    CHECK(bus_next(s, &missed) == NULL);
}

static void a_failing_disk_loses_nothing(void **state)
{
    (void)state;
    static const int faults[] = {SQLITE_FULL, SQLITE_IOERR_WRITE};
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        AUTO(fixture_free) struct fixture *f = fixture_new();
        struct bus_subscriber *s = bus_subscribe(f->bus, BUS_EVENT, 64, NULL, NULL);
        fixture_open(f);
        put_closed(f, "porch");
        store_flush(f->store);
        atomic_store(&fault, faults[i]);
        for (int k = 0; k < 5; k++)
            put_closed(f, "porch");
        wait_for_failures(f, 3);
        CHECK_INT(ask(f, "SELECT count(*) FROM outbox"), 2);
        CHECK_INT(fixture_logged(f, "cannot store events"), 1);
        atomic_store(&fault, SQLITE_OK);
        store_flush(f->store);
        check_in_order(f, s, 12);
        CHECK_INT(fixture_logged(f, "cannot store events"), 1);
        CHECK_INT(fixture_logged(f, "storing events again"), 1);
        bus_unsubscribe(f->bus, &s);
    }
}

/* The lock a person's tool takes. */
static sqlite3 *lock_database(struct fixture *f)
{
    char path[256];
    sqlite3 *other;
    snprintf(path, sizeof path, "%s/hsi.db", f->dir);
    CHECK_INT(sqlite3_open(path, &other), SQLITE_OK);
    CHECK_INT(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    return other;
}

static void a_locked_database_is_waited_for(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    struct bus_subscriber *s = bus_subscribe(f->bus, BUS_EVENT, 64, NULL, NULL);
    fixture_open(f);
    sqlite3 *other = lock_database(f);
    put_closed(f, "porch");
    wait_for_failures(f, 2);
    CHECK_INT(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    store_flush(f->store);
    sqlite3_close(other);
    check_in_order(f, s, 2);
    bus_unsubscribe(f->bus, &s);
}

static void pictures_that_cannot_be_written_are_waited_for(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    char path[256];
    snprintf(path, sizeof path, "%s/pictures", f->dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC,
                  0600); /* a file where a directory belongs */
    CHECK(fd >= 0);
    close(fd);
    struct event *e = sample_event(f, "porch");
    e->tracks[0].picture = picture_new(64, 64);
    struct event *update = sample_update(e, true);
    store_put_event(f->store, e);
    store_put_event(f->store, update);
    wait_for_failures(f, 2);
    CHECK_INT(unlink(path), 0);
    store_flush(f->store);
    CHECK_INT(ask(f, "SELECT count(*) FROM outbox"), 2);
    CHECK_INT(ask(f, "SELECT bytes FROM snapshot"), disk_usage(f).bytes);
    CHECK_INT(disk_usage(f).files, 2);
}

struct putter {
    struct fixture *f;
    atomic_int put;
};

#define FLOOD 300

static void put_flood(void *arg)
{
    struct putter *p = arg;
    for (int i = 0; i < FLOOD; i++) {
        store_put_event(p->f->store, sample_event(p->f, "porch"));
        atomic_fetch_add(&p->put, 1);
    }
}

static void pressure_travels_up(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    struct bus_subscriber *s = bus_subscribe(f->bus, BUS_EVENT, FLOOD, NULL, NULL);
    fixture_open(f);
    atomic_store(&fault, SQLITE_FULL);
    struct putter putter = {.f = f};
    struct thread *thread;
    CHECK(thread_start(&thread, ROLE_NONE, "put", put_flood, &putter, NULL));
    wait_for_failures(f, 3);
    CHECK(!thread_join_within(&thread, 100 * US_PER_MS));
    CHECK(atomic_load(&putter.put) >= STORE_QUEUE_MAX);
    CHECK(atomic_load(&putter.put) <= STORE_QUEUE_MAX + STORE_GROUP_MAX);
    atomic_store(&fault, SQLITE_OK);
    thread_join(&thread);
    store_flush(f->store);
    check_in_order(f, s, FLOOD);
    bus_unsubscribe(f->bus, &s);
}

static void closing_gives_up_and_says_how_many_are_lost(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    put_closed(f, "porch");
    store_flush(f->store);
    f->store->close_us = 200 * US_PER_MS;
    atomic_store(&fault, SQLITE_FULL);
    for (int i = 0; i < 7; i++)
        store_put_event(f->store, sample_event(f, "porch"));
    fixture_close(f);
    atomic_store(&fault, SQLITE_OK);
    CHECK_INT(fixture_logged(f, "7 changes could not be stored: they are lost"), 1);
    CHECK_INT(ask(f, "SELECT count(*) FROM outbox"), 2);
}

static void closing_still_stores_when_the_disk_recovers(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    atomic_store(&fault, SQLITE_FULL);
    for (int i = 0; i < 7; i++)
        store_put_event(f->store, sample_event(f, "porch"));
    wait_for_failures(f, 1);
    atomic_store(&fault, SQLITE_OK);
    fixture_close(f);
    CHECK_INT(ask(f, "SELECT count(*) FROM outbox"), 7);
    CHECK_INT(fixture_logged(f, "they are lost"), 0);
}

/* Whoever puts events is let go before store_close, which comes after it has been waited for. */
static void beginning_to_close_ends_the_wait_for_room(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    sqlite3 *other = lock_database(f);
    struct putter putter = {.f = f};
    struct thread *thread;
    CHECK(thread_start(&thread, ROLE_NONE, "put", put_flood, &putter, NULL));
    wait_for_failures(f, 1);
    int64_t start_us = clock_mono_us(&clock_real);
    store_begin_close(f->store);
    if (!thread_join_within(&thread, 10 * US_PER_S))
        fail_msg("whoever puts events still waits");
    int64_t took_us = clock_mono_us(&clock_real) - start_us;
    CHECK(took_us > 1900 * US_PER_MS); /* it has been tried until then */
    CHECK(took_us < 2900 * US_PER_MS);
    store_flush(f->store); /* nobody waits for what is given up */
    store_put_event(f->store, sample_event(f, "porch"));
    fixture_close(f);
    CHECK(clock_mono_us(&clock_real) - start_us < 3 * US_PER_S);
    sqlite3_close(other);
    CHECK_INT(fixture_logged(f, "301 changes could not be stored: they are lost"), 1);
    CHECK_INT(fixture_logged(f, "they are lost"), 1);
    CHECK_INT(ask(f, "SELECT count(*) FROM outbox"), 0);
}

static void beginning_to_close_loses_nothing_when_the_disk_works(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    f->store->close_us = 0;
    store_begin_close(NULL);
    store_begin_close(f->store);
    put_closed(f, "porch");
    store_flush(f->store);
    CHECK_INT(ask(f, "SELECT count(*) FROM outbox"), 2);
    put_closed(f, "porch");
    fixture_close(f);
    CHECK_INT(ask(f, "SELECT count(*) FROM outbox"), 4);
}

/* However long the wait between two tries has become. */
static void a_disk_that_recovers_while_closing_is_noticed(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    sqlite3 *other = lock_database(f);
    put_closed(f, "porch");
    wait_for_failures(f, 5); /* the next try would be in 0.8 s */
    f->store->close_us = 500 * US_PER_MS;
    store_begin_close(f->store);
    CHECK_INT(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    fixture_close(f);
    CHECK_INT(ask(f, "SELECT count(*) FROM outbox"), 2);
}

static void failing_can_be_asked_for(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    CHECK(!store_stats(f->store).failing);
    atomic_store(&fault, SQLITE_FULL);
    put_closed(f, "porch");
    wait_for_failures(f, 2);
    struct store_stats stats = store_stats(f->store);
    CHECK(stats.failing);
    CHECK_CONTAINS(stats.reason, "disk is full");
    atomic_store(&fault, SQLITE_OK);
    store_flush(f->store);
    stats = store_stats(f->store);
    CHECK(!stats.failing);
    CHECK_STR(stats.reason, "");
}

/* As a rule of the database would refuse it; nobody else's change waits for it. */
static void a_change_that_is_refused_is_set_aside(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    struct bus_subscriber *s = bus_subscribe(f->bus, BUS_EVENT, 64, NULL, NULL);
    fixture_open(f);
    ask(f, "CREATE TRIGGER no BEFORE INSERT ON event WHEN NEW.camera = 'bad'"
           " BEGIN SELECT RAISE(ABORT, 'not this one'); END");
    atomic_store(&fault, SQLITE_FULL); /* so that all go together */
    put_closed(f, "porch");
    wait_for_failures(f, 1);
    struct event *bad = sample_event(f, "bad");
    char id[UUID_TEXT_BYTES];
    uuid_format(id, &bad->id);
    store_put_event(f->store, bad);
    put_closed(f, "porch");
    atomic_store(&fault, SQLITE_OK);
    store_flush(f->store);
    check_in_order(f, s, 4);
    CHECK_INT(store_stats(f->store).set_aside, 1);
    CHECK_INT(fixture_logged(f, "set aside"), 1);
    CHECK_INT(fixture_logged(f, id), 1);
    CHECK_INT(fixture_logged(f, "not this one"), 1);
    CHECK(!store_stats(f->store).failing);
    bus_unsubscribe(f->bus, &s);
}

/* Refused by the commit, which does not say because of which change. */
static void commits_that_are_refused_end_too(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    struct bus_subscriber *s = bus_subscribe(f->bus, BUS_EVENT, 64, NULL, NULL);
    fixture_open(f);
    atomic_store(&fault, SQLITE_INTERNAL);
    for (int i = 0; i < 5; i++)
        store_put_event(f->store, sample_event(f, "porch"));
    store_flush(f->store);
    CHECK_INT(store_stats(f->store).set_aside, 5);
    atomic_store(&fault, SQLITE_OK);
    put_closed(f, "porch");
    store_flush(f->store);
    check_in_order(f, s, 2);
    CHECK(!store_stats(f->store).failing);
    bus_unsubscribe(f->bus, &s);
}

static void a_damaged_database_is_left_as_it_is(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    put_closed(f, "porch");
    store_flush(f->store);
    atomic_store(&fault, SQLITE_CORRUPT);
    struct putter putter = {.f = f};
    struct thread *thread;
    CHECK(thread_start(&thread, ROLE_NONE, "put", put_flood, &putter, NULL));
    if (!thread_join_within(&thread, 10 * US_PER_S))
        fail_msg("whoever puts events waits for a damaged database");
    store_flush(f->store);
    struct store_stats stats = store_stats(f->store);
    CHECK(stats.failing);
    CHECK_CONTAINS(stats.reason, "malformed");
    CHECK_INT(fixture_logged(f, "nothing more is stored"), 1);
    struct json out;
    json_init(&out);
    json_begin_object(&out, NULL);
    struct uuid next;
    CHECK(store_list_events(f->reader, &(struct event_query){.limit = 10}, &out, &next, NULL));
    json_end_object(&out);
    CHECK_CONTAINS(out.text, "\"camera\":\"porch\"");
    json_done(&out);

    char path[256];
    struct stat before, after;
    snprintf(path, sizeof path, "%s/hsi.db", f->dir);
    CHECK_INT(stat(path, &before), 0);
    store_reader_close(&f->reader); /* the last handle would copy the log back */
    int64_t start_us = clock_mono_us(&clock_real);
    store_close(&f->store);
    CHECK(clock_mono_us(&clock_real) - start_us < US_PER_S);
    atomic_store(&fault, SQLITE_OK);
    CHECK_INT(stat(path, &after), 0);
    CHECK_INT(after.st_size, before.st_size);
    CHECK_INT(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
    CHECK_INT(fixture_logged(f, "300 changes could not be stored: they are lost"), 1);
}

static void a_lone_change_does_not_wait_for_company(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    f->conf.group_us = 3600 * US_PER_S;
    struct bus_subscriber *s = bus_subscribe(f->bus, BUS_EVENT, 8, NULL, NULL);
    fixture_open(f);
    store_put_event(f->store, sample_event(f, "porch"));
    int64_t missed;
    struct bus_message *m;
    while (!(m = bus_next(s, &missed)))
        sched_yield();
    bus_message_unref(&m);
    /* The next one keeps its distance, unless somebody waits for it. */
    store_put_event(f->store, sample_event(f, "porch"));
    CHECK(bus_next(s, &missed) == NULL);
    store_flush(f->store);
    AUTO(bus_message_unref) struct bus_message *second = bus_next(s, &missed);
    CHECK(second != NULL);
    bus_unsubscribe(f->bus, &s);
}

/* --- uploads: known to be stored only when they are --- */

static struct upload *put_upload(struct fixture *f, const char *name)
{
    struct upload *u = upload_new();
    STR_COPY(u->camera, "porch");
    STR_COPY(u->name, name);
    u->sha256[0] = (uint8_t)name[0];
    store_put_upload(f->store, u);
    return u;
}

static void put_camera_event(struct fixture *f, enum camera_event_kind kind)
{
    struct camera_event e = {.id = uuid7_new(&f->ids), .kind = kind, .wall_us = 1};
    STR_COPY(e.camera, "porch");
    store_put_camera_event(f->store, &e);
}

/* What shares a group is committed together, in the order it was put. */
static void everything_put_waits_for_the_same_commit(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    struct bus_subscriber *s = bus_subscribe(f->bus, BUS_EVENT | BUS_CAMERA, 64, NULL, NULL);
    fixture_open(f);
    atomic_store(&fault, SQLITE_FULL);
    put_closed(f, "porch");
    wait_for_failures(f, 1);
    AUTO(upload_unref) struct upload *u = put_upload(f, "a.mp4");
    store_put_parked(f->store, "porch", &(struct parked){.box = BOX_WHOLE}, 1);
    put_camera_event(f, CAMERA_EVENT_LOST);
    put_closed(f, "porch");
    wait_for_failures(f, 3);
    CHECK(!atomic_load(&u->stored));
    int64_t missed;
    CHECK(bus_next(s, &missed) == NULL);
    CHECK_INT(ask(f, "SELECT (SELECT count(*) FROM upload) + (SELECT count(*) FROM parked)"
                     " + (SELECT count(*) FROM camera_event) + (SELECT count(*) FROM outbox)"),
              0);
    atomic_store(&fault, SQLITE_OK);
    store_flush(f->store);
    CHECK(atomic_load(&u->stored));
    CHECK_INT(ask(f, "SELECT (SELECT count(*) FROM upload) + (SELECT count(*) FROM parked)"
                     " + (SELECT count(*) FROM camera_event)"),
              3);
    CHECK_INT(ask(f, "SELECT count(*) FROM outbox"), 4);
    CHECK_INT(store_stats(f->store).events, 4);
    CHECK(store_stats(f->store).commits <= 2); /* the change that was stuck, and all the others */
    static const enum bus_topic expected[] = {BUS_EVENT, BUS_EVENT, BUS_CAMERA, BUS_EVENT,
                                              BUS_EVENT};
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        AUTO(bus_message_unref) struct bus_message *m = bus_next(s, &missed);
        CHECK(m != NULL);
        CHECK_INT(m->topic, expected[i]);
    }
    CHECK_INT(ask(f, "SELECT after_seq FROM camera_event"), 2);
    bus_unsubscribe(f->bus, &s);
}

/* An opening of another camera may go before events, but not before an upload. */
static void nothing_overtakes_an_upload(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    ask(f, "CREATE TABLE story (step INTEGER PRIMARY KEY, what TEXT)");
    ask(f, "CREATE TRIGGER t1 AFTER INSERT ON upload"
           " BEGIN INSERT INTO story (what) VALUES ('upload'); END");
    ask(f, "CREATE TRIGGER t2 AFTER INSERT ON event"
           " BEGIN INSERT INTO story (what) VALUES (NEW.camera); END");
    atomic_store(&fault, SQLITE_FULL);
    store_put_event(f->store, sample_event(f, "first"));
    wait_for_failures(f, 1);
    struct event *update = sample_event(f, "update");
    update->revision = 3;
    store_put_event(f->store, update);
    struct upload *u = put_upload(f, "a.mp4");
    upload_unref(&u);
    struct event *opening = sample_event(f, "opening");
    opening->camera = 1;
    store_put_event(f->store, opening);
    atomic_store(&fault, SQLITE_OK);
    store_flush(f->store);
    CHECK_INT(ask(f, "SELECT group_concat(what) = 'first,update,upload,opening'"
                     " FROM (SELECT what FROM story ORDER BY step)"),
              1);
}

static void what_is_refused_is_set_aside_and_never_called_stored(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    static const char *const tables[] = {"upload", "parked", "camera_event"};
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        char sql[200];
        snprintf(sql, sizeof sql,
                 "CREATE TRIGGER no_%s BEFORE INSERT ON %s"
                 " BEGIN SELECT RAISE(ABORT, 'not this one'); END",
                 tables[i], tables[i]);
        ask(f, sql);
    }
    AUTO(upload_unref) struct upload *u = put_upload(f, "a.mp4");
    store_put_parked(f->store, "porch", &(struct parked){.box = BOX_WHOLE}, 1);
    put_camera_event(f, CAMERA_EVENT_MOVED);
    put_closed(f, "porch");
    store_flush(f->store);
    CHECK(!atomic_load(&u->stored));
    CHECK_INT(store_stats(f->store).set_aside, 3);
    CHECK_INT(ask(f, "SELECT count(*) FROM outbox"), 2);
    CHECK_INT(fixture_logged(f, "upload a.mp4 of camera porch is set aside"), 1);
    CHECK_INT(fixture_logged(f, "what stands still at camera porch is set aside"), 1);
    CHECK_INT(fixture_logged(f, "of camera porch is set aside"), 2);
}

static void what_is_given_up_is_never_called_stored(void **state)
{
    (void)state;
    static const int faults[] = {SQLITE_FULL, SQLITE_CORRUPT};
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        AUTO(fixture_free) struct fixture *f = fixture_new();
        fixture_open(f);
        f->store->close_us = 200 * US_PER_MS;
        atomic_store(&fault, faults[i]);
        AUTO(upload_unref) struct upload *first = put_upload(f, "a.mp4");
        AUTO(upload_unref) struct upload *second = put_upload(f, "b.mp4");
        put_camera_event(f, CAMERA_EVENT_LOST);
        store_begin_close(f->store);
        store_flush(f->store);
        store_put_parked(f->store, "porch", NULL, 0); /* nobody takes it any more */
        CHECK(!atomic_load(&first->stored));
        CHECK(!atomic_load(&second->stored));
        store_reader_close(&f->reader);
        store_close(&f->store);
        atomic_store(&fault, SQLITE_OK);
        CHECK_INT(fixture_logged(f, "4 changes could not be stored: they are lost"), 1);
        CHECK_INT(ask(f, "SELECT count(*) FROM upload"), 0);
    }
}

/* While the first change is stuck, the others gather in the queue: cameras 0 and 1 update, camera 2
 * and camera 0 open. Camera 2's opening goes first, camera 0's stays behind camera 0's update. */
static void openings_overtake_changes_of_other_cameras(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    atomic_store(&fault, SQLITE_FULL);
    store_put_event(f->store, sample_event(f, "first"));
    wait_for_failures(f, 1);
    static const struct {
        int camera, revision;
        const char *name;
    } changes[] = {{0, 5, "update 0"}, {1, 5, "update 1"}, {2, 0, "open 2"}, {0, 0, "open 0"}};
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        struct event *e = sample_event(f, changes[i].name);
        e->camera = changes[i].camera;
        e->revision = changes[i].revision;
        store_put_event(f->store, e);
    }
    atomic_store(&fault, SQLITE_OK);
    store_flush(f->store);
    static const char *const expected[] = {"first", "open 2", "update 0", "open 0", "update 1"};
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        char sql[200];
        snprintf(sql, sizeof sql,
                 "SELECT count(*) FROM outbox JOIN event ON event.id = outbox.event"
                 " WHERE outbox.seq = %zu AND camera = '%s'",
                 i + 1, expected[i]);
        CHECK_INT(ask(f, sql), 1);
    }
}

/* --- a disk that is really full --- */

static bool write_ballast(const char *path, size_t bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && posix_fallocate(fd, 0, (off_t)bytes) == 0;
    if (fd >= 0)
        close(fd);
    return ok;
}

static void a_full_disk_is_waited_for(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    if (mount("none", f->dir, "tmpfs", 0, "size=4m") != 0) {
        print_message("skipped: no right to mount a small file system\n");
        skip();
    }
    char ballast[256];
    snprintf(ballast, sizeof ballast, "%s/ballast", f->dir);
    CHECK(write_ballast(ballast, 2 << 20));
    fixture_open(f);
    int events = 0;
    while (store_stats(f->store).failed == 0 && events < 1000) {
        struct event *e = sample_event(f, "porch");
        e->tracks[0].picture = picture_new(640, 360);
        struct event *update = sample_update(e, true);
        store_put_event(f->store, e);
        store_put_event(f->store, update);
        events++;
    }
    CHECK(store_stats(f->store).failed > 0);
    CHECK_INT(fixture_logged(f, "cannot store events"), 1);
    CHECK_INT(unlink(ballast), 0);
    CHECK_INT(mount("none", f->dir, "tmpfs", MS_REMOUNT, "size=256m"), 0);
    store_flush(f->store);
    CHECK_INT(ask(f, "SELECT count(*) FROM event WHERE revision = 1"), events);
    CHECK_INT(ask(f, "SELECT count(*) FROM outbox"), 2 * events);
    CHECK_INT(ask(f, "SELECT sum(bytes) FROM snapshot"), disk_usage(f).bytes);
    fixture_close(f);
    CHECK_INT(umount(f->dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failing_disk_loses_nothing),
        cmocka_unit_test(a_locked_database_is_waited_for),
        cmocka_unit_test(pictures_that_cannot_be_written_are_waited_for),
        cmocka_unit_test(pressure_travels_up),
        cmocka_unit_test(closing_gives_up_and_says_how_many_are_lost),
        cmocka_unit_test(closing_still_stores_when_the_disk_recovers),
        cmocka_unit_test(beginning_to_close_ends_the_wait_for_room),
        cmocka_unit_test(beginning_to_close_loses_nothing_when_the_disk_works),
        cmocka_unit_test(a_disk_that_recovers_while_closing_is_noticed),
        cmocka_unit_test(failing_can_be_asked_for),
        cmocka_unit_test(a_change_that_is_refused_is_set_aside),
        cmocka_unit_test(commits_that_are_refused_end_too),
        cmocka_unit_test(a_damaged_database_is_left_as_it_is),
        cmocka_unit_test(a_lone_change_does_not_wait_for_company),
        cmocka_unit_test(everything_put_waits_for_the_same_commit),
        cmocka_unit_test(nothing_overtakes_an_upload),
        cmocka_unit_test(what_is_refused_is_set_aside_and_never_called_stored),
        cmocka_unit_test(what_is_given_up_is_never_called_stored),
        cmocka_unit_test(openings_overtake_changes_of_other_cameras),
        cmocka_unit_test(a_full_disk_is_waited_for),
    };
    return cmocka_run_group_tests(tests, install_shim, NULL);
}
