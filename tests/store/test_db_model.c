/* The queue when something is wrong with it, or with whoever works on it. */
#include "asked.h"

static int next_jobs(struct fixture *f, struct job *ret, int max)
{
    int count;
    struct err err = {0};
    if (!store_next_jobs(f->reader, f->clock.now_wall_us, NULL, 0, ret, max, &count, &err))
        fail_msg("%s", err.msg);
    return count;
}

static void what_nobody_works_on_becomes_dead_letters(void **state)
{
    (void)state;
    enum { N = 70 };
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    struct uuid ids[N];
    for (int i = 0; i < N; i++) {
        AUTO(event_unref) struct event *e = asking(sample_event(f, "porch"), ASK_QUEUED, "window");
        ids[i] = e->id;
        store_put_event(f->store, event_ref(e));
        if (i == 0)
            put_outcome(f, e, OUTCOME_DEAD);
        if (i == 1)
            put_outcome(f, e, OUTCOME_JUDGED);
        if (i == 2) {
            struct outcome o = outcome_of(f, e, OUTCOME_LATER);
            o.not_before_wall_us = f->clock.now_wall_us + 60 * US_PER_S;
            store_put_outcome(f->store, &o);
        }
    }
    store_bury_jobs(f->store, "it is off");
    store_flush(f->store);
    CHECK_INT(ask(f, "SELECT count(*) FROM job WHERE dead = 0"), 0);
    CHECK_INT(ask(f, "SELECT count(*) FROM job WHERE reason = 'it is off'"), N - 2);
    CHECK_STR(member(f, &ids[0], ".model.reason"), "it is no use");
    CHECK_STR(member(f, &ids[1], ".model.state"), "done");
    for (int i = 2; i < N; i++) {
        CHECK_STR(member(f, &ids[i], ".model.state"), "failed");
        CHECK_STR(member(f, &ids[i], ".model.reason"), "it is off");
    }
    check_agrees(f);
    /* What is put afterwards waits, and so does all that is queued again. */
    AUTO(event_unref) struct event *later = asking(sample_event(f, "porch"), ASK_QUEUED, "window");
    store_put_event(f->store, event_ref(later));
    store_flush(f->store);
    CHECK_STR(member(f, &later->id, ".model.state"), "waiting");
    store_requeue(f->store, &(struct uuid){0});
    store_flush(f->store);
    CHECK_INT(ask(f, "SELECT count(*) FROM job WHERE dead = 0 AND reason = ''"), N);
    check_agrees(f);
}

/* What cannot be read stands before what can, in every way. */
static void a_job_that_cannot_be_read_keeps_nobody_waiting(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *damage; /* NULL: the job is told to nobody */
    } cases[] = {
        {"UPDATE window SET data = zeroblob(1048577) WHERE event = (SELECT min(id) FROM event)",
         "database: data of 1048577 bytes, at most 1048576 expected"},
        {"DELETE FROM window WHERE event = (SELECT min(id) FROM event)", "there is none"},
        {"UPDATE job SET event = x'ffff' WHERE event = (SELECT min(id) FROM event)", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(fixture_free) struct fixture *f = fixture_new();
        fixture_open(f);
        AUTO(event_unref) struct event *bad = asking(sample_event(f, "porch"), ASK_NOW, "bad");
        AUTO(event_unref) struct event *good = asking(sample_event(f, "porch"), ASK_QUEUED, "good");
        store_put_event(f->store, event_ref(bad));
        store_put_event(f->store, event_ref(good));
        store_flush(f->store);
        ask(f, cases[i].sql);
        struct job jobs[4] = {0};
        int count = next_jobs(f, jobs, 4), at = cases[i].damage ? 1 : 0;
        CHECK_INT(count, at + 1);
        CHECK(uuid_equal(&jobs[at].event, &good->id));
        CHECK(jobs[at].window && !jobs[at].damage[0]);
        if (cases[i].damage) {
            CHECK(uuid_equal(&jobs[0].event, &bad->id) && !jobs[0].window);
            CHECK_STR(jobs[0].damage, cases[i].damage);
            CHECK_INT(jobs[0].revision, bad->revision);
            put_outcome(f, bad, OUTCOME_DEAD);
            store_flush(f->store);
            CHECK_INT(next_jobs(f, &jobs[2], 2), 1);
        }
        for (size_t n = 0; n < ARRAY_LEN(jobs); n++)
            job_done(&jobs[n]);
    }
}

/* Whoever works on a job asks whether its outcome is committed. */
static void a_job_waits_until_something_came_of_it(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    fixture_open(f);
    AUTO(event_unref) struct event *e = asking(sample_event(f, "porch"), ASK_QUEUED, "window");
    store_put_event(f->store, event_ref(e));
    store_flush(f->store);
    static const enum outcome_end ends[] = {OUTCOME_LATER, OUTCOME_DEAD, OUTCOME_JUDGED};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        struct job job = {0};
        bool waits = false;
        CHECK_INT(next_jobs(f, &job, 1), 1);
        CHECK(store_job_waits(f->reader, &job, &waits, NULL) && waits);
        put_outcome(f, e, ends[i]);
        store_flush(f->store);
        CHECK(store_job_waits(f->reader, &job, &waits, NULL) && !waits);
        f->clock.now_wall_us += US_PER_S;
        store_requeue(f->store, &e->id); /* the same again, but not the same job */
        store_flush(f->store);
        CHECK(store_job_waits(f->reader, &job, &waits, NULL) && !waits);
        job_done(&job);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_nobody_works_on_becomes_dead_letters),
        cmocka_unit_test(a_job_that_cannot_be_read_keeps_nobody_waiting),
        cmocka_unit_test(a_job_waits_until_something_came_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
