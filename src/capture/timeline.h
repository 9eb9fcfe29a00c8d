/* A source's own stamps onto the camera's timeline, which never goes back: not at the loop point of
 * a file, not after a reconnect, not when a camera's clock jumps.
 *
 * In real time the timeline is the monotonic clock: a stamp is anchored to the arrival of the first
 * packet and then trusted, so that pictures keep their true distances whatever the network does.
 * Two things are put right, slowly: a camera's clock that runs faster or slower than ours, and a
 * first packet that was older than it looked (some send their latest group of pictures at once).
 * Otherwise (a file read as fast as possible) it starts at 0 and only stamps count. */
#pragma once

#include "base/clock.h"

/* 142 years: what lies beyond is no stamp but damage, and would overflow where it is added to. */
#define STAMP_MAX_US (INT64_C(1) << 52)

enum timeline_kind {
    TIMELINE_OFFLINE, /* only stamps count */
    TIMELINE_PACED,   /* played by the clock: read ahead of it */
    TIMELINE_LIVE,    /* arriving by the clock */
};

struct timeline {
    bool realtime; /* paced or live */
    bool live;
    bool anchored;     /* offset_us is valid */
    int64_t offset_us; /* timeline = stamp + offset */
    int64_t last_us;   /* the newest on the timeline, TIME_UNKNOWN before the first */
    int64_t step_us;   /* usual distance of two pictures */
    int64_t stamp_us;  /* the latest one */
    int same;          /* how often in a row it came */
    /* Putting right, live only */
    int64_t window_us;  /* on the clock: since then delays are compared; TIME_UNKNOWN: not */
    int64_t delay_us;   /* the least since then: arrival minus place on the timeline */
    int64_t correct_us; /* still to be added to offset_us, a little with every picture */
};

void timeline_init(struct timeline *t, enum timeline_kind kind);

/* The connection was lost or the file starts over: the next stamp is anchored afresh. */
void timeline_restart(struct timeline *t);

/* Where a picture stamped stamp_us (TIME_UNKNOWN or absurd: no stamp) belongs. *ret_jump: the
 * stamps jumped, so what was predicted from the pictures before is void. */
int64_t timeline_map(struct timeline *t, int64_t stamp_us, int64_t now_us, bool *ret_jump);

/* A camera's clock beside ours, from what it says about the time of its pictures. What arrives is
 * late, never early, so the largest difference lately is the truest one. */
struct clock_offset {
    bool known;
    int64_t us; /* camera's minus ours */
};
void clock_offset_note(struct clock_offset *offset, int64_t camera_wall_us, int64_t our_wall_us);
