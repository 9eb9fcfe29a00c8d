#include "store/fsck_files.h"

#include "store/snapshot.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Beside a hsi that writes: files go before rows, and rows before files, within milliseconds. What
 * is younger than this may be on its way. */
#define SETTLED_US (60 * US_PER_S)

#define EVENTS_AT_ONCE 64

#define FSCK_PATH_BYTES (STORE_PATH_BYTES + 260) /* and the longest name of a file */

struct files {
    const char *dir;
    struct db *db;
    const struct check *check;
};

/* A kind of finding, and the words for it. */
struct kind {
    const char *what, *mends;
};

static void PRINTF(5, 6) tell(const struct files *f, const struct kind *kind, bool by_start,
                              const char *where, const char *fmt, ...)
{
    char text[200];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    const struct fsck_finding finding = {
        .what = kind->what,
        .where = where,
        .text = text,
        .mends = kind->mends,
        .by_start = by_start,
        .is_note = kind->mends == NULL,
    };
    f->check->fn(f->check->ctx, &finding);
}

static void close_dir(DIR **dir)
{
    if (*dir)
        closedir(*dir);
    *dir = NULL;
}

/* Nothing at the path has changed for a while, or nothing is there. */
static bool is_settled(const struct files *f, const char *path)
{
    struct stat st;
    if (!f->check->in_use || lstat(path, &st) != 0)
        return true;
    int64_t changed_us = (int64_t)st.st_mtim.tv_sec * US_PER_S + st.st_mtim.tv_nsec / 1000;
    return clock_wall_us(&clock_real) - changed_us > SETTLED_US;
}

/* -1: not there. */
static int64_t file_bytes(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISREG(st.st_mode) ? (int64_t)st.st_size : -1;
}

static void event_path(const struct files *f, const struct uuid *event, char out[FSCK_PATH_BYTES])
{
    char id[UUID_TEXT_BYTES];
    snprintf(out, FSCK_PATH_BYTES, "%s/pictures/%s", f->dir, uuid_format(id, event));
}

/* --- rows -> files --- */

/* Both files of a picture. */
struct pair {
    char plain[FSCK_PATH_BYTES], boxed[FSCK_PATH_BYTES];
    int64_t plain_bytes, boxed_bytes;
    int64_t bytes; /* both; 0 unless both are there */
};

static void look_at_pair(const struct files *f, const struct uuid *event, const struct uuid *track,
                         struct pair *ret)
{
    (void)!snapshot_path(f->dir, event, track, false, ret->plain, sizeof ret->plain);
    (void)!snapshot_path(f->dir, event, track, true, ret->boxed, sizeof ret->boxed);
    ret->plain_bytes = file_bytes(ret->plain);
    ret->boxed_bytes = file_bytes(ret->boxed);
    bool whole = ret->plain_bytes > 0 && ret->boxed_bytes > 0;
    ret->bytes = whole ? ret->plain_bytes + ret->boxed_bytes : 0;
}

static bool lost_picture(const struct files *f, const struct uuid *event,
                         const struct snapshot_row *row, const struct pair *pair, bool open,
                         struct err *err)
{
    static const struct kind lost = {"picture", "deletes its row, and what is left of it"};
    tell(f, &lost, open, pair->plain_bytes > 0 ? pair->boxed : pair->plain,
         "the file is empty or not there, although a row names it");
    if (!f->check->mend)
        return true;
    unlink(pair->plain);
    unlink(pair->boxed);
    return db_drop_snapshot(f->db, event, &row->track, err);
}

static bool other_size(const struct files *f, const struct uuid *event,
                       const struct snapshot_row *row, const struct pair *pair, bool open,
                       struct err *err)
{
    static const struct kind size = {"picture", "takes the size of the files"};
    tell(f, &size, open, pair->plain, "both files have %lld bytes, their row says %lld",
         (long long)pair->bytes, (long long)row->bytes);
    struct snapshot_rows measured = {.count = 1, .items = {*row}};
    measured.items[0].bytes = pair->bytes;
    return !f->check->mend || db_put_snapshots(f->db, event, &measured, err);
}

/* A row that says no bytes is one whose files a crash has taken, and that has been told. */
static bool check_picture(const struct files *f, const struct uuid *event,
                          const struct snapshot_row *row, bool open, struct err *err)
{
    struct pair pair;
    look_at_pair(f, event, &row->track, &pair);
    if (pair.bytes == row->bytes)
        return true;
    if (pair.bytes == 0)
        return lost_picture(f, event, row, &pair, open, err);
    return other_size(f, event, row, &pair, open, err);
}

static bool same_rows(const struct snapshot_rows *a, const struct snapshot_rows *b)
{
    if (a->count != b->count)
        return false;
    for (int i = 0; i < a->count; i++)
        if (!uuid_equal(&a->items[i].track, &b->items[i].track) ||
            a->items[i].at_us != b->items[i].at_us || a->items[i].bytes != b->items[i].bytes)
            return false;
    return true;
}

/* Rows that have changed or gone since the files were looked at tell nothing of them: rows go
 * first, files after. */
static bool is_steady(const struct files *f, const struct uuid *event,
                      const struct snapshot_rows *rows, bool *ret, struct err *err)
{
    bool wrong = false;
    for (int i = 0; i < rows->count && !wrong; i++) {
        struct pair pair;
        look_at_pair(f, event, &rows->items[i].track, &pair);
        wrong = pair.bytes != rows->items[i].bytes;
    }
    char path[FSCK_PATH_BYTES];
    event_path(f, event, path);
    *ret = !wrong || is_settled(f, path);
    if (!wrong || !*ret)
        return true;
    struct snapshot_rows again;
    if (!db_event_snapshots(f->db, event, &again, err))
        return false;
    *ret = same_rows(rows, &again);
    return true;
}

static bool check_event(const struct files *f, const struct uuid *event, struct err *err)
{
    struct snapshot_rows rows;
    bool closed, steady = true;
    if (!db_event_closed(f->db, event, &closed, err) ||
        !db_event_snapshots(f->db, event, &rows, err))
        return false;
    if (f->check->in_use && !is_steady(f, event, &rows, &steady, err))
        return false;
    if (!steady || (f->check->in_use && !closed))
        return true;
    for (int i = 0; i < rows.count; i++)
        if (!check_picture(f, event, &rows.items[i], !closed, err))
            return false;
    return true;
}

bool fsck_pictures(const char *dir, struct db *db, const struct check *check, struct err *err)
{
    const struct files f = {dir, db, check};
    struct uuid last = {0}, events[EVENTS_AT_ONCE];
    int count;
    do {
        if (!db_pictured_events(db, &last, events, EVENTS_AT_ONCE, &count, err))
            return false;
        for (int i = 0; i < count; i++)
            if (!check_event(&f, &events[i], err))
                return false;
        if (count > 0)
            last = events[count - 1];
    } while (count == EVENTS_AT_ONCE);
    return true;
}

/* --- files -> rows --- */

static bool ends_with(const char *text, const char *ending)
{
    size_t length = strlen(text), ending_length = strlen(ending);
    return length >= ending_length && strcmp(text + length - ending_length, ending) == 0;
}

static void stray_file(const struct files *f, const char *path, bool by_start, const char *text)
{
    static const struct kind stray = {"stray file", "removes it"};
    if (!is_settled(f, path))
        return;
    tell(f, &stray, by_start, path, "%s", text);
    if (f->check->mend)
        unlink(path);
}

static bool check_event_folder(const struct files *f, const char *path, const struct uuid *event,
                               struct err *err)
{
    AUTO(close_dir) DIR *dir = opendir(path);
    if (!dir)
        return true; /* gone meanwhile, or no folder and so not ours */
    for (struct dirent *entry; (entry = readdir(dir));) {
        struct snapshot_rows rows;
        bool closed;
        if (entry->d_name[0] == '.')
            continue;
        if (!db_event_snapshots(f->db, event, &rows, err) ||
            !db_event_closed(f->db, event, &closed, err))
            return false;
        if (snapshot_row_of(&rows, entry->d_name) || (f->check->in_use && !closed))
            continue;
        char file[FSCK_PATH_BYTES];
        snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        stray_file(f, file, !closed,
                   ends_with(entry->d_name, ".new") ? "half a picture" : "no row names it");
    }
    return true;
}

static bool check_folder(const struct files *f, const char *name, struct err *err)
{
    static const struct kind orphan = {"stray pictures", "removes them"};
    static const struct kind stranger = {"stranger", NULL};
    struct uuid event;
    bool exists;
    char path[FSCK_PATH_BYTES];
    snprintf(path, sizeof path, "%s/pictures/%s", f->dir, name);
    if (!uuid_parse(name, &event)) {
        tell(f, &stranger, false, path, "not made by this program, and left alone");
        return true;
    }
    if (!db_event_exists(f->db, &event, &exists, err))
        return false;
    if (exists)
        return check_event_folder(f, path, &event, err);
    if (!is_settled(f, path) || access(path, F_OK) != 0)
        return true;
    tell(f, &orphan, true, path, "the event is not there");
    if (f->check->mend)
        snapshot_remove(f->dir, &event);
    return true;
}

/* Copies made before an upgrade get their own name when they are complete. */
static void check_backups(const struct files *f)
{
    AUTO(close_dir) DIR *dir = opendir(f->dir);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char path[FSCK_PATH_BYTES];
        if (strncmp(entry->d_name, "hsi.db.before-", 14) != 0 || !ends_with(entry->d_name, ".new"))
            continue;
        snprintf(path, sizeof path, "%s/%s", f->dir, entry->d_name);
        stray_file(f, path, false, "half a copy of the database");
    }
}

bool fsck_strays(const char *dir, struct db *db, const struct check *check, struct err *err)
{
    const struct files f = {dir, db, check};
    check_backups(&f);
    char path[FSCK_PATH_BYTES];
    snprintf(path, sizeof path, "%s/pictures", dir);
    AUTO(close_dir) DIR *pictures = opendir(path);
    for (struct dirent *entry; pictures && (entry = readdir(pictures));)
        if (entry->d_name[0] != '.' && !check_folder(&f, entry->d_name, err))
            return false;
    return true;
}
