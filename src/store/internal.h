/* The store's insides, for this room only. Everything but the block at the end belongs to the store
 * thread. */
#pragma once

#include "store/age.h"
#include "store/change.h"
#include "store/db.h"
#include "store/store.h"

#include "base/queue.h"

#include <pthread.h>
#include <stdatomic.h>

/* Changes in one commit, and as many waiting. An event with many tracks has 200 KB, so this is at
 * most 50 MB; at 5 ms a commit it is 12,000 changes a second. */
#define STORE_GROUP_MAX 64
#define STORE_QUEUE_MAX 128

/* One per camera is the usual; what finds no room gets its pictures with its next change. */
#define STORE_LATE_MAX 64

/* Changes that go into one commit. */
struct group {
    int count;
    struct change *changes[STORE_GROUP_MAX];       /* owned */
    struct bus_message *messages[STORE_GROUP_MAX]; /* owned; of the transaction under way */
    int64_t pictures_us; /* the transaction under way has spent on pictures */
    struct flush *flush; /* came last, and ends the group; NULL: nobody waits */
};

/* Openings that were published without their pictures, which follow when nothing else waits. */
struct late {
    int count;
    struct event *events[STORE_LATE_MAX]; /* owned, oldest first */
};

/* Where retention is in its round. */
struct retention {
    int64_t next_us;  /* when the next round begins, on the store's clock */
    int64_t trim_seq; /* outbox rows up to here have been looked at */
    enum {
        RETENTION_IDLE,
        RETENTION_EVENTS,
        RETENTION_CAMERA_EVENTS,
        RETENTION_OUTBOX,
        RETENTION_SHRINK
    } step;
    int64_t deleted; /* events, this round */
};

/* All dead letters on their way back into the queue, or all that waits on its way to them. */
struct revival {
    bool active;
    char bury[STORE_REASON_BYTES]; /* why it is given up; empty: it comes back */
    struct uuid after;             /* the event that was last */
};

struct store_reader {
    struct db *db;
    char dir[STORE_DIR_BYTES];
};

/* Whether a list may be as long as that. */
NODISCARD bool reader_check_limit(int limit, struct err *err);

struct store {
    /* set at opening, then read-only */
    const struct store_conf *conf;
    const struct clock *clock;
    struct log log;
    struct bus *bus;
    char dir[STORE_DIR_BYTES];
    int64_t close_us;    /* how long closing may take; tests are less patient */
    struct queue *queue; /* of struct change */
    struct thread *thread;

    /* owned by the store thread */
    struct db *db;
    struct group group;
    struct late late;
    struct json json;
    struct retention retention;
    struct revival revival;
    struct age age;
    int64_t next_commit_us; /* real clock: not before, unless the group is full */
    bool damaged;           /* the database: nothing is written to it any more */

    /* any thread */
    atomic_llong events, commits, failed, set_aside, lost, outbox_seq, bytes;

    /* protected by lock */
    pthread_mutex_t lock;
    pthread_cond_t changed; /* monotonic */
    enum { STORE_OPENING, STORE_OPEN, STORE_FAILED } state;
    struct err open_err;
    bool closing;
    int64_t give_up_us; /* real clock, when closing */
    bool failing;       /* the last commit did not succeed, and that has been told */
    char reason[STORE_REASON_BYTES];
};

/* Hands it to the store thread; takes it, and counts it as lost if the store has given up. */
void store_put(struct store *store, struct change **change);

/* Tells the waiting caller; flush may be NULL. Any thread. */
void store_release(struct store *store, struct flush *flush);

/* The directory that is meant by a configured one, which may be NULL or empty. */
NODISCARD bool store_dir(const char *configured, char out[STORE_DIR_BYTES], struct err *err);
/* Whether there is a store in it; ERR_NOT_FOUND, with a hint, if not. */
NODISCARD bool store_exists(const char *dir, struct err *err);

/* Closes what an earlier process left open, in transactions of its own. For fsck too, on any
 * thread. */
NODISCARD bool store_close_left_open(struct db *db, const char *dir, int *ret_total,
                                     struct err *err);
NODISCARD bool store_recover(struct store *store, struct err *err);

/* Removes pictures without an event, which a crash leaves behind; before the first change. */
void store_sweep(struct store *store);

/* One step of retention, if one is due, of at most some ten milliseconds. Returns true if there is
 * more to do. */
bool store_retain(struct store *store);

/* Begins a round of retention now and waits for its end. Any thread. */
void store_tidy(struct store *store);
