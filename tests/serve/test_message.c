/* Messages of WebSocket clients. */
#include "test.h"

#include "bus/bus.h"
#include "serve/parse.h"

static void good_messages(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum client_verb verb;
        int64_t after;
        unsigned topics;
        int cameras; /* -1: not given */
    } cases[] = {
        {"{\"type\":\"ping\"}", CLIENT_PING, 0, 0, -1},
        {" {\"type\" : \"ping\" } ", CLIENT_PING, 0, 0, -1},
        {"{\"type\":\"resume\",\"after\":0}", CLIENT_RESUME, 0, 0, -1},
        {"{\"after\":9007199254740993,\"type\":\"resume\"}", CLIENT_RESUME, 9007199254740993, 0,
         -1},
        {"{\"type\":\"subscribe\"}", CLIENT_SUBSCRIBE, 0, 0, -1},
        {"{\"type\":\"subscribe\",\"topics\":[\"event\",\"detections\"]}", CLIENT_SUBSCRIBE, 0,
         BUS_EVENT | BUS_DETECTIONS, -1},
        {"{\"type\":\"subscribe\",\"cameras\":[]}", CLIENT_SUBSCRIBE, 0, 0, 0},
        {"{\"type\":\"subscribe\",\"cameras\":[\"a\",\"b\"],\"topics\":[\"camera\"]}",
         CLIENT_SUBSCRIBE, 0, BUS_CAMERA, 2},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct client_message m;
        struct err err = {0};
        if (!client_message_parse(cases[i].text, strlen(cases[i].text), &m, &err))
            fail_msg("%s: %s", cases[i].text, err.msg);
        CHECK_INT(m.verb, cases[i].verb);
        CHECK_INT(m.after, cases[i].after);
        CHECK_INT(m.topics, cases[i].topics);
        CHECK_INT(m.cameras_given ? m.camera_count : -1, cases[i].cameras);
    }
}

static void bad_messages_are_answered_in_words(void **state)
{
    (void)state;
    static const struct {
        const char *text, *msg, *hint;
    } cases[] = {
        {"", "not JSON", ""},
        {"{", "not JSON", ""},
        {"[]", "a message is an object with a type", ""},
        {"5", "not JSON", ""},
        {"{}", "type is missing or not a text", ""},
        {"{\"type\":7}", "type is missing or not a text", ""},
        {"{\"type\":\"resum\",\"after\":1}", "unknown type 'resum'", "did you mean 'resume'?"},
        {"{\"type\":\"xxxxxxxx\"}", "unknown type", "one of: ping, resume, subscribe"},
        {"{\"type\":\"ping\",\"type\":\"ping\"}", "duplicate", ""},
        {"{\"type\":\"ping\",\"x\":1}", "unknown member 'x'", ""},
        {"{\"type\":\"resume\"}", "after is missing", "seq of the last event"},
        {"{\"type\":\"resume\",\"after\":-1}", "after is missing or not a sequence number", ""},
        {"{\"type\":\"resume\",\"after\":1.5}", "after is missing or not a sequence number", ""},
        {"{\"type\":\"resume\",\"after\":99999999999999999999}", "not JSON", ""},
        {"{\"type\":\"resume\",\"aftr\":1}", "unknown member 'aftr'", "did you mean 'after'?"},
        {"{\"type\":\"subscribe\",\"topics\":\"event\"}", "topics is not a list", ""},
        {"{\"type\":\"subscribe\",\"topics\":[]}", "topics is not a list", ""},
        {"{\"type\":\"subscribe\",\"topics\":[\"evnt\"]}", "unknown topic",
         "did you mean 'event'?"},
        {"{\"type\":\"subscribe\",\"cameras\":[1]}", "camera 0 is not a text", ""},
        {"{\"type\":\"subscribe\",\"cameras\":{}}", "cameras is not a list", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct client_message m;
        struct err err = {0};
        CHECK(!client_message_parse(cases[i].text, strlen(cases[i].text), &m, &err));
        CHECK_INT(err.code, ERR_INVALID);
        CHECK_CONTAINS(err.msg, cases[i].msg);
        CHECK_CONTAINS(err.hint, cases[i].hint);
    }
}

static void members_are_found(void **state)
{
    (void)state;
    static const char json[] = "{\"type\":\"event\",\"data\":{\"camera\":\"porch\",\"n\":1}}";
    char out[8];
    CHECK(member_text(json, strlen(json), "data", "camera", out, sizeof out));
    CHECK_STR(out, "porch");
    CHECK(member_text(json, strlen(json), NULL, "type", out, sizeof out));
    CHECK_STR(out, "event");
    CHECK(!member_text(json, strlen(json), "data", "n", out, sizeof out));
    CHECK(!member_text(json, strlen(json), "type", "n", out, sizeof out));
    CHECK(!member_text(json, strlen(json), "data", "camera", out, 3));
    CHECK(!member_text("[", 1, NULL, "type", out, sizeof out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_messages),
        cmocka_unit_test(bad_messages_are_answered_in_words),
        cmocka_unit_test(members_are_found),
    };
    return cmocka_run_group_tests_name("serve/message", tests, NULL, NULL);
}
