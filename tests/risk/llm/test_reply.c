/* A model's reply, which may be anything. */
#include "test.h"

#include "risk/llm/reply.h"

#include "risk/llm/scene.h"

#include <stdlib.h>

#define REPLY(reasoning, claims, verdict, score, summary)                                          \
    "{\"reasoning\":" reasoning ",\"claims\":[" claims "],\"verdict\":" verdict                    \
    ",\"score\":" score ",\"summary\":" summary "}"
#define CLAIM(text, evidence) "{\"text\":" text ",\"evidence\":[" evidence "]}"
#define GOOD                                                                                       \
    REPLY("\"It is night.\"", CLAIM("\"A person waits.\"", "\"e2\",\"e5\""), "\"confirmed\"",      \
          "72", "\"Somebody waits at the door.\"")

static void gather(struct evidence_list *list)
{
    struct scene scene;
    scene_visit(&scene);
    evidence_gather(&scene.window, list);
    scene_close(&scene);
}

static void good_reply(void **state)
{
    (void)state;
    struct evidence_list list;
    gather(&list);
    struct judgement j, before;
    memset(&j, 0, sizeof j);
    STR_COPY(j.model, "tiny");
    j.attempts = 2;
    struct err err = {0};
    if (!reply_parse(GOOD, strlen(GOOD), &list, &j, &err))
        fail_msg("%s", err.msg);
    CHECK_INT(j.verdict, MODEL_CONFIRMED);
    CHECK_INT(j.score, 72);
    CHECK_STR(j.summary, "Somebody waits at the door.");
    CHECK_STR(j.reasoning, "It is night.");
    CHECK_INT(j.claim_count, 1);
    CHECK_INT(j.dropped_count, 0);
    CHECK_STR(j.claims[0].text, "A person waits.");
    CHECK_INT(j.claims[0].evidence_count, 2);
    CHECK_STR(j.claims[0].evidence[1].zone, "front door");
    CHECK(uuid_equal(&j.claims[0].evidence[0].track, &list.items[1].what.track));
    CHECK_STR(j.model, "tiny"); /* not the reply's business */
    CHECK_INT(j.attempts, 2);
    CHECK_INT(j.state, JUDGEMENT_WAITING);

    /* A second reply leaves nothing of the first; a bad one changes nothing. */
    static const char plain[] = REPLY("\"\"", "", "\"rejected\"", "0", "\"\"");
    CHECK(reply_parse(plain, strlen(plain), &list, &j, &err));
    CHECK_INT(j.claim_count, 0);
    CHECK_STR(j.claims[0].text, "");
    before = j;
    static const char bad[] = REPLY("\"x\"", CLAIM("\"y\"", "\"e1\""), "\"confirmed\"", "50", "7");
    CHECK(!reply_parse(bad, strlen(bad), &list, &j, &err));
    assert_memory_equal(&j, &before, sizeof j);
}

static const struct {
    const char *reply;
    const char *why; /* part of the message; NULL: it is fine */
} replies[] = {
    {GOOD, NULL},
    {" \n\t" GOOD "\r\n \n", NULL},
    {REPLY("\"\"", "", "\"uncertain\"", "0", "\"\""), NULL},
    {REPLY("\"\"", "", "\"rejected\"", "100", "\"\""), NULL},
    {REPLY("\"\"", CLAIM("\"a\"", "\"e999\""), "\"rejected\"", "100", "\"\""), NULL},
    /* Not JSON, or not only. */
    {"", "no JSON"},
    {"   ", "no JSON"},
    {"I think it is fine.", "no JSON"},
    {"```json\n" GOOD "\n```", "no JSON"},
    {GOOD "\n```", "no JSON"},
    {"Here it is: " GOOD, "no JSON"},
    {GOOD GOOD, "no JSON"},
    {GOOD "}", "no JSON"},
    {"\xef\xbb\xbf" GOOD, "no JSON"},
    {"{\"reasoning\":\"half of", "no JSON"},
    {"// comment\n" GOOD, "no JSON"},
    {REPLY("\"a\nb\"", "", "\"rejected\"", "1", "\"\""), "no JSON"},
    {REPLY("'a'", "", "\"rejected\"", "1", "\"\""), "no JSON"},
    {REPLY("\"a\"", "", "\"rejected\"", "1", "\"\xff\""), "no JSON"},
    {REPLY("\"a\"", "", "\"rejected\"", "1", "\"\xc3\""), "no JSON"},
    {REPLY("\"a\"", "", "\"rejected\"", "1", "\"\xed\xa0\x80\""), "no JSON"},
    {REPLY("\"a\"", "", "\"rejected\"", "1", "\"\xc0\xaf\""), "no JSON"},
    {REPLY("\"a\"", "", "\"rejected\"", "1", "\"\\ud800\""), "no JSON"},
    {REPLY("\"a\"", "", "\"rejected\"", "1", "\"\\u0000\""), "no JSON"},
    {REPLY("\"a\"", "", "\"rejected\"", "NaN", "\"\""), "no JSON"},
    {REPLY("\"a\"", "", "\"rejected\"", "Infinity", "\"\""), "no JSON"},
    {REPLY("\"a\"", "", "\"rejected\"", "99999999999999999999999", "\"\""), "no JSON"},
    {REPLY("\"a\"", "", "\"rejected\"", "1e999", "\"\""), "no JSON"},
    {REPLY("\"a\"", "", "\"rejected\"", "01", "\"\""), "no JSON"},
    {REPLY("\"a\"", "", "\"rejected\"", "1,\"score\":2", "\"\""), "no JSON: duplicate"},
    /* Not the shape. */
    {"null", "no JSON"},
    {"[" GOOD "]", "not an object"},
    {"{}", "has no 'reasoning'"},
    {"{\"reasoning\":\"\",\"claims\":[],\"verdict\":\"rejected\",\"score\":1}", "has no 'summary'"},
    {REPLY("\"a\"", "", "\"rejected\"", "1,\"level\":\"critical\"", "\"\""),
     "member 'level' that nobody asked for"},
    {REPLY("\"a\"", "", "\"rejected\"", "1,\"a\\u0007\\u202eb\":0", "\"\""), "member 'a b'"},
    {REPLY("7", "", "\"rejected\"", "1", "\"\""), "'reasoning' is not a text"},
    {REPLY("\"a\"", "", "\"rejected\"", "1", "null"), "'summary' is not a text"},
    {REPLY("\"a\"", "", "\"Rejected\"", "1", "\"\""), "'verdict' is Rejected"},
    {REPLY("\"a\"", "", "\"critical\"", "1", "\"\""), "'verdict' is critical: one of uncertain"},
    {REPLY("\"a\"", "", "1", "1", "\"\""), "'verdict' is no text"},
    {REPLY("\"a\"", "", "\"rejected\"", "\"1\"", "\"\""), "not a whole number"},
    {REPLY("\"a\"", "", "\"rejected\"", "1.0", "\"\""), "not a whole number"},
    {REPLY("\"a\"", "", "\"rejected\"", "1e1", "\"\""), "not a whole number"},
    {REPLY("\"a\"", "", "\"rejected\"", "true", "\"\""), "not a whole number"},
    {REPLY("\"a\"", "", "\"rejected\"", "-1", "\"\""), "'score' is -1: 0 to 100"},
    {REPLY("\"a\"", "", "\"rejected\"", "101", "\"\""), "'score' is 101: 0 to 100"},
    {REPLY("\"a\"", "", "\"rejected\"", "9223372036854775807", "\"\""), "0 to 100"},
    {"{\"reasoning\":\"\",\"claims\":{},\"verdict\":\"rejected\",\"score\":1,\"summary\":\"\"}",
     "'claims' is not a list"},
    {REPLY("\"a\"", "1", "\"rejected\"", "1", "\"\""), "a claim is not an object"},
    {REPLY("\"a\"", "{\"text\":\"b\"}", "\"rejected\"", "1", "\"\""), "has no 'evidence'"},
    {REPLY("\"a\"", "{\"text\":\"b\",\"evidence\":\"e1\"}", "\"rejected\"", "1", "\"\""),
     "'evidence' is not a list"},
    {REPLY("\"a\"", "{\"text\":\"b\",\"evidence\":[\"e1\"],\"points\":50}", "\"rejected\"", "1",
           "\"\""),
     "member 'points'"},
    {REPLY("\"a\"", CLAIM("7", "\"e1\""), "\"rejected\"", "1", "\"\""), "'text' is not a text"},
    {REPLY("\"a\"", CLAIM("\"b\"", "1"), "\"rejected\"", "1", "\"\""), "evidence is not a text"},
    {REPLY("\"a\"", CLAIM("\"b\"", "\"e1\",\"e2\",\"e3\",\"e4\""), "\"rejected\"", "1", "\"\""),
     "cites 4 times"},
    {REPLY("\"a\"", "1,2,3,4,5,6,7,8,9", "\"rejected\"", "1", "\"\""), "makes 9 claims: at most 8"},
};

static void every_kind_of_reply(void **state)
{
    (void)state;
    struct evidence_list list;
    gather(&list);
    for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
        struct judgement j, before;
        memset(&j, 0x5a, sizeof j);
        before = j;
        struct err err = {0};
        bool ok = reply_parse(replies[i].reply, strlen(replies[i].reply), &list, &j, &err);
        print_message("# %zu: %s\n", i, ok ? "fine" : err.msg);
        CHECK(ok == !replies[i].why);
        if (ok)
            continue;
        CHECK_INT(err.code, ERR_INVALID);
        CHECK_CONTAINS(err.msg, replies[i].why);
        CHECK(!strpbrk(err.msg, "\n\r\x07"));
        assert_memory_equal(&j, &before, sizeof j);
    }
    /* Cut anywhere it is no reply. */
    struct judgement j;
    for (size_t cut = 0; cut < strlen(GOOD); cut++)
        CHECK(!reply_parse(GOOD, cut, &list, &j, NULL));
    CHECK(!reply_parse(GOOD "\0", strlen(GOOD) + 1, &list, &j, NULL));
}

static const struct {
    const char *claims;
    int kept, dropped, cited;
} cited[] = {
    {CLAIM("\"a\"", "\"e1\""), 1, 0, 1},
    {CLAIM("\"a\"", "\"e11\",\"e1\",\"e7\""), 1, 0, 3},
    {CLAIM("\"a\"", "\"e5\",\"e5\",\"e5\""), 1, 0, 1},
    {CLAIM("\"a\"", "\"e12\""), 0, 1, 0},
    {CLAIM("\"a\"", "\"e1\",\"e12\""), 0, 1, 0}, /* half invented is invented */
    {CLAIM("\"a\"", "\"e01\""), 0, 1, 0},
    {CLAIM("\"a\"", "\"E1\""), 0, 1, 0},
    {CLAIM("\"a\"", "\"t1\""), 0, 1, 0},
    {CLAIM("\"a\"", "\"\""), 0, 1, 0},
    {CLAIM("\"a\"", "\"e1\\u200b\""), 0, 1, 0},
    {CLAIM("\"a\"", ""), 0, 1, 0},
    {CLAIM("\"\"", "\"e1\""), 0, 1, 0},
    {CLAIM("\" \\n\\u200b\"", "\"e1\""), 0, 1, 0},
    {CLAIM("\"a\"", "\"e99\"") "," CLAIM("\"b\"", "\"e1\",\"e2\"") "," CLAIM("\"\"", "\"e1\""), 1,
     2, 2},
};

static void claims_are_looked_up(void **state)
{
    (void)state;
    struct evidence_list list;
    gather(&list);
    CHECK_INT(list.count, 11);
    for (size_t i = 0; i < ARRAY_LEN(cited); i++) {
        char reply[1024];
        snprintf(reply, sizeof reply, REPLY("\"a\"", "%s", "\"confirmed\"", "50", "\"b\""),
                 cited[i].claims);
        struct judgement j;
        memset(&j, 0, sizeof j);
        struct err err = {0};
        print_message("# %s\n", cited[i].claims);
        if (!reply_parse(reply, strlen(reply), &list, &j, &err))
            fail_msg("%s", err.msg);
        CHECK_INT(j.claim_count, cited[i].kept);
        CHECK_INT(j.dropped_count, cited[i].dropped);
        CHECK_INT(j.claims[0].evidence_count, cited[i].cited);
    }
    /* Nothing can be cited where there is nothing. */
    list.count = 0;
    struct judgement j;
    memset(&j, 0, sizeof j);
    CHECK(reply_parse(GOOD, strlen(GOOD), &list, &j, NULL));
    CHECK_INT(j.claim_count, 0);
    CHECK_INT(j.dropped_count, 1);
}

/* A server that does not count characters: the texts are cut, the judgement stands and can be
 * stored. */
static void long_texts_are_cut(void **state)
{
    (void)state;
    struct evidence_list list;
    gather(&list);
    char *reply = calloc(1, REPLY_BYTES_MAX + 2), *text = calloc(1, 12001);
    for (int i = 0; i < 12000; i++)
        text[i] = "\xf0\x9f\x9a\xaa"[i & 3];
    int n = snprintf(reply, REPLY_BYTES_MAX,
                     REPLY("\"%s\"", CLAIM("\"%s\"", "\"e1\""), "\"confirmed\"", "50", "\"x%s\""),
                     text, text, text);
    struct judgement j, back;
    memset(&j, 0, sizeof j);
    CHECK(reply_parse(reply, (size_t)n, &list, &j, NULL));
    CHECK_INT(strlen(j.reasoning), (sizeof j.reasoning - 1) / 4 * 4);
    CHECK_INT(strlen(j.claims[0].text), (CLAIM_BYTES - 1) / 4 * 4);
    CHECK_INT(strlen(j.summary), 253);
    j.state = JUDGEMENT_DONE;
    struct json out;
    json_init(&out);
    judgement_json(&out, NULL, &j);
    CHECK(judgement_parse(out.text, out.bytes, &back, NULL));
    assert_memory_equal(&back, &j, sizeof j);
    json_done(&out);

    struct err err = {0};
    memset(reply, ' ', REPLY_BYTES_MAX + 1);
    CHECK(!reply_parse(reply, REPLY_BYTES_MAX + 1, &list, &j, &err));
    CHECK_CONTAINS(err.msg, "65537 bytes");
    memset(reply, '[', REPLY_BYTES_MAX);
    CHECK(!reply_parse(reply, REPLY_BYTES_MAX, &list, &j, &err));
    for (int i = 0; i + 5 <= REPLY_BYTES_MAX; i += 5)
        memcpy(reply + i, "{\"a\":", 5);
    CHECK(!reply_parse(reply, REPLY_BYTES_MAX, &list, &j, &err));
    free(reply);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_reply),
        cmocka_unit_test(every_kind_of_reply),
        cmocka_unit_test(claims_are_looked_up),
        cmocka_unit_test(long_texts_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
