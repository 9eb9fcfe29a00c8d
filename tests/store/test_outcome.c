/* The model's part: who asks waits, in the right order and through every crash; what comes of it is
 * a change of the event like any other; and nothing a model does leaves an event without its score.
 */
#include "asked.h"

#include "store/db_model.h"

/* --- asking --- */

static int next_jobs(struct fixture *f, const struct uuid *skip, int skip_count, struct job *ret,
                     int max)
{
    int count;
    struct err err = {0};
    if (!store_next_jobs(f->reader, f->clock.now_wall_us, skip, skip_count, ret, max, &count, &err))
        fail_msg("%s", err.msg);
    return count;
}

static struct job only_job(struct fixture *f)
{
    struct job job = {0};
    CHECK_INT(next_jobs(f, NULL, 0, &job, 1), 1);
    return job;
}

static void an_event_that_asks_waits(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    AUTO(event_unref) struct event *e = asking(sample_event(f, "porch"), ASK_QUEUED, "window");
    store_put_event(f->store, event_ref(e));
    store_flush(f->store);
    CHECK_STR(member(f, &e->id, ".model.state"), "waiting");
    CHECK_STR(member(f, &e->id, ".rules_score"), "64");
    CHECK_STR(member(f, &e->id, ".risk_score"), "64");
    AUTO(job_done) struct job job = only_job(f);
    CHECK(uuid_equal(&job.event, &e->id));
    CHECK_INT(job.score, 64);
    CHECK_INT(job.revision, 0);
    CHECK_INT(job.tries, 0);
    CHECK(!job.urgent);
    CHECK_INT(job.queued_wall_us, f->clock.now_wall_us);
    CHECK_INT(job.window->bytes, 6);
    CHECK(memcmp(job.window->data, "window", 6) == 0);
    struct job_counts counts;
    CHECK(store_count_jobs(f->reader, &counts, NULL));
    CHECK_INT(counts.waiting, 1);
    CHECK_INT(counts.dead, 0);
    CHECK_INT(counts.oldest_wall_us, f->clock.now_wall_us);
    check_agrees(f);
}

static void an_event_that_does_not_ask_only_keeps_its_window(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    AUTO(event_unref) struct event *e = asking(sample_event(f, "porch"), ASK_NO, "window");
    AUTO(event_unref) struct event *other = sample_event(f, "porch");
    store_put_event(f->store, event_ref(e));
    store_put_event(f->store, event_ref(other));
    store_flush(f->store);
    CHECK_STR(member(f, &e->id, ".model"), "(none)");
    struct job_counts counts;
    CHECK(store_count_jobs(f->reader, &counts, NULL));
    CHECK_INT(counts.waiting, 0);
    CHECK_INT(counts.oldest_wall_us, TIME_UNKNOWN);
    struct err err = {0};
    AUTO(blob_unref) struct blob *window = NULL;
    CHECK(store_read_window(f->reader, &e->id, &window, &err));
    CHECK_INT(window->bytes, 6);
    AUTO(blob_unref) struct blob *none = NULL;
    CHECK(!store_read_window(f->reader, &other->id, &none, &err));
    CHECK_INT(err.code, ERR_NOT_FOUND);
    check_agrees(f);
}

static void the_newest_window_counts(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    AUTO(event_unref) struct event *first = asking(sample_event(f, "porch"), ASK_NOW, "first");
    AUTO(event_unref) struct event *second = sample_update(first, false);
    asking(second, ASK_QUEUED, "second")->verdict.score = 30;
    AUTO(event_unref) struct event *third = asking(sample_update(second, true), ASK_NO, "third");
    store_put_event(f->store, event_ref(first));
    put_outcome(f, first, OUTCOME_DEAD);
    store_put_event(f->store, event_ref(second));
    store_flush(f->store);
    {
        AUTO(job_done) struct job job = only_job(f);
        CHECK_INT(job.revision, 1);
        CHECK_INT(job.score, 30);
        CHECK_INT(job.tries, 0);
        CHECK(job.urgent); /* it does not become less so */
        CHECK(memcmp(job.window->data, "second", 6) == 0);
    }
    CHECK_STR(member(f, &first->id, ".model.state"), "waiting");
    CHECK_STR(member(f, &first->id, ".model.reason"), "");
    /* A window that came without asking is the one that is asked about. */
    store_put_event(f->store, event_ref(third));
    store_flush(f->store);
    AUTO(job_done) struct job job = only_job(f);
    CHECK_INT(job.revision, 2);
    CHECK(memcmp(job.window->data, "third", 5) == 0);
    CHECK_STR(member(f, &first->id, ".model.state"), "waiting"); /* still */
    CHECK_INT(ask(f, "SELECT count(*) FROM window"), 1);
    check_agrees(f);
}

static void severe_and_new_ones_come_first(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    static const struct {
        int score;
        enum ask ask;
        int turn;
    } cases[] = {
        {20, ASK_QUEUED, 5}, {90, ASK_QUEUED, 3},         {50, ASK_NOW, 1}, {90, ASK_QUEUED, 2},
        {70, ASK_QUEUED, 4}, {SCORE_NONE, ASK_QUEUED, 6}, {80, ASK_NOW, 0},
    };
    enum { N = ARRAY_LEN(cases) };
    struct uuid ids[N];
    for (int i = 0; i < N; i++) {
        struct event *e = asking(sample_event(f, "porch"), cases[i].ask, "w");
        e->verdict.score = cases[i].score;
        ids[cases[i].turn] = e->id;
        f->clock.now_wall_us += US_PER_S;
        store_put_event(f->store, e);
    }
    store_flush(f->store);
    struct job jobs[N];
    CHECK_INT(next_jobs(f, NULL, 0, jobs, N), N);
    for (int i = 0; i < N; i++) {
        CHECK(uuid_equal(&jobs[i].event, &ids[i]));
        job_done(&jobs[i]);
    }
    CHECK_INT(jobs[6].score, SCORE_NONE);
    CHECK_INT(next_jobs(f, (struct uuid[]){ids[0], ids[2]}, 2, jobs, 3), 3);
    for (int i = 0; i < 3; i++) {
        CHECK(uuid_equal(&jobs[i].event, &ids[(int[]){1, 3, 4}[i]]));
        job_done(&jobs[i]);
    }
    CHECK_INT(next_jobs(f, ids, N, jobs, N), 0);
    /* Without looking at all that wait. */
    CHECK_INT(ask(f, "SELECT count(*) FROM sqlite_schema WHERE name = 'job_by_turn'"), 1);
}

/* --- what comes of it --- */

struct heard {
    int count;
    int64_t seq;
    int camera;
    char json[20000];
};

static struct heard hear(struct bus_subscriber *s)
{
    struct heard heard = {0};
    int64_t missed;
    for (struct bus_message *m; (m = bus_next(s, &missed)); bus_message_unref(&m)) {
        heard.count++;
        heard.seq = m->seq;
        heard.camera = m->camera;
        STR_COPY(heard.json, m->json);
    }
    return heard;
}

static void a_verdict_changes_the_event(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    struct bus_subscriber *s = bus_subscribe(f->bus, BUS_EVENT, 8, NULL, NULL);
    fixture_open(f);
    AUTO(event_unref) struct event *first = sample_event(f, "porch");
    AUTO(event_unref)
    struct event *last = asking(sample_update(first, true), ASK_QUEUED, "window");
    store_put_event(f->store, event_ref(first));
    store_put_event(f->store, event_ref(last));
    store_flush(f->store);
    hear(s);
    put_outcome(f, last, OUTCOME_JUDGED);
    store_flush(f->store);

    struct heard heard = hear(s);
    CHECK_INT(heard.count, 1);
    CHECK_INT(heard.seq, 3);
    CHECK_INT(heard.camera, -1);
    CHECK_CONTAINS(heard.json, "{\"type\":\"event\",\"data\":{\"id\":");
    CHECK_INT(store_stats(f->store).outbox_seq, 3);
    CHECK_STR(member(f, &last->id, ".revision"), "1");
    CHECK_STR(member(f, &last->id, ".state"), "closed");
    CHECK_STR(member(f, &last->id, ".risk_score"), "79");
    CHECK_STR(member(f, &last->id, ".risk_level"), "high");
    CHECK_STR(member(f, &last->id, ".rules_score"), "64");
    CHECK_STR(member(f, &last->id, ".scorer"), "rules 1 + small");
    CHECK_STR(member(f, &last->id, ".model.state"), "done");
    CHECK_STR(member(f, &last->id, ".model.verdict"), "confirmed");
    CHECK_STR(member(f, &last->id, ".model.claims[0].text"), "he was at the door");
    CHECK_STR(member(f, &last->id, ".reasons[0].rule"), "entry_zone");
    CHECK_STR(member(f, &last->id, ".reasons[0].evidence.box.width"), "0.2");
    CHECK_STR(member(f, &last->id, ".reasons[1].rule"), "limit");
    CHECK_STR(member(f, &last->id, ".reasons[2].rule"), "model");
    CHECK_STR(member(f, &last->id, ".reasons[2].points"), "15");
    CHECK_STR(member(f, &last->id, ".reasons[3]"), "(none)");
    CHECK_STR(member(f, &last->id, ".tracks[0].label"), "person");
    CHECK_INT(ask(f, "SELECT sum(points) FROM reason"), 79);
    CHECK_INT(ask(f, "SELECT at_us FROM reason WHERE position = 0"), 6000000);
    CHECK_INT(ask(f, "SELECT score * 10 + level FROM event"), 793);
    CHECK_INT(ask(f, "SELECT revision FROM event"), 1);
    CHECK_INT(ask(f, "SELECT count(*) FROM job"), 0);
    CHECK_INT(ask(f, "SELECT count(*) FROM judgement WHERE done = 1"), 1);
    CHECK_INT(ask(f, "SELECT count(*) FROM window"), 1);
    check_agrees(f);
    bus_unsubscribe(f->bus, &s);
}

/* The fast path: the event goes on after it was judged, and the rules say something else then. */
static void a_verdict_stays_while_the_event_goes_on(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    AUTO(event_unref) struct event *first = asking(sample_event(f, "porch"), ASK_NOW, "early");
    AUTO(event_unref) struct event *second = sample_update(first, false);
    second->verdict.score = 80;
    AUTO(event_unref) struct event *last = asking(sample_update(second, true), ASK_QUEUED, "late");
    store_put_event(f->store, event_ref(first));
    put_outcome(f, first, OUTCOME_JUDGED);
    store_put_event(f->store, event_ref(second));
    store_flush(f->store);
    CHECK_STR(member(f, &first->id, ".revision"), "1");
    CHECK_STR(member(f, &first->id, ".risk_score"), "90"); /* 80, and 10 of the 15 it may */
    CHECK_STR(member(f, &first->id, ".rules_score"), "80");
    CHECK_STR(member(f, &first->id, ".model.revision"), "0");
    CHECK_INT(ask(f, "SELECT sum(points) FROM reason"), 90);
    CHECK_INT(ask(f, "SELECT score * 10 + level FROM event"), 904);
    CHECK_INT(second->verdict.score, 80); /* what others hold is not touched */
    CHECK(second->judgement == NULL);

    store_put_event(f->store, event_ref(last));
    store_flush(f->store);
    CHECK_STR(member(f, &first->id, ".model.state"), "done"); /* until there is a better one */
    CHECK_STR(member(f, &first->id, ".risk_score"), "90");
    struct job_counts counts;
    CHECK(store_count_jobs(f->reader, &counts, NULL));
    CHECK_INT(counts.waiting, 1);
    struct outcome o = outcome_of(f, last, OUTCOME_JUDGED);
    o.judgement.verdict = MODEL_REJECTED;
    o.judgement.score = 0;
    store_put_outcome(f->store, &o);
    store_flush(f->store);
    CHECK_STR(member(f, &first->id, ".risk_score"), "29");
    CHECK_STR(member(f, &first->id, ".risk_level"), "low");
    CHECK_STR(member(f, &first->id, ".reasons[3].rule"), "model-rejected");
    CHECK_STR(member(f, &first->id, ".model.revision"), "2");
    CHECK_INT(ask(f, "SELECT sum(points) FROM reason"), 29);
    CHECK_INT(ask(f, "SELECT count(*) FROM run"), 2);
    check_agrees(f);
}

/* An early "that is nothing" hides nothing that comes later, not even while the server is down. */
static void an_early_rejection_hides_nothing_later(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    AUTO(event_unref) struct event *first = asking(sample_event(f, "porch"), ASK_NOW, "early");
    AUTO(event_unref) struct event *second = sample_update(first, false);
    second->verdict.score = 100;
    AUTO(event_unref) struct event *third = sample_update(second, false);
    third->verdict.score = 60;
    AUTO(event_unref) struct event *last = asking(sample_update(third, true), ASK_QUEUED, "late");
    last->verdict.score = 100;
    store_put_event(f->store, event_ref(first));
    struct outcome o = outcome_of(f, first, OUTCOME_JUDGED);
    o.judgement.verdict = MODEL_REJECTED;
    o.judgement.score = 5;
    store_put_outcome(f->store, &o);
    store_flush(f->store);
    CHECK_STR(member(f, &first->id, ".risk_score"), "29");
    CHECK_STR(member(f, &first->id, ".model.rules_score"), "64");
    store_put_event(f->store, event_ref(second));
    store_flush(f->store);
    CHECK_STR(member(f, &first->id, ".risk_score"), "100");
    CHECK_STR(member(f, &first->id, ".risk_level"), "critical");
    CHECK_STR(member(f, &first->id, ".reasons[2].points"), "0");
    CHECK_STR(member(f, &first->id, ".reasons[3]"), "(none)");
    store_put_event(f->store, event_ref(third)); /* what it saw is all there is again */
    store_flush(f->store);
    CHECK_STR(member(f, &first->id, ".risk_score"), "29");
    store_put_event(f->store, event_ref(last));
    store_flush(f->store);
    CHECK_STR(member(f, &first->id, ".risk_score"), "100");
    check_agrees(f);
    /* Of the whole window it is believed. */
    o = outcome_of(f, last, OUTCOME_JUDGED);
    o.judgement.verdict = MODEL_REJECTED;
    store_put_outcome(f->store, &o);
    store_flush(f->store);
    CHECK_STR(member(f, &first->id, ".risk_score"), "29");
    CHECK_STR(member(f, &first->id, ".model.rules_score"), "100");
    check_agrees(f);
}

/* One that was stored before it was kept what the rules gave counts as it did. */
static void an_early_verdict_of_before_counts_as_it_did(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    AUTO(event_unref) struct event *first = asking(sample_event(f, "porch"), ASK_NOW, "early");
    AUTO(event_unref) struct event *second = sample_update(first, false);
    second->verdict.score = 100;
    store_put_event(f->store, event_ref(first));
    struct outcome o = outcome_of(f, first, OUTCOME_JUDGED);
    o.judgement.verdict = MODEL_REJECTED;
    o.judgement.rules_score = SCORE_NONE;
    store_put_outcome(f->store, &o);
    store_put_event(f->store, event_ref(second));
    store_flush(f->store);
    CHECK_STR(member(f, &first->id, ".risk_score"), "29");
    CHECK_STR(member(f, &first->id, ".model.rules_score"), "(none)");
    CHECK_INT(ask(f, "SELECT count(*) FROM judgement WHERE json LIKE '%rules_score%'"), 0);
    check_agrees(f);
}

static void what_was_asked_before_does_not_undo_what_came_later(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    AUTO(event_unref) struct event *first = asking(sample_event(f, "porch"), ASK_NOW, "early");
    AUTO(event_unref) struct event *last = asking(sample_update(first, true), ASK_QUEUED, "late");
    store_put_event(f->store, event_ref(first));
    store_put_event(f->store, event_ref(last));
    put_outcome(f, first, OUTCOME_LATER); /* of a window that is no longer asked about */
    put_outcome(f, first, OUTCOME_DEAD);
    store_flush(f->store);
    {
        AUTO(job_done) struct job job = only_job(f);
        CHECK_INT(job.tries, 0);
        CHECK_INT(job.revision, 1);
    }
    CHECK_STR(member(f, &first->id, ".model.reason"), "");
    put_outcome(f, first, OUTCOME_JUDGED); /* counts, but the job stays */
    store_flush(f->store);
    CHECK_STR(member(f, &first->id, ".model.revision"), "0");
    CHECK_INT(ask(f, "SELECT count(*) FROM job"), 1);
    put_outcome(f, last, OUTCOME_JUDGED);
    struct outcome late = outcome_of(f, first, OUTCOME_JUDGED);
    late.judgement.score = 0;
    store_put_outcome(f->store, &late);
    store_flush(f->store);
    CHECK_STR(member(f, &first->id, ".model.revision"), "1");
    CHECK_STR(member(f, &first->id, ".risk_score"), "79");
    CHECK_INT(ask(f, "SELECT count(*) FROM job"), 0);
    CHECK_INT(ask(f, "SELECT count(*) FROM run"), 5);
    check_agrees(f);
}

/* --- what does not come of it --- */

static void what_is_put_off_comes_again(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    AUTO(event_unref) struct event *e = asking(sample_event(f, "porch"), ASK_QUEUED, "window");
    store_put_event(f->store, event_ref(e));
    for (int i = 0; i < 3; i++) {
        struct outcome o = outcome_of(f, e, OUTCOME_LATER);
        o.not_before_wall_us = f->clock.now_wall_us + 60 * US_PER_S;
        snprintf(o.judgement.reason, sizeof o.judgement.reason, "busy: request %d", i);
        store_put_outcome(f->store, &o);
    }
    store_flush(f->store);
    CHECK_STR(member(f, &e->id, ".model.state"), "waiting");
    CHECK_STR(member(f, &e->id, ".model.reason"), "busy: request 0");
    CHECK_STR(member(f, &e->id, ".model.score"), "(none)");
    CHECK_STR(member(f, &e->id, ".risk_score"), "64");
    CHECK_INT(ask(f, "SELECT count(*) FROM outbox"), 2); /* the same again is no news */
    CHECK_INT(ask(f, "SELECT reason = 'busy: request 2' FROM job"), 1);
    struct job job;
    CHECK_INT(next_jobs(f, NULL, 0, &job, 1), 0);
    f->clock.now_wall_us += 60 * US_PER_S;
    job = only_job(f);
    CHECK_INT(job.tries, 3);
    job_done(&job);
    put_outcome(f, e, OUTCOME_LATER);
    store_flush(f->store);
    CHECK_STR(member(f, &e->id, ".model.reason"), "the server is down");
    /* A clock that was far ahead and was put right. */
    f->clock.now_wall_us -= INT64_C(400) * 86400 * US_PER_S;
    job = only_job(f);
    job_done(&job);
    check_agrees(f);
}

static struct json *list_jobs(struct fixture *f, bool dead_only, const struct uuid *before,
                              int limit, struct uuid *ret_next)
{
    static struct json out;
    struct err err = {0};
    json_done(&out);
    json_init(&out);
    json_begin_object(&out, NULL);
    if (!store_list_jobs(f->reader, dead_only, before, limit, &out, ret_next, &err))
        fail_msg("%s", err.msg);
    json_end_object(&out);
    return &out;
}

static int occurrences(const char *text, const char *part)
{
    int count = 0;
    for (const char *p = text; (p = strstr(p, part)); p++)
        count++;
    return count;
}

static void dead_letters_are_listed_and_come_back(void **state)
{
    (void)state;
    enum { N = 100 };
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    struct uuid ids[N], next;
    static const struct uuid zero;
    for (int i = 0; i < N; i++) {
        AUTO(event_unref) struct event *e = asking(sample_event(f, "porch"), ASK_QUEUED, "window");
        ids[i] = e->id;
        store_put_event(f->store, event_ref(e));
        put_outcome(f, e, OUTCOME_DEAD);
    }
    store_put_event(f->store, asking(sample_event(f, "yard"), ASK_NOW, "window"));
    store_flush(f->store);
    struct job_counts counts;
    CHECK(store_count_jobs(f->reader, &counts, NULL));
    CHECK_INT(counts.dead, N);
    CHECK_INT(counts.waiting, 1);
    CHECK_STR(member(f, &ids[0], ".model.state"), "failed");
    CHECK_STR(member(f, &ids[0], ".model.reason"), "it is no use");
    CHECK_STR(member(f, &ids[0], ".risk_score"), "64");

    struct json *page = list_jobs(f, true, &zero, 60, &next);
    CHECK_INT(occurrences(page->text, "\"state\":\"dead\""), 60);
    CHECK(uuid_equal(&next, &ids[N - 60]));
    CHECK_CONTAINS(page->text, "\"camera\":\"porch\",\"state\":\"dead\",\"urgent\":false,"
                               "\"score\":64,\"tries\":0,\"reason\":\"it is no use\","
                               "\"queued_at\":\"2026-07-25T17:20:00.000Z\",\"not_before\":null}");
    page = list_jobs(f, true, &next, 60, &next);
    CHECK_INT(occurrences(page->text, "event_id"), 40);
    CHECK(uuid_is_zero(&next));
    page = list_jobs(f, false, &zero, 1, &next);
    CHECK_CONTAINS(page->text, "\"camera\":\"yard\",\"state\":\"waiting\",\"urgent\":true");
    CHECK(!store_list_jobs(f->reader, false, &zero, 101, page, &next, NULL));

    store_requeue(f->store, &ids[7]);
    store_requeue(f->store, &ids[7]); /* it waits already */
    store_flush(f->store);
    CHECK_INT(ask(f, "SELECT count(*) FROM job WHERE dead"), N - 1);
    CHECK_STR(member(f, &ids[7], ".model.state"), "waiting");
    CHECK_STR(member(f, &ids[7], ".model.reason"), "");
    CHECK_INT(ask(f, "SELECT count(*) FROM outbox"), 2 * N + 2);
    store_requeue(f->store, &zero);
    store_flush(f->store);
    CHECK_INT(ask(f, "SELECT count(*) FROM job WHERE dead"), 0);
    CHECK_INT(ask(f, "SELECT count(*) FROM job WHERE tries = 0 AND reason = ''"), N + 1);
    for (int i = 0; i < N; i++)
        CHECK_STR(member(f, &ids[i], ".model.state"), "waiting");
    CHECK_INT(store_stats(f->store).outbox_seq, 3 * N + 1);
    check_agrees(f);
}

static void a_verdict_that_makes_no_sense_is_none(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    AUTO(event_unref) struct event *e = asking(sample_event(f, "porch"), ASK_QUEUED, "window");
    store_put_event(f->store, event_ref(e));
    struct outcome o = outcome_of(f, e, OUTCOME_JUDGED);
    o.judgement.score = 101;
    store_put_outcome(f->store, &o);
    store_flush(f->store);
    CHECK_STR(member(f, &e->id, ".model.state"), "failed");
    CHECK_CONTAINS(member(f, &e->id, ".model.reason"), "score");
    CHECK_STR(member(f, &e->id, ".risk_score"), "64");
    CHECK_INT(ask(f, "SELECT count(*) FROM job WHERE dead"), 1);
    check_agrees(f);
}

static void texts_that_are_too_long_once_mended_agree_everywhere(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    AUTO(event_unref) struct event *e = asking(sample_event(f, "porch"), ASK_QUEUED, "window");
    AUTO(event_unref) struct event *update = sample_update(e, true);
    struct outcome o = outcome_of(f, e, OUTCOME_JUDGED);
    memset(o.judgement.reasoning, '\xff', sizeof o.judgement.reasoning - 1);
    store_put_event(f->store, event_ref(e));
    store_put_outcome(f->store, &o);
    store_flush(f->store);
    check_agrees(f);
    store_put_event(f->store, event_ref(update));
    store_flush(f->store);
    CHECK_STR(member(f, &e->id, ".revision"), "1");
    check_agrees(f);
}

static void an_event_that_is_gone_is_no_error(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    struct bus_subscriber *s = bus_subscribe(f->bus, BUS_EVENT, 8, NULL, NULL);
    fixture_open(f);
    AUTO(event_unref) struct event *e = sample_event(f, "porch");
    for (int end = OUTCOME_JUDGED; end <= OUTCOME_DEAD; end++)
        put_outcome(f, e, (enum outcome_end)end);
    store_requeue(f->store, &e->id);
    store_put_feedback(f->store, &(struct feedback){.event = e->id});
    store_flush(f->store);
    CHECK_INT(hear(s).count, 0);
    CHECK_INT(ask(f, "SELECT count(*) FROM run"), 0);
    CHECK_INT(ask(f, "SELECT count(*) FROM feedback"), 0);
    CHECK_INT(store_stats(f->store).failed + store_stats(f->store).set_aside, 0);
    /* One that never asked is judged all the same. */
    store_put_event(f->store, event_ref(e));
    put_outcome(f, e, OUTCOME_LATER);
    put_outcome(f, e, OUTCOME_JUDGED);
    store_flush(f->store);
    CHECK_INT(hear(s).count, 2);
    CHECK_STR(member(f, &e->id, ".model.state"), "done");
    check_agrees(f);
    bus_unsubscribe(f->bus, &s);
}

/* --- runs, windows --- */

struct runs {
    int count;
    struct uuid ids[100];
    char replies[100][8];
};

static bool see_run(void *ctx, const struct run *run)
{
    struct runs *runs = ctx;
    runs->ids[runs->count] = run->id;
    STR_COPY(runs->replies[runs->count], run->reply ? (const char *)run->reply->data : "-");
    runs->count++;
    CHECK_INT(run->seed, INT64_C(-9000000000));
    CHECK_NEAR(run->temperature, 0.3, 0);
    CHECK_INT(run->attempt, 1);
    CHECK_INT(run->prompt_version * 10 + run->schema_version, 12);
    CHECK_INT(run->prompt_sha256[31], 31);
    CHECK_INT(run->prompt_tokens, 700);
    CHECK_INT(run->cached_tokens, -1);
    CHECK_INT(run->reply_tokens, 40);
    CHECK_INT(run->spent_us * 10 + run->wall_us, 56);
    CHECK_STR(run->model, "small");
    CHECK_STR((const char *)run->request->data, "what?");
    return runs->count < 100;
}

static void runs_are_kept_up_to_a_number(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    AUTO(event_unref) struct event *e = asking(sample_event(f, "porch"), ASK_QUEUED, "window");
    AUTO(event_unref) struct event *other = asking(sample_event(f, "porch"), ASK_QUEUED, "window");
    store_put_event(f->store, event_ref(e));
    store_put_event(f->store, event_ref(other));
    put_outcome(f, other, OUTCOME_JUDGED);
    struct outcome judged = outcome_of(f, e, OUTCOME_JUDGED);
    struct uuid by = judged.judgement.id;
    store_put_outcome(f->store, &judged);
    for (int i = 0; i < 2 * RUNS_KEPT_MAX; i++)
        put_outcome(f, e, OUTCOME_LATER);
    store_flush(f->store);
    struct runs runs = {0};
    CHECK(store_read_runs(f->reader, &e->id, see_run, &runs, NULL));
    CHECK_INT(runs.count, RUNS_KEPT_MAX + 1);
    CHECK(uuid_equal(&runs.ids[0], &by)); /* what the verdict rests on stays */
    CHECK_STR(runs.replies[0], "that.");
    CHECK_STR(runs.replies[1], "-");
    for (int i = 1; i < runs.count; i++)
        CHECK(memcmp(runs.ids[i - 1].bytes, runs.ids[i].bytes, 16) < 0);
    runs.count = 99;
    CHECK(store_read_runs(f->reader, &e->id, see_run, &runs, NULL)); /* stops when told to */
    CHECK_INT(runs.count, 100);
}

struct seen_windows {
    int count, limit;
    char texts[16][8];
};

static bool see_window(void *ctx, const struct uuid *event, const struct blob *window)
{
    struct seen_windows *seen = ctx;
    CHECK(!uuid_is_zero(event));
    STR_COPY(seen->texts[seen->count], (const char *)window->data);
    return ++seen->count < seen->limit;
}

static void windows_are_read_from_a_time_on(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    int64_t start_us = f->clock.now_wall_us;
    for (int i = 0; i < 5; i++) {
        store_put_event(f->store, asking(sample_event(f, "porch"), ASK_NO, (char[]){'a' + i, 0}));
        f->clock.now_wall_us += 10 * US_PER_S;
    }
    store_flush(f->store);
    static const struct {
        int64_t after_us;
        int limit, count;
        const char *first;
    } cases[] = {
        {INT64_MIN / 2, 16, 5, "a"}, {0, 16, 5, "a"}, {1, 16, 4, "b"},
        {10 * US_PER_S, 16, 4, "b"}, {0, 2, 2, "a"},  {60 * US_PER_S, 16, 0, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct seen_windows seen = {.limit = cases[i].limit};
        int64_t since_us = cases[i].after_us < 0 ? INT64_MIN : start_us + cases[i].after_us;
        since_us += cases[i].after_us == 1 ? US_PER_MS : 0;
        CHECK(store_read_windows(f->reader, since_us, see_window, &seen, NULL));
        CHECK_INT(seen.count, cases[i].count);
        CHECK_STR(seen.texts[0], cases[i].first);
    }
}

/* --- crashes, age, damage --- */

static void a_job_outlives_the_program(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    AUTO(event_unref) struct event *e = asking(sample_event(f, "porch"), ASK_NOW, "window");
    store_put_event(f->store, event_ref(e));
    fixture_close(f);
    fixture_open(f); /* the event was open: it is closed with a revision of its own */
    AUTO(job_done) struct job job = only_job(f);
    CHECK_STR(member(f, &e->id, ".close_reason"), "crash");
    CHECK_STR(member(f, &e->id, ".revision"), "1");
    CHECK_STR(member(f, &e->id, ".model.state"), "waiting");
    put_outcome(f, e, OUTCOME_JUDGED);
    store_flush(f->store);
    CHECK_STR(member(f, &e->id, ".revision"), "1");
    CHECK_STR(member(f, &e->id, ".risk_score"), "79");
    CHECK_INT(ask(f, "SELECT count(*) FROM job"), 0);
    check_agrees(f);
}

static void all_of_it_goes_with_the_event(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    AUTO(event_unref) struct event *e = sample_event(f, "porch");
    AUTO(event_unref) struct event *last = asking(sample_update(e, true), ASK_QUEUED, "window");
    store_put_event(f->store, event_ref(e));
    store_put_event(f->store, event_ref(last));
    put_outcome(f, last, OUTCOME_LATER);
    store_put_feedback(f->store, &(struct feedback){last->id, FEEDBACK_MISSED, "a note", 5});
    store_flush(f->store);
    f->clock.now_us += INT64_C(40) * 86400 * US_PER_S;
    f->clock.now_wall_us += INT64_C(40) * 86400 * US_PER_S;
    store_tidy(f->store);
    static const char *const tables[] = {"event", "window", "job", "judgement", "run"};
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        char sql[64];
        snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", tables[i]);
        CHECK_INT(ask(f, sql), 0);
    }
    CHECK_INT(ask(f, "SELECT count(*) FROM feedback WHERE note = '' AND kind = 2"), 1);
    check_agrees(f);
}

/* A reader beside the daemon, or without one. */
static void windows_are_read_without_a_store(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    AUTO(store_reader_close) struct store_reader *none = NULL, *reader = NULL;
    struct err err = {0};
    CHECK(!store_reader_look(f->dir, &none, &err));
    CHECK_INT(err.code, ERR_NOT_FOUND);
    fixture_open(f);
    AUTO(event_unref) struct event *e = asking(sample_event(f, "porch"), ASK_QUEUED, "window");
    store_put_event(f->store, event_ref(e));
    fixture_close(f);
    CHECK(store_reader_look(f->dir, &reader, &err));
    struct seen_windows seen = {.limit = 16};
    CHECK(store_read_windows(reader, 0, see_window, &seen, &err));
    CHECK_STR(seen.texts[0], "window");
    ask(f, "PRAGMA user_version = 2");
    CHECK(!store_reader_look(f->dir, &none, &err));
    CHECK_CONTAINS(err.msg, "database has version 2, this program's is");
    CHECK(err.hint[0]);
}

static void a_judgement_that_cannot_be_read_stops_nothing(void **state)
{
    (void)state;
    static const char *const damages[] = {
        "UPDATE judgement SET json = 'nonsense'",
        "UPDATE judgement SET json = '{\"state\":\"done\"}'",
        "UPDATE judgement SET json = json_set(json, '$.model', hex(zeroblob(100000)))",
    };
    for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
        AUTO(fixture_free) struct fixture *f = fixture_new();
        fixture_open(f);
        AUTO(event_unref) struct event *e = asking(sample_event(f, "porch"), ASK_NOW, "window");
        store_put_event(f->store, event_ref(e));
        put_outcome(f, e, OUTCOME_JUDGED);
        store_flush(f->store);
        ask(f, damages[i]);
        store_put_event(f->store, sample_update(e, true));
        store_flush(f->store);
        CHECK_STR(member(f, &e->id, ".revision"), "1");
        CHECK_STR(member(f, &e->id, ".risk_score"), "64");
        CHECK_INT(fixture_logged(f, "cannot be read"), 1);
        CHECK(!store_stats(f->store).failing);
    }
}

static void blobs_of_another_program_are_refused(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    AUTO(event_unref) struct event *e = asking(sample_event(f, "porch"), ASK_QUEUED, "window");
    store_put_event(f->store, event_ref(e));
    put_outcome(f, e, OUTCOME_LATER);
    store_flush(f->store);
    ask(f, "UPDATE window SET data = zeroblob(1048577)");
    ask(f, "UPDATE run SET reply = zeroblob(1048577)");
    ask(f, "UPDATE job SET not_before_wall_us = 0, score = 1000000, tries = 99999999999");
    struct err err = {0};
    struct blob *window;
    CHECK(!store_read_window(f->reader, &e->id, &window, &err));
    CHECK_INT(err.code, ERR_DATA_LOSS);
    struct runs runs = {0};
    CHECK(!store_read_runs(f->reader, &e->id, see_run, &runs, &err));
    CHECK_INT(err.code, ERR_DATA_LOSS);
    CHECK_INT(runs.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_that_asks_waits),
        cmocka_unit_test(an_event_that_does_not_ask_only_keeps_its_window),
        cmocka_unit_test(the_newest_window_counts),
        cmocka_unit_test(severe_and_new_ones_come_first),
        cmocka_unit_test(a_verdict_changes_the_event),
        cmocka_unit_test(a_verdict_stays_while_the_event_goes_on),
        cmocka_unit_test(an_early_rejection_hides_nothing_later),
        cmocka_unit_test(an_early_verdict_of_before_counts_as_it_did),
        cmocka_unit_test(what_was_asked_before_does_not_undo_what_came_later),
        cmocka_unit_test(what_is_put_off_comes_again),
        cmocka_unit_test(dead_letters_are_listed_and_come_back),
        cmocka_unit_test(a_verdict_that_makes_no_sense_is_none),
        cmocka_unit_test(texts_that_are_too_long_once_mended_agree_everywhere),
        cmocka_unit_test(an_event_that_is_gone_is_no_error),
        cmocka_unit_test(runs_are_kept_up_to_a_number),
        cmocka_unit_test(windows_are_read_from_a_time_on),
        cmocka_unit_test(a_job_outlives_the_program),
        cmocka_unit_test(all_of_it_goes_with_the_event),
        cmocka_unit_test(windows_are_read_without_a_store),
        cmocka_unit_test(a_judgement_that_cannot_be_read_stops_nothing),
        cmocka_unit_test(blobs_of_another_program_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
