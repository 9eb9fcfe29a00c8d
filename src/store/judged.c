#include "store/judged.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct judgement *judgement_undone(const struct uuid *event, int revision,
                                   enum judgement_state state)
{
    struct judgement *judgement = NEW(struct judgement);
    judgement->event = *event;
    judgement->revision = revision;
    judgement->state = (int)state;
    judgement->score = SCORE_NONE;
    return judgement;
}

static void drop(json_t **value)
{
    json_decref(*value);
}

static double number(const json_t *object, const char *key)
{
    double value = json_number_value(json_object_get(object, key));
    return isfinite(value) ? value : 0;
}

static bool parse_evidence(const json_t *evidence, struct reason *ret)
{
    if (!json_is_object(evidence))
        return false;
    const json_t *id = json_object_get(evidence, "track_id");
    if (json_is_string(id) && !uuid_parse(json_string_value(id), &ret->track))
        return false;
    const char *at = json_string_value(json_object_get(evidence, "at"));
    if (!at)
        ret->at.wall_us = TIME_UNKNOWN;
    else if (!time_parse(at, &ret->at.wall_us))
        return false;
    double seconds = number(evidence, "at_s");
    if (fabs(seconds) > 1e12)
        return false;
    ret->at.pts_us = llround(1e6 * seconds);
    const json_t *box = json_object_get(evidence, "box");
    double x = number(box, "x"), y = number(box, "y");
    ret->at.box = (struct box){(float)x, (float)y, (float)(x + number(box, "width")),
                               (float)(y + number(box, "height"))};
    return true;
}

static bool parse_reason(const json_t *reason, struct reason *ret)
{
    const char *rule = json_string_value(json_object_get(reason, "rule"));
    const char *text = json_string_value(json_object_get(reason, "text"));
    const json_t *points = json_object_get(reason, "points");
    if (!rule || !text || !json_is_integer(points) || llabs(json_integer_value(points)) > 10000)
        return false;
    STR_COPY(ret->text, text);
    ret->points = (int)json_integer_value(points);
    return STR_COPY(ret->rule, rule) && parse_evidence(json_object_get(reason, "evidence"), ret);
}

static bool parse_reasons(const json_t *reasons, struct verdict *ret)
{
    size_t count = json_array_size(reasons);
    if (!json_is_array(reasons) || count > REASONS_MAX)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!parse_reason(json_array_get(reasons, i), &ret->reasons[i]))
            return false;
    ret->reason_count = (int)count;
    return true;
}

static bool parse_score(const json_t *score, int *ret)
{
    *ret = SCORE_NONE;
    if (json_is_null(score))
        return true;
    *ret = (int)CLAMP(json_integer_value(score), 0, 100);
    return json_is_integer(score);
}

bool verdict_parse_rules(const char *event_json, size_t bytes, struct verdict *ret)
{
    memset(ret, 0, sizeof *ret);
    AUTO(drop) json_t *root = json_loadb(event_json, bytes, 0, NULL);
    const char *scorer = json_string_value(json_object_get(root, "scorer"));
    const json_t *rules_score = json_object_get(root, "rules_score");
    if (!scorer || !parse_score(json_object_get(root, "risk_score"), &ret->score) ||
        !parse_reasons(json_object_get(root, "reasons"), ret))
        return false;
    STR_COPY(ret->scorer, scorer);
    judgement_undo(ret);
    /* Said by itself, unless the program that wrote it knew of no models. */
    return !rules_score || parse_score(rules_score, &ret->score);
}
