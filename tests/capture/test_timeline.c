/* A source's stamps onto the camera's timeline: one row per packet, checked in turn. */
#include "test.h"

#include "capture/timeline.h"

#define MS   US_PER_MS
#define NONE TIME_UNKNOWN
#define S    US_PER_S

struct step {
    int64_t stamp_us, now_us, expected_us;
    bool jump;
    bool restart; /* before this packet */
};

static void play(const char *what, enum timeline_kind kind, const struct step *steps, size_t count)
{
    struct timeline t;
    timeline_init(&t, kind);
    for (size_t i = 0; i < count; i++) {
        if (steps[i].restart)
            timeline_restart(&t);
        bool jump = !steps[i].jump;
        int64_t us = timeline_map(&t, steps[i].stamp_us, steps[i].now_us, &jump);
        if (us != steps[i].expected_us || jump != steps[i].jump)
            fail_msg("%s, packet %zu: at %lld us, jump %d; expected %lld us, jump %d", what, i,
                     (long long)us, jump, (long long)steps[i].expected_us, steps[i].jump);
    }
}

#define PLAY(what, kind, ...)                                                                      \
    do {                                                                                           \
        const struct step steps_[] = {__VA_ARGS__};                                                \
        play(what, kind, steps_, ARRAY_LEN(steps_));                                               \
    } while (0)

static void recordings_start_at_zero(void **state)
{
    (void)state;
    PLAY("zero", TIMELINE_OFFLINE, {0, 7, 0}, {40 * MS, 8, 40 * MS}, {80 * MS, 9, 80 * MS});
    PLAY("whatever the first stamp", TIMELINE_OFFLINE, {5000 * MS, 7, 0}, {5040 * MS, 8, 40 * MS});
    PLAY("negative stamps", TIMELINE_OFFLINE, {-80 * MS, 7, 0}, {-40 * MS, 8, 40 * MS},
         {0, 9, 80 * MS});
}

static void reordered_pictures_keep_their_places(void **state)
{
    (void)state;
    PLAY("B-frames", TIMELINE_OFFLINE, {0, 0, 0}, {120 * MS, 0, 120 * MS}, {40 * MS, 0, 40 * MS},
         {80 * MS, 0, 80 * MS}, {240 * MS, 0, 240 * MS}, {160 * MS, 0, 160 * MS});
    PLAY("B-frames live", TIMELINE_LIVE, {0, 9000 * MS, 9000 * MS},
         {120 * MS, 9010 * MS, 9120 * MS}, {40 * MS, 9080 * MS, 9040 * MS},
         {80 * MS, 9120 * MS, 9080 * MS});
}

static void a_loop_goes_on_one_step_later(void **state)
{
    (void)state;
    PLAY("offline", TIMELINE_OFFLINE, {0, 0, 0}, {100 * MS, 0, 100 * MS}, {200 * MS, 0, 200 * MS},
         {0, 0, 300 * MS, .restart = true}, {100 * MS, 0, 400 * MS});
    PLAY("realtime", TIMELINE_PACED, {0, 5000 * MS, 5000 * MS}, {100 * MS, 5000 * MS, 5100 * MS},
         {0, 5100 * MS, 5200 * MS, .restart = true}, {100 * MS, 5200 * MS, 5300 * MS});
    PLAY("a single picture is not looped without a pause", TIMELINE_PACED,
         {0, 5000 * MS, 5000 * MS}, {0, 5001 * MS, 5100 * MS, .restart = true},
         {0, 5101 * MS, 5200 * MS, .restart = true});
}

static void a_reconnect_is_anchored_to_its_arrival(void **state)
{
    (void)state;
    PLAY("later stamps", TIMELINE_LIVE, {0, 1000 * MS, 1000 * MS}, {100 * MS, 1100 * MS, 1100 * MS},
         {777 * MS, 9000 * MS, 9000 * MS, .restart = true}, {877 * MS, 9090 * MS, 9100 * MS});
    PLAY("earlier stamps", TIMELINE_LIVE, {50000 * MS, 1000 * MS, 1000 * MS},
         {0, 4000 * MS, 4000 * MS, .restart = true});
}

static void live_stamps_are_trusted_over_arrivals(void **state)
{
    (void)state;
    PLAY("network jitter does not show", TIMELINE_LIVE, {0, 1000 * MS, 1000 * MS},
         {40 * MS, 1900 * MS, 1040 * MS}, {80 * MS, 1900 * MS, 1080 * MS},
         {120 * MS, 1901 * MS, 1120 * MS}, {1000 * MS, 2000 * MS, 2000 * MS});
}

static void jumping_stamps_are_anchored_afresh(void **state)
{
    (void)state;
    PLAY("live, far ahead", TIMELINE_LIVE, {0, 1000 * MS, 1000 * MS},
         {40 * MS, 1040 * MS, 1040 * MS}, {9000 * MS, 1200 * MS, 1200 * MS, .jump = true},
         {9040 * MS, 1240 * MS, 1240 * MS});
    PLAY("live, far back", TIMELINE_LIVE, {9000 * MS, 1000 * MS, 1000 * MS},
         {9040 * MS, 1040 * MS, 1040 * MS}, {0, 1200 * MS, 1200 * MS, .jump = true},
         {40 * MS, 1240 * MS, 1240 * MS});
    PLAY("recording, back", TIMELINE_OFFLINE, {0, 0, 0}, {100 * MS, 0, 100 * MS},
         {5000 * MS, 0, 5000 * MS}, {1000 * MS, 0, 5100 * MS, .jump = true},
         {1100 * MS, 0, 5200 * MS});
    PLAY("recording, a pause of half an hour is one", TIMELINE_OFFLINE, {0, 0, 0},
         {1800 * US_PER_S, 0, 1800 * US_PER_S});
    PLAY("recording, two hours are none", TIMELINE_OFFLINE, {0, 0, 0},
         {7200 * US_PER_S, 0, 100 * MS, .jump = true}, {7200 * US_PER_S + 1, 0, 100 * MS + 1});
}

static void missing_stamps(void **state)
{
    (void)state;
    PLAY("recording without any", TIMELINE_OFFLINE, {NONE, 0, 0}, {NONE, 0, 100 * MS},
         {NONE, 0, 200 * MS}, {NONE, 0, 300 * MS, .restart = true});
    PLAY("recording, one missing", TIMELINE_OFFLINE, {1000 * MS, 0, 0}, {1100 * MS, 0, 100 * MS},
         {NONE, 0, 200 * MS}, {1300 * MS, 0, 300 * MS});
    PLAY("live: the arrival", TIMELINE_LIVE, {NONE, 5000 * MS, 5000 * MS},
         {NONE, 5033 * MS, 5033 * MS}, {NONE, 5033 * MS, 5033 * MS + 1});
    PLAY("live, one missing", TIMELINE_LIVE, {0, 5000 * MS, 5000 * MS},
         {NONE, 5050 * MS, 5050 * MS}, {100 * MS, 5105 * MS, 5100 * MS});
}

static void absurd_stamps_are_none(void **state)
{
    (void)state;
    static const int64_t absurd[] = {INT64_MAX, INT64_MIN + 1, INT64_MAX / 2, -(INT64_MAX / 2),
                                     (INT64_C(1) << 52) + 1};
    for (size_t i = 0; i < ARRAY_LEN(absurd); i++) {
        PLAY("first", TIMELINE_OFFLINE, {absurd[i], 0, 0}, {absurd[i], 0, 100 * MS});
        PLAY("later", TIMELINE_OFFLINE, {absurd[i], 0, 0}, {40 * MS, 0, 40 * MS},
             {absurd[i], 0, 132500});
        PLAY("live", TIMELINE_LIVE, {absurd[i], 5000 * MS, 5000 * MS});
    }
    PLAY("the largest there are", TIMELINE_OFFLINE, {-(INT64_C(1) << 52), 0, 0},
         {INT64_C(1) << 52, 0, 100 * MS, .jump = true});
}

/* A camera whose clock broke: its stamps stand still. Its fields may share one. */
static void stamps_that_stand_still_are_none(void **state)
{
    (void)state;
    PLAY("live", TIMELINE_LIVE, {0, 1000 * MS, 1000 * MS}, {40 * MS, 1040 * MS, 1040 * MS},
         {40 * MS, 1041 * MS, 1040 * MS}, {40 * MS, 1080 * MS, 1040 * MS},
         {40 * MS, 1120 * MS, 1120 * MS}, {40 * MS, 9160 * MS, 9160 * MS},
         {8240 * MS, 9200 * MS, 9240 * MS});
    PLAY("two fields", TIMELINE_LIVE, {0, 1000 * MS, 1000 * MS}, {40 * MS, 1040 * MS, 1040 * MS},
         {40 * MS, 1041 * MS, 1040 * MS}, {80 * MS, 1080 * MS, 1080 * MS});
}

/* 32 bits at 90 kHz are 13 h 15 min; what libavformat unwraps for RTP, other sources may not. */
static void stamps_that_wrap_are_anchored_afresh(void **state)
{
    (void)state;
    const int64_t wrap_us = (INT64_C(1) << 32) * 1000 / 90;
    const int64_t wrap33_us = (INT64_C(1) << 33) * 1000 / 90;
    PLAY("32 bits", TIMELINE_LIVE, {wrap_us - 40 * MS, 1000 * MS, 1000 * MS},
         {0, 1040 * MS, 1100 * MS, .jump = true}, {40 * MS, 1080 * MS, 1140 * MS});
    PLAY("33 bits", TIMELINE_LIVE, {wrap33_us - 40 * MS, 1000 * MS, 1000 * MS},
         {0, 1040 * MS, 1100 * MS, .jump = true}, {40 * MS, 1080 * MS, 1140 * MS});
    PLAY("in a recording", TIMELINE_OFFLINE, {wrap_us - 40 * MS, 0, 0},
         {0, 0, 100 * MS, .jump = true}, {40 * MS, 0, 140 * MS});
}

/* Runs a camera for so many pictures, the stamps step_us apart, that arrive every arrive_us, some
 * held up; the first ones arrive at once. Returns the last one's arrival minus its place. */
static int64_t run_drift(int64_t step_us, int64_t arrive_us, int at_once, int pictures)
{
    struct timeline t;
    timeline_init(&t, TIMELINE_LIVE);
    int64_t now_us = 1000 * US_PER_S, last_us = 0, us = 0;
    for (int i = 0; i < pictures; i++) {
        now_us += i < at_once ? 0 : arrive_us;
        bool jump;
        us = timeline_map(&t, i * step_us, now_us + i % 3 * 4 * MS, &jump);
        CHECK(!jump);
        CHECK(i == 0 || us > last_us);
        CHECK(i == 0 || us - last_us <= step_us + step_us / 50);
        CHECK(i == 0 || us - last_us >= step_us - step_us / 9);
        last_us = us;
    }
    return now_us - us;
}

static void a_wrong_pace_is_put_right_slowly(void **state)
{
    (void)state;
    /* Half a day of a clock 100 ppm off is 4 s: without care that would be a jump. */
    CHECK_NEAR(run_drift(40000, 40004, 0, 1080000), 0, 15 * MS);
    CHECK_NEAR(run_drift(40000, 39996, 0, 1080000), 0, 15 * MS);
    /* Two seconds of pictures from before the connection come first, all at once. */
    CHECK_NEAR(run_drift(40000, 40000, 50, 2000), 0, 15 * MS);
}

/* What a recording's stamps say is ahead of the clock by what was read ahead: nothing is wrong. */
static void a_recording_keeps_its_pace(void **state)
{
    (void)state;
    struct timeline t;
    timeline_init(&t, TIMELINE_PACED);
    for (int i = 0; i < 2000; i++) {
        bool jump;
        CHECK_INT(timeline_map(&t, i * 40 * MS, 5000 * MS + MAX(i - 1, 0) * 40 * MS, &jump),
                  5000 * MS + i * 40 * MS);
    }
}

static void a_clock_beside_ours(void **state)
{
    (void)state;
    struct clock_offset o = {0};
    int64_t true_us = -300 * MS, now_us = INT64_C(1700000000) * S;
    for (int i = 0; i < 500; i++, now_us += 40 * MS) /* late by 5 to 205 ms */
        clock_offset_note(&o, now_us + true_us - 5 * MS - i % 5 * 50 * MS, now_us);
    CHECK(o.known);
    CHECK_NEAR(o.us, true_us - 5 * MS, 30 * MS);
    clock_offset_note(&o, now_us + 3600 * S, now_us); /* somebody has set it */
    CHECK_INT(o.us, 3600 * S);
    clock_offset_note(&o, INT64_MIN + 1, INT64_MAX);
    clock_offset_note(&o, INT64_MAX, now_us);
    CHECK_INT(o.us, 3600 * S);
}

/* However hostile the stamps, time does not go back by more than reordering explains. */
static void never_goes_back(void **state)
{
    (void)state;
    for (enum timeline_kind kind = TIMELINE_OFFLINE; kind <= TIMELINE_LIVE; kind++) {
        struct timeline t;
        timeline_init(&t, kind);
        uint64_t x = 88172645463325252u;
        int64_t newest_us = INT64_MIN / 2, now_us = 1000 * US_PER_S;
        for (int i = 0; i < 100000; i++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            int64_t stamp_us = (int64_t)(x >> (x % 64));
            now_us += (int64_t)(x % 200) * MS;
            if (x % 97 == 0)
                timeline_restart(&t);
            bool jump;
            int64_t us = timeline_map(&t, x % 5 ? stamp_us : -stamp_us, now_us, &jump);
            CHECK(us >= newest_us - US_PER_S);
            if (kind != TIMELINE_OFFLINE)
                CHECK(us <= now_us + 4 * US_PER_S);
            newest_us = MAX(newest_us, us);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recordings_start_at_zero),
        cmocka_unit_test(reordered_pictures_keep_their_places),
        cmocka_unit_test(a_loop_goes_on_one_step_later),
        cmocka_unit_test(a_reconnect_is_anchored_to_its_arrival),
        cmocka_unit_test(live_stamps_are_trusted_over_arrivals),
        cmocka_unit_test(jumping_stamps_are_anchored_afresh),
        cmocka_unit_test(missing_stamps),
        cmocka_unit_test(absurd_stamps_are_none),
        cmocka_unit_test(stamps_that_stand_still_are_none),
        cmocka_unit_test(stamps_that_wrap_are_anchored_afresh),
        cmocka_unit_test(a_wrong_pace_is_put_right_slowly),
        cmocka_unit_test(a_recording_keeps_its_pace),
        cmocka_unit_test(a_clock_beside_ours),
        cmocka_unit_test(never_goes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
