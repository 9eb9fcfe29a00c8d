#include "decode/decode.h"

#include "decode/hardware.h"

#include <libavformat/avformat.h>
#include <libavutil/pixdesc.h>
#include <libyuv.h>
#include <stdlib.h>

/* Pictures a codec may hold back for reordering, with room to spare (H.264 and H.265: 16). */
#define DECODER_STAMPS 32

/* What rode in with a packet and is wanted again with its picture. */
struct stamps {
    int64_t pts_us, wall_us, arrived_us;
    bool still;
};

/* Pictures in a row that hardware may fail to give before software takes over. */
#define HARDWARE_FAILURES_MAX 3

static const struct opt decode_rows[] = {
    {"hardware", OPT_ENUM(struct decode_conf, hardware, decode_hardware_names), .def = "auto",
     .help =
         "Where pictures are decoded. auto takes what this machine has, and software where that "
         "does not work."},
    {"device", OPT_TEXT(struct decode_conf, device),
     .help = "Which graphics device, where there are several: /dev/dri/renderD129."},
    {0},
};

const struct section decode_section = {
    .name = "decode",
    .help = "Turning a camera's stream into pictures.",
    .bytes = sizeof(struct decode_conf),
    .rows = decode_rows,
};

struct decoder {
    int camera;
    const struct decode_conf *conf; /* NULL: software */
    struct hardware hardware;
    int failures; /* of the hardware, in a row */
    struct frame_pool *pool;
    AVCodecContext *codec;
    struct stream *stream;                /* what codec was opened for */
    AVFrame *picture;                     /* the codec's latest output */
    AVPacket *carrier;                    /* a packet's data under our own stamp */
    struct stamps stamps[DECODER_STAMPS]; /* ring, newest at stamp_next - 1 */
    unsigned stamp_next;
    bool software_next; /* the hardware has failed: open anew at the next key frame */
    int64_t frames, damaged, no_memory;
    int64_t picture_bytes; /* of the latest */
};

struct decoder *decoder_new(int camera, int pool_frames, const struct decode_conf *conf)
{
    struct decoder *d = NEW(struct decoder);
    d->camera = camera;
    d->conf = conf;
    d->hardware.kind = DECODE_OFF;
    d->hardware.format = AV_PIX_FMT_NONE;
    d->pool = frame_pool_new(pool_frames);
    d->picture = av_frame_alloc();
    d->carrier = av_packet_alloc();
    ASSERT(d->picture && d->carrier);
    return d;
}

void decoder_free(struct decoder **decoder)
{
    struct decoder *d = *decoder;
    if (!d)
        return;
    avcodec_free_context(&d->codec);
    hardware_done(&d->hardware);
    av_frame_free(&d->picture);
    av_packet_free(&d->carrier);
    stream_unref(&d->stream);
    frame_pool_unref(&d->pool);
    free(d);
    *decoder = NULL;
}

static bool open_codec(struct decoder *d, const AVCodecParameters *params, struct err *err)
{
    const AVCodec *codec = d->hardware.codec ? d->hardware.codec
                                             : avcodec_find_decoder(params->codec_id);
    if (!codec)
        return err_set(err, ERR_INVALID, "no decoder for codec %s",
                       avcodec_get_name(params->codec_id));
    AVCodecContext *context = avcodec_alloc_context3(codec);
    ASSERT(context);
    context->thread_count = 1; /* one thread a camera scales better than many threads a picture */
    context->max_pixels = (int64_t)FRAME_SIDE_MAX * FRAME_SIDE_MAX / 4;
    int rc = avcodec_parameters_to_context(context, params);
    /* Without reordered pictures there is no reason to hold one back. */
    if (params->video_delay == 0)
        context->flags |= AV_CODEC_FLAG_LOW_DELAY;
    hardware_attach(&d->hardware, context);
    if (rc >= 0)
        rc = avcodec_open2(context, codec, NULL);
    if (rc < 0) {
        avcodec_free_context(&context);
        return err_set(err, ERR_INVALID, "cannot decode %s: %s", avcodec_get_name(params->codec_id),
                       av_err2str(rc));
    }
    d->codec = context;
    return true;
}

/* Planar pictures with more or other chroma than 4:2:0: each plane scaled to its size there. */
static int convert_planar(const AVFrame *p, const AVPixFmtDescriptor *format, uint8_t *const dst[3],
                          const int stride[3])
{
    for (int i = 0; i < 3; i++) {
        int w = i ? AV_CEIL_RSHIFT(p->width, format->log2_chroma_w) : p->width;
        int h = i ? AV_CEIL_RSHIFT(p->height, format->log2_chroma_h) : p->height;
        int to_w = i ? (p->width + 1) / 2 : p->width;
        int to_h = i ? (p->height + 1) / 2 : p->height;
        ScalePlane(p->data[i], p->linesize[i], w, h, dst[i], stride[i], to_w, to_h, kFilterBox);
    }
    return 0;
}

/* How to make planar 4:2:0 of a picture that is not; the formats cameras and pictures really have.
 */
static int convert_pixels(const AVFrame *p, uint8_t *const dst[3], const int stride[3])
{
    uint8_t *const *s = p->data;
    const int *ss = p->linesize;
    int w = p->width, h = p->height;
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(p->format);
    bool yuv = format && !(format->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_HWACCEL));
    if (yuv && format->nb_components == 3 && format->flags & AV_PIX_FMT_FLAG_PLANAR &&
        format->comp[1].plane == 1 && format->comp[2].plane == 2 && format->comp[0].depth == 8)
        return convert_planar(p, format, dst, stride);
#define TO dst[0], stride[0], dst[1], stride[1], dst[2], stride[2], w, h
    switch ((int)p->format) {
    case AV_PIX_FMT_NV12:
        return NV12ToI420(s[0], ss[0], s[1], ss[1], TO);
    case AV_PIX_FMT_NV21:
        return NV21ToI420(s[0], ss[0], s[1], ss[1], TO);
    case AV_PIX_FMT_GRAY8:
        return I400ToI420(s[0], ss[0], TO);
    case AV_PIX_FMT_YUYV422:
        return YUY2ToI420(s[0], ss[0], TO);
    case AV_PIX_FMT_UYVY422:
        return UYVYToI420(s[0], ss[0], TO);
    case AV_PIX_FMT_RGB24:
        return RAWToI420(s[0], ss[0], TO);
    case AV_PIX_FMT_BGR24:
        return RGB24ToI420(s[0], ss[0], TO);
    case AV_PIX_FMT_BGRA:
    case AV_PIX_FMT_BGR0:
        return ARGBToI420(s[0], ss[0], TO);
    case AV_PIX_FMT_RGBA:
    case AV_PIX_FMT_RGB0:
        return ABGRToI420(s[0], ss[0], TO);
    case AV_PIX_FMT_YUV420P10LE:
        return I010ToI420((const uint16_t *)(const void *)s[0], ss[0] / 2,
                          (const uint16_t *)(const void *)s[1], ss[1] / 2,
                          (const uint16_t *)(const void *)s[2], ss[2] / 2, TO);
    default:
        return -1;
    }
#undef TO
}

static void free_picture(void *backing)
{
    AVFrame *picture = backing;
    av_frame_free(&picture);
}

/* The picture's pixels into a blank frame: shared where the format fits, else converted. False with
 * err untouched when there is no memory. */
static bool fill_frame(AVFrame *picture, struct frame *f, struct err *err)
{
    enum AVPixelFormat format = picture->format;
    if (picture->width > FRAME_SIDE_MAX || picture->height > FRAME_SIDE_MAX)
        return err_set(err, ERR_INVALID, "pictures of %dx%d are larger than %d on a side",
                       picture->width, picture->height, FRAME_SIDE_MAX);
    f->full_range = picture->color_range == AVCOL_RANGE_JPEG || format == AV_PIX_FMT_YUVJ420P ||
                    format == AV_PIX_FMT_YUVJ422P || format == AV_PIX_FMT_YUVJ444P ||
                    format == AV_PIX_FMT_YUVJ440P;
    f->bt709 = picture->colorspace == AVCOL_SPC_BT709 ||
               (picture->colorspace == AVCOL_SPC_UNSPECIFIED && picture->height >= 720);
    if (format == AV_PIX_FMT_YUV420P || format == AV_PIX_FMT_YUVJ420P) {
        AVFrame *own = av_frame_alloc();
        if (!own)
            return false;
        av_frame_move_ref(own, picture);
        f->width = own->width;
        f->height = own->height;
        for (int i = 0; i < 3; i++) {
            f->plane[i] = own->data[i];
            f->stride[i] = own->linesize[i];
        }
        f->backing = own;
        f->release = free_picture;
        return true;
    }
    if (!frame_alloc_pixels(f, picture->width, picture->height))
        return false;
    uint8_t *const dst[3] = {frame_plane_w(f, 0), frame_plane_w(f, 1), frame_plane_w(f, 2)};
    if (convert_pixels(picture, dst, f->stride) == 0)
        return true;
    const char *name = av_get_pix_fmt_name(format);
    return err_set(err, ERR_INVALID, "pictures have pixel format %s, which is not supported",
                   name ? name : "unknown");
}

static struct stamps stamps_of(const struct decoder *d, int64_t pts_us)
{
    for (unsigned i = 1; i <= DECODER_STAMPS; i++) {
        const struct stamps *s = &d->stamps[(d->stamp_next - i) % DECODER_STAMPS];
        if (s->pts_us == pts_us)
            return *s;
    }
    /* A codec that invents stamps: the newest packet's will do. */
    return d->stamps[(d->stamp_next - 1) % DECODER_STAMPS];
}

/* A blank frame from the pool with the picture in it. NULL with err untouched: dropped, and
 * counted.
 */
static struct frame *take_picture(struct decoder *d, struct err *err)
{
    AUTO(frame_unref) struct frame *f = frame_from_pool(d->pool);
    if (!f)
        return NULL;
    struct stamps stamps = stamps_of(d, d->picture->pts);
    bool key = d->picture->key_frame;
    struct err why = {0};
    if (!fill_frame(d->picture, f, &why)) {
        d->no_memory += why.code == ERR_NONE;
        if (why.code && err)
            *err = why;
        return NULL;
    }
    d->picture_bytes = (int64_t)f->stride[0] * f->height * 3 / 2;
    f->camera = d->camera;
    f->seq = d->frames++;
    f->key = key;
    f->pts_us = stamps.pts_us;
    f->wall_us = stamps.wall_us;
    f->arrived_us = stamps.arrived_us;
    f->still = stamps.still;
    return TAKE(f);
}

/* What cannot be had from the hardware is had from software, from the next key frame on. */
static void count_failure(struct decoder *d)
{
    d->damaged++;
    if (d->hardware.kind == DECODE_OFF || ++d->failures < HARDWARE_FAILURES_MAX)
        return;
    hardware_give_up(&d->hardware, "failed on this stream");
    d->software_next = true;
}

/* Gives what the codec has ready to the sink. */
static bool drain(struct decoder *d, decoder_sink_fn *sink, void *ctx, struct err *err)
{
    for (;;) {
        int rc = avcodec_receive_frame(d->codec, d->picture);
        if (rc == AVERROR(EAGAIN) || rc == AVERROR_EOF)
            return true;
        if (rc < 0 || !hardware_fetch(&d->hardware, d->picture)) {
            count_failure(d);
            av_frame_unref(d->picture);
            return true;
        }
        d->failures = 0;
        d->damaged += d->picture->decode_error_flags != 0;
        struct err why = {0};
        struct frame *f = take_picture(d, &why);
        av_frame_unref(d->picture);
        if (f)
            sink(ctx, f);
        if (why.code != ERR_NONE) {
            if (err)
                *err = why;
            return false;
        }
    }
}

static bool follow_stream(struct decoder *d, const struct packet *packet, struct err *err)
{
    const AVCodecParameters *params = packet->stream->params;
    if (d->software_next && packet->key)
        stream_unref(&d->stream);
    if (packet->stream == d->stream)
        return true;
    avcodec_free_context(&d->codec);
    stream_unref(&d->stream);
    if (d->conf && d->conf->hardware != DECODE_OFF && !d->software_next) {
        d->failures = 0;
        hardware_done(&d->hardware);
        hardware_find(&d->hardware, d->conf, params->codec_id);
    }
    bool opened = open_codec(d, params, err);
    if (!opened && d->hardware.kind != DECODE_OFF) {
        /* The hardware knows the codec, but not in this form. */
        hardware_give_up(&d->hardware, "does not take this stream");
        opened = open_codec(d, params, err);
    }
    d->software_next = false;
    if (opened)
        d->stream = stream_ref(packet->stream);
    return opened;
}

bool decoder_send(struct decoder *d, const struct packet *packet, decoder_sink_fn *sink, void *ctx,
                  struct err *err)
{
    if (packet->end || packet->upload) {
        if (!d->codec)
            return true;
        avcodec_send_packet(d->codec, NULL);
        bool ok = drain(d, sink, ctx, err);
        avcodec_flush_buffers(d->codec);
        return ok;
    }
    if (!follow_stream(d, packet, err))
        return false;
    if (packet->gap && packet->key)
        avcodec_flush_buffers(d->codec);
    d->stamps[d->stamp_next++ % DECODER_STAMPS] = (struct stamps){
        packet->pts_us, packet->wall_us, packet->arrived_us, packet->still};
    if (av_packet_ref(d->carrier, packet->av) < 0) {
        d->no_memory++;
        return true;
    }
    d->carrier->pts = packet->pts_us;
    d->carrier->dts = AV_NOPTS_VALUE;
    int rc = avcodec_send_packet(d->codec, d->carrier);
    av_packet_unref(d->carrier);
    if (rc < 0)
        count_failure(d);
    return drain(d, sink, ctx, err);
}

bool decoder_send_alone(struct decoder *d, const struct packet *packet, decoder_sink_fn *sink,
                        void *ctx, struct err *err)
{
    if (d->codec)
        avcodec_flush_buffers(d->codec);
    if (!decoder_send(d, packet, sink, ctx, err))
        return false;
    avcodec_send_packet(d->codec, NULL);
    bool ok = drain(d, sink, ctx, err);
    avcodec_flush_buffers(d->codec);
    return ok;
}

struct decoder_stats decoder_stats(const struct decoder *d)
{
    struct decoder_stats stats = {
        .frames = d->frames,
        .damaged = d->damaged,
        .dropped = frame_pool_dropped(d->pool) + d->no_memory,
        .bytes = (int64_t)frame_pool_in_use(d->pool) * d->picture_bytes,
        .hardware = decode_hardware_names[d->hardware.kind],
    };
    if (d->stream)
        STR_COPY(stats.codec, avcodec_get_name(d->stream->params->codec_id));
    if (d->hardware.kind == DECODE_OFF)
        STR_COPY(stats.reason, d->hardware.reason);
    return stats;
}

static void keep_first(void *ctx, struct frame *frame)
{
    struct frame **kept = ctx;
    if (*kept)
        frame_unref(&frame);
    else
        *kept = frame;
}

/* Decodes until the first picture of the input's video stream. */
static bool first_picture(AVFormatContext *input, struct frame **ret, struct err *err)
{
    int index = av_find_best_stream(input, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    if (index < 0)
        return err_set(err, ERR_INVALID, "there is no picture in it");
    AVCodecParameters *params = avcodec_parameters_alloc();
    ASSERT(params);
    avcodec_parameters_copy(params, input->streams[index]->codecpar);
    AUTO(stream_unref) struct stream *stream = stream_new(params, 1, 1000000);
    AUTO(decoder_free) struct decoder *decoder = decoder_new(0, 4, NULL);
    bool ok = true;
    bool ended = false;
    while (ok && !*ret && !ended) {
        AVPacket *av = av_packet_alloc();
        ASSERT(av);
        ended = av_read_frame(input, av) < 0;
        bool other = !ended && av->stream_index != index;
        AUTO(packet_unref) struct packet *packet = packet_new(av, stream);
        packet->end = ended;
        if (!other)
            ok = decoder_send(decoder, packet, keep_first, ret, err);
    }
    if (ok && !*ret)
        return err_set(err, ERR_INVALID, "it does not decode to a picture");
    return ok;
}

bool decode_still(const char *path, struct frame **ret, struct err *err)
{
    AVFormatContext *input = NULL;
    AVDictionary *options = NULL;
    /* Neither the path nor what stands in the file may reach into the network. */
    av_dict_set(&options, "protocol_whitelist", "file,crypto,data", 0);
    int rc = avformat_open_input(&input, path, NULL, &options);
    av_dict_free(&options);
    if (rc < 0)
        return err_set(err, rc == AVERROR(ENOENT) ? ERR_NOT_FOUND : ERR_INVALID,
                       "cannot open picture %s: %s", path, av_err2str(rc));
    struct frame *frame = NULL;
    bool ok = first_picture(input, &frame, err);
    avformat_close_input(&input);
    if (!ok) {
        frame_unref(&frame);
        err_wrap(err, "picture %s", path);
        return false;
    }
    *ret = frame;
    return true;
}
