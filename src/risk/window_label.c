/* A window that was really seen, written out as a line of an evaluation set. */
#include "risk/rules.h"
#include "risk/window.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* Where that the parser takes; a box may have been a point at first. */
#define GROWTH_MIN 0.01
#define GROWTH_MAX 100.0

static double seconds_between(int64_t from_us, int64_t to_us)
{
    return (double)MAX(to_us - from_us, 0) / US_PER_S;
}

/* Local time with its offset: it is also what night and day are judged by. */
static void put_start(struct json *j, int64_t wall_us)
{
    if (wall_us == TIME_UNKNOWN) {
        json_put_null(j, "start");
        return;
    }
    time_t seconds = (time_t)(wall_us / US_PER_S);
    struct tm local;
    char text[40], offset[8];
    localtime_r(&seconds, &local);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &local);
    strftime(offset, sizeof offset, "%z", &local); /* "+0100" */
    size_t n = strlen(text);
    snprintf(text + n, sizeof text - n, "%.3s:%.2s", offset, offset + 3);
    json_text(j, "start", text);
}

static void put_times(struct json *j, const char *key, const struct opt_times *times)
{
    static const struct opt row = {.name = "times", .type = OPT_TYPE_TIMES};
    char text[32];
    if (opt_format(&row, times, text, sizeof text))
        json_text(j, key, text);
}

static void put_zones(struct json *j, const struct risk_context *context)
{
    json_begin_array(j, "zones");
    for (int i = 0; context->zones && i < context->zones->count; i++) {
        const struct zone_conf *zone = (const struct zone_conf *)context->zones->items + i;
        json_begin_object(j, NULL);
        json_text(j, "name", zone->name);
        json_text(j, "kind", zone_kind_names[zone->kind]);
        const char *owner = context->household ? household_owner(context->household, zone->name)
                                               : NULL;
        if (owner)
            json_text(j, "owner", owner);
        json_end_object(j);
    }
    json_end_array(j);
}

static void put_household(struct json *j, const struct household *household)
{
    json_begin_array(j, "household");
    for (int i = 0; household && i < household->count; i++) {
        const struct expected_person *person = &household->items[i];
        json_begin_object(j, NULL);
        json_text(j, "name", person->name);
        json_text(j, "label", person->label);
        json_text(j, "trust", trust_names[person->trust]);
        json_bool(j, "now", person->now);
        if (person->zones.count > 0) {
            json_begin_array(j, "zones");
            for (int z = 0; z < person->zones.count; z++)
                json_text(j, NULL, person->zones.items[z]);
            json_end_array(j);
        }
        json_end_object(j);
    }
    json_end_array(j);
}

static void put_visits(struct json *j, const struct event *event, const struct track *track)
{
    json_begin_array(j, "zones");
    for (int z = 0; z < ZONES_MAX; z++) {
        const struct zone_visit *visit = &track->zones[z];
        if (!visit->seen)
            continue;
        int64_t entered_us = CLAMP(visit->entered.pts_us, track->first.pts_us, track->last.pts_us);
        json_begin_object(j, NULL);
        json_text(j, "name", visit->name);
        json_double(j, "dwell_s", seconds_between(0, visit->dwell_us), 3);
        json_double(j, "entered_s", seconds_between(event->start_us, entered_us), 3);
        json_bool(j, "left", !visit->inside);
        json_end_object(j);
    }
    json_end_array(j);
    if (track->crossing_count == 0)
        return;
    json_begin_array(j, "crosses");
    for (int i = 0; i < MIN(track->crossing_count, CROSSINGS_MAX); i++) {
        char text[OPT_NAME_BYTES + 8];
        const struct crossing *crossing = &track->crossings[i];
        snprintf(text, sizeof text, "%s:%s", crossing->name,
                 crossing->direction > 0 ? "in" : "out");
        json_text(j, NULL, text);
    }
    json_end_array(j);
}

static void put_usual(struct json *j, const struct usual *usual)
{
    json_begin_object(j, "usual");
    json_double(j, "probability", usual->probability, 6);
    json_double(j, "per_hour", usual->per_hour, 6);
    json_double(j, "weeks", usual->weeks, 2);
    if (usual->dwell_s >= 0) {
        json_double(j, "dwell_s", usual->dwell_s, 3);
        json_double(j, "dwell_probability", usual->dwell_probability, 6);
    }
    json_end_object(j);
}

static void put_track(struct json *j, const struct event *event, const struct track *track,
                      const struct usual *usual)
{
    struct sighting at;
    json_begin_object(j, NULL);
    json_text(j, "label", track->label);
    json_double(j, "confidence", track->confidence, 4);
    json_double(j, "first_s", seconds_between(event->start_us, track->first.pts_us), 3);
    json_double(j, "last_s", seconds_between(event->start_us, track->last.pts_us), 3);
    json_bool(j, "stationary", track->stationary);
    json_double(j, "growth", CLAMP(track_growth(track, &at), GROWTH_MIN, GROWTH_MAX), 4);
    put_visits(j, event, track);
    if (usual && usual->known)
        put_usual(j, usual);
    json_end_object(j);
}

void window_line_json(struct json *j, const struct window *window, const struct window_label *label,
                      const char *note)
{
    const struct event *event = window->event;
    const struct risk_context *context = &window->context;
    json_begin_object(j, NULL);
    json_text(j, "id", label->id);
    json_text(j, "camera", event->camera_name);
    put_zones(j, context);
    put_household(j, context->household);
    put_start(j, event->wall_start_us);
    put_times(j, "night", &context->night);
    put_times(j, "away", &context->away);
    json_begin_array(j, "tracks");
    for (int i = 0; i < event->track_count; i++)
        put_track(j, event, &event->tracks[i], context->usual ? &context->usual[i] : NULL);
    json_end_array(j);
    json_text(j, "expect_level", risk_level_names[label->expect_level]);
    json_bool(j, "incident", label->incident);
    if (note && note[0])
        json_text(j, "note", note);
    json_end_object(j);
}
