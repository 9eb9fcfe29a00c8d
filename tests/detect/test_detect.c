/* The stage: what gives way to what, and what never does; and the detector without a model. */
#include "test.h"

#include "double/detector.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#define LOG_MAX 4096

/* What came out, in order. */
struct out {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* protected by lock */
    int emptied; /* how often a waited-for slot has become free */
    int count;
    struct seen {
        int camera;
        int64_t pts_us, infer_us;
        bool analysed, end, gap;
    } items[LOG_MAX];
};

static void write_down(void *ctx, struct observation *o)
{
    struct out *out = ctx;
    pthread_mutex_lock(&out->lock);
    if (out->count < LOG_MAX)
        out->items[out->count++] = (struct seen){o->camera,   o->pts_us, o->infer_us,
                                                 o->analysed, o->end,    o->gap};
    pthread_cond_broadcast(&out->changed);
    pthread_mutex_unlock(&out->lock);
    observation_free(&o);
}

static void hear_emptied(void *ctx, int camera)
{
    (void)camera;
    struct out *out = ctx;
    pthread_mutex_lock(&out->lock);
    out->emptied++;
    pthread_cond_broadcast(&out->changed);
    pthread_mutex_unlock(&out->lock);
}

static void wait_out(struct out *out, int count)
{
    pthread_mutex_lock(&out->lock);
    while (out->count < count)
        pthread_cond_wait(&out->changed, &out->lock);
    pthread_mutex_unlock(&out->lock);
}

struct stage {
    bool lossless;
    struct out *out;
    struct turnstile gate;
    struct detector *detector;
    struct detect *detect;
};

/* clock NULL: the real one. batch_wait_us: at most, for other cameras. */
static void start_stage_with(struct stage *s, const struct detector_ops *ops, const char *model,
                             int cameras, bool lossless, const struct clock *clock,
                             int64_t batch_wait_us)
{
    s->lossless = lossless;
    s->out = NEW(struct out);
    pthread_mutex_init(&s->out->lock, NULL);
    pthread_cond_init(&s->out->changed, NULL);
    turnstile_init(&s->gate);
    struct detect_conf conf;
    opt_defaults(&detect_section, &conf);
    STR_COPY(conf.model, model);
    conf.batch_wait_us = batch_wait_us;
    struct err err = {0};
    if (!detector_open(&conf, ops, &s->detector, &err))
        fail_msg("%s", err.msg);
    struct detect_params params = {.detector = s->detector,
                                   .cameras = cameras,
                                   .emptied = hear_emptied,
                                   .clock = clock ? clock : &clock_real,
                                   .sink = write_down,
                                   .sink_ctx = s->out};
    CHECK(detect_start(&params, &s->detect, &err));
}

static void start_stage(struct stage *s, const struct detector_ops *ops, const char *model,
                        int cameras, bool lossless)
{
    start_stage_with(s, ops, model, cameras, lossless, NULL, 0);
}

static void stop_stage(struct stage *s)
{
    detect_stop(&s->detect); /* again is fine */
    CHECK(!s->detect);
    detector_close(&s->detector);
    turnstile_done(&s->gate);
    pthread_mutex_destroy(&s->out->lock);
    pthread_cond_destroy(&s->out->changed);
    free(s->out);
}

enum what { LOOK, REFRESH, BEAT, GAP_BEAT, END };

static void push(struct stage *s, int camera, int64_t pts_us, enum what what)
{
    struct observation *o = observation_new(camera);
    o->pts_us = pts_us;
    if (what != END)
        o->frame = turnstile_frame(&s->gate, camera, pts_us);
    o->analyse = what == LOOK || what == REFRESH;
    o->motion.active = what == LOOK;
    o->gap = what == GAP_BEAT;
    o->end = what == END;
    o->keep = s->lossless || o->end;
    int heard = 0;
    while (!detect_push(s->detect, &o)) {
        CHECK(o);
        pthread_mutex_lock(&s->out->lock);
        while (s->out->emptied == heard)
            pthread_cond_wait(&s->out->changed, &s->out->lock);
        heard = s->out->emptied;
        pthread_mutex_unlock(&s->out->lock);
    }
    CHECK(!o);
}

static void check_out(struct stage *s, const char *expected)
{
    char text[256] = "";
    size_t n = 0;
    for (int i = 0; i < s->out->count; i++) {
        const struct seen *at = &s->out->items[i];
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%c%lld%s%s%s", i ? " " : "",
                              'a' + at->camera, (long long)at->pts_us, at->analysed ? "!" : "",
                              at->gap ? "~" : "", at->end ? "." : "");
    }
    CHECK_STR(text, expected);
}

/* Live: while the detector is busy with 1, the newest of what comes takes the slot. */
static void live_the_newest_wins(void **state)
{
    (void)state;
    struct stage s;
    start_stage(&s, &detector_gated, "", 1, false);
    push(&s, 0, 1, LOOK);
    turnstile_wait_arrived(&s.gate, 1);
    push(&s, 0, 2, LOOK);
    push(&s, 0, 3, LOOK);
    push(&s, 0, 4, LOOK);
    turnstile_open(&s.gate, 2);
    wait_out(s.out, 2);
    struct detect_stats stats = detect_stats(s.detect);
    CHECK_INT(stats.overwritten, 2);
    CHECK_INT(stats.inferences, 2);
    CHECK_INT(stats.failed, 0);
    check_out(&s, "a1! a4!");
    stop_stage(&s);
}

static void what_nobody_looks_at_gives_way(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum what first, second;
        const char *expected;
        int overwritten;
    } cases[] = {
        {"a beat does not displace a look", LOOK, BEAT, "a1! a2!", 0},
        {"a look displaces a beat", BEAT, LOOK, "a1! a3!", 0},
        {"a beat displaces a beat", BEAT, BEAT, "a1! a3", 0},
        {"a look displaces a look", LOOK, LOOK, "a1! a3!", 1},
        {"the word of a gap is passed on to what displaces it", GAP_BEAT, LOOK, "a1! a3!~", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct stage s;
        start_stage(&s, &detector_gated, "", 1, false);
        push(&s, 0, 1, LOOK);
        turnstile_wait_arrived(&s.gate, 1);
        push(&s, 0, 2, cases[i].first);
        push(&s, 0, 3, cases[i].second);
        turnstile_open(&s.gate, 2);
        wait_out(s.out, 2);
        CHECK_INT(detect_stats(s.detect).overwritten, cases[i].overwritten);
        check_out(&s, cases[i].expected);
        stop_stage(&s);
    }
}

/* A gap that had to give way itself is told by the next one that comes through. */
static void the_word_of_a_gap_is_not_lost(void **state)
{
    (void)state;
    struct stage s;
    start_stage(&s, &detector_gated, "", 2, false);
    push(&s, 0, 1, LOOK);
    turnstile_wait_arrived(&s.gate, 1);
    push(&s, 0, 2, LOOK);
    push(&s, 0, 3, GAP_BEAT);
    turnstile_open(&s.gate, 3);
    wait_out(s.out, 2);
    push(&s, 1, 1, BEAT);
    wait_out(s.out, 3);
    push(&s, 0, 4, LOOK);
    wait_out(s.out, 4);
    push(&s, 0, 5, BEAT);
    wait_out(s.out, 5);
    check_out(&s, "a1! a2! b1 a4!~ a5");
    stop_stage(&s);
}

/* A pusher waits for room; on a thread of its own, to see that the others do not. */
static void push_the_end(void *arg)
{
    push(arg, 0, 9, END);
}

static void the_end_is_never_lost(void **state)
{
    (void)state;
    static const enum what before[] = {LOOK, BEAT};
    for (size_t i = 0; i < ARRAY_LEN(before); i++) {
        struct stage s;
        start_stage(&s, &detector_gated, "", 1, false);
        push(&s, 0, 1, LOOK);
        turnstile_wait_arrived(&s.gate, 1);
        push(&s, 0, 2, before[i]);
        struct thread *pusher;
        CHECK(thread_start(&pusher, ROLE_NONE, "pusher", push_the_end, &s, NULL));
        CHECK(!thread_join_within(&pusher, 20 * US_PER_MS)); /* waits for room */
        turnstile_open(&s.gate, 2);
        thread_join(&pusher);
        wait_out(s.out, 3);
        check_out(&s, before[i] == LOOK ? "a1! a2! a9." : "a1! a2 a9.");
        stop_stage(&s);
    }
}

#define MANY 300

struct pusher {
    struct stage *stage;
    int camera;
};

static void push_many(void *arg)
{
    const struct pusher *p = arg;
    for (int i = 0; i < MANY; i++)
        push(p->stage, p->camera, i, i % 3 ? LOOK : BEAT);
    push(p->stage, p->camera, MANY, END);
}

static void lossless_keeps_everything_in_order(void **state)
{
    (void)state;
    enum { CAMERAS = 3 };
    struct stage s;
    start_stage(&s, &detector_gated, "", CAMERAS, true);
    turnstile_open(&s.gate, CAMERAS * MANY);
    struct pusher pushers[CAMERAS];
    struct thread *threads[CAMERAS];
    for (int i = 0; i < CAMERAS; i++) {
        pushers[i] = (struct pusher){&s, i};
        CHECK(thread_start(&threads[i], ROLE_NONE, "pusher", push_many, &pushers[i], NULL));
    }
    for (int i = 0; i < CAMERAS; i++)
        thread_join(&threads[i]);
    wait_out(s.out, CAMERAS * (MANY + 1));
    CHECK_INT(detect_stats(s.detect).overwritten, 0);
    CHECK_INT(detect_stats(s.detect).inferences, CAMERAS * MANY * 2 / 3);
    int next[CAMERAS] = {0};
    for (int i = 0; i < s.out->count; i++) {
        const struct seen *at = &s.out->items[i];
        CHECK_INT(at->pts_us, next[at->camera]);
        CHECK_INT(at->end, at->pts_us == MANY);
        CHECK_INT(at->analysed, !at->end && at->pts_us % 3 != 0);
        next[at->camera]++;
    }
    stop_stage(&s);
}

/* With every slot full, the cameras come in turn, however eager one of them is. */
static void cameras_take_turns(void **state)
{
    (void)state;
    struct stage s;
    start_stage(&s, &detector_gated, "", 3, false);
    push(&s, 0, 1, LOOK);
    turnstile_wait_arrived(&s.gate, 1);
    push(&s, 2, 1, LOOK);
    push(&s, 0, 2, LOOK);
    push(&s, 1, 1, LOOK);
    turnstile_open(&s.gate, 1); /* 0 is done, 1 is next */
    turnstile_wait_arrived(&s.gate, 2);
    push(&s, 1, 2, LOOK); /* would overtake 2 and 0 */
    turnstile_open(&s.gate, 4);
    wait_out(s.out, 5);
    check_out(&s, "a1! b1! c1! a2! b2!");
    stop_stage(&s);
}

/* Longer than a test may take: who waits for this waits in vain. */
#define FOR_EVER (600 * US_PER_S)

/* What came while the detector was busy is looked at in one run, in turn. */
static void a_batch_takes_several_cameras(void **state)
{
    (void)state;
    struct stage s;
    start_stage_with(&s, &detector_gated, "batch", 5, false, NULL, 0);
    push(&s, 0, 1, LOOK);
    turnstile_wait_arrived(&s.gate, 1);
    push(&s, 3, 1, LOOK);
    push(&s, 0, 2, LOOK);
    push(&s, 1, 1, LOOK);
    turnstile_open(&s.gate, 4);
    wait_out(s.out, 4);
    check_out(&s, "a1! b1! d1! a2!");
    CHECK_INT(detect_stats(s.detect).runs, 2);
    CHECK_INT(detect_stats(s.detect).inferences, 4);
    stop_stage(&s);
}

/* Five cameras are always ready, a run takes four: nobody is looked at twice before another is
 * once. What needs no look has its turn as well. */
static void batches_starve_nobody(void **state)
{
    (void)state;
    enum { CAMERAS = 6, BEATS = 5, ROUNDS = 40 };
    struct stage s;
    start_stage_with(&s, &detector_gated, "batch", CAMERAS, false, NULL, 0);
    push(&s, 0, 0, LOOK);
    turnstile_wait_arrived(&s.gate, 1);
    for (int round = 1; round <= ROUNDS; round++) {
        for (int i = 0; i < CAMERAS; i++)
            push(&s, i, round, i == BEATS ? BEAT : LOOK);
        turnstile_open(&s.gate, round == 1 ? 1 : GATED_BATCH);
        turnstile_wait_arrived(&s.gate, 1 + GATED_BATCH * round);
    }
    turnstile_open(&s.gate, GATED_BATCH * ROUNDS);
    detect_stop(&s.detect);
    int count[CAMERAS] = {0};
    for (int i = 0; i < s.out->count; i++)
        count[s.out->items[i].camera]++;
    for (int i = 0; i < BEATS; i++)
        CHECK_NEAR(count[i], ROUNDS * GATED_BATCH / 5.0, 2);
    CHECK(count[BEATS] >= ROUNDS / 3);
    stop_stage(&s);
}

/* Somebody else will want a look in a moment: that is waited for, but never by one alone. */
static void who_is_active_is_waited_for(void **state)
{
    (void)state;
    struct stage s;
    start_stage_with(&s, &detector_gated, "batch", 3, false, NULL, FOR_EVER);
    turnstile_open(&s.gate, 100);
    push(&s, 0, 1, LOOK);
    wait_out(s.out, 1);
    push(&s, 1, 1, LOOK); /* waits for 0, which has just been active */
    struct observation *end = observation_new(1);
    end->pts_us = 9;
    end->end = end->keep = true;
    while (!detect_push(s.detect, &end)) /* until the detector has taken the look */
        sched_yield();
    push(&s, 0, 2, LOOK);
    wait_out(s.out, 4);
    CHECK_INT(detect_stats(s.detect).runs, 2);
    check_out(&s, "a1! b1! a2! b9.");
    /* Stopping waits for nobody. */
    push(&s, 2, 1, LOOK);
    detect_stop(&s.detect);
    check_out(&s, "a1! b1! a2! b9. c1!");
    stop_stage(&s);
}

static void who_is_quiet_is_not_waited_for(void **state)
{
    (void)state;
    struct fake_clock clock;
    fake_clock_init(&clock, 0, 0);
    struct stage s;
    start_stage_with(&s, &detector_gated, "batch", 2, false, &clock.clock, FOR_EVER);
    push(&s, 0, 1, LOOK);
    turnstile_wait_arrived(&s.gate, 1);
    clock.now_us = 501 * US_PER_MS;
    turnstile_open(&s.gate, 100);
    wait_out(s.out, 1);
    push(&s, 1, 1, LOOK);
    wait_out(s.out, 2);
    check_out(&s, "a1! b1!");
    stop_stage(&s);
}

/* Which others a picture meets in a run is chance; what is to be kept must not depend on it. */
static void what_is_kept_is_looked_at_alone(void **state)
{
    (void)state;
    struct stage s;
    start_stage_with(&s, &detector_gated, "batch", 3, true, NULL, FOR_EVER);
    push(&s, 0, 1, LOOK);
    turnstile_wait_arrived(&s.gate, 1);
    push(&s, 1, 1, LOOK);
    push(&s, 2, 1, LOOK);
    turnstile_open(&s.gate, 100);
    wait_out(s.out, 3);
    check_out(&s, "a1! b1! c1!");
    CHECK_INT(detect_stats(s.detect).runs, 3);
    stop_stage(&s);
}

static void the_stale_are_not_looked_at(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        bool keep;
        int64_t waited_us;
        const char *expected;
    } cases[] = {
        {"", false, 2 * US_PER_S, "a1! b1! a2!"},
        {"", false, 2 * US_PER_S + 1, "a1! b1 a2!"},
        {"", true, 60 * US_PER_S, "a1! b1! a2!"},
        {"batch", false, 2 * US_PER_S, "a1! b1! a2!"},
        {"batch", false, 2 * US_PER_S + 1, "a1! b1 a2!"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fake_clock clock;
        fake_clock_init(&clock, 0, 0);
        struct stage s;
        start_stage_with(&s, &detector_gated, cases[i].model, 2, cases[i].keep, &clock.clock, 0);
        push(&s, 0, 1, LOOK);
        turnstile_wait_arrived(&s.gate, 1);
        push(&s, 1, 1, LOOK);
        clock.now_us = cases[i].waited_us;
        push(&s, 0, 2, LOOK);
        turnstile_open(&s.gate, 100);
        wait_out(s.out, 3);
        check_out(&s, cases[i].expected);
        CHECK_INT(detect_stats(s.detect).stale, !strstr(cases[i].expected, "b1!"));
        stop_stage(&s);
    }
}

/* Where nothing moves the next look is far away, so a late one is better than none. */
static void a_rare_look_is_never_stale(void **state)
{
    (void)state;
    struct fake_clock clock;
    fake_clock_init(&clock, 0, 0);
    struct stage s;
    start_stage_with(&s, &detector_gated, "", 2, false, &clock.clock, 0);
    push(&s, 0, 1, LOOK);
    turnstile_wait_arrived(&s.gate, 1);
    push(&s, 1, 1, REFRESH);
    clock.now_us = 60 * US_PER_S;
    turnstile_open(&s.gate, 100);
    wait_out(s.out, 2);
    check_out(&s, "a1! b1!");
    stop_stage(&s);
}

/* All of them at once: a machine that slept. */
static void many_may_be_stale(void **state)
{
    (void)state;
    enum { CAMERAS = 64 };
    static const char *const models[] = {"", "batch"};
    for (size_t i = 0; i < ARRAY_LEN(models); i++) {
        struct fake_clock clock;
        fake_clock_init(&clock, 0, 0);
        struct stage s;
        start_stage_with(&s, &detector_gated, models[i], CAMERAS, false, &clock.clock, 0);
        push(&s, 0, 1, LOOK);
        turnstile_wait_arrived(&s.gate, 1);
        for (int camera = 1; camera < CAMERAS; camera++)
            push(&s, camera, 1, LOOK);
        clock.now_us = 60 * US_PER_S;
        turnstile_open(&s.gate, 100);
        wait_out(s.out, CAMERAS);
        CHECK_INT(detect_stats(s.detect).stale, CAMERAS - 1);
        for (int camera = 0; camera < CAMERAS; camera++)
            CHECK_INT(s.out->items[camera].camera, camera);
        stop_stage(&s);
    }
}

/* As many beats as are passed on at once, and behind them a look. */
static void a_look_may_come_behind_many_beats(void **state)
{
    (void)state;
    enum { CAMERAS = 64 };
    static const char *const models[] = {"", "batch"};
    for (size_t i = 0; i < ARRAY_LEN(models); i++) {
        for (int looked = 1; looked < CAMERAS; looked++) {
            struct stage s;
            start_stage(&s, &detector_gated, models[i], CAMERAS, false);
            push(&s, 0, 1, LOOK);
            turnstile_wait_arrived(&s.gate, 1);
            for (int camera = 1; camera < CAMERAS; camera++)
                push(&s, camera, 1, camera == looked ? LOOK : BEAT);
            turnstile_open(&s.gate, 2);
            wait_out(s.out, CAMERAS);
            for (int k = 0; k < CAMERAS; k++) {
                int camera = s.out->items[k].camera;
                CHECK_INT(s.out->items[k].analysed, camera == 0 || camera == looked);
            }
            stop_stage(&s);
        }
    }
}

static void stopping_finishes_what_is_in_the_slots(void **state)
{
    (void)state;
    struct stage s;
    start_stage(&s, &detector_gated, "", 2, false);
    push(&s, 0, 1, LOOK);
    turnstile_wait_arrived(&s.gate, 1);
    push(&s, 0, 2, LOOK);
    push(&s, 1, 2, BEAT);
    turnstile_open(&s.gate, 2);
    detect_stop(&s.detect);
    check_out(&s, "a1! b2 a2!");
    stop_stage(&s);
}

/* A look that failed says nothing about what is there. */
static void a_failing_detector_is_no_absence(void **state)
{
    (void)state;
    struct stage s;
    start_stage(&s, &detector_bright, "fail", 1, true);
    for (int i = 1; i <= 3; i++)
        push(&s, 0, i, LOOK);
    wait_out(s.out, 3);
    check_out(&s, "a1 a2 a3");
    CHECK_INT(detect_stats(s.detect).failed, 3);
    CHECK_INT(detect_stats(s.detect).inferences, 0);
    stop_stage(&s);
}

static void opening(void **state)
{
    (void)state;
    struct detect_conf conf;
    opt_defaults(&detect_section, &conf);
    struct err err = {0};
    struct detector *d = NULL;
    STR_COPY(conf.model, "missing");
    CHECK(!detector_open(&conf, &detector_bright, &d, &err));
    CHECK(!d);
    CHECK_INT(err.code, ERR_NOT_FOUND);
    conf.model[0] = '\0';
    CHECK(detector_open(&conf, NULL, &d, &err));
    CHECK_STR(detector_info(d)->name, "motion only");
    CHECK_CONTAINS(detector_info(d)->reason, "no model configured");
    CHECK_INT(detector_info(d)->width, 0);
    detector_close(&d);
    CHECK(!d);
    detector_close(&d);
}

/* Without a model, what moves is an object of its own kind; a change of light is none. */
static void motion_only(void **state)
{
    (void)state;
    struct detect_conf conf;
    opt_defaults(&detect_section, &conf);
    struct detector *d = NULL;
    CHECK(detector_open(&conf, &detector_motion, &d, NULL));
    AUTO(free_ptr) struct detections *found = NEW(struct detections);
    struct motion_result motion = {.active = true, .box_count = MOTION_BOXES_MAX};
    for (int i = 0; i < MOTION_BOXES_MAX; i++)
        motion.boxes[i] = (struct box){0.01f * (float)i, 0.2f, 0.5f, 0.6f};
    struct look look = {.motion = &motion, .region = BOX_WHOLE, .ret = found};
    CHECK(detector_run(d, &look, 1, NULL));
    CHECK_INT(found->count, MOTION_BOXES_MAX);
    CHECK_STR(found->items[3].label, "motion");
    CHECK_INT(label_kind(found->items[3].label), KIND_OTHER);
    CHECK_NEAR(found->items[3].box.x0, 0.03, 1e-6);
    motion.lighting = true;
    CHECK(detector_run(d, &look, 1, NULL));
    CHECK_INT(found->count, 0);
    detector_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(live_the_newest_wins),
        cmocka_unit_test(what_nobody_looks_at_gives_way),
        cmocka_unit_test(the_word_of_a_gap_is_not_lost),
        cmocka_unit_test(the_end_is_never_lost),
        cmocka_unit_test(lossless_keeps_everything_in_order),
        cmocka_unit_test(cameras_take_turns),
        cmocka_unit_test(a_batch_takes_several_cameras),
        cmocka_unit_test(batches_starve_nobody),
        cmocka_unit_test(who_is_active_is_waited_for),
        cmocka_unit_test(who_is_quiet_is_not_waited_for),
        cmocka_unit_test(what_is_kept_is_looked_at_alone),
        cmocka_unit_test(the_stale_are_not_looked_at),
        cmocka_unit_test(a_rare_look_is_never_stale),
        cmocka_unit_test(many_may_be_stale),
        cmocka_unit_test(a_look_may_come_behind_many_beats),
        cmocka_unit_test(stopping_finishes_what_is_in_the_slots),
        cmocka_unit_test(a_failing_detector_is_no_absence),
        cmocka_unit_test(opening),
        cmocka_unit_test(motion_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
