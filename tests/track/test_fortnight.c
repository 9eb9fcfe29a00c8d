/* A fortnight in front of one camera on a fake clock, through tracker and windows: a car that comes
 * and goes, a neighbour's that stays, and everything that makes a detector change its mind about
 * them. Every real change is one event at most, and nothing else is one. */
#include "test.h"

#include "batch/batch.h"
#include "track/track.h"

#include <math.h>
#include <stdlib.h>

#define DAYS        14
#define SECOND      US_PER_S
#define MINUTE      (60 * SECOND)
#define HOUR        (60 * MINUTE)
#define DAY         (24 * HOUR)
#define WALL_US     (INT64_C(1767571200) * US_PER_S) /* a Monday, midnight */
#define IDLE_US     (10 * SECOND)
#define ACTIVE_US   (200 * US_PER_MS)
#define SEEN_FROM   0.25f /* the detector's threshold */
#define CHANGES_MAX 64
#define DRIVE_US    (8 * SECOND)
#define SLACK_US    (20 * SECOND) /* an event of a change begins this near to it */

/* What happens, at camera time. */
enum act_kind { ACT_LEAVE, ACT_COME, ACT_PASS, ACT_PERSON, ACT_CAT, ACT_LIGHTS, ACT_RESTART };

struct act {
    enum act_kind kind;
    int64_t at_us, for_us;
    bool other; /* the other car */
};

#define ACTS_MAX 256

/* What the world looks like and what became of it. */
struct house {
    struct track_conf track_conf;
    struct batch_conf batch_conf;
    struct opt_map none;
    struct fake_clock clock;
    struct uuid_gen ids;
    struct memory *memory;
    struct tracker *tracker;
    struct batch *batch;
    bool told; /* when the camera is nudged */

    struct act acts[ACTS_MAX];
    int act_count, next_act;
    int64_t now_us;
    bool home, other_home; /* stand in the place */
    float nudge;           /* of the picture, to the right */
    bool nudged, nudge_told;
    float breath, mood; /* slow changes of box and score */
    float opinion;      /* share of the car by which the detector puts it elsewhere at the moment */
    int ghost_looks;    /* for which it still sees a car where none is */
    struct box ghost;
    uint64_t random;

    int looks;
    int64_t vehicle_us[CHANGES_MAX]; /* events with a vehicle in them: when it moved first */
    struct uuid vehicle_event[CHANGES_MAX];
    int vehicle_count, people_count;
    struct box plain[2]; /* the baseline: boxes followed by overlap alone */
    int plain_unseen[2], plain_events;
};

static float unit(struct house *h)
{
    h->random ^= h->random << 13, h->random ^= h->random >> 7, h->random ^= h->random << 17;
    return (float)(h->random >> 40) / (float)(1 << 24);
}

static float around(struct house *h, float spread)
{
    return spread * (2 * unit(h) - 1);
}

/* -- what comes out -- */

static void note_event(void *ctx, struct event *event)
{
    struct house *h = ctx;
    bool vehicle = false;
    for (int i = 0; i < event->track_count; i++)
        vehicle |= label_kind(event->tracks[i].label) == KIND_VEHICLE;
    h->people_count += event->revision == 0 && !vehicle;
    bool known = h->vehicle_count &&
                 uuid_equal(&h->vehicle_event[h->vehicle_count - 1], &event->id);
    if (vehicle && !known) {
        if (h->vehicle_count == CHANGES_MAX)
            fail_msg("more than %d events with vehicles", CHANGES_MAX);
        h->vehicle_event[h->vehicle_count] = event->id;
        h->vehicle_us[h->vehicle_count++] = h->now_us;
    }
    event_unref(&event);
}

static void start(struct house *h)
{
    h->tracker = tracker_new(&(struct tracker_params){.conf = &h->track_conf,
                                                      .zones = &h->none,
                                                      .lines = &h->none,
                                                      .ids = &h->ids,
                                                      .memory = h->memory});
    h->batch = batch_new(&h->batch_conf, 0, "drive", &h->ids, note_event, h);
}

static void stop(struct house *h)
{
    batch_end(h->batch, CLOSE_SHUTDOWN);
    batch_free(&h->batch);
    tracker_free(&h->tracker);
}

static void restart(struct house *h)
{
    stop(h);
    if (h->memory) {
        static struct parked saved[PARKED_MAX];
        int count;
        const struct parked *items = memory_items(h->memory, &count);
        memcpy(saved, items, (size_t)count * sizeof *items);
        memory_free(&h->memory);
        h->memory = memory_new(h->track_conf.remember_us);
        memory_load(h->memory, saved, count);
    }
    start(h);
}

/* -- what is to be seen -- */

static const struct box place = {0.50f, 0.48f, 0.74f, 0.66f};
static const struct box neighbour = {0.16f, 0.30f, 0.25f, 0.37f};

static float hour_of(const struct house *h)
{
    return (float)(h->now_us % DAY) / (float)HOUR;
}

static bool at_day(const struct house *h, int day, float from_hour, float to_hour)
{
    return h->now_us / DAY == day && hour_of(h) >= from_hour && hour_of(h) < to_hour;
}

static bool is_night(const struct house *h)
{
    return hour_of(h) < 6 || hour_of(h) >= 20;
}

static bool is_rain(const struct house *h)
{
    return at_day(h, 2, 14, 15) || at_day(h, 5, 22, 23) || at_day(h, 9, 6, 7);
}

static bool is_snow(const struct house *h)
{
    return at_day(h, 11, 3, 9);
}

/* From the best light to hardly anything, slowly; lower with infrared. */
static float score(struct house *h)
{
    float noon = cosf((hour_of(h) - 13) / 24 * 6.2831853f); /* -1..1 */
    float level = is_night(h) ? 0.36f : 0.62f + 0.25f * noon;
    return level + 0.12f * h->mood + around(h, is_night(h) ? 0.12f : 0.05f);
}

static void see(struct observation *o, const char *label, struct box box, float score_now)
{
    if (score_now < SEEN_FROM || o->detections.count == DETECTIONS_MAX)
        return;
    struct detection *d = &o->detections.items[o->detections.count++];
    d->box = box_clip(box);
    d->score = MIN(score_now, 0.98f);
    STR_COPY(d->label, label);
}

/* Each side on its own. */
static struct box shaken(struct house *h, struct box b, float share)
{
    float w = box_width(b) * share, height = box_height(b) * share;
    return (struct box){b.x0 + around(h, w), b.y0 + around(h, height), b.x1 + around(h, w),
                        b.y1 + around(h, height)};
}

/* Its size breathes around its middle. */
static struct box breathing(struct box b, float share)
{
    float w = box_width(b) * share / 2, height = box_height(b) * share / 2;
    return (struct box){b.x0 - w, b.y0 - height, b.x1 + w, b.y1 + height};
}

static const struct act *playing(const struct house *h, enum act_kind kind)
{
    for (int i = 0; i < h->act_count; i++) {
        const struct act *a = &h->acts[i];
        if (a->kind == kind && h->now_us >= a->at_us && h->now_us < a->at_us + a->for_us)
            return a;
    }
    return NULL;
}

/* In bad light a detector may take the bonnet and the glare before it for the car, for a few looks
 * or for many minutes. */
static void change_opinion(struct house *h)
{
    bool bad = is_night(h) || is_rain(h) || playing(h, ACT_LIGHTS);
    if (h->opinion != 0 ? unit(h) < 0.1f : bad && unit(h) < 0.02f)
        h->opinion = h->opinion != 0 ? 0 : 0.22f + 0.1f * unit(h);
}

static void see_standing(struct house *h, struct observation *o, struct box b, const char *label,
                         bool large)
{
    const struct act *person = playing(h, ACT_PERSON), *lights = playing(h, ACT_LIGHTS);
    float value = score(h);
    if (is_snow(h) || (is_rain(h) && unit(h) < 0.5f))
        return;
    b = breathing(b, h->breath * (is_night(h) ? 0.2f : 0.1f));
    b = shaken(h, b, is_rain(h) ? 0.06f : 0.025f);
    if (is_night(h) && unit(h) < 0.12f) /* only one half of it is recognised */
        b = unit(h) < 0.5f ? (struct box){b.x0, b.y0, (b.x0 + b.x1) / 2, b.y1}
                           : (struct box){(b.x0 + b.x1) / 2, b.y0, b.x1, b.y1};
    if (large) {
        float shift = h->opinion * box_width(b);
        b = (struct box){b.x0 - shift, b.y0, b.x1 - shift, b.y1};
    }
    if (lights) { /* glare widens it, to both sides at times */
        b.x0 -= unit(h) * 0.3f * box_width(b);
        b.x1 += unit(h) * 0.4f * box_width(b);
    }
    if (person && large) { /* in front of it: what lies left or right of them is seen */
        float x = 0.1f + 0.8f * (float)(h->now_us - person->at_us) / (float)person->for_us;
        if (x > b.x0 && x < b.x1) {
            bool left = x - b.x0 > b.x1 - x;
            b = left ? (struct box){b.x0, b.y0, x, b.y1} : (struct box){x, b.y0, b.x1, b.y1};
        }
    }
    bool flips = unit(h) < (is_night(h) ? 0.4f : 0.05f);
    see(o, flips ? (label[0] == 'c' ? "truck" : "car") : label, b, value);
}

static struct box drive(const struct act *a, int64_t now_us)
{
    float share = (float)(now_us - a->at_us) / (float)a->for_us; /* 0 begins, 1 done */
    if (a->kind == ACT_COME)
        share = 1 - share;
    share *= share; /* slowly near the place */
    struct box b = place;
    return (struct box){b.x0 + share * 0.55f, b.y0 + share * 0.3f, b.x1 + share * 0.75f,
                        b.y1 + share * 0.4f};
}

static void see_moving(struct house *h, struct observation *o)
{
    const enum act_kind kinds[] = {ACT_LEAVE, ACT_COME};
    for (int i = 0; i < 2; i++) {
        const struct act *a = playing(h, kinds[i]);
        struct box b = a ? drive(a, h->now_us) : place;
        if (a && box_area(box_clip(b)) > 0.3f * box_area(b))
            see(o, a->other ? "truck" : "car", shaken(h, b, 0.02f), MAX(score(h), 0.5f));
    }
    const struct act *pass = playing(h, ACT_PASS);
    if (pass) {
        float x = -0.3f + 1.6f * (float)(h->now_us - pass->at_us) / (float)pass->for_us;
        see(o, "car", shaken(h, (struct box){x - 0.15f, 0.58f, x + 0.15f, 0.8f}, 0.02f), 0.7f);
    }
    const struct act *person = playing(h, ACT_PERSON), *cat = playing(h, ACT_CAT);
    if (person) {
        float x = 0.1f + 0.8f * (float)(h->now_us - person->at_us) / (float)person->for_us;
        see(o, "person", shaken(h, (struct box){x - 0.04f, 0.4f, x + 0.04f, 0.7f}, 0.03f), 0.7f);
    }
    if (cat) {
        float x = 0.1f + 0.8f * (float)(h->now_us - cat->at_us) / (float)cat->for_us;
        see(o, "cat", shaken(h, (struct box){x - 0.03f, 0.62f, x + 0.03f, 0.68f}, 0.03f), 0.6f);
    }
    if (h->ghost_looks == 0 && playing(h, ACT_LIGHTS) && unit(h) < 0.04f) {
        float x = 0.8f * unit(h), y = 0.7f * unit(h);
        h->ghost = (struct box){x, y, x + 0.2f, y + 0.15f};
        h->ghost_looks = 1 + (unit(h) < 0.5f);
    }
    if (h->ghost_looks > 0) {
        h->ghost_looks--;
        see(o, "car", shaken(h, h->ghost, 0.05f), 0.3f + 0.3f * unit(h));
    }
}

/* -- the baseline: whatever overlaps the last box is the same; unseen for three looks, it is gone;
 * whatever is new is news. -- */

static void look_plainly(struct house *h, const struct observation *o)
{
    const struct box places[] = {place, neighbour};
    for (int k = 0; k < 2; k++) {
        bool found = false, there = false;
        struct box best = {0};
        for (int i = 0; i < o->detections.count; i++) {
            const struct detection *d = &o->detections.items[i];
            bool car = label_kind(d->label) == KIND_VEHICLE && d->score >= 0.4f &&
                       box_iou(d->box, places[k]) > 0.2f;
            best = car ? d->box : best;
            there |= car;
            found |= car && box_iou(d->box, h->plain[k]) > 0.5f;
        }
        h->plain_events += there && !found;
        h->plain_unseen[k] = there ? 0 : h->plain_unseen[k] + 1;
        if (there)
            h->plain[k] = best;
        else if (h->plain_unseen[k] >= 3)
            h->plain[k] = (struct box){0};
    }
}

/* -- one look -- */

static void nudge_boxes(struct house *h, struct observation *o)
{
    for (int i = 0; i < o->detections.count; i++) {
        struct box *b = &o->detections.items[i].box;
        *b = box_clip((struct box){b->x0 + h->nudge, b->y0, b->x1 + h->nudge, b->y1});
    }
}

static void feed_batch(struct house *h, const struct observation *o)
{
    struct batch_track moving[TRACKS_MAX];
    int count = 0;
    for (int i = 0; i < tracker_count(h->tracker); i++) {
        const struct live_track *live = tracker_at(h->tracker, i);
        if (live->moving && !live->ended)
            moving[count++] = (struct batch_track){&live->track, live->seen};
    }
    batch_push(h->batch, o->pts_us, o->wall_us, 0, moving, count);
}

static int by_score(const void *a, const void *b)
{
    const struct detection *x = a, *y = b;
    return (x->score < y->score) - (x->score > y->score);
}

static void look(struct house *h)
{
    AUTO(observation_free) struct observation *o = observation_new(0);
    o->pts_us = h->now_us;
    o->wall_us = WALL_US + h->now_us;
    o->analysed = true;
    o->looked_count = 1;
    o->looked[0] = BOX_WHOLE;
    h->breath = CLAMP(h->breath + around(h, 0.05f), -1.0f, 1.0f);
    h->mood = CLAMP(h->mood + around(h, 0.02f), -1.0f, 1.0f);
    change_opinion(h);
    if (h->home)
        see_standing(h, o, place, "car", true);
    if (h->other_home)
        see_standing(h, o, breathing(place, 0.1f), "truck", true);
    see_standing(h, o, neighbour, "car", false);
    see_moving(h, o);
    qsort(o->detections.items, (size_t)o->detections.count, sizeof o->detections.items[0],
          by_score);
    nudge_boxes(h, o);
    h->clock.now_wall_us = o->wall_us;
    tracker_push(h->tracker, o);
    feed_batch(h, o);
    look_plainly(h, o);
    h->looks++;
}

/* -- the fortnight -- */

static void plan(struct house *h, enum act_kind kind, int64_t at_us, int64_t for_us, bool other)
{
    CHECK(h->act_count < ACTS_MAX);
    h->acts[h->act_count++] = (struct act){kind, at_us, for_us, other};
}

static int by_time(const void *a, const void *b)
{
    const struct act *x = a, *y = b;
    return (x->at_us > y->at_us) - (x->at_us < y->at_us);
}

static void plan_fortnight(struct house *h)
{
    static const int working[] = {1, 3, 4, 8, 10};
    for (size_t i = 0; i < ARRAY_LEN(working); i++) {
        int64_t day_us = working[i] * DAY;
        plan(h, ACT_LEAVE, day_us + 7 * HOUR + (int64_t)i * 11 * MINUTE, DRIVE_US, false);
        plan(h, ACT_COME, day_us + 18 * HOUR + (int64_t)i * 13 * MINUTE, DRIVE_US, false);
    }
    plan(h, ACT_COME, 4 * DAY + 11 * HOUR, DRIVE_US, true); /* somebody visits meanwhile */
    plan(h, ACT_LEAVE, 4 * DAY + 15 * HOUR, DRIVE_US, true);
    for (int day = 0; day < DAYS; day++) {
        int64_t at = day * DAY;
        plan(h, ACT_PERSON, at + 8 * HOUR + 20 * MINUTE, 12 * SECOND, false);
        plan(h, ACT_PERSON, at + 19 * HOUR + 40 * MINUTE, 12 * SECOND, false);
        plan(h, ACT_PERSON, at + 23 * HOUR, 12 * SECOND, false);
        plan(h, ACT_CAT, at + 2 * HOUR + 30 * MINUTE, 10 * SECOND, false);
        plan(h, ACT_LIGHTS, at + 21 * HOUR + 10 * MINUTE, 6 * SECOND, false);
        plan(h, ACT_LIGHTS, at + 4 * HOUR + 50 * MINUTE, 6 * SECOND, false);
        if (day % 2)
            plan(h, ACT_PASS, at + 16 * HOUR + 5 * MINUTE, 6 * SECOND, false);
    }
    for (int i = 0; i < 20; i++) /* at all hours; the 11 minutes keep off what else is planned */
        plan(h, ACT_RESTART, (int64_t)i * (DAYS * DAY / 20) + 11 * MINUTE + (i % 7) * 37 * SECOND,
             0, false);
    qsort(h->acts, (size_t)h->act_count, sizeof h->acts[0], by_time);
}

static bool is_active(const struct house *h)
{
    for (int i = 0; i < h->act_count; i++)
        if (h->acts[i].for_us && h->now_us >= h->acts[i].at_us &&
            h->now_us < h->acts[i].at_us + h->acts[i].for_us + 3 * SECOND) /* and motion's hold */
            return true;
    return false;
}

/* What begins or has ended by now. */
static void act_out(struct house *h)
{
    for (int i = 0; i < h->act_count; i++) {
        const struct act *a = &h->acts[i];
        bool *there = a->other ? &h->other_home : &h->home;
        if (a->kind == ACT_LEAVE && h->now_us >= a->at_us && h->now_us < a->at_us + MINUTE)
            *there = false;
        if (a->kind == ACT_COME && h->now_us >= a->at_us + a->for_us &&
            h->now_us < a->at_us + a->for_us + MINUTE)
            *there = true;
    }
    for (; h->next_act < h->act_count && h->acts[h->next_act].at_us <= h->now_us; h->next_act++)
        if (h->acts[h->next_act].kind == ACT_RESTART)
            restart(h);
    int64_t nudged_us = 6 * DAY + 13 * HOUR;
    if (!h->nudged && h->now_us >= nudged_us) {
        h->nudge = 0.03f;
        h->nudged = true;
    }
    if (h->told && !h->nudge_told && h->now_us >= nudged_us + 90 * SECOND) {
        tracker_view_moved(h->tracker, 0.03f, 0, true);
        h->nudge_told = true;
    }
}

static void live_through(struct house *h)
{
    while (h->now_us < DAYS * DAY) {
        act_out(h);
        look(h);
        int64_t step_us = is_active(h) ? ACTIVE_US : IDLE_US;
        /* Motion wakes the looks at once: an act is not slept through. */
        for (int i = 0; i < h->act_count; i++)
            if (h->acts[i].for_us && h->acts[i].at_us > h->now_us)
                step_us = MIN(step_us, h->acts[i].at_us - h->now_us);
        h->now_us += step_us;
    }
}

static void open_house(struct house *h, bool remembers, bool told, uint64_t seed)
{
    memset(h, 0, sizeof *h);
    opt_defaults(&track_section, &h->track_conf);
    opt_defaults(&batch_section, &h->batch_conf);
    fake_clock_init(&h->clock, 0, WALL_US);
    h->ids = (struct uuid_gen){.clock = &h->clock.clock};
    h->random = 88172645463325252u + seed * 7919;
    h->told = told;
    h->home = true;
    if (remembers)
        h->memory = memory_new(h->track_conf.remember_us);
    plan_fortnight(h);
    start(h);
}

static void close_house(struct house *h)
{
    stop(h);
    memory_free(&h->memory);
}

/* Every real change one event, and every event of a vehicle a real change. Returns what is wrong.
 */
static int count_wrong(const struct house *h, bool loud)
{
    int wrong = 0;
    bool used[CHANGES_MAX] = {false};
    for (int i = 0; i < h->act_count; i++) {
        const struct act *a = &h->acts[i];
        if (a->kind != ACT_LEAVE && a->kind != ACT_COME && a->kind != ACT_PASS)
            continue;
        int found = 0;
        for (int k = 0; k < h->vehicle_count; k++) {
            int64_t after_us = h->vehicle_us[k] - a->at_us;
            if (after_us >= 0 && after_us < SLACK_US)
                used[k] = true, found++;
        }
        if (found != 1 && loud)
            print_message("# change of kind %d on day %d at %.3f h: %d events\n", (int)a->kind,
                          (int)(a->at_us / DAY), (double)(a->at_us % DAY) / HOUR, found);
        wrong += abs(found - 1);
    }
    for (int k = 0; k < h->vehicle_count; k++) {
        if (!used[k] && loud)
            print_message("# nothing happened on day %d at %.3f h\n", (int)(h->vehicle_us[k] / DAY),
                          (double)(h->vehicle_us[k] % DAY) / HOUR);
        wrong += !used[k];
    }
    return wrong;
}

#define REAL_CHANGES (5 * 2 + 2 + 7) /* comes and goes, the visitor, cars that pass */

static void one_event_per_real_change(void **state)
{
    (void)state;
    static struct house h;
    for (uint64_t seed = 0; seed < 4; seed++) {
        bool told = seed % 2 == 0;
        open_house(&h, true, told, seed);
        live_through(&h);
        int wrong = count_wrong(&h, true);
        if (seed == 0)
            print_message("# %d looks, %d real changes, %d vehicle events, %d other events; plain "
                          "overlap would have told %d times\n",
                          h.looks, REAL_CHANGES, h.vehicle_count, h.people_count, h.plain_events);
        close_house(&h);
        if (wrong || h.vehicle_count != REAL_CHANGES)
            fail_msg("seed %d, nudge %s: %d wrong", (int)seed, told ? "told" : "not told", wrong);
        CHECK_INT(h.people_count, DAYS * 4);
        CHECK(h.plain_events > 10 * REAL_CHANGES); /* the fortnight is not an easy one */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_event_per_real_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
