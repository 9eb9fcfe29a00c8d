/* The queue's worker against a real store. Server and questions are the test's own, which the
 * linker takes instead of the room's; time stands still until the test moves it. */
#include "house.h"

static void all_are_judged_once_in_parallel_the_severe_first(void **state)
{
    struct house *h = *state;
    put_many(h, 20);
    start(h);
    UNTIL(counts(h).waiting == 0);
    CHECK_INT(judged(h), 20);
    CHECK_INT(asked(), 20);
    CHECK_INT(fake.most, 2);
    for (int i = 0; i < 20; i++)
        CHECK(uuid_equal(&fake.order[i], &h->events[19 - i]));
    pass(h, 2);
    struct judge_stats stats;
    UNTIL((stats = judge_stats(h->judge)).waiting == 0);
    CHECK_INT(stats.judged, 20);
    CHECK_INT(stats.failed, 0);
    CHECK_INT(stats.prompt_tokens, 18000);
    CHECK_INT(stats.cached_tokens, 12000);
    CHECK_INT(stats.reply_tokens, 0);
    CHECK(judge_has_worked(h->judge));
    CHECK_INT(ask(h->f, "SELECT count(*) FROM run WHERE outcome = 'ok'"), 20);
    AUTO(json_done) struct json j;
    json_init(&j);
    judge_stats_json(&j, NULL, &stats);
    CHECK_CONTAINS(j.text, "\"cached_share\":0.667");
    CHECK_CONTAINS(j.text, "\"queue\":{\"waiting\":0,\"running\":0,\"dead\":0}");
}

static void news_are_heard_without_waiting(void **state)
{
    struct house *h = *state;
    start(h);
    UNTIL(judge_stats(h->judge).server.state == SERVER_READY);
    turn(3);
    /* Time stands still, so that only the bus can say that there is something. */
    for (int i = 0; i < 5; i++) {
        put_many(h, 1);
        UNTIL(asked() == i + 1);
    }
    UNTIL(judged(h) == 5);
}

static void the_urgent_one_gets_the_next_place(void **state)
{
    struct house *h = *state;
    set_mode(HOLD);
    put_many(h, 6);
    start(h);
    UNTIL(open_count() == 2);
    struct uuid urgent = put(h, 5, ASK_NOW);
    store_flush(h->f->store);
    turn(5);
    CHECK_INT(open_count(), 2);
    set_mode(GOOD);
    UNTIL(counts(h).waiting == 0);
    CHECK(uuid_equal(&fake.order[2], &urgent));
}

static void places_are_bounded(void **state)
{
    struct house *h = *state;
    static const struct {
        int slots, max_parallel, most;
    } rows[] = {{4, 0, 4}, {4, 3, 3}, {1, 8, 1}, {0, 0, 1}, {1000000, 0, 64}, {-5, 0, 1}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        fake.info.slots = rows[i].slots;
        h->conf.max_parallel = rows[i].max_parallel;
        set_mode(HOLD);
        h->count = 0;
        put_many(h, EVENTS_MAX);
        start(h);
        UNTIL(open_count() == rows[i].most);
        pass(h, 2);
        turn(5);
        CHECK_INT(open_count(), rows[i].most);
        set_mode(GOOD);
        UNTIL(counts(h).waiting == 0);
        judge_stop(&h->judge);
    }
}

static void nothing_is_touched_while_there_is_no_server(void **state)
{
    struct house *h = *state;
    set_fit(false);
    put_many(h, 5);
    start(h);
    for (int i = 0; i < 60; i++)
        pass(h, 60);
    CHECK_INT(asked(), 0);
    CHECK(!judge_has_worked(h->judge));
    CHECK_INT(counts(h).waiting, 5);
    CHECK_INT(ask(h->f, "SELECT sum(tries) FROM job"), 0);
    CHECK(fake.checks > 20 && fake.checks < 100);
    set_fit(true);
    pass(h, 30);
    UNTIL(counts(h).waiting == 0);
    CHECK_INT(judged(h), 5);
}

static void five_failures_open_the_circuit(void **state)
{
    struct house *h = *state;
    fake.info.slots = 1;
    set_mode(BROKEN);
    put_many(h, 10);
    start(h);
    struct judge_stats stats;
    UNTIL((stats = judge_stats(h->judge)).breaker_open);
    pass(h, 30);
    turn(5);
    CHECK_INT(asked(), 5);
    CHECK_INT(stats.breaker_opened, 1);
    CHECK_INT(stats.failed, 5);
    set_mode(HOLD);
    set_slots(4);
    pass(h, 31);
    UNTIL(open_count() == 1); /* the trial, whatever places there are */
    turn(5);
    CHECK_INT(open_count(), 1);
    set_mode(GOOD);
    pass(h, 10);
    UNTIL(counts(h).waiting == 0);
    CHECK_INT(judged(h), 10);
    CHECK_INT(counts(h).dead, 0);
    UNTIL(!judge_stats(h->judge).breaker_open);
}

static void a_day_of_errors_loses_nothing(void **state)
{
    struct house *h = *state;
    static const enum mode modes[] = {BROKEN, DOWN, RUBBISH};
    put_many(h, 10);
    start(h);
    for (size_t m = 0; m < ARRAY_LEN(modes); m++) {
        set_mode(modes[m]);
        set_fit(modes[m] != RUBBISH); /* its model fails the check as well */
        for (int i = 0; i < 100; i++)
            pass(h, 120);
        CHECK_INT(counts(h).dead, 0);
        CHECK_INT(counts(h).waiting, 10);
        set_fit(true);
    }
    CHECK_INT(judged(h), 0);
    CHECK(ask(h->f, "SELECT max(tries) FROM job") > 5);
    CHECK(ask(h->f, "SELECT count(*) FROM judgement WHERE json LIKE '%waiting%why%'") > 0);
    set_mode(GOOD);
    for (int i = 0; i < 10; i++)
        pass(h, 120);
    UNTIL(counts(h).waiting == 0);
    CHECK_INT(judged(h), 10);
}

static void rests_are_kept(void **state)
{
    struct house *h = *state;
    fake.retry_after_s = 77;
    set_mode(BROKEN);
    put_many(h, 1);
    start(h);
    UNTIL(judge_stats(h->judge).failed == 1);
    store_flush(h->f->store);
    pass(h, 75);
    turn(5);
    CHECK_INT(asked(), 1);
    pause_thread();
    fake.retry_after_s = 0;
    resume_thread();
    pass(h, 4);
    UNTIL(judge_stats(h->judge).failed == 2);
    CHECK_INT(fake.seeds[0], 0);
    CHECK(fake.seeds[1] > 0);
    store_flush(h->f->store);
    pass(h, 2); /* 4 s less a fifth */
    turn(5);
    CHECK_INT(asked(), 2);
    pass(h, 3);
    UNTIL(asked() == 3);
}

/* The poisoned one among good ones, new ones all the time; returns after how many questions it was
 * given up. */
static int give_up(struct house *h, enum mode poison)
{
    fake.info.slots = 1;
    struct uuid bad = put(h, 99, ASK_QUEUED);
    set_poison(&bad, poison);
    start(h);
    for (int i = 0; i < 100 && counts(h).dead == 0; i++) {
        if (h->count < EVENTS_MAX)
            put_many(h, 1);
        pass(h, 100);
    }
    CHECK_INT(counts(h).dead, 1);
    int count = 0;
    for (int i = 0; i < fake.asked; i++)
        count += uuid_equal(&fake.order[i], &bad);
    CHECK_INT(judged(h), h->count - 1);
    return count;
}

static void a_window_that_no_model_can_answer_is_given_up(void **state)
{
    struct house *h = *state;
    int count = give_up(h, RUBBISH);
    CHECK(count >= 2 && count < 8);
    CHECK_INT(ask(h->f, "SELECT count(*) FROM job WHERE dead = 1 AND reason = 'invalid: why'"), 1);
    CHECK_INT(ask(h->f, "SELECT count(*) FROM judgement WHERE json LIKE '%failed%invalid: why%'"),
              1);
    pass(h, 2);
    UNTIL(judge_stats(h->judge).dead == 1);
    set_poison(&(struct uuid){0}, GOOD);
    store_requeue(h->f->store, &(struct uuid){0});
    pass(h, 12);
    UNTIL(judged(h) == h->count);
    CHECK_INT(counts(h).dead, 0);
}

static void a_window_that_fells_the_server_is_given_up(void **state)
{
    /* More than five where its turn comes before another has been judged. */
    int count = give_up(*state, DOWN);
    CHECK(count >= 5 && count < 20);
}

static void alone_it_is_not_given_up(void **state)
{
    struct house *h = *state;
    set_mode(RUBBISH);
    put_many(h, 1);
    start(h);
    UNTIL(judge_stats(h->judge).failed == 1);
    CHECK_INT(fake.doubts, 0);
    pass(h, 3);
    UNTIL(judge_stats(h->judge).failed == 2);
    CHECK_INT(fake.doubts, 1);
    for (int i = 0; i < 24 * 60; i++)
        pass(h, 60);
    CHECK_INT(counts(h).dead, 0);
    CHECK(asked() > 25 && asked() < 45); /* of a day, once an hour in the end */
    set_mode(GOOD);
    set_poison(&h->events[0], RUBBISH);
    put_many(h, 1);
    for (int i = 0; i < 80; i++)
        pass(h, 60);
    CHECK_INT(counts(h).dead, 1);
    CHECK_INT(judged(h), 1);
}

static void a_damaged_window_is_a_dead_letter(void **state)
{
    struct house *h = *state;
    static const char *const texts[] = {"", "{", "not zstd at all"};
    for (int i = 0; i < 3; i++) {
        struct event *event = make_event(h, 50, ASK_QUEUED);
        blob_unref(&event->window);
        event->window = i < 2 ? blob_compress(texts[i], strlen(texts[i]))
                              : blob_new(texts[i], strlen(texts[i]));
        store_put_event(h->f->store, event);
    }
    struct event *event = make_event(h, 50, ASK_QUEUED); /* another's window */
    event->id.bytes[15] ^= 1;
    store_put_event(h->f->store, event);
    put_many(h, 3);
    start(h);
    UNTIL(counts(h).waiting == 0);
    CHECK_INT(counts(h).dead, 4);
    CHECK_INT(judged(h), 3);
    CHECK_INT(ask(h->f, "SELECT count(*) FROM job WHERE reason LIKE 'damaged window: %'"), 4);
    CHECK_INT(fixture_logged(h->f, "damaged window"), 4);
    turn(20);
    CHECK_INT(asked(), 3);
}

static void a_newer_window_is_asked_about_too(void **state)
{
    struct house *h = *state;
    set_mode(HOLD);
    struct event *first = make_event(h, 50, ASK_NOW);
    struct event *second = sample_update(first, true);
    second->ask = ASK_QUEUED;
    blob_unref(&second->window);
    second->window = window_of(second);
    store_put_event(h->f->store, first);
    store_flush(h->f->store);
    start(h);
    UNTIL(open_count() == 1);
    store_put_event(h->f->store, second);
    store_flush(h->f->store);
    pass(h, 2);
    turn(5);
    CHECK_INT(open_count(), 1);
    set_mode(GOOD);
    UNTIL(asked() == 2);
    UNTIL(counts(h).waiting == 0);
    CHECK_INT(fake.revisions[0] + 1, fake.revisions[1]);
    CHECK_INT(ask(h->f, "SELECT revision FROM judgement"), fake.revisions[1]);
}

static void what_is_cancelled_is_asked_again_after_the_next_start(void **state)
{
    struct house *h = *state;
    set_mode(HOLD);
    put_many(h, 5);
    for (int i = 0; i < 10; i++) {
        start(h);
        UNTIL(open_count() == 2);
        judge_stop(&h->judge);
        CHECK_INT(fake.open_count, 0);
        CHECK_INT(fake.cancelled, 2 * (i + 1));
    }
    CHECK_INT(counts(h).waiting, 5);
    CHECK_INT(ask(h->f, "SELECT sum(tries) FROM job"), 0);
    set_mode(GOOD);
    start(h);
    UNTIL(counts(h).waiting == 0);
    CHECK_INT(judged(h), 5);
}

/* Time goes on while nothing is committed. */
static void wait_uncommitted(struct house *h, int64_t seconds)
{
    pause_thread();
    atomic_fetch_add(&h->f->clock.now_us, seconds * US_PER_S);
    atomic_fetch_add(&h->f->clock.now_wall_us, seconds * US_PER_S);
    resume_thread();
    turn(5);
}

static void what_takes_long_to_commit_is_asked_about_once(void **state)
{
    struct house *h = *state;
    fixture_close(h->f);
    h->f->conf.group_us = 2 * US_PER_S; /* real time */
    fixture_open(h->f);
    put_many(h, 2);
    start(h);
    UNTIL(asked() == 2);
    turn(3);
    for (int i = 0; i < 5; i++)
        wait_uncommitted(h, 60);
    CHECK_INT(asked(), 2);
    UNTIL(counts(h).waiting == 0);
    CHECK_INT(asked(), 2);
}

static void nothing_is_asked_while_nothing_can_be_stored(void **state)
{
    struct house *h = *state;
    fake.info.slots = 4;
    set_mode(HOLD);
    put_many(h, 10);
    start(h);
    UNTIL(open_count() == 4);
    char path[256];
    sqlite3 *other;
    snprintf(path, sizeof path, "%s/hsi.db", h->f->dir);
    CHECK_INT(sqlite3_open(path, &other), SQLITE_OK);
    CHECK_INT(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    (void)put(h, 99, ASK_QUEUED);
    while (!store_stats(h->f->store).failing)
        turn(1);
    set_mode(GOOD);
    for (int i = 0; i < 10; i++)
        wait_uncommitted(h, 60);
    CHECK_INT(asked(), 4);
    CHECK_INT(open_count(), 0);
    CHECK_INT(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    UNTIL(counts(h).waiting == 0);
    CHECK_INT(judged(h), 11);
    CHECK_INT(asked(), 11);
}

static void nothing_grows(void **state)
{
    struct house *h = *state;
    set_mode(BROKEN);
    put_many(h, 3);
    struct process_usage before = {0};
    for (int i = 0; i < 60; i++) {
        start(h);
        for (int n = 0; n < 5; n++)
            pass(h, 400);
        judge_stop(&h->judge);
        if (i == 10)
            before = process_usage();
    }
    struct process_usage after = process_usage();
    CHECK_INT(after.threads, before.threads);
    CHECK_INT(after.descriptors, before.descriptors);
#ifndef __SANITIZE_ADDRESS__ /* which keeps what was freed */
    CHECK(after.anonymous_bytes < before.anonymous_bytes + 4000000);
#endif
    CHECK_INT(counts(h).waiting, 3);
}

int main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    pthread_cond_init(&fake.moved, NULL);
    const struct CMUnitTest tests[] = {
        CASE(all_are_judged_once_in_parallel_the_severe_first),
        CASE(news_are_heard_without_waiting),
        CASE(the_urgent_one_gets_the_next_place),
        CASE(places_are_bounded),
        CASE(nothing_is_touched_while_there_is_no_server),
        CASE(five_failures_open_the_circuit),
        CASE(a_day_of_errors_loses_nothing),
        CASE(rests_are_kept),
        CASE(a_window_that_no_model_can_answer_is_given_up),
        CASE(a_window_that_fells_the_server_is_given_up),
        CASE(alone_it_is_not_given_up),
        CASE(a_damaged_window_is_a_dead_letter),
        CASE(a_newer_window_is_asked_about_too),
        CASE(what_is_cancelled_is_asked_again_after_the_next_start),
        CASE(what_takes_long_to_commit_is_asked_about_once),
        CASE(nothing_is_asked_while_nothing_can_be_stored),
        CASE(nothing_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
