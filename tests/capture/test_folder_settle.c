/* Putting files away: the one that was looked at, and no other. */
#include "test.h"

#include "capture/folder_settle.h"
#include "double/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
    struct clip_folder root;
    int fd;
};

static struct place begin(void)
{
    struct place p = {.root = clip_folder_new()};
    p.fd = open(p.root.path, O_RDONLY | O_DIRECTORY);
    return p;
}

static void end(struct place *p)
{
    close(p->fd);
    folder_remove(p->root.path);
}

static struct file_id put(const struct place *p, const char *name, const char *content)
{
    upload_bytes(p->root.path, name, content, strlen(content));
    struct stat st;
    CHECK_INT(fstatat(p->fd, name, &st, 0), 0);
    return file_id_of(&st);
}

static void check_content(const struct place *p, const char *name, const char *content)
{
    char text[64] = "";
    int fd = openat(p->fd, name, O_RDONLY);
    if (fd < 0)
        fail_msg("%s is not there", name);
    CHECK(read(fd, text, sizeof text - 1) >= 0);
    close(fd);
    CHECK_STR(text, content);
}

static int entries(const struct place *p, const char *name)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", p->root.path, name);
    DIR *dir = opendir(path);
    int count = 0;
    while (dir && readdir(dir))
        count++;
    if (dir)
        closedir(dir);
    return count - 2;
}

static void moving(void **state)
{
    (void)state;
    struct place p = begin();
    struct err err = {0};
    struct file_id a = put(&p, "2024/05/a.jpg", "one");
    CHECK(settle_move(p.fd, "2024/05/a.jpg", &a, SETTLE_DONE, &err));
    CHECK(!upload_exists(p.root.path, "2024/05/a.jpg"));
    check_content(&p, ".done/2024/05/a.jpg", "one");
    /* The same name again, and again: none takes another's place. */
    for (int i = 0; i < 3; i++) {
        a = put(&p, "2024/05/a.jpg", "more");
        CHECK(settle_move(p.fd, "2024/05/a.jpg", &a, SETTLE_DONE, &err));
    }
    CHECK_INT(entries(&p, ".done/2024/05"), 4);
    check_content(&p, ".done/2024/05/a.jpg", "one");
    char numbered[128];
    snprintf(numbered, sizeof numbered, ".done/2024/05/a-%lld.jpg",
             (long long)(a.mtime_ns / 1000000));
    check_content(&p, numbered, "more");
    end(&p);
}

static void names_without_room(void **state)
{
    (void)state;
    struct place p = begin();
    struct err err = {0};
    char name[256];
    memset(name, 'x', 255);
    name[255] = '\0';
    memcpy(name + 251, ".jpg", 4);
    for (int i = 0; i < 3; i++) {
        struct file_id a = put(&p, name, "long");
        CHECK(settle_move(p.fd, name, &a, SETTLE_DONE, &err));
    }
    CHECK_INT(entries(&p, ".done"), 3);
    end(&p);
}

static void deleting(void **state)
{
    (void)state;
    struct place p = begin();
    struct err err = {0};
    struct file_id a = put(&p, "day/a.jpg", "one");
    CHECK(settle_delete(p.fd, "day/a.jpg", &a, &err));
    CHECK_INT(entries(&p, "day"), 0);
    CHECK(settle_delete(p.fd, "day/a.jpg", &a, &err)); /* nothing to do */
    CHECK(settle_delete(p.fd, "none/a.jpg", &a, &err));
    end(&p);
}

/* What has taken the file's place stays, by whatever way. */
static void another_file(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        struct place p = begin();
        struct err err = {0};
        put(&p, "first", "first");
        struct file_id a = put(&p, "a.jpg", "one");
        if (how == 0)
            CHECK_INT(renameat(p.fd, "first", p.fd, "a.jpg"), 0);
        else if (how == 1)
            put(&p, "a.jpg", "first"); /* written over */
        else
            CHECK(unlinkat(p.fd, "a.jpg", 0) == 0 && symlinkat("first", p.fd, "a.jpg") == 0);
        CHECK(settle_move(p.fd, "a.jpg", &a, SETTLE_DONE, &err));
        CHECK(settle_delete(p.fd, "a.jpg", &a, &err));
        check_content(&p, "a.jpg", "first");
        CHECK(!upload_exists(p.root.path, ".done/a.jpg"));
        end(&p);
    }
}

static void links_on_the_way(void **state)
{
    (void)state;
    struct place p = begin();
    struct place out = begin();
    struct err err = {0};
    struct file_id a = put(&p, "day/a.jpg", "one");
    CHECK_INT(renameat(p.fd, "day", p.fd, "night"), 0);
    CHECK_INT(symlinkat("night", p.fd, "day"), 0);
    CHECK(settle_delete(p.fd, "day/a.jpg", &a, &err));
    check_content(&p, "night/a.jpg", "one");
    CHECK_INT(symlinkat(out.root.path, p.fd, SETTLE_DONE), 0);
    CHECK(!settle_move(p.fd, "night/a.jpg", &a, SETTLE_DONE, &err));
    CHECK_INT(err.code, ERR_UNAVAILABLE);
    check_content(&p, "night/a.jpg", "one");
    CHECK_INT(entries(&out, ""), 0);
    end(&p);
    end(&out);
}

/* Deleting must work where there is no room left: it is what makes room. */
static void a_full_disk(void **state)
{
    (void)state;
    struct place p = begin();
    close(p.fd);
    if (mount("hsi-test", p.root.path, "tmpfs", 0, "size=64k,nr_inodes=4") != 0) {
        folder_remove(p.root.path);
        SKIP("a full disk needs the right to mount one");
    }
    p.fd = open(p.root.path, O_RDONLY | O_DIRECTORY);
    struct err err = {0};
    struct file_id a = put(&p, "a.jpg", "one"), b = put(&p, "b.jpg", "two");
    put(&p, "c", "");
    CHECK(!settle_move(p.fd, "a.jpg", &a, SETTLE_DONE, &err));
    CHECK_CONTAINS(err.msg, "No space left");
    CHECK(err.hint[0]);
    check_content(&p, "a.jpg", "one");
    CHECK(settle_delete(p.fd, "b.jpg", &b, &err));
    CHECK(settle_move(p.fd, "a.jpg", &a, SETTLE_DONE, &err));
    check_content(&p, ".done/a.jpg", "one");
    CHECK_INT(umount2(p.root.path, MNT_DETACH), 0);
    end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moving),           cmocka_unit_test(names_without_room),
        cmocka_unit_test(deleting),         cmocka_unit_test(another_file),
        cmocka_unit_test(links_on_the_way), cmocka_unit_test(a_full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
