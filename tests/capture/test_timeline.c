/* A source's stamps onto the camera's timeline: one row per packet, checked in turn. */
#include "test.h"

#include "capture/timeline.h"

#define MS   US_PER_MS
#define NONE TIME_UNKNOWN

struct step {
    int64_t stamp_us, now_us, expected_us;
    bool jump;
    bool restart; /* before this packet */
};

static void play(const char *what, bool realtime, const struct step *steps, size_t count)
{
    struct timeline t;
    timeline_init(&t, realtime);
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

#define PLAY(what, realtime, ...)                                                                  \
    do {                                                                                           \
        const struct step steps_[] = {__VA_ARGS__};                                                \
        play(what, realtime, steps_, ARRAY_LEN(steps_));                                           \
    } while (0)

static void recordings_start_at_zero(void **state)
{
    (void)state;
    PLAY("zero", false, {0, 7, 0}, {40 * MS, 8, 40 * MS}, {80 * MS, 9, 80 * MS});
    PLAY("whatever the first stamp", false, {5000 * MS, 7, 0}, {5040 * MS, 8, 40 * MS});
    PLAY("negative stamps", false, {-80 * MS, 7, 0}, {-40 * MS, 8, 40 * MS}, {0, 9, 80 * MS});
}

static void reordered_pictures_keep_their_places(void **state)
{
    (void)state;
    PLAY("B-frames", false, {0, 0, 0}, {120 * MS, 0, 120 * MS}, {40 * MS, 0, 40 * MS},
         {80 * MS, 0, 80 * MS}, {240 * MS, 0, 240 * MS}, {160 * MS, 0, 160 * MS});
    PLAY("B-frames live", true, {0, 9000 * MS, 9000 * MS}, {120 * MS, 9010 * MS, 9120 * MS},
         {40 * MS, 9080 * MS, 9040 * MS}, {80 * MS, 9120 * MS, 9080 * MS});
}

static void a_loop_goes_on_one_step_later(void **state)
{
    (void)state;
    PLAY("offline", false, {0, 0, 0}, {100 * MS, 0, 100 * MS}, {200 * MS, 0, 200 * MS},
         {0, 0, 300 * MS, .restart = true}, {100 * MS, 0, 400 * MS});
    PLAY("realtime", true, {0, 5000 * MS, 5000 * MS}, {100 * MS, 5000 * MS, 5100 * MS},
         {0, 5100 * MS, 5200 * MS, .restart = true}, {100 * MS, 5200 * MS, 5300 * MS});
    PLAY("a single picture is not looped without a pause", true, {0, 5000 * MS, 5000 * MS},
         {0, 5001 * MS, 5100 * MS, .restart = true}, {0, 5101 * MS, 5200 * MS, .restart = true});
}

static void a_reconnect_is_anchored_to_its_arrival(void **state)
{
    (void)state;
    PLAY("later stamps", true, {0, 1000 * MS, 1000 * MS}, {100 * MS, 1100 * MS, 1100 * MS},
         {777 * MS, 9000 * MS, 9000 * MS, .restart = true}, {877 * MS, 9090 * MS, 9100 * MS});
    PLAY("earlier stamps", true, {50000 * MS, 1000 * MS, 1000 * MS},
         {0, 4000 * MS, 4000 * MS, .restart = true});
}

static void live_stamps_are_trusted_over_arrivals(void **state)
{
    (void)state;
    PLAY("network jitter does not show", true, {0, 1000 * MS, 1000 * MS},
         {40 * MS, 1900 * MS, 1040 * MS}, {80 * MS, 1900 * MS, 1080 * MS},
         {120 * MS, 1901 * MS, 1120 * MS}, {1000 * MS, 2000 * MS, 2000 * MS});
}

static void jumping_stamps_are_anchored_afresh(void **state)
{
    (void)state;
    PLAY("live, far ahead", true, {0, 1000 * MS, 1000 * MS}, {40 * MS, 1040 * MS, 1040 * MS},
         {9000 * MS, 1200 * MS, 1200 * MS, .jump = true}, {9040 * MS, 1240 * MS, 1240 * MS});
    PLAY("live, far back", true, {9000 * MS, 1000 * MS, 1000 * MS},
         {9040 * MS, 1040 * MS, 1040 * MS}, {0, 1200 * MS, 1200 * MS, .jump = true},
         {40 * MS, 1240 * MS, 1240 * MS});
    PLAY("recording, back", false, {0, 0, 0}, {100 * MS, 0, 100 * MS}, {5000 * MS, 0, 5000 * MS},
         {1000 * MS, 0, 5100 * MS, .jump = true}, {1100 * MS, 0, 5200 * MS});
    PLAY("recording, a pause of half an hour is one", false, {0, 0, 0},
         {1800 * US_PER_S, 0, 1800 * US_PER_S});
    PLAY("recording, two hours are none", false, {0, 0, 0},
         {7200 * US_PER_S, 0, 100 * MS, .jump = true}, {7200 * US_PER_S + 1, 0, 100 * MS + 1});
}

static void missing_stamps(void **state)
{
    (void)state;
    PLAY("recording without any", false, {NONE, 0, 0}, {NONE, 0, 100 * MS}, {NONE, 0, 200 * MS},
         {NONE, 0, 300 * MS, .restart = true});
    PLAY("recording, one missing", false, {1000 * MS, 0, 0}, {1100 * MS, 0, 100 * MS},
         {NONE, 0, 200 * MS}, {1300 * MS, 0, 300 * MS});
    PLAY("live: the arrival", true, {NONE, 5000 * MS, 5000 * MS}, {NONE, 5033 * MS, 5033 * MS},
         {NONE, 5033 * MS, 5033 * MS + 1});
    PLAY("live, one missing", true, {0, 5000 * MS, 5000 * MS}, {NONE, 5050 * MS, 5050 * MS},
         {100 * MS, 5105 * MS, 5100 * MS});
}

static void absurd_stamps_are_none(void **state)
{
    (void)state;
    static const int64_t absurd[] = {INT64_MAX, INT64_MIN + 1, INT64_MAX / 2, -(INT64_MAX / 2),
                                     (INT64_C(1) << 52) + 1};
    for (size_t i = 0; i < ARRAY_LEN(absurd); i++) {
        PLAY("first", false, {absurd[i], 0, 0}, {absurd[i], 0, 100 * MS});
        PLAY("later", false, {absurd[i], 0, 0}, {40 * MS, 0, 40 * MS}, {absurd[i], 0, 132500});
        PLAY("live", true, {absurd[i], 5000 * MS, 5000 * MS});
    }
    PLAY("the largest there are", false, {-(INT64_C(1) << 52), 0, 0},
         {INT64_C(1) << 52, 0, 100 * MS, .jump = true});
}

/* However hostile the stamps, time does not go back by more than reordering explains. */
static void never_goes_back(void **state)
{
    (void)state;
    for (int realtime = 0; realtime < 2; realtime++) {
        struct timeline t;
        timeline_init(&t, realtime);
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
            if (realtime)
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
        cmocka_unit_test(never_goes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
