#include "daemon.h"

#include "detect/models.h"
#include "pipeline/pipeline.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct daemon {
    /* set at start, then read-only */
    struct daemon_params params;
    struct config *first; /* what store and serve were started with */
    struct log log;
    struct bus *bus;
    struct store *store;
    struct serve *serve;
    int64_t started_us;

    struct uuid_gen ids;

    /* Main thread; the serve thread looks at them under the lock. */
    pthread_mutex_t lock;
    struct config *config; /* of the pipeline; first, until a reload */
    struct detector *detector;
    struct pipeline *pipeline; /* NULL while the model is loading */
    bool left_behind;          /* a thread of a stopped pipeline still borrows its configuration */
};

static bool is_ready(void *ctx)
{
    struct daemon *d = ctx;
    pthread_mutex_lock(&d->lock);
    bool ready = d->pipeline != NULL;
    pthread_mutex_unlock(&d->lock);
    return ready;
}

static int camera_count(void *ctx)
{
    struct daemon *d = ctx;
    pthread_mutex_lock(&d->lock);
    int count = d->config->cameras.count;
    pthread_mutex_unlock(&d->lock);
    return count;
}

static int camera_index(void *ctx, const char *name)
{
    struct daemon *d = ctx;
    int index = -1;
    pthread_mutex_lock(&d->lock);
    for (int i = 0; i < d->config->cameras.count && index < 0; i++)
        if (strcmp(config_camera(d->config, i)->name, name) == 0)
            index = i;
    pthread_mutex_unlock(&d->lock);
    return index;
}

static void camera_json(void *ctx, int camera, struct json *out)
{
    struct daemon *d = ctx;
    json_object(out, NULL);
    pthread_mutex_lock(&d->lock);
    if (d->pipeline && camera < d->config->cameras.count) {
        pipeline_camera_json(d->pipeline, camera, out);
    } else if (camera < d->config->cameras.count) {
        json_text(out, "name", config_camera(d->config, camera)->name);
        json_text(out, "state", "starting");
    }
    pthread_mutex_unlock(&d->lock);
    json_end_object(out);
}

static struct frame *camera_frame(void *ctx, int camera, struct detections *ret_boxes)
{
    struct daemon *d = ctx;
    struct frame *frame = NULL;
    ret_boxes->count = 0;
    pthread_mutex_lock(&d->lock);
    if (d->pipeline && camera < d->config->cameras.count)
        frame = pipeline_camera_frame(d->pipeline, camera, ret_boxes);
    pthread_mutex_unlock(&d->lock);
    return frame;
}

static void detector_json(const struct detector_info *info, struct json *out)
{
    json_object(out, "detector");
    json_text(out, "name", info->name);
    json_text(out, "backend", info->backend);
    json_text(out, "reason", info->reason[0] ? info->reason : NULL);
    json_text(out, "note", info->note[0] ? info->note : NULL);
    json_int(out, "width", info->width);
    json_int(out, "height", info->height);
    json_end_object(out);
}

static void pipeline_json(struct pipeline *pipeline, struct json *out)
{
    struct pipeline_stats s = pipeline_stats(pipeline);
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

static void system_json(void *ctx, struct json *out)
{
    struct daemon *d = ctx;
    json_text(out, "version", HSI_VERSION);
    json_int(out, "uptime_s", (clock_mono_us(&clock_real) - d->started_us) / US_PER_S);
    pthread_mutex_lock(&d->lock);
    if (d->pipeline) {
        detector_json(detector_info(d->detector), out);
        pipeline_json(d->pipeline, out);
    }
    pthread_mutex_unlock(&d->lock);
}

static void fill_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGHUP);
}

void daemon_block_signals(void)
{
    sigset_t set;
    fill_signals(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static bool start_services(struct daemon *d, struct err *err)
{
    struct store_params store = {
        .conf = &d->first->store,
        .clock = &clock_real,
        .log = log_child(&d->log, "store"),
        .bus = d->bus,
    };
    if (!store_open(&store, &d->store, err))
        return false;
    struct serve_params serve = {
        .conf = &d->first->serve,
        .store = d->store,
        .bus = d->bus,
        .clock = &clock_real,
        .log = log_child(&d->log, "serve"),
        .source = {d, camera_count, camera_json, camera_index, camera_frame, system_json, is_ready},
    };
    return serve_start(&serve, &d->serve, err);
}

/* A model that is not there is told before the page is, not after. */
static bool check_model(const struct config *config, struct err *err)
{
    size_t bytes;
    char path[MODEL_PATH_BYTES];
    const char *model = config->detect.model;
    return !model[0] || models_builtin(model, &bytes) || models_find(model, path, sizeof path, err);
}

bool daemon_start(const struct daemon_params *params, struct daemon **ret, struct err *err)
{
    struct daemon *d = NEW(struct daemon);
    d->params = *params;
    d->first = d->config = params->config;
    d->log = log_root(params->sink);
    d->started_us = clock_mono_us(&clock_real);
    d->ids.clock = &clock_real;
    d->bus = bus_new();
    pthread_mutex_init(&d->lock, NULL);
    if (!check_model(d->first, err) || !start_services(d, err)) {
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

static void announce(const struct daemon *d, const struct detector_info *info)
{
    log_info(&d->log, "detector %s, %s", info->name, info->backend);
    if (info->reason[0])
        log_warn(&d->log, "detector %s: %s", info->name, info->reason);
    if (info->note[0])
        log_warn(&d->log, "detector %s: %s", info->name, info->note);
}

/* Takes config and detector into use, with a pipeline of their own. */
static bool start_pipeline(struct daemon *d, struct config *config, struct detector *detector,
                           struct err *err)
{
    announce(d, detector_info(detector));
    struct pipeline *pipeline = NULL;
    struct pipeline_params params = {
        .config = config,
        .detector = detector,
        .ids = &d->ids,
        .clock = &clock_real,
        .log = d->log,
        .bus = d->bus,
        .realtime = true,
        .pictures = d->first->store.snapshots,
        .start_wall_us = TIME_UNKNOWN,
        .event_sink = store_event,
        .sink_ctx = d,
    };
    bool ok = pipeline_start(&params, &pipeline, err);
    pthread_mutex_lock(&d->lock);
    d->config = config;
    d->detector = detector;
    d->pipeline = pipeline;
    pthread_mutex_unlock(&d->lock);
    return ok;
}

static void free_config(struct config **config)
{
    config_done(*config);
    free(*config);
    *config = NULL;
}

/* Takes the pipeline out of everybody's sight, then stops it and closes its detector. Its
 * configuration stays. */
static void stop_pipeline(struct daemon *d)
{
    pthread_mutex_lock(&d->lock);
    struct pipeline *pipeline = d->pipeline;
    struct detector *detector = d->detector;
    d->pipeline = NULL;
    d->detector = NULL;
    pthread_mutex_unlock(&d->lock);
    d->left_behind |= !pipeline_stop(&pipeline);
    detector_close(&detector);
}

/* Reads the configuration afresh and opens its detector: what can be wrong with it is found here.
 */
static bool prepare_reload(struct daemon *d, struct config *config, struct detector **ret)
{
    struct err err = {0};
    if (!d->params.reload || !d->params.reload(d->params.ctx, config))
        return false;
    if (detector_open(&config->detect, NULL, ret, &err))
        return true;
    log_err(&d->log, LOG_ERROR, &err);
    config_done(config);
    return false;
}

/* Rows of one value each, as server and storage have. */
static bool same_options(const struct section *section, const void *a, const void *b)
{
    char text_a[1024], text_b[1024];
    for (const struct opt *row = section->rows; row->name; row++)
        if (opt_format(row, a, text_a, sizeof text_a) !=
                opt_format(row, b, text_b, sizeof text_b) ||
            strcmp(text_a, text_b) != 0)
            return false;
    return true;
}

static void warn_of_restart(const struct daemon *d, struct config *config)
{
    if (!same_options(&serve_section, &config->serve, &d->first->serve) ||
        !same_options(&store_section, &config->store, &d->first->store))
        log_warn(&d->log, "server and storage options apply at the next start");
    if (strcmp(config->risk.timezone, d->first->risk.timezone) != 0)
        log_warn(&d->log, "the time zone applies at the next start");
    STR_COPY(config->risk.timezone, d->first->risk.timezone);
}

/* The new configuration in place of the old one; if anything is wrong with it, the old one goes on.
 */
static bool reload(struct daemon *d, struct err *err)
{
    struct config *config = NEW(struct config);
    struct detector *detector = NULL;
    if (!prepare_reload(d, config, &detector)) {
        log_error(&d->log, "the configuration is refused; the running one stays");
        free(config);
        return true;
    }
    warn_of_restart(d, config);
    struct config *old = d->config;
    stop_pipeline(d);
    if (!start_pipeline(d, config, detector, err)) {
        log_err(&d->log, LOG_ERROR, err);
        stop_pipeline(d);
        free_config(&config);
        return detector_open(&old->detect, NULL, &detector, err) &&
               start_pipeline(d, old, detector, err);
    }
    if (old != d->first && !d->left_behind)
        free_config(&old);
    log_info(&d->log, "configuration reloaded");
    return true;
}

bool daemon_run(struct daemon *d, struct err *err)
{
    struct detector *detector = NULL;
    if (!detector_open(&d->first->detect, NULL, &detector, err) ||
        !start_pipeline(d, d->first, detector, err))
        return false;
    sigset_t set;
    fill_signals(&set);
    bool ok = true;
    int number = 0;
    while (ok) {
        if (sigwait(&set, &number) != 0)
            continue;
        /* A closed terminal takes its programs along; a service has none. */
        if (number != SIGHUP || isatty(STDERR_FILENO))
            break;
        ok = reload(d, err);
    }
    log_info(&d->log, "stopping");
    pthread_sigmask(SIG_UNBLOCK, &set, NULL); /* whoever is impatient may ask again */
    return ok;
}

bool daemon_stop(struct daemon **daemon)
{
    struct daemon *d = *daemon;
    if (!d)
        return true;
    if (d->store)
        store_begin_close(d->store);
    /* The page asks the pipeline for pictures, so it must be gone first; its clients find the last
     * events in the store when they come back. */
    serve_stop(&d->serve);
    stop_pipeline(d);
    store_close(&d->store);
    bus_free(&d->bus);
    pthread_mutex_destroy(&d->lock);
    bool clean = !d->left_behind;
    if (clean && d->config != d->first)
        free_config(&d->config);
    if (clean)
        free_config(&d->first);
    free(d);
    *daemon = NULL;
    return clean;
}
