#include "double/clip.h"

#include <dirent.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STILL_LUMA  60
#define WALKER_LUMA 235

static void fill(const struct clip_spec *spec, uint8_t *const plane[3], const int stride[3],
                 int luma)
{
    for (int y = 0; y < spec->height; y++)
        memset(plane[0] + (ptrdiff_t)y * stride[0], luma, (size_t)spec->width);
}

int clip_walker_x(const struct clip_spec *spec, int index)
{
    return (spec->width - spec->height / 3) * index / MAX(spec->frames - 1, 1);
}

void clip_paint_still(const struct clip_spec *spec, int index, uint8_t *const plane[3],
                      const int stride[3])
{
    (void)index;
    fill(spec, plane, stride, STILL_LUMA);
}

void clip_paint_walker(const struct clip_spec *spec, int index, uint8_t *const plane[3],
                       const int stride[3])
{
    fill(spec, plane, stride, STILL_LUMA);
    int side = spec->height / 3;
    for (int y = side; y < 2 * side; y++)
        memset(plane[0] + (ptrdiff_t)y * stride[0] + clip_walker_x(spec, index), WALKER_LUMA,
               (size_t)side);
}

void clip_paint_number(const struct clip_spec *spec, int index, uint8_t *const plane[3],
                       const int stride[3])
{
    fill(spec, plane, stride, 20 + 2 * index);
}

static AVCodecContext *open_encoder(const struct clip_spec *spec)
{
    const AVCodec *codec = avcodec_find_encoder_by_name(spec->encoder);
    if (!codec)
        return NULL;
    AVCodecContext *c = avcodec_alloc_context3(codec);
    c->width = spec->width;
    c->height = spec->height;
    c->pix_fmt = spec->chroma_422   ? AV_PIX_FMT_YUVJ422P
                 : spec->full_range ? AV_PIX_FMT_YUVJ420P
                                    : AV_PIX_FMT_YUV420P;
    c->color_range = spec->full_range || spec->chroma_422 ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
    c->time_base = (AVRational){1, spec->fps};
    c->framerate = (AVRational){spec->fps, 1};
    c->max_b_frames = spec->b_frames;
    c->thread_count = 1;
    if (spec->gop)
        c->gop_size = spec->gop;
    c->flags |= AV_CODEC_FLAG_QSCALE | AV_CODEC_FLAG_GLOBAL_HEADER;
    c->global_quality = 2 * FF_QP2LAMBDA;
    AVDictionary *options = NULL;
    av_dict_set(&options, "preset", "veryfast", 0);
    av_dict_set(&options, "x264-params", "b-adapt=0:scenecut=0:log-level=-1", 0);
    ASSERT(avcodec_open2(c, codec, &options) == 0);
    av_dict_free(&options);
    return c;
}

static void take_packets(AVCodecContext *c, struct clip *clip)
{
    for (;;) {
        AVPacket *av = av_packet_alloc();
        if (avcodec_receive_packet(c, av) < 0) {
            av_packet_free(&av);
            return;
        }
        ASSERT(clip->count < CLIP_PACKETS_MAX);
        struct packet *p = packet_new(av, clip->stream);
        p->pts_us = av->pts * US_PER_S / clip->fps;
        p->key = av->flags & AV_PKT_FLAG_KEY;
        clip->items[clip->count++] = p;
    }
}

static void encode_picture(AVCodecContext *c, const struct clip_spec *spec, int index)
{
    AVFrame *picture = av_frame_alloc();
    picture->format = c->pix_fmt;
    picture->width = spec->width;
    picture->height = spec->height;
    picture->color_range = c->color_range;
    ASSERT(av_frame_get_buffer(picture, 0) == 0);
    int chroma_rows = spec->chroma_422 ? spec->height : (spec->height + 1) / 2;
    for (int i = 1; i < 3; i++)
        memset(picture->data[i], 128, (size_t)picture->linesize[i] * (size_t)chroma_rows);
    spec->paint(spec, index, picture->data, picture->linesize);
    picture->pts = index;
    picture->quality = c->global_quality;
    ASSERT(avcodec_send_frame(c, picture) == 0);
    av_frame_free(&picture);
}

bool clip_encode(const struct clip_spec *spec, struct clip *ret)
{
    av_log_set_level(AV_LOG_QUIET);
    *ret = (struct clip){.fps = spec->fps};
    AVCodecContext *c = open_encoder(spec);
    if (!c)
        return false;
    AVCodecParameters *params = avcodec_parameters_alloc();
    ASSERT(avcodec_parameters_from_context(params, c) >= 0);
    params->video_delay = c->max_b_frames > 0;
    ret->stream = stream_new(params, 1, spec->fps);
    for (int i = 0; i < spec->frames; i++) {
        encode_picture(c, spec, i);
        take_packets(c, ret);
    }
    ASSERT(avcodec_send_frame(c, NULL) == 0);
    take_packets(c, ret);
    avcodec_free_context(&c);
    ASSERT(ret->count == spec->frames);
    return true;
}

void clip_done(struct clip *clip)
{
    for (int i = 0; i < clip->count; i++)
        packet_unref(&clip->items[i]);
    stream_unref(&clip->stream);
}

void clip_write(const struct clip *clip, const char *path)
{
    AVFormatContext *output = NULL;
    ASSERT(avformat_alloc_output_context2(&output, NULL, NULL, path) >= 0);
    AVStream *video = avformat_new_stream(output, NULL);
    ASSERT(video && avcodec_parameters_copy(video->codecpar, clip->stream->params) >= 0);
    AVRational base = {1, clip->fps};
    video->time_base = base;
    video->avg_frame_rate = (AVRational){clip->fps, 1};
    ASSERT(avio_open(&output->pb, path, AVIO_FLAG_WRITE) >= 0);
    ASSERT(avformat_write_header(output, NULL) >= 0);
    for (int i = 0; i < clip->count; i++) {
        AVPacket *av = av_packet_clone(clip->items[i]->av);
        av->duration = 1;
        av_packet_rescale_ts(av, base, video->time_base);
        ASSERT(av_interleaved_write_frame(output, av) >= 0);
        av_packet_free(&av);
    }
    ASSERT(av_write_trailer(output) == 0);
    avio_closep(&output->pb);
    avformat_free_context(output);
}

struct clip_folder clip_folder_new(void)
{
    struct clip_folder folder;
    const char *tmp = getenv("TMPDIR");
    snprintf(folder.path, sizeof folder.path, "%s/hsi-clip-XXXXXX", tmp ? tmp : "/tmp");
    ASSERT(mkdtemp(folder.path));
    return folder;
}

void clip_folder_done(struct clip_folder *folder)
{
    DIR *dir = opendir(folder->path);
    const struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        char path[sizeof folder->path + sizeof entry->d_name + 1];
        snprintf(path, sizeof path, "%s/%s", folder->path, entry->d_name);
        unlink(path);
    }
    if (dir)
        closedir(dir);
    rmdir(folder->path);
}
