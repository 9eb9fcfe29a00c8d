#include "base/opt.h"
#include "test.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

static const char *const colours[] = {"red", "green", "blue", NULL};

struct leaf {
    char name[OPT_NAME_BYTES];
    int count;
};

static const struct opt leaf_rows[] = {
    {"count", OPT_INT(struct leaf, count, 0, 9), .def = "3", .help = "How many."},
    {0},
};
static const struct section leaf_section = {
    .name = "leaf", .bytes = sizeof(struct leaf), .rows = leaf_rows};

struct flat {
    double share;
};
static const struct opt flat_rows[] = {
    {"share", OPT_DOUBLE(struct flat, share, 0, 1), .def = "0.5", .help = "A share."},
    {0},
};
static const struct section flat_section = {
    .name = "flat", .bytes = sizeof(struct flat), .rows = flat_rows};

struct all {
    bool on;
    int threads, colour;
    double fps;
    char text[8], secret[16];
    int64_t wait_us, bytes;
    struct opt_times night;
    struct opt_list words;
    struct flat flat;
    struct leaf leaf;
    struct opt_map leaves;
};

static const struct opt all_rows[] = {
    {"on", OPT_BOOL(struct all, on), .def = "yes"},
    {"threads", OPT_INT(struct all, threads, 1, 64), .def = "2"},
    {"fps", OPT_DOUBLE(struct all, fps, 0.1, 60), .def = "5", .unit = "frames per second"},
    {"text", OPT_TEXT(struct all, text), .def = "abc"},
    {"secret", OPT_TEXT(struct all, secret), .flags = OPT_SECRET},
    {"colour", OPT_ENUM(struct all, colour, colours), .def = "blue"},
    {"wait", OPT_DURATION(struct all, wait_us, 0.5, 86400.0 * 30), .def = "10s"},
    {"max_bytes", OPT_SIZE(struct all, bytes, 1, 1e12), .def = "10GB"},
    {"night", OPT_TIMES(struct all, night), .def = "22:00-06:00"},
    {"words", OPT_LIST(struct all, words, 0, 4), .def = "one, two"},
    {"", OPT_GROUP(struct all, flat, &flat_section)},
    {"leaf", OPT_GROUP(struct all, leaf, &leaf_section)},
    {"leaves", OPT_MAP(struct all, leaves, &leaf_section, 4)},
    {0},
};
static const struct section all_section = {
    .name = "all", .bytes = sizeof(struct all), .rows = all_rows};

static const struct opt *row(const char *name)
{
    const struct opt *found = opt_find(&all_section, name, NULL);
    assert_non_null(found);
    return found;
}

static void defaults_reach_every_level(void **state)
{
    (void)state;
    struct all all;
    memset(&all, 0xff, sizeof all);
    opt_defaults(&all_section, &all);
    CHECK(all.on);
    CHECK_INT(all.threads, 2);
    CHECK_NEAR(all.fps, 5, 0);
    CHECK_STR(all.text, "abc");
    CHECK_STR(all.secret, "");
    CHECK_INT(all.colour, 2);
    CHECK_INT(all.wait_us, 10000000);
    CHECK_INT(all.bytes, 10000000000);
    CHECK_INT(all.night.from_min, 22 * 60);
    CHECK_INT(all.night.to_min, 6 * 60);
    CHECK_INT(all.words.count, 2);
    CHECK_STR(all.words.items[1], "two");
    CHECK_NEAR(all.flat.share, 0.5, 0);
    CHECK_INT(all.leaf.count, 3);
    CHECK_INT(all.leaves.count, 0);
    opt_free(&all_section, &all);
    CHECK_INT(all.threads, 0);
}

/* What a row takes, and how the value is shown again. */
static void values_that_pass(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *shown;
    } cases[] = {
        {"on", "true", "true"},
        {"on", "Off", "false"},
        {"on", "no", "false"},
        {"on", "YES", "true"},
        {"threads", "64", "64"},
        {"threads", "007", "7"},
        {"fps", "0.1", "0.1"},
        {"fps", "59.94005994005994", "59.94005994005994"},
        {"fps", "6e1", "60"},
        {"fps", ".5", "0.5"},
        {"text", "", ""},
        {"text", "1234567", "1234567"},
        {"secret", "hunter2", "***"},
        {"secret", "", ""},
        {"colour", "green", "green"},
        {"wait", "500ms", "500ms"},
        {"wait", "90", "90s"},
        {"wait", "120s", "2m"},
        {"wait", "1h30m", "90m"},
        {"wait", "1.5h", "90m"},
        {"wait", "2 d", "2d"},
        {"wait", "30d", "30d"},
        {"wait", "500001us", "500001us"},
        {"max_bytes", "500MB", "500MB"},
        {"max_bytes", "4GiB", "4GiB"},
        {"max_bytes", "1 kb", "1kB"},
        {"max_bytes", "1025", "1025B"},
        {"max_bytes", "0.5GB", "500MB"},
        {"night", "22:00-06:00", "22:00-06:00"},
        {"night", "7:05 - 9:00", "07:05-09:00"},
        {"night", "00:00-24:00", "00:00-24:00"},
        {"night", "never", "never"},
        {"words", "a, b,c", "a, b, c"},
        {"words", "", ""},
        {"share", "1", "1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct all all;
        opt_defaults(&all_section, &all);
        size_t base = 0;
        const struct opt *r = opt_find(&all_section, cases[i].name, &base);
        struct err err = {.code = ERR_NONE};
        if (!opt_parse(r, (char *)&all + base, cases[i].text, &err))
            fail_msg("%s: %s: %s", cases[i].name, cases[i].text, err.msg);
        char shown[128];
        CHECK(opt_format(r, (char *)&all + base, shown, sizeof shown));
        CHECK_STR(shown, cases[i].shown);
    }
}

static void values_that_fail(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *msg, *hint;
    } cases[] = {
        {"on", "ture", "'ture' is neither", "'true'"},
        {"on", "", "'' is neither", "true or false"},
        {"threads", "0", "'0' is out of range", "1 to 64"},
        {"threads", "65", "out of range", "1 to 64"},
        {"threads", "4294967297", "out of range", "1 to 64"},
        {"threads", "99999999999999999999999", "out of range", "1 to 64"},
        {"threads", "1.5", "not a whole number", "1 to 64"},
        {"threads", " 1", "not a whole number", "1 to 64"},
        {"threads", "4 cores", "not a whole number", "write 4 alone"},
        {"fps", "five", "'five' is not a number", "0.1 to 60 frames per second"},
        {"fps", "nan", "not a number", "0.1 to 60"},
        {"fps", "inf", "not a number", "0.1 to 60"},
        {"fps", "1e999", "not a number", "0.1 to 60"},
        {"fps", "0x10", "not a number", "0.1 to 60"},
        {"fps", "5,5", "not a number", "5.5"},
        {"fps", "5fps", "not a number", "write 5 alone"},
        {"share", "50%", "not a number", "write 0.5 for 50 %"},
        {"share", "-0.0001", "out of range", "0 to 1"},
        {"text", "12345678", "too long: 8 bytes", "up to 7 bytes"},
        {"text", "a\nb", "line break", "one line"},
        {"text", "a\033b", "control character", "one line"},
        {"colour", "gren", "'gren' is not a choice",
         "did you mean 'green'? one of: red, green, blue"},
        {"colour", "mauve", "not a choice", "one of: red, green, blue"},
        {"wait", "10 minutes", "not a duration", "write 10m"},
        {"wait", "10x", "not a duration", "such as 500ms"},
        {"wait", "1h 30", "not a duration", "such as"},
        {"wait", "0s", "out of range", "500ms to 30d"},
        {"wait", "99999999999999999999d", "out of range", "500ms to 30d"},
        {"max_bytes", "10G", "not a size", "10GB or 10GiB"},
        {"max_bytes", "-1", "out of range", "1B to 1TB"},
        {"night", "24:00-25:00", "not a range", "22:00-06:00"},
        {"night", "22:00", "not a range", "22:00-06:00"},
        {"night", "22:60-23:00", "not a range", "22:00-06:00"},
        {"night", "22:00-22:00", "begins when it ends", "never"},
        {"night",
         "22:00\xe2\x80\x93"
         "06:00",
         "not a range", "plain '-'"},
        {"words", "a,b,c,d,e", "5 items, more than 4", "4"},
        {"words", "a,,b", "empty item", "remove"},
        {"words", "a,b,a", "'a' is listed twice", "remove"},
        {"words", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "too long",
         "47 bytes"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct all all, before;
        opt_defaults(&all_section, &all);
        before = all;
        size_t base = 0;
        const struct opt *r = opt_find(&all_section, cases[i].name, &base);
        struct err err = {.code = ERR_NONE};
        if (opt_parse(r, (char *)&all + base, cases[i].text, &err))
            fail_msg("%s: %s was taken", cases[i].name, cases[i].text);
        CHECK_INT(err.code, ERR_INVALID);
        CHECK_CONTAINS(err.msg, cases[i].msg);
        CHECK_CONTAINS(err.hint, cases[i].hint);
        const char *was = (const char *)&before, *is = (const char *)&all;
        CHECK(memcmp(was, is, sizeof all) == 0);
    }
}

static void secrets_are_not_repeated(void **state)
{
    (void)state;
    struct all all;
    opt_defaults(&all_section, &all);
    struct err err;
    CHECK(!opt_parse(row("secret"), &all, "hunter2-is-much-too-long", &err));
    CHECK(!strstr(err.msg, "hunter2"));
    CHECK(!strstr(err.hint, "hunter2"));
    CHECK(!opt_parse(row("text"), &all, "rtsp://admin:hunter2@camera/", &err));
    CHECK(!strstr(err.msg, "hunter2"));
    /* A longer value must not survive behind a shorter one. */
    CHECK(opt_parse(row("secret"), &all, "hunter2", &err));
    CHECK(opt_parse(row("secret"), &all, "x", &err));
    CHECK(memmem(all.secret, sizeof all.secret, "nter2", 5) == NULL);
}

static void names_are_found_and_guessed(void **state)
{
    (void)state;
    size_t base = 1;
    CHECK(opt_find(&all_section, "fps", &base) == &all_rows[2]);
    CHECK_INT(base, 0);
    CHECK(opt_find(&all_section, "share", &base) == &flat_rows[0]);
    CHECK_INT(base, offsetof(struct all, flat));
    CHECK(opt_find(&all_section, "count", NULL) == NULL); /* one level down, not flattened */
    CHECK(opt_find(&all_section, "", NULL) == NULL);
    static const struct {
        const char *name, *near;
    } cases[] = {
        {"maxBytes", "max_bytes"}, {"max-bytes", "max_bytes"}, {"Max Bytes", "max_bytes"},
        {"theards", "threads"},    {"shaer", "share"},         {"FPS", "fps"},
        {"zzzzzz", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *near = opt_suggest(&all_section, cases[i].name);
        if (!cases[i].near)
            CHECK(near == NULL);
        else
            CHECK_STR(near, cases[i].near);
    }
}

static void maps_are_freed(void **state)
{
    (void)state;
    struct all all;
    opt_defaults(&all_section, &all);
    all.leaves.items = calloc(2, sizeof(struct leaf));
    all.leaves.count = 2;
    opt_free(&all_section, &all); /* the leak sanitizer watches */
    CHECK(all.leaves.items == NULL);
}

static void bounds_in_words(void **state)
{
    (void)state;
    static const struct {
        const char *name, *allowed;
    } cases[] = {
        {"on", "true or false"},
        {"threads", "1 to 64"},
        {"fps", "0.1 to 60 frames per second"},
        {"text", "one line of text, up to 7 bytes"},
        {"colour", "one of: red, green, blue"},
        {"wait", "500ms to 30d"},
        {"max_bytes", "1B to 1TB"},
        {"night", "from-to in 24 hours, such as 22:00-06:00, or never"},
        {"words", "a list of up to 4 texts of up to 47 bytes"},
        {"leaves", "up to 4 named entries"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char allowed[128];
        opt_allowed(row(cases[i].name), allowed, sizeof allowed);
        CHECK_STR(allowed, cases[i].allowed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_reach_every_level),
        cmocka_unit_test(values_that_pass),
        cmocka_unit_test(values_that_fail),
        cmocka_unit_test(secrets_are_not_repeated),
        cmocka_unit_test(names_are_found_and_guessed),
        cmocka_unit_test(maps_are_freed),
        cmocka_unit_test(bounds_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
