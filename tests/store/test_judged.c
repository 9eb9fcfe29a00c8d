/* judged: the rules' verdict comes back out of an event's JSON, whatever a model added to it; and
 * what no store wrote is refused. */
#include "asked.h"

#include "store/event_json.h"
#include "store/judged.h"

static void the_rules_verdict_comes_back(void **state)
{
    (void)state;
    AUTO(fixture_free) struct fixture *f = fixture_new();
    AUTO(event_unref) struct event *e = sample_event(f, "porch");
    verdict_balance(&e->verdict);
    struct verdict rules = e->verdict;
    struct outcome o = outcome_of(f, e, OUTCOME_JUDGED);
    run_done(&o.runs[0]);
    o.judgement.state = JUDGEMENT_DONE;
    e->judgement = NEW(struct judgement);
    *e->judgement = o.judgement;
    judgement_apply(e->judgement, &e->verdict);
    struct json j, again;
    json_init(&j);
    json_init(&again);
    event_json(&j, NULL, e);
    struct verdict verdict;
    CHECK(verdict_parse_rules(j.text, j.bytes, &verdict));
    CHECK_INT(verdict.score, 64);
    CHECK_STR(verdict.scorer, "rules 1");
    CHECK_INT(verdict.reason_count, 2);
    CHECK_STR(verdict.reasons[1].rule, REASON_LIMIT); /* the rules' own, it stays */
    const struct reason *r = &verdict.reasons[0];
    CHECK_STR(r->rule, "entry_zone");
    CHECK_STR(r->text, "person in front door");
    CHECK_INT(r->points, 25);
    CHECK(uuid_equal(&r->track, &e->tracks[0].id));
    CHECK_INT(r->at.pts_us, rules.reasons[0].at.pts_us);
    CHECK_INT(r->at.wall_us, rules.reasons[0].at.wall_us);
    CHECK_NEAR(r->at.box.x1, 0.3, 1e-6);
    /* And the same JSON comes of it. */
    judgement_apply(e->judgement, &verdict);
    e->verdict = verdict;
    STR_COPY(e->verdict.summary, rules.summary);
    event_json(&again, NULL, e);
    CHECK_STR(again.text, j.text);
    json_done(&j);
    json_done(&again);
}

#define REASON(members) "{\"scorer\":\"r\",\"risk_score\":5,\"reasons\":[{" members "}]}"
#define EVIDENCE        "\"evidence\":{\"track_id\":null,\"at\":null,\"at_s\":0,\"box\":null}"

/* A verdict stored by itself before scorers balanced theirs, and one stored with a model's rows. */
static void verdicts_of_before_come_back(void **state)
{
    (void)state;
    static const char *const stored[] = {
        "{\"scorer\":\"rules 2\",\"risk_score\":100,\"rules_score\":100,\"reasons\":["
        "{\"rule\":\"a\",\"points\":130,\"text\":\"t\"," EVIDENCE "}]}",
        "{\"scorer\":\"rules 2 + tiny\",\"risk_score\":90,\"rules_score\":100,\"reasons\":["
        "{\"rule\":\"a\",\"points\":130,\"text\":\"t\"," EVIDENCE "},"
        "{\"rule\":\"limit\",\"points\":-30,\"text\":\"t\"," EVIDENCE "},"
        "{\"rule\":\"model\",\"points\":-10,\"text\":\"t\"," EVIDENCE "}]}",
    };
    for (size_t i = 0; i < ARRAY_LEN(stored); i++) {
        struct verdict verdict;
        CHECK(verdict_parse_rules(stored[i], strlen(stored[i]), &verdict));
        CHECK_INT(verdict.score, 100);
        CHECK_STR(verdict.scorer, "rules 2");
        CHECK_INT(verdict.reason_count, i + 1);
        struct judgement judgement = {
            .state = JUDGEMENT_DONE, .score = 80, .max_change = 25, .rules_score = SCORE_NONE};
        judgement_apply(&judgement, &verdict);
        CHECK_INT(verdict.score, 80);
        CHECK_INT(verdict.reason_count, 3);
        CHECK_INT(verdict.reasons[1].points, -30);
        CHECK_INT(verdict.reasons[2].points, -20);
    }
}

static void what_no_store_wrote_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        bool ok;
    } cases[] = {
        {REASON("\"rule\":\"a\",\"points\":5,\"text\":\"t\"," EVIDENCE), true},
        {"{\"scorer\":\"r\",\"risk_score\":null,\"reasons\":[]}", true},
        {"{\"scorer\":\"r\",\"risk_score\":5,\"rules_score\":null,\"reasons\":[]}", true},
        {"", false},
        {"[]", false},
        {"{\"risk_score\":5,\"reasons\":[]}", false},
        {"{\"scorer\":\"r\",\"risk_score\":\"5\",\"reasons\":[]}", false},
        {"{\"scorer\":\"r\",\"risk_score\":5,\"rules_score\":[],\"reasons\":[]}", false},
        {"{\"scorer\":\"r\",\"risk_score\":5,\"reasons\":{}}", false},
        {"{\"scorer\":\"r\",\"risk_score\":5,\"reasons\":[1]}", false},
        {"{\"scorer\":\"r\",\"risk_score\":5,\"reasons\":[1", false},
        {REASON("\"rule\":\"a\",\"points\":5,\"text\":\"t\""), false},
        {REASON("\"rule\":\"a\",\"points\":5e9,\"text\":\"t\"," EVIDENCE), false},
        {REASON("\"rule\":\"a\",\"points\":99999,\"text\":\"t\"," EVIDENCE), false},
        {REASON("\"rule\":7,\"points\":5,\"text\":\"t\"," EVIDENCE), false},
        {REASON("\"rule\":\"a rule whose name is much longer than a name may be, by far\","
                "\"points\":5,\"text\":\"t\"," EVIDENCE),
         false},
        {REASON("\"rule\":\"a\",\"points\":5,\"text\":\"t\",\"evidence\":{\"track_id\":\"x\"}"),
         false},
        {REASON("\"rule\":\"a\",\"points\":5,\"text\":\"t\",\"evidence\":{\"at\":\"noon\"}"),
         false},
        {REASON("\"rule\":\"a\",\"points\":5,\"text\":\"t\",\"evidence\":{\"at_s\":1e300}"), false},
    };
    struct verdict verdict;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (verdict_parse_rules(cases[i].json, strlen(cases[i].json), &verdict) != cases[i].ok)
            fail_msg("%s: %s", cases[i].json, cases[i].ok ? "refused" : "taken");
}

static void more_reasons_than_there_may_be_are_refused(void **state)
{
    (void)state;
    for (int count = REASONS_MAX; count <= REASONS_MAX + 1; count++) {
        struct json j;
        json_init(&j);
        json_begin_object(&j, NULL);
        json_text(&j, "scorer", "rules 1");
        json_int(&j, "risk_score", 5);
        json_begin_array(&j, "reasons");
        for (int i = 0; i < count; i++)
            json_raw(&j, NULL, "{\"rule\":\"a\",\"points\":1,\"text\":\"t\"," EVIDENCE "}");
        json_end_array(&j);
        json_end_object(&j);
        struct verdict verdict;
        CHECK_INT(verdict_parse_rules(j.text, j.bytes, &verdict), count == REASONS_MAX);
        json_done(&j);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rules_verdict_comes_back),
        cmocka_unit_test(verdicts_of_before_come_back),
        cmocka_unit_test(what_no_store_wrote_is_refused),
        cmocka_unit_test(more_reasons_than_there_may_be_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
