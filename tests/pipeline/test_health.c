/* What is told of a camera itself, and when; on cameras that are only as real as it takes. */
#include "test.h"

#include "pipeline/internal.h"

#include <stdlib.h>

struct story {
    struct pipeline pipeline;
    struct camera camera;
    struct camera_conf conf;
    struct track_conf track;
    struct uuid_gen ids;
    char text[2048];
};

static void write_down(void *ctx, const struct camera_event *event)
{
    struct story *s = ctx;
    CHECK_STR(event->camera, "porch");
    CHECK(event->text[0] && event->wall_us > 0 && !uuid_is_zero(&event->id));
    size_t n = strlen(s->text);
    snprintf(s->text + n, sizeof s->text - n, "%s%s%s", n ? " " : "", event->ended ? "-" : "+",
             camera_event_kind_names[event->kind]);
}

static struct story *begin(void)
{
    struct story *s = NEW(struct story);
    opt_defaults(&camera_section, &s->conf);
    opt_defaults(&track_section, &s->track);
    STR_COPY(s->conf.name, "porch");
    s->ids.clock = &clock_real;
    s->pipeline.params = (struct pipeline_params){
        .clock = &clock_real, .ids = &s->ids, .camera_event_sink = write_down, .sink_ctx = s};
    s->camera.pipeline = &s->pipeline;
    s->camera.conf = &s->conf;
    pthread_mutex_init(&s->camera.live_lock, NULL);
    s->camera.gate = gate_new(&s->conf.idle, 1, true);
    s->camera.memory = memory_new(s->track.remember_us);
    s->camera.tracker = tracker_new(&(struct tracker_params){.conf = &s->track,
                                                             .zones = &s->conf.zones,
                                                             .lines = &s->conf.lines,
                                                             .ids = &s->ids,
                                                             .memory = s->camera.memory});
    return s;
}

static void finish(struct story *s)
{
    gate_free(&s->camera.gate);
    tracker_free(&s->camera.tracker);
    memory_free(&s->camera.memory);
    pthread_mutex_destroy(&s->camera.live_lock);
    opt_free(&camera_section, &s->conf);
    free(s);
}

static void show(struct story *s, enum view_state view, float x, float y, bool adopted)
{
    AUTO(observation_free) struct observation *o = observation_new(0);
    o->view_changed = true;
    o->view = (int)view;
    o->view_shift = (struct point){x, y};
    o->view_adopted = adopted;
    health_see(&s->camera, o);
}

static void every_view_begins_and_ends(void **state)
{
    (void)state;
    struct story *s = begin();
    AUTO(observation_free) struct observation *nothing = observation_new(0);
    health_see(&s->camera, nothing);
    CHECK_STR(s->text, "");
    show(s, VIEW_FROZEN, 0, 0, false);
    show(s, VIEW_BLACK, 0, 0, false);
    show(s, VIEW_GOOD, 0, 0, false);
    show(s, VIEW_DEFOCUSED, 0, 0, false);
    show(s, VIEW_COVERED, 0, 0, false);
    health_end(&s->camera);
    health_end(&s->camera);
    CHECK_STR(s->text, "+frozen -frozen +black -black +defocused -defocused +covered -covered");
    finish(s);
}

static float remembered_x(const struct story *s)
{
    int count;
    const struct parked *items = memory_items(s->camera.memory, &count);
    return count == 1 ? items[0].box.x0 : -1;
}

/* What is parked stands elsewhere in the picture of a camera that was turned, and where it was when
 * it is turned back; but not when the new view is the view from then on. */
static void the_memory_turns_with_the_camera(void **state)
{
    (void)state;
    for (int adopted = 0; adopted < 2; adopted++) {
        struct story *s = begin();
        struct detection car = {.box = {0.4f, 0.4f, 0.6f, 0.6f}, .score = 0.9f, .label = "car"};
        struct uuid id = uuid7_new(&s->ids);
        memory_keep(s->camera.memory, &id,
                    &(struct memory_sight){.detection = &car, .wall_us = US_PER_S});
        CHECK_NEAR(remembered_x(s), 0.4, 1e-3);
        show(s, VIEW_MOVED, 0.1f, 0, false);
        CHECK_NEAR(remembered_x(s), 0.5, 1e-3);
        show(s, VIEW_GOOD, 0, 0, adopted);
        CHECK_NEAR(remembered_x(s), adopted ? 0.5 : 0.4, 1e-3);
        CHECK_STR(s->text, "+moved -moved");
        finish(s);
    }
}

/* In the dark a turned camera is as turned as before. */
static void a_turned_camera_that_is_covered_stays_turned(void **state)
{
    (void)state;
    struct story *s = begin();
    struct detection car = {.box = {0.4f, 0.4f, 0.6f, 0.6f}, .score = 0.9f, .label = "car"};
    struct uuid id = uuid7_new(&s->ids);
    memory_keep(s->camera.memory, &id,
                &(struct memory_sight){.detection = &car, .wall_us = US_PER_S});
    show(s, VIEW_MOVED, 0.1f, 0, false);
    show(s, VIEW_COVERED, 0, 0, false);
    CHECK_NEAR(remembered_x(s), 0.5, 1e-3);
    show(s, VIEW_MOVED, 0.15f, 0, false); /* and a little farther */
    CHECK_NEAR(remembered_x(s), 0.55, 1e-3);
    show(s, VIEW_BLACK, 0, 0, false);
    show(s, VIEW_GOOD, 0, 0, false);
    CHECK_NEAR(remembered_x(s), 0.4, 1e-3);
    show(s, VIEW_COVERED, 0, 0, false);
    show(s, VIEW_GOOD, 0, 0, false);
    CHECK_NEAR(remembered_x(s), 0.4, 1e-3);
    finish(s);
}

static void drop(void *ctx, struct packet *packet)
{
    (void)ctx;
    packet_unref(&packet);
}

static void watch(struct story *s, const char *url)
{
    STR_COPY(s->conf.capture.url, url);
    struct capture_params params = {.name = s->conf.name,
                                    .conf = &s->conf.capture,
                                    .start_wall_us = TIME_UNKNOWN,
                                    .realtime = true,
                                    .clock = &clock_real,
                                    .sink = drop,
                                    .sink_ctx = s};
    struct err err = {0};
    if (!capture_start(&params, &s->camera.capture, &err))
        fail_msg("%s", err.msg);
}

static void wait_state(struct story *s, enum camera_state wanted)
{
    struct capture_status status;
    do
        CHECK(camera_status(&s->camera, &status));
    while (status.state != wanted);
}

/* Told when it has lasted, and over when it has lasted. */
static void lost_and_back(void **state)
{
    (void)state;
    struct story *s = begin();
    health_tick(&s->camera, 1); /* no capture, nothing to tell */
    watch(s, "rtsp://127.0.0.1:1/x");
    wait_state(s, CAMERA_RETRYING);
    health_tick(&s->camera, 100 * US_PER_S);
    health_tick(&s->camera, 104 * US_PER_S);
    CHECK_STR(s->text, "");
    health_tick(&s->camera, 105 * US_PER_S);
    health_tick(&s->camera, 200 * US_PER_S);
    CHECK_STR(s->text, "+lost");
    capture_stop(s->camera.capture);
    capture_join(&s->camera.capture);
    watch(s, "scene");
    wait_state(s, CAMERA_ONLINE);
    health_tick(&s->camera, 300 * US_PER_S);
    health_tick(&s->camera, 301 * US_PER_S);
    CHECK_STR(s->text, "+lost");
    health_tick(&s->camera, 302 * US_PER_S);
    CHECK_STR(s->text, "+lost -lost");
    capture_stop(s->camera.capture);
    capture_join(&s->camera.capture);
    finish(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_view_begins_and_ends),
        cmocka_unit_test(the_memory_turns_with_the_camera),
        cmocka_unit_test(a_turned_camera_that_is_covered_stays_turned),
        cmocka_unit_test(lost_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
