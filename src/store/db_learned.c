/* What is learned: from people, and from what is usual. What is read back has bounds. */
#include "store/db_model.h"

#include "store/query.h"

#include <string.h>

/* --- what people say --- */

static bool take_back(struct db *db, const struct uuid *event, bool *ret_changed, struct err *err)
{
    struct query q = query_start(db, SQL_DROP_FEEDBACK);
    query_bind_key(&q, event);
    if (!query_run(&q, err))
        return false;
    *ret_changed = sqlite3_changes(db->conn) > 0;
    return true;
}

bool db_put_feedback_places(struct db *db, const struct uuid *event, struct err *err)
{
    struct query clear = query_start(db, SQL_CLEAR_PLACES);
    query_bind_key(&clear, event);
    if (!query_run(&clear, err))
        return false;
    struct query put = query_start(db, SQL_PUT_PLACES);
    query_bind_key(&put, event);
    return query_run(&put, err);
}

bool db_put_feedback(struct db *db, const struct feedback *f, bool *ret_changed, struct err *err)
{
    if (f->kind < 0)
        return take_back(db, &f->event, ret_changed, err);
    struct query put = query_start(db, SQL_PUT_FEEDBACK);
    query_bind_key(&put, &f->event);
    query_bind_int(&put, f->kind);
    query_bind_text(&put, f->note);
    query_bind_int(&put, f->wall_us);
    if (!query_run(&put, err))
        return false;
    *ret_changed = sqlite3_changes(db->conn) > 0;
    if (!*ret_changed)
        return true;
    struct query cut = query_start(db, SQL_CUT_FEEDBACK);
    query_bind_key(&cut, &f->event);
    query_bind_int(&cut, FEEDBACK_KEPT_MAX);
    return db_put_feedback_places(db, &f->event, err) && query_run(&cut, err);
}

static bool err_kind(struct err *err, int kind)
{
    return err_set(err, ERR_DATA_LOSS, "database: %d is no kind of feedback", kind);
}

static bool is_kind(int kind)
{
    return kind >= FEEDBACK_ACCURATE && kind <= FEEDBACK_TOO_LOW;
}

static bool read_feedback_row(const struct query *q, struct feedback_row *ret, struct err *err)
{
    *ret = (struct feedback_row){.kind = query_small(q, 1)};
    if (!query_id(q, 0, &ret->event, err))
        return false;
    if (!is_kind(ret->kind))
        return err_kind(err, ret->kind);
    return (STR_COPY(ret->zone, query_text(q, 2)) && STR_COPY(ret->label, query_text(q, 3))) ||
           err_set(err, ERR_DATA_LOSS, "database: the name of a zone or a label is too long");
}

bool db_read_feedback(struct db *db, const char *camera, struct feedback_row *ret, int max,
                      int *ret_count, struct err *err)
{
    AUTO(query_end) struct query q = query_start(db, SQL_READ_FEEDBACK);
    query_bind_text(&q, camera);
    query_bind_int(&q, max);
    *ret_count = 0;
    bool row;
    while (query_step(&q, &row, err)) {
        if (!row)
            return true;
        ASSERT(*ret_count < max);
        if (!read_feedback_row(&q, &ret[*ret_count], err))
            break;
        ++*ret_count;
    }
    *ret_count = 0;
    return false;
}

bool db_list_feedback(struct db *db, const struct uuid *before, int limit, db_feedback_fn *fn,
                      void *ctx, struct err *err)
{
    struct uuid last = db_last_before(before);
    AUTO(query_end) struct query q = query_start(db, SQL_LIST_FEEDBACK);
    query_bind_key(&q, &last);
    query_bind_int(&q, limit);
    bool row;
    while (query_step(&q, &row, err)) {
        if (!row)
            return true;
        struct feedback f = {.kind = query_small(&q, 2), .wall_us = query_int(&q, 4)};
        STR_COPY(f.note, query_text(&q, 3));
        if (!query_id(&q, 0, &f.event, err))
            return false;
        if (!is_kind(f.kind))
            return err_kind(err, f.kind);
        fn(ctx, &f, query_text(&q, 1));
    }
    return false;
}

/* --- what is usual --- */

static bool put_baseline_row(struct db *db, const char *camera, const struct baseline_row *r,
                             int64_t now_wall_us, struct err *err)
{
    ASSERT(r->bytes >= 0 && r->bytes <= (int)sizeof r->data);
    struct query q = query_start(db, r->bytes > 0 ? SQL_PUT_BASELINE : SQL_DROP_BASELINE);
    query_bind_text(&q, camera);
    query_bind_text(&q, r->key);
    if (r->bytes > 0) {
        query_bind_bytes(&q, r->data, (size_t)r->bytes);
        query_bind_int(&q, now_wall_us);
    }
    return query_run(&q, err);
}

static bool count_baseline(struct db *db, const char *camera, int64_t *ret, struct err *err)
{
    AUTO(query_end) struct query q = query_start(db, SQL_COUNT_BASELINE);
    query_bind_text(&q, camera);
    bool row;
    if (!query_step(&q, &row, err))
        return false;
    *ret = row ? query_int(&q, 0) : 0;
    return true;
}

bool db_put_baseline(struct db *db, const char *camera, const struct baseline_row *rows, int count,
                     int64_t now_wall_us, struct err *err)
{
    for (int i = 0; i < count; i++)
        if (!put_baseline_row(db, camera, &rows[i], now_wall_us, err))
            return false;
    int64_t kept;
    if (!count_baseline(db, camera, &kept, err))
        return false;
    if (kept <= BASELINE_ROWS_KEPT_MAX)
        return true;
    struct query cut = query_start(db, SQL_CUT_BASELINE);
    query_bind_text(&cut, camera);
    query_bind_int(&cut, BASELINE_ROWS_KEPT_MAX);
    return query_run(&cut, err);
}

static bool read_baseline_row(const struct query *q, struct baseline_row *ret, struct err *err)
{
    *ret = (struct baseline_row){0};
    if (!STR_COPY(ret->key, query_text(q, 0)))
        return err_set(err, ERR_DATA_LOSS, "database: the key of a baseline's row is too long");
    AUTO(blob_unref) struct blob *data = NULL;
    if (!query_blob(q, 1, sizeof ret->data, &data, err))
        return false;
    if (data)
        memcpy(ret->data, data->data, data->bytes);
    ret->bytes = data ? (int)data->bytes : 0;
    return true;
}

bool db_read_baseline(struct db *db, const char *camera, store_baseline_fn *fn, void *ctx,
                      struct err *err)
{
    AUTO(query_end) struct query q = query_start(db, SQL_READ_BASELINE);
    query_bind_text(&q, camera);
    query_bind_int(&q, BASELINE_ROWS_KEPT_MAX);
    bool row;
    while (query_step(&q, &row, err)) {
        if (!row)
            return true;
        struct baseline_row item;
        if (!read_baseline_row(&q, &item, err))
            return false;
        if (!fn(ctx, &item))
            return true;
    }
    return false;
}
