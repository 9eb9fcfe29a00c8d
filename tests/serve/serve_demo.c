/* A server to develop the page against: the real web server and the real store, a made-up camera
 * and made-up events. Not a test. serve_demo PORT DIRECTORY [SECONDS] */
#include "model/picture.h"
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

static void system_json(void *ctx, struct json *out)
{
    (void)ctx;
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
            store_put_event(d->store, more);
        }
        if (i % 300 == 290) {
            struct event *closed = event_copy(open);
            closed->revision = 2;
            closed->verdict.score = 72;
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
    store_close(&d.store);
    bus_free(&d.bus);
    log_sink_free(&sink);
    return 0;
}
