/* Coming to rest, parking, driving off. What has parked drives off only by a course: it must be
 * seen away from its place and then farther away still. A box that jumps and stays there is the
 * detector's second opinion, or a nudge to the camera, and becomes the new place in silence. */
#include "track/internal.h"

#include "track/place.h"

#include <math.h>
#include <string.h>

#define MOVED_SIGHTINGS   2 /* in a row */
#define FARTHER_SIGHTINGS 3
/* Pictures hours apart show no course: what is this far off its place has been driven. */
#define STILL_SHIFT 0.35f
#define MEAN_WEIGHT 0.25f
#define USUAL_US    (600 * US_PER_S) /* a usual place follows what is seen there this slowly */
#define USUAL_MAX   0.1f
#define USUAL_IOU   0.3f /* below, it is half hidden */
#define KEEP_US     (60 * US_PER_S)
/* A person or an animal that stands this long is a statue, a scarecrow, or asleep. */
#define LIVING_PARKS_US (600 * US_PER_S)
#define REPLACED_IOU    0.6f
#define JUMP_US         (600 * US_PER_S) /* after that a place did not jump with a turn told now */
/* Displacements that agree this well are the camera's. */
#define TOGETHER_MIN   0.01f
#define TOGETHER_SHARE 0.3f
/* Where the picture moved and no model says what it shows: nothing that could park. */
#define LABEL_MOTION "motion"

static struct box box_mix(struct box a, struct box b, float b_share)
{
    return (struct box){a.x0 + b_share * (b.x0 - a.x0), a.y0 + b_share * (b.y0 - a.y0),
                        a.x1 + b_share * (b.x1 - a.x1), a.y1 + b_share * (b.y1 - a.y1)};
}

static struct box box_shifted(struct box b, float x, float y)
{
    return (struct box){b.x0 + x, b.y0 + y, b.x1 + x, b.y1 + y};
}

static bool is_living(const struct follow *f)
{
    return f->live.kind == KIND_PERSON || f->live.kind == KIND_ANIMAL;
}

static int64_t rest_time(const struct tracker *t, const struct follow *f)
{
    return is_living(f) ? t->params.conf->rest_person_us : t->params.conf->rest_us;
}

/* -- the memory -- */

static const struct parked *recall(const struct tracker *t, const struct detection *d,
                                   const struct observation *o)
{
    if (!t->params.memory || strcmp(d->label, LABEL_MOTION) == 0)
        return NULL;
    struct uuid taken[TRACKS_MAX];
    int count = 0;
    for (int i = 0; i < t->count; i++)
        if (!uuid_is_zero(&t->follows[i]->parked_id))
            taken[count++] = t->follows[i]->parked_id;
    struct memory_sight sight = {d, o->frame, o->wall_us};
    return memory_find(t->params.memory, &sight, taken, count);
}

static struct detection usual(const struct follow *f)
{
    struct detection d = {.box = f->usual_box, .score = f->live.track.last.score};
    STR_COPY(d.label, f->live.track.label);
    return d;
}

static void keep(struct tracker *t, struct follow *f, const struct observation *o)
{
    f->kept_us = o->pts_us;
    if (!t->params.memory)
        return;
    struct detection d = usual(f);
    memory_keep(t->params.memory, &f->parked_id, &(struct memory_sight){&d, o->frame, o->wall_us});
}

/* -- parking -- */

static bool may_park(const struct follow *f, int64_t now_us)
{
    const struct live_track *live = &f->live;
    if (live->parked || !live->confirmed || !live->track.stationary ||
        strcmp(live->track.label, LABEL_MOTION) == 0)
        return false;
    return !is_living(f) || now_us - f->rest_since_us >= LIVING_PARKS_US;
}

static void park(struct tracker *t, struct follow *f, const struct observation *o)
{
    f->usual_box = f->rest_box;
    struct detection d = usual(f);
    const struct parked *before = recall(t, &d, o);
    f->parked_id = f->live.track.id;
    if (before && !f->live.moved)
        f->parked_id = before->id; /* it had only been unrecognised */
    else if (before && box_iou(before->box, f->rest_box) >= REPLACED_IOU)
        memory_forget(t->params.memory,
                      &before->id); /* it left unseen: somebody came in its place */
    f->live.parked = true;
    f->jumped = (struct point){0};
    f->stayed_us = o->pts_us;
    f->left_rest_sightings = f->farther_sightings = 0;
    keep(t, f, o);
}

static void drive_off(struct tracker *t, struct follow *f, int64_t now_us)
{
    struct live_track *live = &f->live;
    if (t->params.memory)
        memory_forget(t->params.memory, &f->parked_id);
    f->parked_id = (struct uuid){0};
    live->parked = live->track.stationary = false;
    live->moved = true;
    f->rest_box = f->mean_box = live->track.last.box;
    f->rest_since_us = now_us;
    f->left_rest_sightings = 0;
}

static void adopt(struct follow *f, const struct parked *known)
{
    f->first_box = f->rest_box = f->usual_box = f->mean_box = known->box;
    f->parked_id = known->id;
    f->live.parked = f->live.track.stationary = true;
    f->moved_sightings = f->left_rest_sightings = f->farther_sightings = 0;
    f->jumped = (struct point){0};
}

void rest_start(struct tracker *t, struct follow *f, const struct detection *d,
                const struct observation *o)
{
    const struct parked *known = recall(t, d, o);
    f->first_box = f->rest_box = f->mean_box = d->box;
    f->rest_since_us = f->stayed_us = o->pts_us;
    f->kept_us = TIME_UNKNOWN;
    f->live.moved = o->still && !known; /* the camera itself noticed something */
    if (known)
        adopt(f, known);
}

/* -- a sighting -- */

void rest_watch(struct tracker *t, struct follow *f, const struct detection *d,
                const struct sighting *now, const struct observation *o)
{
    struct live_track *live = &f->live;
    /* It may have begun with a flash beside it, or with a box that was not recognised. */
    const struct parked *known = live->parked || live->moved ? NULL : recall(t, d, o);
    if (known)
        adopt(f, known);
    f->mean_box = box_mix(f->mean_box, now->box, o->still ? 1 : MEAN_WEIGHT);
    if (live->parked)
        return; /* rest_decide: it depends on the others */
    int needed = o->still ? 1 : MOVED_SIGHTINGS;
    bool away = place_shift(f->first_box, now->box) > MOVED_SHIFT;
    f->moved_sightings = away ? f->moved_sightings + 1 : 0;
    if (f->moved_sightings >= needed)
        live->moved = true;
    bool left = place_shift(f->rest_box, now->box) > MOVED_SHIFT;
    f->left_rest_sightings = left ? f->left_rest_sightings + 1 : 0;
    if (f->left_rest_sightings >= needed) {
        f->rest_box = f->mean_box = now->box;
        f->rest_since_us = now->pts_us;
        f->left_rest_sightings = 0;
        live->track.stationary = false;
    } else if (!left && !live->track.stationary &&
               now->pts_us - f->rest_since_us >= rest_time(t, f)) {
        live->track.stationary = true;
        f->rest_box = f->mean_box;
    }
}

/* -- all of an observation -- */

static bool goes_with(const struct follow *f, const struct follow *g)
{
    float tolerance = MAX(TOGETHER_MIN, TOGETHER_SHARE * hypotf(f->off.x, f->off.y));
    return hypotf(g->off.x - f->off.x, g->off.y - f->off.y) <= tolerance;
}

static void note_jump(struct follow *f, struct point by, int64_t now_us)
{
    bool lately = now_us - f->jumped_us <= JUMP_US;
    f->jumped.x = by.x + (lately ? f->jumped.x : 0);
    f->jumped.y = by.y + (lately ? f->jumped.y : 0);
    f->jumped_us = now_us;
}

/* Whether most of what else is parked is off its place by as much: then the camera moved. */
static bool camera_swings(const struct tracker *t, const struct follow *f)
{
    int together = 0, apart = 0;
    for (int i = 0; i < t->count; i++) {
        const struct follow *g = t->follows[i];
        if (g == f || !g->matched || !g->live.parked)
            continue;
        bool same = goes_with(f, g);
        together += same;
        apart += !same;
    }
    return together > apart;
}

/* All places move with it at once; one that did so alone would look like one that drives. */
static void swing(struct tracker *t, const struct follow *f, const struct observation *o)
{
    const struct follow by = *f; /* it is among those that change */
    for (int i = 0; i < t->count; i++) {
        struct follow *g = t->follows[i];
        if (!g->matched || !g->live.parked || !goes_with(&by, g))
            continue;
        g->usual_box = box_shifted(g->usual_box, g->off.x, g->off.y);
        g->rest_box = g->live.track.last.box;
        note_jump(g, g->off, o->pts_us);
        g->off = (struct point){0};
        g->left_rest_sightings = g->farther_sightings = 0;
        keep(t, g, o);
    }
}

/* How far off it is. A detector in two minds about a place has two, and both are the object's. */
static float off_place(const struct follow *f, struct box now)
{
    return MIN(place_shift(f->rest_box, now), place_shift(f->usual_box, now));
}

/* Seen where it belongs. */
static void stay(struct tracker *t, struct follow *f, const struct observation *o)
{
    struct box now = f->live.track.last.box;
    f->left_rest_sightings = f->farther_sightings = 0;
    float weight = MIN((float)(o->pts_us - f->stayed_us) / (float)USUAL_US, USUAL_MAX);
    f->stayed_us = o->pts_us;
    if (box_iou(f->usual_box, now) > USUAL_IOU)
        f->usual_box = box_mix(f->usual_box, now, weight);
    if (f->live.confirmed && (f->kept_us == TIME_UNKNOWN || o->pts_us - f->kept_us >= KEEP_US))
        keep(t, f, o);
}

/* Seen somewhere else. */
static void stray(struct tracker *t, struct follow *f, const struct observation *o, float shift)
{
    struct box now = f->live.track.last.box;
    if (f->left_rest_sightings++ == 0) {
        f->left_box = f->mean_box = now;
        f->left_us = o->pts_us;
    }
    bool farther = shift > off_place(f, f->left_box) + MOVED_SHIFT;
    f->farther_sightings = farther ? f->farther_sightings + 1 : 0;
    bool course = o->still || f->farther_sightings >= FARTHER_SIGHTINGS;
    if (course && camera_swings(t, f)) {
        swing(t, f, o);
    } else if (course) {
        drive_off(t, f, o->pts_us);
    } else if (!farther && o->pts_us - f->left_us >= rest_time(t, f)) {
        struct point from = box_centre(f->rest_box), to = box_centre(f->mean_box);
        note_jump(f, (struct point){to.x - from.x, to.y - from.y}, o->pts_us);
        f->rest_box = f->mean_box;
        f->left_rest_sightings = f->farther_sightings = 0;
        keep(t, f, o);
    }
}

void rest_decide(struct tracker *t, const struct observation *o)
{
    float limit = o->still ? STILL_SHIFT : MOVED_SHIFT;
    for (int i = 0; i < t->count; i++) {
        struct follow *f = t->follows[i];
        if (f->matched && may_park(f, o->pts_us))
            park(t, f, o);
        struct point usual = box_centre(f->rest_box), now = box_centre(f->live.track.last.box);
        f->off = (struct point){now.x - usual.x, now.y - usual.y};
    }
    for (int i = 0; i < t->count; i++) {
        struct follow *f = t->follows[i];
        if (!f->matched || !f->live.parked)
            continue;
        float shift = off_place(f, f->live.track.last.box);
        if (shift <= limit)
            stay(t, f, o);
        else
            stray(t, f, o, shift);
    }
}

/* -- the camera turned, pictures of their own -- */

static void shift(struct tracker *t, struct follow *f, float x, float y)
{
    struct box last = f->live.track.last.box;
    int64_t last_us = f->live.track.last.pts_us;
    f->first_box = box_shifted(f->first_box, x, y);
    f->moved_sightings = f->left_rest_sightings = f->farther_sightings = 0;
    f->velocity = (struct box){0};
    for (int i = 0; i < LINES_MAX; i++) {
        f->clear[i].x += x;
        f->clear[i].y += y;
    }
    if (!f->live.parked) {
        f->first_box = f->rest_box = f->matched ? last : box_shifted(f->rest_box, x, y);
        return;
    }
    /* Looks between the turn and the news of it may have moved its place already. */
    bool lately = last_us - f->jumped_us <= JUMP_US;
    bool there = lately && hypotf(f->jumped.x - x, f->jumped.y - y) <=
                               MAX(TOGETHER_MIN, TOGETHER_SHARE * hypotf(x, y));
    f->rest_box = there ? f->rest_box : box_shifted(f->rest_box, x, y);
    f->usual_box = there ? f->rest_box : box_shifted(f->usual_box, x, y);
    f->jumped = (struct point){0};
    if (!t->params.memory || !f->live.confirmed)
        return;
    struct detection d = usual(f);
    memory_keep(t->params.memory, &f->parked_id,
                &(struct memory_sight){&d, NULL, f->live.track.last.wall_us});
}

/* A parked one that was lost by the turn, and what was taken for somebody else where it is now. */
static void unite(struct tracker *t, struct follow *lost, struct follow *found, struct point by)
{
    lost->gone = true;
    if (found->live.parked && t->params.memory)
        memory_forget(t->params.memory, &lost->parked_id);
    if (!found->live.parked) {
        found->parked_id = lost->parked_id;
        found->stayed_us = lost->stayed_us;
        found->kept_us = TIME_UNKNOWN;
        found->rest_box = found->live.track.last.box;
        found->live.parked = found->live.track.stationary = true;
    }
    found->jumped = by;
    found->jumped_us = found->live.track.last.pts_us;
    lost->parked_id = (struct uuid){0};
}

static void find_lost(struct tracker *t, struct follow *lost, struct point by)
{
    struct box to = box_shifted(lost->rest_box, by.x, by.y);
    for (int i = 0; i < t->count; i++) {
        struct follow *f = t->follows[i];
        if (!f->matched || f->live.moving || f->live.kind != lost->live.kind ||
            box_iou(f->live.track.last.box, to) < REPLACED_IOU)
            continue;
        unite(t, lost, f, by);
        return;
    }
}

void rest_shift(struct tracker *t, float x, float y)
{
    for (int i = 0; i < t->count; i++)
        if (t->follows[i]->live.parked && !t->follows[i]->matched)
            find_lost(t, t->follows[i], (struct point){x, y});
    for (int i = 0; i < t->count; i++)
        if (!t->follows[i]->gone)
            shift(t, t->follows[i], x, y);
}

bool rest_spans(const struct tracker *t, const struct follow *f, const struct detection *d,
                const struct observation *o)
{
    int64_t unseen_us = o->pts_us - f->live.track.last.pts_us;
    if (unseen_us <= t->params.conf->max_gap_us)
        return true;
    /* Who stands at the door in the evening is not who stood there in the morning. */
    if (is_living(f) && !f->live.parked && unseen_us > t->params.conf->rest_person_us)
        return false;
    struct box then = f->live.parked ? f->rest_box : f->live.track.last.box;
    return place_shift(then, d->box) <= STILL_SHIFT;
}
