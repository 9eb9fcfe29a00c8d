/* The scorer's frame around any scorer_ops, and the risk section of the configuration. */
#include "test.h"

#include "base/conf/conf.h"
#include "risk/risk.h"
#include "risk/stage.h"

/* A scorer that counts what is asked of it through the configuration's rules text. */
struct double_priv {
    char mode;
    int scored;
};

static int closed;

static bool double_open(void *priv, const struct risk_conf *conf, struct err *err)
{
    struct double_priv *d = priv;
    CHECK_INT(d->scored, 0);
    d->mode = conf->rules[0];
    return d->mode != 'r' || err_set(err, ERR_UNAVAILABLE, "model is not loaded");
}

static bool double_score(void *priv, const struct event *event, const struct risk_context *context,
                         struct verdict *ret, struct err *err)
{
    struct double_priv *d = priv;
    (void)context;
    ret->score = 40 + event->track_count + d->scored++;
    ret->reason_count = 3;
    return d->mode != 'f' || err_set(err, ERR_UNAVAILABLE, "no answer");
}

static void double_close(void *priv)
{
    (void)priv;
    closed++;
}

static const struct scorer_ops scorer_double = {"double", sizeof(struct double_priv), double_open,
                                                double_score, double_close};

static void calls_are_forwarded(void **state)
{
    (void)state;
    struct risk_conf conf = {.rules = "works"};
    struct scorer *scorer;
    struct err err = {0};
    struct stage stage;
    struct verdict verdict;
    closed = 0;
    stage_open(&stage, true, NULL);
    CHECK(scorer_open(&scorer_double, &conf, &scorer, &err));
    CHECK(scorer_score(scorer, stage.event, &stage.context, &verdict, &err));
    CHECK(scorer_score(scorer, stage.event, &stage.context, &verdict, &err));
    CHECK_INT(verdict.score, 41);
    CHECK_INT(closed, 0);
    scorer_close(&scorer);
    CHECK(scorer == NULL);
    CHECK_INT(closed, 1);
    scorer_close(&scorer);
    CHECK_INT(closed, 1);
    stage_close(&stage);
}

static void a_failed_open_closes(void **state)
{
    (void)state;
    struct risk_conf conf = {.rules = "refuses"};
    struct scorer *scorer;
    struct err err = {0};
    closed = 0;
    CHECK(!scorer_open(&scorer_double, &conf, &scorer, &err));
    CHECK(scorer == NULL);
    CHECK_INT(closed, 1);
    CHECK_STR(err.msg, "risk double: model is not loaded");
}

static void a_failed_score_needs_review(void **state)
{
    (void)state;
    struct risk_conf conf = {.rules = "fails"};
    struct scorer *scorer;
    struct err err = {0};
    struct stage stage;
    struct verdict verdict;
    stage_open(&stage, true, NULL);
    CHECK(scorer_open(&scorer_double, &conf, &scorer, &err));
    CHECK(!scorer_score(scorer, stage.event, &stage.context, &verdict, &err));
    CHECK_INT(verdict.score, SCORE_NONE);
    CHECK_INT(verdict.reason_count, 0);
    CHECK_INT(risk_level_of(verdict.score), RISK_UNKNOWN);
    CHECK_STR(verdict.scorer, "double");
    scorer_close(&scorer);
    stage_close(&stage);
}

static void bad_sections_are_pointed_at(void **state)
{
    (void)state;
    static const struct {
        const char *text, *msg; /* NULL: good */
        int line;
    } cases[] = {
        {"night: 23:00-05:30\naway: never\ntimezone: Europe/Berlin\n", NULL, 0},
        {"night: never\n", NULL, 0},
        {"away: 08:00-16:00\ntimezone: Europe/Berln\n", "Europe/Berln", 2},
        {"timezone: ../../etc/passwd\n", "../../etc/passwd", 1},
        {"timezone: /etc/localtime\n", "/etc/localtime", 1},
        {"night: 25:00-05:00\n", "25:00", 1},
        {"nite: 22:00-05:00\n", "nite", 1},
        {"night: never\nrules: no-such-file.yaml\n", "no-such-file.yaml", 2},
        {"night: never\nshadow: no-such-file.yaml\n", "no-such-file.yaml", 2},
        {"household: {members: {Anna: {trust: guest}}, zones: {drive: neighbours}}\n"
         "baseline: {enabled: false}\nllm: {url: 'off'}\n",
         NULL, 0},
        {"household: {membrs: {}}\n", "membrs", 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct conf_errors errors;
        struct risk_conf conf;
        bool ok = conf_parse("risk.yaml", cases[i].text, strlen(cases[i].text), &risk_section,
                             &conf, NULL, &errors);
        if (ok != !cases[i].msg)
            fail_msg("%s", cases[i].text);
        if (ok) {
            opt_free(&risk_section, &conf);
            continue;
        }
        CHECK_CONTAINS(errors.items[0].msg, cases[i].msg);
        CHECK_INT(errors.items[0].line, cases[i].line);
    }
}

static void a_timezone_must_be_applied_first(void **state)
{
    (void)state;
    struct risk_conf conf;
    struct scorer *scorer;
    struct err err = {0};
    opt_defaults(&risk_section, &conf);
    CHECK_INT(conf.night.from_min, 22 * 60);
    CHECK_INT(conf.away.from_min, conf.away.to_min);
    STR_COPY(conf.timezone, "America/New_York");
    CHECK(!scorer_open(&scorer_double, &conf, &scorer, &err));
    CHECK_CONTAINS(err.msg, "America/New_York");
    CHECK(risk_apply_timezone(&conf, &err));
    CHECK(scorer_open(&scorer_double, &conf, &scorer, &err));
    scorer_close(&scorer);
    time_t noon_utc = 1784289600; /* 2026-07-17 */
    struct tm tm;
    CHECK_INT(localtime_r(&noon_utc, &tm)->tm_hour, 8);
    STR_COPY(conf.timezone, "America/Neverland");
    CHECK(!risk_apply_timezone(&conf, &err));
    CHECK_INT(localtime_r(&noon_utc, &tm)->tm_hour, 8);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_are_forwarded),
        cmocka_unit_test(a_failed_open_closes),
        cmocka_unit_test(a_failed_score_needs_review),
        cmocka_unit_test(bad_sections_are_pointed_at),
        cmocka_unit_test(a_timezone_must_be_applied_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
