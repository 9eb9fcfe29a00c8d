/* Whatever is written into an address: the password does not come out again, and what lies around
 * the address does. */
#include "test.h"

#include "base/base.h"
#include "base/redact.h"

#include <string.h>

static const struct {
    const char *text, *shown;
} prose[] = {
    {"open rtsp://admin:secret@10.0.0.9:554/h264 failed",
     "open rtsp://***@10.0.0.9:554/h264 failed"},
    {"rtsp://u:p@h", "rtsp://***@h"},
    {"rtsp://a@h", "rtsp://*@h"},
    {"rtsp://@h", "rtsp://@h"},
    {"no url", "no url"},
    {"", ""},
    {"://", "://"},
    {"mail me@host: rtsp://cam/1", "mail me@host: rtsp://cam/1"},
    /* Passwords with what divides an address elsewhere. */
    {"http://admin:se#cret77@cam/video", "http://***@cam/video"},
    {"http://admin:se?cret77@cam/video", "http://***@cam/video"},
    {"http://admin:se/cret77@cam/video: timed out", "http://***@cam/video: timed out"},
    {"rtsp://u:p@ss@host/x", "rtsp://***@host/x"},
    {"rtsp://u:p@s/s@host/x", "rtsp://***@host/x"},
    {"rtsp://u:a://hunter2@h/x", "rtsp://***@h/x"},
    {"rtsp://u:p@ss://hunter2@h/x", "rtsp://***@h/x"},
    {"rtsp://u:p,q;r|s(t<hunter2@h/x", "rtsp://***@h/x"},
    {"rtsp://u:p,x://hunter2@h/x", "rtsp://***@h/x"},
    {"rtsp://u:it's\"me@h/x y", "rtsp://***@h/x y"},
    {"'rtsp://u:it',s@h/x' y", "'rtsp://***@h/x' y"},
    /* An '@' of the path cannot be told from one of a password. */
    {"http://host/path@x", "http://***@x"},
    /* Where an address ends. */
    {"rtsp://u:p@ss@host/x http://a@b/", "rtsp://***@host/x http://*@b/"},
    {"rtsp://u:p@a/1 and me@host", "rtsp://***@a/1 and me@host"},
    {"rtsp://cam/1 and me@host", "rtsp://cam/1 and me@host"},
    {"rtsp://u:p@a/1\nme@host", "rtsp://***@a/1\nme@host"},
    {"'rtsp://u:p@a/1': me@host", "'rtsp://***@a/1': me@host"},
    {"\"rtsp://u:p@a/1\",\"me@host\"", "\"rtsp://***@a/1\",\"me@host\""},
    {"rtsp://u:p@a/1,rtsp://v:q@b/2", "rtsp://***@a/1,rtsp://***@b/2"},
    {"[rtsp://u:p@a/1;rtsps://b/2]", "[rtsp://***@a/1;rtsps://b/2]"},
    {"(http://u:p@a/1)(http://v:q@b/2)", "(http://***@a/1)(http://***@b/2)"},
    /* In queries. */
    {"rtsp://c:554/user=a&password=secret&channel=1", "rtsp://c:554/user=a&password=***&channel=1"},
    {"http://c/?PWD=s&token=", "http://c/?PWD=*&token="},
    {"http://c/?passwd=secret#x, pass=12 y", "http://c/?passwd=***#x, pass=** y"},
};

static void addresses_in_prose(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(prose); i++) {
        char text[256];
        STR_COPY(text, prose[i].text);
        redact_urls(text);
        CHECK_STR(text, prose[i].shown);
    }
}

static void one_value_is_one_address(void **state)
{
    (void)state;
    static const struct {
        const char *text, *shown;
    } cases[] = {
        {"rtsp://admin:secret@10.0.0.9:554/h264", "rtsp://***@10.0.0.9:554/h264"},
        {"rtsp://admin:se cret@cam/x", "rtsp://***@cam/x"},
        {"rtsp://admin:p@se' \"cret@cam/x", "rtsp://***@cam/x"},
        {"rtsp://a:b@c/1,rtsp://d:e@f/2", "rtsp://***@f/2"},
        {"rtsp://cam/?password=secret", "rtsp://cam/?password=***"},
        {"me@host", "me@host"},
        {"/videos/me@home/a.mp4", "/videos/me@home/a.mp4"},
        {"scene", "scene"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[256];
        STR_COPY(text, cases[i].text);
        redact_value(text);
        CHECK_STR(text, cases[i].shown);
    }
}

/* Every character a keyboard has, in the middle of a password. */
static void no_character_of_a_password_helps_it_out(void **state)
{
    (void)state;
    for (int c = ' '; c < 0x7f; c++) {
        char text[64];
        snprintf(text, sizeof text, "rtsp://me:abc%cxyz@cam/1", c);
        redact_value(text);
        CHECK_STR(text, "rtsp://***@cam/1");
        snprintf(text, sizeof text, "rtsp://me:abc%cxyz@cam/1: lost", c);
        redact_urls(text);
        if (c != ' ') /* in prose a blank ends an address; capture refuses such a one */
            CHECK_STR(text, "rtsp://***@cam/1: lost");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_in_prose),
        cmocka_unit_test(one_value_is_one_address),
        cmocka_unit_test(no_character_of_a_password_helps_it_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
