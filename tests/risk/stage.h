/* Builds events for the risk tests: a house with five zones and a line, and actors who visit them.
 */
#pragma once

#include "risk/risk.h"

#include <stdlib.h>
#include <time.h>

enum place { LAWN, DOOR, DRIVE, PAVEMENT, POOL, HALL, PLACES };

static const struct zone_conf stage_zones[PLACES] = {
    [LAWN] = {.name = "front lawn", .kind = ZONE_YARD},
    [DOOR] = {.name = "front door", .kind = ZONE_ENTRY},
    [DRIVE] = {.name = "driveway", .kind = ZONE_DRIVEWAY},
    [PAVEMENT] = {.name = "sidewalk", .kind = ZONE_SIDEWALK},
    [POOL] = {.name = "pool", .kind = ZONE_RESTRICTED},
    [HALL] = {.name = "hall", .kind = ZONE_OTHER},
};

struct visit {
    enum place place;
    int dwell_s;
    bool stays; /* still inside at the end */
};

struct actor {
    const char *label;
    int seconds;  /* in view */
    float growth; /* at the best picture; 0: none */
    int crosses;  /* the gate: +1 in, -1 out */
    bool rests;
    struct visit visits[4];
    int visit_count;
};

#define AT(...)                                                                                    \
    .visits = {__VA_ARGS__}, .visit_count = (int)ARRAY_LEN(((struct visit[]){__VA_ARGS__}))

struct stage {
    struct opt_map zones, lines;
    struct risk_context context;
    struct event *event;
};

static inline int64_t stage_wall_us(const char *local)
{
    int64_t us = TIME_UNKNOWN;
    if (local && !time_parse(local, &us))
        abort();
    return us;
}

/* Always the same zone, so that "night" means the same on every machine. */
static inline void stage_timezone(void)
{
    setenv("TZ", "Europe/Berlin", 1);
    tzset();
}

static inline void stage_open(struct stage *stage, bool zones, const char *time)
{
    *stage = (struct stage){.zones = {zones ? PLACES : 0, (void *)(uintptr_t)stage_zones}};
    stage->context = (struct risk_context){
        .zones = &stage->zones, .lines = &stage->lines, .night = {22 * 60, 6 * 60}};
    stage->event = event_new();
    stage->event->start_us = 6 * US_PER_S;
    stage->event->wall_start_us = stage_wall_us(time);
    STR_COPY(stage->event->camera_name, "porch");
}

static inline struct sighting stage_sighting(const struct stage *stage, int64_t after_s, float size)
{
    int64_t wall_us = stage->event->wall_start_us;
    if (wall_us != TIME_UNKNOWN)
        wall_us += after_s * US_PER_S;
    return (struct sighting){stage->event->start_us + after_s * US_PER_S,
                             wall_us,
                             {0.4f, 0.4f, 0.4f + size, 0.4f + size},
                             0.8f};
}

static inline struct track *stage_enter(struct stage *stage, const struct actor *actor)
{
    struct event *event = stage->event;
    struct track *track = &event->tracks[event->track_count++];
    track->id.bytes[15] = (uint8_t)event->track_count;
    STR_COPY(track->label, actor->label);
    track->confidence = 0.8f;
    track->stationary = actor->rests;
    track->growth = 1;
    track->first = stage_sighting(stage, 0, 0.1f);
    track->last = stage_sighting(stage, actor->seconds, 0.1f);
    float growth = actor->growth > 0 ? actor->growth : 1;
    track->best = stage_sighting(stage, actor->seconds / 2,
                                 0.1f * __builtin_sqrtf(growth) * 1.001f);
    for (int i = 0; i < actor->visit_count; i++) {
        const struct visit *v = &actor->visits[i];
        struct zone_visit *visit = &track->zones[v->place];
        *visit = (struct zone_visit){.seen = true,
                                     .inside = v->stays,
                                     .dwell_us = v->dwell_s * US_PER_S,
                                     .entered = stage_sighting(stage, i + 1, 0.1f)};
        STR_COPY(visit->name, stage_zones[v->place].name);
    }
    if (actor->crosses) {
        track->crossing_count = 1;
        track->crossings[0] = (struct crossing){
            .name = "gate", .direction = actor->crosses, .at = stage_sighting(stage, 1, 0.1f)};
    }
    event->end_us = MAX(event->end_us, track->last.pts_us);
    return track;
}

static inline void stage_close(struct stage *stage)
{
    event_unref(&stage->event);
}
