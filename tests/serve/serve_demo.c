/* A server to develop the page against: the real web server and the real store, a made-up camera
 * and made-up events. Not a test. serve_demo PORT DIRECTORY [SECONDS] */
#include "model/picture.h"
#include "risk/llm/judge.h"
#include "serve/serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CAMERAS 2

struct demo {
    struct clock clock;
    struct uuid_gen ids;
    struct store *store;
    struct bus *bus;
    struct store_reader *reader; /* of the serve thread */
};

static const char *const camera_names[CAMERAS] = {"porch", "driveway"};

static int camera_count(void *ctx)
{
    (void)ctx;
    return CAMERAS;
}

static void camera_json(void *ctx, int camera, struct json *out)
{
    (void)ctx;
    json_begin_object(out, NULL);
    json_text(out, "name", camera_names[camera]);
    json_text(out, "state", camera == 0 ? "online" : "retrying");
    json_text(out, "reason", camera == 0 ? NULL : "connection refused");
    json_int(out, "width", 1280);
    json_int(out, "height", 720);
    json_double(out, "fps", 15, 1);
    json_end_object(out);
}

static int camera_index(void *ctx, const char *name)
{
    (void)ctx;
    for (int i = 0; i < CAMERAS; i++)
        if (strcmp(camera_names[i], name) == 0)
            return i;
    return -1;
}

/* A grey street with a lighter block walking through it. */
static struct frame *paint(int64_t tick, struct box person)
{
    struct frame *f = frame_alloc(1280, 720);
    for (int y = 0; y < 720; y++) {
        uint8_t *row = frame_plane_w(f, 0) + (size_t)y * (size_t)f->stride[0];
        for (int x = 0; x < 1280; x++)
            row[x] = (uint8_t)(y < 300 ? 150 - y / 6 : 70 + (x + y) % 40 / 4);
    }
    for (int p = 1; p < 3; p++)
        memset(frame_plane_w(f, p), p == 1 ? 132 : 124, (size_t)f->stride[p] * 360);
    for (int y = (int)(person.y0 * 720); y < (int)(person.y1 * 720); y++)
        memset(frame_plane_w(f, 0) + (size_t)y * (size_t)f->stride[0] + (int)(person.x0 * 1280),
               200, (size_t)((person.x1 - person.x0) * 1280));
    f->seq = tick;
    f->arrived_us = tick;
    return f;
}

static struct box person_at(int64_t tick)
{
    float x = (float)(tick % 80) / 100;
    return (struct box){x, 0.35f, x + 0.08f, 0.85f};
}

static struct frame *camera_frame(void *ctx, int camera, struct detections *ret)
{
    (void)ctx;
    if (camera != 0)
        return NULL;
    int64_t tick = clock_mono_us(&clock_real) / 200000;
    ret->count = 1;
    ret->items[0] = (struct detection){.box = person_at(tick), .score = 0.91f, .label = "person"};
    return paint(tick, person_at(tick));
}

/* The queue is the store's; nobody works on it. */
static void put_model(struct demo *d, struct json *out)
{
    struct job_counts counts = {0};
    struct judge_stats stats = {
        .server = {.state = SERVER_READY, .slots = 2, .context = 16384, .enforces_schema = true},
        .judged = 3,
        .failed = 1,
        .prompt_tokens = 9000,
        .cached_tokens = 7200,
        .reply_tokens = 700,
        .spent_us = 12 * US_PER_S,
    };
    STR_COPY(stats.server.model, "made-up-4b <i>Q4</i>");
    STR_COPY(stats.server.url, "http://127.0.0.1:8080");
    STR_COPY(stats.server.kind, "llama.cpp");
    if ((d->reader || store_reader_open(d->store, &d->reader, NULL)) &&
        store_count_jobs(d->reader, &counts, NULL)) {
        stats.waiting = counts.waiting;
        stats.dead = counts.dead;
    }
    judge_stats_json(out, "language_model", &stats);
}

static void put_shadow(struct json *out)
{
    json_begin_object(out, "shadow_rules");
    json_text(out, "file", "quieter.yaml");
    json_int(out, "events", 40);
    json_int(out, "raised", 2);
    json_int(out, "lowered", 5);
    json_int(out, "alarms_added", 0);
    json_int(out, "alarms_removed", 3);
    json_end_object(out);
}

static void system_json(void *ctx, struct json *out)
{
    put_model(ctx, out);
    put_shadow(out);
    json_text(out, "version", HSI_VERSION);
    json_int(out, "uptime_s", 1);
    json_begin_object(out, "detector");
    json_text(out, "name", "motion only");
    json_text(out, "backend", "none");
    json_text(out, "reason", "no model configured");
    json_text(out, "note", NULL);
    json_end_object(out);
}

static bool ready(void *ctx)
{
    (void)ctx;
    return true;
}

static void put_reason(struct event *e, const char *rule, int points, const char *text)
{
    struct reason *r = &e->verdict.reasons[e->verdict.reason_count++];
    STR_COPY(r->rule, rule);
    STR_COPY(r->text, text);
    r->points = points;
    r->track = e->tracks[0].id;
    r->at = e->tracks[0].first;
}

static void put_track(struct demo *d, struct event *e, const char *label, int64_t wall_us)
{
    struct track *t = &e->tracks[e->track_count++];
    t->id = uuid7_new(&d->ids);
    STR_COPY(t->label, label);
    t->confidence = 0.91f;
    t->first = (struct sighting){e->start_us, wall_us, person_at(20), 0.8f};
    t->best = (struct sighting){e->start_us + 3 * US_PER_S, wall_us + 3 * US_PER_S, person_at(30),
                                0.9f};
    t->last = (struct sighting){e->end_us, wall_us + e->end_us - e->start_us, person_at(60), 0.7f};
    t->zones[0] = (struct zone_visit){.seen = true, .inside = false, .dwell_us = 7400 * US_PER_MS};
    STR_COPY(t->zones[0].name, "front door");
    t->picture = paint(30, person_at(30));
}

static struct event *make_event(struct demo *d, int n, int64_t ago_s, int score)
{
    static const char *const summaries[] = {
        "A person stayed at the front door for 7 seconds after dark",
        "A car came up the driveway and stopped", "A cat crossed the yard",
        "Two people came close to the restricted pool area outside the hours set"};
    int64_t wall_us = clock_wall_us(&clock_real) - ago_s * US_PER_S;
    struct event *e = event_new();
    e->id = uuid7_new(&d->ids);
    e->camera = n % 2;
    STR_COPY(e->camera_name, camera_names[n % 2]);
    e->start_us = 100 * US_PER_S;
    e->end_us = e->start_us + (12 + n) * US_PER_S;
    e->wall_start_us = wall_us;
    e->wall_end_us = wall_us + (12 + n) * US_PER_S;
    put_track(d, e, n % 4 == 1 ? "car" : n % 4 == 2 ? "cat" : "person", wall_us);
    if (n % 4 == 3)
        put_track(d, e, "person", wall_us + US_PER_S);
    e->verdict.score = score;
    STR_COPY(e->verdict.scorer, "rules 1");
    STR_COPY(e->verdict.summary, summaries[n % 4]);
    put_reason(e, "person", 10, "person was seen");
    put_reason(e, "at-entry", 25, "person was at a way in: front door");
    put_reason(e, "night", 15, "it was after dark (22:41)");
    put_reason(e, "known-hours", -5, "somebody is usually at home at this time");
    put_reason(e, "dwell", 20, "person stayed 7.4 s, longer than the 5 s that is usual here");
    put_reason(e, "place", score - 65, "somebody was seen where that counts so much");
    return e;
}

static void put_closed(struct demo *d, int n, int64_t ago_s, int score)
{
    struct event *e = make_event(d, n, ago_s, score);
    store_put_event(d->store, event_ref(e));
    struct event *closed = event_copy(e);
    event_unref(&e);
    closed->revision = 1;
    closed->state = EVENT_CLOSED;
    closed->close_reason = CLOSE_QUIET;
    store_put_event(d->store, closed);
}

/* --- what a language model made of some of them --- */

static struct event *put_asking(struct demo *d, int n, int64_t ago_s, int score)
{
    struct event *e = make_event(d, n, ago_s, score);
    struct event *closed = event_copy(e);
    store_put_event(d->store, e);
    closed->revision = 1;
    closed->state = EVENT_CLOSED;
    closed->close_reason = CLOSE_QUIET;
    closed->ask = ASK_QUEUED;
    closed->window = blob_compress("window", 6);
    store_put_event(d->store, event_ref(closed));
    return closed;
}

static struct claim make_claim(const struct event *e, int track, const char *text)
{
    struct claim claim = {.evidence_count = 2};
    STR_COPY(claim.text, text);
    claim.evidence[0] = (struct evidence){.track = e->tracks[track].id,
                                          .at = e->tracks[track].last};
    STR_COPY(claim.evidence[0].zone, "front door");
    claim.evidence[1] = (struct evidence){.at = e->tracks[0].first};
    STR_COPY(claim.evidence[1].rule, "night");
    return claim;
}

static void put_outcome(struct demo *d, struct event *e, enum outcome_end end,
                        const struct judgement *judgement)
{
    struct outcome o = {
        .event = e->id, .revision = e->revision, .end = end, .judgement = *judgement};
    o.not_before_wall_us = INT64_MAX / 2;
    o.judgement.event = e->id;
    o.judgement.revision = e->revision;
    o.judgement.max_change = 20;
    o.judgement.rules_score = e->verdict.score;
    STR_COPY(o.judgement.model, "made-up-4b <i>Q4</i>");
    STR_COPY(o.judgement.build, "b6000-1a2b3c4d");
    o.judgement.prompt_tokens = 3051;
    o.judgement.cached_tokens = 2406;
    o.judgement.reply_tokens = 231;
    o.judgement.pictures = 2;
    if (o.judgement.attempts == 0)
        o.judgement.attempts = 1;
    o.judgement.spent_us = 4200 * US_PER_MS;
    store_put_outcome(d->store, &o);
    event_unref(&e);
}

static void put_done(struct demo *d, struct event *e, enum model_verdict verdict, int score,
                     const char *summary, int dropped)
{
    struct judgement j = {.state = JUDGEMENT_DONE, .verdict = (int)verdict, .score = score};
    j.id = uuid7_new(&d->ids);
    j.wall_us = clock_wall_us(&clock_real);
    j.dropped_count = dropped;
    STR_COPY(j.summary, summary);
    STR_COPY(j.reasoning,
             "The person came straight to the door <script>document.title='owned'</script>, stayed "
             "for a few seconds and left the way they had come. Nobody is expected at this hour, "
             "and nothing was left behind.");
    j.claims[j.claim_count++] = make_claim(
        e, 0, "The person stood <b>right</b> at the front door for 7.4 s.");
    j.claims[j.claim_count++] = make_claim(e, e->track_count - 1, "They left towards the street.");
    put_outcome(d, e, OUTCOME_JUDGED, &j);
}

static void put_judged(struct demo *d)
{
    struct judgement later = {.state = JUDGEMENT_WAITING, .score = SCORE_NONE};
    struct judgement dead = {.state = JUDGEMENT_FAILED, .score = SCORE_NONE, .attempts = 2};
    STR_COPY(later.reason, "the language model is down: connection refused");
    STR_COPY(dead.reason, "the reply was cut off at 600 tokens <img src=x onerror=alert(1)>");
    put_done(d, put_asking(d, 4, 90, 72), MODEL_CONFIRMED, 85,
             "Somebody looked at the front door at night and left", 0);
    put_done(d, put_asking(d, 3, 80, 91), MODEL_REJECTED, 5, "Shadows of a tree, no people", 2);
    put_done(d, put_asking(d, 5, 70, 34), MODEL_UNCERTAIN, 30, "A car, perhaps a neighbour's", 1);
    put_outcome(d, put_asking(d, 8, 60, 72), OUTCOME_DEAD, &dead);
    put_outcome(d, put_asking(d, 7, 55, 91), OUTCOME_DEAD, &dead);
    put_outcome(d, put_asking(d, 12, 50, 72), OUTCOME_LATER, &later);
    struct event *e = put_asking(d, 11, 40, 91);
    event_unref(&e);
    /* What was said about one shows in the next. */
    e = make_event(d, 16, 30, 60);
    put_reason(e, "feedback", -5,
               "2 earlier events with a person at the front door scored too high, you said");
    e->verdict.score -= 5;
    e->state = EVENT_CLOSED;
    e->close_reason = CLOSE_QUIET;
    store_put_event(d->store, e);
}

static void publish_boxes(struct demo *d, int64_t tick)
{
    struct json j;
    json_init(&j);
    json_begin_object(&j, NULL);
    json_text(&j, "type", "detections");
    json_begin_object(&j, "data");
    json_text(&j, "camera", camera_names[0]);
    json_int(&j, "at", tick);
    json_end_object(&j);
    json_end_object(&j);
    bus_publish(d->bus, bus_message_new(BUS_DETECTIONS, 0, 0, j.text, j.bytes));
    json_done(&j);
}

static void run(struct demo *d, int seconds)
{
    static const int scores[] = {72, 34, 8, 91};
    for (int i = 40; i > 0; i--)
        put_closed(d, i, i * i * 97, scores[i % 4]);
    put_judged(d);
    struct event *open = NULL;
    for (int i = 0; i < seconds * 5; i++) {
        if (i % 300 == 10) {
            open = make_event(d, i / 300 * 4, 0, 45);
            store_put_event(d->store, event_ref(open));
        }
        if (i % 300 == 40) {
            struct event *more = event_copy(open);
            more->revision = 1;
            more->verdict.score = 72;
            put_reason(more, "approaches", 27, "person came closer");
            store_put_event(d->store, more);
        }
        if (i % 300 == 290) {
            struct event *closed = event_copy(open);
            closed->revision = 2;
            closed->verdict.score = 72;
            put_reason(closed, "approaches", 27, "person came closer");
            closed->state = EVENT_CLOSED;
            closed->close_reason = CLOSE_QUIET;
            store_put_event(d->store, closed);
            event_unref(&open);
        }
        publish_boxes(d, i);
        struct timespec tick = {0, 200000000};
        nanosleep(&tick, NULL);
    }
    if (open)
        event_unref(&open);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    struct err err = {0};
    struct log_sink *sink = log_sink_new(2, LOG_DEBUG, &clock_real);
    struct store_conf store_conf;
    struct serve_conf serve_conf;
    struct demo d = {.ids = {.clock = &clock_real}, .bus = bus_new()};
    opt_defaults(&store_section, &store_conf);
    opt_defaults(&serve_section, &serve_conf);
    STR_COPY(store_conf.path, argv[2]);
    serve_conf.port = (int)strtol(argv[1], NULL, 10);
    struct store_params store_params = {
        .conf = &store_conf, .clock = &clock_real, .log = log_root(sink), .bus = d.bus};
    struct serve_params params = {
        .conf = &serve_conf,
        .bus = d.bus,
        .clock = &clock_real,
        .log = log_root(sink),
        .source = {&d, camera_count, camera_json, camera_index, camera_frame, system_json, ready}};
    struct serve *serve = NULL;
    if (!store_open(&store_params, &d.store, &err)) {
        fprintf(stderr, "%s (%s)\n", err.msg, err.hint);
        return 1;
    }
    params.store = d.store;
    if (!serve_start(&params, &serve, &err)) {
        fprintf(stderr, "%s (%s)\n", err.msg, err.hint);
        store_close(&d.store);
        return 1;
    }
    printf("http://127.0.0.1:%d/\n", serve_port(serve));
    fflush(stdout);
    run(&d, argc > 3 ? (int)strtol(argv[3], NULL, 10) : 3600);
    serve_stop(&serve);
    store_reader_close(&d.reader);
    store_close(&d.store);
    bus_free(&d.bus);
    log_sink_free(&sink);
    return 0;
}
