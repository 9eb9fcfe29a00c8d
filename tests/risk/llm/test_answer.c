#include "risk/llm/answer.h"
#include "test.h"

#include <stdlib.h>

#define SAYS(text) "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" text "\"}}]}\n\n"
#define ENDS(why)                                                                                  \
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"" why "\"}]}\n\n"
#define USED(prompt, reply)                                                                        \
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":" #prompt ",\"completion_tokens\":" #reply \
    "}}\n\n"
#define OVER "data: [DONE]\n\n"

#define REPLY                                                                                      \
    "{\\\"reasoning\\\":\\\"r\\\",\\\"claims\\\":[],\\\"verdict\\\":\\\"confirmed\\\","            \
    "\\\"score\\\":40,\\\"summary\\\":\\\"s\\\"}"

static const struct {
    const char *says;
    enum http_end end;
    int status;
    const char *stream, *body;
    int pictures, context;
    const char *outcome;
    enum answer_next next, last;
    bool look_again;
    const char *detail; /* a part of it */
} rows[] = {
    {"a verdict", HTTP_DONE, 200, SAYS(REPLY) ENDS("stop") OVER, "", 0, 0, "ok", NEXT_DONE,
     NEXT_DONE, false, ""},
    {"a verdict without the last line", HTTP_DONE, 200, SAYS(REPLY) ENDS("stop"), "", 0, 0, "ok",
     NEXT_DONE, NEXT_DONE, false, ""},
    {"no connection", HTTP_REFUSED, 0, "", "", 0, 0, "refused", NEXT_LATER, NEXT_LATER, true,
     "why"},
    {"killed in the middle", HTTP_BROKEN, 200, SAYS("{"), "", 0, 0, "broken", NEXT_LATER,
     NEXT_LATER, true, "why"},
    {"hung", HTTP_SILENT, 200, SAYS("{"), "", 0, 0, "silent", NEXT_LATER, NEXT_LATER, true, "why"},
    {"slow", HTTP_LATE, 200, SAYS("{"), "", 0, 0, "late", NEXT_LATER, NEXT_LATER, false, "why"},
    {"an end without an end", HTTP_DONE, 200, SAYS("{"), "", 0, 0, "broken", NEXT_LATER, NEXT_LATER,
     true, "middle"},
    {"an empty answer", HTTP_DONE, 200, "", "", 0, 0, "invalid", NEXT_AGAIN, NEXT_NEVER, false,
     "no reply"},
    {"half a JSON", HTTP_DONE, 200, SAYS("{\\\"reasoning\\\":\\\"r") ENDS("stop") OVER, "", 0, 0,
     "invalid", NEXT_AGAIN, NEXT_NEVER, false, ""},
    {"another schema", HTTP_DONE, 200, SAYS("{\\\"risk\\\":3}") ENDS("stop") OVER, "", 0, 0,
     "invalid", NEXT_AGAIN, NEXT_NEVER, false, ""},
    {"garbage", HTTP_TOO_LONG, 200, "<html>\n", "", 0, 0, "invalid", NEXT_AGAIN, NEXT_NEVER, false,
     "stream"},
    {"a filter", HTTP_DONE, 200, SAYS("{") ENDS("content_filter") OVER, "", 0, 0, "invalid",
     NEXT_AGAIN, NEXT_NEVER, false, "stopped"},
    {"a reply that runs on", HTTP_DONE, 200, SAYS("{") ENDS("length") USED(900, 1024) OVER, "", 0,
     4096, "length", NEXT_AGAIN, NEXT_NEVER, false, "1024"},
    {"a reply for which there is no room", HTTP_DONE, 200,
     SAYS("{") ENDS("length") USED(3900, 196) OVER, "", 0, 4096, "context", NEXT_SMALLER,
     NEXT_NEVER, false, "3900"},
    {"too many bytes", HTTP_TOO_LONG, 200, "", "", 0, 0, "too-long", NEXT_AGAIN, NEXT_NEVER, false,
     "why"},
    {"a wrong key", HTTP_DONE, 401, "",
     "{\"error\":{\"code\":401,\"message\":\"Invalid API Key\"}}", 0, 0, "denied", NEXT_LATER,
     NEXT_LATER, true, "Invalid API Key"},
    {"a forbidden one", HTTP_DONE, 403, "", "", 0, 0, "denied", NEXT_LATER, NEXT_LATER, true,
     "403"},
    {"full", HTTP_DONE, 503, "", "{\"error\":{\"message\":\"no slot available\"}}", 0, 0, "busy",
     NEXT_LATER, NEXT_LATER, false, "no slot"},
    {"not there yet", HTTP_DONE, 503, "",
     "{\"error\":{\"message\":\"Loading model\",\"type\":\"unavailable_error\"}}", 0, 0, "busy",
     NEXT_LATER, NEXT_LATER, true, "Loading"},
    {"too often", HTTP_DONE, 429, "", "", 0, 0, "busy", NEXT_LATER, NEXT_LATER, false, "429"},
    {"a request it does not know", HTTP_DONE, 400, "",
     "{\"error\":{\"message\":\"'messages' is required\",\"type\":\"invalid_request_error\"}}", 0,
     0, "bad-request", NEXT_NEVER, NEXT_NEVER, false, "messages"},
    {"too large for llama.cpp", HTTP_DONE, 400, "",
     "{\"error\":{\"code\":400,\"message\":\"the request exceeds the available context size\","
     "\"type\":\"exceed_context_size_error\",\"n_prompt_tokens\":6000,\"n_ctx\":4096}}",
     0, 0, "context", NEXT_SMALLER, NEXT_NEVER, false, "exceeds"},
    {"too large for others", HTTP_DONE, 400, "",
     "{\"object\":\"error\",\"message\":\"This model's maximum context length is 4096 tokens\"}", 0,
     0, "context", NEXT_SMALLER, NEXT_NEVER, false, "4096"},
    {"too large for a proxy", HTTP_DONE, 413, "", "<html>", 2, 0, "context", NEXT_SMALLER,
     NEXT_NEVER, false, "HTTP 413 without"},
    {"pictures it cannot take", HTTP_DONE, 500, "",
     "{\"error\":{\"message\":\"image input is not supported - hint: provide the mmproj\"}}", 2, 0,
     "server-error", NEXT_NO_PICTURES, NEXT_NEVER, false, "mmproj"},
    {"the same where none were shown", HTTP_DONE, 500, "",
     "{\"error\":{\"message\":\"image input is not supported\"}}", 0, 0, "server-error", NEXT_AGAIN,
     NEXT_LATER, false, "image"},
    {"broken UTF-8", HTTP_DONE, 500, "",
     "{\"error\":{\"message\":\"The model produced output that does not match the expected "
     "peg-native format\"}}",
     0, 0, "server-error", NEXT_AGAIN, NEXT_NEVER, false, "peg-native"},
    {"an error of the server", HTTP_DONE, 500, "", "{\"error\":\"out of memory\"}", 0, 0,
     "server-error", NEXT_AGAIN, NEXT_LATER, false, "out of memory"},
    {"an error in the middle", HTTP_DONE, 200,
     SAYS("{") "data: {\"error\":{\"code\":500,\"message\":\"slot failed\"}}\n\n", "", 0, 0,
     "server-error", NEXT_AGAIN, NEXT_LATER, false, "slot failed"},
    {"a model it has not", HTTP_DONE, 404, "", "{\"error\":{\"message\":\"no such model\"}}", 0, 0,
     "server-error", NEXT_LATER, NEXT_LATER, true, "HTTP 404: no such model"},
    {"a proxy without a server", HTTP_DONE, 502, "", "", 0, 0, "server-error", NEXT_LATER,
     NEXT_LATER, true, "502"},
};

static void every_way_has_its_name(void **state)
{
    (void)state;
    struct evidence_list evidence = {0};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct llm_stream stream;
        struct err refused = {0};
        stream_init(&stream);
        if (!stream_feed(&stream, rows[i].stream, strlen(rows[i].stream), &refused))
            CHECK(refused.code != ERR_NONE);
        struct http_result result = {.end = rows[i].end, .status = rows[i].status, .text = "why"};
        struct judgement judgement = {.score = SCORE_NONE};
        struct answer a;
        answer_read(&(struct answer_params){.result = &result,
                                            .stream = &stream,
                                            .refused = &refused,
                                            .body = rows[i].body,
                                            .pictures = rows[i].pictures,
                                            .context = rows[i].context},
                    &evidence, &judgement, &a);
        stream_end(&stream);
        if (strcmp(a.outcome, rows[i].outcome) != 0 || !strstr(a.detail, rows[i].detail) ||
            a.next != rows[i].next || a.last != rows[i].last || a.look_again != rows[i].look_again)
            fail_msg("%s: %s, %d, %d, %d: %s", rows[i].says, a.outcome, a.next, a.last,
                     a.look_again, a.detail);
        CHECK_INT(judgement.score, a.next == NEXT_DONE ? 40 : SCORE_NONE);
    }
}

static struct answer answer_to(int status, const char *body, int retry_after_s)
{
    struct llm_stream stream;
    stream_init(&stream);
    struct evidence_list evidence = {0};
    struct judgement judgement = {0};
    struct err refused = {0};
    struct answer a;
    struct http_result result = {.status = status, .retry_after_s = retry_after_s};
    answer_read(
        &(struct answer_params){
            .result = &result, .stream = &stream, .refused = &refused, .body = body},
        &evidence, &judgement, &a);
    stream_end(&stream);
    return a;
}

static void numbers_come_along(void **state)
{
    (void)state;
    struct answer a = answer_to(400,
                                "{\"error\":{\"type\":\"exceed_context_size_error\",\"message\":"
                                "\"m\",\"n_prompt_tokens\":6000,\"n_ctx\":4096}}",
                                0);
    CHECK_INT(a.over, 6000);
    CHECK_INT(a.room, 4096);
    CHECK_INT(answer_to(503, "{}", 17).retry_after_s, 17);
    a = answer_to(400,
                  "{\"error\":{\"type\":\"exceed_context_size_error\",\"n_prompt_tokens\":-1,"
                  "\"n_ctx\":1e99}}",
                  0);
    CHECK_INT(a.over, 0);
    CHECK_INT(a.room, 0);
}

/* A server's words end up in logs and on the page. */
static void a_detail_is_one_line_of_whole_characters(void **state)
{
    (void)state;
    CHECK_STR(answer_to(400, "a\nb\x1b[31mc\x7f", 0).detail, "a b [31mc");
    CHECK_STR(answer_to(400,
                        "a\xc2\x9b"
                        "31mb\xc2\xa0",
                        0)
                  .detail,
              "a 31mb\xc2\xa0");
    CHECK_STR(answer_to(400, "{\"error\":\"a\\u009b31mb\"}", 0).detail, "a 31mb");
    char body[1000] = "";
    for (size_t i = 0; i < 400; i++)
        memcpy(body + 2 * i, "\xc3\xa4", 2); /* an umlaut */
    struct answer a = answer_to(400, body, 0);
    CHECK_INT(strlen(a.detail) % 2, 0);
    CHECK_INT(strlen(a.detail), 254);
    memmove(body + 1, body, 800);
    body[0] = '-';
    CHECK_INT(strlen(answer_to(400, body, 0).detail), 255);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way_has_its_name),
        cmocka_unit_test(numbers_come_along),
        cmocka_unit_test(a_detail_is_one_line_of_whole_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
