/* What was seen, written out as a line of an evaluation set, scores as it did. */
#include "test.h"

#include "risk/window.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int score_of(struct scorer *scorer, const struct window *window)
{
    struct err err = {0};
    AUTO(free_ptr) struct verdict *verdict = NEW(struct verdict);
    setenv("TZ", window->timezone, 1);
    tzset();
    if (!scorer_score(scorer, window->event, &window->context, verdict, &err))
        fail_msg("%s", err.msg);
    return verdict->score;
}

static void a_line_written_again_scores_the_same(void **state)
{
    (void)state;
    struct risk_conf conf;
    opt_defaults(&risk_section, &conf);
    AUTO(scorer_close) struct scorer *scorer = NULL;
    struct err err = {0};
    CHECK(scorer_open(&scorer_rules, &conf, &scorer, &err));
    char path[512];
    snprintf(path, sizeof path, "%s/../share/evaluate/home.jsonl", getenv("HSI_TESTS"));
    FILE *set = fopen(path, "re");
    CHECK(set != NULL);
    char *line = NULL;
    size_t room = 0;
    ssize_t bytes;
    int count = 0;
    while ((bytes = getline(&line, &room, set)) > 1) {
        AUTO(window_free) struct window *first = NULL;
        AUTO(window_free) struct window *again = NULL;
        struct window_label label, label_again;
        CHECK(window_parse_line(line, (size_t)bytes - 1, &first, &label, &err));
        int score = score_of(scorer, first);
        AUTO(json_done) struct json j;
        json_init(&j);
        window_line_json(&j, first, &label, "somebody said so");
        if (!window_parse_line(j.text, j.bytes, &again, &label_again, &err))
            fail_msg("%s: %s\n%s", label.id, err.msg, j.text);
        CHECK(strcmp(label.id, label_again.id) == 0);
        CHECK_INT(label.expect_level, label_again.expect_level);
        CHECK_INT(label.incident, label_again.incident);
        if (score_of(scorer, again) != score)
            fail_msg("%s: %d, then %d\n%s", label.id, score, score_of(scorer, again), j.text);
        count++;
    }
    CHECK(count >= 200);
    free(line);
    fclose(set);
    opt_free(&risk_section, &conf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_line_written_again_scores_the_same)};
    return cmocka_run_group_tests_name("risk/window_label", tests, NULL, NULL);
}
