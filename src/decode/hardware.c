#include "decode/hardware.h"

#include <libavutil/hwcontext.h>
#include <libavutil/pixdesc.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

const char *const decode_hardware_names[] = {"auto", "off", "vaapi", "cuda", "v4l2", NULL};

/* In the order they are tried. */
static const struct kind {
    enum decode_hardware kind;
    enum AVHWDeviceType type; /* AV_HWDEVICE_TYPE_NONE: a decoder with a name of its own */
} kinds[] = {
    {DECODE_VAAPI, AV_HWDEVICE_TYPE_VAAPI},
    {DECODE_CUDA, AV_HWDEVICE_TYPE_CUDA},
    {DECODE_V4L2, AV_HWDEVICE_TYPE_NONE},
};

/* Why this kind is out; empty if it is in. */
static void note(struct hardware *h, const char *name, const char *why)
{
    size_t n = strnlen(h->reason, sizeof h->reason);
    snprintf(h->reason + n, sizeof h->reason - n, "%s%s: %s", n ? "; " : "", name, why);
}

/* The pixel format this codec's pictures have on such a device; AV_PIX_FMT_NONE: it has none. */
static enum AVPixelFormat device_format(const AVCodec *codec, enum AVHWDeviceType type)
{
    const AVCodecHWConfig *config;
    for (int i = 0; (config = avcodec_get_hw_config(codec, i)); i++)
        if (config->device_type == type &&
            config->methods & AV_CODEC_HW_CONFIG_METHOD_HW_DEVICE_CTX)
            return config->pix_fmt;
    return AV_PIX_FMT_NONE;
}

static bool try_device(struct hardware *h, const struct kind *kind, const struct decode_conf *conf,
                       const AVCodec *codec)
{
    const char *name = decode_hardware_names[kind->kind];
    h->format = device_format(codec, kind->type);
    if (h->format == AV_PIX_FMT_NONE) {
        note(h, name, "not for this codec");
        return false;
    }
    const char *device = conf->device[0] ? conf->device : NULL;
    int rc = av_hwdevice_ctx_create(&h->device, kind->type, device, NULL, 0);
    if (rc < 0)
        note(h, name,
             rc == AVERROR_EXTERNAL || rc == AVERROR(EIO) ? "no usable device" : av_err2str(rc));
    return rc >= 0;
}

/* Codec chips are among the video devices, but so is every webcam: only opening the decoder tells.
 */
static bool any_video_device(void)
{
    glob_t found = {0};
    bool any = glob("/dev/video*", 0, NULL, &found) == 0 && found.gl_pathc > 0;
    globfree(&found);
    return any;
}

static bool try_named(struct hardware *h, enum AVCodecID codec_id)
{
    if (!any_video_device()) {
        note(h, "v4l2", "no usable device");
        return false;
    }
    char name[64];
    snprintf(name, sizeof name, "%s_v4l2m2m", avcodec_get_name(codec_id));
    h->codec = avcodec_find_decoder_by_name(name);
    h->format = AV_PIX_FMT_NONE;
    if (!h->codec)
        note(h, "v4l2", "not for this codec");
    return h->codec != NULL;
}

void hardware_find(struct hardware *h, const struct decode_conf *conf, enum AVCodecID codec_id)
{
    *h = (struct hardware){.kind = DECODE_OFF, .format = AV_PIX_FMT_NONE};
    const AVCodec *codec = avcodec_find_decoder(codec_id);
    for (size_t i = 0; codec && i < ARRAY_LEN(kinds); i++) {
        const struct kind *kind = &kinds[i];
        if (conf->hardware != DECODE_AUTO && conf->hardware != (int)kind->kind)
            continue;
        bool found = kind->type == AV_HWDEVICE_TYPE_NONE ? try_named(h, codec_id)
                                                         : try_device(h, kind, conf, codec);
        if (found) {
            h->kind = kind->kind;
            return;
        }
    }
}

void hardware_done(struct hardware *h)
{
    av_buffer_unref(&h->device);
    *h = (struct hardware){.kind = DECODE_OFF, .format = AV_PIX_FMT_NONE};
}

void hardware_give_up(struct hardware *h, const char *why)
{
    struct hardware before = *h;
    hardware_done(h);
    STR_COPY(h->reason, before.reason);
    note(h, decode_hardware_names[before.kind], why);
}

/* libavcodec asks with every new stream: the hardware's format if it is offered, else the best of
 * the others, which is software. */
static enum AVPixelFormat choose_format(AVCodecContext *context, const enum AVPixelFormat *offered)
{
    const struct hardware *h = context->opaque;
    for (const enum AVPixelFormat *f = offered; *f != AV_PIX_FMT_NONE; f++)
        if (*f == h->format)
            return *f;
    return avcodec_default_get_format(context, offered);
}

void hardware_attach(struct hardware *h, AVCodecContext *context)
{
    if (!h->device)
        return;
    context->opaque = h;
    context->get_format = choose_format;
    context->hw_device_ctx = av_buffer_ref(h->device);
}

bool hardware_fetch(const struct hardware *h, AVFrame *picture)
{
    if (h->format == AV_PIX_FMT_NONE || picture->format != h->format)
        return true;
    AVFrame *plain = av_frame_alloc();
    bool ok = plain && picture->hw_frames_ctx && av_hwframe_transfer_data(plain, picture, 0) >= 0 &&
              av_frame_copy_props(plain, picture) >= 0;
    if (ok) {
        av_frame_unref(picture);
        av_frame_move_ref(picture, plain);
    }
    av_frame_free(&plain);
    return ok;
}
