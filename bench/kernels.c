/* Every loop over pixels that runs for every picture, by itself: nanoseconds a picture, beside what
 * libyuv and swscale need for the same where they can do it, and beside copying as many bytes,
 * which is the floor. In turns, pictures taken round so that none is still in the cache. Prints
 * JSON. */
#include "detect/letterbox.h"
#include "motion/glance.h"
#include "motion/motion.c" /* its steps are its own */

#include <libyuv.h>
#include <stdio.h>
#include <time.h>
#ifdef HAVE_SWSCALE
#include <libavutil/pixfmt.h>
#include <libswscale/swscale.h>
#endif

#define PICTURES 8 /* of each size: more than a core's own cache holds */
#define SIDE     640
#define CROP     512 /* px a side: what a region shows to a model of half its side */

struct work {
    struct frame *pictures[PICTURES];
    int next;
    struct motion_conf conf;
    struct motion *motion;
    struct glance glance;
    float *tensor;
    int side;
    bool crop;
    struct letterbox letterbox;
    struct letterbox_scratch scratch;
    uint8_t *small, *rgb; /* of the libraries' ways */
    uint8_t *from, *to;   /* of copying */
    size_t bytes;         /* read and written by one call */
#ifdef HAVE_SWSCALE
    struct SwsContext *sws;
#endif
};

static const struct frame *next_picture(struct work *w)
{
    w->next = (w->next + 1) % PICTURES;
    return w->pictures[w->next];
}

static void require(bool done)
{
    if (!done)
        abort();
}

static struct crop middle_of(const struct frame *f)
{
    return (struct crop){(f->width - CROP) / 4 * 2, (f->height - CROP) / 4 * 2, CROP, CROP};
}

/* ---- ours --------------------------------------------------------------------------------------
 */

static void our_shrink(struct work *w)
{
    shrink(w->motion, next_picture(w));
}

static void our_compare(struct work *w)
{
    struct learning learning = learning_for(14, 0, 100 * US_PER_MS);
    int64_t quiet;
    compare_cells(w->motion, &learning, &quiet);
}

static void our_blocks(struct work *w)
{
    mark_blocks(w->motion, BLOCK_CHANGED);
}

static void our_glance(struct work *w)
{
    glance_take(&w->glance, next_picture(w));
}

static void our_letterbox(struct work *w)
{
    const struct frame *f = next_picture(w);
    struct crop crop = middle_of(f);
    require(w->crop ? letterbox_fill_crop(&w->letterbox, f, &crop, w->tensor, &w->scratch)
                    : letterbox_fill(&w->letterbox, f, w->tensor, &w->scratch));
}

/* ---- libyuv's and swscale's --------------------------------------------------------------------
 */

static void yuv_shrink(struct work *w)
{
    const struct frame *f = next_picture(w);
    ScalePlane(f->plane[0], f->stride[0], f->width, f->height, w->small, w->motion->stride,
               w->motion->width, w->motion->height, kFilterBox);
}

/* Bytes, three after each other, into planes of floats: what no library here does. */
VECTORISED static void rgb_floats(const uint8_t *restrict rgb, float *restrict r, float *restrict g,
                                  float *restrict b, int count)
{
    for (int i = 0; i < count; i++) {
        r[i] = (float)rgb[3 * i] * (1 / 255.0f);
        g[i] = (float)rgb[3 * i + 1] * (1 / 255.0f);
        b[i] = (float)rgb[3 * i + 2] * (1 / 255.0f);
    }
}

static void rgb_to_tensor(struct work *w)
{
    const struct letterbox *lb = &w->letterbox;
    ptrdiff_t plane = (ptrdiff_t)w->side * w->side;
    for (int y = 0; y < lb->scaled_height; y++) {
        float *out = w->tensor + (ptrdiff_t)(lb->pad_y + y) * w->side + lb->pad_x;
        rgb_floats(w->rgb + (ptrdiff_t)y * lb->scaled_width * 3, out, out + plane, out + 2 * plane,
                   lb->scaled_width);
    }
}

struct source {
    const uint8_t *plane[4];
    int stride[4];
    int width, height;
};

static struct source source_of(struct work *w)
{
    const struct frame *f = next_picture(w);
    struct crop c = w->crop ? middle_of(f) : (struct crop){0, 0, f->width, f->height};
    struct source s = {.width = c.width, .height = c.height};
    for (int p = 0; p < 3; p++) {
        int half = p ? 2 : 1;
        s.stride[p] = f->stride[p];
        s.plane[p] = f->plane[p] + (ptrdiff_t)(c.y / half) * s.stride[p] + c.x / half;
    }
    return s;
}

static void yuv_letterbox(struct work *w)
{
    struct source s = source_of(w);
    int width = w->letterbox.scaled_width, height = w->letterbox.scaled_height;
    int cw = (width + 1) / 2, ch = (height + 1) / 2;
    uint8_t *y = w->small, *u = y + (ptrdiff_t)width * height, *v = u + (ptrdiff_t)cw * ch;
    I420Scale(s.plane[0], s.stride[0], s.plane[1], s.stride[1], s.plane[2], s.stride[2], s.width,
              s.height, y, width, u, cw, v, cw, width, height, kFilterBilinear);
    I420ToRAW(y, width, u, cw, v, cw, w->rgb, 3 * width, width, height);
    rgb_to_tensor(w);
}

#ifdef HAVE_SWSCALE
static void sws_shrink(struct work *w)
{
    const struct frame *f = next_picture(w);
    w->sws = sws_getCachedContext(w->sws, f->width, f->height, AV_PIX_FMT_GRAY8, w->motion->width,
                                  w->motion->height, AV_PIX_FMT_GRAY8, SWS_AREA, NULL, NULL, NULL);
    sws_scale(w->sws, f->plane, f->stride, 0, f->height, (uint8_t *const[]){w->small},
              (int[]){w->motion->stride});
}

static void sws_letterbox(struct work *w)
{
    struct source s = source_of(w);
    int width = w->letterbox.scaled_width;
    w->sws = sws_getCachedContext(w->sws, s.width, s.height, AV_PIX_FMT_YUV420P, width,
                                  w->letterbox.scaled_height, AV_PIX_FMT_RGB24, SWS_FAST_BILINEAR,
                                  NULL, NULL, NULL);
    sws_scale(w->sws, s.plane, s.stride, 0, s.height, (uint8_t *const[]){w->rgb},
              (int[]){3 * width});
    rgb_to_tensor(w);
}
#else
#define sws_shrink    NULL
#define sws_letterbox NULL
#endif

/* ---- the floor ---------------------------------------------------------------------------------
 */

#define COPY_BYTES (64 << 20)

/* Half read, half written: as many bytes through the core as the kernel moves. */
static void copy_bytes(struct work *w)
{
    size_t half = w->bytes / 2, at = (size_t)w->next * half;
    w->next = at + 2 * half <= COPY_BYTES ? w->next + 1 : 0;
    memcpy(w->to + at, w->from + at, half);
    __asm__ volatile("" : : "r"(w->to) : "memory");
}

/* ---- measuring ---------------------------------------------------------------------------------
 */

typedef void way_fn(struct work *w);

struct kernel {
    const char *name;
    int width, height;
    int side; /* of the tensor; 0: not that kernel */
    bool crop;
    way_fn *ours, *libyuv, *swscale;
};

static const struct kernel kernels[] = {
    {"motion: downscale", 1920, 1080, 0, false, our_shrink, yuv_shrink, sws_shrink},
    {"motion: compare and learn", 1920, 1080, 0, false, our_compare, NULL, NULL},
    {"motion: count blocks", 1920, 1080, 0, false, our_blocks, NULL, NULL},
    {"view: one glance", 1920, 1080, 0, false, our_glance, NULL, NULL},
    {"detect: 1080p to 640", 1920, 1080, SIDE, false, our_letterbox, yuv_letterbox, sws_letterbox},
    {"detect: 720p to 640", 1280, 720, SIDE, false, our_letterbox, yuv_letterbox, sws_letterbox},
    {"detect: 512 px region to 320", 1920, 1080, SIDE / 2, true, our_letterbox, yuv_letterbox,
     sws_letterbox},
};

/* Bytes that one call has to read or to write. */
static size_t bytes_of(const struct kernel *k, const struct work *w)
{
    size_t luma = (size_t)k->width * (size_t)k->height;
    size_t cells = (size_t)w->motion->width * (size_t)w->motion->height;
    if (k->side) {
        size_t source = k->crop ? (size_t)CROP * CROP : luma;
        size_t scaled = (size_t)w->letterbox.scaled_width * (size_t)w->letterbox.scaled_height;
        return source * 3 / 2 + scaled * 3 * sizeof(float);
    }
    if (k->ours == our_compare)
        return cells * (3 + 2 * sizeof(uint16_t));
    if (k->ours == our_blocks)
        return cells;
    return luma + cells;
}

static double cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double time_of(way_fn *way, struct work *w)
{
    double start = cpu_ns();
    for (int i = 0; i < PICTURES; i++)
        way(w);
    return (cpu_ns() - start) / PICTURES;
}

static void paint_pictures(struct work *w, const struct kernel *k)
{
    uint32_t random = 1;
    for (int i = 0; i < PICTURES; i++) {
        w->pictures[i] = frame_alloc(k->width, k->height);
        require(w->pictures[i] != NULL);
        for (int p = 0; p < 3; p++) {
            uint8_t *pixels = frame_plane_w(w->pictures[i], p);
            int rows = p ? k->height / 2 : k->height;
            for (int at = 0; at < rows * w->pictures[i]->stride[p]; at++) {
                random = random * 1664525 + 1013904223;
                pixels[at] = (uint8_t)(60 + at / 97 % 100 + (random >> 28));
            }
        }
    }
}

static void prepare(struct work *w, const struct kernel *k)
{
    opt_defaults(&motion_section, &w->conf);
    w->motion = motion_new(&w->conf);
    paint_pictures(w, k);
    for (int i = 0; i < 2 * PICTURES; i++) {
        struct motion_result result;
        motion_push(w->motion, w->pictures[i % PICTURES], false, &result);
    }
    w->side = MAX(k->side, 1);
    w->crop = k->crop;
    w->letterbox = k->crop ? letterbox_fit(CROP, CROP, w->side, w->side)
                           : letterbox_fit(k->width, k->height, w->side, w->side);
    w->tensor = xcalloc(3 * (size_t)w->side * (size_t)w->side, sizeof(float));
    w->small = xcalloc((size_t)k->width * (size_t)k->height, 2);
    w->rgb = xcalloc((size_t)k->width * (size_t)k->height, 3);
    w->bytes = bytes_of(k, w);
}

static void give_back(struct work *w)
{
    for (int i = 0; i < PICTURES; i++)
        frame_unref(&w->pictures[i]);
    motion_free(&w->motion);
    opt_free(&motion_section, &w->conf);
    letterbox_scratch_done(&w->scratch);
    free(w->tensor);
    free(w->small);
    free(w->rgb);
#ifdef HAVE_SWSCALE
    sws_freeContext(w->sws);
    w->sws = NULL;
#endif
}

static void measure(const struct kernel *k, struct work *w, int rounds)
{
    static const char *const names[] = {"ours", "copy", "libyuv", "swscale"};
    way_fn *const ways[] = {k->ours, copy_bytes, k->libyuv, k->swscale};
    prepare(w, k);
    for (int round = -2; round < rounds; round++)
        for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
            if (!ways[i])
                continue;
            double ns = time_of(ways[i], w);
            if (round >= 0)
                printf("{\"kernel\":\"%s\",\"way\":\"%s\",\"bytes\":%zu,\"ns\":%.0f}\n", k->name,
                       names[i], w->bytes, ns);
        }
    give_back(w);
}

int main(int argc, char **argv)
{
    int rounds = argc == 2 ? (int)strtol(argv[1], NULL, 10) : 0;
    if (rounds < 1) {
        fprintf(stderr, "usage: %s ROUNDS; prints one JSON object a line\n", argv[0]);
        return 2;
    }
    struct work w = {.from = xcalloc(COPY_BYTES, 1), .to = xcalloc(COPY_BYTES, 1)};
    memset(w.from, 1, COPY_BYTES);
    memset(w.to, 1, COPY_BYTES);
    for (size_t i = 0; i < ARRAY_LEN(kernels); i++)
        measure(&kernels[i], &w, rounds);
    free(w.from);
    free(w.to);
    return 0;
}
