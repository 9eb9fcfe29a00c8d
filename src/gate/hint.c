#include "gate/hint.h"

#include <math.h>

#define SEEN_MIN 100
#define MEMORY   300.0 /* packets: 12 s at 25 a second, a minute at 5 */
#define Z_LARGE  5.0
/* A packet teaches no more than one this unusual: visits must not become usual. What lasts still
 * does within a minute, because it shifts the mean. */
#define Z_LEARN 1.5
/* Least deviation of a log size: of a stream whose packets are all alike, half as large again is
 * still not much. */
#define DEVIATION_MIN 0.1
/* Added to each size: a few bytes more are nothing where a still picture takes but a few. */
#define BYTES_SOFT 100.0

#define TRIES        20
#define SEEN_SHARE   0.1
#define DISTRUST_US  (3600 * US_PER_S) /* then it may prove itself again: night is not day */
#define RETRIES_KEPT 10

/* How many deviations the value is above the usual; learns it. */
static double learn(struct size_usual *usual, double value, double share)
{
    double deviation = MAX(sqrt(usual->variance), DEVIATION_MIN);
    double z = (value - usual->mean) / deviation;
    double step = CLAMP(z, -Z_LEARN, Z_LEARN) * deviation;
    if (share >= 1)
        step = value - usual->mean; /* the first one */
    usual->mean += share * step;
    usual->variance += share * (step * step * (1 - share) - usual->variance);
    return z;
}

bool size_hint_push(struct size_hint *h, int64_t bytes, bool key)
{
    if (key)
        return false;
    double size = (double)MAX(bytes, 0) + BYTES_SOFT;
    h->recent[h->recent_at] = size;
    h->recent_at = (h->recent_at + 1) % 3;
    h->seen = MIN(h->seen + 1, (int)MEMORY);
    double one = learn(&h->one, log(size), 1.0 / h->seen);
    if (h->seen < 3)
        return false;
    double sum = h->recent[0] + h->recent[1] + h->recent[2];
    double three = learn(&h->three, log(sum), 1.0 / (h->seen - 2));
    return h->seen > SEEN_MIN && MAX(one, three) > Z_LARGE;
}

bool size_trusted(const struct size_trust *t, int64_t now_us)
{
    return !t->distrusted || now_us >= t->until_us;
}

void size_trust_tell(struct size_trust *t, int64_t now_us, bool seen)
{
    if (t->distrusted) {
        t->distrusted = false;
        t->count = RETRIES_KEPT;
    }
    t->outcomes = (t->outcomes << 1 | seen) & ((1u << TRIES) - 1);
    t->count = MIN(t->count + 1, TRIES);
    if (t->count == TRIES && __builtin_popcount(t->outcomes) < SEEN_SHARE * TRIES) {
        t->distrusted = true;
        t->until_us = now_us + DISTRUST_US;
    }
}
