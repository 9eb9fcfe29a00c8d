/* What retention needs: how much there is, what is oldest, and deleting it a little at a time. */
#include "store/db.h"

#include "store/query.h"

/* Pages kept for the next events, so that a full store does not shrink and grow all the time. */
#define SPARE_PAGES 256

static bool read_number(struct db *db, enum sql which, int64_t *ret, struct err *err)
{
    AUTO(query_end) struct query q = query_start(db, which);
    bool row;
    if (!query_step(&q, &row, err))
        return false;
    *ret = row ? query_int(&q, 0) : 0;
    return true;
}

bool db_used_bytes(struct db *db, int64_t *ret, struct err *err)
{
    int64_t pages, unused, page_bytes;
    if (!read_number(db, SQL_PAGE_COUNT, &pages, err) ||
        !read_number(db, SQL_FREE_PAGES, &unused, err) ||
        !read_number(db, SQL_PAGE_BYTES, &page_bytes, err))
        return false;
    *ret = (pages - unused) * page_bytes + db->picture_bytes + db->pending_picture_bytes;
    return true;
}

bool db_open_events(struct db *db, struct uuid *ret, int max, int *ret_count, struct err *err)
{
    AUTO(query_end) struct query q = query_start(db, SQL_OPEN_EVENTS);
    query_bind_int(&q, max);
    *ret_count = 0;
    bool row;
    while (query_step(&q, &row, err)) {
        if (!row)
            return true;
        ASSERT(*ret_count < max);
        if (!query_id(&q, 0, &ret[*ret_count], err))
            return false;
        ++*ret_count;
    }
    return false;
}

bool db_newest_event(struct db *db, struct uuid *ret, bool *ret_found, struct err *err)
{
    AUTO(query_end) struct query q = query_start(db, SQL_NEWEST_EVENT);
    return query_step(&q, ret_found, err) && (!*ret_found || query_id(&q, 0, ret, err));
}

bool db_oldest_closed(struct db *db, const struct uuid *before, int64_t upto_seq,
                      struct event_key *ret, int max, int *ret_count, struct err *err)
{
    AUTO(query_end) struct query q = query_start(db, SQL_OLDEST_CLOSED);
    query_bind_key(&q, before);
    query_bind_int(&q, upto_seq);
    query_bind_int(&q, max);
    *ret_count = 0;
    bool row;
    while (query_step(&q, &row, err)) {
        if (!row)
            return true;
        ASSERT(*ret_count < max);
        struct event_key *key = &ret[*ret_count];
        if (!query_id(&q, 0, &key->id, err))
            return false;
        key->seq = query_int(&q, 1);
        ++*ret_count;
    }
    return false;
}

/* Whole rows of a busy event are tens of thousands: too many for one go. */
static bool delete_detections(struct db *db, const struct uuid *event, int *budget, struct err *err)
{
    struct query q = query_start(db, SQL_DELETE_DETECTIONS);
    query_bind_key(&q, event);
    query_bind_int(&q, *budget);
    if (!query_run(&q, err))
        return false;
    *budget -= sqlite3_changes(db->conn);
    return true;
}

bool db_delete_event(struct db *db, const struct event_key *event, int64_t keep_after_seq,
                     int *budget, bool *ret_gone, struct err *err)
{
    *ret_gone = false;
    if (!delete_detections(db, &event->id, budget, err))
        return false;
    if (*budget <= 0)
        return true; /* there may be more */
    struct snapshot_rows pictures;
    if (!db_event_snapshots(db, &event->id, &pictures, err))
        return false;
    struct query row = query_start(db, SQL_DELETE_EVENT);
    query_bind_key(&row, &event->id);
    if (!query_run(&row, err))
        return false;
    struct query note = query_start(db, SQL_FORGET_NOTE);
    query_bind_key(&note, &event->id);
    if (!query_run(&note, err))
        return false;
    struct query outbox = query_start(db, SQL_DELETE_OUTBOX_ROW);
    query_bind_int(&outbox, event->seq);
    query_bind_int(&outbox, keep_after_seq);
    if (!query_run(&outbox, err))
        return false;
    for (int i = 0; i < pictures.count; i++)
        db->pending_picture_bytes -= pictures.items[i].bytes;
    /* Tracks and reasons go with the event; they are few, but not free. */
    *budget -= 20;
    *ret_gone = true;
    return true;
}

bool db_trim_outbox(struct db *db, int64_t *from_seq, int64_t upto_seq, int limit, bool *ret_done,
                    struct err *err)
{
    int64_t end;
    {
        AUTO(query_end) struct query q = query_start(db, SQL_OUTBOX_RANGE_END);
        query_bind_int(&q, *from_seq);
        query_bind_int(&q, upto_seq);
        query_bind_int(&q, limit);
        bool row;
        if (!query_step(&q, &row, err))
            return false;
        int64_t found = row ? query_int(&q, 1) : 0;
        *ret_done = found < limit;
        end = found > 0 ? query_int(&q, 0) : *from_seq;
    }
    if (end > *from_seq) {
        struct query q = query_start(db, SQL_TRIM_OUTBOX);
        query_bind_int(&q, *from_seq);
        query_bind_int(&q, end);
        if (!query_run(&q, err))
            return false;
    }
    *from_seq = end;
    return true;
}

bool db_shrink(struct db *db, bool *ret_done, struct err *err)
{
    int64_t unused;
    if (!read_number(db, SQL_FREE_PAGES, &unused, err))
        return false;
    *ret_done = unused <= SPARE_PAGES;
    if (*ret_done)
        return true;
    AUTO(query_end) struct query q = query_start(db, SQL_VACUUM_STEP);
    for (bool row = true; row;) /* it gives back one page per step */
        if (!query_step(&q, &row, err))
            return false;
    return true;
}
