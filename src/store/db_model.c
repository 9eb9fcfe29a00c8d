/* Writing what is asked and what came of it: windows, jobs, judgements, runs. */
#include "store/db_model.h"

#include "store/judged.h"
#include "store/query.h"

#include <stdlib.h>
#include <string.h>

/* --- what is kept of an event beside it --- */

void event_marks_done(struct event_marks *marks)
{
    free(marks->judgement);
    marks->judgement = NULL;
}

/* What cannot be read is no reason to stop: the event has its rules' score. */
static void read_judgement(const struct query *q, struct event_marks *ret)
{
    const char *json = query_text(q, 0);
    struct err ignored;
    ret->judgement = NEW(struct judgement);
    if (judgement_parse(json, strlen(json), ret->judgement, &ignored))
        return;
    event_marks_done(ret);
    ret->unreadable = true;
}

bool db_read_marks(struct db *db, const struct uuid *event, struct event_marks *ret,
                   struct err *err)
{
    *ret = (struct event_marks){0};
    AUTO(query_end) struct query q = query_start(db, SQL_EVENT_MARKS);
    query_bind_key(&q, event);
    bool row;
    if (!query_step(&q, &row, err))
        return false;
    if (!row)
        return true;
    ret->has_job = !query_is_null(&q, 1);
    ret->job_dead = query_int(&q, 1) != 0;
    ret->job_revision = query_small(&q, 2);
    ret->has_feedback = !query_is_null(&q, 3);
    ret->feedback = (struct feedback){
        .event = *event, .kind = query_small(&q, 3), .wall_us = query_int(&q, 5)};
    STR_COPY(ret->feedback.note, query_text(&q, 4));
    ret->has_feedback &= ret->feedback.kind >= FEEDBACK_ACCURATE &&
                         ret->feedback.kind <= FEEDBACK_TOO_LOW;
    if (!query_is_null(&q, 0))
        read_judgement(&q, ret);
    if (ret->judgement || !ret->has_job)
        return true;
    ret->judgement = judgement_undone(event, ret->job_revision,
                                      ret->job_dead ? JUDGEMENT_FAILED : JUDGEMENT_WAITING);
    return true;
}

/* --- the queue --- */

static bool put_job(struct db *db, const struct event *e, int64_t now_wall_us, struct err *err)
{
    struct query job = query_start(db, SQL_PUT_JOB);
    query_bind_key(&job, &e->id);
    query_bind_int(&job, e->revision);
    query_bind_int(&job, e->ask == ASK_NOW);
    query_bind_int_unless(&job, e->verdict.score, SCORE_NONE);
    query_bind_int(&job, now_wall_us);
    if (!query_run(&job, err))
        return false;
    struct query undone = query_start(db, SQL_DROP_UNDONE);
    query_bind_key(&undone, &e->id);
    return query_run(&undone, err);
}

bool db_put_window(struct db *db, const struct event *e, int64_t now_wall_us, struct err *err)
{
    struct query q = query_start(db, SQL_PUT_WINDOW);
    query_bind_key(&q, &e->id);
    query_bind_int(&q, e->revision);
    query_bind_blob(&q, e->window);
    return query_run(&q, err) && (e->ask == ASK_NO || put_job(db, e, now_wall_us, err));
}

bool db_end_job(struct db *db, const struct uuid *event, struct err *err)
{
    struct query q = query_start(db, SQL_END_JOB);
    query_bind_key(&q, event);
    return query_run(&q, err);
}

bool db_delay_job(struct db *db, const struct uuid *event, int64_t not_before_wall_us,
                  const char *reason, struct err *err)
{
    struct query q = query_start(db, SQL_DELAY_JOB);
    query_bind_key(&q, event);
    query_bind_int(&q, not_before_wall_us);
    query_bind_text(&q, reason);
    return query_run(&q, err);
}

bool db_bury_job(struct db *db, const struct uuid *event, const char *reason, struct err *err)
{
    struct query q = query_start(db, SQL_BURY_JOB);
    query_bind_key(&q, event);
    query_bind_text(&q, reason);
    return query_run(&q, err);
}

bool db_revive_job(struct db *db, const struct uuid *event, int64_t now_wall_us, bool *ret_revived,
                   struct err *err)
{
    struct query job = query_start(db, SQL_REVIVE_JOB);
    query_bind_key(&job, event);
    query_bind_int(&job, now_wall_us);
    if (!query_run(&job, err))
        return false;
    *ret_revived = sqlite3_changes(db->conn) > 0;
    if (!*ret_revived)
        return true;
    struct query undone = query_start(db, SQL_DROP_UNDONE);
    query_bind_key(&undone, event);
    return query_run(&undone, err);
}

bool db_jobs_after(struct db *db, const struct uuid *after, bool dead, struct uuid *ret, int max,
                   int *ret_count, struct err *err)
{
    AUTO(query_end) struct query q = query_start(db, SQL_JOBS_AFTER);
    query_bind_key(&q, after);
    query_bind_int(&q, dead);
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

/* --- what came of it --- */

bool db_put_judgement(struct db *db, const struct judgement *judgement, const char *json,
                      struct err *err)
{
    struct query q = query_start(db, SQL_PUT_JUDGEMENT);
    query_bind_key(&q, &judgement->event);
    query_bind_int(&q, judgement->revision);
    query_bind_int(&q, judgement->state == JUDGEMENT_DONE);
    query_bind_text(&q, json);
    return query_run(&q, err);
}

bool db_put_run(struct db *db, const struct run *run, struct err *err)
{
    struct query q = query_start(db, SQL_PUT_RUN);
    query_bind_key(&q, &run->event);
    query_bind_key(&q, &run->id);
    query_bind_int(&q, run->revision);
    query_bind_int(&q, run->attempt);
    query_bind_text(&q, run->outcome);
    query_bind_text(&q, run->detail);
    query_bind_text(&q, run->model);
    query_bind_text(&q, run->build);
    query_bind_int(&q, run->seed);
    query_bind_double(&q, run->temperature);
    query_bind_int(&q, run->prompt_version);
    query_bind_int(&q, run->schema_version);
    query_bind_bytes(&q, run->prompt_sha256, sizeof run->prompt_sha256);
    query_bind_blob(&q, run->request);
    query_bind_blob(&q, run->reply);
    query_bind_int(&q, run->prompt_tokens);
    query_bind_int(&q, run->cached_tokens);
    query_bind_int(&q, run->reply_tokens);
    query_bind_int(&q, run->spent_us);
    query_bind_int(&q, run->wall_us);
    return query_run(&q, err);
}

bool db_cut_runs(struct db *db, const struct uuid *event, const struct uuid *keep, struct err *err)
{
    struct query q = query_start(db, SQL_CUT_RUNS);
    query_bind_key(&q, event);
    query_bind_key(&q, keep);
    query_bind_int(&q, RUNS_KEPT_MAX);
    return query_run(&q, err);
}

/* --- a new change of an event, made from its newest --- */

bool db_newest_json(struct db *db, const struct uuid *event, struct json *out, struct err *err)
{
    json_reset(out);
    AUTO(query_end) struct query q = query_start(db, SQL_GET_EVENT);
    query_bind_key(&q, event);
    bool row;
    if (!query_step(&q, &row, err))
        return false;
    if (row)
        json_raw(out, NULL, query_text(&q, 0));
    return true;
}

/* Runs a statement that makes an outbox row and returns its JSON. */
static bool run_outbox(struct query *q, struct json *out, int64_t *ret_seq, struct err *err)
{
    bool row, more;
    *ret_seq = 0;
    json_reset(out);
    if (!query_step(q, &row, err))
        return false;
    if (!row)
        return true;
    json_raw(out, NULL, query_text(q, 0));
    if (!query_step(q, &more, err))
        return false;
    *ret_seq = sqlite3_last_insert_rowid(q->db->conn);
    q->db->pending_seq = *ret_seq;
    return true;
}

static bool put_judged_outbox(struct db *db, const struct uuid *event, const struct judged *j,
                              struct json *out, int64_t *ret_seq, struct err *err)
{
    int score = j->verdict->score;
    AUTO(query_end) struct query q = query_start(db, SQL_JUDGED_OUTBOX);
    query_bind_key(&q, event);
    query_bind_int_unless(&q, score, SCORE_NONE);
    query_bind_text(&q, risk_level_names[risk_level_of(score)]);
    query_bind_int_unless(&q, j->rules_score, SCORE_NONE);
    query_bind_text(&q, j->verdict->scorer);
    query_bind_text(&q, j->reasons);
    query_bind_text(&q, j->model);
    return run_outbox(&q, out, ret_seq, err);
}

bool db_show_judged(struct db *db, const struct uuid *event, const struct judged *j,
                    struct json *out, int64_t *ret_seq, struct err *err)
{
    if (!put_judged_outbox(db, event, j, out, ret_seq, err))
        return false;
    if (*ret_seq == 0)
        return true;
    struct query row = query_start(db, SQL_JUDGED_EVENT);
    query_bind_key(&row, event);
    query_bind_int(&row, *ret_seq);
    query_bind_int_unless(&row, j->verdict->score, SCORE_NONE);
    query_bind_int(&row, risk_level_of(j->verdict->score));
    return query_run(&row, err) && db_put_reasons(db, event, j->verdict, j->rules_count, err);
}

bool db_show_feedback(struct db *db, const struct uuid *event, const char *feedback,
                      struct json *out, int64_t *ret_seq, struct err *err)
{
    {
        AUTO(query_end) struct query q = query_start(db, SQL_FEEDBACK_OUTBOX);
        query_bind_key(&q, event);
        query_bind_text(&q, feedback);
        if (!run_outbox(&q, out, ret_seq, err))
            return false;
    }
    if (*ret_seq == 0)
        return true;
    struct query row = query_start(db, SQL_FEEDBACK_EVENT);
    query_bind_key(&row, event);
    query_bind_int(&row, *ret_seq);
    return query_run(&row, err);
}
