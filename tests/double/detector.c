#include "double/detector.h"

#include <stdlib.h>
#include <string.h>

#define BRIGHT       180
#define BRIGHT_SCORE 0.9f

struct bright {
    bool fails;
};

static bool bright_open(void *priv, const struct detect_conf *conf, struct err *err)
{
    struct bright *b = priv;
    b->fails = strcmp(conf->model, "fail") == 0;
    if (strcmp(conf->model, "missing") == 0)
        return err_set(err, ERR_NOT_FOUND, "no model file missing");
    return true;
}

/* Columns and rows of what is bright: half-open, empty when x0 >= x1. */
static void find_bright(const struct frame *frame, int *x0, int *y0, int *x1, int *y1)
{
    *x0 = frame->width, *y0 = frame->height, *x1 = *y1 = 0;
    for (int y = 0; y < frame->height; y++)
        for (int x = 0; x < frame->width; x++)
            if (frame->plane[0][(ptrdiff_t)y * frame->stride[0] + x] > BRIGHT) {
                *x0 = MIN(*x0, x), *x1 = MAX(*x1, x + 1);
                *y0 = MIN(*y0, y), *y1 = MAX(*y1, y + 1);
            }
}

static bool bright_run(void *priv, const struct frame *frame, const struct motion_result *motion,
                       struct detections *ret, struct err *err)
{
    (void)motion;
    const struct bright *b = priv;
    if (b->fails)
        return err_set(err, ERR_INTERNAL, "the double was told to fail");
    int x0, y0, x1, y1;
    find_bright(frame, &x0, &y0, &x1, &y1);
    if (x0 >= x1)
        return true;
    float w = (float)frame->width, h = (float)frame->height;
    ret->items[ret->count++] = (struct detection){
        .box = {(float)x0 / w, (float)y0 / h, (float)x1 / w, (float)y1 / h},
        .score = BRIGHT_SCORE,
        .label = "person",
    };
    return true;
}

static void bright_describe(const void *priv, struct detector_info *ret)
{
    (void)priv;
    STR_COPY(ret->name, "bright");
    STR_COPY(ret->backend, "double");
}

static void nothing_to_close(void *priv)
{
    (void)priv;
}

const struct detector_ops detector_bright = {
    .name = "bright",
    .priv_size = sizeof(struct bright),
    .open = bright_open,
    .run = bright_run,
    .describe = bright_describe,
    .close = nothing_to_close,
};

static bool gated_open(void *priv, const struct detect_conf *conf, struct err *err)
{
    (void)priv, (void)conf, (void)err;
    return true;
}

static bool gated_run(void *priv, const struct frame *frame, const struct motion_result *motion,
                      struct detections *ret, struct err *err)
{
    (void)priv, (void)motion, (void)ret, (void)err;
    struct gate *gate = frame->backing;
    pthread_mutex_lock(&gate->lock);
    int look = gate->arrived++;
    pthread_cond_broadcast(&gate->changed);
    while (look >= gate->allowed)
        pthread_cond_wait(&gate->changed, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
    return true;
}

const struct detector_ops detector_gated = {
    .name = "gated",
    .priv_size = 1,
    .open = gated_open,
    .run = gated_run,
    .describe = bright_describe,
    .close = nothing_to_close,
};

void gate_init(struct gate *gate)
{
    *gate = (struct gate){.arrived = 0};
    pthread_mutex_init(&gate->lock, NULL);
    pthread_cond_init(&gate->changed, NULL);
}

void gate_done(struct gate *gate)
{
    pthread_mutex_destroy(&gate->lock);
    pthread_cond_destroy(&gate->changed);
}

void gate_open(struct gate *gate, int looks)
{
    pthread_mutex_lock(&gate->lock);
    gate->allowed += looks;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

void gate_wait_arrived(struct gate *gate, int looks)
{
    pthread_mutex_lock(&gate->lock);
    while (gate->arrived < looks)
        pthread_cond_wait(&gate->changed, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
}

static void keep_gate(void *backing)
{
    (void)backing;
}

struct frame *gate_frame(struct gate *gate, int camera, int64_t pts_us)
{
    struct frame_pool *pool = frame_pool_new(1);
    struct frame *f = frame_from_pool(pool);
    frame_pool_unref(&pool);
    f->camera = camera;
    f->pts_us = pts_us;
    f->backing = gate;
    f->release = keep_gate;
    return f;
}
