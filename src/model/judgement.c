#include "model/judgement.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOW_MAX 29 /* the highest score of the low band */

/* Between a scorer's name and the model's; no scorer's name contains it. */
#define SCORER_JOINT " + "

const char *const model_verdict_names[] = {"uncertain", "confirmed", "rejected", NULL};
const char *const judgement_state_names[] = {"waiting", "done", "failed", NULL};

/* -- what counts of it -- */

bool reason_is_model(const struct reason *reason)
{
    return strcmp(reason->rule, REASON_MODEL) == 0 ||
           strcmp(reason->rule, REASON_MODEL_REJECTED) == 0;
}

bool reason_is_finding(const struct reason *reason)
{
    return !reason_is_model(reason) && strcmp(reason->rule, REASON_LIMIT) != 0;
}

/* Ends a text that was cut before the character that the cut went through. */
static void mend_end(char *text)
{
    size_t n = strlen(text), tail = 0;
    while (tail < 3 && tail < n && ((unsigned char)text[n - 1 - tail] & 0xc0) == 0x80)
        tail++;
    if (tail == n)
        return;
    unsigned char lead = (unsigned char)text[n - 1 - tail];
    size_t wanted = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
    if (tail < wanted)
        text[n - 1 - tail] = '\0';
}

/* A new row at the end, with the evidence of the model's first claim; without a claim it stands
 * where the rules' first reason does, for the event as a whole. */
static struct reason *add_row(struct verdict *verdict, const char *rule, int points,
                              const struct judgement *judgement)
{
    struct reason *row = &verdict->reasons[verdict->reason_count++];
    memset(row, 0, sizeof *row);
    STR_COPY(row->rule, rule);
    row->points = points;
    if (judgement->claim_count > 0) {
        row->track = judgement->claims[0].evidence[0].track;
        row->at = judgement->claims[0].evidence[0].at;
    } else {
        row->at = verdict->reasons[0].at;
    }
    return row;
}

static int sum_of_rows(const struct verdict *verdict)
{
    int sum = 0;
    for (int i = 0; i < verdict->reason_count; i++)
        sum += verdict->reasons[i].points;
    return sum;
}

void verdict_balance(struct verdict *verdict)
{
    int sum = sum_of_rows(verdict), score = verdict->score;
    if (score == SCORE_NONE || sum == score || verdict->reason_count == REASONS_MAX)
        return;
    struct reason *row = add_row(verdict, REASON_LIMIT, score - sum, &(struct judgement){0});
    const char *why = score == 100 ? "no score is above 100"
                      : score == 0 ? "no score is below 0"
                                   : "the score was cut";
    snprintf(row->text, sizeof row->text, "the reasons above add up to %d; %s", sum, why);
}

/* What happened after the model was asked is not in what it said. */
static bool has_risen(const struct judgement *judgement, int rules_score)
{
    return judgement->rules_score != SCORE_NONE && rules_score > judgement->rules_score;
}

static int change_of(const struct judgement *judgement, int rules_score)
{
    int change = CLAMP(judgement->score, 0, 100) - rules_score;
    if (judgement->verdict == MODEL_REJECTED)
        change = MIN(change, 0); /* what is not there is no reason for alarm */
    if (has_risen(judgement, rules_score))
        change = MAX(change, 0);
    int most = CLAMP(judgement->max_change, 0, 100);
    return CLAMP(change, -most, most);
}

static void say_change(const struct judgement *judgement, int rules_score, struct reason *row)
{
    int given = CLAMP(judgement->score, 0, 100);
    const char *verdict = model_verdict_names[judgement->verdict];
    bool rejected = judgement->verdict == MODEL_REJECTED;
    if (has_risen(judgement, rules_score) && (rejected || given < rules_score))
        snprintf(
            row->text, sizeof row->text,
            "the model gave %d (%s) when the rules gave %d; they have risen since, so it lowers "
            "nothing: %s",
            given, verdict, judgement->rules_score, judgement->summary);
    else
        snprintf(row->text, sizeof row->text, "the model gave %d (%s): %s", given, verdict,
                 judgement->summary);
    mend_end(row->text);
}

static void name_scorer(struct verdict *verdict, const char *model)
{
    size_t used = strlen(verdict->scorer);
    snprintf(verdict->scorer + used, sizeof verdict->scorer - used, SCORER_JOINT "%s",
             model[0] ? model : "model");
    mend_end(verdict->scorer);
}

static bool must_be_low(const struct judgement *judgement, int rules_score)
{
    return judgement->verdict == MODEL_REJECTED && judgement->max_change > 0 &&
           !has_risen(judgement, rules_score);
}

void judgement_apply(const struct judgement *judgement, struct verdict *verdict)
{
    judgement_undo(verdict);
    int rules_score = verdict->score;
    if (judgement->state != JUDGEMENT_DONE || rules_score == SCORE_NONE)
        return;
    bool balanced = sum_of_rows(verdict) == rules_score;
    if (verdict->reason_count + !balanced > REASONS_MAX - JUDGEMENT_ROWS_MAX)
        return;
    verdict_balance(verdict);

    struct reason *row = add_row(verdict, REASON_MODEL, change_of(judgement, rules_score),
                                 judgement);
    say_change(judgement, rules_score, row);
    verdict->score += row->points;

    if (must_be_low(judgement, rules_score) && verdict->score > LOW_MAX) {
        row = add_row(verdict, REASON_MODEL_REJECTED, LOW_MAX - verdict->score, judgement);
        snprintf(row->text, sizeof row->text, "the model rejects what was reported: at most %d",
                 LOW_MAX);
        verdict->score = LOW_MAX;
    }
    name_scorer(verdict, judgement->model);
}

void judgement_undo(struct verdict *verdict)
{
    int kept = 0;
    for (int i = 0; i < verdict->reason_count; i++) {
        const struct reason *row = &verdict->reasons[i];
        if (reason_is_model(row))
            verdict->score -= row->points;
        else
            verdict->reasons[kept++] = *row;
    }
    int removed = verdict->reason_count - kept;
    if (removed == 0)
        return;
    /* Unused bytes stay zero: equal verdicts are equal bytes. */
    memset(&verdict->reasons[kept], 0, (size_t)removed * sizeof *verdict->reasons);
    verdict->reason_count = kept;
    char *joint = strstr(verdict->scorer, SCORER_JOINT);
    if (joint)
        memset(joint, 0, sizeof verdict->scorer - (size_t)(joint - verdict->scorer));
}

/* -- as JSON -- */

struct field {
    const char *name;
    size_t offset, bytes; /* bytes of a text's room; 0: an int */
};
#define TEXT_FIELD(S, f) offsetof(S, f), sizeof(((S *)0)->f)
#define INT_FIELD(S, f)  OPT_FIELD(S, f, int), 0

static const struct field fields[] = {
    {"summary", TEXT_FIELD(struct judgement, summary)},
    {"reasoning", TEXT_FIELD(struct judgement, reasoning)},
    {"reason", TEXT_FIELD(struct judgement, reason)},
    {"model", TEXT_FIELD(struct judgement, model)},
    {"build", TEXT_FIELD(struct judgement, build)},
    {"revision", INT_FIELD(struct judgement, revision)},
    {"max_change", INT_FIELD(struct judgement, max_change)},
    {"dropped_claims", INT_FIELD(struct judgement, dropped_count)},
    {"attempts", INT_FIELD(struct judgement, attempts)},
    {"prompt_tokens", INT_FIELD(struct judgement, prompt_tokens)},
    {"cached_tokens", INT_FIELD(struct judgement, cached_tokens)},
    {"reply_tokens", INT_FIELD(struct judgement, reply_tokens)},
    {"pictures", INT_FIELD(struct judgement, pictures)},
};

/* To the microsecond, unlike what is only for people. */
static void put_time(struct json *out, const char *key, int64_t wall_us)
{
    char text[TIME_TEXT_BYTES], exact[TIME_TEXT_BYTES + 4];
    time_format(text, wall_us);
    int64_t read_back;
    if (wall_us == TIME_UNKNOWN || !time_parse(text, &read_back)) {
        json_put_null(out, key);
        return;
    }
    size_t seconds = strlen(text) - strlen(".123Z");
    snprintf(exact, sizeof exact, "%.*s.%06dZ", (int)seconds, text,
             (int)((wall_us % US_PER_S + US_PER_S) % US_PER_S));
    json_text(out, key, exact);
}

static void put_seconds(struct json *out, const char *key, int64_t us)
{
    char text[32];
    snprintf(text, sizeof text, "%s%lld.%06d", us < 0 ? "-" : "", llabs((long long)us / 1000000),
             abs((int)(us % 1000000)));
    json_raw(out, key, text);
}

/* The fewest digits from which, added to base, value comes back bit by bit. */
static double put_exactly(struct json *out, const char *key, double base, float value)
{
    char text[40];
    double read_back = 0;
    for (int digits = 4; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value - base);
        read_back = strtod(text, NULL);
        if ((float)(base + read_back) == value)
            break;
    }
    json_raw(out, key, isfinite(value) ? text : "0");
    return read_back;
}

static void put_evidence(struct json *out, const struct evidence *evidence)
{
    json_begin_object(out, NULL);
    json_uuid(out, "track_id", &evidence->track);
    put_time(out, "at", evidence->at.wall_us);
    put_seconds(out, "at_s", evidence->at.pts_us);
    const struct box *box = &evidence->at.box;
    json_begin_object(out, "box");
    double x = put_exactly(out, "x", 0, box->x0);
    double y = put_exactly(out, "y", 0, box->y0);
    put_exactly(out, "width", x, box->x1);
    put_exactly(out, "height", y, box->y1);
    json_end_object(out);
    put_exactly(out, "confidence", 0, evidence->at.score);
    json_text(out, "zone", evidence->zone[0] ? evidence->zone : NULL);
    json_text(out, "rule", evidence->rule[0] ? evidence->rule : NULL);
    json_end_object(out);
}

static void put_claims(struct json *out, const struct judgement *judgement)
{
    json_begin_array(out, "claims");
    for (int i = 0; i < judgement->claim_count; i++) {
        const struct claim *claim = &judgement->claims[i];
        json_begin_object(out, NULL);
        json_text(out, "text", claim->text);
        json_begin_array(out, "evidence");
        for (int k = 0; k < claim->evidence_count; k++)
            put_evidence(out, &claim->evidence[k]);
        json_end_array(out);
        json_end_object(out);
    }
    json_end_array(out);
}

void judgement_json(struct json *out, const char *key, const struct judgement *judgement)
{
    bool done = judgement->state == JUDGEMENT_DONE;
    json_begin_object(out, key);
    json_text(out, "state", judgement_state_names[judgement->state]);
    json_text(out, "verdict", done ? model_verdict_names[judgement->verdict] : NULL);
    if (judgement->score == SCORE_NONE)
        json_put_null(out, "score");
    else
        json_int(out, "score", judgement->score);
    if (done && judgement->rules_score != SCORE_NONE)
        json_int(out, "rules_score", judgement->rules_score);
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const char *at = (const char *)judgement + fields[i].offset;
        if (fields[i].bytes > 0)
            json_text(out, fields[i].name, at);
        else
            json_int(out, fields[i].name, *(const int *)(const void *)at);
    }
    put_claims(out, judgement);
    put_seconds(out, "spent_s", judgement->spent_us);
    put_time(out, "judged_at", judgement->wall_us == 0 ? TIME_UNKNOWN : judgement->wall_us);
    json_uuid(out, "id", &judgement->id);
    json_uuid(out, "event_id", &judgement->event);
    json_end_object(out);
}

/* -- and back -- */

static void json_drop(json_t **value)
{
    json_decref(*value);
}

static bool wrong(const char *name, struct err *err)
{
    return err_set(err, ERR_DATA_LOSS, "%s of a judgement is missing or makes no sense", name);
}

/* Too long a text is cut: the writer's replacements for broken UTF-8 may have made it longer. */
static bool get_text(const json_t *object, const char *name, char *ret, size_t bytes,
                     struct err *err)
{
    const char *text = json_string_value(json_object_get(object, name));
    if (!text)
        return wrong(name, err);
    if (!str_copy(ret, bytes, text))
        mend_end(ret);
    return true;
}

static bool get_int(const json_t *object, const char *name, json_int_t min, json_int_t max,
                    int *ret, struct err *err)
{
    const json_t *value = json_object_get(object, name);
    if (!json_is_integer(value) || json_integer_value(value) < min ||
        json_integer_value(value) > max)
        return wrong(name, err);
    *ret = (int)json_integer_value(value);
    return true;
}

static bool get_uuid(const json_t *object, const char *name, struct uuid *ret, struct err *err)
{
    const json_t *value = json_object_get(object, name);
    if (json_is_null(value))
        return true;
    const char *text = json_string_value(value);
    return (text && uuid_parse(text, ret)) || wrong(name, err);
}

static bool get_time(const json_t *object, const char *name, int64_t unknown, int64_t *ret,
                     struct err *err)
{
    const json_t *value = json_object_get(object, name);
    *ret = unknown;
    if (json_is_null(value))
        return true;
    const char *text = json_string_value(value);
    return (text && time_parse(text, ret)) || wrong(name, err);
}

static bool get_seconds(const json_t *object, const char *name, int64_t *ret, struct err *err)
{
    const json_t *value = json_object_get(object, name);
    double seconds = json_number_value(value);
    if (!json_is_number(value) ||
        !(fabs(seconds) < 1e9)) /* where doubles are exact to the microsecond */
        return wrong(name, err);
    *ret = (int64_t)llround(seconds * 1e6);
    return true;
}

static bool get_double(const json_t *object, const char *name, double *ret, struct err *err)
{
    const json_t *value = json_object_get(object, name);
    *ret = json_number_value(value);
    return (json_is_number(value) && fabs(*ret) <= 1e6) || wrong(name, err);
}

static bool get_word(const json_t *object, const char *name, const char *const *words, int *ret,
                     struct err *err)
{
    const char *text = json_string_value(json_object_get(object, name));
    for (int i = 0; text && words[i]; i++) {
        if (strcmp(words[i], text) == 0) {
            *ret = i;
            return true;
        }
    }
    return wrong(name, err);
}

static bool get_box(const json_t *object, struct box *ret, struct err *err)
{
    const json_t *box = json_object_get(object, "box");
    double x, y, width, height;
    if (!get_double(box, "x", &x, err) || !get_double(box, "y", &y, err) ||
        !get_double(box, "width", &width, err) || !get_double(box, "height", &height, err))
        return false;
    *ret = (struct box){(float)x, (float)y, (float)(x + width), (float)(y + height)};
    return true;
}

static bool get_evidence(const json_t *object, struct evidence *ret, struct err *err)
{
    double score;
    if (!get_uuid(object, "track_id", &ret->track, err) ||
        !get_time(object, "at", TIME_UNKNOWN, &ret->at.wall_us, err) ||
        !get_seconds(object, "at_s", &ret->at.pts_us, err) || !get_box(object, &ret->at.box, err) ||
        !get_double(object, "confidence", &score, err))
        return false;
    ret->at.score = (float)score;
    bool in_zone = !json_is_null(json_object_get(object, "zone"));
    bool of_rule = !json_is_null(json_object_get(object, "rule"));
    return (!in_zone || get_text(object, "zone", ret->zone, sizeof ret->zone, err)) &&
           (!of_rule || get_text(object, "rule", ret->rule, sizeof ret->rule, err));
}

static bool get_claim(const json_t *object, struct claim *ret, struct err *err)
{
    if (!get_text(object, "text", ret->text, sizeof ret->text, err))
        return false;
    const json_t *list = json_object_get(object, "evidence");
    size_t count = json_array_size(list);
    if (count < 1 || count > CLAIM_EVIDENCE_MAX)
        return wrong("a claim's evidence", err);
    for (size_t i = 0; i < count; i++)
        if (!get_evidence(json_array_get(list, i), &ret->evidence[i], err))
            return false;
    ret->evidence_count = (int)count;
    return true;
}

static bool get_claims(const json_t *root, struct judgement *ret, struct err *err)
{
    const json_t *list = json_object_get(root, "claims");
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count > CLAIMS_MAX)
        return wrong("claims", err);
    for (size_t i = 0; i < count; i++)
        if (!get_claim(json_array_get(list, i), &ret->claims[i], err))
            return false;
    ret->claim_count = (int)count;
    return true;
}

static bool get_fields(const json_t *root, struct judgement *ret, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const struct field *f = &fields[i];
        char *at = (char *)ret + f->offset;
        /* -1: a number of tokens that the server did not tell. */
        if (f->bytes > 0 ? !get_text(root, f->name, at, f->bytes, err)
                         : !get_int(root, f->name, -1, INT32_MAX, (int *)(void *)at, err))
            return false;
    }
    return true;
}

static bool get_outcome(const json_t *root, struct judgement *ret, struct err *err)
{
    if (!get_word(root, "state", judgement_state_names, &ret->state, err))
        return false;
    ret->score = ret->rules_score = SCORE_NONE;
    if (ret->state != JUDGEMENT_DONE)
        return true;
    if (json_object_get(root, "rules_score") &&
        !get_int(root, "rules_score", 0, 100, &ret->rules_score, err))
        return false;
    return get_word(root, "verdict", model_verdict_names, &ret->verdict, err) &&
           get_int(root, "score", 0, 100, &ret->score, err);
}

bool judgement_parse(const char *json, size_t bytes, struct judgement *ret, struct err *err)
{
    memset(ret, 0, sizeof *ret); /* padding too: equal judgements are equal bytes */
    if (bytes > JUDGEMENT_JSON_BYTES_MAX)
        return err_set(err, ERR_DATA_LOSS, "a judgement of %zu bytes is longer than %d", bytes,
                       JUDGEMENT_JSON_BYTES_MAX);
    json_error_t where;
    AUTO(json_drop) json_t *root = json_loadb(json, bytes, JSON_REJECT_DUPLICATES, &where);
    if (!root)
        return err_set(err, ERR_DATA_LOSS, "a judgement is no JSON: %s at byte %d", where.text,
                       where.position);
    return get_outcome(root, ret, err) && get_fields(root, ret, err) &&
           get_claims(root, ret, err) && get_seconds(root, "spent_s", &ret->spent_us, err) &&
           get_time(root, "judged_at", 0, &ret->wall_us, err) &&
           get_uuid(root, "id", &ret->id, err) && get_uuid(root, "event_id", &ret->event, err);
}
