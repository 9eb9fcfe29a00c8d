/* Every look of the detection stage at one recording, as one JSON line each, and what all of them
 * cost: what tools that compare ways of looking start from. The gate, the cadence and the stage are
 * hsi's own; time is the detect thread's CPU time, so that a busy machine does not count.
 *
 *     bench_looks LIBONNXRUNTIME CLIP MODEL on|off|auto LOOKS_PER_SECOND WHOLE_EVERY_S
 */
#include "base/json.h"
#include "capture/capture.h"
#include "decode/decode.h"
#include "detect/detect.h"
#include "motion/motion.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POOL_FRAMES 64

struct program {
    double fps;
    struct decoder *decoder;
    struct motion *motion;
    struct motion_conf motion_conf;
    struct detect *detect;
    int64_t refresh_us, next_look_us;
    bool was_active;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* protected by lock */
    bool slot_free, ended;
};

static int64_t thread_cpu_us(const struct clock *clock)
{
    (void)clock;
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * US_PER_S + t.tv_nsec / 1000;
}

static int64_t no_wall_us(const struct clock *clock)
{
    (void)clock;
    return TIME_UNKNOWN;
}

static const struct clock cpu_clock = {thread_cpu_us, no_wall_us};

static void put_box(struct json *j, const char *name, struct box b)
{
    json_array(j, name);
    json_double(j, NULL, b.x0, 4);
    json_double(j, NULL, b.y0, 4);
    json_double(j, NULL, b.x1, 4);
    json_double(j, NULL, b.y1, 4);
    json_end_array(j);
}

static void put_found(struct json *j, const struct detections *found)
{
    json_array(j, "found");
    for (int i = 0; i < found->count; i++) {
        json_object(j, NULL);
        json_text(j, "label", found->items[i].label);
        json_double(j, "score", found->items[i].score, 3);
        put_box(j, "box", found->items[i].box);
        json_end_object(j);
    }
    json_end_array(j);
}

static void print_look(const struct observation *o)
{
    struct json j;
    json_init(&j);
    json_object(&j, NULL);
    json_double(&j, "at_s", (double)o->pts_us / (double)US_PER_S, 3);
    json_double(&j, "ms", (double)o->infer_us / 1000, 3);
    json_array(&j, "motion");
    for (int i = 0; i < o->motion.box_count; i++)
        put_box(&j, NULL, o->motion.boxes[i]);
    json_end_array(&j);
    json_array(&j, "looked");
    for (int i = 0; i < o->looked_count; i++)
        put_box(&j, NULL, o->looked[i]);
    json_end_array(&j);
    put_found(&j, &o->detections);
    json_end_object(&j);
    puts(j.text);
    json_done(&j);
}

/* detect_sink_fn. */
static void take_observation(void *ctx, struct observation *o)
{
    struct program *p = ctx;
    if (o->analysed)
        print_look(o);
    pthread_mutex_lock(&p->lock);
    p->ended |= o->end;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    observation_free(&o);
}

static void hear_emptied(void *ctx, int camera)
{
    (void)camera;
    struct program *p = ctx;
    pthread_mutex_lock(&p->lock);
    p->slot_free = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

static void push(struct program *p, struct observation *o)
{
    o->keep = true;
    pthread_mutex_lock(&p->lock);
    p->slot_free = false;
    pthread_mutex_unlock(&p->lock);
    while (!detect_push(p->detect, &o)) {
        pthread_mutex_lock(&p->lock);
        while (!p->slot_free)
            pthread_cond_wait(&p->changed, &p->lock);
        p->slot_free = false;
        pthread_mutex_unlock(&p->lock);
    }
}

/* decoder_sink_fn. The cadence is vision's. */
static void see_frame(void *ctx, struct frame *frame)
{
    struct program *p = ctx;
    struct observation *o = observation_new(0);
    motion_push(p->motion, frame, false, &o->motion);
    bool rises = o->motion.active && !p->was_active;
    p->was_active = o->motion.active;
    int64_t now_us = frame->pts_us;
    o->pts_us = now_us;
    o->frame = frame;
    if (rises || now_us >= p->next_look_us) {
        int64_t look_us = (int64_t)((double)US_PER_S / p->fps);
        int64_t step_us = o->motion.active ? look_us : p->refresh_us;
        int64_t beat_us = p->next_look_us + step_us;
        p->next_look_us = rises || beat_us <= now_us ? now_us + step_us : beat_us;
        o->analyse = true;
        push(p, o);
        return;
    }
    observation_free(&o);
}

/* capture_sink_fn. */
static void see_packet(void *ctx, struct packet *packet)
{
    struct program *p = ctx;
    struct err err = {0};
    if (!decoder_send(p->decoder, packet, see_frame, p, &err))
        fprintf(stderr, "%s\n", err.msg);
    if (packet->end) {
        struct observation *o = observation_new(0);
        o->pts_us = packet->pts_us;
        o->end = true;
        push(p, o);
    }
    packet_unref(&packet);
}

static bool set_up(struct detect_conf *conf, char **argv, struct program *p)
{
    static const char *const modes[] = {"auto", "on", "off"};
    opt_defaults(&detect_section, conf);
    opt_defaults(&motion_section, &p->motion_conf);
    STR_COPY(conf->library, argv[1]);
    STR_COPY(conf->model, argv[3]);
    conf->provider = PROVIDER_CPU;
    conf->regions = -1;
    for (size_t i = 0; i < ARRAY_LEN(modes); i++)
        if (strcmp(argv[4], modes[i]) == 0)
            conf->regions = (int)i;
    p->fps = strtod(argv[5], NULL);
    conf->whole_every_us = (int64_t)(strtod(argv[6], NULL) * (double)US_PER_S);
    p->refresh_us = p->motion_conf.refresh_us;
    return conf->regions >= 0 && p->fps > 0;
}

static bool run(struct program *p, const struct detect_conf *conf, const char *clip,
                struct err *err)
{
    AUTO(detector_close) struct detector *detector = NULL;
    if (!detector_open(conf, NULL, &detector, err))
        return false;
    struct detect_params params = {.detector = detector,
                                   .cameras = 1,
                                   .emptied = hear_emptied,
                                   .clock = &cpu_clock,
                                   .sink = take_observation,
                                   .sink_ctx = p};
    struct capture_conf source;
    opt_defaults(&capture_section, &source);
    STR_COPY(source.url, clip);
    struct capture *capture = NULL;
    if (!detect_start(&params, &p->detect, err) ||
        !capture_start(&(struct capture_params){.name = "bench",
                                                .conf = &source,
                                                .start_wall_us = TIME_UNKNOWN,
                                                .clock = &clock_real,
                                                .sink = see_packet,
                                                .sink_ctx = p},
                       &capture, err))
        return false;
    pthread_mutex_lock(&p->lock);
    while (!p->ended)
        pthread_cond_wait(&p->changed, &p->lock);
    pthread_mutex_unlock(&p->lock);
    capture_stop(capture);
    capture_join(&capture);
    struct detect_stats stats = detect_stats(p->detect);
    printf("{\"inferences\":%lld,\"regions\":%lld,\"ms\":%.1f}\n", (long long)stats.inferences,
           (long long)stats.regions, (double)stats.infer_us / 1000);
    detect_stop(&p->detect);
    return true;
}

int main(int argc, char **argv)
{
    struct program p = {.next_look_us = INT64_MIN / 2};
    struct detect_conf conf;
    if (argc != 7 || !set_up(&conf, argv, &p)) {
        fprintf(stderr,
                "usage: %s LIBONNXRUNTIME CLIP MODEL on|off|auto LOOKS_PER_SECOND WHOLE_EVERY_S\n",
                argv[0]);
        return 2;
    }
    pthread_mutex_init(&p.lock, NULL);
    pthread_cond_init(&p.changed, NULL);
    p.decoder = decoder_new(0, POOL_FRAMES, NULL);
    p.motion = motion_new(&p.motion_conf);
    struct err err = {0};
    bool ok = run(&p, &conf, argv[2], &err);
    if (!ok)
        fprintf(stderr, "%s\n", err.msg);
    motion_free(&p.motion);
    decoder_free(&p.decoder);
    return ok ? 0 : 1;
}
