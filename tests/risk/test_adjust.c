/* What people said about earlier events, in the verdict: bounded, and never an excuse for others.
 */
#include "test.h"

#include "risk/rules.h"
#include "risk/stage.h"

#define PERSON(...)                                                                                \
    {                                                                                              \
        .label = "person", .seconds = 20, AT(__VA_ARGS__)                                          \
    }

struct row {
    const char *what;
    struct offsets offsets;
    struct actor actors[4];
    int points[FEEDBACK_ROWS_MAX]; /* 0: no further row */
    int track;                     /* evidence of the first */
};

static const struct row rows[] = {
    {"nothing said", {0}, {PERSON({DOOR, 5})}, {0}, 0},
    {"lower", {1, {{"front door", "person", -8, 2}}}, {PERSON({DOOR, 5})}, {-8}, 0},
    {"higher", {1, {{"front door", "person", 6, 1}}}, {PERSON({DOOR, 5})}, {6}, 0},
    {"another label", {1, {{"front door", "dog", -8, 2}}}, {PERSON({DOOR, 5})}, {0}, 0},
    {"another zone", {1, {{"pool", "person", -8, 2}}}, {PERSON({DOOR, 5})}, {0}, 0},
    {"in no zone", {1, {{"", "person", -8, 2}}}, {{.label = "person"}}, {-8}, 0},
    {"in no zone, but here in one", {1, {{"", "person", -8, 2}}}, {PERSON({DOOR, 5})}, {0}, 0},
    {"not everywhere it was",
     {1, {{"front lawn", "person", -8, 2}}},
     {PERSON({DOOR, 5}, {LAWN, 5})},
     {0},
     0},
    {"everywhere it was: the least",
     {2, {{"front door", "person", -4, 1}, {"front lawn", "person", -8, 2}}},
     {PERSON({DOOR, 5}, {LAWN, 5})},
     {-4},
     0},
    {"missed anywhere",
     {2, {{"front door", "person", -4, 1}, {"front lawn", "person", 6, 2}}},
     {PERSON({DOOR, 5}, {LAWN, 5})},
     {6},
     0},
    {"not all of them",
     {1, {{"front lawn", "person", -8, 2}}},
     {PERSON({LAWN, 5}), PERSON({DOOR, 5})},
     {0},
     0},
    {"a dog excuses nobody",
     {1, {{"front lawn", "dog", -20, 9}}},
     {PERSON({LAWN, 5}), {.label = "dog", AT({LAWN, 5})}},
     {0},
     0},
    {"a dog alone",
     {1, {{"front lawn", "dog", -20, 9}}},
     {{.label = "dog", AT({LAWN, 5})}},
     {-20},
     0},
    {"the dog was missed all the same",
     {2, {{"front lawn", "dog", 6, 1}, {"front lawn", "person", -4, 1}}},
     {PERSON({LAWN, 5}), {.label = "dog", AT({LAWN, 5})}},
     {6, -4},
     1},
    {"one row for several tracks",
     {1, {{"front lawn", "person", 6, 2}}},
     {PERSON({LAWN, 5}), PERSON({LAWN, 5})},
     {6},
     0},
    {"three rows at most, the highest",
     {4,
      {{"front door", "dog", 3, 1},
       {"front lawn", "dog", 9, 1},
       {"pool", "dog", 12, 1},
       {"hall", "dog", 6, 1}}},
     {{.label = "dog", AT({DOOR, 5})},
      {.label = "dog", AT({LAWN, 5})},
      {.label = "dog", AT({POOL, 5})},
      {.label = "dog", AT({HALL, 5})}},
     {12, 9, 6},
     2},
};

static void adjustments(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct stage stage;
        stage_open(&stage, true, NULL);
        stage.context.offsets = &rows[i].offsets;
        for (size_t a = 0; a < ARRAY_LEN(rows[i].actors) && rows[i].actors[a].label; a++)
            stage_enter(&stage, &rows[i].actors[a]);
        struct facts facts = {stage.event, &stage.context};
        struct verdict verdict = {0};
        int expected = 0, count = 0;
        while (count < FEEDBACK_ROWS_MAX && rows[i].points[count])
            expected += rows[i].points[count++];
        int sum = feedback_apply(&facts, &verdict);
        if (sum != expected || verdict.reason_count != count)
            fail_msg("%s: %d points in %d rows", rows[i].what, sum, verdict.reason_count);
        for (int r = 0; r < count; r++) {
            CHECK_INT(verdict.reasons[r].points, rows[i].points[r]);
            CHECK_STR(verdict.reasons[r].rule, "feedback");
        }
        if (count)
            CHECK(uuid_equal(&verdict.reasons[0].track, &stage.event->tracks[rows[i].track].id));
        stage_close(&stage);
    }
}

static void they_are_told_in_words(void **state)
{
    (void)state;
    static const struct {
        struct offset offset;
        const char *text;
    } cases[] = {
        {{"front door", "person", -8, 2},
         "2 earlier events with a person at the front door scored too high, you said"},
        {{"front door", "person", 3, 1},
         "1 earlier event with a person at the front door scored too low, you said"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct offsets offsets = {1, {cases[i].offset}};
        struct stage stage;
        stage_open(&stage, true, NULL);
        stage.context.offsets = &offsets;
        struct actor actor = PERSON({DOOR, 5});
        stage_enter(&stage, &actor);
        struct facts facts = {stage.event, &stage.context};
        struct verdict verdict = {0};
        CHECK_INT(feedback_apply(&facts, &verdict), cases[i].offset.points);
        CHECK_STR(verdict.reasons[0].text, cases[i].text);
        CHECK(box_area(verdict.reasons[0].at.box) > 0);
        stage_close(&stage);
    }
}

/* The score stays the sum of its rows, within its bounds. */
static void they_are_part_of_the_sum(void **state)
{
    (void)state;
    struct risk_conf conf;
    opt_defaults(&risk_section, &conf);
    struct scorer *scorer;
    struct err err = {0};
    CHECK(scorer_open(&scorer_rules, &conf, &scorer, &err));
    for (int points = -20; points <= 20; points += 10) {
        struct offsets offsets = {1, {{"sidewalk", "person", points, 1}}};
        struct stage stage;
        stage_open(&stage, true, NULL);
        struct actor actor = {.label = "person", .seconds = 40, AT({PAVEMENT, 5})};
        stage_enter(&stage, &actor);
        struct verdict without, with;
        CHECK(scorer_score(scorer, stage.event, &stage.context, &without, &err));
        stage.context.offsets = &offsets;
        CHECK(scorer_score(scorer, stage.event, &stage.context, &with, &err));
        CHECK_INT(with.score, CLAMP(without.score + points, 0, 100));
        stage_close(&stage);
    }
    scorer_close(&scorer);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(adjustments),
        cmocka_unit_test(they_are_told_in_words),
        cmocka_unit_test(they_are_part_of_the_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
