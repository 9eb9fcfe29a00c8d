#include "daemon.h"

#include "base/process.h"
#include "detect/models.h"
#include "pipeline/keep.h"
#include "risk/llm/judge.h"

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

    struct keep *keep;

    /* Main thread; the serve thread looks at them under the lock. */
    pthread_mutex_t lock;
    struct config *config; /* of the pipeline; first, until a reload */
    struct detector *detector;
    struct pipeline *pipeline; /* NULL while the model is loading */
    struct judge *judge;       /* NULL: no language model is wanted */
    bool model_known;          /* one is configured, or has been found since the start */
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

/* Lock held, like in the next. */
static int count_cameras(const struct daemon *d)
{
    return d->pipeline ? pipeline_camera_count(d->pipeline) : d->config->cameras.count;
}

static const char *name_of_camera(const struct daemon *d, int camera)
{
    return d->pipeline ? pipeline_camera_name(d->pipeline, camera)
                       : config_camera(d->config, camera)->name;
}

static int camera_count(void *ctx)
{
    struct daemon *d = ctx;
    pthread_mutex_lock(&d->lock);
    int count = count_cameras(d);
    pthread_mutex_unlock(&d->lock);
    return count;
}

static int camera_index(void *ctx, const char *name)
{
    struct daemon *d = ctx;
    int index = -1;
    pthread_mutex_lock(&d->lock);
    for (int i = 0; i < count_cameras(d) && index < 0; i++)
        if (strcmp(name_of_camera(d, i), name) == 0)
            index = i;
    pthread_mutex_unlock(&d->lock);
    return index;
}

static void camera_json(void *ctx, int camera, struct json *out)
{
    struct daemon *d = ctx;
    json_begin_object(out, NULL);
    pthread_mutex_lock(&d->lock);
    bool known = camera < count_cameras(d);
    if (known && d->pipeline) {
        pipeline_camera_json(d->pipeline, camera, out);
    } else if (known) {
        json_text(out, "name", name_of_camera(d, camera));
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
    if (d->pipeline && camera < count_cameras(d))
        frame = pipeline_camera_frame(d->pipeline, camera, ret_boxes);
    pthread_mutex_unlock(&d->lock);
    return frame;
}

static void detector_json(const struct detector_info *info, struct json *out)
{
    json_begin_object(out, "detector");
    json_text(out, "name", info->name);
    json_text(out, "backend", info->backend);
    json_text(out, "reason", info->reason[0] ? info->reason : NULL);
    json_text(out, "note", info->note[0] ? info->note : NULL);
    json_int(out, "width", info->width);
    json_int(out, "height", info->height);
    json_end_object(out);
}

static void pipeline_json(const struct pipeline_stats *s, struct json *out)
{
    json_begin_object(out, "pipeline");
    json_int(out, "frames", s->frames);
    json_int(out, "looks", s->looks);
    json_int(out, "regions", s->regions);
    json_int(out, "overwritten_looks", s->overwritten);
    json_int(out, "stale_looks", s->stale);
    json_int(out, "skipped_packets", s->skipped_packets);
    json_int(out, "dropped_frames", s->dropped_frames);
    json_double(out, "decode_s", (double)s->decode_us / US_PER_S, 3);
    json_double(out, "motion_s", (double)s->motion_us / US_PER_S, 3);
    json_double(out, "detect_s", (double)s->infer_us / US_PER_S, 3);
    json_double(out, "scene_s", (double)s->scene_us / US_PER_S, 3);
    json_double(out, "risk_s", (double)s->risk_us / US_PER_S, 3);
    json_end_object(out);
}

/* Where memory goes: the whole as the kernel sees it, and what the cameras hold of it. */
static void memory_json(const struct pipeline_stats *s, struct json *out)
{
    struct process_usage usage = process_usage();
    json_begin_object(out, "memory");
    json_int(out, "resident_bytes", usage.resident_bytes);
    json_int(out, "anonymous_bytes", usage.anonymous_bytes);
    json_int(out, "packet_bytes", s->packet_bytes);
    json_int(out, "idle_bytes", s->idle_bytes);
    json_int(out, "frame_bytes", s->frame_bytes);
    json_end_object(out);
    json_int(out, "threads", usage.threads);
    json_int(out, "descriptors", usage.descriptors);
}

static void shadow_json(const struct config *config, const struct risk_shadow_stats *s,
                        struct json *out)
{
    if (!config->risk.shadow[0]) {
        json_put_null(out, "shadow_rules");
        return;
    }
    json_begin_object(out, "shadow_rules");
    json_text(out, "file", config->risk.shadow);
    json_int(out, "events", s->events);
    json_int(out, "raised", s->raised);
    json_int(out, "lowered", s->lowered);
    json_int(out, "alarms_added", s->alarms_added);
    json_int(out, "alarms_removed", s->alarms_removed);
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
        struct pipeline_stats stats = pipeline_stats(d->pipeline);
        pipeline_json(&stats, out);
        memory_json(&stats, out);
        shadow_json(d->config, &stats.shadow, out);
    }
    if (d->judge) {
        struct judge_stats judge = judge_stats(d->judge);
        judge_stats_json(out, "language_model", &judge);
    } else {
        json_put_null(out, "language_model");
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
    if (!store_open(&store, &d->store, err) ||
        !keep_open(d->store, log_child(&d->log, "store"), &d->keep, err))
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

static void announce(const struct daemon *d, const struct detector_info *info)
{
    log_info(&d->log, "detector %s, %s", info->name, info->backend);
    if (info->reason[0])
        log_warn(&d->log, "detector %s: %s", info->name, info->reason);
    if (info->note[0])
        log_warn(&d->log, "detector %s: %s", info->name, info->note);
}

/* Where no server is configured, windows are kept for one only once it has been found: nobody waits
 * for a verdict that never comes. What closes while everything stops still asks. Risk thread. */
static bool is_model_known(void *ctx)
{
    struct daemon *d = ctx;
    pthread_mutex_lock(&d->lock);
    d->model_known |= d->judge && judge_has_worked(d->judge);
    bool known = d->model_known;
    pthread_mutex_unlock(&d->lock);
    return known;
}

/* What was found where nothing is configured is there still if that has not changed. Main thread,
 * and no risk thread is running. */
static void learn_model(struct daemon *d, const struct config *config)
{
    const struct llm_conf *llm = &config->risk.llm;
    bool found = !llm->url[0] && !d->config->risk.llm.url[0] && d->model_known;
    d->model_known = found || (llm->url[0] && !llm_is_off(llm));
}

static bool start_judge(struct daemon *d, const struct config *config, struct judge **ret,
                        struct err *err)
{
    if (llm_is_off(&config->risk.llm)) {
        store_bury_jobs(d->store, "risk.llm.url is off"); /* else they would wait for ever */
        return true;
    }
    struct judge_params params = {
        .conf = &config->risk.llm,
        .store = d->store,
        .bus = d->bus,
        .ids = &d->ids,
        .clock = &clock_real,
        .log = log_child(&d->log, "llm"),
    };
    return judge_start(&params, ret, err);
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
        .idle = true,
        .realtime = true,
        .pictures = d->first->store.snapshots,
        .start_wall_us = TIME_UNKNOWN,
        .model_known = is_model_known,
        .model_ctx = d,
    };
    keep_connect(d->keep, &params);
    learn_model(d, config);
    struct judge *judge = NULL;
    bool ok = start_judge(d, config, &judge, err) && pipeline_start(&params, &pipeline, err);
    pthread_mutex_lock(&d->lock);
    d->config = config;
    d->detector = detector;
    d->pipeline = pipeline;
    d->judge = judge;
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
    struct judge *judge = d->judge;
    d->pipeline = NULL;
    d->detector = NULL;
    d->judge = NULL;
    pthread_mutex_unlock(&d->lock);
    judge_stop(&judge);
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
    if (store_stats(d->store).failing) {
        /* The old pipeline could not be stopped: its events wait for the store. */
        log_error(&d->log, "nothing can be stored at the moment; reload again when that is over");
        return true;
    }
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
    store_flush(d->store); /* the new one starts from what the old one kept */
    if (!start_pipeline(d, config, detector, err)) {
        log_err(&d->log, LOG_ERROR, err);
        stop_pipeline(d);
        pthread_mutex_lock(&d->lock);
        d->config = old;
        pthread_mutex_unlock(&d->lock);
        if (!d->left_behind)
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
    if (!d->left_behind)
        keep_close(&d->keep);
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
