/* Which files have come to rest, on a clock that is handed in. */
#include "test.h"

#include "capture/folder_watch.h"
#include "double/folder.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define S(x) ((int64_t)((x)*US_PER_S))

struct scene {
    struct clip_folder root;
    struct watch *watch;
    struct known *known;
    struct watch_batch batch;
    int64_t now_us;
};

static struct scene *begin(void)
{
    struct scene *s = NEW(struct scene);
    s->root = clip_folder_new();
    s->known = known_new();
    s->now_us = S(1000);
    return s;
}

static void start(struct scene *s)
{
    struct err err = {0};
    if (!watch_open(s->root.path, &s->watch, &err))
        fail_msg("%s", err.msg);
}

static void end(struct scene *s)
{
    watch_batch_clear(&s->batch);
    watch_close(&s->watch);
    known_free(&s->known);
    folder_remove(s->root.path);
    free(s);
}

/* Scans after so many seconds; how many files have come to rest. */
static int after(struct scene *s, double seconds)
{
    struct err err = {0};
    watch_batch_clear(&s->batch);
    s->now_us += S(seconds);
    if (!watch_scan(s->watch, s->known, s->now_us, &s->batch, &err))
        fail_msg("%s", err.msg);
    return s->batch.count;
}

static void mark(struct scene *s, enum known_state state)
{
    for (int i = 0; i < s->batch.count; i++) {
        struct known_file *k = known_find(s->known, &s->batch.items[i].id);
        assert_non_null(k);
        k->state = state;
        k->at_us = INT64_MAX;
        watch_took(s->watch, &s->batch.items[i]);
    }
}

static void what_was_there_before(void **state)
{
    (void)state;
    struct scene *s = begin();
    upload_bytes(s->root.path, "a", "x", 1);
    start(s);
    CHECK_INT(after(s, 0), 0);
    CHECK_INT(watch_waiting(s->watch), 1);
    CHECK_INT(watch_due_us(s->watch), s->now_us + WATCH_STABLE_US);
    CHECK_INT(after(s, 1.9), 0);
    upload_bytes(s->root.path, "a", "xy", 2); /* not yet at rest */
    CHECK_INT(after(s, 0.2), 0);
    CHECK_INT(after(s, 0.5), 1);
    CHECK_STR(s->batch.items[0].path, "a");
    CHECK_INT(s->batch.items[0].state, KNOWN_WAITING);
    CHECK_INT(s->batch.items[0].id.bytes, 2);
    mark(s, KNOWN_DONE);
    CHECK_INT(watch_waiting(s->watch), 0);
    CHECK_INT(after(s, 100), 0);
    end(s);
}

static void news_of_files(void **state)
{
    (void)state;
    struct scene *s = begin();
    start(s);
    CHECK_INT(after(s, 0), 0);
    CHECK(watch_due_us(s->watch) >= s->now_us + S(9));
    /* Closed: a moment later. */
    upload_bytes(s->root.path, "closed", "x", 1);
    CHECK_INT(after(s, 0), 0);
    CHECK_INT(watch_due_us(s->watch), s->now_us + WATCH_DEBOUNCE_US);
    CHECK_INT(after(s, 0.5), 1);
    mark(s, KNOWN_DONE);
    /* Open for writing: much later. */
    char path[600];
    snprintf(path, sizeof path, "%s/open", s->root.path);
    int fd = open(path, O_WRONLY | O_CREAT, 0644);
    CHECK_INT(write(fd, "x", 1), 1);
    CHECK_INT(after(s, 0), 0);
    CHECK_INT(after(s, 0.5), 0);
    CHECK_INT(after(s, 5), 0);
    CHECK_INT(watch_waiting(s->watch), 1);
    CHECK_INT(write(fd, "x", 1), 1);
    CHECK_INT(after(s, 5), 0);
    CHECK_INT(after(s, 9), 0);
    CHECK_INT(after(s, 2), 1); /* whoever has it open has forgotten it */
    mark(s, KNOWN_DONE);
    close(fd); /* nothing was written since */
    CHECK_INT(after(s, 1), 0);
    CHECK_INT(after(s, 1), 0);
    /* Renamed into place. */
    upload_bytes(s->root.path, "name.part", "x", 1);
    CHECK_INT(after(s, 5), 0);
    char to[600];
    snprintf(path, sizeof path, "%s/name.part", s->root.path);
    snprintf(to, sizeof to, "%s/name", s->root.path);
    CHECK_INT(rename(path, to), 0);
    CHECK_INT(after(s, 0), 0);
    CHECK_INT(after(s, 0.5), 1);
    end(s);
}

static void folders_below(void **state)
{
    (void)state;
    struct scene *s = begin();
    upload_bytes(s->root.path, "1/2/3/4/file", "x", 1);
    upload_bytes(s->root.path, "1/2/3/4/5/file", "x", 1);
    upload_bytes(s->root.path, ".1/file", "x", 1);
    start(s);
    CHECK_INT(after(s, 0), 0);
    CHECK_INT(watch_waiting(s->watch), 1);
    CHECK_INT(after(s, 2), 1);
    CHECK_STR(s->batch.items[0].path, "1/2/3/4/file");
    mark(s, KNOWN_DONE);
    /* A folder that appears is watched from then on. */
    upload_bytes(s->root.path, "1/new/file", "x", 1);
    CHECK_INT(after(s, 0), 0);
    CHECK_INT(after(s, 0.5), 0);
    CHECK_INT(after(s, 2), 1);
    CHECK_STR(s->batch.items[0].path, "1/new/file");
    mark(s, KNOWN_DONE);
    upload_bytes(s->root.path, "1/new/more", "x", 1);
    CHECK_INT(after(s, 0), 0);
    CHECK_INT(after(s, 0.5), 1);
    mark(s, KNOWN_DONE);
    char path[600], to[600];
    snprintf(path, sizeof path, "%s/1", s->root.path);
    folder_remove(path);
    CHECK_INT(after(s, 60), 0);
    CHECK_INT(after(s, 60), 0);
    CHECK_INT(known_count(s->known), 0); /* forgotten */
    /* Swapped for a link: not followed. */
    upload_bytes(s->root.path, ".away/file", "y", 1);
    snprintf(to, sizeof to, "%s/1", s->root.path);
    CHECK_INT(symlink(".away", to), 0);
    CHECK_INT(after(s, 60), 0);
    CHECK_INT(after(s, 60), 0);
    CHECK_INT(watch_waiting(s->watch), 0);
    int fd = watch_open_below(watch_root(s->watch), "1/file", O_RDONLY);
    CHECK_INT(fd, -1);
    end(s);
}

/* More folders than are watched: the newest are. */
static void too_many_folders(void **state)
{
    (void)state;
    struct scene *s = begin();
    for (int i = 0; i < WATCH_FOLDERS_MAX + 100; i++) {
        char name[64], path[600];
        snprintf(name, sizeof name, "%05d", i);
        snprintf(path, sizeof path, "%s/%s", s->root.path, name);
        CHECK_INT(mkdir(path, 0755), 0);
        struct timespec times[2] = {{1700000000 + i, 0}, {1700000000 + i, 0}};
        CHECK_INT(utimensat(AT_FDCWD, path, times, 0), 0);
    }
    start(s);
    CHECK_INT(after(s, 0), 0);
    CHECK_INT(after(s, 60), 0);
    CHECK(watch_is_full(s->watch));
    upload_bytes(s->root.path, "01123/file", "x", 1);
    CHECK_INT(after(s, 0), 0);
    CHECK_INT(after(s, 10), 1);
    CHECK_STR(s->batch.items[0].path, "01123/file");
    end(s);
}

/* What is known outlives the watch. */
static void opened_again(void **state)
{
    (void)state;
    struct scene *s = begin();
    upload_bytes(s->root.path, "day/old", "x", 1);
    start(s);
    CHECK_INT(after(s, 0), 0);
    CHECK_INT(after(s, 2), 1);
    mark(s, KNOWN_DONE);
    watch_close(&s->watch);
    start(s);
    CHECK_INT(after(s, 0), 0);
    CHECK_INT(after(s, 2), 0);
    end(s);
}

static void many_files_in_batches(void **state)
{
    (void)state;
    struct scene *s = begin();
    int count = 3 * WATCH_BATCH_MAX + 7;
    for (int i = 0; i < count; i++) {
        char name[64], path[600];
        int order = i * 11 % count;
        snprintf(name, sizeof name, "%d/%05d", i % 2, order);
        upload_bytes(s->root.path, name, "x", 1);
        snprintf(path, sizeof path, "%s/%s", s->root.path, name);
        struct timespec times[2] = {{1600000000 + order, 0}, {1600000000 + order, 0}};
        CHECK_INT(utimensat(AT_FDCWD, path, times, 0), 0);
    }
    start(s);
    CHECK_INT(after(s, 0), 0);
    CHECK_INT(watch_waiting(s->watch), count);
    s->now_us += S(2);
    for (int done = 0; done < count;) {
        CHECK(watch_due_us(s->watch) <= s->now_us);
        CHECK_INT(after(s, 0), MIN(WATCH_BATCH_MAX, count - done));
        for (int i = 0; i < s->batch.count; i++, done++)
            CHECK_INT(s->batch.items[i].id.mtime_ns / 1000000000, 1600000000 + done);
        mark(s, KNOWN_DONE);
    }
    CHECK_INT(after(s, 0), 0);
    CHECK_INT(watch_waiting(s->watch), 0);
    end(s);
}

static void known_files(void **state)
{
    (void)state;
    AUTO(known_free) struct known *known = known_new();
    for (uint64_t i = 0; i < KNOWN_FILES_MAX; i++) {
        struct file_id id = {1, i, 5, 6};
        struct known_file *k = known_see(known, &id, 7);
        assert_non_null(k);
        CHECK(k->state == KNOWN_WAITING && k->at_us == 7);
        k->seen = i % 2 + 1;
        k->state = i % 4 == 0 ? KNOWN_TAKEN : KNOWN_DONE;
    }
    struct file_id more = {2, 0, 5, 6}, changed = {1, 9, 5, 7}, same = {1, 9, 5, 6};
    CHECK(!known_see(known, &more, 8));
    CHECK_INT(known_count(known), KNOWN_FILES_MAX);
    CHECK(known_find(known, &same) && !known_find(known, &changed));
    CHECK_INT(known_see(known, &changed, 9)->state, KNOWN_WAITING);
    CHECK(!known_find(known, &same) && known_find(known, &changed));
    known_sweep(known, 2);
    CHECK_INT(known_count(known), KNOWN_FILES_MAX * 3 / 4);
    assert_non_null(known_see(known, &more, 8));
}

static void what_cannot_be_opened(void **state)
{
    (void)state;
    struct watch *w = NULL;
    struct err err = {0};
    CHECK(!watch_open("/nowhere/at/all", &w, &err));
    CHECK_INT(err.code, ERR_NOT_FOUND);
    CHECK(err.hint[0]);
    CHECK(!watch_open("/dev/null", &w, &err));
    CHECK_INT(err.code, ERR_NOT_FOUND);
    if (geteuid() == 0)
        SKIP("root may read every folder");
    struct scene *s = begin();
    CHECK_INT(chmod(s->root.path, 0), 0);
    CHECK(!watch_open(s->root.path, &w, &err));
    CHECK_CONTAINS(err.msg, "no permission");
    CHECK(err.hint[0]);
    end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_there_before), cmocka_unit_test(news_of_files),
        cmocka_unit_test(folders_below),         cmocka_unit_test(too_many_folders),
        cmocka_unit_test(opened_again),          cmocka_unit_test(many_files_in_batches),
        cmocka_unit_test(known_files),           cmocka_unit_test(what_cannot_be_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
