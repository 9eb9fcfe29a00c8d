#include "capture/timeline.h"

#define JUMP_US       (3 * US_PER_S) /* stamps this far from the arrival are not believed any more */
#define REORDER_US    (1 * US_PER_S) /* pictures may come out of order by this much (B-frames) */
#define STEP_START_US (100 * US_PER_MS)
#define STEP_AHEAD_US (1 * US_PER_S)
#define SAME_MAX      2 /* fields and slices may share a stamp; a stamp that stands still is none */

#define WINDOW_US     (10 * US_PER_S) /* in this time one packet was not held up by the network */
#define DRIFT_LEAST   (5 * US_PER_MS)
#define EARLIER_SHARE 10 /* of a picture's distance: stamps in the future are wrong for certain */
#define LATER_SHARE   100

#define CLOCK_STEP_US (2 * US_PER_S)

void timeline_init(struct timeline *t, enum timeline_kind kind)
{
    *t = (struct timeline){
        .realtime = kind != TIMELINE_OFFLINE,
        .live = kind == TIMELINE_LIVE,
        .last_us = TIME_UNKNOWN,
        .step_us = STEP_START_US,
        .stamp_us = TIME_UNKNOWN,
        .window_us = TIME_UNKNOWN,
    };
}

void timeline_restart(struct timeline *t)
{
    t->anchored = false;
    t->stamp_us = TIME_UNKNOWN;
    t->same = 0;
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
    t->window_us = TIME_UNKNOWN;
    t->correct_us = 0;
}

/* Whether the stamp says nothing: missing, absurd, or the same again and again. */
static bool is_unknown(struct timeline *t, int64_t stamp_us)
{
    if (stamp_us < -STAMP_MAX_US || stamp_us > STAMP_MAX_US) /* TIME_UNKNOWN among them */
        return true;
    t->same = stamp_us == t->stamp_us ? MIN(t->same + 1, SAME_MAX + 1) : 0;
    t->stamp_us = stamp_us;
    return t->realtime && t->same > SAME_MAX;
}

/* Compares places on the timeline with arrivals, and moves the offset towards what they say. */
static void put_right(struct timeline *t, int64_t us, int64_t now_us)
{
    int64_t step_us = us - t->last_us;
    if (t->correct_us != 0) {
        step_us = CLAMP(step_us, 0, US_PER_S);
        int64_t move_us = CLAMP(t->correct_us, -step_us / EARLIER_SHARE, step_us / LATER_SHARE);
        t->offset_us += move_us;
        t->correct_us -= move_us;
        return;
    }
    int64_t delay_us = now_us - us;
    if (t->window_us == TIME_UNKNOWN) {
        t->window_us = now_us;
        t->delay_us = delay_us;
    }
    t->delay_us = MIN(t->delay_us, delay_us);
    if (now_us - t->window_us < WINDOW_US)
        return;
    t->window_us = TIME_UNKNOWN;
    if (t->delay_us > DRIFT_LEAST || t->delay_us < -DRIFT_LEAST)
        t->correct_us = t->delay_us;
}

int64_t timeline_map(struct timeline *t, int64_t stamp_us, int64_t now_us, bool *ret_jump)
{
    *ret_jump = false;
    bool known = !is_unknown(t, stamp_us);
    if (!known) {
        /* The arrival, or one step on. */
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
    if (t->live && known && !first && !*ret_jump)
        put_right(t, us, now_us);
    if (t->last_us != TIME_UNKNOWN && us > t->last_us && us - t->last_us < US_PER_S)
        t->step_us += (us - t->last_us - t->step_us) / 8;
    t->last_us = t->last_us == TIME_UNKNOWN ? us : MAX(t->last_us, us);
    return us;
}

void clock_offset_note(struct clock_offset *o, int64_t camera_wall_us, int64_t our_wall_us)
{
    int64_t us;
    if (__builtin_sub_overflow(camera_wall_us, our_wall_us, &us) || us < -STAMP_MAX_US ||
        us > STAMP_MAX_US)
        return;
    int64_t step_us = us - o->us;
    if (!o->known || step_us > CLOCK_STEP_US || step_us < -CLOCK_STEP_US)
        o->us = us;
    else
        o->us += step_us / (step_us > 0 ? 4 : 256);
    o->known = true;
}
