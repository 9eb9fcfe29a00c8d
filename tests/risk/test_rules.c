/* The built-in rules on a home's everyday scenes: the table of docs/design/risk.md. */
#include "test.h"

#include "model/judgement.h"
#include "risk/rules.h"
#include "risk/scenes.h"
#include "risk/window.h"

#include <stdlib.h>

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

/* Of the rules: the cut is told by the score. */
static void names_of(const struct verdict *verdict, char *out, size_t bytes)
{
    out[0] = '\0';
    for (int i = 0; i < verdict->reason_count; i++) {
        size_t used = strlen(out);
        if (strcmp(verdict->reasons[i].rule, REASON_LIMIT) == 0)
            continue;
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
        CHECK_STR(verdict.scorer, "rules 3");
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
        if (strcmp(r->rule, REASON_LIMIT) == 0) {
            CHECK(i == verdict->reason_count - 1 && uuid_is_zero(&r->track));
            continue;
        }
        CHECK(i == 0 || r->points <= verdict->reasons[i - 1].points);
        int t = 0;
        while (t < event->track_count && !uuid_equal(&event->tracks[t].id, &r->track))
            t++;
        CHECK(t < event->track_count);
        CHECK(r->at.pts_us >= event->tracks[t].first.pts_us &&
              r->at.pts_us <= event->tracks[t].last.pts_us);
        CHECK(box_area(r->at.box) > 0);
    }
    CHECK(sum >= 0 && sum <= 100);
    CHECK_INT(verdict->score, sum);
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

static int sum_of(const struct verdict *verdict)
{
    int sum = 0;
    for (int i = 0; i < verdict->reason_count; i++)
        sum += verdict->reasons[i].points;
    return sum;
}

/* Everything a model may say about it, and after it, when the rules gave that. */
static void check_judged(const char *id, struct verdict *verdict)
{
    static const int scores[] = {0, 10, 29, 30, 50, 75, 100}, mosts[] = {0, 1, 25, 100};
    int rules = verdict->score;
    const int seen[] = {SCORE_NONE, rules, rules / 2};
    struct judgement j;
    memset(&j, 0, sizeof j);
    j.state = JUDGEMENT_DONE;
    int cases = 3 * ARRAY_LEN(scores) * ARRAY_LEN(mosts) * ARRAY_LEN(seen);
    for (int i = 0; i < cases; i++) {
        j.verdict = i % 3;
        j.score = scores[i / 3 % (int)ARRAY_LEN(scores)];
        j.max_change = mosts[i / 21 % (int)ARRAY_LEN(mosts)];
        j.rules_score = seen[i / 84];
        judgement_apply(&j, verdict);
        bool old = j.rules_score != SCORE_NONE && rules > j.rules_score;
        bool rejected = j.verdict == MODEL_REJECTED && j.max_change > 0 && !old;
        int change = verdict->score - rules;
        if (sum_of(verdict) != verdict->score || verdict->score < 0 || verdict->score > 100 ||
            (!rejected && abs(change) > j.max_change) || (rejected && verdict->score > 29) ||
            (j.verdict == MODEL_REJECTED && change > 0) || (old && change < 0))
            fail_msg("%s: rules %d, model %d (%s), at most %d, seen %d: %d of rows that give %d",
                     id, rules, j.score, model_verdict_names[j.verdict], j.max_change,
                     j.rules_score, verdict->score, sum_of(verdict));
    }
    judgement_undo(verdict);
}

/* For all that is in it, wherever it was. */
static void set_offsets(const struct event *event, int points, struct offsets *ret)
{
    ret->count = 0;
    for (int t = 0; t < event->track_count; t++)
        for (int z = -1; z < ZONES_MAX; z++) {
            const struct track *track = &event->tracks[t];
            if ((z >= 0 && !track->zones[z].seen) || ret->count == OFFSETS_MAX)
                continue;
            struct offset *offset = &ret->items[ret->count++];
            *offset = (struct offset){.points = points, .count = 2};
            STR_COPY(offset->label, track->label);
            if (z >= 0)
                STR_COPY(offset->zone, track->zones[z].name);
        }
}

/* Over the set that comes with the program, whatever people and a model said. */
static void rows_add_up_to_the_score(void **state)
{
    (void)state;
    char path[512], text[64 * 1024];
    snprintf(path, sizeof path, "%s/../share/evaluate/home.jsonl", getenv("HSI_TESTS"));
    FILE *file = fopen(path, "r");
    if (!file)
        fail_msg("%s cannot be read", path);
    struct scorer *scorer = open_scorer();
    int count = 0, cut = 0;
    while (fgets(text, sizeof text, file)) {
        struct window_label label;
        struct window *window;
        struct offsets offsets;
        struct verdict verdict, before;
        struct err err = {0};
        if (!window_parse_line(text, strlen(text), &window, &label, &err))
            fail_msg("%s", err.msg);
        for (int points = -20; points <= 20; points += 8) {
            set_offsets(window->event, points, &offsets);
            window->context.offsets = &offsets;
            CHECK(scorer_score(scorer, window->event, &window->context, &verdict, &err));
            if (sum_of(&verdict) != verdict.score || verdict.score < 0 || verdict.score > 100)
                fail_msg("%s: %d, of rows that give %d", label.id, verdict.score, sum_of(&verdict));
            cut += strcmp(verdict.reasons[verdict.reason_count - 1].rule, REASON_LIMIT) == 0;
            before = verdict;
            check_judged(label.id, &verdict);
            assert_memory_equal(&verdict, &before, sizeof verdict);
        }
        window->context.offsets = NULL;
        window_free(&window);
        count++;
    }
    fclose(file);
    scorer_close(&scorer);
    print_message("# %d windows, %d of %d verdicts were cut\n", count, cut, 6 * count);
    CHECK(count >= 200 && cut >= 50);
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
        cmocka_unit_test(rows_add_up_to_the_score),
        cmocka_unit_test(the_strongest_track_is_the_evidence),
    };
    return cmocka_run_group_tests(tests, in_berlin, NULL);
}
