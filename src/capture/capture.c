/* The thread around a source: connects, stamps, paces, reconnects, and says what it is doing. */
#include "capture/capture.h"

#include "base/json.h"
#include "capture/recorded.h"
#include "capture/retry.h"
#include "capture/timeline.h"

#include <errno.h>
#include <libavcodec/packet.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NO_KEY_US (10 * US_PER_S)

const char *const camera_state_names[] = {"connecting", "online", "retrying", "ended", NULL};
const char *const camera_cause_names[] = {"none",    "refused", "name",  "denied",  "missing",
                                          "timeout", "silent",  "ended", "garbage", "no_key_frame",
                                          "frozen",  "black",   NULL};
_Static_assert(ARRAY_LEN(camera_cause_names) == CAUSE_BLACK + 2, "one name for each cause");
const char *const upload_after_names[] = {"keep", "move", "delete", NULL};
static const char *const transport_names[] = {"tcp", "udp", NULL};

static const struct opt capture_rows[] = {
    {"url", OPT_TEXT(struct capture_conf, url), .flags = OPT_REQUIRED,
     .help =
         "rtsp:// or rtsps:// address of a camera, http:// or https:// address of MJPEG or of a "
         "JPEG picture, folder:PATH of uploads, path of a recording, or \"scene\" for the built-in "
         "demonstration."},
    {"username", OPT_TEXT(struct capture_conf, username), .help = "To log in to the camera."},
    {"password", OPT_TEXT(struct capture_conf, password), .flags = OPT_SECRET,
     .help = "Better as !secret NAME, from secrets.yaml."},
    {"transport", OPT_ENUM(struct capture_conf, transport, transport_names), .def = "tcp",
     .help = "How RTSP carries pictures. udp loses some on wireless links."},
    {"loop", OPT_BOOL(struct capture_conf, loop), .def = "true",
     .help = "Recordings: start over at the end, and wait for a file that is not there."},
    {"timeout", OPT_DURATION(struct capture_conf, timeout_us, 1, 300), .def = "10s",
     .help = "Longest wait for a camera's answer, and then for its first picture. Once pictures "
             "come, it is lost after 3s or three of their intervals without one."},
    {"interval", OPT_DURATION(struct capture_conf, interval_us, 0.1, 3600), .def = "1s",
     .help = "HTTP pictures: how often one is fetched."},
    {"after", OPT_ENUM(struct capture_conf, after, upload_after_names), .def = "keep",
     .help = "Folders: what becomes of a file that was looked at. move: into .done below the "
             "folder, refused ones into .refused; delete: refused ones are still kept there."},
    {0},
};

static bool check_capture(const void *section, const char **ret_at, struct err *err)
{
    const struct capture_conf *conf = section;
    *ret_at = "url";
    if (conf->url[0] && !capture_find(conf->url)->check(conf->url, err))
        return false;
    const char *rest = strstr(conf->url, "://");
    size_t host = rest ? strcspn(rest + 3, "/?#") : 0;
    if (!conf->username[0] || !rest || !memchr(rest + 3, '@', host))
        return true;
    *ret_at = "username";
    err_set(err, ERR_INVALID, "the address already has a user in it");
    err_hint(err, "write it in one place: username and password, and the address without them");
    return false;
}

const struct section capture_section = {
    .name = "source",
    .help = "Where the pictures come from.",
    .bytes = sizeof(struct capture_conf),
    .rows = capture_rows,
    .check = check_capture,
};

static const struct capture_ops *const sources[] = {&capture_scene, &capture_folder, &capture_http,
                                                    &capture_lavf};

const struct capture_ops *capture_find(const char *url)
{
    for (size_t i = 0; i < ARRAY_LEN(sources); i++)
        if (sources[i]->accepts(url))
            return sources[i];
    ASSERT(false);
    return NULL;
}

struct capture {
    /* set at start, then read-only */
    struct capture_params params;
    const struct capture_ops *ops;
    bool live;
    struct thread *thread;

    atomic_bool stop;
    atomic_int progress_permille; /* -1: unknown */

    pthread_mutex_t lock;
    pthread_cond_t woken;         /* stop was set */
    struct capture_status status; /* protected by lock */

    /* capture thread only; result also after the end packet */
    struct timeline timeline;
    struct recorded recorded; /* instead of the timeline, for files that come by themselves */
    struct retry retry;
    struct capture_limits limits;
    int64_t keyless_us; /* first packet of a connection that brought no key frame yet; or unknown */
    struct err result;
    bool gap; /* the next packet follows an interruption */
    alignas(max_align_t) unsigned char priv[];
};

static bool stopping(const struct capture *c)
{
    return atomic_load_explicit(&c->stop, memory_order_relaxed);
}

/* Waits until the monotonic clock says so, or stop. */
static void wait_until(struct capture *c, int64_t until_us)
{
    struct timespec ts = {until_us / US_PER_S, until_us % US_PER_S * 1000};
    pthread_mutex_lock(&c->lock);
    int rc = 0;
    while (!stopping(c) && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&c->woken, &c->lock, &ts);
    pthread_mutex_unlock(&c->lock);
}

static void publish_state(struct capture *c, const struct capture_status *status)
{
    if (!c->params.bus)
        return;
    struct json j;
    json_init(&j);
    json_begin_object(&j, NULL);
    json_text(&j, "type", "camera");
    json_begin_object(&j, "data");
    json_text(&j, "camera", c->params.name);
    json_text(&j, "state", camera_state_names[status->state]);
    json_text(&j, "reason", status->reason[0] ? status->reason : NULL);
    json_time(&j, "at", clock_wall_us(c->params.clock));
    json_end_object(&j);
    json_end_object(&j);
    bus_publish(c->params.bus, bus_message_new(BUS_CAMERA, c->params.camera, 0, j.text, j.bytes));
    json_done(&j);
}

static void log_state(const struct capture *c, const struct capture_status *status)
{
    const char *reason = status->reason;
    if (status->state == CAMERA_RETRYING)
        log_warn(&c->params.log, "%s; trying again", reason);
    else if (status->state == CAMERA_ENDED && reason[0] && c->params.realtime)
        log_warn(&c->params.log, "%s; not watched any more", reason);
    else if (status->cause != CAUSE_NONE && c->params.realtime)
        log_warn(&c->params.log, "%s: %s", camera_state_names[status->state], reason);
    else
        log_info(&c->params.log, "%s%s%s", camera_state_names[status->state], reason[0] ? ": " : "",
                 reason);
}

static void set_state(struct capture *c, enum camera_state state, enum camera_cause cause,
                      const char *reason)
{
    struct capture_status *s = &c->status;
    pthread_mutex_lock(&c->lock);
    bool moved = s->state != state;
    bool changed = moved || s->cause != cause || strcmp(s->reason, reason) != 0;
    if (moved)
        s->since_us = clock_mono_us(c->params.clock);
    if (s->state == CAMERA_ONLINE && state == CAMERA_RETRYING)
        s->losses++;
    s->retry_us = 0;
    s->state = state;
    s->cause = cause;
    STR_COPY(s->reason, reason);
    struct capture_status now = *s;
    pthread_mutex_unlock(&c->lock);
    if (!changed)
        return;
    log_state(c, &now);
    publish_state(c, &now);
}

static void note_progress(struct capture *c, int64_t us)
{
    int64_t all_us = c->ops->duration_us ? c->ops->duration_us(c->priv) : TIME_UNKNOWN;
    int permille = -1;
    if (all_us != TIME_UNKNOWN) /* a double: stamps of a damaged file may be anything */
        permille = (int)CLAMP((double)us * 1000 / (double)all_us, 0.0, 1000.0);
    atomic_store_explicit(&c->progress_permille, permille, memory_order_relaxed);
}

/* Counts what came, and whether decoding can start with any of it. */
static void note_packet(struct capture *c, const struct packet *p, bool jump)
{
    int64_t now_us = clock_mono_us(c->params.clock);
    retry_picture(&c->retry, now_us);
    pthread_mutex_lock(&c->lock);
    c->status.bytes += p->av ? p->av->size : 0;
    c->status.jumps += jump;
    if (c->ops->clock_offset_us)
        c->status.clock_offset_us = c->ops->clock_offset_us(c->priv);
    bool starved = c->status.cause == CAUSE_NO_KEY_FRAME;
    pthread_mutex_unlock(&c->lock);
    if (!c->live || c->keyless_us == TIME_UNKNOWN)
        return;
    if (p->key) {
        c->keyless_us = TIME_UNKNOWN;
        set_state(c, CAMERA_ONLINE, CAUSE_NONE, "");
    } else if (!starved && now_us - c->keyless_us > NO_KEY_US) {
        set_state(c, CAMERA_ONLINE, CAUSE_NO_KEY_FRAME,
                  "packets come, but no key frame to start with; set a shorter key-frame interval "
                  "(GOP) in the camera");
    }
}

/* Recordings wait for us: as fast as they are taken. */
static void deliver_recorded(struct capture *c, struct packet *p)
{
    const struct clock *clock = c->params.clock;
    int64_t now_us = clock_mono_us(clock);
    recorded_stamp(&c->recorded, p, now_us, clock_wall_us(clock));
    p->arrived_us = now_us;
    p->recorded = true;
    struct capture_uploads uploads = {0};
    c->ops->recorded->report(c->priv, &uploads);
    pthread_mutex_lock(&c->lock);
    c->status.bytes += p->av ? p->av->size : 0;
    c->status.uploads = uploads;
    pthread_mutex_unlock(&c->lock);
    c->params.sink(c->params.sink_ctx, p);
}

/* Stamps a packet, waits until it is due, passes it on. */
static void deliver(struct capture *c, struct packet *p)
{
    const struct clock *clock = c->params.clock;
    bool jump;
    int64_t own_us = p->pts_us;
    p->pts_us = timeline_map(&c->timeline, p->pts_us, clock_mono_us(clock), &jump);
    note_packet(c, p, jump);
    p->gap = c->gap || jump;
    c->gap = false;
    if (c->params.realtime) {
        if (!c->live)
            wait_until(c, p->pts_us);
        /* Both clocks anew for every picture: the wall clock may have been put right since the
         * last one. */
        p->wall_us = p->pts_us + clock_wall_us(clock) - clock_mono_us(clock);
    } else if (c->params.start_wall_us != TIME_UNKNOWN) {
        p->wall_us = c->params.start_wall_us + p->pts_us;
    }
    p->arrived_us = clock_mono_us(clock);
    if (own_us != TIME_UNKNOWN)
        note_progress(c, own_us);
    c->params.sink(c->params.sink_ctx, p);
}

/* Reads until the end, an error or stop. True: the input came to its end. */
static bool read_all(struct capture *c, struct err *err)
{
    bool online = false;
    while (!stopping(c)) {
        struct packet *p = NULL;
        c->limits.read_us = retry_read_limit_us(&c->retry, c->params.conf->timeout_us);
        if (!c->ops->read(c->priv, &p, err))
            return false;
        if (stopping(c)) { /* after a long wait nobody may be there any more to take it */
            packet_unref(&p);
            break;
        }
        if (!p && !online)
            return err_set(err, c->live ? ERR_UNAVAILABLE : ERR_INVALID,
                           "there are no pictures in it");
        if (!p)
            return true;
        if (!online) {
            set_state(c, CAMERA_ONLINE, CAUSE_NONE, "");
            c->keyless_us = clock_mono_us(c->params.clock);
        }
        online = true;
        if (c->ops->recorded)
            deliver_recorded(c, p);
        else
            deliver(c, p);
    }
    return err_set(err, ERR_CANCELLED, "stopped");
}

static bool open_source(struct capture *c, struct err *err)
{
    const struct clock *clock = c->params.clock;
    retry_begin(&c->retry, clock_mono_us(clock));
    if (!c->ops->recorded)
        memset(c->priv, 0, c->ops->priv_size);
    c->limits.open_us = retry_open_limit_us(&c->retry, c->params.conf->timeout_us);
    if (c->ops->limit)
        c->ops->limit(c->priv, &c->limits);
    if (!c->ops->open(c->priv, c->params.conf, &c->stop, err))
        return false;
    retry_opened(&c->retry, clock_mono_us(clock));
    pthread_mutex_lock(&c->lock);
    c->status.connections++;
    pthread_mutex_unlock(&c->lock);
    return true;
}

/* By which name a source failed; NULL err: it came to its end. */
static enum camera_cause cause_of(const struct capture *c, const struct err *err)
{
    enum camera_cause cause = c->ops->cause ? c->ops->cause(c->priv) : CAUSE_NONE;
    if (cause != CAUSE_NONE)
        return cause;
    switch (err ? err->code : ERR_NONE) {
    case ERR_DENIED:
        return CAUSE_DENIED;
    case ERR_NOT_FOUND:
        return CAUSE_MISSING;
    case ERR_INVALID:
    case ERR_DATA_LOSS:
        return CAUSE_GARBAGE;
    default:
        return CAUSE_ENDED;
    }
}

/* One connection from open to close. */
static bool run_session(struct capture *c, enum camera_cause *ret_cause, struct err *err)
{
    ASSERT_ON(ROLE_CAPTURE);
    bool ok = open_source(c, err) && read_all(c, err);
    *ret_cause = cause_of(c, ok ? NULL : err);
    c->ops->close(c->priv);
    timeline_restart(&c->timeline);
    return ok;
}

static void name_input(const struct capture *c, struct err *err)
{
    char url[CAPTURE_URL_BYTES];
    STR_COPY(url, c->params.conf->url);
    redact_value(url);
    err_wrap(err, "%s", url);
}

static void end_input(struct capture *c, enum camera_cause cause, struct err *err)
{
    if (err->code != ERR_NONE)
        name_input(c, err);
    c->result = *err;
    set_state(c, CAMERA_ENDED, err->code != ERR_NONE ? cause : CAUSE_NONE, err->msg);
    struct packet *end = packet_new(NULL, NULL);
    end->end = true;
    end->pts_us = c->timeline.last_us == TIME_UNKNOWN ? 0 : c->timeline.last_us;
    c->params.sink(c->params.sink_ctx, end);
}

/* Waits until the source is due again. */
static void pause_session(struct capture *c, enum camera_cause cause, const struct err *err)
{
    /* Looking whether a file is back disturbs nobody. */
    enum camera_cause pace = c->live && !c->ops->recorded ? cause : CAUSE_REFUSED;
    int64_t until_us = retry_failed_us(&c->retry, pace, clock_mono_us(c->params.clock));
    set_state(c, CAMERA_RETRYING, cause, err->msg);
    pthread_mutex_lock(&c->lock);
    c->status.retry_us = until_us;
    pthread_mutex_unlock(&c->lock);
    wait_until(c, until_us);
    pthread_mutex_lock(&c->lock);
    c->status.retry_us = 0;
    pthread_mutex_unlock(&c->lock);
}

static void capture_main(void *arg)
{
    struct capture *c = arg;
    bool loop = c->params.conf->loop && c->params.realtime;
    while (!stopping(c)) {
        struct err err = {0};
        enum camera_cause cause;
        bool ended = run_session(c, &cause, &err);
        c->gap = true;
        if (stopping(c))
            return;
        if (!c->live && loop && (ended || err.code == ERR_DATA_LOSS))
            continue; /* once more from the start; of a damaged recording what can be read */
        /* A file may lie on a disk that is not mounted yet. */
        bool away = err.code == ERR_NOT_FOUND || err.code == ERR_UNAVAILABLE;
        if (!c->live && !(loop && away)) {
            end_input(c, cause, &err);
            return;
        }
        if (ended)
            err_set(&err, ERR_UNAVAILABLE, "the camera ended the stream");
        if (!c->live)
            name_input(c, &err);
        pause_session(c, cause, &err);
    }
}

bool capture_start(const struct capture_params *params, struct capture **ret, struct err *err)
{
    const struct capture_ops *ops = capture_find(params->conf->url);
    struct capture *c = xcalloc(1, sizeof *c + ops->priv_size);
    c->params = *params;
    c->ops = ops;
    recorded_init(&c->recorded);
    if (ops->recorded)
        ops->recorded->attach(c->priv, &c->params);
    c->live = ops->live(params->conf->url);
    c->status = (struct capture_status){.state = CAMERA_CONNECTING,
                                        .clock_offset_us = TIME_UNKNOWN,
                                        .since_us = clock_mono_us(params->clock)};
    c->keyless_us = TIME_UNKNOWN;
    retry_init(&c->retry);
    timeline_init(&c->timeline, !params->realtime ? TIMELINE_OFFLINE
                                : c->live         ? TIMELINE_LIVE
                                                  : TIMELINE_PACED);
    atomic_init(&c->progress_permille, -1);
    pthread_mutex_init(&c->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&c->woken, &attr);
    pthread_condattr_destroy(&attr);
    char name[16];
    snprintf(name, sizeof name, "cap:%s", params->name);
    if (!thread_start(&c->thread, ROLE_CAPTURE, name, capture_main, c, err)) {
        capture_join(&c);
        return false;
    }
    *ret = c;
    return true;
}

void capture_stop(struct capture *c)
{
    pthread_mutex_lock(&c->lock);
    atomic_store_explicit(&c->stop, true, memory_order_relaxed);
    pthread_cond_broadcast(&c->woken);
    pthread_mutex_unlock(&c->lock);
}

static void free_joined(struct capture **capture)
{
    if ((*capture)->ops->recorded)
        (*capture)->ops->recorded->detach((*capture)->priv);
    pthread_mutex_destroy(&(*capture)->lock);
    pthread_cond_destroy(&(*capture)->woken);
    free(*capture);
    *capture = NULL;
}

void capture_join(struct capture **capture)
{
    if (!*capture)
        return;
    thread_join(&(*capture)->thread);
    free_joined(capture);
}

bool capture_join_within(struct capture **capture, int64_t timeout_us)
{
    if (!*capture)
        return true;
    if (!thread_join_within(&(*capture)->thread, timeout_us))
        return false;
    free_joined(capture);
    return true;
}

void capture_status(struct capture *c, struct capture_status *ret)
{
    pthread_mutex_lock(&c->lock);
    *ret = c->status;
    pthread_mutex_unlock(&c->lock);
}

double capture_progress(const struct capture *c)
{
    int permille = atomic_load_explicit(&c->progress_permille, memory_order_relaxed);
    return permille < 0 ? -1 : permille / 1000.0;
}

bool capture_result(const struct capture *c, struct err *err)
{
    if (c->result.code == ERR_NONE)
        return true;
    *err = c->result;
    return false;
}
