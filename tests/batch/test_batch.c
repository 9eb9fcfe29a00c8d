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
        CHECK_INT(events(&show), 1); /* the next one begins with somebody in it */
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
    look(&show, 90200, "a");
    CHECK_INT(events(&show), 1);
    CHECK_INT(last(&show)->close_reason, CLOSE_WINDOW);
    look(&show, 91000, "A");
    CHECK_INT(events(&show), 2);
    const struct event *event = last(&show);
    CHECK(uuid_equal(&event->continues, &event_at(&show, 0)->id));
    CHECK_INT(event->revision, 0);
    CHECK_INT(event->start_us, 90000 * MS);
    CHECK_INT(event->wall_start_us, WALL_US + 90000 * MS);
    CHECK_INT(event->end_us, 91000 * MS);
    CHECK_INT(event->sighting_count, 1);
    CHECK_INT(event->tracks[0].first.pts_us, 91000 * MS);
    CHECK(event->tracks[0].zones[1].inside);
    CHECK_INT(event->tracks[0].zones[1].entered.pts_us, 91000 * MS);
    CHECK_INT(event->tracks[0].zones[1].dwell_us, 1000 * MS);
    CHECK_STR(event->tracks[0].zones[1].name, "door");
    CHECK_INT(event_at(&show, 0)->tracks[0].zones[1].dwell_us, 87800 * MS);
    batch_end(show.batch, CLOSE_END);
    CHECK_INT(show.received, show.sent);
    finish(&show);
}

/* Whoever left just before the boundary still counts as alive there. */
static void who_never_shows_again_opens_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *at_91; /* seen in looks from 90 s on, before 93 s */
        const char *at_93; /* and from then on, for a second */
        int events;
        int64_t start_ms; /* of the last */
        bool continues;
        int tracks;
    } cases[] = {
        {"gone", "a", "", 1, 0, false, 0},
        {"gone for good, and no word of it", "a", "a", 1, 0, false, 0},
        {"gone, then a visitor", "a", "B", 2, 93000, false, 1},
        {"a visitor before it is certain", "aB", "B", 2, 90000, false, 1},
        {"both", "AB", "B", 2, 90000, true, 2},
        {"a visitor, then the one who waited", "aB", "AB", 2, 90000, true, 2},
        {"back in time", "a", "A", 2, 90000, true, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct show show;
        begin(&show);
        watch(&show, 0, 88600, "A");
        watch(&show, 88600, 90000, "a");
        watch(&show, 90000, 93000, cases[i].at_91);
        watch(&show, 93000, 94000, cases[i].at_93);
        tick(&show, 120000);
        batch_end(show.batch, CLOSE_END);
        if (events(&show) != cases[i].events)
            fail_msg("%s: %d events", cases[i].name, events(&show));
        const struct event *event = last(&show);
        if (event->start_us != cases[i].start_ms * MS)
            fail_msg("%s: starts at %g s", cases[i].name,
                     (double)event->start_us / (double)US_PER_S);
        if (uuid_is_zero(&event->continues) == cases[i].continues)
            fail_msg("%s: continues", cases[i].name);
        CHECK_INT(event->track_count, cases[i].events == 1 ? 1 : cases[i].tracks);
        CHECK_INT(show.received, show.sent);
        finish(&show);
    }
}

static void quiet_drops_who_waits(void **state)
{
    (void)state;
    static const struct {
        int64_t look_ms; /* somebody looks, and A is still hidden */
        int64_t blind_ms;
        bool continues;
    } cases[] = {{94900, 0, true}, {95000, 0, false}, {0, 94999, true}, {0, 95000, false}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct show show;
        begin(&show);
        watch(&show, 0, 85200, "A");
        watch(&show, 85200, 86000, "a");
        tick(&show, 90000);
        if (cases[i].look_ms)
            look(&show, cases[i].look_ms, "a");
        else
            tick_blind(&show, cases[i].blind_ms);
        CHECK_INT(events(&show), 1);
        look(&show, 96000, "A");
        CHECK_INT(events(&show), 2);
        CHECK_INT(uuid_is_zero(&last(&show)->continues), !cases[i].continues);
        CHECK_INT(last(&show)->start_us, (cases[i].continues ? 90000 : 96000) * MS);
        finish(&show);
    }
}

static void a_window_without_anybody_is_dropped(void **state)
{
    (void)state;
    struct show show;
    begin(&show);
    watch(&show, 0, 85200, "A");
    tick(&show, 90000);
    tick(&show, 179999);
    look(&show, 180000, "A"); /* a look every hundred seconds, if somebody wants it so */
    CHECK_INT(events(&show), 2);
    CHECK_INT(event_at(&show, 0)->close_reason, CLOSE_WINDOW);
    CHECK_INT(last(&show)->start_us, 180000 * MS);
    CHECK(uuid_is_zero(&last(&show)->continues));
    finish(&show);
}

/* Nobody asks until long afterwards. */
static void late_for_both_boundaries(void **state)
{
    (void)state;
    for (int blind = 0; blind < 2; blind++) {
        struct show show;
        begin(&show);
        watch(&show, 0, 85200, "A");
        look(&show, 86000, "a");
        (blind ? tick_blind : tick)(&show, 500000);
        CHECK_INT(events(&show), 1);
        CHECK_INT(last(&show)->close_reason, CLOSE_WINDOW);
        look(&show, 500200, "");
        batch_end(show.batch, CLOSE_END);
        CHECK_INT(events(&show), 1);
        CHECK_INT(last(&show)->end_us, 85000 * MS);
        finish(&show);
    }
}

static void quiet_and_over_at_once_is_quiet(void **state)
{
    (void)state;
    struct show show;
    begin(&show);
    watch(&show, 0, 80200, "A");
    look(&show, 80200, "");
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

/* Once nothing moves, looks become rare: every ten seconds and a little. */
static void who_stands_still_is_still_there(void **state)
{
    (void)state;
    struct show show;
    begin(&show);
    watch(&show, 0, 12000, "A");
    int64_t ms = 12000;
    for (int n = 0; n < 7; n++) {
        int64_t next_ms = ms + 10040;
        for (; ms < next_ms; ms += 500)
            tick(&show, ms);
        look(&show, ms, n == 3 ? "AB" : "A");
    }
    CHECK_INT(events(&show), 1);
    CHECK_INT(last(&show)->state, EVENT_OPEN);
    tick(&show, 90000);
    CHECK_INT(last(&show)->close_reason, CLOSE_WINDOW);
    tick(&show, 92000);
    look(&show, 93500, "A");
    CHECK_INT(events(&show), 2);
    CHECK_INT(last(&show)->start_us, 90000 * MS);
    CHECK_INT(last(&show)->end_us, 93500 * MS);
    CHECK(uuid_equal(&last(&show)->continues, &event_at(&show, 0)->id));
    CHECK_INT(show.received, show.sent);
    finish(&show);
}

static void silence_counts_only_while_somebody_looks(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *at_5; /* the look at 5 s, 4.8 s after the last sighting of A */
        bool blind;       /* the camera is gone since */
        int64_t look_ms;
        const char *look;
        int events; /* by then */
        bool open;
    } cases[] = {
        {"left, seen to have left", "", false, 0, NULL, 1, false},
        {"hidden", "a", false, 0, NULL, 1, true},
        {"hidden, and the camera is gone", "a", true, 0, NULL, 1, false},
        {"there, and the camera is gone", "A", true, 0, NULL, 1, false},
        {"there, and found gone", "A", false, 25000, "", 1, false},
        {"there, and found hidden", "A", false, 25000, "a", 1, false},
        {"there, and found again", "A", false, 25000, "A", 1, true},
        {"found again with company", "A", false, 25000, "AB", 1, true},
        {"gone, and somebody else comes", "A", false, 25000, "B", 2, true},
        {"gone, and back", "", false, 25000, "A", 2, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct show show;
        begin(&show);
        watch(&show, 0, 4900, "A");
        look(&show, 5000, cases[i].at_5);
        int64_t last_ms = cases[i].at_5[0] == 'A' ? 5000 : 4800;
        (cases[i].blind ? tick_blind : tick)(&show, last_ms + 9999);
        CHECK_INT(events(&show), 1);
        CHECK_INT(last(&show)->state, EVENT_OPEN);
        (cases[i].blind ? tick_blind : tick)(&show, last_ms + 10000);
        tick(&show, 24000);
        if (cases[i].look)
            look(&show, cases[i].look_ms, cases[i].look);
        if (events(&show) != cases[i].events || (last(&show)->state == EVENT_OPEN) != cases[i].open)
            fail_msg("%s: %d events", cases[i].name, events(&show));
        if (!cases[i].open || cases[i].events == 2) {
            CHECK_INT(event_at(&show, 0)->close_reason, CLOSE_QUIET);
            CHECK_INT(event_at(&show, 0)->end_us, last_ms * MS);
        }
        CHECK(uuid_is_zero(&last(&show)->continues));
        finish(&show);
    }
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
    CHECK_INT(events(&show), 1);
    CHECK_INT(last(&show)->close_reason, CLOSE_WINDOW);
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
        cmocka_unit_test(who_never_shows_again_opens_nothing),
        cmocka_unit_test(quiet_drops_who_waits),
        cmocka_unit_test(a_window_without_anybody_is_dropped),
        cmocka_unit_test(late_for_both_boundaries),
        cmocka_unit_test(quiet_and_over_at_once_is_quiet),
        cmocka_unit_test(windows_follow_each_other),
        cmocka_unit_test(two_visits),
        cmocka_unit_test(what_rests_does_not_keep_it_open),
        cmocka_unit_test(hidden_is_not_seen),
        cmocka_unit_test(who_stands_still_is_still_there),
        cmocka_unit_test(silence_counts_only_while_somebody_looks),
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
