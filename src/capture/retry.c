#include "capture/retry.h"

#define WAIT_FIRST_US  (500 * US_PER_MS)
#define WAIT_LEAST_US  (250 * US_PER_MS) /* between the end of a try and the next one */
#define WAIT_QUICK_US  (1750 * US_PER_MS)
#define WAIT_NAME_US   (5 * US_PER_S)
#define WAIT_SLOW_US   (30 * US_PER_S)
#define WAIT_DENIED_US (300 * US_PER_S)
#define REFUSALS_QUICK 2
#define STEADY_US      (2 * US_PER_S) /* of pictures: what was wrong before is over */

#define TRY_QUICK_US     (1500 * US_PER_MS)
#define TRY_TIMES        2 /* an answer may take this much longer than usual, and */
#define TRY_MORE_US      (500 * US_PER_MS)
#define UNANSWERED_QUICK 8

#define NOTICE_US       (2800 * US_PER_MS) /* 3 s, less what it takes to look */
#define NOTICE_TIMES    3
#define INTERVAL_MAX_US (100 * US_PER_S)
#define INTERVALS_KNOWN 2
#define CUT_SHORT_MAX   2

void retry_init(struct retry *r)
{
    *r = (struct retry){.started_us = TIME_UNKNOWN,
                        .opened_us = TIME_UNKNOWN,
                        .first_us = TIME_UNKNOWN,
                        .latest_us = TIME_UNKNOWN};
}

void retry_begin(struct retry *r, int64_t now_us)
{
    r->started_us = now_us;
    r->opened_us = r->first_us = r->latest_us = TIME_UNKNOWN;
    r->seen = 0;
}

/* The largest lately: rises at once, falls slowly. */
static int64_t recent_most(int64_t old_us, int64_t us)
{
    return MAX(us, old_us - old_us / 4);
}

void retry_opened(struct retry *r, int64_t now_us)
{
    r->opened_us = now_us;
}

static void note_interval(struct retry *r, int64_t us)
{
    r->interval_us += (us - r->interval_us) /
                      (r->intervals < INTERVALS_KNOWN ? r->intervals + 1 : 8);
    r->intervals = MIN(r->intervals + 1, INTERVALS_KNOWN);
    r->seen = MIN(r->seen + 1, INTERVALS_KNOWN);
    if (r->seen >= INTERVALS_KNOWN)
        r->cut_short = 0;
}

void retry_picture(struct retry *r, int64_t now_us)
{
    if (r->first_us == TIME_UNKNOWN) {
        r->first_us = now_us;
        r->usual_open_us = recent_most(r->usual_open_us, r->opened_us - r->started_us);
        r->usual_first_us = recent_most(r->usual_first_us, now_us - r->opened_us);
        r->worked = true;
        r->refusals = r->unanswered = 0;
    } else {
        note_interval(r, MIN(now_us - r->latest_us, INTERVAL_MAX_US));
    }
    r->latest_us = now_us;
    if (now_us - r->first_us >= STEADY_US)
        r->wait_us = 0;
}

static int64_t wait_most_us(enum camera_cause cause)
{
    switch (cause) {
    case CAUSE_NAME:
        return WAIT_NAME_US;
    case CAUSE_MISSING:
    case CAUSE_GARBAGE:
        return WAIT_SLOW_US;
    default:
        return WAIT_QUICK_US;
    }
}

int64_t retry_failed_us(struct retry *r, enum camera_cause cause, int64_t now_us)
{
    if (r->first_us == TIME_UNKNOWN && (cause == CAUSE_TIMEOUT || cause == CAUSE_SILENT))
        r->unanswered++;
    if (r->first_us != TIME_UNKNOWN && cause == CAUSE_SILENT && r->seen < INTERVALS_KNOWN &&
        ++r->cut_short >= CUT_SHORT_MAX)
        r->intervals = r->cut_short = 0;
    if (cause == CAUSE_DENIED && !(r->worked && r->refusals++ < REFUSALS_QUICK))
        return now_us + WAIT_DENIED_US;
    r->wait_us = r->wait_us ? MIN(2 * r->wait_us, wait_most_us(cause)) : WAIT_FIRST_US;
    return MAX(r->started_us + r->wait_us, now_us + WAIT_LEAST_US);
}

/* Whether this try has all the time there is, because so many quick ones went without an answer. */
static bool is_patient(const struct retry *r)
{
    int n = r->unanswered;
    if (n == 0)
        return !r->worked;
    return n >= UNANSWERED_QUICK && (n & (n - 1)) == 0;
}

static int64_t answer_limit_us(const struct retry *r, int64_t usual_us, int64_t timeout_us)
{
    if (is_patient(r))
        return timeout_us;
    return MIN(MAX(TRY_TIMES * usual_us + TRY_MORE_US, TRY_QUICK_US), timeout_us);
}

int64_t retry_open_limit_us(const struct retry *r, int64_t timeout_us)
{
    return answer_limit_us(r, r->usual_open_us, timeout_us);
}

int64_t retry_read_limit_us(const struct retry *r, int64_t timeout_us)
{
    if (r->first_us == TIME_UNKNOWN)
        return r->worked ? answer_limit_us(r, r->usual_first_us, timeout_us) : timeout_us;
    bool paced = r->intervals >= INTERVALS_KNOWN;
    int64_t lost_us = MAX(NOTICE_TIMES * r->interval_us, NOTICE_US);
    return paced ? lost_us : MAX(timeout_us, lost_us);
}
