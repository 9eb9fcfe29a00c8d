/* Hardware decoding as far as a machine without any can show it: every kind that is wanted and not
 * there says why, and software decodes all the same. */
#include "test.h"

#include "decode/hardware.h"
#include "double/clip.h"

#include <stdlib.h>

static void what_is_not_there_says_why(void **state)
{
    (void)state;
    static const struct {
        enum decode_hardware wanted;
        enum AVCodecID codec;
        const char *named[3]; /* in the reason, unless this machine has it */
    } cases[] = {
        {DECODE_AUTO, AV_CODEC_ID_H264, {"vaapi: ", "cuda: ", "v4l2"}},
        {DECODE_VAAPI, AV_CODEC_ID_HEVC, {"vaapi: "}},
        {DECODE_CUDA, AV_CODEC_ID_H264, {"cuda: "}},
        {DECODE_V4L2, AV_CODEC_ID_MJPEG, {"v4l2: "}},
        {DECODE_VAAPI, AV_CODEC_ID_GIF, {"vaapi: not for this codec"}},
        {DECODE_AUTO, AV_CODEC_ID_GIF, {"vaapi: ", "cuda: ", "v4l2: "}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct decode_conf conf = {.hardware = cases[i].wanted};
        struct hardware h;
        hardware_find(&h, &conf, cases[i].codec);
        CHECK(h.kind != DECODE_OFF || h.reason[0]);
        for (size_t k = 0; h.kind == DECODE_OFF && k < ARRAY_LEN(cases[i].named); k++)
            if (cases[i].named[k])
                CHECK_CONTAINS(h.reason, cases[i].named[k]);
        hardware_done(&h);
        CHECK_INT(h.kind, DECODE_OFF);
        CHECK(!h.device);
    }
}

static void a_device_that_does_not_exist(void **state)
{
    (void)state;
    struct decode_conf conf = {.hardware = DECODE_VAAPI, .device = "/dev/dri/renderD999"};
    struct hardware h;
    hardware_find(&h, &conf, AV_CODEC_ID_H264);
    CHECK_INT(h.kind, DECODE_OFF);
    CHECK_CONTAINS(h.reason, "vaapi: ");
    hardware_done(&h);
}

static void count_picture(void *ctx, struct frame *frame)
{
    int *count = ctx;
    (*count)++;
    frame_unref(&frame);
}

static void software_decodes_all_the_same(void **state)
{
    (void)state;
    struct clip_spec spec = {"mpeg4", 64, 48, 25, 10, .paint = clip_paint_number};
    struct clip clip;
    CHECK(clip_encode(&spec, &clip));
    struct decode_conf conf = {.hardware = DECODE_AUTO};
    struct decoder *d = decoder_new(0, 4, &conf);
    int count = 0;
    for (int i = 0; i < clip.count; i++)
        CHECK(decoder_send(d, clip.items[i], count_picture, &count, NULL));
    CHECK_INT(count, 10);
    struct decoder_stats stats = decoder_stats(d);
    CHECK_STR(stats.codec, "mpeg4");
    if (strcmp(stats.hardware, "off") == 0)
        CHECK(stats.reason[0]);
    decoder_free(&d);
    clip_done(&clip);
}

/* A picture in plain memory stays as it is. */
static void nothing_to_fetch(void **state)
{
    (void)state;
    struct hardware h = {.kind = DECODE_OFF, .format = AV_PIX_FMT_NONE};
    AVFrame *picture = av_frame_alloc();
    picture->format = AV_PIX_FMT_YUV420P;
    picture->width = picture->height = 16;
    CHECK_INT(av_frame_get_buffer(picture, 0), 0);
    const uint8_t *luma = picture->data[0];
    CHECK(hardware_fetch(&h, picture));
    CHECK(picture->data[0] == luma);
    /* Claimed to lie in hardware, but it does not. */
    h.format = AV_PIX_FMT_YUV420P;
    CHECK(!hardware_fetch(&h, picture));
    av_frame_free(&picture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_there_says_why),
        cmocka_unit_test(a_device_that_does_not_exist),
        cmocka_unit_test(software_decodes_all_the_same),
        cmocka_unit_test(nothing_to_fetch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
