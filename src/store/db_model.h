/* The model's part of the database: windows, jobs, judgements, runs, feedback, baselines. As db.h
 * says of its functions. */
#pragma once

#include "store/db.h"
#include "store/store.h"

/* Of one event: so often may it be asked about again. The run that gave the judgement stays. */
#define RUNS_KEPT_MAX 16

/* Of one camera. Feedback of events that are gone; what was said first goes first. A baseline has
 * at most BASELINE_CELLS_MAX cells (risk/baseline.h) and some more; what was not written for
 * longest goes first. */
#define FEEDBACK_KEPT_MAX      2000
#define BASELINE_ROWS_KEPT_MAX 10000

/* A job that is put off for longer was put off by a clock that was wrong: it is done now. */
#define JOB_LATER_MAX_US (INT64_C(86400) * US_PER_S)

/* Of a window, a request or a reply, as it is stored. */
#define STORE_BLOB_BYTES_MAX (1 << 20)

/* --- what is kept of an event beside it --- */

struct event_marks {
    struct judgement *judgement; /* owned; one that waits, for a job without; NULL: never asked */
    bool unreadable;             /* there is one, but nothing can be made of it */
    bool has_job, job_dead;
    int job_revision;
    bool has_feedback;
    struct feedback feedback;
};
void event_marks_done(struct event_marks *marks);
NODISCARD bool db_read_marks(struct db *db, const struct uuid *event, struct event_marks *ret,
                             struct err *err);

/* --- the queue; inside a transaction --- */

/* The window takes the place of an earlier one; if the event asks, so does its job, which waits
 * from now on, and a judgement that is not done goes. */
NODISCARD bool db_put_window(struct db *db, const struct event *event, int64_t now_wall_us,
                             struct err *err);
NODISCARD bool db_end_job(struct db *db, const struct uuid *event, struct err *err);
NODISCARD bool db_delay_job(struct db *db, const struct uuid *event, int64_t not_before_wall_us,
                            const char *reason, struct err *err);
NODISCARD bool db_bury_job(struct db *db, const struct uuid *event, const char *reason,
                           struct err *err);
/* A dead job waits again; *ret_revived: there was one. */
NODISCARD bool db_revive_job(struct db *db, const struct uuid *event, int64_t now_wall_us,
                             bool *ret_revived, struct err *err);
/* Up to max events after the given one whose jobs are dead, or whose jobs wait. */
NODISCARD bool db_jobs_after(struct db *db, const struct uuid *after, bool dead, struct uuid *ret,
                             int max, int *ret_count, struct err *err);

/* json: the judgement as judgement_json has it. */
NODISCARD bool db_put_judgement(struct db *db, const struct judgement *judgement, const char *json,
                                struct err *err);
/* Of an event that is there. */
NODISCARD bool db_put_run(struct db *db, const struct run *run, struct err *err);
NODISCARD bool db_cut_runs(struct db *db, const struct uuid *event, const struct uuid *keep,
                           struct err *err);

/* --- a new change of an event, made from its newest --- */

/* The JSON of the newest; out stays empty if there is none that can be read. */
NODISCARD bool db_newest_json(struct db *db, const struct uuid *event, struct json *out,
                              struct err *err);

/* The members that a judgement decides; the texts are JSON. */
struct judged {
    const struct verdict *verdict;
    int rules_score;
    int rules_count; /* reasons before those of the model */
    const char *reasons, *model;
};
/* Writes the event's row, its reasons and an outbox row, whose JSON replaces what out had. *ret_seq
 * 0: there is nothing to make it from. */
NODISCARD bool db_show_judged(struct db *db, const struct uuid *event, const struct judged *judged,
                              struct json *out, int64_t *ret_seq, struct err *err);
/* feedback: JSON, or NULL. */
NODISCARD bool db_show_feedback(struct db *db, const struct uuid *event, const char *feedback,
                                struct json *out, int64_t *ret_seq, struct err *err);

/* --- what people say --- */

/* kind < 0 takes it back. *ret_changed false: there is no such event, it has been
 * said before, or there is nothing to take back. */
NODISCARD bool db_put_feedback(struct db *db, const struct feedback *feedback, bool *ret_changed,
                               struct err *err);
/* Anew from the event's newest JSON. */
NODISCARD bool db_put_feedback_places(struct db *db, const struct uuid *event, struct err *err);
NODISCARD bool db_read_feedback(struct db *db, const char *camera, struct feedback_row *ret,
                                int max, int *ret_count, struct err *err);
typedef void db_feedback_fn(void *ctx, const struct feedback *feedback, const char *camera);
NODISCARD bool db_list_feedback(struct db *db, const struct uuid *before, int limit,
                                db_feedback_fn *fn, void *ctx, struct err *err);

/* --- what is usual --- */

NODISCARD bool db_put_baseline(struct db *db, const char *camera, const struct baseline_row *rows,
                               int count, int64_t now_wall_us, struct err *err);
NODISCARD bool db_read_baseline(struct db *db, const char *camera, store_baseline_fn *fn, void *ctx,
                                struct err *err);

/* --- reading --- */

/* The id that a list comes before: of a cursor that is zero, the last there can be. */
struct uuid db_last_before(const struct uuid *before);

NODISCARD bool db_next_jobs(struct db *db, int64_t now_wall_us, const struct uuid *skip,
                            int skip_count, struct job *ret, int max, int *ret_count,
                            struct err *err);
NODISCARD bool db_job_waits(struct db *db, const struct job *job, bool *ret, struct err *err);
NODISCARD bool db_count_jobs(struct db *db, struct job_counts *ret, struct err *err);

struct job_row {
    struct uuid event;
    char camera[OPT_NAME_BYTES];
    bool dead, urgent;
    int score, tries;
    const char *reason; /* borrowed for the call */
    int64_t queued_wall_us, not_before_wall_us;
};
typedef void db_job_fn(void *ctx, const struct job_row *row);
NODISCARD bool db_list_jobs(struct db *db, bool dead_only, const struct uuid *before, int limit,
                            db_job_fn *fn, void *ctx, struct err *err);

/* ERR_NOT_FOUND. */
NODISCARD bool db_read_window(struct db *db, const struct uuid *event, struct blob **ret,
                              struct err *err);
/* The first one after an event, and its event; *ret NULL: there is none. */
NODISCARD bool db_window_after(struct db *db, const struct uuid *after, struct uuid *ret_event,
                               struct blob **ret, struct err *err);
/* The event's first run after one; *ret_found false: there is none. Else to be dropped. */
NODISCARD bool db_run_after(struct db *db, const struct uuid *event, const struct uuid *after,
                            struct run *ret, bool *ret_found, struct err *err);
