/* A house with a real store and the queue's worker. Server and questions are the test's own, which
 * the linker takes instead of the room's; time stands still until the test moves it. For one test.
 */
#pragma once

#include "risk/llm/judge.h"

#include "base/process.h"
#include "store/fixture.h"

#include <pthread.h>
#include <time.h>

#define EVENTS_MAX 70
#define TURNS_MAX                                                                                  \
    10000 /* of the thread, 1 ms each unless it is woken: then the test has failed                 \
           */

/* --- the server, and what it answers --- */

enum mode {
    GOOD,
    HOLD,    /* nothing yet */
    DOWN,    /* the server's fault, and it is to be looked at again */
    BROKEN,  /* the server's fault */
    RUBBISH, /* no verdict in it */
};

struct server {
    int unused;
};

struct inquiry {
    struct inquiry_params params;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    bool woken, paused, resting; /* the thread rests at the start of a poll while it is paused */
    int64_t turns;
    struct server server;
    const struct clock *clock;
    int64_t look_us;
    struct server_info info; /* the thread's; its state follows fit */
    bool fit;                /* what a check finds */
    int checks, doubts;

    enum mode mode;
    struct uuid poisoned; /* this event is answered with poison instead */
    enum mode poison;
    int retry_after_s;
    struct inquiry *open[EVENTS_MAX];
    int open_count, most, asked, cancelled;
    struct uuid order[EVENTS_MAX * 64];
    int64_t seeds[EVENTS_MAX * 64];
    int revisions[EVENTS_MAX * 64];
} fake = {.lock = PTHREAD_MUTEX_INITIALIZER};

const char *const server_state_names[] = {"off",  "unknown", "loading", "ready",
                                          "down", "denied",  "unfit",   NULL};

struct server *server_new(const struct llm_conf *conf, const struct clock *clock, struct log log)
{
    (void)conf;
    (void)log;
    fake.clock = clock;
    fake.look_us = 0;
    fake.info.state = SERVER_UNKNOWN;
    return &fake.server;
}

void server_free(struct server **server)
{
    *server = NULL;
}

void server_doubt(struct server *server, const char *why)
{
    (void)server;
    CHECK(why[0]);
    pthread_mutex_lock(&fake.lock);
    fake.doubts += fake.info.state == SERVER_READY;
    fake.info.state = SERVER_DOWN;
    fake.look_us = 0;
    pthread_mutex_unlock(&fake.lock);
}

/* Looks by itself, as the real one does. */
static void look(void)
{
    int64_t now_us = clock_mono_us(fake.clock);
    if (fake.info.state == SERVER_READY || now_us < fake.look_us)
        return;
    fake.checks++;
    fake.look_us = now_us + 30 * US_PER_S;
    fake.info.state = fake.fit ? SERVER_READY : SERVER_DOWN;
}

const struct server_info *server_info(const struct server *server)
{
    (void)server;
    return &fake.info;
}

struct http *server_http(struct server *server)
{
    return fake.info.state == SERVER_READY ? (struct http *)server : NULL;
}

void server_wake(struct server *server)
{
    (void)server;
    pthread_mutex_lock(&fake.lock);
    fake.woken = true;
    pthread_cond_broadcast(&fake.moved);
    pthread_mutex_unlock(&fake.lock);
}

void server_info_json(struct json *out, const char *key, const struct server_info *info)
{
    json_text(out, key, server_state_names[info->state]);
}

struct inquiry *inquiry_start(const struct inquiry_params *params)
{
    struct inquiry *q = NEW(struct inquiry);
    q->params = *params;
    pthread_mutex_lock(&fake.lock);
    CHECK(fake.info.state == SERVER_READY);
    int n = fake.asked++ % (int)ARRAY_LEN(fake.order);
    fake.order[n] = params->window->event->id;
    fake.seeds[n] = params->first_seed;
    fake.revisions[n] = params->window->event->revision;
    fake.open[fake.open_count++] = q;
    fake.most = MAX(fake.most, fake.open_count);
    pthread_mutex_unlock(&fake.lock);
    return q;
}

static void forget(struct inquiry *q)
{
    int i = 0;
    while (fake.open[i] != q)
        i++;
    fake.open[i] = fake.open[--fake.open_count];
}

void inquiry_cancel(struct inquiry **inquiry)
{
    if (!*inquiry)
        return;
    pthread_mutex_lock(&fake.lock);
    forget(*inquiry);
    fake.cancelled++;
    pthread_mutex_unlock(&fake.lock);
    free(*inquiry);
    *inquiry = NULL;
}

void inquiry_result_done(struct inquiry_result *result)
{
    for (int i = 0; i < result->run_count; i++)
        run_done(&result->runs[i]);
    result->run_count = 0;
}

static struct inquiry_result result_of(const struct inquiry *q, enum mode mode)
{
    const struct event *event = q->params.window->event;
    struct inquiry_result r = {.run_count = 1, .retry_after_s = fake.retry_after_s};
    static const enum inquiry_end ends[] = {
        [DOWN] = INQUIRY_UNREACHABLE, [BROKEN] = INQUIRY_UNREACHABLE, [RUBBISH] = INQUIRY_HOPELESS};
    static const char *const outcomes[] = {
        [GOOD] = "ok", [DOWN] = "refused", [BROKEN] = "server-error", [RUBBISH] = "invalid"};
    r.end = ends[mode];
    r.look_again = mode == DOWN;
    r.server_at_fault = mode == DOWN || mode == BROKEN;
    struct run *run = &r.runs[0];
    *run = (struct run){.id = uuid7_new(q->params.ids), .event = event->id, .attempt = 1};
    STR_COPY(run->outcome, outcomes[mode]);
    run->request = blob_compress("{}", 2);
    run->prompt_tokens = 900;
    run->cached_tokens = 600;
    run->reply_tokens = -1;
    r.judgement = (struct judgement){.event = event->id,
                                     .revision = event->revision,
                                     .score = mode == GOOD ? 20 : SCORE_NONE,
                                     .max_change = 20,
                                     .attempts = 1,
                                     .spent_us = 3 * US_PER_S};
    r.judgement.id = run->id;
    if (mode == GOOD)
        r.judgement.state = JUDGEMENT_DONE;
    else
        snprintf(r.judgement.reason, sizeof r.judgement.reason, "%s: why", outcomes[mode]);
    return r;
}

/* One that may end now, taken out. */
static struct inquiry *take_ripe(enum mode *ret_mode)
{
    for (int i = 0; i < fake.open_count; i++) {
        struct inquiry *q = fake.open[i];
        bool poisoned = uuid_equal(&q->params.window->event->id, &fake.poisoned);
        *ret_mode = poisoned ? fake.poison : fake.mode;
        if (*ret_mode == HOLD)
            continue;
        forget(q);
        return q;
    }
    return NULL;
}

bool server_poll(struct server *server, int64_t timeout_us)
{
    (void)server;
    (void)timeout_us;
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    enum mode mode;
    struct inquiry *q;
    pthread_mutex_lock(&fake.lock);
    look();
    fake.turns++;
    fake.resting = true;
    pthread_cond_broadcast(&fake.moved);
    while (fake.paused)
        pthread_cond_wait(&fake.moved, &fake.lock);
    fake.resting = false;
    if (!fake.woken)
        pthread_cond_timedwait(&fake.moved, &fake.lock, &until);
    fake.woken = false;
    while ((q = take_ripe(&mode))) {
        struct inquiry_result result = result_of(q, mode);
        pthread_mutex_unlock(&fake.lock);
        q->params.done(q->params.ctx, &result);
        free(q);
        pthread_mutex_lock(&fake.lock);
    }
    pthread_mutex_unlock(&fake.lock);
    return false;
}

static void set_mode(enum mode mode)
{
    pthread_mutex_lock(&fake.lock);
    fake.mode = mode;
    pthread_mutex_unlock(&fake.lock);
}

static void set_poison(const struct uuid *event, enum mode poison)
{
    pthread_mutex_lock(&fake.lock);
    fake.poisoned = *event;
    fake.poison = poison;
    pthread_mutex_unlock(&fake.lock);
}

static void set_fit(bool fit)
{
    pthread_mutex_lock(&fake.lock);
    fake.fit = fit;
    pthread_mutex_unlock(&fake.lock);
}

static int asked(void)
{
    pthread_mutex_lock(&fake.lock);
    int count = fake.asked;
    pthread_mutex_unlock(&fake.lock);
    return count;
}

static int open_count(void)
{
    pthread_mutex_lock(&fake.lock);
    int count = fake.open_count;
    pthread_mutex_unlock(&fake.lock);
    return count;
}

/* Lets the thread turn. */
static void turn(int count)
{
    pthread_mutex_lock(&fake.lock);
    for (int64_t until = fake.turns + count; fake.turns < until;)
        pthread_cond_wait(&fake.moved, &fake.lock);
    pthread_mutex_unlock(&fake.lock);
}

#define UNTIL(cond)                                                                                \
    for (int turns_ = 0; !(cond); turns_++) {                                                      \
        if (turns_ == TURNS_MAX)                                                                   \
            fail_msg("never came true: %s", #cond);                                                \
        turn(1);                                                                                   \
    }

/* --- a house with a queue --- */

struct house {
    struct fixture *f;
    struct llm_conf conf;
    struct judge *judge;
    struct uuid events[EVENTS_MAX];
    int count;
};

/* The thread rests until resume: what it reads may be changed. */
static void pause_thread(void)
{
    pthread_mutex_lock(&fake.lock);
    for (fake.paused = true; !fake.resting;)
        pthread_cond_wait(&fake.moved, &fake.lock);
    pthread_mutex_unlock(&fake.lock);
}

static void resume_thread(void)
{
    pthread_mutex_lock(&fake.lock);
    fake.paused = false;
    pthread_cond_broadcast(&fake.moved);
    pthread_mutex_unlock(&fake.lock);
}

static void set_slots(int slots)
{
    pause_thread();
    fake.info.slots = slots;
    resume_thread();
}

/* What was put before is committed before time moves on, as it would be. */
static void pass(struct house *h, int64_t seconds)
{
    pause_thread();
    store_flush(h->f->store);
    atomic_fetch_add(&h->f->clock.now_us, seconds * US_PER_S);
    atomic_fetch_add(&h->f->clock.now_wall_us, seconds * US_PER_S);
    resume_thread();
    turn(2);
}

static void start(struct house *h)
{
    struct err err = {0};
    const struct judge_params params = {.conf = &h->conf,
                                        .store = h->f->store,
                                        .bus = h->f->bus,
                                        .ids = &h->f->ids,
                                        .clock = &h->f->clock.clock,
                                        .log = log_root(h->f->sink)};
    if (!judge_start(&params, &h->judge, &err))
        fail_msg("%s", err.msg);
}

static struct blob *window_of(const struct event *event)
{
    static const struct opt_map none = {0};
    const struct risk_context context = {.zones = &none, .lines = &none};
    uint8_t sha256[32] = {0};
    AUTO(json_done) struct json j;
    json_init(&j);
    window_json(&j, event, &context, "rules 1", sha256, "UTC");
    return blob_compress(j.text, j.bytes);
}

static struct event *make_event(struct house *h, int score, int ask)
{
    AUTO(event_unref) struct event *first = sample_event(h->f, "porch");
    struct event *event = sample_update(first, true);
    event->verdict.score = score;
    event->verdict.reasons[0].points = score;
    event->ask = ask;
    event->window = window_of(event);
    h->events[h->count++] = event->id;
    return event;
}

static struct uuid put(struct house *h, int score, int ask)
{
    struct event *event = make_event(h, score, ask);
    struct uuid id = event->id;
    store_put_event(h->f->store, event);
    return id;
}

static void put_many(struct house *h, int count)
{
    for (int i = 0; i < count; i++)
        (void)put(h, 10 + i % 80, ASK_QUEUED);
    store_flush(h->f->store);
}

static struct job_counts counts(struct house *h)
{
    struct job_counts counts;
    store_flush(h->f->store);
    CHECK(store_count_jobs(h->f->reader, &counts, NULL));
    return counts;
}

static int64_t judged(struct house *h)
{
    store_flush(h->f->store);
    return ask(h->f, "SELECT count(*) FROM judgement WHERE done = 1");
}

static int setup(void **state)
{
    struct house *h = NEW(struct house);
    h->f = fixture_new();
    fixture_open(h->f);
    h->conf.max_change = 20;
    h->conf.deadline_us = 60 * US_PER_S;
    pthread_mutex_lock(&fake.lock);
    fake.info = (struct server_info){.slots = 2, .model = "m"};
    fake.fit = true;
    fake.checks = fake.doubts = fake.most = fake.asked = fake.cancelled = 0;
    fake.mode = GOOD;
    fake.poisoned = (struct uuid){0};
    fake.retry_after_s = 0;
    pthread_mutex_unlock(&fake.lock);
    *state = h;
    return 0;
}

static int teardown(void **state)
{
    struct house *h = *state;
    judge_stop(&h->judge);
    CHECK_INT(fake.open_count, 0);
    fixture_free(&h->f);
    free(h);
    return 0;
}
