/* Place decides, looks only help: a box that fits well is the same object in any light, and one
 * that fits badly is it only if it looks the same. Wrong either way, little is lost: a stranger
 * taken for a known object is told of as soon as it drives, and a known object taken for a stranger
 * stands still all the same. */
#include "track/memory.h"

#include "track/looks.h"
#include "track/place.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* How well a box fits a usual place. Detectors breathe by a fifth; headlights and rain widen a box,
 * who walks in front cuts it. */
#define GOOD_IOU    0.6f
#define GOOD_SHIFT  0.2f
#define WEAK_IOU    0.4f
#define WEAK_SHIFT  0.3f
#define WEAK_INSIDE 0.8f  /* of the smaller box lies in the larger one */
#define WEAK_PART   0.25f /* which is at least this much of it */
#define POOR_IOU    0.25f

/* Correlation. Measured on the rendered street, one car by day and by night, and different cars at
 * one place: see decision 0012. */
#define UNLIKE     0.25f /* at most: something else */
#define ALIKE      0.8f  /* at least: the same, even somewhat off its place */
#define VERY_ALIKE 0.9f

/* By its place alone a thing is known this long; longer at hours in which it stood there on more
 * days than one. */
#define TRUST_US     (12 * 3600 * US_PER_S)
#define HOUR_US      (3600 * US_PER_S)
#define COUNT_US     (55 * US_PER_S) /* sightings nearer together are one */
#define HOUR_DAY_MAX 66              /* so no day brings more into an hour */
#define SAVE_US      (600 * US_PER_S)

enum place_fit { PLACE_NONE, PLACE_POOR, PLACE_WEAK, PLACE_GOOD };

struct memory {
    int64_t remember_us;
    int count;
    struct parked items[PARKED_MAX]; /* oldest first */
    bool came_or_went, refreshed;
    int64_t wall_us, saved_wall_us; /* the latest time told; the time of the latest save */
};

struct memory *memory_new(int64_t remember_us)
{
    struct memory *m = NEW(struct memory);
    m->remember_us = remember_us;
    m->wall_us = m->saved_wall_us = TIME_UNKNOWN;
    return m;
}

void memory_free(struct memory **memory)
{
    free(*memory);
    *memory = NULL;
}

static int index_of(const struct memory *m, const struct uuid *id)
{
    for (int i = 0; i < m->count; i++)
        if (uuid_equal(&m->items[i].id, id))
            return i;
    return -1;
}

static void remove_at(struct memory *m, int i)
{
    m->count--;
    memmove(&m->items[i], &m->items[i + 1], (size_t)(m->count - i) * sizeof m->items[0]);
    m->came_or_went = true;
}

/* -- from outside -- */

static bool is_sane(const struct parked *p)
{
    struct box b = p->box;
    return !uuid_is_zero(&p->id) && p->label[0] && memchr(p->label, '\0', sizeof p->label) &&
           b.x0 >= 0 && b.y0 >= 0 && b.x1 <= 1 && b.y1 <= 1 && b.x0 < b.x1 && b.y0 < b.y1;
}

static int by_since(const void *a, const void *b)
{
    const struct parked *x = a;
    const struct parked *y = b;
    return (x->since_wall_us > y->since_wall_us) - (x->since_wall_us < y->since_wall_us);
}

void memory_load(struct memory *m, const struct parked *items, int count)
{
    m->count = 0;
    for (int i = 0; i < count && m->count < PARKED_MAX; i++)
        if (is_sane(&items[i]) && index_of(m, &items[i].id) < 0)
            m->items[m->count++] = items[i];
    qsort(m->items, (size_t)m->count, sizeof m->items[0], by_since);
    m->came_or_went = m->refreshed = false;
}

/* -- time -- */

/* How long unseen; 0 where nobody can say, or where the clock was set back. */
static int64_t unseen_us(const struct parked *p, int64_t wall_us)
{
    if (wall_us == TIME_UNKNOWN || p->seen_wall_us == TIME_UNKNOWN || wall_us < p->seen_wall_us)
        return 0;
    /* Hostile stamps may lie farther apart than an int64_t tells. */
    return (int64_t)MIN((uint64_t)wall_us - (uint64_t)p->seen_wall_us, (uint64_t)INT64_MAX);
}

static int hour_of(int64_t wall_us)
{
    int64_t hour = wall_us / HOUR_US % 24;
    return (int)(hour < 0 ? hour + 24 : hour);
}

/* Stood there at this hour on more days than one. */
static bool is_usual_hour(const struct parked *p, int64_t wall_us)
{
    return wall_us != TIME_UNKNOWN && p->hours[hour_of(wall_us)] > HOUR_DAY_MAX;
}

static void forget_old(struct memory *m, int64_t wall_us)
{
    for (int i = m->count - 1; i >= 0; i--)
        if (unseen_us(&m->items[i], wall_us) > m->remember_us)
            remove_at(m, i);
}

/* -- is it this one? -- */

/* Detectors are in two minds about large cars. */
static bool same_family(const char *a, const char *b)
{
    static const char *const cars[] = {"car", "truck", "bus"};
    bool in_a = false, in_b = false;
    for (size_t i = 0; i < ARRAY_LEN(cars); i++) {
        in_a |= strcmp(a, cars[i]) == 0;
        in_b |= strcmp(b, cars[i]) == 0;
    }
    return (in_a && in_b) || strcmp(a, b) == 0;
}

static enum place_fit place_fit(struct box usual, struct box now)
{
    float iou = box_iou(usual, now);
    float shift = place_shift(usual, now);
    float smaller = MIN(box_area(usual), box_area(now));
    float larger = MAX(box_area(usual), box_area(now));
    bool part = box_intersection(usual, now) >= WEAK_INSIDE * smaller &&
                smaller >= WEAK_PART * larger;
    if (iou >= GOOD_IOU && shift <= GOOD_SHIFT)
        return PLACE_GOOD;
    if (part || (shift <= WEAK_SHIFT && iou >= WEAK_IOU))
        return PLACE_WEAK;
    return iou >= POOR_IOU ? PLACE_POOR : PLACE_NONE;
}

/* What stands at its usual place now, or in the box that the detector drew this time: whichever is
 * more like it. NAN: nobody can tell. */
static float likeness(const struct parked *p, const struct memory_sight *sight)
{
    float best = NAN;
    if (!sight->frame || !looks_known(p->looks))
        return best;
    const struct box boxes[] = {p->box, sight->detection->box};
    for (size_t i = 0; i < ARRAY_LEN(boxes); i++) {
        uint8_t now[PARKED_LOOKS_BYTES];
        looks_of(sight->frame, boxes[i], now);
        if (looks_known(now))
            best = fmaxf(best, looks_likeness(p->looks, now));
    }
    return best;
}

/* What lives may stand where somebody stood before: only what looks the same is the same. */
static bool is_living(const char *label)
{
    enum object_kind kind = label_kind(label);
    return kind == KIND_PERSON || kind == KIND_ANIMAL;
}

static bool is_same(const struct parked *p, const struct memory_sight *sight, enum place_fit fit)
{
    if (fit == PLACE_NONE || !same_family(p->label, sight->detection->label))
        return false;
    bool living = is_living(p->label);
    if (fit == PLACE_GOOD && !living && unseen_us(p, sight->wall_us) > TRUST_US &&
        !is_usual_hour(p, sight->wall_us))
        fit = PLACE_WEAK;
    if (fit == PLACE_GOOD && !living)
        return true;
    float alike = likeness(p, sight);
    if (living)
        return fit == PLACE_GOOD && alike >= VERY_ALIKE;
    return fit == PLACE_WEAK ? !(alike <= UNLIKE) : alike >= ALIKE;
}

static bool is_taken(const struct uuid *id, const struct uuid *taken, int count)
{
    for (int i = 0; i < count; i++)
        if (uuid_equal(id, &taken[i]))
            return true;
    return false;
}

const struct parked *memory_find(const struct memory *m, const struct memory_sight *sight,
                                 const struct uuid *taken, int taken_count)
{
    const struct parked *best = NULL;
    float best_value = 0;
    for (int i = 0; i < m->count; i++) {
        const struct parked *p = &m->items[i];
        enum place_fit fit = place_fit(p->box, sight->detection->box);
        float value = (float)fit + box_iou(p->box, sight->detection->box);
        if (value <= best_value || unseen_us(p, sight->wall_us) > m->remember_us ||
            is_taken(&p->id, taken, taken_count) || !is_same(p, sight, fit))
            continue;
        best = p;
        best_value = value;
    }
    return best;
}

/* -- remembering -- */

/* Who gives way: strangers before those known from other days, then the one unseen for longest. */
static void make_room(struct memory *m, int64_t wall_us)
{
    int worst = 0;
    bool worst_known = true;
    for (int i = 0; i < m->count; i++) {
        const struct parked *p = &m->items[i];
        bool known = false;
        for (int h = 0; h < 24; h++)
            known |= p->hours[h] > HOUR_DAY_MAX;
        bool longer = unseen_us(p, wall_us) > unseen_us(&m->items[worst], wall_us);
        if (i == 0 || (known != worst_known ? worst_known : longer)) {
            worst = i;
            worst_known = known;
        }
    }
    remove_at(m, worst);
}

static struct parked *add(struct memory *m, const struct uuid *id, const struct memory_sight *sight)
{
    if (m->count == PARKED_MAX)
        make_room(m, sight->wall_us);
    struct parked *p = &m->items[m->count++];
    *p = (struct parked){.id = *id, .box = sight->detection->box};
    p->since_wall_us = sight->wall_us;
    p->seen_wall_us = TIME_UNKNOWN;
    m->came_or_went = true;
    return p;
}

void memory_keep(struct memory *m, const struct uuid *id, const struct memory_sight *sight)
{
    int64_t wall_us = sight->wall_us;
    if (!(box_area(box_clip(sight->detection->box)) > 0))
        return; /* the camera was turned away from it */
    forget_old(m, wall_us);
    int at = index_of(m, id);
    struct parked *p = at >= 0 ? &m->items[at] : add(m, id, sight);
    bool first = at < 0;
    bool early = !first && wall_us != TIME_UNKNOWN && p->seen_wall_us != TIME_UNKNOWN &&
                 wall_us >= p->seen_wall_us && unseen_us(p, wall_us) < COUNT_US;
    p->box = box_clip(sight->detection->box);
    STR_COPY(p->label, sight->detection->label);
    if (early)
        return;
    uint8_t now[PARKED_LOOKS_BYTES];
    looks_of(sight->frame, p->box, now);
    looks_learn(p->looks, now);
    m->refreshed = true;
    if (wall_us == TIME_UNKNOWN)
        return;
    p->seen_wall_us = m->wall_us = wall_us;
    uint32_t *hour = &p->hours[hour_of(wall_us)];
    *hour += *hour < UINT32_MAX;
}

void memory_forget(struct memory *m, const struct uuid *id)
{
    int at = index_of(m, id);
    if (at >= 0)
        remove_at(m, at);
}

void memory_shift(struct memory *m, float x, float y, bool known)
{
    for (int i = m->count - 1; i >= 0; i--) {
        struct box b = m->items[i].box;
        struct box to = box_clip((struct box){b.x0 + x, b.y0 + y, b.x1 + x, b.y1 + y});
        /* Of what lies mostly outside now, the usual box can no longer be told. */
        if (!known || !(box_area(to) >= box_area(b) / 2))
            remove_at(m, i);
        else
            m->items[i].box = to;
        m->came_or_went = true;
    }
}

const struct parked *memory_items(const struct memory *m, int *ret_count)
{
    *ret_count = m->count;
    return m->items;
}

bool memory_take_changed(struct memory *m)
{
    bool due = m->refreshed && m->wall_us != TIME_UNKNOWN &&
               (m->saved_wall_us == TIME_UNKNOWN || m->wall_us < m->saved_wall_us ||
                m->wall_us - m->saved_wall_us >= SAVE_US);
    if (!m->came_or_went && !due)
        return false;
    m->came_or_went = m->refreshed = false;
    m->saved_wall_us = m->wall_us;
    return true;
}
