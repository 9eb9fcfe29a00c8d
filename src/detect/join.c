#include "detect/join.h"

#include <stdlib.h>
#include <string.h>

#define EDGE_SHARE   0.012f /* of a part's side: a box that ends nearer to the edge goes on there */
#define SAME_IOU     0.45f  /* seen by two looks, boxes that overlap more are one thing */
#define INSIDE_SHARE 0.85f  /* so much of one box in the other, and not much smaller, is one too */
#define INSIDE_AREA  0.3f
#define CUT_SHARE    0.6f /* so much of a cut box in a whole one is a part of it */

/* One finding of one look. */
struct item {
    const struct detection *detection;
    enum object_kind kind;
    int look;
    bool is_cut;
    struct cut cut;
};

struct items {
    int count;
    struct item items[LOOKED_MAX * DETECTIONS_MAX];
};

/* The sides on which a part ended before the thing did: where the picture ends, nothing is cut. */
static struct cut cut_by(struct box region, const struct detection *d)
{
    float x = box_width(region) * EDGE_SHARE;
    float y = box_height(region) * EDGE_SHARE;
    return (struct cut){.box = d->box,
                        .kind = label_kind(d->label),
                        .left = region.x0 > 0 && d->box.x0<region.x0 + x, .top = region.y0> 0 &&
                                d->box.y0 < region.y0 + y,
                        .right = region.x1 < 1 && d->box.x1 > region.x1 - x,
                        .bottom = region.y1 < 1 && d->box.y1 > region.y1 - y};
}

static void collect(const struct look *looks, int count, struct items *ret)
{
    for (int i = 0; i < count; i++)
        for (int k = 0; k < looks[i].ret->count; k++) {
            const struct detection *d = &looks[i].ret->items[k];
            struct cut cut = cut_by(looks[i].region, d);
            ret->items[ret->count++] = (struct item){
                d, cut.kind, i, cut.left || cut.top || cut.right || cut.bottom, cut};
        }
}

/* Whole ones first, then by score; ties must not depend on the sort's whims. */
static int by_worth(const void *a, const void *b)
{
    const struct item *ia = a;
    const struct item *ib = b;
    if (ia->is_cut != ib->is_cut)
        return ia->is_cut ? 1 : -1;
    if (ia->detection->score != ib->detection->score)
        return ia->detection->score < ib->detection->score ? 1 : -1;
    if (ia->look != ib->look)
        return ia->look - ib->look;
    return ia->detection < ib->detection ? -1 : ia->detection > ib->detection;
}

/* Whether a worse item is what a better one of another look already shows. Within one look the
 * model has decided: two boxes of it are two things. */
static bool shown_by(const struct item *better, const struct item *item)
{
    if (better->look == item->look || better->kind != item->kind)
        return false;
    struct box a = better->detection->box;
    struct box b = item->detection->box;
    if (box_iou(a, b) >= SAME_IOU)
        return true;
    float common = box_intersection(a, b);
    if (item->is_cut)
        return common >= CUT_SHARE * box_area(b);
    float small = MIN(box_area(a), box_area(b));
    float large = MAX(box_area(a), box_area(b));
    return common >= INSIDE_SHARE * small && small >= INSIDE_AREA * large;
}

static bool seen_whole(const struct look *looks, int count)
{
    for (int i = 0; i < count; i++)
        if (box_area(looks[i].region) >= 1)
            return true;
    return false;
}

int join_looks(const struct look *looks, int count, struct detections *ret, struct cut *ret_cuts)
{
    ASSERT(count >= 1 && count <= LOOKED_MAX);
    ret->count = 0;
    if (count == 1 && seen_whole(looks, 1)) {
        memcpy(ret, looks[0].ret, sizeof *ret);
        return 0;
    }
    AUTO(free_ptr) struct items *all = NEW(struct items);
    collect(looks, count, all);
    qsort(all->items, (size_t)all->count, sizeof all->items[0], by_worth);
    /* A look at all of the picture would have found what the parts cut, were it anything. */
    bool whole = seen_whole(looks, count);
    int kept = 0;
    int cuts = 0;
    for (int i = 0; i < all->count; i++) {
        const struct item item = all->items[i];
        bool shown = false;
        for (int k = 0; k < kept && !shown; k++)
            shown = shown_by(&all->items[k], &item);
        if (shown || (item.is_cut && whole))
            continue;
        all->items[kept++] = item;
        if (!item.is_cut && ret->count < DETECTIONS_MAX)
            ret->items[ret->count++] = *item.detection;
        else if (item.is_cut && cuts < CUTS_MAX)
            ret_cuts[cuts++] = item.cut;
    }
    return cuts;
}
