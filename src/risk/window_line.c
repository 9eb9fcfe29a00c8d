#include "risk/fields.h"
#include "risk/window_own.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LINE_BYTES_MAX WINDOW_BYTES_MAX
#define SECONDS_MAX    3600.0

/* Made up where the line does not say: whoever has come to a door has come nearer. */
#define APPROACH_GROWTH 3.0
#define BOX_HEIGHT      0.18
#define CONFIDENCE      0.8

static int64_t seconds_us(double seconds)
{
    return (int64_t)llround(seconds * (double)US_PER_S);
}

/* "front door:entry" -> "front door", "entry". Without a colon the second is empty. */
static void split_word(struct fields *f, const char *text, const char *what, char *name,
                       size_t name_bytes, char *word, size_t word_bytes)
{
    const char *colon = strrchr(text, ':');
    size_t bytes = colon ? (size_t)(colon - text) : strlen(text);
    name[0] = word[0] = '\0';
    if (bytes == 0 || bytes >= name_bytes) {
        fields_fail(f, "%s '%.60s' has a name of %zu bytes, not of 1 to %zu", what, text, bytes,
                    name_bytes - 1);
        return;
    }
    memcpy(name, text, bytes);
    name[bytes] = '\0';
    if (colon && !str_copy(word, word_bytes, colon + 1))
        fields_fail(f, "unknown word '%.60s' behind the colon of %s '%.40s'", colon + 1, what,
                    name);
}

/* -- places -- */

static void add_owner(struct fields *f, struct window *window, const char *zone, const char *owner)
{
    struct household *household = window_own_household(window);
    if (household->owner_count == (int)ARRAY_LEN(household->owners)) {
        fields_fail(f, "more than %zu zones have an owner", ARRAY_LEN(household->owners));
        return;
    }
    struct owner_conf *row = &household->owners[household->owner_count++];
    STR_COPY(row->name, zone);
    if (!STR_COPY(row->owner, owner))
        fields_fail(f, "the owner '%.60s' has a name of more than %zu bytes", owner,
                    sizeof row->owner - 1);
}

static void read_zone_object(struct fields *f, const json_t *value, struct window *window,
                             struct zone_conf *zone)
{
    static const char *const names[] = {"name", "kind", "owner", NULL};
    if (!fields_known(f, value, names))
        return;
    fields_text(f, value, "name", zone->name, sizeof zone->name);
    zone->kind = fields_choice(f, value, "kind", zone_kind_names);
    if (!fields_has(value, "owner"))
        return;
    char owner[OPT_NAME_BYTES];
    fields_text(f, value, "owner", owner, sizeof owner);
    add_owner(f, window, zone->name, owner);
}

/* A text names its kind behind a colon, or is a kind itself: guessing "front door" to be a way in
 * would be silently wrong for the next word. */
static void read_zone_text(struct fields *f, const char *text, struct zone_conf *zone)
{
    char kind[OPT_NAME_BYTES];
    split_word(f, text, "zone", zone->name, sizeof zone->name, kind, sizeof kind);
    if (f->failed)
        return;
    if (kind[0]) {
        zone->kind = fields_word(f, kind, "kind of zone", zone_kind_names);
        return;
    }
    for (int k = 0; zone_kind_names[k]; k++) {
        if (strcmp(zone_kind_names[k], zone->name) == 0) {
            zone->kind = k;
            return;
        }
    }
    fields_fail(f, "zone '%s' does not say of what kind it is", zone->name);
    err_hint(f->err,
             "write \"%s:yard\"; kinds are entry, driveway, yard, sidewalk, restricted, "
             "other",
             zone->name);
}

static int find_zone(const struct window *window, const char *name)
{
    const struct zone_conf *zones = window->zones.items;
    for (int i = 0; i < window->zones.count; i++)
        if (strcmp(zones[i].name, name) == 0)
            return i;
    return -1;
}

static void read_line_zones(struct fields *f, const json_t *root, struct window *window)
{
    if (!fields_has(root, "zones"))
        return;
    const json_t *list = fields_array(f, root, "zones", ZONES_MAX);
    for (size_t i = 0; i < json_array_size(list) && !f->failed; i++) {
        const json_t *value = json_array_get(list, i);
        struct zone_conf zone = {0};
        fields_at(f, "zone %zu", i + 1);
        if (json_is_string(value))
            read_zone_text(f, json_string_value(value), &zone);
        else
            read_zone_object(f, value, window, &zone);
        if (!f->failed && find_zone(window, zone.name) >= 0)
            fields_fail(f, "'%s' is listed twice", zone.name);
        *window_add_zone(window) = zone;
    }
}

static int known_zone(struct fields *f, const struct window *window, const char *name)
{
    const char *names[ZONES_MAX + 1] = {NULL};
    const struct zone_conf *zones = window->zones.items;
    for (int i = 0; i < window->zones.count; i++)
        names[i] = zones[i].name;
    return fields_word(f, name, "zone", names);
}

static int known_line(struct fields *f, struct window *window, const char *name)
{
    const struct line_conf *lines = window->lines.items;
    for (int i = 0; i < window->lines.count; i++)
        if (strcmp(lines[i].name, name) == 0)
            return i;
    if (window->lines.count == LINES_MAX) {
        fields_fail(f, "more than %d lines", LINES_MAX);
        return 0;
    }
    STR_COPY(window_add_line(window)->name, name);
    return window->lines.count - 1;
}

/* -- the household -- */

static void read_person(struct fields *f, const json_t *value, struct expected_person *person)
{
    static const char *const names[] = {"name", "label", "trust", "now", "zones", NULL};
    STR_COPY(person->label, "person");
    person->now = true;
    if (json_is_string(value)) {
        char label[sizeof person->label];
        split_word(f, json_string_value(value), "household", person->name, sizeof person->name,
                   label, sizeof label);
        if (label[0])
            STR_COPY(person->label, label);
        return;
    }
    if (!fields_known(f, value, names))
        return;
    fields_text(f, value, "name", person->name, sizeof person->name);
    if (fields_has(value, "label"))
        fields_text(f, value, "label", person->label, sizeof person->label);
    if (fields_has(value, "trust"))
        person->trust = fields_choice(f, value, "trust", trust_names);
    if (fields_has(value, "now"))
        person->now = fields_bool(f, value, "now");
    if (!fields_has(value, "zones"))
        return;
    const json_t *zones = fields_array(f, value, "zones", OPT_LIST_MAX);
    for (size_t i = 0; i < json_array_size(zones) && !f->failed; i++)
        fields_text_of(f, json_array_get(zones, i), "zone",
                       person->zones.items[person->zones.count++], OPT_LIST_TEXT);
}

static void read_line_household(struct fields *f, const json_t *root, struct window *window)
{
    if (!fields_has(root, "household"))
        return;
    const json_t *list = fields_array(f, root, "household", HOUSEHOLD_EXPECTED_MAX);
    for (size_t i = 0; i < json_array_size(list) && !f->failed; i++) {
        struct household *household = window_own_household(window);
        fields_at(f, "household %zu", i + 1);
        read_person(f, json_array_get(list, i), &household->items[household->count++]);
    }
}

/* -- when -- */

static void read_line_times(struct fields *f, const json_t *root, const char *name,
                            struct opt_times *ret)
{
    static const struct opt row = {.name = "times", .type = OPT_TYPE_TIMES};
    if (!fields_has(root, name))
        return;
    char text[32];
    struct err why = {0};
    fields_text(f, root, name, text, sizeof text);
    if (!f->failed && !opt_parse(&row, ret, text, &why))
        fields_fail(f, "%s: %s", name, why.msg);
}

/* "...+01:00" -> "<+0100>-01:00", as the C library spells a fixed offset (its sign means west). */
static void offset_timezone(const char *start, char *out, size_t bytes)
{
    size_t n = strlen(start);
    const char *offset = n > 6 ? start + n - 6 : "Z";
    if ((*offset != '+' && *offset != '-') || offset[3] != ':')
        str_copy(out, bytes, "UTC0");
    else
        snprintf(out, bytes, "<%.3s%.2s>%c%s", offset, offset + 4, *offset == '+' ? '-' : '+',
                 offset + 1);
}

/* The hour of the week on the clock that start was read from. */
static int hour_of_week(const char *start)
{
    char local[48];
    int64_t wall_us = 0;
    STR_COPY(local, start);
    size_t n = strlen(local);
    if (n > 6 && local[n - 3] == ':' && (local[n - 6] == '+' || local[n - 6] == '-'))
        memcpy(local + n - 6, "Z", 2);
    if (!time_parse(local, &wall_us))
        return 0;
    int64_t hour = wall_us / (3600 * US_PER_S) + 72; /* 1970 began on a Thursday */
    return (int)((hour % BASELINE_HOURS + BASELINE_HOURS) % BASELINE_HOURS);
}

static void read_start(struct fields *f, const json_t *root, struct window *window)
{
    char text[48];
    const json_t *value = json_object_get(root, "start");
    if (json_is_null(value))
        return; /* nobody knows when it was */
    fields_text(f, root, "start", text, sizeof text);
    int64_t wall_us = 0;
    if (!f->failed && !time_parse(text, &wall_us)) {
        fields_fail(f, "start '%s' is not a time such as 2026-11-20T03:12:00+01:00", text);
        return;
    }
    window->event->wall_start_us = wall_us;
    if (fields_has(root, "timezone"))
        fields_text(f, root, "timezone", window->timezone, sizeof window->timezone);
    else
        offset_timezone(text, window->timezone, sizeof window->timezone);
}

/* -- tracks -- */

/* What the boxes of a track are drawn from. */
struct sketch {
    const struct event *event;
    double first_s, last_s, growth;
    int index; /* of the track */
    int hour;  /* of the week */
};

static struct sighting sketch_sighting(const struct sketch *sketch, double at_s, float confidence)
{
    /* Grows until the middle of its time and stays so near; stands a little aside of the others. */
    double span_s = MAX(sketch->last_s - sketch->first_s, 0.001);
    double near = CLAMP((at_s - sketch->first_s) / span_s * 2, 0.0, 1.0);
    double height = BOX_HEIGHT * (1 + near * (sqrt(sketch->growth) - 1));
    double foot = MIN(0.55 + height, 0.98), x = 0.15 + 0.08 * (sketch->index % 8);
    int64_t wall_us = sketch->event->wall_start_us;
    return (struct sighting){
        .pts_us = seconds_us(at_s),
        .wall_us = wall_us == TIME_UNKNOWN ? TIME_UNKNOWN : wall_us + seconds_us(at_s),
        .box = {(float)x, (float)(foot - height), (float)(x + height / 2), (float)foot},
        .score = confidence,
    };
}

/* One zone of a track: a name, or an object with its own times. */
static void read_line_visit(struct fields *f, const json_t *value, const struct window *window,
                            const struct sketch *sketch, double dwell_s, struct track *track)
{
    static const char *const names[] = {"name", "dwell_s", "entered_s", "left", NULL};
    char name[OPT_NAME_BYTES] = "";
    double entered_s = sketch->first_s;
    bool is_object = json_is_object(value);
    if (!is_object) {
        fields_text_of(f, value, "zone", name, sizeof name);
    } else if (fields_known(f, value, names)) {
        fields_text(f, value, "name", name, sizeof name);
        if (fields_has(value, "dwell_s"))
            dwell_s = fields_number(f, value, "dwell_s", 0, SECONDS_MAX);
        if (fields_has(value, "entered_s"))
            entered_s = fields_number(f, value, "entered_s", sketch->first_s, sketch->last_s);
    }
    bool left = entered_s + dwell_s < sketch->last_s - 0.5;
    if (is_object && fields_has(value, "left"))
        left = fields_bool(f, value, "left");
    /* Who is still there has come late enough to have stayed just so long. */
    if (!left && !(is_object && fields_has(value, "entered_s")))
        entered_s = MAX(sketch->last_s - dwell_s, sketch->first_s);
    int zone = f->failed ? 0 : known_zone(f, window, name);
    if (f->failed)
        return;
    struct zone_visit *visit = &track->zones[zone];
    if (visit->seen) {
        fields_fail(f, "zone '%s' is listed twice", name);
        return;
    }
    *visit = (struct zone_visit){.seen = true,
                                 .inside = !left,
                                 .dwell_us = seconds_us(dwell_s),
                                 .entered = sketch_sighting(sketch, entered_s, track->confidence)};
    STR_COPY(visit->name, name);
}

static void read_line_crossing(struct fields *f, const json_t *value, struct window *window,
                               const struct sketch *sketch, struct track *track)
{
    static const char *const ways[] = {"in", "out", NULL};
    char way[8];
    struct crossing crossing = {0};
    const char *text = json_string_value(value);
    if (!text) {
        fields_fail(f, "crosses is not a list of texts such as \"gate:in\"");
        return;
    }
    split_word(f, text, "line", crossing.name, sizeof crossing.name, way, sizeof way);
    crossing.direction = fields_word(f, way, "way over a line", ways) == 0 ? 1 : -1;
    if (f->failed)
        return;
    crossing.line = known_line(f, window, crossing.name);
    double middle_s = (sketch->first_s + sketch->last_s) / 2;
    crossing.at = sketch_sighting(sketch, middle_s, track->confidence);
    track_remember_crossing(track, &crossing);
}

static void read_line_usual(struct fields *f, const json_t *value, const struct sketch *sketch,
                            struct usual *usual)
{
    static const char *const names[] = {"probability", "per_hour",          "weeks",
                                        "dwell_s",     "dwell_probability", NULL};
    *usual = (struct usual){.known = true, .weeks = 12, .dwell_s = -1, .dwell_probability = 1};
    if (!fields_known(f, value, names))
        return;
    usual->probability = fields_number(f, value, "probability", 0, 1);
    /* The rate that makes it so likely that any come at all in an hour. */
    usual->per_hour = MIN(-log1p(-usual->probability), 60.0);
    if (fields_has(value, "per_hour"))
        usual->per_hour = fields_number(f, value, "per_hour", 0, 10000);
    if (fields_has(value, "weeks"))
        usual->weeks = fields_number(f, value, "weeks", 0, 10000);
    if (fields_has(value, "dwell_s"))
        usual->dwell_s = fields_number(f, value, "dwell_s", 0, SECONDS_MAX);
    if (fields_has(value, "dwell_probability"))
        usual->dwell_probability = fields_number(f, value, "dwell_probability", 0, 1);
    usual->known = sketch->event->wall_start_us != TIME_UNKNOWN;
    usual->hour = sketch->hour;
}

static bool visits_entry(const struct window *window, const struct track *track)
{
    const struct zone_conf *zones = window->zones.items;
    for (int z = 0; z < window->zones.count; z++)
        if (track->zones[z].seen && zones[z].kind == ZONE_ENTRY)
            return true;
    return false;
}

static void read_places_of_track(struct fields *f, const json_t *value, struct window *window,
                                 const struct sketch *sketch, struct track *track)
{
    double dwell_s = sketch->last_s - sketch->first_s;
    if (fields_has(value, "dwell_s"))
        dwell_s = fields_number(f, value, "dwell_s", 0, SECONDS_MAX);
    const json_t *zones = NULL;
    if (fields_has(value, "zones"))
        zones = fields_array(f, value, "zones", ZONES_MAX);
    for (size_t i = 0; i < json_array_size(zones) && !f->failed; i++)
        read_line_visit(f, json_array_get(zones, i), window, sketch, dwell_s, track);
    const json_t *crosses = NULL;
    if (fields_has(value, "crosses"))
        crosses = fields_array(f, value, "crosses", CROSSINGS_MAX);
    for (size_t i = 0; i < json_array_size(crosses) && !f->failed; i++)
        read_line_crossing(f, json_array_get(crosses, i), window, sketch, track);
}

static void read_line_track(struct fields *f, const json_t *value, int hour, struct window *window)
{
    static const char *const names[] = {"label",      "first_s", "last_s",     "zones",
                                        "dwell_s",    "crosses", "stationary", "growth",
                                        "confidence", "usual",   NULL};
    struct event *event = window->event;
    struct track *track = &event->tracks[event->track_count++];
    struct sketch sketch = {
        .event = event, .growth = 1, .index = event->track_count - 1, .hour = hour};
    if (!fields_known(f, value, names))
        return;
    fields_text(f, value, "label", track->label, sizeof track->label);
    if (!f->failed && !track->label[0])
        fields_fail(f, "label is empty");
    sketch.first_s = fields_number(f, value, "first_s", 0, SECONDS_MAX);
    sketch.last_s = fields_number(f, value, "last_s", sketch.first_s, SECONDS_MAX);
    track->confidence = (float)CONFIDENCE;
    if (fields_has(value, "confidence"))
        track->confidence = (float)fields_number(f, value, "confidence", 0, 1);
    if (fields_has(value, "stationary"))
        track->stationary = fields_bool(f, value, "stationary");
    read_places_of_track(f, value, window, &sketch, track);
    if (fields_has(value, "growth"))
        sketch.growth = fields_number(f, value, "growth", 0.01, 100);
    else if (!track->stationary && visits_entry(window, track))
        sketch.growth = APPROACH_GROWTH;
    track->growth = (float)sketch.growth;
    track->first = sketch_sighting(&sketch, sketch.first_s, track->confidence);
    track->last = sketch_sighting(&sketch, sketch.last_s, track->confidence);
    track->best = track->last;
    if (fields_has(value, "usual"))
        read_line_usual(f, json_object_get(value, "usual"), &sketch,
                        &window_own_usual(window)[event->track_count - 1]);
    event->end_us = MAX(event->end_us, track->last.pts_us);
}

static void read_line_tracks(struct fields *f, const json_t *root, struct window *window)
{
    const json_t *list = fields_array(f, root, "tracks", EVENT_TRACKS_MAX);
    if (list && json_array_size(list) == 0)
        fields_fail(f, "tracks is empty: a window begins with something that moves");
    const char *start = json_string_value(json_object_get(root, "start"));
    int hour = start ? hour_of_week(start) : 0;
    for (size_t i = 0; i < json_array_size(list) && !f->failed; i++) {
        fields_at(f, "track %zu", i + 1);
        read_line_track(f, json_array_get(list, i), hour, window);
    }
    fields_at(f, "%s", "");
}

/* -- all of it -- */

/* Ids that the same line always gets: FNV-1a of its name, marked as one's own (version 8). */
static struct uuid line_id(const char *id, unsigned number)
{
    struct uuid uuid;
    uint64_t hash = UINT64_C(14695981039346656037);
    for (const char *p = id; *p; p++)
        hash = (hash ^ (unsigned char)*p) * UINT64_C(1099511628211);
    for (int i = 0; i < 8; i++)
        uuid.bytes[i] = (uint8_t)(hash >> (56 - 8 * i));
    for (int i = 8; i < 16; i++)
        uuid.bytes[i] = 0;
    uuid.bytes[6] = (uint8_t)((uuid.bytes[6] & 0x0f) | 0x80);
    uuid.bytes[8] = 0x80;
    uuid.bytes[15] = (uint8_t)number;
    return uuid;
}

static void close_event(struct event *event, const char *id)
{
    event->id = line_id(id, 0xff);
    for (int i = 0; i < event->track_count; i++)
        event->tracks[i].id = line_id(id, (unsigned)i + 1);
    event->state = EVENT_CLOSED;
    event->close_reason = CLOSE_QUIET;
    if (event->wall_start_us != TIME_UNKNOWN)
        event->wall_end_us = event->wall_start_us + event->end_us;
}

static void read_label(struct fields *f, const json_t *root, struct window_label *label)
{
    *label = (struct window_label){.expect_level = RISK_UNKNOWN};
    fields_text(f, root, "id", label->id, sizeof label->id);
    if (!f->failed && !label->id[0])
        fields_fail(f, "id is empty");
    label->expect_level = fields_choice(f, root, "expect_level", risk_level_names + RISK_LOW) +
                          RISK_LOW;
    label->incident = fields_bool(f, root, "incident");
}

bool window_parse_line(const char *json, size_t bytes, struct window **ret,
                       struct window_label *ret_label, struct err *err)
{
    static const char *const names[] = {"id",     "camera",       "zones",    "household", "start",
                                        "tracks", "expect_level", "incident", "scene",     "note",
                                        "night",  "away",         "timezone", NULL};
    struct fields f = {.err = err};
    *ret = NULL;
    AUTO(fields_drop) json_t *root = fields_load(&f, json, bytes, LINE_BYTES_MAX);
    if (!root || !fields_known(&f, root, names))
        return false;
    AUTO(window_free) struct window *window = window_new();
    read_label(&f, root, ret_label);
    fields_text(&f, root, "camera", window->event->camera_name, sizeof window->event->camera_name);
    window->context.night = (struct opt_times){22 * 60, 6 * 60};
    read_line_times(&f, root, "night", &window->context.night);
    read_line_times(&f, root, "away", &window->context.away);
    read_start(&f, root, window);
    read_line_zones(&f, root, window);
    fields_at(&f, "%s", "");
    read_line_household(&f, root, window);
    fields_at(&f, "%s", "");
    read_line_tracks(&f, root, window);
    if (f.failed)
        return false;
    close_event(window->event, ret_label->id);
    *ret = TAKE(window);
    return true;
}
