/* What people say about scores, and what the language model still has to do. */
#include "serve/internal.h"

#include <jansson.h>
#include <string.h>

/* --- feedback --- */

static bool read_text(const json_t *value, const char *key, char *out, size_t bytes,
                      struct err *err)
{
    if (!json_is_string(value))
        return err_set(err, ERR_INVALID, "%s: not a text", key);
    if (json_string_length(value) >= bytes)
        return err_set(err, ERR_INVALID, "%s: longer than %zu bytes", key, bytes - 1);
    if (strlen(json_string_value(value)) != json_string_length(value))
        return err_set(err, ERR_INVALID, "%s: a zero byte in it", key);
    return str_copy(out, bytes, json_string_value(value));
}

static bool read_kind(const char *word, int *ret, struct err *err)
{
    for (int i = 0; feedback_kind_names[i]; i++) {
        if (strcmp(word, feedback_kind_names[i]) != 0)
            continue;
        *ret = i;
        return true;
    }
    const char *nearest = suggest(word, feedback_kind_names);
    err_set(err, ERR_INVALID, "kind: '%.60s' is not one of them", word);
    if (nearest)
        err_hint(err, "did you mean '%s'?", nearest);
    else
        err_hint(err, "accurate, false_positive, missed, too_high or too_low");
    return false;
}

static bool read_member(const char *key, const json_t *value, struct feedback *ret, struct err *err)
{
    static const char *const keys[] = {"kind", "note", NULL};
    char word[64] = "";
    if (strcmp(key, "kind") == 0)
        return read_text(value, key, word, sizeof word, err) && read_kind(word, &ret->kind, err);
    if (strcmp(key, "note") == 0)
        return read_text(value, key, ret->note, sizeof ret->note, err);
    const char *nearest = suggest(key, keys);
    err_set(err, ERR_INVALID, "nothing is known about '%.60s'", key);
    if (nearest)
        err_hint(err, "did you mean '%s'?", nearest);
    return false;
}

/* Whoever puts something waits while nothing can be stored; this thread must not. */
static bool can_store(struct serve *serve, struct err *err)
{
    struct store_stats stats = store_stats(serve->params.store);
    return !stats.failing ||
           err_set(err, ERR_UNAVAILABLE, "nothing can be stored at the moment: %s", stats.reason);
}

/* {"kind": "too_high", "note": "..."} */
static bool read_feedback(const struct request *request, struct feedback *ret, struct err *err)
{
    json_error_t where;
    json_t *root = json_loadb(request->body, request->body_bytes, JSON_REJECT_DUPLICATES, &where);
    bool ok = true;
    ret->kind = -1;
    if (!root)
        ok = err_set(err, ERR_INVALID, "the body is not JSON: line %d, column %d: %.200s",
                     where.line, where.column, where.text);
    else if (!json_is_object(root))
        ok = err_set(err, ERR_INVALID, "the body is not an object");
    const char *key;
    json_t *value;
    if (ok)
        json_object_foreach(root, key, value) ok = ok && read_member(key, value, ret, err);
    json_decref(root);
    if (ok && ret->kind < 0) {
        err_set(err, ERR_INVALID, "kind: is missing");
        err_hint(err, "accurate, false_positive, missed, too_high or too_low");
        ok = false;
    }
    return ok;
}

static void put_feedback(struct json *out, const struct feedback *feedback)
{
    if (!feedback) {
        json_put_null(out, "feedback");
        return;
    }
    json_begin_object(out, "feedback");
    json_text(out, "kind", feedback_kind_names[feedback->kind]);
    json_text(out, "note", feedback->note);
    json_time(out, "at", feedback->wall_us);
    json_end_object(out);
}

/* PUT says something about an event, DELETE takes it back, also when the event is gone: what was
 * said outlives it. Answered as soon as the store has taken it: the event's change follows its
 * commit, to all clients. */
void api_event_feedback(struct serve *serve, struct request *request, struct reply *reply)
{
    struct err err = {0};
    struct feedback feedback = {.wall_us = clock_wall_us(serve->params.clock)};
    struct json j;
    json_init(&j);
    bool taken_back = request->method == METHOD_DELETE;
    if (parse_id(request->path_params[0], "event", &feedback.event, &err) &&
        (taken_back || store_get_event(serve->reader, &feedback.event, &j, NULL, &err)) &&
        (taken_back || read_feedback(request, &feedback, &err)) && can_store(serve, &err)) {
        if (taken_back)
            feedback.kind = -1;
        store_put_feedback(serve->params.store, &feedback);
        json_reset(&j);
        json_begin_object(&j, NULL);
        json_uuid(&j, "event_id", &feedback.event);
        put_feedback(&j, taken_back ? NULL : &feedback);
        json_end_object(&j);
        reply_json(reply, &j);
    } else {
        reply_error(reply, &serve->log, &err);
    }
    json_done(&j);
}

/* --- lists --- */

struct page_query {
    struct uuid before;
    int limit;
    bool dead;
};

static bool parse_page(const struct request *request, struct page_query *ret, struct err *err)
{
    *ret = (struct page_query){.limit = EVENTS_LIMIT_DEFAULT};
    const char *cursor = params_get(&request->params, "cursor");
    return (!cursor || parse_id(cursor, "cursor", &ret->before, err)) &&
           params_bool(&request->params, "dead", &ret->dead, err) &&
           params_int(&request->params, "limit", 1, EVENTS_LIMIT_MAX, &ret->limit, err);
}

void api_feedback(struct serve *serve, struct request *request, struct reply *reply)
{
    struct err err = {0};
    struct page_query query;
    struct uuid next = {0};
    struct json j;
    json_init(&j);
    json_begin_object(&j, NULL);
    if (parse_page(request, &query, &err) &&
        store_list_feedback(serve->reader, &query.before, query.limit, &j, &next, &err))
        reply_page(&j, query.limit, &next, reply);
    else
        reply_error(reply, &serve->log, &err);
    json_done(&j);
}

void api_jobs(struct serve *serve, struct request *request, struct reply *reply)
{
    struct err err = {0};
    struct page_query query;
    struct uuid next = {0};
    struct json j;
    json_init(&j);
    json_begin_object(&j, NULL);
    if (parse_page(request, &query, &err) &&
        store_list_jobs(serve->reader, query.dead, &query.before, query.limit, &j, &next, &err))
        reply_page(&j, query.limit, &next, reply);
    else
        reply_error(reply, &serve->log, &err);
    json_done(&j);
}

/* The event whose dead letter is meant; zero: all are. */
static bool read_dead_letter(struct serve *serve, const struct request *request, struct uuid *ret,
                             struct err *err)
{
    const char *id = request->path_params[0];
    struct json j;
    if (!id[0])
        return true;
    json_init(&j);
    bool ok = parse_id(id, "event", ret, err) && store_get_event(serve->reader, ret, &j, NULL, err);
    json_done(&j);
    return ok;
}

/* Dead letters are asked about again. One that waits or has its verdict meanwhile stays as it is:
 * what was wanted is so. */
void api_jobs_requeue(struct serve *serve, struct request *request, struct reply *reply)
{
    struct err err = {0};
    struct uuid event = {0};
    if (!read_dead_letter(serve, request, &event, &err) || !can_store(serve, &err)) {
        reply_error(reply, &serve->log, &err);
        return;
    }
    store_requeue(serve->params.store, &event);
    struct json j;
    json_init(&j);
    json_begin_object(&j, NULL);
    json_uuid(&j, "event_id", &event);
    json_end_object(&j);
    reply_json(reply, &j);
    json_done(&j);
}
