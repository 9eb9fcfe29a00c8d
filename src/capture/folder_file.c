#include "capture/folder_file.h"

#include "capture/folder_picture.h"
#include "model/frame.h"

#include <errno.h>
#include <fcntl.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/avstring.h>
#include <libavutil/pixdesc.h>
#include <libavutil/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES    (256 * 1024)
#define SNIFF_BYTES   (256 * 1024)
#define OVERSIZE_HEAD (1024 * 1024) /* what stands for a file that is too large to be read */

/* Nothing that names other files (play lists), and no picture that is told apart below. */
const char file_clip_formats[] = "mov,matroska,avi,mpegts,mpeg,mpegvideo,flv,asf,h264,hevc,m4v,"
                                 "mjpeg,mpjpeg,ogg,ivf,dhav";

static const struct {
    const char *format;
    enum AVCodecID codec;
} stills[] = {
    {"png_pipe", AV_CODEC_ID_PNG},
    {"webp_pipe", AV_CODEC_ID_WEBP},
    {"bmp_pipe", AV_CODEC_ID_BMP},
    {"tiff_pipe", AV_CODEC_ID_TIFF},
};

bool file_open(int root, const struct watch_item *item, int64_t now_wall_us,
               struct folder_file *ret, struct err *err)
{
    *ret = (struct folder_file){.fd = -1};
    int fd = watch_open_below(root, item->path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        bool gone = errno == ENOENT || errno == ENOTDIR || errno == ELOOP;
        return err_set(err, gone ? ERR_NOT_FOUND : ERR_UNAVAILABLE, "cannot be read: %s",
                       strerror(errno));
    }
    struct stat st;
    struct file_id id = {0};
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        id = file_id_of(&st);
    if (!file_id_same(&id, &item->id)) {
        close(fd);
        return err_set(err, ERR_NOT_FOUND, "has changed");
    }
    *ret = (struct folder_file){.fd = fd, .id = id, .changed = st.st_ctim};
    ret->written_us = MIN(id.mtime_ns / 1000, now_wall_us);
    snprintf(ret->path, sizeof ret->path, "/proc/self/fd/%d", fd);
    return true;
}

void file_close(struct folder_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}

bool file_is_unchanged(const struct folder_file *f)
{
    struct stat st;
    if (fstat(f->fd, &st) != 0)
        return false;
    struct file_id id = file_id_of(&st);
    return file_id_same(&id, &f->id) && st.st_ctim.tv_sec == f->changed.tv_sec &&
           st.st_ctim.tv_nsec == f->changed.tv_nsec;
}

/* Up to bytes from offset; fewer only at the end. -1 and errno. */
static ssize_t read_at(int fd, void *out, size_t bytes, int64_t offset)
{
    size_t got = 0;
    while (got < bytes) {
        ssize_t n = pread(fd, (char *)out + got, bytes - got, offset + (int64_t)got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        got += (size_t)n;
    }
    return (ssize_t)got;
}

bool file_hash(struct folder_file *f, const atomic_bool *stop, struct err *err)
{
    bool oversize = f->id.bytes > FILE_BYTES_MAX;
    int64_t end = oversize ? OVERSIZE_HEAD : f->id.bytes;
    AUTO(free_ptr) uint8_t *room = xcalloc(1, READ_BYTES);
    AUTO(free_ptr) struct AVSHA *sha = av_sha_alloc();
    ASSERT(sha && av_sha_init(sha, 256) == 0);
    for (int64_t at = 0; at < end;) {
        if (atomic_load_explicit(stop, memory_order_relaxed))
            return err_set(err, ERR_CANCELLED, "stopped");
        ssize_t n = read_at(f->fd, room, (size_t)MIN(end - at, READ_BYTES), at);
        if (n <= 0)
            return err_set(err, ERR_UNAVAILABLE, "cannot be read: %s",
                           n < 0 ? strerror(errno) : "it was cut meanwhile");
        av_sha_update(sha, room, (size_t)n);
        at += n;
    }
    if (oversize)
        av_sha_update(sha, (const uint8_t *)&f->id.bytes, sizeof f->id.bytes);
    av_sha_final(sha, f->sha256);
    return true;
}

/* The codec of a still by its first bytes and by what libavformat takes them for, which gives up on
 * a JPEG that has something behind its end, as some cameras write it. */
static enum AVCodecID still_codec(const uint8_t *head, ssize_t bytes, const char *format)
{
    if (bytes > 3 && memcmp(head, "\xff\xd8\xff", 3) == 0)
        return strcmp(format, "mjpeg") == 0 ? AV_CODEC_ID_NONE : AV_CODEC_ID_MJPEG;
    for (size_t i = 0; i < ARRAY_LEN(stills); i++)
        if (strcmp(format, stills[i].format) == 0)
            return stills[i].codec;
    return AV_CODEC_ID_NONE;
}

bool file_recognise(struct folder_file *f, struct err *err)
{
    if (f->id.bytes == 0)
        return err_set(err, ERR_INVALID, "it is empty");
    if (f->id.bytes < FILE_BYTES_MIN)
        return err_set(err, ERR_INVALID, "%lld bytes: a picture or clip has %d KiB at least",
                       (long long)f->id.bytes, FILE_BYTES_MIN / 1024);
    if (f->id.bytes > FILE_BYTES_MAX)
        return err_set(err, ERR_INVALID, "larger than %d GiB", (int)(FILE_BYTES_MAX >> 30));
    AUTO(free_ptr) uint8_t *head = xcalloc(1, SNIFF_BYTES + AVPROBE_PADDING_SIZE);
    ssize_t n = read_at(f->fd, head, SNIFF_BYTES, 0);
    if (n < 0)
        return err_set(err, ERR_UNAVAILABLE, "cannot be read: %s", strerror(errno));
    AVProbeData probe = {.filename = "", .buf = head, .buf_size = (int)n};
    int score = 0;
    const AVInputFormat *format = av_probe_input_format3(&probe, 1, &score);
    const char *name = format ? format->name : "";
    f->codec = still_codec(head, n, name);
    f->still = f->codec != AV_CODEC_ID_NONE;
    if (f->still || (format && av_match_list(name, file_clip_formats, ',')))
        return true;
    return err_set(err, ERR_INVALID, "neither a picture nor a clip%s%s%s", format ? " (" : "", name,
                   format ? ")" : "");
}

/* --- stills --- */

/* What the next stage makes 4:2:0 of. */
static bool is_usable(const AVFrame *picture)
{
    static const enum AVPixelFormat packed[] = {
        AV_PIX_FMT_NV12,    AV_PIX_FMT_NV21,  AV_PIX_FMT_GRAY8, AV_PIX_FMT_YUYV422,
        AV_PIX_FMT_UYVY422, AV_PIX_FMT_RGB24, AV_PIX_FMT_BGR24, AV_PIX_FMT_BGRA,
        AV_PIX_FMT_BGR0,    AV_PIX_FMT_RGBA,  AV_PIX_FMT_RGB0,  AV_PIX_FMT_YUV420P10LE,
    };
    for (size_t i = 0; i < ARRAY_LEN(packed); i++)
        if (picture->format == (int)packed[i])
            return true;
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(picture->format);
    return d && !(d->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_HWACCEL)) &&
           d->nb_components == 3 && d->flags & AV_PIX_FMT_FLAG_PLANAR && d->comp[1].plane == 1 &&
           d->comp[2].plane == 2 && d->comp[0].depth == 8;
}

static AVCodecContext *open_codec(const AVCodecParameters *params, bool strict)
{
    const AVCodec *codec = avcodec_find_decoder(params->codec_id);
    AVCodecContext *context = codec ? avcodec_alloc_context3(codec) : NULL;
    if (!context)
        return NULL;
    context->thread_count = 1;
    context->max_pixels = (int64_t)FRAME_SIDE_MAX * FRAME_SIDE_MAX / 4;
    if (strict)
        context->err_recognition = AV_EF_EXPLODE | AV_EF_CRCCHECK;
    if (avcodec_parameters_to_context(context, params) < 0 ||
        avcodec_open2(context, codec, NULL) < 0)
        avcodec_free_context(&context);
    return context;
}

static void free_picture(AVFrame **picture)
{
    av_frame_free(picture);
}

static void free_codec(AVCodecContext **codec)
{
    avcodec_free_context(codec);
}

static bool check_picture(const AVFrame *p, struct err *err)
{
    if (p->decode_error_flags)
        return err_set(err, ERR_INVALID, "the picture is damaged");
    if (p->width > FRAME_SIDE_MAX || p->height > FRAME_SIDE_MAX)
        return err_set(err, ERR_INVALID, "%dx%d: larger than %d on a side", p->width, p->height,
                       FRAME_SIDE_MAX);
    if (p->width < STILL_SIDE_MIN || p->height < STILL_SIDE_MIN)
        return err_set(err, ERR_INVALID, "%dx%d: smaller than %d on a side", p->width, p->height,
                       STILL_SIDE_MIN);
    const char *name = av_get_pix_fmt_name(p->format);
    return is_usable(p) ||
           err_set(err, ERR_INVALID, "pixel format %s is not supported", name ? name : "unknown");
}

static int64_t exif_us(const AVFrame *picture)
{
    const AVDictionaryEntry *at = av_dict_get(picture->metadata, "DateTimeOriginal", NULL, 0);
    const AVDictionaryEntry *zone = av_dict_get(picture->metadata, "OffsetTimeOriginal", NULL, 0);
    if (!zone)
        zone = av_dict_get(picture->metadata, "0x9011", NULL, 0);
    int64_t us;
    return at && picture_exif_time(at->value, zone ? zone->value : NULL, &us) ? us : TIME_UNKNOWN;
}

/* Decodes all of it; *ret_claimed_us: when it says it was taken. */
static bool decode_whole(const struct stream *stream, const AVPacket *av, int64_t *ret_claimed_us,
                         struct err *err)
{
    if (stream->params->codec_id == AV_CODEC_ID_MJPEG &&
        !picture_jpeg_is_whole(av->data, (size_t)av->size))
        return err_set(err, ERR_INVALID, "the picture is cut off");
    AUTO(free_codec) AVCodecContext *codec = open_codec(stream->params, true);
    if (!codec)
        return err_set(err, ERR_INVALID, "no decoder for %s",
                       avcodec_get_name(stream->params->codec_id));
    AUTO(free_picture) AVFrame *picture = av_frame_alloc();
    ASSERT(picture);
    int rc = avcodec_send_packet(codec, av);
    if (rc >= 0)
        rc = avcodec_send_packet(codec, NULL);
    if (rc >= 0)
        rc = avcodec_receive_frame(codec, picture);
    if (rc < 0)
        return err_set(err, ERR_INVALID, "the picture is damaged or cut off: %s", av_err2str(rc));
    if (!check_picture(picture, err))
        return false;
    *ret_claimed_us = exif_us(picture);
    return true;
}

static bool load(const struct folder_file *f, AVPacket **ret, struct err *err)
{
    if (f->id.bytes > STILL_BYTES_MAX)
        return err_set(err, ERR_INVALID, "a picture larger than %d MiB",
                       (int)(STILL_BYTES_MAX >> 20));
    AVPacket *av = av_packet_alloc();
    ASSERT(av);
    if (av_new_packet(av, (int)f->id.bytes) < 0) {
        av_packet_free(&av);
        return err_set(err, ERR_UNAVAILABLE, "no memory for it");
    }
    ssize_t n = read_at(f->fd, av->data, (size_t)av->size, 0);
    if (n != av->size) {
        av_packet_free(&av);
        return err_set(err, ERR_UNAVAILABLE, "cannot be read: %s",
                       n < 0 ? strerror(errno) : "it was cut meanwhile");
    }
    av->flags |= AV_PKT_FLAG_KEY;
    *ret = av;
    return true;
}

bool file_read_still(struct folder_file *f, struct stream **stream, struct packet **ret,
                     struct err *err)
{
    AVPacket *av;
    if (!load(f, &av, err))
        return false;
    if (!*stream || (*stream)->params->codec_id != (enum AVCodecID)f->codec) {
        stream_unref(stream);
        AVCodecParameters *params = avcodec_parameters_alloc();
        ASSERT(params);
        params->codec_type = AVMEDIA_TYPE_VIDEO;
        params->codec_id = f->codec;
        *stream = stream_new(params, 1, 1000000);
    }
    AUTO(packet_unref) struct packet *p = packet_new(av, *stream);
    int64_t claimed_us = TIME_UNKNOWN;
    if (!decode_whole(*stream, av, &claimed_us, err))
        return false;
    p->wall_us = picture_wall_us(claimed_us, f->written_us);
    p->pts_us = 0;
    p->key = p->still = true;
    *ret = TAKE(p);
    return true;
}

/* --- clips --- */

struct clip_check {
    AVCodecContext *codec; /* NULL: there is none */
    AVFrame *picture;
};

struct clip_check *clip_check_new(const struct stream *stream)
{
    struct clip_check *c = NEW(struct clip_check);
    c->codec = open_codec(stream->params, false);
    c->picture = av_frame_alloc();
    ASSERT(c->picture);
    return c;
}

void clip_check_free(struct clip_check **check)
{
    struct clip_check *c = *check;
    if (!c)
        return;
    avcodec_free_context(&c->codec);
    av_frame_free(&c->picture);
    free(c);
    *check = NULL;
}

bool clip_check_decodes(struct clip_check *c, const struct packet *packet)
{
    if (!c->codec)
        return false;
    avcodec_send_packet(c->codec, packet ? packet->av : NULL);
    while (avcodec_receive_frame(c->codec, c->picture) >= 0)
        if (is_usable(c->picture) && c->picture->width <= FRAME_SIDE_MAX &&
            c->picture->height <= FRAME_SIDE_MAX)
            return true;
    return false;
}
