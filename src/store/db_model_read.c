/* Reading what is asked and what came of it. What is read may come from anywhere, and is bounded.
 */
#include "store/db_model.h"

#include "store/query.h"

#include <string.h>

static int read_score(const struct query *q, int column)
{
    return query_is_null(q, column) ? SCORE_NONE : CLAMP(query_small(q, column), 0, 100);
}

/* A window that cannot be read belongs to the job: were it an error, it would keep all behind it
 * waiting for ever. */
static bool read_job(const struct query *q, struct job *ret, struct err *err)
{
    struct err why = {0};
    *ret = (struct job){
        .revision = query_small(q, 1),
        .urgent = query_int(q, 2) != 0,
        .score = read_score(q, 3),
        .tries = query_small(q, 4),
        .queued_wall_us = query_int(q, 5),
    };
    if (!query_id(q, 0, &ret->event, err))
        return false;
    if (query_blob(q, 6, STORE_BLOB_BYTES_MAX, &ret->window, &why)) {
        STR_COPY(ret->damage, ret->window ? "" : "there is none");
        return true;
    }
    if (why.code == ERR_DATA_LOSS) {
        STR_COPY(ret->damage, why.msg);
        return true;
    }
    *err = why;
    return false;
}

static bool is_among(const struct uuid *id, const struct uuid *ids, int count)
{
    for (int i = 0; i < count; i++)
        if (uuid_equal(id, &ids[i]))
            return true;
    return false;
}

bool db_next_jobs(struct db *db, int64_t now_wall_us, const struct uuid *skip, int skip_count,
                  struct job *ret, int max, int *ret_count, struct err *err)
{
    AUTO(query_end) struct query q = query_start(db, SQL_NEXT_JOBS);
    query_bind_int(&q, now_wall_us);
    query_bind_int(&q, now_wall_us + JOB_LATER_MAX_US);
    query_bind_int(&q, (int64_t)max + skip_count);
    *ret_count = 0;
    bool row;
    while (query_step(&q, &row, err)) {
        struct job job;
        if (!row || *ret_count == max)
            return true;
        if (!read_job(&q, &job, err))
            break;
        if (is_among(&job.event, skip, skip_count))
            job_done(&job);
        else
            ret[(*ret_count)++] = job;
    }
    while (*ret_count > 0)
        job_done(&ret[--*ret_count]);
    return false;
}

bool db_job_waits(struct db *db, const struct job *job, bool *ret, struct err *err)
{
    AUTO(query_end) struct query q = query_start(db, SQL_READ_JOB);
    query_bind_key(&q, &job->event);
    bool row;
    if (!query_step(&q, &row, err))
        return false;
    *ret = row && query_small(&q, 0) == job->revision && query_small(&q, 1) == job->tries &&
           query_int(&q, 2) == job->queued_wall_us;
    return true;
}

bool db_count_jobs(struct db *db, struct job_counts *ret, struct err *err)
{
    AUTO(query_end) struct query q = query_start(db, SQL_COUNT_JOBS);
    bool row;
    if (!query_step(&q, &row, err))
        return false;
    *ret = (struct job_counts){.oldest_wall_us = TIME_UNKNOWN};
    if (row)
        *ret = (struct job_counts){query_int(&q, 0), query_int(&q, 1),
                                   query_int_or(&q, 2, TIME_UNKNOWN)};
    return true;
}

struct uuid db_last_before(const struct uuid *before)
{
    struct uuid last = *before;
    if (uuid_is_zero(before))
        memset(last.bytes, 0xff, sizeof last.bytes);
    return last;
}

bool db_list_jobs(struct db *db, bool dead_only, const struct uuid *before, int limit,
                  db_job_fn *fn, void *ctx, struct err *err)
{
    struct uuid last = db_last_before(before);
    AUTO(query_end) struct query q = query_start(db, SQL_LIST_JOBS);
    query_bind_key(&q, &last);
    query_bind_int(&q, dead_only);
    query_bind_int(&q, limit);
    bool row;
    while (query_step(&q, &row, err)) {
        if (!row)
            return true;
        struct job_row job = {
            .dead = query_int(&q, 2) != 0,
            .urgent = query_int(&q, 3) != 0,
            .score = read_score(&q, 4),
            .tries = query_small(&q, 5),
            .reason = query_text(&q, 6),
            .queued_wall_us = query_int(&q, 7),
            .not_before_wall_us = query_int(&q, 8),
        };
        STR_COPY(job.camera, query_text(&q, 1));
        if (!query_id(&q, 0, &job.event, err))
            return false;
        fn(ctx, &job);
    }
    return false;
}

bool db_read_window(struct db *db, const struct uuid *event, struct blob **ret, struct err *err)
{
    *ret = NULL;
    AUTO(query_end) struct query q = query_start(db, SQL_READ_WINDOW);
    query_bind_key(&q, event);
    bool row;
    if (!query_step(&q, &row, err) || (row && !query_blob(&q, 0, STORE_BLOB_BYTES_MAX, ret, err)))
        return false;
    char text[UUID_TEXT_BYTES];
    return *ret || err_set(err, ERR_NOT_FOUND, "no window of event %s", uuid_format(text, event));
}

bool db_window_after(struct db *db, const struct uuid *after, struct uuid *ret_event,
                     struct blob **ret, struct err *err)
{
    *ret = NULL;
    AUTO(query_end) struct query q = query_start(db, SQL_WINDOW_AFTER);
    query_bind_key(&q, after);
    bool row;
    return query_step(&q, &row, err) &&
           (!row ||
            (query_id(&q, 0, ret_event, err) && query_blob(&q, 1, STORE_BLOB_BYTES_MAX, ret, err)));
}

static bool read_run(const struct query *q, struct run *ret, struct err *err)
{
    ret->revision = query_small(q, 1);
    ret->attempt = query_small(q, 2);
    STR_COPY(ret->outcome, query_text(q, 3));
    STR_COPY(ret->detail, query_text(q, 4));
    STR_COPY(ret->model, query_text(q, 5));
    STR_COPY(ret->build, query_text(q, 6));
    ret->seed = query_int(q, 7);
    ret->temperature = query_double(q, 8);
    ret->prompt_version = query_small(q, 9);
    ret->schema_version = query_small(q, 10);
    ret->prompt_tokens = query_small(q, 14);
    ret->cached_tokens = query_small(q, 15);
    ret->reply_tokens = query_small(q, 16);
    ret->spent_us = query_int(q, 17);
    ret->wall_us = query_int(q, 18);
    return query_id(q, 0, &ret->id, err) &&
           query_bytes(q, 11, ret->prompt_sha256, sizeof ret->prompt_sha256, err) &&
           query_blob(q, 12, STORE_BLOB_BYTES_MAX, &ret->request, err) &&
           query_blob(q, 13, STORE_BLOB_BYTES_MAX, &ret->reply, err);
}

bool db_run_after(struct db *db, const struct uuid *event, const struct uuid *after,
                  struct run *ret, bool *ret_found, struct err *err)
{
    *ret = (struct run){.event = *event};
    AUTO(query_end) struct query q = query_start(db, SQL_RUN_AFTER);
    query_bind_key(&q, event);
    query_bind_key(&q, after);
    if (!query_step(&q, ret_found, err))
        return false;
    if (!*ret_found || read_run(&q, ret, err))
        return true;
    run_done(ret);
    return false;
}
