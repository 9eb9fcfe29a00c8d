/* The gate on made-up streams: what comes out, how, and when it says why it cannot sleep. */
#include "test.h"

#include "base/thread.h"
#include "gate/model.h"

#include <stdlib.h>
#include <time.h>

#define OUT_MAX 20000

/* A camera that sends a key frame every gop packets, and what came out of its gate. */
struct cam {
    struct gate_conf conf;
    struct gate *gate;
    int64_t now_us, step_us, wall_us;
    int gop, bytes;
    int pushed, since_key;
    struct out {
        int number;
        enum gate_how how;
    } outs[OUT_MAX];
    int out_count;
    int how_count[3];
    int64_t picture_hold_us; /* the next picture shown alone differs */
    bool woke_in_shadow;     /* each key frame in a shadow check differs */
    bool large;              /* packets between key frames are larger than usual */
};

static struct cam *cam_new(int gop, int64_t step_ms)
{
    struct cam *c = NEW(struct cam);
    opt_defaults(&gate_section, &c->conf);
    c->conf.shadow = 0;
    c->gop = gop;
    c->step_us = step_ms * US_PER_MS;
    c->bytes = 1000;
    c->wall_us = TIME_UNKNOWN;
    c->now_us = 100 * US_PER_S;
    return c;
}

static void cam_free(struct cam *c)
{
    gate_free(&c->gate);
    free(c);
}

static void drain(struct cam *c)
{
    for (;;) {
        enum gate_how how = GATE_LIVE;
        AUTO(packet_unref) struct packet *p = gate_next(c->gate, &how);
        if (!p)
            return;
        CHECK(c->out_count < OUT_MAX);
        c->outs[c->out_count++] = (struct out){(int)p->arrived_us, how};
        c->how_count[how]++;
        if (how == GATE_ALONE && c->picture_hold_us) {
            gate_hold(c->gate, WAKE_PICTURE, p->pts_us + c->picture_hold_us);
            c->picture_hold_us = 0;
        }
        if (how == GATE_LIVE && p->key && gate_shadowing(c->gate) && c->woke_in_shadow)
            gate_shadow_woke(c->gate, p->pts_us);
    }
}

/* The next packet, ready to be changed and sent. */
static struct packet *prepare(struct cam *c)
{
    if (!c->gate)
        c->gate = gate_new(&c->conf, 1, true);
    struct packet *p = packet_new(av_packet_alloc(), NULL);
    p->key = c->since_key == 0;
    c->since_key = (c->since_key + 1) % c->gop;
    p->av->size = c->bytes;
    c->now_us += c->step_us;
    p->pts_us = c->now_us;
    p->wall_us = c->wall_us;
    p->arrived_us = c->pushed++;
    p->large = c->large && !p->key;
    return p;
}

static void send(struct cam *c, struct packet *p)
{
    gate_push(c->gate, p);
    drain(c);
}

static void feed(struct cam *c, int packets)
{
    for (int i = 0; i < packets; i++)
        send(c, prepare(c));
}

static void feed_groups(struct cam *c, int groups)
{
    feed(c, groups * c->gop);
}

/* Until the camera has fallen asleep and lies in the middle of its second group since then. */
static void put_to_sleep(struct cam *c)
{
    feed_groups(c, 5);
    feed(c, c->gop / 2);
    CHECK(gate_is_idle(c->gate));
}

static void forget_outs(struct cam *c)
{
    c->out_count = 0;
    memset(c->how_count, 0, sizeof c->how_count);
}

/* That from place at on, exactly these came out in order. */
static void check_outs(const struct cam *c, int at, enum gate_how how, int first, int last)
{
    for (int n = first; n <= last; n++, at++) {
        CHECK(at < c->out_count);
        CHECK_INT(c->outs[at].number, n);
        CHECK_INT(c->outs[at].how, how);
    }
}

static struct gate_stats stats(struct cam *c)
{
    return gate_stats(c->gate);
}

/* ---- falling asleep ---------------------------------------------------------------------------
 */

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

/* ---- waking -----------------------------------------------------------------------------------
 */

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

/* ---- sizes ------------------------------------------------------------------------------------
 */

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

/* ---- interruptions ----------------------------------------------------------------------------
 */

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

/* ---- shadow checking --------------------------------------------------------------------------
 */

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

/* ---- whatever comes ---------------------------------------------------------------------------
 */

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
        cmocka_unit_test(giving_up_is_for_good),
        cmocka_unit_test(a_stretch_is_decoded_whole),
        cmocka_unit_test(visits_are_found_or_missed),
        cmocka_unit_test(only_some_key_frames_would_have_been_looked_at),
        cmocka_unit_test(visits_outside_do_not_count),
        cmocka_unit_test(too_many_missed_switch_it_off),
        cmocka_unit_test(nothing_is_lost_doubled_or_kept),
        cmocka_unit_test(others_may_ask_at_any_time),
        cmocka_unit_test(options_have_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
