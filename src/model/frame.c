#include "model/frame.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct frame_pool {
    atomic_int refs; /* the owner and every frame in use */
    atomic_llong dropped;
    int capacity;
    atomic_int in_use;
};

struct frame_pool *frame_pool_new(int capacity)
{
    struct frame_pool *pool = NEW(struct frame_pool);
    atomic_init(&pool->refs, 1);
    pool->capacity = capacity;
    return pool;
}

void frame_pool_unref(struct frame_pool **pool)
{
    struct frame_pool *p = *pool;
    *pool = NULL;
    if (p && atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) == 1)
        free(p);
}

int64_t frame_pool_dropped(const struct frame_pool *pool)
{
    return atomic_load_explicit(&pool->dropped, memory_order_relaxed);
}

int frame_pool_in_use(const struct frame_pool *pool)
{
    return atomic_load_explicit(&pool->in_use, memory_order_relaxed);
}

static struct frame *frame_blank(void)
{
    struct frame *f = NEW(struct frame);
    atomic_init(&f->refs, 1);
    f->wall_us = TIME_UNKNOWN;
    return f;
}

struct frame *frame_from_pool(struct frame_pool *pool)
{
    /* The big memory, the pixels, is pooled by whoever decodes; here only the count is kept. */
    if (atomic_fetch_add_explicit(&pool->in_use, 1, memory_order_acq_rel) >= pool->capacity) {
        atomic_fetch_sub_explicit(&pool->in_use, 1, memory_order_acq_rel);
        atomic_fetch_add_explicit(&pool->dropped, 1, memory_order_relaxed);
        return NULL;
    }
    atomic_fetch_add_explicit(&pool->refs, 1, memory_order_relaxed);
    struct frame *f = frame_blank();
    f->pool = pool;
    return f;
}

static int chroma(int luma)
{
    return (luma + 1) / 2;
}

bool frame_alloc_pixels(struct frame *f, int width, int height)
{
    if (width < 1 || height < 1 || width > FRAME_SIDE_MAX || height > FRAME_SIDE_MAX)
        return false;
    int stride[3] = {(width + 31) & ~31, (chroma(width) + 31) & ~31, (chroma(width) + 31) & ~31};
    size_t luma_bytes = (size_t)stride[0] * (size_t)height;
    size_t chroma_bytes = (size_t)stride[1] * (size_t)chroma(height);
    uint8_t *pixels = aligned_alloc(32, (luma_bytes + 2 * chroma_bytes + 31) & ~(size_t)31);
    if (!pixels)
        return false;
    memset(pixels, 0, luma_bytes);
    memset(pixels + luma_bytes, 128, 2 * chroma_bytes);
    f->width = width;
    f->height = height;
    f->plane[0] = pixels;
    f->plane[1] = pixels + luma_bytes;
    f->plane[2] = pixels + luma_bytes + chroma_bytes;
    memcpy(f->stride, stride, sizeof stride);
    f->backing = pixels;
    f->release = free;
    return true;
}

struct frame *frame_alloc(int width, int height)
{
    struct frame *f = frame_blank();
    if (!frame_alloc_pixels(f, width, height))
        frame_unref(&f);
    return f;
}

uint8_t *frame_plane_w(struct frame *f, int plane)
{
    ASSERT(f->release == free && atomic_load_explicit(&f->refs, memory_order_relaxed) == 1);
    return (uint8_t *)f->backing + (f->plane[plane] - (const uint8_t *)f->backing);
}

struct frame *frame_copy(const struct frame *src)
{
    struct frame *f = frame_alloc(src->width, src->height);
    if (!f)
        return NULL;
    for (int i = 0; i < 3; i++) {
        int rows = i ? chroma(src->height) : src->height;
        size_t bytes = (size_t)(i ? chroma(src->width) : src->width);
        uint8_t *dst = frame_plane_w(f, i);
        for (int y = 0; y < rows; y++)
            memcpy(dst + (ptrdiff_t)y * f->stride[i], src->plane[i] + (ptrdiff_t)y * src->stride[i],
                   bytes);
    }
    f->camera = src->camera;
    f->seq = src->seq;
    f->pts_us = src->pts_us;
    f->wall_us = src->wall_us;
    f->arrived_us = src->arrived_us;
    f->full_range = src->full_range;
    f->bt709 = src->bt709;
    return f;
}

struct frame *frame_ref(struct frame *f)
{
    atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
    return f;
}

void frame_unref(struct frame **frame)
{
    struct frame *f = *frame;
    *frame = NULL;
    if (!f || atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (f->release)
        f->release(f->backing);
    if (f->pool) {
        atomic_fetch_sub_explicit(&f->pool->in_use, 1, memory_order_acq_rel);
        frame_pool_unref(&f->pool);
    }
    free(f);
}
