/* Packets into pictures: order, stamps, formats, damage, and what happens when nobody gives frames
 * back. Clips are encoded on the spot. */
#include "test.h"

#include "decode/decode.h"
#include "double/clip.h"

#include <libavcodec/avcodec.h>
#include <libavutil/imgutils.h>
#include <stdlib.h>

#define KEPT_MAX 400

struct kept {
    int count;
    struct frame *frames[KEPT_MAX];
};

static void keep(void *ctx, struct frame *frame)
{
    struct kept *k = ctx;
    CHECK(k->count < KEPT_MAX);
    k->frames[k->count++] = frame;
}

static void drop_all(struct kept *k)
{
    for (int i = 0; i < k->count; i++)
        frame_unref(&k->frames[i]);
    k->count = 0;
}

static void send(struct decoder *d, const struct packet *packet, struct kept *kept)
{
    struct err err = {0};
    if (!decoder_send(d, packet, keep, kept, &err))
        fail_msg("%s", err.msg);
}

static void send_end(struct decoder *d, struct kept *kept)
{
    AUTO(packet_unref) struct packet *end = packet_new(NULL, NULL);
    end->end = true;
    send(d, end, kept);
}

/* clip_paint_number's number, from the middle of the picture. */
static int number_of(const struct frame *f)
{
    return (f->plane[0][(ptrdiff_t)(f->height / 2) * f->stride[0] + f->width / 2] - 20 + 1) / 2;
}

/* Every picture once, in order, with the stamps of its own packet. */
static void check_whole(const struct clip *clip, const struct kept *kept)
{
    CHECK_INT(kept->count, clip->count);
    for (int i = 0; i < kept->count; i++) {
        const struct frame *f = kept->frames[i];
        CHECK_INT(f->seq, i);
        CHECK_INT(f->camera, 3);
        CHECK_INT(f->pts_us, i * US_PER_S / clip->fps);
        CHECK_INT(f->wall_us, 1000 + f->pts_us);
        CHECK_INT(f->arrived_us, 2000 + f->pts_us);
        CHECK_INT(number_of(f), i);
    }
}

static void decode_whole(const struct clip *clip)
{
    struct decoder *d = decoder_new(3, KEPT_MAX, NULL);
    struct kept *kept = NEW(struct kept);
    for (int i = 0; i < clip->count; i++) {
        clip->items[i]->wall_us = 1000 + clip->items[i]->pts_us;
        clip->items[i]->arrived_us = 2000 + clip->items[i]->pts_us;
        send(d, clip->items[i], kept);
    }
    send_end(d, kept);
    check_whole(clip, kept);
    struct decoder_stats stats = decoder_stats(d);
    CHECK_INT(stats.frames, clip->count);
    CHECK_INT(stats.damaged, 0);
    CHECK_INT(stats.dropped, 0);
    decoder_free(&d);
    CHECK(!d);
    drop_all(kept); /* after the decoder: frames own their pixels */
    free(kept);
}

static void every_codec_keeps_order_and_stamps(void **state)
{
    (void)state;
    static const struct clip_spec specs[] = {
        {"libx264", 64, 48, 25, 60, .b_frames = 3, .gop = 20},
        {"libx264", 64, 48, 25, 60, .b_frames = 0, .gop = 20},
        {"libx264", 64, 48, 25, 30, .b_frames = 1, .full_range = true},
        {"mpeg4", 64, 48, 25, 60, .b_frames = 2, .gop = 12},
        {"mpeg4", 64, 48, 25, 60},
        {"mjpeg", 64, 48, 25, 30, .full_range = true},
    };
    for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
        struct clip_spec spec = specs[i];
        spec.paint = clip_paint_number;
        struct clip clip;
        if (!clip_encode(&spec, &clip)) {
            CHECK(i < 3); /* only libx264 may be missing */
            continue;
        }
        decode_whole(&clip);
        clip_done(&clip);
    }
}

/* A probe that was too short to see the reordering. */
static void undeclared_reordering_is_sorted_out(void **state)
{
    (void)state;
    struct clip_spec spec = {
        "libx264", 64, 48, 25, 60, .b_frames = 2, .gop = 20, .paint = clip_paint_number};
    struct clip clip;
    if (!clip_encode(&spec, &clip))
        SKIP("this libavcodec has no libx264");
    clip.stream->params->video_delay = 0;
    decode_whole(&clip);
    clip_done(&clip);
}

/* What a codec holds back at the end of a file comes out with the word of its end. */
static void the_end_of_a_file_flushes(void **state)
{
    (void)state;
    struct clip_spec spec = {
        "libx264", 64, 48, 25, 20, .b_frames = 3, .gop = 20, .paint = clip_paint_number};
    struct clip clip;
    if (!clip_encode(&spec, &clip))
        SKIP("this libavcodec has no libx264");
    struct decoder *d = decoder_new(3, KEPT_MAX, NULL);
    struct kept *kept = NEW(struct kept);
    for (int round = 1; round <= 2; round++) {
        for (int i = 0; i < clip.count; i++)
            send(d, clip.items[i], kept);
        CHECK(kept->count < round * clip.count);
        AUTO(packet_unref) struct packet *word = packet_new(NULL, NULL);
        word->upload = upload_new();
        send(d, word, kept);
        CHECK_INT(kept->count, round * clip.count);
    }
    decoder_free(&d);
    drop_all(kept);
    free(kept);
    clip_done(&clip);
}

/* A key frame alone gives its picture at once, whatever the stream's reordering, and the same one
 * as in the stream; after it the stream can be decoded from any key frame on. */
static void a_key_frame_alone(void **state)
{
    (void)state;
    for (int b_frames = 0; b_frames <= 2; b_frames++) {
        struct clip_spec spec = {
            "libx264", 64, 48, 25, 60, .b_frames = b_frames, .gop = 20, .paint = clip_paint_number};
        struct clip clip;
        if (!clip_encode(&spec, &clip))
            SKIP("this libavcodec has no libx264");
        struct decoder *d = decoder_new(3, KEPT_MAX, NULL);
        struct kept *kept = NEW(struct kept);
        struct err err = {0};
        int keys = 0;
        for (int i = 0; i < clip.count; i++) {
            if (!clip.items[i]->key)
                continue;
            CHECK(decoder_send_alone(d, clip.items[i], keep, kept, &err));
            CHECK_INT(kept->count, ++keys);
            const struct frame *f = kept->frames[keys - 1];
            CHECK(f->key);
            CHECK_INT(f->pts_us, clip.items[i]->pts_us);
            CHECK_INT(number_of(f), f->pts_us * 25 / US_PER_S);
        }
        CHECK_INT(keys, 3);
        drop_all(kept);
        for (int i = 0; i < clip.count; i++)
            send(d, clip.items[i], kept);
        send_end(d, kept);
        CHECK_INT(kept->count, clip.count);
        int key_pictures = 0;
        for (int i = 0; i < kept->count; i++) {
            CHECK_INT(number_of(kept->frames[i]), i);
            key_pictures += kept->frames[i]->key;
        }
        CHECK_INT(key_pictures, 3);
        CHECK_INT(decoder_stats(d).damaged, 0);
        decoder_free(&d);
        drop_all(kept);
        free(kept);
        clip_done(&clip);
    }
}

/* Without reordering nothing is held back: the picture comes with its packet. */
static void no_reordering_no_delay(void **state)
{
    (void)state;
    static const char *const encoders[] = {"libx264", "mpeg4", "mjpeg"};
    for (size_t k = 0; k < ARRAY_LEN(encoders); k++) {
        struct clip_spec spec = {encoders[k],         64, 48, 25, 20, .paint = clip_paint_number,
                                 .full_range = k == 2};
        struct clip clip;
        if (!clip_encode(&spec, &clip))
            continue;
        struct decoder *d = decoder_new(0, KEPT_MAX, NULL);
        struct kept kept = {0};
        for (int i = 0; i < clip.count; i++) {
            send(d, clip.items[i], &kept);
            if (kept.count != i + 1)
                fail_msg("%s: %d pictures after %d packets", encoders[k], kept.count, i + 1);
        }
        drop_all(&kept);
        decoder_free(&d);
        clip_done(&clip);
    }
}

static void mjpeg_422_is_converted(void **state)
{
    (void)state;
    struct clip_spec spec = {
        "mjpeg", 66, 50, 10, 3, .chroma_422 = true, .paint = clip_paint_number};
    struct clip clip;
    CHECK(clip_encode(&spec, &clip));
    struct decoder *d = decoder_new(0, KEPT_MAX, NULL);
    struct kept kept = {0};
    for (int i = 0; i < clip.count; i++)
        send(d, clip.items[i], &kept);
    CHECK_INT(kept.count, 3);
    for (int i = 0; i < kept.count; i++) {
        const struct frame *f = kept.frames[i];
        CHECK(f->width == 66 && f->height == 50 && f->full_range);
        CHECK_INT(number_of(f), i);
        for (int p = 1; p < 3; p++)
            CHECK_NEAR(f->plane[p][24 * f->stride[p] + 32], 128, 2);
    }
    drop_all(&kept);
    decoder_free(&d);
    clip_done(&clip);
}

/* Uncompressed pictures in every layout a camera or a picture file has: one even colour. */
static struct packet *raw_packet(enum AVPixelFormat format, int width, int height,
                                 const uint8_t *fill, size_t fill_bytes)
{
    AVCodecParameters *params = avcodec_parameters_alloc();
    params->codec_type = AVMEDIA_TYPE_VIDEO;
    params->codec_id = AV_CODEC_ID_RAWVIDEO;
    params->format = format;
    params->width = width;
    params->height = height;
    AUTO(stream_unref) struct stream *stream = stream_new(params, 1, 25);
    AVPacket *av = av_packet_alloc();
    CHECK(av_new_packet(av, av_image_get_buffer_size(format, width, height, 1)) == 0);
    for (int i = 0; i < av->size; i++)
        av->data[i] = fill[(size_t)i % fill_bytes];
    av->flags = AV_PKT_FLAG_KEY;
    return packet_new(av, stream);
}

static void pixel_formats(void **state)
{
    (void)state;
    static const struct {
        enum AVPixelFormat format;
        const char *fill; /* repeated over all planes */
        size_t bytes;
        int y, u, v;
    } cases[] = {
        {AV_PIX_FMT_YUV420P, "\x64", 1, 100, 100, 100},
        {AV_PIX_FMT_YUV422P, "\x64", 1, 100, 100, 100},
        {AV_PIX_FMT_YUV444P, "\x64", 1, 100, 100, 100},
        {AV_PIX_FMT_YUV411P, "\x64", 1, 100, 100, 100},
        {AV_PIX_FMT_YUV410P, "\x64", 1, 100, 100, 100},
        {AV_PIX_FMT_YUV440P, "\x64", 1, 100, 100, 100},
        {AV_PIX_FMT_NV12, "\x64", 1, 100, 100, 100},
        {AV_PIX_FMT_NV21, "\x64", 1, 100, 100, 100},
        {AV_PIX_FMT_GRAY8, "\x64", 1, 100, 128, 128},
        {AV_PIX_FMT_YUYV422, "\x64\x3c\x64\xb4", 4, 100, 60, 180},
        {AV_PIX_FMT_UYVY422, "\x3c\x64\xb4\x64", 4, 100, 60, 180},
        {AV_PIX_FMT_RGB24, "\xff\x00\x00", 3, 82, 90, 240},
        {AV_PIX_FMT_BGR24, "\x00\x00\xff", 3, 82, 90, 240},
        {AV_PIX_FMT_BGRA, "\x00\x00\xff\xff", 4, 82, 90, 240},
        {AV_PIX_FMT_RGBA, "\xff\x00\x00\xff", 4, 82, 90, 240},
        {AV_PIX_FMT_YUV420P10LE, "\x90\x01", 2, 100, 100, 100},
    };
    static const int sizes[][2] = {{32, 16}, {33, 17}, {1, 1}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t k = 0; k < ARRAY_LEN(sizes); k++) {
            /* Packed and two-channel rows of odd width would not repeat evenly. */
            if (cases[i].bytes > 1 && sizes[k][0] & 1)
                continue;
            struct decoder *d = decoder_new(0, 4, NULL);
            struct kept kept = {0};
            AUTO(packet_unref)
            struct packet *p = raw_packet(cases[i].format, sizes[k][0], sizes[k][1],
                                          (const uint8_t *)cases[i].fill, cases[i].bytes);
            send(d, p, &kept);
            CHECK_INT(kept.count, 1);
            const struct frame *f = kept.frames[0];
            CHECK(f->width == sizes[k][0] && f->height == sizes[k][1]);
            const int expected[3] = {cases[i].y, cases[i].u, cases[i].v};
            for (int c = 0; c < 3; c++) {
                int w = c ? (f->width + 1) / 2 : f->width;
                int h = c ? (f->height + 1) / 2 : f->height;
                for (int at = 0; at < w * h; at += MAX(w * h - 1, 1)) { /* first and last */
                    int got = f->plane[c][(ptrdiff_t)(at / w) * f->stride[c] + at % w];
                    if (got < expected[c] - 2 || got > expected[c] + 2)
                        fail_msg("format %d, %dx%d: plane %d is %d", cases[i].format, f->width,
                                 f->height, c, got);
                }
            }
            drop_all(&kept);
            decoder_free(&d);
        }
}

static void what_cannot_be_decoded_says_so(void **state)
{
    (void)state;
    static const uint8_t zero[1];
    struct decoder *d = decoder_new(0, 4, NULL);
    struct kept kept = {0};
    struct err err = {0};
    AUTO(packet_unref)
    struct packet *odd = raw_packet(AV_PIX_FMT_GRAYF32LE, 16, 16, zero, 1);
    CHECK(!decoder_send(d, odd, keep, &kept, &err));
    CHECK_INT(err.code, ERR_INVALID);
    CHECK_STR(err.msg, "pictures have pixel format grayf32le, which is not supported");
    AUTO(packet_unref)
    struct packet *wide = raw_packet(AV_PIX_FMT_YUV420P, FRAME_SIDE_MAX + 2, 2, zero, 1);
    CHECK(!decoder_send(d, wide, keep, &kept, &err));
    CHECK_STR(err.msg, "pictures of 16386x2 are larger than 16384 on a side");
    AUTO(packet_unref) struct packet *none = raw_packet(AV_PIX_FMT_YUV420P, 16, 16, zero, 1);
    none->stream->params->codec_id = AV_CODEC_ID_NONE;
    CHECK(!decoder_send(d, none, keep, &kept, &err));
    CHECK_STR(err.msg, "no decoder for codec none");
    CHECK_INT(kept.count, 0);
    /* And goes on with what it can. */
    AUTO(packet_unref) struct packet *good = raw_packet(AV_PIX_FMT_YUV420P, 16, 16, zero, 1);
    send(d, good, &kept);
    CHECK_INT(kept.count, 1);
    drop_all(&kept);
    decoder_free(&d);
}

static void spoil(AVPacket *av, uint64_t *random)
{
    CHECK(av_packet_make_writable(av) == 0);
    for (int i = 0; i < 1 + av->size / 10; i++) {
        *random ^= *random << 13, *random ^= *random >> 7, *random ^= *random << 17;
        av->data[*random % (uint64_t)av->size] = (uint8_t)(*random >> 32);
    }
}

static void damaged_packets_are_counted_not_fatal(void **state)
{
    (void)state;
    static const char *const encoders[] = {"libx264", "mpeg4", "mjpeg"};
    for (size_t k = 0; k < ARRAY_LEN(encoders); k++) {
        struct clip_spec spec = {
            encoders[k],         160, 120, 25, 100, .gop = 10, .paint = clip_paint_walker,
            .full_range = k == 2};
        struct clip clip;
        if (!clip_encode(&spec, &clip))
            continue;
        struct decoder *d = decoder_new(0, KEPT_MAX, NULL);
        struct kept *kept = NEW(struct kept);
        uint64_t random = 88172645463325252u;
        for (int i = 0; i < 60; i++) {
            if (i % 3)
                spoil(clip.items[i]->av, &random);
            if (i % 10 == 9)
                av_shrink_packet(clip.items[i]->av, 1 + i % 5);
            send(d, clip.items[i], kept);
        }
        CHECK(decoder_stats(d).damaged > 0);
        /* From the next whole picture on everything is fine again. */
        drop_all(kept);
        for (int i = 60; i < 100; i++)
            send(d, clip.items[i], kept);
        send_end(d, kept);
        if (kept->count < 38)
            fail_msg("%s: %d pictures of the last 40", encoders[k], kept->count);
        drop_all(kept);
        free(kept);
        decoder_free(&d);
        clip_done(&clip);
    }
}

static void an_empty_pool_drops_and_counts(void **state)
{
    (void)state;
    struct clip_spec spec = {"mpeg4", 64, 48, 25, 30, .paint = clip_paint_number};
    struct clip clip;
    CHECK(clip_encode(&spec, &clip));
    struct decoder *d = decoder_new(0, 3, NULL);
    struct kept kept = {0};
    for (int i = 0; i < 20; i++)
        send(d, clip.items[i], &kept);
    CHECK_INT(kept.count, 3);
    CHECK_INT(decoder_stats(d).dropped, 17);
    CHECK_INT(decoder_stats(d).frames, 3);
    drop_all(&kept);
    send(d, clip.items[20], &kept);
    CHECK_INT(kept.count, 1);
    CHECK_INT(number_of(kept.frames[0]), 20); /* decoding went on all the time */
    drop_all(&kept);
    decoder_free(&d);
    clip_done(&clip);
}

/* Another size, another codec: a new stream, or the same one with new headers inside. */
static void the_stream_may_change(void **state)
{
    (void)state;
    struct clip_spec specs[] = {
        {"mpeg4", 64, 48, 25, 10, .paint = clip_paint_number},
        {"mpeg4", 128, 96, 25, 10, .paint = clip_paint_number},
        {"mjpeg", 32, 32, 25, 10, .paint = clip_paint_number, .full_range = true},
    };
    struct decoder *d = decoder_new(0, KEPT_MAX, NULL);
    struct kept kept = {0};
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
            struct clip clip;
            CHECK(clip_encode(&specs[i], &clip));
            for (int k = 0; k < clip.count; k++) {
                clip.items[k]->gap = k == 0;
                send(d, clip.items[k], &kept);
            }
            CHECK_INT(kept.count, 10);
            CHECK_INT(kept.frames[9]->width, specs[i].width);
            CHECK_INT(number_of(kept.frames[9]), 9);
            drop_all(&kept);
            clip_done(&clip);
        }
    CHECK_INT(decoder_stats(d).frames, 60);
    CHECK_INT(decoder_stats(d).damaged, 0);
    decoder_free(&d);
}

static void headers_inside_may_change_the_size(void **state)
{
    (void)state;
    struct clip_spec spec = {"mjpeg",           64, 48, 25, 4, .paint = clip_paint_number,
                             .full_range = true};
    struct clip small, large;
    CHECK(clip_encode(&spec, &small));
    spec.width = 128, spec.height = 96;
    CHECK(clip_encode(&spec, &large));
    struct decoder *d = decoder_new(0, KEPT_MAX, NULL);
    struct kept kept = {0};
    for (int i = 0; i < 4; i++) {
        send(d, small.items[i], &kept);
        AUTO(packet_unref)
        struct packet *p = packet_new(av_packet_clone(large.items[i]->av), small.stream);
        send(d, p, &kept);
    }
    CHECK_INT(kept.count, 8);
    for (int i = 0; i < 8; i++)
        CHECK_INT(kept.frames[i]->width, i % 2 ? 128 : 64);
    drop_all(&kept);
    decoder_free(&d);
    clip_done(&small);
    clip_done(&large);
}

static void the_end_without_a_beginning(void **state)
{
    (void)state;
    struct decoder *d = decoder_new(0, 2, NULL);
    struct kept kept = {0};
    send_end(d, &kept);
    send_end(d, &kept);
    CHECK_INT(kept.count, 0);
    decoder_free(&d);
    decoder_free(&d);
}

static void write_bytes(const char *path, const void *data, size_t bytes)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    CHECK(fwrite(data, 1, bytes, file) == bytes);
    fclose(file);
}

static void stills(void **state)
{
    (void)state;
    struct clip_folder folder = clip_folder_new();
    char path[512];
    struct clip_spec spec = {"mjpeg",           64, 48, 25, 8, .paint = clip_paint_number,
                             .full_range = true};
    struct clip clip;
    CHECK(clip_encode(&spec, &clip));
    const AVPacket *picture = clip.items[7]->av;
    snprintf(path, sizeof path, "%s/a.jpg", folder.path);
    write_bytes(path, picture->data, (size_t)picture->size);
    struct frame *f = NULL;
    struct err err = {0};
    if (!decode_still(path, &f, &err))
        fail_msg("%s", err.msg);
    CHECK(f->width == 64 && f->height == 48);
    CHECK_INT(number_of(f), 7);
    frame_unref(&f);

    static const struct {
        const char *name, *content, *says;
        enum err_code code;
    } bad[] = {
        {"none.jpg", NULL, "cannot open picture", ERR_NOT_FOUND},
        {"empty.jpg", "", "picture", ERR_INVALID},
        {"text.jpg", "this is no picture at all", "picture", ERR_INVALID},
        {"list.m3u8",
         "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n",
         "picture", ERR_INVALID},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        snprintf(path, sizeof path, "%s/%s", folder.path, bad[i].name);
        if (bad[i].content)
            write_bytes(path, bad[i].content, strlen(bad[i].content));
        err = (struct err){0};
        CHECK(!decode_still(path, &f, &err));
        CHECK(!f);
        CHECK_INT(err.code, bad[i].code);
        CHECK_CONTAINS(err.msg, bad[i].says);
    }
    /* An address is not asked, so it cannot refuse. */
    CHECK(!decode_still("http://127.0.0.1:9/a.jpg", &f, &err));
    CHECK(!strstr(err.msg, "refused"));
    clip_done(&clip);
    clip_folder_done(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_codec_keeps_order_and_stamps),
        cmocka_unit_test(undeclared_reordering_is_sorted_out),
        cmocka_unit_test(the_end_of_a_file_flushes),
        cmocka_unit_test(a_key_frame_alone),
        cmocka_unit_test(no_reordering_no_delay),
        cmocka_unit_test(mjpeg_422_is_converted),
        cmocka_unit_test(pixel_formats),
        cmocka_unit_test(what_cannot_be_decoded_says_so),
        cmocka_unit_test(damaged_packets_are_counted_not_fatal),
        cmocka_unit_test(an_empty_pool_drops_and_counts),
        cmocka_unit_test(the_stream_may_change),
        cmocka_unit_test(headers_inside_may_change_the_size),
        cmocka_unit_test(the_end_without_a_beginning),
        cmocka_unit_test(stills),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
