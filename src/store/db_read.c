/* What is asked for: lists, single events, changes, pictures. */
#include "store/db.h"

#include "store/query.h"
#include "store/store.h"

#include <string.h>

bool db_list_events(struct db *db, const struct event_query *query, int limit, db_event_fn *fn,
                    void *ctx, struct err *err)
{
    struct uuid before = query->before;
    if (uuid_is_zero(&before))
        memset(before.bytes, 0xff, sizeof before.bytes);
    AUTO(query_end)
    struct query q = query_start(db, query->camera[0] ? SQL_LIST_CAMERA_EVENTS : SQL_LIST_EVENTS);
    query_bind_key(&q, &before);
    query_bind_int(&q, query->min_level);
    query_bind_int(&q, limit);
    if (query->camera[0])
        query_bind_text(&q, query->camera);
    bool row;
    while (query_step(&q, &row, err)) {
        if (!row)
            return true;
        struct uuid id;
        if (!query_id(&q, 0, &id, err))
            return false;
        fn(ctx, &id, query_text(&q, 1));
    }
    return false;
}

bool db_get_event(struct db *db, const struct uuid *id, db_event_fn *fn, void *ctx, struct err *err)
{
    AUTO(query_end) struct query q = query_start(db, SQL_GET_EVENT);
    query_bind_key(&q, id);
    bool row;
    if (!query_step(&q, &row, err))
        return false;
    if (!row) {
        char text[UUID_TEXT_BYTES];
        return err_set(err, ERR_NOT_FOUND, "no event %s", uuid_format(text, id));
    }
    fn(ctx, id, query_text(&q, 0));
    return true;
}

bool db_read_outbox(struct db *db, int64_t after_seq, int limit, db_outbox_fn *fn, void *ctx,
                    struct err *err)
{
    AUTO(query_end) struct query q = query_start(db, SQL_READ_OUTBOX);
    query_bind_int(&q, after_seq);
    query_bind_int(&q, limit);
    bool row;
    while (query_step(&q, &row, err))
        if (!row || !fn(ctx, query_int(&q, 0), query_text(&q, 1)))
            return true;
    return false;
}

bool db_find_snapshot(struct db *db, const struct uuid *event, const struct uuid *track,
                      struct uuid *ret, struct err *err)
{
    bool any = uuid_is_zero(track);
    AUTO(query_end) struct query q = query_start(db, any ? SQL_BEST_SNAPSHOT : SQL_GET_SNAPSHOT);
    query_bind_key(&q, event);
    if (!any)
        query_bind_key(&q, track);
    bool row;
    if (!query_step(&q, &row, err))
        return false;
    if (!row) {
        char text[UUID_TEXT_BYTES];
        return err_set(err, ERR_NOT_FOUND, "no picture of event %s", uuid_format(text, event));
    }
    return query_id(&q, 0, ret, err);
}
