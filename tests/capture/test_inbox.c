/* Folders in a folder become cameras. */
#include "test.h"

#include "capture/capture.h"
#include "capture/inbox.h"
#include "double/folder.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FOUND_MAX 64

struct finds {
    struct clip_folder root;
    struct uploads_conf conf;
    struct inbox *inbox;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* protected by lock */
    int count;
    char names[FOUND_MAX][OPT_NAME_BYTES];
    char paths[FOUND_MAX][600];
};

static bool find(void *ctx, const char *name, const char *path, struct err *err)
{
    struct finds *f = ctx;
    pthread_mutex_lock(&f->lock);
    CHECK(f->count < FOUND_MAX);
    STR_COPY(f->names[f->count], name);
    STR_COPY(f->paths[f->count], path);
    f->count++;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
    return strcmp(name, "taken") != 0 || err_set(err, ERR_INVALID, "there is a camera taken");
}

static struct finds *prepare(void)
{
    struct finds *f = NEW(struct finds);
    f->root = clip_folder_new();
    opt_defaults(&uploads_section, &f->conf);
    CHECK_STR(f->conf.path, "");
    CHECK_INT(f->conf.after, AFTER_KEEP);
    STR_COPY(f->conf.path, f->root.path);
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    return f;
}

static void go(struct finds *f)
{
    struct err err = {0};
    struct inbox_params params = {.conf = &f->conf, .found = find, .ctx = f};
    if (!inbox_start(&params, &f->inbox, &err))
        fail_msg("%s", err.msg);
}

static void finish(struct finds *f)
{
    inbox_stop(f->inbox);
    inbox_join(&f->inbox);
    CHECK(!f->inbox);
    folder_remove(f->root.path);
    pthread_mutex_destroy(&f->lock);
    pthread_cond_destroy(&f->changed);
    free(f);
}

static void wait_count(struct finds *f, int count)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 60;
    pthread_mutex_lock(&f->lock);
    int rc = 0;
    while (f->count < count && rc == 0)
        rc = pthread_cond_timedwait(&f->changed, &f->lock, &end);
    pthread_mutex_unlock(&f->lock);
    CHECK_INT(f->count, count);
}

static void make(const struct finds *f, const char *name)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", f->root.path, name);
    CHECK_INT(mkdir(path, 0755), 0);
}

static void names_of_folders(void **state)
{
    (void)state;
    static const struct {
        const char *folder, *name; /* NULL: none */
    } rows[] = {
        {"porch", "porch"},
        {"Front door", "Front_door"},
        {"1", "camera_1"},
        {"192.168.1.7", "camera_192_168_1_7"},
        {"Garten\xc3\xbc"
         "ber",
         "Garten_ber"},
        {"  x  ", "x"},
        {"--a", "a"},
        {"\xe7\x8e\x84\xe5\x85\xb3", NULL},
        {"...", NULL},
        {"__", NULL},
        {"a/../b", "a____b"},
        {"a\n\x1b[2J", "a___2J"},
        {"x123456789x123456789x123456789x123456789x123456789",
         "x123456789x123456789x123456789x123456789x123456"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char name[OPT_NAME_BYTES];
        if (inbox_name(rows[i].folder, name) != (rows[i].name != NULL))
            fail_msg("%s: %s", rows[i].folder, name);
        if (rows[i].name)
            CHECK_STR(name, rows[i].name);
    }
}

static void those_that_are_there_and_those_that_come(void **state)
{
    (void)state;
    struct finds *f = prepare();
    make(f, "porch");
    make(f, "taken");
    make(f, ".hidden");
    make(f, "\xe7\x8e\x84");
    upload_bytes(f->root.path, "file", "x", 1);
    char link[600];
    snprintf(link, sizeof link, "%s/link", f->root.path);
    CHECK_INT(symlink("porch", link), 0);
    go(f);
    wait_count(f, 2);
    make(f, "Back door");
    wait_count(f, 3);
    make(f, "Back_door"); /* would be the same camera */
    make(f, "last");
    wait_count(f, 4);
    finish(f);
}

static void what_is_told(void **state)
{
    (void)state;
    struct finds *f = prepare();
    make(f, "Back door");
    go(f);
    wait_count(f, 1);
    CHECK_STR(f->names[0], "Back_door");
    char path[600];
    snprintf(path, sizeof path, "%s/Back door", f->root.path);
    CHECK_STR(f->paths[0], path);
    finish(f);
}

static void no_more_than_so_many(void **state)
{
    (void)state;
    struct finds *f = prepare();
    for (int i = 0; i < INBOX_CAMERAS_MAX + 5; i++) {
        char name[16];
        snprintf(name, sizeof name, "c%02d", i);
        make(f, name);
    }
    go(f);
    wait_count(f, INBOX_CAMERAS_MAX);
    inbox_stop(f->inbox);
    inbox_join(&f->inbox);
    CHECK_INT(f->count, INBOX_CAMERAS_MAX);
    finish(f);
}

/* More folders than are remembered, none of them a camera: when they are gone, there is room. */
static void what_is_gone_is_forgotten(void **state)
{
    (void)state;
    struct finds *f = prepare();
    char name[128] = "", path[600];
    for (int i = 0; i < 70; i++) {
        name[i] = '+';
        make(f, name);
    }
    make(f, "ab"); /* comes after them all */
    go(f);
    for (int i = 69; i >= 0; i--) {
        snprintf(path, sizeof path, "%s/%s", f->root.path, name);
        CHECK_INT(rmdir(path), 0);
        name[i] = '\0';
    }
    make(f, "porch");
    wait_count(f, 2);
    finish(f);
}

static void stopping_is_quick(void **state)
{
    (void)state;
    struct finds *f = prepare();
    STR_COPY(f->conf.path, "/nowhere/at/all"); /* waited for */
    go(f);
    int64_t before_us = clock_mono_us(&clock_real);
    inbox_stop(f->inbox);
    inbox_join(&f->inbox);
    CHECK(clock_mono_us(&clock_real) - before_us < 2 * US_PER_S);
    finish(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_folders),
        cmocka_unit_test(those_that_are_there_and_those_that_come),
        cmocka_unit_test(what_is_told),
        cmocka_unit_test(no_more_than_so_many),
        cmocka_unit_test(what_is_gone_is_forgotten),
        cmocka_unit_test(stopping_is_quick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
