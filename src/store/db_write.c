/* One change into rows. */
#include "store/db.h"

#include "store/event_json.h"
#include "store/query.h"

#include <math.h>

bool db_event_revision(struct db *db, const struct uuid *event, int *ret, struct err *err)
{
    AUTO(query_end) struct query q = query_start(db, SQL_EVENT_REVISION);
    query_bind_key(&q, event);
    bool row;
    if (!query_step(&q, &row, err))
        return false;
    *ret = row ? (int)query_int(&q, 0) : -1;
    return true;
}

bool db_event_exists(struct db *db, const struct uuid *event, bool *ret, struct err *err)
{
    int revision;
    if (!db_event_revision(db, event, &revision, err))
        return false;
    *ret = revision >= 0;
    return true;
}

bool db_event_snapshots(struct db *db, const struct uuid *event, struct snapshot_rows *ret,
                        struct err *err)
{
    AUTO(query_end) struct query q = query_start(db, SQL_EVENT_SNAPSHOTS);
    query_bind_key(&q, event);
    ret->count = 0;
    bool row;
    while (ret->count < EVENT_TRACKS_MAX) {
        if (!query_step(&q, &row, err))
            return false;
        if (!row)
            break;
        struct snapshot_row *s = &ret->items[ret->count];
        if (!query_id(&q, 0, &s->track, err))
            return false;
        s->at_us = query_int(&q, 1);
        s->bytes = query_int(&q, 2);
        ret->count++;
    }
    return true;
}

static bool put_outbox(struct db *db, const struct event *e, const char *json, int64_t *ret_seq,
                       struct err *err)
{
    struct query q = query_start(db, SQL_PUT_OUTBOX);
    query_bind_key(&q, &e->id);
    query_bind_int(&q, e->revision);
    query_bind_text(&q, json);
    if (!query_run(&q, err))
        return false;
    *ret_seq = sqlite3_last_insert_rowid(db->conn);
    return true;
}

static bool put_event_row(struct db *db, const struct event *e, int64_t seq, struct err *err)
{
    bool closed = e->state == EVENT_CLOSED;
    struct query q = query_start(db, SQL_PUT_EVENT);
    query_bind_key(&q, &e->id);
    query_bind_id(&q, &e->continues);
    query_bind_text(&q, e->camera_name);
    query_bind_int(&q, closed);
    query_bind_text(&q, closed ? close_reason_names[e->close_reason] : NULL);
    query_bind_int(&q, e->revision);
    query_bind_int(&q, e->start_us);
    query_bind_int(&q, e->end_us);
    query_bind_int_unless(&q, e->wall_start_us, TIME_UNKNOWN);
    query_bind_int_unless(&q, e->wall_end_us, TIME_UNKNOWN);
    query_bind_int_unless(&q, e->verdict.score, SCORE_NONE);
    query_bind_int(&q, risk_level_of(e->verdict.score));
    query_bind_int(&q, seq);
    return query_run(&q, err);
}

static bool put_tracks(struct db *db, const struct event *e, struct err *err)
{
    for (int i = 0; i < e->track_count; i++) {
        const struct track *t = &e->tracks[i];
        struct query q = query_start(db, SQL_PUT_TRACK);
        query_bind_key(&q, &e->id);
        query_bind_key(&q, &t->id);
        query_bind_text(&q, t->label);
        query_bind_double(&q, t->confidence);
        query_bind_int(&q, t->first.pts_us);
        query_bind_int(&q, t->last.pts_us);
        query_bind_int(&q, t->stationary);
        if (!query_run(&q, err))
            return false;
    }
    return true;
}

bool db_put_reasons(struct db *db, const struct uuid *event, const struct verdict *verdict,
                    int from, struct err *err)
{
    for (int i = from; i < verdict->reason_count; i++) {
        const struct reason *r = &verdict->reasons[i];
        struct query q = query_start(db, SQL_PUT_REASON);
        query_bind_key(&q, event);
        query_bind_int(&q, i);
        query_bind_text(&q, r->rule);
        query_bind_int(&q, r->points);
        query_bind_text(&q, r->text);
        query_bind_id(&q, &r->track);
        query_bind_int(&q, r->at.pts_us);
        if (!query_run(&q, err))
            return false;
    }
    struct query q = query_start(db, SQL_CUT_REASONS);
    query_bind_key(&q, event);
    query_bind_int(&q, verdict->reason_count);
    return query_run(&q, err);
}

static int ten_thousandths(float share)
{
    return share > 0 ? (int)lroundf(MIN(share, 1.0f) * 10000) : 0; /* NaN too */
}

static bool put_detections(struct db *db, const struct event *e, struct err *err)
{
    for (int i = 0; i < e->sighting_count; i++) {
        const struct sighting *s = &e->sightings[i].at;
        ASSERT(e->sightings[i].track >= 0 && e->sightings[i].track < e->track_count);
        struct query q = query_start(db, SQL_PUT_DETECTION);
        query_bind_key(&q, &e->id);
        query_bind_key(&q, &e->tracks[e->sightings[i].track].id);
        query_bind_int(&q, s->pts_us);
        query_bind_int(&q, ten_thousandths(s->box.x0));
        query_bind_int(&q, ten_thousandths(s->box.y0));
        query_bind_int(&q, ten_thousandths(s->box.x1));
        query_bind_int(&q, ten_thousandths(s->box.y1));
        query_bind_int(&q, ten_thousandths(s->score));
        if (!query_run(&q, err))
            return false;
    }
    return true;
}

static int64_t total_bytes(const struct snapshot_rows *rows)
{
    int64_t total = 0;
    for (int i = 0; i < rows->count; i++)
        total += rows->items[i].bytes;
    return total;
}

bool db_put_snapshots(struct db *db, const struct uuid *event, const struct snapshot_rows *rows,
                      struct err *err)
{
    struct snapshot_rows before;
    if (rows->count == 0)
        return true;
    if (!db_event_snapshots(db, event, &before, err))
        return false;
    for (int i = 0; i < rows->count; i++) {
        struct query q = query_start(db, SQL_PUT_SNAPSHOT);
        query_bind_key(&q, event);
        query_bind_key(&q, &rows->items[i].track);
        query_bind_int(&q, rows->items[i].at_us);
        query_bind_int(&q, rows->items[i].bytes);
        if (!query_run(&q, err))
            return false;
    }
    struct snapshot_rows after;
    if (!db_event_snapshots(db, event, &after, err))
        return false;
    db->pending_picture_bytes += total_bytes(&after) - total_bytes(&before);
    return true;
}

bool db_put_event(struct db *db, const struct event *e, const struct snapshot_rows *snapshots,
                  const char *json, int64_t *ret_seq, struct err *err)
{
    int64_t seq;
    if (!put_outbox(db, e, json, &seq, err) || !put_event_row(db, e, seq, err) ||
        !put_tracks(db, e, err) || !db_put_reasons(db, &e->id, &e->verdict, 0, err) ||
        !put_detections(db, e, err) || !db_put_snapshots(db, &e->id, snapshots, err))
        return false;
    db->pending_seq = seq;
    *ret_seq = seq;
    return true;
}

/* Pictures of an opening follow its news, and its next change would have named them. */
static bool name_pictures(struct db *db, int64_t seq, const struct uuid *event,
                          const struct snapshot_rows *rows, struct err *err)
{
    for (int i = 0; i < rows->count; i++) {
        const struct uuid *track = &rows->items[i].track;
        if (rows->items[i].bytes == 0)
            continue; /* the file is not there */
        char track_id[UUID_TEXT_BYTES], any[SNAPSHOT_ADDRESS_BYTES], one[SNAPSHOT_ADDRESS_BYTES];
        struct query q = query_start(db, SQL_NAME_PICTURE);
        query_bind_int(&q, seq);
        query_bind_text(&q, uuid_format(track_id, track));
        query_bind_text(&q, event_snapshot_address(any, event, NULL));
        query_bind_text(&q, event_snapshot_address(one, event, track));
        if (!query_run(&q, err))
            return false;
    }
    return true;
}

bool db_close_crashed(struct db *db, const struct uuid *event,
                      const struct snapshot_rows *snapshots, struct err *err)
{
    const char *reason = close_reason_names[CLOSE_CRASH];
    struct query outbox = query_start(db, SQL_CRASHED_OUTBOX);
    query_bind_key(&outbox, event);
    query_bind_text(&outbox, reason);
    if (!query_run(&outbox, err))
        return false;
    /* A damaged event may have no change to go on from: then only its row says that it is over. */
    int64_t seq = sqlite3_changes(db->conn) > 0 ? sqlite3_last_insert_rowid(db->conn) : 0;
    struct query row = query_start(db, SQL_CRASHED_EVENT);
    query_bind_key(&row, event);
    query_bind_text(&row, reason);
    query_bind_int_unless(&row, seq, 0);
    if (!query_run(&row, err) || !db_put_snapshots(db, event, snapshots, err) ||
        !name_pictures(db, seq, event, snapshots, err))
        return false;
    db->pending_seq = MAX(db->pending_seq, seq);
    return true;
}
