#include "pipeline/pipeline.h"

#include "pipeline/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PACKETS_LIVE     256 /* of one camera waiting for vision: ten seconds at 25 frames a second */
#define PACKETS_LOSSLESS 16
#define OBSERVATIONS_MAX 64
#define CAPTURE_STOP_US  (1200 * US_PER_MS) /* Ctrl-C is done in two seconds */
#define EVENTS_MAX       64                 /* an event snapshot has some hundred kilobytes */
#define FRAMES_PER_CAMERA                                                                          \
    8 /* in vision, the slot, the detector, the scene's queue and on the page */
#define FRAMES_LOSSLESS (OBSERVATIONS_MAX + FRAMES_PER_CAMERA)
#define CLIENT_AWAKE_US (5 * US_PER_S) /* after somebody has asked for a picture */

void pipeline_input_ended(struct pipeline *p)
{
    pthread_mutex_lock(&p->lock);
    p->ended++;
    pthread_cond_broadcast(&p->ended_changed);
    pthread_mutex_unlock(&p->lock);
}

struct news *news_new(struct event *event, struct upload *upload)
{
    struct news *news = NEW(struct news);
    *news = (struct news){.event = event, .upload = upload};
    return news;
}

struct news *news_watched(struct camera *camera, int64_t from_us, int64_t to_us)
{
    struct news *news = NEW(struct news);
    *news = (struct news){.watched = camera, .from_us = from_us, .to_us = to_us};
    return news;
}

static void news_free(struct news **news)
{
    if (*news && (*news)->event)
        event_unref(&(*news)->event);
    if (*news && (*news)->upload)
        upload_unref(&(*news)->upload);
    free(*news);
    *news = NULL;
}

/* batch_sink_fn. */
static void send_event(void *ctx, struct event *event)
{
    struct camera *c = ctx;
    queue_push(c->pipeline->news, news_new(event, NULL));
}

static void drop_news(void *item)
{
    struct news *news = item;
    news_free(&news);
}

static void drop_observation(void *item)
{
    struct observation *o = item;
    observation_free(&o);
}

static void drop_packet(void *item)
{
    struct packet *packet = item;
    packet_unref(&packet);
}

/* Every event is scored before anybody sees it; one that cannot be judged says so. */
static void judge(struct pipeline *p, struct event *event)
{
    ASSERT_ON(ROLE_RISK);
    const struct camera *c = &p->cameras[event->camera];
    int64_t before_us = clock_mono_us(p->params.clock);
    risk_judge(p->assessor, event, &c->conf->zones, &c->conf->lines);
    count(&p->risk_us, clock_mono_us(p->params.clock) - before_us);
    p->params.event_sink(p->params.sink_ctx, event);
}

static void risk_main(void *arg)
{
    struct pipeline *p = arg;
    struct news *news;
    while ((news = queue_pop(p->news))) {
        if (news->event)
            judge(p, TAKE(news->event));
        else if (news->watched)
            risk_watched(p->assessor, news->watched->conf->name, news->from_us, news->to_us);
        else if (p->params.upload_sink)
            p->params.upload_sink(p->params.sink_ctx, TAKE(news->upload));
        news_free(&news);
    }
}

static void load_parked(struct camera *c)
{
    const struct pipeline_params *params = &c->pipeline->params;
    c->memory = memory_new(params->config->track.remember_us);
    if (!params->parked_load)
        return;
    AUTO(free_ptr) struct parked *items = xcalloc(PARKED_MAX, sizeof *items);
    memory_load(c->memory, items, params->parked_load(params->sink_ctx, c->conf->name, items));
}

/* Shadow checks of different cameras fall into different minutes. */
static uint64_t seed_of(const char *name)
{
    uint64_t seed = UINT64_C(0xcbf29ce484222325);
    for (; *name; name++)
        seed = (seed ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
    return seed;
}

static void init_stages(struct camera *c)
{
    const struct pipeline_params *params = &c->pipeline->params;
    bool lossless = !params->realtime || c->recorded;
    c->packets = queue_new(lossless ? PACKETS_LOSSLESS : PACKETS_LIVE, QUEUE_BLOCK, drop_packet);
    c->gate = gate_new(&c->conf->idle, seed_of(c->conf->name), params->idle && !c->recorded);
    if (params->idle && !c->conf->motion.enabled)
        gate_give_up(c->gate, "motion is switched off, so every picture is looked at");
    c->decoder = decoder_new(c->index, lossless ? FRAMES_LOSSLESS : FRAMES_PER_CAMERA,
                             &params->config->decode);
    c->motion = motion_new(&c->conf->motion);
    c->view = view_new();
    c->next_look_us = c->last_sent_us = c->passed_us = c->next_view_us = INT64_MIN / 2;
    c->held_end = &c->held;
    c->scene_us = INT64_MIN;
    load_parked(c);
    c->tracker = tracker_new(&(struct tracker_params){
        .conf = &params->config->track,
        .zones = &c->conf->zones,
        .lines = &c->conf->lines,
        .ids = params->ids,
        .memory = c->memory,
        .pictures = params->pictures,
    });
    c->batch = batch_new(&params->config->batch, c->index, c->conf->name, params->ids, send_event,
                         c);
}

static void init_camera(struct pipeline *p, int index, const struct camera_conf *conf)
{
    struct camera *c = &p->cameras[index];
    c->pipeline = p;
    c->conf = conf;
    c->index = index;
    c->recorded = p->params.realtime && capture_find(conf->capture.url)->recorded;
    c->log = log_child(&p->params.log, conf->name);
    pthread_mutex_init(&c->live_lock, NULL);
    c->decoding.hardware = decode_hardware_names[DECODE_OFF];
    init_stages(c);
    strand_init(&c->strand, p->vision, vision_run, c);
}

static bool start_capture(struct camera *c, struct err *err)
{
    const struct pipeline_params *params = &c->pipeline->params;
    if (!c->conf->enabled) {
        pipeline_input_ended(c->pipeline);
        return true;
    }
    struct capture *capture = NULL;
    bool ok = capture_start(
        &(struct capture_params){
            .camera = c->index,
            .name = c->conf->name,
            .conf = &c->conf->capture,
            .start_wall_us = params->start_wall_us,
            .realtime = params->realtime,
            .clock = params->clock,
            .log = log_child(&c->log, "capture"),
            .bus = params->bus,
            .upload_find = params->upload_find,
            .upload_ctx = params->sink_ctx,
            .sink = vision_receive,
            .sink_ctx = c,
        },
        &capture, err);
    pthread_mutex_lock(&c->live_lock);
    c->capture = capture;
    pthread_mutex_unlock(&c->live_lock);
    return ok;
}

bool camera_status(struct camera *c, struct capture_status *ret)
{
    pthread_mutex_lock(&c->live_lock);
    bool has = c->capture != NULL;
    if (has)
        capture_status(c->capture, ret);
    pthread_mutex_unlock(&c->live_lock);
    return has;
}

static bool start_stages(struct pipeline *p, struct err *err)
{
    const struct pipeline_params *params = &p->params;
    int cores = (int)sysconf(_SC_NPROCESSORS_ONLN);
    int workers = params->realtime ? cores : CLAMP(cores, 1, MAX(pipeline_count(p), 1));
    struct risk_params risk = {
        .conf = &params->config->risk,
        .log = log_child(&params->log, "risk"),
        .offsets_of = params->offsets_of,
        .baseline_load = params->baseline_load,
        .baseline_sink = params->baseline_sink,
        .ctx = params->sink_ctx,
        .model_known = params->model_known,
        .model_ctx = params->model_ctx,
    };
    if (!risk_open(&risk, &p->assessor, err) ||
        !pool_start(workers, ROLE_VISION, "vision", &p->vision, err))
        return false;
    for (int i = 0; i < pipeline_count(p); i++)
        init_camera(p, i, config_camera(params->config, i));
    struct detect_params detect = {
        .detector = params->detector,
        .cameras = CAMERAS_MAX,
        .emptied = vision_slot_emptied,
        .clock = params->clock,
        .log = log_child(&params->log, "detect"),
        .sink = scene_receive,
        .sink_ctx = p,
    };
    return thread_start(&p->risk, ROLE_RISK, "risk", risk_main, p, err) &&
           thread_start(&p->scene, ROLE_SCENE, "scene", scene_main, p, err) &&
           detect_start(&detect, &p->detect, err);
}

/* inbox_found_fn: a folder of uploads. One that a camera of the configuration is named after, or
 * that was there before, is no news. */
static bool add_camera(void *ctx, const char *name, const char *path, struct err *err)
{
    struct pipeline *p = ctx;
    int index = pipeline_count(p);
    for (int i = 0; i < index; i++)
        if (strcmp(p->cameras[i].conf->name, name) == 0)
            return true;
    if (index == CAMERAS_MAX)
        return err_set(err, ERR_EXHAUSTED, "there are %d cameras already", CAMERAS_MAX);
    char url[CAPTURE_URL_BYTES];
    if ((size_t)snprintf(url, sizeof url, "folder:%s", path) >= sizeof url)
        return err_set(err, ERR_INVALID, "its path is longer than %d", CAPTURE_URL_BYTES - 8);
    struct camera_conf *conf = NEW(struct camera_conf);
    opt_defaults(&camera_section, conf);
    STR_COPY(conf->name, name);
    STR_COPY(conf->capture.url, url);
    conf->capture.after = p->params.config->uploads.after;
    p->found[p->found_count++] = conf;
    init_camera(p, index, conf);
    bool ok = start_capture(&p->cameras[index], err);
    atomic_store_explicit(&p->camera_count, index + 1, memory_order_release);
    return ok;
}

static bool start_inputs(struct pipeline *p, struct err *err)
{
    const struct config *config = p->params.config;
    for (int i = 0; i < config->cameras.count; i++)
        if (!start_capture(&p->cameras[i], err))
            return false;
    if (!p->params.realtime || !config->uploads.path[0])
        return true;
    struct inbox_params inbox = {
        .conf = &config->uploads,
        .log = log_child(&p->params.log, "uploads"),
        .found = add_camera,
        .ctx = p,
    };
    return inbox_start(&inbox, &p->inbox, err);
}

bool pipeline_start(const struct pipeline_params *params, struct pipeline **ret, struct err *err)
{
    struct pipeline *p = NEW(struct pipeline);
    p->params = *params;
    atomic_init(&p->camera_count, params->config->cameras.count);
    p->cameras = xcalloc(CAMERAS_MAX, sizeof *p->cameras);
    p->observations = queue_new(OBSERVATIONS_MAX, QUEUE_BLOCK, drop_observation);
    p->news = queue_new(EVENTS_MAX, QUEUE_BLOCK, drop_news);
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&p->ended_changed, &attr);
    pthread_condattr_destroy(&attr);
    if (!start_stages(p, err) || !start_inputs(p, err)) {
        pipeline_stop(&p);
        return false;
    }
    *ret = p;
    return true;
}

static void free_camera(struct camera *c)
{
    while (c->held) {
        struct observation *next = c->held->next;
        observation_free(&c->held);
        c->held = next;
    }
    gate_free(&c->gate);
    decoder_free(&c->decoder);
    motion_free(&c->motion);
    motion_free(&c->key_motion);
    view_free(&c->view);
    tracker_free(&c->tracker);
    memory_free(&c->memory);
    batch_free(&c->batch);
    queue_free(&c->packets);
    frame_unref(&c->live_frame);
    pthread_mutex_destroy(&c->live_lock);
}

/* Asks all captures to stop, then waits for them together. Gives how many had to be left. */
static int stop_captures(struct pipeline *p)
{
    for (int i = 0; i < pipeline_count(p); i++) {
        if (p->cameras[i].capture)
            capture_stop(p->cameras[i].capture);
        if (p->cameras[i].packets)
            queue_close(p->cameras[i].packets);
    }
    int64_t until_us = clock_mono_us(&clock_real) + CAPTURE_STOP_US;
    int left = 0;
    for (int i = 0; i < pipeline_count(p); i++) {
        int64_t rest_us = MAX(until_us - clock_mono_us(&clock_real), 0);
        pthread_mutex_lock(&p->cameras[i].live_lock);
        struct capture *capture = TAKE(p->cameras[i].capture);
        pthread_mutex_unlock(&p->cameras[i].live_lock);
        if (!capture_join_within(&capture, rest_us)) {
            log_warn(&p->cameras[i].log, "its connection does not answer; left behind");
            left++;
        }
    }
    return left;
}

bool pipeline_stop(struct pipeline **pipeline)
{
    struct pipeline *p = *pipeline;
    if (!p)
        return true;
    atomic_store_explicit(&p->stopping, true, memory_order_relaxed);
    inbox_stop(p->inbox);
    inbox_join(&p->inbox); /* no new cameras from here on */
    bool clean = stop_captures(p) == 0;
    if (p->vision)
        pool_join(p->vision);
    detect_stop(&p->detect);
    queue_close(p->observations);
    thread_join(&p->scene);
    pool_stop(&p->vision); /* until now cameras may have been woken, in vain */
    queue_close(p->news);
    thread_join(&p->risk);
    for (int i = 0; i < pipeline_count(p); i++)
        if (p->cameras[i].pipeline)
            free_camera(&p->cameras[i]);
    queue_free(&p->observations);
    queue_free(&p->news);
    risk_close(&p->assessor);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->ended_changed);
    free(p->cameras);
    /* A capture that was left behind still reads its configuration. */
    for (int i = 0; clean && i < p->found_count; i++) {
        opt_free(&camera_section, p->found[i]);
        free(p->found[i]);
    }
    free(p);
    *pipeline = NULL;
    return clean;
}

bool pipeline_wait_ended(struct pipeline *p, int64_t timeout_us)
{
    int64_t until_us = clock_mono_us(&clock_real) + timeout_us;
    struct timespec until = {until_us / US_PER_S, until_us % US_PER_S * 1000};
    pthread_mutex_lock(&p->lock);
    int rc = 0;
    while (p->ended < pipeline_count(p) && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&p->ended_changed, &p->lock, &until);
    bool ended = p->ended >= pipeline_count(p);
    pthread_mutex_unlock(&p->lock);
    return ended;
}

bool pipeline_input_result(struct pipeline *p, int camera, struct err *err)
{
    struct camera *c = &p->cameras[camera];
    if (c->capture && !capture_result(c->capture, err))
        return false;
    pthread_mutex_lock(&c->live_lock);
    struct err failure = c->failure;
    pthread_mutex_unlock(&c->live_lock);
    if (failure.code != ERR_NONE) {
        *err = failure;
        return false;
    }
    if (read_count(&c->frames) == 0)
        return err_set(err, ERR_INVALID, "no picture could be decoded");
    return true;
}

double pipeline_progress(struct pipeline *p)
{
    double least = 1;
    for (int i = 0; i < pipeline_count(p); i++)
        if (p->cameras[i].capture)
            least = MIN(least, capture_progress(p->cameras[i].capture));
    return least;
}

void pipeline_wake(struct camera *c, enum gate_wake why, int64_t until_us)
{
    gate_hold(c->gate, why, until_us);
    if (gate_is_idle(c->gate))
        strand_wake(&c->strand);
}

int pipeline_camera_count(struct pipeline *p)
{
    return pipeline_count(p);
}

const char *pipeline_camera_name(struct pipeline *p, int camera)
{
    return p->cameras[camera].conf->name;
}

struct frame *pipeline_camera_frame(struct pipeline *p, int camera, struct detections *ret_boxes)
{
    struct camera *c = &p->cameras[camera];
    pipeline_wake(c, WAKE_CLIENT, clock_mono_us(p->params.clock) + CLIENT_AWAKE_US);
    pthread_mutex_lock(&c->live_lock);
    struct frame *frame = c->live_frame ? frame_ref(c->live_frame) : NULL;
    *ret_boxes = c->live_boxes;
    pthread_mutex_unlock(&c->live_lock);
    return frame;
}
