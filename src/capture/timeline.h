/* A source's own stamps onto the camera's timeline, which never goes back: not at the loop point of
 * a file, not after a reconnect, not when a camera's clock jumps.
 *
 * In real time the timeline is the monotonic clock: a stamp is anchored to the arrival of the first
 * packet and then trusted, so that pictures keep their true distances whatever the network does.
 * Otherwise (a file read as fast as possible) it starts at 0 and only stamps count. */
#pragma once

#include "base/clock.h"

/* 142 years: what lies beyond is no stamp but damage, and would overflow where it is added to. */
#define STAMP_MAX_US (INT64_C(1) << 52)

struct timeline {
    bool realtime;
    bool anchored;     /* offset_us is valid */
    int64_t offset_us; /* timeline = stamp + offset */
    int64_t last_us;   /* the newest on the timeline, TIME_UNKNOWN before the first */
    int64_t step_us;   /* usual distance of two pictures */
};

void timeline_init(struct timeline *t, bool realtime);

/* The connection was lost or the file starts over: the next stamp is anchored afresh. */
void timeline_restart(struct timeline *t);

/* Where a picture stamped stamp_us (TIME_UNKNOWN or absurd: no stamp) belongs. *ret_jump: the
 * stamps jumped, so what was predicted from the pictures before is void. */
int64_t timeline_map(struct timeline *t, int64_t stamp_us, int64_t now_us, bool *ret_jump);
