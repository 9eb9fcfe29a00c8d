/* The gate while it is shadow checked: what is decoded, and which visits it would have missed. */
#include "test.h"

#include "base/thread.h"
#include "gate/cam.h"

static void a_stretch_is_decoded_whole(void **state)
{
    (void)state;
    struct cam *c = cam_new(25, 40);
    c->conf.shadow = 0.5;
    int shadowed = 0, slept = 0, changes = 0;
    bool before = false;
    for (int i = 0; i < 25 * 1800; i++) {
        int live = c->how_count[GATE_LIVE] + c->how_count[GATE_REPLAY];
        bool key = c->since_key == 0;
        if (c->out_count > OUT_MAX / 2)
            c->out_count = 0;
        feed(c, 1);
        bool on = gate_shadowing(c->gate);
        if (on != before)
            CHECK(key), changes++;
        if (on)
            CHECK_INT(c->how_count[GATE_LIVE] + c->how_count[GATE_REPLAY], live + 1);
        CHECK(!on || !gate_is_idle(c->gate));
        shadowed += on;
        slept += gate_is_idle(c->gate);
        before = on;
    }
    CHECK(changes > 6);
    CHECK_NEAR((double)shadowed / (shadowed + slept), 0.5, 0.2);
    CHECK_NEAR((double)stats(c).shadow_us / US_PER_S, shadowed / 25.0, 2);
    CHECK_NEAR((double)stats(c).idle_us / US_PER_S, slept / 25.0, 2);
    cam_free(c);
}

static void a_stretch_waits_for_the_end_of_a_visit(void **state)
{
    (void)state;
    for (int held_s = 0; held_s <= 1000; held_s += 20) {
        struct cam *c = cam_new(25, 40);
        c->conf.shadow = 0.5;
        while (!c->gate || !gate_shadowing(c->gate)) {
            c->out_count = 0;
            feed(c, 1);
        }
        gate_hold(c->gate, WAKE_TRACK, c->now_us + held_s * US_PER_S);
        int64_t since_us = c->now_us;
        while (gate_shadowing(c->gate)) {
            c->out_count = 0;
            feed(c, 1);
        }
        double took_s = (double)(c->now_us - since_us) / US_PER_S;
        CHECK(took_s >= MIN(held_s, 180));
        CHECK(took_s <= MAX(held_s, 180) + 180);
        CHECK(held_s < 400 || !gate_is_idle(c->gate));
        if (gate_is_idle(c->gate)) { /* a visit that has just begun, found by the look at its end */
            gate_hold(c->gate, WAKE_PICTURE, c->now_us + US_PER_S);
            drain(c);
            gate_visit(c->gate, c->now_us - c->step_us, c->now_us + US_PER_S);
            CHECK_INT(stats(c).visits, 1);
            CHECK_INT(stats(c).missed, 0);
        }
        cam_free(c);
    }
}

enum hint { HINT_NONE, HINT_LOOK, HINT_LARGE, HINT_PICTURE, HINT_CLIENT, HINT_CLIENT_AFTER };

static void visits_are_found_or_missed(void **state)
{
    (void)state;
    static const struct {
        enum hint hint;
        int missed;
    } rows[] = {{HINT_NONE, 1},    {HINT_LOOK, 0},   {HINT_LARGE, 0},
                {HINT_PICTURE, 1}, {HINT_CLIENT, 0}, {HINT_CLIENT_AFTER, 1}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct cam *c = cam_new(25, 40);
        c->conf.shadow = 1;
        feed_groups(c, 8);
        feed(c, 5);
        CHECK(gate_shadowing(c->gate));
        int64_t first_us = c->now_us;
        if (rows[i].hint == HINT_PICTURE)
            gate_hold(c->gate, WAKE_PICTURE, c->now_us + 3 * US_PER_S);
        if (rows[i].hint == HINT_CLIENT)
            gate_hold(c->gate, WAKE_CLIENT, c->now_us + 3 * US_PER_S);
        c->woke_in_shadow = rows[i].hint == HINT_LOOK;
        c->large = rows[i].hint == HINT_LARGE;
        feed(c, 10); /* no key frame yet */
        c->large = false;
        gate_visit(c->gate, first_us, c->now_us);
        feed(c, 20);
        c->woke_in_shadow = false;
        feed_groups(c, 3);
        if (rows[i].hint == HINT_CLIENT_AFTER)
            gate_hold(c->gate, WAKE_CLIENT, c->now_us + 3 * US_PER_S);
        feed_groups(c, 3);
        CHECK_INT(stats(c).visits, 1);
        if (stats(c).missed != rows[i].missed)
            fail_msg("row %zu: %lld missed", i, (long long)stats(c).missed);
        cam_free(c);
    }
}

static void only_some_key_frames_would_have_been_looked_at(void **state)
{
    (void)state;
    for (int after = 0; after < 12; after++) { /* one key frame of twelve is looked at */
        struct cam *c = cam_new(1, 40);
        c->conf.shadow = 1;
        feed(c, 97 + after);
        CHECK(gate_shadowing(c->gate));
        gate_shadow_woke(c->gate, c->now_us);
        gate_visit(c->gate, c->now_us, c->now_us);
        feed(c, 100);
        CHECK_INT(stats(c).visits, 1);
        CHECK_INT(stats(c).missed, after != 0);
        cam_free(c);
    }
}

static void visits_outside_do_not_count(void **state)
{
    (void)state;
    struct cam *c = cam_new(25, 40);
    put_to_sleep(c);
    gate_visit(c->gate, c->now_us, c->now_us);
    CHECK_INT(stats(c).visits, 0);
    CHECK_NEAR(stats(c).miss_high, 1, 0);
    c->conf.shadow = 1;
    int64_t before_us = c->now_us;
    feed_groups(c, 4);
    gate_visit(c->gate, before_us, c->now_us);
    gate_visit(c->gate, INT64_MIN, INT64_MAX);
    gate_visit(c->gate, INT64_MAX, INT64_MIN);
    feed_groups(c, 4);
    CHECK_INT(stats(c).visits, 0);
    cam_free(c);
}

static void too_many_missed_switch_it_off(void **state)
{
    (void)state;
    struct cam *c = cam_new(25, 40);
    c->conf.shadow = 1;
    feed_groups(c, 8);
    for (int i = 0; i < 40; i++) {
        bool found = i % 19 != 18 && i != 39; /* 3 of 40 */
        c->woke_in_shadow = found;
        int64_t first_us = c->now_us;
        feed_groups(c, 1);
        c->woke_in_shadow = false;
        gate_visit(c->gate, first_us, c->now_us);
        CHECK_STR(stats(c).reason, "");
        feed_groups(c, 6);
    }
    struct gate_stats s = stats(c);
    CHECK_INT(s.visits, 40);
    CHECK_INT(s.missed, 3);
    CHECK_NEAR(s.miss, 0.075, 1e-9);
    CHECK_NEAR(s.miss_low, 0.0157, 0.0001);
    CHECK_NEAR(s.miss_high, 0.2039, 0.0001);
    CHECK_STR(s.reason, "shadow checking found 3 of 40 visits missed (at least 1.6 %)");
    CHECK(!gate_shadowing(c->gate));
    forget_outs(c);
    feed_groups(c, 20);
    CHECK_INT(c->how_count[GATE_LIVE], 500);
    cam_free(c);
}

struct busy {
    struct gate *gate;
    atomic_bool stop;
};

static void be_busy(void *ctx)
{
    struct busy *b = ctx;
    for (int64_t i = 0; !atomic_load(&b->stop); i++) {
        gate_hold(b->gate, (enum gate_wake)(i % WAKE_REASONS), 100 * US_PER_S + i * US_PER_MS);
        gate_visit(b->gate, 100 * US_PER_S + i * US_PER_MS, 101 * US_PER_S + i * US_PER_MS);
        struct gate_stats s = gate_stats(b->gate);
        ASSERT(s.missed <= s.visits && s.decoded >= 0);
        (void)gate_is_idle(b->gate);
    }
}

static void others_may_ask_at_any_time(void **state)
{
    (void)state;
    struct cam *c = cam_new(25, 40);
    c->conf.shadow = 0.5;
    feed(c, 1);
    struct busy busy = {.gate = c->gate};
    struct thread *thread;
    CHECK(thread_start(&thread, ROLE_SCENE, "busy", be_busy, &busy, NULL));
    for (int i = 0; i < 400; i++) {
        c->out_count = 0;
        feed_groups(c, 2);
    }
    atomic_store(&busy.stop, true);
    thread_join(&thread);
    int64_t out = stats(c).decoded;
    CHECK(out >= 800);
    cam_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stretch_is_decoded_whole),
        cmocka_unit_test(a_stretch_waits_for_the_end_of_a_visit),
        cmocka_unit_test(visits_are_found_or_missed),
        cmocka_unit_test(only_some_key_frames_would_have_been_looked_at),
        cmocka_unit_test(visits_outside_do_not_count),
        cmocka_unit_test(too_many_missed_switch_it_off),
        cmocka_unit_test(others_may_ask_at_any_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
