/* Shared by the opt files only. */
#pragma once

#include "base/opt.h"

#define OPT_QUANTITY_MAX 9.2e18 /* what an int64_t can hold of bytes or microseconds */

struct opt_unit {
    const char *name;
    double factor;
};

/* Largest first, so that a value is shown in the largest unit that fits it exactly; end in {0}. */
extern const struct opt_unit opt_durations[]; /* in microseconds */
extern const struct opt_unit opt_sizes[];     /* in bytes */

/* Sets the hint to "allowed: " and what opt_allowed says. */
void opt_hint_allowed(const struct opt *row, struct err *err);
