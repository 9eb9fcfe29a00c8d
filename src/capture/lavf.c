/* Cameras over RTSP and RTSPS, and every file libavformat reads. */
#include "capture/capture.h"

#include "capture/net.h"
#include "capture/timeline.h"

#include <ctype.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MISSING_US (2 * US_PER_S) /* a recording that lacks less, or a twentieth, is whole */
#define RATE_USUAL 25 /* pictures a second, of a recording that says nothing about time */

/* libavformat's own clock for sockets must never be the first: ours knows what it waits for. */
#define SOCKET_TIMEOUT_US (3600 * US_PER_S)
#define KNOCK_US          (1 * US_PER_S)
#define CLOSE_US          (1 * US_PER_S)
#define DAMAGED_MAX       1000 /* errors in a row, of a stream that goes on nevertheless */
/* A packet that is no video weighs so much, one that may be takes one off. Noise is half and half,
 * and is known after some ten packets; a stream with a few bad packets is only that. */
#define NOISE_STEP 8
#define NOISE_MAX  32

struct lavf {
    AVFormatContext *input;
    struct stream *stream;
    int index; /* of the video stream */
    bool live;
    int64_t creation_wall_us; /* of the recording, TIME_UNKNOWN if it does not say */
    int64_t last_us;          /* own stamp of the last picture, TIME_UNKNOWN before it */
    int64_t unstamped;        /* packets of a recording without stamps */
    const atomic_bool *stop;
    const struct capture_limits *limits; /* NULL: timeout_us for each */
    int64_t timeout_us;
    int64_t limit_us;    /* of what is going on */
    int64_t deadline_us; /* monotonic; a blocking call is given up after it */
    bool late;           /* it was */
    bool opened;
    int noise;
    enum camera_cause cause; /* of the failure */
    struct clock_offset offset;
};

static bool is_rtsp(const char *url)
{
    return strncasecmp(url, "rtsp://", 7) == 0 || strncasecmp(url, "rtsps://", 8) == 0;
}

static bool lavf_accepts(const char *url)
{
    (void)url;
    return true; /* last in the list: what nobody else wants is a file or an address */
}

static bool lavf_live(const char *url)
{
    return is_rtsp(url);
}

/* libavformat asks this while it blocks. */
static int should_give_up(void *ctx)
{
    struct lavf *l = ctx;
    if (clock_mono_us(&clock_real) > l->deadline_us)
        l->late = true;
    return l->late || atomic_load_explicit(l->stop, memory_order_relaxed);
}

/* From now on there is this much time. */
static void allow(struct lavf *l, int64_t us)
{
    l->late = false;
    l->limit_us = us;
    l->deadline_us = clock_mono_us(&clock_real) + us;
}

static void lavf_limit(void *priv, const struct capture_limits *limits)
{
    struct lavf *l = priv;
    l->limits = limits;
}

static bool fail_late(struct lavf *l, const char *doing, struct err *err)
{
    double s = (double)l->limit_us / US_PER_S;
    l->cause = l->opened ? CAUSE_SILENT : CAUSE_TIMEOUT;
    if (l->opened)
        return err_set(err, ERR_UNAVAILABLE, "%s: no picture for %.3g s", doing, s);
    return err_set(err, ERR_UNAVAILABLE, "%s: no answer for %.3g s", doing, s);
}

static bool fail(struct lavf *l, int rc, const char *doing, struct err *err)
{
    if (atomic_load_explicit(l->stop, memory_order_relaxed))
        return err_set(err, ERR_CANCELLED, "stopped");
    if (l->late)
        return fail_late(l, doing, err);
    if (l->live)
        return net_fail(rc, doing, &l->cause, err);
    return err_set(err, net_code(rc, &l->cause), "%s: %s", doing, av_err2str(rc));
}

static size_t scheme_bytes(const char *url)
{
    size_t n = 0;
    while (isalnum((unsigned char)url[n]) || (url[n] && strchr("+-.", url[n])))
        n++;
    return strncmp(url + n, "://", 3) == 0 ? n : 0;
}

/* "192.168.1.20", "10.0.0.5:554": nobody calls a recording like that. */
static bool is_bare_host(const char *url)
{
    size_t digits = strspn(url, "0123456789.");
    int dots = 0;
    for (size_t i = 0; i < digits; i++)
        dots += url[i] == '.';
    return digits > 0 && dots == 3 && (url[digits] == '\0' || strchr(":/", url[digits]));
}

static bool lavf_check(const char *url, struct err *err)
{
    if (is_bare_host(url)) {
        err_set(err, ERR_INVALID, "the address does not say how the camera speaks");
        err_hint(err, "write rtsp://%.80s, or http:// before it", url);
        return false;
    }
    int scheme = (int)scheme_bytes(url);
    if (scheme > 0 && !is_rtsp(url)) {
        err_set(err, ERR_INVALID, "addresses with %.*s:// cannot be watched", MIN(scheme, 16), url);
        err_hint(err, "rtsp://, rtsps://, http:// or https:// and a camera, the path of a "
                      "recording, or scene");
        return false;
    }
    return !is_rtsp(url) || net_check(url, err);
}

static bool lavf_is_file(const char *url)
{
    return scheme_bytes(url) == 0;
}

/* What libavformat opens; never to be shown. A path is marked as one, because "12:30.mp4" alone
 * would be an address of the unknown kind "12". */
static void build_url(const struct capture_conf *conf, char out[NET_URL_BYTES])
{
    if (is_rtsp(conf->url))
        net_login(conf, out);
    else
        snprintf(out, NET_URL_BYTES, "file:%s", conf->url);
}

/* What libavformat calls invalid data is also what it says when the greeting was cut off. */
static bool fail_connecting(struct lavf *l, int rc, const char *url, struct err *err)
{
    bool plain = strncasecmp(url, "rtsp:", 5) == 0;
    if (rc != AVERROR_INVALIDDATA || l->late || !plain)
        return fail(l, rc, "cannot connect", err);
    enum camera_cause cause = net_knock(url, KNOCK_US, l->stop);
    fail(l, rc, "cannot connect", err);
    if (cause == CAUSE_NONE || cause == CAUSE_GARBAGE)
        return false;
    l->cause = CAUSE_ENDED;
    return err_set(err, ERR_UNAVAILABLE, "cannot connect: the camera closed the connection");
}

static void choose_options(const struct capture_conf *conf, AVDictionary **options)
{
    /* A file may name other files (playlists), but nothing reaches from a file into the network. */
    if (!is_rtsp(conf->url)) {
        av_dict_set(options, "protocol_whitelist", "file,crypto,data", 0);
        if (conf->formats)
            av_dict_set(options, "format_whitelist", conf->formats, 0);
        return;
    }
    av_dict_set(options, "protocol_whitelist", "rtsp,rtsps,rtp,srtp,udp,tcp,tls", 0);
    av_dict_set(options, "rtsp_transport", conf->transport == TRANSPORT_UDP ? "udp" : "tcp", 0);
    av_dict_set_int(options, "timeout", SOCKET_TIMEOUT_US, 0);
    av_dict_set(options, "allowed_media_types", "video", 0);
}

static bool connect_input(struct lavf *l, const struct capture_conf *conf, struct err *err)
{
    if (!lavf_check(conf->url, err))
        return false;
    if (l->live && !net_resolve(conf->url, err)) {
        l->cause = CAUSE_NAME;
        return false;
    }
    char url[NET_URL_BYTES];
    build_url(conf, url);
    AVDictionary *options = NULL;
    choose_options(conf, &options);
    l->input = avformat_alloc_context();
    ASSERT(l->input);
    l->input->interrupt_callback = (AVIOInterruptCB){should_give_up, l};
    int rc = avformat_open_input(&l->input, url, NULL, &options);
    av_dict_free(&options);
    memset(url, 0, sizeof url);
    if (rc < 0 && l->live)
        return fail_connecting(l, rc, conf->url, err);
    if (rc < 0)
        return fail(l, rc, "cannot open", err);
    /* A camera's description has said all there is to know: looking at its pictures as well would
     * only make the first ones late. */
    rc = l->live ? 0 : avformat_find_stream_info(l->input, NULL);
    return rc >= 0 || fail(l, rc, "cannot read the stream", err);
}

static void read_creation_time(struct lavf *l)
{
    l->creation_wall_us = TIME_UNKNOWN;
    const AVDictionaryEntry *tag = av_dict_get(l->input->metadata, "creation_time", NULL, 0);
    int64_t wall_us;
    /* Recorders without a clock write the epoch of 1904 or 1970. */
    if (tag && time_parse(tag->value, &wall_us) && wall_us > INT64_C(946684800) * US_PER_S)
        l->creation_wall_us = wall_us;
}

static bool lavf_open(void *priv, const struct capture_conf *conf, const atomic_bool *stop,
                      struct err *err)
{
    struct lavf *l = priv;
    l->stop = stop;
    l->last_us = TIME_UNKNOWN;
    l->live = is_rtsp(conf->url);
    l->timeout_us = conf->timeout_us;
    allow(l, l->limits ? l->limits->open_us : l->timeout_us);
    if (!connect_input(l, conf, err))
        return false;
    l->index = av_find_best_stream(l->input, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    if (l->index < 0) {
        l->cause = CAUSE_GARBAGE;
        return err_set(err, ERR_INVALID, "there is no video in it");
    }
    for (unsigned i = 0; i < l->input->nb_streams; i++)
        if ((int)i != l->index)
            l->input->streams[i]->discard = AVDISCARD_ALL;
    const AVStream *video = l->input->streams[l->index];
    AVCodecParameters *params = avcodec_parameters_alloc();
    ASSERT(params);
    if (avcodec_parameters_copy(params, video->codecpar) < 0) {
        avcodec_parameters_free(&params);
        return err_set(err, ERR_EXHAUSTED, "no memory for the stream's parameters");
    }
    l->stream = stream_new(params, video->time_base.num, video->time_base.den);
    read_creation_time(l);
    l->opened = true;
    return true;
}

/* Bare streams (.h264, .265) carry no stamps: their pictures follow each other at the rate they
 * declare. */
static int64_t counted_stamp_us(struct lavf *l)
{
    const AVStream *video = l->input->streams[l->index];
    AVRational rate = video->avg_frame_rate.num > 0 ? video->avg_frame_rate : video->r_frame_rate;
    if (rate.num <= 0 || rate.den <= 0)
        rate = (AVRational){RATE_USUAL, 1};
    return av_rescale_q(l->unstamped++, av_inv_q(rate), AV_TIME_BASE_Q);
}

/* The camera's own time of this picture, which libavformat knows from its latest sender report. */
static void note_sender_report(struct lavf *l, const AVPacket *av)
{
    size_t bytes = 0;
    const uint8_t *data = av_packet_get_side_data(av, AV_PKT_DATA_PRFT, &bytes);
    if (!data || bytes < sizeof(AVProducerReferenceTime))
        return;
    AVProducerReferenceTime reported;
    memcpy(&reported, data, sizeof reported);
    clock_offset_note(&l->offset, reported.wallclock, clock_wall_us(&clock_real));
}

static struct packet *wrap(struct lavf *l, AVPacket *av)
{
    const AVStream *video = l->input->streams[l->index];
    struct packet *p = packet_new(av, l->stream);
    int64_t stamp = av->pts != AV_NOPTS_VALUE ? av->pts : av->dts;
    /* Of a live stream it only becomes known on the way; its stamps have no zero to count from. */
    bool zero = !l->live && video->start_time != AV_NOPTS_VALUE;
    int64_t start = zero ? video->start_time : 0;
    int64_t since_start;
    bool known = stamp != AV_NOPTS_VALUE && !__builtin_sub_overflow(stamp, start, &since_start);
    p->pts_us = known ? av_rescale_q(since_start, video->time_base, AV_TIME_BASE_Q) : TIME_UNKNOWN;
    if (p->pts_us < -STAMP_MAX_US || p->pts_us > STAMP_MAX_US)
        p->pts_us = TIME_UNKNOWN;
    if (stamp == AV_NOPTS_VALUE && !l->live)
        p->pts_us = counted_stamp_us(l);
    if (l->creation_wall_us != TIME_UNKNOWN && p->pts_us != TIME_UNKNOWN)
        p->wall_us = l->creation_wall_us + p->pts_us;
    p->key = av->flags & AV_PKT_FLAG_KEY;
    if (p->pts_us != TIME_UNKNOWN)
        l->last_us = p->pts_us;
    return p;
}

/* Length of the recording's video by its own index or header; TIME_UNKNOWN where it would be a
 * guess. */
static int64_t promised_us(const struct lavf *l)
{
    const AVStream *video = l->input->streams[l->index];
    if (video->duration > 0)
        return av_rescale_q(video->duration, video->time_base, AV_TIME_BASE_Q);
    bool own = l->input->nb_streams == 1 && l->input->duration > 0 &&
               l->input->duration_estimation_method == AVFMT_DURATION_FROM_STREAM;
    return own ? l->input->duration : TIME_UNKNOWN;
}

/* libavformat also calls it the end where a recording was cut off: by a crash, a full disk, a copy
 * that stopped. */
static bool check_whole(const struct lavf *l, struct err *err)
{
    int64_t whole_us = l->live ? TIME_UNKNOWN : promised_us(l);
    if (l->last_us == TIME_UNKNOWN || whole_us == TIME_UNKNOWN ||
        l->last_us + MAX(whole_us / 20, MISSING_US) >= whole_us)
        return true;
    return err_set(err, ERR_DATA_LOSS, "ends at %.1f s of %.1f s: damaged or cut off",
                   (double)l->last_us / US_PER_S, (double)whole_us / US_PER_S);
}

static bool fail_reading(struct lavf *l, int rc, struct err *err)
{
    fail(l, rc, l->live ? "connection lost" : "cannot read on", err);
    if (!l->live && l->last_us != TIME_UNKNOWN && err && err->code != ERR_CANCELLED)
        err->code = ERR_DATA_LOSS;
    return false;
}

/* Whether a live stream may go on behind this error. */
static bool is_passing(const struct lavf *l, int rc, int damaged)
{
    return rc == AVERROR(EAGAIN) || (rc == AVERROR_INVALIDDATA && l->live && damaged < DAMAGED_MAX);
}

static bool is_plausible_unit(enum AVCodecID codec, uint8_t head, uint8_t next)
{
    if (head & 0x80) /* forbidden in both */
        return false;
    if (codec == AV_CODEC_ID_HEVC) /* some picture, parameters or message of the base layer */
        return head >> 1 < 41 && !(head & 1) && next >> 3 == 0 && (next & 7) != 0;
    return (head & 31) != 0 && (head & 31) < 22;
}

/* Whether all units of a packet off the network may be of such video. libavformat passes everything
 * on that has the right RTP header. */
static bool is_plausible(enum AVCodecID codec, const AVPacket *av)
{
    if (codec != AV_CODEC_ID_H264 && codec != AV_CODEC_ID_HEVC)
        return true;
    const uint8_t *end = av->data + av->size;
    int units = 0;
    for (const uint8_t *at = av->data; at + 4 < end; at++) {
        at = memchr(at, 1, (size_t)(end - at));
        if (!at || end - at < 3)
            break;
        if (at - av->data < 2 || at[-1] != 0 || at[-2] != 0)
            continue;
        units++;
        if (!is_plausible_unit(codec, at[1], at[2]))
            return false;
    }
    return units > 0;
}

/* False: the packet is to be dropped. */
static bool count_noise(struct lavf *l, const AVPacket *av)
{
    bool good = !l->live || is_plausible(l->input->streams[l->index]->codecpar->codec_id, av);
    l->noise = good ? MAX(l->noise - 1, 0) : l->noise + NOISE_STEP;
    return good;
}

static bool lavf_read(void *priv, struct packet **ret, struct err *err)
{
    struct lavf *l = priv;
    if (l->late) /* libavformat answered with the picture that it still had, not with the failure */
        return fail_reading(l, AVERROR_EXIT, err);
    /* Only the video's own packets count: sound alone is a loss as well. */
    allow(l, l->limits && l->live ? l->limits->read_us : l->timeout_us);
    for (int damaged = 0;;) {
        AVPacket *av = av_packet_alloc();
        ASSERT(av);
        int rc = av_read_frame(l->input, av);
        if (rc >= 0 && av->stream_index == l->index && count_noise(l, av)) {
            note_sender_report(l, av);
            *ret = wrap(l, av);
            return true;
        }
        av_packet_free(&av);
        if (rc == AVERROR_EOF) {
            *ret = NULL;
            l->cause = CAUSE_ENDED;
            return check_whole(l, err);
        }
        if (rc < 0 && !is_passing(l, rc, damaged))
            return fail_reading(l, rc, err);
        if (l->noise >= NOISE_MAX) {
            l->cause = CAUSE_GARBAGE;
            return err_set(err, ERR_UNAVAILABLE, "what the camera sends is no video");
        }
        damaged += rc < 0;
        if (should_give_up(l))
            return fail_reading(l, AVERROR_EXIT, err);
    }
}

static enum camera_cause lavf_cause(const void *priv)
{
    const struct lavf *l = priv;
    return l->cause;
}

static int64_t lavf_clock_offset_us(const void *priv)
{
    const struct lavf *l = priv;
    return l->offset.known ? l->offset.us : TIME_UNKNOWN;
}

static int64_t lavf_duration_us(const void *priv)
{
    const struct lavf *l = priv;
    int64_t us = l->input ? l->input->duration : AV_NOPTS_VALUE;
    return us > 0 ? us : TIME_UNKNOWN;
}

static void lavf_close(void *priv)
{
    struct lavf *l = priv;
    stream_unref(&l->stream);
    /* Closing says goodbye to the camera; it must not take longer than connecting. */
    allow(l, MIN(l->timeout_us, CLOSE_US));
    avformat_close_input(&l->input);
}

const struct capture_ops capture_lavf = {
    .name = "lavf",
    .priv_size = sizeof(struct lavf),
    .accepts = lavf_accepts,
    .check = lavf_check,
    .limit = lavf_limit,
    .open = lavf_open,
    .read = lavf_read,
    .close = lavf_close,
    .cause = lavf_cause,
    .live = lavf_live,
    .is_file = lavf_is_file,
    .duration_us = lavf_duration_us,
    .clock_offset_us = lavf_clock_offset_us,
};
