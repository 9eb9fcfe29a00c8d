#include "store/snapshot.h"

#include "model/picture.h"
#include "store/dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PICTURE_WIDTH_MAX 1280 /* px: a full screen page, a third of the bytes of 1080p */
#define PICTURE_QUALITY   85

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void close_dir(DIR **dir)
{
    if (*dir)
        closedir(*dir);
    *dir = NULL;
}

static bool err_errno(struct err *err, const char *what, const char *path)
{
    bool full = errno == ENOSPC || errno == EDQUOT;
    err_set(err, full ? ERR_EXHAUSTED : ERR_UNAVAILABLE, "cannot %s %s: %m", what, path);
    if (full)
        err_hint(err, "make room on the disk; nothing is lost while the program keeps running");
    return false;
}

static const char *file_name(char out[64], const struct uuid *track, bool boxed)
{
    char id[UUID_TEXT_BYTES];
    snprintf(out, 64, "%s%s.jpg", uuid_format(id, track), boxed ? "-boxes" : "");
    return out;
}

bool snapshot_path(const char *dir, const struct uuid *event, const struct uuid *track, bool boxed,
                   char *out, size_t bytes)
{
    char id[UUID_TEXT_BYTES], name[64];
    int n = snprintf(out, bytes, "%s/pictures/%s/%s", dir, uuid_format(id, event),
                     file_name(name, track, boxed));
    return n > 0 && (size_t)n < bytes;
}

static int open_pictures(const char *dir)
{
    char path[STORE_PATH_BYTES];
    snprintf(path, sizeof path, "%s/pictures", dir);
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* The event's directory, made if need be. */
static bool open_event(const char *dir, const struct uuid *event, int *ret_fd, struct err *err)
{
    char id[UUID_TEXT_BYTES], path[STORE_PATH_BYTES];
    snprintf(path, sizeof path, "%s/pictures", dir);
    bool is_first = mkdir(path, 0700) == 0;
    if (!is_first && errno != EEXIST)
        return err_errno(err, "make", path);
    if (is_first && !dir_sync(dir, err)) {
        rmdir(path); /* so that the next try syncs again */
        return false;
    }
    AUTO(close_fd) int parent = open_pictures(dir);
    if (parent < 0)
        return err_errno(err, "open", path);
    bool is_new = mkdirat(parent, uuid_format(id, event), 0700) == 0;
    if (!is_new && errno != EEXIST)
        return err_errno(err, "make picture directory", id);
    int fd = openat(parent, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || (is_new && fsync(parent) != 0)) {
        err_errno(err, "open picture directory", id);
        close_fd(&fd);
        return false;
    }
    *ret_fd = fd;
    return true;
}

static bool write_all(int fd, const uint8_t *data, size_t bytes)
{
    while (bytes > 0) {
        ssize_t n = write(fd, data, bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        data += n;
        bytes -= (size_t)n;
    }
    return true;
}

/* Whole or not at all: whoever reads sees the old picture or the new one. */
static bool replace_file(int dir_fd, const char *name, const uint8_t *data, size_t bytes,
                         struct err *err)
{
    char temporary[80];
    snprintf(temporary, sizeof temporary, "%s.new", name);
    AUTO(close_fd)
    int fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_errno(err, "create picture", temporary);
    if (write_all(fd, data, bytes) && fsync(fd) == 0 &&
        renameat(dir_fd, temporary, dir_fd, name) == 0)
        return true;
    err_errno(err, "write picture", temporary);
    unlinkat(dir_fd, temporary, 0);
    return false;
}

struct jpegs {
    uint8_t *plain, *boxed;
    size_t plain_bytes, boxed_bytes;
};

static void jpegs_done(struct jpegs *j)
{
    free(j->plain);
    free(j->boxed);
}

static bool encode(const struct track *t, struct jpegs *ret, struct err *err)
{
    AUTO(frame_unref)
    struct frame *small = t->picture->width > PICTURE_WIDTH_MAX
                              ? picture_scaled(t->picture, PICTURE_WIDTH_MAX)
                              : frame_ref(t->picture);
    if (!small)
        return err_set(err, ERR_EXHAUSTED, "no memory for a picture");
    char text[PICTURE_TEXT_BYTES];
    struct picture_box box = {t->best.box, picture_label(text, t->label, t->best.score),
                              label_kind(t->label)};
    AUTO(frame_unref) struct frame *drawn = picture_annotated(small, &box, 1);
    if (!drawn)
        return err_set(err, ERR_EXHAUSTED, "no memory for a picture");
    return picture_jpeg(small, PICTURE_QUALITY, &ret->plain, &ret->plain_bytes, err) &&
           picture_jpeg(drawn, PICTURE_QUALITY, &ret->boxed, &ret->boxed_bytes, err);
}

static bool is_known(const struct snapshot_rows *known, const struct track *t)
{
    for (int i = 0; i < known->count; i++)
        if (uuid_equal(&known->items[i].track, &t->id))
            return known->items[i].at_us == t->best.pts_us;
    return false;
}

static bool write_track(int dir_fd, const struct track *t, const struct log *log,
                        struct snapshot_rows *rows, struct err *err)
{
    AUTO(jpegs_done) struct jpegs jpegs = {0};
    struct err why = {0};
    if (!encode(t, &jpegs, &why)) {
        log_err(log, LOG_WARN, &why);
        return true;
    }
    char plain[64], boxed[64];
    if (!replace_file(dir_fd, file_name(plain, &t->id, false), jpegs.plain, jpegs.plain_bytes,
                      err) ||
        !replace_file(dir_fd, file_name(boxed, &t->id, true), jpegs.boxed, jpegs.boxed_bytes, err))
        return false;
    rows->items[rows->count++] = (struct snapshot_row){
        .track = t->id,
        .at_us = t->best.pts_us,
        .bytes = (int64_t)(jpegs.plain_bytes + jpegs.boxed_bytes)};
    return true;
}

bool snapshot_write(const char *dir, const struct event *event, const struct snapshot_rows *known,
                    const struct log *log, struct snapshot_rows *ret, struct err *err)
{
    ret->count = 0;
    AUTO(close_fd) int fd = -1;
    for (int i = 0; i < event->track_count; i++) {
        const struct track *t = &event->tracks[i];
        if (!t->picture || is_known(known, t))
            continue;
        if (fd < 0 && !open_event(dir, &event->id, &fd, err))
            return false;
        if (!write_track(fd, t, log, ret, err))
            return false;
    }
    if (ret->count > 0 && fsync(fd) != 0)
        return err_errno(err, "write pictures to", dir);
    return true;
}

struct snapshot_row *snapshot_row_of(struct snapshot_rows *rows, const char *name)
{
    for (int i = 0; i < rows->count; i++) {
        char plain[64], boxed[64];
        if (strcmp(name, file_name(plain, &rows->items[i].track, false)) == 0 ||
            strcmp(name, file_name(boxed, &rows->items[i].track, true)) == 0)
            return &rows->items[i];
    }
    return NULL;
}

void snapshot_measure(const char *dir, const struct uuid *event, struct snapshot_rows *rows)
{
    for (int i = 0; i < rows->count; i++)
        rows->items[i].bytes = 0;
    char id[UUID_TEXT_BYTES];
    AUTO(close_fd) int parent = open_pictures(dir);
    int fd = parent < 0 ? -1
                        : openat(parent, uuid_format(id, event),
                                 O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    AUTO(close_dir) DIR *files = fd >= 0 ? fdopendir(fd) : NULL;
    if (!files) {
        close_fd(&fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(files));) {
        struct snapshot_row *row = snapshot_row_of(rows, entry->d_name);
        struct stat st;
        if (row && fstatat(dirfd(files), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            row->bytes += st.st_size;
        else if (entry->d_name[0] != '.')
            unlinkat(dirfd(files), entry->d_name, 0);
    }
}

static void remove_at(int parent, const char *name)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return;
    AUTO(close_dir) DIR *dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_name[0] != '.')
            unlinkat(dirfd(dir), entry->d_name, 0);
    unlinkat(parent, name, AT_REMOVEDIR);
}

void snapshot_remove(const char *dir, const struct uuid *event)
{
    char id[UUID_TEXT_BYTES];
    AUTO(close_fd) int parent = open_pictures(dir);
    if (parent >= 0)
        remove_at(parent, uuid_format(id, event));
}

int64_t snapshot_sweep(const char *dir, snapshot_wanted_fn *wanted, void *ctx, struct err *err)
{
    int fd = open_pictures(dir);
    AUTO(close_dir) DIR *pictures = fd >= 0 ? fdopendir(fd) : NULL;
    if (!pictures) {
        close_fd(&fd);
        return 0; /* no picture was ever written */
    }
    int64_t removed = 0;
    for (struct dirent *entry; (entry = readdir(pictures));) {
        struct uuid event;
        bool keep = true;
        if (!uuid_parse(entry->d_name, &event))
            continue; /* not ours to touch */
        if (!wanted(ctx, &event, &keep, err))
            return -1;
        if (!keep) {
            remove_at(dirfd(pictures), entry->d_name);
            removed++;
        }
    }
    return removed;
}
