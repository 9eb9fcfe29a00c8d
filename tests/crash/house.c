/* A house full of people for whoever kills it: cameras, the real pipeline and the real store, and a
 * detector double that always sees somebody come and go. Says on stdout what has been committed and
 * told, each line with one write before the next is read:
 *
 *     E SEQ EVENT REVISION STATE MODEL    a change of an event, and how far the model is with it
 *     C CAMERA_EVENT                something that happened to a camera
 *     U SHA256                      an upload whose file may be deleted now
 *     M COUNT                       messages were lost: the test is too slow to be a witness
 *
 *     house DIR watch    until it is killed
 *     house DIR once     opens the store and closes it, as a start and a stop do */
#include "double/clip.h"
#include "pipeline/pipeline.h"

#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define CAMERAS      5
#define LANES        4
#define UPLOADS_OPEN 256

/* --- a detector that sees people in lanes, by the time of the picture alone --- */

/* How long somebody needs from one side to the other, and how much of that they can be seen. */
#define CROSSING_US (1700 * US_PER_MS)
#define VISIBLE     0.6

static bool crowd_open(void *priv, const struct detect_conf *conf, struct err *err)
{
    (void)priv, (void)conf, (void)err;
    return true;
}

static void see(const struct frame *frame, struct detections *ret)
{
    for (int lane = 0; lane < LANES; lane++) {
        double turns = (double)frame->pts_us / (double)CROSSING_US + 0.37 * lane +
                       0.21 * frame->camera;
        float at = (float)(turns - floor(turns));
        if (at > (float)VISIBLE)
            continue;
        float x = 0.05f + 0.8f * at / (float)VISIBLE, y = 0.1f + 0.2f * (float)lane;
        struct detection *d = &ret->items[ret->count++];
        *d = (struct detection){{x, y, x + 0.1f, y + 0.15f}, 0.9f, "person"};
    }
}

static bool crowd_run(void *priv, struct look *looks, int count, struct err *err)
{
    (void)priv, (void)err;
    for (int i = 0; i < count; i++)
        see(looks[i].frame, looks[i].ret);
    return true;
}

static void crowd_describe(const void *priv, struct detector_info *ret)
{
    (void)priv;
    STR_COPY(ret->name, "crowd");
    ret->batch = 1;
}

static void crowd_close(void *priv)
{
    (void)priv;
}

static const struct detector_ops crowd = {"crowd",        1,          crowd_open, crowd_run,
                                          crowd_describe, crowd_close};

/* --- the house --- */

struct house {
    char dir[200];
    struct config config;
    struct uuid_gen ids;
    struct bus *bus;
    struct bus_subscriber *subscriber;
    int wake_fd;
    struct store *store;
    struct detector *detector;
    struct pipeline *pipeline;

    pthread_mutex_t lock;
    struct upload *uploads[UPLOADS_OPEN]; /* under lock: put, not yet told */
    int upload_count;
};

static void fail(const char *what, const struct err *err)
{
    fprintf(stderr, "house: %s: %s\n", what, err ? err->msg : "");
    exit(2);
}

static void configure(struct house *h)
{
    opt_defaults(&config_section, &h->config);
    struct camera_conf *cameras = xcalloc(CAMERAS, sizeof *cameras);
    for (int i = 0; i < CAMERAS; i++) {
        opt_defaults(&camera_section, &cameras[i]);
        snprintf(cameras[i].name, sizeof cameras[i].name, "cam%d", i);
        snprintf(cameras[i].capture.url, sizeof cameras[i].capture.url, "%s/clip.mp4", h->dir);
    }
    h->config.cameras = (struct opt_map){CAMERAS, cameras};
    h->config.batch.window_us = 500 * US_PER_MS;
    h->config.batch.quiet_us = 200 * US_PER_MS;
    h->config.detect.fps = 25;
    snprintf(h->config.store.path, sizeof h->config.store.path, "%s/store", h->dir);
    h->ids.clock = &clock_real;
    h->bus = bus_new();
    pthread_mutex_init(&h->lock, NULL);
}

/* Kept from an earlier start; complete if it has its name. */
static void record(const struct house *h)
{
    char path[256], partial[256];
    snprintf(path, sizeof path, "%s/clip.mp4", h->dir);
    if (access(path, F_OK) == 0)
        return;
    const struct clip_spec spec = {
        "mpeg4", 320, 240, 25, 50, .gop = 25, .paint = clip_paint_walker};
    struct clip clip;
    if (!clip_encode(&spec, &clip))
        fail("no encoder", NULL);
    snprintf(partial, sizeof partial, "%s/partial.mp4", h->dir);
    clip_write(&clip, partial);
    clip_done(&clip);
    if (rename(partial, path) != 0)
        fail(path, NULL);
}

static void open_store(struct house *h, struct log_sink *sink)
{
    struct err err = {0};
    const struct store_params params = {
        .conf = &h->config.store, .clock = &clock_real, .log = log_root(sink), .bus = h->bus};
    if (!store_open(&params, &h->store, &err))
        fail("store", &err);
}

/* --- what else is put --- */

static void put_upload(struct house *h, const struct event *e)
{
    struct upload *u = upload_new();
    STR_COPY(u->camera, e->camera_name);
    uuid_format(u->name, &e->id);
    memcpy(u->sha256, e->id.bytes, sizeof e->id.bytes);
    store_put_upload(h->store, u);
    pthread_mutex_lock(&h->lock);
    if (h->upload_count < UPLOADS_OPEN)
        h->uploads[h->upload_count++] = TAKE(u);
    pthread_mutex_unlock(&h->lock);
    upload_unref(&u);
}

static void put_camera_event(struct house *h, const struct event *e)
{
    struct camera_event c = {.id = uuid7_new(&h->ids),
                             .index = e->camera,
                             .kind = CAMERA_EVENT_COVERED,
                             .ended = e->revision % 2,
                             .wall_us = clock_wall_us(&clock_real)};
    STR_COPY(c.camera, e->camera_name);
    store_put_camera_event(h->store, &c);
}

static void put_parked(struct house *h, const struct event *e)
{
    struct parked items[3] = {{.label = "car"}, {.label = "bench"}, {.label = "truck"}};
    for (int i = 0; i < (int)ARRAY_LEN(items); i++) {
        items[i].id = e->id;
        items[i].box = (struct box){0.1f, 0.1f, 0.2f * (float)(i + 1), 0.5f};
    }
    store_put_parked(h->store, e->camera_name, items, (int)ARRAY_LEN(items));
}

/* Of three events, one is judged, one is put off for ever, one is given up; now and then dead
 * letters come back, and somebody says something. */
static void put_outcome(struct house *h, const struct event *e)
{
    unsigned dice = e->id.bytes[15];
    struct outcome o = {.event = e->id, .revision = e->revision, .end = (int)(dice % 3)};
    o.judgement.id = uuid7_new(&h->ids);
    o.judgement.max_change = 20;
    o.judgement.rules_score = e->verdict.score;
    STR_COPY(o.judgement.reason, "as the dice fell");
    o.not_before_wall_us = clock_wall_us(&clock_real);
    o.run_count = 1;
    o.runs[0] = (struct run){
        .id = o.judgement.id, .event = e->id, .request = blob_new(e->id.bytes, sizeof e->id)};
    store_put_outcome(h->store, &o);
    if (dice % 8 == 0)
        store_requeue(h->store, &(struct uuid){0});
    if (dice % 4 == 0)
        store_put_feedback(h->store, &(struct feedback){e->id, (int)(dice % 5), "so it was", 0});
}

/* All are asked about, at their first and at their last change. */
static struct event *asking(struct event *e)
{
    if (e->revision > 0 && e->state == EVENT_OPEN)
        return e;
    struct event *asks = event_copy(e);
    blob_unref(&asks->window);
    asks->window = blob_new(e->id.bytes, sizeof e->id);
    asks->ask = e->state == EVENT_OPEN ? ASK_NOW : ASK_QUEUED;
    event_unref(&e);
    return asks;
}

static void take_event(void *ctx, struct event *e)
{
    struct house *h = ctx;
    AUTO(event_unref) struct event *asks = asking(e);
    store_put_event(h->store, event_ref(asks));
    if (asks->ask != ASK_NO)
        put_outcome(h, asks);
    if (asks->state == EVENT_CLOSED) {
        put_upload(h, asks);
        put_camera_event(h, asks);
        put_parked(h, asks);
    }
}

/* --- the witness --- */

static void say(const char *line)
{
    size_t bytes = strlen(line);
    if (write(STDOUT_FILENO, line, bytes) != (ssize_t)bytes)
        exit(0); /* nobody listens any more */
}

/* The first member of that name: the event's own, they come before all that has members too. */
static const char *member(const struct bus_message *m, const char *name, char out[64])
{
    char key[40];
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *at = strstr(m->json, key);
    size_t n = 0;
    for (at = at ? at + strlen(key) : "?"; *at && *at != ',' && *at != '}'; at++)
        if (*at != '"' && n < 63)
            out[n++] = *at;
    out[n] = '\0';
    return out;
}

static void say_message(const struct bus_message *m)
{
    char line[400] = "", id[64], revision[64], state[64], model[64];
    if (m->topic == BUS_EVENT)
        snprintf(line, sizeof line, "E %lld %s %s %s %s\n", (long long)m->seq, member(m, "id", id),
                 member(m, "revision", revision), member(m, "state", state),
                 member(m, "model", model));
    else if (strstr(m->json, "\"camera_event\""))
        snprintf(line, sizeof line, "C %s\n", member(m, "id", id));
    if (line[0])
        say(line);
}

static void say_stored(struct house *h)
{
    pthread_mutex_lock(&h->lock);
    int kept = 0;
    for (int i = 0; i < h->upload_count; i++) {
        struct upload *u = h->uploads[i];
        if (!atomic_load_explicit(&u->stored, memory_order_acquire)) {
            h->uploads[kept++] = u;
            continue;
        }
        char line[2 * UPLOAD_SHA256_BYTES + 8] = "U ";
        for (int k = 0; k < UPLOAD_SHA256_BYTES; k++)
            snprintf(line + 2 + 2 * k, 3, "%02x", u->sha256[k]);
        strncat(line, "\n", sizeof line - strlen(line) - 1);
        say(line);
        upload_unref(&u);
    }
    h->upload_count = kept;
    pthread_mutex_unlock(&h->lock);
}

static void wake(void *ctx)
{
    struct house *h = ctx;
    (void)!eventfd_write(h->wake_fd, 1);
}

/* An upload is called stored without a message: it is looked for all the time. */
#define STORED_MS 1

static void witness(struct house *h)
{
    for (;;) {
        struct pollfd woken = {.fd = h->wake_fd, .events = POLLIN};
        eventfd_t count;
        if (poll(&woken, 1, STORED_MS) > 0)
            (void)!eventfd_read(h->wake_fd, &count);
        say_stored(h);
        int64_t missed;
        for (struct bus_message *m; (m = bus_next(h->subscriber, &missed)); bus_message_unref(&m)) {
            if (missed > 0) {
                char line[40];
                snprintf(line, sizeof line, "M %lld\n", (long long)missed);
                say(line);
            }
            say_message(m);
        }
    }
}

static void watch(struct house *h)
{
    struct err err = {0};
    h->wake_fd = eventfd(0, EFD_CLOEXEC);
    h->subscriber = bus_subscribe(h->bus, BUS_EVENT | BUS_CAMERA, 65536, wake, h);
    if (!detector_open(&h->config.detect, &crowd, &h->detector, &err))
        fail("detector", &err);
    struct pipeline_params params = {.config = &h->config,
                                     .detector = h->detector,
                                     .ids = &h->ids,
                                     .clock = &clock_real,
                                     .bus = h->bus,
                                     .realtime = true,
                                     .pictures = true,
                                     .start_wall_us = TIME_UNKNOWN,
                                     .event_sink = take_event,
                                     .sink_ctx = h};
    if (!pipeline_start(&params, &h->pipeline, &err))
        fail("pipeline", &err);
    witness(h);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: house DIR watch|once\n");
        return 2;
    }
    struct house *h = NEW(struct house);
    STR_COPY(h->dir, argv[1]);
    configure(h);
    record(h);
    struct log_sink *sink = log_sink_new(STDERR_FILENO, LOG_WARN, &clock_real);
    open_store(h, sink);
    if (strcmp(argv[2], "watch") == 0)
        watch(h);
    store_flush(h->store);
    store_close(&h->store);
    bus_free(&h->bus);
    opt_free(&config_section, &h->config);
    pthread_mutex_destroy(&h->lock);
    log_sink_free(&sink);
    free(h);
    return 0;
}
