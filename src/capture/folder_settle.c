#include "capture/folder_settle.h"

#include "capture/folder_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_BYTES  256
#define END_MAX     16   /* of a name, from the last point: what is longer is no ending */
#define CLASHES_MAX 1000 /* files of one name and time that are told apart */

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static bool fail(const char *doing, struct err *err)
{
    int error = errno;
    err_set(err, ERR_UNAVAILABLE, "cannot %s: %s", doing, strerror(error));
    if (error == EACCES || error == EPERM || error == EROFS)
        err_hint(err, "let hsi write in the folder, or set 'after: keep'");
    else if (error == ENOSPC || error == EDQUOT)
        err_hint(err, "make room on the disk");
    return false;
}

static bool is_it(int dir, const char *name, const struct file_id *id)
{
    struct stat st;
    struct file_id there;
    return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
           (there = file_id_of(&st), file_id_same(&there, id));
}

/* Gives a file another name that nobody has; false and errno, EEXIST if somebody does. */
static bool rename_free(int from, const char *name, int to, const char *new_name)
{
    if (renameat2(from, name, to, new_name, RENAME_NOREPLACE) == 0)
        return true;
    if (errno != EINVAL && errno != ENOSYS)
        return false;
    /* Network and memory-card file systems cannot do both in one step. */
    struct stat st;
    if (fstatat(to, new_name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        errno = EEXIST;
        return false;
    }
    return errno == ENOENT && renameat(from, name, to, new_name) == 0;
}

/* The name with a number before its end, cut to what a file system takes. */
static void number_name(char out[NAME_BYTES], const char *name, long long number)
{
    const char *dot = strrchr(name, '.');
    int stem = dot && dot != name ? (int)(dot - name) : (int)strlen(name);
    const char *end = strlen(name + stem) > END_MAX ? "" : name + stem;
    char tail[END_MAX + 32];
    int n = snprintf(tail, sizeof tail, "-%lld%s", number, end);
    snprintf(out, NAME_BYTES, "%.*s%s", MIN(stem, NAME_BYTES - 1 - n), name, tail);
}

/* Renames it to the first free name: cameras that upload their one picture under one name have the
 * time of each behind it, in ms. */
static bool rename_numbered(int from, const char *name, int to, const char *wanted,
                            const struct file_id *id, char ret_name[NAME_BYTES])
{
    snprintf(ret_name, NAME_BYTES, "%s", wanted);
    for (int i = 0; i < CLASHES_MAX; i++) {
        if (rename_free(from, name, to, ret_name))
            return true;
        if (errno != EEXIST)
            return false;
        number_name(ret_name, wanted, id->mtime_ns / 1000000 + i);
    }
    return false;
}

/* Opens the folder of path below root, and gives the last part of path. */
static int open_parent(int root, const char *path, const char **ret_name)
{
    char parent[WATCH_PATH_BYTES];
    const char *slash = strrchr(path, '/');
    *ret_name = slash ? slash + 1 : path;
    snprintf(parent, sizeof parent, "%.*s", slash ? (int)(slash - path) : 0, path);
    return watch_open_below(root, parent, O_RDONLY | O_DIRECTORY);
}

/* Creates what is missing of into/<folders of path> below root, and opens it. */
static int make_parent(int root, const char *into, const char *path)
{
    char all[WATCH_PATH_BYTES + NAME_BYTES];
    snprintf(all, sizeof all, "%s/%s", into, path);
    int at = root;
    for (char *part = all, *slash; (slash = strchr(part, '/')); part = slash + 1) {
        *slash = '\0';
        int fd = -1;
        if (mkdirat(at, part, 0777) == 0 || errno == EEXIST)
            fd = openat(at, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int error = errno;
        if (at != root)
            close(at);
        errno = error;
        if (fd < 0)
            return -1;
        at = fd;
    }
    return at;
}

bool settle_move(int root, const char *path, const struct file_id *id, const char *into,
                 struct err *err)
{
    const char *name;
    AUTO(close_fd) int from = open_parent(root, path, &name);
    if (from < 0 || !is_it(from, name, id))
        return true;
    AUTO(close_fd) int to = make_parent(root, into, path);
    char put[NAME_BYTES], back[NAME_BYTES];
    if (to < 0 || !rename_numbered(from, name, to, name, id, put))
        return errno == ENOENT || fail("move it", err);
    if (is_it(to, put, id))
        return true;
    return rename_numbered(to, put, from, name, id, back) || fail("move another back", err);
}

bool settle_delete(int root, const char *path, const struct file_id *id, struct err *err)
{
    const char *name;
    AUTO(close_fd) int dir = open_parent(root, path, &name);
    if (dir < 0 || !is_it(dir, name, id))
        return true;
    /* Out of everybody's way first: what is deleted is then what was looked at. */
    char wanted[32], away[NAME_BYTES], back[NAME_BYTES];
    snprintf(wanted, sizeof wanted, ".hsi-%llx", (unsigned long long)id->inode);
    if (!rename_numbered(dir, name, dir, wanted, id, away))
        return errno == ENOENT || fail("delete it", err);
    if (!is_it(dir, away, id))
        return rename_numbered(dir, away, dir, name, id, back) || fail("move another back", err);
    return unlinkat(dir, away, 0) == 0 || fail("delete it", err);
}
