#include "detect/letterbox.h"

#include "base/simd.h"

#include <libyuv.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LETTERBOX_GREY (114.0f / 255.0f) /* as the YOLO family was trained */

struct letterbox letterbox_fit(int picture_width, int picture_height, int width, int height)
{
    double scale = MIN((double)width / picture_width, (double)height / picture_height);
    int w = CLAMP((int)lround(picture_width * scale), 1, width);
    int h = CLAMP((int)lround(picture_height * scale), 1, height);
    return (struct letterbox){
        .width = width,
        .height = height,
        .pad_x = (width - w) / 2,
        .pad_y = (height - h) / 2,
        .scaled_width = w,
        .scaled_height = h,
    };
}

/* Rounding of a normalised box must not cost a row: a crop of just the tensor's size needs no
 * scaling, one that is a pixel larger does. */
#define CROP_SLACK_PX 0.01f

struct crop crop_of(struct box region, int picture_width, int picture_height)
{
    float w = (float)picture_width;
    float h = (float)picture_height;
    int x0 = CLAMP((int)floorf(region.x0 * w + CROP_SLACK_PX), 0, picture_width - 1) & ~1;
    int y0 = CLAMP((int)floorf(region.y0 * h + CROP_SLACK_PX), 0, picture_height - 1) & ~1;
    int x1 = CLAMP((int)ceilf(region.x1 * w - CROP_SLACK_PX), x0 + 1, picture_width);
    int y1 = CLAMP((int)ceilf(region.y1 * h - CROP_SLACK_PX), y0 + 1, picture_height);
    return (struct crop){x0, y0, x1 - x0, y1 - y0};
}

struct box crop_unmap(const struct crop *crop, int picture_width, int picture_height,
                      struct box box)
{
    float w = (float)picture_width;
    float h = (float)picture_height;
    return box_clip((struct box){((float)crop->x + box.x0 * (float)crop->width) / w,
                                 ((float)crop->y + box.y0 * (float)crop->height) / h,
                                 ((float)crop->x + box.x1 * (float)crop->width) / w,
                                 ((float)crop->y + box.y1 * (float)crop->height) / h});
}

struct box letterbox_unmap(const struct letterbox *lb, float x0, float y0, float x1, float y1)
{
    float sx = 1.0f / (float)lb->scaled_width;
    float sy = 1.0f / (float)lb->scaled_height;
    return box_clip((struct box){(x0 - (float)lb->pad_x) * sx, (y0 - (float)lb->pad_y) * sy,
                                 (x1 - (float)lb->pad_x) * sx, (y1 - (float)lb->pad_y) * sy});
}

void letterbox_scratch_done(struct letterbox_scratch *scratch)
{
    free(scratch->pixels);
    *scratch = (struct letterbox_scratch){0};
}

/* YUV to RGB 0..1: r = y*cy + v*rv + r0 and so on, the offsets of Y, U and V folded into r0, g0,
 * b0. */
struct yuv_matrix {
    float cy, rv, gu, gv, bu;
    float r0, g0, b0;
};

static struct yuv_matrix matrix_for(const struct frame *frame)
{
    double kr = frame->bt709 ? 0.2126 : 0.299;
    double kb = frame->bt709 ? 0.0722 : 0.114;
    double kg = 1 - kr - kb;
    double luma = frame->full_range ? 255 : 219;
    double chroma = frame->full_range ? 255 : 224;
    double y0 = frame->full_range ? 0 : 16;
    double cy = 1 / luma;
    double rv = 2 * (1 - kr) / chroma;
    double bu = 2 * (1 - kb) / chroma;
    double gu = -2 * (1 - kb) * kb / kg / chroma;
    double gv = -2 * (1 - kr) * kr / kg / chroma;
    return (struct yuv_matrix){
        .cy = (float)cy,
        .rv = (float)rv,
        .gu = (float)gu,
        .gv = (float)gv,
        .bu = (float)bu,
        .r0 = (float)(-y0 * cy - 128 * rv),
        .g0 = (float)(-y0 * cy - 128 * (gu + gv)),
        .b0 = (float)(-y0 * cy - 128 * bu),
    };
}

/* One row's share of R, G and B from its chroma. */
struct chroma_row {
    float r[LETTERBOX_SIDE_MAX + 1], g[LETTERBOX_SIDE_MAX + 1], b[LETTERBOX_SIDE_MAX + 1];
};

static inline float unit(float v)
{
    v = v < 0.0f ? 0.0f : v;
    return v > 1.0f ? 1.0f : v;
}

/* What the chroma of one row adds to its luma, spread to full width. Serves two rows. */
VECTORISED static void spread_chroma(const uint8_t *restrict u, const uint8_t *restrict v,
                                     int width, const struct yuv_matrix *restrict matrix,
                                     struct chroma_row *restrict out)
{
    const struct yuv_matrix m = *matrix;
    for (int i = 0; i < (width + 1) / 2; i++) {
        float uu = u[i];
        float vv = v[i];
        float r = vv * m.rv + m.r0;
        float g = uu * m.gu + vv * m.gv + m.g0;
        float b = uu * m.bu + m.b0;
        out->r[2 * i] = out->r[2 * i + 1] = r;
        out->g[2 * i] = out->g[2 * i + 1] = g;
        out->b[2 * i] = out->b[2 * i + 1] = b;
    }
}

VECTORISED static void add_luma(const uint8_t *restrict y, float cy,
                                const struct chroma_row *restrict chroma, int width,
                                float *restrict r, float *restrict g, float *restrict b)
{
    for (int i = 0; i < width; i++) {
        float luma = y[i] * cy;
        r[i] = unit(luma + chroma->r[i]);
        g[i] = unit(luma + chroma->g[i]);
        b[i] = unit(luma + chroma->b[i]);
    }
}

static void fill_grey(float *out, int count)
{
    for (int i = 0; i < count; i++)
        out[i] = LETTERBOX_GREY;
}

static void paint_margins(const struct letterbox *lb, float *plane)
{
    int right = lb->pad_x + lb->scaled_width;
    int bottom = lb->pad_y + lb->scaled_height;
    fill_grey(plane, lb->pad_y * lb->width);
    fill_grey(plane + (ptrdiff_t)bottom * lb->width, (lb->height - bottom) * lb->width);
    if (lb->scaled_width == lb->width)
        return;
    for (int y = lb->pad_y; y < bottom; y++) {
        float *row = plane + (ptrdiff_t)y * lb->width;
        fill_grey(row, lb->pad_x);
        fill_grey(row + right, lb->width - right);
    }
}

struct planes {
    const uint8_t *plane[3];
    int stride[3];
    int width, height; /* px, of the luma */
};

/* 1080p into 640, the commonest case: at exactly a third, a bilinear filter is the pixel in the
 * middle, and taking that costs a third of what libyuv's general column filter does. */
VECTORISED static void take_thirds(const uint8_t *restrict src, int width, uint8_t *restrict dst)
{
    for (int i = 0; i < width; i++)
        dst[i] = src[3 * i + 1];
}

static void third_plane(const uint8_t *src, int stride, int w, int h, uint8_t *dst)
{
    for (int y = 0; y < h; y++)
        take_thirds(src + (ptrdiff_t)(3 * y + 1) * stride, w, dst + (ptrdiff_t)y * w);
}

static bool scale_planes(const struct letterbox *lb, const struct planes *f,
                         struct letterbox_scratch *scratch, struct planes *ret)
{
    int w = lb->scaled_width;
    int h = lb->scaled_height;
    int cw = (w + 1) / 2;
    int ch = (h + 1) / 2;
    size_t bytes = (size_t)w * (size_t)h + 2 * (size_t)cw * (size_t)ch;
    if (scratch->bytes < bytes) {
        free(scratch->pixels);
        scratch->pixels = malloc(bytes);
        scratch->bytes = scratch->pixels ? bytes : 0;
        if (!scratch->pixels)
            return false;
    }
    uint8_t *y = scratch->pixels;
    uint8_t *u = y + (ptrdiff_t)w * h;
    uint8_t *v = u + (ptrdiff_t)cw * ch;
    *ret = (struct planes){{y, u, v}, {w, cw, cw}, w, h};
    if (f->width == 3 * w && f->height == 3 * h && !(w & 1) && !(h & 1)) {
        third_plane(f->plane[0], f->stride[0], w, h, y);
        third_plane(f->plane[1], f->stride[1], cw, ch, u);
        third_plane(f->plane[2], f->stride[2], cw, ch, v);
        return true;
    }
    return I420Scale(f->plane[0], f->stride[0], f->plane[1], f->stride[1], f->plane[2],
                     f->stride[2], f->width, f->height, y, w, u, cw, v, cw, w, h,
                     kFilterBilinear) == 0;
}

bool letterbox_fill(const struct letterbox *lb, const struct frame *frame, float *tensor,
                    struct letterbox_scratch *scratch)
{
    struct crop all = {0, 0, frame->width, frame->height};
    return letterbox_fill_crop(lb, frame, &all, tensor, scratch);
}

/* The frame's own bytes, beginning at the crop. */
static struct planes planes_of(const struct frame *frame, const struct crop *crop)
{
    struct planes p = {.width = crop->width, .height = crop->height};
    for (int i = 0; i < 3; i++) {
        int half = i > 0;
        p.stride[i] = frame->stride[i];
        p.plane[i] = frame->plane[i] + (ptrdiff_t)(crop->y >> half) * frame->stride[i] +
                     (crop->x >> half);
    }
    return p;
}

bool letterbox_fill_crop(const struct letterbox *lb, const struct frame *frame,
                         const struct crop *crop, float *tensor, struct letterbox_scratch *scratch)
{
    ASSERT(crop->x >= 0 && crop->x + crop->width <= frame->width && (crop->x & 1) == 0);
    ASSERT(crop->y >= 0 && crop->y + crop->height <= frame->height && (crop->y & 1) == 0);
    struct planes p = planes_of(frame, crop);
    bool same_size = p.width == lb->scaled_width && p.height == lb->scaled_height;
    if (!same_size) {
        struct planes whole = p;
        if (!scale_planes(lb, &whole, scratch, &p))
            return false;
    }
    ptrdiff_t plane = (ptrdiff_t)lb->width * lb->height;
    /* The margins are a third of the bytes of a wide picture, and stay as they are. */
    if (scratch->painted != tensor || memcmp(&scratch->painted_as, lb, sizeof *lb) != 0) {
        for (int i = 0; i < 3; i++)
            paint_margins(lb, tensor + i * plane);
        scratch->painted = tensor;
        scratch->painted_as = *lb;
    }
    struct yuv_matrix matrix = matrix_for(frame);
    struct chroma_row chroma = {0};
    for (int y = 0; y < lb->scaled_height; y += 2) {
        spread_chroma(p.plane[1] + (ptrdiff_t)(y / 2) * p.stride[1],
                      p.plane[2] + (ptrdiff_t)(y / 2) * p.stride[2], lb->scaled_width, &matrix,
                      &chroma);
        for (int row = y; row < MIN(y + 2, lb->scaled_height); row++) {
            float *out = tensor + (ptrdiff_t)(lb->pad_y + row) * lb->width + lb->pad_x;
            add_luma(p.plane[0] + (ptrdiff_t)row * p.stride[0], matrix.cy, &chroma,
                     lb->scaled_width, out, out + plane, out + 2 * plane);
        }
    }
    return true;
}
