#include "capture/recorded.h"

void recorded_init(struct recorded *r)
{
    *r = (struct recorded){.last_us = TIME_UNKNOWN};
}

/* Time goes on by the clock even where files that overlapped have pushed the timeline ahead of it:
 * else what is open would stay open until the clock has caught up. */
static int64_t blind_us(const struct recorded *r, int64_t now_us)
{
    int64_t us = now_us - RECORDED_LAG_US;
    return r->last_us == TIME_UNKNOWN ? us : MAX(us, r->last_us + MAX(now_us - r->sent_us, 0));
}

/* The same, where something is known to have happened from wall_us on that is yet to come. */
static int64_t blind_until_us(const struct recorded *r, int64_t now_us, int64_t ago_us)
{
    int64_t us = now_us - MAX(ago_us, 0) - RECORDED_LAG_US;
    return r->last_us == TIME_UNKNOWN ? us : MAX(us, r->last_us);
}

static void begin_file(struct recorded *r, int64_t wall_us, int64_t now_us, int64_t now_wall_us)
{
    int64_t at_us = now_us - MAX(now_wall_us - wall_us, 0);
    r->floor_us = r->last_us == TIME_UNKNOWN ? at_us : MAX(at_us, r->last_us + 1);
    r->offset_us = r->floor_us - wall_us;
    r->within = true;
}

void recorded_stamp(struct recorded *r, struct packet *p, int64_t now_us, int64_t now_wall_us)
{
    if (p->av) {
        if (p->wall_us == TIME_UNKNOWN)
            p->wall_us = now_wall_us;
        if (!r->within)
            begin_file(r, p->wall_us, now_us, now_wall_us);
        p->pts_us = MAX(p->wall_us + r->offset_us, r->floor_us);
    } else if (p->blind || r->last_us == TIME_UNKNOWN) {
        bool held = p->blind && p->wall_us != TIME_UNKNOWN;
        p->pts_us = held ? blind_until_us(r, now_us, now_wall_us - p->wall_us)
                         : blind_us(r, now_us);
        p->wall_us = MIN(p->pts_us - now_us, 0) + now_wall_us;
    } else {
        p->pts_us = r->last_us;
    }
    if (!p->av)
        r->within = false;
    if (r->last_us == TIME_UNKNOWN || p->pts_us > r->last_us) {
        r->last_us = p->pts_us;
        r->sent_us = now_us;
    }
}
