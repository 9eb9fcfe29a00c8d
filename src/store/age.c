#include "store/age.h"

#define DAY_US (86400 * US_PER_S)

/* A quiet day, or one switched off, is nothing to wonder about. */
#define PLAUSIBLE_US DAY_US

/* A clock that nobody has put right for so long is right. */
#define BELIEVE_US DAY_US

static struct uuid first_id_at(int64_t wall_us)
{
    struct uuid id = {0};
    int64_t ms = wall_us / 1000;
    for (int i = 0; ms > 0 && i < 6; i++)
        id.bytes[i] = (uint8_t)(ms >> (40 - 8 * i));
    return id;
}

bool age_begin(struct age *a, const struct clock *clock, int64_t keep_us, struct db *db,
               struct err *err)
{
    struct uuid newest;
    bool found;
    if (!db_newest_event(db, &newest, &found, err))
        return false;
    *a = (struct age){.clock = clock, .keep_us = keep_us, .doubt_us = TIME_UNKNOWN};
    a->opened_us = clock_mono_us(clock);
    a->opened_seq = db_newest_seq(db);
    a->offset_us = (found ? uuid7_wall_us(&newest) : clock_wall_us(clock)) - a->opened_us;
    return true;
}

/* Wall time as far as it is believed. */
static int64_t plausible_now_us(struct age *a, int64_t mono_us)
{
    int64_t offset_us = clock_wall_us(a->clock) - mono_us;
    bool ahead = offset_us > a->offset_us + PLAUSIBLE_US;
    if (ahead && a->doubt_us == TIME_UNKNOWN)
        a->doubt_us = mono_us;
    if (!ahead || mono_us - a->doubt_us >= BELIEVE_US) {
        a->offset_us = MAX(a->offset_us, offset_us);
        a->doubt_us = TIME_UNKNOWN;
        a->told = false;
    }
    return mono_us + MIN(offset_us, a->offset_us + PLAUSIBLE_US);
}

/* What was stored since the opening is not older than that, although its id may say so: it was made
 * before the clock was put right. */
struct age_limit age_limit(struct age *a)
{
    int64_t mono_us = clock_mono_us(a->clock);
    int64_t now_us = plausible_now_us(a, mono_us);
    struct age_limit limit = {.upto_seq = a->opened_seq};
    if (a->keep_us > 0)
        limit.before = first_id_at(now_us - a->keep_us);
    if (mono_us - a->opened_us >= a->keep_us)
        limit.upto_seq = INT64_MAX;
    return limit;
}

bool age_tell_doubt(struct age *a, struct db *db, const struct log *log, struct err *err)
{
    if (a->doubt_us == TIME_UNKNOWN || a->told || a->keep_us <= 0)
        return true;
    int64_t wall_us = clock_wall_us(a->clock);
    struct age_limit by_clock = {first_id_at(wall_us - a->keep_us), INT64_MAX};
    struct event_key key;
    int count;
    if (!db_oldest_closed(db, &by_clock.before, by_clock.upto_seq, &key, 1, &count, err))
        return false;
    if (count == 0)
        return true;
    char now[TIME_TEXT_BYTES];
    log_warn(log,
             "the clock says %s, days after the newest event: events that are too old by it are "
             "kept until it has said so for a day",
             time_format(now, wall_us));
    a->told = true;
    return true;
}
