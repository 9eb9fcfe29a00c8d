/* docs/api/openapi.yaml against the server: every address, method and parameter is in it, and every
 * member of every answer is described there with its type. */
#include "house.h"

#include <jansson.h>
#include <libfyaml.h>
#include <stdlib.h>
#include <strings.h>

static json_t *read_api(void)
{
    char path[512];
    snprintf(path, sizeof path, "%s/../docs/api/openapi.yaml", getenv("HSI_TESTS"));
    struct fy_document *yaml = fy_document_build_from_file(NULL, path);
    CHECK(yaml != NULL);
    char *text = fy_emit_document_to_string(yaml, FYECF_MODE_JSON | FYECF_WIDTH_INF);
    CHECK(text != NULL);
    json_error_t where;
    json_t *api = json_loads(text, 0, &where);
    if (!api)
        fail_msg("%s as JSON, line %d: %s", path, where.line, where.text);
    free(text);
    fy_document_destroy(yaml);
    return api;
}

static json_t *resolve(json_t *api, json_t *node)
{
    const char *ref = json_string_value(json_object_get(node, "$ref"));
    if (!ref)
        return node;
    char path[128];
    json_t *at = api;
    CHECK(strncmp(ref, "#/", 2) == 0 && STR_COPY(path, ref + 2));
    char *rest = path;
    for (char *name; at && (name = strsep(&rest, "/"));)
        at = json_object_get(at, name);
    if (!at)
        fail_msg("%s leads nowhere", ref);
    return at;
}

/* --- addresses --- */

static bool listed_param(json_t *api, json_t *operation, const char *name)
{
    size_t i;
    json_t *param;
    json_array_foreach(json_object_get(operation, "parameters"), i, param)
    {
        json_t *in = resolve(api, param);
        if (strcmp(json_string_value(json_object_get(in, "name")), name) == 0 &&
            strcmp(json_string_value(json_object_get(in, "in")), "query") == 0)
            return true;
    }
    return false;
}

static void check_params(json_t *api, const struct route *route, json_t *operation)
{
    size_t known = 0;
    for (; route->params && route->params[known]; known++)
        if (!listed_param(api, operation, route->params[known]))
            fail_msg("%s: '%s' is not described", route->path, route->params[known]);
    if (json_array_size(json_object_get(operation, "parameters")) != known)
        fail_msg("%s: a parameter is described that there is not", route->path);
}

static void every_address_is_described(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned method;
    } methods[] = {
        {"get", METHOD_GET}, {"put", METHOD_PUT}, {"post", METHOD_POST}, {"delete", METHOD_DELETE}};
    json_t *api = read_api();
    json_t *paths = json_object_get(api, "paths");
    size_t count = 0;
    for (const struct route *r = routes; r->path; r++) {
        if (strcmp(r->path, "/") == 0 || strncmp(r->path, "/assets/", 8) == 0)
            continue; /* the page itself */
        json_t *described = json_object_get(paths, r->path);
        if (!described)
            fail_msg("%s is not described", r->path);
        count++;
        for (size_t m = 0; m < ARRAY_LEN(methods); m++) {
            json_t *operation = json_object_get(described, methods[m].name);
            bool has = (r->methods ? r->methods : METHODS_READ) & methods[m].method;
            if (has != (operation != NULL))
                fail_msg("%s: %s is %s", r->path, methods[m].name,
                         has ? "not described" : "described, but refused");
            if (operation)
                check_params(api, r, operation);
        }
    }
    CHECK_INT(json_object_size(paths), count);
    json_decref(api);
}

/* --- answers --- */

static bool is_of_type(const json_t *value, const char *type)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return strcmp(type, "object") == 0;
    case JSON_ARRAY:
        return strcmp(type, "array") == 0;
    case JSON_STRING:
        return strcmp(type, "string") == 0;
    case JSON_INTEGER:
        return strcmp(type, "integer") == 0 || strcmp(type, "number") == 0;
    case JSON_REAL:
        return strcmp(type, "number") == 0;
    case JSON_TRUE:
    case JSON_FALSE:
        return strcmp(type, "boolean") == 0;
    case JSON_NULL:
        return strcmp(type, "null") == 0;
    }
    return false;
}

static void check_type(const json_t *schema, const json_t *value, const char *at)
{
    json_t *type = json_object_get(schema, "type"), *one;
    if (!type)
        return;
    bool fits = json_is_string(type) && is_of_type(value, json_string_value(type));
    size_t i;
    json_array_foreach(type, i, one) fits = fits || is_of_type(value, json_string_value(one));
    if (!fits)
        fail_msg("%s is of another type than described: %s", at,
                 json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT));
}

static void check_enum(const json_t *schema, const json_t *value, const char *at)
{
    json_t *words = json_object_get(schema, "enum"), *word;
    bool fits = !words;
    size_t i;
    json_array_foreach(words, i, word) fits = fits || json_equal(word, value);
    if (!fits)
        fail_msg("%s is none of the words described: %s", at,
                 json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT));
}

/* The schema of a member, also where the object's is put together of several. */
static json_t *member_of(json_t *api, json_t *schema, const char *name)
{
    json_t *found = json_object_get(json_object_get(schema, "properties"), name), *part;
    size_t i;
    json_array_foreach(json_object_get(schema, "allOf"), i, part)
    {
        if (!found)
            found = member_of(api, resolve(api, part), name);
    }
    return found ? found : json_object_get(schema, "additionalProperties");
}

static void check_value(json_t *api, json_t *schema, json_t *value, const char *at)
{
    char deeper[512];
    const char *name;
    json_t *member;
    size_t i;
    schema = resolve(api, schema);
    check_type(schema, value, at);
    check_enum(schema, value, at);
    json_array_foreach(value, i, member)
    {
        snprintf(deeper, sizeof deeper, "%s[%zu]", at, i);
        check_value(api, json_object_get(schema, "items"), member, deeper);
    }
    json_object_foreach(value, name, member)
    {
        snprintf(deeper, sizeof deeper, "%s.%s", at, name);
        json_t *described = member_of(api, schema, name);
        if (!described)
            fail_msg("%s is not described", deeper);
        check_value(api, described, member, deeper);
    }
}

/* The answer against what the pattern's method is said to answer. */
static void check_answer(struct house *h, json_t *api, const char *pattern, const char *method,
                         const char *path, const char *body)
{
    char request[1024];
    snprintf(request, sizeof request,
             "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
             "Content-Length: %zu\r\n\r\n%s",
             method, path, strlen(body), body);
    char lower[16] = "";
    for (size_t i = 0; method[i]; i++)
        lower[i] = (char)(method[i] | 0x20);
    json_t *node = json_object_get(json_object_get(json_object_get(api, "paths"), pattern), lower);
    static const char *const way[] = {"responses", "200", "content", "application/json", "schema"};
    for (size_t i = 0; i < ARRAY_LEN(way); i++)
        node = json_object_get(node, way[i]);
    if (!node)
        fail_msg("%s %s: no answer is described", method, pattern);
    struct answer a = raw_ask(h->port, request);
    CHECK_INT(a.status, 200);
    json_t *value = json_loadb(a.body, a.body_bytes, 0, NULL);
    CHECK(value != NULL);
    check_value(api, node, value, path);
    json_decref(value);
    answer_done(&a);
}

static void put_judged_event(struct house *h, struct uuid *ret, enum outcome_end end)
{
    struct event *e = event_new();
    struct outcome o = {.end = end};
    struct judgement *j = &o.judgement;
    struct evidence at = {.at = {.box = {0.2f, 0.2f, 0.6f, 0.8f}, .score = 0.9f}};
    o.event = j->event = e->id = *ret = uuid7_new(&h->ids);
    STR_COPY(e->camera_name, camera_names[0]);
    e->state = EVENT_CLOSED;
    e->close_reason = CLOSE_QUIET;
    e->verdict.score = 64;
    e->verdict.reason_count = 1;
    STR_COPY(e->verdict.reasons[0].rule, "person");
    e->verdict.reasons[0].points = 64;
    e->track_count = 1;
    e->tracks[0].id = at.track = uuid7_new(&h->ids);
    STR_COPY(e->tracks[0].label, "person");
    e->tracks[0].zones[0] = (struct zone_visit){.name = "door", .seen = true};
    track_remember_crossing(&e->tracks[0], &(struct crossing){.name = "gate", .direction = 1});
    e->ask = ASK_QUEUED;
    e->window = blob_compress("window", 6);
    j->state = end == OUTCOME_JUDGED ? JUDGEMENT_DONE : JUDGEMENT_FAILED;
    j->score = end == OUTCOME_JUDGED ? 30 : SCORE_NONE;
    j->verdict = MODEL_CONFIRMED;
    j->rules_score = e->verdict.score;
    j->claim_count = 1;
    j->claims[0] = (struct claim){.text = "seen", .evidence_count = 1, .evidence = {at}};
    if (end == OUTCOME_JUDGED)
        j->id = uuid7_new(&h->ids);
    store_put_event(h->store, e);
    store_put_outcome(h->store, &o);
    store_flush(h->store);
}

static void every_member_is_described(void **state)
{
    struct house *h = *state;
    json_t *api = read_api();
    struct uuid judged, dead;
    char id[UUID_TEXT_BYTES], path[128];
    put_judged_event(h, &judged, OUTCOME_JUDGED);
    put_judged_event(h, &dead, OUTCOME_DEAD);
    struct camera_event covered = {.id = uuid7_new(&h->ids), .kind = CAMERA_EVENT_COVERED};
    STR_COPY(covered.camera, camera_names[0]);
    store_put_camera_event(h->store, &covered);
    snprintf(path, sizeof path, "/api/events/%s/feedback", uuid_format(id, &judged));
    check_answer(h, api, "/api/events/{id}/feedback", "PUT", path, "{\"kind\":\"accurate\"}");
    store_flush(h->store);
    check_answer(h, api, "/health", "GET", "/health", "");
    check_answer(h, api, "/api/system", "GET", "/api/system", "");
    check_answer(h, api, "/api/cameras", "GET", "/api/cameras", "");
    check_answer(h, api, "/api/cameras/{name}", "GET", "/api/cameras/yard", "");
    check_answer(h, api, "/api/camera-events", "GET", "/api/camera-events", "");
    check_answer(h, api, "/api/events", "GET", "/api/events?limit=1", "");
    check_answer(h, api, "/api/feedback", "GET", "/api/feedback", "");
    check_answer(h, api, "/api/llm/jobs", "GET", "/api/llm/jobs", "");
    path[strlen(path) - strlen("/feedback")] = '\0';
    check_answer(h, api, "/api/events/{id}", "GET", path, "");
    strncat(path, "/feedback", 10);
    check_answer(h, api, "/api/events/{id}/feedback", "DELETE", path, "");
    snprintf(path, sizeof path, "/api/llm/jobs/%s/requeue", uuid_format(id, &dead));
    check_answer(h, api, "/api/llm/jobs/{id}/requeue", "POST", path, "");
    check_answer(h, api, "/api/llm/jobs/requeue", "POST", "/api/llm/jobs/requeue", "");
    json_decref(api);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_address_is_described),
        CASE(every_member_is_described),
    };
    return cmocka_run_group_tests_name("serve/openapi", tests, NULL, NULL);
}
