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
#define USUAL_US    (60 * US_PER_S) /* a usual place follows what is seen there this slowly */
#define USUAL_MAX   0.1f
#define KEEP_US     (60 * US_PER_S)
/* A person or an animal that stands this long is a statue, a scarecrow, or asleep. */
#define LIVING_PARKS_US (600 * US_PER_S)
#define REPLACED_IOU    0.6f
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
    struct detection d = {.box = f->rest_box, .score = f->live.track.last.score};
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
    struct detection d = usual(f);
    const struct parked *before = recall(t, &d, o);
    f->parked_id = f->live.track.id;
    if (before && !f->live.moved)
        f->parked_id = before->id; /* it had only been unrecognised */
    else if (before && box_iou(before->box, f->rest_box) >= REPLACED_IOU)
        memory_forget(t->params.memory,
                      &before->id); /* it left unseen: somebody came in its place */
    f->live.parked = true;
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

void rest_start(struct tracker *t, struct follow *f, const struct detection *d,
                const struct observation *o)
{
    const struct parked *known = recall(t, d, o);
    f->first_box = f->rest_box = f->mean_box = known ? known->box : d->box;
    f->rest_since_us = o->pts_us;
    f->stayed_us = o->pts_us;
    f->kept_us = TIME_UNKNOWN;
    f->live.moved = o->still && !known; /* the camera itself noticed something */
    if (!known)
        return;
    f->parked_id = known->id;
    f->live.parked = f->live.track.stationary = true;
}

/* -- a sighting -- */

void rest_watch(struct tracker *t, struct follow *f, const struct sighting *now,
                const struct observation *o)
{
    struct live_track *live = &f->live;
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

/* Whether most of what else is parked is off its place by as much: then the camera moved. */
static bool camera_swings(const struct tracker *t, const struct follow *f)
{
    float tolerance = MAX(TOGETHER_MIN, TOGETHER_SHARE * hypotf(f->off.x, f->off.y));
    int together = 0, apart = 0;
    for (int i = 0; i < t->count; i++) {
        const struct follow *g = t->follows[i];
        if (g == f || !g->matched || !g->live.parked)
            continue;
        bool same = hypotf(g->off.x - f->off.x, g->off.y - f->off.y) <= tolerance;
        together += same;
        apart += !same;
    }
    return together > apart;
}

/* Seen where it belongs. */
static void stay(struct tracker *t, struct follow *f, const struct observation *o)
{
    struct box now = f->live.track.last.box;
    f->left_rest_sightings = f->farther_sightings = 0;
    float weight = MIN((float)(o->pts_us - f->stayed_us) / (float)USUAL_US, USUAL_MAX);
    f->stayed_us = o->pts_us;
    if (box_iou(f->rest_box, now) > 0.5f) /* else it is half hidden */
        f->rest_box = box_mix(f->rest_box, now, weight);
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
    bool farther = shift > place_shift(f->rest_box, f->left_box) + MOVED_SHIFT;
    f->farther_sightings = farther ? f->farther_sightings + 1 : 0;
    bool course = o->still || f->farther_sightings >= FARTHER_SIGHTINGS;
    if (course && !camera_swings(t, f)) {
        drive_off(t, f, o->pts_us);
    } else if (course || (!farther && o->pts_us - f->left_us >= rest_time(t, f))) {
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
        float shift = place_shift(f->rest_box, f->live.track.last.box);
        if (shift <= limit)
            stay(t, f, o);
        else
            stray(t, f, o, shift);
    }
}

/* -- the camera turned, pictures of their own -- */

void rest_shift(struct tracker *t, struct follow *f, float x, float y)
{
    struct box last = f->live.track.last.box;
    /* Looks between the turn and the news of it may have moved its place already. */
    if (box_iou(box_shifted(f->rest_box, x, y), last) >= box_iou(f->rest_box, last)) {
        f->rest_box = box_shifted(f->rest_box, x, y);
        f->left_rest_sightings = f->farther_sightings = 0;
    }
    f->first_box = box_shifted(f->first_box, x, y);
    f->moved_sightings = 0;
    for (int i = 0; i < LINES_MAX; i++) {
        f->clear[i].x += x;
        f->clear[i].y += y;
    }
    f->velocity = (struct box){0};
    if (!f->live.parked || !t->params.memory || !f->live.confirmed)
        return;
    struct detection d = usual(f);
    memory_keep(t->params.memory, &f->parked_id,
                &(struct memory_sight){&d, NULL, f->live.track.last.wall_us});
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
