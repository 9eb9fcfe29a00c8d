/* Windows written out in short, as the evaluation sets have them. */
#include "test.h"

#include "risk/stage.h"
#include "risk/window.h"

#include <math.h>

static struct window *parsed(const char *text, struct window_label *label)
{
    struct window *window;
    struct err err = {0};
    if (!window_parse_line(text, strlen(text), &window, label, &err))
        fail_msg("%s: %s", text, err.msg);
    return window;
}

static const char parcel[] =
    "{\"id\": \"parcel-04\", \"camera\": \"porch\", \"zones\": [\"front lawn:yard\","
    " {\"name\": \"front door\", \"kind\": \"entry\"},"
    " {\"name\": \"drive\", \"kind\": \"driveway\", \"owner\": \"neighbours\"}, \"sidewalk\"],"
    " \"household\": [\"Anna\", \"van:truck\", {\"name\": \"Ben\", \"trust\": \"guest\","
    " \"now\": false, \"zones\": [\"front door\"]}], \"start\": \"2026-11-27T22:22:38.500+01:00\","
    " \"night\": \"23:00-05:00\", \"away\": \"never\", \"tracks\": [{\"label\": \"person\","
    " \"first_s\": 2, \"last_s\": 22, \"dwell_s\": 12, \"stationary\": false, \"zones\":"
    " [{\"name\": \"front door\", \"dwell_s\": 3, \"left\": true}, \"front lawn\"],"
    " \"crosses\": [\"gate:in\", \"gate:out\"], \"usual\": {\"probability\": 0.02}},"
    " {\"label\": \"car\", \"first_s\": 0, \"last_s\": 30.25, \"zones\": [\"drive\"],"
    " \"stationary\": true, \"growth\": 4, \"confidence\": 0.5}],"
    " \"expect_level\": \"high\", \"incident\": true, \"note\": \"x\"}";

static void a_line_says_it_all(void **state)
{
    (void)state;
    struct window_label label;
    AUTO(window_free) struct window *window = parsed(parcel, &label);
    CHECK_STR(label.id, "parcel-04");
    CHECK_INT(label.expect_level, RISK_HIGH);
    CHECK(label.incident);
    const struct event *event = window->event;
    CHECK_STR(event->camera_name, "porch");
    CHECK_INT(event->state, EVENT_CLOSED);
    CHECK_INT(event->wall_start_us, stage_wall_us("2026-11-27T21:22:38.500Z"));
    CHECK_INT(event->wall_end_us - event->wall_start_us, 30250000);
    CHECK_STR(window->timezone, "<+0100>-01:00");
    CHECK_INT(window->context.night.from_min, 23 * 60);
    const struct zone_conf *zones = window->context.zones->items;
    CHECK_INT(window->context.zones->count, 4);
    CHECK_STR(zones[0].name, "front lawn");
    CHECK_INT(zones[0].kind, ZONE_YARD);
    CHECK_INT(zones[3].kind, ZONE_SIDEWALK);
    const struct household *household = window->context.household;
    CHECK_INT(household->count, 3);
    CHECK_STR(household->items[1].name, "van");
    CHECK_STR(household->items[1].label, "truck");
    CHECK(household->items[0].now && !household->items[2].now);
    CHECK_INT(household->items[2].trust, TRUST_GUEST);
    CHECK_STR(household->owners[0].name, "drive");
    CHECK_STR(household->owners[0].owner, "neighbours");
}

static void tracks_are_made_up(void **state)
{
    (void)state;
    struct window_label label;
    AUTO(window_free) struct window *window = parsed(parcel, &label);
    const struct track *person = &window->event->tracks[0], *car = &window->event->tracks[1];
    CHECK_INT(person->zones[1].dwell_us, 3 * US_PER_S);
    CHECK(!person->zones[1].inside);
    CHECK_INT(person->zones[0].dwell_us, 12 * US_PER_S);
    CHECK(!person->zones[0].inside); /* 2 + 12 s is before 22 s */
    CHECK_INT(person->crossing_count, 2);
    CHECK_INT(person->crossings[0].direction, 1);
    CHECK_INT(person->crossings[1].direction, -1);
    CHECK_INT(window->context.lines->count, 1);
    CHECK_NEAR(person->growth, 3, 0); /* it was at a way in */
    CHECK_NEAR(box_area(person->last.box) / box_area(person->first.box), 3, 0.01);
    CHECK_INT(car->zones[2].dwell_us, 30250000);
    CHECK(car->zones[2].inside && car->stationary);
    CHECK_NEAR(car->confidence, 0.5, 0);
    CHECK_NEAR(car->growth, 4, 0);
    CHECK(!uuid_equal(&person->id, &car->id));
    const struct usual *usual = window->context.usual;
    CHECK(usual[0].known && !usual[1].known);
    CHECK_INT(usual[0].hour, 4 * 24 + 22); /* a Friday, on the clock of the line */
    CHECK_NEAR(usual[0].per_hour, 0.0202, 0.0001);
    for (int i = 0; i < 2; i++) {
        struct box box = window->event->tracks[i].last.box;
        CHECK(box.x0 >= 0 && box.y0 >= 0 && box.x1 <= 1 && box.y1 <= 1 && box_area(box) > 0);
    }
    /* The same line makes the same window. */
    AUTO(window_free) struct window *again = parsed(parcel, &label);
    CHECK(uuid_equal(&window->event->id, &again->event->id));
    CHECK(memcmp(&again->event->tracks[0].best.box, &person->best.box, sizeof(struct box)) == 0);
}

#define TAIL "\"expect_level\": \"low\", \"incident\": false}"
#define TRACK(fields)                                                                              \
    "{\"id\": \"a\", \"camera\": \"c\", \"zones\": [\"door:entry\"], \"start\": null, "            \
    "\"tracks\": [{\"label\": \"person\", \"first_s\": 0, \"last_s\": 9" fields "}], " TAIL

static void little_is_enough(void **state)
{
    (void)state;
    struct window_label label;
    AUTO(window_free) struct window *window = parsed(TRACK(""), &label);
    CHECK_INT(window->event->wall_start_us, TIME_UNKNOWN);
    CHECK_INT(window->event->tracks[0].last.wall_us, TIME_UNKNOWN);
    CHECK_INT(window->context.night.from_min, 22 * 60);
    CHECK_INT(window->context.away.from_min, window->context.away.to_min);
    CHECK(!window->context.household && !window->context.usual && !window->context.offsets);
    CHECK_INT(label.expect_level, RISK_LOW);
}

static void stays_follow_from_each_other(void **state)
{
    (void)state;
    static const struct {
        const char *zones;
        bool inside;
        double entered_s, dwell_s;
    } cases[] = {
        {", \"zones\": [\"door\"]", true, 0, 9},
        {", \"dwell_s\": 4, \"zones\": [\"door\"]", false, 0, 4},
        {", \"zones\": [{\"name\": \"door\", \"dwell_s\": 4}]", false, 0, 4},
        {", \"zones\": [{\"name\": \"door\", \"dwell_s\": 4, \"left\": false}]", true, 5, 4},
        {", \"zones\": [{\"name\": \"door\", \"dwell_s\": 4, \"entered_s\": 5}]", true, 5, 4},
        {", \"zones\": [{\"name\": \"door\", \"dwell_s\": 4, \"entered_s\": 2}]", false, 2, 4},
        {", \"zones\": [{\"name\": \"door\", \"dwell_s\": 99, \"left\": false}]", true, 0, 99},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char line[1024];
        snprintf(line, sizeof line, TRACK("%s"), cases[i].zones);
        struct window_label label;
        AUTO(window_free) struct window *window = parsed(line, &label);
        const struct zone_visit *visit = &window->event->tracks[0].zones[0];
        CHECK(visit->seen);
        CHECK_INT(visit->inside, cases[i].inside);
        CHECK_INT(visit->entered.pts_us, (int64_t)(cases[i].entered_s * 1e6));
        CHECK_INT(visit->dwell_us, (int64_t)(cases[i].dwell_s * 1e6));
    }
}

static void offsets_become_zones_of_the_library(void **state)
{
    (void)state;
    static const struct {
        const char *start, *timezone;
        int hour, night;
    } cases[] = {
        {"2026-07-01T12:00:00Z", "UTC0", 12, 0},
        {"2026-07-01T23:30:00-09:30", "<-0930>+09:30", 23, 1},
        {"2026-07-01T00:10:00+05:45", "<+0545>-05:45", 0, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char line[1024];
        snprintf(line, sizeof line,
                 "{\"id\": \"a\", \"camera\": \"c\", \"start\": \"%s\", \"tracks\": [{\"label\": "
                 "\"dog\", \"first_s\": 0, \"last_s\": 1, \"usual\": {\"probability\": 1}}], " TAIL,
                 cases[i].start);
        struct window_label label;
        AUTO(window_free) struct window *window = parsed(line, &label);
        CHECK_STR(window->timezone, cases[i].timezone);
        CHECK_INT(window->context.usual[0].hour, 2 * 24 + cases[i].hour);
        CHECK(isfinite(window->context.usual[0].per_hour));
        setenv("TZ", window->timezone, 1);
        tzset();
        time_t seconds = (time_t)(window->event->wall_start_us / US_PER_S);
        struct tm tm;
        CHECK_INT(localtime_r(&seconds, &tm)->tm_hour, cases[i].hour);
    }
}

static void mistakes_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *line, *msg, *hint;
    } cases[] = {
        {"", "not JSON", ""},
        {"[]", "not a JSON object", ""},
        {"{\"id\": \"a\", \"camra\": \"c\"}", "unknown field 'camra'", "camera"},
        {"{" TAIL, "id is missing", ""},
        {"{\"id\": \"a\", \"expect_level\": \"hihg\"}", "unknown expect_level 'hihg'", "high"},
        {"{\"id\": \"a\", \"expect_level\": \"unknown\"}", "unknown expect_level", "low, medium"},
        {"{\"id\": \"a\", \"expect_level\": \"low\", \"incident\": 1}", "incident is not true", ""},
        {"{\"id\": \"a\", \"camera\": \"c\", \"start\": \"2026-11-27\", " TAIL,
         "start '2026-11-27'", ""},
        {"{\"id\": \"a\", \"camera\": \"c\", \"start\": null, \"tracks\": [], " TAIL,
         "tracks is empty", ""},
        {"{\"id\": \"a\", \"camera\": \"c\", \"start\": null, \"night\": \"22-6\", " TAIL,
         "night:", ""},
        {"{\"id\": \"a\", \"camera\": \"c\", \"start\": null, \"zones\": [\"front door\"], " TAIL,
         "zone 1: zone 'front door' does not say of what kind", "front door:yard"},
        {"{\"id\": \"a\", \"camera\": \"c\", \"start\": null, \"zones\": [\"door:entri\"], " TAIL,
         "unknown kind of zone 'entri'", "entry"},
        {"{\"id\": \"a\", \"camera\": \"c\", \"start\": null, \"zones\": [\"yard\", "
         "\"yard\"], " TAIL,
         "zone 2: 'yard' is listed twice", ""},
        {"{\"id\": \"a\", \"camera\": \"c\", \"start\": null, \"zones\": [{\"name\": \"x\", "
         "\"kind\": \"yard\", \"onwer\": \"y\"}], " TAIL,
         "unknown field 'onwer'", "owner"},
        {"{\"id\": \"a\", \"camera\": \"c\", \"start\": null, \"household\": [{\"nam\": "
         "\"x\"}], " TAIL,
         "household 1: unknown field 'nam'", "name"},
        {TRACK(", \"zones\": [\"dor\"]"), "track 1: unknown zone 'dor'", "door"},
        {TRACK(", \"zones\": [\"door\", \"door\"]"), "track 1: zone 'door' is listed twice", ""},
        {TRACK(", \"crosses\": [\"gate\"]"), "unknown way over a line ''", "in, out"},
        {TRACK(", \"crosses\": [\"gate:into\"]"), "unknown way over a line 'into'", "in"},
        {TRACK(", \"crosses\": [{}]"), "crosses is not a list of texts", ""},
        {TRACK(", \"dwel_s\": 3"), "unknown field 'dwel_s'", "dwell_s"},
        {TRACK(", \"dwell_s\": -3"), "dwell_s is -3, not within 0 to 3600", ""},
        {TRACK(", \"growth\": 0"), "growth is 0", ""},
        {TRACK(", \"usual\": {}"), "probability is missing", ""},
        {"{\"id\": \"a\", \"camera\": \"c\", \"start\": null, \"tracks\": [{\"label\": \"dog\", "
         "\"first_s\": 5, \"last_s\": 4}], " TAIL,
         "track 1: last_s is 4, not within 5 to", ""},
        {"{\"id\": \"a\", \"camera\": \"c\", \"start\": null, \"tracks\": [{\"label\": \"\", "
         "\"first_s\": 1, \"last_s\": 4}], " TAIL,
         "label is empty", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        struct window_label label;
        struct window *window;
        if (window_parse_line(cases[i].line, strlen(cases[i].line), &window, &label, &err))
            fail_msg("accepted: %s", cases[i].line);
        CHECK(window == NULL);
        CHECK_INT(err.code, ERR_INVALID);
        CHECK_CONTAINS(err.msg, cases[i].msg);
        CHECK_CONTAINS(err.hint, cases[i].hint);
    }
}

/* The set that comes with the program is readable, and its windows survive being stored. */
static void the_own_set_is_good(void **state)
{
    (void)state;
    char path[512], text[64 * 1024];
    snprintf(path, sizeof path, "%s/../share/evaluate/home.jsonl", getenv("HSI_TESTS"));
    FILE *file = fopen(path, "r");
    if (!file)
        fail_msg("%s cannot be read", path);
    int count = 0;
    while (fgets(text, sizeof text, file)) {
        struct window_label label;
        AUTO(window_free) struct window *window = parsed(text, &label);
        struct json json;
        json_init(&json);
        const uint8_t sha256[32] = {0};
        window_json(&json, window->event, &window->context, "", sha256, window->timezone);
        struct window *stored;
        struct err err = {0};
        if (!window_parse(json.text, json.bytes, &stored, &err))
            fail_msg("%s: %s", label.id, err.msg);
        window_free(&stored);
        json_done(&json);
        count++;
    }
    fclose(file);
    CHECK(count >= 200);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_says_it_all),
        cmocka_unit_test(tracks_are_made_up),
        cmocka_unit_test(little_is_enough),
        cmocka_unit_test(stays_follow_from_each_other),
        cmocka_unit_test(offsets_become_zones_of_the_library),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(the_own_set_is_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
