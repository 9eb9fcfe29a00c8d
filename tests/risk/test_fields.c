/* Fields of outside JSON: the first mistake is kept with its place. */
#include "test.h"

#include "risk/fields.h"

static const char text[] =
    "{\"n\": 7, \"x\": 0.5, \"yes\": true, \"word\": \"left\", \"none\": null,"
    " \"list\": [1, \"a\"], \"object\": {}, \"grown\": \"\xef\xbf\xbd\xef\xbf\xbd\"}";
static const char *const words[] = {"left", "right", NULL};

static json_t *loaded(struct fields *f)
{
    json_t *root = fields_load(f, text, strlen(text), 1000);
    if (!root)
        fail_msg("%s", f->err->msg);
    return root;
}

static void good_fields_are_read(void **state)
{
    (void)state;
    struct err err = {0};
    struct fields f = {.err = &err};
    AUTO(fields_drop) json_t *root = loaded(&f);
    char word[8], grown[4];
    struct uuid id = {{1}};
    CHECK_INT(fields_int(&f, root, "n", 7, 7), 7);
    CHECK_NEAR(fields_number(&f, root, "x", 0, 1), 0.5, 0);
    CHECK_NEAR(fields_number(&f, root, "n", 0, 10), 7, 0);
    CHECK(fields_bool(&f, root, "yes"));
    CHECK_INT(fields_choice(&f, root, "word", words), 0);
    fields_text(&f, root, "word", word, sizeof word);
    CHECK_STR(word, "left");
    fields_text(&f, root, "grown", grown, sizeof grown); /* of two bytes that were broken */
    CHECK_INT(strlen(grown), 3);
    fields_uuid(&f, root, "none", &id);
    CHECK(uuid_is_zero(&id));
    CHECK_INT(json_array_size(fields_array(&f, root, "list", 2)), 2);
    CHECK(fields_object(&f, root, "object") != NULL);
    CHECK(fields_has(root, "n") && !fields_has(root, "none") && !fields_has(root, "nothing"));
    CHECK(!f.failed);
}

static void the_first_mistake_is_kept(void **state)
{
    (void)state;
    struct err err = {0};
    struct fields f = {.err = &err};
    AUTO(fields_drop) json_t *root = loaded(&f);
    char word[4];
    fields_at(&f, "track %d", 3);
    CHECK_INT(fields_int(&f, root, "n", 8, 9), 0);
    CHECK_STR(err.msg, "track 3: n is 7, not within 8 to 9");
    fields_at(&f, "elsewhere");
    fields_text(&f, root, "word", word, sizeof word);
    CHECK_STR(err.msg, "track 3: n is 7, not within 8 to 9");
    CHECK(f.failed);
}

static void every_mistake_is_named(void **state)
{
    (void)state;
    for (int i = 0; i < 12; i++) {
        struct err err = {0};
        struct fields f = {.err = &err};
        AUTO(fields_drop) json_t *root = loaded(&f);
        char word[4];
        struct uuid id;
        const char *expected = "";
        switch (i) {
        case 0:
            (void)fields_int(&f, root, "gone", 0, 1);
            expected = "gone is missing";
            break;
        case 1:
            (void)fields_int(&f, root, "x", 0, 1);
            expected = "x is not a whole number";
            break;
        case 2:
            (void)fields_number(&f, root, "word", 0, 1);
            expected = "word is not a number";
            break;
        case 3:
            (void)fields_number(&f, root, "x", 0.6, 1);
            expected = "x is 0.5, not within 0.6 to 1";
            break;
        case 4:
            (void)fields_bool(&f, root, "n");
            expected = "n is not true or false";
            break;
        case 5:
            fields_text(&f, root, "word", word, sizeof word);
            expected = "word is 4 bytes long, at most 3 are possible";
            break;
        case 6:
            fields_text(&f, root, "none", word, sizeof word);
            expected = "none is not a text";
            break;
        case 7:
            (void)fields_choice(&f, root, "grown", words);
            expected = "unknown grown";
            break;
        case 8:
            fields_uuid(&f, root, "word", &id);
            expected = "word is not an id";
            break;
        case 9:
            (void)fields_array(&f, root, "list", 1);
            expected = "list has 2 elements, at most 1 are possible";
            break;
        case 10:
            (void)fields_object(&f, root, "list");
            expected = "list is not an object";
            break;
        default:
            (void)fields_known(&f, root, words);
            expected = "unknown field 'n'";
            break;
        }
        CHECK(f.failed);
        CHECK_INT(err.code, ERR_INVALID);
        CHECK_CONTAINS(err.msg, expected);
    }
}

static void what_is_no_object_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *msg;
    } cases[] = {
        {"", "not JSON"},
        {"[1]", "not a JSON object"},
        {"{\"a\":1,\"a\":2}", "not JSON"},
        {"{\"a\":1}x", "not JSON"},
        {"{\"a\":\"\xff\"}", "not JSON"},
        {"{\"aaaaaa\":1}", "12 bytes, more than 11"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        struct fields f = {.err = &err};
        if (fields_load(&f, cases[i].text, strlen(cases[i].text), i == 2 ? 20 : 11))
            fail_msg("accepted: %s", cases[i].text);
        CHECK_CONTAINS(err.msg, cases[i].msg);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_fields_are_read),
        cmocka_unit_test(the_first_mistake_is_kept),
        cmocka_unit_test(every_mistake_is_named),
        cmocka_unit_test(what_is_no_object_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
