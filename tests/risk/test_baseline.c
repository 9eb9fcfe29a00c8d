#include "risk/baseline.h"

#include "base/clock.h"
#include "test.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

#define HOUR_US (3600 * US_PER_S)
#define DAY_US  (24 * HOUR_US)
#define WEEK_US (7 * DAY_US)

static const struct baseline_conf usual_conf = {true, 56 * DAY_US, 3};

static int setup(void **state)
{
    (void)state;
    setenv("TZ", "Europe/Berlin", 1);
    tzset();
    return 0;
}

static int64_t at(const char *text)
{
    int64_t wall_us = 0;
    CHECK(time_parse(text, &wall_us));
    return wall_us;
}

/* -- events -- */

static struct event *quiet_event(int64_t wall_us)
{
    static int number;
    struct event *event = event_new();
    event->state = EVENT_CLOSED;
    event->wall_start_us = wall_us;
    number++;
    memcpy(event->id.bytes, &number, sizeof number);
    return event;
}

/* A track that comes at wall_us and stays; zone NULL: in none. */
static struct track *add_track(struct event *event, const char *label, const char *zone,
                               int64_t wall_us, double stay_s)
{
    struct track *track = &event->tracks[event->track_count++];
    track->id.bytes[0] = (uint8_t)event->track_count;
    memcpy(track->id.bytes + 1, event->id.bytes, 8);
    STR_COPY(track->label, label);
    int64_t stay_us = (int64_t)(stay_s * (double)US_PER_S);
    track->first = (struct sighting){.pts_us = 0, .wall_us = wall_us};
    track->last = (struct sighting){.pts_us = stay_us, .wall_us = wall_us + stay_us};
    if (zone) {
        track->zones[0] = (struct zone_visit){
            .seen = true, .dwell_us = stay_us, .entered = track->first};
        STR_COPY(track->zones[0].name, zone);
    }
    return track;
}

static void learn_one(struct baseline *baseline, const char *label, const char *zone,
                      int64_t wall_us, double stay_s)
{
    AUTO(event_unref) struct event *event = quiet_event(wall_us);
    add_track(event, label, zone, wall_us, stay_s);
    baseline_learn(baseline, event);
}

static struct usual usual_of(const struct baseline *baseline, const char *label, const char *zone,
                             int64_t wall_us, double stay_s)
{
    AUTO(event_unref) struct event *event = quiet_event(wall_us);
    add_track(event, label, zone, wall_us, stay_s);
    struct usual usual;
    baseline_usual(baseline, event, 0, &usual);
    return usual;
}

/* -- all of a baseline, as a store would have it -- */

struct copy {
    struct baseline_watch watch;
    struct baseline_cell *cells;
    int count;
};

static void copy_free(struct copy *copy)
{
    free(copy->cells);
}

static bool is_same_cell(const struct baseline_cell *a, const struct baseline_cell *b)
{
    return a->kind == b->kind && a->hour == b->hour && strcmp(a->zone, b->zone) == 0;
}

static void copy_put(struct copy *copy, const struct baseline_cell *cell)
{
    int i = 0;
    while (i < copy->count && !is_same_cell(&copy->cells[i], cell))
        i++;
    if (i == copy->count)
        copy->cells = xrealloc(copy->cells, (size_t)++copy->count, sizeof *copy->cells);
    copy->cells[i] = *cell;
    if (cell->visits <= 0)
        copy->cells[i] = copy->cells[--copy->count];
}

/* max: how many at a time. */
static void copy_take(struct copy *copy, struct baseline *baseline, int max)
{
    AUTO(free_ptr) struct baseline_cell *cells = xcalloc((size_t)max, sizeof *cells);
    int count;
    while ((count = baseline_changes(baseline, cells, max)) > 0)
        for (int i = 0; i < count; i++)
            copy_put(copy, &cells[i]);
    baseline_watch_state(baseline, &copy->watch);
}

static const struct baseline_cell *copy_cell(const struct copy *copy, const char *zone, int kind,
                                             int hour)
{
    struct baseline_cell key = {.kind = kind, .hour = hour};
    STR_COPY(key.zone, zone);
    for (int i = 0; i < copy->count; i++)
        if (is_same_cell(&copy->cells[i], &key))
            return &copy->cells[i];
    return NULL;
}

static double visits_of(const struct copy *copy, const char *zone, int kind, int hour)
{
    const struct baseline_cell *cell = copy_cell(copy, zone, kind, hour);
    return cell ? cell->visits : 0;
}

/* -- options -- */

static void options_have_reachable_weeks(void **state)
{
    (void)state;
    struct baseline_conf conf;
    opt_defaults(&baseline_section, &conf);
    CHECK(conf.enabled);
    CHECK_INT(conf.half_life_us, 56 * DAY_US);
    CHECK_NEAR(conf.min_weeks, 3, 0);
    const char *where = NULL;
    struct err err = {0};
    CHECK(baseline_section.check(&conf, &where, &err));
    conf.half_life_us = 7 * DAY_US; /* every week adds half of the one before: 2 in all */
    CHECK(!baseline_section.check(&conf, &where, &err));
    CHECK_STR(where, "min_weeks");
    CHECK_CONTAINS(err.hint, "at most 1");
}

/* -- hours -- */

static void an_hour_counts_as_often_as_it_is_lived(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
        int hour;
        double hours;
    } rows[] = {
        {"2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00", 6 * 24 + 2, 2},
        {"2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00", 6 * 24 + 3, 1},
        {"2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00", 6 * 24 + 23, 1},
        {"2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00", 6 * 24 + 1, 1},
        {"2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00", 6 * 24 + 2, 0},
        {"2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00", 6 * 24 + 3, 1},
        {"2026-06-15T07:15:00+02:00", "2026-06-15T09:20:00+02:00", 7, 0.75},
        {"2026-06-15T07:15:00+02:00", "2026-06-15T09:20:00+02:00", 8, 1},
        {"2026-06-15T07:15:00+02:00", "2026-06-15T09:20:00+02:00", 9, 1 / 3.0},
        {"2026-06-21T23:30:00+02:00", "2026-06-22T00:30:00+02:00", 6 * 24 + 23, 0.5},
        {"2026-06-21T23:30:00+02:00", "2026-06-22T00:30:00+02:00", 0, 0.5},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct baseline_conf conf = usual_conf;
        conf.half_life_us = 10000 * DAY_US;
        AUTO(baseline_free) struct baseline *baseline = baseline_new(&conf);
        baseline_watched(baseline, at(rows[i].from), at(rows[i].to));
        struct baseline_watch watch;
        baseline_watch_state(baseline, &watch);
        CHECK_NEAR(watch.hours[rows[i].hour], rows[i].hours, 1e-3);
    }
}

static void watching_in_pieces_is_watching(void **state)
{
    (void)state;
    AUTO(baseline_free) struct baseline *whole = baseline_new(&usual_conf);
    AUTO(baseline_free) struct baseline *pieces = baseline_new(&usual_conf);
    int64_t from_us = at("2026-02-01T00:00:00+01:00"), to_us = from_us + 100 * DAY_US;
    baseline_watched(whole, from_us, to_us);
    for (int64_t t = from_us; t < to_us; t += 10 * 60 * US_PER_S)
        baseline_watched(pieces, t, t + 10 * 60 * US_PER_S);
    struct baseline_watch a, b;
    baseline_watch_state(whole, &a);
    baseline_watch_state(pieces, &b);
    for (int h = 0; h < BASELINE_HOURS; h++)
        CHECK_NEAR(a.hours[h], b.hours[h], 1e-6 * a.hours[h]);
    CHECK_NEAR(a.hour_watched, b.hour_watched, 1e-9);
    baseline_watched(whole, to_us, to_us - HOUR_US); /* the wrong way round: nothing */
    baseline_watched(whole, TIME_UNKNOWN, to_us);
    baseline_watch_state(whole, &b);
    assert_memory_equal(&a, &b, sizeof a);
}

/* -- learning -- */

static void counts_each_zone_once_and_the_camera(void **state)
{
    (void)state;
    AUTO(baseline_free) struct baseline *baseline = baseline_new(&usual_conf);
    int64_t noon_us = at("2026-06-17T12:10:00+02:00"); /* Wednesday */
    int hour = 2 * 24 + 12;
    AUTO(event_unref) struct event *first = quiet_event(noon_us);
    struct track *track = add_track(first, "person", "lawn", noon_us, 30);
    add_track(first, "car", NULL, noon_us, 80);
    baseline_learn(baseline, first);

    /* The same person goes on in the next window, there and at the door, with a second one. */
    AUTO(event_unref) struct event *second = quiet_event(noon_us + 90 * US_PER_S);
    second->continues = first->id;
    struct track *carried = add_track(second, "person", "lawn", second->wall_start_us, 30);
    carried->id = track->id;
    carried->zones[3] = carried->zones[0];
    STR_COPY(carried->zones[3].name, "door");
    add_track(second, "person", "lawn", second->wall_start_us, 10);
    struct usual usual;
    baseline_usual(baseline, second, 0, &usual);
    baseline_learn(baseline, second);

    AUTO(copy_free) struct copy copy = {0};
    copy_take(&copy, baseline, 3);
    CHECK_NEAR(visits_of(&copy, "", KIND_PERSON, hour), 2, 1e-4);
    CHECK_NEAR(visits_of(&copy, "lawn", KIND_PERSON, hour), 2, 1e-4);
    CHECK_NEAR(visits_of(&copy, "door", KIND_PERSON, hour), 1, 1e-4);
    CHECK_NEAR(visits_of(&copy, "", KIND_VEHICLE, hour), 1, 1e-4);
    CHECK_INT(copy.count, 4);
    CHECK_NEAR(copy_cell(&copy, "lawn", KIND_PERSON, hour)->dwell_s, 40, 1e-3);
    CHECK_NEAR(copy_cell(&copy, "lawn", KIND_PERSON, hour)->dwell_s2, 1000, 1e-1);
    CHECK_INT(copy_cell(&copy, "lawn", KIND_PERSON, hour)->hour_visits, 2);

    /* An event that continues some other one counts anew; one without a time counts nothing. */
    baseline_learn(baseline, second);
    AUTO(event_unref) struct event *timeless = quiet_event(TIME_UNKNOWN);
    add_track(timeless, "person", "lawn", TIME_UNKNOWN, 10);
    baseline_learn(baseline, timeless);
    copy_take(&copy, baseline, 100);
    CHECK_NEAR(visits_of(&copy, "lawn", KIND_PERSON, hour), 4, 1e-4);
    CHECK_INT(copy.count, 4);
}

static void off_means_off(void **state)
{
    (void)state;
    struct baseline_conf conf = usual_conf;
    conf.enabled = false;
    AUTO(baseline_free) struct baseline *baseline = baseline_new(&conf);
    int64_t now_us = at("2026-06-17T12:10:00+02:00");
    baseline_watched(baseline, now_us - 30 * WEEK_US, now_us);
    learn_one(baseline, "person", "lawn", now_us, 3);
    AUTO(copy_free) struct copy copy = {0};
    copy_take(&copy, baseline, 10);
    CHECK_INT(copy.count, 0);
    CHECK(!usual_of(baseline, "person", "lawn", now_us, 3).known);
}

static void forgets_by_half(void **state)
{
    (void)state;
    AUTO(baseline_free) struct baseline *baseline = baseline_new(&usual_conf);
    int64_t then_us = at("2026-01-07T12:10:00+01:00"), now_us = then_us + 56 * DAY_US;
    for (int i = 0; i < 8; i++)
        learn_one(baseline, "dog", NULL, then_us, 10);
    baseline_watched(baseline, then_us, now_us);
    learn_one(baseline, "dog", NULL, now_us, 10);
    AUTO(copy_free) struct copy copy = {0};
    copy_take(&copy, baseline, 10);
    CHECK_NEAR(visits_of(&copy, "", KIND_ANIMAL, 60), 5, 1e-9);
    /* What arrives late weighs what it would weigh had it come in time. */
    learn_one(baseline, "dog", NULL, now_us - HOUR_US / 10, 10);
    copy_take(&copy, baseline, 10);
    CHECK_NEAR(visits_of(&copy, "", KIND_ANIMAL, 60), 5 + exp2(-0.1 / (56 * 24)), 1e-9);
}

/* -- clocks -- */

/* Watched for so many whole weeks until then, with visits at the beginning of each. */
static struct baseline *weekly_baseline(int64_t until_us, int weeks, const char *zone, int visits)
{
    struct baseline *baseline = baseline_new(&usual_conf);
    for (int64_t t = until_us - weeks * WEEK_US; t < until_us; t += WEEK_US) {
        for (int i = 0; i < visits; i++)
            learn_one(baseline, "person", zone, t, 5);
        baseline_watched(baseline, t, t + WEEK_US);
    }
    return baseline;
}

static void watch_by_minutes(struct baseline *baseline, int64_t from_us, int64_t span_us)
{
    int64_t minute_us = 60 * US_PER_S;
    for (int64_t t = from_us; t < from_us + span_us; t += minute_us)
        baseline_watched(baseline, t, t + minute_us);
}

static double all_hours(const struct baseline *baseline)
{
    struct baseline_watch watch;
    double sum = 0;
    baseline_watch_state(baseline, &watch);
    for (int h = 0; h < BASELINE_HOURS; h++)
        sum += watch.hours[h];
    return sum;
}

/* A machine that starts without knowing the time, an old clip, a clock that was set wrong. */
static void a_clock_that_is_wrong_for_a_minute_does_nothing(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "1970-01-01T00:00:40Z",      "2000-01-01T00:00:00Z", "2026-04-07T10:00:00+02:00",
        "2026-05-07T12:10:00+02:00", "2036-01-01T00:00:00Z", "9999-01-01T00:00:00Z",
    };
    int64_t now_us = at("2026-04-08T12:10:00+02:00");
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        AUTO(baseline_free) struct baseline *told = weekly_baseline(now_us, 20, "door", 1);
        AUTO(baseline_free) struct baseline *spared = weekly_baseline(now_us, 20, "door", 1);
        int64_t wrong_us = at(wrong[i]);
        for (int times = 0; times < 3; times++) {
            watch_by_minutes(told, wrong_us, 60 * US_PER_S);
            learn_one(told, "person", "door", wrong_us, 5);
            CHECK(!usual_of(told, "person", "door", wrong_us, 5).known);
            watch_by_minutes(told, now_us, HOUR_US);
            watch_by_minutes(spared, now_us, HOUR_US);
        }
        struct baseline_watch a, b;
        baseline_watch_state(told, &a);
        baseline_watch_state(spared, &b);
        assert_memory_equal(&a, &b, sizeof a);
        struct usual x = usual_of(told, "person", "door", now_us + HOUR_US, 5);
        struct usual y = usual_of(spared, "person", "door", now_us + HOUR_US, 5);
        CHECK(x.known && x.weeks == y.weeks && x.probability == y.probability);
    }
}

/* And through the store, where a reading at the start must not do any harm either. */
static void a_clock_that_is_wrong_at_the_start_does_nothing(void **state)
{
    (void)state;
    int64_t now_us = at("2026-04-08T12:10:00+02:00");
    AUTO(baseline_free) struct baseline *before = weekly_baseline(now_us, 20, "door", 1);
    AUTO(copy_free) struct copy copy = {0};
    copy_take(&copy, before, 1000);
    AUTO(baseline_free) struct baseline *after = baseline_new(&usual_conf);
    CHECK_INT(baseline_load(after, &copy.watch, copy.cells, copy.count), 0);
    watch_by_minutes(after, at("2000-01-01T00:00:00Z"), 5 * 60 * US_PER_S);
    CHECK_INT(baseline_changes(after, copy.cells, 1), 0);
    watch_by_minutes(after, now_us, 60 * US_PER_S);
    CHECK_NEAR(all_hours(after), all_hours(before), 0.02);
}

/* A clock that stays elsewhere is believed in the end: nothing is lost on the way back in time, and
 * at most four weeks on the way on. */
static void a_clock_that_stays_is_believed(void **state)
{
    (void)state;
    static const struct {
        const char *there;
        double keep;
    } rows[] = {
        {"2000-01-01T00:00:00Z", 1},
        {"2026-04-01T12:00:00Z", 1},
        {"2026-05-13T12:10:00+02:00", 0.7071},
        {"2036-01-01T00:00:00Z", 0.7071},
    };
    int64_t now_us = at("2026-04-08T12:10:00+02:00");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(baseline_free) struct baseline *baseline = weekly_baseline(now_us, 20, "door", 1);
        AUTO(copy_free) struct copy copy = {0};
        copy_take(&copy, baseline, 1000);
        double hours = all_hours(baseline), visits = visits_of(&copy, "door", KIND_PERSON, 60);
        int64_t there_us = at(rows[i].there);
        watch_by_minutes(baseline, there_us, 5 * HOUR_US);
        CHECK_NEAR(all_hours(baseline), hours, 0);
        watch_by_minutes(baseline, there_us + 5 * HOUR_US, 3 * HOUR_US);
        CHECK_NEAR(all_hours(baseline), rows[i].keep * hours + 2, 2);
        learn_one(baseline, "person", "gate", there_us + 8 * HOUR_US, 5);
        copy_take(&copy, baseline, 1000);
        /* The cell had not been seen for a week; two hours of the day, before summer and in it. */
        CHECK_NEAR(visits_of(&copy, "door", KIND_PERSON, 60), visits * rows[i].keep * 0.917, 0.05);
        CHECK_INT(copy.count, 6);

        /* And set right again. */
        hours = all_hours(baseline);
        watch_by_minutes(baseline, now_us, 8 * HOUR_US);
        double weeks = (double)(now_us - there_us) / (double)WEEK_US;
        CHECK_NEAR(all_hours(baseline), hours * exp2(-CLAMP(weeks, 0, 4) / 8), 9);
        CHECK(usual_of(baseline, "person", "door", now_us + 8 * HOUR_US, 5).known);
    }
}

static void a_few_old_clips_are_no_clock(void **state)
{
    (void)state;
    int64_t now_us = at("2026-04-08T12:10:00+02:00"), then_us = now_us - 300 * DAY_US;
    AUTO(baseline_free) struct baseline *baseline = weekly_baseline(now_us, 20, "door", 1);
    double hours = all_hours(baseline);
    AUTO(copy_free) struct copy copy = {0};
    copy_take(&copy, baseline, 1000);
    double visits = visits_of(&copy, "door", KIND_PERSON, 60);
    for (int clip = 0; clip < 5; clip++)
        learn_one(baseline, "person", "door", then_us + clip * DAY_US, 5);
    learn_one(baseline, "person", "door", now_us, 5);
    copy_take(&copy, baseline, 1000);
    CHECK_NEAR(visits_of(&copy, "door", KIND_PERSON, 60), visits * 0.917 + 1, 0.01);
    CHECK_NEAR(copy.watch.wall_us, now_us, 0);
    CHECK_NEAR(all_hours(baseline), hours, 0);
    /* Time off is no other age. */
    baseline_watched(baseline, now_us + 27 * DAY_US, now_us + 27 * DAY_US + HOUR_US);
    CHECK_NEAR(all_hours(baseline), hours * 0.716 + 1, 1);
}

/* -- judging -- */

/* Watched for so many whole weeks until then. */
static struct baseline *watched_baseline(int64_t until_us, double weeks)
{
    struct baseline *baseline = baseline_new(&usual_conf);
    baseline_watched(baseline, until_us - (int64_t)(weeks * (double)WEEK_US), until_us);
    return baseline;
}

static void says_nothing_before_it_has_seen_enough(void **state)
{
    (void)state;
    int64_t now_us = at("2026-06-17T03:10:00+02:00");
    static const struct {
        double weeks;
        bool known;
    } rows[] = {{0, false}, {1, false}, {2.9, false}, {3.1, false}, {3.5, true}, {10, true}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(baseline_free) struct baseline *baseline = watched_baseline(now_us, rows[i].weeks);
        struct usual usual = usual_of(baseline, "person", "door", now_us, 5);
        if (rows[i].known && usual.weeks >= usual_conf.min_weeks)
            CHECK(usual.known && usual.probability < 0.01);
        CHECK_INT(usual.known, usual.weeks >= usual_conf.min_weeks);
        CHECK_NEAR(usual.weeks, rows[i].weeks, 1 + rows[i].weeks * 0.3);
        CHECK(!usual_of(baseline, "person", "door", TIME_UNKNOWN, 5).known);
    }
}

/* Negative binomial tail by its definition, from the gamma function. */
static double tail(int count, double mean, double shape)
{
    double below = 0, q = mean / (mean + shape);
    for (int n = 0; n < count; n++)
        below += exp(lgamma(n + shape) - lgamma(shape) - lgamma(n + 1.0) + n * log(q) +
                     shape * log1p(-q));
    return 1 - below;
}

static void the_more_come_the_less_likely(void **state)
{
    (void)state;
    int64_t noon_us = at("2026-10-14T12:10:00+02:00");
    struct baseline_conf conf = usual_conf;
    conf.half_life_us = 3000 * DAY_US;
    AUTO(baseline_free) struct baseline *baseline = baseline_new(&conf);
    int64_t begin_us = noon_us - 20 * WEEK_US;
    baseline_watched(baseline, begin_us - 10 * 60 * US_PER_S, begin_us);
    for (int64_t t = begin_us; t < noon_us; t += WEEK_US) {
        for (int n = 0; n < 2; n++)
            learn_one(baseline, "person", "door", t, 5);
        baseline_watched(baseline, t, t + WEEK_US);
    }
    /* 20 hours watched, with 40 visits; the hours around it, and other days, with none. */
    double days = 0.5 / (6 * 40 + 1), near = days / (20 + 1), shape = 40 + 0.75 * near + 0.5 * days;
    double mean = shape / (20 + 1.25);
    double last = 1;
    for (int n = 1; n <= 40; n++) {
        struct usual usual = usual_of(baseline, "person", "door", noon_us + n * US_PER_S, 5);
        CHECK_INT(usual.hour, 60);
        CHECK_STR(usual.zone, "door");
        CHECK_NEAR(usual.per_hour, mean, 0.03);
        double expected = tail(n, usual.per_hour, 1 / (1 / shape + 0.25));
        CHECK_NEAR(usual.probability, expected, 0.03 * expected + 1e-12);
        CHECK(usual.probability < last);
        last = usual.probability;
        learn_one(baseline, "person", "door", noon_us + n * US_PER_S, 5);
    }
    CHECK(last > 0 && last < 1e-8);
    /* In the next hour they are not held against anybody. */
    CHECK(usual_of(baseline, "person", "door", noon_us + 50 * 60 * US_PER_S, 5).probability > 0.02);
}

static void those_of_one_event_count_one_after_another(void **state)
{
    (void)state;
    int64_t night_us = at("2026-06-17T03:10:00+02:00");
    AUTO(baseline_free) struct baseline *baseline = watched_baseline(night_us, 20);
    AUTO(event_unref) struct event *event = quiet_event(night_us);
    for (int i = 0; i < 3; i++)
        add_track(event, "person", "lawn", night_us + i * US_PER_S, 20);
    add_track(event, "cat", "lawn", night_us, 20);
    double last = 1;
    for (int i = 0; i < 3; i++) {
        struct usual usual;
        baseline_usual(baseline, event, i, &usual);
        CHECK(usual.probability < last / 2);
        last = usual.probability;
    }
    struct usual cat, twin, first;
    baseline_usual(baseline, event, 3, &cat);
    CHECK(cat.probability > last * 10);
    /* Of two that come at once, one is the second. */
    add_track(event, "car", "lawn", night_us, 20);
    add_track(event, "truck", "lawn", night_us, 20);
    baseline_usual(baseline, event, 4, &first);
    baseline_usual(baseline, event, 5, &twin);
    CHECK(first.probability == cat.probability);
    CHECK(twin.probability < first.probability / 2);
}

static void the_running_hour_changes_nothing(void **state)
{
    (void)state;
    int64_t noon_us = at("2026-06-17T12:00:00+02:00");
    AUTO(baseline_free) struct baseline *baseline = weekly_baseline(noon_us, 5, "door", 1);
    struct usual before = usual_of(baseline, "person", "door", noon_us + 3000 * US_PER_S, 5);
    baseline_watched(baseline, noon_us, noon_us + 3000 * US_PER_S);
    learn_one(baseline, "person", "door", noon_us + US_PER_S, 5);
    struct usual after = usual_of(baseline, "person", "door", noon_us + 3000 * US_PER_S, 5);
    CHECK_NEAR(after.per_hour, before.per_hour, 1e-3);
    CHECK(after.probability < before.probability * 0.7);
}

static void neighbours_and_other_days_help(void **state)
{
    (void)state;
    int64_t noon_us = at("2026-06-17T12:10:00+02:00");
    AUTO(baseline_free) struct baseline *baseline = weekly_baseline(noon_us, 10, NULL, 1);
    double same = usual_of(baseline, "person", NULL, noon_us, 5).probability;
    double next = usual_of(baseline, "person", NULL, noon_us + HOUR_US, 5).probability;
    double day = usual_of(baseline, "person", NULL, noon_us + DAY_US, 5).probability;
    double far = usual_of(baseline, "person", NULL, noon_us + 6 * HOUR_US, 5).probability;
    double other = usual_of(baseline, "car", NULL, noon_us, 5).probability;
    CHECK(same > 0.4);
    CHECK(next > 4 * day && next < same / 4);
    CHECK(day > 2 * far);
    CHECK(far < 0.005);
    CHECK(other < 0.005);
}

static void the_least_likely_place_speaks(void **state)
{
    (void)state;
    int64_t noon_us = at("2026-06-17T12:10:00+02:00");
    AUTO(baseline_free) struct baseline *baseline = weekly_baseline(noon_us, 10, "path", 1);
    AUTO(event_unref) struct event *event = quiet_event(noon_us);
    struct track *track = add_track(event, "person", "path", noon_us, 5);
    struct usual usual;
    baseline_usual(baseline, event, 0, &usual);
    CHECK_STR(usual.zone, "path");
    track->zones[7] = track->zones[0];
    STR_COPY(track->zones[7].name, "shed");
    baseline_usual(baseline, event, 0, &usual);
    CHECK_STR(usual.zone, "shed");
    CHECK(usual.probability < 0.01);
}

static void long_stays_are_told_from_short_ones(void **state)
{
    (void)state;
    int64_t noon_us = at("2026-10-14T12:10:00+02:00");
    AUTO(baseline_free) struct baseline *baseline = baseline_new(&usual_conf);
    static const double stays_s[] = {6, 7, 8, 8, 9, 10, 10, 12, 14, 20};
    CHECK_NEAR(usual_of(baseline, "person", "door", noon_us, 60).dwell_s, -1, 0);
    CHECK_NEAR(usual_of(baseline, "person", "door", noon_us, 60).dwell_probability, 1, 0);
    for (int week = 20; week >= 1; week--) {
        int64_t then_us = noon_us - week * WEEK_US;
        learn_one(baseline, "person", "door", then_us, stays_s[week % ARRAY_LEN(stays_s)]);
        baseline_watched(baseline, then_us, then_us + WEEK_US);
    }
    CHECK_NEAR(usual_of(baseline, "person", "door", noon_us, 60).dwell_s, 10.4, 1);
    static const struct {
        double stay_s, low, high;
    } rows[] = {
        {0, 1, 1}, {3, 0.98, 1}, {9, 0.4, 0.75}, {20, 0.005, 0.12}, {48, 0, 1e-3}, {90, 0, 1e-6},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        double p = usual_of(baseline, "person", "door", noon_us, rows[i].stay_s).dwell_probability;
        if (!(p >= rows[i].low && p <= rows[i].high))
            fail_msg("a stay of %g s has %g", rows[i].stay_s, p);
    }
}

/* -- keeping -- */

static void a_store_has_what_memory_has(void **state)
{
    (void)state;
    AUTO(baseline_free) struct baseline *baseline = baseline_new(&usual_conf);
    AUTO(copy_free) struct copy copy = {0};
    int64_t start_us = at("2026-06-15T00:10:00+02:00");
    /* More zones than there is room for: the oldest give way, and the store is told. */
    for (int zone = 0; zone < 200; zone++) {
        char name[OPT_NAME_BYTES];
        snprintf(name, sizeof name, "zone %d", zone);
        for (int h = 0; h < BASELINE_HOURS; h += 1 + zone % 3)
            learn_one(baseline, "car", name, start_us + zone * WEEK_US + h * HOUR_US, 5);
        if (zone % 50 == 49)
            copy_take(&copy, baseline, 1000);
    }
    copy_take(&copy, baseline, 1000);
    CHECK(copy.count > BASELINE_CELLS_MAX * 9 / 10 && copy.count <= BASELINE_CELLS_MAX);
    CHECK_NEAR(visits_of(&copy, "zone 0", KIND_VEHICLE, 10), 0, 0);
    CHECK(visits_of(&copy, "zone 199", KIND_VEHICLE, 10) > 0.5);
    CHECK(baseline_bytes(baseline) < 2 << 20);

    AUTO(baseline_free) struct baseline *again = baseline_new(&usual_conf);
    CHECK_INT(baseline_load(again, &copy.watch, copy.cells, copy.count), 0);
    CHECK_INT(baseline_changes(again, copy.cells, 1), 0);
    for (int zone = 0; zone < 200; zone++) {
        char name[OPT_NAME_BYTES];
        snprintf(name, sizeof name, "zone %d", zone);
        for (int h = 0; h < BASELINE_HOURS; h += 7) {
            int64_t wall_us = start_us + 200 * WEEK_US + h * HOUR_US;
            struct usual a = usual_of(baseline, "car", name, wall_us, 9);
            struct usual b = usual_of(again, "car", name, wall_us, 9);
            CHECK(a.known == b.known && a.weeks == b.weeks && a.per_hour == b.per_hour);
            CHECK(a.probability == b.probability && a.dwell_s == b.dwell_s);
            CHECK(a.dwell_probability == b.dwell_probability);
        }
    }
}

static void nonsense_is_left_out(void **state)
{
    (void)state;
    static const struct baseline_cell good = {"door", KIND_PERSON, 5, 2, 10, 60, 1000, 900, 1};
    struct baseline_cell cells[12];
    for (size_t i = 0; i < ARRAY_LEN(cells); i++)
        cells[i] = good;
    cells[1].kind = KIND_COUNT;
    cells[2].kind = -1;
    cells[3].hour = BASELINE_HOURS;
    cells[4].hour = -1;
    cells[5].visits = NAN;
    cells[6].visits = -1;
    cells[7].dwell_s = INFINITY;
    memset(cells[8].zone, 'x', sizeof cells[8].zone);
    cells[9].hour_visits = -7;
    cells[10].wall_us = TIME_UNKNOWN;
    /* cells[11] is the first one again. */
    struct baseline_watch watch = {.hours = {[3] = NAN}};
    AUTO(baseline_free) struct baseline *baseline = baseline_new(&usual_conf);
    CHECK_INT(baseline_load(baseline, &watch, cells, ARRAY_LEN(cells)), 12);
    struct baseline_watch kept;
    baseline_watch_state(baseline, &kept);
    CHECK_NEAR(kept.hours[3], 0, 0);
    watch.hours[3] = 4;
    AUTO(baseline_free) struct baseline *other = baseline_new(&usual_conf);
    CHECK_INT(baseline_load(other, &watch, cells, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_have_reachable_weeks),
        cmocka_unit_test(an_hour_counts_as_often_as_it_is_lived),
        cmocka_unit_test(watching_in_pieces_is_watching),
        cmocka_unit_test(counts_each_zone_once_and_the_camera),
        cmocka_unit_test(off_means_off),
        cmocka_unit_test(forgets_by_half),
        cmocka_unit_test(a_clock_that_is_wrong_for_a_minute_does_nothing),
        cmocka_unit_test(a_clock_that_is_wrong_at_the_start_does_nothing),
        cmocka_unit_test(a_clock_that_stays_is_believed),
        cmocka_unit_test(a_few_old_clips_are_no_clock),
        cmocka_unit_test(says_nothing_before_it_has_seen_enough),
        cmocka_unit_test(the_more_come_the_less_likely),
        cmocka_unit_test(those_of_one_event_count_one_after_another),
        cmocka_unit_test(the_running_hour_changes_nothing),
        cmocka_unit_test(neighbours_and_other_days_help),
        cmocka_unit_test(the_least_likely_place_speaks),
        cmocka_unit_test(long_stays_are_told_from_short_ones),
        cmocka_unit_test(a_store_has_what_memory_has),
        cmocka_unit_test(nonsense_is_left_out),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
