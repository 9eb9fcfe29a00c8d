/* The motion gate on painted pictures: what opens it, what does not, and for how long. */
#include "test.h"

#include "motion/motion.h"

#include <stdlib.h>

#define FPS  10
#define STEP (US_PER_S / FPS)

/* One camera's gate, and a picture to paint on. */
struct gate {
    struct motion_conf conf;
    struct motion *motion;
    struct frame *frame;
    struct motion_result result;
    uint64_t random;
};

static struct gate gate_of(int width, int height)
{
    struct gate g = {.random = 88172645463325252u};
    opt_defaults(&motion_section, &g.conf);
    g.frame = frame_alloc(width, height);
    assert_non_null(g.frame);
    return g;
}

static void gate_done(struct gate *g)
{
    motion_free(&g->motion);
    frame_unref(&g->frame);
    opt_free(&motion_section, &g->conf);
}

static void paint(struct gate *g, struct box box, int luma)
{
    struct frame *f = g->frame;
    uint8_t *y = frame_plane_w(f, 0);
    int x0 = (int)(box.x0 * (float)f->width), x1 = (int)(box.x1 * (float)f->width);
    for (int row = (int)(box.y0 * (float)f->height); row < (int)(box.y1 * (float)f->height); row++)
        memset(y + (ptrdiff_t)row * f->stride[0] + x0, luma, (size_t)MAX(x1 - x0, 0));
}

static const struct box whole = {0, 0, 1, 1};

static void add_noise(struct gate *g, int amplitude)
{
    struct frame *f = g->frame;
    uint8_t *y = frame_plane_w(f, 0);
    for (int row = 0; row < f->height; row++)
        for (int x = 0; x < f->width; x++) {
            g->random ^= g->random << 13, g->random ^= g->random >> 7, g->random ^= g->random << 17;
            int v = y[row * f->stride[0] + x] + (int)(g->random % (2 * (unsigned)amplitude + 1)) -
                    amplitude;
            y[row * f->stride[0] + x] = (uint8_t)CLAMP(v, 0, 255);
        }
}

static const struct motion_result *push(struct gate *g)
{
    if (!g->motion)
        g->motion = motion_new(&g->conf);
    motion_push(g->motion, g->frame, false, &g->result);
    g->frame->pts_us += STEP;
    return &g->result;
}

/* Shows the same picture for so long. */
static const struct motion_result *rest(struct gate *g, double s)
{
    for (int i = 0; i < (int)(s * FPS); i++)
        push(g);
    return &g->result;
}

/* Learns an even picture until the gate has closed. */
static void settle(struct gate *g, int luma)
{
    paint(g, whole, luma);
    rest(g, 5);
    CHECK(!g->result.active);
}

static void the_first_picture_is_worth_a_look(void **state)
{
    (void)state;
    struct gate g = gate_of(320, 240);
    paint(&g, whole, 80);
    int64_t start_us = g.frame->pts_us;
    CHECK(push(&g)->active);
    CHECK(!g.result.lighting && g.result.box_count == 0 && g.result.area == 0);
    /* Then the gate closes when its hold is over, to the picture. */
    while (push(&g)->active)
        CHECK(g.frame->pts_us < start_us + 10 * US_PER_S);
    CHECK_INT(g.frame->pts_us - STEP, start_us + g.conf.hold_us + STEP);
    gate_done(&g);
}

static void off_means_always_look(void **state)
{
    (void)state;
    struct gate g = gate_of(320, 240);
    g.conf.enabled = false;
    CHECK(rest(&g, 20)->active);
    gate_done(&g);
}

static void what_moves_opens_the_gate(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        float width, height;
        int luma;
    } cases[] = {
        {"large and bright", 0.2f, 0.4f, 220},
        {"dark", 0.1f, 0.2f, 20},
        {"a person far away: a tenth of the height", 0.03f, 0.1f, 130},
        {"20 steps brighter", 0.1f, 0.2f, 100},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct gate g = gate_of(640, 360);
        settle(&g, 80);
        for (int k = 0; k < 20; k++) {
            float x = 0.1f + 0.03f * (float)k;
            struct box at = {x, 0.3f, x + cases[i].width, 0.3f + cases[i].height};
            paint(&g, whole, 80);
            paint(&g, at, cases[i].luma);
            const struct motion_result *r = push(&g);
            if (!r->active || r->lighting || r->box_count < 1)
                fail_msg("%s: active %d, lighting %d, %d boxes", cases[i].name, r->active,
                         r->lighting, r->box_count);
            struct box b = r->boxes[0];
            if (box_intersection(b, at) < 0.8f * box_area(at))
                fail_msg("%s: box %g,%g-%g,%g is not around %g,%g-%g,%g", cases[i].name, b.x0, b.y0,
                         b.x1, b.y1, at.x0, at.y0, at.x1, at.y1);
            CHECK(b.x1 <= at.x1 + 0.1f && b.y0 >= at.y0 - 0.1f && b.y1 <= at.y1 + 0.1f);
            CHECK(r->area > 0 && r->area < 0.5f);
        }
        gate_done(&g);
    }
}

static void too_small_or_too_faint_does_not(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        float width, height;
        int luma;
    } cases[] = {
        {"13 of 14 steps", 0.2f, 0.2f, 93},
        {"an insect: three by three cells", 0.009f, 0.016f, 250},
        {"nothing", 0, 0, 80},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct gate g = gate_of(640, 360);
        settle(&g, 80);
        for (int k = 0; k < 30; k++) {
            float x = 0.02f * (float)k;
            paint(&g, whole, 80);
            paint(&g, (struct box){x, 0.3f, x + cases[i].width, 0.3f + cases[i].height},
                  cases[i].luma);
            if (push(&g)->active || g.result.box_count)
                fail_msg("%s: active at step %d", cases[i].name, k);
        }
        gate_done(&g);
    }
}

static void two_things_are_two_boxes_largest_first(void **state)
{
    (void)state;
    struct gate g = gate_of(640, 360);
    settle(&g, 80);
    struct box small = {0.1f, 0.1f, 0.2f, 0.2f}, large = {0.6f, 0.5f, 0.9f, 0.9f};
    paint(&g, small, 200);
    paint(&g, large, 200);
    const struct motion_result *r = push(&g);
    CHECK_INT(r->box_count, 2);
    CHECK(box_iou(r->boxes[0], large) > 0.7f);
    CHECK(box_iou(r->boxes[1], small) > 0.3f);
    gate_done(&g);
}

/* A chess board of movement has more patches than there is room for. */
static void more_patches_than_room(void **state)
{
    (void)state;
    struct gate g = gate_of(640, 360);
    settle(&g, 80);
    for (int y = 0; y < 5; y++)
        for (int x = 0; x < 9; x++) {
            float x0 = 0.02f + 0.11f * (float)x, y0 = 0.02f + 0.19f * (float)y;
            paint(&g, (struct box){x0, y0, x0 + 0.04f, y0 + 0.06f}, 200);
        }
    CHECK_INT(push(&g)->box_count, MOTION_BOXES_MAX);
    CHECK(g.result.active);
    gate_done(&g);
}

static void masks_hide_their_place_only(void **state)
{
    (void)state;
    struct gate g = gate_of(640, 360);
    struct mask_conf left = {"left", {4, {{0, 0}, {0.5f, 0}, {0.5f, 1}, {0, 1}}}};
    g.conf.masks = (struct opt_map){1, &left};
    paint(&g, whole, 80);
    rest(&g, 5);
    for (int k = 0; k < 100; k++) {
        paint(&g, (struct box){0, 0, 0.49f, 1}, k % 2 ? 30 : 230); /* a flag, a busy road */
        CHECK(!push(&g)->active);
    }
    /* The other half is as watchful as ever: 20 steps, though the masked half flickers by 200. */
    paint(&g, (struct box){0.6f, 0.3f, 0.8f, 0.6f}, 100);
    const struct motion_result *r = push(&g);
    CHECK(r->active && r->box_count == 1 && r->boxes[0].x0 >= 0.5f);
    CHECK_NEAR(r->area, 2 * 0.2 * 0.3, 0.03); /* of what is not masked */
    g.conf.masks = (struct opt_map){0};
    gate_done(&g);
}

static void everything_masked_is_quiet(void **state)
{
    (void)state;
    struct gate g = gate_of(640, 360);
    struct mask_conf all = {"all", {4, {{0, 0}, {1, 0}, {1, 1}, {0, 1}}}};
    g.conf.masks = (struct opt_map){1, &all};
    paint(&g, whole, 80);
    rest(&g, 5);
    paint(&g, whole, 200);
    CHECK(!push(&g)->active && !g.result.lighting && g.result.area == 0);
    g.conf.masks = (struct opt_map){0};
    gate_done(&g);
}

/* Sensor noise at night: every pixel by itself, by up to 24 steps either way, pictures not scaled
 * down (so that nothing averages it out). */
static void noise_alone_does_not_open_the_gate(void **state)
{
    (void)state;
    static const int amplitudes[] = {4, 12, 24};
    for (size_t i = 0; i < ARRAY_LEN(amplitudes); i++) {
        struct gate g = gate_of(320, 180);
        for (int k = 0; k < 300; k++) {
            paint(&g, whole, 60);
            add_noise(&g, amplitudes[i]);
            push(&g);
            if (k > 100 && g.result.active)
                fail_msg("noise of %d: active after %d pictures", amplitudes[i], k);
        }
        /* Somebody in it still does. */
        for (int k = 0; k < 5; k++) {
            paint(&g, whole, 60);
            float x = 0.3f + 0.03f * (float)k;
            paint(&g, (struct box){x, 0.2f, x + 0.1f, 0.8f}, 200);
            add_noise(&g, amplitudes[i]);
            CHECK(push(&g)->active && g.result.box_count >= 1);
        }
        gate_done(&g);
    }
}

static void a_light_switch_is_no_movement(void **state)
{
    (void)state;
    struct gate g = gate_of(640, 360);
    settle(&g, 40);
    paint(&g, whole, 160);
    const struct motion_result *r = push(&g);
    CHECK(r->active && r->lighting && r->box_count == 0);
    int64_t switched_us = g.frame->pts_us - STEP;
    while (push(&g)->active) {
        CHECK(!r->lighting && r->box_count == 0);
        CHECK(g.frame->pts_us < switched_us + 5 * US_PER_S);
    }
    /* Under the new light it sees as before. */
    paint(&g, (struct box){0.4f, 0.4f, 0.6f, 0.8f}, 60);
    CHECK(push(&g)->active && r->box_count == 1 && !r->lighting);
    gate_done(&g);
}

/* Dawn: two steps of brightness a second. */
static void light_that_drifts_is_no_movement(void **state)
{
    (void)state;
    struct gate g = gate_of(320, 180);
    settle(&g, 40);
    for (int k = 0; k < 80 * FPS; k++) {
        paint(&g, whole, 40 + 2 * k / FPS);
        if (push(&g)->active || g.result.lighting)
            fail_msg("active after %d s", k / FPS);
    }
    gate_done(&g);
}

/* Whoever stands still is still looked at for half a minute; what stays becomes background. */
static void what_stays_is_absorbed(void **state)
{
    (void)state;
    struct gate g = gate_of(640, 360);
    settle(&g, 80);
    paint(&g, (struct box){0.4f, 0.3f, 0.5f, 0.8f}, 140);
    int64_t arrived_us = g.frame->pts_us;
    while (push(&g)->active)
        CHECK(g.frame->pts_us < arrived_us + 90 * US_PER_S);
    int64_t gone_us = g.frame->pts_us - arrived_us;
    if (gone_us < 25 * US_PER_S || gone_us > 65 * US_PER_S)
        fail_msg("absorbed after %g s", (double)gone_us / 1e6);
    CHECK(!rest(&g, 30)->active);
    /* Leaving is movement again. */
    paint(&g, whole, 80);
    CHECK(push(&g)->active && g.result.box_count == 1);
    gate_done(&g);
}

static void hold_is_counted_from_the_last_change(void **state)
{
    (void)state;
    struct gate g = gate_of(640, 360);
    g.conf.hold_us = 500 * US_PER_MS;
    settle(&g, 80);
    paint(&g, (struct box){0.4f, 0.3f, 0.5f, 0.8f}, 140);
    push(&g);
    paint(&g, whole, 80);
    int active = 0;
    while (push(&g)->active && active < 100)
        active++;
    CHECK_INT(active, 5);
    gate_done(&g);
}

static void a_gap_starts_afresh(void **state)
{
    (void)state;
    struct gate g = gate_of(640, 360);
    settle(&g, 80);
    /* Somebody moved the camera while it was away. */
    paint(&g, (struct box){0, 0, 0.4f, 1}, 200);
    g.frame->pts_us += 3600 * US_PER_S;
    motion_push(g.motion, g.frame, true, &g.result);
    CHECK(g.result.active && !g.result.lighting && g.result.box_count == 0);
    g.frame->pts_us += STEP;
    CHECK(!rest(&g, 5)->active);
    gate_done(&g);
}

static void stamps_that_go_back_or_far_ahead(void **state)
{
    (void)state;
    struct gate g = gate_of(320, 180);
    settle(&g, 80);
    static const int64_t jumps_us[] = {-1000000, 0, 1, 86400 * US_PER_S, -86400 * US_PER_S};
    for (size_t i = 0; i < ARRAY_LEN(jumps_us); i++) {
        g.frame->pts_us += jumps_us[i];
        push(&g);
        CHECK(g.result.box_count == 0 && !g.result.lighting);
    }
    gate_done(&g);
}

/* The same camera may also change its picture's size. */
static void odd_sizes(void **state)
{
    (void)state;
    static const int sizes[][2] = {{1, 1},       {2, 1}, {3, 1000},  {1000, 3},  {320, 240},
                                   {1921, 1081}, {7, 5}, {16384, 1}, {1, 16384}, {320, 240}};
    struct gate g = gate_of(64, 64);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        int64_t pts_us = g.frame->pts_us;
        frame_unref(&g.frame);
        g.frame = frame_alloc(sizes[i][0], sizes[i][1]);
        assert_non_null(g.frame);
        g.frame->pts_us = pts_us;
        settle(&g, 80);
        for (int k = 0; k < 5; k++) {
            paint(&g, whole, 80);
            paint(&g, (struct box){0.1f * (float)k, 0.2f, 0.1f * (float)k + 0.4f, 0.7f}, 200);
            push(&g);
            for (int b = 0; b < g.result.box_count; b++) {
                struct box at = g.result.boxes[b];
                CHECK(at.x0 >= 0 && at.y0 >= 0 && at.x0 < at.x1 && at.y0 < at.y1 && at.x1 <= 1 &&
                      at.y1 <= 1);
            }
            if (MIN(sizes[i][0], sizes[i][1]) >= 240)
                CHECK(g.result.active && g.result.box_count >= 1);
        }
    }
    gate_done(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_picture_is_worth_a_look),
        cmocka_unit_test(off_means_always_look),
        cmocka_unit_test(what_moves_opens_the_gate),
        cmocka_unit_test(too_small_or_too_faint_does_not),
        cmocka_unit_test(two_things_are_two_boxes_largest_first),
        cmocka_unit_test(more_patches_than_room),
        cmocka_unit_test(masks_hide_their_place_only),
        cmocka_unit_test(everything_masked_is_quiet),
        cmocka_unit_test(noise_alone_does_not_open_the_gate),
        cmocka_unit_test(a_light_switch_is_no_movement),
        cmocka_unit_test(light_that_drifts_is_no_movement),
        cmocka_unit_test(what_stays_is_absorbed),
        cmocka_unit_test(hold_is_counted_from_the_last_change),
        cmocka_unit_test(a_gap_starts_afresh),
        cmocka_unit_test(stamps_that_go_back_or_far_ahead),
        cmocka_unit_test(odd_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
