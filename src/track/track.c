/* Association in two rounds, after ByteTrack: confident detections find their tracks first and may
 * start new ones; weak ones only keep confirmed tracks alive. Boxes are predicted by their recent
 * velocity. Silence counts only while somebody looks: a track that was not looked for is not lost.
 */
#include "track/internal.h"
#include "track/place.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MATCH_IOU      0.15f /* least overlap of prediction and detection */
#define MATCH_IOU_WEAK 0.3f
#define MATCH_DISTANCE 0.6f /* without overlap: centres closer than this many box sizes */
#define DUPLICATE_IOU  0.6f /* a new box this close to a followed object of its kind is the same */
#define VELOCITY_US    (400 * US_PER_MS) /* smoothing of the velocity */
#define PREDICT_MAX_US US_PER_S          /* nobody's course is known for longer */
#define MISSES_MIN     3                 /* looks without it before an object has left */
#define REST_PATIENCE  30 /* a stationary object is waited for this many times longer */
/* Share of its height by which a foot must be off a line to count as on one side of it: who sways
 * on the line crosses it once. */
#define LINE_CLEAR      0.1f
#define PICTURE_BETTER  1.15f
#define PICTURE_REST_US (500 * US_PER_MS)
/* An old picture counts half: a long visit shows more than its first minute, and every event its
 * own. */
#define PICTURE_FADE_US (30 * US_PER_S)
/* A track was looked for where this much of its box was. */
#define LOOKED_SHARE 0.7f

static const struct opt track_rows[] = {
    {"confirm_score", OPT_DOUBLE(struct track_conf, confirm_score, 0.05, 1), .def = "0.4",
     .help = "Least score that starts a track."},
    {"confirm_hits", OPT_INT(struct track_conf, confirm_hits, 1, 30), .def = "3",
     .unit = "sightings", .help = "Sightings before a track is believed."},
    {"max_gap", OPT_DURATION(struct track_conf, max_gap_us, 0.2, 30), .def = "2s",
     .help = "Unseen this long, a moving object has left."},
    {"rest", OPT_DURATION(struct track_conf, rest_us, 1, 3600), .def = "10s",
     .help = "A vehicle at rest this long is stationary: it neither opens an event nor keeps one "
             "open."},
    {"rest_person", OPT_DURATION(struct track_conf, rest_person_us, 1, 3600), .def = "60s",
     .help = "The same for people and animals."},
    {"remember", OPT_DURATION(struct track_conf, remember_us, 3600, 365 * 86400.0), .def = "14d",
     .help = "A parked car or other still object that has not been seen for this long is "
             "forgotten."},
    {0},
};

const struct section track_section = {
    .name = "track",
    .help = "Following objects from picture to picture.",
    .bytes = sizeof(struct track_conf),
    .rows = track_rows,
};

struct tracker *tracker_new(const struct tracker_params *params)
{
    struct tracker *t = NEW(struct tracker);
    t->params = *params;
    return t;
}

static void follow_free(struct follow **follow)
{
    frame_unref(&(*follow)->live.track.picture);
    free(*follow);
    *follow = NULL;
}

void tracker_free(struct tracker **tracker)
{
    if (!*tracker)
        return;
    for (int i = 0; i < (*tracker)->count; i++)
        follow_free(&(*tracker)->follows[i]);
    free(*tracker);
    *tracker = NULL;
}

int tracker_count(const struct tracker *tracker)
{
    return tracker->count;
}

const struct live_track *tracker_at(const struct tracker *tracker, int i)
{
    ASSERT(i >= 0 && i < tracker->count);
    return &tracker->follows[i]->live;
}

int64_t tracker_ignored(const struct tracker *tracker)
{
    return tracker->ignored;
}

static void predict(struct follow *f, int64_t now_us)
{
    if (f->live.parked && f->left_rest_sightings == 0) {
        f->predicted = f->rest_box;
        return;
    }
    int64_t elapsed_us = CLAMP(now_us - f->live.track.last.pts_us, 0, PREDICT_MAX_US);
    float s = (float)elapsed_us / (float)US_PER_S;
    struct box b = f->live.track.last.box;
    f->predicted = (struct box){b.x0 + f->velocity.x0 * s, b.y0 + f->velocity.y0 * s,
                                b.x1 + f->velocity.x1 * s, b.y1 + f->velocity.y1 * s};
}

static bool may_be(const struct follow *f, const struct detection *d)
{
    if (label_kind(d->label) != f->live.kind)
        return false;
    /* "Other" is no kind: a chair does not become a suitcase. */
    return f->live.kind != KIND_OTHER || strcmp(d->label, f->live.track.label) == 0;
}

/* How well a detection fits a track: 0 not at all. A weak one must overlap. */
static float fit(const struct tracker *t, const struct follow *f, const struct detection *d,
                 const struct observation *o, bool weak)
{
    float least_iou = weak ? MATCH_IOU_WEAK : MATCH_IOU;
    if (!may_be(f, d) || (o->still && !rest_spans(t, f, d, o)))
        return 0;
    float iou = MAX(box_iou(f->predicted, d->box), box_iou(f->live.track.last.box, d->box));
    if (iou >= least_iou)
        return 1 + iou;
    if (weak || (f->live.parked && f->left_rest_sightings == 0))
        return 0; /* what is parked does not jump */
    struct point a = box_centre(f->predicted);
    struct point b = box_centre(d->box);
    float size_x = MAX(box_width(f->predicted), box_width(d->box));
    float size_y = MAX(box_height(f->predicted), box_height(d->box));
    float distance = hypotf((a.x - b.x) / MAX(size_x, 1e-6f), (a.y - b.y) / MAX(size_y, 1e-6f));
    float area = box_area(f->predicted) / MAX(box_area(d->box), 1e-9f);
    bool alike = area > 0.4f && area < 2.5f;
    return alike && distance < MATCH_DISTANCE ? 1 - distance : 0;
}

struct pair {
    float fit;
    int follow, detection;
};

static int by_fit(const void *a, const void *b)
{
    const struct pair *pa = a;
    const struct pair *pb = b;
    if (pa->fit != pb->fit)
        return pa->fit < pb->fit ? 1 : -1;
    return pa->follow != pb->follow ? pa->follow - pb->follow : pa->detection - pb->detection;
}

static void vote(struct follow *f, const struct detection *d)
{
    struct vote *slot = &f->votes[0];
    for (int i = 0; i < VOTES_MAX; i++) {
        if (!f->votes[i].label[0] || strcmp(f->votes[i].label, d->label) == 0) {
            slot = &f->votes[i];
            break;
        }
        if (f->votes[i].weight < slot->weight)
            slot = &f->votes[i];
    }
    if (strcmp(slot->label, d->label) != 0) {
        STR_COPY(slot->label, d->label);
        slot->weight = 0;
    }
    slot->weight += d->score;
    const struct vote *best = &f->votes[0];
    for (int i = 1; i < VOTES_MAX; i++)
        if (f->votes[i].weight > best->weight)
            best = &f->votes[i];
    STR_COPY(f->live.track.label, best->label);
}

static void learn_velocity(struct follow *f, const struct sighting *now)
{
    const struct sighting *last = &f->live.track.last;
    float s = (float)(now->pts_us - last->pts_us) / (float)US_PER_S;
    if (s <= 0)
        return;
    float k = MIN((float)(now->pts_us - last->pts_us) / (float)VELOCITY_US, 1.0f);
    float *v = &f->velocity.x0;
    const float *from = &last->box.x0;
    const float *to = &now->box.x0;
    for (int i = 0; i < 4; i++)
        v[i] += k * ((to[i] - from[i]) / s - v[i]);
}

static void visit_zones(const struct tracker *t, struct follow *f, const struct sighting *now)
{
    struct track *track = &f->live.track;
    const struct zone_conf *zones = t->params.zones->items;
    int64_t step_us = now->pts_us - track->last.pts_us;
    /* Where nobody looked nothing moved; where somebody looked and missed it, it may have been out.
     */
    if (f->misses > 0)
        step_us = MIN(step_us, t->params.conf->max_gap_us);
    struct point foot = box_foot(now->box);
    for (int i = 0; i < t->params.zones->count && i < ZONES_MAX; i++) {
        struct zone_visit *visit = &track->zones[i];
        bool inside = points_contain(&zones[i].polygon, foot);
        if (inside && !visit->seen) {
            visit->seen = true;
            visit->entered = *now;
            STR_COPY(visit->name, zones[i].name);
        }
        if (inside && visit->inside)
            visit->dwell_us += step_us;
        visit->inside = inside;
    }
}

/* From a point to the nearest of the line, between its ends. */
static float line_distance(const struct line_conf *line, struct point p)
{
    struct opt_point a = line->points.items[0];
    struct opt_point b = line->points.items[1];
    float dx = b.x - a.x;
    float dy = b.y - a.y;
    float length = dx * dx + dy * dy;
    float at = length > 0 ? ((p.x - a.x) * dx + (p.y - a.y) * dy) / length : 0;
    at = CLAMP(at, 0.0f, 1.0f);
    return hypotf(p.x - (a.x + at * dx), p.y - (a.y + at * dy));
}

static void cross_lines(const struct tracker *t, struct follow *f, const struct sighting *now)
{
    struct track *track = &f->live.track;
    const struct line_conf *lines = t->params.lines->items;
    struct point foot = box_foot(now->box);
    float clear = LINE_CLEAR * box_height(now->box);
    for (int i = 0; i < t->params.lines->count && i < LINES_MAX; i++) {
        if (line_distance(&lines[i], foot) < clear)
            continue;
        int direction = line_crossing(&lines[i], f->clear[i], foot);
        f->clear[i] = foot;
        if (!direction)
            continue;
        struct crossing crossing = {.line = i, .direction = direction, .at = *now};
        STR_COPY(crossing.name, lines[i].name);
        track_remember_crossing(track, &crossing);
    }
}

/* Large, sure and whole makes a good picture. */
static float picture_quality(const struct sighting *s)
{
    struct box b = s->box;
    bool cut = b.x0 < 0.005f || b.y0 < 0.005f || b.x1 > 0.995f || b.y1 > 0.995f;
    return s->score * sqrtf(box_area(b)) * (cut ? 0.5f : 1.0f);
}

/* One private copy a frame serves all tracks that like it. */
static void keep_picture(const struct tracker *t, struct follow *f, const struct sighting *now,
                         const struct frame *frame, struct frame **copy)
{
    struct track *track = &f->live.track;
    float quality = picture_quality(now);
    bool first = track->best.pts_us == TIME_UNKNOWN;
    float age = (float)(now->pts_us - f->picture_us) / (float)PICTURE_FADE_US;
    if (!first && (quality < f->best_quality * exp2f(-age) * PICTURE_BETTER ||
                   now->pts_us - f->picture_us < PICTURE_REST_US))
        return;
    f->best_quality = quality;
    f->picture_us = now->pts_us;
    track->best = *now;
    if (!t->params.pictures || !frame)
        return;
    if (!*copy)
        *copy = frame_copy(frame);
    if (!*copy)
        return; /* no memory for it: the older picture stays */
    frame_unref(&track->picture);
    track->picture = frame_ref(*copy);
}

static void sight(struct tracker *t, struct follow *f, const struct detection *d,
                  const struct observation *o, struct frame **copy)
{
    struct live_track *live = &f->live;
    struct sighting now = {o->pts_us, o->wall_us, d->box, d->score};
    learn_velocity(f, &now);
    visit_zones(t, f, &now);
    cross_lines(t, f, &now);
    rest_watch(t, f, d, &now, o);
    vote(f, d);
    live->track.last = now;
    live->track.confidence = MAX(live->track.confidence, d->score);
    live->track.growth = box_area(now.box) / MAX(box_area(f->first_box), 1e-9f);
    live->seen = live->looked = f->matched = true;
    f->misses = 0;
    f->hits++;
    /* A picture of its own has no others to confirm it. */
    bool sure = o->still && d->score >= (float)t->params.conf->confirm_score;
    if (sure || f->hits >= t->params.conf->confirm_hits)
        live->confirmed = true;
    if (live->confirmed)
        keep_picture(t, f, &now, o->frame, copy);
}

static void start_follow(struct tracker *t, const struct detection *d, const struct observation *o,
                         struct frame **copy)
{
    if (t->count == TRACKS_MAX) {
        t->ignored++;
        return;
    }
    struct follow *f = NEW(struct follow);
    struct sighting now = {o->pts_us, o->wall_us, d->box, d->score};
    f->live.kind = label_kind(d->label);
    f->live.track.id = uuid7_new(t->params.ids);
    f->live.track.first = f->live.track.last = now;
    f->live.track.best.pts_us = TIME_UNKNOWN;
    rest_start(t, f, d, o);
    for (int i = 0; i < LINES_MAX; i++)
        f->clear[i] = box_foot(d->box);
    t->follows[t->count++] = f;
    sight(t, f, d, o, copy);
}

/* One round: the best fitting pairs first, each track and each detection at most once. */
static void associate(struct tracker *t, const struct observation *o, bool *used, bool weak,
                      struct frame **copy)
{
    float confirm = (float)t->params.conf->confirm_score;
    const struct detections *all = &o->detections;
    AUTO(free_ptr)
    struct pair *pairs = xcalloc((size_t)t->count * (size_t)all->count, sizeof *pairs);
    int count = 0;
    for (int i = 0; i < t->count; i++)
        for (int j = 0; j < all->count; j++) {
            const struct follow *f = t->follows[i];
            bool is_weak = all->items[j].score < confirm;
            if (f->matched || f->live.ended || used[j] || is_weak != weak ||
                (weak && !f->live.confirmed))
                continue;
            float value = fit(t, f, &all->items[j], o, weak);
            if (value > 0)
                pairs[count++] = (struct pair){value, i, j};
        }
    qsort(pairs, (size_t)count, sizeof *pairs, by_fit);
    for (int k = 0; k < count; k++) {
        struct follow *f = t->follows[pairs[k].follow];
        if (f->matched || used[pairs[k].detection])
            continue;
        used[pairs[k].detection] = true;
        sight(t, f, &all->items[pairs[k].detection], o, copy);
    }
}

/* Two boxes on one object, of one kind or as "car" and "truck". */
static bool is_duplicate(const struct tracker *t, const struct detection *d)
{
    for (int i = 0; i < t->count; i++) {
        const struct live_track *live = &t->follows[i]->live;
        if (live->seen && live->kind == label_kind(d->label) &&
            box_iou(live->track.last.box, d->box) > DUPLICATE_IOU)
            return true;
    }
    return false;
}

static void remove_ended(struct tracker *t)
{
    int kept = 0;
    for (int i = 0; i < t->count; i++) {
        if (t->follows[i]->live.ended)
            follow_free(&t->follows[i]);
        else
            t->follows[kept++] = t->follows[i];
    }
    t->count = kept;
}

static void count_miss(const struct tracker *t, struct follow *f, int64_t now_us)
{
    f->misses++;
    if (!f->live.confirmed) {
        f->live.ended = f->misses >= MISSES_MIN;
        return;
    }
    int patience = f->live.track.stationary ? REST_PATIENCE : 1;
    int64_t unseen_us = now_us - f->live.track.last.pts_us;
    f->live.ended = unseen_us > t->params.conf->max_gap_us * patience &&
                    f->misses >= MISSES_MIN * patience;
}

/* What moved before the picture was interrupted may be anywhere by now. Between pictures of their
 * own there is nothing but gaps. */
static bool lost_in_gap(const struct tracker *t, const struct follow *f,
                        const struct observation *o)
{
    return o->gap && !o->still && !f->live.track.stationary &&
           o->pts_us - f->live.track.last.pts_us > t->params.conf->max_gap_us;
}

/* Whether the detector looked where this one should be. */
static bool looked_for(const struct follow *f, const struct observation *o)
{
    struct box b = box_clip(f->predicted);
    if (!o->analysed)
        return false;
    if (o->looked_count == 0 || box_area(b) <= 0)
        return true; /* everywhere; it has left the picture */
    for (int i = 0; i < o->looked_count; i++)
        if (box_intersection(b, o->looked[i]) >= LOOKED_SHARE * box_area(b))
            return true;
    return false;
}

static void begin_push(struct tracker *t, const struct observation *o)
{
    remove_ended(t);
    for (int i = 0; i < t->count; i++) {
        struct follow *f = t->follows[i];
        f->live.seen = f->matched = false;
        f->live.ended = o->end || t->turned || f->gone || lost_in_gap(t, f, o);
        if (o->analysed)
            predict(f, o->pts_us);
        f->live.looked = looked_for(f, o);
    }
    t->turned = false;
}

void tracker_push(struct tracker *t, const struct observation *o)
{
    begin_push(t, o);
    if (o->analysed) {
        bool used[DETECTIONS_MAX] = {false};
        AUTO(frame_unref) struct frame *copy = NULL;
        associate(t, o, used, false, &copy);
        associate(t, o, used, true, &copy);
        int known = t->count;
        for (int j = 0; j < o->detections.count; j++) {
            const struct detection *d = &o->detections.items[j];
            if (!used[j] && d->score >= (float)t->params.conf->confirm_score && !is_duplicate(t, d))
                start_follow(t, d, o, &copy);
        }
        for (int i = 0; i < known; i++)
            if (!t->follows[i]->matched && !t->follows[i]->live.ended && t->follows[i]->live.looked)
                count_miss(t, t->follows[i], o->pts_us);
        rest_decide(t, o);
    }
    for (int i = 0; i < t->count; i++) {
        struct live_track *live = &t->follows[i]->live;
        live->moving = live->confirmed && live->moved && !live->track.stationary;
    }
}

void tracker_view_moved(struct tracker *t, float x, float y, bool known)
{
    if (t->params.memory)
        memory_shift(t->params.memory, x, y, known);
    t->turned |= !known;
    if (known)
        rest_shift(t, x, y);
}
