/* What a language model's judgement does to a verdict, and that it survives being stored. */
#include "test.h"

#include "model/judgement.h"

#include <stdlib.h>

static struct verdict rules_verdict(const int *points, int count)
{
    struct verdict v;
    memset(&v, 0, sizeof v);
    int sum = 0;
    for (int i = 0; i < count; i++) {
        struct reason *r = &v.reasons[v.reason_count++];
        snprintf(r->rule, sizeof r->rule, "rule-%d", i);
        r->points = points[i];
        r->at.pts_us = 1000 + i;
        sum += points[i];
    }
    v.score = CLAMP(sum, 0, 100);
    verdict_balance(&v);
    STR_COPY(v.scorer, "rules 1");
    STR_COPY(v.summary, "A person was seen.");
    return v;
}

static struct judgement judged(int verdict, int score, int max_change)
{
    struct judgement j;
    memset(&j, 0, sizeof j);
    j.state = JUDGEMENT_DONE;
    j.verdict = verdict;
    j.score = score;
    j.max_change = max_change;
    j.rules_score = SCORE_NONE;
    STR_COPY(j.model, "tiny");
    STR_COPY(j.summary, "Somebody took the parcel.");
    return j;
}

static int sum_of(const struct verdict *v)
{
    int sum = 0;
    for (int i = 0; i < v->reason_count; i++)
        sum += v->reasons[i].points;
    return sum;
}

static const struct reason *row_of(const struct verdict *v, const char *rule)
{
    for (int i = 0; i < v->reason_count; i++)
        if (strcmp(v->reasons[i].rule, rule) == 0)
            return &v->reasons[i];
    return NULL;
}

#define NO_ROW 1000

static const struct {
    int points[3], count;
    int verdict, score, max_change;
    int final, limit, model, rejected; /* points of the rows; NO_ROW: there is none */
} applied[] = {
    /* The whole way, within the bound, either way. */
    {{40}, 1, MODEL_CONFIRMED, 60, 25, 60, NO_ROW, 20, NO_ROW},
    {{40}, 1, MODEL_CONFIRMED, 95, 25, 65, NO_ROW, 25, NO_ROW},
    {{40}, 1, MODEL_CONFIRMED, 0, 25, 15, NO_ROW, -25, NO_ROW},
    {{40}, 1, MODEL_CONFIRMED, 40, 25, 40, NO_ROW, 0, NO_ROW},
    {{40}, 1, MODEL_CONFIRMED, 90, 0, 40, NO_ROW, 0, NO_ROW},
    /* Uncertain counts as much. */
    {{40}, 1, MODEL_UNCERTAIN, 50, 25, 50, NO_ROW, 10, NO_ROW},
    {{60, 10, 0}, 3, MODEL_UNCERTAIN, 10, 20, 50, NO_ROW, -20, NO_ROW},
    /* Rejected ends in the low band, and raises nothing. */
    {{90}, 1, MODEL_REJECTED, 5, 25, 29, NO_ROW, -25, -36},
    {{90}, 1, MODEL_REJECTED, 100, 25, 29, NO_ROW, 0, -61},
    {{40}, 1, MODEL_REJECTED, 10, 25, 15, NO_ROW, -25, NO_ROW},
    {{10}, 1, MODEL_REJECTED, 100, 25, 10, NO_ROW, 0, NO_ROW},
    {{29}, 1, MODEL_REJECTED, 29, 25, 29, NO_ROW, 0, NO_ROW},
    {{30}, 1, MODEL_REJECTED, 30, 25, 29, NO_ROW, 0, -1},
    /* A model that may change nothing does not, whatever it says. */
    {{100}, 1, MODEL_REJECTED, 0, 0, 100, NO_ROW, 0, NO_ROW},
    {{30}, 1, MODEL_REJECTED, 30, 0, 30, NO_ROW, 0, NO_ROW},
    {{100}, 1, MODEL_REJECTED, 0, -1, 100, NO_ROW, 0, NO_ROW},
    {{100}, 1, MODEL_REJECTED, 0, 1, 29, NO_ROW, -1, -70},
    /* A sum outside 0..100 has a row of its own before. */
    {{70, 60, 0}, 3, MODEL_CONFIRMED, 80, 25, 80, -30, -20, NO_ROW},
    {{70, 60, 0}, 3, MODEL_CONFIRMED, 100, 25, 100, -30, 0, NO_ROW},
    {{-40, 10}, 2, MODEL_CONFIRMED, 80, 25, 25, 30, 25, NO_ROW},
    {{70, 60}, 2, MODEL_REJECTED, 0, 100, 0, -30, -100, NO_ROW},
    /* Numbers that no parser lets through still do no harm. */
    {{40}, 1, MODEL_CONFIRMED, 100000, 100000, 100, NO_ROW, 60, NO_ROW},
    {{40}, 1, MODEL_CONFIRMED, -5, -5, 40, NO_ROW, 0, NO_ROW},
};

static void rows_and_score(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(applied); i++) {
        struct verdict v = rules_verdict(applied[i].points, applied[i].count), before = v;
        struct judgement j = judged(applied[i].verdict, applied[i].score, applied[i].max_change);
        judgement_apply(&j, &v);
        print_message("# row %zu: %d\n", i, v.score);
        CHECK_INT(v.score, applied[i].final);
        CHECK_INT(sum_of(&v), v.score);
        const struct reason *limit = row_of(&v, REASON_LIMIT), *model = row_of(&v, REASON_MODEL),
                            *rejected = row_of(&v, REASON_MODEL_REJECTED);
        CHECK_INT(limit ? limit->points : NO_ROW, applied[i].limit);
        CHECK_INT(model ? model->points : NO_ROW, applied[i].model);
        CHECK_INT(rejected ? rejected->points : NO_ROW, applied[i].rejected);
        CHECK_STR(v.scorer, "rules 1 + tiny");
        CHECK_STR(v.summary, before.summary);

        struct verdict once = v;
        judgement_apply(&j, &v);
        assert_memory_equal(&v, &once, sizeof v);
        judgement_undo(&v);
        assert_memory_equal(&v, &before, sizeof v);
        judgement_undo(&v);
        assert_memory_equal(&v, &before, sizeof v);
    }
}

static void every_score_stays_in_range(void **state)
{
    (void)state;
    for (int rules = -30; rules <= 130; rules++)
        for (int score = 0; score <= 100; score += 5)
            for (int verdict = 0; verdict < 3; verdict++)
                for (int most = 0; most <= 100; most += 20) {
                    struct verdict v = rules_verdict(&rules, 1);
                    struct judgement j = judged(verdict, score, most);
                    int was = v.score;
                    judgement_apply(&j, &v);
                    CHECK(v.score >= 0 && v.score <= 100 && sum_of(&v) == v.score);
                    CHECK(verdict == MODEL_REJECTED || abs(v.score - was) <= most);
                    CHECK(verdict != MODEL_REJECTED || v.score <= was);
                    CHECK(verdict != MODEL_REJECTED || most == 0 || v.score <= 29);
                }
}

static void what_changes_nothing(void **state)
{
    (void)state;
    struct verdict v = rules_verdict((int[]){40}, 1), before = v;
    struct judgement j = judged(MODEL_CONFIRMED, 90, 25);
    j.state = JUDGEMENT_WAITING;
    judgement_apply(&j, &v);
    assert_memory_equal(&v, &before, sizeof v);
    j.state = JUDGEMENT_FAILED;
    judgement_apply(&j, &v);
    assert_memory_equal(&v, &before, sizeof v);

    /* A failure after a success takes the success back. */
    j.state = JUDGEMENT_DONE;
    judgement_apply(&j, &v);
    CHECK_INT(v.score, 65);
    j.state = JUDGEMENT_FAILED;
    judgement_apply(&j, &v);
    assert_memory_equal(&v, &before, sizeof v);

    /* What could not be judged stays so. */
    j.state = JUDGEMENT_DONE;
    v.score = before.score = SCORE_NONE;
    judgement_apply(&j, &v);
    assert_memory_equal(&v, &before, sizeof v);

    /* No room: the rows could not add up. */
    v = rules_verdict((int[REASONS_MAX]){1, 2, 3}, REASONS_MAX - JUDGEMENT_ROWS_MAX + 1);
    before = v;
    judgement_apply(&j, &v);
    assert_memory_equal(&v, &before, sizeof v);
    v = rules_verdict((int[REASONS_MAX]){90, 2, 3}, REASONS_MAX - JUDGEMENT_ROWS_MAX);
    j.verdict = MODEL_REJECTED;
    judgement_apply(&j, &v);
    CHECK_INT(v.reason_count, REASONS_MAX);
    CHECK_INT(v.score, 29);
}

static void rows_say_why(void **state)
{
    (void)state;
    struct verdict v = rules_verdict((int[]){70, 50}, 2);
    struct judgement j = judged(MODEL_REJECTED, 12, 25);
    j.claim_count = 1;
    j.claims[0].evidence_count = 1;
    j.claims[0].evidence[0].track.bytes[3] = 7;
    j.claims[0].evidence[0].at.pts_us = 77;
    memset(j.summary, 'x', sizeof j.summary - 1);
    for (size_t i = 100; i + 2 < sizeof j.summary; i += 2)
        memcpy(j.summary + i, "\xc3\xa4", 2);
    judgement_apply(&j, &v);
    const struct reason *limit = row_of(&v, REASON_LIMIT), *model = row_of(&v, REASON_MODEL);
    CHECK_STR(limit->text, "the reasons above add up to 120; no score is above 100");
    CHECK_INT(limit->at.pts_us, 1000);
    CHECK_CONTAINS(model->text, "the model gave 12 (rejected): xxx");
    CHECK_INT(model->at.pts_us, 77);
    CHECK_INT(model->track.bytes[3], 7);
    CHECK_STR(row_of(&v, REASON_MODEL_REJECTED)->text,
              "the model rejects what was reported: at most 29");
    /* Cut between characters, so that it is still text. */
    size_t end = strlen(model->text);
    CHECK(end >= sizeof model->text - 3 && (unsigned char)model->text[end - 1] == 0xa4);

    memset(j.model, 'm', sizeof j.model - 1);
    judgement_apply(&j, &v);
    CHECK_INT(strlen(v.scorer), sizeof v.scorer - 1);
    j.model[0] = '\0';
    judgement_apply(&j, &v);
    CHECK_STR(v.scorer, "rules 1 + model");

    j.claim_count = 0;
    judgement_apply(&j, &v);
    CHECK_INT(row_of(&v, REASON_MODEL)->at.pts_us, 1000);
    CHECK(uuid_is_zero(&row_of(&v, REASON_MODEL)->track));
}

/* What the rules gave when the model was asked, and what they give now. */
static void what_has_happened_since_is_not_hidden(void **state)
{
    (void)state;
    static const struct {
        int seen, now, verdict, score, final;
    } rows[] = {
        {65, 65, MODEL_REJECTED, 5, 29},
        {65, 100, MODEL_REJECTED, 5, 100},
        {65, 66, MODEL_REJECTED, 100, 66},
        {65, 40, MODEL_REJECTED, 5, 15},
        {0, 1, MODEL_REJECTED, 0, 1},
        {65, 100, MODEL_CONFIRMED, 70, 100},
        {65, 90, MODEL_UNCERTAIN, 10, 90},
        {65, 65, MODEL_UNCERTAIN, 10, 40},
        {65, 70, MODEL_CONFIRMED, 90, 90},
        {40, 50, MODEL_CONFIRMED, 100, 75},
        {SCORE_NONE, 100, MODEL_REJECTED, 5, 29},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct verdict v = rules_verdict(&rows[i].now, 1), before = v;
        struct judgement j = judged(rows[i].verdict, rows[i].score, 25);
        j.rules_score = rows[i].seen;
        judgement_apply(&j, &v);
        print_message("# row %zu: %d\n", i, v.score);
        CHECK_INT(v.score, rows[i].final);
        CHECK_INT(sum_of(&v), v.score);
        judgement_undo(&v);
        assert_memory_equal(&v, &before, sizeof v);
    }
    struct verdict v = rules_verdict((int[]){100}, 1);
    struct judgement j = judged(MODEL_REJECTED, 5, 25);
    j.rules_score = 65;
    judgement_apply(&j, &v);
    CHECK_STR(row_of(&v, REASON_MODEL)->text,
              "the model gave 5 (rejected) when the rules gave 65; they have risen since, so it "
              "lowers nothing: Somebody took the parcel.");
    CHECK(!row_of(&v, REASON_MODEL_REJECTED));
}

/* Scorers balance their verdicts; of those stored before, applying does. */
static void rows_add_up(void **state)
{
    (void)state;
    struct verdict v = rules_verdict((int[]){-10, 5}, 2);
    CHECK_INT(v.score, 0);
    CHECK_INT(v.reason_count, 3);
    CHECK_INT(v.reasons[2].points, 5);
    CHECK_STR(v.reasons[2].rule, REASON_LIMIT);
    CHECK_STR(v.reasons[2].text, "the reasons above add up to -5; no score is below 0");
    CHECK_INT(v.reasons[2].at.pts_us, v.reasons[0].at.pts_us);
    struct verdict balanced = v, old = v;
    verdict_balance(&v);
    assert_memory_equal(&v, &balanced, sizeof v);

    memset(&old.reasons[2], 0, sizeof old.reasons[2]);
    old.reason_count = 2;
    struct judgement j = judged(MODEL_CONFIRMED, 20, 25);
    judgement_apply(&j, &old);
    judgement_apply(&j, &v);
    assert_memory_equal(&v, &old, sizeof v);
    CHECK_INT(sum_of(&v), 20);
    judgement_undo(&v);
    assert_memory_equal(&v, &balanced, sizeof v);

    v.score = SCORE_NONE;
    v.reason_count = 0;
    verdict_balance(&v);
    CHECK_INT(v.reason_count, 0);
    int many[REASONS_MAX + 1] = {500};
    v = rules_verdict(many, REASONS_MAX);
    CHECK_INT(v.reason_count, REASONS_MAX); /* no room */
}

/* -- stored -- */

static void fill_text(char *text, size_t bytes, unsigned seed)
{
    static const char *const parts[] = {
        "a", "\"", "\\", "\n", "\x01", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x9a\xaa", "</", "z"};
    size_t used = 0;
    for (;;) {
        const char *part = parts[(seed = seed * 1103515245u + 12345u) >> 16 & 7];
        if (used + strlen(part) >= bytes)
            break;
        memcpy(text + used, part, strlen(part));
        used += strlen(part);
    }
    text[used] = '\0';
}

static float noise(unsigned *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (float)(*seed >> 8) / (float)(1 << 24);
}

static void fill(struct judgement *j, unsigned seed)
{
    *j = judged((int)(seed % 3), (int)(seed % 101), 25);
    memset(&j->id, (int)(seed + 1), sizeof j->id);
    memset(&j->event, (int)(seed + 2), sizeof j->event);
    fill_text(j->summary, sizeof j->summary, seed);
    fill_text(j->reasoning, sizeof j->reasoning, seed + 1);
    fill_text(j->build, sizeof j->build, seed + 2);
    j->revision = (int)seed;
    j->rules_score = (int)(seed % 102) - 1; /* one in a hundred is not known */
    j->dropped_count = 3;
    j->attempts = 2;
    j->prompt_tokens = 12345;
    j->cached_tokens = -1;
    j->reply_tokens = 99;
    j->pictures = 4;
    j->spent_us = 1234567 + (int64_t)seed;
    j->wall_us = 1795179000123456 + (int64_t)seed;
    j->claim_count = CLAIMS_MAX;
    for (int i = 0; i < CLAIMS_MAX; i++) {
        struct claim *c = &j->claims[i];
        fill_text(c->text, sizeof c->text, seed + 10 + (unsigned)i);
        c->evidence_count = 1 + i % CLAIM_EVIDENCE_MAX;
        for (int k = 0; k < c->evidence_count; k++) {
            struct evidence *e = &c->evidence[k];
            e->track.bytes[0] = (uint8_t)(k + i); /* zero: the whole event */
            e->at.pts_us = k == 1 ? -1500000 : (int64_t)(seed % 999) * 1000000000003 + k;
            e->at.wall_us = k == 1 ? TIME_UNKNOWN : 1795179000000001 + k;
            float x = noise(&seed), y = noise(&seed), w = noise(&seed), h = noise(&seed);
            e->at.box = (struct box){x, y, x + (1 - x) * w * w * w, y + (1 - y) * h * h * h};
            e->at.score = noise(&seed);
            if (k == 0)
                fill_text(e->zone, sizeof e->zone, seed);
            if (k == 2)
                STR_COPY(e->rule, "at-entry");
        }
    }
}

static void comes_back_bit_by_bit(void **state)
{
    (void)state;
    struct json out;
    json_init(&out);
    size_t longest = 0;
    for (unsigned seed = 0; seed < 500; seed++) {
        struct judgement j, back;
        struct err err = {0};
        fill(&j, seed * 7919);
        json_reset(&out);
        judgement_json(&out, NULL, &j);
        if (!judgement_parse(out.text, out.bytes, &back, &err))
            fail_msg("seed %u: %s", seed, err.msg);
        assert_memory_equal(&back, &j, sizeof j);
        longest = MAX(longest, out.bytes);
    }
    print_message("# the longest takes %zu bytes\n", longest);
    CHECK(longest < JUDGEMENT_JSON_BYTES_MAX / 2);

    struct judgement waiting, back;
    memset(&waiting, 0, sizeof waiting);
    waiting.score = waiting.rules_score = SCORE_NONE;
    STR_COPY(waiting.reason, "the model server is down");
    json_reset(&out);
    judgement_json(&out, NULL, &waiting);
    CHECK(judgement_parse(out.text, out.bytes, &back, NULL));
    assert_memory_equal(&back, &waiting, sizeof back);
    json_done(&out);
}

/* A text that was cut inside a character grows when written; it is still read. */
static void broken_text_is_read(void **state)
{
    (void)state;
    struct judgement j = judged(MODEL_CONFIRMED, 50, 25), back;
    memset(j.summary, 'x', sizeof j.summary - 1);
    j.summary[sizeof j.summary - 2] = '\xc3';
    struct json out;
    json_init(&out);
    judgement_json(&out, NULL, &j);
    CHECK(judgement_parse(out.text, out.bytes, &back, NULL));
    CHECK_INT(strlen(back.summary), sizeof j.summary - 2);
    json_done(&out);
}

static const struct {
    const char *was, *is;
} damages[] = {
    {"\"done\"", "\"over\""},
    {"\"done\"", "null"},
    {"\"confirmed\"", "\"critical\""},
    {"\"score\":50", "\"score\":101"},
    {"\"score\":50", "\"score\":-1"},
    {"\"score\":50", "\"score\":50.5"},
    {"\"score\":50", "\"score\":1e400"},
    {"\"score\":50", "\"score\":99999999999999999999"},
    {"\"score\":50", "\"score\":50,\"score\":50"},
    {"\"score\":50,", ""},
    {"\"rules_score\":64", "\"rules_score\":null"},
    {"\"rules_score\":64", "\"rules_score\":-1"},
    {"\"rules_score\":64", "\"rules_score\":101"},
    {"\"rules_score\":64", "\"rules_score\":\"64\""},
    {"\"attempts\":0", "\"attempts\":4294967297"},
    {"\"claims\":[", "\"claims\":[1,2,3,4,5,6,7,8,9,"},
    {"\"claims\":[", "\"claims\":[{\"text\":\"no evidence\",\"evidence\":[]},"},
    {"\"claims\":", "\"claim\":"},
    {"\"width\":0.2", "\"width\":NaN"},
    {"\"width\":0.2", "\"width\":1e300"},
    {"\"width\":0.2", "\"width\":\"0.2\""},
    {"\"at_s\":1.000000", "\"at_s\":1e18"},
    {"\"at\":null", "\"at\":\"yesterday\""},
    {"\"event_id\":null", "\"event_id\":\"42\""},
    {"\"zone\":null", "\"zone\":7"},
    {"{\"state\"", "[{\"state\""},
    {"{\"state\"", "{\"a\\u0000b\":1,\"state\""},
    {"{\"state\"", "{\"a\":\"\xc3\",\"state\""},
};

static void damage_is_told(void **state)
{
    (void)state;
    struct judgement j = judged(MODEL_CONFIRMED, 50, 25), back;
    j.rules_score = 64;
    j.claim_count = j.claims[0].evidence_count = 1;
    j.claims[0].evidence[0].at = (struct sighting){
        US_PER_S, TIME_UNKNOWN, {0.1f, 0.1f, 0.3f, 0.5f}, 0.5f};
    struct json out;
    json_init(&out);
    judgement_json(&out, NULL, &j);
    CHECK(judgement_parse(out.text, out.bytes, &back, NULL));
    for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
        const char *at = strstr(out.text, damages[i].was);
        CHECK(at);
        char bad[8192];
        snprintf(bad, sizeof bad, "%.*s%s%s", (int)(at - out.text), out.text, damages[i].is,
                 at + strlen(damages[i].was));
        struct err err = {0};
        print_message("# %s\n", damages[i].is);
        CHECK(!judgement_parse(bad, strlen(bad), &back, &err));
        CHECK_INT(err.code, ERR_DATA_LOSS);
        CHECK(err.msg[0]);
    }
    for (size_t cut = 0; cut < out.bytes; cut++)
        CHECK(!judgement_parse(out.text, cut, &back, NULL));

    char *deep = calloc(1, JUDGEMENT_JSON_BYTES_MAX + 1);
    memset(deep, '[', JUDGEMENT_JSON_BYTES_MAX);
    CHECK(!judgement_parse(deep, JUDGEMENT_JSON_BYTES_MAX, &back, NULL));
    CHECK(!judgement_parse(deep, JUDGEMENT_JSON_BYTES_MAX + 1, &back, NULL));
    free(deep);
    json_done(&out);
}

/* Judgements stored before rules_score was kept, and what comes of them again. */
static void an_old_judgement_is_read(void **state)
{
    (void)state;
    struct judgement j = judged(MODEL_REJECTED, 5, 25), back;
    struct json out;
    json_init(&out);
    judgement_json(&out, NULL, &j);
    CHECK(!strstr(out.text, "rules_score"));
    CHECK(judgement_parse(out.text, out.bytes, &back, NULL));
    CHECK_INT(back.rules_score, SCORE_NONE);
    struct verdict v = rules_verdict((int[]){90}, 1);
    judgement_apply(&back, &v);
    CHECK_INT(v.score, 29);
    json_done(&out);
}

/* What a later version adds does not keep this one from reading the rest. */
static void unknown_members_are_passed_over(void **state)
{
    (void)state;
    struct judgement j = judged(MODEL_CONFIRMED, 50, 25), back;
    struct json out;
    json_init(&out);
    judgement_json(&out, NULL, &j);
    char more[8192];
    snprintf(more, sizeof more, "{\"mood\":\"calm\",%s", out.text + 1);
    CHECK(judgement_parse(more, strlen(more), &back, NULL));
    assert_memory_equal(&back, &j, sizeof j);
    json_done(&out);
}

static void names(void **state)
{
    (void)state;
    CHECK_STR(model_verdict_names[MODEL_UNCERTAIN], "uncertain");
    CHECK_STR(model_verdict_names[MODEL_REJECTED], "rejected");
    CHECK(!model_verdict_names[MODEL_REJECTED + 1]);
    CHECK_STR(judgement_state_names[JUDGEMENT_FAILED], "failed");
    CHECK(!judgement_state_names[JUDGEMENT_FAILED + 1]);
    CHECK(!reason_is_model(&(struct reason){.rule = REASON_LIMIT}));
    CHECK(!reason_is_finding(&(struct reason){.rule = REASON_LIMIT}));
    CHECK(!reason_is_finding(&(struct reason){.rule = REASON_MODEL}));
    CHECK(reason_is_finding(&(struct reason){.rule = "limits"}));
    CHECK(reason_is_model(&(struct reason){.rule = REASON_MODEL}));
    CHECK(reason_is_model(&(struct reason){.rule = REASON_MODEL_REJECTED}));
    CHECK(!reason_is_model(&(struct reason){.rule = "models"}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_and_score),
        cmocka_unit_test(every_score_stays_in_range),
        cmocka_unit_test(what_changes_nothing),
        cmocka_unit_test(what_has_happened_since_is_not_hidden),
        cmocka_unit_test(rows_add_up),
        cmocka_unit_test(rows_say_why),
        cmocka_unit_test(comes_back_bit_by_bit),
        cmocka_unit_test(broken_text_is_read),
        cmocka_unit_test(damage_is_told),
        cmocka_unit_test(an_old_judgement_is_read),
        cmocka_unit_test(unknown_members_are_passed_over),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
