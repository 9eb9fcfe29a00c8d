#include "capture/scene/paint.h"

#include "base/simd.h"

#include <math.h>
#include <string.h>

#define SUB_ROWS   4  /* samples down a pixel */
#define SUB_COLUMN 64 /* steps across one: a full pixel row of SUB_ROWS adds up to 256 */
#define COVER_FULL 256
#define ARC_STEPS  10 /* strokes of half a circle */
#define TAU        6.2831853f

void canvas_clean(struct canvas *canvas)
{
    canvas->dirty = (struct rect){canvas->width, canvas->height, 0, 0};
}

void canvas_copy(struct canvas *dst, const struct canvas *src, struct rect rect)
{
    int x0 = MAX(rect.x0, 0) & ~1, y0 = MAX(rect.y0, 0) & ~1;
    int x1 = (MIN(rect.x1, dst->width) + 1) & ~1, y1 = (MIN(rect.y1, dst->height) + 1) & ~1;
    if (x0 >= x1 || y0 >= y1)
        return;
    for (int p = 0; p < 3; p++) {
        int half = p ? 1 : 0;
        size_t bytes = (size_t)((x1 - x0) >> half);
        for (int y = y0 >> half; y < y1 >> half; y++)
            memcpy(dst->plane[p] + (ptrdiff_t)y * dst->stride[p] + (x0 >> half),
                   src->plane[p] + (ptrdiff_t)y * src->stride[p] + (x0 >> half), bytes);
    }
}

static uint8_t byte_of(float v)
{
    return (uint8_t)CLAMP(v + 0.5f, 0.0f, 255.0f);
}

struct paint paint_rgb(uint32_t rgb)
{
    float r = (float)(rgb >> 16 & 255), g = (float)(rgb >> 8 & 255), b = (float)(rgb & 255);
    return (struct paint){
        .y = byte_of(16 + 0.257f * r + 0.504f * g + 0.098f * b),
        .u = byte_of(128 - 0.148f * r - 0.291f * g + 0.439f * b),
        .v = byte_of(128 + 0.439f * r - 0.368f * g - 0.071f * b),
        .alpha = 255,
    };
}

struct paint paint_fade(struct paint paint, float alpha)
{
    paint.alpha = byte_of(alpha * 255);
    return paint;
}

struct paint paint_light(struct paint paint, float factor)
{
    paint.y = byte_of(16 + CLAMP(((float)paint.y - 16) * factor, 0.0f, 219.0f));
    paint.u = byte_of(128 + ((float)paint.u - 128) * MIN(factor, 1.2f));
    paint.v = byte_of(128 + ((float)paint.v - 128) * MIN(factor, 1.2f));
    return paint;
}

struct paint paint_mix(struct paint a, struct paint b, float b_share)
{
    return (struct paint){
        .y = byte_of((float)a.y + ((float)b.y - (float)a.y) * b_share),
        .u = byte_of((float)a.u + ((float)b.u - (float)a.u) * b_share),
        .v = byte_of((float)a.v + ((float)b.v - (float)a.v) * b_share),
        .alpha = a.alpha,
    };
}

/* Coverage of two pixel rows, so that their shared chroma row can be painted in the same go. */
struct cover {
    int x0, x1; /* touched columns, even to even */
    uint16_t row[2][PAINT_WIDTH_MAX + 2];
};

static void cover_span(struct cover *cover, int row, int from, int to, int width)
{
    from = MAX(from, 0);
    to = MIN(to, width * SUB_COLUMN);
    if (from >= to)
        return;
    uint16_t *acc = cover->row[row];
    int first = from / SUB_COLUMN, last = to / SUB_COLUMN;
    cover->x0 = MIN(cover->x0, first & ~1);
    cover->x1 = MAX(cover->x1, (last + 2) & ~1);
    if (first == last) {
        acc[first] += (uint16_t)(to - from);
        return;
    }
    acc[first] += (uint16_t)((first + 1) * SUB_COLUMN - from);
    for (int x = first + 1; x < last; x++)
        acc[x] += SUB_COLUMN;
    acc[last] += (uint16_t)(to - last * SUB_COLUMN);
}

/* Where the line at height y enters and leaves the shape, in sub-columns. */
static bool polygon_span(const struct point *p, int count, float y, int *ret_from, int *ret_to)
{
    float from = INFINITY, to = -INFINITY;
    for (int i = 0, j = count - 1; i < count; j = i++) {
        if ((p[i].y <= y) == (p[j].y <= y))
            continue;
        float x = p[i].x + (y - p[i].y) * (p[j].x - p[i].x) / (p[j].y - p[i].y);
        from = fminf(from, x);
        to = fmaxf(to, x);
    }
    if (!(from < to))
        return false;
    *ret_from = (int)lrintf(CLAMP(from, -16.0f, 4096.0f) * SUB_COLUMN);
    *ret_to = (int)lrintf(CLAMP(to, -16.0f, 4096.0f) * SUB_COLUMN);
    return true;
}

VECTORISED static void blend_row(uint8_t *restrict dst, const uint16_t *restrict cover, int count,
                                 int colour, int alpha)
{
    for (int x = 0; x < count; x++) {
        int a = cover[x] * alpha >> 8;
        dst[x] = (uint8_t)(dst[x] + ((colour - dst[x]) * a >> 8));
    }
}

static void blend_chroma(struct canvas *canvas, const struct cover *cover, int y,
                         struct paint paint, int alpha)
{
    uint16_t quarter[PAINT_WIDTH_MAX / 2 + 1];
    int x0 = cover->x0 / 2, count = cover->x1 / 2 - x0;
    const uint16_t *a = cover->row[0] + cover->x0, *b = cover->row[1] + cover->x0;
    for (int i = 0; i < count; i++)
        quarter[i] = (uint16_t)((a[2 * i] + a[2 * i + 1] + b[2 * i] + b[2 * i + 1]) >> 2);
    blend_row(canvas->plane[1] + (ptrdiff_t)(y / 2) * canvas->stride[1] + x0, quarter, count,
              paint.u, alpha);
    blend_row(canvas->plane[2] + (ptrdiff_t)(y / 2) * canvas->stride[2] + x0, quarter, count,
              paint.v, alpha);
}

static void note_owner(struct canvas *canvas, const struct cover *cover, int y)
{
    for (int r = 0; r < 2; r++) {
        uint8_t *owner = canvas->owner + (ptrdiff_t)(y + r) * canvas->width;
        for (int x = cover->x0; x < cover->x1; x++)
            if (cover->row[r][x] >= COVER_FULL / 2)
                owner[x] = canvas->id;
    }
}

static void flush_rows(struct canvas *canvas, struct cover *cover, int y, struct paint paint)
{
    cover->x1 = MIN(cover->x1, canvas->width);
    int count = cover->x1 - cover->x0;
    if (count <= 0)
        return;
    int alpha = paint.alpha + (paint.alpha >> 7);
    if (canvas->plane[0]) {
        for (int r = 0; r < 2; r++)
            blend_row(canvas->plane[0] + (ptrdiff_t)(y + r) * canvas->stride[0] + cover->x0,
                      cover->row[r] + cover->x0, count, paint.y, alpha);
        blend_chroma(canvas, cover, y, paint, alpha);
    }
    if (canvas->owner && alpha > 128)
        note_owner(canvas, cover, y);
    struct rect *d = &canvas->dirty;
    *d = (struct rect){MIN(d->x0, cover->x0), MIN(d->y0, y), MAX(d->x1, cover->x1),
                       MAX(d->y1, y + 2)};
    for (int r = 0; r < 2; r++)
        memset(cover->row[r] + cover->x0, 0, (size_t)(count + 1) * sizeof(uint16_t));
}

void paint_polygon(struct canvas *canvas, const struct point *points, int count, struct paint paint)
{
    ASSERT(count <= PAINT_POINTS_MAX && canvas->width <= PAINT_WIDTH_MAX);
    struct point p[PAINT_POINTS_MAX];
    float top = INFINITY, bottom = -INFINITY, left = INFINITY, right = -INFINITY;
    for (int i = 0; i < count; i++) {
        p[i] = (struct point){points[i].x + canvas->shift_x, points[i].y};
        top = fminf(top, p[i].y);
        bottom = fmaxf(bottom, p[i].y);
        left = fminf(left, p[i].x);
        right = fmaxf(right, p[i].x);
    }
    if (!(bottom > 0 && top < (float)canvas->height && right > 0 && left < (float)canvas->width))
        return;
    int y0 = (int)fmaxf(floorf(top), 0.0f) & ~1;
    int y1 = (int)fminf(ceilf(bottom), (float)canvas->height);
    struct cover cover;
    int from = MAX((int)left - 2, 0), to = MIN((int)right + 4, canvas->width + 2);
    for (int r = 0; r < 2; r++)
        memset(cover.row[r] + from, 0, (size_t)(to - from) * sizeof(uint16_t));
    for (int y = y0; y < y1; y += 2) {
        cover.x0 = canvas->width;
        cover.x1 = 0;
        for (int s = 0; s < 2 * SUB_ROWS; s++) {
            int a, b;
            if (polygon_span(p, count, (float)y + ((float)s + 0.5f) / SUB_ROWS, &a, &b))
                cover_span(&cover, s / SUB_ROWS, a, b, canvas->width);
        }
        flush_rows(canvas, &cover, y, paint);
    }
}

void paint_rect(struct canvas *canvas, float x0, float y0, float x1, float y1, struct paint paint)
{
    struct point p[] = {{x0, y0}, {x1, y0}, {x1, y1}, {x0, y1}};
    paint_polygon(canvas, p, 4, paint);
}

void paint_ellipse(struct canvas *canvas, struct point centre, float rx, float ry,
                   struct paint paint)
{
    struct point p[2 * ARC_STEPS];
    for (int i = 0; i < 2 * ARC_STEPS; i++) {
        float a = (float)i * TAU / (2 * ARC_STEPS);
        p[i] = (struct point){centre.x + rx * cosf(a), centre.y + ry * sinf(a)};
    }
    paint_polygon(canvas, p, 2 * ARC_STEPS, paint);
}

void paint_capsule(struct canvas *canvas, struct point a, struct point b, float ra, float rb,
                   struct paint paint)
{
    enum { STEPS = 6 };
    struct point p[2 * (STEPS + 1)];
    float along = atan2f(b.y - a.y, b.x - a.x);
    for (int i = 0; i <= STEPS; i++) {
        float turn = along + TAU / 4 + (float)i * (TAU / 2) / STEPS;
        p[i] = (struct point){a.x + ra * cosf(turn), a.y + ra * sinf(turn)};
        turn += TAU / 2;
        p[STEPS + 1 + i] = (struct point){b.x + rb * cosf(turn), b.y + rb * sinf(turn)};
    }
    paint_polygon(canvas, p, ARRAY_LEN(p), paint);
}

static struct point pen_at(const struct pen *pen, float x, float y)
{
    float along = (pen->mirror ? -x : x) * pen->scale;
    return (struct point){pen->origin.x + along, pen->origin.y - y * pen->scale};
}

void pen_polygon(const struct pen *pen, const struct point *points, int count, struct paint paint)
{
    ASSERT(count <= PAINT_POINTS_MAX);
    struct point p[PAINT_POINTS_MAX];
    for (int i = 0; i < count; i++)
        p[i] = pen_at(pen, points[i].x, points[i].y);
    paint_polygon(pen->canvas, p, count, paint);
}

void pen_rect(const struct pen *pen, float x0, float y0, float x1, float y1, struct paint paint)
{
    struct point a = pen_at(pen, x0, y0), b = pen_at(pen, x1, y1);
    paint_rect(pen->canvas, a.x, a.y, b.x, b.y, paint);
}

void pen_ellipse(const struct pen *pen, float x, float y, float rx, float ry, struct paint paint)
{
    paint_ellipse(pen->canvas, pen_at(pen, x, y), rx * pen->scale, ry * pen->scale, paint);
}

void pen_capsule(const struct pen *pen, struct point a, struct point b, float ra, float rb,
                 struct paint paint)
{
    paint_capsule(pen->canvas, pen_at(pen, a.x, a.y), pen_at(pen, b.x, b.y), ra * pen->scale,
                  rb * pen->scale, paint);
}

void pen_ring(const struct pen *pen, struct point centre, float radius, float thickness,
              struct paint paint)
{
    enum { STEPS = 18 };
    for (int i = 0; i < STEPS; i++) {
        float a = (float)i * TAU / STEPS, b = (float)(i + 1) * TAU / STEPS;
        struct point p = {centre.x + radius * cosf(a), centre.y + radius * sinf(a)};
        struct point q = {centre.x + radius * cosf(b), centre.y + radius * sinf(b)};
        pen_capsule(pen, p, q, thickness / 2, thickness / 2, paint);
    }
}
