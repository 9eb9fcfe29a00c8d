#include "risk/llm/reply.h"

#include "risk/llm/outside.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static void json_drop(json_t **value)
{
    json_decref(*value);
}

/* Exactly these members. what names the object, for people. */
static bool members_are(const json_t *object, const char *what, const char *const *names,
                        struct err *err)
{
    if (!json_is_object(object))
        return err_set(err, ERR_INVALID, "%s is not an object", what);
    size_t count = 0;
    for (; names[count]; count++)
        if (!json_object_get(object, names[count]))
            return err_set(err, ERR_INVALID, "%s has no '%s'", what, names[count]);
    if (json_object_size(object) == count)
        return true;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        size_t i = 0;
        while (names[i] && strcmp(names[i], key) != 0)
            i++;
        if (!names[i]) {
            char plain[48];
            outside_copy(plain, sizeof plain, key);
            return err_set(err, ERR_INVALID, "%s has a member '%s' that nobody asked for", what,
                           plain);
        }
    }
    return true;
}

static bool get_text(const json_t *object, const char *what, const char *name, char *ret,
                     size_t bytes, struct err *err)
{
    const char *text = json_string_value(json_object_get(object, name));
    if (!text)
        return err_set(err, ERR_INVALID, "%s's '%s' is not a text", what, name);
    outside_copy(ret, bytes, text);
    return true;
}

static bool get_verdict(const json_t *root, struct judgement *ret, struct err *err)
{
    const char *word = json_string_value(json_object_get(root, "verdict"));
    for (int i = 0; word && model_verdict_names[i]; i++) {
        if (strcmp(word, model_verdict_names[i]) == 0) {
            ret->verdict = i;
            return true;
        }
    }
    char plain[48];
    outside_copy(plain, sizeof plain, word ? word : "no text");
    return err_set(err, ERR_INVALID, "the reply's 'verdict' is %s: one of %s, %s, %s", plain,
                   model_verdict_names[0], model_verdict_names[1], model_verdict_names[2]);
}

static bool get_score(const json_t *root, struct judgement *ret, struct err *err)
{
    const json_t *value = json_object_get(root, "score");
    json_int_t score = json_integer_value(value);
    if (!json_is_integer(value))
        return err_set(err, ERR_INVALID, "the reply's 'score' is not a whole number");
    if (score < 0 || score > 100)
        return err_set(err, ERR_INVALID, "the reply's 'score' is %lld: 0 to 100", (long long)score);
    ret->score = (int)score;
    return true;
}

/* *ret_real: whether all of it exists. */
static bool get_evidence(const json_t *claim, const struct evidence_list *evidence,
                         struct claim *ret, bool *ret_real, struct err *err)
{
    const json_t *list = json_object_get(claim, "evidence");
    size_t count = json_array_size(list);
    if (!json_is_array(list))
        return err_set(err, ERR_INVALID, "a claim's 'evidence' is not a list");
    if (count > CLAIM_EVIDENCE_MAX)
        return err_set(err, ERR_INVALID, "a claim cites %zu times: at most %d", count,
                       CLAIM_EVIDENCE_MAX);
    *ret_real = count > 0;
    const struct evidence_item *cited[CLAIM_EVIDENCE_MAX];
    for (size_t i = 0; i < count; i++) {
        const char *id = json_string_value(json_array_get(list, i));
        if (!id)
            return err_set(err, ERR_INVALID, "a claim's evidence is not a text");
        cited[i] = evidence_find(evidence, id);
        *ret_real &= cited[i] != NULL;
        bool twice = false;
        for (size_t k = 0; k < i; k++)
            twice |= cited[k] == cited[i];
        if (cited[i] && !twice)
            ret->evidence[ret->evidence_count++] = cited[i]->what;
    }
    return true;
}

static bool get_claim(const json_t *object, const struct evidence_list *evidence,
                      struct judgement *ret, struct err *err)
{
    static const char *const members[] = {"text", "evidence", NULL};
    struct claim claim;
    memset(&claim, 0, sizeof claim);
    bool real;
    if (!members_are(object, "a claim", members, err) ||
        !get_text(object, "a claim", "text", claim.text, sizeof claim.text, err) ||
        !get_evidence(object, evidence, &claim, &real, err))
        return false;
    if (real && claim.text[0])
        ret->claims[ret->claim_count++] = claim;
    else
        ret->dropped_count++;
    return true;
}

static bool get_claims(const json_t *root, const struct evidence_list *evidence,
                       struct judgement *ret, struct err *err)
{
    const json_t *list = json_object_get(root, "claims");
    size_t count = json_array_size(list);
    if (!json_is_array(list))
        return err_set(err, ERR_INVALID, "the reply's 'claims' is not a list");
    if (count > CLAIMS_MAX)
        return err_set(err, ERR_INVALID, "the reply makes %zu claims: at most %d", count,
                       CLAIMS_MAX);
    memset(ret->claims, 0, sizeof ret->claims);
    ret->claim_count = ret->dropped_count = 0;
    for (size_t i = 0; i < count; i++)
        if (!get_claim(json_array_get(list, i), evidence, ret, err))
            return false;
    return true;
}

static json_t *load(const char *text, size_t bytes, struct err *err)
{
    if (bytes > REPLY_BYTES_MAX) {
        (void)err_set(err, ERR_INVALID, "the reply has %zu bytes: at most %d", bytes,
                      REPLY_BYTES_MAX);
        return NULL;
    }
    json_error_t where;
    json_t *root = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &where);
    if (root)
        return root;
    char plain[JSON_ERROR_TEXT_LENGTH];
    outside_copy(plain, sizeof plain, where.text);
    (void)err_set(err, ERR_INVALID, "the reply is no JSON: %s (byte %d)", plain, where.position);
    err_hint(err, "a server that follows the schema it is given writes nothing else");
    return NULL;
}

bool reply_parse(const char *text, size_t bytes, const struct evidence_list *evidence,
                 struct judgement *ret, struct err *err)
{
    static const char *const members[] = {"reasoning", "claims",  "verdict",
                                          "score",     "summary", NULL};
    AUTO(json_drop) json_t *root = load(text, bytes, err);
    if (!root)
        return false;
    AUTO(free_ptr) struct judgement *read = NEW(struct judgement);
    *read = *ret;
    static const char what[] = "the reply";
    if (!members_are(root, what, members, err) || !get_verdict(root, read, err) ||
        !get_score(root, read, err) || !get_claims(root, evidence, read, err) ||
        !get_text(root, what, "summary", read->summary, sizeof read->summary, err) ||
        !get_text(root, what, "reasoning", read->reasoning, sizeof read->reasoning, err))
        return false;
    *ret = *read;
    return true;
}
