#include "pipeline/keep.h"

#include "risk/baseline_rows.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Feedback that counts for one camera: the newest. It is read again after so long: an event that
 * changes ten times a second need not ask ten times. */
#define FEEDBACK_COUNTED_MAX 2048
#define FEEDBACK_FRESH_US    (2 * US_PER_S)

struct known_offsets {
    char camera[OPT_NAME_BYTES];
    int64_t read_us;
    struct offsets offsets;
};

struct keep {
    /* set at the start, then read-only */
    struct store *store;
    struct log log;

    pthread_mutex_t lock;
    struct store_reader *reader; /* protected by lock */

    struct known_offsets *known[CAMERAS_MAX]; /* owned; risk thread only */
    int known_count;
};

bool keep_open(struct store *store, struct log log, struct keep **ret, struct err *err)
{
    AUTO(keep_close) struct keep *k = NEW(struct keep);
    k->store = store;
    k->log = log;
    pthread_mutex_init(&k->lock, NULL);
    if (!store_reader_open(store, &k->reader, err))
        return false;
    *ret = TAKE(k);
    return true;
}

void keep_close(struct keep **keep)
{
    struct keep *k = *keep;
    *keep = NULL;
    if (!k)
        return;
    store_reader_close(&k->reader);
    for (int i = 0; i < k->known_count; i++)
        free(k->known[i]);
    pthread_mutex_destroy(&k->lock);
    free(k);
}

static void put_event(void *ctx, struct event *event)
{
    struct keep *k = ctx;
    store_put_event(k->store, event);
}

static void put_camera_event(void *ctx, const struct camera_event *event)
{
    struct keep *k = ctx;
    store_put_camera_event(k->store, event);
}

static void put_upload(void *ctx, struct upload *upload)
{
    struct keep *k = ctx;
    store_put_upload(k->store, upload);
    upload_unref(&upload);
}

static void put_parked(void *ctx, const char *camera, const struct parked *items, int count)
{
    struct keep *k = ctx;
    store_put_parked(k->store, camera, items, count);
}

/* What cannot be asked counts as not known: analysed twice is better than never. */
static bool find_upload(void *ctx, const char *camera, const uint8_t *sha256, char *ret_refusal)
{
    struct keep *k = ctx;
    struct err err = {0};
    pthread_mutex_lock(&k->lock);
    bool known = store_find_upload(k->reader, camera, sha256, ret_refusal, &err);
    pthread_mutex_unlock(&k->lock);
    if (!known && err.code != ERR_NOT_FOUND)
        log_err(&k->log, LOG_WARN, &err);
    return known;
}

static int load_parked(void *ctx, const char *camera, struct parked *items)
{
    struct keep *k = ctx;
    struct err err = {0};
    int count = 0;
    pthread_mutex_lock(&k->lock);
    bool ok = store_read_parked(k->reader, camera, items, &count, &err);
    pthread_mutex_unlock(&k->lock);
    if (!ok)
        log_err(&k->log, LOG_WARN, &err);
    return ok ? count : 0;
}

static void read_offsets(struct keep *k, struct known_offsets *known)
{
    struct err err = {0};
    int count = 0;
    AUTO(free_ptr) struct feedback_row *rows = xcalloc(FEEDBACK_COUNTED_MAX, sizeof *rows);
    pthread_mutex_lock(&k->lock);
    bool ok = store_read_feedback(k->reader, known->camera, rows, FEEDBACK_COUNTED_MAX, &count,
                                  &err);
    pthread_mutex_unlock(&k->lock);
    known->read_us = clock_mono_us(&clock_real);
    if (ok)
        feedback_offsets(rows, count, &known->offsets);
    else
        log_err(&k->log, LOG_WARN, &err);
}

static struct known_offsets *find_offsets(struct keep *k, const char *camera)
{
    for (int i = 0; i < k->known_count; i++)
        if (strcmp(k->known[i]->camera, camera) == 0)
            return k->known[i];
    /* A reload may bring other names: then the one that came first gives way. */
    if (k->known_count == CAMERAS_MAX) {
        free(k->known[0]);
        k->known[0] = k->known[--k->known_count];
    }
    struct known_offsets *known = NEW(struct known_offsets);
    STR_COPY(known->camera, camera);
    known->read_us = INT64_MIN / 2;
    k->known[k->known_count++] = known;
    return known;
}

static bool offsets_of(void *ctx, const char *camera, struct offsets *ret)
{
    struct keep *k = ctx;
    struct known_offsets *known = find_offsets(k, camera);
    if (clock_mono_us(&clock_real) - known->read_us > FEEDBACK_FRESH_US)
        read_offsets(k, known);
    if (known->offsets.count == 0)
        return false;
    *ret = known->offsets;
    return true;
}

static bool add_row(void *ctx, const struct baseline_row *row)
{
    baseline_rows_add(ctx, row);
    return true;
}

static bool load_baseline(void *ctx, const char *camera, struct baseline *baseline)
{
    struct keep *k = ctx;
    struct err err = {0};
    AUTO(baseline_rows_free) struct baseline_rows *rows = baseline_rows_new();
    pthread_mutex_lock(&k->lock);
    bool ok = store_read_baseline(k->reader, camera, add_row, rows, &err);
    pthread_mutex_unlock(&k->lock);
    if (!ok)
        log_err(&k->log, LOG_WARN, &err);
    return ok && baseline_rows_load(rows, baseline);
}

static void put_baseline(void *ctx, const char *camera, const struct baseline_watch *watch,
                         const struct baseline_cell *cells, int count)
{
    struct keep *k = ctx;
    int row_count;
    AUTO(free_ptr) struct baseline_row *rows = baseline_rows_make(watch, cells, count, &row_count);
    store_put_baseline(k->store, camera, rows, row_count);
}

void keep_connect(struct keep *keep, struct pipeline_params *params)
{
    params->event_sink = put_event;
    params->camera_event_sink = put_camera_event;
    params->upload_sink = put_upload;
    params->upload_find = find_upload;
    params->parked_load = load_parked;
    params->parked_sink = put_parked;
    params->offsets_of = offsets_of;
    params->baseline_load = load_baseline;
    params->baseline_sink = put_baseline;
    params->sink_ctx = keep;
}
