/* Templates of reasons. */
#include "test.h"

#include "risk/rules.h"
#include "risk/stage.h"

static void unknown_placeholders_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *says, *unknown; /* NULL: fine */
    } cases[] = {
        {"{label} at {zone} over {line} for {dwell}, {count}, {time}", NULL},
        {"{who}, {owner}: {usual}", NULL},
        {"nothing", NULL},
        {"", NULL},
        {"{labl}", "labl"},
        {"{label} {", ""},
        {"{label", "label"},
        {"{}", ""},
        {"{Label}", "Label"},
        {"{{label}}", ""},
        {"}{zone}", NULL},
        {"{a word that is much longer than what is asked back}", "a word that is "},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char word[16] = "";
        bool unknown = rule_says_unknown(cases[i].says, word, sizeof word);
        if (unknown != (cases[i].unknown != NULL))
            fail_msg("'%s'", cases[i].says);
        if (unknown)
            CHECK_STR(word, cases[i].unknown);
    }
}

static void templates_are_filled(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, true, "2026-11-20T03:12:00+01:00");
    struct actor actor = {.label = "person", .seconds = 20, .crosses = -1, AT({DOOR, 12})};
    struct track *track = stage_enter(&stage, &actor);
    struct facts facts = {.event = stage.event, .context = &stage.context};
    struct match match = {.at = track->first,
                          .count = 2,
                          .dwell_us = 12 * US_PER_S,
                          .visit = &track->zones[DOOR],
                          .crossing = &track->crossings[0]};
    struct rule rule = {.says = "{label} of {count} at {zone}, over {line}, for {dwell} at {time}"};
    char out[128];
    rule_says(&rule, &facts, &match, out, sizeof out);
    CHECK_STR(out, "A person of 2 at the front door, over the gate, for 12 s at 03:12");
    rule_says(&rule, &facts, &match, out, 20);
    CHECK_STR(out, "A person of 2 at...");
    stage_close(&stage);
}

static void what_is_known_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        struct usual usual;
        double unusual;
        const char *text;
    } cases[] = {
        {"{usual}",
         {true, "", 27, 0.2345, 11.4, 0, -1, 1},
         0.1,
         "0.23 an hour on Tuesdays 03:00-04:00, over 11 weeks"},
        {"{usual}",
         {true, "", 167, 12.345, 1, 0, -1, 1},
         0.1,
         "12.3 an hour on Sundays 23:00-24:00, over 1 week"},
        {"{usual}",
         {true, "", 0, 0.0000123, 8, 0, -1, 1},
         0.1,
         "Less than 0.001 an hour on Mondays 00:00-01:00, over 8 weeks"},
        {"{usual}",
         {true, "", 27, 0.2, 8, 0, 12, 0.1},
         0,
         "12 s on Tuesdays 03:00-04:00, over 8 weeks"},
        {"{usual}", {false, "", 27, 0.2, 8, 0, 12, 0.1}, 0, ""},
        {"{who} at the {owner}'", {false}, 0, "Anna at the neighbours'"},
    };
    static const struct household household = {.count = 1,
                                               .items = {{"Anna", "person", TRUST_FULL, true, {0}}},
                                               .owner_count = 1,
                                               .owners = {{"front door", "neighbours"}}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct stage stage;
        stage_open(&stage, true, NULL);
        struct actor actor = {.label = "person", AT({DOOR, 12})};
        struct track *track = stage_enter(&stage, &actor);
        stage.context.usual = &cases[i].usual;
        stage.context.household = &household;
        struct facts facts = {stage.event, &stage.context};
        struct match match = {.visit = &track->zones[DOOR]};
        struct rule rule = {.when = {.unusual = cases[i].unusual, .unusual_dwell = 0.2}};
        STR_COPY(rule.says, cases[i].says);
        char out[128];
        rule_says(&rule, &facts, &match, out, sizeof out);
        CHECK_STR(out, cases[i].text);
        stage_close(&stage);
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
        cmocka_unit_test(unknown_placeholders_are_found),
        cmocka_unit_test(templates_are_filled),
        cmocka_unit_test(what_is_known_is_told),
    };
    return cmocka_run_group_tests(tests, in_berlin, NULL);
}
