/* Groups: gather changes, commit them in one transaction, publish. What fails is kept and tried
 * again, for as long as it takes; meanwhile the queue fills and whoever puts events waits. */
#include "store/commit.h"

#include "store/event_json.h"
#include "store/failing.h"
#include "store/judged.h"
#include "store/outcome.h"
#include "store/snapshot.h"

#include <stdlib.h>
#include <string.h>

#define RETRY_FIRST_US (50 * US_PER_MS)
#define RETRY_MAX_US   (5 * US_PER_S)

/* A transaction takes no more changes after writing pictures for this long. */
#define PICTURES_US (30 * US_PER_MS)

static uint64_t picture_bits(const struct event *e, const struct snapshot_rows *rows)
{
    uint64_t bits = 0;
    for (int i = 0; i < e->track_count; i++)
        for (int k = 0; k < rows->count; k++)
            if (uuid_equal(&e->tracks[i].id, &rows->items[k].track))
                bits |= UINT64_C(1) << i;
    return bits;
}

static bool write_pictures(struct store *s, const struct event *e,
                           const struct snapshot_rows *known, struct snapshot_rows *ret,
                           struct err *err)
{
    ret->count = 0;
    bool opening = e->revision == 0 && e->state == EVENT_OPEN;
    if (!s->conf->snapshots || opening)
        return true;
    int64_t start_us = clock_mono_us(&clock_real);
    bool ok = snapshot_write(s->dir, e, known, &s->log, ret, err);
    s->group.pictures_us += clock_mono_us(&clock_real) - start_us;
    return ok;
}

/* The event as it is kept: with what a model made of it. NULL: as it came. */
static struct event *judged_event(const struct event *e, struct event_marks *marks)
{
    if (!marks->judgement && !e->judgement)
        return NULL;
    struct event *judged = event_copy(e);
    free(judged->judgement);
    judged->judgement = TAKE(marks->judgement);
    if (judged->judgement)
        judgement_apply(judged->judgement, &judged->verdict);
    else
        judgement_undo(&judged->verdict);
    return judged;
}

/* The change itself; e is as it is kept. */
static bool write_judged(struct store *s, const struct event *e, const struct event_marks *marks,
                         struct bus_message **ret, struct err *err)
{
    struct snapshot_rows known, fresh;
    if (!db_event_snapshots(s->db, &e->id, &known, err) ||
        !write_pictures(s, e, &known, &fresh, err))
        return false;
    json_reset(&s->json);
    event_json_with(&s->json, NULL, e, picture_bits(e, &known) | picture_bits(e, &fresh),
                    marks->has_feedback ? &marks->feedback : NULL);
    int64_t seq;
    if (!db_put_event(s->db, e, &fresh, s->json.text, &seq, err))
        return false;
    if (s->bus)
        *ret = outcome_message(e->camera, seq, s->json.text);
    return !marks->has_feedback || db_put_feedback_places(s->db, &e->id, err);
}

/* Pictures first, so that no row names a file that is not there. *ret stays NULL for a change that
 * is already stored: putting one twice is no change. */
static bool write_event(struct store *s, const struct event *e, struct bus_message **ret,
                        struct err *err)
{
    int revision;
    if (!db_event_revision(s->db, &e->id, &revision, err))
        return false;
    if (e->revision <= revision)
        return true;
    AUTO(event_marks_done) struct event_marks marks = {0};
    if (!outcome_marks(s, e, revision >= 0, &marks, err))
        return false;
    AUTO(event_unref) struct event *judged = judged_event(e, &marks);
    if (!write_judged(s, judged ? judged : e, &marks, ret, err))
        return false;
    return !e->window || db_put_window(s->db, e, clock_wall_us(s->clock), err);
}

static bool write_camera_event(struct store *s, const struct camera_event *e,
                               struct bus_message **ret, struct err *err)
{
    bool is_new;
    if (!db_put_camera_event(s->db, e, &is_new, err))
        return false;
    if (!is_new || !s->bus)
        return true;
    json_reset(&s->json);
    camera_event_message_json(&s->json, e);
    *ret = bus_message_new(BUS_CAMERA, e->index, 0, s->json.text, s->json.bytes);
    return true;
}

static bool write_change(struct store *s, const struct change *c, struct bus_message **ret,
                         struct err *err)
{
    if (c->event)
        return write_event(s, c->event, ret, err);
    if (c->upload)
        return db_put_upload(s->db, c->upload, err);
    if (c->parked)
        return db_put_parked(s->db, c->parked, err);
    if (c->baseline)
        return db_put_baseline(s->db, c->baseline->camera, c->baseline->rows, c->baseline->count,
                               clock_wall_us(s->clock), err);
    if (c->outcome)
        return outcome_write(s, c->outcome, ret, err);
    if (c->feedback)
        return feedback_write(s, c->feedback, ret, err);
    if (c->requeue)
        return requeue_write(s, c->requeue, ret, err);
    if (c->bury)
        return bury_write(s, c->bury);
    return write_camera_event(s, c->camera_event, ret, err);
}

/* One try: what it may do, and what has come of it. */
struct attempt {
    int limit;   /* changes, at most */
    int done;    /* so many are committed: fewer than waited if pictures take long */
    int culprit; /* the change that was refused; -1: none, or which one is not known */
};

static bool write_group(struct store *s, struct attempt *a, struct err *err)
{
    struct group *g = &s->group;
    if (!db_begin(s->db, err))
        return false;
    while (a->done < MIN(g->count, a->limit) && g->pictures_us < PICTURES_US) {
        bool ok = write_change(s, g->changes[a->done], &g->messages[a->done], err);
        a->done++;
        if (ok)
            continue;
        a->culprit = a->done - 1;
        return false;
    }
    if (db_commit(s->db, err))
        return true;
    a->culprit = a->done == 1 ? 0 : -1;
    return false;
}

static bool commit_once(struct store *s, struct attempt *a, struct err *err)
{
    struct group *g = &s->group;
    g->pictures_us = 0;
    a->done = 0;
    a->culprit = -1;
    if (write_group(s, a, err))
        return true;
    db_rollback(s->db);
    for (int i = 0; i < a->done; i++)
        bus_message_unref(&g->messages[i]);
    return false;
}

static bool has_pictures(const struct event *e)
{
    for (int i = 0; i < e->track_count; i++)
        if (e->tracks[i].picture)
            return true;
    return false;
}

/* Takes note of an opening whose pictures have yet to be written; its event is taken if so. */
static void put_off_pictures(struct store *s, struct change *c)
{
    if (s->conf->snapshots && c->event && change_is_opening(c) && has_pictures(c->event) &&
        s->late.count < STORE_LATE_MAX)
        s->late.events[s->late.count++] = TAKE(c->event);
}

/* The change is on the disk: who waits for that may know. */
static void publish_change(struct store *s, struct change *c, struct bus_message *message)
{
    if (message)
        bus_publish(s->bus, message);
    if (c->event)
        atomic_fetch_add_explicit(&s->events, 1, memory_order_relaxed);
    if (c->upload)
        atomic_store_explicit(&c->upload->stored, true, memory_order_release);
    put_off_pictures(s, c);
}

/* The first done changes of the group have happened. */
static void publish(struct store *s, int done)
{
    struct group *g = &s->group;
    atomic_fetch_add_explicit(&s->commits, 1, memory_order_relaxed);
    atomic_store_explicit(&s->outbox_seq, db_newest_seq(s->db), memory_order_relaxed);
    for (int i = 0; i < done; i++) {
        publish_change(s, g->changes[i], TAKE(g->messages[i]));
        change_free(&g->changes[i]);
    }
    g->count -= done;
    memmove(g->changes, g->changes + done, (size_t)g->count * sizeof g->changes[0]);
    failing_end(s);
}

/* News of an opening goes before changes of other cameras' events. Nothing overtakes an upload: it
 * is stored when everything put before it is. */
static bool may_overtake(const struct change *c, const struct change *before)
{
    return change_is_opening(c) && before->event && !change_is_opening(before) &&
           before->event->camera != c->event->camera;
}

static void take(struct group *g, struct change *change)
{
    if (change->flush) {
        g->flush = change->flush;
        change_free(&change);
        return;
    }
    int at = g->count;
    while (at > 0 && may_overtake(change, g->changes[at - 1]))
        at--;
    memmove(g->changes + at + 1, g->changes + at, (size_t)(g->count - at) * sizeof g->changes[0]);
    g->changes[at] = change;
    g->count++;
}

/* What has come while pictures were written. */
static void top_up(struct store *s)
{
    struct group *g = &s->group;
    while (!g->flush && g->count < STORE_GROUP_MAX) {
        struct change *change = queue_try_pop(s->queue);
        if (!change)
            return;
        take(g, change);
    }
}

/* After a failure: false if nothing more can be done. */
static bool go_on(struct store *s, struct attempt *a, int64_t *wait_us, const struct err *err)
{
    if (failing_is_damage(s, err))
        return false;
    if (err->code == ERR_INTERNAL && a->culprit >= 0) {
        failing_set_aside(s, a->culprit, err);
        return true;
    }
    if (err->code == ERR_INTERNAL)
        a->limit = 1; /* one by one, to find the change that is refused */
    failing_begin(s, err);
    if (!failing_wait(s, *wait_us))
        return false;
    *wait_us = MIN(2 * *wait_us, RETRY_MAX_US);
    return true;
}

bool store_commit(struct store *s)
{
    ASSERT_ON(ROLE_STORE);
    int64_t wait_us = RETRY_FIRST_US;
    struct attempt attempt = {.limit = STORE_GROUP_MAX};
    while (s->group.count > 0) {
        struct err err = {0};
        if (!commit_once(s, &attempt, &err)) {
            if (!go_on(s, &attempt, &wait_us, &err))
                return false;
            continue;
        }
        publish(s, attempt.done);
        db_checkpoint(s->db);
        if (s->group.count > 0)
            top_up(s);
        attempt.limit = STORE_GROUP_MAX;
        wait_us = RETRY_FIRST_US;
    }
    return true;
}

/* A lone change is committed at once: nobody gains by its waiting. In a stream, commits keep a
 * distance of group_us: what comes meanwhile goes together, and 50 commits a second are enough for
 * any disk. */
bool store_gather(struct store *s, int64_t idle_us)
{
    ASSERT_ON(ROLE_STORE);
    struct group *g = &s->group;
    bool closed;
    struct change *change = queue_pop_within(s->queue, idle_us, &closed);
    while (change) {
        take(g, change);
        if (g->flush || g->count == STORE_GROUP_MAX)
            break;
        int64_t wait_us = s->next_commit_us - clock_mono_us(&clock_real);
        change = wait_us > 0 ? queue_pop_within(s->queue, wait_us, &closed)
                             : queue_try_pop(s->queue);
    }
    if (g->count > 0)
        s->next_commit_us = clock_mono_us(&clock_real) + s->conf->group_us;
    return !closed;
}

/* Nothing to do if a later change was faster. */
static bool write_late_pictures(struct store *s, const struct event *e, struct err *err)
{
    int revision;
    if (!db_event_revision(s->db, &e->id, &revision, err))
        return false;
    struct snapshot_rows none = {0}, fresh;
    return revision != e->revision || (snapshot_write(s->dir, e, &none, &s->log, &fresh, err) &&
                                       db_put_snapshots(s->db, &e->id, &fresh, err));
}

void store_write_late(struct store *s)
{
    ASSERT_ON(ROLE_STORE);
    struct late *late = &s->late;
    while (late->count > 0 && (s->group.flush || queue_stats(s->queue).depth == 0)) {
        AUTO(event_unref) struct event *e = late->events[0];
        late->count--;
        memmove(late->events, late->events + 1, (size_t)late->count * sizeof late->events[0]);
        struct err err = {0};
        if (db_begin(s->db, &err) && write_late_pictures(s, e, &err) && db_commit(s->db, &err))
            continue;
        /* Not tried again: the event's next change brings them, or says why not. */
        db_rollback(s->db);
        if (failing_is_damage(s, &err))
            return;
        log_err(&s->log, LOG_DEBUG, &err);
    }
}

void store_drop_late(struct store *s)
{
    for (int i = 0; i < s->late.count; i++)
        event_unref(&s->late.events[i]);
    s->late.count = 0;
}
