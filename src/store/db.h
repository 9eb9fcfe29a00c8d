/* The store's database: what a backend has to do, and all the rest of the room knows of it. A
 * handle belongs to one thread. Every function may fail with ERR_UNAVAILABLE (locked, a device that
 * fails), ERR_EXHAUSTED (disk full), ERR_DATA_LOSS (damaged). */
#pragma once

#include "model/camera_event.h"
#include "model/event.h"
#include "model/parked.h"
#include "model/upload.h"

#define STORE_DIR_BYTES  256
#define STORE_PATH_BYTES 512

struct db;

/* The handle that writes: creates the directory's database, or migrates it. */
NODISCARD bool db_open_writer(const char *dir, struct db **ret, struct err *err);
/* The same for a database that may be damaged: whoever opens it looks first, then writes. */
NODISCARD bool db_open_mender(const char *dir, struct db **ret, struct err *err);
/* One that only reads; while there is a writer. */
NODISCARD bool db_open_reader(const char *dir, struct db **ret, struct err *err);
/* One that only looks: where nobody writes and no log of changes waits, it leaves no files behind,
 * and the file system may be read-only. Whoever starts to write meanwhile confuses it. */
NODISCARD bool db_open_looker(const char *dir, struct db **ret, struct err *err);
void db_close(struct db **db);
/* The process that has the directory's database open for writing, 0: none. */
long db_lock_holder(const char *dir);
/* Nothing more is written to it, not even what closing would copy back from the log of changes. */
void db_leave_as_is(struct db *db);

NODISCARD bool db_begin(struct db *db, struct err *err);
NODISCARD bool db_commit(struct db *db, struct err *err);
void db_rollback(struct db *db); /* fine without a transaction */

/* Copies the log of changes back into the database when it has become long enough to be worth it.
 */
void db_checkpoint(struct db *db);

/* --- writing one change; inside a transaction --- */

struct snapshot_row {
    struct uuid track;
    int64_t at_us; /* of the frame */
    int64_t bytes; /* both files */
};
struct snapshot_rows {
    int count;
    struct snapshot_row items[EVENT_TRACKS_MAX];
};

/* *ret: the stored revision, -1 for an event that is not there yet. */
NODISCARD bool db_event_revision(struct db *db, const struct uuid *event, int *ret,
                                 struct err *err);
NODISCARD bool db_event_snapshots(struct db *db, const struct uuid *event,
                                  struct snapshot_rows *ret, struct err *err);
/* Everything of the change, with its outbox row; *ret_seq is that row's number. */
NODISCARD bool db_put_event(struct db *db, const struct event *event,
                            const struct snapshot_rows *snapshots, const char *json,
                            int64_t *ret_seq, struct err *err);

/* Its reasons from that position on; those behind its last are deleted. */
NODISCARD bool db_put_reasons(struct db *db, const struct uuid *event,
                              const struct verdict *verdict, int from, struct err *err);

/* Pictures alone, of an event that is there. */
NODISCARD bool db_put_snapshots(struct db *db, const struct uuid *event,
                                const struct snapshot_rows *snapshots, struct err *err);

/* --- what else is kept of cameras; writing inside a transaction --- */

/* Of one camera; at 300 bytes each some 30 MB. Older hashes are forgotten first: a file that is
 * still there then is analysed again. At an upload a minute that is after ten weeks. */
#define UPLOADS_KEPT_MAX 100000

/* Of one camera: months of one that comes and goes all the time. */
#define CAMERA_EVENTS_KEPT_MAX 10000

struct parked_list {
    char camera[OPT_NAME_BYTES];
    int count;
    struct parked items[PARKED_MAX];
};

/* An upload that is there already becomes the newest. */
NODISCARD bool db_put_upload(struct db *db, const struct upload *upload, struct err *err);
/* Takes the place of the camera's list. */
NODISCARD bool db_put_parked(struct db *db, const struct parked_list *list, struct err *err);
/* *ret_new: it was not there yet. */
NODISCARD bool db_put_camera_event(struct db *db, const struct camera_event *event, bool *ret_new,
                                   struct err *err);
/* Deletes up to limit camera events that are too old (age.h). */
NODISCARD bool db_delete_camera_events(struct db *db, const struct uuid *before, int64_t upto_seq,
                                       int limit, int *ret_count, struct err *err);

/* ERR_NOT_FOUND: not there. */
NODISCARD bool db_find_upload(struct db *db, const char *camera,
                              const uint8_t sha256[UPLOAD_SHA256_BYTES],
                              char ret_refusal[UPLOAD_REFUSAL_BYTES], struct err *err);
/* list->camera says of which. ERR_DATA_LOSS for rows that this program did not write. */
NODISCARD bool db_read_parked(struct db *db, struct parked_list *list, struct err *err);
typedef void db_camera_event_fn(void *ctx, const struct camera_event *event);
/* What has begun and not ended, oldest first. */
NODISCARD bool db_list_open_camera_events(struct db *db, int limit, db_camera_event_fn *fn,
                                          void *ctx, struct err *err);
NODISCARD bool db_list_camera_events(struct db *db, const char *camera, const struct uuid *before,
                                     int limit, db_camera_event_fn *fn, void *ctx, struct err *err);

/* --- keeping house --- */

struct event_key {
    struct uuid id;
    int64_t seq; /* of its newest outbox row */
};

int64_t db_newest_seq(const struct db *db); /* of committed rows */
/* What the events take: pages in use, and pictures. */
NODISCARD bool db_used_bytes(struct db *db, int64_t *ret, struct err *err);

/* Up to max events that are still open. */
NODISCARD bool db_open_events(struct db *db, struct uuid *ret, int max, int *ret_count,
                              struct err *err);
/* Closes one that an earlier process left open, with an outbox row; the pictures that are really
 * there replace its snapshot rows and are named in its JSON. */
NODISCARD bool db_close_crashed(struct db *db, const struct uuid *event,
                                const struct snapshot_rows *snapshots, struct err *err);
NODISCARD bool db_event_exists(struct db *db, const struct uuid *event, bool *ret, struct err *err);

/* Up to max closed events made before the id and not changed after upto_seq, oldest first. */
NODISCARD bool db_oldest_closed(struct db *db, const struct uuid *before, int64_t upto_seq,
                                struct event_key *ret, int max, int *ret_count, struct err *err);
/* The event of the newest change; *ret_found: there is one. */
NODISCARD bool db_newest_event(struct db *db, struct uuid *ret, bool *ret_found, struct err *err);
/* Deletes up to *budget rows of the event, and the event itself if that was all (*ret_gone). Its
 * newest outbox row goes unless it is after keep_after_seq. Takes what it used from *budget. */
NODISCARD bool db_delete_event(struct db *db, const struct event_key *event, int64_t keep_after_seq,
                               int *budget, bool *ret_gone, struct err *err);
/* Deletes outbox rows after *from_seq, up to upto_seq, that are no event's newest; looks at no more
 * than limit rows and moves *from_seq on. *ret_done: nothing left to look at. */
NODISCARD bool db_trim_outbox(struct db *db, int64_t *from_seq, int64_t upto_seq, int limit,
                              bool *ret_done, struct err *err);
/* Gives unused pages back to the file system, some at a time. Outside a transaction. */
NODISCARD bool db_shrink(struct db *db, bool *ret_done, struct err *err);

/* --- reading --- */

/* Called with each event's id and JSON; borrowed for the call. */
typedef void db_event_fn(void *ctx, const struct uuid *id, const char *json);
struct event_query;
NODISCARD bool db_list_events(struct db *db, const struct event_query *query, int limit,
                              db_event_fn *fn, void *ctx, struct err *err);
NODISCARD bool db_get_event(struct db *db, const struct uuid *id, db_event_fn *fn, void *ctx,
                            struct err *err);
typedef bool db_outbox_fn(void *ctx, int64_t seq, const char *json);
NODISCARD bool db_read_outbox(struct db *db, int64_t after_seq, int limit, db_outbox_fn *fn,
                              void *ctx, struct err *err);
/* The track whose picture stands for the event: the given one, or with zero the most certain. */
NODISCARD bool db_find_snapshot(struct db *db, const struct uuid *event, const struct uuid *track,
                                struct uuid *ret, struct err *err);
