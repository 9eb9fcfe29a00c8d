/* What is remembered, what is recognised, what is forgotten. */
#include "test.h"

#include "track/memory.h"

#include <math.h>
#include <stdlib.h>

#define HOUR (3600 * US_PER_S)
#define DAY  (24 * HOUR)
#define NOON (INT64_C(1767614400) * US_PER_S) /* UTC */
#define SIDE 100

static struct uuid id_of(int n)
{
    struct uuid id = {{(uint8_t)(n >> 8), (uint8_t)n, 1}};
    return id;
}

static struct detection detect(const char *label, struct box box)
{
    struct detection d = {.box = box, .score = 0.8f};
    STR_COPY(d.label, label);
    return d;
}

/* Stripes across the box or along it: two objects that look nothing like each other. */
static struct frame *paint(struct box box, bool across)
{
    struct frame *frame = frame_alloc(SIDE, SIDE);
    uint8_t *luma = frame_plane_w(frame, 0);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            float at = across ? ((float)y / SIDE - box.y0) / box_height(box)
                              : ((float)x / SIDE - box.x0) / box_width(box);
            bool in = at >= 0 && at < 1;
            luma[y * frame->stride[0] + x] = in && (int)(at * 3) % 2 ? 220 : 40;
        }
    return frame;
}

static void keep(struct memory *m, int n, const char *label, struct box box,
                 const struct frame *frame, int64_t wall_us)
{
    struct detection d = detect(label, box);
    struct uuid id = id_of(n);
    memory_keep(m, &id, &(struct memory_sight){&d, frame, wall_us});
}

/* The number of who is recognised, 0: nobody. */
static int find(const struct memory *m, const char *label, struct box box,
                const struct frame *frame, int64_t wall_us)
{
    struct detection d = detect(label, box);
    const struct parked *p = memory_find(m, &(struct memory_sight){&d, frame, wall_us}, NULL, 0);
    return p ? p->id.bytes[0] << 8 | p->id.bytes[1] : 0;
}

static int count(const struct memory *m)
{
    int n;
    memory_items(m, &n);
    return n;
}

#define MEMORY(m) AUTO(memory_free) struct memory *m = memory_new(14 * DAY)

static const struct box stand = {0.4f, 0.4f, 0.7f, 0.6f};

static void place_and_label(void **state)
{
    (void)state;
    static const struct {
        const char *name, *label;
        struct box box;
        bool known;
    } cases[] = {
        {"the same", "car", {0.4f, 0.4f, 0.7f, 0.6f}, true},
        {"as a truck", "truck", {0.4f, 0.4f, 0.7f, 0.6f}, true},
        {"as a bus", "bus", {0.4f, 0.4f, 0.7f, 0.6f}, true},
        {"a bicycle there", "bicycle", {0.4f, 0.4f, 0.7f, 0.6f}, false},
        {"somebody there", "person", {0.4f, 0.4f, 0.7f, 0.6f}, false},
        {"a fifth larger", "car", {0.37f, 0.38f, 0.73f, 0.62f}, true},
        {"a fifth smaller", "car", {0.43f, 0.42f, 0.67f, 0.58f}, true},
        {"widened by glare", "car", {0.32f, 0.4f, 0.8f, 0.62f}, true},
        {"half of it", "car", {0.4f, 0.4f, 0.55f, 0.6f}, true},
        {"a tenth aside", "car", {0.43f, 0.4f, 0.73f, 0.6f}, true},
        {"next to it", "car", {0.7f, 0.4f, 1, 0.6f}, false},
        {"half a length on", "car", {0.55f, 0.4f, 0.85f, 0.6f}, false},
        {"a lorry around it", "truck", {0.1f, 0.1f, 0.9f, 0.9f}, false},
        {"a part of it only", "car", {0.5f, 0.5f, 0.56f, 0.55f}, false},
        {"nothing", "car", {0.5f, 0.5f, 0.5f, 0.5f}, false},
    };
    MEMORY(m);
    CHECK_INT(find(m, "car", stand, NULL, NOON), 0);
    keep(m, 1, "car", stand, NULL, NOON);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if ((find(m, cases[i].label, cases[i].box, NULL, NOON + HOUR) == 1) != cases[i].known)
            fail_msg("%s: %sknown", cases[i].name, cases[i].known ? "not " : "");
}

/* Looks decide only where the place does not. */
static void looks_help_where_place_does_not(void **state)
{
    (void)state;
    static const struct box good = {0.42f, 0.4f, 0.72f, 0.6f};
    static const struct box half = {0.4f, 0.4f, 0.55f, 0.6f};
    static const struct box poor = {0.53f, 0.4f, 0.83f, 0.6f};
    static const struct {
        const char *name;
        const struct box *box;
        int picture; /* 0 none, 1 the same, 2 another */
        int64_t later_us;
        bool known;
    } cases[] = {
        {"well placed, other looks", &good, 2, HOUR, true},
        {"badly placed", &half, 0, HOUR, true},
        {"badly placed, the same looks", &half, 1, HOUR, true},
        {"badly placed, other looks", &half, 2, HOUR, false},
        {"hardly placed", &poor, 0, HOUR, false},
        {"hardly placed, the same looks", &poor, 1, HOUR, true},
        {"hardly placed, other looks", &poor, 2, HOUR, false},
        {"well placed after two days", &good, 0, 2 * DAY, true},
        {"well placed after two days, other looks", &good, 2, 2 * DAY, false},
        {"well placed after 15 days", &good, 1, 15 * DAY, false},
    };
    AUTO(frame_unref) struct frame *same = paint(stand, true);
    AUTO(frame_unref) struct frame *other = paint(stand, false);
    MEMORY(m);
    keep(m, 1, "car", stand, same, NOON);
    const struct frame *pictures[] = {NULL, same, other};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if ((find(m, "car", *cases[i].box, pictures[cases[i].picture], NOON + cases[i].later_us) ==
             1) != cases[i].known)
            fail_msg("%s: %sknown", cases[i].name, cases[i].known ? "not " : "");
}

/* Where it stood at this hour on several days, it is trusted by its place for as long as it is
 * remembered. */
static void hours_make_an_object_known_longer(void **state)
{
    (void)state;
    AUTO(frame_unref) struct frame *same = paint(stand, true);
    AUTO(frame_unref) struct frame *other = paint(stand, false);
    MEMORY(m);
    for (int day = 0; day < 2; day++)
        for (int minute = 0; minute < 60; minute++)
            keep(m, 1, "car", stand, same, NOON + day * DAY + minute * 60 * US_PER_S);
    CHECK_INT(find(m, "car", stand, other, NOON + 5 * DAY), 1);
    CHECK_INT(find(m, "car", stand, other, NOON + 5 * DAY + 3 * HOUR), 0);
    int n;
    CHECK_INT(memory_items(m, &n)->hours[12], 120);
    keep(m, 1, "car", stand, same, NOON + DAY + 59 * 60 * US_PER_S + US_PER_S); /* too soon */
    CHECK_INT(memory_items(m, &n)->hours[12], 120);
}

/* A statue is remembered; whoever stands in the same spot is somebody else. */
static void the_living_are_known_by_place_and_looks(void **state)
{
    (void)state;
    AUTO(frame_unref) struct frame *same = paint(stand, true);
    AUTO(frame_unref) struct frame *other = paint(stand, false);
    MEMORY(m);
    keep(m, 1, "person", stand, same, NOON);
    CHECK_INT(find(m, "person", stand, same, NOON + HOUR), 1);
    CHECK_INT(find(m, "person", stand, other, NOON + HOUR), 0);
    CHECK_INT(find(m, "person", stand, NULL, NOON + HOUR), 0);
    CHECK_INT(find(m, "person", (struct box){0.4f, 0.4f, 0.55f, 0.6f}, same, NOON + HOUR), 0);
}

static void two_never_share_one(void **state)
{
    (void)state;
    static const struct box beside = {0.5f, 0.4f, 0.8f, 0.6f};
    MEMORY(m);
    keep(m, 1, "car", stand, NULL, NOON);
    keep(m, 2, "car", beside, NULL, NOON);
    struct detection d = detect("car", (struct box){0.42f, 0.4f, 0.72f, 0.6f});
    struct memory_sight sight = {&d, NULL, NOON};
    struct uuid one = id_of(1), both[] = {id_of(1), id_of(2)};
    CHECK(uuid_equal(&memory_find(m, &sight, NULL, 0)->id, &one));
    d.box = beside;
    CHECK(uuid_equal(&memory_find(m, &sight, &one, 1)->id, &both[1]));
    CHECK(memory_find(m, &sight, both, 2) == NULL);
}

static void forgotten_when_gone_old_or_crowded_out(void **state)
{
    (void)state;
    MEMORY(m);
    keep(m, 1, "car", stand, NULL, NOON);
    memory_forget(m, &(struct uuid){{9}});
    CHECK_INT(count(m), 1);
    struct uuid one = id_of(1);
    memory_forget(m, &one);
    CHECK_INT(count(m), 0);

    keep(m, 1, "car", stand, NULL, NOON);
    keep(m, 2, "bench", (struct box){0, 0, 0.1f, 0.1f}, NULL, NOON + 14 * DAY);
    CHECK_INT(count(m), 2);
    keep(m, 2, "bench", (struct box){0, 0, 0.1f, 0.1f}, NULL, NOON + 14 * DAY + HOUR);
    CHECK_INT(count(m), 1);

    /* 3 is known from other days, 4 has not been seen for longest of the others. */
    for (int minute = 0; minute < 120; minute++)
        keep(m, 3, "bench", stand, NULL, NOON + minute / 60 * DAY + minute % 60 * 60 * US_PER_S);
    for (int n = 4; n < 3 + PARKED_MAX; n++)
        keep(m, n, "chair", stand, NULL, NOON + 10 * DAY + n * US_PER_S);
    CHECK_INT(count(m), PARKED_MAX);
    int known = 0, left;
    const struct parked *items = memory_items(m, &left);
    for (int i = 0; i < left; i++)
        known |= (items[i].id.bytes[1] == 3) << 0 | (items[i].id.bytes[1] == 4) << 1;
    CHECK_INT(known, 1 << 0);
}

static void everything_shifts_with_the_camera(void **state)
{
    (void)state;
    MEMORY(m);
    keep(m, 1, "car", stand, NULL, NOON);
    keep(m, 2, "car", (struct box){0.8f, 0.1f, 1, 0.3f}, NULL, NOON);
    memory_shift(m, 0.15f, 0, true);
    CHECK_INT(count(m), 1); /* of the second one too little is left to tell */
    CHECK_INT(find(m, "car", stand, NULL, NOON), 0);
    CHECK_INT(find(m, "car", (struct box){0.55f, 0.4f, 0.85f, 0.6f}, NULL, NOON), 1);
    memory_shift(m, 0, 0, false);
    CHECK_INT(count(m), 0);
}

static void it_survives_a_restart(void **state)
{
    (void)state;
    AUTO(frame_unref) struct frame *same = paint(stand, true);
    MEMORY(m);
    keep(m, 2, "bench", (struct box){0, 0, 0.1f, 0.1f}, NULL, NOON);
    keep(m, 1, "car", stand, same, NOON + HOUR);
    struct parked saved[PARKED_MAX];
    int n;
    memcpy(saved, memory_items(m, &n), sizeof saved[0] * 2);
    CHECK_INT(n, 2);
    MEMORY(again);
    memory_load(again, saved, n);
    CHECK(!memory_take_changed(again));
    CHECK(memcmp(saved, memory_items(again, &n), sizeof saved[0] * 2) == 0);
    CHECK_INT(find(again, "truck", (struct box){0.4f, 0.4f, 0.55f, 0.6f}, same, NOON + DAY), 1);
}

static void what_makes_no_sense_is_left_out(void **state)
{
    (void)state;
    struct parked good = {.id = id_of(1), .label = "car", .box = stand};
    struct parked items[] = {good, good, good, good, good, good, good, good};
    items[1].id = (struct uuid){0};
    items[2].id = id_of(2), items[2].label[0] = '\0';
    items[3].id = id_of(3), memset(items[3].label, 'x', LABEL_BYTES);
    items[4].id = id_of(4), items[4].box.x0 = NAN;
    items[5].id = id_of(5), items[5].box = (struct box){0.5f, 0.5f, 0.5f, 0.5f};
    items[6].id = id_of(6), items[6].box.y1 = 7;
    items[7].since_wall_us = INT64_MIN, items[7].seen_wall_us = INT64_MIN; /* the first one again */
    MEMORY(m);
    memory_load(m, items, ARRAY_LEN(items));
    CHECK_INT(count(m), 1);
    memory_load(m, NULL, 0);
    CHECK_INT(count(m), 0);
    static struct parked many[PARKED_MAX + 5];
    for (int i = 0; i < PARKED_MAX + 5; i++) {
        many[i] = good;
        many[i].id = id_of(i + 1);
        many[i].seen_wall_us = i % 2 ? INT64_MAX : INT64_MIN + 1;
    }
    memory_load(m, many, PARKED_MAX + 5);
    CHECK_INT(count(m), PARKED_MAX);
    (void)find(m, "car", stand, NULL, NOON);
    keep(m, 500, "car", stand, NULL, NOON);
    CHECK(count(m) <= PARKED_MAX);
}

static void saved_when_it_is_worth_it(void **state)
{
    (void)state;
    MEMORY(m);
    CHECK(!memory_take_changed(m));
    keep(m, 1, "car", stand, NULL, NOON);
    CHECK(memory_take_changed(m) && !memory_take_changed(m));
    int saves = 0;
    for (int minute = 1; minute <= 60; minute++) {
        keep(m, 1, "car", stand, NULL, NOON + minute * 60 * US_PER_S);
        saves += memory_take_changed(m);
    }
    CHECK_INT(saves, 6);
    struct uuid one = id_of(1);
    memory_forget(m, &one);
    CHECK(memory_take_changed(m));
    memory_forget(m, &one);
    CHECK(!memory_take_changed(m));
}

static void without_wall_time_nothing_ages(void **state)
{
    (void)state;
    MEMORY(m);
    for (int i = 0; i < 5; i++)
        keep(m, 1, "car", stand, NULL, TIME_UNKNOWN);
    CHECK_INT(find(m, "car", stand, NULL, TIME_UNKNOWN), 1);
    CHECK_INT(find(m, "car", stand, NULL, NOON), 1);
    keep(m, 1, "car", stand, NULL, NOON);
    int n;
    CHECK_INT(memory_items(m, &n)->seen_wall_us, NOON);
    CHECK_INT(find(m, "car", stand, NULL, NOON - DAY), 1); /* the clock was set back */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(place_and_label),
        cmocka_unit_test(looks_help_where_place_does_not),
        cmocka_unit_test(hours_make_an_object_known_longer),
        cmocka_unit_test(the_living_are_known_by_place_and_looks),
        cmocka_unit_test(two_never_share_one),
        cmocka_unit_test(forgotten_when_gone_old_or_crowded_out),
        cmocka_unit_test(everything_shifts_with_the_camera),
        cmocka_unit_test(it_survives_a_restart),
        cmocka_unit_test(what_makes_no_sense_is_left_out),
        cmocka_unit_test(saved_when_it_is_worth_it),
        cmocka_unit_test(without_wall_time_nothing_ages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
