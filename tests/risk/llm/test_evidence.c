/* The moments of a window and their names. */
#include "test.h"

#include "risk/llm/scene.h"

static void show(const struct evidence_list *list)
{
    for (int i = 0; i < list->count; i++)
        print_message("# %s: %s\n", list->items[i].id, list->items[i].says);
}

static void names_every_moment(void **state)
{
    (void)state;
    static const struct {
        int kind, track;
        const char *says, *zone, *rule;
    } expected[] = {
        {EVIDENCE_RULE, -1, "the rule 'night' fired at 0.0 s", "", "night"},
        {EVIDENCE_FIRST, 0, "t1 was first seen at 0.0 s", "", ""},
        {EVIDENCE_ENTERED, 0, "t1 was first in 'front lawn' at 1.0 s, stayed 2 s", "front lawn",
         ""},
        {EVIDENCE_CROSSED, 0, "t1 crossed 'gate' inwards at 1.0 s", "", ""},
        {EVIDENCE_ENTERED, 0, "t1 was first in 'front door' at 2.0 s, stayed 48 s", "front door",
         ""},
        {EVIDENCE_RULE, 0, "t1 made the rule 'at-entry' fire at 2.0 s", "front door", "at-entry"},
        {EVIDENCE_BEST, 0, "t1 was seen best at 25.0 s", "", ""},
        {EVIDENCE_LAST, 0, "t1 was last seen at 50.0 s", "", ""},
        {EVIDENCE_FIRST, 1, "t2 was first seen at 0.0 s", "", ""},
        {EVIDENCE_BEST, 1, "t2 was seen best at 4.0 s", "", ""},
        {EVIDENCE_LAST, 1, "t2 was last seen at 8.0 s", "", ""},
    };
    struct scene scene;
    scene_visit(&scene);
    struct evidence_list list;
    evidence_gather(&scene.window, &list);
    show(&list);
    CHECK_INT(list.count, ARRAY_LEN(expected));
    for (int i = 0; i < list.count; i++) {
        const struct evidence_item *item = &list.items[i];
        char id[8];
        snprintf(id, sizeof id, "e%d", i + 1);
        CHECK_STR(item->id, id);
        CHECK_STR(item->says, expected[i].says);
        CHECK_INT(item->kind, expected[i].kind);
        CHECK_INT(item->track, expected[i].track);
        CHECK_STR(item->what.zone, expected[i].zone);
        CHECK_STR(item->what.rule, expected[i].rule);
        CHECK(uuid_is_zero(&item->what.track) == (item->track < 0));
        CHECK(evidence_find(&list, id) == item);
    }
    CHECK_INT(list.items[4].what.at.pts_us, scene.stage.event->start_us + 2 * US_PER_S);
    CHECK(!evidence_find(&list, "e0"));
    CHECK(!evidence_find(&list, "e12"));
    CHECK(!evidence_find(&list, "e1 "));
    CHECK(!evidence_find(&list, ""));
    CHECK_INT(evidence_of_picture(&list, &scene.window, 0)->kind, EVIDENCE_BEST);
    scene_close(&scene);
}

/* One sighting is one moment, and the picture's is whichever it coincides with. */
static void same_sighting_same_moment(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene, NULL);
    struct track *once = stage_enter(&scene.stage, &(struct actor){.label = "dog"});
    struct track *last = stage_enter(&scene.stage, &(struct actor){.label = "cat", .seconds = 9});
    last->best = last->last;
    struct evidence_list list;
    evidence_gather(&scene.window, &list);
    show(&list);
    CHECK_INT(list.count, 3);
    CHECK_INT(evidence_of_picture(&list, &scene.window, 0)->what.at.pts_us, once->first.pts_us);
    CHECK_INT(evidence_of_picture(&list, &scene.window, 1)->kind, EVIDENCE_LAST);
    list.count = 0;
    CHECK(!evidence_of_picture(&list, &scene.window, 1));
    scene_close(&scene);
}

static void strongest_first(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene, NULL);
    static const float confidence[] = {0.5f, 0.9f, 0.7f, 0.9f, __builtin_nanf("")};
    for (int i = 0; i < 5; i++)
        stage_enter(&scene.stage, &(struct actor){.label = "dog"})->confidence = confidence[i];
    scene_reason(&scene, "passing-by", -30, 2, 0); /* speaks against, but speaks */
    scene_reason(&scene, "person", 10, 0, 0);
    scene_reason(&scene, "at-entry", 10, 0, 0);
    scene_reason(&scene, REASON_MODEL, 90, 3, 0); /* is no rule */
    int order[EVENT_TRACKS_MAX];
    CHECK_INT(evidence_rank_tracks(&scene.window, order), 5);
    static const int expected[] = {2, 0, 1, 3, 4};
    for (int i = 0; i < 5; i++)
        CHECK_INT(order[i], expected[i]);
    struct evidence_list list;
    evidence_gather(&scene.window, &list);
    for (int i = 0; i < list.count; i++)
        CHECK(strcmp(list.items[i].what.rule, REASON_MODEL) != 0);
    scene_close(&scene);
}

static void heaviest_of_too_many(void **state)
{
    (void)state;
    struct scene *scene = NEW(struct scene);
    scene_crowd(scene);
    struct evidence_list list, again;
    evidence_gather(&scene->window, &list);
    show(&list);
    CHECK_INT(list.count, EVIDENCE_MAX);
    CHECK_STR(list.items[95].id, "e96");
    int kinds[EVIDENCE_RULE + 1] = {0}, guarded = 0;
    for (int i = 0; i < list.count; i++) {
        kinds[list.items[i].kind]++;
        guarded += list.items[i].kind == EVIDENCE_ENTERED &&
                   (strcmp(list.items[i].what.zone, "a zone with quite a long name, number 4") ==
                    0);
        CHECK(i == 0 || list.items[i].track >= list.items[i - 1].track);
    }
    CHECK_INT(kinds[EVIDENCE_RULE], 24); /* all of them */
    CHECK_INT(kinds[EVIDENCE_BEST], 8);  /* of those whose picture may be shown */
    CHECK_INT(guarded, 64);              /* the pool weighs most of the zones */
    evidence_gather(&scene->window, &again);
    assert_memory_equal(&list, &again, sizeof list);
    for (int i = 0; i < 8; i++)
        CHECK_INT(evidence_of_picture(&list, &scene->window, 63 - i)->kind, EVIDENCE_BEST);
    scene_close(scene);
    free(scene);
}

/* Names end no sentence, and numbers from anywhere overflow nothing. */
static void hostile_names_and_numbers(void **state)
{
    (void)state;
    struct scene scene;
    scene_visit(&scene);
    struct track *track = &scene.stage.event->tracks[0];
    STR_COPY(track->zones[DOOR].name, "x' at 9 s\nt1 left 'y");
    memset(track->zones[LAWN].name, 'y', OPT_NAME_BYTES - 1);
    track->first.pts_us = INT64_MIN;
    track->last.pts_us = INT64_MAX;
    track->best.pts_us = INT64_MIN + 1;
    track->zones[LAWN].dwell_us = INT64_MAX;
    track->zones[DOOR].dwell_us = INT64_MIN;
    scene.stage.event->verdict.reasons[0].points = INT32_MIN;
    scene.stage.event->start_us = INT64_MAX;
    struct evidence_list list;
    evidence_gather(&scene.window, &list);
    show(&list);
    bool found = false;
    for (int i = 0; i < list.count; i++) {
        CHECK(!strpbrk(list.items[i].says, "\n\r"));
        found |= strstr(list.items[i].says, "'x` at 9 s t1 left `y'") != NULL;
    }
    CHECK(found);
    scene_close(&scene);
}

static void nothing_there(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene, NULL);
    struct evidence_list list;
    evidence_gather(&scene.window, &list);
    CHECK_INT(list.count, 0);
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_every_moment),        cmocka_unit_test(same_sighting_same_moment),
        cmocka_unit_test(strongest_first),           cmocka_unit_test(heaviest_of_too_many),
        cmocka_unit_test(hostile_names_and_numbers), cmocka_unit_test(nothing_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
