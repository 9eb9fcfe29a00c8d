/* Cameras over HTTP and HTTPS: MJPEG, or one JPEG that is fetched again and again. libavformat
 * speaks HTTP (logging in, redirects, chunks); which pictures are in the answer is found here, so
 * that nothing in it can make us open another address. */
#include "capture/capture.h"
#include "capture/multipart.h"
#include "capture/net.h"

#include <errno.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NOTICE_US      (3 * US_PER_S)
#define NOTICE_TIMES   3
#define FETCH_LEAST_US (1 * US_PER_S)
#define WAIT_MS        100
#define READ_BYTES     16384
#define REDIRECTS      "3"

enum answer { ANSWER_STREAM, ANSWER_STILL, ANSWER_UNCLEAR, ANSWER_OTHER };

struct http {
    const struct capture_conf *conf;
    const struct capture_limits *limits;
    const atomic_bool *stop;
    int64_t limit_us;    /* of what is going on */
    int64_t deadline_us; /* monotonic */
    bool late, opened;
    enum camera_cause cause;
    AVIOContext *io;
    struct stream *stream;
    bool still;
    struct multipart parts;
    struct picture_bytes picture; /* still */
    int64_t latest_us;            /* monotonic: when the latest picture was whole */
    int64_t due_us;               /* still: when the next one is to be fetched */
    size_t pending_at, pending;   /* bytes of buffer not taken yet */
    uint8_t buffer[READ_BYTES];
};

static bool is_http(const char *url)
{
    return strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0;
}

static bool http_accepts(const char *url)
{
    return is_http(url);
}

static bool http_check(const char *url, struct err *err)
{
    return net_check(url, err);
}

static bool http_live(const char *url)
{
    (void)url;
    return true;
}

static bool http_is_file(const char *url)
{
    (void)url;
    return false;
}

static int should_give_up(void *ctx)
{
    struct http *h = ctx;
    if (clock_mono_us(&clock_real) > h->deadline_us)
        h->late = true;
    return h->late || atomic_load_explicit(h->stop, memory_order_relaxed);
}

static void allow(struct http *h, int64_t us)
{
    h->late = false;
    h->limit_us = us;
    h->deadline_us = clock_mono_us(&clock_real) + us;
}

static void http_limit(void *priv, const struct capture_limits *limits)
{
    struct http *h = priv;
    h->limits = limits;
}

static bool fail(struct http *h, int rc, const char *doing, struct err *err)
{
    if (atomic_load_explicit(h->stop, memory_order_relaxed))
        return err_set(err, ERR_CANCELLED, "stopped");
    double s = (double)h->limit_us / US_PER_S;
    if (h->late) {
        h->cause = h->opened ? CAUSE_SILENT : CAUSE_TIMEOUT;
        return err_set(err, ERR_UNAVAILABLE, "%s: no %s for %.3g s", doing,
                       h->opened ? "picture" : "answer", s);
    }
    return net_fail(rc, doing, &h->cause, err);
}

/* What came can not be used. */
static bool fail_garbage(struct http *h, struct err *err)
{
    h->cause = CAUSE_GARBAGE;
    err_hint(err, "the address of MJPEG, or of a JPEG picture, is in the camera's manual; many "
                  "cameras have RTSP as well");
    return false;
}

static enum answer answer_of(const char *type)
{
    static const struct {
        const char *type;
        enum answer answer;
    } known[] = {
        {"multipart/", ANSWER_STREAM},  {"image/jpeg", ANSWER_STILL},
        {"image/jpg", ANSWER_STILL},    {"image/pjpeg", ANSWER_STILL},
        {"text/plain", ANSWER_UNCLEAR}, {"application/octet-stream", ANSWER_UNCLEAR},
        {"binary/", ANSWER_UNCLEAR},
    };
    if (!type || !type[0])
        return ANSWER_UNCLEAR;
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (strncasecmp(type, known[i].type, strlen(known[i].type)) == 0)
            return known[i].answer;
    return ANSWER_OTHER;
}

/* A property of the connection as text that av_free frees; NULL: it has none. */
static char *property(AVIOContext *io, const char *name)
{
    uint8_t *text = NULL;
    if (av_opt_get(io, name, AV_OPT_SEARCH_CHILDREN, &text) < 0)
        return NULL;
    return (char *)text;
}

/* A camera may send us from one of its addresses to another, but not to somebody else. */
static bool check_host(struct http *h, struct err *err)
{
    char wanted[256], host[256] = "";
    av_url_split(NULL, 0, NULL, 0, wanted, sizeof wanted, NULL, NULL, 0, h->conf->url);
    char *location = property(h->io, "location");
    if (location)
        av_url_split(NULL, 0, NULL, 0, host, sizeof host, NULL, NULL, 0, location);
    av_free(location);
    if (!location || strcasecmp(host, wanted) == 0)
        return true;
    err_set(err, ERR_INVALID, "the camera sends us on to another host, %.64s", host);
    h->cause = CAUSE_GARBAGE;
    err_hint(err, "if you trust it, write its address here");
    return false;
}

/* Asks for the address and reads the head of the answer. */
static bool request(struct http *h, struct err *err)
{
    char url[NET_URL_BYTES];
    net_login(h->conf, url);
    AVDictionary *options = NULL;
    av_dict_set(&options, "protocol_whitelist", "http,https,tcp,tls", 0);
    av_dict_set(&options, "http_proxy", "", 0); /* a camera is not behind the house's proxy */
    av_dict_set(&options, "max_redirects", REDIRECTS, 0);
    av_dict_set(&options, "seekable", "0", 0);
    av_dict_set(&options, "icy", "0", 0);
    av_dict_set(&options, "user_agent", "hsi", 0);
    AVIOInterruptCB interrupt = {should_give_up, h};
    int rc = avio_open2(&h->io, url, AVIO_FLAG_READ, &interrupt, &options);
    av_dict_free(&options);
    memset(url, 0, sizeof url);
    return rc >= 0 ? check_host(h, err) : fail(h, rc, "cannot connect", err);
}

/* Fills the buffer, if it is empty. False with *ret_end: the answer is over. */
static bool fill(struct http *h, bool *ret_end, struct err *err)
{
    *ret_end = false;
    if (h->pending > 0)
        return true;
    int rc = avio_read_partial(h->io, h->buffer, sizeof h->buffer);
    if (should_give_up(h))
        return fail(h, AVERROR_EXIT, "connection lost", err);
    /* libavformat calls it an error when an answer of unknown length ends, as it must some time. */
    bool unknown = rc == AVERROR(EIO) && avio_size(h->io) < 0;
    if (rc == AVERROR_EOF || rc == 0 || unknown) {
        *ret_end = true;
        return false;
    }
    if (rc < 0)
        return fail(h, rc, "connection lost", err);
    h->pending_at = 0;
    h->pending = (size_t)rc;
    return true;
}

/* Finds out what the answer is; unclear ones by their first bytes. */
static bool learn_answer(struct http *h, struct err *err)
{
    char *type = property(h->io, "mime_type");
    enum answer answer = answer_of(type);
    bool end = false, ok = true;
    if (answer == ANSWER_UNCLEAR)
        ok = fill(h, &end, err);
    if (answer == ANSWER_UNCLEAR && ok) {
        bool jpeg = h->pending >= 2 && h->buffer[0] == 0xFF && h->buffer[1] == 0xD8;
        bool dashes = h->pending >= 2 && memcmp(h->buffer, "--", 2) == 0;
        answer = jpeg ? ANSWER_STILL : dashes ? ANSWER_STREAM : ANSWER_OTHER;
    }
    if (ok && answer == ANSWER_OTHER) {
        err_set(err, ERR_INVALID, "there are no pictures at this address, but %.64s",
                type && type[0] ? type : "something without a type");
        ok = fail_garbage(h, err);
    } else if (!ok && end) {
        err_set(err, ERR_INVALID, "the answer is empty");
        ok = fail_garbage(h, err);
    }
    h->still = answer == ANSWER_STILL;
    multipart_init(&h->parts, type);
    av_free(type);
    return ok;
}

static bool http_open(void *priv, const struct capture_conf *conf, const atomic_bool *stop,
                      struct err *err)
{
    struct http *h = priv;
    h->conf = conf;
    h->stop = stop;
    allow(h, h->limits ? h->limits->open_us : conf->timeout_us);
    if (!http_check(conf->url, err))
        return false;
    if (!net_resolve(conf->url, err)) {
        h->cause = CAUSE_NAME;
        return false;
    }
    if (!request(h, err) || !learn_answer(h, err))
        return false;
    AVCodecParameters *params = avcodec_parameters_alloc();
    ASSERT(params);
    params->codec_type = AVMEDIA_TYPE_VIDEO;
    params->codec_id = AV_CODEC_ID_MJPEG;
    h->stream = stream_new(params, 1, 1000000);
    h->opened = true;
    return true;
}

/* A packet of the picture, if it is a whole JPEG; else *ret stays NULL. */
static bool wrap(struct http *h, const struct picture_bytes *picture, struct packet **ret,
                 struct err *err)
{
    size_t bytes = jpeg_whole_bytes(picture->data, picture->bytes);
    if (bytes == 0)
        return true;
    AVPacket *av = av_packet_alloc();
    ASSERT(av);
    if (av_new_packet(av, (int)bytes) < 0) {
        av_packet_free(&av);
        return err_set(err, ERR_EXHAUSTED, "no memory for a picture of %zu bytes", bytes);
    }
    memcpy(av->data, picture->data, bytes);
    av->flags |= AV_PKT_FLAG_KEY;
    *ret = packet_new(av, h->stream);
    (*ret)->pts_us = TIME_UNKNOWN; /* it is dated by its arrival */
    (*ret)->key = true;
    h->latest_us = clock_mono_us(&clock_real);
    return true;
}

static bool read_stream(struct http *h, struct packet **ret, struct err *err)
{
    int64_t read_us = h->limits ? h->limits->read_us : h->conf->timeout_us;
    allow(h, read_us);
    *ret = NULL;
    bool broken = false;
    while (!*ret) {
        bool end, part;
        size_t used;
        if (!fill(h, &end, err)) {
            h->cause = end ? CAUSE_ENDED : h->late && broken ? CAUSE_GARBAGE : h->cause;
            return end; /* without a packet: the camera ended it */
        }
        if (!multipart_push(&h->parts, h->buffer + h->pending_at, h->pending, &used, &part, err))
            return fail_garbage(h, err);
        h->pending_at += used;
        h->pending -= used;
        if (part && !wrap(h, &h->parts.body, ret, err))
            return false;
        broken |= part;
    }
    return true;
}

/* The whole body of one answer as a picture. */
static bool read_body(struct http *h, struct packet **ret, struct err *err)
{
    int64_t size = avio_size(h->io);
    if (size > PICTURE_BYTES_MAX) {
        err_set(err, ERR_INVALID, "a picture of %lld bytes; at most %d", (long long)size,
                PICTURE_BYTES_MAX);
        return fail_garbage(h, err);
    }
    h->picture.bytes = 0;
    for (bool end = false; !end;) {
        if (!fill(h, &end, err) && !end)
            return false;
        if (!picture_bytes_add(&h->picture, h->buffer + h->pending_at, h->pending, err))
            return fail_garbage(h, err);
        h->pending = 0;
    }
    if (!wrap(h, &h->picture, ret, err))
        return false;
    if (*ret)
        return true;
    err_set(err, ERR_INVALID, "%zu bytes came that are no whole JPEG picture", h->picture.bytes);
    return fail_garbage(h, err);
}

/* One picture; the connection is closed behind it. */
static bool fetch(struct http *h, struct packet **ret, struct err *err)
{
    h->pending = h->io ? h->pending : 0;
    bool ok = (h->io || request(h, err)) && read_body(h, ret, err);
    avio_closep(&h->io);
    h->pending = 0;
    return ok;
}

static void wait_due(const struct http *h)
{
    while (!atomic_load_explicit(h->stop, memory_order_relaxed)) {
        int64_t left_us = h->due_us - clock_mono_us(&clock_real);
        if (left_us <= 0)
            return;
        poll(NULL, 0, (int)MIN(left_us / US_PER_MS + 1, WAIT_MS));
    }
}

/* A picture that cannot be fetched is only a loss when none has come for as long as it takes to
 * notice one. */
static bool read_still(struct http *h, struct packet **ret, struct err *err)
{
    int64_t lost_us = MAX(NOTICE_TIMES * h->conf->interval_us, NOTICE_US);
    for (;;) {
        wait_due(h);
        int64_t now_us = clock_mono_us(&clock_real);
        bool first = h->latest_us == 0;
        int64_t left_us = first ? MAX(h->limits ? h->limits->read_us : 0, h->conf->timeout_us)
                                : h->latest_us + lost_us - now_us;
        allow(h, MAX(left_us, FETCH_LEAST_US));
        int64_t beat_us = h->due_us + h->conf->interval_us;
        h->due_us = beat_us > now_us ? beat_us : now_us + h->conf->interval_us;
        *ret = NULL;
        if (fetch(h, ret, err))
            return true;
        bool passing = h->cause != CAUSE_DENIED && h->cause != CAUSE_MISSING;
        if (first || !passing || left_us <= h->conf->interval_us || err->code == ERR_CANCELLED)
            return false;
        h->due_us = MIN(h->due_us, now_us + FETCH_LEAST_US);
        *err = (struct err){0};
    }
}

static bool http_read(void *priv, struct packet **ret, struct err *err)
{
    struct http *h = priv;
    struct err own = {0};
    bool ok = h->still ? read_still(h, ret, &own) : read_stream(h, ret, &own);
    if (!ok && err)
        *err = own;
    return ok;
}

static enum camera_cause http_cause(const void *priv)
{
    const struct http *h = priv;
    return h->cause;
}

static void http_close(void *priv)
{
    struct http *h = priv;
    stream_unref(&h->stream);
    allow(h, US_PER_S);
    avio_closep(&h->io);
    multipart_free(&h->parts);
    picture_bytes_free(&h->picture);
}

const struct capture_ops capture_http = {
    .name = "http",
    .priv_size = sizeof(struct http),
    .accepts = http_accepts,
    .check = http_check,
    .limit = http_limit,
    .open = http_open,
    .read = http_read,
    .close = http_close,
    .cause = http_cause,
    .live = http_live,
    .is_file = http_is_file,
};
