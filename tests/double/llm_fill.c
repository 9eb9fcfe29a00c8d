/* Fills a store with the windows of an evaluation set, scored by the rules, as events that ask a
 * language model; and says what that cost.
 *
 *     llm_fill DIR SET.jsonl COUNT [unhashed]
 *
 * unhashed: as programs did that did not say by which text of rules they scored. */
#include "risk/risk.h"
#include "risk/window.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct fill {
    struct uuid_gen ids;
    struct store *store;
    struct scorer *scorer;
    uint8_t rules_sha256[32];
    int64_t score_us, write_us, pack_us, put_us; /* CPU time of this thread */
    int64_t json_bytes, packed_bytes;
    int count;
};

static void check(bool ok, const struct err *err)
{
    if (ok)
        return;
    fprintf(stderr, "llm_fill: %s\n", err->msg);
    exit(2);
}

static int64_t cpu_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * US_PER_S + now.tv_nsec / 1000;
}

static void lap(int64_t *total_us, int64_t *since_us)
{
    int64_t now_us = cpu_us();
    *total_us += now_us - *since_us;
    *since_us = now_us;
}

static void put_line(struct fill *f, const char *line, size_t bytes)
{
    struct err err = {0};
    AUTO(window_free) struct window *window = NULL;
    struct window_label label;
    check(window_parse_line(line, bytes, &window, &label, &err), &err);
    setenv("TZ", window->timezone, 1);
    tzset();
    struct event *e = event_copy(window->event);
    e->id = uuid7_new(&f->ids);
    e->state = EVENT_CLOSED;
    e->close_reason = CLOSE_QUIET;
    int64_t at_us = cpu_us();
    check(scorer_score(f->scorer, e, &window->context, &e->verdict, &err), &err);
    lap(&f->score_us, &at_us);
    AUTO(json_done) struct json j;
    json_init(&j);
    window_json(&j, e, &window->context, e->verdict.scorer, f->rules_sha256, window->timezone);
    lap(&f->write_us, &at_us);
    e->window = blob_compress(j.text, j.bytes);
    lap(&f->pack_us, &at_us);
    f->json_bytes += (int64_t)j.bytes;
    f->packed_bytes += (int64_t)e->window->bytes;
    e->ask = ASK_QUEUED;
    store_put_event(f->store, e);
    lap(&f->put_us, &at_us);
    f->count++;
}

static void print(const struct fill *f)
{
    printf("{\"windows\": %d, \"score_us\": %.2f, \"write_us\": %.2f, \"pack_us\": %.2f, "
           "\"put_us\": %.2f, \"json_bytes\": %.0f, \"packed_bytes\": %.0f}\n",
           f->count, (double)f->score_us / f->count, (double)f->write_us / f->count,
           (double)f->pack_us / f->count, (double)f->put_us / f->count,
           (double)f->json_bytes / f->count, (double)f->packed_bytes / f->count);
}

int main(int argc, char **argv)
{
    bool unhashed = argc == 5 && strcmp(argv[4], "unhashed") == 0;
    if (argc != 4 && !unhashed)
        return 2;
    struct err err = {0};
    struct fill f = {.ids = {.clock = &clock_real}};
    struct store_conf store_conf;
    struct risk_conf risk_conf;
    opt_defaults(&store_section, &store_conf);
    opt_defaults(&risk_section, &risk_conf);
    STR_COPY(store_conf.path, argv[1]);
    struct log_sink *sink = log_sink_new(2, LOG_WARN, &clock_real);
    check(scorer_open(&scorer_rules, &risk_conf, &f.scorer, &err), &err);
    if (!unhashed)
        scorer_sha256(f.scorer, f.rules_sha256);
    struct store_params params = {.conf = &store_conf, .clock = &clock_real, .log = log_root(sink)};
    check(store_open(&params, &f.store, &err), &err);
    FILE *set = fopen(argv[2], "re");
    check(set != NULL, &(struct err){.msg = "cannot open the set"});
    char *line = NULL;
    size_t room = 0;
    ssize_t bytes;
    int most = (int)strtol(argv[3], NULL, 10);
    while (f.count < most && (bytes = getline(&line, &room, set)) > 1)
        put_line(&f, line, (size_t)bytes - 1);
    free(line);
    fclose(set);
    store_flush(f.store);
    store_close(&f.store);
    scorer_close(&f.scorer);
    log_sink_free(&sink);
    print(&f);
    opt_free(&risk_section, &risk_conf);
    return 0;
}
