/* The painter: how much of a pixel a shape covers, where it stops, and what it remembers. */
#include "test.h"

#include "capture/scene/paint.h"

#include <math.h>
#include <stdlib.h>

enum { WIDTH = 64, HEIGHT = 48 };

struct board {
    uint8_t pixels[WIDTH * HEIGHT * 3 / 2];
    uint8_t owner[WIDTH * HEIGHT];
    struct canvas canvas;
};

static void board_clear(struct board *b)
{
    memset(b, 0, sizeof *b);
    uint8_t *p = b->pixels;
    b->canvas = (struct canvas){
        .width = WIDTH,
        .height = HEIGHT,
        .plane = {p, p + WIDTH * HEIGHT, p + WIDTH * HEIGHT * 5 / 4},
        .stride = {WIDTH, WIDTH / 2, WIDTH / 2},
        .owner = b->owner,
        .id = 9,
    };
    canvas_clean(&b->canvas);
}

static const struct paint full = {255, 255, 255, 255};

/* Painted area in pixels, by the brightness that came onto the black canvas. */
static double area(const struct board *b, int plane)
{
    int count = plane ? WIDTH * HEIGHT / 4 : WIDTH * HEIGHT;
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += b->canvas.plane[plane][i];
    return sum / 255 * (plane ? 4.0 : 1.0);
}

static void edges_cover_their_share_of_a_pixel(void **state)
{
    (void)state;
    static const struct {
        float x0, y0, x1, y1;
        int luma, chroma; /* of the pixel at (10, 10) */
    } cases[] = {
        {10, 10, 11, 11, 255, 63},       {10, 10, 12, 12, 255, 255},
        {10.5f, 10, 12, 12, 127, 191},   {10, 10.5f, 12, 12, 127, 191},
        {10.5f, 10.5f, 12, 12, 63, 143}, {11, 10, 12, 12, 0, 127},
        {10, 10, 10.25f, 11, 63, 15},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct board b;
        board_clear(&b);
        paint_rect(&b.canvas, cases[i].x0, cases[i].y0, cases[i].x1, cases[i].y1, full);
        CHECK_NEAR(b.canvas.plane[0][10 * WIDTH + 10], cases[i].luma, 2);
        CHECK_NEAR(b.canvas.plane[1][5 * b.canvas.stride[1] + 5], cases[i].chroma, 2);
        CHECK_INT(b.canvas.plane[0][10 * WIDTH + 9], 0);
        CHECK_INT(b.canvas.plane[0][9 * WIDTH + 10], 0);
    }
}

static void shapes_have_their_area(void **state)
{
    (void)state;
    struct board b;
    board_clear(&b);
    paint_ellipse(&b.canvas, (struct point){30.3f, 20.7f}, 14, 9, full);
    CHECK_NEAR(area(&b, 0), 3.1416 * 14 * 9, 10); /* 20 corners: a little less than round */
    CHECK_NEAR(area(&b, 1), area(&b, 0), 6);
    board_clear(&b);
    paint_capsule(&b.canvas, (struct point){20, 20}, (struct point){40, 30}, 3, 3, full);
    CHECK_NEAR(area(&b, 0), 2 * 3 * sqrt(500) + 3.1416 * 9, 4);
    board_clear(&b);
    struct point triangle[] = {{8, 40}, {40, 40}, {8, 8}};
    paint_polygon(&b.canvas, triangle, 3, paint_fade(full, 0.5f));
    CHECK_NEAR(area(&b, 0), 256, 6);
}

static void what_is_outside_is_cut_off(void **state)
{
    (void)state;
    static const struct {
        float x0, y0, x1, y1;
        double area;
    } cases[] = {
        {-50, -50, 200, 200, WIDTH * HEIGHT},
        {-10, 4, 3, 6, 6},
        {WIDTH - 2, 4, 9000, 6, 4},
        {4, -1e6f, 6, 3, 6},
        {4, HEIGHT - 1, 6, 1e6f, 2},
        {-9, -9, -1, -1, 0},
        {WIDTH, 0, WIDTH + 5, 5, 0},
        {5, HEIGHT, 9, HEIGHT + 9, 0},
        {7, 7, 7, 7, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct board b;
        board_clear(&b);
        paint_rect(&b.canvas, cases[i].x0, cases[i].y0, cases[i].x1, cases[i].y1, full);
        CHECK_NEAR(area(&b, 0), cases[i].area, 0.1);
    }
}

static void owners_and_dirt_are_noted(void **state)
{
    (void)state;
    struct board b;
    board_clear(&b);
    paint_rect(&b.canvas, 10.6f, 10, 20, 20, paint_fade(full, 0.4f));
    CHECK_INT(b.owner[12 * WIDTH + 12], 0); /* a shadow owns nothing */
    paint_rect(&b.canvas, 10.6f, 10, 20.6f, 20, full);
    CHECK_INT(b.owner[12 * WIDTH + 10], 0); /* less than half of it */
    CHECK_INT(b.owner[12 * WIDTH + 11], 9);
    CHECK_INT(b.owner[12 * WIDTH + 20], 9);
    CHECK_INT(b.owner[20 * WIDTH + 15], 0);
    struct rect d = b.canvas.dirty;
    CHECK(d.x0 <= 10 && d.x1 >= 21 && d.y0 == 10 && d.y1 == 20 && d.x1 <= 24);
    struct board clean;
    board_clear(&clean);
    canvas_copy(&b.canvas, &clean.canvas, d);
    CHECK_NEAR(area(&b, 0) + area(&b, 1) + area(&b, 2), 0, 0);
}

static void colours(void **state)
{
    (void)state;
    struct paint white = paint_rgb(0xffffff), red = paint_rgb(0xff0000);
    CHECK_NEAR(white.y, 235, 1);
    CHECK_NEAR(white.u, 128, 1);
    CHECK_NEAR(red.y, 81, 1);
    CHECK_NEAR(red.u, 90, 1);
    CHECK_NEAR(red.v, 240, 1);
    CHECK_NEAR(paint_light(red, 0).y, 16, 0);
    CHECK_NEAR(paint_light(white, 9).y, 235, 0);
    CHECK_NEAR(paint_mix(white, red, 0.5f).y, 158, 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(edges_cover_their_share_of_a_pixel),
        cmocka_unit_test(shapes_have_their_area),
        cmocka_unit_test(what_is_outside_is_cut_off),
        cmocka_unit_test(owners_and_dirt_are_noted),
        cmocka_unit_test(colours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
