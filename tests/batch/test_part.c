/* What of a track's life is an event's own. */
#include "batch/show.h"

static void a_better_picture_takes_over(void **state)
{
    (void)state;
    struct show show;
    begin(&show);
    struct track *a = who(&show, 'A');
    a->picture = frame_alloc(16, 16);
    a->best = (struct sighting){1000 * MS, 0, {0, 0, 1, 1}, .9f};
    struct frame *first = a->picture;
    look(&show, 1000, "A");
    CHECK(last(&show)->tracks[0].picture == first);
    watch(&show, 1200, 91000, "A");
    CHECK(last(&show)->tracks[0].picture == first);
    look(&show, 91000, "A");
    CHECK_INT(events(&show), 2);
    CHECK(last(&show)->tracks[0].picture == NULL); /* taken in the window before */
    CHECK_INT(last(&show)->tracks[0].best.pts_us, TIME_UNKNOWN);
    frame_unref(&a->picture);
    a->picture = frame_alloc(16, 16);
    a->best.pts_us = 93000 * MS;
    look(&show, 93000, "A");
    CHECK(last(&show)->tracks[0].picture == a->picture);
    frame_unref(&a->picture);
    a->picture = frame_alloc(16, 16);
    a->best.pts_us = 95000 * MS;
    look(&show, 95000, "A");
    CHECK(last(&show)->tracks[0].picture == a->picture);
    finish(&show);
}

static void earlier_life_does_not_count(void **state)
{
    (void)state;
    struct show show;
    begin(&show);
    /* A car drove in over the line, was parked for an hour, and now starts. */
    struct track *a = who(&show, 'A');
    a->first.pts_us = 1000 * MS;
    a->zones[0] = (struct zone_visit){.seen = true,
                                      .inside = true,
                                      .dwell_us = 3600 * US_PER_S,
                                      .entered = {.pts_us = 1000 * MS}};
    a->zones[1] = (struct zone_visit){
        .seen = true, .dwell_us = 5 * US_PER_S, .entered = {.pts_us = 900 * MS}};
    a->crossing_count = 1;
    a->crossings[0] = (struct crossing){.name = "in", .direction = 1, .at = {.pts_us = 950 * MS}};
    a->best = (struct sighting){2000 * MS, 0, {0, 0, 1, 1}, .9f};
    a->last.pts_us = 3600000 * MS;
    look(&show, 3601000, "A");
    const struct track *mine = &last(&show)->tracks[0];
    CHECK_INT(mine->first.pts_us, 3601000 * MS);
    CHECK(mine->zones[0].seen && mine->zones[0].inside);
    CHECK_INT(mine->zones[0].dwell_us, 0);
    CHECK_INT(mine->zones[0].entered.pts_us, 3601000 * MS);
    CHECK(!mine->zones[1].seen);
    CHECK_INT(mine->crossing_count, 0);
    CHECK_INT(mine->best.pts_us, TIME_UNKNOWN);
    a->crossings[a->crossing_count++] = (struct crossing){
        .name = "out", .direction = -1, .at = {.pts_us = 3603000 * MS}};
    a->zones[1].inside = true;
    look(&show, 3603000, "A");
    mine = &last(&show)->tracks[0];
    CHECK_INT(mine->crossing_count, 1);
    CHECK_STR(mine->crossings[0].name, "out");
    CHECK_INT(mine->zones[0].dwell_us, 2 * US_PER_S);
    CHECK(mine->zones[1].seen);
    finish(&show);
}

/* A track is confirmed at its third sighting or so; the door it came through is part of the story.
 */
static void what_happened_while_confirming_counts(void **state)
{
    (void)state;
    struct show show;
    begin(&show);
    struct track *a = who(&show, 'A');
    a->first.pts_us = 10000 * MS;
    a->zones[3] = (struct zone_visit){
        .name = "door", .seen = true, .dwell_us = 300 * MS, .entered = {.pts_us = 10000 * MS}};
    a->crossing_count = 1;
    a->crossings[0] = (struct crossing){
        .name = "sill", .direction = 1, .at = {.pts_us = 10200 * MS}};
    look(&show, 10600, "A");
    const struct track *mine = &last(&show)->tracks[0];
    CHECK(mine->zones[3].seen && !mine->zones[3].inside);
    CHECK_INT(mine->zones[3].dwell_us, 300 * MS);
    CHECK_INT(mine->zones[3].entered.pts_us, 10000 * MS);
    CHECK_INT(mine->crossing_count, 1);
    CHECK_STR(mine->crossings[0].name, "sill");
    finish(&show);
}

static void dwell_and_crossings_are_shared_out(void **state)
{
    (void)state;
    struct show show;
    begin(&show);
    struct track *a = who(&show, 'A');
    watch(&show, 0, 80000, "A");
    a->zones[0] = (struct zone_visit){
        .seen = true, .inside = true, .entered = {.pts_us = 80000 * MS}};
    a->last.pts_us = 80000 * MS;
    for (int i = 0; i < 3; i++)
        a->crossings[a->crossing_count++] = (struct crossing){.line = i,
                                                              .at = {.pts_us = 80000 * MS}};
    for (int64_t ms = 80000; ms <= 100000; ms += 300) /* 89.9 s is the last before the boundary */
        look(&show, ms, "A");
    a->crossings[a->crossing_count++] = (struct crossing){.line = 7, .at = {.pts_us = 100000 * MS}};
    look(&show, 100100, "A");
    look(&show, 100200, "A");
    watch(&show, 100400, 190000, "A");
    a->crossings[a->crossing_count++] = (struct crossing){.line = 5, .at = {.pts_us = 190000 * MS}};
    look(&show, 190000, "A");
    batch_end(show.batch, CLOSE_END);
    const struct track *at_last = &event_at(&show, 2)->tracks[0];
    CHECK_INT(at_last->crossing_count, 1);
    CHECK_INT(at_last->crossings[0].line, 5);
    CHECK_INT(at_last->zones[0].dwell_us, 10000 * MS);
    const struct track *before = &event_at(&show, 0)->tracks[0];
    const struct track *after = &event_at(&show, 1)->tracks[0];
    CHECK_INT(before->zones[0].dwell_us, 9900 * MS);
    CHECK_INT(after->zones[0].dwell_us, 89800 * MS);
    CHECK_INT(after->zones[0].entered.pts_us, 90200 * MS);
    CHECK_INT(before->crossing_count, 3);
    CHECK_INT(after->crossing_count, 1);
    CHECK_INT(after->crossings[0].line, 7);
    finish(&show);
}

/* Looks are rare while nothing moves, and the tracker counts no gap in full. */
static void dwell_of_a_rare_look_is_not_lost(void **state)
{
    (void)state;
    struct show show;
    begin(&show);
    struct track *a = who(&show, 'A');
    a->zones[0] = (struct zone_visit){.seen = true, .inside = true, .entered = {.pts_us = 0}};
    watch(&show, 0, 88200, "A");
    tick(&show, 90000);
    a->last.pts_us = 96000 * MS;
    look(&show, 98000, "A");
    CHECK_INT(events(&show), 2);
    CHECK_INT(last(&show)->tracks[0].zones[0].dwell_us, 2000 * MS);
    finish(&show);
}

static void nature_is_carried(void **state)
{
    (void)state;
    struct show show;
    begin(&show);
    struct track *a = who(&show, 'A');
    STR_COPY(a->label, "dog");
    a->confidence = .93f;
    a->growth = 4;
    watch(&show, 0, 90200, "A");
    CHECK_INT(events(&show), 2);
    CHECK_STR(last(&show)->tracks[0].label, "dog");
    CHECK_NEAR(last(&show)->tracks[0].confidence, .93, 1e-6);
    CHECK_NEAR(last(&show)->tracks[0].growth, 4, 1e-6);
    STR_COPY(a->label, "cat"); /* the better opinion so far is the event's too */
    look(&show, 96000, "A");
    CHECK_STR(last(&show)->tracks[0].label, "cat");
    finish(&show);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_better_picture_takes_over),
        cmocka_unit_test(earlier_life_does_not_count),
        cmocka_unit_test(what_happened_while_confirming_counts),
        cmocka_unit_test(dwell_and_crossings_are_shared_out),
        cmocka_unit_test(dwell_of_a_rare_look_is_not_lost),
        cmocka_unit_test(nature_is_carried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
