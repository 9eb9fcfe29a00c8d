/* The scene as a camera: uncompressed pictures from the URL "scene" or "scene:SEED". */
#include "capture/capture.h"
#include "capture/scene/scene.h"

#include <errno.h>
#include <libavcodec/codec_par.h>
#include <libavcodec/packet.h>
#include <libavutil/pixfmt.h>
#include <stdlib.h>
#include <string.h>

#define SCENE_URL "scene"

struct scene_source {
    struct scene *scene;
    struct frame *frame; /* painted anew for every packet */
    struct stream *stream;
    const atomic_bool *stop;
    int64_t next; /* picture, from 0 */
};

static bool scene_accepts(const char *url)
{
    size_t n = strlen(SCENE_URL);
    return strncmp(url, SCENE_URL, n) == 0 && (url[n] == '\0' || url[n] == ':');
}

static bool parse_seed(const char *url, uint64_t *ret, struct err *err)
{
    const char *text = url + strlen(SCENE_URL);
    *ret = SCENE_SEED;
    if (*text == '\0')
        return true;
    text++;
    errno = 0;
    char *end;
    unsigned long long seed = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno) {
        err_set(err, ERR_INVALID, "scene seed '%.40s' is not a whole number below 2^64", text);
        err_hint(err, "write \"scene\", or \"scene:42\" for another street");
        return false;
    }
    *ret = seed;
    return true;
}

static bool scene_check(const char *url, struct err *err)
{
    uint64_t seed;
    return parse_seed(url, &seed, err);
}

static bool scene_is_file(const char *url)
{
    (void)url;
    return false;
}

static struct stream *raw_stream(void)
{
    AVCodecParameters *params = avcodec_parameters_alloc();
    ASSERT(params);
    params->codec_type = AVMEDIA_TYPE_VIDEO;
    params->codec_id = AV_CODEC_ID_RAWVIDEO;
    params->format = AV_PIX_FMT_YUV420P;
    params->width = SCENE_WIDTH;
    params->height = SCENE_HEIGHT;
    params->color_range = AVCOL_RANGE_MPEG;
    params->color_space = AVCOL_SPC_SMPTE170M;
    return stream_new(params, 1, SCENE_FPS);
}

static bool scene_open(void *priv, const struct capture_conf *conf, const atomic_bool *stop,
                       struct err *err)
{
    struct scene_source *s = priv;
    uint64_t seed;
    if (!parse_seed(conf->url, &seed, err))
        return false;
    s->frame = frame_alloc(SCENE_WIDTH, SCENE_HEIGHT);
    if (!s->frame)
        return err_set(err, ERR_EXHAUSTED, "no memory for the scene's picture");
    s->scene = scene_new(seed, SCENE_STREET);
    s->stream = raw_stream();
    s->stop = stop;
    return true;
}

/* Planes one after the other without padding, as rawvideo wants them. */
static void pack(const struct frame *frame, uint8_t *out)
{
    for (int p = 0; p < 3; p++) {
        int rows = p ? SCENE_HEIGHT / 2 : SCENE_HEIGHT;
        size_t bytes = p ? SCENE_WIDTH / 2 : SCENE_WIDTH;
        for (int y = 0; y < rows; y++, out += bytes)
            memcpy(out, frame->plane[p] + (ptrdiff_t)y * frame->stride[p], bytes);
    }
}

static bool scene_read(void *priv, struct packet **ret, struct err *err)
{
    struct scene_source *s = priv;
    if (atomic_load_explicit(s->stop, memory_order_relaxed))
        return err_set(err, ERR_CANCELLED, "stopped");
    int64_t t_us = s->next * SCENE_FRAME_US;
    if (t_us >= SCENE_DAY_US) {
        *ret = NULL;
        return true;
    }
    AVPacket *av = av_packet_alloc();
    if (!av || av_new_packet(av, SCENE_WIDTH * SCENE_HEIGHT * 3 / 2) < 0) {
        av_packet_free(&av);
        return err_set(err, ERR_EXHAUSTED, "no memory for a picture of the scene");
    }
    scene_render(s->scene, t_us, s->frame);
    pack(s->frame, av->data);
    av->pts = av->dts = s->next++;
    av->duration = 1;
    av->flags |= AV_PKT_FLAG_KEY;
    *ret = packet_new(av, s->stream);
    (*ret)->pts_us = t_us;
    (*ret)->key = true;
    return true;
}

static void scene_close(void *priv)
{
    struct scene_source *s = priv;
    stream_unref(&s->stream);
    frame_unref(&s->frame);
    scene_free(&s->scene);
}

/* Pictures come as fast as they are asked for; capture gives them their pace. */
static bool scene_live(const char *url)
{
    (void)url;
    return false;
}

static int64_t scene_duration_us(const void *priv)
{
    (void)priv;
    return SCENE_DAY_US;
}

const struct capture_ops capture_scene = {
    .name = "scene",
    .priv_size = sizeof(struct scene_source),
    .accepts = scene_accepts,
    .check = scene_check,
    .open = scene_open,
    .read = scene_read,
    .close = scene_close,
    .live = scene_live,
    .is_file = scene_is_file,
    .duration_us = scene_duration_us,
};
