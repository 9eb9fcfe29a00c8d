#include "capture/inbox.h"

#include "base/thread.h"
#include "capture/capture.h"
#include "capture/folder_picture.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOK_US     (10 * US_PER_S) /* between two looks, whatever inotify says */
#define DEBOUNCE_US (500 * US_PER_MS)
#define ENTRIES_MAX 4096 /* of the folder that are looked at, at one look */
#define FOLDERS_MAX 64   /* that are remembered, cameras and others */

static const struct opt uploads_rows[] = {
    {"path", OPT_TEXT(struct uploads_conf, path),
     .help = "Folder whose sub-folders are cameras, each by the name of its folder: what cameras "
             "upload there by FTP, SFTP or SMB is analysed. Empty: none."},
    {"after", OPT_ENUM(struct uploads_conf, after, upload_after_names), .def = "keep",
     .help = "What becomes of a file that was looked at, as for a camera's own folder."},
    {0},
};

const struct section uploads_section = {
    .name = "uploads",
    .help = "Cameras that upload pictures and clips instead of being watched. A camera that needs "
            "options of its own stands under cameras, with url folder:PATH.",
    .bytes = sizeof(struct uploads_conf),
    .rows = uploads_rows,
};

struct inbox {
    /* set at start, then read-only */
    struct inbox_params params;
    int wake; /* eventfd: stop was set */
    struct thread *thread;
    atomic_bool stop;

    /* the thread's */
    int events;  /* inotify; -1: there is none */
    int watched; /* -1: the path is not watched */
    bool told_away, told_many;
    int folder_count, camera_count;
    struct folder_seen {
        char folder[256];
        char name[OPT_NAME_BYTES]; /* empty: no camera */
    } folders[FOLDERS_MAX];
};

bool inbox_name(const char *folder, char ret_name[OPT_NAME_BYTES])
{
    size_t n = 0;
    bool any = false;
    for (const unsigned char *p = (const unsigned char *)folder; *p; p++) {
        bool kept = isascii(*p) && (isalnum(*p) || *p == '_' || *p == '-');
        if (n == 0 && !(isascii(*p) && isalnum(*p)))
            continue;
        if (n == 0 && !isalpha(*p))
            n = (size_t)snprintf(ret_name, OPT_NAME_BYTES, "camera_");
        if (n < OPT_NAME_BYTES - 1 && (*p & 0xc0) != 0x80)
            ret_name[n++] = kept ? (char)*p : '_';
        any = true;
    }
    while (n > 0 && ret_name[n - 1] == '_')
        n--;
    ret_name[n] = '\0';
    return any && n > 0;
}

static const struct folder_seen *seen_folder(const struct inbox *b, const char *folder)
{
    for (int i = 0; i < b->folder_count; i++)
        if (strcmp(b->folders[i].folder, folder) == 0)
            return &b->folders[i];
    return NULL;
}

static const struct folder_seen *seen_name(const struct inbox *b, const char *name)
{
    for (int i = 0; i < b->folder_count; i++)
        if (strcmp(b->folders[i].name, name) == 0)
            return &b->folders[i];
    return NULL;
}

/* Makes a camera of the folder. False and err: it is none. */
static bool make_camera(struct inbox *b, const char *folder, char name[OPT_NAME_BYTES],
                        struct err *err)
{
    if (!inbox_name(folder, name)) {
        err_set(err, ERR_INVALID, "no camera can be named after it");
        err_hint(err, "give the folder a name with letters or digits");
        return false;
    }
    const struct folder_seen *other = seen_name(b, name);
    if (other) {
        err_set(err, ERR_INVALID, "folder %s is camera %s already", other->folder, name);
        err_hint(err, "give one of the folders another name");
        return false;
    }
    char path[INBOX_PATH_BYTES + 256];
    snprintf(path, sizeof path, "%s/%s", b->params.conf->path, folder);
    return b->params.found(b->params.ctx, name, path, err);
}

static void meet(struct inbox *b, const char *folder)
{
    if (seen_folder(b, folder))
        return;
    if (b->camera_count == INBOX_CAMERAS_MAX || b->folder_count == FOLDERS_MAX) {
        if (!b->told_many)
            log_warn(&b->params.log,
                     "more than %d folders of cameras: the others are not looked at",
                     INBOX_CAMERAS_MAX);
        b->told_many = true;
        return;
    }
    struct err err = {0};
    char name[OPT_NAME_BYTES] = "";
    bool ok = make_camera(b, folder, name, &err);
    struct folder_seen *seen = &b->folders[b->folder_count++];
    STR_COPY(seen->folder, folder);
    STR_COPY(seen->name, ok ? name : "");
    b->camera_count += ok;
    char shown[256];
    picture_show_name(shown, sizeof shown, folder);
    if (ok) {
        log_info(&b->params.log, "folder %s is camera %s", shown, name);
        return;
    }
    err_wrap(&err, "folder %s is not looked at", shown);
    log_err(&b->params.log, LOG_WARN, &err);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_candidate(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN);
}

static void tell_away(struct inbox *b, int error)
{
    if (!b->told_away)
        log_warn(&b->params.log, "uploads folder %s: %s; looked for all the time",
                 b->params.conf->path, strerror(error));
    b->told_away = true;
    b->watched = -1;
}

/* Names that were no camera's and are gone make room for others. */
static void forget_gone(struct inbox *b, struct dirent *const *entries, int count)
{
    int kept = 0;
    for (int i = 0; i < b->folder_count; i++) {
        const struct folder_seen *seen = &b->folders[i];
        bool there = seen->name[0] != '\0';
        for (int k = 0; k < count && !there; k++)
            there = strcmp(entries[k]->d_name, seen->folder) == 0;
        if (there)
            b->folders[kept++] = *seen;
    }
    b->folder_count = kept;
}

static void look(struct inbox *b)
{
    const char *path = b->params.conf->path;
    AUTO(free_ptr) struct dirent **entries = NULL;
    if (b->events >= 0 && b->watched < 0)
        b->watched = inotify_add_watch(b->events, path, IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int count = dir < 0 ? -1 : scandirat(dir, ".", &entries, is_candidate, by_name);
    if (count < 0)
        tell_away(b, errno);
    else
        b->told_away = false;
    if (count >= 0)
        forget_gone(b, entries, count);
    for (int i = 0; i < count; i++) {
        struct stat st;
        bool wanted = i < ENTRIES_MAX && !atomic_load_explicit(&b->stop, memory_order_relaxed);
        /* Not a link: it could lead anywhere. */
        if (wanted && fstatat(dir, entries[i]->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISDIR(st.st_mode))
            meet(b, entries[i]->d_name);
        free(entries[i]);
    }
    if (dir >= 0)
        close(dir);
}

/* Until something appears, or it is time. */
static void wait(struct inbox *b)
{
    struct pollfd p[] = {{.fd = b->wake, .events = POLLIN}, {.fd = b->events, .events = POLLIN}};
    if (poll(p, 2, (int)(LOOK_US / US_PER_MS)) <= 0 || !(p[1].revents & POLLIN))
        return;
    /* More may follow; also, a flood of them must not keep this thread busy. */
    poll(p, 1, (int)(DEBOUNCE_US / US_PER_MS));
    _Alignas(struct inotify_event) char room[16 * 1024];
    ssize_t got;
    while ((got = read(b->events, room, sizeof room)) > 0)
        for (ssize_t at = 0; at < got;) {
            const struct inotify_event *e = (const void *)(room + at);
            if (e->mask & IN_IGNORED)
                b->watched = -1;
            at += (ssize_t)(sizeof *e + e->len);
        }
}

static void inbox_main(void *arg)
{
    struct inbox *b = arg;
    while (!atomic_load_explicit(&b->stop, memory_order_relaxed)) {
        look(b);
        wait(b);
    }
}

bool inbox_start(const struct inbox_params *params, struct inbox **ret, struct err *err)
{
    struct inbox *b = NEW(struct inbox);
    b->params = *params;
    b->watched = -1;
    b->events = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    b->wake = eventfd(0, EFD_CLOEXEC);
    if (b->wake < 0)
        err_set(err, ERR_EXHAUSTED, "no descriptor for the uploads folder: %s", strerror(errno));
    if (b->wake < 0 || !thread_start(&b->thread, ROLE_CAPTURE, "inbox", inbox_main, b, err)) {
        inbox_join(&b);
        return false;
    }
    *ret = b;
    return true;
}

void inbox_stop(struct inbox *b)
{
    if (!b)
        return;
    atomic_store_explicit(&b->stop, true, memory_order_relaxed);
    (void)eventfd_write(b->wake, 1);
}

void inbox_join(struct inbox **inbox)
{
    struct inbox *b = *inbox;
    if (!b)
        return;
    thread_join(&b->thread);
    if (b->wake >= 0)
        close(b->wake);
    if (b->events >= 0)
        close(b->events);
    free(b);
    *inbox = NULL;
}
