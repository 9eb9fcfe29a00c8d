/* Files of rules: what is wrong in one is pointed at, and a good one takes the built-in one's
 * place. */
#include "test.h"

#include "risk/rules.h"
#include "risk/stage.h"

#include <unistd.h>

static struct scorer *open_scorer(const char *rules)
{
    struct risk_conf conf;
    opt_defaults(&risk_section, &conf);
    STR_COPY(conf.rules, rules);
    struct scorer *scorer;
    struct err err = {0};
    if (!scorer_open(&scorer_rules, &conf, &scorer, &err))
        fail_msg("%s", err.msg);
    return scorer;
}

static void write_rules(char path[32], const char *text)
{
    snprintf(path, 32, "hsi-rules-XXXXXX");
    int fd = mkstemp(path);
    CHECK(fd >= 0);
    CHECK_INT(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void mistakes_are_pointed_at(void **state)
{
    (void)state;
    static const struct {
        const char *text, *where, *msg, *hint;
    } cases[] = {
        {"version: 1\nrules:\n  a: {points: 5, says: x, when: {kind: [persn]}}\n", ":3:", "persn",
         "person"},
        {"version: 1\nrules:\n  a: {points: 500, says: x}\n", ":3:", "500", "100"},
        {"version: 1\nrules:\n  a: {points: 5, pointz: 5, says: x}\n", ":3:", "pointz", "points"},
        {"version: 1\nrules:\n  a: {points: 5}\n", ":3:", "says", ""},
        {"version: 1\nrules:\n  a: {points: 5, says: \"{labl}\"}\n", ":3:", "{labl}", "{label}"},
        {"version: 1\nrules:\n  a: {points: 5, says: \"open {label\"}\n", ":3:", "{label}", ""},
        {"version: 1\nrules:\n  a: {points: 5, says: \"at {zone}\"}\n", ":3:", "{zone}",
         "zone_kind"},
        {"version: 1\nrules:\n  a: {points: 5, says: \"over {line}\"}\n", ":3:", "{line}", "line"},
        {"version: 1\nrules:\n  a:\n    points: 5\n    says: x\n    when:\n      min_dwell: 5s\n",
         ":7:", "min_dwell", "zone_kind"},
        {"version: 1\nrules:\n  a:\n    points: 5\n    says: x\n    when:\n"
         "      {zone_kind: [yard], min_dwell: 5s, max_dwell: 2s}\n",
         ":7:", "max_dwell", ""},
        {"version: 1\nrules:\n  a:\n    points: 5\n    says: x\n    when:\n"
         "      {min_duration: 5s, max_duration: 2s}\n",
         ":7:", "max_duration", ""},
        {"version: 1\nrules:\n  a: {points: 5, says: x, when: {hours: nigt}}\n", ":3:", "nigt",
         "night"},
        {"version: 1\nrules:\n  a: {points: 5, says: \"{who} {usual}\"}\n", ":3:", "{who}",
         "expected: yes"},
        {"version: 1\nrules:\n  a: {points: 5, says: \"{usual}\"}\n", ":3:", "{usual}", "unusual"},
        {"version: 1\nrules:\n  a: {points: 5, says: \"{owner}\", when: {zone_kind: [yard]}}\n",
         ":3:", "{owner}", "owner: other"},
        {"version: 1\nrules:\n  a: {points: 5, says: x, when: {owner: other}}\n",
         ":3:", "owner needs a zone", "zone_kind"},
        {"version: 1\nrules:\n  a: {points: 5, says: x, when: {unusual: 2}}\n", ":3:", "2", ""},
        {"version: 1\nrules:\n  a: {points: 5, says: x}\n  model: {points: 5, says: x}\n",
         ":4:", "'model' is kept", ""},
        {"version: 1\nrules:\n  model-rejected: {points: 5, says: x}\n", ":3:", "is kept", ""},
        {"version: 1\nrules:\n  limit: {points: 5, says: x}\n", ":3:", "is kept", ""},
        {"version: 1\nrules:\n  feedback: {points: 5, says: x}\n", ":3:", "is kept", ""},
        {"version: 1\nrules:\n  none: {points: 5, says: x}\n", ":3:", "is kept", ""},
        {"rules:\n  a: {points: 5, says: x}\n", "", "version", ""},
        {"version: x\nrules:\n  a: {points: y, says: x}\n", ":1:", "(and 1 more", ""},
        {"version: 0\nrules: {}\n", ":1:", "0", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char path[32];
        write_rules(path, cases[i].text);
        struct risk_conf conf;
        opt_defaults(&risk_section, &conf);
        STR_COPY(conf.rules, path);
        struct scorer *scorer;
        struct err err = {0};
        if (scorer_open(&scorer_rules, &conf, &scorer, &err))
            fail_msg("accepted: %s", cases[i].text);
        unlink(path);
        CHECK(scorer == NULL);
        char where[64];
        snprintf(where, sizeof where, "%s%s", path, cases[i].where);
        CHECK_CONTAINS(err.msg, where);
        CHECK_CONTAINS(err.msg, cases[i].msg);
        CHECK_CONTAINS(err.hint, cases[i].hint);
    }
}

static void a_missing_file_is_named(void **state)
{
    (void)state;
    struct risk_conf conf;
    opt_defaults(&risk_section, &conf);
    STR_COPY(conf.rules, "no-such-folder/rules.yaml");
    struct scorer *scorer;
    struct err err = {0};
    CHECK(!scorer_open(&scorer_rules, &conf, &scorer, &err));
    CHECK_CONTAINS(err.msg, "no-such-folder/rules.yaml");
}

static void own_rules_replace_the_built_in_ones(void **state)
{
    (void)state;
    char path[32];
    write_rules(path, "version: 7\n"
                      "rules:\n"
                      "  each: {points: 40, max_times: 3, says: \"{label}, one of {count}\",\n"
                      "         when: {kind: [person]}}\n"
                      "  calm: {points: -30, says: a dog keeps watch, when: {label: [dog]}}\n");
    struct scorer *scorer = open_scorer(path);
    unlink(path);
    static const struct {
        int people, dogs, score, reasons;
    } cases[] = {
        {1, 0, 40, 1}, {2, 0, 80, 2}, {4, 0, 100, 4}, {1, 1, 10, 2}, {0, 1, 0, 2}, {0, 0, 0, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct stage stage;
        stage_open(&stage, true, NULL);
        struct actor person = {.label = "person", .seconds = 5}, dog = {.label = "dog"};
        for (int n = 0; n < cases[i].people; n++)
            stage_enter(&stage, &person);
        for (int n = 0; n < cases[i].dogs; n++)
            stage_enter(&stage, &dog);
        struct verdict verdict;
        struct err err;
        CHECK(scorer_score(scorer, stage.event, &stage.context, &verdict, &err));
        CHECK_INT(verdict.score, cases[i].score);
        CHECK_INT(verdict.reason_count, cases[i].reasons);
        CHECK_STR(verdict.scorer, "rules 7");
        stage_close(&stage);
    }
    scorer_close(&scorer);
}

static void what_is_not_shown_does_not_count(void **state)
{
    (void)state;
    char text[4096] = "version: 1\nrules:\n";
    for (int i = 0; i < 40; i++) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "  r%02d: {points: %d, says: x}\n", i,
                 i < 20 ? 1 : 2);
    }
    char path[32];
    write_rules(path, text);
    struct scorer *scorer = open_scorer(path);
    unlink(path);
    struct stage stage;
    stage_open(&stage, true, NULL);
    struct actor person = {.label = "person", .seconds = 5};
    stage_enter(&stage, &person);
    struct verdict verdict;
    struct err err;
    CHECK(scorer_score(scorer, stage.event, &stage.context, &verdict, &err));
    CHECK_INT(verdict.reason_count, RULE_REASONS_MAX);
    CHECK_INT(verdict.score, 20 * 2 + (RULE_REASONS_MAX - 20));
    stage_close(&stage);
    scorer_close(&scorer);
}

/* The hash is of the text, so that a window tells which rules it was scored by. */
static void a_hash_is_of_the_text(void **state)
{
    (void)state;
    uint8_t own[32], file[32], again[32];
    char path[32];
    struct err err = {0};
    write_rules(path, "abc");
    CHECK(rules_hash("", own, &err));
    CHECK(rules_hash(path, file, &err));
    CHECK(rules_hash(path, again, &err));
    unlink(path);
    static const uint8_t abc[4] = {0xba, 0x78, 0x16, 0xbf};
    CHECK(memcmp(file, abc, sizeof abc) == 0);
    CHECK(memcmp(file, again, 32) == 0);
    CHECK(memcmp(file, own, 32) != 0);
    CHECK(!rules_hash(path, again, &err));
    CHECK_CONTAINS(err.msg, path);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(mistakes_are_pointed_at),
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(own_rules_replace_the_built_in_ones),
        cmocka_unit_test(what_is_not_shown_does_not_count),
        cmocka_unit_test(a_hash_is_of_the_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
