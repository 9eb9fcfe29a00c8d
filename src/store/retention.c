/* Deletes what is too old or too much, oldest first, a little at a time: each step is one short
 * transaction between two commits, so that events never wait for house-keeping. A round begins
 * every minute and goes events -> camera events -> outbox -> unused pages. */
#include "store/failing.h"
#include "store/snapshot.h"

#include <string.h>

#define ROUND_US (60 * US_PER_S)

/* Rows in one step: some ten milliseconds on a slow disk. */
#define STEP_ROWS   1000
#define BEGUN_MAX   512 /* cameras times kinds, and some to spare */
#define STEP_EVENTS 16

/* Looked at in one step; most are the rows of superseded changes. */
#define STEP_OUTBOX_ROWS 500

/* At most this many events of an earlier process are still open: one per camera. */
#define RECOVER_AT_ONCE 64

static bool recover_one(struct db *db, const char *dir, const struct uuid *event, struct err *err)
{
    struct snapshot_rows rows;
    if (!db_event_snapshots(db, event, &rows, err))
        return false;
    snapshot_measure(dir, event, &rows);
    return db_close_crashed(db, event, &rows, err);
}

static bool recover_some(struct db *db, const char *dir, int *ret_count, struct err *err)
{
    struct uuid open[RECOVER_AT_ONCE];
    if (!db_open_events(db, open, RECOVER_AT_ONCE, ret_count, err) || !db_begin(db, err))
        return false;
    for (int i = 0; i < *ret_count; i++)
        if (!recover_one(db, dir, &open[i], err))
            return false;
    return db_commit(db, err);
}

bool store_close_left_open(struct db *db, const char *dir, int *ret_total, struct err *err)
{
    int count;
    *ret_total = 0;
    do {
        if (!recover_some(db, dir, &count, err)) {
            db_rollback(db);
            return false;
        }
        *ret_total += count;
    } while (count == RECOVER_AT_ONCE);
    return true;
}

static bool is_wanted(void *ctx, const struct uuid *event, bool *ret, struct err *err)
{
    return db_event_exists(ctx, event, ret, err);
}

struct begun {
    int count;
    struct camera_event items[BEGUN_MAX];
};

/* db_camera_event_fn. */
static void remember_begun(void *ctx, const struct camera_event *event)
{
    struct begun *begun = ctx;
    begun->items[begun->count++] = *event;
}

/* Nobody has watched since: what has begun and still lasts begins anew. */
static bool end_camera_events(struct store *s, struct err *err)
{
    struct uuid_gen ids = {.clock = s->clock};
    AUTO(free_ptr) struct begun *begun = NEW(struct begun);
    if (!db_list_open_camera_events(s->db, BEGUN_MAX, remember_begun, begun, err))
        return false;
    for (int i = 0; i < begun->count; i++) {
        struct camera_event *event = &begun->items[i];
        event->id = uuid7_new(&ids);
        event->ended = true;
        event->wall_us = clock_wall_us(s->clock);
        STR_COPY(event->text, "no longer watched");
        bool is_new;
        if (!db_put_camera_event(s->db, event, &is_new, err))
            return false;
    }
    return true;
}

bool store_recover(struct store *s, struct err *err)
{
    ASSERT_ON(ROLE_STORE);
    int total;
    if (!store_close_left_open(s->db, s->dir, &total, err))
        return false;
    if (total > 0)
        log_warn(&s->log, "closed %d events that an earlier run left open", total);
    /* A row that cannot be read is for fsck; it is no reason not to watch. */
    struct err why = {0};
    if (!end_camera_events(s, &why))
        log_err(&s->log, LOG_WARN, &why);
    return true;
}

void store_sweep(struct store *s)
{
    ASSERT_ON(ROLE_STORE);
    struct err err = {0};
    int64_t swept = snapshot_sweep(s->dir, is_wanted, s->db, &err);
    if (swept > 0)
        log_info(&s->log, "removed the pictures of %lld events that were never stored",
                 (long long)swept);
    if (swept < 0) {
        (void)err_wrap(&err, "pictures without an event stay until the next start");
        log_err(&s->log, LOG_WARN, &err);
    }
}

static bool too_much(struct store *s, bool *ret, struct err *err)
{
    int64_t used;
    if (!db_used_bytes(s->db, &used, err))
        return false;
    atomic_store_explicit(&s->bytes, used, memory_order_relaxed);
    *ret = s->conf->keep_bytes > 0 && used > s->conf->keep_bytes;
    return true;
}

struct victims {
    int count;
    struct uuid ids[STEP_EVENTS];
};

/* Whether the event has to go: because of its age, or because there is still too much. */
static bool must_go(struct store *s, const struct event_key *event, const struct age_limit *old,
                    bool *ret, struct err *err)
{
    *ret = memcmp(event->id.bytes, old->before.bytes, sizeof old->before.bytes) < 0 &&
           event->seq <= old->upto_seq;
    return *ret || too_much(s, ret, err);
}

/* Inside a transaction. *ret_more: there may be more to delete. */
static bool delete_some(struct store *s, struct victims *gone, bool *ret_more, struct err *err)
{
    struct age_limit any = {.upto_seq = INT64_MAX}, old = age_limit(&s->age);
    memset(any.before.bytes, 0xff, sizeof any.before.bytes);
    struct event_key candidates[STEP_EVENTS];
    int count;
    bool over;
    if (!age_tell_doubt(&s->age, s->db, &s->log, err) || !too_much(s, &over, err))
        return false;
    const struct age_limit *limit = over ? &any : &old;
    if (!db_oldest_closed(s->db, &limit->before, limit->upto_seq, candidates, STEP_EVENTS, &count,
                          err))
        return false;
    int64_t keep_after_seq = db_newest_seq(s->db) - OUTBOX_KEEP;
    int budget = STEP_ROWS;
    *ret_more = count == STEP_EVENTS;
    for (int i = 0; i < count; i++) {
        bool go, is_gone;
        if (!must_go(s, &candidates[i], &old, &go, err))
            return false;
        if (!go) {
            *ret_more = false;
            break;
        }
        if (!db_delete_event(s->db, &candidates[i], keep_after_seq, &budget, &is_gone, err))
            return false;
        if (is_gone)
            gone->ids[gone->count++] = candidates[i].id;
        if (budget <= 0) {
            *ret_more = true;
            break;
        }
    }
    return true;
}

/* The files go after the commit: a crash between leaves files without rows, for the next sweep, and
 * never rows without files. */
static bool delete_events(struct store *s, bool *ret_more, struct err *err)
{
    struct victims gone = {0};
    if (!db_begin(s->db, err) || !delete_some(s, &gone, ret_more, err) || !db_commit(s->db, err))
        return false;
    for (int i = 0; i < gone.count; i++)
        snapshot_remove(s->dir, &gone.ids[i]);
    s->retention.deleted += gone.count;
    return true;
}

static bool delete_camera_events(struct store *s, bool *ret_more, struct err *err)
{
    struct age_limit old = age_limit(&s->age);
    int count;
    if (!db_begin(s->db, err) ||
        !db_delete_camera_events(s->db, &old.before, old.upto_seq, STEP_ROWS, &count, err) ||
        !db_commit(s->db, err))
        return false;
    *ret_more = count == STEP_ROWS;
    return true;
}

static bool trim_outbox(struct store *s, bool *ret_more, struct err *err)
{
    bool done;
    int64_t from_seq = s->retention.trim_seq;
    if (!db_begin(s->db, err) ||
        !db_trim_outbox(s->db, &from_seq, db_newest_seq(s->db) - OUTBOX_KEEP, STEP_OUTBOX_ROWS,
                        &done, err) ||
        !db_commit(s->db, err))
        return false;
    s->retention.trim_seq = from_seq;
    *ret_more = !done;
    return true;
}

static bool shrink(struct store *s, bool *ret_more, struct err *err)
{
    bool done;
    if (!db_shrink(s->db, &done, err))
        return false;
    *ret_more = !done;
    return true;
}

static void begin_round(struct store *s, int64_t now_us)
{
    s->retention.next_us = now_us + ROUND_US;
    s->retention.step = RETENTION_EVENTS;
    s->retention.deleted = 0;
}

static void end_round(struct store *s)
{
    bool over;
    if (s->retention.deleted > 0)
        log_info(&s->log, "deleted %lld old events", (long long)s->retention.deleted);
    (void)!too_much(s, &over, NULL); /* for the statistics */
    db_checkpoint(s->db);
    s->retention.step = RETENTION_IDLE;
}

static bool do_step(struct store *s, bool *ret_more, struct err *err)
{
    switch (s->retention.step) {
    case RETENTION_EVENTS:
        return delete_events(s, ret_more, err);
    case RETENTION_CAMERA_EVENTS:
        return delete_camera_events(s, ret_more, err);
    case RETENTION_OUTBOX:
        return trim_outbox(s, ret_more, err);
    default:
        return shrink(s, ret_more, err);
    }
}

bool store_retain(struct store *s)
{
    ASSERT_ON(ROLE_STORE);
    struct retention *r = &s->retention;
    int64_t now_us = clock_mono_us(s->clock);
    if (r->step == RETENTION_IDLE) {
        if (now_us < r->next_us)
            return false;
        begin_round(s, now_us);
    }
    bool more = false;
    struct err err = {0};
    if (!do_step(s, &more, &err)) {
        /* Commits fail for the same reason, and say so; the next round tries again. */
        db_rollback(s->db);
        if (!failing_is_damage(s, &err))
            log_err(&s->log, LOG_DEBUG, &err);
        r->step = RETENTION_IDLE;
        return false;
    }
    if (!more && r->step == RETENTION_SHRINK)
        end_round(s);
    else if (!more)
        r->step++;
    return r->step != RETENTION_IDLE;
}
