#include "cli/files.h"

#include "model/picture.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

bool files_make_folder(const char *path, struct err *err)
{
    char partial[PATH_MAX];
    if (!path[0] || !STR_COPY(partial, path))
        return err_set(err, ERR_INVALID, "'%.80s' is no path of a folder", path);
    for (char *p = partial + 1;; p++) {
        if (*p && *p != '/')
            continue;
        char c = *p;
        *p = '\0';
        if (mkdir(partial, 0777) != 0 && errno != EEXIST)
            return err_set(err, ERR_UNAVAILABLE, "cannot make folder %s: %s", partial,
                           strerror(errno));
        *p = c;
        if (!c)
            return true;
    }
}

bool files_write(const char *path, const void *data, size_t bytes, struct err *err)
{
    FILE *file = fopen(path, "wb");
    bool ok = file && fwrite(data, 1, bytes, file) == bytes;
    if (file && fclose(file) != 0)
        ok = false;
    return ok || err_set(err, ERR_UNAVAILABLE, "cannot write %s: %s", path, strerror(errno));
}

bool files_write_jpeg(const char *path, const struct frame *frame, int quality, struct err *err)
{
    if (!frame)
        return err_set(err, ERR_EXHAUSTED, "no memory for %s", path);
    AUTO(free_ptr) uint8_t *jpeg = NULL;
    size_t bytes;
    return picture_jpeg(frame, quality, &jpeg, &bytes, err) && files_write(path, jpeg, bytes, err);
}
