/* What is usual: per camera, zone, class of object and hour of the local week, how many come and
 * how long they stay, learned from closed events with a slow decay. From it, how likely what was
 * just seen is. Pure state with no clock of its own: the same calls give the same bytes, so a
 * replay learns the same. docs/design/baseline.md has the arithmetic. One thread at a time.
 *
 * Times are believed as long as they go on from each other: a span or an event of another age, more
 * than a day back or four weeks on, teaches nothing until the clock has stayed there for hours.
 *
 * A zone is its name: one that is renamed starts anew, and a new one is taken to have been there,
 * empty, for as long as the camera has been watched. */
#pragma once

#include "base/opt.h"
#include "model/event.h"

#define BASELINE_HOURS     168  /* of the local week, Monday 00:00 first */
#define BASELINE_CELLS_MAX 8192 /* of one camera: zone and kind pairs times hours that saw any */
#define BASELINE_PAIRS_MAX 128  /* of zone and kind, of one camera */

struct baseline_conf {
    bool enabled;
    int64_t half_life_us; /* after so long an observation counts half */
    double min_weeks;     /* of watching that hour, before anything is called unusual */
};
extern const struct section baseline_section;

/* What is known of one track's hour and place: of those it was in, the one where it is the least
 * likely. Plain data, part of what a score is made of. */
struct usual {
    bool known;                /* watched for long enough to say */
    char zone[OPT_NAME_BYTES]; /* empty: the camera as a whole, of a track that was in no zone */
    int hour;                  /* of the local week */
    double per_hour;           /* usual number of such visits in that hour */
    double weeks;              /* of watching behind it (effective sample) */
    double probability;        /* of at least as many as were seen in this hour up to now, 0..1 */
    double dwell_s;            /* usual stay; < 0: not known */
    double dwell_probability;  /* of a stay at least as long; 1 where not known */
};

/* One cell, as it is stored. */
struct baseline_cell {
    char zone[OPT_NAME_BYTES];
    int kind; /* enum object_kind */
    int hour;
    double visits;            /* decayed; 0: the cell has been given up, and is to be dropped */
    double dwell_s, dwell_s2; /* decayed sums over visits: seconds, seconds squared */
    int64_t wall_us;          /* the decay's reference */
    int64_t hour_wall_us;     /* the hour of the latest visit began then, */
    int hour_visits;          /* and has seen so many */
};
/* How long each hour of the week was watched, decayed; 168 of them. */
struct baseline_watch {
    double hours[BASELINE_HOURS];
    int64_t wall_us;      /* the decay's reference; 0: never watched */
    int64_t hour_wall_us; /* the latest hour that was watched began then, */
    double hour_watched;  /* and was watched for so long, in hours */
};

struct baseline;

NODISCARD struct baseline *baseline_new(const struct baseline_conf *conf);
void baseline_free(struct baseline **baseline);

/* The camera was watched from from_us to to_us (wall); spans may be given in pieces, in order. Of a
 * span longer than a year the last year counts. */
void baseline_watched(struct baseline *baseline, int64_t from_wall_us, int64_t to_wall_us);

/* A closed event has happened: every track counts once in each zone it was in, and once for the
 * camera as a whole. An event that continues the one learned before does not count its carried
 * tracks again where they have been counted. Wall times unknown: nothing is learned. */
void baseline_learn(struct baseline *baseline, const struct event *event);

/* What was usual, before this event; may be asked while it is open. */
void baseline_usual(const struct baseline *baseline, const struct event *event, int track,
                    struct usual *ret);

/* Cells changed or given up since the last call, for the store; returns how many, at most max. Take
 * them in order: a cell that was given up may have come back behind that. */
int baseline_changes(struct baseline *baseline, struct baseline_cell *ret, int max);
void baseline_watch_state(const struct baseline *baseline, struct baseline_watch *ret);
/* What was kept, before anything else; cells that make no sense are left out, returns how many, a
 * watch that makes none counts as one. What was carried into the next event is not kept: a visit
 * that goes on across a restart counts twice. */
int baseline_load(struct baseline *baseline, const struct baseline_watch *watch,
                  const struct baseline_cell *cells, int count);

/* Memory that it holds. */
size_t baseline_bytes(const struct baseline *baseline);
