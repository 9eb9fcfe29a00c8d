#include "risk/risk.h"

#include "risk/rules.h"

#include <ctype.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static bool check_timezone(const char *name, struct err *err)
{
    if (!name[0])
        return true;
    bool plain = isalpha((unsigned char)name[0]) != 0;
    for (const char *p = name; *p; p++)
        plain &= isalnum((unsigned char)*p) || strchr("_+-/", *p);
    /* The C library takes a zone it does not have for UTC without a word. */
    const char *folder = getenv("TZDIR");
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder ? folder : "/usr/share/zoneinfo", name);
    if (plain && access(path, R_OK) == 0)
        return true;
    err_set(err, ERR_INVALID, "this machine knows no timezone '%s'", name);
    err_hint(err, "names look like Europe/Berlin and come with the system's tzdata package");
    return false;
}

static bool check_risk(const void *section, const char **ret_at, struct err *err)
{
    const struct risk_conf *conf = section;
    *ret_at = "rules";
    if (conf->rules[0] && !rules_check_file(conf->rules, err))
        return false;
    *ret_at = "shadow";
    if (conf->shadow[0] && !rules_check_file(conf->shadow, err))
        return false;
    *ret_at = "timezone";
    return check_timezone(conf->timezone, err);
}

static const struct opt risk_rows[] = {
    {"rules", OPT_TEXT(struct risk_conf, rules),
     .help = "A file of risk rules to use instead of the built-in ones; start from a copy of "
             "share/rules.yaml."},
    {"night", OPT_TIMES(struct risk_conf, night), .def = "22:00-06:00", .unit = "local time",
     .help = "When the household sleeps: a person outside counts for more."},
    {"away", OPT_TIMES(struct risk_conf, away), .def = "never", .unit = "local time",
     .help = "When nobody is expected, every day; for example 08:00-16:00 where everybody is out."},
    {"timezone", OPT_TEXT(struct risk_conf, timezone),
     .help = "Where local time is taken from, such as Europe/Berlin; empty: the machine's own."},
    {"shadow", OPT_TEXT(struct risk_conf, shadow),
     .help = "A second file of risk rules that scores beside the real one, without effect; what "
             "it would have changed is counted and logged."},
    {"household", OPT_GROUP(struct risk_conf, household, &household_section),
     .help = "People, their vehicles, and whose ground a zone is."},
    {"baseline", OPT_GROUP(struct risk_conf, baseline, &baseline_section),
     .help = "What is usual, learned from what is seen."},
    {"llm", OPT_GROUP(struct risk_conf, llm, &llm_section),
     .help = "A language model that looks at what the rules have scored."},
    {0},
};

const struct section risk_section = {
    .name = "risk",
    .help = "How events are scored from 0 to 100: low to 29, medium to 59, high to 84, critical "
            "above.",
    .bytes = sizeof(struct risk_conf),
    .rows = risk_rows,
    .check = check_risk,
};

bool risk_apply_timezone(const struct risk_conf *conf, struct err *err)
{
    if (!conf->timezone[0])
        return true;
    if (!check_timezone(conf->timezone, err))
        return false;
    if (setenv("TZ", conf->timezone, 1) != 0)
        return err_set(err, ERR_INTERNAL, "cannot set the timezone to %s", conf->timezone);
    tzset();
    return true;
}

struct scorer {
    const struct scorer_ops *ops;
    alignas(max_align_t) unsigned char priv[];
};

/* Guards against a new timezone in a reloaded configuration, which would silently not apply. */
static bool timezone_applies(const struct risk_conf *conf, struct err *err)
{
    const char *current = getenv("TZ");
    if (!conf->timezone[0] || (current && strcmp(current, conf->timezone) == 0))
        return true;
    err_set(err, ERR_INVALID, "timezone %s is not the one this process runs in", conf->timezone);
    err_hint(err, "a new timezone applies at the next start");
    return false;
}

bool scorer_open(const struct scorer_ops *ops, const struct risk_conf *conf, struct scorer **ret,
                 struct err *err)
{
    *ret = NULL;
    if (!timezone_applies(conf, err))
        return false;
    struct scorer *scorer = xcalloc(1, sizeof *scorer + ops->priv_size);
    scorer->ops = ops;
    if (!ops->open(scorer->priv, conf, err)) {
        scorer_close(&scorer);
        return err_wrap(err, "risk %s", ops->name);
    }
    *ret = scorer;
    return true;
}

void scorer_close(struct scorer **scorer)
{
    if (*scorer)
        (*scorer)->ops->close((*scorer)->priv);
    free(*scorer);
    *scorer = NULL;
}

void scorer_sha256(const struct scorer *scorer, uint8_t ret[32])
{
    memset(ret, 0, 32);
    if (scorer->ops->sha256)
        scorer->ops->sha256(scorer->priv, ret);
}

bool scorer_score(struct scorer *scorer, const struct event *event,
                  const struct risk_context *context, struct verdict *ret, struct err *err)
{
    if (scorer->ops->score(scorer->priv, event, context, ret, err))
        return true;
    memset(ret, 0, sizeof *ret);
    ret->score = SCORE_NONE;
    STR_COPY(ret->scorer, scorer->ops->name);
    return false;
}
