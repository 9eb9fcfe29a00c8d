/* How long after an event has closed its verdict is stored, beside how long the model took for it,
 * and what the thread that asks costs. One event at a time, with the daemon's own rooms and their
 * own defaults, and in turns with it a bare loop around libcurl that asks the same. Prints JSON.
 *
 *     bench_risk_live DIR URL SET.jsonl COUNT SECONDS bare|alone      whatever comes first */
#include "risk/llm/judge.h"
#include "windows.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COUNT_MAX     1000
#define COMMITS       20
#define READY_US      (60 * US_PER_S)
#define VERDICT_US    (120 * US_PER_S)
#define WAKE_AFTER_US (5 * US_PER_S)

/* Of one event, from the moment it closed. */
struct lap {
    int64_t total_us,
        model_us;    /* until its verdict is committed; of it, between asking and reply */
    int64_t bare_us; /* the same request by libcurl alone */
    int attempts;
    struct blob *request;
};

struct live {
    struct windows windows;
    struct uuid_gen ids;
    struct log_sink *sink;
    struct risk_conf conf;
    struct store_conf store_conf;
    struct bus *bus;
    struct bus_subscriber *news;
    struct store *store;
    struct store_reader *reader;
    struct risk *risk;
    struct judge *judge;
    int64_t commits_us[COMMITS]; /* of events that ask nothing */
    struct lap laps[COUNT_MAX];
    int count, bare_count;
    int64_t request_bytes, request_packed, reply_bytes, reply_packed;
    CURL *curl; /* the bare loop's, like what follows */
    struct curl_slist *headers;
    int64_t bare_cpu_us;
    int64_t own_us, idle_us; /* of the llm thread: while it asked, and while the bare loop did */

    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool woken; /* protected by lock */
};

static int64_t cpu_us(clockid_t which)
{
    struct timespec now;
    clock_gettime(which, &now);
    return (int64_t)now.tv_sec * US_PER_S + now.tv_nsec / 1000;
}

static bool model_is_known(void *ctx)
{
    (void)ctx;
    return true;
}

static void wake(void *ctx)
{
    struct live *l = ctx;
    pthread_mutex_lock(&l->lock);
    l->woken = true;
    pthread_cond_signal(&l->changed);
    pthread_mutex_unlock(&l->lock);
}

static void wait_news(struct live *l)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAKE_AFTER_US / US_PER_S;
    pthread_mutex_lock(&l->lock);
    if (!l->woken)
        pthread_cond_timedwait(&l->changed, &l->lock, &until);
    l->woken = false;
    pthread_mutex_unlock(&l->lock);
}

static void open_rooms(struct live *l, const char *dir, const char *url)
{
    struct err err = {0};
    opt_defaults(&store_section, &l->store_conf);
    opt_defaults(&risk_section, &l->conf);
    STR_COPY(l->store_conf.path, dir);
    STR_COPY(l->conf.llm.url, url);
    l->sink = log_sink_new(2, LOG_ERROR, &clock_real);
    struct log log = log_root(l->sink);
    l->bus = bus_new();
    l->news = bus_subscribe(l->bus, BUS_EVENT, 64, wake, l);
    must(store_open(
             &(struct store_params){
                 .conf = &l->store_conf, .clock = &clock_real, .log = log, .bus = l->bus},
             &l->store, &err) &&
             store_reader_open(l->store, &l->reader, &err) &&
             risk_open(
                 &(struct risk_params){.conf = &l->conf, .log = log, .model_known = model_is_known},
                 &l->risk, &err) &&
             judge_start(&(struct judge_params){.conf = &l->conf.llm,
                                                .store = l->store,
                                                .bus = l->bus,
                                                .ids = &l->ids,
                                                .clock = &clock_real,
                                                .log = log},
                         &l->judge, &err),
         &err);
}

static void wait_server(struct live *l)
{
    struct err err = {0};
    int64_t end_us = clock_mono_us(&clock_real) + READY_US;
    while (judge_stats(l->judge).server.state != SERVER_READY) {
        must(clock_mono_us(&clock_real) < end_us ||
                 err_set(&err, ERR_UNAVAILABLE, "the model server is not ready: %s",
                         judge_stats(l->judge).server.reason),
             &err);
        nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
    }
}

static bool is_verdict(const struct bus_message *m, const char *id)
{
    const char *model = strstr(m->json, "\"model\":{");
    return strstr(m->json, id) && model && strstr(model, "\"state\":\"done\"");
}

/* Returns when the event has been published, which is after its commit; with its verdict if told
 * so.
 */
static void wait_commit(struct live *l, const struct uuid *event, bool judged)
{
    struct err err = {0};
    char id[UUID_TEXT_BYTES];
    uuid_format(id, event);
    int64_t end_us = clock_mono_us(&clock_real) + VERDICT_US;
    for (bool found = false; !found;) {
        wait_news(l);
        int64_t missed;
        struct bus_message *m;
        while ((m = bus_next(l->news, &missed))) {
            found = found || (judged ? is_verdict(m, id) : strstr(m->json, id) != NULL);
            bus_message_unref(&m);
        }
        must(found || clock_mono_us(&clock_real) < end_us ||
                 err_set(&err, ERR_UNAVAILABLE, "nothing of an event in %lld s",
                         (long long)(VERDICT_US / US_PER_S)),
             &err);
    }
}

struct run_sum {
    struct live *live;
    struct lap *lap;
};

static int64_t expanded_bytes(const struct blob *packed, struct blob **ret)
{
    struct err err = {0};
    AUTO(blob_unref) struct blob *text = NULL;
    if (!packed)
        return 0;
    must(blob_expand(packed->data, packed->bytes, 64 << 20, &text, &err), &err);
    int64_t bytes = (int64_t)text->bytes;
    if (ret && !*ret)
        *ret = TAKE(text);
    return bytes;
}

static bool add_run(void *ctx, const struct run *run)
{
    struct run_sum *sum = ctx;
    struct live *l = sum->live;
    sum->lap->attempts++;
    sum->lap->model_us += run->spent_us;
    l->request_bytes += expanded_bytes(run->request, &sum->lap->request);
    l->request_packed += run->request ? (int64_t)run->request->bytes : 0;
    l->reply_bytes += expanded_bytes(run->reply, NULL);
    l->reply_packed += run->reply ? (int64_t)run->reply->bytes : 0;
    return true;
}

/* Windows do not end just when another's verdict has been committed, for whose sake a commit waits.
 */
static void rest(const struct live *l)
{
    nanosleep(&(struct timespec){.tv_nsec = 2 * l->store_conf.group_us * 1000}, NULL);
}

static void judge_one(struct live *l, const struct window *window)
{
    struct err err = {0};
    rest(l);
    struct lap *lap = &l->laps[l->count++];
    struct event *e = windows_event(window, &l->ids);
    struct uuid id = e->id;
    int64_t before_us = clock_mono_us(&clock_real);
    risk_judge(l->risk, e, window->context.zones, window->context.lines);
    store_put_event(l->store, e);
    wait_commit(l, &id, true);
    lap->total_us = clock_mono_us(&clock_real) - before_us;
    must(store_read_runs(l->reader, &id, add_run, &(struct run_sum){l, lap}, &err), &err);
}

/* What storing an event takes by itself: a verdict cannot be stored faster than two of these. As
 * far apart as the store likes its commits. */
static void commit_plain(struct live *l)
{
    for (int i = 0; i < COMMITS; i++) {
        rest(l);
        const struct window *window = l->windows.items[i % l->windows.count];
        struct event *e = windows_event(window, &l->ids);
        struct uuid id = e->id;
        e->verdict = (struct verdict){.score = 0, .scorer = "none", .reason_count = 1};
        int64_t before_us = clock_mono_us(&clock_real);
        store_put_event(l->store, e);
        wait_commit(l, &id, false);
        l->commits_us[i] = clock_mono_us(&clock_real) - before_us;
    }
}

/* --- the same without hsi --- */

static size_t pass_over(char *bytes, size_t size, size_t count, void *ctx)
{
    (void)bytes;
    (void)ctx;
    return size * count;
}

/* What the window before was asked: in the server's one slot is another's question, as it is for
 * hsi.
 */
static void ask_bare(struct live *l)
{
    struct lap *lap = &l->laps[l->count - 2];
    struct err err = {0};
    int64_t own_us = judge_stats(l->judge).own_us;
    int64_t cpu_before_us = cpu_us(CLOCK_THREAD_CPUTIME_ID);
    int64_t before_us = clock_mono_us(&clock_real);
    curl_easy_setopt(l->curl, CURLOPT_POSTFIELDSIZE, (long)lap->request->bytes);
    curl_easy_setopt(l->curl, CURLOPT_POSTFIELDS, (const char *)lap->request->data);
    CURLcode code = curl_easy_perform(l->curl);
    must(code == CURLE_OK ||
             err_set(&err, ERR_UNAVAILABLE, "libcurl: %s", curl_easy_strerror(code)),
         &err);
    lap->bare_us = clock_mono_us(&clock_real) - before_us;
    l->bare_cpu_us += cpu_us(CLOCK_THREAD_CPUTIME_ID) - cpu_before_us;
    l->idle_us += judge_stats(l->judge).own_us - own_us;
    l->bare_count++;
}

static void open_bare(struct live *l, const char *url)
{
    char address[300];
    snprintf(address, sizeof address, "%s/v1/chat/completions", url);
    l->curl = curl_easy_init();
    l->headers = curl_slist_append(NULL, "Content-Type: application/json");
    curl_easy_setopt(l->curl, CURLOPT_URL, address);
    curl_easy_setopt(l->curl, CURLOPT_HTTPHEADER, l->headers);
    curl_easy_setopt(l->curl, CURLOPT_WRITEFUNCTION, pass_over);
    /* llama-server ends it after a stream */
    curl_easy_setopt(l->curl, CURLOPT_FORBID_REUSE, 1L);
}

/* --- */

static void print(const struct live *l)
{
    int n = l->count;
    printf("{\"windows\": %d, \"laps\": [", n);
    for (int i = 0; i < n; i++)
        printf("%s[%lld, %lld, %lld, %d]", i ? ", " : "", (long long)l->laps[i].total_us,
               (long long)l->laps[i].model_us, (long long)l->laps[i].bare_us, l->laps[i].attempts);
    printf("], \"own_us\": %.1f, \"idle_us\": %.1f, \"bare_cpu_us\": %.1f", (double)l->own_us / n,
           (double)l->idle_us / MAX(1, l->bare_count),
           (double)l->bare_cpu_us / MAX(1, l->bare_count));
    printf(", \"commit_us\": [");
    for (int i = 0; i < COMMITS; i++)
        printf("%s%lld", i ? ", " : "", (long long)l->commits_us[i]);
    printf("]");
    printf(", \"request_bytes\": %lld, \"request_packed_bytes\": %lld",
           (long long)l->request_bytes / n, (long long)l->request_packed / n);
    printf(", \"reply_bytes\": %lld, \"reply_packed_bytes\": %lld}\n",
           (long long)l->reply_bytes / n, (long long)l->reply_packed / n);
}

int main(int argc, char **argv)
{
    if (argc != 7)
        return 2;
    struct live *l = NEW(struct live);
    l->ids.clock = &clock_real;
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->changed, NULL);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    windows_load(argv[3], CLAMP((int)strtol(argv[4], NULL, 10), 1, COUNT_MAX), &l->windows);
    open_rooms(l, argv[1], argv[2]);
    open_bare(l, argv[2]);
    wait_server(l);
    commit_plain(l);
    judge_one(l, l->windows.items[0]); /* what the first one finds cold does not count */
    l->count = 0;
    l->request_bytes = l->request_packed = l->reply_bytes = l->reply_packed = 0;
    blob_unref(&l->laps[0].request);
    l->laps[0] = (struct lap){0};
    bool bare = strcmp(argv[6], "bare") == 0;
    int64_t end_us = clock_mono_us(&clock_real) + strtol(argv[5], NULL, 10) * US_PER_S;
    while (l->count < l->windows.count && clock_mono_us(&clock_real) < end_us) {
        int64_t own_us = judge_stats(l->judge).own_us;
        judge_one(l, l->windows.items[l->count]);
        l->own_us += judge_stats(l->judge).own_us - own_us;
        if (bare && l->count > 1)
            ask_bare(l);
    }
    print(l);
    curl_slist_free_all(l->headers);
    curl_easy_cleanup(l->curl);
    judge_stop(&l->judge);
    risk_close(&l->risk);
    store_reader_close(&l->reader);
    store_close(&l->store);
    return 0;
}
