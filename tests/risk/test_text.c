/* Texts of bounded length and the words in them. */
#include "test.h"

#include "risk/rules.h"
#include "risk/stage.h"

static void texts_are_cut_between_characters(void **state)
{
    (void)state;
    static const struct {
        size_t bytes;
        const char *in, *out;
    } cases[] = {
        {16, "fifteen letters", "fifteen letters"},
        {15, "fifteen letters", "fifteen let..."},
        {12,
         "gr\xc3\xbc\xc3\x9f"
         "e aus Wien",
         "gr\xc3\xbc\xc3\x9f"
         "e ..."},
        {7, "a\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc", "a\xc3\xbc..."},
        {8, "a\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc", "a\xc3\xbc..."},
        {32, "line\nbreak\x7f", "line break "},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[64];
        memset(out, '#', sizeof out);
        struct text text;
        text_init(&text, out, cases[i].bytes);
        text_add(&text, "%s", cases[i].in);
        CHECK(strlen(out) < cases[i].bytes);
        CHECK_STR(out, cases[i].out);
        CHECK(out[cases[i].bytes] == '#');
        text_add(&text, "more than ever fits in any of these texts, or so it is hoped");
        CHECK(strlen(out) < cases[i].bytes);
    }
}

static void objects_have_articles_and_plurals(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        int count;
        const char *text;
    } cases[] = {
        {"person", 1, "a person"},
        {"person", 3, "3 people"},
        {"car", 2, "2 cars"},
        {"bus", 2, "2 buses"},
        {"bus", 1, "a bus"},
        {"sheep", 2, "2 sheep"},
        {"airplane", 1, "an airplane"},
        {"bench", 2, "2 benches"},
        {"motion", 1, "something"},
        {"motion", 2, "several things"},
        {"", 1, "a "},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[64];
        struct text text;
        text_init(&text, out, sizeof out);
        text_add_objects(&text, cases[i].label, cases[i].count);
        CHECK_STR(out, cases[i].text);
    }
}

static void spans_times_and_places(void **state)
{
    (void)state;
    char out[128];
    struct text text;
    text_init(&text, out, sizeof out);
    static const int64_t spans_us[] = {
        0, 499999, 500000, 48 * US_PER_S, 60 * US_PER_S, 80 * US_PER_S, -5};
    for (size_t i = 0; i < ARRAY_LEN(spans_us); i++) {
        text_add_span(&text, spans_us[i]);
        text_add(&text, ", ");
    }
    CHECK_STR(out, "0 s, 0 s, 1 s, 48 s, 1 min, 1 min 20 s, 0 s, ");
    text_init(&text, out, sizeof out);
    text_add_time(&text, stage_wall_us("2026-11-20T03:12:59.9+01:00"));
    text_add(&text, ", ");
    text_add_time(&text, TIME_UNKNOWN);
    text_add(&text, ", ");
    text_add_place(&text, "front_door");
    text_add(&text, ", ");
    text_add_place(&text, "Our garden");
    CHECK_STR(out, "03:12, an unknown time, the front door, Our garden");
}

static int in_berlin(void **state)
{
    (void)state;
    stage_timezone();
    return 0;
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_cut_between_characters),
        cmocka_unit_test(objects_have_articles_and_plurals),
        cmocka_unit_test(spans_times_and_places),
    };
    return cmocka_run_group_tests(tests, in_berlin, NULL);
}
