/* A circuit breaker: after five failures in a row nothing is asked for a minute, then one trial.
 * Pure; time comes with the calls. */
#pragma once

#include "base/clock.h"

#define BREAKER_FAILURES 5
#define BREAKER_OPEN_US  (60 * US_PER_S)

struct breaker {
    int failures; /* in a row */
    bool open, trial;
    int64_t until_us;
    int64_t opened; /* times, for the metrics */
};

/* Whether a request may be made now; says yes to one only while it tries out. */
bool breaker_allows(struct breaker *breaker, int64_t now_us);
void breaker_success(struct breaker *breaker);
void breaker_failure(struct breaker *breaker, int64_t now_us);
/* A trial that ended without telling anything: cancelled. */
void breaker_withdraw(struct breaker *breaker);
