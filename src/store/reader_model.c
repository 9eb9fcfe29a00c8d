/* Reading the model's part. Whoever is called back may take his time: no statement is under way
 * then, except where rows are only handed over. */
#include "store/db_model.h"
#include "store/event_json.h"
#include "store/internal.h"

void job_done(struct job *job)
{
    blob_unref(&job->window);
}

bool store_next_jobs(struct store_reader *r, int64_t now_wall_us, const struct uuid *skip,
                     int skip_count, struct job *ret, int max, int *ret_count, struct err *err)
{
    return db_next_jobs(r->db, now_wall_us, skip, skip_count, ret, max, ret_count, err);
}

bool store_job_waits(struct store_reader *r, const struct job *job, bool *ret, struct err *err)
{
    return db_job_waits(r->db, job, ret, err);
}

bool store_count_jobs(struct store_reader *r, struct job_counts *ret, struct err *err)
{
    return db_count_jobs(r->db, ret, err);
}

/* --- lists --- */

struct model_page {
    struct json *out;
    int limit, count;
    struct uuid last; /* on this page */
    bool more;
};

/* Begins an item, unless the page is full. */
static bool begin_item(struct model_page *page, const struct uuid *event)
{
    if (page->count == page->limit) {
        page->more = true;
        return false;
    }
    page->last = *event;
    page->count++;
    json_begin_object(page->out, NULL);
    json_uuid(page->out, "event_id", event);
    return true;
}

static void add_job(void *ctx, const struct job_row *row)
{
    struct model_page *page = ctx;
    if (!begin_item(page, &row->event))
        return;
    struct json *j = page->out;
    json_text(j, "camera", row->camera);
    json_text(j, "state", row->dead ? "dead" : "waiting");
    json_bool(j, "urgent", row->urgent);
    if (row->score == SCORE_NONE)
        json_put_null(j, "score");
    else
        json_int(j, "score", row->score);
    json_int(j, "tries", row->tries);
    json_text(j, "reason", row->reason[0] ? row->reason : NULL);
    json_time(j, "queued_at", row->queued_wall_us);
    json_time(j, "not_before",
              row->not_before_wall_us > 0 ? row->not_before_wall_us : TIME_UNKNOWN);
    json_end_object(j);
}

bool store_list_jobs(struct store_reader *r, bool dead_only, const struct uuid *before, int limit,
                     struct json *out, struct uuid *ret_next, struct err *err)
{
    if (!reader_check_limit(limit, err))
        return false;
    struct model_page page = {.out = out, .limit = limit};
    json_begin_array(out, "items");
    bool ok = db_list_jobs(r->db, dead_only, before, limit + 1, add_job, &page, err);
    json_end_array(out);
    *ret_next = page.more ? page.last : (struct uuid){0};
    return ok;
}

static void add_feedback(void *ctx, const struct feedback *f, const char *camera)
{
    struct model_page *page = ctx;
    if (!begin_item(page, &f->event))
        return;
    json_text(page->out, "camera", camera);
    feedback_members_json(page->out, f);
    json_end_object(page->out);
}

bool store_list_feedback(struct store_reader *r, const struct uuid *before, int limit,
                         struct json *out, struct uuid *ret_next, struct err *err)
{
    if (!reader_check_limit(limit, err))
        return false;
    struct model_page page = {.out = out, .limit = limit};
    json_begin_array(out, "items");
    bool ok = db_list_feedback(r->db, before, limit + 1, add_feedback, &page, err);
    json_end_array(out);
    *ret_next = page.more ? page.last : (struct uuid){0};
    return ok;
}

/* --- windows, runs --- */

bool store_read_window(struct store_reader *r, const struct uuid *event, struct blob **ret,
                       struct err *err)
{
    return db_read_window(r->db, event, ret, err);
}

/* The last id that can have been made before. */
static struct uuid id_before(int64_t wall_us)
{
    struct uuid id = {0};
    uint64_t ms = wall_us > 0 ? (uint64_t)(wall_us / US_PER_MS) : 0;
    for (int i = 0; i < 6; i++)
        id.bytes[i] = (uint8_t)(ms >> (8 * (5 - i)));
    return id;
}

bool store_read_windows(struct store_reader *r, int64_t since_wall_us, store_window_fn *fn,
                        void *ctx, struct err *err)
{
    struct uuid event = id_before(since_wall_us);
    for (;;) {
        struct uuid after = event;
        AUTO(blob_unref) struct blob *window = NULL;
        if (!db_window_after(r->db, &after, &event, &window, err))
            return false;
        if (!window || !fn(ctx, &event, window))
            return true;
    }
}

bool store_read_runs(struct store_reader *r, const struct uuid *event, store_run_fn *fn, void *ctx,
                     struct err *err)
{
    struct uuid after = {0};
    for (;;) {
        bool found;
        AUTO(run_done) struct run run;
        if (!db_run_after(r->db, event, &after, &run, &found, err))
            return false;
        if (!found || !fn(ctx, &run))
            return true;
        after = run.id;
    }
}

/* --- what is learned --- */

bool store_read_feedback(struct store_reader *r, const char *camera, struct feedback_row *ret,
                         int max, int *ret_count, struct err *err)
{
    return db_read_feedback(r->db, camera, ret, max, ret_count, err);
}

bool store_read_baseline(struct store_reader *r, const char *camera, store_baseline_fn *fn,
                         void *ctx, struct err *err)
{
    return db_read_baseline(r->db, camera, fn, ctx, err);
}
