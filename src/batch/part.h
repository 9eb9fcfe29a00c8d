/* One track's part in one event. The tracker knows a track's whole life; an event tells only what
 * happened in its own window, so everything is measured from the moment the track came into it. */
#pragma once

#include "model/event.h"

/* What a track had behind it when it came in. */
struct part {
    int64_t since_us; /* earlier sightings are not this event's */
    int64_t dwell_before_us[ZONES_MAX];
    int64_t crossed_until_us;   /* crossings up to here are told, or not ours */
    int dwell_steps[ZONES_MAX]; /* already told */
    bool alive;                 /* among the moving tracks of the latest look, seen or hidden */
};

/* What is new about a track. */
enum part_news {
    PART_NOTHING,
    PART_PICTURE = 1, /* a clearly better picture */
    PART_TELL = 2,    /* entered a zone, crossed a line, stayed another ten seconds */
};

/* A track that comes in new at now_us. */
struct part part_new(const struct track *track, int64_t now_us);

/* A track of an event that closed at boundary_us, for the next one: what it has behind it by then.
 * A visit to a zone, a crossing or a picture of before is not told again. */
struct part part_carry(const struct part *old_part, const struct track *old, int64_t boundary_us);

/* A carried track is seen again, for the first time since the boundary. */
void part_resume(struct part *part, const struct track *track);

/* Begins the event's own track with the sighting that track->last holds. */
void part_join(struct track *mine, const struct track *track);

/* Takes in the track as it is now, seen or hidden. Returns enum part_news flags. */
unsigned part_update(struct part *part, struct track *mine, const struct track *track, bool seen);
