/* What the risk stage costs for each window, without a model: processor time of its steps beside
 * libraries that do the same to the same bytes, and of storing it beside bare SQLite. Every round
 * does all of it in turn; prints JSON: microseconds a window, one number a round.
 *
 *     bench_risk_cost DIR SET.jsonl ROUNDS      DIR: empty, for databases */
#include "risk/llm/prompt.h"
#include "store/store.h"
#include "windows.h"

#include <jansson.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <zstd.h>

#define WINDOWS_MAX 1000
#define ROUNDS_MAX  50

enum step {
    STEP_SCORE,
    STEP_WRITE,
    STEP_PACK,
    STEP_JUDGE, /* the three above, baselines and all else: what the risk thread does */
    STEP_PROMPT,
    STEP_JANSSON_READ,
    STEP_JANSSON_WRITE,
    STEP_ZSTD,
    STEP_STORE_PLAIN,  /* events alone */
    STEP_STORE_WINDOW, /* with window and job */
    STEP_SQLITE,       /* the event's JSON and the packed window as one row */
    STEP_COUNT,
};
static const char *const step_names[STEP_COUNT] = {
    "score",         "write", "pack",        "judge",        "prompt", "jansson_read",
    "jansson_write", "zstd",  "store_plain", "store_window", "sqlite"};

struct bytes {
    int64_t window, packed, event, request, request_packed;
    int64_t file_plain, file_window, file_sqlite; /* of the databases */
};

struct cost {
    const char *dir;
    struct windows windows;
    struct uuid_gen ids;
    struct log_sink *sink;
    struct risk_conf conf;
    struct scorer *scorer;
    struct risk *risk;
    ZSTD_CCtx *zstd;
    int round;
    double us[STEP_COUNT][ROUNDS_MAX]; /* for each window */
    struct bytes bytes;
    /* of each window */
    struct event **events; /* with verdict and window */
    struct json *texts, *jsons;
    json_t **trees;
};

static int64_t cpu_us(clockid_t which)
{
    struct timespec now;
    clock_gettime(which, &now);
    return (int64_t)now.tv_sec * US_PER_S + now.tv_nsec / 1000;
}

static void keep(struct cost *c, enum step step, int64_t since_us, clockid_t which)
{
    c->us[step][c->round] = (double)(cpu_us(which) - since_us) / c->windows.count;
}

/* --- the stage's own steps --- */

static bool model_is_known(void *ctx)
{
    (void)ctx;
    return true;
}

static void measure_steps(struct cost *c)
{
    static const uint8_t no_hash[32];
    struct err err = {0};
    int count = c->windows.count;
    struct window **w = c->windows.items;
    int64_t at_us = cpu_us(CLOCK_THREAD_CPUTIME_ID);
    for (int i = 0; i < count; i++)
        must(scorer_score(c->scorer, c->events[i], &w[i]->context, &c->events[i]->verdict, &err),
             &err);
    keep(c, STEP_SCORE, at_us, CLOCK_THREAD_CPUTIME_ID);
    for (int i = 0; i < count; i++)
        json_reset(&c->texts[i]);
    at_us = cpu_us(CLOCK_THREAD_CPUTIME_ID);
    for (int i = 0; i < count; i++)
        window_json(&c->texts[i], c->events[i], &w[i]->context, c->events[i]->verdict.scorer,
                    no_hash, w[i]->timezone);
    keep(c, STEP_WRITE, at_us, CLOCK_THREAD_CPUTIME_ID);
    for (int i = 0; i < count; i++)
        blob_unref(&c->events[i]->window);
    at_us = cpu_us(CLOCK_THREAD_CPUTIME_ID);
    for (int i = 0; i < count; i++)
        c->events[i]->window = blob_compress(c->texts[i].text, c->texts[i].bytes);
    keep(c, STEP_PACK, at_us, CLOCK_THREAD_CPUTIME_ID);
}

static void measure_judge(struct cost *c)
{
    int count = c->windows.count;
    struct event **copies = xcalloc((size_t)count, sizeof *copies);
    for (int i = 0; i < count; i++)
        copies[i] = windows_event(c->windows.items[i], &c->ids);
    int64_t at_us = cpu_us(CLOCK_THREAD_CPUTIME_ID);
    for (int i = 0; i < count; i++)
        risk_judge(c->risk, copies[i], c->windows.items[i]->context.zones,
                   c->windows.items[i]->context.lines);
    keep(c, STEP_JUDGE, at_us, CLOCK_THREAD_CPUTIME_ID);
    for (int i = 0; i < count; i++)
        event_unref(&copies[i]);
    free(copies);
}

/* What the llm thread makes of a stored window before it asks. */
static void measure_prompt(struct cost *c)
{
    struct evidence_list *evidence = NEW(struct evidence_list);
    struct json body;
    json_init(&body);
    c->bytes.request = c->bytes.request_packed = 0;
    int64_t at_us = cpu_us(CLOCK_THREAD_CPUTIME_ID), aside_us = 0;
    for (int i = 0; i < c->windows.count; i++) {
        evidence_gather(c->windows.items[i], evidence);
        json_reset(&body);
        prompt_json(&body, &(struct prompt_params){.window = c->windows.items[i],
                                                   .evidence = evidence,
                                                   .cache = true,
                                                   .max_tokens = REPLY_TOKENS_MAX});
        int64_t before_us = cpu_us(CLOCK_THREAD_CPUTIME_ID);
        AUTO(blob_unref) struct blob *packed = blob_compress(body.text, body.bytes);
        c->bytes.request += (int64_t)body.bytes;
        c->bytes.request_packed += (int64_t)packed->bytes;
        aside_us += cpu_us(CLOCK_THREAD_CPUTIME_ID) - before_us;
    }
    keep(c, STEP_PROMPT, at_us + aside_us, CLOCK_THREAD_CPUTIME_ID);
    json_done(&body);
    free(evidence);
}

/* --- beside it: libraries that read, write and pack the same --- */

static void measure_libraries(struct cost *c)
{
    int count = c->windows.count;
    for (int i = 0; i < count; i++) {
        json_decref(c->trees[i]);
        c->trees[i] = NULL;
    }
    int64_t at_us = cpu_us(CLOCK_THREAD_CPUTIME_ID);
    for (int i = 0; i < count; i++)
        c->trees[i] = json_loadb(c->texts[i].text, c->texts[i].bytes, 0, NULL);
    keep(c, STEP_JANSSON_READ, at_us, CLOCK_THREAD_CPUTIME_ID);
    at_us = cpu_us(CLOCK_THREAD_CPUTIME_ID);
    for (int i = 0; i < count; i++)
        free(json_dumps(c->trees[i], JSON_COMPACT));
    keep(c, STEP_JANSSON_WRITE, at_us, CLOCK_THREAD_CPUTIME_ID);
    at_us = cpu_us(CLOCK_THREAD_CPUTIME_ID);
    c->bytes.window = c->bytes.packed = 0;
    for (int i = 0; i < count; i++) {
        size_t room = ZSTD_compressBound(c->texts[i].bytes);
        char *packed = xcalloc(1, room);
        c->bytes.packed += (int64_t)ZSTD_compressCCtx(c->zstd, packed, room, c->texts[i].text,
                                                      c->texts[i].bytes, ZSTD_CLEVEL_DEFAULT);
        c->bytes.window += (int64_t)c->texts[i].bytes;
        free(packed);
    }
    keep(c, STEP_ZSTD, at_us, CLOCK_THREAD_CPUTIME_ID);
}

/* --- storing --- */

static void path_of(const struct cost *c, const char *what, char *out, size_t bytes)
{
    snprintf(out, bytes, "%s/%s-%d", c->dir, what, c->round);
}

static int64_t file_bytes(const char *path)
{
    struct stat st = {0};
    return stat(path, &st) == 0 ? (int64_t)st.st_size : 0;
}

/* Of the whole process, which is waiting for the store's thread: events as they come, commits as
 * they go, until all is on disk. */
static void measure_store(struct cost *c, enum step step, bool with_window, int64_t *ret_bytes)
{
    struct err err = {0};
    char path[300];
    struct store *store;
    struct store_conf conf;
    opt_defaults(&store_section, &conf);
    path_of(c, step_names[step], path, sizeof path);
    STR_COPY(conf.path, path);
    struct store_params params = {.conf = &conf, .clock = &clock_real, .log = log_root(c->sink)};
    must(store_open(&params, &store, &err), &err);
    struct event **copies = xcalloc((size_t)c->windows.count, sizeof *copies);
    for (int i = 0; i < c->windows.count; i++) {
        copies[i] = windows_event(c->windows.items[i], &c->ids);
        copies[i]->verdict = c->events[i]->verdict;
        if (with_window) {
            copies[i]->window = blob_ref(c->events[i]->window);
            copies[i]->ask = ASK_QUEUED;
        }
    }
    store_flush(store);
    int64_t at_us = cpu_us(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 0; i < c->windows.count; i++)
        store_put_event(store, copies[i]);
    store_flush(store);
    keep(c, step, at_us, CLOCK_PROCESS_CPUTIME_ID);
    free(copies);
    store_close(&store);
    strncat(path, "/hsi.db", sizeof path - strlen(path) - 1);
    *ret_bytes = file_bytes(path);
}

static void sqlite_must(sqlite3 *db, bool ok)
{
    struct err err = {0};
    must(ok || err_set(&err, ERR_UNAVAILABLE, "sqlite: %s", sqlite3_errmsg(db)), &err);
}

/* A row with the same bytes, eight to a transaction; kept as safely. */
static void measure_sqlite(struct cost *c)
{
    char path[300];
    sqlite3 *db;
    sqlite3_stmt *insert;
    path_of(c, "sqlite", path, sizeof path);
    sqlite_must(db, sqlite3_open(path, &db) == SQLITE_OK);
    sqlite_must(db, sqlite3_exec(db,
                                 "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                                 "CREATE TABLE event (id BLOB PRIMARY KEY, json TEXT, window BLOB)",
                                 NULL, NULL, NULL) == SQLITE_OK);
    sqlite_must(db, sqlite3_prepare_v2(db, "INSERT INTO event VALUES (?, ?, ?)", -1, &insert,
                                       NULL) == SQLITE_OK);
    int64_t at_us = cpu_us(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 0; i < c->windows.count; i++) {
        const struct blob *window = c->events[i]->window;
        if (i % 8 == 0)
            sqlite_must(db, sqlite3_exec(db, "BEGIN", NULL, NULL, NULL) == SQLITE_OK);
        sqlite3_bind_blob(insert, 1, c->events[i]->id.bytes, 16, SQLITE_STATIC);
        sqlite3_bind_text(insert, 2, c->jsons[i].text, (int)c->jsons[i].bytes, SQLITE_STATIC);
        sqlite3_bind_blob(insert, 3, window->data, (int)window->bytes, SQLITE_STATIC);
        sqlite_must(db, sqlite3_step(insert) == SQLITE_DONE);
        sqlite3_reset(insert);
        if (i % 8 == 7 || i + 1 == c->windows.count)
            sqlite_must(db, sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK);
    }
    keep(c, STEP_SQLITE, at_us, CLOCK_PROCESS_CPUTIME_ID);
    sqlite3_finalize(insert);
    sqlite3_close(db);
    c->bytes.file_sqlite = file_bytes(path);
}

/* --- */

static void begin(struct cost *c)
{
    struct err err = {0};
    size_t count = (size_t)c->windows.count;
    opt_defaults(&risk_section, &c->conf);
    c->sink = log_sink_new(2, LOG_ERROR, &clock_real);
    must(scorer_open(&scorer_rules, &c->conf, &c->scorer, &err), &err);
    struct risk_params params = {
        .conf = &c->conf, .log = log_root(c->sink), .model_known = model_is_known};
    must(risk_open(&params, &c->risk, &err), &err);
    c->zstd = ZSTD_createCCtx();
    c->events = xcalloc(count, sizeof *c->events);
    c->texts = xcalloc(count, sizeof *c->texts);
    c->jsons = xcalloc(count, sizeof *c->jsons);
    c->trees = xcalloc(count, sizeof *c->trees);
    for (size_t i = 0; i < count; i++) {
        c->events[i] = windows_event(c->windows.items[i], &c->ids);
        json_init(&c->texts[i]);
        json_init(&c->jsons[i]);
    }
    measure_steps(c); /* also gives every window its verdict */
    for (size_t i = 0; i < count; i++) {
        c->windows.items[i]->event->verdict = c->events[i]->verdict;
        event_json(&c->jsons[i], NULL, c->events[i]);
        c->bytes.event += (int64_t)c->jsons[i].bytes;
    }
}

static void print(const struct cost *c, int rounds)
{
    const struct bytes *b = &c->bytes;
    int n = c->windows.count;
    printf("{\"windows\": %d", n);
    for (int s = 0; s < STEP_COUNT; s++) {
        printf(", \"%s_us\": [", step_names[s]);
        for (int r = 0; r < rounds; r++)
            printf("%s%.2f", r ? ", " : "", c->us[s][r]);
        printf("]");
    }
    printf(", \"window_bytes\": %lld, \"packed_bytes\": %lld, \"event_bytes\": %lld",
           (long long)b->window / n, (long long)b->packed / n, (long long)b->event / n);
    printf(", \"request_bytes\": %lld, \"request_packed_bytes\": %lld", (long long)b->request / n,
           (long long)b->request_packed / n);
    printf(
        ", \"file_plain_bytes\": %lld, \"file_window_bytes\": %lld, \"file_sqlite_bytes\": %lld}\n",
        (long long)b->file_plain / n, (long long)b->file_window / n, (long long)b->file_sqlite / n);
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    struct cost *c = NEW(struct cost);
    c->ids.clock = &clock_real;
    c->dir = argv[1];
    int rounds = CLAMP((int)strtol(argv[3], NULL, 10), 1, ROUNDS_MAX);
    windows_load(argv[2], WINDOWS_MAX, &c->windows);
    begin(c);
    for (c->round = 0; c->round < rounds; c->round++) {
        measure_steps(c);
        measure_libraries(c);
        measure_judge(c);
        measure_prompt(c);
        measure_store(c, STEP_STORE_PLAIN, false, &c->bytes.file_plain);
        measure_store(c, STEP_STORE_WINDOW, true, &c->bytes.file_window);
        measure_sqlite(c);
    }
    print(c, rounds);
    return 0; /* the end of the program frees what it took */
}
