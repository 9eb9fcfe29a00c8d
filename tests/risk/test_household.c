/* Who is expected when and where, and whose ground a zone is. */
#include "test.h"

#include "base/conf/conf.h"
#include "risk/household.h"
#include "risk/stage.h"

static const char home[] = "members:\n"
                           "  Anna: {}\n"
                           "  Ben:\n"
                           "    expected:\n"
                           "      work: {days: [mon, tue], times: 17:00-18:30}\n"
                           "      party: {days: [fri], times: 22:00-02:00}\n"
                           "  Carla: {trust: guest, zones: [front door]}\n"
                           "  Dora: {zones: [front door], expected: {always: {}}}\n"
                           "vehicles:\n"
                           "  van: {label: truck, expected: {morning: {times: 06:00-07:00}}}\n"
                           "zones:\n"
                           "  drive: {owner: the neighbours}\n"
                           "  shed: Anna\n";

static void load(const char *text, struct household_conf *ret)
{
    struct conf_errors errors;
    if (!conf_parse("home.yaml", text, strlen(text), &household_section, ret, NULL, &errors))
        fail_msg("%s", errors.items[0].msg);
}

static void schedules(void **state)
{
    (void)state;
    static const struct {
        const char *time; /* NULL: unknown */
        bool ben, dora, van;
    } cases[] = {
        {"2026-11-16T16:59:59+01:00", false, true, false}, /* a Monday */
        {"2026-11-16T17:00:00+01:00", true, true, false},
        {"2026-11-16T18:29:59+01:00", true, true, false},
        {"2026-11-16T18:30:00+01:00", false, true, false},
        {"2026-11-18T17:30:00+01:00", false, true, false}, /* Wednesday */
        {"2026-11-20T22:00:00+01:00", true, true, false},  /* Friday night into Saturday */
        {"2026-11-21T01:59:59+01:00", true, true, false},
        {"2026-11-21T02:00:00+01:00", false, true, false},
        {"2026-11-20T01:30:00+01:00", false, true, false}, /* Thursday night is not Friday's */
        {"2026-11-21T22:30:00+01:00", false, true, false},
        {"2026-07-06T15:30:00Z", true, true, false}, /* summer: 17:30 on the wall */
        {"2026-07-06T17:30:00Z", false, true, false},
        /* 06:00 to 07:00 on the wall on the mornings after the clocks changed. */
        {"2026-03-29T03:59:59Z", false, true, false},
        {"2026-03-29T04:00:00Z", false, true, true},
        {"2026-10-25T04:59:59Z", false, true, false},
        {"2026-10-25T05:00:00Z", false, true, true},
        {NULL, false, false, false},
    };
    struct household_conf conf;
    load(home, &conf);
    CHECK(household_is_configured(&conf));
    AUTO(free_ptr) struct household *household = NEW(struct household);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        household_at(&conf, stage_wall_us(cases[i].time), household);
        CHECK_INT(household->count, 5);
        const struct expected_person *items = household->items;
        if (!items[0].now || items[1].now != cases[i].ben || !items[2].now ||
            items[3].now != cases[i].dora || items[4].now != cases[i].van)
            fail_msg("%s: %d%d%d%d%d", cases[i].time ? cases[i].time : "unknown", items[0].now,
                     items[1].now, items[2].now, items[3].now, items[4].now);
    }
    opt_free(&household_section, &conf);
}

static void who_is_expected_where(void **state)
{
    (void)state;
    static const struct {
        const char *label, *zone;
        int count;
    } cases[] = {
        {"person", NULL, 2}, {"person", "front door", 2}, {"person", "pool", 1},
        {"car", NULL, 0},    {"truck", "driveway", 1},    {"dog", NULL, 0},
    };
    struct household_conf conf;
    load(home, &conf);
    AUTO(free_ptr) struct household *household = NEW(struct household);
    household_at(&conf, stage_wall_us("2026-11-18T06:30:00+01:00"), household);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CHECK_INT(household_expects(household, cases[i].label, cases[i].zone), cases[i].count);
    }
    CHECK(household_knows(household, "truck") && !household_knows(household, "car"));
    CHECK(household_may_come(household, "person") && !household_may_come(household, "car"));
    CHECK(household_expects_guest(household, "person")); /* Carla may always come */
    CHECK(!household_expects_guest(household, "truck"));
    household_at(&conf, stage_wall_us("2026-11-18T08:30:00+01:00"), household);
    CHECK(household_knows(household, "truck"));
    CHECK_INT(household_expects(household, "truck", NULL), 0);
    opt_free(&household_section, &conf);
}

static void whose_ground(void **state)
{
    (void)state;
    struct household_conf conf;
    load(home, &conf);
    AUTO(free_ptr) struct household *household = NEW(struct household);
    household_at(&conf, TIME_UNKNOWN, household);
    CHECK_STR(household_owner(household, "drive"), "the neighbours");
    CHECK(!household_owner(household, "shed")); /* Anna lives here */
    CHECK(!household_owner(household, "front door"));
    opt_free(&household_section, &conf);
    opt_defaults(&household_section, &conf);
    CHECK(!household_is_configured(&conf));
    household_at(&conf, TIME_UNKNOWN, household);
    CHECK_INT(household->count, 0);
    CHECK(!household_owner(household, "drive"));
}

static void mistakes_are_pointed_at(void **state)
{
    (void)state;
    static const struct {
        const char *text, *msg, *hint;
    } cases[] = {
        {"members:\n  Anna: {trust: ful}\n", "ful", "full"},
        {"members:\n  Anna: {expected: {x: {days: [mo]}}}\n", "mo", "mon"},
        {"members:\n  Anna: {expected: {x: {times: 17-18}}}\n", "17-18", ""},
        {"vehicles:\n  van: {label: trck}\n", "'trck' is no vehicle", "truck"},
        {"zones:\n  drive: {}\n", "owner", ""},
        {"member:\n  Anna: {}\n", "member", "members"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct conf_errors errors;
        struct household_conf conf;
        if (conf_parse("home.yaml", cases[i].text, strlen(cases[i].text), &household_section, &conf,
                       NULL, &errors))
            fail_msg("accepted: %s", cases[i].text);
        CHECK_CONTAINS(errors.items[0].msg, cases[i].msg);
        CHECK_CONTAINS(errors.items[0].hint, cases[i].hint);
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
        cmocka_unit_test(schedules),
        cmocka_unit_test(who_is_expected_where),
        cmocka_unit_test(whose_ground),
        cmocka_unit_test(mistakes_are_pointed_at),
    };
    return cmocka_run_group_tests(tests, in_berlin, NULL);
}
