#include "risk/baseline_own.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HOUR_US (3600 * US_PER_S)
#define DAY_US  (24 * HOUR_US)
#define WEEK_S  (7 * 24 * 3600.0)

#define SPAN_MAX_US (366 * DAY_US)

/* What is told of another time than that is doubted: a clock that was wrong for a minute, or an old
 * clip. Nobody watching for some weeks is nothing special, time that goes back is. */
#define BACK_MAX_US    DAY_US
#define FORWARD_MAX_US (28 * DAY_US)
/* So long must the clock stay elsewhere to be believed, */
#define STAY_US (6 * HOUR_US)
/* to which silence between two things told adds little: two old clips are no clock. */
#define STAY_SILENT_US HOUR_US

#define WALL_MAX_US (INT64_MAX / 2) /* sums with times do not overflow */

#define VISITS_MAX 100000 /* that an hour counts */
#define AMOUNT_MAX 1e12   /* of a stored number; more is no sum of ours */
#define GONE_MAX   BASELINE_CELLS_MAX

static const struct opt baseline_rows[] = {
    {"enabled", OPT_BOOL(struct baseline_conf, enabled), .def = "true",
     .help = "Learn what is usual at each hour of the week, so that what is not can be told."},
    {"half_life", OPT_DURATION(struct baseline_conf, half_life_us, 7 * 86400, 365 * 86400),
     .def = "56d", .help = "After so long, something seen counts half as much."},
    {"min_weeks", OPT_DOUBLE(struct baseline_conf, min_weeks, 1, 50), .def = "3", .unit = "weeks",
     .help = "An hour of the week must have been watched this often before anything is called "
             "unusual there."},
    {0},
};

/* What an hour that is watched every week adds up to in the end. */
static double weeks_reachable(const struct baseline_conf *conf)
{
    double half_lives = WEEK_S / ((double)conf->half_life_us / (double)US_PER_S);
    return 1 / (1 - exp2(-half_lives));
}

static bool check_baseline(const void *section, const char **ret_at, struct err *err)
{
    const struct baseline_conf *conf = section;
    double reachable = weeks_reachable(conf);
    if (conf->min_weeks <= reachable * 0.95)
        return true;
    *ret_at = "min_weeks";
    err_set(err, ERR_INVALID, "%g weeks are never reached with this half_life", conf->min_weeks);
    err_hint(err, "at most %.0f, or a longer half_life", floor(reachable * 0.95));
    return false;
}

const struct section baseline_section = {
    .name = "baseline",
    .help = "What is usual, learned per camera, zone, kind and hour of the week, and forgotten "
            "slowly.",
    .bytes = sizeof(struct baseline_conf),
    .rows = baseline_rows,
    .check = check_baseline,
};

struct baseline *baseline_new(const struct baseline_conf *conf)
{
    struct baseline *baseline = NEW(struct baseline);
    baseline->conf = *conf;
    ASSERT(conf->half_life_us > 0);
    return baseline;
}

void baseline_free(struct baseline **baseline)
{
    if (*baseline) {
        free((*baseline)->pairs);
        free((*baseline)->cells);
        free((*baseline)->gone);
    }
    free(*baseline);
    *baseline = NULL;
}

size_t baseline_bytes(const struct baseline *baseline)
{
    return sizeof *baseline + (size_t)baseline->pair_count * sizeof *baseline->pairs +
           (size_t)baseline->cell_capacity * sizeof *baseline->cells +
           (size_t)baseline->gone_capacity * sizeof *baseline->gone;
}

/* -- time -- */

bool baseline_hour(int64_t wall_us, int *ret_hour, int64_t *ret_start_us)
{
    if (wall_us == TIME_UNKNOWN)
        return false;
    int64_t rest_us = (wall_us % US_PER_S + US_PER_S) % US_PER_S;
    time_t seconds = (time_t)((wall_us - rest_us) / US_PER_S);
    struct tm tm;
    if (!localtime_r(&seconds, &tm))
        return false;
    *ret_hour = (tm.tm_wday + 6) % 7 * 24 + tm.tm_hour;
    *ret_start_us = ((int64_t)seconds - tm.tm_min * 60 - MIN(tm.tm_sec, 59)) * US_PER_S;
    return true;
}

double baseline_keep(const struct baseline *baseline, int64_t span_us)
{
    return span_us <= 0 ? 1 : exp2(-(double)span_us / (double)baseline->conf.half_life_us);
}

/* Brings *wall_us, the reference of some sums, to at_us, which is believed. Returns what the sums
 * are to be multiplied with; *ret_weight is what something at at_us then weighs. A reference
 * further ahead than anything late explains is of a clock that was wrong, and comes back. */
static double advance(const struct baseline *baseline, int64_t *wall_us, int64_t at_us,
                      double *ret_weight)
{
    int64_t ahead_us = *wall_us - at_us;
    double keep = baseline_keep(baseline, -ahead_us);
    *ret_weight = 1;
    if (ahead_us > 0 && ahead_us <= BACK_MAX_US)
        *ret_weight = baseline_keep(baseline, ahead_us);
    else
        *wall_us = at_us;
    return keep;
}

/* Whether a span goes on from there. */
static bool goes_on(int64_t clock_us, int64_t from_us, int64_t to_us)
{
    return to_us >= clock_us - BACK_MAX_US && from_us - FORWARD_MAX_US <= clock_us;
}

bool baseline_believes(const struct baseline *baseline, int64_t wall_us)
{
    return wall_us > 0 && wall_us <= WALL_MAX_US &&
           (baseline->clock_us == 0 || goes_on(baseline->clock_us, wall_us, wall_us));
}

/* The clock is elsewhere, and stays there. How much time has passed meanwhile nobody knows: none if
 * it went back, and never more than a clock is believed at once. */
static void rebase(struct baseline *baseline, int64_t clock_us)
{
    int64_t passed_us = CLAMP(clock_us - baseline->clock_us, 0, FORWARD_MAX_US);
    int64_t was_us = baseline->clock_us + passed_us;
    struct baseline_watch *watch = &baseline->watch;
    double keep = baseline_keep(baseline, was_us - watch->wall_us);
    for (int h = 0; h < BASELINE_HOURS; h++)
        watch->hours[h] *= keep;
    watch->wall_us = clock_us;
    for (int i = 0; i < baseline->cell_count; i++) {
        struct cell *cell = &baseline->cells[i];
        keep = baseline_keep(baseline, was_us - cell->wall_us);
        cell->visits = MAX(cell->visits * keep, DBL_MIN); /* none at all would be no cell */
        cell->dwell_s *= keep;
        cell->dwell_s2 *= keep;
        cell->wall_us = clock_us;
        baseline->changed_count += !cell->changed;
        cell->changed = true;
    }
    baseline->clock_us = clock_us;
    baseline->other = (struct other_clock){0};
}

/* Whether what happened then is to be learned. */
static bool tell_clock(struct baseline *baseline, int64_t from_us, int64_t to_us)
{
    struct other_clock *other = &baseline->other;
    if (from_us <= 0 || to_us > WALL_MAX_US)
        return false;
    if (baseline->clock_us == 0 || goes_on(baseline->clock_us, from_us, to_us)) {
        baseline->clock_us = MAX(baseline->clock_us, to_us);
        *other = (struct other_clock){0};
        return true;
    }
    if (other->clock_us == 0 || !goes_on(other->clock_us, from_us, to_us))
        *other = (struct other_clock){.clock_us = from_us};
    if (to_us > other->clock_us) {
        int64_t silent_us = MAX(from_us - other->clock_us, 0);
        other->stayed_us += to_us - other->clock_us - silent_us + MIN(silent_us, STAY_SILENT_US);
        other->clock_us = to_us;
    }
    if (other->stayed_us < STAY_US)
        return false;
    rebase(baseline, other->clock_us);
    return true;
}

/* -- watching -- */

static void watch_piece(struct baseline *baseline, int64_t from_us, int64_t to_us, int hour,
                        int64_t start_us, double weight)
{
    struct baseline_watch *watch = &baseline->watch;
    double hours = (double)(to_us - from_us) / (double)HOUR_US;
    watch->hours[hour] += hours * weight;
    if (watch->hour_wall_us != start_us) {
        watch->hour_wall_us = start_us;
        watch->hour_watched = 0;
    }
    watch->hour_watched += hours;
}

void baseline_watched(struct baseline *baseline, int64_t from_wall_us, int64_t to_wall_us)
{
    struct baseline_watch *watch = &baseline->watch;
    if (from_wall_us == TIME_UNKNOWN || to_wall_us == TIME_UNKNOWN || from_wall_us >= to_wall_us ||
        !baseline->conf.enabled || !tell_clock(baseline, from_wall_us, to_wall_us))
        return;
    double weight;
    double keep = advance(baseline, &watch->wall_us, to_wall_us, &weight);
    for (int h = 0; h < BASELINE_HOURS; h++)
        watch->hours[h] *= keep;
    if (from_wall_us < to_wall_us - SPAN_MAX_US)
        from_wall_us = to_wall_us - SPAN_MAX_US;
    while (from_wall_us < to_wall_us) {
        int hour;
        int64_t start_us;
        if (!baseline_hour(from_wall_us, &hour, &start_us))
            return;
        int64_t end_us = MIN(start_us + HOUR_US, to_wall_us);
        int64_t age_us = to_wall_us - end_us + (end_us - from_wall_us) / 2;
        watch_piece(baseline, from_wall_us, end_us, hour, start_us,
                    weight * baseline_keep(baseline, age_us));
        from_wall_us = end_us;
    }
}

/* -- cells -- */

int baseline_pair(const struct baseline *baseline, const char *zone, int kind)
{
    for (int i = 0; i < baseline->pair_count; i++) {
        const struct pair *pair = &baseline->pairs[i];
        if (pair->cells > 0 && pair->kind == kind && strcmp(pair->zone, zone) == 0)
            return i;
    }
    return -1;
}

const struct cell *baseline_find(const struct baseline *baseline, int pair, int hour)
{
    int slot = pair < 0 ? 0 : baseline->pairs[pair].slots[hour];
    return slot == 0 ? NULL : &baseline->cells[slot - 1];
}

static void cell_export(const struct baseline *baseline, const struct cell *cell,
                        struct baseline_cell *ret)
{
    const struct pair *pair = &baseline->pairs[cell->pair];
    *ret = (struct baseline_cell){.kind = pair->kind,
                                  .hour = cell->hour,
                                  .visits = cell->visits,
                                  .dwell_s = cell->dwell_s,
                                  .dwell_s2 = cell->dwell_s2,
                                  .wall_us = cell->wall_us,
                                  .hour_wall_us = cell->hour_wall_us,
                                  .hour_visits = cell->hour_visits};
    STR_COPY(ret->zone, pair->zone);
}

/* Remembers, for the store, that the cell is no more. Where nobody takes these, there is no store
 * to keep in step. */
static void tell_gone(struct baseline *baseline, const struct cell *cell)
{
    if (baseline->gone_count == GONE_MAX)
        return;
    if (baseline->gone_count == baseline->gone_capacity) {
        baseline->gone_capacity = MAX(16, baseline->gone_capacity * 2);
        baseline->gone = xrealloc(baseline->gone, (size_t)baseline->gone_capacity,
                                  sizeof *baseline->gone);
    }
    struct baseline_cell *gone = &baseline->gone[baseline->gone_count++];
    cell_export(baseline, cell, gone);
    gone->visits = gone->dwell_s = gone->dwell_s2 = 0;
}

static void drop_cell(struct baseline *baseline, int index)
{
    struct cell *cell = &baseline->cells[index];
    tell_gone(baseline, cell);
    baseline->changed_count -= cell->changed;
    baseline->pairs[cell->pair].slots[cell->hour] = 0;
    baseline->pairs[cell->pair].cells--;
    *cell = baseline->cells[--baseline->cell_count];
    if (index < baseline->cell_count)
        baseline->pairs[cell->pair].slots[cell->hour] = (uint16_t)(index + 1);
}

/* Orders cells by what they weigh at any one time; of equals by name, so that the order in which
 * they were loaded does not show. */
static double cell_rank(const struct baseline *baseline, const struct cell *cell)
{
    return log2(cell->visits) + (double)cell->wall_us / (double)baseline->conf.half_life_us;
}

static bool cell_is_less(const struct baseline *baseline, const struct cell *a,
                         const struct cell *b)
{
    double rank_a = cell_rank(baseline, a), rank_b = cell_rank(baseline, b);
    if (rank_a != rank_b)
        return rank_a < rank_b;
    const struct pair *pair_a = &baseline->pairs[a->pair], *pair_b = &baseline->pairs[b->pair];
    int order = strcmp(pair_a->zone, pair_b->zone);
    if (order == 0)
        order = pair_a->kind - pair_b->kind;
    return order < 0 || (order == 0 && a->hour < b->hour);
}

static void drop_least_cell(struct baseline *baseline)
{
    int least = 0;
    for (int i = 1; i < baseline->cell_count; i++)
        if (cell_is_less(baseline, &baseline->cells[i], &baseline->cells[least]))
            least = i;
    drop_cell(baseline, least);
}

/* The pair whose best cell is the least: where nothing much has happened for the longest time. */
static void drop_least_pair(struct baseline *baseline)
{
    const struct cell *best[BASELINE_PAIRS_MAX] = {NULL};
    for (int i = 0; i < baseline->cell_count; i++) {
        const struct cell *cell = &baseline->cells[i];
        if (!best[cell->pair] || cell_is_less(baseline, best[cell->pair], cell))
            best[cell->pair] = cell;
    }
    int least = 0;
    for (int i = 1; i < baseline->pair_count; i++)
        if (cell_is_less(baseline, best[i], best[least]))
            least = i;
    for (int h = 0; h < BASELINE_HOURS; h++)
        if (baseline->pairs[least].slots[h] > 0)
            drop_cell(baseline, baseline->pairs[least].slots[h] - 1);
}

static int free_pair(const struct baseline *baseline)
{
    for (int i = 0; i < baseline->pair_count; i++)
        if (baseline->pairs[i].cells == 0)
            return i;
    return -1;
}

static int need_pair(struct baseline *baseline, const char *zone, int kind)
{
    int index = baseline_pair(baseline, zone, kind);
    if (index >= 0)
        return index;
    index = free_pair(baseline);
    if (index < 0 && baseline->pair_count == BASELINE_PAIRS_MAX) {
        drop_least_pair(baseline);
        index = free_pair(baseline);
    }
    if (index < 0) {
        index = baseline->pair_count++;
        baseline->pairs = xrealloc(baseline->pairs, (size_t)baseline->pair_count,
                                   sizeof *baseline->pairs);
    }
    struct pair *pair = &baseline->pairs[index];
    *pair = (struct pair){.kind = kind};
    STR_COPY(pair->zone, zone);
    return index;
}

/* The cell, made if there is none yet. Its visits are to become more than nothing. */
static struct cell *need_cell(struct baseline *baseline, const char *zone, int kind, int hour)
{
    int found = baseline_pair(baseline, zone, kind);
    if (found >= 0 && baseline->pairs[found].slots[hour] > 0)
        return &baseline->cells[baseline->pairs[found].slots[hour] - 1];
    if (baseline->cell_count == BASELINE_CELLS_MAX)
        drop_least_cell(baseline);
    int index = need_pair(baseline, zone, kind);
    if (baseline->cell_count == baseline->cell_capacity) {
        baseline->cell_capacity = MIN(MAX(32, baseline->cell_capacity * 3 / 2), BASELINE_CELLS_MAX);
        baseline->cells = xrealloc(baseline->cells, (size_t)baseline->cell_capacity,
                                   sizeof *baseline->cells);
    }
    struct cell *cell = &baseline->cells[baseline->cell_count++];
    *cell = (struct cell){.pair = (int16_t)index, .hour = (uint8_t)hour};
    baseline->pairs[index].slots[hour] = (uint16_t)baseline->cell_count;
    baseline->pairs[index].cells++;
    return cell;
}

/* -- learning -- */

static void learn_visit(struct baseline *baseline, const char *zone, int kind, int64_t wall_us,
                        int64_t dwell_us)
{
    int hour;
    int64_t start_us;
    if (!baseline_hour(wall_us, &hour, &start_us) || !tell_clock(baseline, wall_us, wall_us))
        return;
    struct cell *cell = need_cell(baseline, zone, kind, hour);
    double weight, dwell_s = (double)MAX(dwell_us, 0) / (double)US_PER_S;
    double keep = advance(baseline, &cell->wall_us, wall_us, &weight);
    cell->visits = cell->visits * keep + weight;
    cell->dwell_s = cell->dwell_s * keep + weight * dwell_s;
    cell->dwell_s2 = cell->dwell_s2 * keep + weight * dwell_s * dwell_s;
    if (cell->hour_wall_us != start_us) {
        cell->hour_wall_us = start_us;
        cell->hour_visits = 0;
    }
    cell->hour_visits = MIN(cell->hour_visits + 1, VISITS_MAX);
    baseline->changed_count += !cell->changed;
    cell->changed = true;
}

struct visitor baseline_visitor(const struct baseline *baseline, const struct event *event,
                                const struct track *track)
{
    static const struct uuid none;
    if (memcmp(&event->continues, &none, sizeof none) != 0 &&
        memcmp(&event->continues, &baseline->last_event, sizeof none) == 0)
        for (int i = 0; i < baseline->visitor_count; i++)
            if (memcmp(&baseline->visitors[i].id, &track->id, sizeof track->id) == 0)
                return baseline->visitors[i];
    return (struct visitor){.id = track->id};
}

static void learn_track(struct baseline *baseline, const struct track *track,
                        struct visitor *visitor)
{
    int kind = (int)label_kind(track->label);
    if (!visitor->counted && track->first.wall_us != TIME_UNKNOWN) {
        learn_visit(baseline, "", kind, track->first.wall_us,
                    track->last.pts_us - track->first.pts_us);
        visitor->counted = true;
    }
    for (int z = 0; z < ZONES_MAX; z++) {
        const struct zone_visit *visit = &track->zones[z];
        if (!visit->seen || visitor->zones >> z & 1 || visit->entered.wall_us == TIME_UNKNOWN)
            continue;
        learn_visit(baseline, visit->name, kind, visit->entered.wall_us, visit->dwell_us);
        visitor->zones |= UINT32_C(1) << z;
    }
}

void baseline_learn(struct baseline *baseline, const struct event *event)
{
    if (!baseline->conf.enabled)
        return;
    struct visitor visitors[EVENT_TRACKS_MAX];
    for (int i = 0; i < event->track_count; i++) {
        visitors[i] = baseline_visitor(baseline, event, &event->tracks[i]);
        learn_track(baseline, &event->tracks[i], &visitors[i]);
    }
    memcpy(baseline->visitors, visitors, (size_t)event->track_count * sizeof *visitors);
    baseline->visitor_count = event->track_count;
    baseline->last_event = event->id;
}

/* -- keeping -- */

int baseline_changes(struct baseline *baseline, struct baseline_cell *ret, int max)
{
    int count = MIN(max, baseline->gone_count);
    if (count > 0) {
        memcpy(ret, baseline->gone, (size_t)count * sizeof *ret);
        baseline->gone_count -= count;
        memmove(baseline->gone, baseline->gone + count,
                (size_t)baseline->gone_count * sizeof *baseline->gone);
    }
    for (int i = 0; i < baseline->cell_count && count < max && baseline->changed_count > 0; i++) {
        struct cell *cell = &baseline->cells[i];
        if (!cell->changed)
            continue;
        cell_export(baseline, cell, &ret[count++]);
        cell->changed = false;
        baseline->changed_count--;
    }
    return count;
}

void baseline_watch_state(const struct baseline *baseline, struct baseline_watch *ret)
{
    *ret = baseline->watch;
}

static bool is_amount(double v)
{
    return v >= 0 && v <= AMOUNT_MAX; /* NaN is neither */
}

static bool cell_makes_sense(const struct baseline_cell *cell)
{
    return memchr(cell->zone, '\0', sizeof cell->zone) && cell->kind >= 0 &&
           cell->kind < KIND_COUNT && cell->hour >= 0 && cell->hour < BASELINE_HOURS &&
           cell->visits > 0 && is_amount(cell->visits) && is_amount(cell->dwell_s) &&
           is_amount(cell->dwell_s2) && cell->wall_us > 0 && cell->wall_us <= WALL_MAX_US &&
           cell->hour_visits >= 0 && cell->hour_visits <= VISITS_MAX;
}

static bool load_watch(struct baseline *baseline, const struct baseline_watch *watch)
{
    for (int h = 0; h < BASELINE_HOURS; h++)
        if (!is_amount(watch->hours[h]))
            return false;
    if (watch->wall_us < 0 || watch->wall_us > WALL_MAX_US || !is_amount(watch->hour_watched))
        return false;
    baseline->watch = *watch;
    return true;
}

static bool load_cell(struct baseline *baseline, const struct baseline_cell *from)
{
    if (!cell_makes_sense(from) || baseline->cell_count == BASELINE_CELLS_MAX)
        return false;
    int pair = baseline_pair(baseline, from->zone, from->kind);
    if (baseline_find(baseline, pair, from->hour) ||
        (pair < 0 && baseline->pair_count == BASELINE_PAIRS_MAX))
        return false;
    struct cell *cell = need_cell(baseline, from->zone, from->kind, from->hour);
    cell->visits = from->visits;
    cell->dwell_s = from->dwell_s;
    cell->dwell_s2 = from->dwell_s2;
    cell->wall_us = from->wall_us;
    cell->hour_wall_us = from->hour_wall_us;
    cell->hour_visits = from->hour_visits;
    return true;
}

int baseline_load(struct baseline *baseline, const struct baseline_watch *watch,
                  const struct baseline_cell *cells, int count)
{
    int left_out = !load_watch(baseline, watch);
    int64_t newest_us = 0;
    for (int i = 0; i < count; i++) {
        bool loaded = load_cell(baseline, &cells[i]);
        left_out += !loaded;
        newest_us = MAX(newest_us, loaded ? cells[i].wall_us : 0);
    }
    baseline->clock_us = baseline->watch.wall_us > 0 ? baseline->watch.wall_us : newest_us;
    return left_out;
}
