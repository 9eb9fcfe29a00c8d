#include "model/picture.h"

#include <libyuv.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

/* A font of our own, 5x8 dots with the descenders in the last row; bit 4 is the left column. */
#define FONT_WIDTH  5
#define FONT_HEIGHT 8
/* clang-format off */
static const uint8_t font['~' - ' ' + 1][FONT_HEIGHT] = {
    [' ' - ' '] = {0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00},
    ['!' - ' '] = {0x04, 0x04, 0x04, 0x04, 0x04, 0x00, 0x04, 0x00},
    ['"' - ' '] = {0x0a, 0x0a, 0x0a, 0x00, 0x00, 0x00, 0x00, 0x00},
    ['#' - ' '] = {0x0a, 0x0a, 0x1f, 0x0a, 0x1f, 0x0a, 0x0a, 0x00},
    ['$' - ' '] = {0x04, 0x0f, 0x14, 0x0e, 0x05, 0x1e, 0x04, 0x00},
    ['%' - ' '] = {0x19, 0x19, 0x02, 0x04, 0x08, 0x13, 0x13, 0x00},
    ['&' - ' '] = {0x0c, 0x12, 0x14, 0x08, 0x15, 0x12, 0x0d, 0x00},
    ['\'' - ' '] = {0x04, 0x04, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00},
    ['(' - ' '] = {0x02, 0x04, 0x08, 0x08, 0x08, 0x04, 0x02, 0x00},
    [')' - ' '] = {0x08, 0x04, 0x02, 0x02, 0x02, 0x04, 0x08, 0x00},
    ['*' - ' '] = {0x00, 0x04, 0x15, 0x0e, 0x15, 0x04, 0x00, 0x00},
    ['+' - ' '] = {0x00, 0x04, 0x04, 0x1f, 0x04, 0x04, 0x00, 0x00},
    [',' - ' '] = {0x00, 0x00, 0x00, 0x00, 0x00, 0x0c, 0x04, 0x08},
    ['-' - ' '] = {0x00, 0x00, 0x00, 0x0e, 0x00, 0x00, 0x00, 0x00},
    ['.' - ' '] = {0x00, 0x00, 0x00, 0x00, 0x00, 0x0c, 0x0c, 0x00},
    ['/' - ' '] = {0x01, 0x01, 0x02, 0x04, 0x08, 0x10, 0x10, 0x00},
    ['0' - ' '] = {0x0e, 0x11, 0x13, 0x15, 0x19, 0x11, 0x0e, 0x00},
    ['1' - ' '] = {0x04, 0x0c, 0x04, 0x04, 0x04, 0x04, 0x0e, 0x00},
    ['2' - ' '] = {0x0e, 0x11, 0x01, 0x06, 0x08, 0x10, 0x1f, 0x00},
    ['3' - ' '] = {0x0e, 0x11, 0x01, 0x06, 0x01, 0x11, 0x0e, 0x00},
    ['4' - ' '] = {0x02, 0x06, 0x0a, 0x12, 0x1f, 0x02, 0x02, 0x00},
    ['5' - ' '] = {0x1f, 0x10, 0x1e, 0x01, 0x01, 0x11, 0x0e, 0x00},
    ['6' - ' '] = {0x06, 0x08, 0x10, 0x1e, 0x11, 0x11, 0x0e, 0x00},
    ['7' - ' '] = {0x1f, 0x01, 0x02, 0x04, 0x04, 0x08, 0x08, 0x00},
    ['8' - ' '] = {0x0e, 0x11, 0x11, 0x0e, 0x11, 0x11, 0x0e, 0x00},
    ['9' - ' '] = {0x0e, 0x11, 0x11, 0x0f, 0x01, 0x02, 0x0c, 0x00},
    [':' - ' '] = {0x00, 0x0c, 0x0c, 0x00, 0x0c, 0x0c, 0x00, 0x00},
    [';' - ' '] = {0x00, 0x0c, 0x0c, 0x00, 0x00, 0x0c, 0x04, 0x08},
    ['<' - ' '] = {0x02, 0x04, 0x08, 0x10, 0x08, 0x04, 0x02, 0x00},
    ['=' - ' '] = {0x00, 0x00, 0x1f, 0x00, 0x1f, 0x00, 0x00, 0x00},
    ['>' - ' '] = {0x08, 0x04, 0x02, 0x01, 0x02, 0x04, 0x08, 0x00},
    ['?' - ' '] = {0x0e, 0x11, 0x01, 0x02, 0x04, 0x00, 0x04, 0x00},
    ['@' - ' '] = {0x0e, 0x11, 0x17, 0x15, 0x16, 0x10, 0x0f, 0x00},
    ['A' - ' '] = {0x0e, 0x11, 0x11, 0x1f, 0x11, 0x11, 0x11, 0x00},
    ['B' - ' '] = {0x1e, 0x11, 0x11, 0x1e, 0x11, 0x11, 0x1e, 0x00},
    ['C' - ' '] = {0x0e, 0x11, 0x10, 0x10, 0x10, 0x11, 0x0e, 0x00},
    ['D' - ' '] = {0x1c, 0x12, 0x11, 0x11, 0x11, 0x12, 0x1c, 0x00},
    ['E' - ' '] = {0x1f, 0x10, 0x10, 0x1e, 0x10, 0x10, 0x1f, 0x00},
    ['F' - ' '] = {0x1f, 0x10, 0x10, 0x1e, 0x10, 0x10, 0x10, 0x00},
    ['G' - ' '] = {0x0e, 0x11, 0x10, 0x17, 0x11, 0x11, 0x0f, 0x00},
    ['H' - ' '] = {0x11, 0x11, 0x11, 0x1f, 0x11, 0x11, 0x11, 0x00},
    ['I' - ' '] = {0x0e, 0x04, 0x04, 0x04, 0x04, 0x04, 0x0e, 0x00},
    ['J' - ' '] = {0x07, 0x02, 0x02, 0x02, 0x02, 0x12, 0x0c, 0x00},
    ['K' - ' '] = {0x11, 0x12, 0x14, 0x18, 0x14, 0x12, 0x11, 0x00},
    ['L' - ' '] = {0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x1f, 0x00},
    ['M' - ' '] = {0x11, 0x1b, 0x15, 0x15, 0x11, 0x11, 0x11, 0x00},
    ['N' - ' '] = {0x11, 0x19, 0x19, 0x15, 0x13, 0x13, 0x11, 0x00},
    ['O' - ' '] = {0x0e, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0e, 0x00},
    ['P' - ' '] = {0x1e, 0x11, 0x11, 0x1e, 0x10, 0x10, 0x10, 0x00},
    ['Q' - ' '] = {0x0e, 0x11, 0x11, 0x11, 0x15, 0x12, 0x0d, 0x00},
    ['R' - ' '] = {0x1e, 0x11, 0x11, 0x1e, 0x14, 0x12, 0x11, 0x00},
    ['S' - ' '] = {0x0f, 0x10, 0x10, 0x0e, 0x01, 0x01, 0x1e, 0x00},
    ['T' - ' '] = {0x1f, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04, 0x00},
    ['U' - ' '] = {0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0e, 0x00},
    ['V' - ' '] = {0x11, 0x11, 0x11, 0x11, 0x0a, 0x0a, 0x04, 0x00},
    ['W' - ' '] = {0x11, 0x11, 0x11, 0x15, 0x15, 0x1b, 0x11, 0x00},
    ['X' - ' '] = {0x11, 0x11, 0x0a, 0x04, 0x0a, 0x11, 0x11, 0x00},
    ['Y' - ' '] = {0x11, 0x11, 0x0a, 0x04, 0x04, 0x04, 0x04, 0x00},
    ['Z' - ' '] = {0x1f, 0x01, 0x02, 0x04, 0x08, 0x10, 0x1f, 0x00},
    ['[' - ' '] = {0x0e, 0x08, 0x08, 0x08, 0x08, 0x08, 0x0e, 0x00},
    ['\\' - ' '] = {0x10, 0x10, 0x08, 0x04, 0x02, 0x01, 0x01, 0x00},
    [']' - ' '] = {0x0e, 0x02, 0x02, 0x02, 0x02, 0x02, 0x0e, 0x00},
    ['^' - ' '] = {0x04, 0x0a, 0x11, 0x00, 0x00, 0x00, 0x00, 0x00},
    ['_' - ' '] = {0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x1f},
    ['`' - ' '] = {0x08, 0x04, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00},
    ['a' - ' '] = {0x00, 0x00, 0x0e, 0x01, 0x0f, 0x11, 0x0f, 0x00},
    ['b' - ' '] = {0x10, 0x10, 0x1e, 0x11, 0x11, 0x11, 0x1e, 0x00},
    ['c' - ' '] = {0x00, 0x00, 0x0f, 0x10, 0x10, 0x10, 0x0f, 0x00},
    ['d' - ' '] = {0x01, 0x01, 0x0f, 0x11, 0x11, 0x11, 0x0f, 0x00},
    ['e' - ' '] = {0x00, 0x00, 0x0e, 0x11, 0x1f, 0x10, 0x0e, 0x00},
    ['f' - ' '] = {0x06, 0x09, 0x08, 0x1c, 0x08, 0x08, 0x08, 0x00},
    ['g' - ' '] = {0x00, 0x00, 0x0f, 0x11, 0x11, 0x0f, 0x01, 0x0e},
    ['h' - ' '] = {0x10, 0x10, 0x1e, 0x11, 0x11, 0x11, 0x11, 0x00},
    ['i' - ' '] = {0x04, 0x00, 0x0c, 0x04, 0x04, 0x04, 0x0e, 0x00},
    ['j' - ' '] = {0x02, 0x00, 0x06, 0x02, 0x02, 0x02, 0x12, 0x0c},
    ['k' - ' '] = {0x10, 0x10, 0x12, 0x14, 0x18, 0x14, 0x12, 0x00},
    ['l' - ' '] = {0x0c, 0x04, 0x04, 0x04, 0x04, 0x04, 0x0e, 0x00},
    ['m' - ' '] = {0x00, 0x00, 0x1a, 0x15, 0x15, 0x15, 0x15, 0x00},
    ['n' - ' '] = {0x00, 0x00, 0x1e, 0x11, 0x11, 0x11, 0x11, 0x00},
    ['o' - ' '] = {0x00, 0x00, 0x0e, 0x11, 0x11, 0x11, 0x0e, 0x00},
    ['p' - ' '] = {0x00, 0x00, 0x1e, 0x11, 0x11, 0x1e, 0x10, 0x10},
    ['q' - ' '] = {0x00, 0x00, 0x0f, 0x11, 0x11, 0x0f, 0x01, 0x01},
    ['r' - ' '] = {0x00, 0x00, 0x16, 0x19, 0x10, 0x10, 0x10, 0x00},
    ['s' - ' '] = {0x00, 0x00, 0x0f, 0x10, 0x0e, 0x01, 0x1e, 0x00},
    ['t' - ' '] = {0x08, 0x08, 0x1e, 0x08, 0x08, 0x09, 0x06, 0x00},
    ['u' - ' '] = {0x00, 0x00, 0x11, 0x11, 0x11, 0x11, 0x0f, 0x00},
    ['v' - ' '] = {0x00, 0x00, 0x11, 0x11, 0x0a, 0x0a, 0x04, 0x00},
    ['w' - ' '] = {0x00, 0x00, 0x11, 0x11, 0x15, 0x15, 0x0a, 0x00},
    ['x' - ' '] = {0x00, 0x00, 0x11, 0x0a, 0x04, 0x0a, 0x11, 0x00},
    ['y' - ' '] = {0x00, 0x00, 0x11, 0x11, 0x11, 0x0f, 0x01, 0x0e},
    ['z' - ' '] = {0x00, 0x00, 0x1f, 0x02, 0x04, 0x08, 0x1f, 0x00},
    ['{' - ' '] = {0x02, 0x04, 0x04, 0x08, 0x04, 0x04, 0x02, 0x00},
    ['|' - ' '] = {0x04, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04},
    ['}' - ' '] = {0x08, 0x04, 0x04, 0x02, 0x04, 0x04, 0x08, 0x00},
    ['~' - ' '] = {0x00, 0x00, 0x08, 0x15, 0x02, 0x00, 0x00, 0x00},
};
/* clang-format on */

static void copy_stamps(struct frame *dst, const struct frame *src)
{
    dst->camera = src->camera;
    dst->seq = src->seq;
    dst->pts_us = src->pts_us;
    dst->wall_us = src->wall_us;
    dst->arrived_us = src->arrived_us;
    dst->full_range = src->full_range;
    dst->bt709 = src->bt709;
}

const char *picture_label(char out[PICTURE_TEXT_BYTES], const char *label, float confidence)
{
    long percent = lroundf(CLAMP(confidence, 0.0f, 1.0f) * 100);
    snprintf(out, PICTURE_TEXT_BYTES, "%s %ld %%", label, percent);
    return out;
}

struct frame *picture_scaled(const struct frame *src, int max_width_px)
{
    ASSERT(max_width_px > 0);
    if (src->width <= max_width_px)
        return frame_copy(src);
    int height = (int)(((int64_t)src->height * max_width_px + src->width / 2) / src->width);
    AUTO(frame_unref) struct frame *dst = frame_alloc(max_width_px, MAX(height, 1));
    if (!dst)
        return NULL;
    copy_stamps(dst, src);
    /* The box filter looks at every source pixel, so that thin things do not flicker away. */
    int rc = I420Scale(src->plane[0], src->stride[0], src->plane[1], src->stride[1], src->plane[2],
                       src->stride[2], src->width, src->height, frame_plane_w(dst, 0),
                       dst->stride[0], frame_plane_w(dst, 1), dst->stride[1], frame_plane_w(dst, 2),
                       dst->stride[2], dst->width, dst->height, kFilterBox);
    return rc == 0 ? TAKE(dst) : NULL;
}

/* The even pixel at or below / at or above a normalised coordinate. */
static int even_below(float share, int side_px)
{
    return (int)floorf(CLAMP(share, 0.0f, 1.0f) * (float)side_px) & ~1;
}
static int even_above(float share, int side_px)
{
    return ((int)ceilf(CLAMP(share, 0.0f, 1.0f) * (float)side_px) + 1) & ~1;
}

struct frame *picture_cropped(const struct frame *src, struct box box)
{
    int x0 = MIN(even_below(box.x0, src->width), (src->width - 1) & ~1);
    int y0 = MIN(even_below(box.y0, src->height), (src->height - 1) & ~1);
    int x1 = MIN(MAX(even_above(box.x1, src->width), x0 + 2), src->width);
    int y1 = MIN(MAX(even_above(box.y1, src->height), y0 + 2), src->height);
    struct frame *dst = frame_alloc(x1 - x0, y1 - y0);
    if (!dst)
        return NULL;
    copy_stamps(dst, src);
    for (int i = 0; i < 3; i++) {
        int half = i ? 1 : 0;
        int width = (dst->width + half) >> half;
        int height = (dst->height + half) >> half;
        const uint8_t *from = src->plane[i] + (ptrdiff_t)(y0 >> half) * src->stride[i] +
                              (x0 >> half);
        CopyPlane(from, src->stride[i], frame_plane_w(dst, i), dst->stride[i], width, height);
    }
    return dst;
}

/* --- drawing --- */

struct rgb {
    uint8_t r, g, b;
};

struct yuv {
    uint8_t v[3];
};

/* Apart in hue and in lightness, so that they are told apart also by people who cannot see red.
 * Tabs are dark enough for white text; lines are lighter, since they are thin. */
static const struct kind_colour {
    struct rgb tab, line;
} kind_colours[KIND_COUNT] = {
    [KIND_PERSON] = {{206, 66, 14}, {255, 110, 40}},
    [KIND_VEHICLE] = {{24, 94, 204}, {80, 160, 255}},
    [KIND_ANIMAL] = {{8, 124, 76}, {60, 220, 130}},
    [KIND_OTHER] = {{112, 68, 172}, {184, 136, 255}},
};
static const struct rgb text_colour = {255, 255, 255};
static const struct rgb shadow_colour = {16, 16, 16};

static struct yuv to_yuv(const struct frame *frame, struct rgb c)
{
    float kr = frame->bt709 ? 0.2126f : 0.299f;
    float kb = frame->bt709 ? 0.0722f : 0.114f;
    float y = kr * c.r + (1 - kr - kb) * c.g + kb * c.b;
    float u = (c.b - y) / (2 * (1 - kb));
    float v = (c.r - y) / (2 * (1 - kr));
    float luma_gain = frame->full_range ? 1 : 219.0f / 255;
    float chroma_gain = frame->full_range ? 1 : 224.0f / 255;
    float black = frame->full_range ? 0 : 16;
    return (struct yuv){{(uint8_t)lroundf(black + y * luma_gain),
                         (uint8_t)CLAMP(lroundf(128 + u * chroma_gain), 0, 255),
                         (uint8_t)CLAMP(lroundf(128 + v * chroma_gain), 0, 255)}};
}

struct pen {
    struct frame *frame; /* private */
    int unit;            /* px; line width and size of a font dot, even wherever there is room */
};

static void fill(struct pen *pen, int x0, int y0, int x1, int y1, struct yuv colour)
{
    struct frame *f = pen->frame;
    x0 = MAX(x0, 0);
    y0 = MAX(y0, 0);
    x1 = MIN(x1, f->width);
    y1 = MIN(y1, f->height);
    if (x0 >= x1 || y0 >= y1)
        return;
    for (int i = 0; i < 3; i++) {
        int half = i ? 1 : 0;
        uint8_t *plane = frame_plane_w(f, i);
        for (int y = y0 >> half; y < (y1 + half) >> half; y++)
            memset(plane + (ptrdiff_t)y * f->stride[i] + (x0 >> half), colour.v[i],
                   (size_t)(((x1 + half) >> half) - (x0 >> half)));
    }
}

/* Outline of width px whose outer edge is x0..x1, y0..y1. */
static void outline(struct pen *pen, int x0, int y0, int x1, int y1, int width, struct yuv colour)
{
    fill(pen, x0, y0, x1, y0 + width, colour);
    fill(pen, x0, y1 - width, x1, y1, colour);
    fill(pen, x0, y0, x0 + width, y1, colour);
    fill(pen, x1 - width, y0, x1, y1, colour);
}

static void draw_glyph(struct pen *pen, int x, int y, char c, struct yuv colour)
{
    const uint8_t *rows = font[c >= ' ' && c <= '~' ? c - ' ' : '?' - ' '];
    for (int row = 0; row < FONT_HEIGHT; row++) {
        for (int column = 0; column < FONT_WIDTH; column++) {
            if (!(rows[row] >> (FONT_WIDTH - 1 - column) & 1))
                continue;
            int left = x + column * pen->unit;
            int top = y + row * pen->unit;
            fill(pen, left, top, left + pen->unit, top + pen->unit, colour);
        }
    }
}

struct outer {
    int x0, y0, x1, y1; /* px, even */
};

static struct outer outer_edge(const struct pen *pen, struct box box)
{
    const struct frame *f = pen->frame;
    return (struct outer){even_below(box.x0, f->width), even_below(box.y0, f->height),
                          even_above(box.x1, f->width), even_above(box.y1, f->height)};
}

static void draw_outline(struct pen *pen, const struct picture_box *b)
{
    struct outer o = outer_edge(pen, b->box);
    int width = pen->unit;
    /* A dark line inside the coloured one keeps it visible on any background. */
    if (o.x1 - o.x0 > 6 * width && o.y1 - o.y0 > 6 * width)
        outline(pen, o.x0 + width, o.y0 + width, o.x1 - width, o.y1 - width, MAX(width / 2, 1),
                to_yuv(pen->frame, shadow_colour));
    outline(pen, o.x0, o.y0, o.x1, o.y1, MAX(width, 2),
            to_yuv(pen->frame, kind_colours[b->kind].line));
}

static void draw_tab(struct pen *pen, const struct picture_box *b)
{
    int length = b->text ? (int)strnlen(b->text, PICTURE_TEXT_BYTES - 1) : 0;
    if (length == 0)
        return;
    struct outer o = outer_edge(pen, b->box);
    int advance = (FONT_WIDTH + 1) * pen->unit;
    int padding = 2 * pen->unit;
    int width = length * advance - pen->unit + 2 * padding;
    int height = FONT_HEIGHT * pen->unit + 2 * padding - pen->unit;
    height = (height + 1) & ~1;
    /* Above the box; inside it where the picture ends. */
    int y = o.y0 >= height ? o.y0 - height : o.y0;
    int x = MAX(MIN(o.x0, (pen->frame->width - width) & ~1), 0);
    fill(pen, x, y, x + width, y + height, to_yuv(pen->frame, kind_colours[b->kind].tab));
    struct yuv white = to_yuv(pen->frame, text_colour);
    for (int i = 0; i < length; i++)
        draw_glyph(pen, x + padding + i * advance, y + padding, b->text[i], white);
}

struct frame *picture_annotated(const struct frame *frame, const struct picture_box *boxes,
                                int count)
{
    AUTO(frame_unref) struct frame *copy = frame_copy(frame);
    if (!copy)
        return NULL;
    /* Even sizes fall on whole chroma samples, so that colours have sharp edges; 2 px from 300 px
     * of height, 4 px from 810. */
    int side = MIN(frame->width, frame->height);
    struct pen pen = {.frame = copy, .unit = side < 300 ? 1 : 2 * MAX(1, (side + 270) / 540)};
    for (int i = count - 1; i >= 0; i--)
        draw_outline(&pen, &boxes[i]);
    for (int i = count - 1; i >= 0; i--)
        draw_tab(&pen, &boxes[i]);
    return TAKE(copy);
}

struct frame *picture_of_detections(const struct frame *frame, const struct detections *found)
{
    struct picture_box boxes[DETECTIONS_MAX] = {0};
    char texts[DETECTIONS_MAX][PICTURE_TEXT_BYTES];
    int count = MIN(found->count, DETECTIONS_MAX);
    for (int i = 0; i < count; i++) {
        const struct detection *d = &found->items[i];
        boxes[i] = (struct picture_box){d->box, picture_label(texts[i], d->label, d->score),
                                        label_kind(d->label)};
    }
    return picture_annotated(frame, boxes, count);
}

struct frame *picture_of_track(const struct frame *frame, const struct track *track)
{
    struct detections one = {.count = 1,
                             .items[0] = {.box = track->best.box, .score = track->best.score}};
    STR_COPY(one.items[0].label, track->label);
    return picture_of_detections(frame, &one);
}

/* --- JPEG --- */

static void handle_close(tjhandle *handle)
{
    if (*handle)
        tjDestroy(*handle);
}

static bool compress_rgb(tjhandle handle, const struct frame *f, uint8_t *rgb, int quality,
                         unsigned char **jpeg, unsigned long *bytes, struct err *err)
{
    const struct YuvConstants *matrix = f->full_range ? &kYuvF709Constants
                                        : f->bt709    ? &kYuvH709Constants
                                                      : &kYuvI601Constants;
    int stride = f->width * 4;
    if (I420ToARGBMatrix(f->plane[0], f->stride[0], f->plane[1], f->stride[1], f->plane[2],
                         f->stride[2], rgb, stride, matrix, f->width, f->height) != 0)
        return err_set(err, ERR_INTERNAL, "cannot convert a picture of %dx%d", f->width, f->height);
    /* libyuv's ARGB is B, G, R, A in memory. */
    if (tjCompress2(handle, rgb, f->width, stride, f->height, TJPF_BGRX, jpeg, bytes, TJSAMP_420,
                    quality, 0) != 0)
        return err_set(err, ERR_INTERNAL, "cannot encode a JPEG: %s", tjGetErrorStr2(handle));
    return true;
}

/* JPEG knows only full-range BT.601. What is not takes the way over RGB: taken as it is, video's
 * 16..235 would look washed out and BT.709 would turn greens and reds. */
static bool compress_via_rgb(tjhandle handle, const struct frame *f, int quality,
                             unsigned char **jpeg, unsigned long *bytes, struct err *err)
{
    uint8_t *rgb = malloc((size_t)f->width * 4 * (size_t)f->height);
    if (!rgb)
        return err_set(err, ERR_EXHAUSTED, "no memory for a picture of %dx%d", f->width, f->height);
    bool ok = compress_rgb(handle, f, rgb, quality, jpeg, bytes, err);
    free(rgb);
    return ok;
}

bool picture_jpeg(const struct frame *f, int quality, uint8_t **ret, size_t *ret_bytes,
                  struct err *err)
{
    ASSERT(quality >= 1 && quality <= 100);
    AUTO(handle_close) tjhandle handle = tjInitCompress();
    if (!handle)
        return err_set(err, ERR_EXHAUSTED, "cannot start the JPEG encoder");
    unsigned char *jpeg = NULL;
    unsigned long bytes = 0;
    bool ok;
    if (f->full_range && !f->bt709) {
        const unsigned char *planes[3] = {f->plane[0], f->plane[1], f->plane[2]};
        ok = tjCompressFromYUVPlanes(handle, planes, f->width, f->stride, f->height, TJSAMP_420,
                                     &jpeg, &bytes, quality, 0) == 0 ||
             err_set(err, ERR_INTERNAL, "cannot encode a JPEG: %s", tjGetErrorStr2(handle));
    } else {
        ok = compress_via_rgb(handle, f, quality, &jpeg, &bytes, err);
    }
    if (!ok) {
        tjFree(jpeg);
        return false;
    }
    /* libjpeg-turbo's tjFree is free(), which is what callers use. */
    *ret = jpeg;
    *ret_bytes = bytes;
    return true;
}
