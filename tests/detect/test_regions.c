/* Where to look: the pure planner, on pictures of 1920x1080 and a model of 320x320. */
#include "test.h"

#include "detect/regions.h"

#include <stdlib.h>

#define WIDTH  1920
#define HEIGHT 1080
#define SIDE   320
#define LOOK   (200 * US_PER_MS)

struct fixture {
    struct regions regions;
    struct frame *frame;
    struct observation *now; /* the look at hand */
    struct box boxes[LOOKED_MAX];
    int count;
};

static struct box px(float x, float y, float w, float h)
{
    return (struct box){x / WIDTH, y / HEIGHT, (x + w) / WIDTH, (y + h) / HEIGHT};
}

static void begin(struct fixture *f, int parts_max)
{
    *f = (struct fixture){.frame = frame_alloc(WIDTH, HEIGHT), .now = observation_new(0)};
    assert_non_null(f->frame);
    f->now->frame = f->frame;
    regions_init(&f->regions, &(struct regions_params){.width = SIDE,
                                                       .height = SIDE,
                                                       .worth = 1.5f,
                                                       .parts_max = parts_max,
                                                       .whole_every_us = 5 * US_PER_S});
}

static void end(struct fixture *f)
{
    observation_free(&f->now); /* with its frame */
}

static void plan(struct fixture *f, int64_t at_us)
{
    f->now->pts_us = at_us;
    f->count = regions_plan(&f->regions, f->now, f->boxes);
    CHECK(f->count >= 1 && f->count <= LOOKED_MAX);
}

/* The look has run and found these. */
static void learn(struct fixture *f, const struct box *found, int count, float score)
{
    f->now->analysed = true;
    f->now->looked_count = f->count;
    memcpy(f->now->looked, f->boxes, sizeof f->boxes);
    f->now->detections.count = count;
    for (int i = 0; i < count; i++) {
        f->now->detections.items[i] = (struct detection){.box = found[i], .score = score};
        STR_COPY(f->now->detections.items[i].label, "person");
    }
    regions_learn(&f->regions, f->now, NULL, 0);
}

static void moves(struct fixture *f, const struct box *boxes, int count)
{
    f->now->motion.active = true;
    f->now->motion.box_count = count;
    for (int i = 0; i < count; i++)
        f->now->motion.boxes[i] = boxes[i];
}

static bool is_whole(struct box b)
{
    return b.x0 == 0 && b.y0 == 0 && b.x1 == 1 && b.y1 == 1;
}

static bool inside(struct box outer, struct box inner)
{
    return inner.x0 >= outer.x0 && inner.y0 >= outer.y0 && inner.x1 <= outer.x1 &&
           inner.y1 <= outer.y1;
}

/* Of the model's shape, no smaller than its input, within the picture. */
static void check_square(struct box b)
{
    CHECK(inside(BOX_WHOLE, b));
    float w = box_width(b) * WIDTH;
    float h = box_height(b) * HEIGHT;
    CHECK(w >= SIDE - 0.5f && h >= SIDE - 0.5f);
    CHECK_NEAR(w, h, 2.1);
}

static int64_t first_look(struct fixture *f, const struct box *found, int count)
{
    plan(f, US_PER_S);
    learn(f, found, count, 0.9f);
    return US_PER_S;
}

static void the_first_look_sees_all(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 2);
    struct box moved = px(600, 400, 60, 120);
    moves(&f, &moved, 1);
    plan(&f, 0);
    CHECK_INT(f.count, 2);
    CHECK(is_whole(f.boxes[0]));
    check_square(f.boxes[1]);
    CHECK(inside(f.boxes[1], moved));
    end(&f);
}

static void then_parts_around_what_moves_and_what_was_found(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        float moved[4], found[4]; /* no width: none */
        int count;
    } cases[] = {
        {"nothing at all", {0}, {0}, 1},
        {"motion in the middle", {900, 500, 80, 60}, {0}, 1},
        {"motion in the corner", {1900, 1060, 20, 20}, {0}, 1},
        {"motion at the origin", {0, 0, 30, 30}, {0}, 1},
        {"somebody where it moves", {900, 500, 80, 160}, {890, 480, 100, 200}, 1},
        {"somebody near it", {900, 500, 80, 60}, {1000, 480, 80, 200}, 1},
        {"somebody far away", {100, 100, 80, 60}, {1700, 800, 80, 200}, 2},
        {"somebody large", {0}, {700, 300, 200, 500}, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture f;
        begin(&f, 2);
        const float *m = cases[i].moved, *d = cases[i].found;
        struct box moved = px(m[0], m[1], m[2], m[3]), found = px(d[0], d[1], d[2], d[3]);
        first_look(&f, &found, d[2] > 0);
        moves(&f, &moved, m[2] > 0);
        plan(&f, US_PER_S + LOOK);
        if (f.count != cases[i].count)
            fail_msg("%s: %d looks", cases[i].name, f.count);
        if (m[2] == 0 && d[2] == 0) {
            CHECK(is_whole(f.boxes[0]));
        } else {
            bool shows_moved = m[2] == 0;
            bool shows_found = d[2] == 0;
            for (int k = 0; k < f.count; k++) {
                check_square(f.boxes[k]);
                shows_moved |= m[2] > 0 && inside(f.boxes[k], moved);
                shows_found |= d[2] > 0 && inside(f.boxes[k], found);
            }
            if (!shows_moved || !shows_found)
                fail_msg("%s: not shown whole", cases[i].name);
        }
        end(&f);
    }
}

/* A part has room around a thing, so that it is not cut when it has moved on. */
static void it_is_expected_where_it_goes(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 2);
    int64_t at_us = first_look(&f, &(struct box){0}, 0);
    struct box found = BOX_WHOLE;
    for (int i = 0; i < 6; i++) {
        found = px(300 + 80 * (float)i, 400, 80, 200); /* 400 px a second */
        plan(&f, at_us += LOOK);
        learn(&f, &found, 1, 0.9f);
    }
    plan(&f, at_us + LOOK);
    CHECK_INT(f.count, 1);
    CHECK(inside(f.boxes[0], px(780, 400, 80, 200)));
    CHECK(inside(f.boxes[0], px(700, 400, 80, 200)));
    /* Nobody is so fast that one look without it takes the part beyond both. */
    plan(&f, at_us + 3 * LOOK);
    CHECK(inside(f.boxes[0], px(900, 400, 80, 200)));
    end(&f);
}

static void who_is_lost_is_looked_for(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        float score;
        int64_t step_us; /* from look to look */
        int looks;       /* without it, before it is given up */
    } cases[] = {
        {"sure", 0.9f, LOOK, 10},
        {"sure, and rarely looked for", 0.9f, US_PER_S, 3},
        {"never sure", 0.3f, LOOK, 1},
    };
    struct box there = px(900, 500, 80, 200), elsewhere = px(100, 100, 80, 60);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture f;
        begin(&f, 2);
        plan(&f, US_PER_S);
        learn(&f, &there, 1, cases[i].score);
        moves(&f, &elsewhere, 1);
        int looks = 0;
        int64_t step_us = cases[i].step_us;
        for (int64_t at_us = US_PER_S + step_us; at_us < 6 * US_PER_S; at_us += step_us) {
            plan(&f, at_us);
            if (f.count < 2)
                break;
            looks++;
            learn(&f, NULL, 0, 0);
        }
        if (looks != cases[i].looks)
            fail_msg("%s: looked for %d times", cases[i].name, looks);
        end(&f);
    }
}

/* A parked car costs no look of its own while somebody walks about elsewhere. */
static void what_rests_is_looked_at_now_and_then(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 2);
    struct box car = px(1500, 700, 300, 150), walker = px(100, 100, 80, 200);
    const struct box both[] = {car, walker};
    int alone = 0, with_car = 0, whole = 0;
    for (int64_t at_us = US_PER_S; at_us < 21 * US_PER_S; at_us += LOOK) {
        moves(&f, &walker, 1);
        plan(&f, at_us);
        bool shown = false;
        for (int k = 0; k < f.count; k++)
            shown |= inside(f.boxes[k], car) && !is_whole(f.boxes[k]);
        whole += is_whole(f.boxes[0]);
        if (at_us > 6 * US_PER_S) {
            with_car += shown;
            alone += !shown;
        }
        learn(&f, both, shown || is_whole(f.boxes[0]) ? 2 : 1, 0.9f);
    }
    CHECK_INT(whole, 4);
    CHECK_INT(with_car, 2); /* each with a look at all */
    CHECK(alone > 60);
    /* When something moves there, it is looked at again at once. */
    const struct box moved[] = {walker, px(1550, 720, 60, 60)};
    moves(&f, moved, 2);
    plan(&f, 21 * US_PER_S);
    bool shown = false;
    for (int k = 0; k < f.count; k++)
        shown |= inside(f.boxes[k], car);
    CHECK(shown);
    end(&f);
}

static void all_of_it_on_a_schedule_and_after_silence(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t pause_us;
        bool gap, lighting, still;
        bool whole;
    } cases[] = {
        {"soon", LOOK, false, false, false, false},
        {"after a pause", 1500 * US_PER_MS, false, false, false, true},
        {"on schedule", 5 * US_PER_S, false, false, false, true},
        {"after an interruption", LOOK, true, false, false, true},
        {"the light has changed", LOOK, false, true, false, true},
        {"a picture of its own", LOOK, false, false, true, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture f;
        begin(&f, 2);
        struct box moved = px(900, 500, 80, 60);
        int64_t at_us = first_look(&f, NULL, 0);
        moves(&f, &moved, 1);
        f.now->gap = cases[i].gap;
        f.now->still = cases[i].still;
        f.now->motion.lighting = cases[i].lighting;
        plan(&f, at_us + cases[i].pause_us);
        if (is_whole(f.boxes[0]) != cases[i].whole)
            fail_msg("%s: %s", cases[i].name, cases[i].whole ? "not whole" : "whole");
        if (cases[i].still)
            CHECK_INT(f.count, 1);
        end(&f);
    }
}

/* However much goes on, a look has its limit, and everything is in it. */
static void many_places_cost_no_more_than_allowed(void **state)
{
    (void)state;
    for (int parts_max = 0; parts_max < LOOKED_MAX; parts_max++) {
        struct fixture f;
        begin(&f, parts_max);
        struct box boxes[MOTION_BOXES_MAX];
        for (int i = 0; i < MOTION_BOXES_MAX; i++)
            boxes[i] = px((float)(i % 4) * 500, (float)(i / 4) * 300, 40, 40);
        int64_t at_us = first_look(&f, boxes, MOTION_BOXES_MAX);
        moves(&f, boxes, MOTION_BOXES_MAX);
        plan(&f, at_us + LOOK);
        CHECK(f.count <= parts_max + 1);
        for (int i = 0; i < MOTION_BOXES_MAX; i++) {
            bool shown = false;
            for (int k = 0; k < f.count; k++)
                shown |= inside(f.boxes[k], boxes[i]);
            CHECK(shown);
        }
        end(&f);
    }
}

/* No look at parts where it would show no more. */
static void small_pictures_are_seen_whole(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int width, height, side;
        bool parts;
    } cases[] = {
        {"1080p at 320", 1920, 1080, 320, true}, {"1080p at 640", 1920, 1080, 640, true},
        {"432p at 320", 768, 432, 320, true},    {"432p at 640", 768, 432, 640, false},
        {"no model", 1920, 1080, 0, false},      {"tiny", 160, 120, 320, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture f;
        begin(&f, 2);
        frame_unref(&f.now->frame);
        f.now->frame = frame_alloc(cases[i].width, cases[i].height);
        f.regions.params.width = f.regions.params.height = cases[i].side;
        first_look(&f, NULL, 0);
        struct box moved = {0.5f, 0.5f, 0.55f, 0.6f};
        moves(&f, &moved, 1);
        plan(&f, US_PER_S + LOOK);
        if (is_whole(f.boxes[0]) == cases[i].parts)
            fail_msg("%s", cases[i].name);
        end(&f);
    }
}

static void what_was_cut_is_shown_whole(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 2);
    first_look(&f, NULL, 0);
    struct cut cut = {.box = px(900, 500, 100, 120), .bottom = true};
    struct box wide = regions_widen(&f.regions, f.frame, &cut, 1);
    check_square(wide);
    CHECK(inside(wide, px(900, 500, 100, 240)));
    cut = (struct cut){.box = px(200, 100, 1000, 900), .bottom = true, .right = true};
    CHECK(is_whole(regions_widen(&f.regions, f.frame, &cut, 1)));
    /* And once more at the next look, when it still was. */
    cut = (struct cut){.box = px(900, 500, 100, 120), .bottom = true};
    plan(&f, US_PER_S + LOOK);
    f.now->analysed = true;
    regions_learn(&f.regions, f.now, &cut, 1);
    plan(&f, US_PER_S + 2 * LOOK);
    CHECK_INT(f.count, 1);
    CHECK(!is_whole(f.boxes[0]) && inside(f.boxes[0], px(900, 500, 100, 240)));
    end(&f);
}

/* Whatever a model says, there is room. */
static void a_crowd_fits(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 3);
    struct box boxes[DETECTIONS_MAX];
    for (int i = 0; i < DETECTIONS_MAX; i++)
        boxes[i] = px((float)(i % 20) * 95, (float)(i / 20) * 200, 40, 80);
    first_look(&f, boxes, DETECTIONS_MAX);
    CHECK_INT(f.regions.spot_count, REGION_SPOTS_MAX);
    moves(&f, boxes, MOTION_BOXES_MAX);
    plan(&f, US_PER_S + LOOK);
    regions_forget(&f.regions);
    CHECK_INT(f.regions.spot_count, 0);
    plan(&f, US_PER_S + LOOK);
    CHECK(is_whole(f.boxes[0]));
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_look_sees_all),
        cmocka_unit_test(then_parts_around_what_moves_and_what_was_found),
        cmocka_unit_test(it_is_expected_where_it_goes),
        cmocka_unit_test(who_is_lost_is_looked_for),
        cmocka_unit_test(what_rests_is_looked_at_now_and_then),
        cmocka_unit_test(all_of_it_on_a_schedule_and_after_silence),
        cmocka_unit_test(many_places_cost_no_more_than_allowed),
        cmocka_unit_test(small_pictures_are_seen_whole),
        cmocka_unit_test(what_was_cut_is_shown_whole),
        cmocka_unit_test(a_crowd_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
