/* Which events are too old, by a clock that may be wrong: a machine without a battery starts
 * anywhere and is put right minutes later, when it has reached the network. Deleting cannot be
 * undone, so a clock that is suddenly ahead is believed only after a day. For this room, on the
 * store thread. */
#pragma once

#include "store/db.h"

#include "base/log.h"

struct age {
    const struct clock *clock;
    int64_t keep_us;
    int64_t opened_us;  /* monotonic */
    int64_t opened_seq; /* newest change then */
    int64_t offset_us;  /* wall minus monotonic time, as far as it is believed */
    int64_t
        doubt_us; /* monotonic: the clock has been ahead of that since; TIME_UNKNOWN: it is not */
    bool told;
};

/* Closed events made before the id are too old, unless they changed after the sequence number. */
struct age_limit {
    struct uuid before;
    int64_t upto_seq;
};

/* Takes the time of the newest change in the database as what is plausible. keep_us 0: for ever. */
NODISCARD bool age_begin(struct age *age, const struct clock *clock, int64_t keep_us, struct db *db,
                         struct err *err);

/* Looks at the clock. */
struct age_limit age_limit(struct age *age);

/* Says so, once, if events are only there because the clock is not believed. */
NODISCARD bool age_tell_doubt(struct age *age, struct db *db, const struct log *log,
                              struct err *err);
