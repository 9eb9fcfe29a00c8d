/* A street in front of one camera, played by hand: 5 looks a second, what a detector would say. */
#pragma once

#include "test.h"

#include "track/track.h"

#include <math.h>
#include <stdlib.h>

#define LOOK (200 * US_PER_MS)

struct street {
    struct track_conf conf;
    struct opt_map zones, lines;
    struct fake_clock clock;
    struct uuid_gen ids;
    struct memory *memory; /* NULL: none */
    struct tracker *tracker;
    struct observation *look; /* being filled */
    int64_t now_us;
    uint64_t random;
};

/* Another tracker; what is remembered goes through a store. */
static inline void restart(struct street *s)
{
    if (s->memory) {
        struct parked saved[PARKED_MAX];
        int count;
        const struct parked *items = memory_items(s->memory, &count);
        memcpy(saved, items, (size_t)count * sizeof saved[0]);
        memory_free(&s->memory);
        s->memory = memory_new(s->conf.remember_us);
        memory_load(s->memory, saved, count);
    }
    tracker_free(&s->tracker);
    s->tracker = tracker_new(&(struct tracker_params){.conf = &s->conf,
                                                      .zones = &s->zones,
                                                      .lines = &s->lines,
                                                      .ids = &s->ids,
                                                      .memory = s->memory,
                                                      .pictures = true});
}

static inline void open_street(struct street *s)
{
    opt_defaults(&track_section, &s->conf);
    fake_clock_init(&s->clock, 0, 1700000000 * US_PER_S);
    s->ids = (struct uuid_gen){.clock = &s->clock.clock};
    s->random = 88172645463325252u;
    restart(s);
    s->look = observation_new(0);
    s->now_us = 100 * US_PER_S;
}

static inline void close_street(struct street *s)
{
    observation_free(&s->look);
    tracker_free(&s->tracker);
    memory_free(&s->memory);
}

static inline void see(struct street *s, const char *label, struct box box, float score)
{
    struct detection *d = &s->look->detections.items[s->look->detections.count++];
    d->box = box_clip(box);
    d->score = score;
    STR_COPY(d->label, label);
}

/* A box of that size whose foot stands at (x, y). */
static inline struct box stand(float x, float y, float width, float height)
{
    return (struct box){x - width / 2, y - height, x + width / 2, y};
}

static inline struct box person(float x, float y)
{
    return stand(x, y, 0.06f, 0.2f);
}

static inline struct box jitter(struct street *s, struct box b, float share)
{
    float *side = &b.x0;
    float w = box_width(b), h = box_height(b);
    for (int i = 0; i < 4; i++) {
        s->random ^= s->random << 13, s->random ^= s->random >> 7, s->random ^= s->random << 17;
        side[i] += (i % 2 ? h : w) * share * ((float)(s->random % 2001) / 1000 - 1);
    }
    return b;
}

/* Looks: what was seen since the last look. */
static inline void look(struct street *s)
{
    s->look->analysed = true;
    s->look->pts_us = s->now_us;
    s->look->wall_us = 1700000000 * US_PER_S + s->now_us;
    tracker_push(s->tracker, s->look);
    observation_free(&s->look);
    s->look = observation_new(0);
    s->now_us += LOOK;
}

static inline int confirmed(const struct street *s)
{
    int n = 0;
    for (int i = 0; i < tracker_count(s->tracker); i++)
        n += tracker_at(s->tracker, i)->confirmed && !tracker_at(s->tracker, i)->ended;
    return n;
}

static inline const struct live_track *only(const struct street *s)
{
    const struct live_track *found = NULL;
    for (int i = 0; i < tracker_count(s->tracker); i++) {
        if (!tracker_at(s->tracker, i)->confirmed)
            continue;
        if (found)
            fail_msg("more than one track");
        found = tracker_at(s->tracker, i);
    }
    if (!found)
        fail_msg("no track");
    return found;
}

/* The confirmed track whose last box is nearest to the place. */
static inline const struct live_track *near(const struct street *s, float x, float y)
{
    const struct live_track *best = NULL;
    float least = 1e9f;
    for (int i = 0; i < tracker_count(s->tracker); i++) {
        const struct live_track *t = tracker_at(s->tracker, i);
        struct point p = box_foot(t->track.last.box);
        float d = hypotf(p.x - x, p.y - y);
        if (t->confirmed && !t->ended && d < least)
            best = t, least = d;
    }
    if (!best)
        fail_msg("no track");
    return best;
}

#define STREET(s)                                                                                  \
    AUTO(close_street) struct street s = {0};                                                      \
    open_street(&s)
