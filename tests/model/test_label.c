/* Labels and their kinds. */
#include "test.h"

#include "model/label.h"

static void kinds(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        enum object_kind kind;
    } cases[] = {
        {"person", KIND_PERSON}, {"car", KIND_VEHICLE},     {"truck", KIND_VEHICLE},
        {"bus", KIND_VEHICLE},   {"bicycle", KIND_VEHICLE}, {"motorcycle", KIND_VEHICLE},
        {"bird", KIND_ANIMAL},   {"cat", KIND_ANIMAL},      {"dog", KIND_ANIMAL},
        {"horse", KIND_ANIMAL},  {"sheep", KIND_ANIMAL},    {"cow", KIND_ANIMAL},
        {"bear", KIND_ANIMAL},   {"kite", KIND_OTHER},      {"train", KIND_OTHER},
        {"motion", KIND_OTHER},  {"", KIND_OTHER},          {"Person", KIND_OTHER},
        {"persons", KIND_OTHER}, {"perso", KIND_OTHER},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (label_kind(cases[i].label) != cases[i].kind)
            fail_msg("'%s' is of kind %d", cases[i].label, label_kind(cases[i].label));
        CHECK_INT(label_is_default(cases[i].label), cases[i].kind != KIND_OTHER);
    }
}

static void the_eighty_names(void **state)
{
    (void)state;
    int count = 0, known = 0;
    for (; label_coco[count]; count++) {
        CHECK(strlen(label_coco[count]) < LABEL_BYTES);
        known += label_is_default(label_coco[count]);
    }
    CHECK_INT(count, 80);
    CHECK_INT(known, 13); /* every default class is one of them */
    CHECK_STR(label_coco[0], "person");
    CHECK_STR(label_coco[2], "car");
    CHECK_STR(label_coco[79], "toothbrush");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds),
        cmocka_unit_test(the_eighty_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
