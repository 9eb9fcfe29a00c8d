/* Looking at pictures part by part, with a detector that sees nothing but the part it is given. */
#include "test.h"

#include "detect/looker.h"
#include "double/detector.h"

#include <stdlib.h>

#define WIDTH  320
#define HEIGHT 240
#define LOOK   (200 * US_PER_MS)

struct fixture {
    struct fake_clock clock;
    struct detector *detector;
    struct looker *looker;
    struct looked looked;
    struct err err;
};

static void begin(struct fixture *f, const char *model, const char *regions, int cameras)
{
    thread_set_role(ROLE_DETECT);
    *f = (struct fixture){0};
    fake_clock_init(&f->clock, 0, 0);
    struct detect_conf conf;
    opt_defaults(&detect_section, &conf);
    STR_COPY(conf.model, model);
    conf.regions = strcmp(regions, "off") == 0 ? REGIONS_OFF : REGIONS_AUTO;
    CHECK(detector_open(&conf, &detector_tiled, &f->detector, NULL));
    f->looker = looker_new(f->detector, cameras, &f->clock.clock);
}

static void end(struct fixture *f)
{
    looker_free(&f->looker);
    CHECK(!f->looker);
    looker_free(&f->looker);
    detector_close(&f->detector);
    thread_set_role(ROLE_NONE);
}

/* A dark picture with one bright patch, or none where it has no width. */
static struct observation *picture(int camera, int64_t at_us, int x, int y, int w, int h)
{
    struct observation *o = observation_new(camera);
    o->pts_us = at_us;
    o->frame = frame_alloc(WIDTH, HEIGHT);
    assert_non_null(o->frame);
    for (int row = y; row < y + h; row++)
        memset(frame_plane_w(o->frame, 0) + (ptrdiff_t)row * o->frame->stride[0] + x, 220,
               (size_t)w);
    o->analyse = true;
    return o;
}

static void moves(struct observation *o, int x, int y, int w, int h)
{
    o->motion.boxes[o->motion.box_count++] = (struct box){
        (float)x / WIDTH, (float)y / HEIGHT, (float)(x + w) / WIDTH, (float)(y + h) / HEIGHT};
}

static void look(struct fixture *f, struct observation *o)
{
    looker_look(f->looker, &o, 1, &f->looked, &f->err);
}

static void check_box(const struct observation *o, int x, int y, int w, int h)
{
    CHECK(o->analysed);
    CHECK_INT(o->detections.count, 1);
    struct box b = o->detections.items[0].box;
    CHECK_NEAR(b.x0 * WIDTH, x, 0.01);
    CHECK_NEAR(b.y0 * HEIGHT, y, 0.01);
    CHECK_NEAR(b.x1 * WIDTH, x + w, 0.01);
    CHECK_NEAR(b.y1 * HEIGHT, y + h, 0.01);
}

static void warm_up(struct fixture *f)
{
    AUTO(observation_free) struct observation *o = picture(0, US_PER_S, 0, 0, 0, 0);
    look(f, o);
    CHECK_INT(o->looked_count, 1);
    CHECK_INT(o->detections.count, 0);
    CHECK_INT(f->looked.regions, 0);
}

static void a_part_is_enough(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "", "auto", 1);
    warm_up(&f);
    AUTO(observation_free)
    struct observation *o = picture(0, US_PER_S + LOOK, 200, 150, 20, 30);
    moves(o, 200, 150, 16, 16);
    look(&f, o);
    check_box(o, 200, 150, 20, 30);
    CHECK_INT(o->looked_count, 1);
    CHECK(box_area(o->looked[0]) < 0.1f);
    CHECK_INT(f.looked.inferences, 1);
    CHECK_INT(f.looked.regions, 1);
    CHECK_INT(f.looked.runs, 1);
    end(&f);
}

static void without_regions_it_is_always_all(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "", "off", 1);
    warm_up(&f);
    AUTO(observation_free)
    struct observation *o = picture(0, US_PER_S + LOOK, 200, 150, 20, 30);
    moves(o, 200, 150, 16, 16);
    look(&f, o);
    check_box(o, 200, 150, 20, 30);
    CHECK_INT(o->looked_count, 1);
    CHECK_NEAR(box_area(o->looked[0]), 1, 0);
    end(&f);
}

/* Half of somebody is nobody: another part shows all of it, in the same look. */
static void what_a_part_cuts_is_looked_at_again(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "", "auto", 1);
    warm_up(&f);
    AUTO(observation_free)
    struct observation *o = picture(0, US_PER_S + LOOK, 100, 60, 30, 70);
    moves(o, 100, 60, 16, 16);
    look(&f, o);
    check_box(o, 100, 60, 30, 70);
    CHECK_INT(o->looked_count, 2);
    CHECK_INT(f.looked.inferences, 2);
    CHECK_INT(f.looked.runs, 2);
    end(&f);
}

/* What no part showed whole is no finding, but the next look begins with it. */
static void what_stays_cut_is_found_next_time(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "", "auto", 1);
    warm_up(&f);
    struct observation *o = picture(0, US_PER_S + LOOK, 10, 4, 40, 200);
    moves(o, 10, 4, 8, 8);
    look(&f, o);
    CHECK(o->analysed);
    CHECK_INT(o->detections.count, 0);
    observation_free(&o);
    int looks = 0;
    for (; looks < 3; looks++) {
        o = picture(0, US_PER_S + (2 + looks) * LOOK, 10, 4, 40, 200);
        moves(o, 10, 4, 8, 8);
        look(&f, o);
        bool found = o->detections.count == 1;
        if (found)
            check_box(o, 10, 4, 40, 200);
        observation_free(&o);
        if (found)
            break;
    }
    CHECK(looks < 3);
    end(&f);
}

/* Two patches of motion and a look at all: three looks, one run of a model that takes three. */
static void one_frames_looks_share_a_run(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "", "auto", 1);
    AUTO(observation_free) struct observation *o = picture(0, US_PER_S, 10, 10, 20, 20);
    moves(o, 10, 10, 20, 20);
    moves(o, 280, 200, 20, 20);
    look(&f, o);
    check_box(o, 10, 10, 20, 20);
    CHECK_INT(o->looked_count, 3);
    CHECK_INT(f.looked.inferences, 3);
    CHECK_INT(f.looked.regions, 2);
    CHECK_INT(f.looked.runs, 1);
    end(&f);
}

static void cameras_share_runs_and_nothing_else(void **state)
{
    (void)state;
    enum { CAMERAS = TILE_BATCH };
    struct fixture f;
    begin(&f, "", "auto", CAMERAS);
    CHECK_INT(looker_room(f.looker), TILE_BATCH);
    for (int round = 0; round < 5; round++) {
        struct observation *list[CAMERAS];
        for (int i = 0; i < CAMERAS; i++) {
            int x = 20 + 80 * i + 4 * round;
            list[i] = picture(i, US_PER_S + round * LOOK, x, 50, 20, 20 + 10 * i);
            moves(list[i], x, 50, 20, 20);
        }
        looker_look(f.looker, list, CAMERAS, &f.looked, &f.err);
        CHECK_INT(f.looked.failed, 0);
        CHECK_INT(f.looked.runs, round == 0 ? 2 : 1);
        for (int i = 0; i < CAMERAS; i++) {
            check_box(list[i], 20 + 80 * i + 4 * round, 50, 20, 20 + 10 * i);
            CHECK_INT(list[i]->looked_count, round == 0 ? 2 : 1);
            observation_free(&list[i]);
        }
    }
    /* An interruption of one is none of the others. */
    looker_forget(f.looker, 1);
    struct observation *list[CAMERAS];
    for (int i = 0; i < CAMERAS; i++) {
        list[i] = picture(i, US_PER_S + 5 * LOOK, 20 + 80 * i, 50, 20, 20);
        moves(list[i], 20 + 80 * i, 50, 20, 20);
    }
    looker_look(f.looker, list, CAMERAS, &f.looked, &f.err);
    for (int i = 0; i < CAMERAS; i++) {
        CHECK_INT(list[i]->looked_count, i == 1 ? 2 : 1);
        observation_free(&list[i]);
    }
    end(&f);
}

/* What failed was not looked at: its absence says nothing. */
static void a_failed_run_is_no_look(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "fail", "auto", 1);
    AUTO(observation_free) struct observation *o = picture(0, US_PER_S, 200, 150, 20, 30);
    look(&f, o);
    CHECK(!o->analysed);
    CHECK_INT(o->looked_count, 0);
    CHECK_INT(o->detections.count, 0);
    CHECK_INT(f.looked.failed, 1);
    CHECK_INT(f.looked.inferences, 0);
    CHECK_CONTAINS(f.err.msg, "told to fail");
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_part_is_enough),
        cmocka_unit_test(without_regions_it_is_always_all),
        cmocka_unit_test(what_a_part_cuts_is_looked_at_again),
        cmocka_unit_test(what_stays_cut_is_found_next_time),
        cmocka_unit_test(one_frames_looks_share_a_run),
        cmocka_unit_test(cameras_share_runs_and_nothing_else),
        cmocka_unit_test(a_failed_run_is_no_look),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
