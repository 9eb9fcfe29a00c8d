/* The exact life of events, on a timeline of milliseconds that the cases write themselves. */
#include "batch/show.h"

#include "base/conf/conf.h"

/* -- opening -- */

static void opens_with_the_first_moving_track(void **state)
{
    (void)state;
    struct show show;
    begin(&show);
    tick(&show, 500);
    look(&show, 1000, "");
    look(&show, 1200, "a"); /* hidden: it was never seen moving here */
    CHECK_INT(show.count, 0);
    look(&show, 1400, "A");
    CHECK_INT(show.count, 1);
    const struct event *event = last(&show);
    CHECK_INT(event->state, EVENT_OPEN);
    CHECK_INT(event->revision, 0);
    CHECK_INT(event->start_us, 1400 * MS);
    CHECK_INT(event->end_us, 1400 * MS);
    CHECK_INT(event->wall_start_us, WALL_US + 1400 * MS);
    CHECK_INT(event->trigger_arrived_us, 77);
    CHECK_INT(event->camera, 3);
    CHECK_STR(event->camera_name, "porch");
    CHECK_INT(event->track_count, 1);
    CHECK_INT(event->sighting_count, 1);
    CHECK(uuid_is_zero(&event->continues) && !uuid_is_zero(&event->id));
    CHECK_INT(event->verdict.score, SCORE_NONE);
    finish(&show);
}

/* -- closing after 90 s -- */

static void closes_90_s_after_it_opened(void **state)
{
    (void)state;
    /* How time gets to the boundary and beyond must not matter. */
    static const struct {
        const char *name;
        int64_t tick_ms;
        int64_t look_ms;
    } cases[] = {
        {"a tick at the boundary", 96000, 96200},
        {"a look at the boundary", 0, 96000},
        {"a late tick", 97300, 97400},
        {"a late look", 0, 98500},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct show show;
        begin(&show);
        watch(&show, 6000, 96000, "A");
        tick(&show, 95999);
        CHECK_INT(events(&show), 1);
        CHECK_INT(last(&show)->state, EVENT_OPEN);
        if (cases[i].tick_ms)
            tick(&show, cases[i].tick_ms);
        look(&show, cases[i].look_ms, "A");
        if (events(&show) != 2)
            fail_msg("%s: %d events", cases[i].name, events(&show));
        const struct event *first = event_at(&show, 0), *second = event_at(&show, 1);
        CHECK_INT(first->state, EVENT_CLOSED);
        CHECK_INT(first->close_reason, CLOSE_WINDOW);
        CHECK_INT(first->end_us, 95800 * MS); /* the last sighting, not the close */
        CHECK_INT(second->start_us, 96000 * MS);
        CHECK(uuid_equal(&second->continues, &first->id));
        batch_end(show.batch, CLOSE_END);
        CHECK_INT(last(&show)->end_us, cases[i].look_ms * MS);
        CHECK_INT(last(&show)->tracks[0].first.pts_us, cases[i].look_ms * MS);
        CHECK_INT(show.received, show.sent);
        finish(&show);
    }
}

static void who_has_left_does_not_go_on(void **state)
{
    (void)state;
    struct show show;
    begin(&show);
    watch(&show, 0, 85000, "A");
    watch(&show, 85000, 90000, "");
    tick(&show, 90000);
    CHECK_INT(events(&show), 1);
    CHECK_INT(last(&show)->close_reason, CLOSE_WINDOW);
    CHECK_INT(last(&show)->end_us, 84800 * MS);
    look(&show, 91000, "B");
    CHECK_INT(events(&show), 2);
    CHECK(uuid_is_zero(&last(&show)->continues));
    CHECK_INT(last(&show)->start_us, 91000 * MS);
    finish(&show);
}

static void only_the_alive_go_on(void **state)
{
    (void)state;
    struct show show;
    begin(&show);
    watch(&show, 0, 80000, "AB");
    watch(&show, 80000, 90000, "BC");
    look(&show, 90000, "CD"); /* B is gone in the very look that closes */
    const struct event *event = last(&show);
    CHECK_INT(events(&show), 2);
    CHECK_INT(event->revision, 0);
    CHECK_INT(event->track_count, 2);
    CHECK_INT(event->tracks[0].id.bytes[0], 'C' - 'A' + 1);
    CHECK_INT(event->tracks[1].id.bytes[0], 'D' - 'A' + 1);
    batch_end(show.batch, CLOSE_END);
    CHECK_INT(show.received, show.sent);
    finish(&show);
}

static void hidden_at_the_boundary_goes_on(void **state)
{
    (void)state;
    struct show show;
    begin(&show);
    who(&show, 'A')->zones[1] = (struct zone_visit){"door", true, true, 0, {.pts_us = 0}};
    watch(&show, 0, 88000, "A");
    watch(&show, 88000, 90000, "a");
    tick(&show, 90000);
    CHECK_INT(events(&show), 2);
    const struct event *event = last(&show);
    CHECK_INT(event->revision, 0);
    CHECK_INT(event->sighting_count, 0);
    CHECK_INT(event->end_us, 90000 * MS);
    CHECK_INT(event->tracks[0].first.pts_us, 90000 * MS); /* a stand-in until it is seen again */
    CHECK_INT(event->tracks[0].first.wall_us, WALL_US + 90000 * MS);
    CHECK_NEAR(event->tracks[0].last.box.y1, .3, 1e-6);
    CHECK(event->tracks[0].zones[1].inside);
    CHECK_INT(event->tracks[0].zones[1].entered.pts_us, 90000 * MS);
    look(&show, 91000, "A");
    batch_end(show.batch, CLOSE_END);
    event = last(&show);
    CHECK_INT(event->tracks[0].first.pts_us, 91000 * MS);
    CHECK_INT(event->tracks[0].zones[1].entered.pts_us, 91000 * MS);
    CHECK_INT(event->tracks[0].zones[1].dwell_us, 1000 * MS);
    CHECK_STR(event->tracks[0].zones[1].name, "door");
    CHECK_INT(event_at(&show, 0)->tracks[0].zones[1].dwell_us, 87800 * MS);
    CHECK_INT(show.received, show.sent);
    finish(&show);
}

/* Hidden since 85 s: quiet since then, whatever window that falls in. */
static void hidden_for_good_ends_quietly(void **state)
{
    (void)state;
    struct show show;
    begin(&show);
    watch(&show, 0, 85200, "A");
    look(&show, 86000, "a");
    tick(&show, 90000);
    tick(&show, 94999);
    CHECK_INT(last(&show)->state, EVENT_OPEN);
    tick(&show, 95000);
    CHECK_INT(events(&show), 2);
    CHECK_INT(last(&show)->close_reason, CLOSE_QUIET);
    CHECK_INT(last(&show)->start_us, 90000 * MS);
    CHECK_INT(last(&show)->end_us, 90000 * MS);
    finish(&show);
}

/* As before, but nobody asks until long afterwards: still opened first, then closed. */
static void late_for_both_boundaries(void **state)
{
    (void)state;
    struct show show;
    begin(&show);
    watch(&show, 0, 85200, "A");
    look(&show, 86000, "a");
    tick(&show, 500000);
    CHECK_INT(events(&show), 2);
    CHECK_INT(event_at(&show, 0)->close_reason, CLOSE_WINDOW);
    CHECK_INT(event_at(&show, 1)->close_reason, CLOSE_QUIET);
    CHECK_INT(event_at(&show, 1)->start_us, 90000 * MS);
    finish(&show);
}

static void quiet_and_over_at_once_is_quiet(void **state)
{
    (void)state;
    struct show show;
    begin(&show);
    watch(&show, 0, 80200, "A");
    look(&show, 80200, "a");
    tick(&show, 90000);
    CHECK_INT(events(&show), 1);
    CHECK_INT(last(&show)->close_reason, CLOSE_QUIET);
    finish(&show);
}

static void windows_follow_each_other(void **state)
{
    (void)state;
    struct show show;
    begin(&show);
    watch(&show, 1000, 400000, "A");
    batch_end(show.batch, CLOSE_END);
    CHECK_INT(events(&show), 5);
    for (int i = 0; i < 5; i++) {
        const struct event *event = event_at(&show, i);
        CHECK_INT(event->start_us, (1000 + i * 90000) * MS);
        CHECK_INT(event->close_reason, i < 4 ? CLOSE_WINDOW : CLOSE_END);
        if (i > 0)
            CHECK(uuid_equal(&event->continues, &event_at(&show, i - 1)->id));
    }
    CHECK_INT(show.received, show.sent);
    finish(&show);
}

/* -- closing when it is quiet -- */

static void two_visits(void **state)
{
    (void)state;
    static const struct {
        int64_t gap_ms;
        bool looks; /* or nobody looks in between */
        int events;
    } cases[] = {{9900, true, 1},   {9900, false, 1}, {10000, true, 2},
                 {10000, false, 2}, {10100, true, 2}, {10100, false, 2}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct show show;
        begin(&show);
        watch(&show, 0, 5000, "A");
        int64_t back_ms = 4800 + cases[i].gap_ms;
        if (cases[i].looks)
            watch(&show, 5000, back_ms, "");
        look(&show, back_ms, "B");
        CHECK_INT(events(&show), cases[i].events);
        CHECK(uuid_is_zero(&last(&show)->continues));
        if (cases[i].events == 2) {
            CHECK_INT(event_at(&show, 0)->close_reason, CLOSE_QUIET);
            CHECK_INT(event_at(&show, 0)->end_us, 4800 * MS);
        }
        batch_end(show.batch, CLOSE_END);
        CHECK_INT(show.received, show.sent);
        finish(&show);
    }
}

static void what_rests_does_not_keep_it_open(void **state)
{
    (void)state;
    struct show show;
    begin(&show);
    watch(&show, 0, 5000, "A");
    watch(&show, 5000, 14800, ""); /* parked: the tracker no longer calls it moving */
    CHECK_INT(last(&show)->state, EVENT_OPEN);
    look(&show, 14800, "");
    CHECK_INT(last(&show)->close_reason, CLOSE_QUIET);
    watch(&show, 15000, 200000, "");
    CHECK_INT(events(&show), 1);
    finish(&show);
}

static void hidden_is_not_seen(void **state)
{
    (void)state;
    struct show show;
    begin(&show);
    look(&show, 0, "A");
    watch(&show, 200, 10000, "a");
    CHECK_INT(last(&show)->state, EVENT_OPEN);
    CHECK_INT(show.count, 1); /* and nothing to tell about it */
    look(&show, 10000, "a");
    CHECK_INT(last(&show)->close_reason, CLOSE_QUIET);
    CHECK_INT(events(&show), 1);
    look(&show, 10200, "A");
    CHECK_INT(events(&show), 2);
    finish(&show);
}

/* -- closing when it is full -- */

static void the_65th_track_closes(void **state)
{
    (void)state;
    static const struct {
        int alive; /* of the 64, in the look that brings the 65th */
        int next_tracks;
    } cases[] = {{0, 1}, {1, 2}, {40, 41}, {63, 64}, {64, 64}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct show show;
        begin(&show);
        look_many(&show, 1000, 0, 32);
        look_many(&show, 2000, 0, 64);
        CHECK_INT(events(&show), 1);
        CHECK_INT(last(&show)->track_count, 64);
        look_many(&show, 3000, 64 - cases[i].alive, cases[i].alive + 1);
        CHECK_INT(events(&show), 2);
        const struct event *first = event_at(&show, 0), *second = event_at(&show, 1);
        CHECK_INT(first->close_reason, CLOSE_TRACKS);
        CHECK_INT(first->end_us, 2000 * MS);
        CHECK_INT(first->track_count, 64);
        CHECK_INT(second->start_us, 3000 * MS);
        CHECK_INT(second->track_count, cases[i].next_tracks);
        CHECK_INT(uuid_equal(&second->continues, &first->id), cases[i].alive > 0);
        CHECK_INT(second->tracks[second->track_count - 1].id.bytes[0], 65);
        batch_end(show.batch, CLOSE_END);
        /* Of 64 alive one has no room beside the newcomer. */
        CHECK_INT(show.received, show.sent - (cases[i].alive == 64));
        finish(&show);
    }
}

static void a_lasting_crowd_does_not_open_event_after_event(void **state)
{
    (void)state;
    struct show show;
    begin(&show);
    for (int i = 0; i < 100; i++)
        look_many(&show, 1000 + i * 200, 0, 70);
    /* 64 at the first look, the other six with the latest 58 at the second. */
    CHECK_INT(events(&show), 2);
    CHECK_INT(event_at(&show, 0)->track_count, 64);
    CHECK_INT(event_at(&show, 1)->track_count, 64);
    look_many(&show, 30000, 0, 71); /* whoever is really new is never overlooked */
    CHECK_INT(events(&show), 3);
    CHECK_INT(last(&show)->tracks[63].id.bytes[0], 71);
    finish(&show);
}

static void nor_does_a_limit_of_one(void **state)
{
    (void)state;
    struct show show;
    begin(&show);
    show.conf.max_tracks = 1;
    batch_free(&show.batch);
    show.batch = batch_new(&show.conf, 3, "porch", &show.ids, sink, &show);
    watch(&show, 0, 5000, "A");
    watch(&show, 5000, 8000, "AB");
    CHECK_INT(events(&show), 2);
    CHECK_INT(last(&show)->tracks[0].id.bytes[0], 2);
    CHECK(uuid_is_zero(&last(&show)->continues)); /* A found no room to go on */
    finish(&show);
}

static void boxes_and_looks_never_close(void **state)
{
    (void)state;
    struct show show;
    begin(&show);
    for (int64_t ms = 0; ms < 90000; ms += 100)
        look_many(&show, ms, 0, 64);
    CHECK_INT(events(&show), 1);
    CHECK_INT(last(&show)->state, EVENT_OPEN);
    tick(&show, 90000);
    CHECK_INT(events(&show), 2);
    CHECK_INT(event_at(&show, 0)->close_reason, CLOSE_WINDOW);
    CHECK_INT(show.sent, 64 * 900);
    CHECK_INT(show.received, show.sent); /* too many for one change, so there were more changes */
    finish(&show);
}

/* -- closing because all ends -- */

static void ends_with_its_input(void **state)
{
    (void)state;
    static const enum close_reason reasons[] = {CLOSE_END, CLOSE_SHUTDOWN};
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        struct show show;
        begin(&show);
        batch_end(show.batch, reasons[i]);
        CHECK_INT(show.count, 0);
        watch(&show, 0, 3000, "A");
        batch_end(show.batch, reasons[i]);
        CHECK_INT(last(&show)->state, EVENT_CLOSED);
        CHECK_INT(last(&show)->close_reason, reasons[i]);
        CHECK_INT(last(&show)->end_us, 2800 * MS);
        CHECK_INT(events(&show), 1); /* alive, but nothing goes on */
        CHECK_INT(show.received, show.sent);
        batch_end(show.batch, reasons[i]);
        CHECK_INT(events(&show), 1);
        finish(&show);
    }
}

/* -- changes in between -- */

static void changes_are_told(void **state)
{
    (void)state;
    struct show show;
    begin(&show);
    struct track *a = who(&show, 'A');
    look(&show, 0, "A");
    watch(&show, 200, 1000, "A");
    CHECK_INT(show.count, 1); /* nothing but more of the same */
    look(&show, 1000, "AB");
    CHECK_INT(show.count, 2); /* somebody joined */
    CHECK_INT(last(&show)->track_count, 2);
    CHECK_INT(last(&show)->sighting_count, 6);

    a->zones[2] = (struct zone_visit){
        .name = "lawn", .seen = true, .inside = true, .entered = {.pts_us = 1200 * MS}};
    look(&show, 1200, "AB");
    CHECK_INT(show.count, 3); /* entered a zone */
    CHECK(last(&show)->tracks[0].zones[2].inside);
    CHECK_INT(last(&show)->tracks[0].zones[2].entered.pts_us, 1200 * MS);
    CHECK_STR(last(&show)->tracks[0].zones[2].name, "lawn");
    a->zones[2].inside = false;
    look(&show, 1400, "AB");
    CHECK_INT(show.count, 3); /* left it */
    a->zones[2].inside = true;
    look(&show, 1600, "AB");
    CHECK_INT(show.count, 4); /* came back */
    CHECK_INT(last(&show)->tracks[0].zones[2].entered.pts_us, 1200 * MS);
    a->zones[2].inside = false;

    a->crossings[a->crossing_count++] = (struct crossing){
        .name = "gate", .direction = 1, .at = {.pts_us = 1800 * MS}};
    look(&show, 1800, "AB");
    CHECK_INT(show.count, 5); /* crossed a line */
    CHECK_INT(last(&show)->tracks[0].crossing_count, 1);
    CHECK_STR(last(&show)->tracks[0].crossings[0].name, "gate");

    a->best = (struct sighting){2000 * MS, 0, {0, 0, 1, 1}, .9f};
    watch(&show, 2000, 2800, "AB");
    CHECK_INT(show.count, 5); /* a better picture waits for its second */
    look(&show, 2800, "AB");
    CHECK_INT(show.count, 6);
    CHECK_INT(last(&show)->tracks[0].best.pts_us, 2000 * MS);

    watch(&show, 3000, 7800, "AB");
    CHECK_INT(show.count, 6);
    look(&show, 7800, "AB");
    CHECK_INT(show.count, 7); /* five seconds of moving */
    CHECK_INT(last(&show)->sighting_count, 50);
    watch(&show, 8000, 14000, "ab");
    CHECK_INT(show.count, 7); /* nobody was seen moving */
    look(&show, 14000, "A");
    CHECK_INT(show.count, 8);
    batch_end(show.batch, CLOSE_END);
    CHECK_INT(show.received, show.sent);
    finish(&show);
}

static void every_ten_seconds_of_dwell_are_told(void **state)
{
    (void)state;
    struct show show;
    begin(&show);
    struct track *a = who(&show, 'A');
    look(&show, 0, "A");
    look(&show, 500, "A");
    a->zones[0] = (struct zone_visit){
        .seen = true, .inside = true, .entered = {.pts_us = 700 * MS}};
    look(&show, 700, "A");
    a->zones[0].dwell_us = 0;
    int told = 0;
    for (int64_t ms = 900; ms < 45000; ms += 200) {
        int before = show.count;
        look(&show, ms, ms < 2000 ? "A" : "AB"); /* B's joining shifts the five seconds */
        int64_t dwell_us = last(&show)->tracks[0].zones[0].dwell_us;
        told += show.count > before && dwell_us % (10 * US_PER_S) == 0 && dwell_us > 0;
    }
    CHECK_INT(told, 4);
    finish(&show);
}

static void wall_times_follow(void **state)
{
    (void)state;
    struct show show;
    begin(&show);
    show.wall_us = TIME_UNKNOWN;
    look(&show, 1000, "A");
    CHECK_INT(last(&show)->wall_start_us, TIME_UNKNOWN);
    CHECK_INT(last(&show)->wall_end_us, TIME_UNKNOWN);
    show.wall_us = WALL_US;
    look(&show, 2000, "AB");
    CHECK_INT(last(&show)->wall_start_us, WALL_US + 1000 * MS);
    CHECK_INT(last(&show)->wall_end_us, WALL_US + 2000 * MS);
    show.wall_us = WALL_US + 500 * MS; /* the camera's clock was set */
    look(&show, 3000, "ABC");
    CHECK_INT(last(&show)->wall_start_us, WALL_US + 1500 * MS);
    CHECK_INT(last(&show)->wall_end_us, WALL_US + 3500 * MS);
    CHECK_INT(last(&show)->sightings[0].at.wall_us, WALL_US + 3500 * MS);
    finish(&show);
}

static void options_have_bounds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
    } cases[] = {
        {"window: 90s\nquiet: 10s\nmax_tracks: 64\n", true},
        {"window: 1s\nquiet: 1s\nmax_tracks: 1\n", true},
        {"window: 91s\n", false},
        {"window: 0s\n", false},
        {"quiet: 2m\n", false},
        {"max_tracks: 65\n", false},
        {"max_tracks: 0\n", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct batch_conf conf;
        struct conf_errors errors;
        bool ok = conf_parse("batch.yaml", cases[i].text, strlen(cases[i].text), &batch_section,
                             &conf, NULL, &errors);
        if (ok != cases[i].good)
            fail_msg("%s", cases[i].text);
    }
    struct batch_conf conf;
    opt_defaults(&batch_section, &conf);
    CHECK_INT(conf.window_us, 90 * US_PER_S);
    CHECK_INT(conf.quiet_us, 10 * US_PER_S);
    CHECK_INT(conf.max_tracks, EVENT_TRACKS_MAX);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_with_the_first_moving_track),
        cmocka_unit_test(closes_90_s_after_it_opened),
        cmocka_unit_test(who_has_left_does_not_go_on),
        cmocka_unit_test(only_the_alive_go_on),
        cmocka_unit_test(hidden_at_the_boundary_goes_on),
        cmocka_unit_test(hidden_for_good_ends_quietly),
        cmocka_unit_test(late_for_both_boundaries),
        cmocka_unit_test(quiet_and_over_at_once_is_quiet),
        cmocka_unit_test(windows_follow_each_other),
        cmocka_unit_test(two_visits),
        cmocka_unit_test(what_rests_does_not_keep_it_open),
        cmocka_unit_test(hidden_is_not_seen),
        cmocka_unit_test(the_65th_track_closes),
        cmocka_unit_test(a_lasting_crowd_does_not_open_event_after_event),
        cmocka_unit_test(nor_does_a_limit_of_one),
        cmocka_unit_test(boxes_and_looks_never_close),
        cmocka_unit_test(ends_with_its_input),
        cmocka_unit_test(changes_are_told),
        cmocka_unit_test(every_ten_seconds_of_dwell_are_told),
        cmocka_unit_test(wall_times_follow),
        cmocka_unit_test(options_have_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
