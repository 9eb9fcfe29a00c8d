/* Pictures into tensors: where they lie, and what colour they are. */
#include "test.h"

#include "detect/letterbox.h"

#include <stdlib.h>

static void fits(void **state)
{
    (void)state;
    static const struct {
        int width, height, to_width, to_height;
        struct letterbox expected;
    } cases[] = {
        {640, 640, 640, 640, {640, 640, 0, 0, 640, 640}},
        {1920, 1080, 640, 640, {640, 640, 0, 140, 640, 360}},
        {1080, 1920, 640, 640, {640, 640, 140, 0, 360, 640}},
        {320, 240, 640, 640, {640, 640, 0, 80, 640, 480}},
        {640, 360, 640, 384, {640, 384, 0, 12, 640, 360}},
        {1921, 1081, 320, 320, {320, 320, 0, 70, 320, 180}},
        {1, 1, 320, 320, {320, 320, 0, 0, 320, 320}},
        {16384, 1, 320, 320, {320, 320, 0, 159, 320, 1}},
        {1, 16384, 320, 320, {320, 320, 159, 0, 1, 320}},
        {3, 1000, 640, 640, {640, 640, 319, 0, 2, 640}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct letterbox lb = letterbox_fit(cases[i].width, cases[i].height, cases[i].to_width,
                                            cases[i].to_height);
        if (memcmp(&lb, &cases[i].expected, sizeof lb) != 0)
            fail_msg("%dx%d: %dx%d at %d,%d", cases[i].width, cases[i].height, lb.scaled_width,
                     lb.scaled_height, lb.pad_x, lb.pad_y);
    }
}

static void unmap_is_the_inverse(void **state)
{
    (void)state;
    static const int sizes[][2] = {{640, 360}, {1920, 1080}, {1081, 1921}, {33, 77}, {704, 576}};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct letterbox lb = letterbox_fit(sizes[i][0], sizes[i][1], 640, 640);
        struct box b = {0.125f, 0.25f, 0.5f, 0.875f};
        float sx = (float)lb.scaled_width, sy = (float)lb.scaled_height;
        struct box back = letterbox_unmap(&lb, (float)lb.pad_x + b.x0 * sx,
                                          (float)lb.pad_y + b.y0 * sy, (float)lb.pad_x + b.x1 * sx,
                                          (float)lb.pad_y + b.y1 * sy);
        CHECK_NEAR(back.x0, b.x0, 1e-5);
        CHECK_NEAR(back.y0, b.y0, 1e-5);
        CHECK_NEAR(back.x1, b.x1, 1e-5);
        CHECK_NEAR(back.y1, b.y1, 1e-5);
        struct box all = letterbox_unmap(&lb, -1000, -1000, 10000, 10000);
        CHECK(all.x0 == 0 && all.y0 == 0 && all.x1 == 1 && all.y1 == 1);
    }
}

static struct frame *flat(int width, int height, uint8_t y, uint8_t u, uint8_t v)
{
    struct frame *f = frame_alloc(width, height);
    assert_non_null(f);
    const uint8_t values[3] = {y, u, v};
    for (int i = 0; i < 3; i++)
        memset(frame_plane_w(f, i), values[i],
               (size_t)f->stride[i] * (size_t)(i ? (height + 1) / 2 : height));
    return f;
}

static float *fill(const struct letterbox *lb, const struct frame *f, float *tensor)
{
    struct letterbox_scratch scratch = {0};
    CHECK(letterbox_fill(lb, f, tensor, &scratch));
    letterbox_scratch_done(&scratch);
    return tensor;
}

#define GREY (114 / 255.0)

/* Y, U and V as ITU-R BT.601 and BT.709 give them for pure colours. */
static void colours(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool bt709, full;
        uint8_t y, u, v;
        double r, g, b;
    } cases[] = {
        {"black", false, false, 16, 128, 128, 0, 0, 0},
        {"white", false, false, 235, 128, 128, 1, 1, 1},
        {"red", false, false, 81, 90, 240, 1, 0, 0},
        {"green", false, false, 145, 54, 34, 0, 1, 0},
        {"blue", false, false, 41, 240, 110, 0, 0, 1},
        {"black", true, false, 16, 128, 128, 0, 0, 0},
        {"white", true, false, 235, 128, 128, 1, 1, 1},
        {"red", true, false, 63, 102, 240, 1, 0, 0},
        {"green", true, false, 173, 42, 26, 0, 1, 0},
        {"blue", true, false, 32, 240, 118, 0, 0, 1},
        {"black", false, true, 0, 128, 128, 0, 0, 0},
        {"white", false, true, 255, 128, 128, 1, 1, 1},
        {"red", false, true, 76, 85, 255, 1, 0, 0},
        {"green", false, true, 150, 44, 21, 0, 1, 0},
        {"blue", false, true, 29, 255, 107, 0, 0, 1},
        {"red", true, true, 54, 99, 255, 1, 0, 0},
        {"green", true, true, 182, 30, 12, 0, 1, 0},
        {"blue", true, true, 18, 255, 116, 0, 0, 1},
        {"blacker than black", false, false, 0, 128, 128, 0, 0, 0},
        {"whiter than white", false, false, 255, 128, 128, 1, 1, 1},
    };
    static const int sizes[][2] = {{64, 64}, {640, 360}, {33, 17}, {7, 96}};
    AUTO(free_ptr) float *tensor = xcalloc((size_t)3 * 64 * 64, sizeof(float));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t k = 0; k < ARRAY_LEN(sizes); k++) {
            AUTO(frame_unref)
            struct frame *f = flat(sizes[k][0], sizes[k][1], cases[i].y, cases[i].u, cases[i].v);
            f->bt709 = cases[i].bt709;
            f->full_range = cases[i].full;
            struct letterbox lb = letterbox_fit(f->width, f->height, 64, 64);
            fill(&lb, f, tensor);
            const double expected[3] = {cases[i].r, cases[i].g, cases[i].b};
            for (int c = 0; c < 3; c++)
                for (int y = lb.pad_y; y < lb.pad_y + lb.scaled_height; y++)
                    for (int x = lb.pad_x; x < lb.pad_x + lb.scaled_width; x++) {
                        double got = tensor[(c * 64 + y) * 64 + x];
                        if (!(got >= expected[c] - 0.01 && got <= expected[c] + 0.01))
                            fail_msg("%s (709 %d, full %d), %dx%d: channel %d at %d,%d is %g",
                                     cases[i].name, cases[i].bt709, cases[i].full, f->width,
                                     f->height, c, x, y, got);
                    }
        }
}

/* Every size of picture leaves grey around it and nothing outside of it; the same memory serves
 * them one after the other. */
static void margins_are_grey_whatever_was_there(void **state)
{
    (void)state;
    static const int sizes[][2] = {{1, 1},   {2, 2},   {3, 1000}, {1000, 3},  {320, 240}, {97, 64},
                                   {64, 97}, {99, 99}, {65, 63},  {1921, 77}, {96, 96}};
    enum { W = 96, H = 64, GUARD = 16 };
    size_t floats = (size_t)3 * W * H;
    AUTO(free_ptr) float *memory = xcalloc(floats + 2 * GUARD, sizeof(float));
    for (size_t i = 0; i < floats + 2 * GUARD; i++)
        memory[i] = -7;
    float *tensor = memory + GUARD;
    struct letterbox_scratch scratch = {0};
    for (size_t k = 0; k < ARRAY_LEN(sizes); k++) {
        AUTO(frame_unref) struct frame *f = flat(sizes[k][0], sizes[k][1], 235, 128, 128);
        struct letterbox lb = letterbox_fit(f->width, f->height, W, H);
        CHECK(letterbox_fill(&lb, f, tensor, &scratch));
        for (int c = 0; c < 3; c++)
            for (int y = 0; y < H; y++)
                for (int x = 0; x < W; x++) {
                    bool inside = x >= lb.pad_x && x < lb.pad_x + lb.scaled_width &&
                                  y >= lb.pad_y && y < lb.pad_y + lb.scaled_height;
                    double got = tensor[(c * H + y) * W + x];
                    double expected = inside ? 1 : GREY;
                    if (!(got >= expected - 0.01 && got <= expected + 0.01))
                        fail_msg("%dx%d: channel %d at %d,%d is %g", f->width, f->height, c, x, y,
                                 got);
                }
        for (int i = 0; i < GUARD; i++)
            CHECK(memory[i] == -7 && tensor[floats + (size_t)i] == -7);
    }
    letterbox_scratch_done(&scratch);
    CHECK(!scratch.pixels && scratch.bytes == 0);
}

/* Each pixel where it belongs, chroma included, when nothing has to be scaled. */
static void pixels_keep_their_places(void **state)
{
    (void)state;
    AUTO(frame_unref) struct frame *f = flat(31, 32, 16, 128, 128);
    frame_plane_w(f, 0)[5 * f->stride[0] + 30] = 235;
    frame_plane_w(f, 2)[4 * f->stride[2] + 3] = 240;
    struct letterbox lb = letterbox_fit(31, 32, 32, 32);
    AUTO(free_ptr) float *tensor = xcalloc((size_t)3 * 32 * 32, sizeof(float));
    fill(&lb, f, tensor);
    CHECK_INT(lb.pad_x, 0);
    for (int y = 0; y < 32; y++)
        for (int x = 0; x < 31; x++) {
            bool white = x == 30 && y == 5;
            bool red = x / 2 == 3 && y / 2 == 4;
            CHECK_NEAR(tensor[y * 32 + x], white ? 1 : red ? 0.7 : 0, 0.01);
            CHECK_NEAR(tensor[(64 + y) * 32 + x], white ? 1 : 0, 0.01);
        }
}

/* Waves of different lengths, so that no two parts of the picture are alike. */
static struct frame *waves(int width, int height)
{
    struct frame *f = frame_alloc(width, height);
    assert_non_null(f);
    for (int i = 0; i < 3; i++)
        for (int y = 0; y < (i ? (height + 1) / 2 : height); y++)
            for (int x = 0; x < (i ? (width + 1) / 2 : width); x++)
                frame_plane_w(f, i)[y * f->stride[i] + x] =
                    (uint8_t)(30 + (x * (7 + i) + y * (11 + 2 * i)) % 190);
    return f;
}

/* The crop as a picture of its own. */
static struct frame *copy_of(const struct frame *f, const struct crop *crop)
{
    struct frame *copy = frame_alloc(crop->width, crop->height);
    assert_non_null(copy);
    copy->bt709 = f->bt709;
    for (int i = 0; i < 3; i++) {
        int half = i > 0;
        for (int y = 0; y < (crop->height + half) >> half; y++)
            memcpy(frame_plane_w(copy, i) + (ptrdiff_t)y * copy->stride[i],
                   f->plane[i] + (ptrdiff_t)((crop->y >> half) + y) * f->stride[i] +
                       (crop->x >> half),
                   (size_t)((crop->width + half) >> half));
    }
    return copy;
}

/* A part gives the same tensor, to the bit, as a picture that is nothing but that part. */
static void a_part_is_a_picture(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct crop crop;
    } cases[] = {
        {"the size of the tensor", {100, 60, 64, 64}},
        {"larger", {2, 4, 150, 150}},
        {"exactly three times as large", {50, 8, 192, 192}},
        {"wide", {0, 100, 333, 71}},
        {"to the odd corner", {200, 150, 133, 71}},
        {"smaller", {30, 30, 20, 40}},
        {"all of it", {0, 0, 333, 221}},
    };
    AUTO(frame_unref) struct frame *f = waves(333, 221);
    f->bt709 = true;
    enum { SIDE = 64, FLOATS = 3 * SIDE * SIDE };
    AUTO(free_ptr) float *part = xcalloc(FLOATS, sizeof(float));
    AUTO(free_ptr) float *expected = xcalloc(FLOATS, sizeof(float));
    struct letterbox_scratch scratch = {0};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct crop *crop = &cases[i].crop;
        AUTO(frame_unref) struct frame *copy = copy_of(f, crop);
        struct letterbox lb = letterbox_fit(crop->width, crop->height, SIDE, SIDE);
        CHECK(letterbox_fill_crop(&lb, f, crop, part, &scratch));
        fill(&lb, copy, expected);
        if (memcmp(part, expected, FLOATS * sizeof(float)) != 0)
            fail_msg("%s: differs from a picture of its own", cases[i].name);
    }
    letterbox_scratch_done(&scratch);
}

/* A brightness that grows with x says, in the tensor, from which column each pixel was taken. */
static void pixels_of_a_part_keep_their_centres(void **state)
{
    (void)state;
    static const struct crop crops[] = {
        {100, 20, 128, 128}, {40, 40, 80, 80}, {20, 0, 200, 150}, {60, 30, 96, 96}};
    enum { SIDE = 64 };
    AUTO(frame_unref) struct frame *f = flat(256, 160, 0, 128, 128);
    f->full_range = true;
    for (int y = 0; y < f->height; y++)
        for (int x = 0; x < f->width; x++)
            frame_plane_w(f, 0)[y * f->stride[0] + x] = (uint8_t)x;
    AUTO(free_ptr) float *tensor = xcalloc((size_t)3 * SIDE * SIDE, sizeof(float));
    for (size_t i = 0; i < ARRAY_LEN(crops); i++) {
        struct letterbox lb = letterbox_fit(crops[i].width, crops[i].height, SIDE, SIDE);
        struct letterbox_scratch scratch = {0};
        CHECK(letterbox_fill_crop(&lb, f, &crops[i], tensor, &scratch));
        letterbox_scratch_done(&scratch);
        double step = (double)crops[i].width / lb.scaled_width;
        for (int x = 2; x < lb.scaled_width - 2; x++) {
            double centre = crops[i].x + (x + 0.5) * step - 0.5;
            CHECK_NEAR(255 * tensor[SIDE / 2 * SIDE + lb.pad_x + x], centre, 1);
        }
    }
}

static void crops(void **state)
{
    (void)state;
    static const struct {
        struct box region;
        struct crop expected;
    } cases[] = {
        {{0, 0, 1, 1}, {0, 0, 1921, 1081}},
        {{320 / 1921.0f, 320 / 1081.0f, 640 / 1921.0f, 640 / 1081.0f}, {320, 320, 320, 320}},
        {{321.5f / 1921, 321 / 1081.0f, 640 / 1921.0f, 640.2f / 1081}, {320, 320, 320, 321}},
        {{0.9999f, 0.9999f, 1, 1}, {1920, 1080, 1, 1}},
        {{-1, -1, 2, 2}, {0, 0, 1921, 1081}},
        {{1, 1, 1, 1}, {1920, 1080, 1, 1}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct crop crop = crop_of(cases[i].region, 1921, 1081);
        if (memcmp(&crop, &cases[i].expected, sizeof crop) != 0)
            fail_msg("case %zu: %d,%d %dx%d", i, crop.x, crop.y, crop.width, crop.height);
        struct box all = crop_unmap(&crop, 1921, 1081, BOX_WHOLE);
        CHECK_NEAR(all.x0 * 1921, crop.x, 0.01);
        CHECK_NEAR(all.y0 * 1081, crop.y, 0.01);
        CHECK_NEAR(all.x1 * 1921, crop.x + crop.width, 0.01);
        CHECK_NEAR(all.y1 * 1081, crop.y + crop.height, 0.01);
    }
}

/* What was planned in whole pixels is cropped to those, whatever the picture's size. */
static void crops_of_whole_pixels_are_exact(void **state)
{
    (void)state;
    static const int widths[] = {768, 1280, 1920, 1921, 2592, 3840};
    for (size_t i = 0; i < ARRAY_LEN(widths); i++)
        for (int x = 0; x + 320 <= widths[i]; x += 2) {
            float w = (float)widths[i];
            struct box region = {(float)x / w, 0, (float)(x + 320) / w, 1};
            struct crop crop = crop_of(region, widths[i], 100);
            if (crop.x != x || crop.width != 320)
                fail_msg("%d of %d: %d px at %d", x, widths[i], crop.width, crop.x);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fits),
        cmocka_unit_test(unmap_is_the_inverse),
        cmocka_unit_test(colours),
        cmocka_unit_test(margins_are_grey_whatever_was_there),
        cmocka_unit_test(pixels_keep_their_places),
        cmocka_unit_test(a_part_is_a_picture),
        cmocka_unit_test(pixels_of_a_part_keep_their_centres),
        cmocka_unit_test(crops),
        cmocka_unit_test(crops_of_whole_pixels_are_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
