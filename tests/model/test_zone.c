/* Polygons and lines. */
#include "test.h"

#include "model/zone.h"

static const struct opt_points square = {4,
                                         {{0.2f, 0.2f}, {0.8f, 0.2f}, {0.8f, 0.8f}, {0.2f, 0.8f}}};
/* An L: the top right quarter is outside. */
static const struct opt_points angle = {
    6, {{0, 0}, {0.5f, 0}, {0.5f, 0.5f}, {1, 0.5f}, {1, 1}, {0, 1}}};
/* A bow tie: its crossing sides leave out the left and the right. */
static const struct opt_points bow = {4, {{0, 0}, {1, 1}, {0, 1}, {1, 0}}};
static const struct opt_points flat = {3, {{0.1f, 0.5f}, {0.5f, 0.5f}, {0.9f, 0.5f}}};

static void polygons(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const struct opt_points *polygon;
        struct point p;
        bool inside;
    } cases[] = {
        {"middle", &square, {0.5f, 0.5f}, true},
        {"left of it", &square, {0.1f, 0.5f}, false},
        {"right of it", &square, {0.9f, 0.5f}, false},
        {"above", &square, {0.5f, 0.1f}, false},
        {"below", &square, {0.5f, 0.9f}, false},
        {"just inside a corner", &square, {0.201f, 0.201f}, true},
        {"just outside a corner", &square, {0.199f, 0.199f}, false},
        {"level with its corners", &square, {0.1f, 0.2f}, false},
        {"L, upper left", &angle, {0.25f, 0.25f}, true},
        {"L, lower right", &angle, {0.75f, 0.75f}, true},
        {"L, the notch", &angle, {0.75f, 0.25f}, false},
        {"bow tie, top", &bow, {0.5f, 0.2f}, true},
        {"bow tie, left", &bow, {0.2f, 0.5f}, false},
        {"without area", &flat, {0.5f, 0.5f}, false},
        {"not a number", &square, {0.0f / 0.0f, 0.5f}, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (points_contain(cases[i].polygon, cases[i].p) != cases[i].inside)
            fail_msg("%s", cases[i].name);
    static const struct opt_points none = {0};
    CHECK(!points_contain(&none, (struct point){0.5f, 0.5f}));
}

/* From the bottom to the top in the middle of the picture: "in" is to the right. */
static struct line_conf upright(int direction)
{
    return (struct line_conf){.points = {2, {{0.5f, 0.8f}, {0.5f, 0.2f}}}, .direction = direction};
}

static void crossings(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct point from, to;
        int both;
    } cases[] = {
        {"left to right", {0.4f, 0.5f}, {0.6f, 0.5f}, 1},
        {"right to left", {0.6f, 0.5f}, {0.4f, 0.5f}, -1},
        {"slanting", {0.3f, 0.7f}, {0.7f, 0.3f}, 1},
        {"stays left", {0.3f, 0.5f}, {0.4f, 0.5f}, 0},
        {"stays right", {0.6f, 0.3f}, {0.9f, 0.6f}, 0},
        {"does not move", {0.4f, 0.5f}, {0.4f, 0.5f}, 0},
        {"above its end", {0.4f, 0.1f}, {0.6f, 0.1f}, 0},
        {"below its end", {0.4f, 0.9f}, {0.6f, 0.9f}, 0},
        {"round its end", {0.4f, 0.3f}, {0.6f, 0.05f}, 0},
        {"just inside its end", {0.4f, 0.3f}, {0.6f, 0.15f}, 1},
        {"along it", {0.5f, 0.7f}, {0.5f, 0.3f}, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct line_conf line = upright(LINE_BOTH);
        int got = line_crossing(&line, cases[i].from, cases[i].to);
        if (got != cases[i].both)
            fail_msg("%s: %d, expected %d", cases[i].name, got, cases[i].both);
        line = upright(LINE_IN);
        CHECK_INT(line_crossing(&line, cases[i].from, cases[i].to), MAX(cases[i].both, 0));
        line = upright(LINE_OUT);
        CHECK_INT(line_crossing(&line, cases[i].from, cases[i].to), MIN(cases[i].both, 0));
    }
}

/* Stopping exactly on the line and going on is one crossing, turning round there is none. */
static void a_stop_on_the_line(void **state)
{
    (void)state;
    struct line_conf line = upright(LINE_BOTH);
    static const struct point left = {0.4f, 0.5f}, on = {0.5f, 0.5f}, right = {0.6f, 0.5f};
    CHECK_INT(line_crossing(&line, left, on) + line_crossing(&line, on, right), 1);
    CHECK_INT(line_crossing(&line, right, on) + line_crossing(&line, on, left), -1);
    CHECK_INT(line_crossing(&line, left, on) + line_crossing(&line, on, left), 0);
    CHECK_INT(line_crossing(&line, right, on) + line_crossing(&line, on, right), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(polygons),
        cmocka_unit_test(crossings),
        cmocka_unit_test(a_stop_on_the_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
