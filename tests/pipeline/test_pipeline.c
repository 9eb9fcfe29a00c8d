/* End to end: clips made on the spot, a detector that sees what is bright, events at the other end.
 */
#include "test.h"

#include "double/clip.h"
#include "double/detector.h"
#include "pipeline/pipeline.h"

#include <stdlib.h>

#define CAMERAS_TEST 3
#define TEXT_BYTES   65536

/* What reached one sink, as text without the ids, which differ from run to run. */
struct story {
    char text[TEXT_BYTES];
    size_t bytes;
};

struct sink {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* protected by lock */
    int opened[CAMERAS_TEST], closed[CAMERAS_TEST], changes, tracks;
    enum close_reason last_reason;
    bool out_of_order;
    struct uuid open[CAMERAS_TEST];
    int revision[CAMERAS_TEST];
    /* Apart, because they come from two threads. */
    struct story events, tracks_told;
};

static void PRINTF(2, 3) note(struct story *s, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(s->text + s->bytes, sizeof s->text - s->bytes, fmt, args);
    va_end(args);
    s->bytes = MIN(s->bytes + (size_t)n, sizeof s->text - 1);
}

static void note_event(struct story *s, const struct event *e)
{
    note(s, "%s r%d %s %s %lld-%lld wall %lld score %d:", e->camera_name, e->revision,
         event_state_names[e->state], close_reason_names[e->close_reason], (long long)e->start_us,
         (long long)e->end_us, (long long)e->wall_start_us, e->verdict.score);
    for (int i = 0; i < e->track_count; i++)
        note(s, " %s %.3f", e->tracks[i].label, (double)e->tracks[i].last.box.x0);
    for (int i = 0; i < e->sighting_count; i++)
        note(s, " @%lld", (long long)e->sightings[i].at.pts_us);
    note(s, "\n");
}

static void take_event(void *ctx, struct event *e)
{
    struct sink *s = ctx;
    pthread_mutex_lock(&s->lock);
    int c = e->camera;
    s->changes++;
    s->out_of_order |= e->revision == 0
                           ? s->opened[c] != s->closed[c]
                           : !uuid_equal(&s->open[c], &e->id) || e->revision != s->revision[c] + 1;
    s->open[c] = e->id;
    s->revision[c] = e->revision;
    s->opened[c] += e->revision == 0;
    s->closed[c] += e->state == EVENT_CLOSED;
    if (e->state == EVENT_CLOSED)
        s->last_reason = e->close_reason;
    s->out_of_order |= e->verdict.reason_count < 1; /* seen before it was judged */
    if (c == 0)
        note_event(&s->events, e);
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    event_unref(&e);
}

static void take_track(void *ctx, int camera, const struct live_track *live)
{
    struct sink *s = ctx;
    pthread_mutex_lock(&s->lock);
    s->tracks++;
    if (camera == 0)
        note(&s->tracks_told, "track %s %lld-%lld moved %d\n", live->track.label,
             (long long)live->track.first.pts_us, (long long)live->track.last.pts_us, live->moved);
    pthread_mutex_unlock(&s->lock);
}

struct home {
    struct clip_folder folder;
    struct config config;
    struct uuid_gen ids;
    struct bus *bus;
    struct detector *detector;
    struct sink *sink;
    struct pipeline_params params;
    struct pipeline *pipeline;
};

static void build_home(struct home *h, int cameras, const char *model)
{
    *h = (struct home){.folder = clip_folder_new(), .ids = {.clock = &clock_real}};
    opt_defaults(&config_section, &h->config);
    struct camera_conf *all = xcalloc((size_t)cameras, sizeof *all);
    for (int i = 0; i < cameras; i++) {
        opt_defaults(&camera_section, &all[i]);
        snprintf(all[i].name, sizeof all[i].name, "cam%d", i);
    }
    h->config.cameras = (struct opt_map){cameras, all};
    STR_COPY(h->config.detect.model, model);
    h->bus = bus_new();
    h->sink = NEW(struct sink);
    pthread_mutex_init(&h->sink->lock, NULL);
    pthread_cond_init(&h->sink->changed, NULL);
    CHECK(detector_open(&h->config.detect, &detector_bright, &h->detector, NULL));
    h->params = (struct pipeline_params){.config = &h->config,
                                         .detector = h->detector,
                                         .ids = &h->ids,
                                         .clock = &clock_real,
                                         .bus = h->bus,
                                         .pictures = true,
                                         .start_wall_us = 1700000000 * US_PER_S,
                                         .event_sink = take_event,
                                         .track_sink = take_track,
                                         .sink_ctx = h->sink};
}

static void tear_down(struct home *h)
{
    pipeline_stop(&h->pipeline);
    CHECK(!h->pipeline);
    detector_close(&h->detector);
    bus_free(&h->bus);
    opt_free(&config_section, &h->config);
    pthread_mutex_destroy(&h->sink->lock);
    pthread_cond_destroy(&h->sink->changed);
    free(h->sink);
    clip_folder_done(&h->folder);
}

static struct capture_conf *source_of(struct home *h, int camera)
{
    return &((struct camera_conf *)h->config.cameras.items)[camera].capture;
}

/* Gives the camera a recording of so many pictures at 10 a second. */
static void record(struct home *h, int camera, bool walker, int frames)
{
    struct clip_spec spec = {
        "mpeg4", 160,           120,       10,
        frames,  .b_frames = 1, .gop = 10, .paint = walker ? clip_paint_walker : clip_paint_still};
    struct clip clip;
    CHECK(clip_encode(&spec, &clip));
    struct capture_conf *conf = source_of(h, camera);
    snprintf(conf->url, sizeof conf->url, "%s/%d.mp4", h->folder.path, camera);
    clip_write(&clip, conf->url);
    clip_done(&clip);
}

static void start(struct home *h)
{
    struct err err = {0};
    if (!pipeline_start(&h->params, &h->pipeline, &err))
        fail_msg("%s", err.msg);
}

static void run_to_the_end(struct home *h)
{
    start(h);
    while (!pipeline_wait_ended(h->pipeline, 100 * US_PER_MS))
        continue;
}

static void wait_opened(struct home *h, int camera)
{
    pthread_mutex_lock(&h->sink->lock);
    while (h->sink->opened[camera] == 0)
        pthread_cond_wait(&h->sink->changed, &h->sink->lock);
    pthread_mutex_unlock(&h->sink->lock);
}

static void stop_within_a_second(struct home *h)
{
    int64_t before_us = clock_mono_us(&clock_real);
    pipeline_stop(&h->pipeline);
    int64_t took_us = clock_mono_us(&clock_real) - before_us;
    if (took_us > US_PER_S)
        fail_msg("stopping took %lld ms", (long long)(took_us / 1000));
    for (int i = 0; i < CAMERAS_TEST; i++)
        CHECK_INT(h->sink->closed[i], h->sink->opened[i]);
    CHECK(!h->sink->out_of_order);
}

static void somebody_walks_through(void **state)
{
    (void)state;
    struct home h;
    build_home(&h, 1, "");
    record(&h, 0, true, 60);
    run_to_the_end(&h);
    struct err err = {0};
    CHECK(pipeline_input_result(h.pipeline, 0, &err));
    struct pipeline_stats stats = pipeline_stats(h.pipeline);
    CHECK_INT(stats.frames, 60);
    CHECK(stats.looks >= 25 && stats.looks <= 35); /* 5 a second while something moves */
    CHECK(stats.skipped_packets == 0 && stats.dropped_frames == 0 && stats.overwritten == 0);

    struct detections boxes;
    struct frame *frame = pipeline_camera_frame(h.pipeline, 0, &boxes);
    CHECK(frame && frame->width == 160 && frame->height == 120);
    frame_unref(&frame);
    struct json j;
    json_init(&j);
    json_begin_object(&j, NULL);
    pipeline_camera_json(h.pipeline, 0, &j);
    json_end_object(&j);
    CHECK_CONTAINS(j.text, "\"name\":\"cam0\"");
    CHECK_CONTAINS(j.text, "\"state\":\"ended\"");
    CHECK_CONTAINS(j.text, "\"width\":160,\"height\":120");
    CHECK_CONTAINS(j.text, "\"frames\":60");
    json_done(&j);
    CHECK(pipeline_progress(h.pipeline) > 0.9);

    stop_within_a_second(&h);
    CHECK_INT(h.sink->opened[0], 1);
    CHECK_INT(h.sink->tracks, 1);
    CHECK_INT(h.sink->last_reason, CLOSE_END);
    CHECK_CONTAINS(h.sink->events.text, "cam0 r0 open");
    CHECK_CONTAINS(h.sink->events.text, " person 0.");
    CHECK_CONTAINS(h.sink->tracks_told.text, "track person 0-5800000 moved 1");
    tear_down(&h);
}

static void the_same_recording_gives_the_same_events(void **state)
{
    (void)state;
    char *first = xcalloc(2, TEXT_BYTES);
    for (int run = 0; run < 3; run++) {
        struct home h;
        build_home(&h, 2, "");
        record(&h, 0, true, 80);
        record(&h, 1, true, 50);
        run_to_the_end(&h);
        stop_within_a_second(&h);
        CHECK(h.sink->events.bytes > 200);
        if (run == 0) {
            memcpy(first, h.sink->events.text, TEXT_BYTES);
            memcpy(first + TEXT_BYTES, h.sink->tracks_told.text, TEXT_BYTES);
        }
        CHECK_STR(h.sink->events.text, first);
        CHECK_STR(h.sink->tracks_told.text, first + TEXT_BYTES);
        tear_down(&h);
    }
    free(first);
}

#define VISITS       6
#define VISIT_FRAMES 24
#define VISIT_EVERY  153 /* frames: at another place among the key frames each time */

/* An empty room; in the last ones of every so many pictures somebody walks in it. */
static void paint_room(const struct clip_spec *spec, int index, int every, int frames,
                       uint8_t *const plane[3], const int stride[3])
{
    struct clip_spec visit = *spec;
    visit.frames = VISIT_FRAMES;
    int at = index % every - (every - frames);
    if (at < 0)
        clip_paint_still(spec, index, plane, stride);
    else
        clip_paint_walker(&visit, at, plane, stride);
}

static void paint_visits(const struct clip_spec *spec, int index, uint8_t *const plane[3],
                         const int stride[3])
{
    paint_room(spec, index, VISIT_EVERY, VISIT_FRAMES, plane, stride);
}

/* The first camera's, which does without shadow checks. */
static void record_for_idling(struct home *h, const struct clip_spec *spec)
{
    struct clip clip;
    CHECK(clip_encode(spec, &clip));
    snprintf(source_of(h, 0)->url, CAPTURE_URL_BYTES, "%s/0.mp4", h->folder.path);
    clip_write(&clip, source_of(h, 0)->url);
    clip_done(&clip);
    ((struct camera_conf *)h->config.cameras.items)->idle.shadow = 0;
}

/* An idle camera that decodes key frames only sees each visit of two seconds and more from the same
 * picture on as one that decodes everything. */
static void an_idle_camera_misses_nothing(void **state)
{
    (void)state;
    static const int gops[] = {1, 5, 10, 20};
    for (size_t i = 0; i < ARRAY_LEN(gops); i++) {
        char *whole = xcalloc(1, TEXT_BYTES);
        for (int idle = 0; idle < 2; idle++) {
            struct home h;
            build_home(&h, 1, "");
            struct clip_spec spec = {
                "mpeg4", 160, 120, 10, VISITS * VISIT_EVERY, .gop = gops[i], .paint = paint_visits};
            record_for_idling(&h, &spec);
            h.params.idle = idle;
            run_to_the_end(&h);
            struct pipeline_stats stats = pipeline_stats(h.pipeline);
            CHECK_INT(stats.packets, spec.frames);
            CHECK(idle ? stats.decoded_packets < spec.frames * 3 / 4
                       : stats.decoded_packets == spec.frames);
            stop_within_a_second(&h);
            CHECK_INT(h.sink->opened[0], VISITS);
            if (!idle)
                memcpy(whole, h.sink->tracks_told.text, TEXT_BYTES);
            CHECK_STR(h.sink->tracks_told.text, whole);
            tear_down(&h);
        }
        free(whole);
    }
}

/* Of 10 pictures a second every other one is looked at: two of these, where three make a track. */
#define BRIEF_FRAMES 4
#define BRIEF_GOP    20
#define BRIEF_EVERY  121 /* frames: of each visit another one is a key frame */
#define BRIEF_TOTAL  (BRIEF_FRAMES * BRIEF_EVERY + 3 * BRIEF_GOP)

static void paint_brief_visits(const struct clip_spec *spec, int index, uint8_t *const plane[3],
                               const int stride[3])
{
    paint_room(spec, index, BRIEF_EVERY, BRIEF_FRAMES, plane, stride);
}

/* Whoever wakes an idle camera may be gone by then: what it kept is looked at more closely. */
static void an_idle_camera_sees_brief_visits(void **state)
{
    (void)state;
    struct home h;
    build_home(&h, 1, "");
    record_for_idling(&h, &(struct clip_spec){"mpeg4", 160, 120, 10, BRIEF_TOTAL, .gop = BRIEF_GOP,
                                              .paint = paint_brief_visits});
    h.params.idle = true;
    run_to_the_end(&h);
    CHECK(pipeline_stats(h.pipeline).decoded_packets < BRIEF_TOTAL * 3 / 4);
    stop_within_a_second(&h);
    CHECK_INT(h.sink->opened[0], BRIEF_FRAMES);
    tear_down(&h);
}

static void nothing_moves_nothing_happens(void **state)
{
    (void)state;
    struct home h;
    build_home(&h, 1, "");
    record(&h, 0, false, 200);
    run_to_the_end(&h);
    struct pipeline_stats stats = pipeline_stats(h.pipeline);
    CHECK_INT(stats.frames, 200);
    /* Three seconds after the start, then once in ten. */
    CHECK(stats.looks >= 15 && stats.looks <= 18);
    stop_within_a_second(&h);
    CHECK_INT(h.sink->changes, 0);
    CHECK_INT(h.sink->tracks, 0);
    tear_down(&h);
}

static void paint_stander(const struct clip_spec *spec, int index, uint8_t *const plane[3],
                          const int stride[3])
{
    (void)index;
    clip_paint_walker(spec, 0, plane, stride);
}

/* Whoever stands there from the start is no event, but is looked for again without any movement. */
static void who_stands_still_is_still_looked_for(void **state)
{
    (void)state;
    struct home h;
    build_home(&h, 1, "");
    struct clip_spec spec = {"mpeg4", 160, 120, 10, 200, .gop = 10, .paint = paint_stander};
    struct clip clip;
    CHECK(clip_encode(&spec, &clip));
    snprintf(source_of(&h, 0)->url, CAPTURE_URL_BYTES, "%s/still.mp4", h.folder.path);
    clip_write(&clip, source_of(&h, 0)->url);
    clip_done(&clip);
    run_to_the_end(&h);
    stop_within_a_second(&h);
    CHECK_INT(h.sink->changes, 0);
    CHECK_CONTAINS(h.sink->tracks_told.text,
                   "track person 0-1"); /* seen last after more than ten seconds */
    CHECK_CONTAINS(h.sink->tracks_told.text, " moved 0\n");
    tear_down(&h);
}

static void cameras_do_not_mix(void **state)
{
    (void)state;
    struct home h;
    build_home(&h, 3, "");
    record(&h, 0, false, 60);
    record(&h, 1, true, 60);
    ((struct camera_conf *)h.config.cameras.items)[2].enabled = false;
    run_to_the_end(&h);
    stop_within_a_second(&h);
    CHECK_INT(h.sink->opened[0], 0);
    CHECK_INT(h.sink->opened[1], 1);
    CHECK_INT(h.sink->opened[2], 0);
    tear_down(&h);
}

static void one_of_two_inputs_is_missing(void **state)
{
    (void)state;
    struct home h;
    build_home(&h, 2, "");
    record(&h, 0, true, 60);
    snprintf(source_of(&h, 1)->url, CAPTURE_URL_BYTES, "%s/none.mp4", h.folder.path);
    run_to_the_end(&h);
    struct err err = {0};
    CHECK(pipeline_input_result(h.pipeline, 0, &err));
    CHECK(!pipeline_input_result(h.pipeline, 1, &err));
    CHECK_INT(err.code, ERR_NOT_FOUND);
    CHECK_CONTAINS(err.msg, "none.mp4: cannot open");
    stop_within_a_second(&h);
    CHECK_INT(h.sink->opened[0], 1);
    tear_down(&h);
}

/* A recording in a codec nobody knows is a failure, not a recording in which nothing happens. */
static void an_undecodable_recording_is_a_failure(void **state)
{
    (void)state;
    struct home h;
    build_home(&h, 1, "");
    struct clip_spec spec = {
        "mjpeg", 64, 48, 10, 20, .full_range = true, .paint = clip_paint_walker};
    struct clip clip;
    CHECK(clip_encode(&spec, &clip));
    struct capture_conf *conf = source_of(&h, 0);
    snprintf(conf->url, sizeof conf->url, "%s/odd.avi", h.folder.path);
    clip_write(&clip, conf->url);
    clip_done(&clip);
    FILE *file = fopen(conf->url, "r+b");
    char head[4096];
    size_t size = fread(head, 1, sizeof head, file);
    for (char *at = head; (at = memmem(at, size - (size_t)(at - head), "MJPG", 4)); at += 4)
        memcpy(at, "QQ07", 4);
    rewind(file);
    CHECK(fwrite(head, 1, size, file) == size);
    fclose(file);
    run_to_the_end(&h);
    struct err err = {0};
    CHECK(!pipeline_input_result(h.pipeline, 0, &err));
    CHECK_INT(err.code, ERR_INVALID);
    CHECK_CONTAINS(err.msg, "no decoder for codec");
    tear_down(&h);
}

static void a_detector_that_fails_is_counted(void **state)
{
    (void)state;
    struct home h;
    build_home(&h, 1, "fail");
    record(&h, 0, true, 60);
    run_to_the_end(&h);
    CHECK(pipeline_stats(h.pipeline).failed_looks > 0);
    CHECK_INT(pipeline_stats(h.pipeline).frames, 60);
    stop_within_a_second(&h);
    CHECK_INT(h.sink->changes, 0);
    tear_down(&h);
}

static void stopping_in_the_middle_closes_what_is_open(void **state)
{
    (void)state;
    struct home h;
    build_home(&h, 2, "");
    record(&h, 0, true, 900);
    record(&h, 1, true, 900);
    start(&h);
    wait_opened(&h, 0);
    stop_within_a_second(&h);
    CHECK(h.sink->opened[0] >= 1);
    tear_down(&h);
}

static void stopping_at_once(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        struct home h;
        build_home(&h, 2, "");
        record(&h, 0, true, 20);
        record(&h, 1, true, 20);
        h.params.realtime = i % 2;
        start(&h);
        stop_within_a_second(&h);
        tear_down(&h);
    }
}

/* Live: recordings looped at their own pace, until somebody stops. */
static void live_until_it_is_stopped(void **state)
{
    (void)state;
    struct home h;
    build_home(&h, 2, "");
    record(&h, 0, true, 30);
    record(&h, 1, false, 10);
    h.params.realtime = true;
    struct bus_subscriber *s = bus_subscribe(h.bus, BUS_CAMERA | BUS_DETECTIONS, 512, NULL, NULL);
    start(&h);
    wait_opened(&h, 0);
    CHECK(!pipeline_wait_ended(h.pipeline, 0));
    struct detections boxes;
    struct frame *frame = pipeline_camera_frame(h.pipeline, 0, &boxes);
    assert_non_null(frame);
    CHECK(llabs(frame->wall_us - clock_wall_us(&clock_real)) < 5 * US_PER_S);
    frame_unref(&frame);
    stop_within_a_second(&h);
    CHECK_INT(h.sink->last_reason, CLOSE_SHUTDOWN);
    CHECK_INT(h.sink->opened[1], 0);
    int states = 0, looks = 0;
    int64_t missed;
    for (struct bus_message *m; (m = bus_next(s, &missed)); bus_message_unref(&m)) {
        states += m->topic == BUS_CAMERA;
        looks += m->topic == BUS_DETECTIONS;
    }
    CHECK(states >= 2 && looks >= 3);
    bus_unsubscribe(h.bus, &s);
    tear_down(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(somebody_walks_through),
        cmocka_unit_test(the_same_recording_gives_the_same_events),
        cmocka_unit_test(an_idle_camera_misses_nothing),
        cmocka_unit_test(an_idle_camera_sees_brief_visits),
        cmocka_unit_test(nothing_moves_nothing_happens),
        cmocka_unit_test(who_stands_still_is_still_looked_for),
        cmocka_unit_test(cameras_do_not_mix),
        cmocka_unit_test(one_of_two_inputs_is_missing),
        cmocka_unit_test(an_undecodable_recording_is_a_failure),
        cmocka_unit_test(a_detector_that_fails_is_counted),
        cmocka_unit_test(stopping_in_the_middle_closes_what_is_open),
        cmocka_unit_test(stopping_at_once),
        cmocka_unit_test(live_until_it_is_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
