/* Cameras over RTSP and RTSPS, and every file libavformat reads. */
#include "capture/capture.h"

#include "capture/timeline.h"

#include <ctype.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PROBE_US    "2000000" /* longest look at a live stream before its first picture */
#define PROBE_BYTES "2000000"
#define MISSING_US  (2 * US_PER_S) /* a recording that lacks less, or a twentieth, is whole */
#define RATE_USUAL  25 /* pictures a second, of a recording that says nothing about time */

struct lavf {
    AVFormatContext *input;
    struct stream *stream;
    int index; /* of the video stream */
    bool live;
    int64_t creation_wall_us; /* of the recording, TIME_UNKNOWN if it does not say */
    int64_t last_us;          /* own stamp of the last picture, TIME_UNKNOWN before it */
    int64_t unstamped;        /* packets of a recording without stamps */
    const atomic_bool *stop;
    int64_t deadline_us; /* monotonic; a blocking call is given up after it */
    int64_t timeout_us;
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
    return atomic_load_explicit(l->stop, memory_order_relaxed) ||
           clock_mono_us(&clock_real) > l->deadline_us;
}

static void extend_deadline(struct lavf *l)
{
    l->deadline_us = clock_mono_us(&clock_real) + l->timeout_us;
}

static enum err_code code_of(int rc)
{
    switch (rc) {
    case AVERROR(ENOENT):
    case AVERROR_HTTP_NOT_FOUND:
    case AVERROR_STREAM_NOT_FOUND:
        return ERR_NOT_FOUND;
    case AVERROR_HTTP_UNAUTHORIZED:
    case AVERROR_HTTP_FORBIDDEN:
        return ERR_DENIED;
    case AVERROR_INVALIDDATA:
    case AVERROR_PROTOCOL_NOT_FOUND:
    case AVERROR_DECODER_NOT_FOUND:
        return ERR_INVALID;
    case AVERROR_EXIT:
        return ERR_CANCELLED;
    default:
        return ERR_UNAVAILABLE;
    }
}

static bool fail(const struct lavf *l, int rc, const char *doing, struct err *err)
{
    if (atomic_load_explicit(l->stop, memory_order_relaxed))
        return err_set(err, ERR_CANCELLED, "stopped");
    if (rc == AVERROR_EXIT || rc == AVERROR(ETIMEDOUT))
        return err_set(err, ERR_UNAVAILABLE, "%s: no answer for %lld s", doing,
                       (long long)(l->timeout_us / US_PER_S));
    if (code_of(rc) != ERR_DENIED)
        return err_set(err, code_of(rc), "%s: %s", doing, av_err2str(rc));
    err_set(err, ERR_DENIED, "%s: the camera refuses this username and password", doing);
    err_hint(err, "check both; cameras lock out who tries too often");
    return false;
}

/* Percent-encodes what may not stand in the user information of a URL (RFC 3986 3.2.1). */
static void encode(const char *text, char *out, size_t bytes)
{
    size_t n = 0;
    for (; *text && n + 4 <= bytes; text++) {
        unsigned char c = (unsigned char)*text;
        if (isalnum(c) || strchr("-._~", c))
            out[n++] = (char)c;
        else
            n += (size_t)snprintf(out + n, bytes - n, "%%%02X", c);
    }
    out[n] = '\0';
}

static size_t scheme_bytes(const char *url)
{
    size_t n = 0;
    while (isalnum((unsigned char)url[n]) || (url[n] && strchr("+-.", url[n])))
        n++;
    return strncmp(url + n, "://", 3) == 0 ? n : 0;
}

static bool lavf_check(const char *url, struct err *err)
{
    int scheme = (int)scheme_bytes(url);
    if (scheme > 0 && !is_rtsp(url)) {
        err_set(err, ERR_INVALID, "addresses with %.*s:// cannot be watched", MIN(scheme, 16), url);
        err_hint(err, "rtsp:// or rtsps:// and a camera, the path of a recording, or scene");
        return false;
    }
    if (is_rtsp(url) && url[strcspn(url, " \t")]) {
        err_set(err, ERR_INVALID, "the address has a blank in it");
        err_hint(err, "write it as %%20; better a password with such letters as 'password: ...'");
        return false;
    }
    return true;
}

static bool lavf_is_file(const char *url)
{
    return scheme_bytes(url) == 0;
}

/* The address with username and password in it; never to be shown. A path is marked as one, because
 * "12:30.mp4" alone would be an address of the unknown kind "12". */
static void build_url(const struct capture_conf *conf, char *out, size_t bytes)
{
    const char *rest = strstr(conf->url, "://");
    if (!is_rtsp(conf->url)) {
        snprintf(out, bytes, "file:%s", conf->url);
        return;
    }
    if (!conf->username[0] || !rest) {
        str_copy(out, bytes, conf->url);
        return;
    }
    char user[3 * sizeof conf->username];
    char password[3 * sizeof conf->password];
    encode(conf->username, user, sizeof user);
    encode(conf->password, password, sizeof password);
    snprintf(out, bytes, "%.*s://%s:%s@%s", (int)(rest - conf->url), conf->url, user, password,
             rest + 3);
}

static bool connect_input(struct lavf *l, const struct capture_conf *conf, struct err *err)
{
    bool rtsp = is_rtsp(conf->url);
    if (!lavf_check(conf->url, err))
        return false;
    char url[CAPTURE_URL_BYTES + 3 * (sizeof conf->username + sizeof conf->password) + 8];
    build_url(conf, url, sizeof url);
    AVDictionary *options = NULL;
    /* A file may name other files (playlists), but nothing reaches from a file into the network. */
    av_dict_set(&options, "protocol_whitelist",
                rtsp ? "rtsp,rtsps,rtp,srtp,udp,tcp,tls" : "file,crypto,data", 0);
    if (rtsp) {
        av_dict_set(&options, "rtsp_transport", conf->transport == TRANSPORT_UDP ? "udp" : "tcp",
                    0);
        av_dict_set_int(&options, "timeout", conf->timeout_us, 0);
        av_dict_set(&options, "allowed_media_types", "video", 0);
        av_dict_set(&options, "analyzeduration", PROBE_US, 0);
        av_dict_set(&options, "probesize", PROBE_BYTES, 0);
    }
    l->input = avformat_alloc_context();
    ASSERT(l->input);
    l->input->interrupt_callback = (AVIOInterruptCB){should_give_up, l};
    int rc = avformat_open_input(&l->input, url, NULL, &options);
    av_dict_free(&options);
    memset(url, 0, sizeof url);
    if (rc < 0)
        return fail(l, rc, rtsp ? "cannot connect" : "cannot open", err);
    extend_deadline(l);
    rc = avformat_find_stream_info(l->input, NULL);
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
    extend_deadline(l);
    if (!connect_input(l, conf, err))
        return false;
    l->index = av_find_best_stream(l->input, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    if (l->index < 0)
        return err_set(err, ERR_INVALID, "there is no video in it");
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

static struct packet *wrap(struct lavf *l, AVPacket *av)
{
    const AVStream *video = l->input->streams[l->index];
    struct packet *p = packet_new(av, l->stream);
    int64_t stamp = av->pts != AV_NOPTS_VALUE ? av->pts : av->dts;
    int64_t start = video->start_time != AV_NOPTS_VALUE ? video->start_time : 0;
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

static bool fail_reading(const struct lavf *l, int rc, struct err *err)
{
    fail(l, rc, l->live ? "connection lost" : "cannot read on", err);
    if (!l->live && l->last_us != TIME_UNKNOWN && err && err->code != ERR_CANCELLED)
        err->code = ERR_DATA_LOSS;
    return false;
}

static bool lavf_read(void *priv, struct packet **ret, struct err *err)
{
    struct lavf *l = priv;
    for (;;) {
        AVPacket *av = av_packet_alloc();
        ASSERT(av);
        extend_deadline(l);
        int rc = av_read_frame(l->input, av);
        if (rc >= 0 && av->stream_index == l->index) {
            *ret = wrap(l, av);
            return true;
        }
        av_packet_free(&av);
        if (rc == AVERROR_EOF) {
            *ret = NULL;
            return check_whole(l, err);
        }
        if (rc < 0 && rc != AVERROR(EAGAIN))
            return fail_reading(l, rc, err);
    }
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
    extend_deadline(l);
    avformat_close_input(&l->input);
}

const struct capture_ops capture_lavf = {
    .name = "lavf",
    .priv_size = sizeof(struct lavf),
    .accepts = lavf_accepts,
    .check = lavf_check,
    .open = lavf_open,
    .read = lavf_read,
    .close = lavf_close,
    .live = lavf_live,
    .is_file = lavf_is_file,
    .duration_us = lavf_duration_us,
};
