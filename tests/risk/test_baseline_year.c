/* A baseline over a simulated year of a house in Berlin, with both changes of the clocks, holidays
 * in which the camera was off, and a few visits at hours at which nobody ever comes. */
#include "risk/baseline.h"

#include "base/clock.h"
#include "test.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

#define HOUR_US  (3600 * US_PER_S)
#define DAY_US   (24 * HOUR_US)
#define HOURS    (365 * 24)
#define RARE     0.05 /* what is called unusual here */
#define SEEDS    10
#define KEPT_MAX 2048 /* cells; more than a year makes */

static const struct baseline_conf year_conf = {true, 56 * DAY_US, 3};

static int setup(void **state)
{
    (void)state;
    setenv("TZ", "Europe/Berlin", 1);
    tzset();
    return 0;
}

/* -- chance, the same on every machine -- */

static double chance(uint64_t *seed)
{
    *seed += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *seed;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

static int poisson(uint64_t *seed, double mean)
{
    int n = 0;
    for (double p = chance(seed), limit = exp(-mean); p > limit; p *= chance(seed))
        n++;
    return n;
}

/* Most stays are short: median 8 s, one in twenty longer than 22 s. */
static double stay_s(uint64_t *seed)
{
    double radius = sqrt(-2 * log(1 - chance(seed)));
    return 8 * exp(0.6 * radius * cos(2 * M_PI * chance(seed)));
}

/* -- the house -- */

/* Visits to the front door in an hour of the local week. */
static double door_rate(int hour)
{
    int h = hour % 24, day = hour / 24;
    bool weekend = day >= 5;
    if (h < 6)
        return h == 4 && !weekend ? 0.7 : 0.01; /* the newspaper */
    if (h == 7 && !weekend)
        return 3.5; /* to school and to work */
    if (h == 11 && day < 6)
        return 1.2; /* the post */
    if (h >= 15 && h < 19)
        return weekend ? 1.5 : 2.5;
    if (h >= 22)
        return day == 4 || day == 5 ? 0.5 : 0.06;
    return weekend ? 0.8 : 0.35;
}

static double sidewalk_rate(int hour)
{
    return 6 * door_rate(hour) + (hour % 24 < 6 ? 0.1 : 2);
}

/* Nobody is there at night and on weekdays in the morning. */
static double shed_rate(int hour)
{
    int h = hour % 24;
    return hour / 24 >= 5 && h >= 10 && h < 17 ? 0.4 : 0;
}

static const struct {
    const char *zone;
    double (*rate)(int hour);
} places[] = {{"front door", door_rate}, {"sidewalk", sidewalk_rate}, {"shed", shed_rate}};
enum { PLACES = ARRAY_LEN(places) };

static const struct {
    const char *when;
    int place;
} planted[] = {
    {"2026-07-07T03:20:00+02:00", 0}, {"2026-07-12T05:10:00+02:00", 0},
    {"2026-07-30T01:45:00+02:00", 0}, {"2026-08-19T02:05:00+02:00", 2},
    {"2026-08-25T09:30:00+02:00", 2}, {"2026-09-01T22:50:00+02:00", 2},
    {"2026-09-16T00:15:00+02:00", 0}, {"2026-10-02T03:33:00+02:00", 2},
    {"2026-10-25T02:30:00+02:00", 0}, {"2026-10-25T02:30:00+01:00", 2},
    {"2026-11-11T13:10:00+01:00", 2}, {"2026-11-18T03:03:00+01:00", 0},
    {"2026-11-29T01:20:00+01:00", 0}, {"2026-12-04T23:40:00+01:00", 2},
    {"2026-12-09T05:05:00+01:00", 2}, {"2026-12-15T02:59:00+01:00", 0},
};

struct year {
    struct baseline *baseline;
    uint64_t seed;
    int64_t from_us;
    double weight[BASELINE_HOURS], weight2[BASELINE_HOURS]; /* of each time an hour was watched */
    int visits, rare, long_stays;                           /* of the second half, not planted */
    int rare_hours, hours; /* place hours in which any was called unusual, of all */
    int found;
    uint64_t hash; /* of every answer */
};

static void year_free(struct year *year)
{
    baseline_free(&year->baseline);
}

static void remember(struct year *year, const struct usual *usual)
{
    double numbers[] = {usual->per_hour, usual->weeks, usual->probability, usual->dwell_s,
                        usual->dwell_probability};
    const unsigned char *bytes = (const unsigned char *)numbers;
    for (size_t i = 0; i < sizeof numbers; i++)
        year->hash = (year->hash ^ bytes[i]) * UINT64_C(1099511628211);
}

/* One person, for one stay; what was usual before is asked first. */
static struct usual visit(struct year *year, const char *zone, int64_t wall_us, double seconds)
{
    AUTO(event_unref) struct event *event = event_new();
    event->wall_start_us = wall_us;
    struct track *track = &event->tracks[event->track_count++];
    STR_COPY(track->label, "person");
    track->first.wall_us = wall_us;
    track->last.pts_us = (int64_t)(seconds * (double)US_PER_S);
    track->zones[0].seen = true;
    track->zones[0].dwell_us = track->last.pts_us;
    track->zones[0].entered = track->first;
    STR_COPY(track->zones[0].name, zone);
    struct usual usual;
    baseline_usual(year->baseline, event, 0, &usual);
    remember(year, &usual);
    baseline_learn(year->baseline, event);
    return usual;
}

/* -1: none. */
static int planted_in(int64_t from_us, int place)
{
    for (size_t i = 0; i < ARRAY_LEN(planted); i++) {
        int64_t wall_us;
        if (!time_parse(planted[i].when, &wall_us))
            fail_msg("%s is no time", planted[i].when);
        if (planted[i].place == place && wall_us >= from_us && wall_us < from_us + HOUR_US)
            return (int)((wall_us - from_us) / US_PER_S);
    }
    return -1;
}

static void live_hour(struct year *year, int place, int64_t from_us, int hour, bool second_half)
{
    int planted_s = planted_in(from_us, place);
    if (planted_s >= 0) {
        struct usual usual = visit(year, places[place].zone, from_us + planted_s * US_PER_S, 8);
        year->found += usual.known && usual.probability < RARE;
    }
    int count = poisson(&year->seed, places[place].rate(hour));
    bool rare = false;
    for (int i = 0; i < count; i++) {
        int64_t wall_us = from_us + (int64_t)((i + chance(&year->seed)) / count * 3599) * US_PER_S;
        struct usual usual = visit(year, places[place].zone, wall_us, stay_s(&year->seed));
        if (!second_half || planted_s >= 0)
            continue;
        CHECK(usual.known);
        year->visits++;
        year->rare += usual.probability < RARE;
        year->long_stays += usual.dwell_probability < RARE;
        rare |= usual.probability < RARE;
    }
    year->hours += second_half && planted_s < 0;
    year->rare_hours += rare;
}

static bool is_off(int hour_of_year)
{
    return hour_of_year >= 120 * 24 && hour_of_year < 134 * 24;
}

static void live_year(struct year *year)
{
    year->baseline = baseline_new(&year_conf);
    CHECK(time_parse("2026-01-01T00:00:00+01:00", &year->from_us));
    int64_t end_us = year->from_us + HOURS * HOUR_US;
    for (int i = 0; i < HOURS; i++) {
        if (is_off(i))
            continue;
        int64_t from_us = year->from_us + i * HOUR_US;
        time_t seconds = (time_t)(from_us / US_PER_S);
        struct tm tm;
        localtime_r(&seconds, &tm);
        int hour = (tm.tm_wday + 6) % 7 * 24 + tm.tm_hour;
        for (int place = 0; place < PLACES; place++)
            live_hour(year, place, from_us, hour, i > HOURS / 2);
        baseline_watched(year->baseline, from_us, from_us + HOUR_US);
        double weight = exp2(-(double)(end_us - from_us) / (double)year_conf.half_life_us);
        year->weight[hour] += weight;
        year->weight2[hour] += weight * weight;
    }
}

/* What was learned for a place: visits an hour, at the end of the year. */
static void learned_rates(struct year *year, int place, double ret[BASELINE_HOURS])
{
    static struct baseline_cell cells[KEPT_MAX];
    static int count;
    if (place == 0)
        count = baseline_changes(year->baseline, cells, KEPT_MAX);
    struct baseline_watch watch;
    baseline_watch_state(year->baseline, &watch);
    memset(ret, 0, BASELINE_HOURS * sizeof *ret);
    for (int i = 0; i < count; i++) {
        double age = (double)(watch.wall_us - cells[i].wall_us) / (double)year_conf.half_life_us;
        if (strcmp(cells[i].zone, places[place].zone) == 0)
            ret[cells[i].hour] += cells[i].visits * exp2(-age) / watch.hours[cells[i].hour];
    }
}

static bool is_planted_hour(int place, int hour)
{
    for (size_t i = 0; i < ARRAY_LEN(planted); i++) {
        int64_t wall_us = 0;
        CHECK(time_parse(planted[i].when, &wall_us));
        time_t seconds = (time_t)(wall_us / US_PER_S);
        struct tm tm;
        localtime_r(&seconds, &tm);
        if (planted[i].place == place && hour == (tm.tm_wday + 6) % 7 * 24 + tm.tm_hour)
            return true;
    }
    return false;
}

struct accuracy {
    double learned[PLACES], truth[PLACES]; /* visits a week */
    int within, cells;                     /* two standard errors of the effective sample */
};

static void compare_place(struct year *year, int place, struct accuracy *ret)
{
    double rates[BASELINE_HOURS];
    learned_rates(year, place, rates);
    for (int h = 0; h < BASELINE_HOURS; h++) {
        if (is_planted_hour(place, h))
            continue;
        double rate = places[place].rate(h);
        double samples = year->weight[h] * year->weight[h] / year->weight2[h];
        ret->learned[place] += rates[h];
        ret->truth[place] += rate;
        ret->within += rate > 0 && fabs(rates[h] - rate) <= 2 * sqrt(rate / samples);
        ret->cells += rate > 0; /* that nothing is learned where nothing is, is no feat */
    }
}

/* A zone with few visits cannot be known to 5 % from the two dozen weeks that count; the camera
 * can, and so can the mean of what several years teach about the zone. */
static void a_year_is_learned(void **state)
{
    (void)state;
    struct accuracy all = {0};
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        AUTO(year_free) struct year year = {.seed = seed};
        struct accuracy one = {0};
        live_year(&year);
        double learned = 0, truth = 0;
        for (int place = 0; place < PLACES; place++) {
            compare_place(&year, place, &one);
            learned += one.learned[place];
            truth += one.truth[place];
            all.learned[place] += one.learned[place] / SEEDS;
            all.truth[place] += one.truth[place] / SEEDS;
        }
        print_message("# year %d: %.0f visits a week learned, %.0f true; %.1f %% of %d cells\n",
                      (int)seed, learned, truth, 100.0 * one.within / one.cells, one.cells);
        CHECK_NEAR(learned, truth, 0.05 * truth);
        all.within += one.within;
        all.cells += one.cells;
    }
    for (int place = 0; place < PLACES; place++) {
        print_message("# %s: %.2f a week learned, %.2f true\n", places[place].zone,
                      all.learned[place], all.truth[place]);
        CHECK_NEAR(all.learned[place], all.truth[place], 0.05 * all.truth[place]);
    }
    print_message("# %.1f %% of %d cells within 2 standard errors\n",
                  100.0 * all.within / all.cells, all.cells);
    CHECK(all.within >= 0.95 * all.cells);
}

static void unusual_hours_are_found_and_usual_ones_left_alone(void **state)
{
    (void)state;
    int found = 0, visits = 0, rare = 0, long_stays = 0, hours = 0, rare_hours = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        AUTO(year_free) struct year year = {.seed = seed};
        live_year(&year);
        found += year.found;
        visits += year.visits;
        rare += year.rare;
        long_stays += year.long_stays;
        hours += year.hours;
        rare_hours += year.rare_hours;
    }
    int all = SEEDS * (int)ARRAY_LEN(planted);
    print_message("# %d of %d planted visits found; of %d others %.2f %% called unusual (%.2f %% "
                  "of watched hours), %.2f %% called long\n",
                  found, all, visits, 100.0 * rare / visits, 100.0 * rare_hours / hours,
                  100.0 * long_stays / visits);
    /* The rest were at hours that somebody else had come to by chance not long before. */
    CHECK(found >= 0.93 * all);
    CHECK(rare < 0.02 * visits);
    CHECK(rare_hours < RARE * hours);
    CHECK_NEAR((double)long_stays / visits, RARE, 0.01);
}

static void the_same_year_gives_the_same_bytes(void **state)
{
    (void)state;
    static struct baseline_cell cells[2][KEPT_MAX];
    struct baseline_watch watches[2];
    uint64_t hashes[2];
    int counts[2];
    for (int run = 0; run < 2; run++) {
        AUTO(year_free) struct year year = {.seed = 7};
        live_year(&year);
        counts[run] = baseline_changes(year.baseline, cells[run], KEPT_MAX);
        baseline_watch_state(year.baseline, &watches[run]);
        hashes[run] = year.hash;
        print_message("# %d cells, %zu bytes\n", counts[run], baseline_bytes(year.baseline));
    }
    CHECK_INT(counts[0], counts[1]);
    CHECK(hashes[0] == hashes[1]);
    assert_memory_equal(&watches[0], &watches[1], sizeof watches[0]);
    for (int i = 0; i < counts[0]; i++) {
        const struct baseline_cell *a = &cells[0][i], *b = &cells[1][i];
        CHECK_STR(a->zone, b->zone);
        CHECK(a->hour == b->hour && a->kind == b->kind && a->wall_us == b->wall_us);
        CHECK(a->visits == b->visits && a->dwell_s == b->dwell_s && a->dwell_s2 == b->dwell_s2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_year_is_learned),
        cmocka_unit_test(unusual_hours_are_found_and_usual_ones_left_alone),
        cmocka_unit_test(the_same_year_gives_the_same_bytes),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
