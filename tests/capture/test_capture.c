/* The capture thread: what it delivers, when it goes on, when it ends, and what it says. */
#include "test.h"

#include "capture/capture.h"
#include "double/clip.h"

#include <libavcodec/packet.h>
#include <pthread.h>
#include <stdlib.h>

#define PACKETS_MAX 4096

/* Takes packets; may hold the thread back after so many of them until it is let go. */
struct sink {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* protected by lock */
    int count;
    bool ended;
    struct arrival {
        int64_t pts_us, wall_us, arrived_us;
        bool key, gap, end;
    } items[PACKETS_MAX];
};

static void take(void *ctx, struct packet *p)
{
    struct sink *s = ctx;
    pthread_mutex_lock(&s->lock);
    if (s->count < PACKETS_MAX)
        s->items[s->count++] = (struct arrival){p->pts_us, p->wall_us, p->arrived_us,
                                                p->key,    p->gap,     p->end};
    s->ended |= p->end;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    packet_unref(&p);
}

static void wait_count(struct sink *s, int count)
{
    pthread_mutex_lock(&s->lock);
    while (s->count < count && !s->ended)
        pthread_cond_wait(&s->changed, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

struct camera_test {
    struct clip_folder folder;
    struct capture_conf conf;
    struct sink *sink;
    struct capture_params params;
    struct capture *capture;
};

static void prepare(struct camera_test *t)
{
    t->folder = clip_folder_new();
    opt_defaults(&capture_section, &t->conf);
    t->sink = NEW(struct sink);
    pthread_mutex_init(&t->sink->lock, NULL);
    pthread_cond_init(&t->sink->changed, NULL);
    t->params = (struct capture_params){.camera = 2,
                                        .name = "porch",
                                        .conf = &t->conf,
                                        .start_wall_us = TIME_UNKNOWN,
                                        .clock = &clock_real,
                                        .sink = take,
                                        .sink_ctx = t->sink};
}

static void finish(struct camera_test *t)
{
    if (t->capture)
        capture_stop(t->capture);
    capture_join(&t->capture);
    CHECK(!t->capture);
    pthread_mutex_destroy(&t->sink->lock);
    pthread_cond_destroy(&t->sink->changed);
    free(t->sink);
    clip_folder_done(&t->folder);
}

static void record(struct camera_test *t, const char *name, int frames, int fps)
{
    struct clip_spec spec = {"mpeg4", 64, 48, fps, frames, .paint = clip_paint_number, .gop = 10};
    struct clip clip;
    CHECK(clip_encode(&spec, &clip));
    snprintf(t->conf.url, sizeof t->conf.url, "%s/%s", t->folder.path, name);
    clip_write(&clip, t->conf.url);
    clip_done(&clip);
}

static void go(struct camera_test *t)
{
    struct err err = {0};
    if (!capture_start(&t->params, &t->capture, &err))
        fail_msg("%s", err.msg);
}

static enum camera_state state_of(struct camera_test *t, char reason[256])
{
    struct capture_status status;
    capture_status(t->capture, &status);
    str_copy(reason, 256, status.reason);
    return status.state;
}

static void a_recording_as_fast_as_it_goes(void **state)
{
    (void)state;
    struct camera_test t;
    prepare(&t);
    record(&t, "a.mp4", 40, 10);
    t.params.start_wall_us = 1700000000 * US_PER_S;
    go(&t);
    wait_count(t.sink, PACKETS_MAX);
    CHECK_INT(t.sink->count, 41);
    for (int i = 0; i < 40; i++) {
        const struct arrival *a = &t.sink->items[i];
        CHECK_NEAR(a->pts_us, i * 100000, 100);
        CHECK_INT(a->wall_us, 1700000000 * US_PER_S + a->pts_us);
        CHECK(!a->gap && !a->end);
        CHECK(i > 0 || a->key);
    }
    CHECK(t.sink->items[40].end);
    CHECK_INT(t.sink->items[40].pts_us, t.sink->items[39].pts_us);
    struct err err = {0};
    CHECK(capture_result(t.capture, &err));
    char reason[256];
    CHECK_INT(state_of(&t, reason), CAMERA_ENDED);
    CHECK_STR(reason, "");
    CHECK(capture_progress(t.capture) > 0.9);
    struct capture_status status;
    capture_status(t.capture, &status);
    CHECK(status.cause == CAUSE_NONE && status.bytes > 1000 && status.jumps == 0);
    finish(&t);
}

/* Paced by the clock, over its end, without a step back and with a word of it. */
static void a_looped_recording_goes_on(void **state)
{
    (void)state;
    struct camera_test t;
    prepare(&t);
    record(&t, "a.mp4", 5, 100);
    t.params.realtime = true;
    int64_t start_us = clock_mono_us(&clock_real);
    go(&t);
    wait_count(t.sink, 23);
    char reason[256];
    CHECK(state_of(&t, reason) == CAMERA_ONLINE || state_of(&t, reason) == CAMERA_CONNECTING);
    capture_stop(t.capture);
    capture_join(&t.capture);
    for (int i = 0; i < 23; i++) {
        const struct arrival *a = &t.sink->items[i];
        CHECK_INT(a->gap, i > 0 && i % 5 == 0);
        CHECK(a->arrived_us >= a->pts_us); /* never before it is due */
        CHECK(a->pts_us >= start_us);
        CHECK(i == 0 || a->pts_us > t.sink->items[i - 1].pts_us);
        CHECK_NEAR(a->wall_us - a->pts_us, clock_wall_us(&clock_real) - clock_mono_us(&clock_real),
                   5e5);
        CHECK(!a->end);
    }
    finish(&t);
}

static void a_recording_of_one_picture_is_looped_at_a_pace(void **state)
{
    (void)state;
    struct camera_test t;
    prepare(&t);
    record(&t, "a.mp4", 1, 10);
    t.params.realtime = true;
    go(&t);
    wait_count(t.sink, 4);
    capture_stop(t.capture);
    capture_join(&t.capture);
    CHECK(t.sink->items[3].pts_us - t.sink->items[0].pts_us >= 3 * 90 * US_PER_MS);
    finish(&t);
}

static void without_loop_it_ends(void **state)
{
    (void)state;
    struct camera_test t;
    prepare(&t);
    record(&t, "a.mp4", 5, 100);
    t.params.realtime = true;
    t.conf.loop = false;
    go(&t);
    wait_count(t.sink, PACKETS_MAX);
    CHECK_INT(t.sink->count, 6);
    CHECK(t.sink->items[5].end);
    finish(&t);
}

static void what_breaks_says_so(void **state)
{
    (void)state;
    struct camera_test t;
    prepare(&t);
    snprintf(t.conf.url, sizeof t.conf.url, "%s/none.mp4", t.folder.path);
    for (int realtime = 0; realtime < 2; realtime++) {
        t.params.realtime = realtime;
        t.conf.loop = false;
        t.sink->count = t.sink->ended = 0;
        go(&t);
        wait_count(t.sink, PACKETS_MAX);
        CHECK_INT(t.sink->count, 1);
        CHECK(t.sink->items[0].end);
        CHECK_INT(t.sink->items[0].pts_us, 0);
        struct err err = {0};
        CHECK(!capture_result(t.capture, &err));
        CHECK_INT(err.code, ERR_NOT_FOUND);
        CHECK_CONTAINS(err.msg, "none.mp4: cannot open: No such file");
        char reason[256];
        CHECK_INT(state_of(&t, reason), CAMERA_ENDED);
        CHECK_CONTAINS(reason, "none.mp4");
        struct capture_status status;
        capture_status(t.capture, &status);
        CHECK_INT(status.cause, CAUSE_MISSING);
        capture_join(&t.capture);
    }
    finish(&t);
}

/* Real time, and a wall clock that can be put right while the camera runs. */
struct late_clock {
    struct clock clock;
    atomic_llong behind_us;
};

static int64_t late_mono_us(const struct clock *clock)
{
    (void)clock;
    return clock_mono_us(&clock_real);
}

static int64_t late_wall_us(const struct clock *clock)
{
    struct late_clock *late = (struct late_clock *)clock;
    return clock_wall_us(&clock_real) - atomic_load(&late->behind_us);
}

static void wall_times_follow_a_clock_put_right(void **state)
{
    (void)state;
    struct camera_test t;
    prepare(&t);
    record(&t, "a.mp4", 40, 100);
    t.params.realtime = true;
    struct late_clock late = {{late_mono_us, late_wall_us}, 3600 * US_PER_S};
    t.params.clock = &late.clock;
    go(&t);
    wait_count(t.sink, 10);
    atomic_store(&late.behind_us, 0);
    pthread_mutex_lock(&t.sink->lock);
    int stepped = t.sink->count;
    pthread_mutex_unlock(&t.sink->lock);
    wait_count(t.sink, stepped + 5);
    capture_stop(t.capture);
    capture_join(&t.capture);
    int64_t true_us = clock_wall_us(&clock_real) - clock_mono_us(&clock_real);
    const struct arrival *before = &t.sink->items[5], *after = &t.sink->items[stepped + 2];
    CHECK_NEAR(before->wall_us - before->pts_us, true_us - 3600 * US_PER_S, 5e5);
    CHECK_NEAR(after->wall_us - after->pts_us, true_us, 5e5);
    finish(&t);
}

/* Its disk may be mounted after the program has started. */
static void a_file_that_is_away_is_waited_for(void **state)
{
    (void)state;
    struct camera_test t;
    prepare(&t);
    record(&t, "a.mp4", 5, 100);
    char away[sizeof t.conf.url + 8];
    snprintf(away, sizeof away, "%s.away", t.conf.url);
    CHECK_INT(rename(t.conf.url, away), 0);
    t.params.realtime = true;
    go(&t);
    char reason[256];
    while (state_of(&t, reason) == CAMERA_CONNECTING)
        sched_yield();
    CHECK_INT(state_of(&t, reason), CAMERA_RETRYING);
    CHECK_CONTAINS(reason, "a.mp4: cannot open: No such file");
    CHECK_INT(rename(away, t.conf.url), 0);
    wait_count(t.sink, 7);
    CHECK(!t.sink->ended);
    CHECK_INT(state_of(&t, reason), CAMERA_ONLINE);
    CHECK(t.sink->items[0].gap);
    finish(&t);
}

static void addresses_that_can_be_served(void **state)
{
    (void)state;
    static const struct {
        const char *url, *refused; /* part of the message; NULL: good */
    } cases[] = {
        {"rtsp://192.168.1.20/stream1", NULL},
        {"RTSPS://admin:a%20b@cam/1?x=http://y", NULL},
        {"/videos/12:30 front door.mp4", NULL},
        {"http:x.jpg", NULL},
        {"scene", NULL},
        {"scene:42", NULL},
        {"http://me:hunter2@cam/video.mjpg", NULL},
        {"HTTPS://cam/still?x=http://y", NULL},
        {"http://me:hunter2 x@cam/1", "blank"},
        {"ftp://nas/x.mp4", "ftp://"},
        {"rtmp://cam/live", "rtmp://"},
        {"file:///videos/x.mp4", "file://"},
        {"rtps://cam/1", "rtps://"},
        {"rtsp://me:hunter2 x@cam/1", "blank"},
        {"scene:street", "street"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct capture_conf conf;
        opt_defaults(&capture_section, &conf);
        STR_COPY(conf.url, cases[i].url);
        const char *at = NULL;
        struct err err = {0};
        if (capture_section.check(&conf, &at, &err) != !cases[i].refused)
            fail_msg("%s: %s", cases[i].url, err.code == ERR_NONE ? "taken" : err.msg);
        if (!cases[i].refused)
            continue;
        CHECK_STR(at, "url");
        CHECK_INT(err.code, ERR_INVALID);
        CHECK_CONTAINS(err.msg, cases[i].refused);
        CHECK(err.hint[0] && !strstr(err.msg, "hunter2"));
    }
}

static void only_paths_are_files(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        bool file;
    } cases[] = {{"a.mp4", true},         {"/x/12:30.mp4", true},
                 {"rtsp://cam/1", false}, {"http://cam/x.mp4", false},
                 {"scene", false},        {"scene:4", false}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        CHECK_INT(capture_find(cases[i].url)->is_file(cases[i].url), cases[i].file);
}

/* A header without a single picture must not be opened again and again without a pause. */
static void a_recording_without_pictures_is_broken(void **state)
{
    (void)state;
    struct camera_test t;
    prepare(&t);
    record(&t, "a.avi", 3, 10);
    /* The header promises what is not there: cut right behind the word that starts the pictures. */
    FILE *file = fopen(t.conf.url, "r+b");
    char bytes[8192];
    size_t size = fread(bytes, 1, sizeof bytes, file);
    const char *movi = memmem(bytes, size, "movi", 4);
    assert_non_null(movi);
    fclose(file);
    file = fopen(t.conf.url, "wb");
    CHECK(fwrite(bytes, 1, (size_t)(movi + 4 - bytes), file) == (size_t)(movi + 4 - bytes));
    fclose(file);
    t.params.realtime = true;
    go(&t);
    wait_count(t.sink, PACKETS_MAX);
    struct err err = {0};
    CHECK(!capture_result(t.capture, &err));
    CHECK_INT(err.code, ERR_INVALID);
    CHECK_CONTAINS(err.msg, "there are no pictures in it");
    finish(&t);
}

/* A camera nobody answers for is tried again, says why, and can be stopped at any time. */
static void a_camera_that_is_away_is_tried_again(void **state)
{
    (void)state;
    struct camera_test t;
    prepare(&t);
    struct bus *bus = bus_new();
    struct bus_subscriber *subscriber = bus_subscribe(bus, BUS_CAMERA, 16, NULL, NULL);
    STR_COPY(t.conf.url, "rtsp://me:s3cret@127.0.0.1:9/stream");
    t.params.realtime = true;
    t.params.bus = bus;
    go(&t);
    char reason[256];
    while (state_of(&t, reason) != CAMERA_RETRYING)
        sched_yield();
    CHECK_CONTAINS(reason, "cannot connect");
    CHECK(!strstr(reason, "s3cret"));
    struct capture_status status;
    do /* the time of the next try follows the state */
        capture_status(t.capture, &status);
    while (status.retry_us == 0);
    CHECK_INT(status.cause, CAUSE_REFUSED);
    CHECK(status.retry_us <= clock_mono_us(&clock_real) + 2 * US_PER_S);
    CHECK(status.since_us > 0 && status.since_us <= clock_mono_us(&clock_real));
    CHECK(status.connections == 0 && status.losses == 0 && status.bytes == 0);
    CHECK_INT(status.clock_offset_us, TIME_UNKNOWN);
    capture_stop(t.capture);
    int64_t before_us = clock_mono_us(&clock_real);
    capture_join(&t.capture);
    CHECK(clock_mono_us(&clock_real) - before_us < US_PER_S);
    CHECK_INT(t.sink->count, 0);
    int64_t missed;
    struct bus_message *m = bus_next(subscriber, &missed);
    assert_non_null(m);
    CHECK_CONTAINS(m->json,
                   "\"camera\":\"porch\",\"state\":\"retrying\",\"reason\":\"cannot connect");
    CHECK_INT(m->camera, 2);
    bus_message_unref(&m);
    bus_unsubscribe(bus, &subscriber);
    bus_free(&bus);
    finish(&t);
}

static void stopping_in_the_middle(void **state)
{
    (void)state;
    struct camera_test t;
    prepare(&t);
    record(&t, "slow.mp4", 3, 1); /* the next picture is a second away */
    t.params.realtime = true;
    go(&t);
    wait_count(t.sink, 1);
    capture_stop(t.capture);
    int64_t before_us = clock_mono_us(&clock_real);
    capture_join(&t.capture);
    CHECK(clock_mono_us(&clock_real) - before_us < 900 * US_PER_MS);
    CHECK(!t.sink->ended);
    finish(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_recording_as_fast_as_it_goes),
        cmocka_unit_test(a_looped_recording_goes_on),
        cmocka_unit_test(a_recording_of_one_picture_is_looped_at_a_pace),
        cmocka_unit_test(without_loop_it_ends),
        cmocka_unit_test(what_breaks_says_so),
        cmocka_unit_test(wall_times_follow_a_clock_put_right),
        cmocka_unit_test(a_file_that_is_away_is_waited_for),
        cmocka_unit_test(addresses_that_can_be_served),
        cmocka_unit_test(only_paths_are_files),
        cmocka_unit_test(a_recording_without_pictures_is_broken),
        cmocka_unit_test(a_camera_that_is_away_is_tried_again),
        cmocka_unit_test(stopping_in_the_middle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
