/* Picture files of events: DIR/pictures/EVENT/TRACK.jpg and TRACK-boxes.jpg. A file is complete and
 * on the disk before a row names it; what no row names is swept away at the next start. Only for
 * this room, on the store thread. */
#pragma once

#include "base/log.h"
#include "store/db.h"

/* Writes the pictures that known does not have in this form: *ret gets their rows. A picture that
 * cannot be made is logged and left out; ERR_EXHAUSTED or ERR_UNAVAILABLE if one cannot be kept.
 * Encoding two 1280x720 pictures takes some 15 ms. */
NODISCARD bool snapshot_write(const char *dir, const struct event *event,
                              const struct snapshot_rows *known, const struct log *log,
                              struct snapshot_rows *ret, struct err *err);

/* After a crash: sets the rows' bytes to those of the files that are really there, and removes
 * files of the event that belong to none. */
void snapshot_measure(const char *dir, const struct uuid *event, struct snapshot_rows *rows);

/* The row a file of the event belongs to, by its name; NULL for what a crash left behind: halves of
 * pictures, and pictures of tracks that were never committed. */
struct snapshot_row *snapshot_row_of(struct snapshot_rows *rows, const char *name);

/* Removes the event's pictures; what cannot be removed is left for the next sweep. */
void snapshot_remove(const char *dir, const struct uuid *event);

/* Removes pictures of events that are not wanted, returns how many events; -1 if wanted failed. */
typedef bool snapshot_wanted_fn(void *ctx, const struct uuid *event, bool *ret, struct err *err);
int64_t snapshot_sweep(const char *dir, snapshot_wanted_fn *wanted, void *ctx, struct err *err);

/* DIR/pictures/EVENT/TRACK[-boxes].jpg; false if out is too small. */
NODISCARD bool snapshot_path(const char *dir, const struct uuid *event, const struct uuid *track,
                             bool boxed, char *out, size_t bytes);
