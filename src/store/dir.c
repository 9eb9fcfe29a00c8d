#include "store/dir.h"

#include "store/db.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool dir_sync(const char *path, struct err *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* Some file systems cannot sync directories, and need not. */
    bool ok = fd >= 0 && (fsync(fd) == 0 || errno == EINVAL);
    if (!ok)
        err_set(err, errno == ENOSPC || errno == EDQUOT ? ERR_EXHAUSTED : ERR_UNAVAILABLE,
                "cannot sync the directory %s: %m", path);
    if (fd >= 0)
        close(fd);
    return ok;
}

/* Somebody else's directory above ours may be closed to reading: then its names are their care. */
static bool sync_parent(const char *path, struct err *err)
{
    char parent[STORE_DIR_BYTES];
    STR_COPY(parent, path);
    char *slash = strrchr(parent, '/');
    if (!slash)
        STR_COPY(parent, ".");
    else
        slash[slash == parent] = '\0';
    return access(parent, R_OK) != 0 || dir_sync(parent, err);
}

static bool make_one(const char *path, bool last, struct err *err)
{
    bool is_new = mkdir(path, 0700) == 0;
    if (!is_new && errno != EEXIST)
        return err_set(err, ERR_UNAVAILABLE, "cannot make the directory %s: %m", path);
    return (!is_new && !last) || sync_parent(path, err);
}

bool dir_make(const char *path, struct err *err)
{
    char part[STORE_DIR_BYTES];
    if (!STR_COPY(part, path))
        return err_set(err, ERR_INVALID, "the directory's path is longer than %d bytes: %s",
                       STORE_DIR_BYTES - 1, path);
    for (size_t n = strlen(part); n > 1 && part[n - 1] == '/'; n--)
        part[n - 1] = '\0';
    for (char *slash = part + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        if (!make_one(part, false, err))
            return false;
        *slash = '/';
    }
    return make_one(part, true, err) && dir_sync(part, err);
}
