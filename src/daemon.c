#include "daemon.h"

#include "pipeline/pipeline.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct daemon {
    /* set at start, then read-only */
    const struct config *config;
    struct log log;
    struct bus *bus;
    struct store *store;
    struct serve *serve;
    int64_t started_us;

    struct uuid_gen ids;

    /* Written once by the main thread, then published through ready: what is loaded behind the
     * page. */
    struct detector *detector;
    struct pipeline *pipeline;
    atomic_bool ready;
};

static bool is_ready(void *ctx)
{
    struct daemon *d = ctx;
    return atomic_load_explicit(&d->ready, memory_order_acquire);
}

static int camera_count(void *ctx)
{
    const struct daemon *d = ctx;
    return d->config->cameras.count;
}

static int camera_index(void *ctx, const char *name)
{
    const struct daemon *d = ctx;
    for (int i = 0; i < d->config->cameras.count; i++)
        if (strcmp(config_camera(d->config, i)->name, name) == 0)
            return i;
    return -1;
}

static void camera_json(void *ctx, int camera, struct json *out)
{
    struct daemon *d = ctx;
    json_object(out, NULL);
    if (is_ready(d)) {
        pipeline_camera_json(d->pipeline, camera, out);
    } else {
        json_text(out, "name", config_camera(d->config, camera)->name);
        json_text(out, "state", "starting");
    }
    json_end_object(out);
}

static struct frame *camera_frame(void *ctx, int camera, struct detections *ret_boxes)
{
    struct daemon *d = ctx;
    ret_boxes->count = 0;
    return is_ready(d) ? pipeline_camera_frame(d->pipeline, camera, ret_boxes) : NULL;
}

static void system_json(void *ctx, struct json *out)
{
    struct daemon *d = ctx;
    json_text(out, "version", HSI_VERSION);
    json_int(out, "uptime_s", (clock_mono_us(&clock_real) - d->started_us) / US_PER_S);
    if (!is_ready(d))
        return;
    const struct detector_info *info = detector_info(d->detector);
    json_object(out, "detector");
    json_text(out, "name", info->name);
    json_text(out, "backend", info->backend);
    json_text(out, "reason", info->reason[0] ? info->reason : NULL);
    json_text(out, "note", info->note[0] ? info->note : NULL);
    json_int(out, "width", info->width);
    json_int(out, "height", info->height);
    json_end_object(out);
    struct pipeline_stats s = pipeline_stats(d->pipeline);
    json_object(out, "pipeline");
    json_int(out, "frames", s.frames);
    json_int(out, "looks", s.looks);
    json_int(out, "overwritten_looks", s.overwritten);
    json_int(out, "skipped_packets", s.skipped_packets);
    json_int(out, "dropped_frames", s.dropped_frames);
    json_double(out, "decode_s", (double)s.decode_us / US_PER_S, 3);
    json_double(out, "motion_s", (double)s.motion_us / US_PER_S, 3);
    json_double(out, "detect_s", (double)s.infer_us / US_PER_S, 3);
    json_double(out, "scene_s", (double)s.scene_us / US_PER_S, 3);
    json_end_object(out);
}

void daemon_block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

bool daemon_start(const struct config *config, struct log_sink *sink, struct daemon **ret,
                  struct err *err)
{
    struct daemon *d = NEW(struct daemon);
    d->config = config;
    d->log = log_root(sink);
    d->started_us = clock_mono_us(&clock_real);
    d->ids.clock = &clock_real;
    d->bus = bus_new();
    struct store_params store = {
        .conf = &config->store,
        .clock = &clock_real,
        .log = log_child(&d->log, "store"),
        .bus = d->bus,
    };
    bool ok = store_open(&store, &d->store, err);
    struct serve_params serve = {
        .conf = &config->serve,
        .store = d->store,
        .bus = d->bus,
        .clock = &clock_real,
        .log = log_child(&d->log, "serve"),
        .source = {d, camera_count, camera_json, camera_index, camera_frame, system_json, is_ready},
    };
    ok = ok && serve_start(&serve, &d->serve, err);
    if (!ok) {
        daemon_stop(&d);
        return false;
    }
    *ret = d;
    return true;
}

int daemon_port(const struct daemon *d)
{
    return serve_port(d->serve);
}

/* pipeline's event_sink. */
static void store_event(void *ctx, struct event *event)
{
    struct daemon *d = ctx;
    store_put_event(d->store, event);
}

static bool start_pipeline(struct daemon *d, struct err *err)
{
    if (!detector_open(&d->config->detect, NULL, &d->detector, err))
        return false;
    const struct detector_info *info = detector_info(d->detector);
    log_info(&d->log, "detector %s, %s", info->name, info->backend);
    if (info->reason[0])
        log_warn(&d->log, "detector %s: %s", info->name, info->reason);
    if (info->note[0])
        log_warn(&d->log, "detector %s: %s", info->name, info->note);
    struct pipeline_params params = {
        .config = d->config,
        .detector = d->detector,
        .ids = &d->ids,
        .clock = &clock_real,
        .log = d->log,
        .bus = d->bus,
        .realtime = true,
        .pictures = d->config->store.snapshots,
        .start_wall_us = TIME_UNKNOWN,
        .event_sink = store_event,
        .sink_ctx = d,
    };
    if (!pipeline_start(&params, &d->pipeline, err))
        return false;
    atomic_store_explicit(&d->ready, true, memory_order_release);
    return true;
}

bool daemon_run(struct daemon *d, struct err *err)
{
    if (!start_pipeline(d, err))
        return false;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    int number = 0;
    while (sigwait(&set, &number) != 0)
        ;
    log_info(&d->log, "stopping");
    return true;
}

void daemon_stop(struct daemon **daemon)
{
    struct daemon *d = *daemon;
    if (!d)
        return;
    /* The page asks the pipeline for pictures, so it must be gone first; its clients find the last
     * events in the store when they come back. */
    serve_stop(&d->serve);
    pipeline_stop(&d->pipeline);
    detector_close(&d->detector);
    store_close(&d->store);
    bus_free(&d->bus);
    free(d);
    *daemon = NULL;
}
