#include "gate/shadow.h"

#include <math.h>
#include <string.h>

#define TAIL       0.025 /* beyond each bound */
#define BISECTIONS 50    /* finer, a share could round to 1 */

static int64_t stretch_index(int64_t at_us)
{
    return at_us / SHADOW_STRETCH_US - (at_us % SHADOW_STRETCH_US < 0);
}

bool shadow_chosen(uint64_t seed, double share, int64_t at_us)
{
    /* The finalizer of MurmurHash3 over both: neighbours have nothing in common. */
    uint64_t hash = seed ^ (uint64_t)stretch_index(at_us) * UINT64_C(0x9e3779b97f4a7c15);
    hash = (hash ^ hash >> 33) * UINT64_C(0xff51afd7ed558ccd);
    hash = (hash ^ hash >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    hash ^= hash >> 33;
    return ldexp((double)(hash >> 11), -53) < share;
}

static struct shadow_stretch *newest(struct shadow *s)
{
    return &s->stretches[(s->stretch_count - 1) % SHADOW_STRETCHES];
}

void shadow_begin(struct shadow *s, int64_t at_us, int64_t look_us)
{
    ASSERT(!s->on);
    /* Counts on without ever overflowing: only its remainder and whether it is full matter. */
    if (++s->stretch_count == 2 * SHADOW_STRETCHES)
        s->stretch_count = SHADOW_STRETCHES;
    struct shadow_stretch *stretch = newest(s);
    stretch->span = (struct shadow_span){at_us, INT64_MAX};
    stretch->wake_count = 0;
    s->on = true;
    s->awake = false;
    s->now_us = at_us;
    s->look_us = look_us;
}

/* It is, or was until now, virtually awake. */
static void stay_awake(struct shadow *s, int64_t at_us)
{
    struct shadow_stretch *stretch = newest(s);
    struct shadow_span *wake = &stretch->wakes[stretch->wake_count - 1];
    wake->to_us = MAX(wake->to_us, at_us);
}

void shadow_woke(struct shadow *s, int64_t at_us)
{
    if (s->stretch_count == 0)
        return;
    /* After the stretch it is a real wake, which finds who is still here. */
    struct shadow_stretch *stretch = newest(s);
    if (!s->awake && stretch->wake_count < SHADOW_WAKES_MAX)
        stretch->wakes[stretch->wake_count++] = (struct shadow_span){at_us, at_us};
    stay_awake(s, at_us);
    s->awake = s->on;
}

/* The stretch within which the visit began, NULL if it is none. */
static const struct shadow_stretch *stretch_of(const struct shadow *s, struct shadow_span visit)
{
    for (int i = 0; i < MIN(s->stretch_count, SHADOW_STRETCHES); i++) {
        struct shadow_span span = s->stretches[i].span;
        if (visit.from_us >= span.from_us && visit.from_us < span.to_us)
            return &s->stretches[i];
    }
    return NULL;
}

static bool is_found(const struct shadow *s, struct shadow_span visit)
{
    const struct shadow_stretch *stretch = stretch_of(s, visit);
    for (int i = 0; stretch && i < stretch->wake_count; i++) {
        struct shadow_span wake = stretch->wakes[i];
        /* From a wake on, decoding goes back to the look before. */
        bool near = wake.from_us >= visit.from_us - s->look_us;
        bool awake_when_it_came = wake.to_us >= visit.from_us;
        if (wake.from_us <= visit.to_us + s->look_us && (near || awake_when_it_came))
            return true;
    }
    return false;
}

static void count_visit(struct shadow *s, bool found)
{
    s->visits++;
    s->missed += !found;
}

/* Judges those that can be judged by now; all: later wakes will not be known. */
static void judge_pending(struct shadow *s, bool all)
{
    int kept = 0;
    for (int i = 0; i < s->pending_count; i++) {
        struct shadow_span visit = s->pending[i];
        bool found = is_found(s, visit);
        if (found || all || s->now_us > visit.to_us + s->look_us)
            count_visit(s, found);
        else
            s->pending[kept++] = visit;
    }
    s->pending_count = kept;
}

void shadow_look(struct shadow *s, int64_t at_us, bool held, int64_t look_us)
{
    if (!s->on)
        return;
    s->now_us = at_us;
    s->look_us = look_us;
    if (s->awake) {
        stay_awake(s, at_us);
        s->awake = held;
    }
    judge_pending(s, false);
}

void shadow_end(struct shadow *s, int64_t at_us)
{
    if (!s->on)
        return;
    if (s->awake)
        stay_awake(s, at_us);
    newest(s)->span.to_us = at_us;
    s->now_us = at_us;
    s->on = s->awake = false;
    judge_pending(s, true);
}

void shadow_visit(struct shadow *s, int64_t first_us, int64_t last_us)
{
    struct shadow_span visit = {first_us, MAX(first_us, last_us)};
    const struct shadow_stretch *stretch = stretch_of(s, visit);
    if (!stretch)
        return;
    bool found = is_found(s, visit);
    bool early = s->on && stretch == newest(s) && s->now_us <= visit.to_us + s->look_us;
    if (found || !early || s->pending_count == SHADOW_PENDING_MAX)
        count_visit(s, found);
    else
        s->pending[s->pending_count++] = visit;
}

/* Chance of at most k of n where each has chance p: 0 < p < 1, 0 <= k < n. */
static double chance_at_most(int64_t k, int64_t n, double p)
{
    /* Each term from the one before, as logarithms, which do not vanish where n is large. */
    double odds = log(p) - log1p(-p);
    double term = (double)n * log1p(-p), sum = exp(term);
    for (int64_t i = 0; i < k; i++) {
        term += log((double)(n - i) / (double)(i + 1)) + odds;
        sum += exp(term);
    }
    return MIN(sum, 1);
}

/* The p at which at most k of n has just this chance, which falls as p grows. */
static double share_at(int64_t k, int64_t n, double chance)
{
    double low = 0, high = 1;
    for (int i = 0; i < BISECTIONS; i++) {
        double p = (low + high) / 2;
        if (chance_at_most(k, n, p) > chance)
            low = p;
        else
            high = p;
    }
    return (low + high) / 2;
}

void shadow_bounds(int64_t missed, int64_t visits, double *ret_low, double *ret_high)
{
    *ret_low = missed > 0 ? share_at(missed - 1, visits, 1 - TAIL) : 0;
    *ret_high = missed < visits ? share_at(missed, visits, TAIL) : 1;
}
