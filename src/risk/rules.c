#include "risk/rules.h"

#include "model/judgement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(RULE_REASONS_MAX + FEEDBACK_ROWS_MAX + 1 + JUDGEMENT_ROWS_MAX <= REASONS_MAX,
               "rows of rules and of people, the cut, and a model's");

struct firing {
    int points;
    int rule;  /* index: file order */
    int order; /* of firing within the rule */
    struct match match;
};

static int by_rule(const struct firing *a, const struct firing *b)
{
    return a->rule != b->rule ? a->rule - b->rule : a->order - b->order;
}

static int by_points(const void *pa, const void *pb)
{
    const struct firing *a = pa, *b = pb;
    return a->points != b->points ? b->points - a->points : by_rule(a, b);
}

static int by_weight(const void *pa, const void *pb)
{
    const struct firing *a = pa, *b = pb;
    int difference = abs(b->points) - abs(a->points);
    return difference ? difference : by_rule(a, b);
}

struct rules_priv {
    struct rule_set set;
    uint8_t sha256[32];
    struct firing *firings; /* RULES_MAX * RULE_TIMES_MAX, too many for a stack */
};

void copy_sighting(struct sighting *to, const struct sighting *from)
{
    to->pts_us = from->pts_us;
    to->wall_us = from->wall_us;
    to->box = from->box;
    to->score = from->score;
}

static void add_reason(const struct rules_priv *priv, const struct facts *facts,
                       const struct firing *firing, struct verdict *ret)
{
    const struct rule *rule = (const struct rule *)priv->set.rules.items + firing->rule;
    struct reason *reason = &ret->reasons[ret->reason_count++];
    STR_COPY(reason->rule, rule->name);
    reason->points = rule->points;
    reason->track = facts->event->tracks[firing->match.track].id;
    copy_sighting(&reason->at, &firing->match.at);
    rule_says(rule, facts, &firing->match, reason->text, sizeof reason->text);
}

/* No event is left without a reason, even under a set of rules that has none for it. */
static void add_no_reason(const struct event *event, struct verdict *ret)
{
    struct reason *reason = &ret->reasons[ret->reason_count++];
    STR_COPY(reason->rule, REASON_NONE);
    STR_COPY(reason->text, "No rule has anything to say about this");
    reason->at.pts_us = event->start_us;
    reason->at.wall_us = event->wall_start_us;
    if (event->track_count > 0) {
        reason->track = event->tracks[0].id;
        copy_sighting(&reason->at, &event->tracks[0].first);
    }
}

static bool rules_score(void *opaque, const struct event *event, const struct risk_context *context,
                        struct verdict *ret, struct err *err)
{
    (void)err;
    struct rules_priv *priv = opaque;
    struct facts facts = {event, context};
    const struct rule *rules = priv->set.rules.items;
    int count = 0;
    for (int r = 0; r < priv->set.rules.count; r++) {
        struct match matches[RULE_TIMES_MAX];
        int times = rule_match(&rules[r], &facts, matches);
        for (int i = 0; i < times; i++)
            priv->firings[count++] = (struct firing){rules[r].points, r, i, matches[i]};
    }
    /* The score is the sum of what is shown: what is not shown does not count. */
    qsort(priv->firings, (size_t)count, sizeof *priv->firings, by_weight);
    count = MIN(count, RULE_REASONS_MAX);
    qsort(priv->firings, (size_t)count, sizeof *priv->firings, by_points);

    memset(ret, 0, sizeof *ret); /* padding too: equal verdicts are equal bytes */
    int sum = 0;
    for (int i = 0; i < count; i++) {
        add_reason(priv, &facts, &priv->firings[i], ret);
        sum += priv->firings[i].points;
    }
    if (count == 0)
        add_no_reason(event, ret);
    sum += feedback_apply(&facts, ret);
    ret->score = CLAMP(sum, 0, 100);
    verdict_balance(ret);
    snprintf(ret->scorer, sizeof ret->scorer, "rules %d", priv->set.version);
    facts_summary(&facts, ret->summary, sizeof ret->summary);
    return true;
}

static bool rules_open(void *opaque, const struct risk_conf *conf, struct err *err)
{
    struct rules_priv *priv = opaque;
    if (!rules_load(conf->rules, &priv->set, err) || !rules_hash(conf->rules, priv->sha256, err))
        return false;
    priv->firings = xcalloc(RULES_MAX * RULE_TIMES_MAX, sizeof *priv->firings);
    return true;
}

static void rules_sha256(const void *opaque, uint8_t ret[32])
{
    memcpy(ret, ((const struct rules_priv *)opaque)->sha256, 32);
}

static void rules_close(void *opaque)
{
    struct rules_priv *priv = opaque;
    free(priv->firings);
    opt_free(&rule_set_section, &priv->set);
}

const struct scorer_ops scorer_rules = {
    .name = "rules",
    .priv_size = sizeof(struct rules_priv),
    .open = rules_open,
    .score = rules_score,
    .sha256 = rules_sha256,
    .close = rules_close,
};
