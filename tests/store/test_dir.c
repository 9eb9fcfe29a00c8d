/* dir: new directories are on the disk. fsync is watched on its way to the kernel. */
#include "fixture.h"

#include "store/dir.h"

#include <errno.h>
#include <sys/syscall.h>

static char synced[64][300];
static atomic_int synced_count;

/* Stands before the C library's. */
int fsync(int fd)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int i = atomic_fetch_add(&synced_count, 1);
    CHECK(i < (int)ARRAY_LEN(synced));
    ssize_t n = readlink(link, synced[i], sizeof synced[i] - 1);
    synced[i][n > 0 ? n : 0] = '\0';
    return (int)syscall(SYS_fsync, fd);
}

static int times_synced(const char *dir, const char *below)
{
    char path[300];
    int count = 0;
    snprintf(path, sizeof path, "%s%s", dir, below);
    for (int i = 0; i < atomic_load(&synced_count); i++)
        count += strcmp(synced[i], path) == 0;
    return count;
}

static void new_directories_are_synced(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    char path[256];
    snprintf(path, sizeof path, "%s/a/b/c", f->dir);
    atomic_store(&synced_count, 0);
    CHECK(dir_make(path, NULL));
    CHECK_INT(times_synced(f->dir, ""), 1);
    CHECK_INT(times_synced(f->dir, "/a"), 1);
    CHECK_INT(times_synced(f->dir, "/a/b"), 1);
    CHECK_INT(times_synced(f->dir, "/a/b/c"), 1);
    /* Again: an earlier process may have been killed between making and syncing. */
    atomic_store(&synced_count, 0);
    snprintf(path, sizeof path, "%s/a/b/c//", f->dir);
    CHECK(dir_make(path, NULL));
    CHECK_INT(times_synced(f->dir, ""), 0);
    CHECK_INT(times_synced(f->dir, "/a/b"), 1);
    CHECK_INT(times_synced(f->dir, "/a/b/c"), 1);
}

static void the_store_and_its_pictures_are_synced(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    snprintf(f->conf.path, sizeof f->conf.path, "%s/store", f->dir);
    atomic_store(&synced_count, 0);
    fixture_open(f);
    CHECK_INT(times_synced(f->dir, ""), 1);
    CHECK(times_synced(f->dir, "/store") >= 1);
    atomic_store(&synced_count, 0);
    struct event *e = sample_event(f, "porch");
    e->tracks[0].picture = picture_new(64, 64);
    e->revision = 1;
    store_put_event(f->store, e);
    store_flush(f->store);
    CHECK_INT(times_synced(f->dir, "/store"), 1);
    CHECK_INT(times_synced(f->dir, "/store/pictures"), 1);
    fixture_close(f);
    remove_tree(f->conf.path);
}

static void what_cannot_be_made_or_synced_is_told(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    char path[256], too_long[400];
    struct err err = {0};
    CHECK(!dir_make("/proc/nowhere/store", &err));
    CHECK_CONTAINS(err.msg, "/proc/nowhere");
    snprintf(path, sizeof path, "%s/nothing", f->dir);
    CHECK(!dir_sync(path, &err));
    CHECK_CONTAINS(err.msg, path);
    CHECK_INT(err.code, ERR_UNAVAILABLE);
    memset(too_long, 'a', sizeof too_long - 1);
    too_long[sizeof too_long - 1] = '\0';
    CHECK(!dir_make(too_long, &err));
    CHECK_INT(err.code, ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_directories_are_synced),
        cmocka_unit_test(the_store_and_its_pictures_are_synced),
        cmocka_unit_test(what_cannot_be_made_or_synced_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
