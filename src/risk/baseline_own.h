/* What a baseline is made of, for the two files that make it: baseline.c learns and keeps,
 * baseline_usual.c judges. */
#pragma once

#include "base/clock.h"
#include "risk/baseline.h"

struct cell {
    double visits, dwell_s, dwell_s2;
    int64_t wall_us, hour_wall_us;
    int32_t hour_visits;
    int16_t pair;
    uint8_t hour;
    bool changed;
};

/* A zone and a kind, with its cells; one without cells is free to be used again. */
struct pair {
    char zone[OPT_NAME_BYTES];
    int kind, cells;
    uint16_t slots[BASELINE_HOURS]; /* index of the cell plus 1; 0: none */
};

/* Where a track of the event learned last has been counted. */
struct visitor {
    struct uuid id;
    bool counted;   /* for the camera */
    uint32_t zones; /* bit z: in zone z */
};

/* A clock that is not believed yet. */
struct other_clock {
    int64_t clock_us; /* the latest told; 0: none */
    int64_t stayed_us;
};

struct baseline {
    struct baseline_conf conf;
    int64_t clock_us; /* the latest time told that is believed; 0: none yet */
    struct other_clock other;
    struct baseline_watch watch;
    struct pair *pairs;
    int pair_count;
    struct cell *cells;
    int cell_count, cell_capacity, changed_count;
    struct baseline_cell *gone; /* given up, not yet told */
    int gone_count, gone_capacity;
    struct uuid last_event;
    struct visitor visitors[EVENT_TRACKS_MAX];
    int visitor_count;
};

/* The local hour of the week, and when it began. An hour that the clocks repeat begins twice; one
 * that they skip never does. */
bool baseline_hour(int64_t wall_us, int *ret_hour, int64_t *ret_start_us);

/* Whether what is told of that time would be learned at once. */
bool baseline_believes(const struct baseline *baseline, int64_t wall_us);

/* What is left after so long of what counted 1. */
double baseline_keep(const struct baseline *baseline, int64_t span_us);

/* Index of the pair, -1 if there is none. */
int baseline_pair(const struct baseline *baseline, const char *zone, int kind);

/* The pair's cell of that hour; NULL if there is none, or no pair. */
const struct cell *baseline_find(const struct baseline *baseline, int pair, int hour);

/* Where the track was counted already, in the event that this one continues. */
struct visitor baseline_visitor(const struct baseline *baseline, const struct event *event,
                                const struct track *track);
