/* The front of the room: context, windows, questions, shadow, baselines. */
#include "test.h"

#include "base/conf/conf.h"
#include "risk/risk.h"
#include "risk/stage.h"
#include "risk/window.h"

#include <unistd.h>

#define NIGHT "2026-11-20T03:12:00+01:00"
#define DAY   "2026-11-20T14:00:00+01:00"

/* What stands in for the store and for the model. */
struct double_store {
    struct offsets offsets;
    bool has_offsets, model;
    int loads, sinks, cells, last_count;
    double hours; /* watched, as last told */
    char camera[OPT_NAME_BYTES];
};

static bool offsets_of(void *ctx, const char *camera, struct offsets *ret)
{
    struct double_store *d = ctx;
    STR_COPY(d->camera, camera);
    if (d->has_offsets)
        *ret = d->offsets;
    return d->has_offsets;
}

static bool load(void *ctx, const char *camera, struct baseline *baseline)
{
    struct double_store *d = ctx;
    (void)camera;
    (void)baseline;
    d->loads++;
    return false;
}

static void sink(void *ctx, const char *camera, const struct baseline_watch *watch,
                 const struct baseline_cell *cells, int count)
{
    struct double_store *d = ctx;
    (void)cells;
    STR_COPY(d->camera, camera);
    d->sinks++;
    d->cells += count;
    d->last_count = count;
    d->hours = 0;
    for (int h = 0; h < BASELINE_HOURS; h++)
        d->hours += watch->hours[h];
}

static bool model_known(void *ctx)
{
    return ((struct double_store *)ctx)->model;
}

struct house {
    struct risk_conf conf;
    struct double_store store;
    struct risk *risk;
};

static void house_open(struct house *house, const char *options)
{
    struct conf_errors errors;
    struct err err = {0};
    memset(&house->store, 0, sizeof house->store);
    if (!conf_parse("risk.yaml", options, strlen(options), &risk_section, &house->conf, NULL,
                    &errors))
        fail_msg("%s", errors.items[0].msg);
    const struct risk_params params = {.conf = &house->conf,
                                       .offsets_of = offsets_of,
                                       .baseline_load = load,
                                       .baseline_sink = sink,
                                       .ctx = &house->store,
                                       .model_known = model_known,
                                       .model_ctx = &house->store};
    if (!risk_open(&params, &house->risk, &err))
        fail_msg("%s", err.msg);
}

static void house_close(struct house *house)
{
    risk_close(&house->risk);
    CHECK(house->risk == NULL);
    opt_free(&risk_section, &house->conf);
}

static void judge(struct house *house, struct stage *stage)
{
    risk_judge(house->risk, stage->event, &stage->zones, &stage->lines);
}

static const struct actor visitor = {.label = "person", .seconds = 20, AT({DOOR, 12, true})};

static void visit(struct stage *stage, const char *time, bool closed)
{
    stage_open(stage, true, time);
    stage_enter(stage, &visitor);
    stage->event->id.bytes[0] = 1;
    if (stage->event->wall_start_us != TIME_UNKNOWN)
        stage->event->wall_end_us = stage->event->wall_start_us + 20 * US_PER_S;
    stage->event->state = closed ? EVENT_CLOSED : EVENT_OPEN;
}

static struct window *window_of(const struct event *event)
{
    struct blob *text;
    struct window *window;
    struct err err = {0};
    CHECK(event->window);
    if (!blob_expand(event->window->data, event->window->bytes, WINDOW_BYTES_MAX, &text, &err) ||
        !window_parse((const char *)text->data, text->bytes, &window, &err))
        fail_msg("%s", err.msg);
    blob_unref(&text);
    return window;
}

/* Everything that the room adds is in the window: rules that are given it say the same. */
static void closed_events_leave_a_window(void **state)
{
    (void)state;
    static struct house house;
    house_open(&house, "night: 02:00-04:00\naway: 08:00-16:00\nhousehold: {members: {Anna: {}}, "
                       "zones: {pool: Ben}}\n");
    house.store.has_offsets = true;
    house.store.offsets = (struct offsets){1, {{"front door", "person", -6, 2}}};
    struct stage stage;
    visit(&stage, NIGHT, false);
    judge(&house, &stage);
    CHECK(!stage.event->window);
    CHECK_STR(house.store.camera, "porch");
    stage.event->state = EVENT_CLOSED;
    judge(&house, &stage);
    AUTO(window_free) struct window *window = window_of(stage.event);
    CHECK_STR(window->rules, stage.event->verdict.scorer);
    CHECK_STR(window->timezone, "Europe/Berlin");
    CHECK_INT(window->score, stage.event->verdict.score);
    CHECK_INT(window->context.night.from_min, 120);
    CHECK_INT(window->context.away.to_min, 16 * 60);
    CHECK_STR(window->context.household->items[0].name, "Anna");
    CHECK_STR(window->context.household->owners[0].owner, "Ben");
    CHECK_INT(window->context.offsets->items[0].points, -6);
    CHECK(window->context.usual && !window->context.usual[0].known);
    const uint8_t none[32] = {0};
    CHECK(memcmp(window->rules_sha256, none, 32) != 0);
    /* Under another configuration the same comes out. */
    struct risk_conf plain;
    opt_defaults(&risk_section, &plain);
    struct scorer *scorer;
    struct err err = {0};
    struct verdict verdict;
    CHECK(scorer_open(&scorer_rules, &plain, &scorer, &err));
    CHECK(scorer_score(scorer, window->event, &window->context, &verdict, &err));
    CHECK(memcmp(&verdict, &stage.event->verdict, sizeof verdict) == 0);
    scorer_close(&scorer);
    stage_close(&stage);
    house_close(&house);
}

/* -- whether a model is asked -- */

struct question {
    const char *options, *time;
    bool model, closed;
    enum ask ask;
};

static void a_model_is_asked(void **state)
{
    (void)state;
    static const struct question cases[] = {
        {"away: never\n", NIGHT, true, true, ASK_QUEUED},
        {"away: never\n", NIGHT, false, true, ASK_NO},
        {"llm: {url: 'off'}\n", NIGHT, true, true, ASK_NO},
        {"llm: {url: 'OFF'}\n", NIGHT, true, true, ASK_NO},
        {"llm: {min_score: 100}\n", DAY, true, true, ASK_NO},
        {"llm: {min_score: 100, urgent_labels: [person]}\n", DAY, true, true, ASK_QUEUED},
        {"llm: {urgent_level: critical}\n", NIGHT, true, false, ASK_NO},
        {"llm: {urgent_level: medium}\n", NIGHT, true, false, ASK_NOW},
        {"llm: {urgent_level: medium}\n", NIGHT, false, false, ASK_NO},
        {"llm: {urgent_level: critical, urgent_labels: [dog]}\n", DAY, true, false, ASK_NO},
        {"llm: {urgent_level: critical, urgent_labels: [dog, person]}\n", DAY, true, false,
         ASK_NOW},
        {"llm: {urgent_level: critical, urgent_zones: [front door]}\n", DAY, true, false, ASK_NOW},
        {"llm: {urgent_level: critical, urgent_zones: [pool]}\n", DAY, true, false, ASK_NO},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        static struct house house;
        struct stage stage;
        house_open(&house, cases[i].options);
        house.store.model = cases[i].model;
        visit(&stage, cases[i].time, cases[i].closed);
        judge(&house, &stage);
        if (stage.event->ask != (int)cases[i].ask)
            fail_msg("case %zu: %d at %d points", i, stage.event->ask, stage.event->verdict.score);
        CHECK_INT(stage.event->window != NULL, cases[i].closed || cases[i].ask != ASK_NO);
        stage_close(&stage);
        house_close(&house);
    }
}

static void urgent_is_asked_once_an_event(void **state)
{
    (void)state;
    static struct house house;
    house_open(&house, "llm: {urgent_level: medium}\n");
    house.store.model = true;
    struct stage stage;
    visit(&stage, NIGHT, false);
    judge(&house, &stage);
    CHECK_INT(stage.event->ask, ASK_NOW);
    for (int i = 0; i < 3; i++) {
        judge(&house, &stage);
        CHECK_INT(stage.event->ask, ASK_NO);
    }
    stage.event->state = EVENT_CLOSED;
    judge(&house, &stage);
    CHECK_INT(stage.event->ask, ASK_QUEUED);
    stage_close(&stage);
    visit(&stage, NIGHT, false);
    stage.event->id.bytes[0] = 2;
    judge(&house, &stage);
    CHECK_INT(stage.event->ask, ASK_NOW);
    stage_close(&stage);
    house_close(&house);
}

/* -- shadow -- */

static void write_rules(char path[32], const char *text)
{
    snprintf(path, 32, "hsi-shadow-XXXXXX");
    int fd = mkstemp(path);
    CHECK(fd >= 0);
    CHECK_INT(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void a_shadow_counts_and_changes_nothing(void **state)
{
    (void)state;
    char path[32], options[64];
    write_rules(path, "version: 9\nrules:\n"
                      "  dogs: {points: 90, says: x, when: {kind: [animal]}}\n");
    snprintf(options, sizeof options, "shadow: %s\n", path);
    static struct house house;
    house_open(&house, options);
    unlink(path);
    const struct actor dog = {.label = "dog", .seconds = 5};
    struct stage stage;
    for (int i = 0; i < 5; i++) {
        stage_open(&stage, true, NIGHT);
        const struct actor burglar = {.label = "person", .seconds = 60, AT({POOL, 50, true})};
        stage_enter(&stage, i < 2 ? &dog : &burglar);
        stage.event->state = i == 4 ? EVENT_OPEN : EVENT_CLOSED;
        judge(&house, &stage);
        CHECK(strncmp(stage.event->verdict.scorer, "rules 9", 7) != 0);
        stage_close(&stage);
    }
    struct risk_shadow_stats stats = risk_shadow_stats(house.risk);
    CHECK_INT(stats.events, 4);
    CHECK_INT(stats.raised, 2);
    CHECK_INT(stats.lowered, 2);
    CHECK_INT(stats.alarms_added, 2);
    CHECK_INT(stats.alarms_removed, 2);
    house_close(&house);
}

static void a_bad_shadow_is_refused(void **state)
{
    (void)state;
    struct risk_conf conf;
    opt_defaults(&risk_section, &conf);
    STR_COPY(conf.shadow, "no-such-rules.yaml");
    struct risk *risk;
    struct err err = {0};
    CHECK(!risk_open(&(struct risk_params){.conf = &conf}, &risk, &err));
    CHECK(risk == NULL);
    CHECK_CONTAINS(err.msg, "shadow: ");
    CHECK_CONTAINS(err.msg, "no-such-rules.yaml");
}

/* -- baselines -- */

static void what_is_learned_is_kept(void **state)
{
    (void)state;
    static struct house house;
    house_open(&house, "away: never\n");
    struct stage stage;
    int64_t start_us = stage_wall_us(DAY);
    for (int minute = 0; minute < 20; minute++)
        risk_watched(house.risk, "porch", start_us + minute * 60 * US_PER_S,
                     start_us + (minute + 1) * 60 * US_PER_S);
    CHECK_INT(house.store.loads, 1);
    CHECK(house.store.sinks >= 2 && house.store.sinks <= 20);
    CHECK_NEAR(house.store.hours, 20.0 / 60, 0.02);
    int before = house.store.sinks;
    for (int i = 0; i < 5; i++) { /* in the same minute: told at once, then not before the next */
        visit(&stage, "2026-11-20T15:00:00+01:00", true);
        stage.event->id.bytes[1] = (uint8_t)i;
        judge(&house, &stage);
        stage_close(&stage);
    }
    CHECK_INT(house.store.sinks, before + 1);
    CHECK(house.store.cells >= 2); /* the door, and the camera as a whole */
    int cells = house.store.cells;
    house_close(&house);
    CHECK_INT(house.store.sinks, before + 2); /* what was not told yet */
    CHECK(house.store.cells > cells);
    CHECK_STR(house.store.camera, "porch");
}

static void without_a_baseline_nothing_is_usual(void **state)
{
    (void)state;
    static struct house house;
    house_open(&house, "baseline: {enabled: false}\n");
    struct stage stage;
    visit(&stage, DAY, true);
    risk_watched(house.risk, "porch", 0, 60 * US_PER_S);
    judge(&house, &stage);
    CHECK_INT(house.store.loads, 0);
    AUTO(window_free) struct window *window = window_of(stage.event);
    CHECK(!window->context.usual && !window->context.household && !window->context.offsets);
    stage_close(&stage);
    house_close(&house);
    CHECK_INT(house.store.sinks, 0);
}

static void many_cameras_are_judged(void **state)
{
    (void)state;
    static struct house house;
    house_open(&house, "away: never\n");
    for (int i = 0; i < 300; i++) {
        struct stage stage;
        visit(&stage, DAY, false);
        snprintf(stage.event->camera_name, OPT_NAME_BYTES, "camera %d", i);
        judge(&house, &stage);
        CHECK(stage.event->verdict.score > 0);
        stage_close(&stage);
    }
    CHECK_INT(house.store.loads, 128);
    house_close(&house);
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
        cmocka_unit_test(closed_events_leave_a_window),
        cmocka_unit_test(a_model_is_asked),
        cmocka_unit_test(urgent_is_asked_once_an_event),
        cmocka_unit_test(a_shadow_counts_and_changes_nothing),
        cmocka_unit_test(a_bad_shadow_is_refused),
        cmocka_unit_test(what_is_learned_is_kept),
        cmocka_unit_test(without_a_baseline_nothing_is_usual),
        cmocka_unit_test(many_cameras_are_judged),
    };
    return cmocka_run_group_tests(tests, in_berlin, NULL);
}
