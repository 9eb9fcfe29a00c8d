/* A small software painter for the built-in scene: anti-aliased convex shapes straight into planar
 * YUV 4:2:0, so that a rendered picture needs no conversion. It can write down who owns each pixel
 * instead, which is how the scene knows what is visible. Not thread-safe: a canvas has one user. */
#pragma once

#include "model/box.h"

#define PAINT_POINTS_MAX 40   /* corners of one shape */
#define PAINT_WIDTH_MAX  2048 /* px; wider canvases are refused by assertion */

/* Limited-range BT.601. alpha: 0 nothing .. 255 covers. */
struct paint {
    uint8_t y, u, v, alpha;
};

/* Pixels [x0, x1) x [y0, y1); empty when x0 >= x1. */
struct rect {
    int x0, y0, x1, y1;
};

struct canvas {
    int width, height; /* px, both even */
    uint8_t *plane[3]; /* all NULL: paint nothing, only note owners */
    int stride[3];     /* bytes */
    uint8_t *owner;    /* width * height, may be NULL: who covers at least half of the pixel */
    uint8_t id;        /* what is written to owner */
    float shift_x;     /* px, added to every shape */
    struct rect dirty; /* around everything painted since canvas_clean */
};

void canvas_clean(struct canvas *canvas);
/* Copies a rectangle of pixels; both canvases have the same size. Widened to whole chroma samples.
 */
void canvas_copy(struct canvas *dst, const struct canvas *src, struct rect rect);

struct paint paint_rgb(uint32_t rgb);                     /* 0xRRGGBB, opaque */
struct paint paint_fade(struct paint paint, float alpha); /* alpha 0..1 */
/* The same colour under more (> 1) or less (< 1) light. */
struct paint paint_light(struct paint paint, float factor);
struct paint paint_mix(struct paint a, struct paint b, float b_share);

/* Convex, any winding, at most PAINT_POINTS_MAX corners; pixels. */
void paint_polygon(struct canvas *canvas, const struct point *points, int count,
                   struct paint paint);
void paint_rect(struct canvas *canvas, float x0, float y0, float x1, float y1, struct paint paint);
void paint_ellipse(struct canvas *canvas, struct point centre, float rx, float ry,
                   struct paint paint);
/* A line with round ends, from radius ra at a to rb at b. */
void paint_capsule(struct canvas *canvas, struct point a, struct point b, float ra, float rb,
                   struct paint paint);

/* Paints in metres: x to the right (left when mirrored), y up, from an origin on the canvas. */
struct pen {
    struct canvas *canvas;
    struct point origin; /* px */
    float scale;         /* px per metre */
    bool mirror;
};
void pen_polygon(const struct pen *pen, const struct point *points, int count, struct paint paint);
void pen_rect(const struct pen *pen, float x0, float y0, float x1, float y1, struct paint paint);
void pen_ellipse(const struct pen *pen, float x, float y, float rx, float ry, struct paint paint);
void pen_capsule(const struct pen *pen, struct point a, struct point b, float ra, float rb,
                 struct paint paint);
/* A ring as short strokes. */
void pen_ring(const struct pen *pen, struct point centre, float radius, float thickness,
              struct paint paint);
