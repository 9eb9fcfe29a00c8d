/* Checks of rows against rows, and what follows from them; only for fsck. */
#pragma once

#include "store/db.h"
#include "store/fsck.h"

/* What a round of checks may do and whom it tells. */
struct check {
    bool mend;   /* inside a transaction */
    bool in_use; /* by a hsi: open events are fine */
    fsck_fn *fn;
    void *ctx;
};

/* Whether it has the tables that this program knows; a writer makes them at its opening. */
NODISCARD bool db_check_version(struct db *db, struct err *err);

/* The handle reads from one state of the database until db_check_end, or db_commit if it may write;
 * the version must be ours. */
NODISCARD bool db_check_begin(struct db *db, bool may_write, struct err *err);
void db_check_end(struct db *db);

/* Pages and indexes, that the schema is ours, then all rows. False: nothing more can be said. */
NODISCARD bool db_check_rows(struct db *db, const struct check *check, struct err *err);

/* Which pictures the JSON of events names; after rows of pictures were mended. */
NODISCARD bool db_check_names(struct db *db, const struct check *check, struct err *err);

/* Up to max events after the given one that have rows of pictures. */
NODISCARD bool db_pictured_events(struct db *db, const struct uuid *after, struct uuid *ret,
                                  int max, int *ret_count, struct err *err);
/* *ret: the event is there and closed. */
NODISCARD bool db_event_closed(struct db *db, const struct uuid *event, bool *ret, struct err *err);
NODISCARD bool db_drop_snapshot(struct db *db, const struct uuid *event, const struct uuid *track,
                                struct err *err);

/* Up to max events after the given one whose newest change is not what the model's verdict makes of
 * it. */
NODISCARD bool db_wrong_verdicts(struct db *db, const struct uuid *after, struct uuid *ret, int max,
                                 int *ret_count, struct err *err);

/* How much there is, for people. */
NODISCARD bool db_count_all(struct db *db, struct fsck_result *ret, struct err *err);
