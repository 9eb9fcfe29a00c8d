/* Shared by track.c (who is who) and rest.c (who rests, who drives off). */
#pragma once

#include "track/track.h"

#define MOVED_SHIFT 0.2f /* share of its size; see decision 0009 */
#define VOTES_MAX   4

struct vote {
    char label[LABEL_BYTES];
    float weight;
};

/* A track as the tracker keeps it. */
struct follow {
    struct live_track live;
    struct box predicted; /* where it should be in the observation at hand */
    struct box velocity;  /* of each side, per second */
    int hits, misses;     /* misses: looks in a row that looked for it in vain */
    struct vote votes[VOTES_MAX];
    struct point clear[LINES_MAX]; /* where its foot last was clearly off each line */
    float best_quality;
    int64_t picture_us;
    bool matched; /* in the observation at hand */
    bool gone;    /* another one turned out to be the same; ends with the next push */

    /* rest.c */
    int moved_sightings; /* in a row, away from where it was first seen */
    struct box first_box;
    struct box rest_box; /* where it has been resting */
    int64_t rest_since_us;
    struct box usual_box;    /* parked: its place over many minutes, as it is remembered */
    struct box mean_box;     /* of its latest sightings */
    int left_rest_sightings; /* in a row, away from rest_box */
    struct box left_box;     /* parked: the first of them */
    int64_t left_us;
    int farther_sightings; /* parked: in a row, clearly farther off than left_box */
    struct point off;    /* parked: its middle from that of rest_box, in the observation at hand */
    struct point jumped; /* parked: by how much its place did, lately; last at jumped_us */
    int64_t jumped_us;
    struct uuid parked_id; /* in the memory; zero: none */
    int64_t stayed_us;     /* parked: last seen in its place */
    int64_t kept_us;       /* told to the memory */
};

struct tracker {
    struct tracker_params params;
    struct follow *follows[TRACKS_MAX]; /* oldest first */
    int count;
    int64_t ignored;
    bool turned; /* the camera was, by nobody knows how much */
};

/* A new follow, before its first sighting: perhaps one that is remembered. */
void rest_start(struct tracker *t, struct follow *f, const struct detection *d,
                const struct observation *o);
/* A sighting. */
void rest_watch(struct tracker *t, struct follow *f, const struct detection *d,
                const struct sighting *now, const struct observation *o);
/* After all sightings of an observation: who drives off, who parks. */
void rest_decide(struct tracker *t, const struct observation *o);
/* The camera was turned by this much. */
void rest_shift(struct tracker *t, float x, float y);
/* Between two stills: whether it can still be the same one. */
bool rest_spans(const struct tracker *t, const struct follow *f, const struct detection *d,
                const struct observation *o);
