/* Every condition of a rule, alone: once met, once just missed. */
#include "test.h"

#include "risk/rules.h"
#include "risk/stage.h"

#define NOON "2026-11-20T12:00:00+01:00"

/* The stage of all cases: a person 20 s on the lawn, of these 12 s at the door, coming three times
 * as near, in through the gate; a car resting in the driveway; a dog. */
static const struct actor cast[] = {
    {.label = "person", .seconds = 20, .growth = 3, .crosses = 1, AT({LAWN, 20, true}, {DOOR, 12})},
    {.label = "car", .seconds = 40, AT({DRIVE, 40, true})},
    {.label = "dog", .seconds = 5},
};

struct row {
    const char *name;
    struct rule_when when;
    int matches; /* of at most 8 */
};

#define LIST(...)                                                                                  \
    {                                                                                              \
        .count = (int)ARRAY_LEN(((const char *[]){__VA_ARGS__})), .items = { __VA_ARGS__ }         \
    }
#define S(n) ((n)*US_PER_S)

static const struct row rows[] = {
    {"no condition", {.zones = RULE_ZONES_ANY}, 3},
    {"label", {.label = LIST("car", "bus")}, 1},
    {"another label", {.label = LIST("bus")}, 0},
    {"kind", {.kind = LIST("person", "animal")}, 2},
    {"label of another kind", {.label = LIST("car"), .kind = LIST("person")}, 0},
    {"zone kind", {.zone_kind = LIST("yard", "driveway")}, 2},
    {"another zone kind", {.zone_kind = LIST("restricted")}, 0},
    {"never in", {.never_in = LIST("entry")}, 2},
    {"never in any", {.never_in = LIST("entry", "driveway")}, 1},
    {"dwell", {.zone_kind = LIST("entry"), .min_dwell_us = S(12)}, 1},
    {"less dwell", {.zone_kind = LIST("entry"), .min_dwell_us = S(12) + 1}, 0},
    {"short dwell", {.zone_kind = LIST("entry"), .max_dwell_us = S(12)}, 1},
    {"longer dwell", {.zone_kind = LIST("entry"), .max_dwell_us = S(12) - 1}, 0},
    {"left", {.zone_kind = LIST("entry"), .left = true}, 1},
    {"has not left", {.zone_kind = LIST("yard"), .left = true}, 0},
    {"dwell counts per zone", {.zone_kind = LIST("yard", "entry"), .min_dwell_us = S(21)}, 0},
    {"is still there", {.zone_kind = LIST("yard"), .stays = true}, 1},
    {"is there no more", {.zone_kind = LIST("entry"), .stays = true}, 0},
    {"also in", {.zone_kind = LIST("yard"), .also_in = LIST("entry", "sidewalk")}, 1},
    {"not also in", {.zone_kind = LIST("driveway"), .also_in = LIST("entry", "sidewalk")}, 0},
    {"any crossing", {.line = RULE_LINE_ANY}, 1},
    {"in", {.line = RULE_LINE_IN}, 1},
    {"out", {.line = RULE_LINE_OUT}, 0},
    {"growth", {.min_growth = 3}, 1},
    {"less growth", {.min_growth = 3.1}, 0},
    {"duration", {.min_duration_us = S(20)}, 2},
    {"longer", {.min_duration_us = S(41)}, 0},
    {"short", {.max_duration_us = S(5)}, 1},
    {"shorter", {.max_duration_us = S(5) - 1}, 0},
    {"resting", {.stationary = REST_YES}, 1},
    {"not resting", {.stationary = REST_NO}, 2},
    {"zones drawn", {.zones = RULE_ZONES_DRAWN}, 3},
    {"no zones", {.zones = RULE_ZONES_NONE}, 0},
    {"without", {.without = LIST("animal")}, 0},
    {"without what is not there", {.without = LIST("object")}, 3},
    {"with", {.with = LIST("dog")}, 3},
    {"with any of them", {.kind = LIST("person"), .with = LIST("bus", "car")}, 1},
    {"with what is not there", {.with = LIST("bus")}, 0},
    {"count", {.min_count = 3}, 3},
    {"less", {.min_count = 4}, 0},
    {"count of the kind", {.kind = LIST("person"), .min_count = 2}, 0},
    {"every", {.kind = LIST("person"), .line = RULE_LINE_IN, .every = true}, 1},
    {"not every", {.line = RULE_LINE_IN, .every = true}, 0},
    {"alone", {.kind = LIST("person"), .alone = REST_YES}, 1},
    {"in company", {.kind = LIST("person", "animal"), .alone = REST_YES}, 0},
    {"not alone", {.kind = LIST("person", "animal"), .alone = REST_NO}, 2},
    {"together", {.zone_kind = LIST("entry"), .line = RULE_LINE_IN, .min_growth = 2}, 1},
    {"not the same track", {.zone_kind = LIST("driveway"), .line = RULE_LINE_IN}, 0},
    {"any hours", {.hours = HOURS_ANY}, 3},
    {"day", {.hours = HOURS_DAY}, 3},
    {"night", {.hours = HOURS_NIGHT}, 0},
    {"away", {.hours = HOURS_AWAY}, 3},
};

static const struct opt_times midday = {11 * 60, 13 * 60};

static void set_stage(struct stage *stage, const char *time)
{
    stage_open(stage, true, time);
    stage->context.away = midday;
    for (size_t i = 0; i < ARRAY_LEN(cast); i++)
        stage_enter(stage, &cast[i]);
    stage->event->tracks[1].stationary = true;
}

static void conditions(void **state)
{
    (void)state;
    struct stage stage;
    set_stage(&stage, NOON);
    struct facts facts = {stage.event, &stage.context};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rule rule = {.max_times = RULE_TIMES_MAX, .when = rows[i].when};
        struct match matches[RULE_TIMES_MAX];
        int count = rule_match(&rule, &facts, matches);
        if (count != rows[i].matches)
            fail_msg("%s: %d matches, expected %d", rows[i].name, count, rows[i].matches);
    }
    stage_close(&stage);
}

/* -- what the household, the baseline and owners add -- */

struct known_row {
    const char *name;
    struct rule_when when;
    int matches; /* of the cast: a person at the door and on the lawn, a resting car, a dog */
};

#define ALL_ZONES LIST("entry", "yard", "driveway")

static const struct known_row known_rows[] = {
    {"expected", {.expected = EXPECTED_YES}, 1},
    {"a person expected", {.kind = LIST("person"), .expected = EXPECTED_YES}, 1},
    {"not expected", {.expected = EXPECTED_NO}, 1}, /* the car; nobody knows dogs */
    {"expected there", {.zone_kind = LIST("entry"), .expected = EXPECTED_YES}, 1},
    {"every", {.kind = LIST("person"), .expected = EXPECTED_YES, .every = true}, 1},
    {"own", {.zone_kind = ALL_ZONES, .owner = OWNER_OWN}, 1},
    {"of others", {.zone_kind = ALL_ZONES, .owner = OWNER_OTHER}, 1},
    {"of anybody", {.zone_kind = ALL_ZONES}, 2},
    {"of others there", {.zone_kind = LIST("entry"), .owner = OWNER_OTHER}, 0},
    {"never on ours", {.never_in = LIST("driveway")}, 3},
    {"never on ours, but at the door", {.never_in = ALL_ZONES}, 2},
    {"unusual", {.unusual = 0.05}, 1},
    {"less so", {.unusual = 0.049}, 0},
    {"even the usual", {.unusual = 1}, 2},
    {"unusual stay", {.unusual_dwell = 0.2}, 1},
    {"less unusual stay", {.unusual_dwell = 0.19}, 0},
    {"both", {.unusual = 0.05, .unusual_dwell = 0.2}, 0},
};

static void what_is_known_counts(void **state)
{
    (void)state;
    static const struct household household = {
        .count = 3,
        .items = {{"Anna", "person", TRUST_FULL, true, {2, {"front door", "front lawn"}}},
                  {"Ben", "person", TRUST_GUEST, true, {0}},
                  {"van", "car", TRUST_FULL, false, {0}}},
        .owner_count = 1,
        .owners = {{"driveway", "neighbours"}}};
    static const struct usual usual[] = {
        {.known = true, .probability = 0.05, .dwell_s = -1, .dwell_probability = 0.01},
        {.known = true, .probability = 0.5, .dwell_s = 4, .dwell_probability = 0.2},
        {.known = false, .probability = 0, .dwell_s = 4, .dwell_probability = 0},
    };
    struct stage stage;
    set_stage(&stage, NOON);
    stage.context.household = &household;
    stage.context.usual = usual;
    struct facts facts = {stage.event, &stage.context};
    for (size_t i = 0; i < ARRAY_LEN(known_rows); i++) {
        struct rule rule = {.max_times = RULE_TIMES_MAX, .when = known_rows[i].when};
        struct match matches[RULE_TIMES_MAX];
        int count = rule_match(&rule, &facts, matches);
        if (count != known_rows[i].matches)
            fail_msg("%s: %d matches", known_rows[i].name, count);
    }
    CHECK_STR(facts_expected(&facts, 0), "Anna");
    stage_close(&stage);
}

static void without_knowledge_nothing_holds(void **state)
{
    (void)state;
    static const struct rule_when whens[] = {
        {.expected = EXPECTED_YES},
        {.expected = EXPECTED_NO},
        {.unusual = 1},
        {.unusual_dwell = 1},
        {.zone_kind = ALL_ZONES, .owner = OWNER_OTHER},
    };
    struct stage stage;
    set_stage(&stage, NOON);
    struct facts facts = {stage.event, &stage.context};
    for (size_t i = 0; i < ARRAY_LEN(whens); i++) {
        struct rule rule = {.max_times = 1, .when = whens[i]};
        struct match match[RULE_TIMES_MAX];
        CHECK_INT(rule_match(&rule, &facts, match), 0);
    }
    stage_close(&stage);
}

/* One is expected: two at the same time are not, one after the other are. */
static void more_than_are_expected(void **state)
{
    (void)state;
    static const struct household household = {
        .count = 1, .items = {{"Anna", "person", TRUST_FULL, true, {1, {"front door"}}}}};
    struct stage stage;
    stage_open(&stage, true, NULL);
    stage.context.household = &household;
    struct actor actor = {.label = "person", .seconds = 10, AT({DOOR, 5}, {PAVEMENT, 2})};
    struct track *first = stage_enter(&stage, &actor), *second = stage_enter(&stage, &actor);
    struct facts facts = {stage.event, &stage.context};
    CHECK(!facts_expected(&facts, 0));
    second->first.pts_us = first->last.pts_us + 1;
    second->last.pts_us = second->first.pts_us + 5;
    CHECK_STR(facts_expected(&facts, 0), "Anna"); /* the sidewalk is everybody's */
    first->zones[LAWN] = (struct zone_visit){.seen = true, .name = "front lawn"};
    CHECK(!facts_expected(&facts, 0));
    first->zones[LAWN].seen = false;
    CHECK_STR(facts_expected(&facts, 0), "Anna");
    /* Of somebody who is not there now nothing is said while the time is not known. */
    static const struct household away = {.count = 1, .items = {{"Anna", "person", 0, false, {0}}}};
    stage.context.household = &away;
    struct rule rule = {.max_times = 1, .when = {.expected = EXPECTED_NO}};
    struct match match[RULE_TIMES_MAX];
    CHECK_INT(rule_match(&rule, &facts, match), 0);
    first->best.wall_us = stage_wall_us(NOON);
    CHECK_INT(rule_match(&rule, &facts, match), 1);
    /* A guest who may come is somebody, too. */
    static const struct household cleaner = {
        .count = 2,
        .items = {{"Anna", "person", 0, false, {0}}, {"Rosa", "person", TRUST_GUEST, true, {0}}}};
    stage.context.household = &cleaner;
    CHECK_INT(rule_match(&rule, &facts, match), 0);
    CHECK(!facts_expected(&facts, 0));
    rule.when.expected = EXPECTED_GUEST;
    CHECK_INT(rule_match(&rule, &facts, match), 1);
    rule.when.label = (struct opt_list)LIST("dog");
    CHECK_INT(rule_match(&rule, &facts, match), 0);
    rule.when.label.count = 0;
    stage.context.household = &away;
    CHECK_INT(rule_match(&rule, &facts, match), 0);
    stage_close(&stage);
}

static void times_of_day_follow_the_sighting(void **state)
{
    (void)state;
    static const struct {
        const char *time;
        int night, away, day, small, edge, early;
    } cases[] = {
        {"2026-11-20T21:59:59+01:00", 0, 0, 1},
        {"2026-11-20T22:00:00+01:00", 1, 0, 0, 0, 1},
        {"2026-11-20T05:59:59+01:00", 1, 0, 0, 0, 1, 1},
        {"2026-11-20T06:00:00+01:00", 0, 0, 1},
        {"2026-11-20T11:00:00+01:00", 0, 1, 1},
        {"2026-11-20T13:00:00+01:00", 0, 0, 1},
        /* Summer time: 20:30 UTC is 22:30 on the wall; and the two nights it changes in. */
        {"2026-07-01T20:30:00Z", 1, 0, 0, 0, 1},
        {"2026-11-20T20:30:00Z", 0, 0, 1},
        {"2026-03-29T03:59:00Z", 1, 0, 0, 0, 1, 1},
        {"2026-03-29T04:00:00Z", 0, 0, 1},
        {"2026-10-25T04:59:00Z", 1, 0, 0, 0, 1, 1},
        {"2026-10-25T05:00:00Z", 0, 0, 1},
        {"2026-11-20T23:59:59+01:00", 1, 0, 0, 0, 1},
        {"2026-11-20T00:00:00+01:00", 1, 0, 0, 1},
        {"2026-11-20T03:59:59+01:00", 1, 0, 0, 1},
        {"2026-11-20T04:00:00+01:00", 1, 0, 0, 0, 1, 1},
        {NULL, 0, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct stage stage;
        stage_open(&stage, true, cases[i].time);
        stage.context.away = midday;
        struct actor cat = {.label = "cat"};
        stage_enter(&stage, &cat);
        struct facts facts = {stage.event, &stage.context};
        struct match match[RULE_TIMES_MAX];
        const int expected[] = {[HOURS_ANY] = 1,
                                [HOURS_DAY] = cases[i].day,
                                [HOURS_NIGHT] = cases[i].night,
                                [HOURS_SMALL] = cases[i].small,
                                [HOURS_EDGE] = cases[i].edge,
                                [HOURS_EARLY] = cases[i].early,
                                [HOURS_AWAY] = cases[i].away};
        for (int h = HOURS_ANY; h <= HOURS_AWAY; h++) {
            struct rule rule = {.max_times = 1, .when = {.hours = h}};
            if (rule_match(&rule, &facts, match) != expected[h])
                fail_msg("%s: hours %d", cases[i].time ? cases[i].time : "unknown", h);
        }
        stage_close(&stage);
    }
}

static void a_short_night_has_no_small_hours(void **state)
{
    (void)state;
    static const struct {
        struct opt_times night, small;
    } cases[] = {
        {{22 * 60, 6 * 60}, {0, 4 * 60}}, {{0, 0}, {0, 0}},
        {{23 * 60, 3 * 60}, {0, 0}},      {{23 * 60, 3 * 60 + 1}, {60, 61}},
        {{60, 8 * 60}, {3 * 60, 6 * 60}}, {{20 * 60, 30}, {22 * 60, 22 * 60 + 30}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct opt_times small = times_small(&cases[i].night);
        CHECK_INT(small.from_min, cases[i].small.from_min);
        CHECK_INT(small.to_min, cases[i].small.to_min);
    }
}

/* Night falls while a person stands at the door: the evidence is a sighting of the night. */
static void evidence_is_from_within_the_hours(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, true, "2026-11-20T21:59:50+01:00");
    struct actor waiting = {.label = "person", .seconds = 20, AT({DOOR, 18, true})};
    struct actor gone = {.label = "person", .seconds = 15, AT({DOOR, 5})};
    stage_enter(&stage, &gone);
    struct track *track = stage_enter(&stage, &waiting);
    struct facts facts = {stage.event, &stage.context};
    struct rule rule = {.max_times = 8, .when = {.hours = HOURS_NIGHT, .zone_kind = LIST("entry")}};
    struct match match[RULE_TIMES_MAX];
    CHECK_INT(rule_match(&rule, &facts, match), 1);
    CHECK_INT(match[0].track, 1);
    CHECK_INT(match[0].at.pts_us, track->last.pts_us);
    CHECK(times_contain(&stage.context.night, match[0].at.wall_us));
    stage_close(&stage);
}

static void matches_are_sorted_and_capped(void **state)
{
    (void)state;
    static const int dwell_s[] = {3, 9, 5, 9, 1, 7};
    struct stage stage;
    stage_open(&stage, true, NOON);
    for (size_t i = 0; i < ARRAY_LEN(dwell_s); i++) {
        struct actor actor = {.label = "person", .seconds = 10, AT({DOOR, dwell_s[i]})};
        stage_enter(&stage, &actor);
    }
    struct facts facts = {stage.event, &stage.context};
    static const int order[] = {1, 3, 5, 2, 0, 4};
    for (int cap = 1; cap <= 8; cap++) {
        struct rule rule = {.max_times = cap, .when = {.zone_kind = LIST("entry")}};
        struct match match[RULE_TIMES_MAX];
        int count = rule_match(&rule, &facts, match);
        CHECK_INT(count, MIN(cap, 6));
        for (int i = 0; i < count; i++) {
            CHECK_INT(match[i].track, order[i]);
            CHECK_INT(match[i].count, 6);
        }
    }
    stage_close(&stage);
}

static void a_count_is_of_one_moment(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, true, NOON);
    struct actor actor = {.label = "person", .seconds = 10};
    for (int i = 0; i < 3; i++) { /* 0-10, 5-15 and 11-21 s */
        struct track *track = stage_enter(&stage, &actor);
        track->first.pts_us += (int64_t[]){0, 5, 11}[i] * US_PER_S;
        track->last.pts_us += (int64_t[]){0, 5, 11}[i] * US_PER_S;
    }
    struct facts facts = {stage.event, &stage.context};
    struct match match[RULE_TIMES_MAX];
    struct rule rule = {.max_times = 1, .when = {.min_count = 2}};
    CHECK_INT(rule_match(&rule, &facts, match), 1);
    CHECK_INT(match[0].count, 2);
    rule.when.min_count = 3;
    CHECK_INT(rule_match(&rule, &facts, match), 0);
    bool none[EVENT_TRACKS_MAX] = {false}, ends[EVENT_TRACKS_MAX] = {true, false, true};
    CHECK_INT(tracks_together(stage.event, none), 0);
    CHECK_INT(tracks_together(stage.event, ends), 1);
    stage_close(&stage);
}

static void of_equal_stays_the_first_zone_counts(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, true, NOON);
    struct actor actor = {.label = "person", .seconds = 20, AT({DOOR, 6}, {LAWN, 6}, {DRIVE, 2})};
    struct track *track = stage_enter(&stage, &actor);
    struct facts facts = {stage.event, &stage.context};
    struct rule rule = {.max_times = 8, .when = {.zone_kind = LIST("entry", "yard", "driveway")}};
    struct match match[RULE_TIMES_MAX];
    CHECK_INT(rule_match(&rule, &facts, match), 1);
    CHECK(match[0].visit == &track->zones[LAWN]);
    CHECK_INT(match[0].dwell_us, 6 * US_PER_S);
    stage_close(&stage);
}

static void a_zone_no_longer_configured_is_of_no_kind(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, true, NOON);
    stage.zones.count = 1;
    stage_enter(&stage, &cast[0]);
    struct facts facts = {stage.event, &stage.context};
    CHECK_INT(facts_zone_kind(&facts, LAWN), ZONE_YARD);
    CHECK_INT(facts_zone_kind(&facts, DOOR), ZONE_OTHER);
    stage.context.zones = NULL;
    CHECK_INT(facts_zone_kind(&facts, LAWN), ZONE_OTHER);
    stage_close(&stage);
}

static void growth_is_of_height_too(void **state)
{
    (void)state;
    static const struct {
        struct box first, best, last;
        float best_score;
        double growth;
        bool at_best;
    } cases[] = {
        {{0, 0, .1f, .2f}, {0, 0, .2f, .4f}, {0, 0, .1f, .2f}, .8f, 4, true},
        {{0, 0, .1f, .2f}, {0, 0, .2f, .4f}, {0, 0, .1f, .2f}, 0, 1, false},   /* no best yet */
        {{0, 0, .1f, .4f}, {0, 0, .2f, .4f}, {0, 0, .2f, .4f}, .8f, 1, false}, /* steps in */
        {{0, 0, .1f, .2f}, {0, 0, .1f, .2f}, {0, 0, .2f, .4f}, .8f, 4, false},
        {{0, 0, 0, 0}, {0, 0, .1f, .2f}, {0, 0, .2f, .4f}, .8f, 0, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct track track = {.first = {.pts_us = 1, .box = cases[i].first},
                              .best = {2, 0, cases[i].best, cases[i].best_score},
                              .last = {.pts_us = 3, .box = cases[i].last}};
        struct sighting at;
        CHECK_NEAR(track_growth(&track, &at), cases[i].growth, 0.01);
        CHECK_INT(at.pts_us, cases[i].at_best ? 2 : 3);
    }
}

static int in_berlin(void **state)
{
    (void)state;
    stage_timezone();
    return 0;
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions),
        cmocka_unit_test(what_is_known_counts),
        cmocka_unit_test(without_knowledge_nothing_holds),
        cmocka_unit_test(more_than_are_expected),
        cmocka_unit_test(times_of_day_follow_the_sighting),
        cmocka_unit_test(a_short_night_has_no_small_hours),
        cmocka_unit_test(evidence_is_from_within_the_hours),
        cmocka_unit_test(matches_are_sorted_and_capped),
        cmocka_unit_test(a_count_is_of_one_moment),
        cmocka_unit_test(of_equal_stays_the_first_zone_counts),
        cmocka_unit_test(a_zone_no_longer_configured_is_of_no_kind),
        cmocka_unit_test(growth_is_of_height_too),
    };
    return cmocka_run_group_tests(tests, in_berlin, NULL);
}
