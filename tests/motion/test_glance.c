/* Edge maps against the plainest way of making and comparing them: vector code must not tell. */
#include "test.h"

#include "motion/glance.h"

#include <math.h>
#include <stdlib.h>

#define WIDTH  (2 * GLANCE_WIDTH)
#define HEIGHT (2 * GLANCE_HEIGHT)

static uint32_t random_from(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

/* A frame of which libyuv makes exactly the small picture: every pixel twice across. */
static struct frame *frame_of(uint8_t small[HEIGHT][WIDTH], uint32_t seed, int smooth)
{
    struct frame *f = frame_alloc(2 * WIDTH, HEIGHT);
    assert_non_null(f);
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            int v = smooth ? 16 + (x * 7 + y * 3) % 200 : (int)(random_from(&seed) & 255);
            small[y][x] = (uint8_t)v;
            memset(frame_plane_w(f, 0) + (ptrdiff_t)y * f->stride[0] + (ptrdiff_t)2 * x, v, 2);
        }
    for (int p = 1; p < 3; p++)
        memset(frame_plane_w(f, p), 128, (size_t)f->stride[p] * HEIGHT / 2);
    return f;
}

static int pixel(uint8_t small[HEIGHT][WIDTH], int x, int y)
{
    return small[CLAMP(y, 0, HEIGHT - 1)][CLAMP(x, 0, WIDTH - 1)];
}

/* Of one cell: the mean of its four pixels' doubled directions. */
static void plain_edge(uint8_t small[HEIGHT][WIDTH], int cx, int cy, int *ret_x, int *ret_y)
{
    int sum_x = 0, sum_y = 0;
    for (int k = 0; k < 4; k++) {
        int x = 2 * cx + (k & 1), y = 2 * cy + k / 2;
        int gx = pixel(small, x + 1, y) - pixel(small, x - 1, y);
        int gy = pixel(small, x, y + 1) - pixel(small, x, y - 1);
        float scale = 127.0f / (float)(gx * gx + gy * gy + 36);
        sum_x += (int)((float)(gx * gx - gy * gy) * scale);
        sum_y += (int)((float)(2 * gx * gy) * scale);
    }
    *ret_x = sum_x / 4;
    *ret_y = sum_y / 4;
}

static void edges_are_as_plainly_computed(void **state)
{
    (void)state;
    for (int smooth = 0; smooth < 2; smooth++) {
        uint8_t small[HEIGHT][WIDTH];
        AUTO(frame_unref) struct frame *f = frame_of(small, 7, smooth);
        AUTO(free_ptr) struct glance *g = NEW(struct glance);
        glance_take(g, f);
        for (int y = 0; y < GLANCE_HEIGHT; y++)
            for (int x = 0; x < GLANCE_WIDTH; x++) {
                int ex, ey;
                plain_edge(small, x, y, &ex, &ey);
                CHECK_INT(g->edges.x[y * GLANCE_STRIDE + x], ex);
                CHECK_INT(g->edges.y[y * GLANCE_STRIDE + x], ey);
            }
    }
}

/* What lies on what, one cell after another. */
static double plain_product(const struct edge_map *a, const struct edge_map *b, int dx, int dy)
{
    double sum = 0;
    for (int y = 0; y < GLANCE_HEIGHT; y++)
        for (int x = 0; x < GLANCE_WIDTH; x++) {
            int bx = x + dx, by = y + dy;
            if (bx < 0 || bx >= GLANCE_WIDTH || by < 0 || by >= GLANCE_HEIGHT)
                continue;
            int at = y * GLANCE_STRIDE + x, with = by * GLANCE_STRIDE + bx;
            sum += a->x[at] * b->x[with] + a->y[at] * b->y[with];
        }
    return sum;
}

static void likeness_is_as_plainly_computed(void **state)
{
    (void)state;
    static const int shifts[][2] = {{0, 0},  {1, 0},    {-1, 0},   {0, 1},   {0, -1},
                                    {10, 5}, {-10, -5}, {16, -16}, {-16, 16}};
    uint8_t small[HEIGHT][WIDTH];
    AUTO(free_ptr) struct glance *a = NEW(struct glance);
    AUTO(free_ptr) struct glance *b = NEW(struct glance);
    AUTO(frame_unref) struct frame *fa = frame_of(small, 1, 0);
    AUTO(frame_unref) struct frame *fb = frame_of(small, 2, 0);
    glance_take(a, fa);
    glance_take(b, fb);
    float norm = edges_norm(&a->edges, &b->edges);
    CHECK_NEAR(norm,
               sqrt(plain_product(&a->edges, &a->edges, 0, 0)) *
                   sqrt(plain_product(&b->edges, &b->edges, 0, 0)),
               norm * 1e-5);
    for (size_t i = 0; i < ARRAY_LEN(shifts); i++) {
        int dx = shifts[i][0], dy = shifts[i][1];
        double shared = (double)(GLANCE_WIDTH - abs(dx)) * (GLANCE_HEIGHT - abs(dy)) /
                        (GLANCE_WIDTH * GLANCE_HEIGHT);
        CHECK_NEAR(edges_likeness(&a->edges, &b->edges, norm, dx, dy),
                   plain_product(&a->edges, &b->edges, dx, dy) / norm / shared, 1e-5);
    }
    CHECK_NEAR(edges_likeness(&a->edges, &a->edges, edges_norm(&a->edges, &a->edges), 0, 0), 1,
               1e-5);
    struct edge_map none = {0};
    CHECK(edges_likeness(&a->edges, &none, edges_norm(&a->edges, &none), 0, 0) == 0);
}

static void tiles_add_up_to_the_map(void **state)
{
    (void)state;
    uint8_t small[HEIGHT][WIDTH];
    AUTO(free_ptr) struct glance *a = NEW(struct glance);
    AUTO(frame_unref) struct frame *f = frame_of(small, 3, 0);
    glance_take(a, f);
    struct edge_map upright, level;
    edges_split(&a->edges, &upright, &level);
    double sums[3] = {0};
    for (int i = 0; i < TILES; i++) {
        struct edge_sums s = edges_tile(&a->edges, &upright, i);
        sums[0] += s.aa, sums[1] += s.bb, sums[2] += s.ab;
    }
    CHECK_NEAR(sums[0], plain_product(&a->edges, &a->edges, 0, 0), 0);
    CHECK_NEAR(sums[1], plain_product(&upright, &upright, 0, 0), 0);
    CHECK_NEAR(sums[2], plain_product(&a->edges, &upright, 0, 0), 0);
    for (int i = 0; i < GLANCE_CELLS; i++) {
        int x = a->edges.x[i], y = a->edges.y[i];
        CHECK_INT(upright.x[i], 2 * x > -abs(y) ? x : 0);
        CHECK_INT(level.x[i], 2 * x < abs(y) ? x : 0);
        CHECK_INT(level.y[i] == y || upright.y[i] == y, 1);
    }
}

static void one_bit_is_another_picture(void **state)
{
    (void)state;
    uint8_t small[HEIGHT][WIDTH];
    AUTO(free_ptr) struct glance *g = NEW(struct glance);
    AUTO(frame_unref) struct frame *f = frame_of(small, 5, 0);
    glance_take(g, f);
    uint64_t before = g->hash;
    for (int i = 0; i < 2 * WIDTH; i += 13)
        for (int bit = 0; bit < 8; bit++) {
            uint8_t *at = frame_plane_w(f, 0) + (ptrdiff_t)(i % HEIGHT) * f->stride[0] + i;
            *at ^= (uint8_t)(1 << bit);
            glance_take(g, f);
            CHECK(g->hash != before);
            *at ^= (uint8_t)(1 << bit);
        }
    glance_take(g, f);
    CHECK(g->hash == before);
}

static void colour_and_black_level(void **state)
{
    (void)state;
    AUTO(frame_unref) struct frame *f = frame_alloc(640, 360);
    assert_non_null(f);
    AUTO(free_ptr) struct glance *g = NEW(struct glance);
    memset(frame_plane_w(f, 0), 50, (size_t)f->stride[0] * 360);
    for (int p = 1; p < 3; p++)
        memset(frame_plane_w(f, p), 128, (size_t)f->stride[p] * 180);
    glance_take(g, f);
    CHECK(g->mono);
    CHECK_NEAR(g->luma[TILES / 2], 34, 0.01);
    CHECK_NEAR(g->spread[0], 0, 0.01);
    CHECK_NEAR(g->fine[0], 0, 0);
    f->full_range = true;
    memset(frame_plane_w(f, 2) + (ptrdiff_t)60 * f->stride[2], 150, (size_t)f->stride[2] * 20);
    glance_take(g, f);
    CHECK(!g->mono);
    CHECK_NEAR(g->luma[0], 50, 0.01);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edges_are_as_plainly_computed),
        cmocka_unit_test(likeness_is_as_plainly_computed),
        cmocka_unit_test(tiles_add_up_to_the_map),
        cmocka_unit_test(one_bit_is_another_picture),
        cmocka_unit_test(colour_and_black_level),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
