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

/* A key frame seen alone, two seconds after the last. */
static const struct motion_result *push_key(struct gate *g)
{
    if (!g->motion)
        g->motion = motion_new(&g->conf);
    g->frame->pts_us += 2 * US_PER_S;
    motion_push_key(g->motion, g->frame, &g->result);
    return &g->result;
}

static void settle_keys(struct gate *g, int luma)
{
    paint(g, whole, luma);
    CHECK(push_key(g)->active);
    for (int i = 0; i < 10; i++)
        CHECK(!push_key(g)->active);
}

static void key_frames_are_compared_more_sharply(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct box at;
        int luma;
        bool key, push; /* who sees it */
    } cases[] = {
        {"a person", {0.4f, 0.3f, 0.5f, 0.7f}, 160, true, true},
        {"8 of 14 steps", {0.4f, 0.3f, 0.5f, 0.7f}, 88, true, false},
        {"6 of 14 steps", {0.4f, 0.3f, 0.5f, 0.7f}, 86, false, false},
        {"eight cells of two blocks", {0.0126f, 0, 0.0376f, 0.0112f}, 160, true, false},
        {"nothing", {0, 0, 0, 0}, 80, false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct gate g = gate_of(640, 360);
        settle_keys(&g, 80);
        AUTO(motion_free) struct motion *other = motion_copy(g.motion);
        paint(&g, cases[i].at, cases[i].luma);
        if (push_key(&g)->active != cases[i].key || (g.result.box_count > 0) != cases[i].key)
            fail_msg("%s, key: active %d, %d boxes", cases[i].name, g.result.active,
                     g.result.box_count);
        motion_push(other, g.frame, false, &g.result);
        if (g.result.active != cases[i].push)
            fail_msg("%s, push: active %d", cases[i].name, g.result.active);
        gate_done(&g);
    }
}

static void a_key_frame_holds_nothing_open(void **state)
{
    (void)state;
    struct gate g = gate_of(640, 360);
    settle_keys(&g, 80);
    paint(&g, (struct box){0.4f, 0.3f, 0.5f, 0.7f}, 160);
    CHECK(push_key(&g)->active);
    paint(&g, whole, 80);
    CHECK(!push(&g)->active);
    paint(&g, (struct box){0.4f, 0.3f, 0.5f, 0.7f}, 160);
    CHECK(push(&g)->active);
    paint(&g, whole, 80);
    CHECK(push(&g)->active);
    CHECK(!push_key(&g)->active);
    gate_done(&g);
}

/* Somebody came after the last key frame: the frames in between are decoded after all. */
static void decoding_back_finds_it_again(void **state)
{
    (void)state;
    struct gate g = gate_of(640, 360);
    settle_keys(&g, 80);
    struct box at = {0.4f, 0.3f, 0.5f, 0.7f};
    paint(&g, at, 100);
    CHECK(push_key(&g)->active);
    int64_t key_us = g.frame->pts_us;
    g.frame->pts_us = key_us - 2 * US_PER_S;
    paint(&g, whole, 80);
    while (g.frame->pts_us < key_us)
        CHECK(!push(&g)->active);
    paint(&g, at, 100);
    CHECK(push(&g)->active && g.result.box_count == 1);
    gate_done(&g);
}

/* Faint, but new: looked at once. It does not become news again while it is being learned. */
static void what_is_left_behind_is_news_once(void **state)
{
    (void)state;
    struct gate g = gate_of(640, 360);
    settle_keys(&g, 80);
    paint(&g, (struct box){0.4f, 0.3f, 0.5f, 0.7f}, 92);
    CHECK(push_key(&g)->active);
    for (int i = 0; i < 30; i++)
        CHECK(!push_key(&g)->active);
    /* What motion_push sees, it sees until it is learned. */
    paint(&g, (struct box){0.6f, 0.3f, 0.7f, 0.7f}, 160);
    for (int i = 0; i < 10; i++)
        CHECK(push_key(&g)->active);
    for (int i = 0; i < 40; i++)
        push_key(&g);
    CHECK(!g.result.active);
    gate_done(&g);
}

static void a_tree_in_the_wind_is_no_news(void **state)
{
    (void)state;
    struct gate g = gate_of(640, 360);
    settle_keys(&g, 80);
    struct box tree = {0.1f, 0.1f, 0.4f, 0.5f};
    for (int i = 0; i < 100; i++) {
        paint(&g, tree, i % 2 ? 74 : 86);
        if (push_key(&g)->active && i > 50)
            fail_msg("active at key frame %d", i);
    }
    /* Elsewhere it is as watchful as ever, and a person shows before the tree. */
    AUTO(motion_free) struct motion *same = motion_copy(g.motion);
    paint(&g, (struct box){0.6f, 0.1f, 0.7f, 0.5f}, 90);
    CHECK(push_key(&g)->active && g.result.box_count == 1 && g.result.boxes[0].x0 > 0.5f);
    paint(&g, whole, 80);
    paint(&g, (struct box){0.2f, 0.2f, 0.25f, 0.4f}, 110);
    motion_push_key(same, g.frame, &g.result);
    CHECK(g.result.active && g.result.box_count == 1 && g.result.boxes[0].x1 < 0.4f);
    gate_done(&g);
}

static void noise_of_key_frames_is_learned(void **state)
{
    (void)state;
    static const int amplitudes[] = {4, 12, 24};
    for (size_t i = 0; i < ARRAY_LEN(amplitudes); i++) {
        struct gate g = gate_of(320, 180);
        int active = 0;
        for (int k = 0; k < 300; k++) {
            paint(&g, whole, 60);
            add_noise(&g, amplitudes[i]);
            active += push_key(&g)->active && k >= 50;
        }
        if (active > 0)
            fail_msg("noise of %d: %d of 250 active", amplitudes[i], active);
        paint(&g, (struct box){0.3f, 0.2f, 0.4f, 0.8f}, 200);
        CHECK(push_key(&g)->active);
        gate_done(&g);
    }
}

static void key_frames_know_light_and_masks(void **state)
{
    (void)state;
    struct gate g = gate_of(640, 360);
    struct mask_conf left = {"left", {4, {{0, 0}, {0.5f, 0}, {0.5f, 1}, {0, 1}}}};
    g.conf.masks = (struct opt_map){1, &left};
    settle_keys(&g, 40);
    paint(&g, (struct box){0, 0, 0.49f, 1}, 230);
    CHECK(!push_key(&g)->active);
    paint(&g, whole, 160);
    CHECK(push_key(&g)->active && g.result.lighting && g.result.box_count == 0);
    CHECK(!push_key(&g)->active && !g.result.lighting);
    g.conf.enabled = false;
    CHECK(push_key(&g)->active && g.result.area == 0);
    g.conf.masks = (struct opt_map){0};
    gate_done(&g);
}

static void a_copy_goes_its_own_way(void **state)
{
    (void)state;
    AUTO(motion_free) struct motion *blank = NULL;
    struct gate g = gate_of(1920, 1080);
    struct motion *fresh = motion_new(&g.conf);
    blank = motion_copy(fresh);
    motion_free(&fresh);
    settle(&g, 80);
    AUTO(motion_free) struct motion *copy = motion_copy(g.motion);
    paint(&g, (struct box){0.4f, 0.3f, 0.5f, 0.7f}, 160);
    struct motion_result theirs;
    for (int i = 0; i < 20; i++) {
        motion_push(copy, g.frame, false, &theirs);
        push(&g);
        CHECK(memcmp(&theirs, &g.result, sizeof theirs) == 0);
    }
    for (int i = 0; i < 1200; i++)
        push(&g);
    CHECK(!g.result.active);
    motion_push(copy, g.frame, false, &theirs);
    CHECK(theirs.active && theirs.box_count == 1);
    motion_free(&g.motion);
    motion_push(copy, g.frame, false, &theirs);
    motion_push(blank, g.frame, false, &theirs);
    CHECK(theirs.active && theirs.box_count == 0);
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
        cmocka_unit_test(key_frames_are_compared_more_sharply),
        cmocka_unit_test(a_key_frame_holds_nothing_open),
        cmocka_unit_test(decoding_back_finds_it_again),
        cmocka_unit_test(what_is_left_behind_is_news_once),
        cmocka_unit_test(a_tree_in_the_wind_is_no_news),
        cmocka_unit_test(noise_of_key_frames_is_learned),
        cmocka_unit_test(key_frames_know_light_and_masks),
        cmocka_unit_test(a_copy_goes_its_own_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
