#include "capture/timeline.h"

#define JUMP_US       (3 * US_PER_S) /* stamps this far from the arrival are not believed any more */
#define REORDER_US    (1 * US_PER_S) /* pictures may come out of order by this much (B-frames) */
#define STEP_START_US (100 * US_PER_MS)
#define STEP_AHEAD_US (1 * US_PER_S)

void timeline_init(struct timeline *t, bool realtime)
{
    *t = (struct timeline){
        .realtime = realtime,
        .last_us = TIME_UNKNOWN,
        .step_us = STEP_START_US,
    };
}

void timeline_restart(struct timeline *t)
{
    t->anchored = false;
}

static void anchor(struct timeline *t, int64_t stamp_us, int64_t now_us)
{
    int64_t at_us = t->realtime ? now_us : 0;
    if (t->last_us != TIME_UNKNOWN) {
        /* One step on, not at once: a recording of a single picture would be looped without a
         * pause. But not ever farther ahead of the clock. */
        int64_t next_us = t->last_us + t->step_us;
        at_us = t->realtime ? MAX(now_us, MIN(next_us, now_us + STEP_AHEAD_US)) : next_us;
        at_us = MAX(at_us, t->last_us + 1);
    }
    t->offset_us = at_us - stamp_us;
    t->anchored = true;
}

int64_t timeline_map(struct timeline *t, int64_t stamp_us, int64_t now_us, bool *ret_jump)
{
    *ret_jump = false;
    if (stamp_us < -STAMP_MAX_US || stamp_us > STAMP_MAX_US) { /* TIME_UNKNOWN among them */
        /* No stamp: the arrival, or one step on. */
        int64_t next_us = t->last_us == TIME_UNKNOWN ? 0 : t->last_us + t->step_us;
        stamp_us = (t->realtime ? MAX(now_us, t->last_us + 1) : next_us) -
                   (t->anchored ? t->offset_us : 0);
    }
    bool first = !t->anchored;
    if (first)
        anchor(t, stamp_us, now_us);
    int64_t us = stamp_us + t->offset_us;
    bool off = t->realtime && (us > now_us + JUMP_US || us < now_us - JUMP_US);
    bool back = !first && us < t->last_us - REORDER_US;
    bool ahead = !first && !t->realtime && us > t->last_us + 3600 * US_PER_S;
    if (off || back || ahead) {
        *ret_jump = true;
        anchor(t, stamp_us, now_us);
        us = stamp_us + t->offset_us;
    }
    if (t->last_us != TIME_UNKNOWN && us > t->last_us && us - t->last_us < US_PER_S)
        t->step_us += (us - t->last_us - t->step_us) / 8;
    t->last_us = t->last_us == TIME_UNKNOWN ? us : MAX(t->last_us, us);
    return us;
}
