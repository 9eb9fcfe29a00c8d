#include "detect/regions.h"

#include <math.h>
#include <string.h>

#define QUIET_US       (1500 * US_PER_MS) /* without a look: whatever was known is old */
#define FORGET_US      (2 * US_PER_S)     /* looked for this long, and */
#define FORGET_MISSES  3                  /* this often in a row without finding it */
#define SURE_SCORE     0.4f /* what never reached it is looked for once, closely, and no more */
#define SPEED_US       (400 * US_PER_MS) /* smoothing of the speed */
#define PREDICT_MAX_US US_PER_S
#define REST_US        (3 * US_PER_S) /* so long in its place, and nothing moves there */
#define REST_IOU       0.75f
#define SAME_IOU       0.15f
#define SAME_DISTANCE  0.7f /* without overlap: centres closer than this share of its size */
/* Room around what is looked for, in shares of its size: it may have moved on, and a model wants to
 * see something of what is around a thing. What moves may be an arm of somebody else unseen. */
#define SPOT_ROOM   0.35f
#define MOTION_ROOM 0.5f
#define CUT_ROOM    1.0f /* on the sides on which it was cut */
/* Two regions become one where that shrinks what they show by no more than this; it saves a run. */
#define MERGE_GROWTH 1.4f
#define WHOLE_SHARE  0.75f /* a part of this share of the picture's sides shows no more than it */
#define WANTS_MAX    (REGION_SPOTS_MAX + MOTION_BOXES_MAX)

/* A place worth a look and the region that would show it; px. */
struct want {
    struct box need, region;
};

struct wants {
    float width, height; /* px, of the picture */
    float in_width, in_height;
    int count;
    struct want items[WANTS_MAX];
};

void regions_init(struct regions *r, const struct regions_params *params)
{
    memset(r, 0, sizeof *r);
    r->params = *params;
}

void regions_forget(struct regions *r)
{
    r->looked = false;
    r->spot_count = 0;
}

static struct box join(struct box a, struct box b)
{
    return (struct box){MIN(a.x0, b.x0), MIN(a.y0, b.y0), MAX(a.x1, b.x1), MAX(a.y1, b.y1)};
}

static struct box pad(struct box b, float share)
{
    float x = box_width(b) * share;
    float y = box_height(b) * share;
    return box_clip((struct box){b.x0 - x, b.y0 - y, b.x1 + x, b.y1 + y});
}

/* Where the span [lo, hi] lies within [0, limit] when it is made `size` long; whole even pixels. */
static void place_span(float lo, float hi, float size, float limit, float *ret_lo, float *ret_hi)
{
    size = MIN(2 * ceilf(size / 2), limit);
    float from = 2 * floorf(((lo + hi - size) / 2) / 2);
    *ret_lo = CLAMP(from, 0.0f, limit - size);
    *ret_hi = *ret_lo + size;
}

/* Of the model's shape and no smaller than its input, as far as the picture allows. */
static struct box region_for(const struct wants *w, struct box need)
{
    float shrink = MAX(box_width(need) / w->in_width, box_height(need) / w->in_height);
    shrink = MAX(shrink, 1.0f);
    struct box region;
    place_span(need.x0, need.x1, shrink * w->in_width, w->width, &region.x0, &region.x1);
    place_span(need.y0, need.y1, shrink * w->in_height, w->height, &region.y0, &region.y1);
    return region;
}

static void add_want(struct wants *w, struct box need)
{
    ASSERT(w->count < WANTS_MAX);
    struct want *want = &w->items[w->count++];
    want->need = (struct box){need.x0 * w->width, need.y0 * w->height, need.x1 * w->width,
                              need.y1 * w->height};
    want->region = region_for(w, want->need);
}

/* How much a region shrinks what it shows. */
static float shrinks(const struct wants *w, struct box region)
{
    return MAX(box_width(region) / w->in_width, box_height(region) / w->in_height);
}

static bool contains(struct box outer, struct box inner)
{
    return outer.x0 <= inner.x0 && outer.y0 <= inner.y0 && outer.x1 >= inner.x1 &&
           outer.y1 >= inner.y1;
}

/* How much worse things are seen when the two share a region; 0: no worse. */
static float merge_growth(const struct wants *w, int a, int b)
{
    const struct want *wa = &w->items[a];
    const struct want *wb = &w->items[b];
    if (contains(wa->region, wb->need) || contains(wb->region, wa->need))
        return 0;
    float alone = MAX(shrinks(w, wa->region), shrinks(w, wb->region));
    return shrinks(w, region_for(w, join(wa->need, wb->need))) / MAX(alone, 1.0f);
}

static void merge(struct wants *w, int a, int b)
{
    struct want *into = &w->items[a];
    const struct want *from = &w->items[b];
    if (contains(into->region, from->need))
        into->need = join(into->need, from->need);
    else if (contains(from->region, into->need))
        *into = (struct want){join(into->need, from->need), from->region};
    else {
        into->need = join(into->need, from->need);
        into->region = region_for(w, into->need);
    }
    w->items[b] = w->items[--w->count];
}

/* Merges the two that lose least by it, as long as they lose little or there are too many. */
static void merge_all(struct wants *w, int most)
{
    while (w->count > 1) {
        int a = 0, b = 1;
        float least = INFINITY;
        for (int i = 0; i < w->count; i++)
            for (int k = i + 1; k < w->count; k++) {
                float growth = merge_growth(w, i, k);
                if (growth < least) {
                    least = growth;
                    a = i, b = k;
                }
            }
        if (least > MERGE_GROWTH && w->count <= most)
            return;
        merge(w, a, b);
    }
}

static struct box predicted(const struct spot *s, int64_t now_us)
{
    float t = (float)CLAMP(now_us - s->seen_us, 0, PREDICT_MAX_US) / (float)US_PER_S;
    float x = s->speed.x * t;
    float y = s->speed.y * t;
    struct box b = s->box;
    return box_clip((struct box){b.x0 + x, b.y0 + y, b.x1 + x, b.y1 + y});
}

static bool moves_at(const struct motion_result *motion, struct box b)
{
    for (int i = 0; i < motion->box_count; i++)
        if (box_intersection(motion->boxes[i], b) > 0)
            return true;
    return false;
}

static bool rests(const struct spot *s, const struct observation *o)
{
    return s->misses == 0 && o->pts_us - s->rest_us >= REST_US && !moves_at(&o->motion, s->box);
}

/* all: also what has not moved for a while. */
static void collect(const struct regions *r, const struct observation *o, bool all,
                    struct wants *ret)
{
    for (int i = 0; i < r->spot_count; i++) {
        const struct spot *s = &r->spots[i];
        if (all || !rests(s, o))
            add_want(ret, pad(join(s->box, predicted(s, o->pts_us)), SPOT_ROOM));
    }
    for (int i = 0; i < o->motion.box_count && !o->motion.lighting; i++)
        add_want(ret, pad(o->motion.boxes[i], MOTION_ROOM));
}

static struct wants wants_for(const struct regions *r, const struct frame *frame)
{
    return (struct wants){.width = (float)frame->width,
                          .height = (float)frame->height,
                          .in_width = (float)r->params.width,
                          .in_height = (float)r->params.height};
}

static bool pays(const struct regions *r, const struct observation *o)
{
    if (r->params.width == 0 || r->params.parts_max == 0 || !o->frame || o->still)
        return false;
    struct wants w = wants_for(r, o->frame);
    return shrinks(&w, (struct box){0, 0, w.width, w.height}) >= r->params.worth;
}

static bool whole_is_due(const struct regions *r, const struct observation *o)
{
    return !r->looked || o->motion.lighting || o->pts_us - r->last_us >= QUIET_US ||
           o->pts_us - r->whole_us >= r->params.whole_every_us;
}

static struct box normalised(const struct wants *w, struct box px)
{
    return (struct box){px.x0 / w->width, px.y0 / w->height, px.x1 / w->width, px.y1 / w->height};
}

static bool is_nearly_whole(const struct wants *w, struct box region)
{
    struct box all = {0, 0, w->width, w->height};
    return shrinks(w, region) >= WHOLE_SHARE * shrinks(w, all);
}

int regions_plan(struct regions *r, const struct observation *o, struct box ret[LOOKED_MAX])
{
    ret[0] = BOX_WHOLE;
    if (o->gap)
        regions_forget(r);
    if (!pays(r, o))
        return 1;
    bool whole = whole_is_due(r, o);
    struct wants wants = wants_for(r, o->frame);
    collect(r, o, whole, &wants);
    int most = MIN(r->params.parts_max, LOOKED_MAX - 1);
    merge_all(&wants, most);
    for (int i = 0; i < wants.count; i++)
        whole |= is_nearly_whole(&wants, wants.items[i].region);
    int count = whole || wants.count == 0;
    for (int i = 0; i < wants.count; i++)
        if (!is_nearly_whole(&wants, wants.items[i].region))
            ret[count++] = normalised(&wants, wants.items[i].region);
    return count;
}

/* What was cut, as large as it may be. */
static struct box extended(const struct cut *cut)
{
    float x = box_width(cut->box) * CUT_ROOM;
    float y = box_height(cut->box) * CUT_ROOM;
    struct box b = cut->box;
    return box_clip((struct box){cut->left ? b.x0 - x : b.x0, cut->top ? b.y0 - y : b.y0,
                                 cut->right ? b.x1 + x : b.x1, cut->bottom ? b.y1 + y : b.y1});
}

struct box regions_widen(const struct regions *r, const struct frame *frame, const struct cut *cuts,
                         int count)
{
    struct box need = extended(&cuts[0]);
    for (int i = 1; i < count; i++)
        need = join(need, extended(&cuts[i]));
    struct wants wants = wants_for(r, frame);
    add_want(&wants, pad(need, SPOT_ROOM));
    struct box region = wants.items[0].region;
    return is_nearly_whole(&wants, region) ? BOX_WHOLE : normalised(&wants, region);
}

/* How well something found fits a spot; 0: not at all. */
static float fit(const struct spot *s, enum object_kind kind, struct box box, int64_t now_us)
{
    if (s->kind != kind)
        return 0;
    struct box there = predicted(s, now_us);
    float iou = MAX(box_iou(there, box), box_iou(s->box, box));
    if (iou >= SAME_IOU)
        return 1 + iou;
    /* In shares of its longer side: who walks past is higher than wide. */
    struct point a = box_centre(there);
    struct point b = box_centre(box);
    float size = MAX(MAX(box_width(there), box_height(there)), 1e-6f);
    float distance = hypotf(a.x - b.x, a.y - b.y) / size;
    return distance < SAME_DISTANCE ? 1 - distance : 0;
}

static void move_spot(struct spot *s, struct box box, int64_t now_us)
{
    float t = (float)(now_us - s->seen_us) / (float)US_PER_S;
    if (t > 0) {
        float k = MIN(t * (float)US_PER_S / (float)SPEED_US, 1.0f);
        struct point from = box_centre(s->box);
        struct point to = box_centre(box);
        s->speed.x += k * ((to.x - from.x) / t - s->speed.x);
        s->speed.y += k * ((to.y - from.y) / t - s->speed.y);
    }
    s->box = box;
    s->seen_us = now_us;
    s->misses = 0;
    if (box_iou(s->rest_box, box) < REST_IOU) {
        s->rest_box = box;
        s->rest_us = now_us;
    }
}

static void sight(struct regions *r, bool *met, enum object_kind kind, struct box box, float score,
                  int64_t now_us)
{
    int best = -1;
    float best_fit = 0;
    for (int i = 0; i < r->spot_count; i++) {
        float f = met[i] ? 0 : fit(&r->spots[i], kind, box, now_us);
        if (f > best_fit) {
            best = i;
            best_fit = f;
        }
    }
    if (best < 0) {
        if (r->spot_count == REGION_SPOTS_MAX)
            return;
        best = r->spot_count++;
        r->spots[best] = (struct spot){
            .box = box, .kind = kind, .seen_us = now_us, .rest_box = box, .rest_us = now_us};
    }
    met[best] = true;
    struct spot *s = &r->spots[best];
    move_spot(s, box, now_us);
    s->best = MAX(s->best, score);
}

static bool was_looked_at(const struct observation *o, struct box b)
{
    for (int i = 0; i < o->looked_count; i++)
        if (box_intersection(o->looked[i], b) >= 0.8f * box_area(b))
            return true;
    return false;
}

/* Those not met, where somebody looked. */
static void forget(struct regions *r, const bool *met, const struct observation *o)
{
    int kept = 0;
    for (int i = 0; i < r->spot_count; i++) {
        struct spot *s = &r->spots[i];
        if (!met[i] && was_looked_at(o, s->box))
            s->misses++;
        bool gone = s->misses > 0 &&
                    (s->best < SURE_SCORE ||
                     (s->misses >= FORGET_MISSES && o->pts_us - s->seen_us >= FORGET_US));
        if (!gone)
            r->spots[kept++] = *s;
    }
    r->spot_count = kept;
}

void regions_learn(struct regions *r, const struct observation *o, const struct cut *cuts,
                   int cut_count)
{
    if (!o->analysed)
        return;
    r->looked = true;
    r->last_us = o->pts_us;
    for (int i = 0; i < o->looked_count; i++)
        if (box_area(o->looked[i]) >= 1)
            r->whole_us = o->pts_us;
    bool met[REGION_SPOTS_MAX] = {false};
    for (int i = 0; i < o->detections.count; i++) {
        const struct detection *d = &o->detections.items[i];
        sight(r, met, label_kind(d->label), d->box, d->score, o->pts_us);
    }
    for (int i = 0; i < cut_count; i++)
        sight(r, met, cuts[i].kind, extended(&cuts[i]), 0, o->pts_us);
    forget(r, met, o);
}
