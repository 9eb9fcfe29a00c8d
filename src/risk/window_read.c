#include "risk/fields.h"
#include "risk/window_own.h"

#include <stdlib.h>
#include <string.h>

/* Far beyond any time that occurs, and sums of two still fit. */
#define MOMENT_MAX INT64_C(1152921504606846976)
#define NUMBER_MAX 1e12

static int64_t read_moment_of(struct fields *f, const json_t *value, const char *name)
{
    if (json_is_null(value))
        return TIME_UNKNOWN;
    return fields_int_of(f, value, name, -MOMENT_MAX, MOMENT_MAX);
}

static int64_t read_moment(struct fields *f, const json_t *object, const char *name)
{
    return read_moment_of(f, json_object_get(object, name), name);
}

static float read_float(struct fields *f, const json_t *object, const char *name)
{
    return (float)fields_number(f, object, name, -NUMBER_MAX, NUMBER_MAX);
}

static double read_double(struct fields *f, const json_t *object, const char *name)
{
    return fields_number(f, object, name, -NUMBER_MAX, NUMBER_MAX);
}

static struct sighting read_sighting(struct fields *f, const json_t *object, const char *name)
{
    const json_t *list = fields_array(f, object, name, 7);
    float numbers[5] = {0};
    if (list && json_array_size(list) != 7)
        fields_fail(f, "%s has %zu elements instead of 7", name, json_array_size(list));
    for (size_t i = 0; i < ARRAY_LEN(numbers) && !f->failed; i++)
        numbers[i] = (float)fields_number_of(f, json_array_get(list, i + 2), name, -NUMBER_MAX,
                                             NUMBER_MAX);
    return (struct sighting){.pts_us = read_moment_of(f, json_array_get(list, 0), name),
                             .wall_us = read_moment_of(f, json_array_get(list, 1), name),
                             .box = {numbers[0], numbers[1], numbers[2], numbers[3]},
                             .score = numbers[4]};
}

static void read_visit(struct fields *f, const json_t *value, struct track *track)
{
    int zone = (int)fields_int(f, value, "zone", 0, ZONES_MAX - 1);
    struct zone_visit *visit = &track->zones[zone];
    if (visit->seen)
        fields_fail(f, "zone %d is visited twice", zone);
    visit->seen = true;
    fields_text(f, value, "name", visit->name, sizeof visit->name);
    visit->inside = fields_bool(f, value, "inside");
    visit->dwell_us = fields_int(f, value, "dwell_us", 0, MOMENT_MAX);
    visit->entered = read_sighting(f, value, "entered");
}

static void read_crossing(struct fields *f, const json_t *value, struct crossing *crossing)
{
    crossing->line = (int)fields_int(f, value, "line", 0, LINES_MAX - 1);
    fields_text(f, value, "name", crossing->name, sizeof crossing->name);
    crossing->direction = (int)fields_int(f, value, "direction", -1, 1);
    crossing->at = read_sighting(f, value, "at");
}

static void read_track(struct fields *f, const json_t *value, struct track *track)
{
    fields_uuid(f, value, "id", &track->id);
    fields_text(f, value, "label", track->label, sizeof track->label);
    track->confidence = read_float(f, value, "confidence");
    track->growth = read_float(f, value, "growth");
    track->stationary = fields_bool(f, value, "stationary");
    track->first = read_sighting(f, value, "first");
    track->last = read_sighting(f, value, "last");
    track->best = read_sighting(f, value, "best");
    const json_t *zones = fields_array(f, value, "zones", ZONES_MAX);
    for (size_t i = 0; i < json_array_size(zones) && !f->failed; i++)
        read_visit(f, json_array_get(zones, i), track);
    track->crossing_count = (int)fields_int(f, value, "crossing_count", 0, 1000000);
    const json_t *crossings = fields_array(f, value, "crossings", CROSSINGS_MAX);
    size_t kept = (size_t)MIN(track->crossing_count, CROSSINGS_MAX);
    if (crossings && json_array_size(crossings) != kept)
        fields_fail(f, "%zu crossings are listed instead of %zu", json_array_size(crossings), kept);
    for (size_t i = 0; i < kept && !f->failed; i++)
        read_crossing(f, json_array_get(crossings, i), &track->crossings[i]);
}

static void read_event(struct fields *f, const json_t *root, struct event *event)
{
    const json_t *value = fields_object(f, root, "event");
    fields_at(f, "event");
    fields_uuid(f, value, "id", &event->id);
    fields_uuid(f, value, "continues", &event->continues);
    event->camera = (int)fields_int(f, value, "camera", 0, 1000000);
    fields_text(f, value, "camera_name", event->camera_name, sizeof event->camera_name);
    event->state = (enum event_state)fields_choice(f, value, "state", event_state_names);
    event->close_reason = (enum close_reason)fields_choice(f, value, "close_reason",
                                                           close_reason_names);
    event->revision = (int)fields_int(f, value, "revision", 0, 1000000000);
    event->start_us = read_moment(f, value, "start_us");
    event->end_us = read_moment(f, value, "end_us");
    event->wall_start_us = read_moment(f, value, "wall_start_us");
    event->wall_end_us = read_moment(f, value, "wall_end_us");
    const json_t *tracks = fields_array(f, value, "tracks", EVENT_TRACKS_MAX);
    for (size_t i = 0; i < json_array_size(tracks) && !f->failed; i++) {
        fields_at(f, "event: track %zu", i);
        read_track(f, json_array_get(tracks, i), &event->tracks[event->track_count++]);
    }
}

static void read_verdict(struct fields *f, const json_t *root, struct verdict *verdict)
{
    const json_t *value = fields_object(f, root, "verdict");
    fields_at(f, "verdict");
    verdict->score = SCORE_NONE;
    if (!json_is_null(json_object_get(value, "score")))
        verdict->score = (int)fields_int(f, value, "score", 0, 100);
    fields_text(f, value, "scorer", verdict->scorer, sizeof verdict->scorer);
    fields_text(f, value, "summary", verdict->summary, sizeof verdict->summary);
    const json_t *reasons = fields_array(f, value, "reasons", REASONS_MAX);
    for (size_t i = 0; i < json_array_size(reasons) && !f->failed; i++) {
        struct reason *reason = &verdict->reasons[verdict->reason_count++];
        const json_t *item = json_array_get(reasons, i);
        fields_at(f, "verdict: reason %zu", i);
        fields_text(f, item, "rule", reason->rule, sizeof reason->rule);
        reason->points = (int)fields_int(f, item, "points", -100000, 100000);
        fields_text(f, item, "text", reason->text, sizeof reason->text);
        fields_uuid(f, item, "track", &reason->track);
        reason->at = read_sighting(f, item, "at");
    }
}

static void read_zones(struct fields *f, const json_t *root, struct window *window)
{
    const json_t *zones = fields_array(f, root, "zones", ZONES_MAX);
    for (size_t i = 0; i < json_array_size(zones) && !f->failed; i++) {
        const json_t *item = json_array_get(zones, i);
        struct zone_conf *zone = window_add_zone(window);
        fields_at(f, "zone %zu", i);
        fields_text(f, item, "name", zone->name, sizeof zone->name);
        zone->kind = fields_choice(f, item, "kind", zone_kind_names);
    }
    fields_at(f, "%s", "");
    const json_t *lines = fields_array(f, root, "lines", LINES_MAX);
    for (size_t i = 0; i < json_array_size(lines) && !f->failed; i++) {
        const json_t *item = json_array_get(lines, i);
        struct line_conf *line = window_add_line(window);
        fields_at(f, "line %zu", i);
        fields_text(f, item, "name", line->name, sizeof line->name);
        line->direction = fields_choice(f, item, "direction", line_direction_names);
    }
}

static struct opt_times read_times(struct fields *f, const json_t *root, const char *name)
{
    const json_t *list = fields_array(f, root, name, 2);
    return (struct opt_times){(int)fields_int_of(f, json_array_get(list, 0), name, 0, 1440),
                              (int)fields_int_of(f, json_array_get(list, 1), name, 0, 1440)};
}

static void read_household(struct fields *f, const json_t *root, struct household *household)
{
    const json_t *value = fields_object(f, root, "household");
    const json_t *people = fields_array(f, value, "people", HOUSEHOLD_EXPECTED_MAX);
    for (size_t i = 0; i < json_array_size(people) && !f->failed; i++) {
        struct expected_person *person = &household->items[household->count++];
        const json_t *item = json_array_get(people, i);
        fields_at(f, "household: person %zu", i);
        fields_text(f, item, "name", person->name, sizeof person->name);
        fields_text(f, item, "label", person->label, sizeof person->label);
        person->trust = fields_choice(f, item, "trust", trust_names);
        person->now = fields_bool(f, item, "now");
        const json_t *zones = fields_array(f, item, "zones", OPT_LIST_MAX);
        for (size_t z = 0; z < json_array_size(zones) && !f->failed; z++)
            fields_text_of(f, json_array_get(zones, z), "zone",
                           person->zones.items[person->zones.count++], OPT_LIST_TEXT);
    }
    const json_t *owners = fields_array(f, value, "owners", ARRAY_LEN(household->owners));
    for (size_t i = 0; i < json_array_size(owners) && !f->failed; i++) {
        struct owner_conf *owner = &household->owners[household->owner_count++];
        const json_t *item = json_array_get(owners, i);
        fields_at(f, "household: owner %zu", i);
        fields_text(f, item, "zone", owner->name, sizeof owner->name);
        fields_text(f, item, "owner", owner->owner, sizeof owner->owner);
    }
}

static void read_usual(struct fields *f, const json_t *root, struct usual *usual, size_t count)
{
    const json_t *list = fields_array(f, root, "usual", EVENT_TRACKS_MAX);
    if (list && json_array_size(list) != count)
        fields_fail(f, "usual is of %zu tracks, and there are %zu", json_array_size(list), count);
    for (size_t i = 0; i < count && !f->failed; i++) {
        const json_t *item = json_array_get(list, i);
        fields_at(f, "usual %zu", i);
        usual[i].known = fields_bool(f, item, "known");
        fields_text(f, item, "zone", usual[i].zone, sizeof usual[i].zone);
        usual[i].hour = (int)fields_int(f, item, "hour", 0, BASELINE_HOURS - 1);
        usual[i].per_hour = read_double(f, item, "per_hour");
        usual[i].weeks = read_double(f, item, "weeks");
        usual[i].probability = fields_number(f, item, "probability", 0, 1);
        usual[i].dwell_s = read_double(f, item, "dwell_s");
        usual[i].dwell_probability = fields_number(f, item, "dwell_probability", 0, 1);
    }
}

static void read_offsets(struct fields *f, const json_t *root, struct offsets *offsets)
{
    const json_t *list = fields_array(f, root, "offsets", OFFSETS_MAX);
    for (size_t i = 0; i < json_array_size(list) && !f->failed; i++) {
        struct offset *offset = &offsets->items[offsets->count++];
        const json_t *item = json_array_get(list, i);
        fields_at(f, "offset %zu", i);
        fields_text(f, item, "zone", offset->zone, sizeof offset->zone);
        fields_text(f, item, "label", offset->label, sizeof offset->label);
        offset->points = (int)fields_int(f, item, "points", -OFFSET_POINTS_MAX, OFFSET_POINTS_MAX);
        offset->count = (int)fields_int(f, item, "count", 0, 1000000000);
    }
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void read_sha256(struct fields *f, const json_t *root, uint8_t ret[32])
{
    char text[65];
    fields_text(f, root, "rules_sha256", text, sizeof text);
    if (!f->failed && strspn(text, "0123456789abcdef") != 64) {
        fields_fail(f, "rules_sha256 is not 64 hexadecimal digits");
        return;
    }
    for (int i = 0; i < 32 && !f->failed; i++)
        ret[i] = (uint8_t)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
}

static void read_context(struct fields *f, const json_t *root, struct window *window)
{
    struct risk_context *context = &window->context;
    read_zones(f, root, window);
    fields_at(f, "%s", "");
    context->night = read_times(f, root, "night");
    context->away = read_times(f, root, "away");
    if (fields_has(root, "household"))
        read_household(f, root, window_own_household(window));
    fields_at(f, "%s", "");
    if (fields_has(root, "usual"))
        read_usual(f, root, window_own_usual(window), (size_t)window->event->track_count);
    fields_at(f, "%s", "");
    if (fields_has(root, "offsets"))
        read_offsets(f, root, window_own_offsets(window));
}

bool window_parse(const char *json, size_t bytes, struct window **ret, struct err *err)
{
    struct fields f = {.err = err};
    *ret = NULL;
    fields_at(&f, "window");
    AUTO(fields_drop) json_t *root = fields_load(&f, json, bytes, WINDOW_BYTES_MAX);
    if (!root)
        return false;
    int64_t version = fields_int(&f, root, "version", 1, INT64_MAX);
    if (version > WINDOW_VERSION) {
        fields_fail(&f, "written by a newer program (version %lld, this one knows %d)",
                    (long long)version, WINDOW_VERSION);
        return false;
    }
    AUTO(window_free) struct window *window = window_new();
    fields_text(&f, root, "rules", window->rules, sizeof window->rules);
    read_sha256(&f, root, window->rules_sha256);
    fields_text(&f, root, "timezone", window->timezone, sizeof window->timezone);
    read_event(&f, root, window->event);
    fields_at(&f, "%s", "");
    read_verdict(&f, root, &window->event->verdict);
    window->score = window->event->verdict.score;
    fields_at(&f, "%s", "");
    read_context(&f, root, window);
    if (f.failed)
        return false;
    *ret = TAKE(window);
    return true;
}
