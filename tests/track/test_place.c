/* Has a box moved, or only changed its shape? */
#include "test.h"

#include "track/place.h"

#define MOVED 0.2f

static void shifts(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct box then, now;
        bool moved;
    } cases[] = {
        {"at rest", {0.4f, 0.4f, 0.6f, 0.8f}, {0.4f, 0.4f, 0.6f, 0.8f}, false},
        {"a step to the right", {0.4f, 0.4f, 0.6f, 0.8f}, {0.5f, 0.4f, 0.7f, 0.8f}, true},
        {"a step to the left", {0.4f, 0.4f, 0.6f, 0.8f}, {0.3f, 0.4f, 0.5f, 0.8f}, true},
        {"down", {0.4f, 0.2f, 0.6f, 0.4f}, {0.4f, 0.3f, 0.6f, 0.5f}, true},
        {"jitter", {0.4f, 0.4f, 0.6f, 0.8f}, {0.41f, 0.39f, 0.61f, 0.82f}, false},
        {"half hidden from the right", {0.4f, 0.4f, 0.6f, 0.8f}, {0.4f, 0.4f, 0.5f, 0.8f}, false},
        {"half hidden from below", {0.4f, 0.4f, 0.6f, 0.8f}, {0.4f, 0.4f, 0.6f, 0.6f}, false},
        {"with its shadow", {0.4f, 0.4f, 0.6f, 0.8f}, {0.4f, 0.4f, 0.8f, 0.9f}, false},
        {"the middle hidden from both sides",
         {0.4f, 0.4f, 0.6f, 0.8f},
         {0.45f, 0.4f, 0.55f, 0.8f},
         false},
        {"coming nearer", {0.4f, 0.4f, 0.5f, 0.6f}, {0.37f, 0.38f, 0.53f, 0.75f}, true},
        {"coming nearer, its head in place",
         {0.4f, 0.4f, 0.5f, 0.6f},
         {0.37f, 0.4f, 0.53f, 0.72f},
         true},
        {"going away", {0.37f, 0.38f, 0.53f, 0.75f}, {0.4f, 0.4f, 0.5f, 0.6f}, true},
        {"along the left edge", {0, 0.4f, 0.2f, 0.8f}, {0, 0.4f, 0.3f, 0.8f}, true},
        {"along the right edge", {0.8f, 0.4f, 1, 0.8f}, {0.7f, 0.4f, 1, 0.8f}, true},
        {"cut off on both sides", {0, 0.4f, 1, 0.8f}, {0, 0.4f, 1, 0.8f}, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        float shift = place_shift(cases[i].then, cases[i].now);
        if ((shift > MOVED) != cases[i].moved)
            fail_msg("%s: %g", cases[i].name, shift);
    }
}

static void a_whole_length_is_one(void **state)
{
    (void)state;
    CHECK_NEAR(
        place_shift((struct box){0.2f, 0.2f, 0.3f, 0.4f}, (struct box){0.3f, 0.2f, 0.4f, 0.4f}), 1,
        1e-5);
    CHECK_NEAR(
        place_shift((struct box){0.2f, 0.2f, 0.3f, 0.4f}, (struct box){0.2f, 0.5f, 0.3f, 0.7f}),
        1.5, 1e-5);
}

static void boxes_without_size(void **state)
{
    (void)state;
    float shift = place_shift((struct box){0.5f, 0.5f, 0.5f, 0.5f},
                              (struct box){0.6f, 0.6f, 0.6f, 0.6f});
    CHECK(shift > 0 && shift < 1e9f);
    CHECK(place_shift((struct box){0}, (struct box){0}) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shifts),
        cmocka_unit_test(a_whole_length_is_one),
        cmocka_unit_test(boxes_without_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
