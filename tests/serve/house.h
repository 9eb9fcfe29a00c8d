/* What the tests of the server stand on: the real server, store and bus over loopback, two made-up
 * cameras (porch has a picture, yard has none), and events put on demand. */
#pragma once

#include "test.h"

#include "raw_client.h"
#include "risk/llm/judge.h"
#include "serve/internal.h"

#include <ftw.h>

#define SMALL_CLIENTS 120 /* max_clients here */

struct house {
    char directory[64];
    struct uuid_gen ids;
    struct bus *bus;
    struct store *store;
    struct serve *serve;
    struct serve_conf conf;
    struct store_conf store_conf;
    int port;
    atomic_int frames_asked;
    atomic_llong frame_seq, frame_arrived_us;
    atomic_bool ready;
};

static const char *const camera_names[] = {"porch", "yard", NULL};

static inline int camera_count(void *ctx)
{
    (void)ctx;
    return 2;
}

static inline void camera_json(void *ctx, int camera, struct json *out)
{
    (void)ctx;
    json_begin_object(out, NULL);
    json_text(out, "name", camera_names[camera]);
    json_text(out, "state", "online");
    json_end_object(out);
}

static inline int camera_index(void *ctx, const char *name)
{
    (void)ctx;
    for (int i = 0; camera_names[i]; i++)
        if (strcmp(camera_names[i], name) == 0)
            return i;
    return -1;
}

static inline struct frame *camera_frame(void *ctx, int camera, struct detections *ret)
{
    struct house *h = ctx;
    if (camera != 0)
        return NULL;
    atomic_fetch_add(&h->frames_asked, 1);
    struct frame *f = frame_alloc(320, 240);
    memset(frame_plane_w(f, 0), 100, (size_t)f->stride[0] * 240);
    f->seq = atomic_load(&h->frame_seq);
    f->arrived_us = atomic_load(&h->frame_arrived_us);
    ret->count = 1;
    ret->items[0] = (struct detection){{0.2f, 0.2f, 0.6f, 0.8f}, 0.9f, "person"};
    return f;
}

static inline void system_json(void *ctx, struct json *out)
{
    (void)ctx;
    struct judge_stats model = {.server = {.state = SERVER_READY, .slots = 2}, .judged = 1};
    json_text(out, "version", HSI_VERSION);
    judge_stats_json(out, "language_model", &model);
}

static inline bool is_ready(void *ctx)
{
    struct house *h = ctx;
    return atomic_load(&h->ready);
}

static inline struct serve_params house_params(struct house *h)
{
    return (struct serve_params){
        .conf = &h->conf,
        .store = h->store,
        .bus = h->bus,
        .clock = &clock_real,
        .source = {h, camera_count, camera_json, camera_index, camera_frame, system_json, is_ready},
    };
}

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static inline int house_open(void **state)
{
    struct house *h = NEW(struct house);
    struct err err = {0};
    STR_COPY(h->directory, "test_serve_XXXXXX");
    if (!mkdtemp(h->directory))
        return -1;
    h->ids.clock = &clock_real;
    h->bus = bus_new();
    atomic_store(&h->ready, true);
    opt_defaults(&store_section, &h->store_conf);
    STR_COPY(h->store_conf.path, h->directory);
    struct store_params params = {.conf = &h->store_conf, .clock = &clock_real, .bus = h->bus};
    opt_defaults(&serve_section, &h->conf);
    h->conf.port = 0;
    h->conf.max_clients = SMALL_CLIENTS;
    if (!store_open(&params, &h->store, &err))
        fail_msg("%s", err.msg);
    struct serve_params serve_params = house_params(h);
    if (!serve_start(&serve_params, &h->serve, &err))
        fail_msg("%s", err.msg);
    h->port = serve_port(h->serve);
    *state = h;
    return 0;
}

static inline int house_close(void **state)
{
    struct house *h = *state;
    serve_stop(&h->serve);
    store_close(&h->store);
    bus_free(&h->bus);
    nftw(h->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(h);
    return 0;
}

/* Commits n changes of several kilobytes each, without pictures. */
static inline void put_long_events(struct house *h, int n)
{
    for (int i = 0; i < n; i++) {
        struct event *e = event_new();
        e->id = uuid7_new(&h->ids);
        STR_COPY(e->camera_name, camera_names[0]);
        for (int k = 0; k < REASONS_MAX; k++) {
            struct reason *r = &e->verdict.reasons[e->verdict.reason_count++];
            memset(r->text, 'x', sizeof r->text - 1);
        }
        store_put_event(h->store, e);
    }
    store_flush(h->store);
}

/* Commits n events of the camera, the last with a picture; returns the last one's id. */
static inline struct uuid put_events(struct house *h, int n, int camera, int score)
{
    struct uuid id = {0};
    for (int i = 0; i < n; i++) {
        struct event *e = event_new();
        e->id = id = uuid7_new(&h->ids);
        e->camera = camera;
        STR_COPY(e->camera_name, camera_names[camera]);
        e->state = EVENT_CLOSED; /* an opening has no picture yet */
        e->close_reason = CLOSE_QUIET;
        e->verdict.score = score;
        STR_COPY(e->verdict.summary, "somebody \"walked\" by");
        e->track_count = 1;
        e->tracks[0].id = uuid7_new(&h->ids);
        STR_COPY(e->tracks[0].label, "person");
        e->tracks[0].first.wall_us = e->tracks[0].last.wall_us = clock_wall_us(&clock_real);
        e->tracks[0].best = (struct sighting){.box = {0.2f, 0.2f, 0.6f, 0.8f}, .score = 0.9f};
        if (i == n - 1) {
            e->tracks[0].picture = frame_alloc(320, 240);
            memset(frame_plane_w(e->tracks[0].picture, 1), 128, 160 * 120);
        }
        store_put_event(h->store, e);
    }
    store_flush(h->store);
    return id;
}

static inline void expect(struct house *h, const char *request, int status, const char *part)
{
    struct answer a = raw_ask(h->port, request);
    if (a.status != status)
        fail_msg("'%.80s' is answered %d, expected %d: %s", request, a.status, status, a.body);
    if (part && !strstr(a.body, part) && !strstr(a.head, part))
        fail_msg("'%.80s': no '%s' in %s%s", request, part, a.head, a.body);
    answer_done(&a);
}

static inline void expect_get(struct house *h, const char *path, int status, const char *part)
{
    char request[4096];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost:1\r\n\r\n", path);
    expect(h, request, status, part);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, house_open, house_close)
