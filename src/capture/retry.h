/* How long to leave a source alone before the next try. */
#pragma once

#include "base/clock.h"
#include "base/err.h"

struct retry {
    int64_t wait_us; /* before the latest try */
    bool worked;     /* pictures have come with these credentials */
    int refusals;    /* of the credentials, since pictures came last */
};

/* Pictures came. */
void retry_worked(struct retry *retry);

/* The wait after a failure with this code: longer each time, but an answering camera is back within
 * 2 s. Wrong credentials wait for minutes, since real cameras lock out who tries too often; those
 * that have worked are given two quick tries, since a camera that is just starting refuses all. */
int64_t retry_after_us(struct retry *retry, enum err_code code);
