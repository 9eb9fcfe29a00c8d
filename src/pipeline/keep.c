#include "pipeline/keep.h"

#include "risk/baseline_rows.h"

#include <pthread.h>
#include <stdlib.h>

/* Feedback that counts for one camera: the newest. */
#define FEEDBACK_ROWS_MAX 2048

struct keep {
    /* set at the start, then read-only */
    struct store *store;
    struct log log;

    pthread_mutex_t lock;
    struct store_reader *reader; /* protected by lock */
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

static bool offsets_of(void *ctx, const char *camera, struct offsets *ret)
{
    struct keep *k = ctx;
    struct err err = {0};
    int count = 0;
    AUTO(free_ptr) struct feedback_row *rows = xcalloc(FEEDBACK_ROWS_MAX, sizeof *rows);
    pthread_mutex_lock(&k->lock);
    bool ok = store_read_feedback(k->reader, camera, rows, FEEDBACK_ROWS_MAX, &count, &err);
    pthread_mutex_unlock(&k->lock);
    if (!ok)
        log_err(&k->log, LOG_WARN, &err);
    if (!ok || count == 0)
        return false;
    feedback_offsets(rows, count, ret);
    return ret->count > 0;
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
