/* Files and folders of the command line, in a folder of their own. */
#include "test.h"

#include "cli/files.h"
#include "double/clip.h"
#include "model/frame.h"

#include <stdio.h>
#include <sys/stat.h>

static void folders_with_those_above(void **state)
{
    (void)state;
    struct clip_folder folder = clip_folder_new();
    char path[512], file[560];
    struct err err = {0};
    struct stat st;
    snprintf(path, sizeof path, "%s/a/b/c", folder.path);
    CHECK(files_make_folder(path, &err) && stat(path, &st) == 0 && S_ISDIR(st.st_mode));
    CHECK(files_make_folder(path, &err));
    snprintf(file, sizeof file, "%s/x.txt", path);
    CHECK(files_write(file, "one", 3, &err) && files_write(file, "to", 2, &err));
    CHECK(stat(file, &st) == 0 && st.st_size == 2);
    snprintf(file, sizeof file, "%s/x.txt/d", path);
    CHECK(!files_make_folder(file, &err) && err.code == ERR_UNAVAILABLE);
    CHECK_CONTAINS(err.msg, "x.txt/d");
    CHECK(!files_make_folder("", &err) && err.code == ERR_INVALID);
    clip_folder_done(&folder);
}

static void what_cannot_be_written(void **state)
{
    (void)state;
    struct clip_folder folder = clip_folder_new();
    char path[512];
    struct err err = {0};
    snprintf(path, sizeof path, "%s/none/x.jpg", folder.path);
    CHECK(!files_write(path, "x", 1, &err) && err.code == ERR_UNAVAILABLE);
    CHECK_CONTAINS(err.msg, "none/x.jpg: No such file");
    CHECK(!files_write("/dev/full", "x", 1, &err));
    CHECK_CONTAINS(err.msg, "/dev/full: No space left");
    CHECK(!files_write_jpeg(path, NULL, 80, &err) && err.code == ERR_EXHAUSTED);
    clip_folder_done(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folders_with_those_above),
        cmocka_unit_test(what_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
