/* Each stream is fed whole, byte by byte, and cut in two at every place: the outcome never differs.
 */
#include "test.h"

#include "risk/llm/stream.h"

#include <stdlib.h>

#define CHUNK(delta, finish)                                                                       \
    "data: {\"choices\":[{\"index\":0,\"delta\":" delta ",\"finish_reason\":" finish               \
    "}],\"model\":\"m\",\"system_fingerprint\":\"b1-x\"}\n\n"
#define SAY(text) CHUNK("{\"content\":\"" text "\"}", "null")
#define DONE      "data: [DONE]\n\n"

static const struct {
    const char *name, *input;
    enum err_code code;
    const char *says; /* in the error */
    const char *content;
    enum stream_finish finish;
    bool done;
    int prompt, cached, reply;
    const char *error;
} table[] = {
    {"nothing", "", ERR_NONE, "", "", FINISH_NONE, false, -1, -1, -1, ""},
    {"as llama.cpp answers",
     CHUNK("{\"role\":\"assistant\",\"content\":null}", "null") SAY("a") SAY("b\\n\\u00e4") CHUNK(
         "{}", "\"stop\"") "data: {\"choices\":[],\"usage\":{\"completion_tokens\":7,"
                           "\"prompt_tokens\":50,\"total_tokens\":57,"
                           "\"prompt_tokens_details\":{\"cached_tokens\":45}},"
                           "\"timings\":{\"cache_n\":1,\"prompt_n\":2,\"predicted_n\":3}}\n\n" DONE,
     ERR_NONE, "", "ab\n\xc3\xa4", FINISH_STOP, true, 50, 45, 7, ""},
    {"only timings",
     SAY("a") "data: {\"choices\":[],\"timings\":{\"cache_n\":10,\"prompt_n\":5,"
              "\"predicted_n\":3}}\n\n" DONE,
     ERR_NONE, "", "a", FINISH_NONE, true, 15, 10, 3, ""},
    {"as OpenAI answers: usage is null until the end",
     "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}],\"usage\":null}\n\n"
     "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":1}}\n\n" DONE,
     ERR_NONE, "", "x", FINISH_NONE, true, 9, -1, 1, ""},
    {"CR LF", "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\r\n\r\ndata: [DONE]\r\n\r\n",
     ERR_NONE, "", "x", FINISH_NONE, true, -1, -1, -1, ""},
    {"CR", "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\r\rdata: [DONE]\r\r", ERR_NONE,
     "", "x", FINISH_NONE, true, -1, -1, -1, ""},
    {"one event on several lines",
     "data: {\"choices\":[{\r\ndata: \"delta\":{\"content\":\"x\"}\r\n"
     "data:}]}\r\n\r\n" DONE,
     ERR_NONE, "", "x", FINISH_NONE, true, -1, -1, -1, ""},
    {"comments and other fields", ": ping\n\nevent: message\nid: 4\nretry: 10\n:\n" SAY("x") DONE,
     ERR_NONE, "", "x", FINISH_NONE, true, -1, -1, -1, ""},
    {"cut off before the end", SAY("x") "data: {\"choices\":[{\"del", ERR_NONE, "", "x",
     FINISH_NONE, false, -1, -1, -1, ""},
    {"no empty line behind the last", SAY("x") "data: [DONE]\n", ERR_NONE, "", "x", FINISH_NONE,
     true, -1, -1, -1, ""},
    {"what follows the end is ignored", SAY("x") DONE "no more of this\n" SAY("y"), ERR_NONE, "",
     "x", FINISH_NONE, true, -1, -1, -1, ""},
    {"too long for the model", SAY("x") CHUNK("{}", "\"length\"") DONE, ERR_NONE, "", "x",
     FINISH_LENGTH, true, -1, -1, -1, ""},
    {"another reason", CHUNK("{}", "\"content_filter\"") DONE, ERR_NONE, "", "", FINISH_OTHER, true,
     -1, -1, -1, ""},
    {"a thought is not the reply", CHUNK("{\"reasoning_content\":\"hm\"}", "null") SAY("x") DONE,
     ERR_NONE, "", "x", FINISH_NONE, true, -1, -1, -1, ""},
    {"progress of reading",
     "data: {\"choices\":[{\"delta\":{\"content\":null}}],"
     "\"prompt_progress\":{\"total\":9,\"processed\":4}}\n\n" DONE,
     ERR_NONE, "", "", FINISH_NONE, true, -1, -1, -1, ""},
    {"an error inside",
     SAY("x") "data: {\"error\":{\"code\":500,\"message\":\"out of\\nslots\"}}\n\n", ERR_NONE, "",
     "x", FINISH_NONE, false, -1, -1, -1, "out of slots"},
    {"an error as a field", "error: {\"code\":500,\"message\":\"no\"}\n\n", ERR_NONE, "", "",
     FINISH_NONE, false, -1, -1, -1, "no"},
    {"an error without a stream", "{\"error\":\"model not found\"}\n", ERR_NONE, "", "",
     FINISH_NONE, false, -1, -1, -1, "model not found"},
    {"an error without a text", "data: {\"error\":{}}\n\n", ERR_NONE, "", "", FINISH_NONE, false,
     -1, -1, -1, "an error without a text"},
    {"numbers that are none",
     "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":-4,\"completion_tokens\":9e99}}\n\n" DONE,
     ERR_NONE, "", "", FINISH_NONE, true, -1, -1, -1, ""},
    {"a page", "<!DOCTYPE html>\n<html>\n", ERR_INVALID, "not a stream of events", "", FINISH_NONE,
     false, -1, -1, -1, ""},
    {"an answer in one piece", "{\"choices\":[{\"message\":{\"content\":\"x\"}}]}\n", ERR_INVALID,
     "not a stream of events", "", FINISH_NONE, false, -1, -1, -1, ""},
    {"no JSON", "data: {\"choices\":\n\n", ERR_INVALID, "not JSON, at its byte", "", FINISH_NONE,
     false, -1, -1, -1, ""},
    {"no object", "data: [1]\n\n", ERR_INVALID, "not an object", "", FINISH_NONE, false, -1, -1, -1,
     ""},
    {"no text", CHUNK("{\"content\":[1]}", "null"), ERR_INVALID, "not a text", "", FINISH_NONE,
     false, -1, -1, -1, ""},
    {"broken UTF-8", SAY("\xff"), ERR_INVALID, "not valid UTF-8", "", FINISH_NONE, false, -1, -1,
     -1, ""},
    {"UTF-8 that is cut", SAY("\xc3"), ERR_INVALID, "not valid UTF-8", "", FINISH_NONE, false, -1,
     -1, -1, ""},
    {"half a surrogate", SAY("\\ud83d"), ERR_INVALID, "not JSON", "", FINISH_NONE, false, -1, -1,
     -1, ""},
    {"a zero byte", SAY("\\u0000"), ERR_INVALID, "not JSON", "", FINISH_NONE, false, -1, -1, -1,
     ""},
};

static void check(size_t row, const struct llm_stream *s, bool ok, const struct err *err,
                  size_t cut)
{
    const char *name = table[row].name;
    if (ok != (table[row].code == ERR_NONE) || (!ok && err->code != table[row].code))
        fail_msg("%s, cut at %zu: %s", name, cut, ok ? "passes" : err->msg);
    if (!ok && !strstr(err->msg, table[row].says))
        fail_msg("%s, cut at %zu: says '%s'", name, cut, err->msg);
    if (strcmp(s->content.text, table[row].content) != 0 ||
        s->content.bytes != strlen(table[row].content))
        fail_msg("%s, cut at %zu: content '%s'", name, cut, s->content.text);
    if (s->finish != table[row].finish || s->done != table[row].done)
        fail_msg("%s, cut at %zu: finish %d, done %d", name, cut, (int)s->finish, s->done);
    if (s->prompt_tokens != table[row].prompt || s->cached_tokens != table[row].cached ||
        s->reply_tokens != table[row].reply)
        fail_msg("%s, cut at %zu: %d, %d, %d tokens", name, cut, s->prompt_tokens, s->cached_tokens,
                 s->reply_tokens);
    if (strcmp(s->error, table[row].error) != 0)
        fail_msg("%s, cut at %zu: error '%s'", name, cut, s->error);
}

static bool feed_copy(struct llm_stream *s, const char *from, size_t bytes, struct err *err)
{
    char *exact = malloc(bytes ? bytes : 1);
    assert_non_null(exact);
    memcpy(exact, from, bytes);
    bool ok = stream_feed(s, exact, bytes, err);
    free(exact);
    return ok;
}

static void same_wherever_it_is_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        size_t bytes = strlen(table[i].input);
        for (size_t cut = 0; cut <= bytes; cut++) {
            struct llm_stream s;
            struct err err = {0};
            stream_init(&s);
            bool ok = feed_copy(&s, table[i].input, cut, &err) &&
                      feed_copy(&s, table[i].input + cut, bytes - cut, &err);
            check(i, &s, ok, &err, cut);
            stream_end(&s);
        }
    }
}

static void byte_by_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct llm_stream s;
        struct err err = {0};
        stream_init(&s);
        bool ok = true;
        for (const char *p = table[i].input; *p && ok; p++)
            ok = feed_copy(&s, p, 1, &err);
        check(i, &s, ok, &err, 0);
        stream_end(&s);
    }
}

static void names_server_and_model(void **state)
{
    (void)state;
    struct llm_stream s;
    struct err err = {0};
    stream_init(&s);
    const char *input = CHUNK("{\"reasoning_content\":\"hm!\"}", "null") DONE;
    assert_true(stream_feed(&s, input, strlen(input), &err));
    CHECK_STR(s.model, "m");
    CHECK_STR(s.build, "b1-x");
    CHECK_INT(s.thought_bytes, 3);
    stream_end(&s);
}

static void a_reply_has_a_longest_length(void **state)
{
    (void)state;
    struct llm_stream s;
    struct err err = {0};
    stream_init(&s);
    const char *piece = SAY("0123456789abcdef");
    bool ok = true;
    for (int i = 0; i < REPLY_BYTES_MAX / 16; i++)
        ok = ok && stream_feed(&s, piece, strlen(piece), &err);
    CHECK(ok);
    CHECK_INT(s.content.bytes, REPLY_BYTES_MAX);
    CHECK(!stream_feed(&s, piece, strlen(piece), &err));
    CHECK_INT(err.code, ERR_EXHAUSTED);
    CHECK_CONTAINS(err.msg, "longer than 65536 bytes");
    stream_end(&s);
}

static void a_line_and_an_event_have_a_longest_length(void **state)
{
    (void)state;
    static const char *const heads[] = {"data: ", ": "};
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        struct llm_stream s;
        struct err err = {0};
        stream_init(&s);
        bool ok = stream_feed(&s, heads[i], strlen(heads[i]), &err);
        int fed = 0;
        for (; ok && fed < 2 * STREAM_EVENT_BYTES_MAX; fed += 4)
            ok = stream_feed(&s, "abcd", 4, &err);
        CHECK(!ok);
        CHECK_INT(err.code, ERR_EXHAUSTED);
        CHECK(fed <= STREAM_EVENT_BYTES_MAX + 8);
        stream_end(&s);
    }
    struct llm_stream s;
    struct err err = {0};
    stream_init(&s);
    bool ok = true;
    int lines = 0;
    for (; ok && lines < STREAM_EVENT_BYTES_MAX; lines++)
        ok = stream_feed(&s, "data: abcd\n", 11, &err);
    CHECK(!ok);
    CHECK_CONTAINS(err.msg, "a piece of the stream is longer than");
    CHECK(lines < STREAM_EVENT_BYTES_MAX / 4);
    stream_end(&s);
}

static void an_answer_that_is_over(void **state)
{
    (void)state;
    static const struct {
        const char *input, *says; /* NULL: fine */
    } rows[] = {
        {"", NULL},
        {SAY("x") DONE, NULL},
        {SAY("x") "data: [DONE]", NULL},
        {"data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}", NULL},
        {"{\"choices\":[{\"message\":{\"content\":\"x\"}}]}", "not a stream of events"},
        {"welcome", "not a stream of events"},
        {"data: {\"choices\"", "not JSON"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct llm_stream s;
        struct err err = {0};
        stream_init(&s);
        CHECK(stream_feed(&s, rows[i].input, strlen(rows[i].input), &err));
        bool ok = stream_close(&s, &err);
        if (ok != !rows[i].says || (!ok && !strstr(err.msg, rows[i].says)))
            fail_msg("%s: %s", rows[i].input, ok ? "passes" : err.msg);
        CHECK_STR(s.content.text, ok && i > 0 ? "x" : "");
        stream_end(&s);
    }
}

static void error_texts(void **state)
{
    (void)state;
    static const struct {
        const char *json, *text; /* NULL: none */
    } rows[] = {
        {"{\"error\":{\"code\":400,\"message\":\"no\",\"type\":\"x\"}}", "no"},
        {"{\"error\":\"no\"}", "no"},
        {"{\"object\":\"error\",\"message\":\"no\"}", "no"},
        {"{\"detail\":\"no\"}", NULL},
        {"{\"error\":null}", NULL},
        {"{\"choices\":[]}", NULL},
        {"nonsense", NULL},
        {"", NULL},
        {"{\"error\":\"0123456\xc3\xa4 too long\"}", "0123456"},
        {"{\"error\":\"a\\u009b3mb\"}", "a 3mb"},
        {"{\"error\":\"\\u009b\\n\"}", "an error"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[9] = "";
        bool some = stream_error_text(rows[i].json, strlen(rows[i].json), text, sizeof text);
        if (some != (rows[i].text != NULL) || (some && strcmp(text, rows[i].text) != 0))
            fail_msg("%s: '%s'", rows[i].json, text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_wherever_it_is_cut),
        cmocka_unit_test(byte_by_byte),
        cmocka_unit_test(names_server_and_model),
        cmocka_unit_test(a_reply_has_a_longest_length),
        cmocka_unit_test(a_line_and_an_event_have_a_longest_length),
        cmocka_unit_test(an_answer_that_is_over),
        cmocka_unit_test(error_texts),
    };
    return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
