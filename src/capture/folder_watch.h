/* Which files of a folder, and of the folders below it, have come to rest.
 *
 * What to do is found by scanning; inotify only says where to scan at once. So an event that was
 * missed, a full event queue or a network disk without events costs time but no file: folders whose
 * own time changed are read again every 10 s, all of them every minute. Nothing follows a symbolic
 * link. One thread at a time. */
#pragma once

#include "base/err.h"
#include "capture/folder_known.h"

#define WATCH_DEBOUNCE_US (500 * US_PER_MS) /* from the first news to the scan; after closing */
#define WATCH_STABLE_US   (2 * US_PER_S)    /* unchanged for this long: all of it is there */
#define WATCH_WRITING_US  (10 * US_PER_S) /* the same, where somebody still has it open to write */
#define WATCH_RESCAN_US   (10 * US_PER_S)
#define WATCH_FULL_US     (60 * US_PER_S)
#define WATCH_LEVELS_MAX  4    /* cameras make folders: year, month, day, hour */
#define WATCH_FOLDERS_MAX 1024 /* beyond it, those not used for longest are not looked at */
#define WATCH_BATCH_MAX   512  /* files given out by one scan */
#define WATCH_PATH_BYTES  1300 /* below the folder: five names of 255 bytes */

struct watch_item {
    char *path; /* below the folder */
    struct file_id id;
    enum known_state state; /* WAITING: to be looked at; DONE, REFUSED: to be put away */
    int folder;
};

struct watch_batch {
    int count;
    struct watch_item items[WATCH_BATCH_MAX]; /* oldest first */
};
void watch_batch_clear(struct watch_batch *batch);

struct watch;

/* Errors: ERR_NOT_FOUND, ERR_UNAVAILABLE (no permission, not readable), ERR_INVALID (no folder). */
NODISCARD bool watch_open(const char *path, struct watch **ret, struct err *err);
void watch_close(struct watch **watch);

/* Reads what is due and fills the empty batch with what has come to rest. Fails when the folder
 * itself is gone. */
NODISCARD bool watch_scan(struct watch *watch, struct known *known, int64_t now_us,
                          struct watch_batch *batch, struct err *err);

/* When the next scan is due. */
int64_t watch_due_us(const struct watch *watch);

/* Until the next scan is due or something happens in the folder; timeout_us at most, 60 s or less.
 */
void watch_wait(struct watch *watch, const struct clock *clock, int64_t timeout_us);

/* The item is no longer waiting. */
void watch_took(struct watch *watch, const struct watch_item *item);
int watch_waiting(const struct watch *watch); /* files that are not looked at yet */

/* More files or folders than can be watched. */
bool watch_is_full(const struct watch *watch);

int watch_root(const struct watch *watch); /* the folder's descriptor, borrowed */

/* Opens a file or folder below root without following a link on the way. -1 and errno. */
NODISCARD int watch_open_below(int root, const char *path, int flags);
