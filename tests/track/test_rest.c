/* Parking, driving off, cameras that are turned, pictures of their own. */
#include "track/street.h"

/* A street that remembers, across restarts too. */
static void remember(struct street *s)
{
    s->memory = memory_new(s->conf.remember_us);
    restart(s);
}

#define REMEMBERING(s)                                                                             \
    STREET(s);                                                                                     \
    remember(&s)

static const struct box parking = {0.4f, 0.5f, 0.7f, 0.7f};

static struct box moved_by(struct box b, float x)
{
    return (struct box){b.x0 + x, b.y0, b.x1 + x, b.y1};
}

static void watch(struct street *s, struct box b, int looks)
{
    for (int i = 0; i < looks; i++) {
        see(s, "car", jitter(s, b, 0.02f), 0.8f);
        look(s);
    }
}

static int remembered(const struct street *s)
{
    int n;
    memory_items(s->memory, &n);
    return n;
}

static bool anybody_moves(const struct street *s)
{
    for (int i = 0; i < tracker_count(s->tracker); i++)
        if (tracker_at(s->tracker, i)->moving)
            return true;
    return false;
}

static void a_known_car_is_parked_from_the_start(void **state)
{
    (void)state;
    static const struct {
        const char *name, *label;
        struct box first;
    } cases[] = {
        {"as it was", "car", {0.4f, 0.5f, 0.7f, 0.7f}},
        {"as a truck", "truck", {0.4f, 0.5f, 0.7f, 0.7f}},
        {"half of it", "car", {0.4f, 0.5f, 0.55f, 0.7f}},
        {"with its glare", "car", {0.32f, 0.5f, 0.78f, 0.74f}},
        {"aside", "car", {0.33f, 0.5f, 0.63f, 0.7f}},
    };
    for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
        REMEMBERING(s);
        watch(&s, parking, 60);
        CHECK(only(&s)->parked && only(&s)->track.stationary && !only(&s)->moved);
        CHECK_INT(remembered(&s), 1);
        restart(&s);
        for (int i = 0; i < 100; i++) { /* first so, then as it should be, in turn */
            see(&s, cases[k].label, i / 10 % 2 ? parking : cases[k].first, 0.6f);
            look(&s);
            if (i >= 2 && (!only(&s)->parked || only(&s)->moving || only(&s)->moved))
                fail_msg("%s: look %d", cases[k].name, i);
        }
        CHECK_INT(remembered(&s), 1);
    }
}

static void driving_off_is_seen_and_forgotten(void **state)
{
    (void)state;
    REMEMBERING(s);
    watch(&s, parking, 60);
    restart(&s);
    watch(&s, parking, 3);
    CHECK(only(&s)->parked);
    int looks = 0;
    for (float x = 0; !anybody_moves(&s); x += 0.02f, looks++) {
        CHECK(looks < 20);
        watch(&s, moved_by(parking, x), 1);
    }
    CHECK(!only(&s)->parked && !only(&s)->track.stationary && only(&s)->moved);
    CHECK_INT(remembered(&s), 0);
    if (looks > 12)
        fail_msg("told after %d looks", looks);
}

static void a_jump_is_no_course(void **state)
{
    (void)state;
    REMEMBERING(s);
    watch(&s, parking, 60);
    for (int i = 0; i < 400; i++) { /* two opinions, from a few looks to a minute long */
        bool other = i < 100 ? i % 2 : i < 200 ? i % 20 < 8 : i < 300;
        watch(&s, moved_by(parking, other ? -0.09f : 0), 1);
        if (anybody_moves(&s))
            fail_msg("moves at look %d", i);
    }
    CHECK_INT(remembered(&s), 1);
}

static void a_second_car_is_another(void **state)
{
    (void)state;
    REMEMBERING(s);
    watch(&s, parking, 60);
    bool moved = false;
    float x = 1;
    for (int i = 0; i < 100; i++) { /* comes in from the right and stops beside the first */
        x = MAX(x - 0.03f, 0.68f);
        see(&s, "car", jitter(&s, parking, 0.02f), 0.8f);
        see(&s, "car", jitter(&s, (struct box){x, 0.5f, x + 0.28f, 0.7f}, 0.02f), 0.8f);
        look(&s);
        moved |= anybody_moves(&s);
        CHECK(near(&s, 0.55f, 0.7f)->parked);
    }
    CHECK(moved);
    CHECK_INT(confirmed(&s), 2);
    CHECK_INT(remembered(&s), 2);
    restart(&s);
    for (int i = 0; i < 10; i++) {
        see(&s, "car", jitter(&s, parking, 0.02f), 0.8f);
        see(&s, "car", jitter(&s, (struct box){x, 0.5f, x + 0.28f, 0.7f}, 0.02f), 0.8f);
        look(&s);
    }
    CHECK(near(&s, 0.55f, 0.7f)->parked && near(&s, x + 0.14f, 0.7f)->parked);
    CHECK_INT(remembered(&s), 2);
}

static void who_comes_to_an_abandoned_place_takes_it_over(void **state)
{
    (void)state;
    REMEMBERING(s);
    watch(&s, parking, 60);
    restart(&s); /* it leaves while nobody looks */
    bool moved = false;
    for (float x = 0.5f; x > 0; x -= 0.03f) {
        watch(&s, moved_by(parking, x), 1);
        moved |= anybody_moves(&s);
    }
    CHECK(moved);
    watch(&s, parking, 70);
    CHECK(only(&s)->parked);
    int n;
    const struct parked *items = memory_items(s.memory, &n);
    CHECK_INT(n, 1);
    CHECK(uuid_equal(&items[0].id, &only(&s)->track.id));
}

static void somebody_in_front_takes_nothing(void **state)
{
    (void)state;
    REMEMBERING(s);
    watch(&s, parking, 60);
    for (int i = 0; i < 60; i++) {
        float x = 0.2f + 0.01f * (float)i;
        struct box b = parking; /* what they leave of it */
        if (x > b.x0 && x < 0.55f)
            b.x0 = x;
        else if (x >= 0.55f && x < b.x1)
            b.x1 = x;
        see(&s, "person", person(x, 0.8f), 0.8f);
        see(&s, "car", b, 0.6f);
        look(&s);
        CHECK(!near(&s, 0.55f, 0.7f)->moving || near(&s, 0.55f, 0.7f)->kind == KIND_PERSON);
    }
    CHECK_INT(confirmed(&s), 2);
    CHECK_INT(remembered(&s), 1);
}

static void what_only_moves_is_never_remembered(void **state)
{
    (void)state;
    REMEMBERING(s);
    for (int i = 0; i < 100; i++) {
        see(&s, "motion", parking, 0.8f); /* of a detector without a model */
        see(&s, "person", person(0.2f, 0.6f), 0.8f);
        look(&s);
    }
    s.now_us += 120 * US_PER_S;
    for (int i = 0; i < 5; i++) {
        see(&s, "person", person(0.2f, 0.6f), 0.8f);
        look(&s);
    }
    CHECK(near(&s, 0.2f, 0.6f)->track.stationary);
    CHECK_INT(remembered(&s), 0);
    s.now_us += 600 * US_PER_S; /* a scarecrow */
    see(&s, "person", person(0.2f, 0.6f), 0.8f);
    look(&s);
    CHECK_INT(remembered(&s), 1);
}

/* --- looks at parts of the picture --- */

static void a_look_elsewhere_is_no_miss(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int count;
        struct box looked[2];
        bool ended;
    } cases[] = {
        {"everywhere", 1, {{0, 0, 1, 1}}, true},
        {"it does not say where", 0, {BOX_WHOLE}, true},
        {"elsewhere", 1, {{0, 0, 0.3f, 0.3f}}, false},
        {"at a part of it", 1, {{0, 0, 0.5f, 1}}, false},
        {"in halves", 2, {{0, 0, 0.5f, 1}, {0.5f, 0, 1, 1}}, false},
        {"around it", 2, {{0, 0, 0.2f, 0.2f}, {0.35f, 0.4f, 0.65f, 0.9f}}, true},
    };
    for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
        STREET(s);
        for (int i = 0; i < 4; i++) {
            see(&s, "person", person(0.5f, 0.8f), 0.8f);
            look(&s);
        }
        for (int i = 0; i < 15; i++) {
            s.look->looked_count = cases[k].count;
            memcpy(s.look->looked, cases[k].looked, sizeof cases[k].looked);
            look(&s);
            if (i == 0)
                CHECK_INT(only(&s)->looked, cases[k].ended);
        }
        if ((confirmed(&s) == 0) != cases[k].ended)
            fail_msg("%s: %s", cases[k].name, cases[k].ended ? "still there" : "gone");
    }
}

/* --- the camera is turned --- */

static void a_turned_camera_moves_nobody(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        float x;
        bool tell, known;
        int late; /* looks before the news */
    } cases[] = {
        {"told at once", 0.2f, true, true, 0},
        {"told late", 0.2f, true, true, 30},
        {"told very late", 0.2f, true, true, 200},
        {"turned to nobody knows where", 0.3f, true, false, 10},
        {"a nudge that nobody tells", 0.03f, false, false, 0},
        {"half a car's length that nobody tells", 0.1f, false, false, 0},
    };
    static const struct box cars[] = {{0.1f, 0.5f, 0.3f, 0.65f}, {0.4f, 0.3f, 0.5f, 0.37f}};
    for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
        REMEMBERING(s);
        for (int i = 0; i < 400; i++) {
            for (int c = 0; c < 2; c++)
                see(&s, "car", jitter(&s, moved_by(cars[c], i < 100 ? 0 : cases[k].x), 0.02f),
                    0.8f);
            if (i == 100 + cases[k].late && cases[k].tell)
                tracker_view_moved(s.tracker, cases[k].x, 0, cases[k].known);
            look(&s);
            if (anybody_moves(&s))
                fail_msg("%s: moves at look %d", cases[k].name, i);
        }
        if (cases[k].tell && confirmed(&s) != 2)
            fail_msg("%s: %d tracks", cases[k].name, confirmed(&s));
        restart(&s);
        for (int i = 0; i < 3; i++) {
            for (int c = 0; c < 2; c++)
                see(&s, "car", moved_by(cars[c], cases[k].x), 0.8f);
            look(&s);
        }
        if (!cases[k].tell)
            continue;
        if (!near(&s, 0.2f + cases[k].x, 0.65f)->parked ||
            !near(&s, 0.45f + cases[k].x, 0.37f)->parked || remembered(&s) != 2)
            fail_msg("%s: %d remembered", cases[k].name, remembered(&s));
    }
}

/* A camera on a swinging post, or one that is turned slowly: two cars go the same way. */
static void what_all_do_together_the_camera_does(void **state)
{
    (void)state;
    static const struct box cars[] = {{0.1f, 0.5f, 0.3f, 0.65f}, {0.4f, 0.3f, 0.55f, 0.4f}};
    REMEMBERING(s);
    for (int i = 0; i < 300; i++) {
        float x = i < 100 ? 0 : MIN(0.01f * (float)(i - 100), 0.3f);
        for (int c = 0; c < 2; c++)
            see(&s, "car", moved_by(cars[c], x), 0.8f);
        look(&s);
        if (anybody_moves(&s))
            fail_msg("moves at look %d", i);
    }
    for (int i = 0; i < 30; i++) { /* one of them alone */
        see(&s, "car", moved_by(cars[0], 0.3f), 0.8f);
        see(&s, "car", moved_by(cars[1], 0.3f - 0.01f * (float)i), 0.8f);
        look(&s);
    }
    CHECK(anybody_moves(&s));
}

/* --- pictures of their own --- */

static void still(struct street *s, int64_t after_us)
{
    s->now_us += after_us - LOOK;
    s->look->still = s->look->gap = true;
    look(s);
}

static void a_still_counts_at_once(void **state)
{
    (void)state;
    REMEMBERING(s);
    see(&s, "person", person(0.5f, 0.8f), 0.5f);
    see(&s, "cat", person(0.2f, 0.8f), 0.3f); /* not sure enough to begin with */
    still(&s, 3600 * US_PER_S);
    CHECK(only(&s)->moving && only(&s)->moved && only(&s)->seen);
    struct uuid id = only(&s)->track.id;
    see(&s, "person", person(0.52f, 0.8f), 0.5f); /* a burst */
    still(&s, US_PER_S);
    CHECK(uuid_equal(&only(&s)->track.id, &id));
    CHECK(only(&s)->moving);
}

static void what_stands_in_one_still_after_the_other_rests(void **state)
{
    (void)state;
    REMEMBERING(s);
    see(&s, "car", parking, 0.8f);
    still(&s, 3600 * US_PER_S);
    CHECK(only(&s)->moving);
    see(&s, "car", jitter(&s, parking, 0.05f), 0.8f);
    still(&s, 2 * US_PER_S);
    CHECK(only(&s)->moving); /* not for rest yet */
    for (int i = 0; i < 10; i++) {
        if (i % 3 != 1) /* not recognised every time */
            see(&s, i % 2 ? "truck" : "car", jitter(&s, parking, 0.08f), i % 4 ? 0.8f : 0.5f);
        still(&s, (int64_t)(1 + i * 600) * 10 * US_PER_S);
        CHECK(!only(&s)->moving);
        CHECK(only(&s)->parked);
    }
    CHECK_INT(remembered(&s), 1);
    restart(&s);
    see(&s, "truck", parking, 0.5f);
    still(&s, 3600 * US_PER_S);
    CHECK(only(&s)->parked && !only(&s)->moving);
    see(&s, "car", moved_by(parking, 0.15f), 0.8f); /* driving off, in a burst */
    still(&s, US_PER_S);
    CHECK(only(&s)->moving && !only(&s)->parked);
    CHECK_INT(remembered(&s), 0);
}

static void another_day_another_visitor(void **state)
{
    (void)state;
    static const struct {
        const char *name, *label;
        float x;
        int64_t later_us;
        bool same;
    } cases[] = {
        {"still at the door", "person", 0.5f, 20 * US_PER_S, true},
        {"the next at the same door", "person", 0.5f, 3600 * US_PER_S, false},
        {"elsewhere", "person", 0.8f, 20 * US_PER_S, false},
        {"a cat", "cat", 0.5f, 20 * US_PER_S, false},
    };
    for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
        REMEMBERING(s);
        see(&s, "person", person(0.5f, 0.8f), 0.8f);
        still(&s, 3600 * US_PER_S);
        struct uuid id = only(&s)->track.id;
        see(&s, cases[k].label, person(cases[k].x, 0.8f), 0.8f);
        still(&s, cases[k].later_us);
        const struct live_track *found = NULL;
        for (int i = 0; i < tracker_count(s.tracker); i++)
            if (tracker_at(s.tracker, i)->seen)
                found = tracker_at(s.tracker, i);
        CHECK(found && found->moving);
        if (uuid_equal(&found->track.id, &id) != cases[k].same)
            fail_msg("%s: %s", cases[k].name, cases[k].same ? "another" : "the same");
    }
}

static void between_stills_nobody_is_lost(void **state)
{
    (void)state;
    REMEMBERING(s);
    see(&s, "car", parking, 0.8f);
    still(&s, 3600 * US_PER_S);
    for (int i = 0; i < 2; i++) { /* time goes on, and two stills miss it */
        s.look->pts_us = s.now_us += 600 * US_PER_S;
        tracker_push(s.tracker, s.look);
        CHECK_INT(confirmed(&s), 1);
        still(&s, 600 * US_PER_S);
        CHECK_INT(confirmed(&s), 1);
    }
    still(&s, 600 * US_PER_S);
    CHECK_INT(confirmed(&s), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_known_car_is_parked_from_the_start),
        cmocka_unit_test(driving_off_is_seen_and_forgotten),
        cmocka_unit_test(a_jump_is_no_course),
        cmocka_unit_test(a_second_car_is_another),
        cmocka_unit_test(who_comes_to_an_abandoned_place_takes_it_over),
        cmocka_unit_test(somebody_in_front_takes_nothing),
        cmocka_unit_test(what_only_moves_is_never_remembered),
        cmocka_unit_test(a_look_elsewhere_is_no_miss),
        cmocka_unit_test(a_turned_camera_moves_nobody),
        cmocka_unit_test(what_all_do_together_the_camera_does),
        cmocka_unit_test(a_still_counts_at_once),
        cmocka_unit_test(what_stands_in_one_still_after_the_other_rests),
        cmocka_unit_test(another_day_another_visitor),
        cmocka_unit_test(between_stills_nobody_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
