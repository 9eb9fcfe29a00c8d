/* What does looking at key frames only miss? For a share of the time everything is decoded, and
 * visits seen then are compared with when the camera would have been woken: virtual wakes. Pure;
 * all times are of the camera. */
#pragma once

#include "base/clock.h"

#define SHADOW_STRETCH_US   (60 * US_PER_S)
#define SHADOW_STRETCHES    32 /* visits are told when they are over: that far back is remembered */
#define SHADOW_WAKES_MAX    32 /* a stretch */
#define SHADOW_PENDING_MAX  16 /* visits whose end is too fresh to judge */
#define SHADOW_MISSED_LIMIT 0.01

struct shadow_span {
    int64_t from_us, to_us;
};

struct shadow_stretch {
    struct shadow_span span;                    /* ends at INT64_MAX while it lasts */
    struct shadow_span wakes[SHADOW_WAKES_MAX]; /* virtually awake; oldest first */
    int wake_count;
};

struct shadow {
    struct shadow_stretch stretches[SHADOW_STRETCHES];
    int stretch_count; /* begun so far; number n is at n % SHADOW_STRETCHES */
    bool on;           /* the newest one lasts */
    bool awake;        /* it would be awake now */
    int64_t now_us;
    int64_t look_us;                                /* between two looks of a sleeping camera */
    struct shadow_span pending[SHADOW_PENDING_MAX]; /* visits */
    int pending_count;
    int64_t visits, missed;
};

/* Whether the stretch of time around at_us is one to check; share 0..1 of all. */
bool shadow_chosen(uint64_t seed, double share, int64_t at_us);

void shadow_begin(struct shadow *shadow, int64_t at_us, int64_t look_us);
/* A sleeping camera would have been woken at at_us or, after the stretch, it was. */
void shadow_woke(struct shadow *shadow, int64_t at_us);
/* A look at a key frame. held: somebody keeps an awake camera awake. */
void shadow_look(struct shadow *shadow, int64_t at_us, bool held, int64_t look_us);
void shadow_end(struct shadow *shadow, int64_t at_us);

/* A visit counts if it began within a stretch remembered. It was found if a virtual wake lies
 * within a look's distance of it, or if the camera was virtually awake when it came. */
void shadow_visit(struct shadow *shadow, int64_t first_us, int64_t last_us);

/* The share of which missed of visits is a sample, with 95 % certainty (Clopper and Pearson). */
void shadow_bounds(int64_t missed, int64_t visits, double *ret_low, double *ret_high);
