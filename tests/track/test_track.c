/* The tracker on scripted boxes: 5 looks a second, what a detector would say. */
#include "track/street.h"

/* --- appearing --- */

static void confirmed_after_three_sightings(void **state)
{
    (void)state;
    STREET(s);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(confirmed(&s), 0);
        see(&s, "person", person(0.5f, 0.8f), 0.9f);
        look(&s);
    }
    const struct live_track *t = only(&s);
    CHECK(t->seen && !t->moved && !t->moving && !t->ended);
    CHECK_INT(t->kind, KIND_PERSON);
    CHECK_STR(t->track.label, "person");
    CHECK_INT(t->track.first.pts_us, 100 * US_PER_S);
    CHECK_INT(t->track.last.pts_us, 100 * US_PER_S + 2 * LOOK);
    CHECK_INT(t->track.last.wall_us, 1700000100 * US_PER_S + 2 * LOOK);
    CHECK_NEAR(t->track.confidence, 0.9, 1e-6);
}

static void a_single_flash_is_nobody(void **state)
{
    (void)state;
    STREET(s);
    see(&s, "person", person(0.5f, 0.8f), 0.9f);
    look(&s);
    for (int i = 0; i < 20; i++) {
        look(&s);
        CHECK_INT(confirmed(&s), 0);
    }
    CHECK_INT(tracker_count(s.tracker), 0);
}

static void weak_detections_start_nothing_but_keep_alive(void **state)
{
    (void)state;
    STREET(s);
    for (int i = 0; i < 10; i++) {
        see(&s, "person", person(0.5f, 0.8f), 0.39f);
        look(&s);
    }
    CHECK_INT(tracker_count(s.tracker), 0);
    for (int i = 0; i < 10; i++) { /* nor do they confirm what one sure look started */
        see(&s, "person", person(0.5f, 0.8f), i == 0 ? 0.9f : 0.39f);
        look(&s);
        CHECK_INT(confirmed(&s), 0);
    }
    for (int i = 0; i < 40; i++) {
        see(&s, "person", person(0.5f + 0.005f * (float)i, 0.8f), i < 4 ? 0.8f : 0.3f);
        look(&s);
    }
    CHECK(only(&s)->seen);
    CHECK_NEAR(only(&s)->track.confidence, 0.8, 1e-6);
}

/* --- keeping an id --- */

static void somebody_walking_in_is_moving_after_a_second(void **state)
{
    (void)state;
    STREET(s);
    int64_t start_us = s.now_us;
    for (int i = 0; i < 50; i++) {
        see(&s, "person", jitter(&s, person(0.1f + 0.015f * (float)i, 0.8f), 0.02f), 0.8f);
        look(&s);
        if (confirmed(&s) && only(&s)->moving)
            break;
    }
    CHECK(only(&s)->moving);
    if (s.now_us - start_us > 1400 * US_PER_MS)
        fail_msg("moving after %lld ms", (long long)((s.now_us - start_us) / 1000));
}

static void ids_survive_gaps_and_flicker(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int seen, hidden; /* looks, in turn */
    } cases[] = {{"never hidden", 1, 0},
                 {"every other look", 1, 1},
                 {"a second at a time", 10, 5},
                 {"one and a half", 10, 8}};
    for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
        STREET(s);
        struct uuid id = {0};
        for (int i = 0; i < 60; i++) {
            if (i < 4 || i % (cases[k].seen + cases[k].hidden) < cases[k].seen)
                see(&s, "person", jitter(&s, person(0.1f + 0.01f * (float)i, 0.8f), 0.03f), 0.8f);
            look(&s);
            if (i == 3)
                id = only(&s)->track.id;
            if (i > 3 && (confirmed(&s) != 1 || !uuid_equal(&only(&s)->track.id, &id)))
                fail_msg("%s: lost at look %d", cases[k].name, i);
        }
    }
}

static void who_leaves_has_left_after_max_gap(void **state)
{
    (void)state;
    STREET(s);
    for (int i = 0; i < 10; i++) {
        see(&s, "person", person(0.1f + 0.02f * (float)i, 0.8f), 0.8f);
        look(&s);
    }
    struct uuid id = only(&s)->track.id;
    int64_t last_us = only(&s)->track.last.pts_us;
    while (!only(&s)->ended) {
        look(&s);
        CHECK(s.now_us < last_us + 10 * US_PER_S);
    }
    CHECK(s.now_us - LOOK - last_us > s.conf.max_gap_us &&
          s.now_us - LOOK - last_us <= s.conf.max_gap_us + LOOK);
    CHECK_INT(only(&s)->track.last.pts_us, last_us);
    look(&s); /* reported once */
    CHECK_INT(tracker_count(s.tracker), 0);
    for (int i = 0; i < 4; i++) {
        see(&s, "person", person(0.3f, 0.8f), 0.8f);
        look(&s);
    }
    CHECK(!uuid_equal(&only(&s)->track.id, &id));
}

/* Time in which nobody looked is no absence. */
static void not_looked_for_is_not_lost(void **state)
{
    (void)state;
    STREET(s);
    for (int i = 0; i < 4; i++) {
        see(&s, "person", person(0.5f, 0.8f), 0.8f);
        look(&s);
    }
    for (int i = 0; i < 100; i++) {
        s.look->pts_us = s.now_us += LOOK;
        tracker_push(s.tracker, s.look);
        CHECK(!only(&s)->ended && !only(&s)->seen);
    }
    see(&s, "person", person(0.5f, 0.8f), 0.8f);
    look(&s);
    CHECK(only(&s)->seen);
}

static void two_people_who_meet_keep_their_ids(void **state)
{
    (void)state;
    for (int merged = 0; merged < 2; merged++) {
        STREET(s);
        struct uuid left = {0}, right = {0};
        for (int i = 0; i < 40; i++) {
            float a = 0.2f + 0.015f * (float)i, b = 0.8f - 0.015f * (float)i;
            see(&s, "person", jitter(&s, person(a, 0.8f), 0.02f), 0.9f);
            /* The one behind may be hidden, so that there is one box for both. */
            if (!merged || fabsf(a - b) > 0.05f)
                see(&s, "person", jitter(&s, stand(b, 0.76f, 0.055f, 0.19f), 0.02f), 0.8f);
            look(&s);
            if (i == 5) {
                left = near(&s, a, 0.8f)->track.id;
                right = near(&s, b, 0.76f)->track.id;
                CHECK(!uuid_equal(&left, &right));
            }
        }
        float a = 0.2f + 0.015f * 39, b = 0.8f - 0.015f * 39;
        if (confirmed(&s) != 2)
            fail_msg("merged %d: %d tracks", merged, confirmed(&s));
        CHECK(uuid_equal(&near(&s, a, 0.8f)->track.id, &left));
        CHECK(uuid_equal(&near(&s, b, 0.76f)->track.id, &right));
    }
}

static void a_car_that_is_now_and_then_a_truck_is_one(void **state)
{
    (void)state;
    STREET(s);
    for (int i = 0; i < 40; i++) {
        struct box b = jitter(&s, stand(0.2f + 0.01f * (float)i, 0.7f, 0.25f, 0.2f), 0.02f);
        if (i % 3 == 0)
            see(&s, "truck", b, 0.5f);
        else
            see(&s, "car", b, 0.7f);
        if (i % 7 == 0)
            see(&s, "truck", jitter(&s, b, 0.01f), 0.45f); /* both at once */
        look(&s);
    }
    CHECK_INT(tracker_count(s.tracker), 1);
    CHECK_STR(only(&s)->track.label, "car");
    CHECK_INT(only(&s)->kind, KIND_VEHICLE);
}

static void two_boxes_on_one_object_are_one_track(void **state)
{
    (void)state;
    STREET(s);
    for (int i = 0; i < 30; i++) {
        see(&s, "person", jitter(&s, person(0.3f, 0.8f), 0.02f), 0.9f);
        see(&s, "person", jitter(&s, person(0.303f, 0.805f), 0.02f), 0.6f);
        look(&s);
    }
    CHECK_INT(tracker_count(s.tracker), 1);
}

static void kinds_do_not_turn_into_each_other(void **state)
{
    (void)state;
    STREET(s);
    for (int i = 0; i < 10; i++) {
        see(&s, "person", person(0.3f, 0.8f), 0.9f);
        see(&s, "bicycle", stand(0.3f, 0.82f, 0.07f, 0.2f), 0.8f);
        look(&s);
    }
    CHECK_INT(confirmed(&s), 2);
    for (int i = 0; i < 5; i++) {
        see(&s, "chair", stand(0.7f, 0.8f, 0.1f, 0.1f), 0.9f);
        look(&s);
    }
    for (int i = 0; i < 5; i++) {
        see(&s, "suitcase", stand(0.7f, 0.8f, 0.1f, 0.1f), 0.9f);
        look(&s);
    }
    CHECK_INT(confirmed(&s), 4);
}

/* --- moving and resting --- */

static void a_parked_car_never_moves(void **state)
{
    (void)state;
    STREET(s);
    struct uuid id = {0};
    for (int i = 0; i < 600; i++) {
        struct box b = jitter(&s, stand(0.4f, 0.7f, 0.3f, 0.2f), 0.05f);
        if (i % 50 > 40)
            b.x1 -= 0.15f; /* somebody passes in front of one half */
        if (i % 70 > 64)
            b.y1 -= 0.08f;
        if (i % 90 < 80)
            see(&s, "car", b, i % 5 ? 0.8f : 0.3f);
        look(&s);
        if (i < 3)
            continue;
        if (i == 3)
            id = only(&s)->track.id;
        if (only(&s)->moved || only(&s)->moving)
            fail_msg("moved at look %d", i);
        CHECK(uuid_equal(&only(&s)->track.id, &id));
    }
    CHECK(only(&s)->track.stationary);
}

static void somebody_coming_nearer_has_moved(void **state)
{
    (void)state;
    STREET(s);
    for (int i = 0; i < 25; i++) {
        float size = 1 + 0.06f * (float)i; /* straight towards the camera, head in place */
        see(&s, "person",
            jitter(&s,
                   (struct box){0.5f - 0.03f * size, 0.4f, 0.5f + 0.03f * size, 0.4f + 0.2f * size},
                   0.02f),
            0.8f);
        look(&s);
    }
    CHECK(only(&s)->moving);
    CHECK(only(&s)->track.growth > 3);
}

static void comes_to_rest_is_silent_and_leaves_again(void **state)
{
    (void)state;
    STREET(s);
    float x = 0.1f;
    for (int i = 0; i < 20; i++, x += 0.02f) {
        see(&s, "car", jitter(&s, stand(x, 0.7f, 0.3f, 0.2f), 0.01f), 0.8f);
        look(&s);
    }
    CHECK(only(&s)->moving);
    struct uuid id = only(&s)->track.id;
    int64_t stopped_us = s.now_us;
    while (only(&s)->moving) {
        see(&s, "car", jitter(&s, stand(x, 0.7f, 0.3f, 0.2f), 0.03f), 0.8f);
        look(&s);
        CHECK(s.now_us < stopped_us + 20 * US_PER_S);
    }
    CHECK(only(&s)->track.stationary && only(&s)->moved);
    CHECK_NEAR(s.now_us - stopped_us, s.conf.rest_us, 3e6);
    /* It is waited for much longer than what moves: hidden by a delivery van for half a minute. */
    for (int i = 0; i < 150; i++)
        look(&s);
    for (int i = 0; i < 300; i++) {
        see(&s, "car", jitter(&s, stand(x, 0.7f, 0.3f, 0.2f), 0.03f), 0.8f);
        look(&s);
        CHECK(!only(&s)->moving);
    }
    for (int i = 0; i < 10; i++, x += 0.03f) {
        see(&s, "car", jitter(&s, stand(x, 0.7f, 0.3f, 0.2f), 0.01f), 0.8f);
        look(&s);
    }
    CHECK(only(&s)->moving && !only(&s)->track.stationary);
    CHECK(uuid_equal(&only(&s)->track.id, &id));
}

static void people_rest_longer_before_they_are_silent(void **state)
{
    (void)state;
    STREET(s);
    for (int i = 0; i < 20; i++) {
        see(&s, "person", person(0.1f + 0.02f * (float)i, 0.8f), 0.8f);
        look(&s);
    }
    int64_t stopped_us = s.now_us;
    while (only(&s)->moving) {
        see(&s, "person", jitter(&s, person(0.5f, 0.8f), 0.03f), 0.8f);
        look(&s);
        CHECK(s.now_us < stopped_us + 100 * US_PER_S);
    }
    CHECK_NEAR(s.now_us - stopped_us, s.conf.rest_person_us, 3e6);
}

/* --- zones and lines --- */

static void dwell_adds_up_inside_a_zone(void **state)
{
    (void)state;
    struct zone_conf zone = {
        "door", ZONE_ENTRY, {4, {{0.4f, 0.6f}, {0.6f, 0.6f}, {0.6f, 0.9f}, {0.4f, 0.9f}}}};
    STREET(s);
    s.zones = (struct opt_map){1, &zone};
    for (int i = 0; i < 100; i++) { /* outside, 20 steps in, outside, 20 steps in ... */
        bool inside = i / 20 % 2;
        see(&s, "person", person(inside ? 0.42f : 0.38f, 0.8f), 0.8f);
        look(&s);
        if (i >= 2)
            CHECK_INT(only(&s)->track.zones[0].inside, inside);
    }
    const struct zone_visit *v = &only(&s)->track.zones[0];
    CHECK(v->seen && !v->inside);
    CHECK_STR(v->name, "door");
    CHECK_INT(v->dwell_us, 2 * 19 * LOOK); /* between sightings inside */
    CHECK_INT(v->entered.pts_us, 100 * US_PER_S + 20 * LOOK);
    CHECK(!only(&s)->track.zones[1].seen);
}

/* Where nobody had to look nothing moved; who was looked for and not found may have been elsewhere.
 */
static void unseen_time_counts_unless_somebody_looked(void **state)
{
    (void)state;
    struct zone_conf zone = {"all", ZONE_YARD, {4, {{0, 0}, {1, 0}, {1, 1}, {0, 1}}}};
    STREET(s);
    s.zones = (struct opt_map){1, &zone};
    for (int i = 0; i < 4; i++) {
        see(&s, "person", person(0.5f, 0.8f), 0.8f);
        look(&s);
    }
    s.now_us += 60 * US_PER_S; /* nobody looked */
    see(&s, "person", person(0.5f, 0.8f), 0.8f);
    look(&s);
    int64_t dwell_us = only(&s)->track.zones[0].dwell_us;
    CHECK_INT(dwell_us, 4 * LOOK + 60 * US_PER_S);
    look(&s); /* not found */
    s.now_us += 60 * US_PER_S;
    see(&s, "person", person(0.5f, 0.8f), 0.8f);
    look(&s);
    CHECK_INT(only(&s)->track.zones[0].dwell_us, dwell_us + s.conf.max_gap_us);
}

static struct line_conf kerb(int direction)
{
    return (struct line_conf){"kerb", {2, {{0.5f, 0.95f}, {0.5f, 0.3f}}}, direction};
}

static void a_line_is_crossed_once_in_its_direction(void **state)
{
    (void)state;
    static const struct {
        int direction;
        float step;
        int count, way;
    } cases[] = {{LINE_BOTH, 0.02f, 1, 1},  {LINE_BOTH, -0.02f, 1, -1}, {LINE_IN, 0.02f, 1, 1},
                 {LINE_IN, -0.02f, 0, 0},   {LINE_OUT, 0.02f, 0, 0},    {LINE_OUT, -0.02f, 1, -1},
                 {LINE_BOTH, 0.004f, 1, 1}, {LINE_BOTH, 0.03f, 1, 1}};
    for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
        struct line_conf line = kerb(cases[k].direction);
        STREET(s);
        s.lines = (struct opt_map){1, &line};
        int looks = (int)(0.6f / fabsf(cases[k].step));
        for (int i = 0; i <= looks; i++) {
            float x = 0.5f + ((float)i - (float)looks / 2) * cases[k].step;
            see(&s, "person", jitter(&s, person(x, 0.8f), 0.02f), 0.8f);
            look(&s);
        }
        const struct track *t = &only(&s)->track;
        if (t->crossing_count != cases[k].count)
            fail_msg("case %zu: %d crossings", k, t->crossing_count);
        if (!cases[k].count)
            continue;
        CHECK_INT(t->crossings[0].direction, cases[k].way);
        CHECK_STR(t->crossings[0].name, "kerb");
        CHECK_NEAR(box_foot(t->crossings[0].at.box).x, 0.5, 0.06);
    }
}

static void standing_on_a_line_is_one_crossing_at_most(void **state)
{
    (void)state;
    struct line_conf line = kerb(LINE_BOTH);
    STREET(s);
    s.lines = (struct opt_map){1, &line};
    for (int i = 0; i < 20; i++) {
        see(&s, "person", person(0.3f + 0.01f * (float)i, 0.8f), 0.8f);
        look(&s);
    }
    for (int i = 0; i < 200; i++) { /* half a minute of swaying right on it */
        see(&s, "person", jitter(&s, person(0.5f, 0.8f), 0.05f), 0.8f);
        look(&s);
    }
    if (only(&s)->track.crossing_count > 1)
        fail_msg("%d crossings while swaying", only(&s)->track.crossing_count);
    for (int i = 0; i < 20; i++) {
        see(&s, "person", person(0.5f + 0.01f * (float)i, 0.8f), 0.8f);
        look(&s);
    }
    CHECK_INT(only(&s)->track.crossing_count, 1);
    CHECK_INT(only(&s)->track.crossings[0].direction, 1);
}

static void there_and_back_is_two_crossings(void **state)
{
    (void)state;
    struct line_conf line = kerb(LINE_BOTH);
    STREET(s);
    s.lines = (struct opt_map){1, &line};
    for (int i = 0; i < 12 * 20; i++) {
        int at = i % 40 < 20 ? i % 40 : 40 - i % 40;
        see(&s, "person", person(0.4f + 0.01f * (float)at, 0.8f), 0.8f);
        look(&s);
    }
    const struct track *t = &only(&s)->track;
    CHECK_INT(t->crossing_count, 12); /* more than are remembered */
    for (int i = 0; i < CROSSINGS_MAX; i++)
        CHECK_INT(t->crossings[i].direction, i % 2 ? -1 : 1);
}

/* --- limits, interruptions, the end --- */

static void more_objects_than_room(void **state)
{
    (void)state;
    STREET(s);
    for (int i = 0; i < 12; i++) {
        /* Twice 80 of them, in turn: 160 in all. */
        for (int k = 0; k < 80; k++) {
            int at = i % 2 * 80 + k;
            see(&s, "person",
                stand(0.03f + 0.058f * (float)(at % 16), 0.09f + 0.09f * (float)(at / 16), 0.03f,
                      0.06f),
                0.8f);
        }
        look(&s);
        CHECK(tracker_count(s.tracker) <= TRACKS_MAX);
    }
    CHECK_INT(tracker_count(s.tracker), TRACKS_MAX);
    CHECK(tracker_ignored(s.tracker) >= 32);
}

static void after_a_gap_only_the_resting_are_still_there(void **state)
{
    (void)state;
    STREET(s);
    for (int i = 0; i < 100; i++) {
        see(&s, "car", stand(0.2f, 0.6f, 0.2f, 0.15f), 0.8f);
        see(&s, "person", person(0.3f + 0.005f * (float)i, 0.9f), 0.8f);
        look(&s);
    }
    CHECK_INT(confirmed(&s), 2);
    s.now_us += 20 * US_PER_S;
    s.look->gap = true;
    look(&s);
    CHECK_INT(confirmed(&s), 1);
    CHECK(near(&s, 0.2f, 0.6f)->track.stationary);
    /* A short interruption is none. */
    STREET(again);
    for (int i = 0; i < 10; i++) {
        see(&again, "person", person(0.3f + 0.005f * (float)i, 0.9f), 0.8f);
        again.look->gap = i == 8;
        look(&again);
    }
    CHECK_INT(confirmed(&again), 1);
}

static void the_end_ends_everybody(void **state)
{
    (void)state;
    STREET(s);
    for (int i = 0; i < 100; i++) {
        see(&s, "car", stand(0.2f, 0.6f, 0.2f, 0.15f), 0.8f);
        see(&s, "person", person(0.3f + 0.005f * (float)i, 0.9f), 0.8f);
        look(&s);
    }
    s.look->end = true;
    s.look->pts_us = s.now_us;
    tracker_push(s.tracker, s.look);
    CHECK_INT(tracker_count(s.tracker), 2);
    for (int i = 0; i < 2; i++)
        CHECK(tracker_at(s.tracker, i)->ended && tracker_at(s.tracker, i)->confirmed);
}

/* --- pictures --- */

static void the_best_picture_is_kept(void **state)
{
    (void)state;
    STREET(s);
    AUTO(frame_unref) struct frame *frame = frame_alloc(64, 64);
    for (int i = 0; i < 20; i++) {
        float size = i == 10 ? 0.3f : 0.2f; /* once it is to be seen best */
        see(&s, "person", stand(0.5f, 0.8f, size / 3, size), 0.8f);
        s.look->frame = frame_ref(frame);
        frame_unref(&frame);
        frame = frame_alloc(64, 64);
        s.look->frame->seq = i;
        look(&s);
    }
    const struct track *t = &only(&s)->track;
    CHECK(t->picture && !t->picture->pool);
    CHECK_INT(t->picture->seq, 10);
    CHECK_INT(t->best.pts_us, 100 * US_PER_S + 10 * LOOK);
}

static void boxes_may_be_anything_in_the_picture(void **state)
{
    (void)state;
    STREET(s);
    uint64_t x = 1234567;
    for (int i = 0; i < 3000; i++) {
        for (int k = 0; k < (int)(x % 7); k++) {
            float v[4];
            for (int j = 0; j < 4; j++) {
                x ^= x << 13, x ^= x >> 7, x ^= x << 17;
                v[j] = x % 3 ? (float)(x % 1000) / 999 : (float)(x % 2);
            }
            struct box b = {MIN(v[0], v[1]), MIN(v[2], v[3]), MAX(v[0], v[1]), MAX(v[2], v[3])};
            see(&s, x % 2 ? "person" : "car", b, (float)(x % 100) / 99);
        }
        look(&s);
        for (int t = 0; t < tracker_count(s.tracker); t++)
            CHECK(isfinite(tracker_at(s.tracker, t)->track.growth));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(confirmed_after_three_sightings),
        cmocka_unit_test(a_single_flash_is_nobody),
        cmocka_unit_test(weak_detections_start_nothing_but_keep_alive),
        cmocka_unit_test(somebody_walking_in_is_moving_after_a_second),
        cmocka_unit_test(ids_survive_gaps_and_flicker),
        cmocka_unit_test(who_leaves_has_left_after_max_gap),
        cmocka_unit_test(not_looked_for_is_not_lost),
        cmocka_unit_test(two_people_who_meet_keep_their_ids),
        cmocka_unit_test(a_car_that_is_now_and_then_a_truck_is_one),
        cmocka_unit_test(two_boxes_on_one_object_are_one_track),
        cmocka_unit_test(kinds_do_not_turn_into_each_other),
        cmocka_unit_test(a_parked_car_never_moves),
        cmocka_unit_test(somebody_coming_nearer_has_moved),
        cmocka_unit_test(comes_to_rest_is_silent_and_leaves_again),
        cmocka_unit_test(people_rest_longer_before_they_are_silent),
        cmocka_unit_test(dwell_adds_up_inside_a_zone),
        cmocka_unit_test(unseen_time_counts_unless_somebody_looked),
        cmocka_unit_test(a_line_is_crossed_once_in_its_direction),
        cmocka_unit_test(standing_on_a_line_is_one_crossing_at_most),
        cmocka_unit_test(there_and_back_is_two_crossings),
        cmocka_unit_test(more_objects_than_room),
        cmocka_unit_test(after_a_gap_only_the_resting_are_still_there),
        cmocka_unit_test(the_end_ends_everybody),
        cmocka_unit_test(the_best_picture_is_kept),
        cmocka_unit_test(boxes_may_be_anything_in_the_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
