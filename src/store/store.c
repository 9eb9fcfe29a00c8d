#include "store/store.h"

#include "store/commit.h"
#include "store/dir.h"
#include "store/failing.h"
#include "store/outcome.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* How often the thread looks at the clock for retention when nothing else happens. */
#define IDLE_US US_PER_S

/* Time to store what waits when the program ends: as long as somebody at a terminal waits before
 * the second Ctrl-C. */
#define CLOSE_US (2 * US_PER_S)

/* Below this the last changes alone, which are always kept, could leave no room for events. */
#define KEEP_BYTES_MIN 1e9

static const struct opt store_rows[] = {
    {"path", OPT_TEXT(struct store_conf, path), .def = "",
     .help = "Directory of the database and the pictures; empty: hsi in the user's state directory "
             "(~/.local/state/hsi)."},
    {"retain", OPT_DURATION(struct store_conf, keep_us, 3600, 3650 * 86400.0), .def = "30d",
     .help = "Events older than this are deleted, with their pictures."},
    {"max_size", OPT_SIZE(struct store_conf, keep_bytes, KEEP_BYTES_MIN, 1e15), .def = "10GB",
     .help = "Room for database and pictures together; the oldest events go first."},
    {"snapshots", OPT_BOOL(struct store_conf, snapshots), .def = "true",
     .help = "Keep the best picture of every object, with and without its box."},
    {"commit_wait", OPT_DURATION(struct store_conf, group_us, 0, 0.1), .def = "20ms",
     .help = "Distance between commits when many events change; a lone change never waits."},
    {0},
};

const struct section store_section = {
    .name = "store",
    .help = "Where events and pictures are kept, and for how long.",
    .bytes = sizeof(struct store_conf),
    .rows = store_rows,
};

/* --- the store thread --- */

static bool open_database(struct store *s, struct err *err)
{
    return db_open_writer(s->dir, &s->db, err) && store_recover(s, err) &&
           age_begin(&s->age, s->clock, s->conf->keep_us, s->db, err);
}

static void announce(struct store *s, bool opened, const struct err *err)
{
    if (opened)
        atomic_store_explicit(&s->outbox_seq, db_newest_seq(s->db), memory_order_relaxed);
    pthread_mutex_lock(&s->lock);
    s->state = opened ? STORE_OPEN : STORE_FAILED;
    s->open_err = *err;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

void store_release(struct store *s, struct flush *flush)
{
    if (!flush)
        return;
    pthread_mutex_lock(&s->lock);
    flush->done = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

/* The round under way may have passed what is meant: it is finished, and then there is another. */
static void tidy_up(struct store *s)
{
    while (store_retain(s))
        continue;
    s->retention.next_us = clock_mono_us(s->clock);
    while (store_retain(s))
        continue;
}

static void serve_flush(struct store *s)
{
    struct flush *flush = TAKE(s->group.flush);
    if (flush && flush->tidy)
        tidy_up(s);
    store_release(s, flush);
}

/* One turn; false at the end. */
static bool work(struct store *s, bool *more_to_do)
{
    bool open = store_gather(s, *more_to_do ? 0 : IDLE_US);
    if (!store_commit(s))
        return false;
    if (open)
        store_write_late(s);
    bool retaining = open && store_retain(s), reviving = open && outcome_revive(s);
    while (reviving && s->group.flush)
        reviving = outcome_revive(s);
    *more_to_do = retaining || reviving;
    serve_flush(s);
    return open && !s->damaged;
}

/* Until then the database stays open, and with it locked against another hsi. */
static void wait_for_closing(struct store *s)
{
    pthread_mutex_lock(&s->lock);
    while (!s->closing)
        pthread_cond_wait(&s->changed, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

static void store_main(void *arg)
{
    struct store *s = arg;
    struct err err = {0};
    bool opened = open_database(s, &err);
    announce(s, opened, &err);
    if (opened)
        store_sweep(s);
    bool more_to_do = false;
    while (opened && work(s, &more_to_do))
        continue;
    store_drop_late(s);
    if (opened) {
        failing_give_up(s);
        wait_for_closing(s);
    }
    db_close(&s->db);
}

/* --- any thread --- */

bool store_default_dir(const char *name, char *out, size_t bytes, struct err *err)
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    int n;
    if (state && state[0] == '/') {
        n = snprintf(out, bytes, "%s/%s", state, name);
    } else if (home && home[0] == '/') {
        n = snprintf(out, bytes, "%s/.local/state/%s", home, name);
    } else {
        err_set(err, ERR_INVALID, "no store path, and no home directory to put one in");
        err_hint(err, "set store.path, or XDG_STATE_HOME");
        return false;
    }
    if ((size_t)n >= bytes)
        return err_set(err, ERR_INVALID, "the state directory's path is longer than %zu bytes",
                       bytes - 1);
    return true;
}

bool store_dir(const char *configured, char out[STORE_DIR_BYTES], struct err *err)
{
    if (!configured || !configured[0])
        return store_default_dir("hsi", out, STORE_DIR_BYTES, err);
    return str_copy(out, STORE_DIR_BYTES, configured) ||
           err_set(err, ERR_INVALID, "the directory's path is longer than %d bytes",
                   STORE_DIR_BYTES - 1);
}

static void drop_change(void *item)
{
    struct change *change = item;
    change_free(&change);
}

static void store_free(struct store **store)
{
    struct store *s = *store;
    if (!s)
        return;
    queue_free(&s->queue);
    json_done(&s->json);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
    *store = NULL;
}

static struct store *store_new(const struct store_params *params)
{
    struct store *s = NEW(struct store);
    s->conf = params->conf;
    s->clock = params->clock;
    s->log = params->log;
    s->bus = params->bus;
    s->close_us = CLOSE_US;
    s->queue = queue_new(STORE_QUEUE_MAX, QUEUE_BLOCK, drop_change);
    s->retention.next_us = clock_mono_us(s->clock);
    json_init(&s->json);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->changed, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

bool store_open(const struct store_params *params, struct store **ret, struct err *err)
{
    AUTO(store_free) struct store *s = store_new(params);
    if (!store_dir(params->conf->path, s->dir, err) || !dir_make(s->dir, err) ||
        !thread_start(&s->thread, ROLE_STORE, "store", store_main, s, err))
        return false;
    pthread_mutex_lock(&s->lock);
    while (s->state == STORE_OPENING)
        pthread_cond_wait(&s->changed, &s->lock);
    bool opened = s->state == STORE_OPEN;
    if (!opened && err)
        *err = s->open_err;
    pthread_mutex_unlock(&s->lock);
    if (!opened) {
        thread_join(&s->thread);
        return err_wrap(err, "store");
    }
    *ret = TAKE(s);
    return true;
}

void store_begin_close(struct store *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    if (!s->closing) {
        s->closing = true;
        s->give_up_us = clock_mono_us(&clock_real) + s->close_us;
        pthread_cond_broadcast(&s->changed);
    }
    pthread_mutex_unlock(&s->lock);
}

void store_close(struct store **store)
{
    struct store *s = *store;
    if (!s)
        return;
    store_begin_close(s);
    queue_close(s->queue);
    thread_join(&s->thread);
    int64_t lost = atomic_load_explicit(&s->lost, memory_order_relaxed);
    if (lost > 0)
        log_error(&s->log, "closing although %lld changes could not be stored: they are lost",
                  (long long)lost);
    store_free(store);
}

void store_put(struct store *s, struct change **change)
{
    if (!queue_push(s->queue, TAKE(*change)))
        atomic_fetch_add_explicit(&s->lost, 1, memory_order_relaxed);
}

void store_put_event(struct store *s, struct event *event)
{
    ASSERT(event != NULL);
    struct change *change = NEW(struct change);
    change->event = event;
    store_put(s, &change);
}

void store_put_upload(struct store *s, struct upload *upload)
{
    ASSERT(upload != NULL);
    struct change *change = NEW(struct change);
    change->upload = upload_ref(upload);
    store_put(s, &change);
}

void store_put_parked(struct store *s, const char *camera, const struct parked *items, int count)
{
    ASSERT(count >= 0 && count <= PARKED_MAX);
    struct change *change = NEW(struct change);
    change->parked = NEW(struct parked_list);
    STR_COPY(change->parked->camera, camera);
    change->parked->count = count;
    if (count > 0)
        memcpy(change->parked->items, items, (size_t)count * sizeof *items);
    store_put(s, &change);
}

void store_put_camera_event(struct store *s, const struct camera_event *event)
{
    ASSERT(event->kind >= 0 && event->kind < CAMERA_EVENT_KINDS);
    struct change *change = NEW(struct change);
    change->camera_event = NEW(struct camera_event);
    *change->camera_event = *event;
    store_put(s, &change);
}

static void flush_and_wait(struct store *s, bool tidy)
{
    struct flush flush = {.tidy = tidy};
    struct change *change = NEW(struct change);
    change->flush = &flush;
    if (!queue_push(s->queue, change))
        return;
    pthread_mutex_lock(&s->lock);
    while (!flush.done)
        pthread_cond_wait(&s->changed, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

void store_flush(struct store *s)
{
    flush_and_wait(s, false);
}

void store_tidy(struct store *s)
{
    flush_and_wait(s, true);
}

struct store_stats store_stats(struct store *s)
{
    struct store_stats stats = {
        .events = atomic_load_explicit(&s->events, memory_order_relaxed),
        .commits = atomic_load_explicit(&s->commits, memory_order_relaxed),
        .outbox_seq = atomic_load_explicit(&s->outbox_seq, memory_order_relaxed),
        .failed = atomic_load_explicit(&s->failed, memory_order_relaxed),
        .set_aside = atomic_load_explicit(&s->set_aside, memory_order_relaxed),
        .lost = atomic_load_explicit(&s->lost, memory_order_relaxed),
        .bytes = atomic_load_explicit(&s->bytes, memory_order_relaxed),
    };
    pthread_mutex_lock(&s->lock);
    stats.failing = s->failing;
    STR_COPY(stats.reason, s->reason);
    pthread_mutex_unlock(&s->lock);
    return stats;
}
