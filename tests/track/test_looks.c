/* Does the small picture of an object survive the light, and tell two objects apart? */
#include "test.h"

#include "track/looks.h"

#include <math.h>

#define SIDE 120

/* A car of sorts: windows, wheels, lamps. which: another one. */
static float shade(int which, float x, float y)
{
    if (which == 0)
        return y < 0.4f ? (x > 0.2f && x < 0.8f ? 0.2f : 0.7f) : y > 0.8f ? 0.1f : 0.6f;
    return x < 0.3f ? 0.9f : y > 0.5f ? 0.8f : x > 0.7f ? 0.1f : 0.4f;
}

/* Its picture in that light, seen where x0 .. x1 of the frame is. */
static struct frame *paint(int which, float gain, float offset, int noise)
{
    struct frame *frame = frame_alloc(SIDE, SIDE);
    uint8_t *luma = frame_plane_w(frame, 0);
    uint32_t random = 12345;
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            random = random * 1664525 + 1013904223;
            float dirt = noise ? (float)((int)(random >> 16) % (2 * noise + 1) - noise) : 0;
            float value = offset + gain * shade(which, (float)x / SIDE, (float)y / SIDE) + dirt;
            luma[y * frame->stride[0] + x] = (uint8_t)CLAMP(value, 0.0f, 255.0f);
        }
    return frame;
}

static void the_same_in_any_light(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int which;
        float gain, offset;
        int noise;
        float least, most;
    } cases[] = {
        {"the same picture", 0, 200, 20, 0, 0.99f, 1.01f},
        {"dusk", 0, 60, 10, 3, 0.95f, 1.01f},
        {"night, noisy", 0, 25, 16, 10, 0.9f, 1.01f},
        {"glaring", 0, 120, 130, 0, 0.95f, 1.01f},
        {"another one", 1, 200, 20, 0, -1, 0.3f},
        {"another one at night", 1, 30, 16, 5, -1, 0.3f},
    };
    AUTO(frame_unref) struct frame *day = paint(0, 200, 20, 0);
    uint8_t usual[PARKED_LOOKS_BYTES];
    looks_of(day, BOX_WHOLE, usual);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(frame_unref)
        struct frame *frame = paint(cases[i].which, cases[i].gain, cases[i].offset, cases[i].noise);
        uint8_t now[PARKED_LOOKS_BYTES];
        looks_of(frame, BOX_WHOLE, now);
        CHECK(looks_known(now));
        float like = looks_likeness(usual, now);
        if (like < cases[i].least || like > cases[i].most)
            fail_msg("%s: %g", cases[i].name, (double)like);
    }
}

static void where_nothing_can_be_told(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        float gain;
        struct box box;
    } cases[] = {
        {"dark", 2, {0, 0, 1, 1}},
        {"small", 200, {0.5f, 0.5f, 0.6f, 0.6f}},
        {"empty", 200, {0.5f, 0.5f, 0.5f, 0.5f}},
        {"outside", 200, {1.5f, 0.5f, 2.5f, 0.9f}},
        {"no number", 200, {NAN, 0.5f, NAN, 0.9f}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(frame_unref) struct frame *frame = paint(0, cases[i].gain, 16, 0);
        uint8_t looks[PARKED_LOOKS_BYTES];
        looks_of(frame, cases[i].box, looks);
        if (looks_known(looks))
            fail_msg("%s: known", cases[i].name);
    }
    uint8_t looks[PARKED_LOOKS_BYTES];
    looks_of(NULL, BOX_WHOLE, looks);
    CHECK(!looks_known(looks));
}

static void it_learns_slowly(void **state)
{
    (void)state;
    AUTO(frame_unref) struct frame *a = paint(0, 200, 20, 0);
    AUTO(frame_unref) struct frame *b = paint(1, 200, 20, 0);
    uint8_t usual[PARKED_LOOKS_BYTES] = {0}, first[PARKED_LOOKS_BYTES], other[PARKED_LOOKS_BYTES];
    looks_of(a, BOX_WHOLE, first);
    looks_of(b, BOX_WHOLE, other);
    looks_learn(usual, first);
    CHECK(memcmp(usual, first, sizeof usual) == 0);
    looks_learn(usual, (uint8_t[PARKED_LOOKS_BYTES]){0}); /* nothing to learn from */
    CHECK(memcmp(usual, first, sizeof usual) == 0);
    looks_learn(usual, other);
    CHECK(looks_likeness(usual, first) > 0.9f);
    for (int i = 0; i < 40; i++)
        looks_learn(usual, other);
    CHECK(looks_likeness(usual, other) > 0.95f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_in_any_light),
        cmocka_unit_test(where_nothing_can_be_told),
        cmocka_unit_test(it_learns_slowly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
