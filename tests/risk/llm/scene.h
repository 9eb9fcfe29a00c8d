/* Windows for the tests of what a language model is told: the house of the other risk tests, with
 * people who belong to it and numbers of what is usual. */
#pragma once

#include "risk/llm/evidence.h"

#include "risk/stage.h"

#include <stdio.h>
#include <string.h>

struct scene {
    struct stage stage;
    struct household household;
    struct usual usual[EVENT_TRACKS_MAX];
    struct window window;
};

static inline void scene_open(struct scene *scene, const char *time)
{
    memset(scene, 0, sizeof *scene);
    stage_timezone();
    stage_open(&scene->stage, true, time);
    static const struct line_conf gate = {.name = "gate"};
    scene->stage.lines = (struct opt_map){1, (void *)(uintptr_t)&gate};
    struct household *h = &scene->household;
    h->count = 2;
    h->items[0] = (struct expected_person){"Anna", "person", TRUST_FULL, true, {0}};
    h->items[1] = (struct expected_person){
        "the van", "truck", TRUST_GUEST, false, {1, {"driveway"}}};
    h->owner_count = 1;
    h->owners[0] = (struct owner_conf){"sidewalk", "the town"};
    scene->window.event = scene->stage.event;
    scene->window.context = scene->stage.context;
    scene->window.context.night = (struct opt_times){22 * 60, 6 * 60};
    scene->window.context.household = h;
    scene->window.context.usual = scene->usual;
    scene->stage.event->verdict.score = 0;
}

static inline void scene_close(struct scene *scene)
{
    stage_close(&scene->stage);
}

/* As a rule would that fired on the track at that second. */
static inline struct reason *scene_reason(struct scene *scene, const char *rule, int points,
                                          int track, int after_s)
{
    struct verdict *verdict = &scene->stage.event->verdict;
    struct reason *reason = &verdict->reasons[verdict->reason_count++];
    STR_COPY(reason->rule, rule);
    STR_COPY(reason->text, "a person was at the front door");
    reason->points = points;
    if (track >= 0)
        reason->track = scene->stage.event->tracks[track].id;
    reason->at = stage_sighting(&scene->stage, after_s, 0.1f);
    verdict->score = CLAMP(verdict->score + points, 0, 100);
    return reason;
}

/* Somebody waits at the door at night, a cat passes. */
static inline void scene_visit(struct scene *scene)
{
    scene_open(scene, "2026-11-20T03:12:00+01:00");
    stage_enter(&scene->stage, &(struct actor){.label = "person",
                                               .seconds = 50,
                                               .growth = 4,
                                               .crosses = 1,
                                               AT({LAWN, 2}, {DOOR, 48, true})});
    stage_enter(&scene->stage, &(struct actor){.label = "cat", .seconds = 8});
    scene_reason(scene, "at-entry", 10, 0, 2);
    scene_reason(scene, "night", 20, -1, 0);
    scene->usual[0] = (struct usual){true, "front door", 99, 0.1, 9.5, 0.125, 12, 0.04};
}

/* As much as an event can hold: every track in every zone, every line crossed again and again. */
static inline void scene_crowd(struct scene *scene)
{
    scene_open(scene, "2026-11-20T12:00:00+01:00");
    for (int i = 0; i < EVENT_TRACKS_MAX; i++) {
        struct track *track = stage_enter(
            &scene->stage, &(struct actor){.label = i % 2 ? "person" : "dog", .seconds = 80});
        track->id.bytes[14] = 1;
        track->confidence = 0.3f + (float)i / 100;
        for (int z = 0; z < ZONES_MAX; z++) {
            struct zone_visit *visit = &track->zones[z];
            visit->seen = visit->inside = true;
            visit->dwell_us = (z + 1) * 1234567;
            visit->entered = stage_sighting(&scene->stage, z + 2, 0.2f);
            snprintf(visit->name, sizeof visit->name, "a zone with quite a long name, number %d",
                     z);
        }
        track->crossing_count = 100;
        for (int c = 0; c < CROSSINGS_MAX; c++) {
            track->crossings[c].at = stage_sighting(&scene->stage, c + 3, 0.2f);
            STR_COPY(track->crossings[c].name, "the line between the garden and the street");
        }
        scene->usual[i] = (struct usual){true, "front door", 99, 0.1, 9.5, 0.125, 12, 0.04};
    }
    for (int i = 0; i < 24; i++) {
        char rule[OPT_NAME_BYTES];
        snprintf(rule, sizeof rule, "a-rule-with-a-long-name-%d", i);
        struct reason *reason = scene_reason(scene, rule, 100 - i, 63 - i, 3);
        memset(reason->text, 'x', sizeof reason->text - 1);
    }
}
