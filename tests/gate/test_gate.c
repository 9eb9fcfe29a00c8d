/* The gate on made-up streams: what comes out, how, and when it says why it cannot sleep. */
#include "test.h"

#include "gate/cam.h"
#include "gate/model.h"

#include <stdlib.h>
#include <time.h>

static void sleeps_where_it_may(void **state)
{
    (void)state;
    static const struct {
        int gop, step_ms, limit_ms, bytes;
        bool sleeps;
        const char *reason;
    } rows[] = {
        {25, 40, 2000, 1000, true, ""},
        {50, 40, 2000, 1000, true, ""},
        {10, 200, 2000, 1000, true, ""}, /* few pictures */
        {56, 40, 2000, 1000, true, ""},  /* cameras do not count exactly */
        {57, 40, 2000, 1000, false,
         "its key frames are 2.3 s apart, more than 2.0 s: set the camera"},
        {100, 40, 2000, 1000, false,
         "its key frames are 4.0 s apart, more than 2.0 s: set the camera's I-frame interval to 2 "
         "s "
         "or less"},
        {100, 40, 4000, 1000, true, ""},
        {25, 40, 500, 1000, false, "to 0.5 s or less"},
        {100000, 40, 2000, 1000, false, "I-frame interval"}, /* but one key frame */
        {1, 40, 2000, 1000, true, ""},                       /* all are */
        {2, 40, 200, 1000, true, ""},
        {1, 3000, 2000, 1000, false, "its key frames are 3.0 s apart"},
        {25, 40, 2000, (16 << 20) / 26, true, ""}, /* with the key frame at its end */
        {25, 40, 2000, (16 << 20) / 26 + 1, false, "more than 512 pictures or 16 MB"},
        {511, 2, 2000, 1000, true, ""},
        {512, 2, 2000, 1000, false, "more than 512 pictures or 16 MB"},
        {1, 40, 2000, 17 << 20, false, "16 MB"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct cam *c = cam_new(rows[i].gop, rows[i].step_ms);
        c->conf.key_interval_us = rows[i].limit_ms * US_PER_MS;
        c->bytes = rows[i].bytes;
        feed(c, MIN(rows[i].gop * 20, 3000));
        struct gate_stats s = stats(c);
        if (s.idle != rows[i].sleeps)
            fail_msg("row %zu: idle %d: %s", i, s.idle, s.reason);
        if (rows[i].sleeps)
            CHECK_STR(s.reason, "");
        else
            CHECK_CONTAINS(s.reason, rows[i].reason);
        CHECK(rows[i].sleeps || s.decoded == s.packets);
        cam_free(c);
    }
}

static void third_key_frame_is_the_first_alone(void **state)
{
    (void)state;
    struct cam *c = cam_new(25, 40);
    feed(c, 51);
    CHECK_INT(c->how_count[GATE_LIVE], 50);
    check_outs(c, 0, GATE_LIVE, 0, 49);
    check_outs(c, 50, GATE_ALONE, 50, 50);
    CHECK(gate_is_idle(c->gate));
    forget_outs(c);
    feed_groups(c, 10);
    CHECK_INT(c->how_count[GATE_ALONE], 10);
    CHECK_INT(c->out_count, 10);
    CHECK_INT(stats(c).idle_us, 10 * US_PER_S);
    CHECK_INT(stats(c).decoded, 61);
    CHECK_NEAR(stats(c).key_interval_s, 1.0, 1e-9);
    /* What came after the last quiet key frame is kept, and that. */
    feed(c, 10);
    CHECK_INT(stats(c).held_bytes, 11 * c->bytes);
    cam_free(c);
}

static void looks_no_more_than_twice_a_second(void **state)
{
    (void)state;
    struct cam *c = cam_new(1, 40);
    feed(c, 50);
    forget_outs(c);
    feed(c, 250);
    CHECK_INT(c->how_count[GATE_LIVE] + c->how_count[GATE_REPLAY], 0);
    CHECK(c->how_count[GATE_ALONE] >= 19 && c->how_count[GATE_ALONE] <= 21);
    CHECK(stats(c).held_bytes <= 13 * c->bytes);
    /* The pictures in between are there when they are wanted. */
    forget_outs(c);
    int waiting = (int)(stats(c).held_bytes / c->bytes);
    gate_hold(c->gate, WAKE_CLIENT, c->now_us + US_PER_S);
    drain(c);
    check_outs(c, 0, GATE_REPLAY, c->pushed - waiting, c->pushed - 1);
    CHECK_INT(c->out_count, waiting);
    cam_free(c);
    /* Who asks for a shorter time than that gets it. */
    c = cam_new(1, 40);
    c->conf.key_interval_us = 200 * US_PER_MS;
    feed(c, 50);
    forget_outs(c);
    feed(c, 250);
    CHECK_INT(c->how_count[GATE_ALONE], 50);
    cam_free(c);
}

static void not_where_it_must_not(void **state)
{
    (void)state;
    struct cam *c = cam_new(25, 40);
    c->gate = gate_new(&c->conf, 1, false);
    CHECK_CONTAINS(stats(c).reason, "recordings");
    feed_groups(c, 10);
    CHECK_INT(c->how_count[GATE_LIVE], 250);
    cam_free(c);
    c = cam_new(25, 40);
    c->conf.enabled = false;
    feed_groups(c, 10);
    CHECK_INT(c->how_count[GATE_LIVE], 250);
    CHECK_CONTAINS(stats(c).reason, "switched off");
    cam_free(c);
}

static void a_picture_that_differs_brings_back_the_group_before(void **state)
{
    (void)state;
    struct cam *c = cam_new(25, 40);
    feed_groups(c, 5);
    forget_outs(c);
    c->picture_hold_us = 3 * US_PER_S;
    feed(c, 1); /* packet 125, a key frame; the one before was 100 */
    check_outs(c, 0, GATE_ALONE, 125, 125);
    check_outs(c, 1, GATE_REPLAY, 100, 125);
    CHECK_INT(c->out_count, 27);
    CHECK(!gate_is_idle(c->gate));
    /* It is awake for 3 s, then falls asleep at a key frame. */
    forget_outs(c);
    feed(c, 74);
    check_outs(c, 0, GATE_LIVE, 126, 199);
    feed(c, 1);
    check_outs(c, 74, GATE_ALONE, 200, 200);
    CHECK(gate_is_idle(c->gate));
    struct gate_stats s = stats(c);
    CHECK_INT(s.wakes[WAKE_PICTURE], 1);
    CHECK_INT(s.replayed, 26);
    cam_free(c);
}

static void a_picture_that_differs_when_it_falls_asleep(void **state)
{
    (void)state;
    struct cam *c = cam_new(25, 40);
    feed_groups(c, 2);
    c->picture_hold_us = US_PER_S;
    feed(c, 2);
    check_outs(c, 0, GATE_LIVE, 0, 49);
    check_outs(c, 50, GATE_ALONE, 50, 50);
    check_outs(c, 51, GATE_REPLAY, 50, 50);
    check_outs(c, 52, GATE_LIVE, 51, 51);
    cam_free(c);
}

static void anybody_wakes_it(void **state)
{
    (void)state;
    for (int why = 0; why < WAKE_REASONS; why++) {
        struct cam *c = cam_new(25, 40);
        put_to_sleep(c); /* 137 packets, the last key frame was 125 */
        forget_outs(c);
        gate_hold(c->gate, (enum gate_wake)why, c->now_us); /* not beyond now */
        drain(c);
        CHECK_INT(c->out_count, 0);
        gate_hold(c->gate, (enum gate_wake)why, c->now_us + 100 * US_PER_MS);
        gate_hold(c->gate, (enum gate_wake)why, c->now_us - US_PER_S); /* shortens nothing */
        if (why % 2)
            drain(c); /* at once, or with the next packet, though it comes after the hold */
        else
            c->now_us += 200 * US_PER_MS;
        feed(c, 1);
        check_outs(c, 0, GATE_REPLAY, 125, 136);
        check_outs(c, 12, GATE_LIVE, 137, 137);
        for (int i = 0; i < WAKE_REASONS; i++)
            CHECK_INT(stats(c).wakes[i], i == why);
        CHECK_INT(stats(c).held_bytes, 0);
        cam_free(c);
    }
}

static void several_wake_it_once(void **state)
{
    (void)state;
    struct cam *c = cam_new(25, 40);
    put_to_sleep(c);
    gate_hold(c->gate, WAKE_SIZE, c->now_us + US_PER_S);
    gate_hold(c->gate, WAKE_CLIENT, c->now_us + US_PER_S);
    feed(c, 1);
    CHECK_INT(stats(c).wakes[WAKE_SIZE], 0);
    CHECK_INT(stats(c).wakes[WAKE_CLIENT], 1);
    cam_free(c);
}

static void schedule_is_local_time(void **state)
{
    (void)state;
    setenv("TZ", "XYZ-2", 1); /* two hours east */
    tzset();
    static const struct {
        int from, to, utc_min;
        bool awake;
    } rows[] = {
        {22 * 60, 6 * 60, 19 * 60 + 59, false}, {22 * 60, 6 * 60, 20 * 60, true},
        {22 * 60, 6 * 60, 3 * 60 + 59, true},   {22 * 60, 6 * 60, 4 * 60, false},
        {8 * 60, 9 * 60, 6 * 60 + 30, true},    {8 * 60, 9 * 60, 7 * 60, false},
        {8 * 60, 8 * 60, 6 * 60, false},        {8 * 60, 9 * 60, -1, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct cam *c = cam_new(25, 40);
        c->conf.awake = (struct opt_times){rows[i].from, rows[i].to};
        put_to_sleep(c);
        if (rows[i].utc_min >= 0)
            c->wall_us = (INT64_C(20000) * 1440 + rows[i].utc_min) * 60 * US_PER_S;
        feed_groups(c, 3);
        CHECK_INT(gate_is_idle(c->gate), !rows[i].awake);
        CHECK_INT(stats(c).wakes[WAKE_SCHEDULE], rows[i].awake);
        c->wall_us = INT64_MAX; /* absurd */
        feed_groups(c, 3);
        CHECK(gate_is_idle(c->gate));
        cam_free(c);
    }
    unsetenv("TZ");
    tzset();
}

static void large_packets_wake_it_until_they_prove_wrong(void **state)
{
    (void)state;
    for (int useful = 0; useful < 2; useful++) {
        struct cam *c = cam_new(25, 40);
        put_to_sleep(c);
        for (int i = 0; i < 40; i++) {
            c->large = true;
            feed(c, 2);
            c->large = false;
            if (useful && i % 5 == 0)
                gate_hold(c->gate, i % 2 ? WAKE_TRACK : WAKE_PICTURE, c->now_us + US_PER_S);
            feed_groups(c, 5);
        }
        CHECK_INT(stats(c).wakes[WAKE_SIZE], useful ? 40 : 20);
        /* An hour later it may try again, and is distrusted sooner. */
        c->now_us += 3700 * US_PER_S;
        feed_groups(c, 10);
        int64_t before = stats(c).wakes[WAKE_SIZE];
        for (int i = 0; i < 40 && !useful; i++) {
            c->large = true;
            feed(c, 2);
            c->large = false;
            feed_groups(c, 5);
        }
        CHECK_INT(stats(c).wakes[WAKE_SIZE] - before, useful ? 0 : 10);
        cam_free(c);
    }
}

static void what_was_never_seen_is_replayed_before_a_gap(void **state)
{
    (void)state;
    struct cam *c = cam_new(25, 40);
    put_to_sleep(c);
    forget_outs(c);
    c->since_key = 0;
    struct packet *p = prepare(c);
    p->gap = true;
    send(c, p);
    check_outs(c, 0, GATE_REPLAY, 125, 136);
    check_outs(c, 12, GATE_LIVE, 137, 137);
    /* Everything has to be learnt anew: asleep again at the third key frame. */
    feed(c, 49);
    CHECK_INT(c->how_count[GATE_LIVE], 50);
    feed(c, 1);
    CHECK_INT(c->outs[c->out_count - 1].how, GATE_ALONE);
    /* A key frame seen quiet, and nothing after it, is not needed. */
    forget_outs(c);
    c->since_key = 0;
    p = prepare(c);
    p->gap = true;
    send(c, p);
    CHECK_INT(c->out_count, 1);
    CHECK_INT(c->how_count[GATE_LIVE], 1);
    CHECK_INT(stats(c).held_bytes, 0);
    cam_free(c);
}

static void other_packets_pass_in_order(void **state)
{
    (void)state;
    static const char *const kinds[] = {"recorded", "blind", "upload", "end"};
    for (int kind = 0; kind < 4; kind++) {
        for (int after_key = 0; after_key < 2; after_key++) {
            struct cam *c = cam_new(25, 40);
            feed_groups(c, 5);
            feed(c, after_key ? 1 : 10); /* from 125 on */
            forget_outs(c);
            struct packet *p = prepare(c);
            p->recorded = kind == 0;
            p->blind = kind == 1;
            p->upload = kind == 2 ? upload_new() : NULL;
            p->end = kind == 3;
            if (kind != 0)
                av_packet_free(&p->av);
            send(c, p);
            int kept = after_key ? kind != 3 : 10;
            if (c->out_count != kept + 1)
                fail_msg("%s: %d came out", kinds[kind], c->out_count);
            check_outs(c, 0, GATE_REPLAY, 125, 125 + kept - 1);
            CHECK_INT(c->outs[kept].how, GATE_LIVE);
            CHECK_INT(c->outs[kept].number, c->pushed - 1);
            cam_free(c);
        }
    }
}

static void a_key_frame_that_does_not_come_wakes_it(void **state)
{
    (void)state;
    struct cam *c = cam_new(25, 40);
    feed_groups(c, 5);
    feed(c, 1);
    c->gop = 1000000; /* the camera has changed its mind */
    forget_outs(c);
    feed(c, 56);
    CHECK_INT(c->out_count, 0);
    feed(c, 1);
    CHECK_INT(c->how_count[GATE_REPLAY], 57);
    CHECK_INT(c->how_count[GATE_LIVE], 1);
    CHECK_CONTAINS(stats(c).reason, "2.3 s apart");
    /* Fine again: four groups later it may sleep. */
    c->gop = 25;
    c->since_key = 0;
    feed_groups(c, 4);
    CHECK_CONTAINS(stats(c).reason, "apart");
    feed_groups(c, 2);
    CHECK(gate_is_idle(c->gate));
    CHECK_STR(stats(c).reason, "");
    cam_free(c);
}

static void groups_that_vary_keep_it_awake(void **state)
{
    (void)state;
    struct cam *c = cam_new(25, 40);
    for (int i = 0; i < 3; i++) {
        c->gop = 25;
        c->since_key = 0;
        feed_groups(c, 6);
        c->gop = 100;
        feed_groups(c, 1);
    }
    c->gop = 25;
    c->since_key = 0;
    feed_groups(c, 10);
    CHECK(!gate_is_idle(c->gate));
    CHECK_CONTAINS(stats(c).reason, "irregularly");
    CHECK_CONTAINS(stats(c).reason, "smart codec");
    feed_groups(c, 60);
    CHECK(gate_is_idle(c->gate));
    cam_free(c);
}

static void time_may_jump(void **state)
{
    (void)state;
    struct cam *c = cam_new(25, 40);
    put_to_sleep(c);
    forget_outs(c);
    c->now_us += 86400 * US_PER_S;
    feed(c, 1);
    CHECK_INT(c->how_count[GATE_REPLAY], 12);
    CHECK_INT(c->how_count[GATE_LIVE], 1);
    feed_groups(c, 1);
    CHECK_CONTAINS(stats(c).reason, "86401.0 s apart");
    c->now_us -= 86400 * US_PER_S;
    feed_groups(c, 3);
    CHECK(!gate_is_idle(c->gate));
    feed_groups(c, 3);
    CHECK(gate_is_idle(c->gate));
    CHECK_STR(stats(c).reason, "");
    /* Pictures that are decoded before others which they follow are not that. */
    for (int i = 0; i < 40; i++) {
        c->now_us += (i % 2 ? -100 : 100) * US_PER_MS;
        feed(c, 1);
        CHECK(gate_is_idle(c->gate));
    }
    cam_free(c);
}

/* Against the contract, but nothing may be lost. */
static void pushed_without_asking(void **state)
{
    (void)state;
    struct cam *c = cam_new(25, 40);
    feed(c, 50);
    forget_outs(c);
    for (int i = 0; i < 60; i++) /* falls asleep at 50, 75 and 100 are not looked at */
        gate_push(c->gate, prepare(c));
    drain(c);
    CHECK_INT(c->out_count, 60);
    check_outs(c, 0, GATE_REPLAY, 50, 50);
    check_outs(c, 1, GATE_LIVE, 51, 109);
    cam_free(c);
}

static void giving_up_is_for_good(void **state)
{
    (void)state;
    struct cam *c = cam_new(25, 40);
    put_to_sleep(c);
    forget_outs(c);
    gate_give_up(c->gate, "its key frames do not stand alone");
    drain(c);
    check_outs(c, 0, GATE_REPLAY, 125, 136);
    feed_groups(c, 20);
    CHECK_INT(c->how_count[GATE_ALONE], 0);
    CHECK_STR(stats(c).reason, "its key frames do not stand alone");
    cam_free(c);
}

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13, *state ^= *state >> 7, *state ^= *state << 17;
    return *state;
}

/* A camera with groups of one length mostly, disturbed now and then; or noise. */
static void random_steps(uint64_t *random, uint8_t *data, int steps)
{
    bool noise = random_next(random) % 4 == 0;
    for (int i = 0; i < 4; i++)
        data[i] = (uint8_t)random_next(random);
    data[0] |= 8; /* a limit of 1.8 s or more, mostly; never switched off */
    data[1] &= random_next(random) % 2 ? 0xff : 0;
    uint8_t gop = (uint8_t)(1 + random_next(random) % 40), step = 40;
    for (int i = 0; i < steps; i++) {
        uint8_t *d = data + 4 + i * 5;
        for (int k = 0; k < 5; k++)
            d[k] = (uint8_t)random_next(random);
        if (!noise && d[0] < 220)
            memcpy(d, (uint8_t[]){0, gop, step, 4, d[4]}, 5);
        else if (!noise && d[1] % 8 == 5)
            d[1]++; /* clocks do not jump that often */
    }
}

static void nothing_is_lost_doubled_or_kept(void **state)
{
    (void)state;
    enum { STEPS = 120 };
    uint64_t random = 88172645463325252u;
    AUTO(free_ptr) struct model *m = NEW(struct model);
    int64_t pushed = 0, looks = 0, sleeps = 0, replays = 0;
    for (int i = 0; i < 600; i++) {
        uint8_t data[4 + STEPS * 5];
        random_steps(&random, data, STEPS);
        memset(m, 0, sizeof *m);
        model_run(m, data, sizeof data);
        pushed += m->pushed, looks += m->looks, sleeps += m->sleeps, replays += m->replays;
    }
    CHECK(pushed > 500000);
    CHECK(sleeps > pushed / 10);
    CHECK(looks > 2000);
    CHECK(replays > 20000);
}

static void options_have_defaults(void **state)
{
    (void)state;
    struct gate_conf conf;
    opt_defaults(&gate_section, &conf);
    CHECK(conf.enabled);
    CHECK_INT(conf.key_interval_us, 2 * US_PER_S);
    CHECK_NEAR(conf.shadow, 0.02, 1e-12);
    CHECK_INT(conf.awake.from_min, conf.awake.to_min);
    CHECK_INT(conf.with.count, 0);
    CHECK_STR(gate_wake_names[WAKE_CLIENT], "client");
    CHECK(!gate_wake_names[WAKE_REASONS]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sleeps_where_it_may),
        cmocka_unit_test(third_key_frame_is_the_first_alone),
        cmocka_unit_test(looks_no_more_than_twice_a_second),
        cmocka_unit_test(not_where_it_must_not),
        cmocka_unit_test(a_picture_that_differs_brings_back_the_group_before),
        cmocka_unit_test(a_picture_that_differs_when_it_falls_asleep),
        cmocka_unit_test(anybody_wakes_it),
        cmocka_unit_test(several_wake_it_once),
        cmocka_unit_test(schedule_is_local_time),
        cmocka_unit_test(large_packets_wake_it_until_they_prove_wrong),
        cmocka_unit_test(what_was_never_seen_is_replayed_before_a_gap),
        cmocka_unit_test(other_packets_pass_in_order),
        cmocka_unit_test(a_key_frame_that_does_not_come_wakes_it),
        cmocka_unit_test(groups_that_vary_keep_it_awake),
        cmocka_unit_test(time_may_jump),
        cmocka_unit_test(pushed_without_asking),
        cmocka_unit_test(giving_up_is_for_good),
        cmocka_unit_test(nothing_is_lost_doubled_or_kept),
        cmocka_unit_test(options_have_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
