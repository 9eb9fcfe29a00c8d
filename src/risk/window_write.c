#include "risk/window.h"

#include <math.h>
#include <stdio.h>

/* The shortest texts that always read back as the same number are not worth their trouble: these
 * many digits are enough for every one. */
#define FLOAT_DIGITS  9
#define DOUBLE_DIGITS 17

static void put_number(struct json *out, const char *key, double value, int digits)
{
    char text[40];
    /* There is no JSON for what is not finite, and nothing that a rule could make of it. */
    if (!isfinite(value))
        value = 0;
    snprintf(text, sizeof text, "%.*g", digits, value);
    json_raw(out, key, value == 0 && signbit(value) ? "-0.0" : text);
}

static void put_float(struct json *out, const char *key, float value)
{
    put_number(out, key, (double)value, FLOAT_DIGITS);
}

static void put_double(struct json *out, const char *key, double value)
{
    put_number(out, key, value, DOUBLE_DIGITS);
}

static void put_moment(struct json *out, const char *key, int64_t us)
{
    if (us == TIME_UNKNOWN)
        json_put_null(out, key);
    else
        json_int(out, key, us);
}

/* Sightings are what there is most of: [pts_us, wall_us, x0, y0, x1, y1, score]. */
static void put_sighting(struct json *out, const char *key, const struct sighting *at)
{
    json_begin_array(out, key);
    put_moment(out, NULL, at->pts_us);
    put_moment(out, NULL, at->wall_us);
    put_float(out, NULL, at->box.x0);
    put_float(out, NULL, at->box.y0);
    put_float(out, NULL, at->box.x1);
    put_float(out, NULL, at->box.y1);
    put_float(out, NULL, at->score);
    json_end_array(out);
}

static void put_track(struct json *out, const struct track *track)
{
    json_begin_object(out, NULL);
    json_uuid(out, "id", &track->id);
    json_text(out, "label", track->label);
    put_float(out, "confidence", track->confidence);
    put_float(out, "growth", track->growth);
    json_bool(out, "stationary", track->stationary);
    put_sighting(out, "first", &track->first);
    put_sighting(out, "last", &track->last);
    put_sighting(out, "best", &track->best);
    json_begin_array(out, "zones");
    for (int z = 0; z < ZONES_MAX; z++) {
        const struct zone_visit *visit = &track->zones[z];
        if (!visit->seen)
            continue;
        json_begin_object(out, NULL);
        json_int(out, "zone", z);
        json_text(out, "name", visit->name);
        json_bool(out, "inside", visit->inside);
        json_int(out, "dwell_us", visit->dwell_us);
        put_sighting(out, "entered", &visit->entered);
        json_end_object(out);
    }
    json_end_array(out);
    json_int(out, "crossing_count", track->crossing_count);
    json_begin_array(out, "crossings");
    for (int i = 0; i < MIN(track->crossing_count, CROSSINGS_MAX); i++) {
        const struct crossing *crossing = &track->crossings[i];
        json_begin_object(out, NULL);
        json_int(out, "line", crossing->line);
        json_text(out, "name", crossing->name);
        json_int(out, "direction", crossing->direction);
        put_sighting(out, "at", &crossing->at);
        json_end_object(out);
    }
    json_end_array(out);
    json_end_object(out);
}

static void put_event(struct json *out, const struct event *event)
{
    json_begin_object(out, "event");
    json_uuid(out, "id", &event->id);
    json_uuid(out, "continues", &event->continues);
    json_int(out, "camera", event->camera);
    json_text(out, "camera_name", event->camera_name);
    json_text(out, "state", event_state_names[event->state]);
    json_text(out, "close_reason", close_reason_names[event->close_reason]);
    json_int(out, "revision", event->revision);
    put_moment(out, "start_us", event->start_us);
    put_moment(out, "end_us", event->end_us);
    put_moment(out, "wall_start_us", event->wall_start_us);
    put_moment(out, "wall_end_us", event->wall_end_us);
    json_begin_array(out, "tracks");
    for (int i = 0; i < event->track_count; i++)
        put_track(out, &event->tracks[i]);
    json_end_array(out);
    json_end_object(out);
}

static void put_verdict(struct json *out, const struct verdict *verdict)
{
    json_begin_object(out, "verdict");
    if (verdict->score == SCORE_NONE)
        json_put_null(out, "score");
    else
        json_int(out, "score", verdict->score);
    json_text(out, "scorer", verdict->scorer);
    json_text(out, "summary", verdict->summary);
    json_begin_array(out, "reasons");
    for (int i = 0; i < verdict->reason_count; i++) {
        const struct reason *reason = &verdict->reasons[i];
        json_begin_object(out, NULL);
        json_text(out, "rule", reason->rule);
        json_int(out, "points", reason->points);
        json_text(out, "text", reason->text);
        json_uuid(out, "track", &reason->track);
        put_sighting(out, "at", &reason->at);
        json_end_object(out);
    }
    json_end_array(out);
    json_end_object(out);
}

static void put_places(struct json *out, const struct risk_context *context)
{
    json_begin_array(out, "zones");
    for (int i = 0; context->zones && i < context->zones->count; i++) {
        const struct zone_conf *zone = (const struct zone_conf *)context->zones->items + i;
        json_begin_object(out, NULL);
        json_text(out, "name", zone->name);
        json_text(out, "kind", zone_kind_names[zone->kind]);
        json_end_object(out);
    }
    json_end_array(out);
    json_begin_array(out, "lines");
    for (int i = 0; context->lines && i < context->lines->count; i++) {
        const struct line_conf *line = (const struct line_conf *)context->lines->items + i;
        json_begin_object(out, NULL);
        json_text(out, "name", line->name);
        json_text(out, "direction", line_direction_names[line->direction]);
        json_end_object(out);
    }
    json_end_array(out);
}

static void put_times(struct json *out, const char *key, const struct opt_times *times)
{
    json_begin_array(out, key);
    json_int(out, NULL, times->from_min);
    json_int(out, NULL, times->to_min);
    json_end_array(out);
}

static void put_household(struct json *out, const struct household *household)
{
    if (!household) {
        json_put_null(out, "household");
        return;
    }
    json_begin_object(out, "household");
    json_begin_array(out, "people");
    for (int i = 0; i < household->count; i++) {
        const struct expected_person *person = &household->items[i];
        json_begin_object(out, NULL);
        json_text(out, "name", person->name);
        json_text(out, "label", person->label);
        json_text(out, "trust", trust_names[person->trust]);
        json_bool(out, "now", person->now);
        json_begin_array(out, "zones");
        for (int z = 0; z < person->zones.count; z++)
            json_text(out, NULL, person->zones.items[z]);
        json_end_array(out);
        json_end_object(out);
    }
    json_end_array(out);
    json_begin_array(out, "owners");
    for (int i = 0; i < household->owner_count; i++) {
        json_begin_object(out, NULL);
        json_text(out, "zone", household->owners[i].name);
        json_text(out, "owner", household->owners[i].owner);
        json_end_object(out);
    }
    json_end_array(out);
    json_end_object(out);
}

static void put_usual(struct json *out, const struct usual *usual, int count)
{
    if (!usual) {
        json_put_null(out, "usual");
        return;
    }
    json_begin_array(out, "usual");
    for (int i = 0; i < count; i++) {
        json_begin_object(out, NULL);
        json_bool(out, "known", usual[i].known);
        json_text(out, "zone", usual[i].zone);
        json_int(out, "hour", usual[i].hour);
        put_double(out, "per_hour", usual[i].per_hour);
        put_double(out, "weeks", usual[i].weeks);
        put_double(out, "probability", usual[i].probability);
        put_double(out, "dwell_s", usual[i].dwell_s);
        put_double(out, "dwell_probability", usual[i].dwell_probability);
        json_end_object(out);
    }
    json_end_array(out);
}

static void put_offsets(struct json *out, const struct offsets *offsets)
{
    if (!offsets) {
        json_put_null(out, "offsets");
        return;
    }
    json_begin_array(out, "offsets");
    for (int i = 0; i < offsets->count; i++) {
        json_begin_object(out, NULL);
        json_text(out, "zone", offsets->items[i].zone);
        json_text(out, "label", offsets->items[i].label);
        json_int(out, "points", offsets->items[i].points);
        json_int(out, "count", offsets->items[i].count);
        json_end_object(out);
    }
    json_end_array(out);
}

static void put_sha256(struct json *out, const char *key, const uint8_t sha256[32])
{
    char text[65];
    for (int i = 0; i < 32; i++)
        snprintf(text + (size_t)i * 2, 3, "%02x", sha256[i]);
    json_text(out, key, text);
}

void window_json(struct json *out, const struct event *event, const struct risk_context *context,
                 const char *rules, const uint8_t rules_sha256[32], const char *timezone)
{
    json_begin_object(out, NULL);
    json_int(out, "version", WINDOW_VERSION);
    json_text(out, "rules", rules);
    put_sha256(out, "rules_sha256", rules_sha256);
    json_text(out, "timezone", timezone);
    put_times(out, "night", &context->night);
    put_times(out, "away", &context->away);
    put_places(out, context);
    put_household(out, context->household);
    put_usual(out, context->usual, event->track_count);
    put_offsets(out, context->offsets);
    put_event(out, event);
    put_verdict(out, &event->verdict);
    json_end_object(out);
}
