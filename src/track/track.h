/* Stage 5: detections -> tracks. Association over time, zones, lines, dwell; what has come to rest
 * is remembered and stays silent. One per camera, on the scene thread; pure: no clock, no I/O. */
#pragma once

#include "base/opt.h"
#include "base/uuid7.h"
#include "model/event.h"
#include "track/memory.h"

#define TRACKS_MAX 128 /* alive at once per camera; more detections are ignored and counted */

struct track_conf {
    double confirm_score;   /* score that may start a track */
    int confirm_hits;       /* sightings that confirm it */
    int64_t max_gap_us;     /* unseen this long, a moving object has left */
    int64_t rest_us;        /* a vehicle or thing at rest this long is stationary */
    int64_t rest_person_us; /* a person or animal */
    int64_t remember_us;    /* for memory_new: still objects unseen for longer are forgotten */
};
extern const struct section track_section;

/* One object as the tracker sees it now. */
struct live_track {
    struct track track; /* zones, crossings and best picture since it was first seen */
    enum object_kind kind;
    bool confirmed;
    bool moved;  /* has been seen to move since it appeared */
    bool moving; /* confirmed, has moved, and is not stationary: what events are about */
    bool parked; /* is a remembered still object, or has become one */
    bool seen;   /* in the observation just pushed */
    bool looked; /* seen, or looked for in vain, in that observation; else nobody looked there */
    bool ended;  /* has left; reported once, with the observation that noticed */
};

struct tracker;

/* All borrowed for the tracker's life. zones, lines: maps of struct zone_conf, line_conf. pictures:
 * keep a copy of each track's best frame. */
struct tracker_params {
    const struct track_conf *conf;
    const struct opt_map *zones, *lines;
    struct uuid_gen *ids;
    struct memory *memory; /* NULL: nothing is remembered across tracks */
    bool pictures;
};
NODISCARD struct tracker *tracker_new(const struct tracker_params *params);
void tracker_free(struct tracker **tracker);

/* Takes in one observation (borrowed). Frames that were not analysed only move time on. */
void tracker_push(struct tracker *tracker, const struct observation *observation);

/* The camera was turned, and everything stands elsewhere in the picture by x, y (shares of it).
 * known false: by nobody knows how much; then whoever was followed ends with the next push. What
 * stands still has not moved by that. Shifts the memory as well. */
void tracker_view_moved(struct tracker *tracker, float x, float y, bool known);

/* The tracks after the last push, oldest first, those that just ended included; valid until the
 * next push. */
int tracker_count(const struct tracker *tracker);
const struct live_track *tracker_at(const struct tracker *tracker, int i);

/* Detections that found no room among TRACKS_MAX. */
int64_t tracker_ignored(const struct tracker *tracker);
