#include "store/outcome.h"

#include "store/event_json.h"
#include "store/failing.h"
#include "store/judged.h"

#include <stdlib.h>
#include <string.h>

/* Dead letters in one transaction: some milliseconds. */
#define REVIVE_AT_ONCE 32

struct bus_message *outcome_message(int camera, int64_t seq, const char *event_json)
{
    struct json j;
    json_init(&j);
    event_message_json(&j, event_json);
    struct bus_message *message = bus_message_new(BUS_EVENT, camera, seq, j.text, j.bytes);
    json_done(&j);
    return message;
}

bool outcome_marks(struct store *s, const struct event *e, bool is_known, struct event_marks *ret,
                   struct err *err)
{
    *ret = (struct event_marks){0};
    if (is_known && !db_read_marks(s->db, &e->id, ret, err))
        return false;
    char id[UUID_TEXT_BYTES];
    if (ret->unreadable)
        log_warn(&s->log, "event %s: what the model said of it cannot be read, see hsi fsck",
                 uuid_format(id, &e->id));
    bool done = ret->judgement && ret->judgement->state == JUDGEMENT_DONE;
    if (!e->window || e->ask == ASK_NO || done)
        return true;
    event_marks_done(ret);
    ret->judgement = judgement_undone(&e->id, e->revision, JUDGEMENT_WAITING);
    return true;
}

/* --- showing --- */

static void tell(struct store *s, int64_t seq, struct bus_message **ret)
{
    if (seq > 0 && s->bus)
        *ret = outcome_message(-1, seq, s->json.text);
}

/* model: the judgement's JSON. *ret_seq 0: nothing that could be read to go on from. */
static bool show_as(struct db *db, const struct judgement *judgement, const char *model,
                    struct json *out, int64_t *ret_seq, struct err *err)
{
    struct verdict verdict;
    *ret_seq = 0;
    if (!db_newest_json(db, &judgement->event, out, err))
        return false;
    if (!verdict_parse_rules(out->text, out->bytes, &verdict))
        return true;
    struct judged judged = {&verdict, verdict.score, verdict.reason_count, NULL, model};
    judgement_apply(judgement, &verdict);
    struct json reasons;
    json_init(&reasons);
    reasons_json(&reasons, NULL, &verdict);
    judged.reasons = reasons.text;
    bool ok = db_show_judged(db, &judgement->event, &judged, out, ret_seq, err);
    json_done(&reasons);
    return ok;
}

/* out: the event's JSON afterwards. */
static bool show(struct db *db, const struct judgement *judgement, bool keep, struct json *out,
                 int64_t *ret_seq, struct err *err)
{
    struct json model;
    json_init(&model);
    judgement_json(&model, NULL, judgement);
    bool ok = (!keep || db_put_judgement(db, judgement, model.text, err)) &&
              show_as(db, judgement, model.text, out, ret_seq, err);
    json_done(&model);
    return ok;
}

static bool show_and_tell(struct store *s, const struct judgement *judgement, bool keep,
                          struct bus_message **ret, struct err *err)
{
    int64_t seq;
    if (!show(s->db, judgement, keep, &s->json, &seq, err))
        return false;
    char id[UUID_TEXT_BYTES];
    if (seq == 0)
        log_warn(&s->log, "event %s: its newest change cannot be read, see hsi fsck",
                 uuid_format(id, &judgement->event));
    tell(s, seq, ret);
    return true;
}

bool outcome_show_again(struct db *db, const struct uuid *event, struct err *err)
{
    AUTO(event_marks_done) struct event_marks marks = {0};
    if (!db_read_marks(db, event, &marks, err))
        return false;
    if (!marks.judgement)
        return true;
    struct json json;
    int64_t seq;
    json_init(&json);
    /* Kept as it is shown: what was written differently before is the same from now on. */
    bool ok = show(db, marks.judgement, true, &json, &seq, err);
    json_done(&json);
    return ok;
}

/* --- outcomes --- */

/* As it will be read back; one that cannot be is no verdict. */
static void read_back(struct judgement *judgement)
{
    struct json j;
    struct err why = {0};
    AUTO(free_ptr) struct judgement *back = NEW(struct judgement);
    json_init(&j);
    judgement_json(&j, NULL, judgement);
    bool ok = judgement_parse(j.text, j.bytes, back, &why);
    json_done(&j);
    if (ok) {
        *judgement = *back;
        return;
    }
    AUTO(free_ptr)
    struct judgement *failed = judgement_undone(&judgement->event, judgement->revision,
                                                JUDGEMENT_FAILED);
    *judgement = *failed;
    (void)err_wrap(&why, "the verdict makes no sense");
    STR_COPY(judgement->reason, why.msg);
}

static struct judgement *judgement_of(const struct outcome *o)
{
    static const enum judgement_state states[] = {
        [OUTCOME_JUDGED] = JUDGEMENT_DONE,
        [OUTCOME_LATER] = JUDGEMENT_WAITING,
        [OUTCOME_DEAD] = JUDGEMENT_FAILED,
    };
    struct judgement *judgement = NEW(struct judgement);
    *judgement = o->judgement;
    judgement->event = o->event;
    judgement->revision = o->revision;
    judgement->state = (int)states[o->end];
    if (judgement->state != JUDGEMENT_DONE)
        judgement->score = SCORE_NONE;
    read_back(judgement);
    return judgement;
}

static bool put_runs(struct store *s, const struct outcome *o, const struct uuid *judged_by,
                     struct err *err)
{
    for (int i = 0; i < o->run_count; i++)
        if (!db_put_run(s->db, &o->runs[i], err))
            return false;
    return o->run_count == 0 || db_cut_runs(s->db, &o->event, judged_by, err);
}

static bool move_job(struct store *s, const struct outcome *o, const struct judgement *judgement,
                     struct err *err)
{
    if (judgement->state == JUDGEMENT_DONE)
        return db_end_job(s->db, &o->event, err);
    if (judgement->state == JUDGEMENT_WAITING)
        return db_delay_job(s->db, &o->event, o->not_before_wall_us, judgement->reason, err);
    return db_bury_job(s->db, &o->event, judgement->reason, err);
}

/* What follows the name of an outcome may differ each time: a request's number, a time. */
static bool is_same_reason(const char *a, const char *b)
{
    size_t n = strcspn(a, ":");
    return n == strcspn(b, ":") && strncmp(a, b, n) == 0;
}

/* A verdict counts until there is one of a later window; why there is none yet, only as long as
 * there is none and nothing newer waits. */
static bool is_news(const struct event_marks *marks, bool superseded,
                    const struct judgement *judgement)
{
    const struct judgement *old = marks->judgement;
    bool old_done = old && old->state == JUDGEMENT_DONE;
    if (judgement->state == JUDGEMENT_DONE)
        return !old_done || old->revision <= judgement->revision;
    if (old_done || superseded || !marks->has_job)
        return false;
    return !old || old->state != judgement->state ||
           !is_same_reason(old->reason, judgement->reason);
}

bool outcome_write(struct store *s, const struct outcome *o, struct bus_message **ret,
                   struct err *err)
{
    bool exists;
    if (!db_event_exists(s->db, &o->event, &exists, err))
        return false;
    if (!exists)
        return true;
    AUTO(event_marks_done) struct event_marks marks = {0};
    AUTO(free_ptr) struct judgement *judgement = judgement_of(o);
    if (!db_read_marks(s->db, &o->event, &marks, err))
        return false;
    bool superseded = marks.has_job && marks.job_revision > o->revision;
    bool news = is_news(&marks, superseded, judgement);
    const struct judgement *counts = news || !marks.judgement ? judgement : marks.judgement;
    return put_runs(s, o, &counts->id, err) &&
           (superseded || !marks.has_job || move_job(s, o, judgement, err)) &&
           (!news || show_and_tell(s, judgement, true, ret, err));
}

/* --- dead letters --- */

static bool revive(struct store *s, const struct uuid *event, struct bus_message **ret,
                   struct err *err)
{
    bool revived;
    AUTO(event_marks_done) struct event_marks marks = {0};
    if (!db_revive_job(s->db, event, clock_wall_us(s->clock), &revived, err) ||
        !db_read_marks(s->db, event, &marks, err))
        return false;
    if (!revived || !marks.judgement || marks.judgement->state == JUDGEMENT_DONE)
        return true;
    return show_and_tell(s, marks.judgement, false, ret, err);
}

bool requeue_write(struct store *s, const struct uuid *event, struct bus_message **ret,
                   struct err *err)
{
    if (!uuid_is_zero(event))
        return revive(s, event, ret, err);
    s->revival = (struct revival){.active = true};
    return true;
}

bool bury_write(struct store *s, const char *reason)
{
    s->revival = (struct revival){.active = true};
    STR_COPY(s->revival.bury, reason);
    return true;
}

static bool bury(struct store *s, const struct uuid *event, struct bus_message **ret,
                 struct err *err)
{
    AUTO(event_marks_done) struct event_marks marks = {0};
    if (!db_read_marks(s->db, event, &marks, err))
        return false;
    AUTO(free_ptr) struct outcome *o = NEW(struct outcome);
    o->event = *event;
    o->revision = marks.job_revision;
    o->end = OUTCOME_DEAD;
    STR_COPY(o->judgement.reason, s->revival.bury);
    o->judgement.wall_us = clock_wall_us(s->clock);
    return outcome_write(s, o, ret, err);
}

struct revived {
    int count;
    struct uuid events[REVIVE_AT_ONCE];
    struct bus_message *messages[REVIVE_AT_ONCE]; /* owned */
};

static bool revive_some(struct store *s, struct revived *r, struct err *err)
{
    bool bury_them = s->revival.bury[0];
    if (!db_begin(s->db, err) || !db_jobs_after(s->db, &s->revival.after, !bury_them, r->events,
                                                REVIVE_AT_ONCE, &r->count, err))
        return false;
    for (int i = 0; i < r->count; i++)
        if (bury_them ? !bury(s, &r->events[i], &r->messages[i], err)
                      : !revive(s, &r->events[i], &r->messages[i], err))
            return false;
    return db_commit(s->db, err);
}

bool outcome_revive(struct store *s)
{
    ASSERT_ON(ROLE_STORE);
    if (!s->revival.active || s->damaged)
        return false;
    struct revived revived = {0};
    struct err err = {0};
    if (!revive_some(s, &revived, &err)) {
        /* The next turn tries again. */
        db_rollback(s->db);
        for (int i = 0; i < revived.count; i++)
            bus_message_unref(&revived.messages[i]);
        if (!failing_is_damage(s, &err))
            log_err(&s->log, LOG_DEBUG, &err);
        return false;
    }
    for (int i = 0; i < revived.count; i++)
        if (revived.messages[i])
            bus_publish(s->bus, revived.messages[i]);
    atomic_store_explicit(&s->outbox_seq, db_newest_seq(s->db), memory_order_relaxed);
    s->revival.active = revived.count == REVIVE_AT_ONCE;
    if (revived.count > 0)
        s->revival.after = revived.events[revived.count - 1];
    return s->revival.active;
}

/* --- what people say --- */

bool feedback_write(struct store *s, const struct feedback *f, struct bus_message **ret,
                    struct err *err)
{
    bool changed;
    int64_t seq = 0;
    if (!db_put_feedback(s->db, f, &changed, err))
        return false;
    if (!changed)
        return true;
    struct json j;
    json_init(&j);
    feedback_json(&j, NULL, f->kind < 0 ? NULL : f);
    bool ok = db_show_feedback(s->db, &f->event, j.text, &s->json, &seq, err);
    json_done(&j);
    if (ok)
        tell(s, seq, ret);
    return ok;
}
