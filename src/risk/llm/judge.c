#include "risk/llm/judge.h"

#include "base/thread.h"
#include "risk/llm/blame.h"
#include "risk/llm/breaker.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SLOTS_MAX 64 /* requests at a time, whatever a server says of itself */

/* So many answers in a row that are no verdict make one ask whether the server still does what its
 * check has shown. Not the first: models differ, and a check keeps all others waiting. */
#define RUBBISH_MAX 2

/* How often the queue is looked at when nothing says that there is something in it: windows that
 * have rested long enough announce nothing. */
#define LOOK_US US_PER_S

/* Outcomes on their way into the store; of more the first is forgotten, and may be asked about once
 * more, which harms nobody. */
#define SETTLED_MAX (2 * SLOTS_MAX)

/* One window being asked about. */
struct asked {
    struct judge *judge;
    struct job job;
    struct window *window;
    struct pictures pictures;
    struct inquiry *inquiry; /* NULL: the place is free, or over is set */
    bool over;               /* result is there */
    struct inquiry_result result;
};

struct judge {
    struct judge_params params;
    struct thread *thread;
    struct bus_subscriber *news;
    atomic_bool stopping;
    atomic_bool woken;  /* something was committed */
    atomic_bool worked; /* the server has been ready */

    /* the llm thread's own */
    struct server *server;
    struct store_reader *reader;
    struct breaker breaker;
    struct blame blame;
    struct asked asked[SLOTS_MAX];
    struct job settled[SETTLED_MAX]; /* whose outcome is not committed yet; event zero: free */
    int settled_next;
    int64_t look_us;   /* when the queue is looked at next */
    bool ready;        /* the server was, when looked at last */
    bool deaf;         /* the queue could not be read: said once */
    int rubbish_count; /* answers in a row that were no verdict */
    struct judge_stats work;

    pthread_mutex_t lock;
    struct judge_stats stats; /* protected by lock */
};

/* --- what came of it --- */

/* Being asked, or over and not yet put. */
static bool is_busy(const struct asked *a)
{
    return a->inquiry || a->over;
}

static int busy_count(const struct judge *j)
{
    int count = 0;
    for (int i = 0; i < SLOTS_MAX; i++)
        count += is_busy(&j->asked[i]);
    return count;
}

static int running_count(const struct judge *j)
{
    int count = 0;
    for (int i = 0; i < SLOTS_MAX; i++)
        count += j->asked[i].inquiry != NULL;
    return count;
}

static void put_outcome(struct judge *j, const struct job *job, struct outcome *outcome)
{
    outcome->event = job->event;
    outcome->revision = job->revision;
    struct job *settled = &j->settled[j->settled_next];
    *settled = *job;
    settled->window = NULL;
    j->settled_next = (j->settled_next + 1) % SETTLED_MAX;
    store_put_outcome(j->params.store, outcome);
}

static bool is_settled(const struct judge *j, const struct job *job)
{
    for (int i = 0; i < SETTLED_MAX; i++) {
        const struct job *s = &j->settled[i];
        if (s->revision == job->revision && s->tries == job->tries &&
            s->queued_wall_us == job->queued_wall_us && uuid_equal(&s->event, &job->event))
            return true;
    }
    return false;
}

/* Until an outcome is committed the queue still holds its job. Returns how many there are. One that
 * the store has set aside stays here: to ask again would only give another that it refuses. */
static int forget_committed(struct judge *j)
{
    int count = 0;
    for (int i = 0; i < SETTLED_MAX; i++) {
        struct job *s = &j->settled[i];
        bool waits = true;
        struct err ignored;
        if (uuid_is_zero(&s->event))
            continue;
        if (store_job_waits(j->reader, s, &waits, &ignored) && !waits)
            *s = (struct job){0};
        count += waits;
    }
    return count;
}

static void release(struct asked *a)
{
    inquiry_cancel(&a->inquiry);
    inquiry_result_done(&a->result);
    pictures_free(&a->pictures);
    window_free(&a->window);
    job_done(&a->job);
    *a = (struct asked){.judge = a->judge};
}

static void count_result(struct judge *j, const struct inquiry_result *r)
{
    struct judge_stats *s = &j->work;
    for (int i = 0; i < r->run_count; i++) {
        s->prompt_tokens += MAX(0, r->runs[i].prompt_tokens);
        s->cached_tokens += MAX(0, r->runs[i].cached_tokens);
        s->reply_tokens += MAX(0, r->runs[i].reply_tokens);
    }
    s->spent_us += r->judgement.spent_us;
    s->retried += r->run_count > 1;
    s->judged += r->end == INQUIRY_JUDGED;
    s->failed += r->end != INQUIRY_JUDGED;
}

/* Whether this window is to be given up; what it says of the server is remembered. */
static bool learn(struct judge *j, const struct asked *a)
{
    const struct inquiry_result *r = &a->result;
    if (r->end == INQUIRY_JUDGED) {
        breaker_success(&j->breaker);
        blame_judged(&j->blame, &a->job.event);
        j->rubbish_count = 0;
        return false;
    }
    /* A server that answers rubbish to whatever it is asked is no better than one that is down. */
    if (r->server_at_fault || r->end == INQUIRY_HOPELESS)
        breaker_failure(&j->breaker, clock_mono_us(j->params.clock));
    else
        breaker_withdraw(&j->breaker);
    j->rubbish_count = r->end == INQUIRY_HOPELESS ? j->rubbish_count % RUBBISH_MAX + 1 : 0;
    return blame_failed(&j->blame, &a->job.event, r->end == INQUIRY_HOPELESS);
}

static void say_failure(struct judge *j, const struct asked *a, bool dead, int64_t rest_us)
{
    char id[UUID_TEXT_BYTES];
    uuid_format(id, &a->job.event);
    const char *reason = a->result.judgement.reason;
    if (dead)
        log_warn(&j->params.log, "event %s: no verdict of the language model: %s", id, reason);
    else
        log_debug(&j->params.log, "event %s: asked again in %.1f s: %s", id,
                  (double)rest_us / US_PER_S, reason);
}

/* Puts the outcome; returns whether the server is to be looked at again. */
static bool settle(struct judge *j, struct asked *a)
{
    struct inquiry_result *r = &a->result;
    count_result(j, r);
    bool judged = r->end == INQUIRY_JUDGED;
    bool dead = learn(j, a);
    int64_t rest_us = blame_rest_us(&a->job.event, a->job.tries, r->end == INQUIRY_HOPELESS);
    rest_us = MAX(rest_us, r->retry_after_s * US_PER_S);
    AUTO(free_ptr) struct outcome *o = NEW(struct outcome);
    o->end = judged ? OUTCOME_JUDGED : dead ? OUTCOME_DEAD : OUTCOME_LATER;
    o->not_before_wall_us = clock_wall_us(j->params.clock) + rest_us;
    o->judgement = r->judgement;
    if (!judged)
        o->judgement.state = dead ? JUDGEMENT_FAILED : JUDGEMENT_WAITING;
    o->run_count = r->run_count;
    for (int i = 0; i < r->run_count; i++)
        o->runs[i] = r->runs[i];
    r->run_count = 0; /* theirs now */
    if (!judged)
        say_failure(j, a, dead, rest_us);
    put_outcome(j, &a->job, o);
    return r->look_again || j->rubbish_count >= RUBBISH_MAX;
}

/* While nothing can be stored, what has come rests in its place: whoever puts waits then, and this
 * thread has connections to look after. */
static void harvest(struct judge *j)
{
    if (store_stats(j->params.store).failing)
        return;
    char why[sizeof j->asked[0].result.judgement.reason] = "";
    for (int i = 0; i < SLOTS_MAX; i++) {
        struct asked *a = &j->asked[i];
        if (!a->over)
            continue;
        if (settle(j, a))
            STR_COPY(why, a->result.judgement.reason);
        release(a);
        j->look_us = 0;
    }
    /* Not before all that were over are away: a server in doubt has no connection any more. */
    if (why[0])
        server_doubt(j->server, why);
}

/* --- what is asked next --- */

static void on_result(void *ctx, struct inquiry_result *result)
{
    struct asked *a = ctx;
    a->result = *result;
    a->inquiry = NULL;
    a->over = true;
}

static bool picture_path(void *ctx, const struct uuid *track, char *out, size_t bytes)
{
    struct asked *a = ctx;
    struct err err;
    return store_snapshot_path(a->judge->reader, &a->job.event, track, false, out, bytes, &err);
}

static void load_pictures(struct judge *j, struct asked *a)
{
    if (!server_info(j->server)->sees || j->params.conf->pictures == PICTURES_NEVER)
        return;
    AUTO(free_ptr) struct evidence_list *evidence = NEW(struct evidence_list);
    evidence_gather(a->window, evidence);
    pictures_load(a->window, evidence, picture_path, a, &a->pictures);
}

static bool open_window(struct asked *a, struct err *err)
{
    AUTO(blob_unref) struct blob *json = NULL;
    if (!a->job.window)
        return err_set(err, ERR_DATA_LOSS, "%s", a->job.damage);
    if (!blob_expand(a->job.window->data, a->job.window->bytes, WINDOW_BYTES_MAX, &json, err) ||
        !window_parse((const char *)json->data, json->bytes, &a->window, err))
        return false;
    if (!uuid_equal(&a->window->event->id, &a->job.event))
        return err_set(err, ERR_DATA_LOSS, "it is of another event");
    return true;
}

/* What nobody can read goes where somebody looks. */
static void bury(struct judge *j, struct asked *a, const struct err *err)
{
    AUTO(free_ptr) struct outcome *o = NEW(struct outcome);
    o->end = OUTCOME_DEAD;
    o->judgement = (struct judgement){.event = a->job.event,
                                      .revision = a->job.revision,
                                      .state = JUDGEMENT_FAILED,
                                      .score = SCORE_NONE,
                                      .max_change = j->params.conf->max_change,
                                      .wall_us = clock_wall_us(j->params.clock)};
    snprintf(o->judgement.reason, sizeof o->judgement.reason, "damaged window: %.150s", err->msg);
    char id[UUID_TEXT_BYTES];
    log_warn(&j->params.log, "event %s: %s", uuid_format(id, &a->job.event), o->judgement.reason);
    j->work.failed++;
    put_outcome(j, &a->job, o);
}

/* Another seed when it is asked again, or a model that is sure of itself says the same again. */
static int64_t seed_of(const struct job *job)
{
    if (job->tries == 0)
        return 0;
    const uint8_t *b = job->event.bytes + 12;
    uint32_t seed = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    return ((seed ^ (uint32_t)job->tries * UINT32_C(2246822519)) & 0x7fffffff) | 1;
}

/* Takes the job. Returns false if no more may be asked now. */
static bool begin(struct judge *j, struct job *job)
{
    struct asked *a = &j->asked[0];
    while (is_busy(a))
        a++;
    *a = (struct asked){.judge = j, .job = *job};
    *job = (struct job){0};
    struct err err = {0};
    if (!open_window(a, &err)) {
        bury(j, a, &err);
        release(a);
        return true;
    }
    if (!breaker_allows(&j->breaker, clock_mono_us(j->params.clock))) {
        release(a);
        return false;
    }
    load_pictures(j, a);
    a->inquiry = inquiry_start(&(struct inquiry_params){.conf = j->params.conf,
                                                        .server = j->server,
                                                        .window = a->window,
                                                        .pictures = a->pictures.items,
                                                        .picture_count = a->pictures.count,
                                                        .ids = j->params.ids,
                                                        .clock = j->params.clock,
                                                        .first_seed = seed_of(&a->job),
                                                        .done = on_result,
                                                        .ctx = a});
    return true;
}

static int places(const struct judge *j)
{
    int most = server_info(j->server)->slots;
    if (j->params.conf->max_parallel > 0)
        most = MIN(most, j->params.conf->max_parallel);
    return CLAMP(most, 1, SLOTS_MAX) - busy_count(j);
}

static bool next_jobs(struct judge *j, struct job *jobs, int max, int *ret_count)
{
    struct uuid skip[SLOTS_MAX];
    int skip_count = 0;
    for (int i = 0; i < SLOTS_MAX; i++)
        if (is_busy(&j->asked[i]))
            skip[skip_count++] = j->asked[i].job.event;
    struct err err = {0};
    bool ok = store_next_jobs(j->reader, clock_wall_us(j->params.clock), skip, skip_count, jobs,
                              max, ret_count, &err);
    if (!ok && !j->deaf) {
        err_wrap(&err, "the language model's queue cannot be read");
        log_err(&j->params.log, LOG_ERROR, &err);
    }
    j->deaf = !ok;
    return ok;
}

static void take_jobs(struct judge *j)
{
    int64_t now_us = clock_mono_us(j->params.clock);
    bool shut = j->breaker.open && (j->breaker.trial || now_us < j->breaker.until_us);
    int free_count = j->ready ? places(j) : 0;
    if (free_count <= 0 || shut || now_us < j->look_us || store_stats(j->params.store).failing)
        return;
    j->look_us = now_us + LOOK_US;
    /* Those whose outcome is on its way may still stand at the head of the queue. */
    struct job jobs[SLOTS_MAX + SETTLED_MAX];
    int count = 0;
    int settling_count = forget_committed(j); /* before the queue is read, not after */
    if (!next_jobs(j, jobs, free_count + settling_count, &count))
        return;
    bool open = true;
    for (int i = 0; i < count; i++) {
        if (open && free_count > 0 && !is_settled(j, &jobs[i])) {
            open = begin(j, &jobs[i]);
            free_count--;
        }
        job_done(&jobs[i]);
    }
}

/* --- the server --- */

static void watch_server(struct judge *j)
{
    bool ready = server_http(j->server) != NULL;
    if (ready && !j->ready) {
        atomic_store_explicit(&j->worked, true, memory_order_relaxed);
        j->look_us = 0;
    }
    j->ready = ready;
}

/* --- the thread --- */

static void count_jobs(struct judge *j)
{
    struct job_counts counts;
    struct err err;
    if (!store_count_jobs(j->reader, &counts, &err))
        return;
    j->work.waiting = MAX(counts.waiting - running_count(j), 0); /* their jobs are still there */
    j->work.dead = counts.dead;
}

static void publish(struct judge *j)
{
    struct timespec cpu;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
    j->work.server = *server_info(j->server);
    j->work.running = running_count(j);
    j->work.own_us = cpu.tv_sec * US_PER_S + cpu.tv_nsec / 1000;
    j->work.breaker_open = j->breaker.open;
    j->work.breaker_opened = j->breaker.opened;
    pthread_mutex_lock(&j->lock);
    j->stats = j->work;
    pthread_mutex_unlock(&j->lock);
}

static void hear_news(struct judge *j)
{
    if (!atomic_exchange_explicit(&j->woken, false, memory_order_acquire))
        return;
    int64_t missed;
    struct bus_message *m = NULL;
    while ((m = bus_next(j->news, &missed)))
        bus_message_unref(&m);
    j->look_us = 0;
}

static void judge_main(void *arg)
{
    struct judge *j = arg;
    ASSERT_ON(ROLE_LLM);
    int64_t count_us = 0;
    while (!atomic_load_explicit(&j->stopping, memory_order_acquire)) {
        watch_server(j);
        hear_news(j);
        take_jobs(j);
        int64_t now_us = clock_mono_us(j->params.clock);
        if (now_us >= count_us) {
            count_jobs(j);
            count_us = now_us + LOOK_US;
        }
        publish(j);
        (void)server_poll(j->server, LOOK_US);
        harvest(j);
    }
    for (int i = 0; i < SLOTS_MAX; i++)
        release(&j->asked[i]);
}

static void wake(void *ctx)
{
    struct judge *j = ctx;
    atomic_store_explicit(&j->woken, true, memory_order_release);
    server_wake(j->server);
}

static void judge_free(struct judge *j)
{
    if (j->news) /* before the server goes, which it would wake */
        bus_unsubscribe(j->params.bus, &j->news);
    server_free(&j->server);
    store_reader_close(&j->reader);
    pthread_mutex_destroy(&j->lock);
    free(j);
}

bool judge_start(const struct judge_params *params, struct judge **ret, struct err *err)
{
    struct judge *j = NEW(struct judge);
    j->params = *params;
    pthread_mutex_init(&j->lock, NULL);
    j->server = server_new(params->conf, params->clock, params->log);
    j->stats.server = *server_info(j->server);
    bool ok = store_reader_open(params->store, &j->reader, err);
    if (ok && params->bus)
        j->news = bus_subscribe(params->bus, BUS_EVENT, 1, wake, j);
    if (!ok || !thread_start(&j->thread, ROLE_LLM, "llm", judge_main, j, err)) {
        judge_free(j);
        return false;
    }
    *ret = j;
    return true;
}

void judge_stop(struct judge **judge)
{
    struct judge *j = *judge;
    *judge = NULL;
    if (!j)
        return;
    atomic_store_explicit(&j->stopping, true, memory_order_release);
    server_wake(j->server);
    thread_join(&j->thread);
    judge_free(j);
}

struct judge_stats judge_stats(struct judge *j)
{
    pthread_mutex_lock(&j->lock);
    struct judge_stats stats = j->stats;
    pthread_mutex_unlock(&j->lock);
    return stats;
}

bool judge_has_worked(const struct judge *j)
{
    return atomic_load_explicit(&j->worked, memory_order_relaxed);
}

void judge_stats_json(struct json *out, const char *key, const struct judge_stats *s)
{
    json_begin_object(out, key);
    server_info_json(out, "server", &s->server);
    json_begin_object(out, "queue");
    json_int(out, "waiting", s->waiting);
    json_int(out, "running", s->running);
    json_int(out, "dead", s->dead);
    json_end_object(out);
    json_int(out, "judged", s->judged);
    json_int(out, "failed", s->failed);
    json_int(out, "retried", s->retried);
    json_begin_object(out, "tokens");
    json_int(out, "prompt", s->prompt_tokens);
    json_int(out, "cached", s->cached_tokens);
    json_int(out, "reply", s->reply_tokens);
    double share = s->prompt_tokens > 0 ? (double)s->cached_tokens / (double)s->prompt_tokens : 0;
    json_double(out, "cached_share", share, 3);
    json_end_object(out);
    json_double(out, "model_s", (double)s->spent_us / US_PER_S, 3);
    json_double(out, "own_cpu_s", (double)s->own_us / US_PER_S, 3);
    json_begin_object(out, "breaker");
    json_bool(out, "open", s->breaker_open);
    json_int(out, "opened", s->breaker_opened);
    json_end_object(out);
    json_end_object(out);
}
