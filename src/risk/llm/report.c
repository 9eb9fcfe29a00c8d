#include "risk/llm/report.h"

#include "risk/llm/outside.h"
#include "risk/rules.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define OWNERS_MAX       16
#define TRACK_PLACES_MAX 4 /* zones told of one track; of the rest only how many */
#define GROWTH_TOLD      1.2

/* What changes least comes first: so far the server may remember the last prompt of a camera. What
 * is not so is left out, which halves a window of many tracks. */

/* Numbers may be anything, and are to be short. */
static void put_number(struct json *out, const char *key, double value, int decimals)
{
    json_double(out, key, isfinite(value) ? CLAMP(value, -1e6, 1e6) : value, decimals);
}

static void put_seconds(struct json *out, const char *key, int64_t us)
{
    put_number(out, key, (double)us / (double)US_PER_S, 1);
}

/* Seconds since the event began. */
static void put_since(struct json *out, const char *key, const struct event *event, int64_t pts_us)
{
    put_number(out, key, ((double)pts_us - (double)event->start_us) / (double)US_PER_S, 1);
}

static const char *owner_of(const struct household *household, const char *zone)
{
    for (int i = 0; household && i < CLAMP(household->owner_count, 0, OWNERS_MAX); i++)
        if (strcmp(household->owners[i].name, zone) == 0)
            return household->owners[i].owner;
    return NULL;
}

static void put_places(struct json *out, const struct risk_context *context)
{
    const struct opt_map *zones = context->zones, *lines = context->lines;
    json_begin_array(out, "zones");
    for (int i = 0; zones && i < MIN(zones->count, ZONES_MAX); i++) {
        const struct zone_conf *zone = (const struct zone_conf *)zones->items + i;
        const char *owner = owner_of(context->household, zone->name);
        json_begin_object(out, NULL);
        outside_json(out, "name", zone->name);
        json_text(out, "kind", zone_kind_names[zone->kind]);
        if (owner)
            outside_json(out, "owner", owner);
        json_end_object(out);
    }
    json_end_array(out);
    json_begin_array(out, "lines");
    for (int i = 0; lines && i < MIN(lines->count, LINES_MAX); i++)
        outside_json(out, NULL, ((const struct line_conf *)lines->items)[i].name);
    json_end_array(out);
}

static void put_household(struct json *out, const struct household *household)
{
    json_begin_array(out, "household");
    for (int i = 0; household && i < CLAMP(household->count, 0, HOUSEHOLD_EXPECTED_MAX); i++) {
        const struct expected_person *person = &household->items[i];
        json_begin_object(out, NULL);
        outside_json(out, "name", person->name);
        outside_json(out, "label", person->label);
        json_text(out, "trust", trust_names[person->trust]);
        if (person->zones.count > 0)
            json_begin_array(out, "only_in");
        for (int z = 0; z < person->zones.count; z++)
            outside_json(out, NULL, person->zones.items[z]);
        if (person->zones.count > 0)
            json_end_array(out);
        if (person->now)
            json_bool(out, "expected_now", true);
        json_end_object(out);
    }
    json_end_array(out);
}

static void put_time(struct json *out, const struct window *window)
{
    const struct event *event = window->event;
    int64_t wall_us = event->wall_start_us;
    time_t seconds = (time_t)(wall_us / US_PER_S - (wall_us % US_PER_S < 0));
    struct tm tm;
    char text[32], day[16];
    bool known = wall_us != TIME_UNKNOWN && localtime_r(&seconds, &tm) &&
                 strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm) > 0 &&
                 strftime(day, sizeof day, "%A", &tm) > 0;
    json_text(out, "day", known ? day : NULL);
    json_text(out, "local_time", known ? text : NULL);
    if (times_contain(&window->context.night, wall_us))
        json_bool(out, "night", true);
    if (times_contain(&window->context.away, wall_us))
        json_bool(out, "nobody_expected", true);
    put_since(out, "duration_s", event, event->end_us);
    if (!uuid_is_zero(&event->continues))
        json_bool(out, "continues_earlier_window", true);
}

static void put_usual(struct json *out, const struct usual *usual)
{
    if (!usual->known)
        return;
    json_begin_object(out, "usual");
    if (usual->zone[0])
        outside_json(out, "zone", usual->zone);
    put_number(out, "visits_per_hour", usual->per_hour, 2);
    put_number(out, "chance_of_as_many", usual->probability, 3);
    if (usual->dwell_s >= 0) {
        put_number(out, "stay_s", usual->dwell_s, 0);
        put_number(out, "chance_of_as_long", usual->dwell_probability, 3);
    }
    put_number(out, "weeks_known", usual->weeks, 1);
    json_end_object(out);
}

/* The zones that it stayed in longest, in the order of the camera's. */
static void put_visits(struct json *out, const struct track *track)
{
    int left_out = 0;
    json_begin_array(out, "zones");
    for (int z = 0; z < ZONES_MAX; z++) {
        const struct zone_visit *visit = &track->zones[z];
        if (!visit->seen)
            continue;
        int longer = 0;
        for (int k = 0; k < ZONES_MAX; k++) {
            int64_t dwell_us = track->zones[k].seen ? track->zones[k].dwell_us : INT64_MIN;
            longer += dwell_us > visit->dwell_us || (dwell_us == visit->dwell_us && k < z);
        }
        if (longer >= TRACK_PLACES_MAX) {
            left_out++;
            continue;
        }
        json_begin_object(out, NULL);
        outside_json(out, "name", visit->name);
        put_seconds(out, "stayed_s", visit->dwell_us);
        if (visit->inside)
            json_bool(out, "still_inside", true);
        json_end_object(out);
    }
    json_end_array(out);
    if (left_out > 0)
        json_int(out, "more_zones", left_out);
}

static void put_track(struct json *out, const struct window *window, int index)
{
    const struct event *event = window->event;
    const struct track *track = &event->tracks[index];
    char id[16];
    snprintf(id, sizeof id, "t%d", index + 1);
    json_begin_object(out, NULL);
    json_text(out, "id", id);
    outside_json(out, "label", track->label);
    put_number(out, "confidence", (double)track->confidence, 2);
    put_since(out, "first_s", event, track->first.pts_us);
    put_since(out, "last_s", event, track->last.pts_us);
    if (track->stationary)
        json_bool(out, "at_rest", true);
    double growth = track_growth(track, &(struct sighting){0});
    if (growth >= GROWTH_TOLD)
        put_number(out, "grew", growth, 1);
    put_visits(out, track);
    if (track->crossing_count > 0)
        json_int(out, "crossings", track->crossing_count);
    if (window->context.usual)
        put_usual(out, &window->context.usual[index]);
    json_end_object(out);
}

/* The rule's evidence, so that the model need not guess which it is. */
static const char *evidence_of(const struct evidence_list *evidence, const struct reason *reason)
{
    for (int i = 0; i < evidence->count; i++) {
        const struct evidence_item *item = &evidence->items[i];
        if (item->kind == EVIDENCE_RULE && strcmp(item->what.rule, reason->rule) == 0 &&
            uuid_equal(&item->what.track, &reason->track) &&
            item->what.at.pts_us == reason->at.pts_us)
            return item->id;
    }
    return NULL;
}

static void put_rules(struct json *out, const struct window *window,
                      const struct evidence_list *evidence)
{
    const struct verdict *verdict = &window->event->verdict;
    json_begin_object(out, "rules");
    if (verdict->score == SCORE_NONE)
        json_put_null(out, "score");
    else
        json_int(out, "score", verdict->score);
    json_begin_array(out, "reasons");
    for (int i = 0; i < verdict->reason_count; i++) {
        const struct reason *reason = &verdict->reasons[i];
        if (!reason_is_finding(reason))
            continue;
        json_begin_object(out, NULL);
        outside_json(out, "rule", reason->rule);
        json_int(out, "points", reason->points);
        outside_json(out, "says", reason->text);
        const char *id = evidence_of(evidence, reason);
        if (id)
            json_text(out, "evidence", id);
        json_end_object(out);
    }
    json_end_array(out);
    json_end_object(out);
}

void report_json(struct json *out, const struct window *window,
                 const struct evidence_list *evidence, const bool shown[EVENT_TRACKS_MAX])
{
    json_begin_object(out, NULL);
    outside_json(out, "camera", window->event->camera_name);
    put_places(out, &window->context);
    put_household(out, window->context.household);
    put_time(out, window);
    json_begin_array(out, "tracks");
    for (int i = 0; i < window->event->track_count; i++)
        if (shown[i])
            put_track(out, window, i);
    json_end_array(out);
    put_rules(out, window, evidence);
    json_begin_object(out, "evidence");
    for (int i = 0; i < evidence->count; i++)
        outside_json(out, evidence->items[i].id, evidence->items[i].says);
    json_end_object(out);
    json_end_object(out);
}
