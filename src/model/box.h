/* A rectangle in a picture: normalised 0..1, origin top left, x0 <= x1, y0 <= y1. Pixels exist only
 * in decode, motion, detect and picture drawing. */
#pragma once

#include "base/base.h"

struct point {
    float x, y;
};

struct box {
    float x0, y0, x1, y1;
};

#define BOX_WHOLE ((struct box){0, 0, 1, 1}) /* all of the picture */

static inline float box_width(struct box b)
{
    return b.x1 - b.x0;
}
static inline float box_height(struct box b)
{
    return b.y1 - b.y0;
}
static inline float box_area(struct box b)
{
    return MAX(b.x1 - b.x0, 0.0f) * MAX(b.y1 - b.y0, 0.0f);
}
static inline struct point box_centre(struct box b)
{
    return (struct point){(b.x0 + b.x1) / 2, (b.y0 + b.y1) / 2};
}
/* Where the object stands: the middle of the lower edge. */
static inline struct point box_foot(struct box b)
{
    return (struct point){(b.x0 + b.x1) / 2, b.y1};
}
static inline float box_intersection(struct box a, struct box b)
{
    struct box i = {MAX(a.x0, b.x0), MAX(a.y0, b.y0), MIN(a.x1, b.x1), MIN(a.y1, b.y1)};
    return i.x0 < i.x1 && i.y0 < i.y1 ? box_area(i) : 0;
}
/* Intersection over union, 0..1. */
static inline float box_iou(struct box a, struct box b)
{
    float i = box_intersection(a, b);
    float u = box_area(a) + box_area(b) - i;
    return u > 0 ? i / u : 0;
}
static inline struct box box_clip(struct box b)
{
    return (struct box){CLAMP(b.x0, 0.0f, 1.0f), CLAMP(b.y0, 0.0f, 1.0f), CLAMP(b.x1, 0.0f, 1.0f),
                        CLAMP(b.y1, 0.0f, 1.0f)};
}
