/* picture: colours come out of the JPEG as they went in, drawing stays on the copy and inside it.
 */
#include "test.h"

#include "model/picture.h"

#include <stdlib.h>
#include <turbojpeg.h>

static struct frame *plain(int width, int height, uint8_t y, uint8_t u, uint8_t v)
{
    struct frame *f = frame_alloc(width, height);
    CHECK(f != NULL);
    int half_rows = (height + 1) / 2;
    memset(frame_plane_w(f, 0), y, (size_t)f->stride[0] * (size_t)height);
    memset(frame_plane_w(f, 1), u, (size_t)f->stride[1] * (size_t)half_rows);
    memset(frame_plane_w(f, 2), v, (size_t)f->stride[2] * (size_t)half_rows);
    return f;
}

/* The RGB of the middle pixel after a way through picture_jpeg and a decoder. */
static void through_jpeg(const struct frame *f, uint8_t ret_rgb[3])
{
    AUTO(free_ptr) uint8_t *jpeg = NULL;
    size_t bytes;
    struct err err = {0};
    if (!picture_jpeg(f, 90, &jpeg, &bytes, &err))
        fail_msg("%s", err.msg);
    tjhandle handle = tjInitDecompress();
    int width, height, sampling, space;
    CHECK_INT(tjDecompressHeader3(handle, jpeg, bytes, &width, &height, &sampling, &space), 0);
    CHECK_INT(width, f->width);
    CHECK_INT(height, f->height);
    CHECK_INT(sampling, TJSAMP_420);
    AUTO(free_ptr) uint8_t *rgb = xcalloc((size_t)width * (size_t)height, 3);
    CHECK_INT(tjDecompress2(handle, jpeg, bytes, rgb, width, width * 3, height, TJPF_RGB, 0), 0);
    memcpy(ret_rgb, rgb + ((size_t)(height / 2) * (size_t)width + (size_t)(width / 2)) * 3, 3);
    tjDestroy(handle);
}

static void colours_survive_range_and_matrix(void **state)
{
    (void)state;
    static const struct {
        bool full_range, bt709;
        uint8_t y, u, v;
        int r, g, b;
    } cases[] = {
        {false, false, 16, 128, 128, 0, 0, 0}, /* video black is black, not dark grey */
        {false, false, 235, 128, 128, 255, 255, 255}, {false, true, 16, 128, 128, 0, 0, 0},
        {false, true, 235, 128, 128, 255, 255, 255},  {true, false, 0, 128, 128, 0, 0, 0},
        {true, false, 255, 128, 128, 255, 255, 255},  {true, true, 255, 128, 128, 255, 255, 255},
        {false, false, 81, 90, 240, 255, 0, 0}, /* pure red in each form */
        {false, true, 63, 102, 240, 255, 0, 0},       {true, false, 76, 85, 255, 255, 0, 0},
        {true, true, 54, 99, 255, 255, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(frame_unref) struct frame *f = plain(33, 17, cases[i].y, cases[i].u, cases[i].v);
        f->full_range = cases[i].full_range;
        f->bt709 = cases[i].bt709;
        uint8_t rgb[3];
        through_jpeg(f, rgb);
        CHECK_NEAR(rgb[0], cases[i].r, 4);
        CHECK_NEAR(rgb[1], cases[i].g, 4);
        CHECK_NEAR(rgb[2], cases[i].b, 4);
    }
}

static void scaled_keeps_proportions_and_stamps(void **state)
{
    (void)state;
    static const struct {
        int width, height, max_width, expected_width, expected_height;
    } cases[] = {
        {1920, 1080, 1280, 1280, 720},
        {640, 480, 1280, 640, 480},
        {101, 51, 50, 50, 25},
        {4000, 2, 10, 10, 1},
        {7, 7, 1, 1, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(frame_unref) struct frame *f = plain(cases[i].width, cases[i].height, 90, 100, 200);
        f->pts_us = 77;
        f->bt709 = true;
        AUTO(frame_unref) struct frame *small = picture_scaled(f, cases[i].max_width);
        CHECK(small != NULL);
        CHECK_INT(small->width, cases[i].expected_width);
        CHECK_INT(small->height, cases[i].expected_height);
        CHECK_INT(small->pts_us, 77);
        CHECK(small->bt709);
        /* The filter rounds down. */
        CHECK_NEAR(small->plane[0][0], 90, 1);
        CHECK_NEAR(small->plane[1][0], 100, 1);
        CHECK_NEAR(small->plane[2][0], 200, 1);
    }
}

static void cropped_holds_the_part(void **state)
{
    (void)state;
    static const struct {
        struct box box;
        int width, height, first; /* luma of the top left pixel: its column */
    } cases[] = {
        {{0.25f, 0.25f, 0.5f, 0.75f}, 16, 32, 16},
        {{0, 0, 1, 1}, 64, 64, 0},
        {{1, 1, 1, 1}, 2, 2, 62},
        {{-3, -3, 9, 9}, 64, 64, 0},
        {{0.5f, 0.5f, 0.5f, 0.5f}, 2, 2, 32},
    };
    AUTO(frame_unref) struct frame *f = plain(64, 64, 0, 128, 128);
    for (int y = 0; y < 64; y++)
        for (int x = 0; x < 64; x++)
            frame_plane_w(f, 0)[y * f->stride[0] + x] = (uint8_t)x;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(frame_unref) struct frame *part = picture_cropped(f, cases[i].box);
        CHECK(part != NULL);
        CHECK_INT(part->width, cases[i].width);
        CHECK_INT(part->height, cases[i].height);
        CHECK_INT(part->plane[0][0], cases[i].first);
    }
}

static int64_t luma_sum(const struct frame *f)
{
    int64_t sum = 0;
    for (int y = 0; y < f->height; y++)
        for (int x = 0; x < f->width; x++)
            sum += f->plane[0][y * f->stride[0] + x];
    return sum;
}

static void boxes_are_drawn_on_a_copy(void **state)
{
    (void)state;
    AUTO(frame_unref) struct frame *f = plain(640, 480, 128, 128, 128);
    int64_t before = luma_sum(f);
    const struct picture_box boxes[] = {
        {{0.25f, 0.5f, 0.75f, 0.9f}, "person 93 %", KIND_PERSON},
        {{0.1f, 0.1f, 0.2f, 0.2f}, NULL, KIND_ANIMAL},
    };
    AUTO(frame_unref) struct frame *drawn = picture_annotated(f, boxes, 2);
    CHECK(drawn != NULL);
    CHECK_INT(luma_sum(f), before);
    const uint8_t *luma = drawn->plane[0];
    CHECK(luma[300 * drawn->stride[0] + 160] != 128);   /* left edge of the person */
    CHECK_INT(luma[300 * drawn->stride[0] + 320], 128); /* its middle is untouched */
    CHECK(luma[60 * drawn->stride[0] + 64] != 128);     /* left edge of the animal */
    int white = 0;                                      /* letters, in the tab above the box */
    for (int x = 160; x < 320; x++)
        white += luma[230 * drawn->stride[0] + x] == 235;
    CHECK(white > 10);
}

/* Run under the address sanitizer this shows that nothing is written outside. */
static void drawing_stays_inside(void **state)
{
    (void)state;
    static const int sizes[][2] = {{1, 1}, {2, 2}, {3, 5}, {17, 300}, {301, 7}, {640, 361}};
    static const struct box places[] = {{0, 0, 1, 1},     {-5, -5, 5, 5},
                                        {1, 1, 1, 1},     {0.99f, 0.99f, 1, 1},
                                        {0, 0, 0.01f, 0}, {0.4f, 0, 0.6f, 0.02f}};
    char lasting[200];
    memset(lasting, '~', sizeof lasting - 1);
    lasting[sizeof lasting - 1] = '\0';
    static const char *const texts[] = {"", "x\n\xff\x80 100 %", NULL};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        AUTO(frame_unref) struct frame *f = plain(sizes[i][0], sizes[i][1], 50, 60, 70);
        for (size_t j = 0; j < ARRAY_LEN(places) * 3; j++) {
            const char *text = j % 3 == 2 ? lasting : texts[j % 3];
            const struct picture_box box = {places[j / 3], text,
                                            (enum object_kind)(j % KIND_COUNT)};
            AUTO(frame_unref) struct frame *drawn = picture_annotated(f, &box, 1);
            CHECK(drawn != NULL);
            CHECK_INT(drawn->width, f->width);
        }
    }
}

static void labels(void **state)
{
    (void)state;
    char text[PICTURE_TEXT_BYTES];
    CHECK_STR(picture_label(text, "person", 0.934f), "person 93 %");
    CHECK_STR(picture_label(text, "dog", 1.7f), "dog 100 %");
    CHECK_STR(picture_label(text, "cat", -1), "cat 0 %");
}

static bool same_pixels(const struct frame *a, const struct frame *b)
{
    for (int p = 0; p < 3; p++)
        for (int y = 0; y < (p ? (a->height + 1) / 2 : a->height); y++)
            if (memcmp(a->plane[p] + (ptrdiff_t)y * a->stride[p],
                       b->plane[p] + (ptrdiff_t)y * b->stride[p],
                       (size_t)(p ? (a->width + 1) / 2 : a->width)) != 0)
                return false;
    return true;
}

/* What was found becomes boxes with label, score and colour, the best on top. */
static void detections_and_tracks_are_drawn_as_boxes(void **state)
{
    (void)state;
    AUTO(frame_unref) struct frame *f = plain(320, 240, 80, 128, 128);
    struct detections found = {.count = 2,
                               .items = {{{0.1f, 0.3f, 0.4f, 0.9f}, 0.93f, "person"},
                                         {{0.3f, 0.4f, 0.8f, 0.8f}, 0.5f, "car"}}};
    struct picture_box boxes[2] = {
        {found.items[0].box, "person 93 %", KIND_PERSON},
        {found.items[1].box, "car 50 %", KIND_VEHICLE},
    };
    AUTO(frame_unref) struct frame *drawn = picture_of_detections(f, &found);
    AUTO(frame_unref) struct frame *both = picture_annotated(f, boxes, 2);
    CHECK(drawn && both && same_pixels(drawn, both));
    CHECK(!same_pixels(drawn, f));
    AUTO(free_ptr) struct track *track = NEW(struct track);
    STR_COPY(track->label, "person");
    track->confidence = 0.99f;
    track->best = (struct sighting){.box = found.items[0].box, .score = 0.93f};
    track->last = (struct sighting){.box = found.items[1].box, .score = 0.2f};
    AUTO(frame_unref) struct frame *one = picture_of_track(f, track);
    AUTO(frame_unref) struct frame *first = picture_annotated(f, boxes, 1);
    CHECK(one && first && same_pixels(one, first));
    found.count = 0;
    AUTO(frame_unref) struct frame *none = picture_of_detections(f, &found);
    CHECK(none && same_pixels(none, f));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(detections_and_tracks_are_drawn_as_boxes),
        cmocka_unit_test(colours_survive_range_and_matrix),
        cmocka_unit_test(scaled_keeps_proportions_and_stamps),
        cmocka_unit_test(cropped_holds_the_part),
        cmocka_unit_test(boxes_are_drawn_on_a_copy),
        cmocka_unit_test(drawing_stays_inside),
        cmocka_unit_test(labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
