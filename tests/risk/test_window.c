/* Windows come back bit by bit, and nothing hostile gets in. */
#include "test.h"

#include "risk/stage.h"
#include "risk/window.h"

#include <math.h>

static const uint8_t sha256[32] = {0x01, 0xff, [31] = 0xa5};

struct all {
    struct stage stage;
    struct household household;
    struct usual usual[EVENT_TRACKS_MAX];
    struct offsets offsets;
    struct opt_map lines;
    struct line_conf line;
};

/* Numbers that a careless text would not bring back. */
static const float floats[] = {0.1f, 1.0f / 3, -0.0f, 1e-42f, 16777217, 0.7f + 1e-7f, 0.99999994f};

static struct event *fill(struct all *all)
{
    struct actor people[] = {
        {.label = "person",
         .seconds = 20,
         .growth = 3,
         .crosses = 1,
         AT({LAWN, 20, true}, {DOOR, 12})},
        {.label = "car", .seconds = 40, AT({DRIVE, 40, true})},
    };
    memset(all, 0, sizeof *all);
    stage_open(&all->stage, true, "2026-11-20T03:12:00.123+01:00");
    struct event *event = all->stage.event;
    for (int i = 0; i < (int)ARRAY_LEN(floats); i++) {
        struct track *track = stage_enter(&all->stage, &people[i % 2]);
        track->growth = floats[i];
        track->first.box.x0 = floats[i];
        track->stationary = i == 1;
    }
    event->tracks[1].crossing_count = 300;
    for (int i = 0; i < CROSSINGS_MAX; i++)
        event->tracks[1].crossings[i] = (struct crossing){
            "gate", i, i % 2 ? 1 : -1, {i, TIME_UNKNOWN, {0, 0, floats[1], 1}, 0.5f}};
    memset(&event->id, 0x7a, sizeof event->id);
    memset(&event->continues, 0x3c, sizeof event->continues);
    event->camera = 5;
    event->state = EVENT_CLOSED;
    event->close_reason = CLOSE_WINDOW;
    event->revision = 9;
    event->wall_end_us = event->wall_start_us + 1;
    event->verdict = (struct verdict){.score = 61,
                                      .scorer = "rules 2",
                                      .summary = "\"quoted\"\tand \xc3\xbc",
                                      .reason_count = 1,
                                      .reasons = {{.rule = "limit", .points = -7, .text = "x"}}};
    event->verdict.reasons[0].at = event->tracks[0].best;
    return event;
}

static struct risk_context *fill_context(struct all *all)
{
    all->line = (struct line_conf){.name = "gate", .direction = LINE_IN};
    all->lines = (struct opt_map){1, &all->line};
    all->household = (struct household){
        .count = 2,
        .items = {{"Anna", "person", TRUST_FULL, true, {1, {"front door"}}},
                  {"van", "truck", TRUST_GUEST, false, {0}}},
        .owner_count = 1,
        .owners = {{"driveway", "neighbours"}}};
    for (int i = 0; i < (int)ARRAY_LEN(floats); i++)
        all->usual[i] = (struct usual){true,    "front lawn",  167, 0.1 + i,
                                       1.0 / 3, 0.7 / (i + 1), -1,  0.1 * i};
    all->offsets = (struct offsets){2, {{"front door", "person", -8, 3}, {"", "dog", 20, 99}}};
    struct risk_context *context = &all->stage.context;
    context->lines = &all->lines;
    context->away = (struct opt_times){0, 1440};
    context->household = &all->household;
    context->usual = all->usual;
    context->offsets = &all->offsets;
    return context;
}

static char *text_of(const struct event *event, const struct risk_context *context)
{
    struct json out;
    json_init(&out);
    window_json(&out, event, context, "rules 2", sha256, "Europe/Berlin");
    char *text = json_take(&out);
    json_done(&out);
    return text;
}

static struct window *parsed(const char *text)
{
    struct window *window;
    struct err err = {0};
    if (!window_parse(text, strlen(text), &window, &err))
        fail_msg("%s", err.msg);
    return window;
}

static void check_same_event(const struct event *a, const struct event *b)
{
    CHECK(uuid_equal(&a->id, &b->id) && uuid_equal(&a->continues, &b->continues));
    CHECK_INT(a->state, b->state);
    CHECK_INT(a->close_reason, b->close_reason);
    CHECK_INT(a->wall_start_us, b->wall_start_us);
    CHECK_INT(a->end_us, b->end_us);
    CHECK_INT(a->track_count, b->track_count);
    for (int i = 0; i < a->track_count; i++) {
        CHECK(memcmp(&a->tracks[i].growth, &b->tracks[i].growth, sizeof(float)) == 0);
        CHECK(memcmp(&a->tracks[i].first.box, &b->tracks[i].first.box, sizeof(struct box)) == 0);
        CHECK_INT(a->tracks[i].last.wall_us, b->tracks[i].last.wall_us);
        CHECK_INT(a->tracks[i].crossing_count, b->tracks[i].crossing_count);
        CHECK_INT(a->tracks[i].stationary, b->tracks[i].stationary);
    }
    CHECK_INT(a->tracks[1].crossings[0].at.wall_us, TIME_UNKNOWN);
    CHECK_INT(b->tracks[1].crossings[0].at.wall_us, TIME_UNKNOWN);
    CHECK_INT(a->tracks[0].zones[DOOR].dwell_us, b->tracks[0].zones[DOOR].dwell_us);
    CHECK_INT(b->verdict.score, 61);
    CHECK_STR(b->verdict.summary, a->verdict.summary);
    CHECK_STR(b->verdict.reasons[0].rule, "limit");
}

static void a_window_comes_back(void **state)
{
    (void)state;
    AUTO(free_ptr) struct all *all = NEW(struct all);
    struct event *event = fill(all);
    AUTO(free_ptr) char *text = text_of(event, fill_context(all));
    AUTO(window_free) struct window *window = parsed(text);
    check_same_event(event, window->event);
    CHECK_STR(window->rules, "rules 2");
    CHECK(memcmp(window->rules_sha256, sha256, 32) == 0);
    CHECK_STR(window->timezone, "Europe/Berlin");
    CHECK_INT(window->score, 61);
    CHECK_INT(window->context.night.from_min, 22 * 60);
    CHECK_INT(window->context.away.to_min, 1440);
    CHECK_INT(window->context.zones->count, PLACES);
    CHECK_INT(((struct zone_conf *)window->zones.items)[POOL].kind, ZONE_RESTRICTED);
    CHECK_STR(window->context.household->items[0].zones.items[0], "front door");
    CHECK_INT(window->context.household->items[1].trust, TRUST_GUEST);
    CHECK_STR(window->context.household->owners[0].owner, "neighbours");
    CHECK(window->context.usual[0].weeks == 1.0 / 3);
    CHECK(window->context.usual[2].probability == all->usual[2].probability);
    CHECK_INT(window->context.offsets->items[1].points, 20);
    /* And all the rest, too. */
    AUTO(free_ptr) char *again = text_of(window->event, &window->context);
    CHECK_STR(again, text);
    stage_close(&all->stage);
}

static void what_is_not_known_stays_so(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, false, NULL);
    stage.context.zones = stage.context.lines = NULL;
    AUTO(free_ptr) char *text = text_of(stage.event, &stage.context);
    AUTO(window_free) struct window *window = parsed(text);
    CHECK_INT(window->event->track_count, 0);
    CHECK_INT(window->event->wall_start_us, TIME_UNKNOWN);
    CHECK_INT(window->score, SCORE_NONE);
    CHECK_INT(window->context.zones->count, 0);
    CHECK(!window->context.household && !window->context.usual && !window->context.offsets);
    stage_close(&stage);
}

/* A label may come from a damaged model: what is no text must not make the window unreadable. */
static void broken_letters_are_survived(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, true, NULL);
    struct actor actor = {.label = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"};
    stage_enter(&stage, &actor)->growth = NAN;
    AUTO(free_ptr) char *text = text_of(stage.event, &stage.context);
    AUTO(window_free) struct window *window = parsed(text);
    CHECK_INT(strlen(window->event->tracks[0].label), LABEL_BYTES - 1);
    CHECK(window->event->tracks[0].growth == 0);
    stage_close(&stage);
}

static char *replaced(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    if (!at)
        fail_msg("'%s' is not in the text", from);
    size_t head = (size_t)(at - text), bytes = strlen(text) + strlen(to) + 1;
    char *out = xcalloc(bytes, 1);
    snprintf(out, bytes, "%.*s%s%s", (int)head, text, to, at + strlen(from));
    return out;
}

static void mistakes_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *msg;
    } cases[] = {
        {"{\"version\":1", "[", "not JSON"},
        {"\"version\":1", "\"version\":2", "newer program"},
        {"\"version\":1", "\"version\":1,\"version\":1", "not JSON"},
        {"\"version\":1,", "", "version is missing"},
        {"\"night\":[1320,360]", "\"night\":[1320]", "night is missing"},
        {"\"night\":[1320,360]", "\"night\":[1320,1441]", "night is 1441"},
        {"\"night\":[1320,360]", "\"night\":[1320,360,1]", "night has 3 elements, at most 2"},
        {"\"kind\":\"entry\"", "\"kind\":\"entri\"", "zone 1: unknown kind 'entri'"},
        {"\"trust\":\"full\"", "\"trust\":true", "household: person 0: trust is not a text"},
        {"\"rules_sha256\":\"01ff", "\"rules_sha256\":\"01f", "rules_sha256 is not 64"},
        {"\"rules_sha256\":\"01ff", "\"rules_sha256\":\"01fF", "rules_sha256 is not 64"},
        {"\"label\":\"car\"", "\"label\":\"123456789012345678901234\"",
         "track 1: label is 24 bytes long, at most 23"},
        {"\"label\":\"car\"", "\"label\":7", "track 1: label is not a text"},
        {"\"crossing_count\":300", "\"crossing_count\":3",
         "track 1: 8 crossings are listed instead of 3"},
        {"\"zone\":2,", "\"zone\":16,", "track 1: zone is 16, not within 0 to 15"},
        {"\"zone\":1,", "\"zone\":0,", "track 0: zone 0 is visited twice"},
        {"\"dwell_us\":12000000", "\"dwell_us\":9223372036854775807", "dwell_us"},
        {"\"dwell_us\":12000000", "\"dwell_us\":99223372036854775807", "not JSON"},
        {"\"dwell_us\":12000000", "\"dwell_us\":-1", "dwell_us is -1"},
        {"\"growth\":0.100000001", "\"growth\":1e300", "track 0: growth is 1e+300"},
        {"\"stationary\":true", "\"stationary\":1", "track 1: stationary is not true or false"},
        {"\"id\":\"7a7a", "\"id\":\"xx", "event: id is not an id"},
        {"\"score\":61", "\"score\":161", "verdict: score is 161"},
        {"\"hour\":167", "\"hour\":168", "usual 0: hour is 168"},
        {"\"usual\":[{", "\"usual\":[{},{", "usual is of 8 tracks, and there are 7"},
        {"\"points\":-8", "\"points\":-21", "offset 0: points is -21"},
        {"\"event\":{", "\"event\":[],\"x\":{", "event is not an object"},
    };
    AUTO(free_ptr) struct all *all = NEW(struct all);
    struct event *event = fill(all);
    AUTO(free_ptr) char *text = text_of(event, fill_context(all));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(free_ptr) char *bad = replaced(text, cases[i].from, cases[i].to);
        struct err err = {0};
        struct window *window;
        if (window_parse(bad, strlen(bad), &window, &err))
            fail_msg("accepted: %s", cases[i].to);
        CHECK(window == NULL);
        CHECK_INT(err.code, ERR_INVALID);
        CHECK_CONTAINS(err.msg, cases[i].msg);
    }
    /* Cut anywhere, it is refused. */
    for (size_t n = 0; n < strlen(text); n += 13) {
        struct err err = {0};
        struct window *window;
        CHECK(!window_parse(text, n, &window, &err));
    }
    stage_close(&all->stage);
}

static void what_is_too_large_is_refused(void **state)
{
    (void)state;
    AUTO(free_ptr) char *text = xcalloc(WINDOW_BYTES_MAX + 2, 1);
    memset(text, ' ', WINDOW_BYTES_MAX + 1);
    struct err err = {0};
    struct window *window;
    CHECK(!window_parse(text, WINDOW_BYTES_MAX + 1, &window, &err));
    CHECK_CONTAINS(err.msg, "524289 bytes, more than 524288");
    memset(text, '[', WINDOW_BYTES_MAX);
    CHECK(!window_parse(text, WINDOW_BYTES_MAX, &window, &err));
    CHECK_CONTAINS(err.msg, "not JSON");
}

static void the_largest_fits(void **state)
{
    (void)state;
    AUTO(free_ptr) struct all *all = NEW(struct all);
    fill(all);
    struct event *event = all->stage.event;
    event->track_count = EVENT_TRACKS_MAX;
    struct track *first = &event->tracks[0];
    for (int z = 0; z < ZONES_MAX; z++) {
        first->zones[z] = (struct zone_visit){.seen = true, .entered = first->best};
        memset(first->zones[z].name, 'z', OPT_NAME_BYTES - 1);
    }
    first->crossing_count = CROSSINGS_MAX;
    for (int i = 0; i < CROSSINGS_MAX; i++)
        memset(first->crossings[i].name, '"', OPT_NAME_BYTES - 1);
    for (int i = 1; i < EVENT_TRACKS_MAX; i++)
        event->tracks[i] = *first;
    AUTO(free_ptr) char *text = text_of(event, fill_context(all));
    print_message("# 64 tracks in 16 zones, 8 crossings each: %zu bytes\n", strlen(text));
    CHECK(strlen(text) < WINDOW_BYTES_MAX);
    AUTO(window_free) struct window *window = parsed(text);
    CHECK_INT(window->event->track_count, EVENT_TRACKS_MAX);
    stage_close(&all->stage);
}

static int in_berlin(void **state)
{
    (void)state;
    stage_timezone();
    return 0;
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_comes_back),
        cmocka_unit_test(what_is_not_known_stays_so),
        cmocka_unit_test(broken_letters_are_survived),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(what_is_too_large_is_refused),
        cmocka_unit_test(the_largest_fits),
    };
    return cmocka_run_group_tests(tests, in_berlin, NULL);
}
