/* What else is kept of cameras: uploads, what stands still, what happened to them. What is read
 * back may come from anywhere, and is checked before anybody computes with it. */
#include "store/db.h"

#include "store/query.h"

#include <math.h>
#include <string.h>

#define HOURS_BYTES (24 * 4)

bool db_put_upload(struct db *db, const struct upload *u, struct err *err)
{
    struct query put = query_start(db, SQL_PUT_UPLOAD);
    query_bind_text(&put, u->camera);
    query_bind_bytes(&put, u->sha256, sizeof u->sha256);
    query_bind_text(&put, u->name);
    query_bind_int(&put, u->bytes);
    query_bind_int_unless(&put, u->wall_us, TIME_UNKNOWN);
    query_bind_text(&put, u->refusal);
    if (!query_run(&put, err))
        return false;
    struct query cut = query_start(db, SQL_CUT_UPLOADS);
    query_bind_text(&cut, u->camera);
    query_bind_int(&cut, UPLOADS_KEPT_MAX);
    return query_run(&cut, err);
}

bool db_find_upload(struct db *db, const char *camera, const uint8_t sha256[UPLOAD_SHA256_BYTES],
                    char ret_refusal[UPLOAD_REFUSAL_BYTES], struct err *err)
{
    AUTO(query_end) struct query q = query_start(db, SQL_FIND_UPLOAD);
    query_bind_text(&q, camera);
    query_bind_bytes(&q, sha256, UPLOAD_SHA256_BYTES);
    bool row;
    if (!query_step(&q, &row, err))
        return false;
    if (!row)
        return err_set(err, ERR_NOT_FOUND, "camera %s has not sent this file before", camera);
    str_copy(ret_refusal, UPLOAD_REFUSAL_BYTES, query_text(&q, 0));
    return true;
}

/* --- what stands still --- */

static void pack_hours(uint8_t out[HOURS_BYTES], const uint32_t hours[24])
{
    for (int i = 0; i < HOURS_BYTES; i++)
        out[i] = (uint8_t)(hours[i / 4] >> (8 * (i % 4)));
}

static void unpack_hours(uint32_t out[24], const uint8_t bytes[HOURS_BYTES])
{
    memset(out, 0, 24 * sizeof out[0]);
    for (int i = 0; i < HOURS_BYTES; i++)
        out[i / 4] |= (uint32_t)bytes[i] << (8 * (i % 4));
}

static bool put_one_parked(struct db *db, const char *camera, int position, const struct parked *p,
                           struct err *err)
{
    uint8_t hours[HOURS_BYTES];
    pack_hours(hours, p->hours);
    struct box box = box_clip(p->box);
    struct query q = query_start(db, SQL_PUT_PARKED);
    query_bind_text(&q, camera);
    query_bind_int(&q, position);
    query_bind_key(&q, &p->id);
    query_bind_text(&q, p->label);
    query_bind_double(&q, (double)box.x0);
    query_bind_double(&q, (double)box.y0);
    query_bind_double(&q, (double)box.x1);
    query_bind_double(&q, (double)box.y1);
    query_bind_bytes(&q, p->looks, sizeof p->looks);
    query_bind_bytes(&q, hours, sizeof hours);
    query_bind_int_unless(&q, p->since_wall_us, TIME_UNKNOWN);
    query_bind_int_unless(&q, p->seen_wall_us, TIME_UNKNOWN);
    return query_run(&q, err);
}

bool db_put_parked(struct db *db, const struct parked_list *list, struct err *err)
{
    struct query clear = query_start(db, SQL_CLEAR_PARKED);
    query_bind_text(&clear, list->camera);
    if (!query_run(&clear, err))
        return false;
    for (int i = 0; i < list->count; i++)
        if (!put_one_parked(db, list->camera, i, &list->items[i], err))
            return false;
    return true;
}

/* Comparisons with NaN are false. */
static bool is_within_picture(struct box b)
{
    return b.x0 >= 0 && b.x0 <= b.x1 && b.x1 <= 1 && b.y0 >= 0 && b.y0 <= b.y1 && b.y1 <= 1;
}

static bool read_one_parked(const struct query *q, struct parked *ret, struct err *err)
{
    uint8_t hours[HOURS_BYTES];
    *ret = (struct parked){
        .box = {(float)query_double(q, 2), (float)query_double(q, 3), (float)query_double(q, 4),
                (float)query_double(q, 5)},
        .since_wall_us = query_int_or(q, 8, TIME_UNKNOWN),
        .seen_wall_us = query_int_or(q, 9, TIME_UNKNOWN),
    };
    if (!query_id(q, 0, &ret->id, err) || !query_bytes(q, 6, ret->looks, sizeof ret->looks, err) ||
        !query_bytes(q, 7, hours, sizeof hours, err))
        return false;
    unpack_hours(ret->hours, hours);
    if (!STR_COPY(ret->label, query_text(q, 1)))
        return err_set(err, ERR_DATA_LOSS, "database: the label '%.40s' is longer than %d bytes",
                       query_text(q, 1), LABEL_BYTES - 1);
    return is_within_picture(ret->box) ||
           err_set(err, ERR_DATA_LOSS, "database: a parked object's box is not within the picture");
}

bool db_read_parked(struct db *db, struct parked_list *list, struct err *err)
{
    list->count = 0;
    AUTO(query_end) struct query q = query_start(db, SQL_READ_PARKED);
    query_bind_text(&q, list->camera);
    query_bind_int(&q, PARKED_MAX);
    bool row;
    while (query_step(&q, &row, err)) {
        if (!row)
            return true;
        if (list->count == PARKED_MAX || !read_one_parked(&q, &list->items[list->count], err))
            break;
        list->count++;
    }
    list->count = 0;
    return false;
}

/* --- what happened to cameras --- */

bool db_put_camera_event(struct db *db, const struct camera_event *e, bool *ret_new,
                         struct err *err)
{
    struct query put = query_start(db, SQL_PUT_CAMERA_EVENT);
    query_bind_key(&put, &e->id);
    query_bind_text(&put, e->camera);
    query_bind_text(&put, camera_event_kind_names[e->kind]);
    query_bind_int(&put, e->ended);
    query_bind_int_unless(&put, e->wall_us, TIME_UNKNOWN);
    query_bind_text(&put, e->text);
    if (!query_run(&put, err))
        return false;
    *ret_new = sqlite3_changes(db->conn) > 0;
    struct query cut = query_start(db, SQL_CUT_CAMERA_EVENTS);
    query_bind_text(&cut, e->camera);
    query_bind_int(&cut, CAMERA_EVENTS_KEPT_MAX);
    return query_run(&cut, err);
}

bool db_delete_camera_events(struct db *db, const struct uuid *before, int64_t upto_seq, int limit,
                             int *ret_count, struct err *err)
{
    struct query q = query_start(db, SQL_DELETE_CAMERA_EVENTS);
    query_bind_key(&q, before);
    query_bind_int(&q, upto_seq);
    query_bind_int(&q, limit);
    if (!query_run(&q, err))
        return false;
    *ret_count = sqlite3_changes(db->conn);
    return true;
}

static bool read_kind(const char *name, enum camera_event_kind *ret, struct err *err)
{
    for (int i = 0; i < CAMERA_EVENT_KINDS; i++) {
        if (strcmp(camera_event_kind_names[i], name) != 0)
            continue;
        *ret = (enum camera_event_kind)i;
        return true;
    }
    return err_set(err, ERR_DATA_LOSS, "database: '%.40s' is no kind of camera event", name);
}

static bool read_camera_event(const struct query *q, struct camera_event *ret, struct err *err)
{
    *ret = (struct camera_event){
        .index = -1,
        .ended = query_int(q, 3) != 0,
        .wall_us = query_int_or(q, 4, TIME_UNKNOWN),
    };
    STR_COPY(ret->text, query_text(q, 5));
    if (!query_id(q, 0, &ret->id, err) || !read_kind(query_text(q, 2), &ret->kind, err))
        return false;
    return STR_COPY(ret->camera, query_text(q, 1)) ||
           err_set(err, ERR_DATA_LOSS, "database: a camera's name is longer than %d bytes",
                   OPT_NAME_BYTES - 1);
}

/* The rows of a query for camera events. */
static bool give_camera_events(struct query *q, db_camera_event_fn *fn, void *ctx, struct err *err)
{
    bool row;
    while (query_step(q, &row, err)) {
        if (!row)
            return true;
        struct camera_event event;
        if (!read_camera_event(q, &event, err))
            return false;
        fn(ctx, &event);
    }
    return false;
}

bool db_list_open_camera_events(struct db *db, int limit, db_camera_event_fn *fn, void *ctx,
                                struct err *err)
{
    AUTO(query_end) struct query q = query_start(db, SQL_OPEN_CAMERA_EVENTS);
    query_bind_int(&q, limit);
    return give_camera_events(&q, fn, ctx, err);
}

bool db_list_camera_events(struct db *db, const char *camera, const struct uuid *before, int limit,
                           db_camera_event_fn *fn, void *ctx, struct err *err)
{
    struct uuid last;
    memset(last.bytes, 0xff, sizeof last.bytes);
    AUTO(query_end)
    struct query q = query_start(db, camera[0] ? SQL_CAMERA_EVENTS_OF : SQL_CAMERA_EVENTS);
    query_bind_key(&q, uuid_is_zero(before) ? &last : before);
    query_bind_int(&q, limit);
    if (camera[0])
        query_bind_text(&q, camera);
    return give_camera_events(&q, fn, ctx, err);
}
