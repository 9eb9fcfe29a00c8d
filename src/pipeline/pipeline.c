#include "pipeline/pipeline.h"

#include "pipeline/internal.h"

#include <errno.h>
#include <stdlib.h>
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

void pipeline_input_ended(struct pipeline *p)
{
    pthread_mutex_lock(&p->lock);
    p->ended++;
    pthread_cond_broadcast(&p->ended_changed);
    pthread_mutex_unlock(&p->lock);
}

/* batch_sink_fn. */
static void send_event(void *ctx, struct event *event)
{
    struct camera *c = ctx;
    queue_push(c->pipeline->events, event);
}

static void drop_event(void *item)
{
    struct event *event = item;
    event_unref(&event);
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
    struct risk_context context = {.zones = &c->conf->zones, .lines = &c->conf->lines};
    struct err err = {0};
    int64_t before_us = clock_mono_us(p->params.clock);
    if (!scorer_score(p->scorer, event, &context, &event->verdict, &err))
        log_err(&c->log, LOG_ERROR, &err);
    count(&p->risk_us, clock_mono_us(p->params.clock) - before_us);
    p->params.event_sink(p->params.sink_ctx, event);
}

static void risk_main(void *arg)
{
    struct pipeline *p = arg;
    struct event *event;
    while ((event = queue_pop(p->events)))
        judge(p, event);
}

static void init_camera(struct pipeline *p, int index)
{
    const struct pipeline_params *params = &p->params;
    struct camera *c = &p->cameras[index];
    c->pipeline = p;
    c->conf = config_camera(params->config, index);
    c->index = index;
    c->log = log_child(&params->log, c->conf->name);
    pthread_mutex_init(&c->live_lock, NULL);
    c->packets = queue_new(params->realtime ? PACKETS_LIVE : PACKETS_LOSSLESS, QUEUE_BLOCK,
                           drop_packet);
    c->decoder = decoder_new(index, params->realtime ? FRAMES_PER_CAMERA : FRAMES_LOSSLESS,
                             &params->config->decode);
    c->motion = motion_new(&c->conf->motion);
    c->next_look_us = c->last_sent_us = INT64_MIN / 2;
    c->scene_us = INT64_MIN;
    c->tracker = tracker_new(&(struct tracker_params){
        .conf = &params->config->track,
        .zones = &c->conf->zones,
        .lines = &c->conf->lines,
        .ids = params->ids,
        .pictures = params->pictures,
    });
    c->batch = batch_new(&params->config->batch, index, c->conf->name, params->ids, send_event, c);
    c->held_end = &c->held;
    strand_init(&c->strand, p->vision, vision_run, c);
}

static bool start_capture(struct camera *c, struct err *err)
{
    const struct pipeline_params *params = &c->pipeline->params;
    if (!c->conf->enabled) {
        pipeline_input_ended(c->pipeline);
        return true;
    }
    return capture_start(
        &(struct capture_params){
            .camera = c->index,
            .name = c->conf->name,
            .conf = &c->conf->capture,
            .start_wall_us = params->start_wall_us,
            .realtime = params->realtime,
            .clock = params->clock,
            .log = log_child(&c->log, "capture"),
            .bus = params->bus,
            .sink = vision_receive,
            .sink_ctx = c,
        },
        &c->capture, err);
}

static bool start_stages(struct pipeline *p, struct err *err)
{
    const struct pipeline_params *params = &p->params;
    int cores = (int)sysconf(_SC_NPROCESSORS_ONLN);
    int workers = CLAMP(cores, 1, MAX(p->camera_count, 1));
    if (!scorer_open(&scorer_rules, &params->config->risk, &p->scorer, err) ||
        !pool_start(workers, ROLE_VISION, "vision", &p->vision, err))
        return false;
    for (int i = 0; i < p->camera_count; i++)
        init_camera(p, i);
    struct detect_params detect = {
        .detector = params->detector,
        .cameras = MAX(p->camera_count, 1),
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

bool pipeline_start(const struct pipeline_params *params, struct pipeline **ret, struct err *err)
{
    struct pipeline *p = NEW(struct pipeline);
    p->params = *params;
    p->camera_count = params->config->cameras.count;
    p->cameras = xcalloc((size_t)p->camera_count, sizeof *p->cameras);
    p->observations = queue_new(OBSERVATIONS_MAX, QUEUE_BLOCK, drop_observation);
    p->events = queue_new(EVENTS_MAX, QUEUE_BLOCK, drop_event);
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&p->ended_changed, &attr);
    pthread_condattr_destroy(&attr);
    bool ok = start_stages(p, err);
    for (int i = 0; ok && i < p->camera_count; i++)
        ok = start_capture(&p->cameras[i], err);
    if (!ok) {
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
    decoder_free(&c->decoder);
    motion_free(&c->motion);
    tracker_free(&c->tracker);
    batch_free(&c->batch);
    queue_free(&c->packets);
    frame_unref(&c->live_frame);
    pthread_mutex_destroy(&c->live_lock);
}

/* Asks all captures to stop, then waits for them together. Gives how many had to be left. */
static int stop_captures(struct pipeline *p)
{
    for (int i = 0; i < p->camera_count; i++) {
        if (p->cameras[i].capture)
            capture_stop(p->cameras[i].capture);
        if (p->cameras[i].packets)
            queue_close(p->cameras[i].packets);
    }
    int64_t until_us = clock_mono_us(&clock_real) + CAPTURE_STOP_US;
    int left = 0;
    for (int i = 0; i < p->camera_count; i++) {
        int64_t rest_us = MAX(until_us - clock_mono_us(&clock_real), 0);
        if (!capture_join_within(&p->cameras[i].capture, rest_us)) {
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
    bool clean = stop_captures(p) == 0;
    if (p->vision)
        pool_join(p->vision);
    detect_stop(&p->detect); /* until then it may still wake a camera */
    pool_stop(&p->vision);
    queue_close(p->observations);
    thread_join(&p->scene);
    queue_close(p->events);
    thread_join(&p->risk);
    for (int i = 0; i < p->camera_count; i++)
        if (p->cameras[i].pipeline)
            free_camera(&p->cameras[i]);
    queue_free(&p->observations);
    queue_free(&p->events);
    scorer_close(&p->scorer);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->ended_changed);
    free(p->cameras);
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
    while (p->ended < p->camera_count && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&p->ended_changed, &p->lock, &until);
    bool ended = p->ended >= p->camera_count;
    pthread_mutex_unlock(&p->lock);
    return ended;
}

static int64_t read_count(const atomic_llong *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
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
    for (int i = 0; i < p->camera_count; i++)
        if (p->cameras[i].capture)
            least = MIN(least, capture_progress(p->cameras[i].capture));
    return least;
}

struct frame *pipeline_camera_frame(struct pipeline *p, int camera, struct detections *ret_boxes)
{
    struct camera *c = &p->cameras[camera];
    pthread_mutex_lock(&c->live_lock);
    struct frame *frame = c->live_frame ? frame_ref(c->live_frame) : NULL;
    *ret_boxes = c->live_boxes;
    pthread_mutex_unlock(&c->live_lock);
    return frame;
}

void pipeline_camera_json(struct pipeline *p, int camera, struct json *out)
{
    struct camera *c = &p->cameras[camera];
    struct capture_status status = {.state = CAMERA_ENDED};
    if (c->capture)
        capture_status(c->capture, &status);
    json_text(out, "name", c->conf->name);
    json_bool(out, "enabled", c->conf->enabled);
    json_text(out, "state", camera_state_names[status.state]);
    pthread_mutex_lock(&c->live_lock);
    if (!status.reason[0] && c->failure.code != ERR_NONE)
        STR_COPY(status.reason, c->failure.msg); /* online, but nothing can be seen */
    pthread_mutex_unlock(&c->live_lock);
    json_text(out, "reason", status.reason[0] ? status.reason : NULL);
    struct detections boxes;
    AUTO(frame_unref) struct frame *frame = pipeline_camera_frame(p, camera, &boxes);
    json_int(out, "width", frame ? frame->width : 0);
    json_int(out, "height", frame ? frame->height : 0);
    json_time(out, "picture_at", frame ? frame->wall_us : TIME_UNKNOWN);
    json_int(out, "frames", read_count(&c->frames));
    json_int(out, "looks", read_count(&c->looks));
    json_int(out, "skipped_packets", read_count(&c->skipped));
    json_int(out, "dropped_frames", read_count(&c->dropped));
    json_int(out, "damaged_frames", read_count(&c->damaged));
}

struct pipeline_stats pipeline_stats(struct pipeline *p)
{
    struct pipeline_stats s = {0};
    for (int i = 0; i < p->camera_count; i++) {
        const struct camera *c = &p->cameras[i];
        s.frames += read_count(&c->frames);
        s.looks += read_count(&c->looks);
        s.skipped_packets += read_count(&c->skipped);
        s.dropped_frames += read_count(&c->dropped);
        s.decode_us += read_count(&c->decode_us);
        s.motion_us += read_count(&c->motion_us);
    }
    struct detect_stats detect = detect_stats(p->detect);
    s.overwritten = detect.overwritten;
    s.failed_looks = detect.failed;
    s.infer_us = detect.infer_us;
    s.scene_us = read_count(&p->scene_us);
    s.risk_us = read_count(&p->risk_us);
    return s;
}
