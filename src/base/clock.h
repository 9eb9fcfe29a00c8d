/* Time behind a table, so that tests and replay own it.
 *
 * Two kinds of time and one rule each: `_us` is microseconds on a monotonic scale whose zero means
 * nothing; `wall_us` is Unix time, UTC, in microseconds. Never a double. */
#pragma once

#include "base/base.h"

#define US_PER_S  INT64_C(1000000)
#define US_PER_MS INT64_C(1000)

/* "Not known", for either scale: a file without a creation tag has no wall time. */
#define TIME_UNKNOWN INT64_MIN

struct clock {
    int64_t (*mono_us)(const struct clock *clock);
    int64_t (*wall_us)(const struct clock *clock);
};

extern const struct clock clock_real;

/* A clock that stands still until told otherwise. */
struct fake_clock {
    struct clock clock; /* pass &fake.clock on */
    int64_t now_us, now_wall_us;
};
void fake_clock_init(struct fake_clock *fake, int64_t mono_us, int64_t wall_us);

static inline int64_t clock_mono_us(const struct clock *clock)
{
    return clock->mono_us(clock);
}
static inline int64_t clock_wall_us(const struct clock *clock)
{
    return clock->wall_us(clock);
}

/* RFC 3339 in UTC with milliseconds: 2026-11-20T13:09:00.123Z. Returns out. */
#define TIME_TEXT_BYTES 32
const char *time_format(char out[TIME_TEXT_BYTES], int64_t wall_us);

/* The reverse; accepts 'T' or a space, an optional fraction, and Z or +hh:mm (required). */
NODISCARD bool time_parse(const char *text, int64_t *ret_wall_us);
