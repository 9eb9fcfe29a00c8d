/* A house with a queue for whoever plays the model server: the real store and the real worker, and
 * events that are made up. Obeys one command a line, answers one line of JSON:
 *
 *     put COUNT [now]   events with windows; now: urgent
 *     pass SECONDS      the queue's time, and the store's, move on
 *     stats             the worker's, the queue's, and what the process holds
 *     stop, start       the worker; tells how long it took
 *     once              one question, without the queue
 *     requeue           all dead letters
 *     reopen            worker and store, as a restart does
 *
 *     llm_house DIR [OPTION=VALUE ...]   of risk.llm */
#include "base/process.h"
#include "risk/llm/judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct warp_clock {
    struct clock clock;
    atomic_llong ahead_us;
};

struct house {
    struct llm_conf conf;
    struct store_conf store_conf;
    struct warp_clock clock;
    struct uuid_gen ids;
    struct log_sink *sink;
    struct bus *bus;
    struct store *store;
    struct store_reader *reader;
    struct judge *judge;
    int made;
};

static int64_t warp_mono_us(const struct clock *clock)
{
    return clock_mono_us(&clock_real) + atomic_load(&((const struct warp_clock *)clock)->ahead_us);
}

static int64_t warp_wall_us(const struct clock *clock)
{
    return clock_wall_us(&clock_real) + atomic_load(&((const struct warp_clock *)clock)->ahead_us);
}

static void check(bool ok, const struct err *err)
{
    if (ok)
        return;
    fprintf(stderr, "llm_house: %s\n", err->msg);
    exit(2);
}

static void start(struct house *h)
{
    struct err err = {0};
    check(judge_start(&(struct judge_params){.conf = &h->conf,
                                             .store = h->store,
                                             .bus = h->bus,
                                             .ids = &h->ids,
                                             .clock = &h->clock.clock,
                                             .log = log_root(h->sink)},
                      &h->judge, &err),
          &err);
}

static void open_store(struct house *h)
{
    struct err err = {0};
    check(store_open(&(struct store_params){.conf = &h->store_conf,
                                            .clock = &h->clock.clock,
                                            .log = log_root(h->sink),
                                            .bus = h->bus},
                     &h->store, &err) &&
              store_reader_open(h->store, &h->reader, &err),
          &err);
}

static void close_store(struct house *h)
{
    store_reader_close(&h->reader);
    store_close(&h->store);
}

/* --- events --- */

static void put_window(struct event *event)
{
    static const struct zone_conf door = {.name = "front door", .kind = ZONE_ENTRY};
    const struct opt_map zones = {1, (void *)(uintptr_t)&door}, lines = {0};
    const struct risk_context context = {.zones = &zones, .lines = &lines};
    uint8_t sha256[32] = {0};
    AUTO(json_done) struct json j;
    json_init(&j);
    window_json(&j, event, &context, "rules 1", sha256, "UTC");
    event->window = blob_compress(j.text, j.bytes);
}

static struct event *make(struct house *h)
{
    struct event *e = event_new();
    e->id = uuid7_new(&h->ids);
    STR_COPY(e->camera_name, "porch");
    e->state = EVENT_CLOSED;
    e->close_reason = CLOSE_QUIET;
    e->end_us = 9 * US_PER_S;
    e->wall_start_us = clock_wall_us(&h->clock.clock);
    e->wall_end_us = e->wall_start_us + e->end_us;
    e->track_count = 1 + h->made % 3;
    for (int i = 0; i < e->track_count; i++) {
        struct track *t = &e->tracks[i];
        t->id = uuid7_new(&h->ids);
        STR_COPY(t->label, i % 2 ? "dog" : "person");
        t->confidence = 0.9f;
        t->growth = 1;
        t->first = (struct sighting){0, e->wall_start_us, {0.1f, 0.2f, 0.3f, 0.6f}, 0.5f};
        t->last = (struct sighting){e->end_us, e->wall_end_us, {0.2f, 0.2f, 0.4f, 0.6f}, 0.9f};
        t->best = t->last;
        t->zones[0].seen = true;
        STR_COPY(t->zones[0].name, "front door");
        t->zones[0].dwell_us = (1 + h->made % 7) * US_PER_S;
        t->zones[0].entered = t->first;
    }
    e->verdict.score = 10 + h->made * 7 % 80;
    STR_COPY(e->verdict.scorer, "rules 1");
    STR_COPY(e->verdict.summary, "a person at the front door");
    e->verdict.reason_count = 1;
    struct reason *r = &e->verdict.reasons[0];
    STR_COPY(r->rule, "at-entry");
    STR_COPY(r->text, "a person was at the front door");
    r->points = e->verdict.score;
    r->track = e->tracks[0].id;
    r->at = e->tracks[0].first;
    h->made++;
    put_window(e);
    return e;
}

static void put(struct house *h, int ask)
{
    struct event *e = make(h);
    e->ask = ask;
    store_put_event(h->store, e);
}

/* --- answers --- */

static void print(struct json *j)
{
    puts(j->text);
    fflush(stdout);
}

static void tell_time(const char *what, int64_t since_us)
{
    AUTO(json_done) struct json j;
    json_init(&j);
    json_begin_object(&j, NULL);
    json_double(&j, what, (double)(clock_mono_us(&clock_real) - since_us) / US_PER_S, 6);
    json_end_object(&j);
    print(&j);
}

static void tell_stats(struct house *h)
{
    struct err err = {0};
    struct job_counts counts;
    check(store_count_jobs(h->reader, &counts, &err), &err);
    struct judge_stats stats = {0};
    if (h->judge)
        stats = judge_stats(h->judge);
    struct process_usage usage = process_usage();
    AUTO(json_done) struct json j;
    json_init(&j);
    json_begin_object(&j, NULL);
    json_int(&j, "waiting", counts.waiting);
    json_int(&j, "dead", counts.dead);
    judge_stats_json(&j, "judge", &stats);
    json_int(&j, "threads", usage.threads);
    json_int(&j, "descriptors", usage.descriptors);
    json_int(&j, "bytes", usage.anonymous_bytes);
    json_end_object(&j);
    print(&j);
}

static struct window *open_window(const struct event *event)
{
    struct err err = {0};
    AUTO(blob_unref) struct blob *text = NULL;
    struct window *window = NULL;
    check(blob_expand(event->window->data, event->window->bytes, WINDOW_BYTES_MAX, &text, &err) &&
              window_parse((const char *)text->data, text->bytes, &window, &err),
          &err);
    return window;
}

static void ask_once(struct house *h)
{
    static const char *const ends[] = {"judged", "unreachable", "hopeless"};
    struct err err = {0};
    AUTO(judge_once_close) struct judge_once *once = NULL;
    AUTO(json_done) struct json j;
    json_init(&j);
    json_begin_object(&j, NULL);
    if (judge_once_open(&h->conf, &h->ids, log_root(h->sink), &once, &err)) {
        AUTO(event_unref) struct event *event = make(h);
        AUTO(window_free) struct window *window = open_window(event);
        AUTO(free_ptr) struct inquiry_result *result = NEW(struct inquiry_result);
        judge_once_ask(once, window, NULL, 0, result);
        json_text(&j, "end", ends[result->end]);
        json_text(&j, "state", judgement_state_names[result->judgement.state]);
        json_text(&j, "reason", result->judgement.reason);
        json_int(&j, "runs", result->run_count);
        inquiry_result_done(result);
    } else {
        json_text(&j, "error", err.msg);
    }
    json_end_object(&j);
    print(&j);
}

static bool obey(struct house *h, const char *line)
{
    int64_t now_us = clock_mono_us(&clock_real);
    int count = 0;
    char what[8] = "";
    if (sscanf(line, "put %d %7s", &count, what) >= 1) {
        while (count-- > 0)
            put(h, what[0] ? ASK_NOW : ASK_QUEUED);
        store_flush(h->store);
    } else if (sscanf(line, "pass %d", &count) == 1) {
        store_flush(h->store);
        atomic_fetch_add(&h->clock.ahead_us, count * US_PER_S);
    } else if (strcmp(line, "stats\n") == 0) {
        tell_stats(h);
        return true;
    } else if (strcmp(line, "once\n") == 0) {
        ask_once(h);
        return true;
    } else if (strcmp(line, "stop\n") == 0) {
        judge_stop(&h->judge);
    } else if (strcmp(line, "start\n") == 0) {
        start(h);
    } else if (strcmp(line, "requeue\n") == 0) {
        store_requeue(h->store, &(struct uuid){0});
        store_flush(h->store);
    } else if (strcmp(line, "reopen\n") == 0) {
        judge_stop(&h->judge);
        close_store(h);
        open_store(h);
        start(h);
    } else {
        return false;
    }
    tell_time("took_s", now_us);
    return true;
}

static void set_option(struct llm_conf *conf, char *text)
{
    struct err err = {.msg = "wants NAME=VALUE of risk.llm"};
    char *value = strchr(text, '=');
    check(value != NULL, &err);
    *value++ = '\0';
    size_t base = 0;
    const struct opt *row = opt_find(&llm_section, text, &base);
    check(row && opt_parse(row, (char *)conf + base, value, &err), &err);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    struct house h = {.clock = {.clock = {warp_mono_us, warp_wall_us}}};
    process_keep_lean();
    opt_defaults(&llm_section, &h.conf);
    opt_defaults(&store_section, &h.store_conf);
    STR_COPY(h.store_conf.path, argv[1]);
    for (int i = 2; i < argc; i++)
        set_option(&h.conf, argv[i]);
    h.ids.clock = &h.clock.clock;
    h.sink = log_sink_new(2, LOG_DEBUG, &h.clock.clock);
    h.bus = bus_new();
    open_store(&h);
    start(&h);
    char line[256];
    bool ok = true;
    while (ok && fgets(line, sizeof line, stdin))
        ok = obey(&h, line);
    judge_stop(&h.judge);
    close_store(&h);
    bus_free(&h.bus);
    log_sink_free(&h.sink);
    return ok ? 0 : 2;
}
