#include "risk/baseline_own.h"

#include <math.h>
#include <string.h>

/* What is known from elsewhere counts as much as so many hours of watching this one: it speaks
 * where the hour itself has been watched little, and hardly any more when it has been for long. A
 * fixed smoothing would for ever lend the newspaper at five to whoever comes at four. */
#define NEAR_HOURS       0.75 /* the hours before and after */
#define DAYS_HOURS       0.5  /* the same hour of the other days, and the hours around it */
#define NEIGHBOUR_WEIGHT 0.5  /* against the hour itself */
#define PRIOR_VISITS     0.5  /* seen nowhere is not impossible */
#define SPREAD           0.25 /* one week's rate against another's: variance over mean squared */

#define DWELL_OTHER_DAYS 0.25 /* weight of stays on other days */
#define DWELL_VISITS_MIN 5.0  /* effective, before a stay can be called long */
#define DWELL_SIGMA_MIN  0.3  /* of its logarithm: stays are never known better than by a third */

#define TAIL_TERMS_MAX 100000

/* Sums over hours of the week, as they are now. */
struct sums {
    double visits, hours;            /* without the hour that is running */
    double stays, dwell_s, dwell_s2; /* with it */
};

/* Where and when somebody came. */
struct place {
    const char *zone;
    int kind, pair, hour;
    int64_t wall_us, start_us; /* start of the hour */
    double watch_keep;
};

static void sums_add(const struct baseline *baseline, const struct place *place, int hour,
                     double weight, struct sums *sums)
{
    const struct baseline_watch *watch = &baseline->watch;
    double hours = watch->hours[hour] * place->watch_keep;
    if (hour == place->hour && watch->hour_wall_us == place->start_us)
        hours = MAX(hours - watch->hour_watched, 0);
    sums->hours += weight * hours;
    const struct cell *cell = baseline_find(baseline, place->pair, hour);
    if (!cell)
        return;
    double keep = baseline_keep(baseline, place->wall_us - cell->wall_us);
    double visits = cell->visits * keep;
    sums->stays += weight * visits;
    sums->dwell_s += weight * cell->dwell_s * keep;
    sums->dwell_s2 += weight * cell->dwell_s2 * keep;
    if (hour == place->hour && cell->hour_wall_us == place->start_us)
        visits = MAX(visits - cell->hour_visits, 0);
    sums->visits += weight * visits;
}

/* What judging rests on. */
struct known {
    struct sums own, near, days;
};

static void gather(const struct baseline *baseline, const struct place *place, struct known *known)
{
    *known = (struct known){0};
    sums_add(baseline, place, place->hour, 1, &known->own);
    for (int day = 0; day < 7; day++) {
        struct sums *to = day == 0 ? &known->near : &known->days;
        int hour = place->hour + day * 24 + BASELINE_HOURS;
        sums_add(baseline, place, (hour - 1) % BASELINE_HOURS, NEIGHBOUR_WEIGHT, to);
        sums_add(baseline, place, (hour + 1) % BASELINE_HOURS, NEIGHBOUR_WEIGHT, to);
        if (day > 0)
            sums_add(baseline, place, hour % BASELINE_HOURS, 1, to);
    }
}

/* Chance of count or more, of a negative binomial of that mean and shape. */
static double tail_of(int count, double mean, double shape)
{
    if (count <= 0)
        return 1;
    double q = mean / (shape + mean);
    double log_none = shape * log1p(-q); /* of nobody at all */
    if (count == 1)
        return -expm1(log_none);
    double term = exp(log_none), below = 0;
    for (int n = 0; n < count; n++) {
        below += term;
        term *= (n + shape) / (n + 1) * q;
    }
    if (below < 0.9)
        return MAX(1 - below, 0);
    /* What is left of 1 is mostly rounding: the upper terms are summed themselves. */
    double tail = 0;
    for (int n = count; n < TAIL_TERMS_MAX && term > tail * 1e-12; n++) {
        tail += term;
        term *= (n + shape) / (n + 1) * q;
    }
    return MIN(tail, 1);
}

/* Each is drawn towards the next wider one, as far as it is thin. */
static void judge_count(const struct known *known, int count, struct usual *ret)
{
    double days = (known->days.visits + PRIOR_VISITS) / (known->days.hours + 1);
    double near = (known->near.visits + days) / (known->near.hours + 1);
    double shape = known->own.visits + near * NEAR_HOURS + days * DAYS_HOURS;
    ret->per_hour = shape / (known->own.hours + NEAR_HOURS + DAYS_HOURS);
    ret->probability = tail_of(count, ret->per_hour, 1 / (1 / shape + SPREAD));
}

/* Stays are about log-normal: most are short, a few are long. */
static void judge_dwell(const struct known *known, int64_t dwell_us, struct usual *ret)
{
    const struct sums *own = &known->own, *near = &known->near, *days = &known->days;
    double stays = own->stays + near->stays + DWELL_OTHER_DAYS * days->stays;
    ret->dwell_s = -1;
    ret->dwell_probability = 1;
    if (stays < DWELL_VISITS_MIN)
        return;
    double mean_s = (own->dwell_s + near->dwell_s + DWELL_OTHER_DAYS * days->dwell_s) / stays;
    double square = (own->dwell_s2 + near->dwell_s2 + DWELL_OTHER_DAYS * days->dwell_s2) / stays;
    double dwell_s = (double)dwell_us / (double)US_PER_S;
    ret->dwell_s = mean_s;
    if (mean_s <= 0 || dwell_s <= 0)
        return;
    double log_variance = log(MAX(square / (mean_s * mean_s), 1));
    double log_mean = log(mean_s) - log_variance / 2;
    double sigma = MAX(sqrt(log_variance * (1 + 1 / stays)), DWELL_SIGMA_MIN);
    ret->dwell_probability = erfc((log(dwell_s) - log_mean) / (sigma * M_SQRT2)) / 2;
}

/* The sighting with which the track came there; zone -1: the camera. NULL: it was not there. */
static const struct sighting *arrival(const struct track *track, int zone)
{
    if (zone < 0)
        return &track->first;
    return track->zones[zone].seen ? &track->zones[zone].entered : NULL;
}

static bool is_counted(const struct baseline *baseline, const struct event *event, int track,
                       int zone)
{
    struct visitor visitor = baseline_visitor(baseline, event, &event->tracks[track]);
    return zone < 0 ? visitor.counted : visitor.zones >> zone & 1;
}

/* Visits of that kind there, in the running hour up to this track's, its own included. */
static int count_visits(const struct baseline *baseline, const struct event *event, int track,
                        int zone, const struct place *place)
{
    const struct cell *cell = baseline_find(baseline, place->pair, place->hour);
    int count = cell && cell->hour_wall_us == place->start_us ? cell->hour_visits : 0;
    for (int i = 0; i < event->track_count; i++) {
        const struct track *other = &event->tracks[i];
        const struct sighting *came = arrival(other, zone);
        if (!came || came->wall_us < place->start_us || came->wall_us > place->wall_us ||
            (came->wall_us == place->wall_us && i > track) ||
            (int)label_kind(other->label) != place->kind || is_counted(baseline, event, i, zone))
            continue;
        count++;
    }
    return MAX(count, 1);
}

/* False if nothing can be said. */
static bool judge_place(const struct baseline *baseline, const struct event *event, int index,
                        int zone, struct usual *ret)
{
    const struct track *track = &event->tracks[index];
    const struct sighting *came = arrival(track, zone);
    struct place place = {.zone = zone < 0 ? "" : track->zones[zone].name,
                          .kind = (int)label_kind(track->label),
                          .wall_us = came->wall_us};
    if (!baseline_hour(came->wall_us, &place.hour, &place.start_us))
        return false;
    place.pair = baseline_pair(baseline, place.zone, place.kind);
    place.watch_keep = baseline_keep(baseline, came->wall_us - baseline->watch.wall_us);
    *ret = (struct usual){.hour = place.hour, .dwell_s = -1, .dwell_probability = 1};
    STR_COPY(ret->zone, place.zone);
    ret->weeks = baseline->watch.hours[place.hour] * place.watch_keep;
    ret->known = ret->weeks >= baseline->conf.min_weeks &&
                 baseline_believes(baseline, came->wall_us); /* else the hour is a guess, too */
    struct known known;
    gather(baseline, &place, &known);
    judge_count(&known, count_visits(baseline, event, index, zone, &place), ret);
    judge_dwell(&known,
                zone < 0 ? track->last.pts_us - track->first.pts_us : track->zones[zone].dwell_us,
                ret);
    return true;
}

static double least(const struct usual *usual)
{
    return MIN(usual->probability, usual->dwell_probability);
}

void baseline_usual(const struct baseline *baseline, const struct event *event, int track,
                    struct usual *ret)
{
    ASSERT(track >= 0 && track < event->track_count);
    *ret = (struct usual){.probability = 1, .dwell_s = -1, .dwell_probability = 1};
    if (!baseline->conf.enabled)
        return;
    bool any = false;
    for (int z = 0; z < ZONES_MAX; z++) {
        struct usual here;
        if (!event->tracks[track].zones[z].seen || !judge_place(baseline, event, track, z, &here))
            continue;
        if (!any || (here.known && !ret->known) ||
            (here.known == ret->known && least(&here) < least(ret)))
            *ret = here;
        any = true;
    }
    struct usual camera;
    if (!any && judge_place(baseline, event, track, -1, &camera))
        *ret = camera;
}
