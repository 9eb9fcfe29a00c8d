/* One window asked about, with a server that answers what the test says: the functions of the
 * connection are the test's own, which the linker takes instead of the room's. */
#include "risk/llm/inquiry.h"
#include "risk/llm/judge.h"
#include "test.h"

#include <jansson.h>
#include <stdlib.h>

#define SAYS(text) "data: {\"choices\":[{\"delta\":{\"content\":\"" text "\"}}]}\n\n"
#define ENDS(why)  "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"" why "\"}]}\n\n"
#define USED(p, c, r)                                                                              \
    "data: {\"choices\":[],\"model\":\"tiny\",\"system_fingerprint\":\"b1\",\"usage\":{"           \
    "\"prompt_tokens\":" #p ",\"completion_tokens\":" #r                                           \
    ",\"prompt_tokens_details\":{\"cached_tokens\":" #c "}}}\n\n"
#define OVER "data: [DONE]\n\n"
#define REPLY                                                                                      \
    "{\\\"reasoning\\\":\\\"r\\\",\\\"claims\\\":[],\\\"verdict\\\":\\\"confirmed\\\","            \
    "\\\"score\\\":40,\\\"summary\\\":\\\"s\\\"}"
#define GOOD SAYS(REPLY) ENDS("stop") USED(900, 700, 50) OVER
#define HALF SAYS("{\\\"reasoning\\\"") ENDS("stop") USED(900, 700, 50) OVER
#define CONTEXT                                                                                    \
    "{\"error\":{\"type\":\"exceed_context_size_error\",\"message\":\"the request exceeds\","      \
    "\"n_prompt_tokens\":8000,\"n_ctx\":4000}}"

/* --- the server --- */

struct server {
    struct server_info info;
    bool gone;
};

struct http_request {
    struct http_call call;
};

static struct server the_server;
static struct http_request the_request;
static bool asked, cancelled;
static json_t *body; /* of the last request */

const struct server_info *server_info(const struct server *server)
{
    return &server->info;
}

struct http *server_http(struct server *server)
{
    return server->gone ? NULL : (struct http *)server;
}

struct http_request *http_start(struct http *http, const struct http_call *call)
{
    CHECK(http == (struct http *)&the_server);
    CHECK(!asked);
    asked = true;
    the_request.call = *call;
    json_decref(body);
    json_error_t error;
    body = json_loadb(call->body, call->body_bytes, 0, &error);
    if (!body)
        fail_msg("the request is no JSON: %s", error.text);
    return &the_request;
}

void http_cancel(struct http_request **request)
{
    cancelled = *request != NULL;
    asked = false;
    *request = NULL;
}

/* --- asking it --- */

struct step {
    enum http_end end;
    int status;
    const char *text; /* of the stream, or of the body; NULL: that is all */
    int64_t takes_s;
};

struct fixture {
    struct llm_conf conf;
    struct fake_clock clock;
    struct uuid_gen ids;
    struct window *window;
    struct prompt_picture picture;
    struct inquiry *inquiry;
    struct inquiry_result result;
    int done, requests;
    int64_t seeds[8];
    double temperatures[8];
    int pictures[8];
    size_t sizes[8];
};

static void on_done(void *ctx, struct inquiry_result *result)
{
    struct fixture *f = ctx;
    inquiry_result_done(&f->result);
    f->result = *result;
    f->inquiry = NULL;
    f->done++;
}

static int count_pictures(const json_t *request)
{
    char *text = json_dumps(request, 0);
    int count = 0;
    for (const char *at = text; (at = strstr(at, "\"image_url\": {")); at++)
        count++;
    free(text);
    return count;
}

static void note_request(struct fixture *f)
{
    CHECK(f->requests < (int)ARRAY_LEN(f->seeds));
    f->seeds[f->requests] = json_integer_value(json_object_get(body, "seed"));
    f->temperatures[f->requests] = json_number_value(json_object_get(body, "temperature"));
    f->pictures[f->requests] = count_pictures(body);
    f->sizes[f->requests++] = the_request.call.body_bytes;
    CHECK_STR(the_request.call.path, "/v1/chat/completions");
    CHECK(json_is_true(json_object_get(body, "stream")));
}

static void answer(struct fixture *f, const struct step *step)
{
    note_request(f);
    struct http_call call = the_request.call;
    f->clock.now_us += step->takes_s * US_PER_S;
    struct http_result result = {.end = step->end, .status = step->status, .text = "why"};
    bool more = !step->text[0] || call.data(call.ctx, step->status, step->text, strlen(step->text));
    if (!more)
        result.end = HTTP_TOO_LONG;
    asked = false;
    call.done(call.ctx, &result);
}

static int setup(void **state)
{
    static const char line[] =
        "{\"id\":\"a\",\"camera\":\"porch\",\"zones\":[\"door:entry\"],\"household\":[],"
        "\"start\":\"2026-11-27T22:22:38+01:00\",\"tracks\":[%s],"
        "\"expect_level\":\"low\",\"incident\":false}";
    char tracks[8000] = "", text[9000];
    for (int i = 0; i < 40; i++)
        snprintf(tracks + strlen(tracks), sizeof tracks - strlen(tracks),
                 "%s{\"label\":\"person\",\"first_s\":%d,\"last_s\":%d,\"zones\":[\"door\"],"
                 "\"dwell_s\":1,\"stationary\":false}",
                 i ? "," : "", i, i + 3);
    snprintf(text, sizeof text, line, tracks);
    struct fixture *f = NEW(struct fixture);
    struct window_label label;
    struct err err = {0};
    if (!window_parse_line(text, strlen(text), &f->window, &label, &err))
        fail_msg("%s", err.msg);
    memset(f->window->event->id.bytes, 7, 16);
    f->window->event->revision = 3;
    fake_clock_init(&f->clock, 1000 * US_PER_S, 2000 * US_PER_S);
    f->ids.clock = &f->clock.clock;
    f->conf = (struct llm_conf){.max_change = 20, .deadline_us = 60 * US_PER_S, .cache = true};
    f->picture = (struct prompt_picture){
        .evidence = "e1", .data = (const unsigned char *)"\xff\xd8\xff", .bytes = 3};
    the_server = (struct server){.info = {.state = SERVER_READY, .model = "m", .build = "b0"}};
    asked = cancelled = false;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    inquiry_cancel(&f->inquiry);
    inquiry_result_done(&f->result);
    window_free(&f->window);
    json_decref(body);
    body = NULL;
    free(f);
    return 0;
}

static void start(struct fixture *f, int pictures, int64_t first_seed)
{
    f->requests = f->done = 0;
    f->inquiry = inquiry_start(&(struct inquiry_params){.conf = &f->conf,
                                                        .server = &the_server,
                                                        .window = f->window,
                                                        .pictures = &f->picture,
                                                        .picture_count = pictures,
                                                        .ids = &f->ids,
                                                        .clock = &f->clock.clock,
                                                        .first_seed = first_seed,
                                                        .done = on_done,
                                                        .ctx = f});
}

static void play(struct fixture *f, const struct step *steps, int pictures)
{
    start(f, pictures, 0);
    for (; asked; steps++) {
        if (!steps->text)
            fail_msg("one request too many, after %d", f->requests);
        answer(f, steps);
    }
    CHECK(!steps->text);
    CHECK_INT(f->done, 1);
    CHECK(!f->inquiry);
}

static const struct course {
    const char *says;
    struct step steps[6];
    int pictures;
    enum inquiry_end end;
    const char *outcomes; /* of the runs */
    bool server_at_fault, look_again;
    const char *reason; /* a part of it */
} courses[] = {
    {"good at once", {{HTTP_DONE, 200, GOOD}}, 0, INQUIRY_JUDGED, "ok", false, false, ""},
    {"half a JSON first",
     {{HTTP_DONE, 200, HALF}, {HTTP_DONE, 200, GOOD}},
     0,
     INQUIRY_JUDGED,
     "invalid ok",
     false,
     false,
     ""},
    {"half a JSON twice",
     {{HTTP_DONE, 200, HALF}, {HTTP_DONE, 200, HALF}},
     0,
     INQUIRY_HOPELESS,
     "invalid invalid",
     false,
     false,
     "invalid: "},
    {"broken UTF-8 first",
     {{HTTP_DONE, 500, "{\"error\":{\"message\":\"produced output that does not match\"}}"},
      {HTTP_DONE, 200, GOOD}},
     0,
     INQUIRY_JUDGED,
     "server-error ok",
     false,
     false,
     ""},
    {"broken UTF-8 twice",
     {{HTTP_DONE, 500, "{\"error\":{\"message\":\"produced output that does not match\"}}"},
      {HTTP_DONE, 500, "{\"error\":{\"message\":\"produced output that does not match\"}}"}},
     0,
     INQUIRY_HOPELESS,
     "server-error server-error",
     false,
     false,
     "server-error: produced"},
    {"a broken server",
     {{HTTP_DONE, 500, "{\"error\":\"CUDA\"}"}, {HTTP_DONE, 500, "{\"error\":\"CUDA\"}"}},
     0,
     INQUIRY_UNREACHABLE,
     "server-error server-error",
     true,
     false,
     "server-error: CUDA"},
    {"cut off, then good",
     {{HTTP_DONE, 200, SAYS("{") ENDS("length") OVER}, {HTTP_DONE, 200, GOOD}},
     0,
     INQUIRY_JUDGED,
     "length ok",
     false,
     false,
     ""},
    {"garbage twice",
     {{HTTP_DONE, 200, "<html>\n"}, {HTTP_DONE, 200, "\1\2\3\n"}},
     0,
     INQUIRY_HOPELESS,
     "invalid invalid",
     false,
     false,
     "invalid: "},
    {"no stream at all",
     {{HTTP_DONE, 200, "{\"choices\":[{\"message\":{\"content\":\"x\"}}]}"},
      {HTTP_DONE, 200, "{\"choices\":[{\"message\":{\"content\":\"x\"}}]}"}},
     0,
     INQUIRY_HOPELESS,
     "invalid invalid",
     false,
     false,
     "invalid: the answer is not a stream of events"},
    {"a last line without an end",
     {{HTTP_DONE, 200,
       SAYS(REPLY) "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}"}},
     0,
     INQUIRY_JUDGED,
     "ok",
     false,
     false,
     ""},
    {"broken off in the middle of a line",
     {{HTTP_DONE, 200, SAYS("{") "data: {\"choi"}},
     0,
     INQUIRY_UNREACHABLE,
     "broken",
     true,
     true,
     "broken: the reply ended in the middle"},
    {"endless, then half",
     {{HTTP_TOO_LONG, 200, ""}, {HTTP_DONE, 200, HALF}},
     0,
     INQUIRY_HOPELESS,
     "too-long invalid",
     false,
     false,
     "invalid: "},
    {"refused",
     {{HTTP_REFUSED, 0, ""}},
     0,
     INQUIRY_UNREACHABLE,
     "refused",
     true,
     true,
     "refused: why"},
    {"broken",
     {{HTTP_BROKEN, 200, SAYS("{")}},
     0,
     INQUIRY_UNREACHABLE,
     "broken",
     true,
     true,
     "broken: why"},
    {"silent", {{HTTP_SILENT, 0, ""}}, 0, INQUIRY_UNREACHABLE, "silent", true, true, "silent: why"},
    {"late",
     {{HTTP_LATE, 200, SAYS("{"), 60}},
     0,
     INQUIRY_UNREACHABLE,
     "late",
     true,
     false,
     "late: why"},
    {"no time for a second",
     {{HTTP_DONE, 200, HALF, 61}},
     0,
     INQUIRY_UNREACHABLE,
     "invalid",
     true,
     false,
     "late: no time"},
    {"half, then gone",
     {{HTTP_DONE, 200, HALF}, {HTTP_REFUSED, 0, ""}},
     0,
     INQUIRY_UNREACHABLE,
     "invalid refused",
     true,
     true,
     "refused: why"},
    {"full",
     {{HTTP_DONE, 503, "{\"error\":{\"message\":\"no slot available\"}}"}},
     0,
     INQUIRY_UNREACHABLE,
     "busy",
     true,
     false,
     "busy: no slot"},
    {"denied",
     {{HTTP_DONE, 401, "{\"error\":{\"message\":\"Invalid API Key\"}}"}},
     0,
     INQUIRY_UNREACHABLE,
     "denied",
     true,
     true,
     "denied: Invalid"},
    {"a bad request",
     {{HTTP_DONE, 400, "{\"error\":{\"message\":\"no\"}}"}},
     0,
     INQUIRY_HOPELESS,
     "bad-request",
     false,
     false,
     "bad-request: no"},
    {"too large, then good",
     {{HTTP_DONE, 400, CONTEXT}, {HTTP_DONE, 200, GOOD}},
     0,
     INQUIRY_JUDGED,
     "ok",
     false,
     false,
     ""},
    {"too large, then half, then good",
     {{HTTP_DONE, 400, CONTEXT}, {HTTP_DONE, 200, HALF}, {HTTP_DONE, 200, GOOD}},
     0,
     INQUIRY_JUDGED,
     "invalid ok",
     false,
     false,
     ""},
    {"too large however small",
     {{HTTP_DONE, 400, CONTEXT}, {HTTP_DONE, 400, CONTEXT}, {HTTP_DONE, 400, CONTEXT}},
     0,
     INQUIRY_HOPELESS,
     "context",
     false,
     false,
     "context: the request exceeds"},
    {"pictures it cannot take",
     {{HTTP_DONE, 500, "{\"error\":{\"message\":\"image input is not supported\"}}"},
      {HTTP_DONE, 200, GOOD}},
     1,
     INQUIRY_JUDGED,
     "ok",
     false,
     false,
     ""},
};

static void check_course(struct fixture *f, const struct course *c)
{
    play(f, c->steps, c->pictures);
    const struct inquiry_result *r = &f->result;
    char outcomes[100] = "";
    for (int i = 0; i < r->run_count; i++)
        snprintf(outcomes + strlen(outcomes), sizeof outcomes - strlen(outcomes), "%s%s",
                 i ? " " : "", r->runs[i].outcome);
    if (r->end != c->end || strcmp(outcomes, c->outcomes) != 0 ||
        r->server_at_fault != c->server_at_fault || r->look_again != c->look_again ||
        !strstr(r->judgement.reason, c->reason))
        fail_msg("%s: %d, %s, %d, %d: %s", c->says, r->end, outcomes, r->server_at_fault,
                 r->look_again, r->judgement.reason);
    static const int states[] = {JUDGEMENT_DONE, JUDGEMENT_WAITING, JUDGEMENT_FAILED};
    CHECK_INT(r->judgement.state, states[r->end]);
    CHECK_INT(r->judgement.score, r->end == INQUIRY_JUDGED ? 40 : SCORE_NONE);
    CHECK_INT(r->judgement.revision, 3);
    CHECK_INT(r->judgement.max_change, 20);
    CHECK_INT(r->judgement.attempts, f->requests);
}

static void every_course_ends_as_it_should(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(courses); i++)
        check_course(f, &courses[i]);
}

static void the_second_attempt_is_warmer_and_has_another_seed(void **state)
{
    struct fixture *f = *state;
    const struct step steps[] = {{HTTP_DONE, 200, HALF, 5}, {HTTP_DONE, 200, GOOD, 7}, {0}};
    play(f, steps, 0);
    CHECK_INT(f->temperatures[0] * 10, 0);
    CHECK_INT(f->temperatures[1] * 10, 3);
    CHECK_INT(f->seeds[0], 0x07070707);
    CHECK(f->seeds[1] != f->seeds[0] && f->seeds[1] >= 0 && f->seeds[1] <= INT32_MAX);
    const struct run *runs = f->result.runs;
    CHECK_INT(runs[0].attempt, 1);
    CHECK_INT(runs[1].attempt, 2);
    CHECK_INT(runs[0].seed, f->seeds[0]);
    CHECK_INT(runs[1].seed, f->seeds[1]);
    CHECK_INT(runs[0].spent_us, 5 * US_PER_S);
    CHECK_INT(runs[1].spent_us, 7 * US_PER_S);
    CHECK_INT(f->result.judgement.spent_us, 12 * US_PER_S);
    CHECK(uuid_equal(&f->result.judgement.id, &runs[1].id));
    int64_t second = f->seeds[1];
    play(f, steps, 0);
    CHECK_INT(f->seeds[1], second);
    start(f, 0, 99);
    answer(f, &steps[0]);
    answer(f, &steps[1]);
    CHECK_INT(f->seeds[0], 99);
}

static void a_run_holds_what_is_needed_to_ask_again(void **state)
{
    struct fixture *f = *state;
    play(f, (const struct step[]){{HTTP_DONE, 200, GOOD}, {0}}, 1);
    const struct run *run = &f->result.runs[0];
    CHECK_STR(run->model, "tiny");
    CHECK_STR(run->build, "b1");
    CHECK_INT(run->prompt_version, PROMPT_VERSION);
    CHECK_INT(run->schema_version, SCHEMA_VERSION);
    CHECK_INT(run->prompt_tokens, 900);
    CHECK_INT(run->cached_tokens, 700);
    CHECK_INT(run->reply_tokens, 50);
    CHECK(uuid_equal(&run->event, &f->window->event->id));
    struct err err;
    AUTO(blob_unref) struct blob *request = NULL, *reply = NULL;
    CHECK(blob_expand(run->request->data, run->request->bytes, 1 << 20, &request, &err));
    CHECK(blob_expand(run->reply->data, run->reply->bytes, 1 << 20, &reply, &err));
    CHECK_CONTAINS((const char *)request->data, "sha256:");
    CHECK_CONTAINS((const char *)request->data, "json_schema");
    CHECK_CONTAINS((const char *)reply->data, "\"verdict\":\"confirmed\"");
    CHECK_INT(f->result.judgement.pictures, 1);
    CHECK_STR(f->result.judgement.model, "tiny");
    CHECK_INT(f->result.judgement.cached_tokens, 700);
    uint8_t zero[32] = {0};
    CHECK(memcmp(run->prompt_sha256, zero, 32) != 0);
}

static int tracks_in_request(void)
{
    const json_t *messages = json_object_get(body, "messages");
    char *text = json_dumps(json_array_get(messages, json_array_size(messages) - 1), 0);
    int count = 0;
    for (const char *at = text; (at = strstr(at, "\\\"label\\\"")); at++)
        count++;
    free(text);
    return count;
}

static void a_model_is_called_by_its_name_not_its_path(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *known, *said, *shown;
    } rows[] = {
        {"tiny-q4", "/srv/models/tiny-q4.gguf", "tiny-q4"},
        {"Qwen/Qwen3-8B", "Qwen/Qwen3-8B", "Qwen/Qwen3-8B"},
        {"m", "tiny", "tiny"},
        {"", "/srv/tiny.gguf", "/srv/tiny.gguf"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[1000];
        snprintf(text, sizeof text, "data: {\"model\":\"%s\",\"choices\":[]}\n\n%s", rows[i].said,
                 SAYS(REPLY) ENDS("stop") OVER);
        STR_COPY(the_server.info.model, rows[i].known);
        play(f, (const struct step[]){{HTTP_DONE, 200, text}, {0}}, 0);
        CHECK_STR(f->result.runs[0].model, rows[i].shown);
        CHECK_STR(f->result.judgement.model, rows[i].shown);
    }
}

static void what_is_too_large_shrinks_twice(void **state)
{
    struct fixture *f = *state;
    start(f, 1, 0);
    int tracks[3], pictures[3];
    for (int i = 0; i < 3; i++) {
        tracks[i] = tracks_in_request();
        pictures[i] = count_pictures(body);
        answer(f, &(struct step){HTTP_DONE, 400, CONTEXT});
    }
    CHECK_INT(f->done, 1);
    CHECK_INT(tracks[0], 40);
    CHECK_INT(pictures[0], 1);
    CHECK_INT(tracks[1], 40); /* pictures go first */
    CHECK_INT(pictures[1], 0);
    CHECK_INT(tracks[2], 10);

    start(f, 0, 0);
    CHECK_INT(tracks_in_request(), 40);
    answer(f, &(struct step){HTTP_DONE, 400, CONTEXT});
    CHECK_INT(tracks_in_request(), 10); /* half of what a proportional cut would leave */
    answer(f, &(struct step){HTTP_DONE, 400, "{\"error\":{\"message\":\"context size\"}}"});
    CHECK_INT(tracks_in_request(), 2);
    answer(f, &(struct step){HTTP_DONE, 200, GOOD});
    CHECK_INT(f->result.end, INQUIRY_JUDGED);
    CHECK_INT(f->result.run_count, 1);
    CHECK_CONTAINS(f->result.runs[0].detail, "2 of 40 tracks");
}

static void time_runs_over_all_attempts(void **state)
{
    struct fixture *f = *state;
    start(f, 0, 0);
    CHECK_INT(the_request.call.deadline_us, 60 * US_PER_S);
    answer(f, &(struct step){HTTP_DONE, 200, HALF, 45});
    CHECK_INT(the_request.call.deadline_us, 15 * US_PER_S);
    answer(f, &(struct step){HTTP_DONE, 200, GOOD, 1});
    CHECK_INT(f->result.end, INQUIRY_JUDGED);
}

static void a_server_that_goes_between_attempts_is_not_asked(void **state)
{
    struct fixture *f = *state;
    start(f, 0, 0);
    the_server.gone = true;
    answer(f, &(struct step){HTTP_DONE, 200, HALF});
    CHECK_INT(f->done, 1);
    CHECK_INT(f->result.end, INQUIRY_UNREACHABLE);
    CHECK(!f->result.server_at_fault);
    CHECK_CONTAINS(f->result.judgement.reason, "invalid: ");
}

static void cancelled_it_is_quiet(void **state)
{
    struct fixture *f = *state;
    start(f, 0, 0);
    inquiry_cancel(&f->inquiry);
    CHECK(cancelled);
    CHECK_INT(f->done, 0);
    inquiry_cancel(&f->inquiry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_course_ends_as_it_should, setup, teardown),
        cmocka_unit_test_setup_teardown(the_second_attempt_is_warmer_and_has_another_seed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_run_holds_what_is_needed_to_ask_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_model_is_called_by_its_name_not_its_path, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_too_large_shrinks_twice, setup, teardown),
        cmocka_unit_test_setup_teardown(time_runs_over_all_attempts, setup, teardown),
        cmocka_unit_test_setup_teardown(a_server_that_goes_between_attempts_is_not_asked, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(cancelled_it_is_quiet, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
