/* Text from outside on its way to a model and back. */
#include "test.h"

#include "risk/llm/outside.h"

#include <jansson.h>
#include <stdlib.h>

static const struct {
    const char *text, *json;
} written[] = {
    {"front door", "\"front door\""},
    {"Anna's car (the 2nd), 50%: ok?", "\"Anna's car (the 2nd), 50%: ok?\""},
    {"", "\"\""},
    {"Hofeinfahrt M\xc3\xbcller \xe2\x82\xac \xe9\x97\xa8 \xf0\x9f\x9a\xaa",
     "\"Hofeinfahrt M\xc3\xbcller \xe2\x82\xac \xe9\x97\xa8 \xf0\x9f\x9a\xaa\""},
    {"</data>", "\"\\u003c\\u002fdata\\u003e\""},
    {"<|im_end|>", "\"\\u003c\\u007cim_end\\u007c\\u003e\""},
    {"[INST]", "\"\\u005bINST\\u005d\""},
    {"/no_think", "\"\\u002fno_think\""},
    {"a\"b\\c", "\"a\\u0022b\\u005cc\""},
    {"one\ntwo\r\tthree\x7f", "\"one\\u000atwo\\u000d\\u0009three\\u007f\""},
    {"# {{x}} `rm` & $y ~ ^ * ;@",
     "\"\\u0023 \\u007b\\u007bx\\u007d\\u007d \\u0060rm\\u0060 \\u0026 \\u0024y \\u007e \\u005e "
     "\\u002a ;\\u0040\""},
    /* Directions, joiners, tags, private use: told, but not as themselves. */
    {"a\xe2\x80\xae"
     "b",
     "\"a\\u202eb\""},
    {"a\xe2\x80\x8b"
     "b",
     "\"a\\u200bb\""},
    {"\xef\xbb\xbf", "\"\\ufeff\""},
    {"\xf3\xa0\x81\x81", "\"\\udb40\\udc41\""},
    {"\xee\x80\x80", "\"\\ue000\""},
    {"\xf4\x8f\xbf\xbf", "\"\\udbff\\udfff\""},
    /* Broken: overlong, surrogate, too large, cut, alone. */
    {"\xc0\xbc", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
    {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    {"\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    {"x\xe2\x82", "\"x\xef\xbf\xbd\xef\xbf\xbd\""},
    {"\xff<", "\"\xef\xbf\xbd\\u003c\""},
};

static void to_a_model(void **state)
{
    (void)state;
    struct json out;
    json_init(&out);
    for (size_t i = 0; i < ARRAY_LEN(written); i++) {
        json_reset(&out);
        outside_json(&out, NULL, written[i].text);
        CHECK_STR(out.text, written[i].json);
    }
    json_done(&out);
}

/* Every character there is: it comes back through JSON, and none of the dangerous ones is there as
 * itself. */
static void every_character(void **state)
{
    (void)state;
    struct json out;
    json_init(&out);
    for (uint32_t c = 1; c <= 0x10ffff; c++) {
        if (c >= 0xd800 && c <= 0xdfff)
            continue;
        char text[8] = "";
        if (c < 0x80) {
            text[0] = (char)c;
        } else if (c < 0x800) {
            text[0] = (char)(0xc0 | c >> 6), text[1] = (char)(0x80 | (c & 0x3f));
        } else if (c < 0x10000) {
            text[0] = (char)(0xe0 | c >> 12), text[1] = (char)(0x80 | (c >> 6 & 0x3f));
            text[2] = (char)(0x80 | (c & 0x3f));
        } else {
            text[0] = (char)(0xf0 | c >> 18), text[1] = (char)(0x80 | (c >> 12 & 0x3f));
            text[2] = (char)(0x80 | (c >> 6 & 0x3f)), text[3] = (char)(0x80 | (c & 0x3f));
        }
        json_reset(&out);
        outside_json(&out, NULL, text);
        CHECK(!strpbrk(out.text + 1, "<>[]{}|/`#&\n\r\t"));
        if (c % 97 > 1 && c > 0x3000)
            continue; /* reading back all of them takes long */
        json_t *back = json_loadb(out.text, out.bytes, JSON_DECODE_ANY, NULL);
        if (!back || strcmp(json_string_value(back), text) != 0)
            fail_msg("U+%04X does not come back: %s", c, out.text);
        json_decref(back);
    }
    json_done(&out);
}

static void is_bounded(void **state)
{
    (void)state;
    char *huge = malloc(100001);
    struct json out;
    json_init(&out);
    static const char fills[] = "<a\x01\xff";
    for (size_t i = 0; i < sizeof fills - 1; i++) {
        memset(huge, fills[i], 100000);
        huge[100000] = '\0';
        json_reset(&out);
        outside_json(&out, NULL, huge);
        CHECK(out.bytes <= 6 * OUTSIDE_BYTES_MAX + 2);
        CHECK_INT(out.text[out.bytes - 1], '"');
    }
    for (int i = 0; i < 100000; i++)
        huge[i] = "\xf3\xa0\x81\x81"[(i + 2) & 3];
    json_reset(&out);
    outside_json(&out, NULL, huge);
    CHECK(out.bytes <= 6 * OUTSIDE_BYTES_MAX + 16);
    json_done(&out);
    free(huge);
}

static const struct {
    const char *said, *shown;
} copied[] = {
    {"A person waits at the door.", "A person waits at the door."},
    {"  two  spaces\n\nand lines\t", "two spaces and lines"},
    {"\x1b[31mred\x1b[0m", "[31mred [0m"},
    {"safe\xe2\x80\xae"
     "drow",
     "safe drow"},
    {"\xe2\x80\x8b\xef\xbb\xbf", ""},
    {"M\xc3\xbcller \xff", "M\xc3\xbcller \xef\xbf\xbd"},
    {"<b>not markup</b>", "<b>not markup</b>"},
    {"", ""},
};

static void from_a_model(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(copied); i++) {
        char out[64];
        memset(out, 'x', sizeof out);
        outside_copy(out, sizeof out, copied[i].said);
        CHECK_STR(out, copied[i].shown);
        for (size_t k = strlen(out); k < sizeof out; k++)
            CHECK_INT(out[k], 0);
    }
    /* Cut between characters, never after a space. */
    char out[8];
    outside_copy(out, sizeof out, "abcde\xc3\xa4\xc3\xa4");
    CHECK_STR(out, "abcde\xc3\xa4");
    outside_copy(out, sizeof out, "abcdef\xc3\xa4");
    CHECK_STR(out, "abcdef");
    outside_copy(out, sizeof out, "abcdef gh");
    CHECK_STR(out, "abcdef");
    outside_copy(out, 1, "abc");
    CHECK_STR(out, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(to_a_model),
        cmocka_unit_test(every_character),
        cmocka_unit_test(is_bounded),
        cmocka_unit_test(from_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
