/* The built-in rules on a home's everyday scenes: the table of docs/design/risk.md. */
#include "test.h"

#include "risk/rules.h"
#include "risk/stage.h"
#include "risk/window.h"

#define DAY     "2026-11-20T14:00:00+01:00"
#define EVENING "2026-11-20T23:10:00+01:00"
#define NIGHT   "2026-11-20T03:12:00+01:00"

struct row {
    const char *facts;
    const char *time; /* NULL: unknown */
    bool unzoned, away;
    struct actor actors[4];
    int score;
    const char *level;
    const char *reasons; /* rules in order */
    const char *summary;
    const struct household *household;
    const struct usual *usual; /* of four tracks */
};

static const struct household at_home = {.count = 3,
                                         .items = {{"Anna", "person", TRUST_FULL, true, {0}},
                                                   {"Ben", "person", TRUST_FULL, true, {0}},
                                                   {"van", "car", TRUST_FULL, true, {0}}}};
static const struct household all_out = {
    .count = 2,
    .items = {{"Anna", "person", TRUST_FULL, false, {0}}, {"van", "car", TRUST_FULL, false, {0}}}};
static const struct household shared_drive = {.owner_count = 1,
                                              .owners = {{"driveway", "neighbours"}}};
static const struct usual rare[4] = {{true, "front lawn", 3, 0.01, 11, 0.01, 5, 0.01}};
static const struct usual common[4] = {{true, "front lawn", 3, 2, 11, 0.9, 5, 0.5}};

#define PERSON(s, g, ...)                                                                          \
    {                                                                                              \
        .label = "person", .seconds = (s), .growth = (g), AT(__VA_ARGS__)                          \
    }
#define THING(l, s, ...)                                                                           \
    {                                                                                              \
        .label = (l), .seconds = (s), AT(__VA_ARGS__)                                              \
    }

static const struct row rows[] = {
    {"delivery to the door by day",
     DAY,
     false,
     false,
     {PERSON(25, 3, {LAWN, 8}, {DOOR, 12})},
     40,
     "medium",
     "person private-ground at-entry approaches waits-at-entry",
     "A person walked up to the front door at 14:00 and stayed 12 s."},
    {"the same while nobody is expected",
     DAY,
     false,
     true,
     {PERSON(25, 3, {LAWN, 8}, {DOOR, 12})},
     50,
     "medium",
     "person private-ground at-entry away approaches waits-at-entry",
     NULL},
    {"parcel taken: up to the door, away again",
     DAY,
     false,
     false,
     {PERSON(14, 3, {LAWN, 8}, {DOOR, 4})},
     50,
     "medium",
     "quick-visit person private-ground at-entry approaches",
     "A person walked up to the front door at 14:00 and stayed 4 s."},
    {"parcel taken while nobody is expected",
     DAY,
     false,
     true,
     {PERSON(14, 3, {LAWN, 8}, {DOOR, 4})},
     60,
     "high",
     "quick-visit person private-ground at-entry away approaches",
     NULL},
    {"the family returns by car",
     DAY,
     false,
     false,
     {THING("car", 12, {DRIVE, 10, true}), PERSON(20, 2.5f, {DRIVE, 8}, {DOOR, 9, true}),
      PERSON(18, 2.5f, {DRIVE, 8}, {DOOR, 8, true})},
     20,
     "low",
     "person private-ground at-entry approaches goes-in",
     "2 people walked up to the front door at 14:00 and stayed 9 s; a car was also seen."},
    {"the family returns late",
     EVENING,
     false,
     false,
     {THING("car", 12, {DRIVE, 10, true}), PERSON(20, 2.5f, {DRIVE, 8}, {DOOR, 9, true}),
      PERSON(18, 2.5f, {DRIVE, 8}, {DOOR, 8, true})},
     50,
     "medium",
     "night person private-ground at-entry night-private-ground approaches goes-in",
     NULL},
    {"passer-by on the sidewalk",
     DAY,
     false,
     false,
     {PERSON(9, 1, {PAVEMENT, 9})},
     0,
     "low",
     "person passing-by",
     "A person walked along the sidewalk at 14:00, for 9 s."},
    {"passer-by at night",
     NIGHT,
     false,
     false,
     {PERSON(9, 1, {PAVEMENT, 9})},
     20,
     "low",
     "night person passing-by",
     NULL},
    {"passer-by does not excuse a burglar",
     NIGHT,
     false,
     false,
     {PERSON(9, 1, {PAVEMENT, 9}), PERSON(20, 2.5f, {DOOR, 12, true})},
     70,
     "high",
     "night person at-entry night-private-ground small-hours approaches waits-at-entry",
     NULL},
    {"loiterer on the sidewalk at night",
     NIGHT,
     false,
     false,
     {PERSON(80, 1, {PAVEMENT, 80, true})},
     40,
     "medium",
     "night person lingers night-lingers",
     "A person walked along the sidewalk at 03:12, for 1 min 20 s."},
    {"loiterer on the lawn at night",
     NIGHT,
     false,
     false,
     {PERSON(80, 1, {LAWN, 75, true})},
     80,
     "high",
     "night person private-ground night-private-ground small-hours night-ground-stays lingers "
     "night-lingers",
     "A person was on the front lawn at 03:12 and stayed 1 min 15 s."},
    {"somebody at the door at 3 a.m.",
     NIGHT,
     false,
     false,
     {PERSON(60, 3, {LAWN, 8}, {DOOR, 48, true})},
     90,
     "critical",
     "night person private-ground at-entry night-private-ground small-hours approaches "
     "waits-at-entry lingers night-lingers",
     "A person walked up to the front door at 03:12 and stayed 48 s."},
    {"the same while away",
     NIGHT,
     false,
     true,
     {PERSON(60, 3, {LAWN, 8}, {DOOR, 48, true})},
     100,
     "critical",
     "night person private-ground at-entry night-private-ground small-hours away approaches "
     "waits-at-entry lingers night-lingers",
     NULL},
    {"person at the pool by day",
     DAY,
     false,
     false,
     {PERSON(15, 1, {POOL, 12, true})},
     60,
     "high",
     "restricted person",
     "A person was at the pool at 14:00 and stayed 12 s."},
    {"person at the pool at night",
     NIGHT,
     false,
     false,
     {PERSON(15, 1, {POOL, 12, true})},
     100,
     "critical",
     "restricted night person night-private-ground small-hours",
     NULL},
    {"three people on the lawn by day",
     DAY,
     false,
     false,
     {PERSON(20, 1, {LAWN, 15}), PERSON(20, 1, {LAWN, 12}), PERSON(20, 1, {LAWN, 12})},
     30,
     "medium",
     "person private-ground group",
     "3 people were on the front lawn at 14:00 and stayed 15 s."},
    {"three people on the lawn at night",
     NIGHT,
     false,
     false,
     {PERSON(20, 1, {LAWN, 15}), PERSON(20, 1, {LAWN, 12}), PERSON(20, 1, {LAWN, 12})},
     70,
     "high",
     "night person private-ground group night-private-ground small-hours",
     NULL},
    {"car turns in the driveway",
     DAY,
     false,
     false,
     {THING("car", 11, {DRIVE, 7})},
     8,
     "low",
     "vehicle-on-ground vehicle",
     "A car was on the driveway at 14:00 and stayed 7 s."},
    {"the same at night",
     NIGHT,
     false,
     false,
     {THING("car", 11, {DRIVE, 7})},
     8,
     "low",
     "vehicle-on-ground vehicle",
     NULL},
    {"car waits in the driveway at night",
     NIGHT,
     false,
     false,
     {THING("car", 50, {DRIVE, 45, true})},
     33,
     "medium",
     "night-vehicle-waits vehicle-on-ground vehicle",
     NULL},
    {"parked car leaves",
     DAY,
     false,
     false,
     {THING("car", 9, {DRIVE, 5}, {PAVEMENT, 2})},
     8,
     "low",
     "vehicle-on-ground vehicle",
     NULL},
    {"dog on the lawn",
     DAY,
     false,
     false,
     {THING("dog", 40, {LAWN, 40, true})},
     2,
     "low",
     "animal",
     "A dog was on the front lawn at 14:00 and stayed 40 s."},
    {"walking the dog",
     DAY,
     false,
     false,
     {PERSON(9, 1, {PAVEMENT, 9}), THING("dog", 9, {PAVEMENT, 9})},
     2,
     "low",
     "person animal passing-by",
     "A person walked along the sidewalk at 14:00, for 9 s; a dog was also seen."},
    {"cat at the door at night",
     NIGHT,
     false,
     false,
     {THING("cat", 20, {DOOR, 15})},
     2,
     "low",
     "animal",
     "A cat was at the front door at 03:12 and stayed 15 s."},
    {"bear on the lawn",
     DAY,
     false,
     false,
     {THING("bear", 20, {LAWN, 15})},
     62,
     "high",
     "dangerous-animal animal",
     NULL},
    {"bicycle passes",
     DAY,
     false,
     false,
     {PERSON(4, 1, {PAVEMENT, 3}), THING("bicycle", 4, {PAVEMENT, 3})},
     0,
     "low",
     "person passing-by",
     NULL},
    {"in over the gate",
     DAY,
     false,
     false,
     {{.label = "person", .seconds = 6, .growth = 1, .crosses = 1, AT({LAWN, 2})}},
     25,
     "low",
     "person private-ground crosses-in",
     NULL},
    {"no zones: person indoors by day",
     DAY,
     true,
     false,
     {{.label = "person", .seconds = 13}},
     20,
     "low",
     "person no-zones",
     "A person was seen at 14:00, for 13 s."},
    {"no zones: comes near and stays",
     DAY,
     true,
     false,
     {{.label = "person", .seconds = 60, .growth = 3}},
     30,
     "medium",
     "person no-zones approaches lingers",
     NULL},
    {"no zones: while nobody is expected",
     DAY,
     true,
     true,
     {{.label = "person", .seconds = 13}},
     30,
     "medium",
     "person no-zones away",
     NULL},
    {"no zones: at night",
     NIGHT,
     true,
     false,
     {{.label = "person", .seconds = 13}},
     40,
     "medium",
     "night person no-zones",
     NULL},
    {"no zones, time unknown",
     NULL,
     true,
     true,
     {{.label = "person", .seconds = 13}},
     20,
     "low",
     "person no-zones",
     "A person was seen 0:06 into the recording, for 13 s."},
    {"zones drawn, time unknown",
     NULL,
     false,
     true,
     {PERSON(60, 3, {LAWN, 8}, {DOOR, 48, true})},
     45,
     "medium",
     "person private-ground at-entry approaches waits-at-entry lingers",
     NULL},
    {"no detector: something at the door at night",
     NIGHT,
     false,
     false,
     {THING("motion", 8, {DOOR, 5})},
     30,
     "medium",
     "object-near-entry night-object object",
     "Something was at the front door at 03:12 and stayed 5 s."},
    {"no detector: something indoors",
     DAY,
     true,
     false,
     {{.label = "motion", .seconds = 8}},
     5,
     "low",
     "object",
     "Something was seen at 14:00, for 8 s."},
    {"only a glimpse at night",
     NIGHT,
     false,
     false,
     {PERSON(2, 1, {LAWN, 2})},
     35,
     "medium",
     "night person private-ground night-private-ground small-hours glimpse",
     NULL},
    {"two dogs at night",
     NIGHT,
     false,
     false,
     {THING("dog", 40, {LAWN, 30}), THING("dog", 40, {LAWN, 30})},
     32,
     "medium",
     "night-dogs animal",
     NULL},
    {"a car stands at the kerb at night",
     NIGHT,
     false,
     false,
     {THING("car", 85, {PAVEMENT, 85, true})},
     30,
     "medium",
     "night-vehicle-kerb vehicle",
     NULL},
    {"the family returns by car, both expected",
     DAY,
     false,
     false,
     {THING("car", 12, {DRIVE, 10, true}), PERSON(20, 2.5f, {DRIVE, 8}, {DOOR, 9, true}),
      PERSON(18, 2.5f, {DRIVE, 8}, {DOOR, 8, true})},
     0,
     "low",
     "person private-ground at-entry approaches expected-vehicle goes-in expected",
     NULL,
     &at_home},
    {"the same late",
     EVENING,
     false,
     false,
     {THING("car", 12, {DRIVE, 10, true}), PERSON(20, 2.5f, {DRIVE, 8}, {DOOR, 9, true}),
      PERSON(18, 2.5f, {DRIVE, 8}, {DOOR, 8, true})},
     10,
     "low",
     "night person private-ground at-entry night-private-ground approaches expected-vehicle "
     "goes-in comes-home",
     NULL,
     &at_home},
    {"the same in the small hours",
     NIGHT,
     false,
     false,
     {THING("car", 12, {DRIVE, 10, true}), PERSON(20, 2.5f, {DRIVE, 8}, {DOOR, 9, true}),
      PERSON(18, 2.5f, {DRIVE, 8}, {DOOR, 8, true})},
     40,
     "medium",
     "night comes-home-small-hours person private-ground at-entry night-private-ground "
     "small-hours approaches expected-vehicle goes-in comes-home",
     NULL,
     &at_home},
    {"somebody at the door at 3 a.m., the family is at home",
     NIGHT,
     false,
     false,
     {PERSON(60, 3, {LAWN, 8}, {DOOR, 48, true})},
     90,
     "critical",
     "night person private-ground at-entry night-private-ground small-hours approaches "
     "waits-at-entry lingers night-lingers",
     NULL,
     &at_home},
    {"person at the pool by day, the family is at home",
     DAY,
     false,
     false,
     {PERSON(15, 1, {POOL, 12, true})},
     30,
     "medium",
     "restricted person expected",
     NULL,
     &at_home},
    {"delivery while all are out",
     DAY,
     false,
     false,
     {PERSON(25, 3, {PAVEMENT, 3}, {LAWN, 8}, {DOOR, 12})},
     45,
     "medium",
     "person private-ground at-entry approaches waits-at-entry nobody-home",
     NULL,
     &all_out},
    {"busy at the door while all are out",
     DAY,
     false,
     false,
     {PERSON(60, 3, {PAVEMENT, 3}, {LAWN, 8}, {DOOR, 48, true})},
     75,
     "high",
     "nobody-home-waits person private-ground at-entry approaches waits-at-entry lingers "
     "nobody-home",
     NULL,
     &all_out},
    {"behind the house while all are out",
     DAY,
     false,
     false,
     {PERSON(40, 3, {LAWN, 25}, {DOOR, 12})},
     60,
     "high",
     "nobody-home-inside person private-ground at-entry approaches waits-at-entry nobody-home",
     NULL,
     &all_out},
    {"in the hall while all are out",
     DAY,
     false,
     false,
     {PERSON(20, 1, {HALL, 18})},
     60,
     "high",
     "nobody-home-elsewhere person",
     NULL,
     &all_out},
    {"no zones: stays while all are out",
     DAY,
     true,
     false,
     {{.label = "person", .seconds = 35}},
     60,
     "high",
     "nobody-home-no-zones person no-zones",
     NULL,
     &all_out},
    {"no zones: one of the family indoors",
     DAY,
     true,
     false,
     {{.label = "person", .seconds = 13}},
     0,
     "low",
     "person no-zones expected-no-zones",
     NULL,
     &at_home},
    {"strange car waits at night while the own is out",
     NIGHT,
     false,
     false,
     {THING("car", 70, {DRIVE, 65, true})},
     63,
     "high",
     "night-vehicle-unexpected night-vehicle-waits vehicle-on-ground vehicle",
     NULL,
     &all_out},
    {"the neighbours on their drive",
     DAY,
     false,
     false,
     {THING("car", 12, {DRIVE, 10, true}), PERSON(20, 1, {DRIVE, 15})},
     0,
     "low",
     "person passing-by neighbours-ground",
     NULL,
     &shared_drive},
    {"the neighbour comes over",
     DAY,
     false,
     false,
     {PERSON(50, 1, {DRIVE, 10}, {DOOR, 20})},
     30,
     "medium",
     "person at-entry waits-at-entry lingers",
     NULL,
     &shared_drive},
    {"on the lawn at an unusual hour, unusually long",
     DAY,
     false,
     false,
     {PERSON(40, 1, {LAWN, 40})},
     35,
     "medium",
     "person private-ground unusual-hour unusual-stay",
     NULL,
     NULL,
     rare},
    {"on the lawn at a usual hour",
     DAY,
     false,
     false,
     {PERSON(40, 1, {LAWN, 40})},
     20,
     "low",
     "person private-ground",
     NULL,
     NULL,
     common},
};

static struct scorer *open_scorer(void)
{
    struct risk_conf conf;
    opt_defaults(&risk_section, &conf);
    struct scorer *scorer;
    struct err err = {0};
    if (!scorer_open(&scorer_rules, &conf, &scorer, &err))
        fail_msg("%s", err.msg);
    return scorer;
}

static void score_stage(struct scorer *scorer, const struct stage *stage, struct verdict *ret)
{
    struct err err;
    memset(ret, 0x5a, sizeof *ret); /* nothing may show through */
    CHECK(scorer_score(scorer, stage->event, &stage->context, ret, &err));
}

static void set_stage(const struct row *row, struct stage *stage)
{
    stage_open(stage, !row->unzoned, row->time);
    stage->context.household = row->household;
    stage->context.usual = row->usual;
    if (row->away)
        stage->context.away = (struct opt_times){0, 1440};
    for (size_t i = 0; i < ARRAY_LEN(row->actors) && row->actors[i].label; i++)
        stage_enter(stage, &row->actors[i]);
}

static void names_of(const struct verdict *verdict, char *out, size_t bytes)
{
    out[0] = '\0';
    for (int i = 0; i < verdict->reason_count; i++) {
        size_t used = strlen(out);
        snprintf(out + used, bytes - used, "%s%s", i ? " " : "", verdict->reasons[i].rule);
    }
}

static void everyday_scenes(void **state)
{
    (void)state;
    struct scorer *scorer = open_scorer();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct stage stage;
        struct verdict verdict;
        char names[512];
        set_stage(&rows[i], &stage);
        score_stage(scorer, &stage, &verdict);
        names_of(&verdict, names, sizeof names);
        const char *level = risk_level_names[risk_level_of(verdict.score)];
        if (verdict.score != rows[i].score || strcmp(level, rows[i].level) != 0 ||
            strcmp(names, rows[i].reasons) != 0)
            fail_msg("%s: %d %s (%s), expected %d %s (%s)", rows[i].facts, verdict.score, level,
                     names, rows[i].score, rows[i].level, rows[i].reasons);
        if (rows[i].summary)
            CHECK_STR(verdict.summary, rows[i].summary);
        CHECK_STR(verdict.scorer, "rules 2");
        stage_close(&stage);
    }
    scorer_close(&scorer);
}

/* Every point names its rule, a track of the event, and a sighting of it. */
static void check_evidence(const struct event *event, const struct verdict *verdict)
{
    int sum = 0;
    CHECK(verdict->reason_count >= 1);
    for (int i = 0; i < verdict->reason_count; i++) {
        const struct reason *r = &verdict->reasons[i];
        sum += r->points;
        CHECK(r->rule[0] && r->text[0] && !strchr(r->text, '{'));
        CHECK(i == 0 || r->points <= verdict->reasons[i - 1].points);
        int t = 0;
        while (t < event->track_count && !uuid_equal(&event->tracks[t].id, &r->track))
            t++;
        CHECK(t < event->track_count);
        CHECK(r->at.pts_us >= event->tracks[t].first.pts_us &&
              r->at.pts_us <= event->tracks[t].last.pts_us);
        CHECK(box_area(r->at.box) > 0);
    }
    CHECK_INT(verdict->score, CLAMP(sum, 0, 100));
}

static void every_point_has_evidence_and_nothing_varies(void **state)
{
    (void)state;
    struct scorer *scorer = open_scorer();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct stage stage;
        set_stage(&rows[i], &stage);
        struct verdict first, again;
        score_stage(scorer, &stage, &first);
        check_evidence(stage.event, &first);
        memset(&again, 0x11, sizeof again);
        struct err err;
        CHECK(scorer_score(scorer, stage.event, &stage.context, &again, &err));
        CHECK(memcmp(&first, &again, sizeof first) == 0);
        stage_close(&stage);
    }
    scorer_close(&scorer);
}

static void a_stored_window_scores_the_same(void **state)
{
    (void)state;
    struct scorer *scorer = open_scorer();
    const uint8_t sha256[32] = {0};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct stage stage;
        set_stage(&rows[i], &stage);
        struct verdict verdict;
        score_stage(scorer, &stage, &stage.event->verdict);
        struct json json;
        json_init(&json);
        window_json(&json, stage.event, &stage.context, "rules", sha256, "Europe/Berlin");
        struct window *window;
        struct err err = {0};
        if (!window_parse(json.text, json.bytes, &window, &err))
            fail_msg("%s: %s", rows[i].facts, err.msg);
        memset(&verdict, 0x11, sizeof verdict);
        CHECK(scorer_score(scorer, window->event, &window->context, &verdict, &err));
        if (memcmp(&verdict, &stage.event->verdict, sizeof verdict) != 0)
            fail_msg("%s: %d, stored as %d", rows[i].facts, verdict.score,
                     stage.event->verdict.score);
        CHECK_INT(window->score, rows[i].score);
        window_free(&window);
        json_done(&json);
        stage_close(&stage);
    }
    scorer_close(&scorer);
}

static void the_strongest_track_is_the_evidence(void **state)
{
    (void)state;
    struct scorer *scorer = open_scorer();
    struct stage stage;
    stage_open(&stage, true, DAY);
    struct actor brief = PERSON(20, 1, {DOOR, 11});
    struct actor longer = PERSON(20, 1, {DOOR, 15});
    stage_enter(&stage, &brief);
    struct uuid expected = stage_enter(&stage, &longer)->id;
    stage_enter(&stage, &longer); /* a tie goes to the earlier */
    struct verdict verdict;
    score_stage(scorer, &stage, &verdict);
    CHECK_STR(verdict.reasons[3].rule, "waits-at-entry");
    CHECK(uuid_equal(&verdict.reasons[3].track, &expected));
    CHECK_STR(verdict.reasons[3].text, "A person stayed 15 s at the front door");
    stage_close(&stage);
    scorer_close(&scorer);
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
        cmocka_unit_test(everyday_scenes),
        cmocka_unit_test(every_point_has_evidence_and_nothing_varies),
        cmocka_unit_test(a_stored_window_scores_the_same),
        cmocka_unit_test(the_strongest_track_is_the_evidence),
    };
    return cmocka_run_group_tests(tests, in_berlin, NULL);
}
