#include "double/detector.h"

#include "detect/letterbox.h"

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

/* Columns and rows of what is bright in a part: half-open, empty when x0 >= x1. */
static void find_bright(const struct frame *frame, const struct crop *part, int *x0, int *y0,
                        int *x1, int *y1)
{
    *x0 = frame->width, *y0 = frame->height, *x1 = *y1 = 0;
    for (int y = part->y; y < part->y + part->height; y++)
        for (int x = part->x; x < part->x + part->width; x++)
            if (frame->plane[0][(ptrdiff_t)y * frame->stride[0] + x] > BRIGHT) {
                *x0 = MIN(*x0, x), *x1 = MAX(*x1, x + 1);
                *y0 = MIN(*y0, y), *y1 = MAX(*y1, y + 1);
            }
}

static void look_for_bright(struct look *look)
{
    const struct frame *frame = look->frame;
    struct detections *ret = look->ret;
    struct crop part = crop_of(look->region, frame->width, frame->height);
    int x0, y0, x1, y1;
    find_bright(frame, &part, &x0, &y0, &x1, &y1);
    if (x0 >= x1)
        return;
    float w = (float)frame->width, h = (float)frame->height;
    ret->items[ret->count++] = (struct detection){
        .box = {(float)x0 / w, (float)y0 / h, (float)x1 / w, (float)y1 / h},
        .score = BRIGHT_SCORE,
        .label = "person",
    };
}

static bool bright_run(void *priv, struct look *looks, int count, struct err *err)
{
    const struct bright *b = priv;
    if (b->fails)
        return err_set(err, ERR_INTERNAL, "the double was told to fail");
    for (int i = 0; i < count; i++)
        look_for_bright(&looks[i]);
    return true;
}

static void bright_describe(const void *priv, struct detector_info *ret)
{
    (void)priv;
    STR_COPY(ret->name, "bright");
    STR_COPY(ret->backend, "double");
    ret->batch = 1;
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

static void tiled_describe(const void *priv, struct detector_info *ret)
{
    bright_describe(priv, ret);
    ret->width = ret->height = TILE_SIDE;
    ret->batch = TILE_BATCH;
}

const struct detector_ops detector_tiled = {
    .name = "tiled",
    .priv_size = sizeof(struct bright),
    .open = bright_open,
    .run = bright_run,
    .describe = tiled_describe,
    .close = nothing_to_close,
};

struct gated {
    int batch;
};

static bool gated_open(void *priv, const struct detect_conf *conf, struct err *err)
{
    (void)err;
    struct gated *g = priv;
    g->batch = strcmp(conf->model, "batch") == 0 ? GATED_BATCH : 1;
    return true;
}

static bool gated_run(void *priv, struct look *looks, int count, struct err *err)
{
    (void)priv, (void)err;
    struct turnstile *turnstile = looks->frame->backing;
    pthread_mutex_lock(&turnstile->lock);
    turnstile->arrived += count;
    int last = turnstile->arrived;
    pthread_cond_broadcast(&turnstile->changed);
    while (last > turnstile->allowed)
        pthread_cond_wait(&turnstile->changed, &turnstile->lock);
    pthread_mutex_unlock(&turnstile->lock);
    return true;
}

static void gated_describe(const void *priv, struct detector_info *ret)
{
    const struct gated *g = priv;
    STR_COPY(ret->name, "gated");
    STR_COPY(ret->backend, "double");
    ret->batch = g->batch;
}

const struct detector_ops detector_gated = {
    .name = "gated",
    .priv_size = sizeof(struct gated),
    .open = gated_open,
    .run = gated_run,
    .describe = gated_describe,
    .close = nothing_to_close,
};

void turnstile_init(struct turnstile *turnstile)
{
    *turnstile = (struct turnstile){.arrived = 0};
    pthread_mutex_init(&turnstile->lock, NULL);
    pthread_cond_init(&turnstile->changed, NULL);
}

void turnstile_done(struct turnstile *turnstile)
{
    pthread_mutex_destroy(&turnstile->lock);
    pthread_cond_destroy(&turnstile->changed);
}

void turnstile_open(struct turnstile *turnstile, int looks)
{
    pthread_mutex_lock(&turnstile->lock);
    turnstile->allowed += looks;
    pthread_cond_broadcast(&turnstile->changed);
    pthread_mutex_unlock(&turnstile->lock);
}

void turnstile_wait_arrived(struct turnstile *turnstile, int looks)
{
    pthread_mutex_lock(&turnstile->lock);
    while (turnstile->arrived < looks)
        pthread_cond_wait(&turnstile->changed, &turnstile->lock);
    pthread_mutex_unlock(&turnstile->lock);
}

static void keep_turnstile(void *backing)
{
    (void)backing;
}

struct frame *turnstile_frame(struct turnstile *turnstile, int camera, int64_t pts_us)
{
    struct frame_pool *pool = frame_pool_new(1);
    struct frame *f = frame_from_pool(pool);
    frame_pool_unref(&pool);
    f->camera = camera;
    f->pts_us = pts_us;
    f->backing = turnstile;
    f->release = keep_turnstile;
    return f;
}
