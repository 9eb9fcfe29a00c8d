#include "capture/folder_watch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define EVENTS                                                                                     \
    (IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF |        \
     IN_ONLYDIR | IN_EXCL_UNLINK)
#define EVENT_ROOM (64 * 1024)
#define BELOW_MAX  (4 * WATCH_FOLDERS_MAX) /* folders in one folder that are compared at all */
#define NEWS_MAX   256 /* names that inotify told something about; the oldest are forgotten */
/* A folder is read at most for one twentieth of the time, however many files lie in it. */
#define REST_SHARE 20
/* A folder's time ticks this coarsely at worst (FAT: 2 s): news within it may not show. */
#define TICK_NS (INT64_C(4) * 1000000000)

struct news {
    int wd;
    uint64_t name; /* hash */
    bool closed;   /* else it is being written */
    int64_t at_us;
};

struct folder {
    char *path; /* below the root; empty: the root */
    int level;
    int wd; /* -1: without events */
    int64_t mtime_ns;
    bool racy;       /* read so soon after its time that it may have changed since */
    int64_t due_us;  /* when to read it; INT64_MAX: when something changes */
    int64_t cost_us; /* of reading it */
    int waiting;
    bool has_below; /* folders in the list, by the latest full pass */
    int below_count;
};

struct watch {
    char *path;
    int root;
    int events; /* inotify; -1: there is none */
    struct folder *folders;
    int folder_count;
    bool full;
    uint32_t pass;
    int64_t rescan_us, full_us; /* when they are due */
    struct news news[NEWS_MAX];
    unsigned news_next;
};

void watch_batch_clear(struct watch_batch *b)
{
    for (int i = 0; i < b->count; i++)
        free(b->items[i].path);
    b->count = 0;
}

static int64_t mtime_ns(const struct stat *st)
{
    return file_id_of(st).mtime_ns;
}

/* FNV-1a: who finds two names of one hash delays a file of his own. */
static uint64_t hash_name(const char *name)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
    return h;
}

int watch_open_below(int root, const char *path, int flags)
{
    const char *part = path[0] ? path : ".";
    int at = root;
    for (;;) {
        char name[256];
        size_t n = strcspn(part, "/");
        bool last = part[n] == '\0';
        int fd = -1;
        int error = ENAMETOOLONG;
        if (n < sizeof name) {
            snprintf(name, sizeof name, "%.*s", (int)n, part);
            int how = last ? flags : O_RDONLY | O_DIRECTORY;
            fd = openat(at, name, how | O_NOFOLLOW | O_CLOEXEC);
            error = errno;
        }
        if (at != root)
            close(at);
        errno = error;
        if (fd < 0 || last)
            return fd;
        at = fd;
        part += n + 1;
    }
}

/* --- folders --- */

static void add_events(struct watch *w, struct folder *f, int fd)
{
    if (w->events < 0 || f->wd >= 0)
        return;
    /* By descriptor, so that no path is walked a second time. Without room for another watch (a
     * limit of the system) this folder is found by scanning. */
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    f->wd = inotify_add_watch(w->events, path, EVENTS);
}

static void drop_folder(struct watch *w, int index)
{
    struct folder *f = &w->folders[index];
    if (f->wd >= 0)
        inotify_rm_watch(w->events, f->wd);
    free(f->path);
    *f = w->folders[--w->folder_count];
}

/* Makes room by forgetting the folder that was changed longest ago, if that is older. What is
 * forgotten is replaced in place: the pass that is under way goes on behind it. */
static struct folder *make_room(struct watch *w, int64_t newer_ns)
{
    struct folder *oldest = NULL;
    w->full = true;
    for (int i = 1; i < w->folder_count; i++) {
        struct folder *f = &w->folders[i];
        bool older = f->mtime_ns < (oldest ? oldest->mtime_ns : newer_ns);
        if (older && f->waiting == 0 && f->due_us == INT64_MAX && !f->has_below)
            oldest = f;
    }
    if (!oldest)
        return NULL;
    if (oldest->wd >= 0)
        inotify_rm_watch(w->events, oldest->wd);
    free(oldest->path);
    return oldest;
}

static void add_folder(struct watch *w, const char *path, int level, int64_t time_ns)
{
    for (int i = 0; i < w->folder_count; i++)
        if (strcmp(w->folders[i].path, path) == 0)
            return;
    struct folder *f = &w->folders[w->folder_count];
    if (w->folder_count == WATCH_FOLDERS_MAX)
        f = make_room(w, time_ns);
    else
        w->folder_count++;
    if (f)
        *f = (struct folder){.path = xstrdup(path), .level = level, .wd = -1, .mtime_ns = time_ns};
}

/* --- events --- */

static void note_news(struct watch *w, const struct inotify_event *e, int64_t now_us)
{
    uint64_t name = hash_name(e->name);
    struct news *n = NULL;
    for (unsigned i = 0; i < NEWS_MAX && !n; i++)
        if (w->news[i].wd == e->wd && w->news[i].name == name)
            n = &w->news[i];
    if (!n)
        n = &w->news[w->news_next++ % NEWS_MAX];
    bool closed = e->mask & (IN_CLOSE_WRITE | IN_MOVED_TO);
    *n = (struct news){e->wd, name, closed, now_us};
}

static void take_event(struct watch *w, const struct inotify_event *e, int64_t now_us)
{
    if (e->mask & IN_Q_OVERFLOW) {
        memset(w->news, 0, sizeof w->news);
        w->rescan_us = w->full_us = MIN(w->full_us, now_us + WATCH_DEBOUNCE_US);
        return;
    }
    for (int i = 0; i < w->folder_count; i++) {
        struct folder *f = &w->folders[i];
        if (f->wd != e->wd)
            continue;
        if (e->mask & IN_IGNORED)
            f->wd = -1;
        if (!(e->mask & IN_MODIFY)) /* its end is awaited */
            f->due_us = MIN(f->due_us, now_us + MAX(WATCH_DEBOUNCE_US, REST_SHARE * f->cost_us));
        if (e->len > 0 && !(e->mask & IN_ISDIR))
            note_news(w, e, now_us);
        return;
    }
}

static void read_events(struct watch *w, int64_t now_us)
{
    _Alignas(struct inotify_event) char room[EVENT_ROOM];
    if (w->events < 0)
        return;
    ssize_t got;
    while ((got = read(w->events, room, sizeof room)) > 0) {
        for (ssize_t at = 0; at < got;) {
            const struct inotify_event *e = (const void *)(room + at);
            take_event(w, e, now_us);
            at += (ssize_t)(sizeof *e + e->len);
        }
    }
}

static const struct news *news_of(const struct watch *w, int wd, const char *name)
{
    uint64_t hash = hash_name(name);
    for (int i = 0; wd >= 0 && i < NEWS_MAX; i++)
        if (w->news[i].wd == wd && w->news[i].name == hash)
            return &w->news[i];
    return NULL;
}

/* --- files --- */

/* Hidden files and those that are to get their real name when they are whole. */
static bool is_unfinished(const char *name)
{
    static const char *const ends[] = {".part", ".partial", ".filepart",   ".tmp",
                                       ".temp", ".upload",  ".crdownload", "~"};
    if (name[0] == '.')
        return true;
    size_t n = strlen(name);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        size_t e = strlen(ends[i]);
        if (n >= e && strcasecmp(name + n - e, ends[i]) == 0)
            return true;
    }
    return false;
}

/* When the file may be taken to be whole. */
static int64_t rest_us(const struct watch *w, const struct folder *f, const char *name,
                       const struct known_file *k)
{
    const struct news *n = news_of(w, f->wd, name);
    if (!n)
        return k->at_us + WATCH_STABLE_US;
    if (n->closed)
        return n->at_us + WATCH_DEBOUNCE_US;
    return MAX(k->at_us, n->at_us) + WATCH_WRITING_US;
}

/* One of the items that were put in, by the time they were written last. */
static int newest(const struct watch_batch *b)
{
    int at = 0;
    for (int i = 1; i < b->count; i++)
        if (b->items[i].id.mtime_ns > b->items[at].id.mtime_ns)
            at = i;
    return at;
}

/* False: no room for it this time. */
static bool give(const struct watch *w, struct watch_batch *b, const struct folder *f,
                 const char *name, const struct known_file *k)
{
    struct watch_item *item = &b->items[b->count];
    bool had_room = b->count < WATCH_BATCH_MAX;
    if (!had_room) {
        item = &b->items[newest(b)];
        if (k->id.mtime_ns >= item->id.mtime_ns)
            return false;
        w->folders[item->folder].due_us = 0;
        free(item->path);
    } else {
        b->count++;
    }
    char path[WATCH_PATH_BYTES];
    snprintf(path, sizeof path, "%s%s%s", f->path, f->path[0] ? "/" : "", name);
    *item = (struct watch_item){xstrdup(path), k->id, k->state, (int)(f - w->folders)};
    return true;
}

static void see_file(struct watch *w, struct folder *f, const char *name, const struct stat *st,
                     struct known *known, int64_t now_us, struct watch_batch *b)
{
    struct file_id id = file_id_of(st);
    struct known_file *k = known_see(known, &id, now_us);
    if (!k) {
        w->full = true;
        return;
    }
    k->seen = w->pass;
    if (k->state == KNOWN_TAKEN)
        return;
    f->waiting += k->state == KNOWN_WAITING;
    int64_t due_us = k->state == KNOWN_WAITING ? rest_us(w, f, name, k) : k->at_us;
    if (due_us <= now_us && !give(w, b, f, name, k))
        due_us = 0; /* again as soon as there is room */
    if (due_us > now_us || due_us == 0)
        f->due_us = MIN(f->due_us, due_us);
}

static void see_entry(struct watch *w, int index, int fd, const struct dirent *entry,
                      struct known *known, int64_t now_us, struct watch_batch *b)
{
    struct stat st;
    bool maybe = entry->d_type == DT_REG || entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN;
    if (!maybe || is_unfinished(entry->d_name) ||
        fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return;
    struct folder *f = &w->folders[index];
    if (S_ISREG(st.st_mode)) {
        see_file(w, f, entry->d_name, &st, known, now_us, b);
    } else if (S_ISDIR(st.st_mode) && f->level < WATCH_LEVELS_MAX && f->below_count++ < BELOW_MAX) {
        f->has_below = true;
        char path[WATCH_PATH_BYTES];
        snprintf(path, sizeof path, "%s%s%s", f->path, f->path[0] ? "/" : "", entry->d_name);
        add_folder(w, path, f->level + 1, mtime_ns(&st));
    }
}

/* False: it is gone. */
static bool read_folder(struct watch *w, int index, struct known *known, int64_t now_us,
                        struct watch_batch *b)
{
    struct folder *f = &w->folders[index];
    int64_t start_us = clock_mono_us(&clock_real);
    int fd = watch_open_below(w->root, f->path, O_RDONLY | O_DIRECTORY);
    struct stat st;
    DIR *dir = fd >= 0 && fstat(fd, &st) == 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        bool gone = errno == ENOENT || errno == ENOTDIR || errno == ELOOP;
        if (fd >= 0)
            close(fd);
        f->due_us = now_us + WATCH_RESCAN_US;
        return !gone;
    }
    add_events(w, f, fd);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    f->mtime_ns = mtime_ns(&st);
    f->racy = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec - f->mtime_ns < TICK_NS;
    f->due_us = INT64_MAX;
    f->waiting = f->below_count = 0;
    f->has_below = false;
    const struct dirent *entry;
    while ((entry = readdir(dir)))
        see_entry(w, index, fd, entry, known, now_us, b);
    closedir(dir);
    w->folders[index].cost_us = clock_mono_us(&clock_real) - start_us;
    return true;
}

/* --- the whole --- */

static bool fail_root(const char *path, int error, struct err *err)
{
    if (error == ENOENT || error == ENOTDIR) {
        err_set(err, ERR_NOT_FOUND, "folder %s is not there", path);
        err_hint(err, "create it, or mount its disk; it is looked for all the time");
    } else if (error == EACCES || error == EPERM) {
        err_set(err, ERR_UNAVAILABLE, "no permission to read folder %s", path);
        err_hint(err, "let the user that runs hsi read it and the folders above it");
    } else {
        err_set(err, ERR_UNAVAILABLE, "cannot read folder %s: %s", path, strerror(error));
    }
    return false;
}

bool watch_open(const char *path, struct watch **ret, struct err *err)
{
    int root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return fail_root(path, errno, err);
    if (faccessat(root, ".", R_OK | X_OK, AT_EACCESS) != 0) {
        int error = errno;
        close(root);
        return fail_root(path, error, err);
    }
    struct watch *w = NEW(struct watch);
    w->path = xstrdup(path);
    w->root = root;
    w->events = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    w->folders = xcalloc(WATCH_FOLDERS_MAX, sizeof *w->folders);
    w->full_us = w->rescan_us = INT64_MIN;
    add_folder(w, "", 0, 0);
    *ret = w;
    return true;
}

void watch_close(struct watch **watch)
{
    struct watch *w = *watch;
    if (!w)
        return;
    while (w->folder_count > 0)
        free(w->folders[--w->folder_count].path);
    free(w->folders);
    if (w->events >= 0)
        close(w->events);
    close(w->root);
    free(w->path);
    free(w);
    *watch = NULL;
}

/* Whether the path still leads to the folder that was opened. */
static bool check_root(const struct watch *w, struct err *err)
{
    struct stat there, here;
    if (stat(w->path, &there) != 0 || fstat(w->root, &here) != 0)
        return fail_root(w->path, errno, err);
    if (there.st_dev != here.st_dev || there.st_ino != here.st_ino)
        return err_set(err, ERR_UNAVAILABLE, "folder %s was replaced by another", w->path);
    if (faccessat(w->root, ".", R_OK | X_OK, AT_EACCESS) != 0)
        return fail_root(w->path, errno, err);
    return true;
}

/* Makes those due whose own time has changed. */
static void find_changed(struct watch *w)
{
    for (int i = 0; i < w->folder_count; i++) {
        struct folder *f = &w->folders[i];
        struct stat st;
        if (fstatat(w->root, f->path[0] ? f->path : ".", &st, AT_SYMLINK_NOFOLLOW) != 0 ||
            mtime_ns(&st) != f->mtime_ns || f->racy)
            f->due_us = INT64_MIN;
    }
}

static int by_age(const void *a, const void *b)
{
    const struct watch_item *x = a, *y = b;
    if (x->id.mtime_ns != y->id.mtime_ns)
        return x->id.mtime_ns < y->id.mtime_ns ? -1 : 1;
    return strcmp(x->path, y->path);
}

bool watch_scan(struct watch *w, struct known *known, int64_t now_us, struct watch_batch *batch,
                struct err *err)
{
    ASSERT(batch->count == 0);
    if (!check_root(w, err))
        return false;
    read_events(w, now_us);
    bool full = now_us >= w->full_us;
    if (full) {
        w->pass++;
        w->full = false;
        w->full_us = now_us + WATCH_FULL_US;
        for (int i = 0; i < w->folder_count; i++)
            w->folders[i].due_us = INT64_MIN;
    } else if (now_us >= w->rescan_us) {
        find_changed(w);
    }
    if (now_us >= w->rescan_us)
        w->rescan_us = now_us + WATCH_RESCAN_US;
    /* The list grows while it is read, and the last takes the place of one that is gone. */
    for (int i = 0; i < w->folder_count;) {
        if (w->folders[i].due_us <= now_us && !read_folder(w, i, known, now_us, batch) && i > 0)
            drop_folder(w, i);
        else
            i++;
    }
    if (full)
        known_sweep(known, w->pass);
    qsort(batch->items, (size_t)batch->count, sizeof batch->items[0], by_age);
    return true;
}

int64_t watch_due_us(const struct watch *w)
{
    int64_t due_us = MIN(w->rescan_us, w->full_us);
    for (int i = 0; i < w->folder_count; i++)
        due_us = MIN(due_us, w->folders[i].due_us);
    return due_us;
}

void watch_wait(struct watch *w, const struct clock *clock, int64_t timeout_us)
{
    int64_t now_us = clock_mono_us(clock);
    int64_t due_us = watch_due_us(w) - now_us;
    /* A camera that writes without a pause must not wake us at every block: where a scan is near,
     * news can wait for it. */
    bool near = due_us <= WATCH_DEBOUNCE_US;
    struct pollfd p = {.fd = near ? -1 : w->events, .events = POLLIN};
    int64_t wait_us = CLAMP(due_us, 0, timeout_us);
    if (poll(&p, 1, (int)((wait_us + US_PER_MS - 1) / US_PER_MS)) > 0)
        read_events(w, clock_mono_us(clock));
}

void watch_took(struct watch *w, const struct watch_item *item)
{
    struct folder *f = &w->folders[item->folder];
    f->waiting -= f->waiting > 0 && item->state == KNOWN_WAITING;
}

int watch_waiting(const struct watch *w)
{
    int waiting = 0;
    for (int i = 0; i < w->folder_count; i++)
        waiting += w->folders[i].waiting;
    return waiting;
}

bool watch_is_full(const struct watch *w)
{
    return w->full;
}

int watch_root(const struct watch *w)
{
    return w->root;
}
