/* Changes over HTTP: bodies in every shape, who may send them, what people say about events, and
 * dead letters. Covers api_risk and what of web reads bodies. */
#include "house.h"

#include <stdlib.h>

static const char *const unknown_event = "01234567-89ab-7cde-8f01-23456789abcd";

/* "PUT /api/events/ID/feedback" with this body and, if not NULL, another header line. */
static const char *put_request(char out[8192], const struct uuid *event, const char *more,
                               const char *body)
{
    char id[UUID_TEXT_BYTES];
    snprintf(out, 8192,
             "PUT /api/events/%s/feedback HTTP/1.1\r\nHost: localhost\r\n"
             "Content-Type: application/json\r\nContent-Length: %zu\r\n%s\r\n%s",
             uuid_format(id, event), strlen(body), more ? more : "", body);
    return out;
}

static void expect_answer(struct raw *c, int status, const char *part)
{
    struct answer a = raw_answer(c, false);
    if (a.status != status)
        fail_msg("answered %d, expected %d: %s", a.status, status, a.body);
    if (part && !strstr(a.body, part))
        CHECK_CONTAINS(a.head, part);
    answer_done(&a);
}

/* The event as the API has it once everything put is committed. */
static void expect_event(struct house *h, const struct uuid *event, const char *part)
{
    char id[UUID_TEXT_BYTES], path[128];
    store_flush(h->store);
    snprintf(path, sizeof path, "/api/events/%s", uuid_format(id, event));
    expect_get(h, path, 200, part);
}

/* --- what people say --- */

static void feedback_is_put_changed_and_taken_back(void **state)
{
    struct house *h = *state;
    struct uuid event = put_events(h, 1, 0, 72);
    char request[8192], id[UUID_TEXT_BYTES];
    expect_event(h, &event, "\"feedback\":null");
    expect_get(h, "/api/feedback", 200, "{\"items\":[],");
    expect(
        h,
        put_request(request, &event, NULL, "{\"kind\":\"too_high\",\"note\":\"my \\\"aunt\\\"\"}"),
        200, "\"feedback\":{\"kind\":\"too_high\",\"note\":\"my \\\"aunt\\\"\",\"at\":\"2");
    expect_event(h, &event, "\"feedback\":{\"kind\":\"too_high\",\"note\":\"my \\\"aunt\\\"\",");
    expect(h, put_request(request, &event, NULL, "{\"kind\":\"false_positive\"}"), 200,
           "\"note\":\"\"");
    expect_event(h, &event, "\"feedback\":{\"kind\":\"false_positive\",\"note\":\"\",");
    expect_get(h, "/api/feedback", 200, "\"camera\":\"porch\",\"kind\":\"false_positive\"");
    snprintf(request, sizeof request,
             "DELETE /api/events/%s/feedback HTTP/1.1\r\nHost: localhost\r\n\r\n",
             uuid_format(id, &event));
    expect(h, request, 200, "\"feedback\":null");
    expect(h, request, 200, "\"feedback\":null"); /* nothing to take back is no mistake */
    expect_event(h, &event, "\"feedback\":null");
    expect_get(h, "/api/feedback", 200, "{\"items\":[],");
}

static void mistakes_in_feedback_are_answered_in_words(void **state)
{
    struct house *h = *state;
    struct uuid event = put_events(h, 1, 0, 72);
    char long_note[1024] = "{\"kind\":\"missed\",\"note\":\"", request[8192];
    memset(long_note + strlen(long_note), 'x', FEEDBACK_NOTE_BYTES);
    strncat(long_note, "\"}", 3);
    static const struct {
        const char *body, *part, *hint;
    } cases[] = {
        {"{\"kind\":\"too_high\"", "not JSON: line 1, column 18: ", ""},
        {"{\n\"kind\": }", "not JSON: line 2, column 9: ", ""},
        {"", "not JSON: line 1, column 0: ", ""},
        {"\xff\xfe", "not JSON: line 1, column ", ""},
        {"[]", "the body is not an object", ""},
        {"{}", "kind: is missing", "accurate, false_positive, missed, too_high or too_low"},
        {"{\"kind\":\"to_high\"}", "kind: 'to_high' is not one of them",
         "did you mean 'too_high'?"},
        {"{\"kind\":\"\"}", "kind: '' is not one of them", "accurate, false_positive"},
        {"{\"kind\":3}", "kind: not a text", ""},
        {"{\"kind\":\"a\\u0000b\"}", "not JSON: line 1, column ", ""},
        {"{\"kind\":\"missed\",\"kind\":\"missed\"}", "duplicate object key", ""},
        {"{\"kind\":\"missed\",\"nte\":\"\"}", "nothing is known about 'nte'",
         "did you mean 'note'?"},
        {"{\"kind\":\"missed\",\"<b>\":1}", "nothing is known about '<b>'", ""},
        {"{\"kind\":\"missed\"} {}", "not JSON: line 1, column ", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        put_request(request, &event, NULL, cases[i].body);
        expect(h, request, 400, cases[i].part);
        expect(h, request, 400, cases[i].hint);
    }
    expect(h, put_request(request, &event, NULL, long_note), 400, "note: longer than 511 bytes");
    expect_event(h, &event, "\"feedback\":null");
}

static void feedback_needs_an_event(void **state)
{
    struct house *h = *state;
    struct uuid nobody;
    char request[8192];
    CHECK(uuid_parse(unknown_event, &nobody));
    put_request(request, &nobody, NULL, "{\"kind\":\"missed\"}");
    expect(h, request, 404, "no event 01234567-89ab");
    /* What was said outlives its event, and can still be taken back. */
    snprintf(request, sizeof request,
             "DELETE /api/events/%s/feedback HTTP/1.1\r\nHost: localhost\r\n\r\n", unknown_event);
    expect(h, request, 200, "\"feedback\":null");
    expect(h, "DELETE /api/events/porch/feedback HTTP/1.1\r\nHost: localhost\r\n\r\n", 400,
           "'porch' is not an id");
    expect_get(h, "/api/feedback", 200, "{\"items\":[],");
}

static void feedback_is_paged(void **state)
{
    struct house *h = *state;
    char request[8192], path[128] = "/api/feedback?limit=2&cursor=";
    for (int i = 0; i < 3; i++) {
        struct uuid event = put_events(h, 1, 0, 72);
        expect(h, put_request(request, &event, NULL, "{\"kind\":\"accurate\"}"), 200, NULL);
    }
    store_flush(h->store);
    struct answer a = raw_get(h->port, "/api/feedback?limit=2");
    CHECK_CONTAINS(a.body, "\"has_more\":true}}");
    strncat(path, strstr(a.body, "next_cursor\":\"") + 14, UUID_TEXT_BYTES - 1);
    answer_done(&a);
    expect_get(h, path, 200, "\"next_cursor\":null,\"has_more\":false}}");
    expect_get(h, "/api/feedback?limt=2", 400, "did you mean 'limit'?");
    expect_get(h, "/api/feedback?cursor=x", 400, "cursor: 'x' is not an id");
}

/* --- who may change something --- */

static void only_pages_of_this_server_change_anything(void **state)
{
    struct house *h = *state;
    struct uuid event = put_events(h, 1, 0, 72);
    static const struct {
        const char *more;
        int status;
    } cases[] = {
        {"Origin: http://localhost\r\n", 200},    {"Origin: http://localhost:8480\r\n", 403},
        {"Origin: https://localhost\r\n", 200}, /* a proxy may have added TLS */
        {"Origin: http://evil.example\r\n", 403}, {"Origin: null\r\n", 403},
    };
    char request[8192];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        put_request(request, &event, cases[i].more, "{\"kind\":\"accurate\"}");
        struct answer a = raw_ask(h->port, request);
        if (a.status != cases[i].status)
            fail_msg("%s: %d %s", cases[i].more, a.status, a.body);
        answer_done(&a);
    }
}

static void only_json_is_read(void **state)
{
    struct house *h = *state;
    struct uuid event = put_events(h, 1, 0, 72);
    static const struct {
        const char *type;
        int status;
    } cases[] = {
        {"Content-Type: application/json\r\n", 200},
        {"Content-Type: Application/JSON; charset=utf-8\r\n", 200},
        {"Content-Type: application/json-patch\r\n", 415},
        {"Content-Type: text/plain\r\n", 415},
        {"Content-Type: application/x-www-form-urlencoded\r\n", 415},
        {"", 415},
    };
    char id[UUID_TEXT_BYTES], request[1024];
    uuid_format(id, &event);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        snprintf(request, sizeof request,
                 "PUT /api/events/%s/feedback HTTP/1.1\r\nHost: localhost\r\n%s"
                 "Content-Length: 19\r\n\r\n{\"kind\":\"accurate\"}",
                 id, cases[i].type);
        expect(h, request, cases[i].status, cases[i].status == 415 ? "application/json" : NULL);
    }
}

/* --- bodies --- */

static void a_body_may_come_in_pieces(void **state)
{
    struct house *h = *state;
    struct uuid event = put_events(h, 1, 0, 72);
    char request[8192];
    put_request(request, &event, NULL, "{\"kind\":\"too_low\",\"note\":\"in pieces\"}");
    struct raw c = raw_open(h->port);
    for (const char *at = request; *at; at++) {
        raw_send(&c, at, 1);
        if (at[0] == '{' || at[0] == 'p') /* let the server see it so far */
            expect_get(h, "/health", 200, NULL);
    }
    expect_answer(&c, 200, "in pieces");
    raw_close(&c);
    expect_event(h, &event, "\"note\":\"in pieces\"");
}

static void a_connection_goes_on_after_a_change(void **state)
{
    struct house *h = *state;
    struct uuid event = put_events(h, 1, 0, 72);
    char request[8192];
    struct raw c = raw_open(h->port);
    for (int i = 0; i < 3; i++) {
        raw_say(&c, put_request(request, &event, NULL, "{\"kind\":\"accurate\"}"));
        expect_answer(&c, 200, "accurate");
        raw_say(&c, put_request(request, &event, NULL, "{\"kind\":\"wrong\"}"));
        expect_answer(&c, 400, "'wrong' is not one of them");
        raw_say(&c, "POST /api/llm/jobs/requeue HTTP/1.1\r\nHost: localhost\r\n"
                    "Content-Length: 0\r\n\r\n");
        expect_answer(&c, 200, "\"event_id\":null");
        raw_say(&c, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
        expect_answer(&c, 200, "\"status\":\"ok\"");
    }
    raw_close(&c);
}

#define GET_HEALTH "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define EMPTY_POST                                                                                 \
    "POST /api/llm/jobs/requeue HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"

static void requests_may_follow_a_change_without_waiting(void **state)
{
    struct house *h = *state;
    struct uuid event = put_events(h, 1, 0, 72);
    char text[8192];
    put_request(text, &event, NULL, "{\"kind\":\"accurate\"}");
    strncat(text, GET_HEALTH EMPTY_POST GET_HEALTH EMPTY_POST EMPTY_POST GET_HEALTH, 1024);
    struct raw c = raw_open(h->port);
    raw_say(&c, text);
    expect_answer(&c, 200, "accurate");
    expect_answer(&c, 200, "\"status\":\"ok\"");
    expect_answer(&c, 200, "\"event_id\":null");
    expect_answer(&c, 200, "\"status\":\"ok\"");
    expect_answer(&c, 200, "\"event_id\":null");
    expect_answer(&c, 200, "\"event_id\":null");
    expect_answer(&c, 200, "\"status\":\"ok\"");
    raw_say(&c, GET_HEALTH);
    expect_answer(&c, 200, "\"status\":\"ok\"");
    raw_close(&c);
}

/* What the library cannot do: the connection ends, nothing is changed, and above all it goes on. */
static void a_body_that_does_not_wait_its_turn_is_not_read(void **state)
{
    struct house *h = *state;
    struct uuid event = put_events(h, 1, 0, 72);
    char put[8192], text[32768];
    static const char *const before[] = {GET_HEALTH, GET_HEALTH GET_HEALTH, EMPTY_POST};
    static const char *const after[] = {"", GET_HEALTH, GET_HEALTH GET_HEALTH EMPTY_POST};
    put_request(put, &event, NULL, "{\"kind\":\"accurate\"}");
    for (size_t b = 0; b < ARRAY_LEN(before); b++)
        for (size_t a = 0; a < ARRAY_LEN(after); a++) {
            snprintf(text, sizeof text, "%s%s%s", before[b], put, after[a]);
            struct raw c = raw_open(h->port);
            raw_say(&c, text);
            expect_answer(&c, 200, NULL);
            CHECK(raw_is_closed(&c));
            CHECK(!strstr(c.data, "accurate"));
            raw_close(&c);
            expect_get(h, "/health", 200, "ok");
        }
    expect_event(h, &event, "\"feedback\":null");
}

/* The same where the library has the head in two parts, and so its end for the body. */
static void half_a_head_that_does_not_wait_its_turn_ends_nothing(void **state)
{
    struct house *h = *state;
    struct uuid event = put_events(h, 1, 0, 72);
    char put[8192], text[32768];
    put_request(put, &event, NULL, "{\"kind\":\"accurate\"}");
    for (size_t cut = 10; cut < strlen(put); cut += 3) {
        struct raw c = raw_open(h->port);
        snprintf(text, sizeof text, "%s%.*s", GET_HEALTH, (int)cut, put);
        raw_say(&c, text);
        snprintf(text, sizeof text, "%s%s%s", put + cut, GET_HEALTH GET_HEALTH, GET_HEALTH);
        raw_say(&c, text);
        (void)shutdown(c.fd, SHUT_WR); /* where the server was not first */
        CHECK(raw_is_closed(&c));
        raw_close(&c);
    }
    expect_get(h, "/health", 200, "ok");
}

/* Where a POST does not say how long it is, it is empty, and is the connection's last. */
static void a_change_without_a_length_is_the_last(void **state)
{
    struct house *h = *state;
    struct raw c = raw_open(h->port);
    raw_say(&c, "POST /api/llm/jobs/requeue HTTP/1.1\r\nHost: localhost\r\n\r\n"
                "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    expect_answer(&c, 200, "Connection: close");
    CHECK(raw_is_closed(&c));
    CHECK_INT(c.bytes, 0);
    raw_close(&c);
}

static void what_follows_a_refusal_is_not_read(void **state)
{
    struct house *h = *state;
    struct uuid event = put_events(h, 1, 0, 72);
    static const struct {
        const char *head;
        int status;
    } cases[] = {
        {"PUT /api/events/%s/feedback?x=1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 43\r\n",
         400},
        {"PUT /api/events/%s/feedbck HTTP/1.1\r\nHost: localhost\r\nContent-Length: 43\r\n", 404},
        {"PUT /api/events/%s/feedback HTTP/1.1\r\nHost: localhost\r\nContent-Length: 43\r\n", 415},
        {"PUT /api/events/%s/feedback HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n",
         413},
        {"PUT /api/events/%s/feedback HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3,43\r\n",
         413},
        {"PUT /api/events/%s/feedback HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n", 413},
        {"PUT /api/events/%s/feedback HTTP/1.1\r\nHost: localhost\r\n"
         "Content-Length: 99999999999999999999\r\n",
         413},
        {"PUT /api/events/%s/feedback HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 43\r\n",
         421},
        {"PUT /api/events/%s/feedback HTTP/1.1\r\nHost: localhost\r\n"
         "Transfer-Encoding: chunked\r\n",
         411},
        {"POST /api/events/%s/feedback HTTP/1.1\r\nHost: localhost\r\nContent-Length: 43\r\n", 405},
        {"GET /api/events/%s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 43\r\n", 413},
    };
    static const char smuggled[] = "\r\nGET /api/cameras HTTP/1.1\r\nHost: localhost\r\n\r\n";
    char id[UUID_TEXT_BYTES], request[1024];
    uuid_format(id, &event);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *gap = strstr(cases[i].head, "%s");
        snprintf(request, sizeof request, "%.*s%s%s%s", (int)(gap - cases[i].head), cases[i].head,
                 id, gap + 2, smuggled);
        struct raw c = raw_open(h->port);
        raw_say(&c, request);
        struct answer a = raw_answer(&c, false);
        if (a.status != cases[i].status)
            fail_msg("%s: %d %s", cases[i].head, a.status, a.body);
        CHECK_CONTAINS(a.head, "Connection: close");
        answer_done(&a);
        CHECK(raw_is_closed(&c));
        CHECK_INT(c.bytes, 0); /* one answer only */
        raw_close(&c);
    }
    expect_event(h, &event, "\"feedback\":null");
}

/* Every byte of a long message may need six to be told. */
static void a_refusal_is_told_whole(void **state)
{
    struct house *h = *state;
    char request[2048] = "POST /api/";
    for (int i = 0; i < 200; i++)
        strncat(request, "%01", 4);
    strncat(request, " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx", 64);
    struct answer a = raw_ask(h->port, request);
    CHECK_INT(a.status, 404);
    CHECK(a.body_bytes > 1024);
    CHECK(a.body[a.body_bytes - 1] == '}');
    answer_done(&a);
}

static void half_a_body_changes_nothing(void **state)
{
    struct house *h = *state;
    struct uuid event = put_events(h, 1, 0, 72);
    char request[8192];
    struct raw open[3];
    put_request(request, &event, NULL, "{\"kind\":\"accurate\"}");
    size_t whole = strlen(request);
    for (size_t i = 0; i < ARRAY_LEN(open); i++) {
        open[i] = raw_open(h->port);
        raw_send(&open[i], request, whole - 1 - 9 * i); /* the last without any of it */
    }
    expect_get(h, "/health", 200, "ok");
    raw_close(&open[0]);
    CHECK_INT(shutdown(open[1].fd, SHUT_WR), 0);
    CHECK(raw_is_closed(&open[1]));
    CHECK_INT(open[1].bytes, 0);
    raw_close(&open[1]);
    expect_event(h, &event, "\"feedback\":null");
    raw_say(&open[2], request + whole - 19); /* the rest, late */
    expect_answer(&open[2], 200, "accurate");
    raw_close(&open[2]);
}

/* --- dead letters --- */

static struct uuid put_dead_letter(struct house *h, const char *reason)
{
    struct event *e = event_new();
    struct uuid id = e->id = uuid7_new(&h->ids);
    STR_COPY(e->camera_name, camera_names[0]);
    e->state = EVENT_CLOSED;
    e->verdict.score = 64;
    e->ask = ASK_QUEUED;
    e->window = blob_compress("window", 6);
    store_put_event(h->store, e);
    struct outcome outcome = {.event = id, .end = OUTCOME_DEAD};
    outcome.judgement = (struct judgement){
        .event = id, .state = JUDGEMENT_FAILED, .score = SCORE_NONE, .max_change = 20};
    STR_COPY(outcome.judgement.reason, reason);
    store_put_outcome(h->store, &outcome);
    store_flush(h->store);
    return id;
}

static void expect_dead(struct house *h, int count)
{
    store_flush(h->store);
    struct answer a = raw_get(h->port, "/api/llm/jobs?dead=true");
    int found = 0;
    for (const char *at = a.body; (at = strstr(at, "\"state\":\"dead\"")); at++)
        found++;
    CHECK_INT(a.status, 200);
    CHECK_INT(found, count);
    answer_done(&a);
}

static void requeue(struct house *h, const struct uuid *event)
{
    char id[UUID_TEXT_BYTES], request[256];
    snprintf(
        request, sizeof request,
        "POST /api/llm/jobs/%s/requeue HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
        uuid_format(id, event));
    expect(h, request, 200, id);
}

static void a_dead_letter_is_asked_about_again(void **state)
{
    struct house *h = *state;
    struct uuid first = put_dead_letter(h, "the reply \"was\" cut off");
    struct uuid second = put_dead_letter(h, "no");
    expect_get(h, "/api/llm/jobs?dead=true", 200, "\"reason\":\"the reply \\\"was\\\" cut off\"");
    expect_event(h, &first, "\"model\":{\"state\":\"failed\"");
    expect_dead(h, 2);
    requeue(h, &first);
    expect_dead(h, 1);
    expect_event(h, &first, "\"model\":{\"state\":\"waiting\"");
    expect_event(h, &second, "\"model\":{\"state\":\"failed\"");
    expect_get(h, "/api/llm/jobs", 200, "\"state\":\"waiting\"");
    requeue(h, &first); /* what waits already goes on waiting */
    expect_dead(h, 1);
}

static void all_dead_letters_are_asked_about_again(void **state)
{
    struct house *h = *state;
    for (int i = 0; i < 3; i++)
        put_dead_letter(h, "no");
    expect_dead(h, 3);
    expect(h, "POST /api/llm/jobs/requeue HTTP/1.1\r\nHost: localhost\r\n\r\n", 200,
           "\"event_id\":null");
    expect_dead(h, 0);
}

static void only_what_is_known_is_asked_about_again(void **state)
{
    struct house *h = *state;
    expect(h,
           "POST /api/llm/jobs/01234567-89ab-7cde-8f01-23456789abcd/requeue HTTP/1.1\r\n"
           "Host: localhost\r\nContent-Length: 0\r\n\r\n",
           404, "no event 01234567-89ab");
    expect(h, "POST /api/llm/jobs/all/requeue HTTP/1.1\r\nHost: localhost\r\n\r\n", 400,
           "'all' is not an id");
    expect_get(h, "/api/llm/jobs?dead=maybe", 400, "allowed: true, false");
    expect_get(h, "/api/llm/jobs/requeu", 404, "did you mean '/api/llm/jobs/requeue'?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(feedback_is_put_changed_and_taken_back),
        CASE(mistakes_in_feedback_are_answered_in_words),
        CASE(feedback_needs_an_event),
        CASE(feedback_is_paged),
        CASE(only_pages_of_this_server_change_anything),
        CASE(only_json_is_read),
        CASE(a_body_may_come_in_pieces),
        CASE(a_connection_goes_on_after_a_change),
        CASE(requests_may_follow_a_change_without_waiting),
        CASE(a_body_that_does_not_wait_its_turn_is_not_read),
        CASE(half_a_head_that_does_not_wait_its_turn_ends_nothing),
        CASE(a_change_without_a_length_is_the_last),
        CASE(what_follows_a_refusal_is_not_read),
        CASE(a_refusal_is_told_whole),
        CASE(half_a_body_changes_nothing),
        CASE(a_dead_letter_is_asked_about_again),
        CASE(all_dead_letters_are_asked_about_again),
        CASE(only_what_is_known_is_asked_about_again),
    };
    return cmocka_run_group_tests_name("serve/change", tests, NULL, NULL);
}
